package reads

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"porchlight/internal/pgtest"
	"porchlight/plate"
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

// TestNodes: what one process was told is kept the next search of another finds,
// counts, and does not take for new; what one dropped the other has no more.
func TestNodes(t *testing.T) {
	t.Parallel()
	t.Run("one server", func(t *testing.T) { testNodes(t, on(pgtest.DSN)(t)) })
	t.Run("shards", func(t *testing.T) { testNodes(t, on(pgtest.DSN, pgtest.DSN, pgtest.DSN)(t)) })
}

func testNodes(t *testing.T, open opener) {
	keep := atomic.Int64{}
	keep.Store(int64(month))
	o := Options{Keep: func(string) time.Duration { return time.Duration(keep.Load()) }}
	nodes := []*Store{open(t, o), open(t, o), open(t, o)}
	owners := newWorld(1).owners
	done := make(chan error)
	const rounds = 12
	for n := range nodes {
		go func() {
			done <- func() error {
				w := newWorld(uint64(n))
				for i := range rounds {
					batch := w.reads(20)
					for k := range batch {
						batch[k].Camera, batch[k].Event = fmt.Sprint("node", n, k%3), fmt.Sprint(n, " ", i, " ", k)
					}
					batch[0].Text = plate.Text(fmt.Sprintf("N%dI%d", n, i))
					p, err := plate.ParsePattern("*" + string(batch[0].Text))
					if err != nil {
						return err
					}
					ids, _, err := nodes[n].Append(context.Background(), batch)
					if err != nil {
						return err
					}
					for _, other := range nodes {
						found, _, err := other.Find(context.Background(), owners, plate.Query{Kind: plate.ByPlate, Plate: p}, 10)
						if err != nil {
							return err
						}
						if !slices.ContainsFunc(found, func(r plate.Read) bool { return r.ID == ids[0] }) {
							return fmt.Errorf("%s was acknowledged by node %d and is not found", batch[0].Text, n)
						}
						again, fresh, err := other.Append(context.Background(), batch)
						if err != nil {
							return err
						}
						if !slices.Equal(again, ids) || slices.Contains(fresh, true) {
							return errors.New("a node took another's reads for new ones")
						}
					}
				}
				return nil
			}()
		}()
	}
	for range nodes {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	count := func(s *Store) (sum int) {
		for _, o := range owners {
			got, err := s.Tallies(t.Context(), o, now.Add(-month), now)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range got {
				sum += n.Reads
			}
		}
		return sum
	}
	for n, s := range nodes {
		if got := count(s); got != len(nodes)*rounds*20 {
			t.Errorf("node %d counts %d reads", n, got)
		}
	}
	keep.Store(int64(25 * time.Hour))
	due, err := nodes[0].Due(t.Context(), now)
	if err != nil || len(due) < 2 {
		t.Fatalf("%v %v", due, err)
	}
	left := count(nodes[0])
	for i, d := range due {
		left -= d.Reads
		if err := nodes[i%2].Drop(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	for n, s := range nodes {
		if got := count(s); got != left {
			t.Errorf("node %d counts %d reads after the drop, not %d", n, got, left)
		}
		found, _, err := s.Find(t.Context(), owners, plate.Query{Kind: plate.InArea, Area: everywhere(t)}, 10000)
		if err != nil || len(found) != left {
			t.Errorf("node %d finds %d, %v", n, len(found), err)
		}
	}
}

// TestNewsStandsForOthers: reads whose news were made into one line, before a
// process that searches the bucket heard of them, are found by it nevertheless.
func TestNewsStandsForOthers(t *testing.T) {
	t.Parallel()
	open := on(pgtest.DSN)(t)
	// Yesterday's bucket: who loads its plates saves them, and joins its news.
	read := newWorld(1).read()
	read.Seen, read.Event = now.Add(-24*time.Hour), ""
	told := func(s *Store, text plate.Text) {
		t.Helper()
		r := read
		r.Text = text
		appended(t, s, []plate.Read{r})
	}
	finds := func(s *Store, text plate.Text) {
		t.Helper()
		q := plate.Query{Kind: plate.ByPlate, Plate: mustPattern(t, string(text))}
		if found, _, err := s.Find(t.Context(), []string{read.Owner}, q, 10); err != nil || len(found) != 1 {
			t.Errorf("%s: %v, %v", text, found, err)
		}
	}
	first, second := open(t, Options{Keep: keepAll}), open(t, Options{Keep: keepAll})
	told(first, "ONE")
	finds(first, "ONE")
	for _, text := range []plate.Text{"TWO", "THREE"} {
		told(second, text)
		finds(open(t, Options{Keep: keepAll}), text)
		finds(first, text)
	}
}
