// Package basemap draws the exchange's map without asking anybody for tiles.
//
// The operator brings a folder of GeoJSON files (RFC 7946), one a layer, each a
// FeatureCollection, each optional:
//
//	landuse    Polygon; kind corn, soy, hay, school, industry ...
//	parks      Polygon; kind park, wood, cemetery, pitch
//	water      Polygon or LineString; name
//	boundary   Polygon, the city limits
//	streets    LineString; kind primary, secondary, residential, service, track, path; name
//	rail       LineString
//	buildings  Polygon; kind house, garage, shop, civic, school ...
//	trees      Point or MultiPoint
//	places     Point; kind and name, kind town being the largest
//
// From it come an SVG for pages without JavaScript (Map.SVG) and, over HTTP, the
// files themselves, a stylesheet and two MapLibre styles (Map.Handler). With no
// files the map is an empty sheet on which overlays still show.
package basemap

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
)

// layers in drawing order.
var layers = []string{"landuse", "parks", "water", "boundary", "streets", "rail", "buildings", "trees", "places"}

// maxFile bounds one layer's file; larger basemaps belong in tiles.
const maxFile = 32 << 20

// LonLat is longitude and latitude in degrees, WGS 84.
type LonLat = [2]float64

// Bounds is a box: west, south, east, north in degrees.
type Bounds [4]float64

// Empty says that the box holds nothing.
func (b Bounds) Empty() bool { return b[0] >= b[2] || b[1] >= b[3] }

// Extend grows the box to hold the points.
func (b Bounds) Extend(points ...LonLat) Bounds {
	for _, p := range points {
		if b == (Bounds{}) {
			b = Bounds{p[0], p[1], p[0], p[1]}
		}
		b = Bounds{math.Min(b[0], p[0]), math.Min(b[1], p[1]), math.Max(b[2], p[0]), math.Max(b[3], p[1])}
	}
	return b
}

// Pad widens the box on each side by a share of its longer side, and by no less
// than the given metres.
func (b Bounds) Pad(share, metres float64) Bounds {
	k := math.Cos((b[1] + b[3]) / 2 * math.Pi / 180)
	d := math.Max(math.Max(b[3]-b[1], (b[2]-b[0])*k)*share, metres/metresPerDegree)
	return Bounds{b[0] - d/k, b[1] - d, b[2] + d/k, b[3] + d}
}

func (b Bounds) meets(o Bounds) bool {
	return b[0] <= o[2] && o[0] <= b[2] && b[1] <= o[3] && o[1] <= b[3]
}

const metresPerDegree = 111_200.0 // of latitude

// A Map is a loaded basemap. It does not change and is safe for concurrent use.
type Map struct {
	features map[string][]feature
	files    map[string]file
	bounds   Bounds
}

type feature struct {
	kind, name string
	parts      [][]LonLat // rings, lines, or one list of points
	closed     bool
	box        Bounds
}

// Load reads the layers that fsys holds. A missing file is an absent layer; a
// file that is too large or is not a FeatureCollection of known geometries is an
// error that names it.
func Load(fsys fs.FS) (*Map, error) {
	m := &Map{features: map[string][]feature{}, files: map[string]file{}}
	for _, name := range layers {
		data, err := fs.ReadFile(fsys, name+".geojson")
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && len(data) > maxFile {
			err = fmt.Errorf("larger than %d MiB", maxFile>>20)
		}
		if err == nil {
			m.features[name], err = parse(data)
		}
		if err != nil {
			return nil, fmt.Errorf("basemap: %s.geojson: %w", name, err)
		}
		m.files[name+".geojson"] = newFile("application/geo+json", data)
		for _, f := range m.features[name] {
			m.bounds = m.bounds.Extend(LonLat{f.box[0], f.box[1]}, LonLat{f.box[2], f.box[3]})
		}
	}
	for _, s := range []scheme{light, dark} {
		m.files["style-"+s.name+".json"] = newFile("application/json", m.style(s))
	}
	m.files["basemap.css"] = newFile("text/css; charset=utf-8", stylesheet())
	return m, nil
}

// Bounds is the box around everything, empty when there is no basemap.
func (m *Map) Bounds() Bounds { return m.bounds }

// Home is the box to show first: the city limits when there are any.
func (m *Map) Home() Bounds {
	var b Bounds
	for _, f := range m.features["boundary"] {
		b = b.Extend(LonLat{f.box[0], f.box[1]}, LonLat{f.box[2], f.box[3]})
	}
	if b.Empty() {
		return m.bounds
	}
	return b
}

func parse(data []byte) ([]feature, error) {
	var c struct {
		Type     string
		Features []struct {
			Properties struct{ Kind, Name string }
			Geometry   struct {
				Type        string
				Coordinates json.RawMessage
			}
		}
	}
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&c); err != nil {
		return nil, err
	}
	if c.Type != "FeatureCollection" {
		return nil, fmt.Errorf("type is %q, want FeatureCollection", c.Type)
	}
	var out []feature
	for i, g := range c.Features {
		var polygons [][][]LonLat
		var err error
		closed := false
		switch g.Geometry.Type {
		case "Point":
			var p LonLat
			err = json.Unmarshal(g.Geometry.Coordinates, &p)
			polygons = [][][]LonLat{{{p}}}
		case "MultiPoint", "LineString":
			var l []LonLat
			err = json.Unmarshal(g.Geometry.Coordinates, &l)
			polygons = [][][]LonLat{{l}}
		case "MultiLineString", "Polygon":
			var p [][]LonLat
			err = json.Unmarshal(g.Geometry.Coordinates, &p)
			polygons, closed = [][][]LonLat{p}, g.Geometry.Type == "Polygon"
		case "MultiPolygon":
			err = json.Unmarshal(g.Geometry.Coordinates, &polygons)
			closed = true
		default:
			err = fmt.Errorf("geometry %q is not drawn", g.Geometry.Type)
		}
		if err != nil {
			return nil, fmt.Errorf("feature %d: %w", i, err)
		}
		for _, parts := range polygons {
			f := feature{kind: g.Properties.Kind, name: g.Properties.Name, parts: parts, closed: closed}
			for _, p := range parts {
				if len(p) == 0 {
					return nil, fmt.Errorf("feature %d: no positions", i)
				}
				f.box = f.box.Extend(p...)
			}
			out = append(out, f)
		}
	}
	return out, nil
}

// Ring is the box as a ring.
func (b Bounds) Ring() []LonLat {
	return []LonLat{{b[0], b[1]}, {b[2], b[1]}, {b[2], b[3]}, {b[0], b[3]}}
}

// CSS is the stylesheet of the SVGs.
func (m *Map) CSS() []byte { return m.files["basemap.css"].data }
