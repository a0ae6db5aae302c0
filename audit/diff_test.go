package audit

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"porchlight/searchlog"
)

// period is a result of whole months: n searches in each, a part of them vague.
func period(first string, months, n, vague int) *Result {
	begin, err := time.Parse("2006-01", first)
	if err != nil {
		panic(err)
	}
	r := &Result{Rows: months * n, Told: months * n, State: "IL", Zone: "UTC", First: begin, Last: begin.AddDate(0, months, -1), Purposes: map[string]int{},
		Searchers: Spread{Known: months * n, Number: 10, Median: float64(n) / 10, Most: n / 5, Top: []Searcher{{Token: "S1", Searches: months * n / 4}}},
		Files:     []searchlog.File{{Variant: "audit-14", Rows: months * n, Cells: map[string]map[string]int{"reason": {"value": months * n}}}},
		Clear:     []string{"burst"},
	}
	for i := range months {
		p := map[string]int{"vague": vague, "crime": n - vague}
		r.Months = append(r.Months, Month{Month: begin.AddDate(0, i, 0).Format("2006-01"), Searches: n, Told: n, Purposes: p})
		r.Purposes["vague"] += vague
		r.Purposes["crime"] += n - vague
	}
	return r
}

func hasLine(all []string, part string) bool {
	return slices.ContainsFunc(all, func(s string) bool { return strings.Contains(s, part) })
}

func changeOf(c Comparison, rule string) *Change {
	for i := range c.Findings {
		if c.Findings[i].Rule == rule {
			return &c.Findings[i]
		}
	}
	return nil
}

func TestDiffOfLikePeriods(t *testing.T) {
	a, b := period("2025-05", 1, 3100, 310), period("2025-06", 1, 6000, 1200)
	a.Findings = []Finding{{Rule: "reason.vague", Title: "Reasons that say nothing", Threshold: "t", Count: 310, Of: 3100}, {Rule: "burst", Threshold: "t", Count: 3, Of: 3100, Instances: 1}}
	b.Findings = []Finding{{Rule: "reason.vague", Title: "Reasons that say nothing", Threshold: "t", Count: 1200, Of: 6000}}
	c := Diff(a, b)
	if c.Measures[0].A != 100 || c.Measures[0].B != 200 {
		t.Errorf("searches a day %+v, want 100 and 200: a rate, not a total", c.Measures[0])
	}
	i := slices.IndexFunc(c.Purposes, func(s Share) bool { return s.Class == "vague" })
	if i < 0 {
		t.Fatalf("purposes %+v", c.Purposes)
	}
	if s := c.Purposes[i]; s.Style != FreeText || math.Abs(s.Difference-10) > 1e-9 || s.Low < 8 || s.Low >= 10 || s.High <= 10 || s.High > 12 {
		t.Errorf("vague: %+v, want 10 points within about 1.5", s)
	}
	if f := changeOf(c, "reason.vague"); f == nil || f.What != "more" {
		t.Errorf("reason.vague: %+v", f)
	}
	if f := changeOf(c, "burst"); f == nil || f.What != "only in A" { // B could have been asked: it is clear there
		t.Errorf("burst: %+v, apart %q", f, c.Apart)
	}
	if len(c.Apart) != 0 {
		t.Errorf("apart: %q", c.Apart)
	}
}

func TestDiffKeepsStylesApart(t *testing.T) {
	before, after, over := period("2025-11", 1, 3000, 1500), period("2026-02", 1, 2800, 300), period("2025-12", 3, 2000, 500)
	for _, r := range []*Result{before, after, over} {
		r.Findings = []Finding{{Rule: "reason.vague", Title: "Reasons that say nothing", Threshold: "t", Count: r.Purposes["vague"], Of: r.Rows}}
	}
	c := Diff(before, after)
	if len(c.Purposes) != 0 || changeOf(c, "reason.vague") != nil || !hasLine(c.Apart, "January 2026") || !hasLine(c.Apart, "Reasons that say nothing") {
		t.Errorf("compared over the change of style: %+v %+v, apart %q", c.Purposes, c.Findings, c.Apart)
	}
	c = Diff(after, over)
	for _, s := range c.Purposes {
		if s.Style != Chosen || s.BOf != 4000 {
			t.Errorf("%+v: only January and February share a style", s)
		}
	}
	if len(c.Purposes) == 0 || !hasLine(c.Cautions, "one style") || changeOf(c, "reason.vague") != nil {
		t.Errorf("%+v, cautions %q", c.Purposes, c.Cautions)
	}
}

func TestDiffOfPortals(t *testing.T) {
	whole, portal := period("2025-05", 1, 3100, 0), period("2025-06", 1, 1500, 0)
	portal.Files[0].Variant = "portal"
	whole.Findings = []Finding{{Rule: "burst", Title: "Many searches in minutes", Threshold: "t", Count: 30, Of: 3100, Instances: 1}}
	c := Diff(whole, portal)
	if slices.ContainsFunc(c.Measures, func(m Measure) bool { return m.Name == "Searches a day" }) || !hasLine(c.Apart, "B comes from transparency portals") {
		t.Errorf("a portal's counts were compared: %+v, apart %q", c.Measures, c.Apart)
	}
	if changeOf(c, "burst") != nil || !hasLine(c.Apart, "Many searches in minutes") {
		t.Errorf("bursts of a portal were compared")
	}
	whole.Files[0].Variant = "portal"
	if c := Diff(whole, portal); c.Measures[0].Name != "Searches a day" || !hasLine(c.Cautions, "understate") {
		t.Errorf("two portals: %+v, cautions %q", c.Measures, c.Cautions)
	}
}

func TestDiffSaysWhatItCannot(t *testing.T) {
	a, b := period("2025-01", 6, 1000, 100), period("2025-07", 1, 1000, 100)
	b.First, b.Last = b.First.AddDate(0, 0, 9), b.Last.AddDate(0, 0, -3)
	b.Searchers = Spread{}
	a.Reach.Networks = Quantiles{N: 10, Median: 5, P90: 9, Most: 20}
	a.Findings = []Finding{
		{Rule: "plate.returned", Title: "One searcher returning to one plate", Threshold: "t", Count: 20, Of: 6000, Instances: 2},
		{Rule: "searcher.streak", Title: "Searches on many days in a row", Threshold: "t", Count: 20, Of: 6000, Instances: 2},
	}
	b.Clear = []string{"searcher.streak"}
	c := Diff(a, b)
	for _, want := range []string{"Networks at once: B does not tell it", "in B searchers cannot be told apart", "“One searcher returning to one plate”: it could not be asked of B", "“Searches on many days in a row”: it takes several searches over time"} {
		if !hasLine(c.Apart, want) {
			t.Errorf("%q is not among %q", want, c.Apart)
		}
	}
	for _, want := range []string{"differ in length", "B does not hold all of July 2025"} {
		if !hasLine(c.Cautions, want) {
			t.Errorf("%q is not among %q", want, c.Cautions)
		}
	}
	if c.B.Days != 19 {
		t.Errorf("B spans %d days, want 19", c.B.Days)
	}

	// A month without searches inside the span is told and not counted.
	a.Months[2].Searches = 0
	if c := Diff(a, b); c.A.Days != 181-31 || !hasLine(c.Cautions, "no search in 2025-03") {
		t.Errorf("A spans %d days, cautions %q", c.A.Days, c.Cautions)
	}
	// Nothing at all compares without a panic.
	if c := Diff(&Result{}, &Result{}); len(c.Purposes) != 0 || len(c.Apart) == 0 {
		t.Errorf("%+v", c)
	}
}

// Newcombe's own examples, method 10 (Statistics in Medicine 17, 1998, table II): 56/70 less 48/80, and 9/10 less 3/10.
func TestNewcombe(t *testing.T) {
	for _, x := range []struct {
		b, bOf, a, aOf int
		low, high      float64
	}{{56, 70, 48, 80, 5.24, 33.39}, {9, 10, 3, 10, 17.05, 80.90}, {10, 10, 0, 10, 60.75, 100}} {
		t.Run(fmt.Sprint(x), func(t *testing.T) {
			_, low, high := newcombe(x.a, x.aOf, x.b, x.bOf)
			if math.Abs(low-x.low) > 0.006 || math.Abs(high-x.high) > 0.006 {
				t.Errorf("%.2f to %.2f, want %.2f to %.2f", low, high, x.low, x.high)
			}
		})
	}
}
