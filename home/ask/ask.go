// Package ask reads the requests that agencies post at the household's exchange,
// and finds in the house which of them its cameras can answer.
//
// Nothing of that shows outside. The only thing this package ever sends is the
// round: at fixed instants, the list of the feed's cells and the file of each
// coarse cell that holds a camera, whole, with the same headers each time. When
// rounds are depends on an offset that is drawn once; which cells, on where the
// cameras hang. What was in the files, what the household recorded, saw, ignored
// or dismissed changes nothing of it. docs/design/home-ask.md argues it, and
// wire_test.go watches it.
package ask

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"porchlight/canvass"
	"porchlight/db"
	"porchlight/home"
	"porchlight/ledger"
	"porchlight/share/client"
)

// State is what the household did about a request. Only the house knows it.
type State string

const (
	New       State = "new"       // nobody looked at it
	Seen      State = "seen"      // somebody did
	Dismissed State = "dismissed" // not ours; it can be taken up again
	Shared    State = "shared"    // answered
	Over      State = "over"      // expired or closed, and not answered
)

// Matched is a request near this house, and what the house has of it.
type Matched struct {
	Asked      client.Asked `json:"asked"`
	AgencyKind string       `json:"agency_kind"` // municipal, county, ...
	Published  time.Time    `json:"published"`
	State      State        `json:"state"`
	Open       bool         `json:"open"`   // can be answered now
	Metres     float64      `json:"metres"` // from the nearest camera's place to the area

	// Of an open one.
	Cameras []string       `json:"cameras"` // ids of those that see into the area
	Spans   []home.Span    `json:"spans"`   // what they hold of the window
	Looked  []home.What    `json:"looked"`  // what is looked for, see Looked
	Moments []*home.Moment `json:"moments"` // worth offering, by time; nobody may change them
}

// Notice is what the household is told of a request, once.
type Notice struct {
	Request string   // id
	Agency  string   // name
	Cameras []string // ids of those that recorded then
	Clips   int      // moments worth offering
}

// Footage is what this package needs of home/record.
type Footage interface {
	// Spans are what a camera holds between two times, by time.
	Spans(ctx context.Context, camera string, from, to time.Time) ([]home.Span, error)
	// Pin keeps the ring from taking a span for a day at least; it is repeated at
	// each round while the span is needed. Unpin undoes it, also when it was not
	// pinned.
	Pin(ctx context.Context, span home.Span) error
	Unpin(ctx context.Context, span home.Span) error
}

// Moments is what this package needs of home/watch.
type Moments interface {
	// Moments are those of a camera that touch the stretch between two times, by
	// their beginning. Nobody may change them.
	Moments(ctx context.Context, camera string, from, to time.Time) ([]*home.Moment, error)
}

// Clock is the time and waiting for it.
type Clock interface {
	Now() time.Time
	Until(ctx context.Context, at time.Time) error // the context's error when it ends first
}

// Options join the room to its neighbors. The first five are needed.
type Options struct {
	DB     *db.DB
	URL    string          // of the exchange, no trailing slash
	Ledger ledger.Verifier // what its receipts are checked with, entered by the household
	// Cameras are all that the house ever had, also those that are off or removed:
	// a removed one's footage can still answer, and that it was removed must not
	// show. After 60 days it no longer counts.
	Cameras func(context.Context) ([]home.Camera, error)
	Footage Footage
	Moments Moments // nil: nothing was watched

	// Notify tells the household; to repeat it for one request is harmless.
	Notify func(context.Context, Notice) error
	// Changed is called after the requests of this house changed.
	Changed func()

	Every time.Duration // between rounds; default 10 minutes
	// Hold is how much footage, in camera time, is kept from the ring for open
	// requests; default 48 hours.
	Hold   time.Duration
	HTTP   http.RoundTripper // default a transport of its own
	Clock  Clock
	Logger *slog.Logger // default discards
}

// Service finds requests. Safe for concurrent use.
type Service struct {
	Options
	offset time.Duration // of this house's rounds

	mu     sync.Mutex // held while matches are taken up: one at a time
	status Status     // guarded by look
	look   sync.Mutex
}

// Trouble is why the last round found out nothing, or not everything.
type Trouble string

const (
	None        Trouble = ""
	Unreachable Trouble = "unreachable" // no answer, or no feed behind it
	Unproved    Trouble = "unproved"    // signature, key or a request that the ledger does not show
	Stale       Trouble = "stale"       // the files are old, or this machine's clock is wrong
	Elsewhere   Trouble = "elsewhere"   // no camera hangs where this exchange reaches
	House       Trouble = "house"       // something in the house failed: a disk, another room
)

// Status is how the rounds go.
type Status struct {
	Last    time.Time `json:"last"` // of the last round; zero: none since the start
	Next    time.Time `json:"next"`
	Trouble Trouble   `json:"trouble"`
	Detail  string    `json:"detail"` // for who looks closer; English
}

var (
	// ErrNotFound: the house has no such request.
	ErrNotFound = errors.New("ask: no such request")
	// ErrOver: it can no longer be answered.
	ErrOver = errors.New("ask: the request is over")
)

const (
	forgetAfter  = 30 * 24 * time.Hour // a request that is over and was not answered
	forgetCamera = 60 * 24 * time.Hour // one that was removed
	padding      = 15 * time.Second    // pinned before and after a moment
)

// Open opens the room's tables.
func Open(ctx context.Context, o Options) (*Service, error) {
	if o.Every == 0 {
		o.Every = 10 * time.Minute
	}
	if o.Hold == 0 {
		o.Hold = 48 * time.Hour
	}
	if o.Clock == nil {
		o.Clock = wall{}
	}
	if o.Changed == nil {
		o.Changed = func() {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := o.Ledger.Valid(); err != nil {
		return nil, fmt.Errorf("the exchange's keys: %w", err)
	}
	if err := o.DB.Migrate(ctx, "home.ask", migrations); err != nil {
		return nil, err
	}
	s := &Service{Options: o}
	var err error
	if s.offset, err = drawOffset(ctx, o.DB, o.Every); err != nil {
		return nil, err
	}
	s.status.Next = s.Next(o.Clock.Now())
	return s, nil
}

// Next is the first round after now. It depends on nothing but the offset that
// this house once drew.
func (s *Service) Next(now time.Time) time.Time {
	since := now.UnixMicro() - s.offset.Microseconds()
	every := s.Every.Microseconds()
	n := since / every
	if since < 0 && since%every != 0 {
		n--
	}
	return time.UnixMicro((n+1)*every + s.offset.Microseconds()).UTC()
}

// Run makes the rounds until ctx ends. A round that fails is not repeated before
// the next one's time; one whose time passed while the machine slept is left out.
func (s *Service) Run(ctx context.Context) error {
	for {
		if err := s.Clock.Until(ctx, s.Next(s.Clock.Now())); err != nil {
			return err
		}
		s.Round(ctx)
	}
}

// Round reads the feed once and takes up what is in it. Run calls it.
func (s *Service) Round(ctx context.Context) {
	at := s.Clock.Now()
	err := s.round(ctx, at)
	if ctx.Err() != nil {
		return
	}
	st := Status{Last: at.UTC()}
	if err != nil {
		st.Trouble, st.Detail = House, err.Error()
		if t := (*trouble)(nil); errors.As(err, &t) {
			st.Trouble = t.kind
		}
		s.Logger.Warn("the feed could not be read in full", "trouble", string(st.Trouble), "err", err)
	}
	s.look.Lock()
	s.status = st
	s.look.Unlock()
}

func (s *Service) round(ctx context.Context, now time.Time) error {
	cameras, err := s.cameras(ctx)
	if err != nil {
		return err
	}
	// All that goes out, before anything that was in it is looked at.
	got := s.fetch(ctx, cells(cameras))
	s.mu.Lock()
	defer s.mu.Unlock()
	known, err := s.load(ctx, "")
	if err != nil {
		return err
	}
	feed, err := s.read(got, known, now) // err: what could not be read; the rest is taken
	e := s.take(ctx, feed, NewEyes(cameras), known, now)
	if e == nil {
		e = s.settle(ctx, cameras, now)
	}
	s.Changed()
	return errors.Join(err, e)
}

// take writes down what is near, and what is over.
func (s *Service) take(ctx context.Context, f found, eyes Eyes, known []kept, now time.Time) error {
	old := map[string]kept{}
	for _, k := range known {
		old[k.Asked.Content.ID] = k
	}
	var near []kept
	for _, i := range f.items {
		if metres, ok := nearest(eyes, i.Request.Area); ok {
			near = append(near, kept{Asked: client.FromFeed(i), AgencyKind: i.AgencyKind, Published: i.Published, State: New,
				Metres: metres, First: now})
		}
	}
	var over []string
	for id, k := range old {
		gone := f.cells[k.Cell] && !f.ids[id] // the file that told of it was read, and tells no more
		if k.Over.IsZero() && (gone || !k.Asked.Content.Expires.After(now)) {
			over = append(over, id)
		}
	}
	return s.DB.Write(ctx, func(tx *sql.Tx) error {
		for _, k := range near {
			k.Cell = f.cell[k.Asked.Content.ID]
			if err := upsert(tx, k); err != nil {
				return err
			}
		}
		return finish(tx, over, now)
	})
}

// settle pins what open requests need and tells the household of new ones.
func (s *Service) settle(ctx context.Context, cameras []home.Camera, now time.Time) error {
	open, err := s.wanted(ctx, cameras, now)
	if err != nil {
		return err
	}
	if err := s.pin(ctx, open); err != nil {
		return fmt.Errorf("keeping footage for open requests: %w", err)
	}
	for _, m := range open {
		if m.told || m.State != New || len(m.Spans) == 0 || s.Notify == nil {
			continue
		}
		n := Notice{Request: m.Asked.Content.ID, Agency: m.Asked.AgencyName, Clips: len(m.Moments)}
		for _, c := range cameras {
			if slices.ContainsFunc(m.Spans, func(p home.Span) bool { return p.Camera == c.ID }) {
				n.Cameras = append(n.Cameras, c.ID)
			}
		}
		if err := s.Notify(ctx, n); err != nil {
			return fmt.Errorf("telling the household: %w", err)
		}
		if err := s.set(ctx, n.Request, `told = 1`); err != nil {
			return err
		}
	}
	return nil
}

type match struct {
	Matched
	told bool
}

// wanted are the requests that are open and not dismissed, newest first.
func (s *Service) wanted(ctx context.Context, cameras []home.Camera, now time.Time) ([]match, error) {
	known, err := s.load(ctx, "")
	if err != nil {
		return nil, err
	}
	return s.matches(ctx, cameras, now, slices.DeleteFunc(known, func(k kept) bool { return !k.open(now) || k.State == Dismissed }))
}

// matches are requests and what the house has of them, newest first.
func (s *Service) matches(ctx context.Context, cameras []home.Camera, now time.Time, known []kept) ([]match, error) {
	all := make([]match, len(known))
	var asked []canvass.Content // of those that are open
	for i, k := range known {
		all[i] = match{Matched{Asked: k.Asked, AgencyKind: k.AgencyKind, Published: k.Published, State: k.State, Metres: k.Metres, Open: k.open(now)}, k.told}
		switch m := &all[i]; {
		case m.Open:
			asked = append(asked, k.Asked.Content)
		case m.State != Shared:
			m.State = Over
		}
	}
	got, err := NewEyes(cameras).Match(ctx, asked, s.Footage, s.Moments)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if m := &all[i]; m.Open {
			m.Cameras, m.Spans, m.Looked, m.Moments = got[0].Cameras, got[0].Spans, got[0].Looked, got[0].Moments
			got = got[1:]
		}
	}
	slices.SortStableFunc(all, func(a, b match) int {
		return cmp.Or(b.Published.Compare(a.Published), cmp.Compare(a.Asked.Content.ID, b.Asked.Content.ID))
	})
	return all, nil
}

// Requests are those near this house that it still knows, newest first.
func (s *Service) Requests(ctx context.Context) ([]Matched, error) {
	return s.known(ctx, "")
}

// known are all requests, or the one with this id.
func (s *Service) known(ctx context.Context, id string) ([]Matched, error) {
	cameras, err := s.cameras(ctx)
	if err != nil {
		return nil, err
	}
	known, err := s.load(ctx, id)
	if err != nil {
		return nil, err
	}
	all, err := s.matches(ctx, cameras, s.Clock.Now(), known)
	if err != nil {
		return nil, err
	}
	out := make([]Matched, len(all))
	for i, m := range all {
		out[i] = m.Matched
	}
	return out, nil
}

// Request is one of them. ErrNotFound.
func (s *Service) Request(ctx context.Context, id string) (Matched, error) {
	if id == "" {
		return Matched{}, ErrNotFound
	}
	one, err := s.known(ctx, id)
	if err == nil && len(one) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Matched{}, err
	}
	return one[0], nil
}

// cameras are those that count.
func (s *Service) cameras(ctx context.Context) ([]home.Camera, error) {
	all, err := s.Cameras(ctx)
	now := s.Clock.Now()
	return slices.DeleteFunc(slices.Clone(all), func(c home.Camera) bool { return !c.Removed.IsZero() && c.Removed.Before(now.Add(-forgetCamera)) }), err
}

// Seen notes that somebody looked at a new request. ErrNotFound.
func (s *Service) Seen(ctx context.Context, id string) error {
	return s.move(ctx, id, Seen, New)
}

// Dismiss says that the household will not answer; footage is no longer kept for
// it. Nobody learns of it. ErrNotFound.
func (s *Service) Dismiss(ctx context.Context, id string) error {
	return s.move(ctx, id, Dismissed, New, Seen)
}

// Restore takes Dismiss back. ErrNotFound.
func (s *Service) Restore(ctx context.Context, id string) error {
	return s.move(ctx, id, Seen, Dismissed)
}

// Answered notes that the household shared. ErrNotFound.
func (s *Service) Answered(ctx context.Context, id string) error {
	return s.move(ctx, id, Shared, New, Seen, Dismissed)
}

// move changes a state, if it is one of from, and keeps or lets go of footage.
func (s *Service) move(ctx context.Context, id string, to State, from ...State) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, err := s.load(ctx, id)
	if err != nil {
		return err
	}
	if len(known) == 0 {
		return ErrNotFound
	}
	if !slices.Contains(from, known[0].State) {
		return nil
	}
	if err := s.set(ctx, id, `state = ?`, to); err != nil {
		return err
	}
	cameras, err := s.cameras(ctx)
	if err != nil {
		return err
	}
	open, err := s.wanted(ctx, cameras, s.Clock.Now())
	if err != nil {
		return err
	}
	s.Changed()
	return s.pin(ctx, open)
}

// Status is how the rounds go.
func (s *Service) Status() Status {
	s.look.Lock()
	defer s.look.Unlock()
	st := s.status
	st.Next = s.Next(s.Clock.Now())
	return st
}

// pin has exactly the footage that open requests need kept from the ring: their
// moments first, then all of their windows, the oldest request first, as far as
// Hold goes.
func (s *Service) pin(ctx context.Context, open []match) error {
	left, want := s.Hold, map[pinned]bool{}
	add := func(p home.Span) {
		k := pinned{p.Camera, p.From.UnixMicro(), p.To.UnixMicro()}
		if d := p.To.Sub(p.From); d <= left && !want[k] {
			want[k], left = true, left-d
		}
	}
	open = slices.Clone(open)
	slices.Reverse(open) // now the oldest first
	for _, m := range open {
		spans := map[string][]home.Span{} // by camera
		for _, p := range m.Spans {
			spans[p.Camera] = append(spans[p.Camera], p)
		}
		for _, o := range m.Moments {
			for _, p := range within(spans[o.Camera], o.From.Add(-padding), o.To.Add(padding)) {
				add(p)
			}
		}
	}
	for _, m := range open {
		for _, p := range m.Spans {
			add(p)
		}
	}
	have, err := s.pins(ctx)
	if err != nil {
		return err
	}
	// Noted first: after a crash one is at worst let go of without having been held.
	if err := s.notePins(ctx, maps.Keys(want)); err != nil {
		return err
	}
	for _, p := range have {
		if want[p] {
			continue
		}
		if err := s.Footage.Unpin(ctx, p.span()); err != nil {
			return err
		}
		if err := s.dropPin(ctx, p); err != nil {
			return err
		}
	}
	for p := range want {
		if err := s.Footage.Pin(ctx, p.span()); err != nil { // anew each time, as a pin may end by itself
			return err
		}
	}
	return nil
}

// pinned is a span as it is noted: microseconds since 1970.
type pinned struct {
	camera   string
	from, to int64
}

func (p pinned) span() home.Span {
	return home.Span{Camera: p.camera, From: db.Time(p.from), To: db.Time(p.to)}
}

// wall is the clock of the machine.
type wall struct{}

func (wall) Now() time.Time { return time.Now() }

func (wall) Until(ctx context.Context, at time.Time) error {
	// In short steps, so that a clock that was set is noticed.
	for {
		d := time.Until(at.Round(0))
		if d <= 0 {
			return ctx.Err()
		}
		t := time.NewTimer(min(d, time.Minute))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
}

// found is what the files of a round say.
type found struct {
	items []canvass.FeedItem
	ids   map[string]bool   // of all requests in them
	cells map[string]bool   // whose file was read
	cell  map[string]string // where a request was told of
}
