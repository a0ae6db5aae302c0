package streets

import (
	"context"
	"errors"
	"image"
	"slices"
	"testing"
	"time"
)

// What an actor paints outside its reach would stay in the picture for ever.
func TestActorsStayInReach(t *testing.T) {
	s := Scene{Seed: 3, Mood: "night", Seconds: 20, Cast: []Actor{
		Car{Shape: SUV, Body: Paints["green"], Plate: "DEMO 70352", Way: Leftward, Route: Path(0, 40, 16.2, 8, -40, 16.2)},
		Car{Shape: Van, Body: Paints["white"], Plate: "DEMO 80417", Way: Rightward, Route: Path(2, -40, 12.6, 10, 40, 12.6), Sign: "GROVE BAKERY"},
		Walker{Route: Path(0, 4.5, 8, 9, -8.5, 8, 20, -24, 8), Height: 1.7, Dog: true},
		Walker{Route: Path(5, -20, 12.2, 12.5, 22, 12.2), Height: 1.8, Bike: true},
	}}.whole()
	st := bareStage(s)
	c := newCanvas(st.lens)
	for at := 0.0; at < s.Seconds; at += 0.9 {
		for _, a := range s.Cast {
			c.touched = image.Rectangle{}
			a.paint(c, st, at)
			if reach := st.reach([]Actor{a}, at); !c.touched.In(reach) {
				t.Fatalf("%.1f s: %T touched %v, reach %v", at, a, c.touched, reach)
			}
		}
	}
}

func TestFramesStopWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := Road(1, "day", 1).Frames(ctx, time.Time{}, func(Frame) error { t.Error("drew"); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// The truth says where the plate is: its white ground and dark figures are there,
// in every frame that says so, and cars that are away are not told of.
func TestTruth(t *testing.T) {
	s := Road(2, "day", 8, Pass{Plate: "ZZT 1234", Type: "car", Color: "blue", At: 1, Speed: 11}, Pass{Plate: "ZZK 5678", Type: "suv", Color: "red", At: 4, Speed: 9, Nearer: true})
	s.W, s.H, s.Rate = 960, 540, 4
	var told []string
	empty := 0
	err := s.Frames(t.Context(), time.Time{}, func(f Frame) error {
		if len(f.Seen) == 0 {
			empty++
		}
		for _, v := range f.Seen {
			if v.Plate == "" || v.Where.W < 40 {
				continue
			}
			told = append(told, v.Plate)
			var bright, dark int
			for y := int(v.Where.Y); y < int(v.Where.Y+v.Where.H); y++ {
				for x := int(v.Where.X); x < int(v.Where.X+v.Where.W); x++ {
					switch l := f.YUV[y*s.W+x]; {
					case l > 150:
						bright++
					case l < 100:
						dark++
					}
				}
			}
			if n := int(v.Where.W * v.Where.H); bright < n/3 || dark < n/12 {
				t.Errorf("%s at %s: %d bright and %d dark of %d pixels at %+v", v.Plate, f.At, bright, dark, n, v.Where)
			}
			if v.Where.X < v.Box.X-1 || v.Where.X+v.Where.W > v.Box.X+v.Box.W+1 {
				t.Errorf("the plate %+v hangs beside its car %+v", v.Where, v.Box)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(told)
	if got := slices.Compact(told); !slices.Equal(got, []string{"ZZK5678", "ZZT1234"}) {
		t.Errorf("plates told: %q", got)
	}
}
