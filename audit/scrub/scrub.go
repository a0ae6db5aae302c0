// Package scrub takes out of a text what could name a person. It does not look
// for names; it keeps what it knows: the words of words.txt, codes that package
// purpose reads, and what its caller allows.
package scrub

import (
	_ "embed"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"porchlight/purpose"
)

//go:embed words.txt
var wordFile string

// tongue says how far a word of words.txt is trusted.
type tongue byte

const (
	common  tongue = iota + 1
	maybe          // also a person's name
	program        // so often a name that only the program's own sentences may say it
)

var vocabulary = sync.OnceValue(func() map[string]tongue {
	words := map[string]tongue{}
	for line := range strings.Lines(wordFile) {
		switch line = strings.TrimSpace(line); {
		case line == "" || line[0] == '#':
		case strings.HasPrefix(line, "? "):
			words[line[2:]] = maybe
		case strings.HasPrefix(line, "~ "):
			words[line[2:]] = program
		default:
			words[line] = common
		}
	}
	return words
})

// Knows reports whether a word may stand in what is published.
func Knows(word string) bool { return vocabulary()[folded(word)] == common }

// folded is a word as words.txt has it: lower case, no accents.
func folded(word string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(word) {
		if !unicode.In(r, unicode.Mn, unicode.Cf) {
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return b.String()
}

// Shapes that are replaced whatever the words in them, the longer first. Dates
// come before telephone numbers, which they look like.
var shapes = []struct {
	shape *regexp.Regexp
	as    string
}{
	{regexp.MustCompile(`\S+@\S+`), "[e-mail]"},
	{regexp.MustCompile(`(?i)\b(?:https?|ftp)://\S+|\bwww\.\S+`), "[link]"},
	{regexp.MustCompile(`(?i)\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b`), "[id]"},
	{regexp.MustCompile(`(?i)\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?[ -]{0,2}\d{1,2}(?:st|nd|rd|th)?,?[ -]{1,2}\d{2,4}\b`), "[date]"},
	{regexp.MustCompile(`(?i)\b\d{1,2}[ -]?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?[ ,-]{0,2}\d{2,4}\b`), "[date]"},
	{regexp.MustCompile(`\b\d{1,2}(?:/\d{1,2}/|-\d{1,2}-|\.\d{1,2}\.| \d{1,2} )\d{2,4}\b`), "[date]"},
	{regexp.MustCompile(`\b\d{4}(?:/\d{1,2}/|-\d{1,2}-| \d{1,2} )\d{1,2}\b`), "[date]"},
	{regexp.MustCompile(`\+?\(?\d(?:[\s()./-]{0,3}\d){6,}`), "[number]"},
}

// isoDay is a day as the program writes it.
var isoDay = regexp.MustCompile(`\b(20[12]\d)-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])\b`)

// chunk is a word, or what hangs together with digits in it: 26-01254, 245(a)(2)PC.
var chunk = regexp.MustCompile(`[\p{L}\p{M}\p{N}]+(?:(?:[-./:#'’&]|\(|\)\(?)?[\p{L}\p{M}\p{N}]+)*\)?`)

// harmless are numbers in the program's own sentences: counts, times, days, percentages, sections of a statute.
var harmless = regexp.MustCompile(`^(?:\d{1,5}|\d{1,3}(?:,\d{3})+|\d{1,2}:\d{2}(?::\d{2})?|20[12]\d-(?:0[1-9]|1[0-2])(?:-\d{2})?|` +
	`\d{1,5}(?:\.\d{1,3}){0,2}(?:[-:/]\d{1,3}(?:\.\d{1,3})?){0,2}(?:-?[a-z])?(?:\([a-zA-Z0-9]{1,3}\))*\)?|\d{1,4}(?:st|nd|rd|th|x|h|am|pm)|\d{1,4}-(?:day|hour|minute|second|month|year|column)s?|UTC[-+]?\d{1,2}(?::\d{2})?|1[0-3][A-HX]|[29]0[A-Z]|[23][0-9][A-H])$`)

// private is a rune that stands for a part already dealt with.
const private = '\uE000'

// Text keeps of a text the words of words.txt and codes that package purpose
// knows, and puts [word], [plate], [date], [number]... for the rest. With own,
// the text is a sentence of the program and may hold numbers too. Phrases in
// known are replaced by their values, whatever they say.
func Text(text string, own bool, known map[string]string) string {
	text = strings.Map(func(r rune) rune {
		if r >= private && r <= '\uF8FF' || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))
	var held []string
	hold := func(as string) string {
		held = append(held, as)
		return string(private + rune(len(held)-1))
	}
	// Each stand-in is one private rune; a text with more of them than there are
	// such runes is no reason anybody typed.
	full := func() bool { return len(held) > 6000 }

	phrases := make([]string, 0, len(known))
	for p := range known {
		if len(p) > 1 && strings.Contains(text, p) {
			phrases = append(phrases, p)
		}
	}
	slices.SortFunc(phrases, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	for _, p := range phrases {
		text = replaceWhole(text, p, func() string { return hold(known[p]) })
	}
	if own {
		text = isoDay.ReplaceAllStringFunc(text, func(s string) string {
			if s < "2015" || full() {
				return "[date]"
			}
			return hold(s)
		})
	}
	for _, s := range shapes {
		text = s.shape.ReplaceAllStringFunc(text, func(found string) string {
			if own && s.as == "[number]" && harmless.MatchString(found) {
				return found
			}
			if full() {
				return " "
			}
			return hold(s.as)
		})
	}

	text = words(text, own)

	var b strings.Builder
	for _, r := range text {
		if i := int(r - private); r >= private && i < len(held) {
			b.WriteString(held[i])
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// replaceWhole replaces phrase where it stands as whole words, and is no part
// of a date or number either.
func replaceWhole(text, phrase string, by func() string) string {
	word := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	joins := func(r rune) bool { return strings.ContainsRune(".-/:,", r) }
	first, last := firstRune(phrase), lastRune(phrase)
	var b strings.Builder
	for at := 0; ; {
		i := strings.Index(text[at:], phrase)
		if i < 0 {
			return b.String() + text[at:]
		}
		i += at
		end := i + len(phrase)
		before, after := lastRune(text[:i]), firstRune(text[end:])
		inside := word(before) && word(first) || word(after) && word(last)
		if unicode.IsDigit(first) && joins(before) {
			inside = inside || unicode.IsDigit(lastRune(text[:i-len(string(before))]))
		}
		if unicode.IsDigit(last) && joins(after) {
			inside = inside || unicode.IsDigit(firstRune(text[end+len(string(after)):]))
		}
		b.WriteString(text[at:i])
		if inside {
			b.WriteString(phrase)
		} else {
			b.WriteString(by())
		}
		at = end
	}
}

func firstRune(s string) rune {
	for _, r := range s {
		return r
	}
	return ' '
}

func lastRune(s string) rune {
	if s == "" {
		return ' '
	}
	r := []rune(s[max(0, len(s)-4):])
	return r[len(r)-1]
}

// part is a chunk of a text and what is to stand there.
type part struct {
	from, to int
	as       string
	is       tongue // 0: it goes
}

// words replaces the chunks of a text that may not stay.
func words(text string, own bool) string {
	var parts []part
	read := codes(text, own)
	for _, at := range chunk.FindAllStringIndex(text, -1) {
		from := at[0]
		for _, r := range read { // codes, and disguises already read
			if r.from < at[1] && from < r.to {
				if from < r.from {
					parts = append(parts, judge(text, from, r.from, own)...)
				}
				from = max(from, r.to)
			}
		}
		if from < at[1] {
			parts = append(parts, judge(text, from, at[1], own)...)
		}
	}
	parts = append(parts, read...)
	slices.SortFunc(parts, func(a, b part) int { return a.from - b.from })

	// A word that may be a name goes with a neighbor that had to go, and two of
	// them in capitals go together.
	near := func(i, j int) bool {
		if i < 0 || j >= len(parts) {
			return false
		}
		return !strings.ContainsAny(text[parts[i].to:parts[j].from], "\n;|")
	}
	goes := make([]bool, len(parts))
	for i, p := range parts {
		goes[i] = p.is == 0
	}
	for i, p := range parts {
		if p.is != maybe && p.is != program {
			continue
		}
		for _, j := range []int{i - 1, i + 1} {
			if near(min(i, j), max(i, j)) {
				q := parts[j]
				goes[i] = goes[i] || q.is == 0 && q.as == "[word]" ||
					q.is == maybe && p.is == maybe && own && titled(text[p.from:p.to]) && titled(text[q.from:q.to]) ||
					q.is == program && titled(text[p.from:p.to]) && titled(text[q.from:q.to])
			}
		}
	}
	for i := 1; i < len(parts); i++ { // and what stands behind such a one
		if goes[i-1] && parts[i].is >= maybe && near(i-1, i) && parts[i-1].as != "[number]" {
			goes[i] = true
		}
	}

	var b strings.Builder
	end := 0
	for i, p := range parts {
		b.WriteString(text[end:p.from])
		switch {
		case goes[i] && p.is != 0:
			b.WriteString("[word]")
		case p.as != "":
			b.WriteString(p.as)
		default:
			b.WriteString(text[p.from:p.to])
		}
		end = p.to
	}
	b.WriteString(text[end:])
	return b.String()
}

func titled(word string) bool { return unicode.IsUpper(firstRune(word)) }

// judge says what becomes of a chunk: of its whole, or of the words in it.
func judge(text string, from, to int, own bool) []part {
	s := text[from:to]
	digits, letters := 0, 0
	for _, r := range s {
		switch {
		case unicode.IsDigit(r):
			digits++
		case unicode.IsLetter(r):
			letters++
		}
	}
	if digits == 0 {
		var parts []part
		for _, at := range simple.FindAllStringIndex(s, -1) {
			parts = append(parts, word(s[at[0]:at[1]], from+at[0], from+at[1], own))
		}
		return parts
	}
	whole := part{from: from, to: to}
	switch known := vocabulary()[folded(s)]; {
	case known == common, own && harmless.MatchString(s), letters == 0 && digits <= 2 && digits == len(s):
		whole.is = common
	case letters == 0 && len(s) == digits:
		whole.as = "[number]"
	case len(s) == 17:
		whole.as = "[vin]"
	case digits+letters == len(s) && len(s) <= 8:
		whole.as = "[plate]"
	default:
		// 26-01254, robbery-26/1254: words stay, and what has digits goes as one;
		// in the program's own, as audit-2026-01.csv, short numbers stay too.
		var parts []part
		short := own && digits <= 6 && !slices.ContainsFunc(simple.FindAllString(ending.ReplaceAllString(s, ""), -1), plateLetters)
		for _, at := range simple.FindAllStringIndex(s, -1) {
			w := s[at[0]:at[1]]
			if p := word(w, from+at[0], from+at[1], own); short && onlyDigits(w) == w && len(w) < 5 {
				p.is, p.as = common, ""
				parts = append(parts, p)
			} else if p.is != 0 && (len(w) > 3 || short) {
				parts = append(parts, p)
			}
		}
		if len(parts) == 0 {
			whole.as = "[number]"
			return []part{whole}
		}
		var all []part
		at := from
		for _, p := range append(parts, part{from: to, to: to, is: common}) {
			if strings.ContainsFunc(text[at:p.from], func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
				all = append(all, part{from: at, to: p.from, as: " [number] "})
			}
			if p.from < p.to {
				all = append(all, p)
			}
			at = p.to
		}
		return all
	}
	return []part{whole}
}

// plateLetters reports letters so few that they may belong to a plate.
func plateLetters(w string) bool { return len(w) < 4 && onlyDigits(w) == "" }

// ending is that of a file's name.
var ending = regexp.MustCompile(`(?i)\.(?:csv|tsv|txt|zip|xlsx|json)$`)

// simple is a word within a chunk.
var simple = regexp.MustCompile(`[\p{L}\p{M}\p{N}]+`)

func word(s string, from, to int, own bool) part {
	p := part{from: from, to: to}
	f := folded(s)
	p.is = vocabulary()[f]
	if p.is == 0 && len(f) == 1 {
		p.is = common // an initial, the s of a genitive
	}
	if p.is == program && !own {
		p.is = 0
	}
	if p.is == 0 && glued(s) {
		p.is = common
	}
	if p.is == 0 {
		p.as = "[word]"
	}
	return p
}

// glued reports a word put together of known ones, as in the label searchDate.
func glued(s string) bool {
	humps := hump.FindAllString(s, -1)
	return len(humps) > 1 && strings.Join(humps, "") == s && !slices.ContainsFunc(humps, func(h string) bool { return vocabulary()[folded(h)] != common })
}

var hump = regexp.MustCompile(`^[a-z]+|[A-Z][a-z]+|[A-Z]{2,}$`)

// codes are the parts of a text that package purpose reads as a code (211PC), and those
// it read through a disguise (1mmigration), which become what it read.
func codes(text string, own bool) []part {
	if own || len(text) > 4000 {
		return nil
	}
	var parts []part
	for _, f := range purpose.Classify(text) {
		if f.Start >= f.End || f.Confidence < purpose.Threshold ||
			slices.ContainsFunc(parts, func(p part) bool { return p.from < f.End && f.Start < p.to }) {
			continue
		}
		term, said := bare(f.Term), bare(f.Words)
		joined := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '#' }
		switch digits := onlyDigits(term); {
		case joined(lastRune(text[:f.Start])) || joined(firstRune(text[f.End:])): // part of a plate or a number
		case digits != "" && !strings.ContainsAny(f.Term, "*#") && codeOf(said, term, digits):
			parts = append(parts, part{from: f.Start, to: f.End, is: common})
		case f.Class == purpose.CaseNumber || f.Class == purpose.Unreadable || f.Class == purpose.Unstated || term == "":
		case disguised(f.Words): // the lexicon's own term may stand
			parts = append(parts, part{from: f.Start, to: f.End, as: "[reads: " + strings.ReplaceAll(f.Term, "*", "…") + "]", is: common})
		}
	}
	slices.SortFunc(parts, func(a, b part) int { return a.from - b.from })
	return parts
}

// codeOf reports that what was said is the code's number, with letters that the trade writes around one.
func codeOf(said, term, digits string) bool {
	rest, ok := strings.CutPrefix(onlyDigits(said), digits)
	if !ok || len(rest) > 1 || len(digits) > 6 {
		return false
	}
	for _, w := range regexp.MustCompile(`[a-z]+`).FindAllString(said, -1) {
		if len(w) > 1 && vocabulary()[w] == 0 && !strings.Contains(term, w) {
			return false
		}
	}
	return true
}

// disguised reports words that words.txt does not have, though the lexicon read them.
func disguised(words string) bool {
	for _, at := range chunk.FindAllString(words, -1) {
		for _, w := range simple.FindAllString(at, -1) {
			if vocabulary()[folded(w)] == 0 {
				return true
			}
		}
	}
	return strings.ContainsAny(words, ".-_*")
}

// bare is a text's letters and digits, folded.
func bare(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, folded(s))
}

func onlyDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}
