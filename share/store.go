package share

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"porchlight/capability"
	"porchlight/db"
)

// Migrations are the steps of this package's tables, for db.Migrate(ctx, "share", Migrations).
var Migrations = []string{`
CREATE TABLE share_submission (
	id TEXT PRIMARY KEY, request TEXT NOT NULL, agency TEXT NOT NULL, upload_token BLOB NOT NULL UNIQUE,
	owner TEXT NOT NULL UNIQUE, recipient TEXT NOT NULL, consent BLOB NOT NULL, made INTEGER NOT NULL,
	clips INTEGER NOT NULL DEFAULT 0);
CREATE INDEX share_submission_request ON share_submission(request);
CREATE TABLE share_upload (
	id TEXT PRIMARY KEY, submission TEXT NOT NULL REFERENCES share_submission(id), length INTEGER NOT NULL,
	received INTEGER NOT NULL DEFAULT 0, header BLOB NOT NULL DEFAULT x'', payload INTEGER NOT NULL DEFAULT 0,
	whole BLOB NOT NULL, body BLOB NOT NULL, expires INTEGER NOT NULL,
	dead INTEGER NOT NULL DEFAULT 0, shared INTEGER NOT NULL DEFAULT 0);
CREATE INDEX share_upload_expires ON share_upload(expires);
CREATE INDEX share_upload_submission ON share_upload(submission);
CREATE TABLE share_message (
	id TEXT PRIMARY KEY, submission TEXT NOT NULL REFERENCES share_submission(id), from_owner INTEGER NOT NULL,
	sealed BLOB NOT NULL, at INTEGER NOT NULL, entry INTEGER NOT NULL);
CREATE INDEX share_message_submission ON share_message(submission);
`}

const submissionColumns = `id, request, agency, owner, recipient, consent, made`

type row db.Row

func scanSubmission(r row, more ...any) (s Submission, err error) {
	var made int64
	var consent []byte
	err = r.Scan(append([]any{&s.ID, &s.Request, &s.Agency, &s.Owner, &s.Recipient, &consent, &made}, more...)...)
	if errors.Is(err, sql.ErrNoRows) {
		return s, ErrUnknown
	}
	if err != nil {
		return s, fmt.Errorf("loading a submission: %w", err)
	}
	s.Consent, s.Made = consent, time.UnixMicro(made).UTC()
	return s, nil
}

// begin keeps a submission; the same one again is no error.
func (in *Intake) begin(ctx context.Context, s Submission, uploadHash []byte) error {
	return full(in.db.Write(ctx, func(tx *sql.Tx) error {
		var token []byte
		had, err := scanSubmission(tx.QueryRow(`SELECT `+submissionColumns+`, upload_token FROM share_submission WHERE id = ?`, s.ID), &token)
		switch {
		case err == nil:
			if !bytes.Equal(token, uploadHash) || had.Owner != s.Owner || had.Request != s.Request || !bytes.Equal(had.Consent, s.Consent) {
				return fmt.Errorf("%w: this submission was begun with other values", ErrState)
			}
			return nil
		case !errors.Is(err, ErrUnknown):
			return err
		}
		_, err = tx.Exec(`INSERT INTO share_submission (`+submissionColumns+`, upload_token) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			s.ID, s.Request, s.Agency, s.Owner, s.Recipient, []byte(s.Consent), s.Made.UnixMicro(), uploadHash)
		return err
	}))
}

// owned returns the submission of a capability token. ErrUnknown.
func (in *Intake) owned(ctx context.Context, token string) (Submission, error) {
	return scanSubmission(in.db.Read().QueryRowContext(ctx, `SELECT `+submissionColumns+` FROM share_submission WHERE owner = ?`, capability.Owner(token)))
}

// submission returns one by id. ErrUnknown.
func (in *Intake) submission(ctx context.Context, id string) (Submission, error) {
	return scanSubmission(in.db.Read().QueryRowContext(ctx, `SELECT `+submissionColumns+` FROM share_submission WHERE id = ?`, id))
}

// claim keeps a finished upload from every writer until release, for Share. One
// that was shared already is returned too: the act may be a repeat.
func (in *Intake) claim(ctx context.Context, token, submission, id string) (s Submission, u *Upload, release func(), err error) {
	if _, err := in.find(ctx, token, id, true); err != nil {
		return s, nil, nil, err // who has no token must not even hold it
	}
	letGo, err := in.hold(ctx, id, func() {})
	if err != nil {
		return s, nil, nil, err
	}
	defer func() {
		if err != nil {
			letGo()
		}
	}()
	if u, err = in.find(ctx, token, id, true); err != nil {
		return s, nil, nil, err
	}
	if u.Submission != submission {
		return s, nil, nil, ErrUnknown
	}
	if !u.Done() {
		return s, nil, nil, fmt.Errorf("%w: the upload is not finished", ErrState)
	}
	s, err = in.submission(ctx, submission)
	return s, u, letGo, err
}

// handOver ends an upload whose bytes now belong to an item. Its row stays until
// it would have expired, so that a repeat of the act finds the same values; the
// header does not, or destroying the item would leave a key to it.
func handOver(tx *sql.Tx, id string) error {
	r, err := tx.Exec(`UPDATE share_upload SET shared = 1, header = ? WHERE id = ? AND dead = 0 AND shared = 0`, []byte{}, id)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); n != 1 || err != nil {
		return errors.Join(fmt.Errorf("%w: the upload was shared or removed before", ErrState), err)
	}
	return nil
}

// relink makes the new capability the only one.
func relink(tx *sql.Tx, s Submission, holder capability.Holder, resealed map[string][]byte) error {
	r, err := tx.Exec(`UPDATE share_submission SET owner = ?, recipient = ? WHERE id = ? AND owner = ?`, holder.Owner, holder.Recipient, s.ID, s.Owner)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); n != 1 || err != nil {
		return errors.Join(fmt.Errorf("%w: the link was replaced at the same moment", ErrState), err)
	}
	for id, sealed := range resealed {
		if _, err := tx.Exec(`UPDATE share_message SET sealed = ? WHERE id = ? AND submission = ?`, sealed, id, s.ID); err != nil {
			return err
		}
	}
	return nil
}

func addMessage(tx *sql.Tx, submission string, m Message) error {
	var n int
	if err := tx.QueryRow(`SELECT count(*) FROM share_message WHERE submission = ?`, submission).Scan(&n); err != nil {
		return err
	}
	if n >= maxMessages {
		return fmt.Errorf("%w: at most %d messages about one answer", ErrTooLarge, maxMessages)
	}
	_, err := tx.Exec(`INSERT INTO share_message (id, submission, from_owner, sealed, at, entry) VALUES (?, ?, ?, ?, ?, ?)`,
		m.ID, submission, m.FromOwner, m.Sealed, m.At.UnixMicro(), int64(m.Index))
	return err
}

func scanMessage(row db.Row) (m Message, err error) {
	var at int64
	if err := row.Scan(&m.ID, &m.FromOwner, &m.Sealed, &at, &m.Index); err != nil {
		return m, err
	}
	m.At = time.UnixMicro(at).UTC()
	return m, nil
}

// messages lists the letters about a submission, oldest first.
func (in *Intake) messages(ctx context.Context, submission string) ([]Message, error) {
	ms, err := db.All(scanMessage)(in.db.Read().QueryContext(ctx, `SELECT id, from_owner, sealed, at, entry FROM share_message WHERE submission = ? ORDER BY entry`, submission))
	if err != nil {
		return nil, fmt.Errorf("listing messages: %w", err)
	}
	return ms, nil
}
