// Package watch looks through recorded footage for what happened in it, and keeps
// moments: when, on which camera, and whether it was a person, a vehicle, an
// animal or only motion. It keeps no picture and sends nothing.
//
// One worker looks, at the newest footage first: two small frames a second, first
// for motion, which is cheap, then with a network at those in which something
// moved, once a second at most. When footage comes faster than it can look, it
// takes only keyframes until it has caught up, and says how far behind it is. What
// it has looked at is written down with the moments, so that a restart goes on
// where it was. A moment goes when the ring has taken its footage.
//
// Frigate looks at its cameras itself: its events become moments.
package watch

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"porchlight/db"
	"porchlight/home"
	"porchlight/home/cameras"
	"porchlight/home/record"
	"porchlight/internal/wake"
	"porchlight/video"
	"porchlight/vision"
)

// Footage is what this package needs of home/record.
type Footage interface {
	// After are up to n files recorded after one, in the order of recording.
	After(ctx context.Context, seq int64, n int) ([]record.File, error)
	// Spans is the footage that is there.
	Spans(ctx context.Context, camera string, from, to time.Time) ([]home.Span, error)
	// Subscribe calls f when there is new footage, until stop.
	Subscribe(f func()) (stop func())
}

// Cameras is what it needs of home/cameras.
type Cameras interface {
	All(ctx context.Context) ([]cameras.Camera, error) // also those removed
	Reach(ctx context.Context, id string) (cameras.Source, error)
}

// People knows the Familiar Faces.
type People interface {
	// On reports whether faces are to be compared at all.
	On() bool
	// Who are the ids of the named people in a frame that shows persons.
	Who(ctx context.Context, camera string, at time.Time, f vision.Frame) ([]string, error)
}

// Options are what a Watcher needs. DB, Footage and Cameras are needed.
type Options struct {
	DB      *db.DB
	Footage Footage
	Cameras Cameras
	Objects vision.Objects   // nil: all that happens is motion
	People  People           // nil: nobody is named; may be set until Run
	Now     func() time.Time // nil: time.Now
	Logger  *slog.Logger     // nil: discards
}

// Watcher finds moments. Safe for concurrent use.
type Watcher struct {
	Options
	frames func(ctx context.Context, path string, o video.FrameOptions) iter.Seq2[vision.Frame, error]

	mu      sync.RWMutex
	cameras map[string]*moments
	events  map[string]*entry // by Frigate's id
	pending int64             // files not looked at, about

	listeners wake.Listeners // of moments that changed

	writing sync.Mutex // whoever changes moments holds it while she reads, stores and puts them
	unnamed []string   // people whose name was taken off, while footage may have been looked at

	gaps []gap // of the worker, oldest first; after the last one's hi nothing was recorded yet
}

// moments are those of one camera, by their beginning.
type moments struct {
	list    []*entry
	longest time.Duration
}

const (
	perSecond = 2               // frames looked at, of footage
	pause     = 8 * time.Second // of quiet: then it is another moment
	longest   = 5 * time.Minute // of a moment: what goes on is another
	around    = 500 * time.Millisecond
	chunk     = 8  // files looked at between two commits
	late      = 60 // files: from then on only keyframes are looked at
)

// Open opens the moments of a house.
func Open(ctx context.Context, o Options) (*Watcher, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := o.DB.Migrate(ctx, "home_watch", migrations); err != nil {
		return nil, err
	}
	w := &Watcher{Options: o, cameras: map[string]*moments{}, events: map[string]*entry{},
		frames: func(ctx context.Context, path string, o video.FrameOptions) iter.Seq2[vision.Frame, error] {
			return video.Frames(ctx, video.Source(path), o)
		}}
	all, err := loadMoments(ctx, o.DB)
	if err != nil {
		return nil, fmt.Errorf("moments: %w", err)
	}
	for _, e := range all {
		w.insert(e)
	}
	if w.gaps, err = loadGaps(ctx, o.DB); err != nil {
		return nil, fmt.Errorf("what was looked at: %w", err)
	}
	if len(w.gaps) == 0 {
		w.gaps = []gap{{}}
	}
	w.count()
	return w, nil
}

// Moments are those of a camera ("": of all) that touch the stretch between two
// times, by time. Nobody may change them.
func (w *Watcher) Moments(_ context.Context, camera string, from, to time.Time) ([]*home.Moment, error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if camera != "" {
		return w.cameras[camera].between(from, to), nil
	}
	var found []*home.Moment
	for _, m := range w.cameras {
		found = append(found, m.between(from, to)...)
	}
	slices.SortFunc(found, func(a, b *home.Moment) int { return cmp.Or(a.From.Compare(b.From), strings.Compare(a.ID, b.ID)) })
	return found, nil
}

// between are those that touch the stretch between two times.
func (m *moments) between(from, to time.Time) []*home.Moment {
	if m == nil {
		return nil
	}
	first, end := m.from(from.Add(-m.longest)), m.from(to)
	if first >= end {
		return nil
	}
	found := make([]*home.Moment, 0, end-first)
	for _, e := range m.list[first:end] {
		if e.To.After(from) {
			found = append(found, &e.Moment)
		}
	}
	return found
}

// from is the index of the first moment that begins at t or later.
func (m *moments) from(t time.Time) int {
	return sort.Search(len(m.list), func(i int) bool { return !m.list[i].From.Before(t) })
}

// Behind is about how many files of footage were not looked at yet.
func (w *Watcher) Behind() int64 {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.pending
}

// Subscribe calls f when moments changed, until stop. f must not wait.
func (w *Watcher) Subscribe(f func()) (stop func()) { return w.listeners.Subscribe(f) }

// Run looks until ctx ends.
func (w *Watcher) Run(ctx context.Context) error {
	footage := wake.NewBell()
	defer w.Footage.Subscribe(footage.Ring)()
	var asking sync.WaitGroup
	defer asking.Wait()
	asking.Go(func() { w.every(ctx, 30*time.Second, w.askFrigate) })
	asking.Go(func() { w.every(ctx, time.Minute, w.forget) })
	for ctx.Err() == nil {
		worked, err := w.look(ctx)
		if err != nil && ctx.Err() == nil {
			w.Logger.Warn("looking through the footage failed", "err", err)
		}
		if worked && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
		case <-footage:
		case <-time.After(30 * time.Second):
		}
	}
	return ctx.Err()
}

// every runs do now and then at intervals.
func (w *Watcher) every(ctx context.Context, interval time.Duration, do func(context.Context) error) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if err := do(ctx); err != nil && ctx.Err() == nil {
			w.Logger.Warn("keeping the moments failed", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look looks at the newest footage that was not looked at; false when there is none.
func (w *Watcher) look(ctx context.Context) (worked bool, err error) {
	if err := w.notice(ctx); err != nil {
		return false, err
	}
	files, g, err := w.newest(ctx)
	if err != nil {
		return false, err
	}
	if len(files) == 0 && slices.Equal(g, w.gaps) {
		return false, nil
	}
	all, err := w.Cameras.All(ctx)
	if err != nil {
		return false, err
	}
	var found []*entry
	for _, f := range files {
		if slices.ContainsFunc(all, func(c cameras.Camera) bool { return c.ID == f.Camera && c.Kind == home.Frigate }) {
			continue
		}
		some, err := w.watch(ctx, f)
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if err != nil { // the ring took it, or it cannot be decoded: there is nothing to see
			w.Logger.Debug("a piece of footage could not be looked at", "camera", f.Camera, "err", err)
		}
		found = append(found, some...)
	}
	if err := w.keep(ctx, found, func(tx *sql.Tx) error { return putGaps(ctx, tx, g) }); err != nil {
		return false, err
	}
	w.gaps = g
	w.count()
	return true, nil
}

// notice adds what was recorded since to the gaps.
func (w *Watcher) notice(ctx context.Context) error {
	const page = 1000
	for {
		last := &w.gaps[len(w.gaps)-1]
		files, err := w.Footage.After(ctx, last.hi, page)
		if err != nil {
			return err
		}
		if len(files) > 0 {
			last.hi = files[len(files)-1].Seq
		}
		if len(files) < page {
			w.count()
			return nil
		}
	}
}

// newest are the newest files of the gaps, at most chunk, in order of recording,
// and the gaps without them. The last gap stays, also when it is empty.
func (w *Watcher) newest(ctx context.Context) ([]record.File, []gap, error) {
	gaps := slices.Clone(w.gaps)
	for i := len(gaps) - 1; i >= 0; i-- {
		g, step := gaps[i], int64(chunk)
		for at := g.hi; at > g.lo; step *= 2 { // further down where the ring has taken many
			from := max(g.lo, at-step)
			files, err := w.Footage.After(ctx, from, int(step))
			if err != nil {
				return nil, nil, err
			}
			files = slices.DeleteFunc(files, func(f record.File) bool { return f.Seq > at })
			if len(files) > chunk {
				files = files[len(files)-chunk:]
				from = files[0].Seq - 1
			}
			at = from
			if len(files) > 0 {
				return files, cut(gaps, i, at), nil
			}
		}
		gaps = cut(gaps, i, g.lo)
	}
	return nil, gaps, nil
}

// cut takes what lies above at out of the i-th gap. Of the last gap an empty one
// remains, which tells up to where footage is known.
func cut(gaps []gap, i int, at int64) []gap {
	g := gaps[i]
	var rest []gap
	if at > g.lo {
		rest = append(rest, gap{g.lo, at})
	}
	if i == len(gaps)-1 {
		rest = append(rest, gap{g.hi, g.hi})
	}
	return slices.Concat(gaps[:i], rest, gaps[i+1:])
}

func (w *Watcher) count() {
	n := int64(0)
	for _, g := range w.gaps {
		n += g.hi - g.lo
	}
	w.mu.Lock()
	w.pending = n
	w.mu.Unlock()
}

// watch finds what happened in one file.
func (w *Watcher) watch(ctx context.Context, file record.File) (found []*entry, err error) {
	naming := w.People != nil && w.People.On()
	o := video.FrameOptions{W: 640, FPS: perSecond, Reuse: true}
	if naming {
		o.W = 1280 // a face at the door is 30 pixels wide then
	}
	if w.Behind() > late {
		o.FPS, o.Keyframes = 0, true
	}
	var m motion
	looked := time.Duration(-time.Hour)
	for f, err := range w.frames(ctx, file.Path, o) {
		if err != nil {
			return found, err
		}
		at := file.Begin.Add(f.At)
		if moved := m.next(f); moved == 0 || at.Before(file.From) || !at.Before(file.To) {
			continue
		}
		e := &entry{Moment: home.Moment{Span: home.Span{Camera: file.Camera, From: later(file.From, at.Add(-around)), To: earlier(file.To, at.Add(around))},
			What: []home.What{home.Motion}, Still: at}}
		if w.Objects != nil && f.At-looked >= time.Second-time.Second/perSecond/2 {
			looked = f.At
			if err := w.see(ctx, e, f, &m, naming); err != nil {
				return found, err
			}
		}
		if n := len(found); n > 0 && e.From.Sub(found[n-1].To) < pause {
			found[n-1].join(e)
		} else {
			found = append(found, e)
		}
	}
	return found, nil
}

// see tells what of that which moved is in a frame.
func (w *Watcher) see(ctx context.Context, e *entry, f vision.Frame, m *motion, naming bool) error {
	things, err := w.Objects.Objects(f)
	if err != nil {
		return err
	}
	for _, t := range things {
		what := home.WhatOf(t.Kind)
		if what == "" || !m.moved(t.Box, f) {
			continue
		}
		e.add(what)
		worth := 1 + t.Score + min(1, 4*t.Box.W*t.Box.H/float32(f.W*f.H))
		if what == home.Person {
			worth += 2
		}
		e.worth = max(e.worth, worth)
	}
	if naming && slices.Contains(e.What, home.Person) {
		if e.Named, err = w.People.Who(ctx, e.Camera, e.Still, f); err != nil {
			w.Logger.Warn("faces could not be compared", "err", err)
		}
		slices.Sort(e.Named)
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// join makes one of two moments.
func (e *entry) join(o *entry) {
	e.From, e.To = earlier(e.From, o.From), later(e.To, o.To)
	e.add(o.What...)
	if o.worth > e.worth {
		e.Still, e.worth = o.Still, o.worth
	}
	e.Named = slices.Compact(slices.Sorted(slices.Values(slices.Concat(e.Named, o.Named))))
}

// keep writes moments, joined with those they continue, and whatever more does,
// at once.
func (w *Watcher) keep(ctx context.Context, found []*entry, more func(tx *sql.Tx) error) error {
	w.writing.Lock()
	defer w.writing.Unlock()
	for _, e := range found {
		e.Named = slices.DeleteFunc(e.Named, func(p string) bool { return slices.Contains(w.unnamed, p) })
	}
	put, drop := w.merge(found)
	err := w.DB.Write(ctx, func(tx *sql.Tx) error {
		for _, e := range drop {
			if err := dropMoment(ctx, tx, e.ID); err != nil {
				return err
			}
		}
		for _, e := range put {
			if err := putMoment(ctx, tx, e); err != nil {
				return err
			}
		}
		return more(tx)
	})
	if err != nil || len(put)+len(drop) == 0 {
		return err
	}
	w.mu.Lock()
	for _, e := range drop {
		w.remove(e)
	}
	for _, e := range put {
		w.insert(e)
	}
	w.mu.Unlock()
	w.listeners.Tell()
	return nil
}

// merge is what there will be when found is joined with the moments next to it:
// what to write, and what to drop first. Nothing is changed yet.
func (w *Watcher) merge(found []*entry) (put, drop []*entry) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	for _, e := range found {
		if e.event == "" {
			for _, near := range w.near(e, put, drop) {
				if later(e.To, near.To).Sub(earlier(e.From, near.From)) > longest {
					continue
				}
				e.join(near)
				e.ID = cmp.Or(e.ID, near.ID)
				if i := slices.Index(put, near); i >= 0 {
					put = slices.Delete(put, i, i+1)
				} else {
					drop = append(drop, near)
				}
			}
		}
		if known := w.events[e.event]; known != nil {
			e.ID, drop = known.ID, append(drop, known)
		}
		e.ID = cmp.Or(e.ID, strings.ToLower(ulid.Make().String()))
		put = append(put, e)
	}
	return put, drop
}

// near are the moments that e continues or is continued by.
func (w *Watcher) near(e *entry, put, drop []*entry) (list []*entry) {
	close := func(o *entry) bool {
		return o.Camera == e.Camera && o.event == "" && o.From.Sub(e.To) < pause && e.From.Sub(o.To) < pause && !slices.Contains(drop, o)
	}
	for _, o := range put {
		if close(o) {
			list = append(list, o)
		}
	}
	if m := w.cameras[e.Camera]; m != nil {
		for _, o := range m.list[m.from(e.From.Add(-m.longest-pause)):] {
			if o.From.Sub(e.To) >= pause {
				break
			}
			if close(o) {
				list = append(list, o)
			}
		}
	}
	return list
}

func (w *Watcher) insert(e *entry) {
	m := w.cameras[e.Camera]
	if m == nil {
		m = &moments{}
		w.cameras[e.Camera] = m
	}
	m.list = slices.Insert(m.list, m.from(e.From.Add(1)), e)
	m.longest = max(m.longest, e.To.Sub(e.From))
	if e.event != "" {
		w.events[e.event] = e
	}
}

func (w *Watcher) remove(e *entry) {
	m := w.cameras[e.Camera]
	if i := slices.Index(m.list, e); i >= 0 {
		m.list = slices.Delete(m.list, i, i+1)
	}
	delete(w.events, e.event)
}

// forget drops the moments whose footage is gone.
func (w *Watcher) forget(ctx context.Context) error {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.mu.RLock()
	held := map[string][]*entry{}
	for id, m := range w.cameras {
		held[id] = slices.Clone(m.list)
	}
	w.mu.RUnlock()
	for camera, list := range held {
		if len(list) == 0 {
			continue
		}
		end := list[0].To
		for _, e := range list {
			end = later(end, e.To)
		}
		spans, err := w.Footage.Spans(ctx, camera, list[0].From, end)
		if err != nil {
			return err
		}
		if len(spans) == 0 && slices.ContainsFunc(list, func(e *entry) bool { return e.event != "" }) {
			continue // Frigate did not answer yet
		}
		gone := slices.DeleteFunc(list, func(e *entry) bool {
			return slices.ContainsFunc(spans, func(s home.Span) bool { return s.From.Before(e.To) && s.To.After(e.From) })
		})
		if len(gone) == 0 {
			continue
		}
		if err := w.DB.Write(ctx, func(tx *sql.Tx) error {
			for _, e := range gone {
				if err := dropMoment(ctx, tx, e.ID); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
		w.mu.Lock()
		for _, e := range gone {
			w.remove(e)
		}
		w.mu.Unlock()
		w.listeners.Tell()
	}
	return nil
}

// Unname takes a person's name off all moments: she was deleted.
func (w *Watcher) Unname(ctx context.Context, person string) error {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.unnamed = append(w.unnamed, person)
	w.mu.RLock()
	var put, old []*entry
	for _, m := range w.cameras {
		for _, e := range m.list {
			if slices.Contains(e.Named, person) {
				without := *e
				without.Named = slices.DeleteFunc(slices.Clone(e.Named), func(p string) bool { return p == person })
				put, old = append(put, &without), append(old, e)
			}
		}
	}
	w.mu.RUnlock()
	if len(put) == 0 {
		return nil
	}
	if err := w.DB.Write(ctx, func(tx *sql.Tx) error {
		for _, e := range put {
			if err := putMoment(ctx, tx, e); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	w.mu.Lock()
	for i, e := range old {
		w.remove(e)
		w.insert(put[i])
	}
	w.mu.Unlock()
	w.listeners.Tell()
	return nil
}
