package packs

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// HomeLaw is what a place's law says of what a household's own computer may do.
// The household's computer decides by it itself and asks nobody.
type HomeLaw struct {
	Place string `json:"place"`          // ISO 3166-2, e.g. "US-IL"
	City  string `json:"city,omitempty"` // in English; "" the whole place
	Name  string `json:"name"`           // in English, e.g. "Illinois"
	// Inside are rectangles that lie wholly in the place, degrees: south, west,
	// north, east. A camera in one of them is in the place, whatever the household
	// says. They leave out its borders.
	Inside [][4]float64 `json:"inside"`

	FamiliarFaces *Refusal `json:"familiar_faces,omitempty"` // nil: may be switched on

	Digest string `json:"-"` // lower-case hex SHA-256 of the file
}

// Refusal is why something is refused in a place.
type Refusal struct {
	Law
	PlainIn map[string]string `json:"plain_in"` // Plain in other languages: "es", "nl"
}

// Says is the sentence in a language, English if there is none.
func (r Refusal) Says(language string) string {
	if s := r.PlainIn[language]; s != "" {
		return s
	}
	return r.Plain
}

// Covers reports whether the law is that of a place (ISO 3166-2) and city.
func (h HomeLaw) Covers(place, city string) bool {
	return strings.EqualFold(h.Place, strings.TrimSpace(place)) && (h.City == "" || strings.EqualFold(h.City, strings.TrimSpace(city)))
}

// Holds reports whether a point certainly lies in the place.
func (h HomeLaw) Holds(lat, lng float64) bool {
	for _, r := range h.Inside {
		if r[0] <= lat && lat <= r[2] && r[1] <= lng && lng <= r[3] {
			return true
		}
	}
	return false
}

// Homes are the laws of all home.json.
func Homes() ([]HomeLaw, error) { return homes(FS) }

func homes(fsys fs.FS) ([]HomeLaw, error) {
	files, err := fs.Glob(fsys, "*/home.json")
	if err != nil {
		return nil, err
	}
	var all []HomeLaw
	for _, name := range files {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		var h HomeLaw
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		if err := d.Decode(&h); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if _, err := d.Token(); err != io.EOF {
			return nil, fmt.Errorf("%s: something follows the object", name)
		}
		sum := sha256.Sum256(data)
		h.Digest = hex.EncodeToString(sum[:])
		all = append(all, h)
	}
	return all, nil
}
