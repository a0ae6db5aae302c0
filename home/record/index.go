package record

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"porchlight/db"
	"porchlight/home"
)

var migrations = []string{`
-- A span is a run of segments without a gap. There are few, so that what a camera
-- holds is known without looking at its segments.
CREATE TABLE home_record_span (
	id     INTEGER PRIMARY KEY,
	ord    INTEGER NOT NULL, -- the id of the span this one was part of, before it was split
	camera TEXT NOT NULL,
	began  INTEGER NOT NULL,
	ended  INTEGER NOT NULL,
	bytes  INTEGER NOT NULL,
	files  INTEGER NOT NULL,
	codec  TEXT NOT NULL
);
CREATE INDEX home_record_span_camera ON home_record_span (camera, began);
-- Ids follow the order of recording, which is the order of the ring.
CREATE TABLE home_record_segment (
	id    INTEGER PRIMARY KEY,
	span  INTEGER NOT NULL,
	began INTEGER NOT NULL,
	ended INTEGER NOT NULL,
	added INTEGER NOT NULL, -- when it was recorded or imported
	bytes INTEGER NOT NULL
);
CREATE INDEX home_record_segment_span ON home_record_segment (span, began);
CREATE TABLE home_record_pin (
	owner  TEXT NOT NULL,
	camera TEXT NOT NULL,
	began  INTEGER NOT NULL,
	ended  INTEGER NOT NULL,
	until  INTEGER NOT NULL,
	PRIMARY KEY (owner, camera, began, ended)
);
CREATE TABLE home_record_import (
	camera TEXT NOT NULL,
	hash   TEXT NOT NULL,    -- SHA-256 of the file, hexadecimal
	name   TEXT NOT NULL,    -- of a file in a watched folder
	size   INTEGER NOT NULL,
	mod    INTEGER NOT NULL,
	began  INTEGER NOT NULL, -- of the footage it became
	ended  INTEGER NOT NULL,
	PRIMARY KEY (camera, hash)
);
CREATE INDEX home_record_import_name ON home_record_import (camera, name);
CREATE TABLE home_record_note (
	id     INTEGER PRIMARY KEY,
	camera TEXT NOT NULL,    -- '' all
	at     INTEGER NOT NULL,
	kind   TEXT NOT NULL,
	said   TEXT NOT NULL
);
CREATE TABLE home_record_limit (
	id    INTEGER PRIMARY KEY,
	bytes INTEGER NOT NULL,
	days  INTEGER NOT NULL,
	free  INTEGER NOT NULL
);
`, `
-- Films that are brought by hand, until they are footage.
CREATE TABLE home_record_film (
	id      TEXT PRIMARY KEY,
	camera  TEXT NOT NULL,
	name    TEXT NOT NULL,
	size    INTEGER NOT NULL,
	mod     INTEGER NOT NULL,
	named   INTEGER NOT NULL,
	made    INTEGER NOT NULL,
	began   INTEGER NOT NULL,
	told    TEXT NOT NULL,
	length  INTEGER NOT NULL, -- microseconds
	codec   TEXT NOT NULL,
	state   TEXT NOT NULL,
	trouble TEXT NOT NULL
);
`}

// segment is a file of the ring.
type segment struct {
	id, span        int64
	camera          string
	from, to, added time.Time
	bytes           int64
	codec           string // of its span
}

// index knows the segments. Its methods follow each other.
type index struct {
	db  *db.DB
	dir string

	mu    sync.Mutex
	next  int64 // id of the next segment
	spans int64 // id of the next span
	used  int64 // bytes of all segments
	ends  map[string]end
	late  []segment // on disk, but the index had no room
}

// end is where a camera's latest recording ends.
type end struct {
	span  int64
	to    time.Time
	codec string
}

func openIndex(ctx context.Context, d *db.DB, dir string) (*index, error) {
	if err := d.Migrate(ctx, "home/record", migrations); err != nil {
		return nil, err
	}
	x := &index{db: d, dir: dir, ends: map[string]end{}}
	return x, x.load(ctx)
}

// load reads what is kept in memory.
func (x *index) load(ctx context.Context) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	q := x.db.Read()
	err := q.QueryRowContext(ctx, `SELECT coalesce(max(id), 0) + 1 FROM home_record_segment`).Scan(&x.next)
	if err == nil {
		err = q.QueryRowContext(ctx, `SELECT coalesce(max(id), 0) + 1, coalesce(sum(bytes), 0) FROM home_record_span`).Scan(&x.spans, &x.used)
	}
	if err != nil {
		return err
	}
	clear(x.ends)
	_, err = db.All(func(r db.Row) (none struct{}, err error) {
		var camera string
		var e end
		err = r.Scan(&camera, &e.span, db.Into(&e.to), &e.codec)
		x.ends[camera] = e
		return none, err
	})(q.QueryContext(ctx, `SELECT camera, id, ended, codec FROM home_record_span s
		WHERE ord = (SELECT max(ord) FROM home_record_span WHERE camera = s.camera) ORDER BY ended`))
	return err
}

// last is where a camera's latest recording ends.
func (x *index) last(camera string) end {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.ends[camera]
}

// Where a camera's files are: those being written, and those that are whole.
func (x *index) now(camera string) string { return filepath.Join(x.dir, camera, "now") }

const stamp = "20060102T150405.000Z"

// path is where a segment lies: camera/20261122/14/20261122T144500.123Z-10000.mp4,
// its start and its length in milliseconds.
func (x *index) path(camera string, from, to time.Time) string {
	f := from.UTC()
	return filepath.Join(x.dir, camera, f.Format("20060102"), f.Format("15"),
		fmt.Sprintf("%s-%d.mp4", f.Format(stamp), to.Sub(from).Milliseconds()))
}

// parseName reads a segment's file name.
func parseName(name string) (from, to time.Time, ok bool) {
	start, length, ok := strings.Cut(strings.TrimSuffix(name, ".mp4"), "-")
	if !ok || !strings.HasSuffix(name, ".mp4") {
		return from, to, false
	}
	from, err := time.Parse(stamp, start)
	ms, err2 := strconv.ParseInt(length, 10, 64)
	if err != nil || err2 != nil || ms <= 0 || ms > 1000*3600*24 || from.Unix() <= 0 {
		return time.Time{}, time.Time{}, false
	}
	return from.UTC(), from.UTC().Add(time.Duration(ms) * time.Millisecond), true
}

// add takes a file into the ring. When the index has no room for its line the
// file is kept all the same, its line follows later, and the error is the disk's.
func (x *index) add(ctx context.Context, g segment, file string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.move(&g, file); err != nil {
		return err
	}
	x.late = append(x.late, g)
	if err := x.write(ctx, x.late, nil); err != nil {
		return err
	}
	x.late = nil
	return nil
}

// addAll takes files that belong together into the ring, all or none, and does
// more in the same transaction.
func (x *index) addAll(ctx context.Context, all []segment, files []string, more func(*sql.Tx) error) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	var err error
	for i := 0; i < len(all) && err == nil; i++ {
		err = x.move(&all[i], files[i])
	}
	// A span of its own: what is imported goes on from nothing.
	for _, g := range all {
		delete(x.ends, g.camera)
	}
	if err == nil {
		err = x.write(ctx, all, more)
	}
	if err != nil {
		for _, g := range all {
			os.Remove(x.path(g.camera, g.from, g.to))
		}
	}
	return err
}

// move puts a file where it belongs; a millisecond later if there is one already.
func (x *index) move(g *segment, file string) error {
	for {
		path := x.path(g.camera, g.from, g.to)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			return os.Rename(file, path)
		} else if err != nil {
			return err
		}
		g.from = g.from.Add(time.Millisecond)
		g.to = g.to.Add(time.Millisecond)
	}
}

// write puts lines of segments into the index. x.mu is held.
func (x *index) write(ctx context.Context, all []segment, more func(*sql.Tx) error) error {
	next, spans, used := x.next, x.spans, x.used
	ends := map[string]end{}
	err := x.db.Write(ctx, func(tx *sql.Tx) error {
		for i := range all {
			g := &all[i]
			e, ok := ends[g.camera]
			if !ok {
				e = x.ends[g.camera]
			}
			g.id = next
			next++
			if gap := g.from.Sub(e.to); e.span != 0 && gap >= -touch && gap <= touch && e.codec == g.codec {
				r, err := tx.Exec(`UPDATE home_record_span SET ended = max(ended, ?), bytes = bytes + ?, files = files + 1 WHERE id = ?`, db.Micros(g.to), g.bytes, e.span)
				if err != nil {
					return err
				}
				if n, err := r.RowsAffected(); err != nil {
					return err
				} else if n == 1 {
					g.span = e.span
				}
			}
			if g.span == 0 {
				g.span = spans
				spans++
				_, err := tx.Exec(`INSERT INTO home_record_span (id, ord, camera, began, ended, bytes, files, codec) VALUES (?1, ?1, ?2, ?3, ?4, ?5, 1, ?6)`,
					g.span, g.camera, db.Micros(g.from), db.Micros(g.to), g.bytes, g.codec)
				if err != nil {
					return err
				}
			}
			_, err := tx.Exec(`INSERT INTO home_record_segment (id, span, began, ended, added, bytes) VALUES (?, ?, ?, ?, ?, ?)`,
				g.id, g.span, db.Micros(g.from), db.Micros(g.to), db.Micros(g.added), g.bytes)
			if err != nil {
				return err
			}
			used += g.bytes
			ends[g.camera] = end{g.span, g.to, g.codec}
		}
		if more != nil {
			return more(tx)
		}
		return nil
	})
	if err != nil {
		for i := range all {
			all[i].id, all[i].span = 0, 0
		}
		return fmt.Errorf("writing the index of the footage: %w", err)
	}
	x.next, x.spans, x.used = next, spans, used
	for c, e := range ends {
		x.ends[c] = e
	}
	return nil
}

const segmentColumns = `g.id, g.span, s.camera, g.began, g.ended, g.added, g.bytes, s.codec`

func scanSegment(r db.Row) (g segment, err error) {
	err = r.Scan(&g.id, &g.span, &g.camera, db.Into(&g.from), db.Into(&g.to), db.Into(&g.added), &g.bytes, &g.codec)
	return g, err
}

// oldest are up to n segments in the order of the ring, after one, that nobody holds at now.
func (x *index) oldest(ctx context.Context, after int64, now time.Time, n int) ([]segment, error) {
	return db.All(scanSegment)(x.db.Read().QueryContext(ctx, `SELECT `+segmentColumns+` FROM home_record_segment g JOIN home_record_span s ON s.id = g.span
		WHERE g.id > ? AND NOT EXISTS (SELECT 1 FROM home_record_pin p
			WHERE p.camera = s.camera AND p.began < g.ended AND p.ended > g.began AND p.until > ?)
		ORDER BY g.id LIMIT ?`, after, db.Micros(now), n))
}

// after are up to n segments recorded after one.
func (x *index) after(ctx context.Context, id int64, n int) ([]segment, error) {
	return db.All(scanSegment)(x.db.Read().QueryContext(ctx, `SELECT `+segmentColumns+` FROM home_record_segment g JOIN home_record_span s ON s.id = g.span
		WHERE g.id > ? ORDER BY g.id LIMIT ?`, id, n))
}

// span is a line of home_record_span.
type span struct {
	id, ord int64
	home.Span
	bytes int64
	codec string
}

func scanSpan(r db.Row) (s span, err error) {
	err = r.Scan(&s.id, &s.ord, &s.Camera, db.Into(&s.From), db.Into(&s.To), &s.bytes, &s.codec)
	return s, err
}

const spanColumns = `id, ord, camera, began, ended, bytes, codec`

// between are a camera's spans that touch [from, to), by their beginning.
func (x *index) between(ctx context.Context, camera string, from, to time.Time) ([]span, error) {
	return db.All(scanSpan)(x.db.Read().QueryContext(ctx, `SELECT `+spanColumns+` FROM home_record_span
		WHERE camera = ? AND began < ? AND ended > ? ORDER BY began, ord`, camera, db.Micros(to), db.Micros(from)))
}

// files are a camera's segments that touch [from, to), later footage or not, by
// their beginning.
func (x *index) files(ctx context.Context, camera string, from, to time.Time) ([]segment, error) {
	spans, err := x.between(ctx, camera, from, to)
	if err != nil {
		return nil, err
	}
	var all []segment
	for _, s := range spans {
		part, err := db.All(scanSegment)(x.db.Read().QueryContext(ctx, `SELECT `+segmentColumns+` FROM home_record_segment g JOIN home_record_span s ON s.id = g.span
			WHERE g.span = ?1 AND g.began < ?2 AND g.ended > ?3
				AND g.began >= coalesce((SELECT max(began) FROM home_record_segment WHERE span = ?1 AND began <= ?3), 0)
			ORDER BY g.began`, s.id, db.Micros(to), db.Micros(from)))
		if err != nil {
			return nil, err
		}
		all = append(all, part...)
	}
	slices.SortStableFunc(all, func(a, b segment) int { return cmp.Or(a.from.Compare(b.from), cmp.Compare(a.id, b.id)) })
	return all, nil
}

// drop takes segments out of the index; their files are the caller's.
func (x *index) drop(ctx context.Context, gone []segment) error {
	if len(gone) == 0 {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	all := slices.Clone(gone)
	gone = all
	slices.SortFunc(gone, func(a, b segment) int { return cmp.Or(cmp.Compare(a.span, b.span), a.from.Compare(b.from)) })
	spans, freed := x.spans, int64(0)
	err := x.db.Write(ctx, func(tx *sql.Tx) error {
		spans, freed = x.spans, 0
		for len(gone) > 0 {
			n := slices.IndexFunc(gone, func(g segment) bool { return g.span != gone[0].span })
			if n < 0 {
				n = len(gone)
			}
			f, err := dropFrom(tx, gone[:n], &spans)
			if err != nil {
				return err
			}
			freed += f
			gone = gone[n:]
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("removing footage from the index: %w", err)
	}
	x.spans, x.used = spans, x.used-freed
	for _, g := range all {
		if e := x.ends[g.camera]; g.span == e.span && !g.to.Before(e.to) {
			e.span = 0 // what comes next does not follow on what is gone
			x.ends[g.camera] = e
		}
	}
	return nil
}

// dropFrom takes segments out of one span, in order of their times. What lies
// before a hole becomes a span of its own.
func dropFrom(tx *sql.Tx, gone []segment, spans *int64) (freed int64, err error) {
	id := gone[0].span
	for len(gone) > 0 {
		n, files, bytes := 0, int64(0), int64(0)
		from, to := gone[0].from, gone[0].to
		for n < len(gone) && gone[n].from.Sub(to) <= touch {
			r, err := tx.Exec(`DELETE FROM home_record_segment WHERE id = ?`, gone[n].id)
			if err != nil {
				return 0, err
			}
			k, err := r.RowsAffected()
			if err != nil {
				return 0, err
			}
			files, bytes = files+k, bytes+k*gone[n].bytes
			to = gone[n].to
			n++
		}
		gone, freed = gone[n:], freed+bytes
		var before int64
		if err := tx.QueryRow(`SELECT count(*) FROM (SELECT 1 FROM home_record_segment WHERE span = ? AND began < ? LIMIT 1) AS one`, id, db.Micros(from)).Scan(&before); err != nil {
			return 0, err
		}
		if before > 0 {
			left := *spans
			*spans++
			if _, err := tx.Exec(`UPDATE home_record_segment SET span = ? WHERE span = ? AND began < ?`, left, id, db.Micros(from)); err != nil {
				return 0, err
			}
			if _, err := tx.Exec(`INSERT INTO home_record_span (id, ord, camera, began, ended, bytes, files, codec)
				SELECT ?1, s.ord, s.camera, (SELECT min(began) FROM home_record_segment WHERE span = ?1), (SELECT max(ended) FROM home_record_segment WHERE span = ?1), 0, 0, s.codec
				FROM home_record_span s WHERE s.id = ?2`, left, id); err != nil {
				return 0, err
			}
			if err := resum(tx, left); err != nil {
				return 0, err
			}
			if err := resum(tx, id); err != nil {
				return 0, err
			}
		} else if _, err := tx.Exec(`UPDATE home_record_span SET bytes = bytes - ?, files = files - ? WHERE id = ?`, bytes, files, id); err != nil {
			return 0, err
		}
		// Its beginning, or its end: nothing of it may be left.
		var began, ended sql.NullInt64
		if err := tx.QueryRow(`SELECT (SELECT min(began) FROM home_record_segment WHERE span = ?1),
			(SELECT ended FROM home_record_segment WHERE span = ?1 ORDER BY began DESC LIMIT 1)`, id).Scan(&began, &ended); err != nil {
			return 0, err
		}
		if !began.Valid {
			if _, err := tx.Exec(`DELETE FROM home_record_span WHERE id = ?`, id); err != nil {
				return 0, err
			}
			return freed, nil
		}
		if _, err := tx.Exec(`UPDATE home_record_span SET began = ?, ended = ? WHERE id = ?`, began.Int64, ended.Int64, id); err != nil {
			return 0, err
		}
	}
	return freed, nil
}

func resum(tx *sql.Tx, id int64) error {
	_, err := tx.Exec(`UPDATE home_record_span SET bytes = (SELECT coalesce(sum(bytes), 0) FROM home_record_segment WHERE span = ?1),
		files = (SELECT count(*) FROM home_record_segment WHERE span = ?1) WHERE id = ?1`, id)
	return err
}

// backTo makes footage that was recorded later than a clock that was put back
// says, recorded now.
func (x *index) backTo(ctx context.Context, now time.Time) error {
	return x.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE home_record_segment SET added = ?1 WHERE added > ?1`, db.Micros(now))
		return err
	})
}

// byCamera are all segments of one camera.
func (x *index) byCamera(ctx context.Context, camera string) ([]segment, error) {
	return db.All(scanSegment)(x.db.Read().QueryContext(ctx, `SELECT `+segmentColumns+` FROM home_record_segment g JOIN home_record_span s ON s.id = g.span
		WHERE s.camera = ?`, camera))
}

// cameras are those that there is footage of in the index.
func (x *index) cameras(ctx context.Context) ([]string, error) {
	return db.All(db.One[string])(x.db.Read().QueryContext(ctx, `SELECT DISTINCT camera FROM home_record_span ORDER BY camera`))
}
