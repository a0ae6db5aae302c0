package video

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// ErrSlow: this computer does not encode as fast as the camera films.
var ErrSlow = errors.New("this computer is too slow for that")

// LightenOptions say how small a live view is made.
type LightenOptions struct {
	Width int  // at most so many pixels wide; 0: as it is
	Keys  bool // only the pictures that need no other, one each second or few: hardly any work
}

// Piece is a part of a fragmented MP4 that is handed on whole.
type Piece struct {
	Bytes []byte
	Head  bool // what every player needs first; fragments of about a second follow
	Key   bool // a fragment with which a player can begin
}

// Lighten encodes live as small H.264, piece by piece as it comes, until live ends,
// which is no error, or ctx does. live holds recordings of ours, one after the other,
// each with its head, as they are written; close it afterwards. ErrSlow: it fell behind, and was not told
// to take only Keys. ErrMixed: the camera was set otherwise; begin anew.
func Lighten(ctx context.Context, live io.Reader, o LightenOptions, each func(Piece) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	args := []string{"-fpsprobesize", "0", "-analyzeduration", "1000000"}
	if o.Keys {
		args = append(args, "-skip_frame", "nokey")
	}
	p, err := command(ctx, "ffmpeg", append(args, "-f", "mov", "-i", "pipe:0",
		"-map", "0:V:0", "-c:v", "libx264", "-preset", "superfast", "-tune", "zerolatency", "-crf", "27", "-maxrate", "1500k", "-bufsize", "1500k",
		"-pix_fmt", "yuv420p", "-vsync", "vfr", "-force_key_frames", "expr:gte(t,n_forced*2)", "-map", "0:a:0?", "-c:a", "aac", "-ac", "1", "-b:a", "48k")...)
	if err != nil {
		return err
	}
	if o.Width > 0 {
		p.Args = append(p.Args, "-vf", fmt.Sprintf("scale='min(%d,iw)':-2", o.Width))
	}
	p.Args = append(p.Args, plain...)
	p.Args = append(p.Args, streamed(Info{})...)
	in, err := p.StdinPipe()
	if err != nil {
		return err
	}
	out, err := p.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.start(); err != nil {
		return err
	}
	fed := make(chan error, 1)
	go func() {
		err := ended(splice(&pace{w: in, patient: o.Keys, now: time.Now}, live))
		in.Close()
		if err != nil {
			cancel(err) // what comes out of the program from now on is late
		}
		fed <- err
	}()
	err = pieces(out, each)
	if err != nil {
		cancel(err)
	}
	if err = cmp.Or(err, p.wait(ctx)); err != nil {
		return err
	}
	return <-fed
}

// pieces hands on what an encoder writes.
func pieces(r io.Reader, each func(Piece) error) error {
	head, all, err := readHead(r)
	if err != nil {
		return ended(err)
	}
	if err := each(Piece{Bytes: head, Head: true}); err != nil {
		return err
	}
	return fragments(r, all, func(f fragment, moof []byte, mdat box) error {
		b, err := mdat.read(r, maxFragment)
		if err != nil {
			return err
		}
		return each(Piece{Bytes: append(moof, b...), Key: f.key})
	})
}

// splice writes recordings that follow one another as one fragmented MP4, with one
// head and times that go on. *Change: one is unlike the first.
func splice(w io.Writer, r io.Reader) error {
	var first Look
	var all tracks
	var to, by time.Duration // where the stream is; how much later than they say fragments are
	fresh := false           // a recording has just begun
	for begun := false; ; {
		b, err := nextBox(r)
		if err != nil {
			return err
		}
		switch b.kind {
		case "ftyp", "moov":
			whole, err := b.read(r, maxHead)
			if err != nil {
				return err
			}
			if b.kind == "moov" {
				if all, err = readTracks(whole); err != nil {
					return err
				}
				if !begun {
					first = all.look()
				} else if all.look() != first {
					return &Change{to}
				}
				fresh = true
			}
			if !begun {
				if _, err := w.Write(whole); err != nil {
					return err
				}
			}
			begun = begun || b.kind == "moov"
		case "moof":
			moof, err := b.read(r, maxHead)
			if err != nil {
				return err
			}
			f, err := readFragment(moof, all)
			if err != nil {
				return err
			}
			if fresh {
				by, fresh = to-f.from, false
			}
			f.shift(-by)
			to = max(to, f.to+by)
			if _, err := w.Write(moof); err != nil {
				return err
			}
		case "mdat":
			if _, err := w.Write(b.head); err != nil {
				return err
			}
			if _, err := io.CopyN(w, r, b.rest()); err != nil {
				return err
			}
		default:
			if _, err := io.CopyN(io.Discard, r, b.rest()); err != nil {
				return err
			}
		}
	}
}

// pace is a program's input that gives up a program which is always behind.
type pace struct {
	w       io.Writer
	patient bool
	now     func() time.Time

	since  time.Time     // begin of what is measured
	behind time.Duration // of it, the time that the program made us wait
}

// window is how long a program may be behind.
const window = 8 * time.Second

func (p *pace) Write(b []byte) (int, error) {
	start := p.now()
	n, err := p.w.Write(b)
	end := p.now()
	if p.since.IsZero() {
		p.since = start
	}
	p.behind += end.Sub(start)
	if whole := end.Sub(p.since); whole >= window {
		if !p.patient && p.behind > whole*4/5 {
			return n, ErrSlow
		}
		p.since, p.behind = end, 0
	}
	return n, err
}

// Newest opens a recording of ours, also one that is being written, at its last
// picture that needs no other: head is what a player needs first, file goes on with
// the fragment of that picture. io.EOF: there is none yet.
func Newest(path string) (head []byte, file *os.File, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	e, err := whole(f)
	if err == nil && e.key == 0 || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	head = make([]byte, e.head)
	if err == nil {
		_, err = f.ReadAt(head, 0)
	}
	if err == nil {
		_, err = f.Seek(e.key, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return head, f, nil
}
