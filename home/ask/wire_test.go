package ask

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"porchlight/db"
	"porchlight/home"
	"porchlight/internal/testworld"
	"porchlight/ledger"
)

// wire is what somebody between a house and its exchange sees.
type wire struct {
	*httptest.Server
	mu          sync.Mutex
	clock       *stepped
	began       time.Time
	lines       []string
	connections int
	meddle      func(*http.Response)
}

func newWire(t *testing.T, to string, clock *stepped) *wire {
	u, err := url.Parse(to)
	must(t, err)
	w := &wire{clock: clock}
	p := httputil.NewSingleHostReverseProxy(u)
	p.ModifyResponse = func(r *http.Response) error {
		body, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		w.mu.Lock()
		defer w.mu.Unlock()
		var head []string
		for name, values := range r.Request.Header {
			if !strings.HasPrefix(name, "X-Forwarded") { // the proxy's own
				head = append(head, name+": "+strings.Join(values, ","))
			}
		}
		slices.Sort(head)
		w.lines = append(w.lines, fmt.Sprintf("%s %s %s %v, %d bytes; %d, %d bytes", clock.now.Sub(w.began), r.Request.Method, r.Request.URL, head,
			max(0, r.Request.ContentLength), r.StatusCode, len(body)))
		if w.meddle != nil {
			w.meddle(r)
		}
		return err
	}
	w.Server = httptest.NewUnstartedServer(p)
	w.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			w.mu.Lock()
			w.connections++
			w.mu.Unlock()
		}
	}
	w.Start()
	t.Cleanup(w.Close)
	return w
}

// watched is a house behind a wire.
type watched struct {
	*Service
	name  string
	wire  *wire
	clock *stepped
	disk  *disk
	told  []Notice
}

const rounds = 6

func TestWire(t *testing.T) {
	w := testworld.Start(t, nil)
	t.Run("an exchange that fails", func(t *testing.T) { failing(t, w) })
	t.Run("silence is invisible", func(t *testing.T) { silence(t, w) })
}

// Silence is invisible: whoever watches the wire of a house cannot tell whether it
// has cameras at the scene, whether anybody was told, looked, dismissed or
// answered.
func silence(t *testing.T, w *testworld.World) {
	area := w.Request.Area.Coordinates[0][0]
	// In the area, and in the same cell two kilometres away.
	in := point(t, area[0]+0.001, area[1]+0.001)
	out := point(t, area[0]+0.001, area[1]+0.022)
	if in.Cell() != out.Cell() {
		out = point(t, area[0]-0.022, area[1]+0.001)
	}
	if in.Cell() != out.Cell() {
		t.Fatal("the houses are not in one cell")
	}
	must(t, w.X.Feed.Build(t.Context()))
	now := time.Now()
	new := func(name string, place ...home.Camera) *watched {
		h := &watched{name: name, clock: &stepped{now, make(chan struct{}), make(chan struct{})}}
		h.wire = newWire(t, w.URL, h.clock)
		h.disk = &disk{t, map[string][]home.Span{}, map[string][]*home.Moment{}, map[home.Span]bool{}, nil}
		d, err := db.Open(t.Context(), filepath.Join(t.TempDir(), "home.db"))
		must(t, err)
		t.Cleanup(func() { d.Close() })
		h.Service, err = Open(t.Context(), Options{DB: d, URL: h.wire.URL, Ledger: ledger.Verifier{LogKey: w.LogKey}, Footage: h.disk, Moments: h.disk,
			Clock: h.clock, Every: 2 * time.Minute, // so that the feed's real files stay fresh
			Cameras: func(context.Context) ([]home.Camera, error) { return place, nil },
			Notify:  func(_ context.Context, n Notice) error { h.told = append(h.told, n); return nil }})
		must(t, err)
		h.wire.began = h.Next(now)
		for _, c := range place {
			if c.Place == in && name != "holds nothing" {
				h.disk.spans[c.ID] = []home.Span{{Camera: c.ID, From: now.Add(-24 * time.Hour), To: now}}
				h.disk.moments[c.ID] = []*home.Moment{moment(c.ID, w.Request.From.Add(time.Minute), time.Minute, home.Person)}
			}
		}
		return h
	}
	door, off := home.Camera{ID: "door", Name: "Front door", Place: in, Facing: -1}, home.Camera{ID: "door", Name: "Front door", Place: in, Facing: -1, Off: true, Removed: now}
	houses := []*watched{
		new("ignores", door), new("dismisses", door), new("looks", door), new("answers", door), new("holds nothing", door),
		new("is elsewhere", home.Camera{ID: "far", Place: out, Facing: -1}), new("has many cameras", door, home.Camera{ID: "far", Place: out, Facing: -1}, door),
		new("switched them off", off),
	}
	second, third := "", ""
	act := func(h *watched, round int) error {
		ctx := t.Context()
		switch {
		case h.name == "dismisses" && round == 1:
			return h.Dismiss(ctx, w.Request.ID)
		case h.name == "looks" && round == 1:
			return h.Seen(ctx, w.Request.ID)
		case h.name == "answers" && round == 1:
			return h.Answered(ctx, w.Request.ID) // what goes out then is share/client's
		case h.name == "dismisses" && round == 3:
			return h.Dismiss(ctx, second)
		}
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for _, h := range houses {
		all.Go(func() {
			if err := h.Run(ctx); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	for round := range rounds + 1 {
		switch round { // something new, twice, and something that is over
		case 2:
			r, err := w.Publish(ctx, w.Police, "26-004712")
			must(t, err)
			second = r.ID
			must(t, w.X.Feed.Build(t.Context()))
		case 3:
			r, err := w.Publish(ctx, w.Sheriff, "26-004713")
			must(t, err)
			third = r.ID
			must(t, w.X.Feed.Build(t.Context()))
		case 5:
			_, err := w.Police.Requester.Act(ctx, "/requests/"+second+"/close", nil, nil)
			must(t, err)
			must(t, w.X.Feed.Build(t.Context()))
		}
		for _, h := range houses {
			<-h.clock.at // it waits for its next round
			must(t, act(h, round))
			if h.name != "switched them off" && round > 0 && h.Status().Trouble != None {
				t.Errorf("%s: %+v", h.name, h.Status())
			}
			if round < rounds {
				h.clock.run <- struct{}{}
			}
		}
	}
	cancel()
	all.Wait()

	want := houses[0].wire
	if len(want.lines) != 2*rounds || want.connections != rounds {
		t.Errorf("%d requests on %d connections in %d rounds", len(want.lines), want.connections, rounds)
	}
	for i, line := range want.lines {
		if i%2 == 1 && !strings.HasSuffix(line, "200, 65536 bytes") {
			t.Errorf("a file of another size: %s", line)
		}
	}
	for _, h := range houses[1:] {
		for i := range max(len(want.lines), len(h.wire.lines)) {
			if i >= len(want.lines) || i >= len(h.wire.lines) || want.lines[i] != h.wire.lines[i] {
				t.Fatalf("the house that %s can be told from the one that %s:\n%s\n%s", h.name, houses[0].name, strings.Join(h.wire.lines, "\n"), strings.Join(want.lines, "\n"))
			}
		}
		if h.wire.connections != want.connections {
			t.Errorf("the house that %s made %d connections", h.name, h.wire.connections)
		}
	}
	// And inside they were as different as can be.
	states := map[string][]State{
		"ignores": {New, Over, New}, "dismisses": {Dismissed, Over, New}, "looks": {Seen, Over, New}, "answers": {Shared, Over, New}, "holds nothing": {New, Over, New},
		"has many cameras": {New, Over, New}, "switched them off": {New, Over, New},
	}
	for _, h := range houses {
		for i, want := range states[h.name] {
			m, err := h.Request(t.Context(), []string{w.Request.ID, second, third}[i])
			if err != nil || m.State != want {
				t.Errorf("%s: request %d is %s, want %s, %v", h.name, i, m.State, want, err)
			}
		}
		told := 3
		if h.name == "holds nothing" || h.name == "is elsewhere" {
			told = 0
		}
		if len(h.told) != told {
			t.Errorf("the household that %s was told %+v", h.name, h.told)
		}
		if h.name == "is elsewhere" {
			if all, err := h.Requests(t.Context()); err != nil || len(all) > 0 {
				t.Errorf("far away: %v, %v", all, err)
			}
		}
	}
}

// What a round finds wrong it says, keeps what it knew, and asks nothing more.
func failing(t *testing.T, w *testworld.World) {
	area := w.Request.Area.Coordinates[0][0]
	place := point(t, area[0]+0.001, area[1]+0.001)
	clock := &stepped{now: time.Now()}
	wire := newWire(t, w.URL, clock)
	key := w.LogKey
	d, err := db.Open(t.Context(), filepath.Join(t.TempDir(), "home.db"))
	must(t, err)
	defer d.Close()
	cameras := []home.Camera{{ID: "door", Place: place, Facing: -1}}
	open := func() *Service {
		s, err := Open(t.Context(), Options{DB: d, URL: wire.URL, Ledger: ledger.Verifier{LogKey: key}, Clock: clock,
			Footage: &disk{t: t, pins: map[home.Span]bool{}}, Cameras: func(context.Context) ([]home.Camera, error) { return cameras, nil }})
		must(t, err)
		return s
	}
	s := open()
	must(t, w.X.Feed.Build(t.Context()))
	s.Round(t.Context())
	if got := s.Status(); got.Trouble != None || got.Last.IsZero() || !got.Next.After(got.Last) {
		t.Fatalf("%+v", got)
	}
	replace := func(path, old, new string) func(*http.Response) {
		return func(r *http.Response) {
			if !strings.Contains(r.Request.URL.Path, path) {
				return
			}
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(bytes.Replace(body, []byte(old), []byte(new), 1)))
			r.ContentLength = -1
			r.Header.Del("Content-Length")
		}
	}
	for _, c := range []struct {
		name   string
		meddle func(*http.Response)
		want   Trouble
		asked  int
	}{
		{"is down", func(r *http.Response) { r.StatusCode = 503 }, Unreachable, 1},
		{"sends the house elsewhere", func(r *http.Response) { r.StatusCode = 302; r.Header.Set("Location", "/elsewhere") }, Unreachable, 1},
		{"has no feed", replace("/feed/v1/", "{", "<"), Unreachable, 1},
		{"changes a request", replace("/feed/v1/"+place.Cell(), "parcel", "person"), Unproved, 2},
		{"signs with another key", replace("/feed/v1/", `"key":"`, `"key":"x`), Unproved, 2},
		{"has no such cell", replace("/feed/v1/", place.Cell(), "ffffffff"), Elsewhere, 1},
	} {
		wire.mu.Lock()
		before := len(wire.lines)
		wire.meddle = c.meddle
		wire.mu.Unlock()
		s.Round(t.Context())
		if got := s.Status(); got.Trouble != c.want || got.Detail == "" {
			t.Errorf("an exchange that %s: %+v", c.name, got)
		}
		if n := len(wire.lines) - before; n != c.asked {
			t.Errorf("an exchange that %s was asked %d times", c.name, n)
		}
		if m, err := s.Request(t.Context(), w.Request.ID); err != nil || !m.Open {
			t.Errorf("an exchange that %s took a request away: %+v, %v", c.name, m, err)
		}
	}
	wire.meddle = nil
	clock.now = clock.now.Add(2 * time.Hour)
	if s.Round(t.Context()); s.Status().Trouble != Stale {
		t.Errorf("old files: %+v", s.Status())
	}
	clock.now = clock.now.Add(-2 * time.Hour)
	key = logKey
	s = open()
	if s.Round(t.Context()); s.Status().Trouble != Unproved {
		t.Errorf("another exchange's ledger: %+v", s.Status())
	}
	cameras[0].Place = point(t, 5, 52)
	if s.Round(t.Context()); s.Status().Trouble != Elsewhere {
		t.Errorf("a house elsewhere: %+v", s.Status())
	}
}
