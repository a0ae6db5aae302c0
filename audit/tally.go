package audit

import (
	"cmp"
	"slices"
)

// maxVariations is how many other thresholds and assumptions are counted for one
// rule. What each index means stands with the rule, where it is counted, and in
// sensitivity, where it is told.
const maxVariations = 10

// tally is what one worker counts for one rule. Merging is the same in any order.
type tally struct {
	count, of int
	vary      [maxVariations]int
	instances int
	varyOf    [maxVariations]int // instances
	refs      []ref              // the first plan.rows; ordered when settled
	full      bool               // what comes after last will not be among them
	last      ref
	best      []instance // the strongest maxCases; ordered when settled
}

// instance is one case of a rule that takes several rows.
type instance struct {
	weight int // how strong, to put them in order; of no meaning beyond
	what   string
	who    person // for $S in what
	plate  uint64 // for $P
	count  int
	refs   []ref // the first maxCaseRows
}

type person struct {
	who    uint64
	agency uint32
}

const (
	maxCases    = 100
	maxCaseRows = 50
)

// note counts rows of a rule that are read from the tape.
func (t *tally) note(refs []ref, most int) {
	t.count += len(refs)
	for _, r := range refs {
		if t.full && r.compare(t.last) > 0 {
			continue
		}
		t.refs = append(t.refs, r)
	}
	if len(t.refs) > 4*most+1000 {
		t.settle(most)
		t.full, t.last = true, t.refs[most-1]
	}
}

// instance adds one case with the refs of its rows, in order of time.
func (t *tally) instance(i instance, refs []ref) {
	t.instances++
	i.count = len(refs)
	i.refs = slices.Clone(refs[:min(len(refs), maxCaseRows)])
	if t.best = append(t.best, i); len(t.best) >= 4*maxCases {
		t.settle(int(^uint(0) >> 1))
	}
}

// settle orders what was gathered and forgets what will not be told.
func (t *tally) settle(most int) {
	slices.SortFunc(t.refs, ref.compare)
	t.refs = t.refs[:min(len(t.refs), most)]
	slices.SortFunc(t.best, func(a, b instance) int {
		if a.weight != b.weight || a.count != b.count {
			return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(b.count, a.count))
		}
		return cmp.Or(slices.CompareFunc(a.refs, b.refs, ref.compare), cmp.Compare(a.plate, b.plate))
	})
	t.best = t.best[:min(len(t.best), maxCases)]
}

func (t *tally) merge(o *tally, most int) {
	t.count += o.count
	t.of += o.of
	t.instances += o.instances
	for i := range o.vary {
		t.vary[i] += o.vary[i]
		t.varyOf[i] += o.varyOf[i]
	}
	t.refs = append(t.refs, o.refs...)
	t.best = append(t.best, o.best...)
	t.settle(most)
}
