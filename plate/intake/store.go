package intake

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"porchlight/db"
	"porchlight/geo"
	"porchlight/plate"
)

var migrations = []string{`
CREATE TABLE intake_camera (
	id TEXT PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL, alias TEXT NOT NULL,
	lon INTEGER NOT NULL, lat INTEGER NOT NULL, -- degrees times 10^7
	heading INTEGER NOT NULL, mobile INTEGER NOT NULL, speaks TEXT NOT NULL,
	public_key BLOB, secret BLOB, -- SHA-256 of the token
	added INTEGER NOT NULL, removed INTEGER NOT NULL -- 0: in use
);
CREATE INDEX intake_camera_owner ON intake_camera (owner);
CREATE INDEX intake_camera_secret ON intake_camera (secret);
CREATE TABLE intake_act ( -- how many cameras each act said there would be
	act TEXT PRIMARY KEY, cameras INTEGER NOT NULL
);
CREATE TABLE intake_day (
	camera TEXT NOT NULL, day TEXT NOT NULL, -- UTC, YYYY-MM-DD
	fresh INTEGER NOT NULL, late INTEGER NOT NULL, duplicate INTEGER NOT NULL, too_old INTEGER NOT NULL,
	future INTEGER NOT NULL, malformed INTEGER NOT NULL, pictures INTEGER NOT NULL, unkept INTEGER NOT NULL,
	replayed INTEGER NOT NULL, unsigned INTEGER NOT NULL,
	PRIMARY KEY (camera, day)
);
CREATE INDEX intake_day_day ON intake_day (day);
CREATE TABLE intake_state (
	camera TEXT PRIMARY KEY, sent INTEGER NOT NULL, seen INTEGER NOT NULL, skew INTEGER NOT NULL, -- microseconds
	trouble TEXT NOT NULL, reason TEXT NOT NULL, trouble_at INTEGER NOT NULL
);
CREATE TABLE intake_batch (
	camera TEXT NOT NULL, sequence INTEGER NOT NULL, digest BLOB NOT NULL, result TEXT NOT NULL, -- JSON
	at INTEGER NOT NULL,
	PRIMARY KEY (camera, sequence)
);
CREATE INDEX intake_batch_at ON intake_batch (camera, at);
`}

const cameraColumns = `id, owner, name, alias, lon, lat, heading, mobile, speaks, public_key, secret, removed`

func scanCamera(row db.Row) (c plate.Camera, secret []byte, err error) {
	var lon, lat int32
	var mobile int
	var removed int64
	err = row.Scan(&c.ID, &c.Owner, &c.Name, &c.Alias, &lon, &lat, &c.Heading, &mobile, &c.Speaks, &c.Key, &secret, &removed)
	c.Place, c.Mobile, c.Removed = geo.Point{Lon: lon, Lat: lat}, mobile != 0, db.Time(removed)
	return c, secret, err
}

// load returns a camera with the hash of its token. ErrNotFound.
func (s *Service) load(ctx context.Context, id string) (plate.Camera, []byte, error) {
	c, secret, err := scanCamera(s.DB.Read().QueryRowContext(ctx, `SELECT `+cameraColumns+` FROM intake_camera WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return plate.Camera{}, nil, ErrNotFound
	}
	if err != nil {
		return plate.Camera{}, nil, fmt.Errorf("reading a camera: %w", err)
	}
	return c, secret, nil
}

// query returns the cameras that a WHERE clause names.
func (s *Service) query(ctx context.Context, where string, args ...any) ([]plate.Camera, error) {
	list, err := db.All(func(row db.Row) (plate.Camera, error) {
		c, _, err := scanCamera(row)
		return c, err
	})(s.DB.Read().QueryContext(ctx, `SELECT `+cameraColumns+` FROM intake_camera `+where, args...))
	if err != nil {
		return nil, fmt.Errorf("reading cameras: %w", err)
	}
	return list, nil
}

func insertCamera(tx *sql.Tx, c plate.Camera, secret []byte, at time.Time) error {
	_, err := tx.Exec(`INSERT INTO intake_camera (`+cameraColumns+`, added) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)`,
		c.ID, c.Owner, c.Name, c.Alias, c.Place.Lon, c.Place.Lat, c.Heading, bit(c.Mobile), string(c.Speaks), c.Key, secret, db.Micros(at))
	return err
}

func updateCamera(tx *sql.Tx, c plate.Camera, secret []byte) error {
	return one(tx.Exec(`UPDATE intake_camera SET name = ?, alias = ?, lon = ?, lat = ?, heading = ?, mobile = ?, speaks = ?, public_key = ?, secret = ?
		WHERE id = ? AND removed = 0`,
		c.Name, c.Alias, c.Place.Lon, c.Place.Lat, c.Heading, bit(c.Mobile), string(c.Speaks), c.Key, secret, c.ID))
}

func removeCamera(tx *sql.Tx, id string, at time.Time) error {
	return one(tx.Exec(`UPDATE intake_camera SET removed = ? WHERE id = ? AND removed = 0`, db.Micros(at), id))
}

// one is ErrRemoved unless exactly one row was changed: somebody removed the
// camera meanwhile.
func one(r sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n != 1 {
		return errors.Join(err, ErrRemoved)
	}
	return nil
}

// ErrCount: another act changed the number of cameras while this one was on its
// way, so that what its entry says is not so.
var ErrCount = errors.New("intake: another camera was added or removed at the same moment; try again")

// keepCount checks that the number of cameras an act's entry states is so, and
// keeps it for a repeat of the act.
func keepCount(tx *sql.Tx, act, owner string, cameras int) error {
	var n int
	if err := tx.QueryRow(`SELECT count(*) FROM intake_camera WHERE owner = ? AND removed = 0`, owner).Scan(&n); err != nil {
		return err
	}
	if n != cameras {
		return ErrCount
	}
	_, err := tx.Exec(`INSERT INTO intake_act (act, cameras) VALUES (?, ?)`, act, cameras)
	return err
}

// counted is the number that an act stated when it was done before.
func (s *Service) counted(ctx context.Context, act string) (cameras int, done bool, err error) {
	err = s.DB.Read().QueryRowContext(ctx, `SELECT cameras FROM intake_act WHERE act = ?`, act).Scan(&cameras)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return cameras, err == nil, err
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func addDay(tx *sql.Tx, k dayKey, f figures) error {
	_, err := tx.Exec(`INSERT INTO intake_day (camera, day, fresh, late, duplicate, too_old, future, malformed, pictures, unkept, replayed, unsigned)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (camera, day) DO UPDATE SET fresh = intake_day.fresh + excluded.fresh, late = intake_day.late + excluded.late,
			duplicate = intake_day.duplicate + excluded.duplicate, too_old = intake_day.too_old + excluded.too_old,
			future = intake_day.future + excluded.future, malformed = intake_day.malformed + excluded.malformed,
			pictures = intake_day.pictures + excluded.pictures, unkept = intake_day.unkept + excluded.unkept,
			replayed = intake_day.replayed + excluded.replayed, unsigned = intake_day.unsigned + excluded.unsigned`,
		k.camera, k.day, f.Fresh, f.Late, f.Duplicate, f.TooOld, f.Future, f.Malformed, f.Pictures, f.Unkept, f.replayed, f.unsigned)
	return err
}

// setState merges what is newly known of a camera into what was known: other
// nodes write here too.
func setState(tx *sql.Tx, camera string, st state) error {
	was, err := scanState(tx.QueryRow(`SELECT sent, seen, skew, trouble, reason, trouble_at FROM intake_state WHERE camera = ?`, camera))
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	was.add(st)
	_, err = tx.Exec(`INSERT INTO intake_state (camera, sent, seen, skew, trouble, reason, trouble_at) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (camera) DO UPDATE SET sent = excluded.sent, seen = excluded.seen, skew = excluded.skew,
			trouble = excluded.trouble, reason = excluded.reason, trouble_at = excluded.trouble_at`,
		camera, db.Micros(was.sent), db.Micros(was.read), was.skew.Microseconds(), was.trouble, was.reason, db.Micros(was.troubleAt))
	return err
}

func scanState(row db.Row, before ...any) (s state, err error) {
	var sent, seen, skew, at int64
	err = row.Scan(append(before, &sent, &seen, &skew, &s.trouble, &s.reason, &at)...)
	s.sent, s.read, s.skew, s.troubleAt = db.Time(sent), db.Time(seen), time.Duration(skew)*time.Microsecond, db.Time(at)
	return s, err
}

func keepBatch(tx *sql.Tx, k batchKey, a answered) error {
	result, err := json.Marshal(a.result)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO intake_batch (camera, sequence, digest, result, at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (camera, sequence) DO NOTHING`, k.camera, int64(k.sequence), a.digest[:], string(result), db.Micros(a.at))
	return err
}

// forgetBatches keeps the newest batches of a camera only.
func forgetBatches(tx *sql.Tx, camera string) error {
	_, err := tx.Exec(`DELETE FROM intake_batch WHERE camera = ? AND at < (
		SELECT at FROM intake_batch WHERE camera = ? ORDER BY at DESC LIMIT 1 OFFSET ?)`, camera, camera, remembered-1)
	return err
}

// kept reads what the store knows of an owner's cameras: today's figures and
// their state, by camera.
func (s *Service) kept(ctx context.Context, owner, today string) (map[string]figures, map[string]state, error) {
	days, states := map[string]figures{}, map[string]state{}
	err := db.Each(func(row db.Row) error {
		var camera string
		var f figures
		err := row.Scan(&camera, &f.Fresh, &f.Late, &f.Duplicate, &f.TooOld, &f.Future, &f.Malformed, &f.Pictures, &f.Unkept, &f.replayed, &f.unsigned)
		days[camera] = f
		return err
	})(s.DB.Read().QueryContext(ctx, `SELECT d.camera, fresh, late, duplicate, too_old, future, malformed, pictures, unkept, replayed, unsigned
		FROM intake_day d JOIN intake_camera c ON c.id = d.camera WHERE c.owner = ? AND d.day = ?`, owner, today))
	if err != nil {
		return nil, nil, fmt.Errorf("reading how cameras do: %w", err)
	}
	err = db.Each(func(row db.Row) error {
		var camera string
		st, err := scanState(row, &camera)
		states[camera] = st
		return err
	})(s.DB.Read().QueryContext(ctx, `SELECT t.camera, sent, seen, skew, trouble, reason, trouble_at
		FROM intake_state t JOIN intake_camera c ON c.id = t.camera WHERE c.owner = ?`, owner))
	if err != nil {
		return nil, nil, fmt.Errorf("reading how cameras do: %w", err)
	}
	return days, states, nil
}
