package searchlog

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"math"
	"time"
	"unicode/utf8"
)

// row is a search as cut and judged, before it is known whether it is new.
type row struct {
	line     int // within the block
	raw, n   int // its cells as they stand: spans[raw:raw+n]
	as       int // its cells in the order of its layout
	layout   *layout
	time     int64 // micros since 1970; untold if there is none
	from, to int64 // likewise
	key      uint64
	sums     uint32
	byID     bool
	again    bool // seen before
	zoned    bool
	zoneless bool
	common   bool // the time frame is as commonFrame reads it
	state    [NumFields]State
}

const untold = math.MinInt64

// note is something to tell of a line.
type note struct {
	line int // within the block
	what string
	text string
}

// parser cuts a block into rows. Everything it makes lies in its own memory and
// is good until the next block.
type parser struct {
	delim byte
	eol   byte      // ends a record
	kinds [256]kind // of bytes, delim and eol marked
	seed  maphash.Seed
	loc   *time.Location // of times without a zone
	days  int64          // to add to day numbers: 1,462 where they count from 1904

	data    []byte
	last    bool // data end the file
	quotes  bool // quotes mean something
	latin   int  // rows that were read as Windows-1252
	lines   int  // line ends passed
	records int  // rows of any kind
	spans   []span
	extra   []byte
	rows    []row
	asides  []note
	repairs []note
	shares  []Share
	sharing int  // rows that tell of sharing
	numbers bool // the first cell of a row is its number: a sheet
	long    bool // no row is taken for a plain one
	end     state
}

// state is what one block of a file leaves to the next.
type state struct {
	layout   *layout
	line     int    // lines before
	carry    []byte // the begin of a record that did not end
	skipping bool   // within a row that is too long
}

// separate says what ends a cell and what a record.
func (p *parser) separate(delim, eol byte) {
	p.delim, p.eol, p.kinds = delim, eol, kinds
	p.kinds[delim] |= ends
	p.kinds[eol] |= ends
}

// run cuts the block, which begins in state from, into rows and notes and
// leaves what the next block needs in p.end.
func (p *parser) run(data []byte, last bool, from state) {
	p.data, p.last, p.quotes = data, last, !p.numbers
	p.lines, p.records, p.latin, p.sharing = 0, 0, 0, 0
	p.spans, p.extra, p.rows = p.spans[:0], p.extra[:0], p.rows[:0]
	p.asides, p.repairs, p.shares = p.asides[:0], p.repairs[:0], p.shares[:0]
	p.end = state{layout: from.layout}

	latin := !utf8.Valid(data)
	trust := 0 // that rows are plain
	if !latin && !p.numbers && !p.long {
		trust = mostlyPlain
	}
	at := 0
	if from.skipping {
		n := bytes.IndexByte(data, p.eol)
		if n < 0 {
			p.end.skipping = !last
			return
		}
		at = n + 1
		p.lines++
	}
	for at < len(data) {
		if c := data[at]; !p.numbers && (c == '\n' || c == '\r' && at+1 < len(data) && data[at+1] == '\n') {
			if c == '\r' {
				at++
			}
			at++
			p.lines++
			continue
		}
		if !p.numbers && data[at] == '\r' && at+1 == len(data) {
			if !last {
				break
			}
			return
		}
		if l := p.end.layout; trust > 0 && l.columns != nil && !l.serial {
			if end, ok := p.plain(at, l); ok {
				at, trust = end, min(trust+1, mostlyPlain)
				continue
			}
			trust--
		}
		mark, extra := len(p.spans), len(p.extra)
		rec, o := p.next(at, p.end.layout)
		if o == more && len(data)-at <= maxRecord {
			p.spans, p.extra = p.spans[:mark], p.extra[:extra]
			break
		}
		if o == more || rec.end-at > maxRecord {
			p.records++
			p.aside(p.lines, fmt.Sprintf("longer than %d bytes", maxRecord), data[at:])
			p.spans, p.extra = p.spans[:mark], p.extra[:extra]
			n := bytes.IndexByte(data[at+maxRecord:], p.eol)
			if n < 0 {
				p.lines += bytes.Count(data[at:], []byte{'\n'})
				p.end.skipping = !last
				return
			}
			rec.end = at + maxRecord + n + 1
			p.lines += bytes.Count(data[at:rec.end], []byte{'\n'})
			at = rec.end
			continue
		}
		cells := p.spans[rec.first:]
		if latin && !utf8.Valid(data[at:rec.end]) {
			p.latin++
			for i, s := range cells {
				if b := p.bytes(s); !utf8.Valid(b) {
					from := len(p.extra)
					p.extra = windows1252(p.extra, b)
					cells[i] = p.extraFrom(from)
				}
			}
		}
		p.take(rec)
		if !p.numbers {
			p.lines += rec.lines
		}
		at = rec.end
	}
	if at < len(data) {
		p.end.carry = data[at:]
	}
}

// take judges one record.
func (p *parser) take(rec record) {
	l := p.end.layout
	r := row{line: p.lines, raw: rec.first, n: len(p.spans) - rec.first, as: rec.first, layout: l}
	if p.numbers { // the first cell of a sheet's row is its number
		n, _ := integer(p.bytes(p.spans[r.raw]))
		r.line, p.lines = n-1, n
		r.raw++
		r.n--
		r.as++
		for ; r.n < l.n; r.n++ { // blank cells at the end are left out of the file
			p.spans = append(p.spans, span{})
		}
	}
	p.records++
	switch {
	case l.role == searches && p.read(&r, l, p.spans[r.as:]):
	case p.blank(r):
		p.asideRow(r, "empty row")
		return
	case l.role == noLog:
		p.asideRow(r, "not a search log")
		return
	case p.header(r):
		return
	case l.role == events:
		if !p.event(&r) {
			return
		}
	case l.role == shares:
		p.share(r)
		return
	default:
		if !p.mend(&r) {
			return
		}
	}
	if rec.mended {
		p.repair(r.line, "unclosed quote")
	}
	p.rows = append(p.rows, r)
}

func (p *parser) blank(r row) bool {
	for _, s := range p.spans[r.raw : r.raw+r.n] {
		if len(p.cell(s)) > 0 {
			return false
		}
	}
	return true
}

// aside notes that the record at this line is not read, and why.
func (p *parser) aside(line int, reason string, text []byte) {
	p.asides = append(p.asides, note{line, reason, clip(text)})
}

func (p *parser) asideRow(r row, reason string) {
	var text []byte
	for i, s := range p.spans[r.raw : r.raw+r.n] {
		if i > 0 {
			text = append(text, ',')
		}
		if text = append(text, p.bytes(s)...); len(text) > 256 {
			break
		}
	}
	p.aside(r.line, reason, text)
}

func (p *parser) repair(line int, kind string) {
	p.repairs = append(p.repairs, note{line: line, what: kind})
}

// read judges cells that stand in the order of the layout. It is false where
// they do not fit: too many or too few, no time, an id that is none.
func (p *parser) read(r *row, l *layout, cells []span) bool {
	if len(cells) != l.n {
		return false
	}
	r.layout = l
	r.time, r.from, r.to = untold, untold, untold
	evidence := false

	if i := l.cell[ID]; i >= 0 {
		c := p.cell(cells[i])
		if isUUID(c) {
			r.state[ID] = Value
			evidence = true
		} else if r.state[ID] = p.state(ID, cells[i], c); l.uuids && r.state[ID] == Value {
			return false
		}
	}
	if i := l.cell[Networks]; i >= 0 {
		c := p.cell(cells[i])
		r.state[Networks] = p.state(Networks, cells[i], c)
		if r.state[Networks] == Value {
			if _, ok := integer(c); !ok {
				return false
			}
		}
	}
	// The time.
	i := l.cell[Time]
	c := p.cell(cells[i])
	if s, ok := parseStamp(c); ok && s.date && s.serial == l.serial {
		if j := l.cell[clock]; j >= 0 && l.cell[date] >= 0 && !s.clock {
			t, ok := parseStamp(p.cell(cells[j]))
			if !ok || t.date {
				return false
			}
			s.micros, s.clock, s.zoned, s.offset = t.micros, true, t.zoned, t.offset
		}
		if s.serial {
			s.days += p.days
		}
		r.state[Time] = Value
		r.time = s.at(p.loc)
		r.zoned, r.zoneless = s.zoned, !s.zoned
	} else if r.state[Time] = stateOf(Time, c); r.state[Time] == Value || !evidence && p.told(cells) < max(3, l.n/2) {
		return false
	}
	p.states(r, l, cells)
	return true
}

// told is how many cells are not blank.
func (p *parser) told(cells []span) (n int) {
	for _, s := range cells {
		if len(p.cell(s)) > 0 {
			n++
		}
	}
	return n
}

// states judges the cells that do not decide whether the row is read.
func (p *parser) states(r *row, l *layout, cells []span) {
	r.sums = 0
	for _, f := range l.texts {
		s := cells[l.cell[f]]
		c := p.cell(s)
		r.state[f] = p.state(f, s, c)
		if summed := &compared[f]; summed.bits > 0 {
			r.sums |= sumOf(r.state[f], c, summed.bits) << summed.shift
		}
	}
	from, to := l.cell[From], l.cell[To]
	switch {
	case from >= 0 && from == to:
		p.frame(r, l, p.cell(cells[from]))
	default:
		if from >= 0 {
			r.state[From], r.from = p.moment(l, From, p.cell(cells[from]))
		}
		if to >= 0 {
			r.state[To], r.to = p.moment(l, To, p.cell(cells[to]))
		}
	}
	p.identify(r, l, cells)
}

// frame reads a time frame that is one cell.
func (p *parser) frame(r *row, l *layout, c []byte) {
	if a, b, ok := commonFrame(c); ok && !l.serial {
		r.state[From], r.from = Value, a.at(p.loc)
		r.state[To], r.to = Value, b.at(p.loc)
		r.common = true
		return
	}
	from, to := splitFrame(c)
	r.state[From], r.from = p.moment(l, From, from)
	if r.state[To], r.to = p.moment(l, To, to); to == nil && r.state[From] != Value {
		r.state[To] = r.state[From] // one mask for both
	}
}

// identify makes the key by which the row is known again.
func (p *parser) identify(r *row, l *layout, cells []span) {
	r.byID = false
	if r.state[ID] == Value {
		if c := p.cell(cells[l.cell[ID]]); len(c) >= 12 {
			// Short ids are numbers of rows, and begin again in each file.
			r.byID = true
			r.key = mix(maphash.Bytes(p.seed, c), 1)
			if i := l.cell[Networks]; i >= 0 {
				r.sums |= sumOf(r.state[Networks], p.cell(cells[i]), compared[Networks].bits) << compared[Networks].shift
			}
			switch r.state[Time] {
			case Value:
				if r.time != untold {
					r.sums |= fold(uint64(r.time/second), compared[Time].bits) << compared[Time].shift
				}
			case MaskedByVendor, MaskedByAgency, PartlyMasked:
				r.sums |= 1 << compared[Time].shift
			}
			return
		}
	}
	h := uint64(2)
	for _, f := range l.present {
		if r.state[f] == Blank || f == To && l.cell[To] == l.cell[From] {
			continue
		}
		var v uint64
		if f == Time && r.time != untold {
			v = uint64(r.time)
		} else {
			v = maphash.Bytes(p.seed, p.cell(cells[l.cell[f]]))
		}
		h = mix(h+uint64(f)<<56, v)
	}
	r.key = h
}

// sumOf is the sum, for differ, of a cell in a state.
func sumOf(s State, b []byte, bits uint) uint32 {
	switch s {
	case Value:
		return sum(b, bits)
	case MaskedByVendor, MaskedByAgency, PartlyMasked:
		return 1
	}
	return 0
}

// search builds the Search of a row.
func (p *parser) search(s *Search, r *row) {
	l := r.layout
	if s.layout != l {
		s.Cell = [NumFields][]byte{}
	}
	s.parser, s.row, s.layout, s.State = p, r, l, r.state
	s.Time, s.From, s.To, s.Networks, s.Devices = time.Time{}, time.Time{}, time.Time{}, -1, -1
	for _, f := range l.present {
		if st := r.state[f]; st == Value || st == PartlyMasked {
			s.Cell[f] = p.cell(p.spans[r.as+int(l.cell[f])])
		} else {
			s.Cell[f] = nil
		}
	}
	if r.time != untold {
		s.Time = time.UnixMicro(r.time).UTC()
	}
	switch {
	case r.common:
		s.Cell[From], s.Cell[To] = s.Cell[From][:commonLen], s.Cell[From][len(s.Cell[From])-commonLen:]
	case l.cell[From] >= 0 && l.cell[From] == l.cell[To] && r.state[From] == Value:
		s.Cell[From], s.Cell[To] = splitFrame(s.Cell[From])
	}
	if r.from != untold {
		s.From = time.UnixMicro(r.from).UTC()
	}
	if r.to != untold {
		s.To = time.UnixMicro(r.to).UTC()
	}
	if r.state[Networks] == Value {
		if n, ok := integer(s.Cell[Networks]); ok {
			s.Networks = n
		}
	}
	if r.state[Devices] == Value {
		if n, ok := integer(s.Cell[Devices]); ok {
			s.Devices = n
		}
	}
}

// moment reads a cell as an end of the time frame: what it is, and the time.
func (p *parser) moment(l *layout, f Field, c []byte) (State, int64) {
	s, ok := parseStamp(c)
	if !ok || !s.date || s.serial != l.serial {
		return stateOf(f, c), untold
	}
	if s.serial {
		s.days += p.days
	}
	return Value, s.at(p.loc)
}
