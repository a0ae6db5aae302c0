package send

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"porchlight/db"
)

var migrations = []string{`
CREATE TABLE send_draft (
	id    TEXT PRIMARY KEY, -- ULID
	draft TEXT NOT NULL     -- JSON, Draft
);
CREATE TABLE send_receipt (
	draft   TEXT NOT NULL REFERENCES send_draft (id) ON DELETE CASCADE,
	item    TEXT NOT NULL,
	entry   INTEGER NOT NULL,
	receipt TEXT NOT NULL,
	PRIMARY KEY (draft, item, entry)
);
`}

// load reads all drafts, oldest first, or one.
func (s *Service) load(ctx context.Context, id string) ([]Draft, error) {
	return db.All(func(r db.Row) (d Draft, err error) {
		var text string
		if err = r.Scan(&text); err == nil {
			err = json.Unmarshal([]byte(text), &d)
		}
		if err != nil {
			err = fmt.Errorf("reading a kept draft: %w", err)
		}
		return d, err
	})(s.DB.Read().QueryContext(ctx, `SELECT draft FROM send_draft WHERE id = ? OR ? = '' ORDER BY id`, id, id))
}

func (s *Service) one(ctx context.Context, id string) (Draft, error) {
	if id == "" {
		return Draft{}, ErrNotFound
	}
	all, err := s.load(ctx, id)
	if err == nil && len(all) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Draft{}, err
	}
	return all[0], nil
}

func (s *Service) save(ctx context.Context, d Draft) error {
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	err = s.DB.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO send_draft (id, draft) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET draft = excluded.draft`, d.ID, string(text))
		return err
	})
	if err == nil {
		s.Changed()
	}
	return err
}

func (s *Service) drop(ctx context.Context, id string) error {
	defer s.Changed()
	return s.DB.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`DELETE FROM send_draft WHERE id = ?`, id)
		return err
	})
}

func (s *Service) receipts(ctx context.Context, id string) ([]Receipt, error) {
	return db.All(func(r db.Row) (out Receipt, err error) {
		var entry int64
		err = r.Scan(&out.Item, &entry, &out.Text)
		out.Entry = uint64(entry)
		return out, err
	})(s.DB.Read().QueryContext(ctx, `SELECT item, entry, receipt FROM send_receipt WHERE draft = ? ORDER BY entry, item`, id))
}

func (s *Service) keepReceipt(ctx context.Context, id string, r Receipt) error {
	return s.DB.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO send_receipt (draft, item, entry, receipt) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`, id, r.Item, int64(r.Entry), r.Text)
		return err
	})
}
