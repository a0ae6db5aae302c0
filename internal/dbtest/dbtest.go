// Package dbtest runs a package's tests on both engines of package db, and
// sees to it that each statement of that package which ran on SQLite also ran on
// PostgreSQL.
package dbtest

import (
	"context"
	"database/sql/driver"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"porchlight/db"
	"porchlight/internal/pgtest"
)

// Main is a package's TestMain: all its tests run on SQLite, then those that
// match postgres (as of go test -run) on PostgreSQL, where it is installed. It
// fails when a statement of the package ran on SQLite alone; those of others,
// which may run or not as time passes, are their own tests' concern. With -run
// given, those tests run on both and statements are not compared.
func Main(m *testing.M, postgres string) {
	under = strings.TrimSuffix(packageOf(1), "_test")
	flag.Parse()
	all := flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == "" &&
		flag.Lookup("test.list").Value.String() == "" && !testing.Short()
	record()
	code := m.Run()
	if code == 0 && pgtest.Installed() && flag.Lookup("test.fuzz").Value.String() == "" && flag.Lookup("test.bench").Value.String() == "" {
		engine = db.PostgreSQL
		if all {
			flag.Set("test.run", postgres)
		}
		fmt.Println("on PostgreSQL:")
		if code = m.Run(); code == 0 && all {
			code = compare()
		}
	}
	os.Exit(code)
}

var (
	engine = db.SQLite
	under  string // the package under test
)

// packageOf is the import path of the function that many calls above its caller.
func packageOf(up int) string {
	pc, _, _, _ := runtime.Caller(up + 1)
	return importPath(runtime.FuncForPC(pc).Name())
}

// importPath of "porchlight/gate.(*Gate).Do.func1" is "porchlight/gate".
func importPath(function string) string {
	slash := strings.LastIndexByte(function, '/')
	dot := strings.IndexByte(function[slash+1:], '.')
	return function[:slash+1+dot]
}

// mine reports whether the statement under way is written in the package under
// test: whether the nearest of our functions is one of its.
func mine() bool {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		p := importPath(f.Function)
		if strings.HasPrefix(p, "porchlight/") && p != "porchlight/internal/dbtest" {
			return strings.TrimSuffix(p, "_test") == under
		}
		if !more {
			return false
		}
	}
}

// Engine is the one that tests run on now.
func Engine() db.Dialect { return engine }

// Source is a fresh database of the engine under test, for db.Open.
func Source(t testing.TB) string {
	t.Helper()
	if engine == db.PostgreSQL {
		return pgtest.DSN(t)
	}
	return filepath.Join(t.TempDir(), "test.db")
}

// Open opens a fresh database of the engine under test until the test ends.
func Open(t testing.TB) *db.DB {
	t.Helper()
	d, err := db.Open(context.Background(), Source(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

var statements = struct {
	sync.Mutex
	ran map[db.Dialect]map[string]bool
}{ran: map[db.Dialect]map[string]bool{db.SQLite: {}, db.PostgreSQL: {}}}

// record has every statement noted, as the domains wrote it.
func record() {
	db.Wrap = func(d db.Dialect, c driver.Connector) driver.Connector { return recorder{c, d} }
}

// compare says what ran on SQLite alone.
func compare() (code int) {
	statements.Lock()
	defer statements.Unlock()
	seen := 0
	for q := range statements.ran[db.SQLite] {
		switch {
		case statements.ran[db.PostgreSQL][q]:
			seen++
		case !slices.Contains(ddl, strings.ToUpper(first(q))):
			fmt.Printf("ran on SQLite, never on PostgreSQL: %s\n", q)
			code = 1
		}
	}
	fmt.Printf("%d statements ran on both\n", seen)
	return code
}

// ddl begins the steps of migrations, whose types differ.
var ddl = []string{"CREATE", "ALTER", "DROP"}

func first(q string) string {
	if f := strings.Fields(q); len(f) > 0 {
		return f[0]
	}
	return ""
}

type recorder struct {
	driver.Connector
	dialect db.Dialect
}

func (r recorder) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := r.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return recorded{c.(conn), r.dialect}, nil
}

// conn is what both drivers can do.
type conn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
}

type recorded struct {
	conn
	dialect db.Dialect
}

func (c recorded) note(query string) {
	if !mine() {
		return
	}
	statements.Lock()
	defer statements.Unlock()
	statements.ran[c.dialect][strings.Join(strings.Fields(query), " ")] = true
}

func (c recorded) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.note(query)
	return c.conn.ExecContext(ctx, query, args)
}

func (c recorded) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.note(query)
	return c.conn.QueryContext(ctx, query, args)
}

func (c recorded) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	c.note(query)
	return c.conn.PrepareContext(ctx, query)
}

func (c recorded) CheckNamedValue(v *driver.NamedValue) error {
	if k, ok := c.conn.(driver.NamedValueChecker); ok {
		return k.CheckNamedValue(v)
	}
	return driver.ErrSkip
}
