package demo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	client "porchlight/internal/actor"
	"porchlight/ledger"
	"porchlight/roster"
	"porchlight/web"

	"golang.org/x/sync/errgroup"
)

// Result is what the story leaves behind.
type Result struct {
	Exchange string    `json:"exchange"` // data directory
	Ledger   string    `json:"ledger"`   // its log: porchlight verify LEDGER
	LogKey   string    `json:"log_key"`
	Package  string    `json:"package"` // court package: porchlight verify PACKAGE
	Receipts []string  `json:"receipts"`
	Recovery []string  `json:"recovery_keys"` // what custodians would have printed
	Request  string    `json:"request"`       // id of the request that is open
	Clips    []Clip    `json:"clips"`
	Answers  []Follow  `json:"answers"`
	Refused  []Refusal `json:"refused"`
}

// Story plays the town's people over HTTP, from the operator's enrolment to the
// court package. Every step is the real one: the exchange cannot tell.
type Story struct {
	Town    *Town
	Cast    *Cast
	URL     string          // of the running exchange
	Ledger  ledger.Verifier // what its receipts are checked with
	Link    string          // that the operator enrols with
	Dir     string          // where results are left
	Evening time.Time       // of the incident, in the town's zone
	Clips   func(context.Context) ([]Clip, error)
	Say     func(format string, args ...any) // progress

	result Result
	eyes   []eye // the town's plate cameras, once they stand
	forms  forms
}

const chicago = "America/Chicago"

// Play plays the whole story once.
func (s *Story) Play(ctx context.Context) (Result, error) {
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"people enrol with their passkeys", s.enrol},
		{"agencies publish their vault keys", s.vaults},
		{"officers ask, and some are refused", s.ask},
		{"residents share, custodians keep", s.answer},
		{"cameras read plates, officers search, a driver asks for correction", s.plates},
		{"a dog is lost, and the police are told of a camera", s.neighbors},
	} {
		s.Say("%s", step.what)
		if err := step.do(ctx); err != nil {
			return s.result, fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return s.result, s.Cast.save()
}

// invite invites p to all of her roles and lets her enrol with the first.
func (s *Story) invite(ctx context.Context, by, p *Member) error {
	var id string
	for _, role := range p.Roles {
		token, inv := client.Invitation()
		in := web.NewPerson{NewInvitation: inv, ID: id, Name: p.Name, Agency: p.ORI, Role: role}
		if id != "" {
			in.Name = ""
		}
		var invited web.InvitedPerson
		if _, err := by.Act(ctx, "/people", in, &invited); err != nil {
			return fmt.Errorf("inviting %s as %s: %w", p.Name, role, err)
		}
		if id != "" {
			continue
		}
		id = invited.Person.ID
		if err := p.Enrol(ctx, token); err != nil {
			return fmt.Errorf("enrolling %s: %w", p.Name, err)
		}
	}
	return nil
}

func (s *Story) enrol(ctx context.Context) error {
	operator := s.Cast.Find("operator")
	if err := operator.Enrol(ctx, s.Link); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range s.Cast.People {
		if p.ORI == "" && p != operator {
			g.Go(func() error { return s.invite(ctx, operator, p) })
		}
	}
	for _, a := range s.Town.Agencies {
		g.Go(func() error {
			admin := s.Cast.of(a.ORI, "admin")
			token, inv := client.Invitation()
			if _, err := operator.Act(ctx, "/agencies", web.NewAgency{
				NewInvitation: inv, ORI: a.ORI, Name: a.Name, Kind: a.Kind, State: strings.TrimPrefix(a.State, "US-"),
				Contact: a.People[0].Email, Jurisdiction: polygon(a.Jurisdiction), Admin: admin.Name,
			}, nil); err != nil {
				return fmt.Errorf("inviting %s: %w", a.Name, err)
			}
			if err := admin.Enrol(ctx, token); err != nil {
				return fmt.Errorf("enrolling %s: %w", admin.Name, err)
			}
			if _, err := admin.Act(ctx, "/agencies/"+a.ORI+"/join", web.Contact{Contact: a.People[0].Email}, nil); err != nil {
				return err
			}
			return s.further(ctx, admin)
		})
	}
	return g.Wait()
}

// further gives an agency's administrator her other roles and enrols her people.
func (s *Story) further(ctx context.Context, admin *Member) error {
	var me web.Me
	if err := admin.Get(ctx, "/me", &me); err != nil {
		return err
	}
	for _, role := range admin.Roles {
		if role == "admin" {
			continue
		}
		_, inv := client.Invitation()
		if _, err := admin.Act(ctx, "/people", web.NewPerson{NewInvitation: inv, ID: me.Person.ID, Agency: admin.ORI, Role: role}, nil); err != nil {
			return err
		}
	}
	for _, p := range s.Cast.People {
		if p.ORI == admin.ORI && p != admin {
			if err := s.invite(ctx, admin, p); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Story) vaults(ctx context.Context) error {
	for _, id := range []string{"custodian-police", "requester-sheriff"} {
		recovery, err := s.Cast.Find(id).PublishVault(ctx, roster.ForEvidence)
		if err != nil {
			return err
		}
		s.result.Recovery = append(s.result.Recovery, recovery.String())
	}
	return nil
}

// incident names the streets of the story.
var incident = []string{"Elm Street", "Oak Street", "Sycamore Street"}

// around is a box about streets, where they are nearest the story, grown by metres.
func (s *Story) around(metres float64, streets ...string) web.GeoPolygon {
	w, e, so, n := 180.0, -180.0, 90.0, -90.0
	for _, street := range streets {
		d := s.Town.onStreet(street).Door
		w, e, so, n = min(w, d[0]), max(e, d[0]), min(so, d[1]), max(n, d[1])
	}
	dy := metres / 111_320
	dx := dy / math.Cos(n*math.Pi/180)
	return polygon([]LonLat{{w - dx, so - dy}, {e + dx, so - dy}, {e + dx, n + dy}, {w - dx, n + dy}, {w - dx, so - dy}})
}

func polygon(ring []LonLat) web.GeoPolygon {
	g := web.GeoPolygon{Type: "Polygon", Coordinates: [][][]float64{nil}}
	for _, p := range ring {
		g.Coordinates[0] = append(g.Coordinates[0], []float64{p[0], p[1]})
	}
	return g
}

// clock is a time of the incident's evening.
func (s *Story) clock(hour, minute int) time.Time {
	y, m, d := s.Evening.Date()
	return time.Date(y, m, d, hour, minute, 0, 0, s.Evening.Location())
}

func (s *Story) draft() web.RequestDraft {
	return web.RequestDraft{
		Case: "MG-2026-04417", Incident: "vehicle-break-in",
		Narrative: "Several parked cars were searched on and around Elm Street. We look for footage of a person in a grey hood " +
			"and of a dark sedan that left towards Oak Street. Nothing else is asked for.",
		Area: s.around(250, incident...), From: s.clock(16, 30), To: s.clock(18, 0), TimeZone: chicago,
		Expires: time.Now().Add(7 * 24 * time.Hour).UTC(), Contact: s.Town.Agencies[0].People[1].Email,
	}
}

// refused notes an act that policy must have refused.
func (s *Story) refused(who *Member, what string, err error) error {
	var p *web.Problem
	if !errors.As(err, &p) || p.Type != "/problems/refused" {
		return fmt.Errorf("%s was not refused: %w", what, err)
	}
	receipt, err := ledger.ParseReceipt([]byte(p.Receipt))
	if err != nil {
		return fmt.Errorf("receipt of a refusal: %w", err)
	}
	s.result.Refused = append(s.result.Refused, Refusal{Agency: who.Place, What: what, Plain: p.Detail, Entry: receipt.Index})
	return nil
}

func (s *Story) ask(ctx context.Context) error {
	police, sheriff, federal := s.Cast.Find("investigator-police"), s.Cast.Find("requester-sheriff"), s.Cast.Find("requester-federal")
	moderator := s.Cast.Find("moderator")
	good, err := police.Post(ctx, s.draft())
	if err != nil {
		return err
	}
	if err := moderator.Moderate(ctx, good.ID); err != nil {
		return err
	}
	s.result.Request = good.ID

	crash := s.draft()
	crash.Case, crash.Incident = "PC-2026-0912", "hit-and-run"
	crash.Narrative = "A white delivery van struck a parked bicycle trailer and drove on. Nobody was hurt. We look for footage that shows the van."
	crash.Area, crash.From, crash.To = s.around(170, "Walnut Street", "Cherry Street", "Locust Street"), s.clock(15, 0), s.clock(15, 45)
	crash.Contact = s.Town.Agencies[1].People[0].Email
	second, err := sheriff.Post(ctx, crash)
	if err != nil {
		return err
	}
	if err := moderator.Moderate(ctx, second.ID); err != nil {
		return err
	}

	// One waits for its moderator.
	waiting := s.draft()
	waiting.Case, waiting.Incident = "MG-2026-04420", "package-theft"
	waiting.Narrative = "Packages were taken from porches on Sycamore Street in the afternoon."
	waiting.From, waiting.To = s.clock(14, 0), s.clock(16, 0)
	if _, err := police.Post(ctx, waiting); err != nil {
		return err
	}

	for _, try := range []struct {
		what   string
		change func(*web.RequestDraft)
	}{
		{"a request for half the town", func(d *web.RequestDraft) { d.Area = s.around(900, incident...) }},
		{"a request about a protest", func(d *web.RequestDraft) {
			d.Narrative = "Looking for footage of people who marched in the protest against the school board."
		}},
		{"a request about immigration", func(d *web.RequestDraft) {
			d.Narrative = "Footage of persons wanted by ICE for removal, immigration detainer."
		}},
	} {
		what, d := try.what, s.draft()
		d.Case = "MG-2026-04431"
		try.change(&d)
		_, err := police.Post(ctx, d)
		if err := s.refused(police, what, err); err != nil {
			return err
		}
	}
	_, err = federal.Post(ctx, s.draft())
	return s.refused(federal, "a federal request", err)
}

func (s *Story) answer(ctx context.Context) error {
	if err := s.openForms(ctx); err != nil {
		return err
	}
	clips, err := s.Clips(ctx)
	if err != nil {
		return err
	}
	footage := func(i int) client.Footage {
		b, err := os.ReadFile(clips[i].Path)
		if err != nil {
			panic(err) // rendered a moment ago
		}
		return client.Footage{Name: filepath.Base(clips[i].Path), Seconds: clips[i].Length.Seconds(), Data: b}
	}
	resident := client.New(s.URL)
	first, err := resident.Share(ctx, s.result.Request, footage(0), footage(1))
	if err != nil {
		return err
	}
	s.result.Clips = clips
	s.follow(clips[0], first)
	declined, err := client.New(s.URL).Share(ctx, s.result.Request, footage(2))
	if err != nil {
		return err
	}
	regretted, err := client.New(s.URL).Share(ctx, s.result.Request, footage(4))
	if err != nil {
		return err
	}
	s.follow(clips[2], declined)
	s.follow(clips[4], regretted)
	if _, err := client.New(s.URL).Share(ctx, s.result.Request, footage(5)); err != nil {
		return err
	}
	if _, err := regretted.Withdraw(ctx, regretted.Items[0]); err != nil {
		return err
	}

	ana := s.Cast.Find("custodian-police")
	item := first.Items[0]
	for _, it := range first.Items {
		if _, err := ana.Act(ctx, "/items/"+it+"/triage", web.TriageInput{Accept: true, Case: "MG-2026-04417", Category: "misdemeanor"}, nil); err != nil {
			return err
		}
	}
	if _, err := ana.Act(ctx, "/items/"+declined.Items[0]+"/triage", web.TriageInput{Reason: "It shows an earlier hour; thank you."}, nil); err != nil {
		return err
	}
	if _, _, err := ana.View(ctx, item, ""); err != nil {
		return err
	}
	if err := ana.Note(ctx, item, "Grey hood at the silver hatchback from 17:27:25; dark sedan follows at 17:27:37."); err != nil {
		return err
	}
	const purpose = "Vehicle break-ins along the county line, case PC-2026-0915"
	if err := ana.ShareItem(ctx, item, s.Town.Agencies[1].ORI, purpose, time.Now().Add(30*24*time.Hour).UTC(), true); err != nil {
		return err
	}
	deputy := s.Cast.Find("requester-sheriff")
	if _, _, err := deputy.View(ctx, item, purpose); err != nil {
		return err
	}
	_, _, err = s.Cast.Find("operator").View(ctx, item, "")
	var p *web.Problem
	if !errors.As(err, &p) || p.Status != 404 && p.Status != 403 {
		return fmt.Errorf("the operator was let in: %w", err)
	}
	hold, err := ana.Hold(ctx, item, "Preserve for trial", "Circuit court order 26-CF-118")
	if err != nil {
		return err
	}
	if _, err := ana.Act(ctx, "/items/"+item+"/holds/release", web.ReleaseInput{Hold: hold}, nil); err != nil {
		return err
	}
	if err := s.keep("package.zip", func(f *os.File) error {
		return ana.Export(ctx, item, "Vehicle burglary, case MG-2026-04417: discovery for the State's Attorney", f)
	}); err != nil {
		return err
	}
	s.result.Package = filepath.Join(s.Dir, "package.zip")
	return s.receipts(ctx, first, declined, regretted)
}

// follow keeps the link of who shared a clip, for the demo's page.
func (s *Story) follow(c Clip, a *client.Answer) {
	s.followed(c.Address, "", strings.TrimPrefix(a.Link, s.URL))
}

// followed keeps the link of whoever lives at an address.
func (s *Story) followed(address, what, link string) {
	f := Follow{Address: address, What: what, Link: link}
	for _, r := range s.Town.Residents {
		if s.Town.Houses[r.House].Address() == address {
			f.Resident = r.Name
		}
	}
	s.result.Answers = append(s.result.Answers, f)
}

// receipts saves what each resident would save: a receipt of every act on her clips.
func (s *Story) receipts(ctx context.Context, answers ...*client.Answer) error {
	dir := filepath.Join(s.Dir, "receipts")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, a := range answers {
		f, err := a.Follow(ctx)
		if err != nil {
			return err
		}
		for _, c := range f.Clips {
			for _, e := range c.Events {
				text, err := a.Receipt(ctx, c.Item, e.Entry)
				if err != nil {
					return fmt.Errorf("receipt of entry %d: %w", e.Entry, err)
				}
				path := filepath.Join(dir, fmt.Sprintf("%04d-%s.txt", e.Entry, e.Action))
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					return err
				}
				s.result.Receipts = append(s.result.Receipts, path)
			}
		}
	}
	return nil
}

// keep writes a file of the results.
func (s *Story) keep(name string, write func(*os.File) error) error {
	f, err := os.Create(filepath.Join(s.Dir, name))
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}
