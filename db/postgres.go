package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgresEngine is PostgreSQL 15 or newer, one database per exchange.
// Connections are made anew when the server comes back after a restart.
type postgresEngine struct{}

func (postgresEngine) Dialect() Dialect { return PostgreSQL }

// Parameters of our sessions. A node that falls silent inside a transaction
// must not keep the others from writing for long.
var (
	writing = map[string]string{"lock_timeout": "10s", "idle_in_transaction_session_timeout": "10s"}
	reading = map[string]string{"default_transaction_read_only": "on"}
)

func (postgresEngine) connect(ctx context.Context, url string) (read, write *sql.DB, err error) {
	if write, err = openPostgres(url, writing); err != nil {
		return nil, nil, err
	}
	write.SetMaxOpenConns(1)
	if err := fit(ctx, write); err != nil {
		write.Close()
		return nil, nil, fmt.Errorf("opening the PostgreSQL database: %w", err)
	}
	if read, err = openPostgres(url, reading); err != nil {
		write.Close()
		return nil, nil, err
	}
	read.SetMaxOpenConns(16)
	read.SetMaxIdleConns(16)
	return read, write, nil
}

func openPostgres(url string, parameters map[string]string) (*sql.DB, error) {
	c, err := pgConfig(url, parameters)
	if err != nil {
		return nil, err
	}
	var connector driver.Connector = numbering{stdlib.GetConnector(*c)}
	if Wrap != nil {
		connector = Wrap(PostgreSQL, connector)
	}
	return sql.OpenDB(connector), nil
}

// pgConfig reads a URL. The errors of pgx leave its password out.
func pgConfig(url string, parameters map[string]string) (*pgx.ConnConfig, error) {
	c, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("the PostgreSQL URL: %w", err)
	}
	c.RuntimeParams["application_name"] = "porchlight"
	for k, v := range parameters {
		c.RuntimeParams[k] = v
	}
	return c, nil
}

// fit refuses a server on which the promises of this package would not hold.
func fit(ctx context.Context, d *sql.DB) error {
	var version int
	var encoding, commit string
	err := d.QueryRowContext(ctx, `SELECT current_setting('server_version_num')::int,
		current_setting('server_encoding'), current_setting('synchronous_commit')`).Scan(&version, &encoding, &commit)
	switch {
	case err != nil:
		return err
	case version < 150000:
		return fmt.Errorf("the server is version %d, 15 or newer is needed", version/10000)
	case encoding != "UTF8":
		return fmt.Errorf("its encoding is %s: create it with ENCODING 'UTF8'", encoding)
	case commit == "off":
		return errors.New("synchronous_commit is off, so that a crash would lose what was acknowledged: set it to on")
	}
	return nil
}

// alone takes the lock that every write of every node takes first and keeps
// until its transaction ends: there is one writer, as in SQLite. Each statement
// after it sees all that was committed before (READ COMMITTED, the default).
func (postgresEngine) alone(tx *sql.Tx) error {
	_, err := tx.Exec(`SELECT pg_advisory_xact_lock(?)`, lockID("write"))
	return err
}

// types are those of PostgreSQL that hold what SQLite's hold. Text compares byte
// by byte, whatever the database's collation.
func (postgresEngine) types(step string) string {
	return columnType.ReplaceAllStringFunc(step, func(t string) string {
		switch t {
		case "INTEGER":
			return "BIGINT"
		case "BLOB":
			return "BYTEA"
		case "TEXT":
			return `TEXT COLLATE "C"`
		case "x''":
			return "''"
		}
		return "" // WITHOUT ROWID
	})
}

var columnType = regexp.MustCompile(`\b(INTEGER|BLOB|TEXT|WITHOUT ROWID)\b|\bx''`)

// SQLSTATE codes, PostgreSQL's appendix A.
const (
	diskFull        = "53100"
	uniqueViolation = "23505"
)

// sqlState is the code of an error of PostgreSQL, "" of any other.
func sqlState(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// scrub: after VACUUM no query reaches a deleted row any more, and its place in
// the file is free to be written over. When it is, and when the write-ahead log
// and backups forget it, is the server's affair: see docs/operating.md.
func (postgresEngine) scrub(ctx context.Context, write *sql.DB, tables ...string) error {
	for _, t := range tables {
		if _, err := write.ExecContext(ctx, `VACUUM `+pgx.Identifier{t}.Sanitize()); err != nil {
			return fmt.Errorf("vacuuming %s: %w", t, err)
		}
	}
	return nil
}

func (postgresEngine) copyTo(context.Context, *sql.DB, string) error {
	return errors.New("the records are in PostgreSQL: back them up with pg_dump or pg_basebackup, see docs/operating.md")
}

// numbering is pgx with our placeholders and arguments.
type numbering struct{ driver.Connector }

func (n numbering) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := n.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return numbered{c.(*stdlib.Conn)}, nil
}

type numbered struct{ *stdlib.Conn }

func (c numbered) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.Conn.ExecContext(ctx, number(query), args)
}

func (c numbered) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.Conn.QueryContext(ctx, number(query), args)
}

func (c numbered) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	return c.Conn.PrepareContext(ctx, number(query))
}

// CheckNamedValue makes arguments what SQLite's driver makes them, and of a
// bool a number.
func (c numbered) CheckNamedValue(v *driver.NamedValue) (err error) {
	if v.Value, err = driver.DefaultParameterConverter.ConvertValue(v.Value); err != nil {
		return err
	}
	if b, ok := v.Value.(bool); ok {
		v.Value = int64(0)
		if b {
			v.Value = int64(1)
		}
	}
	return nil
}

// placeholder is ? or ?1; and what must be passed over: a literal, a name in
// quotes, a comment.
var placeholder = regexp.MustCompile(`'[^']*'|"[^"]*"|--[^\n]*|\?[0-9]*`)

// number writes our placeholders as PostgreSQL's: ? as $1, $2 ..., ?2 as $2.
func number(query string) string {
	n := 0
	return placeholder.ReplaceAllStringFunc(query, func(s string) string {
		switch {
		case s == "?":
			n++
			return "$" + strconv.Itoa(n)
		case s[0] == '?':
			return "$" + s[1:]
		}
		return s
	})
}
