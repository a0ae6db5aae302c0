package audit

import (
	"hash/maphash"
	"math/bits"
	"strings"

	"github.com/cespare/xxhash/v2"

	"porchlight/purpose"
)

// classes are the words of purpose, each at its bit.
var classes = [...]purpose.Class{
	purpose.Crime, purpose.MissingPerson, purpose.Warrant, purpose.StolenVehicle, purpose.Bolo, purpose.WelfareCheck,
	purpose.Testing, purpose.Civil, purpose.Traffic, purpose.Interdiction, purpose.Immigration, purpose.ReproductiveCare,
	purpose.ProtectedActivity, purpose.Personal, purpose.Vague, purpose.CaseNumber, purpose.Unreadable, purpose.Unstated,
}

const maxClasses = len(classes)

// classSet is a set of classes, by bit.
type classSet uint32

func setOf(names ...purpose.Class) classSet {
	var s classSet
	for i, c := range classes {
		for _, n := range names {
			if c == n {
				s |= 1 << i
			}
		}
	}
	return s
}

func (s classSet) has(o classSet) bool { return s&o != 0 }

// all yields the indices of the classes.
func (s classSet) all(yield func(int) bool) {
	for ; s != 0; s &= s - 1 {
		if !yield(bits.TrailingZeros32(uint32(s))) {
			return
		}
	}
}

func (s classSet) names() []string {
	var names []string
	for i := range s.all {
		names = append(names, string(classes[i]))
	}
	return names
}

var (
	// empty classes are given only when a reason says nothing else.
	empty    = setOf(purpose.Vague, purpose.CaseNumber, purpose.Unreadable, purpose.Unstated)
	unstated = setOf(purpose.Unstated)
	caseOnly = setOf(purpose.CaseNumber)
	vague    = setOf(purpose.Vague, purpose.Unreadable)
	// lowLevel purposes need no search of a whole country.
	lowLevel = setOf(purpose.Traffic, purpose.Civil, purpose.Testing)
	// dull purposes have somebody look for one plate again and again.
	dull = setOf(purpose.Bolo, purpose.StolenVehicle, purpose.MissingPerson, purpose.Warrant, purpose.Testing)
)

// text is what a reason, an offense or a prompt says. It depends on the text only.
type text struct {
	classes classSet // that count
	sure    classSet // with a confidence of 0.9 or more
	hinted  classSet // below purpose.Threshold, down to 0.3
	notes   textNotes
	low     bool     // all offenses it names are of NIBRS group B, whose only data are arrests
	offense [4]uint8 // indices of reader.offenses plus 1
}

type textNotes uint16

const (
	noteSSN textNotes = 1 << iota
	notePhone
	noteEmail
	noteBirth
	noteAddress
	noteName
	noteCase     // holds what looks like a case number
	noteCategory // reads "Category - detail"
	noteOwnWords // a sentence of somebody's own, not a category or a code
)

const (
	sureAt   = 0.9
	hintedAt = 0.3
	maxText  = 2000 // bytes of a reason that are read
)

// reader reads texts for one worker, each distinct one once while it is remembered.
type reader struct {
	classify func(string) []purpose.Finding
	offenses []string // NIBRS codes in order of appearance
	cache    cache[*text]
	kept     map[text]*text // what was made: much of it alike
	room     []byte
}

// noText is what is read where nothing is told.
var noText text

// of returns what b says, and b's hash.
func (r *reader) of(b []byte) (*text, uint64) {
	t, hash := r.cache.of(r.plain(b))
	if len(r.room) > 0 {
		hash = xxhash.Sum64(b)
	}
	return t, hash
}

// plain is b as it is read: of a number of six digits or more only the first two
// and how many there are. Such a number is of a case or a telephone, which its
// length tells; no law has sections so high. So "theft 25012345" and "theft
// 25067890" are read once. In words with more than two letters digits may stand
// for letters, and they stay. What was put in place of b lies in room.
func (r *reader) plain(b []byte) []byte {
	r.room = r.room[:0]
	for i := 0; i < len(b); {
		letters, run, long := 0, 0, false
		word := i
		for ; i < len(b) && b[i] != ' '; i++ {
			if c := b[i]; c >= '0' && c <= '9' {
				run++
				long = long || run == 6
				continue
			} else if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80 {
				letters++
			}
			run = 0
		}
		if long && letters <= 2 {
			if len(r.room) == 0 {
				r.room = append(r.room, b...)
			}
			sevens(r.room[word:i])
		}
		i++
	}
	if len(r.room) > 0 {
		return r.room
	}
	return b
}

// sevens writes 7 for all but the first two digits of numbers of six or more.
func sevens(word []byte) {
	run := 0
	for i, c := range word {
		if c < '0' || c > '9' {
			run = 0
			continue
		}
		if run++; run == 6 {
			word[i-3], word[i-2], word[i-1] = '7', '7', '7'
		}
		if run >= 6 {
			word[i] = '7'
		}
	}
}

func newReader(classify func(string) []purpose.Finding) *reader {
	r := &reader{classify: classify, kept: map[text]*text{}}
	r.cache.make = r.read
	return r
}

func (r *reader) read(b []byte) *text {
	s := string(b[:min(len(b), maxText)])
	t := text{notes: notes(s), low: true}
	named := 0
	for _, f := range r.classify(s) {
		c := setOf(f.Class)
		switch {
		case f.Confidence >= sureAt:
			t.sure |= c
			fallthrough
		case f.Confidence >= purpose.Threshold:
			t.classes |= c
			if f.Offense != "" && named < len(t.offense) {
				t.low = t.low && strings.HasPrefix(f.Offense, "90")
				if i := r.offense(f.Offense); !has(t.offense[:named], i) {
					t.offense[named] = i
					named++
				}
			}
		case f.Confidence >= hintedAt:
			t.hinted |= c
		}
	}
	t.low = t.low && named > 0
	if r.kept[t] == nil {
		r.kept[t] = &t
	}
	return r.kept[t]
}

func has(list []uint8, x uint8) bool {
	for _, y := range list {
		if x == y {
			return true
		}
	}
	return false
}

func (r *reader) offense(code string) uint8 {
	for i, o := range r.offenses {
		if o == code {
			return uint8(i + 1)
		}
	}
	if len(r.offenses) == 255 {
		return 0
	}
	r.offenses = append(r.offenses, code)
	return uint8(len(r.offenses))
}

// cache remembers what was made of short byte strings. Of two that fall on the
// same place the one used longer ago is forgotten, so it never grows.
//
// A string is known again by two hashes, 128 bits, of which one has a random
// seed: no text can be written so that it is taken for another. Results do not
// depend on the seed.
type cache[T any] struct {
	make  func([]byte) T
	slots []slot[T] // pairs
}

type slot[T any] struct {
	hash, check uint64
	of          T
}

const cachePairs = 1 << 15

var cacheSeed = maphash.MakeSeed()

// of returns what make makes of b, and b's hash.
func (c *cache[T]) of(b []byte) (T, uint64) {
	if c.slots == nil {
		c.slots = make([]slot[T], 2*cachePairs)
	}
	hash, check := xxhash.Sum64(b), maphash.Bytes(cacheSeed, b)
	i := int(hash>>32) & (cachePairs - 1) * 2
	newer, older := &c.slots[i], &c.slots[i+1]
	if newer.hash == hash && newer.check == check {
		return newer.of, hash
	}
	if older.hash == hash && older.check == check {
		*newer, *older = *older, *newer
		return newer.of, hash
	}
	*older = *newer
	*newer = slot[T]{hash, check, c.make(b)}
	return newer.of, hash
}

// caseKey reads a case number for comparison: letters and digits in capitals,
// hashed, over 16 bits that say how it is built: runs of letters, runs of
// digits and their lengths, marks between. The lowest bit says that it cannot
// be a case number. 0 when there is neither letter nor digit. distinct says
// that it is long enough not to be somebody else's by chance.
func caseKey(b []byte) (key uint64, distinct bool) {
	var norm [40]byte
	var shape [24]byte
	n, m, digits, run, zeros := 0, 0, 0, 0, 0
	same, climbs := true, true
	var last, first, before byte // kind of the last character; first digit and the one before
	for _, c := range b {
		kind := byte('-')
		switch {
		case c >= '0' && c <= '9':
			kind = '9'
		case c >= 'a' && c <= 'z':
			c -= 'a' - 'A'
			kind = 'A'
		case c >= 'A' && c <= 'Z' || c >= 0x80:
			kind = 'A'
		case c == ' ':
			continue
		}
		if kind != '-' && n < len(norm) {
			norm[n] = c
			n++
		}
		if kind != last {
			run, zeros = 0, 0
			if m < len(shape) {
				shape[m] = kind
				m++
			}
		}
		run++
		if kind == '9' {
			if digits == 0 {
				first = c
			} else {
				same, climbs = same && c == first, climbs && c == before+1
			}
			before = c
			digits++
			if c == '0' {
				zeros++
			}
			shape[m-1] = '0' + byte(min(run, 9)) // how many digits
		}
		last = kind
	}
	if n == 0 {
		return 0, false
	}
	key = xxhash.Sum64(norm[:n])&^0xffff | xxhash.Sum64(shape[:m])&0xfffe
	if digits < 3 || same || climbs || last == '9' && run >= 3 && zeros == run {
		key |= 1
	}
	return key, n >= 9 && digits >= 7
}

const shapeImpossible = 1

// plateKey hashes a plate as it is compared, 0 for patterns and for what is too
// short to be one vehicle's.
func plateKey(b []byte) uint64 {
	var norm [16]byte
	n := 0
	for _, c := range b {
		switch {
		case c >= 'a' && c <= 'z':
			c -= 'a' - 'A'
		case c == ' ' || c == '-' || c == '.':
			continue
		case c == '*' || c == '?' || c == '%' || c == '_' || c == ',' || c == '|':
			return 0
		}
		if n == len(norm) {
			return 0 // no plate is so long: several, or a description
		}
		norm[n] = c
		n++
	}
	if n < 4 {
		return 0
	}
	return xxhash.Sum64(norm[:n])
}
