package ask

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"porchlight/canvass"
	"porchlight/db"
	"porchlight/geo"
	"porchlight/home"
	"porchlight/ledger"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func point(t testing.TB, lon, lat float64) geo.Point {
	p, err := geo.NewPoint(lon, lat)
	must(t, err)
	return p
}

// square is side metres wide, its south-west corner so many metres east and north
// of a place.
func square(t testing.TB, lon, lat, east, north, side float64) (p geo.Polygon) {
	perLon := metresPerLat * math.Cos(lat*math.Pi/180)
	w, s := lon+east/perLon, lat+north/metresPerLat
	e, n := w+side/perLon, s+side/metresPerLat
	must(t, json.Unmarshal(fmt.Appendf(nil, `{"type":"Polygon","coordinates":[[[%f,%f],[%f,%f],[%f,%f],[%f,%f],[%f,%f]]]}`, w, s, e, s, e, n, w, n, w, s), &p))
	return p
}

// strip is four metres of street, two hundred metres long, through a place.
func strip(t testing.TB, lon, lat float64) (p geo.Polygon) {
	w, h := 100/(metresPerLat*math.Cos(lat*math.Pi/180)), 2/metresPerLat
	must(t, json.Unmarshal(fmt.Appendf(nil, `{"type":"Polygon","coordinates":[[[%[1]f,%[2]f],[%[3]f,%[2]f],[%[3]f,%[4]f],[%[1]f,%[4]f],[%[1]f,%[2]f]]]}`, lon-w, lat-h, lon+w, lat+h), &p))
	return p
}

func TestCameraSees(t *testing.T) {
	const lon, lat = -89.65, 39.75
	for _, c := range []struct {
		camera home.Camera
		area   geo.Polygon
		sees   bool
	}{
		// All around, 30 m.
		{home.Camera{Facing: -1}, square(t, lon, lat, -50, -50, 100), true},
		{home.Camera{Facing: -1}, square(t, lon, lat, 25, 0, 50), true},
		{home.Camera{Facing: -1}, square(t, lon, lat, 42, 0, 50), true}, // within what a place may be off
		{home.Camera{Facing: -1}, square(t, lon, lat, 50, 0, 50), false},
		{home.Camera{Facing: -1, Reach: 80}, square(t, lon, lat, 50, 0, 50), true},
		// To the east.
		{home.Camera{Facing: 90, Angle: 90, Reach: 60}, square(t, lon, lat, 40, -10, 20), true},
		{home.Camera{Facing: 90, Angle: 90, Reach: 60}, square(t, lon, lat, -60, -10, 20), false},
		{home.Camera{Facing: 270, Angle: 90, Reach: 60}, square(t, lon, lat, -60, -10, 20), true},
		{home.Camera{Facing: 0, Angle: 60, Reach: 60}, square(t, lon, lat, -10, 40, 20), true},
		{home.Camera{Facing: 0, Angle: 60, Reach: 60}, square(t, lon, lat, -10, -60, 20), false},
		{home.Camera{Facing: 0, Angle: 300, Reach: 60}, square(t, lon, lat, 40, -10, 20), true},
		{home.Camera{Facing: 0, Angle: 300, Reach: 60}, square(t, lon, lat, -5, -60, 10), false},
		{home.Camera{Facing: 359, Angle: 1, Reach: 1}, square(t, lon, lat, -5, -5, 10), true},
		// A strip across what it sees, without a corner near it.
		{home.Camera{Facing: -1, Reach: 60}, strip(t, lon, lat), true},
		// An area around everything it sees, and one within it.
		{home.Camera{Facing: 45, Angle: 110, Reach: 20}, square(t, lon, lat, -500, -500, 1000), true},
		{home.Camera{Facing: -1, Reach: 200}, square(t, lon, lat, 10, 10, 20), true},
	} {
		c.camera.Place = point(t, lon, lat)
		eyes := NewEyes([]home.Camera{c.camera})
		if got := eyes[0].sees(c.area); got != c.sees {
			t.Errorf("facing %d, angle %d, reach %d, area %v: sees %v", c.camera.Facing, c.camera.Angle, c.camera.Reach, c.area.Points(), got)
		}
	}
}

func TestNearest(t *testing.T) {
	const lon, lat = -89.65, 39.75
	eyes := NewEyes([]home.Camera{{Place: point(t, lon, lat), Facing: -1}, {Place: point(t, lon+0.001, lat), Facing: -1}})
	for _, c := range []struct {
		east, north, metres float64
		near                bool
	}{{-10, -10, 0, true}, {-300, -10, 200, true}, {-620, 0, 520, false}, {0, 300, 300, true}, {400, 0, 400 - 85.6, true}} {
		got, near := nearest(eyes, square(t, lon, lat, c.east, c.north, 100))
		if near != c.near || near && math.Abs(got-c.metres) > 1 {
			t.Errorf("an area %v m east and %v m north is %v m away, near %v", c.east, c.north, got, near)
		}
	}
}

func TestLooked(t *testing.T) {
	for _, c := range []struct {
		incident canvass.Incident
		words    string
		want     []home.What
	}{
		{"hit-and-run", "A grey pickup hit a parked car.", []home.What{home.Vehicle}},
		{"hit-and-run", "Vimos a un HOMBRE salir corriendo.", []home.What{home.Person, home.Vehicle}},
		{"assault", "De verdachten reden weg in een bestelbus.", []home.What{home.Person, home.Vehicle}},
		{"assault", "Un camión rojo, varios coches", []home.What{home.Person, home.Vehicle}},
		{"vandalism", "Their dogs barked.", []home.What{home.Animal, home.Person}},
		{"fire", "It began at noon.", []home.What{home.Motion, home.Person, home.Vehicle}},
		{"traffic-crash", "carpet, manual, caravan", []home.What{home.Vehicle}}, // no words within words
		{"something-new", "It began at noon.", []home.What{home.Motion}},
	} {
		if got := Looked(canvass.Content{Incident: c.incident, Narrative: c.words}); !slices.Equal(got, c.want) {
			t.Errorf("%s, %q: %v", c.incident, c.words, got)
		}
	}
	for _, i := range canvass.Incidents() {
		if len(byIncident[i]) == 0 {
			t.Errorf("nothing is looked for when the incident is %s", i)
		}
	}
	if worth(&home.Moment{What: []home.What{home.Animal}}, []home.What{home.Person}) || !worth(&home.Moment{What: []home.What{home.Motion}}, []home.What{home.Motion}) {
		t.Error("the wrong moments are offered")
	}
}

// disk is a strict fake of footage and moments: it fails the test on what a
// recorder would not be asked.
type disk struct {
	t       testing.TB
	spans   map[string][]home.Span
	moments map[string][]*home.Moment
	pins    map[home.Span]bool
	full    error
}

func (d *disk) Spans(_ context.Context, camera string, from, to time.Time) (out []home.Span, err error) {
	if !from.Before(to) {
		d.t.Errorf("footage asked for from %s to %s", from, to)
	}
	for _, p := range d.spans[camera] {
		if p.From.Before(to) && p.To.After(from) {
			out = append(out, p)
		}
	}
	return out, nil
}

func (d *disk) Moments(_ context.Context, camera string, from, to time.Time) (out []*home.Moment, err error) {
	for _, m := range d.moments[camera] {
		if m.From.Before(to) && m.To.After(from) {
			out = append(out, m)
		}
	}
	return out, nil
}

func (d *disk) Pin(ctx context.Context, p home.Span) error {
	if d.full != nil {
		return d.full
	}
	if held, _ := d.Spans(ctx, p.Camera, p.From, p.To); len(held) == 0 {
		d.t.Errorf("pinned where nothing is: %v", p)
	}
	d.pins[p] = true
	return nil
}

func (d *disk) Unpin(_ context.Context, p home.Span) error {
	delete(d.pins, p)
	return nil
}

func (d *disk) pinned() (total time.Duration) {
	for p := range d.pins {
		total += p.To.Sub(p.From)
	}
	return total
}

// stepped is a clock that goes to where it is waited for when it is let.
type stepped struct {
	now     time.Time
	at, run chan struct{}
}

func (c *stepped) Now() time.Time { return c.now }

func (c *stepped) Until(ctx context.Context, at time.Time) error {
	c.at <- struct{}{}
	select {
	case <-c.run:
		c.now = at
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// still is a clock that is set by hand.
type still struct{ now time.Time }

func (c *still) Now() time.Time                         { return c.now }
func (c *still) Until(context.Context, time.Time) error { return errors.New("nobody waits here") }

const logKey = "exchange.example/log+a14540b0+ATk69k7euDQ7I94a4tm91h7oWjFp+huM7LSLvoNbC42K"

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

type house struct {
	*Service
	disk    *disk
	clock   *still
	cameras []home.Camera
	told    []Notice
}

func newHouse(t testing.TB, change func(*Options)) *house {
	d, err := db.Open(t.Context(), filepath.Join(t.TempDir(), "home.db"))
	must(t, err)
	t.Cleanup(func() { d.Close() })
	h := &house{disk: &disk{t, map[string][]home.Span{}, map[string][]*home.Moment{}, map[home.Span]bool{}, nil}, clock: &still{noon}}
	h.cameras = []home.Camera{
		{ID: "door", Name: "Front door", Place: point(t, -89.65, 39.75), Facing: 90, Angle: 100, Reach: 40},
		{ID: "yard", Name: "Yard", Place: point(t, -89.65, 39.75), Facing: 270, Angle: 100, Reach: 40},
	}
	for _, c := range h.cameras {
		h.disk.spans[c.ID] = []home.Span{{Camera: c.ID, From: noon.Add(-30 * 24 * time.Hour), To: noon}}
	}
	o := Options{DB: d, Ledger: ledger.Verifier{LogKey: logKey}, Footage: h.disk, Moments: h.disk, Clock: h.clock,
		Cameras: func(context.Context) ([]home.Camera, error) { return h.cameras, nil },
		Notify:  func(_ context.Context, n Notice) error { h.told = append(h.told, n); return nil }}
	if change != nil {
		change(&o)
	}
	h.Service, err = Open(t.Context(), o)
	must(t, err)
	return h
}

// hears has the house take up a feed file with these requests, as Round does.
func (h *house) hears(t testing.TB, items ...canvass.FeedItem) {
	t.Helper()
	must(t, h.tries(t, items...))
}

func (h *house) tries(t testing.TB, items ...canvass.FeedItem) error {
	t.Helper()
	cell := h.cameras[0].Place.Cell()
	f := found{items: items, ids: map[string]bool{}, cells: map[string]bool{cell: true}, cell: map[string]string{}}
	for _, i := range items {
		f.ids[i.Request.ID], f.cell[i.Request.ID] = true, cell
	}
	known, err := h.load(t.Context(), "")
	must(t, err)
	eyes := NewEyes(h.cameras)
	must(t, h.take(t.Context(), f, eyes, known, h.clock.now))
	return h.settle(t.Context(), h.cameras, h.clock.now)
}

// request asks for an hour around two hours before noon, east of the cameras.
func request(t testing.TB, id string) canvass.FeedItem {
	return canvass.FeedItem{AgencyName: "Millbrook Police", AgencyKind: "municipal", Published: noon.Add(-time.Hour), Request: canvass.Content{
		ID: id, Agency: "IL0160000", Incident: "hit-and-run", Narrative: "It drove off.", Area: square(t, -89.65, 39.75, 20, -50, 100),
		From: noon.Add(-3 * time.Hour), To: noon.Add(-2 * time.Hour), TimeZone: "America/Chicago", Expires: noon.Add(48 * time.Hour)}}
}

func moment(camera string, from time.Time, d time.Duration, what ...home.What) *home.Moment {
	return &home.Moment{ID: fmt.Sprint(camera, from.Unix()), Span: home.Span{Camera: camera, From: from, To: from.Add(d)}, What: what}
}

func (h *house) one(t testing.TB, id string) Matched {
	t.Helper()
	m, err := h.Request(t.Context(), id)
	must(t, err)
	return m
}

func TestRequestMatched(t *testing.T) {
	h := newHouse(t, nil)
	from := noon.Add(-3 * time.Hour)
	h.disk.moments["door"] = []*home.Moment{
		moment("door", from.Add(-time.Minute), 30*time.Second, home.Vehicle), // before the window
		moment("door", from.Add(-10*time.Second), 30*time.Second, home.Motion, home.Vehicle),
		moment("door", from.Add(10*time.Minute), 20*time.Second, home.Motion, home.Person), // not what is looked for
		moment("door", from.Add(30*time.Minute), 20*time.Second, home.Motion, home.Vehicle),
		moment("door", from.Add(61*time.Minute), 20*time.Second, home.Vehicle), // after it
	}
	h.disk.moments["yard"] = []*home.Moment{moment("yard", from.Add(30*time.Minute), 20*time.Second, home.Vehicle)} // looks elsewhere
	h.hears(t, request(t, "a"))
	m := h.one(t, "a")
	if !slices.Equal(m.Cameras, []string{"door"}) || len(m.Spans) != 1 || !m.Spans[0].From.Equal(from) || m.Spans[0].To.Sub(from) != time.Hour {
		t.Errorf("cameras %v, footage %v", m.Cameras, m.Spans)
	}
	if len(m.Moments) != 2 || !m.Moments[0].From.Equal(from.Add(-10*time.Second)) || !m.Moments[1].From.Equal(from.Add(30*time.Minute)) {
		t.Errorf("offered: %v", m.Moments)
	}
	if m.State != New || !m.Open || m.Asked.AgencyName != "Millbrook Police" || m.Metres > 21 {
		t.Errorf("%+v", m)
	}
	if len(h.told) != 1 || h.told[0].Clips != 2 || !slices.Equal(h.told[0].Cameras, []string{"door"}) {
		t.Errorf("the household was told %+v", h.told)
	}
	// The window; of its first moment what lies within, 20 s and 15 s more; 50 s around the second.
	if len(h.disk.pins) != 3 || h.disk.pinned() != time.Hour+35*time.Second+50*time.Second {
		t.Errorf("pinned: %v", h.disk.pins)
	}
	h.hears(t, request(t, "a"))
	if len(h.told) != 1 {
		t.Errorf("the household was told again: %+v", h.told)
	}

	// A request near which no camera looks, and one that is far.
	elsewhere, far := request(t, "b"), request(t, "c")
	elsewhere.Request.Area, far.Request.Area = square(t, -89.65, 39.75, -50, 200, 100), square(t, -89.65, 39.75, 600, 0, 100)
	h.hears(t, request(t, "a"), elsewhere, far)
	if m := h.one(t, "b"); len(m.Cameras) > 0 || len(m.Spans) > 0 || len(h.told) != 1 {
		t.Errorf("elsewhere: %+v, told %v", m, h.told)
	}
	if _, err := h.Request(t.Context(), "c"); !errors.Is(err, ErrNotFound) {
		t.Errorf("far away: %v", err)
	}
}

func TestStates(t *testing.T) {
	h := newHouse(t, nil)
	h.hears(t, request(t, "a"), request(t, "b"))
	if h.disk.pinned() != time.Hour { // both ask for the same
		t.Errorf("pinned %v", h.disk.pins)
	}
	must(t, h.Seen(t.Context(), "a"))
	must(t, h.Dismiss(t.Context(), "a"))
	must(t, h.Seen(t.Context(), "a")) // looking again does not take it up
	if m := h.one(t, "a"); m.State != Dismissed || h.disk.pinned() != time.Hour {
		t.Errorf("dismissed: %s, pinned %v", m.State, h.disk.pins)
	}
	must(t, h.Dismiss(t.Context(), "b"))
	if len(h.disk.pins) > 0 {
		t.Errorf("kept for nobody: %v", h.disk.pins)
	}
	must(t, h.Restore(t.Context(), "b"))
	if m := h.one(t, "b"); m.State != Seen || h.disk.pinned() != time.Hour {
		t.Errorf("taken up again: %s, pinned %v", m.State, h.disk.pins)
	}
	must(t, h.Answered(t.Context(), "b"))
	h.hears(t, request(t, "a"), request(t, "b"))
	if m := h.one(t, "a"); m.State != Dismissed {
		t.Errorf("told of again it is %s", m.State)
	}

	// Closed by its agency: gone from the file.
	h.hears(t)
	if a, b := h.one(t, "a"), h.one(t, "b"); a.State != Over || b.State != Shared || b.Open || len(h.disk.pins) > 0 {
		t.Errorf("closed: %s, %s, pinned %v", a.State, b.State, h.disk.pins)
	}
	h.hears(t, request(t, "b")) // a file from before
	if !h.one(t, "b").Open {
		t.Error("told of again, but not open")
	}
	// Expired.
	h.clock.now = noon.Add(49 * time.Hour)
	h.hears(t, request(t, "b"))
	if b := h.one(t, "b"); b.Open || len(h.disk.pins) > 0 {
		t.Errorf("expired: %+v", b)
	}
	h.clock.now = h.clock.now.Add(forgetAfter + time.Hour)
	h.hears(t)
	if all, err := h.Requests(t.Context()); err != nil || len(all) != 1 || all[0].State != Shared {
		t.Errorf("after a month: %v, %v", all, err)
	}
	for _, f := range []func(context.Context, string) error{h.Seen, h.Dismiss, h.Restore, h.Answered} {
		if err := f(t.Context(), "x"); !errors.Is(err, ErrNotFound) {
			t.Errorf("a request that is none: %v", err)
		}
	}
}

// Many requests, or an exchange that means ill, do not fill the disk: moments are
// kept before whole windows, older requests before newer ones.
func TestPinsAreBounded(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Hold = 90 * time.Minute })
	var items []canvass.FeedItem
	for i := range 20 {
		r := request(t, fmt.Sprintf("r%02d", i))
		r.Published = noon.Add(time.Duration(i-100) * time.Minute)
		r.Request.From, r.Request.To = noon.Add(time.Duration(-10*(i+1))*time.Hour), noon.Add(time.Duration(-10*(i+1))*time.Hour+time.Hour)
		h.disk.moments["door"] = append(h.disk.moments["door"], moment("door", r.Request.From.Add(time.Minute), 30*time.Second, home.Vehicle))
		items = append(items, r)
	}
	h.hears(t, items...)
	if n := len(h.disk.pins); n != 21 || h.disk.pinned() != 20*time.Minute+time.Hour {
		t.Errorf("%d pins of %s", n, h.disk.pinned())
	}
	whole := home.Span{Camera: "door", From: items[0].Request.From, To: items[0].Request.To}
	if !h.disk.pins[whole] {
		t.Error("the oldest request's window is not kept")
	}

	h.disk.full = errors.New("the disk is full")
	if err := h.Dismiss(t.Context(), "r19"); !errors.Is(err, h.disk.full) {
		t.Errorf("footage that cannot be kept: %v", err)
	}
	if err := h.Dismiss(t.Context(), "r00"); !errors.Is(err, h.disk.full) {
		t.Errorf("footage that cannot be kept: %v", err)
	}
	h.disk.full = nil
	h.hears(t, items...)
	if h.disk.pinned() != 18*time.Minute+time.Hour {
		t.Errorf("after the disk had room again: %s", h.disk.pinned())
	}
}

func TestNoticeIsRepeatedUntilItIsTaken(t *testing.T) {
	var fail error = errors.New("no room")
	n := 0
	h := newHouse(t, func(o *Options) { o.Notify = func(context.Context, Notice) error { n++; return fail } })
	if err := h.tries(t, request(t, "a")); !errors.Is(err, fail) {
		t.Errorf("a notice that failed: %v", err)
	}
	fail = nil
	h.hears(t, request(t, "a"))
	h.hears(t, request(t, "a"))
	if n != 2 {
		t.Errorf("tried %d times", n)
	}
	// Seen on the page already, or without footage: nobody need be told.
	b := request(t, "b")
	b.Request.From, b.Request.To = noon.Add(-90*24*time.Hour), noon.Add(-90*24*time.Hour+time.Hour)
	h.hears(t, request(t, "a"), b)
	if n != 2 {
		t.Error("the household was told of what it cannot answer")
	}
}

func TestSchedule(t *testing.T) {
	h := newHouse(t, nil)
	again, err := Open(t.Context(), h.Options)
	must(t, err)
	now := noon
	for range 300 {
		next := h.Next(now)
		if d := next.Sub(now); d <= 0 || d > h.Every {
			t.Fatalf("after %s comes %s", now, next)
		}
		if !next.Equal(again.Next(now)) {
			t.Fatal("a restart changes the schedule")
		}
		if r := time.Duration(next.UnixMicro()%h.Every.Microseconds()) * time.Microsecond; r != h.offset {
			t.Fatalf("at %s", r)
		}
		now = now.Add(7 * time.Minute)
	}
	if next := h.Next(time.UnixMicro(-5)); next.Sub(time.UnixMicro(-5)) <= 0 {
		t.Errorf("before 1970: %s", next)
	}
	h.Service.Cameras = func(context.Context) ([]home.Camera, error) {
		return []home.Camera{{ID: "a", Removed: noon.Add(-59 * 24 * time.Hour)}, {ID: "b", Removed: noon.Add(-61 * 24 * time.Hour)}}, nil
	}
	if left, err := h.Service.cameras(t.Context()); err != nil || len(left) != 1 || left[0].ID != "a" {
		t.Errorf("removed cameras that count: %v, %v", left, err)
	}
	offsets := map[time.Duration]bool{}
	for range 5 {
		offsets[newHouse(t, nil).offset] = true
	}
	if len(offsets) < 4 {
		t.Errorf("houses drew %v", offsets)
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	h := newHouse(t, nil)
	o := h.Options
	o.Ledger = ledger.Verifier{LogKey: "nonsense"}
	if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "keys") {
		t.Errorf("a key that is none: %v", err)
	}
}

// On this scale the flat map agrees with the globe.
func TestFlatMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	seen := 0
	for range 2000 {
		lat := 60 * rng.Float64()
		c := home.Camera{Place: point(t, -89.65, lat), Facing: rng.IntN(361) - 1, Angle: rng.IntN(361), Reach: 1 + rng.IntN(80)}
		eyes := NewEyes([]home.Camera{c})
		area := square(t, -89.65, lat, rng.Float64()*300-200, rng.Float64()*300-200, 1+rng.Float64()*100)
		var ring [][2]float64
		for _, p := range append(eyes[0].ring, eyes[0].ring[0]) {
			ring = append(ring, [2]float64{eyes[0].lon + p.x/eyes[0].perLon, lat + p.y/metresPerLat})
		}
		text, err := json.Marshal(map[string]any{"type": "Polygon", "coordinates": [][][2]float64{ring}})
		must(t, err)
		sector, err := geo.ParsePolygon(text)
		if err != nil {
			continue // a sliver that the globe's map cannot hold
		}
		metres := geo.Distance(sector, area)
		if got := eyes.Sees(0, area); got != (metres <= slack) && math.Abs(metres-slack) > 1 {
			t.Errorf("%+v and %v are %.1f m apart; sees %v", c, area.Points(), metres, got)
		} else if got {
			seen++
		}
	}
	if seen < 200 || seen > 1800 {
		t.Errorf("%d of 2000 are seen: this tests little", seen)
	}
}
