package purpose

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The table in codes/README.md of how citations are written says the truth.
func TestCitations(t *testing.T) {
	readme, err := os.ReadFile("codes/README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `(.+)` \\| ([A-Z]{2}) \\| (.+) \\|$").FindAllStringSubmatch(string(readme), -1)
	if len(rows) < 50 {
		t.Fatalf("%d rows", len(rows))
	}
	for _, row := range rows {
		written, state, section := row[1], row[2], row[3]
		c, err := New(Options{States: []string{state}})
		if err != nil {
			t.Fatal(err)
		}
		found := c.Classify(written)
		if !slices.ContainsFunc(found, func(f Finding) bool {
			return f.Confidence >= Threshold && strings.HasPrefix(f.Because, section+": ")
		}) {
			t.Errorf("%s in %s is not read as %s: %+v", written, state, section, found)
		}
	}
}
