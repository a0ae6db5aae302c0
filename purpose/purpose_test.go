package purpose

import (
	"slices"
	"strings"
	"testing"
)

func TestClasses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "unstated",
		"follow up":                        "unstated",
		"ICE":                              "immigration",
		"ice":                              "immigration",
		"i.c.e":                            "immigration",
		"I C E":                            "immigration",
		"1CE detail":                       "immigration",
		"1mmigration":                      "immigration",
		"im-mi-gra-tion":                   "immigration",
		"immi gration raid":                "immigration",
		"immigrationraid":                  "immigration",
		"imigraton check":                  "immigration",
		"ιmmіgrаtion":                      "immigration", // Greek and Cyrillic letters
		"ｉｍｍｉｇｒａｔｉｏｎ":                      "immigration",
		"im\u200bmigra\u00adtion":          "immigration",
		"ICE+ERO":                          "immigration",
		"Deportación pendiente":            "immigration",
		"ice cream truck":                  "unstated",
		"Iceland Dr burglary":              "crime",
		"police warrant at the office":     "unstated",
		"notice of service":                "unstated",
		"border of 5th and Main, burglary": "crime",
		"prochoice auto body":              "unstated",
		"march 5th theft":                  "crime",
		"in protest he fled":               "unstated",
		"pr0test downtown":                 "protected-activity",
		"had an abortion":                  "reproductive-care",
		"burglary at Maple St":             "crime",
	} {
		if got := strings.Join(Classes(text), " "); got != want {
			t.Errorf("%q: %s, want %s; %v", text, got, want, Classify(text))
		}
	}
}

// The kinds of incident a request can name are crimes or emergencies, and none
// of them alone is refused.
func TestIncidents(t *testing.T) {
	for _, incident := range []string{
		"arson", "assault", "burglary", "fire", "fraud", "hate crime", "hit and run", "homicide",
		"kidnapping", "missing person", "package theft", "robbery", "sexual assault", "shooting",
		"theft", "traffic crash", "vandalism", "vehicle break in", "vehicle theft",
	} {
		for _, c := range Classes(incident) {
			if !slices.Contains([]string{"crime", "missing-person", "stolen-vehicle"}, c) {
				t.Errorf("%s is %s", incident, c)
			}
		}
	}
}

func TestOtherClasses(t *testing.T) {
	for text, want := range map[string]string{
		"system test":                "testing",
		"training exercise, no case": "testing",
		"TEST":                       "testing",
		"expired registration, parking violation": "civil",
		"checking on my ex":                       "personal",
		"stolen car, shots fired":                 "crime stolen-vehicle",
		"amber alert":                             "missing-person",
		"niño perdido cerca del parque":           "missing-person",
		"vehículo abandonado":                     "civil",
		"n/a":                                     "unstated",
		"12345":                                   "unstated",
	} {
		if got := strings.Join(Classes(text), " "); got != want {
			t.Errorf("%q: %s, want %s; %v", text, got, want, Classify(text))
		}
	}
}

func TestFindingsQuoteTheText(t *testing.T) {
	for _, f := range Classify("Residents saw an I.C.E. raid and a pro-test") {
		if f.Words == "" || f.Class == Unstated {
			t.Errorf("%+v", f)
		}
	}
}

func FuzzClassify(f *testing.F) {
	for _, s := range []string{"", "i.c.e", "1mmigration!!", "ｉｍｍ", "\xff\xfeICE", "a b c d", "ﬁre", "İCE"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		found := Classify(text)
		if len(found) == 0 {
			t.Fatal("nothing, not even unstated")
		}
		for _, g := range found {
			if g.Start < 0 || g.End > len(text) || g.Start > g.End || text[g.Start:g.End] != g.Words {
				t.Fatalf("%+v is not in the text", g)
			}
			if g.Confidence <= 0 || g.Confidence > 1 {
				t.Fatalf("%+v", g)
			}
		}
		if !slices.Equal(found, Classify(text)) {
			t.Fatal("not the same twice")
		}
		if len(Classes(text)) == 0 {
			t.Fatal("no class")
		}
	})
}

func BenchmarkClassify(b *testing.B) {
	text := strings.Repeat("Two men broke into a garage near Maple St and left in a dark sedan. ", 8)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		Classify(text)
	}
}
