package reads

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// conn is one SQLite connection, used by one goroutine at a time. It goes to the
// driver straight: package database/sql would take as long as the lookups do.
type conn struct {
	file   *file
	write  bool
	c      driver.Conn
	stmts  map[string]driver.Stmt
	values []driver.Value
}

// dial opens the database at path; mode is one of rw and rwc.
func dial(path, mode string, write bool) (*conn, error) {
	q := url.Values{"mode": {mode}, "_pragma": {
		"busy_timeout(10000)", "synchronous(FULL)", "secure_delete(ON)", "temp_store(MEMORY)",
		"wal_autocheckpoint(8192)", "mmap_size(0)", "cache_size(-1024)",
	}}
	if write {
		q.Add("_pragma", "cache_size(-32768)")
	}
	c, err := new(sqlite.Driver).Open("file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode())
	if err != nil {
		return nil, full(err)
	}
	return &conn{write: write, c: c, stmts: map[string]driver.Stmt{}}, nil
}

// full makes SQLite's words for a full disk known as syscall.ENOSPC.
func full(err error) error {
	if code := codeOf(err); code&0xff == sqlite3.SQLITE_FULL || code == sqlite3.SQLITE_IOERR_SHMSIZE {
		return fmt.Errorf("%w: %w", syscall.ENOSPC, err)
	}
	return err
}

// codeOf is SQLite's extended result code, 0 for other errors.
func codeOf(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

func (c *conn) close() error {
	var errs error
	for _, s := range c.stmts {
		errs = errors.Join(errs, s.Close())
	}
	return errors.Join(errs, c.c.Close())
}

func (c *conn) prepared(sql string) (driver.Stmt, error) {
	s := c.stmts[sql]
	if s == nil {
		var err error
		if s, err = c.c.Prepare(sql); err != nil {
			return nil, err
		}
		c.stmts[sql] = s
	}
	return s, nil
}

func named(args []driver.Value) []driver.NamedValue {
	out := make([]driver.NamedValue, len(args))
	for i, a := range args {
		out[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	return out
}

func (c *conn) exec(sql string, args ...driver.Value) error {
	s, err := c.prepared(sql)
	if err == nil {
		_, err = s.(driver.StmtExecContext).ExecContext(context.Background(), named(args))
	}
	return full(err)
}

// query hands each row to do, which must not keep the slice.
func (c *conn) query(sql string, args []driver.Value, do func([]driver.Value) error) (err error) {
	s, err := c.prepared(sql)
	if err != nil {
		return full(err)
	}
	rows, err := s.(driver.StmtQueryContext).QueryContext(context.Background(), named(args))
	if err != nil {
		return full(err)
	}
	defer func() {
		if e := rows.Close(); err == nil {
			err = full(e)
		}
	}()
	if n := len(rows.Columns()); len(c.values) < n {
		c.values = make([]driver.Value, n)
	}
	values := c.values[:len(rows.Columns())]
	for {
		switch err := rows.Next(values); {
		case err == io.EOF:
			return nil
		case err != nil:
			return full(err)
		}
		if err := do(values); err != nil {
			return err
		}
	}
}

// tx runs fn in a transaction.
func (c *conn) tx(fn func() error) error {
	if err := c.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := fn()
	if err == nil {
		err = c.exec("COMMIT")
	}
	if err != nil {
		c.exec("ROLLBACK") // SQLite may have rolled back by itself
	}
	return err
}
