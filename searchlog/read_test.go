package searchlog

import (
	"context"
	"slices"
	"strings"
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

func (k keeper) Visit(all []Search) {
	for _, s := range all {
		c := kept{Search: s}
		for f, b := range s.Cell {
			c.Cells[f] = string(b)
		}
		for _, b := range s.Raw() {
			c.Raws = append(c.Raws, string(b))
		}
		c.parser, c.row, c.layout, c.Cell = nil, nil, nil, [NumFields][]byte{}
		k.mu.Lock()
		*k.all = append(*k.all, c)
		k.mu.Unlock()
	}
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

// A search holds nothing of the one before, whose file had other columns.
func TestNothingIsLeftOfTheRowBefore(t *testing.T) {
	full := []byte("id,userId,searchDate,networkCount,reason,caseNumber\n" + strings.Repeat("4b1f0a00-0000-4000-8000-000000000001,u,2026-03-04T21:30:39.185Z,1,robbery,26-00001\n", 3))
	bare := []byte("id,userId,searchDate,networkCount\n" + strings.Repeat("4b1f0a00-0000-4000-8000-000000000002,u,2026-03-04T21:30:39.185Z,1\n", 3))
	r, err := Read(context.Background(), []Source{memory("full.csv", full), memory("bare.csv", bare)}, Options{Workers: 1}, func() Visitor { return bareCells{t} })
	if err != nil || r.Files[0].Rows != 1 || r.Files[1].Rows != 1 {
		t.Fatalf("%+v %v", r, err)
	}
}

type bareCells struct{ t *testing.T }

func (c bareCells) Visit(all []Search) {
	for _, s := range all {
		for f, b := range s.Cell {
			if b != nil && !s.Has(Field(f)) {
				c.t.Errorf("file %d line %d: %s is %s, and its cell %q", s.File, s.Line, Field(f), s.State[f], b)
			}
		}
	}
}

// A file as long as the most that a sheet or an export holds is told as cut.
func TestCeilings(t *testing.T) {
	for rows, warned := range map[int]bool{19_999: false, 20_000: true, 20_001: false, 999_999: false, 1_000_000: true, 1_048_574: false, 1_048_575: true, 1_048_576: true, 1_048_577: false} {
		f := &file{File: File{Variant: "portal"}, rows: rows}
		f.doubts(&reader{}, &tally{first: untold})
		if got := slices.ContainsFunc(f.Warnings, func(w Warning) bool { return w.Kind == "truncated" }); got != warned {
			t.Errorf("%d rows: %+v", rows, f.Warnings)
		}
	}
}
