package video

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"time"
)

// Fragmented MP4 (ISO/IEC 14496-12) as ffmpeg writes it: ftyp and moov tell the
// tracks, then each pair of moof and mdat is a second of film.

// errBox: this is no fragmented MP4 of ours.
var errBox = errors.New("not a fragmented MP4")

// maxHead bounds what is read into memory: moov and moof hold no pictures.
const maxHead = 4 << 20

// box is one box's type and its whole length with its header.
type box struct {
	kind   string
	length int64
	head   []byte // its header, 8 or 16 bytes
}

// rest is the length of its content.
func (b box) rest() int64 { return b.length - int64(len(b.head)) }

// nextBox reads a box's header; io.EOF at the stream's end.
func nextBox(r io.Reader) (box, error) {
	head := make([]byte, 8, 16)
	if _, err := io.ReadFull(r, head); err != nil {
		return box{}, err
	}
	b := box{string(head[4:]), int64(binary.BigEndian.Uint32(head)), head}
	if b.length == 1 {
		b.head = head[:16]
		if _, err := io.ReadFull(r, b.head[8:]); err != nil {
			return box{}, io.ErrUnexpectedEOF
		}
		b.length = int64(binary.BigEndian.Uint64(b.head[8:]))
	}
	if b.length < int64(len(b.head)) {
		return box{}, errBox
	}
	return b, nil
}

// read reads the whole box into memory, header first; limit bounds it. What a box
// only says it has takes no memory.
func (b box) read(r io.Reader, limit int64) ([]byte, error) {
	if b.length > limit {
		return nil, errBox
	}
	all := bytes.NewBuffer(make([]byte, 0, min(b.length, 1<<20)))
	all.Write(b.head)
	if _, err := io.CopyN(all, r, b.rest()); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	return all.Bytes(), nil
}

// each calls f with the kind and the content of each box in b; content is part
// of b.
func each(b []byte, f func(kind string, content []byte) error) error {
	for len(b) > 0 {
		if len(b) < 8 {
			return errBox
		}
		n := int(binary.BigEndian.Uint32(b))
		if n < 8 || n > len(b) {
			return errBox
		}
		if err := f(string(b[4:8]), b[8:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// tracks are a film's tracks by id.
type tracks map[uint32]*track

type track struct {
	id      uint32
	scale   uint32 // ticks a second
	picture bool
	look    string // of its sample descriptions
}

// readTracks reads moov.
func readTracks(moov []byte) (tracks, error) {
	all := tracks{}
	err := each(moov[8:], func(kind string, b []byte) error {
		if kind != "trak" {
			return nil
		}
		var t track
		var turn, stsd []byte
		err := each(b, func(kind string, b []byte) error {
			switch {
			case kind == "tkhd" && len(b) >= 24:
				at := 12
				if b[0] == 1 {
					at = 20
				}
				t.id = binary.BigEndian.Uint32(b[at:])
				if at += 28; len(b) >= at+36 {
					turn = b[at : at+36] // the matrix
				}
			case kind == "mdia":
				return each(b, func(kind string, b []byte) error {
					switch {
					case kind == "minf":
						return each(b, func(kind string, b []byte) error {
							if kind != "stbl" {
								return nil
							}
							return each(b, func(kind string, b []byte) error {
								if kind == "stsd" {
									stsd = b
								}
								return nil
							})
						})
					case kind == "mdhd" && len(b) >= 24:
						at := 12
						if b[0] == 1 {
							at = 20
						}
						t.scale = binary.BigEndian.Uint32(b[at:])
					case kind == "hdlr" && len(b) >= 12:
						t.picture = string(b[8:12]) == "vide"
					}
					return nil
				})
			}
			return nil
		})
		if t.scale == 0 || t.id == 0 {
			return errors.Join(errBox, err)
		}
		if stsd != nil && err == nil {
			t.look, err = lookOf(stsd, t.picture)
			t.look += string(turn)
		}
		all[t.id] = &t
		return err
	})
	for _, t := range all {
		if t.picture {
			return all, err
		}
	}
	return nil, errors.Join(errBox, err)
}

// fragment is what a moof tells.
type fragment struct {
	from, to time.Duration // of all its tracks, in the order of decoding
	key      bool          // its first picture needs no other
	samples  []sample
	starts   []start
}

// sample is one picture, or a little sound.
type sample struct {
	track         *track
	decode, lasts uint64 // ticks
	shift         int64  // ticks between decoding and showing
	flags         uint32 // ISO/IEC 14496-12, 8.8.3.1
	offset        int64  // of its bytes, from the moof's first one
	size          uint32 // bytes
}

const notSync = 0x10000 // a sample's flag: it needs others

// key tells whether a picture needs no other.
func (s sample) key() bool { return s.flags&notSync == 0 }

// shown is when a sample is shown, in the stream; it may be before its beginning.
func (s sample) shown() time.Duration {
	if at := int64(s.decode) + s.shift; at < 0 {
		return -s.track.time(uint64(-at))
	}
	return s.track.time(uint64(int64(s.decode) + s.shift))
}

// start is where a moof says when a track goes on.
type start struct {
	track *track
	ticks uint64
	field []byte // the number, in the moof: 4 or 8 bytes
}

// maxSamples bounds a fragment's samples: ours hold a second.
const maxSamples = 5_000

// readFragment reads moof.
func readFragment(moof []byte, all tracks) (fragment, error) {
	f := fragment{from: 1<<63 - 1}
	err := each(moof[8:], func(kind string, b []byte) error {
		if kind != "traf" {
			return nil
		}
		return f.readTrack(b, all)
	})
	if err == nil && len(f.samples) == 0 {
		err = errBox
	}
	pictures := false
	for _, s := range f.samples {
		f.from, f.to = min(f.from, s.track.time(s.decode)), max(f.to, s.track.time(s.decode+s.lasts))
		if s.track.picture && !pictures {
			pictures, f.key = true, s.key()
		}
	}
	return f, err
}

func (f *fragment) readTrack(traf []byte, all tracks) error {
	var s sample // what the next one is, unless it says otherwise
	var st start
	return each(traf, func(kind string, b []byte) error {
		if len(b) < 8 {
			return nil
		}
		has := binary.BigEndian.Uint32(b) & 0xffffff
		switch kind {
		case "tfhd":
			if s.track = all[binary.BigEndian.Uint32(b[4:])]; s.track == nil {
				return errBox
			}
			var lasts uint32
			err := fields(b[8:], has, func(flag uint32, v uint32) {
				switch flag {
				case 0x8:
					lasts = v
				case 0x10:
					s.size = v
				case 0x20:
					s.flags = v
				}
			}, 0x1, 0x1, 0x2, 0x8, 0x10, 0x20)
			s.lasts = uint64(lasts)
			return err
		case "tfdt":
			st.field = b[4:8]
			s.decode = uint64(binary.BigEndian.Uint32(b[4:]))
			if b[0] == 1 {
				if len(b) < 12 {
					return errBox
				}
				st.field = b[4:12]
				s.decode = binary.BigEndian.Uint64(b[4:])
			}
			if s.track == nil || s.decode > 1<<60 {
				return errBox
			}
			st.track, st.ticks = s.track, s.decode
			f.starts = append(f.starts, st)
		case "trun":
			count, rest := int64(binary.BigEndian.Uint32(b[4:])), b[8:]
			size := 4 * bits.OnesCount32(has&0xf00)
			if st.field == nil || count > maxSamples-int64(len(f.samples)) || count*int64(size) > int64(len(rest)) {
				return errBox
			}
			first, one := s.flags, s
			head := 4 * bits.OnesCount32(has&0x5)
			err := fields(rest, has, func(flag uint32, v uint32) {
				if flag == 0x1 {
					one.offset = int64(int32(v))
				} else {
					first = v
				}
			}, 0x1, 0x4)
			if err != nil || len(rest) < head+int(count)*size {
				return errBox
			}
			rest = rest[head:]
			for i := range int(count) {
				n := one
				if i == 0 {
					n.flags = first
				}
				fields(rest[i*size:], has, func(flag uint32, v uint32) {
					switch flag {
					case 0x100:
						n.lasts = uint64(v)
					case 0x200:
						n.size = v
					case 0x400:
						n.flags = v
					case 0x800:
						n.shift = int64(int32(v))
					}
				}, 0x100, 0x200, 0x400, 0x800)
				f.samples = append(f.samples, n)
				one.decode += n.lasts
				one.offset += int64(n.size)
			}
			s.decode, s.offset = one.decode, one.offset
		}
		return nil
	})
}

// fields reads the numbers that are there of those that may be, by their flags.
func fields(b []byte, has uint32, f func(flag uint32, v uint32), flags ...uint32) error {
	for _, flag := range flags {
		if has&flag == 0 {
			continue
		}
		if len(b) < 4 {
			return errBox
		}
		f(flag, binary.BigEndian.Uint32(b))
		b = b[4:]
	}
	return nil
}

// time is ticks as time.
func (t *track) time(ticks uint64) time.Duration {
	s, rest := ticks/uint64(t.scale), ticks%uint64(t.scale)
	return time.Duration(s)*time.Second + time.Duration(rest*uint64(time.Second)/uint64(t.scale))
}

// shift makes a fragment begin earlier (later, if by is less than 0), in the moof it
// was read from; never before 0.
func (f *fragment) shift(by time.Duration) {
	for _, s := range f.starts {
		ticks := max(0, int64(s.ticks)-int64(math.Round(by.Seconds()*float64(s.track.scale))))
		if len(s.field) == 8 {
			binary.BigEndian.PutUint64(s.field, uint64(ticks))
		} else {
			binary.BigEndian.PutUint32(s.field, uint32(ticks))
		}
	}
}

// readHead reads ftyp and moov, as they are, and the tracks.
func readHead(r io.Reader) ([]byte, tracks, error) {
	var head []byte
	for {
		b, err := nextBox(r)
		if err != nil {
			return nil, nil, err
		}
		whole, err := b.read(r, maxHead)
		if err != nil {
			return nil, nil, err
		}
		head = append(head, whole...)
		switch b.kind {
		case "ftyp":
		case "moov":
			all, err := readTracks(whole)
			return head, all, err
		default:
			return nil, nil, fmt.Errorf("%w: it begins with %q", errBox, b.kind)
		}
	}
}

// fragments hands each fragment of a stream, from behind its head on, to f: what its
// moof tells, the moof itself, and its mdat, whose content f reads from r. That the
// stream ends, wherever, is no error; its program says why it did.
func fragments(r io.Reader, all tracks, f func(f fragment, moof []byte, mdat box) error) error {
	for {
		b, err := nextBox(r)
		if err != nil {
			return ended(err)
		}
		if b.kind != "moof" {
			// What ffmpeg writes at the end, an index of the fragments.
			if _, err := io.CopyN(io.Discard, r, b.rest()); err != nil {
				return ended(err)
			}
			continue
		}
		moof, err := b.read(r, maxHead)
		if err != nil {
			return ended(err)
		}
		told, err := readFragment(moof, all)
		if err != nil {
			return err
		}
		if b, err = nextBox(r); err != nil {
			return ended(err)
		}
		if b.kind != "mdat" {
			return errBox
		}
		if err := f(told, moof, b); err != nil {
			return ended(err)
		}
	}
}

// ended is err unless the stream ended.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// extent is how much of a fragmented MP4 is whole.
type extent struct {
	tracks tracks
	length time.Duration
	size   int64 // bytes, to the end of its last whole fragment
	head   int64 // bytes of it before the first fragment
	key    int64 // where its last whole fragment begins that needs no other; 0: none
}

// whole reads a fragmented MP4 to the end of its last whole fragment.
func whole(r io.ReadSeeker) (extent, error) {
	size, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		return extent{}, err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return extent{}, err
	}
	head, all, err := readHead(r)
	if err != nil {
		return extent{}, fmt.Errorf("%w: %w", errBox, err)
	}
	at := int64(len(head))
	e := extent{tracks: all, size: at, head: at}
	for {
		b, err := nextBox(r)
		if err != nil || b.length > size-at {
			return e, nil
		}
		at += b.length
		if b.kind != "moof" {
			return e, nil
		}
		moof, err := b.read(r, maxHead)
		if err != nil {
			return e, nil
		}
		f, err := readFragment(moof, all)
		if err != nil {
			return e, nil
		}
		b, err = nextBox(r)
		if err != nil || b.kind != "mdat" || b.length > size-at {
			return e, nil
		}
		at += b.length
		if _, err := r.Seek(at, io.SeekStart); err != nil {
			return extent{}, err
		}
		if f.key {
			e.key = e.size
		}
		e.size, e.length = at, max(e.length, f.to)
	}
}
