package record

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/iotest"
	"time"

	"porchlight/home"
	"porchlight/home/cameras"
)

// phone films a few seconds, with what its maker writes into films.
func phone(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	all := append([]string{"-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=160x96:r=10:d=4"}, args...)
	if out, err := exec.Command("ffmpeg", append(all, file)...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, out)
	}
	b, err := os.ReadFile(file)
	must(t, err)
	return b
}

// A film that is brought by hand comes in pieces, breaks off, goes on after a restart,
// and is footage from the moment that the household says.
func TestBring(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := newHouse(t, dir)
	ctx, id := t.Context(), h.add(cameras.Source{Kind: home.Import})
	h264 := []string{"-c:v", "libx264", "-preset", "ultrafast", "-g", "10"}
	begun := time.Date(2026, 11, 20, 21, 4, 5, 0, time.UTC)
	b := phone(t, "a.mov", append(h264, "-metadata", "creation_time=2026-11-20T21:04:05Z")...)
	begin := func(name string, b []byte) Film {
		t.Helper()
		f, err := h.Bring(ctx, Film{Camera: id, Name: name, Size: int64(len(b)), Mod: begun.Add(time.Hour), Named: cameras.Named(name, time.UTC)})
		must(t, err)
		return f
	}
	f := begin("IMG_0001.mov", b)
	half := len(b) / 2
	broken := io.MultiReader(bytes.NewReader(b[:half]), iotest.ErrReader(errors.New("the line broke")))
	if _, err := h.Piece(ctx, f.ID, 0, broken); err == nil {
		t.Error("a line that broke is no error")
	}
	h.close()
	h = newHouse(t, dir)
	again := begin("IMG_0001.mov", b)
	if again.ID != f.ID || again.Have != int64(half) || again.State != Coming {
		t.Fatalf("after a restart: %+v, want %d bytes of %s", again, half, f.ID)
	}
	if _, err := h.Piece(ctx, f.ID, 0, bytes.NewReader(b)); !errors.Is(err, ErrPiece) {
		t.Errorf("a piece that overlaps: %v", err)
	}
	if _, err := h.Piece(ctx, f.ID, int64(half), bytes.NewReader(append(b[half:len(b):len(b)], 1))); !errors.Is(err, ErrFilmSize) {
		t.Errorf("more than was said: %v", err)
	}
	f, err := h.Piece(ctx, f.ID, int64(len(b)), bytes.NewReader(nil))
	if err != nil || f.State != Ready || f.Told != ByTags || !f.Begins.Equal(begun) || (f.Length-4*time.Second).Abs() > 200*time.Millisecond {
		t.Fatalf("%+v, %v", f, err)
	}
	said := begun.Add(-time.Hour) // the phone was set to another zone
	// The program ends while the film becomes footage: it can be kept again.
	h.Close()
	must(t, h.KeepFilm(ctx, f.ID, said, nil))
	h.Close()
	h.close()
	h = newHouse(t, dir)
	if got, err := h.brought(ctx, f.ID); err != nil || got.State != Ready || len(h.spans(id)) != 0 {
		t.Fatalf("cut short: %+v, %v", got, err)
	}
	done := make(chan struct{})
	must(t, h.KeepFilm(ctx, f.ID, said, func() { close(done) }))
	<-done
	spans := h.spans(id)
	if len(spans) != 1 || !spans[0].From.Equal(said) || (spans[0].To.Sub(said)-4*time.Second).Abs() > 200*time.Millisecond {
		t.Errorf("footage %v, want from %v", spans, said)
	}
	state := func(id string) Film {
		t.Helper()
		f, err := h.brought(ctx, id)
		must(t, err)
		return f
	}
	if f = state(f.ID); f.State != Taken {
		t.Errorf("%+v", f)
	}
	if err := h.KeepFilm(ctx, f.ID, said, nil); !errors.Is(err, ErrFilmState) {
		t.Errorf("once more: %v", err)
	}

	// What cannot be footage says why, and leaves nothing.
	for _, c := range []struct {
		name string
		want Trouble
		b    []byte
	}{
		{"IMG_0001 copy.mov", TroubleTwice, b},
		{"notes.mp4", TroubleFilm, []byte("hello, this is no film at all")},
		{"clip.webm", TroubleCodec, phone(t, "c.webm", "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8")},
	} {
		f, err := h.Piece(ctx, begin(c.name, c.b).ID, 0, bytes.NewReader(c.b))
		if err != nil || f.State != Failed || f.Trouble != c.want {
			t.Errorf("%s: %+v, %v", c.name, f, err)
		}
	}
	// A name that tells, then only the time it was written.
	plain := phone(t, "a.mp4", append(h264, "-bf", "0")...)
	if f, err := h.Piece(ctx, begin("Front_00_20261122144500.mp4", plain).ID, 0, bytes.NewReader(plain)); err != nil || f.Told != ByName || !f.Begins.Equal(time.Date(2026, 11, 22, 14, 45, 0, 0, time.UTC)) {
		t.Errorf("%+v, %v", f, err)
	}
	written, err := h.Piece(ctx, begin("clip.mp4", plain).ID, 0, bytes.NewReader(plain))
	if err != nil || written.Told != ByWriting || (begun.Add(time.Hour).Sub(written.Begins)-4*time.Second).Abs() > 200*time.Millisecond {
		t.Errorf("%+v, %v", written, err)
	}
	must(t, h.DropFilm(ctx, written.ID))
	if _, err := h.brought(ctx, written.ID); !errors.Is(err, ErrFilm) {
		t.Errorf("a film that was dropped: %v", err)
	}
	if _, err := h.Bring(ctx, Film{Camera: "nobody", Name: "a", Size: 1}); !errors.Is(err, cameras.ErrNotFound) {
		t.Errorf("for no camera: %v", err)
	}
	if _, err := h.Bring(ctx, Film{Camera: id, Name: "a", Size: maxFilm + 1}); !errors.Is(err, ErrFilmSize) {
		t.Errorf("too large: %v", err)
	}
	// Two days later nothing of it is left but the footage.
	h.ahead.Add(int64(keepFilm + time.Hour))
	must(t, h.sweepFilms(ctx))
	left, err := os.ReadDir(filepath.Join(h.o.Dir, byHand))
	if all, _ := h.Films(ctx); err != nil || len(left) != 0 || len(all) != 0 {
		t.Errorf("left: %v, %v, %v", left, all, err)
	}
	if len(h.spans(id)) != 1 {
		t.Error("the footage went, too")
	}
}
