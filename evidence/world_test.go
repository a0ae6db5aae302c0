package evidence

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/mod/sumdb/note"

	"porchlight/blob"
	"porchlight/db"
	"porchlight/gate"
	"porchlight/identity"
	"porchlight/internal/dbtest"
	"porchlight/internal/softkey"
	"porchlight/ledger"
	"porchlight/policy"
)

const (
	origin  = "http://localhost:21600"
	police  = "IL0160000"
	sheriff = "IL0160100"
	other   = "IL0169900"
	federal = "ILFBI0000"
)

// world is a whole exchange around the service: real store, ledger, policy,
// passkeys and age keys, and a clock to turn.
type world struct {
	*Service
	t       testing.TB
	source  string
	logKey  string
	people  *identity.Service
	vault   map[string]*age.X25519Identity // by agency
	mu      sync.Mutex
	now     time.Time
	persons int
}

// AgencyFacts makes the test's agencies known to gate and service.
func (w *world) AgencyFacts(_ context.Context, ori string) (gate.AgencyFacts, error) {
	f := gate.AgencyFacts{Kind: "municipal", Status: "active", State: "IL"}
	switch ori {
	case police, other:
	case sheriff:
		f.Kind = "county"
	case federal:
		f.Kind = "federal"
	default:
		return f, errors.New("no such agency")
	}
	return f, nil
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
	dir := t.TempDir()
	w := &world{t: t, source: dbtest.Source(t), vault: map[string]*age.X25519Identity{}, now: time.Now().UTC().Truncate(time.Microsecond)}
	for _, a := range []string{police, sheriff, other, federal} {
		w.vault[a] = newIdentity(t)
	}
	d, err := db.Open(ctx, w.source)
	must(err)
	blobs, err := blob.OpenDir(filepath.Join(dir, "blobs"))
	must(err)
	skey, vkey, err := ledger.GenerateKey("test.example/porchlight")
	must(err)
	signer, err := note.NewSigner(skey)
	must(err)
	log, err := ledger.Open(ctx, ledger.Options{Dir: filepath.Join(dir, "log"), Signer: signer, LogKey: vkey})
	must(err)
	engine, err := policy.Load(policy.Packs())
	must(err)
	w.people, err = identity.New(ctx, d, identity.Config{Name: "Test", BaseURL: origin, Now: w.clock})
	must(err)
	g, err := gate.New(ctx, gate.Options{DB: d, Log: log, Policy: engine, Signatures: w.people, Agencies: w, Now: w.clock})
	must(err)
	w.logKey = vkey
	w.Service, err = New(ctx, Options{
		DB: d, Blobs: blobs, Gate: g, Agencies: w, Now: w.clock,
		Packaging: Packaging{
			Exchange: ledger.Descriptor{Name: "Test Exchange", Origin: "test.example/porchlight", LogKey: vkey},
			Name: func(_ context.Context, id string) string {
				return map[string]string{police: "Maple Falls Police", sheriff: "Elm County Sheriff"}[id]
			},
			Say: func(_, key string, pairs ...any) string {
				return strings.TrimSuffix(key+" "+fmt.Sprintln(pairs...), "\n")
			},
		},
	})
	must(err)
	t.Cleanup(func() { log.Close(); d.Close() })
	return w
}

// person is an enrolled officer with a passkey in software.
type person struct {
	identity.Principal
	w   *world
	key *softkey.Key
}

func (w *world) officer(agency string, roles ...identity.Role) *person {
	w.t.Helper()
	w.persons++
	id := fmt.Sprintf("person-%d", w.persons)
	token, key := identity.NewToken(), softkey.New()
	p := identity.Person{ID: id, Name: "Officer " + id, Agency: agency, Roles: roles}
	err := w.DB.Write(context.Background(), func(tx *sql.Tx) error {
		if err := w.people.AddPerson(tx, p); err != nil {
			return err
		}
		return w.people.Invite(tx, identity.Invitation{ID: "inv-" + id, Person: id, TokenHash: identity.TokenHash(token), Expires: w.clock().Add(time.Hour)})
	})
	if err != nil {
		w.t.Fatal(err)
	}
	e, err := w.people.BeginEnrol(context.Background(), token)
	if err != nil {
		w.t.Fatal(err)
	}
	response, err := key.Create(e.Options, origin)
	if err != nil {
		w.t.Fatal(err)
	}
	device, err := w.people.AddPasskey(context.Background(), token, "key", withoutPRF(w.t, response))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.DB.Write(context.Background(), func(tx *sql.Tx) error { return w.people.FinishEnrol(tx, token, device.ID, "act") }); err != nil {
		w.t.Fatal(err)
	}
	return &person{p.Principal(), w, key}
}

// withoutPRF is what every client does before it sends: the PRF output stays.
func withoutPRF(t testing.TB, response []byte) []byte {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(response, &m); err != nil {
		t.Fatal(err)
	}
	if prf, ok := m["clientExtensionResults"].(map[string]any)["prf"].(map[string]any); ok {
		delete(prf, "results")
	}
	out, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// sign carries out an act as a person: the first try asks for her passkey, the
// second carries its answer.
func sign[T any](p *person, act func(gate.Caller) (T, error)) (T, error) {
	p.w.t.Helper()
	c := gate.Caller{Who: p.Principal, ActID: gate.NewActID()}
	v, err := act(c)
	var ask *gate.SignatureRequired
	if !errors.As(err, &ask) {
		return v, err
	}
	answer, err := p.key.Get(ask.Options, origin)
	if err != nil {
		p.w.t.Fatal(err)
	}
	c.Assertion = withoutPRF(p.w.t, answer)
	return act(c)
}

// done is sign for what must succeed.
func done[T any](p *person, act func(gate.Caller) (T, error)) T {
	p.w.t.Helper()
	v, err := sign(p, act)
	if err != nil {
		p.w.t.Fatal(err)
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
	w.t.Helper()
	ctx := context.Background()
	c := clip{id: gate.NewActID(), plain: plain, salt: ledger.NewSalt()}
	c.file = seal(w.t, plain, w.vault[police].Recipient())
	r := bufio.NewReader(bytes.NewReader(c.file))
	var err error
	if c.header, err = SplitHeader(r); err != nil {
		w.t.Fatal(err)
	}
	payload, _ := io.ReadAll(r)
	if _, err := w.Blobs.Append(ctx, "blob-"+c.id, 0, bytes.NewReader(payload)); err != nil {
		w.t.Fatal(err)
	}
	sum := func(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }
	letter := seal(w.t, []byte(`{"filename":"front.mp4"}`), w.vault[police].Recipient())
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
		w.t.Fatal(err)
	}
	return c
}

// withdraw is the owner asking for her clip back, as package share does it.
func (w *world) withdraw(id string) {
	w.t.Helper()
	ctx := context.Background()
	it, err := w.ByID(ctx, id)
	if err != nil {
		w.t.Fatal(err)
	}
	_, err = w.Gate.Do(ctx, gate.Act{
		Action: "submission.withdraw", By: gate.Caller{Who: identity.Resident(), ActID: gate.NewActID()}, Role: identity.RoleResident,
		Objects: []string{id}, Facts: map[string]any{"holds_capability": true, "state": string(it.State)},
	}, func(tx *sql.Tx, _ *gate.Grant) error {
		_, err := Withdraw(ctx, tx, id)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.WithdrawNow(ctx, id)
}

func (w *world) state(id string) State {
	w.t.Helper()
	it, err := w.ByID(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return it.State
}

// accept is the custodian taking an item into a case.
func (p *person) accept(id string) *gate.Grant {
	p.w.t.Helper()
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
	w.t.Helper()
	key, err := age.DecryptHeader(header, w.vault[from])
	if err != nil {
		w.t.Fatal(err)
	}
	return sealKey(w.t, key, w.vault[to].Recipient())
}
