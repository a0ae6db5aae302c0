// Package streets draws what cameras of a made-up town saw, as films, and tells what
// is in each frame: people, animals, vehicles and their plates, none of them real.
package streets

import (
	"cmp"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"slices"
)

// A scene is what a camera of Maple Grove saw: where it hangs, the light, what
// stands there and who passes.
type Scene struct {
	Seed    uint64
	Mood    string // day, dusk, night, or infrared (a camera's night mode)
	View    View
	W, H    int // pixels, even; 0: 1280 by 720
	Rate    int // frames a second; 0: 15
	Seconds float64
	Parked  []Car
	Cast    []Actor
	Sway    float64 // how far the wind moves the nearest tree, metres; Roadside only
	Label   string  // burnt into the frame
}

// View is where a scene's camera hangs.
type View int

const (
	Porch    View = iota // a doorbell that looks across the street
	Driveway             // under the eaves, along the driveway
	Roadside             // a plate camera beside a road that runs away from it
)

// weather is the light of a scene.
type weather struct {
	ambient, sun RGB
	toSun        vec
	lamps        []lamp
	exposure     float64
	mono         bool
	sky          func(r vec) RGB
	curve        [4096]uint8 // display values by the root of an eighth of the light
}

// A lamp is a point of light; power is what it throws on a wall one metre away.
type lamp struct {
	at    vec
	power RGB
}

// shade lights a matt surface.
func (w *weather) shade(p, normal vec, paint RGB) RGB {
	in := w.ambient.mul(0.75 + 0.25*normal.Y).add(w.sun.mul(math.Max(0, normal.dot(w.toSun))))
	for _, l := range w.lamps {
		d := l.at.sub(p)
		r2 := d.dot(d)
		n := math.Max(0, normal.dot(d.unit()))*.8 + .2
		in = in.add(l.power.mul(n / (r2 + .3)))
	}
	return paint.by(in)
}

// show turns light into a display colour, as a small sensor would.
func (w *weather) show(v RGB) color.RGBA {
	if w.mono {
		g := .45*v.R + .4*v.G + .15*v.B
		v = RGB{g, g, g * 1.04}
	}
	f := func(x float64) uint8 { return w.curve[int(math.Sqrt(clamp(x, 0, 8)/8)*float64(len(w.curve)-1))] }
	return color.RGBA{f(v.R), f(v.G), f(v.B), 255}
}

// tint takes the colour out of a glow when the camera sees none.
func (w *weather) tint(v RGB) RGB {
	if w.mono {
		g := (v.R + v.G + v.B) / 3
		return RGB{g, g, g}
	}
	return v
}

var (
	sodium   = RGB{1, .62, .28}
	warm     = RGB{1, .72, .42}
	upward   = vec{0, 1, 0}
	toCamera = vec{0, 0, -1}
)

// infraredLamp is the light of a camera's own: a plate camera's reaches far.
func infraredLamp(v View) RGB {
	if v == Roadside {
		return RGB{34, 34, 34}
	}
	return RGB{6.5, 6.5, 6.5}
}

func newWeather(mood string, view View, lens *lens) *weather {
	porch := lamp{lens.at.add(vec{-1.1, .75, .1}), warm.mul(.55)}
	street := []lamp{{vec{-9.5, 6.4, 17.6}, sodium.mul(17)}, {vec{24, 6.4, 17.6}, sodium.mul(17)}}
	w := &weather{toSun: vec{-.55, .62, -.5}.unit()}
	horizon, zenith, cloud := Hex(0xd9e4ee), Hex(0x5f97d0), Hex(0xf4f6f8)
	switch mood {
	case "day":
		w.ambient, w.sun, w.exposure = RGB{.42, .46, .52}, RGB{.95, .9, .8}, 1.5
	case "dusk":
		w.ambient, w.sun, w.exposure = RGB{.145, .15, .21}, RGB{.03, .02, .02}, 2.1
		w.lamps = append(street, lamp{porch.at, warm.mul(.3)})
		horizon, zenith, cloud = Hex(0xe49a6a).mul(.75), Hex(0x33507f).mul(.7), Hex(0xa8717a).mul(.7)
	case "night":
		w.ambient, w.exposure = RGB{.017, .02, .034}, 3.4
		w.lamps = append(street, porch)
		horizon, zenith, cloud = Hex(0x3a3d4c).mul(.5), Hex(0x0c1322).mul(.5), Hex(0x3b3846).mul(.4)
	case "infrared":
		w.ambient, w.exposure, w.mono = RGB{.03, .03, .03}, 2.2, true
		w.lamps = []lamp{{lens.at.add(vec{0, .05, 0}), infraredLamp(view)}, {street[0].at, RGB{4, 4, 4}}}
		horizon, zenith, cloud = Hex(0x2a2a2a).mul(.5), Hex(0x101010).mul(.4), Hex(0x303030).mul(.4)
	}
	for i := range w.curve {
		x := float64(i) / float64(len(w.curve)-1)
		w.curve[i] = uint8(clamp(math.Pow(1-math.Exp(-8*x*x*w.exposure), 1/2.2)*255+.5, 0, 255))
	}
	w.sky = func(r vec) RGB {
		h := clamp(r.Y*1.7, 0, 1)
		base := horizon.to(zenith, math.Sqrt(h))
		k := clamp((clouds(r.X/(r.Y+.18)*1.3+9, r.Z/(r.Y+.18)*.8)-.45)*2.4, 0, .8)
		return base.to(cloud, k*(.35+.65*h))
	}
	return w
}

// stage is a scene's still part: everything behind the actors, and the layers
// that hide them.
type stage struct {
	Scene
	*weather
	lens   *lens
	back   *canvas
	layers []layer // farthest first
	r      *rand.Rand
	// lettered holds plates and signs already drawn.
	lettered map[string]*image.Gray
	leaves   []swaying // of the tree that the wind moves, Roadside
}

// A layer hides actors that pass farther away than z.
type layer struct {
	z float64
	*canvas
}

// Where the street lies, in metres from the house.
const (
	walkNear, walkFar = 7.2, 8.8
	kerbNear, kerbFar = 10.4, 18.4
	walk2Near         = 19.9
	walk2Far          = 21.3
	facade            = 29.0
	driveL, driveR    = 3.3, 6.5
)

// bareStage has the camera and the light.
func bareStage(s Scene) *stage {
	at, wide, pitch := vec{0, 1.42, 0}, 124.0, 0.075
	switch s.View {
	case Driveway:
		at, wide, pitch = vec{4.1, 2.3, .2}, 96, 0.20
	case Roadside:
		at, wide, pitch = vec{1.0, 3.3, 0}, 34, 0.165
	}
	l := newLens(s.W, s.H, at, wide, pitch)
	return &stage{Scene: s, lens: l, weather: newWeather(s.Mood, s.View, l), back: newCanvas(l), lettered: map[string]*image.Gray{},
		r: rand.New(rand.NewPCG(s.Seed, 0x5ce7e))}
}

func newStage(s Scene) *stage {
	st := bareStage(s)
	st.skyAndGround()
	if s.View == Roadside {
		st.alongTheRoad()
		return st
	}
	st.acrossTheStreet()
	st.street()
	for _, p := range st.Parked {
		p.paint(st.layer(p.depth(0)-.9), st, 0)
	}
	st.mailbox(st.layer(9.7))
	st.frontYard(st.layer(5.4))
	if s.View == Porch {
		st.porch(st.layer(1.4))
	}
	slices.SortStableFunc(st.layers, func(a, b layer) int { return cmp.Compare(b.z, a.z) })
	return st
}

func (st *stage) layer(z float64) *canvas {
	st.layers = append(st.layers, layer{z, newCanvas(st.lens)})
	return st.layers[len(st.layers)-1].canvas
}

// paint is a matt shader of one colour with a little grain.
func (st *stage) paint(normal vec, c RGB, grain float64) shader {
	return func(p vec) color.RGBA {
		k := 1 + grain*(clouds(p.X*9+p.Z*3, p.Y*9+p.Z*7)-.5)
		return st.show(st.shade(p, normal, c.mul(k)))
	}
}

func (st *stage) skyAndGround() {
	c := st.back
	for y := range st.lens.h {
		for x := range st.lens.w {
			r := st.lens.rays[y*st.lens.w+x]
			var v RGB
			if r.Y < -1e-3 {
				t := st.lens.at.Y / -r.Y
				p := st.lens.at.add(r.mul(t))
				v = st.shade(p, upward, st.ground(p))
				fog := clamp((t-30)/160, 0, .8)
				v = v.to(st.sky(vec{r.X, .02, r.Z}), fog)
			} else {
				v = st.sky(r)
			}
			o := st.back.PixOffset(x, y)
			q := st.show(v)
			c.Pix[o], c.Pix[o+1], c.Pix[o+2], c.Pix[o+3] = q.R, q.G, q.B, 255
		}
	}
	c.touched = c.Rect
	// The wood behind the town.
	for layer := range 2 {
		z := 90 - float64(layer)*25
		tone := Hex(0x2b3a2c).to(Hex(0x47503a), float64(layer)*.5)
		var ring []vec
		for x := -170.0; x <= 170; x += 1.5 {
			ring = append(ring, vec{x, 5 + 5*clouds(x*.07+float64(layer)*50, 3) + 2.2*noise(x*.6, float64(layer)), z})
		}
		ring = append(ring, vec{170, 0, z}, vec{-170, 0, z})
		haze := st.sky(vec{0, .05, 1})
		c.face(ring, func(p vec) color.RGBA {
			k := .75 + .5*clouds(p.X*.8, p.Y*.9)
			return st.show(st.shade(p, toCamera, tone.mul(k)).to(haze, .28-.1*float64(layer)))
		})
	}
}

// ground is the paint of a point of the ground.
func (st *stage) ground(p vec) RGB {
	x, z := p.X, p.Z
	if st.View == Roadside {
		return st.roadGround(p)
	}
	grass := func() RGB {
		n, fine := clouds(x*.35, z*.35), noise(x*14, z*14)
		g := Hex(0x5d7a3d).to(Hex(0x8c8a4c), clamp(n*1.5-.4, 0, 1))
		blades := noise(x*60, z*23)
		k := .62 + .4*fine + .25*(blades-.5)
		if st.Seed%2 == 0 && clouds(x*.8+5, z*.8) > .5 && speck(int(math.Floor(x*15+noise(z*9, x*9)*3)), int(math.Floor(z*15))) > .93 {
			return Hex(0xb5742f).mul(.8) // fallen leaves
		}
		return g.mul(k)
	}
	concrete := func(slab float64, along float64) RGB {
		n := clouds(x*1.2+3, z*1.2)
		v := Hex(0xaea99f).mul(.82 + .3*n + .1*(noise(x*40, z*40)-.5))
		if f := math.Mod(math.Abs(along), slab); f < .025 || f > slab-.025 {
			v = v.mul(.62)
		}
		return v
	}
	path := math.Abs(x) < .75 && z < walkNear
	drive := x > driveL && x < driveR && z < kerbNear
	drive2 := (math.Abs(x+11.5) < 1.7 || math.Abs(x-9.2) < 1.6 || math.Abs(x-30) < 1.7) && z > kerbFar && z < facade
	switch {
	case drive || drive2:
		return concrete(2.4, z)
	case z > walkNear && z < walkFar, z > walk2Near && z < walk2Far:
		return concrete(1.5, x)
	case path:
		return concrete(1.1, z)
	case z > kerbNear && z < kerbFar:
		n := clouds(x*.5, z*.9)
		v := Hex(0x63625f).mul(.72 + .4*n + .22*(noise(x*46, z*46)-.5))
		for _, wheel := range []float64{11.9, 13.4, 15.6, 17.1} { // worn tracks
			v = v.mul(1 + .1*math.Exp(-math.Pow((z-wheel)/.33, 2)))
		}
		crack := math.Abs(z - 14.4 - .35*(clouds(x*.3, 8)-.5)*4)
		if crack < .035 || math.Abs(x-13.7*math.Round(x/13.7)-.8*(noise(z, 4)-.5)) < .03 {
			v = Hex(0x2f2f2f) // tar
		}
		if z < kerbNear+.35 || z > kerbFar-.35 {
			v = v.to(Hex(0x8f8c86), .55).mul(.85)
		}
		return v
	case z > kerbNear-.18 && z < kerbNear, z > kerbFar && z < kerbFar+.18:
		return Hex(0xb9b5ab)
	}
	return grass()
}

// box paints an upright box: front at z, from x0 to x1, y0 to y1, depth d. The
// sides that face the camera are painted too.
func (c *canvas) box(x0, x1, y0, y1, z, d float64, front, side, top shader) {
	if c.lens.at.X < x0 {
		c.face([]vec{{x0, y0, z + d}, {x0, y0, z}, {x0, y1, z}, {x0, y1, z + d}}, side)
	}
	if c.lens.at.X > x1 {
		c.face([]vec{{x1, y0, z + d}, {x1, y0, z}, {x1, y1, z}, {x1, y1, z + d}}, side)
	}
	if top != nil && c.lens.at.Y > y1 {
		c.face([]vec{{x0, y1, z}, {x1, y1, z}, {x1, y1, z + d}, {x0, y1, z + d}}, top)
	}
	c.face([]vec{{x0, y0, z}, {x1, y0, z}, {x1, y1, z}, {x0, y1, z}}, front)
}

func sideOf(c *canvas, x float64) vec {
	if c.lens.at.X < x {
		return vec{-1, 0, 0}
	}
	return vec{1, 0, 0}
}

// acrossTheStreet builds the neighbours' houses and trees, farthest first.
func (st *stage) acrossTheStreet() {
	sidings := []RGB{Hex(0xd8d3c4), Hex(0x9fb0b8), Hex(0xb8a184), Hex(0xa9b294), Hex(0xc9c9c9), Hex(0x8d6a5a)}
	roofs := []RGB{Hex(0x4d4a4a), Hex(0x5b4a42), Hex(0x3f454b)}
	order := []float64{-47, 43, -30, 27, -14, 14.5, .2}
	for i, x := range order {
		st.tree(st.back, vec{x + 7.4, 0, facade + 9 + 3*st.r.Float64()}, 8+3*st.r.Float64(), 3.6)
		st.house(x+st.r.Float64(), 9.5+3*st.r.Float64(), facade+st.r.Float64()*1.5, sidings[(i*2+int(st.Seed))%len(sidings)], roofs[(i+int(st.Seed))%3], st.r.Float64() < .5, i%3 != 2)
		if i%2 == 0 {
			st.bush(st.back, vec{x - 4.5, 0, facade - .8}, .9)
			st.bush(st.back, vec{x - 3.2, 0, facade - .7}, .7)
		}
		st.bush(st.back, vec{x + 4.2, 0, facade - .7}, .8)
	}
}

// house stands at z, its middle at x, width w; gable turns its gable to the street.
func (st *stage) house(x, w, z float64, siding, roof RGB, gable, lit bool) {
	c := st.back
	x0, x1, depth, eave := x-w/2, x+w/2, 8.0, 3.0
	tall := st.r.Float64() < .45
	if tall {
		eave = 5.4
	}
	ridge := eave + 2.3
	door := x + w*.12
	glow := func(k int) float64 {
		if !lit || st.Mood == "day" {
			return 0
		}
		return speck(k, int(st.Seed)+int(x*3))
	}
	front := func(p vec) color.RGBA {
		u, v := p.X-x0, p.Y
		paint := siding
		if f := math.Mod(v, .16); f < .025 {
			paint = paint.mul(.74)
		}
		paint = paint.mul(.94 + .12*clouds(p.X*2, p.Y*2))
		if v < .35 {
			paint = Hex(0x8a857c)
		}
		if u < .14 || u > w-.14 || v > eave-.15 && v < eave {
			paint = Hex(0xe9e6df) // corner boards and frieze
		}
		if math.Abs(p.X-door) < .62 && v < 2.25 {
			paint = Hex(0xe4e0d6)
			if math.Abs(p.X-door) < .47 && v < 2.12 {
				paint = []RGB{Hex(0x7b2d26), Hex(0x2f4a5c), Hex(0x3c4a37)}[int(math.Abs(x))%3]
				if v > 1.5 && v < 1.95 && math.Abs(p.X-door) < .28 {
					return st.show(st.shade(p, toCamera, Hex(0x30383f)).add(warm.mul(.5 * glow(9))))
				}
			}
		}
		// Windows, two or three a floor.
		for floor := range 2 {
			base := .95 + float64(floor)*2.5
			if base+1.3 > eave {
				break
			}
			for k := range 3 {
				wx := x0 + w*(.17+.3*float64(k))
				if k == 2 {
					wx = x0 + w*.86
				}
				if math.Abs(wx-door) < 1.2 && floor == 0 {
					continue
				}
				dx, dy := math.Abs(p.X-wx), math.Abs(v-base-.62)
				if dx > .58 || dy > .76 {
					continue
				}
				if dx > .47 || dy > .64 {
					paint = Hex(0xecebe6)
					continue
				}
				pane := Hex(0x2b3640)
				if dx < .03 || dy < .03 {
					pane = Hex(0xd9d6cf)
				}
				on := glow(k*5 + floor*31)
				in := st.shade(p, toCamera, pane).add(st.sky(vec{(p.X - x) * .1, .35, -1}.unit()).mul(.22))
				if on > .45 && dx >= .03 && dy >= .03 {
					curtain := .65 + .35*math.Abs(math.Sin(p.X*17)) - .3*clamp(.25-dx, 0, .25)
					in = in.add(warm.mul((.10 + .5*on) * curtain))
				}
				return st.show(in)
			}
		}
		return st.show(st.shade(p, toCamera, paint))
	}
	side := sideOf(c, x)
	if side.X < 0 == (c.lens.at.X < x0) {
		side = vec{map[bool]float64{true: -1, false: 1}[c.lens.at.X < x0], 0, 0}
	}
	siding2 := func(p vec) color.RGBA {
		paint := siding
		if math.Mod(p.Y, .16) < .025 {
			paint = paint.mul(.74)
		}
		return st.show(st.shade(p, side, paint))
	}
	shingle := func(n vec) shader {
		return func(p vec) color.RGBA {
			row := math.Floor((p.Y + p.Z*.2) / .17)
			k := .8 + .3*speck(int((p.X+row*.13)/.3), int(row)) + .15*clouds(p.X, p.Z)
			if math.Mod(p.Y, .17) < .03 {
				k *= .8
			}
			return st.show(st.shade(p, n, roof.mul(k)))
		}
	}
	c.box(x0, x1, 0, eave, z, depth, front, siding2, nil)
	o := .4 // overhang
	if gable {
		c.face([]vec{{x0, eave, z}, {x1, eave, z}, {x, ridge, z}}, front)
		for _, s := range []float64{x0 - o, x1 + o} { // the roof's edges
			if (s < x) == (c.lens.at.X > x) {
				continue
			}
			c.face([]vec{{s, eave - .25, z - o}, {x, ridge + .05, z - o}, {x, ridge + .05, z + depth}, {s, eave - .25, z + depth}}, shingle(vec{0, .8, -.2}.unit()))
		}
		for _, s := range []float64{x0 - o, x1 + o} {
			c.face([]vec{{s, eave - .28, z - o}, {x, ridge - .02, z - o}, {x, ridge + .22, z - o}, {s, eave - .04, z - o}}, st.paint(toCamera, Hex(0xe6e2d8), .1))
		}
	} else {
		c.face([]vec{{x0 - o, eave - .12, z - o}, {x1 + o, eave - .12, z - o}, {x1 + o - .5, ridge, z + depth/2}, {x0 - o + .5, ridge, z + depth/2}}, shingle(vec{0, .82, -.57}))
		c.face([]vec{{x0 - o, eave - .3, z - o}, {x1 + o, eave - .3, z - o}, {x1 + o, eave - .1, z - o}, {x0 - o, eave - .1, z - o}}, st.paint(toCamera, Hex(0xe6e2d8), .1))
	}
	// A porch roof over the door, with its lamp.
	white := st.paint(toCamera, Hex(0xe9e6df), .1)
	c.face([]vec{{door - 1.5, 2.6, z - 1.5}, {door + 1.5, 2.6, z - 1.5}, {door + 1.3, 3.05, z}, {door - 1.3, 3.05, z}}, shingle(vec{0, .9, -.4}.unit()))
	c.face([]vec{{door - 1.5, 2.42, z - 1.5}, {door + 1.5, 2.42, z - 1.5}, {door + 1.5, 2.6, z - 1.5}, {door - 1.5, 2.6, z - 1.5}}, white)
	for _, px := range []float64{door - 1.4, door + 1.3} {
		c.face([]vec{{px, 0, z - 1.45}, {px + .13, 0, z - 1.45}, {px + .13, 2.45, z - 1.45}, {px, 2.45, z - 1.45}}, white)
	}
	if lit && st.Mood != "day" {
		at := vec{door + .75, 1.9, z - .1}
		c.glow(st.lens.px(at), 30, st.tint(warm.mul(.5)))
		c.glow(st.lens.px(at), 7, st.tint(RGB{1, .9, .7}))
	}
	if !gable { // a garage beside
		gx := x1 + .1
		gw := 3.4
		gdoor := func(p vec) color.RGBA {
			paint := siding
			if p.X > gx+.35 && p.X < gx+gw-.35 && p.Y < 2.15 {
				paint = Hex(0xdfdcd4)
				if math.Mod(p.Y, .54) < .04 || math.Mod(p.X-gx, .68) < .03 {
					paint = paint.mul(.78)
				}
			}
			return st.show(st.shade(p, toCamera, paint))
		}
		c.box(gx, gx+gw, 0, 2.6, z+.8, 6, gdoor, siding2, nil)
		c.face([]vec{{gx - .2, 2.55, z + .5}, {gx + gw + .3, 2.55, z + .5}, {gx + gw, 3.7, z + 3.5}, {gx, 3.7, z + 3.5}}, shingle(vec{0, .85, -.5}.unit()))
	}
}

// tree grows a trunk and a crown of leaves.
func (st *stage) tree(c *canvas, foot vec, height, spread float64) {
	bark := st.paint(toCamera, Hex(0x4c4038), .8)
	w := .14 + height*.018
	c.face([]vec{foot.add(vec{-w, 0, 0}), foot.add(vec{w, 0, 0}), foot.add(vec{w * .5, height * .6, 0}), foot.add(vec{-w * .5, height * .6, 0})}, bark)
	tones := [][]RGB{{Hex(0x4d6a33), Hex(0x6b7f3a), Hex(0x3d5a30)}, {Hex(0xb06a24), Hex(0xc4872f), Hex(0x8f4a20)}, {Hex(0x8d8a3a), Hex(0x6f7a35), Hex(0xb09a40)}}[st.r.IntN(3)]
	top := foot.add(vec{0, height * .62, 0})
	for i := range 4 { // boughs
		a := float64(i)*1.5 + st.r.Float64()
		tip := top.add(vec{math.Cos(a) * spread * .6, height * .16, 0})
		c.face([]vec{top.add(vec{-w * .4, -height * .2, 0}), top.add(vec{w * .4, -height * .2, 0}), tip}, bark)
	}
	fine := clamp(st.lens.scale(top)/50, .8, 2)
	n := int(clamp(st.lens.scale(top)*spread*5*fine, 200, 2600))
	for i := range n {
		// Back to front, dark inside to light outside and above.
		k := float64(i) / float64(n)
		a, b := st.r.Float64()*2*math.Pi, math.Acos(2*st.r.Float64()-1)
		rad := math.Pow(st.r.Float64(), .4)
		d := vec{math.Cos(a) * math.Sin(b) * spread, math.Cos(b) * height * .36, math.Sin(a) * math.Sin(b) * spread * .5 * (1 - 2*k)}.mul(rad * (.8 + .4*noise(a*2, b*3)))
		p := top.add(d)
		tone := tones[st.r.IntN(len(tones))].mul(.35 + .75*k*(.55+.45*d.Y/(height*.36)))
		st.leaf(c, p, (.16+.2*st.r.Float64())*(.6+spread*.14)/fine, st.shade(p, vec{d.X, d.Y + .4, -spread * .8}.unit(), tone))
	}
}

// leaf is a ragged blot of foliage.
func (st *stage) leaf(c *canvas, p vec, size float64, v RGB) {
	at, r := st.lens.px(p), size*st.lens.scale(p)
	ring := make([]pt, 0, 7)
	turn := st.r.Float64() * 6
	for i := range 7 {
		s, co := math.Sincos(turn + float64(i)*.9)
		k := r * (.6 + .6*st.r.Float64())
		ring = append(ring, pt{at.X + co*k, at.Y + s*k*.8})
	}
	c.flat(ring, st.show(v))
}

func (st *stage) bush(c *canvas, foot vec, size float64) {
	tone := Hex(0x47592f).to(Hex(0x5d6a3c), st.r.Float64())
	n := int(clamp(st.lens.scale(foot)*size*3.4, 60, 420))
	for i := range n {
		k := float64(i) / float64(n)
		a, rad := st.r.Float64()*2*math.Pi, math.Sqrt(st.r.Float64())
		d := vec{math.Cos(a) * rad * size, size * (.62 + .6*math.Sin(a)*rad), 0}
		if d.Y < 0 {
			d.Y = 0
		}
		p := foot.add(d)
		st.leaf(c, p, .07+.09*st.r.Float64()*size, st.shade(p, vec{d.X, d.Y, -size}.unit(), tone.mul(.4+.35*k+.5*k*d.Y/(1.2*size))))
	}
}

// street sets the lamp, the poles, the wires and the street trees.
func (st *stage) street() {
	c := st.back
	for _, x := range []float64{24, -9.5} {
		wood := st.paint(toCamera, Hex(0x5a4a3c), .6)
		c.face([]vec{{x - .15, 0, 19}, {x + .15, 0, 19}, {x + .11, 9, 19}, {x - .11, 9, 19}}, wood)
		c.face([]vec{{x - 1.2, 8.2, 19}, {x + 1.2, 8.2, 19}, {x + 1.2, 8.36, 19}, {x - 1.2, 8.36, 19}}, wood)
		c.face([]vec{{x - .05, 6.2, 19}, {x + .05, 6.2, 19}, {x + .05, 6.75, 17.6}, {x - .05, 6.65, 17.6}}, st.paint(toCamera, Hex(0x77797a), .2))
		c.face([]vec{{x - .3, 6.55, 17.6}, {x + .3, 6.55, 17.6}, {x + .22, 6.78, 17.6}, {x - .22, 6.78, 17.6}}, st.paint(toCamera, Hex(0x8a8c8d), .2))
	}
	for i, y := range []float64{8.45, 8.4, 7.2} { // wires sag between poles
		var prev vec
		for k := range 81 {
			x := -60 + float64(k)*1.5
			f := math.Mod(x+9.5+335, 33.5) / 33.5
			p := vec{x, y - 3.2*f*(1-f), 19 + float64(i-1)*.3}
			if k > 0 {
				a, b := st.lens.px(prev), st.lens.px(p)
				c.flat([]pt{a, b, b.add(pt{0, 1.1}), a.add(pt{0, 1.1})}, st.show(st.shade(p, toCamera, Hex(0x1d1d1f))))
			}
			prev = p
		}
	}
	for _, x := range []float64{-27, 33, -18.5, 19, -4.6, 6.3} {
		st.tree(c, vec{x, 0, 19.1 + st.r.Float64()*.3}, 6.2+2.6*st.r.Float64(), 2.3+st.r.Float64())
	}
	for _, l := range st.lamps {
		if l.at.Z > 10 {
			at := st.lens.px(l.at.add(vec{0, .12, 0}))
			col := st.tint(sodium)
			k := map[string]float64{"dusk": .8, "night": 1, "infrared": .7}[st.Mood]
			c.glow(at, 120, col.mul(.34*k))
			c.glow(at, 40, col.mul(.7*k))
			c.glow(at, 12, RGB{1, .95, .8})
		}
	}
}

// mailbox stands at the kerb.
func (st *stage) mailbox(c *canvas) {
	post := st.paint(toCamera, Hex(0x6c5b48), .4)
	c.box(2.55, 2.65, 0, 1.05, 9.8, .1, post, post, nil)
	box := st.paint(toCamera, Hex(0x3a4650), .2)
	c.box(2.46, 2.74, 1.05, 1.33, 9.6, .5, box, st.paint(sideOf(c, 2.46), Hex(0x34404a), .2), st.paint(upward, Hex(0x4a5660), .2))
}

// frontYard sets what stands between the walk and the porch.
func (st *stage) frontYard(c *canvas) {
	// A maple in the lawn, to one side.
	x := -6.2
	if st.Seed%2 == 1 {
		x = -8.4
	}
	st.tree(c, vec{x, 0, 5.6}, 7.2, 2.7)
	for i := range 3 {
		st.bush(c, vec{-3.4 - float64(i)*.9, 0, 2.6 + .2*float64(i)}, .5)
	}
	if st.View == Porch {
		st.bush(c, vec{2.6, 0, 2.5}, .45)
	}
}

// porch frames the view: boards, posts, railing, ceiling and a pot of mums.
func (st *stage) porch(c *canvas) {
	white := Hex(0xe8e5dd)
	boards := func(p vec) color.RGBA {
		k := .85 + .2*speck(int(math.Floor(p.X/.12)), 3) + .2*(noise(p.X*30, p.Z*4)-.5)
		if math.Mod(p.X+20, .12) < .008 {
			k = .35
		}
		return st.show(st.shade(p, upward, Hex(0x877a6b).mul(k)))
	}
	edge := 1.55
	c.face([]vec{{-4, .02, .02}, {4.2, .02, .02}, {4.2, .02, edge}, {-4, .02, edge}}, boards)
	c.face([]vec{{-4, .02, edge}, {4.2, .02, edge}, {4.2, -.12, edge}, {-4, -.12, edge}}, st.paint(toCamera, Hex(0x9a9285), .2))
	mat := func(p vec) color.RGBA {
		k := .7 + .5*noise(p.X*70, p.Z*70)
		if e := math.Min(math.Min(p.X+.48, .48-p.X), math.Min(p.Z-.42, .98-p.Z)); e > .03 && e < .06 {
			k *= .5
		}
		return st.show(st.shade(p, upward, Hex(0x6b5236).mul(k)))
	}
	c.face([]vec{{-.48, .03, .42}, {.48, .03, .42}, {.48, .03, .98}, {-.48, .03, .98}}, mat)
	// Ceiling and its beam.
	c.face([]vec{{-5, 2.62, .02}, {5, 2.62, .02}, {5, 2.62, edge + .1}, {-5, 2.62, edge + .1}}, func(p vec) color.RGBA {
		k := 1.0
		if math.Mod(p.Z+9, .14) < .012 {
			k = .72
		}
		return st.show(st.shade(p, vec{0, -1, 0}, Hex(0xbfd0d4).mul(k)))
	})
	c.face([]vec{{-5, 2.36, edge}, {5, 2.36, edge}, {5, 2.62, edge}, {-5, 2.62, edge}}, st.paint(vec{0, 0, -1}, white, .12))
	rail := func(x0, x1 float64) {
		for x := x0 + .09; x < x1; x += .13 {
			c.face([]vec{{x, .12, edge - .05}, {x + .035, .12, edge - .05}, {x + .035, .84, edge - .05}, {x, .84, edge - .05}}, st.paint(toCamera, white.mul(.93), .1))
		}
		c.box(x0, x1, .82, .9, edge-.1, .1, st.paint(toCamera, white, .1), st.paint(toCamera, white, .1), st.paint(upward, white, .1))
		c.box(x0, x1, .09, .14, edge-.08, .06, st.paint(toCamera, white, .1), st.paint(toCamera, white, .1), st.paint(upward, white, .1))
	}
	rail(-4, -1.05)
	rail(1.05, 4.2)
	for _, x := range []float64{-1.12, 1.05} {
		s := sideOf(c, x)
		grain := func(n vec) shader { return st.paint(n, white, .14) }
		c.box(x-.06, x+.09, .02, 2.4, edge-.16, .15, grain(toCamera), grain(s), nil)
		c.box(x-.1, x+.13, .02, .2, edge-.2, .2, grain(toCamera), grain(s), grain(upward))
	}
	// Mums in a clay pot.
	pot := vec{.82, .02, 1.12}
	clay := Hex(0xa85f3c)
	for i := range 14 {
		a0, a1 := math.Pi*float64(i)/14, math.Pi*float64(i+1)/14
		p := func(a, r, y float64) vec { return pot.add(vec{-math.Cos(a) * r, y, -math.Sin(a) * r * .8}) }
		n := vec{-math.Cos((a0 + a1) / 2), .2, -math.Sin((a0 + a1) / 2)}
		c.face([]vec{p(a0, .11, 0), p(a1, .11, 0), p(a1, .16, .26), p(a0, .16, .26)}, st.paint(n, clay, .3))
	}
	petals := []RGB{Hex(0xc98a1e), Hex(0xb5521b), Hex(0xd9b13a), Hex(0x54662f)}
	for i := range 260 {
		a, r := st.r.Float64()*2*math.Pi, math.Sqrt(st.r.Float64())*.24
		p := pot.add(vec{math.Cos(a) * r, .3 + .16*(1-r/.24) + .05*math.Sin(a), math.Sin(a) * r * .5})
		k := float64(i) / 260
		st.leaf(c, p, .018+.012*k, st.shade(p, vec{math.Cos(a) * .5, .8, -.5}.unit(), petals[st.r.IntN(4)].mul(.45+.6*k)))
	}
}
