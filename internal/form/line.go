package form

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line reports whether text is one plain line of at most so many characters:
// without control characters, line breaks among them, and without those that
// reorder the text around them.
func Line(text string, most int) bool {
	return utf8.RuneCountInString(text) <= most && utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069
	})
}
