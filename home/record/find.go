package record

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"porchlight/home"
	"porchlight/video"
)

// everything is between these.
var (
	never   = time.Unix(0, 0)
	forever = time.Unix(1<<33, 0)
)

func bounds(from, to time.Time) (time.Time, time.Time) {
	if from.IsZero() {
		from = never
	}
	if to.IsZero() {
		to = forever
	}
	return from, to
}

// Spans are what there is of a camera between two times, in order and apart from
// each other, cut to those times; zero times are open ends. Of a Frigate camera
// that is also what Frigate has. It is quick for many days.
func (r *Recorder) Spans(ctx context.Context, camera string, from, to time.Time) ([]home.Span, error) {
	from, to = bounds(from, to)
	rows, err := r.index.between(ctx, camera, from, to)
	if err != nil {
		return nil, fmt.Errorf("looking for footage: %w", err)
	}
	all := make([]home.Span, 0, len(rows))
	for _, s := range rows {
		all = append(all, s.Span)
	}
	r.mu.Lock()
	for _, s := range r.remote[camera] {
		if s.From.Before(to) && s.To.After(from) {
			all = append(all, s)
		}
	}
	r.mu.Unlock()
	return union(all, from, to), nil
}

// union joins spans that touch and cuts them to two times.
func union(all []home.Span, from, to time.Time) []home.Span {
	slices.SortFunc(all, func(a, b home.Span) int { return a.From.Compare(b.From) })
	out := []home.Span{}
	for _, s := range all {
		if s.From.Before(from) {
			s.From = from.UTC()
		}
		if s.To.After(to) {
			s.To = to.UTC()
		}
		if n := len(out); n > 0 && s.From.Sub(out[n-1].To) <= touch {
			if s.To.After(out[n-1].To) {
				out[n-1].To = s.To
			}
			continue
		}
		out = append(out, s)
	}
	return out
}

// Timeline tells how much of each of n equal parts between two times there is
// footage of, from 0 to 1.
func (r *Recorder) Timeline(ctx context.Context, camera string, from, to time.Time, n int) ([]float32, error) {
	if n < 1 || n > 10_000 || !to.After(from) {
		return nil, errors.New("a timeline has 1 to 10,000 parts between two times")
	}
	spans, err := r.Spans(ctx, camera, from, to)
	if err != nil {
		return nil, err
	}
	parts := make([]float32, n)
	each := to.Sub(from).Seconds() / float64(n)
	for _, s := range spans {
		a, b := s.From.Sub(from).Seconds()/each, s.To.Sub(from).Seconds()/each
		for i := int(a); i < n && float64(i) < b; i++ {
			parts[i] = min(1, parts[i]+float32(min(b, float64(i+1))-max(a, float64(i))))
		}
	}
	return parts, nil
}

// Segments are the files that hold a span, in order of time; none overlaps
// another. Of a Frigate camera what is not here yet is fetched first, up to an
// hour. A file that is not on the disk as it was written is set aside, told, and
// left out.
func (r *Recorder) Segments(ctx context.Context, s home.Span) ([]File, error) {
	if err := r.fetch(ctx, s); err != nil {
		return nil, err
	}
	all, err := r.index.files(ctx, s.Camera, s.From, s.To)
	if err != nil {
		return nil, fmt.Errorf("looking for footage: %w", err)
	}
	files := make([]File, 0, len(all))
	for _, g := range all {
		f := r.file(g)
		info, err := os.Stat(f.Path)
		switch {
		case err == nil && info.Size() == g.bytes:
			files = append(files, f)
		case errors.Is(err, fs.ErrNotExist):
			if r.gone(ctx, g) {
				r.note(ctx, g.camera, NoteLost, "a piece of footage is no longer on the disk")
			}
		case err != nil:
			return nil, fmt.Errorf("looking at footage: %w", err)
		default:
			if err := r.spoiled(ctx, g, errors.New("its size is not what was written")); err != nil {
				return nil, err
			}
		}
	}
	return shown(files), nil
}

// gone drops the line of a file that is not there; false when the ring was quicker.
func (r *Recorder) gone(ctx context.Context, g segment) bool {
	r.ring.mu.Lock() // the ring removes files before lines
	defer r.ring.mu.Unlock()
	again, err := r.index.files(ctx, g.camera, g.from, g.to)
	return err == nil && slices.ContainsFunc(again, func(a segment) bool { return a.id == g.id }) && r.index.drop(ctx, []segment{g}) == nil
}

// spoiled sets a segment aside.
func (r *Recorder) spoiled(ctx context.Context, g segment, why error) error {
	r.ring.mu.Lock()
	defer r.ring.mu.Unlock()
	if err := r.setAside(ctx, g.camera, r.index.path(g.camera, g.from, g.to), why); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return r.index.drop(ctx, []segment{g})
}

func (r *Recorder) file(g segment) File {
	return File{
		Span: home.Span{Camera: g.camera, From: g.from, To: g.to}, Seq: g.id,
		Begin: g.from, Length: g.to.Sub(g.from), Path: r.index.path(g.camera, g.from, g.to), Codec: g.codec, Bytes: g.bytes,
	}
}

// shown is what is seen of files, in order of their beginning, when later ones lie
// over earlier ones.
func shown(files []File) []File {
	over := false
	for i := 1; i < len(files); i++ {
		over = over || files[i].From.Before(files[i-1].To)
	}
	if !over {
		return files
	}
	slices.SortFunc(files, func(a, b File) int { return int(b.Seq - a.Seq) })
	var covered []home.Span // in order, apart
	var out []File
	for _, f := range files {
		at := f.From
		for _, c := range covered {
			if !c.To.After(at) {
				continue
			}
			if !c.From.Before(f.To) {
				break
			}
			if c.From.After(at) {
				part := f
				part.From, part.To = at, c.From
				out = append(out, part)
			}
			at = c.To
		}
		if at.Before(f.To) {
			part := f
			part.From = at
			out = append(out, part)
		}
		covered = union(append(covered, f.Span), never, forever)
	}
	slices.SortFunc(out, func(a, b File) int { return a.From.Compare(b.From) })
	return out
}

// After are up to n files recorded after one, in the order of recording: for
// those who look at all footage once. Keep the last one's Seq; begin with 0.
func (r *Recorder) After(ctx context.Context, seq int64, n int) ([]File, error) {
	all, err := r.index.after(ctx, seq, n)
	if err != nil {
		return nil, fmt.Errorf("looking for new footage: %w", err)
	}
	files := make([]File, 0, len(all))
	for _, g := range all {
		files = append(files, r.file(g))
	}
	return files, nil
}

// Still is what a camera showed at a time, a JPEG so many pixels wide (0: 640),
// without metadata. Recent answers are remembered. ErrNotFound.
func (r *Recorder) Still(ctx context.Context, camera string, at time.Time, width int) ([]byte, error) {
	if width <= 0 {
		width = 640
	}
	width = min(width, 3840)
	all, err := r.index.files(ctx, camera, at, at.Add(time.Microsecond))
	if err != nil {
		return nil, fmt.Errorf("looking for footage: %w", err)
	}
	if len(all) == 0 {
		if jpeg, err := r.remoteStill(ctx, camera, at, width); jpeg != nil || err != nil {
			return jpeg, err
		}
		return nil, ErrNotFound
	}
	g := slices.MaxFunc(all, func(a, b segment) int { return int(a.id - b.id) })
	path := r.index.path(g.camera, g.from, g.to)
	offset := at.Sub(g.from).Truncate(100 * time.Millisecond)
	jpeg, err := r.still.get(ctx, stillKey{path, offset, width}, func() ([]byte, error) {
		jpeg, err := video.Still(ctx, path, offset, width)
		if err != nil && offset > 0 {
			// The last picture lasts until the end.
			jpeg, err = video.Still(ctx, path, 0, width)
		}
		return jpeg, err
	})
	switch {
	case err == nil || ctx.Err() != nil:
		return jpeg, err
	case errors.Is(err, video.ErrNoPicture):
		if err := r.spoiled(ctx, g, err); err != nil {
			return nil, err
		}
		return nil, ErrNotFound
	}
	if _, missing := os.Stat(path); errors.Is(missing, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	return nil, fmt.Errorf("taking a picture from footage: %s", plain(err, path))
}
