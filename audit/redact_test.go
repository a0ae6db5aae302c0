package audit

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func TestRedact(t *testing.T) {
	const who, plateNo, caseNo, id = "okafor.w", "7ABC123", "26-01254", "23d55b89-42eb-4f5c-9281-f5e8bf4864be"
	cells := map[string]string{
		"id": id, "searcher": who, "agency": "Elm County IL SO", "plate": plateNo, "case": caseNo, "networks": "6,709",
		"time": "11/14/2025, 09:53:36 AM UTC", "from": "2025-11-13 10:00:17.123", "reason": "robbery, " + plateNo + " seen by Okafor, as Elm County IL SO says",
	}
	r := &Result{
		Rows:     3,
		Agencies: []Agency{{Name: "Elm County IL SO", State: "IL", Kind: "local", Searches: 3}, {Name: "Wilhelmina Okafor", Searches: 1}},
		Searchers: Spread{Top: []Searcher{
			{Token: who, Agency: "Elm County IL SO", Searches: 3}, {Token: "***", Searches: 1},
		}},
		Findings: []Finding{{
			Rule: "one-plate", Count: 2, Of: 3,
			Cases: []Case{{What: "okafor.w searched 7ABC123 on 3 days, for case 26-01254, in logs/okafor/may.csv.", Count: 2, Rows: []Row{{File: "logs/okafor/may.csv", Line: 2, Cells: cells}}}},
			Rows:  []Row{{File: "logs/okafor/may.csv", Line: 2, Words: "robbery", Cells: cells}},
		}},
	}
	before, _ := json.Marshal(r)
	a := r.Redact([]byte("one key"))
	if after, _ := json.Marshal(r); string(before) != string(after) {
		t.Error("Redact changed the result itself")
	}
	if !a.Redacted || a.Rows != 3 {
		t.Errorf("redacted %v, rows %d", a.Redacted, a.Rows)
	}
	got, token := a.Findings[0].Rows[0], a.Searchers.Top[0].Token
	if !regexp.MustCompile(`^S-[0-9A-Z]{5}$`).MatchString(token) || got.Cells["searcher"] != token {
		t.Errorf("searcher %q in the table, %q in the row", token, got.Cells["searcher"])
	}
	if a.Searchers.Top[1].Token != "***" {
		t.Errorf("a mask became %q", a.Searchers.Top[1].Token)
	}
	for field, want := range map[string]string{
		"agency": "Elm County IL SO", "networks": "6,709", "time": "11/14/2025, 09:53 AM UTC", "from": "2025-11-13 10:00",
		"reason": "robbery, [plate] seen by [word], as Elm County IL SO says",
	} {
		if got.Cells[field] != want {
			t.Errorf("%s is %q, want %q", field, got.Cells[field], want)
		}
	}
	if got.File != "may.csv" || got.Words != "robbery" || !strings.HasSuffix(got.Cells["case"], " (99-99999)") {
		t.Errorf("row %+v", got)
	}
	c, k, _ := strings.Cut(got.Cells["case"], " ")
	if want := fmt.Sprintf("%s searched %s on 3 days, for case %s %s, in may.csv.", token, got.Cells["plate"], c, k); a.Findings[0].Cases[0].What != want {
		t.Errorf("case says %q, want %q", a.Findings[0].Cases[0].What, want)
	}
	if n := a.Agencies[1].Name; !strings.HasPrefix(n, "A-") {
		t.Errorf("a person's name as agency became %q", n)
	}

	// Another key, other tokens; the same key, the same report.
	if b := r.Redact([]byte("another")); b.Searchers.Top[0].Token == token {
		t.Error("tokens do not depend on the key")
	}
	if b := r.Redact([]byte("one key")); !reflect.DeepEqual(a, b) {
		t.Error("two redactions with one key differ")
	}
	if b, c := r.Redact(nil), r.Redact(nil); b.Searchers.Top[0].Token == c.Searchers.Top[0].Token {
		t.Error("without a key two reports share their tokens")
	}
	// What is redacted already stays.
	twice := a.Redact([]byte("third"))
	if twice.Findings[0].Rows[0].Cells["reason"] != got.Cells["reason"] {
		t.Errorf("redacted twice: %q", twice.Findings[0].Rows[0].Cells["reason"])
	}
}

func TestTokensDoNotCollide(t *testing.T) {
	m := &redaction{key: []byte("k"), token: map[string]string{}, taken: map[string]bool{}}
	seen := map[string]bool{}
	for i := range 50_000 {
		if s := m.tokenOf("S", fmt.Sprint(i)); seen[s] {
			t.Fatalf("%s twice", s)
		} else {
			seen[s] = true
		}
	}
}

// A map's keys may become the same word; their counts are added, not lost.
func TestRedactedKeysAddUp(t *testing.T) {
	r := &Result{Purposes: map[string]int{"okafor": 2, "obiwan": 3, "crime": 5}}
	if got := r.Redact(nil).Purposes; got["[word]"] != 5 || got["crime"] != 5 {
		t.Errorf("%v", got)
	}
}

func TestFileNames(t *testing.T) {
	for _, c := range []struct{ paths, want []string }{
		{[]string{"may.csv"}, []string{"may.csv"}},
		{[]string{"/home/okafor/may.csv", "/home/okafor/june.csv"}, []string{"may.csv", "june.csv"}},
		{[]string{"logs/elm-pd/2026.csv", "logs/oak-pd/2026.csv"}, []string{"elm-pd/2026.csv", "oak-pd/2026.csv"}},
		{[]string{"a.csv", "logs/a.csv"}, []string{"a.csv", "logs/a.csv"}},
		{[]string{"all.zip/x/a.csv", "all.zip/y/a.csv"}, []string{"x/a.csv", "y/a.csv"}},
		{[]string{`C:\Users\okafor\may.xlsx#Sheet1`}, []string{"may.xlsx#Sheet1"}},
	} {
		names := fileNames(c.paths)
		for i, p := range c.paths {
			if names[p] != c.want[i] {
				t.Errorf("of %q %s is named %q, not %q", c.paths, p, names[p], c.want[i])
			}
		}
	}
}
