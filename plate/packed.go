package plate

import (
	"cmp"
	"slices"
	"strings"
)

// Packed is a Text as one number, in the order of texts: six bits a character
// from bit 63 down (A-Z are 11 to 36, 0-9 are 1 to 10, 0 is none), and its
// length in the lowest four. A Text is never 0.
type Packed uint64

// Pack packs t.
func Pack(t Text) Packed {
	p := Packed(len(t))
	for i := range len(t) {
		p |= at(i, code(t[i]))
	}
	return p
}

// Text unpacks p.
func (p Packed) Text() Text {
	b := make([]byte, p&15)
	for i := range b {
		c := p.Char(i)
		if b[i] = '0' - 1 + byte(c); c > 10 {
			b[i] = 'A' - 11 + byte(c)
		}
	}
	return Text(b)
}

// Char is the number of the character at place i, 0 to 9: 0 none, below 37.
func (p Packed) Char(i int) int { return int(p >> (58 - 6*i) & 63) }

func at(i, code int) Packed { return Packed(code) << (58 - 6*i) }

func code(c byte) int {
	if c <= '9' {
		return int(c-'0') + 1
	}
	return int(c-'A') + 11
}

// Form is one way in which a plate can fit a pattern: its bits under Mask are
// Value. A Mask covers characters whole, and all of the length or nothing.
type Form struct{ Mask, Value Packed }

// Fits reports whether p is of that form.
func (f Form) Fits(p Packed) bool { return p&f.Mask == f.Value }

const (
	anyChar   = 63
	anyLength = 15
)

// Forms are all forms of plates that p fits, none twice. A plate may be of
// several of them.
func (p Pattern) Forms() []Form {
	glob, slip := strings.CutSuffix(p.text, "~")
	if glob == "" {
		return nil
	}
	var forms []Form
	place(glob, 0, Form{}, slip, &forms)
	slices.SortFunc(forms, func(a, b Form) int {
		return cmp.Or(cmp.Compare(a.Value, b.Value), cmp.Compare(a.Mask, b.Mask))
	})
	return slices.Compact(forms)
}

// place puts what is left of glob at place i and beyond.
func place(glob string, i int, f Form, slip bool, forms *[]Form) {
	least := len(glob) - strings.Count(glob, "*") // characters still to be placed
	switch {
	case i+least > MaxText:
	case glob == "":
		*forms = append(*forms, Form{f.Mask | anyLength, f.Value | Packed(i)})
	case glob == "*" && (i == 0 || f.Mask&at(i-1, anyChar) != 0):
		*forms = append(*forms, f) // what is known already implies the length
	case glob[0] == '*':
		for gap := range MaxText - i - least + 1 {
			place(glob[1:], i+gap, f, slip, forms)
		}
	case glob[0] == '?':
		place(glob[1:], i+1, f, slip, forms)
	default:
		next := Form{f.Mask | at(i, anyChar), f.Value | at(i, code(glob[0]))}
		place(glob[1:], i+1, next, slip, forms)
		if !slip {
			return
		}
		for _, c := range []byte(confused(glob[0])) {
			if c != glob[0] {
				place(glob[1:], i+1, Form{next.Mask, f.Value | at(i, code(c))}, false, forms)
			}
		}
	}
}
