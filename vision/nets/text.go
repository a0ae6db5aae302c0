package nets

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"porchlight/vision"
	"porchlight/vision/models"
	"porchlight/vision/ort"
)

// PP-OCR's networks were trained on pictures with blue first.
var (
	findNorm = norm{[3]float32{0.485, 0.456, 0.406}, [3]float32{0.229, 0.224, 0.225}, true}
	readNorm = norm{[3]float32{0.5, 0.5, 0.5}, [3]float32{0.5, 0.5, 0.5}, true}
)

// Text is a line of text in a frame.
type Text struct {
	Quad  Quad
	Score float32 // 0 to 1
}

// TextOptions say how Text looks. The zero value is PP-OCR's own.
type TextOptions struct {
	Side   int     // the longer side of the part, in pixels, as the network sees it. 0: 960 or what it has
	Ink    float32 // how likely text must be for a pixel to count. 0: 0.3
	Score  float32 // how likely it must be on average in a line. 0: 0.6
	Spread float32 // how far a line is widened on each side: this times its area by its circumference. 0: 1.5
}

// Text finds lines of text in a part of a frame, best first. The time it takes
// grows with Side squared.
func (n *Nets) Text(f vision.Frame, in vision.Box, o TextOptions) ([]Text, error) {
	if !(in.W >= 1 && in.H >= 1) {
		return nil, nil
	}
	long := max(in.W, in.H)
	o.Side = cmp.Or(o.Side, int(min(960, long)))
	o.Ink, o.Score, o.Spread = cmp.Or(o.Ink, 0.3), cmp.Or(o.Score, 0.6), cmp.Or(o.Spread, 1.5)
	scale := float32(o.Side) / long
	w, h := to32(in.W*scale), to32(in.H*scale)
	sx, sy := in.W/float32(w), in.H/float32(h)

	small := Part(f, in, w, h)
	out, err := n.run(models.TextFind, ort.Floats(findNorm.planes(make([]float32, 0, 3*w*h), small), 1, 3, int64(h), int64(w)))
	if err != nil {
		return nil, err
	}
	if len(out[0].Float) != w*h {
		return nil, fmt.Errorf("model %s: a map of %v for a picture of %d by %d", models.TextFind, out[0].Shape, w, h)
	}
	var found []Text
	for _, r := range lines(out[0].Float, w, h, o) {
		q := r.quad()
		for i, p := range q {
			q[i] = Point{in.X + p.X*sx, in.Y + p.Y*sy}
		}
		found = append(found, Text{q, r.score})
	}
	slices.SortStableFunc(found, func(a, b Text) int { return cmp.Compare(b.Score, a.Score) })
	return found, nil
}

// to32 is the nearest multiple of 32, at least 32.
func to32(v float32) int { return max(32, 32*int(v/32+0.5)) }

// rect is a turned rectangle: its middle, half its sides, and the direction of the
// first.
type rect struct {
	x, y, w, h float64
	ux, uy     float64 // a vector of length 1
	score      float32
}

// quad orders the corners so that the first side is the direction of reading: to
// the right, or down where the line is much higher than wide.
func (r rect) quad() Quad {
	if math.Abs(r.uy) > math.Abs(r.ux) { // the other pair of sides lies flatter
		r.w, r.h, r.ux, r.uy = r.h, r.w, -r.uy, r.ux
	}
	if r.h > 1.5*r.w {
		r.w, r.h, r.ux, r.uy = r.h, r.w, -r.uy, r.ux
		if r.uy < 0 {
			r.ux, r.uy = -r.ux, -r.uy
		}
	} else if r.ux < 0 {
		r.ux, r.uy = -r.ux, -r.uy
	}
	at := func(a, b float64) Point {
		return Point{float32(r.x + a*r.w*r.ux - b*r.h*r.uy), float32(r.y + a*r.w*r.uy + b*r.h*r.ux)}
	}
	return Quad{at(-1, -1), at(1, -1), at(1, 1), at(-1, 1)}
}

// lines are the rectangles around the islands of a map of probabilities, as DB's
// post-processing has them: arXiv:1911.08947, section 3.4.
func lines(prob []float32, w, h int, o TextOptions) (found []rect) {
	const smallest = 3 // pixels: thinner islands are noise
	seen := make([]bool, w*h)
	var island []int
	for start, p := range prob {
		if seen[start] || p <= o.Ink {
			continue
		}
		island, seen[start] = append(island[:0], start), true
		ends := map[int][2]int{} // of each row
		sum := float32(0)
		for k := 0; k < len(island); k++ {
			i := island[k]
			sum += prob[i]
			x, y := i%w, i/w
			if e, ok := ends[y]; ok {
				ends[y] = [2]int{min(e[0], x), max(e[1], x)}
			} else {
				ends[y] = [2]int{x, x}
			}
			for dy := -1; dy <= 1; dy++ {
				for dx := -1; dx <= 1; dx++ {
					if nx, ny := x+dx, y+dy; nx >= 0 && nx < w && ny >= 0 && ny < h {
						if j := ny*w + nx; !seen[j] && prob[j] > o.Ink {
							seen[j], island = true, append(island, j)
						}
					}
				}
			}
		}
		var corners []Point // of the pixels at the ends
		for y, e := range ends {
			for _, x := range []float32{float32(e[0]), float32(e[1] + 1)} {
				corners = append(corners, Point{x, float32(y)}, Point{x, float32(y + 1)})
			}
		}
		r := around(hull(corners))
		if min(r.w, r.h)*2 < smallest {
			continue
		}
		if r.score = sum / float32(len(island)); r.score < o.Score {
			continue
		}
		grow := r.w * r.h * float64(o.Spread) / (r.w + r.h) // area times spread by the way around
		r.w, r.h = r.w+grow, r.h+grow
		found = append(found, r)
	}
	return found
}

// hull is the convex hull, counter-clockwise in a picture: Andrew's chain.
func hull(ps []Point) []Point {
	slices.SortFunc(ps, func(a, b Point) int { return cmp.Or(cmp.Compare(a.X, b.X), cmp.Compare(a.Y, b.Y)) })
	ps = slices.Compact(ps)
	if len(ps) < 3 {
		return ps
	}
	half := func(seq []Point) (chain []Point) {
		for _, p := range seq {
			for len(chain) > 1 {
				a, b := chain[len(chain)-2], chain[len(chain)-1]
				if (b.X-a.X)*(p.Y-a.Y)-(b.Y-a.Y)*(p.X-a.X) > 0 {
					break
				}
				chain = chain[:len(chain)-1]
			}
			chain = append(chain, p)
		}
		return chain[:len(chain)-1]
	}
	low := half(ps)
	back := slices.Clone(ps)
	slices.Reverse(back)
	return append(low, half(back)...)
}

// around is the smallest rectangle around a hull: one of its sides lies on one of
// the hull's.
func around(hull []Point) (best rect) {
	area := math.Inf(1)
	for i, p := range hull {
		q := hull[(i+1)%len(hull)]
		ux, uy := float64(q.X-p.X), float64(q.Y-p.Y)
		length := math.Hypot(ux, uy)
		if length == 0 {
			continue
		}
		ux, uy = ux/length, uy/length
		a0, a1, b0, b1 := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
		for _, c := range hull {
			a, b := float64(c.X)*ux+float64(c.Y)*uy, -float64(c.X)*uy+float64(c.Y)*ux
			a0, a1, b0, b1 = min(a0, a), max(a1, a), min(b0, b), max(b1, b)
		}
		if s := (a1 - a0) * (b1 - b0); s < area {
			area = s
			a, b := (a0+a1)/2, (b0+b1)/2
			best = rect{x: a*ux - b*uy, y: a*uy + b*ux, w: (a1 - a0) / 2, h: (b1 - b0) / 2, ux: ux, uy: uy}
		}
	}
	return best
}

// StripHeight is how high the recogniser wants a line, in pixels.
const StripHeight = 48

// strips are lines as the recogniser's tensor [n, 3, 48, width].
func strips(lines []vision.Frame) (ort.Tensor, error) {
	if len(lines) == 0 {
		return ort.Tensor{}, fmt.Errorf("no line to read")
	}
	w := lines[0].W
	data := make([]float32, 0, len(lines)*3*StripHeight*w)
	for _, l := range lines {
		if l.W != w || l.H != StripHeight {
			return ort.Tensor{}, fmt.Errorf("a line of %d by %d pixels among lines of %d by %d", l.W, l.H, w, StripHeight)
		}
		data = readNorm.planes(data, l)
	}
	return ort.Floats(data, int64(len(lines)), 3, StripHeight, int64(w)), nil
}

// TextFeatures is what the recogniser sees in lines of StripHeight pixels and of
// one width: [lines, 480, 1, width/8].
func (n *Nets) TextFeatures(lines ...vision.Frame) (ort.Tensor, error) {
	in, err := strips(lines)
	if err != nil {
		return ort.Tensor{}, err
	}
	out, err := n.run(models.TextFeatures, in)
	if err != nil {
		return ort.Tensor{}, err
	}
	return out[0], nil
}

// TextOdds is how likely each letter is at each step along lines of StripHeight
// pixels and of one width: [lines, steps, letters], adding up to 1. Letter 0 is
// none; letter i is TextLetters()[i].
func (n *Nets) TextOdds(lines ...vision.Frame) (ort.Tensor, error) {
	in, err := strips(lines)
	if err != nil {
		return ort.Tensor{}, err
	}
	out, err := n.run(models.TextRead, in)
	if err != nil {
		return ort.Tensor{}, err
	}
	return out[0], nil
}

// ReadText reads lines of StripHeight pixels and of one width: what each says, and
// the mean odds of its letters.
func (n *Nets) ReadText(lines ...vision.Frame) ([]vision.Guess, error) {
	odds, err := n.TextOdds(lines...)
	if err != nil {
		return nil, err
	}
	letters, err := n.TextLetters()
	if err != nil {
		return nil, err
	}
	steps, classes := int(odds.Shape[1]), int(odds.Shape[2])
	if classes != len(letters) {
		return nil, fmt.Errorf("model %s tells %d letters apart, %s lists %d", models.TextRead, classes, models.TextLetters, len(letters))
	}
	read := make([]vision.Guess, len(lines))
	for i := range read {
		read[i] = collapse(odds.Float[i*steps*classes:][:steps*classes], letters)
	}
	return read, nil
}

// collapse reads one line greedily: the likeliest letter of each step, doubles and
// nones left out (CTC).
func collapse(odds []float32, letters []string) vision.Guess {
	var text strings.Builder
	var sum float32
	n, last := 0, 0
	for ; len(odds) > 0; odds = odds[len(letters):] {
		best := 0
		for c, p := range odds[:len(letters)] {
			if p > odds[best] {
				best = c
			}
		}
		if best != last && best != 0 {
			text.WriteString(letters[best])
			sum, n = sum+odds[best], n+1
		}
		last = best
	}
	return vision.Guess{Text: text.String(), Confidence: sum / float32(max(1, n))}
}

// TextLetters are the letters that TextOdds tells apart: none first, the space
// last.
func (n *Nets) TextLetters() ([]string, error) {
	data, err := models.Read(n.dir, models.TextLetters)
	if err != nil {
		return nil, err
	}
	return slices.Concat([]string{""}, strings.Split(strings.TrimRight(string(data), "\n"), "\n"), []string{" "}), nil
}
