package purpose

import "bytes"

// section is a number in the text that may be the section of a code.
type section struct {
	head     []byte    // "245", "273.5", "18.2-58", "9a.56.070", "720/5/18-1"
	subs     [5][2]int // what follows in brackets or glued to it, in folded.b: "a", "2"
	nsubs    int
	from, to int // in folded.b, with the name of the code where it has one
	after    int // where head and subs end
	code     *code
	sure     float64
	known    bool // the code's name is given
	other    *code
}

const mostSections = 24 // in one text

// cite finds sections of codes and radio codes, adds what they say to r.hits and
// marks their words as used.
func (r *reader) cite() {
	r.sections = r.sections[:0]
	b := r.f.b
	room := r.room[:0]
	for p := 0; p < len(b) && len(r.sections) < mostSections; p++ {
		if !isDigit(b[p]) {
			continue
		}
		l := p // letters glued before: pc459
		for l > 0 && isLetter(b[l-1]) {
			l--
		}
		end := p
		for end < len(b) && isWord(b[end]) {
			end++
		}
		glued := b[l:p]
		names := r.codes.names[string(glued)]
		inNumber := l > 1 && (b[l-1] == '-' || b[l-1] == '.' || b[l-1] == ':') && isDigit(b[l-2])
		if len(glued) > 0 && names == nil || l > 0 && isDigit(b[l-1]) || end-p > 12 {
			p = end - 1
			continue
		}
		if !inNumber && r.radio(p) {
			p = end - 1
			continue
		}
		var s section
		s, room = r.parse(p, room)
		s.from = l
		r.resolve(&s, names)
		if inNumber && (!s.known || s.code == nil) { // 26-00211 is no robbery, 664-211PC an attempted one
			p = end - 1
			continue
		}
		if s.code == nil && s.other == nil {
			p = max(end, s.after) - 1 // what follows a point is no section of its own
		} else {
			p = s.to - 1
		}
		r.sections = append(r.sections, s)
	}
	r.room = room[:0]
	r.inherit()
	for i := range r.sections {
		r.citeOne(&r.sections[i])
	}
}

// parse reads a section that begins with the digit at p. Its head is built in room.
func (r *reader) parse(p int, room []byte) (section, []byte) {
	b := r.f.b
	s := section{from: p}
	at := func(i int) byte {
		if i < len(b) {
			return b[i]
		}
		return ' '
	}
	digits := func(i int) int {
		for isDigit(at(i)) {
			i++
		}
		return i
	}
	i := digits(p)
	begin := len(room)
	if j := r.illinois(p, i); j > 0 {
		if i-p == 3 {
			room = append(room, b[p:i]...)
		} else {
			room, i = append(room, "720"...), p
		}
		room = append(room, '/')
		for !isDigit(b[i]) {
			i++
		}
		room = append(room, b[i:j]...)
		i = j
	} else {
		if i-p <= 2 && isLetter(at(i)) && at(i+1) == '.' && isDigit(at(i+2)) {
			i++ // RCW 9A.56
		}
		room = append(room, b[p:i]...)
		dotted := false
		for at(i) == '.' && (isDigit(at(i+1)) || at(i+1) == '.' && isDigit(at(i+2))) {
			for at(i) == '.' {
				i++
			}
			j := digits(i)
			room = append(append(room, '.'), b[i:j]...)
			i, dotted = j, true
		}
		if dotted && at(i) == '-' && isDigit(at(i+1)) { // Va. Code 18.2-58, 18.2-51.2
			j := digits(i + 1)
			for (at(j) == '.' || at(j) == ':') && isDigit(at(j+1)) {
				j = digits(j + 1)
			}
			room = append(room, b[i:j]...)
			i = j
		}
	}
	s.head = room[begin:len(room):len(room)]
	sub := func(from, to int) {
		if s.nsubs < len(s.subs) {
			s.subs[s.nsubs] = [2]int{from, to}
			s.nsubs++
		}
	}
	for {
		j := i
		if at(j) == ' ' && at(j+1) == '(' {
			j++
		}
		if at(j) == '(' {
			k := j + 1
			for k < j+6 && isWord(at(k)) {
				k++
			}
			if k > j+1 && at(k) == ')' {
				sub(j+1, k)
				i = k + 1
				continue
			}
		}
		if at(i) == '-' && isLetter(at(i+1)) && !isLetter(at(i+2)) { // 245-a1
			i++
		}
		k := i
		for isLetter(at(k)) {
			k++
		}
		if k == i {
			if isDigit(at(i)) && s.nsubs > 0 { // 245a1
				k = digits(i)
				sub(i, k)
				i = k
				continue
			}
			break
		}
		if r.codes.names[string(b[i:k])] != nil && !isDigit(at(k)) {
			break // 211pc
		}
		if k-i > 1 && r.codes.names[string(b[i+1:k])] != nil {
			k = i + 1 // 10851apc
		}
		if k-i > 1 {
			break
		}
		sub(i, k)
		i = k
	}
	s.after, s.to = i, i
	return s, room
}

// chapters are those of the Illinois Compiled Statutes that police cite.
var chapters = map[string]bool{
	"235": true, "325": true, "405": true, "410": true, "430": true, "510": true,
	"625": true, "705": true, "720": true, "725": true, "730": true, "750": true,
}

// illinois returns where "720 ILCS 5/18-1" (also 720/5/18-1, 5/18-1) ends, whose
// first number is b[p:i]; 0 when it is none.
func (r *reader) illinois(p, i int) int {
	b := r.f.b
	at := func(i int) byte {
		if i < len(b) {
			return b[i]
		}
		return ' '
	}
	j := i
	short := i-p <= 2 && at(i) == '/' // an act of the criminal code, chapter 720, which is left out
	if short {
		j = p
	} else if i-p != 3 {
		return 0
	}
	for j < len(b) && (b[j] == ' ' || b[j] == '/' || b[j] == '-') {
		j++
	}
	named := bytes.HasPrefix(b[j:], []byte("ilcs"))
	if short {
	} else if named {
		for j += 4; j < len(b) && (b[j] == ' ' || b[j] == '/'); {
			j++
		}
	} else if ch := string(b[p:i]); ch != "720" && ch != "625" && (at(i) != '/' || !chapters[ch]) {
		return 0 // 720 5/18-1 and 625-5/4-103, the criminal and the vehicle code, are written without name
	}
	part := func() bool { // digits, perhaps with a letter and points
		from := j
		for isDigit(at(j)) || j > from && (isLetter(at(j)) && !isLetter(at(j+1)) || at(j) == '.' && isDigit(at(j+1))) {
			j++
		}
		return j > from
	}
	if !part() || at(j) != '/' {
		return 0
	}
	j++
	if !part() {
		return 0
	}
	if at(j) == '-' {
		if j++; !part() {
			return 0
		}
	} else if short || !named && at(i) != '/' { // 720 ILCS 570/402 has no dash; 720 570/402 could be anything
		return 0
	}
	if isLetter(b[j-1]) { // the letter is a subsection
		j--
	}
	return j
}

// resolve finds the code that a section is of, by the name glued to it, before
// it, or after it. A name whose table does not have the section is remembered.
func (r *reader) resolve(s *section, glued []int) {
	if len(s.head) > 3 && bytes.IndexByte(s.head, '/') > 0 {
		if at, ok := r.codes.names["ilcs"]; ok {
			r.try(s, at, s.from, s.to)
		}
		return
	}
	if glued != nil && r.try(s, glued, s.from, s.to) {
		return
	}
	if names, from := r.nameBefore(s.from); names != nil && r.try(s, names, from, s.to) {
		return
	}
	if names, to := r.nameAfter(s.after); names != nil {
		r.try(s, names, s.from, to)
	}
}

// nameAfter reads the name of a code of up to four words that begins at p or
// after a little punctuation, and returns where it ends.
func (r *reader) nameAfter(p int) ([]int, int) {
	b := r.f.b
	key := r.key[:0]
	var names []int
	to := 0
	for range 4 {
		for p < len(b) && (b[p] == ' ' || b[p] == '.' || b[p] == '&' || b[p] == '-' || b[p] == '#' || b[p] == ')') {
			p++
		}
		from := p
		for p < len(b) && isLetter(b[p]) {
			p++
		}
		if p == from || p < len(b) && isDigit(b[p]) {
			break
		}
		if len(key) > 0 {
			key = append(key, ' ')
		}
		key = append(key, b[from:p]...)
		if found := r.codes.names[string(key)]; found != nil {
			names, to = found, p
		}
	}
	r.key = key
	return names, to
}

// nameBefore reads a name that ends just before p, and returns where it begins.
func (r *reader) nameBefore(p int) ([]int, int) {
	b := r.f.b
	var parts [4][2]int
	var names []int
	begin := 0
	for n := range 4 {
		for p > 0 && (b[p-1] == ' ' || b[p-1] == '.' || b[p-1] == '&' || b[p-1] == '-' || b[p-1] == '#' || b[p-1] == ':' || b[p-1] == '(') {
			p--
		}
		to := p
		for p > 0 && isLetter(b[p-1]) {
			p--
		}
		if p == to || p > 0 && isDigit(b[p-1]) {
			break
		}
		parts[n] = [2]int{p, to}
		key := r.key[:0]
		for i := n; i >= 0; i-- {
			if len(key) > 0 {
				key = append(key, ' ')
			}
			key = append(key, b[parts[i][0]:parts[i][1]]...)
		}
		r.key = key
		if found := r.codes.names[string(key)]; found != nil {
			names, begin = found, p
		}
	}
	return names, begin
}

// try looks a section up in the named systems. It returns false when none has it.
func (r *reader) try(s *section, systems []int, from, to int) bool {
	found, agree, first := r.lookup(s, systems)
	if found == nil {
		if s.other == nil {
			s.other = r.codes.other[systems[0]]
			s.from, s.to, s.known = min(s.from, from), max(s.to, to), true
		}
		return false
	}
	s.code, s.known, s.sure = found, true, sure
	if !agree || r.codes.chosen > 0 && first >= r.codes.chosen {
		s.sure = twoOff
	}
	s.from, s.to = from, to
	return true
}

// lookup returns the first code that the systems have for a section, whether all
// that have it agree on what it is, and which system it is of.
func (r *reader) lookup(s *section, systems []int) (found *code, agree bool, first int) {
	agree = true
	for _, at := range systems {
		c := r.longestSection(s, at)
		switch {
		case c == nil:
		case found == nil:
			found, first = c, at
		case at >= r.codes.chosen && first < r.codes.chosen: // of a state that was not asked for
		case c.class != found.class || c.offense != found.offense:
			agree = false
		}
	}
	return found, agree, first
}

func (r *reader) longestSection(s *section, system int) *code {
	b := r.f.b
	key := append(append(r.key[:0], byte(system)), s.head...)
	bare := len(key)
	defer func() { r.key = key }()
	for n := s.nsubs; n >= 0; n-- {
		for glue := 0; glue < 2; glue++ { // 245(a)(1), then 273a(1)
			if glue == 1 && n == 0 {
				break
			}
			key = key[:bare]
			for i, sub := range s.subs[:n] {
				if i == 0 && glue == 1 {
					key = append(key, b[sub[0]:sub[1]]...)
					continue
				}
				key = append(key, '(')
				key = append(key, b[sub[0]:sub[1]]...)
				key = append(key, ')')
			}
			if c := r.codes.section[string(key)]; c != nil {
				return c
			}
		}
	}
	return nil
}

// inherit gives sections without a name that of the neighbor they are listed
// with: 664/187(a)PC.
func (r *reader) inherit() {
	list := r.sections
	listed := func(from, to int) bool { // only a list's signs between
		if to < from || to-from > 5 {
			return false
		}
		gap := bytes.TrimSpace(r.f.b[from:to])
		return len(gap) == 1 && bytes.IndexByte([]byte("/,;&+-"), gap[0]) >= 0 || string(gap) == "and"
	}
	take := func(s *section, from section) {
		if s.known || !from.known {
			return
		}
		c := from.code
		if c == nil {
			c = from.other
		}
		if c == nil {
			return // known by its shape only
		}
		if found := r.longestSection(s, c.system); found != nil {
			s.code, s.sure, s.known = found, max(from.sure, twoOff), true
		}
	}
	for i := len(list) - 2; i >= 0; i-- {
		if listed(list[i].to, list[i+1].from) {
			take(&list[i], list[i+1])
		}
	}
	for i := 1; i < len(list); i++ {
		if listed(list[i-1].to, list[i].from) {
			take(&list[i], list[i-1])
		}
	}
}

// citeOne adds what one section says.
func (r *reader) citeOne(s *section) {
	c, confidence := s.code, s.sure
	switch {
	case c != nil:
	case s.known && s.other != nil && len(s.head) >= 2:
		c, confidence = s.other, 0.6
	default:
		if c, confidence = r.bare(s); c == nil {
			return
		}
	}
	r.hitCode(c, s.from, s.to, confidence, s.known)
}

func (r *reader) hitCode(c *code, from, to int, confidence float64, named bool) {
	for i := range r.raw {
		if w := &r.raw[i]; w.from < to && from < w.to {
			w.used = true
		}
	}
	hit := hit{from: from, to: to, class: c.class, offense: c.offense, text: c.term, because: c.because, confidence: confidence, named: named}
	r.hits = append(r.hits, hit)
	if c.class == StolenVehicle || c.offense != "" && c.class != Crime {
		hit.class = Crime
		r.hits = append(r.hits, hit)
	}
}

// bare judges a number alone.
func (r *reader) bare(s *section) (*code, float64) {
	b := r.f.b
	dotted := bytes.IndexByte(s.head, '.') > 0
	if len(s.head) < 3 || len(s.head) == 3 && s.head[2] == '0' && s.head[1] == '0' ||
		s.from > 1 && (b[s.from-1] == '-' || b[s.from-1] == '.') && isDigit(b[s.from-2]) ||
		s.after+1 < len(b) && (b[s.after] == '-' || b[s.after] == ':') && isDigit(b[s.after+1]) ||
		s.after < len(b) && isDigit(b[s.after]) || s.from > 0 && (b[s.from-1] == '$' || b[s.from-1] == '#') {
		return nil, 0
	}
	systems := r.systems[:0]
	for i := range r.codes.systems {
		if r.codes.systems[i].bare || dotted {
			systems = append(systems, i)
		}
	}
	r.systems = systems
	c, agree, first := r.lookup(s, systems)
	if c == nil {
		return nil, 0
	}
	if r.isAddress(s) {
		return nil, 0
	}
	confidence := 0.6
	switch {
	case !agree:
		confidence = Threshold
	case first < r.codes.chosen || dotted:
		confidence = 0.75
	}
	if len(r.raw) > 10 && !dotted {
		confidence = hint
	}
	return c, confidence
}

// isAddress reports a number that is a house, a room or a road, by the words
// around it.
func (r *reader) isAddress(s *section) bool {
	b := r.f.b
	for i := range r.raw {
		w := &r.raw[i]
		if w.to > s.from {
			for j := i + 1; j < min(i+4, len(r.raw)); j++ {
				if streets[string(b[r.raw[j].from:r.raw[j].to])] != 0 {
					return true
				}
			}
			return i > 0 && placeWords[string(b[r.raw[i-1].from:r.raw[i-1].to])]
		}
	}
	return false
}

// streets are the words that make a name of what stands before them: 1 an
// abbreviation, 2 a word that must be written as a name (Elm Street).
var streets = map[string]byte{
	"st": 1, "str": 1, "ave": 1, "av": 1, "blvd": 1, "rd": 1, "ln": 1, "dr": 1, "hwy": 1, "pkwy": 1, "cir": 1, "ter": 1,
	"street": 2, "avenue": 2, "boulevard": 2, "road": 2, "lane": 2, "drive": 2, "highway": 2, "parkway": 2, "circle": 2,
	"terrace": 2, "place": 2, "plaza": 2, "court": 2, "square": 2,
}

var placeWords = map[string]bool{
	"room": true, "rm": true, "unit": true, "apt": true, "suite": true, "hwy": true, "highway": true, "route": true, "rt": true,
	"rte": true, "sr": true, "us": true, "i": true, "exit": true, "mile": true, "bldg": true, "lot": true, "no": true, "at": true,
}

// radio reads a radio code at p when a set is chosen.
func (r *reader) radio(p int) bool {
	if r.codes.radio == nil {
		return false
	}
	b := r.f.b
	if p > 0 && (isWord(b[p-1]) || b[p-1] == '-' || b[p-1] == '$' || b[p-1] == '#') {
		return false
	}
	key := r.key[:0]
	end, digits := p, 0
	var ends [12]int
	for end < len(b) && (isWord(b[end]) || b[end] == '-') && len(key) < len(ends) {
		if b[end] != '-' {
			ends[len(key)] = end + 1
			key = append(key, b[end])
			if isDigit(b[end]) {
				digits = len(key)
			}
		}
		end++
	}
	r.key = key
	if end < len(b) && (isWord(b[end]) || b[end] == '.' && end+1 < len(b) && isDigit(b[end+1]) || b[end] == '(') {
		return false
	}
	if names, _ := r.nameAfter(ends[max(digits, 1)-1]); names != nil && len(key) == digits {
		return false // 211 PC is the statute
	}
	key = r.radioKeyAt(p, end)
	for n := len(key); n >= digits && n >= 2; n-- {
		if c := r.codes.radio[string(key[:n])]; c != nil {
			s := section{from: p}
			if r.isAddress(&s) {
				return false
			}
			r.hitCode(c, p, end, 0.85, false)
			return true
		}
	}
	return false
}

func (r *reader) radioKeyAt(p, end int) []byte {
	key := r.key[:0]
	for _, b := range r.f.b[p:end] {
		if b != '-' {
			key = append(key, b)
		}
	}
	r.key = key
	return key
}

// numbers judges the runs with digits that no code explains: the number of a
// case, or a radio code of nobody knows whose set.
func (r *reader) numbers() {
	b := r.f.b
	for i := 0; i < len(r.raw); {
		first := i
		digits, letters, used := 0, 0, false
		for ; i < len(r.raw) && r.raw[i].run == r.raw[first].run; i++ {
			w := &r.raw[i]
			used = used || w.used || w.mask
			for _, c := range b[w.from:w.to] {
				if isDigit(c) {
					digits++
				} else {
					letters++
				}
			}
		}
		from, to := r.raw[first].from, r.raw[i-1].to
		if digits == 0 || used {
			continue
		}
		run := b[from:to]
		if isDate(run) {
			continue
		}
		isCase := digits >= 5 && letters <= 5 && !isPlate(run) || isYearNumber(run)
		if !isCase && digits >= 3 && letters <= 4 && first > 0 {
			before := b[r.raw[first-1].from:r.raw[first-1].to]
			isCase = caseWords[string(before)]
		}
		switch {
		case isCase:
			r.hits = append(r.hits, hit{from: from, to: to, class: CaseNumber, because: "the number of a case, report or call", confidence: 0.8})
		case isRadio(run):
			r.hits = append(r.hits, hit{from: from, to: to, class: Vague, because: "may be a radio code; no set is chosen that has it", confidence: hint})
		default:
			continue
		}
		for j := first; j < i; j++ {
			r.raw[j].used = true
		}
	}
}

var caseWords = map[string]bool{
	"case": true, "cases": true, "inc": true, "incident": true, "report": true, "rpt": true, "cr": true, "dr": true,
	"log": true, "call": true, "event": true, "ref": true, "cad": true, "fir": true, "ori": true, "number": true, "caso": true,
	"doc": true, "docket": true, "rd": true,
}

// shape writes a run as its shape, 9 for a digit and a for a letter, each run of
// them once with its length: "26-01254" is 9 2 - 9 5.
func shape(run []byte, room []byte) []byte {
	room = room[:0]
	for i := 0; i < len(run) && len(room) < 24; {
		c, n := run[i], 0
		kind := c
		if isDigit(c) {
			kind = '9'
			for i < len(run) && isDigit(run[i]) {
				i++
				n++
			}
		} else if isLetter(c) {
			kind = 'a'
			for i < len(run) && isLetter(run[i]) {
				i++
				n++
			}
		} else {
			i++
			room = append(room, kind)
			continue
		}
		room = append(room, kind, byte('0'+min(n, 9)))
	}
	return room
}

func isDate(run []byte) bool {
	var room [24]byte
	s := shape(run, room[:])
	if len(s) < 8 || s[0] != '9' {
		return false
	}
	mark := s[2]
	if mark != '-' && mark != '/' && mark != '.' || s[3] != '9' || s[5] != mark || s[6] != '9' {
		return false
	}
	year := func(n byte) bool { return n == '4' || n == '2' }
	short := func(n byte) bool { return n <= '2' }
	return len(s) == 8 && short(s[1]) && short(s[4]) && year(s[7]) ||
		s[1] == '4' && short(s[4]) && short(s[7]) && (len(s) == 8 || s[8] == 'a' || s[8] == ' ')
}

// isPlate reports the shapes of number plates that a case number has not.
func isPlate(run []byte) bool {
	var room [24]byte
	switch string(shape(run, room[:])) {
	case "91a393", "93a3", "a393", "a394", "a294", "a293", "a392", "a295", "91a293", "91a292":
		return true
	}
	return false
}

// isYearNumber reports a year, a dash, and a number: 26-95, 2026-310.
func isYearNumber(run []byte) bool {
	i := bytes.IndexByte(run, '-')
	if i != 2 && i != 4 || len(run) < i+3 {
		return false
	}
	for j, c := range run {
		if j != i && !isDigit(c) {
			return false
		}
	}
	year := run[i-2 : i]
	return (i == 2 || run[0] == '2' && run[1] == '0' || run[0] == '1' && run[1] == '9') &&
		(year[0] >= '1' && year[0] <= '3') && !(i == 2 && year[0] == '1' && year[1] < '5')
}

// isRadio reports the shape of a radio code: three or four digits and up to
// three letters, or 10-31.
func isRadio(run []byte) bool {
	var room [24]byte
	s := shape(run, room[:])
	switch string(s) {
	case "93", "94", "93a1", "94a1", "93a2", "94a2":
		return true
	case "92-92", "92-92a1", "92-91", "92-93":
		return run[0] == '1' && (run[1] == '0' || run[1] == '1')
	}
	return false
}
