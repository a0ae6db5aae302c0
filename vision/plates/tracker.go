package plates

import (
	"time"

	"porchlight/vision"
)

// Passing is one vehicle's passing by a camera, told once: the plate by the
// evidence of all its frames.
type Passing struct {
	// Plate is what the frames say together; its place is that in the frame of
	// Picture.
	Plate vision.Plate
	// Picture is cut from the frame that shows the plate best: the vehicle and
	// its plate, nothing more. Picture.At is that frame's time.
	Picture vision.Frame
	// Part is where Picture lay in its frame.
	Part vision.Box
	// Vehicle is the vehicle in the frame of Picture; nil when only the plate
	// was seen.
	Vehicle *vision.Thing
	// From and To are the times of the first and the last frame it was seen in.
	From, To time.Duration
	// Reads is in how many frames its plate was read.
	Reads int
	// MovedX and MovedY are how far it went between From and To, in widths of
	// the frame, to the right and down.
	MovedX, MovedY float32
	// Grew is how many times as wide it was at the end: above 1 it came nearer.
	Grew float32
}

// Limits of a Tracker.
type Limits struct {
	Gone  time.Duration // not seen for so long: it has passed. 0: 1.5 s
	Most  time.Duration // told after so long though still there: it is parked. 0: 1 minute
	Again time.Duration // a plate told so lately is not told again. 0: 5 minutes; negative: always
	Least float32       // confidence below which a plate is not told. 0: 0.3
}

// Tracker follows the plates through the frames of one camera. Not for
// concurrent use.
type Tracker struct {
	limits Limits
}

// NewTracker follows from the next frame on.
func NewTracker(l Limits) *Tracker { return &Tracker{limits: l} }

// Add takes the next frame with what was found in it. Frames come in the order
// of their time. Nothing of f is kept but what a Passing shows.
func (t *Tracker) Add(f vision.Frame, things []vision.Thing, found []vision.Plate) {}

// Done returns what has passed by the time at, the first to leave first, each
// once.
func (t *Tracker) Done(at time.Duration) []Passing { return nil }

// End returns what was still there: the video is over.
func (t *Tracker) End() []Passing { return nil }
