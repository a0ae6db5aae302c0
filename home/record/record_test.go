package record

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"porchlight/db"
	"porchlight/home"
	"porchlight/home/cameras"
	"porchlight/internal/rtsptest"
	"porchlight/video"
)

func TestMain(m *testing.M) {
	if os.Getenv("RECORD_CHILD") != "" {
		child()
		return
	}
	rtsptest.Main(m)
}

// house is a recorder with cameras, in a folder of its own.
type house struct {
	*Recorder
	t       testing.TB
	dir     string
	db      *db.DB
	cameras *cameras.Service
	ahead   atomic.Int64 // by which its clock is ahead, nanoseconds
	stop    func()
}

func (h *house) clock() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())).Round(0) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newHouse opens a house in dir; a second one may be opened there after close.
func newHouse(t testing.TB, dir string, change ...func(*Options)) *house {
	t.Helper()
	h := &house{t: t, dir: dir, stop: func() {}}
	var err error
	h.db, err = db.Open(t.Context(), filepath.Join(dir, "home.db"))
	must(t, err)
	h.cameras, err = cameras.Open(t.Context(), h.db, h.clock)
	must(t, err)
	h.open(change...)
	t.Cleanup(h.close)
	return h
}

func (h *house) open(change ...func(*Options)) {
	h.t.Helper()
	o := Options{
		DB: h.db, Dir: filepath.Join(h.dir, "footage"), Cameras: h.cameras, Now: h.clock,
		Segment: time.Second, Stall: 15 * time.Second, Retry: 100 * time.Millisecond, Scan: 20 * time.Millisecond, Poll: 50 * time.Millisecond,
		Limits: Limits{Free: 1},
		Logger: slog.New(slog.NewTextHandler(h.t.Output(), nil)),
	}
	for _, f := range change {
		f(&o)
	}
	var err error
	h.Recorder, err = Open(h.t.Context(), o)
	must(h.t, err)
}

// run records until stop.
func (h *house) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		h.Run(ctx)
		close(done)
	}()
	h.stop = func() {
		cancel()
		<-done
		h.stop = func() {}
	}
}

func (h *house) close() {
	h.stop()
	h.db.Close()
}

// rtsp adds a camera of a server.
func (h *house) rtsp(s *rtsptest.Server, name string) string {
	h.t.Helper()
	return h.add(cameras.Source{Kind: home.RTSP, Address: cameras.Secret(s.Address(name)), User: rtsptest.User, Password: rtsptest.Password})
}

func (h *house) add(from cameras.Source) string {
	h.t.Helper()
	c, err := h.cameras.Add(h.t.Context(), home.Camera{Name: "Front door"}, from)
	must(h.t, err)
	return c.ID
}

func (h *house) spans(camera string) []home.Span {
	h.t.Helper()
	s, err := h.Spans(h.t.Context(), camera, time.Time{}, time.Time{})
	must(h.t, err)
	return s
}

// length is how much footage of a camera there is.
func (h *house) length(camera string) (d time.Duration) {
	h.t.Helper()
	for _, s := range h.spans(camera) {
		d += s.To.Sub(s.From)
	}
	return d
}

func (h *house) files(camera string) []File {
	h.t.Helper()
	f, err := h.Segments(h.t.Context(), home.Span{Camera: camera, From: never, To: forever})
	must(h.t, err)
	return f
}

func (h *house) health(camera string) Health {
	h.t.Helper()
	health, err := h.Health(h.t.Context(), camera)
	must(h.t, err)
	return health
}

func (h *house) notes(kind Kind) (said []string) {
	h.t.Helper()
	all, err := h.Notes(h.t.Context(), 100)
	must(h.t, err)
	for _, n := range all {
		if n.Kind == kind {
			said = append(said, n.Said)
		}
	}
	return said
}

// until waits for a condition.
func until(t testing.TB, what string, yes func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !yes(); {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// check says whether index and disk tell the same: each file has its line, each
// line its file, spans hold their segments, and the sum is right.
func (h *house) check() {
	h.t.Helper()
	onDisk := map[string]bool{}
	must(h.t, filepath.WalkDir(h.o.Dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && !strings.Contains(path, "/now/") && !strings.Contains(path, "/"+asideName+"/") {
			onDisk[path] = true
		}
		return err
	}))
	q := h.db.Read()
	lines, err := db.All(scanSegment)(q.QueryContext(h.t.Context(), `SELECT `+segmentColumns+` FROM home_record_segment g LEFT JOIN home_record_span s ON s.id = g.span ORDER BY g.span, g.began`))
	must(h.t, err)
	var used int64
	type sum struct {
		bytes, files int64
		from, to     time.Time
	}
	sums := map[int64]*sum{}
	for _, g := range lines {
		path := h.index.path(g.camera, g.from, g.to)
		if !onDisk[path] {
			h.t.Errorf("the index knows %s, the disk does not", path)
		}
		delete(onDisk, path)
		used += g.bytes
		s := sums[g.span]
		if s == nil {
			s = &sum{from: g.from, to: g.from}
			sums[g.span] = s
		}
		if gap := g.from.Sub(s.to); gap.Abs() > touch {
			h.t.Errorf("a gap of %s in span %d", gap, g.span)
		}
		s.bytes, s.files, s.to = s.bytes+g.bytes, s.files+1, g.to
	}
	for path := range onDisk {
		h.t.Errorf("the disk has %s, the index does not", path)
	}
	if used != h.index.used {
		h.t.Errorf("segments have %d bytes, the ring thinks %d", used, h.index.used)
	}
	rows, err := q.QueryContext(h.t.Context(), `SELECT id, began, ended, bytes, files FROM home_record_span`)
	must(h.t, err)
	defer rows.Close()
	for rows.Next() {
		var id int64
		var got sum
		must(h.t, rows.Scan(&id, db.Into(&got.from), db.Into(&got.to), &got.bytes, &got.files))
		if want := sums[id]; want == nil || *want != got {
			h.t.Errorf("span %d is %+v, its segments are %+v", id, got, want)
		}
		delete(sums, id)
	}
	if len(sums) > 0 {
		h.t.Errorf("segments of %d spans that are not there", len(sums))
	}
}

// heads counts the films that are written to it.
type heads struct{ n atomic.Int64 }

func (h *heads) Write(b []byte) (int, error) {
	h.n.Add(int64(strings.Count(string(b), "ftyp")))
	return len(b), nil
}

// preview looks at a camera's preview twice at once: one encoder makes it, which ends
// with the last who looks.
func (h *house) preview(camera string) {
	h.t.Helper()
	ctx, leave := context.WithCancel(h.t.Context())
	defer leave()
	var wait sync.WaitGroup
	dir := h.t.TempDir()
	for i := range 2 {
		path := filepath.Join(dir, fmt.Sprint(i))
		f, err := os.Create(path)
		must(h.t, err)
		wait.Go(func() {
			defer f.Close()
			if err := h.Preview(ctx, camera, f); err != nil {
				h.t.Errorf("a preview: %v", err)
			}
		})
	}
	var info video.Info
	for i := range 2 {
		until(h.t, "two seconds of a preview", func() bool {
			info, _ = video.Probe(h.t.Context(), video.Source(filepath.Join(dir, fmt.Sprint(i))))
			return info.Duration >= 2*time.Second
		})
		if !info.Plays() {
			h.t.Errorf("a preview that no browser plays: %+v", info)
		}
	}
	h.light.mu.Lock()
	if n := len(h.light.of); n != 1 {
		h.t.Errorf("%d encoders at work", n)
	}
	h.light.mu.Unlock()
	leave()
	wait.Wait()
	if n := len(h.light.of); n != 0 {
		h.t.Errorf("%d encoders work for nobody", n)
	}
	if err := h.Preview(h.t.Context(), "nobody", io.Discard); !errors.Is(err, ErrNotFound) {
		h.t.Errorf("a preview of a camera that is not: %v", err)
	}
}

// Two cameras that ask for a password are recorded without encoding, with their
// sound; their footage is one piece, is found, and shows pictures.
func TestRecord(t *testing.T) {
	t.Parallel()
	s := rtsptest.Start(t, map[string]rtsptest.Film{"front": {Codec: "h264", Audio: true}, "back": {Codec: "h265"}})
	h := newHouse(t, t.TempDir())
	front, back := h.rtsp(s, "front"), h.rtsp(s, "back")
	begun := time.Now()
	h.run()
	until(t, "the first footage", func() bool { return h.length(front) > 0 })
	// Live: what is being written is told on, segment after segment.
	live, done := context.WithCancel(t.Context())
	var seen heads
	followed := make(chan error, 1)
	go func() { followed <- h.Follow(live, front, &seen) }()
	until(t, "a live picture of two segments", func() bool {
		select {
		case err := <-followed:
			t.Fatalf("followed: %v", err)
		default:
		}
		return seen.n.Load() >= 2
	})
	done()
	if err := <-followed; err != nil {
		t.Errorf("followed: %v", err)
	}
	h.preview(back)
	if err := h.Follow(t.Context(), "nobody", &seen); !errors.Is(err, ErrNotFound) {
		t.Errorf("a camera that is not: %v", err)
	}
	for _, id := range []string{front, back} {
		until(t, "four seconds of footage", func() bool { return h.length(id) >= 4*time.Second && h.health(id).Recording })
	}
	if got := h.health(front); !got.Recording || got.Codec != "h264" || !got.Audio || got.Bits < 10_000 || got.Trouble != "" || got.Gaps != 0 || got.Since.Before(begun) {
		t.Errorf("front: %+v", got)
	}
	if got := h.health(back); !got.Recording || got.Codec != "hevc" || got.Audio {
		t.Errorf("back: %+v", got)
	}
	h.stop()
	h.check()
	for id, codec := range map[string]string{front: "h264", back: "hevc"} {
		spans := h.spans(id)
		if len(spans) != 1 {
			t.Fatalf("%s: spans %v", codec, spans)
		}
		if s := spans[0]; s.From.Before(begun.Add(-2*time.Second)) || s.To.After(time.Now().Add(5*time.Second)) {
			t.Errorf("%s was recorded from %s to %s, begun at %s", codec, s.From, s.To, begun)
		}
		for _, f := range h.files(id) {
			info, err := video.Probe(t.Context(), video.Source(f.Path))
			if err != nil || info.Video != codec || f.Codec != codec || (info.Audio != "") != (codec == "h264") || (info.Duration-f.Length).Abs() > 150*time.Millisecond {
				t.Errorf("%s: %+v of %s, %v", codec, info, f.Length, err)
			}
		}
		at := spans[0].From.Add(1500 * time.Millisecond)
		jpeg, err := h.Still(t.Context(), id, at, 160)
		if err != nil || len(jpeg) < 500 || jpeg[0] != 0xff || jpeg[1] != 0xd8 {
			t.Errorf("%s: a still of %d bytes, %v", codec, len(jpeg), err)
		}
		if _, err := h.Still(t.Context(), id, spans[0].To.Add(time.Minute), 160); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: a still of what is not there: %v", codec, err)
		}
		parts, err := h.Timeline(t.Context(), id, spans[0].From.Add(-4*time.Second), spans[0].From.Add(4*time.Second), 8)
		if err != nil || !slices.Equal(parts, []float32{0, 0, 0, 0, 1, 1, 1, 1}) {
			t.Errorf("%s: timeline %v, %v", codec, parts, err)
		}
	}
	// What is new is told once, in order.
	first, err := h.After(t.Context(), 0, 3)
	must(t, err)
	rest, err := h.After(t.Context(), first[2].Seq, 1000)
	must(t, err)
	if n := len(h.files(front)) + len(h.files(back)); len(first) != 3 || len(first)+len(rest) != n {
		t.Errorf("%d and %d files of %d", len(first), len(rest), n)
	}
}
