package streets

import (
	"image/color"
	"math"
	"math/rand/v2"

	"porchlight/vision"
)

// Where the road runs, in metres right of its middle line.
const (
	lane     = 1.8 // middle of the lane that leads away; the other's is as far left
	kerb     = 3.9
	pathFrom = 5.2
	pathTo   = 6.9
)

// roadGround is the paint of a point of the ground along a road.
func (st *stage) roadGround(p vec) RGB {
	x, z := p.X, p.Z
	off := math.Abs(x)
	switch {
	case off < kerb:
		v := Hex(0x5b5b59).mul(.72 + .4*clouds(x*.9, z*.5) + .2*(noise(x*46, z*46)-.5))
		for _, wheel := range []float64{lane - .75, lane + .75} { // worn tracks
			v = v.mul(1 + .12*math.Exp(-math.Pow((off-wheel)/.3, 2)))
		}
		if off > .06 && off < .17 {
			v = Hex(0xc29a3a).mul(.8 + .3*noise(x*20, z*9))
		}
		if off > kerb-.45 && off < kerb-.33 {
			v = Hex(0xc9c7bd).mul(.8 + .3*noise(x*20, z*9))
		}
		return v
	case off < kerb+.2:
		return Hex(0xb9b5ab)
	case off > pathFrom && off < pathTo:
		v := Hex(0xaea99f).mul(.82 + .3*clouds(x*1.2+3, z*1.2))
		if f := math.Mod(z, 1.5); f < .025 {
			v = v.mul(.62)
		}
		return v
	}
	g := Hex(0x5d7a3d).to(Hex(0x8c8a4c), clamp(clouds(x*.35, z*.35)*1.5-.4, 0, 1))
	return g.mul(.62 + .4*noise(x*14, z*14))
}

// swaying is a leaf that the wind moves: its place without wind.
type swaying struct {
	at   vec
	size float64
	tone color.RGBA
	turn float64
}

// alongTheRoad builds what stands beside the road, farthest first, and the bough
// that hangs into the picture.
func (st *stage) alongTheRoad() {
	sidings := []RGB{Hex(0xd8d3c4), Hex(0x9fb0b8), Hex(0xb8a184), Hex(0xa9b294)}
	for i, z := range []float64{74, 58, 44} {
		for side := -1.0; side < 2; side += 2 {
			st.house(side*(15+2*st.r.Float64()), 9, z, sidings[(i+int(st.Seed)+int(side+1))%4], Hex(0x4d4a4a), i%2 == 0, true)
		}
	}
	for _, z := range []float64{66, 50, 37, 28} {
		st.tree(st.back, vec{-8.6, 0, z + st.r.Float64()*3}, 6.5+2*st.r.Float64(), 2.4)
		st.tree(st.back, vec{9.4, 0, z + st.r.Float64()*3}, 6.5+2*st.r.Float64(), 2.4)
	}
	r := rand.New(rand.NewPCG(st.Seed, 0x6c656166))
	for range 260 {
		d := vec{r.NormFloat64() * .42, r.NormFloat64() * .3, r.NormFloat64() * .5}
		at := vec{4.6, 4.1, 12}.add(d)
		tone := Hex(0x4d6a33).to(Hex(0x8d8a3a), r.Float64()).mul(.5 + .5*clamp(d.Y+.5, 0, 1))
		st.leaves = append(st.leaves, swaying{at, .07 + .06*r.Float64(), st.show(st.shade(at, vec{-.2, .6, -.7}.unit(), tone)), r.Float64() * 6})
	}
	if st.Sway == 0 {
		for _, l := range st.leaves {
			l.paint(st.back, st.lens, vec{})
		}
	}
}

// sway paints the bough as the wind has moved it at t.
func (st *stage) sway(c *canvas, t float64) {
	for i, l := range st.leaves {
		w := st.Sway * (math.Sin(t*1.9) + .5*math.Sin(t*3.7+1) + .2*math.Sin(t*7+float64(i)))
		l.paint(c, st.lens, vec{w, w * .3, 0})
	}
}

func (l swaying) paint(c *canvas, lens *lens, moved vec) {
	p := l.at.add(moved)
	at, r := lens.px(p), l.size*lens.scale(p)
	ring := make([]pt, 7)
	for i := range ring {
		s, co := math.Sincos(l.turn + float64(i)*.9)
		k := r * (.7 + .5*speck(i, int(l.turn*1000)))
		ring[i] = pt{at.X + co*k, at.Y + s*k*.8}
	}
	c.flat(ring, l.tone)
}

// A Pass is a vehicle that goes by a Roadside camera.
type Pass struct {
	Plate       string  // as on the plate: "ZZT 1234"
	Type, Color string  // car, hatch, suv, van; one of Paints
	At          float64 // seconds into the scene at which its rear, or front, is 10 m from the camera
	Speed       float64 // metres a second
	Nearer      bool    // it comes towards the camera, in the other lane
}

// Road is a scene of a Roadside camera.
func Road(seed uint64, mood string, seconds float64, passes ...Pass) Scene {
	s := Scene{Seed: seed, Mood: mood, View: Roadside, Seconds: seconds}
	for _, p := range passes {
		s.Cast = append(s.Cast, p.car())
	}
	return s
}

func (p Pass) car() Car {
	c := Car{Shape: Shapes[p.Type], Color: p.Color, Body: Paints[p.Color], Plate: p.Plate, Way: Farther}
	length := c.line[len(c.line)-1].X
	x, from, to := lane, 10+length-p.Speed*p.At, 130.0
	if p.Nearer {
		c.Way = Nearer
		x, from, to = -lane, 10+length+p.Speed*p.At, -10
	}
	c.Route = Route{{0, x, from}, {math.Abs(to-from) / p.Speed, x, to}}
	return c
}

// kinds of vehicles as vision tells them.
func (s Shape) kind() vision.Kind {
	if s.boxy {
		return "truck"
	}
	return "car"
}
