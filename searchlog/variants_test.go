package searchlog

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const uuid = "0a1b2c3d-0000-4000-a000-00000000000" // and one digit

func text(name, s string) Source { return memory(name, []byte(s)) }

func utc(s string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", s)
	if err != nil {
		panic(err)
	}
	return t
}

// Each header variant of the formats page, one search each: 1 May 2025, 13:27:03
// UTC, look-back of a day.
func TestVariants(t *testing.T) {
	const (
		at    = `"05/01/2025, 01:27:03 PM UTC"`
		frame = "\"04/30/2025, 01:27:00 PM UTC\n05/01/2025, 01:27:00 PM UTC\""
	)
	for _, c := range []struct {
		name, in, variant string
		says              map[Field]string
		line, nets, devs  int
		from              bool
	}{
		{"14 columns", "ID, Name, Org Name, Total Networks Searched, Total Devices Searched, Time Frame, License Plate, Reason, Case #, Filters, Search Time, Search Type, Text Prompt, Moderation\n" +
			uuid + "1,A. Tester,Springfield IL PD,840,17652," + frame + ",AB*123,theft,25-1,," + at + ",lookup,,allow\n",
			"audit-14", map[Field]string{ID: uuid + "1", Searcher: "A. Tester", Agency: "Springfield IL PD", Plate: "AB*123", Reason: "theft", Case: "25-1", Type: "lookup", Moderation: "allow"}, 2, 840, 17652, true},
		{"13 columns", "ID, Name, Org Name, Total Networks Searched, Time Frame, License Plate, Reason, Case #, Filters, Search Time, Search Type, Text Prompt, Moderation\n" +
			uuid + "1,***,Springfield IL PD,0," + frame + ",***,Theft - retail,REDACTED,,05/01/2025 13:27:03 UTC,lookup,,\n",
			"audit-13", map[Field]string{Searcher: "", Plate: "", Case: "", Reason: "Theft - retail"}, 2, -1, -1, true},
		{"13 columns without ids", "name,agency,nets,devs,time_frame,plate,reason,case,filters,search_time,search_type,text_prompt,moderation\n" +
			"A. Tester,Springfield IL PD,3,40," + frame + ",AB123,inv,,," + at + ",lookup,white truck,\n",
			"audit-13-no-id", map[Field]string{Searcher: "A. Tester", Prompt: "white truck"}, 2, 3, 40, true},
		{"11 columns without a header", strings.Repeat("A. Tester,Springfield IL PD,3,40,\"04/30/2025, 01:27:00 PM UTC to 05/01/2025, 01:27:00 PM UTC\",AB123,inv,,,"+at+",lookup\n", 1),
			"audit-11", map[Field]string{Searcher: "A. Tester", Reason: "inv", Type: "lookup"}, 1, 3, 40, true},
		{"federal extract", "ID,Name,Org Name,Total Networks Searched,License Plate,Reason,Case #,Filters,Search Time,Search Type\n" +
			uuid + "1,A. Tester,Some Federal Agency,5000,AB123,inv,,,05/01/2025, 01:27:03 PM UTC,lookup\n",
			"federal-extract", map[Field]string{Agency: "Some Federal Agency", Time: "05/01/2025, 01:27:03 PM UTC", Type: "lookup"}, 2, 5000, -1, false},
		{"5 columns", "Org Name,Total Networks,Time Frame,Search Time,Search Type\nSpringfield IL PD,3," + frame + "," + at + ",lookup\n",
			"audit-short", map[Field]string{Agency: "Springfield IL PD"}, 2, 3, -1, true},
		{"from and to apart", "ID,Org_Name,Total_Networks_Searched,Total_Devices_Searched,Time_Frame_Start,Time_Frame_End,Reason,Search_Time,Search_Type,Moderation\n" +
			uuid + "1,Springfield IL PD,3,40,\"04/30/2025, 01:27:00 PM UTC\",\"05/01/2025, 01:27:00 PM UTC\",bolo," + at + ",lookup,\n",
			"frame-apart", map[Field]string{Reason: "bolo"}, 2, 3, 40, true},
		{"date and clock", "Search Date,Search Time,User,Reason\n5/1/2025,13:27:03,u1,theft\n", "date-and-clock", map[Field]string{Reason: "theft"}, 2, -1, -1, false},
		{"portal", "\"id\",\"userId\",\"searchDate\",\"networkCount\",\"reason\",\"caseNumber\",\"offenseType\"\n\"" + uuid + "1\",\"***\",\"2025-05-01T13:27:03.000Z\",\"15\",\"\",\"25-1\",\"Robbery\"\n",
			"portal", map[Field]string{Offense: "Robbery", Case: "25-1"}, 2, 15, -1, false},
		{"portal with cameras", "\"id\",\"userId\",\"searchDate\",\"cameraCount\",\"reason\"\n\"" + uuid + "1\",\"" + uuid + "7\",\"2025-05-01 13:27:03.000\",94,\"inv\"\n",
			"portal-cameras", map[Field]string{Searcher: uuid + "7"}, 2, -1, 94, false},
		{"event log", "Timestamp,User,Event Type,Entity Type,Entity Details,Event Id\n2025-05-01T13:27:03Z,u1,Login,User,,\n2025-05-01T13:27:03Z,u1,Plate Search,Search,\"License Plate: AB123\nReason: theft: of a car\nNetworks: 7\nTime Frame: 04/30/2025, 01:27:00 PM UTC to 05/01/2025, 01:27:00 PM UTC\"," + uuid + "1\n",
			"event-log", map[Field]string{Plate: "AB123", Reason: "theft: of a car", ID: uuid + "1"}, 3, 7, -1, true},
		{"day numbers", "Reason,DateTime\ntheft,45778.560451388886\n", "serial-times", map[Field]string{Reason: "theft"}, 2, -1, -1, false},
		{"other labels", "ID,Name,Org Name,Search Date,Reason_1,License Plates,Case Number,Test Prompt,,Badge Colour\n" + uuid + "1,A,B,2025-05-01T13:27:03Z,theft,AB1,25-1,red car,,\n",
			"columns", map[Field]string{Reason: "theft", Plate: "AB1", Case: "25-1", Prompt: "red car"}, 2, -1, -1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, seen := readSources(t, Options{}, text("x.csv", c.in))
			f := r.Files[0]
			if len(seen) != 1 || f.Rows != 1 || f.Variant != c.variant {
				t.Fatalf("%d searches, %+v", len(seen), f)
			}
			s := seen[0]
			if s.Line != c.line || s.Networks != c.nets || s.Devices != c.devs || !s.Time.Equal(utc("2025-05-01 13:27:03")) {
				t.Errorf("line %d, %d networks, %d devices, %v; want line %d, %d, %d", s.Line, s.Networks, s.Devices, s.Time, c.line, c.nets, c.devs)
			}
			if c.from && (!s.From.Equal(utc("2025-04-30 13:27:00")) || !s.To.Equal(utc("2025-05-01 13:27:00"))) {
				t.Errorf("from %v to %v", s.From, s.To)
			}
			for field, want := range c.says {
				if s.Cells[field] != want {
					t.Errorf("%s says %q, want %q (%s)", field, s.Cells[field], want, s.State[field])
				}
			}
			if s.Cells[Plate] != "" && s.State[Plate] != Value {
				t.Errorf("plate %q is %s", s.Cells[Plate], s.State[Plate])
			}
		})
	}
}

func TestStates(t *testing.T) {
	for _, c := range []struct {
		f    Field
		cell string
		want State
	}{
		{Reason, "", Blank}, {Reason, "theft", Value}, {Reason, "***", MaskedByVendor}, {Searcher, "*****", MaskedByVendor},
		{Reason, "REDACTED", MaskedByAgency}, {Reason, "[REDACTED]", MaskedByAgency}, {Reason, "RED ACTED", MaskedByAgency},
		{Reason, "R E D A C T E D", MaskedByAgency}, {Reason, "redacted.", MaskedByAgency}, {Plate, "###", MaskedByAgency},
		{Plate, "* * *", MaskedByAgency}, {Reason, "7923.600 GC", MaskedByAgency}, {Searcher, "Gov. Code § 7923.600", MaskedByAgency},
		{Searcher, "REDACTED 7923.600 GC", MaskedByAgency}, {Reason, "████", MaskedByAgency}, {Reason, "5 ILCS 140/7(1)(c)", MaskedByAgency},
		{Reason, "theft [REDACTED]", PartlyMasked}, {Searcher, "J. S***", PartlyMasked}, {Case, "25-###", PartlyMasked},
		{Plate, "AB*12", Value}, {Plate, "*", Value}, {Plate, "***", MaskedByVendor}, {Filters, "make:*", Value},
		{Reason, "——", Placeholder}, {Reason, "--", Placeholder}, {Reason, "N/A", Placeholder}, {Case, "none", Placeholder},
		{Case, "NULL", Placeholder}, {Searcher, "Unknown", Placeholder}, {Networks, "0", Placeholder}, {Networks, "1", Value}, {Devices, "0", Value},
		// Reasons that look a little like masks.
		{Reason, "245(a)(2)PC", Value}, {Reason, "PC459", Value}, {Reason, "10851(a)CVC", Value}, {Reason, "26-01254", Value},
		{Reason, "1700", Value}, {Reason, "unknown vehicle", Value}, {Reason, "*urgent* theft", Value}, {Reason, "reduced speed", Value}, {Case, "#25-1", Value},
	} {
		if got := stateOf(c.f, []byte(c.cell)); got != c.want {
			t.Errorf("%s %q is %s, want %s", c.f, c.cell, got, c.want)
		}
	}
}

func TestTimes(t *testing.T) {
	chicago, err := time.LoadLocation("America/Chicago")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ cell, want string }{
		{"01/25/2024, 01:27:03 PM UTC", "2024-01-25 13:27:03"}, {"1/5/2024, 1:27:03 AM UTC", "2024-01-05 01:27:03"},
		{"1/5/2024, 12:00:00 AM UTC", "2024-01-05 00:00:00"}, {"01/25/2024, 12:27:03 PM UTC", "2024-01-25 12:27:03"},
		{"1/5/2024, 1:27:03\u202fPM UTC", "2024-01-05 13:27:03"}, {"01/25/2024 13:27:03", "2024-01-25 19:27:03"},
		{"2024-01-25T13:27:03Z", "2024-01-25 13:27:03"}, {"2024-07-25 13:27:03", "2024-07-25 18:27:03"}, {"2024-01-25T13:27:03-08:00", "2024-01-25 21:27:03"},
		{"Jan 25, 2024, 1:27:03 PM UTC", "2024-01-25 13:27:03"}, {"1/25/24 13:27", "2024-01-25 19:27:00"}, {"2024-01-25 01:27:03 PM CST", "2024-01-25 19:27:03"},
		{"45316.5", "2024-01-25 18:00:00"}, {"2024-02-29T00:00:00Z", "2024-02-29 00:00:00"},
	} {
		s, ok := parseStamp([]byte(c.cell))
		if got := time.UnixMicro(s.at(chicago)).UTC(); !ok || !got.Equal(utc(c.want)) {
			t.Errorf("%q is %v (%v), want %s", c.cell, got, ok, c.want)
		}
	}
	for _, bad := range []string{"", "theft", "13/01/2024, 01:27:03 PM UTC", "01/25/2024, 13:27:03 PM UTC", "02/30/2024", "1234", "2024", "25-10851", "01/25/2024, 01:27:03 PM UTC and more", "99999"} {
		if s, ok := parseStamp([]byte(bad)); ok {
			t.Errorf("%q is read as %+v", bad, s)
		}
	}
}

const portalHead = "\"id\",\"userId\",\"searchDate\",\"networkCount\",\"reason\"\n"

func portalRow(n int, at, reason string) string {
	return fmt.Sprintf("\"0f1e2d3c-0000-4000-a000-%012d\",\"***\",\"%s\",\"15\",\"%s\"\n", n, at, reason)
}

func TestDuplicates(t *testing.T) {
	const noID = "Name,Org Name,Total Networks,Total Devices,Time Frame,License Plate,Reason,Case #,Filters,Search Time,Search Type\n"
	row := func(reason string) string {
		return "A. T,B PD,3,4,,AB1," + reason + ",,,\"05/01/2025, 01:27:03 PM UTC\",lookup\n"
	}
	r, seen := readSources(t, Options{Workers: 2},
		text("a.csv", portalHead+portalRow(1, "2025-05-01T13:27:03.000Z", "theft")+portalRow(1, "2025-05-01T13:27:03.000Z", "arson")+portalRow(2, "2025-05-01T13:27:03.000Z", "theft")),
		text("b.csv", portalHead+portalRow(2, "2025-05-01T13:27:03.000Z", "***")+portalRow(3, "2025-05-01T13:27:03.000Z", "theft")),
		text("c.csv", noID+row("one")+row("one")+row("two")),
		text("d.csv", noID+row("two")+row("one")+row("one")+row("one")),
		text("e.csv", noID+row("one")+row("two")),
	)
	want := [][]Duplicate{
		{{3, "a.csv", 2, "id", true}},
		{{2, "a.csv", 4, "id", false}},
		nil,
		{{2, "c.csv", 4, "content", false}, {3, "c.csv", 2, "content", false}, {4, "c.csv", 3, "content", false}},
		{{2, "c.csv", 2, "content", false}, {3, "c.csv", 4, "content", false}},
	}
	for i, f := range r.Files {
		if !slices.Equal(f.Repeated, want[i]) || f.Duplicate != len(want[i]) {
			t.Errorf("%s repeats %+v, want %+v", f.Path, f.Repeated, want[i])
		}
	}
	if len(seen) != 2+1+3+1 {
		t.Errorf("%d searches", len(seen))
	}
	if !warned(r.Files[1], "masked elsewhere") || !warned(r.Files[4], "repeated file") {
		t.Errorf("warnings %v and %v", r.Files[1].Warnings, r.Files[4].Warnings)
	}
}

func warned(f File, kind string) bool {
	return slices.ContainsFunc(f.Warnings, func(w Warning) bool { return w.Kind == kind })
}

func TestWarnings(t *testing.T) {
	var month, gap strings.Builder
	month.WriteString(portalHead)
	// May by New York's midnight: from 4:00 UTC on the first to 4:00 on the first of June.
	for i, at := 0, utc("2025-05-01 04:02:00"); at.Before(utc("2025-06-01 04:00:00")); i, at = i+1, at.Add(59*time.Minute) {
		month.WriteString(portalRow(i, at.Format("2006-01-02T15:04:05.000Z"), "theft"))
	}
	gap.WriteString(portalHead + portalRow(9001, "2025-01-31T13:27:03.000Z", "a") + portalRow(9002, "2025-04-01T13:27:03.000Z", "b"))
	r, _ := readSources(t, Options{}, text("2025-05.csv", month.String()), text("logs/March 2024.csv", gap.String()), text("none.csv", portalHead), text("empty.csv", "\n"))
	for i, want := range []string{"month cut", "gap", "no rows", "no rows"} {
		if !warned(r.Files[i], want) {
			t.Errorf("%s: no warning %q in %v", r.Files[i].Path, want, r.Files[i].Warnings)
		}
	}
	if w := r.Files[0].Warnings; len(w) != 1 || !strings.Contains(w[0].Text, "New_York") || strings.Contains(w[0].Text, "Los_Angeles") {
		t.Errorf("month cut: %v", w)
	}
	if w := r.Files[1].Warnings; !strings.Contains(w[0].Text, "2025-02, 2025-03") || !warned(r.Files[1], "file name and dates differ") {
		t.Errorf("gap: %v", w)
	}
}

func TestSharing(t *testing.T) {
	r, _ := readSources(t, Options{},
		text("list.csv", "Organization Name,Networks Shared With Me,Networks I'm Sharing\nA PD,\"B PD [Federal], C SO (deactivated) [Inactive]\",D PD\nE PD,,\n"),
		text("edges.csv", "src_agency,external_agency,src_agency_id,external_agency_id\nA PD,B PD,1,2\n"))
	want := []Share{
		{0, 2, "B PD", "A PD", []string{"federal"}}, {0, 2, "C SO", "A PD", []string{"deactivated", "inactive"}}, {0, 2, "A PD", "D PD", nil},
		{1, 2, "A PD", "B PD", nil},
	}
	if fmt.Sprint(r.Shares) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", r.Shares, want)
	}
	if f := r.Files[0]; f.Variant != "shared-networks" || f.Sharing != 2 || f.Rows != 0 {
		t.Errorf("%+v", f)
	}
	if f := r.Files[1]; f.Variant != "sharing-edges" || f.Sharing != 1 {
		t.Errorf("%+v", f)
	}
}

// Two exports one behind the other, and the header once more.
func TestStacked(t *testing.T) {
	row := func(n int) string {
		return fmt.Sprintf("0a1b2c3d-0000-4000-a000-%012d,A. T,B PD,", n)
	}
	const (
		head14 = "ID, Name, Org Name, Total Networks Searched, Total Devices Searched, Time Frame, License Plate, Reason, Case #, Filters, Search Time, Search Type, Text Prompt, Moderation\n"
		head13 = "ID, Name, Org Name, Total Networks Searched, Time Frame, License Plate, Reason, Case #, Filters, Search Time, Search Type, Text Prompt, Moderation\n"
		behind = ",,AB1,theft,25-1,,\"05/01/2025, 01:27:03 PM UTC\",lookup,,allow\n"
	)
	for _, second := range []string{head13, ""} {
		r, seen := readSources(t, Options{Workers: 2, block: 300}, text("x.csv", "Records unit\n"+head14+row(1)+"3,40"+behind+head14+row(2)+"3,40"+behind+second+row(3)+"5"+behind+row(4)+"6"+behind))
		f := r.Files[0]
		if len(seen) != 4 || seen[3].Networks != 6 || seen[3].Devices != -1 || seen[3].State[Devices] != NotExported || seen[1].Devices != 40 || seen[3].Cells[Moderation] != "allow" {
			t.Errorf("%d searches: %+v", len(seen), seen)
		}
		aside := 2
		if second != "" {
			aside = 3
		}
		if f.SetAsideRows != aside || f.SetAside[0].Reason != "above the header" || f.SetAside[1].Reason != "header repeated" || f.SetAside[1].Line != 4 {
			t.Errorf("set aside %+v", f.SetAside)
		}
		if len(f.Repairs) != 1 || f.Repairs[0].Kind != "stacked header" || f.Repairs[0].Lines[0] != 6 {
			t.Errorf("repairs %+v", f.Repairs)
		}
	}
}

// Rows that stand otherwise than the header says, each among rows that do not.
func TestRepairs(t *testing.T) {
	const (
		id1  = uuid + "1,"
		time = "\"05/01/2025, 01:27:03 PM UTC\""
		good = uuid + "9,A. T,B PD,3,,AB1,theft,25-1,red," + time + ",lookup,white,allow\n"
	)
	for _, c := range []struct {
		name, row, kind string
		says            map[Field]string
	}{
		{"as it should be", id1 + "A. T,B PD,3,,AB1,inv,25-1,red," + time + ",lookup,white,allow\n", "", map[Field]string{Reason: "inv"}},
		{"time cut", id1 + "A. T,B PD,3,,AB1,inv,25-1,red,05/01/2025, 01:27:03 PM UTC,lookup,white,allow\n", "split", map[Field]string{Reason: "inv", Moderation: "allow"}},
		{"reason cut", id1 + "A. T,B PD,3,,AB1,white van, two men,25-1,red," + time + ",lookup,white,allow\n", "split", map[Field]string{Reason: "white van, two men", Case: "25-1"}},
		{"a cell before the first", "," + id1 + "A. T,B PD,3,,AB1,inv,25-1,red," + time + ",lookup,white,allow\n", "shifted", map[Field]string{ID: uuid + "1", Reason: "inv", Moderation: "allow"}},
		{"likewise, and the last fell off", "," + id1 + "A. T,B PD,3,,AB1,inv,25-1,red," + time + ",lookup,white\n", "shifted", map[Field]string{Reason: "inv", Prompt: "white", Moderation: ""}},
		{"filters lost", id1 + "A. T,B PD,3,,AB1,inv,25-1," + time + ",lookup,white,allow\n", "shifted", map[Field]string{Case: "25-1", Filters: "", Prompt: "white"}},
		{"verdict for time", id1 + "A. T,B PD,3,,AB1,inv,25-1,red,allow,lookup,white,\n", "shifted", map[Field]string{Time: "", Moderation: "allow", Reason: "inv"}},
		{"verdict and time changed places", id1 + "A. T,B PD,3,,AB1,inv,25-1,red,allow,lookup,white," + time + "\n", "shifted", map[Field]string{Moderation: "allow", Reason: "inv"}},
		{"last cells left out", id1 + "A. T,B PD,3,,AB1,inv,25-1,red," + time + ",lookup\n", "last cells left out", map[Field]string{Type: "lookup", Moderation: ""}},
		{"time is no time", id1 + "A. T,B PD,3,,AB1,inv,25-1,red,yesterday,lookup,white,allow\n", "time not read", map[Field]string{Time: "yesterday", Reason: "inv"}},
		{"quote not closed", id1 + "A. T,B PD,3,,AB1,\"inv,25-1,red," + time + ",lookup,white,allow\n", "unclosed quote", map[Field]string{Reason: "inv", Case: "25-1", Moderation: "allow"}},
		{"last quote not closed", id1 + "A. T,B PD,3,,AB1,inv,25-1,red," + time + ",lookup,white,\"allow\n", "unclosed quote", map[Field]string{Moderation: "allow"}},
		{"last cell of two lines", id1 + "A. T,B PD,3,,AB1,inv,25-1,red," + time + ",lookup,white,\"allow\nafter review\"\n", "", map[Field]string{Moderation: "allow\nafter review"}},
		{"quotes within", id1 + "A. T,B PD,3,,AB1,\"a \"red\" car, left\",25-1,red," + time + ",lookup,white,allow\n", "", map[Field]string{Reason: "a \"red\" car, left", Case: "25-1"}},
	} {
		const head = "ID,Name,Org Name,Total Networks Searched,Time Frame,License Plate,Reason,Case #,Filters,Search Time,Search Type,Text Prompt,Moderation\n"
		next := strings.Replace(good, uuid+"9", uuid+"8", 1)
		r, seen := readSources(t, Options{}, text("x.csv", head+good+c.row+next))
		f := r.Files[0]
		if len(seen) != 3 || f.SetAsideRows != 0 {
			t.Errorf("%s: %d searches, set aside %v", c.name, len(seen), f.SetAside)
			continue
		}
		switch {
		case c.kind == "" && len(f.Repairs) != 0, c.kind != "" && (len(f.Repairs) != 1 || f.Repairs[0].Kind != c.kind || f.Repairs[0].Lines[0] != 3):
			t.Errorf("%s: repairs %+v, want %q in line 3", c.name, f.Repairs, c.kind)
		}
		for field, want := range c.says {
			if got := seen[1].Cells[field]; got != want {
				t.Errorf("%s: %s says %q, want %q", c.name, field, got, want)
			}
		}
	}
}

func TestNoSearchLogs(t *testing.T) {
	for _, c := range []struct{ in, looks string }{
		{"%PDF-1.7\n", "a PDF"}, {"\x89PNG\r\n", "a picture"}, {`{"rows": [1, 2]}`, "JSON"}, {"<html><body>", "a web page"},
		{"slug,rows,day\na,1,2025-01-01\n", "something else"}, {"Dear sir,\nplease find enclosed\n", "something else"}, {"just words\n", "plain text"},
		{"\x00\x01\x02\x03\x04\x05\x06\x07", "a program"}, {"id,agency,updated\n1,Springfield PD,2025-01-01T00:00:00Z\n", "something else"},
	} {
		r, seen := readSources(t, Options{}, text("x.csv", c.in))
		f := r.Files[0]
		if f.Variant != "" || len(seen) != 0 || len(f.Warnings) != 1 || !strings.Contains(f.Warnings[0].Text, c.looks) {
			t.Errorf("%q: %+v", c.in, f)
		}
	}
}

func TestEncodings(t *testing.T) {
	in := portalHead + portalRow(1, "2025-05-01T13:27:03.000Z", "café theft") + portalRow(2, "2025-05-01T13:27:04.000Z", "b")
	utf16 := func(big bool) string {
		var b []byte
		for _, r := range in {
			if big {
				b = append(b, byte(r>>8), byte(r))
			} else {
				b = append(b, byte(r), byte(r>>8))
			}
		}
		return string(b)
	}
	for _, c := range []struct{ name, in, encoding string }{
		{"utf-8", in, "utf-8"}, {"mark", "\uFEFF" + in, "utf-8"},
		{"utf-16 with mark", "\xFF\xFE" + utf16(false), "utf-16le"}, {"utf-16 big", "\xFE\xFF" + utf16(true), "utf-16be"}, {"utf-16 without mark", utf16(false), "utf-16le"},
		{"windows", strings.ReplaceAll(in, "é", "\xE9"), "windows-1252"}, {"old mac", strings.ReplaceAll(in, "\n", "\r"), "utf-8"},
		{"tabs", strings.ReplaceAll(in, ",", "\t"), "utf-8"}, {"semicolons", strings.ReplaceAll(in, ",", ";"), "utf-8"},
	} {
		r, seen := readSources(t, Options{}, text("x", c.in))
		if len(seen) != 2 || seen[0].Cells[Reason] != "café theft" || r.Files[0].Encoding != c.encoding {
			t.Errorf("%s: %d searches, %+v", c.name, len(seen), r.Files[0])
		} else if (c.encoding == "windows-1252") != warned(r.Files[0], "encoding") {
			t.Errorf("%s: warnings %v", c.name, r.Files[0].Warnings)
		}
	}
}

func zipOf(t testing.TB, members ...[2]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, m := range members {
		w, err := z.Create(m[0])
		if err == nil {
			_, err = w.Write([]byte(m[1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFoldersArchivesAndStreams(t *testing.T) {
	row := func(n int) string { return portalHead + portalRow(n, "2025-05-01T13:27:03.000Z", "theft") }
	dir := t.TempDir()
	put := func(name string, b []byte) {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var gz bytes.Buffer
	g := gzip.NewWriter(&gz)
	g.Write([]byte(row(1)))
	g.Close()
	inner := zipOf(t, [2]string{"deep.csv", row(2)}, [2]string{"book.bin", string(bookOf(t, someSheet, someStrings, someStyles, ""))})
	deep := zipOf(t, [2]string{"x.zip", string(zipOf(t, [2]string{"y.zip", string(zipOf(t, [2]string{"z.csv", row(8)}))}))})
	put("a/plain.txt", []byte(row(3)))
	put("a/.hidden", []byte(row(9)))
	put("b[1].csv", []byte(row(4)))
	put("c.csv.gz", gz.Bytes())
	put("d.dat", zipOf(t, [2]string{"2025/may.csv", row(5)}, [2]string{"inner.zip", string(inner)}, [2]string{"__MACOSX/x", "?"}))
	put("e.zip", deep)
	put("f.zip", []byte("PK\x03\x04 and no more"))

	sources, err := Find([]string{dir, filepath.Join(dir, "b[1].csv"), filepath.Join(dir, "*.gz"), "-"}, bytes.NewReader(zipOf(t, [2]string{"in.csv", row(6)})))
	if err != nil {
		t.Fatal(err)
	}
	r, seen := readSources(t, Options{}, sources...)
	var got []string
	for _, f := range r.Files {
		got = append(got, fmt.Sprintf("%s %s %d", strings.TrimPrefix(strings.TrimPrefix(f.Path, filepath.ToSlash(dir)), "/"), f.Variant, f.Rows))
	}
	want := []string{
		"-/in.csv portal 1", "a/plain.txt portal 1", "b[1].csv portal 1", "c.csv.gz portal 1",
		"d.dat/2025/may.csv portal 1", "d.dat/inner.zip/deep.csv portal 1", "d.dat/inner.zip/book.bin#Audit portal 2",
		"e.zip/x.zip/y.zip  0", "f.zip  0",
	}
	if !slices.Equal(got, want) {
		t.Errorf("read\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(seen) != 8 {
		t.Errorf("%d searches", len(seen))
	}
	for _, bad := range []string{filepath.Join(dir, "nothing.csv"), filepath.Join(dir, "*.pdf")} {
		if _, err := Find([]string{bad}, nil); err == nil {
			t.Errorf("%s names nothing, and that is no error", bad)
		}
	}
}

func TestSheets(t *testing.T) {
	r, seen := readSources(t, Options{}, memory("b.xlsx", bookOf(t, someSheet, someStrings, someStyles, "")))
	if len(seen) != 2 || r.Files[0].Path != "b.xlsx#Audit" || r.Files[0].Variant != "portal" {
		t.Fatalf("%d searches, %+v", len(seen), r.Files)
	}
	s := seen[0]
	if s.Line != 5 || !s.Time.Equal(utc("2025-01-21 06:00:00")) || s.Cells[Reason] != "A & B\nC é" || s.Networks != 15 || s.State[Searcher] != MaskedByVendor {
		t.Errorf("%+v", s)
	}
	if s := seen[1]; s.State[Searcher] != Blank || s.State[Reason] != Blank || s.Line != 6 {
		t.Errorf("%+v", s)
	}
	// Days counted from 1904.
	_, seen = readSources(t, Options{}, memory("b.xlsx", bookOf(t, someSheet, someStrings, someStyles,
		`<workbook xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><workbookPr date1904="1"/><sheets><sheet name="Audit" r:id="rId1"/></sheets></workbook>`)))
	if len(seen) != 2 || !seen[0].Time.Equal(utc("2029-01-22 06:00:00")) {
		t.Errorf("from 1904: %+v", seen)
	}
}

// Files made to hurt are read to the end in bounded memory, or refused.
func TestHostile(t *testing.T) {
	head, row := portalHead, portalRow(1, "2025-05-01T13:27:03.000Z", "theft")
	wide := strings.Repeat("x,", 10_000) + "\n"
	for _, c := range []struct {
		name, in string
		rows     int
		aside    string
	}{
		{"long line", head + strings.Repeat("x", 3<<20) + "\n" + row, 1, "longer than 1048576 bytes"},
		{"long quote", head + "\"" + strings.Repeat("x", 2<<20) + "\n" + row, 1, "longer than 1048576 bytes"},
		{"10,000 columns", head + wide + row, 1, "10001 cells where the header has 5"},
		{"zeros", head + "\x00\x00\x00,\x00\n" + row, 1, "2 cells where the header has 5"},
		{"quotes", head + strings.Repeat("\"\n", 5000) + row, 1, ""},
		{"commas", head + strings.Repeat(",", 1<<19) + "\n" + row, 1, "empty row"},
	} {
		r, _ := readSources(t, Options{Workers: 2}, text("x.csv", c.in))
		f := r.Files[0]
		if f.Rows != c.rows || c.aside != "" && (len(f.SetAside) != 1 || f.SetAside[0].Reason != c.aside) {
			t.Errorf("%s: %d rows, set aside %.300v", c.name, f.Rows, f.SetAside)
		}
	}
	bomb := zipOf(t, [2]string{"x.csv", head + strings.Repeat("\n", 96<<20)})
	r, _ := readSources(t, Options{}, memory("bomb.zip", bomb))
	if !warned(r.Files[0], "cannot be read") {
		t.Errorf("a zip of %d bytes: %v", len(bomb), r.Files[0].Warnings)
	}
	for _, sheet := range []string{
		"<worksheet><sheetData><row r='1'><c r='A1' t='inlineStr'><is><t>" + strings.Repeat("x", 3<<20),
		"<worksheet><" + strings.Repeat("x", 1<<20),
		"<worksheet><sheetData>" + strings.Repeat("<row><c r='A1'/>", 100_000),
		"<worksheet><sheetData><row>" + strings.Repeat("<c t='s'><v>0</v></c>", 16_000) + "</row></sheetData></worksheet>",
	} {
		r, _ := readSources(t, Options{}, memory("x.xlsx", bookOf(t, sheet, "<sst><si><t>"+strings.Repeat("x", 1<<20-1)+"</t></si></sst>", someStyles, "")))
		if f := r.Files[0]; f.Rows != 0 || len(f.Warnings) == 0 {
			t.Errorf("%.60s: %+v", sheet, f)
		}
	}
}

// slow is a stream that ends its own context after some bytes.
type slow struct {
	io.Reader
	cancel func()
	left   int
}

func (s *slow) Read(b []byte) (int, error) {
	if s.left -= len(b); s.left < 0 {
		s.cancel()
	}
	return s.Reader.Read(b)
}

func TestStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	data := networkAudit(20_000)
	s := Source{Name: "x", Size: -1, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(&slow{bytes.NewReader(data), cancel, 1 << 20}), nil
	}}
	c := new(counter)
	if _, err := Read(ctx, []Source{s}, Options{Workers: 1}, func() Visitor { return c }); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if c.n >= 20_000 {
		t.Errorf("%d searches were read after the stop", c.n)
	}
}

func TestZoneAndProgress(t *testing.T) {
	chicago, err := time.LoadLocation("America/Chicago")
	if err != nil {
		t.Fatal(err)
	}
	in := "Search Time,User,Reason\n2025-05-01 08:27:03,u,theft\n"
	var done, total int64
	r, seen := readSources(t, Options{Zone: chicago, Progress: func(d, t int64) { done, total = d, t }}, text("x", in))
	if !seen[0].Time.Equal(utc("2025-05-01 13:27:03")) || r.Files[0].Zone != "America/Chicago, as asked" {
		t.Errorf("%v, %q", seen[0].Time, r.Files[0].Zone)
	}
	if done != int64(len(in)) || total != int64(len(in)) {
		t.Errorf("progress %d of %d", done, total)
	}
	r, _ = readSources(t, Options{Zone: chicago}, text("x", portalHead+portalRow(1, "2025-05-01T13:27:03.000Z", "x")))
	if r.Files[0].Zone != "UTC, as written" {
		t.Errorf("zone %q", r.Files[0].Zone)
	}
}
