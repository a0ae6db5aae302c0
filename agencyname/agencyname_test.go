package agencyname

import (
	"testing"
)

func TestNames(t *testing.T) {
	for name, want := range map[string][2]string{
		"Houston TX PD":                   {"TX", "local"},
		"Okaloosa County FL SO":           {"FL", "local"},
		"Lassen County SO CA":             {"CA", "local"},
		"Newport Beach PD CA":             {"CA", "local"},
		"Kansas City MO PD":               {"MO", "local"},
		"HOUSTON TX PD":                   {"TX", "local"},
		"ADAMS CO SO":                     {"", "local"},
		"Denver CO PD":                    {"CO", "local"},
		"LA County SO":                    {"", "local"},
		"California Highway Patrol":       {"CA", "state"},
		"West Virginia State Police":      {"WV", "state"},
		"Washington County OR SO":         {"OR", "local"},
		"Washington County SO":            {"", "local"},
		"Iowa City PD":                    {"", "local"},
		"University of Texas PD":          {"TX", "local"},
		"Border Patrol":                   {"", "federal"},
		"Drug Enforcement Administration": {"", "federal"},
		"Ice House Mall LLC":              {"", "private"},
		"Maple Grove HOA":                 {"", "private"},
		"Iceland Security":                {"", ""},
	} {
		if got := [2]string{State(name), Kind(name, Read(name, false))}; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	for name, want := range map[string]Says{
		"Ice, Jane": 0, "ICE, JANE": 0, "Dea Example": 0, "Jane Example (ICE)": Federal, "j.example@hsi.dhs.gov": Federal,
		"Jane Example, border patrol": Federal, "TFO Example": TaskForce, "Mia Atf": 0, "jexample@springfield.gov": 0,
	} {
		if got := Read(name, true); got != want {
			t.Errorf("searcher %s says %b, want %b", name, got, want)
		}
	}
}

// Names are typed by people.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"", "Houston TX PD", "ICE, JOHN", "J. Example (HSI TF)", "a@b.dhs.gov", "\xff\xfe", "US MARSHAL", "CO CO SO"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if state := State(s); state != "" && Zone(state) == "" {
			t.Errorf("%q is in %q", s, state)
		}
		Kind(s, Read(s, false))
		Read(s, true)
	})
}
