package packs

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// The strings of package purpose's classes: this package may not import it.
var classes = []string{
	"crime", "missing-person", "warrant", "stolen-vehicle", "bolo", "welfare-check", "testing", "civil", "traffic", "interdiction",
	"immigration", "reproductive-care", "protected-activity", "personal", "vague", "case-number", "unreadable", "unstated",
}

func TestSearchLaw(t *testing.T) {
	states := States()
	for _, must := range []string{"CA", "FL", "IL", "NH", "OR", "TX", "VA", "WA"} {
		if !slices.Contains(states, must) {
			t.Errorf("no search law for %s", must)
		}
	}
	for _, state := range append(states, "") {
		law, err := For(state)
		if err != nil {
			t.Error(err)
			continue
		}
		t.Run(law.Name, func(t *testing.T) { check(t, state, law) })
	}
}

func check(t *testing.T, state string, law SearchLaw) {
	if law.State != state || law.Name == "" || len(law.Digest) != 64 {
		t.Errorf("state %q, name %q, digest %q in the folder of %q", law.State, law.Name, law.Digest, state)
	}
	if _, err := time.LoadLocation(law.Zone); err != nil || law.Zone == "" {
		t.Errorf("zone %q: %v", law.Zone, err)
	}
	if !regexp.MustCompile(`^(\d{4}(-\d{2}(-\d{2})?)?)?$`).MatchString(law.Effective) {
		t.Errorf("effective %q", law.Effective)
	}
	text := func(l Law) {
		t.Helper()
		if l.Citation == "" || !strings.HasSuffix(l.Plain, ".") {
			t.Errorf("%q: %q is no citation with a sentence", l.Citation, l.Plain)
		}
		if ours := strings.HasPrefix(l.Citation, "Porchlight"); ours != (l.URL == "") || !ours && !strings.HasPrefix(l.URL, "https://") {
			t.Errorf("%s: source %q", l.Citation, l.URL)
		}
	}
	seen := map[string]string{}
	for kind, list := range map[string][]Purpose{"banned": law.Banned, "sensitive": law.Sensitive} {
		for _, p := range list {
			text(p.Law)
			if !slices.Contains(classes, p.Class) {
				t.Errorf("%s: no class %q", p.Citation, p.Class)
			}
			if seen[p.Class] != "" && seen[p.Class] != kind {
				t.Errorf("%s is both banned and sensitive", p.Class)
			}
			seen[p.Class] = kind
		}
	}
	for _, p := range law.PermittedOnly {
		text(p.Law)
		for _, c := range p.Classes {
			if !slices.Contains(classes, c) || seen[c] == "banned" {
				t.Errorf("%s: permits %q", p.Citation, c)
			}
		}
	}
	if l := law.LookBack; l != nil {
		text(l.Law)
		if l.Days <= 0 {
			t.Errorf("look-back of %d days", l.Days)
		}
	}
	if r := law.Retention; r != nil {
		text(r.Law)
		if r.Days < 0 || r.Minutes < 0 || (r.Days == 0) == (r.Minutes == 0) {
			t.Errorf("retention of %d days, %d minutes", r.Days, r.Minutes)
		}
	}
	for _, r := range []*Requirement{law.CaseNumber, law.Reason} {
		if r != nil {
			text(r.Law)
		}
	}
	if o := law.Outside; o != nil {
		text(o.Law)
		for _, word := range []string{o.Federal, o.OutOfState} {
			if !slices.Contains([]string{OutsideBanned, OutsideNeedsAgreement, OutsideOpen}, word) {
				t.Errorf("outside: %q", word)
			}
		}
	}
	for _, n := range law.Notes {
		if !strings.HasSuffix(n, ".") {
			t.Errorf("%q is no sentence", n)
		}
	}
}

// Every folder says what a lawyer should confirm.
func TestNotes(t *testing.T) {
	dirs, err := FS.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		if notes, err := FS.ReadFile(d.Name() + "/notes.md"); err != nil || len(notes) < 200 {
			t.Errorf("%s: %d bytes of notes, %v", d.Name(), len(notes), err)
		}
	}
}

func TestFor(t *testing.T) {
	il, err := For("il")
	if err != nil || il.State != "IL" {
		t.Fatalf("%+v, %v", il, err)
	}
	if !slices.ContainsFunc(il.Sensitive, func(p Purpose) bool { return p.Class == "personal" }) {
		t.Error("what base calls sensitive is lost in a state")
	}
	for _, wrong := range []string{"ZZ", "base", "us-il", "../base", "Illinois"} {
		if _, err := For(wrong); err == nil || !strings.Contains(err.Error(), "IL") {
			t.Errorf("For(%q): %v does not name the known states", wrong, err)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"a misspelt field":     `{"state": "ZZ", "baned": []}`,
		"a misspelt law field": `{"state": "ZZ", "reason": {"cite": "x"}}`,
		"something behind":     `{"state": "ZZ"} {}`,
		"a wrong type":         `{"state": "ZZ", "retention": {"days": "21"}}`,
		"nothing":              ``,
	} {
		if law, err := read(fstest.MapFS{"zz/search.json": {Data: []byte(text)}}, "zz"); err == nil {
			t.Errorf("%s is read as %+v", name, law)
		}
	}
}
