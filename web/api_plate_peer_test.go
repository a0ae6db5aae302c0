package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"porchlight/exchange"
	"porchlight/identity"
	"porchlight/internal/actor"
	"porchlight/internal/testworld"
	"porchlight/ledger"
	"porchlight/plate"
	"porchlight/plate/intake"
	"porchlight/web"
)

// address is where an exchange is reached. Another can take it over, and who
// listens on the way keeps each lookup that came.
type address struct {
	url     string
	mu      sync.Mutex
	site    http.Handler
	lookups []*http.Request // with their bodies
}

func newAddress(t *testing.T) *address {
	a := &address{}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	a.url = "http://localhost" + server.URL[strings.LastIndex(server.URL, ":"):]
	return a
}

func (a *address) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	site := a.site
	a.mu.Unlock()
	if r.URL.Path == "/api/v1/peer/lookups" {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		kept := r.Clone(context.Background())
		kept.Body, r.Body = io.NopCloser(bytes.NewReader(body)), io.NopCloser(bytes.NewReader(body))
		a.mu.Lock()
		a.lookups = append(a.lookups, kept)
		a.mu.Unlock()
	}
	site.ServeHTTP(w, r)
}

// came is how many lookups came here.
func (a *address) came() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.lookups)
}

// abroad is an exchange with one agency, whose one camera has read ABC123.
type abroad struct {
	*testworld.Town
	*address
	origin, key, state string
	dir                string
	x                  *exchange.Exchange
	police             *testworld.Agency
	officer            *actor.Person
}

// newAbroad opens an exchange at an address. before, if not nil, is done with its
// data directory first.
func newAbroad(t *testing.T, at *address, origin, state string, before func(dir string) error) *abroad {
	t.Helper()
	ctx := t.Context()
	a := &abroad{address: at, origin: origin, state: state, dir: filepath.Join(t.TempDir(), "x")}
	cfg := exchange.Config{Dir: a.dir, Name: "Exchange of " + state, Origin: origin, BaseURL: at.url, State: state}
	made, err := exchange.Init(ctx, cfg, countyArea)
	check(t, err)
	a.key = made.LogKey
	if before != nil {
		check(t, before(a.dir))
	}
	a.x, err = exchange.Open(ctx, cfg)
	check(t, err)
	t.Cleanup(func() {
		if err := a.x.Close(); err != nil {
			t.Error(err)
		}
	})
	at.mu.Lock()
	at.site = a.x.Handler()
	at.mu.Unlock()
	a.Town = &testworld.Town{URL: at.url, Operator: actor.NewPerson(at.url, "Operator")}
	check(t, a.Operator.Enrol(ctx, made.OperatorLink))
	a.police = &testworld.Agency{ORI: state + "0160000", Name: "Police of " + state}
	token, err := a.InviteAgencyOf(ctx, a.police, "municipal", state)
	check(t, err)
	check(t, a.police.Staff(ctx, at.url, token, identity.RoleInvestigator))
	a.officer = a.police.Investigator
	camera, err := a.police.Admin.AddSigningCamera(ctx, "Main St", -89.65, 39.75)
	check(t, err)
	told, err := camera.Send(ctx, camera.Batch(intake.Sighting{Read: plate.Read{Event: "1", Text: "ABC123", Region: "US-" + state, Confidence: 940,
		Seen: time.Now().Add(-time.Minute), Heading: 90, Vehicle: plate.Vehicle{Type: "car", Make: "toyota", Color: "silver"}}}))
	if err != nil || told.Fresh != 1 {
		t.Fatalf("%v %+v", err, told)
	}
	return a
}

// pin adds another exchange under the key that its operator gave out.
func (a *abroad) pin(t *testing.T, other *abroad) {
	t.Helper()
	_, err := a.Operator.Act(t.Context(), "/peers", web.NewPeer{Origin: other.origin, Key: other.key, URL: other.url}, nil)
	check(t, err)
}

func (a *abroad) share(t *testing.T, s web.SharingSetting) uint64 {
	t.Helper()
	entry, err := a.police.Admin.Act(t.Context(), "/sharing", s, nil)
	check(t, err)
	return entry
}

// ask has the officer search, naming another exchange, and reads what it says.
func (a *abroad) ask(t *testing.T, ask web.PlateAsk, other *abroad) (searched, web.PeerSaid) {
	t.Helper()
	ask.Peers = []string{other.origin}
	var got searched
	_, err := a.officer.Act(t.Context(), "/plates/searches", ask, &got)
	check(t, err)
	return got, a.hear(t, got.Search.ID)
}

// hear reads what the one exchange that a search named says to it.
func (a *abroad) hear(t *testing.T, search string) web.PeerSaid {
	t.Helper()
	var said []web.PeerSaid
	lines := json.NewDecoder(bytes.NewReader(call(t, a.officer, "GET", "/plates/searches/"+search+"/peers", nil, nil)))
	for lines.More() {
		var one web.PeerSaid
		check(t, lines.Decode(&one))
		said = append(said, one)
	}
	if len(said) != 1 {
		t.Fatalf("%d lines", len(said))
	}
	return said[0]
}

// entries are those of one action in the exchange's ledger.
func (a *abroad) entries(t *testing.T, action string) (list []ledger.Indexed) {
	t.Helper()
	for e, err := range a.x.Log.Entries(t.Context(), 0) {
		check(t, err)
		if e.Entry.Act.Action == action {
			list = append(list, e)
		}
	}
	return list
}

// page is a public page as everybody gets it.
func (a *abroad) page(t *testing.T, path string) string {
	t.Helper()
	res, err := http.Get(a.url + path)
	check(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	check(t, err)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", path, res.Status)
	}
	return string(text)
}

// proves checks a receipt against an exchange's key alone.
func (a *abroad) proves(receipt string) error {
	rc, err := ledger.ParseReceipt([]byte(receipt))
	if err != nil {
		return err
	}
	report, err := ledger.Verifier{Origin: a.origin, LogKey: a.key}.Receipt(rc)
	return errors.Join(err, report.Err())
}

// A search that goes from an exchange of Illinois to one of Texas and back, over
// HTTP: found, recorded and proved on both sides; refused by the law of either,
// by the owner, by the operator; not to be repeated by who overhears it, nor to
// be asked or answered by who took the address over, its key for lookups too.
func TestLookupBetweenTwoExchanges(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	il, tx := newAbroad(t, newAddress(t), "exchange.illinois.example", "IL", nil), newAbroad(t, newAddress(t), "exchange.texas.example", "TX", nil)
	il.pin(t, tx)
	tx.pin(t, il)
	let := web.SharingSetting{Audience: "peers", Peers: []string{il.origin}}
	grant := tx.share(t, let)
	robbery := plateAsk("ABC12?")

	// Found there, and recorded there.
	named := robbery
	named.Peers = []string{tx.origin}
	var preview web.SearchPreview
	call(t, il.officer, "POST", "/plates/preview", named, &preview)
	if !slices.Equal(preview.Peers, []string{tx.origin}) || len(preview.Refused)+len(preview.Second) > 0 || tx.came() != 0 {
		t.Errorf("%+v, %d lookups", preview, tx.came())
	}
	first, said := il.ask(t, robbery, tx)
	if said.Exchange != tx.origin || said.Problem != "" || len(said.Answers) != 1 || len(said.Receipts) != 1 || len(said.Answers[0].Reads) != 1 {
		t.Fatalf("%+v", said)
	}
	a := said.Answers[0]
	if a.Owner != tx.police.ORI || a.Name != tx.police.Name || !a.Permit || a.Grant != grant || a.Reads[0].Plate != "ABC123" || a.Reads[0].Region != "US-TX" {
		t.Errorf("%+v", a)
	}
	answered := tx.entries(t, "search.answer")
	if len(answered) != 1 || answered[0].Index != a.Entry || answered[0].Entry.Act.Public["search"] != fmt.Sprintf("%s/%d", il.origin, first.Search.Entry) {
		t.Errorf("%+v", answered)
	}
	if err := tx.proves(said.Receipts[0]); err != nil {
		t.Error(err)
	}
	if il.proves(said.Receipts[0]) == nil || il.proves(first.Receipt) != nil {
		t.Error("each receipt is proved by its own ledger's key, and by no other")
	}
	if p := tx.page(t, "/agencies/"+tx.police.ORI); !strings.Contains(p, `<th scope="row">`+il.police.ORI+` <span class="small muted">`+il.origin+`</span></th><td class="number">1</td><td class="number">0</td>`) {
		t.Error("the owner's page does not count its answer")
	}
	if p := il.page(t, "/agencies/"+il.police.ORI); !strings.Contains(p, "Sent to other exchanges: 1.") {
		t.Error("the asker's page does not count its search")
	}
	if p := tx.page(t, fmt.Sprintf("/ledger/%d", a.Entry)); !strings.Contains(p, il.origin) {
		t.Error("the entry's page does not say who asked")
	}
	if again := il.hear(t, first.Search.ID); len(again.Answers) != 1 || again.Answers[0].Entry != a.Entry || len(again.Answers[0].Reads) != 1 || len(tx.entries(t, "search.answer")) != 1 {
		t.Errorf("a repeat: %+v", again)
	}

	// Who overheard the message cannot send it again.
	heard := tx.lookups[0]
	replay, err := http.NewRequestWithContext(ctx, "POST", tx.url+heard.URL.Path, heard.Body)
	check(t, err)
	replay.Header = heard.Header
	res, err := http.DefaultClient.Do(replay)
	check(t, err)
	text, err := io.ReadAll(res.Body)
	check(t, err)
	res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized || !strings.Contains(string(text), "was received before") || strings.Contains(string(text), "ABC123") {
		t.Errorf("replayed: %s %s", res.Status, text)
	}

	// Over immigration status nobody asks from Illinois: nothing leaves.
	status := robbery
	status.Note = "robbery suspect, check immigration status for deportation"
	status.Peers = []string{tx.origin}
	sent := tx.came()
	_, err = il.officer.Act(ctx, "/plates/searches", status, nil)
	var p *web.Problem
	if !errors.As(err, &p) || p.Status != http.StatusForbidden || !strings.Contains(rulesOf(p), "us-il.search-immigration") || tx.came() != sent {
		t.Errorf("%v, %d lookups", err, tx.came()-sent)
	}

	// Texas lets the search out, Illinois does not answer it and says so for good.
	// Naming one agency of its own and an exchange, the owner has named no Texan.
	sheriff := &testworld.Agency{ORI: "IL0160100", Name: "Elm County Sheriff"}
	_, err = il.InviteAgency(ctx, sheriff, "county")
	check(t, err)
	il.share(t, web.SharingSetting{Audience: "agencies", Agencies: []string{sheriff.ORI}, Peers: []string{tx.origin}})
	for note, rules := range map[string][]string{status.Note: {"us-il.search-immigration", "base.search-federal"}, robbery.Note: {"us-il.search-declaration"}} {
		ask := robbery
		ask.Note = note
		_, said := tx.ask(t, ask, il)
		if said.Problem != "" || len(said.Answers) != 1 || len(said.Receipts) != 1 {
			t.Fatalf("%+v", said)
		}
		a := said.Answers[0]
		if a.Permit || len(a.Reads) > 0 || !slices.ContainsFunc(a.Rules, func(r web.RefusedBy) bool { return r.ID == rules[0] && r.Plain["en"] != "" }) {
			t.Errorf("%s: %+v", note, a)
		}
		e := il.entries(t, "search.answer")
		if last := e[len(e)-1]; last.Index != a.Entry || last.Entry.Decision.Permit || il.proves(said.Receipts[0]) != nil || !subset(rules, last.Entry.Decision.Rules) {
			t.Errorf("%s: %+v", note, last)
		}
	}
	if p := il.page(t, "/agencies/"+il.police.ORI); !strings.Contains(p, tx.origin+`</span></th><td class="number">0</td><td class="number">2</td>`) {
		t.Error("the page of the owner in Illinois does not count its refusals")
	}

	// What an owner or an operator takes back, the next lookup does not get.
	tx.share(t, web.SharingSetting{Audience: "nobody"})
	if _, said := il.ask(t, robbery, tx); said.Problem != "" || len(said.Answers) != 0 {
		t.Errorf("after the owner let nobody in: %+v", said)
	}
	tx.share(t, let)
	if _, said := il.ask(t, robbery, tx); len(said.Answers) != 1 || len(said.Answers[0].Reads) != 1 {
		t.Errorf("let in again: %+v", said)
	}
	_, err = tx.Operator.Act(ctx, "/peers/remove", web.RemovedPeer{Origin: il.origin}, nil)
	check(t, err)
	recorded := len(tx.entries(t, "search.answer"))
	latest, said := il.ask(t, robbery, tx)
	if said.Problem != "It did not take the search." || len(said.Answers) != 0 {
		t.Errorf("no peer any more: %+v", said)
	}
	if said := il.hear(t, first.Search.ID); said.Problem == "" || len(said.Answers) != 0 || len(tx.entries(t, "search.answer")) != recorded {
		t.Errorf("no peer any more, what it was answered before: %+v", said)
	}
	tx.pin(t, il)
	if said := il.hear(t, latest.Search.ID); len(said.Answers) != 1 || len(said.Answers[0].Reads) != 1 {
		t.Errorf("a peer again: %+v", said)
	}

	// Another ledger at the same address and of the same name. It even has the key
	// that signs lookups; it has not the key that was compared.
	liar := newAbroad(t, tx.address, tx.origin, "TX", func(dir string) error {
		key, err := os.ReadFile(filepath.Join(tx.dir, "lookup.key"))
		return errors.Join(err, os.WriteFile(filepath.Join(dir, "lookup.key"), key, 0o600))
	})
	liar.pin(t, il)
	liar.share(t, let)
	if _, said := il.ask(t, robbery, tx); said.Problem != "Its answer does not prove its entry in its ledger, so it is not shown." || len(said.Answers) != 0 || len(liar.entries(t, "search.answer")) != 1 {
		t.Errorf("another ledger answers: %+v", said)
	}
	recorded = len(il.entries(t, "search.answer"))
	if _, said := liar.ask(t, robbery, il); said.Problem != "It did not take the search." || len(said.Answers) != 0 || len(il.entries(t, "search.answer")) != recorded {
		t.Errorf("another ledger asks: %+v", said)
	}
}

// subset reports whether all has each of some.
func subset(some, all []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}
