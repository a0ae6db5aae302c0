package gate_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/identity"
	"porchlight/internal/dbtest"
	"porchlight/ledger"
	"porchlight/policy"
)

// fakeLog is a strict log in memory. Its faults come in pairs: an append that
// fails and is not there, and one that fails and is.
type fakeLog struct {
	mu      sync.Mutex
	entries []ledger.Entry
	fault   func(ledger.Entry) (kept bool, err error)
}

func (l *fakeLog) Append(_ context.Context, e ledger.Entry) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if parsed, err := ledger.ParseEntry(e.Bytes()); err != nil || len(parsed.Bytes()) == 0 {
		return 0, fmt.Errorf("the gate appended what cannot be parsed: %w", err)
	}
	kept, err := true, error(nil)
	if l.fault != nil {
		kept, err = l.fault(e)
	}
	if kept {
		l.entries = append(l.entries, e)
	}
	return uint64(len(l.entries) - 1), err
}

func (l *fakeLog) Entries(_ context.Context, from uint64) iter.Seq2[ledger.Indexed, error] {
	l.mu.Lock()
	es := slices.Clone(l.entries)
	l.mu.Unlock()
	return func(yield func(ledger.Indexed, error) bool) {
		for i := from; i < uint64(len(es)); i++ {
			if !yield(ledger.Indexed{Index: i, Entry: es[i]}, nil) {
				return
			}
		}
	}
}

func (l *fakeLog) Size(context.Context) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.entries)), nil
}

func (l *fakeLog) Receipt(_ context.Context, i uint64, ds ...ledger.Disclosure) (ledger.Receipt, error) {
	return ledger.Receipt{Entry: l.entries[i], Disclosures: ds}, nil
}

// actions lists what the log holds, in order.
func (l *fakeLog) actions() (out []string) {
	for e, _ := range l.Entries(context.Background(), 0) {
		s := e.Entry.Act.Action
		if !e.Entry.Decision.Permit {
			s += " denied"
		}
		out = append(out, s)
	}
	return out
}

// rules permits everything but what "deny" says.
type rules struct{ deny string }

func (r *rules) Decide(q policy.Question) policy.Verdict {
	v := policy.Verdict{Permit: q.Action != r.deny, Packs: map[string]string{"base": "00"}}
	v.Rules = []policy.Rule{{ID: "base.test"}}
	return v
}

func (r *rules) Rule(id string) (policy.Rule, bool) {
	return policy.Rule{ID: id, Plain: map[string]string{"en": "Not today."}}, id == "base.test"
}

// passkeys signs by echoing the challenge.
type passkeys struct{}

func (passkeys) Challenge(_ context.Context, person string, _ identity.Bytes, act []byte) (identity.Challenge, error) {
	c := identity.Challenge{Nonce: [32]byte(ledger.NewSalt())}
	sum := sha256.Sum256(append(c.Nonce[:], act...))
	c.Options, _ = json.Marshal(sum[:])
	return c, nil
}

func (passkeys) VerifySignature(_ context.Context, person string, nonce [32]byte, act, assertion []byte) (identity.Signed, error) {
	sum := sha256.Sum256(append(nonce[:], act...))
	want, _ := json.Marshal(sum[:])
	if string(assertion) != string(want) {
		return identity.Signed{}, identity.ErrSignature
	}
	return identity.Signed{Nonce: nonce[:], Signature: sum[:]}, nil
}

type agencies struct{}

func (agencies) AgencyFacts(context.Context, string) (gate.AgencyFacts, error) {
	return gate.AgencyFacts{Kind: "municipal", Status: "active", State: "IL"}, nil
}

type world struct {
	*gate.Gate
	source string
	log    *fakeLog
	rules  *rules
	now    time.Time
}

func TestMain(m *testing.M) { dbtest.Main(m, ".") }

func newWorld(t *testing.T) *world {
	w := &world{source: dbtest.Source(t), log: &fakeLog{}, rules: &rules{}, now: time.Date(2026, 11, 22, 5, 7, 9, 0, time.UTC)}
	w.open(t)
	return w
}

// open starts the program anew over the same files and log.
func (w *world) open(t *testing.T) {
	t.Helper()
	if w.Gate != nil {
		w.DB.Close()
	}
	d, err := db.Open(t.Context(), w.source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	if err := d.Migrate(t.Context(), "test", []string{`CREATE TABLE effects (act TEXT PRIMARY KEY)`}); err != nil {
		t.Fatal(err)
	}
	w.Gate, err = gate.New(t.Context(), gate.Options{
		DB: d, Log: w.log, Policy: w.rules, Signatures: passkeys{}, Agencies: agencies{},
		Now: func() time.Time { return w.now },
	})
	if err != nil {
		t.Fatal(err)
	}
}

// effect is what an act does in these tests.
func effect(tx *sql.Tx, g *gate.Grant) error {
	_, err := tx.Exec(`INSERT INTO effects (act) VALUES (?)`, g.ActID)
	return err
}

func (w *world) effects(t *testing.T) (n int) {
	t.Helper()
	if err := w.DB.Read().QueryRow(`SELECT count(*) FROM effects`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func shareAct() gate.Act {
	return gate.Act{
		Action: "submission.share", Role: identity.RoleResident,
		By:      gate.Caller{Who: identity.Resident(), ActID: gate.NewActID()},
		Objects: []string{"item-1", "request-1"},
		Public:  map[string]string{"request": "request-1"}, Private: map[string]string{"item": "item-1"},
	}
}

func viewAct() gate.Act {
	return gate.Act{
		Action: "item.view", Role: identity.RoleCustodian,
		By:      gate.Caller{Who: identity.Principal{PersonID: "p1", Agency: "IL0990100", Roles: []identity.Role{identity.RoleCustodian}}, ActID: gate.NewActID()},
		Objects: []string{"item-1"},
	}
}

func TestPermitIsRecordedBeforeItHappens(t *testing.T) {
	w := newWorld(t)
	a := shareAct()
	g, err := w.Do(t.Context(), a, func(tx *sql.Tx, g *gate.Grant) error {
		if got := w.log.actions(); !slices.Equal(got, []string{"submission.share"}) {
			t.Errorf("effect ran with the log at %v", got)
		}
		return effect(tx, g)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Covers("submission.share", "item-1"); err != nil {
		t.Error(err)
	}
	for _, c := range [][2]string{{"item.view", "item-1"}, {"submission.share", "item-2"}} {
		if g.Covers(c[0], c[1]) == nil {
			t.Errorf("the grant covers %v", c)
		}
	}
	if (*gate.Grant)(nil).Covers("item.view", "item-1") == nil {
		t.Error("a nil grant covers something")
	}
	again, err := w.Do(t.Context(), a, effect)
	if err != nil || !again.Replayed || again.Index != g.Index {
		t.Errorf("repeat: %+v, %v", again, err)
	}
	if n := w.effects(t); n != 1 || len(w.log.actions()) != 1 {
		t.Errorf("%d effects, log %v", n, w.log.actions())
	}
	other := a
	other.Private = map[string]string{"item": "item-2"}
	if _, err := w.Do(t.Context(), other, effect); !errors.Is(err, gate.ErrActConflict) {
		t.Errorf("another act under the same id: %v", err)
	}
}

func TestRefusalIsRecordedAndHasNoEffect(t *testing.T) {
	w := newWorld(t)
	w.rules.deny = "submission.share"
	a := shareAct()
	for range 2 {
		_, err := w.Do(t.Context(), a, effect)
		var r *gate.Refusal
		if !errors.As(err, &r) || r.Rules[0].Plain["en"] != "Not today." || r.Index != 0 {
			t.Fatalf("%v", err)
		}
	}
	if got := w.log.actions(); !slices.Equal(got, []string{"submission.share denied"}) || w.effects(t) != 0 {
		t.Errorf("log %v, %d effects", got, w.effects(t))
	}
}

func TestPersonsSign(t *testing.T) {
	w := newWorld(t)
	a := viewAct()
	ask := func() *gate.SignatureRequired {
		t.Helper()
		_, err := w.Do(t.Context(), a, effect)
		var s *gate.SignatureRequired
		if !errors.As(err, &s) {
			t.Fatalf("%v", err)
		}
		return s
	}
	old := ask()
	s := ask() // asking again makes the first challenge void
	a.By.Assertion = old.Options
	if _, err := w.Do(t.Context(), a, effect); !errors.Is(err, identity.ErrSignature) {
		t.Fatalf("an older challenge: %v", err)
	}
	a.By.Assertion = s.Options
	stolen := a
	stolen.By.Who.PersonID = "p2"
	if _, err := w.Do(t.Context(), stolen, effect); !errors.Is(err, gate.ErrActConflict) {
		t.Fatalf("somebody else's challenge: %v", err)
	}
	if len(w.log.actions()) != 0 {
		t.Fatal("recorded before it was signed")
	}
	g, err := w.Do(t.Context(), a, effect)
	if err != nil {
		t.Fatal(err)
	}
	rec, err := w.At(t.Context(), g.Index)
	if err != nil || rec.Entry.Signature == nil || rec.Private(gate.PrivatePerson) != "p1" {
		t.Fatalf("%+v, %v", rec, err)
	}
	for _, d := range rec.Disclosures {
		want := rec.Entry.Act.Private[d.Name]
		if d.Name == gate.PrivateSignature {
			want = *rec.Entry.Signature
		}
		if d.Commitment() != want {
			t.Errorf("%s does not open its commitment", d.Name)
		}
	}

	b := viewAct()
	a = b
	s = ask()
	w.now = w.now.Add(gate.SignWithin + time.Second)
	a.By.Assertion = s.Options
	ask() // too late: a new challenge
}

// What the act says may change between asking and signing; nothing that was not
// shown is ever recorded.
func TestChangedWhileBeingSigned(t *testing.T) {
	w := newWorld(t)
	a := viewAct()
	a.Private = map[string]string{"chain": "1 2"}
	var s *gate.SignatureRequired
	if _, err := w.Do(t.Context(), a, effect); !errors.As(err, &s) {
		t.Fatal(err)
	}
	a.Private = map[string]string{"chain": "1 2 3"}
	a.By.Assertion = s.Options
	if _, err := w.Do(t.Context(), a, effect); !errors.As(err, &s) {
		t.Fatalf("signed what was not shown: %v", err)
	}
	a.By.Assertion = s.Options
	g, err := w.Do(t.Context(), a, effect)
	if err != nil {
		t.Fatal(err)
	}
	if rec, err := w.At(t.Context(), g.Index); err != nil || rec.Private("chain") != "1 2 3" {
		t.Errorf("%+v, %v", rec, err)
	}
}

func TestWithoutTheRole(t *testing.T) {
	w := newWorld(t)
	a := shareAct()
	a.Role = identity.RoleCustodian
	g, err := w.Do(t.Context(), a, effect)
	if err != nil {
		t.Fatal(err)
	}
	if rec, _ := w.At(t.Context(), g.Index); rec.Entry.Act.Actor != "resident" {
		t.Errorf("acted as %s", rec.Entry.Act.Actor)
	}
	a = shareAct()
	a.By.Who.Roles = nil
	if _, err := w.Do(t.Context(), a, effect); !errors.Is(err, gate.ErrRole) {
		t.Error(err)
	}
	a = shareAct()
	a.By.ActID = "not a ulid"
	if _, err := w.Do(t.Context(), a, effect); !errors.Is(err, gate.ErrActID) {
		t.Error(err)
	}
}

func TestFailedEffectIsVoided(t *testing.T) {
	w := newWorld(t)
	mine := errors.New("race lost")
	a := shareAct()
	_, err := w.Do(t.Context(), a, func(tx *sql.Tx, g *gate.Grant) error {
		if err := effect(tx, g); err != nil {
			return err
		}
		return mine
	})
	if !errors.Is(err, mine) || w.effects(t) != 0 {
		t.Fatalf("%v, %d effects", err, w.effects(t))
	}
	if got := w.log.actions(); !slices.Equal(got, []string{"submission.share", "act.void"}) {
		t.Errorf("log %v", got)
	}
	if of := w.log.entries[1].Act.Public["of"]; of != "0" {
		t.Errorf("void of %s", of)
	}
	if _, err := w.Do(t.Context(), a, effect); !errors.Is(err, gate.ErrVoided) {
		t.Errorf("repeat: %v", err)
	}
	h, err := w.History(t.Context(), "item-1")
	if err != nil || len(h) != 2 || h[0].Outcome != "void" || h[1].Entry.Act.Action != "act.void" {
		t.Errorf("history %+v, %v", h, err)
	}
}

func TestLogThatRefusesLeavesNothing(t *testing.T) {
	w := newWorld(t)
	w.log.fault = func(ledger.Entry) (bool, error) { return false, errors.New("disk full") }
	a := shareAct()
	if _, err := w.Do(t.Context(), a, effect); err == nil {
		t.Fatal("no error")
	}
	w.log.fault = nil
	if _, err := w.Do(t.Context(), a, effect); err != nil {
		t.Fatalf("retry with the same id: %v", err)
	}
	if n := w.effects(t); n != 1 {
		t.Errorf("%d effects", n)
	}
}

func TestUnpublishedIsSettledByTheRepeat(t *testing.T) {
	w := newWorld(t)
	w.log.fault = func(ledger.Entry) (bool, error) { return true, ledger.ErrUnpublished }
	a := shareAct()
	if _, err := w.Do(t.Context(), a, effect); !errors.Is(err, gate.ErrUnsettled) || w.effects(t) != 0 {
		t.Fatalf("%v", err)
	}
	w.log.fault = nil
	if g, err := w.Do(t.Context(), a, effect); err != nil || g.Index != 0 {
		t.Fatalf("%+v, %v", g, err)
	}
	if len(w.log.actions()) != 1 || w.effects(t) != 1 {
		t.Errorf("log %v, %d effects", w.log.actions(), w.effects(t))
	}
}

// An effect failed, and whether its void reached the log was not known: the act
// stays void however it is asked for again, and Settle closes what is left.
func TestVoidThatIsNotKnown(t *testing.T) {
	for _, kept := range []bool{true, false} {
		w := newWorld(t)
		a := shareAct()
		w.log.fault = func(e ledger.Entry) (bool, error) {
			if e.Act.Action == "act.void" {
				return kept, ledger.ErrUnpublished
			}
			return true, nil
		}
		broken := func(*sql.Tx, *gate.Grant) error { return errors.New("the disk is full") }
		if _, err := w.Do(t.Context(), a, broken); err == nil {
			t.Fatal("the effect did not fail")
		}
		w.log.fault = nil
		want := map[bool]error{true: gate.ErrVoided, false: gate.ErrUnsettled}[kept]
		if _, err := w.Do(t.Context(), a, effect); !errors.Is(err, want) || w.effects(t) != 0 {
			t.Errorf("void kept %t, act repeated: %v, %d effects", kept, err, w.effects(t))
		}
		if n, err := w.Settle(t.Context()); n != 0 || err != nil {
			t.Errorf("settled %d young acts, %v", n, err)
		}
		w.now = w.now.Add(time.Hour)
		if _, err := w.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		var open int
		if err := w.DB.Read().QueryRow(`SELECT count(*) FROM acts WHERE state = 'decided'`).Scan(&open); err != nil || kept && open != 0 {
			t.Errorf("void kept %t: %d acts open, %v", kept, open, err)
		}
		if _, err := w.Do(t.Context(), a, effect); kept && !errors.Is(err, gate.ErrVoided) || w.effects(t) != 0 {
			t.Errorf("void kept %t, act repeated later: %v, %d effects", kept, err, w.effects(t))
		}
		w.open(t)
		if _, _, err := w.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Do(t.Context(), a, effect); !errors.Is(err, gate.ErrVoided) || len(w.log.actions()) != 2 {
			t.Errorf("void kept %t, after a start: %v, log %v", kept, err, w.log.actions())
		}
	}
}

// Settle voids what stands open without a restart, once nobody repeats it.
func TestSettle(t *testing.T) {
	w := newWorld(t)
	w.log.fault = func(ledger.Entry) (bool, error) { return true, ledger.ErrUnpublished }
	a := shareAct()
	if _, err := w.Do(t.Context(), a, effect); !errors.Is(err, gate.ErrUnsettled) {
		t.Fatal(err)
	}
	w.log.fault = nil
	w.now = w.now.Add(time.Hour)
	if n, err := w.Settle(t.Context()); n != 1 || err != nil {
		t.Fatalf("settled %d, %v", n, err)
	}
	if _, err := w.Do(t.Context(), a, effect); !errors.Is(err, gate.ErrVoided) || !slices.Equal(w.log.actions(), []string{"submission.share", "act.void"}) {
		t.Errorf("%v, log %v", err, w.log.actions())
	}
}

// TestRecover crashes with the entry in the log, with it not in the log, and in
// the middle of a void, and starts again.
func TestRecover(t *testing.T) {
	w := newWorld(t)
	if _, err := w.Do(t.Context(), shareAct(), effect); err != nil {
		t.Fatal(err)
	}
	for _, kept := range []bool{true, false} {
		w.log.fault = func(ledger.Entry) (bool, error) { return kept, ledger.ErrUnpublished }
		w.Do(t.Context(), shareAct(), effect)
	}
	w.rules.deny = "item.view"
	w.log.fault = func(ledger.Entry) (bool, error) { return true, ledger.ErrUnpublished }
	denied := shareAct()
	denied.Action = "item.view"
	w.Do(t.Context(), denied, effect)

	w.open(t)
	// The first recovery crashes after its void entry reached the log.
	if _, _, err := w.Recover(t.Context()); err == nil {
		t.Fatal("recovery did not notice the fault")
	}
	w.log.fault = nil
	w.open(t)
	forgotten, voided, err := w.Recover(t.Context())
	if err != nil || forgotten > 1 || voided != 0 {
		t.Fatalf("forgotten %d, voided %d, %v", forgotten, voided, err)
	}
	if got := w.log.actions(); !slices.Equal(got, []string{"submission.share", "submission.share", "item.view denied", "act.void"}) {
		t.Errorf("log %v", got)
	}
	h, err := w.History(t.Context(), "item-1")
	if err != nil {
		t.Fatal(err)
	}
	var outcomes []string
	for _, r := range h {
		outcomes = append(outcomes, r.Outcome)
	}
	if !slices.Equal(outcomes, []string{"done", "void", "denied", "done"}) || w.effects(t) != 1 {
		t.Errorf("outcomes %v, %d effects", outcomes, w.effects(t))
	}
}

func TestConcurrentRepeatsActOnce(t *testing.T) {
	w := newWorld(t)
	a := shareAct()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := w.Do(t.Context(), a, effect); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(w.log.actions()) != 1 || w.effects(t) != 1 {
		t.Errorf("log %v, %d effects", w.log.actions(), w.effects(t))
	}
}

func TestPurgeForgetsPrivateValues(t *testing.T) {
	w := newWorld(t)
	a := shareAct()
	a.KeepUntil = w.now.Add(time.Hour)
	g, err := w.Do(t.Context(), a, effect)
	if err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(2 * time.Hour)
	if n, err := w.Purge(t.Context()); err != nil || n == 0 {
		t.Fatal(n, err)
	}
	rec, err := w.At(t.Context(), g.Index)
	if err != nil || len(rec.Disclosures) != 0 {
		t.Errorf("%+v, %v", rec.Disclosures, err)
	}
}

// What the world must be able to check outlasts retention, if it was permitted.
func TestOpenValues(t *testing.T) {
	w := newWorld(t)
	disclosed := func(index uint64, ask ...string) (names []string) {
		t.Helper()
		r, err := w.Receipt(t.Context(), index, ask...)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range r.Disclosures {
			names = append(names, d.Name)
		}
		return names
	}
	do := func() (uint64, error) {
		t.Helper()
		a := viewAct()
		a.Open, a.KeepUntil = []string{gate.PrivateSignature}, w.now.Add(time.Hour)
		_, err := w.Do(t.Context(), a, effect)
		var s *gate.SignatureRequired
		if !errors.As(err, &s) {
			t.Fatal(err)
		}
		a.By.Assertion = s.Options
		g, err := w.Do(t.Context(), a, effect)
		var r *gate.Refusal
		if errors.As(err, &r) {
			return r.Index, nil
		}
		return g.Index, err
	}
	permitted, err := do()
	if err != nil {
		t.Fatal(err)
	}
	w.rules.deny = viewAct().Action
	denied, err := do()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := disclosed(permitted); !slices.Equal(got, []string{"signature"}) {
			t.Errorf("the permitted act discloses %v", got)
		}
		if got := disclosed(denied); len(got) != 0 {
			t.Errorf("the denied act discloses %v", got)
		}
		w.now = w.now.Add(2 * time.Hour)
		if _, err := w.Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := disclosed(permitted, "signature", "person"); !slices.Equal(got, []string{"signature"}) {
		t.Errorf("after the purge: %v", got)
	}
}
