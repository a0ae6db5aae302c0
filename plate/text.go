package plate

import (
	"errors"
	"strings"
	"unicode"
)

// Text is a plate's characters: A-Z and 0-9, 1 to MaxText of them. What people
// put between them (blanks, dashes, dots, shields) carries no meaning and is
// left out.
type Text string

// MaxText is the length of the longest plate.
const MaxText = 10

// ErrText is the error of what cannot be a plate.
var ErrText = errors.New("a plate has 1 to 10 letters and digits")

// ParseText gives what a camera or a person wrote as a Text. Letters with marks
// lose them (Ö is O), as plates are read by machines that do not know them.
func ParseText(s string) (Text, error) {
	var b strings.Builder
	for _, r := range s {
		c, ok := letter(r)
		if !ok {
			return "", ErrText
		}
		if c != 0 {
			b.WriteByte(c)
		}
	}
	if b.Len() == 0 || b.Len() > MaxText {
		return "", ErrText
	}
	return Text(b.String()), nil
}

// letter is the plate's character that r stands for, 0 where r only parts
// characters; false when r is on no plate.
func letter(r rune) (c byte, ok bool) {
	r = unicode.ToUpper(r)
	switch {
	case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return byte(r), true
	case r == 'Ä' || r == 'Å' || r == 'Æ':
		return 'A', true
	case r == 'Ö' || r == 'Ø':
		return 'O', true
	case r == 'Ü':
		return 'U', true
	}
	return 0, strings.ContainsRune(" -.·•_", r)
}
