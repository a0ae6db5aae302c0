// Package plate holds the nouns of the plate network: what cameras read, what an
// investigator may ask of it, and what an owner of reads answers. The rooms
// below it do the work, each with its own tables:
//
//	plate/reads    keeps reads and finds them: day files, day partitions
//	plate/intake   cameras, and what they speak
//	plate/image    the pictures of reads, sealed to their owner
//	plate/hotlist  lists of wanted plates, hits, alerts, corrections
//	plate/sharing  who may search whose reads
//	plate/search   searches through the gate, approval, export, holds, retention
//	plate/peer     lookups between exchanges
//
// docs/design/plate.md says how they fit.
package plate

import (
	"strconv"
	"time"

	"porchlight/geo"
)

// Read is one plate seen by one camera. A read belongs to the agency whose
// camera saw it, its owner, and to nobody else.
type Read struct {
	ID         ID        `json:"id"`         // given by plate/reads
	Owner      string    `json:"owner"`      // ORI
	Camera     string    `json:"camera"`     // id of the camera
	Event      string    `json:"event"`      // the camera's own id of this observation, at most 64 bytes; "" if it has none
	Text       Text      `json:"text"`       //
	Region     string    `json:"region"`     // ISO 3166-2 ("US-IL") or 3166-1 alpha-2 ("NL"); "" unknown
	Confidence int       `json:"confidence"` // of Text in per mille, as the camera's program states it; -1 unknown
	Others     []Guess   `json:"others"`     // what else it may be, best first, at most 5
	Seen       time.Time `json:"seen"`       // by the camera's clock, whole milliseconds, UTC
	Received   time.Time `json:"received"`   // by ours
	Place      geo.Point `json:"place"`      // of the camera when it saw the plate
	Heading    int       `json:"heading"`    // of travel in degrees from north, 0 to 359; -1 unknown
	Vehicle    Vehicle   `json:"vehicle"`    //
	Image      string    `json:"image"`      // id in plate/image; "" none
}

// Guess is another reading of the same plate.
type Guess struct {
	Text       Text `json:"text"`
	Confidence int  `json:"confidence"` // as Read.Confidence
}

// Vehicle is what the camera's program says of it, in lower case; "" unknown.
type Vehicle struct {
	Type  string `json:"type"`  // car, suv, pickup, van, truck, bus, motorcycle, trailer, other
	Make  string `json:"make"`  // e.g. toyota
	Color string `json:"color"` // black, white, gray, silver, red, blue, green, yellow, orange, brown, gold, purple, other
}

// ID is a read's number: milliseconds since 1970 at which it was seen, times
// 2^20, plus a sequence number. Ids of a time range are a range of ids.
type ID uint64

// IDAt is the smallest id of a read seen at t.
func IDAt(t time.Time) ID { return ID(t.UnixMilli()) << 20 }

// Time is when the read was seen, to the millisecond.
func (id ID) Time() time.Time { return time.UnixMilli(int64(id >> 20)).UTC() }

// MarshalText gives the number in digits: in JSON an ID is a string, as it has
// more digits than JavaScript's numbers keep.
func (id ID) MarshalText() ([]byte, error) { return strconv.AppendUint(nil, uint64(id), 10), nil }

// UnmarshalText reads MarshalText's form.
func (id *ID) UnmarshalText(b []byte) error {
	n, err := strconv.ParseUint(string(b), 10, 64)
	*id = ID(n)
	return err
}

// Camera reads plates for one agency. Where it stands is known to its owner and
// to whoever a search of its reads was answered; how many there are is public.
type Camera struct {
	ID      string    `json:"id"`      // ULID: the act that added it
	Owner   string    `json:"owner"`   // ORI
	Name    string    `json:"name"`    // as people call it, e.g. "Main St / 5th, northbound"
	Alias   string    `json:"alias"`   // as its own program calls it, where that serves several; "" otherwise
	Place   geo.Point `json:"place"`   // of a mobile camera: where it is based
	Heading int       `json:"heading"` // it looks at traffic going that way; -1 both or unknown
	Mobile  bool      `json:"mobile"`  // its batches state where it is
	Speaks  Dialect   `json:"speaks"`  //
	Key     []byte    `json:"key"`     // Ed25519 public key of a camera that signs; nil otherwise
	Removed time.Time `json:"removed"` // zero while in use
}

// Dialect is what a camera, or the program beside it, speaks.
type Dialect string

const (
	Signed          Dialect = "signed"          // Porchlight's own signed batches
	OpenALPR        Dialect = "openalpr"        // webhook JSON, data types alpr_results and alpr_group
	PlateRecognizer Dialect = "platerecognizer" // Stream webhook
	Frigate         Dialect = "frigate"         // events over MQTT
	CSV             Dialect = "csv"             // files
)
