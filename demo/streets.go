package demo

import "math"

// A Street is a named way on the plan.
type Street struct {
	Name string
	Kind string // primary, secondary, residential, service, track or path
	line []pt
	// homes says that lots face this street.
	homes bool
	// zero is where house numbers start: the offset in metres of the first vertex.
	zero float64
	// grid streets carry N, S, E or W before the name, by side of the crossing.
	grid bool
}

// An area is a named piece of land or water.
type area struct {
	Name, Kind string
	ring       []pt
}

func (s Street) runsNorth() bool {
	d := s.line[len(s.line)-1].sub(s.line[0])
	return math.Abs(d.Y) > math.Abs(d.X)
}

// half is half the width of the roadway in metres.
func (s Street) half() float64 {
	switch s.Kind {
	case "primary":
		return 6.5
	case "secondary":
		return 5
	case "path", "track":
		return 1.5
	case "service":
		return 2.5
	}
	return 4.2
}

const (
	blockX = 120.0 // metres between the grid's north-south streets
	blockY = 105.0 // and between its avenues
	rim    = 1300.0
)

// railAt is the railway's northing at an easting: it enters from the south-west
// and passes just below the grid.
func railAt(x float64) float64 { return -172 + 0.035*x }

// creekLine is Sugar Creek, from the north-west corner to the southern rim.
func creekLine() []pt {
	return curve(18, pt{-1330, 905}, pt{-1190, 790}, pt{-1075, 800}, pt{-960, 690}, pt{-850, 560}, pt{-745, 500},
		pt{-700, 380}, pt{-745, 270}, pt{-665, 165}, pt{-680, 60}, pt{-615, -40}, pt{-660, -150}, pt{-600, -255},
		pt{-520, -340}, pt{-545, -470}, pt{-470, -570}, pt{-360, -640}, pt{-345, -760}, pt{-255, -850}, pt{-240, -980}, pt{-160, -1110})
}

// plan draws the streets. It is fixed: the seed moves houses, trees and people,
// not the town.
func plan() []Street {
	var s []Street
	way := func(name, kind string, homes bool, line []pt) {
		s = append(s, Street{Name: name, Kind: kind, homes: homes, line: line})
	}
	cross := func(name, kind string, homes bool, a, b pt) {
		zero := a.X
		if a.X == b.X {
			zero = a.Y
		}
		s = append(s, Street{Name: name, Kind: kind, homes: homes, line: curve(40, a, b), zero: zero, grid: true})
	}

	// The grid of 1871: nine streets by eight avenues.
	cross("Main Street", "primary", true, pt{0, -rim}, pt{0, rim})
	for i, n := range []string{"Sycamore Street", "Oak Street", "Elm Street", "Walnut Street", "", "Cherry Street", "Locust Street", "Linden Street", "Mulberry Street"} {
		x := float64(i-4) * blockX
		south, north := -blockY, 5*blockY
		switch n {
		case "":
			continue
		case "Walnut Street", "Locust Street": // the level crossings beside Main
			south = -4 * blockY
		case "Cherry Street", "Linden Street", "Mulberry Street":
			north = 4 * blockY
		}
		cross(n, "residential", true, pt{x, south}, pt{x, north})
	}
	cross("Prairie Avenue", "secondary", true, pt{-rim, 0}, pt{rim, 0})
	for i, n := range []string{"Depot Street", "", "Washington Avenue", "Jefferson Avenue", "Adams Avenue", "Lincoln Avenue", "Harrison Avenue"} {
		y := float64(i-1) * blockY
		west, east := -4*blockX, 4*blockX
		switch n {
		case "":
			continue
		case "Harrison Avenue":
			east = 0
		case "Lincoln Avenue":
			east = 5 * blockX
		}
		cross(n, "residential", n != "Depot Street", pt{west, y}, pt{east, y})
	}
	// South of the railway.
	cross("Mill Street", "residential", true, pt{-2.2 * blockX, -2.5 * blockY}, pt{4 * blockX, -2.5 * blockY})
	cross("Clay Street", "residential", true, pt{-1.6 * blockX, -4 * blockY}, pt{4 * blockX, -4 * blockY})
	cross("Foundry Street", "residential", true, pt{4 * blockX, -2.5 * blockY}, pt{4 * blockX, -4 * blockY})
	way("Willow Bend", "residential", true, curve(14, pt{0, -5.4 * blockY}, pt{-90, -575}, pt{-190, -590}, pt{-262, -530}, pt{-275, -420}, pt{-264, -2.5 * blockY}))
	way("Heron Lane", "residential", true, curve(14, pt{0, -740}, pt{80, -735}, pt{190, -690}, pt{300, -700}, pt{370, -640}, pt{352, -540}, pt{360, -4 * blockY}))
	way("Kingfisher Court", "residential", true, curve(12, pt{300, -700}, pt{318, -790}, pt{390, -835}))

	// Hickory Hills, west of the creek.
	way("Hickory Hill Road", "residential", true, curve(14, pt{-1010, 0}, pt{-1002, 110}, pt{-1060, 230}, pt{-1030, 350}, pt{-930, 420}, pt{-850, 400}, pt{-815, 300}, pt{-845, 190}, pt{-830, 90}, pt{-815, 0}))
	way("Fox Hollow Drive", "residential", true, curve(14, pt{-1060, 230}, pt{-1150, 255}, pt{-1210, 350}, pt{-1180, 460}, pt{-1085, 500}, pt{-1010, 470}, pt{-1030, 350}))
	way("Fawn Court", "residential", true, curve(12, pt{-1002, 110}, pt{-1090, 92}, pt{-1165, 120}))
	way("Bur Oak Lane", "residential", true, curve(12, pt{-845, 190}, pt{-915, 215}, pt{-960, 275}, pt{-930, 345}))
	way("Shagbark Circle", "residential", true, curve(12, pt{-910, 0}, pt{-905, -80}, pt{-960, -150}, pt{-1050, -140}, pt{-1085, -70}, pt{-1065, 0}))

	// Bluestem Meadows, north-east, 1990s.
	way("Bluestem Drive", "residential", true, curve(14, pt{600, 4 * blockY}, pt{680, 432}, pt{770, 490}, pt{880, 500}, pt{985, 430}, pt{1010, 310}, pt{940, 210}, pt{820, 185}, pt{730, 120}, pt{715, 0}))
	way("Meadowlark Lane", "residential", true, curve(14, pt{770, 490}, pt{765, 590}, pt{830, 690}, pt{945, 720}, pt{1060, 670}, pt{1105, 560}, pt{1075, 460}, pt{985, 430}))
	way("Coneflower Lane", "residential", true, curve(14, pt{820, 185}, pt{785, 270}, pt{800, 370}, pt{880, 400}, pt{925, 330}, pt{940, 210}))
	way("Goldenrod Court", "residential", true, curve(12, pt{945, 720}, pt{960, 800}, pt{1030, 850}))
	way("Switchgrass Way", "residential", true, curve(12, pt{1010, 310}, pt{1090, 290}, pt{1150, 200}, pt{1130, 95}, pt{1115, 0}))
	way("Compass Court", "residential", true, curve(12, pt{765, 590}, pt{690, 620}, pt{640, 690}))

	// North end and the school.
	way("School Street", "residential", true, []pt{{0, 640}, {120, 640}, {240, 640}, {360, 640}, {470, 600}, {540, 520}, {600, 4 * blockY}})
	way("Orchard Lane", "residential", true, curve(14, pt{0, 690}, pt{-110, 695}, pt{-230, 740}, pt{-350, 735}, pt{-400, 650}, pt{-360, 5 * blockY}))
	way("Pippin Court", "residential", true, curve(12, pt{-230, 740}, pt{-245, 830}, pt{-180, 890}))

	// East: works and fairground.
	way("Elevator Road", "service", false, []pt{{120, -105}, {128, -150}, {300, -138}, {480, -131}, {480, -105}})
	way("Fairground Road", "residential", true, curve(20, pt{4 * blockX, -2.5 * blockY}, pt{600, -262}, pt{760, -230}, pt{1000, -225}, pt{1180, -225}, pt{1240, -140}, pt{1240, 0}))

	// Ways on foot.
	way("Creek Trail", "path", false, curve(16, pt{-560, 0}, pt{-590, 90}, pt{-575, 200}, pt{-630, 290}, pt{-610, 400}, pt{-650, 490}, pt{-560, 520}, pt{-480, 525}))
	way("", "path", false, curve(10, pt{-575, 200}, pt{-530, 205}, pt{-480, 210}))
	// The section roads among the fields.
	way("County Road 1200 N", "track", false, []pt{{-rim, 985}, {rim, 985}})
	way("County Road 900 E", "track", false, []pt{{1272, -1080}, {1272, rim}})
	return s
}

// lands are the parks, grounds and fields, in drawing order.
func lands() []area {
	fields := func() (out []area) {
		kinds := []string{"corn", "soy", "corn", "hay"}
		i := 0
		for _, r := range [][4]float64{
			{-1300, 560, -900, 970}, {-880, 780, -480, 970}, {-460, 920, -20, 970}, {20, 720, 420, 970}, {440, 760, 700, 970},
			{1110, 880, 1262, 970}, {1180, 300, 1262, 860}, {-1300, -420, -720, -180}, {-1300, -760, -620, -440}, {-1300, -1060, -420, -780},
			{20, -1060, 280, -860}, {520, -800, 900, -460}, {920, -800, 1262, -260}, {460, -1060, 1262, -820}, {-1290, 20, -1200, 250},
		} {
			ring := []pt{{r[0], r[1]}, {r[2], r[1]}, {r[2], r[3]}, {r[0], r[3]}}
			out = append(out, area{"", kinds[i%len(kinds)], ring})
			i++
		}
		return out
	}()
	creek := creekLine()
	park := strip(creek[22:43], func(i int) float64 { return 62 + 14*math.Sin(float64(i)*0.9) })
	return append(fields,
		area{"", "wood", strip(creek[:23], func(i int) float64 { return 34 + 9*math.Sin(float64(i)*1.7) })},
		area{"", "wood", strip(creek[42:], func(i int) float64 { return 36 + 10*math.Sin(float64(i)*1.3) })},
		area{"Creekside Park", "park", park},
		area{"Town Square", "park", []pt{{10, 10}, {110, 10}, {110, 95}, {10, 95}}},
		area{"Maple Grove School", "school", []pt{{30, 438}, {468, 438}, {468, 560}, {400, 622}, {30, 622}}},
		area{"", "pitch", oval(pt{340, 522}, 62, 34, 0.06, 40)},
		area{"", "pitch", []pt{{52, 545}, {130, 545}, {130, 612}, {52, 612}}},
		area{"Fairground", "park", []pt{{600, -12}, {1180, -12}, {1180, -118}, {600, -138}}},
		area{"", "pitch", oval(pt{920, -68}, 160, 42, 0.01, 48)},
		area{"Grove Hill Cemetery", "cemetery", []pt{{500, -290}, {590, -290}, {640, -258}, {640, -430}, {500, -430}}},
		area{"Grain Co-op", "industry", []pt{{125, -120}, {480, -120}, {480, -150}, {125, -166}}},
		area{"Maple Grove Works", "industry", []pt{{-240, -118}, {-20, -118}, {-20, -164}, {-240, -172}}},
	)
}

// waters are the creek and two ponds.
func waters() []area {
	return []area{
		{"Sugar Creek", "stream", strip(creekLine(), func(i int) float64 { return 5.5 + 1.6*math.Sin(float64(i)*0.8) + float64(i)*0.02 })},
		{"Mill Pond", "pond", curve(6, pt{-770, 395}, pt{-792, 350}, pt{-782, 300}, pt{-760, 320}, pt{-735, 365}, pt{-742, 400}, pt{-770, 395})},
		{"Meadow Pond", "pond", curve(8, pt{1130, 700}, pt{1165, 640}, pt{1235, 650}, pt{1245, 735}, pt{1190, 790}, pt{1140, 765}, pt{1130, 700})},
	}
}

func railLine() []pt {
	return []pt{{-rim - 30, railAt(-rim - 30)}, {-500, railAt(-500)}, {0, railAt(0)}, {500, railAt(500)}, {rim + 30, railAt(rim + 30)}}
}
