// Package gatetest is the one door with people before it, for tests of the
// domains behind it: a real database, ledger, policy and gate, passkeys in
// software, and a clock to turn. Package testworld is a whole exchange.
package gatetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"porchlight/canvass"
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

// The agencies of a World, all of Millbrook's county.
const (
	City      = "IL0160000" // municipal
	Sheriff   = "IL0160100" // county
	Federal   = "ILFBI0100"
	Company   = "ILHOA0100" // private
	Suspended = "IL0160300"
)

const site = "https://exchange.example"

// World is a gate and those who come to it. It is the Agencies of every domain.
type World struct {
	T     testing.TB
	DB    *db.DB
	Log   *ledger.Log
	Gate  *gate.Gate
	Town  geo.Polygon // every agency's jurisdiction
	Vault map[string]*age.X25519Identity

	people *identity.Service
	keys   map[string]*softkey.Key
	who    map[string]identity.Principal

	mu       sync.Mutex
	now      time.Time
	agencies map[string]canvass.Agency
}

// New makes a World.
func New(t testing.TB) *World {
	t.Helper()
	ctx := context.Background()
	w := &World{T: t, DB: dbtest.Open(t), Vault: map[string]*age.X25519Identity{}, keys: map[string]*softkey.Key{}, who: map[string]identity.Principal{},
		now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), agencies: map[string]canvass.Agency{}}
	w.Town = w.Box(-89.70, 39.70, -89.60, 39.80)
	for ori, kind := range map[string]string{City: "municipal", Sheriff: "county", Federal: "federal", Company: "private", Suspended: "municipal"} {
		id, err := age.GenerateX25519Identity()
		w.Must(err)
		status := "active"
		if ori == Suspended {
			status = "suspended"
		}
		w.Vault[ori] = id
		w.agencies[ori] = canvass.Agency{ORI: ori, Name: "Agency " + ori, Kind: kind, Status: status, State: "IL", Jurisdiction: w.Town,
			Vault: id.Recipient().String(), VaultEntry: 3}
	}
	skey, vkey, err := ledger.GenerateKey("exchange.example/log")
	w.Must(err)
	signer, err := note.NewSigner(skey)
	w.Must(err)
	w.Log, err = ledger.Open(ctx, ledger.Options{Dir: filepath.Join(t.TempDir(), "log"), Signer: signer, LogKey: vkey})
	w.Must(err)
	t.Cleanup(func() { w.Log.Close() })
	engine, err := policy.Load(policy.Packs())
	w.Must(err)
	w.people, err = identity.New(ctx, w.DB, identity.Config{Name: "Elm County", BaseURL: site, Now: w.Now})
	w.Must(err)
	w.Gate, err = gate.New(ctx, gate.Options{DB: w.DB, Log: w.Log, Policy: engine, Signatures: w.people, Agencies: w, Now: w.Now})
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

// Agency stands in for package roster.
func (w *World) Agency(_ context.Context, ori string) (canvass.Agency, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a, ok := w.agencies[ori]
	if !ok {
		return a, errors.New("no such agency")
	}
	return a, nil
}

// AgencyFacts stands in for package roster.
func (w *World) AgencyFacts(ctx context.Context, ori string) (gate.AgencyFacts, error) {
	a, err := w.Agency(ctx, ori)
	return gate.AgencyFacts{Kind: a.Kind, Status: a.Status, State: a.State}, err
}

// Enrol makes a person with a passkey.
func (w *World) Enrol(id, agency string, roles ...identity.Role) {
	w.T.Helper()
	slices.Sort(roles)
	p := identity.Person{ID: id, Name: id, Agency: agency, Roles: roles}
	token, key := identity.NewToken(), softkey.New()
	w.Must(w.DB.Write(context.Background(), func(tx *sql.Tx) error {
		if err := w.people.AddPerson(tx, p); err != nil {
			return err
		}
		return w.people.Invite(tx, identity.Invitation{ID: "inv-" + id, Person: id, TokenHash: identity.TokenHash(token), Expires: w.Now().Add(time.Hour)})
	}))
	e, err := w.people.BeginEnrol(context.Background(), token)
	w.Must(err)
	res, err := key.Create(e.Options, site)
	w.Must(err)
	dev, err := w.people.AddPasskey(context.Background(), token, "key", w.stripPRF(res))
	w.Must(err)
	w.Must(w.DB.Write(context.Background(), func(tx *sql.Tx) error { return w.people.FinishEnrol(tx, token, dev.ID, "act-"+id) }))
	w.keys[id], w.who[id] = key, p.Principal()
}

// Who is an enrolled person.
func (w *World) Who(id string) identity.Principal { return w.who[id] }

// stripPRF removes the PRF output, as every client must before it sends.
func (w *World) stripPRF(response []byte) []byte {
	var m map[string]any
	w.Must(json.Unmarshal(response, &m))
	if prf, ok := m["clientExtensionResults"].(map[string]any)["prf"].(map[string]any); ok {
		delete(prf, "results")
	}
	out, err := json.Marshal(m)
	w.Must(err)
	return out
}

// As runs one act of an enrolled person, who signs when asked.
func As[T any](w *World, id string, do func(gate.Caller) (T, error)) (T, error) {
	w.T.Helper()
	by := gate.Caller{Who: w.who[id], ActID: gate.NewActID()}
	out, err := do(by)
	if ask := (*gate.SignatureRequired)(nil); errors.As(err, &ask) {
		answer, err := w.keys[id].Get(ask.Options, site)
		w.Must(err)
		by.Assertion = w.stripPRF(answer)
		return do(by)
	}
	return out, err
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
func (w *World) Box(west, south, east, north float64) geo.Polygon {
	w.T.Helper()
	p, err := geo.ParsePolygon(fmt.Appendf(nil, `{"type":"Polygon","coordinates":[[[%[1]v,%[2]v],[%[3]v,%[2]v],[%[3]v,%[4]v],[%[1]v,%[4]v],[%[1]v,%[2]v]]]}`, west, south, east, north))
	w.Must(err)
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
