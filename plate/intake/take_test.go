package intake

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"porchlight/geo"
	"porchlight/plate"
)

func TestReadsAreToldApart(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.signer(plate.Camera{Heading: 90})
		old := w.seen("ZZT1", time.Second)
		if r, err := c.send(c.batch(old)); err != nil || r.Fresh != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
		late, tooOld, future, ahead := w.seen("ZZT2", time.Hour), w.seen("ZZT3", 31*24*time.Hour), w.seen("ZZT4", -3*time.Minute), w.seen("ZZT5", -time.Minute)
		bad := w.seen("ZZT6", 0)
		bad.Confidence = 2000
		r, err := c.send(c.batch(w.seen("ZZT7", time.Second), old, late, tooOld, future, ahead, bad))
		must(t, err)
		want := Counts{Fresh: 2, Late: 1, Duplicate: 1, TooOld: 1, Future: 1, Malformed: 1}
		if r.Counts != want || r.Replayed {
			t.Errorf("%+v, want %+v", r, want)
		}
		if len(r.Faults) != 3 || r.Faults[0].Read != 3 || r.Faults[0].Kind != TooOld || r.Faults[1].Kind != Future || r.Faults[2].Kind != Malformed {
			t.Errorf("faults %+v", r.Faults)
		}
		if len(w.reads.kept) != 4 || w.reads.kept[0].Heading != 90 || w.reads.kept[0].Place != c.Place {
			t.Errorf("kept %+v", w.reads.kept)
		}
		for _, read := range w.reads.kept {
			if !w.hits.seen[read.ID] {
				t.Errorf("no hit was looked for on %s", read.Text)
			}
		}
		want.Fresh++
		for _, where := range []string{"in memory", "in the store", "after a restart"} {
			if got := w.status(c.ID); got.Today != want || got.Trouble != Malformed || !got.LastSent.Equal(w.Now()) || got.LastRead.Before(w.Now()) {
				t.Errorf("%s: %+v", where, got)
			}
			must(t, w.Flush(t.Context()))
			if where == "in the store" {
				w.restart()
			}
		}
		if w.counted["fresh"] != 3 || w.counted["late"] != 1 || w.counted["future"] != 1 {
			t.Errorf("counted %v", w.counted)
		}
		w.pass(24 * time.Hour)
		if got := w.status(c.ID); got.Today != (Counts{}) || got.Trouble != "" || got.LastSent.IsZero() {
			t.Errorf("the day after: %+v", got)
		}
	})
}

func TestRepliesToReplays(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.signer(plate.Camera{})
		b := c.batch(w.seen("ZZT1", time.Second), w.seen("ZZT2", 40*24*time.Hour))
		first, err := c.send(b)
		must(t, err)
		for _, where := range []string{"in memory", "in the store"} {
			again, err := c.send(b)
			must(t, err)
			if !again.Replayed || again.Counts != first.Counts || !reflect.DeepEqual(again.Faults, first.Faults) {
				t.Errorf("%s: %+v, first %+v", where, again, first)
			}
			must(t, w.Flush(t.Context()))
			w.restart()
		}
		b.Reads[0].Text = "ZZT9"
		_, err = c.send(b)
		wants(t, err, ErrSequence)
		if len(w.reads.kept) != 1 {
			t.Errorf("kept %v", w.reads.kept)
		}
		if got := w.status(c.ID); got.Replayed != 4 || got.Today != first.Counts {
			t.Errorf("%+v", got)
		}
		// A batch that is no longer remembered is taken in again, and nothing doubles.
		b.Reads[0].Text = "ZZT1"
		for range remembered {
			w.pass(time.Millisecond)
			_, err := c.send(c.batch())
			must(t, err)
		}
		must(t, w.Flush(t.Context()))
		again, err := c.send(b)
		must(t, err)
		if again.Replayed || again.Duplicate != 1 || len(w.reads.kept) != 1 {
			t.Errorf("forgotten: %+v", again)
		}
		var n int
		must(t, w.DB.Read().QueryRow(`SELECT count(*) FROM intake_batch`).Scan(&n))
		if n != remembered {
			t.Errorf("%d batches are remembered", n)
		}
	})
}

// What was acknowledged is kept once, and its hits were looked for, wherever
// the way there was cut short.
func TestCutShort(t *testing.T) {
	w := newWorld(t, openSQLite(t))
	c := w.signer(plate.Camera{})
	broken := errors.New("broken")
	for i, cut := range []func(){
		func() { w.reads.fail = broken },
		func() { w.reads.fail, w.reads.lost = broken, true },
		func() { w.hits.fail = broken },
	} {
		b := c.batch(w.seen(fmt.Sprint("ZZT", i), time.Second))
		cut()
		_, err := c.send(b)
		wants(t, err, broken)
		w.reads.lost = false
		r, err := c.send(b)
		must(t, err)
		if r.Fresh+r.Duplicate != 1 || r.Replayed {
			t.Errorf("cut %d: %+v", i, r)
		}
		if len(w.reads.kept) != i+1 || !w.hits.seen[w.reads.kept[i].ID] {
			t.Errorf("cut %d: kept %v, looked for %v", i, w.reads.kept, w.hits.seen)
		}
	}
	w.reads.fail = Refused{1: errors.New("never")}
	r, err := c.send(c.batch(w.seen("ZZT7", time.Second), w.seen("ZZT8", time.Second)))
	if err != nil || r.Fresh != 1 || r.Malformed != 1 || len(r.Faults) != 1 || r.Faults[0].Read != 1 {
		t.Errorf("refused: %+v, %v", r, err)
	}
}

func TestWhoMaySend(t *testing.T) {
	w := newWorld(t, openSQLite(t))
	c, other := w.signer(plate.Camera{}), w.signer(plate.Camera{})
	send := func(change func(*Post)) error {
		p := c.post(c.batch(w.seen("ZZT1", time.Second)))
		change(&p)
		_, err := w.TakeBatch(t.Context(), p)
		return err
	}
	wants(t, send(func(p *Post) { p.Camera = "nobody" }), ErrCamera)
	wants(t, send(func(p *Post) { p.Signature = "" }), ErrSignature)
	wants(t, send(func(p *Post) { p.Signature = base64.StdEncoding.EncodeToString(make([]byte, 64)) }), ErrSignature)
	wants(t, send(func(p *Post) { p.Camera = other.ID }), ErrSignature)
	wants(t, send(func(p *Post) { p.Body = strings.NewReader("something else") }), ErrSignature)
	// The same key at two cameras: what one signed is not the other's.
	must(t, w.DB.Write(t.Context(), func(tx *sql.Tx) error {
		o := other.Camera
		o.Key = c.Key
		return updateCamera(tx, o, nil)
	}))
	wants(t, send(func(p *Post) { p.Camera = other.ID }), ErrSignature)
	b := c.batch()
	b.Camera = other.ID
	body, _ := b.Sign(c.key)
	post := c.post(b)
	post.Camera, post.Body = c.ID, bytes.NewReader(body)
	_, err := w.TakeBatch(t.Context(), post)
	wants(t, err, ErrSignature) // signed for the other
	if got := w.status(c.ID); got.Unsigned != 4 || got.Trouble != Unsigned {
		t.Errorf("%+v", got)
	}
	csv := w.shows(plate.Camera{Speaks: plate.CSV}, "secret")
	wants(t, send(func(p *Post) { p.Camera = csv.ID }), ErrCamera)
	_, err = w.posts("", "text/csv", nil)
	wants(t, err, ErrCamera)
	_, err = w.posts("guess", "text/csv", nil)
	wants(t, err, ErrCamera)
	must(t, w.DB.Write(t.Context(), func(tx *sql.Tx) error {
		return errors.Join(removeCamera(tx, c.ID, w.Now()), removeCamera(tx, csv.ID, w.Now()))
	}))
	wants(t, send(func(*Post) {}), ErrCamera)
	_, err = w.posts("secret", "text/csv", []byte("plate,seen\nZZT1,2026-11-20 09:00:00"))
	wants(t, err, ErrCamera)
	suspended := plate.Camera{ID: "01kqsuspended", Owner: "IL0169999", Name: "x", Speaks: plate.Signed, Key: c.Key}
	must(t, w.DB.Write(t.Context(), func(tx *sql.Tx) error { return insertCamera(tx, suspended, nil, w.Now()) }))
	wants(t, send(func(p *Post) { p.Camera = suspended.ID }), ErrOwner)
	if len(w.reads.kept) != 0 {
		t.Errorf("kept %v", w.reads.kept)
	}
}

func TestLimits(t *testing.T) {
	w := newWorld(t, openSQLite(t))
	w.options.Limits = Limits{Reads: 3, Bytes: 300, Rate: 10, Burst: 5, Memory: 300, Patience: time.Millisecond}
	w.restart()
	c := w.signer(plate.Camera{})
	some := func(n int) (list []Sighting) {
		for i := range n {
			list = append(list, w.seen(fmt.Sprint("ZZT", i), time.Duration(i)*time.Millisecond))
		}
		return list
	}
	_, err := c.send(c.batch(some(4)...))
	wants(t, err, ErrTooMany)
	large := some(1)
	large[0].Sealed = make([]byte, 300)
	_, err = c.send(c.batch(large...))
	wants(t, err, ErrTooLarge)
	p := c.post(c.batch(large...))
	p.Length = -1
	_, err = w.TakeBatch(t.Context(), p)
	wants(t, err, ErrTooLarge)

	// Bodies that unfold to far more than they are.
	w.options.Limits.Bytes, w.options.Limits.Memory = 8<<20, 8<<20
	w.restart()
	w.shows(plate.Camera{Speaks: plate.OpenALPR}, "hook")
	w.shows(plate.Camera{Speaks: plate.CSV}, "file")
	_, err = w.posts("hook", "", []byte(`{"results": [`+strings.Repeat("{},", 200_000)+`{}]}`))
	wants(t, err, ErrTooMany)
	_, err = w.posts("file", "", []byte("plate;time\n"+strings.Repeat("A;1\n", 200_000)))
	wants(t, err, ErrTooMany)
	w.pass(time.Hour)
	_, err = ParseBatch(MediaProtobuf, bytes.Repeat([]byte{0x22, 0}, 1<<20))
	wants(t, err, ErrTooMany)
	_, err = ParseBatch(MediaJSON+"; charset=utf-8", []byte(`{"reads": [`+strings.Repeat("null,", 200_000)+`null]}`))
	wants(t, err, ErrTooMany)
	w.options.Limits.Bytes, w.options.Limits.Memory = 300, 300
	w.restart()

	// Five at once, then ten a second.
	_, err = c.send(c.batch(some(3)...))
	must(t, err)
	_, err = c.send(c.batch(some(3)...)) // into debt
	must(t, err)
	busy := new(Busy)
	if _, err = c.send(c.batch(some(1)...)); !errors.As(err, &busy) || !busy.Camera || busy.Seconds() != "1" {
		t.Errorf("too fast: %v", err)
	}
	if _, err := w.signer(plate.Camera{}).send(Batch{}); !errors.Is(err, ErrSignature) && !errors.Is(err, ErrMalformed) {
		t.Errorf("another camera: %v", err)
	}
	w.pass(busy.After)
	_, err = c.send(c.batch(some(1)...))
	must(t, err)

	// The exchange's memory is bounded too.
	w.pass(time.Hour)
	leave, err := w.limits.enter(t.Context(), "other", -1)
	must(t, err)
	if _, err = c.send(c.batch(some(1)...)); !errors.As(err, &busy) || busy.Camera {
		t.Errorf("memory full: %v", err)
	}
	leave(0)
	_, err = c.send(c.batch(some(1)...))
	must(t, err)
	w.pass(time.Hour)
	w.limits.forget()
	if len(w.limits.cameras) != 0 {
		t.Errorf("remembers %v", w.limits.cameras)
	}
}

func TestClockJumps(t *testing.T) {
	w := newWorld(t, openSQLite(t))
	c := w.signer(plate.Camera{})
	n := 0
	send := func(ahead time.Duration) (Counts, time.Duration) {
		t.Helper()
		n++
		at := start.Add(w.steady + ahead) // by the camera's clock
		b := c.batch(sighting(fmt.Sprint("ZZT", n), at))
		b.Sent = at
		r, err := c.send(b)
		must(t, err)
		return r.Counts, w.status(c.ID).Skew
	}
	// The camera's clock.
	for _, x := range []struct {
		ahead time.Duration
		want  Counts
	}{{0, Counts{Fresh: 1}}, {time.Minute, Counts{Fresh: 1}}, {24 * time.Hour, Counts{Future: 1}}, {-24 * time.Hour, Counts{Late: 1}},
		{-31 * 24 * time.Hour, Counts{TooOld: 1}}, {0, Counts{Fresh: 1}}} {
		if got, skew := send(x.ahead); got != x.want || skew != x.ahead {
			t.Errorf("camera %v ahead: %+v, skew %v", x.ahead, got, skew)
		}
		w.pass(time.Second)
	}
	// The server's: set back, what comes on time is not of the future; set
	// forward, it is late; and what came under either is known under both.
	before := len(w.reads.kept)
	w.jump(-3 * time.Hour)
	if got, skew := send(0); got != (Counts{Fresh: 1}) || skew != 3*time.Hour {
		t.Errorf("server set back: %+v, skew %v", got, skew)
	}
	w.pass(10 * time.Minute)
	if got, _ := send(0); got != (Counts{Fresh: 1}) {
		t.Errorf("some time later: %+v", got)
	}
	if got, _ := send(10 * time.Minute); got != (Counts{Future: 1}) {
		t.Errorf("the future is still refused: %+v", got)
	}
	w.jump(6 * time.Hour)
	if got, skew := send(0); got != (Counts{Late: 1}) || skew != -3*time.Hour {
		t.Errorf("server set forward: %+v, skew %v", got, skew)
	}
	w.jump(-3 * time.Hour)
	last := w.reads.kept[len(w.reads.kept)-1]
	r, err := c.send(c.batch(sighting(string(last.Text), last.Seen)))
	if err != nil || r.Duplicate != 1 || len(w.reads.kept) != before+3 {
		t.Errorf("set right: %+v, %v, kept %d", r, err, len(w.reads.kept))
	}
}

func TestPictures(t *testing.T) {
	w := newWorld(t, openSQLite(t))
	c := w.signer(plate.Camera{})
	sealed := w.seen("ZZT1", time.Second)
	sealed.Sealed = []byte("age-encryption.org/v1 ...")
	b := c.batch(sealed, w.seen("ZZT2", time.Second))
	r, err := c.send(b)
	must(t, err)
	if r.Pictures != 1 || w.reads.kept[0].Image != "sealed1" || w.reads.kept[1].Image != "" || !bytes.Equal(w.images.sealed[0], sealed.Sealed) {
		t.Errorf("%+v, kept %+v", r, w.reads.kept)
	}
	w.shows(plate.Camera{Speaks: plate.OpenALPR}, "secret")
	group, err := os.ReadFile("testdata/formats/openalpr-group.json")
	must(t, err)
	r, err = w.posts("secret", "application/json", group)
	must(t, err)
	if r.Pictures != 1 || r.Fresh != 1 || w.reads.kept[2].Image != "clear1" || w.images.types[0] != "image/jpeg" {
		t.Errorf("%+v, kept %+v as %v", r, w.reads.kept[2], w.images.types)
	}
	// One that is never kept: its read is.
	w.images.fail = fmt.Errorf("no vault: %w", ErrPicture)
	again := w.seen("ZZT3", time.Second)
	again.Sealed = sealed.Sealed
	r, err = c.send(c.batch(again))
	must(t, err)
	if r.Unkept != 1 || r.Fresh != 1 || w.reads.kept[3].Image != "" {
		t.Errorf("%+v, kept %+v", r, w.reads.kept[3])
	}
	// One that cannot be kept now: the whole batch comes again.
	w.images.fail = errors.New("the disk is full")
	again.Text = "ZZT4"
	_, err = c.send(c.batch(again))
	wants(t, err, w.images.fail)
	if len(w.reads.kept) != 4 {
		t.Errorf("kept %+v", w.reads.kept)
	}
}

// Cameras of one program share its address, and are told apart by their names.
func TestSharedToken(t *testing.T) {
	w := newWorld(t, openSQLite(t))
	north := w.shows(plate.Camera{Speaks: plate.PlateRecognizer, Alias: "camera-1", Heading: 0}, "secret")
	south := w.shows(plate.Camera{Speaks: plate.PlateRecognizer, Alias: "camera-2", Heading: 180}, "secret")
	for _, name := range []string{"stream", "props"} {
		body, err := os.ReadFile("testdata/formats/platerecognizer-" + name + ".json")
		must(t, err)
		_, err = w.posts("secret", "application/json", body)
		must(t, err)
	}
	body, err := os.ReadFile("testdata/formats/platerecognizer-props.json")
	must(t, err)
	r, err := w.posts("secret", "application/json", bytes.ReplaceAll(body, []byte("camera-2"), []byte("camera-3")))
	must(t, err)
	if r.Malformed != 1 || r.Faults[0].Read != 0 {
		t.Errorf("a third camera: %+v", r)
	}
	if n, s := w.status(north.ID), w.status(south.ID); n.Today.Fresh != 2 || s.Today.Fresh != 1 || w.reads.kept[2].Heading != 180 {
		t.Errorf("north %+v, south %+v", n.Today, s.Today)
	}
}

func TestMobileCamerasSayWhereTheyAre(t *testing.T) {
	w := newWorld(t, openSQLite(t))
	there := geo.Point{Lon: -897000000, Lat: 397000000}
	for _, mobile := range []bool{true, false} {
		c := w.signer(plate.Camera{Mobile: mobile})
		s := w.seen("ZZT1", time.Second)
		s.Place, s.Placed = there, true
		_, err := c.send(c.batch(s))
		must(t, err)
		if got := w.reads.kept[len(w.reads.kept)-1].Place; (got == there) != mobile {
			t.Errorf("mobile %t: at %v", mobile, got)
		}
	}
}

func TestInArea(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.signer(plate.Camera{})
		gone := w.signer(plate.Camera{})
		w.signer(plate.Camera{Place: geo.Point{Lon: 0, Lat: 10}})
		must(t, w.DB.Write(t.Context(), func(tx *sql.Tx) error { return removeCamera(tx, gone.ID, w.Now()) }))
		area, err := geo.ParsePolygon([]byte(`{"type":"Polygon","coordinates":[[[-89.7,39.7],[-89.6,39.7],[-89.6,39.8],[-89.7,39.8],[-89.7,39.7]]]}`))
		must(t, err)
		in, err := w.InArea(t.Context(), owner, area)
		must(t, err)
		all, err := w.Count(t.Context(), owner)
		must(t, err)
		list, err := w.Cameras(t.Context(), owner)
		must(t, err)
		if in != 1 || all != 2 || len(list) != 3 || list[2].ID != gone.ID || list[2].Removed.IsZero() {
			t.Errorf("%d in the area, %d in use, %+v", in, all, list)
		}
		if c, err := w.Camera(t.Context(), gone.ID); err != nil || c.Removed.IsZero() || !bytes.Equal(c.Key, gone.Key) {
			t.Errorf("%+v, %v", c, err)
		}
		_, err = w.Camera(t.Context(), "nobody")
		wants(t, err, ErrNotFound)
	})
}

func TestSweepForgetsOldFigures(t *testing.T) {
	w := newWorld(t, openSQLite(t))
	c := w.signer(plate.Camera{})
	_, err := c.send(c.batch(w.seen("ZZT1", 0)))
	must(t, err)
	must(t, w.Flush(t.Context()))
	w.pass(keptDays)
	if n, err := w.Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	w.pass(24 * time.Hour)
	if n, err := w.Sweep(t.Context()); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}
