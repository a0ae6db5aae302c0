// Package packs carries the law: one folder per jurisdiction. A folder with a
// pack.json is a law pack that package policy loads and decides acts by. A
// folder's search.json says what that law says of searches in a licence-plate
// network, for audits of search logs; base/search.json is for no state at all.
//
// A folder's home.json says what its law says of what a household's own computer
// may do.
//
// It reads files and knows no rule engine, so that the audit page, which is
// compiled to WebAssembly, can carry it too. Nobody admitted in any of these
// states has reviewed the texts: each folder's notes.md says what to confirm.
package packs

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// FS holds all folders as this program was built with them.
//
//go:embed */*
var FS embed.FS

// SearchLaw is what a jurisdiction's law says of searches in a licence-plate
// network, as far as the log of the searches can show it. What a search log
// seems to show is a question to ask, not a violation found.
type SearchLaw struct {
	State     string `json:"state"`     // two-letter postal code, "" where no state's law is applied
	Name      string `json:"name"`      // in English, e.g. "Illinois"
	Effective string `json:"effective"` // since when it stands so: YYYY-MM-DD, or YYYY-MM or YYYY where no more is known; "" for base
	Zone      string `json:"zone"`      // IANA zone in which most of the state lives, "UTC" for base

	Banned        []Purpose    `json:"banned,omitempty"`         // purposes the law forbids
	Sensitive     []Purpose    `json:"sensitive,omitempty"`      // purposes no statute there forbids, but which people ask about; Plain says why
	PermittedOnly []Permitted  `json:"permitted_only,omitempty"` // where not empty, the law lists what a search may be for
	LookBack      *LookBack    `json:"look_back,omitempty"`      // how far back a search may look
	CaseNumber    *Requirement `json:"case_number,omitempty"`    // the record of a search must name a case
	Reason        *Requirement `json:"reason,omitempty"`         // the record of a search must say what it was for
	Retention     *Retention   `json:"retention,omitempty"`      // how long reads may be kept that are not evidence
	Outside       *Outside     `json:"outside,omitempty"`        // whether searchers from outside the state may be let in
	Notes         []string     `json:"notes,omitempty"`          // what a reader of an audit should know besides, one sentence each

	// Digest is the lower-case hex SHA-256 of the search.json this was read
	// from, so that a report can name the text it went by.
	Digest string `json:"-"`
}

// Law is where a rule stands and what it says.
type Law struct {
	Citation string `json:"citation"` // as a lawyer writes it, e.g. "625 ILCS 5/2-130(b)(1)"
	Plain    string `json:"plain"`    // one sentence for everybody, ours, not the statute's
	URL      string `json:"url"`      // the official text, https
}

// Purpose is a class of package purpose with the law that speaks of it.
type Purpose struct {
	Class string `json:"class"`
	Law
}

// Permitted is one entry of a closed list. A search is within the list when one
// of its classes is in one of the entries. A reason that says nothing of what
// it is for (vague, case-number, unreadable, unstated) cannot be held against
// the list; that is what Reason and CaseNumber are for.
type Permitted struct {
	Classes []string `json:"classes"`
	Law
}

// LookBack is the farthest that a search may look into the past.
type LookBack struct {
	Days   int    `json:"days"`             // whole days, 24 hours each
	Unless string `json:"unless,omitempty"` // when it may look further, e.g. "a case number is given"
	Law
}

// Requirement is something the record of a search must hold.
type Requirement struct{ Law }

// Retention is how long a read that is not evidence may be kept: so many days
// or so many minutes, the other is 0. A search that looks back further finds
// what should be gone, or evidence.
type Retention struct {
	Days    int `json:"days,omitempty"`
	Minutes int `json:"minutes,omitempty"`
	Law
}

// What Outside may say.
const (
	OutsideBanned         = "banned"          // not without a warrant or the like
	OutsideNeedsAgreement = "needs agreement" // only on conditions that the log does not show, such as a written declaration
	OutsideOpen           = "open"            // no statute forbids it
)

// Outside is whether agencies from elsewhere may search the state's reads.
type Outside struct {
	Federal    string `json:"federal"`      // one of the constants above
	OutOfState string `json:"out_of_state"` // the same
	Law
}

// For returns the law for searches of a state, by its two-letter postal code in
// either case ("IL"); of "" the base, which rests on no statute but on what
// Porchlight itself promises. What base calls sensitive is sensitive in a state
// too, unless its own law speaks of it. The error for a state that has none here
// names those that have.
func For(state string) (SearchLaw, error) {
	base, err := read(FS, "base")
	if state == "" || err != nil {
		return base, err
	}
	if !slices.Contains(States(), strings.ToUpper(state)) {
		return SearchLaw{}, fmt.Errorf("no search law for state %q: known are %s; leave the state out to apply none", state, strings.Join(States(), " "))
	}
	law, err := read(FS, "us-"+strings.ToLower(state))
	for _, p := range base.Sensitive {
		same := func(q Purpose) bool { return q.Class == p.Class }
		if !slices.ContainsFunc(law.Banned, same) && !slices.ContainsFunc(law.Sensitive, same) {
			law.Sensitive = append(law.Sensitive, p)
		}
	}
	return law, err
}

// States returns the postal codes that For knows, sorted, without "".
func States() []string {
	files, err := fs.Glob(FS, "us-*/search.json")
	if err != nil {
		panic(err) // the pattern is constant
	}
	states := make([]string, len(files))
	for i, f := range files {
		states[i] = strings.ToUpper(strings.TrimSuffix(strings.TrimPrefix(f, "us-"), "/search.json"))
	}
	return states
}

// read reads one folder's search.json; a field it does not know is an error, so
// that a misspelt rule cannot be lost.
func read(fsys fs.FS, folder string) (SearchLaw, error) {
	name := folder + "/search.json"
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return SearchLaw{}, err
	}
	var law SearchLaw
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&law); err != nil {
		return SearchLaw{}, fmt.Errorf("%s: %w", name, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return SearchLaw{}, fmt.Errorf("%s: something follows the object", name)
	}
	sum := sha256.Sum256(data)
	law.Digest = hex.EncodeToString(sum[:])
	return law, nil
}
