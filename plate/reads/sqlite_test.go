package reads

import (
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
