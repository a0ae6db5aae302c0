package peer

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/identity"
	"porchlight/ledger"
	"porchlight/plate"
	"porchlight/policy"
)

const (
	police  = "IL0160000" // asks, at exchange a
	sheriff = "WA0010000" // owns reads, at exchange b
)

// fields stands for search.Fields.
func fields(ask plate.Ask) map[string]string {
	text, err := json.Marshal(ask)
	if err != nil {
		panic(err)
	}
	return map[string]string{"ask": string(text), "plate": ask.Query.Plate.String()}
}

// anAsk asks peers for one plate in the last day.
func anAsk(t testing.TB, now time.Time, peers ...string) plate.Ask {
	t.Helper()
	p, err := plate.ParsePattern("ABC123")
	must(t, err)
	slices.Sort(peers)
	return plate.Ask{
		Query: plate.Query{Kind: plate.ByPlate, Plate: p, From: now.Add(-24 * time.Hour).Truncate(time.Second), To: now.Truncate(time.Second)},
		Case:  "26-004711", Offense: "stolen-vehicle", Note: "stolen sedan", Peers: peers,
	}
}

// fake is an exchange whose ledger shows everybody a tree of one entry, its
// latest: it can state anything and prove it to who asks no witness.
type fake struct {
	origin, key string // of its ledger
	signer      note.Signer
	lookup      ed25519.PrivateKey
	url         string
	agencies    []Agency
}

func newFake(t testing.TB, origin string, agencies ...Agency) *fake {
	t.Helper()
	skey, vkey, err := ledger.GenerateKey(origin)
	must(t, err)
	signer, err := note.NewSigner(skey)
	must(t, err)
	return &fake{origin: origin, key: vkey, signer: signer, lookup: newKey(t), agencies: agencies}
}

func (f *fake) descriptor(now time.Time) Descriptor {
	return Descriptor{
		Exchange: ledger.Descriptor{Name: f.origin, Origin: f.origin, LogKey: f.key}, Lookups: f.url + "/lookups",
		Key: identity.Bytes(f.lookup.Public().(ed25519.PublicKey)), Agencies: f.agencies, Expires: now.Add(time.Hour),
	}
}

// receipt proves an entry as the first and only one, with disclosures.
func (f *fake) receipt(t testing.TB, e ledger.Entry, ds ...ledger.Disclosure) ledger.Receipt {
	root := rfc6962.DefaultHasher.HashLeaf(e.Bytes())
	signed, err := note.Sign(&note.Note{Text: ledger.Checkpoint{Origin: f.origin, Size: 1, Root: ledger.Hash(root)}.Text()}, f.signer)
	must(t, err)
	slices.SortFunc(ds, func(a, b ledger.Disclosure) int { return strings.Compare(a.Name, b.Name) })
	return ledger.Receipt{Entry: e, Disclosures: ds, Checkpoint: signed}
}

// searched is an entry of search.run for an ask, with what opens it.
func searched(agency string, ask plate.Ask, at time.Time) (ledger.Entry, []ledger.Disclosure) {
	e := ledger.Entry{V: 1, Act: ledger.Act{
		ID: gate.NewActID(), Action: "search.run", Actor: "investigator", Agency: agency, Hour: at.UTC().Truncate(time.Hour).Format(time.RFC3339),
		Public:  map[string]string{"kind": string(ask.Query.Kind), "offense": ask.Offense},
		Private: map[string]ledger.Commitment{},
	}, Decision: ledger.Decision{Permit: true, Rules: []string{"base.search"}, Packs: map[string]string{}}}
	private := maps.Clone(fields(ask))
	private[gate.PrivateAt] = at.UTC().Format("2006-01-02T15:04:05.000000Z")
	var ds []ledger.Disclosure
	for name, value := range private {
		d := ledger.Disclosure{Name: name, Salt: ledger.NewSalt(), Value: value}
		e.Act.Private[name] = d.Commitment()
		ds = append(ds, d)
	}
	return e, ds
}

// reply is a fake's true answer to a lookup: one owner, one read.
func (f *fake) reply(t testing.TB, l Lookup) Reply {
	owner := f.agencies[0].ORI
	e := ledger.Entry{V: 1, Act: ledger.Act{ID: gate.NewActID(), Action: "search.answer", Actor: "system", Hour: l.Receipt.Entry.Act.Hour,
		Public: map[string]string{"search": fmt.Sprintf("%s/%d", l.From, l.Receipt.Index), "asker": l.Asker.Agency, "owner": owner, "grant": "7"},
	}, Decision: ledger.Decision{Permit: true, Rules: []string{"base.search-answer"}, Packs: map[string]string{}}}
	return Reply{From: f.origin, To: l.From, Answers: []Proved{{plate.Answer{
		Owner: owner, Exchange: f.origin, Permit: true, Rules: []string{"base.search-answer"}, Grant: 7,
		Reads: []plate.Read{{ID: 1, Owner: owner, Camera: "c", Text: "ABC123", Seen: l.Ask.Query.To.Add(-time.Minute)}},
	}, f.receipt(t, e)}}}
}

// lies change what a fake does.
type lies struct {
	down       bool // for the introduction
	descriptor func(*Descriptor)
	signer     note.Signer         // of the descriptor
	reply      func(*Reply)        //
	body       func([]byte) []byte // after the signature
	key        ed25519.PrivateKey  // signs the answer
	header     func(http.Header)
	status     int
	instead    http.HandlerFunc // of the lookup
	known      *Lookup          // what is asked, so that it need not be read; its peers are many
}

// serve is the fake's site under prefix.
func (f *fake) serve(t testing.TB, now func() time.Time, lie lies) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+WellKnown, func(w http.ResponseWriter, r *http.Request) {
		if lie.down {
			http.Error(w, "later", http.StatusServiceUnavailable)
			return
		}
		d := f.descriptor(now())
		if lie.descriptor != nil {
			lie.descriptor(&d)
		}
		signer := f.signer
		if lie.signer != nil {
			signer = lie.signer
		}
		text, err := d.Sign(signer)
		if err != nil {
			t.Error(err)
		}
		w.Write(text)
	})
	mux.HandleFunc("POST /lookups", func(w http.ResponseWriter, r *http.Request) {
		if lie.instead != nil {
			lie.instead(w, r)
			return
		}
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		l := Lookup{}
		if lie.known != nil {
			l = *lie.known
		} else if l, err = ParseLookup(data); err != nil {
			t.Error(err)
			return
		}
		reply := f.reply(t, l)
		if lie.reply != nil {
			lie.reply(&reply)
		}
		body, err := json.Marshal(reply)
		if err != nil {
			t.Error(err)
		}
		key, status := f.lookup, http.StatusOK
		if lie.key != nil {
			key = lie.key
		}
		if lie.status != 0 {
			status = lie.status
		}
		w.Header().Set("Content-Type", "application/json")
		u := r.Header.Get("X-Path") // the path before the prefix was cut
		if err := responseMessage(status, w.Header(), requestMessage(r.Method, r.Host, u, r.Header)).sign(key, f.origin+"/lookup", tagAnswer, coveredAll, body, now()); err != nil {
			t.Error(err)
		}
		if lie.header != nil {
			lie.header(w.Header())
		}
		if lie.body != nil {
			body = lie.body(body)
		}
		w.WriteHeader(status)
		w.Write(body)
	})
	return mux
}

// town is many exchanges on one listener, each under a path of its own.
type town struct {
	*httptest.Server
	mu    sync.Mutex
	sites map[string]http.Handler
}

func newTown(t testing.TB) *town {
	w := &town{sites: map[string]http.Handler{}}
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		w.mu.Lock()
		site := w.sites[name]
		w.mu.Unlock()
		if site == nil {
			http.NotFound(rw, r)
			return
		}
		r.Header.Set("X-Path", r.URL.EscapedPath())
		http.StripPrefix("/"+name, site).ServeHTTP(rw, r)
	}))
	t.Cleanup(w.Close)
	return w
}

func (w *town) add(name string, site http.Handler) (url string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sites[name] = site
	return w.URL + "/" + name
}

// house is a real exchange's part in lookups: a ledger, records, a gate, and a
// service whose searches are canned.
type house struct {
	*Service
	t        testing.TB
	log      *ledger.Log
	gate     *gate.Gate
	origin   string
	vkey     string
	mu       sync.Mutex
	now      time.Time
	searches []string      // as Answer was called
	askers   []plate.Asker // with whom
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) set(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = now
}

// called is how often Answer was called since the last time.
func (h *house) called() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := len(h.searches)
	h.searches = nil
	return n
}

// Answer stands for search.Service.Answer: it records a permit and gives one read.
func (h *house) Answer(ctx context.Context, search string, asker plate.Asker, ask plate.Ask) ([]plate.Answer, error) {
	h.mu.Lock()
	h.searches, h.askers = append(h.searches, search), append(h.askers, asker)
	h.mu.Unlock()
	at, err := h.log.Append(ctx, ledger.Entry{V: 1, Act: ledger.Act{ID: gate.NewActID(), Action: "search.answer", Actor: "system", Hour: "2026-11-22T09:00:00Z",
		Public: map[string]string{"search": search, "asker": asker.Agency, "owner": sheriff, "grant": "3"},
	}, Decision: ledger.Decision{Permit: true, Rules: []string{"base.search-answer"}, Packs: map[string]string{}}})
	return []plate.Answer{{Owner: sheriff, Permit: true, Rules: []string{"base.search-answer"}, Entry: at, Grant: 3,
		Reads: []plate.Read{{ID: 1, Owner: sheriff, Text: "ABC123", Seen: ask.Query.To.Add(-time.Minute)}}}}, err
}

func newHouse(t testing.TB, origin, url string, agencies []Agency, change func(*Options)) *house {
	t.Helper()
	ctx, dir := t.Context(), t.TempDir()
	h := &house{t: t, origin: origin, now: time.Now().UTC()}
	d, err := db.Open(ctx, filepath.Join(dir, "p.db"))
	must(t, err)
	t.Cleanup(func() { d.Close() })
	skey, vkey, err := ledger.GenerateKey(origin)
	must(t, err)
	signer, err := note.NewSigner(skey)
	must(t, err)
	h.vkey = vkey
	h.log, err = ledger.Open(ctx, ledger.Options{Dir: filepath.Join(dir, "log"), Signer: signer, LogKey: vkey, Deadline: 30 * time.Second})
	must(t, err)
	t.Cleanup(func() { h.log.Close() })
	engine, err := policy.Load(policy.Packs())
	must(t, err)
	people, err := identity.New(ctx, d, identity.Config{Name: origin, BaseURL: "https://" + strings.Split(origin, "/")[0]})
	must(t, err)
	h.gate, err = gate.New(ctx, gate.Options{DB: d, Log: h.log, Policy: engine, Signatures: people, Now: h.clock})
	must(t, err)
	o := Options{
		DB: d, Gate: h.gate, Log: h.log, Searches: h, Fields: fields,
		Exchange: ledger.Descriptor{Name: origin, Origin: origin, LogKey: vkey}, Lookups: url + "/lookups",
		Packs:    func() map[string]string { return map[string]string{"base": strings.Repeat("ab", 32)} },
		Agencies: func(context.Context) ([]Agency, error) { return slices.Clone(agencies), nil },
		Ledger:   signer, Key: newKey(t), Now: h.clock,
	}
	if change != nil {
		change(&o)
	}
	h.Service, err = New(ctx, o)
	must(t, err)
	return h
}

// site is what the house serves.
func (h *house) site() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+WellKnown, func(w http.ResponseWriter, r *http.Request) {
		text, err := h.Describe(r.Context())
		if err != nil {
			h.t.Error(err)
		}
		w.Write(text)
	})
	mux.HandleFunc("POST /lookups", func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = r.Header.Get("X-Path") // as it came
		h.ServeHTTP(w, r)
	})
	return mux
}

// know records peers in the house's ledger, as the gate would.
func (h *house) know(peers ...Peer) {
	h.t.Helper()
	var all sync.WaitGroup
	for _, p := range peers {
		all.Go(func() {
			_, err := h.log.Append(h.t.Context(), ledger.Entry{V: 1, Act: ledger.Act{ID: gate.NewActID(), Action: actAdd, Actor: "operator", Hour: "2026-11-22T09:00:00Z",
				Public: map[string]string{"peer": p.Origin, "key": p.Key, "url": p.URL, "witnesses": strings.Join(p.Witnesses, " "), "quorum": fmt.Sprint(p.Quorum)},
			}, Decision: ledger.Decision{Permit: true, Rules: []string{"base.peer"}, Packs: map[string]string{}}})
			if err != nil {
				h.t.Error(err)
			}
		})
	}
	all.Wait()
}

// run records a search of the police and gives its receipt.
func (h *house) run(ask plate.Ask) ledger.Receipt {
	h.t.Helper()
	e, ds := searched(police, ask, h.clock())
	at, err := h.log.Append(h.t.Context(), e)
	must(h.t, err)
	r, err := h.log.Receipt(h.t.Context(), at, ds...)
	must(h.t, err)
	return r
}

// post sends a lookup as its exchange would, changed at will, and says how it
// was taken.
func post(t testing.TB, url string, f *fake, l Lookup, now time.Time, change func(*http.Request)) (status int, detail string) {
	t.Helper()
	body, err := json.Marshal(l)
	must(t, err)
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	must(t, err)
	req.Header.Set("Content-Type", "application/json")
	must(t, requestMessage(req.Method, req.URL.Host, req.URL.EscapedPath(), req.Header).sign(f.lookup, f.origin+"/lookup", tagAsk, coveredAsk, body, now))
	if change != nil {
		change(req)
	}
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	must(t, err)
	return res.StatusCode, string(data)
}
