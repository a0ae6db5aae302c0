package cameras

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"porchlight/db"
	"porchlight/geo"
	"porchlight/home"
)

var migrations = []string{`
CREATE TABLE home_camera (
	id      TEXT PRIMARY KEY,
	name    TEXT NOT NULL,
	kind    TEXT NOT NULL,
	lon     INTEGER NOT NULL, -- degrees * 10^7
	lat     INTEGER NOT NULL,
	facing  INTEGER NOT NULL,
	angle   INTEGER NOT NULL,
	reach   INTEGER NOT NULL,
	off     INTEGER NOT NULL,
	added   INTEGER NOT NULL,
	removed INTEGER NOT NULL,
	host    TEXT NOT NULL,    -- what may be told of the address
	login   TEXT NOT NULL,
	has     INTEGER NOT NULL  -- whether there is a password
);
-- How a camera is reached; read by Reach alone.
CREATE TABLE home_camera_secret (
	camera   TEXT PRIMARY KEY,
	address  TEXT NOT NULL,
	login    TEXT NOT NULL,
	password TEXT NOT NULL,
	name     TEXT NOT NULL,
	broker   TEXT NOT NULL,
	clear    INTEGER NOT NULL,
	files    TEXT NOT NULL,
	zone     TEXT NOT NULL
);
`}

const columns = `id, name, kind, lon, lat, facing, angle, reach, off, added, removed, host, login, has`

func scan(r db.Row) (c Camera, err error) {
	var lon, lat int32
	err = r.Scan(&c.ID, &c.Name, &c.Kind, &lon, &lat, &c.Facing, &c.Angle, &c.Reach, &c.Off, db.Into(&c.Added), db.Into(&c.Removed), &c.Host, &c.User, &c.Has)
	c.Place = geo.Point{Lon: lon, Lat: lat}
	return c, err
}

// List are the cameras in use, oldest first.
func (s *Service) List(ctx context.Context) ([]Camera, error) {
	return db.All(scan)(s.db.Read().QueryContext(ctx, `SELECT `+columns+` FROM home_camera WHERE removed = 0 ORDER BY added, id`))
}

// All are all cameras that there ever were: footage outlives them.
func (s *Service) All(ctx context.Context) ([]Camera, error) {
	return db.All(scan)(s.db.Read().QueryContext(ctx, `SELECT `+columns+` FROM home_camera ORDER BY added, id`))
}

// Get is one camera, also one that was removed. ErrNotFound.
func (s *Service) Get(ctx context.Context, id string) (Camera, error) {
	c, err := scan(s.db.Read().QueryRowContext(ctx, `SELECT `+columns+` FROM home_camera WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return c, err
}

// Reach is how a camera in use is reached, with its password: for the recorder.
// ErrNotFound.
func (s *Service) Reach(ctx context.Context, id string) (f Source, err error) {
	var address, password, broker string
	err = s.db.Read().QueryRowContext(ctx, `SELECT c.kind, s.address, s.login, s.password, s.name, s.broker, s.clear, s.files, s.zone
		FROM home_camera_secret s JOIN home_camera c ON c.id = s.camera WHERE s.camera = ? AND c.removed = 0`, id).
		Scan(&f.Kind, &address, &f.User, &password, &f.Name, &broker, &f.Clear, &f.Files, &f.Zone)
	f.Address, f.Password, f.Broker = Secret(address), Secret(password), Secret(broker)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return f, err
}

func insert(c Camera, from Source) func(*sql.Tx) error {
	return func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO home_camera (`+columns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			c.ID, c.Name, c.Kind, c.Place.Lon, c.Place.Lat, c.Facing, c.Angle, c.Reach, c.Off, db.Micros(c.Added), db.Micros(c.Removed), c.Host, c.User, c.Has)
		if err != nil {
			return err
		}
		return putSecret(tx, c.ID, from)
	}
}

// putSecret names no value in an error: drivers do not, and nothing is added.
func putSecret(tx *sql.Tx, id string, f Source) error {
	_, err := tx.Exec(`INSERT INTO home_camera_secret (camera, address, login, password, name, broker, clear, files, zone) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (camera) DO UPDATE SET address = excluded.address, login = excluded.login, password = excluded.password, name = excluded.name,
			broker = excluded.broker, clear = excluded.clear, files = excluded.files, zone = excluded.zone`,
		id, string(f.Address), f.User, string(f.Password), f.Name, string(f.Broker), f.Clear, f.Files, f.Zone)
	return err
}

func (s *Service) update(ctx context.Context, c home.Camera) error {
	return s.one(ctx, "changing the camera", func(tx *sql.Tx) (sql.Result, error) {
		return tx.Exec(`UPDATE home_camera SET name = ?, lon = ?, lat = ?, facing = ?, angle = ?, reach = ?, off = ? WHERE id = ? AND removed = 0`,
			c.Name, c.Place.Lon, c.Place.Lat, c.Facing, c.Angle, c.Reach, c.Off, c.ID)
	})
}

func (s *Service) reroute(ctx context.Context, id string, f Source) error {
	return s.one(ctx, "changing how the camera is reached", func(tx *sql.Tx) (sql.Result, error) {
		if err := putSecret(tx, id, f); err != nil {
			return nil, err
		}
		return tx.Exec(`UPDATE home_camera SET host = ?, login = ?, has = ? WHERE id = ? AND removed = 0`, f.host(), f.User, f.Password != "", id)
	})
}

func (s *Service) remove(ctx context.Context, id string, at time.Time) error {
	err := s.one(ctx, "removing the camera", func(tx *sql.Tx) (sql.Result, error) {
		if _, err := tx.Exec(`DELETE FROM home_camera_secret WHERE camera = ?`, id); err != nil {
			return nil, err
		}
		return tx.Exec(`UPDATE home_camera SET removed = ?, host = '', login = '', has = 0 WHERE id = ? AND removed = 0`, db.Micros(at), id)
	})
	if err != nil {
		return err
	}
	return s.db.Scrub(ctx, "home_camera_secret")
}

// one runs a statement that must concern a camera in use.
func (s *Service) one(ctx context.Context, doing string, fn func(*sql.Tx) (sql.Result, error)) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		r, err := fn(tx)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, ErrNotFound)
		}
		return nil
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return err
}
