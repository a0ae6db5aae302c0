package pages

import (
	"html/template"
	"time"
)

// A View is what one page shows: one struct a page, filled from the services.
// The file of its template is named after it.
type View interface{ template() string }

// Agency as other pages name it.
type AgencyRef struct {
	ORI  string
	Name string
	Kind string // as policy.Actor.AgencyKind
}

// RequestCard is a published request in a list.
type RequestCard struct {
	ID          string
	Agency      AgencyRef
	Incident    string // as canvass.Incident
	Narrative   string
	State       string    // open, resolved, expired
	From, To    time.Time // the window asked about, in the request's zone
	Expires     time.Time
	Published   time.Time
	SquareMiles float64
}

// Home is "/".
type Home struct {
	Open     []RequestCard // the newest few
	Agencies int           // active
	Requests int           // ever published
	Refusals int           // acts refused, ever
	Entries  int           // of the ledger
}

// Requests is "/requests": what is being asked now.
type Requests struct {
	Open []RequestCard
	Map  template.HTML // from basemap.Map.SVG; empty without a map
}

// Request is "/r/{id}": one request, for as long as the exchange stands.
type Request struct {
	RequestCard
	Contact  string
	Map      template.HTML
	Closed   time.Time // zero while open
	Limits   []Rule    // the rules this request had to keep
	Posted   uint64    // entry of request.post
	Approved uint64    // entry of request.moderate
	Ended    uint64    // entry of request.close; 0 while there is none
}

// Agencies is "/agencies".
type Agencies struct{ Agencies []AgencyRow }

// AgencyRow is an agency in the list.
type AgencyRow struct {
	AgencyRef
	Status         string // invited, active, suspended
	State          string // two-letter code
	Open, Requests int    // requests open now, ever published
}

// Agency is "/agencies/{ori}".
type Agency struct {
	AgencyRef
	Status     string
	State      string
	Since      time.Time // when it enrolled
	Map        template.HTML
	Vault      *Vault // nil while it has published no key
	Suspension *Suspension
	Months     []Month // oldest first, the last twelve
	Requests   []RequestCard
	Plates     *Plates // nil when it has no part in the plate network
	Told       *Told   // nil when it can be told of no cameras
}

// Told is what an agency has of the voluntary camera register.
type Told struct{ Cameras, Looks, Asks int }

// Vault is the public key to which residents' clips are encrypted.
type Vault struct {
	Recipient string // age recipient
	Published time.Time
	Entry     uint64 // of vault.publish
}

// Suspension says why an agency can do nothing for now.
type Suspension struct {
	Reason string
	Since  time.Time
	Entry  uint64 // of agency.suspend
}

// Month counts what an agency did in a month of the exchange's time.
type Month struct {
	Start                                                   time.Time // first day
	Requests, Refusals, Views, Exports, Shares, Suspensions int
}

// Ledger is "/ledger": entries, newest first.
type Ledger struct {
	Origin     string
	Size       uint64 // entries published
	Checkpoint string // signed note
	Witnesses  []string
	Entries    []EntryLine
	Newer      *uint64 // ?before= of the neighboring pages, nil at the ends
	Older      *uint64
}

// EntryLine is an entry in words.
type EntryLine struct {
	Index   uint64
	Action  string // e.g. request.post
	Actor   string // role
	Agency  *AgencyRef
	Hour    time.Time
	Permit  bool
	Outcome string // done, void or open for a permitted act, empty for a refused one
}

// Entry is "/ledger/{index}".
type Entry struct {
	EntryLine
	ActID     string
	Public    []Field
	Committed []string // names of the private values
	Rules     []Rule
	Packs     []Pack // name and hash only
	Text      string // the entry's own bytes, indented for reading
	Receipt   string // the receipt file's text, also at /ledger/{index}/receipt
}

// Field is one public value of an act.
type Field struct{ Name, Value string }

// Rules is "/rules".
type Rules struct{ Packs []Pack }

// Pack is a law pack.
type Pack struct {
	Name  string // base, us-il
	Hash  string // lower-case hex SHA-256
	Rules []Rule
}

// Rule is one policy as people read it; policy.Rule without the pack.
type Rule struct {
	ID       string
	Effect   string            // permit or forbid
	Plain    map[string]string // language to one sentence
	Citation string
	Source   string // URL, empty if none
	Cedar    string
}

// API is "/api": the API's description for people.
type API struct {
	Groups   []APIGroup
	Problem  []APIField // members of every error
	Problems []string   // last parts of the problem types
}

// APIGroup is the operations of one kind of thing.
type APIGroup struct {
	Name       string // first part of their paths
	Operations []APIOperation
}

// APIOperation is one operation.
type APIOperation struct {
	ID, Method, Path, Summary string
	Who                       string // anyone, session, capability or upload
	Act                       bool   // it takes the headers of an act
	Parameters                []APIField
	Body, Answer              []APIField // one field without a name, or none
}

// APIField is a parameter or property, and what is inside it.
type APIField struct {
	Name, Type, Doc string
	In              string // of a parameter: path, query, header or cookie
	Required        bool
	Enum            []string
	Fields          []APIField
}

// How is "/how": how it works and what is kept about whom.
type How struct{}

// Accessibility is "/accessibility".
type Accessibility struct{ Contact string }

// Problem is any page that cannot be shown, and "/problems/{kind}", where the
// API's problem types point.
type Problem struct {
	Status  int    // HTTP status; 0 for the page that explains a kind
	Kind    string // last part of the problem type, e.g. not-found
	Detail  string
	Rules   []Rule // refused
	Receipt string // refused
}

func (Home) template() string          { return "home" }
func (Requests) template() string      { return "requests" }
func (Request) template() string       { return "request" }
func (Agencies) template() string      { return "agencies" }
func (Agency) template() string        { return "agency" }
func (Ledger) template() string        { return "ledger" }
func (Entry) template() string         { return "entry" }
func (Rules) template() string         { return "rules" }
func (API) template() string           { return "api" }
func (How) template() string           { return "how" }
func (Accessibility) template() string { return "accessibility" }
func (Problem) template() string       { return "problem" }

// Pets is "/pets": lost animals, the same for everybody.
type Pets struct{ Posts []Pet }

// Pet is "/pets/{post}": one lost animal.
type Pet struct {
	ID, Animal, Words string   // Animal as pets.Animal
	Colours           []string // as pets.Colour
	Photos            []string // addresses
	Seen, Ends        time.Time
	Homes             int // that say they looked for it
	Entry             uint64
	Map               template.HTML // about where it was seen; in the page of one
}

func (Pets) template() string { return "pets" }
func (Pet) template() string  { return "pet" }

// Correction is "/correction": a driver who was flagged by mistake asks for
// correction. What she wrote comes back to her with a problem.
type Correction struct {
	Form                              string // token that goes back with the form
	Agencies                          []AgencyRef
	Problem                           string
	Agency                            string // ORI she chose
	Plate, When, Where, What, Contact string
}

// Ticket is "/correction/{ticket}": her request, and the answer. Its address is
// the secret.
type Ticket struct {
	Agency                            string // name
	New                               bool   // she sent it just now
	Link                              string
	Plate, When, Where, What, Contact string
	Opened, Answered                  time.Time
	OpenEntry, AnswerEntry            uint64
	Outcome                           string // as hotlist.Answer; empty while open
	Words                             string
}

func (Correction) template() string { return "correction" }
func (Ticket) template() string     { return "ticket" }
