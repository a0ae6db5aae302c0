package audit

import (
	"strings"
	"unicode"
)

// personalNotes are the kinds of personal data that people type into reasons.
const personalNotes = noteSSN | notePhone | noteEmail | noteBirth | noteAddress | noteName

var noteNames = []struct {
	note textNotes
	name string
}{
	{noteSSN, "what is built like a social security number"},
	{noteBirth, "a birth date"},
	{notePhone, "what is built like a telephone number"},
	{noteEmail, "an e-mail address"},
	{noteAddress, "a street address"},
	{noteName, "what reads like a first and a last name"},
}

// notes reads the shape of a text, not its meaning. The names are a guess: a
// common first name and a word after it that is no word of the trade.
func notes(s string) textNotes {
	s = s[:min(len(s), maxText)]
	var n textNotes
	tokens := strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(",;()[]{}\"", r) })
	long, letters := 0, 0
	for i, t := range tokens {
		next, after := "", ""
		if i+1 < len(tokens) {
			next = tokens[i+1]
		}
		if i+2 < len(tokens) {
			after = tokens[i+2]
		}
		n |= tokenNotes(s, t, next, after)
		word := 0
		for _, r := range t {
			if unicode.IsLetter(r) {
				word++
			}
		}
		letters += word
		if word >= 3 {
			long++
		}
	}
	category, detail, ok := strings.Cut(s, " - ")
	if ok && category != "" && detail != "" && !strings.ContainsAny(category, "0123456789") && len(category) <= 60 {
		n |= noteCategory
	}
	if long >= 5 && letters >= 25 && n&noteCategory == 0 {
		n |= noteOwnWords
	}
	return n
}

func tokenNotes(s, t, next, after string) textNotes {
	var n textNotes
	switch shape := digitShape(t); shape {
	case "9-9-9":
		switch runs(t) {
		case [3]int{3, 2, 4}:
			n |= noteSSN
		case [3]int{3, 3, 4}:
			n |= notePhone
		}
	case "9.9.9":
		if runs(t) == [3]int{3, 3, 4} {
			n |= notePhone
		}
	case "9/9/9":
		if r := runs(t); r[0] <= 2 && r[1] <= 2 && (birthYear(t) || saysBirth(s)) {
			n |= noteBirth
		}
	case "9":
		switch {
		case len(t) == 3 && digitShape(next) == "9-9" && runs(next) == [3]int{3, 4}:
			n |= notePhone // (555) 010-4477
		case len(t) <= 5 && streetAfter(next, after):
			n |= noteAddress
		}
		if len(t) >= 6 && len(t) <= 12 {
			n |= noteCase
		}
	case "9-9":
		if r := runs(t); r[1] >= 3 || r[0] >= 5 {
			n |= noteCase
		}
	default:
		if digits := countDigits(t); digits >= 5 && digits < 14 && strings.IndexByte(t, '@') < 0 {
			n |= noteCase
		}
	}
	if at := strings.IndexByte(t, '@'); at > 0 && strings.IndexByte(t[at:], '.') > 1 {
		n |= noteEmail
	}
	if n == 0 && isName(t, next) {
		n |= noteName
	}
	return n
}

// digitShape writes 9 for each run of digits and keeps the rest: 9-9-9.
func digitShape(t string) string {
	if t == "" || t[0] < '0' || t[0] > '9' || len(t) > 14 {
		return ""
	}
	var b [14]byte
	n := 0
	for i := range len(t) {
		c := t[i]
		if c >= '0' && c <= '9' {
			c = '9'
			if n > 0 && b[n-1] == '9' {
				continue
			}
		}
		b[n] = c
		n++
	}
	return string(b[:n])
}

// runs are the lengths of the first three runs of digits.
func runs(t string) (r [3]int) {
	i := -1
	in := false
	for j := range len(t) {
		digit := t[j] >= '0' && t[j] <= '9'
		if digit && !in {
			if i++; i == 3 {
				return [3]int{}
			}
		}
		if in = digit; digit {
			r[i]++
		}
	}
	return r
}

func countDigits(t string) (n int) {
	for i := range len(t) {
		if t[i] >= '0' && t[i] <= '9' {
			n++
		}
	}
	return n
}

// birthYear reports a date whose year is written out and lies so far back that
// it is more likely a birth's than an incident's.
func birthYear(date string) bool {
	year := date[strings.LastIndexByte(date, '/')+1:]
	return len(year) == 4 && year >= "1920" && year <= "2012"
}

func saysBirth(s string) bool {
	lower := strings.ToLower(s)
	return strings.Contains(lower, "dob") || strings.Contains(lower, "born") || strings.Contains(lower, "d.o.b") || strings.Contains(lower, "birth")
}

var streets = set(`st street ave avenue av rd road dr drive blvd boulevard ln lane ct court way hwy highway
	pl place ter terrace cir circle pkwy parkway trl trail loop calle`)

// streetAfter reports a street's name after a house number: "412 Maple St",
// "412 N Maple". A block ("1200 block of Main St") is no address.
func streetAfter(next, after string) bool {
	if next == "" || strings.EqualFold(next, "block") || strings.EqualFold(next, "blk") || countDigits(next) > 0 && !numbered(next) {
		return false
	}
	clean := func(s string) string { return strings.ToLower(strings.Trim(s, ".,")) }
	return len(next) > 2 && streets[clean(after)]
}

func numbered(s string) bool {
	s = strings.ToLower(s)
	return strings.HasSuffix(s, "st") || strings.HasSuffix(s, "nd") || strings.HasSuffix(s, "rd") || strings.HasSuffix(s, "th")
}

// isName reports a common first name and a word that can be a last name.
func isName(first, last string) bool {
	f := strings.ToLower(strings.Trim(first, ".'"))
	if !firstNames[f] {
		return false
	}
	l := strings.Trim(last, ".'")
	if len(l) < 3 || !unicode.IsLetter(rune(l[0])) || countDigits(l) > 0 || strings.ContainsAny(l, "/@_") {
		return false
	}
	// Either as names are written, or all in one case, where the word must at
	// least be none of the trade's.
	title := unicode.IsUpper(rune(first[0])) && unicode.IsUpper(rune(l[0]))
	return title && !noLastNames[strings.ToLower(l)] && !streets[strings.ToLower(l)]
}

// firstNames are first names common in the United States (of the Social
// Security Administration's lists), without those that are words of reports too.
var firstNames = set(`james robert john michael david william richard joseph thomas christopher charles daniel matthew
	anthony steven andrew paul joshua kenneth kevin brian timothy ronald jason george edward jeffrey ryan jacob nicholas gary
	eric jonathan stephen larry justin scott brandon benjamin samuel gregory alexander patrick jack dennis jerry tyler aaron
	jose adam nathan henry zachary douglas peter kyle noah ethan jeremy walter keith roger terry sean gerald carl dylan harold
	arthur lawrence jordan jesse bryan billy bruce gabriel joe logan alan juan albert willie wayne randy mason vincent liam roy
	bobby caleb bradley russell lucas luis carlos miguel angel jesus antonio francisco manuel pedro
	mary patricia jennifer linda elizabeth barbara susan jessica karen sarah lisa nancy sandra betty ashley emily kimberly
	margaret donna michelle carol amanda melissa deborah stephanie rebecca sharon laura cynthia amy kathleen angela shirley
	brenda emma anna pamela nicole samantha katherine christine helen debra rachel carolyn janet maria catherine heather diane
	olivia julie joyce victoria ruth virginia lauren kelly christina joan evelyn judith andrea hannah megan cheryl jacqueline
	martha madison teresa gloria sara janice ann kathryn abigail sophia jean alice judy isabella julia denise amber danielle
	brittany diana natalie rosa guadalupe carmen`)

// noLastNames are words that follow a first name without being a last name.
var noLastNames = set(`alert county city township park school high elementary creek river lake beach island springs hill hills
	valley heights ave pd so police sheriff department dept search case investigation warrant vehicle suspect subject
	victim theft burglary robbery assault homicide stolen missing person area apartments apt mall bank hospital church college
	university market store motel hotel inn and or the for with from near at on in of was has task force unit team detective det
	officer deputy sgt ofc north south east west martin luther deere law act doe state patrol project operation request assist`)

func set(list string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		m[w] = true
	}
	return m
}
