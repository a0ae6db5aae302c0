package send

import (
	"errors"
	"slices"
)

// Track is a box that moves, in the app's form (lib/media/types.ts): between its
// keys it is interpolated, before and after them it stands still.
type Track struct {
	ID    string  `json:"id"`
	Kind  string  `json:"kind"`
	Score float64 `json:"score"` // 0 to 1: how sure the detector is; 1 for manual
	From  float64 `json:"from"`  // it covers its place from here to there, seconds
	To    float64 `json:"to"`
	Keys  []Key   `json:"keys"` // at least one, by time
}

// Key is where a box is at a time.
type Key struct {
	X float64 `json:"x"` // of its left edge, in fractions of the picture
	Y float64 `json:"y"`
	W float64 `json:"w"`
	H float64 `json:"h"`
	T float64 `json:"t"`
}

// Manual is the kind of what people drew.
const Manual = "manual"

// What is looked for.
type What struct {
	Faces  bool `json:"faces"`
	Plates bool `json:"plates"`
}

// Valid reports why t is no track.
func (t Track) Valid() error {
	switch {
	case len(t.Keys) == 0 || len(t.Keys) > 100_000:
		return errors.New("a track needs a place")
	case !(t.From <= t.To):
		return errors.New("a track ends before it begins")
	case !slices.IsSortedFunc(t.Keys, func(a, b Key) int {
		if a.T < b.T {
			return -1
		}
		return 1
	}):
		return errors.New("a track's places are not in order")
	}
	for _, k := range t.Keys {
		if !(k.W > 0 && k.H > 0 && k.W <= 2 && k.H <= 2 && k.X > -2 && k.X < 2 && k.Y > -2 && k.Y < 2) {
			return errors.New("a track's box is not in the picture")
		}
	}
	return nil
}
