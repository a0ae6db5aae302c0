package plate

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

func TestParsePattern(t *testing.T) {
	for in, want := range map[string]string{
		"abc 123":      "ABC123",
		" ab-c*?**1 ~": "ABC?*1~",
		"*ab*":         "*AB*",
		"köln 1":       "KOLN1",
		"A?????????":   "",
		"AB????????":   "AB????????",
		"A*B":          "A*B",
	} {
		p, err := ParsePattern(in)
		if want == "" {
			if !errors.Is(err, ErrLoose) {
				t.Errorf("%q: %v", in, err)
			}
			continue
		}
		if err != nil || p.String() != want {
			t.Errorf("%q: %q, %v; want %q", in, p, err, want)
		}
	}
	for in, want := range map[string]error{
		"": ErrLoose, "*": ErrLoose, "A": ErrLoose, "7?*": ErrLoose, "~": ErrLoose,
		"AB%": ErrPattern, "A~B": ErrPattern, "AB~~": ErrPattern, "ABCDEFGHIJK": ErrPattern,
		"AB?????????": ErrPattern, "ABCDEFGHI??": ErrPattern, strings.Repeat("?", 1e5) + "AB": ErrPattern,
	} {
		if p, err := ParsePattern(in); !errors.Is(err, want) || p != (Pattern{}) {
			t.Errorf("%.20q: %q, %v; want %v", in, p, err, want)
		}
	}
	if (Pattern{}).Matches("A") || (Pattern{}).Forms() != nil {
		t.Error("the zero pattern fits something")
	}
}

func TestExact(t *testing.T) {
	for in, want := range map[string]Text{"abc-123": "ABC123", "ABC*": "", "A?C": "", "ABC~": ""} {
		p, err := ParsePattern(in)
		if got, ok := p.Exact(); err != nil || got != want || ok != (want != "") {
			t.Errorf("%q: %q %v %v", in, got, ok, err)
		}
	}
}

func TestPackKeepsTextAndOrder(t *testing.T) {
	text := func() Text {
		b := make([]byte, 1+rand.IntN(MaxText))
		for i := range b {
			b[i] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[rand.IntN(36)]
		}
		return Text(b)
	}
	for range 10000 {
		a, b := text(), text()
		if rand.IntN(2) == 0 {
			b = a[:1+rand.IntN(len(a))]
		}
		if got := Pack(a).Text(); got != a {
			t.Fatalf("%s came back as %s", a, got)
		}
		if cmp.Compare(a, b) != cmp.Compare(Pack(a), Pack(b)) {
			t.Fatalf("%s and %s are packed in another order", a, b)
		}
	}
}

// oracle says by regular expressions which plates a pattern fits: one for the
// pattern as it is, and one for each character of it that may be confused.
func oracle(p Pattern) func(Text) bool {
	glob, slip := strings.CutSuffix(p.String(), "~")
	var all []string
	write := func(confuse int) {
		var b strings.Builder
		for i, c := range glob {
			switch {
			case c == '*':
				b.WriteString(".*")
			case c == '?':
				b.WriteString(".")
			case i == confuse && confused(byte(c)) != "":
				b.WriteString("[" + confused(byte(c)) + "]")
			default:
				b.WriteRune(c)
			}
		}
		all = append(all, b.String())
	}
	write(-1)
	if slip {
		for i := range glob {
			write(i)
		}
	}
	return func(t Text) bool {
		return regexp.MustCompile("^(?:" + strings.Join(all, "|") + ")$").MatchString(string(t))
	}
}

func FuzzPattern(f *testing.F) {
	for _, s := range [][2]string{
		{"7?A*12", "7XA12"}, {"*AB*~", "A8"}, {"ABC123~", "A8C123"}, {"A*B?*~", "ADB0"}, {"*O*0*", "OO0"},
		{"**AB", "AB"}, {"AB?*", "ABC"}, {"AB*", "ABCDEFGHIJ"}, {"a-b ?", "AB1"}, {"A?*?B*~", "A12B"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		p, err := ParsePattern(pattern)
		if err != nil {
			return
		}
		again, err := ParsePattern(p.String())
		if err != nil || again != p {
			t.Fatalf("%q is %q is %q: %v", pattern, p, again, err)
		}
		x, err := ParseText(text)
		if err != nil {
			return
		}
		forms, want := p.Forms(), oracle(p)
		try := func(x Text) {
			fits := false
			for _, f := range forms {
				fits = fits || f.Fits(Pack(x))
			}
			if w := want(x); p.Matches(x) != w || fits != w {
				t.Errorf("%s and %s: Matches says %v, Forms %v, the oracle %v", p, x, p.Matches(x), fits, w)
			}
		}
		try(x)
		// And a plate near the pattern: its own characters, the text's for wildcards.
		glob, _ := strings.CutSuffix(p.String(), "~")
		near := strings.NewReplacer("?", string(x[0]), "*", string(x[1:])).Replace(glob)
		if len(near) <= MaxText {
			try(Text(near))
			for i := range near {
				if class := confused(near[i]); class != "" {
					try(Text(near[:i] + class[:1] + near[i+1:]))
				}
			}
		}
	})
}
