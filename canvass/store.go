package canvass

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"porchlight/db"
)

var migrations = []string{`
CREATE TABLE canvass_request (
	id             TEXT PRIMARY KEY,
	agency         TEXT NOT NULL,
	case_number    TEXT NOT NULL,
	case_key       TEXT NOT NULL, -- letters and digits of the case number
	incident       TEXT NOT NULL,
	narrative      TEXT NOT NULL,
	area           TEXT NOT NULL, -- GeoJSON
	window_from    INTEGER NOT NULL,
	window_to      INTEGER NOT NULL,
	time_zone      TEXT NOT NULL,
	expires        INTEGER NOT NULL,
	contact        TEXT NOT NULL,
	state          TEXT NOT NULL,
	posted_by      TEXT NOT NULL,
	posted         INTEGER NOT NULL,
	decided_by     TEXT NOT NULL DEFAULT '',
	decided        INTEGER NOT NULL DEFAULT 0,
	reason         TEXT NOT NULL DEFAULT '',
	closed         INTEGER NOT NULL DEFAULT 0,
	post_entry     INTEGER NOT NULL,
	decision_entry INTEGER NOT NULL DEFAULT 0,
	close_entry    INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX canvass_request_case ON canvass_request (agency, case_key);
CREATE INDEX canvass_request_state ON canvass_request (state, expires);
`}

const columns = `id, agency, case_number, incident, narrative, area, window_from, window_to, time_zone, expires,
	contact, state, posted_by, posted, decided_by, decided, reason, closed, post_entry, decision_entry, close_entry`

// caseKey makes "24-00123", "24 00123" and "24.00123" one case.
func caseKey(number string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToUpper(r)
		}
		return -1
	}, number)
}

type queryer interface {
	QueryRow(query string, args ...any) *sql.Row
}

// posts counts the agency's requests for the case, rejected ones left out.
func posts(q queryer, agency, number string) (n int64, err error) {
	err = q.QueryRow(`SELECT count(*) FROM canvass_request WHERE agency = ? AND case_key = ? AND state <> ?`,
		agency, caseKey(number), Rejected).Scan(&n)
	return n, err
}

func insert(tx *sql.Tx, r Request) error {
	area, err := json.Marshal(r.Area)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO canvass_request (id, agency, case_number, case_key, incident, narrative, area,
		window_from, window_to, time_zone, expires, contact, state, posted_by, posted, post_entry)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.ID, r.Agency, r.Case, caseKey(r.Case), r.Incident, r.Narrative, string(area),
		r.From.UnixMicro(), r.To.UnixMicro(), r.TimeZone, r.Expires.UnixMicro(), r.Contact, r.State,
		r.PostedBy, r.Posted.UnixMicro(), int64(r.PostEntry))
	return err
}

// changed turns an update that met no row into ErrChanged.
var changed = db.Changed(ErrChanged)

func scanRequest(row db.Row) (r Request, err error) {
	var area string
	var from, to, expires, posted, decided, closed, postEntry, decisionEntry, closeEntry int64
	if err := row.Scan(&r.ID, &r.Agency, &r.Case, &r.Incident, &r.Narrative, &area, &from, &to, &r.TimeZone, &expires,
		&r.Contact, &r.State, &r.PostedBy, &posted, &r.DecidedBy, &decided, &r.Reason, &closed,
		&postEntry, &decisionEntry, &closeEntry); err != nil {
		return r, err
	}
	if err := json.Unmarshal([]byte(area), &r.Area); err != nil {
		return r, fmt.Errorf("reading the area of request %s: %w", r.ID, err)
	}
	r.From, r.To, r.Expires = db.Time(from), db.Time(to), db.Time(expires)
	r.Posted, r.Decided, r.Closed = db.Time(posted), db.Time(decided), db.Time(closed)
	r.PostEntry, r.DecisionEntry, r.CloseEntry = uint64(postEntry), uint64(decisionEntry), uint64(closeEntry)
	return r, nil
}

// query reads requests; where follows the WHERE.
func (s *Service) query(ctx context.Context, where string, args ...any) ([]Request, error) {
	rs, err := db.All(scanRequest)(s.DB.Read().QueryContext(ctx, `SELECT `+columns+` FROM canvass_request WHERE `+where, args...))
	if err != nil {
		return nil, fmt.Errorf("reading requests: %w", err)
	}
	return rs, nil
}
