package hotlist

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"porchlight/internal/gatetest"
	"porchlight/plate"
)

func TestAHitIsRaised(t *testing.T) {
	w := newWorld(t)
	l := w.create("ida", NewList{Name: "Stolen here", Kind: StolenVehicle, Source: FromHere})
	_, err := w.add("ida", l, w.stolen("ABC123"))
	must(t, err)
	r := w.read(city, "ABC123")
	w.seen(w.read(city, "XYZ999"), r)
	h := w.only("ida")
	if h.Text != "ABC123" || h.State != Raised || h.List.Name != "Stolen here" || h.Entry.Case != "26-100" || len(h.Sightings) != 1 || h.Sightings[0].Read.ID != r.ID {
		t.Errorf("%+v", h)
	}
	raised := w.acts("hit.raise", true)
	if len(raised) != 1 || raised[0].Act.Public["list"] != l.ID || raised[0].Act.Public["owner"] != city || raised[0].Act.Public["agency"] != city {
		t.Fatalf("%+v", raised)
	}
	for e, err := range w.Log.Entries(t.Context(), 0) {
		must(t, err)
		if strings.Contains(string(e.Entry.Bytes()), "ABC123") {
			t.Errorf("the plate stands in the ledger: %s", e.Entry.Bytes())
		}
	}
	// The same batch again, and the read through another node: nothing new.
	w.seen(r)
	if got := w.queue("ida"); !slices.Equal(got, []string{"ABC123 1"}) || len(w.acts("hit.raise", true)) != 1 {
		t.Errorf("a repeated read made more of it: %v", got)
	}
	if len(w.queue("sam")) != 0 {
		t.Error("another agency sees the hit")
	}
	if _, err := w.Hit(t.Context(), w.Who["sam"], h.ID); err != ErrNotFound {
		t.Errorf("another agency opens the hit: %v", err)
	}
	if _, err := w.Hits(t.Context(), w.Who["ada"], false); err == nil {
		t.Error("an administrator works hits")
	}
}

func TestABurstIsOneHit(t *testing.T) {
	w := newWorld(t)
	l := w.create("ida", NewList{Name: "Stolen", Kind: StolenVehicle, Source: FromHere})
	_, err := w.add("ida", l, w.stolen("ABC123"))
	must(t, err)
	for range 5 {
		w.seen(w.read(city, "ABC123"))
		w.Sleep(2 * time.Minute)
	}
	if got := w.queue("ida"); !slices.Equal(got, []string{"ABC123 5"}) {
		t.Errorf("five cameras in traffic: %v", got)
	}
	if h := w.only("ida"); len(h.Sightings) != 5 || !h.Last.After(h.First) || len(w.acts("hit.raise", true)) != 1 {
		t.Errorf("%+v", h)
	}
	// A read that arrives late still belongs to it; one of tomorrow does not.
	late := w.read(city, "ABC123")
	late.Seen = late.Seen.Add(-12 * time.Minute)
	w.seen(late)
	w.Sleep(24 * time.Hour)
	w.seen(w.read(city, "ABC123"))
	if got := w.queue("ida"); !slices.Equal(got, []string{"ABC123 1", "ABC123 6"}) {
		t.Errorf("%v", got)
	}
}

func TestAnEntryCannotFlood(t *testing.T) {
	w := newWorld(t)
	l := w.create("ida", NewList{Name: "Partial", Kind: Bolo, Source: FromHere})
	d := w.stolen("ABC1??")
	d.Reason = Bolo
	_, err := w.add("ida", l, d)
	must(t, err)
	var batch []plate.Read
	for a := range 10 {
		for b := range 10 {
			batch = append(batch, w.read(city, plate.Text("ABC1"+string(rune('0'+a))+string(rune('0'+b)))))
		}
	}
	w.seen(batch...)
	got := w.queue("ida")
	if len(got) != MaxHits+1 || got[0] != " 90" {
		t.Errorf("a hundred plates fit one entry: %v", got)
	}
	if n := len(w.acts("hit.raise", true)); n != MaxHits+1 {
		t.Errorf("%d acts", n)
	}
}

func TestWhoIsAlerted(t *testing.T) {
	w := newWorld(t)
	l := w.create("ida", NewList{Name: "Stolen", Kind: StolenVehicle, Source: FromHere, Offered: true})
	e, err := w.add("ida", l, w.stolen("ABC123"))
	must(t, err)

	// The owner of the camera must let the agency in.
	w.seen(w.read(sheriff, "ABC123"))
	if len(w.queue("ida")) != 0 || len(w.acts("hit.raise", false)) != 1 {
		t.Error("a read of a camera whose owner does not share made an alert, or its refusal is not recorded")
	}
	w.seen(w.read(neighbor, "ABC123"))
	if got := w.queue("ida"); !slices.Equal(got, []string{"ABC123 1"}) {
		t.Errorf("a neighbor who shares: %v", got)
	}
	// What one owner lets her see shows her nothing of another's within the burst.
	w.seen(w.read(sheriff, "ABC123"))
	if h := w.only("ida"); h.Count != 1 {
		t.Errorf("%d sightings", h.Count)
	}

	// Nobody else is alerted until one of them countersigns, and only while the
	// entry stays as it was.
	w.Sleep(time.Hour)
	w.seen(w.read(sheriff, "ABC123"))
	if len(w.queue("sam")) != 0 {
		t.Error("an offered list alerts who did not countersign it")
	}
	must(t, w.countersign("sam", l, ""))
	w.Sleep(time.Hour)
	w.seen(w.read(sheriff, "ABC123"))
	if got := w.queue("sam"); !slices.Equal(got, []string{"ABC123 1"}) {
		t.Errorf("after countersigning: %v", got)
	}
	d := w.stolen("ABC123")
	d.Basis = "Report of theft, second owner"
	e2, err := w.add("ida", l, d)
	must(t, err)
	w.Sleep(time.Hour)
	w.seen(w.read(sheriff, "ABC123"))
	if got := w.queue("sam"); len(got) != 1 {
		t.Errorf("a countersignature covers an entry that changed: %v", got)
	}
	must(t, w.countersign("sam", l, e2.ID))
	w.Sleep(time.Hour)
	w.seen(w.read(sheriff, "ABC123"))
	if got := w.queue("sam"); len(got) != 2 {
		t.Errorf("countersigned by itself: %v", got)
	}
	if err := w.countersign("sam", l, e.ID); err != ErrNotFound {
		t.Errorf("countersigned what is gone: %v", err)
	}
	if got := gatetest.RefusedBy(w.countersign("fay", l, "")); !slices.Contains(got, "base.hotlist-local") {
		t.Errorf("a federal officer countersigns: %v", got)
	}
}

func TestAnotherAgencysListAlertsNobodyUntilCountersigned(t *testing.T) {
	w := newWorld(t)
	l := w.create("ida", NewList{Name: "From the county next door", Kind: StolenVehicle, Source: FromOther, Origin: "Oak County Sheriff"})
	_, err := w.add("ida", l, w.stolen("ABC123"))
	must(t, err)
	w.seen(w.read(city, "ABC123"))
	if got := w.queue("ida"); len(got) != 0 || len(w.acts("hit.raise", true)) != 0 {
		t.Fatalf("alerted: %v", got)
	}
	must(t, w.countersign("ivo", l, ""))
	w.seen(w.read(city, "ABC123"))
	if got := w.queue("ida"); !slices.Equal(got, []string{"ABC123 1"}) {
		t.Errorf("after countersigning: %v", got)
	}
	if err := w.countersign("sam", l, ""); err != ErrNotFound {
		t.Errorf("a list that is not offered is known to others: %v", err)
	}
}

// A Texas list may look for whom an Illinois one may not; an Illinois camera does
// not take part.
func TestNoAlertForWhatTheCamerasStateForbids(t *testing.T) {
	w := newWorld(t)
	l := w.create("tex", NewList{Name: "Warrants", Kind: WantedPerson, Source: FromHere})
	d := Draft{Plate: "ABC123", Basis: "Administrative warrant of removal", Case: "26-7", Expires: w.Now().Add(24 * time.Hour)}
	e, err := w.add("tex", l, d)
	must(t, err)
	if !slices.Contains(e.Means, "immigration") {
		t.Fatalf("an administrative warrant means %v", e.Means)
	}
	w.seen(w.read(neighbor, "ABC123"))
	if got := w.queue("tex"); len(got) != 0 {
		t.Errorf("an Illinois camera raised an alert: %v", got)
	}
	refused := w.acts("hit.raise", false)
	if len(refused) != 1 || !slices.Contains(refused[0].Decision.Rules, "us-il.hotlist-immigration") {
		t.Fatalf("%+v", refused)
	}
	if strings.Contains(string(refused[0].Bytes()), "ABC123") {
		t.Error("the refusal names the plate")
	}
	w.seen(w.read(texas, "ABC123"))
	if got := w.queue("tex"); len(got) != 1 {
		t.Errorf("a Texas camera: %v", got)
	}
	il := w.create("ida", NewList{Name: "Warrants", Kind: WantedPerson, Source: FromHere})
	if _, err := w.add("ida", il, d); !slices.Contains(gatetest.RefusedBy(err), "us-il.hotlist-immigration") {
		t.Errorf("an Illinois list takes it: %v", err)
	}
}

// Run raises what Seen kept, also what a crash left behind.
func TestRunRaises(t *testing.T) {
	w := newWorld(t)
	l := w.create("ida", NewList{Name: "Stolen", Kind: StolenVehicle, Source: FromHere})
	_, err := w.add("ida", l, w.stolen("ABC123"))
	must(t, err)
	must(t, w.Seen(t.Context(), []plate.Read{w.read(city, "ABC123")}))
	w.fresh.take() // the node that kept it stopped
	w.Sleep(time.Minute)

	changed, last, stop, err := w.Watch(t.Context(), w.Who["ida"])
	must(t, err)
	defer stop()
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { w.Run(ctx) })
	defer run.Wait()
	defer cancel()
	wait := func(want string) {
		t.Helper()
		for {
			select {
			case <-changed:
			case <-time.After(time.Minute):
				t.Fatalf("no news of %s", want)
			}
			hs, err := w.Since(t.Context(), w.Who["ida"], last)
			must(t, err)
			for _, h := range hs {
				last = h.Seq
				if string(h.Text) == want {
					return
				}
			}
		}
	}
	wait("ABC123")
	_, err = w.add("ida", l, w.stolen("NEW777"))
	must(t, err)
	must(t, w.Seen(t.Context(), []plate.Read{w.read(city, "NEW777")}))
	wait("NEW777")
}

// Lists change while reads come in: a read is matched against the old or the new,
// and never against half of one.
func TestReloadWhileReading(t *testing.T) {
	w := newWorld(t)
	l := w.create("ida", NewList{Name: "Stolen", Kind: StolenVehicle, Source: FromHere})
	_, err := w.add("ida", l, w.stolen("ABC123"))
	must(t, err)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if len(w.Match(plate.Read{Text: "ABC123"})) != 1 {
					t.Error("a plate that stands on the list is not found")
					return
				}
			}
		})
	}
	for _, p := range []string{"DEF456", "GHI789", "JKL012"} {
		_, err := w.add("ida", l, w.stolen(p))
		must(t, err)
	}
	close(stop)
	readers.Wait()
	if len(w.Match(plate.Read{Text: "JKL012"})) != 1 {
		t.Error("the newest entry is not in force when Add returns")
	}
}
