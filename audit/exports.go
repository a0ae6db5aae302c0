package audit

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"time"

	"porchlight/searchlog"
)

// Row counts at which exports and spreadsheets end, of data rows; a header
// takes one of Excel's 1,048,576 and of old Excel's 65,536.
var ceilings = map[int]string{
	1_048_575: "Excel's last row", 1_048_576: "Excel's last row", 65_535: "old Excel's last row", 65_536: "old Excel's last row",
	1_000_000: "a round million", 20_000: "a common limit of exports",
}

func (t *teller) truncated() *Finding {
	f := t.begin(ruleTruncated)
	for i, file := range t.reading.Files {
		n := file.Rows + file.Duplicate + file.SetAsideRows
		f.Of++
		why := ceilings[n]
		for _, w := range file.Warnings {
			if w.Kind == "truncated" {
				why = cmp.Or(why, w.Text)
			}
		}
		if why == "" {
			continue
		}
		f.Count++
		row := t.fileRow(i)
		f.Cases = append(f.Cases, Case{What: fmt.Sprintf("%s holds exactly %s rows: %s", file.Path, Grouped(n), why), Count: 1, Rows: []Row{row}})
		f.Rows = append(f.Rows, row)
	}
	return t.ifAny(f)
}

func (t *teller) fileRow(file int) Row {
	return Row{File: t.pathOf(file), Cells: map[string]string{}}
}

// ifAny finishes a finding about exports.
func (t *teller) ifAny(f *Finding) *Finding {
	if f.Count == 0 {
		return nil
	}
	f.Instances = len(f.Cases)
	f.Cases = f.Cases[:min(len(f.Cases), maxCases)]
	f.Rows = f.Rows[:min(len(f.Rows), t.plan.rows)]
	return f
}

type gap struct{ from, to, active, span int } // days without a search, from and to included

// gapsIn finds the gaps of somebody who searches nearly every day.
func gapsIn(d *days, least int) []gap {
	var on []int
	for day := range d.all {
		on = append(on, day)
	}
	if len(on) < gapActive {
		return nil
	}
	var gaps []gap
	missing := 0
	for i := 1; i < len(on); i++ {
		if n := on[i] - on[i-1] - 1; n >= least {
			gaps = append(gaps, gap{from: on[i-1] + 1, to: on[i] - 1})
			missing += n
		}
	}
	span := on[len(on)-1] - on[0] + 1 - missing
	if len(on)*100 < gapRate*span || len(on) < gapApart*len(gaps) {
		return nil
	}
	for i := range gaps {
		gaps[i].active, gaps[i].span = len(on), span
	}
	return gaps
}

func (t *teller) gaps() *Finding {
	f := t.begin(ruleGap)
	all := days{}
	units := t.v.unitsBySearches()
	for _, u := range units {
		all.merge(&u.days)
	}
	folders := map[string]*days{}
	for i := range t.v.files {
		d := &t.v.files[i].unit.days
		all.merge(d)
		if i < len(t.reading.Files) && t.v.files[i].unit.searches > 0 {
			folder := path.Dir(t.reading.Files[i].Path)
			if folders[folder] == nil {
				folders[folder] = &days{}
			}
			folders[folder].merge(d)
		}
	}
	var vary [3]int
	least := [...]int{3, 14, 28}
	seen := map[[2]int]bool{} // the whole log's gaps are not each agency's
	tell := func(who string, d *days, whole bool) {
		f.Of++
		for _, g := range gapsIn(d, gapDays) {
			if !whole && covered(seen, g) {
				continue
			}
			if whole {
				seen[[2]int{g.from, g.to}] = true
			}
			f.Count++
			f.Cases = append(f.Cases, Case{What: fmt.Sprintf("%s: no search from %s to %s (%s), but on %d of %d other days", who, dateOf(g.from), dateOf(g.to), plural(g.to-g.from+1, "day"), g.active, g.span), Count: 1, Rows: []Row{}})
		}
		for i, n := range least {
			for _, g := range gapsIn(d, n) {
				if whole || !covered(seen, g) {
					vary[i]++
				}
			}
		}
	}
	tell("The whole log", &all, true)
	for _, u := range units {
		tell(u.name, &u.days, false)
	}
	if len(folders) > 1 || len(units) > 0 {
		for _, folder := range slices.Sorted(maps.Keys(folders)) {
			tell("The files in "+folder, folders[folder], false)
		}
	}
	for i, n := range least {
		f.Sensitivity = append(f.Sensitivity, Variation{Change: fmt.Sprintf("at least %d days", n), Count: vary[i]})
	}
	f.Assumptions = append(f.Assumptions, Assumption{"time zone", t.zone.String(), "days are counted in it"})
	return t.ifAny(f)
}

func covered(seen map[[2]int]bool, g gap) bool {
	for s := range seen {
		if g.from <= s[1] && s[0] <= g.to && g.to-g.from <= s[1]-s[0]+2*gapDays {
			return true
		}
	}
	return false
}

func (t *teller) ids() *Finding {
	f := t.begin(ruleIDs)
	for i, file := range t.reading.Files {
		f.Of += file.Duplicate
		for _, d := range file.Repeated {
			if !d.Different {
				continue
			}
			f.Count++
			row := t.fileRow(i)
			row.Line, row.Words = d.Line, fmt.Sprintf("same id as %s, line %d", d.OfFile, d.OfLine)
			f.Rows = append(f.Rows, row)
		}
		if len(file.Repeated) == searchlog.MaxNotes && file.Duplicate > searchlog.MaxNotes {
			f.Assumptions = append(f.Assumptions, Assumption{"counted", "the first " + Grouped(searchlog.MaxNotes) + " repeated rows of " + file.Path, "more are not listed: the count is a lower bound"})
		}
	}
	return t.ifAny(f)
}

// columns compares the files with the searches of one agency, in order of time.
func (t *teller) columns() *Finding {
	f := t.begin(ruleColumns)
	groups := map[string][]int{}
	for i, file := range t.reading.Files {
		if file.Rows == 0 || file.Variant == "" || i >= len(t.v.files) {
			continue
		}
		of := "the files in " + path.Dir(file.Path)
		if ft := &t.v.files[i]; ft.agency != 0 && !ft.mixed && ft.unit.searches == 0 {
			of = t.agencies[ft.agency]
		}
		groups[of] = append(groups[of], i)
	}
	for _, of := range slices.Sorted(maps.Keys(groups)) {
		g := groups[of]
		slices.SortStableFunc(g, func(a, b int) int { return t.reading.Files[a].First.Compare(t.reading.Files[b].First) })
		f.Of += len(g) - 1
		gone := map[string]bool{}
		for n := 1; n < len(g); n++ {
			earlier, later := &t.reading.Files[g[n-1]], &t.reading.Files[g[n]]
			for _, column := range later.Missing {
				if slices.Contains(earlier.Missing, column) || gone[column] {
					continue
				}
				gone[column] = true
				f.Count++
				rows := []Row{t.fileRow(g[n-1]), t.fileRow(g[n])}
				f.Cases = append(f.Cases, Case{What: fmt.Sprintf("%s: %s is in %s (to %s) and no more in %s (from %s)", of, column,
					earlier.Path, earlier.Last.Format(time.DateOnly), later.Path, later.First.Format(time.DateOnly)), Count: 1, Rows: rows})
				f.Rows = append(f.Rows, rows...)
			}
		}
	}
	return t.ifAny(f)
}
