// Package hotlist keeps lists of wanted plates, matches every read against them
// as it arrives, and tells the officers whose list it is. Each hit is recorded
// before it is shown, must be confirmed by a person against the picture before
// anybody acts upon it, and ends with an outcome that is public per list. Who was
// flagged by mistake can ask for correction.
//
// docs/hotlists.md says how lists are imported and what the formats are.
package hotlist

import (
	"errors"
	"time"

	"porchlight/plate"
)

// Kind says why plates are wanted: of a list as a whole, and of each entry.
type Kind string

// The kinds.
const (
	StolenVehicle Kind = "stolen-vehicle"
	StolenPlate   Kind = "stolen-plate"
	WantedPerson  Kind = "wanted-person"
	MissingPerson Kind = "missing-person" // missing or endangered
	Bolo          Kind = "bolo"           // be on the lookout
	Custom        Kind = "custom"
)

// Kinds lists all of them.
func Kinds() []Kind {
	return []Kind{StolenVehicle, StolenPlate, WantedPerson, MissingPerson, Bolo, Custom}
}

// short reports whether entries of such lists live for days, not for months
// (base pack, base.hotlist-short).
func (k Kind) short() bool { return k == Bolo || k == Custom }

// Source says where a list's entries come from.
type Source string

// The sources.
const (
	FromHere  Source = "own"   // the agency's officers
	FromState Source = "state" // a state's file
	FromNCIC  Source = "ncic"  // the FBI's National Crime Information Center
	FromOther Source = "other" // another agency; its entries alert nobody until countersigned here
)

// Sources lists all of them.
func Sources() []Source { return []Source{FromHere, FromState, FromNCIC, FromOther} }

// List is one hotlist. It belongs to the agency that keeps it here.
type List struct {
	ID      string    `json:"id"`      // ULID: the act that made it
	Agency  string    `json:"agency"`  // ORI
	Name    string    `json:"name"`    // 1 to 80 characters
	Kind    Kind      `json:"kind"`    //
	Source  Source    `json:"source"`  //
	Origin  string    `json:"origin"`  // of FromOther: which agency, by name
	Author  string    `json:"author"`  // id of the person who made it
	Public  bool      `json:"public"`  // its name is public; its kind, source and figures are in any case
	Offered bool      `json:"offered"` // other agencies here see it and may countersign
	Version int64     `json:"version"` // grows with each change of its entries
	Entries int       `json:"entries"` // now on it
	Made    time.Time `json:"made"`
}

// Entry is one wanted plate.
type Entry struct {
	ID      string        `json:"id"`
	List    string        `json:"list"`
	Plate   plate.Pattern `json:"plate"`   // with a trailing ~ also what differs by one confusion
	Region  string        `json:"region"`  // as plate.Read.Region; "" any. A read of another known region does not fit
	Reason  Kind          `json:"reason"`  //
	Basis   string        `json:"basis"`   // the legal basis: a warrant, a report, an order; 3 to 300 characters
	Case    string        `json:"case"`    // case number, "" if none
	Ref     string        `json:"ref"`     // its number at the source, "" if none
	Author  string        `json:"author"`  // who put it there: id of a person here, or a name from the source
	Vehicle plate.Vehicle `json:"vehicle"` // for the officer to compare; it does not narrow what fits
	Details string        `json:"details"` // further description, at most 300 characters
	Made    time.Time     `json:"made"`    //
	Expires time.Time     `json:"expires"` //
	Version int64         `json:"version"` // of the list, when the entry came or last changed
	Waits   bool          `json:"waits"`   // a second officer must countersign it first
	Means   []string      `json:"means"`   // what reason and basis mean: classes of package purpose, sorted
	By      string        `json:"by"`      // id of the person who added or imported it
}

// Fit is how a read fits an entry.
type Fit struct {
	Text       plate.Text `json:"text"`       // the reading that fits
	Other      bool       `json:"other"`      // it is not the camera's first reading but one of its alternatives
	Confused   bool       `json:"confused"`   // it fits only if one character was taken for another
	Confidence int        `json:"confidence"` // of this reading in per mille; -1 unknown
}

// Sighting is one read that fits one entry. It keeps the read beyond the read's
// own day.
type Sighting struct {
	ID    string     `json:"id"`
	Entry string     `json:"entry"`
	Read  plate.Read `json:"read"`
	Fit   Fit        `json:"fit"`
}

// State is where a hit stands.
type State string

// The states, in their order; Refused ends it.
const (
	Raising  State = "raising"  // durable, not yet in the ledger; nobody sees it
	Refused  State = "refused"  // the rules let nobody be alerted; nobody sees it
	Raised   State = "raised"   // officers are alerted
	Seen     State = "seen"     // an officer opened it
	Resolved State = "resolved" // an officer said what it is
	Acted    State = "acted"    // confirmed, and acted upon
)

// Outcome is what an officer found a hit to be.
type Outcome string

// The outcomes.
const (
	Confirmed    Outcome = "confirmed"     // the plate is as read, and wanted
	Misread      Outcome = "misread"       // the camera read wrongly
	Stale        Outcome = "stale"         // no longer wanted: the list is out of date
	WrongVehicle Outcome = "wrong-vehicle" // the plate is as read, but it is another vehicle or region
)

// Hit is a wanted plate that was read, as raised to one agency. Reads of the same
// text by one owner's cameras, within Burst of one another, are sightings of one hit.
type Hit struct {
	ID      string     `json:"id"`      // ULID
	Seq     int64      `json:"seq"`     // grows with every change of any hit
	Agency  string     `json:"agency"`  // ORI of who is alerted
	Owner   string     `json:"owner"`   // ORI of whose cameras read it
	Text    plate.Text `json:"text"`    // "" when so many plates fit the entry that they share one hit
	State   State      `json:"state"`   //
	First   time.Time  `json:"first"`   // of its sightings
	Last    time.Time  `json:"last"`    //
	Count   int        `json:"count"`   // of sightings
	Made    time.Time  `json:"made"`    //
	Raised  uint64     `json:"raised"`  // entry of hit.raise
	Outcome Outcome    `json:"outcome"` // "" until resolved
	By      string     `json:"by"`      // id of the person who resolved it
	At      time.Time  `json:"at"`      // when
	Note    string     `json:"note"`    // hers
	Unseen  bool       `json:"unseen"`  // confirmed without a picture, as there was none; Note says by what
	Own     bool       `json:"own"`     // who confirmed it is who put the plate on the list
	Entry   Entry      `json:"entry"`   // as it was when the hit was made
	List    List       `json:"list"`    // as it is; Entries is not counted

	Sightings []Sighting      `json:"sightings"` // newest first, at most MaxSightings
	Before    map[Outcome]int `json:"before"`    // outcomes of earlier hits of this text and entry at this agency
}

// Limits.
const (
	Burst        = 15 * time.Minute // sightings so close to one another are one hit
	MaxHits      = 10               // of one entry for one agency in an hour; further reads share one hit
	MaxSightings = 50               // told of one hit
	MaxEntries   = 500_000          // of one list
	MinKnown     = 4                // letters and digits of an entry with wildcards, so that it cannot mean everybody
)

// Retention says how long a hit and its reads are kept, from its last change.
type Retention struct {
	Dismissed  time.Duration // misread, stale, wrong vehicle, refused; default 30 days
	Unresolved time.Duration // default 90 days
	Confirmed  time.Duration // default 1 year; acted upon 5 years
	Acted      time.Duration
}

func (r Retention) orDefault() Retention {
	const day = 24 * time.Hour
	for _, d := range []struct {
		of *time.Duration
		to time.Duration
	}{{&r.Dismissed, 30 * day}, {&r.Unresolved, 90 * day}, {&r.Confirmed, 365 * day}, {&r.Acted, 5 * 365 * day}} {
		if *d.of == 0 {
			*d.of = d.to
		}
	}
	return r
}

var (
	// ErrNotFound: there is none, or the caller may not know of it.
	ErrNotFound = errors.New("hotlist: not found")
	// ErrChanged: somebody else changed it meanwhile; look again.
	ErrChanged = errors.New("hotlist: it has changed meanwhile; look at it again")
	// ErrFile: the uploaded file is not (or no longer) kept; send it again.
	ErrFile = errors.New("hotlist: the file is no longer kept; choose it again")
)

// Invalid is the error of input that cannot be.
type Invalid struct {
	Field  string // as in JSON
	Reason string // one sentence
}

func (e *Invalid) Error() string { return e.Field + ": " + e.Reason }
