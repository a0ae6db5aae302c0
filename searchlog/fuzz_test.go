package searchlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// told is all that a reading says, as text, to compare readings with.
func told(t testing.TB, r *Reading, seen []kept) string {
	t.Helper()
	var b strings.Builder
	for _, f := range r.Files {
		j, err := json.MarshalIndent(f, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		b.Write(j)
		b.WriteByte('\n')
	}
	fmt.Fprintln(&b, r.Shares)
	for _, k := range seen {
		fmt.Fprintf(&b, "%d:%d %q %q %v %v %v %v %d %d\n", k.File, k.Line, k.Raws, k.Cells, k.State, k.Time, k.From, k.To, k.Networks, k.Devices)
	}
	return b.String()
}

func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return fmt.Sprintf("line %d:\n%s\n%s", i, x[i], y[i])
		}
	}
	return "one is longer"
}

// A mess of everything that goes wrong in such files, quotes above all.
func mess(rng *rand.Rand, rows int) []byte {
	var b bytes.Buffer
	header := "ID, Name, Org Name, Total Networks Searched, Time Frame, License Plate, Reason, Case #, Filters, Search Time, Search Type, Text Prompt, Moderation\n"
	b.WriteString(header)
	at := time.Date(2025, 12, 18, 6, 0, 0, 0, time.UTC)
	const us = "01/02/2006, 03:04:05 PM UTC"
	for i := range rows {
		at = at.Add(time.Duration(rng.IntN(300)) * time.Second)
		id := fmt.Sprintf("%08x-0000-4000-a000-%012x", rng.IntN(rows*3/4), i%7)
		reason := [...]string{"theft", `"said ""go"", left"`, "\"two\nlines\"", `"never closed`, `stray " quote`, `"`, "", "***", "a, b", "\"a \"b\" c\"", "caf\xE9", "\"line\r\n\r\nline\""}[rng.IntN(12)]
		frame := at.Add(-time.Hour).Format(us) + "\n" + at.Format(us)
		if rng.IntN(9) == 0 {
			frame = at.Add(-time.Hour).Format(us) + " to " + at.Format(us)
		}
		row := fmt.Sprintf("%s,O %d,X IL PD,%d,\"%s\",AB%d,%s,25-%d,,\"%s\",lookup,,", id, rng.IntN(9), rng.IntN(50), frame, rng.IntN(99), reason, i, at.Format(us))
		switch rng.IntN(30) {
		case 0:
			row = header[:len(header)-1]
		case 1:
			row = "," + row
		case 2:
			row = row[strings.IndexByte(row, ',')+1:]
		case 3:
			row = "Page 3 of 9"
		case 4:
			row = `"`
		case 5:
			row = strings.Repeat(",", rng.IntN(30))
		case 6:
			row = strings.Replace(row, "lookup,,", "lookup", 1)
		case 7:
			row = "Org Name, Total Networks, Time Frame, Search Time, Search Type"
		case 8:
			row = `"` + strings.Repeat("long ", 4000)
		}
		b.WriteString(row)
		b.WriteString([...]string{"\n", "\r\n", "\n\n"}[rng.IntN(3)])
	}
	return b.Bytes()
}

// What is read does not depend on where blocks are cut, nor on how many workers
// parse them, nor on whether plain rows are read the quick way.
func TestBlocksAndWorkersChangeNothing(t *testing.T) {
	for seed := range uint64(3) {
		rng := rand.New(rand.NewPCG(seed, 1))
		a, b := mess(rng, 150), mess(rng, 40)
		var want string
		for i, o := range []Options{
			{Workers: 1}, {Workers: 1, long: true}, {Workers: 3, block: 4096}, {Workers: 2, block: 700}, {Workers: 4, block: 64}, {Workers: 2, block: 20 + int(seed)},
		} {
			r, seen := readSources(t, o, memory("a.csv", a), memory("b.csv", b))
			got := told(t, r, seen)
			if i == 0 {
				want = got
				if f := r.Files[0]; f.Rows < 75 || f.SetAsideRows == 0 || f.Duplicate == 0 || len(f.Repairs) < 2 {
					t.Errorf("seed %d: the mess is read too well or too badly: %+v", seed, f)
				}
			} else if got != want {
				t.Fatalf("seed %d, blocks of %d bytes, %d workers: %s", seed, o.block, o.Workers, firstDifference(want, got))
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(mess(rand.New(rand.NewPCG(1, 2)), 20), uint16(50))
	f.Add([]byte("\"id\",\"userId\",\"searchDate\",\"networkCount\",\"reason\"\n\"0\",\"***\",\"2026-03-04T21:30:39.185Z\",\"15\",\"a\nb\"\n"), uint16(9))
	f.Add([]byte("\xFF\xFEi\x00d\x00,\x00t\x00\n\x00"), uint16(3))
	f.Add([]byte("src_agency,external_agency\nA,B\n"), uint16(3))
	f.Add([]byte("Timestamp,User,Event Type,Entity Type,Entity Details,Event Id\n2025-01-02 03:04:05,u,Search,x,\"Reason: a\nPlate: b\",1\n"), uint16(3))
	files, err := filepath.Glob("testdata/*.csv")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, uint16(100))
	}
	f.Fuzz(func(t *testing.T, data []byte, block uint16) {
		r, seen := readSources(t, Options{Workers: 1}, memory("x", data))
		if bytes.HasPrefix(data, []byte("PK")) || bytes.HasPrefix(data, []byte{0x1F, 0x8B}) {
			return
		}
		rows := 0
		for _, x := range r.Files {
			rows += x.Rows
		}
		if rows != len(seen) {
			t.Errorf("%d searches counted, %d visited", rows, len(seen))
		}
		for _, k := range seen {
			for f, s := range k.State {
				if (k.Cells[f] != "") != (s == Value || s == PartlyMasked) {
					t.Errorf("line %d: %s is %s, and says %q", k.Line, Field(f), s, k.Cells[f])
				}
			}
		}
		accounted(t, data, r.Files[0])
		for _, o := range []Options{{Workers: 2, block: 1 + int(block)}, {Workers: 1, long: true}} {
			r2, seen2 := readSources(t, o, memory("x", data))
			if a, b := told(t, r, seen), told(t, r2, seen2); a != b {
				t.Errorf("blocks of %d bytes, the long way %t: %s", o.block, o.long, firstDifference(a, b))
			}
		}
	})
}

// accounted checks that each line of a plain text is in one of the counts: one
// is the header, where there is one.
func accounted(t *testing.T, data []byte, f File) {
	if bytes.ContainsAny(data, "\"\r\x00") || !utf8.Valid(data) || len(f.Warnings) > 0 && f.Warnings[0].Kind == "cannot be read" || f.Encoding != "utf-8" {
		return
	}
	lines := 0
	for line := range bytes.Lines(bytes.TrimPrefix(data, []byte("\uFEFF"))) {
		if len(bytes.TrimRight(line, "\n")) > 0 {
			lines++
		}
	}
	if len(f.Columns) > 0 {
		lines--
	}
	if n := f.Rows + f.Duplicate + f.Sharing + f.SetAsideRows; n != lines {
		t.Errorf("%d rows, %d duplicates, %d of sharing, %d set aside: of %d lines", f.Rows, f.Duplicate, f.Sharing, f.SetAsideRows, lines)
	}
}

func FuzzTime(f *testing.F) {
	for _, s := range []string{"01/25/2024, 01:27:03 PM UTC", "1/5/2024, 1:27:03 PM UTC", "2026-03-04T21:30:39.185Z", "2025-06-18 00:02:04.789", "45678.25", "Nov 14, 2025 9:53 AM", "13:45", "2025-01-02T03:04:05-05:00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, ok := parseStamp(b)
		if !ok {
			return
		}
		at := time.UnixMicro(s.at(nil)).UTC()
		if s.date && (at.Year() < 1970 || at.Year() > 2200) {
			t.Errorf("%q is %v", b, at)
		}
		if !s.date && !s.clock {
			t.Errorf("%q is neither a date nor a time of day", b)
		}
		// The quick way for common spellings is no other than the general one.
		if quick, ok := commonStamp(b); ok {
			slow, ok := parseStamp(append([]byte(" "), b...))
			if !ok || quick != slow {
				t.Errorf("%q: %+v and %+v", b, quick, slow)
			}
		}
		// Written in full, it is read again as the same.
		if s.date && s.clock {
			again, ok := parseStamp([]byte(at.Format("2006-01-02T15:04:05.000000Z")))
			if !ok || again.at(nil) != s.at(nil) {
				t.Errorf("%q is %v, and that is read as %v", b, at, time.UnixMicro(again.at(nil)).UTC())
			}
		}
	})
}

// bookOf makes a workbook of one sheet.
func bookOf(t testing.TB, sheet, strings, styles, workbook string) []byte {
	t.Helper()
	if workbook == "" {
		workbook = `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Audit" sheetId="1" r:id="rId1"/></sheets></workbook>`
	}
	const types = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
	return zipOf(t,
		[2]string{"xl/workbook.xml", workbook},
		[2]string{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="` + types + `worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="` + types + `sharedStrings" Target="sharedStrings.xml"/><Relationship Id="rId3" Type="` + types + `styles" Target="styles.xml"/></Relationships>`},
		[2]string{"xl/sharedStrings.xml", strings}, [2]string{"xl/styles.xml", styles}, [2]string{"xl/worksheets/sheet1.xml", sheet},
	)
}

const (
	someStrings = `<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>id</t></si><si><t>userId</t></si><si><t>searchDate</t></si><si><t>networkCount</t></si><si><r><t>rea</t></r><r><t xml:space="preserve">son</t></r><rPh sb="0" eb="1"><t>not this</t></rPh></si><si><t>A &amp; B_x000D_
C &#233;</t></si></sst>`
	someStyles = `<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><numFmts count="1"><numFmt numFmtId="164" formatCode="m/d/yyyy h:mm:ss AM/PM"/><numFmt numFmtId="165" formatCode="0.00&quot;d&quot;"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="14"/><xf numFmtId="165"/></cellXfs></styleSheet>`
	someSheet  = `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="2"><c r="A2" t="s"><v>0</v></c><c r="B2" t="s"><v>1</v></c><c r="C2" t="s"><v>2</v></c><c r="D2" t="s"><v>3</v></c><c r="E2" t="s"><v>4</v></c></row><row r="5"><c r="A5" t="inlineStr"><is><t>0a1b2c3d-0000-4000-a000-000000000001</t></is></c><c r="B5" t="inlineStr"><is><t>***</t></is></c><c r="C5" s="1"><v>45678.25</v></c><c r="D5"><v>15</v></c><c r="E5" t="s"><v>5</v></c></row><row r="6"><c r="A6" t="inlineStr"><is><t>0a1b2c3d-0000-4000-a000-000000000002</t></is></c><c r="C6" s="1"><v>45678.5</v></c></row></sheetData></worksheet>`
)

func FuzzXLSX(f *testing.F) {
	f.Add(someSheet, someStrings, someStyles)
	f.Add("<row><c><v>", "<sst><si>", "<xf")
	f.Add("<!-- --><![CDATA[ > ]]><row r='9'><c r='ZZZZZ9' t='s'><v>99</v></c></row>", "<si/>", "")
	f.Fuzz(func(t *testing.T, sheet, strings, styles string) {
		data := bookOf(t, sheet, strings, styles, "")
		r, seen := readSources(t, Options{Workers: 1}, memory("x.xlsx", data))
		r2, seen2 := readSources(t, Options{Workers: 2, block: 40}, memory("x.xlsx", data))
		if a, b := told(t, r, seen), told(t, r2, seen2); a != b {
			t.Errorf("other blocks: %s", firstDifference(a, b))
		}
	})
}
