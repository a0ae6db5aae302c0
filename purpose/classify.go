package purpose

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

// Confidences, by how the words were found. Disguise lowers the trust in the
// reading a little, not the suspicion.
const (
	sure     = 0.95 // a term as it stands in the lexicon
	acronym  = 0.9  // in capitals, or the whole text
	disguise = 0.9  // spelled out, or in look-alike signs
	inPieces = 0.85 // cut up, or glued to other words
	oneOff   = 0.8  // one letter wrong
	twoOff   = 0.7  // two letters wrong
	hint     = 0.4  // could be; alone it does not count
	hints    = 0.7  // two different hints of the class
)

func (l *lexicon) classify(text string) []Finding {
	var found []Finding
	shouting := allCapitals(text)
	all := readings(text)
	for i, words := range all {
		same := func(other []token) bool { return slices.Equal(words, other) }
		if !slices.ContainsFunc(all[:i], same) {
			found = append(found, l.read(text, words, shouting)...)
		}
	}
	found = strongest(found)
	found = pairHints(found)
	if !slices.ContainsFunc(found, func(f Finding) bool { return f.Confidence >= Threshold }) {
		found = append(found, Finding{Class: Unstated, Confidence: 1})
	}
	slices.SortFunc(found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End), strings.Compare(string(a.Class), string(b.Class)))
	})
	return found
}

// allCapitals reports a text of several words in which capitals mean nothing.
func allCapitals(text string) bool {
	upper, lower := 0, 0
	for _, r := range text {
		switch {
		case unicode.IsUpper(r):
			upper++
		case unicode.IsLower(r):
			lower++
		}
	}
	return upper > 12 && upper > 4*lower
}

// read finds the terms in one reading of the text.
func (l *lexicon) read(text string, words []token, shouting bool) []Finding {
	var found []Finding
	add := func(t *term, from, to token, confidence float64) {
		found = append(found, Finding{
			Class: t.class, Term: t.text, Confidence: confidence,
			Words: text[from.start:to.end], Start: from.start, End: to.end,
		})
	}
	type place struct {
		term *term
		at   int
	}
	var terms []place
	type stretch struct{ from, to int }
	excepted := map[Class][]stretch{} // class to the words its exceptions cover
	for i := range words {
		for _, t := range l.at(words, i) {
			if t.mark != '-' {
				terms = append(terms, place{t, i})
				continue
			}
			excepted[t.class] = append(excepted[t.class], stretch{i, i + len(t.words)})
		}
	}
	// A term says nothing within an exception that is longer, or as long when
	// the term was only guessed.
	covered := func(class Class, from, to int, guessed bool) bool {
		return slices.ContainsFunc(excepted[class], func(e stretch) bool {
			return e.from <= from && to <= e.to && (guessed || e.to-e.from > to-from)
		})
	}

	for _, p := range terms {
		n := len(p.term.words)
		if covered(p.term.class, p.at, p.at+n, false) {
			continue
		}
		from, to := words[p.at], words[p.at+n-1]
		disguised := slices.ContainsFunc(words[p.at:p.at+n], func(t token) bool { return t.disguised })
		confidence := sure
		switch p.term.mark {
		case '?':
			confidence = hint
		case '^':
			if !(len(words) == 1 || disguised || from.capitals && !shouting) {
				continue
			}
			confidence = acronym
		}
		if disguised {
			confidence = min(confidence, disguise)
		}
		add(p.term, from, to, confidence)
	}

	for _, t := range l.long {
		for i, w := range words {
			if w.word == t.text || covered(t.class, i, i+1, true) {
				continue
			}
			if strings.Contains(w.word, t.text) {
				add(t, w, w, inPieces)
				continue
			}
			if confidence := l.misspelt(t, w.word); confidence > 0 {
				add(t, w, w, confidence)
			}
			for n := 2; n <= 6 && i+n <= len(words); n++ {
				if len(w.word) < len(t.text) && strings.HasPrefix(t.text, w.word) && together(words[i:i+n]) == t.text {
					add(t, w, words[i+n-1], inPieces)
				}
			}
		}
	}
	return found
}

func together(words []token) string {
	var b strings.Builder
	for _, w := range words {
		b.WriteString(w.word)
	}
	return b.String()
}

// misspelt returns how sure it is that word is t misspelt, 0 for not: one letter
// off in a term of at least seven, two in one of at least ten.
func (l *lexicon) misspelt(t *term, word string) float64 {
	if len(l.byFirst[word]) > 0 || l.ordinary[t.class][word] {
		return 0
	}
	most := 1
	if len(t.text) >= 10 {
		most = 2
	}
	switch distance(word, t.text, most) {
	case 1:
		return oneOff
	case 2:
		if most == 2 {
			return twoOff
		}
	}
	return 0
}

// strongest keeps, of the findings of a class about the same words, the most
// confident (the longest among equals).
func strongest(found []Finding) []Finding {
	slices.SortStableFunc(found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Confidence, a.Confidence), cmp.Compare(b.End-b.Start, a.End-a.Start),
			cmp.Compare(a.Start, b.Start), strings.Compare(a.Term, b.Term))
	})
	var kept []Finding
	for _, f := range found {
		if !slices.ContainsFunc(kept, func(k Finding) bool { return k.Class == f.Class && f.Start < k.End && k.Start < f.End }) {
			kept = append(kept, f)
		}
	}
	return kept
}

// pairHints raises hints of a class that meet another, different one.
func pairHints(found []Finding) []Finding {
	isHint := func(f Finding) bool { return f.Confidence == hint }
	terms := map[Class]map[string]bool{}
	for _, f := range found {
		if isHint(f) {
			if terms[f.Class] == nil {
				terms[f.Class] = map[string]bool{}
			}
			terms[f.Class][f.Term] = true
		}
	}
	for i, f := range found {
		if isHint(f) && len(terms[f.Class]) > 1 {
			found[i].Confidence = hints
		}
	}
	return found
}
