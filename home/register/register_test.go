package register

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"porchlight/db"
	"porchlight/exchange"
	"porchlight/geo"
	"porchlight/home"
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
	told, err := s.Tell(ctx, "", "front", w.Police.ORI, details)
	check(t, err)
	if again, err := s.Tell(ctx, told.ID, "front", w.Police.ORI, details); err != nil || again.ID != told.ID || !again.Confirmed {
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
	if _, err := s.Tell(ctx, "", "front", w.Federal.ORI, Details{Rounding: geo.Half, Films: []string{"street"}}); !refused(err) {
		t.Errorf("told to a federal agency: %v", err)
	}
}

func refused(err error) bool {
	p := (*client.Problem)(nil)
	return errors.As(err, &p) && p.Status == http.StatusForbidden && p.Receipt != ""
}
