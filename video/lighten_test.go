package video

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// live is recordings one after the other, as they would come while they are written.
func live(t *testing.T, files ...string) io.Reader {
	t.Helper()
	var all []io.Reader
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, bytes.NewReader(b))
	}
	return io.MultiReader(all...)
}

func TestLighten(t *testing.T) {
	t.Parallel()
	files := recorded(t, hevc...)
	for _, keys := range []bool{false, true} {
		var b bytes.Buffer
		heads, begun := 0, 0
		err := Lighten(t.Context(), live(t, files...), LightenOptions{Width: 80, Keys: keys}, func(p Piece) error {
			if p.Head {
				heads++
			}
			if p.Key {
				begun++
			}
			b.Write(p.Bytes)
			return nil
		})
		if err != nil || heads != 1 || begun == 0 {
			t.Fatalf("%d heads, %d pieces to begin with, %v", heads, begun, err)
		}
		out := filepath.Join(t.TempDir(), "light.mp4")
		if err := os.WriteFile(out, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		i, err := Probe(t.Context(), Source(out))
		if err != nil || !i.Plays() || i.W != 80 || (i.Duration-3*time.Second).Abs() > 300*time.Millisecond && !keys {
			t.Errorf("%+v, %v", i, err)
		}
		ns, at := numbers(t, out)
		if want := map[bool]int{false: 75, true: 3}[keys]; len(ns) < want-2 || len(ns) > want+2 {
			t.Errorf("keys %v: %d pictures, want %d", keys, len(ns), want)
		}
		if last := at[len(at)-1] - at[0]; (last - 3*time.Second).Abs() > 1200*time.Millisecond {
			t.Errorf("keys %v: the last picture is shown after %v", keys, last)
		}
	}
	stop := errors.New("nobody looks any more")
	if err := Lighten(t.Context(), live(t, files...), LightenOptions{}, func(Piece) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
	other := recorded(t, "-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-crf", "10", "-c:a", "aac")
	if err := Lighten(t.Context(), live(t, files[0], files[1], other[0]), LightenOptions{}, func(Piece) error { return nil }); !errors.Is(err, ErrMixed) {
		t.Errorf("a camera that was set otherwise: %v", err)
	}
}

// tired is a program that takes its time.
type tired struct {
	now  time.Time
	lags time.Duration
}

func (w *tired) Write(b []byte) (int, error) {
	w.now = w.now.Add(w.lags)
	return len(b), nil
}

// A program that makes us wait all the time is given up, one that catches up is not.
func TestPace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lags, pause time.Duration
		patient     bool
		slow        bool
	}{
		{lags: time.Second, pause: 0, slow: true},
		{lags: 900 * time.Millisecond, pause: 100 * time.Millisecond, slow: true},
		{lags: 700 * time.Millisecond, pause: 300 * time.Millisecond},
		{lags: time.Second, pause: 0, patient: true},
		{lags: 0, pause: time.Second},
	} {
		w := &tired{lags: c.lags, now: time.Unix(0, 0)}
		p := &pace{w: w, patient: c.patient, now: func() time.Time { return w.now }}
		var err error
		for range 60 {
			if _, err = p.Write([]byte("a second of film")); err != nil {
				break
			}
			w.now = w.now.Add(c.pause)
		}
		if errors.Is(err, ErrSlow) != c.slow {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestNewest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var file string
	if err := Split(t.Context(), film(t, "a.mp4", 3), time.Unix(1_700_000_000, 0), dir, RecordOptions{Segment: time.Hour}, func(s Segment) error {
		file = s.File
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	head, f, err := Newest(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rest, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "newest.mp4")
	if err := os.WriteFile(out, append(head, rest...), 0o600); err != nil {
		t.Fatal(err)
	}
	if ns, _ := numbers(t, out); len(ns) != 25 || off(ns[0], 0) != 0 {
		t.Errorf("%v", ns)
	}
	if err := os.WriteFile(out, head, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Newest(out); err != io.EOF {
		t.Errorf("one that has just begun: %v", err)
	}
	if _, err := LookAt(out); err != nil {
		t.Error(err)
	}
}

func FuzzSplice(f *testing.F) {
	if b, err := os.ReadFile("testdata/fragments.mp4"); err == nil {
		f.Add(b)
		f.Add(append(b, b...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var out bytes.Buffer
		if splice(&out, bytes.NewReader(b)) == io.EOF && out.Len() > len(b) {
			t.Errorf("%d bytes out of %d", out.Len(), len(b))
		}
	})
}
