package image

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"porchlight/blob"
	"porchlight/gate"
	"porchlight/identity"
)

const month = 30 * 24 * time.Hour

func (w *world) drop(from time.Time) error {
	return w.Drop(w.T.Context(), police, from, from.Add(24*time.Hour), month)
}

// After Drop nothing opens a picture: no header is anywhere, no payload either,
// and the entry says how many went.
func TestDropLeavesNothingReadable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	day := w.Now().Truncate(24 * time.Hour)
	var gone, left []Wanted
	var headers [][]byte
	for i := range 4 {
		gone = append(gone, Wanted{w.keep(i), 1})
	}
	w.Sleep(day.Add(25 * time.Hour).Sub(w.Now()))
	left = append(left, Wanted{w.keep(9), 1})
	w.led[police+" 1"] = append(gone, left...)
	inga := w.officer(police, identity.RoleInvestigator)
	for _, p := range gone {
		h, err := w.header(t.Context(), p.Picture, police)
		must(t, err)
		headers = append(headers, h[40:120])
	}
	before, err := inga.view(Lead{Search: "1"}, gone[0])
	must(t, err)

	must(t, w.drop(day))
	for _, p := range gone {
		_, err := inga.view(Lead{Search: "1"}, p)
		want(t, err, ErrNotFound)
	}
	_, err = w.Payload(t.Context(), "session", before.Grant.ActID, gone[0].Picture)
	want(t, err, ErrClosed)
	for path, b := range w.files() {
		for i, h := range headers {
			if bytes.Contains(b, h) {
				t.Errorf("%s still holds the header of picture %d", path, i)
			}
		}
	}
	if n := w.count("image_roll"); n != 1 {
		t.Errorf("%d rolls, want that of the next day", n)
	}
	o, err := inga.view(Lead{Search: "1"}, left[0])
	must(t, err)
	inga.open(o, 0)
	acts := w.entries("image.purge")
	if len(acts) != 1 || acts[0].Public["pictures"] != "4" || acts[0].Public["day"] != "2026-11-22" || acts[0].Public["owner"] != police {
		t.Fatalf("recorded %+v", acts)
	}
	must(t, w.drop(day)) // nothing is left: no second entry
	if n := len(w.entries("image.purge")); n != 1 {
		t.Fatalf("%d entries after a repeat", n)
	}
}

// What a hit or a case needs stays, alone, and goes when it is no longer needed.
func TestNeededPicturesOutliveTheirDay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	day := w.Now().Truncate(24 * time.Hour)
	a, b := w.keep(1), w.keep(2)
	w.keep(3)
	w.needed = []string{a, b, "unknown"}
	must(t, w.drop(day))
	w.led[police+" 1"] = []Wanted{{a, 1}, {b, 2}}
	inga := w.officer(police, identity.RoleInvestigator)
	o, err := inga.view(Lead{Search: "1"}, w.led[police+" 1"]...)
	must(t, err)
	for i := range 2 {
		if !bytes.Equal(inga.open(o, i), cleanJPEG(jpegOf(t, i+1))) {
			t.Errorf("picture %d is another", i)
		}
	}
	if acts := w.entries("image.purge"); len(acts) != 1 || acts[0].Public["pictures"] != "1" || acts[0].Public["held"] != "2" {
		t.Fatalf("recorded %+v", acts)
	}
	if n := w.count("image_roll"); n != 2 {
		t.Fatalf("%d rolls, want one for each that is held", n)
	}
	// Each is asked for again a day later.
	w.needed = []string{b}
	w.Sleep(23 * time.Hour)
	w.sweep()
	if n := w.count("image_picture"); n != 2 {
		t.Fatalf("%d pictures", n)
	}
	w.Sleep(2 * time.Hour)
	w.sweep()
	if n := w.count("image_picture"); n != 1 || w.count("image_roll") != 1 {
		t.Fatalf("%d pictures", n)
	}
}

func TestRetention(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	ada := w.officer(police, identity.RoleAdmin)
	set := func(by *person, keep time.Duration) error {
		_, err := sign(by, func(c gate.Caller) (*gate.Grant, error) { return w.SetKeep(ctx, c, keep) })
		return err
	}
	id := w.keep(1)
	p, err := w.picture(ctx, id)
	must(t, err)
	if most := w.Now().Add(month); p.Due.After(most) || most.Sub(p.Due) > 24*time.Hour {
		t.Fatalf("due %v, reads go at %v", p.Due, most)
	}
	// Longer than the reads is not to be had; shorter holds at once.
	must(t, set(ada, 90*24*time.Hour))
	if keep, err := w.KeptFor(ctx, police); err != nil || keep != month {
		t.Fatalf("kept for %v, %v", keep, err)
	}
	must(t, set(ada, time.Hour))
	if acts := w.entries("setting.change"); len(acts) != 2 || acts[1].Public["plate_pictures_minutes"] != "60" {
		t.Fatalf("recorded %+v", acts)
	}
	w.Sleep(59 * time.Minute)
	w.sweep()
	if n := w.count("image_header"); n != 1 {
		t.Fatalf("%d headers", n)
	}
	w.Sleep(time.Minute)
	w.sweep()
	if n := w.count("image_header") + w.count("image_picture") + w.count("image_roll"); n != 0 {
		t.Fatalf("%d rows left", n)
	}
	want(t, set(ada, time.Second), ErrInput)
	refusedBy(t, set(w.officer(police, identity.RoleInvestigator), time.Hour), "base.setting-owner")
}

func TestDueIsNeverLate(t *testing.T) {
	t.Parallel()
	for _, keep := range []time.Duration{3 * time.Minute, time.Hour, 5 * time.Hour, 72 * time.Hour, month} {
		for i := range 500 {
			seen := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * 173 * time.Second)
			due := dueAt(seen, keep)
			if due.After(seen.Add(keep)) || due.Before(seen.Add(keep*2/3)) {
				t.Fatalf("seen %v for %v: due %v", seen, keep, due)
			}
		}
	}
}

// broken is a blob store that fails when told.
type broken struct {
	blob.Store
	failDelete bool
}

var errBroken = errors.New("broken")

func (b *broken) Delete(ctx context.Context, id string) error {
	if b.failDelete {
		return errBroken
	}
	return b.Store.Delete(ctx, id)
}

// A purge that is cut short leaves unreadable bytes; the next sweep, also of
// another process, deletes them.
func TestPurgeCutShort(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	day := w.Now().Truncate(24 * time.Hour)
	b := &broken{Store: w.Blobs, failDelete: true}
	w.Blobs = b
	w.keep(1)
	must(t, w.drop(day))
	if w.count("image_header") != 0 || w.count("image_roll") != 1 {
		t.Fatalf("%d headers, %d rolls", w.count("image_header"), w.count("image_roll"))
	}
	_, err := w.Sweep(t.Context())
	want(t, err, errBroken)
	b.failDelete = false
	w.restart()
	w.sweep()
	if n := w.count("image_roll"); n != 0 {
		t.Fatalf("%d rolls", n)
	}
	// The closed roll takes no more pictures; another is begun.
	w.keep(2)
	w.drop(day)
	w.keep(2)
	if n := w.count("image_picture"); n != 1 {
		t.Fatalf("%d pictures", n)
	}
}

// A picture marked by an act that never came about goes with the next.
func TestMarkedButNotRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	day := w.Now().Truncate(24 * time.Hour)
	w.keep(1)
	must(t, w.DB.Write(t.Context(), func(tx *sql.Tx) error {
		_, _, err := markForPurge(tx, police, day, day.Add(24*time.Hour), day.Add(2*month), "lost", nil, day)
		return err
	}))
	must(t, w.drop(day))
	if acts := w.entries("image.purge"); len(acts) != 1 || acts[0].Public["pictures"] != "1" || w.count("image_picture") != 0 {
		t.Fatalf("recorded %+v", acts)
	}
}
