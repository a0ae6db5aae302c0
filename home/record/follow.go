package record

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"porchlight/video"
)

// glance is how often a file that is being written is looked at again.
const glance = 100 * time.Millisecond

// Follow writes what a camera records, as it is recorded, until ctx ends, w fails or
// the camera is set otherwise: the segment being written from its newest picture
// that needs no other, and those after it, each with a head of its own. ErrNotFound:
// nothing is being recorded.
func (r *Recorder) Follow(ctx context.Context, camera string, w io.Writer) error {
	if !isID(camera) {
		return ErrNotFound
	}
	tick := time.NewTicker(glance)
	defer tick.Stop()
	name, err := r.writing(camera, "")
	// Between two segments there is none for a moment.
	for quiet := time.Duration(0); errors.Is(err, ErrNotFound) && r.recording(camera) && quiet < r.o.Stall; quiet += glance {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		name, err = r.writing(camera, "")
	}
	if err != nil {
		return err
	}
	var look video.Look
	open := newest
	for quiet := time.Duration(0); ; {
		if l, err := video.LookAt(name); err == nil {
			look = l
		}
		next, err := r.follow(ctx, camera, name, open, w, tick.C)
		if err != nil || ctx.Err() != nil {
			return err
		}
		if next != name {
			if other, err := video.LookAt(next); err == nil && look != (video.Look{}) && look != other {
				return nil
			}
			name, open, quiet = next, beginning, 0
			continue
		}
		// The camera went, or its next segment has not begun.
		if quiet += glance; quiet > 2*r.o.Stall {
			return ErrNotFound
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// beginning opens a segment; head is what is written before the rest of the file.
func beginning(name string) (head []byte, f *os.File, err error) {
	f, err = os.Open(name)
	return nil, f, err
}

// newest opens one that is being written as late as a player can begin with it.
func newest(name string) (head []byte, f *os.File, err error) {
	head, f, err = video.Newest(name)
	if errors.Is(err, io.EOF) {
		return beginning(name)
	}
	return head, f, err
}

// follow copies one segment while it grows, until a later one is there (its name
// is returned) or this one has gone.
func (r *Recorder) follow(ctx context.Context, camera, name string, open func(string) ([]byte, *os.File, error), w io.Writer, tick <-chan time.Time) (next string, err error) {
	head, f, err := open(name)
	if errors.Is(err, os.ErrNotExist) {
		return r.later(camera, name)
	}
	if err != nil {
		return "", fmt.Errorf("following a camera: %w", err)
	}
	defer f.Close()
	if _, err := w.Write(head); err != nil {
		return "", err
	}
	for {
		// Who is next is asked before the last bytes are read: what is whole does not grow.
		next, err := r.later(camera, name)
		if err != nil {
			return "", err
		}
		if _, err := io.Copy(w, f); err != nil {
			return "", err
		}
		_, gone := os.Stat(name)
		if next != name || gone != nil {
			return next, nil
		}
		select {
		case <-ctx.Done():
			return name, nil
		case <-tick:
		}
	}
}

func (r *Recorder) recording(camera string) (yes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.cameras[camera]
	return s != nil && s.Recording
}

// later is the segment being written after one, or that one if there is none yet.
func (r *Recorder) later(camera, name string) (string, error) {
	next, err := r.writing(camera, name)
	if errors.Is(err, ErrNotFound) {
		return name, nil
	}
	return next, err
}

// writing is the newest file that is being written, later than one. ErrNotFound.
func (r *Recorder) writing(camera, than string) (string, error) {
	parts, err := filepath.Glob(filepath.Join(r.index.now(camera), "*.part.mp4")) // sorted: by time
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(parts, func(p string) bool { return p > than })
	if i < 0 {
		return "", ErrNotFound
	}
	if than == "" {
		i = len(parts) - 1
	}
	return parts[i], nil
}
