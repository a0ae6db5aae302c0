package streets

import (
	"cmp"
	"image"
	"image/color"
	"math"
	"slices"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"porchlight/vision"
)

// An Actor moves through a scene.
type Actor interface {
	paint(c *canvas, st *stage, t float64) // t is seconds into the clip
	depth(t float64) float64               // metres from the house
	bounds(t float64) (lo, hi vec)         // the space it and its light can fill
	heard(t float64) (rumble, steps float64)
	seen(st *stage, t float64) (Seen, bool)
}

// A Mark is where an actor is at a moment, seconds into the scene; between marks
// it moves evenly. X is metres to the right, Z metres away.
type Mark struct{ T, X, Z float64 }

// Route is where an actor goes.
type Route []Mark

// Path is the route through marks of three numbers each: T, X, Z.
func Path(txz ...float64) (r Route) {
	for m := range slices.Chunk(txz, 3) {
		r = append(r, Mark{m[0], m[1], m[2]})
	}
	return r
}

func (r Route) at(t float64) (p vec, speed float64) {
	if len(r) == 1 || t <= r[0].T {
		return vec{r[0].X, 0, r[0].Z}, 0
	}
	for i := 1; i < len(r); i++ {
		if a, b := r[i-1], r[i]; t <= b.T {
			k := (t - a.T) / (b.T - a.T)
			return vec{mix(a.X, b.X, k), 0, mix(a.Z, b.Z, k)}, (b.X - a.X) / (b.T - a.T)
		}
	}
	l := r[len(r)-1]
	return vec{l.X, 0, l.Z}, 0
}

// walked is the way gone until t in metres, which drives wheels and legs.
func (r Route) walked(t float64) float64 {
	d := 0.0
	for i := 1; i < len(r) && t > r[i-1].T; i++ {
		a, b := r[i-1], r[i]
		d += math.Hypot(b.X-a.X, b.Z-a.Z) * clamp((t-a.T)/(b.T-a.T), 0, 1)
	}
	return d
}

// Shape is a kind of vehicle: its side seen with the front to the right, from the
// rear bumper over the roof to the front bumper (metres from the middle, metres
// above the road), the belt line where windows begin, and its width.
type Shape struct {
	name         string // its type in the words of plate.Vehicle
	line         []pt
	belt, width  float64
	front, back_ float64 // axles
	glass        [2]int  // the segments of rear window and windscreen
	pillars      []float64
	boxy         bool
}

// Shapes of vehicles.
var (
	Sedan = Shape{name: "car", line: []pt{{-2.3, .3}, {-2.34, .66}, {-2.24, .95}, {-1.62, 1.02}, {-.92, 1.41}, {.3, 1.44}, {1.18, .99}, {2.05, .84}, {2.3, .62}, {2.32, .3}},
		belt: .97, width: 1.8, front: 1.4, back_: -1.38, glass: [2]int{3, 5}, pillars: []float64{-.28}}
	SUV = Shape{name: "suv", line: []pt{{-2.28, .36}, {-2.34, .8}, {-2.26, 1.08}, {-2.02, 1.64}, {-1.5, 1.72}, {.3, 1.72}, {1.1, 1.12}, {2.1, 1.0}, {2.34, .74}, {2.34, .36}},
		belt: 1.08, width: 1.92, front: 1.42, back_: -1.4, glass: [2]int{2, 5}, pillars: []float64{-1.15, -.15}}
	Hatch = Shape{name: "car", line: []pt{{-1.95, .32}, {-2, .7}, {-1.94, 1.0}, {-1.5, 1.45}, {-1.0, 1.52}, {.3, 1.5}, {1.12, 1.0}, {1.78, .86}, {1.98, .6}, {1.98, .32}},
		belt: .98, width: 1.74, front: 1.22, back_: -1.22, glass: [2]int{2, 5}, pillars: []float64{-.3}}
	Van = Shape{name: "van", line: []pt{{-2.9, .4}, {-2.95, .9}, {-2.95, 2.5}, {-2.7, 2.62}, {1.3, 2.62}, {1.65, 2.5}, {2.3, 1.45}, {2.85, 1.2}, {3.0, .8}, {3.0, .4}},
		belt: 1.42, width: 2.05, front: 2.05, back_: -1.8, glass: [2]int{-1, 5}, boxy: true}
)

// Shapes by what people call them.
var Shapes = map[string]Shape{"car": Sedan, "hatch": Hatch, "suv": SUV, "van": Van}

// Paints are the colors of vehicles.
var Paints = map[string]RGB{"red": Hex(0x8e1f22), "blue": Hex(0x274b78), "silver": Hex(0xaeb3b6), "black": Hex(0x191b1e), "white": Hex(0xe3e3df),
	"gray": Hex(0x6b7075), "green": Hex(0x2f4f40), "brown": Hex(0x5b4636), "sand": Hex(0xa89777)}

// Way is which way something faces.
type Way int

const (
	Nearer    Way = iota // towards the camera
	Rightward            // of the frame
	Leftward
	Farther
)

// axes are the directions ahead of a vehicle and across it.
func (w Way) axes() (ahead, aside vec) {
	switch w {
	case Rightward:
		return vec{1, 0, 0}, vec{0, 0, -1}
	case Leftward:
		return vec{-1, 0, 0}, vec{0, 0, -1}
	case Farther:
		return vec{0, 0, 1}, vec{1, 0, 0}
	}
	return vec{0, 0, -1}, vec{-1, 0, 0}
}

// sign is -1 for what is mirrored.
func (w Way) sign() float64 {
	if w == Leftward {
		return -1
	}
	return 1
}

// A Car drives along the street.
type Car struct {
	Shape
	Body  RGB
	Color string // its name, if it has one
	Plate string
	Way   Way // its front
	Route Route
	Sign  string // painted on a van's side
}

func (v Car) depth(t float64) float64 { p, _ := v.Route.at(t); return p.Z }

func (v Car) bounds(t float64) (lo, hi vec) {
	p, _ := v.Route.at(t)
	lo, hi = p.sub(vec{5, 1.3, 3.4}), p.add(vec{5, 3.4, 3.4})
	switch v.Way {
	case Rightward:
		hi.X += 8.5
	case Leftward:
		lo.X -= 8.5
	}
	return lo, hi
}

func (v Car) seen(st *stage, t float64) (Seen, bool) {
	at, _ := v.Route.at(t)
	if math.Abs(at.X) > 34 || at.Z > 120 || at.Z < st.lens.at.Z+3 {
		return Seen{}, false
	}
	ahead, aside := v.Way.axes()
	place := func(u, h, w float64) vec { return at.add(ahead.mul(u)).add(aside.mul(w)).add(vec{0, h, 0}) }
	var all []vec
	for _, p := range v.line {
		half := v.width/2 - .28*math.Max(0, p.Y-v.belt)
		all = append(all, place(p.X, p.Y, half), place(p.X, p.Y, -half))
	}
	all = append(all, place(v.front, 0, v.width/2), place(v.front, 0, -v.width/2), place(v.back_, 0, v.width/2), place(v.back_, 0, -v.width/2))
	b, _, ok := st.boxOf(all...)
	s := Seen{Kind: v.kind(), Box: b, Type: v.name, Color: v.Color}
	if v.Way == Nearer || v.Way == Farther {
		u, h := v.plateAt(v.Way == Farther)
		var whole bool
		s.Where, whole, _ = st.boxOf(place(u, h-plateH/2, -plateW/2), place(u, h-plateH/2, plateW/2), place(u, h+plateH/2, -plateW/2), place(u, h+plateH/2, plateW/2))
		if whole {
			s.Plate = strings.ReplaceAll(v.Plate, " ", "")
		} else {
			s.Where = vision.Box{}
		}
	}
	return s, ok
}

// A number plate of the United States, in metres.
const plateW, plateH = .31, .156

// plateAt is where a plate's middle hangs: along the vehicle and above the road.
func (v Car) plateAt(rear bool) (u, h float64) {
	if rear {
		return v.line[0].X, .62
	}
	return v.line[len(v.line)-1].X, .43
}

func (v Car) heard(t float64) (float64, float64) {
	p, speed := v.Route.at(t)
	return math.Abs(speed) / 9 / (1 + math.Pow(p.len()/13, 2.2)), 0
}

func (v Car) paint(c *canvas, st *stage, t float64) {
	at, _ := v.Route.at(t)
	ahead, aside := v.Way.axes()
	if math.Abs(at.X) > 34 || at.Z > 120 || at.Z < st.lens.at.Z {
		return
	}
	// place turns plan coordinates (along, up, aside) into the scene.
	place := func(u, h, w float64) vec { return at.add(ahead.mul(u)).add(aside.mul(w)).add(vec{0, h, 0}) }
	half := func(h float64) float64 { // bodies narrow above the belt, and a little at the sills
		if v.boxy {
			return v.width/2 - .03*math.Max(0, h-v.belt)
		}
		return v.width/2 - .36*math.Max(0, h-v.belt) - .3*math.Max(0, .5-h)
	}
	shine, glassy := .5, .7 // how much of the sky bodies and glass throw back
	if st.View == Roadside {
		shine, glassy = .26, .34
	}
	local := func(p vec) (u, h, w float64) {
		d := p.sub(at)
		return d.dot(ahead), d.Y, d.dot(aside)
	}
	near := 1.0 // the side that shows
	if aside.dot(st.lens.at.sub(at)) < 0 {
		near = -1
	}
	length := v.line[len(v.line)-1].X

	shadow := make([]vec, 0, 28)
	for i := range 28 {
		s, co := math.Sincos(float64(i) * 2 * math.Pi / 28)
		shadow = append(shadow, place((length+.12)*math.Copysign(math.Pow(math.Abs(co), .45), co), .01, (v.width/2+.1)*math.Copysign(math.Pow(math.Abs(s), .45), s)))
	}
	c.flat(c.outline(shadow), color.RGBA{6, 7, 10, map[bool]uint8{true: 190, false: 150}[st.Mood == "day" && st.View != Roadside]})

	gloss := func(p, n vec, paint RGB, amount float64) color.RGBA {
		view := p.sub(st.lens.at).unit()
		r := view.sub(n.mul(2 * view.dot(n)))
		r.Y = math.Abs(r.Y) + .05
		facing := 1 - math.Abs(view.dot(n))
		k := amount * (.25 + .75*facing*facing)
		return st.show(st.shade(p, n, paint).to(st.sky(r.unit()), clamp(k, 0, .6)))
	}
	plate := st.plateImage(v.Plate)
	rightward := 1.0 // whether aside points to the right of the frame, so that plates read
	if st.lens.px(place(0, .5, .2)).X < st.lens.px(place(0, .5, -.2)).X {
		rightward = -1
	}
	// Strips across the body, those that face the camera, farthest first.
	type strip struct {
		ring []vec
		far  float64
		s    shader
	}
	var strips []strip
	for i := 0; i+1 < len(v.line); i++ {
		a, b := v.line[i], v.line[i+1]
		wa, wb := half(a.Y)-.04, half(b.Y)-.04
		ring := []vec{place(a.X, a.Y, -wa), place(b.X, b.Y, -wb), place(b.X, b.Y, wb), place(a.X, a.Y, wa)}
		d := b.sub(a).unit()
		n := ahead.mul(-d.Y).add(vec{0, d.X, 0}).unit()
		mid := between(ring[0], ring[2], .5)
		if n.dot(st.lens.at.sub(mid)) <= 0 {
			continue
		}
		i, n := i, n
		s := func(p vec) color.RGBA {
			_, h, w := local(p)
			end := i <= 1 || i >= len(v.line)-3
			if v.boxy && i == 1 { // two doors with a window each, hinges, a handle
				e := math.Abs(w)
				switch {
				case e > .12 && e < .84 && h > 1.5 && h < 2.25:
					return gloss(p, n, Hex(0x101418), glassy*.6)
				case e < .012, e > .9 && e < .915 && h > .55, math.Abs(h-.86) < .008, e < .1 && e > .04 && math.Abs(h-1.2) < .025:
					return gloss(p, n, v.Body.mul(.35), .1)
				case e > .93 && h > .95 && h < 1.5:
					return st.show(st.shade(p, n, Hex(0x8a1512)).add(RGB{.3, .015, .01}.mul(v.lights(st))))
				}
			}
			n := n.add(aside.mul(.5 * math.Pow(w/half(h), 3))).unit() // bodies are round
			if i == v.glass[0] || i == v.glass[1] {
				if math.Abs(w) < half(h)-.13 {
					seats := 0.0 // head rests behind the glass
					if math.Hypot((math.Abs(w)-.38)/.15, (h-v.belt-.08)/.13) < 1 {
						seats = 1
					}
					return gloss(p, n, Hex(0x14191d).to(Hex(0x060708), seats), glassy*(1-.6*seats))
				}
			}
			if end {
				tail := i <= 1
				_, middle := v.plateAt(tail)
				if math.Abs(w) < plateW/2 && math.Abs(h-middle) < plateH/2 {
					x, y := int((plateW/2+w*rightward)/plateW*float64(plate.Rect.Dx())), int((middle+plateH/2-h)/plateH*float64(plate.Rect.Dy()))
					k := float64(plate.GrayAt(x, y).Y) / 255
					v := st.shade(p, n, Hex(0x1e2b56).to(Hex(0xf2f2ee), k))
					if tail && st.Mood != "day" {
						v = v.add(RGB{.1, .1, .09}.mul(k))
					}
					if st.View == Roadside && st.Mood == "infrared" { // it shines back at the camera's own light
						v = v.add(RGB{.22, .22, .22}.mul(k))
					}
					return st.show(v)
				}
				wide := v.width/2 - .09
				if e := math.Abs(w); e > wide-.44 && e < wide && h > .6+.1*(wide-e) && h < .79 {
					if tail {
						return st.show(st.shade(p, n, Hex(0x8a1512)).add(RGB{.3, .015, .01}.mul(v.lights(st))))
					}
					bulb := clamp(1.3-math.Hypot(e-wide+.2, h-.69)/.09, 0, 1)
					return st.show(st.shade(p, n, Hex(0x6d757c).to(Hex(0xe8edf2), bulb)).add(RGB{1.4, 1.35, 1.15}.mul(v.lights(st) * bulb)))
				}
				if !v.boxy && tail && (math.Abs(h-.5) < .008 || math.Abs(h-.86) < .006 || math.Abs(math.Abs(w)-.26) < .01 && h > .52 && h < .72 || math.Abs(h-.72) < .008 && math.Abs(w) < .26) {
					return gloss(p, n, v.Body.mul(.4), .1) // the edges of lid, bumper and recess
				}
				if tail && h < .4 && math.Abs(math.Abs(w)-.5) < .07 && h > .32 && !v.boxy {
					return st.show(st.shade(p, n, Hex(0x8f9397)))
				}
				grille := !tail && math.Abs(w) < .46 && h > .56 && h < .7
				if grille && math.Mod(h, .045) < .02 {
					return st.show(st.shade(p, n, Hex(0x55595d)))
				}
				if grille || h < .5 && math.Abs(w) < .6 && !tail || h < .42 {
					return st.show(st.shade(p, n, Hex(0x1c1d1f)))
				}
			}
			return gloss(p, n, v.Body, shine)
		}
		strips = append(strips, strip{ring, mid.sub(st.lens.at).len(), s})
	}
	if v.Way == Nearer || v.Way == Farther { // the wheels, seen from an end
		axle := v.back_ - .32
		if v.Way == Nearer {
			axle = v.front + .32
		}
		for _, side := range []float64{-1, 1} {
			in, out := side*(v.width/2-.25), side*(v.width/2-.04)
			c.face([]vec{place(axle, 0, in), place(axle, 0, out), place(axle, .5, out), place(axle, .5, in)}, st.paint(ahead.mul(-1), Hex(0x1d1d1e), .5))
		}
	}
	slices.SortFunc(strips, func(a, b strip) int { return cmp.Compare(b.far, a.far) })
	for _, s := range strips {
		c.face(s.ring, s.s)
	}
	// The side that shows: body, then windows, then wheels.
	out := aside.mul(near)
	if out.dot(st.lens.at.sub(place(0, 1, near*v.width/2))) < 0 { // none does
		v.shine(c, st, place, near)
		return
	}
	var lower, upper []vec
	for i, p := range v.line {
		if i > 0 { // cut the outline where it crosses the belt line
			if q := v.line[i-1]; (q.Y-v.belt)*(p.Y-v.belt) < 0 {
				cut := place(lerp(q, p, (v.belt-q.Y)/(p.Y-q.Y)).X, v.belt, near*v.width/2)
				lower, upper = append(lower, cut), append(upper, cut)
			}
		}
		if p.Y <= v.belt {
			lower = append(lower, place(p.X, p.Y, near*v.width/2))
		} else {
			upper = append(upper, place(p.X, p.Y, near*half(p.Y)))
		}
	}
	glassFrom, glassTo := v.line[2].X, v.line[6].X
	roof := 0.0
	for _, p := range v.line {
		roof = math.Max(roof, p.Y)
	}
	if v.boxy {
		glassFrom = .75
	}
	c.face(upper, func(p vec) color.RGBA {
		u, h, _ := local(p)
		n := out.add(vec{0, .25, 0}).unit()
		k := (h - v.belt) / (roof - v.belt)
		lo, hi := mix(glassFrom+.16, glassFrom+.75, k), mix(glassTo-.16, glassTo-.86, k)
		if v.boxy {
			lo = glassFrom
			hi = mix(glassTo-.15, glassTo-.75, k)
		}
		glass := u > lo && u < hi && k > .02 && k < .86
		for _, q := range v.pillars {
			glass = glass && math.Abs(u-q) > .045
		}
		if glass {
			return gloss(p, n, Hex(0x12171b), .8)
		}
		if v.Sign != "" && st.signAt(v.Sign, u*near*v.Way.sign(), h) {
			return gloss(p, n, Hex(0x2a5d50), .2)
		}
		return gloss(p, n, v.Body.mul(.96), .4)
	})
	c.face(lower, func(p vec) color.RGBA {
		u, h, _ := local(p)
		lean := clamp((h-.62)*1.3, -.5, .5)
		n := out.add(vec{0, lean, 0}).unit()
		for _, axle := range []float64{v.front, v.back_} {
			if d := math.Hypot(u-axle, h-.36); d < .43 {
				return color.RGBA{9, 9, 11, 255}
			} else if d < .47 {
				return gloss(p, n, v.Body.mul(.7), .2)
			}
		}
		if h < .34 {
			return st.show(st.shade(p, out, Hex(0x17181a)))
		}
		for _, seam := range []float64{1.02, -.24, -1.2} {
			if !v.boxy && math.Abs(u-seam) < .014 && h > .42 || v.boxy && (math.Abs(u-.62) < .016 || math.Abs(u-1.7) < .016) {
				return gloss(p, n, v.Body.mul(.35), .1)
			}
		}
		if h > .8 && h < .845 && (u > -.42 && u < -.3 || u > .76 && u < .88) && !v.boxy {
			return gloss(p, n, Hex(0xb9bcc0), .6)
		}
		if u > length-.34 && h > .58 && h < .8 {
			return st.show(st.shade(p, n, Hex(0xd7dde2)).add(RGB{.7, .68, .6}.mul(v.lights(st))))
		}
		if u < -length+.26 && h > .6 && h < .86 {
			return st.show(st.shade(p, n, Hex(0x8a1512)).add(RGB{.25, .012, .01}.mul(v.lights(st))))
		}
		return gloss(p, n, v.Body, .42)
	})
	spin := v.Route.walked(t) / .34
	for _, axle := range []float64{v.front, v.back_} {
		ring := make([]vec, 26)
		for i := range ring {
			s, co := math.Sincos(float64(i) * 2 * math.Pi / 26)
			ring[i] = place(axle+.345*co, .345+.345*s, near*(v.width/2-.01))
		}
		c.face(ring, func(p vec) color.RGBA {
			u, h, _ := local(p)
			x, y := u-axle, h-.345
			d := math.Hypot(x, y)
			tone := Hex(0x141415)
			if d < .225 {
				tone = Hex(0x8d9196)
				if a := math.Mod(math.Atan2(y, x)+spin+40*math.Pi, 2*math.Pi/5); d > .06 && a > .42 && d < .2 {
					tone = Hex(0x2c2d30)
				}
			}
			return st.show(st.shade(p, out, tone))
		})
	}
	v.shine(c, st, place, near)
}

func signed(v float64) float64 {
	if v < 0 {
		return -1
	}
	return 1
}

// lights is how strongly the lamps burn.
func (v Car) lights(st *stage) float64 {
	if st.Mood == "day" || len(v.Route) == 1 {
		return 0
	}
	return 1
}

// shine lights the road ahead and lets the lamps glare.
func (v Car) shine(c *canvas, st *stage, place func(u, h, w float64) vec, near float64) {
	at := place(0, .7, 0)
	if v.lights(st) == 0 {
		return
	}
	length := v.line[len(v.line)-1].X
	dark := map[string]float64{"dusk": .5, "night": 1, "infrared": .8}[st.Mood]
	a, b := place(length+.4, 0, 0), place(length+9, 0, 0)
	ahead := b.sub(a).unit()
	ring := []vec{place(length+.2, 0, -1), place(length+9.5, 0, -2.4), place(length+9.5, 0, 2.4), place(length+.2, 0, 1)}
	x0, x1 := span(c.outline(ring), pt{1, 0})
	y0, y1 := span(c.outline(ring), pt{0, 1})
	box := image.Rect(int(x0), int(y0), int(x1)+1, int(y1)+1).Intersect(c.Rect)
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			r := st.lens.rays[y*st.lens.w+x]
			if r.Y >= 0 {
				continue
			}
			d := st.lens.at.add(r.mul(st.lens.at.Y / -r.Y)).sub(a)
			u := d.dot(ahead)
			w := d.sub(ahead.mul(u)).len()
			if u < -.2 || u > 9 {
				continue
			}
			spread := .75 + u*.17
			k := dark * 62 * math.Exp(-w*w/spread/spread) * clamp(u+.2, 0, 1) * (1 - u/9) * (1 - u/9)
			c.light(x, y, st.tint(RGB{1, .95, .8}).mul(k))
		}
	}
	c.touched = c.touched.Union(box)
	toUs := st.lens.at.sub(at).unit().dot(ahead)
	for _, side := range []float64{near, -near} {
		if side != near && math.Abs(toUs) < .6 {
			break // the body hides it
		}
		head, tail := place(length-.05, .69, side*.66), place(-length, .72, side*.66)
		if k := clamp(.35+toUs, 0, 1); toUs > -.6 {
			c.glow(st.lens.px(head), st.lens.scale(head)*(.5+1.3*k), st.tint(RGB{1, .95, .82}).mul(.55*dark*(.4+k)))
			c.glow(st.lens.px(head), st.lens.scale(head)*.2, RGB{1, 1, .95}.mul(.5+.5*k))
		}
		if k := clamp(.45-toUs, 0, 1); toUs < .6 {
			c.glow(st.lens.px(tail), st.lens.scale(tail)*(.35+.5*k), st.tint(RGB{.9, .08, .05}).mul(.7*dark*k))
		}
	}
}

var bold = func() *opentype.Font {
	f, err := opentype.Parse(gobold.TTF)
	if err != nil {
		panic(err) // the font is compiled in
	}
	return f
}()

func lettering(text string, size float64) (*image.Gray, int) {
	face, err := opentype.NewFace(bold, &opentype.FaceOptions{Size: size, DPI: 72})
	if err != nil {
		panic(err) // sizes are constants
	}
	w := font.MeasureString(face, text).Ceil()
	img := image.NewGray(image.Rect(0, 0, w+2, int(size*1.1)))
	d := font.Drawer{Dst: img, Src: image.White, Face: face, Dot: fixed.P(1, int(size*.82))}
	d.DrawString(text)
	return img, w
}

// plateImage is the drawn plate, kept for the next frame.
func (st *stage) plateImage(number string) *image.Gray {
	key := "plate " + number
	if st.lettered[key] == nil {
		st.lettered[key] = drawPlate(number)
	}
	return st.lettered[key]
}

// drawPlate draws a number plate, white where the ground is. Plates belong to no
// state: "PRAIRIE" above, below it a number longer than any state issues.
func drawPlate(number string) *image.Gray {
	const w, h = 248, 124
	img := image.NewGray(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	for _, l := range []struct {
		text string
		size float64
		y    int
	}{{"PRAIRIE", 22, 8}, {number, 50, 44}} {
		t, tw := lettering(l.text, l.size)
		if wide := w - 20; tw > wide {
			t, tw = lettering(l.text, l.size*float64(wide)/float64(tw))
		}
		for y := range t.Rect.Dy() {
			for x := range t.Rect.Dx() {
				if px, py := x+(w-tw)/2, y+l.y; image.Pt(px, py).In(img.Rect) {
					img.Pix[img.PixOffset(px, py)] -= t.GrayAt(x, y).Y
				}
			}
		}
	}
	for y := range h {
		for x := range w {
			if x < 5 || y < 4 || x > w-6 || y > h-5 {
				img.Pix[y*w+x] = 90
			}
		}
	}
	return img
}

// signAt says whether a van's lettering covers a point of its side.
func (st *stage) signAt(text string, u, h float64) bool {
	key := "sign " + text
	img := st.lettered[key]
	if img == nil {
		img, _ = lettering(text, 80)
		st.lettered[key] = img
	}
	const height = .46
	wide := height * float64(img.Rect.Dx()) / float64(img.Rect.Dy())
	x, y := (u+1.05+wide/2)/wide, (2.2-h)/height
	if x < 0 || x >= 1 || y < 0 || y >= 1 {
		return false
	}
	return img.GrayAt(int(x*float64(img.Rect.Dx())), int(y*float64(img.Rect.Dy()))).Y > 110
}

// A Walker goes along the street, perhaps with a dog or on a bicycle.
type Walker struct {
	Route                Route
	Height               float64 // metres
	Coat, Trousers       RGB
	Hair, Skin           RGB
	Hood, Bag, Dog, Bike bool
}

func (w Walker) seen(st *stage, t float64) (Seen, bool) {
	p, _ := w.Route.at(t)
	wide, kind := .38, vision.Kind("person")
	if w.Bike {
		wide = .85
	}
	b, _, ok := st.boxOf(p.add(vec{-wide, 0, 0}), p.add(vec{wide, 0, 0}), p.add(vec{-wide, w.Height, 0}), p.add(vec{wide, w.Height, 0}))
	return Seen{Kind: kind, Box: b}, ok && p.Z > st.lens.at.Z
}

func (w Walker) depth(t float64) float64 { p, _ := w.Route.at(t); return p.Z }

func (w Walker) bounds(t float64) (lo, hi vec) {
	p, _ := w.Route.at(t)
	return p.sub(vec{2.2, .4, .6}), p.add(vec{2.2, 2.3, .6})
}

func (w Walker) heard(t float64) (float64, float64) {
	p, speed := w.Route.at(t)
	if speed == 0 || w.Bike {
		return 0, 0
	}
	phase := math.Mod(w.Route.walked(t)/.72, 1)
	return 0, math.Exp(-phase*14) / (1 + math.Pow(p.len()/8, 2))
}

// figure places limbs on the frame: metres ahead and up from the feet.
type figure struct {
	c           *canvas
	st          *stage
	foot        vec
	origin      pt
	ahead, up   pt
	pixelsMetre float64
}

func (st *stage) figure(c *canvas, foot vec, dir float64) figure {
	o, up := st.lens.px(foot), st.lens.px(foot.add(vec{0, 1, 0}))
	side := st.lens.px(foot.add(vec{.5, .5, 0})).sub(st.lens.px(foot.add(vec{-.5, .5, 0})))
	return figure{c, st, foot, o, side.mul(dir), up.sub(o), up.sub(o).len()}
}

func (f figure) at(a, b float64) pt { return f.origin.add(f.ahead.mul(a)).add(f.up.mul(b)) }

// tone lights a paint where the figure stands.
func (f figure) tone(paint RGB, h float64) color.RGBA {
	return f.st.show(f.st.shade(f.foot.add(vec{0, h, 0}), vec{-.3, .25, -.9}.unit(), paint))
}

// limb is a rounded bar from (a, b) to (c, d), r0 and r1 metres thick at its ends.
func (f figure) limb(a, b, c, d, r0, r1 float64, col color.RGBA) {
	p, q := f.at(a, b), f.at(c, d)
	r0, r1 = math.Max(r0*f.pixelsMetre, .5), math.Max(r1*f.pixelsMetre, .5)
	dir := math.Atan2(q.Y-p.Y, q.X-p.X)
	ring := make([]pt, 0, 18)
	for i := range 9 {
		s, co := math.Sincos(dir + math.Pi/2 + float64(i)*math.Pi/8)
		ring = append(ring, pt{p.X + r0*co, p.Y + r0*s})
	}
	for i := range 9 {
		s, co := math.Sincos(dir - math.Pi/2 + float64(i)*math.Pi/8)
		ring = append(ring, pt{q.X + r1*co, q.Y + r1*s})
	}
	f.c.flat(ring, col)
}

func (f figure) shadow(length, width float64) {
	ring := make([]pt, 20)
	for i := range ring {
		s, co := math.Sincos(float64(i) * math.Pi / 10)
		ring[i] = f.st.lens.px(f.foot.add(vec{co * length, 0.01, s * width}))
	}
	f.c.flat(ring, color.RGBA{5, 6, 8, 95})
}

func (w Walker) paint(c *canvas, st *stage, t float64) {
	p, speed := w.Route.at(t)
	if math.Abs(p.X) > 30 {
		return
	}
	dir := signed(speed)
	if speed == 0 { // keep facing the way one came
		for i := 1; i < len(w.Route); i++ {
			if w.Route[i].T <= t && w.Route[i].X != w.Route[i-1].X {
				dir = signed(w.Route[i].X - w.Route[i-1].X)
			}
		}
	}
	if w.Dog {
		w.paintDog(c, st, vec{p.X + dir*1.25, 0, p.Z - .25}, dir, t)
	}
	f := st.figure(c, p, dir)
	f.shadow(.42, .2)
	k := w.Height / 1.75
	phase := w.Route.walked(t) / (.72 * 2) * 2 * math.Pi
	stride, bob := 1.0, .018*math.Cos(2*phase)
	if speed == 0 {
		stride, phase, bob = .12, 0, .004*math.Sin(t*2)
	}
	hipA, hipB := 0.0, .93*k+bob
	if w.Bike {
		hipA, hipB = -.18, 1.0
		phase = w.Route.walked(t) * 1.9
		w.paintBike(f, t)
	}
	// A leg bends at the knee; far limbs are darker.
	leg := func(ph float64, far bool) {
		dim := map[bool]float64{true: .62, false: 1}[far]
		var knee, ankle pt
		if w.Bike {
			foot := pt{.0 + .17*math.Cos(ph), .34 + .17*math.Sin(ph)}
			mid := lerp(pt{hipA, hipB}, foot, .5)
			knee, ankle = pt{mid.X + .24, mid.Y + .08}, foot
		} else {
			thigh := stride * .46 * math.Sin(ph)
			bend := stride * (.12 + .75*math.Max(0, math.Sin(ph+1.9))*.9)
			knee = pt{hipA + .45*k*math.Sin(thigh), hipB - .45*k*math.Cos(thigh)}
			ankle = pt{knee.X + .43*k*math.Sin(thigh-bend), knee.Y - .43*k*math.Cos(thigh-bend)}
		}
		cloth, shoe := f.tone(w.Trousers.mul(dim), .6), f.tone(Hex(0x2b2622).mul(dim), .1)
		f.limb(hipA, hipB, knee.X, knee.Y, .088*k, .066*k, cloth)
		f.limb(knee.X, knee.Y, ankle.X, ankle.Y, .064*k, .046*k, cloth)
		f.limb(ankle.X-.03, ankle.Y-.03, ankle.X+.14*k, ankle.Y-.045, .045*k, .034*k, shoe)
	}
	lean := .05
	if w.Bike {
		lean = .34
	}
	neckA, neckB := hipA+lean*.55*k, hipB+.53*k
	if w.Bike {
		neckB = hipB + .5
	}
	arm := func(ph float64, far bool) {
		dim := map[bool]float64{true: .58, false: .88}[far]
		shA, shB := neckA-.01, neckB-.06
		var el, hand pt
		if w.Bike {
			el, hand = pt{shA + .18, shB - .26}, pt{.42, 1.02}
		} else {
			swing := stride * .5 * math.Sin(ph)
			if w.Hood && speed != 0 {
				swing *= .25 // hands in pockets
			}
			el = pt{shA + .29*k*math.Sin(swing-.06), shB - .29*k*math.Cos(swing)}
			fore := swing + .3
			if speed == 0 && !far { // reaching out
				el = pt{shA + .16, shB - .2}
				fore = 1.25 + .1*math.Sin(t*3)
			}
			hand = pt{el.X + .26*k*math.Sin(fore), el.Y - .26*k*math.Cos(fore)}
		}
		cloth := f.tone(w.Coat.mul(dim), 1.2)
		f.limb(hand.X, hand.Y, hand.X+.02, hand.Y-.05, .04*k, .036*k, f.tone(w.Skin.mul(dim), 1))
		f.limb(shA, shB, el.X, el.Y, .066*k, .054*k, cloth)
		f.limb(el.X, el.Y, hand.X, hand.Y, .053*k, .042*k, cloth)
		if w.Dog && !far {
			a, b := f.at(hand.X, hand.Y), f.at(1.55, .52)
			c.flat([]pt{a, b, b.add(pt{0, 1.2}), a.add(pt{0, 1.2})}, f.tone(Hex(0x39302a), .7))
		}
	}
	arm(phase, true)
	leg(phase+math.Pi, true)
	leg(phase, false)
	if w.Bag {
		f.limb(neckA-.2*k, neckB-.16*k, hipA-.17*k, hipB+.12*k, .1*k, .12*k, f.tone(Hex(0x2f3f55), 1.2))
	}
	// Body: a coat over the hips, a lit edge towards the lamps.
	f.limb(hipA, hipB-.02, neckA, neckB-.1, .135*k, .15*k, f.tone(w.Coat, 1.1))
	f.limb(hipA-.045, hipB+.04, neckA-.05, neckB-.12, .07*k, .08*k, f.tone(w.Coat.mul(1.18), 1.3))
	f.limb(hipA, hipB-.09, hipA, hipB+.02, .132*k, .13*k, f.tone(w.Coat.mul(.92), .9))
	arm(phase+math.Pi, false)
	// Head.
	hA, hB := neckA+.05*k, neckB+.165*k
	f.limb(neckA, neckB-.02, hA-.02, hB-.08, .06*k, .055*k, f.tone(w.Skin.mul(.8), 1.5))
	f.limb(hA, hB-.035, hA+.012, hB+.045, .087*k, .1*k, f.tone(w.Skin, 1.6))
	switch {
	case w.Bike:
		f.limb(hA-.06, hB+.07, hA+.09, hB+.08, .085*k, .07*k, f.tone(Hex(0xd8d4c8), 1.7))
	case w.Hood:
		f.limb(hA-.045, hB-.07, hA-.035, hB+.06, .1*k, .115*k, f.tone(w.Coat.mul(.9), 1.6))
		f.limb(hA-.01, hB+.09, hA+.05, hB+.085, .055*k, .05*k, f.tone(w.Coat.mul(.95), 1.7))
	default:
		f.limb(hA-.05, hB+.02, hA+.02, hB+.075, .085*k, .085*k, f.tone(w.Hair, 1.7))
	}
}

func (w Walker) paintDog(c *canvas, st *stage, at vec, dir, t float64) {
	f := st.figure(c, at, dir)
	f.shadow(.4, .12)
	fur, dark := Hex(0x8a6238), Hex(0x5c4024)
	ph := w.Route.walked(t) / .5 * 2 * math.Pi
	for i, a := range []float64{.24, -.26, .28, -.22} {
		s := .1 * math.Sin(ph+float64(i)*2.1)
		tone := f.tone(map[bool]RGB{true: dark, false: fur}[i < 2], .3)
		f.limb(a, .32, a+s*.5, .17, .045, .032, tone)
		f.limb(a+s*.5, .17, a+s, .03, .03, .026, tone)
	}
	f.limb(-.27, .4, .28, .42, .105, .12, f.tone(fur, .4))
	f.limb(.28, .46, .4, .58, .075, .07, f.tone(fur, .5))
	f.limb(.42, .62, .55, .59, .075, .04, f.tone(fur.mul(1.08), .6))
	f.limb(.38, .66, .36, .57, .03, .035, f.tone(dark, .6))
	wag := .05 * math.Sin(t*11)
	f.limb(-.33, .45, -.46, .6+wag, .03, .016, f.tone(fur, .5))
}

func (w Walker) paintBike(f figure, t float64) {
	metal, tyre := f.tone(Hex(0x2c6a7d), .6), f.tone(Hex(0x1b1b1c), .3)
	for _, a := range []float64{-.52, .54} {
		for i := range 28 {
			s0, c0 := math.Sincos(float64(i) * math.Pi / 14)
			s1, c1 := math.Sincos(float64(i+1) * math.Pi / 14)
			f.limb(a+.34*c0, .35+.34*s0, a+.34*c1, .35+.34*s1, .019, .019, tyre)
		}
		spin := w.Route.walked(t) / .34
		for i := range 4 {
			s, c := math.Sincos(-spin + float64(i)*math.Pi/4)
			f.limb(a-.32*c, .35-.32*s, a+.32*c, .35+.32*s, .004, .004, f.tone(Hex(0x77797c), .4))
		}
	}
	for _, l := range [][4]float64{{-.52, .35, -.06, .33}, {-.06, .33, -.2, .9}, {-.2, .82, .38, .86}, {-.06, .33, .38, .84}, {.36, .98, .54, .35}, {-.52, .35, -.17, .78}, {.36, 1.0, .45, 1.03}, {-.3, .93, -.1, .93}} {
		f.limb(l[0], l[1], l[2], l[3], .022, .022, metal)
	}
	if f.st.Mood != "day" {
		f.c.glow(f.at(.47, .95), f.pixelsMetre*.55, f.st.tint(RGB{1, .97, .85}).mul(.6))
		f.c.glow(f.at(-.42, .8), f.pixelsMetre*.22, f.st.tint(RGB{1, .1, .06}))
	}
}
