package roster

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/geo"
	"porchlight/identity"
)

var migrations = []string{`
CREATE TABLE roster_agencies (
	ori TEXT PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL,
	contact TEXT NOT NULL, jurisdiction TEXT NOT NULL, -- GeoJSON
	status TEXT NOT NULL, reason TEXT NOT NULL, since INTEGER NOT NULL,
	invited_by TEXT NOT NULL, -- act
	changed_by TEXT NOT NULL  -- act of the last suspension or restoration
);
CREATE TABLE roster_vaults (
	recipient TEXT PRIMARY KEY, ori TEXT NOT NULL REFERENCES roster_agencies (ori),
	entry INTEGER NOT NULL, since INTEGER NOT NULL
);
CREATE INDEX roster_vaults_ori ON roster_vaults (ori, entry);
CREATE TABLE roster_devices (
	credential BLOB PRIMARY KEY, person TEXT NOT NULL, recipient TEXT NOT NULL, entry INTEGER NOT NULL
);
CREATE INDEX roster_devices_person ON roster_devices (person);
CREATE TABLE roster_keys (
	vault TEXT NOT NULL REFERENCES roster_vaults (recipient), credential BLOB NOT NULL, -- empty: recovery key
	ori TEXT NOT NULL, age BLOB NOT NULL,
	PRIMARY KEY (vault, credential)
);
`, `
ALTER TABLE roster_vaults ADD COLUMN use TEXT NOT NULL DEFAULT 'evidence';
`}

// Directory reads the roster. It needs no gate, so that the gate can ask it.
type Directory struct{ db *db.DB }

// OpenDirectory opens the roster's tables.
func OpenDirectory(ctx context.Context, d *db.DB) (*Directory, error) {
	if err := d.Migrate(ctx, "roster", migrations); err != nil {
		return nil, err
	}
	return &Directory{d}, nil
}

const agencyQuery = `SELECT a.ori, a.name, a.kind, a.state, a.contact, a.jurisdiction, a.status, a.reason, a.since,
	v.recipient, v.entry, v.since, p.recipient, p.entry, p.since
	FROM roster_agencies a
	LEFT JOIN roster_vaults v ON v.recipient =
		(SELECT recipient FROM roster_vaults WHERE ori = a.ori AND use = 'evidence' ORDER BY entry DESC LIMIT 1)
	LEFT JOIN roster_vaults p ON p.recipient =
		(SELECT recipient FROM roster_vaults WHERE ori = a.ori AND use = 'plates' ORDER BY entry DESC LIMIT 1)`

func scanAgency(row db.Row) (a Agency, err error) {
	var area string
	var since int64
	var evidence, plates vaultColumns
	if err := row.Scan(&a.ORI, &a.Name, &a.Kind, &a.State, &a.Contact, &area, &a.Status, &a.Reason, &since,
		&evidence.recipient, &evidence.entry, &evidence.since, &plates.recipient, &plates.entry, &plates.since); err != nil {
		return Agency{}, err
	}
	if a.Jurisdiction, err = geo.ParsePolygon([]byte(area)); err != nil {
		return Agency{}, fmt.Errorf("stored jurisdiction of %s: %w", a.ORI, err)
	}
	a.Since = time.UnixMicro(since).UTC()
	a.Vault, a.Plates = evidence.vault(), plates.vault()
	return a, nil
}

// vaultColumns are NULL where there is no vault.
type vaultColumns struct {
	recipient    sql.NullString
	entry, since sql.NullInt64
}

func (c vaultColumns) vault() *Vault {
	if !c.recipient.Valid {
		return nil
	}
	return &Vault{c.recipient.String, uint64(c.entry.Int64), time.UnixMicro(c.since.Int64).UTC()}
}

// PlatesVault returns the recipient that pictures of an agency's reads are
// encrypted to, "" when it has published none.
func (d *Directory) PlatesVault(ctx context.Context, ori string) (recipient string, err error) {
	err = d.db.Read().QueryRowContext(ctx, `SELECT recipient FROM roster_vaults WHERE ori = ? AND use = 'plates'
		ORDER BY entry DESC LIMIT 1`, ori).Scan(&recipient)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return recipient, err
}

// Agency returns one agency. ErrNotFound.
func (d *Directory) Agency(ctx context.Context, ori string) (Agency, error) {
	a, err := scanAgency(d.db.Read().QueryRowContext(ctx, agencyQuery+` WHERE a.ori = ?`, ori))
	if errors.Is(err, sql.ErrNoRows) {
		return Agency{}, ErrNotFound
	}
	return a, err
}

// Agencies returns all agencies by name.
func (d *Directory) Agencies(ctx context.Context) ([]Agency, error) {
	return db.All(scanAgency)(d.db.Read().QueryContext(ctx, agencyQuery+` ORDER BY a.name, a.ori`))
}

// AgencyFacts is what policy must know of an agency; see gate.Agencies.
func (d *Directory) AgencyFacts(ctx context.Context, ori string) (gate.AgencyFacts, error) {
	var f gate.AgencyFacts
	err := d.db.Read().QueryRowContext(ctx, `SELECT kind, status, state FROM roster_agencies WHERE ori = ?`, ori).
		Scan(&f.Kind, &f.Status, &f.State)
	if errors.Is(err, sql.ErrNoRows) {
		return f, ErrNotFound
	}
	return f, err
}

// invitedBy reports whether this act invited the agency.
func (d *Directory) invitedBy(ctx context.Context, ori, act string) (yes bool, err error) {
	err = d.db.Read().QueryRowContext(ctx, `SELECT invited_by = ? FROM roster_agencies WHERE ori = ?`, act, ori).Scan(&yes)
	return yes, err
}

// changedBy reports whether this act made the last suspension or restoration.
func (d *Directory) changedBy(ctx context.Context, ori, act string) (yes bool, err error) {
	err = d.db.Read().QueryRowContext(ctx, `SELECT changed_by = ? FROM roster_agencies WHERE ori = ?`, act, ori).Scan(&yes)
	return yes, err
}

// useOf is what an agency's vault, present or former, is for. ErrNotFound.
func (d *Directory) useOf(ctx context.Context, ori, recipient string) (use Use, err error) {
	err = d.db.Read().QueryRowContext(ctx, `SELECT use FROM roster_vaults WHERE ori = ? AND recipient = ?`, ori, recipient).Scan(&use)
	if errors.Is(err, sql.ErrNoRows) {
		return "", ErrNotFound
	}
	return use, err
}

// keysOf fills in what the roster knows of a device.
func (d *Directory) keysOf(ctx context.Context, device *Device) error {
	device.Opens = []Use{}
	var entry int64
	err := d.db.Read().QueryRowContext(ctx, `SELECT recipient, entry FROM roster_devices WHERE credential = ?`, []byte(device.ID)).
		Scan(&device.Recipient, &entry)
	device.Entry = uint64(entry)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	} else if err != nil {
		return err
	}
	device.Opens, err = db.All(db.One[Use])(d.db.Read().QueryContext(ctx, `SELECT v.use FROM roster_keys k JOIN roster_vaults v ON v.recipient = k.vault
		WHERE k.credential = ? AND v.entry = (SELECT MAX(entry) FROM roster_vaults WHERE ori = v.ori AND use = v.use)
		ORDER BY v.use`, []byte(device.ID)))
	return err
}

func scanWrappedKey(row db.Row) (k WrappedKey, err error) {
	if err := row.Scan(&k.Vault, &k.For, &k.Device, &k.Age); err != nil {
		return k, err
	}
	return k, nil
}

func (d *Directory) keys(ctx context.Context, ori, person string, recovery bool) ([]WrappedKey, error) {
	return db.All(scanWrappedKey)(d.db.Read().QueryContext(ctx, `SELECT k.vault, v.use, k.credential, k.age FROM roster_keys k
		JOIN roster_vaults v ON v.recipient = k.vault WHERE k.ori = ? AND (k.credential IN (SELECT credential FROM roster_devices WHERE person = ?)
			OR (? = 1 AND length(credential) = 0))
		ORDER BY vault, credential`, ori, person, recovery))
}

func insertAgency(tx *sql.Tx, a Agency, area []byte, g *gate.Grant) error {
	_, err := tx.Exec(`INSERT INTO roster_agencies
		(ori, name, kind, state, contact, jurisdiction, status, reason, since, invited_by, changed_by)
		VALUES (?, ?, ?, ?, ?, ?, 'invited', '', ?, ?, '')`,
		a.ORI, a.Name, a.Kind, a.State, a.Contact, string(area), g.At.UnixMicro(), g.ActID)
	if err != nil && db.Duplicate(err) {
		return ErrExists
	}
	return err
}

func activateAgency(tx *sql.Tx, ori, contact string) error {
	return one(tx.Exec(`UPDATE roster_agencies SET status = 'active', contact = ? WHERE ori = ? AND status = 'invited'`, contact, ori))
}

func setStatus(tx *sql.Tx, ori string, from, to Status, reason, act string) error {
	return one(tx.Exec(`UPDATE roster_agencies SET status = ?, reason = ?, changed_by = ? WHERE ori = ? AND status = ?`,
		to, reason, act, ori, from))
}

// one returns ErrState unless exactly one row was changed.
func one(res sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(err, ErrState)
	}
	return nil
}

func insertDevice(tx *sql.Tx, person string, credential identity.Bytes, recipient string, entry uint64) error {
	_, err := tx.Exec(`INSERT INTO roster_devices (credential, person, recipient, entry) VALUES (?, ?, ?, ?)`,
		[]byte(credential), person, recipient, int64(entry))
	return err
}

func insertVault(tx *sql.Tx, ori string, use Use, recipient string, g *gate.Grant) error {
	_, err := tx.Exec(`INSERT INTO roster_vaults (recipient, ori, use, entry, since) VALUES (?, ?, ?, ?, ?)`,
		recipient, ori, use, int64(g.Index), g.At.UnixMicro())
	if err != nil && db.Duplicate(err) {
		return &Invalid{"recipient", "This vault key was published before."}
	}
	return err
}

// insertKey stores a wrapped key; a newer one for the same device replaces it.
func insertKey(tx *sql.Tx, ori string, k WrappedKey) error {
	device := []byte(k.Device)
	if device == nil {
		device = []byte{}
	}
	_, err := tx.Exec(`INSERT INTO roster_keys (vault, credential, ori, age) VALUES (?, ?, ?, ?)
		ON CONFLICT (vault, credential) DO UPDATE SET age = excluded.age`, k.Vault, device, ori, k.Age)
	return err
}

func deleteKeysOf(tx *sql.Tx, person string) error {
	_, err := tx.Exec(`DELETE FROM roster_keys WHERE length(credential) > 0
		AND credential IN (SELECT credential FROM roster_devices WHERE person = ?)`, person)
	return err
}
