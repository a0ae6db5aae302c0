package main

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"

	"porchlight/purpose"
)

// labelled is one row of the labelled set.
type labelled struct {
	line     int
	classes  []purpose.Class // what a fair reader says, sorted
	offenses [][]string      // NIBRS codes: each must be named, by any one of its alternatives
	kind     string          // how it is written: plain, typo, lookalike ...
	text     string
	state    string // whose codes it is read by, "" for none
}

const labelledHeader = "classes\toffense\tkind\ttext\tstate"

// readLabelled reads a half of the labelled set. Its errors name lines, never texts.
func readLabelled(path string) ([]labelled, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var rows []labelled
	s := bufio.NewScanner(f)
	for n := 1; s.Scan(); n++ {
		if n == 1 {
			if s.Text() != labelledHeader {
				return nil, fmt.Errorf("%s: the first line must be %q", path, labelledHeader)
			}
			continue
		}
		r, err := parseLabelled(s.Text())
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		r.line = n
		rows = append(rows, r)
	}
	return rows, s.Err()
}

func parseLabelled(line string) (labelled, error) {
	part := strings.Split(line, "\t")
	if len(part) != 5 {
		return labelled{}, fmt.Errorf("%d columns, want 5", len(part))
	}
	r := labelled{kind: part[2], text: part[3]}
	for c := range strings.SplitSeq(part[0], ",") {
		if !slices.Contains(purpose.AllClasses, purpose.Class(c)) {
			return labelled{}, fmt.Errorf("there is no class %q", c)
		}
		r.classes = append(r.classes, purpose.Class(c))
	}
	if !slices.IsSorted(r.classes) {
		return labelled{}, fmt.Errorf("classes are not sorted")
	}
	if part[1] != "-" {
		for o := range strings.SplitSeq(part[1], ",") {
			r.offenses = append(r.offenses, strings.Split(o, "/"))
		}
	}
	if part[4] != "-" {
		r.state = part[4]
	}
	return r, nil
}

// reading is what was found in a text.
type reading struct {
	classes  []purpose.Class // those that count
	offenses []string        // NIBRS codes of those findings
	findings []purpose.Finding
}

// engines are the classifiers, by state; "" is the default one.
type engines map[string]*purpose.Classifier

func newEngines() (engines, error) {
	e := engines{}
	for _, state := range append(purpose.States(), "") {
		var o purpose.Options
		if state != "" {
			o.States = []string{state}
		}
		c, err := purpose.New(o)
		if err != nil {
			return nil, err
		}
		e[strings.ToUpper(state)] = c
	}
	return e, nil
}

// read reads a text by a state's codes; a state without codes is read as none.
func (e engines) read(state, text string) reading {
	c := e[state]
	if c == nil {
		c = e[""]
	}
	r := reading{findings: c.Classify(text)}
	for _, f := range r.findings {
		if f.Confidence < purpose.Threshold {
			continue
		}
		r.classes = append(r.classes, f.Class)
		if f.Offense != "" {
			r.offenses = append(r.offenses, f.Offense)
		}
	}
	slices.Sort(r.classes)
	r.classes = slices.Compact(r.classes)
	slices.Sort(r.offenses)
	r.offenses = slices.Compact(r.offenses)
	return r
}
