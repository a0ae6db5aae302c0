package watch

import "porchlight/vision"

// Motion is looked for in a coarse picture of brightness: so many cells across
// and down, each the mean of its part of the frame.
const (
	cellsAcross, cellsDown = 64, 36
	cells                  = cellsAcross * cellsDown

	cellChanged = 10        // of 255: a cell that changes by more has changed
	fewest      = 4         // changed cells; fewer are noise
	most        = cells / 2 // more are a lamp, a cloud, or night vision being switched
)

// motion compares each frame with the one before it.
type motion struct {
	before, now [cells]uint8
	began       bool
	changed     [cells]bool
}

// next takes the next frame and returns how many cells changed since the one
// before; 0 when nothing moved that counts.
func (m *motion) next(f vision.Frame) int {
	if f.W < cellsAcross || f.H < cellsDown {
		return 0
	}
	m.before = m.now
	for cy := range cellsDown {
		for cx := range cellsAcross {
			x0, x1 := cx*f.W/cellsAcross, (cx+1)*f.W/cellsAcross
			sum, n := 0, 0
			for y := cy * f.H / cellsDown; y < (cy+1)*f.H/cellsDown; y += 2 {
				for i := 3 * (y*f.W + x0); i < 3*(y*f.W+x1); i += 6 {
					sum += int(f.Pix[i]) + 2*int(f.Pix[i+1]) + int(f.Pix[i+2])
					n += 4
				}
			}
			m.now[cy*cellsAcross+cx] = uint8(sum / n)
		}
	}
	count := 0
	for i := range m.changed {
		d := int(m.now[i]) - int(m.before[i])
		m.changed[i] = m.began && (d > cellChanged || d < -cellChanged)
		if m.changed[i] {
			count++
		}
	}
	m.began = true
	if count < fewest || count > most {
		return 0
	}
	return count
}

// moved reports whether something in the box changed: what stands still while
// something else moves did not happen.
func (m *motion) moved(b vision.Box, f vision.Frame) bool {
	x0, x1 := cellOf(b.X, f.W, cellsAcross), cellOf(b.X+b.W, f.W, cellsAcross)
	y0, y1 := cellOf(b.Y, f.H, cellsDown), cellOf(b.Y+b.H, f.H, cellsDown)
	changed, all := 0, 0
	for y := y0; y <= y1; y++ {
		for x := x0; x <= x1; x++ {
			all++
			if m.changed[y*cellsAcross+x] {
				changed++
			}
		}
	}
	return changed*12 >= all
}

func cellOf(at float32, size, n int) int {
	return min(max(int(at)*n/max(1, size), 0), n-1)
}
