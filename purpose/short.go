package purpose

import (
	"slices"
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
	at, _ := slices.BinarySearchFunc(s, w, func(a start, w []byte) int { return strings.Compare(a.word, string(w)) })
	for most := len(list) + mostMeant; at < len(s) && len(list) < most && strings.HasPrefix(s[at].word, string(w)); at++ {
		if len(w)*5 >= len(s[at].word)*startsPart {
			list = append(list, s[at].symbol)
		}
	}
	return list
}
