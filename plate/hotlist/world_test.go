package hotlist

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"porchlight/gate"
	"porchlight/identity"
	"porchlight/internal/dbtest"
	"porchlight/internal/gatetest"
	"porchlight/ledger"
	"porchlight/plate"
	"porchlight/purpose"
)

const (
	city     = gatetest.City
	sheriff  = gatetest.Sheriff
	texas    = "TX0150000" // municipal, Texas
	fbi      = gatetest.Federal
	neighbor = "IL0160200" // lets everybody have its reads
)

func TestMain(m *testing.M) { dbtest.Main(m, ".") }

// world is a gate with the service before it, and owners who share or do not.
type world struct {
	*gatetest.World
	*Service

	mu    sync.Mutex
	lets  map[string]bool // owner + " " + agency
	reads plate.ID
}

func (w *world) Lets(_ context.Context, owner, agency string) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lets[owner+" "+agency], nil
}

func newWorld(t *testing.T) *world {
	t.Helper()
	t.Parallel() // most of the time goes into waiting for the ledger
	w := &world{
		World: gatetest.New(t, gatetest.Options{Start: noon}),
		lets:  map[string]bool{neighbor + " " + city: true, neighbor + " " + texas: true},
	}
	w.Stand(texas, gate.AgencyFacts{Kind: "municipal", Status: "active", State: "TX"})
	w.Stand(neighbor, gate.AgencyFacts{Kind: "municipal", Status: "active", State: "IL"})
	var err error
	w.Service, err = New(t.Context(), Options{DB: w.DB, Gate: w.Gate, Agencies: w, People: w.World.People, Purposes: purpose.Classes, Sharing: w, Poll: 20 * time.Millisecond, Now: w.Now})
	must(t, err)
	w.Enrol("ida", city, identity.RoleInvestigator)
	w.Enrol("ivo", city, identity.RoleInvestigator)
	w.Enrol("ada", city, identity.RoleAdmin)
	w.Enrol("sam", sheriff, identity.RoleInvestigator)
	w.Enrol("tex", texas, identity.RoleInvestigator)
	w.Enrol("fay", fbi, identity.RoleInvestigator)
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// act runs one act of a person, signing when asked; and once more, as a client
// that lost the answer does.
func act[T any](w *world, id string, do func(gate.Caller) (T, error)) (T, error) {
	w.T.Helper()
	var last gate.Caller
	out, err := gatetest.As(w.World, id, func(by gate.Caller) (T, error) {
		last = by
		return do(by)
	})
	if err == nil && last.Assertion != nil {
		if _, again := do(last); again != nil {
			w.T.Errorf("the repeat of an act: %v", again)
		}
	}
	return out, err
}

func (w *world) create(id string, n NewList) List {
	w.T.Helper()
	l, err := act(w, id, func(by gate.Caller) (List, error) {
		l, _, err := w.Create(context.Background(), by, n)
		return l, err
	})
	must(w.T, err)
	return l
}

func (w *world) add(id string, l List, d Draft) (Entry, error) {
	w.T.Helper()
	return act(w, id, func(by gate.Caller) (Entry, error) {
		e, _, err := w.Add(context.Background(), by, l.ID, d)
		return e, err
	})
}

func (w *world) stolen(plate string) Draft {
	return Draft{Plate: plate, Reason: StolenVehicle, Basis: "Report of theft by the owner", Case: "26-100", Expires: w.Now().Add(10 * 24 * time.Hour)}
}

func (w *world) countersign(id string, l List, entry string) error {
	w.T.Helper()
	_, err := act(w, id, func(by gate.Caller) (*gate.Grant, error) {
		return w.Countersign(context.Background(), by, l.ID, entry)
	})
	return err
}

func (w *world) resolve(id, hit string, o Outcome, note string) (Hit, error) {
	w.T.Helper()
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
	now := w.Now()
	return plate.Read{ID: plate.IDAt(now) + w.reads, Owner: owner, Camera: "cam-" + owner, Text: text, Confidence: 900, Seen: now, Received: now}
}

// seen gives reads to the service and raises what they hit, as Run does.
func (w *world) seen(rs ...plate.Read) {
	w.T.Helper()
	must(w.T, w.Seen(context.Background(), rs))
	for _, id := range w.fresh.take() {
		must(w.T, w.raise(context.Background(), id))
	}
}

// hits of a person's agency, opened and unopened, as "plate count".
func (w *world) queue(id string) (out []string) {
	w.T.Helper()
	hs, err := w.Hits(context.Background(), w.Who[id], false)
	must(w.T, err)
	for _, h := range hs {
		out = append(out, fmt.Sprintf("%s %d", h.Text, h.Count))
	}
	slices.Sort(out)
	return out
}

func (w *world) only(id string) Hit {
	w.T.Helper()
	hs, err := w.Hits(context.Background(), w.Who[id], false)
	must(w.T, err)
	if len(hs) != 1 {
		w.T.Fatalf("%d hits of %s, want one", len(hs), id)
	}
	h, err := w.Hit(context.Background(), w.Who[id], hs[0].ID)
	must(w.T, err)
	return h
}

// acts are the entries of an action, permitted or not.
func (w *world) acts(action string, permit bool) (out []ledger.Entry) {
	w.T.Helper()
	for e, err := range w.Log.Entries(context.Background(), 0) {
		must(w.T, err)
		if e.Entry.Act.Action == action && e.Entry.Decision.Permit == permit {
			out = append(out, e.Entry)
		}
	}
	return out
}
