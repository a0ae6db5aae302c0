package video

import (
	"bufio"
	"cmp"
	"context"
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
	alive, busy := func() {}, func() {}
	if s.Live() {
		stall := cmp.Or(o.Stall, 10*time.Second)
		timer := time.AfterFunc(stall, func() { cancel(ErrStalled) })
		defer timer.Stop()
		alive, busy = func() { timer.Reset(stall) }, func() { timer.Stop() }
	}
	_, info, err := probe(ctx, s)
	if err != nil {
		return 0, err
	}
	length := info.Duration
	if info.Still {
		length, o.From, o.To, o.Keyframes = time.Second, 0, 0, false
	}
	o.W, o.H = size(info, o.W, o.H)
	d, err := decode(ctx, s, o, "rgb24")
	if err != nil {
		return 0, err
	}
	defer d.close()
	f := vision.Frame{W: o.W, H: o.H}
	for {
		if f.Pix == nil || !o.Reuse {
			f.Pix = make([]byte, 3*f.W*f.H)
		}
		var ok bool
		if f.At, ok = d.next(f.Pix); !ok {
			return length, d.wait(ctx)
		}
		busy()
		if !yield(f, nil) {
			cancel(nil)
			d.Wait()
			return length, nil
		}
		alive()
	}
}

// decoder is a program that writes raw pictures, and when each is shown.
type decoder struct {
	*program
	out   io.Reader
	told  io.Closer
	times *bufio.Scanner
	from  time.Duration
}

// decode starts a decoder of pictures of o.W by o.H pixels, both told.
func decode(ctx context.Context, s Source, o FrameOptions, pixels string) (*decoder, error) {
	if o.W <= 0 || o.H <= 0 || o.W > maxPixels/o.H {
		return nil, fmt.Errorf("%w: pictures of %d by %d", ErrNoPicture, o.W, o.H)
	}
	p, err := command(ctx, "ffmpeg")
	if err != nil {
		return nil, err
	}
	var part []string
	if o.Keyframes {
		part = append(part, "-skip_frame", "nokey")
	}
	if o.From > 0 {
		part = append(part, "-ss", seconds(o.From))
	}
	if o.To > 0 {
		part = append(part, "-t", seconds(o.To-o.From))
	}
	p.from(s, part...)
	told, fd, err := p.pipe()
	if err != nil {
		return nil, err
	}
	filter := fmt.Sprintf("scale=%d:%d:flags=bilinear,settb=1/1000000,metadata=mode=add:key=a:value=1,metadata=mode=print:file=pipe\\\\:%d:direct=1", o.W, o.H, fd)
	if o.FPS > 0 {
		filter = fmt.Sprintf("fps=%g,", o.FPS) + filter
	}
	p.Args = append(p.Args, "-map", "0:V:0", "-vf", filter, "-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", pixels, "pipe:1")
	out, err := p.StdoutPipe()
	if err == nil {
		err = p.start()
	}
	if err != nil {
		told.Close()
		return nil, err
	}
	return &decoder{p, out, told, bufio.NewScanner(told), o.From}, nil
}

// maxPixels bounds a picture in memory.
const maxPixels = 64 << 20

// next reads the next picture; false when the program has ended, and then it says how.
func (d *decoder) next(picture []byte) (time.Duration, bool) {
	if _, err := io.ReadFull(d.out, picture); err != nil {
		return 0, false
	}
	at, ok := nextTime(d.times)
	return d.from + at, ok
}

// close lets go of a decoder that has ended.
func (d *decoder) close() { d.told.Close() }

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
