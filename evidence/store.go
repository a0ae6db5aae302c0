package evidence

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"porchlight/db"
	"porchlight/gate"
)

// Migrations are the steps of this package's tables, for db.Migrate(ctx, "evidence", Migrations).
var Migrations = []string{`
CREATE TABLE evidence_item (
	id TEXT PRIMARY KEY, request TEXT NOT NULL, agency TEXT NOT NULL, case_number TEXT NOT NULL DEFAULT '',
	state TEXT NOT NULL, cause TEXT NOT NULL DEFAULT '',
	ciphertext_sha256 TEXT NOT NULL, payload_sha256 TEXT NOT NULL, size INTEGER NOT NULL, blob TEXT NOT NULL,
	owner TEXT NOT NULL, owner_recipient TEXT NOT NULL, share_entry INTEGER NOT NULL,
	consent BLOB NOT NULL, received INTEGER NOT NULL, category TEXT NOT NULL DEFAULT '', dispose_at INTEGER NOT NULL DEFAULT 0,
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
`, `
CREATE TABLE evidence_open ( -- views and exports under way, see Service.opened
	act TEXT PRIMARY KEY, session BLOB NOT NULL, until INTEGER NOT NULL,
	item TEXT NOT NULL, agency TEXT NOT NULL, form TEXT NOT NULL);
CREATE INDEX evidence_open_until ON evidence_open(until);
`}

// Admit takes a finished submission into custody, in the transaction that makes
// the submission complete (the effect of submission.share): the item as Pending,
// its header and letter with the custodian agency. State, times and Cause are
// set here. ErrHeader when the header is not an age header, ErrInput when a
// field is missing.
func Admit(ctx context.Context, tx *sql.Tx, it Item, header, letter []byte, now time.Time) error {
	if it.ID == "" || it.Request == "" || it.Agency == "" || it.Blob == "" || it.Owner == "" || it.Size <= 0 || len(letter) == 0 {
		return fmt.Errorf("%w: an item needs id, request, agency, blob, owner, size and letter", ErrInput)
	}
	if _, err := ParseHeader(header); err != nil {
		return err
	}
	if _, err := it.Consent.Terms(); err != nil {
		return err
	}
	at := db.Micros(now)
	_, err := tx.ExecContext(ctx, `INSERT INTO evidence_item (id, request, agency, state, ciphertext_sha256, payload_sha256, size, blob,
		owner, owner_recipient, share_entry, consent, received, dispose_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
		it.ID, it.Request, it.Agency, Pending, it.CiphertextSHA256, it.PayloadSHA256, it.Size, it.Blob,
		it.Owner, it.OwnerRecipient, int64(it.ShareEntry), []byte(it.Consent), at, db.Micros(now.Add(Untriaged)))
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

// Withdraw records the owner's withdrawal, in the effect of submission.withdraw:
// a pending item becomes Withdrawn, and is destroyed by WithdrawNow; an accepted
// one WithdrawalRequested, and the custodian answers. ErrState otherwise.
func Withdraw(ctx context.Context, tx *sql.Tx, id string) (State, error) {
	for from, to := range map[State]State{Pending: Withdrawn, Accepted: WithdrawalRequested} {
		err := move(tx, id, from, to, ``)
		if !errors.Is(err, ErrState) {
			return to, err
		}
	}
	return "", fmt.Errorf("%w: it is neither pending nor accepted", ErrState)
}

// Owned lists the items whose Owner is this submission, oldest first.
func (s *Service) Owned(ctx context.Context, owner string) ([]Item, error) {
	return s.items(ctx, `owner = ? ORDER BY received, id`, owner)
}

// ByID returns an item to other packages of the exchange; they answer for who
// may see it. ErrNotFound if there is none.
func (s *Service) ByID(ctx context.Context, id string) (Item, error) { return s.item(ctx, id) }

// move changes an item's state, from the one it must have; set adds columns.
func move(tx *sql.Tx, id string, from, to State, set string, args ...any) error {
	args = append(append([]any{to}, args...), id, from)
	r, err := tx.Exec(`UPDATE evidence_item SET state = ?`+set+` WHERE id = ? AND state = ?`, args...)
	if err := one(r, err); errors.Is(err, ErrNotFound) {
		return fmt.Errorf("%w: it is not %s", ErrState, from)
	} else if err != nil {
		return err
	}
	return nil
}

// live returns ErrState for an item that is or will be destroyed.
func live(tx *sql.Tx, id string) error {
	var state State
	if err := tx.QueryRow(`SELECT state FROM evidence_item WHERE id = ?`, id).Scan(&state); err != nil {
		return err
	}
	switch state {
	case Pending, Accepted, WithdrawalRequested:
		return nil
	}
	return fmt.Errorf("%w: it is %s", ErrState, state)
}

// destroy erases what opens the item. ErrHeld if a hold stands at now, ErrState
// if it is destroyed already.
func destroy(tx *sql.Tx, id string, cause Cause, now time.Time) error {
	var held bool
	err := tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM evidence_hold WHERE item = ? AND lifted = 0 AND (until = 0 OR until > ?))`,
		id, db.Micros(now)).Scan(&held)
	if err != nil {
		return err
	}
	if held {
		return ErrHeld
	}
	for _, q := range []string{
		`DELETE FROM evidence_custody WHERE item = ?`, `DELETE FROM evidence_note WHERE item = ?`,
	} {
		if _, err := tx.Exec(q, id); err != nil {
			return err
		}
	}
	r, err := tx.Exec(`UPDATE evidence_item SET state = ?, cause = ? WHERE id = ? AND state <> ?`, Destroyed, cause, id, Destroyed)
	if err := one(r, err); errors.Is(err, ErrNotFound) {
		return fmt.Errorf("%w: it is destroyed already", ErrState)
	} else if err != nil {
		return err
	}
	return nil
}

func deleteCustody(tx *sql.Tx, id, agency string) error {
	return one(tx.Exec(`DELETE FROM evidence_custody WHERE item = ? AND agency = ?`, id, agency))
}

// one turns an update of no row into ErrNotFound.
var one = db.Changed(ErrNotFound)

const itemColumns = `id, request, agency, case_number, state, cause, ciphertext_sha256, payload_sha256, size, blob,
	owner, owner_recipient, share_entry, consent, received, category, dispose_at, ground`

func scanItem(row db.Row) (it Item, err error) {
	var entry, received, dispose int64
	err = row.Scan(&it.ID, &it.Request, &it.Agency, &it.Case, &it.State, &it.Cause, &it.CiphertextSHA256, &it.PayloadSHA256,
		&it.Size, &it.Blob, &it.Owner, &it.OwnerRecipient, &entry, (*[]byte)(&it.Consent), &received, &it.Category, &dispose, &it.Ground)
	if err != nil {
		return it, err
	}
	it.ShareEntry = uint64(entry)
	it.Received, it.DisposeAt = db.Time(received), db.Time(dispose)
	return it, nil
}

func (s *Service) items(ctx context.Context, where string, args ...any) ([]Item, error) {
	items, err := db.All(scanItem)(s.DB.Read().QueryContext(ctx, `SELECT `+itemColumns+` FROM evidence_item WHERE `+where, args...))
	if err != nil {
		return nil, fmt.Errorf("reading items: %w", err)
	}
	return items, nil
}

func (s *Service) item(ctx context.Context, id string) (Item, error) {
	return db.First(s.items(ctx, `id = ?`, id))(ErrNotFound)
}

const custodyColumns = `item, agency, purpose, expires, no_reshare, given_by, since, entry`

func scanCustody(row db.Row) (c Custody, err error) {
	var expires, since, entry int64
	if err := row.Scan(&c.Item, &c.Agency, &c.Purpose, &expires, &c.NoReshare, &c.By, &since, &entry); err != nil {
		return c, err
	}
	c.Expires, c.Since, c.Entry = db.Time(expires), db.Time(since), uint64(entry)
	return c, nil
}

// custodies lists who has custody of an item now, without headers and letters.
func (s *Service) custodies(ctx context.Context, id string) ([]Custody, error) {
	cs, err := db.All(scanCustody)(s.DB.Read().QueryContext(ctx, `SELECT `+custodyColumns+` FROM evidence_custody
		WHERE item = ? AND (expires = 0 OR expires > ?) ORDER BY since, agency`, id, db.Micros(s.Now())))
	if err != nil {
		return nil, fmt.Errorf("reading custody: %w", err)
	}
	return cs, nil
}

// custody is one agency's; ErrNotFound if it has none or its share ended.
func (s *Service) custody(ctx context.Context, id, agency string) (Custody, error) {
	cs, err := s.custodies(ctx, id)
	if err != nil {
		return Custody{}, err
	}
	for _, c := range cs {
		if c.Agency == agency {
			return c, nil
		}
	}
	return Custody{}, ErrNotFound
}

// keys releases an agency's header and letter to who holds a grant to view or
// export the item.
func (s *Service) keys(ctx context.Context, g *gate.Grant, id, agency string) (header, letter []byte, err error) {
	if g.Covers("item.view", id) != nil {
		if err := g.Covers("item.export", id); err != nil {
			return nil, nil, err
		}
	}
	err = s.DB.Read().QueryRowContext(ctx, `SELECT header, letter FROM evidence_custody
		WHERE item = ? AND agency = ? AND (expires = 0 OR expires > ?)`, id, agency, db.Micros(s.Now())).Scan(&header, &letter)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, ErrNotFound
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading the header: %w", err)
	}
	return header, letter, nil
}

func scanNote(row db.Row) (n Note, err error) {
	var at int64
	if err := row.Scan(&n.ID, &n.Item, &n.Agency, &n.Sealed, &n.By, &at); err != nil {
		return n, err
	}
	n.At = db.Time(at)
	return n, nil
}

// notes releases an agency's notes, oldest first, under the same grant as keys.
func (s *Service) notes(ctx context.Context, g *gate.Grant, id, agency string) ([]Note, error) {
	if g.Covers("item.view", id) != nil {
		if err := g.Covers("item.export", id); err != nil {
			return nil, err
		}
	}
	ns, err := db.All(scanNote)(s.DB.Read().QueryContext(ctx, `SELECT id, item, agency, sealed, person, at FROM evidence_note
		WHERE item = ? AND agency = ? ORDER BY at, id`, id, agency))
	if err != nil {
		return nil, fmt.Errorf("reading notes: %w", err)
	}
	return ns, nil
}

func scanHold(row db.Row) (h Hold, err error) {
	var until, placed, lifted int64
	if err := row.Scan(&h.ID, &h.Item, &h.Agency, &h.Reason, &h.Order, &until, &placed, &lifted); err != nil {
		return h, err
	}
	h.Until, h.Placed, h.Lifted = db.Time(until), db.Time(placed), db.Time(lifted)
	return h, nil
}

func (s *Service) holds(ctx context.Context, id string) ([]Hold, error) {
	hs, err := db.All(scanHold)(s.DB.Read().QueryContext(ctx, `SELECT id, item, agency, reason, court_order, until, placed, lifted
		FROM evidence_hold WHERE item = ? ORDER BY placed, id`, id))
	if err != nil {
		return nil, fmt.Errorf("reading holds: %w", err)
	}
	return hs, nil
}

// held reports whether a hold stands.
func (s *Service) held(ctx context.Context, id string) (bool, error) {
	hs, err := s.holds(ctx, id)
	return slices.ContainsFunc(hs, func(h Hold) bool { return h.Stands(s.Now()) }), err
}
