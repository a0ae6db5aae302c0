package hotlist

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"porchlight/gate"
	"porchlight/identity"
	"porchlight/internal/dbtest"
	"porchlight/internal/softkey"
	"porchlight/ledger"
	"porchlight/plate"
	"porchlight/policy"
	"porchlight/purpose"

	"golang.org/x/mod/sumdb/note"
)

const (
	site     = "https://exchange.example"
	city     = "IL0160000" // municipal, Illinois
	sheriff  = "IL0160100" // county, Illinois
	texas    = "TX0150000" // municipal, Texas
	fbi      = "ILFBI0100" // federal
	neighbor = "IL0160200" // lets everybody have its reads
)

func TestMain(m *testing.M) { dbtest.Main(m, ".") }

// world is an exchange with a real database, ledger, policy and gate, people
// with software passkeys, a clock to turn, and owners who share or do not.
type world struct {
	*Service
	t      testing.TB
	people *identity.Service
	log    *ledger.Log
	keys   map[string]*softkey.Key
	who    map[string]identity.Principal

	mu       sync.Mutex
	now      time.Time
	agencies map[string]gate.AgencyFacts
	lets     map[string]bool // owner + " " + agency
	reads    plate.ID
}

func (w *world) AgencyFacts(_ context.Context, ori string) (gate.AgencyFacts, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f, ok := w.agencies[ori]
	if !ok {
		return f, errors.New("no such agency")
	}
	return f, nil
}

func (w *world) Lets(_ context.Context, owner, agency string) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lets[owner+" "+agency], nil
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) sleep(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	t.Parallel() // most of the time goes into waiting for the ledger
	d := dbtest.Open(t)
	skey, vkey, err := ledger.GenerateKey("exchange.example/log")
	must(t, err)
	signer, err := note.NewSigner(skey)
	must(t, err)
	ctx := context.Background()
	log, err := ledger.Open(ctx, ledger.Options{Dir: filepath.Join(t.TempDir(), "log"), Signer: signer, LogKey: vkey})
	must(t, err)
	t.Cleanup(func() { log.Close() })
	engine, err := policy.Load(policy.Packs())
	must(t, err)
	active := func(kind, state string) gate.AgencyFacts {
		return gate.AgencyFacts{Kind: kind, Status: "active", State: state}
	}
	w := &world{
		t: t, log: log, keys: map[string]*softkey.Key{}, who: map[string]identity.Principal{}, now: noon,
		agencies: map[string]gate.AgencyFacts{
			city: active("municipal", "IL"), sheriff: active("county", "IL"), texas: active("municipal", "TX"),
			fbi: active("federal", "IL"), neighbor: active("municipal", "IL"),
		},
		lets: map[string]bool{neighbor + " " + city: true, neighbor + " " + texas: true},
	}
	w.people, err = identity.New(ctx, d, identity.Config{Name: "Elm County", BaseURL: site, Now: w.clock})
	must(t, err)
	g, err := gate.New(ctx, gate.Options{DB: d, Log: log, Policy: engine, Signatures: w.people, Agencies: w, Now: w.clock})
	must(t, err)
	w.Service, err = New(ctx, Options{DB: d, Gate: g, Agencies: w, People: w.people, Purposes: purpose.Classes, Sharing: w, Poll: 20 * time.Millisecond, Now: w.clock})
	must(t, err)
	w.enrol("ida", city, identity.RoleInvestigator)
	w.enrol("ivo", city, identity.RoleInvestigator)
	w.enrol("ada", city, identity.RoleAdmin)
	w.enrol("sam", sheriff, identity.RoleInvestigator)
	w.enrol("tex", texas, identity.RoleInvestigator)
	w.enrol("fay", fbi, identity.RoleInvestigator)
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) enrol(id, agency string, roles ...identity.Role) {
	w.t.Helper()
	ctx := context.Background()
	p := identity.Person{ID: id, Name: id, Agency: agency, Roles: roles}
	token, key := identity.NewToken(), softkey.New()
	must(w.t, w.DB.Write(ctx, func(tx *sql.Tx) error {
		if err := w.people.AddPerson(tx, p); err != nil {
			return err
		}
		return w.people.Invite(tx, identity.Invitation{ID: "inv-" + id, Person: id, TokenHash: identity.TokenHash(token), Expires: w.clock().Add(time.Hour)})
	}))
	e, err := w.people.BeginEnrol(ctx, token)
	must(w.t, err)
	res, err := key.Create(e.Options, site)
	must(w.t, err)
	dev, err := w.people.AddPasskey(ctx, token, "key", stripPRF(w.t, res))
	must(w.t, err)
	must(w.t, w.DB.Write(ctx, func(tx *sql.Tx) error { return w.people.FinishEnrol(tx, token, dev.ID, "act-"+id) }))
	w.keys[id], w.who[id] = key, p.Principal()
}

// stripPRF removes the PRF output, as every client must before it sends.
func stripPRF(t testing.TB, response []byte) []byte {
	t.Helper()
	var m map[string]any
	must(t, json.Unmarshal(response, &m))
	if prf, ok := m["clientExtensionResults"].(map[string]any)["prf"].(map[string]any); ok {
		delete(prf, "results")
	}
	out, err := json.Marshal(m)
	must(t, err)
	return out
}

// act runs one act of a person, signing when asked; and once more, as a client
// that lost the answer does.
func act[T any](w *world, id string, do func(gate.Caller) (T, error)) (T, error) {
	w.t.Helper()
	by := gate.Caller{Who: w.who[id], ActID: gate.NewActID()}
	out, err := do(by)
	if ask := (*gate.SignatureRequired)(nil); errors.As(err, &ask) {
		answer, err := w.keys[id].Get(ask.Options, site)
		must(w.t, err)
		by.Assertion = stripPRF(w.t, answer)
		if out, err = do(by); err == nil {
			if _, again := do(by); again != nil {
				w.t.Errorf("the repeat of an act: %v", again)
			}
		}
		return out, err
	}
	return out, err
}

func (w *world) create(id string, n NewList) List {
	w.t.Helper()
	l, err := act(w, id, func(by gate.Caller) (List, error) {
		l, _, err := w.Create(context.Background(), by, n)
		return l, err
	})
	must(w.t, err)
	return l
}

func (w *world) add(id string, l List, d Draft) (Entry, error) {
	w.t.Helper()
	return act(w, id, func(by gate.Caller) (Entry, error) {
		e, _, err := w.Add(context.Background(), by, l.ID, d)
		return e, err
	})
}

func (w *world) stolen(plate string) Draft {
	return Draft{Plate: plate, Reason: StolenVehicle, Basis: "Report of theft by the owner", Case: "26-100", Expires: w.clock().Add(10 * 24 * time.Hour)}
}

func (w *world) countersign(id string, l List, entry string) error {
	w.t.Helper()
	_, err := act(w, id, func(by gate.Caller) (*gate.Grant, error) {
		return w.Countersign(context.Background(), by, l.ID, entry)
	})
	return err
}

func (w *world) resolve(id, hit string, o Outcome, note string) (Hit, error) {
	w.t.Helper()
	return act(w, id, func(by gate.Caller) (Hit, error) {
		h, _, err := w.Resolve(context.Background(), by, hit, o, note)
		return h, err
	})
}

// read is a fresh read of a camera of owner, seen now.
func (w *world) read(owner string, text plate.Text) plate.Read {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads++
	return plate.Read{ID: plate.IDAt(w.now) + w.reads, Owner: owner, Camera: "cam-" + owner, Text: text, Confidence: 900, Seen: w.now, Received: w.now}
}

// seen gives reads to the service and raises what they hit, as Run does.
func (w *world) seen(rs ...plate.Read) {
	w.t.Helper()
	must(w.t, w.Seen(context.Background(), rs))
	for _, id := range w.fresh.take() {
		must(w.t, w.raise(context.Background(), id))
	}
}

// hits of a person's agency, opened and unopened, as "plate count".
func (w *world) queue(id string) (out []string) {
	w.t.Helper()
	hs, err := w.Hits(context.Background(), w.who[id], false)
	must(w.t, err)
	for _, h := range hs {
		out = append(out, fmt.Sprintf("%s %d", h.Text, h.Count))
	}
	slices.Sort(out)
	return out
}

func (w *world) only(id string) Hit {
	w.t.Helper()
	hs, err := w.Hits(context.Background(), w.who[id], false)
	must(w.t, err)
	if len(hs) != 1 {
		w.t.Fatalf("%d hits of %s, want one", len(hs), id)
	}
	h, err := w.Hit(context.Background(), w.who[id], hs[0].ID)
	must(w.t, err)
	return h
}

// acts are the entries of an action, permitted or not.
func (w *world) acts(action string, permit bool) (out []ledger.Entry) {
	w.t.Helper()
	for e, err := range w.log.Entries(context.Background(), 0) {
		must(w.t, err)
		if e.Entry.Act.Action == action && e.Entry.Decision.Permit == permit {
			out = append(out, e.Entry)
		}
	}
	return out
}

func refusedBy(err error) (ids []string) {
	var r *gate.Refusal
	if errors.As(err, &r) {
		for _, rule := range r.Rules {
			ids = append(ids, rule.ID)
		}
	}
	return ids
}
