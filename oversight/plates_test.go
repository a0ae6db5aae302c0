package oversight_test

import (
	"reflect"
	"strconv"
	"testing"
	"time"

	"porchlight/oversight"
)

func TestPlates(t *testing.T) {
	const police, sheriff, hour = "IL0160000", "IL0160100", "2026-11-22T09:00:00Z"
	var l log
	add := func(action, agency string, permit bool, pairs ...string) {
		public := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			public[pairs[i]] = pairs[i+1]
		}
		l.add(action, agency, hour, permit, public)
	}
	refused := func(action, agency, rule string, pairs ...string) {
		add(action, agency, false, pairs...)
		l[len(l)-1].Decision.Rules = []string{rule}
	}
	void := func() { add("act.void", "", true, "of", strconv.Itoa(len(l)-1), "reason", "failed") }
	f := oversight.New(&l, time.UTC)
	if _, ok := f.Plates(police); ok {
		t.Error("figures before there are any")
	}
	add("camera.add", police, true, "agency", police, "cameras", "1")  // 0
	add("camera.add", police, true, "agency", police, "cameras", "2")  // 1
	add("camera.add", police, true, "agency", police, "cameras", "99") // 2
	void()
	add("setting.change", police, true, "setting", "reads-kept", "owner", police, "minutes", "20160")
	add("reads.purge", "", true, "owner", police, "day", "2026-11-01", "reads", "120", "held", "3", "days", "14")
	search := func(networks, hours, purposes string, more ...string) {
		add("search.run", police, true, append([]string{"kind", "plate", "offense", "stolen-vehicle", "purposes", purposes, "networks", networks, "cameras", "40", "look_back_hours", hours, "peers", "0"}, more...)...)
	}
	search("2", "24", "stolen-vehicle")
	search("30", "720", "crime missing-person", "approval", "9", "behalf", "federal", "peers", "2")
	search("500", "9999", "crime")
	void()
	refused("search.run", police, "us-il.immigration", "kind", "plate")
	refused("search.export", police, "base.search-own")
	add("search.export", police, true, "search", "7", "format", "csv", "rows", "12")
	add("search.answer", "", true, "search", "7", "asker", sheriff, "owner", police)
	add("search.answer", "", true, "search", "8", "asker", sheriff, "owner", police)
	refused("search.answer", "", "base.shared", "search", "p.example/log/9", "asker", sheriff, "owner", police)
	add("hotlist.create", police, true, "list", "L1", "kind", "stolen", "source", "own", "name", "Stolen here")
	add("hotlist.import", police, true, "list", "L1", "source", "own", "entries", "500", "added", "500", "removed", "0")
	for _, outcome := range []string{"confirmed", "confirmed", "misread", "wrong-vehicle"} {
		add("hit.raise", "", true, "list", "L1", "agency", sheriff, "owner", police)
		add("hit.resolve", sheriff, true, "list", "L1", "agency", sheriff, "outcome", outcome)
	}
	add("hit.raise", "", true, "list", "L1", "agency", police, "owner", police)
	add("hit.act", police, true, "list", "L1", "agency", police)
	add("correction.open", "", true, "agency", police)
	add("correction.open", "", true, "agency", police)
	add("correction.answer", police, true, "agency", police, "outcome", "removed")
	add("sharing.change", police, true, "owner", police, "audience", "agencies", "agencies", "IL0000001 "+sheriff)
	add("sharing.change", police, true, "owner", police, "audience", "agencies", "agencies", sheriff, "peers", "p.example/log")
	add("sharing.change", police, true, "owner", police, "audience", "exchange")
	void()
	add("agency.restrict", "", true, "agency", police, "state", "WA")
	add("agency.restrict", "", true, "agency", police, "state", "CA")
	add("agency.readmit", "", true, "agency", police, "state", "WA")
	if err := f.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, ok := f.Plates(police)
	if !ok {
		t.Fatal("no figures")
	}
	type tallies = []oversight.Tally
	if got.Cameras != 2 || got.CamEntry != 1 || got.KeptMins != 14*24*60 || got.Purged != 120 || got.Held != 3 {
		t.Errorf("cameras and reads: %+v", got)
	}
	if want := (oversight.Searches{
		Run: 2, Purposes: tallies{{"crime", 1}, {"missing-person", 1}, {"stolen-vehicle", 1}}, Offenses: tallies{{"stolen-vehicle", 2}}, Kinds: tallies{{"plate", 2}},
		Behalf: tallies{{"federal", 1}}, Approved: 1, Networks: 32, Widest: 30, Cameras: 40, LookBack: 720, Abroad: 1, Exported: 12,
		Refused: 2, RefusedBy: tallies{{"base.search-own", 1}, {"us-il.immigration", 1}},
	}); !reflect.DeepEqual(got.Searches, want) {
		t.Errorf("searches\n%+v, want\n%+v", got.Searches, want)
	}
	if want := []oversight.Asked{{sheriff, "", 2, 0}, {sheriff, "p.example/log", 0, 1}}; !reflect.DeepEqual(got.Answers, want) {
		t.Errorf("answers %+v", got.Answers)
	}
	if !reflect.DeepEqual(got.Denials, tallies{{"base.shared", 1}}) || !reflect.DeepEqual(got.Corrected, tallies{{"", 1}, {"removed", 1}}) {
		t.Errorf("denials %v, corrections %v", got.Denials, got.Corrected)
	}
	if len(got.Lists) != 1 {
		t.Fatalf("lists %+v", got.Lists)
	}
	if list := got.Lists[0]; list.Name != "Stolen here" || list.Entries != 500 || list.Raised != 5 || list.Confirmed != 2 || list.Acted != 1 || list.Resolved() != 4 || list.Wrong() != 500 {
		t.Errorf("list %+v", list)
	}
	if (oversight.List{}).Wrong() != -1 {
		t.Error("an error rate of nothing")
	}
	if len(got.Sharing) != 3 || !got.Sharing[0].Voided || got.Sharing[1].Voided {
		t.Fatalf("sharing %+v", got.Sharing)
	}
	if s := got.Sharing[1]; !reflect.DeepEqual(s.Added, []string{"p.example/log"}) || !reflect.DeepEqual(s.Removed, []string{"IL0000001"}) {
		t.Errorf("diff %+v", s)
	}
	if len(got.Bars) != 2 || got.Bars[0].State != "CA" || got.Bars[0].Ended != "" || got.Bars[1].Ended != hour {
		t.Errorf("bars %+v", got.Bars)
	}
}
