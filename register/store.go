package register

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"porchlight/canvass"
	"porchlight/capability"
	"porchlight/db"
	"porchlight/geo"
)

var migrations = []string{`
CREATE TABLE register_camera (
	id        TEXT PRIMARY KEY,
	agency    TEXT NOT NULL,
	owner     TEXT NOT NULL UNIQUE,
	recipient TEXT NOT NULL,
	lon       INTEGER NOT NULL, -- degrees times 10^7, rounded as she chose
	lat       INTEGER NOT NULL,
	rounding  TEXT NOT NULL,
	films     TEXT NOT NULL,    -- separated by spaces
	note      TEXT NOT NULL,
	days      INTEGER NOT NULL,
	contact   BLOB NOT NULL,    -- age file; empty: none
	vault     TEXT NOT NULL,
	told      INTEGER NOT NULL,
	changed   INTEGER NOT NULL,
	entry     INTEGER NOT NULL
);
CREATE INDEX register_camera_place ON register_camera (agency, lat);
CREATE TABLE register_view (
	id       TEXT PRIMARY KEY, -- of the act
	agency   TEXT NOT NULL,
	person   TEXT NOT NULL,
	role     TEXT NOT NULL,
	case_key TEXT NOT NULL,    -- emptied after leadLasts
	incident TEXT NOT NULL,
	at       INTEGER NOT NULL,
	entry    INTEGER NOT NULL
);
CREATE INDEX register_view_person ON register_view (person, at);
CREATE INDEX register_view_at ON register_view (at);
CREATE TABLE register_look (
	camera TEXT NOT NULL REFERENCES register_camera (id) ON DELETE CASCADE,
	look   TEXT NOT NULL REFERENCES register_view (id) ON DELETE CASCADE,
	PRIMARY KEY (camera, look)
);
CREATE INDEX register_look_look ON register_look (look);
CREATE TABLE register_message (
	id         TEXT PRIMARY KEY, -- of the act
	camera     TEXT NOT NULL REFERENCES register_camera (id) ON DELETE CASCADE,
	from_owner INTEGER NOT NULL,
	case_key   TEXT NOT NULL,    -- of an officer's
	sealed     BLOB NOT NULL,
	at         INTEGER NOT NULL,
	entry      INTEGER NOT NULL
);
CREATE INDEX register_message_camera ON register_message (camera, entry);
`, `
ALTER TABLE register_camera ADD COLUMN past BLOB NOT NULL DEFAULT '';
`}

// caseKey makes "24-00123", "24 00123" and "24.00123" one case.
func caseKey(number string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToUpper(r)
		}
		return -1
	}, number)
}

const cameraColumns = `id, agency, owner, recipient, lon, lat, rounding, films, note, days, contact, vault, told, changed, entry, past`

func scanCamera(row db.Row) (c Camera, err error) {
	var films string
	var entry int64
	err = row.Scan(&c.ID, &c.Agency, &c.owner, &c.Recipient, &c.Place.Lon, &c.Place.Lat, &c.Rounding, &films, &c.Note, &c.Days,
		&c.Contact, &c.Vault, db.Into(&c.Told), db.Into(&c.Changed), &entry, &c.Past)
	for _, f := range strings.Fields(films) {
		c.Films = append(c.Films, Films(f))
	}
	c.Entry = uint64(entry)
	return c, err
}

// camera reads one camera; where follows the WHERE. ErrNotFound.
func (s *Service) camera(ctx context.Context, where string, args ...any) (Camera, error) {
	c, err := scanCamera(s.DB.Read().QueryRowContext(ctx, `SELECT `+cameraColumns+` FROM register_camera WHERE `+where, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return c, ErrNotFound
	}
	if err != nil {
		return c, fmt.Errorf("reading a camera: %w", err)
	}
	return c, nil
}

func insert(tx *sql.Tx, c Camera) error {
	_, err := tx.Exec(`INSERT INTO register_camera (`+cameraColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		c.ID, c.Agency, c.owner, c.Recipient, c.Place.Lon, c.Place.Lat, c.Rounding, words(c.Films), c.Note, c.Days,
		blob(c.Contact), c.Vault, db.Micros(c.Told), db.Micros(c.Changed), int64(c.Entry), blob(c.Past))
	return err
}

func update(tx *sql.Tx, c Camera) error {
	return changed(tx.Exec(`UPDATE register_camera SET lon = ?, lat = ?, rounding = ?, films = ?, note = ?, days = ?, contact = ?, vault = ?, changed = ? WHERE id = ?`,
		c.Place.Lon, c.Place.Lat, c.Rounding, words(c.Films), c.Note, c.Days, blob(c.Contact), c.Vault, db.Micros(c.Changed), c.ID))
}

// relink makes the next link the only one. capability.ErrInput when it is another's.
func relink(tx *sql.Tx, c Camera, next capability.Holder, past []byte) error {
	err := changed(tx.Exec(`UPDATE register_camera SET owner = ?, recipient = ?, past = ? WHERE id = ? AND owner = ?`, next.Owner, next.Recipient, past, c.ID, c.owner))
	if db.Duplicate(err) {
		err = capability.ErrInput
	}
	return err
}

// erase takes a camera out, with its letters and what is known of who saw it.
func erase(tx *sql.Tx, id string) error {
	for _, table := range []string{"register_message", "register_look"} {
		if _, err := tx.Exec(`DELETE FROM `+table+` WHERE camera = ?`, id); err != nil {
			return err
		}
	}
	return changed(tx.Exec(`DELETE FROM register_camera WHERE id = ?`, id))
}

// blob is b as it is stored: never NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// changed turns an update that met no row into ErrChanged.
var changed = db.Changed(ErrChanged)

// recordLook keeps who looked, and at which cameras: those of the agency in the area.
func recordLook(tx *sql.Tx, v view, area geo.Polygon) error {
	if _, err := tx.Exec(`INSERT INTO register_view (id, agency, person, role, case_key, incident, at, entry) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		v.id, v.agency, v.person, v.role, v.caseKey, v.incident, db.Micros(v.at), int64(v.entry)); err != nil {
		return err
	}
	b := area.Bounds()
	seen, err := db.All(scanCamera)(tx.Query(`SELECT `+cameraColumns+` FROM register_camera
		WHERE agency = ? AND lat BETWEEN ? AND ? AND lon BETWEEN ? AND ?`, v.agency, b.South, b.North, b.West, b.East))
	if err != nil {
		return err
	}
	for _, c := range seen {
		if !area.ContainsPoint(c.Place) {
			continue
		}
		if _, err := tx.Exec(`INSERT INTO register_look (camera, look) VALUES (?, ?)`, c.ID, v.id); err != nil {
			return err
		}
	}
	return nil
}

type view struct {
	id, agency, person, role, caseKey string
	incident                          canvass.Incident
	at                                time.Time
	entry                             uint64
}

// seen reads the cameras of a look, oldest first.
func (s *Service) seen(ctx context.Context, look string) ([]Camera, error) {
	return db.All(scanCamera)(s.DB.Read().QueryContext(ctx, `SELECT `+cameraColumns+` FROM register_camera
		WHERE id IN (SELECT camera FROM register_look WHERE look = ?) ORDER BY id`, look))
}

// looks reads who saw a camera, newest first.
func (s *Service) looks(ctx context.Context, camera string) ([]Look, error) {
	return db.All(func(row db.Row) (l Look, err error) {
		var entry int64
		err = row.Scan(db.Into(&l.At), &l.Role, &l.Incident, &entry)
		l.Entry = uint64(entry)
		return l, err
	})(s.DB.Read().QueryContext(ctx, `SELECT v.at, v.role, v.incident, v.entry FROM register_look l JOIN register_view v ON v.id = l.look
		WHERE l.camera = ? ORDER BY v.at DESC, v.entry DESC`, camera))
}

const messageColumns = `id, from_owner, sealed, at, entry`

func scanMessage(row db.Row) (m Message, err error) {
	var entry int64
	err = row.Scan(&m.ID, &m.FromOwner, &m.Sealed, db.Into(&m.At), &entry)
	m.Entry = uint64(entry)
	return m, err
}

// messages reads the letters about a camera, oldest first.
func (s *Service) messages(ctx context.Context, camera string) ([]Message, error) {
	return db.All(scanMessage)(s.DB.Read().QueryContext(ctx, `SELECT `+messageColumns+` FROM register_message WHERE camera = ? ORDER BY entry`, camera))
}

func addMessage(tx *sql.Tx, camera, caseKey string, m Message) error {
	var n int
	if err := tx.QueryRow(`SELECT count(*) FROM register_message WHERE camera = ?`, camera).Scan(&n); err != nil {
		return err
	}
	if n >= maxMessages {
		return ErrFull
	}
	// The camera may have been taken back at this moment.
	return changed(tx.Exec(`INSERT INTO register_message (id, camera, from_owner, case_key, sealed, at, entry)
		SELECT ?, id, ?, ?, ?, ?, ? FROM register_camera WHERE id = ?`,
		m.ID, m.FromOwner, caseKey, m.Sealed, db.Micros(m.At), int64(m.Entry), camera))
}
