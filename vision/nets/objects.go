package nets

import (
	"fmt"
	"math"

	"porchlight/vision"
	"porchlight/vision/models"
	"porchlight/vision/ort"
)

// kinds are the classes of COCO in its order.
var kinds = [80]vision.Kind{"person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
	"traffic light", "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow",
	"elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis",
	"snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket",
	"bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli",
	"carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet", "tv",
	"laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink", "refrigerator", "book",
	"clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush"}

const (
	objectSide  = 416 // pixels: what the network sees
	objectBins  = 11  // of each distance to a side
	objectScore = 0.35
)

// Red, green and blue stand in the reverse of NanoDet's configuration, which has
// blue first.
var objectNorm = norm{[3]float32{103.53 / 255, 116.28 / 255, 123.675 / 255}, [3]float32{57.375 / 255, 57.12 / 255, 58.395 / 255}, true}

// Objects finds the things of COCO's classes that score 0.35 or more. The network
// sees 416 by 416 pixels, so that what is smaller than a twentieth of the frame's
// longer side may be missed.
func (n *Nets) Objects(f vision.Frame) ([]vision.Thing, error) {
	if f.W < 1 || f.H < 1 {
		return nil, nil
	}
	box := letterbox(f, objectSide, objectSide)
	small := Part(f, box, objectSide, objectSide)
	out, err := n.run(models.Objects, ort.Floats(objectNorm.planes(make([]float32, 0, len(small.Pix)), small), 1, 3, objectSide, objectSide))
	if err != nil {
		return nil, err
	}
	scale := box.W / objectSide
	var found []vision.Thing
	for i, stride := range []int{8, 16, 32} {
		scores, bins, across := out[2*i].Float, out[2*i+1].Float, objectSide/stride
		if len(scores) != across*across*len(kinds) || len(bins) != across*across*4*objectBins {
			return nil, fmt.Errorf("model %s: outputs of %v and %v", models.Objects, out[2*i].Shape, out[2*i+1].Shape)
		}
		for cell := range across * across {
			kind, score := 0, float32(0)
			for k, s := range scores[cell*len(kinds):][:len(kinds)] {
				if s > score {
					kind, score = k, s
				}
			}
			if score < objectScore {
				continue
			}
			x, y := (float32(cell%across)+0.5)*float32(stride), (float32(cell/across)+0.5)*float32(stride)
			var d [4]float32 // to the left, top, right and bottom side
			for side := range d {
				d[side] = expected(bins[(cell*4+side)*objectBins:][:objectBins]) * float32(stride)
			}
			found = append(found, vision.Thing{Kind: kinds[kind], Score: score, Box: inside(vision.Box{
				X: box.X + (x-d[0])*scale, Y: box.Y + (y-d[1])*scale, W: (d[0] + d[2]) * scale, H: (d[1] + d[3]) * scale}, f)})
		}
	}
	return best(found, 0.5, func(t vision.Thing) vision.Box { return t.Box }, func(t vision.Thing) float32 { return t.Score },
		func(a, b vision.Thing) bool { return a.Kind == b.Kind || rivals[a.Kind] && rivals[b.Kind] }), nil
}

// rivals are kinds of which one thing is taken for several.
var rivals = map[vision.Kind]bool{"car": true, "truck": true, "bus": true}

// expected is the mean of the distribution whose logits are given: NanoDet tells
// distances so (generalized focal loss, arXiv:2006.04388).
func expected(logits []float32) float32 {
	top := logits[0]
	for _, l := range logits {
		top = max(top, l)
	}
	var sum, mean float64
	for i, l := range logits {
		p := math.Exp(float64(l - top))
		sum, mean = sum+p, mean+p*float64(i)
	}
	return float32(mean / sum)
}
