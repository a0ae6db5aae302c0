package nets_test

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"slices"
	"testing"
	"time"

	"porchlight/internal/drawnface"
	"porchlight/internal/streets"
	"porchlight/vision"
	"porchlight/vision/nets"
)

// shared is a's and b's intersection by their union.
func shared(a, b vision.Box) float32 {
	w := min(a.X+a.W, b.X+b.W) - max(a.X, b.X)
	h := min(a.Y+a.H, b.Y+b.H) - max(a.Y, b.Y)
	if w <= 0 || h <= 0 {
		return 0
	}
	return w * h / (a.W*a.H + b.W*b.H - w*h)
}

func TestVehiclesAreFoundWithTheirColor(t *testing.T) {
	n := open(t)
	colors := map[string]int{}
	cars, found := 0, 0
	scene := streets.Road(2, "day", 8, streets.Pass{Plate: "ZZT 1234", Type: "car", Color: "blue", At: 1, Speed: 11},
		streets.Pass{Plate: "ZZK 5678", Type: "suv", Color: "red", At: 4, Speed: 9, Nearer: true})
	scene.W, scene.H, scene.Rate = 960, 540, 2
	err := scene.Frames(t.Context(), time.Time{}, func(drawn streets.Frame) error {
		f := scene.RGB(drawn)
		things, err := n.Objects(f)
		if err != nil {
			return err
		}
		for _, car := range drawn.Seen {
			if car.Box.W < 100 || car.Box.X < 0 || car.Box.X+car.Box.W > 960 || car.Box.Y+car.Box.H > 540 {
				continue
			}
			cars++
			i := slices.IndexFunc(things, func(t vision.Thing) bool { return shared(t.Box, car.Box) > 0.35 })
			if i < 0 {
				continue
			}
			found++
			v := nets.Vehicle(f, things[i])
			if v.Type == "" {
				t.Errorf("a car is %+v", things[i])
			}
			colors[v.Color+" for "+map[string]string{"ZZT1234": "blue", "ZZK5678": "red"}[car.Plate]]++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if cars == 0 || found < cars*3/4 {
		t.Errorf("%d of %d cars were found", found, cars)
	}
	if right := colors["blue for blue"] + colors["red for red"]; right <= found/2 {
		t.Errorf("of %d cars the colours were %v", found, colors)
	}
}

func TestFacesAreFoundWhateverTheirSize(t *testing.T) {
	n := open(t)
	for name, c := range map[string]struct {
		w, h  int
		faces []drawnface.Face
	}{
		"small ones in a large frame": {1920, 1080, []drawnface.Face{{Who: 1, X: 200, Y: 160, Size: 46}, {Who: 2, X: 900, Y: 600, Size: 60, Turned: 0.2}, {Who: 3, X: 1820, Y: 980, Size: 50}}},
		"a few":                       {800, 600, []drawnface.Face{{Who: 4, X: 150, Y: 150, Size: 150}, {Who: 5, X: 600, Y: 400, Size: 200, Turned: -0.15}}},
		"one that fills the frame":    {320, 320, []drawnface.Face{{Who: 6, X: 160, Y: 165, Size: 300}}},
	} {
		f := drawnface.Draw(c.w, c.h, c.faces...)
		found, err := n.Faces(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range c.faces {
			near := func(p image.Point) bool {
				return math.Hypot(float64(p.X)-want.X, float64(p.Y)-want.Y) < want.Size/2
			}
			i := slices.IndexFunc(found, func(got vision.Face) bool {
				x, y := float64(got.Box.X+got.Box.W/2), float64(got.Box.Y+got.Box.H/2)
				return math.Hypot(x-want.X, y-want.Y) < want.Size/3 && float64(got.Box.W) > want.Size/3 && float64(got.Box.W) < want.Size*1.2
			})
			if i < 0 {
				t.Errorf("%s: the face at (%v, %v) is not among %+v", name, want.X, want.Y, found)
				continue
			}
			got := found[i]
			if !near(got.Eyes[0]) || !near(got.Eyes[1]) || !near(got.Nose) || !near(got.Lips) || got.Eyes[0].X >= got.Eyes[1].X || got.Lips.Y <= got.Eyes[0].Y {
				t.Errorf("%s: %+v", name, got)
			}
		}
	}
	if found, err := n.Faces(vision.Frame{Pix: make([]byte, 3*400*300), W: 400, H: 300}); err != nil || len(found) > 0 {
		t.Errorf("faces in the dark: %v, %v", found, err)
	}
}

func cosine(a, b vision.Embedding) (sum float32) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

func TestLikenessOfFaces(t *testing.T) {
	n := open(t)
	look := func(face drawnface.Face) vision.Embedding {
		t.Helper()
		f := drawnface.Draw(640, 480, face)
		found, err := n.Faces(f)
		if err != nil || len(found) == 0 {
			t.Fatal("no face", err)
		}
		e, err := n.EmbedFace(f, found[0])
		if err != nil {
			t.Fatal(err)
		}
		if length := cosine(e, e); len(e) != 128 || length < 0.999 || length > 1.001 {
			t.Fatalf("%d numbers of length² %v", len(e), length)
		}
		return e
	}
	sam := look(drawnface.Face{Who: 3, X: 300, Y: 230, Size: 200})
	for _, again := range []drawnface.Face{{Who: 3, X: 180, Y: 300, Size: 110, Turned: 0.3}, {Who: 3, X: 400, Y: 200, Size: 150, Turned: -0.2, Light: 0.8}} {
		if c := cosine(sam, look(again)); c < 0.96 {
			t.Errorf("the same face, drawn as %+v, has a cosine of %v", again, c)
		}
	}
	for _, who := range []uint64{2, 6, 10} {
		if c := cosine(sam, look(drawnface.Face{Who: who, X: 300, Y: 230, Size: 200})); c > 0.93 {
			t.Errorf("face %d has a cosine of %v", who, c)
		}
	}
}

// animal is a drawn animal seen from the side: fur, and spots of another colour.
func animal(x, y, size int, fur, spots color.RGBA, ears bool) vision.Frame {
	m := image.NewRGBA(image.Rect(0, 0, 640, 480))
	draw.Draw(m, m.Bounds(), image.NewUniform(color.RGBA{96, 120, 80, 255}), image.Point{}, draw.Src)
	for py := range 480 {
		for px := range 640 {
			u, v := float64(px-x)/float64(size), float64(py-y)/float64(size)
			body := math.Hypot(u/1.0, v/0.5) < 1
			head := math.Hypot((u+1.05)/0.38, (v+0.45)/0.34) < 1
			legs := v > 0 && v < 1 && (math.Abs(u+0.6) < 0.12 || math.Abs(u-0.6) < 0.12)
			ear := ears && v < -0.6 && v > -1 && math.Abs(u+1.05) < 0.3 && math.Abs(math.Abs(u+1.05)-0.2) < (v+1)*0.3
			if body || head || legs || ear {
				c := fur
				if math.Sin(u*9)*math.Sin(v*11+1) > 0.45 {
					c = spots
				}
				m.SetRGBA(px, py, c)
			}
		}
	}
	return frame(m)
}

func TestLikenessOfAnimals(t *testing.T) {
	n := open(t)
	look := func(x, y, size int, fur, spots color.RGBA, ears bool) vision.Embedding {
		t.Helper()
		s := float32(size)
		e, err := n.Embed(animal(x, y, size, fur, spots, ears), vision.Box{X: float32(x) - 1.45*s, Y: float32(y) - s, W: 2.5 * s, H: 2 * s})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	ginger, white, black, brown := color.RGBA{205, 120, 50, 255}, color.RGBA{230, 228, 220, 255}, color.RGBA{30, 28, 28, 255}, color.RGBA{110, 75, 45, 255}
	lost := look(300, 240, 120, ginger, white, true)
	same := n.Alike(lost, look(360, 300, 80, ginger, white, true))
	for name, other := range map[string]vision.Embedding{
		"black and white": look(330, 260, 100, black, white, true),
		"brown":           look(300, 240, 110, brown, brown, false),
		"white and black": look(280, 250, 90, white, black, false),
	} {
		if c := n.Alike(lost, other); c > same-0.02 {
			t.Errorf("the %s one is alike by %v, the same animal %v", name, c, same)
		}
	}
	// At night, and in infrared, where no colour is left to compare.
	for name, light := range map[string]func(r, g, b int) (int, int, int){
		"at night":    func(r, g, b int) (int, int, int) { return r / 4, g / 4, b / 4 },
		"in infrared": func(r, g, b int) (int, int, int) { v := (r + g + b) / 6; return v, v, v },
	} {
		under := func(fur, spots color.RGBA, ears bool) vision.Embedding {
			f := animal(300, 240, 120, fur, spots, ears)
			for i := 0; i < len(f.Pix); i += 3 {
				r, g, b := light(int(f.Pix[i]), int(f.Pix[i+1]), int(f.Pix[i+2]))
				f.Pix[i], f.Pix[i+1], f.Pix[i+2] = uint8(r), uint8(g), uint8(b)
			}
			e, err := n.Embed(f, vision.Box{X: 126, Y: 120, W: 300, H: 240})
			if err != nil {
				t.Fatal(err)
			}
			return e
		}
		if own := n.Alike(lost, under(ginger, white, true)); own < 0.6 {
			t.Errorf("%s the same animal is alike by %v", name, own)
		} else if other := n.Alike(lost, under(black, white, true)); name == "at night" && own < other+0.02 {
			t.Errorf("%s another animal is alike by %v, the same by %v", name, other, own)
		}
	}
	if _, err := n.Embed(animal(300, 240, 100, ginger, white, true), vision.Box{X: 900, Y: 900, W: 10, H: 10}); err == nil {
		t.Error("a box outside the frame was taken")
	}
}

func TestSmallestFrames(t *testing.T) {
	n := open(t)
	for _, f := range []vision.Frame{{}, {Pix: make([]byte, 3), W: 1, H: 1}, {Pix: make([]byte, 3*2000), W: 2000, H: 1}} {
		if _, err := n.Objects(f); err != nil {
			t.Errorf("objects in %dx%d: %v", f.W, f.H, err)
		}
		if _, err := n.Faces(f); err != nil {
			t.Errorf("faces in %dx%d: %v", f.W, f.H, err)
		}
	}
}

// road is one full-HD frame.
func road(b *testing.B) (f vision.Frame) {
	b.Helper()
	scene := streets.Road(2, "day", 3, streets.Pass{Plate: "ZZT 1234", Type: "car", Color: "blue", At: 1, Speed: 11})
	scene.W, scene.H, scene.Rate = 1920, 1080, 1
	if err := scene.Frames(b.Context(), time.Time{}, func(drawn streets.Frame) error { f = scene.RGB(drawn); return nil }); err != nil {
		b.Fatal(err)
	}
	return f
}

func benchmark(b *testing.B, do func(*nets.Nets, vision.Frame) error) {
	n, f := open(b), road(b)
	if err := do(n, f); err != nil { // loads the network
		b.Fatal(err)
	}
	b.ResetTimer()
	for b.Loop() {
		if err := do(n, f); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPart(b *testing.B) {
	benchmark(b, func(_ *nets.Nets, f vision.Frame) error {
		nets.Part(f, vision.Box{W: 1920, H: 1080}, 416, 234)
		return nil
	})
}

func BenchmarkObjects(b *testing.B) {
	benchmark(b, func(n *nets.Nets, f vision.Frame) error { _, err := n.Objects(f); return err })
}

func BenchmarkFaces(b *testing.B) {
	benchmark(b, func(n *nets.Nets, f vision.Frame) error { _, err := n.Faces(f); return err })
}

func BenchmarkText(b *testing.B) {
	benchmark(b, func(n *nets.Nets, f vision.Frame) error {
		_, err := n.Text(f, vision.Box{X: 640, Y: 300, W: 640, H: 480}, nets.TextOptions{})
		return err
	})
}

func BenchmarkTextFeatures(b *testing.B) {
	benchmark(b, func(n *nets.Nets, f vision.Frame) error {
		_, err := n.TextFeatures(nets.Part(f, vision.Box{X: 800, Y: 500, W: 160, H: 48}, 160, 48))
		return err
	})
}

func BenchmarkEmbedFace(b *testing.B) {
	benchmark(b, func(n *nets.Nets, f vision.Frame) error {
		_, err := n.EmbedFace(f, vision.Face{Box: vision.Box{X: 800, Y: 500, W: 100, H: 100}})
		return err
	})
}

func BenchmarkEmbed(b *testing.B) {
	benchmark(b, func(n *nets.Nets, f vision.Frame) error {
		_, err := n.Embed(f, vision.Box{X: 800, Y: 500, W: 200, H: 100})
		return err
	})
}
