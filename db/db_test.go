package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"porchlight/internal/pgtest"
)

// both runs a test on both engines, each time with empty databases to open.
func both(t *testing.T, test func(t *testing.T, source func(testing.TB) string)) {
	t.Run("sqlite", func(t *testing.T) {
		test(t, func(t testing.TB) string { return filepath.Join(t.TempDir(), "a b?c.db") })
	})
	t.Run("postgres", func(t *testing.T) { test(t, pgtest.DSN) })
}

func open(t testing.TB, source string) *DB {
	t.Helper()
	d, err := Open(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	if err := d.Migrate(t.Context(), "test", tables); err != nil {
		t.Fatal(err)
	}
	return d
}

var tables = []string{`CREATE TABLE t (k TEXT PRIMARY KEY, v TEXT NOT NULL)`, `
CREATE TABLE kinds ( -- every type, 'quoted? "so"'
	i INTEGER PRIMARY KEY, yes INTEGER NOT NULL, b BLOB NOT NULL DEFAULT x'', s TEXT UNIQUE
) WITHOUT ROWID;
CREATE INDEX kinds_s ON kinds (s);
`}

func count(t testing.TB, d *DB) (n int) {
	t.Helper()
	if err := d.Read().QueryRow(`SELECT count(*) FROM t`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func insert(k string) func(*sql.Tx) error {
	return func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO t VALUES (?, 'x')`, k)
		return err
	}
}

func TestWritesThatWaitTogetherFailAlone(t *testing.T) { both(t, testWritesThatWaitTogetherFailAlone) }

func testWritesThatWaitTogetherFailAlone(t *testing.T, source func(testing.TB) string) {
	d := open(t, source(t))
	own := errors.New("mine")
	var wg sync.WaitGroup
	for i := range 300 {
		wg.Go(func() {
			err := d.Write(t.Context(), func(tx *sql.Tx) error {
				if err := insert(fmt.Sprint(i))(tx); err != nil {
					return err
				}
				switch i % 3 {
				case 1:
					if i%2 == 1 { // an error of the engine, too, is undone alone
						insert(fmt.Sprint(i))(tx)
					}
					return own
				case 2:
					panic("oops")
				}
				return nil
			})
			if i%3 == 0 && err != nil || i%3 == 1 && err != own || i%3 == 2 && (err == nil || !strings.Contains(err.Error(), "oops")) {
				t.Errorf("write %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if n := count(t, d); n != 100 {
		t.Errorf("%d rows, want the 100 of the writes that succeeded", n)
	}
}

func TestWriteRefusesCancelledAndClosed(t *testing.T) { both(t, testWriteRefusesCancelledAndClosed) }

func testWriteRefusesCancelledAndClosed(t *testing.T, source func(testing.TB) string) {
	d := open(t, source(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Write(ctx, insert("a")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := d.Read().Exec(`INSERT INTO t VALUES ('b', 'x')`); err == nil {
		t.Error("the read side wrote")
	}
	if n := count(t, d); n != 0 {
		t.Errorf("%d rows", n)
	}
	d2, err := Open(t.Context(), source(t))
	if err != nil {
		t.Fatal(err)
	}
	d2.Close()
	if err := d2.Write(t.Context(), insert("a")); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestMigrateOnceAndRefusesNewerTables(t *testing.T) { both(t, testMigrate) }

func testMigrate(t *testing.T, source func(testing.TB) string) {
	at := source(t)
	d := open(t, at)
	more := append(slices.Clone(tables), `ALTER TABLE t ADD COLUMN w TEXT`)
	for range 2 {
		if err := d.Migrate(t.Context(), "test", more); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Migrate(t.Context(), "test", tables); err == nil || !strings.Contains(err.Error(), "newer porchlight") {
		t.Errorf("older program: %v", err)
	}
}

// Two programs over one database, as two nodes or as a server and a command.
func TestSeveralPrograms(t *testing.T) { both(t, testSeveralPrograms) }

func testSeveralPrograms(t *testing.T, source func(testing.TB) string) {
	at := source(t)
	nodes := make([]*DB, 3)
	var wg sync.WaitGroup
	for i := range nodes {
		wg.Go(func() { nodes[i] = open(t, at) }) // they migrate together
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	add := func(tx *sql.Tx) error { // correct only when writes follow each other
		var n int
		if err := tx.QueryRow(`SELECT count(*) FROM t`).Scan(&n); err != nil {
			return err
		}
		return insert(fmt.Sprint(n))(tx)
	}
	const each = 50
	for i, d := range nodes {
		for range 4 {
			wg.Go(func() {
				for range each / 4 {
					if err := d.Write(t.Context(), add); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Go(func() { // what one has written all can read
			k := fmt.Sprintf("by node %d", i)
			if err := d.Write(t.Context(), func(tx *sql.Tx) error {
				_, err := tx.Exec(`INSERT INTO kinds (i, yes, s) VALUES (?, ?, ?)`, i, true, k)
				return err
			}); err != nil {
				t.Error(err)
			}
			for _, other := range nodes {
				var got string
				if err := other.Read().QueryRow(`SELECT s FROM kinds WHERE i = ?`, i).Scan(&got); err != nil || got != k {
					t.Errorf("%q, %v", got, err)
				}
			}
		})
	}
	wg.Wait()
	if n := count(t, nodes[0]); n != 3*4*(each/4) {
		t.Errorf("%d rows of %d", n, 3*4*(each/4))
	}
}

func TestValuesComeBackAsTheyWent(t *testing.T) { both(t, testValues) }

func testValues(t *testing.T, source func(testing.TB) string) {
	type name string
	d := open(t, source(t))
	for i, s := range []name{"b", "A", "a_b", "aa", "É?"} {
		err := d.Write(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.Exec(`INSERT INTO kinds (i, yes, b, s) VALUES (?1, ?3, ?2, ?4) -- '?'
				ON CONFLICT DO NOTHING`, int64(math.MaxInt64)-int64(i), []byte{0, 0xff, byte(i)}, i%2 == 0, s)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	rows, err := d.Read().Query(`SELECT i, yes, b, s, '?' FROM kinds WHERE s <> '?''' AND (? = 1 OR yes = 0) ORDER BY s`, true)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got []string
	for rows.Next() {
		var i int64
		var yes bool
		var b []byte
		var s name
		var q string
		if err := rows.Scan(&i, &yes, &b, &s, &q); err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%d %v %v %s %s", math.MaxInt64-i, yes, b, s, q))
	}
	want := []string{"1 false [0 255 1] A ?", "2 true [0 255 2] a_b ?", "3 false [0 255 3] aa ?", "0 true [0 255 0] b ?", "4 true [0 255 4] É? ?"}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	var empty []byte
	err = d.Write(t.Context(), func(tx *sql.Tx) error {
		if _, err := tx.Exec(`INSERT INTO kinds (i, yes) VALUES (0, 0)`); err != nil {
			return err
		}
		return tx.QueryRow(`SELECT b FROM kinds WHERE i = 0`).Scan(&empty)
	})
	if err != nil || len(empty) != 0 {
		t.Errorf("default bytes %x, %v", empty, err)
	}
	for _, q := range []string{`INSERT INTO kinds (i, yes) VALUES (0, 0)`, `INSERT INTO kinds (i, yes, s) VALUES (9, 0, 'aa')`} {
		if err := d.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(q); return err }); !Duplicate(err) {
			t.Errorf("%s: %v", q, err)
		}
	}
	if err := d.Write(t.Context(), insert("a")); err != nil || Duplicate(err) {
		t.Error(err)
	}
}

func TestScrubLeavesNoDeletedBytes(t *testing.T) { // SQLite's promise; PostgreSQL's is below
	d := open(t, filepath.Join(t.TempDir(), "s.db"))
	const secret = "c3VwZXIgc2VjcmV0IGhlYWRlcg"
	steps := []func(*sql.Tx) error{
		func(tx *sql.Tx) error { _, err := tx.Exec(`INSERT INTO t VALUES ('k', ?)`, secret); return err },
		func(tx *sql.Tx) error { _, err := tx.Exec(`DELETE FROM t WHERE k = 'k'`); return err },
	}
	for _, s := range steps {
		if err := d.Write(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(d.source + "*")
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), secret) {
			t.Errorf("%s still holds the deleted value", filepath.Base(f))
		}
	}
}

func TestCopyToIsConsistentWhileWriting(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "c.db"))
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			d.Write(ctx, insert(fmt.Sprint(i)))
		}
	})
	for count(t, d) < 10 {
	}
	path := filepath.Join(t.TempDir(), "copy.db")
	err := d.CopyTo(t.Context(), path)
	cancel()
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
	c, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var ok string
	if err := c.Read().QueryRow(`PRAGMA integrity_check`).Scan(&ok); err != nil || ok != "ok" {
		t.Errorf("copy: %s, %v", ok, err)
	}
	if n := count(t, c); n < 10 {
		t.Errorf("copy holds %d rows", n)
	}
}

func BenchmarkWrite(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchmarkWrite(b, filepath.Join(b.TempDir(), "b.db")) })
	b.Run("postgres", func(b *testing.B) { benchmarkWrite(b, pgtest.Start(b).DSN(b)) })
}

func benchmarkWrite(b *testing.B, source string) {
	d := open(b, source)
	n := make(chan int, 1)
	n <- 0
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := <-n
			n <- i + 1
			if err := d.Write(context.Background(), insert(fmt.Sprint(i))); err != nil {
				b.Fatal(err)
			}
		}
	})
}
