// Package testworld is a whole exchange with people in it, for tests: real
// parts, real passkeys in software, real clips, over HTTP on localhost.
package testworld

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"porchlight/db"
	"porchlight/exchange"
	"porchlight/identity"
	"porchlight/internal/actor"
	"porchlight/internal/dbtest"
	"porchlight/roster"
	"porchlight/web"
)

// World is a running exchange and its people.
type World struct {
	*Town
	X      *exchange.Exchange
	Config exchange.Config
	URL    string
	LogKey string
}

// Town is everybody, enrolled, with vaults published, one request open, one of
// its clips accepted and one pending.
type Town struct {
	URL                          string
	Operator, Moderator, Auditor *actor.Person
	Police, Sheriff, Federal     *Agency
	Request                      web.RequestView
	Accepted, Pending            *actor.Answer // one item each
}

// Agency is an agency with one person a role. The federal one has an
// administrator and a custodian only.
type Agency struct {
	ORI, Name                                 string
	Admin, Custodian, Requester, Investigator *actor.Person
}

// County is the exchange's area and everybody's jurisdiction.
const County = `{"type":"Polygon","coordinates":[[[-89.7,39.7],[-89.6,39.7],[-89.6,39.8],[-89.7,39.8],[-89.7,39.7]]]}`

// Case and Narrative are what logs must never show.
const (
	Case      = "26-004711"
	Narrative = "A parcel was taken from a porch on Maple Street."
)

// Clock is this computer's, put on by what was slept. Safe for concurrent use.
type Clock struct{ ahead atomic.Int64 }

// Now is for Config.Now.
func (c *Clock) Now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// Sleep puts it on, at once.
func (c *Clock) Sleep(d time.Duration) { c.ahead.Add(int64(d)) }

// Start runs an exchange over httptest until the test ends. change, if not nil,
// sets its configuration first.
func Start(t testing.TB, change func(*exchange.Config)) *World {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &World{URL: fmt.Sprintf("http://localhost:%d", l.Addr().(*net.TCPAddr).Port)}
	w.Config = exchange.Config{Dir: filepath.Join(t.TempDir(), "x"), Name: "Elm County", BaseURL: w.URL, State: "IL"}
	if dbtest.Engine() == db.PostgreSQL {
		w.Config.Database = dbtest.Source(t)
	}
	if change != nil {
		change(&w.Config)
	}
	made, err := exchange.Init(ctx, w.Config, []byte(County))
	if err != nil {
		t.Fatal(err)
	}
	w.LogKey = made.LogKey
	if w.X, err = exchange.Open(ctx, w.Config); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(w.X.Handler())
	server.Listener.Close()
	server.Listener = l
	server.Start()
	t.Cleanup(func() {
		server.Close()
		if err := w.X.Close(); err != nil {
			t.Error(err)
		}
	})
	if w.Town, err = Populate(ctx, w.URL, made.OperatorLink); err != nil {
		t.Fatal(err)
	}
	return w
}

// Populate enrols everybody at the fresh exchange at url, whose operator enrols
// with link.
func Populate(ctx context.Context, url, link string) (*Town, error) {
	w := &Town{URL: url,
		Police:  &Agency{ORI: "IL0160000", Name: "Millbrook Police"},
		Sheriff: &Agency{ORI: "IL0160100", Name: "Elm County Sheriff"},
		Federal: &Agency{ORI: "ILFBI0000", Name: "Federal Bureau"},
	}
	w.Operator = actor.NewPerson(url, "Operator")
	if err := w.Operator.Enrol(ctx, link); err != nil {
		return nil, err
	}
	officers := []identity.Role{identity.RoleRequester, identity.RoleInvestigator}
	all, all2 := errgroup.WithContext(ctx)
	// An operator signs one act after the other; what follows each runs beside.
	for _, a := range []struct {
		*Agency
		kind   string
		others []identity.Role
	}{{w.Police, "municipal", officers}, {w.Sheriff, "county", officers}, {w.Federal, "federal", nil}} {
		admin, err := w.InviteAgency(all2, a.Agency, a.kind)
		if err != nil {
			return nil, err
		}
		all.Go(func() error { return a.Staff(all2, url, admin, a.others...) })
	}
	for role, p := range map[identity.Role]**actor.Person{identity.RoleModerator: &w.Moderator, identity.RoleAuditor: &w.Auditor} {
		join, err := Invite(all2, w.Operator, p, web.NewPerson{Name: "The " + string(role), Role: string(role)})
		if err != nil {
			return nil, err
		}
		all.Go(func() error { return join() })
	}
	if err := all.Wait(); err != nil {
		return nil, err
	}
	var err error
	if w.Request, err = w.Publish(ctx, w.Police, Case); err != nil {
		return nil, err
	}
	all, all2 = errgroup.WithContext(ctx)
	all.Go(func() (err error) { w.Accepted, err = Share(all2, url, w.Request.ID, 100_000); return err })
	all.Go(func() (err error) { w.Pending, err = Share(all2, url, w.Request.ID, 1000); return err })
	if err := all.Wait(); err != nil {
		return nil, err
	}
	return w, Accept(ctx, w.Police.Custodian, w.Accepted.Items[0])
}

// InviteAgency invites an agency; the token enrols its administrator.
func (w *Town) InviteAgency(ctx context.Context, a *Agency, kind string) (token string, err error) {
	return w.InviteAgencyOf(ctx, a, kind, "IL")
}

// InviteAgencyOf is InviteAgency for one of any state.
func (w *Town) InviteAgencyOf(ctx context.Context, a *Agency, kind, state string) (token string, err error) {
	token, inv := actor.Invitation()
	in := web.NewAgency{NewInvitation: inv, ORI: a.ORI, Name: a.Name, Kind: kind, State: state, Contact: "555-0100", Admin: "Admin of " + a.Name}
	if err := json.Unmarshal([]byte(County), &in.Jurisdiction); err != nil {
		return "", err
	}
	_, err = w.Operator.Act(ctx, "/agencies", in, nil)
	return token, err
}

// Staff enrols the agency that token invites: its administrator, a custodian
// who publishes its vault, and whoever else is named.
func (a *Agency) Staff(ctx context.Context, url, token string, others ...identity.Role) error {
	a.Admin = actor.NewPerson(url, "Admin of "+a.Name)
	if err := a.Admin.Enrol(ctx, token); err != nil {
		return err
	}
	if _, err := a.Admin.Act(ctx, "/agencies/"+a.ORI+"/join", web.Contact{Contact: "desk@agency.example"}, nil); err != nil {
		return err
	}
	seat := map[identity.Role]**actor.Person{
		identity.RoleCustodian: &a.Custodian, identity.RoleRequester: &a.Requester, identity.RoleInvestigator: &a.Investigator,
	}
	all, ctx := errgroup.WithContext(ctx)
	for _, role := range append([]identity.Role{identity.RoleCustodian}, others...) {
		join, err := Invite(ctx, a.Admin, seat[role], web.NewPerson{Name: string(role) + " of " + a.Name, Agency: a.ORI, Role: string(role)})
		if err != nil {
			return err
		}
		all.Go(func() error {
			err := join()
			if err == nil && role == identity.RoleCustodian {
				_, err = a.Custodian.PublishVault(ctx, roster.ForEvidence)
			}
			return err
		})
	}
	return all.Wait()
}

// Invite has by invite somebody and returns what enrols her as *p.
func Invite(ctx context.Context, by *actor.Person, p **actor.Person, in web.NewPerson) (join func() error, err error) {
	token, inv := actor.Invitation()
	in.NewInvitation = inv
	if _, err := by.Act(ctx, "/people", in, nil); err != nil {
		return nil, err
	}
	*p = actor.NewPerson(by.URL, in.Name)
	return func() error { return (*p).Enrol(ctx, token) }, nil
}

// Draft is a request within all limits.
func Draft(number string) web.RequestDraft {
	now := time.Now().UTC()
	d := web.RequestDraft{
		Case: number, Incident: "package-theft", Narrative: Narrative, From: now.Add(-3 * time.Hour), To: now.Add(-2 * time.Hour),
		TimeZone: "America/Chicago", Expires: now.Add(72 * time.Hour), Contact: "Officer Reyes, 555-0100",
	}
	d.Area.Type = "Polygon"
	west, south, side := -89.65, 39.75, 0.004
	d.Area.Coordinates = [][][]float64{{{west, south}, {west + side, south}, {west + side, south + side}, {west, south + side}, {west, south}}}
	return d
}

// Publish posts and approves a request.
func (w *Town) Publish(ctx context.Context, a *Agency, number string) (web.RequestView, error) {
	r, err := a.Requester.Post(ctx, Draft(number))
	if err != nil {
		return r, err
	}
	return r, w.Moderator.Moderate(ctx, r.ID)
}

// Share answers a request with one clip of size bytes.
func Share(ctx context.Context, url, request string, size int) (*actor.Answer, error) {
	clip := make([]byte, size)
	rand.Read(clip)
	return actor.New(url).Share(ctx, request, actor.Footage{Name: "front-door.mp4", Seconds: 12, Data: clip})
}

// Accept takes an item into the case.
func Accept(ctx context.Context, custodian *actor.Person, item string) error {
	_, err := custodian.Act(ctx, "/items/"+item+"/triage", web.TriageInput{Accept: true, Case: Case, Category: "felony"}, nil)
	return err
}
