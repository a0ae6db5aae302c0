package lpr

import (
	"time"

	"porchlight/vision"
)

// gate tells whether a frame is worth looking at: something moved that does not
// always move. It keeps a small gray picture of how each part of the frame mostly
// is, and how much it mostly changes: a tree in the wind changes as it always
// does, a vehicle does not. Once opened it stays open for a while, so that a
// vehicle is followed to its end; and now and then it opens for nothing, so that
// what it cannot see is looked for all the same.
type gate struct {
	mean, noise []float32 // of each cell, 0 to 255
	began       time.Duration
	moved       time.Duration // when something last moved
	peeked      time.Duration
	last        time.Duration
	warm        bool
}

const (
	gateW, gateH = 96, 54
	gateHold     = 2 * time.Second // open after the last movement
	gatePeek     = 2 * time.Second // open for one frame so often
	gateWarm     = 3 * time.Second // until cells are known the gate is open
	gateCells    = 12              // cells that must change: a car at 60 m
	gateLeast    = 9               // of 255; less is a sensor's noise
	gateMost     = 40              // more is a change, however restless a cell is
)

// open looks at the next frame. Times go up.
func (g *gate) open(f vision.Frame) bool {
	if g.mean == nil {
		g.mean, g.noise = make([]float32, gateW*gateH), make([]float32, gateW*gateH)
		g.began, g.moved, g.peeked, g.last = f.At, f.At, f.At, f.At
	}
	dt := float32(max(0, min(1, (f.At-g.last).Seconds())))
	g.last = f.At
	follow, learn := min(1, dt/2), min(1, dt/20) // seconds until half forgotten, nearly
	changed := 0
	sx, sy := max(1, f.W/gateW), max(1, f.H/gateH)
	for cy := range gateH {
		for cx := range gateW {
			i := cy*gateW + cx
			v := cell(f, cx*f.W/gateW, cy*f.H/gateH, sx, sy)
			if !g.warm {
				g.mean[i], g.noise[i] = v, 2
				continue
			}
			d := v - g.mean[i]
			if d < 0 {
				d = -d
			}
			if d > max(gateLeast, min(gateMost, 3*g.noise[i])) {
				changed++
			}
			g.mean[i] += (v - g.mean[i]) * follow
			rate := learn
			if f.At-g.began < gateWarm {
				rate = follow
			}
			g.noise[i] += (d - g.noise[i]) * rate
		}
	}
	g.warm = true
	if changed >= gateCells {
		g.moved = f.At
	}
	switch {
	case f.At-g.moved < gateHold || f.At-g.began < gateWarm:
		return true
	case f.At-g.peeked >= gatePeek:
		g.peeked = f.At
		return true
	}
	return false
}

// cell is the mean brightness of some of the pixels of a part of the frame.
func cell(f vision.Frame, x, y, w, h int) float32 {
	var sum, n int
	for j := 0; j < h; j += max(1, h/4) {
		row := ((y+j)*f.W + x) * 3
		for i := 0; i < w; i += max(1, w/4) {
			p := f.Pix[row+3*i:]
			sum += int(p[0]) + 2*int(p[1]) + int(p[2])
			n += 4
		}
	}
	return float32(sum) / float32(n)
}
