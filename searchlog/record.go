package searchlog

import (
	"bytes"
	"math/bits"
)

// Limits of what is taken for one cell and one row.
const (
	maxCell   = 16 << 10 // bytes of a quoted cell that goes over lines
	maxLines  = 64       // lines of a quoted cell
	maxRecord = 1 << 20  // bytes of a row
)

// span is a cell: bytes of the block, or of the parser's extra bytes where the
// top bit of from is set. Where has is told, it is what the bytes are.
type span struct {
	from, to uint32
	has      kind
}

const inExtra = 1 << 31

// record is a row cut into cells.
type record struct {
	at, end int    // bytes of the block, the line's end included
	lines   int    // line ends within and behind it
	first   int    // its cells are spans[first:]
	multi   uint64 // cells (of the first 64) that go over lines
	quoted  uint64 // cells (of the first 64) that stand in quotes with a bare quote among them
	mended  bool   // a quote was taken for a character
}

// outcome says how cutting went.
type outcome uint8

const (
	whole    outcome = iota
	more             // the data end before the record does
	unclosed         // a quoted cell does not end within the limits
)

// split cuts the record at p.data[at:] into cells. A quote opens a cell at its
// beginning only and closes it before a delimiter or a line's end; others are
// characters. Cells whose bit is set in literal are not opened by their quote.
func (p *parser) split(at int, literal uint64) (rec record, o outcome) {
	data, eol := p.data, p.eol
	rec = record{at: at, first: len(p.spans)}
	i, cell := at, 0
	for {
		// A cell begins at i.
		start := i
		for i < len(data) && data[i] == ' ' {
			i++
		}
		if i < len(data) && data[i] == '"' && p.quotes {
			bit := uint64(1) << min(cell, 63)
			if literal&bit == 0 {
				end, o := p.quotedCell(&rec, i, bit)
				if o != whole {
					if o == unclosed {
						rec.multi = bit
					}
					return rec, o
				}
				i = end
				goto behind
			}
			i++
			start = i
		}
		{
			has := judged
			if i > start {
				has |= hasBlank
			}
			for ; i < len(data); i++ {
				k := p.kinds[data[i]]
				if k&ends != 0 {
					break
				}
				has |= k
			}
			p.spans = append(p.spans, span{uint32(start), uint32(i), has})
		}
	behind:
		if i >= len(data) {
			if !p.last {
				return rec, more
			}
			rec.end = i
			return rec, whole
		}
		if data[i] == eol {
			rec.lines++
			rec.end = i + 1
			// The carriage return belongs to the line's end.
			if s := &p.spans[len(p.spans)-1]; eol == '\n' && s.from&inExtra == 0 && s.to > s.from && data[s.to-1] == '\r' && s.to == uint32(i) {
				s.to--
			}
			return rec, whole
		}
		i++
		cell++
	}
}

// quotedCell appends the cell that is opened by the quote at i and gives the
// place of the delimiter or line end behind it.
func (p *parser) quotedCell(rec *record, i int, bit uint64) (end int, o outcome) {
	data := p.data
	from, q := i+1, i+1
	doubled := false
	for {
		window := data[q:min(len(data), max(q, from+maxCell))]
		k := bytes.IndexByte(window, '"')
		if k < 0 {
			if len(data) < from+maxCell && !p.last {
				return 0, more
			}
			return 0, unclosed
		}
		q += k
		if q+1 >= len(data) {
			if !p.last {
				return 0, more
			}
			end = q + 1
			break
		}
		c := data[q+1]
		if c == '"' {
			doubled = true
			q += 2
			continue
		}
		if c == p.delim || c == '\n' {
			end = q + 1
			break
		}
		if c == '\r' || c == ' ' {
			e := q + 2
			for e < len(data) && (data[e] == ' ' || data[e] == '\r') && e < q+256 {
				e++
			}
			if e >= len(data) && !p.last {
				return 0, more
			}
			if e >= len(data) || data[e] == p.delim || data[e] == '\n' {
				end = e
				break
			}
		}
		rec.quoted |= bit
		q++
	}
	if body := data[from:q]; bytes.IndexByte(body, '\n') >= 0 {
		n := bytes.Count(body, []byte{'\n'})
		if n >= maxLines {
			return 0, unclosed
		}
		rec.lines += n
		rec.multi |= bit
	}
	s := span{from: uint32(from), to: uint32(q)}
	if doubled {
		s = p.undouble(data[from:q])
	}
	p.spans = append(p.spans, s)
	return end, whole
}

// undouble puts the cell with its doubled quotes made single into extra.
func (p *parser) undouble(b []byte) span {
	from := len(p.extra)
	for i := 0; i < len(b); i++ {
		p.extra = append(p.extra, b[i])
		if b[i] == '"' && i+1 < len(b) && b[i+1] == '"' {
			i++
		}
	}
	return p.extraFrom(from)
}

func (p *parser) extraFrom(from int) span {
	return span{from: uint32(from) | inExtra, to: uint32(len(p.extra))}
}

// cell is the bytes of a cell without the blanks around it.
func (p *parser) cell(s span) []byte {
	if s.has&(judged|hasBlank) == judged { // which none in extra is
		return p.data[s.from:s.to]
	}
	return p.trimmed(s)
}

func (p *parser) trimmed(s span) []byte { return trim(p.bytes(s)) }

// state of a cell whose trimmed bytes are b.
func (p *parser) state(f Field, s span, b []byte) State {
	if s.has&judged == 0 || len(b) < int(s.to-s.from) {
		return stateOf(f, b)
	}
	return stateOfKinds(f, b, s.has)
}

// bytes of a cell.
func (p *parser) bytes(s span) []byte {
	if s.from&inExtra != 0 {
		return p.extra[s.from&^inExtra : s.to : s.to]
	}
	return p.data[s.from:s.to:s.to]
}

// next cuts the record at at, and decides what a cell over several lines is: a
// cell, or a quote that nobody closed and the rows it swallowed. The answer
// depends on the bytes from at on alone, not on how they came in blocks.
func (p *parser) next(at int, l *layout) (rec record, o outcome) {
	rec, o = p.split(at, 0)
	if o == more || o == whole && rec.multi == 0 && (rec.quoted == 0 || p.reads(l, rec)) {
		return rec, o
	}
	if o == whole && rec.multi != 0 && p.onlyFrames(l, rec) {
		return rec, o
	}
	asIs, asIsOutcome := rec, o
	fine := o == whole && p.reads(l, rec)

	// Take the quotes of suspicious cells for characters, one after the other.
	literal := uint64(0)
	for range 8 {
		suspects := rec.multi
		if i := l.cell[frame]; i >= 0 && i < 64 && o == whole {
			suspects &^= 1 << i
		}
		if suspects == 0 {
			suspects = rec.quoted
		}
		if suspects == 0 {
			break
		}
		literal |= 1 << bits.TrailingZeros64(suspects)
		p.spans = p.spans[:asIs.first]
		rec, o = p.split(at, literal)
		if o == more {
			return rec, more
		}
		if o != whole || !p.reads(l, rec) {
			continue
		}
		if fine {
			// Both readings give a row. It is a lost quote if a row follows at once.
			mark := len(p.spans)
			_, o := p.split(rec.end, 0)
			reads := o == whole && p.readsFrom(l, mark)
			p.spans = p.spans[:mark]
			if o == more {
				return rec, more
			}
			if !reads {
				break
			}
		}
		rec.mended = true
		return rec, whole
	}
	p.spans = p.spans[:asIs.first]
	if asIsOutcome == unclosed {
		return p.lineAlone(at)
	}
	rec, o = p.split(at, 0)
	return rec, o
}

// lineAlone cuts the line at at whose quote is never closed: a row that has
// lost its form must not take others with it.
func (p *parser) lineAlone(at int) (rec record, o outcome) {
	end := bytes.IndexByte(p.data[at:], '\n')
	if end < 0 && !p.last {
		return record{}, more
	}
	data, last := p.data, p.last
	if end >= 0 {
		p.data = data[:at+end+1]
	}
	p.last = true
	defer func() { p.data, p.last = data, last }()
	literal := uint64(0)
	for {
		mark := len(p.spans)
		rec, o = p.split(at, literal)
		if o == whole {
			break
		}
		p.spans = p.spans[:mark]
		if literal&rec.multi != 0 || rec.multi == 0 {
			// Beyond the 64th cell: quotes mean nothing in this line.
			p.quotes = false
			rec, _ = p.split(at, 0)
			p.quotes = true
			break
		}
		literal |= rec.multi
	}
	rec.mended = true
	return rec, whole
}

// reads says whether the record's cells fit the layout without mending.
func (p *parser) reads(l *layout, rec record) bool { return p.readsFrom(l, rec.first) }

func (p *parser) readsFrom(l *layout, first int) bool {
	if l.role != searches {
		return len(p.spans)-first == l.n
	}
	var r row
	return p.read(&r, l, p.spans[first:])
}

// onlyFrames says whether the record reads and its only cell of two lines is
// the time frame.
func (p *parser) onlyFrames(l *layout, rec record) bool {
	i := int(l.cell[frame])
	if l.role != searches || i < 0 || i > 63 || rec.multi != 1<<i || rec.lines > 3 || len(p.spans)-rec.first != l.n {
		return false
	}
	s := p.spans[rec.first+i]
	return s.to&^inExtra-s.from&^inExtra < 80
}
