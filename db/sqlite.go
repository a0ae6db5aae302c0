package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteEngine is SQLite in WAL mode with synchronous=FULL. Deleted content is
// overwritten with zeros (secure_delete), see also scrub.
type sqliteEngine struct{}

func (sqliteEngine) Dialect() Dialect { return SQLite }

func (sqliteEngine) connect(ctx context.Context, path string) (read, write *sql.DB, err error) {
	q := url.Values{"_pragma": {
		"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)",
		"busy_timeout(10000)", "secure_delete(ON)", "cache_size(-8000)",
	}}
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
	if write, err = openSQLite(dsn + "&_txlock=immediate"); err != nil {
		return nil, nil, fmt.Errorf("opening %s: %w", path, err)
	}
	write.SetMaxOpenConns(1)
	if err := write.PingContext(ctx); err != nil {
		write.Close()
		return nil, nil, fmt.Errorf("opening %s: %w", path, err)
	}
	if read, err = openSQLite(dsn + "&_pragma=query_only(ON)"); err != nil {
		write.Close()
		return nil, nil, fmt.Errorf("opening %s: %w", path, err)
	}
	read.SetMaxOpenConns(8)
	return read, write, nil
}

func openSQLite(dsn string) (*sql.DB, error) {
	d, err := sql.Open("sqlite", dsn)
	if err != nil || Wrap == nil {
		return d, err
	}
	return sql.OpenDB(Wrap(SQLite, source{d.Driver(), dsn})), nil
}

// source is a driver.Connector for a driver that has none.
type source struct {
	driver driver.Driver
	dsn    string
}

func (s source) Connect(context.Context) (driver.Conn, error) { return s.driver.Open(s.dsn) }
func (s source) Driver() driver.Driver                        { return s.driver }

// alone: the transaction began IMMEDIATE and holds SQLite's one write lock.
func (sqliteEngine) alone(*sql.Tx) error { return nil }

func (sqliteEngine) types(step string) string { return step }

func sqliteFull(err error) bool {
	return sqliteCode(err) == sqlite3.SQLITE_FULL || sqliteCode(err) == sqlite3.SQLITE_IOERR_SHMSIZE
}

func sqliteDuplicate(err error) bool {
	return sqliteCode(err) == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY || sqliteCode(err) == sqlite3.SQLITE_CONSTRAINT_UNIQUE
}

func sqliteCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return sqlite3.SQLITE_OK
}

// scrub moves the write-ahead log into the database and empties it, whatever
// the table.
func (sqliteEngine) scrub(ctx context.Context, write *sql.DB, _ ...string) error {
	var busy, frames, moved int
	err := write.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &frames, &moved)
	if err != nil {
		return fmt.Errorf("emptying the write-ahead log: %w", err)
	}
	if busy != 0 {
		return errors.New("emptying the write-ahead log: a reader holds it")
	}
	return nil
}

func (sqliteEngine) copyTo(ctx context.Context, write *sql.DB, path string) error {
	if _, err := write.ExecContext(ctx, `VACUUM INTO ?`, path); err != nil {
		return fmt.Errorf("copying the database: %w", err)
	}
	return nil
}
