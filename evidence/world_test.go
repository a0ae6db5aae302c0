package evidence

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"porchlight/blob"
	"porchlight/db"
	"porchlight/gate"
	"porchlight/identity"
	"porchlight/internal/dbtest"
	"porchlight/internal/gatetest"
	"porchlight/ledger"
)

const (
	police  = gatetest.City
	sheriff = gatetest.Sheriff
	other   = "IL0169900" // municipal
	federal = gatetest.Federal
)

// world is a gate with the service before it.
type world struct {
	*gatetest.World
	*Service
	source  string
	persons int
}

func TestMain(m *testing.M) { dbtest.Main(m, "^(TestViewEnds|TestHold|TestVoidInChain|TestWalk)$") }

func newWorld(t testing.TB) *world {
	t.Helper()
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	w := &world{source: dbtest.Source(t)}
	d, err := db.Open(ctx, w.source)
	must(err)
	t.Cleanup(func() { d.Close() })
	blobs, err := blob.OpenDir(filepath.Join(t.TempDir(), "blobs"))
	must(err)
	w.World = gatetest.New(t, gatetest.Options{DB: d, Origin: "test.example/porchlight", Start: time.Now().UTC().Truncate(time.Microsecond)})
	w.Stand(other, gate.AgencyFacts{Kind: "municipal", Status: "active", State: "IL"})
	w.Vault[other] = newIdentity(t)
	w.Service, err = New(ctx, Options{
		DB: d, Blobs: blobs, Gate: w.Gate, Agencies: w, Now: w.Now,
		Packaging: Packaging{
			Exchange: ledger.Descriptor{Name: "Test Exchange", Origin: "test.example/porchlight", LogKey: w.LogKey},
			Name: func(_ context.Context, id string) string {
				return map[string]string{police: "Maple Falls Police", sheriff: "Elm County Sheriff"}[id]
			},
			Say: func(_, key string, pairs ...any) string {
				return strings.TrimSuffix(key+" "+fmt.Sprintln(pairs...), "\n")
			},
		},
	})
	must(err)
	return w
}

// person is an enrolled officer with a passkey in software.
type person struct {
	identity.Principal
	w *world
}

func (w *world) officer(agency string, roles ...identity.Role) *person {
	w.T.Helper()
	w.persons++
	id := fmt.Sprintf("person-%d", w.persons)
	w.Enrol(id, agency, roles...)
	return &person{w.Who[id], w}
}

// sign carries out an act as a person.
func sign[T any](p *person, act func(gate.Caller) (T, error)) (T, error) {
	p.w.T.Helper()
	return gatetest.As(p.w.World, p.PersonID, act)
}

// done is sign for what must succeed.
func done[T any](p *person, act func(gate.Caller) (T, error)) T {
	p.w.T.Helper()
	v, err := sign(p, act)
	if err != nil {
		p.w.T.Fatal(err)
	}
	return v
}

// clip is what a resident shared, and what only she and the vault know.
type clip struct {
	id     string
	plain  []byte
	file   []byte // age file
	salt   ledger.Salt
	header []byte
}

var consentJSON = Consent(`{"text":"I share this clip with Maple Falls Police <for this case only>.","language":"en","identity":"through-porchlight","version":"1"}`)

// share hands a clip over as package share does.
func (w *world) share(plain []byte) clip {
	w.T.Helper()
	ctx := context.Background()
	c := clip{id: gate.NewActID(), plain: plain, salt: ledger.NewSalt()}
	c.file = seal(w.T, plain, w.Vault[police].Recipient())
	r := bufio.NewReader(bytes.NewReader(c.file))
	var err error
	if c.header, err = SplitHeader(r); err != nil {
		w.T.Fatal(err)
	}
	payload, _ := io.ReadAll(r)
	if _, err := w.Blobs.Append(ctx, "blob-"+c.id, 0, bytes.NewReader(payload)); err != nil {
		w.T.Fatal(err)
	}
	sum := func(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }
	letter := seal(w.T, []byte(`{"filename":"front.mp4"}`), w.Vault[police].Recipient())
	it := Item{
		ID: c.id, Request: "request-1", Agency: police, CiphertextSHA256: sum(c.file), PayloadSHA256: sum(payload), Size: int64(len(payload)),
		Blob: "blob-" + c.id, Owner: "owner-1", Consent: consentJSON,
	}
	_, err = w.Gate.Do(ctx, gate.Act{
		Action: "submission.share", By: gate.Caller{Who: identity.Resident(), ActID: gate.NewActID()}, Role: identity.RoleResident,
		Objects: []string{it.Request, it.ID},
		Private: map[string]string{ShareCiphertext: it.CiphertextSHA256, SharePayload: it.PayloadSHA256, ShareConsent: it.Consent.SHA256()},
		Sealed:  map[string]ledger.Commitment{SharePlaintext: ledger.Commit(SharePlaintext, c.salt, sum(plain))},
		Facts:   map[string]any{"request_open": true, "asker_active": true, "key_matches_ledger": true, "consent_complete": true},
	}, func(tx *sql.Tx, g *gate.Grant) error {
		it.ShareEntry = g.Index
		return Admit(ctx, tx, it, c.header, letter, g.At)
	})
	if err != nil {
		w.T.Fatal(err)
	}
	return c
}

// withdraw is the owner asking for her clip back, as package share does it.
func (w *world) withdraw(id string) {
	w.T.Helper()
	ctx := context.Background()
	it, err := w.ByID(ctx, id)
	if err != nil {
		w.T.Fatal(err)
	}
	_, err = w.Gate.Do(ctx, gate.Act{
		Action: "submission.withdraw", By: gate.Caller{Who: identity.Resident(), ActID: gate.NewActID()}, Role: identity.RoleResident,
		Objects: []string{id}, Facts: map[string]any{"holds_capability": true, "state": string(it.State)},
	}, func(tx *sql.Tx, _ *gate.Grant) error {
		_, err := Withdraw(ctx, tx, id)
		return err
	})
	if err != nil {
		w.T.Fatal(err)
	}
	w.WithdrawNow(ctx, id)
}

func (w *world) state(id string) State {
	w.T.Helper()
	it, err := w.ByID(context.Background(), id)
	if err != nil {
		w.T.Fatal(err)
	}
	return it.State
}

// accept is the custodian taking an item into a case.
func (p *person) accept(id string) *gate.Grant {
	p.w.T.Helper()
	return done(p, func(c gate.Caller) (*gate.Grant, error) {
		return p.w.Triage(context.Background(), c, id, Triage{Accept: true, Case: "26-001234", Category: "felony"})
	})
}

func (p *person) view(id, purpose string) (*Opened, error) {
	return sign(p, func(c gate.Caller) (*Opened, error) { return p.w.View(context.Background(), c, "session", id, purpose) })
}

// decrypt opens what a view released with a vault's identity.
func (w *world) decrypt(o *Opened, vault age.Identity) ([]byte, error) {
	payload, _, err := w.Payload(context.Background(), "session", o.Grant.ActID)
	if err != nil {
		return nil, err
	}
	defer payload.Close()
	r, err := age.Decrypt(io.MultiReader(bytes.NewReader(o.Header), payload), vault)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// rewrap seals an item's file key to another agency, as the browser does.
func (w *world) rewrap(header []byte, from, to string) []byte {
	w.T.Helper()
	key, err := age.DecryptHeader(header, w.Vault[from])
	if err != nil {
		w.T.Fatal(err)
	}
	return sealKey(w.T, key, w.Vault[to].Recipient())
}
