package intake

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"

	"porchlight/plate"
)

// Sighting is one plate as a camera, or the program beside it, tells of it.
type Sighting struct {
	// Read holds what was told: Event, Text, Region, Confidence, Others, Seen,
	// Heading, Vehicle, and Place when Placed. The rest is intake's to fill.
	plate.Read
	Placed bool   // Place was told
	Alias  string // name of the camera in its own program, "" if it has none
	Sealed []byte // its picture, an age file sealed to the owner's plate vault
	Clear  []byte // its picture (JPEG, PNG), from programs that cannot seal
	Fault  string // why it cannot be taken, one sentence without what was sent; "" if it can
}

// MaxEvent is the longest id of an observation, in bytes.
const MaxEvent = 64

// maxOthers and maxAttribute bound what programs add to a read.
const (
	maxOthers    = 5
	maxAttribute = 40
)

// Values are what a body may hold: far more than the largest useful one, and few
// enough that reading them takes little memory, however short each is.
const maxValues = 100_000

// crowded reports whether a text has more values than it may, before it is read:
// each takes a comma.
func crowded(text []byte) bool { return bytes.Count(text, []byte(",")) > maxValues }

// sighting begins one with everything unknown. A fault in what was told makes
// it unusable; see Sighting.Fault.
func sighting(text string, seen time.Time) Sighting {
	s := Sighting{Read: plate.Read{Confidence: -1, Heading: -1, Seen: seen.UTC().Truncate(time.Millisecond)}}
	var err error
	if s.Text, err = plate.ParseText(text); err != nil {
		s.Fault = "The plate is not 1 to 10 letters and digits."
	}
	if seen.IsZero() {
		s.Fault = "The time is missing or cannot be read."
	}
	return s
}

// event sets the camera's own id of the observation.
func (s *Sighting) event(id string) {
	if len(id) > MaxEvent {
		s.Fault = "The event id is longer than 64 bytes."
		return
	}
	s.Event = id
}

// other adds another reading, unless it is no plate, known already or one too many.
func (s *Sighting) other(text string, permille int) {
	t, err := plate.ParseText(text)
	if err != nil || t == s.Text || len(s.Others) == maxOthers {
		return
	}
	for _, o := range s.Others {
		if o.Text == t {
			return
		}
	}
	s.Others = append(s.Others, plate.Guess{Text: t, Confidence: permille})
}

// permille turns a confidence stated in parts of whole into per mille; -1 when
// it is none.
func permille(part, whole float64) int {
	if math.IsNaN(part) || part < 0 || part > whole {
		return -1
	}
	return int(math.Round(part / whole * 1000))
}

// degrees turns a compass direction into a heading; -1 when it is none.
func degrees(d float64) int {
	if math.IsNaN(d) || d < 0 || d > 360 {
		return -1
	}
	return int(math.Round(d)) % 360
}

var regionForm = regexp.MustCompile(`^[A-Z]{2}(-[A-Z0-9]{1,3})?$`)

// region is a program's word for where a plate is from, as plate.Read.Region;
// "" when it is none. country is the program's setting, e.g. "us" or "eu".
func region(s, country string) string {
	s, country = strings.ToUpper(strings.TrimSpace(s)), strings.ToUpper(strings.TrimSpace(country))
	if group, code, ok := strings.Cut(s, "-"); ok && group == "EU" {
		s = code // OpenALPR's word for Europe; what follows is the country
	}
	if !regionForm.MatchString(s) {
		return ""
	}
	if len(s) == 2 && (country == "US" || country == "CA" || country == "AU") && s != country {
		return country + "-" + s
	}
	return s
}

// kinds of vehicles by a part of their name, in the order they are tried:
// "tractor-trailer" is a truck.
var kinds = []struct{ part, kind string }{
	{"motorc", "motorcycle"}, {"motorbike", "motorcycle"}, {"scooter", "motorcycle"},
	{"suv", "suv"}, {"crossover", "suv"}, {"pickup", "pickup"}, {"van", "van"},
	{"truck", "truck"}, {"tractor", "truck"}, {"lorry", "truck"}, {"bus", "bus"}, {"trailer", "trailer"},
	{"car", "car"}, {"sedan", "car"}, {"coupe", "car"}, {"hatch", "car"}, {"wagon", "car"}, {"convertible", "car"}, {"compact", "car"},
}

// vehicleType is a program's word for a body, as plate.Vehicle.Type.
func vehicleType(s string) string {
	s = word(s)
	if s == "" {
		return ""
	}
	for _, k := range kinds {
		if strings.Contains(s, k.part) {
			return k.kind
		}
	}
	return "other"
}

// colors as plate.Vehicle.Color, and other words for them. Where a program
// joins two ("silver-gray") the first counts.
var colors = map[string]string{
	"black": "black", "white": "white", "gray": "gray", "grey": "gray", "silver": "silver", "red": "red", "blue": "blue",
	"green": "green", "yellow": "yellow", "orange": "orange", "brown": "brown", "gold": "gold", "purple": "purple",
	"beige": "gold", "tan": "brown", "violet": "purple", "maroon": "red",
}

// color is a program's word for a color, as plate.Vehicle.Color.
func color(s string) string {
	s = word(s)
	if s == "" {
		return ""
	}
	first, _, _ := strings.Cut(s, "-")
	if c := colors[first]; c != "" {
		return c
	}
	return "other"
}

// word is a program's word in one form; "" when it says that it does not know.
func word(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	switch s {
	case "unknown", "missing", "none", "n/a", "null":
		return ""
	}
	if !oneLine(s, maxAttribute) {
		return ""
	}
	return s
}

// usable checks what a signed batch states, where a program of ours must get it
// right, and says what is wrong.
func (s *Sighting) usable() error {
	switch {
	case s.Confidence < -1 || s.Confidence > 1000:
		return fmt.Errorf("the confidence is not 0 to 1000")
	case s.Heading < -1 || s.Heading > 359:
		return fmt.Errorf("the heading is not 0 to 359")
	case s.Region != "" && !regionForm.MatchString(s.Region):
		return fmt.Errorf("the region is not an ISO 3166 code")
	case len(s.Others) > maxOthers:
		return fmt.Errorf("there are more than 5 other readings")
	}
	return nil
}

// epoch reads a time in seconds, milliseconds or microseconds since 1970,
// whichever makes it a time of this century.
func epoch(n float64) time.Time {
	switch {
	case math.IsNaN(n) || n <= 0 || n > 1e17:
		return time.Time{}
	case n > 1e14:
		return time.UnixMicro(int64(n)).UTC()
	case n > 1e11:
		return time.UnixMilli(int64(n)).UTC()
	}
	return time.UnixMilli(int64(math.Round(n * 1000))).UTC()
}

// clocks are the forms of times in files and webhooks. Those that state no zone
// are UTC.
var clocks = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999",
	"2006-01-02 15:04", "1/2/2006 3:04:05 PM", "1/2/2006 15:04:05", "1/2/2006 3:04 PM", "1/2/2006 15:04", "20060102150405",
}

// clock reads a time in any of the clocks; zero when it is none.
func clock(s string) time.Time {
	s = strings.TrimSpace(s)
	for _, form := range clocks {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
