package plate

import (
	"time"

	"porchlight/geo"
)

// Kind is what a query wants to know.
type Kind string

const (
	ByPlate Kind = "plate"  // where one plate, or one pattern, was read
	InArea  Kind = "area"   // every read in an area and time
	Convoy  Kind = "convoy" // which plates were read along with one plate
)

// Query is a question to one or more owners' reads. Zero fields ask nothing.
type Query struct {
	Kind    Kind        `json:"kind"`
	Plate   Pattern     `json:"plate"`         // of ByPlate and Convoy; Convoy takes an exact plate
	From    time.Time   `json:"from"`          // reads seen at From or later,
	To      time.Time   `json:"to"`            // and before To
	Region  string      `json:"region"`        // as Read.Region
	Vehicle Vehicle     `json:"vehicle"`       //
	Cameras []string    `json:"cameras"`       // only these
	Area    geo.Polygon `json:"area,omitzero"` // only reads whose place lies in it; InArea needs it
}

// The plates that travel along with one: read by the same camera within
// ConvoyGap of it, at ConvoyCameras different cameras or more.
const (
	ConvoyGap     = 30 * time.Second
	ConvoyCameras = 3
)

// Companion is a plate that was read along with another.
type Companion struct {
	Text    Text   `json:"text"`
	Region  string `json:"region"`
	Cameras int    `json:"cameras"` // different cameras that read both
	Reads   []Read `json:"reads"`   // its reads beside the other's, oldest first
}

// Ask is a query with the reason for it. All of it is committed in the entry of
// the search; kind, offense, what the note means and how wide it reaches are
// public.
type Ask struct {
	Query   Query  `json:"query"`
	Case    string `json:"case"`    // case number
	Offense string `json:"offense"` // code of one of Offenses()
	Note    string `json:"note"`    // what the search is for, in words; package purpose reads it
	Behalf  string `json:"behalf"`  // who it is for, when that is another agency: its ORI, or its name where it has none here; "" otherwise
	// Owners and Peers narrow whom the ask goes to: only these owners here
	// (none: all that let her in), and these other exchanges (none: no other).
	Owners []string `json:"owners"` // ORIs, sorted
	Peers  []string `json:"peers"`  // origins, sorted
}

// Asker is who asks, as the owner's law sees her agency. Behalf is set when she
// asks for somebody else, whose standing counts as much as hers.
type Asker struct {
	Agency   string `json:"agency"`           // ORI
	Name     string `json:"name"`             //
	Kind     string `json:"kind"`             // as roster.Kind; "federal" also where a name says so
	Status   string `json:"status"`           // as roster.Status
	State    string `json:"state"`            // two letters
	Exchange string `json:"exchange"`         // origin of the peer through which it asks; "" at home
	Behalf   *Asker `json:"behalf,omitempty"` //
}

// Answer is what one owner's reads say to an ask, or why they do not.
type Answer struct {
	Owner      string      `json:"owner"`      // ORI
	Exchange   string      `json:"exchange"`   // origin of the peer that answered; "" at home
	Permit     bool        `json:"permit"`     //
	Rules      []string    `json:"rules"`      // ids of the rules that decided
	Entry      uint64      `json:"entry"`      // of the act search.answer, in the ledger of Exchange
	Grant      uint64      `json:"grant"`      // entry of the sharing setting that let the asker in; 0 for the owner's own search
	Reads      []Read      `json:"reads"`      // newest first, at most MaxReads
	Companions []Companion `json:"companions"` // of a convoy, most cameras first, at most MaxCompanions
	More       bool        `json:"more"`       // there were more than the limit; the query must be narrowed
	Purged     int         `json:"purged"`     // reads that were in this answer when it was first given and have reached their retention since
}

// Most reads and companions in one owner's answer.
const (
	MaxReads      = 1000
	MaxCompanions = 100
)
