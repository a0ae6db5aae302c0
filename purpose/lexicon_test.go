package purpose

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// Each term that says something by itself is found when it is the whole text:
// no exception of its own class, no section and no longer term hides it.
func TestTermsAreFound(t *testing.T) {
	for _, term := range builtin().lex.terms {
		if !strings.Contains("!~^/.", string(term.mark)) || strings.ContainsAny(term.text, "#_") {
			continue
		}
		text := strings.ReplaceAll(term.text, "*", "")
		got := Classes(text)
		ok := slices.Contains(got, string(term.class))
		if term.class.residual() { // its words may say more elsewhere
			ok = len(got) > 0
		}
		if !ok {
			t.Errorf("%s %q of %s is %v", string(term.mark), term.text, term.class, got)
		}
	}
}

func TestLexiconIsWellFormed(t *testing.T) {
	lex := builtin().lex
	known := map[string]bool{}
	err := readTSV(files, "codes/nibrs.tsv", 4, func(cell []string) error {
		known[cell[0]] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	languages := map[Class]int{}
	names, err := fs.Glob(files, "lexicon/*.*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		languages[Class(strings.Split(strings.TrimPrefix(name, "lexicon/"), ".")[0])]++
	}
	for _, class := range AllClasses {
		if class != CaseNumber && class != Unreadable && languages[class] != 2 {
			t.Errorf("%s is in %d languages", class, languages[class])
		}
	}
	for _, term := range lex.terms {
		if term.offense != "" && !known[term.offense] {
			t.Errorf("%q: %s is no NIBRS code", term.text, term.offense)
		}
	}
	for w := range lex.ordinary {
		if lex.symbols[w] != 0 {
			t.Errorf("%q is both ordinary and of the lexicon", w)
		}
		if !plain(w) {
			t.Errorf("ordinary %q", w)
		}
	}
	for name, table := range builtin().tables {
		for _, row := range table.rows {
			if row.nibrs != "" && !known[row.nibrs] {
				t.Errorf("%s %s %s: %s is no NIBRS code", name, row.system, row.section, row.nibrs)
			}
		}
	}
}

func TestBrokenLexicon(t *testing.T) {
	systems, err := fs.ReadFile(files, "lexicon/systems.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for line, ok := range map[string]bool{
		"! armed robbery  # a note": true, "# a note": true, "": true, "[120]\n! robbery": true, "! stolen _ van": true, "! 8 usc #": true,
		"robbery": false, "& robbery": false, "! Robbery": false, "! año": false, "! r*": false, "! a b c d e f g h i": false,
		"~ robber": false, "~ robbery*": false, "[120": false, "! _ van": false, "! van _": false, "! van\n! van": false,
	} {
		_, err := readLexicon(fstest.MapFS{"lexicon/crime.en.txt": {Data: []byte(line)}, "lexicon/systems.tsv": {Data: systems}})
		if (err == nil) != ok {
			t.Errorf("%q: %v", line, err)
		}
	}
	if _, err := readLexicon(fstest.MapFS{"lexicon/fun.en.txt": {Data: []byte("! x")}, "lexicon/systems.tsv": {Data: systems}}); err == nil {
		t.Error("a class that there is not")
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		most int
		want int
	}{
		{"robbery", "robbery", 2, 0}, {"robery", "robbery", 2, 1}, {"rbobry", "robbery", 2, 2}, {"invesitgation", "investigation", 2, 1},
		{"abc", "abcdef", 2, 3}, {"", "ab", 2, 2}, {"shoting", "shooting", 1, 1}, {"stolen", "stole", 1, 1}, {"xyz", "abc", 1, 2},
	} {
		if got := distance([]byte(c.a), c.b, c.most); got != c.want {
			t.Errorf("%s to %s: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// near against the plain way: the distance to every word.
func FuzzNear(f *testing.F) {
	for _, w := range []string{"imigraton", "burgalry", "stoln", "suspet", "xxxxxxxx", "warrents", "abcde", "investigatoin", "pprotest"} {
		f.Add(w)
	}
	n := &builtin().lex.near
	f.Fuzz(func(t *testing.T, w string) {
		if !plain(w) || len(w) < nearFrom-1 || len(w) > nearTo {
			return
		}
		best := 3
		for _, target := range n.words {
			if d := distance([]byte(w), target, mistakes(target)); d > 0 && d <= mistakes(target) && begins([]byte(w), target, d) {
				best = min(best, d)
			}
		}
		if best == 3 {
			best = 0
		}
		if _, got := n.of([]byte(w), nil); got != best {
			t.Fatalf("%s: %d, want %d", w, got, best)
		}
	})
}
