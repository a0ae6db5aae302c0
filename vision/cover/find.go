package cover

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"porchlight/video"
	"porchlight/vision"
)

// Finders find what is to be covered; what has none is not looked for.
type Finders struct {
	Faces   vision.Faces
	Plates  vision.Plates
	Objects vision.Objects // the vehicles on which plates are looked for; nil: plates are looked for everywhere
}

// FindOptions say where and how closely is looked.
type FindOptions struct {
	From, To time.Duration       // the part; To 0: the end
	Every    time.Duration       // between looks; 0: 0.2 s
	Progress func(share float64) // told now and then, 0 to 1; may be nil
}

// Find looks for faces and plates in a film and returns them as tracks, by the time
// they begin. A frame is looked at every 0.2 seconds; where what is seen in two of
// them differs, because something came, went or moved far, up to three frames in
// between are looked at too. All cores are used; each holds five frames in memory.
func Find(ctx context.Context, file string, with Finders, o FindOptions) ([]Track, error) {
	info, err := video.Probe(ctx, video.Source(file))
	if err != nil {
		return nil, err
	}
	f := finding{with: with, o: o, info: info, every: cmp.Or(o.Every, 200*time.Millisecond)}
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

// between is how many frames between two looks are kept for a closer look.
const between = 3

// look is a frame and what was seen in it.
type look struct {
	t             float64
	frame         vision.Frame // let go of once nobody looks closer
	faces, plates []sight
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
		l := &look{t: frame.At.Seconds(), frame: frame}
		batch = append(batch, &stretch{before, next, l})
		before, next = l, nil
		if len(batch) == runtime.GOMAXPROCS(0) {
			if err := f.search(ctx, batch); err != nil {
				return err
			}
			batch = nil
		}
	}
	if before != nil && len(next) > 0 { // the film's last frame
		batch = append(batch, &stretch{before, next[:len(next)-1], &look{t: next[len(next)-1].At.Seconds(), frame: next[len(next)-1]}})
	}
	return f.search(ctx, batch)
}

// search looks at the frame at each stretch's end, and closer where it must.
func (f *finding) search(ctx context.Context, batch []*stretch) error {
	if err := f.see(ctx, batch); err != nil {
		return err
	}
	for range 2 { // to halves and to quarters
		var closer []*stretch
		for _, s := range batch {
			if s.from == nil || len(s.frames) == 0 || same(s.from.faces, s.to.faces) && same(s.from.plates, s.to.plates) {
				continue
			}
			mid := len(s.frames) / 2
			l := &look{t: s.frames[mid].At.Seconds(), frame: s.frames[mid]}
			closer = append(closer, &stretch{s.from, s.frames[:mid], l}, &stretch{l, s.frames[mid+1:], s.to})
		}
		var halves []*stretch
		for i := 0; i < len(closer); i += 2 {
			halves = append(halves, closer[i])
		}
		if err := f.see(ctx, halves); err != nil {
			return err
		}
		batch = closer
	}
	if f.o.Progress != nil && f.end > f.o.From {
		f.o.Progress(min(1, float64(f.last-f.o.From)/float64(f.end-f.o.From)))
	}
	return nil
}

// see looks at the frame at the end of each stretch, on all cores.
func (f *finding) see(ctx context.Context, batch []*stretch) error {
	errs := make([]error, len(batch))
	var all sync.WaitGroup
	for i, s := range batch {
		f.looks = append(f.looks, s.to)
		all.Go(func() {
			if errs[i] = ctx.Err(); errs[i] == nil {
				errs[i] = f.look(s.to)
			}
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

func (f *finding) look(l *look) error {
	frame := l.frame
	l.frame = vision.Frame{}
	if f.with.Faces != nil {
		found, err := f.with.Faces.Faces(frame)
		if err != nil {
			return fmt.Errorf("faces at %.1f s: %w", l.t, err)
		}
		for _, face := range found {
			l.faces = add(l.faces, l.t, face.Box, face.Score, frame)
		}
	}
	if f.with.Plates != nil {
		var vehicles []vision.Thing
		if f.with.Objects != nil {
			var err error
			if vehicles, err = f.with.Objects.Objects(frame); err != nil {
				return fmt.Errorf("vehicles at %.1f s: %w", l.t, err)
			}
			vehicles = append(make([]vision.Thing, 0), vehicles...) // nil would be everywhere
		}
		found, err := f.with.Plates.Plates(frame, vehicles)
		if err != nil {
			return fmt.Errorf("plates at %.1f s: %w", l.t, err)
		}
		for _, plate := range found {
			l.plates = add(l.plates, l.t, plate.Box, plate.Confidence, frame)
		}
	}
	return nil
}

// add adds a sight, if it has a place in the picture.
func add(all []sight, t float64, b vision.Box, score float32, in vision.Frame) []sight {
	k := key(t, b, in.W, in.H)
	if !(k.W > 0 && k.H > 0) || overlap(k, Key{W: 1, H: 1}) == 0 {
		return all
	}
	return append(all, sight{k, min(max(float64(score), 0), 1)})
}

// same tells whether two looks show the same things in nearly the same places.
func same(a, b []sight) bool {
	has := func(all []sight, s sight) bool {
		return slices.ContainsFunc(all, func(o sight) bool { return overlap(s.Key, o.Key) > 0.4*max(s.W*s.H, o.W*o.H) })
	}
	for _, s := range a {
		if s.score >= faceRule.sure && !has(b, s) {
			return false
		}
	}
	for _, s := range b {
		if s.score >= faceRule.sure && !has(a, s) {
			return false
		}
	}
	return true
}
