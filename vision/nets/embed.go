package nets

import (
	"fmt"
	"math"

	"porchlight/vision"
	"porchlight/vision/models"
	"porchlight/vision/ort"
)

const faceLikenessSide = 150

var faceLikenessNorm = norm{[3]float32{122.782 / 255, 117.001 / 255, 104.298 / 255}, [3]float32{1, 1, 1}, false}

// EmbedFace describes a face, turned upright by its eyes. Two pictures of one
// person mostly have a cosine above 0.93.
func (n *Nets) EmbedFace(f vision.Frame, face vision.Face) (vision.Embedding, error) {
	chip := Straighten(f, upright(face), faceLikenessSide, faceLikenessSide)
	out, err := n.run(models.FaceLikeness, ort.Floats(faceLikenessNorm.planes(make([]float32, 0, len(chip.Pix)), chip), 1, 3, faceLikenessSide, faceLikenessSide))
	if err != nil {
		return nil, err
	}
	return unit(out[0].Float), nil
}

// upright is the square around a face that the network was trained on: as
// face-api.js cuts it, its size from the distance of the eyes to the lips, but
// turned so that the eyes lie level.
func upright(face vision.Face) Quad {
	right, left, lips := point(face.Eyes[0].X, face.Eyes[0].Y), point(face.Eyes[1].X, face.Eyes[1].Y), point(face.Lips.X, face.Lips.Y)
	between := dist(right, left)
	side := (dist(right, lips) + dist(left, lips)) / 2 / 0.45
	if between < 1 || side < 2 {
		return Upright(face.Box)
	}
	ux, uy := (left.X-right.X)/between*side, (left.Y-right.Y)/between*side // along the top
	mid := Point{(right.X + left.X + lips.X) / 3, (right.Y + left.Y + lips.Y) / 3}
	top := Point{mid.X - 0.5*ux + 0.43*uy, mid.Y - 0.5*uy - 0.43*ux}
	return Quad{top, {top.X + ux, top.Y + uy}, {top.X + ux - uy, top.Y + uy + ux}, {top.X - uy, top.Y + ux}}
}

func point(x, y int) Point { return Point{float32(x), float32(y)} }

const likenessSide = 224

var likenessNorm = norm{dev: [3]float32{1, 1, 1}}

// How much of two animals' likeness is shape and how much is fur.
const shapeShare, furShare = 0.65, 0.35

// Embed describes the animal in a box by what a network sees and by its colours:
// two vectors of length 1, one after the other, the second all zeros where the
// picture has no colours, as in infrared. It ranks candidates; it never proves
// that two are the same animal.
func (n *Nets) Embed(f vision.Frame, box vision.Box) (vision.Embedding, error) {
	box = inside(box, f)
	if box.W < 1 || box.H < 1 {
		return nil, fmt.Errorf("nothing of the frame is in the box")
	}
	side := max(box.W, box.H)
	square := vision.Box{X: box.X + (box.W-side)/2, Y: box.Y + (box.H-side)/2, W: side, H: side}
	small := lit(Part(f, square, likenessSide, likenessSide))
	out, err := n.run(models.Likeness, ort.Floats(likenessNorm.pixels(make([]float32, 0, len(small.Pix)), small), 1, likenessSide, likenessSide, 3))
	if err != nil {
		return nil, err
	}
	return append(unit(out[0].Float), unit(colours(lit(Part(f, box, 64, 64))))...), nil
}

// Alike is how alike two animals are by what Embed says of them, 0 to 1. Colours
// count where both pictures have some.
func (n *Nets) Alike(a, b vision.Embedding) float32 {
	if len(a) != len(b) || len(a) < colourBins {
		return 0
	}
	fur := len(a) - colourBins
	alike := dot(a[:fur], b[:fur])
	if dot(a[fur:], a[fur:]) > 0 && dot(b[fur:], b[fur:]) > 0 {
		alike = shapeShare*alike + furShare*dot(a[fur:], b[fur:])
	}
	return max(0, min(1, alike))
}

func dot(a, b []float32) (sum float32) {
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

// lit makes a dark picture as light as one by day, colours as they are: its
// lightest parts, but for one pixel in fifty, nearly white.
func lit(f vision.Frame) vision.Frame {
	var counts [256]int
	for i := 0; i < len(f.Pix); i += 3 {
		counts[(299*int(f.Pix[i])+587*int(f.Pix[i+1])+114*int(f.Pix[i+2]))/1000]++
	}
	light := 255
	for above := counts[light]; light > 36 && above*50 < f.W*f.H; above += counts[light] {
		light--
	}
	if light >= 220 {
		return f
	}
	out := vision.Frame{W: f.W, H: f.H, At: f.At, Pix: make([]byte, len(f.Pix))}
	for i, v := range f.Pix {
		out.Pix[i] = uint8(min(255, int(v)*220/light))
	}
	return out
}

const hues, strengths, greys = 12, 2, 6
const colourBins = hues*strengths + greys

// colours is how often each colour is in a picture, the middle counting more: 12
// hues in 2 strengths, 6 greys. The root of each share, so that much of one colour
// does not hide the rest. All zeros when less than a twentieth has a colour.
func colours(f vision.Frame) []float32 {
	counts := make([]float32, colourBins)
	var all, coloured float32
	for i := range f.W * f.H {
		x, y := 2*(float64(i%f.W)+0.5)/float64(f.W)-1, 2*(float64(i/f.W)+0.5)/float64(f.H)-1
		weight := float32(math.Exp(-1.5 * (x*x + y*y)))
		h, s, v := hsv(f.Pix[3*i:][:3])
		if s < 0.15 || v < 0.12 {
			counts[hues*strengths+min(greys-1, int(v*greys))] += weight
		} else {
			counts[min(hues-1, int(h*hues))*strengths+min(strengths-1, int(s*strengths))] += weight
			coloured += weight
		}
		all += weight
	}
	if coloured < all/20 {
		clear(counts)
	}
	for i, c := range counts {
		counts[i] = float32(math.Sqrt(float64(c)))
	}
	return counts
}

// hsv is a colour's hue, saturation and value, each 0 to 1.
func hsv(p []byte) (h, s, v float32) {
	r, g, b := float32(p[0])/255, float32(p[1])/255, float32(p[2])/255
	v = max(r, g, b)
	d := v - min(r, g, b)
	if d == 0 {
		return 0, 0, v
	}
	switch v {
	case r:
		h = (g - b) / d
	case g:
		h = 2 + (b-r)/d
	default:
		h = 4 + (r-g)/d
	}
	if h < 0 {
		h += 6
	}
	return h / 6, d / v, v
}

// unit is v made 1 long.
func unit(v []float32) vision.Embedding {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	out := make(vision.Embedding, len(v))
	if sum > 0 {
		scale := float32(1 / math.Sqrt(sum))
		for i, x := range v {
			out[i] = x * scale
		}
	}
	return out
}
