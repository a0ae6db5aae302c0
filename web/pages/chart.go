package pages

import (
	"fmt"
	"html/template"
	"strings"

	"porchlight/web/i18n"
)

// chart is one row of monthly bars. The numbers stand in the page's table too.
type chart struct {
	What  string // what is counted, as the total wants it: "request", "requests"
	Total int
	SVG   template.HTML
}

// counted are the columns of a Month, in the page's order.
var counted = []struct {
	key string
	of  func(Month) int
}{
	{"agency.requests", func(m Month) int { return m.Requests }},
	{"agency.refusals", func(m Month) int { return m.Refusals }},
	{"agency.views", func(m Month) int { return m.Views }},
	{"agency.shares", func(m Month) int { return m.Shares }},
	{"agency.exports", func(m Month) int { return m.Exports }},
	{"agency.suspensions", func(m Month) int { return m.Suspensions }},
}

// charts draws the months, one chart a count, all to their own scale.
func charts(l i18n.Lang, months []Month) []chart {
	const wide, high, foot, head = 24, 72, 16, 14
	var all []chart
	for _, c := range counted {
		most, total := 1, 0
		for _, m := range months {
			most = max(most, c.of(m))
			total += c.of(m)
		}
		var b strings.Builder
		fmt.Fprintf(&b, `<svg class="bars" viewBox="0 0 %d %d" role="img" aria-label="%s">`, max(1, len(months))*wide, head+high+foot,
			template.HTMLEscapeString(l.T("agency.chart", "what", l.T(c.key+".other"), "n", l.Int(total))))
		for i, m := range months {
			n, x := c.of(m), i*wide
			tall := max(n*high/most, 1)
			fmt.Fprintf(&b, `<rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="2"/>`, map[bool]string{true: "bar", false: "none"}[n > 0], x+4, head+high-tall, wide-8, tall)
			if n > 0 {
				fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`, x+wide/2, head+high-tall-4, l.Int(n))
			}
			month := []rune(strings.Fields(l.T("date.months"))[m.Start.Month()-1])[:1]
			fmt.Fprintf(&b, `<text class="month" x="%d" y="%d">%s</text>`, x+wide/2, head+high+foot-4, strings.ToUpper(string(month)))
		}
		b.WriteString(`</svg>`)
		all = append(all, chart{l.Plural(c.key, total), total, template.HTML(b.String())})
	}
	return all
}
