package packs

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestHomes(t *testing.T) {
	all, err := Homes()
	if err != nil {
		t.Fatal(err)
	}
	places := map[string]HomeLaw{}
	for _, h := range all {
		r := h.FamiliarFaces
		if r == nil || r.Citation == "" || !strings.HasPrefix(r.URL, "https://") || len(h.Digest) != 64 || h.Name == "" || len(h.Inside) == 0 {
			t.Errorf("%+v", h)
			continue
		}
		for _, lang := range []string{"en", "es", "nl"} {
			if s := r.Says(lang); !strings.HasSuffix(s, ".") || lang != "en" && s == r.Plain {
				t.Errorf("%s in %s: %q", h.Name, lang, s)
			}
		}
		for _, box := range h.Inside {
			if box[0] >= box[2] || box[1] >= box[3] {
				t.Errorf("%s: %v is no rectangle", h.Name, box)
			}
		}
		places[h.Name] = h
	}
	if len(places) != 4 {
		t.Errorf("%d places", len(places))
	}
	for _, c := range []struct {
		name, place, city string
		covers            bool
	}{
		{"Illinois", "us-il", "", true}, {"Illinois", "US-IN", "", false}, {"Texas", "US-TX", "Austin", true},
		{"Portland", "US-OR", " portland ", true}, {"Portland", "US-OR", "Salem", false}, {"Portland", "US-ME", "Portland", false},
		{"Québec", "CA-QC", "", true}, {"Québec", "CA-ON", "", false},
	} {
		if got := places[c.name].Covers(c.place, c.city); got != c.covers {
			t.Errorf("%s covers %s %s: %v", c.name, c.place, c.city, got)
		}
	}
	// Cities well inside, and cities just outside.
	for _, c := range []struct {
		city     string
		lat, lng float64
		in       string
	}{
		{"Chicago", 41.88, -87.64, "Illinois"}, {"Springfield", 39.80, -89.65, "Illinois"}, {"Gary", 41.59, -87.35, ""}, {"St. Louis", 38.63, -90.25, ""}, {"Kenosha", 42.58, -87.85, ""}, {"Davenport", 41.52, -90.58, ""},
		{"Houston", 29.76, -95.37, "Texas"}, {"Dallas", 32.78, -96.80, "Texas"}, {"Austin", 30.27, -97.74, "Texas"}, {"San Antonio", 29.42, -98.49, "Texas"}, {"Lubbock", 33.58, -101.86, "Texas"}, {"Shreveport", 32.52, -93.75, ""}, {"Ciudad Acuña", 29.32, -100.93, ""}, {"Nuevo Laredo", 27.48, -99.52, ""}, {"Durant", 33.99, -96.37, ""}, {"Clovis", 34.40, -103.20, ""},
		{"Portland", 45.52, -122.68, "Portland"}, {"Vancouver", 45.64, -122.66, ""}, {"Milwaukie", 45.44, -122.63, ""}, {"Beaverton", 45.49, -122.80, ""}, {"Gresham", 45.50, -122.43, ""},
		{"Montréal", 45.51, -73.57, "Québec"}, {"Québec", 46.81, -71.22, "Québec"}, {"Ottawa", 45.42, -75.70, ""}, {"Burlington", 44.48, -73.21, ""}, {"Cornwall", 45.02, -74.73, ""},
	} {
		var in []string
		for name, h := range places {
			if h.Holds(c.lat, c.lng) {
				in = append(in, name)
			}
		}
		if got := strings.Join(in, " "); got != c.in {
			t.Errorf("%s lies in %q, expected %q", c.city, got, c.in)
		}
	}
}

func TestHomeLawIsReadStrictly(t *testing.T) {
	for _, text := range []string{`{"place":"US-IL","familar_faces":{}}`, `{} {}`, `[]`, ``} {
		if got, err := homes(fstest.MapFS{"zz/home.json": {Data: []byte(text)}}); err == nil {
			t.Errorf("%s was taken: %+v", text, got)
		}
	}
}
