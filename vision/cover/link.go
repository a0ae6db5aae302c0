package cover

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"math"
	"slices"
)

// From what was seen in single frames to boxes that move with it.

// sight is one face or plate in one frame.
type sight struct {
	Key
	score float64
}

// sighting is what was seen in one frame, of one kind.
type sighting struct {
	t     float64
	found []sight
}

const (
	gap  = 1.2 // seconds unseen after which it is another one
	hold = 0.6 // seconds that a box stays before the first and after the last sight
)

// rule is how one kind is followed.
type rule struct {
	kind     string
	pad      float64 // a box is so much larger on each side, in parts of its own
	sure     float64 // score that one of its sights needs
	sureOnce float64 // score it needs when it is seen only once
	searched float64 // score it needs to be looked for where it is not seen
}

var (
	faceRule  = rule{Face, 0.45, 0.4, 0.5, 0.6}
	plateRule = rule{Plate, 0.25, 0, 0, 0}
)

// path is one face or plate followed over time.
type path []sight

func (p path) last() sight { return p[len(p)-1] }

// expected is where the next sight is looked for at t: it goes on as it went, for
// a while.
func (p path) expected(t float64) Key {
	last := p.last()
	if len(p) < 2 {
		return last.Key
	}
	before := p[max(0, len(p)-3)]
	f := min(hold/math.Abs(last.T-before.T), (t-last.T)/(last.T-before.T))
	k := last.Key
	k.X += (last.X - before.X) * f
	k.Y += (last.Y - before.Y) * f
	return k
}

// fit is how well a sight fits a path: 0 for not at all.
func (p path) fit(s sight) float64 {
	last := p.last()
	if s.T-last.T > gap {
		return 0
	}
	if !alike(s.Key, last.Key) {
		return 0
	}
	near := func(k Key) float64 {
		dx := (s.X + s.W/2 - k.X - k.W/2) / max(s.W, k.W)
		dy := (s.Y + s.H/2 - k.Y - k.H/2) / max(s.H, k.H)
		return max(0, 1-math.Hypot(dx, dy)/2) // 0 at two boxes' distance
	}
	return max(near(last.Key), near(p.expected(s.T)))
}

// alike says whether two boxes are about as large.
func alike(a, b Key) bool {
	size := a.W * a.H / (b.W * b.H)
	return size > 0.3 && size < 3.3
}

// follow makes paths of sightings, which are in the order of time.
func follow(sightings []sighting) []path {
	type pair struct {
		path, sight int
		fit         float64
	}
	var paths []path
	for _, seen := range sightings {
		var pairs []pair
		for i, p := range paths {
			for j, s := range seen.found {
				if f := p.fit(s); f > 0 {
					pairs = append(pairs, pair{i, j, f})
				}
			}
		}
		slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(b.fit, a.fit) })
		pathTaken, sightTaken := map[int]bool{}, map[int]bool{}
		for _, p := range pairs {
			if pathTaken[p.path] || sightTaken[p.sight] {
				continue
			}
			pathTaken[p.path], sightTaken[p.sight] = true, true
			paths[p.path] = append(paths[p.path], seen.found[p.sight])
		}
		for j, s := range seen.found {
			if !sightTaken[j] {
				paths = append(paths, path{s})
			}
		}
	}
	return paths
}

func (k Key) grow(by float64) Key {
	return Key{k.T, k.X - k.W*by, k.Y - k.H*by, k.W * (1 + 2*by), k.H * (1 + 2*by)}
}

func (k Key) union(o Key) Key {
	x, y := min(k.X, o.X), min(k.Y, o.Y)
	return Key{k.T, x, y, max(k.X+k.W, o.X+o.W) - x, max(k.Y+k.H, o.Y+o.H) - y}
}

// link makes tracks of sightings in the part from start to end that was looked
// through. Gaps are bridged, ends held, boxes grown. The best sight of a path
// decides whether it counts, and is its score; doubtful ones only lengthen it.
func link(r rule, sightings []sighting, start, end float64) []Track {
	var tracks []Track
	for _, p := range follow(sightings) {
		score := 0.0
		for _, s := range p {
			score = max(score, s.score)
		}
		if score < r.sure || len(p) == 1 && score < r.sureOnce {
			continue
		}
		first, last := p[0], p.last()
		t := Track{ID: newID(), Kind: r.kind, Score: score, From: max(start, first.T-hold), To: min(end, last.T+hold), Doubts: p.doubts(start, end)}
		var keys []Key
		for _, s := range p {
			keys = append(keys, s.grow(r.pad))
		}
		// Before and after: over where it was seen and where it comes from or goes to.
		back := slices.Clone(p[:min(3, len(p))])
		slices.Reverse(back)
		if t.From < first.T {
			k := first.grow(r.pad).union(back.expected(t.From).grow(r.pad))
			k.T = t.From
			t.Keys = append(t.Keys, k)
		}
		t.Keys = append(t.Keys, thin(keys)...)
		if t.To > last.T {
			k := last.grow(r.pad).union(p.expected(t.To).grow(r.pad))
			k.T = t.To
			t.Keys = append(t.Keys, k)
		}
		tracks = append(tracks, t)
	}
	return distinct(tracks)
}

// doubts are the moments of a path that a person should look at.
func (p path) doubts(start, end float64) []Doubt {
	const certain = 0.6
	var all []Doubt
	note := func(t, certainty float64, why string) {
		if certainty < certain {
			all = append(all, Doubt{t, math.Round(max(certainty, 0)*100) / 100, why})
		}
	}
	// It enters and leaves over the picture's edge, or begins and ends with the film.
	inside := func(s sight) bool {
		const edge = 0.02
		return s.X > edge && s.Y > edge && s.X+s.W < 1-edge && s.Y+s.H < 1-edge
	}
	for i, s := range p {
		note(s.T, s.score, Weak)
		if i > 0 && s.T-p[i-1].T > gap/2 {
			note((s.T+p[i-1].T)/2, min(s.score, p[i-1].score)*(1-(s.T-p[i-1].T)/(2*gap)), Bridged)
		}
	}
	if first := p[0]; inside(first) && first.T-start > hold {
		note(first.T-hold, first.score/2, Begins)
	}
	if last := p.last(); inside(last) && end-last.T > hold {
		note(last.T+hold, last.score/2, Ends)
	}
	return all
}

// thin leaves out keys that lie where the others put the box anyway, within a
// tenth of it.
func thin(keys []Key) []Key {
	if len(keys) < 3 {
		return keys
	}
	first, last := keys[0], keys[len(keys)-1]
	line := Track{From: first.T, To: last.T, Keys: []Key{first, last}}
	worst, at := 0.1, 0
	for i, k := range keys {
		on, ok := line.At(k.T)
		if !ok {
			continue
		}
		off := max(math.Abs(on.X-k.X)/k.W, math.Abs(on.Y-k.Y)/k.H, math.Abs(on.W-k.W)/k.W, math.Abs(on.H-k.H)/k.H)
		if off > worst {
			worst, at = off, i
		}
	}
	if at == 0 {
		return []Key{first, last}
	}
	return append(thin(keys[:at+1]), thin(keys[at:])[1:]...)
}

// distinct leaves out tracks that lie in another of their kind as long as they last.
func distinct(tracks []Track) []Track {
	return slices.DeleteFunc(slices.Clone(tracks), func(t Track) bool {
		return slices.ContainsFunc(tracks, func(o Track) bool { return o.ID != t.ID && o.Kind == t.Kind && o.covers(t) })
	})
}

func (t Track) covers(o Track) bool {
	if t.From > o.From || t.To < o.To {
		return false
	}
	for _, k := range o.Keys {
		b, ok := t.At(k.T)
		if !ok || b.W*b.H <= k.W*k.H || overlap(b, k) < 0.95*k.W*k.H {
			return false
		}
	}
	return true
}

// overlap is the area that two boxes share.
func overlap(a, b Key) float64 {
	w := min(a.X+a.W, b.X+b.W) - max(a.X, b.X)
	h := min(a.Y+a.H, b.Y+b.H) - max(a.Y, b.Y)
	return max(w, 0) * max(h, 0)
}

func newID() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
