// Package db is the handle on the exchange's records: opening, migrations, and
// the one way to write. It knows nothing of what is stored; each domain keeps
// its own tables and SQL.
//
// The embedded default is SQLite in WAL mode with synchronous=FULL: what Write
// returned for is on the disk.
package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"runtime/debug"
	"sync"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// DB is one database. Safe for concurrent use.
type DB struct {
	path   string
	read   *sql.DB
	write  *sql.DB // one connection, used by the writer goroutine only
	jobs   chan job
	closed chan struct{} // closed by Close: no more jobs are taken
	done   chan struct{} // closed by the writer when it has ended
	once   sync.Once     // Close
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

// Open opens or creates the SQLite database at path. Deleted content is
// overwritten with zeros (secure_delete), see also Scrub.
func Open(ctx context.Context, path string) (*DB, error) {
	q := url.Values{"_pragma": {
		"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)",
		"busy_timeout(10000)", "secure_delete(ON)", "cache_size(-8000)",
	}}
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
	write, err := sql.Open("sqlite", dsn+"&_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	write.SetMaxOpenConns(1)
	if err := write.PingContext(ctx); err != nil {
		write.Close()
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	read, err := sql.Open("sqlite", dsn+"&_pragma=query_only(ON)")
	if err != nil {
		write.Close()
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	read.SetMaxOpenConns(8)
	d := &DB{
		path: path, read: read, write: write,
		jobs: make(chan job), closed: make(chan struct{}), done: make(chan struct{}),
	}
	go d.writer()
	return d, nil
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
// inside fn would wait for itself) and must not keep it. When the disk has no
// room the error is also syscall.ENOSPC.
func (d *DB) Write(ctx context.Context, fn func(tx *sql.Tx) error) error {
	j := job{ctx: ctx, fn: fn, result: make(chan error, 1)}
	select {
	case d.jobs <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-d.closed:
		return ErrClosed
	}
	return full(<-j.result) // once taken a write is answered, whatever ctx says
}

// full makes SQLite's words for a full disk known as syscall.ENOSPC.
func full(err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) && (e.Code() == sqlite3.SQLITE_FULL || e.Code() == sqlite3.SQLITE_IOERR_SHMSIZE) {
		return fmt.Errorf("%w: %w", syscall.ENOSPC, err)
	}
	return err
}

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
// SQL scripts, applied once each in order and never edited once released.
func (d *DB) Migrate(ctx context.Context, domain string, steps []string) error {
	err := d.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`CREATE TABLE IF NOT EXISTS schema_versions (
			domain TEXT PRIMARY KEY, version INTEGER NOT NULL)`); err != nil {
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
			if _, err := tx.Exec(steps[i]); err != nil {
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

// Scrub moves the write-ahead log into the database and empties it, so that
// rows deleted before are gone from both files. It returns an error when a
// reader held the log; the caller tries again later.
func (d *DB) Scrub(ctx context.Context) error {
	var busy, frames, moved int
	err := d.write.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &frames, &moved)
	if err != nil {
		return fmt.Errorf("emptying the write-ahead log: %w", err)
	}
	if busy != 0 {
		return errors.New("emptying the write-ahead log: a reader holds it")
	}
	return nil
}

// CopyTo writes a consistent copy of the database to a new file while it is in use.
func (d *DB) CopyTo(ctx context.Context, path string) error {
	if _, err := d.write.ExecContext(ctx, `VACUUM INTO ?`, path); err != nil {
		return fmt.Errorf("copying the database: %w", err)
	}
	return nil
}
