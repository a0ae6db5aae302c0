package loggen

import (
	"bytes"
	"slices"

	"porchlight/searchlog"
)

// Quirk is an oddity of real logs. Some are of the whole file, some befall about
// one row in 40.
type Quirk string

// The quirks.
const (
	// Of the whole file.
	NoHeader     Quirk = "no-header"       // the first line is a search
	SpacedLabels Quirk = "spaced-labels"   // every label but the first has a space before it
	OtherLabels  Quirk = "other-labels"    // Reason_1, Test Prompt, License Plates, Case Number, Search Date
	BlankLabel   Quirk = "blank-label"     // a column without a label, empty
	NoData       Quirk = "label-no-data"   // a last label that no row has a cell for
	TwoLines     Quirk = "two-line-frames" // the time frame as two lines in one cell
	Unpadded     Quirk = "unpadded"        // 1/5/2024, 1:27:03 PM UTC
	BOM          Quirk = "bom"
	CRLF         Quirk = "crlf"
	Semicolons   Quirk = "semicolons"
	NoEndOfLine  Quirk = "no-end-of-line" // after the last row
	UnquotedTime Quirk = "unquoted-time"  // its comma splits the cell
	ExcelDates   Quirk = "excel-dates"    // times of a sheet are numbers that look like dates
	Shared       Quirk = "shared-strings" // texts of a sheet stand in a table, not in the cell
	Stacked      Quirk = "stacked"        // the second half has no Total Devices Searched, and no header says so

	// In the middle of the file.
	HeaderAgain Quirk = "header-again" // as if it were data
	Junk        Quirk = "junk"         // page numbers, totals
	BlankLines  Quirk = "blank-lines"

	// Of some rows.
	ShiftedRight      Quirk = "shifted-right" // an empty cell before the first
	ShiftedLeft       Quirk = "shifted-left"  // the empty Filters cell is missing
	Verdict           Quirk = "verdict"       // a moderation verdict where Search Time should be
	Repeated          Quirk = "repeated"      // the row before, again
	RepeatedLater     Quirk = "repeated-later"
	RepeatedOtherwise Quirk = "repeated-otherwise" // the id of the row before, with another reason
	Masks             Quirk = "masks"              // by the product, by the agency, in part, and cells that stand for "unknown"
	Wildcards         Quirk = "wildcards"          // * and ? in plates
	Multiline         Quirk = "multiline"          // line breaks, quotes and commas in reasons
	Accents           Quirk = "accents"            // letters beyond ASCII
	UnclosedQuote     Quirk = "unclosed-quote"     // before the reason; the row ends the line all the same
)

// Quirks are all quirks.
var Quirks = []Quirk{
	NoHeader, SpacedLabels, OtherLabels, BlankLabel, NoData, TwoLines, Unpadded, BOM, CRLF, Semicolons, NoEndOfLine,
	UnquotedTime, ExcelDates, Shared, Stacked, HeaderAgain, Junk, BlankLines, ShiftedRight, ShiftedLeft, Verdict,
	Repeated, RepeatedLater, RepeatedOtherwise, Masks, Wildcards, Multiline, Accents, UnclosedQuote,
}

// Suits reports whether a variant in a format can have the quirk.
func (q Quirk) Suits(variant string, f Format) bool {
	l, ok := Variants[variant]
	return ok && q.suits(l, f)
}

func (q Quirk) suits(l layout, f Format) bool {
	sheet := f == XLSX || f == ZipXLSX
	if l.sharing {
		return !sheet && (q == BOM || q == CRLF)
	}
	switch q {
	case BOM, CRLF, NoEndOfLine, UnclosedQuote:
		return !sheet && (q != UnclosedQuote || l.has(searchlog.Reason) && !l.quoteAll)
	case Semicolons:
		return f == CSV || f == ZipCSV
	case ExcelDates, Shared:
		return sheet && (q == Shared || l.has(searchlog.Time) && l.time != serial)
	case TwoLines:
		return l.has(frame)
	case Unpadded:
		return l.time == american
	case UnquotedTime:
		return !sheet && f != TSV && l.time == american && l.has(searchlog.Type)
	case NoHeader:
		return len(l.columns) >= 10
	case Stacked:
		return l.has(searchlog.ID) && l.has(searchlog.Devices) && l.has(frame) && l.time == american
	case OtherLabels:
		return l.has(searchlog.ID) && l.has(searchlog.Plate)
	case ShiftedRight, Verdict, BlankLabel, NoData:
		return l.has(searchlog.Type) && l.has(searchlog.ID)
	case ShiftedLeft:
		return l.has(searchlog.Filters) && l.has(searchlog.ID)
	case Repeated, RepeatedLater: // without an id, a row said twice may be two searches
		return l.has(searchlog.ID)
	case RepeatedOtherwise:
		return l.has(searchlog.ID) && l.has(searchlog.Reason)
	case Wildcards:
		return l.has(searchlog.Plate)
	case Masks, Multiline, Accents:
		return l.has(searchlog.Reason)
	}
	return true
}

// otherLabels are what some exports call the columns.
var otherLabels = map[string]string{
	"Reason": "Reason_1", "Text Prompt": "Test Prompt", "License Plate": "License Plates", "Case #": "Case Number", "Search Time": "Search Date",
}

// header is the row of labels.
func (g *Log) header() (out [][]byte) {
	for i, c := range g.layout.columns {
		label := c.label
		if o, ok := otherLabels[label]; ok && g.quirk[OtherLabels] {
			label = o
		}
		if i > 0 && g.quirk[SpacedLabels] {
			label = " " + label
		}
		out = append(out, []byte(label))
	}
	if g.quirk[BlankLabel] {
		out = append(out, nil)
	}
	if g.quirk[NoData] {
		out = append(out, []byte("Notes"))
	}
	return out
}

// written is a row as it was written, to be repeated.
type written struct {
	line  int
	cells [][]byte
}

// befalls draws whether a quirk of single rows comes now.
func (g *Log) befalls(q Quirk) bool {
	return len(g.quirk) > 0 && g.quirk[q] && g.odd.IntN(40) == 0
}

// between writes what stands before search n and is none.
func (g *Log) between(n int) {
	if len(g.quirk) > 0 && g.quirk[HeaderAgain] && n == g.o.Rows/2 {
		g.noSearch(HeaderAgain, g.header())
	}
	if g.befalls(Junk) {
		switch g.odd.IntN(3) {
		case 0:
			g.noSearch(Junk, [][]byte{[]byte("Page 3 of 9")})
		case 1:
			g.noSearch(Junk, [][]byte{[]byte("Total"), appendInt(nil, n, 1)})
		default:
			g.noSearch(Junk, [][]byte{[]byte("Exported by the records unit")})
		}
	}
	if g.befalls(BlankLines) {
		g.put(nil)
	}
	if len(g.recent) > 0 {
		if g.befalls(Repeated) {
			g.again(Repeated, g.recent[len(g.recent)-1])
		}
		if g.befalls(RepeatedLater) {
			g.again(RepeatedLater, pick(g.odd, g.recent))
		}
		if g.befalls(RepeatedOtherwise) {
			last := g.recent[len(g.recent)-1]
			last.cells = slices.Clone(last.cells)
			last.cells[g.layout.at(searchlog.Reason)] = []byte("amended after review")
			g.again(RepeatedOtherwise, last)
		}
	}
}

func (g *Log) end() {
	if g.quirk[Junk] {
		g.noSearch(Junk, [][]byte{[]byte("End of report")})
	}
}

func (g *Log) noSearch(q Quirk, cells [][]byte) {
	g.tell(&Row{Search: searchlog.Search{Line: g.put(cells)}, Kind: NoSearch, Quirk: q})
}

func (g *Log) again(q Quirk, w written) {
	g.tell(&Row{Search: searchlog.Search{Line: g.put(w.cells)}, Kind: Again, Quirk: q, Of: w.line})
}

func (g *Log) tell(r *Row) {
	if g.truth != nil {
		g.truth(r)
	}
}

// keep remembers the row for repeating, where a quirk will.
func (g *Log) keep(line int) {
	if !g.quirk[Repeated] && !g.quirk[RepeatedLater] && !g.quirk[RepeatedOtherwise] {
		return
	}
	w := written{line, make([][]byte, len(g.cells))}
	for i, c := range g.cells {
		w.cells[i] = bytes.Clone(c)
	}
	if len(g.recent) == 200 {
		g.recent = g.recent[:copy(g.recent, g.recent[1:])]
	}
	g.recent = append(g.recent, w)
}
