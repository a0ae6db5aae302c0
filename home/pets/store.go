package pets

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"porchlight/db"
	"porchlight/geo"
	"porchlight/home"
	"porchlight/home/outbox"
	posts "porchlight/pets"
	"porchlight/share/client"
	"porchlight/vision"

	"filippo.io/age"
)

var migrations = []string{`
CREATE TABLE pets_setting (
	name  TEXT PRIMARY KEY,
	value INTEGER NOT NULL
);
CREATE TABLE pets_post (
	id      TEXT PRIMARY KEY,
	content TEXT NOT NULL,    -- JSON
	ends    INTEGER NOT NULL,
	why     TEXT NOT NULL,
	vectors TEXT NOT NULL,    -- JSON, of the animals in its photos
	looked  INTEGER NOT NULL,
	count   INTEGER NOT NULL, -- when its run is to be counted; 0: it was, or there was none
	told    INTEGER NOT NULL  -- the household was told
);
CREATE TABLE pets_photo (
	post TEXT NOT NULL REFERENCES pets_post (id) ON DELETE CASCADE,
	n    INTEGER NOT NULL,
	jpeg BLOB NOT NULL,
	PRIMARY KEY (post, n)
);
CREATE TABLE pets_candidate (
	id     TEXT PRIMARY KEY,
	post   TEXT NOT NULL REFERENCES pets_post (id) ON DELETE CASCADE,
	camera TEXT NOT NULL,
	at     INTEGER NOT NULL,
	alike  REAL NOT NULL,
	state  TEXT NOT NULL,
	secret BLOB NOT NULL,     -- of the link to what was sent; empty until then
	UNIQUE (post, camera, at)
);
CREATE TABLE pets_run (
	at      INTEGER NOT NULL,
	post    TEXT NOT NULL,
	moments INTEGER NOT NULL,
	found   INTEGER NOT NULL,
	counted INTEGER NOT NULL,
	PRIMARY KEY (at, post)
);
`, `
CREATE TABLE pets_looked ( -- stills that were compared: footage may come, or be looked through, late
	post   TEXT NOT NULL REFERENCES pets_post (id) ON DELETE CASCADE,
	camera TEXT NOT NULL,
	at     INTEGER NOT NULL,
	PRIMARY KEY (post, camera, at)
);
ALTER TABLE pets_post DROP COLUMN looked;
`, `
ALTER TABLE pets_post ADD COLUMN reader TEXT NOT NULL DEFAULT '';        -- recipient of the poster's link now; empty: the content's
ALTER TABLE pets_candidate ADD COLUMN sighting TEXT NOT NULL DEFAULT ''; -- id at the exchange, once sent; empty: its own
`}

const runsKept = 30 * 24 * time.Hour

// kept is a post with what only the matching needs.
type kept struct {
	Post
	vectors []vision.Embedding
	told    bool
	reader  string // the age recipient its poster reads with now
}

// OptIn switches Search Party on or off. Off forgets every post and candidate;
// what was sent is the poster's.
func (s *Service) OptIn(ctx context.Context, on bool) error {
	err := s.DB.Write(ctx, func(tx *sql.Tx) error {
		if !on {
			for _, table := range []string{"pets_candidate", "pets_photo", "pets_post"} {
				if _, err := tx.Exec(`DELETE FROM ` + table); err != nil {
					return err
				}
			}
			if err := s.acts.Forget(tx, ""); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`INSERT INTO pets_setting (name, value) VALUES ('on', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, on)
		return err
	})
	if err == nil {
		s.wake.Ring()
		s.Changed()
	}
	return err
}

// On reports whether the household opted in.
func (s *Service) On(ctx context.Context) (on bool, err error) {
	err = s.DB.Read().QueryRowContext(ctx, `SELECT value FROM pets_setting WHERE name = 'on'`).Scan(&on)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return on, err
}

// drawOffset is the same at each start.
func (s *Service) drawOffset(ctx context.Context) (offset time.Duration, err error) {
	err = s.DB.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`INSERT INTO pets_setting (name, value) VALUES ('offset', ?) ON CONFLICT DO NOTHING`, int64(rand.N(s.Every))); err != nil {
			return err
		}
		var n int64
		err := tx.QueryRow(`SELECT value FROM pets_setting WHERE name = 'offset'`).Scan(&n)
		offset = time.Duration(n) % s.Every
		return err
	})
	return offset, err
}

// take keeps the posts that were read, describes the animals of new ones, and
// forgets those that are over.
func (s *Service) take(ctx context.Context, read map[string]received) error {
	had, err := s.known(ctx)
	if err != nil {
		return err
	}
	for id, r := range read {
		if slices.Contains(had, id) {
			if err := s.DB.Write(ctx, func(tx *sql.Tx) error {
				_, err := tx.Exec(`UPDATE pets_post SET ends = ?, reader = ? WHERE id = ?`, db.Micros(r.Ends), r.reader(), id)
				return err
			}); err != nil {
				return err
			}
			continue
		}
		vectors, why, err := s.subjects(r)
		if err != nil {
			return err
		}
		if err := s.insert(ctx, r, vectors, why); err != nil {
			return err
		}
	}
	return s.DB.Write(ctx, func(tx *sql.Tx) error {
		for _, id := range had {
			if _, ok := read[id]; ok {
				continue
			}
			for _, q := range []string{`DELETE FROM pets_candidate WHERE post = ? AND state <> 'sent'`, `DELETE FROM pets_photo WHERE post = ?`,
				`DELETE FROM pets_post WHERE id = ? AND NOT EXISTS (SELECT 1 FROM pets_candidate WHERE post = pets_post.id)`} {
				if _, err := tx.Exec(q, id); err != nil {
					return err
				}
			}
			if _, err := tx.Exec(`UPDATE pets_post SET ends = ?2 WHERE id = ?1 AND ends > ?2`, id, db.Micros(s.Clock.Now())); err != nil {
				return err
			}
		}
		// Who sent a picture can write about it for a while.
		old := db.Micros(s.Clock.Now().Add(-runsKept))
		for _, q := range []string{`DELETE FROM pets_candidate WHERE post IN (SELECT id FROM pets_post WHERE ends < ?)`,
			`DELETE FROM pets_post WHERE ends < ?`, `DELETE FROM pets_run WHERE at < ?`} {
			if _, err := tx.Exec(q, old); err != nil {
				return err
			}
		}
		return nil
	})
}

// subjects are the animals of a post's photos. One photo of people refuses the post.
func (s *Service) subjects(r received) (vectors []vision.Embedding, why Why, err error) {
	if kinds[r.Post.Animal] == nil {
		return nil, NoKind, nil
	}
	for _, photo := range r.photos {
		a, no, err := s.subject(photo, r.Post.Animal)
		switch {
		case err != nil:
			return nil, "", err
		case no == People:
			return nil, People, nil
		case no == "":
			vectors = append(vectors, a.vector)
		}
	}
	if len(vectors) == 0 {
		why = NoAnimal
	}
	return vectors, why, nil
}

func (s *Service) insert(ctx context.Context, r received, vectors []vision.Embedding, why Why) error {
	content, err := json.Marshal(r.Post)
	if err != nil {
		return err
	}
	likeness, err := json.Marshal(vectors)
	if err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`INSERT INTO pets_post (id, content, ends, why, vectors, count, told, reader) VALUES (?, ?, ?, ?, ?, ?, 0, ?)`,
			r.Post.ID, string(content), db.Micros(r.Ends), why, string(likeness), db.Micros(s.drawCount()), r.reader()); err != nil {
			return err
		}
		for n, photo := range r.photos {
			if _, err := tx.Exec(`INSERT INTO pets_photo (post, n, jpeg) VALUES (?, ?, ?)`, r.Post.ID, n, photo); err != nil {
				return err
			}
		}
		return nil
	})
}

// known are the ids of the posts here, oldest first.
func (s *Service) known(ctx context.Context) ([]string, error) {
	return db.All(db.One[string])(s.DB.Read().QueryContext(ctx, `SELECT id FROM pets_post ORDER BY id`))
}

func (s *Service) kept(ctx context.Context, id string) (kept, error) {
	ks, err := s.query(ctx, `id = ?`, id)
	if err == nil && len(ks) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return kept{}, err
	}
	return ks[0], nil
}

func (s *Service) query(ctx context.Context, where string, args ...any) ([]kept, error) {
	ks, err := db.All(func(row db.Row) (k kept, err error) {
		var id, content, vectors string
		if err := row.Scan(&id, &content, db.Into(&k.Ends), &k.Why, &vectors, &k.told, &k.reader, &k.Found); err != nil {
			return k, err
		}
		k.Matched = k.Why == ""
		err = errors.Join(json.Unmarshal([]byte(content), &k.Content), json.Unmarshal([]byte(vectors), &k.vectors))
		k.reader = cmp.Or(k.reader, k.Content.Recipient)
		return k, err
	})(s.DB.Read().QueryContext(ctx, `SELECT id, content, ends, why, vectors, told, reader,
		(SELECT count(*) FROM pets_candidate c WHERE c.post = pets_post.id AND c.state = 'new') FROM pets_post WHERE `+where, args...))
	if err != nil {
		return nil, fmt.Errorf("reading posts: %w", err)
	}
	return ks, nil
}

// Posts are the lost animals around this house, nearest first, and those over of
// which it sent a picture.
func (s *Service) Posts(ctx context.Context) ([]Post, error) {
	now := s.Clock.Now()
	ks, err := s.query(ctx, `ends > ? OR EXISTS (SELECT 1 FROM pets_candidate WHERE post = pets_post.id AND state = 'sent')`, db.Micros(now))
	if err != nil {
		return nil, err
	}
	cameras, err := s.Cameras(ctx)
	if err != nil {
		return nil, err
	}
	out := []Post{}
	for _, k := range ks {
		k.Metres, k.Over = nearest(k.Content, cameras), !k.Ends.After(now)
		out = append(out, k.Post)
	}
	slices.SortFunc(out, func(a, b Post) int {
		if a.Metres != b.Metres {
			return int(math.Copysign(1, a.Metres-b.Metres))
		}
		return 0
	})
	return out, nil
}

// nearest is how far the nearest camera is from where the animal was seen.
func nearest(c posts.Content, cameras []home.Camera) float64 {
	at, err := geo.NewPoint(c.Lon, c.Lat)
	if err != nil || len(cameras) == 0 {
		return math.MaxFloat64
	}
	best := math.MaxFloat64
	for _, camera := range cameras {
		lon, lat := camera.Place.Degrees()
		wlon, wlat := at.Degrees()
		dx, dy := (lon-wlon)*math.Cos(lat*math.Pi/180)*111_195, (lat-wlat)*111_195
		best = min(best, math.Hypot(dx, dy))
	}
	return best
}

// Photo is the n-th photo of a post. JPEG. ErrNotFound.
func (s *Service) Photo(ctx context.Context, post string, n int) (photo []byte, err error) {
	err = s.DB.Read().QueryRowContext(ctx, `SELECT jpeg FROM pets_photo WHERE post = ? AND n = ?`, post, n).Scan(&photo)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	return photo, err
}

const candidateColumns = `id, post, camera, at, alike, state, sighting`

func scanCandidate(row db.Row) (c Candidate, err error) {
	return c, row.Scan(&c.ID, &c.Post, &c.Camera, db.Into(&c.At), &c.Alike, &c.State, &c.sighting)
}

// Candidates are the pictures of this house that may show a post's animal, the
// most alike first; dismissed ones last.
func (s *Service) Candidates(ctx context.Context, post string) ([]Candidate, error) {
	cs, err := db.All(scanCandidate)(s.DB.Read().QueryContext(ctx, `SELECT `+candidateColumns+` FROM pets_candidate WHERE post = ? ORDER BY state = 'dismissed', alike DESC, at DESC`, post))
	if err != nil {
		return nil, err
	}
	waiting, err := s.acts.Kept(ctx, "")
	for i := range cs {
		cs[i].Waiting = slices.ContainsFunc(waiting, func(a outbox.Act) bool { return a.Thing == cs[i].ID })
	}
	if cs == nil {
		cs = []Candidate{}
	}
	return cs, err
}

func (s *Service) candidate(ctx context.Context, id string) (Candidate, kept, error) {
	c, err := scanCandidate(s.DB.Read().QueryRowContext(ctx, `SELECT `+candidateColumns+` FROM pets_candidate WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return c, kept{}, err
	}
	k, err := s.kept(ctx, c.Post)
	return c, k, err
}

// Dismiss says that a candidate is another animal. ErrNotFound.
func (s *Service) Dismiss(ctx context.Context, id string) error {
	return s.setState(ctx, id, Dismissed)
}

func (s *Service) setState(ctx context.Context, id string, to State) error {
	err := s.DB.Write(ctx, func(tx *sql.Tx) error {
		res, err := tx.Exec(`UPDATE pets_candidate SET state = ? WHERE id = ? AND state <> 'sent'`, to, id)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(ErrNotFound, err)
		}
		return nil
	})
	if err == nil {
		s.Changed()
	}
	return err
}

// keepRun logs a run and keeps the most alike candidates; it returns the best new one.
func (s *Service) keepRun(ctx context.Context, k kept, r Run, looked []still, found []Candidate) (best *Candidate, err error) {
	for i := range found {
		if best == nil || found[i].Alike > best.Alike {
			best = &found[i]
		}
	}
	return best, s.DB.Write(ctx, func(tx *sql.Tx) error {
		for _, c := range found {
			if _, err := tx.Exec(`INSERT INTO pets_candidate (`+candidateColumns+`, secret) VALUES (?, ?, ?, ?, ?, ?, '', ?) ON CONFLICT DO NOTHING`,
				c.ID, c.Post, c.Camera, db.Micros(c.At), c.Alike, c.State, []byte{}); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(`DELETE FROM pets_candidate WHERE post = ? AND state = 'new' AND id NOT IN
			(SELECT id FROM pets_candidate WHERE post = ? ORDER BY alike DESC LIMIT ?)`, k.Content.ID, k.Content.ID, keptPerPost); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO pets_run (at, post, moments, found, counted) VALUES (?, ?, ?, ?, 0) ON CONFLICT DO NOTHING`,
			db.Micros(r.At), r.Post, r.Moments, r.Found); err != nil {
			return err
		}
		for _, l := range looked {
			if _, err := tx.Exec(`INSERT INTO pets_looked (post, camera, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, k.Content.ID, l.camera, l.at); err != nil {
				return err
			}
		}
		return nil
	})
}

// still is a picture of the footage; at is in microseconds since 1970.
type still struct {
	camera string
	at     int64
}

// looked are the stills that were compared with a post's animal.
func (s *Service) looked(ctx context.Context, post string) (map[still]bool, error) {
	all, err := db.All(func(row db.Row) (l still, err error) { return l, row.Scan(&l.camera, &l.at) })(
		s.DB.Read().QueryContext(ctx, `SELECT camera, at FROM pets_looked WHERE post = ?`, post))
	set := make(map[still]bool, len(all))
	for _, l := range all {
		set[l] = true
	}
	return set, err
}

func (s *Service) setTold(ctx context.Context, id string) error {
	return s.DB.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE pets_post SET told = 1 WHERE id = ?`, id)
		return err
	})
}

// Runs are the latest n times the house looked, newest first.
func (s *Service) Runs(ctx context.Context, n int) ([]Run, error) {
	rs, err := db.All(func(row db.Row) (r Run, err error) {
		return r, row.Scan(db.Into(&r.At), &r.Post, &r.Moments, &r.Found, &r.Counted)
	})(s.DB.Read().QueryContext(ctx, `SELECT at, post, moments, found, counted FROM pets_run ORDER BY at DESC, post LIMIT ?`, n))
	if rs == nil {
		rs = []Run{}
	}
	return rs, err
}

// nextCount is when the next run is to be counted; zero: none is.
func (s *Service) nextCount(ctx context.Context) (at time.Time, err error) {
	err = s.DB.Read().QueryRowContext(ctx, `SELECT coalesce(min(count), 0) FROM pets_post WHERE count > 0`).Scan(db.Into(&at))
	return at, err
}

func (s *Service) dueCounts(ctx context.Context, now time.Time) ([]string, error) {
	return db.All(db.One[string])(s.DB.Read().QueryContext(ctx, `SELECT id FROM pets_post WHERE count > 0 AND count <= ? ORDER BY count`, db.Micros(now)))
}

func (s *Service) counted(ctx context.Context, post string) error {
	return s.DB.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`UPDATE pets_run SET counted = 1 WHERE post = ?`, post); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE pets_post SET count = 0 WHERE id = ?`, post)
		return err
	})
}

// secretOf is the link to what is sent of a candidate, made the first time.
func (s *Service) secretOf(ctx context.Context, id string) (secret client.Secret, err error) {
	err = s.DB.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`UPDATE pets_candidate SET secret = ? WHERE id = ? AND length(secret) = 0`, []byte(client.NewSecret()), id); err != nil {
			return err
		}
		return tx.QueryRow(`SELECT secret FROM pets_candidate WHERE id = ?`, id).Scan((*[]byte)(&secret))
	})
	return secret, err
}

// seal makes an age file.
func seal(text []byte, to ...string) ([]byte, error) {
	var rs []age.Recipient
	for _, t := range to {
		r, err := age.ParseX25519Recipient(t)
		if err != nil {
			return nil, err
		}
		rs = append(rs, r)
	}
	var b bytes.Buffer
	w, err := age.Encrypt(&b, rs...)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}
