package searchlog

import (
	"context"
	"slices"
	"sync"
	"testing"
)

// kept is a Search as a test keeps it.
type kept struct {
	Search
	Cells [NumFields]string
	Raws  []string
}

// keeper is a visitor that keeps what it sees.
type keeper struct {
	mu  *sync.Mutex
	all *[]kept
}

func (k keeper) Visit(s *Search) {
	c := kept{Search: *s}
	for f, b := range s.Cell {
		c.Cells[f] = string(b)
	}
	for _, b := range s.Raw() {
		c.Raws = append(c.Raws, string(b))
	}
	c.parser, c.row, c.Cell = nil, nil, [NumFields][]byte{}
	k.mu.Lock()
	*k.all = append(*k.all, c)
	k.mu.Unlock()
}

func readSources(t testing.TB, o Options, sources ...Source) (*Reading, []kept) {
	t.Helper()
	var mu sync.Mutex
	var all []kept
	r, err := Read(context.Background(), sources, o, func() Visitor { return keeper{&mu, &all} })
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b kept) int {
		if a.File != b.File {
			return a.File - b.File
		}
		return a.Line - b.Line
	})
	return r, all
}

func readPaths(t testing.TB, o Options, paths ...string) (*Reading, []kept) {
	t.Helper()
	sources, err := Find(paths, nil)
	if err != nil {
		t.Fatal(err)
	}
	return readSources(t, o, sources...)
}
