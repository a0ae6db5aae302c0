package searchlog

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// kind says what a byte, or what any byte of a cell is.
type kind uint16

// Kinds of bytes that a mask may be made of; a cell whose bytes have none of
// them is not masked.
const (
	hasStar kind = 1 << iota
	hasHash
	hasBlock // first byte of a black box, a dash or another sign of UTF-8's third plane
	hasD     // letters of "redact"
	hasE
	hasR
	hasC
	hasA
	hasT
	hasDigit
	hasMark  // what a cite of a law has beside its digits
	hasOther // letters and signs that no mask is made of
	hasBlank // something that trim may cut

	hasRedact = hasR | hasE | hasD | hasA | hasC | hasT

	judged kind = 1 << 14 // of a span: its kinds are known
	ends   kind = 1 << 15 // of the parser's table: ends a cell
)

var kinds = func() (k [256]kind) {
	for i := range k {
		switch c := byte(i); {
		case c == '*':
			k[i] = hasStar
		case c == '#':
			k[i] = hasHash
		case c == 0xE2:
			k[i] = hasBlock
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == 0xA0:
			k[i] = hasBlank
		case c >= 0x80 && c < 0xC0: // goes on what another byte began
		case c == 'd' || c == 'D':
			k[i] = hasD | hasOther
		case c == 'e' || c == 'E':
			k[i] = hasE | hasOther
		case c == 'r' || c == 'R':
			k[i] = hasR | hasOther
		case c == 'c' || c == 'C':
			k[i] = hasC | hasOther
		case c == 'a' || c == 'A':
			k[i] = hasA | hasOther
		case c == 't' || c == 'T':
			k[i] = hasT | hasOther
		case c >= '0' && c <= '9':
			k[i] = hasDigit | hasOther
		case c == '.' || c == '(' || c == '/':
			k[i] = hasMark | hasOther
		default:
			k[i] = hasOther
		}
	}
	return k
}()

// trim cuts the blanks around a cell, the no-break space included.
func trim(b []byte) []byte {
	if n := len(b); n == 0 || b[0] > ' ' && b[0] != 0xC2 && b[n-1] > ' ' && b[n-1] != 0xA0 {
		return b
	}
	return trimBlanks(b)
}

func trimBlanks(b []byte) []byte {
	for len(b) > 0 {
		if c := b[0]; c == ' ' || c == '\t' || c == '\r' || c == '\n' {
			b = b[1:]
		} else if c == 0xC2 && len(b) > 1 && b[1] == 0xA0 {
			b = b[2:]
		} else {
			break
		}
	}
	for n := len(b); n > 0; n = len(b) {
		if c := b[n-1]; c == ' ' || c == '\t' || c == '\r' || c == '\n' {
			b = b[:n-1]
		} else if c == 0xA0 && n > 1 && b[n-2] == 0xC2 {
			b = b[:n-2]
		} else {
			break
		}
	}
	return b
}

// stateOf says what the trimmed cell of a field is. An asterisk beside other
// characters of a plate or a filter is a wildcard.
func stateOf(f Field, b []byte) State {
	var has kind
	for _, c := range b {
		has |= kinds[c]
	}
	return stateOfKinds(f, b, has)
}

// stateOfKinds is stateOf where it is known what the bytes are.
func stateOfKinds(f Field, b []byte, has kind) State {
	if len(b) == 0 {
		return Blank
	}
	if has&hasOther == 0 {
		return signs(f, b, has)
	}
	if f == Networks && len(b) == 1 && b[0] == '0' {
		return Placeholder // the product writes 0 where it does not count
	}
	if len(b) <= 16 && placeholder(b) {
		return Placeholder
	}
	if has&hasRedact == hasRedact {
		if i, n := redacted(b); n > 0 {
			if empty(b[:i]) && empty(b[i+n:]) {
				return MaskedByAgency
			}
			return PartlyMasked
		}
	}
	if has&hasDigit != 0 && has&hasMark != 0 && len(b) <= 48 && exemption(b) {
		return MaskedByAgency
	}
	if has&hasBlock != 0 && bytes.Contains(b, blackBox) {
		return PartlyMasked
	}
	if has&hasHash != 0 && bytes.Contains(b, []byte("###")) {
		return PartlyMasked
	}
	if has&hasStar != 0 && f != Plate && f != Filters && (f == Searcher || bytes.Contains(b, []byte("***"))) {
		return PartlyMasked
	}
	return Value
}

var blackBox = []byte("█")

// signs is the state of a cell without letters, digits or common punctuation.
func signs(f Field, b []byte, has kind) State {
	switch {
	case has&hasBlock != 0:
		if bytes.Contains(b, blackBox) {
			return MaskedByAgency
		}
		return Placeholder // dashes
	case has&hasHash != 0:
		return MaskedByAgency
	case has&hasStar == 0:
		return Blank
	case bytes.IndexByte(b, ' ') >= 0:
		return MaskedByAgency // * * *
	case f == Plate && len(b) < 3:
		return Value // a wildcard alone: any plate
	}
	return MaskedByVendor
}

// placeholders stand for "unknown", in lower case.
var placeholders = map[string]bool{
	"-": true, "--": true, "---": true, "----": true, "n/a": true, "na": true, "n.a.": true, "#n/a": true, "none": true, "null": true,
	"nil": true, "unknown": true, "undefined": true, "nan": true, "not available": true, "not applicable": true, "(none)": true,
	"(blank)": true, "(null)": true, "—": true, "–": true, "——": true, "unk": true, "<null>": true,
}

func placeholder(b []byte) bool {
	switch b[0] | 0x20 {
	case '-', 'n', 'u', '#' | 0x20, '(', '<', 0xE2 | 0x20:
	default:
		return false
	}
	var low [16]byte
	n := copy(low[:], b)
	for i := range n {
		if c := low[i]; c >= 'A' && c <= 'Z' {
			low[i] = c | 0x20
		}
	}
	return placeholders[string(low[:n])]
}

// redacted finds the word redacted or redaction, spaces within it or not.
func redacted(b []byte) (at, n int) {
	for i := 0; i < len(b); i++ {
		if b[i]|0x20 != 'r' {
			continue
		}
		if n := spelled(b[i:], "redact"); n > 0 {
			for _, end := range []string{"ed", "ion", "ions"} {
				if m := spelled(b[i+n:], end); m > 0 {
					n += m
					break
				}
			}
			return i, n
		}
	}
	return 0, 0
}

// spelled is the length of the word at the head of b, letter case and spaces
// within ignored; 0 if it is not there.
func spelled(b []byte, word string) int {
	i := 0
	for k := 0; k < len(word); k++ {
		for i < len(b) && b[i] == ' ' {
			i++
		}
		if i == len(b) || b[i]|0x20 != word[k] {
			return 0
		}
		i++
	}
	return i
}

// empty says whether what stands beside a mask says nothing: brackets, signs, or
// the statute it rests on.
func empty(b []byte) bool {
	b = bytes.TrimFunc(b, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return len(b) == 0 || exemption(b)
}

// exemptions are the sections of public-records laws that agencies write over
// what they withhold: a number with its dot or bracket, so that the penal codes
// in reasons are not among them.
var exemptions = [][]byte{
	[]byte("7920."), []byte("7921."), []byte("7922."), []byte("7923."), []byte("7924."), []byte("7925."), []byte("7926."), []byte("7927."), []byte("7928."), []byte("7929."), // Cal. Gov. Code, since 2023
	[]byte("6254("), []byte("6254.("), []byte("6255("), // Cal. Gov. Code, before
	[]byte("140/7"),                    // 5 ILCS 140/7
	[]byte("552.1"), []byte("552a(b)"), // Tex. Gov. Code; 5 USC
	[]byte("42.56."),                                       // RCW
	[]byte("119.07"),                                       // Fla. Stat.
	[]byte("192.345"), []byte("192.355"), []byte("2.2-37"), // ORS; Code of Va.
	[]byte("b(6)"), []byte("b(7)"), []byte("(b)(6)"), []byte("(b)(7)"), // 5 USC 552(b)
}

// exemption says whether the cell is nothing but a cite of a public-records law.
func exemption(b []byte) bool {
	if !cites(b) {
		return false
	}
	words := 0
	cited := false
	for word := range bytes.FieldsFuncSeq(b, func(r rune) bool { return r == ' ' || r == ',' || r == ';' || r == '[' || r == ']' || r == '§' }) {
		words++
		switch {
		case exempt(word):
			cited = true
		case !lawWord(word):
			return false
		}
	}
	return cited && words <= 8
}

// cites says, quickly, whether a word of the cell may be a cite.
func cites(b []byte) bool {
	start := true
	for i, c := range b {
		if start && (citeHead[c] && exempt(b[i:])) {
			return true
		}
		start = c == ' ' || c == '(' || c == '[' || c == ',' || c == ';' || c == 0xA7 // last byte of §
	}
	return false
}

var citeHead = func() (head [256]bool) {
	for _, e := range exemptions {
		head[e[0]] = true
	}
	return head
}()

// exempt says whether the word begins with a section of exemptions.
func exempt(word []byte) bool {
	for _, e := range exemptions {
		if word[0] == e[0] && bytes.HasPrefix(word, e) {
			return true
		}
	}
	return word[0] == '(' && len(word) > 1 && exempt(word[1:])
}

// lawWord says whether a word belongs to the name of a law around its number.
func lawWord(b []byte) bool {
	switch string(bytes.ToLower(bytes.Trim(b, ".()&"))) {
	case "gc", "gov", "govt", "government", "code", "cal", "ca", "sec", "section", "ss", "rcw", "ilcs", "5", "usc", "u.s.c", "fs", "f.s", "fla", "stat", "ors", "va", "exempt", "exemption", "per", "cpra", "foia", "foi", "and", "tex", "tx", "":
		return true
	}
	return false
}

// integer reads a count: digits, thousands apart by commas or not, and the .0
// that spreadsheets add.
func integer(b []byte) (int, bool) {
	b = bytes.TrimSuffix(b, []byte(".0"))
	if len(b) == 0 || len(b) > 12 {
		return 0, false
	}
	n := 0
	for i, c := range b {
		if c == ',' && i > 0 && (len(b)-i)%4 == 0 {
			continue
		}
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// windows1252 appends the cell, read as Windows-1252, as UTF-8. Its five
// unassigned bytes stay the control characters of Latin-1.
func windows1252(out, b []byte) []byte {
	for _, c := range b {
		r := rune(c)
		if c >= 0x80 && c < 0xA0 {
			r = western[c-0x80]
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

var western = [32]rune{
	'€', 0x81, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0x8D, 'Ž', 0x8F,
	0x90, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0x9D, 'ž', 'Ÿ',
}
