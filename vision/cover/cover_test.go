package cover

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"porchlight/video"
	"porchlight/vision"
)

// white finds the white square on a black picture: a finder that is always right,
// except where it is told to be blind.
type white struct {
	mu    sync.Mutex
	blind func(at time.Duration) bool
	score float32
	looks []time.Duration
	err   error
}

func (w *white) find(f vision.Frame) (vision.Box, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looks = append(w.looks, f.At)
	x0, y0, x1, y1 := f.W, f.H, -1, -1
	for y := range f.H {
		for x := range f.W {
			if f.Pix[3*(y*f.W+x)] > 128 {
				x0, y0, x1, y1 = min(x0, x), min(y0, y), max(x1, x), max(y1, y)
			}
		}
	}
	return vision.Box{X: float32(x0), Y: float32(y0), W: float32(x1 - x0 + 1), H: float32(y1 - y0 + 1)}, x1 >= 0 && (w.blind == nil || !w.blind(f.At))
}

func (w *white) Faces(f vision.Frame) ([]vision.Face, error) {
	if b, ok := w.find(f); ok {
		return []vision.Face{{Box: b, Score: w.score}}, w.err
	}
	return nil, w.err
}

func (w *white) Plates(f vision.Frame, vehicles []vision.Thing) ([]vision.Plate, error) {
	if vehicles == nil {
		return nil, errors.New("asked to look everywhere though vehicles were looked for")
	}
	if b, ok := w.find(f); ok && len(vehicles) > 0 {
		return []vision.Plate{{Box: b}}, w.err
	}
	return nil, w.err
}

func (w *white) Objects(f vision.Frame) ([]vision.Thing, error) {
	if f.At > 2*time.Second {
		return nil, nil
	}
	return []vision.Thing{{Kind: "car", Box: vision.Box{W: float32(f.W), H: float32(f.H)}, Score: 1}}, nil
}

// film is a black film of 4 s with a white square of 16 pixels whose place is given
// by x as ffmpeg reads it, with a tone.
func film(t *testing.T, x string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "in.mp4")
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=black:s=320x96:r=25:d=4", "-f", "lavfi", "-i", "color=white:s=16x16:r=25:d=4", "-f", "lavfi", "-i", "sine=d=4",
		"-filter_complex", "[0][1]overlay=x='"+x+"':y=40:shortest=1,format=yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "12", "-metadata", "title=SN-SYNTHETIC-42", file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return file
}

// shown counts the frames of a film that show white.
func shown(t *testing.T, file string) (n, of int) {
	t.Helper()
	for f, err := range video.Frames(t.Context(), video.Source(file), video.FrameOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if of++; slices.Max(f.Pix) > 90 {
			n++
		}
	}
	return n, of
}

func TestFindAndRender(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		x     string
		blind func(time.Duration) bool
	}{
		"still":    {"100", nil},
		"walks":    {"20+60*t", nil},
		"runs":     {"-16+336*t/1.2", nil},
		"turns":    {"150+140*sin(3*t)", nil},
		"jumps in": {"if(lt(t,2.06),-50,60+20*t)", nil},
		"unseen for a second": {"20+60*t", func(at time.Duration) bool {
			return at > 1500*time.Millisecond && at < 2500*time.Millisecond
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, out := film(t, c.x), filepath.Join(t.TempDir(), "out.mp4")
			before, of := shown(t, in)
			if before == 0 {
				t.Fatal("nothing to cover")
			}
			share := 0.0
			tracks, err := Find(t.Context(), in, Finders{Faces: &white{blind: c.blind, score: .9}}, FindOptions{Progress: func(s float64) { share = s }})
			if err != nil {
				t.Fatal(err)
			}
			if len(tracks) == 0 || len(tracks) > 3 || tracks[0].Kind != Face || math.Abs(tracks[0].Score-.9) > .001 || share < .9 {
				t.Errorf("progress %v: %+v", share, tracks)
			}
			m, err := Render(t.Context(), in, out, tracks, RenderOptions{})
			if err != nil || !m.Sound {
				t.Fatalf("%+v, %v", m, err)
			}
			if after, n := shown(t, out); after != 0 || n != of {
				t.Errorf("white in %d of %d frames, before in %d of %d: %+v", after, n, before, of, tracks)
			}
			if name == "unseen for a second" {
				u := Unsure(tracks)
				if len(u) == 0 || u[0].Why != Bridged || u[0].T < 1.5 || u[0].T > 2.5 || u[0].Track != tracks[0].ID {
					t.Errorf("%+v", u)
				}
			}
		})
	}
}

// Where nothing changes few frames are looked at; where it does, more.
func TestLooksCloser(t *testing.T) {
	t.Parallel()
	still, runs := &white{score: .9}, &white{score: .9}
	for w, x := range map[*white]string{still: "100", runs: "-16+336*t/1.2"} {
		if _, err := Find(t.Context(), film(t, x), Finders{Faces: w}, FindOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if len(still.looks) > 4 || len(runs.looks) < 10 || len(runs.looks) > 40 {
		t.Errorf("%d and %d looks", len(still.looks), len(runs.looks))
	}
}

func TestPlatesOnVehiclesOnly(t *testing.T) {
	t.Parallel()
	w := &white{}
	tracks, err := Find(t.Context(), film(t, "100+8*t"), Finders{Plates: w, Objects: w}, FindOptions{From: time.Second, To: 3 * time.Second})
	if err != nil || len(tracks) != 1 || tracks[0].Kind != Plate || tracks[0].From != 1 || tracks[0].To < 2.5 || tracks[0].To > 2.9 {
		t.Errorf("%+v, %v", tracks, err)
	}
}

func TestGivesUp(t *testing.T) {
	t.Parallel()
	broken := errors.New("the network is broken")
	if _, err := Find(t.Context(), film(t, "100"), Finders{Faces: &white{err: broken}}, FindOptions{}); !errors.Is(err, broken) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := Find(ctx, film(t, "100"), Finders{Faces: &white{}}, FindOptions{Progress: func(float64) { cancel() }}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := Find(t.Context(), os.Args[0], Finders{Faces: &white{}}, FindOptions{}); !errors.Is(err, video.ErrNoPicture) {
		t.Error(err)
	}
}

// The app's boxAt (types.ts) and ours agree.
func TestAt(t *testing.T) {
	t.Parallel()
	var track Track
	if err := json.Unmarshal([]byte(`{"id":"a","kind":"manual","score":1,"from":1,"to":5,"keys":[{"t":2,"x":0.1,"y":0.2,"w":0.1,"h":0.2},{"t":4,"x":0.3,"y":0.2,"w":0.2,"h":0.2}]}`), &track); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[float64]float64{0.9: -1, 1: .1, 2: .1, 2.5: .15, 3: .2, 4: .3, 5: .3, 5.1: -1} {
		if k, ok := track.At(at); ok != (want >= 0) || ok && math.Abs(k.X-want) > 1e-9 {
			t.Errorf("at %v: %+v, %v", at, k, ok)
		}
	}
	if b, err := json.Marshal(track); err != nil || string(b) != `{"id":"a","kind":"manual","score":1,"from":1,"to":5,"keys":[{"t":2,"x":0.1,"y":0.2,"w":0.1,"h":0.2},{"t":4,"x":0.3,"y":0.2,"w":0.2,"h":0.2}]}` {
		t.Errorf("%s, %v", b, err)
	}
}

// A place is covered to its last pixel, whatever the box, and with nothing of what
// was there: two pictures that differ only within it become the same.
func TestFill(t *testing.T) {
	t.Parallel()
	for _, box := range []Key{{0, .1, .1, .2, .2}, {0, -.5, -.5, .6, .6}, {0, .9, .9, .6, .6}, {0, -1, -1, 3, 3}, {0, .333, .333, .001, .001}, {0, 5, 5, 1, 1}, {0, .5, .5, 0, 0}} {
		t.Run(fmt.Sprint(box), func(t *testing.T) {
			const w, h = 64, 48
			a, b := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420), image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
			r := place(box, a.Rect)
			inside := 0
			for y := range h {
				for x := range w {
					v := byte(16 + (x*7+y*13)%200)
					a.Y[a.YOffset(x, y)], b.Y[b.YOffset(x, y)] = v, v
					if float64(x+1) > box.X*w && float64(x) < (box.X+box.W)*w && float64(y+1) > box.Y*h && float64(y) < (box.Y+box.H)*h && box.W > 0 {
						b.Y[b.YOffset(x, y)] = 255 - v
						if c := b.COffset(x, y); x%2+y%2 == 0 {
							b.Cb[c] = 200
						}
						if inside++; !(image.Point{X: x, Y: y}).In(r) {
							t.Fatalf("%d, %d is not within %v", x, y, r)
						}
					}
				}
			}
			track := []Track{{From: 0, To: 1, Keys: []Key{box}}}
			paint(a, track, .5)
			paint(b, track, .5)
			if !slices.Equal(a.Y, b.Y) || !slices.Equal(a.Cb, b.Cb) || !slices.Equal(a.Cr, b.Cr) {
				t.Error("what was there shows")
			}
			if (inside > 0) == r.Empty() {
				t.Errorf("%d pixels, %v", inside, r)
			}
		})
	}
}

func FuzzLink(f *testing.F) {
	f.Add([]byte{10, 10, 9, 20, 12, 9, 30, 14, 9})
	f.Fuzz(func(t *testing.T, b []byte) {
		var all []sighting
		for i := 0; i+2 < len(b) && i < 300; i += 3 {
			at := float64(i) / 15
			all = append(all, sighting{at, []sight{{Key{at, float64(b[i]) / 255, float64(b[i+1]) / 255, .1, .1}, float64(b[i+2]%10) / 10}}})
		}
		tracks := link(plateRule, all, 0, 100)
		for _, track := range tracks {
			if !slices.IsSortedFunc(track.Keys, func(a, b Key) int { return cmp.Compare(a.T, b.T) }) || track.From > track.To {
				t.Errorf("%+v", track)
			}
		}
		for _, s := range all { // each sight lies under a track
			if !slices.ContainsFunc(tracks, func(o Track) bool {
				k, ok := o.At(s.t)
				return ok && overlap(k, s.found[0].Key) > .9*.01
			}) {
				t.Errorf("not covered: %+v", s)
			}
		}
	})
}
