package image

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	stdimage "image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
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
	origin  = "http://localhost:24000"
	police  = "IL0160000"
	sheriff = "IL0160100"
	other   = "IL0169900" // has no plates vault
)

func TestMain(m *testing.M) { dbtest.Main(m, ".") }

// world is a whole exchange around the service: real store, blobs, ledger,
// policy, passkeys and age keys, and a clock to turn.
type world struct {
	*Service
	t      testing.TB
	dir    string
	people *identity.Service
	vault  map[string]*age.X25519Identity // by agency
	now    time.Time
	led    map[string][]Wanted // by agency and lead
	needed []string
	status map[string]string // of agencies, active otherwise
}

func (w *world) AgencyFacts(_ context.Context, ori string) (gate.AgencyFacts, error) {
	f := gate.AgencyFacts{Kind: "municipal", Status: "active", State: "IL"}
	if s := w.status[ori]; s != "" {
		f.Status = s
	}
	return f, nil
}

func (w *world) PlatesVault(_ context.Context, owner string) (string, error) {
	if v := w.vault[owner]; v != nil {
		return v.Recipient().String(), nil
	}
	return "", nil
}

func (w *world) Led(_ context.Context, who identity.Principal, l Lead, wanted Wanted) (bool, error) {
	return slices.Contains(w.led[who.Agency+" "+l.Search+l.Hit], wanted), nil
}

func newWorld(t testing.TB) *world {
	t.Helper()
	ctx := t.Context()
	w := &world{t: t, dir: t.TempDir(), now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), led: map[string][]Wanted{}, status: map[string]string{},
		vault: map[string]*age.X25519Identity{police: newIdentity(t), sheriff: newIdentity(t)}}
	source := filepath.Join(w.dir, "porchlight.db")
	if dbtest.Engine() == db.PostgreSQL {
		source = dbtest.Source(t)
	}
	d, err := db.Open(ctx, source)
	must(t, err)
	t.Cleanup(func() { d.Close() })
	blobs, err := blob.OpenDir(filepath.Join(w.dir, "blobs"))
	must(t, err)
	skey, vkey, err := ledger.GenerateKey("test.example/porchlight")
	must(t, err)
	signer, err := note.NewSigner(skey)
	must(t, err)
	log, err := ledger.Open(ctx, ledger.Options{Dir: filepath.Join(w.dir, "log"), Signer: signer, LogKey: vkey})
	must(t, err)
	t.Cleanup(func() { log.Close() })
	engine, err := policy.Load(policy.Packs())
	must(t, err)
	clock := func() time.Time { return w.now }
	w.people, err = identity.New(ctx, d, identity.Config{Name: "Test", BaseURL: origin, Now: clock})
	must(t, err)
	g, err := gate.New(ctx, gate.Options{DB: d, Log: log, Policy: engine, Signatures: w.people, Agencies: w, Now: clock})
	must(t, err)
	w.Service, err = New(ctx, w.options(d, blobs, g))
	must(t, err)
	return w
}

func (w *world) options(d *db.DB, b blob.Store, g *gate.Gate) Options {
	return Options{DB: d, Blobs: b, Gate: g, Agencies: w, Vaults: w, Leads: w, Now: func() time.Time { return w.now },
		Needed: func(context.Context, string, time.Time, time.Time) ([]string, error) { return w.needed, nil }}
}

// restart is another process over the same store.
func (w *world) restart() {
	w.t.Helper()
	s, err := New(w.t.Context(), w.options(w.DB, w.Blobs, w.Gate))
	must(w.t, err)
	w.Service = s
}

// person is an enrolled officer with a passkey in software.
type person struct {
	identity.Principal
	w   *world
	key *softkey.Key
}

func (w *world) officer(agency string, role identity.Role) *person {
	w.t.Helper()
	ctx, id := w.t.Context(), gate.NewActID()
	token, key := identity.NewToken(), softkey.New()
	p := identity.Person{ID: id, Name: "Officer", Agency: agency, Roles: []identity.Role{role}}
	must(w.t, w.DB.Write(ctx, func(tx *sql.Tx) error {
		if err := w.people.AddPerson(tx, p); err != nil {
			return err
		}
		return w.people.Invite(tx, identity.Invitation{ID: id, Person: id, TokenHash: identity.TokenHash(token), Expires: w.now.Add(time.Hour)})
	}))
	e, err := w.people.BeginEnrol(ctx, token)
	must(w.t, err)
	made, err := key.Create(e.Options, origin)
	must(w.t, err)
	public, _, err := softkey.Split(made)
	must(w.t, err)
	device, err := w.people.AddPasskey(ctx, token, "key", public)
	must(w.t, err)
	must(w.t, w.DB.Write(ctx, func(tx *sql.Tx) error { return w.people.FinishEnrol(tx, token, device.ID, id) }))
	return &person{p.Principal(), w, key}
}

// sign carries out an act as a person.
func sign[T any](p *person, act func(gate.Caller) (T, error)) (T, error) {
	p.w.t.Helper()
	return signAs(p, gate.NewActID(), act)
}

func signAs[T any](p *person, id string, act func(gate.Caller) (T, error)) (T, error) {
	p.w.t.Helper()
	c := gate.Caller{Who: p.Principal, ActID: id}
	v, err := act(c)
	ask := (*gate.SignatureRequired)(nil)
	if !errors.As(err, &ask) {
		return v, err
	}
	answer, err := p.key.Get(ask.Options, origin)
	must(p.w.t, err)
	c.Assertion, _, err = softkey.Split(answer)
	must(p.w.t, err)
	return act(c)
}

func (p *person) view(l Lead, wanted ...Wanted) (*Opened, error) {
	return sign(p, func(c gate.Caller) (*Opened, error) { return p.w.View(p.w.t.Context(), c, "session", l, wanted) })
}

// open decrypts a picture that a view released.
func (p *person) open(o *Opened, i int) []byte {
	p.w.t.Helper()
	body, err := p.w.Payload(p.w.t.Context(), "session", o.Grant.ActID, o.Pictures[i].ID)
	must(p.w.t, err)
	defer body.Close()
	return decrypt(p.w.t, o.Pictures[i].Header, body, p.w.vault[p.Agency])
}

func decrypt(t testing.TB, header []byte, payload io.Reader, id age.Identity) []byte {
	t.Helper()
	r, err := age.Decrypt(io.MultiReader(bytes.NewReader(header), payload), id)
	must(t, err)
	b, err := io.ReadAll(r)
	must(t, err)
	return b
}

func newIdentity(t testing.TB) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	must(t, err)
	return id
}

func seal(t testing.TB, data []byte, to ...age.Recipient) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := age.Encrypt(&b, to...)
	must(t, err)
	_, err = w.Write(data)
	must(t, err)
	must(t, w.Close())
	return b.Bytes()
}

// drawn is a picture of nothing in particular; n makes it differ.
func drawn(n int) *stdimage.RGBA {
	m := stdimage.NewRGBA(stdimage.Rect(0, 0, 160, 90))
	for i := range m.Pix {
		m.Pix[i] = byte((i*i*7 + i*n*13) >> 5)
	}
	for x := range 160 {
		m.Set(x, 45, color.White)
	}
	return m
}

func jpegOf(t testing.TB, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, jpeg.Encode(&b, drawn(n), &jpeg.Options{Quality: 80}))
	return b.Bytes()
}

func pngOf(t testing.TB, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, png.Encode(&b, drawn(n)))
	return b.Bytes()
}

// keep keeps the picture n of police, as of w.now.
func (w *world) keep(n int) string {
	w.t.Helper()
	id, err := w.Keep(w.t.Context(), police, w.now, "image/jpeg", jpegOf(w.t, n))
	must(w.t, err)
	return id
}

func (w *world) sweep() {
	w.t.Helper()
	_, err := w.Sweep(w.t.Context())
	must(w.t, err)
}

// files reads every file under the data directory.
func (w *world) files() map[string][]byte {
	w.t.Helper()
	all := map[string][]byte{}
	must(w.t, filepath.WalkDir(w.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		all[path], err = os.ReadFile(path)
		return err
	}))
	return all
}

func (w *world) entries(action string) (acts []ledger.Act) {
	w.t.Helper()
	for e, err := range w.Gate.Log.Entries(w.t.Context(), 0) {
		must(w.t, err)
		if e.Entry.Act.Action == action {
			acts = append(acts, e.Entry.Act)
		}
	}
	return acts
}

func (w *world) count(table string) (n int) {
	w.t.Helper()
	must(w.t, w.DB.Read().QueryRow(`SELECT COUNT(*) FROM `+table).Scan(&n))
	return n
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t testing.TB, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("got %v, want %v", err, target)
	}
}

func wantRefused(t testing.TB, err error, why Why) {
	t.Helper()
	r := (*Refused)(nil)
	if !errors.As(err, &r) || r.Why != why {
		t.Fatalf("got %v, want a refusal for %s", err, why)
	}
}

func refusedBy(t testing.TB, err error, rule string) {
	t.Helper()
	r := (*gate.Refusal)(nil)
	if !errors.As(err, &r) || !slices.ContainsFunc(r.Rules, func(p policy.Rule) bool { return p.ID == rule }) {
		t.Fatalf("got %v, want a refusal by %s", err, rule)
	}
}
