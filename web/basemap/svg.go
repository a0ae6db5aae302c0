package basemap

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strings"
)

// A View is what one picture shows.
type View struct {
	Bounds        Bounds // the picture shows at least this
	Width, Height int    // in CSS pixels; the SVG scales with its box
	Title         string // read by screen readers
	ID            string // unique in the page, for references inside the SVG
	Overlays      []Overlay
}

// An Overlay is an area drawn over the map.
type Overlay struct {
	Ring  []LonLat // closed or not
	Class string   // "area" (asked about), "limit" (a jurisdiction) or a class of the page's own
	Title string   // shown as a tooltip and read aloud
	Label string   // short text set in the middle of the area
	Href  string   // makes the area a link
}

// SVG draws the view. Colours come from classes in /map/basemap.css, which follow
// the page's color-scheme; there are no inline styles, so a strict
// Content-Security-Policy allows it.
func (m *Map) SVG(v View) template.HTML {
	d := newDrawing(v)
	fmt.Fprintf(&d.out, `<svg class="bm" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" preserveAspectRatio="xMidYMid slice" role="%s" aria-label="%s">`,
		v.Width, v.Height, map[bool]string{true: "group", false: "img"}[d.links()], html.EscapeString(v.Title))
	fmt.Fprintf(&d.out, `<rect class="bm-land" width="%d" height="%d"/>`, v.Width, v.Height)
	for _, name := range []string{"landuse", "parks", "water"} {
		d.fills(m.features[name])
	}
	d.buildings(m.features["buildings"])
	d.dots("bm-tree", m.features["trees"], 3.2, 0.35)
	d.lines("bm-boundary", m.features["boundary"], 1.2)
	d.streets(m.features["streets"])
	d.rail(m.features["rail"])
	d.overlays()
	d.places(m.features["places"])
	d.streetNames(m.features["streets"])
	d.waterNames(m.features["water"])
	d.scaleBar()
	d.out.WriteString(`</svg>`)
	return template.HTML(d.out.String())
}

// drawing is one SVG in the making: pixels of a Web Mercator plan.
type drawing struct {
	View
	out    strings.Builder
	x0, y0 float64 // Mercator, radians
	k      float64 // pixels a radian
	metre  float64 // pixels a metre on the ground
	shown  Bounds
	taken  [][4]float64 // boxes of labels already set
	ids    int
}

func mercator(p LonLat) (x, y float64) {
	lat := math.Max(-85, math.Min(85, p[1])) * math.Pi / 180
	return p[0] * math.Pi / 180, -math.Log(math.Tan(math.Pi/4 + lat/2))
}

func newDrawing(v View) *drawing {
	b := v.Bounds
	if b.Empty() {
		for _, o := range v.Overlays {
			b = b.Extend(o.Ring...)
		}
		b = b.Pad(0.2, 400)
	}
	x0, y0 := mercator(LonLat{b[0], b[3]})
	x1, y1 := mercator(LonLat{b[2], b[1]})
	w, h := float64(v.Width), float64(v.Height)
	d := &drawing{View: v, k: math.Min(w/(x1-x0), h/(y1-y0))}
	d.x0, d.y0 = (x0+x1)/2-w/2/d.k, (y0+y1)/2-h/2/d.k
	lat := (b[1] + b[3]) / 2 * math.Pi / 180
	d.metre = d.k / (6_378_137 * math.Cos(lat))
	unlat := func(y float64) float64 { return (2*math.Atan(math.Exp(-y)) - math.Pi/2) * 180 / math.Pi }
	d.shown = Bounds{d.x0 * 180 / math.Pi, unlat(d.y0 + h/d.k), (d.x0 + w/d.k) * 180 / math.Pi, unlat(d.y0)}
	return d
}

func (d *drawing) links() bool {
	for _, o := range d.Overlays {
		if o.Href != "" {
			return true
		}
	}
	return false
}

func (d *drawing) px(p LonLat) (x, y float64) {
	x, y = mercator(p)
	return (x - d.x0) * d.k, (y - d.y0) * d.k
}

// path appends a part as path data with a tenth of a pixel, leaving out vertices
// that fall on the one before.
func (d *drawing) path(b *strings.Builder, part []LonLat, closed bool) {
	var lx, ly int
	for i, p := range part {
		fx, fy := d.px(p)
		x, y := int(math.Round(fx*10)), int(math.Round(fy*10))
		switch {
		case i == 0:
			fmt.Fprintf(b, "M%s %s", tenth(x), tenth(y))
		case abs(x-lx)+abs(y-ly) < 6:
			continue
		default:
			fmt.Fprintf(b, "l%s %s", tenth(x-lx), tenth(y-ly))
		}
		lx, ly = x, y
	}
	if closed {
		b.WriteByte('z')
	}
}

func tenth(v int) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(v)/10), ".0") }

func abs(v int) int { return max(v, -v) }

func (d *drawing) group(features []feature, class func(f feature) string) (order []string, paths map[string]*strings.Builder) {
	paths = map[string]*strings.Builder{}
	for _, f := range features {
		c := class(f)
		if c == "" || !f.box.meets(d.shown) {
			continue
		}
		if paths[c] == nil {
			paths[c] = &strings.Builder{}
			order = append(order, c)
		}
		for _, p := range f.parts {
			d.path(paths[c], p, f.closed)
		}
	}
	return order, paths
}

func (d *drawing) fills(features []feature) {
	order, paths := d.group(features, func(f feature) string {
		if !f.closed {
			return ""
		}
		return known(f.kind)
	})
	for _, c := range order {
		fmt.Fprintf(&d.out, `<path class="bm-fill bm-%s" d="%s"/>`, c, paths[c])
	}
}

// known keeps a kind to a word that can be a class.
func known(kind string) string {
	for _, r := range kind {
		if r < 'a' || r > 'z' {
			return "other"
		}
	}
	if kind == "" {
		return "other"
	}
	return kind
}

func (d *drawing) buildings(features []feature) {
	if d.metre < 0.08 {
		return
	}
	order, paths := d.group(features, func(f feature) string {
		switch f.kind {
		case "house", "garage", "barn", "silo", "":
			return "bm-building"
		}
		return "bm-building bm-public"
	})
	for _, c := range order {
		fmt.Fprintf(&d.out, `<path class="%s" d="%s"/>`, c, paths[c])
	}
}

func (d *drawing) dots(class string, features []feature, metres, least float64) {
	if d.metre < least {
		return
	}
	var b strings.Builder
	for _, f := range features {
		for _, part := range f.parts {
			for _, p := range part {
				if p[0] > d.shown[0] && p[0] < d.shown[2] && p[1] > d.shown[1] && p[1] < d.shown[3] {
					x, y := d.px(p)
					fmt.Fprintf(&b, "M%.0f %.0fh0", x, y)
				}
			}
		}
	}
	if b.Len() > 0 {
		fmt.Fprintf(&d.out, `<path class="%s" stroke-width="%.1f" d="%s"/>`, class, 2*metres*d.metre, b.String())
	}
}

func (d *drawing) lines(class string, features []feature, width float64) {
	order, paths := d.group(features, func(feature) string { return class })
	for _, c := range order {
		fmt.Fprintf(&d.out, `<path class="bm-line %s" stroke-width="%.1f" d="%s"/>`, c, width, paths[c])
	}
}

// roadway is a street's width in metres and the least pixels it is drawn with.
func roadway(kind string) (metres, least float64) {
	switch kind {
	case "primary":
		return 15, 2.4
	case "secondary":
		return 12, 2
	case "service":
		return 6, 0.7
	case "track":
		return 6, 0.8
	case "path":
		return 2.6, 0.8
	}
	return 9, 1.1
}

func (d *drawing) streets(features []feature) {
	_, paths := d.group(features, func(f feature) string { return known(f.kind) })
	kinds := []string{"path", "track", "service", "residential", "other", "secondary", "primary"}
	for _, casing := range []bool{true, false} {
		for _, kind := range kinds {
			p := paths[kind]
			if p == nil || (casing && kind == "path") {
				continue
			}
			m, least := roadway(kind)
			w, class := math.Max(m*d.metre, least), "bm-street bm-"+kind
			if casing {
				w, class = w+math.Min(2, 0.6+w*0.2), "bm-casing"
			}
			fmt.Fprintf(&d.out, `<path class="bm-line %s" stroke-width="%.1f" d="%s"/>`, class, w, p)
		}
	}
}

func (d *drawing) rail(features []feature) {
	w := math.Max(1.2, math.Min(3, 4*d.metre))
	d.lines("bm-rail", features, w)
	if d.metre > 0.1 {
		d.lines("bm-ties", features, w*2.6)
	}
}

func (d *drawing) overlays() {
	for _, o := range d.Overlays {
		var b strings.Builder
		var box Bounds
		box = box.Extend(o.Ring...)
		d.path(&b, o.Ring, true)
		title := ""
		if o.Title != "" {
			title = "<title>" + html.EscapeString(o.Title) + "</title>"
		}
		if o.Href != "" {
			name := strings.TrimSpace(o.Label + " " + o.Title) // what is read aloud holds what is seen
			fmt.Fprintf(&d.out, `<a class="bm-link" href="%s" aria-label="%s">`, html.EscapeString(o.Href), html.EscapeString(name))
		}
		fmt.Fprintf(&d.out, `<path class="bm-overlay bm-%s" d="%s">%s</path>`, html.EscapeString(o.Class), b.String(), title)
		x0, y1 := d.px(LonLat{box[0], box[1]})
		x1, y0 := d.px(LonLat{box[2], box[3]})
		x, y := (x0+x1)/2, (y0+y1)/2
		if x1-x0 < 16 && y1-y0 < 16 { // too small to see: a dot shows where
			fmt.Fprintf(&d.out, `<circle class="bm-spot bm-%s" cx="%.1f" cy="%.1f" r="7"/>`, html.EscapeString(o.Class), x, y)
		}
		if o.Label != "" {
			// In the middle, or in a corner when another area's label is there.
			w := textWidth(o.Label, 14) + 10
			for _, at := range [][2]float64{{x, y}, {x0 + w/2 + 4, y0 + 14}, {x1 - w/2 - 4, y0 + 14}, {x0 + w/2 + 4, y1 - 14}, {x1 - w/2 - 4, y1 - 14}} {
				if d.claim(at[0], at[1], w, 20) {
					fmt.Fprintf(&d.out, `<text class="bm-text bm-overlay-name" x="%.1f" y="%.1f">%s</text>`, at[0], at[1]+5, html.EscapeString(o.Label))
					break
				}
			}
		}
		if o.Href != "" {
			d.out.WriteString(`</a>`)
		}
	}
}

// claim reserves a label's box around (x, y); false when it leaves the picture
// or meets another label.
func (d *drawing) claim(x, y, w, h float64) bool {
	b := [4]float64{x - w/2, y - h/2, x + w/2, y + h/2}
	if b[0] < 2 || b[1] < 2 || b[2] > float64(d.Width)-2 || b[3] > float64(d.Height)-2 {
		return false
	}
	for _, o := range d.taken {
		if b[0] < o[2] && o[0] < b[2] && b[1] < o[3] && o[1] < b[3] {
			return false
		}
	}
	d.taken = append(d.taken, b)
	return true
}

func textWidth(s string, size float64) float64 { return float64(len([]rune(s))) * size * 0.56 }

// rank says how early a place is labelled and from which scale (pixels a metre).
func rank(kind string) (order int, least float64) {
	switch kind {
	case "town":
		return 0, 0
	case "park", "school":
		return 1, 0.22
	case "civic", "police", "cemetery":
		return 2, 0.45
	}
	return 3, 0.8
}

func (d *drawing) places(features []feature) {
	for order := range 4 {
		for _, f := range features {
			if o, least := rank(f.kind); o != order || d.metre < least || (order == 0 && d.metre > 0.3) || !f.box.meets(d.shown) {
				continue
			}
			x, y := d.px(f.parts[0][0])
			size := 11.5
			if order == 0 {
				size = 19
			}
			dot := order >= 2 && f.kind != "cemetery"
			dy := 4.0
			if dot {
				dy = 16
			}
			if !d.claim(x, y+dy-4, textWidth(f.name, size)+6, size+6) {
				continue
			}
			if dot {
				fmt.Fprintf(&d.out, `<circle class="bm-dot bm-at-%s" cx="%.1f" cy="%.1f" r="3.5"/>`, known(f.kind), x, y)
			}
			fmt.Fprintf(&d.out, `<text class="bm-text bm-name bm-name-%s" font-size="%.1f" x="%.1f" y="%.1f">%s</text>`, known(f.kind), size, x, y+dy, html.EscapeString(f.name))
		}
	}
}

// streetNames sets each name once along the straightest stretch in view that is
// long enough for it.
func (d *drawing) streetNames(features []feature) {
	if d.metre < 0.14 {
		return
	}
	done := map[string]bool{}
	for _, kind := range []string{"primary", "secondary", "residential", "track", "service"} {
		for _, f := range features {
			if f.kind != kind || f.name == "" || done[f.name] || !f.box.meets(d.shown) {
				continue
			}
			size := 10.5
			if kind == "primary" || kind == "secondary" {
				size = 12
			}
			if d.alongside(f.parts[0], f.name, size, "bm-street-name") {
				done[f.name] = true
			}
		}
	}
}

func (d *drawing) waterNames(features []feature) {
	for _, f := range features {
		if f.name != "" && f.box.meets(d.shown) {
			if f.closed {
				if f.kind == "stream" {
					continue // its line, or nothing, carries the name
				}
				x, y := d.px(LonLat{(f.box[0] + f.box[2]) / 2, (f.box[1] + f.box[3]) / 2})
				if d.metre > 0.4 && d.claim(x, y, textWidth(f.name, 11), 14) {
					fmt.Fprintf(&d.out, `<text class="bm-text bm-water-name" font-size="11" x="%.1f" y="%.1f">%s</text>`, x, y+4, html.EscapeString(f.name))
				}
			} else if d.metre > 0.14 {
				d.alongside(f.parts[0], f.name, 11, "bm-water-name")
			}
		}
	}
}

// alongside sets a name on a line, at the window of vertices whose ends are
// farthest apart for their length, nearest the middle of the picture.
func (d *drawing) alongside(line []LonLat, name string, size float64, class string) bool {
	need := textWidth(name, size) + 14
	type xy struct{ x, y float64 }
	var pts []xy
	for i, p := range line { // cut long edges, so that windows can start anywhere
		x, y := d.px(p)
		if i > 0 {
			l := pts[len(pts)-1]
			n := int(math.Hypot(x-l.x, y-l.y) / 12)
			for k := 1; k < min(n, 400); k++ {
				t := float64(k) / float64(n)
				pts = append(pts, xy{l.x + (x-l.x)*t, l.y + (y-l.y)*t})
			}
		}
		pts = append(pts, xy{x, y})
	}
	w, h := float64(d.Width), float64(d.Height)
	best, bi, bj := math.Inf(1), 0, 0
	for i := range pts {
		length := 0.0
		for j := i + 1; j < len(pts); j++ {
			length += math.Hypot(pts[j].x-pts[j-1].x, pts[j].y-pts[j-1].y)
			if length < need {
				continue
			}
			mid := pts[(i+j)/2]
			bend := length/math.Max(1, math.Hypot(pts[j].x-pts[i].x, pts[j].y-pts[i].y)) - 1
			if bend < 0.06 && inView(pts[i].x, pts[i].y, w, h) && inView(pts[j].x, pts[j].y, w, h) && d.clear(mid.x, mid.y, pts[j].x-pts[i].x, pts[j].y-pts[i].y, size) {
				score := bend*8 + math.Hypot(mid.x-w/2, mid.y-h/2)/w
				if score < best {
					best, bi, bj = score, i, j
				}
			}
			break
		}
	}
	if math.IsInf(best, 1) {
		return false
	}
	run := pts[bi : bj+1]
	a, b := run[0], run[len(run)-1]
	for _, t := range []float64{0.1, 0.3, 0.5, 0.7, 0.9} { // reserve the slanted band as a row of small boxes
		x, y := a.x+(b.x-a.x)*t, a.y+(b.y-a.y)*t
		dx, dy := math.Abs(b.x-a.x)*0.1+size*0.6, math.Abs(b.y-a.y)*0.1+size*0.6
		d.taken = append(d.taken, [4]float64{x - dx, y - dy, x + dx, y + dy})
	}
	if b.x < a.x || (b.x-a.x < 1 && b.y > a.y) { // read left to right, or upwards
		for i, j := 0, len(run)-1; i < j; i, j = i+1, j-1 {
			run[i], run[j] = run[j], run[i]
		}
	}
	var p strings.Builder
	for i, q := range run {
		fmt.Fprintf(&p, "%s%.0f %.0f", map[bool]string{true: "M", false: "L"}[i == 0], q.x, q.y)
	}
	d.ids++
	id := fmt.Sprintf("bm%s%d", html.EscapeString(d.ID), d.ids)
	fmt.Fprintf(&d.out, `<path id="%s" class="bm-guide" d="%s"/><text class="bm-text %s" font-size="%.1f" dy="%.1f"><textPath href="#%s" startOffset="50%%">%s</textPath></text>`,
		id, p.String(), class, size, size*0.35, id, html.EscapeString(name))
	return true
}

func inView(x, y, w, h float64) bool { return x > 6 && y > 6 && x < w-6 && y < h-6 }

// clear says whether the band around (x, y) along (dx, dy) is free of labels.
func (d *drawing) clear(x, y, dx, dy, size float64) bool {
	for _, t := range []float64{-0.4, -0.2, 0, 0.2, 0.4} {
		cx, cy := x+dx*t, y+dy*t
		for _, o := range d.taken {
			if cx > o[0]-size*0.7 && cx < o[2]+size*0.7 && cy > o[1]-size*0.7 && cy < o[3]+size*0.7 {
				return false
			}
		}
	}
	return true
}

// scaleBar shows a round distance in feet and metres.
func (d *drawing) scaleBar() {
	for _, s := range []struct {
		metres float64
		text   string
	}{{8046.7, "5 mi"}, {1609.3, "1 mi"}, {804.7, "½ mi"}, {402.3, "¼ mi"}, {152.4, "500 ft"}, {61, "200 ft"}, {30.5, "100 ft"}} {
		w := s.metres * d.metre
		if w > float64(d.Width)*0.28 {
			continue
		}
		y := float64(d.Height) - 12
		fmt.Fprintf(&d.out, `<path class="bm-scale" d="M12 %.0fv5h%.0fv-5"/><text class="bm-text bm-scale-text" font-size="10.5" x="%.0f" y="%.0f">%s</text>`, y-5, w, 12+w/2, y-5, s.text)
		return
	}
}
