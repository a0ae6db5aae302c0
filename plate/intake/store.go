package intake

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

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
`}

const cameraColumns = `id, owner, name, alias, lon, lat, heading, mobile, speaks, public_key, secret, removed`

func scanCamera(row interface{ Scan(...any) error }) (c plate.Camera, secret []byte, err error) {
	var lon, lat int32
	var mobile int
	var removed int64
	err = row.Scan(&c.ID, &c.Owner, &c.Name, &c.Alias, &lon, &lat, &c.Heading, &mobile, &c.Speaks, &c.Key, &secret, &removed)
	c.Place, c.Mobile, c.Removed = geo.Point{Lon: lon, Lat: lat}, mobile != 0, fromMicros(removed)
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
func (s *Service) query(ctx context.Context, where string, args ...any) (list []plate.Camera, err error) {
	rows, err := s.DB.Read().QueryContext(ctx, `SELECT `+cameraColumns+` FROM intake_camera `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("reading cameras: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		c, _, err := scanCamera(rows)
		if err != nil {
			return nil, fmt.Errorf("reading cameras: %w", err)
		}
		list = append(list, c)
	}
	return list, rows.Err()
}

func insertCamera(tx *sql.Tx, c plate.Camera, secret []byte, at time.Time) error {
	_, err := tx.Exec(`INSERT INTO intake_camera (`+cameraColumns+`, added) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)`,
		c.ID, c.Owner, c.Name, c.Alias, c.Place.Lon, c.Place.Lat, c.Heading, flag(c.Mobile), string(c.Speaks), c.Key, secret, micros(at))
	return err
}

func updateCamera(tx *sql.Tx, c plate.Camera, secret []byte) error {
	return one(tx.Exec(`UPDATE intake_camera SET name = ?, alias = ?, lon = ?, lat = ?, heading = ?, mobile = ?, speaks = ?, public_key = ?, secret = ?
		WHERE id = ? AND removed = 0`,
		c.Name, c.Alias, c.Place.Lon, c.Place.Lat, c.Heading, flag(c.Mobile), string(c.Speaks), c.Key, secret, c.ID))
}

func removeCamera(tx *sql.Tx, id string, at time.Time) error {
	return one(tx.Exec(`UPDATE intake_camera SET removed = ? WHERE id = ? AND removed = 0`, micros(at), id))
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

// errCount: another act changed the number of cameras while this one was on its
// way, so that what its entry says is not so.
var errCount = errors.New("intake: another camera was added or removed at the same moment; try again")

// keepCount checks that the number of cameras an act's entry states is so, and
// keeps it for a repeat of the act.
func keepCount(tx *sql.Tx, act, owner string, cameras int) error {
	var n int
	if err := tx.QueryRow(`SELECT count(*) FROM intake_camera WHERE owner = ? AND removed = 0`, owner).Scan(&n); err != nil {
		return err
	}
	if n != cameras {
		return errCount
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

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
