// Package audit asks what the search logs of a licence-plate network say: which
// purposes, whose searches, how wide and how far back, and what deserves a
// question. It gives no score of a person; it gives questions with evidence.
//
// It runs without an exchange, on the command line and, compiled to
// WebAssembly, in a visitor's browser.
package audit

import (
	"time"

	"porchlight/searchlog"
)

// Options say under which assumptions to audit. The zero value works.
type Options struct {
	State      string         // two letters: whose law; "" for none
	Zone       *time.Location // in which hours and days are counted; nil: that of the state's law, else UTC
	Home       string         // the state whose agencies are "in state"; "" is State
	RadioCodes string         // purpose's set of radio codes, "" for none
	Ended      []Ended        // sharing that was to end
	Rows       int            // how many rows a finding lists; 0 is 1,000
	Workers    int
	Progress   func(done, total int64)
	Now        time.Time // of the report; zero is the clock
}

// Ended says that an agency (or "federal", "out of state") was not to search
// from a day on.
type Ended struct {
	Agency string
	From   time.Time
}

// Result is all that an audit found. It is also its JSON (docs/audit-json.md);
// Run answers with what the rows say; Redact makes what may be published.
type Result struct {
	Redacted    bool             `json:"redacted"`
	Made        time.Time        `json:"made"`
	State       string           `json:"state"`
	Zone        string           `json:"zone"`
	Rows        int              `json:"rows"` // searches, each once
	Told        int              `json:"told"` // searches that tell a purpose, if only that none is given: those of Purposes, each once
	First       time.Time        `json:"first"`
	Last        time.Time        `json:"last"`
	Files       []searchlog.File `json:"files"`
	Purposes    map[string]int   `json:"purposes"` // class to searches; a search may have several
	Offenses    map[string]int   `json:"offenses"` // NIBRS code to searches
	Months      []Month          `json:"months"`
	Hours       [7][24]int       `json:"hours"` // by weekday (0 Sunday) and hour in Zone
	Searchers   Spread           `json:"searchers"`
	Agencies    []Agency         `json:"agencies"` // the 500 with most searches
	Reach       Reach            `json:"reach"`
	Findings    []Finding        `json:"findings"` // in the order of Rules
	Clear       []string         `json:"clear"`    // rules that could be asked and found nothing
	Unknown     []string         `json:"unknown"`  // what could not be known from these files, in sentences
	Assumptions []Assumption     `json:"assumptions"`
}

// Month is one month of the timeline, in Result.Zone.
type Month struct {
	Month    string         `json:"month"` // 2025-11
	Searches int            `json:"searches"`
	Told     int            `json:"told"` // as Result.Told
	Purposes map[string]int `json:"purposes"`
}

// Spread says how searches fall on searchers, without naming any.
type Spread struct {
	Known  int        `json:"known"`  // searches whose searcher can be told apart
	Number int        `json:"number"` // searchers
	Median float64    `json:"median"` // searches a searcher
	Most   int        `json:"most"`
	Top    []Searcher `json:"top"` // the 50 with most searches
}

// Searcher is one of them, by token.
type Searcher struct {
	Token    string `json:"token"`
	Agency   string `json:"agency"`
	Searches int    `json:"searches"`
	Days     int    `json:"days"`
	Night    int    `json:"night"` // between 22:00 and 6:00, in the zone of the agency's state where its name tells it, else in Zone
}

// Agency is one searching agency.
type Agency struct {
	Name     string         `json:"name"`
	State    string         `json:"state"` // two letters, "" when the name does not tell
	Kind     string         `json:"kind"`  // local, state, federal, private, "" unknown
	Searches int            `json:"searches"`
	Purposes map[string]int `json:"purposes"`
}

// Reach says how wide the searches went.
type Reach struct {
	Known    int            `json:"known"`  // searches that tell it
	Single   int            `json:"single"` // of one network only
	Multi    int            `json:"multi"`
	Networks Quantiles      `json:"networks"`
	Devices  Quantiles      `json:"devices"`
	LookBack Quantiles      `json:"look_back"` // hours
	States   map[string]int `json:"states"`    // searches by the searching agency's state
}

// Quantiles of a number over the searches that tell it.
type Quantiles struct {
	N      int     `json:"n"`
	Median float64 `json:"median"`
	P90    float64 `json:"p90"`
	Most   float64 `json:"most"`
}

// Finding is a question that the rows raise.
type Finding struct {
	Rule        string       `json:"rule"` // an ID of Rules
	Title       string       `json:"title"`
	Question    string       `json:"question"`
	Law         []Law        `json:"law"`
	Threshold   string       `json:"threshold"`
	Assumptions []Assumption `json:"assumptions"`
	Sensitivity []Variation  `json:"sensitivity"` // how the count changes with them
	Innocent    []string     `json:"innocent"`    // what would explain it
	Unit        string       `json:"unit"`        // what Count counts: "searches", for exports "files", "gaps" or "columns"
	Count       int          `json:"count"`       // searches that support it, all of them
	Of          int          `json:"of"`          // searches that could have (those that tell)
	Instances   int          `json:"instances"`   // how many Cases there are in all, of which Cases lists at most 100
	Cases       []Case       `json:"cases"`       // groups of rows that belong together, the strongest first
	Rows        []Row        `json:"rows"`        // the first Options.Rows, in order
}

// Case is one instance of a finding that takes several rows: a streak, a pair
// of searches, a searcher and a plate.
type Case struct {
	What  string `json:"what"` // one sentence
	Count int    `json:"count"`
	Rows  []Row  `json:"rows"` // at most 50
}

// Law is what a finding rests on.
type Law struct {
	Citation string `json:"citation"`
	Plain    string `json:"plain"`
	URL      string `json:"url"`
}

// Assumption is a value the result depends on and somebody may doubt.
type Assumption struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Why   string `json:"why"`
}

// Variation is the count under another assumption.
type Variation struct {
	Change    string `json:"change"`
	Count     int    `json:"count"`
	Instances int    `json:"instances,omitempty"` // where the finding has some
}

// Row cites one row. Cells are by field name, without those that are blank or
// not exported; of a masked one it says so in brackets. A redacted Result has
// them redacted. An export's finding cites a file, then Line is 0.
type Row struct {
	File  string            `json:"file"`
	Line  int               `json:"line"`
	Words string            `json:"words,omitempty"` // the words that caused it
	Cells map[string]string `json:"cells"`
}
