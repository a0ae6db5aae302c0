package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"porchlight/purpose"
)

// share is n of of.
type share struct{ n, of int }

func (s *share) add(hit bool) {
	s.of++
	if hit {
		s.n++
	}
}

func (s share) value() float64 { return float64(s.n) / float64(s.of) }

// wilson is the 95 % interval of Wilson's score (Wilson 1927, without
// continuity correction); of nothing it is 0 to 1.
func (s share) wilson() (low, high float64) {
	if s.of == 0 {
		return 0, 1
	}
	const z = 1.959964
	n, p := float64(s.of), s.value()
	mid := p + z*z/(2*n)
	half := z * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return max(0, (mid-half)/(1+z*z/n)), min(1, (mid+half)/(1+z*z/n))
}

func (s share) String() string {
	if s.of == 0 {
		return "-"
	}
	low, high := s.wilson()
	return fmt.Sprintf("%.3f (%.3f-%.3f)", s.value(), low, high)
}

// score is what one class, or several together, came to.
type score struct{ precision, recall share }

func (s *score) add(is, says bool) {
	if says {
		s.precision.add(is)
	}
	if is {
		s.recall.add(says)
	}
}

// tally is how well one reader of reasons did over a part of the labelled set.
type tally struct {
	class    map[purpose.Class]*score
	together score             // the banned classes
	kind     map[string]*share // recall of the banned classes, by the way they are written
	alarms   share             // hard negatives in which a banned class was seen
	whole    share             // rows with exactly the right classes
	offense  share             // rows with offenses, all of them named
	group    share             // the same, one of the same NIBRS group (the first two characters) suffices
	only     share             // rows with offenses, all of them named and none besides
}

func newTally() *tally {
	t := &tally{class: map[purpose.Class]*score{}, kind: map[string]*share{}}
	for _, c := range purpose.AllClasses {
		t.class[c] = &score{}
	}
	return t
}

func (t *tally) add(r labelled, got reading) {
	alarm := false
	for _, c := range purpose.AllClasses {
		is, says := slices.Contains(r.classes, c), slices.Contains(got.classes, c)
		t.class[c].add(is, says)
		if !isBannedClass(c) {
			continue
		}
		t.together.add(is, says)
		alarm = alarm || says && !is
		if is {
			if t.kind[r.kind] == nil {
				t.kind[r.kind] = &share{}
			}
			t.kind[r.kind].add(says)
		}
	}
	if r.kind == "negative" {
		t.alarms.add(alarm)
	}
	t.whole.add(slices.Equal(r.classes, got.classes))
	if r.offenses != nil {
		named, grouped := offensesNamed(r.offenses, got.offenses)
		t.offense.add(named)
		t.group.add(grouped)
		t.only.add(named && nothingElse(r.offenses, got.offenses))
	}
}

// offensesNamed says whether every wanted offense is among those got, and
// whether at least its group is.
func offensesNamed(want [][]string, got []string) (named, grouped bool) {
	named, grouped = true, true
	for _, alternatives := range want {
		named = named && slices.ContainsFunc(alternatives, func(o string) bool { return slices.Contains(got, o) })
		grouped = grouped && slices.ContainsFunc(alternatives, func(o string) bool {
			return slices.ContainsFunc(got, func(g string) bool { return g[:2] == o[:2] })
		})
	}
	return named, grouped
}

func nothingElse(want [][]string, got []string) bool {
	all := slices.Concat(want...)
	return !slices.ContainsFunc(got, func(g string) bool { return !slices.Contains(all, g) })
}

func printTally(w io.Writer, part string, rows int, engine, keywords *tally) {
	fmt.Fprintf(w, "\n%s: %d reasons. Brackets: 95 %% Wilson intervals.\n\n", strings.ToUpper(part), rows)
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name string, positives int, e, k score) {
		fmt.Fprintf(tab, "%s\t%d\t%v\t%v\t%v\t%v\n", name, positives, e.precision, e.recall, k.precision, k.recall)
	}
	fmt.Fprintln(tab, "class\tpositives\tprecision\trecall\tkeywords: precision\trecall")
	for _, c := range purpose.AllClasses {
		line(string(c), engine.class[c].recall.of, *engine.class[c], *keywords.class[c])
	}
	line("banned together", engine.together.recall.of, engine.together, keywords.together)
	tab.Flush()

	fmt.Fprintln(w)
	fmt.Fprintln(tab, "over all\tengine\tkeywords")
	fmt.Fprintf(tab, "exactly the right classes\t%v\t%v\n", engine.whole, keywords.whole)
	fmt.Fprintf(tab, "false alarms per 1,000 of %d hard negatives\t%.1f\t%.1f\n", engine.alarms.of, 1000*engine.alarms.value(), 1000*keywords.alarms.value())
	fmt.Fprintf(tab, "offense named, of %d rows\t%v\t(names none)\n", engine.offense.of, engine.offense)
	fmt.Fprintf(tab, "offense group named\t%v\t\n", engine.group)
	fmt.Fprintf(tab, "offense named and no other\t%v\t\n", engine.only)
	tab.Flush()

	fmt.Fprintln(w)
	fmt.Fprintln(tab, "banned, written as\tpositives\trecall\tkeywords: recall")
	for _, kind := range slices.Sorted(maps.Keys(engine.kind)) {
		fmt.Fprintf(tab, "%s\t%d\t%v\t%v\n", kind, engine.kind[kind].of, *engine.kind[kind], *keywords.kind[kind])
	}
	tab.Flush()
}

// printFloors says whether the banned classes of the held-out half keep the floors.
func printFloors(w io.Writer, t *tally) bool {
	recall, precision := t.together.recall, t.together.precision
	kept := recall.value() >= floorRecall && precision.value() >= floorPrecision
	verdict := "kept"
	if !kept {
		verdict = "MISSED"
	}
	fmt.Fprintf(w, "\nFloors of the held-out half, banned purposes together: %s. Recall %.3f of at least %.2f, precision %.3f of at least %.2f.\n",
		verdict, recall.value(), floorRecall, precision.value(), floorPrecision)
	return kept
}

// printMiss prints a row whose classes or offenses came out wrong.
func printMiss(w io.Writer, part string, r labelled, got reading) {
	named, _ := offensesNamed(r.offenses, got.offenses)
	if slices.Equal(r.classes, got.classes) && named {
		return
	}
	fmt.Fprintf(w, "%s.tsv:%d: %q %s: want %v %v, got %v %v\n", part, r.line, r.text, r.state, r.classes, r.offenses, got.classes, got.offenses)
	for _, f := range got.findings {
		fmt.Fprintf(w, "    %s %s %.2f %q: %s\n", f.Class, f.Offense, f.Confidence, f.Words, f.Because)
	}
}
