// Package cover covers faces and plates in a film: Find says where they are, as
// tracks that a person can review, change and add to; Render paints over what the
// tracks say and writes the film anew. It would rather cover too much than too
// little: what it does not find is shown, so a person should look, first at the
// moments that Unsure names.
//
// A track's JSON is that of the resident's app (web/app/src/lib/media/types.ts).
package cover

import (
	"cmp"
	"slices"

	"porchlight/vision"
)

// What a track covers.
const (
	Face   = "face"
	Plate  = "plate"
	Manual = "manual" // drawn by a person
)

// Track is a box that moves: between its keys it is interpolated, before and after
// them it stands still.
type Track struct {
	ID    string  `json:"id"`
	Kind  string  `json:"kind"`  // Face, Plate, Manual
	Score float64 `json:"score"` // 0 to 1: how sure the finder is at its best sight; 1 for Manual
	From  float64 `json:"from"`  // seconds: it covers its place from here
	To    float64 `json:"to"`    // to here
	Keys  []Key   `json:"keys"`  // at least one, by time
	// Doubts are the moments at which it was least sure. Apps may leave them out.
	Doubts []Doubt `json:"doubts,omitempty"`
}

// Key is where a track is at a time. The box is in parts of the picture's sides as
// displayed, from the top left corner; it may reach over the edge.
type Key struct {
	T float64 `json:"t"` // seconds
	X float64 `json:"x"`
	Y float64 `json:"y"`
	W float64 `json:"w"`
	H float64 `json:"h"`
}

// Doubt is a moment at which a track may be wrong.
type Doubt struct {
	T         float64 `json:"t"`         // seconds
	Certainty float64 `json:"certainty"` // 0 to 1
	Why       string  `json:"why"`       // Weak, Bridged, Begins, Ends
}

// Why a moment is doubtful.
const (
	Weak    = "weak"    // seen, but hardly
	Bridged = "bridged" // not seen here, though before and after
	Begins  = "begins"  // first seen in the middle of the picture: it may have been there before
	Ends    = "ends"    // last seen in the middle of the picture: it may still be there
)

// At is where the track's box is at t seconds; false while it is not shown.
func (t Track) At(s float64) (Key, bool) {
	if s < t.From || s > t.To || len(t.Keys) == 0 {
		return Key{}, false
	}
	next, found := slices.BinarySearchFunc(t.Keys, s, func(k Key, s float64) int { return cmp.Compare(k.T, s) })
	b := t.Keys[min(next, len(t.Keys)-1)]
	if found || next == 0 || next == len(t.Keys) {
		b.T = s
		return b, true
	}
	a := t.Keys[next-1]
	f := (s - a.T) / (b.T - a.T)
	mix := func(p, q float64) float64 { return p + (q-p)*f }
	return Key{s, mix(a.X, b.X), mix(a.Y, b.Y), mix(a.W, b.W), mix(a.H, b.H)}, true
}

// Review is a moment that a person should look at.
type Review struct {
	Track string `json:"track"` // its id
	Kind  string `json:"kind"`
	Doubt
}

// Unsure are the moments to look at first: the least certain first, at most one of
// a track within a second.
func Unsure(tracks []Track) []Review {
	var all []Review
	for _, t := range tracks {
		doubts := slices.SortedStableFunc(slices.Values(t.Doubts), byCertainty)
		var told []float64
		for _, d := range doubts {
			if !slices.ContainsFunc(told, func(at float64) bool { return max(at-d.T, d.T-at) < 1 }) {
				told = append(told, d.T)
				all = append(all, Review{t.ID, t.Kind, d})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Review) int { return byCertainty(a.Doubt, b.Doubt) })
	return all
}

func byCertainty(a, b Doubt) int {
	return cmp.Or(cmp.Compare(a.Certainty, b.Certainty), cmp.Compare(a.T, b.T))
}

// key is a box of a frame at a time.
func key(t float64, b vision.Box, w, h int) Key {
	return Key{t, float64(b.X) / float64(w), float64(b.Y) / float64(h), float64(b.W) / float64(w), float64(b.H) / float64(h)}
}

// box is where k is in a frame.
func (k Key) box(f vision.Frame) vision.Box {
	w, h := float64(f.W), float64(f.H)
	return vision.Box{X: float32(k.X * w), Y: float32(k.Y * h), W: float32(k.W * w), H: float32(k.H * h)}
}
