package image

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	_ "image/jpeg" // for image.DecodeConfig
	_ "image/png"  // for image.DecodeConfig
	"slices"
)

// strip returns a copy of a picture without what is not picture: EXIF, comments,
// thumbnails, profiles, and whatever follows its end. mediaType is image/jpeg or
// image/png and must be what the bytes are. *Refused otherwise.
func strip(mediaType string, data []byte) ([]byte, error) {
	if len(data) > MaxPicture {
		return nil, &Refused{TooBig}
	}
	kind, clean := "", func([]byte) []byte { return nil }
	switch mediaType {
	case "image/jpeg":
		kind, clean = "jpeg", cleanJPEG
	case "image/png":
		kind, clean = "png", cleanPNG
	}
	out := clean(data)
	c, format, err := image.DecodeConfig(bytes.NewReader(out))
	if err != nil || format != kind {
		return nil, &Refused{NotPicture}
	}
	if int64(c.Width)*int64(c.Height) > MaxPixels {
		return nil, &Refused{TooBig}
	}
	return out, nil
}

// Markers of JPEG (ITU-T T.81, table B.1).
const (
	jpegSOI   = 0xd8
	jpegEOI   = 0xd9
	jpegSOS   = 0xda
	jpegRST0  = 0xd0
	jpegRST7  = 0xd7
	jpegTEM   = 0x01
	jpegAPP0  = 0xe0
	jpegAPP14 = 0xee // Adobe's: which colours the components are
	jpegAPP15 = 0xef
	jpegCOM   = 0xfe
)

// cleanJPEG keeps of a JPEG what decodes to pixels, up to the end of the image.
// It returns nil for what has no such end.
func cleanJPEG(data []byte) []byte {
	if len(data) < 2 || data[0] != 0xff || data[1] != jpegSOI {
		return nil
	}
	out := append(make([]byte, 0, len(data)), data[:2]...)
	for i := 2; ; {
		for i+1 < len(data) && data[i] == 0xff && data[i+1] == 0xff { // fill bytes
			i++
		}
		if i+1 >= len(data) || data[i] != 0xff {
			return nil
		}
		marker := data[i+1]
		switch {
		case marker == jpegEOI:
			return append(out, 0xff, jpegEOI)
		case marker == jpegTEM || marker == jpegSOI || marker >= jpegRST0 && marker <= jpegRST7:
			return nil // do not stand here
		}
		if i+4 > len(data) {
			return nil
		}
		end := i + 2 + int(binary.BigEndian.Uint16(data[i+2:]))
		if end < i+4 || end > len(data) {
			return nil
		}
		adobe := marker == jpegAPP14 && end-i == 16 && bytes.HasPrefix(data[i+4:], []byte("Adobe"))
		if (marker < jpegAPP0 || marker > jpegAPP15) && marker != jpegCOM || adobe {
			out = append(out, data[i:end]...)
		}
		i = end
		if marker != jpegSOS {
			continue
		}
		// The scan's data goes on to the next marker that is no restart.
		for ; i+1 < len(data); i++ {
			if data[i] == 0xff && data[i+1] != 0 && data[i+1] != 0xff && (data[i+1] < jpegRST0 || data[i+1] > jpegRST7) {
				break
			}
		}
		if i+1 >= len(data) {
			return nil
		}
		out = append(out, data[end:i]...)
	}
}

var (
	pngMagic = []byte("\x89PNG\r\n\x1a\n")
	// pngKept are the chunks that decode to pixels (PNG, third edition, section 11).
	pngKept = []string{"IHDR", "PLTE", "tRNS", "gAMA", "sRGB", "IDAT", "IEND"}
)

// cleanPNG keeps of a PNG what decodes to pixels, up to IEND. It returns nil for
// what has no such end or whose checksums are wrong.
func cleanPNG(data []byte) []byte {
	if !bytes.HasPrefix(data, pngMagic) {
		return nil
	}
	out := append(make([]byte, 0, len(data)), pngMagic...)
	for rest := data[len(pngMagic):]; len(rest) >= 12; {
		n := uint64(binary.BigEndian.Uint32(rest)) + 12
		if n > uint64(len(rest)) {
			return nil
		}
		chunk := rest[:n]
		rest = rest[n:]
		if crc32.ChecksumIEEE(chunk[4:n-4]) != binary.BigEndian.Uint32(chunk[n-4:]) {
			return nil
		}
		kind := string(chunk[4:8])
		if slices.Contains(pngKept, kind) {
			out = append(out, chunk...)
		}
		if kind == "IEND" {
			return out
		}
	}
	return nil
}
