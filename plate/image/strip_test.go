package image

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	stdimage "image"
	"image/jpeg"
	"image/png"
	"slices"
	"testing"
)

func checksum(chunk []byte) []byte {
	return binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(chunk))
}

// segment is a JPEG marker segment.
func segment(marker byte, body string) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(len(body)+2)), body...)
}

func chunk(kind, body string) []byte {
	c := append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), kind+body...)
	return append(c, checksum(c[4:])...)
}

const secret = "Ines Example, 39.75N 89.65W, serial 0815"

func dirtyJPEG(t testing.TB) []byte {
	data := jpegOf(t, 3)
	return slices.Concat(data[:2], segment(0xe0, "JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x01\x01"+secret), segment(0xe1, "Exif\x00\x00"+secret),
		segment(0xe2, "ICC_PROFILE\x00\x01\x01"+secret), segment(0xee, "Adobe"+secret), segment(0xfe, secret), []byte{0xff, 0xff},
		data[2:], []byte(secret))
}

func dirtyPNG(t testing.TB) []byte {
	data := pngOf(t, 3)
	head := len(pngMagic) + 25
	return slices.Concat(data[:head], chunk("eXIf", secret), chunk("tEXt", "Author\x00"+secret), chunk("gAMA", "\x00\x00\xb1\x8f"), data[head:], []byte(secret))
}

func TestStripLeavesThePixelsOnly(t *testing.T) {
	t.Parallel()
	for mediaType, c := range map[string]struct{ dirty, pure []byte }{
		"image/jpeg": {dirtyJPEG(t), jpegOf(t, 3)}, "image/png": {dirtyPNG(t), pngOf(t, 3)},
	} {
		if _, _, err := stdimage.Decode(bytes.NewReader(c.dirty)); err != nil || !bytes.Contains(c.dirty, []byte(secret)) {
			t.Fatalf("%s: the test's picture is none: %v", mediaType, err)
		}
		got, err := strip(mediaType, c.dirty)
		must(t, err)
		if bytes.Contains(got, []byte(secret)) {
			t.Errorf("%s: metadata is left", mediaType)
		}
		a, _, err := stdimage.Decode(bytes.NewReader(got))
		must(t, err)
		b, _, err := stdimage.Decode(bytes.NewReader(c.pure))
		must(t, err)
		for y := range 90 {
			for x := range 160 {
				if a.At(x, y) != b.At(x, y) {
					t.Fatalf("%s: pixel %d,%d changed", mediaType, x, y)
				}
			}
		}
	}
}

// Whatever comes in, what comes out of strip is stripped, and decodes when what
// came in did.
func FuzzStrip(f *testing.F) {
	for _, data := range [][]byte{dirtyJPEG(f), dirtyPNG(f), jpegOf(f, 1), pngOf(f, 1), {0xff, 0xd8, 0xff}, pngMagic} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for mediaType, decode := range map[string]func([]byte) error{
			"image/jpeg": func(b []byte) error { _, err := jpeg.Decode(bytes.NewReader(b)); return err },
			"image/png":  func(b []byte) error { _, err := png.Decode(bytes.NewReader(b)); return err },
		} {
			out, err := strip(mediaType, data)
			if err != nil {
				continue
			}
			if len(out) > len(data) {
				t.Fatalf("%d bytes became %d", len(data), len(out))
			}
			again, err := strip(mediaType, out)
			if err != nil || !bytes.Equal(again, out) {
				t.Fatalf("stripping twice changes it: %v", err)
			}
			if c, _, err := stdimage.DecodeConfig(bytes.NewReader(out)); err == nil && c.Width*c.Height > 1<<18 {
				continue // decoding would take long
			}
			if decode(data) == nil && decode(out) != nil {
				t.Fatalf("a picture that decoded does not any more")
			}
		}
	})
}
