package audit

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"porchlight/searchlog"
)

// row is one search of a made-up log: what differs from an ordinary one.
type row map[string]string

// columns is the header of a network audit, and an ordinary search.
var (
	columns  = []string{"ID", "Name", "Org Name", "Total Networks Searched", "Total Devices Searched", "Time Frame", "License Plate", "Reason", "Case #", "Filters", "Search Time", "Search Type", "Text Prompt", "Moderation"}
	ordinary = row{"Name": "A. Example", "Org Name": "Springfield IL PD", "Total Networks Searched": "12", "Total Devices Searched": "300", "License Plate": "AB12345",
		"Reason": "burglary", "Case #": "25-004711", "Search Time": "2025-03-04 15:00:00", "Search Type": "lookup"}
)

// log writes rows as a network audit's CSV. Times are given as
// "2006-01-02 15:04:05" in UTC; a "Back" in days makes the time frame. Columns
// in without are left out.
func log(t testing.TB, rows []row, without ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	kept := slices.DeleteFunc(slices.Clone(columns), func(c string) bool { return slices.Contains(without, c) })
	w.Write(kept)
	for i, r := range rows {
		get := func(c string) string {
			if v, ok := r[c]; ok {
				return v
			}
			return ordinary[c]
		}
		at, err := time.Parse(time.DateTime, get("Search Time"))
		if err != nil {
			t.Fatal(err)
		}
		back := 1.0
		if v, ok := r["Back"]; ok {
			fmt.Sscan(v, &back)
		}
		const style = "01/02/2006, 03:04:05 PM UTC"
		from := at.Add(-time.Duration(back * 24 * float64(time.Hour)))
		var cells []string
		for _, c := range kept {
			v := get(c)
			switch c {
			case "ID":
				if v == "" {
					v = fmt.Sprintf("%08x-0000-4000-8000-%012x", i, at.Unix())
				}
			case "Search Time":
				v = at.Format(style)
			case "Time Frame":
				v = from.Format(style) + "\n" + at.Format(style)
			}
			cells = append(cells, v)
		}
		w.Write(cells)
	}
	w.Flush()
	return b.String()
}

// source is a file of a made-up log.
func source(name, text string) searchlog.Source {
	return searchlog.Source{Name: name, Size: int64(len(text)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(text)), nil
	}}
}

var reportDay = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

func auditOf(t testing.TB, o Options, sources ...searchlog.Source) *Result {
	t.Helper()
	o.Now = reportDay
	r, err := Run(context.Background(), sources, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// ask audits rows under Illinois' law in its zone.
func ask(t testing.TB, rows []row, without ...string) *Result {
	t.Helper()
	return auditOf(t, Options{State: "IL", Workers: 2}, source("log.csv", log(t, rows, without...)))
}

func (r *Result) finding(rule string) *Finding {
	for i := range r.Findings {
		if r.Findings[i].Rule == rule {
			return &r.Findings[i]
		}
	}
	return nil
}

// expect fails unless the rule found count rows; 0 for no finding.
func expect(t *testing.T, r *Result, rule string, count int) *Finding {
	t.Helper()
	f := r.finding(rule)
	switch {
	case f == nil && count > 0:
		t.Errorf("%s found nothing, want %d\nunknown: %s", rule, count, strings.Join(r.Unknown, "\n"))
		return &Finding{}
	case f != nil && f.Count != count:
		b, _ := json.MarshalIndent(f, "", " ")
		t.Errorf("%s found %d, want %d: %s", rule, f.Count, count, b)
	}
	if f == nil {
		f = &Finding{}
	}
	return f
}

// varied is a finding's count under another assumption.
func (f *Finding) varied(t *testing.T, change string) Variation {
	t.Helper()
	for _, v := range f.Sensitivity {
		if strings.HasPrefix(v.Change, change) {
			return v
		}
	}
	t.Errorf("%s has no variation %q: %+v", f.Rule, change, f.Sensitivity)
	return Variation{}
}

func lines(rows []Row) (lines []int) {
	for _, r := range rows {
		lines = append(lines, r.Line)
	}
	return lines
}

func says1(r *Result, words string) bool {
	return slices.ContainsFunc(r.Unknown, func(s string) bool { return strings.Contains(s, words) })
}

// at is a time some days, hours and minutes after a Tuesday midnight in winter, UTC.
func at(day, hour, minute, second int) string {
	return time.Date(2025, 1, 7+day, hour, minute, second, 0, time.UTC).Format(time.DateTime)
}
