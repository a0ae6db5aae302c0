package purpose

// near finds the words of the lexicon that a word may be meant for: an index of
// the words with up to two letters left out (the symmetric deletion of SymSpell,
// W. Garbe 2012), each candidate checked by its distance.
type near struct {
	words   []string
	symbols []uint16
	index   map[uint32]int32 // hash of what is left to its first entry
	entries []nearEntry
}

type nearEntry struct {
	word uint16 // in words
	next int32  // -1: the last of this hash
}

const (
	nearFrom  = 5  // shortest word that is looked for misspelt
	nearTwice = 9  // from here two letters may be wrong
	nearTo    = 20 // longest word that is looked up
)

// mistakes is how many letters of a word may be wrong.
func mistakes(w string) int {
	if len(w) >= nearTwice {
		return 2
	}
	return 1
}

func (n *near) add(w string, symbol uint16) {
	if n.index == nil {
		n.index = map[uint32]int32{}
	}
	at := uint16(len(n.words))
	n.words, n.symbols = append(n.words, w), append(n.symbols, symbol)
	seen := map[uint32]bool{}
	deletions([]byte(w), mistakes(w), func(hash uint32) {
		if seen[hash] {
			return
		}
		seen[hash] = true
		next, ok := n.index[hash]
		if !ok {
			next = -1
		}
		n.index[hash] = int32(len(n.entries))
		n.entries = append(n.entries, nearEntry{at, next})
	})
}

// begins reports whether w begins as a misspelling of target may. The first letter
// is seldom wrong: in a short word, or with two mistakes, it must be right or have
// changed places with the second.
func begins(w []byte, target string, d int) bool {
	return target[0] == w[0] || d == 1 && (len(target) >= 7 || w[0] == target[1] && w[1] == target[0])
}

// of appends the symbols of the words that w is nearest to, at most three, and
// returns their distance; 0 for none.
func (n *near) of(w []byte, list []uint16) ([]uint16, int) {
	if len(w) < nearFrom-1 || len(w) > nearTo {
		return list, 0
	}
	most := 1
	if len(w) >= nearTwice-1 {
		most = 2
	}
	best, from := 3, len(list)
	deletions(w, most, func(hash uint32) {
		at, ok := n.index[hash]
		for ok && at >= 0 {
			e := n.entries[at]
			at = e.next
			target := n.words[e.word]
			d := distance(w, target, min(best, mistakes(target)))
			if d == 0 || d > mistakes(target) || d > best || !begins(w, target, d) {
				continue
			}
			if d < best {
				best, list = d, list[:from]
			}
			symbol := n.symbols[e.word]
			known := len(list)-from >= mostMeant
			for _, s := range list[from:] {
				known = known || s == symbol
			}
			if !known {
				list = append(list, symbol)
			}
		}
	})
	if len(list) == from {
		return list, 0
	}
	return list, best
}

// deletions calls f with the hash of w and of w with up to most letters left out.
func deletions(w []byte, most int, f func(hash uint32)) {
	f(hashWithout(w, -1, -1))
	for i := range w {
		f(hashWithout(w, i, -1))
		if most > 1 {
			for j := i + 1; j < len(w); j++ {
				f(hashWithout(w, i, j))
			}
		}
	}
}

// hashWithout is FNV-1a of w without the letters at i and j.
func hashWithout(w []byte, i, j int) uint32 {
	h := uint32(2166136261)
	for k, b := range w {
		if k != i && k != j {
			h = (h ^ uint32(b)) * 16777619
		}
	}
	return h
}

// distance is the number of letters to insert, delete, change or swap with a
// neighbor to turn a into b (optimal string alignment), or most+1 when it is
// more. Both have at most nearTo+2 letters.
func distance(a []byte, b string, most int) int {
	if d := len(a) - len(b); d > most || -d > most {
		return most + 1
	}
	var rows [3][nearTo + 4]uint8
	before, prev, row := &rows[0], &rows[1], &rows[2]
	for j := 0; j <= len(b); j++ {
		row[j] = uint8(j)
	}
	for i := 1; i <= len(a); i++ {
		before, prev, row = prev, row, before
		row[0] = uint8(i)
		least := row[0]
		for j := 1; j <= len(b); j++ {
			cost := uint8(1)
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		if int(least) > most {
			return most + 1
		}
	}
	return min(int(row[len(b)]), most+1)
}
