package plates

import (
	"fmt"
	"math"
	"strings"

	"porchlight/vision"
	"porchlight/vision/nets"
)

// secondWeight is the weight of PP-OCR's own recogniser beside a crop's of ours.
const secondWeight = 0.75

// opinion is what PP-OCR's own recogniser says of a line. It knows nothing of
// plates, and learned from photographs, where ours learned from drawings.
func (r *Reader) opinion(f vision.Frame, q nets.Quad) (look, error) {
	classOf, err := r.letters()
	if err != nil {
		return look{}, err
	}
	q = grow(q, 0.08, 0.03, 0.08, 0.03)
	w, h := q.Size()
	width := 8 * min(40, max(12, int(nets.StripHeight*w/max(h, 1)/8+0.5)))
	out, err := r.nets.TextOdds(nets.Straighten(f, q, width, nets.StripHeight))
	if err != nil {
		return look{}, err
	}
	if n := len(classOf); len(out.Float)%n != 0 {
		return look{}, fmt.Errorf("PP-OCR tells %v apart, not %d letters", out.Shape, n)
	}
	l := look{weight: secondWeight}
	for rest := out.Float; len(rest) > 0; rest = rest[len(classOf):] {
		var p [classes]float64
		for i, c := range classOf {
			p[c] += float64(rest[i])
		}
		for _, v := range p {
			l.odds = append(l.odds, float32(math.Log(v+1e-6)))
		}
	}
	return l, nil
}

// ourClasses are the classes that PP-OCR's letters are to us: large and small
// letters are the same; hyphens, dots and whatever plates do not hold are none.
func ourClasses(n *nets.Nets) ([]int, error) {
	names, err := n.TextLetters()
	if err != nil {
		return nil, err
	}
	list := make([]int, len(names))
	for i, name := range names {
		if c := strings.ToUpper(name); len(c) == 1 && plain(c) == c {
			list[i] = class(c[0])
		}
	}
	return list, nil
}
