package demo

import (
	"bytes"
	"encoding/json"
	"strings"
)

// GeoJSON returns the town's map as one FeatureCollection a layer, by file name:
// landuse, water, parks, streets, rail, buildings, trees, places and boundary
// (each ".geojson"), in the shape that web/basemap reads.
func (t *Town) GeoJSON() map[string][]byte {
	files := map[string]*collection{}
	layer := func(name string) *collection {
		if files[name] == nil {
			files[name] = &collection{Type: "FeatureCollection"}
		}
		return files[name]
	}
	for _, a := range t.lands {
		name := "landuse"
		if a.Kind == "park" || a.Kind == "wood" || a.Kind == "cemetery" || a.Kind == "pitch" {
			name = "parks"
		}
		layer(name).polygon(a.Kind, a.Name, a.ring)
	}
	for _, a := range t.waters {
		layer("water").polygon(a.Kind, a.Name, a.ring)
	}
	layer("water").line("stream", "Sugar Creek", creekLine())
	for _, s := range t.Streets {
		layer("streets").line(s.Kind, s.Name, s.line)
	}
	layer("rail").line("rail", "Prairie Northern Railway", railLine())
	layer("rail").line("siding", "", []pt{{-210, railAt(-210) + 9}, {480, railAt(480) + 9}})
	for _, a := range t.works {
		layer("buildings").polygon(a.Kind, a.Name, a.ring)
	}
	for _, h := range t.Houses {
		f := layer("buildings").polygon("house", "", h.ring)
		f.Properties["number"] = h.Number
		f.Properties["street"] = h.Street
		if h.garage != nil {
			layer("buildings").polygon("garage", "", h.garage)
		}
	}
	layer("trees").add("MultiPoint", lonLats(t.trees), map[string]any{"kind": "tree"})
	for _, p := range t.places {
		layer("places").add("Point", p.at.lonLat(), map[string]any{"kind": p.Kind, "name": p.Name})
	}
	layer("places").add("Point", pt{0, 60}.lonLat(), map[string]any{"kind": "town", "name": t.Name})
	layer("boundary").add("Polygon", [][]LonLat{t.Agencies[0].Jurisdiction}, map[string]any{"kind": "city", "name": t.Name})

	out := map[string][]byte{}
	for name, c := range files {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(c); err != nil {
			panic(err) // numbers and strings only
		}
		// One feature a line: diffable, and gzip likes it.
		out[name+".geojson"] = []byte(strings.ReplaceAll(b.String(), `{"type":"Feature",`, "\n"+`{"type":"Feature",`))
	}
	return out
}

type collection struct {
	Type     string     `json:"type"`
	Features []*feature `json:"features"`
}

type feature struct {
	Type       string         `json:"type"`
	Properties map[string]any `json:"properties"`
	Geometry   struct {
		Type        string `json:"type"`
		Coordinates any    `json:"coordinates"`
	} `json:"geometry"`
}

func (c *collection) add(kind string, coordinates any, props map[string]any) *feature {
	f := &feature{Type: "Feature", Properties: props}
	f.Geometry.Type, f.Geometry.Coordinates = kind, coordinates
	c.Features = append(c.Features, f)
	return f
}

func (c *collection) polygon(kind, name string, ring []pt) *feature {
	closed := append(append([]pt{}, ring...), ring[0])
	return c.add("Polygon", [][]LonLat{lonLats(closed)}, props(kind, name))
}

func (c *collection) line(kind, name string, line []pt) *feature {
	return c.add("LineString", lonLats(line), props(kind, name))
}

func props(kind, name string) map[string]any {
	p := map[string]any{"kind": kind}
	if name != "" {
		p["name"] = name
	}
	return p
}
