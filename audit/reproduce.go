package audit

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"porchlight/searchlog"
)

// Reproduction is a published analysis of a released log, counted again.
type Reproduction struct {
	Name    string // a key of Reproductions
	Source  string // what was published, and from which log
	Figures []Figure
	Remarks []string // what the published figures hide or mistake, in sentences

	streaks    []streak // what is behind the eugene figures, each checked by the test
	outOfShift []outOfShift
}

// Figure is one number of a Reproduction.
type Figure struct {
	What      string
	Published string // "" where nobody published it: a number of ours beside the others
	Got       string
}

// Equal reports whether we get what was published; true for a number of ours.
func (f Figure) Equal() bool { return f.Published == "" || f.Published == f.Got }

// Reproductions are the published analyses that can be counted again.
var Reproductions = map[string]func(context.Context, string) (*Reproduction, error){
	"eugene":   reproduceEugene,
	"okaloosa": reproduceOkaloosa,
	"portals":  reproducePortals,
}

// Reproduce counts a published analysis again. Path is the folder that holds
// the analysis's own folder, or that folder. The error wraps fs.ErrNotExist
// where the data is not there.
func Reproduce(ctx context.Context, name, path string) (*Reproduction, error) {
	do, ok := Reproductions[name]
	if !ok {
		return nil, fmt.Errorf("nothing to reproduce is called %q: eugene, okaloosa or portals", name)
	}
	if in := filepath.Join(path, name); isDir(in) {
		path = in
	} else if !isDir(path) {
		return nil, fmt.Errorf("reproducing %s: %s is no folder: %w", name, path, fs.ErrNotExist)
	}
	r, err := do(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("reproducing %s: %w", name, err)
	}
	r.Name = name
	return r, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// Equal reports whether all figures are.
func (r *Reproduction) Equal() bool {
	return !slices.ContainsFunc(r.Figures, func(f Figure) bool { return !f.Equal() })
}

// Print writes the figures as a table, and the remarks.
func (r *Reproduction) Print(w io.Writer) error {
	fmt.Fprintf(w, "%s: %s\n\n", r.Name, r.Source)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "figure\tpublished\there\t")
	for _, f := range r.Figures {
		published, verdict := f.Published, "equal"
		switch {
		case f.Published == "":
			published, verdict = "-", ""
		case !f.Equal():
			verdict = "NOT EQUAL"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", f.What, published, f.Got, verdict)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, remark := range r.Remarks {
		if _, err := fmt.Fprintf(w, "\n%s\n", remark); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reproduction) add(what, published string, got any) {
	r.Figures = append(r.Figures, Figure{what, published, fmt.Sprint(got)})
}

// logged is what a reproduction needs of a search.
type logged struct {
	id, who           string
	at, from, to      time.Time
	networks, devices int
	noReason          bool
}

// logKeeper keeps the searches it is shown, in order.
type logKeeper struct{ all []logged }

func (k *logKeeper) Visit(all []searchlog.Search) {
	for _, s := range all {
		k.all = append(k.all, logged{
			id: string(s.Cell[searchlog.ID]), who: string(s.Cell[searchlog.Searcher]), at: s.Time, from: s.From, to: s.To,
			networks: s.Networks, devices: s.Devices, noReason: s.State[searchlog.Reason] == searchlog.Blank,
		})
	}
}

// readLog reads one file and fails when anything in it is not a search.
func readLog(ctx context.Context, path string) ([]logged, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	sources, err := searchlog.Find([]string{path}, nil)
	if err != nil {
		return nil, err
	}
	var k logKeeper
	reading, err := searchlog.Read(ctx, sources, searchlog.Options{Workers: 1}, func() searchlog.Visitor { return &k })
	if err != nil {
		return nil, err
	}
	if len(reading.Files) != 1 {
		return nil, fmt.Errorf("%s holds %d logs; one was expected", path, len(reading.Files))
	}
	if f := reading.Files[0]; f.SetAsideRows+f.Duplicate > 0 {
		return nil, fmt.Errorf("%s: %d rows set aside and %d duplicates; this is not the log that was analysed", path, f.SetAsideRows, f.Duplicate)
	}
	return k.all, nil
}

// The eugene report took times as UTC-8 all year. Local time was UTC-7 on every
// day it looks at.
var (
	fixedPacific = time.FixedZone("UTC-8", -8*60*60)
	eugeneEnd    = time.Date(2025, 9, 21, 0, 0, 0, 0, time.UTC)
)

func reproduceEugene(ctx context.Context, dir string) (*Reproduction, error) {
	all, err := readLog(ctx, filepath.Join(dir, "FlockAuditLogs_EPDSearchAuditLogs.csv"))
	if err != nil {
		return nil, err
	}
	pacific, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(s logged) bool { return !s.at.Before(eugeneEnd) })
	by := map[string][]logged{}
	slices.SortStableFunc(all, func(a, b logged) int { return a.at.Compare(b.at) })
	for _, s := range all {
		by[s.who] = append(by[s.who], s)
	}
	streaks := func(zone *time.Location) (out []streak) {
		c := newClock(zone)
		for who, searches := range by {
			day := func(i int) int { return dayOf(c.local(searches[i].at.Unix())) }
			runsOfDays(len(searches), 5, day, func(from, _, days int) { out = append(out, streak{who, day(from), days}) })
		}
		return out
	}
	r := &Reproduction{
		Source: "Eyes Off Eugene, analyses of 22 and 23 September 2025 of the portal log of one police department (CC0)",
		Remarks: []string{
			"The report calls its zone PST and subtracts eight hours all year. Every search it counts was made in daylight saving time, seven hours behind UTC, so that each search between midnight and 1:00 counts for the day before. Counted in Pacific time as clocks showed it, there are 30 streaks.",
			"Searches out of shift are pairs: two searches by one user, one right after the other on one day, the first in the hours of the rule and the second in the hours that the rule excludes. The workbook says that excluded hours reach into the next morning; its list stops at midnight. The same hour of error moves every search against the shifts, which are in local time.",
		},
	}
	r.add("searches before 2025-09-21 UTC", "3566", len(all))
	r.add("users", "142", len(by))
	r.streaks = streaks(fixedPacific)
	r.add("streaks of 5 days or more, UTC-8 all year", "27", len(r.streaks))
	r.add("streaks of 5 days or more, Pacific time with daylight saving", "", len(streaks(pacific)))
	r.outOfShift = findOutOfShift(by, fixedPacific, false)
	var rules [len(eugeneShifts) + 1]int
	for _, o := range r.outOfShift {
		rules[o.rule]++
	}
	r.add("searches out of shift", "28", len(r.outOfShift))
	for rule, published := range []string{1: "3", 2: "15", 3: "10"} {
		if rule > 0 {
			r.add(fmt.Sprintf("of these by rule %d", rule), published, rules[rule])
		}
	}
	r.add("searches out of shift, Pacific time with daylight saving", "", len(findOutOfShift(by, pacific, false)))
	r.add("searches out of shift, UTC-8, into the next morning as the rules say", "", len(findOutOfShift(by, fixedPacific, true)))
	return r, nil
}

// eugeneShifts are the rules of the report: whoever searches within seen should
// not search within not. Seconds of the day; not may pass midnight.
var eugeneShifts = [3]struct{ seen, not [2]int }{
	{[2]int{6*3600 + 1800, 7*3600 + 1800}, [2]int{16*3600 + 1800, 23*3600 + 1800}},
	{[2]int{7*3600 + 1800, 11 * 3600}, [2]int{17*3600 + 1800, daySeconds + 6*3600 + 1800}},
	{[2]int{11 * 3600, 16*3600 + 1800}, [2]int{21 * 3600, daySeconds + 6*3600 + 1800}},
}

// streak is so many days in a row on which a user searched, from a day since 1970.
type streak struct {
	who         string
	first, days int
}

// outOfShift is a pair of searches, ids in order of time, that no one shift explains.
type outOfShift struct {
	rule          int // from 1
	first, second string
}

// findOutOfShift wants each user's searches in order of time. A pair is of one
// day, unless the excluded hours are to reach into the next morning.
func findOutOfShift(by map[string][]logged, zone *time.Location, nextMorning bool) (out []outOfShift) {
	c := newClock(zone)
	for _, searches := range by {
		for i := 1; i < len(searches); i++ {
			a, b := c.local(searches[i-1].at.Unix()), c.local(searches[i].at.Unix())
			midnight := int64(dayOf(a)) * daySeconds
			if !nextMorning && dayOf(a) != dayOf(b) {
				continue
			}
			within := func(t int64, w [2]int) bool { return t-midnight >= int64(w[0]) && t-midnight < int64(w[1]) }
			for n, rule := range eugeneShifts {
				if within(a, rule.seen) && within(b, rule.not) {
					out = append(out, outOfShift{n + 1, searches[i-1].id, searches[i].id})
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b outOfShift) int { return cmp.Compare(a.first, b.first) })
	return out
}

func reproduceOkaloosa(ctx context.Context, dir string) (*Reproduction, error) {
	all, err := readLog(ctx, filepath.Join(dir, "organization-audit-2025-11.csv"))
	if err != nil {
		return nil, err
	}
	central, err := time.LoadLocation("America/Chicago")
	if err != nil {
		return nil, err
	}
	const day = 24 * time.Hour
	var whole, between, product, midnight, single, multi, blank, networks, devices int
	for _, s := range all {
		back := s.at.Sub(s.from)
		from := s.from.In(central)
		switch {
		case back >= 31*day:
			whole++
		case back > 30*day:
			between++
			if s.to.Sub(s.from) == 30*day || s.to.Equal(from.AddDate(0, 0, 30)) {
				product++
			}
			if from.Format(time.TimeOnly) == "00:00:00" {
				midnight++
			}
		}
		if s.networks == 1 {
			single++
		} else {
			multi++
		}
		if s.noReason {
			blank++
		}
		networks, devices = max(networks, s.networks), max(devices, s.devices)
	}
	r := &Reproduction{
		Source: "HistoryJunkie, OkaloosaALPR_AUDIT: the organization audit of one sheriff's office, November and December 2025",
		Remarks: []string{
			fmt.Sprintf("A look-back is counted from the begin of the time frame to the search. \"Over 30.0 days\" counts %d searches that began between 30 and 31 days before. %d of these have a time frame of exactly 30 days, by the clock or, over the end of daylight saving, by the calendar: the choice \"30 days\" in the product, over by the seconds to hours between the end of the frame and the search; %d begin at midnight in Central time. Only %d looked back over 30 whole days.", between, product, midnight, whole),
			"Florida's guideline allows a longer look-back with a case number. The log has no case numbers, so that the number alone shows no violation.",
		},
	}
	r.add("look-backs over 30.0 days", "463", whole+between)
	r.add("over 30 whole days", "173", whole)
	r.add("between 30 and 31 days", "290", between)
	r.add("of these a time frame of exactly 30 days", "", product)
	r.add("searches of one network", "3867", single)
	r.add("searches of several networks", "3406", multi)
	r.add("most networks in one search", "6709", networks)
	r.add("most devices in one search", "100034", devices)
	r.add("blank reasons", "9", blank)
	return r, nil
}

// snapshot is what a portal showed on one day.
type snapshot struct {
	day  string
	rows []logged
}

func reproducePortals(ctx context.Context, dir string) (*Reproduction, error) {
	oracle, err := readOracle(dir)
	if err != nil {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*", "*.csv"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s holds no snapshots: %w", dir, fs.ErrNotExist)
	}
	agencies := map[string][]snapshot{}
	var rows, compared, equal, silent int
	without := map[string]bool{} // agencies that show no figure
	for _, path := range paths {
		all, err := readLog(ctx, path)
		if err != nil {
			return nil, err
		}
		agency := filepath.Base(filepath.Dir(path))
		day, _, _ := strings.Cut(filepath.Base(path), "_")
		agencies[agency] = append(agencies[agency], snapshot{day, all})
		rows += len(all)
		switch shown, ok := oracle[agency+" "+day]; {
		case !ok:
			return nil, fmt.Errorf("%s is not in portals-oracle.csv", path)
		case shown == "":
			silent++
			without[agency] = true
		default:
			compared++
			if n, err := strconv.Atoi(shown); err == nil && n == len(all) {
				equal++
			}
		}
	}
	r := &Reproduction{
		Source: "the transparency portals of 42 agencies, February to April 2026, and what each page said of itself on the day",
		Remarks: []string{
			"A portal lists about one search for each user and clock-hour. Its users are masked, so that this shows only from one week to the next: an id vanishes, and another of the same agency and hour stands in its place. A count from a portal understates the searches, and an id that vanished is no sign of tampering.",
			"The share that vanishes was published as 1.97 % of 71,678 rows without a word on which rows those are. Both ways of counting that suggest themselves are given; neither has 71,678 rows.",
		},
	}
	r.add("snapshots", "168", len(paths))
	r.add("rows", "81354", rows)
	r.add("snapshots whose rows are as many as the page's \"searches in the last 30 days\"", strconv.Itoa(compared), equal)
	r.add("snapshots whose page shows no such figure", "", silent)
	r.add("agencies they are of", "1", len(without))
	seen, gone, replaced := vanishedRows(agencies, true)
	percent := func() string { return fmt.Sprintf("%d (%.2f %%)", gone, 100*float64(gone)/float64(max(seen, 1))) }
	r.add("rows of a snapshot that the next of the agency should have", "", seen)
	r.add("of these vanished", "", percent())
	r.add("of these replaced by another of the same agency and UTC hour", strconv.Itoa(gone), replaced)
	seen, gone, replaced = vanishedRows(agencies, false)
	r.add("rows of a snapshot that any later of the agency should have", "", seen)
	r.add("of these vanished", "", percent())
	r.add("of these replaced by another of the same agency and UTC hour", "", replaced)
	return r, nil
}

// vanishedRows compares snapshots of one agency: the rows of an earlier one that a
// later one's time span covers, those of them it has not, and for how many of
// those it has a row of the same hour that the earlier one had not.
func vanishedRows(agencies map[string][]snapshot, neighbours bool) (seen, gone, replaced int) {
	for _, snapshots := range agencies {
		for i, a := range snapshots { // paths come in order, days with them
			for j, b := range snapshots[i+1:] {
				if neighbours && j > 0 || len(a.rows) == 0 || len(b.rows) == 0 {
					continue
				}
				s, g, r := compareSnapshots(a.rows, b.rows)
				seen, gone, replaced = seen+s, gone+g, replaced+r
			}
		}
	}
	return seen, gone, replaced
}

func compareSnapshots(a, b []logged) (seen, gone, replaced int) {
	earlier := func(x, y logged) int { return x.at.Compare(y.at) }
	from, to := slices.MinFunc(b, earlier).at, slices.MaxFunc(a, earlier).at
	inA, inB := map[string]bool{}, map[string]bool{}
	for _, s := range a {
		inA[s.id] = true
	}
	fresh := map[time.Time]int{} // by hour, rows that only b has
	for _, s := range b {
		inB[s.id] = true
		if !s.at.After(to) && !inA[s.id] {
			fresh[s.at.Truncate(time.Hour)]++
		}
	}
	for _, s := range a {
		if s.at.Before(from) {
			continue
		}
		seen++
		if inB[s.id] {
			continue
		}
		gone++
		if hour := s.at.Truncate(time.Hour); fresh[hour] > 0 {
			fresh[hour]--
			replaced++
		}
	}
	return seen, gone, replaced
}

// readOracle reads what portal pages said of themselves, by "agency day".
func readOracle(dir string) (map[string]string, error) {
	var f *os.File
	var err error
	for _, in := range []string{dir, filepath.Dir(dir)} {
		if f, err = os.Open(filepath.Join(in, "portals-oracle.csv")); err == nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("portals-oracle.csv: %w", err)
	}
	if len(lines) == 0 || len(lines[0]) < 4 || lines[0][3] != "portal_searches_30d" {
		return nil, errors.New("portals-oracle.csv does not begin slug,snapshot_date,csv_rows,portal_searches_30d")
	}
	out := map[string]string{}
	for _, l := range lines[1:] {
		out[l[0]+" "+l[1]] = l[3]
	}
	return out, nil
}
