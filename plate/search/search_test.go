package search

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"porchlight/gate"
	"porchlight/geo"
	"porchlight/identity"
	"porchlight/ledger"
	"porchlight/plate"
	"porchlight/plate/reads"
	"porchlight/plate/sharing"
)

// Each owner's law decides for its own reads: who is permitted answers, and of
// the others the rules are told.
func TestEachOwnerAnswersUnderItsOwnLaw(t *testing.T) {
	w := newWorld(t)
	for _, o := range []string{police, sheriff, lone, granite} {
		w.see(o, "ABC123", time.Minute)
		w.see(o, "XYZ789", time.Minute)
	}
	got, err := w.run(ann, w.ask("ABC123"), "")
	w.must(err)
	a := byOwner(got.Answers)
	for owner, rules := range map[string]string{police: "", sheriff: "", lone: "", granite: "us-nh.search-transmit"} {
		if a[owner].Permit != (rules == "") || rules != "" && strings.Join(a[owner].Rules, " ") != rules {
			t.Errorf("%s: %+v", owner, a[owner])
		}
		if n := len(a[owner].Reads); a[owner].Permit && (n != 1 || a[owner].Reads[0].Text != "ABC123") || !a[owner].Permit && n != 0 {
			t.Errorf("%s answers %d reads", owner, n)
		}
	}
	if got.Answers[0].Owner != police || a[police].Grant != 0 || a[sheriff].Grant != 1001 {
		t.Errorf("order or grants: %+v", got.Answers)
	}
	entries := w.log.all()
	if run := entries[got.Search.Entry]; run.Act.Action != "search.run" || run.Act.Public["networks"] != fmt.Sprint(len(got.Answers)) ||
		run.Act.Public["cameras"] != fmt.Sprint(2*len(got.Answers)) || run.Act.Public["look_back_hours"] != "168" || run.Act.Public["purposes"] != "crime" {
		t.Errorf("%+v", run.Act.Public)
	}
	for _, e := range entries {
		if strings.Contains(string(e.Bytes()), "ABC123") || strings.Contains(string(e.Bytes()), "004711") {
			t.Errorf("an entry tells plate or case: %s", e.Bytes())
		}
		if e.Act.Action == "search.answer" && e.Act.Public["search"] != fmt.Sprint(got.Search.Entry) {
			t.Errorf("%+v", e.Act.Public)
		}
	}
	if w.log.count("search.answer", false) == 0 || w.log.count("search.answer", true) == 0 {
		t.Error("permits and refusals are both entries")
	}
}

// Illinois reads answer a Texan only where their owner named her agency.
func TestOutsideIllinois(t *testing.T) {
	w := newWorld(t)
	tex := officer("tex", lone)
	for audience, rules := range map[sharing.Audience]string{sharing.Exchange: "us-il.search-declaration", sharing.Agencies: "base.search-answer"} {
		w.share[police] = sharing.Permission{Allowed: true, Entry: 9, Audience: audience}
		got, err := w.run(tex, w.ask("ABC123"), "")
		w.must(err)
		if a := byOwner(got.Answers)[police]; strings.Join(a.Rules, " ") != rules {
			t.Errorf("%s: %v", audience, a.Rules)
		}
	}
	w.barred[lone+" IL"] = true
	got, err := w.run(tex, w.ask("ABC123"), "")
	w.must(err)
	if a := byOwner(got.Answers); a[police].Permit || a[sheriff].Permit || !a[travis].Permit || a[police].Rules[0] != "base.search-restricted" {
		t.Errorf("barred from Illinois: %+v", a)
	}
}

// A log that does not publish gives no results; the repeat does, and asks nobody twice.
func TestNothingBeforePublication(t *testing.T) {
	w := newWorld(t)
	w.see(police, "ABC123", time.Minute)
	by := signed(ann)
	for _, action := range []string{"search.run", "search.answer"} {
		w.log.fault = func(e ledger.Entry) (bool, error) {
			if e.Act.Action == action {
				return true, ledger.ErrUnpublished
			}
			return false, nil
		}
		got, err := w.repeat(by, w.ask("ABC123"), "")
		if !errors.Is(err, gate.ErrUnsettled) || len(got.Answers) != 0 || w.finds != 0 {
			t.Fatalf("%s: %v, %+v, %d asks of the reads", action, err, got, w.finds)
		}
		w.log.fault = nil
	}
	got, err := w.repeat(by, w.ask("ABC123"), "")
	w.must(err)
	if len(byOwner(got.Answers)[police].Reads) != 1 || w.log.count("search.run", true) != 1 || w.log.count("search.answer", true)+w.log.count("search.answer", false) != len(got.Answers) {
		t.Errorf("%+v", got)
	}
}

// A repeat gives the same answers, whatever came or went meanwhile.
func TestRepeat(t *testing.T) {
	w := newWorld(t)
	w.see(police, "ABC123", 29*24*time.Hour)
	w.see(police, "ABC123", time.Hour)
	ask := w.ask("ABC123")
	ask.Query.From = w.clock().Add(-30 * 24 * time.Hour)
	by := signed(ann)
	first, err := w.repeat(by, ask, "")
	w.must(err)
	if n := len(first.Answers[0].Reads); n != 2 {
		t.Fatalf("%d reads", n)
	}
	w.see(police, "ABC123", 30*time.Minute)
	w.share[sheriff] = sharing.Permission{}
	entries := len(w.log.all())
	for range 2 {
		again, err := w.repeat(by, ask, "")
		w.must(err)
		if len(again.Answers) != len(first.Answers) || !slices.Equal(ids(again.Answers[0].Reads), ids(first.Answers[0].Reads)) || len(w.log.all()) != entries {
			t.Errorf("a repeat differs: %+v", again)
		}
	}
	w.pass(2 * 24 * time.Hour)
	again, err := w.Again(t.Context(), ann, by.ActID)
	w.must(err)
	if a := again.Answers[0]; len(a.Reads) != 1 || a.Purged != 1 {
		t.Errorf("after retention: %d reads, %d purged", len(a.Reads), a.Purged)
	}
	other := ask
	other.Case = "26-004712"
	if _, err := w.repeat(by, other, ""); !errors.Is(err, gate.ErrActConflict) {
		t.Errorf("another ask under one act id: %v", err)
	}
	if _, err := w.repeat(gate.Caller{Who: bob, ActID: by.ActID}, ask, ""); !errors.Is(err, gate.ErrActConflict) {
		t.Errorf("another person under one act id: %v", err)
	}
	if _, err := w.Again(t.Context(), bob, by.ActID); !errors.Is(err, ErrNotFound) {
		t.Errorf("somebody else's search: %v", err)
	}
}

func TestConcurrentRepeats(t *testing.T) {
	w := newWorld(t)
	w.see(police, "ABC123", time.Hour)
	by, ask := signed(ann), w.ask("ABC123")
	_, err := w.repeat(by, ask, "")
	w.must(err)
	w.must(w.DB.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE search_answer SET found = NULL`)
		return err
	}))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			got, err := w.repeat(by, ask, "")
			if err != nil || len(got.Answers[0].Reads) != 1 {
				t.Errorf("%v %+v", err, got.Answers)
			}
		})
	}
	all.Wait()
}

// A crash between run and answers: the start voids what was cut short, and the
// repeat asks those owners again.
func TestCrashBetweenRunAndAnswers(t *testing.T) {
	w := newWorld(t)
	w.see(sheriff, "ABC123", time.Minute)
	by, ask := signed(ann), w.ask("ABC123")
	for _, kept := range []bool{false, true} {
		w.log.fault = func(e ledger.Entry) (bool, error) {
			if e.Act.Action == "search.answer" && e.Act.Public["owner"] == sheriff {
				return kept, ledger.ErrUnpublished
			}
			return false, nil
		}
		if _, err := w.repeat(by, ask, ""); err == nil {
			t.Fatal("the fault was not noticed")
		}
		w.log.fault = nil
		w.restart()
	}
	got, err := w.repeat(by, ask, "")
	w.must(err)
	if a := byOwner(got.Answers)[sheriff]; !a.Permit || len(a.Reads) != 1 {
		t.Errorf("%+v", a)
	}
	valid := 0
	voided := map[string]bool{}
	for _, e := range w.log.all() {
		if e.Act.Action == "act.void" {
			voided[e.Act.Public["of"]] = true
		}
	}
	for i, e := range w.log.all() {
		if e.Act.Action == "search.answer" && e.Act.Public["owner"] == sheriff && !voided[fmt.Sprint(i)] {
			valid++
		}
	}
	if valid != 1 || len(voided) != 1 {
		t.Errorf("%d entries of the sheriff stand, %d voids", valid, len(voided))
	}
}

// A banned purpose is refused also when typed sideways or hidden behind an offense.
func TestBannedPurposes(t *testing.T) {
	w := newWorld(t)
	for note, rule := range map[string]string{
		"robbery, but really immigration status": "us-il.search-immigration", "1mmigration check": "us-il.search-immigration",
		"check im-mi-gra-tion papers": "us-il.search-immigration", "out of state abortion": "us-il.search-care",
		"who was at the protest march": "base.search-protest", "my ex girlfriend": "base.search-personal",
	} {
		ask := w.ask("ABC123")
		ask.Note = note
		if _, err := w.run(ann, ask, ""); !slices.Contains(refused(err), rule) {
			t.Errorf("%q: %v %v", note, err, refused(err))
		}
	}
	ask := w.ask("ABC123")
	ask.Offense = "30D" // re-entry after deportation
	if _, err := w.run(ann, ask, ""); !slices.Contains(refused(err), "us-il.search-immigration") {
		t.Errorf("as an offense: %v", err)
	}
	if w.finds != 0 || w.log.count("search.run", false) != 7 {
		t.Errorf("%d asks of the reads, %d refusals", w.finds, w.log.count("search.run", false))
	}
}

// A federal errand through a local login gets what a federal login would get.
func TestFederalErrand(t *testing.T) {
	w := newWorld(t)
	for _, o := range []string{police, sheriff, lone, travis} {
		w.share[o] = sharing.Permission{Allowed: true, Entry: 5, Audience: sharing.Exchange}
	}
	fed, err := w.run(officer("fay", bureau), w.ask("ABC123"), "")
	w.must(err)
	local := w.ask("ABC123")
	local.Behalf = strings.ToLower(bureau)
	errand, err := w.run(ann, local, "")
	w.must(err)
	if got := w.log.all()[errand.Search.Entry].Act.Public["behalf"]; got != "federal" {
		t.Errorf("behalf %q", got)
	}
	for _, owner := range []string{sheriff, lone, travis} {
		a, b := byOwner(fed.Answers)[owner], byOwner(errand.Answers)[owner]
		if a.Permit || b.Permit || !slices.Contains(a.Rules, "base.search-federal") {
			t.Errorf("%s: %v, %v", owner, a, b)
		}
		for _, rule := range a.Rules { // the errand may break more
			if !slices.Contains(b.Rules, rule) {
				t.Errorf("%s: a federal login is refused by %v, the errand by %v", owner, a.Rules, b.Rules)
			}
		}
	}
	if a := byOwner(errand.Answers)[police]; a.Permit {
		t.Error("an officer handed her own agency's reads to a federal agency that it did not let in by name")
	}
	// By name, where no agency here is meant.
	for _, name := range []string{"HSI Chicago", "ICE", "Border Patrol", "Gulf Coast Task Force", "Springfield Police"} {
		ask := w.ask("ABC123")
		ask.Behalf = name
		got, err := w.run(ann, ask, "")
		w.must(err)
		for _, a := range got.Answers {
			if a.Permit || !slices.Contains(a.Rules, "base.search-standing") || (name == "Springfield Police") == slices.Contains(a.Rules, "base.search-federal") {
				t.Errorf("%s, %s: %+v", name, a.Owner, a)
			}
		}
	}
	// Unnamed: the note says it.
	for _, note := range []string{"robbery, assisting HSI", "theft case for the FBI", "for ice", "burglary, DEA request", "shooting, for Springfield PD"} {
		ask := w.ask("ABC123")
		ask.Note = note
		if _, err := w.run(ann, ask, ""); !slices.Contains(refused(err), "base.search-behalf") {
			t.Errorf("%q: %v", note, refused(err))
		}
	}
	// A Texan may by her own law; whose reads answer is for owners to say by name.
	ask := w.ask("ABC123")
	ask.Note = "immigration status of the driver"
	got, err := w.run(officer("tex", lone), ask, "")
	w.must(err)
	for _, a := range got.Answers {
		if a.Permit {
			t.Errorf("%s answered for immigration enforcement: %v", a.Owner, a.Rules)
		}
	}
	// Where the owner let the federal agency in by name, it answers it, and who names it.
	w.share[travis] = sharing.Permission{Allowed: true, Entry: 6, Audience: sharing.Agencies}
	ask = w.ask("ABC123")
	ask.Behalf = bureau
	if got, err = w.run(officer("tex", lone), ask, ""); err != nil || !byOwner(got.Answers)[travis].Permit {
		t.Errorf("%v %+v", err, got.Answers)
	}
	// Its standing counts as much as hers.
	suspended := w.agencies[bureau]
	suspended.Status = "suspended"
	w.agencies[bureau] = suspended
	if got, err = w.run(officer("tex", lone), ask, ""); err != nil || byOwner(got.Answers)[travis].Permit {
		t.Errorf("%v %+v", err, got.Answers)
	}
}

func TestSpeaksFor(t *testing.T) {
	own := plate.Asker{Name: "Millbrook Police"}
	for note, want := range map[string]bool{
		"assisting HSI with a robbery": true, "for ICE": true, "for ice": true, "HSI case 12": true, "requested by US Marshals": true,
		"agency assist, Decatur PD": true, "Decatur PD request": true, "per Border Patrol": true, "w/ DEA": true,
		"on behalf of the task force":   true,
		"robbery of an ice cream truck": false, "for Millbrook PD": false, "suspect fled from police": false, "help from the police": false,
		"armed robbery for cash": false, "stolen from our PD lot": false, "": false, "burglary with a crowbar": false,
		"silver sedan with ice scraper on dash": false,
	} {
		if got := speaksFor(note, own); (got != "") != want {
			t.Errorf("%q speaks for %q", note, got)
		}
	}
}

func FuzzSpeaksFor(f *testing.F) {
	for _, s := range []string{"assisting HSI", "for ice", "w/ Decatur PD request", "\xff ICE", "İ for İCE ß", "for for for pd pd"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { speaksFor(s, plate.Asker{Name: s}) })
}

func TestCaseNumbers(t *testing.T) {
	for number, want := range map[string]bool{
		"26-004711": true, "24CF1234": true, "CAD 2611220117": true, "M26 0471": true,
		"": false, "inv": false, "N/A": false, "0000": false, "1": false, "12345": false, "999-999": false, "pending": false, "xxx": false,
	} {
		if hasCase(number) != want {
			t.Errorf("%q: %v", number, !want)
		}
	}
	w := newWorld(t)
	ask := w.ask("ABC123")
	ask.Case = "00-0000"
	if _, err := w.run(ann, ask, ""); !slices.Equal(refused(err), []string{"base.search-case"}) {
		t.Errorf("%v", err)
	}
}

func TestInvalidAsks(t *testing.T) {
	w := newWorld(t)
	for name, spoil := range map[string]func(*plate.Ask){
		"kind":           func(a *plate.Ask) { a.Query.Kind = "x" },
		"no plate":       func(a *plate.Ask) { a.Query.Plate = plate.Pattern{} },
		"convoy of many": func(a *plate.Ask) { a.Query.Kind = plate.Convoy; a.Query.Plate, _ = plate.ParsePattern("AB*") },
		"no area":        func(a *plate.Ask) { a.Query.Kind = plate.InArea; a.Query.Plate = plate.Pattern{} },
		"backwards":      func(a *plate.Ask) { a.Query.To = a.Query.From },
		"the future":     func(a *plate.Ask) { a.Query.From, a.Query.To = w.now.Add(time.Hour), w.now.Add(2*time.Hour) },
		"years ago":      func(a *plate.Ask) { a.Query.From = w.now.AddDate(-2, 0, 0) },
		"offense":        func(a *plate.Ask) { a.Offense = "999" },
		"no note":        func(a *plate.Ask) { a.Note = "  " },
		"a novel":        func(a *plate.Ask) { a.Note = strings.Repeat("x", 501) },
		"her own agency": func(a *plate.Ask) { a.Behalf = police },
	} {
		ask := w.ask("ABC123")
		spoil(&ask)
		var invalid *Invalid
		if _, err := w.run(ann, ask, ""); !errors.As(err, &invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(w.log.all()) != 0 {
		t.Error("what cannot be asked is no act")
	}
}

func TestPreview(t *testing.T) {
	w := newWorld(t)
	w.see(police, "ABC123", time.Minute)
	p, err := w.Preview(t.Context(), ann, w.ask("ABC123"))
	w.must(err)
	if len(p.Reach.Owners) != 6 || p.Reach.Cameras != 12 || p.Reach.LookBack != 168 || len(p.Second) != 0 || len(p.Refused) != 0 {
		t.Errorf("%+v", p)
	}
	for _, f := range p.Answers {
		if f.Permit != (f.Owner != granite) {
			t.Errorf("%+v", f)
		}
	}
	ask := w.ask("ABC123")
	ask.Query.Kind, ask.Note = plate.Convoy, "inv"
	if p, err = w.Preview(t.Context(), ann, ask); err != nil || len(p.Second) != 2 || len(p.Refused) != 0 {
		t.Errorf("%v %+v", err, p.Second)
	}
	ask.Note = "immigration"
	if p, err = w.Preview(t.Context(), ann, ask); err != nil || len(p.Refused) != 1 || len(p.Second) != 1 {
		t.Errorf("%v %+v", err, p)
	}
	ask = w.ask("ABC123")
	ask.Query.Cameras = []string{w.cameras[sheriff][0].ID}
	if p, err = w.Preview(t.Context(), ann, ask); err != nil || len(p.Reach.Owners) != 1 || p.Reach.Cameras != 1 {
		t.Errorf("one camera: %v %+v", err, p.Reach)
	}
	if _, err := w.Preview(t.Context(), officer("ada", police, identity.RoleAdmin), ask); !errors.Is(err, ErrNotFound) {
		t.Errorf("an administrator: %v", err)
	}
	if len(w.log.all()) != 0 || w.finds != 0 {
		t.Error("a preview is no act and reads nothing")
	}
}

func (w *world) propose(who identity.Principal, ask plate.Ask) Proposal {
	w.t.Helper()
	p, err := do(signed(who), func(c gate.Caller) (Proposal, error) { return w.Propose(context.Background(), c, ask) })
	w.must(err)
	return p
}

func (w *world) approve(who identity.Principal, id string) error {
	_, err := do(signed(who), func(c gate.Caller) (Proposal, error) { return w.Approve(context.Background(), c, id) })
	return err
}

func TestSecondOfficer(t *testing.T) {
	w := newWorld(t)
	square, err := geo.ParsePolygon([]byte(`{"type":"Polygon","coordinates":[[[-89.61,39.69],[-89.59,39.69],[-89.59,39.71],[-89.61,39.71],[-89.61,39.69]]]}`))
	w.must(err)
	for rule, widen := range map[string]func(*plate.Ask){
		"base.search-far": func(a *plate.Ask) { a.Query.From = w.now.Add(-31 * 24 * time.Hour) },
		"base.search-area": func(a *plate.Ask) {
			a.Query.Kind, a.Query.Plate, a.Query.Area, a.Query.From = plate.InArea, plate.Pattern{}, square, w.now.Add(-time.Hour)
		},
		"base.search-convoy":  func(a *plate.Ask) { a.Query.Kind = plate.Convoy },
		"base.search-unclear": func(a *plate.Ask) { a.Note = "inv" },
	} {
		ask := w.ask(fmt.Sprintf("ABC%d", len(rule))) // each its own plate
		widen(&ask)
		if _, err := w.run(ann, ask, ""); !slices.Equal(refused(err), []string{rule}) {
			t.Errorf("%s: %v %v", rule, err, refused(err))
		}
		p := w.propose(ann, ask)
		if _, err := w.run(ann, ask, p.ID); !slices.Equal(refused(err), []string{rule}) {
			t.Errorf("%s, not approved: %v", rule, err)
		}
		if err := w.approve(ann, p.ID); !slices.Contains(refused(err), "base.search-second-person") {
			t.Errorf("%s: she approved her own: %v", rule, err)
		}
		if err := w.approve(officer("eve", sheriff), p.ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: another agency approved: %v", rule, err)
		}
		w.must(w.approve(bob, p.ID))
		changed := ask
		changed.Case = "26-004712"
		if _, err := w.run(ann, changed, p.ID); !slices.Equal(refused(err), []string{rule}) {
			t.Errorf("%s: another ask under the approval: %v", rule, err)
		}
		if _, err := w.run(officer("cat", police), ask, p.ID); !slices.Equal(refused(err), []string{rule}) {
			t.Errorf("%s: somebody else used the approval: %v", rule, err)
		}
		got, err := w.run(ann, ask, p.ID)
		if err != nil || got.Search.Approval == 0 || w.log.all()[got.Search.Entry].Act.Public["approval"] != fmt.Sprint(got.Search.Approval) {
			t.Errorf("%s, approved: %v", rule, err)
		}
		if _, err := w.run(ann, ask, p.ID); !slices.Contains(refused(err), rule) {
			t.Errorf("%s: the approval was used twice: %v", rule, err)
		}
	}
	ask := w.ask("QQQ111")
	ask.Query.Kind = plate.Convoy
	p := w.propose(ann, ask)
	w.must(w.approve(bob, p.ID))
	if list, err := w.Proposals(t.Context(), bob); err != nil || len(list) != 1 || list[0].Approver != "bob" {
		t.Errorf("%v %+v", err, list)
	}
	w.pass(25 * time.Hour)
	if _, err := w.run(ann, ask, p.ID); !slices.Equal(refused(err), []string{"base.search-convoy"}) {
		t.Errorf("a day later: %v", err)
	}
	late := w.propose(ann, ask)
	w.pass(25 * time.Hour)
	if err := w.approve(bob, late.ID); !slices.Contains(refused(err), "base.default-deny") {
		t.Errorf("approved a day too late: %v", err)
	}
	city := ask
	city.Query.Kind, city.Query.Plate = plate.InArea, plate.Pattern{}
	city.Query.Area, err = geo.ParsePolygon([]byte(`{"type":"Polygon","coordinates":[[[-89.7,39.6],[-89.5,39.6],[-89.5,39.8],[-89.7,39.8],[-89.7,39.6]]]}`))
	w.must(err)
	_, err = do(signed(ann), func(c gate.Caller) (Proposal, error) { return w.Propose(context.Background(), c, city) })
	if !slices.Equal(refused(err), []string{"base.search-area-limit"}) {
		t.Errorf("a whole city: %v", err)
	}
}

func TestWideReachNeedsSecondOfficer(t *testing.T) {
	w := newWorld(t)
	for i := range 8 {
		ori := fmt.Sprintf("IL09%05d", i)
		w.agencies[ori] = plate.Asker{Agency: ori, Name: "Town", Kind: "municipal", State: "IL", Status: "active"}
		w.cameras[ori] = []plate.Camera{{ID: "c" + ori, Owner: ori}}
		w.share[ori] = sharing.Permission{Allowed: true, Audience: sharing.Exchange}
	}
	w.Sharing = everybody{w}
	ask := w.ask("ABC123")
	if _, err := w.run(ann, ask, ""); !slices.Equal(refused(err), []string{"base.search-wide"}) {
		t.Errorf("%v", err)
	}
	ask.Owners = []string{police, sheriff}
	if got, err := w.run(ann, ask, ""); err != nil || len(got.Answers) != 2 {
		t.Errorf("narrowed: %v", err)
	}
}

// everybody lists all agencies as owners.
type everybody struct{ *world }

func (e everybody) Owners(context.Context, plate.Asker) (list []string, err error) {
	for o := range e.agencies {
		list = append(list, o)
	}
	slices.Sort(list)
	return list, nil
}

// An officer follows somebody's car under reasons that change: from the third
// search on a second officer must agree.
func TestStalking(t *testing.T) {
	w := newWorld(t)
	ask := func(number, note string) plate.Ask {
		a := w.ask("ABC123")
		a.Case, a.Note = number, note
		return a
	}
	for i, a := range []plate.Ask{ask("26-004711", "robbery suspect"), ask("26-004802", "theft of tools")} {
		if _, err := w.run(ann, a, ""); err != nil {
			t.Fatalf("search %d: %v", i+1, err)
		}
		w.pass(6 * 24 * time.Hour)
	}
	third := ask("26-004900", "burglary suspect")
	if _, err := w.run(ann, third, ""); !slices.Equal(refused(err), []string{"base.search-repeated"}) {
		t.Errorf("third: %v", err)
	}
	third.Query.Plate, _ = plate.ParsePattern("ABC12?")
	if _, err := w.run(ann, third, ""); !slices.Equal(refused(err), []string{"base.search-repeated"}) {
		t.Errorf("third, with a wildcard: %v", err)
	}
	third.Query.Plate, _ = plate.ParsePattern("XYZ789")
	if _, err := w.run(ann, third, ""); err != nil {
		t.Errorf("another plate: %v", err)
	}
	if _, err := w.run(bob, ask("26-004900", "burglary suspect"), ""); err != nil {
		t.Errorf("another officer: %v", err)
	}
	same := w.ask("KLM456") // one case, followed for weeks
	for i := range 5 {
		if _, err := w.run(ann, same, ""); err != nil {
			t.Errorf("search %d in one case: %v", i+1, err)
		}
	}
	w.pass(61 * 24 * time.Hour)
	if _, err := w.run(ann, ask("26-005100", "burglary suspect"), ""); err != nil {
		t.Errorf("two months later: %v", err)
	}
}

// Through a peer nobody is let in by name: Illinois does not answer her, whatever
// agencies of its own exchange the owner names; Texas does.
func TestPeersAnswer(t *testing.T) {
	w := newWorld(t)
	w.see(sheriff, "ABC123", time.Minute)
	w.see(travis, "ABC123", time.Minute)
	far := plate.Asker{Agency: "WI0010000", Name: "Badger Police", Kind: "municipal", Status: "active", State: "WI", Exchange: "peer.example/log"}
	for _, audience := range []sharing.Audience{sharing.Peers, sharing.Agencies} {
		w.share[sheriff] = sharing.Permission{Allowed: true, Entry: 3, Audience: audience}
		w.share[travis] = w.share[sheriff]
		search := "peer.example/log/" + string(audience)
		for range 2 {
			got, err := w.Answer(t.Context(), search, far, w.ask("ABC123"))
			w.must(err)
			if a := byOwner(got)[sheriff]; a.Permit || len(a.Reads) > 0 || !slices.Contains(a.Rules, "us-il.search-declaration") {
				t.Errorf("%s: %+v", audience, a)
			}
			if a := byOwner(got)[travis]; !a.Permit || len(a.Reads) != 1 {
				t.Errorf("%s: %+v", audience, a)
			}
		}
		if _, err := w.Answer(t.Context(), search, far, w.ask("XYZ789")); !errors.Is(err, gate.ErrActConflict) {
			t.Errorf("another ask under one search: %v", err)
		}
	}
	bad := w.ask("ABC123")
	bad.Case = "none"
	got, err := w.Answer(t.Context(), "peer.example/log/9", far, bad)
	w.must(err)
	for _, a := range got {
		if a.Permit {
			t.Errorf("%s answered without a case", a.Owner)
		}
	}
}

func TestHistory(t *testing.T) {
	w := newWorld(t)
	got, err := w.run(ann, w.ask("ABC123"), "")
	w.must(err)
	_, err = w.run(officer("tex", lone), w.ask("ABC123"), "")
	w.must(err)
	mine, err := w.Mine(t.Context(), ann, time.Time{}, 10)
	if err != nil || len(mine) != 1 || mine[0].Ask.Case != "26-004711" || mine[0].Entry != got.Search.Entry {
		t.Errorf("%v %+v", err, mine)
	}
	for who, n := range map[*identity.Principal]int{
		{PersonID: "ada", Agency: police, Roles: []identity.Role{identity.RoleAdmin}}: 1, {PersonID: "aud", Roles: []identity.Role{identity.RoleAuditor}}: 2,
	} {
		list, err := w.History(t.Context(), *who, time.Time{}, 10)
		if err != nil || len(list) != n {
			t.Fatalf("%s: %v %d", who.PersonID, err, len(list))
		}
		if r := list[0]; r.Person != "" || r.Ask.Case != "" || r.Ask.Note != "" || r.Ask.Query.Plate.String() != "" || r.Ask.Offense != "120" {
			t.Errorf("%s sees %+v", who.PersonID, r)
		}
	}
	if _, err := w.History(t.Context(), ann, time.Time{}, 10); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
}

func TestRetention(t *testing.T) {
	w := newWorld(t)
	for owner, want := range map[string]time.Duration{police: MostKept, granite: 3 * time.Minute, lone: MostKept} {
		if got := w.Keeper.Keep(owner); got != want {
			t.Errorf("%s: %v", owner, got)
		}
	}
	ada := officer("ada", police, identity.RoleAdmin)
	set := func(who identity.Principal, owner string, keep time.Duration) (Retention, error) {
		return do(signed(who), func(c gate.Caller) (Retention, error) { return w.Keeper.Set(context.Background(), c, owner, keep) })
	}
	r, err := set(ada, police, 7*24*time.Hour)
	if err != nil || r.Keep != 7*24*time.Hour || w.Keeper.Keep(police) != r.Keep {
		t.Errorf("%v %+v", err, r)
	}
	if r, err = set(officer("gus", granite, identity.RoleAdmin), granite, 24*time.Hour); err != nil || r.Keep != 3*time.Minute || r.Cites == "" {
		t.Errorf("longer than the law: %v %+v", err, r)
	}
	for _, who := range []identity.Principal{officer("tex", lone, identity.RoleAdmin), ann, officer("op", "", identity.RoleOperator)} {
		if _, err := set(who, police, MostKept); refused(err) == nil {
			t.Errorf("%s changed it: %v", who.PersonID, err)
		}
	}
	var invalid *Invalid
	if _, err := set(ada, police, 31*24*time.Hour); !errors.As(err, &invalid) {
		t.Errorf("longer than anybody: %v", err)
	}
	// What its owner may no longer keep is not found, though it is not purged yet.
	w.see(sheriff, "ABC123", 2*24*time.Hour)
	_, err = set(officer("sam", sheriff, identity.RoleAdmin), sheriff, 24*time.Hour)
	w.must(err)
	got, err := w.run(ann, w.ask("ABC123"), "")
	w.must(err)
	if n := len(byOwner(got.Answers)[sheriff].Reads); n != 0 {
		t.Errorf("%d reads past their retention", n)
	}
}

func (w *world) keep(who identity.Principal, d HoldDraft) (Hold, error) {
	return do(signed(who), func(c gate.Caller) (Hold, error) { return w.Hold(context.Background(), c, d) })
}

func TestHold(t *testing.T) {
	w := newWorld(t)
	w.see(sheriff, "ABC123", time.Hour)
	w.see(sheriff, "ABC123", 2*time.Hour)
	got, err := w.run(ann, w.ask("ABC123"), "")
	w.must(err)
	read := byOwner(got.Answers)[sheriff].Reads[0]
	d := HoldDraft{Search: got.Search.ID, Owner: sheriff, Reads: []plate.ID{read.ID}, Case: "26-004711", Reason: "the car of the robbery", Days: 90}
	if _, err := w.keep(bob, d); !errors.Is(err, ErrNotFound) {
		t.Errorf("somebody else's search: %v", err)
	}
	for _, spoil := range []func(*HoldDraft){func(d *HoldDraft) { d.Case = "" }, func(d *HoldDraft) { d.Reason = " " }, func(d *HoldDraft) { d.Days = 366 }, func(d *HoldDraft) { d.Days = 0 }} {
		bad := d
		spoil(&bad)
		if _, err := w.keep(ann, bad); !slices.Contains(refused(err), "base.read-hold-case") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	foreign := d
	foreign.Reads = []plate.ID{w.see(sheriff, "XYZ789", time.Hour)}
	var invalid *Invalid
	if _, err := w.keep(ann, foreign); !errors.As(err, &invalid) {
		t.Errorf("a read that was in no answer: %v", err)
	}
	h, err := w.keep(ann, d)
	if err != nil || h.Reads != 1 {
		t.Fatalf("%v %+v", err, h)
	}
	w.pass(40 * 24 * time.Hour)
	_, err = w.Purge(t.Context())
	w.must(err)
	_, kept, err := w.Held(t.Context(), ann, h.ID)
	if err != nil || len(kept) != 1 || kept[0].Text != "ABC123" || kept[0].ID != read.ID {
		t.Errorf("%v %+v", err, kept)
	}
	if r, err := w.Led(t.Context(), ann, fmt.Sprint(got.Search.Entry), read.ID); err != nil || r == nil {
		t.Errorf("the search leads no more to a held read: %v", err)
	}
	for _, e := range w.log.all() {
		if e.Act.Action == "reads.purge" && e.Act.Public["owner"] == sheriff && (e.Act.Public["held"] != "1" || e.Act.Public["reads"] != "3" || e.Act.Public["days"] != "30") {
			t.Errorf("%+v", e.Act.Public)
		}
	}
	w.pass(60 * 24 * time.Hour)
	if n, err := w.Sweep(t.Context()); err != nil || n != 1 {
		t.Errorf("%d %v", n, err)
	}
	if _, _, err := w.Held(t.Context(), ann, h.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("after its time: %v", err)
	}
	release := func(who identity.Principal, id string) error {
		_, err := do(signed(who), func(c gate.Caller) (*gate.Grant, error) { return w.Release(context.Background(), c, id) })
		return err
	}
	w.see(sheriff, "ABC123", time.Hour)
	if got, err = w.run(bob, w.ask("ABC123"), ""); err != nil {
		t.Fatal(err)
	}
	h, err = w.keep(bob, HoldDraft{Search: got.Search.ID, Owner: sheriff, Case: "26-004711", Reason: "as above", Days: 5})
	w.must(err)
	if err := release(officer("eve", sheriff), h.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("the owner released it: %v", err)
	}
	w.must(release(ann, h.ID))
	if list, err := w.Holds(t.Context(), bob); err != nil || len(list) != 0 {
		t.Errorf("%v %+v", err, list)
	}
}

// days drops reads, and fails the test when their entry is not in the log; it can
// be made to crash before or after.
type days struct {
	*reads.Store
	w             *world
	before, after error
	short         bool
}

func (d *days) Drop(ctx context.Context, day reads.Day) error {
	if d.before != nil {
		return d.before
	}
	if !d.short && d.w.log.count("reads.purge", true) == 0 {
		d.w.t.Error("reads went before their entry")
	}
	if err := d.Store.Drop(ctx, day); err != nil {
		return err
	}
	return d.after
}

func TestPurgeSurvivesCrashes(t *testing.T) {
	w := newWorld(t)
	d := &days{Store: w.store, w: w}
	w.Days = d
	for i := range 5 {
		w.see(police, "ABC123", time.Duration(i)*time.Second)
	}
	w.see(sheriff, "ABC123", time.Second)
	w.pass(32 * 24 * time.Hour)
	crash := errors.New("the power went")
	faults := []func(){
		func() { w.log.fault = func(ledger.Entry) (bool, error) { return false, crash } },
		func() { w.log.fault = func(ledger.Entry) (bool, error) { return true, ledger.ErrUnpublished } },
		func() { d.before = crash },
		func() { d.after = crash },
	}
	for i, fault := range faults {
		fault()
		if _, err := w.Purge(t.Context()); err == nil {
			t.Fatalf("crash %d went unnoticed", i)
		}
		w.log.fault, d.before, d.after = nil, nil, nil
		w.restart()
	}
	if _, err := w.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	voided, counts := map[string]bool{}, map[string]string{}
	for _, e := range w.log.all() {
		if e.Act.Action == "act.void" {
			voided[e.Act.Public["of"]] = true
		}
	}
	for i, e := range w.log.all() {
		if e.Act.Action == "reads.purge" && !voided[fmt.Sprint(i)] {
			counts[e.Act.Public["owner"]] += e.Act.Public["reads"] + " "
		}
	}
	if counts[police] != "5 " || counts[sheriff] != "1 " {
		t.Errorf("entries that stand: %v", counts)
	}
	if left, err := w.store.Due(t.Context(), w.clock()); err != nil || len(left) != 0 {
		t.Errorf("%v still there: %v", left, err)
	}
	if list, err := w.purges(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("left over: %v %v", list, err)
	}
}

// Where reads live for minutes they go at once, and the hour's entry counts them.
func TestShortRetentionIsCountedByTheHour(t *testing.T) {
	w := newWorld(t)
	d := &days{Store: w.store, w: w, short: true}
	w.Days = d
	gone := 0
	for range 16 { // 12:00 to 13:20
		w.see(granite, "ABC123", time.Second)
		w.pass(5 * time.Minute)
		d.after = errors.New("the power went")
		w.Purge(t.Context())
		d.after = nil
		n, err := w.Purge(t.Context())
		w.must(err)
		gone += n
		if left, err := w.store.Due(t.Context(), w.clock()); err != nil || len(left) != 0 {
			t.Fatalf("%v still there: %v", left, err)
		}
	}
	w.pass(2 * time.Hour)
	_, err := w.Purge(t.Context())
	w.must(err)
	total, entries := 0, 0
	for _, e := range w.log.all() {
		if e.Act.Action == "reads.purge" {
			var n int
			fmt.Sscan(e.Act.Public["reads"], &n)
			total, entries = total+n, entries+1
			if e.Act.Public["minutes"] != "3" {
				t.Errorf("%+v", e.Act.Public)
			}
		}
	}
	if total != 16 || entries < 2 || entries > 3 {
		t.Errorf("%d reads in %d entries", total, entries)
	}
}

func TestExport(t *testing.T) {
	w := newWorld(t)
	w.see(police, "ABC123", time.Hour)
	w.see(sheriff, "ABC123", 2*time.Hour)
	w.see(granite, "ABC123", time.Minute)
	got, err := w.run(ann, w.ask("ABC123"), "")
	w.must(err)
	by := signed(ann)
	export := func(by gate.Caller, format string) (Export, error) {
		return do(by, func(c gate.Caller) (Export, error) { return w.Export(context.Background(), c, got.Search.ID, format) })
	}
	if _, err := export(signed(bob), CSV); !errors.Is(err, ErrNotFound) {
		t.Errorf("somebody else's: %v", err)
	}
	x, err := export(by, CSV)
	w.must(err)
	again, err := export(by, CSV)
	if err != nil || again.Entry != x.Entry || len(again.Rows) != 2 || again.Rows[0].Mark != x.Rows[0].Mark {
		t.Errorf("a repeat differs: %v %+v", err, again)
	}
	if e := w.log.all()[x.Entry]; e.Act.Public["search"] != fmt.Sprint(got.Search.Entry) || e.Act.Public["rows"] != "2" {
		t.Errorf("%+v", e.Act.Public)
	}
	var file bytes.Buffer
	w.must(x.Write(&file, nil))
	r := csv.NewReader(&file)
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil || len(rows) != 3 {
		t.Fatalf("%v %q", err, rows)
	}
	row := map[string]string{}
	for i, c := range rows[0] {
		row[c] = rows[1][i]
	}
	answer := byOwner(got.Answers)[row["owner"]]
	if row["search"] != fmt.Sprint(got.Search.Entry) || row["answer"] != fmt.Sprint(answer.Entry) || row["camera_name"] != "'=Main St" || row["make"] != "'=toyota" ||
		!strings.HasPrefix(row["longitude"], "-89.6") {
		t.Errorf("%v", row)
	}
	audrey := officer("audrey", "", identity.RoleAuditor)
	// A row leaks; weeks later the read is long gone.
	w.pass(90 * 24 * time.Hour)
	_, err = w.Purge(t.Context())
	w.must(err)
	traced, err := w.Trace(t.Context(), audrey, strings.ToUpper(row["mark"]))
	if err != nil || traced.Export != x.Entry || traced.Search != got.Search.Entry || traced.Agency != police || traced.Read != x.Rows[0].ID {
		t.Errorf("%v %+v", err, traced)
	}
	forged := row["mark"][:len(row["mark"])-1] + "a"
	if forged == row["mark"] {
		forged = row["mark"][:len(row["mark"])-1] + "b"
	}
	for who, mark := range map[*identity.Principal]string{&audrey: forged, &ann: row["mark"]} {
		if _, err := w.Trace(t.Context(), *who, mark); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s traces %s: %v", who.Name, mark, err)
		}
	}
	h, err := export(signed(ann), HTML)
	w.must(err)
	if h.Purged != 2 || len(h.Rows) != 0 {
		t.Errorf("%d purged, %d rows", h.Purged, len(h.Rows))
	}
	var page bytes.Buffer
	w.must(h.Write(&page, func(key string, pairs ...any) string { return key + " <b>" }))
	if !strings.Contains(page.String(), "porchlight-receipt/v1") || strings.Contains(page.String(), " <b>") || strings.Contains(page.String(), "<script") {
		t.Error(page.String())
	}
	w.must(x.Write(io.Discard, nil))
}

func TestForgetting(t *testing.T) {
	w := newWorld(t)
	_, err := w.run(ann, w.ask("ABC123"), "")
	w.must(err)
	w.pass(6 * 365 * 24 * time.Hour)
	_, err = w.Sweep(t.Context())
	w.must(err)
	for _, table := range []string{"search_run", "search_plan", "search_answer"} {
		var n int
		w.must(w.DB.Read().QueryRow(`SELECT count(*) FROM ` + table).Scan(&n))
		if n != 0 {
			t.Errorf("%s has %d rows", table, n)
		}
	}
}
