package audit

import (
	"strings"
	"time"
	"unicode/utf8"

	"porchlight/agencyname"

	"github.com/cespare/xxhash/v2"
)

// unit is what searches are counted by to learn its habits: an agency by name
// or, where the log names none, a file.
type unit struct {
	name     string // "" for a file
	id       uint32 // of marks; 0 for a file
	state    string
	kind     string
	says     agencyname.Says
	outside  bool  // of another state than home
	ended    []int // indices into Options.Ended that speak of it
	searches int
	afterEnd int // searches after sharing should have ended
	classes  [maxClasses]int
	days     days
	withCase int
	shapes   []shapeCount // forms of case numbers, the frequent ones early
}

// agencyID is what marks hold of an agency's name.
func agencyID(name []byte) uint32 { return max(uint32(xxhash.Sum64(name)), 1) }

func (u *unit) merge(o *unit) {
	u.searches += o.searches
	u.afterEnd += o.afterEnd
	for i, n := range o.classes {
		u.classes[i] += n
	}
	u.days.merge(&o.days)
	u.withCase += o.withCase
	for _, s := range o.shapes {
		u.shape(s.shape, s.n)
	}
}

// fetch brings what is counted near the processor. The number means nothing.
func (u *unit) fetch() (n int) {
	if len(u.days.words) > 0 {
		n = int(u.days.words[0])
	}
	if len(u.shapes) > 0 {
		n += u.shapes[0].n
	}
	return n + u.searches
}

type shapeCount struct {
	shape uint16
	n     int
}

func (u *unit) shape(shape uint16, n int) {
	for i := range u.shapes {
		if u.shapes[i].shape == shape {
			u.shapes[i].n += n
			if i > 0 { // what is frequent comes to stand in front
				u.shapes[i], u.shapes[i-1] = u.shapes[i-1], u.shapes[i]
			}
			return
		}
	}
	u.shapes = append(u.shapes, shapeCount{shape, n})
}

// endings compares agency names the way a person does: "federal" and "out of
// state" are whoever is so.
func endings(ended []Ended, u *unit) (matching []int) {
	for i, e := range ended {
		switch agency := fold(e.Agency); {
		case agency == "federal" && u.says&agencyname.Federal != 0,
			(agency == "out of state" || agency == "outside") && u.outside,
			u.name != "" && agency == fold(u.name):
			matching = append(matching, i)
		}
	}
	return matching
}

func fold(s string) string { return strings.ToLower(strings.Join(agencyname.Words(s), " ")) }

// zoneOf is the zone that the agency's state keeps, nil where the name does not
// tell or the program has no zone data.
func zoneOf(state string) *time.Location {
	name := agencyname.Zone(state)
	if name == "" {
		return nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	return zone
}

// What a login looks like.
const (
	loginID   = 1 << iota // an address, a number, a UUID: one login
	loginFull             // a first and a last name: maybe more than one person
	loginFed              // says that it is federal
	loginTask             // says that it is of a task force
)

// login reads what a searcher's cell is.
func login(b []byte) uint8 {
	var kind uint8
	s := string(b)
	switch says := agencyname.Read(s, true); {
	case says&agencyname.Federal != 0:
		kind |= loginFed
	case says&agencyname.TaskForce != 0:
		kind |= loginTask
	}
	digits := strings.ContainsAny(s, "0123456789")
	if strings.IndexByte(s, '@') > 0 || digits && len(s) >= 5 {
		return kind | loginID
	}
	long := 0
	for _, w := range agencyname.Words(s) {
		if utf8.RuneCountInString(w) >= 3 {
			long++
		}
	}
	if long >= 2 {
		kind |= loginFull
	}
	return kind
}
