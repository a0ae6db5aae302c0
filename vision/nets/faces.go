package nets

import (
	"fmt"
	"image"

	"porchlight/vision"
	"porchlight/vision/models"
	"porchlight/vision/ort"
)

const (
	faceSide  = 256 // pixels: what the network sees
	faceScore = 0.3
	tileSide  = 640 // pixels of the frame in one tile; faces from about 20 pixels on are found
)

var faceNorm = norm{mean: [3]float32{0.5, 0.5, 0.5}, dev: [3]float32{0.5, 0.5, 0.5}}

// Faces finds faces, recall first: it looks at the whole frame, at the frame with
// as much black around it, since a face that fills the frame is too large for the
// network, and at overlapping tiles of 640 pixels for small ones. What scores 0.3
// or more counts, so there are false alarms.
func (n *Nets) Faces(f vision.Frame) ([]vision.Face, error) {
	if f.W < 1 || f.H < 1 {
		return nil, nil
	}
	whole := letterbox(f, 1, 1)
	looks := []vision.Box{whole, grown(whole, 2)}
	if max(f.W, f.H) > tileSide*5/4 {
		for _, y := range tiles(f.H) {
			for _, x := range tiles(f.W) {
				looks = append(looks, vision.Box{X: x, Y: y, W: tileSide, H: tileSide})
			}
		}
	}
	return n.FacesIn(f, looks...)
}

// FacesIn finds the faces in squares of the frame, whose sides are 3 to 32 times as
// long as they. A square may reach over the frame's edge.
func (n *Nets) FacesIn(f vision.Frame, squares ...vision.Box) ([]vision.Face, error) {
	var found []vision.Face
	for _, square := range squares {
		some, err := n.facesIn(f, square)
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	return best(found, 0.3, func(t vision.Face) vision.Box { return t.Box }, func(t vision.Face) float32 { return t.Score },
		func(_, _ vision.Face) bool { return true }), nil
}

// tiles are where the tiles begin along a side: they overlap by a quarter or more.
func tiles(side int) (starts []float32) {
	if side <= tileSide {
		return []float32{(float32(side) - tileSide) / 2}
	}
	n := (side - tileSide + tileSide*3/4 - 1) / (tileSide * 3 / 4)
	for i := range n + 1 {
		starts = append(starts, float32(i)*float32(side-tileSide)/float32(n))
	}
	return starts
}

// grown is a box times as large around the same middle.
func grown(b vision.Box, times float32) vision.Box {
	return vision.Box{X: b.X - b.W*(times-1)/2, Y: b.Y - b.H*(times-1)/2, W: b.W * times, H: b.H * times}
}

// facesIn finds the faces in a square of the frame.
func (n *Nets) facesIn(f vision.Frame, look vision.Box) ([]vision.Face, error) {
	small := Part(f, look, faceSide, faceSide)
	out, err := n.run(models.Faces, ort.Floats(faceNorm.pixels(make([]float32, 0, len(small.Pix)), small), 1, faceSide, faceSide, 3))
	if err != nil {
		return nil, err
	}
	scale := look.W / faceSide
	var found []vision.Face
	for i, grid := range []struct{ across, anchors int }{{16, 2}, {8, 6}} {
		scores, boxes := out[i].Float, out[i+2].Float
		if count := grid.across * grid.across * grid.anchors; len(scores) != count || len(boxes) != 16*count {
			return nil, fmt.Errorf("model %s: outputs of %v and %v", models.Faces, out[i].Shape, out[i+2].Shape)
		}
		for k, logit := range scores {
			score := sigmoid(logit)
			if score < faceScore {
				continue
			}
			cell := k / grid.anchors
			step := float32(faceSide / grid.across)
			ax, ay := (float32(cell%grid.across)+0.5)*step, (float32(cell/grid.across)+0.5)*step
			at := func(i int) (x, y float32) {
				return look.X + (ax+boxes[16*k+i])*scale, look.Y + (ay+boxes[16*k+i+1])*scale
			}
			point := func(i int) image.Point {
				x, y := at(4 + 2*i)
				return image.Pt(int(x+0.5), int(y+0.5))
			}
			x, y := at(0)
			w, h := boxes[16*k+2]*scale, boxes[16*k+3]*scale
			if !(w > 0 && h > 0) || x < 0 || y < 0 || x > float32(f.W) || y > float32(f.H) {
				continue // in the black around the frame
			}
			found = append(found, vision.Face{Box: vision.Box{X: x - w/2, Y: y - h/2, W: w, H: h}, Score: score,
				Eyes: [2]image.Point{point(0), point(1)}, Nose: point(2), Lips: point(3)})
		}
	}
	return found, nil
}
