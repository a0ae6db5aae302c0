package searchlog_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"porchlight/internal/loggen"
	"porchlight/searchlog"
)

// written is a generated log and the truth about it.
type written struct {
	o     loggen.Options
	seed  uint64
	bytes []byte
	rows  []loggen.Row
}

func generate(t *testing.T, seed uint64, o loggen.Options) *written {
	t.Helper()
	g, err := loggen.New(seed, o)
	if err != nil {
		t.Fatal(err)
	}
	w := &written{o: o, seed: seed}
	var b bytes.Buffer
	if err := g.Write(&b, func(r *loggen.Row) {
		row := *r
		for f, c := range row.Cell {
			row.Cell[f] = bytes.Clone(c)
		}
		w.rows = append(w.rows, row)
	}); err != nil {
		t.Fatal(err)
	}
	w.bytes = b.Bytes()
	return w
}

func (w *written) source(name string) searchlog.Source {
	return searchlog.Source{Name: name, Size: int64(len(w.bytes)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(w.bytes)), nil
	}}
}

// collector keeps what it is shown, each visitor on its own.
type collector struct{ got []searchlog.Search }

func (c *collector) Visit(all []searchlog.Search) {
	for _, k := range all {
		for f, b := range k.Cell {
			k.Cell[f] = bytes.Clone(b)
		}
		c.got = append(c.got, k)
	}
}

func readAll(t *testing.T, workers int, sources ...searchlog.Source) (*searchlog.Reading, []searchlog.Search) {
	t.Helper()
	var all []*collector
	reading, err := searchlog.Read(context.Background(), sources, searchlog.Options{Workers: workers}, func() searchlog.Visitor {
		all = append(all, new(collector))
		return all[len(all)-1]
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []searchlog.Search
	for _, c := range all {
		if !slices.IsSortedFunc(c.got, inOrder) {
			t.Error("a visitor saw searches out of order")
		}
		got = append(got, c.got...)
	}
	slices.SortFunc(got, inOrder)
	return reading, got
}

func inOrder(a, b searchlog.Search) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
}

// repairs are what the reader calls the quirks of rows that it has to mend.
var repairs = map[loggen.Quirk]string{
	loggen.ShiftedLeft: "shifted", loggen.ShiftedRight: "shifted", loggen.Verdict: "shifted",
	loggen.UnquotedTime: "split", loggen.UnclosedQuote: "unclosed quote",
}

// variants are what the reader calls the layouts.
var variants = map[string]string{
	"network14": "audit-14", "network13": "audit-13", "network13-nomoderation": "audit-14", "network12": "audit-14",
	"network12-nodevices": "audit-13", "older13": "audit-13-no-id", "older11": "audit-11", "federal10": "federal-extract",
	"short5": "audit-short", "short6": "audit-short", "pdf10": "frame-apart", "dateandtime": "date-and-clock",
	"portal": "portal", "portal-reason": "portal", "portal-case": "portal", "portal-offense": "portal", "portal-reason-case": "portal",
	"portal-case-offense": "portal", "portal-reason-case-offense": "portal", "portal-cameras": "portal-cameras",
	"eventlog": "event-log", "vigilant": "serial-times", "sharing": "shared-networks",
}

// checkRead compares what was read with what was written, and returns what is wrong.
func (w *written) checkRead(t *testing.T) (wrong []string) {
	t.Helper()
	reading, got := readAll(t, 1+int(w.seed%3), w.source("log."+w.o.Format.String()))
	say := func(format string, args ...any) {
		if len(wrong) < 8 {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	if len(reading.Files) != 1 {
		say("%d files", len(reading.Files))
		return wrong
	}
	f := reading.Files[0]
	if f.Variant != variants[w.o.Variant] && !slices.Contains(w.o.Quirks, loggen.NoHeader) {
		say("variant %q, want %q", f.Variant, variants[w.o.Variant])
	}
	if n := f.Rows + f.Duplicate + f.SetAsideRows; n != len(w.rows) {
		say("%d rows + %d duplicates + %d set aside are %d of %d rows", f.Rows, f.Duplicate, f.SetAsideRows, n, len(w.rows))
	}
	var aside, again, mended []int
	of, reports := map[int]searchlog.Duplicate{}, map[string][]int{}
	for _, a := range f.SetAside {
		aside = append(aside, a.Line)
	}
	for _, d := range f.Repeated {
		again = append(again, d.Line)
		of[d.Line] = d
	}
	for _, r := range f.Repairs {
		reports[r.Kind] = r.Lines
		if r.Rows != len(r.Lines) {
			say("%s: %d rows, %d lines", r.Kind, r.Rows, len(r.Lines))
		}
	}
	lines := map[int]*searchlog.Search{}
	for i := range got {
		if lines[got[i].Line] != nil {
			say("line %d came twice", got[i].Line)
		}
		lines[got[i].Line] = &got[i]
	}
	var wantAside, wantAgain []int
	for i := range w.rows {
		r := &w.rows[i]
		switch r.Kind {
		case loggen.NoSearch:
			wantAside = append(wantAside, r.Line)
		case loggen.Again:
			wantAgain = append(wantAgain, r.Line)
			d := of[r.Line]
			otherwise := r.Quirk == loggen.RepeatedOtherwise // TestRoundTripOtherwise
			if d.OfLine != r.Of || d.Different && !otherwise || d.By != "id" {
				say("line %d repeats line %d (%s), reported as %+v", r.Line, r.Of, r.Quirk, d)
			}
		case loggen.Search:
			s := lines[r.Line]
			if s == nil {
				say("the search of line %d was not read (quirk %q)", r.Line, r.Quirk)
				continue
			}
			if d := w.differs(r, s); d != "" {
				say("line %d (quirk %q): %s", r.Line, r.Quirk, d)
			}
			if kind := repairs[r.Quirk]; kind != "" {
				mended = append(mended, r.Line)
				if !slices.Contains(reports[kind], r.Line) {
					say("line %d: %s is not reported as %q", r.Line, r.Quirk, kind)
				}
			}
			delete(lines, r.Line)
		}
	}
	for line := range lines {
		say("line %d is no search, and one was read", line)
	}
	if !slices.Equal(aside, wantAside) {
		say("set aside %v, want %v", aside, wantAside)
	}
	if !slices.Equal(again, wantAgain) {
		say("duplicates %v, want %v", again, wantAgain)
	}
	if !slices.Contains(w.o.Quirks, loggen.Stacked) {
		for kind, at := range reports {
			for _, line := range at {
				if !slices.Contains(mended, line) {
					say("line %d was repaired (%s) and needed nothing", line, kind)
				}
			}
		}
	} else if len(reports["stacked header"]) == 0 {
		say("no report of a second export without header")
	}
	return wrong
}

// differs says how the search read differs from the true one, "" if it does not.
func (w *written) differs(r *loggen.Row, s *searchlog.Search) string {
	l := loggen.Variants[w.o.Variant]
	if !r.Time.Equal(s.Time) || !r.From.Equal(s.From) || !r.To.Equal(s.To) {
		return fmt.Sprintf("time %s, from %s, to %s; want %s, %s, %s", s.Time, s.From, s.To, r.Time, r.From, r.To)
	}
	if r.Networks != s.Networks || r.Devices != s.Devices {
		return fmt.Sprintf("%d networks, %d devices; want %d, %d", s.Networks, s.Devices, r.Networks, r.Devices)
	}
	// Without labels nobody can tell a blank column from none.
	unlabelled := slices.Contains(w.o.Quirks, loggen.NoHeader) || slices.Contains(w.o.Quirks, loggen.Stacked)
	for f := range searchlog.NumFields {
		if r.State[f] != s.State[f] && !(unlabelled && r.Cell[f] == nil && s.Cell[f] == nil) {
			return fmt.Sprintf("%s is %q, want %q (%q)", f, s.State[f], r.State[f], r.Cell[f])
		}
		// Where a field has no column of its own, or is a number in a sheet, its
		// cell is the reader's to choose.
		own := l.Own(f) && !(f == searchlog.Time && slices.Contains(w.o.Quirks, loggen.ExcelDates))
		if own && !bytes.Equal(normal(r.Cell[f]), normal(s.Cell[f])) {
			return fmt.Sprintf("%s says %q, want %q", f, s.Cell[f], r.Cell[f])
		}
	}
	return ""
}

// normal leaves out what spreadsheets lose: XML has no carriage returns.
func normal(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")) }

// Every variant with every quirk that it can have, and all formats and encodings:
// every true search comes exactly once, as it is, and everything odd is told.
func TestRoundTrip(t *testing.T) {
	seed := seedOf()
	var logs []loggen.Options
	for _, v := range slices.Sorted(maps.Keys(loggen.Variants)) {
		if v == "sharing" {
			continue
		}
		for f := range loggen.NumFormats {
			logs = append(logs, loggen.Options{Variant: v, Format: f})
			// A sheet's cells are those of text: its quirks with some layouts will do.
			if sheet := f == loggen.XLSX && slices.Contains([]string{"network14", "network13", "portal-cameras", "vigilant"}, v); f != loggen.CSV && !sheet {
				continue
			}
			for _, q := range loggen.Quirks {
				if q.Suits(v, f) {
					logs = append(logs, loggen.Options{Variant: v, Format: f, Quirks: []loggen.Quirk{q}})
				}
			}
		}
		for _, e := range []string{"utf-16le", "windows-1252"} {
			o := loggen.Options{Variant: v, Encoding: e}
			if loggen.Accents.Suits(v, 0) {
				o.Quirks = []loggen.Quirk{loggen.Accents}
			}
			if e == "utf-16le" {
				o.Quirks = append(o.Quirks, loggen.BOM)
			}
			logs = append(logs, o)
		}
	}
	for i, o := range logs {
		o.Rows = 80
		name := o.Variant + "/" + o.Format.String() + "/" + cmp.Or(fmt.Sprint(o.Quirks), "plain") + o.Encoding
		t.Run(name, func(t *testing.T) {
			w := generate(t, seed+uint64(i), o)
			for _, wrong := range w.checkRead(t) {
				t.Errorf("seed %d: %s", w.seed, wrong)
			}
		})
	}
}

// seedOf is 1, so that a test that passed passes again; whoever asks for many
// round trips gets new ones.
func seedOf() uint64 {
	if os.Getenv("PORCHLIGHT_ROUNDTRIPS") == "" {
		return 1
	}
	return uint64(time.Now().UnixNano())
}

// Quirks at the same time, as real files have them. PORCHLIGHT_ROUNDTRIPS asks
// for more files.
func TestRoundTripTogether(t *testing.T) {
	r := rand.New(rand.NewPCG(seedOf(), 1))
	vs := slices.Sorted(maps.Keys(loggen.Variants))
	vs = slices.DeleteFunc(vs, func(v string) bool { return v == "sharing" })
	qs := loggen.Quirks
	rounds := 30
	if n, err := strconv.Atoi(os.Getenv("PORCHLIGHT_ROUNDTRIPS")); err == nil {
		rounds = n
	}
	for range rounds {
		o := loggen.Options{Variant: vs[r.IntN(len(vs))], Format: loggen.Format(r.IntN(int(loggen.NumFormats))), Rows: 600, Plants: r.IntN(2) == 0}
		for range 1 + r.IntN(5) {
			q := qs[r.IntN(len(qs))]
			if q.Suits(o.Variant, o.Format) && !slices.Contains(o.Quirks, q) && !exclude(o.Quirks, q) {
				o.Quirks = append(o.Quirks, q)
			}
		}
		w := generate(t, r.Uint64(), o)
		for _, wrong := range w.checkRead(t) {
			t.Errorf("%s/%s/%v seed %d: %s", o.Variant, o.Format, o.Quirks, w.seed, wrong)
		}
	}
}

// exclude says whether a quirk makes another's truth unknowable, as when a
// header is missing and a column has no data, or undoes it; or whether both
// would befall one row, which nothing in it can tell.
func exclude(have []loggen.Quirk, q loggen.Quirk) bool {
	for _, pair := range [][2]loggen.Quirk{
		{loggen.NoHeader, loggen.NoData}, {loggen.NoHeader, loggen.BlankLabel}, {loggen.NoHeader, loggen.HeaderAgain},
		{loggen.BlankLabel, loggen.NoData}, {loggen.BlankLabel, loggen.ShiftedRight}, {loggen.BlankLabel, loggen.ShiftedLeft},
		{loggen.NoData, loggen.ShiftedRight}, {loggen.NoData, loggen.ShiftedLeft}, {loggen.Stacked, loggen.HeaderAgain},
		{loggen.Stacked, loggen.ShiftedLeft}, {loggen.Stacked, loggen.ShiftedRight}, {loggen.Stacked, loggen.UnquotedTime},
		{loggen.Stacked, loggen.Verdict}, {loggen.Stacked, loggen.UnclosedQuote}, {loggen.Semicolons, loggen.UnquotedTime},
	} {
		if q == pair[0] && slices.Contains(have, pair[1]) || q == pair[1] && slices.Contains(have, pair[0]) {
			return true
		}
	}
	return false
}

// Two exports of neighbouring months that overlap: what both have is counted
// once, and both places are told.
func TestRoundTripOverlap(t *testing.T) {
	for _, v := range []string{"network13", "older11", "portal-reason"} {
		first := generate(t, 5, loggen.Options{Variant: v, Rows: 500})
		second := generate(t, 5, loggen.Options{Variant: v, Rows: 500, Skip: 420})
		reading, got := readAll(t, 2, first.source("may.csv"), second.source("june.csv"))
		if len(got) != 500 || reading.Files[0].Duplicate != 0 || reading.Files[1].Duplicate != 80 || reading.Files[1].Rows != 0 {
			t.Errorf("%s: %d searches; %d and %d duplicates", v, len(got), reading.Files[0].Duplicate, reading.Files[1].Duplicate)
		}
		for i, d := range reading.Files[1].Repeated {
			if want := first.rows[420+i].Line; d.OfFile != "may.csv" || d.OfLine != want || d.Line != second.rows[i].Line {
				t.Errorf("%s: %+v, want line %d of may.csv", v, d, want)
			}
		}
	}
}

// A row that says something else under the id of an earlier one is told as that.
// The reader keeps a few bits of a row and may miss some; never is a mere
// repetition called different.
func TestRoundTripOtherwise(t *testing.T) {
	w := generate(t, 11, loggen.Options{Variant: "portal-reason", Rows: 20_000, Quirks: []loggen.Quirk{loggen.Repeated, loggen.RepeatedOtherwise}})
	said := map[int]*loggen.Row{}
	of := map[int]bool{}
	reading, _ := readAll(t, 2, w.source("x.csv"))
	for _, d := range reading.Files[0].Repeated {
		of[d.Line] = d.Different
	}
	told, missed := 0, 0
	for i := range w.rows {
		switch r := &w.rows[i]; {
		case r.Kind == loggen.Search:
			said[r.Line] = r
		case r.Quirk == loggen.Repeated && of[r.Line]:
			t.Errorf("line %d repeats line %d and is called different", r.Line, r.Of)
		case r.Quirk == loggen.RepeatedOtherwise && said[r.Of].State[searchlog.Reason] == searchlog.Value:
			if of[r.Line] {
				told++
			} else {
				missed++
			}
		}
	}
	if told < 100 || missed > told/4 {
		t.Errorf("%d rows under an id of another were told, %d missed", told, missed)
	}
}

// Ceilings of portals are told as what they may be; TestCeilings has them all.
func TestRoundTripTruncated(t *testing.T) {
	header := "\"id\",\"userId\",\"searchDate\",\"networkCount\"\n"
	row := []byte("\"\",\"***\",\"2026-03-04T21:30:39.185Z\",\"1\"\n")
	for rows, warned := range map[int]bool{19_999: false, 20_000: true} {
		log := io.MultiReader(strings.NewReader(header), bytes.NewReader(bytes.Repeat(row, rows)))
		source := searchlog.Source{Name: "x.csv", Size: -1, Open: func() (io.ReadCloser, error) { return io.NopCloser(log), nil }}
		reading, err := searchlog.Read(context.Background(), []searchlog.Source{source}, searchlog.Options{}, func() searchlog.Visitor { return new(nobody) })
		if err != nil {
			t.Fatal(err)
		}
		f := reading.Files[0]
		if got := slices.ContainsFunc(f.Warnings, func(w searchlog.Warning) bool { return w.Kind == "truncated" }); f.Rows != rows || got != warned {
			t.Errorf("%d rows: %d read, warnings %v", rows, f.Rows, f.Warnings)
		}
	}
}

type nobody struct{}

func (*nobody) Visit([]searchlog.Search) {}

// Who shares with whom is told, and no search is made of it.
func TestRoundTripSharing(t *testing.T) {
	w := generate(t, 2, loggen.Options{Variant: "sharing", Rows: 60})
	reading, got := readAll(t, 2, w.source("SharedNetworks.csv"))
	if f := reading.Files[0]; len(got) > 0 || f.Variant != "shared-networks" || f.SetAsideRows > 0 {
		t.Errorf("%d searches of %+v", len(got), f)
	}
	if want := bytes.Count(w.bytes, []byte("[Federal]")); want == 0 || want != tagged(reading.Shares, "federal") {
		t.Errorf("%d federal shares, want %d", tagged(reading.Shares, "federal"), want)
	}
}

func tagged(shares []searchlog.Share, tag string) (n int) {
	for _, s := range shares {
		if slices.ContainsFunc(s.Tags, func(t string) bool { return t == tag || t == "Federal" }) {
			n++
		}
	}
	return n
}

// FuzzRoundTrip lets the fuzzer choose seed, layout and quirks.
func FuzzRoundTrip(f *testing.F) {
	f.Add(uint64(1), uint8(3), uint64(0), uint8(0))
	vs := slices.DeleteFunc(slices.Sorted(maps.Keys(loggen.Variants)), func(v string) bool { return v == "sharing" })
	qs := loggen.Quirks
	f.Fuzz(func(t *testing.T, seed uint64, v uint8, quirks uint64, format uint8) {
		o := loggen.Options{Variant: vs[int(v)%len(vs)], Rows: 120, Format: loggen.Format(format) % loggen.NumFormats}
		for i, q := range qs {
			if quirks>>i&1 == 1 && len(o.Quirks) < 4 && q.Suits(o.Variant, o.Format) && !exclude(o.Quirks, q) {
				o.Quirks = append(o.Quirks, q)
			}
		}
		w := generate(t, seed, o)
		for _, wrong := range w.checkRead(t) {
			t.Errorf("%s/%s/%v seed %d: %s", o.Variant, o.Format, o.Quirks, w.seed, wrong)
		}
	})
}
