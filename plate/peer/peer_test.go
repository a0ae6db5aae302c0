package peer

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"porchlight/gate"
	"porchlight/identity"
	"porchlight/ledger"
	"porchlight/plate"
)

var (
	millbrook = Agency{ORI: police, Name: "Millbrook Police", Kind: "municipal", State: "IL", Status: "active"}
	olympia   = Agency{ORI: sheriff, Name: "Olympia Sheriff", Kind: "county", State: "WA", Status: "active"}
)

// Two real exchanges: an ask goes, is proved, answered, and the answer proved.
func TestLookup(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newTown(t)
	a := newHouse(t, "a.example/log", w.URL+"/a", []Agency{millbrook}, nil)
	b := newHouse(t, "b.example/log", w.URL+"/b", []Agency{olympia}, nil)
	a.know(Peer{Origin: b.origin, Key: b.vkey, URL: w.add("b", b.site())})
	b.know(Peer{Origin: a.origin, Key: a.vkey, URL: w.add("a", a.site())})
	ask := anAsk(t, a.now, b.origin, "nobody.example/log")
	rc := a.run(ask)
	got := map[string]Answer{}
	for x := range a.Lookup(ctx, rc, plate.Asker{Agency: police, Kind: "state", Status: "active", State: "WA"}, ask) {
		got[x.Exchange] = x
	}
	if len(got) != 2 || got["nobody.example/log"].Failure != Unknown {
		t.Fatalf("got %+v", got)
	}
	x := got[b.origin]
	if x.Failure != "" || len(x.Answers) != 1 || len(x.Receipts) != 1 {
		t.Fatalf("b answered %+v", x)
	}
	if y := x.Answers[0]; y.Owner != sheriff || y.Exchange != b.origin || !y.Permit || len(y.Reads) != 1 || y.Entry != x.Receipts[0].Index {
		t.Errorf("answer %+v", y)
	}
	if _, err := (ledger.Verifier{LogKey: b.vkey}).Receipt(x.Receipts[0]); err != nil {
		t.Errorf("the receipt of the answer: %v", err)
	}
	// The answering exchange takes the asker from the descriptor, not from the lookup.
	want := plate.Asker{Agency: police, Name: millbrook.Name, Kind: "municipal", Status: "active", State: "IL", Exchange: a.origin}
	if len(b.askers) != 1 || b.askers[0] != want || b.searches[0] != fmt.Sprintf("%s/%d", a.origin, rc.Index) {
		t.Errorf("b was asked %v by %+v", b.searches, b.askers)
	}
}

// A peer that fails to prove its search gets nothing.
func TestNothingWithoutProof(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newTown(t)
	b := newHouse(t, "b.example/log", w.URL+"/b", []Agency{olympia}, nil)
	url := w.add("b", b.site()) + "/lookups"
	a := newFake(t, "a.example/log", millbrook)
	a.url = w.add("a", a.serve(t, b.clock, lies{}))
	strict := newFake(t, "strict.example/log", millbrook)
	strict.url = w.add("strict", strict.serve(t, b.clock, lies{}))
	expired := newFake(t, "expired.example/log", millbrook)
	expired.url = w.add("expired", expired.serve(t, b.clock, lies{descriptor: func(d *Descriptor) { d.Expires = b.clock() }}))
	stolen := newFake(t, "stolen.example/log", millbrook)
	stolen.url = w.add("stolen", stolen.serve(t, b.clock, lies{signer: a.signer}))
	b.know(Peer{Origin: a.origin, Key: a.key, URL: a.url}, Peer{Origin: expired.origin, Key: expired.key, URL: expired.url},
		Peer{Origin: stolen.origin, Key: stolen.key, URL: stolen.url},
		Peer{Origin: strict.origin, Key: strict.key, URL: strict.url, Witnesses: []string{witnessKey(t)}, Quorum: 1})
	must(t, b.catchUp(ctx))

	now := b.clock()
	ask := anAsk(t, now, b.origin)
	good := func(f *fake) Lookup {
		e, ds := searched(police, ask, now.Add(-time.Minute))
		return Lookup{From: f.origin, To: b.origin, Receipt: f.receipt(t, e, ds...), Asker: plate.Asker{Agency: police}, Ask: ask}
	}
	// again makes the lookup of another entry.
	again := func(l *Lookup, change func(*ledger.Entry, *[]ledger.Disclosure)) {
		e, ds := searched(police, ask, now.Add(-time.Minute))
		change(&e, &ds)
		l.Receipt = a.receipt(t, e, ds...)
	}
	if status, text := post(t, url, a, good(a), now, nil); status != 200 || b.called() != 1 {
		t.Fatalf("a good lookup: %d %s", status, text)
	}
	for _, c := range []struct {
		what   string
		from   *fake
		lookup func(*Lookup)
		req    func(*http.Request)
		status int
		says   string
	}{
		{what: "another exchange is meant", lookup: func(l *Lookup) { l.To = "c.example/log" }, status: 421, says: "This is b.example/log"},
		{what: "from who is no peer", from: newFake(t, "z.example/log", millbrook), status: 403, says: "no peer"},
		{what: "in a peer's name", lookup: func(l *Lookup) { l.From = strict.origin }, status: 403, says: "no peer"},
		{what: "another plate than was signed", lookup: func(l *Lookup) { l.Ask.Query.Plate, _ = plate.ParsePattern("XYZ999") }, status: 403, says: "not the one of the ask"},
		{what: "a wider time", lookup: func(l *Lookup) { l.Ask.Query.From = l.Ask.Query.From.Add(-time.Hour) }, status: 403, says: "not the one of the ask"},
		{what: "another offense", lookup: func(l *Lookup) {
			again(l, func(e *ledger.Entry, _ *[]ledger.Disclosure) { e.Act.Public["offense"] = "parking" })
		}, status: 403, says: "kind and offense"},
		{what: "a value withheld", lookup: func(l *Lookup) {
			again(l, func(_ *ledger.Entry, ds *[]ledger.Disclosure) {
				*ds = slices.DeleteFunc(*ds, func(d ledger.Disclosure) bool { return d.Name == "plate" })
			})
		}, status: 403, says: "plate is not"},
		{what: "a value that opens nothing", lookup: func(l *Lookup) {
			again(l, func(_ *ledger.Entry, ds *[]ledger.Disclosure) { (*ds)[0].Salt = ledger.NewSalt() })
		}, status: 403, says: "does not hold"},
		{what: "another act", lookup: func(l *Lookup) {
			again(l, func(e *ledger.Entry, _ *[]ledger.Disclosure) { e.Act.Action = "search.propose" })
		}, status: 403, says: "no permitted search"},
		{what: "a refused search", lookup: func(l *Lookup) {
			again(l, func(e *ledger.Entry, _ *[]ledger.Disclosure) { e.Decision.Permit = false })
		}, status: 403, says: "no permitted search"},
		{what: "an old search", lookup: func(l *Lookup) {
			e, ds := searched(police, ask, now.Add(-Fresh-time.Minute))
			l.Receipt = a.receipt(t, e, ds...)
		}, status: 403, says: "not of the last"},
		{what: "a search of tomorrow", lookup: func(l *Lookup) {
			e, ds := searched(police, ask, now.Add(time.Hour))
			l.Receipt = a.receipt(t, e, ds...)
		}, status: 403, says: "not of the last"},
		{what: "a search that names other exchanges", lookup: func(l *Lookup) {
			l.Ask.Peers = []string{"c.example/log"}
			e, ds := searched(police, l.Ask, now)
			l.Receipt = a.receipt(t, e, ds...)
		}, status: 403, says: "does not name b.example/log"},
		{what: "an agency nobody introduced", lookup: func(l *Lookup) {
			e, ds := searched("IL9999999", ask, now)
			l.Receipt, l.Asker.Agency = a.receipt(t, e, ds...), "IL9999999"
		}, status: 403, says: "not one that the descriptor names"},
		{what: "another agency than searched", lookup: func(l *Lookup) { l.Asker.Agency = sheriff }, status: 403, says: "not one that the descriptor names"},
		{what: "for somebody unnamed", lookup: func(l *Lookup) {
			l.Ask.Behalf = "ICE"
			e, ds := searched(police, l.Ask, now)
			l.Receipt = a.receipt(t, e, ds...)
		}, status: 403, says: "for whom"},
		{what: "an entry of another ledger", lookup: func(l *Lookup) { l.Receipt = good(strict).Receipt }, status: 403, says: "does not hold"},
		{what: "an entry changed", lookup: func(l *Lookup) { l.Receipt.Entry.Act.Agency = "IL0160100" }, status: 403, says: "does not hold"},
		{what: "no witness saw it", from: strict, status: 403, says: "does not hold"},
		{what: "an expired descriptor", from: expired, status: 403, says: "descriptor of"},
		{what: "a descriptor signed by somebody else", from: stolen, status: 403, says: "descriptor of"},
		{what: "unsigned", req: func(r *http.Request) { r.Header.Del("Signature"); r.Header.Del("Signature-Input") }, status: 401, says: "Signature-Input"},
		{what: "talked down", req: func(r *http.Request) {
			r.Header.Set("Signature-Input", strings.Replace(r.Header.Get("Signature-Input"), ` "content-digest"`, "", 1))
		}, status: 401, says: "covers"},
		{what: "to another host", req: func(r *http.Request) { r.Host = "b.example" }, status: 401, says: "not made by"},
		{what: "another content", req: func(r *http.Request) {
			data, _ := io.ReadAll(r.Body)
			data = bytes.Replace(data, []byte("stolen sedan"), []byte("stolen cedar"), 1)
			r.Body = io.NopCloser(bytes.NewReader(data))
		}, status: 401, says: "Content-Digest"},
		{what: "too much", req: func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(make([]byte, MaxLookup+1))), -1
		}, status: 413},
		{what: "no lookup", req: func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader("{}{}")), -1 }, status: 400},
	} {
		from := a
		if c.from != nil {
			from = c.from
		}
		l := good(from)
		if c.lookup != nil {
			c.lookup(&l)
		}
		status, text := post(t, url, from, l, now, c.req)
		if status != c.status || !strings.Contains(text, c.says) {
			t.Errorf("%s: %d %s", c.what, status, text)
		}
		if n := b.called(); n != 0 {
			t.Errorf("%s: it was answered", c.what)
		}
	}

	// The very same message a second time.
	l := good(a)
	var kept http.Header
	status, _ := post(t, url, a, l, now, func(r *http.Request) { kept = r.Header.Clone() })
	if status != 200 || b.called() != 1 {
		t.Fatalf("once: %d", status)
	}
	status, text := post(t, url, a, l, now, func(r *http.Request) { r.Header = kept })
	if status != 401 || b.called() != 0 || !strings.Contains(text, "received before") {
		t.Errorf("twice: %d %s", status, text)
	}
	b.set(now.Add(3 * time.Minute)) // and when its nonce is forgotten
	if status, _ := post(t, url, a, l, now, func(r *http.Request) { r.Header = kept }); status != 401 {
		t.Errorf("much later: %d", status)
	}
	b.set(now)

	// For another agency: as the descriptor has it, or as the lookup says.
	l = good(a)
	l.Ask.Behalf, l.Asker.Behalf = "Federal Bureau", &plate.Asker{Name: "Federal Bureau", Kind: "federal", Exchange: "forged"}
	e, ds := searched(police, l.Ask, now)
	l.Receipt = a.receipt(t, e, ds...)
	if status, text := post(t, url, a, l, now, nil); status != 200 {
		t.Errorf("on behalf: %d %s", status, text)
	}
	if behalf := b.askers[len(b.askers)-1].Behalf; behalf == nil || behalf.Kind != "federal" || behalf.Exchange != a.origin {
		t.Errorf("on behalf of %+v", behalf)
	}

	// A peer that was removed is none.
	_, err := b.log.Append(ctx, ledger.Entry{V: 1, Act: ledger.Act{ID: gate.NewActID(), Action: actRemove, Actor: "operator", Hour: "2026-11-22T09:00:00Z",
		Public: map[string]string{"peer": a.origin}}, Decision: ledger.Decision{Permit: true, Rules: []string{}, Packs: map[string]string{}}})
	must(t, err)
	b.called()
	if status, text := post(t, url, a, good(a), now, nil); status != 403 || b.called() != 0 {
		t.Errorf("removed: %d %s", status, text)
	}
}

// witnessKey is the vkey of a witness nobody asked (C2SP tlog-cosignature).
func witnessKey(t testing.TB) string {
	t.Helper()
	key := append([]byte{4}, newKey(t).Public().(ed25519.PublicKey)...)
	sum := sha256.Sum256(append([]byte("w.example\n"), key...))
	return fmt.Sprintf("w.example+%08x+%s", binary.BigEndian.Uint32(sum[:]), base64.StdEncoding.EncodeToString(key))
}

// signNote signs a text as x's ledger.
func signNote(x *fake, text string) ([]byte, error) {
	return note.Sign(&note.Note{Text: text}, x.signer)
}

// A peer that lies is not shown.
func TestNothingShownUnproved(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newTown(t)
	a := newHouse(t, "a.example/log", w.URL+"/a", []Agency{millbrook}, func(o *Options) { o.PerPeer = 5 * time.Second })
	stranger := newFake(t, "stranger.example/log")
	proved := func(change func(*Proved)) lies { return lies{reply: func(r *Reply) { change(&r.Answers[0]) }} }
	cases := []struct {
		name string
		want Failure
		lie  lies
	}{
		{"true", "", lies{}},
		{"introduced by another key", NotIntroduced, lies{signer: stranger.signer}},
		{"introduction expired", NotIntroduced, lies{descriptor: func(d *Descriptor) { d.Expires = a.clock().Add(-time.Second) }}},
		{"introduces another", NotIntroduced, lies{descriptor: func(d *Descriptor) { d.Exchange.Origin = "stranger.example/log" }}},
		{"takes lookups in the open", NotIntroduced, lies{descriptor: func(d *Descriptor) { d.Lookups = "http://example.com/lookups" }}},
		{"signed by another key", Signature, lies{key: stranger.lookup}},
		{"unsigned", Signature, lies{header: func(h http.Header) { h.Del("Signature") }}},
		{"digest of something else", Signature, lies{header: func(h http.Header) { h.Set("Content-Digest", digestOf(nil)) }}},
		{"content changed on the way", Signature, lies{body: func(b []byte) []byte { return bytes.Replace(b, []byte(`"more":false`), []byte(`"more":true `), 1) }}},
		{"refuses", Refused, lies{status: 403}},
		{"sends elsewhere", Refused, lies{instead: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/true/lookups", http.StatusTemporaryRedirect)
		}}},
		{"endless", TooLarge, lies{instead: func(w http.ResponseWriter, r *http.Request) {
			for range MaxAnswer/4096 + 10 {
				w.Write(make([]byte, 4096))
			}
		}}},
		{"does not introduce itself", Dead, lies{down: true}},
		{"hangs up", Dead, lies{instead: func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }}},
		{"no answer at all", Content, lies{reply: func(r *Reply) { r.From = "" }}},
		{"to somebody else", Content, lies{reply: func(r *Reply) { r.To = "c.example/log" }}},
		{"answers twice", Content, lies{reply: func(r *Reply) { r.Answers = append(r.Answers, r.Answers[0]) }}},
		{"an entry never made", Receipt, proved(func(p *Proved) { p.Receipt.Entry.Act.ID = gate.NewActID() })},
		{"an entry of another ledger", Receipt, proved(func(p *Proved) { p.Receipt = stranger.receipt(t, p.Receipt.Entry) })},
		{"another index", Receipt, proved(func(p *Proved) { p.Entry = 5 })},
		{"says permit, recorded a refusal", Receipt, lies{}}, // made below
		{"the answer to another search", Receipt, lies{}},    // made below
		{"another rule than recorded", Receipt, proved(func(p *Proved) { p.Rules = []string{"base.other"} })},
		{"another grant than recorded", Receipt, proved(func(p *Proved) { p.Grant = 8 })},
		{"another plate", Content, proved(func(p *Proved) { p.Reads[0].Text = "XYZ999" })},
		{"somebody else's reads", Content, proved(func(p *Proved) { p.Reads[0].Owner = "WA0020000" })},
		{"reads of another time", Content, proved(func(p *Proved) { p.Reads[0].Seen = p.Reads[0].Seen.Add(time.Hour) })},
		{"companions unasked", Content, proved(func(p *Proved) { p.Companions = []plate.Companion{{}} })},
		{"more than an answer has", Content, proved(func(p *Proved) { p.Reads = slices.Repeat(p.Reads, plate.MaxReads+1) })},
	}
	var peers []Peer
	var asked []string
	want := map[string]Failure{}
	for i, c := range cases {
		f := newFake(t, fmt.Sprintf("p%02d.example/log", i), olympia)
		re := func(change func(*ledger.Entry)) lies {
			return proved(func(p *Proved) {
				e := p.Receipt.Entry
				change(&e)
				p.Receipt = f.receipt(t, e)
			})
		}
		switch c.name {
		case "says permit, recorded a refusal":
			c.lie = re(func(e *ledger.Entry) { e.Decision.Permit = false })
		case "the answer to another search":
			c.lie = re(func(e *ledger.Entry) { e.Act.Public["search"] = "a.example/log/999" })
		}
		f.url = w.add(fmt.Sprint("p", i), f.serve(t, a.clock, c.lie))
		if c.name == "true" {
			f.url = w.add("true", f.serve(t, a.clock, c.lie))
		}
		peers = append(peers, Peer{Origin: f.origin, Key: f.key, URL: f.url})
		asked, want[f.origin] = append(asked, f.origin), c.want
	}
	a.know(peers...)
	ask := anAsk(t, a.now, asked...)
	n := 0
	for x := range a.Lookup(ctx, a.run(ask), plate.Asker{Agency: police}, ask) {
		n++
		name := cases[slices.Index(asked, x.Exchange)].name
		if x.Failure != want[x.Exchange] {
			t.Errorf("%s: %q (%v), want %q", name, x.Failure, x.Err, want[x.Exchange])
		}
		if (x.Failure == "") != (len(x.Answers) == 1) || (x.Failure == "") != (x.Err == nil) {
			t.Errorf("%s: shown %+v with %q", name, x.Answers, x.Failure)
		}
	}
	if n != len(cases) {
		t.Errorf("%d answers from %d peers", n, len(cases))
	}
}

// hands is a clock that the test moves: timeouts pass when it says so.
type hands struct {
	mu     sync.Mutex
	passed bool
	armed  []context.CancelFunc
}

func (h *hands) timeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	if d == time.Minute { // for one peer
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.passed {
			cancel()
		}
		h.armed = append(h.armed, cancel)
	}
	return ctx, cancel
}

// pass lets the minute for each peer pass.
func (h *hands) pass() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.passed = true
	for _, cancel := range h.armed {
		cancel()
	}
}

// A thousand peers, some slow, lying or dead: what the others say streams in
// while the slow ones are waited for, and nobody is waited for longer than a peer
// may take.
func TestFanOut(t *testing.T) {
	ctx := t.Context()
	const n = 1000
	w := newTown(t)
	var clock hands
	a := newHouse(t, "a.example/log", w.URL+"/a", []Agency{millbrook}, func(o *Options) { o.PerPeer, o.Total, o.Timeout = time.Minute, time.Hour, clock.timeout })
	stranger := newFake(t, "stranger.example/log")
	slow := func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body); <-r.Context().Done() }
	drip := func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Write([]byte("{"))
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
	kinds := []struct {
		want Failure
		lie  lies
	}{
		{Slow, lies{instead: slow}}, {Slow, lies{instead: drip}},
		{Signature, lies{key: stranger.lookup}},
		{Receipt, lies{reply: func(r *Reply) { r.Answers[0].Receipt.Entry.Act.ID = gate.NewActID() }}},
		{Content, lies{reply: func(r *Reply) { r.Answers[0].Reads[0].Text = "XYZ999" }}},
		{NotIntroduced, lies{descriptor: func(d *Descriptor) { d.Expires = a.clock() }}},
		{Refused, lies{instead: func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden) }}},
		{Dead, lies{}},
	}
	var peers []Peer
	var asked []string
	want, slowOnes, known := map[string]Failure{}, 0, &Lookup{}
	for i := range n {
		f := newFake(t, fmt.Sprintf("p%04d.example/log", i), olympia)
		kind := struct {
			want Failure
			lie  lies
		}{}
		if i%10 == 0 { // one in ten is not as it should be
			kind = kinds[i/10%len(kinds)]
		}
		kind.lie.known = known
		f.url = w.add(fmt.Sprint("p", i), f.serve(t, a.clock, kind.lie))
		switch kind.want {
		case Dead:
			f.url = "http://127.0.0.1:1" // nobody listens there
		case Slow:
			slowOnes++
		}
		peers = append(peers, Peer{Origin: f.origin, Key: f.key, URL: f.url})
		asked, want[f.origin] = append(asked, f.origin), kind.want
	}
	a.know(peers...)
	ask := anAsk(t, a.now, asked...)
	rc := a.run(ask)
	*known = Lookup{From: a.origin, Receipt: rc, Asker: plate.Asker{Agency: police}, Ask: ask}
	began := time.Now()
	seen := map[string]bool{}
	for x := range a.Lookup(ctx, rc, plate.Asker{Agency: police}, ask) {
		if seen[x.Exchange] {
			t.Errorf("%s is there twice", x.Exchange)
		}
		seen[x.Exchange] = true
		if x.Failure != want[x.Exchange] || (x.Failure == "") != (len(x.Answers) == 1) {
			t.Errorf("%s: %q (%v) with %d answers, want %q", x.Exchange, x.Failure, x.Err, len(x.Answers), want[x.Exchange])
		}
		if len(seen) == n-slowOnes { // all the others are there, and no slow one was given up
			t.Logf("%d peers answered in %v while %d kept silent", len(seen), time.Since(began), slowOnes)
			clock.pass()
		}
	}
	if len(seen) != n {
		t.Errorf("%d of %d peers", len(seen), n)
	}
}

// When nobody answers, it ends all the same; and whoever stops listening stops it.
func TestFanOutEnds(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newTown(t)
	var over atomic.Pointer[context.CancelFunc] // ends the hour for all of them
	a := newHouse(t, "a.example/log", w.URL+"/a", []Agency{millbrook}, func(o *Options) {
		o.Workers, o.PerPeer, o.Total = 2, time.Minute, time.Hour
		o.Timeout = func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
			if d != time.Hour {
				return context.WithTimeout(ctx, d)
			}
			ctx, cancel := context.WithCancel(ctx)
			over.Store(&cancel)
			return ctx, cancel
		}
	})
	var peers []Peer
	var asked []string
	for i := range 10 {
		f := newFake(t, fmt.Sprintf("p%d.example/log", i), olympia)
		f.url = w.add(fmt.Sprint("p", i), f.serve(t, a.clock, lies{instead: func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			(*over.Load())()
			<-r.Context().Done()
		}}))
		peers, asked = append(peers, Peer{Origin: f.origin, Key: f.key, URL: f.url}), append(asked, f.origin)
	}
	a.know(peers...)
	ask := anAsk(t, a.now, asked...)
	rc := a.run(ask)
	got := map[Failure]int{}
	for x := range a.Lookup(ctx, rc, plate.Asker{Agency: police}, ask) {
		got[x.Failure]++
	}
	if got[Slow]+got[Unanswered] != 10 || got[Slow] < 1 || got[Unanswered] < 6 {
		t.Errorf("got %v", got)
	}
	a.o.Total = 2 * time.Hour
	a.o.PerPeer = 200 * time.Millisecond
	for range a.Lookup(ctx, rc, plate.Asker{Agency: police}, ask) {
		break // the eight others would take most of a second
	}
}

// The operator adds a peer whose key she knows, signed.
func TestAdd(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newTown(t)
	a := newHouse(t, "a.example/log", w.URL+"/a", []Agency{millbrook}, nil)
	f := newFake(t, "b.example/log", olympia)
	f.url = w.add("b", f.serve(t, a.clock, lies{}))
	by := gate.Caller{Who: identity.Operator(), ActID: gate.NewActID()}
	for field, p := range map[string]Peer{
		"key":       {Origin: f.origin, Key: "x", URL: f.url},
		"origin":    {Origin: "c.example/log", Key: f.key, URL: f.url},
		"url":       {Origin: f.origin, Key: f.key, URL: "http://example.com"},
		"witnesses": {Origin: f.origin, Key: f.key, URL: f.url, Quorum: 1},
	} {
		var bad *Invalid
		if _, err := a.Add(ctx, by, p); !errors.As(err, &bad) || bad.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	var bad *Invalid
	if _, err := a.Add(ctx, by, Peer{Origin: a.origin, Key: a.vkey, URL: w.URL}); !errors.As(err, &bad) {
		t.Errorf("itself: %v", err)
	}
	_, err := a.Add(ctx, by, Peer{Origin: f.origin, Key: f.key, URL: f.url})
	if no := (*gate.Refusal)(nil); !errors.As(err, &no) || no.Error() != "refused by base.signed" {
		t.Errorf("without a passkey: %v", err)
	}
	other := newFake(t, "b.example/log")
	_, err = a.Add(ctx, gate.Caller{Who: identity.Operator(), ActID: gate.NewActID()}, Peer{Origin: f.origin, Key: other.key, URL: f.url})
	if no := (*gate.Refusal)(nil); !errors.As(err, &no) || !strings.Contains(no.Error(), "base.peer-introduced") {
		t.Errorf("under another key: %v", err)
	}
	if _, err := a.Remove(ctx, gate.Caller{Who: identity.Operator(), ActID: gate.NewActID()}, f.origin); !errors.Is(err, ErrNotFound) {
		t.Errorf("removing who is none: %v", err)
	}
	if list, err := a.Peers(ctx); err != nil || len(list) != 0 {
		t.Errorf("peers %v, %v", list, err)
	}
}

func FuzzDescriptor(f *testing.F) {
	x := newFake(f, "b.example/log", olympia)
	x.url = "https://b.example"
	good, err := x.descriptor(time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)).Sign(x.signer)
	must(f, err)
	text, _, _ := strings.Cut(string(good), "\n\n")
	f.Add(text + "\n")
	f.Add("porchlight-peer/v1\nb.example/log\n{}\n")
	f.Fuzz(func(t *testing.T, text string) {
		data, err := signNote(x, text)
		if err != nil {
			return
		}
		d, err := ParseDescriptor(data, x.key)
		if err != nil {
			return
		}
		if d.Exchange.Origin != x.origin || d.Exchange.LogKey != x.key || len(d.Key) != 32 {
			t.Errorf("accepted %+v", d)
		}
		again, err := d.Sign(x.signer)
		must(t, err)
		if _, err := ParseDescriptor(again, x.key); err != nil {
			t.Errorf("what was accepted is refused when written again: %v", err)
		}
	})
}

func FuzzLookup(f *testing.F) {
	x := newFake(f, "a.example/log", millbrook)
	ask := anAsk(f, time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), "b.example/log")
	e, ds := searched(police, ask, ask.Query.To)
	l := Lookup{From: x.origin, To: "b.example/log", Receipt: x.receipt(f, e, ds...), Asker: plate.Asker{Agency: police}, Ask: ask}
	data, err := json.Marshal(l)
	must(f, err)
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := ParseLookup(data)
		if err != nil {
			return
		}
		again, err := json.Marshal(l)
		must(t, err)
		m, err := ParseLookup(again)
		must(t, err)
		if third, _ := json.Marshal(m); !bytes.Equal(again, third) {
			t.Errorf("%s and %s", again, third)
		}
	})
}

func FuzzReply(f *testing.F) {
	x := newFake(f, "b.example/log", olympia)
	ask := anAsk(f, time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), x.origin)
	e, ds := searched(police, ask, ask.Query.To)
	l := Lookup{From: "a.example/log", To: x.origin, Receipt: x.receipt(f, e, ds...), Asker: plate.Asker{Agency: police}, Ask: ask}
	data, err := json.Marshal(x.reply(f, l))
	must(f, err)
	f.Add(data)
	s := &Service{o: Options{Exchange: ledger.Descriptor{Origin: "a.example/log"}}}
	p, d := Peer{Origin: x.origin, Key: x.key}, x.descriptor(ask.Query.To)
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseReply(data)
		if err != nil {
			return
		}
		answers, receipts, err := s.accept(r, l, p, d)
		if err != nil && len(answers)+len(receipts) > 0 {
			t.Error("shown with an error")
		}
		for _, a := range answers {
			for _, read := range a.Reads {
				if read.Owner != a.Owner || !ask.Query.Plate.Matches(read.Text) {
					t.Errorf("accepted %+v", read)
				}
			}
		}
	})
}
