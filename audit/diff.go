package audit

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"porchlight/searchlog"
)

// Comparison is what two results say side by side: two periods, or two
// agencies. What cannot be compared is in Apart and in none of the tables.
type Comparison struct {
	Redacted bool      `json:"redacted"` // both are
	A        Side      `json:"a"`
	B        Side      `json:"b"`
	Measures []Measure `json:"measures"`
	Purposes []Share   `json:"purposes"`
	Findings []Change  `json:"findings"`
	Apart    []string  `json:"apart"`    // what is not compared, and why, in sentences
	Cautions []string  `json:"cautions"` // what to keep in mind of what is, in sentences
}

// Side is one of the two.
type Side struct {
	Name      string    `json:"name"` // the caller's; "A" and "B" at first
	Rows      int       `json:"rows"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
	Days      int       `json:"days"` // of the span, without months that have no search
	Searchers int       `json:"searchers"`
	Agencies  int       `json:"agencies"`
}

// Measure is one number of both.
type Measure struct {
	Name string  `json:"name"`
	Unit string  `json:"unit"` // "", "%" or "hours"
	A    float64 `json:"a"`
	B    float64 `json:"b"`
}

// Share is a part of the searches of both that tell a purpose or that none is given, with the 95% interval of the
// difference in percentage points (Newcombe's, from Wilson's of each; R. G.
// Newcombe, Statistics in Medicine 17, 1998, method 10). It takes searches for
// independent, which those of one person are not, so it is rather too narrow.
type Share struct {
	Class      string  `json:"class"`
	Style      string  `json:"style"` // of the reasons: FreeText or Chosen
	A          int     `json:"a"`
	AOf        int     `json:"a_of"`
	B          int     `json:"b"`
	BOf        int     `json:"b_of"`
	Difference float64 `json:"difference"` // B less A
	Low        float64 `json:"low"`
	High       float64 `json:"high"`
}

// The styles of reasons: typed freely, and since January 2026 chosen from a
// list and read "Category - detail".
const (
	FreeText   = "free text, before 2026"
	Chosen     = "chosen from a list, since 2026"
	styleMonth = "2026-01"
)

// Change is a finding in either. Difference, Low and High are as in Share.
type Change struct {
	Rule       string  `json:"rule"`
	Title      string  `json:"title"`
	Unit       string  `json:"unit"`
	A          int     `json:"a"`
	AOf        int     `json:"a_of"` // 0 where the finding does not say of how many
	B          int     `json:"b"`
	BOf        int     `json:"b_of"`
	What       string  `json:"what"` // "only in A", "only in B", "more", "fewer" or "alike" (the interval holds 0); "in both" where no share is known
	Difference float64 `json:"difference"`
	Low        float64 `json:"low"`
	High       float64 `json:"high"`
}

// Diff compares two results. It compares rates and shares, not totals, and
// only what both files tell in the same way.
func Diff(a, b *Result) Comparison {
	d := comparer{a: a, b: b, c: &Comparison{Redacted: a.Redacted && b.Redacted, A: sideOf(a, "A"), B: sideOf(b, "B")}}
	d.doubts()
	d.measures()
	d.purposes()
	d.findings()
	return *d.c
}

type comparer struct {
	a, b *Result
	c    *Comparison
}

func (d *comparer) apart(format string, args ...any) {
	d.c.Apart = append(d.c.Apart, fmt.Sprintf(format, args...))
}
func (d *comparer) caution(format string, args ...any) {
	d.c.Cautions = append(d.c.Cautions, fmt.Sprintf(format, args...))
}

// sides says of which side a thing is true: "A", "B", "A and B" or "".
func sides(a, b bool) string {
	switch {
	case a && b:
		return "A and B"
	case a:
		return "A"
	case b:
		return "B"
	}
	return ""
}

func sideOf(r *Result, name string) Side {
	s := Side{Name: name, Rows: r.Rows, First: r.First, Last: r.Last, Searchers: r.Searchers.Number, Agencies: len(r.Agencies)}
	if r.First.IsZero() {
		return s
	}
	with := map[string]bool{}
	for _, m := range r.Months {
		with[m.Month] = m.Searches > 0
	}
	zone := zoneNamed(r)
	last := r.Last.In(zone).Format(time.DateOnly)
	for day := r.First.In(zone); ; day = day.AddDate(0, 0, 1) {
		if day.Format(time.DateOnly) > last || s.Days > 100_000 {
			return s
		}
		if len(with) == 0 || with[day.Format("2006-01")] {
			s.Days++
		}
	}
}

// zoneNamed is the zone of a result, UTC where it is not known here.
func zoneNamed(r *Result) *time.Location {
	if z, err := time.LoadLocation(r.Zone); err == nil {
		return z
	}
	return time.UTC
}

// sampled reports whether most searches come from transparency portals, which
// list about one search for each user and clock hour.
func sampled(r *Result) bool {
	n := 0
	for _, f := range r.Files {
		if strings.HasPrefix(f.Variant, "portal") && f.Variant != "portal-cameras" {
			n += f.Rows
		}
	}
	return 2*n > r.Rows
}

// styles are the searches and purposes of a result by the style of its reasons.
func styles(r *Result) map[string]Month {
	out := map[string]Month{}
	for _, m := range r.Months {
		style := FreeText
		if m.Month >= styleMonth {
			style = Chosen
		}
		sum, ok := out[style]
		if !ok {
			sum.Purposes = map[string]int{}
		}
		sum.Searches += m.Searches
		sum.Told += m.Told
		for c, n := range m.Purposes {
			sum.Purposes[c] += n
		}
		if sum.Told > 0 {
			out[style] = sum
		}
	}
	return out
}

// tells is the part of the rows whose files have a column and do not mask it.
func tells(r *Result, f searchlog.Field) float64 {
	told, all := 0, 0
	for _, file := range r.Files {
		for state, n := range file.Cells[f.String()] {
			switch state {
			case searchlog.NotExported.String(), searchlog.MaskedByVendor.String(), searchlog.MaskedByAgency.String():
			default:
				told += n
			}
			all += n
		}
	}
	if all == 0 {
		return 0
	}
	return float64(told) / float64(all)
}

func (d *comparer) longer() bool {
	a, b := d.c.A.Days, d.c.B.Days
	return 4*max(a, b) > 5*min(a, b)
}

// doubts says what bears on the whole comparison.
func (d *comparer) doubts() {
	a, b := d.a, d.b
	if sampled(a) && sampled(b) {
		d.caution("Both come from transparency portals, which list about one search for each user and clock hour: all counts understate, and most for busy searchers.")
	}
	if d.longer() {
		d.caution("The spans differ in length (%d and %d days), so totals are not comparable; rates and shares are.", d.c.A.Days, d.c.B.Days)
	}
	for _, x := range []struct {
		name string
		r    *Result
	}{{"A", a}, {"B", b}} {
		if x.r.First.IsZero() {
			continue
		}
		zone := zoneNamed(x.r)
		first, last := x.r.First.In(zone), x.r.Last.In(zone)
		var cut []string
		if first.Day() > 1 {
			cut = append(cut, first.Format("January 2006"))
		}
		if last.AddDate(0, 0, 1).Month() == last.Month() {
			if name := last.Format("January 2006"); !slices.Contains(cut, name) {
				cut = append(cut, name)
			}
		}
		if len(cut) > 0 {
			d.caution("%s does not hold all of %s; rates count the days it spans.", x.name, strings.Join(cut, " and "))
		}
		for _, m := range x.r.Months {
			if m.Searches == 0 {
				d.caution("%s has no search in %s; those days are not counted.", x.name, m.Month)
			}
		}
	}
	if !a.First.IsZero() && !b.First.IsZero() && a.First.Before(b.Last) && b.First.Before(a.Last) && sameAgencies(a, b) {
		d.caution("The spans overlap and agencies are in both, so that a search may be counted on both sides.")
	}
	if a.Zone != b.Zone {
		d.caution("Hours are counted in different zones, %s and %s: each in its own.", cmp.Or(a.Zone, "UTC"), cmp.Or(b.Zone, "UTC"))
	}
	for f := range searchlog.NumFields {
		ta, tb := tells(a, f), tells(b, f)
		if ta < 0.05 && tb < 0.05 || math.Abs(ta-tb) < 0.2 {
			continue
		}
		d.caution("The %s is told in %.0f%% of the rows of A and %.0f%% of B; what rests on it speaks of those rows only.", f, 100*ta, 100*tb)
	}
}

func sameAgencies(a, b *Result) bool {
	in := map[string]bool{}
	for _, x := range a.Agencies {
		in[x.Name] = true
	}
	return slices.ContainsFunc(b.Agencies, func(x Agency) bool { return in[x.Name] })
}

// measures compares rates, reach and look-back.
func (d *comparer) measures() {
	a, b := d.a, d.b
	add := func(name, unit string, x, y float64) { d.c.Measures = append(d.c.Measures, Measure{name, unit, x, y}) }
	share := func(part, of int) float64 { return 100 * float64(part) / float64(of) }
	rates := true
	switch one := sampled(a) != sampled(b); {
	case one:
		rates = false
		d.apart("Counts of searches, by day or by searcher: %s comes from transparency portals, which list about one search for each user and clock hour, and the other does not.", sides(sampled(a), sampled(b)))
	case d.c.A.Days == 0 || d.c.B.Days == 0:
		rates = false
		d.apart("Counts by day: %s does not tell when searches were made.", sides(d.c.A.Days == 0, d.c.B.Days == 0))
	default:
		add("Searches a day", "", float64(a.Rows)/float64(d.c.A.Days), float64(b.Rows)/float64(d.c.B.Days))
	}
	unknown := func(r *Result) bool { return r.Searchers.Number == 0 || 10*r.Searchers.Known < 9*r.Rows }
	switch {
	case unknown(a) || unknown(b):
		d.apart("Searches by searcher: in %s searchers cannot be told apart, or not in enough of the rows.", sides(unknown(a), unknown(b)))
	case rates:
		per := func(r *Result, s Side) float64 {
			return float64(r.Searchers.Known) / float64(r.Searchers.Number) / float64(s.Days) * 30
		}
		add("Searches a searcher in 30 days, on average", "", per(a, d.c.A), per(b, d.c.B))
		add("Searchers in all", "", float64(a.Searchers.Number), float64(b.Searchers.Number))
		ten := func(r *Result) float64 {
			n := 0
			for _, s := range r.Searchers.Top[:min(10, len(r.Searchers.Top))] {
				n += s.Searches
			}
			return share(n, r.Searchers.Known)
		}
		if d.longer() {
			d.apart("The share of the ten most active searchers and the median of a searcher: they change with the length of the span.")
		} else {
			add("Median of searches a searcher", "", a.Searchers.Median, b.Searchers.Median)
			add("Share of the ten most active", "%", ten(a), ten(b))
		}
	}
	if na, nb := hoursOf(a, nil), hoursOf(b, nil); na > 0 && nb > 0 {
		night := func(_, h int) bool { return h >= 22 || h < 6 }
		weekend := func(w, _ int) bool { return w == 0 || w == 6 }
		add("Share between 22:00 and 6:00", "%", share(hoursOf(a, night), na), share(hoursOf(b, night), nb))
		add("Share on Saturday and Sunday", "%", share(hoursOf(a, weekend), na), share(hoursOf(b, weekend), nb))
	}
	for _, q := range []struct {
		name, unit string
		a, b       Quantiles
	}{
		{"Networks at once", "", a.Reach.Networks, b.Reach.Networks}, {"Cameras at once", "", a.Reach.Devices, b.Reach.Devices}, {"Look-back", "hours", a.Reach.LookBack, b.Reach.LookBack},
	} {
		if q.a.N == 0 || q.b.N == 0 {
			if q.a.N+q.b.N > 0 {
				d.apart("%s: %s does not tell it.", q.name, sides(q.a.N == 0, q.b.N == 0))
			}
			continue
		}
		add(q.name+", median", q.unit, q.a.Median, q.b.Median)
		add(q.name+", nine in ten at most", q.unit, q.a.P90, q.b.P90)
		add(q.name+", most", q.unit, q.a.Most, q.b.Most)
	}
	if a.Reach.Known > 0 && b.Reach.Known > 0 {
		add("Share that went to more than one network", "%", share(a.Reach.Multi, a.Reach.Known), share(b.Reach.Multi, b.Reach.Known))
	}
	outside := func(r *Result) (n, all int) {
		for s, k := range r.Reach.States {
			all += k
			if s != r.State {
				n += k
			}
		}
		return n, all
	}
	an, aAll := outside(a)
	bn, bAll := outside(b)
	if a.State != "" && a.State == b.State && aAll > 0 && bAll > 0 {
		add("Share by agencies of other states, where their name tells", "%", share(an, aAll), share(bn, bAll))
	}
}

// hoursOf counts the searches of the hours that in says, all for nil.
func hoursOf(r *Result, in func(weekday, hour int) bool) (n int) {
	for w := range r.Hours {
		for h, k := range r.Hours[w] {
			if in == nil || in(w, h) {
				n += k
			}
		}
	}
	return n
}

// purposes compares the shares of the classes, within one style of reasons.
func (d *comparer) purposes() {
	mute := func(r *Result) bool { return r.Told == 0 || r.Purposes["unstated"] >= r.Told }
	if mute(d.a) || mute(d.b) {
		d.apart("Purposes: %s states no reasons that can be read.", sides(mute(d.a), mute(d.b)))
		return
	}
	a, b := styles(d.a), styles(d.b)
	compared := false
	for _, style := range []string{FreeText, Chosen} {
		ma, inA := a[style]
		mb, inB := b[style]
		if !inA || !inB {
			continue
		}
		compared = true
		classes := maps.Clone(ma.Purposes)
		maps.Copy(classes, mb.Purposes)
		for _, class := range slices.Sorted(maps.Keys(classes)) {
			s := Share{Class: class, Style: style, A: ma.Purposes[class], AOf: ma.Told, B: mb.Purposes[class], BOf: mb.Told}
			s.Difference, s.Low, s.High = newcombe(s.A, s.AOf, s.B, s.BOf)
			d.c.Purposes = append(d.c.Purposes, s)
		}
	}
	const why = "since January 2026 reasons are chosen from a list and read “Category - detail”, so that how much they say before and after is not comparable"
	switch {
	case !compared:
		d.apart("Purposes: one side is before January 2026 and the other after; %s.", why)
	case len(a) != len(b) || len(a) > 1:
		d.caution("Purposes are compared within one style of reasons only: %s.", why)
	}
}

// newcombe is the difference of two shares in percentage points, B less A, and its 95% interval.
func newcombe(a, aOf, b, bOf int) (diff, low, high float64) {
	if aOf <= 0 || bOf <= 0 || a > aOf || b > bOf {
		return 0, 0, 0
	}
	p, pl, ph := wilson(a, aOf)
	q, ql, qh := wilson(b, bOf)
	return 100 * (q - p), 100 * (q - p - math.Hypot(q-ql, ph-p)), 100 * (q - p + math.Hypot(qh-q, p-pl))
}

// wilson is a share and its 95% interval.
func wilson(k, n int) (p, low, high float64) {
	const z = 1.959964
	f := float64(n)
	p = float64(k) / f
	mid := (p + z*z/(2*f)) / (1 + z*z/f)
	half := z / (1 + z*z/f) * math.Sqrt(p*(1-p)/f+z*z/(4*f*f))
	return p, max(0, mid-half), min(1, mid+half)
}

// findings compares those that could be asked of both.
func (d *comparer) findings() {
	of := func(r *Result) map[string]Finding {
		all := map[string]Finding{}
		for _, f := range r.Findings {
			all[f.Rule] = f
		}
		return all
	}
	a, b := of(d.a), of(d.b)
	var order []string
	titles, ofReasons := map[string]string{}, map[string]bool{}
	for _, r := range rules {
		order = append(order, r.ID)
		titles[r.ID] = r.Title
		ofReasons[r.ID] = strings.HasPrefix(r.ID, "reason.") || strings.HasPrefix(r.ID, "purpose.") || strings.HasPrefix(r.ID, "case.") || strings.HasPrefix(r.ID, "reach.")
	}
	for _, f := range slices.Concat(d.a.Findings, d.b.Findings) {
		if !slices.Contains(order, f.Rule) {
			order = append(order, f.Rule)
			titles[f.Rule] = cmp.Or(f.Title, f.Rule)
		}
	}
	sa, sb := styles(d.a), styles(d.b)
	oneStyle := len(sa) == 1 && len(sb) == 1 && slices.Equal(slices.Collect(maps.Keys(sa)), slices.Collect(maps.Keys(sb)))
	for _, rule := range order {
		fa, inA := a[rule]
		fb, inB := b[rule]
		askedA, askedB := inA || slices.Contains(d.a.Clear, rule), inB || slices.Contains(d.b.Clear, rule)
		if !inA && !inB {
			continue
		}
		title := titles[rule]
		grouped := fa.Instances > 0 || fb.Instances > 0
		switch {
		case !askedA || !askedB:
			d.apart("“%s”: it could not be asked of %s.", title, sides(!askedA, !askedB))
			continue
		case inA && inB && fa.Threshold != fb.Threshold:
			d.apart("“%s”: counted from different thresholds (%s; %s).", title, fa.Threshold, fb.Threshold)
			continue
		case d.a.State != d.b.State && (len(fa.Law) > 0 || len(fb.Law) > 0):
			d.apart("“%s”: it was asked under the laws of different states.", title)
			continue
		case ofReasons[rule] && !oneStyle:
			d.apart("“%s”: it rests on what reasons say, and the two sides do not have one style of reasons (before 2026 typed, since then chosen).", title)
			continue
		case sampled(d.a) != sampled(d.b):
			d.apart("“%s”: portals leave searches out, and only %s comes from portals.", title, sides(sampled(d.a), sampled(d.b)))
			continue
		case strings.HasPrefix(rule, "export"):
			// Of files, not of searches: shown, never counted as a share.
		case grouped && d.longer():
			d.apart("“%s”: it takes several searches over time, and so grows with the length of the span.", title)
			continue
		}
		f := fa
		if !inA {
			f = fb
		}
		c := Change{Rule: rule, Title: title, Unit: cmp.Or(f.Unit, "searches"), A: fa.Count, AOf: fa.Of, B: fb.Count, BOf: fb.Of}
		aOf, bOf := fa.Of, fb.Of
		if !inA && bOf > 0 { // a clear rule does not say of how many: of all, at most
			aOf = d.a.Rows
		}
		if !inB && aOf > 0 {
			bOf = d.b.Rows
		}
		c.Difference, c.Low, c.High = newcombe(fa.Count, aOf, fb.Count, bOf)
		switch {
		case !inB:
			c.What = "only in A"
		case !inA:
			c.What = "only in B"
		case aOf == 0 || bOf == 0:
			c.What = "in both"
		case c.Low > 0:
			c.What = "more"
		case c.High < 0:
			c.What = "fewer"
		default:
			c.What = "alike"
		}
		d.c.Findings = append(d.c.Findings, c)
	}
}
