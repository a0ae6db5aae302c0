package capability

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"porchlight/db"
)

// Spent remembers for a while which act ended a link: what it opened was erased, or
// another link took its place. Whoever lost the answer to that act asks again with
// the link that is no more, and gets the first receipt. Safe for concurrent use.
type Spent struct{ db *db.DB }

// spentFor is how long an ended link is remembered.
const spentFor = 30 * 24 * time.Hour

var spentMigrations = []string{`
CREATE TABLE capability_spent (
	owner TEXT NOT NULL, -- Holder.Owner; a device may have used one link for several things
	act   TEXT NOT NULL, -- id
	at    INTEGER NOT NULL,
	PRIMARY KEY (owner, act)
);
`}

// OpenSpent opens the table.
func OpenSpent(ctx context.Context, d *db.DB) (*Spent, error) {
	return &Spent{d}, d.Migrate(ctx, "capability", spentMigrations)
}

// End notes in tx that an act ended the link of an owner, and forgets old ones.
func (s *Spent) End(tx *sql.Tx, owner, act string, at time.Time) error {
	if _, err := tx.Exec(`DELETE FROM capability_spent WHERE at <= ?`, db.Micros(at.Add(-spentFor))); err != nil {
		return err
	}
	_, err := tx.Exec(`INSERT INTO capability_spent (owner, act, at) VALUES (?, ?, ?)`, owner, act, db.Micros(at))
	return err
}

// By reports whether an act ended the link of that token.
func (s *Spent) By(ctx context.Context, token, act string) (bool, error) {
	var one int
	err := s.db.Read().QueryRowContext(ctx, `SELECT 1 FROM capability_spent WHERE owner = ? AND act = ?`, Owner(token), act).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking up an ended link: %w", err)
	}
	return true, nil
}
