package purpose

import (
	"os"
	"slices"
	"strings"
	"testing"
)

type score struct{ right, wrong, missed int }

func (s score) precision() float64 { return float64(s.right) / float64(max(1, s.right+s.wrong)) }
func (s score) recall() float64    { return float64(s.right) / float64(max(1, s.right+s.missed)) }

// TestDev measures precision and recall of each class over the parts of the
// labelled set that may be looked at. The floors are under what was measured.
func TestDev(t *testing.T) {
	for _, part := range []string{"dev", "dev2"} {
		t.Run(part, func(t *testing.T) { testLabelled(t, "testdata/labelled/"+part+".tsv") })
	}
}

func testLabelled(t *testing.T, name string) {
	data, err := os.ReadFile(name)
	if err != nil {
		t.Skip(err)
	}
	scores := map[Class]*score{}
	for _, c := range AllClasses {
		scores[c] = &score{}
	}
	offenses := &score{}
	byState := map[string]*Classifier{}
	for i, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		cell := strings.Split(line, "\t")
		if i == 0 || len(cell) != 5 {
			continue
		}
		want, offense, text, state := strings.Split(cell[0], ","), cell[1], cell[3], cell[4]
		if byState[state] == nil {
			o := Options{}
			if state != "-" {
				o.States = []string{state}
			}
			c, err := New(o)
			if err != nil {
				t.Log(err)
				c = byDefault()
			}
			byState[state] = c
		}
		found := byState[state].Classify(text)
		got := classesOf(found)
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Logf("want %-26s got %-26s %s (%s)", strings.Join(want, ","), strings.Join(got, ","), text, state)
		}
		for _, c := range AllClasses {
			switch is, says := slices.Contains(want, string(c)), slices.Contains(got, string(c)); {
			case is && says:
				scores[c].right++
			case says:
				scores[c].wrong++
			case is:
				scores[c].missed++
			}
		}
		if offense != "-" && slices.Contains(got, "crime") {
			ok := slices.ContainsFunc(found, func(f Finding) bool {
				return f.Offense != "" && f.Confidence >= Threshold && strings.Contains(offense, f.Offense)
			})
			if ok {
				offenses.right++
			} else {
				offenses.wrong++
				t.Logf("offense %s of %q: %v", offense, text, found)
			}
		}
	}
	for _, c := range AllClasses {
		s := scores[c]
		t.Logf("%-18s precision %.3f recall %.3f (%d right, %d wrong, %d missed)", c, s.precision(), s.recall(), s.right, s.wrong, s.missed)
		floor := 0.9
		if banned(c) {
			floor = 0.97
		}
		if s.right+s.missed >= 20 && (s.precision() < floor || s.recall() < floor) {
			t.Errorf("%s fell below %.2f", c, floor)
		}
	}
	t.Logf("offense right in %d of %d", offenses.right, offenses.right+offenses.wrong)
}
