package reads

import (
	"database/sql/driver"
	"strings"
	"testing"
	"time"
)

// onSQLite opens stores in one directory.
func onSQLite(t *testing.T) opener {
	dir := t.TempDir()
	return func(t *testing.T, o Options) *Store {
		t.Helper()
		o.Dir = dir
		if o.Now == nil {
			o.Now = func() time.Time { return now }
		}
		s, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
}

func TestSQLite(t *testing.T) {
	t.Parallel()
	conformance(t, onSQLite)
}

// TestPack: a day that is done, and no other, gives whole rows by plate from one
// index; it is packed once.
func TestPack(t *testing.T) {
	t.Parallel()
	open := onSQLite(t)
	clock := now
	o := Options{Keep: keepAll, Now: func() time.Time { return clock }}
	s := open(t, o)
	reads := newWorld(8).reads(200)
	for i := range reads {
		reads[i].Seen = now.Add(time.Duration(i) * time.Millisecond)
	}
	appended(t, s, reads)
	plan := func() (text string) {
		f := s.parts[bucketOf(month, now, 0)].rows.(*file)
		if err := f.e.closeIdle(f); err != nil { // an old plan is told again
			t.Fatal(err)
		}
		err := f.with(false, func(c *conn) error {
			return c.query(`EXPLAIN QUERY PLAN `+byPlateSQL, make([]driver.Value, 4), func(v []driver.Value) error {
				text += v[3].(string)
				return nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for _, step := range []struct {
		clock  time.Time
		packed bool
	}{{now, false}, {now.Add(24 * time.Hour), true}} {
		clock = step.clock
		if _, err := s.Due(t.Context(), clock); err != nil {
			t.Fatal(err)
		}
		if got := plan(); strings.Contains(got, "COVERING INDEX read_plate (plate=? AND id>? AND id<?)") != step.packed || strings.Contains(got, "TEMP B-TREE") {
			t.Errorf("at %v: %s", clock, got)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, o)
	if f := s.parts[bucketOf(month, now, 0)].rows.(*file); !f.packed.Load() {
		t.Error("after a restart the day would be packed again")
	}
}
