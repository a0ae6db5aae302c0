package video

import (
	"bytes"
	"context"
	"errors"
	"image"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestEdit(t *testing.T) {
	t.Parallel()
	// Pictures that come when they like: each second has 12 of them and then none.
	file := filepath.Join(t.TempDir(), "uneven.mp4")
	ffmpeg(t, "-v", "error", "-i", film(t, "a.mp4", 6), "-vf", "select='lt(mod(n,25),12)'", "-vsync", "vfr", "-c:v", "libx264", "-crf", "5", "-c:a", "copy", "-metadata", "title=SN-SYNTHETIC-42", file)
	was, when := numbers(t, file)

	out := filepath.Join(t.TempDir(), "out.mp4")
	var seen []time.Duration
	paint := func(at time.Duration, p *image.YCbCr) error {
		seen = append(seen, at)
		if p.Rect.Dx() != 160 || p.Rect.Dy() != 96 {
			t.Fatalf("%v", p.Rect)
		}
		for y := range 48 { // the upper half becomes white
			for x := range 160 {
				p.Y[p.YOffset(x, y)] = 235
			}
		}
		return nil
	}
	m, err := Edit(t.Context(), file, out, EditOptions{}, paint)
	if err != nil || !m.Sound || !m.Encoded {
		t.Fatalf("%+v, %v", m, err)
	}
	i := 0
	for f, err := range Frames(t.Context(), Source(out), FrameOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		low, high := f.Pix[3*(72*160+80)], f.Pix[3*(24*160+80)]
		if n := int((float64(low)*219/255)/4 + .5); i < len(was) && (off(n, was[i]) > 1 || !near(f.At, when[i]) || !near(seen[i], when[i])) || high < 245 {
			t.Errorf("picture %d: number %d at %v, white %d; it was %d at %v", i, n, f.At, high, was[i], when[i])
		}
		i++
	}
	if i != len(was) {
		t.Errorf("%d pictures of %d", i, len(was))
	}
	b, _ := os.ReadFile(out)
	for _, word := range []string{"SN-SYNTHETIC", "x264", "Lavf", "Lavc"} {
		if bytes.Contains(b, []byte(word)) {
			t.Errorf("%q is in it", word)
		}
	}

	// A part, to the picture.
	seen = nil
	if m, err = Edit(t.Context(), file, out, EditOptions{From: 1100 * time.Millisecond, To: 3100 * time.Millisecond, Mute: true}, paint); err != nil || m.Sound {
		t.Fatalf("%+v, %v", m, err)
	}
	if seen[0] < 1099*time.Millisecond || seen[0] > 1150*time.Millisecond || seen[len(seen)-1] > 3100*time.Millisecond {
		t.Errorf("painted %v", seen)
	}
	if i, err := Probe(t.Context(), Source(out)); err != nil || i.Audio != "" {
		t.Errorf("%+v, %v", i, err)
	}
}

func TestEditGivesUp(t *testing.T) {
	t.Parallel()
	file, dir := film(t, "a.mp4", 6), t.TempDir()
	stop := errors.New("stop")
	if _, err := Edit(t.Context(), file, filepath.Join(dir, "out.mp4"), EditOptions{}, func(time.Duration, *image.YCbCr) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := Edit(ctx, file, filepath.Join(dir, "out.mp4"), EditOptions{}, func(time.Duration, *image.YCbCr) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := Edit(t.Context(), file, filepath.Join(dir, "none", "out.mp4"), EditOptions{}, func(time.Duration, *image.YCbCr) error { return nil }); err == nil {
		t.Error("wrote into a folder that is not there")
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
