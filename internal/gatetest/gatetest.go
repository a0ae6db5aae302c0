// Package gatetest is the one door with people before it, for tests of the
// domains behind it: a real database, ledger, policy and gate, passkeys in
// software, and a clock to turn. Package testworld is a whole exchange.
package gatetest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/geo"
	"porchlight/identity"
	"porchlight/internal/agekey"
	"porchlight/internal/dbtest"
	"porchlight/internal/softkey"
	"porchlight/ledger"
	"porchlight/policy"

	"filippo.io/age"
	"golang.org/x/mod/sumdb/note"
)

// The agencies of a World at its start, all of Millbrook's county.
const (
	City      = "IL0160000" // municipal
	Sheriff   = "IL0160100" // county
	Federal   = "ILFBI0100"
	Company   = "ILHOA0100" // private
	Suspended = "IL0160300"
)

// Site is where a World's people sign.
const Site = "https://exchange.example"

// Options of a World. The zero value is an exchange of Illinois over a fresh
// database of the engine under test.
type Options struct {
	DB       *db.DB        // open; a fresh one if nil
	Dir      string        // of the ledger; a fresh one if empty
	Origin   string        // of the ledger; exchange.example/log if empty
	Agencies gate.Agencies // the World if nil
	Start    time.Time     // of its clock; a morning in November if zero
}

// World is a gate and those who come to it. It is the Agencies of a domain that
// has none of its own.
type World struct {
	T      testing.TB
	DB     *db.DB
	Log    *ledger.Log
	LogKey string // checks Log
	Signer note.Signer
	Gate   *gate.Gate
	People *identity.Service
	Who    map[string]identity.Principal // by the name As knows them by
	Town   geo.Polygon                   // every agency's jurisdiction
	Vault  map[string]*age.X25519Identity

	keys map[string]*softkey.Key // by person

	mu       sync.Mutex
	now      time.Time
	agencies map[string]gate.AgencyFacts
}

// law is read once: nothing changes it.
var law = sync.OnceValues(func() (*policy.Engine, error) { return policy.Load(policy.Packs()) })

// New makes a World.
func New(t testing.TB, o Options) *World {
	t.Helper()
	ctx := context.Background()
	w := &World{T: t, DB: o.DB, Vault: map[string]*age.X25519Identity{}, keys: map[string]*softkey.Key{}, Who: map[string]identity.Principal{},
		now: o.Start, Town: Box(t, -89.70, 39.70, -89.60, 39.80),
		agencies: map[string]gate.AgencyFacts{
			City: {Kind: "municipal", Status: "active", State: "IL"}, Sheriff: {Kind: "county", Status: "active", State: "IL"},
			Federal: {Kind: "federal", Status: "active", State: "IL"}, Company: {Kind: "private", Status: "active", State: "IL"},
			Suspended: {Kind: "municipal", Status: "suspended", State: "IL"},
		}}
	for ori := range w.agencies {
		id, err := age.GenerateX25519Identity()
		w.Must(err)
		w.Vault[ori] = id
	}
	if o.DB == nil {
		w.DB = dbtest.Open(t)
	}
	if o.Start.IsZero() {
		w.now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	}
	if o.Agencies == nil {
		o.Agencies = w
	}
	skey, vkey, err := ledger.GenerateKey(cmp.Or(o.Origin, "exchange.example/log"))
	w.Must(err)
	w.LogKey = vkey
	w.Signer, err = note.NewSigner(skey)
	w.Must(err)
	w.Log, err = ledger.Open(ctx, ledger.Options{Dir: cmp.Or(o.Dir, filepath.Join(t.TempDir(), "log")), Signer: w.Signer, LogKey: vkey})
	w.Must(err)
	t.Cleanup(func() { w.Log.Close() })
	engine, err := law()
	w.Must(err)
	w.People, err = identity.New(ctx, w.DB, identity.Config{Name: "Elm County", BaseURL: Site, Now: w.Now})
	w.Must(err)
	w.Gate, err = gate.New(ctx, gate.Options{DB: w.DB, Log: w.Log, Policy: engine, Signatures: w.People, Agencies: o.Agencies, Now: w.Now})
	w.Must(err)
	return w
}

// Must ends the test on an error.
func (w *World) Must(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
}

// Now is the world's clock, Sleep turns it.
func (w *World) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// Sleep turns the clock.
func (w *World) Sleep(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// Stand has an agency stand as f says from now on.
func (w *World) Stand(ori string, f gate.AgencyFacts) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.agencies[ori] = f
}

// AgencyFacts stands in for package roster.
func (w *World) AgencyFacts(_ context.Context, ori string) (gate.AgencyFacts, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f, ok := w.agencies[ori]
	if !ok {
		return f, errors.New("no such agency")
	}
	return f, nil
}

// Enrol makes a person with a passkey.
func (w *World) Enrol(id, agency string, roles ...identity.Role) {
	w.T.Helper()
	slices.Sort(roles)
	p := identity.Person{ID: id, Name: id, Agency: agency, Roles: roles}
	token, key := identity.NewToken(), softkey.New()
	w.Must(w.DB.Write(context.Background(), func(tx *sql.Tx) error {
		if err := w.People.AddPerson(tx, p); err != nil {
			return err
		}
		return w.People.Invite(tx, identity.Invitation{ID: "inv-" + id, Person: id, TokenHash: identity.TokenHash(token), Expires: w.Now().Add(time.Hour)})
	}))
	e, err := w.People.BeginEnrol(context.Background(), token)
	w.Must(err)
	made, err := key.Create(e.Options, Site)
	w.Must(err)
	public, _, err := softkey.Split(made)
	w.Must(err)
	dev, err := w.People.AddPasskey(context.Background(), token, "key", public)
	w.Must(err)
	w.Must(w.DB.Write(context.Background(), func(tx *sql.Tx) error { return w.People.FinishEnrol(tx, token, dev.ID, "act-"+id) }))
	w.keys[id], w.Who[id] = key, p.Principal()
}

// As runs one act of an enrolled person, who signs when asked.
func As[T any](w *World, id string, do func(gate.Caller) (T, error)) (T, error) {
	w.T.Helper()
	return Repeat(w, gate.Caller{Who: w.Who[id], ActID: gate.NewActID()}, do)
}

// Repeat is As for an act that has its id.
func Repeat[T any](w *World, by gate.Caller, do func(gate.Caller) (T, error)) (T, error) {
	w.T.Helper()
	out, err := do(by)
	if ask := (*gate.SignatureRequired)(nil); errors.As(err, &ask) {
		by.Assertion = w.Sign(by.Who.PersonID, ask)
		return do(by)
	}
	return out, err
}

// Sign is an enrolled person's answer to what the gate asks of her passkey.
func (w *World) Sign(person string, ask *gate.SignatureRequired) []byte {
	w.T.Helper()
	answer, err := w.keys[person].Get(ask.Options, Site)
	w.Must(err)
	public, _, err := softkey.Split(answer)
	w.Must(err)
	return public
}

// Resident is somebody without an account, about to act.
func Resident() gate.Caller { return gate.Caller{Who: identity.Resident(), ActID: gate.NewActID()} }

// Bearer holds a link: what she shows, and what the exchange is told of it.
type Bearer struct {
	Token     string // base64url
	OwnerHash []byte
	Recipient string
	Identity  *age.X25519Identity
}

// NewBearer makes a link of a secret of 16 bytes or more.
func (w *World) NewBearer(secret string) Bearer {
	w.T.Helper()
	token, err := agekey.Stretch([]byte(secret), agekey.CapabilityToken)
	w.Must(err)
	id, err := agekey.Identity([]byte(secret), agekey.CapabilityIdentity)
	w.Must(err)
	hash := sha256.Sum256(token)
	return Bearer{base64.RawURLEncoding.EncodeToString(token), hash[:], id.Recipient().String(), id}
}

// Seal makes an age file of text.
func (w *World) Seal(text string, to ...string) []byte {
	w.T.Helper()
	var rs []age.Recipient
	for _, s := range to {
		r, err := age.ParseX25519Recipient(s)
		w.Must(err)
		rs = append(rs, r)
	}
	var b bytes.Buffer
	out, err := age.Encrypt(&b, rs...)
	w.Must(err)
	_, err = out.Write([]byte(text))
	w.Must(err)
	w.Must(out.Close())
	return b.Bytes()
}

// Box is an area.
func Box(t testing.TB, west, south, east, north float64) geo.Polygon {
	t.Helper()
	p, err := geo.ParsePolygon(fmt.Appendf(nil, `{"type":"Polygon","coordinates":[[[%[1]v,%[2]v],[%[3]v,%[2]v],[%[3]v,%[4]v],[%[1]v,%[4]v],[%[1]v,%[2]v]]]}`, west, south, east, north))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Place is a point.
func (w *World) Place(lon, lat float64) geo.Point {
	w.T.Helper()
	p, err := geo.NewPoint(lon, lat)
	w.Must(err)
	return p
}

// Entries are all entries of the ledger, oldest first.
func (w *World) Entries() (all []ledger.Entry) {
	w.T.Helper()
	for e, err := range w.Log.Entries(context.Background(), 0) {
		w.Must(err)
		all = append(all, e.Entry)
	}
	return all
}

// RefusedBy names the rules of a refusal; nil for any other error.
func RefusedBy(err error) (rules []string) {
	r := (*gate.Refusal)(nil)
	if errors.As(err, &r) {
		for _, rule := range r.Rules {
			rules = append(rules, rule.ID)
		}
	}
	return rules
}
