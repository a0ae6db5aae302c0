package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strings"

	"porchlight/audit"
)

// markdown writes lines of Markdown in which no text from a file can be markup.
type markdown struct{ *bufio.Writer }

// f writes a line; strings among args are escaped.
func (m markdown) f(format string, args ...any) {
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = plain(s)
		}
	}
	fmt.Fprintf(m, format+"\n", args...)
}

// plain is text that Markdown shows as it stands, on one line.
func plain(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	var b strings.Builder
	for i, r := range s {
		switch r {
		case '\\', '`', '*', '_', '[', ']', '<', '>', '|', '~', '#', '!', '@':
			b.WriteByte('\\')
		case '&':
			b.WriteString("&amp;")
			continue
		case '-', '+', '=':
			if i == 0 {
				b.WriteByte('\\')
			}
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Markdown writes a summary for a council's packet or a chat: under 150 lines
// whatever the result holds, and no row of evidence.
func Markdown(w io.Writer, r *audit.Result) error {
	m := markdown{bufio.NewWriter(w)}
	zone := location(r.Zone)
	m.f("# %s\n", title(r, Options{}))
	if r.Redacted {
		m.f("_Redacted for publication._\n")
	} else {
		m.f("**Not for publication: this summary may hold personal data. Publish only a redacted one.**\n")
	}
	m.f("%s\n", subtitle(r))
	for _, s := range summary(r) {
		m.f("- %s", s)
	}

	if len(r.Findings) > 0 {
		const most = 25
		m.f("\n## Questions the rows raise\n\n| question | found | of those that tell |\n|---|--:|--:|")
		for _, f := range r.Findings[:min(most, len(r.Findings))] {
			of := "–"
			if f.Of > 0 {
				of = fmt.Sprintf("%s (%s)", audit.Grouped(f.Of), percent(f.Count, f.Of))
			}
			m.f("| %s | %s | %s |", cmp.Or(f.Question, f.Title), audit.Grouped(f.Count)+" "+unit(f.Count, f.Unit), of)
		}
		if n := len(r.Findings) - most; n > 0 {
			m.f("\nand %s more.", audit.Grouped(n))
		}
		m.f("\nEach is something to ask; the report lists the law, the rows and what would explain it innocently.")
	}

	if len(r.Purposes) > 0 {
		m.f("\n## Purposes\n\nOf %s that tell one, or that none is given.\n\n| purpose | searches | share |\n|---|--:|--:|", searches(r.Told))
		for _, c := range most(r.Purposes)[:min(20, len(r.Purposes))] {
			name, _ := className(c.Key)
			m.f("| %s | %s | %s |", name, audit.Grouped(c.N), percent(c.N, r.Told))
		}
	}

	m.f("\n## Reach\n")
	for _, q := range []struct {
		what string
		q    audit.Quantiles
		say  func(float64) string
	}{
		{"Networks at once", r.Reach.Networks, number}, {"Cameras at once", r.Reach.Devices, number}, {"Look-back", r.Reach.LookBack, hours},
	} {
		if q.q.N == 0 {
			m.f("- %s: not told", q.what)
			continue
		}
		m.f("- %s: half at most %s, nine in ten at most %s, the most %s (%s tell)", q.what, q.say(q.q.Median), q.say(q.q.P90), q.say(q.q.Most), searches(q.q.N))
	}

	if len(r.Unknown) > 0 {
		m.f("\n## What could not be known\n")
		for _, u := range r.Unknown[:min(12, len(r.Unknown))] {
			m.f("- %s", u)
		}
		if n := len(r.Unknown) - 12; n > 0 {
			m.f("- and %s more, in the report", audit.Grouped(n))
		}
	}

	m.f("\n## Files\n\n| file | kind | searches | duplicates | set aside | span |\n|---|---|--:|--:|--:|---|")
	for _, f := range r.Files[:min(20, len(r.Files))] {
		when := "–"
		if !f.First.IsZero() {
			when = span(f.First, f.Last, zone)
		}
		m.f("| %s | %s | %s | %s | %s | %s |", f.Path, cmp.Or(f.Variant, "not recognised"), audit.Grouped(f.Rows), audit.Grouped(f.Duplicate), audit.Grouped(f.SetAsideRows), when)
	}
	if n := len(r.Files) - 20; n > 0 {
		m.f("\nand %s more.", plural(n, "file"))
	}
	m.f("\n_Hours and days in %s. Made by porchlight audit, %s._", cmp.Or(r.Zone, "UTC"), r.Made.Format("January 2, 2006"))
	if err := m.Flush(); err != nil {
		return fmt.Errorf("report: write Markdown: %w", err)
	}
	return nil
}
