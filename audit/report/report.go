// Package report writes what an audit found: for people as HTML and Markdown,
// for programs as JSON and tables. It writes to what it is given and opens
// nothing, so that it also runs in a browser; package save puts files on a disk.
package report

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"

	"porchlight/audit"
	"porchlight/searchlog"
)

// Options of a report. The zero value works.
type Options struct {
	Title   string   // the heading; "" for a general one
	Command string   // the command line that made it; "" leaves it out, and a redacted report shows it without the paths
	Version string   // of the program
	SHA256  []string // hex digests of the inputs in the order of Result.Files; "" or none where not known
	Theme   string   // "light" or "dark"; "" follows the reader's screen
}

// MaxRows is how many rows of evidence the page shows of one finding; the counts are of all.
const MaxRows = 200

//go:embed report.css
var css string

//go:embed report.html
var pageText string

//go:embed diff.html
var diffText string

// CSP is the content policy that a report carries and works under: no scripts,
// nothing loaded, its own style by hash.
var CSP = func() string {
	sum := sha256.Sum256([]byte(css))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}()

var pages = func() *template.Template {
	t := template.New("").Funcs(template.FuncMap{
		"n": audit.Grouped, "x": number, "percent": percent, "plural": plural, "searches": searches, "hours": hours, "field": fieldName,
		"lines": lines, "month": monthName, "join": strings.Join, "bar": bar, "list": list, "compact": compact,
		"measure": measure, "change": change, "points": points, "day": shortDay,
		"upper": upper, "rules": ruleTitles, "kind": kind,
		"unit": unit, "units": func(n int, of string) string { return audit.Grouped(n) + " " + unit(n, of) },
		"add": func(a, b int) int { return a + b },
		"css": func() template.CSS { return template.CSS(css) }, "csp": func() string { return CSP },
		"class": func(c string) string { name, _ := className(c); return name },
		"hue":   func(c string) string { _, g := className(c); return g },
	})
	template.Must(t.New("report").Parse(pageText))
	template.Must(t.New("diff").Parse(diffText))
	return t
}()

// HTML writes the report as one file that needs nothing else: no script, no
// other file, no network.
func HTML(w io.Writer, r *audit.Result, o Options) error {
	if err := pages.ExecuteTemplate(w, "report", newPage(r, o)); err != nil {
		return fmt.Errorf("report: write the page: %w", err)
	}
	return nil
}

// page is what report.html shows.
type page struct {
	*audit.Result
	Options
	Heading, Under string
	Summary        []string
	Figures        []figure
	Findings       []finding
	Classes        []counted
	Offenses       []counted
	Months         []audit.Month
	MonthClasses   []string
	Timeline, Heat template.HTML
	Map            template.HTML
	SpreadNetworks template.HTML
	SpreadDevices  template.HTML
	SpreadLookBack template.HTML
	SpreadSearcher template.HTML
	Groups         []group
	States         []counted
	Weekdays       []string
	TopShare       string
	Night          bool
	Files          []file
	Repaired       int
	Duplicates     int
	SetAsideRows   int
	Span           string
	Zoned          string
}

// figure is a number that stands by itself.
type figure struct{ Number, What string }

// finding is one with what is shown of it.
type finding struct {
	audit.Finding
	Heading string
	Cited   bool // something to show as evidence
	Cases   []shownCase
	Table   table
	MoreOf  int // cases that are not shown
}

type shownCase struct {
	audit.Case
	Table table
}

// table is rows of evidence: at most MaxRows of a finding.
type table struct {
	Fields []string
	Rows   []audit.Row
	Words  bool
	Shown  int
	Of     int
}

type file struct {
	searchlog.File
	Digest string
	Span   string
	States []fileState
	Totals map[string]int
	Notes  int // of what was done to its rows
}

type fileState struct {
	Field string
	N     []int // by cellStates
}

var cellStates = []string{"value", "partly masked", "masked by vendor", "masked by agency", "placeholder", "blank", "not exported"}

func newPage(r *audit.Result, o Options) *page {
	zone := location(r.Zone)
	p := &page{
		Result: r, Options: o, Heading: title(r, o), Under: subtitle(r), Summary: summary(r), Months: r.Months, Groups: groups, Weekdays: weekdays,
		Timeline: timeline(r.Months), Heat: heat(r.Hours), Map: tileMap(r.Reach.States, r.State), States: most(r.Reach.States),
		SpreadNetworks: spread("networks", "Networks searched at once", r.Reach.Networks, func(x float64) string { return number(x) + " networks" }, countTicks),
		SpreadDevices:  spread("devices", "Cameras searched at once", r.Reach.Devices, func(x float64) string { return number(x) + " cameras" }, countTicks),
		SpreadLookBack: spread("lookback", "How far back a search looked", r.Reach.LookBack, hours, timeTicks),
		SpreadSearcher: searchersChart(r.Searchers),
		Zoned:          cmp.Or(r.Zone, "UTC"),
	}
	if r.Redacted && p.Command != "" {
		p.Command = publicCommand(r)
	}
	if n := days(r.First, r.Last, zone); n > 0 {
		p.Span = plural(n, "day")
	}
	p.Figures = []figure{{audit.Grouped(r.Rows), "searches, each counted once"}}
	if p.Span != "" {
		p.Figures = append(p.Figures, figure{p.Span, "from first to last search"})
	}
	if r.Searchers.Number > 0 {
		p.Figures = append(p.Figures, figure{audit.Grouped(r.Searchers.Number), "searchers that can be told apart"})
	} else if n := len(r.Agencies); n > 1 {
		p.Figures = append(p.Figures, figure{audit.Grouped(n), "searching agencies"})
	}
	p.Figures = append(p.Figures, figure{audit.Grouped(len(r.Findings)), "questions raised"})

	for _, c := range classes {
		if n := r.Purposes[c.class]; n > 0 {
			p.Classes = append(p.Classes, counted{c.class, n})
			p.MonthClasses = append(p.MonthClasses, c.class)
		}
	}
	for _, c := range most(r.Purposes) { // classes this package does not know
		if !slices.Contains(p.Classes, c) && c.N > 0 {
			p.Classes = append(p.Classes, c)
			p.MonthClasses = append(p.MonthClasses, c.Key)
		}
	}
	slices.SortStableFunc(p.Classes, func(a, b counted) int { return b.N - a.N })
	for _, c := range most(r.Offenses) {
		p.Offenses = append(p.Offenses, counted{cmp.Or(offenses[c.Key], "Code") + " (" + c.Key + ")", c.N})
	}
	top := 0
	for _, t := range r.Searchers.Top {
		top += t.Searches
		p.Night = p.Night || t.Night > 0
	}
	p.TopShare = percent(top, r.Searchers.Known)
	for _, f := range r.Findings {
		p.Findings = append(p.Findings, shown(f))
	}
	for i, f := range r.Files {
		view := newFile(f, r)
		if i < len(o.SHA256) {
			view.Digest = o.SHA256[i]
		}
		p.Files = append(p.Files, view)
		p.Duplicates += f.Duplicate
		p.SetAsideRows += f.SetAsideRows
		for _, rep := range f.Repairs {
			p.Repaired += rep.Rows
		}
	}
	return p
}

// publicCommand is the command line without the paths, which may hold names.
func publicCommand(r *audit.Result) string {
	c := "porchlight audit FILES"
	if r.State != "" {
		c += " --state " + r.State
	}
	if r.Zone != "" {
		c += " --zone " + r.Zone
	}
	return c
}

// shown picks what the page shows of a finding: the strongest cases, then rows, MaxRows together.
func shown(f audit.Finding) finding {
	out := finding{Finding: f, Heading: cmp.Or(f.Title, f.Question, f.Rule)}
	left := MaxRows
	const perCase, mostCases = 8, 25
	for _, c := range f.Cases[:min(mostCases, len(f.Cases))] {
		n := min(perCase, left, len(c.Rows))
		left -= n
		out.Cases = append(out.Cases, shownCase{c, newTable(c.Rows[:n], max(c.Count, len(c.Rows)))})
	}
	out.MoreOf = max(f.Instances, len(f.Cases)) - len(out.Cases)
	out.Table = newTable(f.Rows[:min(left, len(f.Rows))], max(f.Count, len(f.Rows)))
	out.Cited = len(out.Cases) > 0 || len(out.Table.Rows) > 0
	return out
}

func newTable(rows []audit.Row, of int) table {
	t := table{Rows: rows, Shown: len(rows), Of: of}
	has := map[string]bool{}
	for _, r := range rows {
		t.Words = t.Words || r.Words != ""
		for f, cell := range r.Cells {
			if cell != "" {
				has[f] = true
			}
		}
	}
	t.Fields = ordered(has)
	return t
}

func newFile(f searchlog.File, r *audit.Result) file {
	out := file{File: f, Span: "–"}
	if !f.First.IsZero() {
		zone := location(r.Zone)
		out.Span = span(f.First, f.Last, zone)
	}
	for _, name := range ordered(f.Cells) {
		s := fileState{Field: name}
		for _, state := range cellStates {
			s.N = append(s.N, f.Cells[name][state])
		}
		out.States = append(out.States, s)
	}
	out.Notes = len(f.Repairs) + f.SetAsideRows + f.Duplicate + len(f.Warnings)
	return out
}

// CellStates are the headings of a file's cells.
func (p *page) CellStates() []string { return cellStates }

// Reasons counts the set-aside rows that a file lists by reason, with their lines.
func (f file) Reasons() []searchlog.Repair {
	by := map[string]*searchlog.Repair{}
	for _, s := range f.SetAside {
		if by[s.Reason] == nil {
			by[s.Reason] = &searchlog.Repair{Kind: s.Reason}
		}
		by[s.Reason].Rows++
		by[s.Reason].Lines = append(by[s.Reason].Lines, s.Line)
	}
	var all []searchlog.Repair
	for _, k := range slices.Sorted(maps.Keys(by)) {
		all = append(all, *by[k])
	}
	return all
}
