package purpose

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// folded is a text in comparable letters: lower case, accents, compatibility
// forms, look-alike scripts and invisible characters undone, one byte each.
// Letters that pass for no Latin one are otherLetter; what is neither letter,
// digit nor ASCII sign is a space.
type folded struct {
	b          []byte
	start, end []uint16 // where each byte comes from in the text
	upper      []bool   // it was a capital
	rows       []row    // what was spelled letter by letter
}

const otherLetter = 1

// maxFolded bounds what compatibility forms can expand to.
const maxFolded = 2 * MaxText

// looksLike maps letters of other scripts to the Latin letter they pass for
// (from the Unicode confusables, UTS 39, the ones a keyboard layout gives).
var looksLike = map[rune]byte{
	'а': 'a', 'в': 'b', 'с': 'c', 'е': 'e', 'һ': 'h', 'і': 'i', 'ј': 'j', 'к': 'k', 'м': 'm', 'н': 'h', 'о': 'o',
	'р': 'p', 'ѕ': 's', 'т': 't', 'у': 'y', 'х': 'x', 'ԁ': 'd', 'ԛ': 'q', 'ԝ': 'w', 'ӏ': 'l', 'г': 'r', 'п': 'n',
	'α': 'a', 'β': 'b', 'ε': 'e', 'η': 'n', 'ι': 'i', 'κ': 'k', 'μ': 'm', 'ν': 'v', 'ο': 'o', 'ρ': 'p', 'τ': 't',
	'Β': 'b', 'Η': 'h', 'Ν': 'n', 'Ρ': 'p', 'Υ': 'y', 'Ζ': 'z', 'Χ': 'x',
	'υ': 'u', 'χ': 'x', 'ı': 'i', 'ł': 'l', 'ø': 'o', 'đ': 'd', 'ɑ': 'a', 'ɡ': 'g', 'ɩ': 'i',
	'–': '-', '—': '-', '‐': '-', '‑': '-', '‒': '-', '−': '-', '’': '\'', '‘': '\'', '⁄': '/', '¡': '!', '€': 'e',
}

// signs are the digits and marks people write for letters. '1', '!' and '|' pass
// for i or l; the second reading takes l.
var signs = [128]byte{
	'0': 'o', '1': 'i', '3': 'e', '4': 'a', '5': 's', '7': 't', '8': 'b', '9': 'g',
	'@': 'a', '$': 's', '!': 'i', '|': 'i', '+': 't',
}

func isLetter(b byte) bool { return b >= 'a' && b <= 'z' || b == otherLetter }
func isDigit(b byte) bool  { return b >= '0' && b <= '9' }
func isWord(b byte) bool   { return isLetter(b) || isDigit(b) }
func isSpace(b byte) bool  { return b == ' ' }

// fold reads the first MaxText bytes of text.
func (f *folded) fold(text string) {
	if len(text) > MaxText {
		text = text[:MaxText]
		for len(text) > 0 && !utf8.RuneStart(text[len(text)-1]) {
			text = text[:len(text)-1]
		}
		if r, n := utf8.DecodeLastRuneInString(text); r == utf8.RuneError && n == 1 {
			text = text[:len(text)-1] // the first byte of a letter that was cut
		}
	}
	f.b, f.start, f.end, f.upper = f.b[:0], f.start[:0], f.end[:0], f.upper[:0]
	for i := 0; i < len(text) && len(f.b) < maxFolded; {
		c := text[i]
		if c < utf8.RuneSelf {
			upper := c >= 'A' && c <= 'Z'
			if upper {
				c += 'a' - 'A'
			} else if c < ' ' || c == 0x7f {
				c = ' '
			}
			f.add(c, i, i+1, upper)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(text[i:])
		f.foreign(text[i:i+n], r, i)
		i += n
	}
	f.unspell()
}

func (f *folded) add(b byte, start, end int, upper bool) {
	f.b = append(f.b, b)
	f.start = append(f.start, uint16(start))
	f.end = append(f.end, uint16(end))
	f.upper = append(f.upper, upper)
}

// foreign adds what one rune beyond ASCII folds to.
func (f *folded) foreign(s string, r rune, at int) {
	if r == unicode.ReplacementChar { // may be one invalid byte
		f.add(' ', at, at+len(s), false)
		return
	}
	var room [64]byte
	for decomposed := norm.NFKD.AppendString(room[:0], s); len(decomposed) > 0; {
		c, n := utf8.DecodeRune(decomposed)
		decomposed = decomposed[n:]
		if unicode.In(c, unicode.Mn, unicode.Cf) {
			continue // accents, zero-width and soft hyphens
		}
		lower := unicode.ToLower(c)
		b := byte(' ')
		latin, ok := looksLike[c] // Ν looks like N, ν like v
		if !ok {
			latin, ok = looksLike[lower]
		}
		switch {
		case ok:
			b = latin
		case lower < utf8.RuneSelf && lower > ' ' && lower != 0x7f:
			b = byte(lower)
		case unicode.IsLetter(lower) || unicode.IsDigit(lower):
			b = otherLetter
		}
		f.add(b, at, at+len(s), lower != c)
	}
}

// word is a run of letters and digits, or a piece of one, of a folded text.
type word struct {
	from, to int  // in folded.b
	run      int  // which run without spaces it is part of
	kind     kind // how it was got
	letters  bool // has letters
	digits   bool // has digits
	capitals bool // all its letters are capitals, of which it has some
	title    bool // begins with a capital
	mask     bool // stands for something taken out: [PLATE]
	used     bool // part of a code or number that was understood
}

// words cuts the folded text.
func (f *folded) words(list []word) []word {
	list = list[:0]
	run, inRun := -1, false
	for i := 0; i < len(f.b); {
		b := f.b[i]
		if isSpace(b) {
			inRun = false
			i++
			continue
		}
		if !inRun {
			run++
			inRun = true
		}
		if !isWord(b) {
			i++
			continue
		}
		w := word{from: i, run: run, title: f.upper[i]}
		small := false
		for i < len(f.b) && isWord(f.b[i]) {
			if isDigit(f.b[i]) {
				w.digits = true
			} else {
				w.letters = true
				small = small || !f.upper[i]
			}
			i++
		}
		w.to = i
		if len(f.rows) > 0 && f.rowOf(w) != nil {
			w.kind = disguised
		}
		w.capitals = w.letters && !small
		w.mask = w.from > 0 && i < len(f.b) && f.b[w.from-1] == '[' && f.b[i] == ']' && masks[string(f.b[w.from:i])]
		list = append(list, w)
	}
	return list
}

// masks are the words that stand in brackets for what a publisher took out.
var masks = map[string]bool{
	"word": true, "plate": true, "date": true, "name": true, "phone": true, "address": true, "number": true,
	"id": true, "dob": true, "email": true, "location": true,
}
