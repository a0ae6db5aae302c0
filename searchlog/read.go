package searchlog

import (
	"bytes"
	"context"
	"hash/maphash"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// blockSize is how much of a file one worker takes at a time.
const blockSize = 1 << 20

// Read reads the sources. It calls visitor once for each worker and hands the
// searches out among them. It ends early, with the context's error, when ctx
// does; otherwise trouble with one source is told in its File and reading goes on.
func Read(ctx context.Context, sources []Source, o Options, visitor func() Visitor) (*Reading, error) {
	if o.block <= 0 {
		o.block = blockSize
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &reader{
		ctx: ctx, o: o, seed: maphash.MakeSeed(), seen: &seen{},
		blocks: make(chan *block, o.Workers), free: make(chan []byte, 2*o.Workers+2),
		turn: make(chan state, 1),
	}
	r.turn <- state{}
	for _, s := range sources {
		if s.Size < 0 || r.total < 0 {
			r.total = -1
		} else {
			r.total += s.Size
		}
	}

	if r.total >= 0 && r.total < int64(r.o.block) { // no need of memory for more
		r.o.block = min(r.o.block, max(int(r.total), 64<<10))
	}

	var all sync.WaitGroup
	workers := make([]*worker, o.Workers)
	for i := range workers {
		w := &worker{r: r, visitor: visitor()}
		w.p.seed = r.seed
		workers[i] = w
		all.Go(w.work)
	}
	for _, s := range sources {
		if ctx.Err() != nil {
			break
		}
		r.source(s)
	}
	close(r.blocks)
	all.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return r.finish(workers), nil
}

// reader is one call of Read: it cuts the sources into blocks, which the
// workers parse side by side and then, one after the other in the order of the
// sources, compare with all rows before.
type reader struct {
	ctx    context.Context
	o      Options
	seed   maphash.Seed
	blocks chan *block
	free   chan []byte // buffers for blocks
	turn   chan state  // the turn of the next block
	done   atomic.Int64
	total  int64

	// Of the goroutine that reads.
	files []*file

	// Of whoever has the turn.
	seen   *seen
	order  []*file // those that were begun
	shares []Share
	lines  int // of the file whose turn it was last
	rows   int // of all files so far
}

// block is a piece of a file: whole records, if the cut was right.
type block struct {
	file   *file
	first  bool // of its file
	last   bool
	data   []byte
	before chan state // the turn comes
	after  chan state // and goes on
}

// file is a File being read.
type file struct {
	File
	index   int
	start   state // at its first block
	delim   byte
	loc     *time.Location
	why     string // loc is that of the times
	days    int64
	numbers bool
	layout  atomic.Pointer[layout] // that the last block had: a guess for the next

	// Of whoever has the turn.
	rows    int // records of any kind, header left out
	kinds   map[string]int
	reasons map[string]int
	latin   int
	copyOf  int // the file that all duplicates so far are from, -1 for none yet, -2 for several
	masked  int // duplicates of which one masks what the other shows
	broken  error
}

// A tally is what one worker counted of a file.
type tally struct {
	cells           [NumFields][NumStates]int
	alike           [64]alike // counted, but not yet in cells
	first, last     int64
	zoned, zoneless bool
	months          [44]uint64 // since 1970: those with a search
	day             int64      // of the row before
}

// visited is how many searches are visited at a time: so few that they stay near
// the processor.
const visited = 32

type worker struct {
	r       *reader
	p       parser
	visitor Visitor
	batch   [visited]Search
	tallies map[int]*tally
	joined  []byte
}

func (w *worker) work() {
	w.tallies = map[int]*tally{}
	for b := range w.r.blocks {
		if w.r.ctx.Err() != nil {
			continue
		}
		if !w.block(b) {
			continue
		}
		select {
		case w.r.free <- b.data[:0]:
		default:
		}
	}
}

// block parses one block, waits for its turn to compare it, and visits what is
// new. It is parsed before the block in front of it is known, as if that ended
// with a whole record and changed no columns; where that proves wrong it is
// parsed again.
func (w *worker) block(b *block) bool {
	f, p := b.file, &w.p
	p.loc, p.days, p.numbers, p.long = f.loc, f.days, f.numbers, w.r.o.long
	if p.numbers {
		p.separate(f.delim, rowEnd)
	} else {
		p.separate(f.delim, '\n')
	}
	guess := state{layout: f.layout.Load()}
	p.run(b.data, b.last, guess)

	var from state
	select {
	case from = <-b.before:
	case <-w.r.ctx.Done():
		return false
	}
	if b.first {
		from = f.start
		w.r.begin(f)
	}
	if len(from.carry) > 0 || from.skipping || from.layout != guess.layout {
		data := b.data
		if len(from.carry) > 0 {
			w.joined = append(append(w.joined[:0], from.carry...), b.data...)
			data = w.joined
		}
		p.run(data, b.last, from)
	}
	next := p.end
	if next.line = from.line + p.lines; p.numbers {
		next.line = 0 // rows bring their numbers
	}
	if len(next.carry) > 0 {
		next.carry = bytes.Clone(next.carry)
	}
	w.r.compare(f, p, from.line)
	if b.last {
		w.r.lines = from.line + p.lines
	}
	f.layout.Store(next.layout)
	b.after <- next

	t := w.tallies[f.index]
	if t == nil {
		t = &tally{first: untold, last: untold}
		w.tallies[f.index] = t
	}
	n := 0
	for i := range p.rows {
		row := &p.rows[i]
		if row.again {
			continue
		}
		t.add(row)
		s := &w.batch[n]
		s.File, s.Line = f.index, from.line+row.line+1
		p.search(s, row)
		if n++; n == len(w.batch) {
			w.visitor.Visit(w.batch[:])
			n = 0
		}
	}
	if n > 0 {
		w.visitor.Visit(w.batch[:n])
	}
	return true
}

// alike are rows of the same states, of which a file has few kinds.
type alike struct {
	state [NumFields]State
	rows  int
}

func (t *tally) add(r *row) {
	h := uint32(0)
	for _, s := range r.state {
		h = h*9 + uint32(s)
	}
	a := &t.alike[h*0x9E3779B1>>26]
	if a.state != r.state {
		t.settle(a)
		a.state = r.state
	}
	a.rows++
	if r.time == untold {
		return
	}
	if t.first == untold || r.time < t.first {
		t.first = r.time
	}
	if t.last == untold || r.time > t.last {
		t.last = r.time
	}
	t.zoned = t.zoned || r.zoned
	t.zoneless = t.zoneless || r.zoneless
	if d := r.time / day; d != t.day {
		t.day = d
		y, m, _ := civil(d)
		if m := (y-1970)*12 + m - 1; m >= 0 && m < 64*int64(len(t.months)) {
			t.months[m/64] |= 1 << (m % 64)
		}
	}
}

// begin starts a file in the turn of its first block.
func (r *reader) begin(f *file) {
	r.seen.file(r.lines)
	r.order = append(r.order, f)
	r.lines = 0
}

// compare counts the rows and notes of a block and finds those seen before. The
// caller has the turn.
func (r *reader) compare(f *file, p *parser, lines int) {
	f.rows += p.records
	if r.rows += p.records; r.total > 0 && r.rows > 100_000 {
		r.seen.expect = int(float64(r.rows) * float64(r.total) / float64(r.done.Load()))
	}
	f.latin += p.latin
	f.Sharing += p.sharing
	for _, s := range p.shares {
		s.File, s.Line = f.index, s.Line+lines+1
		r.shares = append(r.shares, s)
	}
	for _, n := range p.asides {
		f.setAside(lines+n.line+1, n.what, n.text)
	}
	for _, n := range p.repairs {
		f.repair(lines+n.line+1, n.what)
	}
	for i := range p.rows {
		if i%ahead == 0 {
			r.seen.fetch(p.rows[i:min(i+ahead, len(p.rows))])
		}
		row := &p.rows[i]
		line := lines + row.line + 1
		row.again = false
		var place uint32
		d := Duplicate{Line: line, By: "content"}
		if row.byID {
			var before uint32
			if place, before, row.again = r.seen.byID(row.key, line, row.sums); row.again {
				var masked bool
				d.By = "id"
				if d.Different, masked = differ(before, row.sums); masked {
					f.masked++
				}
			}
		} else {
			place, row.again = r.seen.byContent(row.key, line)
		}
		if !row.again {
			f.Rows++
			continue
		}
		of, ofLine := r.seen.where(place)
		f.Duplicate++
		switch {
		case f.copyOf == -1:
			f.copyOf = of
		case f.copyOf != of:
			f.copyOf = -2
		}
		if len(f.Repeated) < MaxNotes {
			if of >= 0 {
				d.OfFile, d.OfLine = r.order[of].Path, ofLine
			}
			f.Repeated = append(f.Repeated, d)
		}
	}
}

func (f *file) setAside(line int, reason, text string) {
	f.SetAsideRows++
	if _, known := f.reasons[reason]; !known && len(f.reasons) >= MaxNotes {
		reason = "other"
	}
	f.reasons[reason]++
	if f.reasons[reason] <= MaxNotes && len(f.SetAside) < 20*MaxNotes {
		f.SetAside = append(f.SetAside, SetAside{line, reason, text})
	}
}

func (f *file) repair(line int, kind string) {
	k, ok := f.kinds[kind]
	if !ok {
		k = len(f.Repairs)
		f.kinds[kind] = k
		f.Repairs = append(f.Repairs, Repair{Kind: kind})
	}
	r := &f.Repairs[k]
	r.Rows++
	if len(r.Lines) < MaxNotes {
		r.Lines = append(r.Lines, line)
	}
}

// send hands a block to the workers, false when the reading was stopped.
func (r *reader) send(f *file, data []byte, first, last bool) bool {
	b := &block{file: f, first: first, last: last, data: data, before: r.turn, after: make(chan state, 1)}
	r.turn = b.after
	select {
	case r.blocks <- b:
		return true
	case <-r.ctx.Done():
		return false
	}
}

// buffer is a free buffer for one block.
func (r *reader) buffer() []byte {
	select {
	case b := <-r.free:
		return b
	default:
		return make([]byte, 0, r.o.block+r.o.block/8)
	}
}

// table cuts a text from src into blocks, from its first record on.
func (r *reader) table(f *file, src io.Reader) {
	first := true
	buf := r.buffer()
	for {
		// Fill the buffer behind what the last cut left.
		if cap(buf) < r.o.block {
			buf = append(make([]byte, 0, r.o.block+r.o.block/8), buf...)
		}
		n, err := io.ReadFull(src, buf[len(buf):max(r.o.block, len(buf)+1)][:max(r.o.block-len(buf), 1)])
		buf = buf[:len(buf)+n]
		last := err != nil
		if last && err != io.EOF && err != io.ErrUnexpectedEOF {
			f.broken = err
		}
		if last {
			r.send(f, buf, first, true)
			return
		}
		at := cut(buf)
		rest := append(r.buffer(), buf[at:]...)
		if !r.send(f, buf[:at], first, false) {
			return
		}
		buf, first = rest, false
	}
}

// cut is a likely end of the last whole record: the last line's end with an
// even number of quotes before it, if one is near.
func cut(b []byte) int {
	const near = 8 << 10
	odd := bytes.Count(b, []byte{'"'})%2 == 1
	last := 0
	for end := len(b); ; {
		i := bytes.LastIndexByte(b[:end], '\n')
		if i < 0 || i < len(b)-near && last > 0 {
			break
		}
		if last == 0 {
			last = i + 1
		}
		if bytes.Count(b[i:end], []byte{'"'})%2 == 1 {
			odd = !odd
		}
		if !odd {
			return i + 1
		}
		end = i
	}
	if last == 0 {
		return len(b)
	}
	return last
}

// finish puts together what the workers counted, in the order of the files.
func (r *reader) finish(workers []*worker) *Reading {
	out := &Reading{Files: make([]File, len(r.files)), Shares: r.shares}
	for i, f := range r.files {
		all := tally{first: untold, last: untold}
		for _, w := range workers {
			if t := w.tallies[i]; t != nil {
				all.join(t)
			}
		}
		f.close(r, &all)
		out.Files[i] = f.File
	}
	return out
}

// settle brings rows that are alike into cells.
func (t *tally) settle(a *alike) {
	for f, s := range a.state {
		t.cells[f][s] += a.rows
	}
	a.rows = 0
}

// join adds what another worker counted, which is of no use any more.
func (t *tally) join(o *tally) {
	for i := range o.alike {
		o.settle(&o.alike[i])
	}
	for f := range t.cells {
		for s := range t.cells[f] {
			t.cells[f][s] += o.cells[f][s]
		}
	}
	if o.first != untold && (t.first == untold || o.first < t.first) {
		t.first = o.first
	}
	if o.last != untold && (t.last == untold || o.last > t.last) {
		t.last = o.last
	}
	t.zoned, t.zoneless = t.zoned || o.zoned, t.zoneless || o.zoneless
	for i := range t.months {
		t.months[i] |= o.months[i]
	}
}

// close fills in what is known at a file's end.
func (f *file) close(r *reader, t *tally) {
	f.Cells = map[string]map[string]int{}
	for field := range NumFields {
		for s := range NumStates {
			if n := t.cells[field][s]; n > 0 {
				if f.Cells[field.String()] == nil {
					f.Cells[field.String()] = map[string]int{}
				}
				f.Cells[field.String()][s.String()] = n
			}
		}
	}
	if t.first != untold {
		f.First, f.Last = time.UnixMicro(t.first).UTC(), time.UnixMicro(t.last).UTC()
	}
	f.doubts(r, t)
	// In JSON nothing is [], not null.
	f.Columns, f.Missing, f.Unknown = list(f.Columns), list(f.Missing), list(f.Unknown)
	f.Repairs, f.SetAside, f.Repeated, f.Warnings = list(f.Repairs), list(f.SetAside), list(f.Repeated), list(f.Warnings)
}

func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
