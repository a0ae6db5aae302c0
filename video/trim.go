package video

import (
	"encoding/binary"
	"io"
	"time"
)

// maxFragment bounds the pictures of one fragment in memory: a second at most.
const maxFragment = 256 << 20

// trim copies a fragmented MP4 and keeps the pictures and the sound of its first
// length, counted from when its first whole picture is shown; nothing before it.
// Pictures are kept up to the first one, as they are stored, that is shown too
// late, since those after it may need it.
func trim(w io.Writer, r io.Reader, length time.Duration) error {
	head, all, err := readHead(r)
	if err != nil {
		return ended(err)
	}
	if err := scrubMoov(head[moovAt(head):]); err != nil {
		return err
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	var zero time.Duration
	begun, over := false, false
	var early []kept // sound that came before the first picture
	write := func(k kept) error {
		at := k.shown() - zero
		if at < -tick || at+k.track.time(k.lasts) > length+tick && !k.track.picture {
			return nil
		}
		if k.track.picture {
			over = over || at >= length-tick
			if over {
				return nil
			}
		}
		_, err := w.Write(k.box())
		return err
	}
	return fragments(r, all, func(f fragment, moof []byte, b box) error {
		mdat, err := b.read(r, maxFragment)
		if err != nil {
			return err
		}
		for _, s := range f.samples {
			at := s.offset - int64(len(moof))
			if at < int64(len(b.head)) || at+int64(s.size) > int64(len(mdat)) {
				return errBox
			}
			k := kept{s, mdat[at : at+int64(s.size)]}
			if s.track.picture && !begun && s.key() {
				begun, zero = true, s.shown()
				for _, k := range early {
					if err := write(k); err != nil {
						return err
					}
				}
				early = nil
			}
			switch {
			case begun:
				err = write(k)
			case !s.track.picture && len(early) < 1000:
				early = append(early, k)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// tick is how much times may differ by the rounding of containers.
const tick = 3 * time.Millisecond

// moovAt is where moov begins after ftyp.
func moovAt(head []byte) int { return int(binary.BigEndian.Uint32(head)) }

// kept is a sample with its bytes.
type kept struct {
	sample
	data []byte
}

// box is the sample as a fragment of its own.
func (k kept) box() []byte {
	const moof = 8 + 16 + 8 + 16 + 20 + 36
	b := make([]byte, 0, moof+8+len(k.data))
	u32 := func(vs ...uint32) {
		for _, v := range vs {
			b = binary.BigEndian.AppendUint32(b, v)
		}
	}
	kind := func(size uint32, name string) {
		u32(size)
		b = append(b, name...)
	}
	kind(moof, "moof")
	kind(16, "mfhd")
	u32(0, 1)
	kind(moof-8-16, "traf")
	kind(16, "tfhd")
	u32(0x20000, k.track.id) // offsets count from the moof
	kind(20, "tfdt")
	u32(1<<24, uint32(k.decode>>32), uint32(k.decode))
	kind(36, "trun")
	u32(1<<24|0xf01, 1, moof+8, uint32(k.lasts), uint32(len(k.data)), k.flags, uint32(int32(k.shift)))
	kind(uint32(8+len(k.data)), "mdat")
	return append(b, k.data...)
}
