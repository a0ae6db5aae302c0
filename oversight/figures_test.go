package oversight_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"porchlight/ledger"
	"porchlight/oversight"
)

type log []ledger.Entry

func (l *log) Entry(_ context.Context, i uint64) (ledger.Entry, error) {
	if i >= uint64(len(*l)) {
		return ledger.Entry{}, errors.New("no such entry")
	}
	return (*l)[i], nil
}

func (l *log) Entries(_ context.Context, from uint64) iter.Seq2[ledger.Indexed, error] {
	return func(yield func(ledger.Indexed, error) bool) {
		for i := from; i < uint64(len(*l)); i++ {
			if !yield(ledger.Indexed{Index: i, Entry: (*l)[i]}, nil) {
				return
			}
		}
	}
}

func (l *log) add(action, agency, hour string, permit bool, public map[string]string) {
	*l = append(*l, ledger.Entry{V: 1, Act: ledger.Act{Action: action, Agency: agency, Hour: hour, Public: public}, Decision: ledger.Decision{Permit: permit}})
}

func TestFigures(t *testing.T) {
	chicago, err := time.LoadLocation("America/Chicago")
	if err != nil {
		t.Fatal(err)
	}
	const police = "IL0990100"
	var l log
	f := oversight.New(&l, chicago)
	l.add("request.post", police, "2026-10-31T23:00:00Z", true, nil)
	l.add("request.post", police, "2026-11-01T04:00:00Z", true, nil) // still October in Chicago
	l.add("request.post", police, "2026-11-02T12:00:00Z", false, nil)
	l.add("item.view", police, "2026-11-02T12:00:00Z", true, nil)
	if err := f.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.add("item.view", police, "2026-11-03T12:00:00Z", true, nil)
	l.add("act.void", "", "2026-11-03T12:00:00Z", true, map[string]string{"of": "4", "reason": "failed"})
	l.add("act.void", "", "2026-11-03T12:00:00Z", true, map[string]string{"of": "4", "reason": "failed"}) // counts once
	l.add("agency.suspend", "", "2026-11-04T12:00:00Z", true, map[string]string{"agency": police})
	l.add("item.export", "IL0990000", "2026-11-04T12:00:00Z", true, nil)
	if err := f.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := f.Total(); got != (oversight.Total{Entries: 9, Refusals: 1}) {
		t.Errorf("total %+v", got)
	}
	m := f.Months(police, time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), 3)
	want := []oversight.Counts{{}, {Requests: 2}, {Refusals: 1, Views: 1, Suspensions: 1}}
	for i, w := range want {
		if m[i].Counts != w {
			t.Errorf("%s: %+v, want %+v", m[i].Start.Format("2006-01"), m[i].Counts, w)
		}
	}
	if !f.Voided(4) || f.Voided(3) {
		t.Error("voided")
	}
	l.add("act.void", "", "2026-11-03T12:00:00Z", true, map[string]string{"of": "99"})
	if f.Update(t.Context()) == nil {
		t.Error("a void of a later entry passed")
	}
}
