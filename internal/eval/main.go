// Command eval measures package purpose: over the labelled set (dev, dev2 and the
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
	"slices"

	"porchlight/purpose"
)

// The floors of the held-out half, for the banned purposes taken together.
const (
	floorRecall    = 0.98
	floorPrecision = 0.97
)

// seen are the parts of the labelled set that those who work on the engine may
// look at; held is the one they may not.
var seen = []string{"dev", "dev2"}

const held = "held"

// banned are the purposes that law packs forbid; an error there costs most.
var banned = []purpose.Class{purpose.Immigration, purpose.ReproductiveCare, purpose.ProtectedActivity}

var errMissed = errors.New("the held-out half misses a floor")

func main() {
	set := flag.String("labelled", "purpose/testdata/labelled", "folder with dev.tsv, dev2.tsv and held.tsv")
	data := flag.String("data", "../shared/data", "folder with the search logs portals, eugene, okaloosa")
	misses := flag.String("errors", "", "also print what went wrong in this part: dev or dev2")
	show := flag.Int("show", 0, "print so many of the commonest unreadable reasons of the search logs, and of those that seem banned; never to a file")
	flag.Parse()
	if *misses != "" && !slices.Contains(seen, *misses) {
		fmt.Fprintln(os.Stderr, "eval: only -errors dev or dev2: who reads the errors of the held-out half tunes to it, and it proves nothing any more")
		os.Exit(2)
	}
	if *show > 0 && isFile(os.Stdout) {
		fmt.Fprintln(os.Stderr, "eval: -show prints public records that are not ours to keep: give it a terminal")
		os.Exit(2)
	}
	if err := run(os.Stdout, *set, *data, *misses, *show); err != nil {
		fmt.Fprintf(os.Stderr, "eval: %v\n", err)
		os.Exit(1)
	}
}

func isFile(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode().IsRegular()
}

func run(w io.Writer, set, data, misses string, show int) error {
	engines, err := newEngines()
	if err != nil {
		return err
	}
	var missed error
	for _, part := range append(slices.Clone(seen), held) {
		rows, err := readLabelled(filepath.Join(set, part+".tsv"))
		if err != nil {
			return err
		}
		engine, keywords := newTally(), newTally()
		for _, r := range rows {
			got := engines.read(r.state, r.text)
			engine.add(r, got)
			keywords.add(r, reading{classes: searchKeywords(r.text)})
			if misses == part {
				printMiss(w, part, r, got)
			}
		}
		printTally(w, part, len(rows), engine, keywords)
		if part != held {
			printSweep(w, engines, rows, misses == part)
		} else if !printFloors(w, engine) {
			missed = errMissed
		}
	}
	if err := printLogs(w, engines, data, show); err != nil {
		return err
	}
	return missed
}
