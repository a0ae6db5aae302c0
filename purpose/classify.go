package purpose

import (
	"cmp"
	"slices"
	"strings"
)

// Confidences, by how the words were found. Disguise lowers the trust in the
// reading a little, not the suspicion.
const (
	sure     = 0.95 // a term as it stands in the lexicon
	acronym  = 0.9  // in capitals, or with nothing else that says anything
	disguise = 0.9  // spelled out, or in look-alike signs
	inPieces = 0.85 // cut up, or glued to other words
	oneOff   = 0.8  // one letter wrong
	twoOff   = 0.7  // two letters wrong
	hint     = 0.4  // could be; alone it does not count
	hints    = 0.7  // two different hints of the class
)

// kind is how a word came to stand for a symbol, the surest first.
type kind uint8

const (
	asIs kind = iota
	disguised
	pieced
	nearly1
	nearly2
)

var trust = [...]float64{sure, disguise, inPieces, oneOff, twoOff}

// edge is one way to read the words [from,to): the symbols it may be.
type edge struct {
	to         int // in reader.words
	begin, end int // in folded.b
	symFrom    int
	symTo      int
	kind       kind
	next       int // the next edge from the same word, -1 none
}

// hit is a finding under way; from and to are in folded.b.
type hit struct {
	class         Class
	offense       string
	from, to      int
	first, last   int // words [first,last) of a term
	text, because string
	confidence    float64
	mark          byte
	kind          kind
	named         bool // a code whose system is named
}

// reader is the room a classification works in; a pool keeps them, so that a
// reason costs one allocation, its findings.
type reader struct {
	lex   *lexicon
	codes *codes

	f        folded
	raw      []word // as written
	words    []word // glued ones taken apart
	edges    []edge
	head     []int // by word: its first edge
	syms     []uint16
	hits     []hit
	excepted []hit
	sections []section
	systems  []int // room for bare
	ways     []way // room for divide
	places   []int // where the letters that seekIn fed stand
	room     []byte
	key      []byte
	kept     []hit
	steps    int
	matter   bool           // a crime or another matter of the police is named
	against  map[Class]bool // classes whose acronyms and hints the context speaks against
}

const (
	mostHits  = 120     // more findings than that are not looked for
	mostSteps = 100_000 // of the walk over the trie, for one text
)

func (r *reader) classify(text string) []Finding {
	r.f.fold(text)
	r.raw = r.f.words(r.raw)
	r.hits, r.excepted = r.hits[:0], r.excepted[:0]
	r.steps = 0
	clear(r.against)
	r.cite()
	r.read()
	r.walk()
	r.seekAll()
	r.judge()
	r.numbers()
	r.strongest()
	r.pairHints()
	return r.report(text)
}

// ---- words to symbols

// read makes the edges: each word as it is; glued words taken apart; runs
// without spaces and spelled-out letters put together; signs read as letters.
func (r *reader) read() {
	r.words, r.edges, r.head, r.syms = r.words[:0], r.edges[:0], r.head[:0], r.syms[:0]
	for i := range r.raw {
		w := r.raw[i]
		if w.mask {
			continue
		}
		if !r.addWord(w) {
			r.takeApart(w)
		}
	}
	for i := range r.words {
		r.putTogether(i)
	}
	r.decodeRuns()
}

// addWord appends a word with its edge. It returns false, and appends nothing,
// for a word that stands for nothing and may be several glued together.
func (r *reader) addWord(w word) bool {
	b := r.f.b[w.from:w.to]
	from := len(r.syms)
	if s, ok := r.lex.symbols[string(b)]; ok {
		r.syms = append(r.syms, s)
	}
	r.syms = r.lex.stems.of(b, r.syms)
	if isDigit(b[0]) {
		r.syms = append(r.syms, numeral)
	}
	meant, off := len(r.syms), 0
	if !r.means(r.syms[from:]) && !r.lex.ordinary[string(b)] {
		if !w.digits {
			r.syms, off = r.guess(b)
		}
		if w.kind <= disguised && len(b) >= 6 && off != 1 && (off == 0 && meant == from || r.splits(b)) {
			r.syms = r.syms[:from]
			return false
		}
	}
	if w.kind <= disguised && w.letters && w.digits && len(b) >= 5 && r.splits(b) {
		r.syms = r.syms[:from]
		return false
	}
	r.head = append(r.head, -1)
	at := edge{to: len(r.words) + 1, begin: w.from, end: w.to, symFrom: from, symTo: meant, kind: w.kind}
	if meant > from {
		r.link(len(r.words), at)
	}
	if off > 0 {
		at.symFrom, at.symTo, at.kind = meant, len(r.syms), max(w.kind, nearly1+kind(off-1))
		r.link(len(r.words), at)
	}
	r.words = append(r.words, w)
	return true
}

// strays reports a word that says nothing by itself: perhaps half of one.
func (r *reader) strays(i int) bool {
	for e := r.head[i]; e >= 0; e = r.edges[e].next {
		if r.edges[e].kind <= disguised {
			return false
		}
	}
	w := &r.words[i]
	return w.letters && !w.used && !r.lex.ordinary[string(r.f.b[w.from:w.to])]
}

// guess appends to syms what an unknown word may be meant for, and returns how
// many letters are wrong; 2 when it was cut short or its vowels left out.
func (r *reader) guess(b []byte) ([]uint16, int) {
	at := len(r.syms)
	if syms := r.lex.bare.of(b, false, r.syms); len(syms) > at {
		return syms, 2
	}
	syms, off := r.lex.near.of(b, r.syms)
	if off == 0 {
		if syms = r.lex.bare.of(b, true, syms); len(syms) == at {
			syms = r.lex.starts.of(b, syms)
		}
		if len(syms) > at {
			off = 2
		}
	}
	return syms, off
}

// means reports whether a word is known: it stands for itself, or for a stem
// that says something without other words.
func (r *reader) means(symbols []uint16) bool {
	for _, s := range symbols {
		if w := r.lex.words[s]; w[len(w)-1] != '*' || r.lex.first[s] != 0 && len(r.lex.ends[r.lex.first[s]]) > 0 {
			return true
		}
	}
	return false
}

func (r *reader) link(at int, e edge) {
	e.next = r.head[at]
	r.head[at] = len(r.edges)
	r.edges = append(r.edges, e)
}

const (
	shortPiece = 3  // letters of a word that others may be glued to
	mostPieces = 4  // words glued together
	mostGlued  = 40 // letters of what is taken apart
	longGlued  = 11 // letters of words glued together of which some are short
)

// splits reports whether b is words of the lexicon (and numbers) glued together.
func (r *reader) splits(b []byte) bool {
	var cuts [mostPieces]int
	return len(b) <= mostGlued && r.cut(b, cuts[:0]) != nil
}

// cut returns where the pieces of b end, nil when it has none; the longest first
// piece wins.
func (r *reader) cut(b []byte, cuts []int) []int {
	at := 0
	if len(cuts) > 0 {
		at = cuts[len(cuts)-1]
	}
	if at == len(b) {
		return cuts
	}
	if len(cuts) == mostPieces {
		return nil
	}
	if isDigit(b[at]) {
		end := at
		for end < len(b) && isDigit(b[end]) {
			end++
		}
		return r.cut(b, append(cuts, end))
	}
	for end := len(b); end >= at+shortPiece; end-- {
		if end-at == len(b) {
			continue
		}
		if s, ok := r.lex.symbols[string(b[at:end])]; ok && plain(r.lex.words[s]) {
			if all := r.cut(b, append(cuts, end)); all != nil {
				return all
			}
		}
	}
	return nil
}

// takeApart appends the pieces of a glued word, or the word with no meaning.
func (r *reader) takeApart(w word) {
	var room [mostPieces]int
	var cuts []int
	b := r.f.b[w.from:w.to]
	if row := r.f.rowOf(w); row != nil && row.blind {
		cuts = r.divide(b, false)
	} else if len(b) <= mostGlued {
		if cuts = r.cut(b, room[:0]); cuts == nil && len(b) >= longGlued && w.letters && !w.digits {
			cuts = r.divide(b, true)
		}
	}
	if cuts == nil {
		r.head = append(r.head, -1)
		r.words = append(r.words, w)
		return
	}
	from := w.from
	for _, end := range cuts {
		piece := w
		piece.from, piece.to, piece.kind = from, w.from+end, pieced
		piece.digits = isDigit(r.f.b[from])
		piece.letters = !piece.digits
		r.addWord(piece)
		from = piece.to
	}
}

const (
	mostJoined  = 14 // words put together
	mostLetters = 24 // letters of what is put together
	joinedFrom  = 6  // letters of a word cut in two by a space
)

// putTogether adds the edges of words that together are one: h&r, i.c.e, i c e.
func (r *reader) putTogether(i int) {
	b := r.f.b
	alone := func(k int) bool { return k >= 0 && k < len(r.words) && r.words[k].to-r.words[k].from == 1 }
	key := append(r.key[:0], b[r.words[i].from:r.words[i].to]...)
	single := alone(i)
	for j := i + 1; j < len(r.words) && j-i < mostJoined; j++ {
		w, before := &r.words[j], &r.words[j-1]
		single = single && alone(j)
		halves := w.run != before.run && !single
		if halves && (j > i+1 || !r.strays(i) && !r.strays(j)) || w.kind == pieced {
			break
		}
		if key = append(key, b[w.from:w.to]...); len(key) > mostLetters {
			break
		}
		if single && (w.run != r.words[i].run && j-i < 2 || alone(j+1) || alone(i-1) && b[r.words[i-1].from] != 'a') {
			continue // two single letters apart are two words; a row of them is one
		}
		how := disguised
		if halves {
			how = pieced
		}
		if s, ok := r.lex.symbols[string(key)]; ok && (!halves || len(key) >= joinedFrom) {
			r.syms = append(r.syms, s)
			r.link(i, edge{to: j + 1, begin: r.words[i].from, end: w.to, symFrom: len(r.syms) - 1, symTo: len(r.syms), kind: how})
		}
	}
	r.key = key
}

// decodeRuns adds the edges of runs in which signs stand for letters: 1mmigration.
func (r *reader) decodeRuns() {
	b := r.f.b
	word := 0
	for p := 0; p < len(b); {
		if isSpace(b[p]) {
			p++
			continue
		}
		from := p
		letters, changed, ones := 0, 0, 0
		for p < len(b) && !isSpace(b[p]) {
			p++
		}
		to := p
		for to > from && !isWord(b[to-1]) {
			to-- // a sentence may end in "!"
		}
		for _, c := range b[from:to] {
			switch {
			case isLetter(c):
				letters++
			case c < 128 && signs[c] != 0:
				changed++
				if signs[c] == 'i' {
					ones++
				}
			}
		}
		for word < len(r.words) && r.words[word].to <= from {
			word++
		}
		first := word
		for word < len(r.words) && r.words[word].from < to {
			word++
		}
		acronym := to-from == 3 && letters == 1 && changed == 2 // 1c3
		if changed == 0 || (letters < changed || letters < 2) && !acronym || first == word || to-from > 2*mostLetters || r.words[first].used {
			continue
		}
		r.decode(from, to, first, word, 'i')
		if ones > 0 {
			r.decode(from, to, first, word, 'l')
		}
	}
}

func (r *reader) decode(from, to, first, last int, one byte) {
	key := r.key[:0]
	for _, c := range r.f.b[from:to] {
		sign := signs[c&127]
		switch {
		case isLetter(c):
			key = append(key, c)
		case sign == 'i':
			key = append(key, one)
		case sign != 0:
			key = append(key, sign)
		case isDigit(c):
			key = append(key, c)
		}
	}
	r.key = key
	at, how := len(r.syms), disguised
	if s, ok := r.lex.symbols[string(key)]; ok {
		r.syms = append(r.syms, s)
	}
	r.syms = r.lex.stems.of(key, r.syms)
	if len(r.syms) == at && len(key) >= 7 && !r.lex.ordinary[string(key)] {
		var off int
		r.syms, off = r.lex.near.of(key, r.syms)
		how = nearly1 + kind(max(off, 1)-1)
	}
	if len(r.syms) > at {
		r.link(first, edge{to: last, begin: from, end: to, symFrom: at, symTo: len(r.syms), kind: how})
	}
}

// ---- symbols to terms

// walk finds every term, from each word on.
func (r *reader) walk() {
	for i := range r.words {
		for e := r.head[i]; e >= 0; e = r.edges[e].next {
			ed := &r.edges[e]
			for _, s := range r.syms[ed.symFrom:ed.symTo] {
				if node := r.lex.first[s]; node != 0 {
					r.at(node, i, ed.begin, ed, ed.kind)
				}
			}
		}
	}
}

// at takes the terms that end at a node and goes on with what follows.
func (r *reader) at(node uint16, first, begin int, ed *edge, worst kind) {
	r.steps++
	if r.steps > mostSteps {
		return
	}
	for _, t := range r.lex.ends[node] {
		h := hit{
			class: t.class, offense: t.offense, from: begin, to: ed.end, first: first, last: ed.to,
			text: t.text, because: t.because, confidence: trust[worst], mark: t.mark, kind: worst,
		}
		switch {
		case t.mark == '-':
			r.excepted = append(r.excepted, h)
		case t.mark == '%':
			if r.against == nil {
				r.against = map[Class]bool{}
			}
			r.against[t.class] = true
		case len(r.hits) < mostHits:
			r.hits = append(r.hits, h)
		}
	}
	if !r.lex.inner[node] || ed.to >= len(r.words) {
		return
	}
	if next := r.lex.any[node]; next != 0 {
		w := &r.words[ed.to]
		r.at(next, first, begin, &edge{to: ed.to + 1, begin: w.from, end: w.to}, worst)
	}
	for e := r.head[ed.to]; e >= 0; e = r.edges[e].next {
		below := &r.edges[e]
		for _, s := range r.syms[below.symFrom:below.symTo] {
			if next, ok := r.lex.next[uint32(node)<<16|uint32(s)]; ok {
				r.at(next, first, begin, below, max(worst, below.kind))
			}
		}
	}
}

// seekAll finds the ~ terms inside words and cut into pieces.
func (r *reader) seekAll() {
	r.seekIn(0)
	for _, c := range r.f.b {
		if c < 128 && signs[c] != 0 {
			r.seekIn('i')
			r.seekIn('l')
			return
		}
	}
}

// seekIn runs the automaton over the letters of the text, signs read as letters
// when one is not 0.
func (r *reader) seekIn(one byte) {
	b := r.f.b
	places := r.places[:0]
	state := uint16(0)
	for p, c := range b {
		if one != 0 && c < 128 && signs[c] != 0 {
			if c = signs[c]; c == 'i' {
				c = one
			}
		}
		if !isLetter(c) && !isDigit(c) {
			continue
		}
		state = r.lex.seek.step(state, c)
		places = append(places, p)
		for _, f := range r.lex.seek.found[state] {
			r.sought(f.term, places[len(places)-f.letters], p+1, one != 0)
		}
	}
	r.places = places
}

// sought judges a ~ term found in b[from:to]: it counts inside one word that
// means nothing else, or from the beginning of a word to the end of one.
func (r *reader) sought(t *term, from, to int, decoded bool) {
	if len(r.hits) >= mostHits {
		return
	}
	b := r.f.b
	first, last := -1, -1
	for i := range r.words {
		if w := &r.words[i]; w.from < to && from < w.to {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if first < 0 || last-first >= mostJoined {
		return
	}
	if first == last || r.words[first].run == r.words[last].run && decoded {
		for i := first; i <= last; i++ {
			w := b[r.words[i].from:r.words[i].to]
			if _, known := r.lex.symbols[string(w)]; known || r.lex.ordinary[string(w)] {
				return // itself, or another word that contains it
			}
		}
	} else if r.words[first].from != from || r.words[last].to != to {
		return
	}
	r.hits = append(r.hits, hit{
		class: t.class, offense: t.offense, from: r.words[first].from, to: r.words[last].to, first: first, last: last + 1,
		text: t.text, because: t.because, confidence: inPieces, mark: '!', kind: pieced,
	})
}

// ---- judging

// judge drops the hits that an exception covers or that their mark does not let
// count here, and settles the confidence of the others.
func (r *reader) judge() {
	// Words that say nothing: an acronym among them stands as if it were alone.
	idle := func(i int) bool {
		w := &r.words[i]
		return w.used || w.digits || slices.ContainsFunc(r.hits, func(h hit) bool { return h.class == Vague && h.first <= i && i < h.last })
	}
	whole := 0 // words that are placeholders
	for i := range r.words {
		if slices.ContainsFunc(r.hits, func(h hit) bool { return h.mark == '.' && h.first <= i && i < h.last }) {
			whole++
		}
	}
	kept := r.kept[:0]
	for _, h := range r.hits {
		if slices.ContainsFunc(r.hits, func(o hit) bool { return h.within(&o) }) {
			continue
		}
		if h.last == 0 {
			kept = append(kept, h)
			continue
		}
		if r.covered(&h) {
			continue
		}
		switch h.mark {
		case '?':
			if r.against[h.class] {
				continue
			}
			h.confidence = min(h.confidence, hint)
		case '.':
			if whole < len(r.words) || len(r.words) == 0 {
				continue
			}
		case '^':
			alone := true
			for i := range r.words {
				alone = alone && (i >= h.first && i < h.last || idle(i))
			}
			if r.against[h.class] && !alone || !(alone || h.kind == disguised && r.stands(&h) || r.words[h.first].capitals) {
				continue
			}
			h.confidence = min(h.confidence, acronym)
		}
		if banned(h.class) && r.isStreet(&h) {
			h.confidence = min(h.confidence, hint)
		}
		kept = append(kept, h)
		if (h.class == StolenVehicle || h.offense != "") && h.class != Crime && h.confidence >= Threshold {
			h.class = Crime
			kept = append(kept, h)
		}
	}
	r.kept, r.hits = r.hits, kept
	r.yield()
}

// yield takes the / terms of a text that also names a crime for its victim or its
// place; those of a banned class also beside another matter of the police.
func (r *reader) yield() {
	crime, matter := false, false
	for i := range r.hits {
		if h := &r.hits[i]; h.confidence >= Threshold && h.mark != '/' {
			switch h.class {
			case Crime:
				crime = true
			case MissingPerson, Warrant, WelfareCheck, Civil, Traffic, Testing, Interdiction:
				matter = true
			}
		}
	}
	r.matter = crime || matter
	for i := range r.hits {
		if h := &r.hits[i]; h.mark == '/' && h.class != Crime && (crime || matter && banned(h.class)) {
			h.confidence = min(h.confidence, hint)
		}
	}
}

// within reports a code that is part of a term that names something else
// (287(g)), or a term that is part of a code.
func (h *hit) within(o *hit) bool {
	const bracket = 1 // that a code ends with and a term does not
	switch {
	case h.last == 0 && o.last > 0:
		return o.mark == '!' && o.class != Vague && (o.from <= h.from && h.to <= o.to+bracket && (!h.named || o.to-o.from > h.to-h.from) ||
			o.from < h.from && h.from < o.to && !h.named) // INA 236(c)
	case h.last > 0 && o.last == 0:
		return o.from <= h.from && h.to <= o.to && (o.named || o.to-o.from > h.to-h.from+bracket)
	}
	return false
}

// banned are the classes that packs refuse.
func banned(c Class) bool {
	return c == Immigration || c == ReproductiveCare || c == ProtectedActivity || c == Personal
}

// covered: a term says nothing within an exception of its class that is longer,
// or as long when the term was only guessed or stands for all that begin so.
func (r *reader) covered(h *hit) bool {
	for i := range r.excepted {
		e := &r.excepted[i]
		if e.class == h.class && e.first <= h.first && h.last <= e.last && (e.kind <= max(h.kind, nearly1) || !banned(h.class)) &&
			(e.last-e.first > h.last-h.first || e.kind <= disguised && (h.kind >= pieced || stem(h.text) && !stem(e.text))) {
			return true
		}
	}
	return false
}

func stem(term string) bool { return term[len(term)-1] == '*' }

// stands reports whether a disguise stands out: where most other words are
// disguised too, it says nothing of this one.
func (r *reader) stands(h *hit) bool {
	open, hidden := 0, 0
	for i := range r.words {
		switch w := &r.words[i]; {
		case i >= h.first && i < h.last:
		case w.kind == disguised || w.letters && w.digits:
			hidden++
		default:
			open++
		}
	}
	return hidden <= open
}

// isStreet reports a term that is part of a street's name: March St.
func (r *reader) isStreet(h *hit) bool {
	if h.last >= len(r.words) {
		return false
	}
	w := &r.words[h.last]
	switch streets[string(r.f.b[w.from:w.to])] {
	case 1:
		return true
	case 2:
		return w.title && !w.capitals && r.words[h.first].title
	}
	return false
}

// strongest keeps, of the hits of a class about the same words, the best: one
// that counts before a hint, then the longest, then the most confident.
func (r *reader) strongest() {
	counts := func(h *hit) int {
		if h.confidence >= Threshold {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(r.hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(counts(&a), counts(&b)), cmp.Compare(b.to-b.from, a.to-a.from), cmp.Compare(b.confidence, a.confidence),
			cmp.Compare(a.from, b.from), strings.Compare(a.text, b.text), strings.Compare(b.offense, a.offense))
	})
	kept := r.kept[:0]
	for _, h := range r.hits {
		if !slices.ContainsFunc(kept, func(k hit) bool { return k.class == h.class && h.from < k.to && k.from < h.to }) {
			kept = append(kept, h)
		}
	}
	r.kept, r.hits = r.hits, kept
}

// pairHints raises hints of a class that meet another, different one; those of a
// banned class not beside another matter, whose victim or place they may be.
func (r *reader) pairHints() {
	for i := range r.hits {
		a := &r.hits[i]
		if a.confidence != hint || a.class.residual() || r.matter && banned(a.class) {
			continue
		}
		for j := range r.hits {
			if b := &r.hits[j]; b.class == a.class && b.text != a.text && b.mark == '?' && a.mark == '?' {
				a.confidence = hints
				if b.confidence == hint {
					b.confidence = hints
				}
			}
		}
	}
}

// report makes the findings. When nothing else counts, it adds one that says
// what is left: vague, a case number, unreadable, unstated.
func (r *reader) report(text string) []Finding {
	counts := 0
	var vague, weak, number, blank *hit
	noise := false
	for i := range r.hits {
		h := &r.hits[i]
		switch h.class {
		case Vague:
			if h.confidence >= Threshold {
				vague = earlier(vague, h)
			} else {
				weak = earlier(weak, h)
			}
		case CaseNumber:
			number = earlier(number, h)
		case Unstated:
			blank = earlier(blank, h)
		case Unreadable:
			noise = true
		default:
			if h.confidence >= Threshold {
				counts++
			}
		}
	}
	found := make([]Finding, 0, len(r.hits)+1)
	for i := range r.hits {
		if h := &r.hits[i]; !h.class.residual() {
			found = append(found, r.finding(text, h))
		}
	}
	if counts == 0 {
		found = append(found, r.rest(text, noise, vague, weak, number, blank))
	}
	slices.SortFunc(found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End), strings.Compare(string(a.Class), string(b.Class)), strings.Compare(a.Term, b.Term))
	})
	return found
}

func earlier(a, b *hit) *hit {
	if a == nil || b.from < a.from {
		return b
	}
	return a
}

// rest is the one residual finding.
func (r *reader) rest(text string, noise bool, vague, weak, number, blank *hit) Finding {
	switch {
	case blank != nil:
		return r.finding(text, blank)
	case vague != nil:
		return r.finding(text, vague)
	case number != nil:
		return r.finding(text, number)
	case weak != nil:
		f := r.finding(text, weak)
		f.Confidence = Threshold
		return f
	case len(r.raw) == 0:
		return Finding{Class: Unstated, Confidence: 1, Because: "no words"}
	}
	for i := range r.raw {
		if w := &r.raw[i]; !noise && !w.mask && r.lex.isWord(r.f.b[w.from:w.to]) {
			return r.finding(text, &hit{class: Vague, from: w.from, to: w.to, confidence: Threshold, because: "words, but none that say why"})
		}
	}
	from, to := r.raw[0].from, r.raw[len(r.raw)-1].to
	return r.finding(text, &hit{class: Unreadable, from: from, to: to, confidence: 0.6, because: "no words that are known"})
}

func (r *reader) finding(text string, h *hit) Finding {
	start, end := int(r.f.start[h.from]), int(r.f.end[h.to-1])
	offense := ""
	if h.class == Crime || h.class == StolenVehicle {
		offense = h.offense
	}
	return Finding{
		Class: h.class, Offense: offense, Words: text[start:end], Start: start, End: end,
		Term: h.text, Confidence: h.confidence, Because: h.because,
	}
}
