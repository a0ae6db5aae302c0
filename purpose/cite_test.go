package purpose

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// small is a table of codes of our own for each state's way of numbering.
var small = fstest.MapFS{
	"codes/ca.tsv": {Data: []byte(`# a note
system	section	class	nibrs	title
PC	187	crime	09A	murder
PC	211	crime	120	robbery
PC	236.1	crime	64A	human trafficking
PC	243(e)(1)	crime	13B	battery on a partner
PC	245	crime	13A	assault with a deadly weapon
PC	245(a)(2)	crime	13A	assault with a firearm
PC	273a	crime	90F	child endangerment
PC	459	crime	220	burglary
PC	647(b)	crime	40A	prostitution
PC	664	crime		attempt
VC	10851	stolen-vehicle	240	vehicle theft
VC	23152	crime	90D	driving under the influence
VC	4000	traffic		unregistered vehicle
WI	5150	welfare-check		mental health hold
HS	11378	crime	35A	drugs for sale
`)},
	"codes/fl.tsv":         {Data: []byte("system\tsection\tclass\tnibrs\ttitle\nFS\t812.014\tcrime\t23H\ttheft\nFS\t784.045\tcrime\t13A\taggravated battery\n")},
	"codes/il.tsv":         {Data: []byte("system\tsection\tclass\tnibrs\ttitle\nILCS\t720/5/18-1\tcrime\t120\trobbery\nILCS\t720/5/24-1.6\tcrime\t520\tweapon\nILCS\t625/5/11-501\tcrime\t90D\tdriving under the influence\n")},
	"codes/or.tsv":         {Data: []byte("system\tsection\tclass\tnibrs\ttitle\nORS\t164.395\tcrime\t120\trobbery\n")},
	"codes/tx.tsv":         {Data: []byte("system\tsection\tclass\tnibrs\ttitle\nPC\t29.02\tcrime\t120\trobbery\nPC\t29.03\tcrime\t120\taggravated robbery\nPC\t211\tcrime\t13B\tanother thing\n")},
	"codes/va.tsv":         {Data: []byte("system\tsection\tclass\tnibrs\ttitle\nVA\t18.2-58\tcrime\t120\trobbery\nVA\t18.2-51.2\tcrime\t13A\taggravated malicious wounding\n")},
	"codes/wa.tsv":         {Data: []byte("system\tsection\tclass\tnibrs\ttitle\nRCW\t9A.56.070\tstolen-vehicle\t240\ttaking a vehicle\nRCW\t46.61.024\tcrime\t90Z\teluding\n")},
	"codes/radio-town.tsv": {Data: []byte("system\tsection\tclass\tnibrs\ttitle\nradio\t920\tmissing-person\t\tmissing person\nradio\t10-31\tcrime\t90Z\tcrime in progress\nradio\t211\tcrime\t13A\tanother thing\n")},
}

func withSmall(t *testing.T, o Options) *Classifier {
	t.Helper()
	tables, err := readTables(small)
	if err != nil {
		t.Fatal(err)
	}
	codes, err := loadCodes(tables, builtin().lex.systems, o)
	if err != nil {
		t.Fatal(err)
	}
	return newClassifier(builtin().lex, codes)
}

// cited are the codes a text is found to name, as "term offense".
func cited(found []Finding) string {
	var list []string
	for _, f := range found {
		if f.Confidence >= Threshold && (f.Class == Crime || !f.Class.residual()) {
			list = append(list, strings.TrimSpace(f.Term+" "+f.Offense))
		}
	}
	return strings.Join(slices.Compact(list), ", ")
}

func TestSections(t *testing.T) {
	california := withSmall(t, Options{States: []string{"CA"}})
	for text, want := range map[string]string{
		"245(a)(2)PC": "PC 245(a)(2) 13A", "245(a)(1)PC": "PC 245 13A", "245a2 pc": "PC 245(a)(2) 13A", "245-a2 P.C.": "PC 245(a)(2) 13A",
		"245 (a)(2) PC": "PC 245(a)(2) 13A", "PC459": "PC 459 220", "PC 211": "PC 211 120", "211pc": "PC 211 120", "pc-211": "PC 211 120",
		"Penal Code 211": "PC 211 120", "PC: 211": "PC 211 120", "10851(a)CVC": "CVC 10851 240", "CVC10851": "CVC 10851 240",
		"10851 V.C.": "CVC 10851 240", "664/187(a)PC": "PC 664, PC 187 09A", "23152 vc": "CVC 23152 90D", "243(e)(1)": "PC 243(e)(1) 13B",
		"647(b)PC; 236.1(a)PC": "PC 647(b) 40A, PC 236.1 64A", "PC 459 & 211": "PC 459 220, PC 211 120", "211/459": "PC 211 120, PC 459 220",
		"211": "PC 211 120", "459 susps": "PC 459 220", "spd 211": "PC 211 120", "10851 vc 459 pc": "CVC 10851 240, PC 459 220",
		"273a(a)PC": "PC 273a 90F", "5150 W&I": "WI 5150", "11378 H&S": "HS 11378 35A", "4000(a)(1) VC": "CVC 4000", "2800..1": "",
		"PC 99999": "PC", "187": "PC 187 09A",
		// not sections
		"26-00211": "", "211 Main St": "", "room 211": "", "26-211": "", "$211": "", "459211": "", "pa211": "", "1.211": "",
	} {
		if got := cited(california.Classify(text)); got != want {
			t.Errorf("%q: %q, want %q; %+v", text, got, want, california.Classify(text))
		}
	}
	all := withSmall(t, Options{})
	for text, want := range map[string]string{
		"F.S. 812.014": "FS 812.014 23H", "812.014(2)(a) FS": "FS 812.014 23H", "Florida Statute 812.014": "FS 812.014 23H", "784.045": "FS 784.045 13A",
		"720 ILCS 5/18-1": "ILCS 720/5/18-1 120", "720/5/18-1(a)": "ILCS 720/5/18-1 120", "720 ILCS 5/24-1.6(a)(1)": "ILCS 720/5/24-1.6 520",
		"5/24-1.6": "ILCS 720/5/24-1.6 520", "625 ilcs 5/11-501": "ILCS 625/5/11-501 90D", "720-5/18-1": "ILCS 720/5/18-1 120",
		"RCW 9A.56.070": "RCW 9A.56.070 240", "9a.56.070(1)": "RCW 9A.56.070 240", "46.61.024 RCW": "RCW 46.61.024 90Z",
		"ORS 164.395": "ORS 164.395 120", "Va. Code 18.2-58": "VA 18.2-58 120", "Va Code § 18.2-51.2": "VA 18.2-51.2 13A", "18.2-58": "VA 18.2-58 120",
		"Tex. Penal Code 29.02": "PC 29.02 120", "PC 29.03": "PC 29.03 120",
	} {
		if got := cited(all.Classify(text)); got != want {
			t.Errorf("%q: %q, want %q; %+v", text, got, want, all.Classify(text))
		}
	}
}

// Where states disagree a section says less; a chosen state's says more.
func TestCitationConfidence(t *testing.T) {
	confidence := func(o Options, text string) float64 {
		found := withSmall(t, o).Classify(text)
		if len(found) != 1 {
			t.Fatalf("%q: %+v", text, found)
		}
		return found[0].Confidence
	}
	ca, all := Options{States: []string{"ca"}}, Options{}
	if c, a := confidence(ca, "PC 211"), confidence(all, "PC 211"); c <= a || a < Threshold {
		t.Errorf("California %v, all states %v", c, a)
	}
	if c, a := confidence(ca, "459"), confidence(all, "459"); c <= a || a < Threshold {
		t.Errorf("bare: California %v, all states %v", c, a)
	}
	if f := withSmall(t, Options{States: []string{"TX"}}).Classify("PC 211"); f[0].Offense != "13B" {
		t.Errorf("Texas first: %+v", f)
	}
}

func TestRadioCodes(t *testing.T) {
	c := withSmall(t, Options{States: []string{"CA"}, RadioCodes: "town"})
	classes(t, c, map[string]string{
		"920": "missing-person", "920A": "missing-person", "920jo": "missing-person", "10-31": "crime", "1031": "crime", "26-920": "case-number",
		"920 Main St": "vague", "921": "vague",
	})
	if f := c.Classify("211")[0]; f.Offense != "13A" {
		t.Errorf("the radio code comes first: %+v", f)
	}
	if f := c.Classify("211 PC")[0]; f.Offense != "120" {
		t.Errorf("but not before the statute: %+v", f)
	}
	classes(t, withSmall(t, Options{}), map[string]string{"920": "vague", "10-31": "vague", "1700": "vague"})
}

func TestBrokenTables(t *testing.T) {
	header := "system\tsection\tclass\tnibrs\ttitle\n"
	for name, text := range map[string]string{
		"ca": header + "PC\t211\tfun\t120\trobbery\n", "il": header + "PC\t211\tcrime\n", "va": header + "\t211\tcrime\t120\tx\n", "town": header,
	} {
		if _, err := readTables(fstest.MapFS{"codes/" + name + ".tsv": {Data: []byte(text)}}); err == nil {
			t.Errorf("%s is read", name)
		}
	}
}

func TestShapes(t *testing.T) {
	for run, want := range map[string]string{
		"11.22.2025": "date", "11/6/25": "date", "2025-06-18": "date", "2025-06-18t19:17": "date", "26.03.11.0356": "",
		"7abc123": "plate", "abc1234": "plate", "26prcw029": "", "26-95": "year", "2026-310": "year", "10-31": "radio", "11-80": "radio",
		"925c": "radio", "1700": "radio", "26": "",
	} {
		b := []byte(run)
		got := ""
		switch {
		case isDate(b):
			got = "date"
		case isPlate(b):
			got = "plate"
		case isYearNumber(b):
			got = "year"
		case isRadio(b):
			got = "radio"
		}
		if got != want {
			t.Errorf("%s is %q, want %q", run, got, want)
		}
	}
}

func FuzzSections(f *testing.F) {
	for _, s := range []string{"245(a)(2)", "720 ilcs 5/18-1", "9a.56.070", "18.2-58", "664/187", "273a", "5/24-1.6", "10-31", "1..1"} {
		f.Add(s, "PC")
	}
	tables, err := readTables(small)
	if err != nil {
		f.Fatal(err)
	}
	codes, err := loadCodes(tables, builtin().lex.systems, Options{States: []string{"CA"}, RadioCodes: "town"})
	if err != nil {
		f.Fatal(err)
	}
	c := newClassifier(builtin().lex, codes)
	f.Fuzz(func(t *testing.T, section, system string) {
		for _, text := range []string{section + system, system + section, section + " " + system, system + ": " + section} {
			for _, g := range c.Classify(text) {
				if g.Words != text[g.Start:g.End] {
					t.Fatalf("%q: %+v", text, g)
				}
			}
		}
	})
}
