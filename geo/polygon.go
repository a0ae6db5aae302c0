// Package geo knows areas on the map: GeoJSON polygons, their size, what they
// contain, and the coarse cells that cover them.
//
// Coordinates are WGS 84 longitude and latitude, kept to seven decimals (about
// a centimetre) as integers, so that every question about corners and edges has
// one exact answer, in Go and in the browser alike. As in RFC 7946 section
// 3.1.1 an edge is a straight line in longitude and latitude.
package geo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
)

// Limits of a polygon.
const (
	MaxPoints = 500      // corners, the closing position not counted
	MaxBytes  = 64 << 10 // of GeoJSON text
	MaxLat    = 85       // degrees; maps end here
	MaxSpan   = 90       // degrees between the farthest corners
)

// Why an area is refused. The sentences are meant for whoever drew it.
var (
	ErrSyntax       = errors.New(`the area is not a GeoJSON Polygon of the form {"type":"Polygon","coordinates":[[[longitude,latitude],...]]}`)
	ErrTooMany      = errors.New("the area has too many points; at most 500 corners (and 64 KiB of text) are taken: draw it more simply")
	ErrTooFew       = errors.New("the area has too few points; it needs at least three corners and the first position again at the end")
	ErrRings        = errors.New("the area must be one outline without holes")
	ErrPosition     = errors.New("each position of the area must be two finite numbers, longitude and latitude")
	ErrRange        = errors.New("a position of the area is off the map; longitude goes from -180 to 180, latitude from -85 to 85")
	ErrOpen         = errors.New("the outline of the area is not closed; its last position must repeat its first")
	ErrDegenerate   = errors.New("the outline of the area repeats a corner or runs back over itself; remove the doubled corner")
	ErrSelfCrossing = errors.New("the outline of the area crosses or touches itself; draw it without crossing lines")
	ErrAntimeridian = errors.New("the area crosses the 180th meridian; draw one area on each side of it instead")
	ErrTooWide      = errors.New("the area is wider than 90 degrees; draw a smaller one")
)

// Point is a place: degrees times 10^7.
type Point struct{ Lon, Lat int32 }

// NewPoint rounds degrees to a Point. ErrPosition when a coordinate is not
// finite, ErrRange when it is off the map.
func NewPoint(lon, lat float64) (Point, error) {
	if math.IsNaN(lon) || math.IsInf(lon, 0) || math.IsNaN(lat) || math.IsInf(lat, 0) {
		return Point{}, ErrPosition
	}
	if math.Abs(lon) > 180 || math.Abs(lat) > MaxLat {
		return Point{}, ErrRange
	}
	return Point{int32(math.Round(lon * 1e7)), int32(math.Round(lat * 1e7))}, nil
}

// Degrees gives longitude and latitude back.
func (p Point) Degrees() (lon, lat float64) { return float64(p.Lon) / 1e7, float64(p.Lat) / 1e7 }

// Polygon is one area: a simple outline, counterclockwise, without holes. The
// zero Polygon is empty: it contains nothing. Polygons are made by ParsePolygon
// and never change.
type Polygon struct{ ring []Point } // corners, not repeating the first

// ParsePolygon reads a GeoJSON Polygon (RFC 7946 section 3.1.6) and refuses
// whatever has more than one reading, with one of the errors above. The
// direction of the outline does not matter.
func ParsePolygon(geojson []byte) (Polygon, error) {
	// Before any parsing: a position costs one bracket.
	if len(geojson) > MaxBytes || bytes.Count(geojson, []byte("[")) > MaxPoints+1+2 {
		return Polygon{}, ErrTooMany
	}
	var doc struct {
		Type        string         `json:"type"`
		Coordinates [][][]*float64 `json:"coordinates"`
	}
	dec := json.NewDecoder(bytes.NewReader(geojson))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&doc); err != nil {
		if e := (*json.UnmarshalTypeError)(nil); errors.As(err, &e) && e.Field == "coordinates" {
			return Polygon{}, ErrPosition
		}
		return Polygon{}, fmt.Errorf("%w (%w)", ErrSyntax, err)
	}
	if _, err := dec.Token(); err != io.EOF || doc.Type != "Polygon" {
		return Polygon{}, ErrSyntax
	}
	if len(doc.Coordinates) != 1 {
		return Polygon{}, ErrRings
	}
	var ring []Point
	for i, c := range doc.Coordinates[0] {
		if len(c) != 2 || c[0] == nil || c[1] == nil {
			return Polygon{}, fmt.Errorf("%w (position %d)", ErrPosition, i+1)
		}
		p, err := NewPoint(*c[0], *c[1])
		if err != nil {
			return Polygon{}, fmt.Errorf("%w (position %d)", err, i+1)
		}
		ring = append(ring, p)
	}
	return newPolygon(ring)
}

// newPolygon checks a closed ring.
func newPolygon(ring []Point) (Polygon, error) {
	n := len(ring) - 1
	switch {
	case n < 3:
		return Polygon{}, ErrTooFew
	case n > MaxPoints:
		return Polygon{}, ErrTooMany
	case ring[0] != ring[n]:
		return Polygon{}, ErrOpen
	}
	p := Polygon{slices.Clone(ring[:n])}
	b := p.Bounds()
	switch width := int64(b.East) - int64(b.West); {
	case width > 180e7:
		return Polygon{}, ErrAntimeridian
	case width > MaxSpan*1e7 || int64(b.North)-int64(b.South) > MaxSpan*1e7:
		return Polygon{}, ErrTooWide
	}
	if err := p.simple(); err != nil {
		return Polygon{}, err
	}
	if !p.counterclockwise() { // RFC 7946; the first corner stays
		slices.Reverse(p.ring[1:])
	}
	return p, nil
}

// simple refuses doubled corners, spikes, and edges that cross or touch.
func (p Polygon) simple() error {
	seen := make(map[Point]bool, len(p.ring))
	n := len(p.ring)
	for i, a := range p.ring {
		if seen[a] {
			return ErrDegenerate
		}
		seen[a] = true
		b, c := p.ring[(i+1)%n], p.ring[(i+2)%n]
		if cross(a, b, c) == 0 && dot(b, a, c) > 0 {
			return ErrDegenerate // the line turns back on itself at b
		}
	}
	for i := range n {
		for j := i + 2; j < n; j++ {
			if i == 0 && j == n-1 {
				continue // neighbours
			}
			if meet(p.ring[i], p.ring[i+1], p.ring[j], p.ring[(j+1)%n]) {
				return ErrSelfCrossing
			}
		}
	}
	return nil
}

// counterclockwise is exact: single terms may wrap around, their sum fits.
func (p Polygon) counterclockwise() bool {
	var sum int64
	for i := 2; i < len(p.ring); i++ {
		sum += cross(p.ring[0], p.ring[i-1], p.ring[i])
	}
	return sum > 0
}

// Empty reports whether p is the zero Polygon.
func (p Polygon) Empty() bool { return len(p.ring) == 0 }

// Points gives the corners, counterclockwise, the first not repeated.
func (p Polygon) Points() []Point { return slices.Clone(p.ring) }

// Equal reports whether p and q have the same corners in the same order.
func (p Polygon) Equal(q Polygon) bool { return slices.Equal(p.ring, q.ring) }

// Box is a span of longitudes and latitudes, degrees times 10^7, ends included.
type Box struct{ West, South, East, North int32 }

// Bounds is the smallest Box around p.
func (p Polygon) Bounds() Box {
	if p.Empty() {
		return Box{}
	}
	f := p.ring[0]
	b := Box{f.Lon, f.Lat, f.Lon, f.Lat}
	for _, q := range p.ring[1:] {
		b.West, b.East = min(b.West, q.Lon), max(b.East, q.Lon)
		b.South, b.North = min(b.South, q.Lat), max(b.North, q.Lat)
	}
	return b
}

// Degrees gives the box as GeoJSON's bbox has it: west, south, east, north.
func (b Box) Degrees() [4]float64 {
	return [4]float64{float64(b.West) / 1e7, float64(b.South) / 1e7, float64(b.East) / 1e7, float64(b.North) / 1e7}
}

func (b Box) contains(p Point) bool {
	return b.West <= p.Lon && p.Lon <= b.East && b.South <= p.Lat && p.Lat <= b.North
}

// WGS 84: equatorial radius in metres, and eccentricity.
const (
	radius       = 6378137.0
	eccentricity = 0.0818191908426215
)

// authalic is q of Snyder, Map Projections (USGS PP 1395), equation 3-12: the
// area of the ellipsoid between the equator and latitude phi, per radian of
// longitude, is radius² q / 2.
func authalic(phi float64) float64 {
	const e = eccentricity
	s := math.Sin(phi)
	return (1 - e*e) * (s/(1-e*e*s*s) + math.Atanh(e*s)/e)
}

// AreaM2 is the area of p on the WGS 84 ellipsoid in square metres: trapezoids
// between the edges and the parallel of the first corner, so that small areas
// keep their digits.
func (p Polygon) AreaM2() float64 {
	if p.Empty() {
		return 0
	}
	const rad = math.Pi / 180
	_, lat0 := p.ring[0].Degrees()
	q0, sum := authalic(lat0*rad), 0.0
	for i, a := range p.ring {
		b := p.ring[(i+1)%len(p.ring)]
		_, lata := a.Degrees()
		_, latb := b.Degrees()
		width := float64(int64(a.Lon)-int64(b.Lon)) / 1e7 * rad
		sum += width * (authalic(lata*rad) - q0 + authalic(latb*rad) - q0) / 2
	}
	return math.Abs(sum * radius * radius / 2)
}

// ContainsPoint reports whether q is inside p or on its outline.
func (p Polygon) ContainsPoint(q Point) bool {
	return !p.Empty() && p.Bounds().contains(q) && p.containsHalf(2*int64(q.Lon), 2*int64(q.Lat))
}

// Contains reports whether all of q is inside p; touching the outline is inside.
func (p Polygon) Contains(q Polygon) bool {
	pb, qb := p.Bounds(), q.Bounds()
	if p.Empty() || q.Empty() || !pb.contains(Point{qb.West, qb.South}) || !pb.contains(Point{qb.East, qb.North}) {
		return false
	}
	// p has no holes, so q is inside when its outline is. Cut each edge of q
	// where corners of p lie on it; a piece that crosses no edge of p is inside,
	// outside or along the outline as a whole, and its middle tells.
	for i, a := range q.ring {
		b := q.ring[(i+1)%len(q.ring)]
		cuts := []Point{a, b}
		for j, c := range p.ring {
			if crossProperly(a, b, c, p.ring[(j+1)%len(p.ring)]) {
				return false
			}
			if onEdge(a, b, c) {
				cuts = append(cuts, c)
			}
		}
		slices.SortFunc(cuts, func(c, d Point) int {
			return int(sign(dot(a, b, c) - dot(a, b, d)))
		})
		for k := 1; k < len(cuts); k++ {
			c, d := cuts[k-1], cuts[k]
			if !p.containsHalf(int64(c.Lon)+int64(d.Lon), int64(c.Lat)+int64(d.Lat)) {
				return false
			}
		}
	}
	return true
}

// containsHalf is ContainsPoint in halves of the unit, x and y within the bounds.
func (p Polygon) containsHalf(x, y int64) bool {
	inside := false
	for i, a := range p.ring {
		b := p.ring[(i+1)%len(p.ring)]
		ax, ay := 2*int64(a.Lon)-x, 2*int64(a.Lat)-y
		bx, by := 2*int64(b.Lon)-x, 2*int64(b.Lat)-y
		c := ax*by - ay*bx
		if c == 0 && min(ax, bx) <= 0 && 0 <= max(ax, bx) && min(ay, by) <= 0 && 0 <= max(ay, by) {
			return true // on the outline
		}
		if (ay > 0) != (by > 0) && (c > 0) == (by > ay) {
			inside = !inside
		}
	}
	return inside
}

// The products below fit: within a polygon differences stay under 90e7 units,
// doubled 180e7, and 2·(180e7)² < 2^63.

// cross is positive when a, b, c turn left, 0 when they are in line.
func cross(a, b, c Point) int64 {
	return (int64(b.Lon)-int64(a.Lon))*(int64(c.Lat)-int64(a.Lat)) -
		(int64(b.Lat)-int64(a.Lat))*(int64(c.Lon)-int64(a.Lon))
}

// dot is the scalar product of a->b and a->c.
func dot(a, b, c Point) int64 {
	return (int64(b.Lon)-int64(a.Lon))*(int64(c.Lon)-int64(a.Lon)) +
		(int64(b.Lat)-int64(a.Lat))*(int64(c.Lat)-int64(a.Lat))
}

func sign(x int64) int64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}

// onEdge reports whether c lies on the edge ab, ends included.
func onEdge(a, b, c Point) bool {
	return min(a.Lon, b.Lon) <= c.Lon && c.Lon <= max(a.Lon, b.Lon) &&
		min(a.Lat, b.Lat) <= c.Lat && c.Lat <= max(a.Lat, b.Lat) && cross(a, b, c) == 0
}

// crossProperly reports whether ab and cd cross at a point inside both.
func crossProperly(a, b, c, d Point) bool {
	if max(a.Lon, b.Lon) < min(c.Lon, d.Lon) || max(c.Lon, d.Lon) < min(a.Lon, b.Lon) ||
		max(a.Lat, b.Lat) < min(c.Lat, d.Lat) || max(c.Lat, d.Lat) < min(a.Lat, b.Lat) {
		return false
	}
	return sign(cross(a, b, c))*sign(cross(a, b, d)) < 0 && sign(cross(c, d, a))*sign(cross(c, d, b)) < 0
}

// meet reports whether ab and cd share any point.
func meet(a, b, c, d Point) bool {
	return crossProperly(a, b, c, d) || onEdge(a, b, c) || onEdge(a, b, d) || onEdge(c, d, a) || onEdge(c, d, b)
}

// MarshalJSON writes the GeoJSON Polygon, counterclockwise and closed.
func (p Polygon) MarshalJSON() ([]byte, error) {
	b := []byte(`{"type":"Polygon","coordinates":[[`)
	for i := range len(p.ring) + 1 {
		if p.Empty() {
			break
		}
		if i > 0 {
			b = append(b, ',')
		}
		lon, lat := p.ring[i%len(p.ring)].Degrees()
		b = strconv.AppendFloat(append(b, '['), lon, 'f', -1, 64)
		b = strconv.AppendFloat(append(b, ','), lat, 'f', -1, 64)
		b = append(b, ']')
	}
	return append(b, "]]}"...), nil
}

// UnmarshalJSON is ParsePolygon.
func (p *Polygon) UnmarshalJSON(data []byte) (err error) {
	*p, err = ParsePolygon(data)
	return err
}
