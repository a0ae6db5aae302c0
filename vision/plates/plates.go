// Package plates finds number plates and reads them: where text stands on a
// vehicle, which of it is a plate, what the plate says, and how sure that is.
// What a picture does not show is not guessed: a plate that cannot be read has
// an empty text.
//
// Reader reads one frame, Places only finds, Tracker makes one read of a passing
// vehicle out of many frames, Eval measures a Reader against pictures with known plates. The
// recogniser is trained on drawn plates only; train/README.md says how.
package plates

import (
	"cmp"
	_ "embed"
	"fmt"
	"image"
	"math"
	"slices"
	"strings"
	"sync"

	"porchlight/vision"
	"porchlight/vision/nets"
	"porchlight/vision/ort"
)

// StripWidth is how wide the recogniser wants a plate's characters, in pixels;
// nets.StripHeight is how high.
const StripWidth = 208

// reader.onnx is the recogniser's neck and heads; its features are
// nets.TextFeatures. train/README.md says what it was trained on and has its hash.
//
//go:embed reader.onnx
var model []byte

// Reader finds and reads plates. It is safe for concurrent use and computes on the
// calling goroutine.
type Reader struct {
	nets    *nets.Nets
	head    *ort.Session
	letters func() ([]int, error) // the classes of what PP-OCR tells apart
}

var _ vision.Plates = (*Reader)(nil)

// Open makes a Reader over the networks of a models folder.
func Open(n *nets.Nets) (*Reader, error) {
	head, err := n.Session(model)
	if err != nil {
		return nil, fmt.Errorf("the plate recogniser: %w", err)
	}
	return &Reader{n, head, sync.OnceValues(func() ([]int, error) { return ourClasses(n) })}, nil
}

// Close frees the recogniser, not the networks.
func (r *Reader) Close() error { return r.head.Close() }

// motor are the kinds of things that wear plates.
var motor = []vision.Kind{"car", "truck", "bus", "motorcycle"}

// Plates looks within the vehicles, or everywhere when vehicles is nil. The
// plates come in the order of their confidence.
func (r *Reader) Plates(f vision.Frame, vehicles []vision.Thing) ([]vision.Plate, error) {
	whole := vision.Box{W: float32(f.W), H: float32(f.H)}
	if vehicles == nil {
		return r.within(f, []vision.Box{whole}, nil, false, 24, wide)
	}
	vehicles = onlyMotor(vehicles)
	look := low(vehicles, whole)
	return r.within(f, look, vehicles, false, 4*len(look), near)
}

// onlyMotor are the vehicles among things.
func onlyMotor(things []vision.Thing) []vision.Thing {
	return slices.DeleteFunc(slices.Clone(things), func(t vision.Thing) bool { return !slices.Contains(motor, t.Kind) })
}

// low are the areas of the vehicles without what lies above the windows, where no
// plate hangs.
func low(vehicles []vision.Thing, whole vision.Box) []vision.Box {
	look := areas(vehicles, whole)
	for i, b := range look {
		look[i].Y, look[i].H = b.Y+0.2*b.H, 0.8*b.H
	}
	return look
}

// Places is a finder of plates that does not read them: their text is empty, their
// confidence is that something is a plate, their corners are those of the box. It
// takes a third of a Reader's time, and would rather find too much than too little.
type Places struct{ Reader *Reader }

var _ vision.Plates = Places{}

// Plates looks within the vehicles, or everywhere when vehicles is nil.
func (p Places) Plates(f vision.Frame, vehicles []vision.Thing) ([]vision.Plate, error) {
	whole := vision.Box{W: float32(f.W), H: float32(f.H)}
	look, most, side := []vision.Box{whole}, 24, wide
	if vehicles != nil {
		vehicles = onlyMotor(vehicles)
		look, side = low(vehicles, whole), near
		most = 4 * len(look)
	}
	found, err := p.Reader.text(f, look, side)
	if err != nil {
		return nil, err
	}
	list := candidates(found, most)
	var places []vision.Plate
	var told []vision.Box // areas whose plate is found surely
	for left := list; len(left) > 0; {
		// Those that look most like a plate first.
		some := left[:min(len(left), 2*len(look))]
		left = left[len(some):]
		looks, err := p.Reader.look(firstCrops(f, some))
		if err != nil {
			return nil, err
		}
		for i, l := range looks {
			if l.of[none] >= noPlace {
				continue
			}
			v := reading{quad: some[i].quad, of: l.of}
			places = joined(places, vision.Plate{Box: v.around(list), Confidence: float32(1 - l.of[none])})
			if vehicles != nil && l.of[none] < surePlace {
				told = append(told, slices.DeleteFunc(slices.Clone(look), func(a vision.Box) bool { return !within(a, v.quad.Bounds()) })...)
			}
		}
		left = slices.DeleteFunc(slices.Clone(left), func(l line) bool {
			return slices.ContainsFunc(told, func(a vision.Box) bool { return within(a, l.quad.Bounds()) })
		})
	}
	for i := range places {
		b := places[i].Box
		x0, y0, x1, y1 := int(b.X), int(b.Y), int(b.X+b.W), int(b.Y+b.H)
		places[i].Corners = [4]image.Point{{X: x0, Y: y0}, {X: x1, Y: y0}, {X: x1, Y: y1}, {X: x0, Y: y1}}
		places[i].Vehicle = on(vehicles, b)
	}
	slices.SortStableFunc(places, func(a, b vision.Plate) int { return cmp.Compare(b.Confidence, a.Confidence) })
	return places, nil
}

// How sure the recogniser is that a line is no plate where Places leaves it out, and
// where it looks at no other line of a vehicle.
const noPlace, surePlace = 0.7, 0.1

// around is where the whole plate is of which v may be a group: with all lines that v
// is joined to.
func (v reading) around(list []line) vision.Box {
	b := v.quad.Bounds()
	whole := ofPlate(v.quad, v.kind()).Bounds()
	for _, l := range list {
		if o := l.quad.Bounds(); l.parts > 1 && overlap(o, b) > 0.8*b.W*b.H {
			whole = union(whole, ofPlate(l.quad, v.kind()).Bounds())
		}
	}
	return whole
}

// joined are the places and one more, which is one with those that it overlaps.
func joined(places []vision.Plate, p vision.Plate) []vision.Plate {
	for i, o := range places {
		if overlap(o.Box, p.Box) > 0.3*min(o.Box.W*o.Box.H, p.Box.W*p.Box.H) {
			p.Box, p.Confidence = union(o.Box, p.Box), max(o.Confidence, p.Confidence)
			return joined(slices.Delete(places, i, i+1), p)
		}
	}
	return append(places, p)
}

// Still reads a photograph as well as can be, in whatever time it takes: the whole
// of it, and each vehicle that the finder sees from nearer. finder may be nil.
func (r *Reader) Still(f vision.Frame, finder vision.Objects) ([]vision.Plate, error) {
	var things []vision.Thing
	if finder != nil {
		var err error
		if things, err = finder.Objects(f); err != nil {
			return nil, err
		}
	}
	vehicles := onlyMotor(things)
	whole := vision.Box{W: float32(f.W), H: float32(f.H)}
	look := []vision.Box{whole}
	for _, b := range areas(vehicles, whole) {
		if b.W*b.H < 0.6*whole.W*whole.H {
			look = append(look, b)
		}
	}
	found, err := r.within(f, look, vehicles, true, 24, wide)
	if err != nil || len(found) > 0 && found[0].Confidence >= sure {
		return found, err
	}
	return r.within(f, look, vehicles, true, 48, wide, wide/3, 2*wide)
}

// sure is the confidence below which Still looks again, at other sizes: the text
// finder misses letters that fill a picture, and such as are lost in it.
const sure = 0.6

// The longer side of an area as the text finder sees it, in pixels: near a
// vehicle, whose plate is a tenth of its width or more; or in a whole picture.
const (
	near = 384
	wide = 1280
)

// areas are where the vehicles are, each with a margin; those that are nearly the same
// are one. A vehicle within another keeps its own: the finder takes a street for a
// truck now and then, in which plates would be too small to be seen.
func areas(vehicles []vision.Thing, whole vision.Box) []vision.Box {
	var list []vision.Box
	for _, v := range vehicles {
		b := v.Box
		m := 0.06 * max(b.W, b.H)
		x0, y0 := max(0, b.X-m), max(0, b.Y-m)
		x1, y1 := min(whole.W, b.X+b.W+m), min(whole.H, b.Y+b.H+m)
		b = vision.Box{X: x0, Y: y0, W: x1 - x0, H: y1 - y0}
		if b.W < 24 || b.H < 16 {
			continue // a plate on it would be a few pixels
		}
		if i := slices.IndexFunc(list, func(a vision.Box) bool { return overlap(a, b) > 0.6*max(a.W*a.H, b.W*b.H) }); i >= 0 {
			list[i] = union(list[i], b)
			continue
		}
		list = append(list, b)
	}
	return list
}

// text finds lines in parts of a frame at one size or several: the longer side of
// each part as the text finder sees it.
func (r *Reader) text(f vision.Frame, parts []vision.Box, sides ...int) (found []nets.Text, err error) {
	for _, b := range parts {
		last := 0
		for _, side := range sides {
			side = int(min(float32(side), 1.5*max(b.W, b.H))) // more shows nothing new
			if side == last {
				continue
			}
			last = side
			t, err := r.nets.Text(f, b, nets.TextOptions{Side: side, Score: 0.4})
			if err != nil {
				return nil, err
			}
			found = append(found, t...)
		}
	}
	return found, nil
}

// within finds lines as text does and reads at most most of them, with a second
// opinion when careful.
func (r *Reader) within(f vision.Frame, parts []vision.Box, vehicles []vision.Thing, careful bool, most int, sides ...int) ([]vision.Plate, error) {
	found, err := r.text(f, parts, sides...)
	if err != nil {
		return nil, err
	}
	read, err := r.lines(f, candidates(found, most), careful)
	if err != nil {
		return nil, err
	}
	plates := make([]vision.Plate, 0, len(read))
	for _, p := range read {
		plates = append(plates, p.plate(vehicles))
	}
	slices.SortStableFunc(plates, func(a, b vision.Plate) int { return cmp.Compare(b.Confidence, a.Confidence) })
	return plates, nil
}

// reading is a line that is a plate, and what it says.
type reading struct {
	quad  nets.Quad
	of    [kinds]float64 // how likely it is of each kind
	texts []vision.Guess // best first; their confidence adds up to 1 and is not calibrated
}

// lines reads lines: first once each, then those that may be plates by three
// crops that vote. What overlaps a better reading is left out.
func (r *Reader) lines(f vision.Frame, list []line, careful bool) ([]reading, error) {
	if len(list) == 0 {
		return nil, nil
	}
	looks, err := r.look(firstCrops(f, list))
	if err != nil {
		return nil, err
	}
	var maybe []int
	var more []vision.Frame
	for i, l := range looks {
		if l.of[none] < 0.9 {
			maybe = append(maybe, i)
			for _, m := range crops[1:] {
				more = append(more, crop(f, list[i].quad, m))
			}
		}
	}
	if len(maybe) == 0 {
		return nil, nil
	}
	others, err := r.look(more)
	if err != nil {
		return nil, err
	}
	var read []reading
	for k, i := range maybe {
		votes := append([]look{looks[i]}, others[k*(len(crops)-1):][:len(crops)-1]...)
		if careful && votes[0].of[none] < 0.5 {
			second, err := r.opinion(f, list[i].quad)
			if err != nil {
				return nil, err
			}
			votes = append(votes, second)
		}
		if v := vote(votes); v.of[none] < 0.5 && len(v.texts) > 0 {
			v.quad = list[i].quad
			read = append(read, v)
		}
	}
	read = slices.DeleteFunc(read, func(v reading) bool {
		return slices.ContainsFunc(read, func(whole reading) bool { return v.isPartOf(whole) })
	})
	rank := func(v reading) float64 { return (1 - v.of[none]) * v.share() * math.Min(1, float64(len(v.text()))/5) }
	slices.SortStableFunc(read, func(a, b reading) int { return cmp.Compare(rank(b), rank(a)) })
	var kept []reading
	for _, v := range read {
		if b := v.quad.Bounds(); !slices.ContainsFunc(kept, func(k reading) bool { return k.takes(b) }) {
			kept = append(kept, v)
		}
	}
	return kept, nil
}

func (v reading) text() string { return v.texts[0].Text }

// share is how likely the best text is beside the others.
func (v reading) share() float64 { return float64(v.texts[0].Confidence) }

// isPartOf says whether v is one group of the plate that whole reads.
func (v reading) isPartOf(whole reading) bool {
	a, b := v.quad.Bounds(), whole.quad.Bounds()
	return len(whole.text()) > len(v.text()) && strings.Contains(whole.text(), v.text()) && whole.share() >= 0.25 &&
		b.W > 1.15*a.W && overlap(a, b) > 0.8*a.W*a.H
}

// takes says whether a line at b is part of this plate: of its characters, or of
// what stands above and below them.
func (v reading) takes(b vision.Box) bool {
	o, whole := v.quad.Bounds(), ofPlate(v.quad, v.kind()).Bounds()
	return overlap(o, b) > 0.3*min(o.W*o.H, b.W*b.H) || overlap(whole, b) > 0.5*b.W*b.H
}

// kind is what kind of plate it is, if it is one.
func (v reading) kind() kind {
	k := us
	for i := us; i < kinds; i++ {
		if v.of[i] > v.of[k] {
			k = i
		}
	}
	return k
}

// margin is how far a crop reaches beyond a line, in parts of its height.
type margin struct{ left, top, right, bottom float32 }

// crops are the three that vote: as the text finder draws it, with some of what is
// around, and with more.
var crops = []margin{
	{0.12, 0.06, 0.12, 0.06},
	{0, -0.04, 0, -0.04},
	{0.4, 0.2, 0.4, 0.2},
}

func crop(f vision.Frame, q nets.Quad, m margin) vision.Frame {
	return nets.Straighten(f, grow(q, m.left, m.top, m.right, m.bottom), StripWidth, nets.StripHeight)
}

// firstCrops are the lines as the recogniser sees them first.
func firstCrops(f vision.Frame, list []line) []vision.Frame {
	first := make([]vision.Frame, len(list))
	for i, l := range list {
		first[i] = crop(f, l.quad, crops[0])
	}
	return first
}

// look is what a recogniser sees in one crop.
type look struct {
	odds   odds
	of     [kinds]float64 // all 0: it cannot tell
	weight float64        // of its vote on the text
}

// look runs the recogniser.
func (r *Reader) look(crops []vision.Frame) ([]look, error) {
	var looks []look
	for batch := range slices.Chunk(crops, 8) {
		features, err := r.nets.TextFeatures(batch...)
		if err != nil {
			return nil, err
		}
		out, err := r.head.Run(features)
		if err != nil {
			return nil, fmt.Errorf("the plate recogniser: %w", err)
		}
		n := len(out[0].Float) / len(batch)
		for i := range batch {
			l := look{odds: out[0].Float[i*n:][:n], weight: 1}
			for k := range l.of {
				l.of[k] = float64(out[1].Float[i*int(kinds)+k])
			}
			looks = append(looks, l)
		}
	}
	return looks, nil
}

// shortest is how many characters a plate has at least; fewer are a piece of one.
const shortest = 3

// vote is what several looks at one line say together.
func vote(looks []look) (v reading) {
	seen := map[string]bool{}
	var texts []string
	var weight, told float64
	for _, l := range looks {
		weight += l.weight
		for k := range l.of {
			v.of[k] += l.of[k]
			told += l.of[k]
		}
		for _, t := range l.odds.best(8) {
			if len(t) >= shortest && !seen[t] {
				seen[t] = true
				texts = append(texts, t)
			}
		}
	}
	for k := range v.of {
		v.of[k] /= max(told, 1e-9)
	}
	if len(texts) == 0 {
		return v
	}
	of := v.of
	of[none] = 0
	scores := make([]float64, len(texts))
	for i, t := range texts {
		for _, l := range looks {
			scores[i] += l.weight * l.odds.of(t) / weight
		}
		scores[i] += byFormat * prior(t, of)
	}
	all := never
	for _, s := range scores {
		all = either(all, s)
	}
	for i, t := range texts {
		v.texts = append(v.texts, vision.Guess{Text: t, Confidence: float32(math.Exp(scores[i] - all))})
	}
	slices.SortFunc(v.texts, func(a, b vision.Guess) int {
		return cmp.Or(cmp.Compare(b.Confidence, a.Confidence), cmp.Compare(a.Text, b.Text))
	})
	v.texts = v.texts[:min(6, len(v.texts))]
	return v
}

// byFormat is the weight of what plates say in general against what is seen of
// this one; the recogniser has learnt some of it already.
const byFormat = 0.35

// plate is the reading as a noun of package vision.
func (v reading) plate(vehicles []vision.Thing) vision.Plate {
	q := ofPlate(v.quad, v.kind())
	p := vision.Plate{Box: q.Bounds()}
	for i, c := range q {
		p.Corners[i] = image.Pt(int(math.Round(float64(c.X))), int(math.Round(float64(c.Y))))
	}
	for i, t := range v.texts {
		t.Confidence = calibrated(t.Confidence)
		if i == 0 {
			p.Text, p.Confidence = t.Text, t.Confidence
		} else if t.Confidence > 0.005 {
			p.Others = append(p.Others, t)
		}
	}
	p.Region = regionOf(p.Text, v.of)
	if p.Confidence < unread {
		p.Text, p.Confidence, p.Region, p.Others = "", 0, "", nil
	}
	p.Vehicle = on(vehicles, p.Box)
	return p
}

// on is the smallest vehicle that a plate hangs on; nil when there is none.
func on(vehicles []vision.Thing, plate vision.Box) (v *vision.Thing) {
	for i, t := range vehicles {
		if within(t.Box, plate) && (v == nil || t.Box.W*t.Box.H < v.Box.W*v.Box.H) {
			v = &vehicles[i]
		}
	}
	return v
}

// unread is the confidence below which a plate is there but its text is not said.
const unread = 0.05
