package evidence

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Migrations are the steps of this package's tables, for db.Migrate(ctx, "evidence", Migrations).
var Migrations = []string{`
CREATE TABLE evidence_item (
	id TEXT PRIMARY KEY, request TEXT NOT NULL, agency TEXT NOT NULL, case_number TEXT NOT NULL DEFAULT '',
	state TEXT NOT NULL, cause TEXT NOT NULL DEFAULT '',
	ciphertext_sha256 TEXT NOT NULL, payload_sha256 TEXT NOT NULL, size INTEGER NOT NULL, blob TEXT NOT NULL,
	owner TEXT NOT NULL, owner_recipient TEXT NOT NULL, share_entry INTEGER NOT NULL,
	consent_language TEXT NOT NULL, consent_text TEXT NOT NULL, consent_choices TEXT NOT NULL, consent_identity TEXT NOT NULL,
	consent_sha256 TEXT NOT NULL, consent_at INTEGER NOT NULL,
	received INTEGER NOT NULL, category TEXT NOT NULL DEFAULT '', dispose_at INTEGER NOT NULL DEFAULT 0,
	ground TEXT NOT NULL DEFAULT '');
CREATE INDEX evidence_item_agency ON evidence_item(agency, state, received);
CREATE INDEX evidence_item_case ON evidence_item(agency, case_number);
CREATE INDEX evidence_item_owner ON evidence_item(owner);
CREATE INDEX evidence_item_dispose ON evidence_item(dispose_at) WHERE dispose_at > 0;
CREATE TABLE evidence_custody (
	item TEXT NOT NULL REFERENCES evidence_item(id), agency TEXT NOT NULL, header BLOB NOT NULL, letter BLOB NOT NULL,
	purpose TEXT NOT NULL DEFAULT '', expires INTEGER NOT NULL DEFAULT 0, no_reshare INTEGER NOT NULL DEFAULT 0,
	given_by TEXT NOT NULL DEFAULT '', since INTEGER NOT NULL, entry INTEGER NOT NULL,
	PRIMARY KEY (item, agency));
CREATE INDEX evidence_custody_agency ON evidence_custody(agency);
CREATE TABLE evidence_note (
	id TEXT PRIMARY KEY, item TEXT NOT NULL REFERENCES evidence_item(id), agency TEXT NOT NULL,
	sealed BLOB NOT NULL, person TEXT NOT NULL, at INTEGER NOT NULL);
CREATE INDEX evidence_note_item ON evidence_note(item, agency);
CREATE TABLE evidence_hold (
	id TEXT PRIMARY KEY, item TEXT NOT NULL REFERENCES evidence_item(id), agency TEXT NOT NULL,
	reason TEXT NOT NULL, court_order TEXT NOT NULL, until INTEGER NOT NULL, placed INTEGER NOT NULL, lifted INTEGER NOT NULL DEFAULT 0);
CREATE INDEX evidence_hold_item ON evidence_hold(item);
`}

// Admit takes a finished submission into custody, in the transaction that makes
// the submission complete (the effect of submission.share): the item as Pending,
// its header and letter with the custodian agency. State, times and Cause are
// set here. It returns ErrHeader when the header is not an age header, ErrInput
// when a field is missing.
func Admit(ctx context.Context, tx *sql.Tx, it Item, header, letter []byte, now time.Time) error {
	if it.ID == "" || it.Request == "" || it.Agency == "" || it.Blob == "" || it.Owner == "" || it.Size <= 0 || len(letter) == 0 {
		return fmt.Errorf("%w: an item needs id, request, agency, blob, owner, size and letter", ErrInput)
	}
	if _, err := ParseHeader(header); err != nil {
		return err
	}
	at := micros(now)
	_, err := tx.ExecContext(ctx, `INSERT INTO evidence_item (id, request, agency, state, ciphertext_sha256, payload_sha256, size, blob,
		owner, owner_recipient, share_entry, consent_language, consent_text, consent_choices, consent_identity, consent_sha256, consent_at,
		received, dispose_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
		it.ID, it.Request, it.Agency, Pending, it.CiphertextSHA256, it.PayloadSHA256, it.Size, it.Blob,
		it.Owner, it.OwnerRecipient, it.ShareEntry, it.Consent.Language, it.Consent.Text, it.Consent.Choices, it.Consent.Identity,
		it.Consent.SHA256, micros(it.Consent.AgreedAt), at, micros(now.Add(Untriaged)))
	if err != nil {
		return fmt.Errorf("admit item %s: %w", it.ID, err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO evidence_custody (item, agency, header, letter, since, entry) VALUES (?,?,?,?,?,?)`,
		it.ID, it.Agency, header, letter, at, it.ShareEntry)
	if err != nil {
		return fmt.Errorf("admit item %s: %w", it.ID, err)
	}
	return nil
}

// micros is a time as the store keeps it: microseconds since 1970, 0 for none.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}
