package geo

import (
	"errors"
	"math"
	"slices"

	"github.com/golang/geo/s2"
)

// CoarseLevel is the S2 level of coarse cells: about 9 km across.
const CoarseLevel = 10

// ErrCell: the text is not the token of a coarse cell.
var ErrCell = errors.New("this is not a coarse map cell")

// ParseCell checks an S2 token of a coarse cell and returns it.
func ParseCell(token string) (string, error) {
	id := s2.CellIDFromToken(token)
	if !id.IsValid() || id.Level() != CoarseLevel || id.ToToken() != token {
		return "", ErrCell
	}
	return token, nil
}

// Cell is the token of the coarse cell that p is in.
func (p Point) Cell() string {
	lon, lat := p.Degrees()
	return s2.CellIDFromLatLng(s2.LatLngFromDegrees(lat, lon)).Parent(CoarseLevel).ToToken()
}

// CellCenter is the middle of a coarse cell. ErrCell when token is none.
func CellCenter(token string) (Point, error) {
	if _, err := ParseCell(token); err != nil {
		return Point{}, err
	}
	ll := s2.CellIDFromToken(token).LatLng()
	return NewPoint(ll.Lng.Degrees(), ll.Lat.Degrees())
}

// step is the longest edge handed to S2, degrees times 10^7. S2's edges are
// great circles, ours are straight on the map: over 0.01 degree they differ by
// centimetres.
const step = 1e5

// CoarseCells gives the tokens of the coarse cells that p touches, sorted.
func CoarseCells(p Polygon) []string {
	points := p.points()
	if points == nil {
		return nil
	}
	return coarse(s2.LoopFromPoints(points))
}

// points are p's corners and what lies on its edges between them, so near to
// each other that S2's edges are ours.
func (p Polygon) points() []s2.Point {
	var points []s2.Point
	for i, a := range p.ring {
		b := p.ring[(i+1)%len(p.ring)]
		dx, dy := float64(b.Lon)-float64(a.Lon), float64(b.Lat)-float64(a.Lat)
		n := math.Ceil(max(math.Abs(dx), math.Abs(dy)) / step)
		for k := range int(n) {
			f := float64(k) / n
			points = append(points, s2.PointFromLatLng(s2.LatLngFromDegrees(
				(float64(a.Lat)+f*dy)/1e7, (float64(a.Lon)+f*dx)/1e7)))
		}
	}
	return points
}

// Distance is how far p and q are apart at their nearest, in metres; 0 when
// they touch or overlap, and infinite when one of them is empty.
func Distance(p, q Polygon) float64 {
	if p.Empty() || q.Empty() {
		return math.Inf(1)
	}
	index := func(p Polygon) *s2.ShapeIndex {
		i := s2.NewShapeIndex()
		i.Add(s2.PolygonFromLoops([]*s2.Loop{s2.LoopFromPoints(p.points())}))
		return i
	}
	o := s2.NewClosestEdgeQueryOptions().IncludeInteriors(true)
	const earth = 6371008.8 // mean radius in metres
	d := s2.NewClosestEdgeQuery(index(p), o).Distance(s2.NewMinDistanceToShapeIndexTarget(index(q)))
	return d.Angle().Radians() * earth
}

// metresPerDegree of latitude, a little short, so that boxes are a little large.
const metresPerDegree = 111000

// CellsNear gives the tokens of the coarse cells within about metres of p,
// sorted: at least all cells that hold a point so near, maybe one more.
func CellsNear(p Polygon, metres float64) []string {
	if p.Empty() {
		return nil
	}
	d := p.Bounds().Degrees()
	dlat := metres / metresPerDegree
	dlon := dlat / math.Cos(max(math.Abs(d[1]), math.Abs(d[3]))*math.Pi/180)
	r := s2.RectFromLatLng(s2.LatLngFromDegrees(d[1]-dlat, d[0]-dlon))
	return coarse(r.AddPoint(s2.LatLngFromDegrees(d[3]+dlat, d[2]+dlon)))
}

func coarse(r s2.Region) []string {
	cover := s2.RegionCoverer{MinLevel: CoarseLevel, MaxLevel: CoarseLevel, MaxCells: math.MaxInt32}
	var tokens []string
	for _, id := range cover.Covering(r) {
		tokens = append(tokens, id.ToToken())
	}
	slices.Sort(tokens)
	return tokens
}

// CellsAround gives the tokens of the coarse cells within about metres of p,
// sorted: at least all that hold a point so near, maybe one more.
func CellsAround(p Point, metres float64) []string {
	lon, lat := p.Degrees()
	dlat := metres / metresPerDegree
	dlon := dlat / math.Cos(math.Abs(lat)*math.Pi/180)
	r := s2.RectFromLatLng(s2.LatLngFromDegrees(lat-dlat, lon-dlon))
	return coarse(r.AddPoint(s2.LatLngFromDegrees(lat+dlat, lon+dlon)))
}
