package report

import (
	"fmt"
	"strings"

	"porchlight/audit"
)

// summary says in a few plain sentences what the numbers are that matter, and
// what could not be known.
func summary(r *audit.Result) []string {
	if r.Rows == 0 {
		return []string{
			"No search was found in these files, so there is nothing to report on.",
			"The list of files below says what each of them is and what was done to its rows.",
		}
	}
	zone := location(r.Zone)
	var says []string

	s := fmt.Sprintf("These files hold %s of a plate-reader network", searches(r.Rows))
	if n := days(r.First, r.Last, zone); n > 1 {
		s += fmt.Sprintf(", made from %s to %s (%s)", day(r.First, zone), day(r.Last, zone), plural(n, "day"))
	} else if n == 1 {
		s += ", made on " + day(r.First, zone)
	}
	var by []string
	if n := len(r.Agencies); n > 0 {
		by = append(by, plural(n, "agency", map[bool]string{true: "or more agencies", false: "agencies"}[n >= 500]))
	}
	if r.Searchers.Number > 0 {
		by = append(by, plural(r.Searchers.Number, "searcher"))
	}
	if len(by) > 0 {
		s += ", by " + list(by)
	}
	says = append(says, s+".")

	unstated := r.Purposes["unstated"]
	little := r.Purposes["vague"] + r.Purposes["case-number"] + r.Purposes["unreadable"]
	switch {
	case r.Told == 0 || unstated == r.Told:
		says = append(says, "No search states a reason that can be read, so nothing can be said about purposes.")
	default:
		named := max(0, r.Told-unstated-little)
		s := ""
		if r.Told < r.Rows {
			s = fmt.Sprintf("The files tell the reasons of %s; of these ", searches(r.Told))
		}
		s += fmt.Sprintf("%s name a purpose (%s), %s say little, such as “investigation” (%s)", audit.Grouped(named), percent(named, r.Told), audit.Grouped(little), percent(little, r.Told))
		if unstated > 0 {
			s += fmt.Sprintf(" and %s state no reason (%s)", audit.Grouped(unstated), percent(unstated, r.Told))
		}
		says = append(says, s+".", sensitive(r))
	}

	if q := r.Reach.Networks; q.N > 0 && q.Most > 1 {
		s := fmt.Sprintf("Half of the searches that tell their reach went to %s networks or more at once; the widest went to %s", number(q.Median), number(q.Most))
		if q.Median <= 1 {
			s = fmt.Sprintf("Of %s that tell their reach, %s stayed within one network (%s); the widest went to %s networks at once",
				searches(r.Reach.Known), audit.Grouped(r.Reach.Single), percent(r.Reach.Single, r.Reach.Known), number(q.Most))
		}
		if d := r.Reach.Devices; d.N > 0 {
			s += fmt.Sprintf(" (%s cameras at most)", number(d.Most))
		}
		says = append(says, s+".")
	}

	if n := len(r.Findings); n == 0 {
		says = append(says, "None of the questions this program can ask was raised by the rows.")
	} else {
		s := fmt.Sprintf("The rows raise %s, listed below with their evidence. A question is not an accusation: each comes with what would explain it innocently.", plural(n, "question"))
		says = append(says, s)
	}
	if n := len(r.Unknown); n == 1 {
		says = append(says, "What could not be known: "+r.Unknown[0])
	} else if n > 1 {
		says = append(says, fmt.Sprintf("%s could not be known from these files; the first: %s", plural(n, "thing"), strings.TrimSpace(r.Unknown[0])))
	}
	return says
}

// sensitive says how many reasons speak of what laws most often ban.
func sensitive(r *audit.Result) string {
	var some []string
	for _, c := range []struct{ class, what string }{
		{"immigration", "immigration enforcement"}, {"reproductive-care", "reproductive or gender-affirming care"},
		{"protected-activity", "protest or other protected activity"}, {"personal", "the searcher’s own affairs"},
	} {
		if n := r.Purposes[c.class]; n > 0 {
			some = append(some, fmt.Sprintf("%s (%s)", c.what, searches(n)))
		}
	}
	if len(some) == 0 {
		return "No reason speaks of immigration enforcement, reproductive care, protest or the searcher’s own affairs."
	}
	return "The reasons speak of what laws most often restrict: " + list(some) + "."
}

// title is what the report calls itself.
func title(r *audit.Result, o Options) string {
	if o.Title != "" {
		return o.Title
	}
	return "How a plate-reader network was searched"
}

// subtitle is whose searches and when, in one line.
func subtitle(r *audit.Result) string {
	zone := location(r.Zone)
	var parts []string
	switch n := len(r.Agencies); {
	case n == 1 && r.Agencies[0].Name != "":
		parts = append(parts, r.Agencies[0].Name)
	case n > 1:
		parts = append(parts, plural(n, "searching agency", "searching agencies"))
	}
	if !r.First.IsZero() {
		parts = append(parts, day(r.First, zone)+" to "+day(r.Last, zone))
	}
	parts = append(parts, searches(r.Rows))
	return strings.Join(parts, " · ")
}
