package models_test

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"porchlight/vision/models"
	"porchlight/vision/models/modelstest"
	"porchlight/vision/ort"
)

// vectors are what TensorFlow.js computed; testdata/tfjs.json says how.
type vectors struct {
	Networks map[string]struct {
		Shape        []int64
		Scale, Shift float64
		Outputs      []struct {
			Shape  []int64
			Length int
			Sum    float64
			Values [][2]float64
		}
	}
}

func TestConvertedNetworksComputeTheSame(t *testing.T) {
	dir := modelstest.Dir(t)
	text, err := os.ReadFile("testdata/tfjs.json")
	if err != nil {
		t.Fatal(err)
	}
	var all vectors
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	lib := library(t)
	for _, name := range []string{models.Objects, models.Likeness, models.FaceLikeness} {
		t.Run(name, func(t *testing.T) {
			want, ok := all.Networks[name]
			if !ok {
				t.Fatal("no vectors")
			}
			model, err := models.Read(dir, name)
			if err != nil {
				t.Fatal(err)
			}
			net, err := lib.Session(model)
			if err != nil {
				t.Fatal(err)
			}
			defer net.Close()
			in := noise(want.Shape, want.Scale, want.Shift)
			if name == models.FaceLikeness {
				in = colours()
			}
			got, err := net.Run(in)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(want.Outputs) {
				t.Fatalf("%d outputs, expected %d", len(got), len(want.Outputs))
			}
			for i, w := range want.Outputs {
				if !slices.Equal(got[i].Shape, w.Shape) || len(got[i].Float) != w.Length {
					t.Fatalf("output %d has the shape %v, expected %v", i, got[i].Shape, w.Shape)
				}
				var sum float64
				for _, v := range got[i].Float {
					sum += float64(v)
				}
				if math.Abs(sum-w.Sum) > 1e-3*max(1, math.Abs(w.Sum)) {
					t.Errorf("output %d adds up to %v, expected %v", i, sum, w.Sum)
				}
				for _, v := range w.Values {
					if have := float64(got[i].Float[int(v[0])]); math.Abs(have-v[1]) > 2e-4*max(1, math.Abs(v[1])) {
						t.Errorf("output %d, element %v is %v, expected %v", i, v[0], have, v[1])
					}
				}
			}
		})
	}
}

func noise(shape []int64, scale, shift float64) ort.Tensor {
	n := int64(1)
	for _, d := range shape {
		n *= d
	}
	data := make([]float32, n)
	for i := range data {
		data[i] = float32(float64(uint32(i)*2654435761)/(1<<32)*scale + shift)
	}
	return ort.Floats(data, shape...)
}

// colours is a picture of noise as the face network takes it.
func colours() ort.Tensor {
	mean := [3]float64{122.782, 117.001, 104.298}
	data := make([]float32, 3*150*150)
	for i := range data {
		c := i % 3
		data[c*150*150+i/3] = float32((float64(uint32(i)*2654435761>>24) - mean[c]) / 255)
	}
	return ort.Floats(data, 1, 3, 150, 150)
}
