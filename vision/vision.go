// Package vision holds the nouns of seeing: a picture, what is in it, and who
// can tell. It knows no model, no file and no network; the rooms below it do:
//
//	vision/ort     ONNX Runtime, loaded at run time
//	vision/models  which models, where from, under which licence, with which hash
//	vision/nets    the networks: objects, faces, text, animals
//	vision/plates  number plates: found, read, voted over frames, measured
//	vision/cover   covers faces and plates in a video
//
// Everything runs where the picture is. Nothing here sends anything.
package vision

import (
	"image"
	"time"
)

// Frame is one picture in 8-bit RGB, row by row from the top, without padding:
// len(Pix) is 3*W*H. Whoever is handed a Frame only reads it.
type Frame struct {
	Pix  []byte
	W, H int           // pixels
	At   time.Duration // since the start of its video; 0 for a still
}

// Box is a rectangle in pixels of its frame, from the top left corner. It may
// reach over the frame's edge.
type Box struct{ X, Y, W, H float32 }

// Kind is what a thing is: a COCO class in lower case (person, bicycle, car,
// motorcycle, bus, truck, cat, dog, bird, horse, ...).
type Kind string

// Thing is one object in a frame.
type Thing struct {
	Kind  Kind
	Box   Box
	Score float32 // 0 to 1
}

// Face is one face in a frame, with the points by which it is turned upright.
type Face struct {
	Box        Box
	Score      float32        // 0 to 1
	Eyes       [2]image.Point // her right, her left
	Nose, Lips image.Point    //
}

// Vehicle is what can be told of a vehicle, in the words of plate.Vehicle; ""
// unknown. Make cannot be told.
type Vehicle struct{ Type, Color string }

// Plate is one number plate in a frame.
type Plate struct {
	Box        Box
	Corners    [4]image.Point // clockwise from the top left as it is read
	Text       string         // upper case letters and digits, nothing else; "" when it cannot be read
	Confidence float32        // 0 to 1: of plates said with this confidence, so many are exactly right
	Others     []Guess        // what else it may be, best first, at most 5
	Region     string         // what its format allows: ISO 3166-2 ("US-IL") or 3166-1 ("DE"); "" unknown
	Vehicle    *Thing         // the vehicle it hangs on; nil if none was seen
}

// Guess is another reading of a plate.
type Guess struct {
	Text       string
	Confidence float32
}

// Objects finds things. Safe for concurrent use, as are the other finders.
type Objects interface {
	Objects(Frame) ([]Thing, error) // best first
}

// Faces finds faces; it would rather cover too much than too little.
type Faces interface {
	Faces(Frame) ([]Face, error) // best first
}

// Plates finds and reads number plates.
type Plates interface {
	// Plates looks within the vehicles, or everywhere when vehicles is nil.
	Plates(f Frame, vehicles []Thing) ([]Plate, error)
}

// Embedding is what a face or an animal looks like, as a vector: a face's has
// length 1.
type Embedding []float32

// Embedder describes what is in a part of a frame, and compares two that it
// described: 1 the same, 0 nothing in common.
type Embedder interface {
	Embed(f Frame, box Box) (Embedding, error)
	Alike(a, b Embedding) float32
}

// FaceEmbedder describes a face.
type FaceEmbedder interface {
	EmbedFace(Frame, Face) (Embedding, error)
}
