package search

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/identity"
	"porchlight/plate"
	"porchlight/plate/sharing"

	"golang.org/x/sync/errgroup"
)

const sharingByName = sharing.Agencies

// together is how many owners are asked at the same time. Their entries share
// the batches in which the log publishes.
const together = 256

// Answer puts an ask to the owners here, one act search.answer each, and looks
// up reads where an answer permits and is published. search names the search:
// the index of its entry, of a peer's <origin>/<index>; a repeat with the same
// asker and ask gives the same answers. Owners stand in the order of the plan:
// the asker's own agency first.
//
// The asker is believed: who answers a peer has checked its proof. Errors:
// *Invalid, gate.ErrActConflict when search was used for another ask,
// gate.ErrUnsettled when the log did not publish (repeat it), and those of the
// store. With an error nothing is shown of anybody's reads.
func (s *Service) Answer(ctx context.Context, search string, asker plate.Asker, ask plate.Ask) ([]plate.Answer, error) {
	ask, err := clean(ask, s.Now())
	if err != nil {
		return nil, err
	}
	plan, err := s.planned(ctx, search, asker, ask)
	if errors.Is(err, ErrNotFound) {
		var reach []OwnerReach
		if reach, err = s.asked(ctx, asker, ask); err != nil {
			return nil, err
		}
		err = s.DB.Write(ctx, func(tx *sql.Tx) error { return insertPlan(tx, search, asker, ask, reach, s.Now()) })
		if err == nil || db.Duplicate(err) { // somebody repeats it at the same time
			plan, err = s.planned(ctx, search, asker, ask)
		}
	}
	if err != nil {
		return nil, err
	}
	out := make([]plate.Answer, len(plan))
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(together)
	for i, a := range plan {
		all.Go(func() (err error) {
			out[i], err = s.answer(ctx, search, a, asker, ask)
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return nil, err
	}
	return out, nil
}

// insertPlan writes down whom a search asks, and under which act ids.
func insertPlan(tx *sql.Tx, search string, asker plate.Asker, ask plate.Ask, owners []OwnerReach, now time.Time) error {
	_, err := tx.Exec(`INSERT INTO search_plan (search, digest, at) VALUES (?, ?, ?)`, search, planDigest(asker, ask), now.UnixMicro())
	if err != nil {
		return err
	}
	for i, o := range owners {
		_, err := tx.Exec(`INSERT INTO search_answer (search, owner, place, act, state, entry, grant_entry)
			VALUES (?, ?, ?, ?, ?, 0, 0)`, search, o.Owner, i, gate.NewActID(), stateOpen)
		if err != nil {
			return err
		}
	}
	return nil
}

// planDigest tells who asks what. How the asker stands may change between two
// tries, who it is may not.
func planDigest(asker plate.Asker, ask plate.Ask) []byte {
	who := []string{asker.Exchange, asker.Agency}
	if asker.Behalf != nil {
		who = append(who, asker.Behalf.Agency, asker.Behalf.Name)
	}
	return digest(struct {
		Who []string
		Ask plate.Ask
	}{who, ask})
}

// planned reads whom a search asks. ErrNotFound, gate.ErrActConflict.
func (s *Service) planned(ctx context.Context, search string, asker plate.Asker, ask plate.Ask) ([]answered, error) {
	var have []byte
	err := s.DB.Read().QueryRowContext(ctx, `SELECT digest FROM search_plan WHERE search = ?`, search).Scan(&have)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, ErrNotFound
	case err != nil:
		return nil, err
	case !slices.Equal(have, planDigest(asker, ask)):
		return nil, gate.ErrActConflict
	}
	return s.answers(ctx, search)
}

// answer gives one owner's answer, deciding it first where that is not done.
func (s *Service) answer(ctx context.Context, search string, a answered, asker plate.Asker, ask plate.Ask) (plate.Answer, error) {
	if a.state == stateOpen {
		if err := s.decide(ctx, search, &a, asker, ask); err != nil {
			return plate.Answer{}, fmt.Errorf("asking %s: %w", a.owner, err)
		}
	}
	record, err := s.Gate.At(ctx, a.entry)
	if err != nil {
		return plate.Answer{}, fmt.Errorf("reading the entry of %s's answer: %w", a.owner, err)
	}
	out := plate.Answer{Owner: a.owner, Permit: a.state == statePermit, Rules: record.Entry.Decision.Rules, Entry: a.entry, Grant: a.grant,
		Reads: []plate.Read{}, Companions: []plate.Companion{}}
	if !out.Permit {
		return out, nil
	}
	if a.found == nil {
		err = s.look(ctx, search, &a, ask.Query, &out)
	} else {
		err = s.again(ctx, a, &out)
	}
	if err != nil {
		return plate.Answer{}, fmt.Errorf("looking up the reads of %s: %w", a.owner, err)
	}
	return out, nil
}

// decide takes search.answer for one owner through the gate.
func (s *Service) decide(ctx context.Context, search string, a *answered, asker plate.Asker, ask plate.Ask) error {
	owner, ok, err := s.Agencies.Standing(ctx, a.owner)
	if err == nil && !ok {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("looking up the agency: %w", err)
	}
	facts, grant, err := s.answerFacts(ctx, owner, asker, ask)
	if err != nil {
		return err
	}
	public := map[string]string{
		"search": search, "asker": asker.Agency, "owner": a.owner, "kind": string(ask.Query.Kind), "offense": ask.Offense,
		"purposes": strings.Join(facts["purposes"].([]string), " "), "grant": index(grant),
	}
	if k := behalfKind(asker); k != "" {
		public["behalf"] = k
	}
	for {
		act := gate.Act{
			Action: "search.answer", Role: identity.RoleSystem, By: gate.Caller{Who: identity.System(), ActID: a.act},
			Objects: []string{"search/" + search}, Public: public, Facts: facts, Jurisdictions: []string{owner.State},
		}
		_, err := s.Gate.Do(ctx, act, func(tx *sql.Tx, g *gate.Grant) error {
			a.state, a.entry, a.grant = statePermit, g.Index, grant
			return a.decided(tx, search)
		})
		var refused *gate.Refusal
		switch {
		case err == nil && a.state == stateOpen: // a repeat was quicker
			return s.reload(ctx, search, a)
		case err == nil:
			return nil
		case errors.As(err, &refused):
			a.state, a.entry, a.grant = stateDeny, refused.Index, grant
			return s.DB.Write(ctx, func(tx *sql.Tx) error { return a.decided(tx, search) })
		case errors.Is(err, gate.ErrVoided), errors.Is(err, gate.ErrActConflict):
			// A crash cut the last try short, or its setting changed since: once more.
			if err := s.reopen(ctx, search, a); err != nil {
				return err
			}
			continue
		default:
			return err
		}
	}
}

// reload reads an answer as it is kept now.
func (s *Service) reload(ctx context.Context, search string, a *answered) error {
	list, err := s.answers(ctx, search)
	for _, b := range list {
		if b.owner == a.owner {
			*a = b
		}
	}
	return err
}

// reopen gives an owner's answer a fresh act id. When somebody else did so at the
// same time, hers counts.
func (s *Service) reopen(ctx context.Context, search string, a *answered) error {
	return s.DB.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE search_answer SET act = ? WHERE search = ? AND owner = ? AND act = ?`, gate.NewActID(), search, a.owner, a.act)
		if err != nil {
			return err
		}
		return tx.QueryRow(`SELECT act FROM search_answer WHERE search = ? AND owner = ?`, search, a.owner).Scan(&a.act)
	})
}

// look finds the reads of a permitted, published answer and keeps their ids, so
// that a repeat gives the same. What its owner may no longer keep is not found,
// though it may not be purged yet.
func (s *Service) look(ctx context.Context, search string, a *answered, q plate.Query, out *plate.Answer) (err error) {
	if oldest := s.Now().Add(-s.Keeper.Keep(a.owner)); q.From.Before(oldest) {
		q.From = oldest
	}
	f := &found{}
	if q.From.Before(q.To) {
		if q.Kind == plate.Convoy {
			out.Companions, f.More, err = s.Reads.Convoy(ctx, []string{a.owner}, q, plate.MaxCompanions)
		} else {
			out.Reads, f.More, err = s.Reads.Find(ctx, []string{a.owner}, q, plate.MaxReads)
		}
	}
	if err != nil {
		return err
	}
	f.Reads = ids(out.Reads)
	for _, c := range out.Companions {
		f.Companions = append(f.Companions, companions{c.Cameras, ids(c.Reads)})
	}
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	first := false
	err = s.DB.Write(ctx, func(tx *sql.Tx) error {
		r, err := tx.Exec(`UPDATE search_answer SET found = ? WHERE search = ? AND owner = ? AND found IS NULL`, string(text), search, a.owner)
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		first = n > 0
		return err
	})
	if err != nil || first {
		out.More = f.More
		return err
	}
	if err := s.reload(ctx, search, a); err != nil { // a repeat was quicker: hers is the answer
		return err
	}
	return s.again(ctx, *a, out)
}

func ids(reads []plate.Read) []plate.ID {
	list := make([]plate.ID, len(reads))
	for i, r := range reads {
		list[i] = r.ID
	}
	return list
}

// again gives the reads of an answer as it was first given, without those that
// have gone since.
func (s *Service) again(ctx context.Context, a answered, out *plate.Answer) error {
	oldest := s.Now().Add(-s.Keeper.Keep(a.owner))
	get := func(ids []plate.ID) ([]plate.Read, error) {
		reads, err := s.Reads.Get(ctx, ids)
		reads = slices.DeleteFunc(reads, func(r plate.Read) bool { return r.Owner != a.owner || r.Seen.Before(oldest) })
		out.Purged += len(ids) - len(reads)
		return reads, err
	}
	var err error
	if out.Reads, err = get(a.found.Reads); err != nil {
		return err
	}
	out.Companions, out.More = []plate.Companion{}, a.found.More
	for _, c := range a.found.Companions {
		reads, err := get(c.Reads)
		if err != nil {
			return err
		}
		if len(reads) > 0 {
			out.Companions = append(out.Companions, plate.Companion{Text: reads[0].Text, Region: reads[0].Region, Cameras: c.Cameras, Reads: reads})
		}
	}
	return nil
}
