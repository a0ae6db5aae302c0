package lpr

import (
	"bytes"
	"image"
	"image/jpeg"
	"math"
	"slices"

	"golang.org/x/image/draw"

	"porchlight/vision"
)

// What a picture is at most.
const (
	pictureWide    = 1280 // pixels
	pictureQuality = 82
)

// gray is what covers people: nothing of them is left under it.
const gray = 0x60

// covered paints over every face and person in part, a picture cut from a
// frame's region at, and gives it as a JPEG without metadata; nil when nothing
// but people would be left, or when what it is of is hidden by them. people are
// the boxes of persons in the whole frame. plate is where the plate is, in the
// whole frame: it stays visible.
//
// Faces and persons are looked for in the picture itself too: there they are
// larger than in the frame as it was searched. A face of which the network is not
// sure is covered as well, but for where none can be: low on the vehicle, which
// would otherwise vanish under what bumpers and lamps look like.
func (s Sight) covered(part vision.Frame, at vision.Box, people []vision.Thing, vehicle, plate vision.Box) ([]byte, error) {
	faces, err := s.Faces.Faces(part)
	if err != nil {
		return nil, err
	}
	things, err := s.Objects.Objects(part)
	if err != nil {
		return nil, err
	}
	var cover []vision.Box
	vehicle = moved(vehicle, -at.X, -at.Y)
	low := vision.Box{X: vehicle.X, Y: vehicle.Y + vehicle.H*.5, W: vehicle.W, H: vehicle.H * .5}
	for _, f := range faces {
		if f.Score < .5 && within(f.Box.X+f.Box.W/2, f.Box.Y+f.Box.H/2, low) {
			continue
		}
		cover = append(cover, grown(f.Box, .3))
	}
	for _, p := range people {
		cover = append(cover, grown(moved(p.Box, -at.X, -at.Y), .06))
	}
	for _, t := range things {
		if t.Kind == "person" {
			cover = append(cover, grown(t.Box, .06))
		}
	}
	plate = moved(plate, -at.X, -at.Y)
	pix := slices.Clone(part.Pix)
	out := vision.Frame{Pix: pix, W: part.W, H: part.H}
	hidden := 0
	for y := range out.H {
		for x := range out.W {
			px, py := float32(x)+.5, float32(y)+.5
			if within(px, py, plate) || !slices.ContainsFunc(cover, func(b vision.Box) bool { return within(px, py, b) }) {
				continue
			}
			i := 3 * (y*out.W + x)
			pix[i], pix[i+1], pix[i+2] = gray, gray, gray
			hidden++
		}
	}
	if hidden*5 > out.W*out.H*3 { // people are what it shows
		return nil, nil
	}
	return encode(out)
}

func within(x, y float32, b vision.Box) bool {
	return x >= b.X && y >= b.Y && x < b.X+b.W && y < b.Y+b.H
}

func moved(b vision.Box, x, y float32) vision.Box {
	b.X, b.Y = b.X+x, b.Y+y
	return b
}

// grown is a box larger by a share of its size on each side.
func grown(b vision.Box, by float32) vision.Box {
	return vision.Box{X: b.X - by*b.W, Y: b.Y - by*b.H, W: b.W * (1 + 2*by), H: b.H * (1 + 2*by)}
}

// encode makes a JPEG, smaller if it is too large.
func encode(f vision.Frame) ([]byte, error) {
	img := image.NewRGBA(image.Rect(0, 0, f.W, f.H))
	for i, o := 0, 0; i < len(f.Pix); i, o = i+3, o+4 {
		copy(img.Pix[o:o+3], f.Pix[i:i+3])
		img.Pix[o+3] = 255
	}
	if f.W > pictureWide {
		small := image.NewRGBA(image.Rect(0, 0, pictureWide, int(math.Round(float64(f.H)*pictureWide/float64(f.W)))))
		draw.ApproxBiLinear.Scale(small, small.Rect, img, img.Rect, draw.Src, nil)
		img = small
	}
	var b bytes.Buffer
	err := jpeg.Encode(&b, img, &jpeg.Options{Quality: pictureQuality})
	return b.Bytes(), err
}
