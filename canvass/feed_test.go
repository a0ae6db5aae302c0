package canvass

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"porchlight/feed"
	"porchlight/geo"
	"porchlight/internal/gatetest"
	"porchlight/ledger"

	"golang.org/x/mod/sumdb/note"
)

// A key for tests only.
const (
	testFeedKey  = "PRIVATE+KEY+exchange.example/feed+758d3fd8+AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
	testFeedVKey = "exchange.example/feed+758d3fd8+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
)

func feedSigner(t testing.TB) (note.Signer, note.Verifier) {
	t.Helper()
	s, err := note.NewSigner(testFeedKey)
	must(t, err)
	v, err := note.NewVerifier(testFeedVKey)
	must(t, err)
	return s, v
}

func (w *world) feed(open func(context.Context) ([]Request, error)) *Builder {
	w.T.Helper()
	s, _ := feedSigner(w.T)
	b, err := NewBuilder(context.Background(), FeedOptions{
		Signer: s, Key: testFeedVKey, KeyEntry: 90, Receipt: w.receipt,
		Jurisdiction: []geo.Polygon{w.agencies[city].Jurisdiction}, Open: open, Agencies: w, Now: w.Now,
	})
	must(w.T, err)
	return b
}

// receipt stands in for the ledger's; package web tests the feed with real ones.
func (w *world) receipt(_ context.Context, entry uint64) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.proved = append(w.proved, entry)
	return fmt.Sprintf("receipt %d", entry), nil
}

func get(h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// fixed is a published request without a gate, for tests of the feed alone.
func fixed(w *world, id string) Request {
	d := w.draft().clean()
	d.Case = "24-00001"
	return Request{ID: id, Agency: city, Draft: d, State: Open, Posted: w.Now(), Decided: w.Now(), DecisionEntry: 7}
}

func TestFeed(t *testing.T) {
	w := newWorld(t)
	b := w.feed(w.Open)
	_, key := feedSigner(t)
	r := w.publish(w.draft())
	w.publish(w.draft())
	hidden, err := w.post("rita", w.draft())
	must(t, err)
	quiet := get(b, FeedPath+b.Cells()[0]).Body.Bytes()
	must(t, b.Build(t.Context()))

	in := geo.CellsNear(r.Area, NearMetres)
	made := w.Now().Truncate(5 * time.Minute)
	for _, cell := range b.Cells() {
		res := get(b, FeedPath+cell)
		body := res.Body.Bytes()
		if res.Code != 200 || len(body) != MinFeedSize || len(quiet) != MinFeedSize {
			t.Fatalf("%s: %d, %d bytes", cell, res.Code, len(body))
		}
		if cc := res.Header().Get("Cache-Control"); cc != "public, max-age=60, no-transform" {
			t.Error(cc)
		}
		f, err := ParseFeed(body, key)
		must(t, err)
		if f.Cell != cell || !f.Made.Equal(made) || f.IntervalSeconds != 300 {
			t.Errorf("%+v", f)
		}
		want := 0
		if slices.Contains(in, cell) {
			want = 2
		}
		if len(f.Requests) != want {
			t.Errorf("%s has %d requests, want %d", cell, len(f.Requests), want)
		}
		for _, secret := range []string{r.Case, hidden.ID, "rita", "mona"} {
			if bytes.Contains(body, []byte(secret)) {
				t.Errorf("the feed says %q", secret)
			}
		}
		for _, i := range f.Requests {
			if rec, err := w.Gate.At(t.Context(), i.Entry); err != nil || rec.Entry.Act.Public["content"] != i.Request.Hash() {
				t.Errorf("entry %d does not carry the content: %v", i.Entry, err)
			}
			if i.Receipt != fmt.Sprintf("receipt %d", i.Entry) {
				t.Errorf("receipt %q", i.Receipt)
			}
			if i.Vault != "age1vault" || i.VaultEntry != 3 || i.AgencyName != "Millbrook Police" {
				t.Errorf("%+v", i)
			}
		}
	}

	var index FeedIndex
	must(t, json.Unmarshal(get(b, FeedPath).Body.Bytes(), &index))
	if index.Key != testFeedVKey || index.Receipt != "receipt 90" {
		t.Errorf("index %+v", index)
	}
	// What was proved once is not asked for again: files change with what they say only.
	must(t, b.Build(t.Context()))
	if slices.Sort(w.proved); len(slices.Compact(slices.Clone(w.proved))) != len(w.proved) || len(w.proved) != 3 {
		t.Errorf("asked for the receipts of %v", w.proved)
	}

	// A suspended agency's requests leave the feed, and so do expired ones.
	w.setStatus(city, "suspended")
	must(t, b.Build(t.Context()))
	if f, err := ParseFeed(get(b, FeedPath+in[0]).Body.Bytes(), key); err != nil || len(f.Requests) != 0 {
		t.Errorf("%+v, %v", f, err)
	}
	w.setStatus(city, "active")
	w.Sleep(73 * time.Hour)
	must(t, b.Build(t.Context()))
	if f, err := ParseFeed(get(b, FeedPath+in[0]).Body.Bytes(), key); err != nil || len(f.Requests) != 0 {
		t.Errorf("%+v, %v", f, err)
	}
}

// Whoever asks, with whatever cookie, address or header: the same bytes, and
// nothing but cell and ETag matters.
func TestFeedSameForEverybody(t *testing.T) {
	w := newWorld(t)
	b := w.feed(w.Open)
	cell := b.Cells()[0]
	first := get(b, FeedPath+cell)
	for _, h := range [][]string{
		{"Cookie", "porchlight_session=x"}, {"X-Forwarded-For", "192.0.2.1"}, {"Accept-Encoding", "gzip"},
		{"User-Agent", "curl"}, {"Range", "bytes=0-9"}, {"If-None-Match", `"other"`}, {"Accept-Language", "nl"},
	} {
		res := get(b, FeedPath+cell, h...)
		if res.Code != 200 || !bytes.Equal(res.Body.Bytes(), first.Body.Bytes()) || fmt.Sprint(res.Header()) != fmt.Sprint(first.Header()) {
			t.Errorf("%v changes the answer", h)
		}
	}
	if res := get(b, FeedPath+cell+"?lat=39.7&lon=-89.6"); !bytes.Equal(res.Body.Bytes(), first.Body.Bytes()) {
		t.Error("a query changes the answer")
	}
	etag := first.Header().Get("Etag")
	for _, m := range []string{etag, "W/" + etag, `"x", ` + etag, "*"} {
		if res := get(b, FeedPath+cell, "If-None-Match", m); res.Code != 304 || res.Body.Len() != 0 || res.Header().Get("Etag") != etag {
			t.Errorf("If-None-Match %s: %d", m, res.Code)
		}
	}
	must(t, b.Build(t.Context()))
	if again := get(b, FeedPath+cell).Header().Get("Etag"); again != etag {
		t.Error("the same content within a schedule slot has another ETag")
	}
	w.Sleep(5 * time.Minute)
	must(t, b.Build(t.Context()))
	if again := get(b, FeedPath+cell).Header().Get("Etag"); again == etag {
		t.Error("a new slot keeps the old ETag")
	}
	for _, path := range []string{"89f1", "../" + cell, cell + "/", strings.ToUpper(cell) + "x", "808f7f"} {
		if res := get(b, FeedPath+path); res.Code != 404 {
			t.Errorf("%s: %d", path, res.Code)
		}
	}
	post := httptest.NewRequest("POST", FeedPath+cell, nil)
	res := httptest.NewRecorder()
	if b.ServeHTTP(res, post); res.Code != 405 {
		t.Errorf("POST: %d", res.Code)
	}
	var index struct{ Cells []string }
	must(t, json.Unmarshal(get(b, FeedPath).Body.Bytes(), &index))
	if !slices.Equal(index.Cells, b.Cells()) {
		t.Errorf("index %v", index)
	}
}

// When one cell needs more room, all grow together.
func TestFeedGrows(t *testing.T) {
	w := newWorld(t)
	_, key := feedSigner(t)
	var many []Request
	b := w.feed(func(context.Context) ([]Request, error) { return many, nil })
	for i := range 45 {
		r := fixed(w, fmt.Sprintf("request-%d", i))
		r.Narrative = strings.Repeat("n", MaxNarrative)
		many = append(many, r)
		if i%15 != 0 {
			continue
		}
		must(t, b.Build(t.Context()))
		sizes := map[int]bool{}
		for _, c := range b.Cells() {
			body := get(b, FeedPath+c).Body.Bytes()
			sizes[len(body)] = true
			f, err := ParseFeed(body, key)
			must(t, err)
			if n := len(f.Requests); n != 0 && n != len(many) {
				t.Fatalf("%d requests of %d", n, len(many))
			}
		}
		if len(sizes) != 1 || !(sizes[MinFeedSize] || sizes[2*MinFeedSize] && i > 20) {
			t.Fatalf("after %d requests: sizes %v", i+1, sizes)
		}
	}
	many = make([]Request, 2000)
	for i := range many {
		many[i] = fixed(w, fmt.Sprint(i))
		many[i].Narrative = strings.Repeat("n", MaxNarrative)
	}
	before := get(b, FeedPath+b.Cells()[0]).Header().Get("Etag")
	if err := b.Build(t.Context()); err == nil {
		t.Error("a feed beyond all size was built")
	}
	if get(b, FeedPath+b.Cells()[0]).Header().Get("Etag") != before {
		t.Error("the old files should stay")
	}
}

func TestFeedWhileBuilding(t *testing.T) {
	w := newWorld(t)
	_, key := feedSigner(t)
	b := w.feed(w.Open)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := ParseFeed(get(b, FeedPath+b.Cells()[0]).Body.Bytes(), key); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 20 {
		w.Sleep(5 * time.Minute)
		must(t, b.Build(t.Context()))
	}
	close(stop)
	wg.Wait()
}

func TestRunBuildsOnChange(t *testing.T) {
	w := newWorld(t)
	built := make(chan struct{}, 10)
	b := w.feed(func(context.Context) ([]Request, error) { built <- struct{}{}; return nil, nil })
	<-built // by NewBuilder
	ctx, cancel := context.WithCancel(t.Context())
	changed := make(chan struct{})
	done := make(chan struct{})
	go func() { b.Run(ctx, changed); close(done) }()
	changed <- struct{}{}
	<-built
	cancel()
	<-done
}

func TestParseFeedRefuses(t *testing.T) {
	w := newWorld(t)
	signer, key := feedSigner(t)
	b := w.feed(func(context.Context) ([]Request, error) { return []Request{fixed(w, "one")}, nil })
	cell := geo.CellsNear(fixed(w, "one").Area, NearMetres)[0]
	good := get(b, FeedPath+cell).Body.Bytes()
	if _, err := ParseFeed(good, key); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(good); i += 1997 {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if _, err := ParseFeed(bad, key); !errors.Is(err, ErrFeed) {
			t.Fatalf("a flipped bit at %d passed: %v", i, err)
		}
	}
	_, other, err := feed.NewKey("exchange.example")
	must(t, err)
	v, err := note.NewVerifier(other)
	must(t, err)
	if _, err := ParseFeed(good, v); !errors.Is(err, ErrFeed) {
		t.Error("another key passed")
	}
	text, _, _ := strings.Cut(string(good), "\n\n")
	for name, change := range map[string]func(string) string{
		"header":       func(s string) string { return strings.Replace(s, "feed/v1", "feed/v2", 1) },
		"cell":         func(s string) string { return strings.Replace(s, cell, "zzz"+cell[3:], 1) },
		"time":         func(s string) string { return strings.Replace(s, "2026", "26-2", 1) },
		"more lines":   func(s string) string { return strings.Replace(s, "....", ".\n..", 1) },
		"padding":      func(s string) string { return strings.Replace(s, "....", "..x.", 1) },
		"extra field":  func(s string) string { return strings.Replace(s, `"entry":7`, `"Entry":7`, 1) },
		"spaced json":  func(s string) string { return strings.Replace(s, `"entry":7`, `"entry": 7`, 1)[:len(s)] },
		"wrong length": func(s string) string { return s[:len(s)-1] },
	} {
		signed, err := note.Sign(&note.Note{Text: change(text) + "\n"}, signer)
		must(t, err)
		if _, err := ParseFeed(signed, key); !errors.Is(err, ErrFeed) {
			t.Errorf("%s passed: %v", name, err)
		}
	}
}

func FuzzParseFeed(f *testing.F) {
	_, key := feedSigner(f)
	file, err := os.ReadFile(filepath.Join("..", "testdata", "feed", "two-requests"))
	must(f, err)
	text, _, _ := strings.Cut(string(file), "\n\n")
	f.Add(file)
	f.Add([]byte(strings.TrimRight(text, ".") + "...\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		read, err := ParseFeed(data, key)
		if err == nil && !bytes.Equal(data, file) {
			t.Errorf("a file nobody signed passed: %+v", read)
		}
		// The text alone, as if it had been signed.
		if text, _, ok := strings.Cut(string(data), "\n\n"); ok {
			feed.ParseText[FeedBody](feedKind, strings.TrimSuffix(text, "\n")+"\n")
		}
	})
}

var update = flag.Bool("update", false, "write testdata/feed anew")

// The vectors that the browser's reader is tested with.
func TestVectors(t *testing.T) {
	w := newWorld(t)
	s, _ := feedSigner(t)
	a, b := fixed(w, "01kaq0000000000000000000aa"), fixed(w, "01kaq0000000000000000000bb")
	a.Narrative = "Un hombre robó un paquete.\nA \"big\" box <blue> & \\ é 🚲 \u007f"
	a.Area = gatetest.Box(t, -89.65, 39.75, -89.6459, 39.7533)
	b.Area = a.Area
	// A small ledger with real receipts, the same in every run. The second request
	// is not the one that its entry published.
	const secret = "PRIVATE+KEY+exchange.example/log+7d6f1327+AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
	logKey, err := ledger.VerifierKey(secret)
	must(t, err)
	logSigner, err := note.NewSigner(secret)
	must(t, err)
	log, err := ledger.Open(t.Context(), ledger.Options{Dir: t.TempDir(), Signer: logSigner, LogKey: logKey})
	must(t, err)
	t.Cleanup(func() { log.Close() })
	for i, act := range []ledger.Act{
		{Action: "setting.change", Actor: "operator", Public: map[string]string{"feed_key": testFeedVKey}},
		{Action: "request.moderate", Actor: "moderator", Public: map[string]string{"request": a.ID, "verdict": "approve", "asker": city, "content": a.Content().Hash()}},
		{Action: "request.moderate", Actor: "moderator", Public: map[string]string{"request": b.ID, "verdict": "approve", "asker": city, "content": a.Content().Hash()}},
	} {
		act.ID, act.Hour = fmt.Sprintf("01kaq00000000000000000000%d", i), "2026-11-22T09:00:00Z"
		_, err := log.Append(t.Context(), ledger.Entry{V: 1, Act: act, Decision: ledger.Decision{Permit: true, Rules: []string{}, Packs: map[string]string{}}})
		must(t, err)
	}
	a.DecisionEntry, b.DecisionEntry = 1, 2
	feed, err := NewBuilder(t.Context(), FeedOptions{
		Signer: s, Key: testFeedVKey, KeyEntry: 0,
		Receipt: func(ctx context.Context, entry uint64) (string, error) {
			r, err := log.Receipt(ctx, entry)
			return string(r.Marshal()), err
		},
		Jurisdiction: []geo.Polygon{gatetest.Box(t, -89.70, 39.70, -89.60, 39.80)}, Agencies: w, Now: w.Now,
		Open: func(context.Context) ([]Request, error) { return []Request{a, b}, nil },
	})
	must(t, err)
	full := geo.CellsNear(a.Area, 0)[0]
	empty := slices.DeleteFunc(feed.Cells(), func(c string) bool { return slices.Contains(geo.CellsNear(a.Area, NearMetres), c) })[0]

	type place struct {
		Lon, Lat float64
		Cell     string
	}
	type area struct {
		Area     geo.Polygon
		M2       float64
		Inside   [][2]float64
		Outside  [][2]float64
		Contains bool `json:"-"`
	}
	vectors := struct {
		VKey, LogKey, Full, Empty string
		Index                     FeedIndex
		Hashes                    []string
		Places                    []place
		Areas                     []area
	}{VKey: testFeedVKey, LogKey: logKey, Full: full, Empty: empty, Hashes: []string{a.Content().Hash(), b.Content().Hash()}}
	must(t, json.Unmarshal(get(feed, FeedPath).Body.Bytes(), &vectors.Index))
	for lon := -175.0; lon < 180; lon += 35.3 {
		for lat := -84.9; lat < 85; lat += 18.7 {
			p, err := geo.NewPoint(lon, lat)
			must(t, err)
			x, y := p.Degrees()
			vectors.Places = append(vectors.Places, place{x, y, p.Cell()})
		}
	}
	for _, p := range []geo.Polygon{a.Area, gatetest.Box(t, -0.002, -0.003, 0.004, 0.001), gatetest.Box(t, 4.88, 52.36, 4.89, 52.37), w.agencies[city].Jurisdiction} {
		d := p.Bounds().Degrees()
		vectors.Areas = append(vectors.Areas, area{
			Area: p, M2: p.AreaM2(),
			Inside:  [][2]float64{{d[0], d[1]}, {(d[0] + d[2]) / 2, (d[1] + d[3]) / 2}, {d[2], (d[1] + d[3]) / 2}},
			Outside: [][2]float64{{d[0] - 1e-7, d[1]}, {d[2], d[3] + 1e-6}, {d[0] + 20, d[1]}},
		})
	}
	out, err := json.MarshalIndent(vectors, "", " ")
	must(t, err)
	dir := filepath.Join("..", "testdata", "feed")
	for name, data := range map[string][]byte{
		"vectors.json": append(out, '\n'), "two-requests": get(feed, FeedPath+full).Body.Bytes(), "no-request": get(feed, FeedPath+empty).Body.Bytes(),
	} {
		path := filepath.Join(dir, name)
		if *update {
			must(t, os.MkdirAll(dir, 0o755))
			must(t, os.WriteFile(path, data, 0o644))
			continue
		}
		have, err := os.ReadFile(path)
		must(t, err)
		if !bytes.Equal(have, data) {
			t.Errorf("%s is not what the code makes; go test ./canvass -run Vectors -update", path)
		}
	}
}

func BenchmarkFeed(b *testing.B) {
	w := newWorld(b)
	f := w.feed(w.Open)
	r := httptest.NewRequest("GET", FeedPath+f.Cells()[0], nil)
	rw := nowhere{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		f.ServeHTTP(rw, r)
	}
}

type nowhere struct{ h http.Header }

func (n nowhere) Header() http.Header         { return n.h }
func (n nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n nowhere) WriteHeader(int)             {}

func BenchmarkParseFeed(b *testing.B) {
	_, key := feedSigner(b)
	file, err := os.ReadFile(filepath.Join("..", "testdata", "feed", "two-requests"))
	must(b, err)
	for b.Loop() {
		if _, err := ParseFeed(file, key); err != nil {
			b.Fatal(err)
		}
	}
}
