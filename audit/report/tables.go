package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"porchlight/audit"
)

// Table is one of the tables of a result.
type Table struct {
	Name string     // of its file, without .csv
	Rows [][]string // the first is the header
}

// Tables are the tables of a result, in the order of docs/audit-json.md.
func Tables(r *audit.Result) []Table {
	files := Table{"files", [][]string{{"file", "variant", "encoding", "zone", "searches", "duplicates", "set_aside", "repaired", "first", "last", "columns", "missing", "unknown", "warnings"}}}
	cells := Table{"cells", [][]string{append([]string{"file", "field"}, underscored(cellStates)...)}}
	for _, f := range r.Files {
		repaired := 0
		for _, p := range f.Repairs {
			repaired += p.Rows
		}
		var warnings []string
		for _, w := range f.Warnings {
			warnings = append(warnings, w.Kind+": "+w.Text)
		}
		files.add(f.Path, f.Variant, f.Encoding, f.Zone, f.Rows, f.Duplicate, f.SetAsideRows, repaired, f.First, f.Last,
			strings.Join(f.Columns, "; "), strings.Join(f.Missing, "; "), strings.Join(f.Unknown, "; "), strings.Join(warnings, "; "))
		for _, field := range ordered(f.Cells) {
			row := []any{f.Path, field}
			for _, s := range cellStates {
				row = append(row, f.Cells[field][s])
			}
			cells.add(row...)
		}
	}

	findings := Table{"findings", [][]string{{"rule", "title", "question", "count", "of", "unit", "cases", "threshold", "law", "url", "assumptions", "sensitivity", "innocent"}}}
	cases := Table{"cases", [][]string{{"rule", "case", "what", "rows"}}}
	rows := Table{"rows", [][]string{append([]string{"rule", "case", "file", "line", "words"}, fields...)}}
	for _, f := range r.Findings {
		var law, links, assumed, varied []string
		for _, l := range f.Law {
			law, links = append(law, l.Citation+": "+l.Plain), append(links, l.URL)
		}
		for _, a := range f.Assumptions {
			assumed = append(assumed, fmt.Sprintf("%s: %s (%s)", a.Name, a.Value, a.Why))
		}
		for _, v := range f.Sensitivity {
			varied = append(varied, fmt.Sprintf("%s: %d", v.Change, v.Count))
		}
		findings.add(f.Rule, f.Title, f.Question, f.Count, f.Of, f.Unit, max(f.Instances, len(f.Cases)), f.Threshold, strings.Join(law, "; "), strings.Join(links, " "),
			strings.Join(assumed, "; "), strings.Join(varied, "; "), strings.Join(f.Innocent, "; "))
		for i, c := range f.Cases {
			cases.add(f.Rule, i+1, c.What, c.Count)
			for _, row := range c.Rows {
				rows.evidence(f.Rule, strconv.Itoa(i+1), row)
			}
		}
		for _, row := range f.Rows {
			rows.evidence(f.Rule, "", row)
		}
	}

	known := slices.Sorted(maps.Keys(r.Purposes))
	months := Table{"months", [][]string{append([]string{"month", "searches", "told"}, known...)}}
	for _, m := range r.Months {
		row := []any{m.Month, m.Searches, m.Told}
		for _, c := range known {
			row = append(row, m.Purposes[c])
		}
		months.add(row...)
	}
	purposes := Table{"purposes", [][]string{{"purpose", "searches"}}}
	for _, c := range most(r.Purposes) {
		purposes.add(c.Key, c.N)
	}
	agencies := Table{"agencies", [][]string{append([]string{"agency", "state", "kind", "searches"}, known...)}}
	for _, a := range r.Agencies {
		row := []any{a.Name, a.State, a.Kind, a.Searches}
		for _, c := range known {
			row = append(row, a.Purposes[c])
		}
		agencies.add(row...)
	}
	searchers := Table{"searchers", [][]string{{"searcher", "agency", "searches", "days", "night"}}}
	for _, s := range r.Searchers.Top {
		searchers.add(s.Token, s.Agency, s.Searches, s.Days, s.Night)
	}
	return []Table{files, cells, findings, rows, cases, months, agencies, purposes, searchers}
}

func underscored(names []string) (out []string) {
	for _, n := range names {
		out = append(out, strings.ReplaceAll(n, " ", "_"))
	}
	return out
}

func (t *Table) add(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		switch c := c.(type) {
		case string:
			row[i] = c
		case int:
			row[i] = strconv.Itoa(c)
		case time.Time:
			if !c.IsZero() {
				row[i] = c.UTC().Format(time.RFC3339)
			}
		}
	}
	t.Rows = append(t.Rows, row)
}

func (t *Table) evidence(rule, in string, row audit.Row) {
	cells := []any{rule, in, row.File, "", row.Words}
	if row.Line > 0 {
		cells[3] = row.Line
	}
	for _, f := range fields {
		cells = append(cells, row.Cells[f])
	}
	t.add(cells...)
}

// WriteCSV writes the table as RFC 4180 has it: CRLF, quotes doubled, UTF-8
// without a mark. A cell that a spreadsheet would take for a formula begins
// with an apostrophe.
func (t Table) WriteCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	for _, row := range t.Rows {
		safe := make([]string, len(row))
		for i, cell := range row {
			safe[i] = noFormula(cell)
		}
		if err := c.Write(safe); err != nil {
			return fmt.Errorf("report: write table %s: %w", t.Name, err)
		}
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return fmt.Errorf("report: write table %s: %w", t.Name, err)
	}
	return nil
}

// noFormula is the cell with an apostrophe before what a spreadsheet computes:
// = + - @ and their wide forms, also behind spaces and control characters.
func noFormula(cell string) string {
	begin := strings.TrimLeftFunc(cell, func(r rune) bool { return r <= ' ' || r == '\u00a0' || r == '\ufeff' || r == '\u200b' })
	if begin != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(begin)[0]) || strings.HasPrefix(cell, "\t") || strings.HasPrefix(cell, "\r") {
		return "'" + cell
	}
	return cell
}
