package canvass

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"porchlight/gate"
	"porchlight/geo"
	"porchlight/identity"
	"porchlight/internal/dbtest"
	"porchlight/internal/gatetest"
	"porchlight/purpose"
)

const (
	city = gatetest.City
	fbi  = gatetest.Federal
	gone = gatetest.Suspended
)

// world is an exchange's gate with the service before it, and agencies whose
// standing the test may change.
type world struct {
	*gatetest.World
	*Service

	mu       sync.Mutex
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
	town := gatetest.Box(t, -89.70, 39.70, -89.60, 39.80)
	w := &world{
		agencies: map[string]Agency{
			city: {ORI: city, Name: "Millbrook Police", Kind: "municipal", Status: "active", State: "IL", Jurisdiction: town, Vault: "age1vault", VaultEntry: 3},
			fbi:  {ORI: fbi, Name: "FBI Springfield", Kind: "federal", Status: "active", State: "IL", Jurisdiction: town},
			gone: {ORI: gone, Name: "Elsewhere Police", Kind: "municipal", Status: "suspended", State: "IL", Jurisdiction: town},
		},
	}
	w.World = gatetest.New(t, gatetest.Options{Agencies: w})
	var err error
	w.Service, err = New(t.Context(), Options{DB: w.DB, Gate: w.Gate, Agencies: w, Purposes: purpose.Classes, Now: w.Now})
	must(t, err)

	w.Enrol("rita", city, identity.RoleRequester)
	// Identity keeps these roles apart; policy must refuse all the same.
	w.Who["rita as moderator"] = identity.Principal{PersonID: "rita", Roles: []identity.Role{identity.RoleModerator}}
	w.Enrol("raul", city, identity.RoleRequester)
	w.Enrol("carl", city, identity.RoleCustodian)
	w.Enrol("fred", fbi, identity.RoleRequester)
	w.Enrol("gina", gone, identity.RoleRequester)
	w.Enrol("mona", "", identity.RoleModerator)
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) post(id string, d Draft) (Request, error) {
	return gatetest.As(w.World, id, func(by gate.Caller) (Request, error) { return w.Post(context.Background(), by, d) })
}

func (w *world) moderate(id, request string, approve bool, reason string) (Request, error) {
	return gatetest.As(w.World, id, func(by gate.Caller) (Request, error) {
		return w.Moderate(context.Background(), by, request, approve, reason)
	})
}

func (w *world) closeIt(id, request string) (Request, error) {
	return gatetest.As(w.World, id, func(by gate.Caller) (Request, error) { return w.Close(context.Background(), by, request) })
}

// publish posts and approves a request.
func (w *world) publish(d Draft) Request {
	w.T.Helper()
	r, err := w.post("rita", d)
	must(w.T, err)
	r, err = w.moderate("mona", r.ID, true, "")
	must(w.T, err)
	return r
}

var caseNumber = 0

// draft is a request that passes every rule; each call has a case of its own.
func (w *world) draft() Draft {
	caseNumber++
	now := w.Now()
	return Draft{
		Case: fmt.Sprintf("24-%05d", caseNumber), Incident: "package-theft",
		Narrative: "A parcel was taken from a porch on Maple St. Footage of a person on foot with a large box would help.",
		Area:      square(w.T, 100_000), From: now.Add(-3 * time.Hour), To: now.Add(-2 * time.Hour), TimeZone: "America/Chicago",
		Expires: now.Add(72 * time.Hour), Contact: "Officer Rita Reyes, 555-0100",
	}
}

// square is an area in Millbrook that rounds to exactly m2 square metres.
func square(t testing.TB, m2 float64) geo.Polygon {
	t.Helper()
	side := math.Sqrt(m2) / 111_000
	for height := side; ; height += 1e-7 {
		lo, hi := side/2, side*3
		for range 60 {
			mid := (lo + hi) / 2
			p := gatetest.Box(t, -89.65, 39.75, -89.65+mid, 39.75+height)
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
