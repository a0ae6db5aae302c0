package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"porchlight/audit"
)

// diffPage is what diff.html shows.
type diffPage struct {
	audit.Comparison
	Options
	Heading string
	Sides   []diffSide
	Shares  []styleShares
}

type diffSide struct {
	audit.Side
	Letter string
}

// sides are both, of what may be published without the folders of their names.
func sides(c audit.Comparison) []diffSide {
	if c.Redacted {
		c.A.Name = path.Base(strings.ReplaceAll(c.A.Name, `\`, "/"))
		c.B.Name = path.Base(strings.ReplaceAll(c.B.Name, `\`, "/"))
	}
	return []diffSide{{c.A, "A"}, {c.B, "B"}}
}

// styleShares are the shares within one style of reasons.
type styleShares struct {
	Style string
	Rows  []audit.Share
}

// DiffHTML writes a comparison as one file that needs nothing else.
func DiffHTML(w io.Writer, c audit.Comparison, o Options) error {
	p := diffPage{Comparison: c, Options: o, Heading: cmp.Or(o.Title, "Two audits compared"), Sides: sides(c), Shares: byStyle(c.Purposes)}
	if err := pages.ExecuteTemplate(w, "diff", p); err != nil {
		return fmt.Errorf("report: write the page: %w", err)
	}
	return nil
}

func byStyle(all []audit.Share) (out []styleShares) {
	for _, s := range all {
		if len(out) == 0 || out[len(out)-1].Style != s.Style {
			out = append(out, styleShares{Style: s.Style})
		}
		last := &out[len(out)-1]
		last.Rows = append(last.Rows, s)
	}
	return out
}

// measure writes a number with its unit.
func measure(x float64, unit string) string {
	switch unit {
	case "%":
		return number(x) + "%"
	case "hours":
		return hours(x)
	}
	return number(x)
}

// change says how B differs from A: points for shares, a factor for the rest.
func change(m audit.Measure) string {
	switch {
	case m.Unit == "%":
		return points(m.B-m.A) + " points"
	case m.A == m.B:
		return "the same"
	case m.A <= 0:
		return "–"
	}
	return "× " + strconv.FormatFloat(m.B/m.A, 'f', 2, 64)
}

// points writes a difference with its sign.
func points(x float64) string {
	s := strconv.FormatFloat(x, 'f', 1, 64)
	switch {
	case s == "0.0" || s == "-0.0":
		return "0.0"
	case x > 0:
		return "+" + s
	}
	return "−" + s[1:]
}

func shortDay(t time.Time) string { return day(t, time.UTC) }

// DiffMarkdown writes a comparison for a council's packet or a chat.
func DiffMarkdown(w io.Writer, c audit.Comparison) error {
	m := markdown{bufio.NewWriter(w)}
	m.f("# Two audits compared\n")
	if !c.Redacted {
		m.f("**Not for publication: a side was not redacted.**\n")
	}
	m.f("| side | from | to | days | searches | searchers |\n|---|---|---|--:|--:|--:|")
	for _, s := range sides(c) {
		m.f("| %s | %s | %s | %s | %s | %s |", s.label(), shortDay(s.First), shortDay(s.Last), audit.Grouped(s.Days), audit.Grouped(s.Rows), audit.Grouped(s.Searchers))
	}
	section := func(title string, lines []string) {
		if len(lines) > 0 {
			m.f("\n## %s\n", title)
		}
		for _, l := range lines {
			m.f("- %s", l)
		}
	}
	section("What is not compared", c.Apart)
	section("To keep in mind of the rest", c.Cautions)
	if len(c.Measures) > 0 {
		m.f("\n## Rates and reach\n\n| what | A | B | change |\n|---|--:|--:|--:|")
		for _, x := range c.Measures {
			m.f("| %s | %s | %s | %s |", x.Name, measure(x.A, x.Unit), measure(x.B, x.Unit), change(x))
		}
	}
	for _, style := range byStyle(c.Purposes) {
		m.f("\n## Purposes, reasons %s\n\n| purpose | A | B | B less A | 95%% interval |\n|---|--:|--:|--:|--:|", style.Style)
		for _, s := range style.Rows {
			name, _ := className(s.Class)
			m.f("| %s | %s | %s | %s | %s |", name, percent(s.A, s.AOf), percent(s.B, s.BOf), points(s.Difference), points(s.Low)+" to "+points(s.High))
		}
	}
	if len(c.Findings) > 0 {
		m.f("\n## Questions\n\n| question | A | B | what changed |\n|---|--:|--:|---|")
		for _, f := range c.Findings {
			m.f("| %s | %s | %s | %s |", f.Title, audit.Grouped(f.A), audit.Grouped(f.B), f.What)
		}
	}
	if err := m.Flush(); err != nil {
		return fmt.Errorf("report: write Markdown: %w", err)
	}
	return nil
}

func (s diffSide) label() string {
	if s.Name == s.Letter {
		return s.Letter
	}
	return s.Letter + ": " + s.Name
}

// DiffText writes a comparison for a terminal.
func DiffText(w io.Writer, c audit.Comparison) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	f := func(format string, args ...any) {
		for i, a := range args { // no control characters of anybody's reach the terminal
			if s, ok := a.(string); ok {
				args[i] = strings.Map(func(r rune) rune {
					if r < ' ' || r >= 0x7f && r < 0xa0 {
						return ' '
					}
					return r
				}, s)
			}
		}
		fmt.Fprintf(t, format+"\n", args...)
	}
	f("side\tfrom\tto\tdays\tsearches\tsearchers")
	for _, s := range sides(c) {
		f("%s\t%s\t%s\t%s\t%s\t%s", s.label(), shortDay(s.First), shortDay(s.Last), audit.Grouped(s.Days), audit.Grouped(s.Rows), audit.Grouped(s.Searchers))
	}
	if len(c.Measures) > 0 {
		f("\nRates and reach\tA\tB\tchange")
		for _, x := range c.Measures {
			f("%s\t%s\t%s\t%s", x.Name, measure(x.A, x.Unit), measure(x.B, x.Unit), change(x))
		}
	}
	for _, style := range byStyle(c.Purposes) {
		f("\nPurposes, reasons %s\tA\tB\tB less A\t95%% interval", style.Style)
		for _, s := range style.Rows {
			name, _ := className(s.Class)
			f("%s\t%s\t%s\t%s\t%s to %s", name, percent(s.A, s.AOf), percent(s.B, s.BOf), points(s.Difference), points(s.Low), points(s.High))
		}
	}
	if len(c.Findings) > 0 {
		f("\nQuestions\tA\tB\twhat changed")
		for _, x := range c.Findings {
			f("%s\t%s\t%s\t%s", x.Title, audit.Grouped(x.A), audit.Grouped(x.B), x.What)
		}
	}
	section := func(title string, lines []string) {
		if len(lines) > 0 {
			f("\n%s", title)
		}
		for _, l := range lines {
			f("- %s", l)
		}
	}
	section("Not compared", c.Apart)
	section("Keep in mind", c.Cautions)
	if err := t.Flush(); err != nil {
		return fmt.Errorf("report: write the comparison: %w", err)
	}
	return nil
}
