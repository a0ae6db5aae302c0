// Package loggen writes search logs of plate networks that never were, in every
// layout and with every quirk known of real ones, and tells the truth of each row
// as it writes it. A seed makes the same bytes again, on any machine.
//
// Everybody and everything in them is invented: towns of syllables, searchers of
// syllables, plates that begin with 0QZ, which no state issues.
//
// The layouts and quirks are facts collected from public records;
// docs/design/searchlog.md has them.
package loggen

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"porchlight/searchlog"
)

// Options say what to write. Only Variant is needed.
type Options struct {
	Variant  string        // a key of Variants
	Rows     int           // searches; what quirks repeat or add comes on top
	Start    time.Time     // of the first search; zero is 2025-03-01 00:00 UTC
	Span     time.Duration // over which they spread; zero is 30 days, a year from a million rows on
	Agencies int           // zero is 40
	Quirks   []Quirk
	Plants   bool   // hide the patterns of Plants among the rows
	Skip     int    // leave out the first so many searches: two files of one seed overlap
	Format   Format // zero is CSV
	Encoding string // "" is utf-8; utf-16le, windows-1252
}

// Format is what the rows are packed in.
type Format uint8

// The formats. A zip holds one member, log.csv or log.xlsx.
const (
	CSV Format = iota
	TSV
	XLSX
	ZipCSV
	ZipXLSX
	NumFormats
)

// String is the format's usual extension.
func (f Format) String() string {
	return [NumFormats]string{"csv", "tsv", "xlsx", "csv.zip", "xlsx.zip"}[f]
}

// Kind says what a written row is.
type Kind uint8

// The kinds of rows.
const (
	Search   Kind = iota // a true search, at its first place
	Again                // says again what row Of said
	NoSearch             // no search: a header, a total, a page number
)

// Row is one written row and the truth about it.
type Row struct {
	searchlog.Search        // what a perfect reader makes of it; File and Raw are not set
	Kind             Kind   // NoSearch has a Line and nothing else
	Quirk            Quirk  // what is odd about this row, "" for nothing
	Of               int    // for Again: the Line it repeats
	Plant            string // a key of Plants, "" for none
}

// Log is one log to write.
type Log struct {
	o      Options
	layout layout
	quirk  map[Quirk]bool
	world  *world
	r      *rand.Rand // draws the searches
	odd    *rand.Rand // draws what befalls them, so that quirks do not change them

	told     [searchlog.NumFields]bool // by the layout
	to       string                    // between the times of a frame
	unpadded bool
	dates    [1024]struct { // see date
		day  int64
		text []byte
	}

	out    sink
	line   int // where the next row begins
	truth  func(*Row)
	row    Row
	raw    [searchlog.NumFields][]byte // of the search under way, as written
	cells  [][]byte                    // of the row under way, by column
	frame  []byte                      // From and To in one cell
	mem    [512]byte                   // raw cells made for this row
	recent []written                   // to be repeated
}

// New prepares a log. It fails for a variant, quirk, format or encoding that is
// not known, and for a quirk that the variant cannot have.
func New(seed uint64, o Options) (*Log, error) {
	l, ok := Variants[o.Variant]
	if !ok {
		return nil, fmt.Errorf("no variant is called %q; loggen -list names them", o.Variant)
	}
	if o.Format >= NumFormats {
		return nil, fmt.Errorf("no format %d", o.Format)
	}
	if !slices.Contains([]string{"", "utf-8", "utf-16le", "windows-1252"}, o.Encoding) {
		return nil, fmt.Errorf("encoding %q: utf-8, utf-16le or windows-1252", o.Encoding)
	}
	g := &Log{o: o, layout: l, quirk: map[Quirk]bool{}, r: rand.New(rand.NewPCG(seed, 1)), odd: rand.New(rand.NewPCG(seed, 2))}
	for _, q := range o.Quirks {
		if !slices.Contains(Quirks, q) {
			return nil, fmt.Errorf("no quirk is called %q; loggen -list names them", q)
		}
		if !q.suits(l, o.Format) {
			return nil, fmt.Errorf("%s as %s cannot have the quirk %s", o.Variant, o.Format, q)
		}
		g.quirk[q] = true
	}
	g.setLayout(l)
	g.to, g.unpadded = " to ", g.quirk[Unpadded]
	if g.quirk[TwoLines] {
		g.to = "\n"
	}
	if g.o.Start.IsZero() {
		g.o.Start = time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC)
	}
	if g.o.Span == 0 {
		g.o.Span = 30 * 24 * time.Hour
		if g.o.Rows >= 1e6 {
			g.o.Span = 365 * 24 * time.Hour
		}
	}
	if g.o.Agencies == 0 {
		g.o.Agencies = 40
	}
	g.world = newWorld(g.r, g.o.Agencies, g.o.Rows)
	return g, nil
}

func (g *Log) setLayout(l layout) {
	g.layout = l
	for f := range g.told {
		g.told[f] = l.Tells(searchlog.Field(f))
	}
}

// Write writes the log and calls truth, when not nil, with each row below the
// header in order of line. A Row is valid during the call only.
func (g *Log) Write(w io.Writer, truth func(*Row)) error {
	out, err := g.open(w)
	if err != nil {
		return err
	}
	g.out, g.line, g.truth = out, 1, truth
	if l := g.layout; l.sharing {
		g.writeShares()
	} else {
		if !g.quirk[NoHeader] {
			g.put(g.header())
		}
		g.writeSearches()
	}
	return g.out.close()
}

// put writes the cells as one row and moves on; it returns where the row begins.
func (g *Log) put(cells [][]byte) int {
	at := g.line
	g.line += g.out.put(cells)
	return at
}

// writeSearches writes the searches in order of time, the planted ones among them.
func (g *Log) writeSearches() {
	var plants []planted
	if g.o.Plants {
		plants = g.world.plant(g.r, g.o.Start, g.o.Span)
		plants = plants[:min(len(plants), g.o.Rows)]
	}
	at := g.o.Start
	mean := float64(g.o.Span) / float64(max(1, g.o.Rows-len(plants)))
	for n := range g.o.Rows {
		if len(g.quirk) > 0 && g.quirk[Stacked] && n == g.o.Rows/2 {
			g.setLayout(layout{columns: network("Total Devices Searched")})
		}
		var p *planted
		if len(plants) > 0 && (plants[0].at.Before(at) || g.o.Rows-n == len(plants)) {
			p, plants = &plants[0], plants[1:]
		}
		g.search(at, p)
		if p == nil {
			at = at.Add(time.Duration(mean * 2 * g.r.Float64() / g.world.busy(at)))
		}
		if n < g.o.Skip {
			continue
		}
		g.between(n)
		g.emit()
	}
	g.end()
}
