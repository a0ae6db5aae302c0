package video

import "encoding/binary"

// scrubMoov takes SEI messages out of the decoder configuration of H.265 tracks
// (hvcC, ISO/IEC 14496-15), where ffmpeg's filters leave them. What they took up
// becomes an empty box, so that nothing else moves.
func scrubMoov(moov []byte) error {
	var within func(kind string, b []byte) error
	within = func(kind string, b []byte) error {
		switch kind {
		case "trak", "mdia", "minf", "stbl":
			return each(b, within)
		case "stsd":
			if len(b) < 8 {
				return errBox
			}
			return each(b[8:], within)
		case "hvc1", "hev1":

			if len(b) < pictureEntry {
				return errBox
			}
			for rest := b[pictureEntry:]; len(rest) >= 8; {
				n := int(binary.BigEndian.Uint32(rest))
				if n < 8 || n > len(rest) {
					return errBox
				}
				if string(rest[4:8]) == "hvcC" {
					if err := scrubHVCC(rest[:n]); err != nil {
						return err
					}
				}
				rest = rest[n:]
			}
		}
		return nil
	}
	return each(moov[8:], within)
}

// scrubHVCC takes the SEI arrays out of an hvcC box, its header included.
func scrubHVCC(b []byte) error {
	const head = 8 + 22 // the box's header, and what comes before the number of arrays
	if len(b) < head+1 {
		return errBox
	}
	kept, arrays := append([]byte(nil), b[:head+1]...), 0
	rest := b[head+1:]
	for range b[head] {
		if len(rest) < 3 {
			return errBox
		}
		size := 3
		for range binary.BigEndian.Uint16(rest[1:]) {
			if len(rest) < size+2 {
				return errBox
			}
			size += 2 + int(binary.BigEndian.Uint16(rest[size:]))
		}
		if size > len(rest) {
			return errBox
		}
		if kind := rest[0] & 0x3f; kind >= 32 && kind <= 34 { // VPS, SPS, PPS
			kept = append(kept, rest[:size]...)
			arrays++
		}
		rest = rest[size:]
	}
	gone := len(b) - len(kept)
	if gone == 0 {
		return nil
	}
	if gone < 8 {
		return errBox
	}
	kept[head] = byte(arrays)
	binary.BigEndian.PutUint32(kept, uint32(len(kept)))
	clear(b[copy(b, kept):])
	binary.BigEndian.PutUint32(b[len(kept):], uint32(gone))
	copy(b[len(kept)+4:], "free")
	return nil
}
