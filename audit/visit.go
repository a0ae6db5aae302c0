package audit

import (
	"bytes"
	"errors"
	"time"

	"github.com/cespare/xxhash/v2"

	"porchlight/agencyname"
	"porchlight/policy/packs"
	"porchlight/purpose"
	"porchlight/searchlog"
)

// plan is what all visitors share and none changes.
type plan struct {
	options  Options
	law      packs.SearchLaw
	zone     *time.Location
	home     string
	banned   classSet
	asked    classSet // sensitive
	listed   classSet // of the law's closed list; 0 without one
	effect   int64    // Unix seconds since when the law stands so, 0 when not known
	lookBack int64    // seconds a search may look back; whole days but for New Hampshire's minutes
	withCase bool     // further back is allowed with a case number
	style    int64    // Unix seconds from which reasons read "Category - detail"
	rows     int      // a finding lists
}

// visitor asks of each search alone what can be asked of it, and keeps a mark
// of it for the questions that take several.
type visitor struct {
	*plan
	fail func(error)

	clock    *clock
	reader   *reader
	logins   cache[uint8]
	verdicts cache[verdict]

	rows        int
	looked      []looked
	fetched     int // of no meaning
	known       int // searches whose searcher is told
	months      map[int]*month
	month       *month // of local seconds from..to
	from, to    int64
	noMonth     month // searches without a time
	hours       [7][24]int
	offenses    []int // by index of reader.offenses plus 1
	units       units
	files       []fileTally
	reach       Reach
	networks    histogram
	devices     histogram
	lookBacks   histogram // minutes
	rules       [numRules]tally
	cells       map[ref]map[string]string
	oddVerdicts map[string]int
	noCaseInfo  int // long look-backs of which no case column tells

	people *writer
	groups *writer
	reused sketch
	bad    bool // an error was reported; nothing is kept any more
}

var errTooMany = errors.New("audit: more than a million files, or a file of more than four billion lines; audit them in parts")

type month struct {
	searches int
	told     int // searches that tell a purpose, if only that none is given
	classes  [maxClasses]int
}

// fileTally is what is learned of a file while its rows pass.
type fileTally struct {
	agency uint32 // of its first row
	mixed  bool   // rows of other agencies follow
	unit   unit   // where rows name no agency

	timed   int  // rows with a time
	seconds bool // one of them has seconds
	clock   bool // one of them is not midnight
}

// coarseFrom is how many rows it takes to say that a file's times are cut: by
// chance so many have no seconds in one file of 10^17.
const coarseFrom = 10

func (f *fileTally) noSeconds() bool { return f.timed >= coarseFrom && !f.seconds }
func (f *fileTally) noClock() bool   { return f.timed >= coarseFrom && !f.clock }

func newVisitor(p *plan, classify *reader, people, groups *tape, fail func(error)) *visitor {
	v := &visitor{
		plan: p, fail: fail, clock: newClock(p.zone), reader: classify,
		months: map[int]*month{}, units: newUnits(), cells: map[ref]map[string]string{}, oddVerdicts: map[string]int{},
		people: people.writer(), groups: groups.writer(),
	}
	v.logins.make = login
	v.verdicts.make = verdictOf
	return v
}

// Visit counts searches. What is remembered of agencies, logins and reasons is
// looked up for all of them first: then the processor waits for memory once for
// many.
func (v *visitor) Visit(all []searchlog.Search) {
	for len(v.looked) < len(all) {
		v.looked = append(v.looked, looked{})
	}
	last := &all[len(all)-1]
	if last.File >= maxFiles || last.Line < 0 || int64(last.Line) > 1<<32-1 {
		v.rows += len(all)
		v.stop(errTooMany)
		return
	}
	for last.File >= len(v.files) {
		v.files = append(v.files, fileTally{})
	}
	for i := range all {
		v.looked[i].unit = v.unitOf(&all[i])
	}
	for i := range all {
		v.fetched += v.looked[i].unit.fetch()
	}
	for i := range all {
		l := &v.looked[i]
		l.who, l.kind = 0, 0
		if s := &all[i]; s.State[searchlog.Searcher] == searchlog.Value {
			l.kind, l.who = v.logins.of(s.Cell[searchlog.Searcher])
			l.who |= 1
		}
	}
	for i := range all {
		l := &v.looked[i]
		l.reason, l.reasonHash = v.textOf(&all[i], searchlog.Reason)
	}
	for i := range all {
		v.visit(&all[i], &v.looked[i])
	}
}

// looked is what was looked up of a search.
type looked struct {
	unit       *unit
	who        uint64 // the login, 0 where not told
	kind       uint8  // of login
	reason     *text
	reasonHash uint64
}

func (v *visitor) visit(s *searchlog.Search, l *looked) {
	v.rows++
	here := ref{uint32(s.File), uint32(s.Line)}

	// When.
	var at int64
	if s.State[searchlog.Time] == searchlog.Value {
		if at = s.Time.Unix(); at <= 0 || at > 1<<32-1 {
			at = 0
		}
	}
	m, day := &v.noMonth, 0
	if at > 0 {
		local := v.clock.local(at)
		day = dayOf(local)
		v.hours[weekday(day)][hourOf(local)]++
		f := &v.files[s.File]
		f.timed++
		f.seconds = f.seconds || at%60 != 0
		f.clock = f.clock || at%daySeconds != 0 && local%daySeconds != 0
		m = v.monthOf(local, day)
	}
	m.searches++

	// Who.
	u := l.unit
	u.searches++
	if day > 0 {
		u.days.add(day)
	}
	who, kind := l.who, l.kind
	if who != 0 {
		v.known++
	}

	// What for.
	reason, reasonHash := l.reason, l.reasonHash
	offense, _ := v.textOf(s, searchlog.Offense)
	set := reason.classes | offense.classes
	if set.has(^empty) {
		set &^= empty
	}
	told := s.Has(searchlog.Reason) || s.Has(searchlog.Offense)
	if !told {
		set = v.untold(s)
	}
	if set != 0 {
		m.told++
	}
	for i := range set.all {
		m.classes[i]++
		u.classes[i]++
	}
	v.countOffenses(reason, offense)

	case_, distinct := uint64(0), false
	if s.State[searchlog.Case] == searchlog.Value {
		case_, distinct = caseKey(s.Cell[searchlog.Case])
	}

	aside := v.aside(s, case_)
	v.purposes(s, here, reason, offense, aside, set, told, at)
	v.reasons(s, here, reason, set, at)
	v.personalData(s, here, reason.notes|aside.notes)
	v.cases(s, here, reason, set, case_)
	v.reachOf(s, here, reason, offense, set, told, at, case_ != 0)
	v.searchers(s, here, u, kind, who != 0, at)
	v.moderation(s, here)

	if case_ != 0 {
		u.withCase++
		u.shape(uint16(case_), 1)
		v.reused.add(case_)
	}
	if v.bad || who == 0 && case_ == 0 {
		return
	}
	mk := mark{who: who, case_: case_, agency: u.id, at: uint32(at), line: here.line, file: here.file<<markBits | uint32(reasonHash>>57)}
	if s.State[searchlog.Plate] == searchlog.Value {
		mk.subject = plateKey(s.Cell[searchlog.Plate])
	}
	switch s.State[searchlog.Case] {
	case searchlog.NotExported, searchlog.MaskedByVendor, searchlog.MaskedByAgency, searchlog.PartlyMasked:
		mk.file |= markCaseUntold
	}
	if set.has(dull) {
		mk.file |= markDull
	}
	if distinct {
		mk.file |= markDistinct
	}
	if kind&loginID != 0 {
		mk.file |= markLoginID
	}
	if kind&loginFull != 0 {
		mk.file |= markFullName
	}
	key := who
	if key == 0 {
		key = case_
	}
	if err := v.people.write(key, mk); err != nil {
		v.stop(err)
	}
	if who != 0 && reason.notes&noteOwnWords != 0 {
		mk.subject, mk.file = reasonHash, mk.file&^markDull|markText
		if err := v.groups.write(reasonHash, mk); err != nil {
			v.stop(err)
		}
	}
}

func (v *visitor) stop(err error) {
	v.bad = true
	v.fail(err)
}

// close hands over what the visitor still holds.
func (v *visitor) close() error {
	if err := v.people.flush(); err != nil {
		return err
	}
	return v.groups.flush()
}

// monthOf finds the counts of the month, mostly the one of the search before.
func (v *visitor) monthOf(local int64, day int) *month {
	if local < v.from || local >= v.to {
		y, mo, _ := time.Unix(int64(day)*daySeconds, 0).UTC().Date()
		begin := time.Date(y, mo, 1, 0, 0, 0, 0, time.UTC)
		v.from, v.to = begin.Unix(), begin.AddDate(0, 1, 0).Unix()
		key := y*12 + int(mo) - 1
		if v.months[key] == nil {
			v.months[key] = &month{}
		}
		v.month = v.months[key]
	}
	return v.month
}

// unitOf finds the agency of the search, or the file where none is named.
func (v *visitor) unitOf(s *searchlog.Search) *unit {
	f := &v.files[s.File]
	if !s.Has(searchlog.Agency) {
		return &f.unit
	}
	u := v.units.of(s.Cell[searchlog.Agency], v.introduce)
	switch {
	case f.agency == 0:
		f.agency = u.id
	case f.agency != u.id:
		f.mixed = true
	}
	return u
}

// introduce reads an agency's name.
func (p *plan) introduce(u *unit) {
	u.says = agencyname.Read(u.name, false)
	u.state = agencyname.State(u.name)
	u.kind = agencyname.Kind(u.name, u.says)
	u.outside = p.home != "" && u.state != "" && u.state != p.home
	u.ended = endings(p.options.Ended, u)
}

func (v *visitor) textOf(s *searchlog.Search, f searchlog.Field) (*text, uint64) {
	if !s.Has(f) {
		return &noText, 0
	}
	return v.reader.of(s.Cell[f])
}

// untold is the class of a search that says no purpose: a blank is unstated, a
// mask or a column that was not exported is not known.
func (v *visitor) untold(s *searchlog.Search) classSet {
	for _, f := range [...]searchlog.Field{searchlog.Reason, searchlog.Offense} {
		if st := s.State[f]; st == searchlog.Blank || st == searchlog.Placeholder {
			return unstated
		}
	}
	return 0
}

func (v *visitor) countOffenses(a, b *text) {
	for _, i := range a.offense {
		v.countOffense(i)
	}
	for _, i := range b.offense {
		if !has(a.offense[:], i) {
			v.countOffense(i)
		}
	}
}

func (v *visitor) countOffense(i uint8) {
	if i == 0 {
		return
	}
	for int(i) >= len(v.offenses) {
		v.offenses = append(v.offenses, 0)
	}
	v.offenses[i]++
}

// hit notes a row that supports a rule.
func (v *visitor) hit(rule int, s *searchlog.Search, here ref) {
	t := &v.rules[rule]
	t.count++
	if len(t.refs) < v.plan.rows {
		t.refs = append(t.refs, here)
		if v.cells[here] == nil {
			v.cells[here] = cellsOf(s)
		}
	}
}

// cellsOf copies a search's cells as Row has them.
func cellsOf(s *searchlog.Search) map[string]string {
	cells := map[string]string{}
	for f := range searchlog.NumFields {
		switch st := s.State[f]; st {
		case searchlog.NotExported, searchlog.Blank:
		case searchlog.Value, searchlog.PartlyMasked:
			cells[f.String()] = string(bytes.ToValidUTF8(s.Cell[f], []byte("\uFFFD")))
		default:
			cells[f.String()] = "[" + st.String() + "]"
		}
	}
	return cells
}

// aside is what is typed into fields that are not for reasons: the prompt, and
// the case number where it holds no digit.
func (v *visitor) aside(s *searchlog.Search, case_ uint64) *text {
	t, _ := v.textOf(s, searchlog.Prompt)
	if case_&shapeImpossible == 0 || !isWords(s.Cell[searchlog.Case]) {
		return t
	}
	c, _ := v.textOf(s, searchlog.Case)
	return &text{classes: t.classes | c.classes, sure: t.sure | c.sure, hinted: t.hinted | c.hinted, notes: t.notes | c.notes}
}

// isWords reports a case number that is none.
func isWords[S string | []byte](s S) bool {
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			return false
		}
	}
	return len(s) >= 3
}

// purposes asks for banned, sensitive and unlisted purposes.
func (v *visitor) purposes(s *searchlog.Search, here ref, reason, offense, aside *text, set classSet, told bool, at int64) {
	if !told && !s.Has(searchlog.Prompt) {
		return
	}
	all := set | aside.classes
	sure := reason.sure | offense.sure | aside.sure
	hinted := all | reason.hinted | offense.hinted | aside.hinted
	for _, q := range [...]struct {
		rule int
		set  classSet
	}{{ruleBanned, v.banned}, {ruleSensitive, v.asked}} {
		if q.set == 0 {
			continue
		}
		t := &v.rules[q.rule]
		t.of++
		if !hinted.has(q.set) {
			continue
		}
		t.vary[0]++
		if !all.has(q.set) {
			continue
		}
		if sure.has(q.set) {
			t.vary[1]++
		}
		if set.has(q.set) {
			t.vary[2]++
		}
		if at >= v.effect {
			t.vary[3]++
		}
		v.hit(q.rule, s, here)
	}
	if v.listed != 0 && told && set.has(^empty) {
		t := &v.rules[ruleUnlisted]
		t.of++
		if !set.has(v.listed) {
			v.hit(ruleUnlisted, s, here)
			if (reason.sure | offense.sure).has(set) {
				t.vary[0]++
			}
			if at >= v.effect {
				t.vary[1]++
			}
		}
	}
}

// reasons asks whether the reason says something.
func (v *visitor) reasons(s *searchlog.Search, here ref, reason *text, set classSet, at int64) {
	none, vagueRule := &v.rules[ruleNone], &v.rules[ruleVague]
	hasOffense := s.Has(searchlog.Offense)
	switch st := s.State[searchlog.Reason]; st {
	case searchlog.Blank, searchlog.Placeholder:
		none.of++
		if hasOffense {
			none.vary[1]++
			break
		}
		if st == searchlog.Blank {
			none.vary[0]++
		}
		none.vary[1]++
		v.hit(ruleNone, s, here)
	case searchlog.MaskedByVendor, searchlog.MaskedByAgency:
		none.vary[2]++
	case searchlog.Value, searchlog.PartlyMasked:
		none.of++
		if reason.classes.has(unstated) {
			if !hasOffense {
				none.vary[0]++
				v.hit(ruleNone, s, here)
			}
			none.vary[1]++
			break
		}
		since := 0
		if at >= v.style {
			since = 1
		}
		vagueRule.of++
		vagueRule.vary[2+since]++ // reasons by period
		switch {
		case set.has(vague):
			v.hit(ruleVague, s, here)
			vagueRule.vary[4+since]++
			vagueRule.vary[0]++
			if reason.classes.has(vague &^ setUnreadable) {
				vagueRule.vary[1]++
			}
		case set.has(caseOnly):
			vagueRule.vary[0]++
		}
		if reason.notes&noteCategory != 0 {
			vagueRule.vary[6+since]++
		}
	}
}

// personalData asks why a text says who or where somebody is.
func (v *visitor) personalData(s *searchlog.Search, here ref, n textNotes) {
	if !s.Has(searchlog.Reason) && !s.Has(searchlog.Prompt) {
		return
	}
	p := &v.rules[rulePersonal]
	p.of++
	if n &= personalNotes; n == 0 {
		return
	}
	v.hit(rulePersonal, s, here)
	for i, k := range noteNames {
		if n&k.note != 0 {
			p.vary[i]++
		}
	}
	if n != noteName {
		p.vary[len(noteNames)]++
	}
}

var setUnreadable = setOf(purpose.Unreadable)

// cases asks for a case number. What is built like one but is none is asked
// when all are known.
func (v *visitor) cases(s *searchlog.Search, here ref, reason *text, set classSet, case_ uint64) {
	t := &v.rules[ruleCaseMissing]
	st := s.State[searchlog.Case]
	switch {
	case st == searchlog.NotExported:
	case st == searchlog.MaskedByVendor || st == searchlog.MaskedByAgency:
		t.vary[3]++
	case st == searchlog.PartlyMasked || case_ != 0:
		t.of++
	default: // blank, a placeholder, or marks only
		t.of++
		t.vary[0]++
		inReason := reason.notes&noteCase != 0
		if set.has(tested) {
			if !inReason {
				t.vary[2]++
			}
			return
		}
		if inReason {
			t.vary[1]++
			return
		}
		v.hit(ruleCaseMissing, s, here)
	}
}

var tested = setOf(purpose.Testing)

// Days and networks of which the variations tell.
var (
	varyDays     = [...]int64{7, 14, 30, 60, 90, 365}
	varyNetworks = [...]int{100, 500, 1000, 2500, 5000}
)

// reachOf asks how wide the search went and how far back.
func (v *visitor) reachOf(s *searchlog.Search, here ref, reason, offense *text, set classSet, told bool, at int64, hasCase bool) {
	if s.State[searchlog.Networks] == searchlog.Value && s.Networks > 0 {
		v.reach.Known++
		v.networks.add(s.Networks)
		if s.Networks == 1 {
			v.reach.Single++
		} else {
			v.reach.Multi++
		}
		if told {
			v.wide(s, here, reason, offense, set)
		}
	}
	if s.State[searchlog.Devices] == searchlog.Value && s.Devices > 0 {
		v.devices.add(s.Devices)
	}
	if at == 0 || s.From.IsZero() {
		return
	}
	back := at - s.From.Unix()
	if back < 0 {
		back = 0 // a time frame in the future looks back at nothing
	}
	v.lookBacks.add(int(back / 60))
	t := &v.rules[ruleLookBack]
	t.of++
	for i, d := range varyDays {
		if back/daySeconds > d {
			t.vary[i]++
		}
	}
	if back > v.lookBack {
		t.vary[6]++
	}
	if over := back / daySeconds * daySeconds; over <= v.lookBack {
		return
	}
	if v.withCase {
		if hasCase || s.State[searchlog.Case] == searchlog.PartlyMasked {
			t.vary[7]++
			return
		}
		if st := s.State[searchlog.Case]; st != searchlog.Blank && st != searchlog.Placeholder {
			v.noCaseInfo++
		}
	}
	v.hit(ruleLookBack, s, here)
}

// wide asks whether the reach fits the purpose.
func (v *visitor) wide(s *searchlog.Search, here ref, reason, offense *text, set classSet) {
	t := &v.rules[ruleWide]
	t.of++
	small := set&^(lowLevel|vague|unstated) == 0
	if !small && set&^(lowLevel|crimeOnly) == 0 && (reason.low || offense.low) {
		small = true
	}
	if !small {
		return
	}
	for i, n := range varyNetworks {
		if s.Networks >= n {
			t.vary[i]++
		}
	}
	if s.Networks < wideNetworks {
		return
	}
	if set.has(lowLevel) {
		t.vary[5]++
	}
	v.hit(ruleWide, s, here)
}

var crimeOnly = setOf(purpose.Crime)

// searchers asks who searched.
func (v *visitor) searchers(s *searchlog.Search, here ref, u *unit, kind uint8, known bool, at int64) {
	if s.Has(searchlog.Agency) || known {
		t := &v.rules[ruleFederal]
		t.of++
		federal := u.says&agencyname.Federal != 0 || kind&loginFed != 0
		force := u.says&agencyname.TaskForce != 0 || kind&loginTask != 0
		if federal || force {
			v.hit(ruleFederal, s, here)
			if federal {
				t.vary[0]++
			}
			if u.says&agencyname.Federal != 0 {
				t.vary[1]++
			}
		}
	}
	if v.home != "" && u.state != "" {
		t := &v.rules[ruleOutside]
		t.of++
		if u.outside {
			v.hit(ruleOutside, s, here)
			if u.kind != "federal" {
				t.vary[0]++
			}
		}
	}
	if len(v.options.Ended) > 0 && at > 0 {
		t := &v.rules[ruleEnded]
		t.of++
		first := time.Time{}
		for _, i := range u.ended {
			if from := v.options.Ended[i].From; first.IsZero() || from.Before(first) {
				first = from
			}
		}
		if first.IsZero() {
			if kind&loginFed == 0 {
				return
			}
			for _, e := range v.options.Ended { // a federal login of a local agency
				if fold(e.Agency) == "federal" && (first.IsZero() || e.From.Before(first)) {
					first = e.From
				}
			}
		}
		if !first.IsZero() && at >= first.Unix() {
			v.hit(ruleEnded, s, here)
			u.afterEnd++
			for i, d := range [...]int64{1, 7, 30} {
				if at >= first.Unix()+d*daySeconds {
					t.vary[i]++
				}
			}
		}
	}
}

// verdict is what the product said of a search before it ran.
type verdict uint8

const (
	verdictOdd verdict = iota
	verdictAllow
	verdictWarn
	verdictBlock
)

func verdictOf(b []byte) verdict {
	switch string(bytes.ToLower(b)) {
	case "allow", "allowed", "pass", "passed", "ok", "approved", "approve", "none", "clean", "safe", "accepted", "true", "success":
		return verdictAllow
	case "warn", "warned", "warning", "flag", "flagged", "review", "caution":
		return verdictWarn
	case "block", "blocked", "deny", "denied", "reject", "rejected", "violation", "disallow", "disallowed", "refused", "fail", "failed":
		return verdictBlock
	}
	return verdictOdd
}

func (v *visitor) moderation(s *searchlog.Search, here ref) {
	if s.State[searchlog.Moderation] != searchlog.Value {
		return
	}
	t := &v.rules[ruleOverridden]
	t.of++
	is, _ := v.verdicts.of(s.Cell[searchlog.Moderation])
	switch is {
	case verdictWarn:
		t.vary[0]++
		v.hit(ruleOverridden, s, here)
	case verdictBlock:
		t.vary[1]++
		v.hit(ruleOverridden, s, here)
	case verdictOdd:
		if word := string(s.Cell[searchlog.Moderation]); len(v.oddVerdicts) < 20 || v.oddVerdicts[word] > 0 {
			v.oddVerdicts[word]++
		}
	}
}

// units are agencies by name. There are some tens of thousands in the United
// States; a log that names more is kept in bounds by following only those whose
// hash is small, the same ones however the rows are shared out.
type units struct {
	by    map[string]*unit
	near  []*unit // some of by, by hash: most names are found here
	limit uint32  // ids above are not followed
}

const (
	maxUnits  = 1 << 16
	nearUnits = 1 << 13
)

func newUnits() units {
	return units{by: map[string]*unit{}, near: make([]*unit, nearUnits), limit: 1<<32 - 1}
}

func (us *units) of(name []byte, introduce func(*unit)) *unit {
	id := agencyID(name)
	near := &us.near[id>>3&(nearUnits-1)]
	if u := *near; u != nil && u.id == id && u.name == string(name) {
		return u
	}
	u := us.by[string(name)]
	if u == nil {
		u = &unit{name: string(name), id: id}
		introduce(u)
		if id > us.limit {
			return u // counted for its own rows' questions only
		}
		us.by[u.name] = u
		us.shrink()
	}
	*near = u
	return u
}

func (us *units) shrink() {
	for len(us.by) > maxUnits {
		us.limit /= 2
		clear(us.near)
		for name, u := range us.by {
			if u.id > us.limit {
				delete(us.by, name)
			}
		}
	}
}

func (us *units) merge(o *units) {
	us.limit = min(us.limit, o.limit)
	for name, u := range o.by {
		if have := us.by[name]; have != nil {
			have.merge(u)
		} else {
			us.by[name] = u
		}
	}
	for name, u := range us.by {
		if u.id > us.limit {
			delete(us.by, name)
		}
	}
	us.shrink()
}

// groupKey is what a case number's searches are gathered under: the number, and
// the agency where the number alone could be another agency's too.
func groupKey(m *mark, agency uint32) uint64 {
	if m.is(markDistinct) {
		return m.case_
	}
	var b [12]byte
	for i := range 8 {
		b[i] = byte(m.case_ >> (8 * i))
	}
	for i := range 4 {
		b[8+i] = byte(agency >> (8 * i))
	}
	return xxhash.Sum64(b[:])
}
