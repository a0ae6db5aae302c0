package audit

import (
	"archive/zip"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const sharedData = "../../shared/data"

func reproduce(t *testing.T, name string) *Reproduction {
	t.Helper()
	if _, err := os.Stat(filepath.Join(sharedData, name)); err != nil {
		t.Skipf("%s is not here: the published figures cannot be counted again", filepath.Join(sharedData, name))
	}
	r, err := Reproduce(context.Background(), name, sharedData)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// check wants exactly these figures, and each equal to what was published.
func check(t *testing.T, r *Reproduction, want map[string]string) {
	t.Helper()
	seen := map[string]bool{}
	for _, f := range r.Figures {
		if !f.Equal() {
			t.Errorf("%s: published %s, here %s", f.What, f.Published, f.Got)
		}
		if w, ok := want[f.What]; ok {
			seen[f.What] = true
			if f.Got != w {
				t.Errorf("%s: %s, want %s", f.What, f.Got, w)
			}
		}
	}
	for _, what := range slices.Sorted(maps.Keys(want)) {
		if !seen[what] {
			t.Errorf("no figure %q", what)
		}
	}
	var b strings.Builder
	if err := r.Print(&b); err != nil || !strings.Contains(b.String(), r.Figures[0].Got) || !r.Equal() {
		t.Errorf("%v\n%s", err, b.String())
	}
}

func TestEugene(t *testing.T) {
	r := reproduce(t, "eugene")
	check(t, r, map[string]string{
		"searches before 2025-09-21 UTC": "3566",
		"users":                          "142",
		"streaks of 5 days or more, UTC-8 all year":                    "27",
		"streaks of 5 days or more, Pacific time with daylight saving": "30",
		"searches out of shift":                                        "28",
		"of these by rule 1":                                           "3",
		"of these by rule 2":                                           "15",
		"of these by rule 3":                                           "10",
	})

	// The workbooks list the streaks and the pairs: each of them, and no other, is found.
	const day0 = 25569 // 1970-01-01 as a spreadsheet counts days
	for _, row := range workbookRows(t, filepath.Join(sharedData, "eugene",
		"FlockAuditLogs_Reports_EPDLocalFlockSearchAudit_ConsecutiveDayAnomalies_2025-09-22.xlsx"), 3) {
		days, err := strconv.Atoi(row["B"])
		first, err2 := strconv.Atoi(row["C"])
		if err != nil || err2 != nil {
			continue // a title or the header
		}
		if i := slices.Index(r.streaks, streak{row["E"], first - day0, days}); i < 0 {
			t.Errorf("not found: the streak in row %s of the workbook", row["row"])
		} else {
			r.streaks = slices.Delete(r.streaks, i, i+1)
		}
	}
	if len(r.streaks) > 0 {
		t.Errorf("%d streaks are not in the workbook", len(r.streaks))
	}

	got := map[string]bool{}
	for _, o := range r.outOfShift {
		got[fmt.Sprint(o.rule, " ", o.first, " ", o.second)] = true
	}
	listed := 0
	for _, row := range workbookRows(t, filepath.Join(sharedData, "eugene",
		"FlockAuditLogs_Reports_EPDLocalFlockSearchAudit_SearchesOutOfShiftAnomalies_2025-09-23.xlsx"), 2) {
		rule, ok := strings.CutPrefix(row["D"], "Rule ")
		if !ok {
			continue
		}
		listed++
		if key := rule[:1] + " " + row["F"] + " " + row["H"]; !got[key] {
			t.Errorf("not found: the pair of rule %s in row %s of the workbook", rule[:1], row["row"])
		}
	}
	if listed != len(got) {
		t.Errorf("the workbook lists %d pairs, %d were found", listed, len(got))
	}
}

func TestOkaloosa(t *testing.T) {
	check(t, reproduce(t, "okaloosa"), map[string]string{
		"look-backs over 30.0 days":                "463",
		"over 30 whole days":                       "173",
		"between 30 and 31 days":                   "290",
		"of these a time frame of exactly 30 days": "280",
		"searches of one network":                  "3867",
		"searches of several networks":             "3406",
		"most networks in one search":              "6709",
		"most devices in one search":               "100034",
		"blank reasons":                            "9",
	})
}

func TestPortals(t *testing.T) {
	check(t, reproduce(t, "portals"), map[string]string{
		"snapshots": "168",
		"rows":      "81354",
		"snapshots whose rows are as many as the page's \"searches in the last 30 days\"": "163",
		"snapshots whose page shows no such figure":                                       "5",
		"agencies they are of": "1",
		"rows of a snapshot that the next of the agency should have":  "46179",
		"rows of a snapshot that any later of the agency should have": "76309",
	})
}

func TestReproduceRefuses(t *testing.T) {
	if _, err := Reproduce(context.Background(), "springfield", "."); err == nil {
		t.Error("an analysis that nobody published was counted")
	}
	for name := range Reproductions {
		if _, err := Reproduce(context.Background(), name, t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Numbers that a pair of searches must not pass: the same day, the next search.
func TestOutOfShift(t *testing.T) {
	at := func(id string, hour, minute int) logged {
		return logged{id: id, at: eugeneEnd.AddDate(0, 0, -9).Add(time.Duration((hour+8)*60+minute) * time.Minute)}
	}
	for _, c := range []struct {
		name     string
		searches []logged
		next     bool
		want     int
	}{
		{"morning, then evening", []logged{at("a", 9, 0), at("b", 18, 0)}, false, 1},
		{"something between", []logged{at("a", 9, 0), at("m", 13, 0), at("b", 18, 0)}, false, 0},
		{"the last minute of the shift", []logged{at("a", 9, 0), at("b", 17, 29)}, false, 0},
		{"next morning", []logged{at("a", 9, 0), at("b", 24+5, 0)}, false, 0},
		{"next morning, asked", []logged{at("a", 9, 0), at("b", 24+5, 0)}, true, 1},
		{"next morning, too late", []logged{at("a", 9, 0), at("b", 24+6, 30)}, true, 0},
	} {
		if got := findOutOfShift(map[string][]logged{"who": c.searches}, fixedPacific, c.next); len(got) != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// workbookRows are the cells of a sheet by column, and its row by "row".
func workbookRows(t *testing.T, path string, sheet int) (out []map[string]string) {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	read := func(name string, into any) {
		f, err := z.Open(name)
		if err == nil {
			defer f.Close()
			err = xml.NewDecoder(f).Decode(into)
		}
		if err != nil {
			t.Fatalf("%s: %s: %v", path, name, err)
		}
	}
	var texts struct {
		SI []struct {
			T []string `xml:"t"`
			R []string `xml:"r>t"`
		} `xml:"si"`
	}
	var data struct {
		Rows []struct {
			R     string `xml:"r,attr"`
			Cells []struct {
				R    string `xml:"r,attr"`
				Type string `xml:"t,attr"`
				V    string `xml:"v"`
			} `xml:"c"`
		} `xml:"sheetData>row"`
	}
	read("xl/sharedStrings.xml", &texts)
	read(fmt.Sprintf("xl/worksheets/sheet%d.xml", sheet), &data)
	for _, r := range data.Rows {
		row := map[string]string{"row": r.R}
		for _, c := range r.Cells {
			v := c.V
			if n, err := strconv.Atoi(v); c.Type == "s" && err == nil && n < len(texts.SI) {
				v = strings.Join(append(texts.SI[n].T, texts.SI[n].R...), "")
			}
			row[strings.TrimRight(c.R, "0123456789")] = v
		}
		out = append(out, row)
	}
	return out
}
