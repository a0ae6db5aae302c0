package cover

import (
	"slices"

	"porchlight/vision"
)

// Where nothing changed, what was seen before is still there. A frame is compared
// with what each part of it looked like when it was last looked at.

const (
	cell   = 8  // pixels, of a side of what is compared
	differ = 3. // of 255: how much a cell's brightness must change
)

// grid is how bright each cell of a frame is, 0 to 255.
type grid struct {
	w, h         int // of the frame
	across, down int
	cells        []float32
}

// gridOf is of every second pixel's green.
func gridOf(f vision.Frame) grid {
	g := grid{w: f.W, h: f.H, across: f.W / cell, down: f.H / cell}
	g.cells = make([]float32, g.across*g.down)
	for y := 0; y < g.down*cell; y += 2 {
		row := f.Pix[3*y*f.W:]
		line := g.cells[y/cell*g.across:][:g.across]
		for x := range line {
			p := row[3*cell*x:][:3*cell]
			line[x] += float32(int(p[1])+int(p[7])+int(p[13])+int(p[19])) / (cell / 2 * cell / 2)
		}
	}
	return g
}

// changes are the cells that changed. nil: all may have.
type changes struct {
	grid
	cells []bool
	n     int
}

// since tells where a frame differs from another; nil when they cannot be compared.
// A single cell is noise.
func (g grid) since(o grid) *changes {
	if g.w != o.w || g.h != o.h || len(g.cells) == 0 {
		return nil
	}
	c := &changes{grid: g, cells: make([]bool, len(g.cells))}
	moved := func(i int) bool { d := g.cells[i] - o.cells[i]; return d > differ || d < -differ }
	for i := range g.cells {
		if !moved(i) {
			continue
		}
		x, y := i%g.across, i/g.across
		if x > 0 && moved(i-1) || x+1 < g.across && moved(i+1) || y > 0 && moved(i-g.across) || y+1 < g.down && moved(i+g.across) {
			c.cells[i] = true
			c.n++
		}
	}
	return c
}

// memory is what each cell looked like when it was last looked at.
type memory struct {
	grid
	age int // looks since all was looked at
}

// changed tells where the next frame differs from what is remembered, and remembers
// that; now and then it is nil.
func (m *memory) changed(now grid) *changes {
	c := now.since(m.grid)
	if c == nil || m.age >= renew {
		now.cells = slices.Clone(now.cells)
		*m = memory{now, 1}
		return nil
	}
	m.age++
	for i, changed := range c.cells {
		if changed {
			m.cells[i] = now.cells[i]
		}
	}
	return c
}

// none says whether nothing changed.
func (c *changes) none() bool { return c != nil && c.n == 0 }

// in says whether something changed within a box of the frame.
func (c *changes) in(b vision.Box) bool {
	if c == nil {
		return true
	}
	x0, y0 := max(0, int(b.X)/cell-1), max(0, int(b.Y)/cell-1)
	x1, y1 := min(c.across, int(b.X+b.W)/cell+2), min(c.down, int(b.Y+b.H)/cell+2)
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			if c.cells[y*c.across+x] {
				return true
			}
		}
	}
	return false
}

// still is what was found at t and what was seen before where nothing changed.
func (c *changes) still(before, found []sight, t float64) []sight {
	if c == nil {
		return found
	}
	for _, s := range before {
		if !taken(found, s.Key) && !c.in(s.box(vision.Frame{W: c.w, H: c.h})) {
			s.T = t
			found = append(found, s)
		}
	}
	return found
}

// squares are those in which faces are looked for: the whole frame, and so many of
// 640 pixels that each cell that changed lies well within one.
func (c *changes) squares() []vision.Box {
	const side, edge, step = 640, 48, 40
	long := float32(max(c.w, c.h))
	list := []vision.Box{{X: (float32(c.w) - long) / 2, Y: (float32(c.h) - long) / 2, W: long, H: long}}
	if long <= side*5/4 {
		return list
	}
	left, n := slices.Clone(c.cells), c.n
	// within are the cells that lie well within the square that begins at x, y.
	within := func(x, y int, do func(i int)) {
		for cy := max(0, (y+edge)/cell); cy < min(c.down, (y+side-edge)/cell); cy++ {
			for cx := max(0, (x+edge)/cell); cx < min(c.across, (x+side-edge)/cell); cx++ {
				if i := cy*c.across + cx; left[i] {
					do(i)
				}
			}
		}
	}
	for n > 0 {
		best, bx, by := 0, 0, 0
		for y := -edge; y < c.h-edge; y += step {
			for x := -edge; x < c.w-edge; x += step {
				count := 0
				if within(x, y, func(int) { count++ }); count > best {
					best, bx, by = count, x, y
				}
			}
		}
		if best == 0 {
			break
		}
		within(bx, by, func(i int) { left[i] = false; n-- })
		list = append(list, vision.Box{X: float32(bx), Y: float32(by), W: side, H: side})
	}
	return list
}
