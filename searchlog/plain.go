package searchlog

import (
	"bytes"
	"encoding/binary"
)

// column says how the cells of one column are read where nothing is odd.
type column struct {
	field Field // NumFields where the cell says nothing that is kept
	frame bool  // the cell holds From and To
}

// plainly are the columns of a layout whose rows may be read by plain, nil where
// they may not.
func (l *layout) plainly() []column {
	if l.role != searches || l.cell[clock] >= 0 || l.cell[Time] < 0 || l.cell[From] != l.cell[To] || l.n > 63 {
		return nil
	}
	columns := make([]column, l.n)
	for i := range columns {
		columns[i].field = NumFields
	}
	for _, f := range l.present {
		c := &columns[l.cell[f]]
		if c.field != NumFields && f != To {
			return nil
		}
		c.field, c.frame = f, f == To
	}
	return columns
}

// mostlyPlain is how many rows that are not plain, more than those that are, show
// a block to be of another kind.
const mostlyPlain = 100

// plain reads the row at data[at:] as nearly all stand: as many cells as the
// layout has, none over lines but a time frame, its times in the common spelling.
// One pass cuts the cells, judges them and reads the times. Where it meets anything
// else it leaves nothing behind and says false: then next and take decide, which
// read every row that plain reads the same way.
func (p *parser) plain(at int, l *layout) (end int, ok bool) {
	data, first := p.data, len(p.spans)
	p.rows = append(p.rows, row{line: p.lines, raw: first, n: l.n, as: first, layout: l, time: untold, from: untold, to: untold})
	r := &p.rows[len(p.rows)-1]
	i, lines := at, 1
	for k := range l.columns {
		col := l.columns[k]
		s, next := p.plainCell(i, col)
		if next < 0 || next >= len(data) || (data[next] == p.eol) != (k == l.n-1) || !p.judge(r, l, col, s) {
			p.spans, p.rows = p.spans[:first], p.rows[:len(p.rows)-1]
			return at, false
		}
		if data[next] == p.eol && next == int(s.to) && s.to > s.from && data[s.to-1] == '\r' {
			s.to-- // the carriage return belongs to the line's end
		}
		p.spans = append(p.spans, s)
		if col.frame && data[int(s.from)+commonLen] == '\n' {
			lines++
		}
		i = next + 1
	}
	if i-at > maxRecord {
		p.spans, p.rows = p.spans[:first], p.rows[:len(p.rows)-1]
		return at, false
	}
	p.identify(r, l, p.spans[first:])
	p.records++
	p.lines += lines
	return i, true
}

// plainCell cuts the cell that begins at i, and gives the place of what ends it;
// -1 where that takes another look.
func (p *parser) plainCell(i int, col column) (s span, end int) {
	data := p.data
	if i >= len(data) || data[i] == ' ' {
		return s, -1
	}
	if data[i] != '"' {
		from, has := i, judged
		if col.field == ID && p.delim < '-' && isPlainUUID(data[i:]) && p.kinds[data[i+uuidLen]]&ends != 0 {
			i += uuidLen
		}
		for ; i < len(data); i++ {
			k := p.kinds[data[i]]
			if k&ends != 0 {
				break
			}
			has |= k
		}
		return span{uint32(from), uint32(i), has}, i
	}
	from, to := i+1, -1
	if left := len(data) - from; left > 2*commonLen+4 { // where a common time would end
		switch {
		case col.frame && data[from+commonLen] == '\n':
			to = from + 2*commonLen + 1
		case col.frame:
			to = from + 2*commonLen + 4
		case col.field == Time:
			to = from + commonLen
		}
	}
	if to < 0 || data[to] != '"' {
		n := bytes.IndexByte(data[from:min(len(data), from+maxCell)], '"')
		if n < 0 || bytes.IndexByte(data[from:from+n], '\n') >= 0 {
			return s, -1
		}
		to = from + n
	}
	if end = to + 1; end < len(data) && data[end] == '\r' {
		end++
	}
	if end < len(data) && data[end] != p.eol && (data[end] != p.delim || end > to+1) {
		return s, -1
	}
	return span{from: uint32(from), to: uint32(to)}, end
}

// judge says what the cell of a plain row is, false where it does not fit.
func (p *parser) judge(r *row, l *layout, col column, s span) bool {
	f := col.field
	switch {
	case f == NumFields:
		return true
	case s.from == s.to && !col.frame && f != Time:
		r.state[f] = Blank
		return true
	}
	c := p.cell(s)
	switch f {
	case To:
		a, b, ok := commonFrame(c)
		r.state[From], r.from = Value, a.at(p.loc)
		r.state[To], r.to = Value, b.at(p.loc)
		r.common = true
		return ok
	case Time:
		t, ok := commonStamp(c)
		r.state[Time], r.time, r.zoned = Value, t.at(p.loc), true
		return ok
	case ID:
		if isUUID(c) {
			r.state[ID] = Value
			return true
		}
		r.state[ID] = p.state(ID, s, c)
		return !l.uuids || r.state[ID] != Value
	case Networks:
		r.state[Networks] = p.state(Networks, s, c)
		_, ok := integer(c)
		return ok || r.state[Networks] != Value
	}
	r.state[f] = p.state(f, s, c)
	if summed := &compared[f]; summed.bits > 0 {
		r.sums |= sumOf(r.state[f], c, summed.bits) << summed.shift
	}
	return true
}

const uuidLen = 36

// isPlainUUID says whether data begin with what isUUID takes for one, in which
// nothing ends a cell: all of it is from '-' on and ASCII, as commas and tabs are not.
func isPlainUUID(data []byte) bool {
	if len(data) <= uuidLen || !isUUID(data[:uuidLen]) {
		return false
	}
	const each = 0x0101010101010101
	var odd uint64
	for _, i := range [...]int{0, 8, 16, 24, 28} {
		w := binary.LittleEndian.Uint64(data[i:])
		odd |= w | (w - '-'*each)
	}
	return odd&(0x80*each) == 0
}
