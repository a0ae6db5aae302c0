package watch

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"time"

	"porchlight/db"
	"porchlight/home"
)

var migrations = []string{`
CREATE TABLE home_watch_moment (
	id     TEXT PRIMARY KEY,
	camera TEXT NOT NULL,
	began  INTEGER NOT NULL,
	ended  INTEGER NOT NULL,
	what   INTEGER NOT NULL, -- bits of kinds
	still  INTEGER NOT NULL,
	worth  REAL NOT NULL,    -- how well the still shows it
	named  TEXT NOT NULL,    -- JSON: ids of Familiar Faces
	event  TEXT NOT NULL     -- of Frigate; '' seen by us
);
CREATE INDEX home_watch_moment_camera ON home_watch_moment (camera, began);
-- Footage that was not looked at yet: files by their order of recording, above lo
-- up to hi.
CREATE TABLE home_watch_gap (lo INTEGER PRIMARY KEY, hi INTEGER NOT NULL);
CREATE TABLE home_watch_event (camera TEXT PRIMARY KEY, upto INTEGER NOT NULL);
`}

// kinds are the bits of what.
var kinds = []home.What{home.Motion, home.Person, home.Vehicle, home.Animal}

// set is a set of kinds.
type set uint8

func setOf(what ...home.What) (s set) {
	for i, k := range kinds {
		if slices.Contains(what, k) {
			s |= 1 << i
		}
	}
	return s
}

// list are the kinds, sorted. Nobody may change it.
func (s set) list() []home.What { return lists[s] }

var lists = func() (lists [1 << 4][]home.What) {
	for s := range lists {
		for i, k := range kinds {
			if s&(1<<i) != 0 {
				lists[s] = append(lists[s], k)
			}
		}
		slices.Sort(lists[s])
	}
	return lists
}()

// entry is a moment as it is kept. Once it is among the others it never changes:
// readers hold its Moment.
type entry struct {
	home.Moment
	worth float32
	event string
}

// add says that something more was seen.
func (e *entry) add(what ...home.What) { e.What = (setOf(e.What...) | setOf(what...)).list() }

// gap is footage not looked at: files after lo, up to hi.
type gap struct{ lo, hi int64 }

func loadMoments(ctx context.Context, d *db.DB) ([]*entry, error) {
	return db.All(func(r db.Row) (*entry, error) {
		e := &entry{}
		var named string
		var what set
		err := r.Scan(&e.ID, &e.Camera, db.Into(&e.From), db.Into(&e.To), &what, db.Into(&e.Still), &e.worth, &named, &e.event)
		if err == nil {
			e.What = what.list()
			err = json.Unmarshal([]byte(named), &e.Named)
		}
		return e, err
	})(d.Read().QueryContext(ctx, "SELECT id, camera, began, ended, what, still, worth, named, event FROM home_watch_moment ORDER BY camera, began"))
}

func putMoment(ctx context.Context, tx *sql.Tx, e *entry) error {
	named, err := json.Marshal(e.Named)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO home_watch_moment (id, camera, began, ended, what, still, worth, named, event) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET began = excluded.began, ended = excluded.ended, what = excluded.what, still = excluded.still, worth = excluded.worth, named = excluded.named`,
		e.ID, e.Camera, db.Micros(e.From), db.Micros(e.To), setOf(e.What...), db.Micros(e.Still), e.worth, string(named), e.event)
	return err
}

func dropMoment(ctx context.Context, tx *sql.Tx, id string) error {
	_, err := tx.ExecContext(ctx, "DELETE FROM home_watch_moment WHERE id = ?", id)
	return err
}

// loadGaps are the gaps, oldest first; the last one's hi is the newest file known.
func loadGaps(ctx context.Context, d *db.DB) ([]gap, error) {
	return db.All(func(r db.Row) (g gap, err error) {
		return g, r.Scan(&g.lo, &g.hi)
	})(d.Read().QueryContext(ctx, "SELECT lo, hi FROM home_watch_gap ORDER BY lo"))
}

func putGaps(ctx context.Context, tx *sql.Tx, gaps []gap) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM home_watch_gap"); err != nil {
		return err
	}
	for _, g := range gaps {
		if _, err := tx.ExecContext(ctx, "INSERT INTO home_watch_gap (lo, hi) VALUES (?, ?)", g.lo, g.hi); err != nil {
			return err
		}
	}
	return nil
}

func eventsUpTo(ctx context.Context, d *db.DB, camera string) (at time.Time, err error) {
	err = d.Read().QueryRowContext(ctx, "SELECT upto FROM home_watch_event WHERE camera = ?", camera).Scan(db.Into(&at))
	if err == sql.ErrNoRows {
		err = nil
	}
	return at, err
}

func putEventsUpTo(ctx context.Context, tx *sql.Tx, camera string, at time.Time) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO home_watch_event (camera, upto) VALUES (?, ?) ON CONFLICT (camera) DO UPDATE SET upto = excluded.upto", camera, db.Micros(at))
	return err
}
