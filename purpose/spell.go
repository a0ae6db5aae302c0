package purpose

import "slices"

// row is where a text was spelled letter by letter, in folded.b after unspell
// took out what stood between.
type row struct {
	from, to int
	blind    bool // by spaces, so that the ends of its words are lost
}

const shortRow = 3 // letters; two are initials, or two words

// unspell takes out the signs or the spaces between letters that stand alone:
// i.c.e, i c e. Of signs the spaces left are the ends of words.
func (f *folded) unspell() {
	f.rows = f.rows[:0]
	kept := 0 // bytes
	for i := 0; i < len(f.b); {
		to := i + 1
		if i == 0 || !isWord(f.b[i-1]) {
			to = f.row(i)
		}
		from := kept
		step := 1
		if to > i+1 {
			step = 2
		}
		for ; i < to; i += step {
			f.b[kept], f.start[kept], f.end[kept], f.upper[kept] = f.b[i], f.start[i], f.end[i], f.upper[i]
			kept++
		}
		i = to
		if step == 2 {
			f.rows = append(f.rows, row{from, kept, isSpace(f.b[to-2])})
		}
	}
	f.b, f.start, f.end, f.upper = f.b[:kept], f.start[:kept], f.end[:kept], f.upper[:kept]
}

// row returns the end of the row of single letters that begins at i, or i+1.
// Some may be digits (p.r.0.t.e.s.t), but not most: 1/2/26 is a date.
func (f *folded) row(i int) int {
	alone := func(p int) bool { return p < len(f.b) && isWord(f.b[p]) && (p+1 == len(f.b) || !isWord(f.b[p+1])) }
	letters, digits, p := 0, 0, i
	for ; alone(p) && (p == i || isSpace(f.b[p-1]) == isSpace(f.b[i+1])); p += 2 {
		if isLetter(f.b[p]) {
			letters++
		} else {
			digits++
		}
	}
	if letters+digits < shortRow || letters < 2 || digits > letters {
		return i + 1
	}
	return p - 1
}

// rowOf returns the row that w was, nil for none.
func (f *folded) rowOf(w word) *row {
	for i := range f.rows {
		if r := &f.rows[i]; r.from <= w.from && w.to <= r.to {
			return r
		}
	}
	return nil
}

// way is how a letter is best reached: at what cost, from which.
type way struct{ cost, from int }

// divide cuts what was spelled by spaces into words, so that the fewest letters
// are left over and then the fewest words made. Wholly: nil when any is left.
func (r *reader) divide(b []byte, wholly bool) []int {
	const leftOver, each = 10, 4 // costs
	n := len(b)
	ways := append(r.ways[:0], way{})
	for range n {
		ways = append(ways, way{cost: 1 << 30})
	}
	r.ways = ways
	for at := range n {
		if c := ways[at].cost + leftOver; c < ways[at+1].cost {
			ways[at+1] = way{c, at}
		}
		for end := at + 2; end <= min(n, at+nearTo); end++ {
			if c := ways[at].cost + each + r.strange(b[at:end]); c < ways[end].cost {
				ways[end] = way{c, at}
			}
		}
	}
	cuts := r.systems[:0]
	for at := n; at > 0; at = ways[at].from {
		if wholly && ways[at].from == at-1 {
			return nil
		}
		cuts = append(cuts, at)
	}
	r.systems = cuts
	slices.Reverse(cuts)
	return cuts
}

// strange is what it costs to take b for a word: nothing for one that is known,
// a little for each letter after a known beginning.
func (r *reader) strange(b []byte) int {
	const ending, most, never = 3, 4, 1 << 20
	if _, ok := r.lex.symbols[string(b)]; ok || r.lex.ordinary[string(b)] {
		if len(b) == 2 {
			return 6
		}
		return 0
	}
	at := len(r.syms)
	defer func() { r.syms = r.syms[:at] }()
	if r.syms = r.lex.stems.of(b, r.syms); len(r.syms) > at {
		if after := len(b) - len(r.lex.words[r.syms[len(r.syms)-1]]) + 1; after <= most {
			return ending * after
		}
	}
	return never
}
