package purpose

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// refused are the classes that law packs refuse; errors there cost most.
var refused = []Class{Immigration, ProtectedActivity, ReproductiveCare}

type score struct{ right, wrong, missed int }

func (s score) precision() float64 { return float64(s.right) / float64(s.right+s.wrong) }
func (s score) recall() float64    { return float64(s.right) / float64(s.right+s.missed) }

// TestLabelled measures precision and recall over testdata/labelled.tsv. The
// floors are a little under what was measured when the lexicon was written.
func TestLabelled(t *testing.T) {
	data, err := os.ReadFile("testdata/labelled.tsv")
	if err != nil {
		t.Fatal(err)
	}
	scores := map[string]map[Class]*score{}
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		part := strings.SplitN(line, "\t", 3)
		split, text := part[0], part[2]
		want := strings.Split(part[1], ",")
		got := Classes(text)
		if scores[split] == nil {
			scores[split] = map[Class]*score{}
		}
		for _, c := range refused {
			if scores[split][c] == nil {
				scores[split][c] = &score{}
			}
			s := scores[split][c]
			switch is, says := slices.Contains(want, string(c)), slices.Contains(got, string(c)); {
			case is && says:
				s.right++
			case says:
				s.wrong++
				t.Logf("%s: not %s: %q %v", split, c, text, Classify(text))
			case is:
				s.missed++
				t.Logf("%s: %s missed: %q", split, c, text)
			}
		}
	}
	floor := map[string]float64{"dev": 0.99, "held": 0.9}
	for split, classes := range scores {
		for _, c := range refused {
			s := classes[c]
			t.Logf("%-4s %-18s precision %.3f recall %.3f (%d right, %d wrong, %d missed)", split, c, s.precision(), s.recall(), s.right, s.wrong, s.missed)
			if s.precision() < floor[split] || s.recall() < floor[split] {
				t.Errorf("%s %s fell below %.2f", split, c, floor[split])
			}
		}
	}
}
