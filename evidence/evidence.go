// Package evidence keeps what residents shared: items, who holds them, how long
// and why, and the package a court gets.
//
// The exchange never holds a key. An item is an age file split in two: the
// payload (ciphertext) in the blob store, the header that opens it beside the
// custody of each agency. Destroying every header makes the payload unreadable
// everywhere; the payload is deleted next. The custody chain of an item is not
// kept here: it is the gate's history of the item.
package evidence

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// State is where an item stands. Declined and Withdrawn are due for destruction,
// which follows at once or, after a crash or a hold, at the next Sweep.
type State string

const (
	Pending             State = "pending"              // arrived, waits for triage
	Accepted            State = "accepted"             // in a case, under retention
	WithdrawalRequested State = "withdrawal-requested" // accepted; the owner asks for it back
	Declined            State = "declined"             // refused at triage
	Withdrawn           State = "withdrawn"            // taken back by the owner, or released to her
	Destroyed           State = "destroyed"            // headers, letters and payload are gone
)

// Cause is why an item was destroyed.
type Cause string

const (
	CauseDeclined  Cause = "declined"
	CauseWithdrawn Cause = "withdrawn"
	CauseExpired   Cause = "expired" // its retention, or its wait for triage, ended
)

// Item is one clip a resident shared, from intake to destruction. Only the gate
// changes it, through Service.
type Item struct {
	ID      string // ULID, lower case
	Request string // the community request it answers
	Agency  string // ORI of the custodian agency
	Case    string // the agency's case number, set at triage
	State   State
	Cause   Cause // set once Destroyed

	CiphertextSHA256 string // lower-case hex, of the whole age file as uploaded
	PayloadSHA256    string // lower-case hex, of the file without its header
	Size             int64  // bytes of the payload (the file without its header)
	Blob             string // payload in the blob store; "" once that is deleted

	Owner          string // id of the submission it came with; package share knows whose that is
	OwnerRecipient string // age recipient the custodian writes to her with
	Consent        Consent
	ShareEntry     uint64 // index of the submission.share entry

	Received  time.Time
	Category  string    // retention category, see Schedule
	DisposeAt time.Time // when retention ends; zero: never by itself

	// Ground is the lawful ground on which a withdrawal was refused.
	Ground string
}

// Consent is what the owner agreed to, word for word, as one JSON object; its
// exact bytes are hashed into the share entry. The members below are read here,
// others are kept as they are.
type Consent []byte

// Terms are the members of a Consent that people are shown.
type Terms struct {
	Text     string `json:"text"`     // exactly what she read
	Language string `json:"language"` // en, es, nl
	Identity string `json:"identity"` // through-porchlight, email or address
}

// Terms reads c.
func (c Consent) Terms() (t Terms, err error) {
	if err = json.Unmarshal(c, &t); err == nil && t.Text == "" {
		err = errors.New("no text")
	}
	if err != nil {
		return t, fmt.Errorf("%w: consent: %w", ErrInput, err)
	}
	return t, nil
}

// SHA256 is the lower-case hex hash that the share entry commits to.
func (c Consent) SHA256() string { return fmt.Sprintf("%x", sha256.Sum256(c)) }

// Private values of a submission.share entry, one entry an item, whose objects
// include the item's id. A package proves the clip and the consent with them.
const (
	ShareCiphertext = "ciphertext_sha256" // Item.CiphertextSHA256
	SharePayload    = "payload_sha256"    // Item.PayloadSHA256
	ShareConsent    = "consent_sha256"    // Consent.SHA256
	SharePlaintext  = "plaintext_sha256"  // sealed by the owner's device; opened by the letter
)

// Custody is an agency's hold on an item: the age header that only its vault
// opens. The custodian's own is the header as uploaded, without conditions.
type Custody struct {
	Item   string
	Agency string // ORI
	Header []byte // age header, ends with the MAC line; see ParseHeader
	Letter []byte // age file to this agency's vault; may be empty for a partner
	Conditions
	By    string // ORI of the agency that gave it; empty for the custodian's own
	Since time.Time
	Entry uint64 // index of the entry that made it
}

// Conditions stick to an item shared with a partner agency.
type Conditions struct {
	Purpose   string    // why the partner needs it; she views and exports for that only
	Expires   time.Time // the partner's header is destroyed then
	NoReshare bool      // the partner may neither share it onward nor export it
}

// Note is a custodian's remark, an age file sealed to her agency's vault.
type Note struct {
	ID, Item, Agency string
	Sealed           []byte
	By               string // person id
	At               time.Time
}

// Hold keeps an item from destruction while it stands.
type Hold struct {
	ID, Item, Agency string
	Reason           string
	Order            string    // court order, preservation letter, or the lawful ground
	Until            time.Time // zero: until lifted
	Placed, Lifted   time.Time // Lifted is zero while it stands
}

// Stands reports whether the hold keeps its item at now.
func (h Hold) Stands(now time.Time) bool {
	return h.Lifted.IsZero() && (h.Until.IsZero() || now.Before(h.Until))
}

// Category is one line of a retention schedule.
type Category struct {
	ID       string
	Keep     time.Duration // counted from acceptance; zero: until somebody decides
	Citation string        // where the period comes from
}

// Untriaged is how long an item waits for triage before it expires.
const Untriaged = 30 * 24 * time.Hour

// Schedule is the default retention: an item is kept as long as a prosecution
// may begin. Source: 720 ILCS 5/3-5 (felonies 3 years, other offenses 18
// months, homicide and some others at any time).
var Schedule = []Category{
	{ID: "lead", Keep: 90 * 24 * time.Hour, Citation: "agency schedule"},
	{ID: "misdemeanor", Keep: 548 * 24 * time.Hour, Citation: "720 ILCS 5/3-5(b)"},
	{ID: "felony", Keep: 3 * 365 * 24 * time.Hour, Citation: "720 ILCS 5/3-5(b)"},
	{ID: "no-limitation", Citation: "720 ILCS 5/3-5(a)"},
}

var (
	// ErrNotFound: no such item, or none this agency may know of.
	ErrNotFound = errors.New("evidence: no such item")
	// ErrHeld: a hold stands, so the item is not destroyed.
	ErrHeld = errors.New("evidence: the item is under a hold")
	// ErrClosed: this view or export was never opened, is another session's, or
	// has ended; ask again.
	ErrClosed = errors.New("evidence: this view has ended")
	// ErrState: the item's state does not allow the step; the message says which.
	ErrState = errors.New("evidence: not possible in the item's state")
	// ErrHeader: not the header of an age v1 file with X25519 recipients only.
	ErrHeader = errors.New("evidence: not an age header for X25519 recipients")
	// ErrInput: a field is missing, too long or malformed; the message says which.
	ErrInput = errors.New("evidence: bad input")
)
