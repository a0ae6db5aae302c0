package devices

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"porchlight/db"
)

var migrations = []string{`
CREATE TABLE home_devices (
	id TEXT PRIMARY KEY, name TEXT NOT NULL, let_in_by TEXT NOT NULL,
	added INTEGER NOT NULL, used INTEGER NOT NULL, token_hash BLOB NOT NULL UNIQUE
);
CREATE TABLE home_codes (hash BLOB PRIMARY KEY, shown_by TEXT NOT NULL, expires INTEGER NOT NULL);
`}

const columns = "SELECT id, name, let_in_by, added, used FROM home_devices "

func scan(row db.Row) (d Device, err error) {
	err = row.Scan(&d.ID, &d.Name, &d.By, db.Into(&d.Added), db.Into(&d.Used))
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return d, err
}

func list(ctx context.Context, read *sql.DB) ([]Device, error) {
	return db.All(scan)(read.QueryContext(ctx, columns+"ORDER BY added, id"))
}

func byToken(ctx context.Context, read *sql.DB, hash []byte) (Device, error) {
	return scan(read.QueryRowContext(ctx, columns+"WHERE token_hash = ?", hash))
}

func insert(ctx context.Context, tx *sql.Tx, d Device, hash []byte) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO home_devices (id, name, let_in_by, added, used, token_hash) VALUES (?, ?, ?, ?, ?, ?)",
		d.ID, d.Name, d.By, db.Micros(d.Added), db.Micros(d.Used), hash)
	return err
}

func touch(ctx context.Context, tx *sql.Tx, id string, used time.Time) error {
	_, err := tx.ExecContext(ctx, "UPDATE home_devices SET used = ? WHERE id = ?", db.Micros(used), id)
	return err
}

func rename(ctx context.Context, tx *sql.Tx, id, name string) error {
	return one(tx.ExecContext(ctx, "UPDATE home_devices SET name = ? WHERE id = ?", name, id))
}

func remove(ctx context.Context, tx *sql.Tx, id string) error {
	return one(tx.ExecContext(ctx, "DELETE FROM home_devices WHERE id = ?", id))
}

// one is ErrNotFound when nothing changed.
func one(res sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return ErrNotFound
}

func insertCode(ctx context.Context, tx *sql.Tx, hash []byte, by string, expires, now time.Time) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM home_codes WHERE expires <= ?1 OR hash NOT IN
		(SELECT hash FROM home_codes ORDER BY expires DESC, hash LIMIT ?2)`, db.Micros(now), openCodes-1)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO home_codes (hash, shown_by, expires) VALUES (?, ?, ?)", hash, by, db.Micros(expires))
	return err
}

// takeCode uses up a code; by is the name of the device that showed it. ErrCode.
func takeCode(ctx context.Context, tx *sql.Tx, hash []byte, now time.Time) (by string, err error) {
	err = tx.QueryRowContext(ctx, `DELETE FROM home_codes WHERE hash = ? AND expires > ? AND
		(shown_by = '' OR shown_by IN (SELECT id FROM home_devices))
		RETURNING coalesce((SELECT name FROM home_devices WHERE id = shown_by), '')`, hash, db.Micros(now)).Scan(&by)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrCode
	}
	return by, err
}
