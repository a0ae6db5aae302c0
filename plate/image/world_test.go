package image

import (
	"bytes"
	"context"
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

	"porchlight/blob"
	"porchlight/db"
	"porchlight/gate"
	"porchlight/identity"
	"porchlight/internal/dbtest"
	"porchlight/internal/gatetest"
	"porchlight/ledger"
	"porchlight/policy"
)

const (
	police  = gatetest.City
	sheriff = gatetest.Sheriff
	other   = "IL0169900" // has no plates vault
)

func TestMain(m *testing.M) { dbtest.Main(m, ".") }

// world is a gate with the service before it, all on one directory.
type world struct {
	*gatetest.World
	*Service
	dir    string
	led    map[string][]Wanted // by agency and lead
	needed []string
}

func (w *world) PlatesVault(_ context.Context, owner string) (string, error) {
	if v := w.Vault[owner]; v != nil {
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
	w := &world{dir: t.TempDir(), led: map[string][]Wanted{}}
	source := filepath.Join(w.dir, "porchlight.db")
	if dbtest.Engine() == db.PostgreSQL {
		source = dbtest.Source(t)
	}
	d, err := db.Open(ctx, source)
	must(t, err)
	t.Cleanup(func() { d.Close() })
	blobs, err := blob.OpenDir(filepath.Join(w.dir, "blobs"))
	must(t, err)
	w.World = gatetest.New(t, gatetest.Options{DB: d, Dir: filepath.Join(w.dir, "log"), Start: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)})
	w.Stand(other, gate.AgencyFacts{Kind: "municipal", Status: "active", State: "IL"})
	w.Service, err = New(ctx, w.options(blobs))
	must(t, err)
	return w
}

func (w *world) options(b blob.Store) Options {
	return Options{DB: w.DB, Blobs: b, Gate: w.Gate, Agencies: w, Vaults: w, Leads: w, Now: w.Now,
		Needed: func(context.Context, string, time.Time, time.Time) ([]string, error) { return w.needed, nil }}
}

// restart is another process over the same store.
func (w *world) restart() {
	w.T.Helper()
	s, err := New(w.T.Context(), w.options(w.Blobs))
	must(w.T, err)
	w.Service = s
}

// person is an enrolled officer with a passkey in software.
type person struct {
	identity.Principal
	w *world
}

func (w *world) officer(agency string, role identity.Role) *person {
	w.T.Helper()
	id := gate.NewActID()
	w.Enrol(id, agency, role)
	return &person{w.Who[id], w}
}

// sign carries out an act as a person.
func sign[T any](p *person, act func(gate.Caller) (T, error)) (T, error) {
	p.w.T.Helper()
	return gatetest.As(p.w.World, p.PersonID, act)
}

func signAs[T any](p *person, id string, act func(gate.Caller) (T, error)) (T, error) {
	p.w.T.Helper()
	return gatetest.Repeat(p.w.World, gate.Caller{Who: p.Principal, ActID: id}, act)
}

func (p *person) view(l Lead, wanted ...Wanted) (*Opened, error) {
	return sign(p, func(c gate.Caller) (*Opened, error) { return p.w.View(p.w.T.Context(), c, "session", l, wanted) })
}

// open decrypts a picture that a view released.
func (p *person) open(o *Opened, i int) []byte {
	p.w.T.Helper()
	body, err := p.w.Payload(p.w.T.Context(), "session", o.Grant.ActID, o.Pictures[i].ID)
	must(p.w.T, err)
	defer body.Close()
	return decrypt(p.w.T, o.Pictures[i].Header, body, p.w.Vault[p.Agency])
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

// keep keeps the picture n of police, as of w.Now().
func (w *world) keep(n int) string {
	w.T.Helper()
	id, err := w.Keep(w.T.Context(), police, w.Now(), "image/jpeg", jpegOf(w.T, n))
	must(w.T, err)
	return id
}

func (w *world) sweep() {
	w.T.Helper()
	_, err := w.Sweep(w.T.Context())
	must(w.T, err)
}

// files reads every file under the data directory.
func (w *world) files() map[string][]byte {
	w.T.Helper()
	all := map[string][]byte{}
	must(w.T, filepath.WalkDir(w.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		all[path], err = os.ReadFile(path)
		return err
	}))
	return all
}

func (w *world) entries(action string) (acts []ledger.Act) {
	w.T.Helper()
	for e, err := range w.Gate.Log.Entries(w.T.Context(), 0) {
		must(w.T, err)
		if e.Entry.Act.Action == action {
			acts = append(acts, e.Entry.Act)
		}
	}
	return acts
}

func (w *world) count(table string) (n int) {
	w.T.Helper()
	must(w.T, w.DB.Read().QueryRow(`SELECT COUNT(*) FROM `+table).Scan(&n))
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
