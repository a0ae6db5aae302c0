package audit

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"porchlight/searchlog"
)

// cite reads the cells of the rows that findings cite and that were not kept
// while reading: those of findings over several rows. It reads only the sources
// that hold one, and no further than the last of them.
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
	if len(wanted) == 0 {
		return nil
	}
	sources, files := holding(sources, reading, wanted)
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
	e.lost = int(left.Load())
	return nil
}

var errAllFound = errors.New("all rows found")

// holding returns the sources in which wanted rows are, and for each file that
// reading them gives its index in reading.Files.
func holding(sources []searchlog.Source, reading *searchlog.Reading, wanted map[ref]bool) ([]searchlog.Source, []int) {
	in := map[int]bool{}
	for r := range wanted {
		in[int(r.file)] = true
	}
	// A file is a source, or a member or sheet of one.
	of := make([]int, len(reading.Files))
	at := 0
	for i, f := range reading.Files {
		for at < len(sources) && f.Path != sources[at].Name && !strings.HasPrefix(f.Path, sources[at].Name+"/") {
			at++
		}
		if at == len(sources) { // named otherwise: read all
			all := make([]int, len(reading.Files))
			for i := range all {
				all[i] = i
			}
			return sources, all
		}
		of[i] = at
	}
	var some []searchlog.Source
	var files []int
	for s := range sources {
		var its []int
		for i := range of {
			if of[i] == s {
				its = append(its, i)
			}
		}
		if slices.ContainsFunc(its, func(i int) bool { return in[i] }) {
			some = append(some, sources[s])
			files = append(files, its...)
		}
	}
	return some, files
}

// citer copies the cells of wanted rows.
type citer struct {
	wanted map[ref]bool
	files  []int
	left   *atomic.Int64
	done   func()
	cells  map[ref]map[string]string
}

func (c *citer) Visit(s *searchlog.Search) {
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
