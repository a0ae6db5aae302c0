package reads

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"porchlight/geo"
	"porchlight/plate"
)

// row is a read as it lies in a bucket. What is looked up by has a column, the
// rest is one body: five values a row are twice as quick to write as twenty.
type row struct {
	id     plate.ID
	plate  plate.Packed
	source int32 // number of owner and camera, in names
	event  int64 // key of camera and event; 0 when the read has no event
	body   []byte

	at    geo.Point // the place, also in body: only of rows to be written
	words [4]int32  // numbers of region, type, make, color, likewise
}

const (
	seqBits = 20
	seqMask = 1<<seqBits - 1
	maxID   = plate.ID(1<<63 - 1)
)

// identify gives the row its id and event key. Both follow from what the read is
// known by, camera and event or camera, millisecond and text, so that every node
// gives a read the same ones. Two reads that get the same by chance are told
// apart by next.
func (r *row) identify(x *plate.Read) {
	known := make([]byte, 0, 192)
	known = append(append(known, x.Camera...), 0)
	if x.Event != "" {
		known = append(known, x.Event...)
	} else {
		known = append(known, 0)
		known = binary.BigEndian.AppendUint64(known, uint64(x.Seen.UnixMilli()))
		known = append(known, x.Text...)
	}
	sum := sha256.Sum256(known)
	r.id = plate.IDAt(x.Seen) | plate.ID(binary.BigEndian.Uint32(sum[:])&seqMask)
	if x.Event != "" {
		r.event = max(1, int64(binary.BigEndian.Uint64(sum[8:])>>1))
	}
}

// next is the id to try when another read has r's.
func (r *row) next() { r.id = r.id&^seqMask | (r.id+1)&seqMask }

// same reports whether two rows are one read: known by camera and event, or by
// camera, millisecond and text.
func (r *row) same(o *row) bool {
	if r.source != o.source || (r.event == 0) != (o.event == 0) {
		return false
	}
	if r.event == 0 {
		return r.id>>seqBits == o.id>>seqBits && r.plate == o.plate
	}
	a, errA := eventOf(r.body)
	b, errB := eventOf(o.body)
	return errA == nil && errB == nil && a == b
}

// source is who owns a read and whose camera made it.
type source struct{ owner, camera string }

// names gives the texts that repeat in reads numbers: cameras with their owner,
// and words (regions, types, makes, colors). Number 0 is the empty word. A number
// is on the disk before, or together with, the first row that uses it.
type names struct {
	mu      sync.RWMutex
	sources map[source]int32
	source_ []source
	words   map[string]int32
	word_   []string
}

func newNames() *names {
	return &names{
		sources: map[source]int32{}, source_: []source{{}},
		words: map[string]int32{"": 0}, word_: []string{""},
	}
}

func (n *names) source(i int32) source {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if int(i) >= len(n.source_) {
		return source{}
	}
	return n.source_[i]
}

// of is the number of a source that has one.
func (n *names) of(s source) int32 {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.sources[s]
}

// among tells of each number whether its owner is one of these and its camera one
// of those, or any when there are none.
func (n *names) among(owners, cameras []string) []bool {
	set := func(names []string) map[string]bool {
		m := map[string]bool{}
		for _, s := range names {
			m[s] = true
		}
		return m
	}
	o, c := set(owners), set(cameras)
	n.mu.RLock()
	defer n.mu.RUnlock()
	may := make([]bool, len(n.source_))
	for i, s := range n.source_ {
		may[i] = o[s.owner] && (len(c) == 0 || c[s.camera])
	}
	return may
}

func (n *names) word(i int32) string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if int(i) >= len(n.word_) {
		return ""
	}
	return n.word_[i]
}

// missing are the sources and words of reads that have no number yet.
func (n *names) missing(reads []plate.Read) ([]source, []string) {
	sources, words := map[source]bool{}, map[string]bool{}
	n.mu.RLock()
	defer n.mu.RUnlock()
	for i := range reads {
		r := &reads[i]
		if s := (source{r.Owner, r.Camera}); n.sources[s] == 0 {
			sources[s] = true
		}
		for _, w := range wordsOf(r) {
			if _, ok := n.words[w]; !ok {
				words[w] = true
			}
		}
	}
	return slices.Collect(maps.Keys(sources)), slices.Sorted(maps.Keys(words))
}

func wordsOf(r *plate.Read) [4]string {
	return [4]string{r.Region, r.Vehicle.Type, r.Vehicle.Make, r.Vehicle.Color}
}

// number gives texts the next free numbers.
func (n *names) number(sources []source, words []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range sources {
		if n.sources[s] == 0 {
			n.sources[s] = int32(len(n.source_))
			n.source_ = append(n.source_, s)
		}
	}
	for _, w := range words {
		if _, ok := n.words[w]; !ok {
			n.words[w] = int32(len(n.word_))
			n.word_ = append(n.word_, w)
		}
	}
}

var errNumbers = errors.New("two day files number their cameras or words differently")

// learnSource takes a number over from the disk.
func (n *names) learnSource(i int32, s source) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.source_ = append(n.source_, make([]source, max(0, int(i)+1-len(n.source_)))...)
	if have := n.sources[s]; have != 0 && have != i || n.source_[i] != s && n.source_[i] != (source{}) {
		return errNumbers
	}
	n.source_[i], n.sources[s] = s, i
	return nil
}

func (n *names) learnWord(i int32, w string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.word_ = append(n.word_, make([]string, max(0, int(i)+1-len(n.word_)))...)
	if have, ok := n.words[w]; ok && have != i || n.word_[i] != w && n.word_[i] != "" {
		return errNumbers
	}
	n.word_[i], n.words[w] = w, i
	return nil
}

// row makes a row of a read whose names have numbers.
func (n *names) row(r *plate.Read) row {
	n.mu.RLock()
	w := row{plate: plate.Pack(r.Text), source: n.sources[source{r.Owner, r.Camera}], at: r.Place}
	for i, word := range wordsOf(r) {
		w.words[i] = n.words[word]
	}
	n.mu.RUnlock()
	w.identify(r)
	b := make([]byte, 0, 40+len(r.Event)+len(r.Image)+16*len(r.Others))
	b = append(b, bodyV1)
	b = binary.AppendUvarint(b, uint64(len(r.Event)))
	b = append(b, r.Event...)
	b = binary.AppendVarint(b, int64(r.Place.Lon))
	b = binary.AppendVarint(b, int64(r.Place.Lat))
	b = binary.AppendVarint(b, r.Received.UnixMicro()-w.id.Time().UnixMicro())
	b = binary.AppendUvarint(b, uint64(r.Heading+1))
	b = binary.AppendUvarint(b, uint64(r.Confidence+1))
	for _, i := range w.words {
		b = binary.AppendUvarint(b, uint64(i))
	}
	b = binary.AppendUvarint(b, uint64(len(r.Image)))
	b = append(b, r.Image...)
	for _, o := range r.Others {
		b = binary.AppendUvarint(b, uint64(o.Confidence+1))
		b = binary.AppendUvarint(b, uint64(len(o.Text)))
		b = append(b, o.Text...)
	}
	w.body = b
	return w
}

const bodyV1 = 1

// errBody: a row's body is not one that row wrote.
var errBody = errors.New("a read's body is damaged")

// reader takes a body apart; bad is set where it does not fit.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v := r.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (r *reader) text() string {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func open(body []byte) reader {
	if len(body) == 0 || body[0] != bodyV1 {
		return reader{bad: true}
	}
	return reader{b: body[1:]}
}

func eventOf(body []byte) (string, error) {
	r := open(body)
	if s := r.text(); !r.bad {
		return s, nil
	}
	return "", errBody
}

func placeOf(body []byte) (geo.Point, error) {
	r := open(body)
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		return geo.Point{}, errBody
	}
	r.b = r.b[n:]
	p := geo.Point{Lon: int32(r.varint()), Lat: int32(r.varint())}
	if r.bad {
		return geo.Point{}, errBody
	}
	return p, nil
}

// read makes the read of a row again.
func (n *names) read(w row) (plate.Read, error) {
	b := open(w.body)
	s := n.source(w.source)
	r := plate.Read{ID: w.id, Owner: s.owner, Camera: s.camera, Text: w.plate.Text(), Seen: w.id.Time()}
	r.Event = b.text()
	r.Place = geo.Point{Lon: int32(b.varint()), Lat: int32(b.varint())}
	r.Received = time.UnixMicro(r.Seen.UnixMicro() + b.varint()).UTC()
	r.Heading = int(b.uvarint()) - 1
	r.Confidence = int(b.uvarint()) - 1
	for _, to := range []*string{&r.Region, &r.Vehicle.Type, &r.Vehicle.Make, &r.Vehicle.Color} {
		*to = n.word(int32(b.uvarint()))
	}
	r.Image = b.text()
	for len(b.b) > 0 && len(r.Others) < maxOthers {
		confidence := int(b.uvarint()) - 1
		r.Others = append(r.Others, plate.Guess{Text: plate.Text(b.text()), Confidence: confidence})
	}
	if b.bad || len(b.b) > 0 || s == (source{}) {
		return plate.Read{}, fmt.Errorf("read %d: %w", w.id, errBody)
	}
	return r, nil
}

// idAt is the smallest id of a read seen at t or later; ends included: a time
// without a value is 0.
func idAt(t time.Time) plate.ID {
	if t.IsZero() || t.Before(time.UnixMilli(0)) {
		return 0
	}
	if t.Year() > 2200 {
		return maxID
	}
	ms := t.UnixMilli()
	if t.After(time.UnixMilli(ms)) {
		ms++
	}
	return plate.ID(ms) << seqBits
}

func compareRows(a, b row) int { // newest first
	switch {
	case a.id > b.id:
		return -1
	case a.id < b.id:
		return 1
	}
	return 0
}
