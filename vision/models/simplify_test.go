package models_test

import (
	"encoding/json"
	"image"
	"image/color"
	"image/draw"
	"math"
	"os"
	"testing"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"porchlight/vision/models"
	"porchlight/vision/models/modelstest"
	"porchlight/vision/ort"
)

func TestSimplifiedNetworksComputeTheSame(t *testing.T) {
	lib := library(t)
	for _, c := range []struct {
		name  string
		twice bool
		want  map[string]int
	}{
		{"a chain", false, map[string]int{"Conv": 3, "HardSigmoid": 2, "Mul": 2, "Add": 1, "Identity": 1}},
		// What scales and shifts x and y stays, because the results go elsewhere too.
		{"with side ways", true, map[string]int{"Conv": 3, "HardSigmoid": 2, "Mul": 4, "Add": 2, "Concat": 1, "Identity": 1}},
	} {
		before := models.Swishing(c.twice)
		after, err := models.Simplify(before)
		if err != nil {
			t.Fatal(err)
		}
		count, err := models.Operations(after)
		if err != nil {
			t.Fatal(err)
		}
		for op := range count {
			if count[op] != c.want[op] {
				t.Errorf("%s: %d of %s, expected %d: %v", c.name, count[op], op, c.want[op], count)
			}
		}
		in := noise([]int64{1, 3, 13, 17}, 8, -4)
		if off := apart(run(t, lib, before, in), run(t, lib, after, in)); off > 1e-5 {
			t.Errorf("%s: apart by %v", c.name, off)
		}
		if again, err := models.Simplify(after); err != nil || len(again) != len(after) {
			t.Errorf("%s: once more it has %d bytes, not %d: %v", c.name, len(again), len(after), err)
		}
	}
}

// What PP-OCR sees in a crop is what it saw as it was published.
func TestFeaturesAreThoseOfTheRecogniser(t *testing.T) {
	lib, dir := library(t), modelstest.Dir(t)
	whole, err := models.Read(dir, models.TextRead)
	if err != nil {
		t.Fatal(err)
	}
	published, err := models.Cut(whole, "p2o.AveragePool.1")
	if err != nil {
		t.Fatal(err)
	}
	ours, err := models.Read(dir, models.TextFeatures)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"ZZT 1234", "7KLM204", "ABO1I0Q"} {
		in := plate(text, 208, 48, 0.5, 0.5)
		if off := apart(run(t, lib, published, in), run(t, lib, ours, in)); off > 1e-5 {
			t.Errorf("%s: apart by %v", text, off)
		}
	}
}

// Where PP-OCR finds text is where it found it as it was published: testdata has
// some of the map that the file in the package makes of a drawn plate.
func TestTextIsFoundAsPublished(t *testing.T) {
	lib, dir := library(t), modelstest.Dir(t)
	ours, err := models.Read(dir, models.TextFind)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/text-find.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Every  int // of the map's values
		Values []float64
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	got := run(t, lib, ours, plate("ZZT 1234", 256, 96, 0.45, 0.226)).Float
	if len(want.Values) != len(got)/want.Every {
		t.Fatalf("%d values", len(want.Values))
	}
	for i, w := range want.Values {
		if have := float64(got[i*want.Every]); math.Abs(have-w) > 1e-4 {
			t.Errorf("value %d is %v, expected %v", i*want.Every, have, w)
		}
	}
}

func library(t *testing.T) *ort.Library {
	t.Helper()
	path, err := models.Path(modelstest.Dir(t), models.Runtime)
	if err != nil {
		t.Fatal(err)
	}
	lib, err := ort.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return lib
}

func run(t *testing.T, lib *ort.Library, model []byte, in ort.Tensor) ort.Tensor {
	t.Helper()
	net, err := lib.Session(model)
	if err != nil {
		t.Fatal(err)
	}
	defer net.Close()
	out, err := net.Run(in)
	if err != nil {
		t.Fatal(err)
	}
	return out[0]
}

// apart is the largest difference, in parts of the largest value.
func apart(a, b ort.Tensor) float64 {
	if len(a.Float) != len(b.Float) {
		return math.Inf(1)
	}
	var off, most float64
	for i, v := range a.Float {
		off, most = max(off, math.Abs(float64(v-b.Float[i]))), max(most, math.Abs(float64(v)))
	}
	return off / most
}

// plate is dark letters on a light ground as the text networks take a picture.
func plate(text string, w, h int, mean, dev float32) ort.Tensor {
	small := image.NewGray(image.Rect(0, 0, w/4, h/4))
	draw.Draw(small, small.Rect, image.NewUniform(color.Gray{Y: 200}), image.Point{}, draw.Src)
	d := font.Drawer{Dst: small, Src: image.NewUniform(color.Gray{Y: 30}), Face: basicfont.Face7x13}
	d.Dot = fixed.P((w/4-d.MeasureString(text).Ceil())/2, h/8+5)
	d.DrawString(text)
	data := make([]float32, 3*w*h)
	for i := range data {
		x, y := i%w, i/w%h
		data[i] = (float32(small.GrayAt(x/4, y/4).Y)/255 - mean) / dev
	}
	return ort.Floats(data, 1, 3, int64(h), int64(w))
}
