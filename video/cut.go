package video

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// CutOptions say what is kept of a part.
type CutOptions struct {
	Mute bool // leave the sound out
}

// Made is a film that was written.
type Made struct {
	From, To time.Duration // the part of the original that is in it
	Duration time.Duration // of what was written
	Sound    bool
	Encoded  bool // the picture was encoded anew and not copied
}

// units are the parts of a stream that make up pictures, by codec, as ffmpeg's
// filter_units knows them; the others (SEI messages, private units, user data,
// time codes) are left out of what is handed on. ffmpeg copies the codecs named here.
var units = map[string]string{
	"h264":       "pass_types=1-5|7-11",
	"hevc":       "pass_types=0-9|16-21|32-37",
	"av1":        "pass_types=1-4|6-7",
	"mpeg2video": "pass_types=0-175|179|181|183",
	"mjpeg":      "remove_types=224-239|254",
	"vp9":        "",
}

// Cut writes the part of files (played one after the other, times counted from
// the first one's start) between from and to into out, an MP4, without encoding:
// it begins with the first picture at or after from that needs no other, and
// nothing from outside [from, to) is in the file. All metadata is left out: tags,
// creation time, names of encoders and tracks, data and timecode tracks, chapters,
// and what cameras write between the pictures (SEI messages). to 0 is the end.
//
// Pictures of a kind that cannot be cleaned like this (MPEG-4 part 2 and older)
// are encoded anew. ErrNothing: no picture begins in that part. ErrMixed, a
// *Change: the files that hold it are no one film; Runs parts them.
func Cut(ctx context.Context, files []string, from, to time.Duration, out string, o CutOptions) (Made, error) {
	m, err := cut(ctx, files, from, to, out, o)
	if err != nil {
		return Made{}, fmt.Errorf("cut: %w", err)
	}
	return m, nil
}

// Join writes files that follow one another, of one camera, into out, an MP4,
// without encoding and without metadata. ErrMixed as in Cut.
func Join(ctx context.Context, files []string, out string) (Made, error) {
	return Cut(ctx, files, 0, 0, out, CutOptions{})
}

func cut(ctx context.Context, files []string, from, to time.Duration, out string, o CutOptions) (Made, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	all, err := thread(ctx, files)
	if err != nil {
		return Made{}, err
	}
	if to <= 0 || to > all.length {
		to = all.length
	}
	start := max(from, 0)
	reel, offset := all.part(start, to)
	info, err := reel.info(ctx)
	if err != nil {
		return Made{}, err
	}
	filter, copies := units[info.Video]
	if copies {
		if start, err = all.keyframe(ctx, from, to); err != nil {
			return Made{}, err
		}
		reel, offset = all.part(start, to)
		if info, err = reel.info(ctx); err != nil {
			return Made{}, err
		}
		filter, copies = units[info.Video]
	}
	if err := reel.change(offset, o.Mute); err != nil {
		return Made{}, err
	}
	length := to - start
	p, err := command(ctx, "ffmpeg")
	if err != nil {
		return Made{}, err
	}
	made := Made{From: start, To: to, Sound: info.Audio != "" && !o.Mute, Encoded: !copies}
	if copies { // a little earlier: containers round times
		p.reel(reel, "-ss", seconds(max(0, start-offset-tick)), "-t", seconds(length+2*time.Second))
		p.Args = append(p.Args, picture(info)...)
		p.Args = append(p.Args, "-copypriorss", "0")
		if filter != "" {
			p.Args = append(p.Args, "-bsf:v", "filter_units="+filter)
		}
	} else {
		p.reel(reel, "-ss", seconds(start-offset), "-t", seconds(length))
		p.Args = append(p.Args, encode...)
	}
	if made.Sound {
		p.Args = append(p.Args, sound(info)...)
	}
	p.Args = append(p.Args, plain...)
	p.Args = append(p.Args, streamed(info)...)
	err = replace(out, func(tmp string) error {
		if err := p.through(ctx, cancel, tmp, length); err != nil {
			return err
		}
		_, written, err := probe(ctx, Source(tmp))
		made.Duration = written.Duration
		return err
	})
	return made, err
}

// through puts what p streams, trimmed, into one plain MP4; cancel ends ctx, which
// p runs in.
func (p *program) through(ctx context.Context, cancel context.CancelCauseFunc, file string, length time.Duration) error {
	mux, err := command(ctx, "ffmpeg", "-y", "-f", "mov", "-i", "pipe:0", "-map", "0", "-c", "copy")
	if err != nil {
		return err
	}
	mux.Args = append(mux.Args, plain...)
	mux.Args = append(mux.Args, "-movflags", "+faststart", "-f", "mp4", "file:"+file)
	in, err := mux.StdinPipe()
	if err != nil {
		return err
	}
	out, err := p.StdoutPipe()
	if err != nil {
		return err
	}
	if err := mux.start(); err != nil {
		return err
	}
	err = p.start()
	if err == nil {
		err = trim(in, out, length)
	}
	in.Close()
	if err != nil { // often because mux has ended, and says why
		err = cmp.Or(mux.wait(ctx), err)
		cancel(err)
		p.Wait()
		return err
	}
	return cmp.Or(p.wait(ctx), mux.wait(ctx))
}

// encode makes H.264 that every browser and court plays, near the original's
// quality, under the name that ISO/IEC 14496-15 has for every encoder.
var encode = []string{"-map", "0:V:0", "-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p",
	"-bsf:v", "filter_units=" + units["h264"], "-metadata:s:v", "encoder=AVC Coding"}

// replace lets write make a file and puts it in out's place when it is whole; else
// nothing is left.
func replace(out string, write func(tmp string) error) error {
	tmp := out + ".part"
	err := write(tmp)
	if err == nil {
		err = os.Rename(tmp, out)
	}
	if err != nil {
		os.Remove(tmp)
	}
	return err
}

// reel is files that are played one after the other.
type reel struct {
	files   []string
	lengths []time.Duration
	looks   []Look
	length  time.Duration
}

// thread looks at files and puts them on a reel.
func thread(ctx context.Context, files []string) (reel, error) {
	if len(files) == 0 {
		return reel{}, ErrNothing
	}
	r := reel{files: files}
	for _, f := range files {
		length, look, ok := segment(f)
		if !ok {
			said, info, err := probe(ctx, Source(f))
			if err != nil {
				return reel{}, err
			}
			length, look = info.Duration, said.look()
		}
		r.lengths, r.looks = append(r.lengths, length), append(r.looks, look)
		r.length += length
	}
	return r, nil
}

// info is what a reel's first file is. ErrNothing: there is none.
func (r reel) info(ctx context.Context) (Info, error) {
	if len(r.files) == 0 {
		return Info{}, ErrNothing
	}
	_, info, err := probe(ctx, Source(r.files[0]))
	return info, err
}

// part is the files in which [from, to) lies, and where the first of them begins.
func (r reel) part(from, to time.Duration) (reel, time.Duration) {
	var some reel
	var at, offset time.Duration
	for i, f := range r.files {
		if end := at + r.lengths[i]; end > from && at < to {
			if some.files == nil {
				offset = at
			}
			some.files, some.lengths, some.looks = append(some.files, f), append(some.lengths, r.lengths[i]), append(some.looks, r.looks[i])
			some.length += r.lengths[i]
		}
		at += r.lengths[i]
	}
	return some, offset
}

// keyframe is the first time in [from, to) at which a picture that needs no other
// is shown; ErrNothing if there is none.
func (r reel) keyframe(ctx context.Context, from, to time.Duration) (time.Duration, error) {
	if from <= 0 {
		return 0, nil
	}
	some, at := r.part(from, to)
	for i, f := range some.files {
		times, err := keyframes(ctx, f, from-at, to-at, true)
		if err != nil {
			return 0, err
		}
		if len(times) > 0 {
			return at + times[0], nil
		}
		at += some.lengths[i]
	}
	return 0, ErrNothing
}

// reel adds a reel as the program's next input.
func (p *program) reel(r reel, options ...string) {
	if len(r.files) == 1 {
		p.from(Source(r.files[0]), options...)
		return
	}
	var list strings.Builder
	list.WriteString("ffconcat version 1.0\n")
	for i, f := range r.files {
		fmt.Fprintf(&list, "file %s\nduration %s\n", quoted("file:"+f), seconds(r.lengths[i]))
	}
	p.Stdin = strings.NewReader(list.String())
	p.Args = append(p.Args, options...)
	p.Args = append(p.Args, "-f", "concat", "-safe", "0", "-protocol_whitelist", "pipe,file", "-format_whitelist", "concat,"+formats, "-i", "pipe:0")
}

// keyframes are those shown in [from, to), all or the first.
func keyframes(ctx context.Context, file string, from, to time.Duration, first bool) ([]time.Duration, error) {
	said, _, err := probe(ctx, Source(file))
	if err != nil {
		return nil, err
	}
	start, _ := strconv.ParseFloat(said.Format.Start, 64)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p, err := command(ctx, "ffprobe", "-select_streams", "V:0", "-show_entries", "packet=pts_time,flags", "-of", "csv=p=0")
	if err != nil {
		return nil, err
	}
	if from > 5*time.Second {
		p.Args = append(p.Args, "-read_intervals", strconv.FormatFloat(from.Seconds()+start-5, 'f', 6, 64)+"%")
	}
	p.from(Source(file))
	var times []time.Duration
	enough := errors.New("enough")
	err = p.lines(func(line string) error {
		at, flags, _ := strings.Cut(line, ",")
		s, err := strconv.ParseFloat(at, 64)
		t := time.Duration((s - start) * 1e9).Round(time.Microsecond)
		switch {
		case err != nil || !strings.HasPrefix(flags, "K") || t < from-500*time.Microsecond:
		case t >= to:
			return enough
		default:
			times = append(times, max(t, 0))
			if first {
				return enough
			}
		}
		return nil
	})
	if errors.Is(err, enough) {
		cancel()
		p.Wait()
		return times, nil
	}
	return times, p.explain(ctx, errors.Join(err, p.Wait()))
}

// Still is the picture of a film shown at a time, as a JPEG so many pixels wide
// (0: its own width), without metadata. After the film's end it is the last one. A
// live source shows its next picture, for which 15 seconds are waited.
func Still(ctx context.Context, file string, at time.Duration, width int) ([]byte, error) {
	s := Source(file)
	part := []string{"-ss", seconds(max(at, 0))}
	if s.Live() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, patience, ErrStalled)
		defer cancel()
		part = nil
	}
	b, err := still(ctx, s, width, part, "-frames:v", "1")
	if err == nil && len(b) == 0 && !s.Live() {
		b, err = still(ctx, s, width, []string{"-sseof", "-2"}, "-update", "1")
	}
	if err == nil && len(b) == 0 {
		err = ErrNoPicture
	}
	if err != nil {
		return nil, fmt.Errorf("still of %s: %w", s, err)
	}
	return b, nil
}

func still(ctx context.Context, s Source, width int, part []string, take ...string) ([]byte, error) {
	p, err := command(ctx, "ffmpeg")
	if err != nil {
		return nil, err
	}
	p.from(s, part...)
	p.Args = append(p.Args, take...)
	p.Args = append(p.Args, "-map", "0:V:0")
	if width > 0 {
		p.Args = append(p.Args, "-vf", fmt.Sprintf("scale=%d:-1", width))
	}
	p.Args = append(p.Args, "-q:v", "3", "-map_metadata", "-1", "-flags:v", "+bitexact", "-f", "mjpeg", "pipe:1")
	b, err := p.output(ctx)
	if i := bytes.LastIndex(b, []byte("\xff\xd8\xff")); i > 0 {
		b = b[i:] // of several, the last
	}
	return b, err
}

// PlayOptions say what a browser gets.
type PlayOptions struct {
	From, To time.Duration // To 0: the end
	Encode   bool          // make it H.264, for browsers that do not play H.265; costs a core
	Width    int           // with Encode: at most so many pixels wide; 0: as it is
	Mute     bool
}

// Play writes files, played one after the other, to w as one fragmented MP4, which
// browsers play while it arrives. Without Encode it begins with the whole picture
// at or before From. ErrMixed as in Cut: a page plays each of Runs by itself.
func Play(ctx context.Context, files []string, w io.Writer, o PlayOptions) error {
	if err := play(ctx, files, w, o); err != nil {
		return fmt.Errorf("play: %w", err)
	}
	return nil
}

func play(ctx context.Context, files []string, w io.Writer, o PlayOptions) error {
	r, err := thread(ctx, files)
	if err != nil {
		return err
	}
	if o.To <= 0 || o.To > r.length {
		o.To = r.length
	}
	r, offset := r.part(o.From, o.To)
	info, err := r.info(ctx)
	if err == nil {
		err = r.change(offset, o.Mute)
	}
	if err != nil {
		return err
	}
	p, err := command(ctx, "ffmpeg")
	if err != nil {
		return err
	}
	p.reel(r, "-ss", seconds(max(0, o.From-offset)), "-t", seconds(o.To-max(o.From, 0)))
	if o.Encode {
		p.Args = append(p.Args, encode...)
		p.Args = append(p.Args, "-copypriorss", "0") // of the sound, too
		if o.Width > 0 {
			p.Args = append(p.Args, "-vf", fmt.Sprintf("scale='min(%d,iw)':-2", o.Width))
		}
	} else {
		p.Args = append(p.Args, picture(info)...)
	}
	if !o.Mute {
		p.Args = append(p.Args, sound(info)...)
	}
	p.Args = append(p.Args, plain...)
	p.Args = append(p.Args, streamed(info)...)
	p.Stdout = w
	if err := p.start(); err != nil {
		return err
	}
	return p.wait(ctx)
}
