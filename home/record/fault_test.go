package record

import (
	"errors"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"porchlight/home"
	"porchlight/home/cameras"
	"porchlight/internal/rtsptest"
)

// A camera that is unplugged, or that hangs, leaves a gap; it is told, and
// recording goes on when it is back.
func TestUnplugged(t *testing.T) {
	t.Parallel()
	s := rtsptest.Start(t, map[string]rtsptest.Film{"front": {Codec: "h264"}})
	h := newHouse(t, t.TempDir(), func(o *Options) { o.Stall = 5 * time.Second })
	id := h.rtsp(s, "front")
	h.run()
	for _, fault := range []struct {
		name        string
		break_, fix func()
		trouble     string
	}{
		{"unplugged", s.Unplug, s.Replug, cameras.ErrNoRoute.Error()},
		{"hanging", s.Hang, s.Resume, cameras.ErrSilent.Error()},
	} {
		until(t, "it is recorded", func() bool { return h.health(id).Recording })
		before := len(h.spans(id))
		fault.break_()
		until(t, "it is told: "+fault.name, func() bool {
			got := h.health(id)
			return !got.Recording && strings.HasPrefix(got.Trouble, fault.trouble) && got.Trouble != "" && !got.Retry.IsZero()
		})
		fault.fix()
		until(t, "it is recorded again", func() bool {
			got := h.health(id)
			return got.Recording && got.Trouble == "" && got.Missing >= 1 && got.Gaps == len(h.spans(id))-1 && got.Gaps >= before
		})
	}
	// Switched off, it is not recorded; and without a word of trouble.
	c, err := h.cameras.Get(t.Context(), id)
	must(t, err)
	c.Off = true
	must(t, h.cameras.Change(t.Context(), c.Camera))
	until(t, "it is off", func() bool { got := h.health(id); return !got.Recording && got.Trouble == "" })
	h.stop()
	h.check()
}

// What is wrong with a camera is told in words, without its password.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	s := rtsptest.Start(t, map[string]rtsptest.Film{"front": {Codec: "h264"}})
	h := newHouse(t, t.TempDir())
	id := h.add(cameras.Source{Kind: home.RTSP, Address: cameras.Secret(s.Address("front")), User: rtsptest.User, Password: "wr0ng!"})
	h.run()
	until(t, "it is told", func() bool { return h.health(id).Trouble == cameras.ErrPassword.Error() })
	must(t, h.cameras.Move(t.Context(), id, cameras.Source{Kind: home.RTSP, Address: cameras.Secret(s.Address("front")), User: rtsptest.User, Password: rtsptest.Password}))
	until(t, "with the right one it is recorded", func() bool { return h.health(id).Recording })
	h.stop()
}

// A file that is damaged is set aside and told; the rest is still found.
func TestCorrupt(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir())
	id := h.add(cameras.Source{Kind: home.Import})
	start := time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)
	must(t, h.Import(t.Context(), id, rtsptest.Film{Codec: "h264", Loops: 1}.File(t), start))
	files := h.files(id)
	if len(files) != 10 {
		t.Fatalf("%d files", len(files))
	}
	// Overwritten at its full size, cut short, removed.
	must(t, os.WriteFile(files[2].Path, make([]byte, files[2].Bytes), 0o600))
	must(t, os.Truncate(files[3].Path, files[3].Bytes/2))
	must(t, os.Remove(files[6].Path))
	must(t, os.Remove(files[7].Path))
	if _, err := h.Still(t.Context(), id, files[2].From.Add(300*time.Millisecond), 160); !errors.Is(err, ErrNotFound) {
		t.Errorf("a still of a file of zeros: %v", err)
	}
	if n := len(h.files(id)); n != 6 {
		t.Errorf("%d files are left", n)
	}
	if s := h.spans(id); len(s) != 3 {
		t.Errorf("spans %v", s)
	}
	if aside, lost := h.notes(NoteAside), h.notes(NoteLost); len(aside) != 2 || len(lost) != 2 {
		t.Errorf("told: %q, %q", aside, lost)
	}
	if set, err := os.ReadDir(h.asideDir()); err != nil || len(set) != 2 {
		t.Errorf("%d files set aside, %v", len(set), err)
	}
	h.check()
	// What a crash leaves that nobody can read is set aside when it starts.
	must(t, os.MkdirAll(h.index.now(id), 0o700))
	must(t, os.WriteFile(h.index.now(id)+"/20261122T150000.000.mp4", []byte("no film"), 0o600))
	must(t, os.WriteFile(h.index.now(id)+"/nonsense.part.mp4", []byte("no film"), 0o600))
	h.open()
	if left, _ := os.ReadDir(h.index.now(id)); len(left) != 0 || len(h.notes(NoteAside)) < 3 {
		t.Errorf("left %v; told %q", left, h.notes(NoteAside))
	}
	h.check()
}

// A film is imported once, whole or not at all, and lies over what was there.
func TestImport(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir())
	id := h.add(cameras.Source{Kind: home.Import})
	start := time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)
	one, two := rtsptest.Film{Codec: "h264", Loops: 1, Audio: true}.File(t), rtsptest.Film{Codec: "h265", Loops: 1, Seconds: 4}.File(t)
	must(t, h.Import(t.Context(), id, one, start))
	if err := h.Import(t.Context(), id, one, start.Add(time.Hour)); !errors.Is(err, ErrTwice) {
		t.Errorf("once more: %v", err)
	}
	must(t, h.Import(t.Context(), id, two, start.Add(3*time.Second)))
	if s := h.spans(id); len(s) != 1 || !s[0].From.Equal(start) || (s[0].To.Sub(start)-10*time.Second).Abs() > 100*time.Millisecond {
		t.Errorf("spans %v", s)
	}
	codecs := ""
	for _, f := range h.files(id) {
		codecs += f.Codec[len(f.Codec)-1:] // h264, hevc
	}
	if !regexp.MustCompile(`^444cccc4{2,3}$`).MatchString(codecs) {
		t.Errorf("shown: %s", codecs)
	}
	// Offsets in the files as they are played.
	files, err := h.Segments(t.Context(), home.Span{Camera: id, From: start.Add(500 * time.Millisecond), To: start.Add(2500 * time.Millisecond)})
	must(t, err)
	if len(files) != 3 || Offset(files, start.Add(1500*time.Millisecond)) != 1500*time.Millisecond {
		t.Errorf("%d files, %s", len(files), Offset(files, start.Add(1500*time.Millisecond)))
	}
	bad := h.dir + "/bad.mp4"
	must(t, os.WriteFile(bad, []byte("no film"), 0o600))
	if err := h.Import(t.Context(), id, bad, start); err == nil {
		t.Error("a text was imported")
	}
	if err := h.Import(t.Context(), "nobody", one, start); !errors.Is(err, cameras.ErrNotFound) {
		t.Errorf("for a camera that is not: %v", err)
	}
	// A time that was not told: it ended when the file was last written.
	end := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	film, err := os.ReadFile(two)
	must(t, err)
	other := h.add(cameras.Source{Kind: home.Import})
	must(t, os.WriteFile(bad, film, 0o600))
	must(t, os.Chtimes(bad, end, end))
	must(t, h.Import(t.Context(), other, bad, time.Time{}))
	if s := h.spans(other); len(s) != 1 || (s[0].To.Sub(end)).Abs() > 200*time.Millisecond {
		t.Errorf("spans %v", s)
	}
	h.check()
	// When the footage is gone it may be imported again.
	_, err = h.Delete(t.Context(), h.spans(other)[0])
	must(t, err)
	must(t, h.Import(t.Context(), other, bad, time.Time{}))
	if _, err := os.Stat(h.o.Dir + "/" + other + "/20261120"); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(h.o.Dir + "/" + other)
	must(t, err)
	if len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// A camera uploads into a folder: films that are whole are imported, once, and
// removed if that is wanted.
func TestFolder(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir())
	dir := t.TempDir()
	film, err := os.ReadFile(rtsptest.Film{Codec: "h264", Loops: 1, Seconds: 4}.File(t))
	must(t, err)
	id := h.add(cameras.Source{Kind: home.Folder, Address: cameras.Secret(dir), Zone: "Europe/Amsterdam", Clear: true})
	must(t, os.MkdirAll(dir+"/20261122", 0o700))
	name := dir + "/20261122/Front_00_20261122144500.mp4"
	must(t, os.WriteFile(name, film[:len(film)/2], 0o600))
	h.run()
	until(t, "it is watched", func() bool { return h.health(id).Recording })
	must(t, os.WriteFile(name, film, 0o600)) // the rest arrives
	must(t, os.WriteFile(dir+"/broken_20261122150000.mp4", film[:100], 0o600))
	h.ahead.Store(int64(time.Minute)) // a minute passes
	until(t, "it is imported", func() bool { return h.length(id) > 3*time.Second })
	until(t, "it is removed", func() bool { _, err := os.Stat(dir + "/20261122"); return errors.Is(err, fs.ErrNotExist) })
	if s := h.spans(id); len(s) != 1 || !s[0].From.Equal(time.Date(2026, 11, 22, 13, 45, 0, 0, time.UTC)) {
		t.Errorf("spans %v", s)
	}
	// The same once more, under another name: it is not footage a second time.
	must(t, os.WriteFile(dir+"/again_20261122160000.mp4", film, 0o600))
	until(t, "it is seen", func() bool {
		h.ahead.Add(int64(time.Second))
		_, err := os.Stat(dir + "/again_20261122160000.mp4")
		return errors.Is(err, fs.ErrNotExist)
	})
	until(t, "the broken one is told", func() bool { return len(h.notes(NoteImport)) == 1 })
	if len(h.spans(id)) != 1 {
		t.Errorf("spans %v", h.spans(id))
	}
	must(t, os.RemoveAll(dir))
	until(t, "it is told that the folder is gone", func() bool { return h.health(id).Trouble == cameras.ErrFolder.Error() })
	h.stop()
	h.check()
}
