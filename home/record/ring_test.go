package record

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"porchlight/home"
	"porchlight/internal/rtsptest"
)

// stillHouse is a house at a time of its own, whose clock goes on evenly with it.
func stillHouse(t *testing.T, at time.Time, change ...func(*Options)) (*house, *time.Time) {
	now := at
	dir, err := os.MkdirTemp("/dev/shm", "record") // thousands of commits
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	h := newHouse(t, dir, append(change, func(o *Options) { o.Now = func() time.Time { return now } })...)
	h.Recorder.clock.since = func() time.Duration { return now.Sub(at) }
	h.Recorder.clock.even = 0
	return h, &now
}

// put puts a segment of so many bytes that ends now into the ring, without film.
func (h *house) put(camera string, now time.Time, d time.Duration, bytes int) {
	h.t.Helper()
	f, err := os.CreateTemp(h.dir, "put")
	must(h.t, err)
	must(h.t, f.Truncate(int64(bytes)))
	must(h.t, f.Close())
	must(h.t, h.index.add(h.t.Context(), segment{camera: camera, from: now.Add(-d), to: now, added: now, bytes: int64(bytes), codec: "h264"}, f.Name()))
	must(h.t, h.eat(h.t.Context(), 0, 0))
}

// Two weeks pass: of two cameras three days stay, and what is held for as long as
// it is held.
func TestTwoWeeks(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 11, 8, 0, 0, 0, 0, time.UTC)
	h, now := stillHouse(t, begin, func(o *Options) { o.Limits.Days = 3 })
	const each = 2 * time.Hour
	held := home.Span{Camera: "a", From: begin.Add(26*time.Hour + time.Minute), To: begin.Add(26*time.Hour + 31*time.Minute)}
	must(t, h.Recorder.Pin(t.Context(), Pin{held, "request", begin.Add(10 * 24 * time.Hour)}))
	for day := range 14 {
		for range int(24 * time.Hour / each) {
			*now = now.Add(each)
			for _, camera := range []string{"a", "b"} {
				h.put(camera, *now, each, 1000)
			}
		}
		h.Recorder.clock.check(t.Context(), h.Recorder)
		a, b := h.spans("a"), h.spans("b")
		if len(b) != 1 || !b[0].To.Equal(*now) || day >= 3 && b[0].To.Sub(b[0].From) != 72*time.Hour+each {
			t.Fatalf("day %d: b has %v", day+1, b)
		}
		switch {
		case day < 4 || day >= 9:
			if len(a) != 1 {
				t.Errorf("day %d: a has %v", day+1, a)
			}
		default:
			if len(a) != 2 || a[0].From.After(held.From) || a[0].To.Before(held.To) || a[0].To.Sub(a[0].From) > 2*each {
				t.Errorf("day %d: a has %v, held is %v", day+1, a, held)
			}
		}
	}
	if said := h.notes(NoteClock); len(said) > 0 {
		t.Errorf("the clock did not jump: %v", said)
	}
	h.check()
	// Nothing is left behind but the folders of what there is.
	days, err := os.ReadDir(filepath.Join(h.o.Dir, "a"))
	must(t, err)
	if len(days) != 4 {
		t.Errorf("%d days in the folder of a", len(days))
	}
}

// Many bytes go before their days do, the oldest first, whoever they are of.
func TestBytes(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 11, 8, 0, 0, 0, 0, time.UTC)
	h, now := stillHouse(t, begin, func(o *Options) { o.Limits.Bytes = 100_000 })
	add := func(n int) {
		for range n {
			*now = now.Add(10 * time.Second)
			h.put("a", *now, 10*time.Second, 1000)
			h.put("b", *now, 10*time.Second, 3000)
		}
	}
	add(40)
	u, err := h.Usage(t.Context())
	must(t, err)
	if u.Used > 100_000 || u.Used < 96_000 || u.Cameras["a"] != 25_000 || !u.Oldest.Equal(h.spans("a")[0].From) {
		t.Errorf("%+v", u)
	}
	// What is held in the middle stays, and the ring goes on around it.
	mid := h.spans("b")[0]
	mid.From, mid.To = mid.From.Add(51*time.Second), mid.From.Add(79*time.Second)
	pin := Pin{mid, "household", now.Add(time.Hour)}
	must(t, h.Pin(t.Context(), pin))
	must(t, h.Pin(t.Context(), pin))
	if u, _ := h.Usage(t.Context()); u.Held != 9000 {
		t.Errorf("%d bytes are held", u.Held)
	}
	add(40)
	h.check()
	if b := h.spans("b"); len(b) != 2 || b[0].To.Sub(b[0].From) != 30*time.Second || b[0].From.After(mid.From) || b[0].To.Before(mid.To) {
		t.Errorf("b has %v, held is %v", b, mid)
	}
	if n, err := h.Delete(t.Context(), home.Span{Camera: "b", From: begin, To: *now}); err != nil || n == 0 || len(h.spans("b")) != 1 {
		t.Errorf("deleted %d, %v; left %v", n, err, h.spans("b"))
	}
	must(t, h.Unpin(t.Context(), "somebody else", mid))
	if pins, err := h.Pins(t.Context()); err != nil || len(pins) != 1 || pins[0] != pin {
		t.Errorf("pins %v, %v", pins, err)
	}
	must(t, h.Unpin(t.Context(), "household", mid))
	must(t, h.Unpin(t.Context(), "household", mid))
	add(25)
	if b := h.spans("b"); len(b) != 1 || b[0].From.Before(mid.To) {
		t.Errorf("b has %v", b)
	}
	if err := h.SetLimits(t.Context(), Limits{Bytes: 8000}); err != nil || h.index.used > 8000 {
		t.Errorf("%d bytes after less is allowed, %v", h.index.used, err)
	}
	h.check()
	h.open()
	if l := h.Limits(); l.Bytes != 8000 {
		t.Errorf("after a new start the limits are %+v", l)
	}
	h.check()
}

// A clock that is put forward by weeks does not empty the ring.
func TestClockEmptiesNothing(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 11, 8, 0, 0, 0, 0, time.UTC)
	h, now := stillHouse(t, begin, func(o *Options) { o.Limits.Days = 7 })
	even := time.Duration(0)
	h.Recorder.clock.since = func() time.Duration { return even }
	add := func() {
		*now, even = now.Add(5*time.Minute), even+5*time.Minute
		h.Recorder.clock.check(t.Context(), h.Recorder)
		h.put("a", *now, 5*time.Minute, 1000)
	}
	for range 12 {
		add()
	}
	right := *now
	*now = now.AddDate(0, 0, 30)
	for range 6 {
		add()
	}
	*now = right.Add(30 * time.Minute)
	for range 12 {
		add()
	}
	if len(h.spans("a")) != 3 {
		t.Errorf("%v", h.spans("a"))
	}
	// Put forward for good, it is believed after an hour.
	*now = now.AddDate(0, 0, 30)
	for range 13 {
		add()
	}
	if s := h.spans("a"); len(s) != 1 {
		t.Errorf("%v", s)
	}
	h.check()
}

// A disk that is full does not stop the recording: the oldest footage goes.
func TestDiskFull(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("SKIPPED: this kernel or user may not mount a small disk (%v); run it as root", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Errorf("unmounting: %v", err)
		}
	})
	t.Run("on a disk of 4 MB", func(t *testing.T) {
		s := rtsptest.Start(t, map[string]rtsptest.Film{"front": {Codec: "h264", W: 640, H: 360, FPS: 20}})
		h := newHouse(t, t.TempDir(), func(o *Options) { o.Dir, o.Limits.Free = disk, 256<<10 })
		id := h.rtsp(s, "front")
		h.run()
		until(t, "the first footage", func() bool { return h.length(id) > 0 })
		// Somebody else takes most of the disk at once.
		left, _, _ := space(disk)
		filler := filepath.Join(disk, "filler")
		f, err := os.Create(filler)
		must(t, err)
		for n, chunk := int64(0), make([]byte, 64<<10); n < left-1<<20; n += int64(len(chunk)) {
			if _, err := f.Write(chunk); err != nil {
				break
			}
		}
		f.Close()
		first := h.spans(id)[0].From
		until(t, "the ring has gone round on what is left, and leaves some to others", func() bool {
			s := h.spans(id)
			left, _, _ := space(disk)
			return len(s) > 0 && s[0].From.Sub(first) > 3*time.Second && left >= 64<<10
		})
		// Somebody who takes every byte as it becomes free: what is being written fails.
		rest, err := os.Create(filepath.Join(disk, "rest"))
		must(t, err)
		until(t, "it says that the disk is full, and that it does not record", func() bool {
			for chunk := make([]byte, 4<<10); ; {
				if _, err := rest.Write(chunk); err != nil {
					got := h.health(id)
					return len(h.notes(NoteFull)) > 0 && !got.Recording && got.Trouble == ErrFull.Error()
				}
			}
		})
		rest.Close()
		must(t, os.Remove(rest.Name()))
		must(t, os.Remove(filler))
		was := h.index.last(id).to
		until(t, "footage goes on", func() bool { return h.index.last(id).to.Sub(was) > 2*time.Second && h.health(id).Recording })
		h.stop()
		os.Remove(filler)
		h.check()
	})
}

func TestNames(t *testing.T) {
	x := &index{dir: "/footage"}
	from := time.Date(2026, 11, 22, 14, 45, 0, 123e6, time.UTC)
	path := x.path("a", from, from.Add(10010*time.Millisecond))
	if path != "/footage/a/20261122/14/20261122T144500.123Z-10010.mp4" {
		t.Errorf("%s", path)
	}
	if f, to, ok := parseName(filepath.Base(path)); !ok || !f.Equal(from) || to.Sub(f) != 10010*time.Millisecond {
		t.Errorf("%s %s %v", f, to, ok)
	}
	for _, name := range []string{"", ".mp4", "x-1.mp4", "20261122T144500.123Z.mp4", "20261122T144500.123Z-0.mp4", "20261122T144500.123Z--5.mp4", "20261122T144500.123Z-1e3.mp4", "20261122T144500.123Z-99999999999.mp4", "20261122T144500.123Z-10010.mp4.part", "19601122T144500.123Z-10010.mp4"} {
		if _, _, ok := parseName(name); ok {
			t.Errorf("%q is a segment's name", name)
		}
	}
}

// FuzzName: what a name tells is a time and a length, and telling it again is the same.
func FuzzName(f *testing.F) {
	f.Add("20261122T144500.123Z-10010.mp4")
	f.Add("20261122T144500.123Z-010.mp4")
	x := &index{dir: "/"}
	f.Fuzz(func(t *testing.T, name string) {
		from, to, ok := parseName(name)
		if !ok {
			return
		}
		f2, t2, ok := parseName(filepath.Base(x.path("a", from, to)))
		if !ok || !to.After(from) || !f2.Equal(from) || !t2.Equal(to) {
			t.Errorf("%q tells %s to %s, then %s to %s", name, from, to, f2, t2)
		}
	})
}

// BenchmarkFind asks for what there is of 30 days with a gap each hour, in spans
// and as a timeline, and for the segments of ten minutes; and adds a segment.
func BenchmarkFind(b *testing.B) {
	h := newHouse(b, b.TempDir())
	begin := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	end := begin.AddDate(0, 0, 30)
	for hour := begin; hour.Before(end); hour = hour.Add(time.Hour) {
		var all []segment
		for at := hour; at.Before(hour.Add(59 * time.Minute)); at = at.Add(10 * time.Second) {
			all = append(all, segment{camera: "a", from: at, to: at.Add(10 * time.Second), added: at, bytes: 5e6, codec: "h264"})
		}
		h.index.mu.Lock()
		err := h.index.write(b.Context(), all, nil)
		h.index.mu.Unlock()
		must(b, err)
	}
	b.Run("spans", func(b *testing.B) {
		for b.Loop() {
			if s, err := h.Spans(b.Context(), "a", begin, end); err != nil || len(s) != 30*24 {
				b.Fatal(len(s), err)
			}
		}
	})
	b.Run("timeline", func(b *testing.B) {
		for b.Loop() {
			if _, err := h.Timeline(b.Context(), "a", begin, end, 1000); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("window", func(b *testing.B) {
		for b.Loop() {
			if s, err := h.Spans(b.Context(), "a", begin.AddDate(0, 0, 15), begin.AddDate(0, 0, 15).Add(12*time.Hour)); err != nil || len(s) != 12 {
				b.Fatal(len(s), err)
			}
		}
	})
	b.Run("segments", func(b *testing.B) {
		at := begin.AddDate(0, 0, 15)
		for b.Loop() {
			if f, err := h.index.files(b.Context(), "a", at, at.Add(10*time.Minute)); err != nil || len(f) != 60 {
				b.Fatal(len(f), err)
			}
		}
	})
	b.Run("oldest", func(b *testing.B) {
		for b.Loop() {
			if f, err := h.index.oldest(b.Context(), 0, end, meal); err != nil || len(f) != meal {
				b.Fatal(len(f), err)
			}
		}
	})
}
