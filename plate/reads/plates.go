package reads

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"
	"sync"

	"porchlight/plate"
)

// plateSet is the distinct plates of one bucket, searched by the forms of a
// pattern. Plates are gathered as they come and put into sorted segments, each at
// most half the one before it, so that a bucket that still grows is searched as
// quickly as one that is done.
type plateSet struct {
	mu       sync.RWMutex
	fresh    []plate.Packed // unsorted, may repeat
	segments []*segment     // largest first; a plate may be in several
}

// freshest is how many plates are gathered before they are sorted.
const freshest = 2048

// add takes plates in; those it has already are fine.
func (s *plateSet) add(plates []plate.Packed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fresh = append(s.fresh, plates...)
	if len(s.fresh) >= freshest {
		s.settle()
	}
}

func (s *plateSet) settle() {
	slices.Sort(s.fresh)
	last := slices.Clone(slices.Compact(s.fresh))
	for len(s.segments) > 0 {
		before := s.segments[len(s.segments)-1]
		if len(before.plates) > 2*len(last) {
			break
		}
		last = union(before.plates, last)
		s.segments = s.segments[:len(s.segments)-1]
	}
	s.fresh = s.fresh[:0]
	s.segments = append(s.segments, newSegment(last))
}

// union merges two sorted lists.
func union(a, b []plate.Packed) []plate.Packed {
	out := make([]plate.Packed, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			out, a = append(out, a[0]), a[1:]
		case a[0] > b[0]:
			out, b = append(out, b[0]), b[1:]
		default:
			out, a, b = append(out, a[0]), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// all gives every plate, sorted, and leaves the set as one segment.
func (s *plateSet) all() []plate.Packed {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(s.fresh)
	all := slices.Clone(slices.Compact(s.fresh))
	for _, g := range s.segments {
		all = union(g.plates, all)
	}
	s.fresh, s.segments = nil, []*segment{newSegment(all)}
	return all
}

// size is about how many plates there are, and the bytes they take.
func (s *plateSet) size() (plates int, bytes int64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	plates, bytes = len(s.fresh), int64(cap(s.fresh))*8
	for _, g := range s.segments {
		plates += len(g.plates)
		bytes += int64(cap(g.plates)*8 + cap(g.postings) + cap(g.starts)*4)
	}
	return plates, bytes
}

// has reports whether p is among them.
func (s *plateSet) has(p plate.Packed) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if slices.Contains(s.fresh, p) {
		return true
	}
	return slices.ContainsFunc(s.segments, func(g *segment) bool {
		_, ok := slices.BinarySearch(g.plates, p)
		return ok
	})
}

// find gives the plates of any of the forms, sorted.
func (s *plateSet) find(forms []plate.Form) []plate.Packed {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var found []plate.Packed
	for _, p := range s.fresh {
		if fitsAny(forms, p) {
			found = append(found, p)
		}
	}
	for _, g := range s.segments {
		found = g.find(forms, found)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func fitsAny(forms []plate.Form, p plate.Packed) bool {
	for _, f := range forms {
		if f.Fits(p) {
			return true
		}
	}
	return false
}

// segment is a sorted list of plates and, where it is long enough for that to
// pay, for each pair of characters and each place but the first the plates that
// have the pair there: their places in the list, ascending, as varints of the
// differences.
type segment struct {
	plates   []plate.Packed
	starts   []uint32 // of each list in postings; one more at the end
	postings []byte
}

const (
	chars      = 37 // numbers of characters, 0 is none
	pairs      = chars * chars
	pairPlaces = plate.MaxText - 2 // pairs start at places 1 to 8
	worthPairs = 8192              // plates
)

// pairAt is the number of the list for the pair at place i (from 1), or -1.
func pairAt(p plate.Packed, i int) int {
	a, b := p.Char(i), p.Char(i+1)
	if a == 0 || b == 0 || a >= chars || b >= chars {
		return -1
	}
	return (i-1)*pairs + a*chars + b
}

func newSegment(plates []plate.Packed) *segment {
	g := &segment{plates: plates}
	if len(plates) < worthPairs {
		return g
	}
	// The length of each list, then the lists.
	last := make([]int32, pairPlaces*pairs)
	g.starts = make([]uint32, pairPlaces*pairs+1)
	g.each(func(list int, n int32) {
		g.starts[list+1] += uint32(bits.Len32(uint32(n-last[list])|1)+6) / 7
		last[list] = n
	})
	for i := range last {
		g.starts[i+1] += g.starts[i]
		last[i] = 0
	}
	g.postings = make([]byte, g.starts[len(g.starts)-1])
	next := slices.Clone(g.starts)
	g.each(func(list int, n int32) {
		next[list] += uint32(binary.PutUvarint(g.postings[next[list]:], uint64(n-last[list])))
		last[list] = n
	})
	return g
}

func (g *segment) each(do func(list int, n int32)) {
	for n, p := range g.plates {
		for i := 1; i <= pairPlaces && p.Char(i+1) != 0; i++ {
			do(pairAt(p, i), int32(n))
		}
	}
}

// find appends the plates of any of the forms, some perhaps twice.
func (g *segment) find(forms []plate.Form, found []plate.Packed) []plate.Packed {
	byList := map[int][]plate.Form{}
	var rest []plate.Form
	for _, f := range forms {
		// The characters known from the first on make a range of the list.
		lo, hi := g.span(f)
		best, cost := -1, hi-lo
		if g.postings != nil {
			for i := 1; i <= pairPlaces; i++ {
				if f.Mask>>(52-6*i)&0xfff != 0xfff { // both characters known
					continue
				}
				list := pairAt(f.Value, i)
				if n := int(g.starts[list+1] - g.starts[list]); n < cost {
					best, cost = list, n
				}
			}
		}
		switch {
		case best >= 0:
			byList[best] = append(byList[best], f)
		case cost > 64 && hi-lo == len(g.plates): // nothing to go by: all such forms in one reading
			rest = append(rest, f)
			continue
		default:
			for _, p := range g.plates[lo:hi] {
				if f.Fits(p) {
					found = append(found, p)
				}
			}
		}
	}
	for list, forms := range byList {
		var n uint64
		for b := g.postings[g.starts[list]:g.starts[list+1]]; len(b) > 0; {
			d, size := binary.Uvarint(b)
			b = b[size:]
			n += d
			if p := g.plates[n]; fitsAny(forms, p) {
				found = append(found, p)
			}
		}
	}
	if len(rest) > 0 {
		for _, p := range g.plates {
			if fitsAny(rest, p) {
				found = append(found, p)
			}
		}
	}
	return found
}

// span is the range of plates that begin as f does.
func (g *segment) span(f plate.Form) (lo, hi int) {
	known := bits.LeadingZeros64(^uint64(f.Mask)) // leading ones; whole characters
	known -= known % 6
	if known == 0 {
		return 0, len(g.plates)
	}
	if known > 60 {
		known = 60
	}
	first := f.Value & (^plate.Packed(0) << (64 - known))
	after := first + 1<<(64-known)
	lo, _ = slices.BinarySearch(g.plates, first)
	hi = len(g.plates)
	if after > first {
		n, _ := slices.BinarySearch(g.plates[lo:], after)
		hi = lo + n
	}
	return lo, hi
}

// encode writes sorted plates as varints of their differences.
func encode(plates []plate.Packed) []byte {
	b := binary.AppendUvarint(nil, uint64(len(plates)))
	var last plate.Packed
	for _, p := range plates {
		b = binary.AppendUvarint(b, uint64(p-last))
		last = p
	}
	return b
}

// decode reads what encode wrote.
func decode(b []byte) ([]plate.Packed, error) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)) {
		return nil, errPlates
	}
	b = b[size:]
	out := make([]plate.Packed, 0, n)
	var last plate.Packed
	for range n {
		d, size := binary.Uvarint(b)
		if size <= 0 || d == 0 || last+plate.Packed(d) < last {
			return nil, errPlates
		}
		b, last = b[size:], last+plate.Packed(d)
		out = append(out, last)
	}
	if len(b) > 0 {
		return nil, errPlates
	}
	return out, nil
}

var errPlates = errors.New("a saved list of plates is damaged")
