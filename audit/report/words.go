package report

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"porchlight/audit"
	"porchlight/searchlog"
)

// group is how purposes are drawn together: a few colors a reader can tell apart.
type group struct{ Key, Name string }

var groups = []group{
	{"crime", "Crimes, warrants, missing persons and other police calls"},
	{"other", "Traffic, civil and administrative"},
	{"testing", "Testing and training"},
	{"sensitive", "Sensitive: immigration, care, protest, personal"},
	{"little", "Says little: vague, a number only, unreadable"},
	{"none", "No reason"},
	{"untold", "Not told: masked or not exported"},
}

// classes are the classes of package purpose, as a reader understands them, in the order shown.
var classes = []struct{ class, group, name string }{
	{"crime", "crime", "A crime"},
	{"stolen-vehicle", "crime", "Stolen vehicle or plate"},
	{"missing-person", "crime", "Missing or endangered person"},
	{"warrant", "crime", "Warrant or wanted person"},
	{"bolo", "crime", "Be on the lookout"},
	{"welfare-check", "crime", "Welfare check"},
	{"interdiction", "crime", "Interdiction"},
	{"traffic", "other", "Traffic and low-level"},
	{"civil", "other", "Civil or administrative"},
	{"testing", "testing", "Testing or training"},
	{"immigration", "sensitive", "Immigration enforcement"},
	{"reproductive-care", "sensitive", "Reproductive or gender-affirming care"},
	{"protected-activity", "sensitive", "Protest and other protected activity"},
	{"personal", "sensitive", "The searcher’s own affairs"},
	{"vague", "little", "Vague, such as “investigation”"},
	{"case-number", "little", "A case number only"},
	{"unreadable", "little", "Unreadable"},
	{"unstated", "none", "No reason"},
}

// className is the class in plain words, and its group; a class that is not
// known here stands as it is.
func className(class string) (name, group string) {
	for _, c := range classes {
		if c.class == class {
			return c.name, c.group
		}
	}
	return class, "other"
}

// offenses are the NIBRS codes in plain words (FBI, NIBRS User Manual, 2023, groups A and B).
var offenses = map[string]string{
	"09A": "Murder", "09B": "Negligent manslaughter", "09C": "Justifiable homicide", "100": "Kidnapping", "11A": "Rape", "11B": "Sodomy",
	"11C": "Sexual assault with an object", "11D": "Fondling", "120": "Robbery", "13A": "Aggravated assault", "13B": "Simple assault",
	"13C": "Intimidation", "200": "Arson", "210": "Extortion", "220": "Burglary", "23A": "Pocket-picking", "23B": "Purse-snatching",
	"23C": "Shoplifting", "23D": "Theft from a building", "23E": "Theft from a coin machine", "23F": "Theft from a vehicle",
	"23G": "Theft of vehicle parts", "23H": "Other larceny", "240": "Motor vehicle theft", "250": "Counterfeiting or forgery",
	"26A": "Fraud by false pretenses", "26B": "Card fraud", "26C": "Impersonation", "26D": "Welfare fraud", "26E": "Wire fraud",
	"26F": "Identity theft", "26G": "Computer intrusion", "26H": "Money laundering", "270": "Embezzlement", "280": "Stolen property", "290": "Vandalism",
	"35A": "Drugs", "35B": "Drug equipment", "36A": "Incest", "36B": "Statutory rape", "370": "Obscene material", "39A": "Gambling", "39B": "Running a gambling place",
	"39C": "Gambling equipment", "39D": "Sports tampering", "40A": "Prostitution", "40B": "Assisting prostitution", "40C": "Buying prostitution",
	"49A": "Harboring a fugitive", "49B": "Fleeing prosecution", "49C": "Fleeing prison", "510": "Bribery", "520": "Weapons", "521": "Weapons", "522": "Weapons", "526": "Explosives",
	"61A": "Import offenses", "61B": "Export offenses", "620": "Wildlife", "64A": "Human trafficking for sex", "64B": "Human trafficking for labor", "720": "Animal cruelty",
	"90A": "Bad checks", "90B": "Curfew or loitering", "90C": "Disorderly conduct", "90D": "Driving under the influence", "90E": "Drunkenness", "90F": "Family offenses",
	"90G": "Liquor laws", "90H": "Peeping tom", "90I": "Runaway", "90J": "Trespass", "90K": "Bail offenses", "90L": "Federal liquor offenses", "90M": "Perjury", "90Z": "Other offenses",
}

// fields are the cells of a row in the order a reader wants them.
var fields = []string{"time", "searcher", "agency", "reason", "prompt", "offense", "case", "plate", "filters", "networks", "devices", "from", "to", "type", "moderation", "id"}

var fieldNames = map[string]string{
	"id": "Search id", "searcher": "Searcher", "agency": "Agency", "networks": "Networks", "devices": "Devices", "from": "Searched from", "to": "Searched to",
	"plate": "Plate", "reason": "Reason", "case": "Case", "offense": "Offense", "filters": "Filters", "time": "Time", "type": "Kind", "prompt": "Prompt", "moderation": "Moderation",
}

func fieldName(f string) string { return cmp.Or(fieldNames[f], f) }

// ordered are the keys of a row's cells (or of a file's) in the order of fields.
func ordered[V any](cells map[string]V) []string {
	return slices.SortedFunc(maps.Keys(cells), func(a, b string) int {
		place := func(f string) int {
			if i := slices.Index(fields, f); i >= 0 {
				return i
			}
			return len(fields)
		}
		return cmp.Or(cmp.Compare(place(a), place(b)), strings.Compare(a, b))
	})
}

// counted is one entry of a count.
type counted struct {
	Key string
	N   int
}

// most are the entries of a count, the largest first.
func most(counts map[string]int) []counted {
	all := make([]counted, 0, len(counts))
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, counted{k, counts[k]})
	}
	slices.SortStableFunc(all, func(a, b counted) int { return b.N - a.N })
	return all
}

// number writes a count that may have a fraction, with at most one digit of it.
func number(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) || math.Abs(x) > 1e15 {
		return "–"
	}
	tenths := int(math.Round(x * 10))
	if tenths%10 == 0 {
		return audit.Grouped(tenths / 10)
	}
	return audit.Grouped(tenths/10) + "." + strconv.Itoa(max(tenths%10, -(tenths%10)))
}

// percent writes part of whole, never 0% of something or 100% of less than all.
func percent(part, whole int) string {
	if whole <= 0 {
		return "–"
	}
	p := 100 * float64(part) / float64(whole)
	switch {
	case part == 0:
		return "0%"
	case part == whole:
		return "100%"
	case p < 0.1:
		return "under 0.1%"
	case p > 99.9:
		return "over 99.9%"
	case p < 10 || p > 90 && p != math.Trunc(p):
		return strconv.FormatFloat(p, 'f', 1, 64) + "%"
	}
	return strconv.FormatFloat(p, 'f', 0, 64) + "%"
}

// plural writes a count and its noun: 1 search, 2 searches. The plural is given
// where it is not the noun with an s.
func plural(n int, noun string, more ...string) string {
	if n == 1 {
		return "1 " + noun
	}
	if len(more) > 0 {
		return audit.Grouped(n) + " " + more[0]
	}
	return audit.Grouped(n) + " " + noun + "s"
}

func searches(n int) string { return plural(n, "search", "searches") }

// hours writes a look-back in the unit a reader counts it in.
func hours(h float64) string {
	switch {
	case h < 1:
		return number(h*60) + " minutes"
	case h < 48:
		return number(h) + " hours"
	}
	return number(h/24) + " days"
}

// day writes a day for people; "unknown" for none.
func day(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.In(zone).Format("January 2, 2006")
}

// span writes two days short: Jul 14 – Aug 13, 2025.
func span(first, last time.Time, zone *time.Location) string {
	a, b := first.In(zone), last.In(zone)
	switch {
	case a.Format(time.DateOnly) == b.Format(time.DateOnly):
		return a.Format("Jan 2, 2006")
	case a.Year() == b.Year():
		return a.Format("Jan 2") + " – " + b.Format("Jan 2, 2006")
	}
	return a.Format("Jan 2, 2006") + " – " + b.Format("Jan 2, 2006")
}

// unit is the noun of what a finding counts, for n of them.
func unit(n int, of string) string {
	of = cmp.Or(of, "searches")
	if n != 1 {
		return of
	}
	if of == "searches" {
		return "search"
	}
	return strings.TrimSuffix(of, "s")
}

// days is how many days a span touches.
func days(first, last time.Time, zone *time.Location) int {
	if first.IsZero() || last.Before(first) {
		return 0
	}
	begin := func(t time.Time) time.Time {
		y, m, d := t.In(zone).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	return int(begin(last).Sub(begin(first)).Hours()/24) + 1
}

// location is the zone of a result; UTC where its name is none (a redacted or
// foreign result) or the zone is not known on this machine.
func location(name string) *time.Location {
	if z, err := time.LoadLocation(name); err == nil && name != "Local" {
		return z
	}
	return time.UTC
}

// monthName writes 2025-11 as Nov 2025.
func monthName(m string) string {
	t, err := time.Parse("2006-01", m)
	if err != nil {
		return m
	}
	return t.Format("Jan 2006")
}

// list writes "a, b and c".
func list(items []string) string {
	switch len(items) {
	case 0:
		return ""
	case 1:
		return items[0]
	}
	return strings.Join(items[:len(items)-1], ", ") + " and " + items[len(items)-1]
}

// lines writes line numbers, the first few of them.
func lines(all []int, total int) string {
	const shown = 20
	var b strings.Builder
	for i, n := range all[:min(shown, len(all))] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(audit.Grouped(n))
	}
	if left := max(total, len(all)) - min(shown, len(all)); left > 0 {
		fmt.Fprintf(&b, " and %s more", audit.Grouped(left))
	}
	return b.String()
}

// upper writes the first letter large.
func upper(s string) string {
	if s == "" {
		return s
	}
	r := []rune(s)
	return string(unicode.ToUpper(r[0])) + string(r[1:])
}

// kind says what a file's variant is.
func kind(variant string) string {
	if variant == "" {
		return "Not recognised"
	}
	return upper(cmp.Or(searchlog.Variants[variant], variant))
}

// ruleTitles are the titles of rules, as they stand within a sentence.
func ruleTitles(ids []string) []string {
	out := slices.Clone(ids)
	for _, r := range audit.Rules() {
		for i, id := range ids {
			if id == r.ID {
				out[i] = "“" + r.Title + "”"
			}
		}
	}
	return out
}
