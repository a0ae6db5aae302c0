// Command bench measures the exchange side by side with what somebody would use
// instead, in one run on one machine, and writes build/bench.json: an object from
// name to {value, unit, baseline, baseline_value, ratio}. Arguments choose parts:
// intake, receipt, feed, policy, audit, plates, alerts, vision, home. Usage: make bench, make bench-NAME.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"slices"
)

// Figure is one measurement. Ratio is value over baseline_value.
type Figure struct {
	Value         float64 `json:"value"`
	Unit          string  `json:"unit"`
	Baseline      string  `json:"baseline"`
	BaselineValue float64 `json:"baseline_value"`
	Ratio         float64 `json:"ratio"`
}

// figures are printed as they come and written at the end.
type figures map[string]Figure

func (f figures) add(name string, value float64, unit, baseline string, baselineValue float64) {
	g := Figure{Value: value, Unit: unit, Baseline: baseline, BaselineValue: baselineValue}
	if baselineValue != 0 {
		g.Ratio = value / baselineValue
	}
	f[name] = g
	fmt.Printf("%-28s %12.1f %-12s  %-52s %12.1f  ratio %.3f\n", name, value, unit, baseline, baselineValue, g.Ratio)
}

const out = "build/bench.json"

func main() {
	log.SetFlags(0)
	if err := run(context.Background(), os.Args[1:]); err != nil {
		log.Fatal("bench: ", err)
	}
}

// part is one comparison, run alone by its name.
type part struct {
	name string
	do   func(context.Context, figures) error
}

func run(ctx context.Context, chosen []string) error {
	parts := []part{{"intake", intake}, {"receipt", receipt}, {"feed", feed}, {"policy", policyDecisions}, {"audit", searchLog}, {"plates", plates}, {"alerts", alerts}, {"vision", seeing}, {"home", house}}
	for _, c := range chosen {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == c }) {
			return fmt.Errorf("no part is called %q: intake, receipt, feed, policy, audit, plates, alerts, vision, home", c)
		}
	}
	f := figures{}
	for _, p := range parts {
		if len(chosen) > 0 && !slices.Contains(chosen, p.name) {
			continue
		}
		if err := p.do(ctx, f); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	b, err := json.MarshalIndent(f, "", " ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	return os.WriteFile(out, append(b, '\n'), 0o644)
}

// zeros is an endless reader of n bytes whose making costs nothing.
func zeros(n int64) io.Reader { return io.LimitReader(zero{}, n) }

type zero struct{}

func (zero) Read(p []byte) (int, error) { return len(p), nil }
