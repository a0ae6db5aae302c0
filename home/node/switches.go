package node

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"

	"porchlight/db"
)

// switches are what the household turned off or on, kept in the store. What was
// never turned is on.
type switches struct {
	db *db.DB

	mu      sync.Mutex
	off     []string
	changed chan struct{} // closed and made anew at each change
}

var switchTables = []string{`CREATE TABLE home_switches (name TEXT PRIMARY KEY)`} // those that are off

func openSwitches(ctx context.Context, d *db.DB) (*switches, error) {
	if err := d.Migrate(ctx, "home_switches", switchTables); err != nil {
		return nil, err
	}
	off, err := db.All(db.One[string])(d.Read().QueryContext(ctx, "SELECT name FROM home_switches"))
	return &switches{db: d, off: off, changed: make(chan struct{})}, err
}

// On tells how a switch stands.
func (s *switches) On(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !slices.Contains(s.off, name)
}

// Set turns it, durably.
func (s *switches) Set(ctx context.Context, name string, on bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	query := "INSERT INTO home_switches (name) VALUES (?) ON CONFLICT DO NOTHING"
	if on {
		query = "DELETE FROM home_switches WHERE name = ?"
	}
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, query, name)
		return err
	})
	if err == nil {
		s.turn(name, on)
	}
	return err
}

// turn is Set once it is durable, under the lock.
func (s *switches) turn(name string, on bool) {
	s.off = slices.DeleteFunc(s.off, func(o string) bool { return o == name })
	if !on {
		s.off = append(s.off, name)
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// while runs f whenever the switch is on, until ctx ends.
func (s *switches) while(ctx context.Context, name string, f func(context.Context) error) error {
	for {
		s.mu.Lock()
		on, changed := !slices.Contains(s.off, name), s.changed
		s.mu.Unlock()
		if !on {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-changed:
				continue
			}
		}
		running, stop := context.WithCancel(ctx)
		go func() {
			for changed := changed; s.On(name); {
				select {
				case <-running.Done():
					return
				case <-changed:
				}
				s.mu.Lock()
				changed = s.changed
				s.mu.Unlock()
			}
			stop()
		}()
		err := f(running)
		stop()
		if ctx.Err() != nil || err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
}
