package send

import (
	"cmp"
	"errors"
	"slices"

	"porchlight/vision/cover"
)

// valid reports why t cannot be painted; pages send them.
func valid(t cover.Track) error {
	switch {
	case len(t.Keys) == 0 || len(t.Keys) > 100_000:
		return errors.New("a track needs a place")
	case !(t.From <= t.To):
		return errors.New("a track ends before it begins")
	case !slices.IsSortedFunc(t.Keys, func(a, b cover.Key) int { return cmp.Compare(a.T, b.T) }):
		return errors.New("a track's places are not in order")
	}
	for _, k := range t.Keys {
		if !(k.W > 0 && k.H > 0 && k.W <= 2 && k.H <= 2 && k.X > -2 && k.X < 2 && k.Y > -2 && k.Y < 2) {
			return errors.New("a track's box is not in the picture")
		}
	}
	return nil
}
