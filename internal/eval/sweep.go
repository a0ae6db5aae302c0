package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"

	"porchlight/purpose"
)

// disguises are the ways to type words sideways that a machine can apply to any
// of them. Each returns every result it has, none where it does not apply.
var disguises = []struct {
	name string
	of   func(words string) []string
}{
	{"dots", between(".")},
	{"hyphens", between("-")},
	{"spaces", between(" ")},
	{"zero-width spaces", between("\u200b")},
	{"soft hyphens", between("\u00ad")},
	{"Cyrillic letters", replacing("aа", "cс", "eе", "iі", "oо", "pр", "xх", "yу")},
	{"digits for letters", replacing("a4", "e3", "i1", "o0", "s5")},
	{"glued", func(w string) []string { return changed(w, strings.ReplaceAll(w, " ", "")) }},
	{"cut in two", anywhere(6, func(w []rune, i int) string { return string(w[:i]) + " " + string(w[i:]) })},
	{"a letter left out", anywhere(7, func(w []rune, i int) string { return string(w[:i]) + string(w[i+1:]) })},
	{"a letter doubled", anywhere(7, func(w []rune, i int) string { return string(w[:i]) + string(w[i:i+1]) + string(w[i:]) })},
	{"two letters swapped", anywhere(7, func(w []rune, i int) string {
		return string(w[:i]) + string(w[i+1]) + string(w[i]) + string(w[i+2:])
	})},
}

// changed is the result, if it is one.
func changed(before, after string) []string {
	if before == after {
		return nil
	}
	return []string{after}
}

// between puts a mark between the letters of each word.
func between(mark string) func(string) []string {
	return func(words string) []string {
		var b strings.Builder
		last := ' '
		for _, r := range words {
			if unicode.IsLetter(r) && unicode.IsLetter(last) {
				b.WriteString(mark)
			}
			b.WriteRune(r)
			last = r
		}
		return changed(words, b.String())
	}
}

// replacing puts one letter for another, in pairs.
func replacing(pairs ...string) func(string) []string {
	var list []string
	for _, p := range pairs {
		_, n := utf8.DecodeRuneInString(p)
		list = append(list, p[:n], p[n:])
	}
	r := strings.NewReplacer(list...)
	return func(words string) []string {
		lower := strings.ToLower(words)
		return changed(lower, r.Replace(lower))
	}
}

// anywhere changes the longest word, of at least so many letters, at each place
// but its first and last two letters.
func anywhere(letters int, change func(word []rune, i int) string) func(string) []string {
	return func(words string) (all []string) {
		longest := ""
		for _, w := range strings.FieldsFunc(words, func(r rune) bool { return !unicode.IsLetter(r) }) {
			if utf8.RuneCountInString(w) > utf8.RuneCountInString(longest) {
				longest = w
			}
		}
		runes := []rune(longest)
		for i := 2; len(runes) >= letters && i < len(runes)-2; i++ {
			all = append(all, changed(words, strings.Replace(words, longest, change(runes, i), 1))...)
		}
		return all
	}
}

// printSweep disguises by machine the plain banned texts that are found, in the
// words that gave them away, and all words of the hard negatives; on request also
// what went wrong.
func printSweep(w io.Writer, e engines, rows []labelled, misses bool) {
	fmt.Fprintf(w, "\nThe same half, disguised by machine:\n\n")
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	wrong := func(is bool, disguise, text string) {
		if is && misses {
			fmt.Fprintf(w, "%s: %q\n", disguise, text)
		}
	}
	fmt.Fprintln(tab, "disguise\tbanned\tstill found\thard negatives\tfalse alarms per 1,000")
	for _, d := range disguises {
		var found, alarms share
		for _, r := range rows {
			isBanned := slices.ContainsFunc(r.classes, isBannedClass)
			switch words := givenAway(e.read(r.state, r.text)); {
			case r.kind == "plain" && isBanned && words != "":
				for _, o := range d.of(words) {
					text := strings.Replace(r.text, words, o, 1)
					is := seemsBanned(e, r.state, text)
					found.add(is)
					wrong(!is, d.name, text)
				}
			case r.kind == "negative" && !isBanned && words == "":
				for _, text := range d.of(r.text) {
					is := seemsBanned(e, r.state, text)
					alarms.add(is)
					wrong(is, d.name, text)
				}
			}
		}
		fmt.Fprintf(tab, "%s\t%d\t%v\t%d\t%.1f\n", d.name, found.of, found, alarms.of, 1000*alarms.value())
	}
	tab.Flush()
}

func isBannedClass(c purpose.Class) bool { return slices.Contains(banned, c) }

func seemsBanned(e engines, state, text string) bool {
	return slices.ContainsFunc(e.read(state, text).classes, isBannedClass)
}

// givenAway are the words of the surest banned finding that counts, "" of none.
func givenAway(r reading) string {
	words, most := "", purpose.Threshold
	for _, f := range r.findings {
		if isBannedClass(f.Class) && f.Confidence >= most {
			words, most = f.Words, f.Confidence
		}
	}
	return words
}
