package plate

import "errors"

// Pattern is a whole or partial plate, as an investigator types it: letters and
// digits; "?" stands for one character and "*" for any number of them, none
// included. A trailing "~" also finds plates that differ in one character by a
// confusion cameras make (see Confusions).
type Pattern struct{ text string }

// Confusions are the characters that cameras and people take for one another.
var Confusions = []string{"O0QD", "I1L", "B8", "S5", "Z2", "G6"}

// ErrPattern is the error of what cannot be a pattern.
var ErrPattern = errors.New("a plate pattern has letters, digits, ? for one character and * for any number, and fits a plate of at most 10 characters")

// ParsePattern reads a pattern. At least two of its characters must be letters
// or digits, so that no search asks for everything.
func ParsePattern(s string) (Pattern, error) { return Pattern{}, errors.New("not built yet") }

// String is the pattern in one form: upper case, no blanks, no "**".
func (p Pattern) String() string { return p.text }

// Exact reports whether p is one whole plate and gives it.
func (p Pattern) Exact() (Text, bool) { return "", false }

// Matches reports whether p fits t.
func (p Pattern) Matches(t Text) bool { return false }

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
