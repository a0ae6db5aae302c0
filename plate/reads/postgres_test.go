package reads

import (
	"testing"
	"time"

	"porchlight/internal/pgtest"
)

// on opens stores in fresh databases, the first of which is the main one.
func on(database ...func(testing.TB) string) func(*testing.T) opener {
	return func(t *testing.T) opener {
		var urls []string
		for _, d := range database {
			urls = append(urls, d(t))
		}
		return func(t *testing.T, o Options) *Store {
			t.Helper()
			o.Postgres, o.Shards = urls[0], urls[1:]
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
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	conformance(t, on(pgtest.DSN))
}

// TestShards has the rows on two servers, of which the main one is another
// database's.
func TestShards(t *testing.T) {
	t.Parallel()
	second := pgtest.Start(t, "fsync=off")
	conformance(t, on(pgtest.DSN, pgtest.DSN, second.DSN))
}
