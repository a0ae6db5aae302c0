package sharing

import (
	"slices"
	"sync"

	"porchlight/policy/packs"
)

// Alike reports whether the law of the state with forbids searches at least what
// the law of the state of forbids, as their search.json say: the same purposes
// banned, a list of permitted purposes no longer, a case number and a reason
// asked where it asks them, no longer look back, and reads of its own no more
// open to federal agencies and to other states. A state is like itself. One
// without law here is like no other, and no other is like it.
func Alike(of, with string) bool {
	if of == with {
		return true
	}
	a, ok := law(of)
	b, ok2 := law(with)
	return ok && ok2 && forbids(b, a)
}

// laws are read once: they are part of the program.
var laws = sync.OnceValue(func() map[string]packs.SearchLaw {
	all := map[string]packs.SearchLaw{}
	for _, state := range packs.States() {
		l, err := packs.For(state)
		if err != nil {
			panic("sharing: " + err.Error()) // packs' own tests read them all
		}
		all[state] = l
	}
	return all
})

func law(state string) (packs.SearchLaw, bool) {
	l, ok := laws()[state]
	return l, ok
}

// forbids reports whether b forbids at least what a forbids.
func forbids(b, a packs.SearchLaw) bool {
	listed := permitted(b)
	for _, p := range a.Banned {
		banned := slices.ContainsFunc(b.Banned, func(q packs.Purpose) bool { return q.Class == p.Class })
		if !banned && (listed == nil || slices.Contains(listed, p.Class)) {
			return false
		}
	}
	if may := permitted(a); may != nil {
		if listed == nil {
			return false
		}
		for _, c := range listed {
			if !slices.Contains(may, c) {
				return false
			}
		}
	}
	return (a.CaseNumber == nil || b.CaseNumber != nil) &&
		(a.Reason == nil || b.Reason != nil) &&
		(a.LookBack == nil || b.LookBack != nil && b.LookBack.Days <= a.LookBack.Days) &&
		strict(b).federal >= strict(a).federal && strict(b).elsewhere >= strict(a).elsewhere
}

// permitted is the closed list of purposes, nil where the law has none.
func permitted(l packs.SearchLaw) (classes []string) {
	for _, p := range l.PermittedOnly {
		classes = append(classes, p.Classes...)
	}
	return classes
}

// strict says how closed the state's reads are to federal agencies and to other
// states: 0 open, as where the law says nothing.
func strict(l packs.SearchLaw) (s struct{ federal, elsewhere int }) {
	if l.Outside == nil {
		return s
	}
	order := []string{packs.OutsideOpen, packs.OutsideNeedsAgreement, packs.OutsideBanned}
	s.federal, s.elsewhere = slices.Index(order, l.Outside.Federal), slices.Index(order, l.Outside.OutOfState)
	return s
}
