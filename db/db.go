// Package db is the handle on the exchange's records: opening, migrations, and
// the one way to write. It knows nothing of what is stored; each domain keeps
// its own tables and SQL.
//
// Two engines stand behind it. SQLite, one file, is the default; PostgreSQL
// lets several programs (nodes) share the records. On both, what Write returned
// for is on the disk, writes follow each other one at a time, and a read sees
// all of them. What differs is in sqlite.go and postgres.go.
//
// SQL is written once, for both:
//
//   - placeholders are ?, or ?1, ?2 where one is used twice
//   - tables are made with the types TEXT (compared byte by byte), INTEGER (64
//     bits; also truth, as 0 and 1, and times, as microseconds) and BLOB
//   - truth is asked for by number: WHERE dead = 0, not WHERE NOT dead; a bool
//     given as an argument arrives as 0 or 1
//   - bytes come as arguments, never as literals
//   - no INSERT OR ...: ON CONFLICT says the same to both
package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
)

// Dialect names an engine, for the little that cannot be said to both.
type Dialect string

const (
	SQLite     Dialect = "sqlite"
	PostgreSQL Dialect = "postgres"
)

// DB is one database. Safe for concurrent use.
type DB struct {
	engine
	locks
	source string
	read   *sql.DB
	write  *sql.DB // one connection, used by the writer goroutine only
	jobs   chan job
	closed chan struct{} // closed by Close: no more jobs are taken
	done   chan struct{} // closed by the writer when it has ended
	once   sync.Once     // Close
}

// engine is what differs.
type engine interface {
	Dialect() Dialect
	// connect opens the two sides.
	connect(ctx context.Context, source string) (read, write *sql.DB, err error)
	// alone makes tx the only write until it ends.
	alone(tx *sql.Tx) error
	// types writes the column types of a migration step in the engine's words.
	types(step string) string
	scrub(ctx context.Context, write *sql.DB, tables ...string) error
	copyTo(ctx context.Context, write *sql.DB, path string) error
}

type job struct {
	ctx    context.Context
	fn     func(*sql.Tx) error
	result chan error
}

// ErrClosed is returned by Write after Close.
var ErrClosed = errors.New("db: closed")

// maxBatch bounds how many writes share one commit.
const maxBatch = 256

// Wrap, when a test sets it before Open, stands between every connection and
// the domains' SQL. See internal/dbtest.
var Wrap func(Dialect, driver.Connector) driver.Connector

// Open opens a database: PostgreSQL 15 or newer when source is a URL
// (postgres://user@host/database, as libpq reads it), otherwise the SQLite file
// of that path, which is created if absent.
func Open(ctx context.Context, source string) (*DB, error) {
	var e engine = sqliteEngine{}
	if IsPostgreSQL(source) {
		e = postgresEngine{}
	}
	read, write, err := e.connect(ctx, source)
	if err != nil {
		return nil, err
	}
	d := &DB{
		engine: e, source: source, read: read, write: write,
		jobs: make(chan job), closed: make(chan struct{}), done: make(chan struct{}),
	}
	go d.writer()
	return d, nil
}

// IsPostgreSQL reports whether source, as given to Open, is a PostgreSQL URL.
func IsPostgreSQL(source string) bool {
	return strings.HasPrefix(source, "postgres://") || strings.HasPrefix(source, "postgresql://")
}

// Close waits for writes under way and closes the database.
func (d *DB) Close() error {
	d.once.Do(func() { close(d.closed) })
	<-d.done
	return errors.Join(d.read.Close(), d.write.Close())
}

// Read is the read side: queries see everything that Write returned for.
// Writing through it fails.
func (d *DB) Read() *sql.DB { return d.read }

// Write runs fn in a transaction and returns when it is durable. Writes that
// wait together share one commit, each inside its own savepoint: an error of fn
// undoes fn's work alone and is returned as it is. fn must use only tx (a Write
// inside fn would wait for itself) and must not keep it, nor read on from rows
// while it asks something else; after an error of a statement it must return.
// When the disk has no room the error is also syscall.ENOSPC. With PostgreSQL
// writes of all nodes follow each other; an error that comes from a lost
// connection may hide that the write was made, as with any server.
func (d *DB) Write(ctx context.Context, fn func(tx *sql.Tx) error) error {
	j := job{ctx: ctx, fn: fn, result: make(chan error, 1)}
	select {
	case d.jobs <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-d.closed:
		return ErrClosed
	}
	err := <-j.result // once taken a write is answered, whatever ctx says
	if sqliteFull(err) || sqlState(err) == diskFull {
		err = fmt.Errorf("%w: %w", syscall.ENOSPC, err)
	}
	return err
}

// Duplicate reports whether err is of a statement that would have broken a
// PRIMARY KEY or UNIQUE.
func Duplicate(err error) bool { return sqliteDuplicate(err) || sqlState(err) == uniqueViolation }

func (d *DB) writer() {
	defer close(d.done)
	for {
		select {
		case j := <-d.jobs:
			d.batch(j)
		case <-d.closed:
			return
		}
	}
}

// batch commits first and whatever else is waiting in one transaction.
func (d *DB) batch(first job) {
	tx, err := d.write.Begin()
	if err == nil {
		if err = d.alone(tx); err != nil {
			tx.Rollback()
		}
	}
	if err != nil {
		first.result <- fmt.Errorf("beginning a write: %w", err)
		return
	}
	var ok []job
	for j, more := first, true; more; {
		if err := run(tx, j); err != nil {
			j.result <- err
		} else {
			ok = append(ok, j)
		}
		if len(ok) == maxBatch {
			break
		}
		select {
		case j = <-d.jobs:
		default:
			more = false
		}
	}
	if err = tx.Commit(); err != nil {
		tx.Rollback()
		err = fmt.Errorf("committing: %w", err)
	}
	for _, j := range ok {
		j.result <- err
	}
}

func run(tx *sql.Tx, j job) (err error) {
	if err := j.ctx.Err(); err != nil {
		return err
	}
	if _, err := tx.Exec("SAVEPOINT job"); err != nil {
		return fmt.Errorf("savepoint: %w", err)
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("write panicked: %v\n%s", p, debug.Stack())
		}
		if err != nil {
			if _, e := tx.Exec("ROLLBACK TO job"); e != nil {
				err = errors.Join(err, e)
			}
		}
		if _, e := tx.Exec("RELEASE job"); e != nil {
			err = errors.Join(err, e)
		}
	}()
	return j.fn(tx)
}

// Migrate brings the tables of one domain to their newest version. steps are
// SQL scripts, applied once each in order, also when several nodes start
// together, and never edited once released.
func (d *DB) Migrate(ctx context.Context, domain string, steps []string) error {
	err := d.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(d.types(`CREATE TABLE IF NOT EXISTS schema_versions (
			domain TEXT PRIMARY KEY, version INTEGER NOT NULL)`)); err != nil {
			return err
		}
		var have int
		err := tx.QueryRow(`SELECT version FROM schema_versions WHERE domain = ?`, domain).Scan(&have)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if have > len(steps) {
			return fmt.Errorf("tables are at version %d, this program knows %d: use a newer porchlight", have, len(steps))
		}
		for i := have; i < len(steps); i++ {
			if _, err := tx.Exec(d.types(steps[i])); err != nil {
				return fmt.Errorf("step %d: %w", i+1, err)
			}
		}
		_, err = tx.Exec(`INSERT INTO schema_versions (domain, version) VALUES (?, ?)
			ON CONFLICT (domain) DO UPDATE SET version = excluded.version`, domain, len(steps))
		return err
	})
	if err != nil {
		return fmt.Errorf("migrating %s: %w", domain, err)
	}
	return nil
}

// Scrub sees to it that rows deleted before from these tables are gone as far as
// the engine can: with SQLite from its files, with PostgreSQL from what can be
// queried. When somebody still reads them it returns an error; the caller tries
// again later.
func (d *DB) Scrub(ctx context.Context, tables ...string) error {
	return d.scrub(ctx, d.write, tables...)
}

// CopyTo writes a consistent copy of the database to a new file while it is in
// use. PostgreSQL has its own ways; there it returns an error that says so.
func (d *DB) CopyTo(ctx context.Context, path string) error { return d.copyTo(ctx, d.write, path) }
