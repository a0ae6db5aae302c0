package cover

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	"porchlight/video"
	"porchlight/vision"
)

// Finders find what is to be covered; what has none is not looked for. Plates need
// not be read: plates.Places is enough. Faces that can be looked for in a part of
// a frame, as those of nets can, are.
type Finders struct {
	Faces   vision.Faces
	Plates  vision.Plates
	Objects vision.Objects // the vehicles on which plates are looked for; nil: plates are looked for everywhere
}

// FindOptions say where and how closely is looked.
type FindOptions struct {
	From, To time.Duration       // the part; To 0: the end
	Every    time.Duration       // between looks; 0: 0.4 s
	Progress func(share float64) // told now and then, 0 to 1; may be nil
}

// Find looks for faces and plates in a film and returns them as tracks, by the time
// they begin. A frame is looked at every 0.4 seconds, where it changed since it was
// last looked at, and every two seconds wholly. What turned between two looks, came or
// went is looked for in between, around where it should be: up to every 0.05 seconds.
// Up to four cores are used; each holds nine frames in memory.
func Find(ctx context.Context, file string, with Finders, o FindOptions) ([]Track, error) {
	info, err := video.Probe(ctx, video.Source(file))
	if err != nil {
		return nil, err
	}
	f := finding{with: with, o: o, info: info, every: cmp.Or(o.Every, 400*time.Millisecond)}
	if err := f.run(ctx, file); err != nil {
		return nil, fmt.Errorf("look through %s: %w", file, err)
	}
	start, end := o.From.Seconds(), max(f.end, f.last).Seconds()
	slices.SortFunc(f.looks, func(a, b *look) int { return cmp.Compare(a.t, b.t) })
	var faces, plates []sighting
	for _, l := range f.looks {
		faces, plates = append(faces, sighting{l.t, l.faces}), append(plates, sighting{l.t, l.plates})
	}
	tracks := append(link(faceRule, faces, start, end), link(plateRule, plates, start, end)...)
	slices.SortStableFunc(tracks, func(a, b Track) int { return cmp.Compare(a.From, b.From) })
	return tracks, nil
}

const (
	between = 7 // frames between two looks that are kept for a closer look
	closest = 3 // so often a stretch is halved
	renew   = 5 // so many looks later everything is looked at anew
	workers = 4 // at most
)

// look is a frame and what was seen in it.
type look struct {
	t             float64
	frame         vision.Frame
	where         *changes // nil: everywhere
	closer        *closer  // what it is for; nil: everything
	faces, plates []sight
}

// closer is what a closer look is for, and what needs none: where that should be.
type closer struct {
	faces, plates               []spot
	certainFaces, certainPlates []sight
}

// shown are the look's sights with those that were not looked for.
func (l *look) shown() (faces, plates sighting) {
	if l.closer == nil {
		return sighting{l.t, l.faces}, sighting{l.t, l.plates}
	}
	return sighting{l.t, slices.Concat(l.faces, l.closer.certainFaces)}, sighting{l.t, slices.Concat(l.plates, l.closer.certainPlates)}
}

// spot is where something should be, and how far from there it is looked for, in
// parts of its size.
type spot struct {
	Key
	reach float64
}

// stretch is what lies between two looks.
type stretch struct {
	from   *look // nil before the first
	frames []vision.Frame
	to     *look
}

type finding struct {
	with      Finders
	o         FindOptions
	info      video.Info
	every     time.Duration
	end, last time.Duration // of the part; of the last frame
	looks     []*look
	memory    memory
}

func (f *finding) run(ctx context.Context, file string) error {
	f.end = f.info.Duration
	if f.o.To > 0 {
		f.end = min(f.end, f.o.To)
	}
	frames := video.FrameOptions{From: f.o.From, To: f.o.To}
	if dense := (between + 1) / f.every.Seconds(); f.info.FPS > dense*1.2 {
		frames.FPS = dense
	}
	var batch []*stretch
	var next []vision.Frame
	var before *look
	due := time.Duration(-1 << 62)
	add := func(frame vision.Frame) {
		l := &look{t: frame.At.Seconds(), frame: frame, where: f.memory.changed(gridOf(frame))}
		batch = append(batch, &stretch{before, next, l})
		before, next = l, nil
	}
	for frame, err := range video.Frames(ctx, video.Source(file), frames) {
		if err != nil {
			return err
		}
		f.last = frame.At
		if frame.At < due-time.Millisecond {
			if len(next) < between {
				next = append(next, frame)
			}
			continue
		}
		due = frame.At + f.every
		if add(frame); len(batch) == min(workers, runtime.GOMAXPROCS(0)) {
			if err := f.search(ctx, batch); err != nil {
				return err
			}
			batch = nil
		}
	}
	if before != nil && len(next) > 0 { // the film's last frame
		last := next[len(next)-1]
		next = next[:len(next)-1]
		add(last)
	}
	return f.search(ctx, batch)
}

// search looks at the frame at each stretch's end, and closer where it must.
func (f *finding) search(ctx context.Context, batch []*stretch) error {
	var ends []*look
	for _, s := range batch {
		ends = append(ends, s.to)
	}
	if err := f.see(ctx, ends); err != nil {
		return err
	}
	for _, s := range batch {
		if s.from != nil {
			s.to.faces = s.to.where.still(s.from.faces, s.to.faces, s.to.t)
			s.to.plates = s.to.where.still(s.from.plates, s.to.plates, s.to.t)
		}
	}
	for range closest {
		var halves []*look
		var parts []*stretch
		for _, s := range batch {
			if s.from == nil || len(s.frames) == 0 {
				continue
			}
			mid := len(s.frames) / 2
			if c := f.doubtful(s); c == nil {
				parts = append(parts, s) // until more is known of what was before
			} else {
				l := &look{t: s.frames[mid].At.Seconds(), frame: s.frames[mid], closer: c}
				halves = append(halves, l)
				parts = append(parts, &stretch{s.from, s.frames[:mid], l}, &stretch{l, s.frames[mid+1:], s.to})
			}
		}
		if err := f.see(ctx, halves); err != nil {
			return err
		}
		batch = parts
	}
	if f.o.Progress != nil && f.end > f.o.From {
		f.o.Progress(min(1, float64(f.last-f.o.From)/float64(f.end-f.o.From)))
	}
	return nil
}

// see looks, on all cores.
func (f *finding) see(ctx context.Context, looks []*look) error {
	errs := make([]error, len(looks))
	var all sync.WaitGroup
	f.looks = append(f.looks, looks...)
	for i, l := range looks {
		all.Go(func() {
			if errs[i] = ctx.Err(); errs[i] == nil {
				errs[i] = f.look(l)
			}
			l.frame = vision.Frame{}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// doubtful is what must be looked for in the middle of a stretch; nil for nothing.
func (f *finding) doubtful(s *stretch) *closer {
	before := &look{t: s.from.t}
	for _, l := range slices.Backward(f.looks) { // nearly in the order of time
		if l.t < s.from.t && (before.t == s.from.t || l.t > before.t) {
			before = l
		}
		if l.t < s.from.t-4*workers*f.every.Seconds() {
			break
		}
	}
	var c closer
	faces, plates := before.shown()
	fromFaces, fromPlates := s.from.shown()
	toFaces, toPlates := s.to.shown()
	c.faces, c.certainFaces = doubtful(faceRule, faces, fromFaces, toFaces)
	c.plates, c.certainPlates = doubtful(plateRule, plates, fromPlates, toPlates)
	if len(c.faces)+len(c.plates) == 0 {
		return nil
	}
	return &c
}

// doubtful is where things may be in the middle between b and c: those that did not go
// on as they went from a to b, or may have, and so may have gone another way than
// straight; and those that only one of b and c shows, if they are sure or may be the
// same. The others of both are certainly where they should be.
func doubtful(r rule, a, b, c sighting) (spots []spot, certain []sight) {
	const off = 1 // times its size; in the middle it is an eighth of that
	var gone, come []sight
	paths := follow([]sighting{a, b, c})
	// new says whether a path may have come from far away since a.
	new := func(p path) bool {
		return slices.ContainsFunc(paths, func(o path) bool { return o.last().T == a.t && alike(o[0].Key, p[0].Key) })
	}
	for _, p := range paths {
		last := p.last()
		switch from := p[max(0, len(p)-2)]; {
		case last.T == c.t && from.T == b.t && len(p) == 2 && new(p):
			spots = append(spots, spot{last.Key, 3})
		case last.T == c.t && from.T == b.t && len(p) > 1:
			k := p[:len(p)-1].expected(c.t)
			mid, _ := Track{From: b.t, To: c.t, Keys: []Key{from.Key, last.Key}}.At((b.t + c.t) / 2)
			if math.Abs(k.X+k.W/2-last.X-last.W/2) > off*max(k.W, last.W) || math.Abs(k.Y+k.H/2-last.Y-last.H/2) > off*max(k.H, last.H) {
				spots = append(spots, spot{mid, 1})
			} else {
				certain = append(certain, sight{mid, last.score})
			}
		case last.T == b.t && last.score >= r.sure:
			gone = append(gone, last)
		case last.T == c.t && last.score >= r.sure:
			come = append(come, last)
		}
	}
	lost := func(these, others []sight) {
		for _, s := range these {
			if s.score >= r.searched || slices.ContainsFunc(others, func(o sight) bool { return alike(o.Key, s.Key) }) {
				spots = append(spots, spot{s.Key, 3})
			}
		}
	}
	lost(gone, come)
	lost(come, gone)
	return spots, certain
}

// look looks at a frame: at all of it that changed, or closer.
func (f *finding) look(l *look) error {
	if l.closer == nil && l.where.none() {
		return nil
	}
	if f.with.Faces != nil {
		if err := f.lookForFaces(l); err != nil {
			return fmt.Errorf("faces at %.1f s: %w", l.t, err)
		}
	}
	if f.with.Plates != nil {
		if err := f.lookForPlates(l); err != nil {
			return fmt.Errorf("plates at %.1f s: %w", l.t, err)
		}
	}
	return nil
}

// choosy finds faces in squares of a frame, whose sides are 3 to 32 times as long.
type choosy interface {
	FacesIn(f vision.Frame, squares ...vision.Box) ([]vision.Face, error)
}

func (f *finding) lookForFaces(l *look) error {
	some, ok := f.with.Faces.(choosy)
	var squares []vision.Box
	switch {
	case l.closer == nil && l.where != nil:
		squares = l.where.squares()
	case l.closer != nil:
		for _, p := range l.closer.faces {
			squares = append(squares, square(p.grow(p.reach).box(l.frame)))
		}
		if len(squares) == 0 {
			return nil
		}
	}
	var found []vision.Face
	var err error
	if ok && squares != nil {
		found, err = some.FacesIn(l.frame, squares...)
	} else {
		found, err = f.with.Faces.Faces(l.frame)
	}
	for _, face := range found {
		l.faces = add(l.faces, l.t, face.Box, face.Score, l.frame)
	}
	return err
}

// square is the smallest square around a box.
func square(b vision.Box) vision.Box {
	side := max(b.W, b.H)
	return vision.Box{X: b.X + (b.W-side)/2, Y: b.Y + (b.H-side)/2, W: side, H: side}
}

func (f *finding) lookForPlates(l *look) error {
	var vehicles []vision.Thing // nil: everywhere
	switch {
	case l.closer != nil:
		for _, p := range l.closer.plates { // as if a vehicle were there, whose upper fifth has no plate
			b := p.grow(p.reach).box(l.frame)
			b.Y, b.H = b.Y-b.H/4, b.H*5/4
			vehicles = append(vehicles, vision.Thing{Kind: "car", Box: b, Score: 1})
		}
		if len(vehicles) == 0 {
			return nil
		}
	case f.with.Objects != nil:
		things, err := f.with.Objects.Objects(l.frame)
		if err != nil {
			return err
		}
		vehicles = slices.DeleteFunc(things, func(v vision.Thing) bool { return !l.where.in(v.Box) })
		if len(vehicles) == 0 {
			return nil
		}
	}
	found, err := f.with.Plates.Plates(l.frame, vehicles)
	for _, plate := range found {
		l.plates = add(l.plates, l.t, plate.Box, plate.Confidence, l.frame)
	}
	return err
}

// add adds a sight, if it has a place in the picture.
func add(all []sight, t float64, b vision.Box, score float32, in vision.Frame) []sight {
	k := key(t, b, in.W, in.H)
	if !(k.W > 0 && k.H > 0) || overlap(k, Key{W: 1, H: 1}) == 0 {
		return all
	}
	return append(all, sight{k, min(max(float64(score), 0), 1)})
}

// taken says whether one of the sights lies where k does.
func taken(all []sight, k Key) bool {
	return slices.ContainsFunc(all, func(s sight) bool { return overlap(s.Key, k) > 0.3*min(s.W*s.H, k.W*k.H) })
}
