package hotlist

import (
	"math/bits"
	"slices"
	"strings"
	"time"

	"porchlight/plate"
)

// set is all wanted plates in force, compiled. It never changes: a changed list
// makes a new set. Every entry becomes one or more forms (plate.Form), and forms of
// one mask share a hash table, so that
// a read costs one probe a mask, however many entries there are.
type set struct {
	entries []wanted
	groups  []group
	refs    []ref
}

// wanted is an entry as the matcher needs it.
type wanted struct {
	id      string
	plate   plate.Pattern
	region  string
	expires time.Time
	alerts  []string // ORIs of who is alerted, sorted
}

// group is the table of one mask: open addressing, linear probing. No key is
// zero, as every pattern knows some characters.
type group struct {
	mask  plate.Packed
	shift int // of the hash to an index
	keys  []plate.Packed
	first []int32 // into set.refs
}

// ref leads from a key to an entry, and to the next ref of the same key.
type ref struct {
	entry int32
	next  int32 // -1: none
}

// compile makes a set.
func compile(entries []wanted) *set {
	s := &set{entries: entries}
	type pair struct {
		value plate.Packed
		entry int32
	}
	pairs := map[plate.Packed][]pair{} // by mask
	for i, e := range entries {
		for _, f := range e.plate.Forms() {
			pairs[f.Mask] = append(pairs[f.Mask], pair{f.Value, int32(i)})
		}
	}
	for mask, list := range pairs {
		size := max(4, 1<<bits.Len(uint(len(list)*3/2)))
		g := group{mask: mask, shift: 64 - bits.TrailingZeros(uint(size)), keys: make([]plate.Packed, size), first: make([]int32, size)}
		for _, p := range list {
			i := g.find(p.value)
			next := int32(-1)
			if g.keys[i] != 0 {
				next = g.first[i]
			}
			g.keys[i], g.first[i] = p.value, int32(len(s.refs))
			s.refs = append(s.refs, ref{p.entry, next})
		}
		s.groups = append(s.groups, g)
	}
	return s
}

// find is where key is, or the free place where it belongs.
func (g *group) find(key plate.Packed) int {
	last := len(g.keys) - 1
	i := int(uint64(key) * 0x9E3779B97F4A7C15 >> g.shift) // Fibonacci hashing
	for g.keys[i] != 0 && g.keys[i] != key {
		i = (i + 1) & last
	}
	return i
}

// look calls found for each entry that the text fits, its expiry and region
// apart; more than once for one of which several forms fit.
func (s *set) look(t plate.Text, found func(entry int32)) {
	p := plate.Pack(t)
	for i := range s.groups {
		g := &s.groups[i]
		if j := g.find(p & g.mask); g.keys[j] != 0 {
			for r := g.first[j]; r >= 0; r = s.refs[r].next {
				found(s.refs[r].entry)
			}
		}
	}
}

// match is an entry that a read fits, and the best way in which it does.
type match struct {
	entry *wanted
	fit   Fit
}

// match returns the entries in force at now that r fits, by its text or one of
// its alternatives; nil for almost every read.
func (s *set) match(r *plate.Read, now time.Time) (out []match) {
	try := func(g plate.Guess, other bool) {
		s.look(g.Text, func(i int32) {
			w := &s.entries[i]
			if !w.expires.After(now) || otherRegion(w.region, r.Region) ||
				slices.ContainsFunc(out, func(m match) bool { return m.entry == w }) {
				return
			}
			out = append(out, match{w, Fit{g.Text, other, !strictly(w.plate, g.Text), g.Confidence}})
		})
	}
	try(plate.Guess{Text: r.Text, Confidence: r.Confidence}, false)
	for _, g := range r.Others {
		try(g, true)
	}
	return out
}

// otherRegion reports whether two regions contradict one another: US-IL and US-TX
// do, US-IL and US do not, and what is unknown never does.
func otherRegion(a, b string) bool {
	return a != "" && b != "" && a != b && !strings.HasPrefix(a, b+"-") && !strings.HasPrefix(b, a+"-")
}

// strictly reports whether t fits p without a confusion.
func strictly(p plate.Pattern, t plate.Text) bool {
	glob, loose := strings.CutSuffix(p.String(), "~")
	if !loose {
		return true
	}
	strict, err := plate.ParsePattern(glob)
	return err == nil && strict.Matches(t)
}
