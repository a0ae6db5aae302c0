package geo

import "math"

// Rounding is how finely somebody tells a place: she chooses, and her device
// rounds before anything is sent. The grid is the same for everybody, so that
// telling a place again tells no more of it.
type Rounding string

// The roundings. A degree of latitude is 111 km; a degree of longitude is
// shorter, so that a cell of the grid is no longer from east to west.
const (
	Exact   Rounding = "exact" // as given
	Hundred Rounding = "100m"  // to 0.001 degree
	Half    Rounding = "500m"  // to 0.005 degree
)

// Roundings lists all of them, finest first.
func Roundings() []Rounding { return []Rounding{Exact, Hundred, Half} }

// step of the grid in degrees times 10^7; 0 for a rounding nobody knows.
func (r Rounding) step() int64 {
	return map[Rounding]int64{Exact: 1, Hundred: 10_000, Half: 50_000}[r]
}

// Of is the place of r's grid nearest to p. Rounding twice is rounding once.
func (r Rounding) Of(p Point) Point {
	step := r.step()
	if step == 0 {
		return Point{}
	}
	round := func(v int32) int32 {
		return int32(int64(math.Floor(float64(v)/float64(step)+0.5)) * step)
	}
	return Point{round(p.Lon), round(p.Lat)}
}

// Keeps reports whether p lies on r's grid; never for an unknown rounding.
func (r Rounding) Keeps(p Point) bool { return r.step() > 0 && r.Of(p) == p }
