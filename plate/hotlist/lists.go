package hotlist

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/identity"
	"porchlight/plate"
)

// Draft is an entry as it comes in, from an officer or from a file.
type Draft struct {
	Plate   string        `json:"plate"`
	Region  string        `json:"region"`
	Reason  Kind          `json:"reason"` // "" that of the list
	Basis   string        `json:"basis"`
	Case    string        `json:"case"`
	Ref     string        `json:"ref"`
	Author  string        `json:"author"` // from a file: who entered it at the source
	Vehicle plate.Vehicle `json:"vehicle"`
	Details string        `json:"details"`
	Expires time.Time     `json:"expires"`
}

var regionForm = regexp.MustCompile(`^[A-Z]{2}(-[A-Z0-9]{1,3})?$`)

// check makes an entry of a draft; *Invalid says what is wrong with it.
func (d Draft) check(l List, now time.Time) (e Entry, err error) {
	bad := func(field, reason string) (Entry, error) { return Entry{}, &Invalid{field, reason} }
	e = Entry{List: l.ID, Region: strings.ToUpper(strings.TrimSpace(d.Region)), Reason: d.Reason, Basis: squeeze(d.Basis),
		Case: squeeze(d.Case), Ref: squeeze(d.Ref), Author: squeeze(d.Author), Details: squeeze(d.Details), Expires: d.Expires.UTC().Truncate(time.Microsecond)}
	if e.Reason == "" {
		e.Reason = l.Kind
	}
	if e.Plate, err = plate.ParsePattern(d.Plate); err != nil {
		return bad("plate", upper(err.Error())+".")
	}
	if known(e.Plate) < MinKnown && strings.ContainsAny(e.Plate.String(), "?*") {
		return bad("plate", fmt.Sprintf("A wanted plate with wildcards needs at least %d letters or digits.", MinKnown))
	}
	if e.Region != "" && !regionForm.MatchString(e.Region) {
		return bad("region", "Name the region as ISO 3166 does, such as US-IL or NL, or leave it out.")
	}
	if !slices.Contains(Kinds(), e.Reason) {
		return bad("reason", "There is no such reason.")
	}
	if n := utf8.RuneCountInString(e.Basis); n < 3 || n > 300 {
		return bad("basis", "State the legal basis in 3 to 300 characters.")
	}
	for _, f := range []struct {
		name, text string
		most       int
	}{{"case", e.Case, 60}, {"ref", e.Ref, 60}, {"author", e.Author, 80}, {"details", e.Details, 300}} {
		if utf8.RuneCountInString(f.text) > f.most || !utf8.ValidString(f.text) {
			return bad(f.name, fmt.Sprintf("At most %d characters.", f.most))
		}
	}
	for _, v := range []struct {
		to   *string
		from string
	}{{&e.Vehicle.Type, d.Vehicle.Type}, {&e.Vehicle.Make, d.Vehicle.Make}, {&e.Vehicle.Color, d.Vehicle.Color}} {
		if *v.to = strings.ToLower(squeeze(v.from)); len(*v.to) > 40 {
			return bad("vehicle", "At most 40 characters each for type, make and color.")
		}
	}
	if !e.Expires.After(now) {
		return bad("expires", "It is over already.")
	}
	return e, nil
}

// known counts the letters and digits of a pattern.
func known(p plate.Pattern) int {
	s := p.String()
	return len(s) - strings.Count(s, "?") - strings.Count(s, "*") - strings.Count(s, "~")
}

func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// caseGiven tells a case number from a placeholder: it has a digit.
func caseGiven(number string) bool { return strings.ContainsAny(number, "0123456789") }

// An administrative warrant is signed by an immigration officer, not by a judge,
// and is for removal (Forms I-200 and I-205).
var adminWarrant = regexp.MustCompile(`(?i)\badmin(istrative|\.)?\s+(arrest\s+|ice\s+)?warrants?\b`)

// residual are the classes of a text that says nothing; a structured reason says it.
var residual = []string{"vague", "case-number", "unreadable", "unstated"}

// means tells the purposes of an entry, sorted.
func (s *Service) means(e Entry) []string {
	text := e.Basis + "\n" + e.Details
	classes := slices.Clone(s.Purposes(text))
	if says := map[Kind]string{StolenVehicle: "stolen-vehicle", StolenPlate: "stolen-vehicle", WantedPerson: "warrant",
		MissingPerson: "missing-person", Bolo: "bolo"}[e.Reason]; says != "" {
		classes = slices.DeleteFunc(classes, func(c string) bool { return slices.Contains(residual, c) })
		classes = append(classes, says)
	}
	if adminWarrant.MatchString(text) {
		classes = append(classes, "immigration")
	}
	slices.Sort(classes)
	return slices.Compact(classes)
}

// NewList is a list to be made.
type NewList struct {
	Name    string
	Kind    Kind
	Source  Source
	Origin  string // which agency, by name, where Source is FromOther
	Public  bool
	Offered bool
}

// Create begins a list of the caller's agency (hotlist.create). Its id is the
// act's. *Invalid.
func (s *Service) Create(ctx context.Context, by gate.Caller, n NewList) (List, *gate.Grant, error) {
	l := List{ID: by.ActID, Agency: by.Who.Agency, Name: squeeze(n.Name), Kind: n.Kind, Source: n.Source, Origin: squeeze(n.Origin),
		Author: by.Who.PersonID, Public: n.Public, Offered: n.Offered}
	switch {
	case l.Name == "" || utf8.RuneCountInString(l.Name) > 80 || !utf8.ValidString(l.Name):
		return List{}, nil, &Invalid{"name", "Name the list in 1 to 80 characters."}
	case !slices.Contains(Kinds(), l.Kind):
		return List{}, nil, &Invalid{"kind", "There is no such kind."}
	case !slices.Contains(Sources(), l.Source):
		return List{}, nil, &Invalid{"source", "There is no such source."}
	case (l.Source == FromOther) != (l.Origin != "") || utf8.RuneCountInString(l.Origin) > 80:
		return List{}, nil, &Invalid{"origin", "Name the other agency, in at most 80 characters, if the list is another agency's, and only then."}
	}
	public := map[string]string{"list": l.ID, "kind": string(l.Kind), "source": string(l.Source)}
	if l.Public {
		public["name"] = l.Name
	}
	if l.Offered {
		public["offered"] = "true"
	}
	g, err := s.Gate.Do(ctx, gate.Act{
		Action: "hotlist.create", By: by, Role: deskRole(by.Who), Objects: objects(l.ID, l.Agency),
		Public: public, Private: map[string]string{"name": l.Name, "origin": l.Origin}, Facts: map[string]any{},
	}, func(tx *sql.Tx, g *gate.Grant) error {
		_, err := tx.Exec(`INSERT INTO hotlist_list (id, agency, name, kind, source, origin, author, public, offered, version, made)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)`, l.ID, l.Agency, l.Name, l.Kind, l.Source, l.Origin, l.Author,
			flag(l.Public), flag(l.Offered), db.Micros(g.At))
		return err
	})
	if err != nil {
		return List{}, nil, err
	}
	l, err = list(s.DB.Read(), l.ID)
	return l, g, err
}

// deskRole is the one in which somebody keeps lists.
func deskRole(who identity.Principal) identity.Role {
	if !who.Has(identity.RoleInvestigator) && who.Has(identity.RoleAdmin) {
		return identity.RoleAdmin
	}
	return identity.RoleInvestigator
}

func objects(ids ...string) []string {
	return slices.DeleteFunc(ids, func(id string) bool { return id == "" })
}

// Lists are those of who's agency and those that others offer, by name.
func (s *Service) Lists(ctx context.Context, who identity.Principal) ([]List, error) {
	if err := s.reads(ctx, who, identity.RoleInvestigator, identity.RoleAdmin); err != nil {
		return nil, err
	}
	return lists(s.DB.Read(), `l.agency = ? OR l.offered = 1 ORDER BY l.name, l.id`, who.Agency)
}

// PublicLists are an agency's lists as everybody may know them: those that are
// not public have no name.
func (s *Service) PublicLists(ctx context.Context, agency string) ([]List, error) {
	ls, err := lists(s.DB.Read(), `l.agency = ? ORDER BY l.made, l.id`, agency)
	for i := range ls {
		ls[i].Author, ls[i].Origin = "", ""
		if !ls[i].Public {
			ls[i].Name = ""
		}
	}
	return ls, err
}

// reach returns a list that who's agency keeps or is offered; ErrNotFound.
func (s *Service) reach(ctx context.Context, who identity.Principal, id string) (List, error) {
	l, err := list(s.DB.Read(), id)
	if err == nil && (who.Agency == "" || l.Agency != who.Agency && !l.Offered) {
		err = ErrNotFound
	}
	return l, err
}

// Listed is an entry as the desk shows it.
type Listed struct {
	Entry
	Alerts bool `json:"alerts"` // reads of it alert the reader's agency now
}

// MaxListed is how many entries Entries returns.
const MaxListed = 200

// Entries returns a list and those of its entries whose plate, case, number or
// basis contains text, newest first; more when there are more than MaxListed.
func (s *Service) Entries(ctx context.Context, who identity.Principal, id, text string) (l List, es []Listed, more bool, err error) {
	fail := func(err error) (List, []Listed, bool, error) { return List{}, nil, false, err }
	if err := s.reads(ctx, who, identity.RoleInvestigator, identity.RoleAdmin); err != nil {
		return fail(err)
	}
	if l, err = s.reach(ctx, who, id); err != nil {
		return fail(err)
	}
	like := "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToUpper(squeeze(text))) + "%"
	found, err := entries(s.DB.Read(), `list = ? AND (plate LIKE ? ESCAPE '\' OR upper(case_number) LIKE ? ESCAPE '\' OR upper(ref) LIKE ? ESCAPE '\'
		OR upper(basis) LIKE ? ESCAPE '\') ORDER BY version DESC, id DESC LIMIT ?`, id, like, like, like, like, MaxListed+1)
	if err != nil {
		return fail(err)
	}
	if more = len(found) > MaxListed; more {
		found = found[:MaxListed]
	}
	stood, err := s.stood(who.Agency, id)
	if err != nil {
		return fail(err)
	}
	home := stood
	if l.Agency != who.Agency {
		if home, err = s.stood(l.Agency, id); err != nil {
			return fail(err)
		}
	}
	now := s.Now()
	for _, e := range found {
		alerts := !e.Waits && l.Source != FromOther || home[e.ID] >= e.Version || !e.Waits && home[""] >= e.Version // those who keep it
		if l.Agency != who.Agency {
			alerts = (alerts || !e.Waits) && (stood[e.ID] >= e.Version || stood[""] >= e.Version)
		}
		alerts = alerts && e.Expires.After(now)
		es = append(es, Listed{e, alerts})
	}
	return l, es, more, nil
}

// stood is up to which version the agency stands for each entry of a list, and
// under "" for the list as a whole.
func (s *Service) stood(agency, list string) (map[string]int64, error) {
	out := map[string]int64{"": -1}
	err := db.Each(func(row db.Row) error {
		var entry string
		var version int64
		err := row.Scan(&entry, &version)
		out[entry] = version
		return err
	})(s.DB.Read().Query(`SELECT entry, version FROM hotlist_countersign WHERE list = ? AND agency = ?`, list, agency))
	return out, err
}

// days until a time, rounded up.
func days(d time.Duration) int64 { return int64((d + 24*time.Hour - 1) / (24 * time.Hour)) }

// uncasedFor is how long an entry without a case is remembered of its author.
const uncasedFor = 90 * 24 * time.Hour

// Add puts one plate on a list (hotlist.add); the same plate, region and number
// again replaces what was there. Who often has plates watched without a case gets
// an entry that waits for a second officer. *Invalid, ErrNotFound, ErrChanged.
func (s *Service) Add(ctx context.Context, by gate.Caller, id string, d Draft) (Entry, *gate.Grant, error) {
	fail := func(err error) (Entry, *gate.Grant, error) { return Entry{}, nil, err }
	l, err := s.reach(ctx, by.Who, id)
	if err != nil {
		return fail(err)
	}
	act := gate.Act{Action: "hotlist.add", By: by, Role: deskRole(by.Who), Objects: objects(by.ActID, l.ID, l.Agency)}
	if g, done, err := s.repeated(ctx, act); done {
		var e Entry
		if err == nil {
			e, err = entry(s.DB.Read(), by.ActID)
		}
		return e, g, err
	}
	now := s.Now()
	e, err := d.check(l, now)
	if err != nil {
		return fail(err)
	}
	e.ID, e.By, e.Author, e.Means = by.ActID, by.Who.PersonID, by.Who.PersonID, s.means(e)
	var uncased, same int64
	err = s.DB.Read().QueryRowContext(ctx, `SELECT count(*), coalesce(sum(CASE WHEN plate = ? THEN 1 ELSE 0 END), 0) FROM hotlist_uncased
		WHERE person = ? AND at > ?`, e.Plate.String(), e.By, db.Micros(now.Add(-uncasedFor))).Scan(&uncased, &same)
	if err != nil {
		return fail(fmt.Errorf("counting entries without a case: %w", err))
	}
	e.Waits = !caseGiven(e.Case) && (uncased >= 2 || same > 0)
	var was int
	err = s.DB.Read().QueryRowContext(ctx, `SELECT count(*) FROM hotlist_entry WHERE list = ? AND plate = ? AND region = ? AND ref = ?`,
		id, e.Plate.String(), e.Region, e.Ref).Scan(&was)
	if err != nil {
		return fail(err)
	}
	act.Public = map[string]string{"list": l.ID, "source": string(l.Source), "entries": strconv.Itoa(l.Entries + 1 - was), "added": "1", "removed": strconv.Itoa(was)}
	act.Private = map[string]string{"plate": e.Plate.String(), "region": e.Region, "reason": string(e.Reason), "basis": e.Basis, "case": e.Case,
		"expires": e.Expires.Format(time.RFC3339)}
	act.Facts = map[string]any{
		"own_agency": l.Agency == by.Who.Agency, "short": l.Kind.short() || e.Reason.short(), "expiry_days": days(e.Expires.Sub(now)),
		"grounds": e.Basis != "", "purposes": e.Means, "has_case": caseGiven(e.Case), "uncased": uncased, "waits": e.Waits,
	}
	g, err := s.Gate.Do(ctx, act, func(tx *sql.Tx, g *gate.Grant) error {
		e.Made = g.At
		if e.Version, err = bump(tx, l); err != nil {
			return err
		}
		old, err := entries(tx, `list = ? AND plate = ? AND region = ? AND ref = ?`, id, e.Plate.String(), e.Region, e.Ref)
		if err != nil {
			return err
		}
		if err := deleteEntries(tx, ids(old)); err != nil {
			return err
		}
		if !caseGiven(e.Case) {
			if _, err := tx.Exec(`INSERT INTO hotlist_uncased (entry, person, plate, at) VALUES (?, ?, ?, ?)`,
				e.ID, e.By, e.Plate.String(), db.Micros(g.At)); err != nil {
				return err
			}
		}
		if err := insertEntries(tx, []Entry{e}); err != nil {
			return err
		}
		return said(tx, act, g)
	})
	if err != nil {
		return fail(err)
	}
	return e, g, s.Reload(ctx)
}

// said keeps what an act on a list said. Its counts are those of the moment, and a
// repeat would count again.
func said(tx *sql.Tx, a gate.Act, g *gate.Grant) error {
	public, err := json.Marshal(a.Public)
	if err != nil {
		return err
	}
	private, err := json.Marshal(a.Private)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO hotlist_done (act, public, private, at) VALUES (?, ?, ?, ?)`, g.ActID, string(public), string(private), db.Micros(g.At))
	return err
}

// repeated answers the repeat of an act that said was told of.
func (s *Service) repeated(ctx context.Context, a gate.Act) (g *gate.Grant, done bool, err error) {
	var public, private string
	err = s.DB.Read().QueryRowContext(ctx, `SELECT public, private FROM hotlist_done WHERE act = ?`, a.By.ActID).Scan(&public, &private)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err == nil {
		err = errors.Join(json.Unmarshal([]byte(public), &a.Public), json.Unmarshal([]byte(private), &a.Private))
	}
	if err != nil {
		return nil, true, fmt.Errorf("reading what an act said: %w", err)
	}
	g, err = s.Gate.Do(ctx, a, nil)
	return g, true, err
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func ids(es []Entry) []string {
	out := make([]string, len(es))
	for i, e := range es {
		out[i] = e.ID
	}
	return out
}

// bump begins a new version of a list; ErrChanged when l is not the present one.
func bump(tx *sql.Tx, l List) (int64, error) {
	if err := changed(tx.Exec(`UPDATE hotlist_list SET version = version + 1 WHERE id = ? AND version = ?`, l.ID, l.Version)); err != nil {
		return 0, err
	}
	_, err := next(tx, "lists")
	return l.Version + 1, err
}

// Remove takes entries off a list (hotlist.remove). ErrNotFound when one is not
// on it, ErrChanged.
func (s *Service) Remove(ctx context.Context, by gate.Caller, id string, which []string) (*gate.Grant, error) {
	l, err := s.reach(ctx, by.Who, id)
	if err != nil {
		return nil, err
	}
	which = slices.Compact(slices.Sorted(slices.Values(which)))
	if len(which) == 0 || len(which) > MaxListed {
		return nil, &Invalid{"entries", fmt.Sprintf("Name 1 to %d entries.", MaxListed)}
	}
	act := gate.Act{Action: "hotlist.remove", By: by, Role: deskRole(by.Who), Objects: append([]string{l.ID, l.Agency}, which...)}
	if g, done, err := s.repeated(ctx, act); done {
		return g, err
	}
	var plates []string
	for _, id := range which {
		e, err := entry(s.DB.Read(), id)
		if err != nil || e.List != l.ID {
			return nil, cmp.Or(err, ErrNotFound)
		}
		plates = append(plates, e.Plate.String())
	}
	act.Public = map[string]string{"list": l.ID, "source": string(l.Source), "entries": strconv.Itoa(l.Entries - len(which)), "added": "0", "removed": strconv.Itoa(len(which))}
	act.Private = map[string]string{"plates": strings.Join(plates, " ")}
	act.Facts = map[string]any{"own_agency": l.Agency == by.Who.Agency}
	g, err := s.Gate.Do(ctx, act, func(tx *sql.Tx, g *gate.Grant) error {
		if _, err := bump(tx, l); err != nil {
			return err
		}
		if err := deleteEntries(tx, which); err != nil {
			return err
		}
		return said(tx, act, g)
	})
	if err != nil {
		return nil, err
	}
	return g, s.Reload(ctx)
}

// Countersign has the caller's agency stand for a list as it is now, or with
// entry for one of it (hotlist.countersign): its officers are alerted from then
// on, until what it stands for changes. An entry that waits for a second officer
// must be countersigned by itself, at the agency that keeps the list.
func (s *Service) Countersign(ctx context.Context, by gate.Caller, id, entry string) (*gate.Grant, error) {
	l, err := s.reach(ctx, by.Who, id)
	if err != nil {
		return nil, err
	}
	where, args := `list = ?`, []any{id}
	if entry != "" {
		where, args = `list = ? AND id = ?`, append(args, entry)
	}
	purposes, version, same, some := map[string]bool{}, l.Version, false, false
	err = db.Each(func(row db.Row) error {
		var means string
		var v int64
		var hers bool
		err := row.Scan(&means, &v, &hers)
		for _, c := range strings.Fields(means) {
			purposes[c] = true
		}
		some = true
		if entry != "" {
			version, same = v, hers
		}
		return err
	})(s.DB.Read().QueryContext(ctx, `SELECT means, max(version), max(CASE WHEN waits = 1 AND made_by = ? THEN 1 ELSE 0 END)
		FROM hotlist_entry WHERE `+where+` GROUP BY means`, append([]any{by.Who.PersonID}, args...)...))
	if err != nil {
		return nil, fmt.Errorf("reading what is to be countersigned: %w", err)
	}
	if entry != "" && !some {
		return nil, ErrNotFound
	}
	home, err := s.Agencies.AgencyFacts(ctx, l.Agency)
	if err != nil {
		return nil, fmt.Errorf("looking up the list's agency: %w", err)
	}
	public := map[string]string{"list": l.ID, "source": string(l.Source)}
	if entry == "" {
		public["entries"] = strconv.Itoa(l.Entries)
	}
	g, err := s.Gate.Do(ctx, gate.Act{
		Action: "hotlist.countersign", By: by, Role: identity.RoleInvestigator, Objects: objects(l.ID, entry, l.Agency),
		Public: public, Private: map[string]string{"entry": entry, "version": strconv.FormatInt(version, 10)},
		Facts: map[string]any{
			"reachable": l.Agency == by.Who.Agency || l.Offered, "same_person": same,
			"purposes": slices.Sorted(maps.Keys(purposes)),
		},
		Jurisdictions: []string{home.State},
	}, func(tx *sql.Tx, g *gate.Grant) error {
		now, err := list(tx, id)
		if err != nil {
			return err
		}
		if now.Version != l.Version {
			return ErrChanged
		}
		if _, err := next(tx, "lists"); err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO hotlist_countersign (list, entry, agency, version, person, at, idx) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (list, entry, agency) DO UPDATE SET version = excluded.version, person = excluded.person, at = excluded.at, idx = excluded.idx`,
			id, entry, by.Who.Agency, version, by.Who.PersonID, db.Micros(g.At), int64(g.Index))
		return err
	})
	if err != nil {
		return nil, err
	}
	return g, s.Reload(ctx)
}
