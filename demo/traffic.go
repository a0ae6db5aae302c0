package demo

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"porchlight/internal/streets"
	"porchlight/plate"
)

// A Spot is where a plate camera of an agency stands.
type Spot struct {
	ORI, Name string
	where     onRoad
}

// onRoad is a place on one of the two roads through the town: metres north of
// the crossing on Main Street, or metres east of it on Prairie Avenue.
type onRoad struct {
	prairie bool
	at      float64
}

func (o onRoad) lonLat() LonLat {
	if o.prairie {
		return pt{o.at, 0}.lonLat()
	}
	return pt{0, o.at}.lonLat()
}

// stateLine is where Larkspur lies: Prairie Avenue goes on as the highway to it.
const stateLine = 66_200

// Spots are the town's plate cameras.
func (t *Town) Spots() []Spot {
	main, prairie := func(at float64) onRoad { return onRoad{false, at} }, func(at float64) onRoad { return onRoad{true, at} }
	police, sheriff, larkspur := t.Agencies[0].ORI, t.Agencies[1].ORI, t.Agencies[3].ORI
	return []Spot{
		{police, "Main St / Jefferson Ave", main(2 * blockY)},
		{police, "Main St / Harrison Ave", main(5 * blockY)},
		{police, "Main St / Mill St", main(-2.5 * blockY)},
		{police, "Prairie Ave / Hickory Hill Rd", prairie(-815)},
		{police, "Prairie Ave / Bluestem Dr", prairie(715)},
		{sheriff, "Main St / County Rd 1200 N", main(985)},
		{sheriff, "Main St at the southern county line", main(-1250)},
		{sheriff, "Prairie Ave / County Rd 900 E", prairie(1272)},
		{larkspur, "State Line Rd, from Illinois", prairie(stateLine)},
		{larkspur, "State Line Rd / Court St", prairie(stateLine + 900)},
	}
}

// A vehicle drives in the town. Its plate is longer than any that a state of the
// United States issues, and says what it is.
type vehicle struct {
	plate string
	plate.Vehicle
	home, work onRoad
}

// plateNumber is a plate of the demo.
func plateNumber(digits int) string { return fmt.Sprintf("DEMO %05d", digits) }

// A passing is a vehicle going by a camera.
type passing struct {
	vehicle
	spot    int // index in Town.Spots
	at      time.Time
	heading int
	dark    bool // the camera lights with infrared
}

// picture is what the camera at spot keeps of p.
func (p passing) picture(spot Spot) streets.Rear {
	return streets.Rear{Seed: uint64(p.at.UnixMilli())<<8 | uint64(p.spot), Plate: p.plate, Type: p.Type, Color: p.Color, Infrared: p.dark,
		Label: strings.ToUpper(spot.Name) + "   " + p.at.Format("2006-01-02 15:04:05")}
}

// vehicles are the residents' and those who only pass through, the same for the
// same seed.
func (t *Town) vehicles() []vehicle {
	r := rand.New(rand.NewPCG(t.Seed, 0x706c617465))
	far := []onRoad{{false, 1500}, {false, -1500}, {true, -1500}, {true, 1500}, {true, stateLine + 1500}}
	near := []onRoad{{false, 60}, {false, -130}, {false, 640}, {true, 300}, {true, -180}, {true, 420}}
	seen := map[int]bool{}
	for _, n := range wanted {
		seen[n.digits] = true
	}
	one := func(home, work onRoad) vehicle {
		digits := 10000 + r.IntN(90000)
		for seen[digits] {
			digits = 10000 + r.IntN(90000)
		}
		seen[digits] = true
		v := vehicle{plate: plateNumber(digits), home: home, work: work}
		v.Color = colors[r.IntN(len(colors))]
		v.dress([]string{"car", "car", "car", "suv", "suv", "van"}[r.IntN(6)], v.Color)
		return v
	}
	pick := func(from []onRoad) onRoad { return from[r.IntN(len(from))] }
	var all []vehicle
	for _, h := range t.Houses {
		if r.Float64() > .6 {
			continue
		}
		home := onRoad{true, h.doorway.X}
		if math.Abs(h.doorway.X) < math.Abs(h.doorway.Y) {
			home = onRoad{false, h.doorway.Y}
		}
		work := pick(near)
		if r.Float64() < .5 {
			work = pick(far)
		}
		all = append(all, one(home, work))
	}
	for range 60 {
		all = append(all, one(pick(far), pick(far)))
	}
	return all
}

var colors = []string{"black", "white", "gray", "silver", "red", "blue", "green", "brown"}

func (v *vehicle) dress(kind, color string) { v.Type, v.Color = kind, color }

// A wantedPlate is a vehicle that somebody looks for.
type wantedPlate struct {
	digits      int
	kind, color string
}

// wanted are the story's; the first is the dark sedan of the clips.
var wanted = []wantedPlate{{26194, "car", "black"}, {40933, "suv", "silver"}, {51807, "van", "white"}, {66245, "car", "red"}, {77120, "car", "blue"}}

// sought is one of wanted as it drives.
func sought(i int) vehicle {
	v := vehicle{plate: plateNumber(wanted[i].digits)}
	v.dress(wanted[i].kind, wanted[i].color)
	return v
}

// seconds is how long it takes from the crossing to a place on a road: 12 m/s in
// town, 25 outside; negative to the south and west.
func seconds(at float64) float64 {
	inside := math.Min(math.Abs(at), rim)
	return math.Copysign(inside/12+(math.Abs(at)-inside)/25, at)
}

// trip is where a vehicle goes by cameras on its way, in order.
func trip(spots []Spot, v vehicle, from, to onRoad, start time.Time) []passing {
	var out []passing
	leg := func(prairie bool, a, b float64, start time.Time) time.Time {
		heading := map[bool]int{true: 90, false: 0}[prairie]
		if b < a {
			heading += 180
		}
		for i, s := range spots {
			if s.where.prairie == prairie && s.where.at > math.Min(a, b) && s.where.at < math.Max(a, b) {
				after := math.Abs(seconds(s.where.at) - seconds(a))
				at := start.Add(time.Duration(after * float64(time.Second))).Truncate(time.Millisecond)
				out = append(out, passing{vehicle: v, spot: i, at: at, heading: heading, dark: at.Hour() < 7 || at.Hour() > 16})
			}
		}
		return start.Add(time.Duration(math.Abs(seconds(b)-seconds(a)) * float64(time.Second)))
	}
	if from.prairie == to.prairie {
		leg(from.prairie, from.at, to.at, start)
	} else {
		leg(to.prairie, 0, to.at, leg(from.prairie, from.at, 0, start))
	}
	slices.SortFunc(out, func(a, b passing) int { return a.at.Compare(b.at) })
	return out
}

// traffic is what goes by the cameras from so many days before now until now,
// oldest first: to work and back, errands, and through.
func (t *Town) traffic(now time.Time, days int) []passing {
	r := rand.New(rand.NewPCG(t.Seed, 0x74726166))
	spots := t.Spots()
	var out []passing
	for day := -days; day <= 0; day++ {
		y, m, d := now.AddDate(0, 0, day).Date()
		at := func(hour float64) time.Time {
			return time.Date(y, m, d, 0, 0, 0, 0, now.Location()).Add(time.Duration(hour * float64(time.Hour)))
		}
		weekend := at(12).Weekday() == time.Saturday || at(12).Weekday() == time.Sunday
		for _, v := range t.vehicles() {
			works, leaves, stays, errand, shop := r.Float64(), r.NormFloat64(), r.NormFloat64(), r.Float64(), 10+9*r.Float64()
			if works < .8 && !weekend {
				out = append(out, trip(spots, v, v.home, v.work, at(7.6+.8*leaves))...)
				out = append(out, trip(spots, v, v.work, v.home, at(16.8+.9*stays))...)
			}
			if errand < .35 || errand < .6 && weekend {
				market := onRoad{true, 300}
				out = append(out, trip(spots, v, v.home, market, at(shop))...)
				out = append(out, trip(spots, v, market, v.home, at(shop+.7))...)
			}
		}
	}
	out = slices.DeleteFunc(out, func(p passing) bool { return p.at.After(now) })
	slices.SortStableFunc(out, func(a, b passing) int { return cmp.Compare(a.at.UnixMilli(), b.at.UnixMilli()) })
	return out
}
