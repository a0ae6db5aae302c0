package audit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// harvest is what one goroutine finds on the tapes.
type harvest struct {
	*plan
	known    *known
	groups   *writer
	rules    [numRules]tally
	perLogin histogram // searches a searcher
	top      []topSearcher
	systems  int // logins with more searches than a person makes
	systemBy int // their searches
	clocks   map[string]*clock
	plain    *clock // of plan.zone

	// Of the part at hand.
	read, marks, room []mark

	// Of the person at hand, one entry a search in order of time.
	day       []int
	hour      []int
	hours     [24]int
	weekends  int
	clockless bool           // some times are days only
	plates    [1 << 12]uint8 // searches by a hash of the plate, at most returnDays counted
	byPlate   []platePlace
	refs      []ref
	at        []int
	mixed     []mark
}

// known is what all harvests share: learned from all rows, before the tapes are read.
type known struct {
	agencies map[uint32]*unit // by id
	fileUnit []uint32         // by file: the unit of rows that name no agency
	searches map[uint32]int   // by unit
	// By file: its times are cut to minutes, to days.
	noSeconds, noClock []bool
	rare               map[uint64]bool // unit<<16 | shape of case numbers that are unusual there
	reused             often           // case numbers in reusedSearches or more, and a few in less
	rows               int             // searches in all
}

type platePlace struct {
	plate uint64
	i     int
}

type topSearcher struct {
	person
	searches, days, night int
}

const maxTop = 50

func newHarvest(p *plan, k *known, groups *tape) *harvest {
	return &harvest{plan: p, known: k, groups: groups.writer(), clocks: map[string]*clock{}, plain: newClock(p.zone)}
}

// clockOf is the clock of the agency's state, where its name tells one that is
// not home, else that of the audit.
func (h *harvest) clockOf(agency uint32) *clock {
	u := h.known.agencies[agency]
	if u == nil || u.state == "" || u.state == h.home {
		return h.plain
	}
	c := h.clocks[u.state]
	if c == nil {
		c = h.plain
		if zone := zoneOf(u.state); zone != nil {
			c = newClock(zone)
		}
		h.clocks[u.state] = c
	}
	return c
}

// unitOf is the unit a mark is counted under.
func (h *harvest) unitOf(m *mark) uint32 {
	if m.agency != 0 {
		return m.agency
	}
	return h.known.fileUnit[m.file>>markBits]
}

// part asks the questions about people of one part of the tape.
func (h *harvest) part(t *tape, part int) error {
	n := t.len(part)
	if n == 0 {
		return nil
	}
	// A part is loaded whole, but for logins that no person could have used so
	// much: their searches could fill the memory.
	each := func(do func([]mark)) error { return t.read(part, do) }
	if n <= 2*systemLogins { // and a part of common size is read once
		h.read = slices.Grow(h.read[:0], n)
		if err := each(func(ms []mark) { h.read = append(h.read, ms...) }); err != nil {
			return err
		}
		each = func(do func([]mark)) error { do(h.read); return nil }
	}
	counts := map[uint64]int{}
	if err := each(func(ms []mark) {
		for i := range ms {
			counts[ms[i].who]++
		}
	}); err != nil {
		return err
	}
	delete(counts, 0)
	for who, n := range counts {
		if n > systemLogins {
			h.systems++
			h.systemBy += n
			h.perLogin.add(n)
			delete(counts, who)
		}
	}
	place := counts // of each login's next search
	loaded := 0
	for _, who := range slices.Sorted(maps.Keys(counts)) {
		n := counts[who]
		place[who] = loaded
		loaded += n
	}
	h.marks = slices.Grow(h.marks[:0], loaded)
	marks := h.marks[:loaded]
	var failed error
	if err := each(func(ms []mark) {
		for i := range ms {
			m := &ms[i]
			if m.case_ != 0 && failed == nil {
				failed = h.caseOf(m)
			}
			if at, ok := place[m.who]; ok {
				marks[at] = *m
				place[m.who] = at + 1
			}
		}
	}); err != nil {
		return err
	}
	t.drop(part)
	if failed != nil {
		return failed
	}
	for from := 0; from < len(marks); { // a login's lie together; put them in order
		to := place[marks[from].who]
		h.room = order(marks[from:to], h.room, byPerson)
		from = to
	}
	for len(marks) > 0 {
		who := marks[0].who
		login := 0 // end of this login's searches
		several := false
		for login < len(marks) && marks[login].who == who {
			end := login
			for end < len(marks) && marks[end].who == who && marks[end].agency == marks[login].agency {
				end++
			}
			h.person(marks[login:end])
			several = several || login > 0
			login = end
		}
		h.rules[ruleTravel].of += login
		if several {
			h.travel(marks[:login])
		}
		marks = marks[login:]
	}
	return nil
}

// caseOf looks at one case number: is it built like one, and is it used so
// often that its searches must be looked at together?
func (h *harvest) caseOf(m *mark) error {
	unit := h.unitOf(m)
	t := &h.rules[ruleCaseMalformed]
	t.of++
	impossible := m.case_&shapeImpossible != 0
	rare := h.known.rare[uint64(unit)<<16|m.case_&0xffff]
	if impossible || rare {
		t.note([]ref{m.ref()}, h.plan.rows)
	}
	if impossible {
		t.vary[0]++
	}
	if impossible {
		return nil // asked about as such
	}
	h.rules[ruleCaseReused].of++
	if !h.known.reused.has(m.case_) {
		return nil
	}
	g := *m
	g.file &^= markDull
	g.subject = groupKey(m, unit)
	return h.groups.write(g.subject, g)
}

// person asks the questions about one login of one agency. ms are its searches
// in order of time.
func (h *harvest) person(ms []mark) {
	h.perLogin.add(len(ms))
	who := person{ms[0].who, ms[0].agency}
	first := 0
	for first < len(ms) && ms[first].at == 0 {
		first++
	}
	timed := ms[first:]

	c := h.clockOf(who.agency)
	h.day, h.hour, h.hours, h.weekends = h.day[:0], h.hour[:0], [24]int{}, 0
	days, nights := 0, 0
	noSeconds := false
	h.clockless = false
	for i := range timed {
		file := timed[i].file >> markBits
		noSeconds = noSeconds || h.known.noSeconds[file]
		h.clockless = h.clockless || h.known.noClock[file]
		local := c.local(int64(timed[i].at))
		day, hour := dayOf(local), hourOf(local)
		if len(h.day) == 0 || h.day[len(h.day)-1] != day {
			days++
		}
		if night(hour) {
			nights++
		}
		if weekend(day) {
			h.weekends++
		}
		h.hours[hour]++
		h.day, h.hour = append(h.day, day), append(h.hour, hour)
	}
	h.rank(topSearcher{who, len(ms), days, nights})
	if len(ms) > systemLogins {
		h.systems++
		h.systemBy += len(ms)
		return
	}
	h.streaks(who, timed, c)
	h.returned(who, timed)
	if !h.clockless {
		h.shifts(who, timed)
		h.offHours(who, timed, days)
		h.bursts(who, timed)
	}
	if !noSeconds {
		h.together(who, timed)
	}
}

// rank keeps the searchers with most searches.
func (h *harvest) rank(s topSearcher) {
	if h.top = append(h.top, s); len(h.top) >= 4*maxTop {
		h.top = topOf(h.top)
	}
}

func topOf(top []topSearcher) []topSearcher {
	slices.SortFunc(top, func(a, b topSearcher) int {
		return cmp.Or(cmp.Compare(b.searches, a.searches), cmp.Compare(a.who, b.who), cmp.Compare(a.agency, b.agency))
	})
	return top[:min(len(top), maxTop)]
}

// refsOf are the refs of searches from up to to.
func (h *harvest) refsOf(ms []mark) []ref {
	h.refs = h.refs[:0]
	for i := range ms {
		h.refs = append(h.refs, ms[i].ref())
	}
	return h.refs
}

// runsOfDays calls each with every run of at least least days in a row: the
// searches from up to to.
func runsOfDays(n, least int, day func(i int) int, each func(from, to, length int)) {
	for from := 0; from < n; {
		to, last, length := from, day(from), 1
		for to < n && day(to)-last <= 1 {
			if day(to) > last {
				last = day(to)
				length++
			}
			to++
		}
		if length >= least {
			each(from, to, length)
		}
		from = to
	}
}

// Of how many days in a row the variations tell.
var varyStreak = [...]int{5, 6, 7, 10, 14}

func (h *harvest) streaks(who person, ms []mark, c *clock) {
	t := &h.rules[ruleStreak]
	t.of += len(ms)
	runsOfDays(len(ms), varyStreak[0], func(i int) int { return h.day[i] }, func(from, to, length int) {
		for i, least := range varyStreak {
			if length >= least {
				t.vary[i] += to - from
				t.varyOf[i]++
			}
		}
		if length < streakDays {
			return
		}
		refs := h.refsOf(ms[from:to])
		t.note(refs, h.plan.rows)
		t.instance(instance{weight: length, who: who, what: fmt.Sprintf("$S searched on %d days in a row, %s to %s (%d searches)",
			length, dateOf(h.day[from]), dateOf(h.day[to-1]), to-from)}, refs)
	})
	// The same in UTC, and in the zone's standard time all year.
	standard := standardOffset(c.zone)
	n := len(varyStreak)
	runsOfDays(len(ms), streakDays, func(i int) int { return dayOf(int64(ms[i].at)) }, func(from, to, _ int) {
		t.vary[n] += to - from
		t.varyOf[n]++
	})
	runsOfDays(len(ms), varyStreak[0], func(i int) int { return dayOf(int64(ms[i].at) + standard) }, func(from, to, length int) {
		if length >= streakDays {
			t.vary[n+1] += to - from
			t.varyOf[n+1]++
		}
		t.vary[n+2] += to - from
		t.varyOf[n+2]++
	})
}

// standardOffset is the smaller of the zone's offsets of January and July 2025:
// the one without daylight saving.
func standardOffset(zone *time.Location) int64 {
	_, a := time.Date(2025, 1, 1, 0, 0, 0, 0, zone).Zone()
	_, b := time.Date(2025, 7, 1, 0, 0, 0, 0, zone).Zone()
	return int64(min(a, b))
}

// spells calls each with every stretch of searches without a pause of rest
// seconds that is longer than span.
func spells(ms []mark, rest, span int64, each func(from, to int)) {
	for from := 0; from < len(ms); {
		to := from + 1
		for to < len(ms) && int64(ms[to].at)-int64(ms[to-1].at) < rest {
			to++
		}
		if int64(ms[to-1].at)-int64(ms[from].at) > span {
			each(from, to)
		}
		from = to
	}
}

// Of which spans and rests, in hours, the variations tell.
var varyShift = [...]struct{ span, rest int64 }{{12, 8}, {14, 8}, {16, 8}, {20, 8}, {24, 8}, {16, 6}, {16, 10}}

func (h *harvest) shifts(who person, ms []mark) {
	t := &h.rules[ruleShift]
	t.of += len(ms)
	if len(ms) < 3 { // two searches are no work without a pause
		return
	}
	for i, y := range varyShift {
		spells(ms, y.rest*3600, y.span*3600, func(from, to int) {
			t.vary[i] += to - from
			t.varyOf[i]++
		})
	}
	spells(ms, shiftRest, shiftSpan, func(from, to int) {
		refs := h.refsOf(ms[from:to])
		t.note(refs, h.plan.rows)
		span := int(ms[to-1].at - ms[from].at)
		longest := 0
		for i := from + 1; i < to; i++ {
			longest = max(longest, int(ms[i].at-ms[i-1].at))
		}
		t.instance(instance{weight: span, who: who, what: fmt.Sprintf("$S searched from %s %02d:00 on for %.1f hours (%d searches), the longest pause %.1f hours",
			dateOf(h.day[from]), h.hour[from], float64(span)/3600, to-from, float64(longest)/3600)}, refs)
	})
}

func (h *harvest) offHours(who person, ms []mark, days int) {
	if len(ms) < habitSearches || days < habitDays {
		return
	}
	t := &h.rules[ruleOffHours]
	t.of += len(ms)
	// The window that holds most; of several side by side the middle one.
	held := func(start int) (n int) {
		for i := range habitHours {
			n += h.hours[(start+i)%24]
		}
		return n
	}
	most := 0
	for s := range 24 {
		most = max(most, held(s))
	}
	start := 0
	for held(start) != most || held(start+23) == most && start < 23 {
		start++
	}
	last := start
	for held(last+1) == most && last < start+23 {
		last++
	}
	start = (start + (last-start)/2) % 24
	share := 100 * most / len(ms)
	count := func(margin int) (n int) {
		for i := margin; i < 24-habitHours-margin; i++ {
			n += h.hours[(start+habitHours+i)%24]
		}
		return n
	}
	if share >= 90 {
		t.vary[1] += count(habitMargin)
	}
	if share >= 98 {
		t.vary[2] += count(habitMargin)
	}
	if share < habitShare {
		return
	}
	t.vary[0] += count(0)
	h.refs = h.refs[:0]
	for i := range ms {
		if past := (h.hour[i] - start - habitHours + 48) % 24; past >= habitMargin && past < 24-habitHours-habitMargin {
			h.refs = append(h.refs, ms[i].ref())
		}
	}
	if len(h.refs) == 0 {
		return
	}
	t.note(h.refs, h.plan.rows)
	t.instance(instance{weight: len(h.refs), who: who, what: fmt.Sprintf("$S makes %d %% of %d searches between %02d:00 and %02d:00, and %d well outside",
		share, len(ms), start, (start+habitHours)%24, len(h.refs))}, h.refs)
}

// crowds calls each with every stretch of searches in which least fall within
// span seconds, overlapping ones joined.
func crowds(n, least int, span uint32, at func(i int) uint32, each func(from, to int)) {
	from, to := 0, 0 // the stretch at hand
	for i := 0; i+least <= n; i++ {
		if at(i+least-1)-at(i) > span {
			continue
		}
		if i >= to && to > 0 {
			each(from, to)
			from, to = i, i+least
			continue
		}
		if to == 0 {
			from = i
		}
		to = i + least
	}
	if to > 0 {
		each(from, to)
	}
}

// Of how many searches within five minutes the variations tell.
var varyBurst = [...]int{10, 20, 50, 100}

func (h *harvest) bursts(who person, ms []mark) {
	t := &h.rules[ruleBurst]
	t.of += len(ms)
	at := func(i int) uint32 { return ms[i].at }
	for k, least := range varyBurst {
		crowds(len(ms), least, burstSpan, at, func(from, to int) {
			plates, told := h.platesOf(ms[from:to])
			if told && plates < least*burstPlates/burstSearches {
				return
			}
			t.vary[k] += to - from
			t.varyOf[k]++
			if least != burstSearches {
				return
			}
			of := ""
			if told {
				of = fmt.Sprintf(" for %d plates", plates)
			}
			refs := h.refsOf(ms[from:to])
			t.note(refs, h.plan.rows)
			t.instance(instance{weight: to - from, who: who, what: fmt.Sprintf("$S made %d searches%s within %s from %s %02d:00 on",
				to-from, of, minutes(ms[to-1].at-ms[from].at), dateOf(h.day[from]), h.hour[from])}, refs)
		})
	}
}

func minutes(seconds uint32) string {
	if seconds < 120 {
		return fmt.Sprintf("%d seconds", seconds)
	}
	return fmt.Sprintf("%d minutes", (seconds+59)/60)
}

// platesOf counts the different plates; told is false when none is known.
func (h *harvest) platesOf(ms []mark) (n int, told bool) {
	h.byPlate = h.byPlate[:0]
	for i := range ms {
		if ms[i].subject != 0 {
			h.byPlate = append(h.byPlate, platePlace{ms[i].subject, i})
		}
	}
	slices.SortFunc(h.byPlate, func(a, b platePlace) int { return cmp.Compare(a.plate, b.plate) })
	for i, p := range h.byPlate {
		if i == 0 || p.plate != h.byPlate[i-1].plate {
			n++
		}
	}
	return n, n > 0
}

// differ reports two searches for different plates in different matters.
func differ(a, b *mark) bool {
	if a.subject == 0 || b.subject == 0 || a.subject == b.subject {
		return false
	}
	if a.case_ != 0 && b.case_ != 0 {
		return a.case_ != b.case_
	}
	return a.case_ == b.case_ && a.file&markReason != b.file&markReason
}

// maxOverlap is how many searches before one are looked at: no person makes more
// within seconds.
const maxOverlap = 100

// overlaps are the indices of searches that follow another in a different
// matter within gap seconds.
func overlaps(ms []mark, gap uint32, into []int) []int {
	for i := 1; i < len(ms); i++ {
		for j := i - 1; j >= max(0, i-maxOverlap) && ms[i].at-ms[j].at <= gap; j-- {
			if differ(&ms[i], &ms[j]) {
				into = append(into, i)
				break
			}
		}
	}
	return into
}

// sharedUse is what makes overlaps a question: so many within an hour, or on so
// many days.
type sharedUse struct {
	gap         uint32 // seconds
	times, days int
}

// Of which the variations tell.
var varyTogether = [...]sharedUse{
	{5, togetherTimes, togetherDays}, {20, togetherTimes, togetherDays}, {togetherGap, 1, 1}, {togetherGap, 10, 10},
}

// overlapping are the overlaps of a login that are a question, none for chance.
func (h *harvest) overlapping(ms []mark, use sharedUse) []int {
	h.at = overlaps(ms, use.gap, h.at[:0])
	days := 0
	for n, i := range h.at {
		if n == 0 || h.day[i] != h.day[h.at[n-1]] {
			days++
		}
		if n >= use.times-1 && ms[i].at-ms[h.at[n-use.times+1]].at <= togetherSpan {
			return h.at
		}
	}
	if days >= use.days {
		return h.at
	}
	return nil
}

func (h *harvest) together(who person, ms []mark) {
	t := &h.rules[ruleTogether]
	for i := range ms {
		if ms[i].subject != 0 {
			t.of++
		}
	}
	for k, use := range varyTogether {
		if n := len(h.overlapping(ms, use)); n > 0 {
			t.vary[k] += n
			t.varyOf[k]++
		}
	}
	at := h.overlapping(ms, sharedUse{togetherGap, togetherTimes, togetherDays})
	if len(at) == 0 {
		return
	}
	// The second search of a pair counts; both are shown.
	var second, both []ref
	days := 0
	for n, i := range at {
		second = append(second, ms[i].ref())
		if n == 0 || at[n-1] != i-1 {
			both = append(both, ms[i-1].ref())
		}
		both = append(both, ms[i].ref())
		if n == 0 || h.day[i] != h.day[at[n-1]] {
			days++
		}
	}
	t.note(second, h.plan.rows)
	t.instance(instance{weight: len(at), who: who, what: fmt.Sprintf("$S searched for different plates in different matters within %d seconds, %s on %s from %s to %s",
		togetherGap, plural(len(at), "time"), plural(days, "day"), dateOf(h.day[at[0]]), dateOf(h.day[at[len(at)-1]]))}, both)
}

// returned looks for plates to which the searcher came back.
func (h *harvest) returned(who person, ms []mark) {
	const least = returnDays - 1 // searches of one plate
	t := &h.rules[ruleReturned]
	clear(h.plates[:])
	of := func(m *mark) *uint8 { return &h.plates[m.subject%uint64(len(h.plates))] }
	for i := range ms {
		if ms[i].subject == 0 {
			continue
		}
		t.of++
		if n := of(&ms[i]); *n < least && !ms[i].is(markDull) {
			*n++
		}
	}
	h.byPlate = h.byPlate[:0]
	for i := range ms { // most plates are seen once, and need no sorting
		if ms[i].subject != 0 && *of(&ms[i]) == least && !ms[i].is(markDull) {
			h.byPlate = append(h.byPlate, platePlace{ms[i].subject, i})
		}
	}
	slices.SortFunc(h.byPlate, func(a, b platePlace) int {
		if a.plate != b.plate {
			return cmp.Compare(a.plate, b.plate)
		}
		return cmp.Compare(a.i, b.i)
	})
	for from := 0; from < len(h.byPlate); {
		to := from
		for to < len(h.byPlate) && h.byPlate[to].plate == h.byPlate[from].plate {
			to++
		}
		if to-from >= least {
			h.onePlate(who, ms, h.byPlate[from:to], t)
		}
		from = to
	}
}

// onePlate judges the searches of one searcher for one plate.
func (h *harvest) onePlate(who person, ms []mark, at []platePlace, t *tally) {
	first, last := h.day[at[0].i], h.day[at[len(at)-1].i]
	if last-first < returnSpan/2 {
		return
	}
	days, personalDays, untold := 0, 0, true
	cases := map[uint64]int{} // case number to days, 0 for none
	for from := 0; from < len(at); {
		to, personal := from, true
		seen := map[uint64]bool{}
		for to < len(at) && h.day[at[to].i] == h.day[at[from].i] {
			personal = personal && h.personal(at[to].i, len(ms))
			seen[ms[at[to].i].case_] = true
			untold = untold && ms[at[to].i].is(markCaseUntold)
			to++
		}
		days++
		if personal {
			personalDays++
		}
		for c := range seen {
			cases[c]++
		}
		from = to
	}
	oneCase := 0
	for c, n := range cases {
		if c != 0 {
			oneCase = max(oneCase, n)
		}
	}
	settled := oneCase*5 >= days*4 // one case number on four days of five
	weight := 2*days + personalDays
	enough := func(least, span, weightLeast int) bool {
		return days >= least && last-first >= span && weight >= weightLeast
	}
	vary := func(k int, yes bool) {
		if yes {
			t.vary[k] += len(at)
			t.varyOf[k]++
		}
	}
	vary(0, !settled && enough(3, returnSpan, 0))
	vary(1, !settled && enough(5, returnSpan, 0))
	vary(2, !settled && enough(7, returnSpan, 0))
	vary(3, !settled && enough(10, returnSpan, 0))
	vary(4, !settled && enough(returnDays, returnSpan/2, 2*returnWeight))
	vary(5, enough(returnDays, returnSpan, 2*returnWeight))
	if settled || !enough(returnDays, returnSpan, 2*returnWeight) {
		return
	}
	under := "no case number"
	delete(cases, 0)
	switch n := len(cases); {
	case untold:
		under = "case numbers that the log does not tell"
	case n == 1:
		under = "a case number on few of them"
	case n > 1:
		under = fmt.Sprintf("%d different case numbers", n)
	}
	h.refs = h.refs[:0]
	for _, p := range at {
		h.refs = append(h.refs, ms[p.i].ref())
	}
	t.note(h.refs, h.plan.rows)
	t.instance(instance{weight: weight, who: who, plate: at[0].plate, what: fmt.Sprintf("$S looked for $P on %d days from %s to %s, on %d of them only in personal hours, under %s",
		days, dateOf(first), dateOf(last), personalDays, under)}, h.refs)
}

// personal reports an hour in which this searcher hardly ever searches; of one
// with few searches, nights and weekends.
func (h *harvest) personal(i, n int) bool {
	off := weekend(h.day[i])
	if h.clockless {
		return off
	}
	if n < ownHours {
		return off || night(h.hour[i])
	}
	return h.hours[h.hour[i]]*100 < ownHoursShare*n || off && h.weekends*10 < n
}

// Of which gaps the variations tell, in seconds.
var varyTravel = [...]uint32{600, travelGap, 7200}

// travel looks at a login that several agencies have.
func (h *harvest) travel(ms []mark) {
	id, full := ms[0].is(markLoginID), ms[0].is(markFullName)
	if !id && !full {
		return
	}
	h.mixed = append(h.mixed[:0], ms...)
	slices.SortFunc(h.mixed, func(a, b mark) int {
		if a.at != b.at {
			return cmp.Compare(a.at, b.at)
		}
		return a.ref().compare(b.ref())
	})
	t := &h.rules[ruleTravel]
	h.refs = h.refs[:0]
	agencies := map[uint32]bool{}
	var told [len(varyTravel) + 1]int // 1 + the last search counted by each variation
	count := func(k, i int) bool {
		if i < told[k] {
			return false
		}
		told[k] = i + 1
		t.vary[k]++
		return true
	}
	for i := 1; i < len(h.mixed); i++ {
		a, b := &h.mixed[i-1], &h.mixed[i]
		if a.at == 0 || a.agency == b.agency || a.agency == 0 || b.agency == 0 ||
			h.known.noClock[a.file>>markBits] || h.known.noClock[b.file>>markBits] {
			continue
		}
		for k, most := range varyTravel {
			if b.at-a.at > most {
				continue
			}
			if !id {
				if most == travelGap {
					count(len(varyTravel), i-1)
					count(len(varyTravel), i)
				}
				continue
			}
			for _, j := range [...]int{i - 1, i} {
				if count(k, j) && most == travelGap {
					h.refs = append(h.refs, h.mixed[j].ref())
					agencies[h.mixed[j].agency] = true
				}
			}
		}
	}
	if len(h.refs) == 0 {
		return
	}
	t.note(h.refs, h.plan.rows)
	t.instance(instance{weight: len(h.refs), who: person{ms[0].who, 0}, what: fmt.Sprintf("$S searched from %d agencies within %d minutes of each other (%d searches)",
		len(agencies), travelGap/60, len(h.refs))}, h.refs)
}

// Of how many people with the same text the variations tell.
var varyCopied = [...]int{3, 5, 10, 20}

// group asks about one part of the tape of groups: searches with one case
// number, or with one text.
func (h *harvest) group(t *tape, part int) error {
	n := t.len(part)
	// Templates are left out, and only they can be very many.
	var templates map[uint64]int
	if n > systemLogins {
		templates = map[uint64]int{}
		if err := t.read(part, func(ms []mark) {
			for i := range ms {
				if ms[i].is(markText) {
					templates[ms[i].subject]++
				}
			}
		}); err != nil {
			return err
		}
	}
	marks := make([]mark, 0, min(n, systemLogins))
	if err := t.read(part, func(ms []mark) {
		for i := range ms {
			if templates[ms[i].subject] <= templateOf(h.known.rows) {
				marks = append(marks, ms[i])
			} else {
				h.rules[ruleCopied].of++
			}
		}
	}); err != nil {
		return err
	}
	t.drop(part)
	h.room = order(marks, h.room, byGroup)
	for from := 0; from < len(marks); {
		to := from
		for to < len(marks) && marks[to].subject == marks[from].subject {
			to++
		}
		if marks[from].is(markText) {
			h.text(marks[from:to])
		} else {
			h.case_(marks[from:to])
		}
		from = to
	}
	return nil
}

// markText tells on the tape of groups that the group is a text.
const markText = markDull

// peopleOf counts the different searchers, agencies and weeks of searches in
// order of time.
func peopleOf(ms []mark) (searchers, agencies, weeks int) {
	people := map[person]bool{}
	units := map[uint32]bool{}
	week := int64(-1)
	for i := range ms {
		if ms[i].who != 0 {
			people[person{ms[i].who, ms[i].agency}] = true
		}
		if ms[i].agency != 0 {
			units[ms[i].agency] = true
		}
		if w := int64(ms[i].at) / (7 * daySeconds); ms[i].at != 0 && w != week {
			week = w
			weeks++
		}
	}
	return len(people), len(units), weeks
}

// templateOf is how many of so many searches may share a text that is no template.
func templateOf(searches int) int {
	return max(copiedTemplate, searches*copiedPermille/1000)
}

func (h *harvest) text(ms []mark) {
	t := &h.rules[ruleCopied]
	t.of += len(ms)
	seen := map[uint32]bool{}
	searches := 0 // of all agencies where the text occurs
	for i := range ms {
		if u := h.unitOf(&ms[i]); !seen[u] {
			seen[u] = true
			searches += h.known.searches[u]
		}
	}
	if len(ms) > templateOf(searches) {
		return
	}
	searchers, agencies, weeks := peopleOf(ms)
	for i, least := range varyCopied {
		if searchers >= least {
			t.vary[i] += len(ms)
			t.varyOf[i]++
		}
	}
	if searchers < copiedSearchers {
		return
	}
	if agencies > 1 {
		t.vary[len(varyCopied)] += len(ms)
		t.varyOf[len(varyCopied)]++
	}
	refs := h.refsOf(ms)
	t.note(refs, h.plan.rows)
	t.instance(instance{weight: searchers, what: fmt.Sprintf("%d searchers%s typed the same words, in %d searches over %d weeks", searchers, ofAgencies(agencies), len(ms), weeks)}, refs)
}

func ofAgencies(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(" of %d agencies", n)
}

func (h *harvest) case_(ms []mark) {
	if len(ms) < reusedSearches {
		return
	}
	t := &h.rules[ruleCaseReused]
	searchers, agencies, weeks := peopleOf(ms)
	people := searchers >= reusedSearchers || agencies >= reusedAgencies
	if !people && weeks < reusedWeeks {
		return
	}
	for i, least := range [...]int{100, 300} {
		if len(ms) >= least {
			t.vary[i] += len(ms)
			t.varyOf[i]++
		}
	}
	if people {
		t.vary[2] += len(ms)
		t.varyOf[2]++
	}
	by := ""
	if searchers > 0 {
		by = fmt.Sprintf(" by %d searchers%s", searchers, ofAgencies(agencies))
	}
	refs := h.refsOf(ms)
	t.note(refs, h.plan.rows)
	t.instance(instance{weight: len(ms), what: fmt.Sprintf("one case number in %d searches%s in %d different weeks", len(ms), by, weeks)}, refs)
}

func (h *harvest) merge(o *harvest) {
	for i := range h.rules {
		h.rules[i].merge(&o.rules[i], h.plan.rows)
	}
	h.perLogin.merge(&o.perLogin)
	h.top = topOf(append(h.top, o.top...))
	h.systems += o.systems
	h.systemBy += o.systemBy
}
