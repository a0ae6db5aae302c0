package streets

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
)

// A Rear is what a plate camera keeps of a vehicle: a close picture from behind.
type Rear struct {
	Seed        uint64
	Plate       string // as on the plate
	Type, Color string // car or anything larger; one of Paints
	Infrared    bool   // lit by the camera
	Label       string // burnt into the picture
}

const (
	rearW, rearH = 800, 500
	rearScale    = 390.0 // pixels a metre
)

// JPEG draws it.
func (p Rear) JPEG() ([]byte, error) {
	r := rand.New(rand.NewPCG(p.Seed, 0x72656172))
	c := &canvas{RGBA: image.NewRGBA(image.Rect(0, 0, rearW, rearH)), mask: image.NewAlpha(image.Rect(0, 0, rearW, rearH))}
	scale, height := rearScale, 1.44
	if p.Type != "car" {
		scale, height = rearScale*.86, 1.75
	}
	cx, ground := rearW/2+float64(r.IntN(41)-20), rearH-34.0
	at := func(x, y float64) pt { return pt{cx + x*scale, ground - y*scale} }
	light := 1.0
	if p.Infrared {
		light = .42
	}
	tone := func(v RGB) color.RGBA {
		f := func(x float64) uint8 { return uint8(clamp(math.Pow(x*light, 1/2.2)*255, 0, 255)) }
		out := color.RGBA{f(v.R), f(v.G), f(v.B), 255}
		if p.Infrared { // infrared knows no color
			g := uint8((int(out.R)*3 + int(out.G)*5 + int(out.B)*2) / 10)
			out = color.RGBA{g, g, g, 255}
		}
		return out
	}
	box := func(x0, y0, x1, y1 float64, v RGB) {
		c.flat([]pt{at(x0, y0), at(x1, y0), at(x1, y1), at(x0, y1)}, tone(v))
	}
	both := func(draw func(side float64)) { draw(-1); draw(1) }
	ring := func(side float64, p ...pt) []pt {
		out := make([]pt, len(p))
		for i, q := range p {
			out[i] = at(q.X*side, q.Y)
		}
		return out
	}

	// The road, darker towards the camera, and its edge line.
	for i := range 20 {
		k := float64(i) / 19
		c.flat([]pt{{0, k * rearH * .95}, {rearW, k * rearH * .95}, {rearW, rearH}, {0, rearH}}, tone(Hex(0x6d7072).to(Hex(0x3d3f41), k)))
	}
	c.flat([]pt{{40, 0}, {64, 0}, {12, rearH}, {-30, rearH}}, tone(Hex(0xc9c7bd)))
	shadow := []pt{}
	for i := range 24 {
		s, co := math.Sincos(float64(i) * 2 * math.Pi / 24)
		shadow = append(shadow, at(1.02*co, .03+.09*s))
	}
	c.flat(shadow, color.RGBA{8, 8, 9, 200})

	// Wheels, body, window, from below.
	both(func(side float64) {
		c.flat(ring(side, pt{.60, 0}, pt{.82, 0}, pt{.84, .06}, pt{.84, .4}, pt{.58, .4}, pt{.58, .06}), tone(Hex(0x101011)))
	})
	body := Paints[p.Color]
	c.flat([]pt{at(-.86, .24), at(-.92, .42), at(-.92, .8), at(-.84, .98), at(-.6, height), at(.6, height), at(.84, .98), at(.92, .8), at(.92, .42), at(.86, .24)}, tone(body))
	box(-.9, .24, .9, .44, body.mul(.72))
	box(-.84, .2, .84, .29, Hex(0x1a1b1d))
	c.flat([]pt{at(-.7, 1.0), at(-.52, height-.06), at(.52, height-.06), at(.7, 1.0)}, tone(Hex(0x1b2126)))
	c.flat([]pt{at(-.7, 1.0), at(-.6, 1.2), at(-.2, 1.28), at(.1, 1.0)}, tone(Hex(0x2b343b)))
	box(-.8, .965, .8, .978, body.mul(.45))                                    // the lid's edge
	box(-.86, .7, .86, .715, body.to(RGB{1, 1, 1}, .25))                       // and the light on it
	box(-.5, .445, .5, .452, body.mul(.4))                                     // the bumper's
	box(.48, .235, .6, .265, Hex(0x8f9397))                                    // the exhaust
	both(func(side float64) { box(.3*side-.05, .33, .3*side+.05, .35, body) }) // sensors
	both(func(side float64) {
		c.flat(ring(side, pt{.58, .72}, pt{.9, .68}, pt{.9, .9}, pt{.82, .94}, pt{.62, .92}), tone(Hex(0x9c1815)))
		c.flat(ring(side, pt{.74, .74}, pt{.87, .72}, pt{.87, .79}, pt{.74, .8}), tone(Hex(0xe0d9d2)))
		if p.Infrared {
			c.glow(at(side*.76, .82), scale*.42, RGB{.5, .5, .5})
		}
	})

	// The plate, which shines back at the camera's own light. Drawn larger than life.
	const wide = .42
	plate := drawPlate(p.Plate)
	x0, y0 := at(-wide/2, .66).X, at(0, .66).Y
	box(-wide/2-.02, .66-wide/2-.02, wide/2+.02, .68, body.mul(.5))
	w, h := int(wide*scale), int(wide*scale/2)
	for y := range h {
		for x := range w {
			var sum int // of the drawing's pixels below this one
			const n = 3
			for i := range n * n {
				px := (x*n + i%n) * plate.Rect.Dx() / (w * n)
				py := (y*n + i/n) * plate.Rect.Dy() / (h * n)
				sum += int(plate.GrayAt(px, py).Y)
			}
			k := float64(sum) / (n * n * 255)
			v := Hex(0x1e2b56).to(Hex(0xf4f4f0), k)
			if p.Infrared {
				v = RGB{.02, .02, .02}.to(RGB{2, 2, 2}, k)
			}
			c.blend(int(x0)+x, int(y0)+y, tone(v), 255)
		}
	}
	for i := 0; i < len(c.Pix); i += 4 { // a small sensor's grain
		g := r.IntN(17) - 8
		for j := range 3 {
			c.Pix[i+j] = uint8(min(max(int(c.Pix[i+j])+g, 0), 255))
		}
	}
	c.flat([]pt{{0, 0}, {rearW, 0}, {rearW, 30}, {0, 30}}, color.RGBA{0, 0, 0, 170})
	text, _ := lettering(p.Label, 17)
	for y := range text.Rect.Dy() {
		for x := range min(text.Rect.Dx(), rearW-16) {
			c.blend(12+x, 7+y, color.RGBA{235, 235, 230, 255}, uint32(text.GrayAt(x, y).Y))
		}
	}
	var out bytes.Buffer
	err := jpeg.Encode(&out, c.RGBA, &jpeg.Options{Quality: 78})
	return out.Bytes(), err
}
