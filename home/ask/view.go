package ask

import (
	"cmp"
	"math"

	"porchlight/canvass"
	"porchlight/geo"
	"porchlight/home"
)

// view is what one camera sees, on the map.
type view struct {
	camera   string
	lon, lat float64    // of its place, degrees
	perLon   float64    // metres in a degree of longitude there
	ring     []flat     // a disk, or a sector of one
	box      [4]float64 // west, south, east, north of what it may see into, in degrees
}

const (
	slack        = 15.0 // metres by which a camera's place may be off
	defaultReach = 30.0 // metres, of a camera for which none is known
	metresPerLat = 111_132.0
	step         = 15.0 // degrees between two corners of an arc
)

// Eyes are what the cameras of a house see.
type Eyes []view

// NewEyes draws what each camera sees.
func NewEyes(cameras []home.Camera) Eyes {
	out := make(Eyes, 0, len(cameras))
	for _, c := range cameras {
		v := view{camera: c.ID}
		v.lon, v.lat = c.Place.Degrees()
		v.perLon = metresPerLat * math.Cos(v.lat*math.Pi/180)
		reach := cmp.Or(float64(max(c.Reach, 0)), defaultReach)
		from, to := 0.0, 360.0-step
		if c.Facing >= 0 && c.Angle > 0 && c.Angle < 360 {
			v.ring = append(v.ring, flat{})
			from, to = float64(c.Facing)-float64(c.Angle)/2, float64(c.Facing)+float64(c.Angle)/2
		}
		arcs := max(2, math.Ceil((to-from)/step))
		for i := 0.0; i <= arcs; i++ {
			sin, cos := math.Sincos((from + i*(to-from)/arcs) * math.Pi / 180)
			v.ring = append(v.ring, flat{reach * sin, reach * cos})
		}
		west, south, east, north := 0.0, 0.0, 0.0, 0.0
		for _, p := range v.ring {
			west, south, east, north = min(west, p.x), min(south, p.y), max(east, p.x), max(north, p.y)
		}
		v.box = [4]float64{v.lon + (west-slack)/v.perLon, v.lat + (south-slack)/metresPerLat, v.lon + (east+slack)/v.perLon, v.lat + (north+slack)/metresPerLat}
		out = append(out, v)
	}
	return out
}

// Sees reports whether the i-th camera looks into an area.
func (e Eyes) Sees(i int, area geo.Polygon) bool { return e[i].sees(area) }

// sees reports whether the camera looks into an area: what it sees and the area are
// within slack of each other. Both are small, so the map is taken as flat.
func (v view) sees(area geo.Polygon) bool {
	b := area.Bounds().Degrees()
	if b[2] < v.box[0] || b[0] > v.box[2] || b[3] < v.box[1] || b[1] > v.box[3] {
		return false
	}
	ring := v.metres(area.Points())
	if inside(ring, v.ring[0]) || inside(v.ring, ring[0]) {
		return true
	}
	for i, p := range v.ring {
		q := v.ring[(i+1)%len(v.ring)]
		for j, r := range ring {
			if apart(p, q, r, ring[(j+1)%len(ring)]) <= slack {
				return true
			}
		}
	}
	return false
}

// flat is a place in metres east and north of a camera.
type flat struct{ x, y float64 }

// metres are places as seen from the camera's.
func (v view) metres(points []geo.Point) []flat {
	out := make([]flat, len(points))
	for i, p := range points {
		lon, lat := p.Degrees()
		out[i] = flat{(lon - v.lon) * v.perLon, (lat - v.lat) * metresPerLat}
	}
	return out
}

// inside reports whether p is inside a ring.
func inside(ring []flat, p flat) (in bool) {
	a := ring[len(ring)-1]
	for _, b := range ring {
		if (a.y > p.y) != (b.y > p.y) && p.x < a.x+(p.y-a.y)/(b.y-a.y)*(b.x-a.x) {
			in = !in
		}
		a = b
	}
	return in
}

// apart is how far two edges are from each other; 0 when they cross.
func apart(p, q, r, s flat) float64 {
	side := func(a, b, c flat) bool { return (b.x-a.x)*(c.y-a.y) > (b.y-a.y)*(c.x-a.x) }
	if side(p, q, r) != side(p, q, s) && side(r, s, p) != side(r, s, q) {
		return 0
	}
	return min(from(p, r, s), from(q, r, s), from(r, p, q), from(s, p, q))
}

// from is how far p is from the edge a b.
func from(p, a, b flat) float64 {
	dx, dy := b.x-a.x, b.y-a.y
	f := 0.0
	if l := dx*dx + dy*dy; l > 0 {
		f = max(0, min(1, ((p.x-a.x)*dx+(p.y-a.y)*dy)/l))
	}
	return math.Hypot(a.x+f*dx-p.x, a.y+f*dy-p.y)
}

// nearest is how far an area is from the nearest camera's place, in metres, and
// whether that is near.
func nearest(eyes Eyes, area geo.Polygon) (metres float64, near bool) {
	metres = math.Inf(1)
	b := area.Bounds().Degrees()
	for _, v := range eyes {
		// No nearer than its box.
		dx := max(b[0]-v.lon, 0, v.lon-b[2]) * v.perLon
		dy := max(b[1]-v.lat, 0, v.lat-b[3]) * metresPerLat
		if math.Hypot(dx, dy) > min(canvass.NearMetres, metres) {
			continue
		}
		ring := v.metres(area.Points())
		if inside(ring, flat{}) {
			return 0, true
		}
		for i, p := range ring {
			metres = min(metres, from(flat{}, p, ring[(i+1)%len(ring)]))
		}
	}
	return metres, metres <= canvass.NearMetres
}
