// Package register is the voluntary camera register: an owner tells one agency
// that a camera exists, changes that, or takes it back; an officer may look
// which cameras were told in a small area, for a case, and write to their
// owners. Nobody sees through a camera by it, and nobody gets the whole of it.
//
// An owner has no account. She holds a capability (package capability), and by
// it sees each time an officer looked at her camera.
package register

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"porchlight/canvass"
	"porchlight/geo"
	"porchlight/internal/form"
)

// Films is what a camera sees, from a closed list.
type Films string

// AllFilms lists what a camera can be said to film.
func AllFilms() []Films {
	return []Films{"street", "sidewalk", "entrance", "driveway", "yard", "alley", "parking", "storefront", "other"}
}

// Details is what an owner tells of her camera. She may change it.
type Details struct {
	Place    geo.Point    // on Rounding's grid: her device rounds it
	Rounding geo.Rounding //
	Films    []Films      // one at least, each once
	Note     string       // in her words, at most MaxNote characters
	Days     int          // for how many days it keeps footage, 1 to 365; 0: she does not say
	// Contact is her own, an age file to the agency's evidence vault; empty: she
	// is written to through Porchlight only.
	Contact []byte
	Vault   string // the age recipient Contact was sealed to
}

// Longest things of a camera and its letters.
const (
	MaxNote    = 200      // characters
	MaxDays    = 365      //
	MaxContact = 4 << 10  // bytes
	MaxMessage = 16 << 10 // bytes
)

// Invalid is the error of details that cannot be told. Nothing is recorded.
type Invalid struct{ Field, Problem string }

func (e *Invalid) Error() string { return "register: " + e.Field + " " + e.Problem }

// check returns *Invalid.
func (d Details) check() error {
	known := func(f Films) bool { return slices.Contains(AllFilms(), f) }
	sorted := slices.Clone(d.Films)
	slices.Sort(sorted)
	switch {
	case !d.Rounding.Keeps(d.Place):
		return &Invalid{"place", "is not rounded as it says"}
	case len(d.Films) == 0 || slices.ContainsFunc(d.Films, func(f Films) bool { return !known(f) }) || len(slices.Compact(sorted)) < len(d.Films):
		return &Invalid{"films", "must name one or more of: " + words(AllFilms())}
	case !form.Line(d.Note, MaxNote):
		return &Invalid{"note", fmt.Sprintf("is longer than %d characters or no plain line of text", MaxNote)}
	case d.Days < 0 || d.Days > MaxDays:
		return &Invalid{"days", fmt.Sprintf("must be from 0 to %d", MaxDays)}
	}
	return nil
}

func words[T ~string](list []T) string {
	s := make([]string, len(list))
	for i, w := range list {
		s[i] = string(w)
	}
	return strings.Join(s, " ")
}

// Camera is one that its owner told an agency of. Only its owner changes it.
type Camera struct {
	ID     string // ULID: the id of the act that told it
	Agency string // ORI
	Details
	Recipient     string // the age recipient its owner reads with
	Past          []byte // capability.Next.Past of her link; empty for the first
	Told, Changed time.Time
	Entry         uint64 // of register.tell

	owner string // capability.Holder.Owner
}

// Look is one time an officer saw a camera, as its owner learns of it.
type Look struct {
	At       time.Time
	Role     string
	Incident canvass.Incident
	Entry    uint64 // of register.view
}

// Ask is what an officer wants to look at, and why.
type Ask struct {
	Case     string
	Incident canvass.Incident
	Note     string // what happened, in plain words
	Area     geo.Polygon
}

// check returns *Invalid for what cannot be a look. Limits are policy's.
func (a Ask) check() error {
	switch {
	case !slices.Contains(canvass.Incidents(), a.Incident):
		return &Invalid{"incident", "is not in the list of incidents"}
	case !form.Line(a.Case, canvass.MaxCase):
		return &Invalid{"case", fmt.Sprintf("is longer than %d characters or no plain text", canvass.MaxCase)}
	case utf8.RuneCountInString(a.Note) > 500 || !utf8.ValidString(a.Note):
		return &Invalid{"note", "is longer than 500 characters or no text"}
	case a.Area.Empty():
		return &Invalid{"area", "is missing"}
	}
	return nil
}

// Message is a letter between an owner and the agency she told. Only they can
// open it.
type Message struct {
	ID        string // the act's
	FromOwner bool
	Sealed    []byte // age file to the owner's recipient and the agency's evidence vault
	At        time.Time
	Entry     uint64
}

// Followed is everything the bearer of a camera's link may know of it.
type Followed struct {
	Camera   Camera
	Agency   canvass.Agency
	Looks    []Look    // newest first
	Messages []Message // oldest first
}

// Thread is what an agency and an owner wrote to each other.
type Thread struct {
	Camera    string // id
	Recipient string
	Messages  []Message // oldest first
}

// Agencies looks agencies up; package roster does.
type Agencies = canvass.Agencies

var (
	// ErrNotFound: there is no such camera, or not for this caller.
	ErrNotFound = errors.New("register: no such camera")
	// ErrChanged: the camera was changed or taken back at the same moment.
	ErrChanged = errors.New("register: the camera was changed at this moment; look again")
	// ErrFull: too many letters about one camera.
	ErrFull = errors.New("register: there are too many letters about this camera")
)

// lookup returns an agency; *Invalid when there is none of that name.
func lookup(ctx context.Context, as Agencies, ori string) (canvass.Agency, error) {
	a, err := as.Agency(ctx, ori)
	if err != nil {
		return a, fmt.Errorf("looking up the agency: %w", err)
	}
	return a, nil
}
