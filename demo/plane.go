package demo

import "math"

// pt is a place on the town's plan: metres east (X) and north (Y) of the
// crossing of Main Street and Prairie Avenue.
type pt struct{ X, Y float64 }

func (a pt) add(b pt) pt              { return pt{a.X + b.X, a.Y + b.Y} }
func (a pt) sub(b pt) pt              { return pt{a.X - b.X, a.Y - b.Y} }
func (a pt) mul(k float64) pt         { return pt{a.X * k, a.Y * k} }
func (a pt) dot(b pt) float64         { return a.X*b.X + a.Y*b.Y }
func (a pt) len() float64             { return math.Hypot(a.X, a.Y) }
func (a pt) left() pt                 { return pt{-a.Y, a.X} }
func (a pt) unit() pt                 { return a.mul(1 / math.Max(a.len(), 1e-9)) }
func mix(a, b, t float64) float64     { return a + (b-a)*t }
func clamp(v, lo, hi float64) float64 { return math.Max(lo, math.Min(hi, v)) }

// curve returns a smooth line through the points (Catmull-Rom), about one
// vertex every step metres.
func curve(step float64, p ...pt) []pt {
	var out []pt
	for i := 0; i+1 < len(p); i++ {
		p0, p1, p2, p3 := p[max(i-1, 0)], p[i], p[i+1], p[min(i+2, len(p)-1)]
		n := max(1, int(p2.sub(p1).len()/step))
		for k := range n {
			t := float64(k) / float64(n)
			t2, t3 := t*t, t*t*t
			out = append(out, p0.mul(-t3+2*t2-t).add(p1.mul(3*t3-5*t2+2)).
				add(p2.mul(-3*t3+4*t2+t)).add(p3.mul(t3-t2)).mul(0.5))
		}
	}
	return append(out, p[len(p)-1])
}

// oval returns a closed ring with half axes a and b, turned by angle.
func oval(c pt, a, b, angle float64, n int) []pt {
	out := make([]pt, n)
	for i := range out {
		s, co := math.Sincos(2 * math.Pi * float64(i) / float64(n))
		out[i] = c.add(turn(pt{a * co, b * s}, angle))
	}
	return out
}

func turn(p pt, angle float64) pt {
	s, c := math.Sincos(angle)
	return pt{p.X*c - p.Y*s, p.X*s + p.Y*c}
}

// rect returns the ring of a w by d metre rectangle around c; its width runs
// along the unit vector along.
func rect(c, along pt, w, d float64) []pt {
	u, v := along.mul(w/2), along.left().mul(d/2)
	return []pt{c.sub(u).sub(v), c.add(u).sub(v), c.add(u).add(v), c.sub(u).add(v)}
}

// strip widens a line into a ring; width gives its half width at each vertex.
func strip(line []pt, width func(i int) float64) []pt {
	n := len(line)
	out := make([]pt, 2*n)
	for i := range line {
		v := line[min(i+1, n-1)].sub(line[max(i-1, 0)]).unit().left().mul(width(i))
		out[i], out[2*n-1-i] = line[i].add(v), line[i].sub(v)
	}
	return out
}

// toLine is the distance from p to a line in metres.
func toLine(p pt, line []pt) float64 {
	best := math.Inf(1)
	for i := 0; i+1 < len(line); i++ {
		ab := line[i+1].sub(line[i])
		t := clamp(p.sub(line[i]).dot(ab)/math.Max(ab.dot(ab), 1e-9), 0, 1)
		best = math.Min(best, p.sub(line[i].add(ab.mul(t))).len())
	}
	return best
}

// inside says whether p lies in the ring (even-odd).
func inside(p pt, ring []pt) bool {
	in := false
	for i, j := 0, len(ring)-1; i < len(ring); j, i = i, i+1 {
		a, b := ring[i], ring[j]
		if (a.Y > p.Y) != (b.Y > p.Y) && p.X < (b.X-a.X)*(p.Y-a.Y)/(b.Y-a.Y)+a.X {
			in = !in
		}
	}
	return in
}

// near says whether two convex rings come within gap metres of each other
// (separating axis; corners are treated as square).
func near(a, b []pt, gap float64) bool {
	for _, r := range [][]pt{a, b} {
		for i := range r {
			n := r[(i+1)%len(r)].sub(r[i]).unit().left()
			a0, a1 := span(a, n)
			b0, b1 := span(b, n)
			if a1+gap < b0 || b1+gap < a0 {
				return false
			}
		}
	}
	return true
}

func span(r []pt, n pt) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, p := range r {
		lo, hi = math.Min(lo, p.dot(n)), math.Max(hi, p.dot(n))
	}
	return lo, hi
}

func centre(r []pt) (c pt) {
	for _, p := range r {
		c = c.add(p)
	}
	return c.mul(1 / float64(len(r)))
}
