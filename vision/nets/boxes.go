package nets

import (
	"cmp"
	"math"
	"slices"

	"porchlight/vision"
)

// overlap is how much two boxes share: their intersection by their union.
func overlap(a, b vision.Box) float32 {
	w := min(a.X+a.W, b.X+b.W) - max(a.X, b.X)
	h := min(a.Y+a.H, b.Y+b.H) - max(a.Y, b.Y)
	if w <= 0 || h <= 0 {
		return 0
	}
	return w * h / (a.W*a.H + b.W*b.H - w*h)
}

// best keeps of what overlaps by more than most the one with the highest score,
// best first. same says which pairs are compared.
func best[T any](list []T, most float32, box func(T) vision.Box, score func(T) float32, same func(a, b T) bool) []T {
	slices.SortStableFunc(list, func(a, b T) int { return cmp.Compare(score(b), score(a)) })
	var kept []T
	for _, t := range list {
		if !slices.ContainsFunc(kept, func(k T) bool { return same(k, t) && overlap(box(k), box(t)) > most }) {
			kept = append(kept, t)
		}
	}
	return kept
}

// letterbox is the box of the shape w:h around a frame, in its middle.
func letterbox(f vision.Frame, w, h int) vision.Box {
	scale := max(float32(f.W)/float32(w), float32(f.H)/float32(h))
	bw, bh := scale*float32(w), scale*float32(h)
	return vision.Box{X: (float32(f.W) - bw) / 2, Y: (float32(f.H) - bh) / 2, W: bw, H: bh}
}

// inside is the part of b that lies in the frame.
func inside(b vision.Box, f vision.Frame) vision.Box {
	x, y := max(0, b.X), max(0, b.Y)
	return vision.Box{X: x, Y: y, W: max(0, min(float32(f.W), b.X+b.W)-x), H: max(0, min(float32(f.H), b.Y+b.H)-y)}
}

func sigmoid(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }
