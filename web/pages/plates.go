package pages

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"porchlight/web/i18n"
)

// Plates is what an agency's page says of it in the plate network, all of it
// counted from the ledger. The zero value of a part says nothing of it.
type Plates struct {
	Cameras          int    // in use
	CamEntry         uint64 // where that stands; 0: it never had one
	KeptDays         int    // its reads are kept; with KeptMins below a day
	KeptMins         int
	Purged, Held     int
	Searches         int
	Networks         int // agencies asked by a search, on average, rounded
	Widest           int // agencies asked by the widest
	WidestCameras    int
	LookBackDays     int // of the search that looked back farthest, rounded up
	Approved, Abroad int
	Exported         int
	Refused          int
	Purposes         []Count // words of "purpose"
	Offenses         []Count
	Behalf           []Count // words of "agency.kind"
	RefusedBy        []Ruled
	Answers          []Answered
	Denials          []Ruled
	Lists            []Alerts
	SeesUs, WeSee    []string // names of agencies, and origins of other exchanges
	Setting          *SharingChange
	Changes          []SharingChange // newest first
	Bars             []Bar
}

// Count is how often something was.
type Count struct {
	What string
	Name string // in words; "" where the catalogue has them
	N    int
}

// Ruled is how often a rule refused.
type Ruled struct {
	ID    string
	Plain map[string]string
	N     int
}

// Answered is how one agency's searches of this one's reads were answered.
type Answered struct {
	Name               string
	Exchange           string // "" here
	Permitted, Refused int
}

// Alerts are a hotlist's.
type Alerts struct {
	Name                                       string // "" when its agency keeps it to itself
	Kind                                       string // word of "lists.kind"
	Entries                                    int
	Raised, Confirmed, Misread, Stale, Mistook int
	Wrong                                      string // share of the resolved that were wrong, e.g. "12 %"; "" when none was
}

// SharingChange is one setting of who may search.
type SharingChange struct {
	Entry          uint64
	At             time.Time // the hour of the act
	Audience       string    // word of "sharing.audience"
	Km             int
	Names          []string // agencies and exchanges it names
	Added, Removed []string // against the one before
	Voided         bool
	Unproved       bool
}

// Bar is a state whose reads the agency may not search.
type Bar struct {
	State        string
	Since, Ended time.Time // hours; Ended is zero while it stands
	Entry        uint64
}

// bar draws a count against the most, as an inline picture beside its number.
func bar(n, most int) template.HTML {
	wide := 0
	if most > 0 {
		wide = max(1, n*120/most)
	}
	return template.HTML(fmt.Sprintf(`<svg class="hbar" viewBox="0 0 120 10" aria-hidden="true"><rect width="%d" height="10" rx="2"/></svg>`, wide))
}

// most is the largest of the counts.
func most(counts []Count) (n int) {
	for _, c := range counts {
		n = max(n, c.N)
	}
	return n
}

// around draws who may search an agency's reads at its left, and whose it may
// search at its right. The page says the same in words.
func around(l i18n.Lang, name string, sees, seen []string) template.HTML {
	const wide, row, shown = 720, 30, 12
	side := func(names []string) []string {
		if len(names) > shown {
			return append(append([]string{}, names[:shown-1]...), l.Plural("sharing.more", len(names)-shown+1))
		}
		return names
	}
	left, right := side(sees), side(seen)
	high := max(3, len(left), len(right))*row + 24
	mid := high / 2
	cut := func(s string, n int) string {
		if r := []rune(s); len(r) > n {
			s = string(r[:n-1]) + "…"
		}
		return template.HTMLEscapeString(s)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="around" viewBox="0 0 %d %d" role="img" aria-label="%s">`, wide, high,
		template.HTMLEscapeString(l.T("plate.page.picture", "name", name, "in", l.Int(len(sees)), "out", l.Int(len(seen)))))
	place := func(i, n int) int { return mid + (2*i-n+1)*row/2 }
	for i, s := range left {
		y := place(i, len(left))
		fmt.Fprintf(&b, `<path class="in" d="M232 %d C290 %d 262 %d 284 %d"/><text x="224" y="%d" text-anchor="end">%s</text>`, y, y, mid, mid, y+5, cut(s, 27))
	}
	for i, s := range right {
		y := place(i, len(right))
		fmt.Fprintf(&b, `<path class="out" d="M436 %d C462 %d 440 %d 488 %d"/><text x="496" y="%d">%s</text>`, mid, mid, y, y, y+5, cut(s, 27))
	}
	for _, side := range []struct {
		empty bool
		x     int
		at    string
	}{{len(left) == 0, 224, "end"}, {len(right) == 0, 496, "start"}} {
		if side.empty {
			fmt.Fprintf(&b, `<text class="none" x="%d" y="%d" text-anchor="%s">%s</text>`, side.x, mid+5, side.at, cut(l.T("sharing.nobody-here"), 40))
		}
	}
	fmt.Fprintf(&b, `<rect x="284" y="%d" width="152" height="44" rx="8"/><text class="us" x="360" y="%d" text-anchor="middle">%s</text></svg>`, mid-22, mid+5, cut(name, 16))
	return template.HTML(b.String())
}
