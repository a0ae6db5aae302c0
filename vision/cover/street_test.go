package cover

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"porchlight/internal/streets"
	"porchlight/video"
	"porchlight/vision"
	"porchlight/vision/models/modelstest"
	"porchlight/vision/nets"
	"porchlight/vision/plates"
)

// street is a drawn street with cars that pass and people who look at the camera.
func street(seconds float64) streets.Scene {
	s := streets.Road(21, "day", seconds,
		streets.Pass{Plate: "ZZT 1234", Type: "car", Color: "red", At: .1, Speed: 3},
		streets.Pass{Plate: "ZZK 5678", Type: "suv", Color: "white", At: 1.2, Speed: 4, Nearer: true},
		streets.Pass{Plate: "ZZP 9012", Type: "van", Color: "blue", At: 6, Speed: 9})
	person := func(coat, hair, skin uint32, route ...float64) streets.Bystander {
		return streets.Bystander{Route: streets.Path(route...), Height: 1.72, Coat: streets.Hex(coat), Trousers: streets.Hex(0x2d2f36), Hair: streets.Hex(hair), Skin: streets.Hex(skin)}
	}
	s.Cast = append(s.Cast, person(0x3b5a7c, 0x3a2618, 0xc9977a, 0, 2.75, 9), person(0x7c3b3b, 0x1a1210, 0x8d5a3c, 0, 3.4, 18, seconds, 2.6, 6))
	s.W, s.H, s.Rate = 960, 540, 10
	return s
}

// encode writes a scene as a film and returns what is in each frame.
func encode(t testing.TB, s streets.Scene, file string) [][]streets.Seen {
	t.Helper()
	c := exec.Command("ffmpeg", "-v", "error", "-i", "pipe:0", "-c:v", "libx264", "-preset", "veryfast", "-crf", "22", file)
	seen, err := s.Into(context.Background(), c, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

// With the real networks: nearly every frame of every face and plate of a drawn
// street is covered.
func TestStreet(t *testing.T) {
	t.Parallel()
	n, err := nets.Open(modelstest.Dir(t))
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	r, err := plates.Open(n)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s, file := street(2), filepath.Join(t.TempDir(), "street.mp4")
	truth := encode(t, s, file)
	tracks, err := Find(t.Context(), file, Finders{Faces: n, Plates: plates.Places{Reader: r}, Objects: n}, FindOptions{})
	if err != nil {
		t.Fatal(err)
	}
	type tally struct{ covered, of int }
	sum := map[string]*tally{Face: {}, Plate: {}}
	i := 0
	for f, err := range video.Frames(t.Context(), video.Source(file), video.FrameOptions{W: 64}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, seen := range truth[i] {
			for kind, b := range map[string]vision.Box{Face: seen.Face, Plate: seen.Where} {
				least := map[string]float32{Face: 16, Plate: 40}[kind]
				if b.W < least {
					continue
				}
				k := key(f.At.Seconds(), b, s.W, s.H)
				best := 0.0
				for _, tr := range tracks {
					if at, ok := tr.At(k.T); ok {
						best = max(best, overlap(at, k)/(k.W*k.H))
					}
				}
				sum[kind].of++
				if best > .9 {
					sum[kind].covered++
				} else {
					t.Logf("%s %.2f s: %v covered %.2f (%s)", kind, k.T, b, best, seen.Plate)
				}
			}
		}
		i++
	}
	for kind, n := range sum {
		t.Logf("%s: %+v", kind, *n)
		if n.of < 5 || float64(n.covered) < .95*float64(n.of) {
			t.Errorf("%s: covered in %d of %d frames", kind, n.covered, n.of)
		}
	}
}
