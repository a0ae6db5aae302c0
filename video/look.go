package video

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// ErrMixed: the picture or the sound changes within the part asked for, as the
// camera was set otherwise: it is no one film without encoding. It is a *Change.
var ErrMixed = errors.New("the camera was set otherwise in between: take the part before that, or the one after")

// Change is an ErrMixed that tells where.
type Change struct {
	At time.Duration // when the first file that is unlike those before it begins
}

func (c *Change) Error() string { return fmt.Sprintf("%v (at %v)", ErrMixed, c.At) }

// Is makes it an ErrMixed.
func (c *Change) Is(err error) bool { return err == ErrMixed }

// Run is files, one after the other, that are one film: of one codec, size, set of
// parameters and kind of sound.
type Run struct {
	Files    []string
	From, To time.Duration // of all files, played one after the other
}

// Runs parts files into those that Cut, Join and Play take together, in their order.
func Runs(ctx context.Context, files []string) ([]Run, error) {
	r, err := thread(ctx, files)
	if err != nil {
		return nil, fmt.Errorf("look at films: %w", err)
	}
	var runs []Run
	var at time.Duration
	for i, f := range r.files {
		if i == 0 || r.looks[i] != r.looks[i-1] {
			runs = append(runs, Run{From: at})
		}
		last := &runs[len(runs)-1]
		at += r.lengths[i]
		last.Files, last.To = append(last.Files, f), at
	}
	return runs, nil
}

// Look is all of a film that must be alike where two are played as one. It is
// compared and not read.
type Look struct{ picture, sound string }

// LookAt is the look of a recording of ours, which may still be written. io.EOF: it
// has hardly begun.
func LookAt(path string) (Look, error) {
	f, err := os.Open(path)
	if err != nil {
		return Look{}, err
	}
	defer f.Close()
	_, all, err := readHead(f)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return all.look(), err
}

// change is an ErrMixed if the files of a reel, which begins at a time, are no one film.
func (r reel) change(at time.Duration, mute bool) error {
	for i, l := range r.looks {
		if l.picture != r.looks[0].picture || !mute && l.sound != r.looks[0].sound {
			return &Change{at}
		}
		at += r.lengths[i]
	}
	return nil
}

// look is what ffprobe says of a film's kind.
func (p probed) look() (l Look) {
	for _, s := range p.Streams {
		switch {
		case s.Type == "video" && l.picture == "" && s.Attached.Picture == 0:
			l.picture = fmt.Sprint(s.Codec, s.Width, s.Height, s.SAR, s.SideData, s.Extra)
		case s.Type == "audio" && l.sound == "":
			l.sound = fmt.Sprint(s.Codec, s.SampleRate, s.Channels, s.Extra)
		}
	}
	return l
}

// segment is the length and the look of a segment of ours, told without a program.
func segment(file string) (time.Duration, Look, bool) {
	f, err := os.Open(file)
	if err != nil {
		return 0, Look{}, false
	}
	defer f.Close()
	e, err := whole(f)
	return e.length, e.tracks.look(), err == nil && e.length > 0
}

func (all tracks) look() (l Look) {
	for _, t := range all {
		if t.picture {
			l.picture = t.look
		} else {
			l.sound = t.look
		}
	}
	return l
}

// The fields of sample entries before their boxes (ISO/IEC 14496-12, 12.1.3 and
// 12.2.3), without the box's header.
const (
	pictureEntry = 78
	soundEntry   = 28
)

// lookOf is the sample descriptions of a track without what may differ between
// films that go together: bit rates and SEI messages.
func lookOf(stsd []byte, picture bool) (string, error) {
	if len(stsd) < 8 {
		return "", errBox
	}
	var b []byte
	err := each(stsd[8:], func(kind string, entry []byte) error {
		fields := soundEntry
		if picture {
			fields = pictureEntry
		}
		if len(entry) < fields {
			return errBox
		}
		b = append(append(b, kind...), entry[:fields]...)
		return each(entry[fields:], func(kind string, config []byte) error {
			switch kind {
			case "btrt", "free":
				return nil
			case "esds":
				config = decoderSpecific(config)
			case "hvcC":
				box := binary.BigEndian.AppendUint32(nil, uint32(8+len(config)))
				box = append(append(box, kind...), config...)
				if err := scrubHVCC(box); err != nil {
					return err
				}
				config = box[8:binary.BigEndian.Uint32(box)]
			}
			b = append(append(b, kind...), config...)
			return nil
		})
	})
	return string(b), err
}

// decoderSpecific is the DecoderSpecificInfo (ISO/IEC 14496-1, 7.2.6.7) of an esds
// box, which tells how sound is decoded; what stands around it tells bit rates.
func decoderSpecific(esds []byte) []byte {
	b := esds[min(4, len(esds)):]
	for _, d := range []struct {
		tag    byte
		fields int // before the descriptors within it
	}{{3, 3}, {4, 13}, {5, 0}} { // of the stream, of its decoder, the decoder's own
		if len(b) == 0 || b[0] != d.tag {
			return nil
		}
		length, i := 0, 1
		for more := true; more; i++ {
			if i == len(b) || i > 4 {
				return nil
			}
			length, more = length<<7|int(b[i]&0x7f), b[i]&0x80 != 0
		}
		if length < d.fields || length > len(b)-i {
			return nil
		}
		b = b[i+d.fields : i+length]
	}
	return b
}
