package search

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"porchlight/db"
	"porchlight/plate"
)

var migrations = []string{`
CREATE TABLE search_run (
	id              TEXT PRIMARY KEY, -- of the act
	entry           INTEGER NOT NULL,
	at              INTEGER NOT NULL, -- microseconds since 1970
	person          TEXT NOT NULL,
	agency          TEXT NOT NULL,
	ask             TEXT NOT NULL,    -- JSON
	digest          BLOB NOT NULL,    -- of the ask
	plate           TEXT NOT NULL,    -- the pattern asked for, '' for an area
	clear           INTEGER NOT NULL, -- 1: the note said what happened
	purposes        TEXT NOT NULL,
	networks        INTEGER NOT NULL,
	cameras         INTEGER NOT NULL,
	look_back_hours INTEGER NOT NULL,
	behalf          TEXT NOT NULL,
	approval        INTEGER NOT NULL
);
CREATE INDEX search_run_person ON search_run (person, at);
CREATE INDEX search_run_agency ON search_run (agency, at);
CREATE INDEX search_run_at ON search_run (at);
CREATE TABLE search_plan (
	search TEXT PRIMARY KEY, -- index of the entry of search.run, of a peer's <origin>/<index>
	digest BLOB NOT NULL,    -- of asker and ask
	at     INTEGER NOT NULL
);
CREATE TABLE search_answer (
	search      TEXT NOT NULL,
	owner       TEXT NOT NULL,
	place       INTEGER NOT NULL, -- in the order of answers
	act         TEXT NOT NULL,    -- id of search.answer
	state       TEXT NOT NULL,    -- open, permit, deny
	entry       INTEGER NOT NULL,
	grant_entry INTEGER NOT NULL,
	found       TEXT,             -- JSON: what was found, by the reads' ids; null until looked up
	PRIMARY KEY (search, owner)
);
CREATE TABLE search_proposal (
	id            TEXT PRIMARY KEY, -- of the act
	entry         INTEGER NOT NULL,
	at            INTEGER NOT NULL,
	expires       INTEGER NOT NULL,
	person        TEXT NOT NULL,
	agency        TEXT NOT NULL,
	ask           TEXT NOT NULL,
	digest        BLOB NOT NULL,
	approver      TEXT NOT NULL,
	approve_entry INTEGER NOT NULL,
	run           TEXT NOT NULL
);
CREATE INDEX search_proposal_agency ON search_proposal (agency, at);
CREATE TABLE search_export (
	id     TEXT PRIMARY KEY, -- of the act
	entry  INTEGER NOT NULL,
	at     INTEGER NOT NULL,
	search TEXT NOT NULL,    -- id of the search
	person TEXT NOT NULL,
	format TEXT NOT NULL
);
CREATE INDEX search_export_entry ON search_export (entry);
CREATE TABLE search_hold (
	id       TEXT PRIMARY KEY, -- of the act
	entry    INTEGER NOT NULL,
	at       INTEGER NOT NULL,
	expires  INTEGER NOT NULL,
	search   TEXT NOT NULL,    -- id of the search
	person   TEXT NOT NULL,
	agency   TEXT NOT NULL,    -- that keeps
	owner    TEXT NOT NULL,    -- whose reads
	ask_case TEXT NOT NULL,
	reason   TEXT NOT NULL
);
CREATE INDEX search_hold_agency ON search_hold (agency, at);
CREATE INDEX search_hold_expires ON search_hold (expires);
CREATE TABLE search_held (
	hold    TEXT NOT NULL,
	read_id INTEGER NOT NULL,
	content TEXT NOT NULL,    -- JSON of the read
	PRIMARY KEY (hold, read_id)
);
CREATE TABLE search_purge (
	owner   TEXT NOT NULL,
	day     TEXT NOT NULL,    -- UTC day of the reads; of those kept for hours or minutes, its hour
	act     TEXT NOT NULL,    -- id of reads.purge
	reads   INTEGER NOT NULL, -- dropped already
	held    INTEGER NOT NULL, -- of them, those kept for a case
	minutes INTEGER NOT NULL, -- retention
	entry   INTEGER NOT NULL, -- of the act; 0 until then
	pending TEXT NOT NULL,    -- JSON: what is to be dropped
	PRIMARY KEY (owner, day)
);
`}

// digest is what tells two asks, or two plans, apart.
func digest(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("search: encoding plain data: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

const runColumns = `id, entry, at, person, agency, ask, purposes, networks, cameras, look_back_hours, behalf, approval`

func scanRun(row db.Row) (r Search, err error) {
	var entry, at, approval int64
	var ask, purposes string
	err = row.Scan(&r.ID, &entry, &at, &r.Person, &r.Agency, &ask, &purposes, &r.Networks, &r.Cameras, &r.LookBack, &r.Behalf, &approval)
	if errors.Is(err, sql.ErrNoRows) {
		return r, ErrNotFound
	}
	if err != nil {
		return r, err
	}
	r.Entry, r.Approval, r.At, r.Purposes = uint64(entry), uint64(approval), time.UnixMicro(at).UTC(), strings.Fields(purposes)
	if err := json.Unmarshal([]byte(ask), &r.Ask); err != nil {
		return r, fmt.Errorf("search %s: %w", r.ID, err)
	}
	return r, nil
}

func (s *Service) run(ctx context.Context, id string) (Search, error) {
	return scanRun(s.DB.Read().QueryRowContext(ctx, `SELECT `+runColumns+` FROM search_run WHERE id = ?`, id))
}

func (s *Service) runs(ctx context.Context, where string, args ...any) (list []Search, err error) {
	return db.All(scanRun)(s.DB.Read().QueryContext(ctx, `SELECT `+runColumns+` FROM search_run WHERE `+where, args...))
}

func insertRun(tx *sql.Tx, r Search, clear bool) error {
	ask, err := json.Marshal(r.Ask)
	if err != nil {
		return err
	}
	n := 0
	if clear {
		n = 1
	}
	_, err = tx.Exec(`INSERT INTO search_run (id, entry, at, person, agency, ask, digest, plate, clear, purposes, networks, cameras,
		look_back_hours, behalf, approval) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.ID, int64(r.Entry), r.At.UnixMicro(), r.Person, r.Agency, string(ask), digest(r.Ask), r.Ask.Query.Plate.String(), n,
		strings.Join(r.Purposes, " "), r.Networks, r.Cameras, r.LookBack, r.Behalf, int64(r.Approval))
	return err
}

const proposalColumns = `id, entry, at, expires, person, agency, ask, approver, approve_entry, run`

func scanProposal(row db.Row) (p Proposal, err error) {
	var entry, at, expires, approved int64
	var ask string
	err = row.Scan(&p.ID, &entry, &at, &expires, &p.Person, &p.Agency, &ask, &p.Approver, &approved, &p.Run)
	if errors.Is(err, sql.ErrNoRows) {
		return p, ErrNotFound
	}
	if err != nil {
		return p, err
	}
	p.Entry, p.ApproveEntry = uint64(entry), uint64(approved)
	p.At, p.Expires = time.UnixMicro(at).UTC(), time.UnixMicro(expires).UTC()
	if err := json.Unmarshal([]byte(ask), &p.Ask); err != nil {
		return p, fmt.Errorf("proposal %s: %w", p.ID, err)
	}
	return p, nil
}

func (s *Service) proposal(ctx context.Context, id string) (Proposal, error) {
	return scanProposal(s.DB.Read().QueryRowContext(ctx, `SELECT `+proposalColumns+` FROM search_proposal WHERE id = ?`, id))
}

// changed turns an update that met no row into ErrChanged.
var changed = db.Changed(ErrChanged)

// answered is one owner's answer as it is kept: of reads, their ids alone.
type answered struct {
	owner, act, state string
	entry, grant      uint64
	found             *found // nil until looked up
}

// found are the reads of an answer, by id, newest first; of a convoy, those of
// each companion.
type found struct {
	Reads      []plate.ID   `json:"reads,omitempty"`
	Companions []companions `json:"companions,omitempty"`
	More       bool         `json:"more,omitempty"`
}

type companions struct {
	Cameras int        `json:"cameras"`
	Reads   []plate.ID `json:"reads"`
}

// What an answer's state may be.
const (
	stateOpen   = "open" // planned, not known to be decided
	statePermit = "permit"
	stateDeny   = "deny"
)

func scanAnswered(row db.Row) (a answered, err error) {
	var entry, grant int64
	var kept sql.NullString
	if err := row.Scan(&a.owner, &a.act, &a.state, &entry, &grant, &kept); err != nil {
		return a, err
	}
	a.entry, a.grant = uint64(entry), uint64(grant)
	if kept.Valid {
		a.found = new(found)
		if err := json.Unmarshal([]byte(kept.String), a.found); err != nil {
			return a, fmt.Errorf("answer %s of %s: %w", a.act, a.owner, err)
		}
	}
	return a, nil
}

func (s *Service) answers(ctx context.Context, search string) (list []answered, err error) {
	return db.All(scanAnswered)(s.DB.Read().QueryContext(ctx, `SELECT owner, act, state, entry, grant_entry, found FROM search_answer
		WHERE search = ? ORDER BY place`, search))
}

// decided keeps an answer's decision.
func (a answered) decided(tx *sql.Tx, search string) error {
	_, err := tx.Exec(`UPDATE search_answer SET state = ?, entry = ?, grant_entry = ? WHERE search = ? AND owner = ?`,
		a.state, int64(a.entry), int64(a.grant), search, a.owner)
	return err
}

func index(n uint64) string { return strconv.FormatUint(n, 10) }

func unmarshal(text string, into any) error { return json.Unmarshal([]byte(text), into) }
