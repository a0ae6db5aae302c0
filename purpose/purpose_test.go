package purpose

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// classes checks the classes that texts have by a classifier.
func classes(t *testing.T, c *Classifier, want map[string]string) {
	t.Helper()
	for text, want := range want {
		if got := strings.Join(c.Classes(text), " "); got != want {
			t.Errorf("%q: %s, want %s; %v", text, got, want, c.Classify(text))
		}
	}
}

func TestClasses(t *testing.T) {
	classes(t, byDefault(), map[string]string{
		// crime
		"shoplifters": "crime", "armed robbery": "crime", "narcs": "crime", "h&r": "crime", "ADW": "crime",
		"agg asslt": "crime", "res burg": "crime", "burgalry": "crime", "homicde inv": "crime", "robbery suspect vehicle": "crime",
		"robo a mano armada": "crime", "choque y fuga": "crime", "459/245": "crime", "Felony evading": "crime",
		// people and vehicles
		"AT-RISK MP": "missing-person", "missing juv": "missing-person", "Misisng": "missing-person", "niño perdido": "missing-person",
		"child abduction": "crime missing-person", "Silver Alert": "missing-person",
		"wanted person": "warrant", "warrant suspect": "warrant", "Warratn": "warrant", "orden de arresto": "warrant",
		"GTA": "crime stolen-vehicle", "sv": "crime stolen-vehicle", "stolen plate": "crime stolen-vehicle", "STOLEN   VEHICLE": "crime stolen-vehicle",
		"carro robado": "crime stolen-vehicle", "church van stolen": "crime stolen-vehicle",
		"BOLO": "bolo", "ATL susp veh": "bolo", "attempt to locate": "bolo",
		"welfare ck": "welfare-check", "suicidal subject": "welfare-check", "51/50": "welfare-check", "5150": "welfare-check",
		// the agency's own
		"camera test": "testing", "training": "testing", "TEST": "testing", "prueba del sistema": "testing",
		"civil": "civil", "abandoned veh": "civil", "internal affairs": "civil", "desalojo": "civil",
		"dwlsr": "traffic", "loud veh": "traffic", "expired reg": "traffic", "exceso de velocidad": "traffic",
		"interdiction": "interdiction", "travel pattern": "interdiction",
		// what packs refuse
		"ICE": "immigration", "ice": "immigration", "ERO detainer": "immigration", "Title 8": "immigration", "8 USC 1325": "immigration",
		"administrative warrant DHS": "immigration warrant", "USBP": "immigration", "CBP": "immigration", "287(g)": "immigration",
		"orden de deportación": "immigration", "la migra": "immigration", "robbery suspect, hold for ICE": "crime immigration",
		"had an abortion": "reproductive-care", "gender-affirming care": "reproductive-care", "aborto": "reproductive-care",
		"No Kings": "protected-activity", "union picket": "protected-activity", "manifestantes en la plaza": "protected-activity",
		"robbery of protesters": "crime protected-activity",
		"my ex":                 "personal", "personal": "personal", "mi exnovia": "personal",
		// what says nothing
		"inv": "vague", "susp veh": "vague", "imvest": "vague", "invesitgation": "vague", "follow up 26-01254": "vague",
		"Usms case": "vague", "HSI": "vague", "FBI assist": "vague", "PD": "vague", "1700": "vague", "sospechoso": "vague",
		"26-01254": "case-number", "2603240234": "case-number", "Pa2026-9525": "case-number", "DF2600391": "case-number",
		"26001625": "case-number", "case 26-01021": "case-number", "26–01698": "case-number", "CPD 26-001034": "case-number",
		"26-01254 theft": "crime", "asdf": "unreadable", "[WORD]": "unreadable", "[PLATE] [DATE]": "unreadable", "7ARD87": "unreadable",
		"": "unstated", "***": "unstated", "-": "unstated", "n/a": "unstated", "[REDACTED]": "unstated", " \t\n": "unstated", "none": "unstated",
		"7923.600 GC": "unstated", "[redacted] [redacted]": "unstated",
	})
}

func TestTypedSideways(t *testing.T) {
	for _, text := range []string{
		"i.c.e", "I C E", "1CE detail", "!CE", "1mmigration", "im-mi-gra-tion", "immi gration raid", "immigrationraid",
		"imigraton check", "ιmmіgrаtion", "ｉｍｍｉｇｒａｔｉｏｎ", "im\u200bmigra\u00adtion", "ICE+ERO", "і.c.е", "İCE",
		"i m m i g r a t i o n", "IMM1GRAT1ON", "border  patr0l", "assistborderpatrol", "dep0rtation", "d.e.p.o.r.t.a.t.i.o.n",
	} {
		if !slices.Contains(Classes(text), "immigration") {
			t.Errorf("%q: %v", text, Classify(text))
		}
	}
	classes(t, byDefault(), map[string]string{
		"pr0test downtown": "protected-activity", "p r o t e s t": "protected-activity", "Νo Kings": "protected-activity",
		"a-b-o-r-t-i-o-n": "reproductive-care", "ab0rtion": "reproductive-care",
	})
}

// Words that only look like something else.
func TestHardNegatives(t *testing.T) {
	classes(t, byDefault(), map[string]string{
		"police warrant": "warrant", "office pickup": "vague", "Iceland Dr burglary": "crime",
		"prochoice auto body, theft": "crime", "border of 5th and Main, burglary": "crime", "black ice crash": "traffic",
		"ICE CREAM TRUCK ROBBED": "crime", "march 5th theft": "crime", "Union St hit and run": "crime",
		"in protest he fled": "crime", "Mosque vandalized overnight": "crime", "robbery at the church": "crime",
		"Assault outside a clinic": "crime", "windows smashed at an abortion clinic": "crime", "Protest Ave burglary": "crime",
		"Protestant church arson": "crime", "car slid on ice": "traffic", "fire department": "vague",
		"distortion pedal stolen": "crime", "homeland security investigations": "vague", "emergency contact": "welfare-check",
	})
	for _, text := range []string{
		"notice", "service", "Iceland Dr", "ice cream", "vice", "justice", "deice", "Rice St", "Abbott", "whsind", "hsiao",
		"police officer", "ICE: in case of emergency contact her brother", "accomplice", "Venice Beach", "prochoice auto body",
		"Rally Point bar", "western union", "protective order", "contest", "absorption", "adoption", "transportation", "Hernandez",
	} {
		for _, f := range Classify(text) {
			if banned(f.Class) && f.Confidence >= Threshold {
				t.Errorf("%q: %+v", text, f)
			}
		}
	}
}

func TestOffenses(t *testing.T) {
	for text, want := range map[string]string{
		"homicide": "09A", "kidnapping": "100", "sexual assault": "11A", "molestation": "11D", "carjacking": "120", "stabbing": "13A",
		"simple assault": "13B", "stalking": "13C", "arson": "200", "extortion": "210", "home invasion": "220", "pickpocket": "23A",
		"purse snatching": "23B", "shoplifting": "23C", "auto burg": "23F", "cat converter": "23G", "theft": "23H", "stolen car": "240",
		"forgery": "250", "fraud": "26A", "skimming": "26B", "impersonating a police officer": "26C", "identity theft": "26F",
		"hacking": "26G", "money laundering": "26H", "embezzlement": "270", "receiving stolen property": "280", "vandalism": "290",
		"fentanyl sales": "35A", "sex registrant": "360", "statutory rape": "36B", "csam": "370", "illegal gambling": "39A",
		"prostitution": "40A", "pimping": "40B", "bribery": "510", "felon with firearm": "520", "pipe bomb": "526",
		"human trafficking": "64A", "animal cruelty": "720", "disturbance": "90C", "DUI": "90D", "child neglect": "90F",
		"open container": "90G", "trespassing": "90J", "hit and run": "90Z", "asesinato": "09A", "secuestro": "100", "hurto": "23H",
	} {
		if !slices.ContainsFunc(Classify(text), func(f Finding) bool { return f.Class == Crime && f.Offense == want && f.Confidence >= Threshold }) {
			t.Errorf("%q is no %s: %+v", text, want, Classify(text))
		}
	}
}

// The kinds of incident a request can name are no reason to refuse it.
func TestIncidents(t *testing.T) {
	for _, incident := range []string{
		"arson", "assault", "burglary", "fire", "fraud", "hate crime", "hit and run", "homicide",
		"kidnapping", "missing person", "package theft", "robbery", "sexual assault", "shooting",
		"theft", "traffic crash", "vandalism", "vehicle break in", "vehicle theft",
	} {
		for _, c := range Classes(incident) {
			if !slices.Contains([]string{"crime", "missing-person", "stolen-vehicle", "traffic"}, c) {
				t.Errorf("%s is %s", incident, c)
			}
		}
	}
}

func TestFindingsQuoteTheText(t *testing.T) {
	text := "Residents saw an I.C.E. raid and a pro-test"
	found := Classify(text)
	for _, want := range []string{"I.C.E. raid", "pro-test"} {
		if !slices.ContainsFunc(found, func(f Finding) bool { return f.Words == want }) {
			t.Errorf("nothing quotes %q: %+v", want, found)
		}
	}
	for _, f := range found {
		if f.Words != text[f.Start:f.End] || f.Because == "" {
			t.Errorf("%+v", f)
		}
	}
}

func TestNew(t *testing.T) {
	for _, o := range []Options{{States: []string{"ZZ"}}, {States: []string{"nibrs"}}, {RadioCodes: "nowhere"}, {RadioCodes: "ca"}} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), "there are") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// What is not read does not count, and a letter is not cut in two.
func TestLongText(t *testing.T) {
	long := strings.Repeat("xqz ", MaxText/4)
	if got := Classes(long + "immigration"); !slices.Equal(got, []string{"unreadable"}) {
		t.Error(got)
	}
	if got := Classes("burglary " + strings.Repeat("é", MaxText)); !slices.Equal(got, []string{"crime"}) {
		t.Error(got)
	}
}

func TestConcurrent(t *testing.T) {
	want := fmt.Sprint(Classify("ICE detainer, 211PC, my ex, 26-01254"))
	done := make(chan string)
	for range 8 {
		go func() {
			got := ""
			for range 200 {
				got = fmt.Sprint(Classify("ICE detainer, 211PC, my ex, 26-01254"))
			}
			done <- got
		}()
	}
	for range 8 {
		if got := <-done; got != want {
			t.Error(got)
		}
	}
}

func FuzzClassify(f *testing.F) {
	for _, s := range []string{
		"", "i.c.e", "1mmigration!!", "ｉｍｍ", "\xff\xfeICE", "a b c d", "ﬁre", "İCE", "245(a)(2)PC", "720 ILCS 5/18-1(a)", "647(b)PC; 236.1(a)PC",
		"F.S. 812.014", "Va. Code § 18.2-58", "26-01254", "[PLATE] n/a", "immi gration", "burgsuspect", "10-31 FHP", "664/187/", "§1(", "0x!|1$",
		"\u0130\u0307", "a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a", "8 usc 1325", "stolen x x car", "my", "5/24-1.", "720/5/", "pc pc pc 211 pc",
	} {
		f.Add(s)
	}
	c, err := New(Options{States: []string{"il", "CA"}, RadioCodes: RadioSets()[0]})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, c := range []*Classifier{byDefault(), c} {
			found := c.Classify(text)
			if len(found) == 0 {
				t.Fatal("nothing, not even unstated")
			}
			residual := 0
			for _, g := range found {
				if g.Start < 0 || g.End > len(text) || g.Start > g.End || text[g.Start:g.End] != g.Words {
					t.Fatalf("%+v is not in the text", g)
				}
				if g.Confidence <= 0 || g.Confidence > 1 || g.Because == "" || !slices.Contains(AllClasses, g.Class) {
					t.Fatalf("%+v", g)
				}
				if g.Class.residual() {
					residual++
				}
				if g.Offense != "" && g.Class != Crime && g.Class != StolenVehicle {
					t.Fatalf("an offense that is no crime: %+v", g)
				}
			}
			classes := c.Classes(text)
			if len(classes) == 0 || residual > 1 || residual == 1 && len(classes) > 1 {
				t.Fatalf("%q: %v", classes, found)
			}
			if !slices.Equal(found, c.Classify(text)) {
				t.Fatal("not the same twice")
			}
			if len(text) < MaxText-8 && !slices.Equal(classes, c.Classes("  "+text+" \n")) {
				t.Fatalf("spaces around it change %q: %v, %v", text, classes, c.Classes("  "+text+" \n"))
			}
		}
	})
}

// Plain police English, made of the words that the banned purposes are made of.
func TestHarmless(t *testing.T) {
	text, err := os.ReadFile("testdata/harmless.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		for _, f := range Classify(line) {
			if banned(f.Class) && f.Confidence >= Threshold {
				t.Errorf("%q is %s by %q", line, f.Class, f.Term)
			}
		}
	}
}

// What is spelled letter by letter is read as words, each with what stands beside it.
func TestSpelled(t *testing.T) {
	for text, want := range map[string]string{
		"i.c.e":                            "immigration",
		"I-C-E d.e.t.a.i.n.e.r":            "immigration",
		"help the i c e h o l d":           "immigration",
		"p.r.0.t.e.s.t":                    "protected-activity",
		"i.c.e c.r.e.a.m t.h.e.f.t":        "crime",
		"i c e c r e a m t h e f t":        "crime",
		"p o l i c e w a r r a n t":        "warrant",
		"P.r.o.t.e.s.t.a.n.t church arson": "crime",
		"1/2/26":                           "unreadable",
		strings.Repeat("b ", 300) + "i m m i g r a t i o n": "immigration",
	} {
		if got := Classes(text); !slices.Equal(got, []string{want}) {
			t.Errorf("%q is %v", text, got)
		}
	}
}
