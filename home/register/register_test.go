package register

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"porchlight/db"
	"porchlight/exchange"
	"porchlight/gate"
	"porchlight/geo"
	"porchlight/home"
	"porchlight/home/outbox"
	"porchlight/internal/testworld"
	"porchlight/ledger"
	"porchlight/share/client"
	"porchlight/web"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func area() web.RegisterAsk {
	return web.RegisterAsk{Case: "26-0007", Incident: "burglary", Note: "A door was forced.", Area: web.GeoPolygon{Type: "Polygon",
		Coordinates: [][][]float64{{{-89.652, 39.749}, {-89.648, 39.749}, {-89.648, 39.7515}, {-89.652, 39.7515}, {-89.652, 39.749}}}}}
}

// A camera is told, looked at, asked about, changed and taken back, against a
// whole exchange.
func TestWalk(t *testing.T) {
	ctx := t.Context()
	var mu sync.Mutex
	var off time.Duration
	now := func() time.Time { mu.Lock(); defer mu.Unlock(); return time.Now().Add(off) }
	w := testworld.Start(t, func(c *exchange.Config) { c.Now = now })
	d, err := db.Open(ctx, t.TempDir()+"/house.db")
	check(t, err)
	t.Cleanup(func() { d.Close() })
	at := geo.Point{Lon: -896501234, Lat: 397504321}
	s, err := Open(ctx, Options{DB: d, Now: now,
		Exchange: &client.Exchange{URL: w.URL, Ledger: ledger.Verifier{LogKey: w.LogKey}, HTTP: client.NewHTTP(), Wait: func(_ context.Context, d time.Duration) error {
			mu.Lock()
			defer mu.Unlock()
			off += d
			return nil
		}},
		Cameras: func(context.Context) ([]home.Camera, error) { return []home.Camera{{ID: "front", Place: at}}, nil }})
	check(t, err)
	agencies, err := s.Agencies(ctx)
	check(t, err)
	for _, a := range agencies {
		if a.ORI == w.Federal.ORI {
			t.Error("a federal agency can be told")
		}
	}
	details := Details{Rounding: geo.Hundred, Films: []string{"street", "entrance"}, Note: "Faces east.", Days: 14, Contact: "Ann, 555-0100"}
	told, err := s.Tell(ctx, "front", w.Police.ORI, details)
	check(t, err)
	if again, err := s.Tell(ctx, "front", w.Police.ORI, details); err != nil || again.ID != told.ID || !again.Confirmed {
		t.Errorf("telling it again: %+v, %v", again, err)
	}

	var look struct{ Cameras []web.RegisteredCamera }
	_, err = w.Police.Investigator.Act(ctx, "/register/looks", area(), &look)
	check(t, err)
	if len(look.Cameras) != 1 || look.Cameras[0].Place != (web.MapPlace{Lon: -89.65, Lat: 39.75}) || len(look.Cameras[0].Contact) == 0 || look.Cameras[0].ID != told.ID {
		t.Fatalf("the officer sees %+v", look.Cameras)
	}
	f, err := s.Looks(ctx, told.ID)
	check(t, err)
	if len(f.Looks) != 1 || f.Looks[0].Role != "investigator" || f.Looks[0].Incident != "burglary" {
		t.Errorf("the house sees %+v", f.Looks)
	}
	_, err = s.Prove(ctx, told.ID, f.Looks[0].Entry, "register.view")
	check(t, err)
	if _, err := s.Prove(ctx, told.ID, f.Looks[0].Entry, "register.tell"); !errors.Is(err, client.ErrUnproved) {
		t.Errorf("a look taken for a telling: %v", err)
	}
	check(t, s.Write(ctx, told.ID, "What is it about?"))
	if f, err := s.Looks(ctx, told.ID); err != nil || len(f.Messages) != 1 || f.Messages[0].Text != "What is it about?" || !f.Messages[0].FromHome {
		t.Errorf("%+v, %v", f.Messages, err)
	}

	details.Rounding, details.Contact = geo.Half, ""
	_, err = s.Change(ctx, told.ID, details)
	check(t, err)
	look.Cameras = nil
	_, err = w.Police.Investigator.Act(ctx, "/register/looks", area(), &look)
	check(t, err)
	if len(look.Cameras) != 1 || look.Cameras[0].Rounding != "500m" || len(look.Cameras[0].Contact) != 0 {
		t.Errorf("after the change the officer sees %+v", look.Cameras)
	}

	// The link leaked: the old one opens nothing, and what was written before is read on.
	before, err := s.told(ctx, told.ID)
	check(t, err)
	for range 2 {
		check(t, s.Relink(ctx, told.ID))
	}
	after, err := s.Looks(ctx, told.ID)
	check(t, err)
	if len(after.Messages) != 1 || after.Messages[0].Text != "What is it about?" || len(after.Looks) != 2 || after.Link == before.secret.Link(w.URL, "/camera/mine") {
		t.Errorf("with the new link: %+v", after)
	}
	if err := s.Exchange.Get(ctx, "/register/camera", before.secret, &struct{}{}); !unknown(err) {
		t.Errorf("the old link still opens: %v", err)
	}
	receipt, err := s.Withdraw(ctx, told.ID)
	check(t, err)
	if receipt == "" {
		t.Error("no receipt")
	}
	if all, err := s.All(ctx); err != nil || len(all) != 0 {
		t.Errorf("left in the house: %+v, %v", all, err)
	}
	if _, err := s.Looks(ctx, told.ID); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if _, err := s.Tell(ctx, "front", w.Federal.ORI, Details{Rounding: geo.Half, Films: []string{"street"}}); !refused(err) {
		t.Errorf("told to a federal agency: %v", err)
	}
}

func unknown(err error) bool {
	p := (*client.Problem)(nil)
	return errors.As(err, &p) && p.Status == http.StatusNotFound
}

// line is the house's connection, which breaks at the next act: before the exchange
// hears of it, or before its answer comes.
type line struct {
	breaks func() // kills the house; nil: the line is good
	heard  bool
	answer string // that was lost
}

func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	if l.breaks == nil || r.Header.Get("Porchlight-Act") == "" {
		return http.DefaultTransport.RoundTrip(r)
	}
	defer func() { l.breaks(); l.breaks = nil }()
	if !l.heard {
		return nil, errors.New("no line")
	}
	resp, err := http.DefaultTransport.RoundTrip(r.Clone(context.Background()))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var out struct{ Receipt string }
	err = json.NewDecoder(resp.Body).Decode(&out)
	l.answer = out.Receipt
	return nil, errors.Join(errors.New("the line broke"), err)
}

// Whatever the household decides happens once: the house is killed before the
// exchange hears of it, or the answer is lost, and it goes on by itself.
func TestOnce(t *testing.T) {
	ctx := t.Context()
	var clock testworld.Clock
	w := testworld.Start(t, func(c *exchange.Config) { c.Now = clock.Now })
	d, err := db.Open(ctx, t.TempDir()+"/house.db")
	check(t, err)
	t.Cleanup(func() { d.Close() })
	l := &line{}
	var s *Service
	var receipts []string
	start := func() {
		s, err = Open(ctx, Options{DB: d, Now: clock.Now,
			Exchange: &client.Exchange{URL: w.URL, Ledger: ledger.Verifier{LogKey: w.LogKey}, HTTP: &http.Client{Transport: l},
				Wait: func(_ context.Context, d time.Duration) error { clock.Sleep(d); return nil }},
			Cameras: func(context.Context) ([]home.Camera, error) {
				return []home.Camera{{ID: "front", Place: geo.Point{Lon: -896501234, Lat: 397504321}}}, nil
			}})
		check(t, err)
		over := s.acts.Over
		s.acts.Over = func(tx *sql.Tx, a outbox.Act, receipt string, refused *client.Problem) error {
			receipts = append(receipts, receipt)
			return over(tx, a, receipt, refused)
		}
	}
	start()
	id := func() string {
		all, err := s.All(ctx)
		check(t, err)
		if len(all) != 1 {
			t.Fatalf("told: %+v", all)
		}
		return all[0].ID
	}
	details := Details{Rounding: geo.Hundred, Films: []string{"street"}, Contact: "Ann, 555-0100"}
	wider := Details{Rounding: geo.Half, Films: []string{"street", "yard"}}
	for _, heard := range []bool{true, false} {
		for _, c := range []struct {
			action string
			decide func(context.Context) error
		}{
			{"register.tell", func(ctx context.Context) error { _, err := s.Tell(ctx, "front", w.Police.ORI, details); return err }},
			{"register.change", func(ctx context.Context) error { _, err := s.Change(ctx, id(), wider); return err }},
			{"register.write", func(ctx context.Context) error { return s.Write(ctx, id(), "What is it about?") }},
			{"register.relink", func(ctx context.Context) error { return s.Relink(ctx, id()) }},
			{"register.withdraw", func(ctx context.Context) error { _, err := s.Withdraw(ctx, id()); return err }},
		} {
			before := w.Entries(t, c.action)
			life, kill := context.WithCancel(ctx)
			l.breaks, l.heard, l.answer, receipts = kill, heard, "", nil
			if err := c.decide(life); !errors.Is(err, context.Canceled) {
				t.Errorf("%s, heard %t: %v", c.action, heard, err)
			}
			start()
			if all, err := s.All(ctx); err != nil || len(all) != 1 || !slices.Equal(all[0].Waiting, []string{c.action}) {
				t.Fatalf("%s, heard %t: kept %+v, %v", c.action, heard, all, err)
			}
			clock.Sleep(time.Minute)
			if over, next, err := s.acts.Step(ctx); err != nil || len(over) != 1 || !next.IsZero() {
				t.Errorf("%s, heard %t: %+v, %v, %v", c.action, heard, over, next, err)
			}
			if n := w.Entries(t, c.action) - before; n != 1 || len(receipts) != 1 || receipts[0] == "" {
				t.Errorf("%s, heard %t: %d entries, %d receipts", c.action, heard, n, len(receipts))
			} else if heard && entry(t, receipts[0]) != entry(t, l.answer) {
				t.Errorf("%s: another receipt than the one that was lost", c.action)
			}
			switch c.action {
			case "register.withdraw":
			case "register.change":
				if f, err := s.Looks(ctx, id()); err != nil || !reflect.DeepEqual(f.Told.Details, wider) {
					t.Errorf("after the change the house has %+v, %v", f.Told.Details, err)
				}
			default:
				if _, err := s.Looks(ctx, id()); err != nil {
					t.Errorf("after %s: %v", c.action, err)
				}
			}
		}
		if all, err := s.All(ctx); err != nil || len(all) > 0 {
			t.Errorf("left: %+v, %v", all, err)
		}
	}

	// What was changed last counts, also when an earlier change waits.
	_, err = s.Tell(ctx, "front", w.Police.ORI, details)
	check(t, err)
	life, kill := context.WithCancel(ctx)
	l.breaks, l.heard = kill, false
	if _, err := s.Change(life, id(), wider); err == nil {
		t.Error("changed without a line")
	}
	exact := Details{Rounding: geo.Exact, Films: []string{"alley"}}
	_, err = s.Change(ctx, id(), exact)
	check(t, err)
	clock.Sleep(time.Hour)
	_, _, err = s.acts.Step(ctx)
	check(t, err)
	if f, err := s.Looks(ctx, id()); err != nil || !reflect.DeepEqual(f.Told.Details, exact) {
		t.Errorf("in the end the house has %+v, %v", f.Told.Details, err)
	}
	// Taken back elsewhere: the house says so, and forgets it.
	told, err := s.told(ctx, id())
	check(t, err)
	_, err = s.Exchange.Act(ctx, gate.NewActID(), "/register/camera/withdraw", "register.withdraw", told.secret, nil)
	check(t, err)
	if _, err := s.Withdraw(ctx, told.ID); !errors.Is(err, ErrElsewhere) {
		t.Error(err)
	}
}

func entry(t *testing.T, receipt string) uint64 {
	t.Helper()
	r, err := ledger.ParseReceipt([]byte(receipt))
	check(t, err)
	return r.Index
}

func refused(err error) bool {
	p := (*client.Problem)(nil)
	return errors.As(err, &p) && p.Status == http.StatusForbidden && p.Receipt != ""
}
