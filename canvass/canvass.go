// Package canvass is the asking side: community requests from draft to end, the
// feed that residents' devices read, and the notices they can opt in to.
//
// Requests are posted, moderated and closed through the gate and never deleted.
// The feed is one signed file per coarse map cell, the same bytes for everybody
// (see feed.go); with the opt-in notices (see notice.go) it is all this package
// ever tells the world, and nothing in it learns where a camera is, who read a
// request or who ignored it.
package canvass

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a request states its time zone; the machine may have no zone files
	"unicode"
	"unicode/utf8"

	"porchlight/feed"
	"porchlight/geo"
)

// Incident is what happened, from a closed list.
type Incident string

// Incidents lists the incident types a request can name. Each is a crime or an
// emergency; there is no "other".
func Incidents() []Incident {
	return []Incident{
		"arson", "assault", "burglary", "fire", "fraud", "hate-crime", "hit-and-run", "homicide",
		"kidnapping", "missing-person", "package-theft", "robbery", "sexual-assault", "shooting",
		"theft", "traffic-crash", "vandalism", "vehicle-break-in", "vehicle-theft",
	}
}

// State is where a request stands; the words are policy's RequestState.
type State string

const (
	Pending  State = "pending"  // posted, waiting for a moderator; nobody outside sees it
	Open     State = "open"     // published
	Rejected State = "rejected" // a moderator refused it; it was never published
	Resolved State = "resolved" // closed by its agency
	Expired  State = "expired"  // its time is over
)

// Draft is what an officer fills in. The limits of area, window, expiry and
// count are policy's; Check knows only what cannot be a request at all.
type Draft struct {
	Case      string      // case number, for the agency and auditors only
	Incident  Incident    //
	Narrative string      // what happened and what would help, in plain words
	Area      geo.Polygon //
	From, To  time.Time   // the window footage is asked for
	TimeZone  string      // IANA name of the zone in which people read the window
	Expires   time.Time   // until when it can be answered
	Contact   string      // how residents reach the agency about it
}

// Longest texts of a draft, in characters.
const (
	MaxCase      = 40
	MaxNarrative = 2000
	MaxContact   = 200
)

// FieldError says what is wrong with one field of a draft, by its JSON name.
type FieldError struct{ Field, Problem string }

// Invalid is the error of a draft that cannot be a request. Nothing is recorded.
type Invalid []FieldError

func (v Invalid) Error() string {
	var s []string
	for _, f := range v {
		s = append(s, f.Field+": "+f.Problem)
	}
	return "the request cannot be read: " + strings.Join(s, "; ")
}

// clean gives the draft as it is kept: texts trimmed, times to the second, UTC.
func (d Draft) clean() Draft {
	text := func(s string) string {
		// One kind of line break, so that JSON has one form in Go and JavaScript.
		return strings.TrimSpace(strings.NewReplacer("\r\n", "\n", "\u2028", "\n", "\u2029", "\n").Replace(s))
	}
	d.Case, d.Narrative, d.Contact = text(d.Case), text(d.Narrative), text(d.Contact)
	for _, t := range []*time.Time{&d.From, &d.To, &d.Expires} {
		*t = t.UTC().Truncate(time.Second)
	}
	return d
}

// Check returns Invalid when the draft cannot be a request.
func (d Draft) Check() error {
	var v Invalid
	text := func(field, s string, most int, lines bool) {
		switch {
		case !utf8.ValidString(s):
			v = append(v, FieldError{field, "is not valid UTF-8"})
		case utf8.RuneCountInString(s) > most:
			v = append(v, FieldError{field, fmt.Sprintf("is longer than %d characters", most)})
		case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && !(lines && r == '\n') || bidi(r) }):
			v = append(v, FieldError{field, "contains control characters"})
		}
	}
	text("case", d.Case, MaxCase, false)
	text("narrative", d.Narrative, MaxNarrative, true)
	text("contact", d.Contact, MaxContact, false)
	if d.Narrative == "" {
		v = append(v, FieldError{"narrative", "is missing"})
	}
	if !slices.Contains(Incidents(), d.Incident) {
		v = append(v, FieldError{"incident", "is not in the list of incidents"})
	}
	if d.Area.Empty() {
		v = append(v, FieldError{"area", "is missing"})
	}
	for _, t := range []struct {
		name string
		time.Time
	}{{"from", d.From}, {"to", d.To}, {"expires", d.Expires}} {
		if y := t.Year(); y < 1970 || y > 9999 {
			v = append(v, FieldError{t.name, "is missing or not a time of our age"})
		}
	}
	if _, err := time.LoadLocation(d.TimeZone); err != nil || d.TimeZone == "" || d.TimeZone == "Local" {
		v = append(v, FieldError{"time_zone", "is not the name of a time zone, such as America/Chicago"})
	}
	if v == nil {
		return nil
	}
	return v
}

// bidi reports the invisible characters that reorder text around them.
func bidi(r rune) bool { return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 }

// Request is one community request. Only this package changes it, through the gate.
type Request struct {
	ID     string // ULID: the id of the act that posted it
	Agency string // ORI
	Draft
	State    State
	PostedBy string // person id
	Posted   time.Time
	// Moderation; zero while pending.
	DecidedBy string
	Decided   time.Time
	Reason    string // of a rejection; for the agency and auditors only
	Closed    time.Time
	// Entries of the ledger: of request.post, of request.moderate once decided,
	// of request.close once closed.
	PostEntry, DecisionEntry, CloseEntry uint64
}

// Published reports whether the request is or was ever open. A request that was
// not stays between its agency, the moderators and the auditors.
func (r Request) Published() bool { return !r.Decided.IsZero() && r.State != Rejected }

// Content is what the world reads of a published request.
type Content struct {
	ID        string      `json:"id"`
	Agency    string      `json:"agency"` // ORI
	Incident  Incident    `json:"incident"`
	Narrative string      `json:"narrative"`
	Area      geo.Polygon `json:"area"`
	From      time.Time   `json:"from"`
	To        time.Time   `json:"to"`
	TimeZone  string      `json:"time_zone"`
	Expires   time.Time   `json:"expires"`
	Contact   string      `json:"contact"`
}

// Content is the public part of r. It never changes.
func (r Request) Content() Content {
	return Content{r.ID, r.Agency, r.Incident, r.Narrative, r.Area, r.From, r.To, r.TimeZone, r.Expires, r.Contact}
}

// Hash is the lower-case hex SHA-256 of the content's JSON (fields in order, no
// HTML escaping, no spaces), which the entry of its publication carries as the
// public value "content". JavaScript's JSON.stringify of the parsed object
// gives the same bytes.
func (c Content) Hash() string {
	sum := sha256.Sum256(feed.Compact(c))
	return hex.EncodeToString(sum[:])
}

// Agency is what this package must know of an agency.
type Agency struct {
	ORI          string
	Name         string
	Kind         string // as policy.Actor.AgencyKind
	Status       string // as policy.Actor.AgencyStatus
	State        string // two-letter code, selects a law pack
	Jurisdiction geo.Polygon
	Vault        string // age recipient, "" while it has none
	VaultEntry   uint64 // index of the vault.publish entry
}

// Agencies looks agencies up; package roster does.
type Agencies interface {
	Agency(ctx context.Context, ori string) (Agency, error)
}

var (
	// ErrNotFound: there is no such request, or not for this caller.
	ErrNotFound = errors.New("canvass: no such request")
	// ErrChanged: the state that policy judged changed before the act took
	// effect (somebody else was quicker); the act is voided. Look again.
	ErrChanged = errors.New("canvass: the request or case changed at the same moment; nothing was done, look at it again")
	// ErrReason: a rejection needs a reason the officer can read.
	ErrReason = errors.New("canvass: a rejection needs a reason of 1 to 500 characters")
)
