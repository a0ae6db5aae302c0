// Command eval measures package purpose: over the labelled set (dev and the
// held-out half), beside a plain keyword search in the same run, and over the
// reasons of real search logs where they are at hand. make eval runs it.
//
// It exits with 1 when the held-out half misses a floor. Texts of that half are
// never printed: docs/design/purpose-eval.md says why.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"porchlight/purpose"
)

// The floors of the held-out half, for the banned purposes taken together.
const (
	floorRecall    = 0.98
	floorPrecision = 0.97
)

// banned are the purposes that law packs forbid; an error there costs most.
var banned = []purpose.Class{purpose.Immigration, purpose.ReproductiveCare, purpose.ProtectedActivity}

var errMissed = errors.New("the held-out half misses a floor")

func main() {
	set := flag.String("labelled", "purpose/testdata/labelled", "folder with dev.tsv and held.tsv")
	data := flag.String("data", "../shared/data", "folder with the search logs portals, eugene, okaloosa")
	misses := flag.String("errors", "", "also print what went wrong in this half; only dev can be named")
	show := flag.Int("show", 0, "print so many of the commonest unreadable reasons of the search logs, and of those that seem banned; never to a file")
	flag.Parse()
	if *misses != "" && *misses != "dev" {
		fmt.Fprintln(os.Stderr, "eval: only -errors dev: who reads the errors of the held-out half tunes to it, and it proves nothing any more")
		os.Exit(2)
	}
	if *show > 0 && isFile(os.Stdout) {
		fmt.Fprintln(os.Stderr, "eval: -show prints public records that are not ours to keep: give it a terminal")
		os.Exit(2)
	}
	if err := run(os.Stdout, *set, *data, *misses == "dev", *show); err != nil {
		fmt.Fprintf(os.Stderr, "eval: %v\n", err)
		os.Exit(1)
	}
}

func isFile(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode().IsRegular()
}

func run(w io.Writer, set, data string, misses bool, show int) error {
	engines, err := newEngines()
	if err != nil {
		return err
	}
	var missed error
	for _, half := range []string{"dev", "held"} {
		rows, err := readLabelled(filepath.Join(set, half+".tsv"))
		if err != nil {
			return err
		}
		engine, keywords := newTally(), newTally()
		for _, r := range rows {
			got := engines.read(r.state, r.text)
			engine.add(r, got)
			keywords.add(r, reading{classes: searchKeywords(r.text)})
			if misses && half == "dev" {
				printMiss(w, r, got)
			}
		}
		printTally(w, half, len(rows), engine, keywords)
		if half == "dev" {
			printSweep(w, engines, rows, misses)
		}
		if half == "held" && !printFloors(w, engine) {
			missed = errMissed
		}
	}
	if err := printLogs(w, engines, data, show); err != nil {
		return err
	}
	return missed
}
