package search

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/identity"
	"porchlight/plate"
	"porchlight/plate/reads"
)

// Reads go in three durable steps, so that a crash between any two leaves
// neither reads that went without an entry nor an entry whose reads stay:
//
//  1. what is due is written down (search_purge),
//  2. the act reads.purge is recorded with the counts,
//  3. the reads are dropped, and their pictures; then the note goes.
//
// Where reads are kept for hours or minutes only, an entry for each few minutes
// would say nothing more: there step 3 comes at once and step 2 when the hour is
// over, from the counts that step 1 and 3 wrote down.

// purge is one owner's reads of one day, or hour, on their way out.
type purge struct {
	owner, day, act string
	reads, held     int // dropped already
	minutes         int64
	entry           uint64
	pending         []reads.Day
}

// hourly reports whether reads of this retention go hour by hour.
func hourly(keep time.Duration) bool { return keep < 24*time.Hour }

// label is the day, or hour, under which a Day's reads are counted.
func label(d reads.Day, keep time.Duration) string {
	if hourly(keep) {
		return d.From.UTC().Format("2006-01-02T15")
	}
	return d.From.UTC().Format(time.DateOnly)
}

// Purge drops the reads that have reached their owners' retention, and finishes
// what an earlier one began. It returns how many reads went. An error concerns
// some owners; the others' reads went.
func (s *Service) Purge(ctx context.Context) (n int, err error) {
	now := s.Now()
	due, err := s.Days.Due(ctx, now)
	if err != nil {
		return 0, fmt.Errorf("listing reads past their retention: %w", err)
	}
	if err := s.note(ctx, due); err != nil {
		return 0, err
	}
	list, err := s.purges(ctx)
	if err != nil {
		return 0, err
	}
	for _, p := range list {
		gone, e := s.finish(ctx, p, now)
		n += gone
		if e != nil {
			err = errors.Join(err, fmt.Errorf("purging the reads of %s of %s: %w", p.owner, p.day, e))
		}
	}
	return n, err
}

// note writes down what is due.
func (s *Service) note(ctx context.Context, due []reads.Day) error {
	type key struct{ owner, day string }
	groups, minutes := map[key][]reads.Day{}, map[key]int64{}
	for _, d := range due {
		keep := min(d.Keep, s.Keeper.Keep(d.Owner))
		k := key{d.Owner, label(d, keep)}
		groups[k], minutes[k] = append(groups[k], d), int64(keep/time.Minute)
	}
	if len(groups) == 0 {
		return nil
	}
	return s.DB.Write(ctx, func(tx *sql.Tx) error {
		for k, days := range groups {
			text, err := json.Marshal(days)
			if err != nil {
				return err
			}
			// What is pending already was due before and still is: the list is as Due
			// gives it now. Of a recorded one, the counts stand in its entry, so that
			// what came late waits until it is finished.
			_, err = tx.Exec(`INSERT INTO search_purge (owner, day, act, reads, held, minutes, entry, pending) VALUES (?, ?, ?, 0, 0, ?, 0, ?)
				ON CONFLICT (owner, day) DO UPDATE SET pending = excluded.pending, minutes = excluded.minutes WHERE search_purge.entry = 0`,
				k.owner, k.day, gate.NewActID(), minutes[k], string(text))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func scanPurge(row db.Row) (p purge, err error) {
	var entry int64
	var text string
	if err := row.Scan(&p.owner, &p.day, &p.act, &p.reads, &p.held, &p.minutes, &entry, &text); err != nil {
		return p, err
	}
	p.entry = uint64(entry)
	if err := unmarshal(text, &p.pending); err != nil {
		return p, fmt.Errorf("purge of %s of %s: %w", p.owner, p.day, err)
	}
	return p, nil
}

func (s *Service) purges(ctx context.Context) (list []purge, err error) {
	return db.All(scanPurge)(s.DB.Read().QueryContext(ctx, `SELECT owner, day, act, reads, held, minutes, entry, pending FROM search_purge ORDER BY day, owner`))
}

// finish takes a purge as far as it can go now.
func (s *Service) finish(ctx context.Context, p purge, now time.Time) (gone int, err error) {
	if hourly(time.Duration(p.minutes) * time.Minute) {
		if gone, err = s.drop(ctx, &p); err != nil {
			return 0, err
		}
		hour, err := time.Parse("2006-01-02T15", p.day)
		// The hour's last reads are due when their retention ends.
		if err == nil && now.Before(hour.Add(time.Hour+time.Duration(p.minutes)*time.Minute)) {
			return gone, nil
		}
		if err := s.record(ctx, &p); err != nil {
			return gone, err
		}
	} else {
		if err := s.record(ctx, &p); err != nil {
			return 0, err
		}
		if gone, err = s.drop(ctx, &p); err != nil {
			return 0, err
		}
	}
	return gone, s.DB.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`DELETE FROM search_purge WHERE owner = ? AND day = ? AND act = ?`, p.owner, p.day, p.act)
		return err
	})
}

// record takes reads.purge through the gate, once.
func (s *Service) record(ctx context.Context, p *purge) error {
	if p.entry != 0 {
		return nil
	}
	n, held := p.reads, p.held
	for _, d := range p.pending {
		h, err := s.countHeld(ctx, d)
		if err != nil {
			return err
		}
		n, held = n+d.Reads, held+h
	}
	owner, _, err := s.Agencies.Standing(ctx, p.owner)
	if err != nil {
		return err
	}
	public := map[string]string{"owner": p.owner, "day": p.day, "reads": fmt.Sprint(n), "held": fmt.Sprint(held)}
	if p.minutes%(24*60) == 0 {
		public["days"] = fmt.Sprint(p.minutes / (24 * 60))
	} else {
		public["minutes"] = fmt.Sprint(p.minutes)
	}
	for {
		_, err = s.Gate.Do(ctx, gate.Act{
			Action: "reads.purge", Role: identity.RoleSystem, By: gate.Caller{Who: identity.System(), ActID: p.act},
			Public: public, Facts: map[string]any{"due": true}, Jurisdictions: []string{owner.State},
		}, func(tx *sql.Tx, g *gate.Grant) error {
			p.entry = g.Index
			return changed(tx.Exec(`UPDATE search_purge SET entry = ? WHERE owner = ? AND day = ? AND entry = 0`, int64(g.Index), p.owner, p.day))
		})
		if !errors.Is(err, gate.ErrVoided) && !errors.Is(err, gate.ErrActConflict) {
			return err
		}
		// A crash cut the last try short, or more became due since.
		fresh := gate.NewActID()
		err = s.DB.Write(ctx, func(tx *sql.Tx) error {
			return changed(tx.Exec(`UPDATE search_purge SET act = ? WHERE owner = ? AND day = ? AND entry = 0`, fresh, p.owner, p.day))
		})
		if err != nil {
			return err
		}
		p.act = fresh
	}
}

// countHeld counts the reads of a day that holds keep.
func (s *Service) countHeld(ctx context.Context, d reads.Day) (n int, err error) {
	err = s.DB.Read().QueryRowContext(ctx, `SELECT count(DISTINCT d.read_id) FROM search_held d JOIN search_hold h ON h.id = d.hold
		WHERE h.owner = ? AND d.read_id >= ? AND d.read_id < ?`, d.Owner, int64(plate.IDAt(d.From)), int64(plate.IDAt(d.To))).Scan(&n)
	return n, err
}

// drop lets the pending reads go, and counts them.
func (s *Service) drop(ctx context.Context, p *purge) (gone int, err error) {
	if len(p.pending) == 0 {
		return 0, nil
	}
	held := 0
	for _, d := range p.pending {
		h, err := s.countHeld(ctx, d)
		if err != nil {
			return 0, err
		}
		held += h
		if err := s.Days.Drop(ctx, d); err != nil {
			return 0, err
		}
		if s.Pictures != nil {
			if err := s.Pictures.Drop(ctx, d.Owner, d.From, d.To, d.Keep); err != nil {
				return 0, err
			}
		}
		gone += d.Reads
	}
	err = s.DB.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE search_purge SET pending = '[]', reads = reads + ?, held = held + ? WHERE owner = ? AND day = ?`, gone, held, p.owner, p.day)
		return err
	})
	p.pending, p.reads, p.held = nil, p.reads+gone, p.held+held
	return gone, err
}
