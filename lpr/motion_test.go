package lpr

import (
	"testing"
	"time"

	"porchlight/internal/streets"
)

// A tree in the wind keeps the gate shut, but for its looks now and then; a
// vehicle opens it before its plate is legible, by day and by infrared.
func TestGate(t *testing.T) {
	for _, mood := range []string{"day", "infrared"} {
		t.Run(mood, func(t *testing.T) {
			t.Parallel()
			s := streets.Road(4, mood, 14, streets.Pass{Plate: "ZZT 1234", Type: "car", Color: "gray", At: 10, Speed: 12},
				streets.Pass{Plate: "ZZK 5678", Type: "suv", Color: "black", At: 12.5, Speed: 14})
			s.W, s.H, s.Rate, s.Sway = 640, 360, 5, .12
			var g gate
			var still, opened, missed, vehicles int
			err := s.Frames(t.Context(), time.Time{}, func(f streets.Frame) error {
				open := g.open(s.RGB(f))
				shows := false
				for _, v := range f.Seen {
					shows = shows || v.Plate != "" && v.Where.W > 12 // some 25 m away
				}
				switch {
				case shows && !open:
					missed++
				case f.At > 5*time.Second && len(f.Seen) == 0:
					still++
					if open {
						opened++
					}
				}
				if shows {
					vehicles++
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d frames with a vehicle, %d missed; %d without, open in %d", vehicles, missed, still, opened)
			if vehicles < 8 || missed > 0 {
				t.Errorf("the gate was shut in %d of %d frames with a vehicle near", missed, vehicles)
			}
			if still < 10 || opened*3 > still {
				t.Errorf("the gate was open in %d of %d frames with nothing but a tree", opened, still)
			}
		})
	}
}
