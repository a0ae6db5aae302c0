package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func open(t testing.TB) *DB {
	t.Helper()
	d, err := Open(t.Context(), filepath.Join(t.TempDir(), "a b?c.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	if err := d.Migrate(t.Context(), "test", []string{`CREATE TABLE t (k TEXT PRIMARY KEY, v TEXT NOT NULL)`}); err != nil {
		t.Fatal(err)
	}
	return d
}

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

func TestWritesThatWaitTogetherFailAlone(t *testing.T) {
	d := open(t)
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

func TestWriteRefusesCancelledAndClosed(t *testing.T) {
	d := open(t)
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
	d2, err := Open(t.Context(), filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	d2.Close()
	if err := d2.Write(t.Context(), insert("a")); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestMigrateOnceAndRefusesNewerTables(t *testing.T) {
	d := open(t)
	two := []string{`CREATE TABLE t (k TEXT PRIMARY KEY, v TEXT NOT NULL)`, `ALTER TABLE t ADD COLUMN w TEXT`}
	for range 2 {
		if err := d.Migrate(t.Context(), "test", two); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Migrate(t.Context(), "test", two[:1]); err == nil || !strings.Contains(err.Error(), "newer porchlight") {
		t.Errorf("older program: %v", err)
	}
}

func TestScrubLeavesNoDeletedBytes(t *testing.T) {
	d := open(t)
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
	files, _ := filepath.Glob(d.path + "*")
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
	d := open(t)
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
	d := open(b)
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
