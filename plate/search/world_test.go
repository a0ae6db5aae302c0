package search

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/geo"
	"porchlight/identity"
	"porchlight/internal/dbtest"
	"porchlight/ledger"
	"porchlight/plate"
	"porchlight/plate/reads"
	"porchlight/plate/sharing"
	"porchlight/policy"
)

const (
	police  = "IL0160000" // Millbrook, whose officers ask
	sheriff = "IL0160100"
	lone    = "TX0010000" // Lone Star Police
	travis  = "TX0020000"
	granite = "NH0010000"
	bureau  = "ILFBI0000"
	hoa     = "ILHOA0000"
)

func TestMain(m *testing.M) { dbtest.Main(m, ".") }

// world is an exchange around the service: real store, policy, gate and reads; a
// log and passkeys in memory; a clock to turn.
type world struct {
	*Service
	t        testing.TB
	log      *memoryLog
	store    *reads.Store
	finds    int // asks that reached the reads
	agencies map[string]plate.Asker
	share    map[string]sharing.Permission // by owner, for everybody else
	barred   map[string]bool               // "agency state"
	cameras  map[string][]plate.Camera
	mu       sync.Mutex
	now      time.Time
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, log: &memoryLog{}, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
		agencies: map[string]plate.Asker{}, share: map[string]sharing.Permission{}, barred: map[string]bool{}, cameras: map[string][]plate.Camera{}}
	for i, a := range []plate.Asker{
		{Agency: police, Name: "Millbrook Police", Kind: "municipal", State: "IL"}, {Agency: sheriff, Name: "Elm County Sheriff", Kind: "county", State: "IL"},
		{Agency: lone, Name: "Lone Star Police", Kind: "municipal", State: "TX"}, {Agency: travis, Name: "Travis Sheriff", Kind: "county", State: "TX"},
		{Agency: granite, Name: "Granite Police", Kind: "municipal", State: "NH"},
		{Agency: bureau, Name: "Federal Bureau", Kind: "federal", State: "IL"}, {Agency: hoa, Name: "Oak HOA", Kind: "private", State: "IL"},
	} {
		a.Status = "active"
		w.agencies[a.Agency] = a
		w.share[a.Agency] = sharing.Permission{Allowed: true, Entry: uint64(1000 + i), Audience: sharing.Agencies}
		for n := range 2 {
			p, _ := geo.NewPoint(-89.6+float64(n)*.01, 39.7)
			w.cameras[a.Agency] = append(w.cameras[a.Agency], plate.Camera{ID: fmt.Sprintf("%s-%d", strings.ToLower(a.Agency), n), Owner: a.Agency, Name: "=Main St", Place: p})
		}
	}
	w.cameras[hoa] = nil
	w.open(dbtest.Source(t), t.TempDir())
	return w
}

var rules = sync.OnceValue(func() *policy.Engine {
	e, err := policy.Load(policy.Packs())
	if err != nil {
		panic(err)
	}
	return e
})

// open opens the exchange over a database, as at its start.
func (w *world) open(source, dir string) {
	w.t.Helper()
	ctx := context.Background()
	d, err := db.Open(ctx, source)
	w.must(err)
	w.t.Cleanup(func() { d.Close() })
	engine := rules()
	g, err := gate.New(ctx, gate.Options{DB: d, Log: w.log, Policy: engine, Signatures: passkeys{}, Agencies: w, Now: w.clock})
	w.must(err)
	keeper, err := NewKeeper(ctx, d, g, w, w.clock)
	w.must(err)
	if w.store == nil {
		w.store, err = reads.Open(ctx, reads.Options{Dir: filepath.Join(dir, "reads"), Keep: func(o string) time.Duration { return w.Keeper.Keep(o) }, Now: w.clock})
		w.must(err)
		w.t.Cleanup(func() { w.store.Close() })
	}
	w.Service, err = New(ctx, Options{DB: d, Gate: g, Policy: engine, Agencies: w, Sharing: w, Cameras: registry{w}, Reads: finder{w}, Days: w.store,
		Keeper: keeper, Key: [32]byte{7}, Now: w.clock})
	w.must(err)
}

// restart is what happens after a crash.
func (w *world) restart() {
	w.t.Helper()
	_, _, err := w.Gate.Recover(context.Background())
	w.must(err)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) AgencyFacts(_ context.Context, ori string) (gate.AgencyFacts, error) {
	a, ok := w.agencies[ori]
	if !ok {
		return gate.AgencyFacts{}, errors.New("no such agency")
	}
	return gate.AgencyFacts{Kind: a.Kind, Status: a.Status, State: a.State}, nil
}

func (w *world) Standing(_ context.Context, ori string) (plate.Asker, bool, error) {
	a, ok := w.agencies[ori]
	return a, ok, nil
}

func (w *world) May(_ context.Context, owner string, asker plate.Asker) (sharing.Permission, error) {
	if asker.Behalf != nil {
		w.t.Error("both at once cannot be told apart by name")
	}
	if _, known := w.agencies[asker.Agency]; !known && asker.Exchange == "" {
		return sharing.Permission{Audience: sharing.Nobody}, nil
	}
	return w.share[owner], nil
}

func (w *world) Restricted(_ context.Context, agency, state string) (bool, error) {
	return w.barred[agency+" "+state], nil
}

func (w *world) Owners(_ context.Context, asker plate.Asker) (list []string, err error) {
	if asker.Exchange == "" {
		list = []string{asker.Agency}
	}
	for _, o := range []string{police, sheriff, lone, travis, granite, bureau, hoa} {
		if o != asker.Agency && w.share[o].Allowed {
			list = append(list, o)
		}
	}
	return list, nil
}

type registry struct{ w *world }

func (r registry) Cameras(_ context.Context, owner string) ([]plate.Camera, error) {
	return r.w.cameras[owner], nil
}

// finder counts what reaches the reads, and fails the test when it asks for an
// owner whose permit is not in the log.
type finder struct{ w *world }

func (f finder) asked(owners []string) {
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	f.w.finds++
	for _, o := range owners {
		if !slices.ContainsFunc(f.w.log.all(), func(e ledger.Entry) bool {
			return e.Act.Action == "search.answer" && e.Act.Public["owner"] == o && e.Decision.Permit
		}) {
			f.w.t.Errorf("the reads of %s were searched without a published permit", o)
		}
	}
}

func (f finder) Find(ctx context.Context, owners []string, q plate.Query, limit int) ([]plate.Read, bool, error) {
	f.asked(owners)
	return f.w.store.Find(ctx, owners, q, limit)
}

func (f finder) Convoy(ctx context.Context, owners []string, q plate.Query, limit int) ([]plate.Companion, bool, error) {
	f.asked(owners)
	return f.w.store.Convoy(ctx, owners, q, limit)
}

func (f finder) Get(ctx context.Context, ids []plate.ID) ([]plate.Read, error) {
	return f.w.store.Get(ctx, ids)
}

// see has a camera of an owner read a plate some time ago.
func (w *world) see(owner string, text plate.Text, ago time.Duration) plate.ID {
	w.t.Helper()
	c := w.cameras[owner][0]
	seen := w.clock().Add(-ago).Truncate(time.Millisecond)
	ids, _, err := w.store.Append(context.Background(), []plate.Read{{Owner: owner, Camera: c.ID, Text: text, Region: "US-IL", Confidence: 900,
		Seen: seen, Received: seen, Place: c.Place, Heading: -1, Vehicle: plate.Vehicle{Make: "=toyota"}}})
	w.must(err)
	return ids[0]
}

// memoryLog publishes at once, unless told otherwise.
type memoryLog struct {
	mu      sync.Mutex
	entries []ledger.Entry
	fault   func(ledger.Entry) (kept bool, err error)
}

func (l *memoryLog) Append(_ context.Context, e ledger.Entry) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fault != nil {
		if kept, err := l.fault(e); err != nil {
			if kept {
				l.entries = append(l.entries, e)
			}
			return 0, err
		}
	}
	l.entries = append(l.entries, e)
	return uint64(len(l.entries) - 1), nil
}

func (l *memoryLog) all() []ledger.Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.entries)
}

func (l *memoryLog) Receipt(_ context.Context, i uint64, ds ...ledger.Disclosure) (ledger.Receipt, error) {
	return ledger.Receipt{Entry: l.all()[i], Disclosures: ds}, nil
}

func (l *memoryLog) Entries(_ context.Context, from uint64) iter.Seq2[ledger.Indexed, error] {
	return func(yield func(ledger.Indexed, error) bool) {
		for i, e := range l.all() {
			if uint64(i) >= from && !yield(ledger.Indexed{Index: uint64(i), Entry: e}, nil) {
				return
			}
		}
	}
}

func (l *memoryLog) Size(context.Context) (uint64, error) { return uint64(len(l.all())), nil }

// count counts the entries of an action with a decision.
func (l *memoryLog) count(action string, permit bool) (n int) {
	for _, e := range l.all() {
		if e.Act.Action == action && e.Decision.Permit == permit {
			n++
		}
	}
	return n
}

type passkeys struct{}

func (passkeys) Challenge(context.Context, string, identity.Bytes, []byte) (identity.Challenge, error) {
	return identity.Challenge{}, nil
}

func (passkeys) VerifySignature(_ context.Context, person string, _ [32]byte, _, assertion []byte) (identity.Signed, error) {
	if string(assertion) != person {
		return identity.Signed{}, identity.ErrSignature
	}
	return identity.Signed{}, nil
}

func officer(name, agency string, roles ...identity.Role) identity.Principal {
	if len(roles) == 0 {
		roles = []identity.Role{identity.RoleInvestigator}
	}
	return identity.Principal{PersonID: name, Name: name, Agency: agency, Roles: roles}
}

var ann, bob = officer("ann", police), officer("bob", police)

// signed is a caller with a fresh act.
func signed(who identity.Principal) gate.Caller { return gate.Caller{Who: who, ActID: gate.NewActID()} }

// do carries out an act: the first try asks for the passkey, the second has it.
func do[T any](by gate.Caller, act func(gate.Caller) (T, error)) (T, error) {
	v, err := act(by)
	var ask *gate.SignatureRequired
	if errors.As(err, &ask) {
		by.Assertion = []byte(by.Who.PersonID)
		return act(by)
	}
	return v, err
}

func (w *world) run(who identity.Principal, ask plate.Ask, approval string) (Result, error) {
	return w.repeat(signed(who), ask, approval)
}

func (w *world) repeat(by gate.Caller, ask plate.Ask, approval string) (Result, error) {
	return do(by, func(c gate.Caller) (Result, error) { return w.Run(context.Background(), c, ask, approval) })
}

// ask is one that needs nobody else.
func (w *world) ask(pattern string) plate.Ask {
	p, err := plate.ParsePattern(pattern)
	w.must(err)
	now := w.clock()
	return plate.Ask{Query: plate.Query{Kind: plate.ByPlate, Plate: p, From: now.Add(-7 * 24 * time.Hour), To: now},
		Case: "26-004711", Offense: "120", Note: "armed robbery of a gas station on Elm Street, silver sedan"}
}

// refused are the rules that refused, sorted; nil when it was something else.
func refused(err error) (ids []string) {
	var r *gate.Refusal
	if errors.As(err, &r) {
		for _, rule := range r.Rules {
			ids = append(ids, rule.ID)
		}
		slices.Sort(ids)
	}
	return ids
}

func byOwner(answers []plate.Answer) map[string]plate.Answer {
	m := map[string]plate.Answer{}
	for _, a := range answers {
		m[a.Owner] = a
	}
	return m
}
