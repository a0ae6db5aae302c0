package video

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// Segments follow one another without a gap and hold every picture.
func TestRecord(t *testing.T) {
	t.Parallel()
	file := film(t, "a.mp4", 6)
	dir := t.TempDir()
	var all []Segment
	before := time.Now()
	err := Record(t.Context(), Source(file), dir, RecordOptions{Segment: 2 * time.Second}, func(s Segment) error {
		all = append(all, s)
		return nil
	})
	after := time.Now()
	if err != nil || len(all) != 3 {
		t.Fatalf("%+v, %v", all, err)
	}
	var ns []int
	for i, s := range all {
		n, _ := numbers(t, s.File)
		ns = append(ns, n...)
		if info, err := os.Stat(s.File); err != nil || info.Size() != s.Size {
			t.Errorf("%+v: %v", s, err)
		}
		if filepath.Base(s.File) != s.Start.Format("20060102T150405.000")+".mp4" {
			t.Errorf("%s begins at %v", s.File, s.Start)
		}
		if s.Start.Before(before.Add(-3*time.Second)) || s.Start.Add(s.Duration).After(after.Add(time.Second)) {
			t.Errorf("%+v, recorded from %v to %v", s, before, after)
		}
		if i > 0 {
			if gap := s.Start.Sub(all[i-1].Start.Add(all[i-1].Duration)); gap.Abs() > time.Second {
				t.Errorf("%v between segments", gap)
			}
		}
	}
	if len(ns) != 150 {
		t.Errorf("%d pictures", len(ns))
	}
	for i, n := range ns {
		if off(n, i) != 0 {
			t.Errorf("picture %d is number %d", i, n)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 3 {
		t.Errorf("left behind: %v", left)
	}
}

// Sound that MP4 cannot hold becomes AAC; a consumer's error and the context end
// the recording, and what is there is told.
func TestRecordEnds(t *testing.T) {
	t.Parallel()
	file := film(t, "a.avi", 6, "-c:v", "mjpeg", "-q:v", "2", "-c:a", "pcm_alaw", "-ar", "8000")
	dir := t.TempDir()
	full := errors.New("the index is full")
	n := 0
	err := Record(t.Context(), Source(file), dir, RecordOptions{Segment: time.Second}, func(s Segment) error {
		if i, err := Probe(t.Context(), Source(s.File)); err != nil || i.Audio != "aac" || i.Video != "mjpeg" {
			t.Errorf("%+v, %v", i, err)
		}
		n++
		return full
	})
	if !errors.Is(err, full) || n > 2 {
		t.Errorf("after %d segments: %v", n, err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	var told []Segment
	err = Record(ctx, Source(file), dir, RecordOptions{Segment: time.Second, Silent: true}, func(s Segment) error {
		told = append(told, s)
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || len(told) == 0 {
		t.Errorf("%v, %v", told, err)
	}
	if parts, _ := filepath.Glob(filepath.Join(dir, "*.part.mp4")); len(parts) > 0 {
		t.Errorf("left open: %v", parts)
	}
}

// TestHelper is the process that TestRecordKilled kills.
func TestHelper(t *testing.T) {
	file, dir := os.Getenv("VIDEO_TEST_FILE"), os.Getenv("VIDEO_TEST_DIR")
	if file == "" {
		t.Skip("for TestRecordKilled")
	}
	Record(t.Context(), Source(file), dir, RecordOptions{Segment: 2 * time.Second}, func(Segment) error { return nil })
}

// Killed in the middle of a segment, a recording leaves what was whole, and no
// program that runs on.
func TestRecordKilled(t *testing.T) {
	t.Parallel()
	file, dir := film(t, "a.mp4", 20), t.TempDir()
	c := exec.Command(os.Args[0], "-test.run=^TestHelper$")
	c.Env = append(os.Environ(), "VIDEO_TEST_FILE="+file, "VIDEO_TEST_DIR="+dir)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "an open segment that holds a second", func() bool {
		closed, _ := filepath.Glob(filepath.Join(dir, "*[0-9].mp4"))
		parts, _ := filepath.Glob(filepath.Join(dir, "*.part.mp4"))
		if len(closed) == 0 || len(parts) == 0 {
			return false
		}
		f, err := os.Open(parts[0])
		if err != nil {
			return false
		}
		defer f.Close()
		e, _ := whole(f)
		return e.length >= time.Second
	})
	c.Process.Kill()
	c.Wait()
	closed, _ := filepath.Glob(filepath.Join(dir, "*[0-9].mp4"))
	found, err := Recover(dir)
	if err != nil || len(found) != 1 {
		t.Fatalf("%+v, %v", found, err)
	}
	s := found[0]
	ns, _ := numbers(t, s.File)
	if want := int(s.Duration.Seconds()*rate + .5); len(ns) != want || want < rate {
		t.Errorf("%d pictures in %v", len(ns), s.Duration)
	}
	last, _ := numbers(t, closed[len(closed)-1])
	if off(ns[0], last[len(last)-1]+1) != 0 {
		t.Errorf("number %d after %d", ns[0], last[len(last)-1])
	}
	if again, err := Recover(dir); err != nil || len(again) != 0 {
		t.Errorf("recovered again: %v, %v", again, err)
	}
	waitFor(t, "ffmpeg to end", func() bool {
		out, _ := exec.Command("pgrep", "-f", file).Output()
		return len(out) == 0
	})
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("no %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Whatever a file was cut to, Recover makes a good segment of it or takes it away.
func TestRecover(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var segment Segment
	if err := Split(t.Context(), film(t, "a.mp4", 3), time.Unix(1e9, 0), dir, RecordOptions{Segment: time.Minute}, func(s Segment) error {
		segment = s
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(segment.File)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 10, 500, len(b) / 2, len(b) - 1, len(b)} {
		dir := t.TempDir()
		part := filepath.Join(dir, "20260102T030405.678.part.mp4")
		if err := os.WriteFile(part, b[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		found, err := Recover(dir)
		if err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
		left, _ := os.ReadDir(dir)
		if n < len(b)/2 {
			if len(found)+len(left) != 0 {
				t.Errorf("%d bytes: %v, %v", n, found, left)
			}
			continue
		}
		if len(found) != 1 || !found[0].Start.Equal(time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)) {
			t.Errorf("%d bytes: %+v", n, found)
			continue
		}
		ns, _ := numbers(t, found[0].File)
		if len(ns) == 0 || len(ns)%25 != 0 || n == len(b) && len(ns) != 75 {
			t.Errorf("%d bytes: %d pictures", n, len(ns))
		}
	}
}

// A full disk ends the recording; what it had room for stays good.
func TestRecordDiskFull(t *testing.T) {
	file, dir := film(t, "a.mp4", 20), t.TempDir()
	w := &writer{dir: dir, least: time.Minute, clock: &clock{now: time.Now, begun: time.Now(), lag: unknown, before: unknown}}
	var told []Segment
	w.done = func(s Segment) error { told = append(told, s); return nil }
	var stream bytes.Buffer
	if err := Play(t.Context(), []string{file}, &stream, PlayOptions{}); err != nil {
		t.Fatal(err)
	}
	var old syscall.Rlimit
	limit(t, &old, uint64(stream.Len()/2))
	err := w.all(&stream, func() {})
	limit(t, nil, old.Cur)
	if err == nil || !errors.Is(err, syscall.EFBIG) {
		t.Fatalf("wrote beyond the limit: %v", err)
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	if len(told) != 1 || told[0].Duration < 5*time.Second {
		t.Fatalf("%+v", told)
	}
	if ns, _ := numbers(t, told[0].File); len(ns) != int(told[0].Duration.Seconds()*rate+.5) {
		t.Errorf("%d pictures in %v", len(ns), told[0].Duration)
	}
}

// limit sets how large a file this process may write, as a disk that is full would.
func limit(t *testing.T, old *syscall.Rlimit, size uint64) {
	t.Helper()
	var now syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &now); err != nil {
		t.Fatal(err)
	}
	if old != nil {
		*old = now
	}
	now.Cur = size
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &now); err != nil {
		t.Fatal(err)
	}
}

// The clock says when a time of the stream was, whatever held it back.
func TestClock(t *testing.T) { synctest.Test(t, clockTells) }

func clockTells(t *testing.T) {
	wall := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	begun := time.Now().Add(-10 * time.Second)
	c := &clock{now: func() time.Time { return wall }, begun: begun, lag: unknown, before: unknown}
	if at := c.at(3 * time.Second); !at.Equal(wall) {
		t.Errorf("nothing heard: %v", at)
	}
	is := func(what string, t0 time.Duration, ago time.Duration) {
		t.Helper()
		if d := wall.Sub(c.at(t0)); d != ago {
			t.Errorf("%s: %v ago, want %v", what, d, ago)
		}
	}
	c.heard(4 * time.Second) // held back
	is("late", 4*time.Second, 0)
	c.heard(9500 * time.Millisecond)
	is("in time", 4*time.Second, 5500*time.Millisecond)
	c.next()
	is("remembered", 4*time.Second, 5500*time.Millisecond)
	wall = wall.Add(time.Hour)
	is("the computer's clock jumped", 4*time.Second, 5500*time.Millisecond)
	c.next()
	c.next()
	is("short segments", 4*time.Second, 5500*time.Millisecond)
	time.Sleep(20 * time.Second) // of the bubble
	c.heard(25 * time.Second)
	is("busy for a while", 25*time.Second, 4500*time.Millisecond)
	c.next()
	is("a camera whose clock is slow", 25*time.Second, 0)
}

// No password in errors, arguments or what a source prints as.
func TestSecrets(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { // a camera that refuses
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b := make([]byte, 4096)
			n, _ := c.Read(b)
			cseq := "1"
			for line := range strings.SplitSeq(string(b[:n]), "\r\n") {
				if v, ok := strings.CutPrefix(line, "CSeq: "); ok {
					cseq = v
				}
			}
			c.Write([]byte("RTSP/1.0 404 Not Found\r\nCSeq: " + cseq + "\r\n\r\n"))
			c.Close()
		}
	}()
	const password = "p%40ss'w0rd"
	s := Source("rtsp://neighbor:" + password + "@" + l.Addr().String() + "/live?token=abcdef")
	if strings.Contains(s.String(), "w0rd") || strings.Contains(s.String(), "abcdef") || strings.Contains(s.String(), "neighbor") || !strings.Contains(s.String(), l.Addr().String()+"/live") {
		t.Error(s)
	}
	p, err := command(t.Context(), "ffmpeg")
	if err != nil {
		t.Fatal(err)
	}
	p.from(s)
	if args := strings.Join(append(p.Args, p.Env...), " "); strings.Contains(args, "w0rd") || strings.Contains(args, l.Addr().String()) {
		t.Errorf("in the arguments: %s", args)
	}
	check := func(err error) {
		t.Helper()
		if err == nil {
			t.Fatal("no error")
		}
		for _, secret := range []string{"w0rd", "abcdef", "neighbor"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%v", err)
			}
		}
		if !strings.Contains(err.Error(), "404") {
			t.Errorf("it does not say why: %v", err)
		}
	}
	_, err = Probe(t.Context(), s)
	check(err)
	_, err = Still(t.Context(), string(s), 0, 0)
	check(err)
	check(Record(t.Context(), s, t.TempDir(), RecordOptions{}, nil))
	for _, err := range Frames(t.Context(), s, FrameOptions{}) {
		check(err)
	}
}

// A camera that accepts and then says nothing is given up.
func TestStall(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := Source("rtsp://" + l.Addr().String() + "/live")
	for _, err := range Frames(t.Context(), s, FrameOptions{Stall: 100 * time.Millisecond}) {
		if !errors.Is(err, ErrStalled) {
			t.Error(err)
		}
	}
}

func FuzzFragments(f *testing.F) {
	if b, err := os.ReadFile("testdata/fragments.mp4"); err == nil {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := whole(bytes.NewReader(b))
		if err == nil && (e.length < 0 || e.size < e.head || e.key > 0 && e.key < e.head || e.key > e.size || e.size > int64(len(b))) {
			t.Errorf("%+v of %d bytes", e, len(b))
		}
		var out bytes.Buffer
		if trim(&out, bytes.NewReader(b), time.Second) == nil && out.Len() > 0 {
			if _, err := whole(bytes.NewReader(out.Bytes())); err != nil {
				t.Errorf("what was kept cannot be read: %v", err)
			}
		}
	})
}

func FuzzProbe(f *testing.F) {
	f.Add([]byte(`{"streams":[{"codec_type":"video","codec_name":"h264","width":160,"height":96,"avg_frame_rate":"25/1"}],"format":{"format_name":"mov,mp4","duration":"6.0","size":"1000"}}`))
	f.Add([]byte(`{"format":{"duration":"1e99"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		i, err := parseProbe(b, &probed{})
		if err == nil && (i.W <= 0 || i.H <= 0 || i.Duration < 0) {
			t.Errorf("%+v", i)
		}
	})
}
