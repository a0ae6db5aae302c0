// Package record is the household's footage: cameras recorded without encoding
// into segments of ten seconds, kept in a ring, found by time.
//
// A segment is a file of its own under its camera's folder, named by its start
// and length; the index beside it (tables home_record_*) only makes it quick to
// find, and is made anew from the files when it is lost. Footage is stamped with
// this computer's clock. Of footage that claims the same time, because the clock
// was put back or a film was imported, the one recorded later is shown.
//
// docs/design/recorder.md says why.
package record

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"porchlight/db"
	"porchlight/home"
	"porchlight/home/cameras"
	"porchlight/internal/wake"
	"porchlight/video"
)

var (
	// ErrNotFound: there is no footage of that time, or no such camera.
	ErrNotFound = errors.New("there is no footage of that time")
	// ErrTwice: this film was imported before.
	ErrTwice = errors.New("this film was imported before")
	// ErrFull: the disk is full and nothing may be removed from it.
	ErrFull = errors.New("the disk is full, and what is on it is held or is not ours: remove something, or hold less")
)

// errWasFull: room was made.
var errWasFull = errors.New("the disk was full; the oldest footage went earlier than it would have")

// Cameras is what the recorder needs of home/cameras.
type Cameras interface {
	List(ctx context.Context) ([]cameras.Camera, error)
	Reach(ctx context.Context, id string) (cameras.Source, error)
	// Subscribe calls f after each change, until stop.
	Subscribe(f func()) (stop func())
}

// Limits say how much is kept; whichever is reached first counts. What is pinned
// is kept beyond them, but for Free.
type Limits struct {
	Bytes int64 `json:"bytes"` // of footage; 0: what the disk has
	Days  int   `json:"days"`  // since it was recorded or imported; 0: 30
	Free  int64 `json:"free"`  // bytes of the disk that are left to others; 0: a twentieth of it, at most 5 GiB
}

// Options are what a recorder needs. DB, Dir and Cameras are needed.
type Options struct {
	DB      *db.DB
	Dir     string // of the footage, on the disk that the ring fills; made if absent
	Cameras Cameras
	Limits  Limits           // until SetLimits said otherwise
	Segment time.Duration    // 0: 10 s
	Stall   time.Duration    // after which a silent camera is gone; 0: 10 s
	Retry   time.Duration    // before a camera is tried again, doubling to 60 times as much; 0: 1 s
	Scan    time.Duration    // between looks into watched folders; 0: 5 s
	Poll    time.Duration    // between questions to Frigate; 0: 30 s
	Now     func() time.Time // this computer's clock; nil: time.Now
	Logger  *slog.Logger     // nil: discards
}

// File is a piece of footage on disk. The file may be gone when it is opened, as
// the ring goes on: pin what is needed.
type File struct {
	home.Span               // of the file, what is shown: less than the file where later footage lies over it
	Seq       int64         `json:"seq"`   // files recorded later have greater ones
	Begin     time.Time     `json:"begin"` // of the file's first picture
	Length    time.Duration `json:"-"`     // of the file
	Path      string        `json:"-"`     // MP4
	Codec     string        `json:"codec"` // h264, hevc; "" unknown
	Bytes     int64         `json:"bytes"`
}

// Offset is where in files, played one after the other, a time is: the end for
// what lies behind them, the start of the next file for what lies in a gap.
func Offset(files []File, at time.Time) time.Duration {
	var d time.Duration
	for _, f := range files {
		if at.Before(f.Begin.Add(f.Length)) {
			return d + max(0, at.Sub(f.Begin))
		}
		d += f.Length
	}
	return d
}

// TimeAt is when a part of files, played one after the other, was: Offset the other
// way round.
func TimeAt(files []File, d time.Duration) time.Time {
	for i, f := range files {
		if d < f.Length || i == len(files)-1 {
			return f.Begin.Add(d)
		}
		d -= f.Length
	}
	return time.Time{}
}

// Health is how one camera does.
type Health struct {
	Recording bool      `json:"recording"`
	Since     time.Time `json:"since"`   // recording, or not recording, since then
	Last      time.Time `json:"last"`    // end of the newest footage; zero: none yet
	Bits      int64     `json:"bits"`    // a second, lately
	Codec     string    `json:"codec"`   // h264, hevc; "" unknown
	Audio     bool      `json:"audio"`   // sound is kept
	Gaps      int       `json:"gaps"`    // in the last 24 hours
	Missing   int64     `json:"missing"` // seconds of the last 24 hours, counted from its first footage, without any
	Trouble   string    `json:"trouble"` // why it is not recording and what to do; "" nothing
	Retry     time.Time `json:"retry"`   // when it is tried again; zero while it records
}

// Recorder records. Safe for concurrent use.
type Recorder struct {
	o     Options
	index *index
	ring  ring
	clock *clock
	still stills
	light previews
	films films

	listeners wake.Listeners // of new footage

	mu      sync.Mutex
	cameras map[string]*state
	remote  map[string][]home.Span // what Frigate holds
}

// state is what is known of one camera while the program runs.
type state struct {
	Health
	bits meter
}

// Open opens a recorder and brings index and files together again: what a crash
// left unfinished is made whole, files without a line in the index get one, lines
// without a file are dropped, and what cannot be read is set aside and told
// (Notes). Nothing is recorded before Run.
func Open(ctx context.Context, o Options) (*Recorder, error) {
	o.Now = or(o.Now, time.Now)
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	o.Segment, o.Stall, o.Retry = cmp.Or(o.Segment, 10*time.Second), cmp.Or(o.Stall, 10*time.Second), cmp.Or(o.Retry, time.Second)
	o.Scan, o.Poll = cmp.Or(o.Scan, 5*time.Second), cmp.Or(o.Poll, 30*time.Second)
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	o.Dir = dir
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("the folder of the footage: %w", err)
	}
	r := &Recorder{o: o, clock: newClock(o.Now), cameras: map[string]*state{}, remote: map[string][]home.Span{}}
	r.films.life, r.films.end = context.WithCancel(context.Background())
	if r.index, err = openIndex(ctx, o.DB, o.Dir); err != nil {
		return nil, fmt.Errorf("opening the index of the footage: %w", err)
	}
	if err := r.openRing(ctx); err != nil {
		return nil, err
	}
	if err := r.mend(ctx); err != nil {
		return nil, fmt.Errorf("bringing footage and index together: %w", err)
	}
	if err := r.mendFilms(ctx); err != nil {
		return nil, fmt.Errorf("looking at films that were brought: %w", err)
	}
	return r, nil
}

func or(f, g func() time.Time) func() time.Time {
	if f != nil {
		return f
	}
	return g
}

// Run records until ctx ends. Open segments are closed before it returns.
func (r *Recorder) Run(ctx context.Context) error {
	changed := wake.NewBell()
	defer r.o.Cameras.Subscribe(changed.Ring)()
	changed.Ring()

	type running struct {
		cameras.Source
		stop context.CancelFunc
		done chan struct{}
	}
	jobs := map[string]running{}
	end := func(id string) {
		jobs[id].stop()
		<-jobs[id].done
		delete(jobs, id)
	}
	defer func() {
		for _, j := range jobs {
			j.stop()
		}
		for id := range jobs {
			end(id)
		}
	}()
	// Time goes on and others fill the disk also while nothing is recorded.
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			r.clock.check(ctx, r)
			if err := r.eat(ctx, 0, 0); err != nil && ctx.Err() == nil {
				r.o.Logger.Error("the ring cannot be kept", "err", err)
			}
		case <-changed:
			all, err := r.o.Cameras.List(ctx)
			if err != nil {
				r.o.Logger.Error("the cameras cannot be listed", "err", err)
				continue
			}
			want := map[string]cameras.Source{}
			for _, c := range all {
				if c.Off || c.Kind == home.Import {
					continue
				}
				source, err := r.o.Cameras.Reach(ctx, c.ID)
				if err != nil {
					r.o.Logger.Error("how a camera is reached cannot be read", "camera", c.ID, "err", err)
					continue
				}
				want[c.ID] = source
			}
			for id, j := range jobs {
				if s, ok := want[id]; !ok || s != j.Source {
					end(id)
					r.set(id, func(s *state) { s.Recording, s.Since, s.Retry, s.Trouble = false, r.o.Now(), time.Time{}, "" })
				}
			}
			for id, source := range want {
				if _, ok := jobs[id]; ok {
					continue
				}
				job, stop := context.WithCancel(ctx)
				j := running{source, stop, make(chan struct{})}
				jobs[id] = j
				go func() {
					defer close(j.done)
					switch source.Kind {
					case home.RTSP:
						r.film(job, id, source)
					case home.Folder:
						r.watch(job, id, source)
					case home.Frigate:
						r.mirror(job, id, source)
					}
				}()
			}
		}
	}
}

// film records one camera, again and again.
func (r *Recorder) film(ctx context.Context, id string, source cameras.Source) {
	r.set(id, func(s *state) { s.Since, s.Recording = r.o.Now(), false })
	log := r.o.Logger.With("camera", id)
	for wait := r.o.Retry; ctx.Err() == nil; {
		dir := r.index.now(id)
		err := os.MkdirAll(dir, 0o700)
		if err == nil {
			err = r.finish(ctx, id)
		}
		if err == nil {
			err = r.eat(ctx, 0, 0)
		}
		whole := 0
		if err == nil {
			options := video.RecordOptions{Segment: r.o.Segment, Stall: r.o.Stall, Now: r.o.Now}
			err = video.Record(ctx, video.Source(source.URL()), dir, options, func(s video.Segment) error {
				err := r.keep(ctx, id, s, whole == 0)
				if err == nil {
					whole++
				}
				return err
			})
		}
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("the camera ended the connection")
		}
		switch {
		case isFull(err):
			if r.eat(ctx, 0, meal) == nil {
				err, wait = errWasFull, 0
			} else {
				err = ErrFull
			}
			if r.trouble(id) != err.Error() {
				r.note(ctx, id, NoteFull, err.Error())
			}
		default:
			err = source.Why(err)
		}
		switch {
		case whole > 0 && wait > 0:
			wait = r.o.Retry
		case errors.Is(err, cameras.ErrPassword):
			// Cameras lock out who tries too often.
			wait = max(wait, 30*r.o.Retry)
		}
		log.Warn("not recording", "err", err, "again", wait)
		now := r.o.Now()
		r.set(id, func(s *state) {
			if s.Recording || s.Since.IsZero() {
				s.Since = now
			}
			s.Recording, s.Trouble, s.Retry = false, err.Error(), now.Add(wait)
		})
		if !sleep(ctx, wait) {
			return
		}
		wait = min(max(2*wait, r.o.Retry), 60*r.o.Retry)
	}
}

// sleep waits; false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// keep takes a segment that was just recorded into the ring; first is that of a
// new connection.
func (r *Recorder) keep(ctx context.Context, camera string, s video.Segment, first bool) error {
	ctx = context.WithoutCancel(ctx) // a segment that is whole is kept, also at the end
	r.clock.check(ctx, r)
	codec, audio := "", false
	if first {
		info, err := video.Probe(ctx, video.Source(s.File))
		switch {
		case errors.Is(err, video.ErrNoPicture):
			return r.setAside(ctx, camera, s.File, err)
		case err != nil: // footage is kept, whatever keeps us from looking at it
			r.o.Logger.Error("what a camera sends could not be looked at", "camera", camera, "err", err)
		}
		codec, audio = info.Video, info.Audio != ""
	}
	last := r.index.last(camera)
	from, to := order(last.to, s.Start, s.Duration)
	if last.to.Sub(s.Start) > backwards {
		r.o.Logger.Warn("footage is stamped before what was recorded earlier: the clock was put back", "camera", camera)
	}
	if codec == "" {
		codec = last.codec
	}
	g := segment{camera: camera, from: from, to: to, added: r.o.Now(), bytes: s.Size, codec: codec}
	if err := r.index.add(ctx, g, s.File); err != nil {
		return err
	}
	r.set(camera, func(st *state) {
		if !st.Recording {
			st.Since = from
		}
		st.Recording, st.Trouble, st.Retry, st.Last = true, "", time.Time{}, to
		st.Codec = cmp.Or(codec, st.Codec)
		if first {
			st.Audio = audio
		}
		st.Bits = st.bits.add(s.Size, s.Duration)
	})
	r.listeners.Tell()
	return r.eat(ctx, 0, 0)
}

// meter measures a bit rate over the last six segments.
type meter struct {
	bytes  [6]int64
	length [6]time.Duration
	n      int
}

func (m *meter) add(bytes int64, d time.Duration) (bits int64) {
	m.bytes[m.n%6], m.length[m.n%6] = bytes, d
	m.n++
	var b int64
	var l time.Duration
	for i := range m.bytes {
		b, l = b+m.bytes[i], l+m.length[i]
	}
	if l < time.Millisecond {
		return 0
	}
	return int64(float64(b) * 8 / l.Seconds())
}

func (r *Recorder) set(camera string, f func(*state)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.cameras[camera]
	if s == nil {
		s = &state{}
		r.cameras[camera] = s
	}
	f(s)
}

func (r *Recorder) trouble(camera string) (said string) {
	r.set(camera, func(s *state) { said = s.Trouble })
	return said
}

// Subscribe calls f, which must not block, after new footage came, until stop.
func (r *Recorder) Subscribe(f func()) (stop func()) { return r.listeners.Subscribe(f) }

// Health is how a camera does. A camera that was never recorded has a zero one.
func (r *Recorder) Health(ctx context.Context, camera string) (Health, error) {
	r.mu.Lock()
	var h Health
	if s := r.cameras[camera]; s != nil {
		h = s.Health
	}
	r.mu.Unlock()
	now := r.o.Now()
	spans, err := r.Spans(ctx, camera, now.Add(-24*time.Hour), now)
	if err != nil || len(spans) == 0 {
		// Films that were brought may be older.
		if last := r.index.last(camera); h.Last.IsZero() {
			h.Last, h.Codec = last.to, cmp.Or(h.Codec, last.codec)
		}
		return h, err
	}
	if last := spans[len(spans)-1].To; last.After(h.Last) {
		h.Last = last
	}
	missing := spans[len(spans)-1].To.Sub(spans[0].From)
	for _, s := range spans {
		missing -= s.To.Sub(s.From)
	}
	h.Gaps = len(spans) - 1
	if lately := now.Sub(spans[len(spans)-1].To); !h.Recording && lately > touch {
		h.Gaps, missing = h.Gaps+1, missing+lately
	}
	h.Missing = int64(missing.Seconds())
	return h, nil
}

// isID tells whether a text may name a camera's folder.
func isID(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}
