package hotlist

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"porchlight/plate"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func pattern(t testing.TB, s string) plate.Pattern {
	t.Helper()
	p, err := plate.ParsePattern(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return p
}

func wantedPlates(t testing.TB, patterns ...string) (out []wanted) {
	t.Helper()
	for i, p := range patterns {
		out = append(out, wanted{id: fmt.Sprint(i), plate: pattern(t, p), expires: noon.Add(time.Hour)})
	}
	return out
}

// ids of the entries that a read fits, each with how.
func found(s *set, r plate.Read) (out []string) {
	for _, m := range s.match(&r, noon) {
		how := m.entry.id
		if m.fit.Other {
			how += " other"
		}
		if m.fit.Confused {
			how += " confused"
		}
		out = append(out, how)
	}
	slices.Sort(out)
	return out
}

func TestMatch(t *testing.T) {
	s := compile(wantedPlates(t, "ABC123", "ABC123~", "AB?1*", "*C123", "XYZ9876", "80B"))
	for _, c := range []struct {
		read plate.Read
		want string
	}{
		{plate.Read{Text: "ABC123"}, "0|1|2|3"},
		{plate.Read{Text: "A8C123"}, "1 confused|3"},
		{plate.Read{Text: "A8CI23"}, ""},
		{plate.Read{Text: "ABX19"}, "2"},
		{plate.Read{Text: "AB1"}, ""},
		{plate.Read{Text: "C123"}, "3"},
		{plate.Read{Text: "QQQ111", Others: []plate.Guess{{Text: "QQQ11I"}, {Text: "XYZ9876", Confidence: 310}}}, "4 other"},
		{plate.Read{Text: "XYZ9876", Others: []plate.Guess{{Text: "ABC123"}}}, "0 other|1 other|2 other|3 other|4"},
		{plate.Read{Text: "80B"}, "5"},
		{plate.Read{Text: "8OB"}, ""},
	} {
		if got := strings.Join(found(s, c.read), "|"); got != c.want {
			t.Errorf("%s %v: %q, want %q", c.read.Text, c.read.Others, got, c.want)
		}
	}
	for _, m := range s.match(&plate.Read{Text: "QQQ111", Confidence: 900, Others: []plate.Guess{{Text: "XYZ9876", Confidence: 310}}}, noon) {
		if m.fit.Confidence != 310 || m.fit.Text != "XYZ9876" {
			t.Errorf("the confidence of another reading is told: %+v", m.fit)
		}
	}
}

func TestMatchRegionAndExpiry(t *testing.T) {
	w := wantedPlates(t, "ABC123")
	w[0].region = "US-IL"
	s := compile(w)
	for region, want := range map[string]int{"US-IL": 1, "US-TX": 0, "US": 1, "": 1, "NL": 0} {
		if got := s.match(&plate.Read{Text: "ABC123", Region: region}, noon); len(got) != want {
			t.Errorf("a read of %q: %d matches, want %d", region, len(got), want)
		}
	}
	if got := s.match(&plate.Read{Text: "ABC123"}, noon.Add(time.Hour)); len(got) != 0 {
		t.Error("an entry that is over still matches")
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	s := compile(wantedPlates(t, "ABC123", "XYZ98?~", "*777*"))
	r := plate.Read{Text: "QRS456", Others: []plate.Guess{{Text: "QRS45G"}}}
	if n := testing.AllocsPerRun(100, func() { s.match(&r, noon) }); n > 0 {
		t.Errorf("a read that fits nothing costs %v allocations", n)
	}
}

// A hundred thousand entries, a thousand of them with wildcards, make a few dozen
// masks.
func TestManyEntries(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var patterns []string
	for i := range 100_000 {
		p := fmt.Sprintf("%c%c%c%04d", 'A'+rng.IntN(26), 'A'+rng.IntN(26), 'A'+rng.IntN(26), rng.IntN(10_000))
		if i%100 == 0 {
			at := rng.IntN(7)
			p = p[:at] + "?" + p[at+1:]
		}
		patterns = append(patterns, p)
	}
	s := compile(wantedPlates(t, patterns...))
	if len(s.groups) > 60 {
		t.Errorf("%d masks", len(s.groups))
	}
	for _, i := range []int{1, 50_001, 99_999} {
		got := s.match(&plate.Read{Text: plate.Text(patterns[i])}, noon)
		if !slices.ContainsFunc(got, func(m match) bool { return m.entry.id == fmt.Sprint(i) }) {
			t.Errorf("%s is not found", patterns[i])
		}
	}
}

// FuzzMatch compares the set with the plain meaning of each pattern.
func FuzzMatch(f *testing.F) {
	f.Add("ABC123 ABC123~ A?C* *C1?3 B8B8~", "ABC123")
	f.Add("O0O0~ ?O0* *00?", "0OO0")
	f.Add("ABCDEFGHIJ *IJ A*J", "ABCDEFGHIJ")
	f.Fuzz(func(t *testing.T, list, read string) {
		text, err := plate.ParseText(read)
		if err != nil {
			return
		}
		var w []wanted
		for i, s := range strings.Fields(list) {
			p, err := plate.ParsePattern(s)
			if err != nil || i >= 20 || strings.Count(s, "*") > 3 {
				continue
			}
			w = append(w, wanted{id: fmt.Sprint(len(w)), plate: p, expires: noon.Add(time.Hour)})
		}
		var want []string
		for _, e := range w {
			if e.plate.Matches(text) {
				how := e.id
				if strict, _ := strings.CutSuffix(e.plate.String(), "~"); !pattern(t, strict).Matches(text) {
					how += " confused"
				}
				want = append(want, how)
			}
		}
		slices.Sort(want)
		if got := found(compile(w), plate.Read{Text: text}); !slices.Equal(got, want) {
			t.Errorf("%s among %q: %q, want %q", text, list, got, want)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	var patterns []string
	random := func() string {
		return fmt.Sprintf("%c%c%c%04d", 'A'+rng.IntN(26), 'A'+rng.IntN(26), 'A'+rng.IntN(26), rng.IntN(10_000))
	}
	for i := range 100_000 {
		p := random()
		if i%100 == 0 {
			at := rng.IntN(7)
			p = p[:at] + "?" + p[at+1:]
		}
		patterns = append(patterns, p)
	}
	s := compile(wantedPlates(b, patterns...))
	reads := make([]plate.Read, 4096)
	for i := range reads {
		reads[i].Text = plate.Text(random())
	}
	i := 0
	for b.Loop() {
		s.match(&reads[i&4095], noon)
		i++
	}
}
