package faces

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"math"
	"time"

	"porchlight/db"
	"porchlight/vision"
)

var migrations = []string{`
CREATE TABLE home_faces_setting (
	id    INTEGER PRIMARY KEY CHECK (id = 1),
	on_   INTEGER NOT NULL,
	place TEXT NOT NULL,
	city  TEXT NOT NULL,
	scrub INTEGER NOT NULL -- 1: something was deleted and the database's files were not yet emptied of it
);
INSERT INTO home_faces_setting (id, on_, place, city, scrub) VALUES (1, 0, '', '', 0);
CREATE TABLE home_faces_person (
	id        TEXT PRIMARY KEY,
	name      TEXT NOT NULL,
	added     INTEGER NOT NULL,
	consented INTEGER NOT NULL,
	given_by  TEXT NOT NULL,
	text      TEXT NOT NULL,
	link_hash BLOB NOT NULL UNIQUE
);
-- What the faces of named people look like: 128 32-bit floats, little-endian.
CREATE TABLE home_faces_likeness (
	person TEXT NOT NULL,
	added  INTEGER NOT NULL,
	vector BLOB NOT NULL
);
CREATE INDEX home_faces_likeness_person ON home_faces_likeness (person);
`}

var tables = []string{"home_faces_person", "home_faces_likeness"}

type setting struct {
	on    bool
	place Place
	scrub bool
}

func loadSetting(ctx context.Context, q interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}) (s setting, err error) {
	err = q.QueryRowContext(ctx, "SELECT on_, place, city, scrub FROM home_faces_setting").Scan(&s.on, &s.place.Code, &s.place.City, &s.scrub)
	return s, err
}

func putSetting(ctx context.Context, tx *sql.Tx, s setting) error {
	_, err := tx.ExecContext(ctx, "UPDATE home_faces_setting SET on_ = ?, place = ?, city = ?, scrub = ?", s.on, s.place.Code, s.place.City, s.scrub)
	return err
}

const columns = `SELECT id, name, added, consented, given_by, text, (SELECT count(*) FROM home_faces_likeness WHERE person = id) FROM home_faces_person `

func scan(r db.Row) (p Person, err error) {
	err = r.Scan(&p.ID, &p.Name, db.Into(&p.Added), db.Into(&p.Consent.Given), &p.Consent.By, &p.Consent.Text, &p.Pictures)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return p, err
}

func insertPerson(ctx context.Context, tx *sql.Tx, p Person, linkHash []byte) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO home_faces_person (id, name, added, consented, given_by, text, link_hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
		p.ID, p.Name, db.Micros(p.Added), db.Micros(p.Consent.Given), p.Consent.By, p.Consent.Text, linkHash)
	return err
}

func insertLikeness(ctx context.Context, tx *sql.Tx, person string, at time.Time, v vision.Embedding) error {
	blob := make([]byte, 0, 4*len(v))
	for _, x := range v {
		blob = binary.LittleEndian.AppendUint32(blob, math.Float32bits(x))
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO home_faces_likeness (person, added, vector) VALUES (?, ?, ?)", person, db.Micros(at), blob)
	return err
}

func loadLikenesses(ctx context.Context, d *db.DB) (map[string][]vision.Embedding, error) {
	all := map[string][]vision.Embedding{}
	return all, db.Each(func(r db.Row) error {
		var person string
		var blob []byte
		if err := r.Scan(&person, &blob); err != nil {
			return err
		}
		v := make(vision.Embedding, len(blob)/4)
		for i := range v {
			v[i] = math.Float32frombits(binary.LittleEndian.Uint32(blob[4*i:]))
		}
		all[person] = append(all[person], v)
		return nil
	})(d.Read().QueryContext(ctx, "SELECT person, vector FROM home_faces_likeness ORDER BY added"))
}

// removePerson deletes one person, or all when id is "".
func removePerson(ctx context.Context, tx *sql.Tx, id string) (n int64, err error) {
	if _, err := tx.ExecContext(ctx, "DELETE FROM home_faces_likeness WHERE person = ? OR ? = ''", id, id); err != nil {
		return 0, err
	}
	res, err := tx.ExecContext(ctx, "DELETE FROM home_faces_person WHERE id = ? OR ? = ''", id, id)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}
