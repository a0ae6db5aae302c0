package search

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"porchlight/agencyname"
	"porchlight/db"
	"porchlight/identity"
	"porchlight/plate"
	"porchlight/policy"
	"porchlight/purpose"
)

// Limits of an ask.
const (
	maxCase   = 64  // characters
	maxNote   = 500 //
	maxBehalf = 100 //
	maxNames  = 500 // cameras, owners
	maxPeers  = 1000
	// maxSpan is how far back anybody can ask: longer than any reads are kept.
	maxSpan = 366 * 24 * time.Hour
	// repeatSpan is how long earlier searches for a plate are remembered against
	// its searcher.
	repeatSpan = 60 * 24 * time.Hour
)

var words = regexp.MustCompile(`^[a-z0-9][a-z0-9 -]{0,39}$`)

// clean gives the ask in its one form: texts trimmed, times in whole
// milliseconds UTC, lists sorted. *Invalid when it cannot be asked.
func clean(ask plate.Ask, now time.Time) (plate.Ask, error) {
	text := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	ask.Case, ask.Note, ask.Behalf = text(ask.Case), text(ask.Note), text(ask.Behalf)
	list := func(l []string) []string {
		l = slices.Clone(l)
		slices.Sort(l)
		return slices.Compact(l)
	}
	ask.Owners, ask.Peers, ask.Query.Cameras = list(ask.Owners), list(ask.Peers), list(ask.Query.Cameras)
	q := &ask.Query
	q.From, q.To = q.From.UTC().Truncate(time.Millisecond), q.To.UTC().Truncate(time.Millisecond)
	_, exact := q.Plate.Exact()
	plain := func(s string, most int) bool { return utf8.ValidString(s) && utf8.RuneCountInString(s) <= most }
	_, known := purpose.OffenseOf(ask.Offense)
	for _, c := range []struct {
		wrong         bool
		field, reason string
	}{
		{q.Kind != plate.ByPlate && q.Kind != plate.InArea && q.Kind != plate.Convoy, "query.kind", "A search is by plate, in an area, or for a convoy."},
		{q.Kind == plate.ByPlate && q.Plate.String() == "", "query.plate", "Give a plate, or a part of one with ? and *."},
		{q.Kind == plate.Convoy && !exact, "query.plate", "A convoy is searched with one whole plate."},
		{q.Kind == plate.InArea && q.Plate.String() != "", "query.plate", "Every read of an area is asked without a plate; to search for one there, search by plate and draw the area."},
		{q.Kind == plate.InArea && q.Area.Empty(), "query.area", "Draw the area."},
		{q.From.IsZero() || q.To.IsZero() || !q.From.Before(q.To), "query.from", "Give a begin, and an end after it."},
		{q.From.After(now), "query.from", "The time asked for has not begun yet."},
		{now.Sub(q.From) > maxSpan, "query.from", "Nothing is kept for longer than a year."},
		{len(q.Cameras) > maxNames || len(ask.Owners) > maxNames, "query.cameras", fmt.Sprintf("Name at most %d.", maxNames)},
		{len(ask.Peers) > maxPeers, "peers", fmt.Sprintf("Name at most %d.", maxPeers)},
		{len(q.Region) > 6, "query.region", "A region is a code such as US-IL."},
		{q.Vehicle.Type != "" && !words.MatchString(q.Vehicle.Type) || q.Vehicle.Make != "" && !words.MatchString(q.Vehicle.Make) ||
			q.Vehicle.Color != "" && !words.MatchString(q.Vehicle.Color), "query.vehicle", "Type, make and color are words in small letters."},
		{!known, "offense", "Choose an offense, or a ground that is none, from the list."},
		{!plain(ask.Case, maxCase), "case", fmt.Sprintf("At most %d characters.", maxCase)},
		{ask.Note == "" || !plain(ask.Note, maxNote), "note", fmt.Sprintf("Say in a few words what it is for, in at most %d characters.", maxNote)},
		{!plain(ask.Behalf, maxBehalf), "behalf", fmt.Sprintf("At most %d characters.", maxBehalf)},
	} {
		if c.wrong {
			return ask, &Invalid{c.field, c.reason}
		}
	}
	return ask, nil
}

// caseKey makes "24-00123", "24 00123" and "24.00123" one case.
func caseKey(number string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToUpper(r)
		}
		return -1
	}, number)
}

// hasCase reports whether a case number can be one: it has digits that are not
// all the same or a mere count up, and is no mask or placeholder.
func hasCase(number string) bool {
	var digits []rune
	for _, r := range number {
		if unicode.IsDigit(r) {
			digits = append(digits, r)
		}
	}
	if len(digits) < 2 || slices.Contains(purpose.Classes(number), string(purpose.Unstated)) {
		return false
	}
	same, counting := true, true
	for i, d := range digits[1:] {
		same = same && d == digits[i]
		counting = counting && d == digits[i]+1
	}
	return !same && !(counting && len(digits) > 2)
}

// meaning is what an ask's offense, note and case number mean together, sorted,
// and whether the note by itself says what happened.
func meaning(ask plate.Ask) (purposes []string, clear bool) {
	o, _ := purpose.OffenseOf(ask.Offense)
	for _, c := range o.Classes {
		purposes = append(purposes, string(c))
	}
	said := []string{string(purpose.Vague), string(purpose.CaseNumber), string(purpose.Unreadable), string(purpose.Unstated)}
	clear = true
	for _, c := range purpose.Classes(ask.Note) {
		clear = clear && !slices.Contains(said, c) && c != string(purpose.Testing)
		purposes = append(purposes, c)
	}
	for _, c := range purpose.Classes(ask.Note + "\n" + ask.Case) {
		if !slices.Contains(said, c) {
			purposes = append(purposes, c)
		}
	}
	slices.Sort(purposes)
	return slices.Compact(purposes), clear
}

// standing is how the caller's agency stands, with whom she asks for; false when
// she has no agency, whom policy refuses.
func (s *Service) standing(ctx context.Context, who identity.Principal, ask plate.Ask) (plate.Asker, error) {
	asker, ok, err := s.Agencies.Standing(ctx, who.Agency)
	if err != nil {
		return asker, fmt.Errorf("looking up the asking agency: %w", err)
	}
	if !ok {
		asker = plate.Asker{Agency: who.Agency}
	}
	if ask.Behalf == "" {
		return asker, nil
	}
	behalf, ok, err := s.Agencies.Standing(ctx, strings.ToUpper(ask.Behalf))
	if err != nil {
		return asker, fmt.Errorf("looking up the agency asked for: %w", err)
	}
	switch {
	case ok && behalf.Agency == asker.Agency:
		return asker, &Invalid{"behalf", "Leave this empty when the search is for your own agency."}
	case !ok:
		behalf = byName(ask.Behalf)
	}
	asker.Behalf = &behalf
	return asker, nil
}

// byName is what the name of an agency tells that is none of this exchange.
func byName(name string) plate.Asker {
	says := agencyname.Read(name, false)
	a := plate.Asker{Name: name, State: agencyname.State(name), Kind: agencyname.Kind(name, says)}
	if says != 0 {
		a.Kind = "federal" // a task force too: its name does not tell its members
	}
	return a
}

// behalfKind is what the entry says of whom a search is for.
func behalfKind(a plate.Asker) string {
	switch {
	case a.Behalf == nil:
		return ""
	case a.Behalf.Kind == "" || a.Behalf.Kind == "local":
		return "unknown"
	}
	return a.Behalf.Kind
}

// federal reports whether an agency is federal, or a federal one by its name.
func federal(a plate.Asker) bool {
	return a.Kind == "federal" || agencyname.Read(a.Name, false)&agencyname.Federal != 0
}

// asked are the owners that an ask goes to, the asker's own first: those that
// let her in, or those she chose, which have a camera that could have read what
// is asked for.
func (s *Service) asked(ctx context.Context, asker plate.Asker, ask plate.Ask) ([]OwnerReach, error) {
	owners := ask.Owners
	if len(owners) == 0 || asker.Exchange != "" { // another exchange does not choose among the owners here
		alone := asker
		alone.Behalf = nil // whether she may ask for another, each owner's answer says on record
		var err error
		if owners, err = s.Sharing.Owners(ctx, alone); err != nil {
			return nil, fmt.Errorf("listing whose reads may be searched: %w", err)
		}
	}
	var list []OwnerReach
	for _, owner := range owners {
		cameras, err := s.Cameras.Cameras(ctx, owner)
		if err != nil {
			return nil, fmt.Errorf("counting cameras: %w", err)
		}
		n := 0
		for _, c := range cameras {
			if couldRead(c, ask.Query) {
				n++
			}
		}
		if n > 0 {
			list = append(list, OwnerReach{owner, n})
		}
	}
	slices.SortStableFunc(list, func(a, b OwnerReach) int {
		own := func(o OwnerReach) int {
			if o.Owner == asker.Agency && asker.Exchange == "" {
				return 0
			}
			return 1
		}
		return own(a) - own(b)
	})
	return list, nil
}

// couldRead reports whether a camera can have made a read that q asks for.
func couldRead(c plate.Camera, q plate.Query) bool {
	return (c.Removed.IsZero() || c.Removed.After(q.From)) &&
		(len(q.Cameras) == 0 || slices.Contains(q.Cameras, c.ID)) &&
		(q.Area.Empty() || c.Mobile || q.Area.ContainsPoint(c.Place))
}

func up(d, unit time.Duration) int64 { return int64((d + unit - 1) / unit) }

// km2 is an area in square kilometres, rounded up.
func km2(q plate.Query) int64 {
	if q.Area.Empty() {
		return 0
	}
	return int64(math.Ceil(q.Area.AreaM2() / 1e6))
}

// weighed is an ask with everything that policy must know of it.
type weighed struct {
	ask      plate.Ask
	asker    plate.Asker
	reach    Reach
	purposes []string
	clear    bool
	facts    map[string]any // of search.run; approved is false
}

func (s *Service) weigh(ctx context.Context, who identity.Principal, ask plate.Ask) (weighed, error) {
	now := s.Now()
	ask, err := clean(ask, now)
	if err != nil {
		return weighed{}, err
	}
	w := weighed{ask: ask}
	if w.asker, err = s.standing(ctx, who, ask); err != nil {
		return w, err
	}
	if w.reach.Owners, err = s.asked(ctx, w.asker, ask); err != nil {
		return w, err
	}
	for _, o := range w.reach.Owners {
		w.reach.Cameras += o.Cameras
	}
	w.reach.LookBack, w.reach.Peers = int(up(now.Sub(ask.Query.From), time.Hour)), ask.Peers
	w.purposes, w.clear = meaning(ask)
	repeats, err := s.repeats(ctx, who.PersonID, ask, now)
	if err != nil {
		return w, fmt.Errorf("counting earlier searches: %w", err)
	}
	w.facts = map[string]any{
		"kind": string(ask.Query.Kind), "purposes": w.purposes, "clear": w.clear, "has_case": hasCase(ask.Case),
		"behalf_unnamed": ask.Behalf == "" && speaksFor(ask.Note, w.asker) != "",
		"networks":       len(w.reach.Owners), "look_back_days": up(now.Sub(ask.Query.From), 24*time.Hour),
		"repeats": repeats, "approved": false,
	}
	return w, nil
}

// repeats counts the person's earlier searches for the same plate that were
// under another case, or whose note did not say what happened.
func (s *Service) repeats(ctx context.Context, person string, ask plate.Ask, now time.Time) (n int, err error) {
	if ask.Query.Plate.String() == "" || person == "" {
		return 0, nil
	}
	err = db.Each(func(row db.Row) error {
		var text string
		var clear int
		if err := row.Scan(&text, &clear); err != nil {
			return err
		}
		var before plate.Ask
		if err := unmarshal(text, &before); err != nil {
			return err
		}
		if samePlate(ask.Query.Plate, before.Query.Plate) && (clear == 0 || caseKey(before.Case) != caseKey(ask.Case)) {
			n++
		}
		return nil
	})(s.DB.Read().QueryContext(ctx, `SELECT ask, clear FROM search_run WHERE person = ? AND at >= ? AND plate <> ''`,
		person, now.Add(-repeatSpan).UnixMicro()))
	return n, err
}

// samePlate reports whether two patterns are about one plate: equal, or one a
// whole plate that the other fits.
func samePlate(a, b plate.Pattern) bool {
	if a.String() == b.String() {
		return true
	}
	if t, ok := a.Exact(); ok {
		return b.Matches(t)
	}
	t, ok := b.Exact()
	return ok && a.Matches(t)
}

// question is search.run as the gate would put it to policy.
func (w weighed) question(approved bool) policy.Question {
	facts := make(map[string]any, len(w.facts))
	for k, v := range w.facts {
		facts[k] = v
	}
	facts["approved"] = approved
	return policy.Question{
		Action: "search.run", Facts: facts, Jurisdictions: []string{w.asker.State},
		Actor: policy.Actor{Role: string(identity.RoleInvestigator), Agency: w.asker.Agency,
			AgencyKind: w.asker.Kind, AgencyStatus: w.asker.Status, Signed: true},
	}
}

// answerFacts are what policy must know of one owner's answer, and the entry of
// the owner's setting.
func (s *Service) answerFacts(ctx context.Context, owner plate.Asker, asker plate.Asker, ask plate.Ask) (facts map[string]any, grant uint64, err error) {
	purposes, _ := meaning(ask)
	f := struct{ shared, named, restricted, active, federal, outside, private bool }{shared: true, named: true, active: true}
	for a := &asker; a != nil; a = a.Behalf {
		one := *a
		one.Behalf = nil
		if one.Agency != owner.Agency || one.Exchange != "" {
			p, err := s.Sharing.May(ctx, owner.Agency, one)
			if err != nil {
				return nil, 0, fmt.Errorf("reading the sharing setting of %s: %w", owner.Agency, err)
			}
			f.shared = f.shared && p.Allowed
			// A setting names agencies of this exchange: who comes through a peer that it
			// names beside them is not named herself.
			f.named = f.named && p.Allowed && p.Audience == sharingByName && one.Exchange == ""
			if a == &asker {
				grant = p.Entry
			}
		}
		barred, err := s.Sharing.Restricted(ctx, one.Agency, owner.State)
		if err != nil {
			return nil, 0, fmt.Errorf("reading restrictions: %w", err)
		}
		f.restricted = f.restricted || barred
		f.active = f.active && one.Agency != "" && one.Status == "active"
		f.federal = f.federal || federal(one)
		f.outside = f.outside || one.State != owner.State
		f.private = f.private || one.Kind == "private"
	}
	if slices.Contains(purposes, string(purpose.Immigration)) && !f.federal {
		// Whom she works for is federal, and no owner let it in by name.
		f.federal, f.named = true, false
	}
	return map[string]any{
		"own":    asker.Agency == owner.Agency && asker.Exchange == "" && asker.Behalf == nil,
		"shared": f.shared, "named": f.named, "restricted": f.restricted, "asker_active": f.active,
		"federal": f.federal, "outside": f.outside, "private": f.private,
		"purposes": purposes, "has_case": hasCase(ask.Case),
		"look_back_days": up(s.Now().Sub(ask.Query.From), 24*time.Hour),
	}, grant, nil
}

// Fields are the private values of search.run: the ask, field by field. Who has
// a receipt with all of them disclosed can check that this ask was signed.
func Fields(ask plate.Ask) map[string]string {
	q := ask.Query
	m := map[string]string{
		"case": ask.Case, "note": ask.Note, "behalf": ask.Behalf, "peers": strings.Join(ask.Peers, " "), "only": strings.Join(ask.Owners, " "),
		"plate": q.Plate.String(), "from": q.From.Format(time.RFC3339Nano), "to": q.To.Format(time.RFC3339Nano), "region": q.Region,
		"vehicle": strings.Join([]string{q.Vehicle.Type, q.Vehicle.Make, q.Vehicle.Color}, "/"),
		"cameras": strings.Join(q.Cameras, " "), "area": "",
	}
	if !q.Area.Empty() {
		b, _ := q.Area.MarshalJSON()
		m["area"] = string(b)
	}
	return m
}
