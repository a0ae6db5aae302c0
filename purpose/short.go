package purpose

import (
	"slices"
	"sort"
	"strings"
)

// starts are words in order, for those that were cut short: immigrat.
type starts []start

type start struct {
	word   string
	symbol uint16
}

const (
	startsFrom = 5 // letters that a word cut short has left, and
	startsPart = 3 // how many of five
	mostMeant  = 3 // words that one may be meant for
)

func (s starts) sort() {
	slices.SortFunc(s, func(a, b start) int { return strings.Compare(a.word, b.word) })
}

// of appends the symbols of the words that begin with w and are not much longer.
func (s starts) of(w []byte, list []uint16) []uint16 {
	if len(w) < startsFrom || len(w) > nearTo {
		return list
	}
	at := sort.Search(len(s), func(i int) bool { return s[i].word >= string(w) })
	for most := len(list) + mostMeant; at < len(s) && len(list) < most; at++ {
		if len(s[at].word) < len(w) || s[at].word[:len(w)] != string(w) {
			break
		}
		if len(w)*5 >= len(s[at].word)*startsPart {
			list = append(list, s[at].symbol)
		}
	}
	return list
}

// consonants are words by what is left without their vowels: dmnstrtn.
type consonants map[string][]start

const (
	bareFrom   = 4 // consonants, of a word of
	bareWord   = 6 // letters
	bareSparse = 6 // consonants, when only some vowels are left out: immigrtn
)

func (c consonants) add(w string, symbol uint16) {
	var room [64]byte
	if key := bare(room[:0], w); len(key) >= bareFrom && len(w) >= bareWord {
		c[string(key)] = append(c[string(key)], start{w, symbol})
	}
}

// of appends the symbols of the words that w is when all vowels were left out of
// it, but perhaps the first letter, or of a long one only some.
func (c consonants) of(w []byte, some bool, list []uint16) []uint16 {
	if len(w) < bareFrom || len(w) > nearTo {
		return list
	}
	var room [nearTo]byte
	key := bare(room[:0], w)
	vowels := len(w) - len(key)
	if all := vowels == 0 || vowels == 1 && key[0] != w[0]; all == some || some && len(key) < bareSparse {
		return list
	}
	from := len(list)
	for _, meant := range c[string(key)] {
		if within(w, meant.word) {
			if list = append(list, meant.symbol); len(list)-from > mostMeant {
				return list[:from]
			}
		}
	}
	return list
}

// within reports whether w is word with letters left out, the first perhaps.
func within(w []byte, word string) bool {
	for i := range len(word) {
		if len(w) > 0 && w[0] == word[i] {
			w = w[1:]
		}
	}
	return len(w) == 0
}

// bare appends w without its vowels.
func bare[W string | []byte](key []byte, w W) []byte {
	for i := range len(w) {
		switch w[i] {
		case 'a', 'e', 'i', 'o', 'u':
		default:
			key = append(key, w[i])
		}
	}
	return key
}

// triples are the rows of three letters that occur in words, with a blank before
// and after each word.
type triples [27 * 27 * 27]bool

// each calls f with the place of every triple of w until it says no; it returns
// false then, and for a word with other signs than letters.
func each[W string | []byte](w W, f func(int) bool) bool {
	at := 0
	for i := range len(w) + 1 {
		c := 0
		if i < len(w) {
			if w[i] < 'a' || w[i] > 'z' {
				return false
			}
			c = int(w[i]-'a') + 1
		}
		at = (at*27 + c) % (27 * 27 * 27)
		if i > 0 && !f(at) {
			return false
		}
	}
	return true
}

func (t *triples) add(w string) {
	each(w, func(at int) bool { t[at] = true; return true })
}

const shortName = 4 // letters of a word that may be one though no list has it

// isWord reports whether b is a word that a person can read: one of the lexicon
// or the list of ordinary ones, or one made as they are, such as a name.
func (l *lexicon) isWord(b []byte) bool {
	if _, known := l.symbols[string(b)]; known && len(b) > 2 || l.ordinary[string(b)] {
		return true
	}
	return len(b) >= shortName && each(b, func(at int) bool { return l.triples[at] })
}
