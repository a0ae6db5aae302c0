// Package drawnface draws faces that are nobody's, for tests: the same number is
// always the same face.
package drawnface

import (
	"math"
	"math/rand/v2"

	"porchlight/vision"
)

// Face is where and how a face is drawn.
type Face struct {
	Who        uint64  // which face
	X, Y, Size float64 // the middle of the face and its height, in pixels
	Turned     float64 // radians, clockwise
	Light      float64 // 1: as usual
}

// traits are what tells one face from another; lengths are in halves of its height.
type traits struct {
	skin, hair, iris, lips     [3]float64
	width, eyes, eyeY, eyeSize float64
	brow, browY, nose, noseLow float64
	mouth, mouthY, fringe      float64
}

func traitsOf(who uint64) traits {
	r := rand.New(rand.NewPCG(who, 7))
	between := func(a, b float64) float64 { return a + (b-a)*r.Float64() }
	tone, dark := between(0.45, 1), between(0.1, 0.7)
	return traits{
		skin: [3]float64{225 * tone, 178 * tone, 150 * tone}, hair: [3]float64{110 * dark, 80 * dark, 50 * dark},
		iris: [3]float64{between(20, 90), between(40, 100), between(30, 120)}, lips: [3]float64{185 * tone, 95 * tone, 95 * tone},
		width: between(0.68, 0.84), eyes: between(0.27, 0.37), eyeY: between(-0.2, -0.1), eyeSize: between(0.1, 0.145),
		brow: between(0.03, 0.07), browY: between(0.13, 0.2), nose: between(0.1, 0.17), noseLow: between(0.18, 0.3),
		mouth: between(0.2, 0.33), mouthY: between(0.42, 0.56), fringe: between(-0.75, -0.5),
	}
}

// Draw draws faces into a grey picture of w by h pixels.
func Draw(w, h int, faces ...Face) vision.Frame {
	f := vision.Frame{Pix: make([]byte, 3*w*h), W: w, H: h}
	for i := range f.Pix {
		f.Pix[i] = byte(120 + i/3/w*30/h) // lighter towards the ground
	}
	for _, face := range faces {
		face.draw(f)
	}
	return f
}

func (f Face) draw(to vision.Frame) {
	t := traitsOf(f.Who)
	if f.Light == 0 {
		f.Light = 1
	}
	const samples = 3 // a pixel, each way
	sin, cos := math.Sincos(-f.Turned)
	reach := int(f.Size)
	for py := max(0, int(f.Y)-reach); py < min(to.H, int(f.Y)+reach); py++ {
		for px := max(0, int(f.X)-reach); px < min(to.W, int(f.X)+reach); px++ {
			p := to.Pix[3*(py*to.W+px):][:3]
			var sum [3]float64
			for s := range samples * samples {
				x := float64(px) + (float64(s%samples)+0.5)/samples - f.X
				y := float64(py) + (float64(s/samples)+0.5)/samples - f.Y
				c, ok := t.at((x*cos-y*sin)*2/f.Size, (x*sin+y*cos)*2/f.Size)
				for i := range sum {
					if ok {
						sum[i] += min(255, c[i]*f.Light)
					} else {
						sum[i] += float64(p[i])
					}
				}
			}
			for i := range p {
				p[i] = byte(sum[i] / (samples * samples))
			}
		}
	}
}

// at is the colour of a place of the face, which reaches from -1 to 1 downwards.
func (t traits) at(x, y float64) ([3]float64, bool) {
	oval := math.Hypot(x/t.width, y)
	ax := math.Abs(x)
	if y > 0.75 && ax < 0.38 && y < 1.5 && oval > 1 { // neck
		return shade(t.skin, 0.7), true
	}
	if hair := math.Hypot(x/(t.width+0.14), (y+0.12)/1.08); oval > 1 || y < t.fringe-0.12*x {
		return shade(t.hair, 1+0.3*math.Sin(40*x)*0.3), hair < 1 && (y < 0.25 || ax > t.width*0.8 && y < 0.6)
	}
	light := 1.06 - 0.35*oval*oval - 0.1*x // rounded, lit from her right
	ex, ey := ax-t.eyes, y-t.eyeY
	switch eye := math.Hypot(ex/(t.eyeSize*1.3), ey/(t.eyeSize*0.62)); {
	case eye < 1:
		switch pupil := math.Hypot(ex, ey) / t.eyeSize; {
		case math.Hypot(ex-0.02, ey+0.02) < 0.016:
			return [3]float64{250, 250, 250}, true
		case pupil < 0.26:
			return [3]float64{12, 10, 10}, true
		case pupil < 0.58:
			return t.iris, true
		}
		return [3]float64{228, 224, 220}, true
	case eye < 1.22 && ey < 0:
		return shade(t.skin, 0.35), true // the lid's edge
	case eye < 1.9:
		light *= 0.86 // the socket
	}
	if by := y - t.eyeY + t.browY + 0.35*ex*ex/0.1*0.3; math.Abs(by) < t.brow && ex > -0.17 && ex < 0.2 {
		return shade(t.hair, 1.05), true
	}
	if y > t.eyeY && y < t.noseLow { // the nose's bridge, and its shadow on one side
		down := (y - t.eyeY) / (t.noseLow - t.eyeY)
		switch half := 0.05 + (t.nose-0.05)*down; {
		case ax < half*0.45:
			light *= 1.1
		case ax < half:
			light *= 0.9 - 0.06*float64(sign(x))
		}
	}
	if math.Hypot((ax-t.nose*0.55)/0.04, (y-t.noseLow)/0.025) < 1 {
		return shade(t.skin, 0.3), true // nostrils
	}
	if math.Hypot(x/t.nose, (y-t.noseLow)/0.08) < 1 {
		light *= 0.82
	}
	if lip := math.Hypot(x/t.mouth, (y-t.mouthY)/0.085); lip < 1 {
		if math.Abs(y-t.mouthY+0.02*math.Cos(x/t.mouth*6)) < 0.012 {
			return shade(t.lips, 0.35), true
		}
		return shade(t.lips, 1.05-0.25*lip), true
	}
	if math.Hypot(x/t.mouth*1.3, (y-t.mouthY-0.14)/0.04) < 1 {
		light *= 0.85
	}
	return shade(t.skin, light), true
}

func sign(x float64) int {
	if x < 0 {
		return -1
	}
	return 1
}

func shade(c [3]float64, by float64) [3]float64 { return [3]float64{c[0] * by, c[1] * by, c[2] * by} }
