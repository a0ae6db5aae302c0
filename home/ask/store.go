package ask

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	"porchlight/db"
	"porchlight/share/client"
)

var migrations = []string{`
CREATE TABLE ask_house (
	id     INTEGER PRIMARY KEY, -- 1
	offset_us INTEGER NOT NULL  -- of this house's rounds, microseconds
);
CREATE TABLE ask_request (
	id        TEXT PRIMARY KEY,
	asked     TEXT NOT NULL,    -- JSON, client.Asked
	kind      TEXT NOT NULL,    -- of the agency
	published INTEGER NOT NULL,
	metres    INTEGER NOT NULL, -- from the nearest camera
	cell      TEXT NOT NULL,    -- whose file told of it
	first     INTEGER NOT NULL, -- when this house first read it
	state     TEXT NOT NULL,    -- new, seen, dismissed, shared
	told      INTEGER NOT NULL DEFAULT 0, -- the household was
	over      INTEGER NOT NULL DEFAULT 0  -- when it was seen to be over
);
CREATE TABLE ask_pin (
	camera  TEXT NOT NULL,
	from_us INTEGER NOT NULL,
	to_us   INTEGER NOT NULL,
	PRIMARY KEY (camera, from_us, to_us)
);
`}

// drawOffset is the offset that this house once drew.
func drawOffset(ctx context.Context, d *db.DB, every time.Duration) (time.Duration, error) {
	var us int64
	err := d.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`INSERT INTO ask_house (id, offset_us) VALUES (1, ?) ON CONFLICT (id) DO NOTHING`, rand.Int64N(int64(24*time.Hour/time.Microsecond))); err != nil {
			return err
		}
		return tx.QueryRow(`SELECT offset_us FROM ask_house WHERE id = 1`).Scan(&us)
	})
	return time.Duration(us) * time.Microsecond % every, err
}

// kept is a request as the house keeps it.
type kept struct {
	Asked      client.Asked
	AgencyKind string
	Published  time.Time
	Metres     float64
	Cell       string
	First      time.Time
	State      State
	told       bool
	Over       time.Time
}

// open reports whether a request can be answered.
func (k kept) open(now time.Time) bool { return k.Over.IsZero() && k.Asked.Content.Expires.After(now) }

// load reads the requests of the house, or one of them.
func (s *Service) load(ctx context.Context, id string) ([]kept, error) {
	return db.All(func(r db.Row) (k kept, err error) {
		var asked string
		if err = r.Scan(&asked, &k.AgencyKind, db.Into(&k.Published), &k.Metres, &k.Cell, db.Into(&k.First), &k.State, &k.told, db.Into(&k.Over)); err != nil {
			return k, err
		}
		if err = json.Unmarshal([]byte(asked), &k.Asked); err != nil {
			err = fmt.Errorf("reading a kept request: %w", err)
		}
		return k, err
	})(s.DB.Read().QueryContext(ctx, `SELECT asked, kind, published, metres, cell, first, state, told, over FROM ask_request WHERE id = ? OR ? = ''`, id, id))
}

// upsert writes what the feed says of a request; what the household did stays.
func upsert(tx *sql.Tx, k kept) error {
	asked, err := json.Marshal(k.Asked)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO ask_request (id, asked, kind, published, metres, cell, first, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET asked = excluded.asked, kind = excluded.kind, metres = excluded.metres, cell = excluded.cell, over = 0`,
		k.Asked.Content.ID, string(asked), k.AgencyKind, db.Micros(k.Published), int64(k.Metres), k.Cell, db.Micros(k.First), k.State)
	return err
}

// finish marks requests as over, and forgets those that have been for long.
func finish(tx *sql.Tx, over []string, now time.Time) error {
	for _, id := range over {
		if _, err := tx.Exec(`UPDATE ask_request SET over = ? WHERE id = ?`, db.Micros(now), id); err != nil {
			return err
		}
	}
	_, err := tx.Exec(`DELETE FROM ask_request WHERE over > 0 AND over < ? AND state <> ?`, db.Micros(now.Add(-forgetAfter)), Shared)
	return err
}

// set changes one thing of a request.
func (s *Service) set(ctx context.Context, id, what string, args ...any) error {
	return s.DB.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE ask_request SET `+what+` WHERE id = ?`, append(args, id)...)
		return err
	})
}

func (s *Service) pins(ctx context.Context) ([]pinned, error) {
	return db.All(func(r db.Row) (p pinned, err error) {
		err = r.Scan(&p.camera, &p.from, &p.to)
		return p, err
	})(s.DB.Read().QueryContext(ctx, `SELECT camera, from_us, to_us FROM ask_pin`))
}

func (s *Service) notePins(ctx context.Context, pins iter.Seq[pinned]) error {
	return s.DB.Write(ctx, func(tx *sql.Tx) error {
		for p := range pins {
			if _, err := tx.Exec(`INSERT INTO ask_pin (camera, from_us, to_us) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, p.camera, p.from, p.to); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) dropPin(ctx context.Context, p pinned) error {
	return s.DB.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`DELETE FROM ask_pin WHERE camera = ? AND from_us = ? AND to_us = ?`, p.camera, p.from, p.to)
		return err
	})
}
