package plates

import (
	"cmp"
	"math"
	"slices"

	"porchlight/vision"
	"porchlight/vision/nets"
)

// line is a line of text that may be a plate's characters.
type line struct {
	quad  nets.Quad
	score float32 // that it is text
	parts int     // of how many lines as found it is joined
}

// Lines that are smaller, or of another shape, are no plates that can be read.
const (
	leastHeight = 6   // pixels
	leastShape  = 1.1 // width over height
	mostShape   = 14
)

// candidates are at most most lines that may be plates, those first that look most
// like it: lines as they were found, and neighbors joined, because a gap, a seal or
// a picture between a plate's groups parts them.
func candidates(found []nets.Text, most int) []line {
	var list []line
	for _, t := range found {
		b := t.Quad.Bounds()
		if slices.ContainsFunc(list, func(l line) bool { return iou(l.quad.Bounds(), b) > 0.85 }) {
			continue // seen twice, from far and from near
		}
		if _, h := t.Quad.Size(); h >= leastHeight {
			list = append(list, line{t.Quad, t.Score, 1})
		}
	}
	single := len(list)
	for i := range single {
		for j := range single {
			if i == j {
				continue
			}
			two, ok := join(list[i], list[j])
			if !ok {
				continue
			}
			list = append(list, two)
			for k := range single {
				if k != i && k != j {
					if three, ok := join(two, list[k]); ok {
						list = append(list, three)
					}
				}
			}
		}
	}
	list = slices.DeleteFunc(list, func(l line) bool {
		w, h := l.quad.Size()
		return w < leastShape*h || w > mostShape*h
	})
	slices.SortStableFunc(list, func(a, b line) int { return cmp.Compare(b.looks(), a.looks()) })
	return list[:min(most, len(list))]
}

// looks is how much a line looks like a plate's characters before it is read:
// large and about four times as wide as high.
func (l line) looks() float64 {
	w, h := l.quad.Size()
	shape := math.Log(float64(w/h) / 4.2)
	return math.Log(float64(h)) + float64(l.score) - 0.8*shape*shape - 0.2*float64(l.parts-1)
}

// join makes one line of a and its neighbor b to the right, when they may be
// groups of one plate.
func join(a, b line) (line, bool) {
	_, ha := a.quad.Size()
	_, hb := b.quad.Size()
	low, high := min(ha, hb), max(ha, hb)
	if high > 1.7*low {
		return line{}, false
	}
	gap := distance(middle(a.quad[1], a.quad[2]), middle(b.quad[0], b.quad[3]))
	if gap > 1.3*high {
		return line{}, false
	}
	// The second begins to the right of the first's end, on its level.
	ux, uy := direction(a.quad)
	from, to := middle(a.quad[1], a.quad[2]), middle(b.quad[0], b.quad[3])
	along, across := (to.X-from.X)*ux+(to.Y-from.Y)*uy, -(to.X-from.X)*uy+(to.Y-from.Y)*ux
	vx, vy := direction(b.quad)
	if along < -0.5*low || abs(across) > 0.35*high || ux*vx+uy*vy < 0.95 {
		return line{}, false
	}
	return line{nets.Quad{a.quad[0], b.quad[1], b.quad[2], a.quad[3]}, min(a.score, b.score), a.parts + b.parts}, true
}

// direction is where the line is read to, a vector of length 1.
func direction(q nets.Quad) (x, y float32) {
	a, b := middle(q[0], q[3]), middle(q[1], q[2])
	d := max(1e-3, distance(a, b))
	return (b.X - a.X) / d, (b.Y - a.Y) / d
}

func middle(a, b nets.Point) nets.Point { return nets.Point{X: (a.X + b.X) / 2, Y: (a.Y + b.Y) / 2} }

func distance(a, b nets.Point) float32 {
	return float32(math.Hypot(float64(a.X-b.X), float64(a.Y-b.Y)))
}

func abs(v float32) float32 { return max(v, -v) }

// grow moves the sides of a quad outwards, by parts of its height.
func grow(q nets.Quad, left, top, right, bottom float32) nets.Quad {
	w, h := q.Size()
	if w == 0 || h == 0 {
		return q
	}
	// at is the point of the quad's plane at u, v, which run from 0 to 1 within it.
	at := func(u, v float32) nets.Point {
		top := nets.Point{X: q[0].X + u*(q[1].X-q[0].X), Y: q[0].Y + u*(q[1].Y-q[0].Y)}
		low := nets.Point{X: q[3].X + u*(q[2].X-q[3].X), Y: q[3].Y + u*(q[2].Y-q[3].Y)}
		return nets.Point{X: top.X + v*(low.X-top.X), Y: top.Y + v*(low.Y-top.Y)}
	}
	l, r, t, b := -left*h/w, 1+right*h/w, -top, 1+bottom
	return nets.Quad{at(l, t), at(r, t), at(r, b), at(l, b)}
}

// ofPlate is about where the whole plate is, from where its characters are and
// what kind it is.
func ofPlate(q nets.Quad, k kind) nets.Quad {
	switch k {
	case us:
		return grow(q, 0.2, 0.5, 0.2, 0.5)
	case br:
		return grow(q, 0.3, 0.55, 0.3, 0.2)
	}
	return grow(q, 0.35, 0.12, 0.2, 0.12)
}

// within says whether the middle of b lies in a.
func within(a, b vision.Box) bool {
	x, y := b.X+b.W/2, b.Y+b.H/2
	return x >= a.X && y >= a.Y && x <= a.X+a.W && y <= a.Y+a.H
}

// overlap is the area that a and b share.
func overlap(a, b vision.Box) float32 {
	w := min(a.X+a.W, b.X+b.W) - max(a.X, b.X)
	h := min(a.Y+a.H, b.Y+b.H) - max(a.Y, b.Y)
	return max(0, w) * max(0, h)
}

// union is the smallest box around a and b.
func union(a, b vision.Box) vision.Box {
	x, y := min(a.X, b.X), min(a.Y, b.Y)
	return vision.Box{X: x, Y: y, W: max(a.X+a.W, b.X+b.W) - x, H: max(a.Y+a.H, b.Y+b.H) - y}
}

// iou is what a and b share of what they cover together.
func iou(a, b vision.Box) float32 {
	shared := overlap(a, b)
	if shared == 0 {
		return 0
	}
	return shared / (a.W*a.H + b.W*b.H - shared)
}
