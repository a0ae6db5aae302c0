package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"porchlight/searchlog"
)

func TestPurposes(t *testing.T) {
	r := ask(t, []row{
		{"Reason": "burglary"},
		{"Reason": "ICE ERO detainer"},
		{"Reason": "had an abortion, search for female"},
		{"Reason": "police warrant"},
		{"Reason": "service hold"},
		{"Reason": "office pickup"},
		{"Reason": "notice of service"},
		{"Reason": "***"},
		{"Reason": "truck", "Text Prompt": "immigration raid van"},
		{"Reason": "No Kings protest"},
	})
	f := expect(t, r, "purpose.banned", 3)
	if got := lines(f.Rows); len(got) != 3 || f.Rows[0].Words == "" || f.Rows[0].Cells["reason"] != "ICE ERO detainer" {
		t.Errorf("rows %v: %+v", got, f.Rows)
	}
	if len(f.Law) == 0 {
		t.Error("no law is named")
	}
	if v := f.varied(t, "only as the reason or offense itself says"); v.Count != 2 {
		t.Errorf("the prompt's search is among %d", v.Count)
	}
	if f.Of != 9 {
		t.Errorf("%d rows could have told, want 9: one is masked", f.Of)
	}
	if r.Purposes["immigration"] != 1 || r.Purposes["unstated"] != 0 {
		t.Errorf("purposes %v: a mask is no missing reason", r.Purposes)
	}
	for _, f := range f.Rows {
		if s := f.Cells["reason"]; s == "police warrant" || s == "service hold" || s == "office pickup" {
			t.Errorf("%q is no immigration", s)
		}
	}
}

// The base forbids nothing; what people ask about is sensitive there.
func TestPurposesWithoutState(t *testing.T) {
	r := auditOf(t, Options{}, source("log.csv", log(t, []row{{"Reason": "ICE ERO detainer"}, {}, {"Reason": "my ex"}})))
	expect(t, r, "purpose.banned", 0)
	expect(t, r, "purpose.sensitive", 2)
	if r.Zone != "UTC" || !says1(r, "No home state") {
		t.Errorf("zone %s, unknown %q", r.Zone, r.Unknown)
	}
}

func TestClosedList(t *testing.T) {
	rows := []row{{"Reason": "burglary"}, {"Reason": "stolen vehicle"}, {"Reason": "parking violation"}, {"Reason": "inv"}, {"Reason": "camera test"}}
	r := auditOf(t, Options{State: "WA"}, source("log.csv", log(t, rows)))
	f := expect(t, r, "purpose.unlisted", 1)
	if f.Of != 4 {
		t.Errorf("%d reasons say a purpose, want 4", f.Of)
	}
	expect(t, ask(t, rows), "purpose.unlisted", 0) // Illinois has no list
}

func TestNoReason(t *testing.T) {
	rows := []row{{"Reason": ""}, {"Reason": "--"}, {"Reason": "***"}, {"Reason": "REDACTED"}, {"Reason": "theft"}}
	f := expect(t, ask(t, rows), "reason.none", 2)
	if f.Of != 3 {
		t.Errorf("of %d, want 3: masks cannot tell", f.Of)
	}
	if v := f.varied(t, "without placeholders"); v.Count != 1 {
		t.Errorf("without placeholders %d, want 1", v.Count)
	}
	if v := f.varied(t, "if masked reasons"); v.Count != 4 {
		t.Errorf("with masks %d, want 4", v.Count)
	}
	// Not exported is not missing.
	r := ask(t, rows, "Reason")
	expect(t, r, "reason.none", 0)
	if !says1(r, "reason was not exported in 1 of 1 file (5 rows)") || !says1(r, "Not asked, as no search tells its reason: ") {
		t.Errorf("unknown: %q", r.Unknown)
	}
	if slices.Contains(r.Clear, "reason.none") {
		t.Error("what could not be asked is not clear")
	}
}

func TestVagueReasons(t *testing.T) {
	f := expect(t, ask(t, []row{
		{"Reason": "inv"}, {"Reason": "investigation"}, {"Reason": "25-004711"}, {"Reason": "robbery suspect vehicle"},
		{"Reason": "Investigation - follow up", "Search Time": "2026-01-31 12:00:00"},
		{"Reason": "Larceny - theft of bicycle", "Search Time": "2026-01-31 12:00:01"},
	}), "reason.vague", 3)
	if v := f.varied(t, "only before 2026, of 4"); v.Count != 2 {
		t.Errorf("before 2026 %d, want 2", v.Count)
	}
	if v := f.varied(t, "only since January 2026, of 2 reasons (2 of them in the style"); v.Count != 1 {
		t.Errorf("since 2026 %d, want 1", v.Count)
	}
	if v := f.varied(t, "with reasons that are nothing but a case number"); v.Count != 4 {
		t.Errorf("with case numbers %d, want 4", v.Count)
	}
}

func TestCaseMissing(t *testing.T) {
	rows := []row{{"Case #": ""}, {"Case #": "N/A"}, {"Case #": "", "Reason": "theft 25-123456"}, {"Case #": "", "Reason": "camera test"}, {"Case #": "***"}, {}}
	f := expect(t, ask(t, rows), "case.missing", 2)
	if f.varied(t, "every search without").Count != 4 || f.varied(t, "if masked").Count != 3 {
		t.Errorf("%+v", f.Sensitivity)
	}
	r := ask(t, rows, "Case #")
	expect(t, r, "case.missing", 0)
	if !says1(r, "case number was not exported") {
		t.Errorf("unknown: %q", r.Unknown)
	}
}

func TestCaseMalformed(t *testing.T) {
	var rows []row
	for i := range 300 {
		rows = append(rows, row{"Case #": fmt.Sprintf("25-%06d", 100+i), "Search Time": at(0, 1, i/60, i%60)})
	}
	rows[10]["Case #"], rows[20]["Case #"], rows[30]["Case #"] = "1", "26-0000", "smith"
	rows[40]["Case #"] = "CFS/2025/1/99" // unlike the agency's others
	f := expect(t, ask(t, rows), "case.malformed", 4)
	if got := lines(f.Rows); !slices.Equal(got, sorted(lineOf(10), lineOf(20), lineOf(30), lineOf(40))) {
		t.Errorf("lines %v", got)
	}
	if v := f.varied(t, "only what no agency could mean"); v.Count != 3 {
		t.Errorf("impossible %d, want 3", v.Count)
	}
	// An agency without regular numbers has no unusual ones.
	for i := range rows {
		rows[i]["Case #"] = []string{"A%d-9", "25/%d", "x %d y", "%d"}[i%4]
		rows[i]["Case #"] = fmt.Sprintf(rows[i]["Case #"], 1000*i+123)
	}
	rows[40]["Case #"] = "CFS/2025/1/99"
	expect(t, ask(t, rows), "case.malformed", 0)
}

// lineOf is the line of the i-th row: a header, and two lines a row, as the time frame is.
func lineOf(i int) int { return 2 + 2*i }

func sorted(n ...int) []int { slices.Sort(n); return n }

func TestCaseReused(t *testing.T) {
	var rows []row
	for i := range 40 {
		rows = append(rows,
			row{"Case #": "25-000777", "Name": fmt.Sprintf("P. Person%d", i%12), "Search Time": at(i, 1, 0, 0)}, // many people
			row{"Case #": "25-000888", "Name": "P. One", "Search Time": at(i/4, 2, i, 0)},                       // one detective
			row{"Case #": fmt.Sprintf("25-1%05d", i), "Name": fmt.Sprintf("P. Person%d", i%12), "Search Time": at(i, 3, 0, 0)})
	}
	f := expect(t, ask(t, rows), "case.reused", 40)
	if f.Instances != 1 || !strings.Contains(f.Cases[0].What, "40 searches by 12 searchers") {
		t.Errorf("%+v", f.Cases)
	}
	// The same short number at ten agencies is ten cases.
	for i := range rows {
		rows[i]["Case #"], rows[i]["Name"] = "25-0777", "P. One"
		rows[i]["Org Name"] = fmt.Sprintf("Town%d IL PD", i%10)
	}
	expect(t, ask(t, rows[:100]), "case.reused", 0)
}

func TestLookBack(t *testing.T) {
	rows := []row{{"Back": "1"}, {"Back": "30"}, {"Back": "30.5"}, {"Back": "31"}, {"Back": "31", "Case #": ""}, {"Back": "90"}}
	r := auditOf(t, Options{}, source("log.csv", log(t, rows)))
	f := expect(t, r, "lookback.long", 3)
	if v := f.varied(t, "over the limit by a second (30.0 days)"); v.Count != 4 {
		t.Errorf("30.0 days: %d, want 4", v.Count)
	}
	if v := f.varied(t, "over 60 whole days"); v.Count != 1 {
		t.Errorf("60 days: %d", v.Count)
	}
	if r.Reach.LookBack.Most != 90*24 {
		t.Errorf("longest look-back %v hours", r.Reach.LookBack.Most)
	}
	// Florida allows longer ones with a case number...
	fl := func(without ...string) *Result {
		return auditOf(t, Options{State: "FL"}, source("log.csv", log(t, rows, without...)))
	}
	f = expect(t, fl(), "lookback.long", 1)
	if v := f.varied(t, "also with a case number"); v.Count != 3 {
		t.Errorf("also with a case number %d, want 3", v.Count)
	}
	// ...and when the column is missing, that is said.
	f = expect(t, fl("Case #"), "lookback.long", 3)
	if !slices.ContainsFunc(f.Assumptions, func(a Assumption) bool { return a.Name == "case number" && strings.Contains(a.Value, "3 of") }) {
		t.Errorf("assumptions %+v", f.Assumptions)
	}
}

func TestWide(t *testing.T) {
	f := expect(t, ask(t, []row{
		{"Reason": "inv", "Total Networks Searched": "6000"},
		{"Reason": "expired registration", "Total Networks Searched": "1000"},
		{"Reason": "inv", "Total Networks Searched": "999"},
		{"Reason": "homicide", "Total Networks Searched": "6000"},
		{"Reason": "***", "Total Networks Searched": "6000"},
		{"Reason": "25-004711", "Total Networks Searched": "6000"},
	}), "reach.wide", 2)
	if f.varied(t, "at least 500 networks").Count != 3 || f.varied(t, "at least 5,000 networks").Count != 1 || f.Of != 5 {
		t.Errorf("of %d, %+v", f.Of, f.Sensitivity)
	}
}

func TestSearchers(t *testing.T) {
	r := ask(t, []row{
		{},
		{"Org Name": "Houston TX PD"},
		{"Org Name": "US Marshals Great Lakes Task Force"},
		{"Org Name": "HSI Chicago [Federal]"},
		{"Org Name": "Auto Theft Task Force"},
		{"Name": "J. Example (DEA TF)"},
		{"Name": "ICE, JOHN"},
	})
	f := expect(t, r, "searcher.federal", 4)
	if v := f.varied(t, "without task forces"); v.Count != 3 {
		t.Errorf("federal by name %d, want 3", v.Count)
	}
	if n := len(f.Cases); n != 4 || f.Cases[n-1].Count != 1 || f.Cases[n-1].Rows[0].Cells["searcher"] != "J. Example (DEA TF)" {
		t.Errorf("%+v", f.Cases)
	}
	f = expect(t, r, "searcher.outside", 1)
	if len(f.Cases) != 1 || f.Cases[0].What != "Houston TX PD" || len(f.Cases[0].Rows) != 1 {
		t.Errorf("%+v", f.Cases)
	}
	if r.Reach.States["TX"] != 1 || r.Reach.States["IL"] != 3 {
		t.Errorf("states %v", r.Reach.States)
	}
}

func TestEnded(t *testing.T) {
	ended := time.Date(2025, 1, 10, 0, 0, 0, 0, time.UTC)
	o := Options{State: "IL", Ended: []Ended{{"houston tx pd", ended}, {"federal", ended.AddDate(0, 0, 2)}}}
	r := auditOf(t, o, source("log.csv", log(t, []row{
		{"Org Name": "Houston TX PD", "Search Time": "2025-01-09 23:59:59"},
		{"Org Name": "Houston TX PD", "Search Time": "2025-01-10 00:00:00"},
		{"Org Name": "Dallas TX PD", "Search Time": "2025-01-20 00:00:00"},
		{"Org Name": "ATF", "Search Time": "2025-01-11 00:00:00"},
		{"Org Name": "ATF", "Search Time": "2025-01-13 00:00:00"},
	})))
	f := expect(t, r, "sharing.ended", 2)
	if v := f.varied(t, "if it ended 1 day later"); v.Count != 1 {
		t.Errorf("a day later %d, want 1", v.Count)
	}
	if f.Cases[0].Count != 1 || f.Cases[1].Count != 1 {
		t.Errorf("%+v", f.Cases)
	}
}

// returns makes one searcher's searches of one plate on days, at an hour in UTC.
func returns(hour int, days []int, more row) (rows []row) {
	for _, d := range days {
		r := row{"License Plate": "XYZ 9876", "Reason": "inv", "Case #": "", "Search Time": at(d, hour, 0, 0)}
		for k, v := range more {
			r[k] = v
		}
		rows = append(rows, r)
	}
	return rows
}

func TestReturned(t *testing.T) {
	weekdays := []int{0, 3, 8, 15, 21}
	f := expect(t, ask(t, returns(18, weekdays, nil)), "plate.returned", 5)
	if f.Instances != 1 || !strings.Contains(f.Cases[0].What, "on 5 days from 2025-01-07 to 2025-01-28") || !strings.Contains(f.Cases[0].What, "no case number") {
		t.Errorf("%+v", f.Cases)
	}
	if len(f.Rows) != 5 || f.Rows[0].Cells["plate"] != "XYZ 9876" {
		t.Errorf("rows are not cited with their cells: %+v", f.Rows)
	}
	for what, rows := range map[string][]row{
		"four days at work":        returns(18, weekdays[:4], nil),
		"five days in one week":    returns(18, []int{0, 1, 2, 3, 6}, nil),
		"one case":                 returns(18, weekdays, row{"Case #": "25-000123"}),
		"a stolen vehicle":         returns(18, weekdays, row{"Reason": "stolen vehicle"}),
		"a BOLO":                   returns(18, weekdays, row{"Reason": "BOLO"}),
		"a pattern, no plate":      returns(18, weekdays, row{"License Plate": "XYZ*"}),
		"a masked plate":           returns(18, weekdays, row{"License Plate": "***"}),
		"different people, though": append(returns(18, weekdays[:3], nil), returns(18, weekdays[3:], row{"Name": "B. Other"})...),
	} {
		if f := ask(t, rows).finding("plate.returned"); f != nil {
			t.Errorf("%s: %+v", what, f.Cases)
		}
	}
	// Four days at night weigh as much as six at work. 5 UTC is 23:00 in Chicago.
	expect(t, ask(t, returns(5, weekdays[:4], nil)), "plate.returned", 4)
	// A case number that the log does not tell is not said to be missing.
	f = expect(t, ask(t, returns(18, weekdays, nil), "Case #"), "plate.returned", 5)
	if strings.Contains(f.Cases[0].What, "no case number") || !strings.Contains(f.Cases[0].What, "does not tell") {
		t.Errorf("%s", f.Cases[0].What)
	}
	// Changing case numbers are no case.
	rows := returns(18, weekdays, nil)
	for i := range rows {
		rows[i]["Case #"] = fmt.Sprintf("25-00%04d", i*37+1234)
	}
	f = expect(t, ask(t, rows), "plate.returned", 5)
	if !strings.Contains(f.Cases[0].What, "5 different case numbers") {
		t.Errorf("%s", f.Cases[0].What)
	}
	if v := f.varied(t, "at least 7 days"); v.Count != 0 {
		t.Errorf("7 days: %+v", v)
	}
}

func TestStreak(t *testing.T) {
	week := func(n int, hour int) (rows []row) {
		for d := range n {
			rows = append(rows, row{"Search Time": at(d, hour, 0, 0)})
		}
		return rows
	}
	f := expect(t, ask(t, append(week(7, 18), row{"Search Time": at(8, 18, 0, 0)})), "searcher.streak", 7)
	if f.Instances != 1 || f.varied(t, "at least 10").Count != 0 || f.varied(t, "at least 5").Instances != 1 {
		t.Errorf("%+v", f)
	}
	r := ask(t, week(6, 18))
	expect(t, r, "searcher.streak", 0)
	if !slices.Contains(r.Clear, "searcher.streak") {
		t.Errorf("clear %v", r.Clear)
	}
	// Two logins, or a masked one, make no streak.
	rows := week(8, 18)
	for i := range rows {
		rows[i]["Name"] = []string{"A. One", "B. Two"}[i%2]
	}
	expect(t, ask(t, rows), "searcher.streak", 0)
	for i := range rows {
		rows[i]["Name"] = "***"
	}
	r = ask(t, rows)
	expect(t, r, "searcher.streak", 0)
	if !says1(r, "searcher is masked by the product in 8 rows") || !says1(r, "Searches on many days in a row") {
		t.Errorf("unknown %q", r.Unknown)
	}
}

// A search at 7:30 UTC is at 23:30 the day before in Los Angeles in winter, and
// at 0:30 the same day in summer: a streak across the change of clocks depends
// on the zone.
func TestStreakAcrossDaylightSaving(t *testing.T) {
	zone, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	for d := range 8 { // 5 to 12 March 2025; clocks change on the 9th
		at := time.Date(2025, 3, 5+d, 7, 30, 0, 0, time.UTC)
		rows = append(rows, row{"Search Time": at.Format(time.DateTime)})
	}
	r := auditOf(t, Options{Zone: zone}, source("log.csv", log(t, rows, "Org Name")))
	// Local days: 4, 5, 6, 7, 8, 10, 11, 12 March: five, then three.
	f := r.finding("searcher.streak")
	if f != nil {
		t.Fatalf("a streak in local days: %+v", f.Cases)
	}
	r = auditOf(t, Options{Zone: time.FixedZone("UTC-8", -8*3600)}, source("log.csv", log(t, rows, "Org Name")))
	f = expect(t, r, "searcher.streak", 8)
	if v := f.varied(t, "days in UTC"); v.Count != 8 {
		t.Errorf("UTC %+v", v)
	}
}

// Hours are those of the agency's own state.
func TestForeignNight(t *testing.T) {
	rows := []row{{"Org Name": "Salem OR PD", "Search Time": "2025-01-07 05:30:00"}} // 21:30 in Oregon, 23:30 in Illinois
	r := ask(t, rows)
	if r.Searchers.Top[0].Night != 0 {
		t.Error("21:30 is counted as night")
	}
	if r.Hours[1][23] != 1 {
		t.Errorf("the clock of the log is Illinois': %v", r.Hours)
	}
	r = ask(t, []row{{"Search Time": "2025-01-07 05:30:00"}})
	if r.Searchers.Top[0].Night != 1 {
		t.Error("23:30 is not counted as night")
	}
}

func TestShift(t *testing.T) {
	every := func(hours, step int) (rows []row) {
		for h := 0; h <= hours; h += step {
			rows = append(rows, row{"Search Time": at(0, h, 0, 0)})
		}
		return rows
	}
	f := expect(t, ask(t, every(20, 4)), "searcher.shift", 6)
	if v := f.varied(t, "over 20 hours"); v.Count != 0 {
		t.Errorf("20 hours is not over 20: %+v", v)
	}
	if v := f.varied(t, "over 12 hours"); v.Instances != 1 {
		t.Errorf("%+v", v)
	}
	expect(t, ask(t, every(16, 4)), "searcher.shift", 0) // a double shift
	expect(t, ask(t, every(24, 8)), "searcher.shift", 0) // with rests
}

func TestOffHours(t *testing.T) {
	var rows []row
	for i := range 120 {
		rows = append(rows, row{"Search Time": at(i/4, 14+i%4*2, 0, 0)}) // 8:00 to 14:00 in Chicago
	}
	expect(t, ask(t, rows), "searcher.off-hours", 0)
	rows = append(rows, row{"Search Time": at(40, 7, 0, 0)}, row{"Search Time": at(41, 7, 0, 0)}) // 1:00
	f := expect(t, ask(t, rows), "searcher.off-hours", 2)
	if f.Instances != 1 {
		t.Errorf("%+v", f.Cases)
	}
	expect(t, ask(t, rows[100:]), "searcher.off-hours", 0) // too few to know somebody's hours
}

func TestTogether(t *testing.T) {
	pairs := func(n, gap int, more func(i int, r row)) (rows []row) {
		for i := range n {
			for j := range 2 {
				r := row{"License Plate": fmt.Sprintf("PL%d%04d", j, i), "Case #": fmt.Sprintf("25-%d0%04d", j+1, i), "Search Time": at(0, 18, i*5, j*gap)}
				if more != nil {
					more(j, r)
				}
				rows = append(rows, r)
			}
		}
		return rows
	}
	f := expect(t, ask(t, pairs(4, 3, nil)), "login.concurrent", 4)
	if f.Instances != 1 || f.Cases[0].Count != 8 || len(f.Cases[0].Rows) != 8 || f.varied(t, "at most 10 seconds apart, 10 times").Count != 0 {
		t.Errorf("%+v", f)
	}
	expect(t, ask(t, pairs(2, 3, nil)), "login.concurrent", 0)  // twice is chance
	expect(t, ask(t, pairs(4, 40, nil)), "login.concurrent", 0) // time to type
	expect(t, ask(t, pairs(4, 3, func(_ int, r row) { r["Case #"] = "25-000001" })), "login.concurrent", 0)
	expect(t, ask(t, pairs(4, 3, func(_ int, r row) { r["License Plate"] = "SAME123" })), "login.concurrent", 0)
	expect(t, ask(t, pairs(4, 3, func(j int, r row) { r["Name"] = fmt.Sprint("Officer ", "AB"[j:j+1]) })), "login.concurrent", 0)
	// Once a day on five days is no chance either.
	seldom := pairs(5, 3, nil)
	for i := range seldom {
		seldom[i]["Search Time"] = at(i/2*3, 18, 0, i%2)
	}
	expect(t, ask(t, seldom), "login.concurrent", 5)
	expect(t, ask(t, seldom[:8]), "login.concurrent", 0)
	// Without case numbers the reasons must differ.
	expect(t, ask(t, pairs(4, 3, func(j int, r row) { r["Case #"] = ""; r["Reason"] = []string{"theft", "robbery"}[j] })), "login.concurrent", 4)
	expect(t, ask(t, pairs(4, 3, func(j int, r row) { r["Case #"] = "" })), "login.concurrent", 0)
}

// Times that were cut say nothing of what happened at once.
func TestCoarseTimes(t *testing.T) {
	var minutes, days []row
	for i := range 40 {
		r := row{"License Plate": fmt.Sprintf("PLT%04d", i), "Case #": fmt.Sprintf("25-77%04d", i*31), "Search Time": at(i/20, 18, i%20/5, 0)}
		minutes = append(minutes, r)
		days = append(days, row{"License Plate": r["License Plate"], "Case #": r["Case #"], "Search Time": at(i/4, 6, 0, 0)}) // midnight in Chicago
	}
	r := ask(t, minutes)
	expect(t, r, "login.concurrent", 0)
	expect(t, r, "burst", 40)
	if !says1(r, "1 file has times without seconds") {
		t.Errorf("unknown %q", r.Unknown)
	}
	r = ask(t, days)
	expect(t, r, "login.concurrent", 0)
	expect(t, r, "searcher.streak", 40)
	if !says1(r, "1 file has days without a time of day") {
		t.Errorf("unknown %q", r.Unknown)
	}
	days[0]["Search Time"] = at(0, 6, 0, 7)
	r = ask(t, days)
	if r.finding("login.concurrent") == nil {
		t.Error("one second shows that times are not cut")
	}
}

func TestTravel(t *testing.T) {
	trip := func(name string, minutes int) []row {
		return []row{
			{"Name": name, "Org Name": "Springfield IL PD", "Search Time": at(0, 18, 0, 0)},
			{"Name": name, "Org Name": "Houston TX PD", "Search Time": at(0, 18, minutes, 0)},
		}
	}
	expect(t, ask(t, trip("jexample@example.gov", 20)), "login.travel", 2)
	expect(t, ask(t, trip("jexample@example.gov", 45)), "login.travel", 0)
	expect(t, ask(t, trip("J. Example", 20)), "login.travel", 0)
	r := ask(t, append(trip("jexample@example.gov", 20), trip("Jordan Example", 20)...))
	f := expect(t, r, "login.travel", 2)
	if f.varied(t, "with logins that are a first").Count != 4 || f.varied(t, "within 10 minutes").Count != 0 {
		t.Errorf("%+v", f.Sensitivity)
	}
}

func TestBurst(t *testing.T) {
	many := func(n, seconds, plates int) (rows []row) {
		for i := range n {
			s := i * seconds
			rows = append(rows, row{"License Plate": fmt.Sprintf("PLT%04d", i%plates), "Search Time": at(0, 18, s/60, s%60)})
		}
		return rows
	}
	f := expect(t, ask(t, many(25, 10, 25)), "burst", 25)
	if f.Instances != 1 || !strings.Contains(f.Cases[0].What, "25 searches for 25 plates") || f.varied(t, "at least 50").Count != 0 {
		t.Errorf("%+v", f)
	}
	expect(t, ask(t, many(19, 10, 19)), "burst", 0)
	expect(t, ask(t, many(25, 30, 25)), "burst", 0)
	expect(t, ask(t, many(25, 10, 3)), "burst", 0) // one plate tried again
}

func TestCopied(t *testing.T) {
	say := func(text string, people, agencies int) (rows []row) {
		for i := range people {
			rows = append(rows, row{"Reason": text, "Name": fmt.Sprintf("P. Person%d", i), "Org Name": fmt.Sprintf("Town%d IL PD", i%agencies), "Search Time": at(i, 18, 0, 0)})
		}
		return rows
	}
	const own = "followed the blue truck from that yard sale"
	f := expect(t, ask(t, say(own, 6, 3)), "reason.copied", 6)
	if strings.Contains(f.Cases[0].What, "blue") || !strings.Contains(f.Cases[0].What, "6 searchers of 3 agencies") {
		t.Errorf("%s", f.Cases[0].What)
	}
	expect(t, ask(t, say(own, 4, 2)), "reason.copied", 0)
	expect(t, ask(t, say("stolen vehicle", 6, 3)), "reason.copied", 0)
	expect(t, ask(t, say("Crimes against property - theft from a motor vehicle", 6, 3)), "reason.copied", 0)
	expect(t, ask(t, say(own, 60, 3)), "reason.copied", 0) // a template
}

func TestModeration(t *testing.T) {
	r := ask(t, []row{{"Moderation": "allow"}, {"Moderation": "Allowed"}, {"Moderation": ""}, {"Moderation": "warn"}, {"Moderation": "BLOCK"}, {"Moderation": "perhaps"}})
	f := expect(t, r, "moderation.overridden", 2)
	if f.Of != 5 || f.varied(t, "only warnings").Count != 1 {
		t.Errorf("of %d, %+v", f.Of, f.Sensitivity)
	}
	if !says1(r, "perhaps") {
		t.Errorf("unknown %q", r.Unknown)
	}
}

func TestPersonalData(t *testing.T) {
	for text, want := range map[string]textNotes{
		"123-45-6789":                        noteSSN,
		"call 217-555-0123":                  notePhone,
		"(217) 555-0123":                     notePhone,
		"dob 1/2/85":                         noteBirth,
		"M/W 03/14/1979":                     noteBirth,
		"burglary on 1/2/2025":               0,
		"fled from 412 Maple St":             noteAddress,
		"1200 block of Main St":              0,
		"jane@example.org":                   noteEmail,
		"James Example":                      noteName,
		"JAMES EXAMPLE":                      noteName,
		"Jordan Creek Mall":                  0,
		"theft 25-123456":                    0,
		"245(a)(2)PC":                        0,
		"robbery at 5th and Main":            0,
		"James county warrant":               0,
		"stolen vehicle":                     0,
		"AMBER Alert":                        0,
		"1973 ford":                          0,
		"MARTIN LUTHER KING BLVD, shots":     0,
		"647(b)PC; 236.1(a)PC; 266(h)PC":     0,
		"suspect Maria Example, 555-12-3456": noteName | noteSSN,
	} {
		if got := notes(text) & personalNotes; got != want {
			t.Errorf("%q: %b, want %b", text, got, want)
		}
	}
	r := ask(t, []row{{"Reason": "dob 1/2/85"}, {"Reason": "Maria Example"}, {"Reason": "***"}, {"Reason": "theft"}})
	f := expect(t, r, "reason.personal-data", 2)
	if f.Of != 3 || f.varied(t, "without what is only a first and a last name").Count != 1 || f.Rows[0].Words != "a birth date" {
		t.Errorf("%+v", f)
	}
}

func TestExports(t *testing.T) {
	var early, late []row
	for d := range 70 {
		early = append(early, row{"Search Time": at(d, 18, 0, 0)})
		late = append(late, row{"Search Time": at(d+80, 18, 0, 1)})
	}
	r := auditOf(t, Options{State: "IL"}, source("logs/a.csv", log(t, early)), source("logs/b.csv", log(t, late, "Moderation", "Total Devices Searched")))
	f := expect(t, r, "export.columns", 2)
	if !strings.Contains(f.Cases[0].What, "logs/a.csv") || f.Unit != "columns" {
		t.Errorf("%+v", f.Cases)
	}
	f = expect(t, r, "export.gap", 1)
	if !strings.Contains(f.Cases[0].What, "from 2025-03-18 to 2025-03-27 (10 days)") {
		t.Errorf("%+v", f.Cases)
	}
	// Nobody searches every day here: no gap.
	var seldom []row
	for d := range 70 {
		seldom = append(seldom, row{"Search Time": at(d*9, 18, 0, 0)})
	}
	expect(t, ask(t, seldom), "export.gap", 0)
	// The other way around nothing vanished.
	r = auditOf(t, Options{State: "IL"}, source("logs/a.csv", log(t, early, "Moderation")), source("logs/b.csv", log(t, late)))
	expect(t, r, "export.columns", 0)
}

func TestTruncatedAndIDs(t *testing.T) {
	e, err := newEngine(Options{}, 0, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	reading := &searchlog.Reading{Files: []searchlog.File{
		{Path: "a.csv", Rows: 1_048_000, Duplicate: 570, SetAsideRows: 5},
		{Path: "b.csv", Rows: 20_001},
		{Path: "c.csv", Rows: 3, Duplicate: 2, Repeated: []searchlog.Duplicate{{Line: 4, OfFile: "b.csv", OfLine: 9, By: "id", Different: true}, {Line: 5, OfFile: "b.csv", OfLine: 9, By: "id"}}},
	}}
	if err := e.settle(context.Background(), reading); err != nil {
		t.Fatal(err)
	}
	r := e.conclude(reading)
	f := expect(t, r, "export.truncated", 1)
	if f.Cases[0].Rows[0].File != "a.csv" || f.Of != 3 {
		t.Errorf("%+v", f)
	}
	f = expect(t, r, "export.ids", 1)
	if f.Rows[0].Line != 4 || f.Rows[0].Words != "same id as b.csv, line 9" {
		t.Errorf("%+v", f.Rows)
	}
}

// Portals mask everybody: questions about people are not asked, and it is said why.
func TestPortal(t *testing.T) {
	var b strings.Builder
	b.WriteString(`"id","userId","searchDate","networkCount","reason"` + "\n")
	for d := range 10 {
		fmt.Fprintf(&b, "\"%08d-0000-4000-8000-000000000000\",\"***\",\"2026-03-%02dT10:00:00.000Z\",\"40\",\"theft\"\n", d, d+1)
	}
	r := auditOf(t, Options{State: "CA"}, source("portal/search_audit.csv", b.String()))
	if r.Rows != 10 || r.Searchers.Number != 0 {
		t.Fatalf("%d rows, %d searchers", r.Rows, r.Searchers.Number)
	}
	expect(t, r, "searcher.streak", 0)
	if !says1(r, "A portal lists about one search for each user and clock hour") || !says1(r, "Searches on many days in a row") {
		t.Errorf("unknown %q", r.Unknown)
	}
}

// anything makes rows in which every rule finds something.
func anything(n int) []row {
	r := rand.New(rand.NewPCG(7, 7))
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	var rows []row
	for i := range n {
		rows = append(rows, row{
			"ID":                      fmt.Sprintf("%08x-1111-4000-8000-%012x", i, i),
			"Name":                    pick("A. One", "B. Two", "c3@example.gov", "Dana Four", "***", "E. Five (HSI)", "F6", "G. Seven", "H. Eight", "I. Nine", "K. Ten", "L. Last"),
			"Org Name":                pick("Springfield IL PD", "Houston TX PD", "Salem OR PD", "DEA", "Auto Task Force"),
			"Reason":                  pick("inv", "theft", "ICE ERO detainer", "", "***", "stolen vehicle", "robbery "+fmt.Sprint(i), "dob 1/2/1980", "a sentence that nobody would type "+pick("again", "twice", "here", "now", "so")+pick("", " today", " ever", " alone"), "expired registration", "No Kings protest"),
			"Case #":                  pick("", "25-000001", fmt.Sprintf("25-%06d", r.IntN(1e6)), "1", "***", "26-0000"),
			"License Plate":           fmt.Sprintf("PLT%04d", r.IntN(90)),
			"Moderation":              pick("allow", "warn", "block", ""),
			"Back":                    pick("1", "10", "31", "100"),
			"Total Networks Searched": pick("1", "40", "6000"),
			"Search Time":             at(i*200/n, r.IntN(24), r.IntN(60), r.IntN(60)),
		})
		if i%100 < 25 { // a burst by one login, in two matters
			last := rows[len(rows)-1]
			last["Name"], last["Org Name"], last["License Plate"] = "A. One", "Springfield IL PD", fmt.Sprintf("BRS%04d", i)
			last["Case #"] = fmt.Sprintf("25-77%04d", i%2)
			last["Search Time"] = at(i/100*100*200/n, 18, i%100*5/60, i%100*5%60)
		}
	}
	return rows
}

// The result is the same for any number of workers, in memory or on disk.
func TestDeterministic(t *testing.T) {
	rows := anything(6000)
	sources := []searchlog.Source{source("a.csv", log(t, rows[:2500])), source("b.csv", log(t, rows[2500:], "Moderation")), source("c.csv", log(t, rows[2500:2600]))}
	var first *Result
	for _, workers := range []int{1, 2, 5} {
		r := auditOf(t, Options{State: "IL", Workers: workers, Rows: 20}, sources...)
		if first == nil {
			first = r
			if len(r.Findings) < 20 {
				t.Errorf("only %d findings: the world is too calm", len(r.Findings))
			}
			continue
		}
		if !reflect.DeepEqual(first, r) {
			for i := range first.Findings {
				if i >= len(r.Findings) || !reflect.DeepEqual(first.Findings[i], r.Findings[i]) {
					t.Errorf("%s differs with %d workers", first.Findings[i].Rule, workers)
				}
			}
			t.Errorf("%d workers give another result", workers)
		}
	}
}

// The tape gives the same findings when nothing fits into memory.
func TestSpill(t *testing.T) {
	rows := anything(3000)
	src := []searchlog.Source{source("a.csv", log(t, rows))}
	run := func(memory int, dir string) (*Result, error) {
		e, err := newEngine(Options{State: "IL", Workers: 2, Now: reportDay}, memory, dir)
		if err != nil {
			t.Fatal(err)
		}
		defer e.close()
		var failed error
		e.stop = func(err error) { failed = err }
		reading, err := searchlog.Read(context.Background(), src, e.readOptions(nil), func() searchlog.Visitor { return e.visitor() })
		if err != nil {
			t.Fatal(err)
		}
		if failed != nil {
			return nil, failed
		}
		if err := e.settle(context.Background(), reading); err != nil {
			return nil, err
		}
		if memory == 0 && e.people.file == nil {
			t.Error("nothing was spilled")
		}
		if err := e.cite(context.Background(), src, reading); err != nil {
			return nil, err
		}
		return e.conclude(reading), nil
	}
	dir := t.TempDir()
	inMemory, err := run(1<<30, dir)
	if err != nil {
		t.Fatal(err)
	}
	onDisk, err := run(0, dir)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(inMemory, onDisk) {
		t.Error("the spilled tape gives another result")
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("%s stayed behind", left[0].Name())
	}
	_, err = run(0, filepath.Join(dir, "missing"))
	if err == nil || !strings.Contains(err.Error(), "TMPDIR") {
		t.Errorf("no room: %v", err)
	}
}

// A full disk is told as such, and what it takes.
func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skip("this system has no /dev/full")
	}
	tp := newTape(0, t.TempDir())
	tp.file = full
	w := tp.writer()
	for range chunkLen {
		err = w.write(1, mark{who: 1})
	}
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "make room") {
		t.Errorf("error %v", err)
	}
	full.Close()
}

// Reading only the cited lines gives the same cells as reading all again.
func TestCited(t *testing.T) {
	rows := anything(5000)
	for i := range rows {
		if i%7 == 0 {
			rows[i]["Reason"] = "said \"here\",\nthen left\n\nagain"
		}
	}
	text := log(t, rows)
	if len(text) < 3*sieveHead {
		t.Fatalf("%d bytes are too few to tell", len(text))
	}
	src := []searchlog.Source{source("a.csv", text)}
	every := map[ref]map[string]string{}
	sees := func(s *searchlog.Search) { every[ref{0, uint32(s.Line)}] = cellsOf(s) }
	reading, err := searchlog.Read(context.Background(), src, searchlog.Options{Workers: 1}, func() searchlog.Visitor { return visitorFunc(sees) })
	if err != nil {
		t.Fatal(err)
	}
	e, err := newEngine(Options{Workers: 2}, tapeMemory, "")
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	wanted := map[ref]bool{}
	for r := range every {
		if r.line%50 < 3 {
			wanted[r] = true
		}
	}
	some, files := holding(src, reading, wanted, true)
	if len(some) != 1 {
		t.Fatalf("%d sources are read the quick way", len(some))
	}
	if err := e.readCited(context.Background(), some, files, wanted); err != nil {
		t.Fatal(err)
	}
	for r := range wanted {
		if !reflect.DeepEqual(e.cells[r], every[r]) {
			t.Fatalf("line %d: %q, want %q", r.line, e.cells[r], every[r])
		}
	}
	file, err := some[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	left, err := io.ReadAll(file)
	if err != nil || len(left) > len(text)*2/3 || strings.Count(string(left), "\n") != strings.Count(text, "\n") {
		t.Errorf("%d of %d bytes are left (%v)", len(left), len(text), err)
	}
}

type visitorFunc func(*searchlog.Search)

func (f visitorFunc) Visit(all []searchlog.Search) {
	for i := range all {
		f(&all[i])
	}
}

// However rows are spread over files and ordered in them, the counts are the same.
func TestOrderDoesNotMatter(t *testing.T) {
	rows := anything(2000)
	counts := func(o ...[]row) map[string]int {
		var sources []searchlog.Source
		for i, rows := range o {
			sources = append(sources, source(fmt.Sprintf("f%d.csv", i), log(t, rows)))
		}
		r := auditOf(t, Options{State: "IL", Rows: 10}, sources...)
		m := map[string]int{"rows": r.Rows}
		for _, f := range r.Findings {
			m[f.Rule] = f.Count
			m[f.Rule+" instances"] = f.Instances
			for _, v := range f.Sensitivity {
				m[f.Rule+" "+v.Change] = v.Count
			}
		}
		return m
	}
	want := counts(rows)
	shuffled := slices.Clone(rows)
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	for _, got := range []map[string]int{counts(rows[:700], rows[700:]), counts(shuffled[:5], shuffled[5:1500], shuffled[1500:])} {
		for k, n := range want {
			if got[k] != n {
				t.Errorf("%s: %d, want %d", k, got[k], n)
			}
		}
	}
}

func TestStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, []searchlog.Source{source("a.csv", log(t, anything(100)))}, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if _, err := Run(context.Background(), nil, Options{State: "ZZ"}); err == nil || !strings.Contains(err.Error(), "IL") {
		t.Errorf("unknown state: %v", err)
	}
	if _, err := Run(context.Background(), nil, Options{RadioCodes: "no such set"}); err == nil {
		t.Error("unknown radio codes are no error")
	}
}

// A stream cannot be read twice: its rows are cited without their cells.
func TestStream(t *testing.T) {
	rows, opened := returns(18, []int{0, 3, 8, 15, 21}, row{"Reason": "theft"}), 0
	for i := range rows {
		rows[i]["Case #"] = fmt.Sprintf("25-00%04d", i*37+1234)
	}
	text := log(t, rows)
	r := auditOf(t, Options{State: "IL"}, searchlog.Source{Name: "-", Size: -1, Open: func() (io.ReadCloser, error) {
		if opened++; opened > 1 {
			return io.NopCloser(strings.NewReader("")), nil
		}
		return io.NopCloser(strings.NewReader(text)), nil
	}})
	f := expect(t, r, "plate.returned", 5)
	if len(f.Rows) != 5 || f.Rows[0].Line == 0 || !says1(r, "could not be read again") {
		t.Errorf("%+v, unknown %q", f.Rows, r.Unknown)
	}
}

// docs/audit-rules.md tells of every rule, and of no other.
func TestRulesAreDocumented(t *testing.T) {
	data, err := os.ReadFile("../docs/audit-rules.md")
	if err != nil && os.Getenv("UPDATE") == "" {
		t.Fatal(err)
	}
	if got, want := string(data), rulesPage(); got != want {
		if os.Getenv("UPDATE") == "" {
			t.Fatal("docs/audit-rules.md is not what the rules say: UPDATE=1 go test ./audit -run TestRulesAreDocumented")
		}
		if err := os.WriteFile("../docs/audit-rules.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for _, r := range Rules() {
		if r.ID == "" || r.Title == "" || r.Question == "" || r.Threshold == "" || len(r.Innocent) == 0 || r.Source == "" || seen[r.ID] {
			t.Errorf("%+v is not complete", r)
		}
		seen[r.ID] = true
	}
}

// rulesPage writes docs/audit-rules.md.
func rulesPage() string {
	var b strings.Builder
	b.WriteString(`# The questions of porchlight audit

Made from ` + "`audit/rules.go`" + `, where the thresholds stand with their reasons; a test keeps this page the same. The order is that of a report: most serious first.

A finding is a question, not a verdict. Each comes with its rows (file and line), the count under other thresholds and zones, and what would explain it innocently. Nobody gets a score. A question is asked only of searches that could tell: what was masked or not exported is never counted as missing, and the report says what could not be asked.

Which purposes are forbidden, how far back a search may look and what its record must hold come from the chosen state's ` + "`policy/packs/us-*/search.json`" + `; without a state, from ` + "`policy/packs/base/search.json`" + `.
`)
	for _, r := range Rules() {
		fmt.Fprintf(&b, "\n## `%s`: %s\n\n%s\n\n", r.ID, r.Title, r.Question)
		fmt.Fprintf(&b, "- Threshold: %s.\n", r.Threshold)
		fmt.Fprintf(&b, "- Counts: %s.\n", r.Unit)
		if len(r.Needs) > 0 {
			var needs []string
			for _, f := range r.Needs {
				needs = append(needs, f.String())
			}
			fmt.Fprintf(&b, "- Needs: %s.\n", strings.Join(needs, ", "))
		}
		for i, s := range r.Innocent {
			if i == 0 {
				b.WriteString("- What would explain it:\n")
			}
			fmt.Fprintf(&b, "  - %s\n", s)
		}
		fmt.Fprintf(&b, "- Where the idea comes from: %s.\n", r.Source)
	}
	return b.String()
}
