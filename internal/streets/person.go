package streets

import (
	"image/color"
	"math"
)

// A Bystander stands or walks and looks at the camera, so that her face shows.
// It is nobody's: an ellipsoid with a nose, lit as the scene is.
type Bystander struct {
	Route          Route
	Height         float64 // metres
	Coat, Trousers RGB
	Hair, Skin     RGB
}

func (b Bystander) depth(t float64) float64 { p, _ := b.Route.at(t); return p.Z }

func (b Bystander) bounds(t float64) (lo, hi vec) {
	p, _ := b.Route.at(t)
	return p.sub(vec{1, .4, .6}), p.add(vec{1, 2.3, .6})
}

func (b Bystander) heard(float64) (float64, float64) { return 0, 0 }

// head is the middle of the head and its half height, metres.
func (b Bystander) head(t float64) (middle vec, half float64) {
	p, _ := b.Route.at(t)
	return p.add(vec{0, b.Height * .93, 0}), b.Height * .07
}

func (b Bystander) seen(st *stage, t float64) (Seen, bool) {
	p, _ := b.Route.at(t)
	w := .17 * b.Height
	box, _, ok := st.boxOf(p.add(vec{-w, 0, 0}), p.add(vec{w, 0, 0}), p.add(vec{-w, b.Height, 0}), p.add(vec{w, b.Height, 0}))
	at, half := b.head(t)
	face, _, shows := st.boxOf(at.add(vec{-half * .76, -half, 0}), at.add(vec{half * .76, half, 0}))
	s := Seen{Kind: "person", Box: box}
	if shows {
		s.Face = face
	}
	return s, ok && p.Z > st.lens.at.Z
}

func (b Bystander) paint(c *canvas, st *stage, t float64) {
	p, _ := b.Route.at(t)
	if math.Abs(p.X) > 30 || p.Z < st.lens.at.Z+1 {
		return
	}
	f := st.figure(c, p, 1)
	f.shadow(.4, .2)
	k := b.Height / 1.75
	step := math.Sin(b.Route.walked(t) / .7 * math.Pi)
	for _, side := range []float64{-1, 1} {
		hip, lift := side*.1*k, .09*math.Max(0, side*step)
		cloth := f.tone(b.Trousers.mul(1-.12*math.Max(0, side)), .6)
		f.limb(side*.11*k, .06+lift, side*.12*k, .03+lift, .06*k, .07*k, f.tone(Hex(0x2b2622), .1))
		f.limb(hip, .92*k, side*.1*k, .5*k+lift, .105*k, .08*k, cloth)
		f.limb(side*.1*k, .5*k+lift, side*.11*k, .1*k+lift, .075*k, .055*k, cloth)
	}
	for _, side := range []float64{-1, 1} {
		arm := f.tone(b.Coat.mul(.82), 1.2)
		f.limb(side*.23*k, .82*k, side*.235*k, .76*k, .042*k, .045*k, f.tone(b.Skin, 1))
		f.limb(side*.21*k, 1.38*k, side*.25*k, 1.1*k, .065*k, .055*k, arm)
		f.limb(side*.25*k, 1.1*k, side*.235*k, .86*k, .055*k, .045*k, arm)
	}
	f.limb(0, .95*k, 0, 1.22*k, .165*k, .19*k, f.tone(b.Coat, 1.1))
	f.limb(-.1*k, 1.3*k, .1*k, 1.3*k, .145*k, .145*k, f.tone(b.Coat.mul(1.06), 1.3))
	f.limb(0, .96*k, 0, 1.36*k, .008*k, .008*k, f.tone(b.Coat.mul(.5), 1.1))
	f.limb(0, 1.4*k, 0, 1.52*k, .062*k, .058*k, f.tone(b.Skin.mul(.72), 1.45))
	b.paintHead(c, st, t)
}

// paintHead paints hair, face and features pixel by pixel: u and v run from -1 to
// 1 across the face and up it.
func (b Bystander) paintHead(c *canvas, st *stage, t float64) {
	at, half := b.head(t)
	mid := st.lens.px(at)
	ry := half * st.lens.scale(at)
	rx := ry * .76
	hair := make([]pt, 40)
	for i := range hair {
		s, co := math.Sincos(float64(i) * math.Pi / 20)
		down := 1.12
		if s > 0 {
			down = .55
		}
		hair[i] = pt{mid.X + rx*1.13*co, mid.Y - ry*.02 + ry*down*s}
	}
	c.flat(hair, st.show(st.shade(at, vec{0, .6, -.8}, b.Hair)))
	oval := make([]pt, 48)
	for i := range oval {
		s, co := math.Sincos(float64(i) * math.Pi / 24)
		wide := 1.0
		if s > 0 { // towards the chin
			wide = 1 - .2*s*s
		}
		oval[i] = pt{mid.X + rx*wide*co, mid.Y + ry*s}
	}
	blob := func(u, v, u0, v0, ru, rv float64) float64 { // 1 in the middle, soft edge
		d := math.Hypot((u-u0)/ru, (v-v0)/rv)
		return clamp((1.25-d)*2, 0, 1)
	}
	c.fill(oval, func(x, y int) (color.RGBA, bool) {
		u, v := (float64(x)+.5-mid.X)/rx, (mid.Y-float64(y)-.5)/ry
		a := math.Abs(u)
		n := vec{u * .8, v * .55, -math.Sqrt(math.Max(.08, 1-u*u*.75-v*v*.4))}.unit()
		paint := b.Skin
		lips, cheeks := Hex(0x8c3a35), Hex(0xb5604c)
		paint = paint.to(cheeks, .22*blob(a, v, .5, -.22, .3, .22))
		// Sockets and the shadows under brows, nose, lip and chin.
		dark := .42*blob(a, v, .38, .16, .27, .13) + .3*blob(u, v, 0, -.31, .17, .04) + .2*blob(u, v, 0, -.66, .22, .05) + .18*blob(a, v, .16, .0, .07, .2)
		paint = paint.mul(1 - math.Min(dark, .6))
		paint = paint.mul(1 + .22*blob(u, v, 0, -.08, .07, .24) + .14*blob(u, v, 0, .5, .5, .2) + .1*blob(u, v, 0, -.85, .2, .1))
		paint = paint.to(b.Hair.mul(.8), blob(a, v-.06*(1-a), .39, .285, .25, .045)) // brows
		white := blob(a, v, .38, .13, .17, .068)
		paint = paint.to(Hex(0xd8d2c8), .9*white)
		paint = paint.to(Hex(0x2a1c12), blob(a, v, .38, .13, .072, .075))
		paint = paint.to(RGB{.01, .01, .01}, blob(a, v, .38, .13, .035, .035)+.85*blob(a, v, .38, .2, .18, .022)) // pupil, lashes
		paint = paint.to(RGB{.03, .015, .012}, .8*blob(a, v, .075, -.265, .035, .022))                            // nostrils
		paint = paint.to(lips, .8*blob(u, v, 0, -.5, .27, .065))
		paint = paint.to(lips.mul(.25), .9*blob(u, v, 0, -.495, .26, .016))
		if v > .72-.25*a*a*a+.04*math.Sin(u*9) { // the hair's edge
			paint = b.Hair
		}
		return st.show(st.shade(at, n, paint)), true
	})
	c.glow(pt{mid.X - rx*.34, mid.Y - ry*.17}, math.Max(1, ry*.05), RGB{.5, .5, .5}) // light in the eyes
	c.glow(pt{mid.X + rx*.42, mid.Y - ry*.17}, math.Max(1, ry*.05), RGB{.5, .5, .5})
}
