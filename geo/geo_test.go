package geo

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func ring(coords string) []byte {
	return []byte(`{"type":"Polygon","coordinates":[[` + coords + `]]}`)
}

func mustParse(t *testing.T, coords string) Polygon {
	t.Helper()
	p, err := ParsePolygon(ring(coords))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func square(west, south, side float64) string {
	return fmt.Sprintf("[%[1]v,%[2]v],[%[3]v,%[2]v],[%[3]v,%[4]v],[%[1]v,%[4]v],[%[1]v,%[2]v]", west, south, west+side, south+side)
}

func TestParseRefuses(t *testing.T) {
	many := strings.Repeat("[0,0],", 1e5)
	for name, c := range map[string]struct {
		in   string
		want error
	}{
		"nothing":            {"", ErrSyntax},
		"null":               {"null", ErrSyntax},
		"not json":           {"POLYGON((0 0))", ErrSyntax},
		"point":              {`{"type":"Point","coordinates":[[[0,0]]]}`, ErrSyntax},
		"feature":            {`{"type":"Feature","geometry":null}`, ErrSyntax},
		"extra field":        {`{"type":"Polygon","coordinates":[[]],"crs":1}`, ErrSyntax},
		"two documents":      {string(ring(square(0, 0, 1))) + "{}", ErrSyntax},
		"hole":               {`{"type":"Polygon","coordinates":[[],[]]}`, ErrRings},
		"no ring":            {`{"type":"Polygon","coordinates":[]}`, ErrRings},
		"empty ring":         {string(ring("")), ErrTooFew},
		"line":               {string(ring("[0,0],[1,1],[0,0]")), ErrTooFew},
		"open":               {string(ring("[0,0],[1,0],[1,1],[0,1]")), ErrOpen},
		"altitude":           {string(ring("[0,0,5],[1,0,5],[1,1,5],[0,0,5]")), ErrPosition},
		"null position":      {string(ring("[0,null],[1,0],[1,1],[0,0]")), ErrPosition},
		"infinite":           {string(ring("[1e999,0],[1,0],[1,1],[0,0]")), ErrPosition},
		"text position":      {string(ring(`["0",0],[1,0],[1,1],[0,0]`)), ErrPosition},
		"longitude":          {string(ring("[0,0],[181,0],[1,1],[0,0]")), ErrRange},
		"latitude":           {string(ring("[0,0],[1,86],[1,1],[0,0]")), ErrRange},
		"doubled corner":     {string(ring("[0,0],[1,0],[1,0],[1,1],[0,0]")), ErrDegenerate},
		"corner under 1 cm":  {string(ring("[0,0],[1,0],[1.00000001,0],[1,1],[0,0]")), ErrDegenerate},
		"spike":              {string(ring("[0,0],[2,0],[1,0],[1,1],[0,0]")), ErrDegenerate},
		"all in line":        {string(ring("[0,0],[1,0],[2,0],[0,0]")), ErrDegenerate},
		"bow tie":            {string(ring("[0,0],[1,1],[1,0],[0,1],[0,0]")), ErrSelfCrossing},
		"touches itself":     {string(ring("[0,0],[4,0],[4,4],[2,0],[0,4],[0,0]")), ErrSelfCrossing},
		"overlapping edges":  {string(ring("[0,0],[4,0],[4,1],[3,0],[1,0],[0,1],[0,0]")), ErrSelfCrossing},
		"antimeridian":       {string(ring("[179,0],[-179,0],[-179,1],[179,1],[179,0]")), ErrAntimeridian},
		"very wide":          {string(ring("[0,0],[100,0],[100,1],[0,0]")), ErrTooWide},
		"too many points":    {string(ring(many + "[0,0]")), ErrTooMany},
		"501 corners":        {string(ring(polygonOf(501))), ErrTooMany},
		"many bytes":         {string(ring(square(0, 0, 1))) + strings.Repeat(" ", MaxBytes), ErrTooMany},
		"deep nesting":       {strings.Repeat("[", 5e4), ErrTooMany},
		"many small garbage": {`{"type":"Polygon","coordinates":[[` + strings.Repeat("[],", 400) + `[]]]}`, ErrPosition},
	} {
		if p, err := ParsePolygon([]byte(c.in)); !errors.Is(err, c.want) || !p.Empty() {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// polygonOf makes a ring of n corners on a circle.
func polygonOf(n int) string {
	var b strings.Builder
	for i := range n + 1 {
		a := 2 * math.Pi * float64(i%n) / float64(n)
		fmt.Fprintf(&b, ",[%.7f,%.7f]", math.Cos(a), math.Sin(a))
	}
	return b.String()[1:]
}

func TestParseIsQuick(t *testing.T) {
	huge := ring(strings.Repeat("[0,0],", 1e5) + "[0,0]")
	start := time.Now()
	for range 100 {
		ParsePolygon(huge)
	}
	if d := time.Since(start) / 100; d > 5*time.Millisecond {
		t.Errorf("refusing 10^5 points takes %v", d)
	}
	if p := mustParse(t, polygonOf(MaxPoints)); len(p.Points()) != MaxPoints {
		t.Error("500 corners should pass")
	}
}

func TestOrientation(t *testing.T) {
	ccw := mustParse(t, "[0,0],[1,0],[1,1],[0,1],[0,0]")
	cw := mustParse(t, "[0,0],[0,1],[1,1],[1,0],[0,0]")
	if !ccw.Equal(cw) {
		t.Errorf("%v and %v differ", ccw, cw)
	}
	const want = `{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,1],[0,0]]]}`
	if b, _ := json.Marshal(cw); string(b) != want {
		t.Errorf("%s", b)
	}
}

// The area of a one degree quadrangle of WGS 84, from the meridian and parallel
// lengths in NGA's tables, and the whole band adds up to the ellipsoid's part.
func TestArea(t *testing.T) {
	for _, c := range []struct{ lat, want float64 }{
		{0, 12308.778361469 * 1e6}, // GeographicLib Planimeter: 12308778361.469 m2 (geodesic edges on the equator square)
	} {
		got := mustParse(t, square(0, c.lat, 1)).AreaM2()
		if math.Abs(got/c.want-1) > 1e-4 {
			t.Errorf("at %v: %f, want %f", c.lat, got, c.want)
		}
	}
	// The surface of the ellipsoid is 5.10065621724e14 m2.
	if whole := 2 * math.Pi * radius * radius * authalic(math.Pi/2); math.Abs(whole/5.10065621724e14-1) > 1e-9 {
		t.Errorf("ellipsoid: %g", whole)
	}
	// 100 m by 100 m at 40 degrees: a degree is 111034.6 m north and 85393.9 m east there.
	small := mustParse(t, fmt.Sprintf("[%[1]f,%[2]f],[%[3]f,%[2]f],[%[3]f,%[4]f],[%[1]f,%[4]f],[%[1]f,%[2]f]",
		-89.0, 40.0, -89+100/85393.9, 40+100/111034.6))
	if a := small.AreaM2(); math.Abs(a-10000) > 10 {
		t.Errorf("hectare: %f", a)
	}
}

func TestContains(t *testing.T) {
	u := "[0,0],[6,0],[6,6],[4,6],[4,2],[2,2],[2,6],[0,6],[0,0]" // a U
	for name, c := range map[string]struct {
		outer, inner string
		want         bool
	}{
		"itself":              {u, u, true},
		"inside":              {u, square(0.5, 0.5, 1), true},
		"touching the corner": {u, square(0, 0, 1), true},
		"one unit out":        {u, square(-0.0000001, 0, 1), false},
		"the notch":           {u, "[2,2],[4,2],[4,6],[2,6],[2,2]", false},
		"lid over the notch":  {u, "[1,5],[5,5],[5,5.5],[1,5.5],[1,5]", false},
		"through corners":     {u, "[0,2],[6,2],[6,1],[0,1],[0,2]", true},
		"leg to leg":          {u, "[0,6],[2,2],[4,2],[6,6],[6,0],[0,0],[0,6]", true},
		"tops of the legs":    {u, "[0,6],[0,0],[6,0],[6,6],[0,6]", false},
		"elsewhere":           {u, square(10, 10, 1), false},
		"around":              {square(1, 1, 1), square(0, 0, 3), false},
		"far away":            {u, square(-179, -80, 1), false},
	} {
		if got := mustParse(t, c.outer).Contains(mustParse(t, c.inner)); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if (Polygon{}).Contains(mustParse(t, u)) || mustParse(t, u).Contains(Polygon{}) {
		t.Error("the empty polygon contains nothing and is nowhere")
	}
	p := mustParse(t, u)
	for q, want := range map[Point]bool{
		{1e7, 1e7}: true, {3e7, 3e7}: false, {0, 0}: true, {2e7, 4e7}: true, {6e7, 6e7}: true,
		{60000001, 1e7}: false, {3e7, 2e7}: true, {-1800000000, -850000000}: false,
	} {
		if got := p.ContainsPoint(q); got != want {
			t.Errorf("%v: %v", q, got)
		}
	}
}

func TestCells(t *testing.T) {
	p := mustParse(t, "[-89.70,39.75],[-89.60,39.75],[-89.60,39.82],[-89.70,39.82],[-89.70,39.75]")
	cells := CoarseCells(p)
	b := p.Bounds()
	for range 1000 { // every point of the area is in one of its cells
		q := Point{b.West + rand.Int32N(b.East-b.West), b.South + rand.Int32N(b.North-b.South)}
		if !slices.Contains(cells, q.Cell()) {
			t.Fatalf("%v is in %s, not in %v", q, q.Cell(), cells)
		}
	}
	if len(cells) > 9 || !slices.IsSorted(cells) {
		t.Errorf("cells %v", cells)
	}
	for _, c := range cells {
		if _, err := ParseCell(c); err != nil {
			t.Error(err)
		}
		if !slices.Contains(CellsNear(p, 500), c) {
			t.Errorf("%s is not near", c)
		}
		if m, err := CellCenter(c); err != nil || m.Cell() != c {
			t.Error(m, err)
		}
	}
	near := CellsNear(p, 500)
	for range 1000 {
		q := Point{b.West - 58000 + rand.Int32N(b.East-b.West+116000), b.South - 45000 + rand.Int32N(b.North-b.South+90000)}
		if !slices.Contains(near, q.Cell()) {
			t.Fatalf("%v is within 500 m, its cell %s is not in %v", q, q.Cell(), near)
		}
	}
	for _, bad := range []string{"", "X", "8", "88751", "887510", "8875100000000001", "../88751", "FFFFF"} {
		if _, err := ParseCell(bad); bad != "88751" && !errors.Is(err, ErrCell) {
			t.Errorf("%q passed", bad)
		}
	}
	if CoarseCells(Polygon{}) != nil || CellsNear(Polygon{}, 1) != nil {
		t.Error("an empty polygon has no cells")
	}
}

func TestDistance(t *testing.T) {
	// A degree of latitude is 111.2 km on a sphere of 6371 km.
	square := func(west, south float64) Polygon {
		return mustParse(t, fmt.Sprintf("[%f,%f],[%f,%f],[%f,%f],[%f,%f],[%f,%f]", west, south, west+1, south, west+1, south+1, west, south+1, west, south))
	}
	a := square(-90, 39)
	inside := mustParse(t, "[-89.6,39.4],[-89.4,39.4],[-89.4,39.6],[-89.6,39.6],[-89.6,39.4]")
	for _, c := range []struct {
		name string
		b    Polygon
		want float64
	}{
		{"itself", a, 0}, {"one inside", inside, 0}, {"overlapping", square(-89.5, 39.5), 0}, {"touching", square(-89, 39), 0},
		{"a degree north", square(-90, 41), 111_195}, {"half a degree east at 40 N", square(-88.5, 39), 42_590},
	} {
		for _, got := range []float64{Distance(a, c.b), Distance(c.b, a)} {
			if math.Abs(got-c.want) > 10 && math.Abs(got-c.want) > c.want/500 {
				t.Errorf("%s: %.0f m, want %.0f", c.name, got, c.want)
			}
		}
	}
	if !math.IsInf(Distance(a, Polygon{}), 1) {
		t.Error("nowhere is far from everywhere")
	}
}

func FuzzParsePolygon(f *testing.F) {
	f.Add(ring(square(0, 0, 1)))
	f.Add(ring("[0,0],[1,1],[1,0],[0,1],[0,0]"))
	f.Add(ring(polygonOf(20)))
	f.Add([]byte(`{"type":"Polygon","coordinates":[[[-89.65,39.78],[-89.64,39.78],[-89.64,39.79],[-89.65,39.78]]]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParsePolygon(data)
		if err != nil {
			return
		}
		if a := p.AreaM2(); !(a >= 0) || math.IsInf(a, 0) || !p.counterclockwise() {
			t.Errorf("area %v", a)
		}
		if !p.Contains(p) {
			t.Error("does not contain itself")
		}
		for _, q := range p.Points() {
			if !p.ContainsPoint(q) {
				t.Errorf("does not contain its corner %v", q)
			}
		}
		out, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParsePolygon(out)
		if err != nil || !again.Equal(p) {
			t.Errorf("%s: %v", out, err)
		}
		if b := p.Bounds(); p.AreaM2() < 1e9 && b.East-b.West < 1e7 && b.North-b.South < 1e7 && len(CoarseCells(p)) == 0 {
			t.Error("no cells")
		}
	})
}
