package hotlist

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/identity"
	"porchlight/plate"
)

// Seen matches reads as they arrive. When it returns nil every hit is durable;
// soon after, Run raises it: the entry hit.raise, then the alert. It is
// idempotent per read and entry: a repeated batch makes no second hit. reads must
// have their ids.
func (s *Service) Seen(ctx context.Context, reads []plate.Read) error {
	now := s.Now()
	wantedNow := s.set.Load()
	type found struct {
		read *plate.Read
		match
	}
	var all []found
	for i := range reads {
		for _, m := range wantedNow.match(&reads[i], now) {
			all = append(all, found{&reads[i], m})
		}
	}
	if len(all) == 0 {
		return nil
	}
	var raise, grown []string
	err := s.DB.Write(ctx, func(tx *sql.Tx) error {
		raise, grown = nil, nil
		for _, f := range all {
			es, err := entries(tx, `id = ?`, f.entry.id)
			if err != nil {
				return err
			}
			if len(es) == 0 {
				continue // it left the list this moment
			}
			sighting, fresh, err := insertSighting(tx, *f.read, es[0], f.fit)
			if err != nil || !fresh {
				if err != nil {
					return err
				}
				continue
			}
			for _, agency := range f.entry.alerts {
				hit, made, err := s.add(tx, agency, es[0], sighting, now)
				if err != nil {
					return err
				}
				if made {
					raise = append(raise, hit)
				} else {
					grown = append(grown, agency)
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keeping hits: %w", err)
	}
	s.fresh.add(raise)
	s.hub.wake(grown...)
	return nil
}

// insertSighting keeps a read that fits an entry; fresh is false when it is kept
// already.
func insertSighting(tx *sql.Tx, r plate.Read, e Entry, fit Fit) (v Sighting, fresh bool, err error) {
	v = Sighting{ID: gate.NewActID(), Entry: e.ID, Read: r, Fit: fit}
	body, err := json.Marshal(v)
	if err != nil {
		return v, false, err
	}
	res, err := tx.Exec(`INSERT INTO hotlist_sighting (id, read, entry, owner, seen, body) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (read, entry) DO NOTHING`, v.ID, int64(r.ID), e.ID, r.Owner, db.Micros(r.Seen), string(body))
	if err != nil {
		return v, false, err
	}
	n, err := res.RowsAffected()
	return v, n > 0, err
}

// grows is how long a hit takes up sightings: what let its agency have them is
// then asked anew.
const grows = time.Hour

// add puts a sighting to the agency's hit it belongs to, of the same owner's
// cameras, or makes one. What was found to be something else does not grow.
func (s *Service) add(tx *sql.Tx, agency string, e Entry, v Sighting, now time.Time) (hit string, made bool, err error) {
	var stale int
	err = tx.QueryRow(`SELECT count(*) FROM hotlist_hit WHERE entry = ? AND agency = ? AND version = ? AND outcome = ?`,
		e.ID, agency, e.Version, Stale).Scan(&stale)
	if err != nil || stale > 0 {
		return "", false, err // found out of date, and not changed since: nobody is alerted again
	}
	text := v.Fit.Text
	err = tx.QueryRow(`SELECT id FROM hotlist_hit WHERE entry = ? AND agency = ? AND owner = ? AND text = ? AND outcome IN ('', ?)
		AND made > ? AND last_seen >= ? AND first_seen <= ? ORDER BY id DESC LIMIT 1`, e.ID, agency, v.Read.Owner, text, Confirmed,
		db.Micros(now.Add(-grows)), db.Micros(v.Read.Seen.Add(-Burst)), db.Micros(v.Read.Seen.Add(Burst))).Scan(&hit)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", false, err
	}
	if hit == "" {
		var lately int
		err := tx.QueryRow(`SELECT count(*) FROM hotlist_hit WHERE entry = ? AND agency = ? AND made > ?`,
			e.ID, agency, db.Micros(now.Add(-time.Hour))).Scan(&lately)
		if err != nil {
			return "", false, err
		}
		if lately >= MaxHits {
			text = ""
			err = tx.QueryRow(`SELECT id FROM hotlist_hit WHERE entry = ? AND agency = ? AND owner = ? AND text = '' AND outcome IN ('', ?) AND made > ?
				ORDER BY id DESC LIMIT 1`, e.ID, agency, v.Read.Owner, Confirmed, db.Micros(now.Add(-grows))).Scan(&hit)
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return "", false, err
			}
		}
	}
	seq, err := next(tx, "hits")
	if err != nil {
		return "", false, err
	}
	seen := db.Micros(v.Read.Seen)
	if made = hit == ""; made {
		hit = gate.NewActID()
		body, err := json.Marshal(e)
		if err != nil {
			return "", false, err
		}
		if _, err := tx.Exec(`INSERT INTO hotlist_hit (id, seq, act, claimed, agency, owner, list, entry, version, text, state,
			first_seen, last_seen, count, made, changed, wanted) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?)`,
			hit, seq, gate.NewActID(), db.Micros(now), agency, v.Read.Owner, e.List, e.ID, e.Version, text, Raising,
			seen, seen, db.Micros(now), db.Micros(now), string(body)); err != nil {
			return "", false, err
		}
	} else if _, err := tx.Exec(`UPDATE hotlist_hit SET seq = ?, count = count + 1, changed = ?,
			first_seen = CASE WHEN first_seen > ? THEN ? ELSE first_seen END,
			last_seen = CASE WHEN last_seen < ? THEN ? ELSE last_seen END WHERE id = ?`,
		seq, db.Micros(now), seen, seen, seen, seen, hit); err != nil {
		return "", false, err
	}
	_, err = tx.Exec(`INSERT INTO hotlist_of (hit, sighting) VALUES (?, ?)`, hit, v.ID)
	return hit, made, err
}

// queue holds ids until Run takes them.
type queue struct {
	mu   sync.Mutex
	ids  []string
	wake chan struct{}
}

func (q *queue) add(ids []string) {
	if len(ids) == 0 {
		return
	}
	q.mu.Lock()
	q.ids = append(q.ids, ids...)
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue) take() (ids []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	ids, q.ids = q.ids, nil
	return ids
}

// abandoned is after how long another node may raise a hit that the node which
// made it has not: it stopped, or the ledger did not answer it.
const abandoned = 10 * time.Second

// Run raises hits until ctx ends: those made here at once, those that a crash or
// another node left behind soon after. It also takes up what other nodes
// changed. One Run a node; when it ends, so do all who watch.
func (s *Service) Run(ctx context.Context) {
	defer s.hub.end()
	var raising sync.WaitGroup
	defer raising.Wait()
	slots := make(chan struct{}, 32) // acts under way at once
	start := func(ids []string) {
		for _, id := range ids {
			slots <- struct{}{}
			raising.Go(func() {
				defer func() { <-slots }()
				if err := s.raise(ctx, id); err != nil && ctx.Err() == nil {
					s.Logger.Error("a hit could not be raised; it is tried again", "err", err)
				}
			})
		}
	}
	tick := time.NewTicker(s.Poll)
	defer tick.Stop()
	var told int64
	for {
		select {
		case <-s.fresh.wake:
			start(s.fresh.take())
		case <-tick.C:
			left, err := s.claim(ctx)
			if err == nil {
				start(left)
				err = s.Reload(ctx)
			}
			if err != nil && ctx.Err() == nil {
				s.Logger.Error("looking for hits and lists failed; it is tried again", "err", err)
			}
			if _, n, err := s.counters(ctx); err == nil && n != told {
				told = n
				s.hub.wakeAll()
			}
		case <-ctx.Done():
			return
		}
	}
}

// claim takes up hits that nobody is raising.
func (s *Service) claim(ctx context.Context) (ids []string, err error) {
	now := s.Now()
	stale := db.Micros(now.Add(-abandoned))
	var n int
	err = s.DB.Read().QueryRowContext(ctx, `SELECT count(*) FROM hotlist_hit WHERE state = ? AND claimed < ?`, Raising, stale).Scan(&n)
	if err != nil || n == 0 {
		return nil, err
	}
	err = s.DB.Write(ctx, func(tx *sql.Tx) error {
		ids, err = db.All(db.One[string])(tx.Query(`UPDATE hotlist_hit SET claimed = ? WHERE state = ? AND claimed < ? RETURNING id`, db.Micros(now), Raising, stale))
		return err
	})
	return ids, err
}

// raise takes one hit through the gate (hit.raise, by the program): the law of
// the list's state, of the camera owner's and of the agency alerted. Officers are
// told once the entry is published; a refusal is recorded, and nobody is told.
func (s *Service) raise(ctx context.Context, id string) error {
	hs, err := hits(s.DB.Read(), `h.id = ? AND h.state = ?`, id, Raising)
	if err != nil || len(hs) == 0 {
		return err // raised meanwhile
	}
	h := hs[0]
	seen, err := sightings(s.DB.Read(), id)
	if err != nil || len(seen) == 0 {
		return errors.Join(err, errors.New("a hit has no sighting"))
	}
	var act string
	if err := s.DB.Read().QueryRowContext(ctx, `SELECT act FROM hotlist_hit WHERE id = ?`, id).Scan(&act); err != nil {
		return err
	}
	first := seen[len(seen)-1]
	alerted, err := s.Agencies.AgencyFacts(ctx, h.Agency)
	if err != nil {
		return fmt.Errorf("looking up the agency to alert: %w", err)
	}
	keeper, err := s.Agencies.AgencyFacts(ctx, h.List.Agency)
	if err != nil {
		return fmt.Errorf("looking up the list's agency: %w", err)
	}
	owner, err := s.Agencies.AgencyFacts(ctx, h.Owner)
	if err != nil {
		return fmt.Errorf("looking up the owner of a read: %w", err)
	}
	states := []string{keeper.State, owner.State, alerted.State}
	slices.Sort(states)
	own, shared := h.Owner == h.Agency, false
	if !own && s.Sharing != nil {
		if shared, err = s.Sharing.Lets(ctx, h.Owner, h.Agency); err != nil {
			return fmt.Errorf("asking what the owner of a read shares: %w", err)
		}
	}
	_, err = s.Gate.Do(ctx, gate.Act{
		Action: "hit.raise", By: gate.Caller{Who: identity.System(), ActID: act}, Role: identity.RoleSystem,
		Objects:   []string{h.ID, h.List.ID, h.Agency},
		Public:    map[string]string{"list": h.List.ID, "agency": h.Agency, "owner": h.Owner},
		Private:   map[string]string{"read": fmt.Sprint(first.Read.ID), "entry": h.Entry.ID, "plate": string(first.Fit.Text)},
		KeepUntil: s.Now().Add(s.Retention.Acted),
		Facts: map[string]any{
			"own": own, "shared": shared, "outside": alerted.State != owner.State, "in_force": h.Entry.Expires.After(h.Made),
			"purposes": h.Entry.Means, "kind": alerted.Kind, "status": alerted.Status,
		},
		Jurisdictions: slices.Compact(states),
	}, func(tx *sql.Tx, g *gate.Grant) error {
		seq, err := next(tx, "hits")
		if err != nil {
			return err
		}
		return changed(tx.Exec(`UPDATE hotlist_hit SET state = ?, raised = ?, seq = ?, changed = ? WHERE id = ? AND state = ?`,
			Raised, int64(g.Index), seq, db.Micros(s.Now()), id, Raising))
	})
	var refused *gate.Refusal
	switch {
	case errors.As(err, &refused):
		return s.DB.Write(ctx, func(tx *sql.Tx) error {
			_, err := tx.Exec(`UPDATE hotlist_hit SET state = ?, raised = ?, changed = ? WHERE id = ? AND state = ?`,
				Refused, int64(refused.Index), db.Micros(s.Now()), id, Raising)
			return err
		})
	case errors.Is(err, gate.ErrVoided): // cut short by a crash after it was recorded: it needs another act
		return s.DB.Write(ctx, func(tx *sql.Tx) error {
			_, err := tx.Exec(`UPDATE hotlist_hit SET act = ?, claimed = 0 WHERE id = ? AND state = ?`, gate.NewActID(), id, Raising)
			return err
		})
	case err != nil:
		return err
	}
	s.hub.wake(h.Agency)
	s.pushTo(ctx, h)
	return nil
}

// hub wakes whoever waits for changes of an agency's hits.
type hub struct {
	mu    sync.Mutex
	wakes map[string]map[chan struct{}]bool
	ended bool
}

// join returns a channel that is signalled after changes, until leave is called.
func (h *hub) join(agency string) (wake <-chan struct{}, leave func()) {
	c := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended {
		close(c)
		return c, func() {}
	}
	if h.wakes[agency] == nil {
		h.wakes[agency] = map[chan struct{}]bool{}
	}
	h.wakes[agency][c] = true
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.wakes[agency], c)
		if len(h.wakes[agency]) == 0 {
			delete(h.wakes, agency)
		}
	}
}

func (h *hub) wake(agencies ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range agencies {
		h.signal(a)
	}
}

func (h *hub) wakeAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for a := range h.wakes {
		h.signal(a)
	}
}

// end closes every channel: there will be no more news.
func (h *hub) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = true
	for _, all := range h.wakes {
		for c := range all {
			close(c)
		}
	}
	clear(h.wakes)
}

func (h *hub) signal(agency string) {
	for c := range h.wakes[agency] {
		select {
		case c <- struct{}{}:
		default: // awake already
		}
	}
}
