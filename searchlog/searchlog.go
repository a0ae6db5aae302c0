// Package searchlog reads the search logs of licence-plate networks, as agencies
// release them, into one record.
//
// It recognises a log by its content, keeps apart what a cell says, what was
// masked and what was never exported, repairs what it can and says so, and sets
// aside what it cannot read with the reason: every row of a file is counted in
// exactly one of Rows, Duplicate, Sharing and SetAsideRows of its File (its
// header and lines without a character are no rows). Memory does not
// grow with a file, but for some bytes a row to know the row again.
//
// It knows nothing of purposes or law; package audit asks the questions.
package searchlog

import (
	"io"
	"time"
)

// Field is a column of a search log, whatever a vendor calls it.
type Field uint8

// The fields. Portal logs have few of them, network audits most.
const (
	ID         Field = iota // the vendor's id of the search
	Searcher                // who searched: a name, a pseudonym, a user id
	Agency                  // the searching agency
	Networks                // how many networks were searched
	Devices                 // how many cameras
	From                    // begin of the time frame that was searched
	To                      // its end
	Plate                   // the plate or pattern searched for
	Reason                  // the reason typed or chosen
	Case                    // the case number
	Offense                 // the offense type, where it is a column of its own
	Filters                 // vehicle filters
	Time                    // when the search was made
	Type                    // kind of search: lookup, convoy, visual...
	Prompt                  // text of a free-text search
	Moderation              // the vendor's verdict on the reason or prompt
	NumFields
)

// String is the field's name in reports and JSON: "id", "searcher"...
func (f Field) String() string { return fieldNames[f] }

var fieldNames = [NumFields]string{
	"id", "searcher", "agency", "networks", "devices", "from", "to", "plate", "reason",
	"case", "offense", "filters", "time", "type", "prompt", "moderation",
}

// State says what a cell is, before what it says.
type State uint8

// The states of a cell.
const (
	NotExported    State = iota // the file has no such column
	Blank                       // empty
	Value                       // says something
	MaskedByVendor              // *** and the like, put there by the product
	MaskedByAgency              // REDACTED, ###, a statute cite: put there by who released it
	PartlyMasked                // some of it is masked; the rest is in Cell
	Placeholder                 // stands for "unknown": --, N/A, none
	NumStates
)

// String is the state's name in reports and JSON: "value", "not exported"...
func (s State) String() string { return stateNames[s] }

var stateNames = [NumStates]string{
	"not exported", "blank", "value", "masked by vendor", "masked by agency", "partly masked", "placeholder",
}

// Search is one search of a plate network as a log tells it. Its bytes belong
// to the reader and are valid during Visit only.
type Search struct {
	File int // index into Reading.Files
	Line int // 1-based: the line of the file (the row of a sheet) where the row begins

	// Cell are the row's cells by field, without the spaces around: nil unless
	// State is Value or PartlyMasked, but masks too are in Raw.
	Cell  [NumFields][]byte
	State [NumFields]State

	// Read from the cells; the zero values hold where State is not Value.
	Time     time.Time // UTC; always in seconds or finer, as the log has it
	From, To time.Time // UTC
	Networks int       // -1 where not told
	Devices  int       // -1 where not told

	parser *parser // whose row it is
	row    *row
	layout *layout // of row; Cell holds nothing of another
}

// Raw are the row's cells as they stand in the file, for citation.
func (s *Search) Raw() [][]byte {
	cells := make([][]byte, s.row.n)
	for i, c := range s.parser.spans[s.row.raw : s.row.raw+s.row.n] {
		cells[i] = s.parser.bytes(c)
	}
	return cells
}

// Has reports whether the field says something, if only in part.
func (s *Search) Has(f Field) bool { return s.State[f] == Value || s.State[f] == PartlyMasked }

// Visitor is called with the searches, a few of one file at a time, duplicates
// left out. One Visitor sees its searches in order of (File, Line), and from one
// goroutine at a time; several visitors share a file.
type Visitor interface {
	Visit([]Search)
}

// Source is a file to read, of a folder, an archive or a stream.
type Source struct {
	Name string // the path as a person would cite it: "logs.zip/2025/may.csv"
	Size int64  // bytes, -1 when not known before reading
	Open func() (io.ReadCloser, error)
}

// Options say how to read. The zero value works.
type Options struct {
	// Zone is that of times without one, where the variant does not tell. Nil: UTC.
	Zone *time.Location
	// Workers is how many goroutines parse and visit. Zero: one a processor.
	Workers int
	// Progress, if set, is called now and then with the bytes read and the bytes
	// there are (-1 when not known), from any goroutine.
	Progress func(done, total int64)

	block int  // bytes of a block, for tests
	long  bool // no row is taken for a plain one, for tests
}

// Reading is what the reader found.
type Reading struct {
	Files  []File
	Shares []Share // of logs that say who shares with whom
}

// File is what was found in one source, zip member or sheet.
type File struct {
	Path      string    `json:"path"`
	Variant   string    `json:"variant"`  // a key of Variants, "" when not recognised
	Columns   []string  `json:"columns"`  // labels as they stand
	Missing   []string  `json:"missing"`  // fields that this file has no column for
	Unknown   []string  `json:"unknown"`  // labels that no field was found for
	Encoding  string    `json:"encoding"` // utf-8, utf-16le, utf-16be, windows-1252 (some rows), xlsx
	Delimiter string    `json:"delimiter,omitempty"`
	Rows      int       `json:"rows"`       // searches, each counted once over all files
	Duplicate int       `json:"duplicates"` // rows that were seen before, here or in an earlier file
	Sharing   int       `json:"sharing"`    // rows that tell who shares with whom: they are in Reading.Shares, not in Rows
	First     time.Time `json:"first"`      // earliest and latest search, UTC
	Last      time.Time `json:"last"`
	Zone      string    `json:"zone"` // of the times: "UTC, as written", "UTC, by the variant", "America/Chicago, as asked"...

	Cells        map[string]map[string]int `json:"cells"`     // field to state to rows
	Repairs      []Repair                  `json:"repairs"`   // in order of line
	SetAside     []SetAside                `json:"set_aside"` // in order of line; the first MaxNotes of each reason
	SetAsideRows int                       `json:"set_aside_rows"`
	Repeated     []Duplicate               `json:"repeated"` // the first MaxNotes duplicates, with both places
	Warnings     []Warning                 `json:"warnings"` // of the file as a whole
}

// MaxNotes is how many lines a File lists for one kind of repair, reason or
// duplicate; the counts are of all.
const MaxNotes = 1000

// Repair tells that rows were read otherwise than they stand.
type Repair struct {
	Kind  string `json:"kind"` // split, shifted, stacked header, unclosed quote, last cells left out, time not read
	Rows  int    `json:"rows"`
	Lines []int  `json:"lines"` // the first MaxNotes
}

// SetAside is a row that is not a search, or could not be read as one.
type SetAside struct {
	Line   int    `json:"line"`
	Reason string `json:"reason"`
	Text   string `json:"text"` // its beginning
}

// Duplicate is a row that says again what an earlier one said.
type Duplicate struct {
	Line      int    `json:"line"`
	OfFile    string `json:"of_file"`
	OfLine    int    `json:"of_line"`
	By        string `json:"by"`        // "id", or "content" where ids are missing
	Different bool   `json:"different"` // same id, other content
}

// Warning is a doubt about a whole file.
type Warning struct {
	Kind string `json:"kind"` // not a search log, no rows, truncated, gap, month cut, file name and dates differ, encoding, repeated file, masked elsewhere, packed too deep, cannot be opened, cannot be read
	Text string `json:"text"`
}

// Share is one arrow of a sharing log: Owner lets Other search its cameras.
type Share struct {
	File, Line   int
	Owner, Other string
	Tags         []string // federal, inactive, deactivated
}
