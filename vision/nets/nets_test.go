package nets_test

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"strings"
	"sync"
	"testing"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/f64"
	"golang.org/x/image/math/fixed"

	xdraw "golang.org/x/image/draw"

	"porchlight/vision"
	"porchlight/vision/models/modelstest"
	"porchlight/vision/nets"
)

// open hands out one Nets for all tests: the networks are loaded once.
var open = func() func(t testing.TB) *nets.Nets {
	var once sync.Once
	var n *nets.Nets
	var err error
	return func(t testing.TB) *nets.Nets {
		t.Helper()
		dir := modelstest.Dir(t)
		if once.Do(func() { n, err = nets.Open(dir) }); err != nil {
			t.Fatal(err)
		}
		return n
	}
}()

// frame is the picture as a frame.
func frame(img image.Image) vision.Frame {
	b := img.Bounds()
	f := vision.Frame{W: b.Dx(), H: b.Dy(), Pix: make([]byte, 0, 3*b.Dx()*b.Dy())}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, b, _ := img.At(x, y).RGBA()
			f.Pix = append(f.Pix, byte(r>>8), byte(g>>8), byte(b>>8))
		}
	}
	return f
}

// written is a grey picture with a white sign of black letters, turned by degrees
// about its middle; and where the sign is.
func written(t testing.TB, text string, degrees float64) (vision.Frame, nets.Quad) {
	t.Helper()
	face, err := opentype.Parse(gobold.TTF)
	if err != nil {
		t.Fatal(err)
	}
	letters, err := opentype.NewFace(face, &opentype.FaceOptions{Size: 44, DPI: 72})
	if err != nil {
		t.Fatal(err)
	}
	d := font.Drawer{Src: image.Black, Face: letters}
	w := d.MeasureString(text).Ceil() + 30
	sign := image.NewRGBA(image.Rect(0, 0, w, 64))
	draw.Draw(sign, sign.Bounds(), image.White, image.Point{}, draw.Src)
	d.Dst, d.Dot = sign, fixed.P(15, 47)
	d.DrawString(text)
	all := image.NewRGBA(image.Rect(0, 0, 640, 480))
	draw.Draw(all, all.Bounds(), image.NewUniform(color.Gray{110}), image.Point{}, draw.Src)
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	at := func(x, y float64) (float64, float64) {
		x, y = x-float64(w)/2, y-32
		return 320 + x*cos - y*sin, 240 + x*sin + y*cos
	}
	x0, y0 := at(0, 0)
	xdraw.BiLinear.Transform(all, f64.Aff3{cos, -sin, x0, sin, cos, y0}, sign, sign.Bounds(), draw.Over, nil)
	var q nets.Quad
	for i, c := range [4][2]float64{{0, 0}, {float64(w), 0}, {float64(w), 64}, {0, 64}} {
		x, y := at(c[0], c[1])
		q[i] = nets.Point{X: float32(x), Y: float32(y)}
	}
	return frame(all), q
}

func TestTextIsFoundAndRead(t *testing.T) {
	n := open(t)
	for _, degrees := range []float64{0, 12, -20} {
		const text = "LANTERN 4827"
		f, sign := written(t, text, degrees)
		found, err := n.Text(f, vision.Box{W: float32(f.W), H: float32(f.H)}, nets.TextOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var width float32
		for _, l := range found { // the two words may be one line or two
			for _, p := range l.Quad {
				if b := sign.Bounds(); p.X < b.X-8 || p.X > b.X+b.W+8 || p.Y < b.Y-8 || p.Y > b.Y+b.H+8 {
					t.Errorf("turned by %v: a corner at %v, the sign is at %v", degrees, p, b)
				}
			}
			w, _ := l.Quad.Size()
			width += w
		}
		if w, _ := sign.Size(); width < 0.8*w || width > 1.1*w {
			t.Errorf("turned by %v: lines of %v pixels on a sign of %v", degrees, width, w)
		}
		strip := nets.Straighten(f, sign, 320, nets.StripHeight)
		read, err := n.ReadText(strip, strip)
		if err != nil {
			t.Fatal(err)
		}
		if strings.ReplaceAll(read[0].Text, " ", "") != strings.ReplaceAll(text, " ", "") || read[0].Confidence < 0.8 || read[1] != read[0] {
			t.Errorf("turned by %v: read %+v", degrees, read)
		}
	}
}

func TestTextFeaturesAreOfTheSameNetwork(t *testing.T) {
	n := open(t)
	f, sign := written(t, "GATE 7", 0)
	strip := nets.Straighten(f, sign, 160, nets.StripHeight)
	features, err := n.TextFeatures(strip)
	if err != nil {
		t.Fatal(err)
	}
	odds, err := n.TextOdds(strip)
	if err != nil {
		t.Fatal(err)
	}
	if s := features.Shape; len(s) != 4 || s[0] != 1 || s[1] != 480 || s[2] != 1 || s[3] != odds.Shape[1] {
		t.Errorf("features %v, odds %v", features.Shape, odds.Shape)
	}
	for step := range int(odds.Shape[1]) {
		var sum float32
		for _, p := range odds.Float[step*int(odds.Shape[2]):][:odds.Shape[2]] {
			sum += p
		}
		if math.Abs(float64(sum-1)) > 1e-3 {
			t.Fatalf("the odds of step %d add up to %v", step, sum)
		}
	}
	if _, err := n.TextFeatures(vision.Frame{Pix: make([]byte, 3*10*10), W: 10, H: 10}); err == nil {
		t.Error("a line of another height was taken")
	}
	if _, err := n.TextFeatures(); err == nil {
		t.Error("no line was taken")
	}
}

func TestNoTextInNothing(t *testing.T) {
	n := open(t)
	f := vision.Frame{Pix: make([]byte, 3*200*100), W: 200, H: 100}
	for _, box := range []vision.Box{{W: 200, H: 100}, {}, {X: 500, Y: 500, W: 40, H: 40}, {X: -50, Y: -50, W: 300, H: 300}} {
		if found, err := n.Text(f, box, nets.TextOptions{}); err != nil || len(found) > 0 {
			t.Errorf("%v: %v, %v", box, found, err)
		}
	}
}

// ramp is a frame whose red grows to the right and green downwards.
func ramp(w, h int) vision.Frame {
	f := vision.Frame{W: w, H: h, Pix: make([]byte, 3*w*h)}
	for y := range h {
		for x := range w {
			f.Pix[3*(y*w+x)], f.Pix[3*(y*w+x)+1], f.Pix[3*(y*w+x)+2] = byte(2*x), byte(2*y), 200
		}
	}
	return f
}

func TestPart(t *testing.T) {
	f := ramp(100, 80)
	same := nets.Part(f, vision.Box{W: 100, H: 80}, 100, 80)
	if string(same.Pix) != string(f.Pix) {
		t.Error("a part that is the whole is not the whole")
	}
	for name, c := range map[string]struct {
		box  vision.Box
		w, h int
	}{
		"smaller": {vision.Box{X: 10, Y: 20, W: 60, H: 30}, 13, 7},
		"larger":  {vision.Box{X: 10.5, Y: 20.25, W: 20, H: 10}, 50, 40},
	} {
		got := nets.Part(f, c.box, c.w, c.h)
		for y := range c.h {
			for x := range c.w { // a linear ramp is its own average
				wantR := 2 * (float64(c.box.X) + (float64(x)+0.5)*float64(c.box.W)/float64(c.w) - 0.5)
				wantG := 2 * (float64(c.box.Y) + (float64(y)+0.5)*float64(c.box.H)/float64(c.h) - 0.5)
				p := got.Pix[3*(y*c.w+x):][:3]
				if math.Abs(float64(p[0])-wantR) > 1 || math.Abs(float64(p[1])-wantG) > 1 || p[2] != 200 {
					t.Fatalf("%s: (%d, %d) is %v, expected about (%.1f, %.1f, 200)", name, x, y, p, wantR, wantG)
				}
			}
		}
	}
	over := nets.Part(f, vision.Box{X: -100, Y: 0, W: 200, H: 80}, 20, 8)
	if p := over.Pix[3*5 : 3*6]; p[2] != 0 {
		t.Errorf("left of the frame is %v, expected black", p)
	}
	if p := over.Pix[3*15 : 3*16]; p[2] != 200 {
		t.Errorf("inside the frame is %v", p)
	}
}

func TestStraightenGoesByTheCorners(t *testing.T) {
	f := ramp(100, 100)
	q := nets.Quad{{X: 20, Y: 30}, {X: 70, Y: 20}, {X: 80, Y: 60}, {X: 10, Y: 70}}
	got := nets.Straighten(f, q, 60, 40)
	for i, at := range [4][2]int{{0, 0}, {59, 0}, {59, 39}, {0, 39}} {
		p := got.Pix[3*(at[1]*60+at[0]):][:2]
		if math.Abs(float64(p[0])/2-float64(q[i].X)) > 2 || math.Abs(float64(p[1])/2-float64(q[i].Y)) > 2 {
			t.Errorf("corner %d shows what is at (%d, %d), expected %v", i, p[0]/2, p[1]/2, q[i])
		}
	}
	upright := nets.Straighten(f, nets.Upright(vision.Box{X: 10, Y: 10, W: 30, H: 20}), 30, 20)
	if want := nets.Part(f, vision.Box{X: 10, Y: 10, W: 30, H: 20}, 30, 20); string(upright.Pix) != string(want.Pix) {
		t.Error("an upright quad is not the part it is around")
	}
}
