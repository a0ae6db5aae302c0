package hotlist

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"porchlight/gate"
	"porchlight/identity"
	"porchlight/internal/form"
	"porchlight/internal/gatetest"
	"porchlight/internal/push"
	"porchlight/internal/push/pushtest"
	"porchlight/plate"
)

func TestDrafts(t *testing.T) {
	l := List{ID: "list", Kind: StolenVehicle}
	good := Draft{Plate: "abc 123", Basis: "Report of theft", Expires: noon.Add(time.Hour)}
	e, err := good.check(l, noon)
	must(t, err)
	if e.Plate.String() != "ABC123" || e.Reason != StolenVehicle {
		t.Errorf("%+v", e)
	}
	for field, change := range map[string]func(*Draft){
		"plate":   func(d *Draft) { d.Plate = "A*C" },
		"region":  func(d *Draft) { d.Region = "Illinois" },
		"reason":  func(d *Draft) { d.Reason = "curious" },
		"basis":   func(d *Draft) { d.Basis = " " },
		"case":    func(d *Draft) { d.Case = strings.Repeat("1", 61) },
		"expires": func(d *Draft) { d.Expires = noon },
		"vehicle": func(d *Draft) { d.Vehicle.Make = strings.Repeat("x", 41) },
	} {
		d := good
		change(&d)
		_, err := d.check(l, noon)
		var invalid *Invalid
		if !errors.As(err, &invalid) || invalid.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// Whom a plate is watched for is read from the reason and from the words.
func TestWhatAnEntryMeans(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		reason Kind
		basis  string
		want   string
	}{
		{StolenVehicle, "Case 26-1", "stolen-vehicle"},
		{WantedPerson, "Felony warrant of the county court", "warrant"},
		{WantedPerson, "Administrative warrant", "immigration warrant"},
		{WantedPerson, "ADMIN. ARREST WARRANT", "civil immigration warrant"},
		{Custom, "keeping an eye on my ex-wife", "personal"},
	} {
		if got := strings.Join(w.means(Entry{Reason: c.reason, Basis: c.basis}), " "); got != c.want {
			t.Errorf("%s %q means %q, want %q", c.reason, c.basis, got, c.want)
		}
	}
}

// The third plate without a case, or the same one again, needs a second officer.
func TestStalking(t *testing.T) {
	w := newWorld(t)
	l := w.create("ida", NewList{Name: "Look out", Kind: Bolo, Source: FromHere})
	uncased := func(p string) Draft {
		d := w.stolen(p)
		d.Reason, d.Case = Bolo, "pending"
		return d
	}
	for i, p := range []string{"AAA111", "BBB222", "CCC333"} {
		e, err := w.add("ida", l, uncased(p))
		must(t, err)
		if e.Waits != (i == 2) {
			t.Errorf("%s waits: %v", p, e.Waits)
		}
	}
	if len(w.Match(plate.Read{Text: "BBB222"})) != 1 || len(w.Match(plate.Read{Text: "CCC333"})) != 0 {
		t.Error("what waits for a second officer is watched for")
	}
	_, es, _, err := w.Service.Entries(t.Context(), w.Who["ida"], l.ID, "CCC")
	must(t, err)
	if len(es) != 1 || es[0].Alerts {
		t.Fatalf("%+v", es)
	}
	if got := gatetest.RefusedBy(w.countersign("ida", l, es[0].ID)); !slices.Contains(got, "base.hotlist-second-person") {
		t.Errorf("she countersigns her own: %v", got)
	}
	must(t, w.countersign("ivo", l, "")) // the list as a whole does not release it
	if len(w.Match(plate.Read{Text: "CCC333"})) != 0 {
		t.Error("released with the whole list")
	}
	must(t, w.countersign("ivo", l, es[0].ID))
	if len(w.Match(plate.Read{Text: "CCC333"})) != 1 {
		t.Error("a second officer countersigned and nothing happened")
	}
	e, err := w.add("ivo", l, uncased("DDD444"))
	must(t, err)
	if e.Waits {
		t.Error("another officer's entries are counted as his")
	}
	if e, err = w.add("ivo", l, uncased("DDD444")); err != nil || !e.Waits {
		t.Errorf("the same plate again without a case: %+v, %v", e, err)
	}
	_, err = w.add("ida", l, Draft{Plate: "EEE555", Reason: Custom, Basis: "my ex girlfriend's new boyfriend", Expires: w.Now().Add(time.Hour)})
	if got := gatetest.RefusedBy(err); !slices.Contains(got, "base.hotlist-personal") {
		t.Errorf("a private affair: %v, %v", got, err)
	}
	_, err = w.add("fay", l, w.stolen("FFF666"))
	if !errors.Is(err, ErrNotFound) {
		t.Errorf("another agency's list: %v", err)
	}
}

func (w *world) importing(id string, l List, in Import, body string) (Diff, error) {
	w.T.Helper()
	var err error
	in.File, err = w.Upload(w.T.Context(), w.Who[id], l.ID, []byte(body))
	must(w.T, err)
	seen, err := w.Preview(w.T.Context(), w.Who[id], l.ID, in)
	must(w.T, err)
	_, err = act(w, id, func(by gate.Caller) (Diff, error) {
		d, _, err := w.Import(w.T.Context(), by, l.ID, in)
		return d, err
	})
	return seen, err
}

func TestImportSetsAside(t *testing.T) {
	w := newWorld(t)
	l := w.create("ada", NewList{Name: "State", Kind: StolenVehicle, Source: FromOther, Origin: "State police", Offered: true})
	in := Import{Format: CSV, Defaults: Defaults{Basis: "State stolen vehicle file", Expires: w.Now().Add(30 * 24 * time.Hour)}}
	d, err := w.importing("ada", l, in, "Plate Number;State;Reason;OCA;Legal basis;Expires\n"+
		"ABC 123;IL;stolen vehicle;26-1;;\nDEF456;;Stolen Plate;26-2;;12/31/2026\nGHI789;TX;wanted;26-3;Felony warrant;2026-12-31\n"+
		"ABC123;IL;stolen;;;\nQ;;stolen;;;\nJKL012;;curious;;;\nMNO345;;stolen;;;2020-01-01\n;;;;;\nPQR678;;wanted;26-9;Administrative warrant;\n")
	if got := gatetest.RefusedBy(err); !slices.Contains(got, "us-il.hotlist-immigration") {
		t.Fatalf("an import with an immigration entry: %v, %v", got, err)
	}
	if d.Entries != 4 || d.Added != 4 || d.Aside != 4 || d.Purposes["immigration"] != 1 {
		t.Fatalf("%+v", d)
	}
	for i, line := range []int{5, 6, 7, 8} {
		if d.Asides[i].Line != line || d.Asides[i].Reason == "" {
			t.Errorf("set aside: %+v, want line %d", d.Asides[i], line)
		}
	}
}

func TestImportDiff(t *testing.T) {
	w := newWorld(t)
	l := w.create("ada", NewList{Name: "State", Kind: StolenVehicle, Source: FromOther, Origin: "State police"})
	in := Import{Format: CSV, Defaults: Defaults{Basis: "State file", Expires: w.Now().Add(30 * 24 * time.Hour)}, Without: []string{"immigration"}}
	d, err := w.importing("ada", l, in, "plate,ref,case,details,basis\nAAA111,1,26-1,,\nBBB222,2,26-2,,\nCCC333,3,26-3,,\nDDD444,4,,,ICE detainer\n")
	must(t, err)
	if d.Added != 3 || d.LeftOut != 1 {
		t.Fatalf("%+v", d)
	}
	must(t, w.countersign("ida", l, ""))
	// The next day: one gone, one changed, one new, one as it was, though its end moved.
	w.Sleep(24 * time.Hour)
	in.Defaults.Expires = w.Now().Add(30 * 24 * time.Hour)
	d, err = w.importing("ada", l, in, "plate,ref,case,details\nAAA111,1,26-1,\nBBB222,2,26-2,now blue\nEEE555,5,26-5,\n")
	must(t, err)
	if d.Added != 1 || d.Removed != 1 || d.Changed != 1 || d.Renewed != 1 || d.Same != 0 || d.Entries != 3 {
		t.Errorf("%+v", d)
	}
	entry := w.acts("hotlist.import", true)[1].Act.Public
	if entry["added"] != "1" || entry["removed"] != "1" || entry["changed"] != "1" || entry["entries"] != "3" {
		t.Errorf("%v", entry)
	}
	// She still stands for what did not change, and for nothing else.
	for p, want := range map[plate.Text]int{"AAA111": 1, "BBB222": 0, "CCC333": 0, "EEE555": 0} {
		if got := len(w.Match(plate.Read{Text: p})); got != want {
			t.Errorf("%s alerts %d, want %d", p, got, want)
		}
	}
	if _, err := w.Preview(t.Context(), w.Who["ada"], l.ID, in); !errors.Is(err, ErrFile) {
		t.Errorf("a file that was imported is still there: %v", err)
	}
}

// What stands in the fixed columns, made from the layout as docs/hotlists.md has it.
func fixedLine(values map[string]string) string {
	line := []byte(strings.Repeat(" ", 120))
	for _, f := range fixedFields {
		copy(line[f.from-1:], values[f.name])
	}
	return string(line)
}

func TestFixedFormat(t *testing.T) {
	text := "# a comment\n" + fixedLine(map[string]string{"FIL": "VEH", "ORI": "IL0160000", "LIC": "ABC123", "LIS": "IL", "VYR": "2019", "VMA": "TOYT", "VST": "4D",
		"VCO": "SIL/BLK", "OCA": "26-4711", "NIC": "V123456789", "EXP": "20270101", "MIS": "DENT IN DOOR"}) + "\r\n" +
		fixedLine(map[string]string{"FIL": "IMM", "LIC": "DEF456"}) + "\n" + fixedLine(map[string]string{"FIL": "GNG", "LIC": "GHI789"}) + "\nVEH\n" +
		fixedLine(map[string]string{"FIL": "VEH", "LIC": "JKL012", "EXP": "soon"}) + "\n"
	rows, aside, err := Fixed.read([]byte(text), Defaults{Expires: noon.Add(time.Hour)})
	must(t, err)
	if len(rows) != 2 || len(aside) != 3 {
		t.Fatalf("%+v %+v", rows, aside)
	}
	r := rows[0]
	if r.line != 2 || r.Plate != "ABC123" || r.Region != "US-IL" || r.Reason != StolenVehicle || r.Case != "26-4711" || r.Ref != "V123456789" ||
		r.Vehicle != (plate.Vehicle{Type: "car", Make: "toyota", Color: "silver"}) || r.Details != "2019 DENT IN DOOR" || r.lasts ||
		!r.Expires.Equal(time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", r)
	}
	if !strings.Contains(rows[1].Basis, "Immigration") || !rows[1].lasts {
		t.Errorf("%+v", rows[1])
	}
	for i, line := range []int{4, 5, 6} {
		if aside[i].Line != line {
			t.Errorf("%+v, want line %d", aside[i], line)
		}
	}
}

// FuzzFiles: whatever is in a file, each of its rows is taken or set aside with a
// reason that does not repeat it.
func FuzzFiles(f *testing.F) {
	f.Add([]byte("plate,basis\nABC123,x\n"), true)
	f.Add([]byte("plate;state;expires\n\"ABC\n123\";IL;2026-12-31\n"), true)
	f.Add([]byte("\xef\xbb\xbfkenteken\tconfusion\n12-ABC-3\tone\n"), true)
	f.Add([]byte(fixedLine(map[string]string{"FIL": "PLA", "LIC": "ABC123", "EXP": "20270101"})), false)
	f.Fuzz(func(t *testing.T, body []byte, table bool) {
		format := Fixed
		if table {
			format = CSV
		}
		rows, aside, err := format.read(body, Defaults{Basis: "a file", Expires: noon.Add(time.Hour)})
		var invalid *Invalid
		if err != nil && !errors.As(err, &invalid) {
			t.Fatal(err)
		}
		lines := strings.Count(string(body), "\n") + 1
		if len(rows)+len(aside) > lines {
			t.Errorf("%d rows and %d set aside of %d lines", len(rows), len(aside), lines)
		}
		for _, r := range rows {
			if e, err := r.check(List{Kind: StolenVehicle}, noon); err == nil && (e.Plate.String() == "" || !e.Expires.After(noon)) {
				t.Errorf("%+v", e)
			}
		}
		for _, a := range aside {
			if a.Line < 1 || a.Line > lines || a.Reason == "" {
				t.Errorf("%+v of %d lines", a, lines)
			}
		}
	})
}

func TestAHitsLife(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	l := w.create("ida", NewList{Name: "Stolen", Kind: StolenVehicle, Source: FromHere})
	_, err := w.add("ida", l, w.stolen("ABC123"))
	must(t, err)
	r := w.read(city, "ABC123")
	r.Image = "picture-1"
	w.seen(r)
	h := w.only("ivo")

	must(t, w.Open(ctx, w.Who["ivo"], h.ID))
	must(t, w.Open(ctx, w.Who["ida"], h.ID))
	if h = w.only("ivo"); h.State != Seen || h.By != "ivo" {
		t.Errorf("opened: %+v", h)
	}
	actOn := func(id string) error {
		_, err := act(w, id, func(by gate.Caller) (Hit, error) { h, _, err := w.Act(ctx, by, h.ID, "stopped"); return h, err })
		return err
	}
	if got := gatetest.RefusedBy(actOn("ivo")); !slices.Contains(got, "base.hit-confirmed") {
		t.Errorf("acted upon unconfirmed: %v", got)
	}
	if _, err := w.resolve("ivo", h.ID, Confirmed, "I am sure"); !slices.Contains(gatetest.RefusedBy(err), "base.hit-picture") {
		t.Errorf("confirmed without looking: %v", err)
	}
	// ida looks; that lets her confirm, not him.
	for _, c := range []struct {
		who, hit string
		led      bool
	}{{"ida", h.ID, true}, {"ida", "another", false}, {"sam", h.ID, false}} {
		if led, err := w.Led(ctx, w.Who[c.who], c.hit, r.ID, r.Image); err != nil || led != c.led {
			t.Errorf("%s led to the picture by %s: %v, %v", c.who, c.hit, led, err)
		}
	}
	_, err = act(w, "ida", func(by gate.Caller) (*gate.Grant, error) {
		return w.Gate.Do(ctx, gate.Act{Action: "image.view", By: by, Role: identity.RoleInvestigator, Objects: []string{"picture-1"},
			Private: map[string]string{"hit": h.ID}, Facts: map[string]any{"custody": "own", "led": true}}, nil)
	})
	must(t, err)
	if _, err := w.resolve("ivo", h.ID, Confirmed, ""); err == nil {
		t.Error("confirmed on another officer's look")
	}
	if h, err = w.resolve("ida", h.ID, Confirmed, ""); err != nil || h.State != Resolved || !h.Own || h.Unseen {
		t.Fatalf("%+v, %v", h, err)
	}
	if got := w.acts("hit.resolve", true)[0].Act.Public; got["outcome"] != "confirmed" || got["author"] != "same" || got["list"] != l.ID {
		t.Errorf("%v", got)
	}
	must(t, actOn("ivo"))
	if _, err := w.resolve("ida", h.ID, Misread, ""); err == nil {
		t.Error("resolved twice")
	}
	if need, err := w.Pictures(ctx, city, noon.Add(-time.Hour), noon.Add(time.Hour)); err != nil || !slices.Equal(need, []string{"picture-1"}) {
		t.Errorf("pictures that are needed: %v, %v", need, err)
	}

	// No picture: a reason is needed, and it shows.
	w.Sleep(2 * time.Hour)
	w.seen(w.read(city, "ABC123"))
	h = w.only("ivo")
	if h.Before[Confirmed] != 1 {
		t.Errorf("before: %v", h.Before)
	}
	if _, err := w.resolve("ivo", h.ID, Confirmed, ""); !slices.Contains(gatetest.RefusedBy(err), "base.hit-picture") {
		t.Errorf("without picture and reason: %v", err)
	}
	if h, err = w.resolve("ivo", h.ID, Confirmed, "Seen by the patrol"); err != nil || !h.Unseen || h.Own {
		t.Errorf("%+v, %v", h, err)
	}

	// Stale: nobody is alerted again until the entry changes.
	w.Sleep(2 * time.Hour)
	w.seen(w.read(city, "ABC123"))
	_, err = w.resolve("ivo", w.only("ivo").ID, Stale, "found last week")
	must(t, err)
	w.Sleep(2 * time.Hour)
	w.seen(w.read(city, "ABC123"))
	if got := w.queue("ivo"); len(got) != 0 {
		t.Errorf("a stale entry alerts: %v", got)
	}
	_, err = w.add("ida", l, w.stolen("ABC123"))
	must(t, err)
	w.seen(w.read(city, "ABC123"))
	if got := w.queue("ivo"); len(got) != 1 {
		t.Errorf("the renewed entry does not alert: %v", got)
	}
}

func TestHitsAreForgotten(t *testing.T) {
	w := newWorld(t)
	l := w.create("ida", NewList{Name: "Stolen", Kind: StolenVehicle, Source: FromHere})
	d := w.stolen("AAA111")
	d.Expires = w.Now().Add(300 * 24 * time.Hour)
	for _, p := range []string{"AAA111", "BBB222"} {
		d.Plate = p
		_, err := w.add("ida", l, d)
		must(t, err)
	}
	w.seen(w.read(city, "AAA111"), w.read(city, "BBB222"))
	hs, err := w.Hits(t.Context(), w.Who["ida"], false)
	must(t, err)
	for _, h := range hs {
		o := Misread
		if h.Text == "BBB222" {
			o = Confirmed
		}
		_, err := w.resolve("ivo", h.ID, o, "by eye")
		must(t, err)
	}
	kept := func() (n int) {
		must(t, w.DB.Read().QueryRow(`SELECT count(*) FROM hotlist_sighting`).Scan(&n))
		return n
	}
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{29 * 24 * time.Hour, 2}, {2 * 24 * time.Hour, 1}, {340 * 24 * time.Hour, 0}} {
		w.Sleep(c.after)
		_, err := w.Sweep(t.Context())
		must(t, err)
		if got := kept(); got != c.want {
			t.Errorf("%v later: %d reads kept, want %d", c.after, got, c.want)
		}
	}
}

func TestCorrection(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ask := Request{Plate: "abc 123", What: "I was stopped at gunpoint for a car that is not mine."}
	token := w.Asking.Token()
	if _, err := w.OpenCorrection(ctx, token, city, ask); !errors.Is(err, form.ErrSlow) {
		t.Errorf("a form filled in at once: %v", err)
	}
	w.Sleep(time.Minute)
	if _, err := w.OpenCorrection(ctx, token, city, Request{What: "short"}); err == nil {
		t.Error("nothing told")
	}
	secret, err := w.OpenCorrection(ctx, token, city, ask)
	must(t, err)
	if _, err := w.OpenCorrection(ctx, token, city, ask); !errors.Is(err, form.ErrSlow) {
		t.Errorf("the same form twice: %v", err)
	}
	if _, err := w.OpenCorrection(ctx, "nonsense", city, ask); !errors.Is(err, form.ErrSlow) {
		t.Errorf("no form: %v", err)
	}
	c, err := w.Ticket(ctx, secret)
	must(t, err)
	if c.Outcome != "" || c.Request.What != ask.What {
		t.Errorf("%+v", c)
	}
	if _, err := w.Ticket(ctx, secret+"x"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a guessed ticket: %v", err)
	}
	if cs, err := w.Corrections(ctx, w.Who["sam"]); err != nil || len(cs) != 0 {
		t.Errorf("another agency reads it: %v, %v", cs, err)
	}
	answer := func(id, words string) error {
		_, err := act(w, id, func(by gate.Caller) (*gate.Grant, error) { return w.AnswerCorrection(ctx, by, c.ID, Corrected, words) })
		return err
	}
	if err := answer("ida", " "); gatetest.RefusedBy(err) == nil {
		t.Errorf("answered with nothing: %v", err)
	}
	if err := answer("sam", "Sorry."); !errors.Is(err, ErrNotFound) {
		t.Errorf("another agency answers: %v", err)
	}
	must(t, answer("ida", "The camera misread your plate; the entry is gone."))
	if err := answer("ivo", "Again."); gatetest.RefusedBy(err) == nil {
		t.Errorf("answered twice: %v", err)
	}
	if c, err = w.Ticket(ctx, secret); err != nil || c.Outcome != Corrected || c.Words == "" {
		t.Errorf("%+v, %v", c, err)
	}
	for e, err := range w.Log.Entries(ctx, 0) {
		must(t, err)
		if s := string(e.Entry.Bytes()); strings.Contains(s, "gunpoint") || strings.Contains(s, "misread your") {
			t.Errorf("her words stand in the ledger: %s", s)
		}
	}
	// Many at once must wait.
	w.Sleep(2 * time.Hour)
	var others []string
	for range correctionsHour {
		others = append(others, w.Asking.Token())
	}
	w.Sleep(form.Takes)
	for _, other := range others {
		must(t, w.Asking.Take(other))
	}
	token = w.Asking.Token()
	w.Sleep(form.Takes)
	if _, err := w.OpenCorrection(ctx, token, city, ask); !errors.Is(err, form.ErrSlow) {
		t.Errorf("one too many in an hour: %v", err)
	}
	w.Sleep(time.Hour)
	if _, err := w.OpenCorrection(ctx, token, city, ask); err != nil {
		t.Errorf("an hour later: %v", err)
	}
}

// The message names the list and holds no plate, and stops when she leaves.
func TestPush(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	keys, err := push.NewKeys()
	must(t, err)
	at := pushtest.New(t, keys.Public)
	w.Push = push.NewSender(keys, pushtest.Contact, true)
	must(t, w.Subscribe(ctx, w.Who["ida"], at.Browser("/ida")))
	must(t, w.Subscribe(ctx, w.Who["sam"], at.Browser("/sam")))
	if err := w.Subscribe(ctx, w.Who["ada"], at.Browser("/ada")); !errors.Is(err, gate.ErrRole) {
		t.Errorf("an administrator: %v", err)
	}
	l := w.create("ida", NewList{Name: "Stolen here", Kind: StolenVehicle, Source: FromHere})
	_, err = w.add("ida", l, w.stolen("ABC123"))
	must(t, err)
	w.seen(w.read(city, "ABC123"))
	got := at.Messages("/ida")
	if want := fmt.Sprintf(`{"list":"Stolen here","hit":%q}`, w.only("ida").ID); len(got) != 1 || got[0] != want || len(at.Messages("/sam")) != 0 {
		t.Errorf("%q, want %s; and %q to another agency", got, want, at.Messages("/sam"))
	}
	at.Answer(410)
	w.Sleep(time.Hour)
	w.seen(w.read(city, "ABC123"))
	var left int
	must(t, w.DB.Read().QueryRow(`SELECT count(*) FROM hotlist_push WHERE person = 'ida'`).Scan(&left))
	if left != 0 {
		t.Error("a browser that is gone is kept")
	}
}
