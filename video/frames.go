package video

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"

	"porchlight/vision"
)

// FrameOptions say which frames are wanted, and how.
type FrameOptions struct {
	// W and H are the size of the frames; with one of them 0 the other follows the
	// picture's shape, with both 0 it is the picture's own.
	W, H int
	// FPS is how many frames a second are taken; 0 takes each frame with its own time.
	FPS float64
	// From and To bound the part that is read; To 0 is the end. Live sources have no part.
	From, To time.Duration
	// Keyframes takes only pictures that need no other, which decode many times faster.
	Keyframes bool
	// Reuse hands out the same memory again: a frame is gone when the next one is taken.
	Reuse bool
	// Stall is how long a live source may send nothing; 0: 10 seconds.
	Stall time.Duration
}

// Frames decodes a source, frame by frame, as fast as its consumer takes them; at
// most a few frames wait in between. It ends with the source, with an error (then
// the frame is empty), or when the consumer stops or ctx ends, and with it ffmpeg
// does. A live source that sends nothing ends with ErrStalled. A folder's files
// follow one another by name, and their times go on; a still lasts one second. A
// file that ends in the middle gives the frames that are there.
func Frames(ctx context.Context, s Source, o FrameOptions) iter.Seq2[vision.Frame, error] {
	return func(yield func(vision.Frame, error) bool) {
		fail := func(err error) { yield(vision.Frame{}, fmt.Errorf("read %s: %w", s, err)) }
		if s.Live() {
			if _, err := frames(ctx, s, o, yield); err != nil {
				fail(err)
			}
			return
		}
		files, err := s.files()
		if err != nil {
			fail(err)
			return
		}
		var offset time.Duration
		for _, file := range files {
			stopped := false
			length, err := frames(ctx, Source(file), o, func(f vision.Frame, err error) bool {
				f.At += offset
				stopped = !yield(f, err)
				return !stopped
			})
			if stopped {
				return
			}
			if err != nil {
				fail(err)
				return
			}
			offset += length
		}
	}
}

// frames yields one film's frames; it returns the film's length.
func frames(ctx context.Context, s Source, o FrameOptions, yield func(vision.Frame, error) bool) (time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	alive := func() {}
	if s.Live() {
		stall := o.Stall
		if stall == 0 {
			stall = 10 * time.Second
		}
		timer := time.AfterFunc(stall, func() { cancel(ErrStalled) })
		defer timer.Stop()
		alive = func() { timer.Reset(stall) }
	}
	var before []string
	if o.Keyframes {
		before = append(before, "-skip_frame", "nokey")
	}
	if o.From > 0 {
		before = append(before, "-ss", seconds(o.From))
	}
	if o.To > 0 {
		before = append(before, "-t", seconds(o.To-o.From))
	}
	_, info, err := probe(ctx, s)
	if err != nil {
		return 0, err
	}
	length := info.Duration
	if info.Still {
		length, before = time.Second, nil
	}
	w, h := size(info, o.W, o.H)
	p, err := command(ctx, "ffmpeg")
	if err != nil {
		return 0, err
	}
	told, fd, err := p.pipe()
	if err != nil {
		return 0, err
	}
	defer told.Close()
	p.from(s, before...)
	filter := fmt.Sprintf("scale=%d:%d:flags=bilinear,settb=1/1000000,metadata=mode=add:key=a:value=1,metadata=mode=print:file=pipe\\\\:%d:direct=1", w, h, fd)
	if o.FPS > 0 {
		filter = fmt.Sprintf("fps=%g,", o.FPS) + filter
	}
	p.Args = append(p.Args, "-map", "0:V:0", "-vf", filter, "-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1")
	out, err := p.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := p.start(); err != nil {
		return 0, err
	}
	times := bufio.NewScanner(told)
	f := vision.Frame{W: w, H: h}
	for {
		if f.Pix == nil || !o.Reuse {
			f.Pix = make([]byte, 3*w*h)
		}
		if _, err := io.ReadFull(out, f.Pix); err != nil {
			break // the program ended; it says how
		}
		at, ok := nextTime(times)
		if !ok {
			cancel(errors.New("ffmpeg told no time of a frame"))
			break
		}
		f.At = o.From + at
		alive()
		if !yield(f, nil) {
			cancel(nil)
			p.Wait()
			return length, nil
		}
		alive()
	}
	return length, p.wait(ctx)
}

// nextTime is the time of the next frame, from what ffmpeg's filter metadata prints.
func nextTime(lines *bufio.Scanner) (time.Duration, bool) {
	for lines.Scan() {
		_, rest, ok := strings.Cut(lines.Text(), " pts:")
		if !ok {
			continue
		}
		number, _, _ := strings.Cut(rest, " ")
		us, err := strconv.ParseInt(number, 10, 64)
		return time.Duration(us) * time.Microsecond, err == nil
	}
	return 0, false
}

// size is how large the frames become.
func size(i Info, w, h int) (int, int) {
	switch {
	case w == 0 && h == 0:
		return i.W, i.H
	case h == 0:
		return w, max(1, (w*i.H+i.W/2)/i.W)
	case w == 0:
		return max(1, (h*i.W+i.H/2)/i.H), h
	}
	return w, h
}
