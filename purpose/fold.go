package purpose

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// token is one word as it is compared: lower-case letters without accents, and
// digits. [start,end) is where it stands in the text.
type token struct {
	word       string
	start, end int
	capitals   bool // written in capitals only
	disguised  bool // put together from single letters, or decoded from look-alike signs
}

// letter is one folded character and the place it came from.
type letter struct {
	r          rune
	start, end int
}

// looksLike maps letters of other scripts to the Latin letter they pass for
// (from the Unicode confusables, UTS 39, the ones a keyboard layout gives).
var looksLike = map[rune]rune{
	'а': 'a', 'в': 'b', 'с': 'c', 'е': 'e', 'һ': 'h', 'і': 'i', 'ј': 'j', 'к': 'k', 'м': 'm', 'н': 'h', 'о': 'o',
	'р': 'p', 'ѕ': 's', 'т': 't', 'у': 'y', 'х': 'x', 'ԁ': 'd', 'ԛ': 'q', 'ԝ': 'w', 'ӏ': 'l',
	'α': 'a', 'β': 'b', 'ε': 'e', 'η': 'n', 'ι': 'i', 'κ': 'k', 'μ': 'm', 'ν': 'v', 'ο': 'o', 'ρ': 'p', 'τ': 't',
	'υ': 'u', 'χ': 'x', 'ı': 'i', 'ł': 'l', 'ø': 'o', 'đ': 'd', 'ɑ': 'a', 'ɡ': 'g', 'ɩ': 'i',
}

// signs are the digits and marks people write for letters. '1', '!' and '|' pass
// for i or l; the second reading takes l.
var signs = map[rune]rune{
	'0': 'o', '1': 'i', '3': 'e', '4': 'a', '5': 's', '7': 't', '8': 'b', '9': 'g',
	'@': 'a', '$': 's', '!': 'i', '|': 'i', '+': 't', '€': 'e', '¡': 'i',
}

// fold turns text into comparable letters: compatibility forms, accents, case,
// look-alike scripts and invisible characters undone.
func fold(text string) []letter {
	letters := make([]letter, 0, len(text))
	for i, r := range text {
		end := i + len(string(r))
		if r == unicode.ReplacementChar { // may be one invalid byte
			letters = append(letters, letter{' ', i, min(i+1, len(text))})
			continue
		}
		if r < 0x80 {
			letters = append(letters, letter{unicode.ToLower(r), i, end})
			continue
		}
		for _, c := range norm.NFKD.String(string(r)) {
			if unicode.In(c, unicode.Mn, unicode.Cf) {
				continue // accents, zero-width and soft hyphens
			}
			c = unicode.ToLower(c)
			if latin, ok := looksLike[c]; ok {
				c = latin
			}
			letters = append(letters, letter{c, i, end})
		}
	}
	return letters
}

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// split cuts letters where cut says so.
func split(letters []letter, cut func(rune) bool) [][]letter {
	var parts [][]letter
	from := -1
	for i, l := range letters {
		switch {
		case cut(l.r) && from >= 0:
			parts = append(parts, letters[from:i])
			from = -1
		case !cut(l.r) && from < 0:
			from = i
		}
	}
	if from >= 0 {
		parts = append(parts, letters[from:])
	}
	return parts
}

// join makes one token of letters, leaving out what is no word character.
func join(text string, letters []letter) (token, bool) {
	var b strings.Builder
	t := token{start: -1}
	for _, l := range letters {
		if !wordRune(l.r) {
			continue
		}
		b.WriteRune(l.r)
		if t.start < 0 {
			t.start = l.start
		}
		t.end = l.end
	}
	t.word = b.String()
	if t.word == "" {
		return t, false
	}
	own := text[t.start:t.end]
	t.capitals = strings.ToUpper(own) == own && strings.ToLower(own) != own
	return t, true
}

// readings are the ways to read a text as words: as it stands; with each
// unbroken run of characters as one word (and spelled-out letters as one); and
// with digits and signs taken for letters, twice.
func readings(text string) [][]token {
	letters := fold(text)
	runs := split(letters, unicode.IsSpace)
	return [][]token{
		plain(text, letters), whole(text, runs), decoded(text, runs, 'i'), decoded(text, runs, 'l'),
	}
}

func plain(text string, letters []letter) []token {
	var words []token
	for _, part := range split(letters, func(r rune) bool { return !wordRune(r) }) {
		if t, ok := join(text, part); ok {
			words = append(words, t)
		}
	}
	return words
}

func whole(text string, runs [][]letter) []token {
	var words []token
	for i := 0; i < len(runs); {
		n := 0 // single letters in a row: i c e
		for i+n < len(runs) && len(runs[i+n]) == 1 {
			n++
		}
		run := runs[i]
		if n >= 3 {
			run = slices.Concat(runs[i : i+n]...)
			i += n - 1
		}
		if t, ok := join(text, run); ok {
			t.disguised = n >= 3 || spelledOut(run)
			words = append(words, t)
		}
		i++
	}
	return words
}

// spelledOut reports a run of single letters with something between: i.c.e.
func spelledOut(run []letter) bool {
	parts := split(run, func(r rune) bool { return !wordRune(r) })
	for _, p := range parts {
		if len(p) != 1 {
			return false
		}
	}
	return len(parts) >= 3
}

func decoded(text string, runs [][]letter, one rune) []token {
	var words []token
	for _, run := range runs {
		for len(run) > 0 && !wordRune(run[len(run)-1].r) { // a sentence may end in "!"
			run = run[:len(run)-1]
		}
		plainLetters, changed := 0, 0
		read := make([]letter, 0, len(run))
		for _, l := range run {
			if sign, ok := signs[l.r]; ok {
				if sign == 'i' {
					sign = one
				}
				l.r = sign
				changed++
			} else if unicode.IsLetter(l.r) {
				plainLetters++
			}
			read = append(read, l)
		}
		if t, ok := join(text, read); ok {
			t.disguised = plainLetters > 0 && changed > 0
			words = append(words, t)
		}
	}
	return words
}
