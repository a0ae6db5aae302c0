package ask

import (
	"encoding/json"
	"fmt"
	"math"

	"porchlight/canvass"
	"porchlight/geo"
	"porchlight/home"
)

// view is what one camera sees, on the map.
type view struct {
	camera string
	lon    float64 // of its place, degrees
	lat    float64
	area   geo.Polygon // a disk, or a sector of one
	box    [4]float64  // west, south, east, north of what may touch it, in degrees
}

const (
	defaultReach   = 30 // metres, of a camera for which none is known
	metresPerLat   = 111_132.0
	step           = 15 // degrees between two corners of an arc
	nearMetres     = canvass.NearMetres
	nearMetresHigh = nearMetres * 1.01 // a box is drawn a little large
)

// Eyes are what the cameras of a house see.
type Eyes []view

// NewEyes draws what each camera sees on the map. An error when a camera's place
// is none.
func NewEyes(cameras []home.Camera) (Eyes, error) {
	out := make(Eyes, 0, len(cameras))
	for _, c := range cameras {
		lon, lat := c.Place.Degrees()
		v := view{camera: c.ID, lon: lon, lat: lat}
		reach := float64(c.Reach)
		if reach <= 0 {
			reach = defaultReach
		}
		perLon := metresPerLat * math.Cos(lat*math.Pi/180)
		var ring [][2]float64
		at := func(metres, bearing float64) {
			s, c := math.Sincos(bearing * math.Pi / 180)
			ring = append(ring, [2]float64{lon + metres*s/perLon, lat + metres*c/metresPerLat})
		}
		from, to := 0.0, 360.0-step
		if c.Facing >= 0 && c.Angle > 0 && c.Angle < 360 {
			ring = append(ring, [2]float64{lon, lat})
			from, to = float64(c.Facing)-float64(c.Angle)/2, float64(c.Facing)+float64(c.Angle)/2
		}
		arcs := max(2, math.Ceil((to-from)/step))
		for i := 0.0; i <= arcs; i++ {
			at(reach, from+i*(to-from)/arcs)
		}
		ring = append(ring, ring[0])
		text, err := json.Marshal(map[string]any{"type": "Polygon", "coordinates": [][][2]float64{ring}})
		if err != nil {
			return nil, err
		}
		if v.area, err = geo.ParsePolygon(text); err != nil {
			return nil, fmt.Errorf("what camera %s sees: %w", c.Name, err)
		}
		v.box = v.area.Bounds().Degrees()
		dlat, dlon := Slack*1.5/metresPerLat, Slack*1.5/perLon
		v.box = [4]float64{v.box[0] - dlon, v.box[1] - dlat, v.box[2] + dlon, v.box[3] + dlat}
		out = append(out, v)
	}
	return out, nil
}

// Area is what the i-th camera sees.
func (e Eyes) Area(i int) geo.Polygon { return e[i].area }

// sees reports whether the camera looks into an area.
func (v view) sees(area geo.Polygon) bool {
	b := area.Bounds().Degrees()
	if b[2] < v.box[0] || b[0] > v.box[2] || b[3] < v.box[1] || b[1] > v.box[3] {
		return false
	}
	return geo.Distance(v.area, area) <= Slack
}

// nearest is how far an area is from the nearest camera's place, in metres, and
// whether that is near.
func nearest(eyes Eyes, area geo.Polygon) (metres float64, near bool) {
	metres = math.Inf(1)
	b := area.Bounds().Degrees()
	for _, v := range eyes {
		perLon := metresPerLat * math.Cos(v.lat*math.Pi/180)
		// No nearer than its box.
		dx := max(b[0]-v.lon, 0, v.lon-b[2]) * perLon
		dy := max(b[1]-v.lat, 0, v.lat-b[3]) * metresPerLat
		if math.Hypot(dx, dy) > min(nearMetresHigh, metres) {
			continue
		}
		metres = min(metres, v.distance(area, perLon))
	}
	return metres, metres <= nearMetres
}

// distance is how far the camera's place is from an area, in metres; 0 inside.
func (v view) distance(area geo.Polygon, perLon float64) float64 {
	ring := area.Points()
	point := func(p geo.Point) (x, y float64) {
		lon, lat := p.Degrees()
		return (lon - v.lon) * perLon, (lat - v.lat) * metresPerLat
	}
	best, inside := math.Inf(1), false
	ax, ay := point(ring[len(ring)-1])
	for _, p := range ring {
		bx, by := point(p)
		dx, dy := bx-ax, by-ay
		if (ay > 0) != (by > 0) && (ax*dy-ay*dx > 0) == (dy > 0) {
			inside = !inside
		}
		f := 0.0
		if l := dx*dx + dy*dy; l > 0 {
			f = max(0, min(1, -(ax*dx+ay*dy)/l))
		}
		best = min(best, math.Hypot(ax+f*dx, ay+f*dy))
		ax, ay = bx, by
	}
	if inside {
		return 0
	}
	return best
}
