package nets

import (
	"math"

	"porchlight/vision"
)

// Point is a place in a frame, in pixels from its top left corner; the middle of
// the first pixel is (0.5, 0.5).
type Point struct{ X, Y float32 }

// Quad is a four-sided part of a frame: its corners clockwise from the top left as
// it is read.
type Quad [4]Point

// Upright is the box as a quad.
func Upright(b vision.Box) Quad {
	return Quad{{b.X, b.Y}, {b.X + b.W, b.Y}, {b.X + b.W, b.Y + b.H}, {b.X, b.Y + b.H}}
}

// Bounds is the smallest box around the quad.
func (q Quad) Bounds() vision.Box {
	lo, hi := q[0], q[0]
	for _, p := range q[1:] {
		lo, hi = Point{min(lo.X, p.X), min(lo.Y, p.Y)}, Point{max(hi.X, p.X), max(hi.Y, p.Y)}
	}
	return vision.Box{X: lo.X, Y: lo.Y, W: hi.X - lo.X, H: hi.Y - lo.Y}
}

// Size is how wide and how high the quad is: the longer of each pair of sides.
func (q Quad) Size() (w, h float32) {
	return max(dist(q[0], q[1]), dist(q[3], q[2])), max(dist(q[0], q[3]), dist(q[1], q[2]))
}

func dist(a, b Point) float32 { return float32(math.Hypot(float64(a.X-b.X), float64(a.Y-b.Y))) }

// Part is the part b of f in another size: averaged where it becomes smaller,
// bilinear where it becomes larger, black where b reaches over the frame's edge.
func Part(f vision.Frame, b vision.Box, w, h int) vision.Frame {
	out := vision.Frame{Pix: make([]byte, 3*w*h), W: w, H: h, At: f.At}
	across, down := taps(b.X, b.W, f.W, w), taps(b.Y, b.H, f.H, h)
	lo, hi := f.W, 0
	for _, t := range across {
		if len(t.weights) > 0 {
			lo, hi = min(lo, t.from), max(hi, t.from+len(t.weights))
		}
	}
	if lo >= hi {
		return out
	}
	line := make([]float32, 3*(hi-lo)) // a row of the result, not yet of its width
	for y, d := range down {
		if len(d.weights) == 0 {
			continue
		}
		clear(line)
		for i, weight := range d.weights {
			row := f.Pix[3*((d.from+i)*f.W+lo):][:len(line)]
			for x, v := range row {
				line[x] += weight * float32(v)
			}
		}
		to := out.Pix[3*w*y:][:3*w]
		for x, t := range across {
			var r, g, b float32
			from := line[3*max(0, t.from-lo):]
			for i, weight := range t.weights {
				p := from[3*i : 3*i+3]
				r, g, b = r+weight*p[0], g+weight*p[1], b+weight*p[2]
			}
			to[3*x], to[3*x+1], to[3*x+2] = byte(r+0.5), byte(g+0.5), byte(b+0.5)
		}
	}
	return out
}

// tap is which pixels make one of the result, and how much of each.
type tap struct {
	from    int
	weights []float32
}

// taps are those of one axis: length pixels from start, of size there are, become n.
func taps(start, length float32, size, n int) []tap {
	list := make([]tap, n)
	scale := float64(length) / float64(n)
	for i := range list {
		a := float64(start) + float64(i)*scale
		b := a + scale
		mid := (a + b) / 2
		if mid < 0 || mid > float64(size) {
			continue
		}
		if scale <= 1 { // between the middles of two pixels
			at := min(max(mid-0.5, 0), float64(size-1))
			from := min(int(at), max(0, size-2))
			part := float32(at - float64(from))
			list[i] = tap{from, []float32{1 - part, part}[:min(2, size)]}
			continue
		}
		from, to := max(0, int(math.Floor(a))), min(size, int(math.Ceil(b)))
		weights := make([]float32, to-from)
		for k := range weights {
			p := float64(from + k)
			weights[k] = float32((min(b, p+1) - max(a, p)) / scale)
		}
		list[i] = tap{from, weights}
	}
	return list
}

// Straighten is what the quad shows as a picture of w by h pixels, as if looked at
// from straight ahead.
func Straighten(f vision.Frame, q Quad, w, h int) vision.Frame {
	out := vision.Frame{Pix: make([]byte, 3*w*h), W: w, H: h, At: f.At}
	if f.W < 1 || f.H < 1 {
		return out
	}
	// Heckbert's mapping of the unit square onto a quad.
	dx1, dx2, sx := q[1].X-q[2].X, q[3].X-q[2].X, q[0].X-q[1].X+q[2].X-q[3].X
	dy1, dy2, sy := q[1].Y-q[2].Y, q[3].Y-q[2].Y, q[0].Y-q[1].Y+q[2].Y-q[3].Y
	var g, k float32
	if det := dx1*dy2 - dx2*dy1; det != 0 {
		g, k = (sx*dy2-dx2*sy)/det, (dx1*sy-sx*dy1)/det
	}
	a, b, c := q[1].X-q[0].X+g*q[1].X, q[3].X-q[0].X+k*q[3].X, q[0].X
	d, e, o := q[1].Y-q[0].Y+g*q[1].Y, q[3].Y-q[0].Y+k*q[3].Y, q[0].Y

	qw, qh := q.Size()
	n := min(4, max(1, int(math.Ceil(float64(max(qw/float32(w), qh/float32(h)))-0.25)))) // samples a pixel, each way
	share := 1 / float32(n*n)
	for y := range h {
		for x := range w {
			var sum [3]float32
			for s := range n * n {
				u := (float32(x) + (float32(s%n)+0.5)/float32(n)) / float32(w)
				v := (float32(y) + (float32(s/n)+0.5)/float32(n)) / float32(h)
				z := 1 / (g*u + k*v + 1)
				sample(f, (a*u+b*v+c)*z-0.5, (d*u+e*v+o)*z-0.5, &sum)
			}
			p := out.Pix[3*(y*w+x):]
			p[0], p[1], p[2] = byte(sum[0]*share+0.5), byte(sum[1]*share+0.5), byte(sum[2]*share+0.5)
		}
	}
	return out
}

// sample adds the colour between the pixels around a place; beyond the edge is
// what lies at the edge.
func sample(f vision.Frame, x, y float32, sum *[3]float32) {
	x, y = min(max(x, 0), float32(f.W-1)), min(max(y, 0), float32(f.H-1))
	x0, y0 := int(x), int(y)
	x1, y1 := min(x0+1, f.W-1), min(y0+1, f.H-1)
	fx, fy := x-float32(x0), y-float32(y0)
	p00, p10 := f.Pix[3*(y0*f.W+x0):][:3], f.Pix[3*(y0*f.W+x1):][:3]
	p01, p11 := f.Pix[3*(y1*f.W+x0):][:3], f.Pix[3*(y1*f.W+x1):][:3]
	for c := range sum {
		top := float32(p00[c]) + fx*(float32(p10[c])-float32(p00[c]))
		low := float32(p01[c]) + fx*(float32(p11[c])-float32(p01[c]))
		sum[c] += top + fy*(low-top)
	}
}

// norm is how a network wants colours: (v/255 - mean) / dev, channel by channel.
type norm struct {
	mean, dev [3]float32
	bgr       bool // blue first; mean and dev stand in that order too
}

// planes appends the frame plane by plane.
func (n norm) planes(to []float32, f vision.Frame) []float32 {
	for c := range 3 {
		table, from := n.table(c)
		for i := from; i < len(f.Pix); i += 3 {
			to = append(to, table[f.Pix[i]])
		}
	}
	return to
}

// pixels appends the frame pixel by pixel.
func (n norm) pixels(to []float32, f vision.Frame) []float32 {
	t0, c0 := n.table(0)
	t1, c1 := n.table(1)
	t2, c2 := n.table(2)
	for i := 0; i+2 < len(f.Pix); i += 3 {
		to = append(to, t0[f.Pix[i+c0]], t1[f.Pix[i+c1]], t2[f.Pix[i+c2]])
	}
	return to
}

// table is what a channel's values become, and which of the frame's channels it is.
func (n norm) table(c int) (table [256]float32, from int) {
	for v := range table {
		table[v] = (float32(v)/255 - n.mean[c]) / n.dev[c]
	}
	if n.bgr {
		return table, 2 - c
	}
	return table, c
}
