package db

import (
	"database/sql"
	"errors"
	"strings"
	"syscall"
	"testing"

	"porchlight/internal/pgtest"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestServerRestartsInTheMiddle(t *testing.T) {
	s := pgtest.Start(t, "fsync=off")
	testHoldIsLost(t, s)
	source := s.DSN(t)
	d := open(t, source)
	count(t, d)
	for _, again := range []func(testing.TB){s.Restart, func(t testing.TB) { s.Kill(t); s.Start(t) }} {
		// In the middle of a write: what it did is undone, and said.
		err := d.Write(t.Context(), func(tx *sql.Tx) error {
			if err := insert("cut")(tx); err != nil {
				return err
			}
			again(t)
			return nil
		})
		if err == nil {
			t.Error("a write that was cut off was acknowledged")
		}
		for i := range 3 { // the retry survives, at the latest the second
			if err = d.Write(t.Context(), insert("cut")); err == nil {
				break
			}
			t.Logf("retry %d: %v", i+1, err)
		}
		if err != nil {
			t.Fatal(err)
		}
		if n := count(t, d); n != 1 {
			t.Errorf("%d rows", n)
		}
		if err := d.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(`DELETE FROM t`); return err }); err != nil {
			t.Fatal(err)
		}
	}
	s.Stop(t)
	if err := d.Write(t.Context(), insert("a")); err == nil {
		t.Error("written to no server")
	}
	if _, err := Open(t.Context(), source); err == nil {
		t.Error("opened no server")
	}
	s.Start(t)
	if err := d.Write(t.Context(), insert("a")); err != nil {
		t.Error(err)
	}
}

func TestRefusesServersThatLose(t *testing.T) {
	source := pgtest.DSN(t)
	d := open(t, source)
	if err := d.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), source); err == nil || !strings.Contains(err.Error(), "set it to on") {
		t.Errorf("opened: %v", err)
	}
	if _, err := Open(t.Context(), "postgres://u:hunter2@h:99999/x"); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the password is in %v", err)
	}
}

func TestPostgreSQLFull(t *testing.T) {
	d := open(t, pgtest.DSN(t))
	err := d.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec(`DO $$ BEGIN RAISE disk_full; END $$`) // as the server says it
		return err
	})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v", err)
	}
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		t.Errorf("the server's words are lost: %v", err)
	}
}

func TestPostgreSQLScrubAndCopy(t *testing.T) {
	d := open(t, pgtest.DSN(t))
	if err := d.Write(t.Context(), insert("secret")); err != nil {
		t.Fatal(err)
	}
	if err := d.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(`DELETE FROM t`); return err }); err != nil {
		t.Fatal(err)
	}
	if err := d.Scrub(t.Context(), "t"); err != nil {
		t.Fatal(err)
	}
	var bytes int // VACUUM gives the pages of deleted rows back
	if err := d.Read().QueryRow(`SELECT pg_relation_size('t')`).Scan(&bytes); err != nil || bytes != 0 {
		t.Errorf("%d bytes, %v", bytes, err)
	}
	if err := d.CopyTo(t.Context(), t.TempDir()+"/x"); err == nil || !strings.Contains(err.Error(), "pg_dump") {
		t.Errorf("copied: %v", err)
	}
}

func TestNumber(t *testing.T) {
	for in, want := range map[string]string{
		`SELECT ?, ? WHERE a = '?' AND b = ?`: `SELECT $1, $2 WHERE a = '?' AND b = $3`,
		`?2 ?1 "?" -- ?` + "\n?3":             `$2 $1 "?" -- ?` + "\n$3",
		`'it''s ?' ?`:                         `'it''s ?' $1`,
	} {
		if got := number(in); got != want {
			t.Errorf("%s became %s", in, got)
		}
	}
}
