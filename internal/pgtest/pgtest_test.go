package pgtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// query runs statements and then one that answers.
func query(t *testing.T, dsn, first, q string) string {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if _, err := c.Exec(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	var s string
	if err := c.QueryRow(t.Context(), q).Scan(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEachTestHasItsOwnDatabase(t *testing.T) {
	a, b := DSN(t), DSN(t)
	query(t, a, `CREATE TABLE t ()`, `SELECT 'made'`)
	if n := query(t, b, ``, `SELECT count(*)::text FROM pg_class WHERE relname = 't'`); n != "0" {
		t.Error("two databases are one")
	}
}

func TestServerComesBackWithWhatItHeld(t *testing.T) {
	s := Start(t)
	dsn := s.DSN(t)
	if v := query(t, dsn, ``, `SHOW fsync`); v != "on" {
		t.Errorf("fsync %s", v)
	}
	query(t, dsn, `CREATE TABLE t (v text)`, `INSERT INTO t VALUES ('kept') RETURNING v`)
	s.Restart(t)
	s.Kill(t)
	s.Start(t)
	if v := query(t, dsn, ``, `SELECT v FROM t`); v != "kept" {
		t.Errorf("%q", v)
	}
}

// TestNothingIsLeftBehind runs this binary once more, which kills itself.
func TestNothingIsLeftBehind(t *testing.T) {
	const mark = "PGTEST_DIE"
	if file := os.Getenv(mark); file != "" {
		s := Start(t)
		if err := os.WriteFile(file, []byte(s.dir), 0o600); err != nil {
			t.Fatal(err)
		}
		p, _ := os.FindProcess(os.Getpid())
		p.Kill()
		select {}
	}
	programs(t)
	file := filepath.Join(t.TempDir(), "dir")
	c := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	c.Env = append(os.Environ(), mark+"="+file)
	if out, err := c.CombinedOutput(); err == nil {
		t.Fatalf("it did not die: %s", out)
	}
	dir, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for end, tick := time.After(time.Minute), time.Tick(10*time.Millisecond); ; {
		if _, err := os.Stat(string(dir)); os.IsNotExist(err) {
			return
		}
		select {
		case <-tick:
		case <-end:
			t.Fatalf("%s is still there", dir)
		}
	}
}
