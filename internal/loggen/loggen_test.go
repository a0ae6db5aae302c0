package loggen

import (
	"bytes"
	"hash/fnv"
	"io"
	"maps"
	"slices"
	"testing"

	"porchlight/searchlog"
)

// The same seed makes the same bytes, another seed others, in every variant,
// and nothing stands in a truth that cannot be found in the file.
func TestSeeds(t *testing.T) {
	for _, v := range slices.Sorted(maps.Keys(Variants)) {
		sum := func(seed uint64) uint64 {
			h := fnv.New64a()
			if err := write(t, seed, Options{Variant: v, Rows: 300}, h, nil); err != nil {
				t.Fatal(v, err)
			}
			return h.Sum64()
		}
		if one, again := sum(1), sum(1); one != again || one == sum(2) {
			t.Errorf("%s: seeds do not decide", v)
		}
	}
}

// Each told search stands in the file on its line.
func TestTruthIsInTheFile(t *testing.T) {
	var b bytes.Buffer
	var rows []Row
	if err := write(t, 3, Options{Variant: "network14", Rows: 2000, Quirks: []Quirk{Multiline, TwoLines, Repeated, Junk, BlankLines}}, &b, func(r *Row) {
		c := *r
		for f := range c.Cell {
			c.Cell[f] = bytes.Clone(c.Cell[f])
		}
		rows = append(rows, c)
	}); err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(b.Bytes(), []byte("\n"))
	searches := 0
	for _, r := range rows {
		if r.Kind != Search {
			continue
		}
		searches++
		if id := r.Cell[0]; !bytes.HasPrefix(lines[r.Line-1], id) {
			t.Fatalf("line %d is %q, not search %s", r.Line, lines[r.Line-1], id)
		}
	}
	if searches != 2000 {
		t.Errorf("%d searches told", searches)
	}
}

// Quirks befall searches and do not change them, and leaving out the first ones
// leaves the others as they are.
func TestQuirksLeaveSearchesAlone(t *testing.T) {
	searches := func(o Options) (out []string) {
		o.Variant, o.Rows = "network13", 500
		if err := write(t, 7, o, io.Discard, func(r *Row) {
			if r.Kind == Search {
				out = append(out, string(r.Cell[searchlog.ID])+" "+r.Time.String())
			}
		}); err != nil {
			t.Fatal(err)
		}
		return out
	}
	plain := searches(Options{})
	if got := searches(Options{Quirks: []Quirk{Repeated, Junk, BlankLines, Multiline, ShiftedRight}}); !slices.Equal(got, plain) {
		t.Error("quirks made other searches")
	}
	if got := searches(Options{Skip: 300, Quirks: []Quirk{Repeated}}); !slices.Equal(got, plain[300:]) {
		t.Errorf("%d searches after 300 of 500, or others", len(got))
	}
}

// What is planted is there, and is what Plants say.
func TestPlants(t *testing.T) {
	found := map[string]int{}
	if err := write(t, 1, Options{Variant: "network13", Rows: 20000, Span: 90 * 24 * 3600e9, Plants: true}, io.Discard, func(r *Row) { found[r.Plant]++ }); err != nil {
		t.Fatal(err)
	}
	for p, n := range map[string]int{"stalking": 16, "shared login": 144, "burst": 120, "streak": 14, "copied": 12, "banned": len(disguises), "wide": 5} {
		if Plants[p] == "" || found[p] != n {
			t.Errorf("%s: %d rows planted, %d told", p, found[p], n)
		}
	}
}

func TestRefuses(t *testing.T) {
	for _, o := range []Options{
		{Variant: "network15"}, {Variant: "portal", Quirks: []Quirk{TwoLines}}, {Variant: "portal", Quirks: []Quirk{"no"}},
		{Variant: "portal", Encoding: "ebcdic"}, {Variant: "portal", Format: NumFormats},
	} {
		if _, err := New(1, o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

func write(t *testing.T, seed uint64, o Options, w io.Writer, truth func(*Row)) error {
	g, err := New(seed, o)
	if err != nil {
		t.Fatal(err)
	}
	return g.Write(w, truth)
}

func BenchmarkWrite(b *testing.B) {
	for b.Loop() {
		g, err := New(1, Options{Variant: "network13", Rows: 100_000})
		if err != nil {
			b.Fatal(err)
		}
		var n counter
		if err := g.Write(&n, nil); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(n))
	}
}

type counter int64

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }
