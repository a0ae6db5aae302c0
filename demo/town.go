// Package demo makes Maple Grove, a town that does not exist, and plays a
// newcomer's first evening with Porchlight in it: the map, the houses and the
// people (Make), the doorbells' video (Clips), software passkeys for demo people
// (Bar) and the story through the real HTTP API (Play).
//
// Only `porchlight demo` links this package in; the serving code has no path to it.
package demo

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// LonLat is a place: longitude and latitude in degrees, WGS 84.
type LonLat [2]float64

// home is where the plan's origin lies: farmland in east central Illinois, in the
// middle of the S2 level 10 cell 880c57, with no settlement within some
// kilometres. The town, its county and everybody in it are made up.
var home = LonLat{-88.2850, 40.6640}

const metresPerLat = 111_132.0

func (p pt) lonLat() LonLat {
	k := metresPerLat * math.Cos(home[1]*math.Pi/180)
	return LonLat{round6(home[0] + p.X/k), round6(home[1] + p.Y/metresPerLat)}
}

func round6(v float64) float64 { return math.Round(v*1e6) / 1e6 }

func lonLats(ring []pt) []LonLat {
	out := make([]LonLat, len(ring))
	for i, p := range ring {
		out[i] = p.lonLat()
	}
	return out
}

// Town is Maple Grove. It is the same for the same seed.
type Town struct {
	Name, County, State string
	Seed                uint64
	Streets             []Street
	Houses              []House
	Agencies            []Agency
	Residents           []Resident

	lands, waters, works []area
	trees                []pt
	places               []place
}

// A House is a home with an address.
type House struct {
	Number  int
	Street  string // with its quarter: "N Elm Street"
	Door    LonLat // the front door
	Facing  float64
	ring    []pt
	garage  []pt
	onto    *Street
	doorway pt
}

// Address is the house's street address, "214 N Elm Street".
func (h House) Address() string { return fmt.Sprintf("%d %s", h.Number, h.Street) }

type place struct {
	Name, Kind string
	at         pt
}

// An Agency is a public body of the demo. The ORIs use counties that do not
// exist: Illinois has 102, Indiana 92.
type Agency struct {
	ORI, Name    string
	Kind         string // municipal, county or federal
	State        string
	Jurisdiction []LonLat // one closed ring
	People       []Person
}

// A Person is an officer of an agency or a person of the exchange.
type Person struct {
	Name, Email string
	Title       string
	Roles       []string // operator, moderator, auditor, requester, investigator, custodian, admin
}

// A Resident lives in a house and has cameras there. Nobody but the demo knows.
type Resident struct {
	Name    string
	House   int // index in Town.Houses
	Cameras []Camera
}

// A Camera looks out of a resident's house.
type Camera struct {
	Name    string
	At      LonLat
	Bearing float64 // degrees from north
}

// Make builds the town.
func Make(seed uint64) *Town {
	r := rand.New(rand.NewPCG(seed, 0x6d61706c65))
	t := &Town{Name: "Maple Grove", County: "Prairie County", State: "US-IL", Seed: seed,
		Streets: plan(), lands: lands(), waters: waters()}
	t.build()
	t.settle(r)
	t.plant(r)
	t.staff()
	t.people(r)
	return t
}

// build places what is not a home: shops, public buildings, the works.
func (t *Town) build() {
	east := pt{1, 0}
	put := func(name, kind string, c pt, w, d float64) {
		t.works = append(t.works, area{name, kind, rect(c, east, w, d)})
		if name != "" {
			t.places = append(t.places, place{name, kind, c})
		}
	}
	// Shop fronts in rows on Main Street, Prairie Avenue and around the square.
	row := func(from pt, dir pt, depth float64, widths ...float64) {
		for _, w := range widths {
			c := from.add(dir.mul(w / 2))
			along, d := dir, depth
			t.works = append(t.works, area{"", "shop", rect(c, along, w-0.4, d-math.Mod(w*3, 5))})
			from = from.add(dir.mul(w))
		}
	}
	north := pt{0, 1}
	row(pt{-23, 14}, north, 24, 9, 11, 8, 10, 12, 9, 10, 8)
	row(pt{-23, 115}, north, 24, 10, 9, 12, 11, 9, 10, 10)
	row(pt{23, 116}, north, 24, 12, 10, 9, 11, 10)
	row(pt{-23, -92}, north, 24, 11, 10, 12, 10, 9, 12)
	row(pt{23, -92}, north, 24, 10, 12, 9, 11, 10, 10)
	row(pt{40, 124}, east, 22, 11, 9, 12, 10)
	row(pt{138, 18}, north, 20, 10, 12, 11, 10, 12)
	row(pt{44, -20}, east, 22, 12, 10, 14, 9)
	row(pt{-44, -20}, pt{-1, 0}, 22, 10, 12, 11)
	row(pt{-44, 20}, pt{-1, 0}, 22, 12, 9, 10, 12)

	put("Town Hall", "civic", pt{60, 54}, 30, 20)
	t.works = append(t.works, area{"", "civic", rect(pt{60, 40}, east, 12, 8)})
	put("Police", "police", pt{-82, 122}, 28, 20)
	put("Fire Station", "civic", pt{-88, 188}, 30, 24)
	put("Library", "civic", pt{88, 190}, 26, 22)
	put("Post Office", "civic", pt{186, 18}, 22, 18)
	put("Maple Grove School", "school", pt{170, 540}, 74, 46)
	t.works = append(t.works, area{"", "school", rect(pt{222, 495}, east, 40, 52)}, area{"", "school", rect(pt{160, 502}, east, 22, 36)})
	put("Depot Museum", "civic", pt{-40, -142}, 34, 11)
	put("First Church", "church", pt{-178, 232}, 16, 30)
	put("St. Odile's", "church", pt{300, 132}, 15, 28)
	put("Grove Market", "shop", pt{300, -22}, 46, 26)
	put("Creekside Shelter", "civic", pt{-560, 268}, 14, 10)
	put("Fair Hall", "civic", pt{660, -70}, 60, 28)
	for i := range 3 {
		t.works = append(t.works, area{"", "barn", rect(pt{625 + float64(i)*24, -106}, east, 18, 12)})
	}
	t.works = append(t.works, area{"", "works", rect(pt{-180, -138}, east, 70, 22)}, area{"", "works", rect(pt{-90, -140}, east, 44, 24)},
		area{"", "works", rect(pt{410, -140}, east, 54, 16)})
	for i := range 6 { // the elevator's silos
		t.works = append(t.works, area{"", "silo", oval(pt{168 + float64(i%3)*15, -132 - float64(i/3)*14}, 6.8, 6.8, 0, 14)})
	}
	t.works = append(t.works, area{"", "works", rect(pt{222, -140}, east, 14, 20)})
	t.places = append(t.places, place{"Grain Co-op", "works", pt{186, -140}}, place{"Hartmann Hardware", "shop", pt{-23, 42}},
		place{"Corner Diner", "shop", pt{-22, 120}}, place{"Lindqvist Bakery", "shop", pt{23, 150}}, place{"Prairie Bank", "shop", pt{22, -30}},
		place{"Main Street Pharmacy", "shop", pt{-22, -50}}, place{"Gas", "shop", pt{420, 20}})
	t.works = append(t.works, area{"", "shop", rect(pt{420, 22}, east, 26, 14)})
	// Farmsteads among the fields.
	for _, c := range []pt{{-1180, 930}, {-700, 930}, {1225, 910}, {-1010, -300}, {-900, -700}, {760, -720}, {1180, -660}, {160, -960}} {
		t.works = append(t.works, area{"", "house", rect(c, east, 13, 10)}, area{"", "barn", rect(c.add(pt{30, 8}), east, 16, 26)},
			area{"", "silo", oval(c.add(pt{44, -12}), 4, 4, 0, 12)}, area{"", "barn", rect(c.add(pt{6, 28}), east, 22, 12)})
	}
	for _, a := range t.lands {
		if a.Name != "" && a.Kind != "school" {
			t.places = append(t.places, place{a.Name, a.Kind, centre(a.ring)})
		}
	}
}

// settle puts houses on lots along the residential streets, wherever a lot is
// free of streets, water, rails, parks and neighbours.
func (t *Town) settle(r *rand.Rand) {
	var taken [][]pt
	for _, w := range t.works {
		taken = append(taken, w.ring)
	}
	creek, rail := creekLine(), railLine()
	grounds := slices.DeleteFunc(append(slices.Clone(t.lands), t.waters...), func(a area) bool {
		return a.Kind == "corn" || a.Kind == "soy" || a.Kind == "hay" || a.Kind == "wood"
	})
	free := func(ring []pt) bool {
		for _, p := range append(ring, centre(ring)) {
			if math.Abs(p.X) > rim-90 || toLine(p, creek) < 26 || toLine(p, rail) < 24 {
				return false
			}
			for i := range t.Streets {
				if toLine(p, t.Streets[i].line) < t.Streets[i].half()+5 {
					return false
				}
			}
			for _, a := range grounds {
				if inside(p, a.ring) {
					return false
				}
			}
		}
		for _, o := range taken {
			if o[0].sub(ring[0]).len() < 120 && near(ring, o, 4.5) {
				return false
			}
		}
		return true
	}
	for i := range t.Streets {
		s := &t.Streets[i]
		if !s.homes {
			continue
		}
		for _, side := range []float64{1, -1} {
			walked, next := 0.0, 9.0
			used := map[int]bool{}
			for k := 0; k+1 < len(s.line); k++ {
				a, b := s.line[k], s.line[k+1]
				dir, length := b.sub(a).unit(), b.sub(a).len()
				for ; next < walked+length; next += 24 + 7*r.Float64() {
					at := a.add(dir.mul(next - walked))
					if math.Abs(at.X) > 1210 || at.Y > 900 || at.Y < -880 {
						continue
					}
					w, d := 10+5*r.Float64(), 8+3.5*r.Float64()
					out := dir.left().mul(side)
					setback := s.half() + 8 + 3*r.Float64()
					ring := rect(at.add(out.mul(setback+d/2)), dir, w, d)
					garageSide := dir.mul(float64(1-2*r.IntN(2)) * (w/2 - 2.2))
					garage := rect(at.add(out.mul(setback+d+7)).add(garageSide), dir, 6, 6.5)
					if !free(ring) {
						continue
					}
					taken = append(taken, ring)
					h := House{Street: s.Name, ring: ring, onto: s, doorway: at.add(out.mul(setback))}
					h.Door = h.doorway.lonLat()
					h.Facing = math.Mod(math.Atan2(-out.X, -out.Y)*180/math.Pi+360, 360)
					if r.Float64() < 0.55 && free(garage) {
						h.garage = garage
						taken = append(taken, garage)
					}
					if r.Float64() < 0.4 { // a wing at the back makes an L
						v := ring[1].sub(ring[0]).unit().mul(w * 0.45)
						q := out.mul(3.5)
						if side > 0 {
							ring = []pt{ring[0], ring[1], ring[2].add(q), ring[2].sub(v).add(q), ring[2].sub(v), ring[3]}
						} else {
							ring = []pt{ring[0].add(q), ring[0].add(v).add(q), ring[0].add(v), ring[1], ring[2], ring[3]}
						}
						h.ring = ring
					}
					h.Number, h.Street = number(s, at, next, side)
					for used[h.Number] {
						h.Number += 2
					}
					used[h.Number] = true
					t.Houses = append(t.Houses, h)
				}
				walked += length
			}
		}
	}
}

// number gives a lot its house number: a hundred to the block, even numbers on
// the right hand, counted from the crossing on the grid and from the street's
// start elsewhere.
func number(s *Street, at pt, walked, side float64) (int, string) {
	dist, name := walked, s.Name
	if s.grid {
		dist = at.Y
		quarter := "N "
		if !s.runsNorth() {
			dist, quarter = at.X, "E "
		}
		if dist < 0 {
			quarter = map[string]string{"N ": "S ", "E ": "W "}[quarter]
		}
		dist, name = math.Abs(dist), quarter+name
	}
	block := blockX
	if s.grid && s.runsNorth() {
		block = blockY
	}
	n := 100*(1+int(dist/block)) + 2*int(math.Mod(dist, block)/block*24) + 1
	if side < 0 {
		n++
	}
	return n, name
}

// plant sets trees in the woods, the park, the square and along streets.
func (t *Town) plant(r *rand.Rand) {
	var solid [][]pt
	for _, h := range t.Houses {
		solid = append(solid, h.ring)
		if h.garage != nil {
			solid = append(solid, h.garage)
		}
	}
	for _, w := range t.works {
		solid = append(solid, w.ring)
	}
	ok := func(p pt) bool {
		for i := range t.Streets {
			if toLine(p, t.Streets[i].line) < t.Streets[i].half()+1.6 {
				return false
			}
		}
		for _, w := range t.waters {
			if inside(p, w.ring) {
				return false
			}
		}
		if math.Abs(p.Y-railAt(p.X)) < 8 {
			return false
		}
		for _, s := range solid {
			if c := centre(s); c.sub(p).len() < 45 && near([]pt{p, p.add(pt{.1, 0}), p.add(pt{0, .1})}, s, 1.5) {
				return false
			}
		}
		return true
	}
	scatter := func(ring []pt, count int) {
		x0, x1 := span(ring, pt{1, 0})
		y0, y1 := span(ring, pt{0, 1})
		for range count {
			if p := (pt{mix(x0, x1, r.Float64()), mix(y0, y1, r.Float64())}); inside(p, ring) && ok(p) {
				t.trees = append(t.trees, p)
			}
		}
	}
	for _, a := range t.lands {
		switch a.Kind {
		case "wood":
			scatter(a.ring, 900)
		case "park":
			scatter(a.ring, 160)
		case "cemetery":
			scatter(a.ring, 60)
		}
	}
	for _, h := range t.Houses {
		in := centre(h.ring).sub(h.doorway).unit()
		for range 2 + r.IntN(3) {
			p := h.doorway.add(in.mul(r.Float64()*34 - 7)).add(in.left().mul(r.Float64()*22 - 11))
			if r.Float64() < 0.8 && ok(p) {
				t.trees = append(t.trees, p)
			}
		}
	}
}

// staff founds the agencies and the exchange's own people.
func (t *Town) staff() {
	square := func(x0, y0, x1, y1 float64) []LonLat {
		return lonLats([]pt{{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}, {x0, y0}})
	}
	city := []pt{{-1285, -60}, {-1240, 20}, {-1240, 540}, {-1100, 640}, {-520, 620}, {-470, 905}, {-30, 905}, {-30, 700}, {500, 690}, {660, 760},
		{760, 780}, {900, 900}, {1090, 880}, {1180, 690}, {1255, 560}, {1255, -260}, {650, -250}, {650, -450}, {480, -480}, {430, -860}, {-60, -870}, {-320, -640}, {-560, -210}, {-1100, -200}, {-1285, -60}}
	t.Agencies = []Agency{
		{ORI: "IL1030100", Name: "Maple Grove Police Department", Kind: "municipal", State: t.State, Jurisdiction: lonLats(city), People: []Person{
			{Name: "Renee Okafor", Title: "Chief", Roles: []string{"admin"}},
			{Name: "Daniel Hoekstra", Title: "Detective", Roles: []string{"requester", "investigator"}},
			{Name: "Bernadette Osei", Title: "Sergeant, second officer", Roles: []string{"investigator", "requester"}},
			{Name: "Ana Lucía Ferrer", Title: "Evidence custodian", Roles: []string{"custodian"}},
		}},
		{ORI: "IL1030000", Name: "Prairie County Sheriff's Office", Kind: "county", State: t.State, Jurisdiction: square(-9500, -12500, 12500, 9500), People: []Person{
			{Name: "Walter Brandt", Title: "Chief deputy", Roles: []string{"admin"}},
			{Name: "Thuy Le", Title: "Evidence custodian", Roles: []string{"custodian", "requester"}},
			{Name: "Gunnar Falk", Title: "Deputy", Roles: []string{"investigator"}},
		}},
		{ORI: "ILFEO0500", Name: "Federal Enforcement Office, Region 5", Kind: "federal", State: t.State, Jurisdiction: square(-60000, -60000, 60000, 60000), People: []Person{
			{Name: "Morgan Ellery", Title: "Special agent", Roles: []string{"admin", "requester"}},
		}},
		{ORI: "IN0930100", Name: "Larkspur Police Department", Kind: "municipal", State: "US-IN", Jurisdiction: square(65000, -2500, 70000, 2500), People: []Person{
			{Name: "Della Crane", Title: "Chief, across the state line", Roles: []string{"admin"}},
			{Name: "Ruben Ostrander", Title: "Detective, across the state line", Roles: []string{"investigator"}},
		}},
	}
	for i := range t.Agencies {
		for j := range t.Agencies[i].People {
			t.Agencies[i].People[j].Email = email(t.Agencies[i].People[j].Name, []string{"police.maplegrove.example", "sheriff.prairiecounty.example", "feo.example", "police.larkspur.example"}[i])
		}
	}
}

// Exchange lists the people who belong to no agency: operator, moderator, auditor.
func (t *Town) Exchange() []Person {
	out := []Person{
		{Name: "Ines Caldwell", Title: "Operator, Maple Grove IT", Roles: []string{"operator"}},
		{Name: "Josephine Park", Title: "Moderator, public library", Roles: []string{"moderator"}},
		{Name: "Samuel Adeyemi", Title: "Auditor, county board", Roles: []string{"auditor"}},
	}
	for i := range out {
		out[i].Email = email(out[i].Name, "maplegrove.example")
	}
	return out
}

func email(name, host string) string {
	plain := strings.NewReplacer("í", "i", "é", "e", "ñ", "n").Replace(strings.ToLower(name))
	return strings.ReplaceAll(plain, " ", ".") + "@" + host
}

// people moves residents into the houses; one house in four has a doorbell camera,
// some a second one.
func (t *Town) people(r *rand.Rand) {
	given := strings.Fields(`Maria Jan Aisha Wei Olga Kwame Priya Liam Noor Tomasz Grace Diego Hana Samir Ingrid Chidi Lucia Ravi Emma Yusuf Marisol Piotr
		Leila Jonas Mei Thandi Carlos Anneke Omar Sofia Kenji Fatima Erik Nadia Luis Greta Arjun Rosa Viktor Amara Hugo Linh Esther Pavel Zainab Otto Elena Kofi Ruth Mateo`)
	family := strings.Fields(`Alvarez deVries Khan Chen Petrov Mensah Sharma Murphy Haddad Nowak Lindqvist Moreno Kim Rahman Olsen Eze Rossi Patel Baker Demir Torres Wójcik
		Farahani Weber Lin Dlamini Romero Visser Hassan Costa Tanaka Diallo Svensson Ivanova Ortega Schmidt Menon Medina Novak Obi Lambert Tran Cohen Dvořák Bello Krause Popescu Asante Fischer Vega`)
	for i := range t.Houses {
		last := strings.ReplaceAll(family[r.IntN(len(family))], "deVries", "de Vries")
		res := Resident{Name: given[r.IntN(len(given))] + " " + last, House: i}
		h := t.Houses[i]
		if r.Float64() < 0.25 {
			res.Cameras = append(res.Cameras, Camera{"Front door", h.Door, math.Round(h.Facing)})
			if r.Float64() < 0.3 {
				res.Cameras = append(res.Cameras, Camera{"Driveway", h.ring[1].lonLat(), math.Round(math.Mod(h.Facing+25, 360))})
			}
		}
		t.Residents = append(t.Residents, res)
	}
}
