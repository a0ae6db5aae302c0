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
	Cameras []string      `json:"cameras"` // ids of those that see into the area
	Spans   []home.Span   `json:"spans"`   // what they hold of the window
	Looked  []home.What   `json:"looked"`  // what is looked for, see Looked
	Moments []home.Moment `json:"moments"` // worth offering, by time
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
	// Moments are those of a camera that touch the stretch between two times, by time.
	Moments(ctx context.Context, camera string, from, to time.Time) ([]home.Moment, error)
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
	open, err := s.matches(ctx, cameras, now, true)
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

// matches are the requests that the house knows, newest first; only those that
// are open and not dismissed, if so asked.
func (s *Service) matches(ctx context.Context, cameras []home.Camera, now time.Time, wanted bool) ([]match, error) {
	known, err := s.load(ctx, "")
	if err != nil {
		return nil, err
	}
	eyes := NewEyes(cameras)
	var all []match
	for _, k := range known {
		m := match{Matched{Asked: k.Asked, AgencyKind: k.AgencyKind, Published: k.Published, State: k.State, Metres: k.Metres,
			Open: k.Over.IsZero() && k.Asked.Content.Expires.After(now)}, k.told}
		if !m.Open && m.State != Shared {
			m.State = Over
		}
		if m.Open {
			got, err := eyes.Match(ctx, k.Asked.Content, s.Footage, s.Moments)
			if err != nil {
				return nil, err
			}
			m.Cameras, m.Spans, m.Looked, m.Moments = got.Cameras, got.Spans, got.Looked, got.Moments
		}
		if !wanted || m.Open && m.State != Dismissed {
			all = append(all, m)
		}
	}
	slices.SortStableFunc(all, func(a, b match) int {
		return cmp.Or(b.Published.Compare(a.Published), cmp.Compare(a.Asked.Content.ID, b.Asked.Content.ID))
	})
	return all, nil
}

// Match finds what the house has of a request: the last four fields of a Matched.
// moments may be nil.
func (e Eyes) Match(ctx context.Context, c canvass.Content, footage Footage, moments Moments) (m Matched, err error) {
	m.Looked = Looked(c)
	for _, v := range e {
		if !v.sees(c.Area) {
			continue
		}
		m.Cameras = append(m.Cameras, v.camera)
		spans, err := footage.Spans(ctx, v.camera, c.From, c.To)
		if err != nil {
			return m, err
		}
		if spans = within(spans, c.From, c.To); len(spans) == 0 {
			continue
		}
		m.Spans = append(m.Spans, spans...)
		if moments == nil {
			continue
		}
		found, err := moments.Moments(ctx, v.camera, spans[0].From, spans[len(spans)-1].To)
		if err != nil {
			return m, err
		}
		for _, o := range found {
			if worth(o, m.Looked) && slices.ContainsFunc(spans, func(p home.Span) bool { return o.From.Before(p.To) && o.To.After(p.From) }) {
				m.Moments = append(m.Moments, o)
			}
		}
	}
	slices.SortStableFunc(m.Moments, func(a, b home.Moment) int { return a.From.Compare(b.From) })
	return m, nil
}

// within cuts spans to a stretch of time.
func within(spans []home.Span, from, to time.Time) (out []home.Span) {
	for _, p := range spans {
		if p.From.Before(from) {
			p.From = from
		}
		if p.To.After(to) {
			p.To = to
		}
		if p.From.Before(p.To) {
			out = append(out, p)
		}
	}
	return out
}

// Requests are those near this house that it still knows, newest first.
func (s *Service) Requests(ctx context.Context) ([]Matched, error) {
	cameras, err := s.cameras(ctx)
	if err != nil {
		return nil, err
	}
	all, err := s.matches(ctx, cameras, s.Clock.Now(), false)
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
	all, err := s.Requests(ctx)
	if err != nil {
		return Matched{}, err
	}
	for _, m := range all {
		if m.Asked.Content.ID == id {
			return m, nil
		}
	}
	return Matched{}, ErrNotFound
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
	open, err := s.matches(ctx, cameras, s.Clock.Now(), true)
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
		for _, o := range m.Moments {
			for _, p := range within(ofCamera(m.Spans, o.Camera), o.From.Add(-padding), o.To.Add(padding)) {
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
	for _, p := range have {
		if want[p] {
			continue
		}
		if err := s.Footage.Unpin(ctx, p.span()); err != nil {
			return err
		}
		if err := s.notePin(ctx, p, false); err != nil {
			return err
		}
	}
	for p := range want {
		// Noted first: after a crash it is at worst let go of without having been held.
		if err := s.notePin(ctx, p, true); err != nil {
			return err
		}
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

func ofCamera(spans []home.Span, camera string) (out []home.Span) {
	for _, p := range spans {
		if p.Camera == camera {
			out = append(out, p)
		}
	}
	return out
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
