package audit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"porchlight/policy/packs"
	"porchlight/purpose"
	"porchlight/searchlog"
)

// conclude writes the Result.
func (e *engine) conclude(reading *searchlog.Reading) *Result {
	v := e.v
	r := &Result{
		Made: e.options.Now, State: e.options.State, Zone: e.zone.String(), Rows: v.rows, Files: reading.Files,
		Purposes: map[string]int{}, Offenses: map[string]int{}, Months: []Month{}, Hours: v.hours,
		Agencies: []Agency{}, Findings: []Finding{}, Clear: []string{}, Unknown: []string{},
	}
	if r.Made.IsZero() {
		r.Made = time.Now()
	}
	r.Made = r.Made.UTC().Truncate(time.Second)
	for _, f := range reading.Files {
		if !f.First.IsZero() && (r.First.IsZero() || f.First.Before(r.First)) {
			r.First = f.First
		}
		if f.Last.After(r.Last) {
			r.Last = f.Last
		}
	}
	for _, key := range slices.Sorted(maps.Keys(v.months)) {
		m := v.months[key]
		r.Months = append(r.Months, Month{Month: fmt.Sprintf("%04d-%02d", key/12, key%12+1), Searches: m.searches, Told: m.told, Purposes: counts(&m.classes)})
		r.Told += m.told
		addCounts(r.Purposes, &m.classes)
	}
	r.Told += v.noMonth.told
	addCounts(r.Purposes, &v.noMonth.classes)
	for i, n := range v.offenses {
		if n > 0 {
			r.Offenses[v.reader.offenses[i-1]] = n
		}
	}
	r.Reach = v.reach
	r.Reach.States = map[string]int{}
	r.Reach.Networks, r.Reach.Devices = v.networks.quantiles(1), v.devices.quantiles(1)
	r.Reach.LookBack = v.lookBacks.quantiles(60)
	units := v.unitsBySearches()
	for _, u := range units {
		if u.state != "" {
			r.Reach.States[u.state] += u.searches
		}
	}
	for _, u := range units[:min(len(units), 500)] {
		r.Agencies = append(r.Agencies, Agency{Name: u.name, State: u.state, Kind: u.kind, Searches: u.searches, Purposes: counts(&u.classes)})
	}

	t := &teller{engine: e, reading: reading, agencies: map[uint32]string{}, tokens: map[person]string{}, plates: map[uint64]string{}}
	for _, u := range units {
		if have, ok := t.agencies[u.id]; !ok || u.name < have {
			t.agencies[u.id] = u.name
		}
	}
	r.Searchers = t.spread()
	for i := range rules {
		f, asked := t.finding(i)
		switch {
		case f != nil:
			r.Findings = append(r.Findings, *f)
		case asked:
			r.Clear = append(r.Clear, rules[i].ID)
		}
	}
	r.Assumptions = t.assumptions()
	r.Unknown = t.unknown()
	return r
}

func counts(by *[maxClasses]int) map[string]int {
	m := map[string]int{}
	addCounts(m, by)
	return m
}

func addCounts(into map[string]int, by *[maxClasses]int) {
	for i, n := range by {
		if n > 0 {
			into[string(classes[i])] += n
		}
	}
}

// unitsBySearches are the named agencies, those with most searches first.
func (v *visitor) unitsBySearches() []*unit {
	return slices.SortedFunc(maps.Values(v.units.by), func(a, b *unit) int {
		return cmp.Or(cmp.Compare(b.searches, a.searches), strings.Compare(a.name, b.name))
	})
}

// teller turns counts into sentences. Searchers and plates get numbers in the
// order in which they are told of, which say nothing to another report.
type teller struct {
	*engine
	reading  *searchlog.Reading
	agencies map[uint32]string
	tokens   map[person]string
	plates   map[uint64]string
}

func (t *teller) token(p person) string {
	if t.tokens[p] == "" {
		t.tokens[p] = fmt.Sprintf("S%d", len(t.tokens)+1)
	}
	return t.tokens[p]
}

func (t *teller) plate(p uint64) string {
	if t.plates[p] == "" {
		t.plates[p] = fmt.Sprintf("P%d", len(t.plates)+1)
	}
	return t.plates[p]
}

func (t *teller) spread() Spread {
	h := t.h
	s := Spread{Known: t.v.known, Number: h.perLogin.n, Top: []Searcher{}}
	q := h.perLogin.quantiles(1)
	s.Median, s.Most = q.Median, int(q.Most)
	for _, top := range h.top {
		s.Top = append(s.Top, Searcher{Token: t.token(top.person), Agency: t.agencies[top.agency], Searches: top.searches, Days: top.days, Night: top.night})
	}
	return s
}

// finding tells what a rule found, nil for nothing, and whether it could be asked.
func (t *teller) finding(rule int) (*Finding, bool) {
	switch rule {
	case ruleTruncated:
		return t.truncated(), true
	case ruleGap:
		return t.gaps(), len(t.v.months) > 0
	case ruleIDs:
		return t.ids(), true
	case ruleColumns:
		return t.columns(), true
	}
	c := &t.v.rules[rule]
	if c.count == 0 {
		return nil, c.of > 0
	}
	f := t.begin(rule)
	f.Count, f.Of, f.Instances = c.count, c.of, c.instances
	f.Rows = t.rows(rule, c.refs)
	f.Cases = t.cases(rule, c)
	f.Sensitivity = t.sensitivity(rule, c)
	return f, true
}

// begin fills in what a finding says whatever was found.
func (t *teller) begin(rule int) *Finding {
	r := rules[rule]
	return &Finding{
		Rule: r.ID, Title: r.Title, Question: r.Question, Law: t.law(rule), Threshold: t.threshold(rule), Assumptions: t.assumes(rule),
		Sensitivity: []Variation{}, Innocent: slices.Clone(r.Innocent), Unit: r.Unit, Cases: []Case{}, Rows: []Row{},
	}
}

// law is what the rule rests on, under the chosen state.
func (t *teller) law(rule int) []Law {
	l := &t.plan.law
	laws := []Law{}
	add := func(p packs.Law) { laws = append(laws, Law{Citation: p.Citation, Plain: p.Plain, URL: p.URL}) }
	found := func(class string) bool { // of the class something was found
		i := slices.Index(classes[:], purpose.Class(class))
		return i >= 0 && t.classCount(i) > 0
	}
	switch rule {
	case ruleBanned, ruleSensitive:
		of := l.Banned
		if rule == ruleSensitive {
			of = l.Sensitive
		}
		for _, p := range of {
			if found(p.Class) {
				add(p.Law)
			}
		}
		if len(laws) == 0 { // typed into a prompt or a case number only
			for _, p := range of {
				add(p.Law)
			}
		}
	case ruleUnlisted:
		for _, p := range l.PermittedOnly {
			add(p.Law)
		}
	case ruleNone, ruleVague:
		if l.Reason != nil {
			add(l.Reason.Law)
		}
	case ruleCaseMissing:
		if l.CaseNumber != nil {
			add(l.CaseNumber.Law)
		}
	case ruleLookBack:
		if l.LookBack != nil {
			add(l.LookBack.Law)
		}
		if l.Retention != nil {
			add(l.Retention.Law)
		}
	case ruleFederal, ruleOutside, ruleEnded:
		if l.Outside != nil {
			add(l.Outside.Law)
		}
	}
	return laws
}

func (t *teller) classCount(i int) int {
	n := t.v.noMonth.classes[i]
	for _, m := range t.v.months {
		n += m.classes[i]
	}
	return n
}

func (t *teller) threshold(rule int) string {
	l := &t.plan.law
	switch rule {
	case ruleBanned:
		return rules[rule].Threshold + ": " + strings.Join(t.banned.names(), ", ")
	case ruleSensitive:
		return rules[rule].Threshold + ": " + strings.Join(t.asked.names(), ", ")
	case ruleUnlisted:
		return rules[rule].Threshold + ": " + strings.Join((t.listed&^tested).names(), ", ") + "; testing is not held against it"
	case ruleLookBack:
		if l.LookBack == nil && l.Retention != nil && l.Retention.Days == 0 {
			return fmt.Sprintf("more than %d minutes, and a whole day or more, between the begin of the time frame and the search", l.Retention.Minutes)
		}
		s := fmt.Sprintf("more than %d whole days of 24 hours between the begin of the time frame and the search", t.lookBack/daySeconds)
		if l.LookBack != nil && l.LookBack.Unless != "" {
			s += ", unless " + l.LookBack.Unless
		}
		return s
	case ruleOutside:
		return fmt.Sprintf("the agency's name tells another state than %s", t.home)
	}
	return rules[rule].Threshold
}

// sensitivity tells the count under other assumptions. The numbers were counted
// where rows were read: the indices are those used there.
func (t *teller) sensitivity(rule int, c *tally) []Variation {
	out := []Variation{}
	count := func(k int, change string, args ...any) {
		out = append(out, Variation{Change: fmt.Sprintf(change, args...), Count: c.vary[k], Instances: c.varyOf[k]})
	}
	plus := func(change string, n int) { out = append(out, Variation{Change: change, Count: n}) }
	switch rule {
	case ruleBanned, ruleSensitive:
		count(0, "with words that are only a hint (confidence %.1f or more)", hintedAt)
		count(1, "only words that leave little doubt (confidence %.1f or more)", sureAt)
		count(2, "only as the reason or offense itself says, not the case field or the prompt")
		if c.vary[3] < c.count {
			count(3, "only searches since %s, when the law came to stand so", t.plan.law.Effective)
		}
	case ruleUnlisted:
		count(0, "only words that leave little doubt (confidence %.1f or more)", sureAt)
		if c.vary[1] < c.count {
			count(1, "only searches since %s, when the law came to stand so", t.plan.law.Effective)
		}
	case ruleNone:
		count(0, "without placeholders such as -- or N/A")
		count(1, "also where an offense is told in a column of its own")
		plus("if masked reasons were counted as missing (they are not)", c.count+c.vary[2])
	case ruleVague:
		count(0, "with reasons that are nothing but a case number")
		count(1, "without what could not be read")
		if c.vary[2] > 0 {
			plus("only before 2026, of "+Grouped(c.vary[2])+" reasons", c.vary[4])
		}
		if c.vary[3] > 0 {
			plus("only since January 2026, of "+Grouped(c.vary[3])+" reasons ("+Grouped(c.vary[7])+" of them in the style Category - detail)", c.vary[5])
		}
	case ruleCaseMissing:
		count(0, "every search without a number in this column")
		plus("also where the reason holds a case number", c.count+c.vary[1])
		plus("also tests", c.count+c.vary[2])
		plus("if masked numbers were counted as missing (they are not)", c.count+c.vary[3])
	case ruleCaseMalformed:
		count(0, "only what no agency could mean (fewer than three digits, repeated, 1-2-3, zeros)")
	case ruleLookBack:
		for i, d := range varyDays {
			count(i, "over %d whole days", d)
		}
		count(6, "over the limit by a second (%s); most of the difference is the product's own window from local midnight", exact(t.lookBack))
		if t.withCase {
			plus("also with a case number", c.count+c.vary[7])
		}
	case ruleWide:
		for i, n := range varyNetworks {
			count(i, "at least %s networks", Grouped(n))
		}
		count(5, "only where traffic, a civil matter or testing is named")
	case ruleFederal:
		count(0, "without task forces whose members are not told")
		count(1, "only where the agency itself is federal")
	case ruleOutside:
		count(0, "without federal agencies")
	case ruleEnded:
		for i, d := range [...]int{1, 7, 30} {
			count(i, "if it ended %s later", plural(d, "day"))
		}
	case ruleOverridden:
		count(0, "only warnings")
		count(1, "only blocks")
	case rulePersonal:
		count(len(noteNames), "without what is only a first and a last name")
	case ruleStreak:
		for i, n := range varyStreak {
			count(i, "at least %d days in a row", n)
		}
		n := len(varyStreak)
		count(n, "days in UTC")
		count(n+1, "days in standard time all year, without daylight saving")
		count(n+2, "at least %d days in a row, in standard time all year", varyStreak[0])
	case ruleShift:
		for i, y := range varyShift {
			count(i, "over %d hours without a pause of %d", y.span, y.rest)
		}
	case ruleOffHours:
		count(0, "everything outside the %d hours", habitHours)
		count(1, "of searchers with 90 %% in %d hours", habitHours)
		count(2, "of searchers with 98 %% in %d hours", habitHours)
	case ruleBurst:
		for i, n := range varyBurst {
			count(i, "at least %d searches in %d minutes", n, burstSpan/60)
		}
	case ruleTogether:
		for i, y := range varyTogether {
			count(i, "at most %d seconds apart, %s an hour or on %s", y.gap, plural(y.times, "time"), plural(y.days, "day"))
		}
	case ruleTravel:
		for i, s := range varyTravel {
			count(i, "within %d minutes", s/60)
		}
		plus(fmt.Sprintf("with logins that are a first and a last name, within %d minutes", travelGap/60), c.vary[1]+c.vary[len(varyTravel)])
	case ruleReturned:
		for i, n := range [...]int{3, 5, 7, 10} {
			count(i, "at least %d days, all hours alike", n)
		}
		count(4, "over %d days instead of %d", returnSpan/2, returnSpan)
		count(5, "also under one case number")
	case ruleCopied:
		for i, n := range varyCopied {
			count(i, "by at least %d searchers", n)
		}
		count(len(varyCopied), "only where agencies differ too")
	case ruleCaseReused:
		count(0, "at least 100 searches")
		count(1, "at least 300 searches")
		count(2, "only by many searchers or agencies, however many weeks")
	}
	return out
}

func exact(seconds int64) string {
	if seconds%daySeconds == 0 {
		return fmt.Sprintf("%d.0 days", seconds/daySeconds)
	}
	return fmt.Sprintf("%d minutes", seconds/60)
}

// Grouped writes a count with a comma between thousands.
func Grouped(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func plural(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return Grouped(n) + " " + unit + "s"
}

// assumes are the assumptions of one rule.
func (t *teller) assumes(rule int) []Assumption {
	a := []Assumption{}
	add := func(name, value, why string) { a = append(a, Assumption{name, value, why}) }
	zone := func() {
		add("time zone", t.zone.String(), "days and hours are counted in it; for an agency whose name tells another state, in that state's main zone")
	}
	switch rule {
	case ruleBanned, ruleSensitive, ruleUnlisted:
		add("confidence", fmt.Sprint(purpose.Threshold), "the words of a reason are read by a program: read the rows")
		if t.plan.law.Effective != "" {
			add("law in force since", t.plan.law.Effective, "searches before it are in the count")
		}
	case ruleVague:
		add("style of reasons", "free text before January 2026, Category - detail since", "the two are counted apart and must not be compared")
	case ruleEnded:
		for _, e := range t.options.Ended {
			add("access ended", e.Agency+": "+e.From.UTC().Format(time.RFC3339), "as given to this audit")
		}
	case ruleOutside:
		add("home state", t.home, "the state whose agencies are in state")
		add("state of an agency", "read from its name", "logs have no column for it")
	case ruleFederal:
		add("kind of agency", "read from names", "logs have no column for it")
	case ruleCaseMalformed:
		add("usual forms", "learned from each agency's own numbers", "no list of agencies' numbering exists")
	case ruleLookBack:
		add("day", "24 hours", "counted back from the time of the search")
		if t.v.noCaseInfo > 0 {
			add("case number", fmt.Sprintf("not told for %s of the long look-backs", Grouped(t.v.noCaseInfo)), "with one they would be allowed, so the number alone is no violation")
		}
		if t.plan.law.LookBack == nil && t.plan.law.Retention != nil {
			add("limit", "the time that reads may be kept", "the law sets no limit for searches of its own")
		} else if t.plan.law.LookBack == nil {
			add("limit", "30 days", "no law is applied; many agencies keep reads for 30 days")
		}
	case ruleStreak, ruleShift, ruleOffHours, ruleReturned:
		zone()
		add("searcher", "one login of one agency is one person", "names are compared as they stand")
		if rule == ruleReturned {
			add("personal hours", fmt.Sprintf("hours with under %d %% of a searcher's own searches; of one with fewer than %d searches, 22:00 to 6:00 and weekends", ownHoursShare, ownHours), "a night shift's nights are not personal")
			add("left out", "searches for stolen vehicles, BOLOs, missing people, warrants and tests; patterns instead of plates", "they look for one plate again and again")
		}
	case ruleBurst, ruleTogether, ruleTravel:
		add("searcher", "one login is one person", "names are compared as they stand")
	}
	return a
}

// rows turns refs into rows, with the words that count for the rule.
func (t *teller) rows(rule int, refs []ref) []Row {
	out := make([]Row, len(refs))
	for i, r := range refs {
		out[i] = t.row(r)
		out[i].Words = t.wordsFor(rule, out[i].Cells)
	}
	return out
}

func (t *teller) row(r ref) Row {
	cells := t.cells[r]
	if cells == nil {
		cells = map[string]string{}
	}
	return Row{File: t.pathOf(int(r.file)), Line: int(r.line), Cells: cells}
}

func (t *teller) pathOf(file int) string {
	if file < len(t.reading.Files) {
		return t.reading.Files[file].Path
	}
	return ""
}

// textFields are those whose words may speak of a purpose.
var textFields = [...]searchlog.Field{searchlog.Reason, searchlog.Offense, searchlog.Case, searchlog.Prompt}

// wordsFor are the words of a row for which a rule cites it.
func (t *teller) wordsFor(rule int, cells map[string]string) string {
	var said []string
	switch rule {
	case ruleBanned, ruleSensitive, ruleUnlisted:
		want := map[int]classSet{ruleBanned: t.banned, ruleSensitive: t.asked, ruleUnlisted: ^(t.listed | empty)}[rule]
		for _, f := range t.findings(cells) {
			if setOf(f.Class).has(want) && !slices.Contains(said, f.Words) {
				said = append(said, f.Words)
			}
		}
	case rulePersonal:
		n := personalIn(cells)
		for _, k := range noteNames {
			if n&k.note != 0 {
				said = append(said, k.name)
			}
		}
	}
	return strings.Join(said, "; ")
}

// findings are what counts in a row's texts.
func (t *teller) findings(cells map[string]string) (found []purpose.Finding) {
	for _, f := range textFields {
		s, ok := cells[f.String()]
		if !ok || f == searchlog.Case && !isWords(s) {
			continue
		}
		for _, f := range t.classifier.Classify(s[:min(len(s), maxText)]) {
			if f.Confidence >= purpose.Threshold {
				found = append(found, f)
			}
		}
	}
	return found
}

func personalIn(cells map[string]string) (n textNotes) {
	for _, f := range [...]searchlog.Field{searchlog.Reason, searchlog.Prompt, searchlog.Case} {
		s := cells[f.String()]
		if f != searchlog.Case || isWords(s) {
			n |= notes(s)
		}
	}
	return n & personalNotes
}

// cases are the instances of a rule, or the parts that its rows fall into.
func (t *teller) cases(rule int, c *tally) []Case {
	out := []Case{}
	if len(c.best) > 0 {
		for _, i := range c.best {
			who := ""
			if i.who.who != 0 {
				who = "searcher " + t.token(i.who)
			}
			if a := t.agencies[i.who.agency]; a != "" {
				who += " of " + a
			}
			what := strings.Replace(i.what, "$S", who, 1)
			if i.plate != 0 {
				what = strings.Replace(what, "$P", "plate "+t.plate(i.plate), 1)
			}
			out = append(out, Case{What: what, Count: i.count, Rows: t.rows(rule, i.refs)})
		}
		return out
	}
	// Some of the rows told serve as the part's rows.
	part := func(what string, count int, is func(cells map[string]string) bool) {
		if count == 0 {
			return
		}
		k := Case{What: what, Count: count, Rows: []Row{}}
		for _, r := range c.refs {
			if len(k.Rows) == maxCaseRows {
				break
			}
			if cells := t.engine.cells[r]; cells != nil && is(cells) {
				row := t.row(r)
				row.Words = t.wordsFor(rule, cells)
				k.Rows = append(k.Rows, row)
			}
		}
		out = append(out, k)
	}
	switch rule {
	case ruleBanned, ruleSensitive, ruleUnlisted:
		want := map[int]classSet{ruleBanned: t.banned, ruleSensitive: t.asked, ruleUnlisted: ^(t.listed | empty)}[rule]
		for i := range (want & (1<<maxClasses - 1)).all {
			class := classes[i]
			n := t.classCount(i)
			part(string(class)+", as the reason or offense says", n, func(cells map[string]string) bool {
				return slices.ContainsFunc(t.findings(cells), func(f purpose.Finding) bool { return f.Class == class })
			})
		}
	case rulePersonal:
		for i, k := range noteNames {
			part(k.name, c.vary[i], func(cells map[string]string) bool { return personalIn(cells)&k.note != 0 })
		}
	case ruleOverridden:
		for i, k := range []struct {
			what string
			is   verdict
		}{{"the product warned", verdictWarn}, {"the product blocked", verdictBlock}} {
			part(k.what, c.vary[i], func(cells map[string]string) bool {
				return verdictOf([]byte(cells[searchlog.Moderation.String()])) == k.is
			})
		}
	case ruleFederal, ruleOutside, ruleEnded:
		rest := c.count
		told := map[string]bool{}
		for _, u := range t.v.unitsBySearches() {
			n := u.searches
			switch {
			case rule == ruleFederal && u.says == 0, rule == ruleOutside && !u.outside:
				continue
			case rule == ruleEnded:
				n = u.afterEnd
			}
			rest -= n
			told[u.name] = n > 0
			if len(out) < maxCases-1 {
				part(u.name, n, func(cells map[string]string) bool { return cells[searchlog.Agency.String()] == u.name })
			}
		}
		part("others, by the searcher's name", rest, func(cells map[string]string) bool { return !told[cells[searchlog.Agency.String()]] })
	}
	return out
}

// assumptions are those of the whole result.
func (t *teller) assumptions() []Assumption {
	l := &t.plan.law
	a := []Assumption{
		{"time zone", t.zone.String(), "in which days, months and hours are counted"},
		{"law", l.Name, "whose purposes, limits and requirements findings go by; its text is search.json with SHA-256 " + l.Digest},
		{"purposes", fmt.Sprintf("read by a program from the words of reasons and offenses; confidence %.1f or more counts", purpose.Threshold), "a search may have several; masked reasons have none"},
	}
	if t.home != "" {
		a = append(a, Assumption{"home state", t.home, "whose agencies are in state, and whose codes are tried first when reasons are read"})
	}
	if t.options.RadioCodes != "" {
		a = append(a, Assumption{"radio codes", t.options.RadioCodes, "by which bare numbers in reasons are read"})
	}
	for _, n := range l.Notes {
		a = append(a, Assumption{"note on the law", l.Name, n})
	}
	return a
}

// unknown says what these files cannot tell.
func (t *teller) unknown() []string {
	out := []string{}
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	rows := 0
	states := map[searchlog.Field]map[searchlog.State]int{}
	without := map[searchlog.Field]int{} // files without the column
	files := 0
	for _, f := range t.reading.Files {
		rows += f.Rows
		if f.Rows == 0 {
			continue
		}
		files++
		for fld := range searchlog.NumFields {
			for st := range searchlog.NumStates {
				if n := f.Cells[fld.String()][st.String()]; n > 0 {
					if states[fld] == nil {
						states[fld] = map[searchlog.State]int{}
					}
					states[fld][st] += n
					if st == searchlog.NotExported {
						without[fld]++
					}
				}
			}
		}
	}
	nothing := map[searchlog.Field]bool{} // no search tells it
	for _, q := range [...]struct {
		field         searchlog.Field
		name, missing string
	}{
		{searchlog.Reason, "reason", "why they were made is not known from it"},
		{searchlog.Searcher, "searcher", "questions about people were not asked of them"},
		{searchlog.Agency, "searching agency", "who searched is not known by agency; files in one folder are taken for one agency's"},
		{searchlog.Plate, "plate", "whether one plate was searched for again and again is not known"},
		{searchlog.Case, "case number", "whether there was a case is not known"},
		{searchlog.Offense, "offense", ""},
		{searchlog.Networks, "number of networks", "how wide they went is not known"},
		{searchlog.Devices, "number of cameras", ""},
		{searchlog.From, "time frame", "how far back they looked is not known"},
		{searchlog.Moderation, "product's verdict", "whether it warned is not known"},
		{searchlog.Time, "time of the search", "they are in no month, day or hour"},
	} {
		s := states[q.field]
		tells := s[searchlog.Value] + s[searchlog.PartlyMasked]
		nothing[q.field] = tells == 0
		if q.missing == "" {
			continue
		}
		if n := s[searchlog.NotExported]; n > 0 {
			say("The %s was not exported in %s of %s (%s): %s.", q.name, Grouped(without[q.field]), plural(files, "file"), plural(n, "row"), q.missing)
		}
		if n := s[searchlog.MaskedByVendor]; n > 0 {
			say("The %s is masked by the product in %s: %s.", q.name, plural(n, "row"), q.missing)
		}
		if n := s[searchlog.MaskedByAgency]; n > 0 {
			say("The %s is masked by whoever released the log in %s: %s.", q.name, plural(n, "row"), q.missing)
		}
		if n := s[searchlog.PartlyMasked]; n > 0 {
			say("The %s is partly masked in %s: only the rest was read.", q.name, plural(n, "row"))
		}
	}
	var why []string
	unasked := map[string][]string{} // what is missing to titles
	for i, r := range rules {
		if t.v.rules[i].of > 0 || rows == 0 {
			continue
		}
		var lack []string
		for _, f := range r.Needs {
			if nothing[f] {
				lack = append(lack, f.String())
			}
		}
		if len(lack) > 0 {
			key := strings.Join(lack, " and ")
			if unasked[key] == nil {
				why = append(why, key)
			}
			unasked[key] = append(unasked[key], r.Title)
		}
	}
	for _, key := range why {
		say("Not asked, as no search tells its %s: %s.", key, strings.Join(unasked[key], "; "))
	}
	if t.home == "" {
		say("No home state was given: which agencies are out of state was not asked.")
	}
	if t.banned == 0 {
		say("Under %s no purpose is forbidden by statute as far as we know: nothing is counted as banned.", lawName(t.plan.law))
	}
	if n := t.v.noMonth.searches; n > 0 && !nothing[searchlog.Time] {
		say("%s no time that could be read, or one before 1970 or after 2106: they are in no month, day or hour.", has1(n))
	}
	noSeconds, noClock := 0, 0
	for i := range t.v.files {
		switch f := &t.v.files[i]; {
		case f.noClock():
			noClock++
		case f.noSeconds():
			noSeconds++
		}
	}
	if noClock > 0 {
		say("%s days without a time of day: hours and nights mean nothing there, and shifts, bursts and use at once were not asked about.", hasFiles(noClock))
	}
	if noSeconds > 0 {
		say("%s times without seconds: whether one login did two things at once was not asked of them.", hasFiles(noSeconds))
	}
	masked := 0
	for _, f := range t.reading.Files {
		if c := f.Cells[searchlog.Searcher.String()]; f.Rows > 0 && c[searchlog.MaskedByVendor.String()] == f.Rows && f.Cells[searchlog.Plate.String()][searchlog.NotExported.String()] == f.Rows {
			masked++
		}
	}
	if masked > 0 {
		say("%s masked searchers and no plates, as public portals do. A portal lists about one search for each user and clock hour, so its count understates searches, and an id that vanishes from one week to the next is no tampering.", hasFiles(masked))
	}
	if t.h.systems > 0 {
		say("%s more than %s searches (%s together), which no person makes: sequences of them were not looked at.", hasLogins(t.h.systems), Grouped(systemLogins), Grouped(t.h.systemBy))
	}
	if n := len(t.v.oddVerdicts); n > 0 {
		say("The product's verdict holds words that are not known here (%s): they were not counted as alarms.", strings.Join(slices.Sorted(maps.Keys(t.v.oddVerdicts)), ", "))
	}
	if t.v.units.limit < 1<<32-1 {
		say("The log names more than %s agencies: only some of them were followed.", Grouped(maxUnits))
	}
	if t.lost > 0 {
		say("The cells of %s cited below could not be read again, as the log came from a stream: file and line stand.", plural(t.lost, "row"))
	}
	return out
}

func lawName(l packs.SearchLaw) string {
	if l.State == "" {
		return "no state's law"
	}
	return "the law of " + l.Name
}

func has1(n int) string {
	if n == 1 {
		return "1 search has"
	}
	return Grouped(n) + " searches have"
}

func hasFiles(n int) string {
	if n == 1 {
		return "1 file has"
	}
	return Grouped(n) + " files have"
}

func hasLogins(n int) string {
	if n == 1 {
		return "1 login has"
	}
	return Grouped(n) + " logins have"
}
