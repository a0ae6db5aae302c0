package basemap

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
)

// scheme is one set of colours.
type scheme struct {
	name string
	c    map[string]string
}

var (
	light = scheme{"light", map[string]string{
		"land": "#f4f1ea", "corn": "#efe9d2", "soy": "#ecebd6", "hay": "#e9ecd4", "school": "#efe6d6", "industry": "#e9e5e6",
		"park": "#cfe3bf", "wood": "#bfd9b0", "cemetery": "#d5e0cd", "pitch": "#bcd9a5", "tree": "#8fb97f",
		"water": "#a9cfe6", "water-name": "#2f6b8f", "boundary": "#9a7fb0",
		"casing": "#d3cabb", "street": "#ffffff", "secondary": "#fff7dd", "primary": "#ffe9b0", "track": "#f3ead6", "path": "#c09a6b",
		"rail": "#8b8589", "building": "#e0d6c8", "building-line": "#c9bca9", "public": "#e3c9b3", "public-line": "#c8a487",
		"text": "#4a4540", "halo": "#fbf9f4", "area": "#c2410c", "limit": "#5b4a8a"}}
	dark = scheme{"dark", map[string]string{
		"land": "#1d2024", "corn": "#23231f", "soy": "#222420", "hay": "#20251f", "school": "#2a2622", "industry": "#25242a",
		"park": "#1f3327", "wood": "#1b2f22", "cemetery": "#233029", "pitch": "#27402c", "tree": "#33573c",
		"water": "#1c3d54", "water-name": "#86bcd9", "boundary": "#8a73a6",
		"casing": "#15171a", "street": "#3a3f46", "secondary": "#4a4a45", "primary": "#5f553c", "track": "#33332f", "path": "#7a6444",
		"rail": "#6b686d", "building": "#2f3136", "building-line": "#3e4147", "public": "#46382f", "public-line": "#5f4a3b",
		"text": "#d8d4cc", "halo": "#16181b", "area": "#fb923c", "limit": "#b6a3e6"}}
)

// stylesheet is the CSS of the SVGs; light-dark() follows the page's color-scheme.
func stylesheet() []byte {
	var b strings.Builder
	b.WriteString(".bm{display:block;width:100%;height:auto;")
	for _, n := range slices.Sorted(maps.Keys(light.c)) {
		fmt.Fprintf(&b, "--bm-%s:light-dark(%s,%s);", n, light.c[n], dark.c[n])
	}
	b.WriteString("}\n")
	for _, n := range []string{"land", "corn", "soy", "hay", "school", "industry", "park", "wood", "cemetery", "pitch"} {
		fmt.Fprintf(&b, ".bm-%s{fill:var(--bm-%s)}\n", n, n)
	}
	b.WriteString(`.bm-stream,.bm-pond,.bm-lake,.bm-river,.bm-water{fill:var(--bm-water)}
.bm-other{fill:var(--bm-industry)}
.bm-building{fill:var(--bm-building);stroke:var(--bm-building-line);stroke-width:.6}
.bm-public{fill:var(--bm-public);stroke:var(--bm-public-line)}
.bm-line,.bm-guide,.bm-scale{fill:none;stroke-linejoin:round;stroke-linecap:round}
.bm-tree{fill:none;stroke:var(--bm-tree);stroke-linecap:round;opacity:.75}
.bm-boundary{stroke:var(--bm-boundary);stroke-dasharray:7 4 2 4}
.bm-casing{stroke:var(--bm-casing)}
.bm-street{stroke:var(--bm-street);fill:none}
.bm-secondary{stroke:var(--bm-secondary)}
.bm-primary{stroke:var(--bm-primary)}
.bm-track{stroke:var(--bm-track)}
.bm-path{stroke:var(--bm-path);stroke-dasharray:3 3}
.bm-rail{stroke:var(--bm-rail)}
.bm-ties{stroke:var(--bm-rail);stroke-dasharray:1.2 7;stroke-linecap:butt}
.bm-text{fill:var(--bm-text);stroke:var(--bm-halo);stroke-width:3;stroke-linejoin:round;paint-order:stroke;text-anchor:middle;font-family:system-ui,sans-serif}
.bm-street-name{font-weight:500;letter-spacing:.02em}
.bm-water-name{fill:var(--bm-water-name);font-style:italic}
.bm-name{font-weight:600}
.bm-name-town{letter-spacing:.06em}
.bm-name-park,.bm-name-cemetery{font-style:italic;font-weight:500}
.bm-dot{fill:var(--bm-public-line);stroke:var(--bm-halo);stroke-width:1.5}
.bm-at-police{fill:var(--bm-limit)}
.bm-scale{stroke:var(--bm-text);stroke-width:1.5}
.bm-overlay{fill:var(--bm-area);fill-opacity:.2;stroke:var(--bm-area);stroke-width:2.5;stroke-linejoin:round}
.bm-overlay.bm-limit{fill:var(--bm-limit);fill-opacity:.06;stroke:var(--bm-limit);stroke-width:2;stroke-dasharray:8 5}
.bm-spot{fill:var(--bm-area);stroke:var(--bm-halo);stroke-width:2}
.bm-overlay-name{font-size:14px;font-weight:700}
.bm-link:hover .bm-overlay,.bm-link:focus-visible .bm-overlay{fill-opacity:.36;stroke-width:4}
.bm-link:focus-visible{outline:3px solid var(--bm-area);outline-offset:2px}
@media (forced-colors:active){.bm{forced-color-adjust:none}}
`)
	return []byte(b.String())
}

type object = map[string]any

// style is a MapLibre style (style specification version 8) over this map's files. It
// names no glyphs, so MapLibre draws labels with the reader's own fonts, and
// nothing is fetched from elsewhere.
func (m *Map) style(s scheme) []byte {
	sources := object{}
	for _, n := range layers {
		if _, ok := m.features[n]; ok {
			sources[n] = object{"type": "geojson", "data": "/map/" + n + ".geojson"}
		}
	}
	c := s.c
	zoom := func(stops ...any) any {
		return append([]any{"interpolate", []any{"exponential", 2}, []any{"zoom"}}, stops...)
	}
	by := func(prop, other string, pairs ...string) any {
		e := []any{"match", []any{"get", prop}}
		for i := 0; i+1 < len(pairs); i += 2 {
			e = append(e, pairs[i], c[pairs[i+1]])
		}
		return append(e, c[other])
	}
	kinds := func(k ...string) any { return []any{"in", []any{"get", "kind"}, []any{"literal", k}} }
	font := []string{"system-ui", "sans-serif"}
	text := func(id, source string, filter any, minzoom float64, layout, extra object) object {
		l := object{"text-field": []any{"get", "name"}, "text-font": font, "text-size": 12}
		for k, v := range layout {
			l[k] = v
		}
		p := object{"text-color": c["text"], "text-halo-color": c["halo"], "text-halo-width": 1.6}
		for k, v := range extra {
			p[k] = v
		}
		o := object{"id": id, "type": "symbol", "source": source, "minzoom": minzoom, "layout": l, "paint": p}
		if filter != nil {
			o["filter"] = filter
		}
		return o
	}
	line := func(id, source string, filter any, layout, paint object) object {
		o := object{"id": id, "type": "line", "source": source, "layout": layout, "paint": paint}
		if filter != nil {
			o["filter"] = filter
		}
		return o
	}
	round := object{"line-cap": "round", "line-join": "round"}
	all := []object{
		{"id": "land", "type": "background", "paint": object{"background-color": c["land"]}},
		{"id": "landuse", "type": "fill", "source": "landuse", "paint": object{"fill-color": by("kind", "industry", "corn", "corn", "soy", "soy", "hay", "hay", "school", "school")}},
		{"id": "parks", "type": "fill", "source": "parks", "paint": object{"fill-color": by("kind", "park", "wood", "wood", "cemetery", "cemetery", "pitch", "pitch")}},
		{"id": "water", "type": "fill", "source": "water", "filter": []any{"==", []any{"geometry-type"}, "Polygon"}, "paint": object{"fill-color": c["water"]}},
		{"id": "buildings", "type": "fill", "source": "buildings", "minzoom": 13.8, "paint": object{
			"fill-color":         by("kind", "public", "house", "building", "garage", "building", "barn", "building", "silo", "building"),
			"fill-outline-color": by("kind", "public-line", "house", "building-line", "garage", "building-line", "barn", "building-line", "silo", "building-line")}},
		{"id": "trees", "type": "circle", "source": "trees", "minzoom": 15, "paint": object{"circle-color": c["tree"], "circle-opacity": 0.75, "circle-radius": zoom(15, 1.2, 20, 38)}},
		line("boundary", "boundary", nil, round, object{"line-color": c["boundary"], "line-width": 1.4, "line-dasharray": []any{5, 3, 1, 3}}),
	}
	for _, kind := range []string{"path", "track", "service", "residential", "secondary", "primary"} {
		if kind == "path" {
			all = append(all, line("path", "streets", kinds("path"), round, object{"line-color": c["path"], "line-width": zoom(13, 0.8, 18, 4), "line-dasharray": []any{1.5, 1.5}}))
			continue
		}
		metres, least := roadway(kind)
		// A metre is about 2^zoom / 59,000 pixels wide in Illinois; the tile's own latitude shifts this little.
		at := func(z int, more float64) float64 { return max(least, metres*float64(int(1)<<z)/59_000) + more }
		all = append(all, line(kind+"-casing", "streets", kinds(kind), round, object{"line-color": c["casing"], "line-width": zoom(10, least+0.6, 14, at(14, 1.4), 16, at(16, 2), 20, at(20, 3))}))
	}
	for _, kind := range []string{"track", "service", "residential", "secondary", "primary"} {
		metres, least := roadway(kind)
		at := func(z int) float64 { return max(least, metres*float64(int(1)<<z)/59_000) }
		color := c["street"]
		if v, ok := c[kind]; ok {
			color = v
		}
		all = append(all, line(kind, "streets", kinds(kind), round, object{"line-color": color, "line-width": zoom(10, least, 14, at(14), 16, at(16), 20, at(20))}))
	}
	all = append(all,
		line("rail", "rail", nil, object{}, object{"line-color": c["rail"], "line-width": zoom(12, 1, 18, 3)}),
		line("ties", "rail", nil, object{}, object{"line-color": c["rail"], "line-width": zoom(12, 3, 18, 9), "line-dasharray": []any{0.25, 1.6}}),
		text("stream-names", "water", []any{"==", []any{"geometry-type"}, "LineString"}, 13.5, object{"symbol-placement": "line", "symbol-spacing": 400}, object{"text-color": c["water-name"]}),
		text("water-names", "water", []any{"all", []any{"==", []any{"geometry-type"}, "Polygon"}, []any{"!=", []any{"get", "kind"}, "stream"}}, 15, nil, object{"text-color": c["water-name"]}),
		text("street-names", "streets", []any{"!=", []any{"get", "kind"}, "path"}, 14, object{"symbol-placement": "line", "text-size": 11.5, "symbol-spacing": 320}, nil),
		text("house-numbers", "buildings", []any{"has", "number"}, 17, object{"text-field": []any{"to-string", []any{"get", "number"}}, "text-size": 10}, object{"text-halo-width": 1}),
		text("place-names", "places", []any{"!=", []any{"get", "kind"}, "town"}, 14.5, object{"text-size": 12, "text-max-width": 8}, nil),
		text("town-names", "places", kinds("town"), 9, object{"text-size": 19, "text-letter-spacing": 0.06}, nil),
	)
	all[len(all)-1]["maxzoom"] = 14.2
	drawn := all[:1]
	for _, l := range all[1:] {
		if _, ok := sources[l["source"].(string)]; ok {
			drawn = append(drawn, l)
		}
	}
	whole := object{"version": 8, "name": "Porchlight " + s.name, "sources": sources, "layers": drawn}
	if home := m.Home(); !home.Empty() {
		// First view: the home box about 480 pixels wide; the world is 512 pixels wide at zoom 0.
		whole["center"] = LonLat{(home[0] + home[2]) / 2, (home[1] + home[3]) / 2}
		whole["zoom"] = math.Round(10*math.Log2(480*360/512/(home[2]-home[0]))) / 10
	}
	b, err := json.MarshalIndent(whole, "", " ")
	if err != nil {
		panic(err) // strings and numbers only
	}
	return b
}

// file is a static answer: the bytes, gzipped too, and a strong ETag.
type file struct {
	kind, tag    string
	data, packed []byte
}

func newFile(kind string, data []byte) file {
	var z bytes.Buffer
	w, _ := gzip.NewWriterLevel(&z, gzip.BestCompression)
	w.Write(data)
	w.Close()
	sum := sha256.Sum256(data)
	return file{kind, base64.RawURLEncoding.EncodeToString(sum[:12]), data, z.Bytes()}
}

// Handler serves /map/NAME.geojson, /map/style-light.json, /map/style-dark.json
// and /map/basemap.css; anything else is 404.
func (m *Map) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := m.files[strings.TrimPrefix(r.URL.Path, "/map/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		body, tag := f.data, `"`+f.tag+`"`
		h := w.Header()
		h.Set("Content-Type", f.kind)
		h.Set("Vary", "Accept-Encoding")
		h.Set("Cache-Control", "public, max-age=3600")
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			body, tag = f.packed, `"`+f.tag+`-gz"`
			h.Set("Content-Encoding", "gzip")
		}
		h.Set("ETag", tag)
		if strings.Contains(r.Header.Get("If-None-Match"), tag) {
			h.Del("Content-Encoding")
			w.WriteHeader(http.StatusNotModified)
			return
		}
		h.Set("Content-Length", fmt.Sprint(len(body)))
		if r.Method == http.MethodGet {
			w.Write(body)
		}
	})
}
