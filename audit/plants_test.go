package audit

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"porchlight/internal/loggen"
	"porchlight/searchlog"
)

// What was hidden in a log is found, by the rule that asks for it, and the rows
// cited are the hidden ones.
func TestPlants(t *testing.T) {
	var file bytes.Buffer
	g, err := loggen.New(4, loggen.Options{Variant: "network13", Rows: 30_000, Span: 90 * 24 * time.Hour, Plants: true})
	if err != nil {
		t.Fatal(err)
	}
	planted := map[string]map[int]bool{}
	if err := g.Write(&file, func(r *loggen.Row) {
		if planted[r.Plant] == nil {
			planted[r.Plant] = map[int]bool{}
		}
		planted[r.Plant][r.Line] = true
	}); err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation("America/Chicago")
	if err != nil {
		t.Fatal(err)
	}
	result, err := Run(context.Background(), []searchlog.Source{{Name: "log.csv", Size: int64(file.Len()), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(file.Bytes())), nil
	}}}, Options{State: "IL", Zone: zone, Rows: 30_000})
	if err != nil {
		t.Fatal(err)
	}
	cited := map[string]map[int]bool{} // by rule
	cases := map[string][]map[int]bool{}
	for _, f := range result.Findings {
		cited[f.Rule] = lineSet(f.Rows)
		for _, c := range f.Cases {
			cases[f.Rule] = append(cases[f.Rule], lineSet(c.Rows))
		}
	}
	for _, c := range []struct {
		plant, rule string
		least       int  // rows of the plant that the rule cites
		one         bool // all of them in one case
	}{
		{"stalking", "plate.returned", 14, true},
		{"shared login", "login.concurrent", 6, true},
		{"shared login", "searcher.shift", 45, true}, // a case lists 50 rows
		{"burst", "burst", 50, true},
		{"streak", "searcher.streak", 12, true},
		{"copied", "reason.copied", 12, true},
		{"banned", "purpose.banned", 12, false},
		{"wide", "reach.wide", 5, false},
		{"wide", "lookback.long", 5, false},
	} {
		t.Run(fmt.Sprint(c.plant, " by ", c.rule), func(t *testing.T) {
			best := both(cited[c.rule], planted[c.plant])
			if c.one {
				best = 0
				for _, rows := range cases[c.rule] {
					best = max(best, both(rows, planted[c.plant]))
				}
			}
			if best < c.least {
				t.Errorf("%d of %d planted rows are cited, want %d or more; the rule cites %d rows and %d cases",
					best, len(planted[c.plant]), c.least, len(cited[c.rule]), len(cases[c.rule]))
			}
		})
	}
	for line := range cited["purpose.banned"] {
		if !planted["banned"][line] {
			t.Errorf("line %d is called banned and is not", line)
		}
	}
}

func lineSet(rows []Row) map[int]bool {
	out := map[int]bool{}
	for _, r := range rows {
		out[r.Line] = true
	}
	return out
}

func both(a, b map[int]bool) (n int) {
	for line := range a {
		if b[line] {
			n++
		}
	}
	return n
}
