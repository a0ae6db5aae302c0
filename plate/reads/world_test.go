package reads

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"porchlight/geo"
	"porchlight/plate"
)

// now is the clock of all tests: a little after midnight, so that convoys cross it.
var now = time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)

const (
	month = 30 * 24 * time.Hour
	brief = 3 * time.Minute
)

// world makes reads at random, of few plates, cameras and moments, so that they
// meet often.
type world struct {
	*rand.Rand
	owners  []string
	cameras []plate.Camera
	plates  []plate.Text
}

func newWorld(seed uint64) *world {
	w := &world{Rand: rand.New(rand.NewPCG(seed, 1)), owners: []string{"IL0160000", "IL0160100", "NH0010000"}}
	for i := range 14 {
		at, _ := geo.NewPoint(-89.65+float64(i%4)*0.01, 39.78+float64(i/4)*0.01)
		w.cameras = append(w.cameras, plate.Camera{ID: fmt.Sprintf("camera%02d", i), Owner: w.owners[i%2], Place: at, Mobile: i == 13})
	}
	for range 300 {
		w.plates = append(w.plates, w.text())
	}
	return w
}

func (w *world) text() plate.Text {
	const few = "AB8O0D1I7S"
	b := make([]byte, 1+w.IntN(plate.MaxText))
	if w.IntN(3) > 0 {
		b = make([]byte, 6)
	}
	for i := range b {
		b[i] = few[w.IntN(len(few))]
	}
	return plate.Text(b)
}

func pick[T any](w *world, from ...T) T { return from[w.IntN(len(from))] }

// read makes one of the last days.
func (w *world) read() plate.Read {
	c := pick(w, w.cameras...)
	r := plate.Read{
		Owner: c.Owner, Camera: c.ID, Text: pick(w, w.plates...),
		Region: pick(w, "", "US-IL", "US-IL", "US-NH", "NL"), Confidence: w.IntN(1002) - 1,
		Seen:     now.Add(-time.Duration(w.Int64N(int64(5 * 24 * time.Hour)))).Truncate(time.Millisecond),
		Received: now.Truncate(time.Microsecond), Place: c.Place, Heading: w.IntN(361) - 1,
		Vehicle: plate.Vehicle{
			Type: pick(w, "", "car", "suv"), Make: pick(w, "toyota", "ford", ""), Color: pick(w, "red", "white", ""),
		},
	}
	if w.IntN(2) == 0 { // around midnight, in a crowd
		r.Seen = now.Truncate(24 * time.Hour).Add(time.Duration(w.IntN(600_000)-300_000) * time.Millisecond)
	}
	if c.Mobile {
		r.Place.Lon += int32(w.IntN(400000))
	}
	if w.IntN(2) == 0 {
		r.Event = fmt.Sprint("event", w.Uint64())
	}
	if w.IntN(4) == 0 {
		r.Image = fmt.Sprint("image", w.Uint32())
		r.Others = []plate.Guess{{Text: w.text(), Confidence: 500}, {Text: w.text(), Confidence: -1}}
	}
	return r
}

func (w *world) reads(n int) []plate.Read {
	seen := map[string]bool{}
	var out []plate.Read
	for len(out) < n {
		r := w.read()
		if k := fmt.Sprint(r.Camera, r.Seen, r.Text); r.Event != "" || !seen[k] {
			seen[k] = true
			out = append(out, r)
		}
	}
	return out
}

func mustPattern(t testing.TB, s string) plate.Pattern {
	t.Helper()
	p, err := plate.ParsePattern(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustArea(t testing.TB, w *world) geo.Polygon {
	t.Helper()
	for {
		a, b := pick(w, w.cameras...).Place, pick(w, w.cameras...).Place
		c := geo.Point{Lon: a.Lon + int32(w.IntN(300000)), Lat: b.Lat + int32(w.IntN(300000)) + 1}
		corner := func(p geo.Point) string { lon, lat := p.Degrees(); return fmt.Sprintf("[%.7f,%.7f]", lon, lat) }
		p, err := geo.ParsePolygon([]byte(`{"type":"Polygon","coordinates":[[` + corner(a) + "," + corner(b) + "," + corner(c) + "," + corner(a) + `]]}`))
		if err == nil {
			return p
		}
	}
}

// query makes a question that often has an answer.
func (w *world) query(t testing.TB, among []plate.Read) plate.Query {
	r := pick(w, among...)
	q := plate.Query{Kind: plate.ByPlate}
	s := string(r.Text)
	switch w.IntN(8) {
	case 0:
		q.Kind, s = plate.InArea, ""
	case 1:
		s = s[:min(2, len(s))] + "*"
	case 2:
		s = "*" + s[len(s)-min(2, len(s)):]
	case 3:
		i := w.IntN(len(s))
		s = "*" + s[i:min(len(s), i+3)] + "*"
	case 4:
		b := []byte(s)
		b[w.IntN(len(b))] = '?'
		s = string(b)
	case 5:
		s = s[:1] + "?" + s[min(2, len(s)):1+len(s)/2] + "*" + s[len(s)-1:]
	}
	if q.Kind == plate.ByPlate && w.IntN(3) == 0 {
		s += "~"
	}
	if s != "" {
		p, err := plate.ParsePattern(s)
		if err != nil {
			return w.query(t, among)
		}
		q.Plate = p
	}
	if q.Kind == plate.InArea || w.IntN(4) == 0 {
		q.Area = mustArea(t, w)
	}
	if w.IntN(3) == 0 {
		q.From = r.Seen.Add(-pick(w, 0, time.Millisecond, time.Microsecond, time.Hour))
		q.To = r.Seen.Add(pick(w, 0, time.Millisecond, time.Microsecond, 30*time.Hour))
	}
	if w.IntN(4) == 0 {
		q.Region = pick(w, r.Region, "NL")
	}
	if w.IntN(4) == 0 {
		q.Vehicle = plate.Vehicle{Type: pick(w, "", r.Vehicle.Type), Make: pick(w, "", r.Vehicle.Make), Color: pick(w, "", r.Vehicle.Color)}
	}
	for range w.IntN(4) * w.IntN(2) {
		q.Cameras = append(q.Cameras, pick(w, w.cameras...).ID)
	}
	return q
}

// fits is the oracle of one read.
func fits(r *plate.Read, owners []string, q plate.Query) bool {
	switch {
	case !slices.Contains(owners, r.Owner):
	case q.Plate != plate.Pattern{} && !q.Plate.Matches(r.Text):
	case !q.From.IsZero() && r.Seen.Before(q.From), !q.To.IsZero() && !r.Seen.Before(q.To):
	case q.Region != "" && q.Region != r.Region:
	case q.Vehicle.Type != "" && q.Vehicle.Type != r.Vehicle.Type:
	case q.Vehicle.Make != "" && q.Vehicle.Make != r.Vehicle.Make:
	case q.Vehicle.Color != "" && q.Vehicle.Color != r.Vehicle.Color:
	case len(q.Cameras) > 0 && !slices.Contains(q.Cameras, r.Camera):
	case !q.Area.Empty() && !q.Area.ContainsPoint(r.Place):
	default:
		return true
	}
	return false
}

func newestFirst(a, b plate.Read) int { return cmp.Compare(b.ID, a.ID) }

// find is the oracle of Find.
func find(all []plate.Read, owners []string, q plate.Query, limit int) (out []plate.Read, more bool) {
	for i := range all {
		if fits(&all[i], owners, q) {
			out = append(out, all[i])
		}
	}
	slices.SortFunc(out, newestFirst)
	return out[:min(limit, len(out))], len(out) > limit
}

// convoy is the oracle of Convoy.
func convoy(all []plate.Read, owners []string, q plate.Query, limit int) (out []plate.Companion, more bool) {
	others := q
	others.Plate, others.Region, others.Vehicle = plate.Pattern{}, "", plate.Vehicle{}
	beside := map[plate.Text]map[plate.ID]plate.Read{}
	for i := range all {
		if !fits(&all[i], owners, q) {
			continue
		}
		for k := range all {
			o := &all[k]
			if o.Camera == all[i].Camera && o.Text != all[i].Text && o.Seen.Sub(all[i].Seen).Abs() <= 30*time.Second && fits(o, owners, others) {
				if beside[o.Text] == nil {
					beside[o.Text] = map[plate.ID]plate.Read{}
				}
				beside[o.Text][o.ID] = *o
			}
		}
	}
	for text, reads := range beside {
		c := plate.Companion{Text: text}
		cameras, regions := map[string]bool{}, map[string]int{}
		for _, r := range reads {
			c.Reads = append(c.Reads, r)
			cameras[r.Camera] = true
			if r.Region != "" {
				regions[r.Region]++
			}
		}
		for r, n := range regions {
			if n > regions[c.Region] || n == regions[c.Region] && r < c.Region {
				c.Region = r
			}
		}
		slices.SortFunc(c.Reads, func(a, b plate.Read) int { return newestFirst(b, a) })
		if c.Cameras = len(cameras); c.Cameras >= 3 {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b plate.Companion) int {
		return cmp.Or(b.Cameras-a.Cameras, len(b.Reads)-len(a.Reads), cmp.Compare(a.Text, b.Text))
	})
	return out[:min(limit, len(out))], len(out) > limit
}

// same compares answers as JSON shows them.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if string(a) != string(b) && !(reflect.ValueOf(got).Len() == 0 && reflect.ValueOf(want).Len() == 0) {
		t.Fatalf("%s:\n got %.2000s\nwant %.2000s", what, a, b)
	}
}

// keepAll is the retention of tests that do not care.
func keepAll(string) time.Duration { return month }

// appended appends reads in batches and gives them with their ids.
func appended(t *testing.T, s *Store, reads []plate.Read) []plate.Read {
	t.Helper()
	out := slices.Clone(reads)
	for chunk := range slices.Chunk(out, 197) {
		ids, fresh, err := s.Append(t.Context(), chunk)
		if err != nil {
			t.Fatal(err)
		}
		for i := range chunk {
			if !fresh[i] {
				t.Fatalf("read %+v is not fresh", chunk[i])
			}
			chunk[i].ID = ids[i]
		}
	}
	return out
}

// opener makes a store on one of the engines, empty the first time; what it opens
// again with the same options holds what it held.
type opener func(t *testing.T, o Options) *Store

// conformance is what every engine must do.
func conformance(t *testing.T, engine func(t *testing.T) opener) {
	tests := []struct {
		name string
		run  func(*testing.T, opener)
	}{
		{"answers are the oracle's", testAnswers},
		{"a read is kept once", testOnce},
		{"days go in time", testDays},
		{"a shortened retention", testShortened},
		{"appends and searches meet", testConcurrent},
		{"reads that cannot be kept", testRefused},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) { c.run(t, engine(t)) })
	}
}

func testAnswers(t *testing.T, open opener) {
	w := newWorld(rand.Uint64())
	keep := func(owner string) time.Duration { // two retentions side by side
		if owner == w.owners[1] {
			return 21 * 24 * time.Hour
		}
		return month
	}
	s := open(t, Options{Keep: keep, Files: 5, Memory: 1 << 20})
	all := appended(t, s, w.reads(1500))
	whole := slices.DeleteFunc(slices.Clone(w.plates), func(t plate.Text) bool { return len(t) < 2 })
	answers := func(n int) {
		for range n {
			q := w.query(t, all)
			owners := w.owners[w.IntN(2):]
			limit := pick(w, 1, 7, 1000)
			got, more, err := s.Find(t.Context(), owners, q, limit)
			if err != nil {
				t.Fatal(err)
			}
			want, wantMore := find(all, owners, q, limit)
			same(t, fmt.Sprintf("Find %+v of %v, limit %d", q, owners, limit), got, want)
			if more != wantMore {
				t.Fatalf("%+v: more is %v", q, more)
			}
		}
		for range n / 5 {
			q := w.query(t, all)
			q.Kind, q.Plate = plate.Convoy, mustPattern(t, string(pick(w, whole...)))
			limit := pick(w, 1, 100)
			got, more, err := s.Convoy(t.Context(), w.owners, q, limit)
			if err != nil {
				t.Fatal(err)
			}
			want, wantMore := convoy(all, w.owners, q, limit)
			same(t, fmt.Sprintf("Convoy %+v", q), got, want)
			if more != wantMore {
				t.Fatalf("%+v: more is %v", q, more)
			}
		}
	}
	answers(120)
	var ids []plate.ID
	var want []plate.Read
	for range 200 {
		r := pick(w, all...)
		ids, want = append(ids, r.ID, r.ID+1), append(want, r)
	}
	got, err := s.Get(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "Get", got, want)
	tallies(t, s, w, all)

	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, Options{Keep: keep, Files: 5, Memory: 1 << 20})
	for range 12 { // a day each is packed
		if due, err := s.Due(t.Context(), now); err != nil || len(due) > 0 {
			t.Fatal(due, err)
		}
	}
	answers(30)
	all = append(all, appended(t, s, w.reads(300))...)
	answers(50)
	tallies(t, s, w, all)
}

// tallies checks them against counting.
func tallies(t *testing.T, s *Store, w *world, all []plate.Read) {
	t.Helper()
	from, to := now.Add(-3*24*time.Hour), now.Add(-24*time.Hour)
	for _, owner := range w.owners {
		sums := map[Tally]int{}
		for _, r := range all {
			if day := r.Seen.Truncate(24 * time.Hour); r.Owner == owner && !r.Seen.Before(from.Truncate(24*time.Hour)) && day.Before(to) {
				sums[Tally{Camera: r.Camera, Day: day}]++
			}
		}
		got, err := s.Tallies(t.Context(), owner, from, to)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range got {
			n := g.Reads
			g.Reads = 0
			if sums[g] != n {
				t.Errorf("%+v: %d, counted %d", g, n, sums[g])
			}
			delete(sums, g)
		}
		if len(sums) > 0 {
			t.Errorf("no tally for %v", sums)
		}
	}
}

func testOnce(t *testing.T, open opener) {
	w := newWorld(rand.Uint64())
	keep := month
	o := Options{Keep: func(string) time.Duration { return keep }}
	s := open(t, o)
	all := appended(t, s, w.reads(400))
	again := func(what string, reads []plate.Read) {
		t.Helper()
		shuffled := slices.Clone(reads)
		w.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		ids, fresh, err := s.Append(t.Context(), shuffled)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range shuffled {
			if ids[i] != r.ID || fresh[i] {
				t.Errorf("%s: read %d became %d, fresh %v", what, r.ID, ids[i], fresh[i])
			}
		}
	}
	again("a replay", all)
	again("a batch with itself", append(slices.Clone(all[:50]), all[:50]...))
	some := w.reads(20)
	ids, fresh, err := s.Append(t.Context(), append(some, some...))
	if err != nil || !slices.Equal(ids[:20], ids[20:]) || slices.Contains(fresh[:20], false) || slices.Contains(fresh[20:], true) {
		t.Errorf("a batch that says all twice: %v %v %v", ids, fresh, err)
	}
	// An event is the same though its text and time were mended.
	for _, r := range all {
		if r.Event != "" && r.Seen.Add(time.Second).Day() == r.Seen.Day() {
			r.Text, r.Seen = "MENDED", r.Seen.Add(time.Second)
			again("an event once more", []plate.Read{r})
			break
		}
	}
	keep = 21 * 24 * time.Hour
	again("a replay under another retention", all)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, o)
	again("a replay after a restart", all)

	// Many reads of one millisecond want the same ids by chance.
	crowd := make([]plate.Read, 2500)
	for i := range crowd {
		crowd[i] = all[0]
		crowd[i].Event, crowd[i].Seen = fmt.Sprint("crowd", i), now.Add(-time.Minute)
	}
	crowd = appended(t, s, crowd)
	distinct := map[plate.ID]bool{}
	for _, r := range crowd {
		distinct[r.ID] = true
	}
	if len(distinct) != len(crowd) {
		t.Errorf("%d reads have %d ids", len(crowd), len(distinct))
	}
	again("a crowd", crowd)
}

func testDays(t *testing.T, open opener) {
	w := newWorld(rand.Uint64())
	keeps := map[string]time.Duration{w.owners[0]: month, w.owners[1]: month, w.owners[2]: brief}
	clock := now
	o := Options{Keep: func(owner string) time.Duration { return keeps[owner] }, Now: func() time.Time { return clock }}
	s := open(t, o)
	all := w.reads(700)
	for i := range 100 {
		all[i].Owner, all[i].Camera, all[i].Seen = w.owners[2], "camera99", now.Add(-time.Duration(i)*100*time.Millisecond)
	}
	all = appended(t, s, all)
	check := func(what string) {
		t.Helper()
		p := plate.Query{Kind: plate.InArea, Area: everywhere(t)}
		got, _, err := s.Find(t.Context(), w.owners, p, 5000)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := find(all, w.owners, p, 5000)
		same(t, what, got, want)
		tallies(t, s, w, all)
	}
	// purge drops what is due and checks that it was right.
	purge := func() int {
		t.Helper()
		due, err := s.Due(t.Context(), clock)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range due {
			n := 0
			all = slices.DeleteFunc(all, func(r plate.Read) bool {
				gone := r.Owner == d.Owner && !r.Seen.Before(d.From) && r.Seen.Before(d.To)
				if gone {
					n++
				}
				return gone
			})
			if n != d.Reads {
				t.Errorf("%+v has %d reads", d, n)
			}
			if err := s.Drop(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			if err := s.Drop(t.Context(), d); err != nil {
				t.Errorf("dropping twice: %v", err)
			}
			check(fmt.Sprintf("after dropping %+v", d))
		}
		return len(due)
	}
	check("before")
	if n := purge(); n != 0 {
		t.Errorf("%d days are due at once", n)
	}
	// The brief ones go in time, and nothing else.
	clock = now.Add(brief + time.Minute)
	if purge() == 0 || slices.ContainsFunc(all, func(r plate.Read) bool { return r.Owner == w.owners[2] }) {
		t.Error("reads kept for three minutes are there after four")
	}
	// An owner whose retention was shortened: hers go, the others stay.
	keeps[w.owners[1]] = 49 * time.Hour
	if purge() == 0 {
		t.Error("a shortened retention changes nothing")
	}
	for _, r := range all {
		if r.Owner == w.owners[1] && clock.Sub(r.Seen) > 49*time.Hour {
			t.Errorf("kept %v", clock.Sub(r.Seen))
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, o)
	check("after a restart")
	// At last everything goes, day by day, never late.
	for ; len(all) > 0; clock = clock.Add(24 * time.Hour) {
		purge()
		for _, r := range all {
			if clock.Sub(r.Seen) >= month {
				t.Fatalf("a read is kept %v", clock.Sub(r.Seen))
			}
		}
	}
	for _, p := range s.between(0, maxID) {
		if p.count() > 0 || p.start().Before(now) {
			t.Errorf("%s is left", p)
		}
	}
}

func everywhere(t testing.TB) geo.Polygon {
	t.Helper()
	p, err := geo.ParsePolygon([]byte(`{"type":"Polygon","coordinates":[[[-95,35],[-85,35],[-85,45],[-95,45],[-95,35]]]}`))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// testShortened: an owner shortens her retention, and hers was all that a day
// held: it goes, and not a read of others that comes while it does.
func testShortened(t *testing.T, open opener) {
	w := newWorld(rand.Uint64())
	keeps := map[string]time.Duration{w.owners[0]: month, w.owners[1]: month}
	clock := now
	s := open(t, Options{Keep: func(owner string) time.Duration { return keeps[owner] }, Now: func() time.Time { return clock }})
	anything := plate.Query{Kind: plate.InArea, Area: everywhere(t)}
	var theirs int
	for round := range 12 {
		day := now.AddDate(0, 0, round-14)
		some := func(owner string, n int) []plate.Read {
			reads := w.reads(n)
			for i := range reads {
				reads[i].Owner, reads[i].Camera, reads[i].Event = owner, owner+" camera", fmt.Sprint(owner, round, i)
				reads[i].Seen = day.Add(time.Duration(i) * time.Second)
			}
			return reads
		}
		keeps[w.owners[0]] = month
		appended(t, s, some(w.owners[0], 20))
		keeps[w.owners[0]] = time.Hour
		due, err := s.Due(t.Context(), clock)
		if err != nil || len(due) != 1 || due[0].Owner != w.owners[0] {
			t.Fatalf("due are %+v: %v", due, err)
		}
		begin, done := make(chan bool), make(chan error)
		go func() {
			<-begin
			_, _, err := s.Append(context.Background(), some(w.owners[1], 3))
			done <- err
		}()
		close(begin)
		if err := errors.Join(s.Drop(t.Context(), due[0]), <-done); err != nil {
			t.Fatal(err)
		}
		theirs += 3
		got, _, err := s.Find(t.Context(), w.owners, anything, 5000)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != theirs || slices.ContainsFunc(got, func(r plate.Read) bool { return r.Owner != w.owners[1] }) {
			t.Fatalf("round %d: %d reads are found of the %d that were acknowledged and stay", round, len(got), theirs)
		}
	}
}

// testConcurrent: what was acknowledged is found by the next search, whoever else
// is writing.
func testConcurrent(t *testing.T, open opener) {
	w := newWorld(rand.Uint64())
	s := open(t, Options{Keep: keepAll, Files: 4})
	appended(t, s, w.reads(300))
	const writers, rounds = 4, 6
	done := make(chan error, writers)
	for n := range writers {
		go func() {
			w := newWorld(uint64(n))
			done <- func() error {
				for i := range rounds {
					batch := w.reads(50)
					for k := range batch {
						batch[k].Camera, batch[k].Event = fmt.Sprint("writer", n), fmt.Sprint(n, " ", i, " ", k)
					}
					batch[0].Text = plate.Text(fmt.Sprintf("W%dR%d", n, i))
					if _, _, err := s.Append(context.Background(), batch); err != nil {
						return err
					}
					p, err := plate.ParsePattern(fmt.Sprintf("*%dR%d*", n, i))
					if err != nil {
						return err
					}
					found, _, err := s.Find(context.Background(), w.owners, plate.Query{Kind: plate.ByPlate, Plate: p}, 100)
					if err != nil {
						return err
					}
					if !slices.ContainsFunc(found, func(r plate.Read) bool { return r.Text == batch[0].Text }) {
						return fmt.Errorf("%s was acknowledged and is not found", batch[0].Text)
					}
				}
				return nil
			}()
		}()
	}
	for range writers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	sum := 0
	for _, o := range w.owners {
		got, err := s.Tallies(t.Context(), o, now.Add(-month), now)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range got {
			sum += n.Reads
		}
	}
	if want := 300 + writers*rounds*50; sum != want {
		t.Errorf("%d reads are counted of %d", sum, want)
	}
}

func testRefused(t *testing.T, open opener) {
	w := newWorld(1)
	s := open(t, Options{Keep: func(owner string) time.Duration {
		if owner == "none" {
			return 0
		}
		return month
	}})
	reads := w.reads(6)
	reads[1].Seen = now.Add(-31 * 24 * time.Hour)
	reads[2].Text = "lower"
	reads[3].Owner = "none"
	reads[4].Camera = ""
	ids, fresh, err := s.Append(t.Context(), reads)
	var refused Refused
	if !errors.As(err, &refused) || len(refused) != 4 || !errors.Is(err, ErrTooOld) || !errors.Is(err, ErrInvalid) {
		t.Fatalf("%v", err)
	}
	for i, want := range []error{nil, ErrTooOld, ErrInvalid, ErrTooOld, ErrInvalid, nil} {
		if !errors.Is(refused[i], want) || (ids[i] != 0) != (want == nil) || fresh[i] != (want == nil) {
			t.Errorf("read %d: %v, id %d, fresh %v", i, refused[i], ids[i], fresh[i])
		}
	}
	if _, _, err := s.Find(t.Context(), w.owners, plate.Query{Kind: plate.ByPlate}, 1); err == nil {
		t.Error("a search for every plate was answered")
	}
	if got, _, err := s.Find(t.Context(), nil, plate.Query{Kind: plate.ByPlate, Plate: mustPattern(t, string(reads[0].Text)+"*~")}, 1); err == nil && len(got) > 0 {
		t.Error("reads of nobody were found")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Append(t.Context(), reads[:1]); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
