package sharing_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"porchlight/gate"
	"porchlight/identity"
	"porchlight/internal/softkey"
	"porchlight/ledger"
	"porchlight/plate"
	. "porchlight/plate/sharing"
)

func TestAudiences(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newWorld(t)
	if got := w.may(w.Service); got != "" {
		t.Fatalf("before anything was set %q are let in", got)
	}
	for _, c := range []struct {
		setting Setting
		want    string
	}{
		{Setting{Audience: Agencies, Agencies: []string{sheriff, olympia}}, "so"},
		{Setting{Audience: Distance, Km: 1}, "s"},
		{Setting{Audience: Distance, Km: 100}, "s"},
		{Setting{Audience: Distance, Km: 115}, "su"},
		{Setting{Audience: SameState, Peers: []string{"peer.example/log"}}, "sup"},
		{Setting{Audience: LikeLaw}, "suo"},
		{Setting{Audience: Peers, Peers: []string{"peer.example/log"}}, "p"},
		{Setting{Audience: Exchange}, "suo"},
		{Setting{Audience: Nobody}, ""},
	} {
		must(t, w.change(w.admin, c.setting))
		if got := w.may(w.Service); got != c.want {
			t.Errorf("%+v lets in %q, want %q", c.setting, got, c.want)
		}
		if got := w.may(w.restart()); got != c.want {
			t.Errorf("%+v, after a restart, lets in %q, want %q", c.setting, got, c.want)
		}
		now, err := w.Current(ctx, city)
		must(t, err)
		if now.Audience != c.setting.Audience || now.Unproved || now.Enrolment == 0 || now.Entry == 0 {
			t.Errorf("current %+v", now)
		}
		r, err := w.Reach(ctx, city, c.setting)
		must(t, err)
		said := ""
		for _, o := range []string{sheriff, upstate, olympia} {
			if slices.ContainsFunc(r.Agencies, func(m Member) bool { return m.ORI == o }) {
				said += map[string]string{sheriff: "s", upstate: "u", olympia: "o"}[o]
			}
		}
		if said += strings.Repeat("p", len(r.Peers)); said != c.want {
			t.Errorf("%+v is said to reach %q, want %q", c.setting, said, c.want)
		}
	}
}

// On behalf of somebody counts as much as who types.
func TestBehalfAndOwners(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newWorld(t)
	must(t, w.change(w.admin, Setting{Audience: SameState}))
	for _, c := range []struct {
		asker plate.Asker
		want  bool
	}{
		{plate.Asker{Agency: city}, true},
		{plate.Asker{Agency: city, Exchange: "peer.example/log"}, false}, // another's agency of the same name
		{plate.Asker{Agency: city, Behalf: &plate.Asker{Agency: sheriff}}, true},
		{plate.Asker{Agency: city, Behalf: &plate.Asker{Agency: olympia}}, false},
		{plate.Asker{Agency: city, Behalf: &plate.Asker{Name: "Federal errand", Kind: "federal"}}, false},
		{plate.Asker{Agency: sheriff, Behalf: &plate.Asker{Agency: city}}, true},
		{plate.Asker{Agency: sheriff, Behalf: &plate.Asker{Agency: olympia}}, false},
	} {
		p, err := w.May(ctx, city, c.asker)
		must(t, err)
		if p.Allowed != c.want {
			t.Errorf("%+v: %+v", c.asker, p)
		}
	}
	for asker, want := range map[string][]string{sheriff: {sheriff, city}, olympia: {olympia}, city: {city}} {
		got, err := w.Owners(ctx, plate.Asker{Agency: asker})
		must(t, err)
		if !slices.Equal(got, want) {
			t.Errorf("%s may search %v, want %v", asker, got, want)
		}
	}
}

func TestRefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newWorld(t)
	for field, s := range map[string]Setting{
		"audience": {Audience: "everybody"},
		"agencies": {Audience: Agencies, Agencies: []string{stranger}},
		"km":       {Audience: Distance, Km: MaxKm + 1},
		"peers":    {Audience: Peers, Peers: []string{"nobody.example/log"}},
	} {
		var bad *Invalid
		if err := w.change(w.admin, s); !errors.As(err, &bad) || bad.Field != field {
			t.Errorf("%+v: %v", s, err)
		}
	}
	for _, s := range []Setting{
		{Audience: Agencies}, {Audience: Agencies, Agencies: []string{city}}, {Audience: SameState, Km: 5},
		{Audience: Agencies, Agencies: []string{upstate, sheriff}}, {Audience: Agencies, Agencies: []string{sheriff, sheriff}},
		{Audience: Nobody, Peers: []string{"peer.example/log"}}, {Audience: SameState, Agencies: []string{sheriff}}, {Audience: Distance},
	} {
		if err := w.change(w.admin, s); !errors.As(err, new(*Invalid)) {
			t.Errorf("%+v: %v", s, err)
		}
	}
	investigator := w.invited(w.admin, "Ines", city, identity.RoleInvestigator)
	for _, p := range []*person{investigator, w.op, w.auditor} {
		err := w.change(p, Setting{Audience: Exchange})
		if !errors.As(err, new(*gate.Refusal)) && !errors.Is(err, ErrNotFound) {
			t.Errorf("%v set sharing: %v", p.Roles, err)
		}
	}
	// A person who becomes administrator later signs with a passkey that nobody
	// knows as an administrator's, until she enrols one as such.
	who := investigator.Person
	token := w.invite(w.admin, who, identity.RoleAdmin)
	var err error
	investigator.Person, err = w.people.Person(ctx, who.ID)
	must(t, err)
	if err := w.change(investigator, Setting{Audience: Exchange}); !errors.Is(err, ErrKey) {
		t.Fatalf("with her old passkey: %v", err)
	}
	investigator.key = softkey.New()
	w.enrolOn(investigator, token)
	must(t, w.change(investigator, Setting{Audience: Exchange}))
	if got := w.may(w.Service); got != "suo" {
		t.Fatalf("with her new passkey %q are let in", got)
	}
}

func TestRestrictTakesEffectAtOnce(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newWorld(t)
	restricted := func(s *Service, agency, state string, want bool) {
		t.Helper()
		if got, err := s.Restricted(ctx, agency, state); err != nil || got != want {
			t.Fatalf("%s in %s: %t, %v, want %t", agency, state, got, err, want)
		}
	}
	bar := func(p *person, do func(context.Context, gate.Caller, string, string, string) (*gate.Grant, error), reason string) error {
		return w.do(p, func(c gate.Caller) error { _, err := do(ctx, c, sheriff, "IL", reason); return err })
	}
	restricted(w.Service, sheriff, "IL", false)
	must(t, bar(w.auditor, w.Restrict, "Searched for neighbors."))
	for _, s := range []*Service{w.Service, w.restart()} {
		restricted(s, sheriff, "IL", true)
		restricted(s, sheriff, "WA", false)
		restricted(s, city, "IL", false)
	}
	if err := bar(w.auditor, w.Restrict, "Again."); !errors.Is(err, ErrState) {
		t.Fatalf("twice: %v", err)
	}
	if err := bar(w.auditor, w.Readmit, "  "); !errors.As(err, new(*gate.Refusal)) {
		t.Fatalf("without a reason: %v", err)
	}
	if err := bar(w.op, w.Readmit, "A favor."); !errors.As(err, new(*gate.Refusal)) {
		t.Fatalf("the operator: %v", err)
	}
	list, err := w.Restrictions(ctx)
	must(t, err)
	if len(list) != 1 || list[0].Agency != sheriff || list[0].State != "IL" || list[0].Entry == 0 {
		t.Fatalf("restrictions %+v", list)
	}
	must(t, bar(w.auditor, w.Readmit, "Trained."))
	at, err := w.log.Size(ctx)
	must(t, err)
	for _, s := range []*Service{w.Service, w.restart()} {
		restricted(s, sheriff, "IL", false)
	}
	// Who lifts a bar must be shown to be an auditor.
	w.sql(`DELETE FROM act_private WHERE act IN (SELECT id FROM acts WHERE idx = ?)`, int64(at-1))
	restricted(w.restart(), sheriff, "IL", true)
}

// The operator has the database, and can add to the ledger. Nothing she does
// there lets anybody in whom the administrator did not.
func TestTheOperatorCannotWiden(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newWorld(t)
	must(t, w.change(w.admin, Setting{Audience: Exchange}))
	wide := w.newest(t)
	wideRecord, err := w.gate.At(ctx, wide)
	must(t, err)
	must(t, w.change(w.admin, Setting{Audience: Agencies, Agencies: []string{sheriff}}))
	narrow := w.newest(t)
	record, err := w.gate.At(ctx, narrow)
	must(t, err)
	signatureOf := func(r gate.Record) (s identity.Signed) {
		must(t, json.Unmarshal([]byte(r.Private(gate.PrivateSignature)), &s))
		return s
	}
	// both says whom the running service and a restarted one let in.
	both := func() [2]string { return [2]string{w.may(w.Service), w.may(w.restart())} }
	if got := both(); got != [2]string{"s", "s"} {
		t.Fatalf("at first %q", got)
	}

	// Rewriting rows: the act says what it likes, the ledger what was signed.
	w.sql(`UPDATE acts SET entry = replace(entry, '"agencies":"`+sheriff+`","audience":"agencies"', '"audience":"exchange"') WHERE idx = ?`, int64(narrow))
	if got := both(); got != [2]string{"s", "s"} {
		t.Fatalf("with a rewritten row %q", got)
	}
	// The narrow setting's signature replaced by the wide one's, and the wide
	// one's row put in its place.
	w.sql(`UPDATE act_private SET salt = (SELECT p.salt FROM act_private p JOIN acts a ON a.id = p.act WHERE a.idx = ? AND p.name = 'signature'),
		value = (SELECT p.value FROM act_private p JOIN acts a ON a.id = p.act WHERE a.idx = ? AND p.name = 'signature')
		WHERE name = 'signature' AND act = (SELECT id FROM acts WHERE idx = ?)`, int64(wide), int64(wide), int64(narrow))
	if got := both(); got != [2]string{"s", ""} {
		t.Fatalf("with another's signature %q", got)
	}
	// Deleting the narrow setting does not bring the wide one back.
	w.sql(`DELETE FROM act_private WHERE act IN (SELECT id FROM acts WHERE idx = ?)`, int64(narrow))
	w.sql(`UPDATE acts SET idx = 999999 WHERE idx = ?`, int64(narrow))
	if got := both(); got != [2]string{"s", ""} {
		t.Fatalf("with rows deleted %q", got)
	}
	must(t, w.change(w.admin, Setting{Audience: Agencies, Agencies: []string{sheriff}}))
	narrow = w.newest(t)
	record, err = w.gate.At(ctx, narrow)
	must(t, err)

	// Replaying the wide one: the same act with its true signature, once more.
	w.forge(wideRecord.Entry, signatureOf(wideRecord))
	if got := both(); got != [2]string{"s", "s"} {
		t.Fatalf("after a replay %q", got)
	}
	// Voiding the narrow one closes; it does not go back.
	closes := func(what string) {
		t.Helper()
		if got := both(); got != [2]string{"", ""} {
			t.Fatalf("%s: %q", what, got)
		}
		must(t, w.change(w.admin, Setting{Audience: Agencies, Agencies: []string{sheriff}}))
		if got := both(); got != [2]string{"s", "s"} {
			t.Fatalf("after %s, set anew: %q", what, got)
		}
	}
	_, err = w.log.Append(ctx, ledger.Entry{V: 1, Act: ledger.Act{ID: gate.NewActID(), Action: "act.void", Actor: "system", Hour: record.Entry.Act.Hour,
		Public: map[string]string{"of": fmt.Sprint(narrow), "reason": "failed"}}, Decision: record.Entry.Decision})
	must(t, err)
	closes("a void")

	// The wide act under a new id, with a signature over something else.
	forged := wideRecord.Entry
	forged.Act.ID = gate.NewActID()
	w.forge(forged, signatureOf(wideRecord))
	closes("another act's signature")

	// A passkey of the operator's own, in the role and agency she likes.
	forged.Act.ID = gate.NewActID()
	w.forge(forged, w.sign(w.op, forged.Act))
	closes("the operator's signature")

	// An administrator who is one in the database only: through the program she
	// is told, around it she closes.
	mole := w.invited(w.admin, "Mole", city, identity.RoleInvestigator)
	w.sql(`UPDATE identity_people SET roles = '["admin"]' WHERE id = ?`, mole.ID)
	mole.Person, err = w.people.Person(ctx, mole.ID)
	must(t, err)
	if err := w.change(mole, Setting{Audience: Exchange}); !errors.Is(err, ErrKey) {
		t.Fatalf("the mole: %v", err)
	}
	if got := both(); got != [2]string{"s", "s"} {
		t.Fatalf("with a mole %q", got)
	}
	forged.Act.ID = gate.NewActID()
	w.forge(forged, w.sign(mole, forged.Act))
	closes("the mole's signature")
	must(t, w.do(mole, func(c gate.Caller) error { // the gate believes the database
		_, err := w.gate.Do(ctx, gate.Act{Action: "sharing.change", By: c, Role: identity.RoleAdmin, Objects: []string{city},
			Public: map[string]string{"owner": city, "audience": "exchange"}, Open: []string{gate.PrivateSignature},
			Facts: map[string]any{"own_agency": true}, Jurisdictions: []string{"IL"}}, nil)
		return err
	}))
	closes("the mole through the gate")

	// An administrator who left, whom the operator lets sign all the same.
	second := w.invited(w.admin, "Second", city, identity.RoleAdmin)
	must(t, w.change(second, Setting{Audience: Agencies, Agencies: []string{sheriff}}))
	held := forged.Act // signed while she was one, recorded when she was not
	held.ID = gate.NewActID()
	kept := w.sign(second, held)
	must(t, w.do(w.admin, func(c gate.Caller) error { _, err := w.roster.RemovePerson(ctx, c, second.ID); return err }))
	if got := both(); got != [2]string{"s", "s"} {
		t.Fatalf("what she set while she was one stands until another sets it: %q", got)
	}
	e := forged
	e.Act = held
	w.forge(e, kept)
	closes("a removed administrator's signature")

	// Her jurisdiction moved, or her agency's state changed, in the database.
	must(t, w.change(w.admin, Setting{Audience: Distance, Km: 50}))
	w.sql(`UPDATE roster_agencies SET state = 'IL', jurisdiction = (SELECT jurisdiction FROM roster_agencies WHERE ori = ?) WHERE ori IN (?, ?)`, city, upstate, olympia)
	if got := both(); got != [2]string{"s", "s"} {
		t.Fatalf("with moved jurisdictions %q", got)
	}
	must(t, w.change(w.admin, Setting{Audience: SameState}))
	if got := both(); got != [2]string{"su", "su"} {
		t.Fatalf("with changed states %q", got)
	}
}

// newest is the index of the last entry.
func (w *world) newest(t testing.TB) uint64 {
	size, err := w.log.Size(t.Context())
	must(t, err)
	return size - 1
}

func TestAlike(t *testing.T) {
	for _, c := range []struct {
		of, with string
		want     bool
	}{
		{"IL", "IL", true}, {"MT", "MT", true}, {"MT", "IL", false}, {"IL", "MT", false}, // Montana has no law here
		{"IL", "WA", true},  // Washington bans what Illinois bans, and more
		{"IL", "TX", false}, // Texas bans none of it
		{"TX", "IL", true},
		{"WA", "IL", false}, // Illinois has no closed list
	} {
		if got := Alike(c.of, c.with); got != c.want {
			t.Errorf("Alike(%s, %s) = %t", c.of, c.with, got)
		}
	}
}

// The speed of a fold: of a log of which most is not its concern.
func TestFoldSpeed(t *testing.T) {
	n := 3000
	if s := os.Getenv("SHARING_FOLD"); s != "" {
		_, err := fmt.Sscan(s, &n)
		must(t, err)
	}
	ctx := t.Context()
	skey, vkey, err := ledger.GenerateKey("exchange.example/log")
	must(t, err)
	signer, err := note.NewSigner(skey)
	must(t, err)
	log, err := ledger.Open(ctx, ledger.Options{Dir: t.TempDir(), Signer: signer, LogKey: vkey, Deadline: time.Minute})
	must(t, err)
	defer log.Close()
	fill(t, log, n)
	began := time.Now()
	s, err := New(ctx, Options{Log: log, Site: rpID})
	must(t, err)
	took := time.Since(began)
	members, err := s.Members(ctx)
	must(t, err)
	if len(members) != n/1000 {
		t.Fatalf("%d agencies", len(members))
	}
	t.Logf("%d entries folded in %v: %.0f a second", n, took, float64(n)/took.Seconds())
}

// fill appends n entries: searches' answers, and each thousandth an invitation.
func fill(t testing.TB, log *ledger.Log, n int) {
	t.Helper()
	salt := ledger.NewSalt()
	c := ledger.Commit("at", salt, "x")
	jobs := make(chan int)
	done := make(chan error)
	for range 512 {
		go func() {
			var err error
			for i := range jobs {
				a := ledger.Act{ID: fmt.Sprintf("%026d", i), Action: "search.answer", Actor: "system", Hour: "2026-11-22T05:00:00Z",
					Public:  map[string]string{"search": "100000", "asker": sheriff, "owner": city, "kind": "plate", "offense": "stolen-vehicle", "purposes": "stolen-vehicle", "grant": "12"},
					Private: map[string]ledger.Commitment{"at": c, "objects": c}}
				if i%1000 == 0 {
					a.Action, a.Actor, a.Public = "agency.invite", "operator", map[string]string{"agency": fmt.Sprintf("IL%07d", i), "name": "A", "kind": "county", "state": "IL", "jurisdiction_sha256": ""}
				}
				_, e := log.Append(t.Context(), ledger.Entry{V: 1, Act: a, Decision: ledger.Decision{Permit: true, Rules: []string{"base.search-answer"}, Packs: map[string]string{"base": strings.Repeat("ab", 32), "us-il": strings.Repeat("cd", 32)}}})
				err = errors.Join(err, e)
			}
			done <- err
		}()
	}
	for i := range n {
		jobs <- i
	}
	close(jobs)
	for range 512 {
		must(t, <-done)
	}
}
