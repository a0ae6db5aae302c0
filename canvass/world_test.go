package canvass

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"porchlight/gate"
	"porchlight/geo"
	"porchlight/identity"
	"porchlight/internal/dbtest"
	"porchlight/internal/softkey"
	"porchlight/ledger"
	"porchlight/policy"
	"porchlight/purpose"

	"golang.org/x/mod/sumdb/note"
)

const (
	site = "https://exchange.example"
	city = "IL0160000" // Millbrook PD, municipal
	fbi  = "ILFBI0100" // federal
	gone = "IL0160300" // suspended
)

// world is an exchange with a real database, ledger, policy and gate, people
// with software passkeys, and a clock to turn.
type world struct {
	*Service
	t      testing.TB
	people *identity.Service
	keys   map[string]*softkey.Key
	who    map[string]identity.Principal

	mu       sync.Mutex
	now      time.Time
	agencies map[string]Agency
	proved   []uint64 // entries whose receipts the feed asked for
}

// Agency and AgencyFacts stand in for package roster.
func (w *world) Agency(_ context.Context, ori string) (Agency, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a, ok := w.agencies[ori]
	if !ok {
		return Agency{}, errors.New("no such agency")
	}
	return a, nil
}

func (w *world) AgencyFacts(ctx context.Context, ori string) (gate.AgencyFacts, error) {
	a, err := w.Agency(ctx, ori)
	return gate.AgencyFacts{Kind: a.Kind, Status: a.Status, State: a.State}, err
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

func (w *world) setStatus(ori, status string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.agencies[ori]
	a.Status = status
	w.agencies[ori] = a
}

func TestMain(m *testing.M) {
	dbtest.Main(m, "^(TestManyCells|TestPushGivesUp|TestRefusalIsRecorded|TestFeedSameForEverybody|TestMail|TestEndsStayListed|TestWhoSeesWhat|TestModeration|TestPush)$")
}

func newWorld(t testing.TB) *world {
	t.Helper()
	ctx := context.Background()
	dir := t.TempDir()
	d := dbtest.Open(t)
	skey, vkey, err := ledger.GenerateKey("exchange.example/log")
	must(t, err)
	signer, err := note.NewSigner(skey)
	must(t, err)
	log, err := ledger.Open(ctx, ledger.Options{Dir: filepath.Join(dir, "log"), Signer: signer, LogKey: vkey})
	must(t, err)
	t.Cleanup(func() { log.Close() })
	engine, err := policy.Load(policy.Packs())
	must(t, err)

	town := polygon(t, -89.70, 39.70, -89.60, 39.80)
	w := &world{
		t: t, keys: map[string]*softkey.Key{}, who: map[string]identity.Principal{},
		now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC),
		agencies: map[string]Agency{
			city: {ORI: city, Name: "Millbrook Police", Kind: "municipal", Status: "active", State: "IL", Jurisdiction: town, Vault: "age1vault", VaultEntry: 3},
			fbi:  {ORI: fbi, Name: "FBI Springfield", Kind: "federal", Status: "active", State: "IL", Jurisdiction: town},
			gone: {ORI: gone, Name: "Elsewhere Police", Kind: "municipal", Status: "suspended", State: "IL", Jurisdiction: town},
		},
	}
	w.people, err = identity.New(ctx, d, identity.Config{Name: "Elm County", BaseURL: site, Now: w.clock})
	must(t, err)
	g, err := gate.New(ctx, gate.Options{DB: d, Log: log, Policy: engine, Signatures: w.people, Agencies: w, Now: w.clock})
	must(t, err)
	w.Service, err = New(ctx, Options{DB: d, Gate: g, Agencies: w, Purposes: purpose.Classes, Now: w.clock})
	must(t, err)

	w.enrol("rita", city, identity.RoleRequester)
	// Identity keeps these roles apart; policy must refuse all the same.
	w.keys["rita as moderator"], w.who["rita as moderator"] = w.keys["rita"],
		identity.Principal{PersonID: "rita", Roles: []identity.Role{identity.RoleModerator}}
	w.enrol("raul", city, identity.RoleRequester)
	w.enrol("carl", city, identity.RoleCustodian)
	w.enrol("fred", fbi, identity.RoleRequester)
	w.enrol("gina", gone, identity.RoleRequester)
	w.enrol("mona", "", identity.RoleModerator)
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
	slices.Sort(roles)
	p := identity.Person{ID: id, Name: id, Agency: agency, Roles: roles}
	token, key := identity.NewToken(), softkey.New()
	must(w.t, w.DB.Write(context.Background(), func(tx *sql.Tx) error {
		if err := w.people.AddPerson(tx, p); err != nil {
			return err
		}
		return w.people.Invite(tx, identity.Invitation{ID: "inv-" + id, Person: id, TokenHash: identity.TokenHash(token), Expires: w.clock().Add(time.Hour)})
	}))
	e, err := w.people.BeginEnrol(context.Background(), token)
	must(w.t, err)
	res, err := key.Create(e.Options, site)
	must(w.t, err)
	dev, err := w.people.AddPasskey(context.Background(), token, "key", stripPRF(w.t, res))
	must(w.t, err)
	must(w.t, w.DB.Write(context.Background(), func(tx *sql.Tx) error { return w.people.FinishEnrol(tx, token, dev.ID, "act-"+id) }))
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

// signed runs one act of a person, signing when asked.
func signed[T any](w *world, id string, do func(gate.Caller) (T, error)) (T, error) {
	w.t.Helper()
	by := gate.Caller{Who: w.who[id], ActID: gate.NewActID()}
	out, err := do(by)
	if ask := (*gate.SignatureRequired)(nil); errors.As(err, &ask) {
		answer, err := w.keys[id].Get(ask.Options, site)
		must(w.t, err)
		by.Assertion = stripPRF(w.t, answer)
		return do(by)
	}
	return out, err
}

func (w *world) post(id string, d Draft) (Request, error) {
	return signed(w, id, func(by gate.Caller) (Request, error) { return w.Post(context.Background(), by, d) })
}

func (w *world) moderate(id, request string, approve bool, reason string) (Request, error) {
	return signed(w, id, func(by gate.Caller) (Request, error) {
		return w.Moderate(context.Background(), by, request, approve, reason)
	})
}

func (w *world) closeIt(id, request string) (Request, error) {
	return signed(w, id, func(by gate.Caller) (Request, error) { return w.Close(context.Background(), by, request) })
}

// publish posts and approves a request.
func (w *world) publish(d Draft) Request {
	w.t.Helper()
	r, err := w.post("rita", d)
	must(w.t, err)
	r, err = w.moderate("mona", r.ID, true, "")
	must(w.t, err)
	return r
}

var caseNumber = 0

// draft is a request that passes every rule; each call has a case of its own.
func (w *world) draft() Draft {
	caseNumber++
	now := w.clock()
	return Draft{
		Case: fmt.Sprintf("24-%05d", caseNumber), Incident: "package-theft",
		Narrative: "A parcel was taken from a porch on Maple St. Footage of a person on foot with a large box would help.",
		Area:      square(w.t, 100_000), From: now.Add(-3 * time.Hour), To: now.Add(-2 * time.Hour), TimeZone: "America/Chicago",
		Expires: now.Add(72 * time.Hour), Contact: "Officer Rita Reyes, 555-0100",
	}
}

func polygon(t testing.TB, west, south, east, north float64) geo.Polygon {
	t.Helper()
	p, err := geo.ParsePolygon(fmt.Appendf(nil, `{"type":"Polygon","coordinates":[[[%[1]v,%[2]v],[%[3]v,%[2]v],[%[3]v,%[4]v],[%[1]v,%[4]v],[%[1]v,%[2]v]]]}`, west, south, east, north))
	must(t, err)
	return p
}

// square is an area in Millbrook that rounds to exactly m2 square metres.
func square(t testing.TB, m2 float64) geo.Polygon {
	t.Helper()
	side := math.Sqrt(m2) / 111_000
	for height := side; ; height += 1e-7 {
		lo, hi := side/2, side*3
		for range 60 {
			mid := (lo + hi) / 2
			p := polygon(t, -89.65, 39.75, -89.65+mid, 39.75+height)
			switch cmp.Compare(math.Round(p.AreaM2()), m2) {
			case 0:
				return p
			case -1:
				lo = mid
			case 1:
				hi = mid
			}
		}
	}
}

func refusedBy(err error) []string {
	r := (*gate.Refusal)(nil)
	if !errors.As(err, &r) {
		return nil
	}
	var ids []string
	for _, rule := range r.Rules {
		ids = append(ids, rule.ID)
	}
	return ids
}
