package video

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
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

// The names' ends of a closed segment and of one being written.
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
	var options []string
	if !s.Live() {
		options = []string{"-re"}
	}
	if err := record(ctx, s, options, time.Time{}, dir, o, done); err != nil {
		return fmt.Errorf("record %s: %w", s, err)
	}
	return nil
}

// Split writes a file into segments in dir as if it had been recorded, beginning
// at start, as fast as the disk allows.
func Split(ctx context.Context, file string, start time.Time, dir string, o RecordOptions, done func(Segment) error) error {
	if err := record(ctx, Source(file), nil, start, dir, o, done); err != nil {
		return fmt.Errorf("split %s: %w", Source(file), err)
	}
	return nil
}

func record(ctx context.Context, s Source, options []string, start time.Time, dir string, o RecordOptions, done func(Segment) error) error {
	if o.Segment == 0 {
		o.Segment = 10 * time.Second
	}
	if o.Stall == 0 {
		o.Stall = 10 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// Finding out what a camera sends, twice, takes a few pictures each time.
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
	p.from(s, options...)
	p.Args = append(p.Args, picture(info)...)
	if !o.Silent {
		p.Args = append(p.Args, sound(info)...)
	}
	p.Args = append(p.Args, plain...)
	p.Args = append(p.Args, streamed(info)...)
	out, err := p.StdoutPipe()
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := p.start(); err != nil {
		return err
	}
	w := &writer{ctx: ctx, dir: dir, least: o.Segment, done: done, clock: &clock{now: o.Now, begun: begun, fixed: start, lag: unknown, before: unknown}}
	if err := w.all(out, func() { timer.Reset(o.Stall) }); err != nil {
		cancel(err) // ffmpeg has nobody to write to
	}
	return errors.Join(p.wait(ctx), w.close())
}

// picture copies the picture.
func picture(i Info) []string {
	args := []string{"-map", "0:V:0", "-c:v", "copy"}
	if i.Video == "hevc" {
		args = append(args, "-tag:v", "hvc1") // the name that Apple's players know
	}
	return args
}

// sound takes the sound along: as it is, or as AAC when MP4 cannot hold it piece by
// piece, or browsers do not play it (AC-3).
func sound(i Info) []string {
	args := []string{"-map", "0:a:0", "-c:a"}
	switch i.Audio {
	case "":
		return nil
	case "aac":
		return append(args, "copy", "-bsf:a", "aac_adtstoasc")
	case "mp3", "opus":
		return append(args, "copy")
	}
	return append(args, "aac")
}

// plain leaves all metadata out of what is written.
var plain = []string{"-map_metadata", "-1", "-map_chapters", "-1", "-fflags", "+bitexact", "-write_tmcd", "0"}

// streamed writes MP4 piece by piece, to standard output.
func streamed(i Info) []string {
	flags := "+frag_keyframe+empty_moov+default_base_moof"
	if i.Container == "mpegts" {
		flags += "+delay_moov" // only its packets tell what the tracks are
	}
	return []string{"-movflags", flags, "-frag_duration", "1000000", "-flush_packets", "1", "-f", "mp4", "pipe:1"}
}

// writer puts a fragmented MP4 into segments.
type writer struct {
	ctx    context.Context // of the programs it runs
	dir    string
	least  time.Duration // of a segment
	done   func(Segment) error
	clock  *clock
	head   []byte // ftyp and moov: what a segment begins with
	tracks tracks
	sets   *sets // nil: pictures of a kind that does not change

	file     *os.File      // the open segment; nil: none
	from, to time.Duration // of the stream: what is in it
	size     int64
}

// clock tells when, by this computer's clock, a time of the stream was.
//
// A fragment comes later than its end by what the network and the camera hold
// back, which varies; the least lag of this segment and the one before (of the last
// ten seconds or more, where segments are shorter) is taken, so that a camera's clock
// that runs fast or slow is followed, and seconds in which this computer was busy are
// no gap. Lags are measured on the clock that never jumps; the computer's is asked once
// a segment, at its end.
type clock struct {
	now         func() time.Time
	begun       time.Time     // of the run
	fixed       time.Time     // when a file that is split began; zero for a camera
	lag, before time.Duration // unknown: none heard yet
	since, to   time.Duration // of the stream: what lag was measured on
}

const (
	unknown  = time.Duration(math.MaxInt64)
	measured = 9 * time.Second // at least, of the stream, before it is measured anew
)

// heard notes that the stream is complete up to its time to, just now.
func (c *clock) heard(to time.Duration) { c.lag, c.to = min(c.lag, time.Since(c.begun)-to), to }

// next measures anew for the next segment.
func (c *clock) next() {
	if c.to-c.since >= measured {
		c.lag, c.before, c.since = unknown, c.lag, c.to
	}
}

// forget measures anew: the stream's own times have jumped, to from.
func (c *clock) forget(from time.Duration) { c.lag, c.before, c.since = unknown, unknown, from }

// at is when the stream's time t was; now, if nothing was heard.
func (c *clock) at(t time.Duration) time.Time {
	if !c.fixed.IsZero() {
		return c.fixed.Add(t)
	}
	now := c.now()
	if lag := min(c.lag, c.before); lag != unknown {
		now = now.Add(lag + t - time.Since(c.begun))
	}
	return now
}

// all writes what a stream holds; alive is called for each fragment. The stream
// may end anywhere.
func (w *writer) all(r io.Reader, alive func()) error {
	var err error
	if w.head, w.tracks, err = readHead(r); err != nil {
		return ended(err)
	}
	w.sets = readSets(w.head, w.tracks)
	return fragments(r, w.tracks, func(f fragment, moof []byte, mdat box) error {
		if err := w.fragment(f, moof, mdat, r); err != nil {
			return err
		}
		alive()
		return nil
	})
}

// fragment writes one fragment, to a new segment when it is time for one.
func (w *writer) fragment(f fragment, moof []byte, mdat box, r io.Reader) error {
	rest := io.LimitReader(r, mdat.rest())
	read, frame, err := firstPicture(f, int64(len(moof)+len(mdat.head)), rest)
	if err != nil {
		return err
	}
	rest = io.MultiReader(bytes.NewReader(read), rest)
	changed := w.sets != nil && frame != nil && w.sets.take(frame)
	jumped := w.file != nil && (f.from-w.to).Abs() > 2*time.Second
	if w.file != nil && (jumped || changed || f.key && f.from-w.from >= w.least-100*time.Millisecond) {
		if err := w.close(); err != nil {
			return err
		}
	}
	if jumped {
		w.clock.forget(f.from)
	}
	if changed {
		if w.head, err = w.sets.head(w.ctx, w.head, frame); err != nil {
			return err // a new connection tells what it sends
		}
	}
	w.clock.heard(f.to)
	if w.file == nil {
		if !f.key { // nothing can be shown before the next whole picture
			_, err := io.Copy(io.Discard, rest)
			return err
		}
		if err := w.open(f.from); err != nil {
			return err
		}
	}
	f.shift(w.from)
	for _, b := range [][]byte{moof, mdat.head} {
		if _, err := w.file.Write(b); err != nil {
			return err
		}
	}
	n, err := io.Copy(w.file, rest)
	if err != nil {
		return err
	}
	if n != mdat.rest() {
		return io.ErrUnexpectedEOF
	}
	w.size, w.to = w.size+int64(len(moof))+mdat.length, f.to
	return nil
}

// firstPicture reads of a mdat what tells the parameter sets of its first picture, if
// that needs no other: frame is its beginning, in what was read. The content of the
// mdat begins at that many bytes from its moof's first.
func firstPicture(f fragment, content int64, r io.Reader) (read, frame []byte, err error) {
	i := slices.IndexFunc(f.samples, func(s sample) bool { return s.track.picture })
	if i < 0 || !f.samples[i].key() {
		return nil, nil, nil
	}
	from := f.samples[i].offset - content
	if from < 0 || from > maxHead {
		return nil, nil, nil
	}
	read = make([]byte, from+min(int64(f.samples[i].size), maxSets))
	if _, err := io.ReadFull(r, read); err != nil {
		return nil, nil, io.ErrUnexpectedEOF
	}
	return read, read[from:], nil
}

// open begins a segment under a name that is settled when it is closed.
func (w *writer) open(from time.Duration) error {
	w.from, w.to, w.size = from, from, int64(len(w.head))
	for start := w.clock.at(from); ; start = start.Add(time.Millisecond) {
		var err error
		w.file, err = os.OpenFile(filepath.Join(w.dir, name(start, open)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = w.file.Write(w.head)
		}
		if !errors.Is(err, os.ErrExist) {
			return err
		}
	}
}

// close ends the open segment, if there is one, and tells of it.
func (w *writer) close() error {
	if w.file == nil {
		return nil
	}
	file := w.file
	w.file = nil
	defer file.Close()
	if w.to == w.from {
		return os.Remove(file.Name())
	}
	// A fragment that came in part, or that the disk had no room for, is no loss of those before.
	if err := file.Truncate(w.size); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	s, err := settle(w.dir, file.Name(), Segment{Start: w.clock.at(w.from), Duration: w.to - w.from, Size: w.size})
	w.clock.next()
	if err != nil {
		return err
	}
	return w.done(s)
}

const stamp = "20060102T150405.000"

func name(start time.Time, end string) string { return start.UTC().Format(stamp) + end }

// settle gives a whole segment its name; if that is taken, the next millisecond's.
func settle(dir, file string, s Segment) (Segment, error) {
	for s.Start = s.Start.UTC().Truncate(time.Millisecond); ; s.Start = s.Start.Add(time.Millisecond) {
		s.File = filepath.Join(dir, name(s.Start, closed))
		if _, err := os.Lstat(s.File); errors.Is(err, os.ErrNotExist) {
			return s, os.Rename(file, s.File)
		} else if err != nil {
			return s, err
		}
	}
}

// Recover makes what killed recordings left in dir whole: each .part.mp4 is cut
// after its last whole fragment and becomes a segment; one without any is removed.
// No recording may be running into dir.
func Recover(dir string) ([]Segment, error) {
	parts, err := filepath.Glob(filepath.Join(dir, "*"+open))
	if err != nil {
		return nil, err
	}
	var all []Segment
	for _, part := range parts {
		s, err := rescue(dir, part)
		if err != nil {
			return all, fmt.Errorf("recover %s: %w", part, err)
		}
		if s.File != "" {
			all = append(all, s)
		}
	}
	return all, nil
}

func rescue(dir, part string) (Segment, error) {
	start, err := time.Parse(stamp, strings.TrimSuffix(filepath.Base(part), open))
	if err != nil {
		return Segment{}, fmt.Errorf("its name tells no time: %w", err)
	}
	f, err := os.OpenFile(part, os.O_RDWR, 0)
	if err != nil {
		return Segment{}, err
	}
	defer f.Close()
	e, err := whole(f)
	if e.length == 0 || errors.Is(err, errBox) {
		return Segment{}, os.Remove(part)
	}
	if err := errors.Join(err, f.Truncate(e.size), f.Sync()); err != nil {
		return Segment{}, err
	}
	return settle(dir, part, Segment{Start: start, Duration: e.length, Size: e.size})
}
