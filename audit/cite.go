package audit

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"porchlight/searchlog"
)

// cite reads the cells of the rows that findings cite and that were not kept
// while reading: those of findings over several rows. It reads only the sources
// that hold one, of plain tables only the lines that do, and no further than the
// last of them.
func (e *engine) cite(ctx context.Context, sources []searchlog.Source, reading *searchlog.Reading) error {
	wanted := map[ref]bool{}
	want := func(refs []ref) {
		for _, r := range refs {
			if e.cells[r] == nil {
				wanted[r] = true
			}
		}
	}
	for i := range e.v.rules {
		want(e.v.rules[i].refs)
		for _, c := range e.v.rules[i].best {
			want(c.refs)
		}
	}
	for _, quick := range [...]bool{true, false} { // what the quick way does not find, the long one does
		if len(wanted) == 0 {
			return nil
		}
		some, files := holding(sources, reading, wanted, quick)
		if len(some) == 0 {
			continue
		}
		if err := e.readCited(ctx, some, files, wanted); err != nil {
			return err
		}
		for r := range wanted {
			if e.cells[r] != nil {
				delete(wanted, r)
			}
		}
	}
	e.lost = len(wanted)
	return nil
}

func (e *engine) readCited(ctx context.Context, sources []searchlog.Source, files []int, wanted map[ref]bool) error {
	ctx, done := context.WithCancelCause(ctx)
	defer done(nil)
	left := atomic.Int64{}
	left.Store(int64(len(wanted)))
	var mu sync.Mutex
	var citers []*citer
	_, err := searchlog.Read(ctx, sources, e.readOptions(nil), func() searchlog.Visitor {
		c := &citer{wanted: wanted, files: files, left: &left, done: func() { done(errAllFound) }, cells: map[ref]map[string]string{}}
		mu.Lock()
		defer mu.Unlock()
		citers = append(citers, c)
		return c
	})
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errAllFound) {
		return cause
	} else if cause == nil && err != nil {
		return err
	}
	for _, c := range citers {
		maps.Copy(e.cells, c.cells)
	}
	return nil
}

var errAllFound = errors.New("all rows found")

// holding returns the sources in which wanted rows are, and for each file that
// reading them gives its index in reading.Files. The quick way takes the plain
// tables only, and of them the lines.
func holding(sources []searchlog.Source, reading *searchlog.Reading, wanted map[ref]bool, quick bool) ([]searchlog.Source, []int) {
	in := map[int][]int{} // file to wanted lines
	for r := range wanted {
		in[int(r.file)] = append(in[int(r.file)], int(r.line))
	}
	// A file is a source, or a member or sheet of one.
	of := make([][]int, len(sources))
	at := 0
	for i, f := range reading.Files {
		for at < len(sources) && f.Path != sources[at].Name && !strings.HasPrefix(f.Path, sources[at].Name+"/") {
			at++
		}
		if at == len(sources) { // named otherwise: read all
			if quick {
				return nil, nil
			}
			all := make([]int, len(reading.Files))
			for i := range all {
				all[i] = i
			}
			return sources, all
		}
		of[at] = append(of[at], i)
	}
	var some []searchlog.Source
	var files []int
	for s, its := range of {
		if !slices.ContainsFunc(its, func(i int) bool { return len(in[i]) > 0 }) {
			continue
		}
		source := sources[s]
		if quick {
			f := reading.Files[its[0]]
			if len(its) > 1 || f.Path != source.Name || !plain(f) {
				continue
			}
			source.Open = sieved(source.Open, in[its[0]])
		}
		some = append(some, source)
		files = append(files, its...)
	}
	return some, files
}

// plain reports a table of which any row can be read without those before it.
func plain(f searchlog.File) bool {
	return f.Encoding == "utf-8" && f.Delimiter != "" && len(f.Repairs) == 0
}

// sieved opens a table of which only the beginning and the wanted lines are
// left; the others are empty, so that line numbers stay.
func sieved(open func() (io.ReadCloser, error), lines []int) func() (io.ReadCloser, error) {
	slices.Sort(lines)
	return func() (io.ReadCloser, error) {
		src, err := open()
		if err != nil {
			return nil, err
		}
		s := &sieve{Closer: src, src: bufio.NewReaderSize(src, sieveHead), lines: lines}
		if head, _ := s.src.Peek(2); string(head) == "PK" || string(head) == "\x1f\x8b" {
			s.packed = true
		}
		return s, nil
	}
}

// sieveHead is how much of a table's beginning is left as it is, by which its
// columns are known.
const sieveHead = 256 << 10

type sieve struct {
	io.Closer
	src    *bufio.Reader
	lines  []int // wanted, those to come
	line   int   // lines read
	done   int   // bytes read
	odd    bool  // within a quoted cell of a row that is left
	inside bool  // within a line that goes on
	out    []byte
	packed bool
	err    error
}

func (s *sieve) Read(p []byte) (int, error) {
	if s.packed {
		return s.src.Read(p)
	}
	for len(s.out) == 0 && s.err == nil {
		s.fill()
	}
	n := copy(p, s.out)
	s.out = s.out[:copy(s.out, s.out[n:])]
	if n == 0 {
		return 0, s.err
	}
	return n, nil
}

// fill takes the lines that are buffered.
func (s *sieve) fill() {
	for len(s.out) < 64<<10 && s.err == nil {
		s.skip()
		part, err := s.src.ReadSlice('\n')
		if err != bufio.ErrBufferFull {
			s.err = err
		}
		if !s.inside {
			s.line++
		}
		s.inside = err == bufio.ErrBufferFull
		s.done += len(part)
		wanted := len(s.lines) > 0 && s.lines[0] == s.line
		switch {
		case s.done <= sieveHead || wanted || s.odd:
			s.out = append(s.out, part...)
			s.odd = s.odd != (bytes.Count(part, quote)%2 == 1)
		case !s.inside && s.err == nil:
			s.out = append(s.out, '\n')
		}
		for !s.inside && len(s.lines) > 0 && s.lines[0] <= s.line {
			s.lines = s.lines[1:]
		}
	}
}

// skip passes over whole lines of which none is wanted, some thousand bytes at
// a time.
func (s *sieve) skip() {
	if s.done <= sieveHead || s.odd || s.inside {
		return
	}
	for len(s.out) < 64<<10 {
		part, _ := s.src.Peek(min(max(s.src.Buffered(), 1), 4<<10))
		part = part[:bytes.LastIndexByte(part, '\n')+1]
		n := bytes.Count(part, newline)
		if n == 0 || len(s.lines) > 0 && s.lines[0] <= s.line+n {
			return
		}
		s.out = append(s.out, newlines[:n]...)
		s.line += n
		s.done += len(part)
		_, _ = s.src.Discard(len(part)) // it is buffered
	}
}

var (
	quote    = []byte{'"'}
	newline  = []byte{'\n'}
	newlines = bytes.Repeat(newline, 4<<10)
)

// citer copies the cells of wanted rows.
type citer struct {
	wanted map[ref]bool
	files  []int
	left   *atomic.Int64
	done   func()
	cells  map[ref]map[string]string
}

func (c *citer) Visit(all []searchlog.Search) {
	for i := range all {
		c.visit(&all[i])
	}
}

func (c *citer) visit(s *searchlog.Search) {
	if s.File >= len(c.files) {
		return
	}
	here := ref{uint32(c.files[s.File]), uint32(s.Line)}
	if !c.wanted[here] || c.cells[here] != nil {
		return
	}
	c.cells[here] = cellsOf(s)
	if c.left.Add(-1) == 0 {
		c.done()
	}
}
