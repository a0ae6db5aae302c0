// Package i18n speaks the visitor's language on the server's pages, from the
// catalogues in web/messages. The app has its own dozen lines over the same
// files (web/app/src/lib/i18n).
package i18n

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"porchlight/web/messages"
)

// Lang is a language we speak: "en", "es" or "nl".
type Lang string

// Languages in the order the switch shows them; the first is the default.
var Languages = []Lang{"en", "es", "nl"}

var (
	catalogues = load()
	matcher    = language.NewMatcher([]language.Tag{language.English, language.Spanish, language.Dutch})
)

func load() map[Lang]map[string]string {
	all := make(map[Lang]map[string]string)
	for _, l := range Languages {
		all[l] = make(map[string]string)
		for _, folder := range []string{"", "home/"} {
			text, err := messages.FS.ReadFile(folder + string(l) + ".json")
			if err != nil {
				panic(err) // embedded: missing only if the build is broken
			}
			m := all[l]
			if err := json.Unmarshal(text, &m); err != nil { // adds to m
				panic(fmt.Sprintf("messages %s%s: %v", folder, l, err))
			}
		}
	}
	return all
}

// Parse returns the language named by s and whether we speak it.
func Parse(s string) (Lang, bool) {
	l := Lang(s)
	_, ok := catalogues[l]
	return l, ok
}

// FromRequest chooses the language of an answer: ?lang=, else the cookie
// "lang", else Accept-Language, else English.
func FromRequest(r *http.Request) Lang {
	if l, ok := Parse(r.URL.Query().Get("lang")); ok {
		return l
	}
	if c, err := r.Cookie("lang"); err == nil {
		if l, ok := Parse(c.Value); ok {
			return l
		}
	}
	tags, _, _ := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	_, i, _ := matcher.Match(tags...)
	return Languages[i]
}

// Name is what the language calls itself.
func (l Lang) Name() string {
	return map[Lang]string{"en": "English", "es": "Español", "nl": "Nederlands"}[l]
}

// T returns the message of key, with {name} placeholders filled from pairs
// ("name", value, ...). A key without a message comes back as it is.
func (l Lang) T(key string, pairs ...any) string {
	text, ok := catalogues[l][key]
	if !ok {
		return key
	}
	return fill(text, pairs)
}

// Has reports whether key has a message: for keys built from data.
func (l Lang) Has(key string) bool {
	_, ok := catalogues[l][key]
	return ok
}

// Plural returns the message key.one or key.other for n. English, Spanish and
// Dutch agree that only 1 is "one" among whole numbers. {n} is n.
func (l Lang) Plural(key string, n int, pairs ...any) string {
	form := ".other"
	if n == 1 {
		form = ".one"
	}
	return l.T(key+form, append(pairs, "n", l.Int(n))...)
}

func fill(text string, pairs []any) string {
	if len(pairs) == 0 {
		return text
	}
	old := make([]string, 0, len(pairs))
	for i := 0; i+1 < len(pairs); i += 2 {
		old = append(old, fmt.Sprintf("{%v}", pairs[i]), fmt.Sprint(pairs[i+1]))
	}
	return strings.NewReplacer(old...).Replace(text)
}

// Int writes n with the language's thousands separator.
func (l Lang) Int(n int) string {
	sep := ","
	if l != "en" {
		sep = "."
	}
	s := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + sep + s[i:]
	}
	return sign + s
}

// Decimal writes x with at most places decimals and the language's decimal mark.
func (l Lang) Decimal(x float64, places int) string {
	scale := math.Pow10(places)
	s := strconv.FormatFloat(math.Round(x*scale)/scale, 'f', -1, 64)
	if l != "en" {
		s = strings.Replace(s, ".", ",", 1)
	}
	return s
}

// Date writes the day of t, in t's zone: "Nov 22, 2026".
func (l Lang) Date(t time.Time) string {
	month := strings.Fields(l.T("date.months"))[t.Month()-1]
	return l.T("date.day", "day", t.Day(), "month", month, "year", t.Year())
}

// Time writes the day, the minute and the zone of t: "Nov 22, 2026, 21:05 CST".
func (l Lang) Time(t time.Time) string {
	return l.Date(t) + ", " + t.Format("15:04 MST")
}

// Window writes a span of time, naming the day once when it is one day.
func (l Lang) Window(from, to time.Time) string {
	weekday := strings.Fields(l.T("date.weekdays"))[from.Weekday()]
	if l.Date(from) == l.Date(to) {
		return weekday + " " + l.Date(from) + ", " + from.Format("15:04") + "–" + to.Format("15:04 MST")
	}
	return weekday + " " + l.Date(from) + ", " + from.Format("15:04") + " – " +
		strings.Fields(l.T("date.weekdays"))[to.Weekday()] + " " + l.Time(to)
}
