package audit

import (
	"encoding/binary"
	"maps"
	"slices"
)

// histogram counts whole numbers, so that medians are exact. Small ones, which
// are nearly all, are counted in an array.
type histogram struct {
	n     int
	small []uint32
	large map[int]int
}

const histogramSmall = 1 << 16

func (h *histogram) add(value int) { h.addN(value, 1) }

func (h *histogram) addN(value, n int) {
	h.n += n
	switch {
	case value < 0 || value >= histogramSmall || n > 1<<20:
		if h.large == nil {
			h.large = map[int]int{}
		}
		h.large[value] += n
	default:
		if value >= len(h.small) {
			h.small = append(h.small, make([]uint32, max(value+1, min(2*len(h.small), histogramSmall))-len(h.small))...)
		}
		h.small[value] += uint32(n)
	}
}

func (h *histogram) merge(o *histogram) {
	for v, n := range o.small {
		if n > 0 {
			h.addN(v, int(n))
		}
	}
	for v, n := range o.large {
		h.addN(v, n)
	}
}

// at is the value at a rank from 0 to n-1 when all are put in order.
func (h *histogram) at(ranks ...int) []float64 {
	counts := maps.Clone(h.large)
	if counts == nil {
		counts = map[int]int{}
	}
	for v, n := range h.small {
		if n > 0 {
			counts[v] += int(n)
		}
	}
	values := slices.Sorted(maps.Keys(counts))
	out := make([]float64, len(ranks))
	for i, rank := range ranks {
		seen := 0
		for _, v := range values {
			if seen += counts[v]; seen > rank {
				out[i] = float64(v)
				break
			}
		}
	}
	return out
}

// quantiles, each value divided by unit. The median of an even number is the
// mean of the middle two, the 90th percentile the smallest value that at least
// 90 % do not exceed.
func (h *histogram) quantiles(unit float64) Quantiles {
	if h.n == 0 {
		return Quantiles{}
	}
	v := h.at((h.n-1)/2, h.n/2, (h.n*9+9)/10-1, h.n-1)
	return Quantiles{N: h.n, Median: (v[0] + v[1]) / 2 / unit, P90: v[2] / unit, Most: v[3] / unit}
}

// sketch counts keys in too few places: never too low, seldom too high (up to
// 255). It tells which keys deserve to be counted exactly. The zero sketch is
// empty.
type sketch struct {
	places []uint8    // nil while empty
	later  [64]uint32 // places to count at: many at once wait for memory together
	n      int
}

const sketchBits = 22

func (s *sketch) add(key uint64) {
	s.later[s.n] = uint32(key >> (64 - sketchBits))
	if s.n++; s.n == len(s.later) {
		s.settle()
	}
}

func (s *sketch) settle() {
	if s.n > 0 && s.places == nil {
		s.places = make([]uint8, 1<<sketchBits)
	}
	for _, i := range s.later[:s.n] {
		if n := s.places[i]; n < 255 {
			s.places[i] = n + 1
		}
	}
	s.n = 0
}

// used yields the places that are not 0.
func (s *sketch) used(yield func(i int, n uint8) bool) {
	for from := 0; from < len(s.places); from += 8 {
		if binary.LittleEndian.Uint64(s.places[from:]) == 0 {
			continue
		}
		for i, n := range s.places[from : from+8] {
			if n > 0 && !yield(from+i, n) {
				return
			}
		}
	}
}

// merge adds what another counted, which is of no use any more.
func (s *sketch) merge(o *sketch) {
	s.settle()
	o.settle()
	if s.places == nil {
		s.places = o.places
		return
	}
	for i, n := range o.used {
		s.places[i] = uint8(min(int(s.places[i])+int(n), 255))
	}
}

// often are the keys of a settled sketch that it has at least so often.
func (s *sketch) often(least uint8) often {
	o := make(often, 1<<sketchBits/64)
	for i, n := range s.used {
		if n >= least {
			o[i/64] |= 1 << (i % 64)
		}
	}
	return o
}

// often is a set of keys: none that is in it is missed, some that are not are
// taken for being in it.
type often []uint64

func (o often) has(key uint64) bool {
	i := key >> (64 - sketchBits)
	return o[i/64]&(1<<(i%64)) != 0
}

// days is a set of days, those of a few years near each other.
type days struct {
	first int // day of words[0]'s lowest bit, a multiple of 64
	words []uint64
}

func (d *days) add(day int) {
	base := day &^ 63
	switch {
	case len(d.words) == 0:
		d.first, d.words = base, []uint64{0}
	case base < d.first:
		d.words = append(make([]uint64, (d.first-base)/64), d.words...)
		d.first = base
	}
	i := (base - d.first) / 64
	for i >= len(d.words) {
		d.words = append(d.words, 0)
	}
	d.words[i] |= 1 << (day & 63)
}

func (d *days) merge(o *days) {
	for day := range o.all {
		d.add(day)
	}
}

// all yields the days in order.
func (d *days) all(yield func(int) bool) {
	for i, w := range d.words {
		for b := range 64 {
			if w&(1<<b) != 0 && !yield(d.first+64*i+b) {
				return
			}
		}
	}
}
