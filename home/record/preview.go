package record

import (
	"context"
	"errors"
	"io"
	"sync"

	"porchlight/video"
)

// previewWidth is how wide a preview is at most, in pixels.
const previewWidth = 960

// Preview is Follow for browsers that do not decode what the camera sends: small
// H.264, encoded here while somebody looks, once for all who do. A computer that is
// too slow for that shows only the pictures that need no other, one every second or
// few. ErrNotFound: nothing is being recorded.
func (r *Recorder) Preview(ctx context.Context, camera string, w io.Writer) error {
	p, me := r.light.join(r, camera)
	defer r.light.leave(camera, p, me)
	for {
		select {
		case <-ctx.Done():
			return nil
		case b, ok := <-me.pieces:
			if !ok {
				return me.err
			}
			if _, err := w.Write(b); err != nil {
				return err
			}
		}
	}
}

// previews are those under way, by camera.
type previews struct {
	mu sync.Mutex
	of map[string]*preview
}

// preview is one camera's.
type preview struct {
	stop     context.CancelFunc
	head     []byte
	watchers map[*watcher]bool
}

// watcher is somebody who looks.
type watcher struct {
	pieces chan []byte // closed when the preview has ended, or went too fast for her
	err    error       // why it ended; once pieces is closed
	begun  bool        // she has a picture to which the next ones belong
}

// join adds a watcher; the first one has it made.
func (all *previews) join(r *Recorder, camera string) (*preview, *watcher) {
	all.mu.Lock()
	defer all.mu.Unlock()
	me := &watcher{pieces: make(chan []byte, 64)} // half a minute
	p := all.of[camera]
	if p == nil {
		ctx, stop := context.WithCancel(context.Background())
		p = &preview{stop: stop, watchers: map[*watcher]bool{}}
		if all.of == nil {
			all.of = map[string]*preview{}
		}
		all.of[camera] = p
		go func() {
			err := r.encode(ctx, camera, func(piece video.Piece) error { all.tell(p, piece); return nil })
			all.end(camera, p, err)
		}()
	}
	if p.head != nil {
		me.pieces <- p.head
	}
	p.watchers[me] = true
	return p, me
}

// leave takes a watcher out; without any it ends.
func (all *previews) leave(camera string, p *preview, me *watcher) {
	all.mu.Lock()
	defer all.mu.Unlock()
	delete(p.watchers, me)
	if len(p.watchers) == 0 {
		p.stop()
		if all.of[camera] == p {
			delete(all.of, camera)
		}
	}
}

func (all *previews) tell(p *preview, piece video.Piece) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if piece.Head {
		p.head = piece.Bytes
	}
	for w := range p.watchers {
		switch {
		case piece.Head:
			w.begun = false
		case !w.begun && !piece.Key:
			continue
		default:
			w.begun = true
		}
		select {
		case w.pieces <- piece.Bytes:
		default:
			close(w.pieces)
			delete(p.watchers, w)
		}
	}
}

func (all *previews) end(camera string, p *preview, err error) {
	all.mu.Lock()
	defer all.mu.Unlock()
	p.stop()
	for w := range p.watchers {
		w.err = err
		close(w.pieces)
	}
	clear(p.watchers)
	if all.of[camera] == p {
		delete(all.of, camera)
	}
}

// encode makes the preview of a camera until ctx ends or the camera goes.
func (r *Recorder) encode(ctx context.Context, camera string, each func(video.Piece) error) error {
	o := video.LightenOptions{Width: previewWidth}
	for {
		err := r.encodeRun(ctx, camera, o, each)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, video.ErrSlow):
			r.o.Logger.Info("too slow to make a preview: only whole pictures are shown", "camera", camera)
			o.Keys = true
		case err == nil || errors.Is(err, video.ErrMixed): // the camera was set otherwise
		default:
			return err
		}
	}
}

func (r *Recorder) encodeRun(ctx context.Context, camera string, o video.LightenOptions, each func(video.Piece) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	live, feed := io.Pipe()
	defer live.Close()
	go func() { feed.CloseWithError(r.Follow(ctx, camera, feed)) }()
	return video.Lighten(ctx, live, o, each)
}
