package pets

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"porchlight/capability"
	"porchlight/db"
)

var migrations = []string{`
CREATE TABLE pet_post (
	id        TEXT PRIMARY KEY,
	owner     TEXT NOT NULL UNIQUE,
	recipient TEXT NOT NULL,
	animal    TEXT NOT NULL,
	colours   TEXT NOT NULL,    -- separated by spaces
	words     TEXT NOT NULL,    -- emptied at the end, as is the place
	lon       INTEGER NOT NULL, -- degrees times 10^7, rounded
	lat       INTEGER NOT NULL,
	rounding  TEXT NOT NULL,
	seen      INTEGER NOT NULL,
	hours     INTEGER NOT NULL,
	state     TEXT NOT NULL,
	posted    INTEGER NOT NULL,
	opened    INTEGER NOT NULL DEFAULT 0,
	ends      INTEGER NOT NULL,
	closed    INTEGER NOT NULL DEFAULT 0,
	reports   TEXT NOT NULL DEFAULT '', -- separated by spaces
	homes     INTEGER NOT NULL DEFAULT 0,
	entry     INTEGER NOT NULL,
	published INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX pet_post_state ON pet_post (state, ends);
CREATE TABLE pet_photo (
	post   TEXT NOT NULL REFERENCES pet_post (id) ON DELETE CASCADE,
	n      INTEGER NOT NULL,
	jpeg   BLOB NOT NULL,
	width  INTEGER NOT NULL,
	height INTEGER NOT NULL,
	PRIMARY KEY (post, n)
);
CREATE TABLE pet_sighting (
	id        TEXT PRIMARY KEY,
	post      TEXT NOT NULL REFERENCES pet_post (id) ON DELETE CASCADE,
	owner     TEXT NOT NULL UNIQUE,
	recipient TEXT NOT NULL,
	sealed    BLOB NOT NULL,
	at        INTEGER NOT NULL,
	entry     INTEGER NOT NULL
);
CREATE INDEX pet_sighting_post ON pet_sighting (post, entry);
CREATE TABLE pet_message (
	id          TEXT PRIMARY KEY,
	sighting    TEXT NOT NULL REFERENCES pet_sighting (id) ON DELETE CASCADE,
	from_poster INTEGER NOT NULL,
	sealed      BLOB NOT NULL,
	at          INTEGER NOT NULL,
	entry       INTEGER NOT NULL
);
CREATE INDEX pet_message_sighting ON pet_message (sighting, entry);
CREATE TABLE pet_run (
	post  TEXT NOT NULL,
	hour  INTEGER NOT NULL, -- microseconds since 1970 of its begin
	homes INTEGER NOT NULL,
	PRIMARY KEY (post, hour)
);
`, `
ALTER TABLE pet_post ADD COLUMN reader TEXT NOT NULL DEFAULT ''; -- recipient of the link now; empty: of the first
ALTER TABLE pet_post ADD COLUMN relinked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pet_post ADD COLUMN past BLOB NOT NULL DEFAULT '';
`}

const postColumns = `id, owner, recipient, animal, colours, words, lon, lat, rounding, seen, hours, state, posted, opened, ends, closed, reports, homes, entry, published, reader, relinked, past`

func scanPost(row db.Row) (p Post, err error) {
	var colours, reports string
	var entry, published, relinked int64
	err = row.Scan(&p.ID, &p.owner, &p.Recipient, &p.Animal, &colours, &p.Words, &p.Place.Lon, &p.Place.Lat, &p.Rounding, db.Into(&p.Seen), &p.Hours, &p.State,
		db.Into(&p.Posted), db.Into(&p.Opened), db.Into(&p.Ends), db.Into(&p.Closed), &reports, &p.Homes, &entry, &published,
		&p.Relinked.Recipient, &relinked, &p.Past)
	for _, c := range strings.Fields(colours) {
		p.Colours = append(p.Colours, Colour(c))
	}
	for _, r := range strings.Fields(reports) {
		p.Reports = append(p.Reports, Report(r))
	}
	p.Entry, p.Published, p.Relinked.Entry = uint64(entry), uint64(published), uint64(relinked)
	return p, err
}

// posts reads posts with their photos; where follows the WHERE.
func (s *Service) posts(ctx context.Context, where string, args ...any) ([]Post, error) {
	ps, err := db.All(scanPost)(s.DB.Read().QueryContext(ctx, `SELECT `+postColumns+` FROM pet_post WHERE `+where, args...))
	if err != nil {
		return nil, fmt.Errorf("reading posts: %w", err)
	}
	for i, p := range ps {
		if ps[i].Photos, err = db.All(func(row db.Row) (p Photo, err error) { return p, row.Scan(&p.JPEG, &p.W, &p.H) })(
			s.DB.Read().QueryContext(ctx, `SELECT jpeg, width, height FROM pet_photo WHERE post = ? ORDER BY n`, p.ID)); err != nil {
			return nil, fmt.Errorf("reading photos: %w", err)
		}
	}
	return ps, nil
}

// post reads one. ErrNotFound.
func (s *Service) post(ctx context.Context, where string, args ...any) (Post, error) {
	return db.First(s.posts(ctx, where, args...))(ErrNotFound)
}

func insert(tx *sql.Tx, p Post) error {
	var colours []string
	for _, c := range p.Colours {
		colours = append(colours, string(c))
	}
	if _, err := tx.Exec(`INSERT INTO pet_post (id, owner, recipient, animal, colours, words, lon, lat, rounding, seen, hours, state, posted, ends, entry)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, p.ID, p.owner, p.Recipient, p.Animal, strings.Join(colours, " "), p.Words, p.Place.Lon, p.Place.Lat,
		p.Rounding, db.Micros(p.Seen), p.Hours, p.State, db.Micros(p.Posted), db.Micros(p.Ends), int64(p.Entry)); err != nil {
		return err
	}
	for n, photo := range p.Photos {
		if _, err := tx.Exec(`INSERT INTO pet_photo (post, n, jpeg, width, height) VALUES (?, ?, ?, ?, ?)`, p.ID, n, photo.JPEG, photo.W, photo.H); err != nil {
			return err
		}
	}
	return nil
}

// relink makes the next link the only one. capability.ErrInput when it is another's.
func relink(tx *sql.Tx, p Post, next capability.Holder, past []byte, entry uint64) error {
	err := changed(tx.Exec(`UPDATE pet_post SET owner = ?, reader = ?, past = ?, relinked = ? WHERE id = ? AND owner = ?`,
		next.Owner, next.Recipient, past, int64(entry), p.ID, p.owner))
	if db.Duplicate(err) {
		err = capability.ErrInput
	}
	return err
}

// end closes a post: its photos, words and place are gone. What was sent to its
// poster stays for keepAfter when the animal was found or time ran out, so that
// she can read it, and is gone at once otherwise.
func end(tx *sql.Tx, id string, from, to State, now time.Time) error {
	if err := changed(tx.Exec(`UPDATE pet_post SET state = ?, closed = ?, words = '', colours = '', lon = 0, lat = 0, seen = 0, reports = '' WHERE id = ? AND state = ?`,
		to, db.Micros(now), id, from)); err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM pet_photo WHERE post = ?`, id); err != nil {
		return err
	}
	if to == Found || to == Expired {
		return nil
	}
	return eraseSightings(tx, id)
}

func eraseSightings(tx *sql.Tx, post string) error {
	if _, err := tx.Exec(`DELETE FROM pet_message WHERE sighting IN (SELECT id FROM pet_sighting WHERE post = ?)`, post); err != nil {
		return err
	}
	_, err := tx.Exec(`DELETE FROM pet_sighting WHERE post = ?`, post)
	return err
}

const sightingColumns = `id, post, recipient, sealed, at, entry`

func scanSighting(row db.Row) (g Sighting, err error) {
	var entry int64
	err = row.Scan(&g.ID, &g.Post, &g.Recipient, &g.Sealed, db.Into(&g.At), &entry)
	g.Entry = uint64(entry)
	return g, err
}

// sightings reads sightings with their letters, oldest first.
func (s *Service) sightings(ctx context.Context, where string, args ...any) ([]Sighting, error) {
	gs, err := db.All(scanSighting)(s.DB.Read().QueryContext(ctx, `SELECT `+sightingColumns+` FROM pet_sighting WHERE `+where+` ORDER BY entry`, args...))
	if err != nil {
		return nil, fmt.Errorf("reading sightings: %w", err)
	}
	for i, g := range gs {
		if gs[i].Messages, err = db.All(func(row db.Row) (m Message, err error) {
			var entry int64
			err = row.Scan(&m.ID, &m.FromPoster, &m.Sealed, db.Into(&m.At), &entry)
			m.Entry = uint64(entry)
			return m, err
		})(s.DB.Read().QueryContext(ctx, `SELECT id, from_poster, sealed, at, entry FROM pet_message WHERE sighting = ? ORDER BY entry`, g.ID)); err != nil {
			return nil, fmt.Errorf("reading letters: %w", err)
		}
	}
	return gs, nil
}

// room is ErrFull when a query already counts as many as there may be.
func room(tx *sql.Tx, most int, query string, args ...any) error {
	var n int
	if err := tx.QueryRow(query, args...).Scan(&n); err != nil {
		return err
	}
	if n >= most {
		return ErrFull
	}
	return nil
}

// changed turns an update that met no row into ErrChanged.
var changed = db.Changed(ErrChanged)
