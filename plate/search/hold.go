package search

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/identity"
	"porchlight/plate"
)

// Hold keeps reads for a case beyond their retention.
type Hold struct {
	ID      string    `json:"id"` // the act's
	Entry   uint64    `json:"entry"`
	At      time.Time `json:"at"`
	Expires time.Time `json:"expires"`
	Search  string    `json:"search"` // id of the search that found them
	Person  string    `json:"person"`
	Agency  string    `json:"agency"` // ORI, that keeps them
	Owner   string    `json:"owner"`  // ORI, whose reads they are
	Case    string    `json:"case"`
	Reason  string    `json:"reason"`
	Reads   int       `json:"reads"`
}

// HoldDraft says what to keep of a search's answers, and why.
type HoldDraft struct {
	Search string     // id
	Owner  string     // whose reads
	Reads  []plate.ID // none: all of this owner's answer
	Case   string     // number
	Reason string
	Days   int // for how long
}

// Hold copies reads of one owner's answer into the records, for a case: the act
// read.hold. The search must be the caller's own: ErrNotFound. *Invalid when
// nothing of what she names is in the answer, or still there.
func (s *Service) Hold(ctx context.Context, by gate.Caller, d HoldDraft) (Hold, error) {
	d.Case, d.Reason = strings.Join(strings.Fields(d.Case), " "), strings.Join(strings.Fields(d.Reason), " ")
	if len(d.Case) > maxCase || len(d.Reason) > maxNote {
		return Hold{}, &Invalid{"reason", "The case number or the reason is too long."}
	}
	if h, err := s.hold(ctx, by.ActID); err == nil && h.Person == by.Who.PersonID {
		return h, nil // a repeat
	}
	r, err := s.own(ctx, by.Who, d.Search)
	if err != nil {
		return Hold{}, err
	}
	result, err := s.result(ctx, by.Who, r)
	if err != nil {
		return Hold{}, err
	}
	var keep []plate.Read
	for _, a := range result.Answers {
		if a.Owner != d.Owner {
			continue
		}
		for _, read := range everyRead(a) {
			if len(d.Reads) == 0 || slices.Contains(d.Reads, read.ID) {
				keep = append(keep, read)
			}
		}
	}
	if len(keep) == 0 {
		return Hold{}, &Invalid{"reads", "None of these reads is in the answer, or there any more."}
	}
	owner, ok, err := s.Agencies.Standing(ctx, d.Owner)
	if err != nil || !ok {
		return Hold{}, errors.Join(err, ErrNotFound)
	}
	expires := s.Now().Add(time.Duration(d.Days) * 24 * time.Hour)
	names := make([]string, len(keep))
	for i, read := range keep {
		names[i] = strconv.FormatUint(uint64(read.ID), 10)
	}
	_, err = s.Gate.Do(ctx, gate.Act{
		Action: "read.hold", By: by, Role: identity.RoleInvestigator, Objects: []string{by.ActID, r.ID},
		Public:        map[string]string{"owner": d.Owner, "reads": fmt.Sprint(len(keep)), "days": fmt.Sprint(d.Days)},
		Private:       map[string]string{"case": d.Case, "reason": d.Reason, "read_ids": strings.Join(names, " ")},
		Facts:         map[string]any{"own": true, "has_case": hasCase(d.Case) && d.Reason != "", "days": int64(d.Days)},
		Jurisdictions: []string{owner.State},
	}, func(tx *sql.Tx, g *gate.Grant) error {
		_, err := tx.Exec(`INSERT INTO search_hold (id, entry, at, expires, search, person, agency, owner, ask_case, reason)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, by.ActID, int64(g.Index), g.At.UnixMicro(), expires.UnixMicro(), r.ID,
			by.Who.PersonID, by.Who.Agency, d.Owner, d.Case, d.Reason)
		for _, read := range keep {
			if err != nil {
				return err
			}
			var text []byte
			if text, err = json.Marshal(read); err == nil {
				_, err = tx.Exec(`INSERT INTO search_held (hold, read_id, content) VALUES (?, ?, ?)`, by.ActID, int64(read.ID), string(text))
			}
		}
		return err
	})
	if err != nil {
		return Hold{}, err
	}
	return s.hold(ctx, by.ActID)
}

// everyRead are the reads of an answer, those of companions too, each once.
func everyRead(a plate.Answer) []plate.Read {
	seen := map[plate.ID]bool{}
	var list []plate.Read
	add := func(reads []plate.Read) {
		for _, r := range reads {
			if !seen[r.ID] {
				seen[r.ID] = true
				list = append(list, r)
			}
		}
	}
	add(a.Reads)
	for _, c := range a.Companions {
		add(c.Reads)
	}
	return list
}

const holdColumns = `id, entry, at, expires, search, person, agency, owner, ask_case, reason,
	(SELECT count(*) FROM search_held WHERE hold = search_hold.id)`

func scanHold(row db.Row) (h Hold, err error) {
	var entry, at, expires int64
	if err := row.Scan(&h.ID, &entry, &at, &expires, &h.Search, &h.Person, &h.Agency, &h.Owner, &h.Case, &h.Reason, &h.Reads); err != nil {
		return h, err
	}
	h.Entry, h.At, h.Expires = uint64(entry), time.UnixMicro(at).UTC(), time.UnixMicro(expires).UTC()
	return h, nil
}

func (s *Service) holds(ctx context.Context, where string, args ...any) ([]Hold, error) {
	return db.All(scanHold)(s.DB.Read().QueryContext(ctx, `SELECT `+holdColumns+` FROM search_hold WHERE `+where, args...))
}

func (s *Service) hold(ctx context.Context, id string) (Hold, error) {
	return db.First(s.holds(ctx, `id = ?`, id))(ErrNotFound)
}

// Holds are those of who's agency, newest first: case, reason and how many reads;
// the reads themselves, Held. None for who is no investigator.
func (s *Service) Holds(ctx context.Context, who identity.Principal) ([]Hold, error) {
	if !who.Has(identity.RoleInvestigator) {
		return []Hold{}, nil
	}
	return s.holds(ctx, `agency = ? ORDER BY at DESC, id DESC`, who.Agency)
}

// Held are the reads that the caller's own hold keeps, newest first. They were
// shown to her by the search. ErrNotFound.
func (s *Service) Held(ctx context.Context, who identity.Principal, id string) (Hold, []plate.Read, error) {
	h, err := s.hold(ctx, id)
	if err == nil && (h.Person != who.PersonID || h.Agency != who.Agency || !who.Has(identity.RoleInvestigator)) {
		err = ErrNotFound
	}
	if err != nil {
		return Hold{}, nil, err
	}
	list, err := db.All(scanHeld)(s.DB.Read().QueryContext(ctx, `SELECT content FROM search_held WHERE hold = ? ORDER BY read_id DESC`, id))
	if err != nil {
		return Hold{}, nil, fmt.Errorf("hold %s: %w", id, err)
	}
	return h, list, nil
}

func scanHeld(row db.Row) (r plate.Read, err error) {
	var text string
	if err := row.Scan(&text); err != nil {
		return r, err
	}
	return r, unmarshal(text, &r)
}

// Release lets the reads of a hold go: the act read.release, of an investigator
// of the agency that keeps them. ErrNotFound outside it.
func (s *Service) Release(ctx context.Context, by gate.Caller, id string) (*gate.Grant, error) {
	h, err := s.hold(ctx, id)
	if err == nil && (by.Who.Agency == "" || h.Agency != by.Who.Agency) {
		err = ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return s.release(ctx, by, identity.RoleInvestigator, h)
}

func (s *Service) release(ctx context.Context, by gate.Caller, role identity.Role, h Hold) (*gate.Grant, error) {
	return s.Gate.Do(ctx, gate.Act{
		Action: "read.release", By: by, Role: role, Objects: []string{h.ID},
		Public: map[string]string{"owner": h.Owner, "reads": fmt.Sprint(h.Reads), "of": index(h.Entry)},
		Facts:  map[string]any{"own_agency": by.Who.Agency == h.Agency, "over": !h.Expires.After(s.Now())},
	}, func(tx *sql.Tx, _ *gate.Grant) error {
		if _, err := tx.Exec(`DELETE FROM search_held WHERE hold = ?`, h.ID); err != nil {
			return err
		}
		return changed(tx.Exec(`DELETE FROM search_hold WHERE id = ?`, h.ID))
	})
}

// HeldPictures lists the pictures of an owner's held reads seen from one time
// until before another; see image.Options.Needed.
func (s *Service) HeldPictures(ctx context.Context, owner string, from, to time.Time) ([]string, error) {
	var list []string
	err := db.Each(func(row db.Row) error {
		r, err := scanHeld(row)
		if r.Image != "" {
			list = append(list, r.Image)
		}
		return err
	})(s.DB.Read().QueryContext(ctx, `SELECT d.content FROM search_held d JOIN search_hold h ON h.id = d.hold
		WHERE h.owner = ? AND d.read_id >= ? AND d.read_id < ?`, owner, int64(plate.IDAt(from)), int64(plate.IDAt(to))))
	return list, err
}

// Led reports whether the search whose entry of search.run is at this index is
// one of who's agency, and some answer to it held the read; see image.Leads. The
// read is given where it is still there, by its owner or held.
func (s *Service) Led(ctx context.Context, who identity.Principal, entry string, read plate.ID) (*plate.Read, error) {
	n, err := strconv.ParseUint(entry, 10, 63)
	if err != nil || who.Agency == "" {
		return nil, nil
	}
	list, err := s.runs(ctx, `entry = ? AND agency = ?`, int64(n), who.Agency)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	answers, err := s.answers(ctx, entry)
	if err != nil {
		return nil, err
	}
	for _, a := range answers {
		if a.state != statePermit || a.found == nil || !slices.Contains(a.found.all(), read) {
			continue
		}
		found, err := s.Reads.Get(ctx, []plate.ID{read})
		if err != nil {
			return nil, err
		}
		if len(found) > 0 && found[0].Owner == a.owner && !found[0].Seen.Before(s.Now().Add(-s.Keeper.Keep(a.owner))) {
			return &found[0], nil
		}
		var text string
		err = s.DB.Read().QueryRowContext(ctx, `SELECT d.content FROM search_held d JOIN search_hold h ON h.id = d.hold
			WHERE h.agency = ? AND h.owner = ? AND d.read_id = ?`, who.Agency, a.owner, int64(read)).Scan(&text)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		var r plate.Read
		return &r, unmarshal(text, &r)
	}
	return nil, nil
}

// all are the ids of every read of an answer.
func (f *found) all() []plate.ID {
	list := slices.Clone(f.Reads)
	for _, c := range f.Companions {
		list = append(list, c.Reads...)
	}
	return list
}

// Sweep lets go of holds whose time is over, and forgets asks older than
// Keeping. It returns how many holds went.
func (s *Service) Sweep(ctx context.Context) (n int, err error) {
	now := s.Now()
	due, err := s.holds(ctx, `expires <= ? ORDER BY expires`, now.UnixMicro())
	if err != nil {
		return 0, err
	}
	for _, h := range due {
		by := gate.Caller{Who: identity.System(), ActID: gate.NewActID()}
		switch _, e := s.release(ctx, by, identity.RoleSystem, h); {
		case e == nil:
			n++
		case !errors.Is(e, ErrChanged): // else let go of at the same moment
			err = errors.Join(err, e)
		}
	}
	before := now.Add(-s.Keeping).UnixMicro()
	return n, errors.Join(err, s.DB.Write(ctx, func(tx *sql.Tx) error {
		for _, q := range []string{
			`DELETE FROM search_answer WHERE search IN (SELECT search FROM search_plan WHERE at < ?)`,
			`DELETE FROM search_plan WHERE at < ?`, `DELETE FROM search_run WHERE at < ?`,
			`DELETE FROM search_proposal WHERE at < ?`, `DELETE FROM search_export WHERE at < ?`,
		} {
			if _, err := tx.Exec(q, before); err != nil {
				return err
			}
		}
		return nil
	}))
}
