package purpose_test

import (
	"slices"
	"testing"

	"porchlight/purpose"
)

func TestOffenses(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range purpose.Offenses() {
		if seen[o.Code] || o.Name == "" || len(o.Classes) == 0 {
			t.Errorf("%+v", o)
		}
		seen[o.Code] = true
		for _, c := range o.Classes {
			if !slices.Contains(purpose.AllClasses, c) {
				t.Errorf("%s: class %s", o.Code, c)
			}
		}
	}
	for code, want := range map[string][]purpose.Class{
		"120": {purpose.Crime}, "240": {purpose.Crime, purpose.StolenVehicle}, "30D": {purpose.Crime, purpose.Immigration},
		"missing-person": {purpose.MissingPerson}, "90I": nil, "": nil, "999": nil,
	} {
		if o, ok := purpose.OffenseOf(code); ok != (want != nil) || !slices.Equal(o.Classes, want) {
			t.Errorf("%s: %v %v", code, o, ok)
		}
	}
}
