package plate

import (
	"errors"
	"strings"
)

// Pattern is a whole or partial plate, as an investigator types it: letters and
// digits; "?" stands for one character and "*" for any number of them, none
// included. A trailing "~" also finds plates that differ in one character by a
// confusion cameras make (see Confusions). The zero Pattern fits nothing.
type Pattern struct{ text string }

// Confusions are the characters that cameras and people take for one another.
// A character is in one class at most.
var Confusions = []string{"O0QD", "I1L", "B8", "S5", "Z2", "G6"}

// ErrPattern is the error of what cannot be a pattern.
var ErrPattern = errors.New("a plate pattern has letters, digits, ? for one character and * for any number, and fits a plate of at most 10 characters")

// ErrLoose is the error of a pattern that says too little.
var ErrLoose = errors.New("a plate pattern needs at least two letters or digits")

// ParsePattern reads a pattern, parted as ParseText knows it. At least two of
// its characters must be letters or digits, so that no search asks for
// everything; a whole plate of one character is asked for by its area and time.
// ErrPattern and ErrLoose.
func ParsePattern(s string) (Pattern, error) {
	s, slip := strings.CutSuffix(strings.TrimSpace(s), "~")
	var b strings.Builder
	letters, some, any := 0, 0, false // since the last letter: ? and *
	wild := func() {
		b.WriteString(strings.Repeat("?", some))
		if any {
			b.WriteByte('*')
		}
		letters, some, any = letters+some, 0, false
	}
	solid := 0
	for _, r := range s {
		switch r {
		case '?':
			if some++; some > MaxText {
				return Pattern{}, ErrPattern
			}
			continue
		case '*':
			any = true
			continue
		}
		c, ok := letter(r)
		if !ok {
			return Pattern{}, ErrPattern
		}
		if c == 0 {
			continue
		}
		wild()
		b.WriteByte(c)
		letters, solid = letters+1, solid+1
		if letters > MaxText {
			return Pattern{}, ErrPattern
		}
	}
	wild()
	if letters > MaxText {
		return Pattern{}, ErrPattern
	}
	if solid < 2 {
		return Pattern{}, ErrLoose
	}
	if slip {
		b.WriteByte('~')
	}
	return Pattern{b.String()}, nil
}

// String is the pattern in one form: upper case, no blanks, no "**", "?" before
// "*".
func (p Pattern) String() string { return p.text }

// Exact reports whether p is one whole plate and gives it.
func (p Pattern) Exact() (Text, bool) {
	if p.text == "" || strings.ContainsAny(p.text, "?*~") {
		return "", false
	}
	return Text(p.text), true
}

// Matches reports whether p fits t.
func (p Pattern) Matches(t Text) bool {
	glob, slip := strings.CutSuffix(p.text, "~")
	return glob != "" && t != "" && fits(glob, string(t), slip)
}

// fits matches from the left. slip: one character may still be a confused one.
func fits(glob, t string, slip bool) bool {
	for glob != "" {
		switch {
		case glob[0] == '*':
			for i := range len(t) + 1 {
				if fits(glob[1:], t[i:], slip) {
					return true
				}
			}
			return false
		case t == "":
			return false
		case glob[0] != '?' && glob[0] != t[0]:
			if !slip || strings.IndexByte(confused(glob[0]), t[0]) < 0 {
				return false
			}
			slip = false
		}
		glob, t = glob[1:], t[1:]
	}
	return t == ""
}

// confused is the class of c in Confusions, "" when it is in none.
func confused(c byte) string {
	for _, class := range Confusions {
		if strings.IndexByte(class, c) >= 0 {
			return class
		}
	}
	return ""
}

// MarshalText gives String.
func (p Pattern) MarshalText() ([]byte, error) { return []byte(p.text), nil }

// UnmarshalText is ParsePattern; empty text is the zero Pattern.
func (p *Pattern) UnmarshalText(b []byte) (err error) {
	*p = Pattern{}
	if len(b) > 0 {
		*p, err = ParsePattern(string(b))
	}
	return err
}
