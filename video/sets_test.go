package video

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// set is three seconds of a camera as they come over a line that stays open: of one
// setting, then of another, its parameter sets in the stream alone.
func set(t *testing.T, before, after []string) string {
	t.Helper()
	var stream []byte
	for i, args := range [][]string{before, after} {
		part := filepath.Join(t.TempDir(), "part.ts")
		ffmpeg(t, append(append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=s=160x96:r=10:d=3", "-g", "10"}, args...), "-output_ts_offset", fmt.Sprint(3*i), part)...)
		b, err := os.ReadFile(part)
		if err != nil {
			t.Fatal(err)
		}
		stream = append(stream, b...)
	}
	file := filepath.Join(t.TempDir(), "both.ts")
	if err := os.WriteFile(file, stream, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// decoded is how many pictures of a film its head alone can decode: the parameter
// sets in its pictures are taken out first.
func decoded(t *testing.T, codec, file string) (n int) {
	t.Helper()
	bare := filepath.Join(t.TempDir(), "bare.mp4")
	ffmpeg(t, "-y", "-v", "error", "-i", file, "-c", "copy", "-bsf:v", "filter_units=remove_types="+map[string]string{"h264": "7-8", "hevc": "32-34"}[codec], bare)
	for _, err := range Frames(t.Context(), Source(bare), FrameOptions{W: 16, H: 16, Reuse: true}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// A camera that is set otherwise in the middle of a segment, without a new
// connection: the segment ends there, and what follows is a film of its own that
// tells its size and can be seen from its first picture on.
func TestSetOtherwise(t *testing.T) {
	t.Parallel()
	h264 := []string{"-c:v", "libx264", "-preset", "ultrafast"}
	h265 := []string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:repeat-headers=1"}
	larger := []string{"-vf", "scale=320:192"}
	for name, c := range map[string]struct {
		codec         string
		before, after []string
		w, h          int // after; 0: nothing changes
	}{
		"H.264, larger":        {"h264", h264, append(h264[:4:4], larger...), 320, 192},
		"H.264, other profile": {"h264", h264, []string{"-c:v", "libx264", "-profile:v", "high", "-bf", "0"}, 160, 96},
		"H.265, larger":        {"hevc", h265, append(h265[:6:6], larger...), 320, 192},
		"H.264, the same":      {"h264", h264, h264, 0, 0},
		"H.265, the same":      {"hevc", h265, h265, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ts := set(t, c.before, c.after)
			var files []string
			var last time.Time
			err := Split(t.Context(), ts, time.Unix(1_700_000_000, 0), t.TempDir(), RecordOptions{}, func(s Segment) error {
				if !last.IsZero() && s.Start.Sub(last).Abs() > 100*time.Millisecond {
					t.Errorf("a segment begins at %v, the one before ended at %v", s.Start, last)
				}
				files, last = append(files, s.File), s.Start.Add(s.Duration)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			runs, err := Runs(t.Context(), files)
			if err != nil {
				t.Fatal(err)
			}
			if c.w == 0 {
				if len(files) != 1 || len(runs) != 1 {
					t.Errorf("nothing changed, and there are %d segments in %d runs", len(files), len(runs))
				}
				return
			}
			if len(files) != 2 || len(runs) != 2 {
				t.Fatalf("%d segments in %d runs", len(files), len(runs))
			}
			for i, want := range []string{"160x96", fmt.Sprintf("%dx%d", c.w, c.h)} {
				info, err := Probe(t.Context(), Source(files[i]))
				if err != nil {
					t.Fatal(err)
				}
				if got := fmt.Sprintf("%dx%d", info.W, info.H); got != want || (info.Duration-3*time.Second).Abs() > 300*time.Millisecond {
					t.Errorf("part %d: %s, %v; want %s", i, got, info.Duration, want)
				}
				out := filepath.Join(t.TempDir(), "cut.mp4")
				if _, err := Cut(t.Context(), files, runs[i].From, runs[i].To, out, CutOptions{}); err != nil {
					t.Errorf("part %d cannot be cut out: %v", i, err)
				} else if shown := decoded(t, c.codec, out); shown < 25 {
					t.Errorf("of part %d, %d pictures can be seen", i, shown)
				}
				if shown := decoded(t, c.codec, files[i]); shown != 30 {
					t.Errorf("of part %d, %d of 30 pictures can be seen", i, shown)
				}
			}
			if err := Play(t.Context(), files, &bytes.Buffer{}, PlayOptions{}); err == nil {
				t.Error("both are played as one film")
			}
		})
	}
}

func FuzzSets(f *testing.F) {
	f.Add([]byte{1, 0x42, 0xc0, 0x1e, 0xff, 0xe1, 0, 5, 0x67, 0x42, 0xc0, 0x1e, 0xd9, 1, 0, 5, 0x68, 0xcb, 0x83, 0xcb, 0x20}, false)
	f.Fuzz(func(t *testing.T, b []byte, hevc bool) {
		s := &sets{inForce: map[setID][]byte{}}
		kind := "avcC"
		if hevc {
			kind = "hvcC"
		}
		s.config(kind, b)
		if s.take(b); s.take(b) && len(s.inForce) == 0 {
			t.Error("nothing is in force, and it changes")
		}
		readSets(b, tracks{1: {id: 1, picture: true}})
		graft(b, 1, b, 1)
	})
}
