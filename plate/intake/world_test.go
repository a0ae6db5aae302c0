package intake

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/geo"
	"porchlight/identity"
	"porchlight/internal/pgtest"
	"porchlight/plate"
)

const owner = "IL0160000"

// world is intake over a real store, between strict fakes.
type world struct {
	*Service
	t       testing.TB
	options Options
	mu      sync.Mutex
	now     time.Time
	steady  time.Duration
	reads   *fakeReads
	hits    *fakeHits
	images  *fakeImages
	counted map[string]int
	made    int
}

var start = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

func newWorld(t testing.TB, d *db.DB) *world {
	t.Helper()
	w := &world{t: t, now: start, counted: map[string]int{}}
	w.reads, w.hits, w.images = &fakeReads{t: t, known: map[string]plate.ID{}}, &fakeHits{t: t, seen: map[plate.ID]bool{}}, &fakeImages{t: t}
	w.options = Options{
		DB: d, Agencies: fakeAgencies{}, Reads: w.reads, Hits: w.hits, Images: w.images,
		Keep: func(string) time.Duration { return 30 * 24 * time.Hour },
		Observe: func(_ plate.Dialect, what string, n int) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.counted[what] += n
		},
		Now:     func() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.now },
		Elapsed: func() time.Duration { w.mu.Lock(); defer w.mu.Unlock(); return w.steady },
	}
	w.restart()
	return w
}

// restart begins anew over the same store.
func (w *world) restart() {
	w.t.Helper()
	var err error
	w.Service, err = New(w.t.Context(), w.options)
	must(w.t, err)
}

// pass lets time pass, on every clock.
func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now, w.steady = w.now.Add(d), w.steady+d
}

// jump sets the server's clock, while no time passes.
func (w *world) jump(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func openSQLite(t testing.TB) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"))
	must(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

// onBoth runs a test on SQLite and on PostgreSQL.
func onBoth(t *testing.T, test func(t *testing.T, w *world)) {
	t.Run("SQLite", func(t *testing.T) { test(t, newWorld(t, openSQLite(t))) })
	t.Run("PostgreSQL", func(t *testing.T) {
		d, err := db.Open(t.Context(), pgtest.DSN(t))
		must(t, err)
		t.Cleanup(func() { d.Close() })
		test(t, newWorld(t, d))
	})
}

// add puts a camera into the registry, behind the gate's back.
func (w *world) add(c plate.Camera, secret []byte) plate.Camera {
	w.t.Helper()
	w.made++
	c.ID, c.Owner, c.Name = fmt.Sprintf("01kq%022d", w.made), owner, fmt.Sprintf("Camera %d", w.made)
	if c.Place == (geo.Point{}) {
		c.Place = geo.Point{Lon: -896500000, Lat: 397500000}
	}
	must(w.t, w.DB.Write(w.t.Context(), func(tx *sql.Tx) error { return insertCamera(tx, c, secret, w.Now()) }))
	return c
}

// signer is a camera that signs.
type signer struct {
	plate.Camera
	w        *world
	key      ed25519.PrivateKey
	sequence uint64
}

func (w *world) signer(c plate.Camera) *signer {
	w.t.Helper()
	public, key, err := ed25519.GenerateKey(nil)
	must(w.t, err)
	c.Speaks, c.Key = plate.Signed, public
	return &signer{w.add(c, nil), w, key, 0}
}

func (s *signer) batch(reads ...Sighting) Batch {
	s.sequence++
	return Batch{Camera: s.ID, Sequence: s.sequence, Sent: s.w.Now(), Reads: reads}
}

func (s *signer) post(b Batch) Post {
	body, signature := b.Sign(s.key)
	return Post{Camera: s.ID, Signature: signature, Type: MediaProtobuf, Length: int64(len(body)), Body: bytes.NewReader(body)}
}

func (s *signer) send(b Batch) (Result, error) { return s.w.TakeBatch(s.w.t.Context(), s.post(b)) }

func (w *world) shows(c plate.Camera, token string) plate.Camera {
	hash := identity.TokenHash(token)
	return w.add(c, hash[:])
}

func (w *world) posts(token, media string, body []byte) (Result, error) {
	return w.TakePost(w.t.Context(), Post{Token: token, Type: media, Length: int64(len(body)), Body: bytes.NewReader(body)})
}

// seen is a sighting some time before now.
func (w *world) seen(text string, ago time.Duration) Sighting {
	return sighting(text, w.Now().Add(-ago))
}

func (w *world) status(id string) Status {
	w.t.Helper()
	all, err := w.Statuses(w.t.Context(), owner)
	must(w.t, err)
	for _, s := range all {
		if s.ID == id {
			return s
		}
	}
	w.t.Fatalf("no camera %s", id)
	return Status{}
}

// fakeReads keeps reads as plate/reads does, and fails the test when intake
// hands it what it must not.
type fakeReads struct {
	t     testing.TB
	mu    sync.Mutex
	known map[string]plate.ID
	kept  []plate.Read
	fail  error // of the next Append
	lost  bool  // with fail: the reads are kept all the same
	slow  chan struct{}
}

func (f *fakeReads) Append(ctx context.Context, reads []plate.Read) (ids []plate.ID, fresh []bool, err error) {
	if f.slow != nil {
		<-f.slow
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	refused, _ := f.fail.(Refused)
	if f.fail != nil && refused == nil && !f.lost {
		err, f.fail = f.fail, nil
		return nil, nil, err
	}
	for i, r := range reads {
		if refused[i] != nil {
			ids, fresh = append(ids, 0), append(fresh, false)
			continue
		}
		switch {
		case r.Owner != owner || r.Camera == "" || r.ID != 0:
			f.t.Errorf("read of %q by %q with id %d", r.Owner, r.Camera, r.ID)
		case r.Seen != r.Seen.UTC().Truncate(time.Millisecond) || r.Received.IsZero():
			f.t.Errorf("seen %v, received %v", r.Seen, r.Received)
		case r.Place == geo.Point{}:
			f.t.Error("a read without a place")
		}
		key := fmt.Sprintf("%s event %s", r.Camera, r.Event)
		if r.Event == "" {
			key = fmt.Sprintf("%s %d %s", r.Camera, r.Seen.UnixMilli(), r.Text)
		}
		id, known := f.known[key]
		if !known {
			id = plate.IDAt(r.Seen) + plate.ID(len(f.kept)+1)
			f.known[key], r.ID = id, id
			f.kept = append(f.kept, r)
		}
		ids, fresh = append(ids, id), append(fresh, !known)
	}
	err, f.fail = f.fail, nil
	if err != nil && refused == nil {
		return nil, nil, err
	}
	return ids, fresh, err
}

type fakeHits struct {
	t    testing.TB
	mu   sync.Mutex
	seen map[plate.ID]bool
	fail error
}

func (f *fakeHits) Seen(_ context.Context, reads []plate.Read) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		err := f.fail
		f.fail = nil
		return err
	}
	for _, r := range reads {
		if r.ID == 0 {
			f.t.Error("a hit is looked for on a read without id")
		}
		f.seen[r.ID] = true
	}
	return nil
}

type fakeImages struct {
	t             testing.TB
	mu            sync.Mutex
	clear, sealed [][]byte
	types         []string
	fail          error
}

func (f *fakeImages) Keep(_ context.Context, of string, seen time.Time, mediaType string, picture []byte) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if of != owner || seen.IsZero() {
		f.t.Errorf("a picture of %q seen %v", of, seen)
	}
	f.clear, f.types = append(f.clear, picture), append(f.types, mediaType)
	return fmt.Sprintf("clear%d", len(f.clear)), f.fail
}

func (f *fakeImages) KeepSealed(_ context.Context, of string, _ time.Time, age []byte) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sealed = append(f.sealed, age)
	return fmt.Sprintf("sealed%d", len(f.sealed)), f.fail
}

// fakeAgencies suspends one agency.
type fakeAgencies struct{}

func (fakeAgencies) AgencyFacts(_ context.Context, ori string) (gate.AgencyFacts, error) {
	if ori == "IL0169999" {
		return gate.AgencyFacts{Status: "suspended"}, nil
	}
	return gate.AgencyFacts{Status: "active"}, nil
}

func wants(t testing.TB, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("got error %v, want %v", err, target)
	}
}
