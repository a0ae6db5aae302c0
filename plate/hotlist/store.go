package hotlist

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"porchlight/db"
)

var migrations = []string{`
CREATE TABLE hotlist_counter (
	name TEXT PRIMARY KEY, -- lists: grows when what is wanted changes; hits: the last Hit.Seq
	n    INTEGER NOT NULL
);
INSERT INTO hotlist_counter (name, n) VALUES ('lists', 0), ('hits', 0);
CREATE TABLE hotlist_list (
	id      TEXT PRIMARY KEY,
	agency  TEXT NOT NULL,
	name    TEXT NOT NULL,
	kind    TEXT NOT NULL,
	source  TEXT NOT NULL,
	origin  TEXT NOT NULL,
	author  TEXT NOT NULL,
	public  INTEGER NOT NULL,
	offered INTEGER NOT NULL,
	version INTEGER NOT NULL,
	made    INTEGER NOT NULL
);
CREATE INDEX hotlist_list_agency ON hotlist_list (agency);
CREATE TABLE hotlist_entry (
	id      TEXT PRIMARY KEY,
	list    TEXT NOT NULL REFERENCES hotlist_list (id),
	plate   TEXT NOT NULL,
	region  TEXT NOT NULL,
	reason  TEXT NOT NULL,
	basis   TEXT NOT NULL,
	case_number TEXT NOT NULL,
	ref     TEXT NOT NULL,
	author  TEXT NOT NULL,
	vehicle TEXT NOT NULL, -- JSON
	details TEXT NOT NULL,
	made    INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	version INTEGER NOT NULL,
	waits   INTEGER NOT NULL,
	means   TEXT NOT NULL, -- separated by blanks
	made_by TEXT NOT NULL,
	UNIQUE (list, plate, region, ref)
);
CREATE INDEX hotlist_entry_expires ON hotlist_entry (expires);
CREATE INDEX hotlist_entry_author ON hotlist_entry (made_by, made);
-- That an officer of an agency stands for a list, or with entry for one of it, as it
-- was at a version: what came or changed later she does not stand for.
CREATE TABLE hotlist_countersign (
	list    TEXT NOT NULL REFERENCES hotlist_list (id),
	entry   TEXT NOT NULL, -- '' the whole list
	agency  TEXT NOT NULL,
	version INTEGER NOT NULL,
	person  TEXT NOT NULL,
	at      INTEGER NOT NULL,
	idx     INTEGER NOT NULL,
	PRIMARY KEY (list, entry, agency)
);
-- Custom entries that an author made without a case, kept when the entry goes.
CREATE TABLE hotlist_uncased (
	entry  TEXT PRIMARY KEY,
	person TEXT NOT NULL,
	plate  TEXT NOT NULL,
	at     INTEGER NOT NULL
);
CREATE INDEX hotlist_uncased_person ON hotlist_uncased (person, at);
CREATE TABLE hotlist_done ( -- what an act on a list said, so that a repeat says the same
	act     TEXT PRIMARY KEY,
	public  TEXT NOT NULL, -- JSON
	private TEXT NOT NULL, -- JSON
	at      INTEGER NOT NULL
);
CREATE TABLE hotlist_file ( -- uploaded, not yet imported
	digest TEXT NOT NULL,   -- SHA-256, hex
	list   TEXT NOT NULL,
	body   BLOB NOT NULL,
	at     INTEGER NOT NULL,
	PRIMARY KEY (list, digest)
);
CREATE TABLE hotlist_sighting (
	id     TEXT PRIMARY KEY,
	read   INTEGER NOT NULL, -- plate.ID
	entry  TEXT NOT NULL,
	owner  TEXT NOT NULL,
	seen   INTEGER NOT NULL,
	body   TEXT NOT NULL,    -- JSON of Sighting
	UNIQUE (read, entry)
);
CREATE TABLE hotlist_hit (
	id      TEXT PRIMARY KEY,
	seq     INTEGER NOT NULL,
	act     TEXT NOT NULL,    -- id of hit.raise
	claimed INTEGER NOT NULL, -- while raising: when a node took it up
	agency  TEXT NOT NULL,
	owner   TEXT NOT NULL,
	list    TEXT NOT NULL,
	entry   TEXT NOT NULL,
	version INTEGER NOT NULL, -- of the entry
	text    TEXT NOT NULL,
	state   TEXT NOT NULL,
	first_seen INTEGER NOT NULL,
	last_seen  INTEGER NOT NULL,
	count   INTEGER NOT NULL,
	made    INTEGER NOT NULL,
	raised  INTEGER NOT NULL DEFAULT 0,
	outcome TEXT NOT NULL DEFAULT '',
	person  TEXT NOT NULL DEFAULT '',
	at      INTEGER NOT NULL DEFAULT 0,
	note    TEXT NOT NULL DEFAULT '',
	unseen  INTEGER NOT NULL DEFAULT 0,
	own     INTEGER NOT NULL DEFAULT 0,
	changed INTEGER NOT NULL,
	wanted  TEXT NOT NULL     -- JSON of Entry
);
CREATE INDEX hotlist_hit_seq ON hotlist_hit (agency, seq);
CREATE INDEX hotlist_hit_burst ON hotlist_hit (entry, agency, last_seen);
CREATE INDEX hotlist_hit_state ON hotlist_hit (state, changed);
CREATE TABLE hotlist_of (
	hit      TEXT NOT NULL REFERENCES hotlist_hit (id) ON DELETE CASCADE,
	sighting TEXT NOT NULL REFERENCES hotlist_sighting (id) ON DELETE CASCADE,
	PRIMARY KEY (hit, sighting)
);
CREATE INDEX hotlist_sighting_owner ON hotlist_sighting (owner, seen);
CREATE INDEX hotlist_of_sighting ON hotlist_of (sighting);
CREATE TABLE hotlist_push ( -- browsers of officers who want to be told
	endpoint TEXT PRIMARY KEY,
	person   TEXT NOT NULL,
	agency   TEXT NOT NULL,
	p256dh   TEXT NOT NULL,
	auth     TEXT NOT NULL
);
CREATE INDEX hotlist_push_agency ON hotlist_push (agency);
CREATE TABLE hotlist_correction (
	id      TEXT PRIMARY KEY,
	token   BLOB NOT NULL UNIQUE, -- SHA-256 of the link's secret
	agency  TEXT NOT NULL,
	state   TEXT NOT NULL,        -- open, corrected, not-ours, no-error
	body    TEXT NOT NULL,        -- JSON of Request
	answer  TEXT NOT NULL,
	opened  INTEGER NOT NULL,
	answered INTEGER NOT NULL,
	open_entry   INTEGER NOT NULL,
	answer_entry INTEGER NOT NULL
);
CREATE INDEX hotlist_correction_agency ON hotlist_correction (agency, opened);
`}

// querier is a transaction or the read side.
type querier interface {
	Query(query string, args ...any) (*sql.Rows, error)
	QueryRow(query string, args ...any) *sql.Row
}

// next adds one to a counter and returns it.
func next(tx *sql.Tx, counter string) (n int64, err error) {
	err = tx.QueryRow(`UPDATE hotlist_counter SET n = n + 1 WHERE name = ? RETURNING n`, counter).Scan(&n)
	return n, err
}

// counters are the two at present: a cheap way to know that something changed.
func (s *Service) counters(ctx context.Context) (lists, hits int64, err error) {
	err = db.Each(func(row db.Row) error {
		var name string
		var n int64
		err := row.Scan(&name, &n)
		if name == "lists" {
			lists = n
		} else {
			hits = n
		}
		return err
	})(s.DB.Read().QueryContext(ctx, `SELECT name, n FROM hotlist_counter`))
	return lists, hits, err
}

const listColumns = `l.id, l.agency, l.name, l.kind, l.source, l.origin, l.author, l.public, l.offered, l.version, l.made`

func scanList(row db.Row, more ...any) (l List, err error) {
	var made int64
	err = row.Scan(append([]any{&l.ID, &l.Agency, &l.Name, &l.Kind, &l.Source, &l.Origin, &l.Author, &l.Public, &l.Offered, &l.Version, &made}, more...)...)
	l.Made = db.Time(made)
	return l, err
}

// lists reads lists with how many entries each has; where follows WHERE.
func lists(q querier, where string, args ...any) ([]List, error) {
	return db.All(func(row db.Row) (List, error) {
		var n int
		l, err := scanList(row, &n)
		l.Entries = n
		return l, err
	})(q.Query(`SELECT `+listColumns+`, (SELECT count(*) FROM hotlist_entry e WHERE e.list = l.id)
		FROM hotlist_list l WHERE `+where, args...))
}

func list(q querier, id string) (List, error) {
	return db.First(lists(q, `l.id = ?`, id))(ErrNotFound)
}

const entryColumns = `id, list, plate, region, reason, basis, case_number, ref, author, vehicle, details, made, expires, version, waits, means, made_by`

// entries reads entries; where follows WHERE.
func entries(q querier, where string, args ...any) ([]Entry, error) {
	return db.All(func(row db.Row) (e Entry, err error) {
		var pattern, vehicle, means string
		var made, expires int64
		if err := row.Scan(&e.ID, &e.List, &pattern, &e.Region, &e.Reason, &e.Basis, &e.Case, &e.Ref, &e.Author, &vehicle,
			&e.Details, &made, &expires, &e.Version, &e.Waits, &means, &e.By); err != nil {
			return e, err
		}
		e.Made, e.Expires, e.Means = db.Time(made), db.Time(expires), strings.Fields(means)
		return e, errors.Join(e.Plate.UnmarshalText([]byte(pattern)), json.Unmarshal([]byte(vehicle), &e.Vehicle))
	})(q.Query(`SELECT `+entryColumns+` FROM hotlist_entry WHERE `+where, args...))
}

func entry(q querier, id string) (Entry, error) {
	return db.First(entries(q, `id = ?`, id))(ErrNotFound)
}

// insertEntries writes many rows a statement: an import has a hundred thousand.
func insertEntries(tx *sql.Tx, es []Entry) error {
	const columns, atOnce = 17, 500
	row := "(" + strings.TrimSuffix(strings.Repeat("?, ", columns), ", ") + ")"
	for len(es) > 0 {
		some := es[:min(atOnce, len(es))]
		es = es[len(some):]
		args := make([]any, 0, columns*len(some))
		for _, e := range some {
			vehicle, err := json.Marshal(e.Vehicle)
			if err != nil {
				return err
			}
			args = append(args, e.ID, e.List, e.Plate.String(), e.Region, e.Reason, e.Basis, e.Case, e.Ref, e.Author, string(vehicle),
				e.Details, db.Micros(e.Made), db.Micros(e.Expires), e.Version, flag(e.Waits), strings.Join(e.Means, " "), e.By)
		}
		if _, err := tx.Exec(`INSERT INTO hotlist_entry (`+entryColumns+`) VALUES `+
			row+strings.Repeat(", "+row, len(some)-1), args...); err != nil {
			return fmt.Errorf("keeping entries: %w", err)
		}
	}
	return nil
}

// deleteEntries removes the entries of these ids.
func deleteEntries(tx *sql.Tx, ids []string) error {
	for len(ids) > 0 {
		some := ids[:min(500, len(ids))]
		ids = ids[len(some):]
		args := make([]any, len(some))
		for i, id := range some {
			args[i] = id
		}
		marks := strings.TrimSuffix(strings.Repeat("?, ", len(some)), ", ")
		for _, q := range []string{`DELETE FROM hotlist_entry WHERE id IN (`, `DELETE FROM hotlist_countersign WHERE entry IN (`} {
			if _, err := tx.Exec(q+marks+`)`, args...); err != nil {
				return fmt.Errorf("removing entries: %w", err)
			}
		}
	}
	return nil
}

const hitColumns = `h.id, h.seq, h.agency, h.owner, h.text, h.state, h.first_seen, h.last_seen, h.count, h.made, h.raised, h.outcome,
	h.person, h.at, h.note, h.unseen, h.own, h.wanted`

// hits reads hits with their lists, without sightings; where follows WHERE.
func hits(q querier, where string, args ...any) ([]Hit, error) {
	return db.All(func(row db.Row) (h Hit, err error) {
		var first, last, made, at, raised int64
		var wanted string
		h.List, err = scanList(row, &h.ID, &h.Seq, &h.Agency, &h.Owner, &h.Text, &h.State, &first, &last, &h.Count, &made, &raised,
			&h.Outcome, &h.By, &at, &h.Note, &h.Unseen, &h.Own, &wanted)
		if err != nil {
			return h, err
		}
		h.First, h.Last, h.Made, h.At, h.Raised = db.Time(first), db.Time(last), db.Time(made), db.Time(at), uint64(raised)
		return h, json.Unmarshal([]byte(wanted), &h.Entry)
	})(q.Query(`SELECT `+listColumns+`, `+hitColumns+` FROM hotlist_hit h JOIN hotlist_list l ON l.id = h.list WHERE `+where, args...))
}

func scanSighting(row db.Row) (v Sighting, err error) {
	var body string
	if err := row.Scan(&body); err != nil {
		return v, err
	}
	return v, json.Unmarshal([]byte(body), &v)
}

// sightings of a hit, newest first.
func sightings(q querier, hit string) ([]Sighting, error) {
	return db.All(scanSighting)(q.Query(`SELECT s.body FROM hotlist_of o JOIN hotlist_sighting s ON s.id = o.sighting
		WHERE o.hit = ? ORDER BY s.seen DESC, s.id DESC LIMIT ?`, hit, MaxSightings))
}

// wantedNow reads what is in force, for the matcher: the entries that alert
// somebody, unsorted.
func wantedNow(ctx context.Context, q *sql.DB, now time.Time) (out []wanted, err error) {
	type stand struct {
		agency  string
		version int64
	}
	stands := map[string][]stand{} // list + "/" + entry
	err = db.Each(func(row db.Row) error {
		var list, entry string
		var s stand
		err := row.Scan(&list, &entry, &s.agency, &s.version)
		stands[list+"/"+entry] = append(stands[list+"/"+entry], s)
		return err
	})(q.QueryContext(ctx, `SELECT list, entry, agency, version FROM hotlist_countersign`))
	if err != nil {
		return nil, err
	}
	// Most entries alert the same agencies: they share one slice.
	shared := map[string][]string{}
	err = db.Each(func(row db.Row) error {
		var w wanted
		var list, pattern, agency string
		var source Source
		var expires, version int64
		var waits, offered bool
		if err := row.Scan(&w.id, &list, &pattern, &w.region, &expires, &version, &waits, &agency, &source, &offered); err != nil {
			return err
		}
		if err := w.plate.UnmarshalText([]byte(pattern)); err != nil {
			return fmt.Errorf("entry %s: %w", w.id, err)
		}
		// Who stands for it as it is: by itself, or with its whole list.
		var stood []string
		home := !waits && source != FromOther
		for _, s := range stands[list+"/"+w.id] {
			if version <= s.version {
				stood, home = append(stood, s.agency), home || s.agency == agency
			}
		}
		for _, s := range stands[list+"/"] {
			if version <= s.version {
				stood, home = append(stood, s.agency), home || s.agency == agency && !waits
			}
		}
		alerts := slices.DeleteFunc(stood, func(a string) bool { return a == agency || !offered || waits && !home })
		if home {
			alerts = append(alerts, agency)
		}
		if len(alerts) == 0 {
			return nil
		}
		slices.Sort(alerts)
		alerts = slices.Compact(alerts)
		key := strings.Join(alerts, " ")
		if shared[key] == nil {
			shared[key] = alerts
		}
		w.alerts, w.expires = shared[key], db.Time(expires)
		out = append(out, w)
		return nil
	})(q.QueryContext(ctx, `SELECT e.id, e.list, e.plate, e.region, e.expires, e.version, e.waits, l.agency, l.source, l.offered
		FROM hotlist_entry e JOIN hotlist_list l ON l.id = e.list WHERE e.expires > ?`, db.Micros(now)))
	return out, err
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// changed turns an update that met no row into ErrChanged.
var changed = db.Changed(ErrChanged)
