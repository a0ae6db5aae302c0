package image

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"porchlight/db"
)

// Times are microseconds since 1970, days "2026-11-22". closed rolls take no
// more pictures. purge is the act that is about to end the picture.
var migrations = []string{`
CREATE TABLE image_roll (
	blob TEXT PRIMARY KEY, owner TEXT NOT NULL, day TEXT NOT NULL, closed INTEGER NOT NULL DEFAULT 0);
CREATE TABLE image_picture (
	id TEXT PRIMARY KEY, owner TEXT NOT NULL, seen INTEGER NOT NULL, due INTEGER NOT NULL,
	roll TEXT NOT NULL REFERENCES image_roll (blob), start INTEGER NOT NULL, size INTEGER NOT NULL,
	held INTEGER NOT NULL DEFAULT 0, purge TEXT NOT NULL DEFAULT '');
CREATE INDEX image_picture_seen ON image_picture (owner, seen);
CREATE INDEX image_picture_due ON image_picture (due);
CREATE INDEX image_picture_roll ON image_picture (roll);
CREATE TABLE image_header (
	picture TEXT NOT NULL REFERENCES image_picture (id), agency TEXT NOT NULL, header BLOB NOT NULL,
	expires INTEGER NOT NULL DEFAULT 0, -- of a share; 0: the owner's
	PRIMARY KEY (picture, agency));
CREATE INDEX image_header_expires ON image_header (expires);
CREATE TABLE image_ask (
	id TEXT PRIMARY KEY, picture TEXT NOT NULL, read_id TEXT NOT NULL, owner TEXT NOT NULL, asker TEXT NOT NULL,
	person TEXT NOT NULL, search TEXT NOT NULL, at INTEGER NOT NULL, shared INTEGER NOT NULL DEFAULT 0, expires INTEGER NOT NULL DEFAULT 0,
	UNIQUE (picture, asker));
CREATE INDEX image_ask_owner ON image_ask (owner, at);
CREATE INDEX image_ask_asker ON image_ask (asker, at);
CREATE TABLE image_setting (owner TEXT PRIMARY KEY, keep INTEGER NOT NULL); -- microseconds
CREATE TABLE image_refused (
	owner TEXT NOT NULL, day TEXT NOT NULL, why TEXT NOT NULL, pictures INTEGER NOT NULL,
	PRIMARY KEY (owner, day, why));
`, `
CREATE TABLE image_open ( -- views under way, at any node
	act TEXT PRIMARY KEY, session BLOB NOT NULL, until INTEGER NOT NULL, agency TEXT NOT NULL, pictures TEXT NOT NULL);
CREATE INDEX image_open_until ON image_open (until);
`}

func insertRoll(tx *sql.Tx, blob string, k rollKey) error {
	_, err := tx.Exec(`INSERT INTO image_roll (blob, owner, day) VALUES (?, ?, ?)`, blob, k.owner, k.day)
	return err
}

// insertPicture records a picture that lies in its roll; one that is there
// already stays. errRollClosed.
func insertPicture(tx *sql.Tx, p Picture, header []byte) error {
	var closed int
	err := tx.QueryRow(`SELECT closed FROM image_roll WHERE blob = ?`, p.roll).Scan(&closed)
	if errors.Is(err, sql.ErrNoRows) || err == nil && closed != 0 {
		return errRollClosed
	} else if err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO image_picture (id, owner, seen, due, roll, start, size) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO NOTHING`, p.ID, p.Owner, p.Seen.UnixMicro(), p.Due.UnixMicro(), p.roll, p.start, p.Size); err != nil {
		return err
	}
	// Of two that kept the same picture at once, the header must be the payload's.
	_, err = tx.Exec(`INSERT INTO image_header (picture, agency, header) SELECT id, owner, ? FROM image_picture
		WHERE id = ? AND roll = ? AND start = ? ON CONFLICT (picture, agency) DO NOTHING`, header, p.ID, p.roll, p.start)
	return err
}

func (s *Service) kept(ctx context.Context, id string) (yes bool, err error) {
	_, err = s.picture(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

const pictureColumns = `id, owner, seen, due, roll, start, size, held`

// picture returns one picture. ErrNotFound.
func (s *Service) picture(ctx context.Context, id string) (Picture, error) {
	return db.First(s.pictures(ctx, `id = ?`, id))(ErrNotFound)
}

func scanPicture(row db.Row) (p Picture, err error) {
	var seen, due, held int64
	if err := row.Scan(&p.ID, &p.Owner, &seen, &due, &p.roll, &p.start, &p.Size, &held); err != nil {
		return p, err
	}
	p.Seen, p.Due, p.Held = time.UnixMicro(seen).UTC(), time.UnixMicro(due).UTC(), held != 0
	return p, nil
}

func (s *Service) pictures(ctx context.Context, where string, args ...any) ([]Picture, error) {
	ps, err := db.All(scanPicture)(s.DB.Read().QueryContext(ctx, `SELECT `+pictureColumns+` FROM image_picture WHERE `+where, args...))
	if err != nil {
		return nil, fmt.Errorf("reading pictures: %w", err)
	}
	return ps, nil
}

// header is what an agency opens a picture with. ErrNotFound when it has none,
// or its share ended.
func (s *Service) header(ctx context.Context, picture, agency string) (header []byte, err error) {
	err = s.DB.Read().QueryRowContext(ctx, `SELECT header FROM image_header
		WHERE picture = ? AND agency = ? AND (expires = 0 OR expires > ?)`, picture, agency, s.Now().UnixMicro()).Scan(&header)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	return header, err
}

func scanRollKey(row db.Row) (k rollKey, err error) {
	if err := row.Scan(&k.owner, &k.day); err != nil {
		return k, err
	}
	return k, nil
}

// due lists the days of owners with pictures that are due.
func (s *Service) due(ctx context.Context, now time.Time) (ks []rollKey, err error) {
	return db.All(scanRollKey)(s.DB.Read().QueryContext(ctx, `SELECT DISTINCT r.owner, r.day FROM image_picture p
		JOIN image_roll r ON r.blob = p.roll WHERE p.due <= ? ORDER BY r.day, r.owner`, now.UnixMicro()))
}

// markForPurge marks an owner's pictures seen in a time that are due at limit as
// going by act, but for those needed, which are due again at later.
func markForPurge(tx *sql.Tx, owner string, from, to, limit time.Time, act string, needed []string, later time.Time) (going, held int64, err error) {
	going, err = changed(tx.Exec(`UPDATE image_picture SET purge = ? WHERE owner = ? AND seen >= ? AND seen < ? AND due <= ?`,
		act, owner, from.UnixMicro(), to.UnixMicro(), limit.UnixMicro()))
	if err != nil {
		return 0, 0, err
	}
	for _, id := range needed {
		n, err := changed(tx.Exec(`UPDATE image_picture SET purge = '', held = 1, due = ? WHERE id = ? AND purge = ?`, later.UnixMicro(), id, act))
		if err != nil {
			return 0, 0, err
		}
		held += n
	}
	return going - held, held, nil
}

// deleteMarked erases what act marked: headers and records.
func deleteMarked(tx *sql.Tx, owner, act string) error {
	if _, err := tx.Exec(`DELETE FROM image_header WHERE picture IN
		(SELECT id FROM image_picture WHERE owner = ? AND purge = ?)`, owner, act); err != nil {
		return err
	}
	_, err := tx.Exec(`DELETE FROM image_picture WHERE owner = ? AND purge = ?`, owner, act)
	return err
}

// stranded lists an owner's held pictures seen in a time that lie in a roll they
// share, in which nothing else is left.
func (s *Service) stranded(ctx context.Context, owner string, from, to time.Time) ([]Picture, error) {
	return s.pictures(ctx, `owner = ? AND seen >= ? AND seen < ? AND held = 1 AND roll LIKE 'roll-%'
		AND NOT EXISTS (SELECT 1 FROM image_picture o WHERE o.roll = image_picture.roll AND o.held = 0) ORDER BY id`,
		owner, from.UnixMicro(), to.UnixMicro())
}

func movePicture(tx *sql.Tx, p Picture, blob string) error {
	_, err := tx.Exec(`UPDATE image_picture SET roll = ?, start = 0 WHERE id = ? AND roll = ?`, blob, p.ID, p.roll)
	return err
}

func scanString(row db.Row) (b string, err error) {
	if err := row.Scan(&b); err != nil {
		return b, err
	}
	return b, nil
}

// closeEmpty closes the rolls without pictures and lists all closed ones.
func closeEmpty(tx *sql.Tx) (blobs []string, err error) {
	if _, err := tx.Exec(`UPDATE image_roll SET closed = 1 WHERE closed = 0
		AND NOT EXISTS (SELECT 1 FROM image_picture p WHERE p.roll = image_roll.blob)`); err != nil {
		return nil, err
	}
	return db.All(scanString)(tx.Query(`SELECT blob FROM image_roll WHERE closed = 1`))
}

func deleteRoll(tx *sql.Tx, blob string) error {
	_, err := tx.Exec(`DELETE FROM image_roll WHERE blob = ? AND closed = 1`, blob)
	return err
}

func deleteShares(tx *sql.Tx, now time.Time) (int64, error) {
	return changed(tx.Exec(`DELETE FROM image_header WHERE expires > 0 AND expires <= ?`, now.UnixMicro()))
}

// setting is how long an owner wants its pictures kept; 0 when it says nothing.
func (s *Service) setting(ctx context.Context, owner string) (time.Duration, error) {
	var keep int64
	err := s.DB.Read().QueryRowContext(ctx, `SELECT keep FROM image_setting WHERE owner = ?`, owner).Scan(&keep)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return time.Duration(keep) * time.Microsecond, err
}

// setKeep stores the setting and brings forward what is due later than it says.
func setKeep(tx *sql.Tx, owner string, keep time.Duration) error {
	if _, err := tx.Exec(`INSERT INTO image_setting (owner, keep) VALUES (?, ?)
		ON CONFLICT (owner) DO UPDATE SET keep = excluded.keep`, owner, keep.Microseconds()); err != nil || keep == 0 {
		return err
	}
	_, err := tx.Exec(`UPDATE image_picture SET due = seen + ? WHERE owner = ? AND held = 0 AND due > seen + ?`,
		keep.Microseconds(), owner, keep.Microseconds())
	return err
}

func addRefusals(tx *sql.Tx, r refusal, n int64) error {
	_, err := tx.Exec(`INSERT INTO image_refused (owner, day, why, pictures) VALUES (?, ?, ?, ?)
		ON CONFLICT (owner, day, why) DO UPDATE SET pictures = image_refused.pictures + excluded.pictures`, r.owner, r.day, r.why, n)
	return err
}

func (s *Service) refusals(ctx context.Context, owner, since string) (map[Why]int64, error) {
	out := map[Why]int64{}
	err := db.Each(func(row db.Row) error {
		var why Why
		var n int64
		err := row.Scan(&why, &n)
		out[why] = n
		return err
	})(s.DB.Read().QueryContext(ctx, `SELECT why, SUM(pictures) FROM image_refused WHERE owner = ? AND day >= ? GROUP BY why`, owner, since))
	return out, err
}

// insertOpen opens pictures (ids, separated by spaces) to a session until a time.
func insertOpen(tx *sql.Tx, act, session, agency, pictures string, until time.Time) error {
	of := sha256.Sum256([]byte(session))
	_, err := tx.Exec(`INSERT INTO image_open (act, session, until, agency, pictures) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (act) DO NOTHING`, act, of[:], until.UnixMicro(), agency, pictures)
	return err
}

func deleteClosed(tx *sql.Tx, now time.Time) error {
	_, err := tx.Exec(`DELETE FROM image_open WHERE until <= ?`, now.UnixMicro())
	return err
}

// opened reports whether an act has a picture open to this session, for which
// agency.
func (s *Service) opened(ctx context.Context, session, act, picture string) (agency string, yes bool, err error) {
	of := sha256.Sum256([]byte(session))
	var pictures string
	err = s.DB.Read().QueryRowContext(ctx, `SELECT agency, pictures FROM image_open WHERE act = ? AND session = ? AND until > ?`,
		act, of[:], s.Now().UnixMicro()).Scan(&agency, &pictures)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	return agency, err == nil && slices.Contains(strings.Fields(pictures), picture), err
}

const askQuery = `SELECT id, picture, read_id, owner, asker, person, search, at, shared, expires,
	CASE WHEN EXISTS (SELECT 1 FROM image_picture p WHERE p.id = image_ask.picture) THEN 0 ELSE 1 END FROM image_ask WHERE `

func scanAsk(row db.Row) (a Ask, err error) {
	var read string
	var at, shared, expires, gone int64
	if err := row.Scan(&a.ID, &a.Picture, &read, &a.Owner, &a.Asker, &a.Person, &a.Search, &at, &shared, &expires, &gone); err != nil {
		return a, err
	}
	if _, err := fmt.Sscan(read, (*uint64)(&a.Read)); err != nil {
		return a, err
	}
	a.At, a.Shared, a.Expires, a.Gone = db.Time(at), db.Time(shared), db.Time(expires), gone != 0
	return a, nil
}

func (s *Service) asks(ctx context.Context, where string, args ...any) ([]Ask, error) {
	out, err := db.All(scanAsk)(s.DB.Read().QueryContext(ctx, askQuery+where, args...))
	if err != nil {
		return nil, fmt.Errorf("reading asks: %w", err)
	}
	return out, nil
}

func insertAsk(tx *sql.Tx, a Ask) error {
	n, err := changed(tx.Exec(`INSERT INTO image_ask (id, picture, read_id, owner, asker, person, search, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (picture, asker) DO NOTHING`, a.ID, a.Picture, fmt.Sprint(uint64(a.Read)), a.Owner, a.Asker, a.Person, a.Search, a.At.UnixMicro()))
	if err == nil && n == 0 {
		err = ErrAsked
	}
	return err
}

// insertShare answers an ask: the header for who asked. ErrNotFound when the
// picture has gone or somebody answered meanwhile.
func insertShare(tx *sql.Tx, a Ask, header []byte, at, expires time.Time) error {
	n, err := changed(tx.Exec(`UPDATE image_ask SET shared = ?, expires = ? WHERE id = ? AND shared = 0`, at.UnixMicro(), expires.UnixMicro(), a.ID))
	if err != nil {
		return err
	}
	if n == 1 {
		n, err = changed(tx.Exec(`INSERT INTO image_header (picture, agency, header, expires) SELECT id, ?, ?, ? FROM image_picture WHERE id = ?
			ON CONFLICT (picture, agency) DO UPDATE SET header = excluded.header, expires = excluded.expires`,
			a.Asker, header, expires.UnixMicro(), a.Picture))
	}
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return err
}

func changed(r sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}
