package video

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
	"strings"
	"time"
)

// EditOptions say what becomes of a film whose pictures are changed.
type EditOptions struct {
	From, To time.Duration // the part that is kept, to the picture; To 0: the end
	Mute     bool          // leave the sound out
}

// Edit writes a film anew as H.264 in an MP4, each picture as paint leaves it; at
// is when it is shown in the original. Its sides are made even; it keeps its time.
// Sound is kept unless muted and cut to the part; metadata is left out, as in Cut.
func Edit(ctx context.Context, file, out string, o EditOptions, paint func(at time.Duration, picture *image.YCbCr) error) (Made, error) {
	m, err := edit(ctx, file, out, o, paint)
	if err != nil {
		return Made{}, fmt.Errorf("encode %s anew: %w", Source(file), err)
	}
	return m, nil
}

func edit(ctx context.Context, file, out string, o EditOptions, paint func(time.Duration, *image.YCbCr) error) (Made, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	said, info, err := probe(ctx, Source(file))
	if err != nil {
		return Made{}, err
	}
	whole := o.From <= 0 && (o.To <= 0 || o.To >= info.Duration)
	if o.To <= 0 || o.To > info.Duration {
		o.To = info.Duration
	}
	if o.From = max(o.From, 0); o.From >= o.To {
		return Made{}, ErrNothing
	}
	part := FrameOptions{W: max(2, info.W&^1), H: max(2, info.H&^1), From: o.From, To: o.To}
	if whole {
		part.To = 0 // a film may be longer than it says
	}
	d, err := decode(ctx, Source(file), part, "yuv420p")
	if err != nil {
		return Made{}, err
	}
	defer func() {
		cancel(nil)
		d.Wait()
		d.close()
	}()
	made := Made{From: o.From, To: o.To, Sound: info.Audio != "" && !o.Mute, Encoded: true}
	err = replace(out, func(tmp string) error {
		e, err := command(ctx, "ffmpeg", "-y", "-f", "matroska", "-i", "pipe:0")
		if err != nil {
			return err
		}
		if made.Sound {
			e.from(Source(file), "-ss", seconds(o.From), "-t", seconds(o.To-o.From))
			e.Args = append(e.Args, "-map", "1:a:0")
			e.Args = append(e.Args, soundAnew(info, whole)...)
		}
		e.Args = append(e.Args, encode...)
		e.Args = append(e.Args, colors(said, info)...)
		e.Args = append(e.Args, "-vsync", "passthrough", "-enc_time_base", "1:90000", "-video_track_timescale", "90000")
		e.Args = append(e.Args, plain...)
		e.Args = append(e.Args, "-movflags", "+faststart", "-f", "mp4", "file:"+tmp)
		in, err := e.StdinPipe()
		if err == nil {
			err = e.start()
		}
		if err != nil {
			return err
		}
		err = feed(in, d, part.W, part.H, paint)
		in.Close()
		switch {
		case errors.Is(err, errEncoder):
			err = cmp.Or(e.wait(ctx), err)
		case err != nil:
			cancel(err)
			e.Wait()
		default:
			err = cmp.Or(d.wait(ctx), e.wait(ctx))
		}
		if err != nil {
			return err
		}
		_, written, err := probe(ctx, Source(tmp))
		made.Duration = written.Duration
		return err
	})
	return made, err
}

// soundAnew is how sound gets into a film that is encoded anew: as it is when all
// of it is kept, else decoded, so that it begins and ends with the picture.
func soundAnew(i Info, whole bool) []string {
	if args := sound(i); whole {
		return args[2:]
	}
	return []string{"-c:a", "aac"}
}

// colors carries over how a picture's numbers are to be shown.
func colors(said probed, i Info) []string {
	var args []string
	for _, st := range said.Streams {
		if st.Codec != i.Video || st.Type != "video" {
			continue
		}
		for _, o := range [][2]string{{"-colorspace", st.Space}, {"-color_trc", st.Transfer}, {"-color_primaries", st.Primary}} {
			if o[1] != "" && o[1] != "unknown" && o[1] != "gbr" && o[1] != "reserved" {
				args = append(args, o[0], o[1])
			}
		}
		filter := ""
		if n, d, ok := strings.Cut(st.SAR, ":"); ok && n != d && n != "0" {
			if i.turned {
				n, d = d, n
			}
			filter = "setsar=" + n + "/" + d
		}
		if filter != "" {
			args = append(args, "-vf", filter)
		}
		break
	}
	return args
}

// errEncoder: the encoder has ended, and says why.
var errEncoder = errors.New("the encoder ended")

// feed decodes, paints and hands on picture by picture.
func feed(out io.Writer, d *decoder, w, h int, paint func(time.Duration, *image.YCbCr) error) error {
	n := w * h
	b := make([]byte, n+n/2)
	picture := &image.YCbCr{Y: b[:n:n], Cb: b[n : n+n/4 : n+n/4], Cr: b[n+n/4:], YStride: w, CStride: w / 2,
		SubsampleRatio: image.YCbCrSubsampleRatio420, Rect: image.Rect(0, 0, w, h)}
	if _, err := out.Write(matroska(w, h)); err != nil {
		return errEncoder
	}
	for {
		at, ok := d.next(b)
		if !ok {
			return nil
		}
		if err := paint(at, picture); err != nil {
			return err
		}
		for _, b := range [][]byte{cluster(at-d.from, len(b)), b} {
			if _, err := out.Write(b); err != nil {
				return errEncoder
			}
		}
	}
}

// Matroska (RFC 9559) with raw pictures, the least that carries each one's time.

// matroska is what comes before the pictures.
func matroska(w, h int) []byte {
	track := element(0xAE, join(
		element(0xD7, []byte{1}), element(0x73C5, []byte{1}), element(0x83, []byte{1}), // number, UID, video
		element(0x9C, []byte{0}), // no lacing
		element(0x86, []byte("V_UNCOMPRESSED")),
		element(0xE0, join(element(0xB0, integer(w)), element(0xBA, integer(h)), element(0x2EB524, []byte("I420"))))))
	return join(
		element(0x1A45DFA3, join(element(0x4282, []byte("matroska")), element(0x4287, []byte{4}), element(0x4285, []byte{2}))),
		[]byte{0x18, 0x53, 0x80, 0x67, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, // a segment without end
		element(0x1549A966, element(0x2AD7B1, integer(1000))),                          // a tick is a microsecond
		element(0x1654AE6B, track))
}

// cluster is what comes before a picture of n bytes shown at a time.
func cluster(at time.Duration, n int) []byte {
	stamp := element(0xE7, integer(int(max(at, 0).Microseconds())))
	block := join(id(0xA3), lengthOf(n+4), []byte{0x81, 0, 0, 0x80}) // track 1, at the cluster's time, needs no other
	return join(id(0x1F43B675), lengthOf(len(stamp)+len(block)+n), stamp, block)
}

func element(kind uint32, content []byte) []byte {
	return join(id(kind), lengthOf(len(content)), content)
}

// id is an element's id, which tells its own length.
func id(kind uint32) []byte {
	b := binary.BigEndian.AppendUint32(nil, kind)
	for b[0] == 0 {
		b = b[1:]
	}
	return b
}

func lengthOf(n int) []byte { return binary.BigEndian.AppendUint64(nil, 1<<56|uint64(n)) }

func integer(n int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
