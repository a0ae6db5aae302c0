package plates

import (
	"cmp"
	"math"
	"slices"
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
	// From and To are the times of the first and the last frame its plate was
	// seen in.
	From, To time.Duration
	// Reads is in how many frames its plate was read.
	Reads int
	// MovedX and MovedY are how far the plate went between From and To, in widths
	// of the frame, to the right and down.
	MovedX, MovedY float32
	// Grew is how many times as wide the plate was at the end: above 1 it came
	// nearer.
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
	tracks []*track
	told   map[string]time.Duration // when each plate was last told
}

// track is one vehicle whose plate was seen.
type track struct {
	plate    vision.Box  // where the plate was last
	vehicle  *vision.Box // where the vehicle was last; nil if none was seen
	from, to time.Duration
	alive    time.Duration // when the vehicle or the plate was last seen
	dx, dy   float32       // how fast the plate moves, pixels a second
	first    vision.Box
	width    int // of the frame
	reads    int
	weight   float64            // of all reads
	evidence map[string]float64 // of each text: the sum of weighted log-probabilities, less what it would be had no read named it
	nothing  float64            // what it is of a text that no read named
	best     Passing            // without a vote
	bestness float64
	told     bool
}

// NewTracker follows from the next frame on.
func NewTracker(l Limits) *Tracker {
	l.Gone, l.Most, l.Again = cmp.Or(l.Gone, 1500*time.Millisecond), cmp.Or(l.Most, time.Minute), cmp.Or(l.Again, 5*time.Minute)
	l.Least = cmp.Or(l.Least, 0.3)
	return &Tracker{limits: l, told: map[string]time.Duration{}}
}

// Add takes the next frame with what was found in it. Frames come in the order
// of their time. Nothing of f is kept but what a Passing shows.
func (t *Tracker) Add(f vision.Frame, things []vision.Thing, found []vision.Plate) {
	type pair struct {
		track *track
		plate int
		near  float64
	}
	var pairs []pair
	for _, k := range t.tracks {
		for i, p := range found {
			if near := k.near(f.At, p); near > 0 {
				pairs = append(pairs, pair{k, i, near})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(b.near, a.near) })
	followed, placed := map[*track]bool{}, map[int]bool{}
	for _, p := range pairs {
		if !followed[p.track] && !placed[p.plate] {
			followed[p.track], placed[p.plate] = true, true
			p.track.add(f, found[p.plate])
		}
	}
	for _, k := range t.tracks {
		if followed[k] || k.vehicle == nil {
			continue
		}
		for _, v := range things { // the plate is hidden, the vehicle is there
			if slices.Contains(motor, v.Kind) && iou(v.Box, *k.vehicle) > 0.4 {
				b := v.Box
				k.vehicle, k.alive = &b, f.At
				break
			}
		}
	}
	for i, p := range found {
		if !placed[i] && p.Text != "" {
			k := &track{from: f.At, first: p.Box, width: f.W, evidence: map[string]float64{}, bestness: -1}
			k.add(f, p)
			t.tracks = append(t.tracks, k)
		}
	}
}

// near is how likely it is that p is the plate of the track: 0 not at all.
func (k *track) near(at time.Duration, p vision.Plate) float64 {
	gone := float32((at - k.to).Seconds())
	expected := k.plate
	expected.X, expected.Y = expected.X+k.dx*gone, expected.Y+k.dy*gone
	size := max(expected.W, p.Box.W)
	if size <= 0 {
		return 0
	}
	off := math.Hypot(float64(expected.X+expected.W/2-p.Box.X-p.Box.W/2), float64(expected.Y+expected.H/2-p.Box.Y-p.Box.H/2)) / float64(size)
	near := math.Exp(-off)
	same := k.says(p)
	if p.Vehicle != nil && k.vehicle != nil {
		near += float64(iou(p.Vehicle.Box, *k.vehicle))
	}
	// A stranger's text needs the same place; the same text may have come further.
	if off > 1.5 && same < 0.5 || off > 8 {
		return 0
	}
	return near + same
}

// says is how much the plate's text is one the track has read: 1 the same, 0.5 one
// character differs.
func (k *track) says(p vision.Plate) float64 {
	if p.Text == "" {
		return 0
	}
	best := 0.0
	for text := range k.evidence {
		switch edits(text, p.Text) {
		case 0:
			return 1
		case 1:
			best = 0.5
		}
	}
	return best
}

// others is among how many texts the probability is spread that a read leaves to
// those it does not name.
const others = 10

// add takes the plate in the next frame.
func (k *track) add(f vision.Frame, p vision.Plate) {
	if gone := float32((f.At - k.to).Seconds()); k.reads > 0 && gone > 0 {
		k.dx, k.dy = (p.Box.X+p.Box.W/2-k.plate.X-k.plate.W/2)/gone, (p.Box.Y+p.Box.H/2-k.plate.Y-k.plate.H/2)/gone
	}
	k.plate, k.to, k.alive, k.vehicle = p.Box, f.At, f.At, nil
	if p.Vehicle != nil {
		b := p.Vehicle.Box
		k.vehicle = &b
	}
	bestness := 0.0
	if p.Text != "" {
		k.reads++
		// A plate of a few pixels says less, whatever it is read as.
		w := math.Min(1, math.Max(0.1, float64(p.Box.W)/100))
		k.weight += w
		named := append([]vision.Guess{{Text: p.Text, Confidence: p.Confidence}}, p.Others...)
		rest := 1.0
		for _, g := range named {
			rest -= float64(g.Confidence)
		}
		unnamed := math.Log(math.Max(0.01, rest) / others)
		k.nothing += w * unnamed
		for _, g := range named {
			k.evidence[g.Text] += w * (math.Log(math.Max(1e-4, float64(g.Confidence))) - unnamed)
		}
		bestness = float64(p.Confidence) * math.Sqrt(float64(max(1, p.Box.W)))
	}
	if bestness <= k.bestness {
		return
	}
	k.bestness = bestness
	part := p.Box
	if p.Vehicle != nil {
		part = around(part, p.Vehicle.Box)
	}
	k.best = Passing{Plate: p}
	k.best.Picture, k.best.Part = cut(f, part, 0.04)
	if p.Vehicle != nil {
		v := *p.Vehicle
		k.best.Vehicle, k.best.Plate.Vehicle = &v, &v
	}
}

// around is the smallest box around both.
func around(a, b vision.Box) vision.Box {
	x, y := min(a.X, b.X), min(a.Y, b.Y)
	return vision.Box{X: x, Y: y, W: max(a.X+a.W, b.X+b.W) - x, H: max(a.Y+a.H, b.Y+b.H) - y}
}

// cut copies a part of a frame with a margin, and says which it was.
func cut(f vision.Frame, b vision.Box, margin float32) (vision.Frame, vision.Box) {
	m := margin * max(b.W, b.H)
	x0, y0 := max(0, int(b.X-m)), max(0, int(b.Y-m))
	x1, y1 := min(f.W, int(b.X+b.W+m)+1), min(f.H, int(b.Y+b.H+m)+1)
	if x1 <= x0 || y1 <= y0 {
		return vision.Frame{At: f.At}, vision.Box{}
	}
	out := vision.Frame{Pix: make([]byte, 0, 3*(x1-x0)*(y1-y0)), W: x1 - x0, H: y1 - y0, At: f.At}
	for y := y0; y < y1; y++ {
		out.Pix = append(out.Pix, f.Pix[3*(y*f.W+x0):3*(y*f.W+x1)]...)
	}
	return out, vision.Box{X: float32(x0), Y: float32(y0), W: float32(x1 - x0), H: float32(y1 - y0)}
}

// Done returns what has passed by the time at, the first to leave first, each
// once.
func (t *Tracker) Done(at time.Duration) []Passing {
	for text, when := range t.told {
		if t.limits.Again < 0 || at-when > t.limits.Again {
			delete(t.told, text)
		}
	}
	return t.tell(func(k *track) (over, tell bool) {
		over = at-k.alive > t.limits.Gone
		return over, over || at-k.from > t.limits.Most
	})
}

// End returns what was still there: the video is over.
func (t *Tracker) End() []Passing {
	return t.tell(func(*track) (bool, bool) { return true, true })
}

func (t *Tracker) tell(which func(*track) (over, tell bool)) (list []Passing) {
	slices.SortStableFunc(t.tracks, func(a, b *track) int { return cmp.Compare(a.alive, b.alive) })
	t.tracks = slices.DeleteFunc(t.tracks, func(k *track) bool {
		over, tell := which(k)
		if tell && !k.told {
			k.told = true
			p := k.passing()
			_, lately := t.told[p.Plate.Text]
			if p.Plate.Text != "" && p.Plate.Confidence >= t.limits.Least && !lately {
				if t.limits.Again > 0 {
					t.told[p.Plate.Text] = k.alive
				}
				list = append(list, p)
			}
		}
		return over
	})
	return list
}

// passing is the vote. The frames of one camera show much the same, so n reads
// count as the square root of n independent ones.
func (k *track) passing() Passing {
	p := k.best
	p.From, p.To, p.Reads = k.from, k.to, k.reads
	p.MovedX = (k.plate.X + k.plate.W/2 - k.first.X - k.first.W/2) / float32(max(1, k.width))
	p.MovedY = (k.plate.Y + k.plate.H/2 - k.first.Y - k.first.H/2) / float32(max(1, k.width))
	p.Grew = k.plate.W / max(1, k.first.W)
	independent := 1 / math.Sqrt(math.Max(1, k.weight))
	if k.weight < 1 && k.weight > 0 {
		independent = 1 / k.weight // few pixels, but all there is
	}
	var guesses []vision.Guess
	all := k.nothing*independent + math.Log(others)
	for _, e := range k.evidence {
		all = either(all, (k.nothing+e)*independent)
	}
	for text, e := range k.evidence {
		guesses = append(guesses, vision.Guess{Text: text, Confidence: float32(math.Exp((k.nothing+e)*independent - all))})
	}
	slices.SortFunc(guesses, func(a, b vision.Guess) int {
		return cmp.Or(cmp.Compare(b.Confidence, a.Confidence), cmp.Compare(a.Text, b.Text))
	})
	if len(guesses) == 0 {
		return p
	}
	if guesses[0].Text != p.Plate.Text {
		p.Plate.Region = regionOf(guesses[0].Text, everywhere)
	}
	p.Plate.Text, p.Plate.Confidence = guesses[0].Text, guesses[0].Confidence
	p.Plate.Others = slices.Clip(guesses[1:min(6, len(guesses))])
	return p
}

// everywhere is not to know of what kind a plate is.
var everywhere = [kinds]float64{us: 1. / 3, eu: 1. / 3, br: 1. / 3}
