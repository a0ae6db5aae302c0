package audit

import (
	"strings"
	"testing"
)

// Names, reasons, case numbers and plates are typed by people.
func FuzzTyped(f *testing.F) {
	for _, s := range []string{"", "Houston TX PD", "ICE, JOHN", "J. Example (HSI TF)", "a@b.dhs.gov", "26-0000", "Pa2026-9525", "412 Maple St", "(555) 010-4477",
		"x 1/2/1985", "\xff\xfe", "123-45-6789-123-45", "PLT*", "é-1", strings.Repeat("9-", 30), "US MARSHAL", "CO CO SO"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		login([]byte(s))
		verdictOf([]byte(s))
		if n := notes(s); n&noteOwnWords != 0 && n&noteCategory != 0 {
			t.Errorf("%q is both a category and somebody's own words", s)
		}
		// Spaces and the case of letters do not make another case number or plate.
		key, distinct := caseKey([]byte(s))
		if again, d := caseKey([]byte(" " + upperASCII(s) + " ")); again != key || d != distinct {
			t.Errorf("%q: case %x, in capitals %x", s, key, again)
		}
		if plateKey([]byte(s)) != plateKey([]byte(upperASCII(s)+" ")) {
			t.Errorf("%q is another plate in capitals", s)
		}
	})
}

func upperASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'a' && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}
