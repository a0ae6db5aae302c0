package video

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
)

// Parameter sets tell a decoder how pictures are coded, their size among it. A film's
// head holds those it begins with. A camera that is set otherwise and keeps the
// connection sends new ones in the stream, before the next whole picture; ffmpeg
// copies them there and leaves the head as it was. Players and cuts go by the head,
// so a segment must end there, and the next have a head of its own.

// maxSets is how far into a picture its parameter sets are looked for, in bytes.
const maxSets = 64 << 10

// sets are the parameter sets in force in a film's pictures.
type sets struct {
	track   uint32
	hevc    bool
	prefix  int // bytes of a unit's length
	inForce map[setID][]byte
}

// setID tells which set another one replaces: of the same kind and number.
type setID struct {
	kind   byte // nal_unit_type
	number uint
}

// Kinds of units (H.264 table 7-1, H.265 table 7-1).
const (
	avcSPS, avcPPS            = 7, 8
	hevcVPS, hevcSPS, hevcPPS = 32, 33, 34
)

// readSets reads those of a head's pictures; nil where nothing can change, as they
// are neither H.264 nor H.265.
func readSets(head []byte, all tracks) *sets {
	for _, t := range all {
		if !t.picture {
			continue
		}
		s := &sets{track: t.id, inForce: map[setID][]byte{}}
		if stsd := description(head, t.id); len(stsd) < sampleEntry || each(stsd[sampleEntry:], s.config) != nil || s.prefix == 0 {
			return nil
		}
		return s
	}
	return nil
}

// sampleEntry is where in a stsd the boxes of its first sample entry begin.
const sampleEntry = 8 + 8 + pictureEntry

// config reads a decoder's configuration (ISO/IEC 14496-15, 5.3.3.1 and 8.3.3.1).
func (s *sets) config(kind string, b []byte) error {
	switch {
	case kind == "avcC" && len(b) > 6:
		s.prefix = int(b[4]&3) + 1
		if rest := s.list(b[6:], int(b[5]&0x1f)); len(rest) > 0 {
			s.list(rest[1:], int(rest[0]))
		}
	case kind == "hvcC" && len(b) > 23:
		s.hevc, s.prefix = true, int(b[21]&3)+1
		rest := b[23:]
		for range b[22] {
			if len(rest) < 3 {
				return errBox
			}
			rest = s.list(rest[3:], int(binary.BigEndian.Uint16(rest[1:])))
		}
	}
	return nil
}

// list takes n units, each after its length in two bytes, and returns what follows.
func (s *sets) list(b []byte, n int) []byte {
	for range n {
		if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
			return nil
		}
		end := 2 + int(binary.BigEndian.Uint16(b))
		s.replace(b[2:end])
		b = b[end:]
	}
	return b
}

// id tells which set a unit is; false: it is none.
func (s *sets) id(unit []byte) (id setID, ok bool) {
	switch {
	case len(unit) < 5:
	case s.hevc:
		switch id.kind = unit[0] >> 1 & 0x3f; id.kind {
		case hevcVPS, hevcSPS: // one of each is in force
			ok = true
		case hevcPPS:
			id.number, ok = golomb(unit[2:])
		}
		ok = ok && unit[0]&1 == 0 && unit[1]>>3 == 0 // of the base layer
	default:
		switch id.kind = unit[0] & 0x1f; id.kind {
		case avcSPS:
			id.number, ok = golomb(unit[4:])
		case avcPPS:
			id.number, ok = golomb(unit[1:])
		}
	}
	return id, ok
}

// golomb reads the Exp-Golomb number that b begins with (H.264, 9.1), up to 255.
func golomb(b []byte) (uint, bool) {
	var word [8]byte
	copy(word[:], b)
	w := binary.BigEndian.Uint64(word[:])
	zeros := bits.LeadingZeros64(w)
	if zeros > 8 {
		return 0, false
	}
	return uint(w<<zeros>>(63-zeros)) - 1, true
}

// replace puts a set in force; changed: another was before.
func (s *sets) replace(unit []byte) (changed bool) {
	id, ok := s.id(unit)
	if !ok {
		return false
	}
	was, had := s.inForce[id]
	s.inForce[id] = bytes.Clone(unit)
	return had && !bytes.Equal(was, unit)
}

// take puts those in force that a picture begins with; changed: what was in force
// before cannot decode it. Of a long picture its beginning is enough.
func (s *sets) take(frame []byte) (changed bool) {
	s.units(frame, func(unit []byte) { changed = s.replace(unit) || changed })
	return changed
}

// units hands out the units of a picture, the last as far as it is there.
func (s *sets) units(frame []byte, f func(unit []byte)) {
	for len(frame) > s.prefix {
		n := 0
		for _, b := range frame[:s.prefix] {
			n = n<<8 | int(b)
		}
		frame = frame[s.prefix:]
		n = min(n, len(frame))
		f(frame[:n])
		frame = frame[n:]
	}
}

// head makes the head of a film that goes on with these sets and a picture: the one
// before, with the size and the sample description that ffmpeg gives to a film
// which begins so.
func (s *sets) head(ctx context.Context, before, frame []byte) ([]byte, error) {
	var stream []byte
	add := func(unit []byte) { stream = append(append(stream, 0, 0, 0, 1), unit...) }
	for _, kind := range []byte{hevcVPS, hevcSPS, hevcPPS, avcSPS, avcPPS} { // as they build on one another
		for id, unit := range s.inForce {
			if id.kind == kind {
				add(unit)
			}
		}
	}
	s.units(frame, func(unit []byte) {
		if _, set := s.id(unit); !set {
			add(unit)
		}
	})
	info := Info{Video: "h264"}
	if s.hevc {
		info.Video = "hevc"
	}
	p, err := command(ctx, "ffmpeg", "-fpsprobesize", "0", "-f", info.Video, "-i", "pipe:0", "-frames:v", "1")
	if err != nil {
		return nil, err
	}
	p.Stdin = bytes.NewReader(stream)
	p.Args = slices.Concat(p.Args, picture(info), plain, streamed(info))
	film, err := p.output(ctx)
	if err != nil {
		return nil, fmt.Errorf("the camera was set otherwise, to what cannot be read: %w", err)
	}
	made, all, err := readHead(bytes.NewReader(film))
	if err != nil {
		return nil, err
	}
	for id := range all { // it has one
		return graft(before, s.track, made, id)
	}
	return nil, errBox
}

// graft is a head in which a track has the size and the sample descriptions that
// one has in another head.
func graft(head []byte, track uint32, other []byte, id uint32) ([]byte, error) {
	tkhd, stsd := find(trak(other, id), "tkhd"), description(other, id)
	if len(tkhd) < 8 || stsd == nil {
		return nil, errBox
	}
	var within func(kind string, b []byte) []byte
	within = func(kind string, b []byte) []byte {
		var out []byte
		switch kind {
		case "trak":
			if trackID(find(b, "tkhd")) != track {
				return b
			}
			fallthrough
		case "", "moov", "mdia", "minf", "stbl":
			each(b, func(kind string, b []byte) error {
				b = within(kind, b)
				out = binary.BigEndian.AppendUint32(out, uint32(8+len(b)))
				out = append(append(out, kind...), b...)
				return nil
			})
			return out
		case "tkhd":
			return slices.Concat(b[:max(0, len(b)-8)], tkhd[len(tkhd)-8:]) // width and height
		case "stsd":
			return stsd
		}
		return b
	}
	return within("", head), nil
}

// find is the content of the first box at a path in b; nil: there is none.
func find(b []byte, path ...string) (found []byte) {
	each(b, func(kind string, content []byte) error {
		if kind == path[0] && found == nil {
			if found = content; len(path) > 1 {
				found = find(content, path[1:]...)
			}
		}
		return nil
	})
	return found
}

// trak is the content of a track's box in a head; nil: there is none.
func trak(head []byte, id uint32) (found []byte) {
	each(find(head, "moov"), func(kind string, b []byte) error {
		if kind == "trak" && trackID(find(b, "tkhd")) == id {
			found = b
		}
		return nil
	})
	return found
}

// description is the content of a track's stsd in a head.
func description(head []byte, id uint32) []byte {
	return find(trak(head, id), "mdia", "minf", "stbl", "stsd")
}

// trackID is the number of the track that a tkhd tells of; 0: of none.
func trackID(tkhd []byte) uint32 {
	at := 12
	if len(tkhd) > 0 && tkhd[0] == 1 {
		at = 20
	}
	if len(tkhd) < at+4 {
		return 0
	}
	return binary.BigEndian.Uint32(tkhd[at:])
}
