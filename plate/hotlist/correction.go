package hotlist

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/identity"
	"porchlight/plate"
)

// Request is what a wrongly flagged driver chooses to tell. Only What is needed.
type Request struct {
	Plate   string `json:"plate"`   // as she writes it
	When    string `json:"when"`    //
	Where   string `json:"where"`   //
	What    string `json:"what"`    // what happened, 10 to 4000 characters
	Contact string `json:"contact"` // how to reach her, if not by her ticket
}

// Answer is what the agency found.
type Answer string

// The answers. They are public as counts; the words are hers and the agency's.
const (
	Corrected Answer = "corrected" // it was an error, and what caused it was put right
	NoError   Answer = "no-error"  // the agency finds no error
	NotOurs   Answer = "not-ours"  // another agency's; the words say which
)

// Correction is a request for correction and its answer.
type Correction struct {
	ID       string    `json:"id"`
	Agency   string    `json:"agency"` // ORI
	Request  Request   `json:"request"`
	Outcome  Answer    `json:"outcome"` // "" while open
	Words    string    `json:"words"`   // the agency's
	Opened   time.Time `json:"opened"`
	Answered time.Time `json:"answered"`
	Entry    uint64    `json:"entry"`        // of correction.open
	Answer   uint64    `json:"answer_entry"` // of correction.answer; 0 while open
	// Hits are how many hits of that plate the agency has kept; only for the agency.
	Hits int `json:"hits"`
}

// correctionsHour is how many requests for correction a node takes an hour.
const correctionsHour = 60

// OpenCorrection takes a request for correction to an agency (correction.open)
// and returns the secret of its ticket, which only she has. *Invalid, form.ErrSlow.
func (s *Service) OpenCorrection(ctx context.Context, token, agency string, r Request) (secret string, err error) {
	r = Request{squeeze(r.Plate), squeeze(r.When), squeeze(r.Where), strings.TrimSpace(r.What), squeeze(r.Contact)}
	if n := utf8.RuneCountInString(r.What); n < 10 || n > 4000 {
		return "", &Invalid{"what", "Tell what happened in 10 to 4000 characters."}
	}
	for name, text := range map[string]string{"plate": r.Plate, "when": r.When, "where": r.Where, "contact": r.Contact} {
		if utf8.RuneCountInString(text) > 200 {
			return "", &Invalid{name, "At most 200 characters."}
		}
	}
	body, err := json.Marshal(r)
	if err != nil || !utf8.Valid(body) {
		return "", &Invalid{"what", "This is no text."}
	}
	if _, err := s.Agencies.AgencyFacts(ctx, agency); err != nil {
		return "", &Invalid{"agency", "Choose one of the agencies."}
	}
	if err := s.Asking.Take(token); err != nil {
		return "", err
	}
	ticket := make([]byte, 16)
	rand.Read(ticket)
	secret = base64.RawURLEncoding.EncodeToString(ticket)
	hash := sha256.Sum256([]byte(secret))
	id := gate.NewActID()
	_, err = s.Gate.Do(ctx, gate.Act{
		Action: "correction.open", By: gate.Caller{Who: identity.Resident(), ActID: id}, Role: identity.RoleResident,
		Objects: []string{id, agency}, Public: map[string]string{"agency": agency},
		Private: map[string]string{"ticket": id, "request_sha256": digest(body)}, Facts: map[string]any{},
	}, func(tx *sql.Tx, g *gate.Grant) error {
		_, err := tx.Exec(`INSERT INTO hotlist_correction (id, token, agency, state, body, answer, opened, answered, open_entry, answer_entry)
			VALUES (?, ?, ?, '', ?, '', ?, 0, ?, 0)`, id, hash[:], agency, string(body), db.Micros(g.At), int64(g.Index))
		return err
	})
	return secret, err
}

// Ticket is the correction that a secret opens; ErrNotFound.
func (s *Service) Ticket(ctx context.Context, secret string) (Correction, error) {
	hash := sha256.Sum256([]byte(secret))
	return s.correction(ctx, `token = ?`, hash[:])
}

// Corrections are those that ask who's agency, open ones first, oldest first.
func (s *Service) Corrections(ctx context.Context, who identity.Principal) ([]Correction, error) {
	if err := s.reads(ctx, who, identity.RoleInvestigator, identity.RoleAdmin); err != nil {
		return nil, err
	}
	cs, err := s.corrections(ctx, `agency = ? ORDER BY answered > 0, opened LIMIT 200`, who.Agency)
	if err != nil {
		return nil, err
	}
	for i := range cs {
		if text, err := plate.ParseText(cs[i].Request.Plate); err == nil {
			if err := s.DB.Read().QueryRowContext(ctx, `SELECT count(*) FROM hotlist_hit WHERE agency = ? AND text = ? AND raised > 0`,
				who.Agency, text).Scan(&cs[i].Hits); err != nil {
				return nil, fmt.Errorf("counting hits: %w", err)
			}
		}
	}
	return cs, nil
}

// AnswerCorrection answers a request for correction in words (correction.answer).
// *Invalid, ErrNotFound, ErrChanged.
func (s *Service) AnswerCorrection(ctx context.Context, by gate.Caller, id string, outcome Answer, words string) (*gate.Grant, error) {
	words = strings.TrimSpace(words)
	if n := utf8.RuneCountInString(words); n > 4000 || !utf8.ValidString(words) {
		return nil, &Invalid{"words", "At most 4000 characters."}
	}
	c, err := s.correction(ctx, `id = ?`, id)
	if err != nil {
		return nil, err
	}
	if by.Who.Agency != c.Agency {
		return nil, ErrNotFound
	}
	return s.Gate.Do(ctx, gate.Act{
		Action: "correction.answer", By: by, Role: deskRole(by.Who), Objects: []string{c.ID, c.Agency},
		Public:  map[string]string{"agency": c.Agency, "outcome": string(outcome)},
		Private: map[string]string{"ticket": c.ID, "words": words},
		Facts:   map[string]any{"own_agency": true, "open": c.Outcome == "", "reason_given": words != ""},
	}, func(tx *sql.Tx, g *gate.Grant) error {
		return changed(tx.Exec(`UPDATE hotlist_correction SET state = ?, answer = ?, answered = ?, answer_entry = ? WHERE id = ? AND state = ''`,
			outcome, words, db.Micros(g.At), int64(g.Index), id))
	})
}

func (s *Service) correction(ctx context.Context, where string, args ...any) (Correction, error) {
	return db.First(s.corrections(ctx, where, args...))(ErrNotFound)
}

func (s *Service) corrections(ctx context.Context, where string, args ...any) ([]Correction, error) {
	cs, err := db.All(func(row db.Row) (c Correction, err error) {
		var body string
		var opened, answered, entry, answer int64
		if err := row.Scan(&c.ID, &c.Agency, &c.Outcome, &body, &c.Words, &opened, &answered, &entry, &answer); err != nil {
			return c, err
		}
		c.Opened, c.Answered, c.Entry, c.Answer = db.Time(opened), db.Time(answered), uint64(entry), uint64(answer)
		return c, json.Unmarshal([]byte(body), &c.Request)
	})(s.DB.Read().QueryContext(ctx, `SELECT id, agency, state, body, answer, opened, answered, open_entry, answer_entry
		FROM hotlist_correction WHERE `+where, args...))
	if err != nil {
		return nil, fmt.Errorf("reading corrections: %w", err)
	}
	return cs, nil
}
