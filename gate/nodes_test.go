package gate_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/ledger"
)

// queueLog is a log behind a queue in the store, as several nodes have: it adds
// what was enqueued, once.
type queueLog struct {
	*fakeLog
	db *db.DB
}

func (q *queueLog) Enqueue(tx *sql.Tx, e ledger.Entry) error {
	_, err := tx.Exec(`INSERT INTO queue (act, entry) VALUES (?, ?)`, e.Act.ID, e.Bytes())
	return err
}

func (q *queueLog) Append(ctx context.Context, e ledger.Entry) (uint64, error) {
	var data []byte
	if err := q.db.Read().QueryRow(`SELECT entry FROM queue WHERE act = ?`, e.Act.ID).Scan(&data); err != nil {
		return 0, fmt.Errorf("appended, but not queued: %w", err)
	}
	q.fakeLog.mu.Lock()
	defer q.fakeLog.mu.Unlock()
	for i, had := range q.entries {
		if had.Act.ID == e.Act.ID {
			return uint64(i), nil
		}
	}
	queued, err := ledger.ParseEntry(data)
	if err != nil {
		return 0, err
	}
	q.entries = append(q.entries, queued)
	return uint64(len(q.entries) - 1), nil
}

// drain adds what is in the queue.
func (q *queueLog) drain(ctx context.Context) error {
	rows, err := q.db.Read().QueryContext(ctx, `SELECT entry FROM queue`)
	if err != nil {
		return err
	}
	defer rows.Close()
	var waiting []ledger.Entry
	for rows.Next() {
		var data []byte
		if err := rows.Scan(&data); err != nil {
			return err
		}
		e, err := ledger.ParseEntry(data)
		if err != nil {
			return err
		}
		waiting = append(waiting, e)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for _, e := range waiting {
		if _, err := q.Append(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// Several gates over one store and one log, whose in-process locks know nothing
// of each other: whoever takes an act, and however often, it happens once or is
// voided once.
func TestNodesShareAnAct(t *testing.T) {
	w := newWorld(t)
	if err := w.DB.Migrate(t.Context(), "queue", []string{`CREATE TABLE queue (act TEXT PRIMARY KEY, entry BLOB NOT NULL)`}); err != nil {
		t.Fatal(err)
	}
	log := &queueLog{w.log, w.DB}
	nodes := make([]*gate.Gate, 3)
	for i := range nodes {
		var err error
		nodes[i], err = gate.New(t.Context(), gate.Options{
			DB: w.DB, Log: log, Policy: w.rules, Signatures: passkeys{}, Agencies: agencies{}, Now: func() time.Time { return w.now },
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	fails := errors.New("the effect fails")
	var all sync.WaitGroup
	const acts = 12
	for i := range acts {
		a := shareAct()
		failing := i%3 == 0
		for _, node := range nodes {
			all.Go(func() {
				for {
					g, err := node.Do(t.Context(), a, func(tx *sql.Tx, g *gate.Grant) error {
						if failing {
							return fails
						}
						return effect(tx, g)
					})
					switch {
					case errors.Is(err, gate.ErrUnsettled): // another node has it: repeat
						if err := log.drain(t.Context()); err != nil {
							t.Error(err)
							return
						}
						continue
					case failing && !errors.Is(err, fails) && !errors.Is(err, gate.ErrVoided), !failing && (err != nil || g.ActID != a.By.ActID):
						t.Errorf("act %d: %+v, %v", i, g, err)
					}
					return
				}
			})
		}
	}
	all.Wait()
	count := map[string]int{}
	for _, a := range log.actions() {
		count[a]++
	}
	if n := w.effects(t); n != acts-acts/3 {
		t.Errorf("%d effects of %d acts that succeed", n, acts-acts/3)
	}
	if count["act.void"] != acts/3 || len(log.entries) != acts+acts/3 {
		t.Errorf("log: %v", count)
	}
	var ids []string
	for _, e := range log.entries {
		ids = append(ids, e.Act.ID)
	}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != len(log.entries) {
		t.Error("an act is in the log twice")
	}
}
