package video

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// recorded is a film of three seconds as the recorder leaves it: a file a second.
func recorded(t *testing.T, args ...string) (files []string) {
	t.Helper()
	err := Split(t.Context(), film(t, "a.mp4", 3, args...), time.Unix(1_700_000_000, 0), t.TempDir(), RecordOptions{Segment: time.Second}, func(s Segment) error {
		files = append(files, s.File)
		return nil
	})
	if err != nil || len(files) != 3 {
		t.Fatalf("%q, %v", files, err)
	}
	return files
}

// A camera that was set otherwise in between: each way ends in two films or in an
// error that says where, and never in a film that cannot be seen.
func TestMixed(t *testing.T) {
	t.Parallel()
	h264 := func(more ...string) []string {
		return append([]string{"-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-crf", "10", "-c:a", "aac"}, more...)
	}
	for name, c := range map[string]struct {
		args []string
		mute bool // the pictures are alike
	}{
		"codec":      {args: hevc},
		"size":       {args: h264("-vf", "scale=128:80")},
		"parameters": {args: h264("-profile:v", "high", "-bf", "3", "-refs", "4", "-x264-params", "8x8dct=1:cabac=1")},
		"sound":      {args: h264("-ar", "16000"), mute: true},
		"without":    {args: h264("-an"), mute: true},
		"bit rate":   {args: nil}, // below
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, second := recorded(t, h264()...), recorded(t, c.args...)
			if name == "bit rate" { // what does not matter does not part a film
				second = recorded(t, h264("-b:a", "32k")...)
			}
			files := append(slices.Clone(first), second...)
			runs, err := Runs(t.Context(), files)
			if err != nil {
				t.Fatal(err)
			}
			out := filepath.Join(t.TempDir(), "cut.mp4")
			if name == "bit rate" {
				if _, err := Join(t.Context(), files, out); err != nil || len(runs) != 1 || len(runs[0].Files) != 6 {
					t.Errorf("%+v, %v", runs, err)
				}
				return
			}
			if len(runs) != 2 || !slices.Equal(runs[0].Files, first) || !slices.Equal(runs[1].Files, second) || runs[0].To != runs[1].From || (runs[0].To-3*time.Second).Abs() > 100*time.Millisecond {
				t.Fatalf("%+v", runs)
			}
			var change *Change
			if _, err := Cut(t.Context(), files, time.Second, 5*time.Second, out, CutOptions{}); !errors.Is(err, ErrMixed) || !errors.As(err, &change) || change.At != runs[0].To {
				t.Errorf("a cut over the change: %v", err)
			}
			if _, err := os.Stat(out); err == nil {
				t.Error("there is a film all the same")
			}
			_, err = Cut(t.Context(), files, time.Second, 5*time.Second, out, CutOptions{Mute: true})
			if c.mute != (err == nil) {
				t.Errorf("the same, muted: %v", err)
			}
			if name != "codec" {
				return // how the parts are cut does not depend on why there are two
			}
			if err := Play(t.Context(), files, &bytes.Buffer{}, PlayOptions{Encode: true, From: time.Second}); !errors.Is(err, ErrMixed) {
				t.Errorf("played: %v", err)
			}
			// Each part is a film of its own.
			for i, part := range [][2]time.Duration{{time.Second, runs[0].To}, {runs[1].From, runs[1].From + 2*time.Second}} {
				made, err := Cut(t.Context(), files, part[0], part[1], out, CutOptions{})
				if err != nil {
					t.Fatalf("part %d: %v", i, err)
				}
				if ns, _ := numbers(t, out); len(ns) < 45 || len(ns) > 50 {
					t.Errorf("part %d: %+v, %d pictures", i, made, len(ns))
				}
			}
			// A cut that begins where no picture of the first part does is of the second.
			if made, err := Cut(t.Context(), files, runs[0].To-500*time.Millisecond, 5*time.Second, out, CutOptions{}); err != nil || made.From < runs[1].From || made.From > runs[1].From+100*time.Millisecond {
				t.Errorf("from shortly before the change: %+v, %v", made, err)
			}
		})
	}
}

// Films that ffprobe tells of are compared as segments are.
func TestMixedFilms(t *testing.T) {
	t.Parallel()
	a, b := film(t, "a.mp4", 2), film(t, "a.mkv", 2, hevc[:len(hevc)-4]...)
	runs, err := Runs(t.Context(), []string{a, a, b, b, a})
	if err != nil || len(runs) != 3 || len(runs[0].Files) != 2 || len(runs[1].Files) != 2 {
		t.Errorf("%+v, %v", runs, err)
	}
	if said := (&Change{time.Second}).Error(); !strings.Contains(said, "before") {
		t.Error(said)
	}
}

func FuzzLook(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 0 {
			lookOf(b[1:], b[0]&1 == 0)
		}
		if got := decoderSpecific(b); len(got) > len(b) {
			t.Errorf("%d bytes out of %d", len(got), len(b))
		}
	})
}
