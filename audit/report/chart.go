package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"

	"porchlight/audit"
)

// Charts are SVG with places across in percent and no viewBox, so that they
// fill a phone and a desk alike and their letters keep their size.

type drawing struct{ strings.Builder }

// draw begins a chart: what it is for who hears it, and how high in pixels.
func draw(id, title, desc string, high int) *drawing {
	d := &drawing{}
	fmt.Fprintf(d, `<svg width="100%%" height="%d" role="img" aria-labelledby="%[2]s-t %[2]s-d"><title id="%[2]s-t">%s</title><desc id="%[2]s-d">%s</desc>`,
		high, id, template.HTMLEscapeString(title), template.HTMLEscapeString(desc))
	return d
}

func (d *drawing) end() template.HTML {
	d.WriteString("</svg>")
	return template.HTML(d.String())
}

func (d *drawing) rect(class string, x, y, w, h float64, tip string) {
	fmt.Fprintf(d, `<rect class="%s" x="%.3f%%" y="%.1f" width="%.3f%%" height="%.1f">`, class, x, y, w, h)
	if tip != "" {
		fmt.Fprintf(d, `<title>%s</title>`, template.HTMLEscapeString(tip))
	}
	d.WriteString("</rect>")
}

func (d *drawing) text(class string, x, y float64, s string) {
	fmt.Fprintf(d, `<text class="%s" x="%.3f%%" y="%.1f">%s</text>`, class, x, y, template.HTMLEscapeString(s))
}

func (d *drawing) line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(d, `<line class="%s" x1="%.3f%%" y1="%.1f" x2="%.3f%%" y2="%.1f"/>`, class, x1, y1, x2, y2)
}

// bar is part of whole as one bar; it stands beside its number and says nothing more.
func bar(class string, part, whole int) template.HTML {
	wide := 0.0
	if whole > 0 {
		wide = max(100*float64(part)/float64(whole), 0.4)
	}
	if part == 0 {
		wide = 0
	}
	return template.HTML(fmt.Sprintf(`<svg width="100%%" height="14" aria-hidden="true"><rect class="%s" width="%.2f%%" height="14" rx="3"/></svg>`, class, wide))
}

// niceTop is a round number at or above n for the top of a scale, and a step to count up to it.
func niceTop(n int) (top, step int) {
	if n <= 4 {
		return 4, 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(float64(n)/4)))
	for _, f := range []float64{1, 2, 2.5, 5, 10} {
		if s := f * unit; s*4 >= float64(n) && s == math.Trunc(s) {
			step = int(s)
			break
		}
	}
	return step * ((n + step - 1) / step), step
}

// compact writes a count in few letters: 950, 12k, 3.4M.
func compact(n int) string {
	short := func(x float64, unit string) string {
		if x < 9.95 {
			return strings.TrimSuffix(fmt.Sprintf("%.1f", x), ".0") + unit
		}
		return fmt.Sprintf("%.0f", x) + unit
	}
	switch {
	case n >= 999_500:
		return short(float64(n)/1e6, "M")
	case n >= 1000:
		return short(float64(n)/1e3, "k")
	}
	return fmt.Sprint(n)
}

// shares divides a month's searches among the groups. The classes that say
// little or nothing exclude the others; a search with several of the others is
// divided between them, so that the bar's height is the number of searches.
func shares(m audit.Month) (of [7]float64) {
	named := float64(m.Told)
	of[6] = float64(m.Searches - m.Told)
	sum := 0.0
	for class, n := range m.Purposes {
		_, g := className(class)
		for i := range groups {
			if groups[i].Key == g {
				of[i] += float64(n)
			}
		}
		if g == "little" || g == "none" {
			named -= float64(n)
		} else {
			sum += float64(n)
		}
	}
	for i := range 4 {
		if sum > 0 {
			of[i] *= max(0, named) / sum
		}
	}
	return of
}

// timeline draws the months, stacked by purpose.
func timeline(months []audit.Month) template.HTML {
	const high, head, foot, left = 220.0, 14.0, 40.0, 9.0
	if len(months) == 0 {
		return ""
	}
	peak, low := months[0], months[0]
	for _, m := range months {
		if m.Searches > peak.Searches {
			peak = m
		}
		if m.Searches < low.Searches {
			low = m
		}
	}
	d := draw("timeline", "Searches by month and purpose", fmt.Sprintf("%s, from %s to %s. Most in %s: %s. Fewest in %s: %s.",
		plural(len(months), "month"), monthName(months[0].Month), monthName(months[len(months)-1].Month),
		monthName(peak.Month), audit.Grouped(peak.Searches), monthName(low.Month), audit.Grouped(low.Searches)), int(head+high+foot))
	top, step := niceTop(peak.Searches)
	for n := 0; n <= top; n += step {
		y := head + high - high*float64(n)/float64(top)
		d.line("axis", left, y, 100, y)
		d.text("end", left-1.2, y+4, compact(n))
	}
	slot := (100 - left) / float64(len(months))
	wide := min(slot*0.72, 14)
	every, everyNarrow := (len(months)+11)/12, (len(months)+4)/5
	for i, m := range months {
		x, y := left+slot*(float64(i)+0.5)-wide/2, head+high
		of := shares(m)
		for g, n := range of {
			tall := high * n / float64(top)
			if tall <= 0 {
				continue
			}
			y -= tall
			d.rect("seg "+groups[g].Key, x, y, wide, tall, fmt.Sprintf("%s: %s, about %s of %s", monthName(m.Month), groups[g].Name, audit.Grouped(int(math.Round(n))), searches(m.Searches)))
		}
		class := "mid"
		switch {
		case i%every != 0 && i%everyNarrow != 0:
			continue
		case i%everyNarrow != 0:
			class = "mid wide"
		case i%every != 0:
			class = "mid narrow"
		}
		name, year, _ := strings.Cut(monthName(m.Month), " ")
		d.text(class, left+slot*(float64(i)+0.5), head+high+17, name)
		if i == 0 || strings.HasSuffix(m.Month, "-01") || every > 1 {
			d.text(class, left+slot*(float64(i)+0.5), head+high+33, year)
		}
	}
	return d.end()
}

var weekdays = []string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}

// heat maps the hours of the week. The shade is one of five steps of the busiest hour.
func heat(hours [7][24]int) template.HTML {
	const row, left, head = 26.0, 11.0, 4.0
	top, when := 0, ""
	for w := range hours {
		for h, n := range hours[w] {
			if n > top {
				top, when = n, fmt.Sprintf("%s %d:00", weekdays[w], h)
			}
		}
	}
	if top == 0 {
		return ""
	}
	d := draw("heat", "Searches by weekday and hour", fmt.Sprintf("The busiest hour begins %s, with %s.", when, searches(top)), int(head+7*row+24))
	slot := (100 - left) / 24
	for i := range 7 {
		w := (i + 1) % 7 // Monday first
		d.text("end", left-1.5, head+float64(i)*row+17, weekdays[w][:3])
		for h, n := range hours[w] {
			d.rect(fmt.Sprintf("seg h%d", shade(n, top)), left+slot*float64(h), head+float64(i)*row, slot, row,
				fmt.Sprintf("%s %d:00: %s", weekdays[w], h, searches(n)))
		}
	}
	for h := 0; h < 24; h += 3 {
		class := ""
		if h%6 != 0 {
			class = "wide"
		}
		d.text(class, left+slot*float64(h), head+7*row+17, fmt.Sprintf("%d:00", h))
	}
	return d.end()
}

// shade is 0 for none, else 1 to 5 by the square root of the part, so that small counts can be seen.
func shade(n, top int) int {
	if n <= 0 || top <= 0 {
		return 0
	}
	return min(5, 1+int(4.999*math.Sqrt(float64(n)/float64(top))))
}

// tiles places the states and the District as squares where one looks for them.
var tiles = []string{
	"AK .. .. .. .. .. .. .. .. .. ME",
	".. .. .. .. .. .. .. .. .. VT NH",
	"WA ID MT ND MN WI MI .. NY MA RI",
	"OR UT WY SD IA IL IN OH PA NJ CT",
	"CA NV CO NE MO KY WV VA MD DE DC",
	".. AZ NM KS AR TN NC SC .. .. ..",
	".. .. .. OK LA MS AL GA .. .. ..",
	"HI .. .. TX .. .. .. .. FL .. ..",
}

// tileMap colors the states by searches of their agencies; home is outlined.
func tileMap(states map[string]int, home string) template.HTML {
	const row = 40.0
	all := most(states)
	if len(all) == 0 {
		return ""
	}
	top := all[0].N
	var first []string
	for _, s := range all[:min(3, len(all))] {
		first = append(first, fmt.Sprintf("%s %s", s.Key, audit.Grouped(s.N)))
	}
	d := draw("map", "Searches by the state of the searching agency", fmt.Sprintf("%s. Most: %s.", plural(len(all), "state"), list(first)), int(row)*len(tiles))
	const slot = 100.0 / 11
	for y, line := range tiles {
		for x, s := range strings.Fields(line) {
			if s == ".." {
				continue
			}
			n, class := states[s], "tile"
			if s == home {
				class += " home"
			}
			step := shade(n, top)
			d.rect(fmt.Sprintf("%s h%d", class, step), slot*float64(x)+0.3, row*float64(y)+1, slot-0.6, row-3, fmt.Sprintf("%s: %s", s, searches(n)))
			on := fmt.Sprintf("mid on%d", step)
			if n == 0 {
				d.text("mid", slot*(float64(x)+0.5), row*float64(y)+24, s)
				continue
			}
			d.text(on, slot*(float64(x)+0.5), row*float64(y)+18, s)
			d.text(on, slot*(float64(x)+0.5), row*float64(y)+32, compact(n))
		}
	}
	return d.end()
}

// tick is a place on a scale and its words.
type tick struct {
	at   float64
	name string
}

// spread draws where half, nine in ten and all of the searches lie, on a scale by factors.
func spread(id, title string, q audit.Quantiles, say func(float64) string, ticks []tick) template.HTML {
	if q.N == 0 || q.Most <= 0 {
		return ""
	}
	from := ticks[0].at
	to := max(q.Most*1.15, ticks[0].at*10)
	x := func(v float64) float64 {
		return 3 + 92*math.Log(max(v, from)/from)/math.Log(to/from)
	}
	d := draw(id, title, fmt.Sprintf("Half of %s: at most %s. Nine in ten: at most %s. The most: %s.", searches(q.N), say(q.Median), say(q.P90), say(q.Most)), 76)
	d.line("axis", 0, 36, 100, 36)
	before := -20.0
	for _, t := range ticks {
		if t.at > to || x(t.at)-before < 9 {
			continue
		}
		before = x(t.at)
		d.line("axis", before, 31, before, 41)
		d.text("mid", before, 58, t.name)
	}
	d.line("rail", x(q.Median), 36, x(q.Most), 36)
	for i, v := range []float64{q.Median, q.P90, q.Most} {
		fmt.Fprintf(d, `<circle class="dot" cx="%.3f%%" cy="36" r="8"><title>%s</title></circle>`, x(v), template.HTMLEscapeString(say(v)))
		y, class := 20.0, "mid strong"
		if i > 0 { // near the one before there is no room; the numbers stand above
			room := x(v) - x([]float64{q.Median, q.P90}[i-1])
			if room < 12 {
				continue
			}
			if room < 24 {
				class += " wide"
			}
		}
		if x(v) > 88 {
			class = strings.Replace(class, "mid", "end", 1)
		} else if x(v) < 8 {
			class = strings.Replace(class, "mid ", "", 1)
		}
		d.text(class, min(max(x(v), 0), 100), y, []string{"half", "9 in 10", "most"}[i])
	}
	return d.end()
}

var countTicks = []tick{{1, "1"}, {10, "10"}, {100, "100"}, {1000, "1,000"}, {10_000, "10,000"}, {100_000, "100,000"}, {1_000_000, "1,000,000"}}

var timeTicks = []tick{{1, "1 h"}, {24, "1 day"}, {7 * 24, "7 d"}, {30 * 24, "30 d"}, {90 * 24, "90 d"}, {365 * 24, "1 year"}, {3650 * 24, "10 years"}}

// searchersChart draws the searchers with most searches, one bar each, and the median of all.
func searchersChart(s audit.Spread) template.HTML {
	const high, head, foot, left = 150.0, 14.0, 24.0, 9.0
	if len(s.Top) < 2 {
		return ""
	}
	top, step := niceTop(s.Top[0].Searches)
	d := draw("spread", fmt.Sprintf("Searches of the %d most active searchers", len(s.Top)), fmt.Sprintf("The first made %s; the %s made %s. Half of all searchers made at most %s.",
		searches(s.Top[0].Searches), ordinal(len(s.Top)), searches(s.Top[len(s.Top)-1].Searches), number(s.Median)), int(head+high+foot))
	for n := 0; n <= top; n += step {
		y := head + high - high*float64(n)/float64(top)
		d.line("axis", left, y, 100, y)
		d.text("end", left-1.2, y+4, compact(n))
	}
	slot := (100 - left) / float64(len(s.Top))
	for i, t := range s.Top {
		tall := max(1, high*float64(t.Searches)/float64(top))
		d.rect("crime", left+slot*(float64(i)+0.15), head+high-tall, slot*0.7, tall, fmt.Sprintf("%s: %s on %s", t.Token, searches(t.Searches), plural(t.Days, "day")))
	}
	y := head + high - high*s.Median/float64(top)
	d.line("median", left, y, 100, y)
	d.text("", left, head+high+17, "most active")
	d.text("end", 100, head+high+17, fmt.Sprintf("dashes: median of all %s", audit.Grouped(s.Number)))
	return d.end()
}

func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return audit.Grouped(n) + suffix
}
