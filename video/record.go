package video

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// RecordOptions say how a camera is recorded. The zero value is good.
type RecordOptions struct {
	Segment time.Duration    // how long a segment lasts at least; it ends where a picture begins anew. 0: 10 s
	Silent  bool             // record no sound
	Stall   time.Duration    // how long the camera may send nothing; 0: 10 s
	Now     func() time.Time // this computer's clock; nil: time.Now
}

// Segment is a piece of a recording: an MP4 of its own, which begins with a
// picture that needs no other and is good to its last whole second whenever
// writing stopped.
type Segment struct {
	File     string        // dir/20260102T150405.678.mp4: its start, UTC
	Start    time.Time     // when its first picture came, by this computer's clock
	Duration time.Duration //
	Size     int64         // bytes
}

// ended are the names' ends of a closed segment and of one being written.
const closed, open = ".mp4", ".part.mp4"

// Record writes what a camera sends into segments in dir, without encoding the
// picture; sound that MP4 cannot hold (G.711) becomes AAC. done is called for each
// segment when it is whole, one after the other; its error ends the recording.
//
// Record returns when the source ends (nil: a file was played to its end), with
// ErrStalled when nothing came for the time allowed, with the disk's error when
// writing fails, or with ctx's when that ends; the open segment is closed and
// told in each case. Killed in the middle, it leaves one .part.mp4, which Recover
// makes whole; at most a second is lost. It never runs on without its process.
func Record(ctx context.Context, s Source, dir string, o RecordOptions, done func(Segment) error) error {
	if o.Segment == 0 {
		o.Segment = 10 * time.Second
	}
	if o.Stall == 0 {
		o.Stall = 10 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := record(ctx, s, dir, o, done); err != nil {
		return fmt.Errorf("record %s: %w", s, err)
	}
	return nil
}

func record(ctx context.Context, s Source, dir string, o RecordOptions, done func(Segment) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// Finding out what the camera sends takes as long as the first pictures do.
	timer := time.AfterFunc(o.Stall+10*time.Second, func() { cancel(ErrStalled) })
	defer timer.Stop()

	_, info, err := probe(ctx, s)
	if err != nil {
		return err
	}
	p, err := command(ctx, "ffmpeg")
	if err != nil {
		return err
	}
	if s.Live() {
		p.from(s)
	} else {
		p.from(s, "-re")
	}
	p.Args = append(p.Args, "-map", "0:V:0", "-c:v", "copy")
	if info.Audio != "" && !o.Silent {
		codec := "copy"
		if !strings.Contains(" aac mp3 ac3 eac3 opus ", " "+info.Audio+" ") {
			codec = "aac"
		}
		p.Args = append(p.Args, "-map", "0:a:0?", "-c:a", codec)
	}
	if info.Video == "hevc" {
		p.Args = append(p.Args, "-tag:v", "hvc1") // what Apple's players look for
	}
	p.Args = append(p.Args, "-map_metadata", "-1", "-fflags", "+bitexact",
		"-movflags", "+frag_keyframe+empty_moov+default_base_moof", "-frag_duration", "1000000", "-flush_packets", "1", "-f", "mp4", "pipe:1")
	out, err := p.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.start(); err != nil {
		return err
	}
	w := &writer{dir: dir, o: o, done: done, begun: time.Now()}
	wrote := w.all(bufio.NewReaderSize(out, 64<<10), func() { timer.Reset(o.Stall) })
	if wrote != nil && !errors.Is(wrote, io.ErrUnexpectedEOF) {
		cancel(wrote)
	}
	err = p.wait(ctx)
	return errors.Join(err, w.close())
}

// writer puts a fragmented MP4 into segments.
type writer struct {
	dir   string
	o     RecordOptions
	done  func(Segment) error
	begun time.Time // of the run; what follows is measured from here, on the clock that never jumps

	head  []byte            // ftyp and moov, which every segment begins with
	scale map[uint32]uint32 // ticks a second by track
	lead  uint32            // the picture's track
	lag   time.Duration     // least that a fragment's end came later than its time says: when the stream's time 0 was

	file  *os.File
	from  map[uint32]uint64 // where the segment's tracks begin, in ticks
	start time.Duration     // of the segment in the stream
	end   time.Duration
	size  int64
}

// all reads boxes until the stream ends.
func (w *writer) all(r io.Reader, alive func()) error {
	return errors.New("not yet")
}

func (w *writer) close() error { return nil }

// Recover makes what killed recordings left in dir whole: each .part.mp4 is cut
// after its last whole fragment and becomes a segment; one without any is removed.
func Recover(dir string) ([]Segment, error) {
	parts, err := filepath.Glob(filepath.Join(dir, "*"+open))
	if err != nil || parts == nil {
		return nil, err
	}
	return nil, errors.New("not yet")
}
