package searchlog

import (
	"bytes"
	"strings"
)

// part is what a column holds: a Field, or one of the parts below that are read
// into several fields or only mark a kind of log.
type part int16

const (
	noPart     part = -1
	frame           = part(NumFields) + iota - 1 // From and To in one cell
	date                                         // the day of Time, where the clock is apart
	clock                                        // the time of day of Time
	event                                        // event log: what happened
	entity                                       // event log: the kind of thing it happened to
	details                                      // event log: lines of "Label: value"
	shareOwner                                   // sharing edges: whose cameras
	shareOther                                   // sharing edges: who may search them
	sharedTo                                     // sharing list: whose cameras the agency of the row may search
	sharedFrom                                   // sharing list: who may search the cameras of the agency of the row
	aside                                        // a known column that says nothing about a search
)

// aliases are the labels of columns, in lower case without spaces, underscores
// and signs, as vendors, agencies and people who retyped them spell them.
var aliases = map[string]part{}

func init() {
	for p, labels := range map[part]string{
		part(ID):         "id searchid auditid uuid recordid searchuuid eventid",
		part(Searcher):   "name user userid username officer officername searchedby searcher fullname useremail email usersname",
		part(Agency):     "orgname org organization organizationname agency agencyname searchingagency searchingorg department orgs",
		part(Networks):   "totalnetworkssearched totalnetworks networks nets networkcount networkssearched totalnetworksearched numnetworks networkssearchedcount",
		part(Devices):    "totaldevicessearched totaldevices devices devs cameracount devicecount cameras totaldevicesearched devicessearched camerassearched",
		frame:            "timeframe timeframes searchtimeframe daterange timerange searchwindow timeframesearched",
		part(From):       "timeframestart from starttime framestart searchfrom timeframefrom windowstart",
		part(To):         "timeframeend to endtime frameend searchto timeframeto windowend",
		part(Plate):      "licenseplate licenseplates plate plates platenumber licenceplate licplate lp tag platesearched licenseplatenumber",
		part(Reason):     "reason reason1 searchreason reasonforsearch reasons searchpurpose purpose justification",
		part(Case):       "case casenumber caseno casenum cases casenumbers caseid incidentnumber",
		part(Offense):    "offensetype offense offence offencetype crimetype",
		part(Filters):    "filters filter searchfilters vehiclefilters filtersused",
		part(Time):       "searchtime searchdate datetime timestamp searchdatetime searchtimestamp timeofsearch dateofsearch searchedat createdat dateandtime searchtimeutc searchdateutc datetimeutc searchdatetimeutc",
		part(Type):       "searchtype type kind typeofsearch",
		part(Prompt):     "textprompt testprompt prompt freeform freeformsearch searchprompt",
		part(Moderation): "moderation moderationresult moderationstatus moderationverdict moderated moderationdecision",
		date:             "date day searchday",
		clock:            "time clock hour",
		event:            "eventtype event action",
		entity:           "entitytype",
		details:          "entitydetails eventdetails details",
		shareOwner:       "srcagency sourceagency owneragency",
		shareOther:       "externalagency otheragency",
		sharedTo:         "networkssharedwithme sharedwithme",
		sharedFrom:       "networksimsharing networksiamsharing imsharing sharedbyme networkssharedbyme",
		aside:            "srcagencyid externalagencyid",
	} {
		for label := range strings.FieldsSeq(labels) {
			aliases[label] = p
		}
	}
}

// plain is a label as aliases spell it.
func plain(label []byte) string {
	var out [48]byte
	n := 0
	for _, c := range label {
		switch {
		case c >= 'A' && c <= 'Z':
			c |= 0x20
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		default:
			continue
		}
		if n == len(out) {
			return ""
		}
		out[n] = c
		n++
	}
	return string(out[:n])
}

// Variants are the kinds of log the reader knows, by the key that File.Variant
// names them with (docs/design/searchlog.md has their columns).
var Variants = map[string]string{
	"audit-14":        "search audit with 14 columns, to about December 2025",
	"audit-13":        "search audit without the number of devices, since December 2025",
	"audit-13-no-id":  "older search audit without ids",
	"audit-11":        "search audit of 11 columns without ids",
	"audit-short":     "search audit of 5 or 6 columns, without ids, searchers or reasons",
	"federal-extract": "extract for federal searchers, without time frames",
	"frame-apart":     "search audit whose time frame has two columns",
	"date-and-clock":  "search audit with date and time of day in two columns, no zone",
	"portal":          "search audit of a transparency portal",
	"portal-cameras":  "search audit of a portal with pseudonyms and numbers of cameras, times UTC without saying so",
	"event-log":       "event log, of which the searches are taken",
	"serial-times":    "search log with times as day numbers of a spreadsheet",
	"columns":         "search log of another arrangement, its columns known by their labels",
	"shared-networks": "list of networks shared, by agency",
	"sharing-edges":   "list of who shares with whom, one pair a row",
}

// an arrangement is an order of columns that occurs without a header.
type arrangement struct {
	variant string
	parts   []part
}

// arrangements of the exports, by which rows without labels are known.
var arrangements = func() []arrangement {
	id, name, org, nets, devs := part(ID), part(Searcher), part(Agency), part(Networks), part(Devices)
	plate, reason, cas, filters := part(Plate), part(Reason), part(Case), part(Filters)
	at, typ, prompt, mod, offense := part(Time), part(Type), part(Prompt), part(Moderation), part(Offense)
	return []arrangement{
		{"audit-14", []part{id, name, org, nets, devs, frame, plate, reason, cas, filters, at, typ, prompt, mod}},
		{"audit-13", []part{id, name, org, nets, frame, plate, reason, cas, filters, at, typ, prompt, mod}},
		{"audit-13", []part{id, name, org, nets, frame, plate, reason, cas, filters, at, typ, prompt}},
		{"audit-13", []part{id, name, org, nets, frame, plate, reason, cas, filters, at, typ}},
		{"audit-14", []part{id, name, org, nets, devs, frame, plate, reason, cas, filters, at, typ, prompt}},
		{"audit-14", []part{id, name, org, nets, devs, frame, plate, reason, cas, filters, at, typ}},
		{"audit-13-no-id", []part{name, org, nets, devs, frame, plate, reason, cas, filters, at, typ, prompt, mod}},
		{"audit-11", []part{name, org, nets, devs, frame, plate, reason, cas, filters, at, typ}},
		{"federal-extract", []part{id, name, org, nets, plate, reason, cas, filters, at, typ}},
		{"frame-apart", []part{id, org, nets, devs, part(From), part(To), reason, at, typ, mod}},
		{"audit-short", []part{org, nets, frame, at, typ}},
		{"audit-short", []part{name, org, nets, reason, at, typ}},
		{"audit-short", []part{org, nets, plate, reason, at, typ}},
		{"audit-short", []part{org, nets, devs, reason, at, typ}},
		{"portal", []part{id, name, at, nets}},
		{"portal", []part{id, name, at, nets, reason}},
		{"portal", []part{id, name, at, nets, reason, cas}},
		{"portal", []part{id, name, at, nets, reason, cas, offense}},
	}
}()

// role is what a log is read for.
type role uint8

const (
	noLog    role = iota // its rows are set aside
	searches             // a row is a search
	events               // a row is an event; some are searches
	shares               // a row says who shares with whom
)

// layout says which cell of a row is which. It does not change once made.
type layout struct {
	role    role
	variant string
	n       int      // cells of a row; those beyond have no label
	labels  []string // as they stand, nil where there is no header
	parts   []part   // of each column, len n
	cell    [int(aside) + 1]int16
	uuids   bool // ids are UUIDs
	serial  bool // times are day numbers
	present []Field
	texts   []Field // those of present that are no times, id or number of networks
	columns []column
}

func newLayout(variant string, r role, parts []part) *layout {
	l := &layout{role: r, variant: variant, n: len(parts), parts: parts}
	for i := range l.cell {
		l.cell[i] = -1
	}
	for i, p := range parts {
		if p != noPart && l.cell[p] < 0 {
			l.cell[p] = int16(i)
		}
	}
	if i := l.cell[frame]; i >= 0 && l.cell[From] < 0 && l.cell[To] < 0 {
		l.cell[From], l.cell[To] = i, i
	}
	if i := l.cell[date]; i >= 0 && l.cell[Time] < 0 {
		l.cell[Time] = i
	}
	for f := range NumFields {
		if l.cell[f] >= 0 {
			l.present = append(l.present, f)
			switch f {
			case ID, Networks, Time, From, To:
			default:
				l.texts = append(l.texts, f)
			}
		}
	}
	l.columns = l.plainly()
	return l
}

// same says whether two layouts read a row alike.
func (l *layout) same(o *layout) bool {
	if l == o {
		return true
	}
	if l.n != o.n || l.role != o.role {
		return false
	}
	for i := range l.parts {
		if l.parts[i] != o.parts[i] {
			return false
		}
	}
	return true
}

// headerParts reads the cells as labels. It says how many are known, and
// whether the row can be a header at all.
func headerParts(cells [][]byte) (parts []part, known int, ok bool) {
	filled := 0
	for _, c := range cells {
		c = trim(c)
		if len(c) == 0 {
			continue
		}
		filled++
		if len(c) > 64 {
			return nil, 0, false
		}
		if _, is := aliases[plain(c)]; is {
			known++
		}
	}
	if known < 2 || known*2 < filled {
		return nil, known, false
	}
	parts = make([]part, len(cells))
	taken := map[part]bool{}
	for i, c := range cells {
		p, is := aliases[plain(c)]
		if !is || taken[p] && p != aside {
			p = noPart
		} else {
			taken[p] = true
		}
		parts[i] = p
	}
	return parts, known, true
}

// fromHeader makes the layout that labels and the shape of the first rows tell,
// nil if the row is no header of a log.
func fromHeader(cells [][]byte, sample [][][]byte) *layout {
	parts, _, ok := headerParts(cells)
	if !ok {
		return nil
	}
	has := func(p part) bool { return find(parts, p) >= 0 }

	r := noLog
	switch {
	case has(event) && has(details):
		r = events
		if i := find(parts, date); i >= 0 && !has(part(Time)) {
			parts[i] = part(Time)
		}
	case has(shareOwner) && has(shareOther), has(part(Agency)) && (has(sharedTo) || has(sharedFrom)):
		r = shares
	default:
		// "Search Date" and "Search Time" are one column twice, or a date and a
		// clock: the cells tell.
		parts = dateAndClock(cells, parts, sample)
		has = func(p part) bool { return find(parts, p) >= 0 }
		others := 0
		for _, p := range parts {
			if p >= 0 && p != part(Time) && p != date && p != clock && p < event {
				others++
			}
		}
		if (has(part(Time)) || has(date)) && others > 0 {
			r = searches
		}
	}
	if r == noLog {
		return nil
	}

	// Labels without a data column, and cells without a label.
	n := len(parts)
	if has(part(Time)) {
		sample = joinTimes(sample)
	}
	if m := usual(sample); m > 0 && r == searches {
		for n > m && len(trim(cells[n-1])) == 0 {
			n--
		}
		if n > m && find(parts[m:], part(Time)) < 0 && find(parts[m:], date) < 0 && find(parts[m:], clock) < 0 {
			n = m
		}
		for n < m {
			parts = append(parts, noPart)
			n++
		}
	}
	parts = parts[:n]
	l := newLayout("", r, parts)
	l.serial = l.serials(sample)
	l.variant = l.name()
	for _, c := range cells {
		l.labels = append(l.labels, string(trim(c)))
	}
	l.uuids = l.learnUUIDs(sample)
	return l
}

// joinTimes puts together what an unquoted comma cut in two: a date and, in the
// next cell, a time of day.
func joinTimes(sample [][][]byte) (out [][][]byte) {
	for _, row := range sample {
		var joined [][]byte
		for i := 0; i < len(row); i++ {
			c := row[i]
			if i+1 < len(row) {
				a, okA := parseStamp(trim(c))
				b, okB := parseStamp(trim(row[i+1]))
				if okA && okB && a.date && !a.clock && b.clock && !b.date {
					i++
					c = bytes.Join([][]byte{c, row[i]}, []byte{','})
				}
			}
			joined = append(joined, c)
		}
		out = append(out, joined)
	}
	return out
}

func find(parts []part, p part) int {
	for i, q := range parts {
		if p == q {
			return i
		}
	}
	return -1
}

// dateAndClock finds the two columns of a time that is written apart.
func dateAndClock(labels [][]byte, parts []part, sample [][][]byte) []part {
	d, c := -1, -1
	for i := range labels {
		label := plain(labels[i])
		if p, is := aliases[label]; !is || p != part(Time) && p != date && p != clock {
			continue
		}
		dates, clocks, both := 0, 0, 0
		for _, row := range sample {
			if i >= len(row) {
				continue
			}
			s, ok := parseStamp(trim(row[i]))
			switch {
			case !ok:
			case s.date && s.clock && !s.serial:
				both++
			case s.date:
				dates++
			case s.clock:
				clocks++
			}
		}
		switch {
		case dates > both && dates > clocks && d < 0:
			d = i
		case clocks > both && clocks > dates && c < 0:
			c = i
		}
	}
	if d >= 0 && c >= 0 {
		for i, p := range parts {
			if p == part(Time) || p == date || p == clock {
				parts[i] = noPart
			}
		}
		parts[d], parts[c] = date, clock
		return parts
	}
	// One column alone, whatever it is called.
	if find(parts, part(Time)) < 0 {
		if i := find(parts, date); i >= 0 {
			parts[i] = part(Time)
		} else if i := find(parts, clock); i >= 0 {
			parts[i] = part(Time)
		}
	}
	return parts
}

// name finds the variant of a layout made from labels.
func (l *layout) name() string {
	has := func(p part) bool { return l.cell[p] >= 0 }
	switch {
	case l.role == events:
		return "event-log"
	case l.role == shares && has(shareOwner):
		return "sharing-edges"
	case l.role == shares:
		return "shared-networks"
	case has(date) && has(clock):
		return "date-and-clock"
	case l.serial || l.n == 2 && has(part(Reason)):
		return "serial-times"
	case l.cell[From] != l.cell[To]:
		return "frame-apart"
	}
	plainCols := func(parts ...part) bool {
		for _, p := range parts {
			if !has(p) {
				return false
			}
		}
		return true
	}
	id, nets, devs, at := part(ID), part(Networks), part(Devices), part(Time)
	switch {
	case plainCols(id, part(Searcher), part(Agency), nets, frame, at) && has(devs):
		return "audit-14"
	case plainCols(id, part(Searcher), part(Agency), nets, frame, at):
		return "audit-13"
	case plainCols(id, part(Agency), nets, part(Plate), at) && !has(frame):
		return "federal-extract"
	case !has(id) && plainCols(part(Searcher), part(Agency), frame, at) && (has(part(Prompt)) || has(part(Moderation))):
		return "audit-13-no-id"
	case !has(id) && plainCols(part(Searcher), part(Agency), frame, at):
		return "audit-11"
	case !has(id) && l.n <= 6 && plainCols(part(Agency), nets, at):
		return "audit-short"
	case plainCols(id, part(Searcher), at, nets) && !has(part(Agency)):
		return "portal"
	case plainCols(id, part(Searcher), at, devs) && !has(part(Agency)):
		return "portal-cameras"
	}
	return "columns"
}

// serials says whether the times of the sample are day numbers.
func (l *layout) serials(sample [][][]byte) bool {
	i, yes, no := int(l.cell[Time]), 0, 0
	for _, row := range sample {
		if i < 0 || i >= len(row) {
			continue
		}
		if s, ok := parseStamp(trim(row[i])); ok && s.serial {
			yes++
		} else if ok {
			no++
		}
	}
	return yes > no
}

// usual is how many cells most rows have.
func usual(sample [][][]byte) int {
	counts, best := map[int]int{}, 0
	for _, row := range sample {
		if len(row) > 1 {
			counts[len(row)]++
			if c := counts[len(row)]; c > counts[best] || c == counts[best] && len(row) > best {
				best = len(row)
			}
		}
	}
	if best > 0 && counts[best]*2 > len(sample) {
		return best
	}
	return 0
}

func (l *layout) learnUUIDs(sample [][][]byte) bool {
	i, yes, no := int(l.cell[ID]), 0, 0
	for _, row := range sample {
		if i < 0 || i >= len(row) {
			continue
		}
		if c := trim(row[i]); isUUID(c) {
			yes++
		} else if stateOf(ID, c) == Value {
			no++
		}
	}
	return yes > 9*no
}

// isUUID looks at the form only.
func isUUID(b []byte) bool {
	return len(b) == 36 && b[8] == '-' && b[13] == '-' && b[18] == '-' && b[23] == '-'
}

// fits says whether a cell has the shape of what its column holds: 1 if it has,
// 0 if nothing can be said, -1 if it has another.
func fits(p part, c []byte) int {
	c = trim(c)
	if p < 0 || p >= event {
		return 0
	}
	if len(c) == 0 {
		return 0
	}
	switch p {
	case part(ID):
		if isUUID(c) {
			return 1
		}
	case part(Networks), part(Devices):
		if _, ok := integer(c); ok {
			return 1
		}
	case part(Time), date, part(From), part(To), frame:
		if p == frame {
			c, _ = splitFrame(c)
		}
		if s, ok := parseStamp(c); ok && s.date {
			if s.serial { // more likely a count that stands in the wrong column
				return -1
			}
			return 1
		}
	case clock:
		if s, ok := parseStamp(c); ok && s.clock && !s.date {
			return 1
		}
	case part(Type):
		if types[plain(c)] {
			return 1
		}
		if isUUID(c) || c[0] >= '0' && c[0] <= '9' {
			return -1
		}
		return 0
	case part(Moderation):
		if verdicts[plain(c)] {
			return 1
		}
		return 0
	default:
		// A text: anything but an id or a full time.
		if isUUID(c) && p != part(Searcher) {
			return -1
		}
		c, _ = splitFrame(c)
		if s, ok := parseStamp(c); ok && s.date && s.clock && !s.serial {
			return -1
		}
		return 0
	}
	if s := stateOf(ID, c); s != Value {
		return 0 // masked, or a placeholder
	}
	return -1
}

// types are kinds of search, as exports write them.
var types = wordSet("lookup search convoy visual multigeo freeform plate vehicle vehiclefingerprint platereader hotlist advanced multistate nationwide national statewide local map quick deepsearch licenseplate licenseplatelookup platelookup vehiclesearch visualsearch convoysearch multigeosearch lookupsearch")

// verdicts of the vendor's moderation.
var verdicts = wordSet("allow allowed block blocked deny denied warn warning flag flagged pass passed approve approved reject rejected review ok overridden override safe unsafe")

func wordSet(s string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(s) {
		m[w] = true
	}
	return m
}

// splitFrame gives the two ends of a time frame that is one cell: two lines, or
// "A to B". The second is nil where there is one only.
func splitFrame(c []byte) (from, to []byte) {
	if i := bytes.IndexByte(c, '\n'); i >= 0 {
		return trimFrame(c[:i]), trimFrame(c[i+1:])
	}
	for i := 3; i+3 < len(c); i++ {
		if c[i] == ' ' && (c[i+1] == 't' || c[i+1] == 'T') && c[i+2]|0x20 == 'o' && c[i+3] == ' ' {
			return trim(c[:i]), trim(c[i+4:])
		}
	}
	for _, sep := range [...]string{" - ", " – ", " — "} {
		if i := bytes.Index(c, []byte(sep)); i > 0 {
			return trim(c[:i]), trim(c[i+len(sep):])
		}
	}
	return c, nil
}

// trimFrame cuts a dash or "to" left at the seam of the two lines.
func trimFrame(b []byte) []byte {
	b = trim(b)
	if n := len(b); n > 0 && b[0] >= '0' && b[0] <= '9' && b[n-1] >= '0' && b[n-1] != 'o' {
		return b
	}
	b = bytes.TrimSuffix(bytes.TrimPrefix(b, []byte("to ")), []byte(" to"))
	return trim(bytes.TrimSuffix(bytes.TrimPrefix(b, []byte("- ")), []byte(" -")))
}

// fromShape finds the arrangement of rows without a header, nil if none fits.
func fromShape(sample [][][]byte) *layout {
	if l := fitting(sample); l != nil {
		return l
	}
	return fitting(joinTimes(sample))
}

func fitting(sample [][][]byte) *layout {
	n := usual(sample)
	var best *layout
	most := 0
	for _, a := range arrangements {
		if len(a.parts) != n {
			continue
		}
		score, shaped := 0, 0
		for i, p := range a.parts {
			right, wrong, told := 0, 0, 0
			for _, row := range sample {
				if len(row) != n {
					continue
				}
				if len(trim(row[i])) > 0 {
					told++
				}
				switch fits(p, row[i]) {
				case 1:
					right++
				case -1:
					wrong++
				}
			}
			switch {
			case 4*wrong > told || p == part(Time) && right == 0:
				shaped = -len(a.parts)
			case right > 0 && p != part(Moderation):
				shaped++
			}
			score += right - wrong
		}
		if shaped >= 3 && score > most {
			l := newLayout(a.variant, searches, a.parts)
			l.uuids = l.learnUUIDs(sample)
			best, most = l, score
		}
	}
	return best
}

// rowFits scores how well a row's cells fit an arrangement: the number of
// columns whose shape is right, 0 or less if one is wrong or the time is missing.
func rowFits(parts []part, row [][]byte) int {
	score, timed := 0, false
	for i, p := range parts {
		if i >= len(row) {
			break
		}
		switch fits(p, row[i]) {
		case 1:
			score++
			timed = timed || p == part(Time) || p == date
		case -1:
			return -1
		}
	}
	if !timed {
		return 0
	}
	return score
}
