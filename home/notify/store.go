package notify

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"porchlight/db"
	"porchlight/internal/push"
	"porchlight/web/i18n"
)

var migrations = []string{`
CREATE TABLE notify_house (
	id       INTEGER PRIMARY KEY, -- 1
	public   TEXT NOT NULL,       -- VAPID key pair
	private  TEXT NOT NULL,
	settings TEXT NOT NULL        -- JSON, Settings
);
CREATE TABLE notify_phone (
	device   TEXT PRIMARY KEY,
	language TEXT NOT NULL,
	endpoint TEXT NOT NULL,
	p256dh   TEXT NOT NULL,
	auth     TEXT NOT NULL
);
CREATE TABLE notify_notice (
	key    TEXT PRIMARY KEY,
	notice TEXT NOT NULL, -- JSON, Notice
	made   INTEGER NOT NULL
);
CREATE TABLE notify_sending (
	key    TEXT NOT NULL REFERENCES notify_notice (key) ON DELETE CASCADE,
	way    TEXT NOT NULL, -- phone, mail, webhook
	recipient TEXT NOT NULL, -- device of a phone, or address of a mail
	due    INTEGER NOT NULL, -- 0: sent, or given up
	tries  INTEGER NOT NULL DEFAULT 0,
	sent   INTEGER NOT NULL DEFAULT 0,
	error  TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (key, way, recipient)
);
CREATE INDEX notify_sending_due ON notify_sending (due);
`}

// houseKeys are the house's VAPID keys, made the first time.
func houseKeys(ctx context.Context, d *db.DB) (keys push.Keys, err error) {
	err = d.Write(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRow(`SELECT public, private FROM notify_house WHERE id = 1`).Scan(&keys.Public, &keys.Private)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if keys, err = push.NewKeys(); err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO notify_house (id, public, private, settings) VALUES (1, ?, ?, '{}')`, keys.Public, keys.Private)
		return err
	})
	return keys, err
}

func (s *Service) settings(ctx context.Context) (set Settings, err error) {
	var text string
	if err := s.DB.Read().QueryRowContext(ctx, `SELECT settings FROM notify_house WHERE id = 1`).Scan(&text); err != nil {
		return set, err
	}
	err = json.Unmarshal([]byte(text), &set)
	return set, err
}

func (s *Service) save(ctx context.Context, set Settings) error {
	text, err := json.Marshal(set)
	if err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE notify_house SET settings = ? WHERE id = 1`, string(text))
		return err
	})
}

func putPhone(tx *sql.Tx, p Phone) error {
	_, err := tx.Exec(`INSERT INTO notify_phone (device, language, endpoint, p256dh, auth) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (device) DO UPDATE SET language = excluded.language, endpoint = excluded.endpoint, p256dh = excluded.p256dh, auth = excluded.auth`,
		p.Device, p.Language, p.Browser.Endpoint, p.Browser.P256DH, p.Browser.Auth)
	return err
}

func dropPhone(tx *sql.Tx, device string) error {
	if _, err := tx.Exec(`DELETE FROM notify_sending WHERE way = ? AND recipient = ?`, ByPhone, device); err != nil {
		return err
	}
	_, err := tx.Exec(`DELETE FROM notify_phone WHERE device = ?`, device)
	return err
}

func (s *Service) phones(ctx context.Context) ([]Phone, error) {
	return db.All(func(r db.Row) (p Phone, err error) {
		err = r.Scan(&p.Device, &p.Language, &p.Browser.Endpoint, &p.Browser.P256DH, &p.Browser.Auth)
		return p, err
	})(s.DB.Read().QueryContext(ctx, `SELECT device, language, endpoint, p256dh, auth FROM notify_phone ORDER BY device`))
}

// enqueue notes a notice and where it goes, unless its key was there before.
func enqueue(tx *sql.Tx, n Notice, ways []way, made, due time.Time) error {
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	res, err := tx.Exec(`INSERT INTO notify_notice (key, notice, made) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING`, n.Key, string(text), db.Micros(made))
	if err != nil {
		return err
	}
	if fresh, err := res.RowsAffected(); err != nil || fresh == 0 {
		return err
	}
	for _, w := range ways {
		if _, err := tx.Exec(`INSERT INTO notify_sending (key, way, recipient, due) VALUES (?, ?, ?, ?)`, n.Key, w.Way, w.to, db.Micros(due)); err != nil {
			return err
		}
	}
	return nil
}

// job is one notice on one way.
type job struct {
	Notice
	way
	tries int
}

func (s *Service) due(ctx context.Context, now time.Time) ([]job, error) {
	return db.All(func(r db.Row) (j job, err error) {
		var text string
		if err = r.Scan(&text, &j.Way, &j.to, &j.tries); err == nil {
			err = json.Unmarshal([]byte(text), &j.Notice)
		}
		return j, err
	})(s.DB.Read().QueryContext(ctx, `SELECT n.notice, s.way, s.recipient, s.tries FROM notify_sending s JOIN notify_notice n ON n.key = s.key
		WHERE s.due > 0 AND s.due <= ? ORDER BY s.due, s.key`, db.Micros(now)))
}

// note writes down how a try went.
func (s *Service) note(ctx context.Context, j job, now time.Time, failed error) error {
	var due, sent int64
	why := ""
	switch {
	case failed == nil:
		sent = db.Micros(now)
	case j.tries < len(pauses) && !errors.Is(failed, ErrOff):
		due = db.Micros(now.Add(pauses[j.tries]))
	}
	if failed != nil {
		why = failed.Error()
	}
	return s.DB.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE notify_sending SET due = ?, sent = ?, tries = tries + 1, error = ? WHERE key = ? AND way = ? AND recipient = ?`,
			due, sent, why, j.Key, j.Way, j.to)
		return err
	})
}

func (s *Service) nextDue(ctx context.Context) (next time.Time, err error) {
	var us sql.NullInt64
	err = s.DB.Read().QueryRowContext(ctx, `SELECT min(due) FROM notify_sending WHERE due > 0`).Scan(&us)
	return db.Time(us.Int64), err
}

// forget removes notices made before a time that are settled.
func (s *Service) forget(ctx context.Context, before time.Time) error {
	return s.DB.Write(ctx, func(tx *sql.Tx) error {
		const old = `SELECT key FROM notify_notice WHERE made < ? AND NOT EXISTS (SELECT 1 FROM notify_sending s WHERE s.key = notify_notice.key AND s.due > 0)`
		if _, err := tx.Exec(`DELETE FROM notify_sending WHERE key IN (`+old+`)`, db.Micros(before)); err != nil {
			return err
		}
		_, err := tx.Exec(`DELETE FROM notify_notice WHERE key IN (`+old+`)`, db.Micros(before))
		return err
	})
}

func (s *Service) recent(ctx context.Context, lang i18n.Lang) ([]Told, error) {
	return db.All(func(r db.Row) (t Told, err error) {
		var text string
		var due int64
		var n Notice
		if err = r.Scan(&text, db.Into(&t.Made), &t.Way, &t.To, &due, db.Into(&t.Sent), &t.Error); err != nil {
			return t, err
		}
		if err = json.Unmarshal([]byte(text), &n); err != nil {
			return t, fmt.Errorf("reading a kept notice: %w", err)
		}
		t.Topic, t.Failed = n.Topic, due == 0 && t.Sent.IsZero()
		t.Title, _ = n.Words(lang)
		return t, nil
	})(s.DB.Read().QueryContext(ctx, `SELECT n.notice, n.made, s.way, s.recipient, s.due, s.sent, s.error
		FROM notify_sending s JOIN notify_notice n ON n.key = s.key ORDER BY n.made DESC, n.key, s.way, s.recipient`))
}

// forget deletes notices by the beginning of their key, and how they fared.
func forget(tx *sql.Tx, prefix string) error {
	_, err := tx.Exec(`DELETE FROM notify_notice WHERE substr(key, 1, length(?)) = ?`, prefix, prefix)
	return err
}
