package searchlog

import (
	"encoding/binary"
	"math/bits"
)

// seen knows every row again: 16 bytes a row in tables that are about 78 %
// full. It belongs to whoever has the turn.
//
// A row is known by its id. Without one it is known by all it says, and rows
// that say the same are counted: the second of them in a file is the second of
// them in another. So what two files have in common is counted once, and what
// one file says twice stays twice.
type seen struct {
	shards [1 << 10]shard
	bases  []uint32 // of each file: the lines of those before it
	lines  uint64   // of all files so far
	expect int      // rows in the end, where that can be guessed

	fetched uint64 // of no meaning
}

// shard is a hash table with linear probing.
type shard struct {
	slots []sighting
	n     int
}

// sighting is the first row of a key.
type sighting struct {
	key   uint64 // 0 is free
	place uint32 // its line, counted on over all files
	sums  uint32 // by id: the sums; by content: file and count
}

// lost is the place of a row beyond the four-thousandth million of lines.
const lost = 1<<32 - 1

// file begins the next file, after one of so many lines.
func (s *seen) file(lines int) {
	s.lines += uint64(lines) + 1 // lines count from 1, and the last may have no end
	s.bases = append(s.bases, uint32(min(s.lines, lost)))
}

// where is the file and line of a place; the file is -1 where it is lost.
func (s *seen) where(place uint32) (file, line int) {
	if place == lost {
		return -1, 0
	}
	lo, hi := 0, len(s.bases)
	for lo+1 < hi {
		mid := (lo + hi) / 2
		if s.bases[mid] <= place {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo, int(place - s.bases[lo])
}

func (s *seen) place(line int) uint32 {
	return uint32(min(uint64(s.bases[len(s.bases)-1])+uint64(line), lost))
}

// byID says whether the id was seen, with the place and the sums of its first row.
func (s *seen) byID(key uint64, line int, sums uint32) (place, before uint32, again bool) {
	t, e := s.look(key)
	if e.key == key {
		return e.place, e.sums, true
	}
	t.put(e, sighting{key, s.place(line), sums})
	return 0, 0, false
}

// byContent says whether a file before this one has the row, as often as this
// file has it so far.
func (s *seen) byContent(key uint64, line int) (place uint32, again bool) {
	const counts = 12
	file := uint32(len(s.bases)) << counts // never 0
	t, e := s.look(key)
	if e.key == 0 {
		t.put(e, sighting{key, s.place(line), file | 1})
		return 0, false
	}
	nth := uint32(1)
	if e.sums>>counts == file>>counts {
		nth = min(e.sums&(1<<counts-1)+1, 1<<counts-1)
	}
	e.sums = file | nth
	if nth == 1 {
		return e.place, true
	}
	key = mix(key, uint64(nth))
	if t, e = s.look(key); e.key == 0 {
		t.put(e, sighting{key, s.place(line), 0})
		return 0, false
	}
	if f, _ := s.where(e.place); f == len(s.bases)-1 {
		return 0, false // more copies than are told apart
	}
	return e.place, true
}

// look finds the sighting of a key, or the free slot for it.
func (s *seen) look(key uint64) (*shard, *sighting) {
	t := &s.shards[key>>(64-10)]
	if t.n*8 >= len(t.slots)*7 {
		t.grow(s.expect / len(s.shards) * 8 / 7)
	}
	return t, t.look(key)
}

// ahead is how many rows are fetched at a time.
const ahead = 64

// fetch brings the sightings that the rows will look for near the processor:
// waiting for memory once for many is most of the work done.
func (s *seen) fetch(rows []row) {
	for i := range rows {
		key := rows[i].key
		if t := &s.shards[key>>(64-10)]; len(t.slots) > 0 {
			s.fetched += t.slots[slot(key, len(t.slots))].key
		}
	}
}

func (t *shard) look(key uint64) *sighting {
	i := slot(key, len(t.slots))
	for {
		if e := &t.slots[i]; e.key == key || e.key == 0 {
			return e
		}
		if i++; i == len(t.slots) {
			i = 0
		}
	}
}

func slot(key uint64, size int) int {
	hi, _ := bits.Mul64(key<<10, uint64(size))
	return int(hi)
}

func (t *shard) put(e *sighting, s sighting) {
	*e = s
	t.n++
}

// grow makes room, at once for all rows that are expected if they are not many
// times more: each step leaves garbage.
func (t *shard) grow(expect int) {
	size := max(16, 2*len(t.slots))
	if size > 8192 {
		size = len(t.slots) + len(t.slots)/4 // tight, where it counts
	}
	if expect += expect / 16; expect <= 16*len(t.slots) {
		size = max(size, expect)
	}
	old := t.slots
	t.slots = make([]sighting, size)
	for _, s := range old {
		if s.key != 0 {
			*t.look(s.key) = s
		}
	}
}

// mix makes one key of two; never 0.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0x9E3779B97F4A7C15, b^0xD1B54A32D192ED03)
	return max(1, hi^lo^a)
}

// compared are the fields whose sums tell whether two rows of one id say the
// same: so many bits each, 0 for nothing told, 1 for masked, else of the cell.
// Of changed reasons one in 8,190 goes unnoticed, of changed times one in six.
var compared = [NumFields]struct{ bits, shift uint }{
	Reason: {13, 0}, Plate: {6, 13}, Case: {4, 19}, Searcher: {3, 23}, Networks: {3, 26}, Time: {3, 29},
}

// differ compares the sums of two rows: whether they say different things, and
// whether one masks what the other says.
func differ(a, b uint32) (different, masked bool) {
	for _, c := range compared {
		x, y := a>>c.shift&(1<<c.bits-1), b>>c.shift&(1<<c.bits-1)
		switch {
		case x > 1 && y > 1 && x != y:
			different = true
		case x == 1 && y > 1, x > 1 && y == 1:
			masked = true
		}
	}
	return different, masked
}

// sum of a cell, from 2 on, in so many bits.
func sum(b []byte, bits uint) uint32 {
	const odd = 0x9E3779B97F4A7C15
	n := len(b)
	h := uint64(n) * odd
	switch {
	case n >= 8:
		for i := 0; i+8 < n; i += 8 {
			h = (h ^ binary.LittleEndian.Uint64(b[i:])) * odd
			h ^= h >> 29
		}
		h ^= binary.LittleEndian.Uint64(b[n-8:])
	case n >= 4:
		h ^= uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[n-4:]))<<32
	default:
		for _, c := range b {
			h = h<<8 | uint64(c)
		}
	}
	return fold(h, bits)
}

// fold brings a number to 2 ... 1<<bits-1.
func fold(h uint64, bits uint) uint32 {
	h = h * 0xD1B54A32D192ED03 >> 32
	return uint32(2 + h*(1<<bits-2)>>32)
}
