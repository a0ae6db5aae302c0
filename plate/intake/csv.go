package intake

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"porchlight/geo"
	"porchlight/plate"
)

// columns of a CSV file by what they are called, in lower case without blanks
// and underscores. docs/cameras.md lists them.
var columns = map[string]string{
	"plate": "plate", "licenseplate": "plate", "platenumber": "plate", "tag": "plate", "registration": "plate",
	"seen": "seen", "time": "seen", "timestamp": "seen", "datetime": "seen", "readtime": "seen", "capturetime": "seen",
	"region": "region", "state": "region", "platestate": "region", "jurisdiction": "region",
	"confidence": "confidence", "score": "confidence",
	"event": "event", "id": "event", "readid": "event",
	"camera": "camera", "cameraid": "camera", "cameraname": "camera",
	"lat": "lat", "latitude": "lat", "lon": "lon", "lng": "lon", "longitude": "lon",
	"heading": "heading", "direction": "heading", "directionoftravel": "heading",
	"type": "type", "vehicletype": "type", "body": "type", "bodytype": "type",
	"make": "make", "vehiclemake": "make", "color": "color", "colour": "color", "vehiclecolor": "color",
}

// compass are words for headings.
var compass = map[string]int{
	"n": 0, "north": 0, "northbound": 0, "nb": 0, "ne": 45, "northeast": 45, "e": 90, "east": 90, "eastbound": 90, "eb": 90,
	"se": 135, "southeast": 135, "s": 180, "south": 180, "southbound": 180, "sb": 180, "sw": 225, "southwest": 225,
	"w": 270, "west": 270, "westbound": 270, "wb": 270, "nw": 315, "northwest": 315,
}

var squeeze = strings.NewReplacer(" ", "", "_", "", "-", "", ".", "")

// parseCSV reads a file with a header line; commas, semicolons or tabs part the
// columns. A row that cannot be used carries its fault.
func parseCSV(body []byte) ([]Sighting, error) {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	head, _, _ := bytes.Cut(body, []byte("\n"))
	r := csv.NewReader(bytes.NewReader(body))
	for _, c := range []rune{';', '\t'} {
		if bytes.ContainsRune(head, c) && !bytes.ContainsRune(head, ',') {
			r.Comma = c
		}
	}
	r.FieldsPerRecord, r.LazyQuotes, r.ReuseRecord = -1, true, true
	names, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("%w: the file has no header line", errForeign)
	}
	where := map[string]int{}
	for i, n := range names {
		if c := columns[squeeze.Replace(strings.ToLower(strings.TrimSpace(n)))]; c != "" {
			if _, twice := where[c]; !twice {
				where[c] = i
			}
		}
	}
	for _, need := range []string{"plate", "seen"} {
		if _, ok := where[need]; !ok {
			return nil, fmt.Errorf("%w: the header line names no column %q", errForeign, need)
		}
	}
	var list []Sighting
	for {
		row, err := r.Read()
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			var at *csv.ParseError
			errors.As(err, &at)
			return nil, fmt.Errorf("%w: line %d cannot be read", errForeign, at.Line)
		}
		if len(list) == maxValues/10 {
			return nil, ErrTooMany
		}
		list = append(list, csvSighting(func(column string) string {
			if i, ok := where[column]; ok && i < len(row) {
				return strings.TrimSpace(row[i])
			}
			return ""
		}))
	}
}

func csvSighting(cell func(column string) string) Sighting {
	text := cell("seen")
	seen := clock(text)
	if n, err := strconv.ParseFloat(text, 64); err == nil && len(text) != len("20060102150405") {
		seen = epoch(n)
	}
	s := sighting(cell("plate"), seen)
	s.event(cell("event"))
	s.Alias, s.Region = cell("camera"), region(cell("region"), "")
	if r := s.Region; len(r) == 2 && states[r] {
		s.Region = "US-" + r
	}
	if n, err := strconv.ParseFloat(strings.TrimSuffix(cell("confidence"), "%"), 64); err == nil {
		switch {
		case n <= 1:
			s.Confidence = permille(n, 1)
		default:
			s.Confidence = permille(n, 100)
		}
	}
	if d, err := strconv.ParseFloat(cell("heading"), 64); err == nil {
		s.Heading = degrees(d)
	} else if d, ok := compass[strings.ToLower(cell("heading"))]; ok {
		s.Heading = d
	}
	lon, errLon := strconv.ParseFloat(cell("lon"), 64)
	lat, errLat := strconv.ParseFloat(cell("lat"), 64)
	if errLon == nil && errLat == nil {
		if p, err := geo.NewPoint(lon, lat); err == nil {
			s.Place, s.Placed = p, true
		} else if s.Fault == "" {
			s.Fault = "The place is not on the map."
		}
	}
	s.Vehicle = plate.Vehicle{Type: vehicleType(cell("type")), Make: word(cell("make")), Color: color(cell("color"))}
	return s
}

// states are the codes that mean a state of the US in a file that names no
// country; none of them is taken for a country there.
var states = func() map[string]bool {
	m := map[string]bool{}
	for _, s := range strings.Fields(`AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY
		NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC PR`) {
		m[s] = true
	}
	return m
}()
