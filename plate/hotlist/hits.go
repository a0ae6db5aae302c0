package hotlist

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/identity"
	"porchlight/plate"
)

// Hits are those of who's agency, newest first: those that nobody has resolved,
// or those of the past 30 days that somebody has. At most 500.
func (s *Service) Hits(ctx context.Context, who identity.Principal, resolved bool) ([]Hit, error) {
	if err := s.reads(ctx, who, identity.RoleInvestigator); err != nil {
		return nil, err
	}
	where, args := `h.state IN (?, ?)`, []any{who.Agency, Raised, Seen}
	if resolved {
		where, args = `h.state IN (?, ?) AND h.at > ?`, []any{who.Agency, Resolved, Acted, db.Micros(s.Now().Add(-30 * 24 * time.Hour))}
	}
	hs, err := hits(s.DB.Read(), `h.agency = ? AND `+where+` ORDER BY h.last_seen DESC, h.id DESC LIMIT 500`, args...)
	return hs, err
}

// Since are the hits of who's agency that changed after seq, in the order of
// their changes; at most 200.
func (s *Service) Since(ctx context.Context, who identity.Principal, seq int64) ([]Hit, error) {
	if err := s.reads(ctx, who, identity.RoleInvestigator); err != nil {
		return nil, err
	}
	hs, err := hits(s.DB.Read(), `h.agency = ? AND h.seq > ? AND h.raised > 0 AND h.state <> ? ORDER BY h.seq LIMIT 200`, who.Agency, seq, Refused)
	if err != nil {
		return nil, fmt.Errorf("reading hits: %w", err)
	}
	for i := range hs {
		if err := s.fill(&hs[i]); err != nil {
			return nil, err
		}
	}
	return hs, nil
}

// Watch returns a channel that is signalled when a hit of who's agency changed,
// until stop is called, and closed when Run ends; and the number of the last
// change so far.
func (s *Service) Watch(ctx context.Context, who identity.Principal) (changed <-chan struct{}, last int64, stop func(), err error) {
	if err := s.reads(ctx, who, identity.RoleInvestigator); err != nil {
		return nil, 0, nil, err
	}
	changed, stop = s.hub.join(who.Agency)
	if _, last, err = s.counters(ctx); err != nil {
		stop()
	}
	return changed, last, stop, err
}

// Hit is one hit of who's agency, whole.
func (s *Service) Hit(ctx context.Context, who identity.Principal, id string) (Hit, error) {
	if err := s.reads(ctx, who, identity.RoleInvestigator); err != nil {
		return Hit{}, err
	}
	h, err := s.hit(who, id)
	if err != nil {
		return Hit{}, err
	}
	return h, s.fill(&h)
}

func (s *Service) hit(who identity.Principal, id string) (Hit, error) {
	hs, err := hits(s.DB.Read(), `h.id = ? AND h.agency = ? AND h.state NOT IN (?, ?)`, id, who.Agency, Raising, Refused)
	if err != nil {
		return Hit{}, fmt.Errorf("reading a hit: %w", err)
	}
	if len(hs) == 0 {
		return Hit{}, ErrNotFound
	}
	return hs[0], nil
}

// fill adds sightings and what earlier hits turned out to be.
func (s *Service) fill(h *Hit) (err error) {
	if h.Sightings, err = sightings(s.DB.Read(), h.ID); err != nil {
		return fmt.Errorf("reading sightings: %w", err)
	}
	h.Before = map[Outcome]int{}
	err = db.Each(func(row db.Row) error {
		var o Outcome
		var n int
		err := row.Scan(&o, &n)
		h.Before[o] = n
		return err
	})(s.DB.Read().Query(`SELECT outcome, count(*) FROM hotlist_hit WHERE entry = ? AND agency = ? AND text = ? AND outcome <> '' AND id < ?
		GROUP BY outcome`, h.Entry.ID, h.Agency, h.Text, h.ID))
	if err != nil {
		return fmt.Errorf("reading earlier hits: %w", err)
	}
	return nil
}

// Led reports whether a hit of who's agency showed it the read whose picture this
// is; for plate/image.
func (s *Service) Led(ctx context.Context, who identity.Principal, hit string, read plate.ID, picture string) (bool, error) {
	if err := s.reads(ctx, who, identity.RoleInvestigator); err != nil {
		return false, nil
	}
	var n int
	err := s.DB.Read().QueryRowContext(ctx, `SELECT count(*) FROM hotlist_hit h JOIN hotlist_of o ON o.hit = h.id JOIN hotlist_sighting s ON s.id = o.sighting
		WHERE h.id = ? AND h.agency = ? AND h.state NOT IN (?, ?) AND s.read = ?`, hit, who.Agency, Raising, Refused, int64(read)).Scan(&n)
	if err != nil || n == 0 {
		return false, err
	}
	seen, err := sightings(s.DB.Read(), hit)
	for _, v := range seen {
		if v.Read.ID == read && v.Read.Image == picture && picture != "" {
			return true, err
		}
	}
	return false, err
}

// Open notes that an officer opened a hit; the others see it. Doing it twice is
// doing it once.
func (s *Service) Open(ctx context.Context, who identity.Principal, id string) error {
	if err := s.reads(ctx, who, identity.RoleInvestigator); err != nil {
		return err
	}
	if _, err := s.hit(who, id); err != nil {
		return err
	}
	return s.settle(ctx, who.Agency, func(tx *sql.Tx, seq int64) error {
		_, err := tx.Exec(`UPDATE hotlist_hit SET state = ?, person = ?, seq = ? WHERE id = ? AND state = ?`, Seen, who.PersonID, seq, id, Raised)
		return err
	})
}

// settle changes a hit and tells those who watch.
func (s *Service) settle(ctx context.Context, agency string, change func(tx *sql.Tx, seq int64) error) error {
	err := s.DB.Write(ctx, func(tx *sql.Tx) error {
		seq, err := next(tx, "hits")
		if err != nil {
			return err
		}
		return change(tx, seq)
	})
	s.hub.wake(agency)
	return err
}

// Resolve says what a hit turned out to be (hit.resolve). To confirm it she must
// have opened one of its pictures by way of this hit; where there is none that
// her agency can open, note says what she went by, and the hit shows that nobody
// saw a picture. After Stale its entry alerts her agency no more until it
// changes. *Invalid, ErrNotFound, ErrChanged.
func (s *Service) Resolve(ctx context.Context, by gate.Caller, id string, outcome Outcome, note string) (Hit, *gate.Grant, error) {
	fail := func(err error) (Hit, *gate.Grant, error) { return Hit{}, nil, err }
	note, err := noted(note)
	if err != nil {
		return fail(err)
	}
	h, err := s.hit(by.Who, id)
	if err != nil {
		return fail(err)
	}
	if err := s.fill(&h); err != nil {
		return fail(err)
	}
	picture, err := s.picture(ctx, h, by.Who)
	if err != nil {
		return fail(err)
	}
	own := h.Entry.By == by.Who.PersonID
	public := map[string]string{"list": h.List.ID, "agency": h.Agency, "outcome": string(outcome)}
	if own {
		public["author"] = "same" // who put the plate on the list says what it is: allowed, and shown
	}
	unseen := outcome == Confirmed && picture != "viewed"
	if unseen {
		public["picture"] = "none"
	}
	alerted := s.home(ctx, h)
	g, err := s.Gate.Do(ctx, gate.Act{
		Action: "hit.resolve", By: by, Role: identity.RoleInvestigator, Objects: objects(h.ID, h.List.ID, h.Agency),
		Public: public, Private: map[string]string{"hit": h.ID, "note": note},
		Facts: map[string]any{
			"own_agency": h.Agency == by.Who.Agency, "open": h.State == Raised || h.State == Seen, "outcome": string(outcome),
			"picture": picture, "reason_given": note != "",
		},
		Jurisdictions: alerted,
	}, func(tx *sql.Tx, g *gate.Grant) error {
		seq, err := next(tx, "hits")
		if err != nil {
			return err
		}
		return changed(tx.Exec(`UPDATE hotlist_hit SET state = ?, outcome = ?, person = ?, at = ?, note = ?, unseen = ?, own = ?, seq = ?, changed = ?
			WHERE id = ? AND state IN (?, ?)`, Resolved, outcome, by.Who.PersonID, db.Micros(g.At), note, flag(unseen), flag(own), seq, db.Micros(g.At),
			h.ID, Raised, Seen))
	})
	return s.after(ctx, by, id, g, err)
}

// Act notes that a confirmed hit was acted upon (hit.act).
func (s *Service) Act(ctx context.Context, by gate.Caller, id, note string) (Hit, *gate.Grant, error) {
	note, err := noted(note)
	if err != nil {
		return Hit{}, nil, err
	}
	h, err := s.hit(by.Who, id)
	if err != nil {
		return Hit{}, nil, err
	}
	g, err := s.Gate.Do(ctx, gate.Act{
		Action: "hit.act", By: by, Role: identity.RoleInvestigator, Objects: objects(h.ID, h.List.ID, h.Agency),
		Public: map[string]string{"list": h.List.ID, "agency": h.Agency}, Private: map[string]string{"hit": h.ID, "note": note},
		Facts:         map[string]any{"own_agency": h.Agency == by.Who.Agency, "confirmed": h.State == Resolved && h.Outcome == Confirmed},
		Jurisdictions: s.home(ctx, h),
	}, func(tx *sql.Tx, g *gate.Grant) error {
		seq, err := next(tx, "hits")
		if err != nil {
			return err
		}
		return changed(tx.Exec(`UPDATE hotlist_hit SET state = ?, seq = ?, changed = ?, note = CASE WHEN ? = '' THEN note ELSE trim(note || ' / ' || ?) END
			WHERE id = ? AND state = ? AND outcome = ?`, Acted, seq, db.Micros(g.At), note, note, h.ID, Resolved, Confirmed))
	})
	return s.after(ctx, by, id, g, err)
}

// after tells those who watch and returns the hit as it is now.
func (s *Service) after(ctx context.Context, by gate.Caller, id string, g *gate.Grant, err error) (Hit, *gate.Grant, error) {
	if err != nil {
		return Hit{}, nil, err
	}
	s.hub.wake(by.Who.Agency)
	h, err := s.hit(by.Who, id)
	if err == nil {
		err = s.fill(&h)
	}
	return h, g, err
}

func noted(s string) (string, error) {
	s = strings.TrimSpace(s)
	if utf8.RuneCountInString(s) > 500 || !utf8.ValidString(s) {
		return "", &Invalid{"note", "At most 500 characters."}
	}
	return s, nil
}

// home is the state of the list's agency.
func (s *Service) home(ctx context.Context, h Hit) []string {
	f, err := s.Agencies.AgencyFacts(ctx, h.List.Agency)
	if err != nil {
		return nil // it left; the acting agency's own law remains
	}
	return []string{f.State}
}

// picture says whether a person opened a picture of a hit by way of it, as policy
// knows it: viewed, not-viewed, or none when there is none that her agency can
// open by itself. It goes by the acts image.view.
func (s *Service) picture(ctx context.Context, h Hit, who identity.Principal) (string, error) {
	found := "none"
	for _, v := range h.Sightings {
		if v.Read.Image == "" {
			continue
		}
		if v.Read.Owner == h.Agency {
			found = "not-viewed"
		}
		acts, err := s.Gate.History(ctx, v.Read.Image)
		if err != nil {
			return "", err
		}
		for _, a := range acts {
			if a.Entry.Act.Action == "image.view" && a.Outcome == "done" && a.Private("hit") == h.ID && a.Private(gate.PrivatePerson) == who.PersonID {
				return "viewed", nil
			}
		}
	}
	return found, nil
}

// Sweep forgets what is past its time: hits with their reads (see Retention),
// entries that ended a month ago, uploaded files, and who made entries without a
// case. It returns how many rows went.
func (s *Service) Sweep(ctx context.Context) (n int, err error) {
	now := s.Now()
	r := s.Retention
	err = s.DB.Write(ctx, func(tx *sql.Tx) error {
		n = 0
		for _, q := range []struct {
			sql  string
			args []any
		}{
			{`DELETE FROM hotlist_hit WHERE changed < ? AND (state = ? OR outcome IN (?, ?, ?))`, []any{db.Micros(now.Add(-r.Dismissed)), Refused, Misread, Stale, WrongVehicle}},
			{`DELETE FROM hotlist_hit WHERE changed < ? AND state IN (?, ?)`, []any{db.Micros(now.Add(-r.Unresolved)), Raised, Seen}},
			{`DELETE FROM hotlist_hit WHERE changed < ? AND state = ? AND outcome = ?`, []any{db.Micros(now.Add(-r.Confirmed)), Resolved, Confirmed}},
			{`DELETE FROM hotlist_hit WHERE changed < ? AND state = ?`, []any{db.Micros(now.Add(-r.Acted)), Acted}},
			{`DELETE FROM hotlist_sighting WHERE NOT EXISTS (SELECT 1 FROM hotlist_of o WHERE o.sighting = hotlist_sighting.id)`, nil},
			{`DELETE FROM hotlist_entry WHERE expires < ?`, []any{db.Micros(now.Add(-30 * 24 * time.Hour))}},
			{`DELETE FROM hotlist_countersign WHERE entry <> '' AND NOT EXISTS (SELECT 1 FROM hotlist_entry e WHERE e.id = hotlist_countersign.entry)`, nil},
			{`DELETE FROM hotlist_uncased WHERE at < ?`, []any{db.Micros(now.Add(-uncasedFor))}},
			{`DELETE FROM hotlist_file WHERE at < ?`, []any{db.Micros(now.Add(-fileKept))}},
			{`DELETE FROM hotlist_done WHERE at < ?`, []any{db.Micros(now.Add(-24 * time.Hour))}},
			{`DELETE FROM hotlist_correction WHERE answered > 0 AND answered < ?`, []any{db.Micros(now.Add(-r.Confirmed))}},
		} {
			res, err := tx.Exec(q.sql, q.args...)
			if err != nil {
				return err
			}
			k, err := res.RowsAffected()
			if err != nil {
				return err
			}
			n += int(k)
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("forgetting hits: %w", err)
	}
	return n, nil
}

// Pictures are those of an owner's reads, seen at from or later and before to,
// that hits still need; for plate/image.
func (s *Service) Pictures(ctx context.Context, owner string, from, to time.Time) ([]string, error) {
	all, err := db.All(scanSighting)(s.DB.Read().QueryContext(ctx, `SELECT DISTINCT s.body FROM hotlist_sighting s JOIN hotlist_of o ON o.sighting = s.id
		JOIN hotlist_hit h ON h.id = o.hit WHERE s.owner = ? AND s.seen >= ? AND s.seen < ? AND h.state <> ?`, owner, db.Micros(from), db.Micros(to), Refused))
	if err != nil {
		return nil, fmt.Errorf("looking for pictures that hits need: %w", err)
	}
	var ids []string
	for _, v := range all {
		if v.Read.Image != "" {
			ids = append(ids, v.Read.Image)
		}
	}
	return ids, nil
}
