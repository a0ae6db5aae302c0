package identity

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"porchlight/db"
)

var migrations = []string{`
CREATE TABLE identity_people (
	id TEXT PRIMARY KEY, name TEXT NOT NULL, agency TEXT NOT NULL, roles TEXT NOT NULL,
	state TEXT NOT NULL, since INTEGER NOT NULL
);
CREATE INDEX identity_people_agency ON identity_people (agency, id);
CREATE TABLE identity_credentials (
	id BLOB PRIMARY KEY, person TEXT NOT NULL REFERENCES identity_people (id),
	label TEXT NOT NULL, public_key BLOB NOT NULL, cose BLOB NOT NULL, transports TEXT NOT NULL,
	prf INTEGER NOT NULL, state TEXT NOT NULL, counter INTEGER NOT NULL,
	last BLOB, -- SHA-256 of the last accepted answer
	added INTEGER NOT NULL, used INTEGER NOT NULL
);
CREATE INDEX identity_credentials_person ON identity_credentials (person, added);
CREATE TABLE identity_invitations (
	id TEXT PRIMARY KEY, token_hash BLOB NOT NULL UNIQUE,
	person TEXT NOT NULL REFERENCES identity_people (id),
	expires INTEGER NOT NULL, used_by TEXT NOT NULL
);
CREATE TABLE identity_sessions (
	token_hash BLOB PRIMARY KEY, person TEXT NOT NULL REFERENCES identity_people (id),
	credential BLOB NOT NULL REFERENCES identity_credentials (id),
	started INTEGER NOT NULL, used INTEGER NOT NULL
);
CREATE INDEX identity_sessions_person ON identity_sessions (person);
CREATE TABLE identity_spent (challenge BLOB PRIMARY KEY, expires INTEGER NOT NULL);
CREATE TABLE identity_keys (name TEXT PRIMARY KEY, value BLOB NOT NULL);
`}

// querier is a transaction, or a reader.
type querier interface {
	QueryRow(query string, args ...any) *sql.Row
	Query(query string, args ...any) (*sql.Rows, error)
}

// reader queries the read side under a context.
type reader struct {
	ctx context.Context
	db  *db.DB
}

func (r reader) QueryRow(q string, args ...any) *sql.Row {
	return r.db.Read().QueryRowContext(r.ctx, q, args...)
}

func (r reader) Query(q string, args ...any) (*sql.Rows, error) {
	return r.db.Read().QueryContext(r.ctx, q, args...)
}

// notFound turns "no rows" into ErrNotFound.
func notFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

func loadMACKey(ctx context.Context, d *db.DB) (key []byte, err error) {
	err = d.Write(ctx, func(tx *sql.Tx) error {
		fresh := make([]byte, 32)
		rand.Read(fresh)
		if _, err := tx.Exec(`INSERT INTO identity_keys (name, value) VALUES ('challenge', ?)
			ON CONFLICT (name) DO NOTHING`, fresh); err != nil {
			return err
		}
		return tx.QueryRow(`SELECT value FROM identity_keys WHERE name = 'challenge'`).Scan(&key)
	})
	return key, err
}

const personColumns = `id, name, agency, roles, state, since`

func scanPerson(row db.Row) (p Person, err error) {
	var roles string
	var since int64
	if err := row.Scan(&p.ID, &p.Name, &p.Agency, &roles, &p.State, &since); err != nil {
		return Person{}, err
	}
	p.Since = db.Time(since)
	return p, json.Unmarshal([]byte(roles), &p.Roles)
}

func person(q querier, id string) (Person, error) {
	p, err := scanPerson(q.QueryRow(`SELECT `+personColumns+` FROM identity_people WHERE id = ?`, id))
	return p, notFound(err)
}

func people(q querier, agency string) ([]Person, error) {
	return db.All(scanPerson)(q.Query(`SELECT `+personColumns+` FROM identity_people WHERE agency = ? ORDER BY id`, agency))
}

func insertPerson(tx *sql.Tx, p Person) error {
	roles, err := json.Marshal(p.Roles)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO identity_people (`+personColumns+`) VALUES (?, ?, ?, ?, ?, ?)`,
		p.ID, p.Name, p.Agency, string(roles), p.State, db.Micros(p.Since))
	if err != nil {
		return fmt.Errorf("storing a person: %w", err)
	}
	return nil
}

func setRoles(tx *sql.Tx, id string, roles []Role) error {
	data, err := json.Marshal(roles)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE identity_people SET roles = ? WHERE id = ?`, string(data), id)
	return err
}

func removePerson(tx *sql.Tx, id string) error {
	for _, q := range []string{
		`UPDATE identity_people SET state = 'removed' WHERE id = ?`,
		`UPDATE identity_credentials SET state = 'disabled' WHERE person = ?`,
		`DELETE FROM identity_sessions WHERE person = ?`,
		`DELETE FROM identity_invitations WHERE person = ? AND used_by = ''`,
	} {
		if _, err := tx.Exec(q, id); err != nil {
			return fmt.Errorf("removing a person: %w", err)
		}
	}
	return nil
}

// credential is a device with what verifying needs.
type credential struct {
	Device
	cose       []byte // public key as COSE_Key (RFC 9052)
	transports []string
	counter    uint32
	last       []byte
}

const credentialColumns = `id, person, label, public_key, cose, transports, prf, state, counter, last, added, used`

func scanCredential(row db.Row) (c credential, err error) {
	var transports string
	var added, used int64
	if err := row.Scan(&c.ID, &c.Person, &c.Label, &c.PublicKey, &c.cose, &transports, &c.PRF,
		&c.State, &c.counter, &c.last, &added, &used); err != nil {
		return credential{}, err
	}
	c.Added, c.Used = db.Time(added), db.Time(used)
	return c, json.Unmarshal([]byte(transports), &c.transports)
}

func credentialByID(q querier, id []byte) (credential, error) {
	c, err := scanCredential(q.QueryRow(`SELECT `+credentialColumns+` FROM identity_credentials WHERE id = ?`, id))
	return c, notFound(err)
}

func credentials(q querier, person string) ([]credential, error) {
	return db.All(scanCredential)(q.Query(`SELECT `+credentialColumns+` FROM identity_credentials WHERE person = ? ORDER BY added, id`, person))
}

// insertCredential stores a pending credential; the same one again is no error.
func insertCredential(tx *sql.Tx, c credential) error {
	transports, err := json.Marshal(c.transports)
	if err != nil {
		return err
	}
	have, err := credentialByID(tx, c.ID)
	switch {
	case err == nil && have.Person == c.Person && have.State == Pending:
		return nil
	case err == nil:
		return errors.New("identity: this passkey is already enrolled")
	case !errors.Is(err, ErrNotFound):
		return err
	}
	_, err = tx.Exec(`INSERT INTO identity_credentials (`+credentialColumns+`)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, 0)`,
		[]byte(c.ID), c.Person, c.Label, []byte(c.PublicKey), c.cose, string(transports), c.PRF,
		c.State, c.counter, db.Micros(c.Added))
	return err
}

func disableCredential(tx *sql.Tx, id []byte) error {
	if _, err := tx.Exec(`UPDATE identity_credentials SET state = 'disabled' WHERE id = ?`, id); err != nil {
		return err
	}
	_, err := tx.Exec(`DELETE FROM identity_sessions WHERE credential = ?`, id)
	return err
}

// acceptAnswer moves a credential's counter to what an accepted answer carried.
func acceptAnswer(tx *sql.Tx, id []byte, counter uint32, last [32]byte, at time.Time) error {
	_, err := tx.Exec(`UPDATE identity_credentials SET counter = ?, last = ?, used = ? WHERE id = ?`,
		counter, last[:], db.Micros(at), id)
	return err
}

// activate makes person's pending credential active, drops her other pending
// ones, and makes her enrolled.
func activate(tx *sql.Tx, person string, id []byte) error {
	res, err := tx.Exec(`UPDATE identity_credentials SET state = 'active'
		WHERE id = ? AND person = ? AND state = 'pending'`, id, person)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(err, ErrNotFound)
	}
	if _, err := tx.Exec(`DELETE FROM identity_credentials WHERE person = ? AND state = 'pending'`, person); err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE identity_people SET state = 'enrolled' WHERE id = ? AND state = 'invited'`, person)
	return err
}

func insertInvitation(tx *sql.Tx, inv Invitation) error {
	_, err := tx.Exec(`INSERT INTO identity_invitations (id, token_hash, person, expires, used_by)
		VALUES (?, ?, ?, ?, '')`, inv.ID, inv.TokenHash[:], inv.Person, db.Micros(inv.Expires))
	if err != nil {
		return fmt.Errorf("storing an invitation: %w", err)
	}
	return nil
}

func invitationByHash(q querier, hash [32]byte) (inv Invitation, err error) {
	var expires int64
	err = q.QueryRow(`SELECT id, person, expires, used_by FROM identity_invitations WHERE token_hash = ?`, hash[:]).
		Scan(&inv.ID, &inv.Person, &expires, &inv.UsedBy)
	inv.TokenHash, inv.Expires = hash, db.Time(expires)
	return inv, notFound(err)
}

func useInvitation(tx *sql.Tx, id, act string) error {
	res, err := tx.Exec(`UPDATE identity_invitations SET used_by = ? WHERE id = ? AND used_by = ''`, act, id)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(err, ErrInvitation)
	}
	return nil
}

// spend marks a challenge as used and forgets those that have expired.
// ErrReplayed when it was used before.
func spend(tx *sql.Tx, challenge []byte, expires, now time.Time) error {
	if _, err := tx.Exec(`DELETE FROM identity_spent WHERE expires < ?`, db.Micros(now)); err != nil {
		return err
	}
	res, err := tx.Exec(`INSERT INTO identity_spent (challenge, expires) VALUES (?, ?)
		ON CONFLICT (challenge) DO NOTHING`, challenge, db.Micros(expires))
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(err, ErrReplayed)
	}
	return nil
}

func insertSession(tx *sql.Tx, hash [32]byte, person string, credential []byte, now time.Time) error {
	_, err := tx.Exec(`INSERT INTO identity_sessions (token_hash, person, credential, started, used)
		VALUES (?, ?, ?, ?, ?)`, hash[:], person, credential, db.Micros(now), db.Micros(now))
	return err
}

func sessionByHash(q querier, hash [32]byte) (s Session, err error) {
	var started, used int64
	err = q.QueryRow(`SELECT person, credential, started, used FROM identity_sessions WHERE token_hash = ?`, hash[:]).
		Scan(&s.person, &s.Device, &started, &used)
	s.Started, s.used = db.Time(started), db.Time(used)
	return s, notFound(err)
}

func touchSession(tx *sql.Tx, hash [32]byte, at time.Time) error {
	_, err := tx.Exec(`UPDATE identity_sessions SET used = ? WHERE token_hash = ?`, db.Micros(at), hash[:])
	return err
}

func deleteSession(tx *sql.Tx, hash [32]byte) error {
	_, err := tx.Exec(`DELETE FROM identity_sessions WHERE token_hash = ?`, hash[:])
	return err
}

func deleteSessions(tx *sql.Tx, person string) error {
	_, err := tx.Exec(`DELETE FROM identity_sessions WHERE person = ?`, person)
	return err
}

// sweep removes what has expired.
func sweep(tx *sql.Tx, now time.Time) error {
	if _, err := tx.Exec(`DELETE FROM identity_sessions WHERE used < ? OR started < ?`,
		db.Micros(now.Add(-SessionIdle)), db.Micros(now.Add(-SessionMax))); err != nil {
		return err
	}
	_, err := tx.Exec(`DELETE FROM identity_invitations WHERE expires < ? AND used_by = ''`, db.Micros(now))
	return err
}
