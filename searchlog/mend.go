package searchlog

import (
	"bytes"
	"fmt"
	"slices"
)

// header says whether the row is labels: those of the file again, which is set
// aside, or others, which hold from here on.
func (p *parser) header(r row) bool {
	cells := p.cells(r)
	for _, c := range cells {
		if c = trim(c); isUUID(c) || fits(part(Time), c) == 1 || fits(part(Networks), c) == 1 {
			return false
		}
	}
	l := fromHeader(cells, nil)
	if l == nil || p.end.layout.role != l.role {
		return false
	}
	p.asideRow(r, "header repeated")
	old := p.end.layout
	if len(l.labels) == len(old.labels) && slices.Equal(l.labels, old.labels) || l.same(old) {
		return true
	}
	p.repair(r.line, "stacked header")
	l.uuids, l.serial = old.uuids, old.serial
	p.end.layout = l
	return true
}

func (p *parser) cells(r row) [][]byte {
	out := make([][]byte, r.n)
	for i := range out {
		out[i] = p.bytes(p.spans[r.raw+i])
	}
	return out
}

// mend reads a row whose cells do not stand where the layout has them. It tries
// what happens to such files, from the surest to the least sure, and sets the
// row aside when none gives a search.
func (p *parser) mend(r *row) bool {
	l := p.end.layout
	cells := p.spans[r.raw : r.raw+r.n]

	// Blank cells behind the last column, or last columns left out, change nothing.
	if r.n > l.n && p.allBlank(cells[l.n:]) && p.arrange(r, l, cells[:l.n]) {
		return true
	}
	if p.joinTime(r, l, cells) {
		p.repair(r.line, "split")
		return true
	}
	if r.n < l.n && r.n > int(l.cell[Time]) && p.arrange(r, l, p.padded(cells, l.n)) {
		p.repair(r.line, "last cells left out")
		return true
	}
	if p.verdict(r, l, cells) {
		p.repair(r.line, "shifted")
		return true
	}
	if p.other(r, l, cells) {
		p.repair(r.line, "stacked header")
		return true
	}
	if p.shift(r, l, cells) {
		p.repair(r.line, "shifted")
		return true
	}
	if p.joinText(r, l, cells) {
		p.repair(r.line, "split")
		return true
	}
	if r.n == l.n && p.keep(r, l) {
		return true
	}
	reason := "no time of search"
	if r.n != l.n {
		reason = fmt.Sprintf("%d cells where the header has %d", r.n, l.n)
	}
	p.asideRow(*r, reason)
	return false
}

func (p *parser) allBlank(cells []span) bool {
	for _, s := range cells {
		if len(trim(p.bytes(s))) > 0 {
			return false
		}
	}
	return true
}

// arrange reads the row with these cells instead of its own, if they fit.
func (p *parser) arrange(r *row, l *layout, cells []span) bool {
	var try row
	if !p.read(&try, l, cells) || !p.strictly(l, cells) {
		return false
	}
	try.line, try.raw, try.n = r.line, r.raw, r.n
	try.as = len(p.spans)
	p.spans = append(p.spans, cells...)
	*r = try
	return true
}

// strictly says whether no cell has the shape of another column's.
func (p *parser) strictly(l *layout, cells []span) bool {
	for i, q := range l.parts {
		if i < len(cells) && !(l.serial && q == part(Time)) && fits(q, p.bytes(cells[i])) < 0 {
			return false
		}
	}
	return true
}

func (p *parser) padded(cells []span, n int) []span {
	out := slices.Clone(cells)
	for len(out) < n {
		out = append(out, p.extraFrom(len(p.extra)))
	}
	return out
}

// joined is one cell of several that stood side by side, with their commas.
func (p *parser) joined(cells []span) span {
	from := len(p.extra)
	for i, c := range cells {
		if i > 0 {
			p.extra = append(p.extra, p.delim)
		}
		if c.from&inExtra != 0 {
			p.extra = append(p.extra, p.extra[c.from&^inExtra:c.to]...)
		} else {
			p.extra = append(p.extra, p.data[c.from:c.to]...)
		}
	}
	return p.extraFrom(from)
}

// joinTime puts a time together that an unquoted comma split in two, the search
// time and the two ends of a time frame alike.
func (p *parser) joinTime(r *row, l *layout, cells []span) bool {
	if r.n <= l.n {
		return false
	}
	var out []span
	for i := 0; i < len(cells); i++ {
		if i+1 < len(cells) && len(out) < l.n && l.parts[len(out)] != noPart {
			switch l.parts[len(out)] {
			case part(Time), part(From), part(To), frame:
				a, okA := parseStamp(trim(p.bytes(cells[i])))
				b, okB := parseStamp(trim(p.bytes(cells[i+1])))
				if okA && okB && a.date && !a.clock && b.clock && !b.date {
					out = append(out, p.joined(cells[i:i+2]))
					i++
					continue
				}
			}
		}
		out = append(out, cells[i])
	}
	for len(out) > l.n && p.allBlank(out[len(out)-1:]) {
		out = out[:len(out)-1]
	}
	return len(out) == l.n && len(out) < r.n && p.arrange(r, l, out)
}

// joinText puts a text together that unquoted commas split.
func (p *parser) joinText(r *row, l *layout, cells []span) bool {
	k := r.n - l.n
	if k <= 0 || k > 8 {
		return false
	}
	for _, f := range [...]Field{Reason, Filters, Searcher, Case, Prompt, Agency, Offense, Plate} {
		i := int(l.cell[f])
		if i < 0 {
			continue
		}
		out := append(slices.Clone(cells[:i]), p.joined(cells[i:i+k+1]))
		if p.arrange(r, l, append(out, cells[i+k+1:]...)) {
			return true
		}
	}
	return false
}

// verdict reads a row whose Search Time holds the moderation's word: the time
// is then in another cell, or nowhere.
func (p *parser) verdict(r *row, l *layout, cells []span) bool {
	at := int(l.cell[Time])
	if r.n != l.n || !verdicts[plain(p.bytes(cells[at]))] {
		return false
	}
	out := slices.Clone(cells)
	for i, c := range cells {
		q := l.parts[i]
		if i == at || q == frame || q == part(From) || q == part(To) {
			continue
		}
		if s, ok := parseStamp(trim(p.bytes(c))); ok && s.date && s.clock && !s.serial {
			out[at], out[i] = c, cells[at]
			return p.arrange(r, l, out)
		}
	}
	// No time at all: the search stays, without one.
	out[at] = p.extraFrom(len(p.extra))
	if i := int(l.cell[Moderation]); i >= 0 && len(trim(p.bytes(cells[i]))) == 0 {
		out[i] = cells[at]
	}
	return p.arrange(r, l, out)
}

// shift finds the one place where a cell was lost or slipped in, so that all
// behind it stand in the neighbour's column, and reads the row from there.
func (p *parser) shift(r *row, l *layout, cells []span) bool {
	var best []span
	most := 0
	try := func(out []span, likely int) {
		if len(out) != l.n {
			return
		}
		if score := p.score(l, out); score > 0 && score*16+likely > most {
			best, most = out, score*16+likely
		}
	}
	for i := 0; i <= l.n && i < len(cells); i++ {
		// A cell too many at i, a blank one or a number of the row: take it out.
		// The last may have fallen off the end.
		if blank := len(trim(p.bytes(cells[i]))) == 0; blank || i == 0 {
			out := append(slices.Clone(cells[:i]), cells[i+1:]...)
			if r.n == l.n {
				out = append(out, p.extraFrom(len(p.extra)))
			}
			likely := 0
			if blank {
				likely = 8
			}
			try(out, likely)
		}
		// A cell lost before i, most likely one that is often blank: put it
		// there; where the row is as long as ever, a blank one came at its end.
		if r.n < l.n || r.n == l.n && p.allBlank(cells[len(cells)-1:]) {
			out := append(slices.Clone(cells[:i]), p.extraFrom(len(p.extra)))
			likely := 0
			if i < l.n {
				likely = oftenBlank[l.parts[i]]
			}
			try(append(out, cells[i:min(len(cells), l.n-1)]...), likely)
		}
	}
	return best != nil && p.arrange(r, l, best)
}

// oftenBlank ranks columns by how often they are blank, and so are left out.
var oftenBlank = map[part]int{part(Filters): 7, part(Prompt): 6, part(Case): 5, part(Moderation): 4, part(Plate): 3, part(Devices): 2, part(Reason): 1}

// score is rowFits of spans.
func (p *parser) score(l *layout, cells []span) int {
	row := make([][]byte, len(cells))
	for i, s := range cells {
		row[i] = p.bytes(s)
	}
	return rowFits(l.parts, row)
}

// other reads a row by another arrangement than the file's: two exports put one
// behind the other, without the second's header.
func (p *parser) other(r *row, l *layout, cells []span) bool {
	var best *layout
	most := 0
	for _, o := range bare {
		if o.n > r.n || o.same(l) || !p.allBlank(cells[o.n:]) {
			continue
		}
		if s := p.score(o, cells[:o.n]); s >= 3 && (s > most || s == most && o.n > best.n) {
			best, most = o, s
		}
	}
	return best != nil && p.arrange(r, best, cells[:best.n])
}

// bare are the layouts of the arrangements.
var bare = func() (out []*layout) {
	for _, a := range arrangements {
		out = append(out, newLayout(a.variant, searches, a.parts))
	}
	return out
}()

// keep reads a row of the right length whose time is no time: the search
// stays, without one, where the rest looks like one.
func (p *parser) keep(r *row, l *layout) bool {
	cells := p.spans[r.as : r.as+l.n]
	told := 0
	for i, q := range l.parts {
		if q >= 0 && q < part(NumFields) && stateOf(Field(q), trim(p.bytes(cells[i]))) == Value {
			told++
		}
	}
	id := false
	if i := l.cell[ID]; i >= 0 {
		id = isUUID(trim(p.bytes(cells[i])))
	}
	if !id && (told < 3 || told*2 < l.n) {
		return false
	}
	r.layout, r.time, r.from, r.to = l, untold, untold, untold
	for _, f := range [...]Field{ID, Networks, Time} {
		if i := l.cell[f]; i >= 0 {
			r.state[f] = stateOf(f, trim(p.bytes(cells[i])))
		}
	}
	p.states(r, l, cells)
	p.repair(r.line, "time not read")
	return true
}

// event reads a row of an event log: a search, whose fields are lines of the
// details, or an event that is none and is set aside by its type.
func (p *parser) event(r *row) bool {
	l := p.end.layout
	if r.n < l.n {
		p.asideRow(*r, fmt.Sprintf("%d cells where the header has %d", r.n, l.n))
		return false
	}
	cells := p.spans[r.raw : r.raw+r.n]
	kind := trim(p.bytes(cells[l.cell[event]]))
	low := bytes.ToLower(kind)
	if !bytes.Contains(low, []byte("search")) && !bytes.Contains(low, []byte("lookup")) || bytes.Contains(low, []byte("saved")) || bytes.Contains(low, []byte("export")) {
		p.asideRow(*r, "event: "+string(kind[:min(len(kind), 80)]))
		return false
	}

	out := make([]span, eventLayout.n)
	nothing := p.extraFrom(len(p.extra))
	for i := range out {
		out[i] = nothing
	}
	for i, q := range l.parts {
		if q >= 0 && q < part(NumFields) {
			if k := eventLayout.cell[q]; k >= 0 {
				out[k] = cells[i]
			}
		}
	}
	told := map[part]bool{}
	put := func(q part, value []byte) {
		if k := eventLayout.cell[q]; k >= 0 && !told[q] && q != part(Time) {
			told[q] = true
			from := len(p.extra)
			p.extra = append(p.extra, value...)
			out[k] = p.extraFrom(from)
		}
	}
	for line := range bytes.Lines(p.bytes(cells[l.cell[details]])) {
		label, value, _ := bytes.Cut(line, []byte{':'})
		switch q, is := aliases[plain(label)]; {
		case !is:
		case q == frame:
			from, to := splitFrame(trim(value))
			put(part(From), from)
			put(part(To), to)
		case q < part(NumFields):
			put(q, value)
		}
	}
	if p.arrangeEvent(r, out, told) {
		return true
	}
	p.asideRow(*r, "no time of search")
	return false
}

// eventLayout is the order in which the fields of an event are put.
var eventLayout = func() *layout {
	var parts []part
	for f := range NumFields {
		parts = append(parts, part(f))
	}
	return newLayout("event-log", searches, parts)
}()

func (p *parser) arrangeEvent(r *row, cells []span, told map[part]bool) bool {
	var try row
	l := eventLayout
	if !p.read(&try, l, cells) {
		return false
	}
	for _, f := range l.present {
		if try.state[f] == Blank && !told[part(f)] {
			try.state[f] = NotExported
		}
	}
	try.line, try.raw, try.n = r.line, r.raw, r.n
	try.as = len(p.spans)
	p.spans = append(p.spans, cells...)
	*r = try
	return true
}

// share reads a row that says who shares with whom.
func (p *parser) share(r row) {
	l := p.end.layout
	cells := p.cells(r)
	at := func(q part) []byte {
		if i := int(l.cell[q]); i >= 0 && i < len(cells) {
			return trim(cells[i])
		}
		return nil
	}
	before := len(p.shares)
	add := func(owner, other string, tags []string) {
		if owner != "" && other != "" {
			p.shares = append(p.shares, Share{Line: r.line, Owner: owner, Other: other, Tags: tags})
		}
	}
	if l.cell[shareOwner] >= 0 {
		owner, tags := tagged(at(shareOwner))
		other, more := tagged(at(shareOther))
		add(owner, other, append(tags, more...))
	} else {
		me, _ := tagged(at(part(Agency)))
		for name := range bytes.SplitSeq(at(sharedTo), []byte{','}) {
			other, tags := tagged(name)
			add(other, me, tags)
		}
		for name := range bytes.SplitSeq(at(sharedFrom), []byte{','}) {
			other, tags := tagged(name)
			add(me, other, tags)
		}
	}
	if len(p.shares) == before && len(at(part(Agency))) == 0 {
		p.asideRow(r, "no agency")
		return
	}
	p.sharing++
}

// tagged cuts the marks off an agency's name: [Federal], [Inactive], (deactivated).
func tagged(b []byte) (name string, tags []string) {
	b = trim(b)
	for {
		cut := false
		for _, t := range [...]string{"[federal]", "[inactive]", "(deactivated)", "[deactivated]", "(inactive)", "(federal)"} {
			if n := len(b) - len(t); n >= 0 && bytes.EqualFold(b[n:], []byte(t)) {
				tags = append(tags, t[1:len(t)-1])
				b, cut = trim(b[:n]), true
			} else if n >= 0 && bytes.EqualFold(b[:len(t)], []byte(t)) {
				tags = append(tags, t[1:len(t)-1])
				b, cut = trim(b[len(t):]), true
			}
		}
		if !cut {
			slices.Sort(tags)
			return string(b), tags
		}
	}
}
