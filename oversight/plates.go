package oversight

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"porchlight/ledger"
)

// Plates is what the ledger says of one agency in the plate network, from the
// ledger's beginning. Voided acts do not count.
type Plates struct {
	Cameras   int    // in use, as last recorded
	CamEntry  uint64 // of that act; 0 when it never had one
	KeptMins  int    // minutes its reads are kept, as last purged or set by its administrator; 0 unknown
	Purged    int    // its reads that were purged
	Held      int    // its reads that a purge passed over, being held for a case
	Searches  Searches
	Answers   []Asked       // others' searches of its reads, most first
	Denials   []Tally       // rules that refused them, most first
	Lists     []List        // its hotlists
	Sharing   []Sharing     // who may search its reads, newest first
	Bars      []Restriction // on its own searching, newest first
	Corrected []Tally       // corrections it answered, by outcome; "" those still open
}

// Searches is what an agency asked of its own and others' reads.
type Searches struct {
	Run       int     // search.run, permitted
	Purposes  []Tally // most first; a search can have several
	Offenses  []Tally //
	Kinds     []Tally //
	Behalf    []Tally // kinds of agencies for whom they were made
	Approved  int     // wide ones that a second officer approved
	Networks  int     // agencies asked, all searches together
	Widest    int     // agencies asked by the widest
	Cameras   int     // cameras within reach of the widest
	LookBack  int     // hours, of the one that looked back farthest
	Abroad    int     // that went to other exchanges
	Exported  int     // rows saved in files
	Refused   int     // searches, proposals, approvals and exports that the rules refused
	RefusedBy []Tally // rules, most first
}

// Tally is how often something was.
type Tally struct {
	What string
	N    int
}

// Asked is how one agency's searches of an owner's reads were answered.
type Asked struct {
	Asker              string // ORI
	Exchange           string // origin of the exchange it asked through; "" this one
	Permitted, Refused int
}

// List is a hotlist and what came of its alerts.
type List struct {
	ID, Name, Kind, Source string // Name is empty unless its agency made it public
	Entries                int    // as last recorded
	Raised                 int
	Confirmed, Misread     int
	Stale, WrongVehicle    int
	Acted                  int
}

// Resolved is how many alerts a person looked at.
func (l List) Resolved() int { return l.Confirmed + l.Misread + l.Stale + l.WrongVehicle }

// Wrong is the share of the resolved alerts that were wrong, in per mille; -1
// when none was resolved.
func (l List) Wrong() int {
	if l.Resolved() == 0 {
		return -1
	}
	return (l.Misread + l.Stale + l.WrongVehicle) * 1000 / l.Resolved()
}

// Sharing is one sharing.change, as the ledger has it.
type Sharing struct {
	Entry    uint64
	Hour     string
	Audience string
	Agencies []string
	Km       int
	Peers    []string
	Voided   bool // recorded, and marked as not done: from then on nobody was let in
	// Added and Removed are the names in Agencies and Peers against the change before.
	Added, Removed []string
}

// Restriction is an agency barred from the reads of a state.
type Restriction struct {
	Entry uint64
	Hour  string
	State string
	Ended string // hour of its readmission; "" while it stands
}

// plates is what is counted of one agency.
type plates struct {
	cameras, kept                                           []point
	purged, held, run, approved, networks, abroad, exported int
	refused                                                 int
	widest, reach, back                                     []point // of every search that was the widest so far
	purposes, offenses, kinds, behalf, refusedBy, denials   map[string]int
	corrected                                               map[string]int
	asked                                                   map[string]*Asked
	lists                                                   map[string]*List
	sharing                                                 []Sharing
	bars                                                    []Restriction
}

// point is a figure with the entry that stated it.
type point struct {
	entry uint64
	n     int
}

func newPlates() *plates {
	m := func() map[string]int { return map[string]int{} }
	return &plates{purposes: m(), offenses: m(), kinds: m(), behalf: m(), refusedBy: m(), denials: m(), corrected: m(),
		asked: map[string]*Asked{}, lists: map[string]*List{}}
}

// state keeps what entry says was n, or with add -1 forgets it.
func state(points []point, entry uint64, n, add int) []point {
	if add < 0 {
		return slices.DeleteFunc(points, func(p point) bool { return p.entry == entry })
	}
	return append(points, point{entry, n})
}

// highest keeps n if it is the highest so far.
func highest(points []point, entry uint64, n, add int) []point {
	if add > 0 && len(points) > 0 && n <= points[len(points)-1].n {
		return points
	}
	return state(points, entry, n, add)
}

func last(points []point) point {
	if len(points) == 0 {
		return point{}
	}
	return points[len(points)-1]
}

// of is what is counted of an agency, begun when it is new.
func (f *Figures) of(agency string) *plates {
	p := f.networks[agency]
	if p == nil {
		p = newPlates()
		f.networks[agency] = p
	}
	return p
}

// countPlates adds n (1, or -1 of what was voided) for an entry of the plate network.
func (f *Figures) countPlates(index uint64, e ledger.Entry, n int) {
	a := e.Act
	v := a.Public
	num := func(name string) int { x, _ := strconv.Atoi(v[name]); return x }
	if !e.Decision.Permit {
		switch a.Action {
		case "search.run", "search.propose", "search.approve", "search.export":
			p := f.of(a.Agency)
			p.refused += n
			for _, rule := range e.Decision.Rules {
				p.refusedBy[rule] += n
			}
		case "search.answer":
			p := f.of(v["owner"])
			p.ask(v).Refused += n
			for _, rule := range e.Decision.Rules {
				p.denials[rule] += n
			}
		}
		return
	}
	switch a.Action {
	case "camera.add", "camera.change", "camera.remove":
		p := f.of(v["agency"])
		p.cameras = state(p.cameras, index, num("cameras"), n)
	case "reads.purge":
		p := f.of(v["owner"])
		p.purged += n * num("reads")
		p.held += n * num("held")
		p.kept = state(p.kept, index, num("days")*24*60+num("minutes"), n)
	case "setting.change":
		if v["setting"] == "reads-kept" && num("minutes") > 0 {
			p := f.of(v["owner"])
			p.kept = state(p.kept, index, num("minutes"), n)
		}
	case "search.run":
		p := f.of(a.Agency)
		p.run += n
		p.networks += n * num("networks")
		for _, c := range strings.Fields(v["purposes"]) {
			p.purposes[c] += n
		}
		p.offenses[v["offense"]] += n
		p.kinds[v["kind"]] += n
		if v["behalf"] != "" {
			p.behalf[v["behalf"]] += n
		}
		if v["approval"] != "" {
			p.approved += n
		}
		if num("peers") > 0 {
			p.abroad += n
		}
		p.widest = highest(p.widest, index, num("networks"), n)
		p.reach = highest(p.reach, index, num("cameras"), n)
		p.back = highest(p.back, index, num("look_back_hours"), n)
	case "search.answer":
		f.of(v["owner"]).ask(v).Permitted += n
	case "search.export":
		f.of(a.Agency).exported += n * num("rows")
	case "hotlist.create":
		l := f.list(a.Agency, v["list"])
		l.Name, l.Kind, l.Source = v["name"], v["kind"], v["source"]
	case "hotlist.import", "hotlist.add", "hotlist.remove":
		if n > 0 {
			f.list(a.Agency, v["list"]).Entries = num("entries")
		}
	case "hit.raise", "hit.resolve", "hit.act":
		l := f.list(f.owner(v["list"], v["agency"]), v["list"])
		switch a.Action + " " + v["outcome"] {
		case "hit.raise ":
			l.Raised += n
		case "hit.act ":
			l.Acted += n
		case "hit.resolve confirmed":
			l.Confirmed += n
		case "hit.resolve misread":
			l.Misread += n
		case "hit.resolve stale":
			l.Stale += n
		case "hit.resolve wrong-vehicle":
			l.WrongVehicle += n
		}
	case "correction.open":
		f.of(v["agency"]).corrected[""] += n
	case "correction.answer":
		p := f.of(v["agency"])
		p.corrected[""] -= n
		p.corrected[v["outcome"]] += n
	case "sharing.change":
		f.of(v["owner"]).share(index, a, num("km"), n)
	case "agency.restrict", "agency.readmit":
		f.of(v["agency"]).bar(index, a, n)
	}
}

// ask is how the asker of an answer's entry fared so far.
func (p *plates) ask(v map[string]string) *Asked {
	exchange := ""
	if i := strings.LastIndex(v["search"], "/"); i > 0 {
		exchange = v["search"][:i]
	}
	key := exchange + " " + v["asker"]
	if p.asked[key] == nil {
		p.asked[key] = &Asked{Asker: v["asker"], Exchange: exchange}
	}
	return p.asked[key]
}

// owner is the agency that made a list, or whom its alerts go to where no entry
// says who made it.
func (f *Figures) owner(list, agency string) string {
	if o, ok := f.listOf[list]; ok {
		return o
	}
	return agency
}

func (f *Figures) list(agency, id string) *List {
	if f.listOf[id] == "" {
		f.listOf[id] = agency
	}
	p := f.of(agency)
	if p.lists[id] == nil {
		p.lists[id] = &List{ID: id}
	}
	return p.lists[id]
}

func (p *plates) share(index uint64, a ledger.Act, km, n int) {
	if n < 0 {
		for i := range p.sharing {
			p.sharing[i].Voided = p.sharing[i].Voided || p.sharing[i].Entry == index
		}
		return
	}
	s := Sharing{Entry: index, Hour: a.Hour, Audience: a.Public["audience"], Km: km,
		Agencies: strings.Fields(a.Public["agencies"]), Peers: strings.Fields(a.Public["peers"])}
	var was []string
	if k := len(p.sharing); k > 0 {
		was = slices.Concat(p.sharing[k-1].Agencies, p.sharing[k-1].Peers)
	}
	is := slices.Concat(s.Agencies, s.Peers)
	without := func(all, known []string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(x string) bool { return slices.Contains(known, x) })
	}
	s.Added, s.Removed = without(is, was), without(was, is)
	p.sharing = append(p.sharing, s)
}

func (p *plates) bar(index uint64, a ledger.Act, n int) {
	open := func(s string) func(Restriction) bool {
		return func(r Restriction) bool { return r.State == s && r.Ended == "" }
	}
	switch {
	case n < 0: // a void lifts no bar; see package plate/sharing
	case a.Action == "agency.restrict" && !slices.ContainsFunc(p.bars, open(a.Public["state"])):
		p.bars = append(p.bars, Restriction{Entry: index, Hour: a.Hour, State: a.Public["state"]})
	case a.Action == "agency.readmit":
		if i := slices.IndexFunc(p.bars, open(a.Public["state"])); i >= 0 {
			p.bars[i].Ended = a.Hour
		}
	}
}

// Plates returns the figures of one agency in the plate network; false when the
// ledger says nothing of it there.
func (f *Figures) Plates(agency string) (Plates, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.networks[agency]
	if p == nil {
		return Plates{}, false
	}
	out := Plates{
		Cameras: last(p.cameras).n, CamEntry: last(p.cameras).entry, KeptMins: last(p.kept).n, Purged: p.purged, Held: p.held,
		Searches: Searches{
			Run: p.run, Purposes: tallies(p.purposes), Offenses: tallies(p.offenses), Kinds: tallies(p.kinds), Behalf: tallies(p.behalf),
			Approved: p.approved, Networks: p.networks, Widest: last(p.widest).n, Cameras: last(p.reach).n, LookBack: last(p.back).n,
			Abroad: p.abroad, Exported: p.exported, Refused: p.refused, RefusedBy: tallies(p.refusedBy),
		},
		Denials: tallies(p.denials), Corrected: tallies(p.corrected),
		Sharing: slices.Clone(p.sharing), Bars: slices.Clone(p.bars),
	}
	slices.Reverse(out.Sharing)
	slices.Reverse(out.Bars)
	for _, a := range p.asked {
		out.Answers = append(out.Answers, *a)
	}
	slices.SortFunc(out.Answers, func(a, b Asked) int {
		return cmp.Or(b.Permitted+b.Refused-a.Permitted-a.Refused, strings.Compare(a.Exchange+a.Asker, b.Exchange+b.Asker))
	})
	for _, id := range slices.Sorted(maps.Keys(p.lists)) {
		out.Lists = append(out.Lists, *p.lists[id])
	}
	return out, true
}

// tallies are those above 0, most first.
func tallies(m map[string]int) (out []Tally) {
	for what, n := range m {
		if n > 0 {
			out = append(out, Tally{what, n})
		}
	}
	slices.SortFunc(out, func(a, b Tally) int { return cmp.Or(b.N-a.N, strings.Compare(a.What, b.What)) })
	return out
}
