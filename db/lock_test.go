package db

import (
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"porchlight/internal/pgtest"
)

func TestOneHolds(t *testing.T) { both(t, testOneHolds) }

func testOneHolds(t *testing.T, source func(testing.TB) string) {
	at := source(t)
	nodes := []*DB{open(t, at), open(t, at)}
	if nodes[0].Dialect() == SQLite {
		nodes[1] = nodes[0] // one program
	}
	h, err := nodes[0].TryLock(t.Context(), "a")
	if err != nil || !h.Valid() {
		t.Fatal(err)
	}
	for _, d := range nodes {
		if _, err := d.TryLock(t.Context(), "a"); !errors.Is(err, ErrHeld) {
			t.Errorf("held twice: %v", err)
		}
		other, err := d.TryLock(t.Context(), "b")
		if err != nil {
			t.Fatal(err)
		}
		other.Release()
	}
	h.Release()
	h.Release() // once more is no error
	if h, err = nodes[1].TryLock(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	h.Release()
}

// testHoldIsLost is run by TestServerRestartsInTheMiddle.
func testHoldIsLost(t *testing.T, s *pgtest.Server) {
	source := s.DSN(t)
	d, other := open(t, source), open(t, source)
	h, err := d.TryLock(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	s.Restart(t)
	<-h.Lost()
	if h.Valid() {
		t.Error("valid and lost")
	}
	h.Release()
	if _, err := other.TryLock(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if _, err := d.TryLock(t.Context(), "a"); !errors.Is(err, ErrHeld) {
		t.Errorf("the old holder: %v", err)
	}
}

func TestHoldEndsWithTheProgram(t *testing.T) {
	source := pgtest.DSN(t)
	d, other := open(t, source), open(t, source)
	if _, err := d.TryLock(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	d.Close()
	for {
		_, err := other.TryLock(t.Context(), "a")
		if err == nil {
			return
		}
		if !errors.Is(err, ErrHeld) {
			t.Fatal(err)
		}
	}
}

func TestListenersHearWhatCommits(t *testing.T) {
	source := pgtest.DSN(t)
	d, other := open(t, source), open(t, source)
	heard := make(chan string, 10)
	go other.Listen(t.Context(), func(channel, message string) { heard <- channel + " " + message }, "one", "two")
	if got := <-heard; got != " " {
		t.Fatalf("at first %q", got)
	}
	undone := errors.New("undone")
	for message, want := range map[string]error{"a": undone, "b": nil} {
		if err := d.Write(t.Context(), func(tx *sql.Tx) error { return errors.Join(Notify(tx, "two", message), want) }); !errors.Is(err, want) {
			t.Fatal(err)
		}
	}
	select {
	case got := <-heard:
		if got != "two b" {
			t.Errorf("heard %q", got)
		}
	case <-time.After(time.Minute):
		t.Error("nothing heard")
	}
	lone := open(t, filepath.Join(t.TempDir(), "x.db"))
	lone.Listen(t.Context(), func(string, string) {}, "one") // returns
}
