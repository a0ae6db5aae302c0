package basemap

import (
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

func sample(t *testing.T) *Map {
	t.Helper()
	m, err := Load(fstest.MapFS{
		"streets.geojson": {Data: []byte(`{"type":"FeatureCollection","features":[
			{"type":"Feature","properties":{"kind":"primary","name":"Main <Street>"},"geometry":{"type":"LineString","coordinates":[[-88.30,40.66],[-88.28,40.66]]}}]}`)},
		"water.geojson": {Data: []byte(`{"type":"FeatureCollection","features":[
			{"type":"Feature","properties":{"kind":"x\" onload=","name":"Pond"},"geometry":{"type":"MultiPolygon","coordinates":[[[[-88.29,40.661],[-88.285,40.661],[-88.285,40.664],[-88.29,40.661]]]]}}]}`)},
		"places.geojson": {Data: []byte(`{"type":"FeatureCollection","features":[
			{"type":"Feature","properties":{"kind":"park","name":"Grove"},"geometry":{"type":"Point","coordinates":[-88.29,40.665]}}]}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSVG(t *testing.T) {
	m := sample(t)
	svg := string(m.SVG(View{Bounds: m.Bounds().Pad(0.1, 0), Width: 900, Height: 500, ID: "m", Title: `A "map"`, Overlays: []Overlay{
		{Ring: Bounds{-88.29, 40.661, -88.286, 40.663}.Ring(), Class: "area", Title: "<b>", Label: "A&B", Href: "/r?a=1&b=2"},
		{Ring: Bounds{-88.2950, 40.6610, -88.29499, 40.66101}.Ring(), Class: "area"},
	}}))
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well-formed: %v\n%s", err, svg)
		}
		if e, ok := tok.(xml.StartElement); ok {
			for _, a := range e.Attr {
				if a.Name.Local == "style" || strings.HasPrefix(a.Name.Local, "on") {
					t.Errorf("%s carries %s, which the Content-Security-Policy forbids", e.Name.Local, a.Name.Local)
				}
			}
		}
	}
	for _, want := range []string{"Main &lt;Street&gt;", "Grove", `href="/r?a=1&amp;b=2"`, "bm-spot", "bm-scale", `role="group"`} {
		if !strings.Contains(svg, want) {
			t.Errorf("the picture lacks %s", want)
		}
	}
}

func TestEmpty(t *testing.T) {
	m, err := Load(fstest.MapFS{})
	if err != nil {
		t.Fatal(err)
	}
	svg := string(m.SVG(View{Width: 300, Height: 200, Overlays: []Overlay{{Ring: Bounds{5, 52, 5.01, 52.01}.Ring(), Class: "area"}}}))
	if !strings.Contains(svg, "bm-area") || strings.Contains(svg, "NaN") {
		t.Error(svg)
	}
}

func TestLoadRefuses(t *testing.T) {
	for _, bad := range []string{``, `{`, `{"type":"Feature"}`,
		`{"type":"FeatureCollection","features":[{"geometry":{"type":"Polygon","coordinates":[1]}}]}`,
		`{"type":"FeatureCollection","features":[{"geometry":{"type":"GeometryCollection"}}]}`,
		`{"type":"FeatureCollection","features":[{"geometry":{"type":"LineString","coordinates":[]}}]}`} {
		if _, err := Load(fstest.MapFS{"water.geojson": {Data: []byte(bad)}}); err == nil || !strings.Contains(err.Error(), "water.geojson") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestHandler(t *testing.T) {
	h := sample(t).Handler()
	get := func(path string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", path, nil)
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	for _, name := range []string{"style-light.json", "style-dark.json"} {
		var style struct {
			Version int
			Glyphs  *string
			Sources map[string]struct{ Data string }
			Layers  []struct{ ID, Source string }
		}
		w := get("/map/"+name, "Accept-Encoding", "gzip")
		z, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.NewDecoder(z).Decode(&style); err != nil {
			t.Fatal(err)
		}
		if style.Version != 8 || style.Glyphs != nil || len(style.Sources) != 3 {
			t.Errorf("%s: %+v", name, style)
		}
		for _, s := range style.Sources {
			if get(s.Data).Code != 200 {
				t.Errorf("%s names %s, which is not served", name, s.Data)
			}
		}
		for _, l := range style.Layers {
			if _, ok := style.Sources[l.Source]; !ok && l.ID != "land" {
				t.Errorf("layer %s has no source", l.ID)
			}
		}
	}
	tag := get("/map/basemap.css").Header().Get("ETag")
	if w := get("/map/basemap.css", "If-None-Match", tag); w.Code != 304 || w.Body.Len() != 0 {
		t.Errorf("revalidation answered %d", w.Code)
	}
	for _, path := range []string{"/map/", "/map/rail.geojson", "/map/../go.mod"} {
		if get(path).Code != 404 {
			t.Errorf("%s is served", path)
		}
	}
}
