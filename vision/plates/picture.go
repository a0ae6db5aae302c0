package plates

import (
	"fmt"
	"image"
	"image/draw"
	_ "image/jpeg" // so that Picture reads them
	_ "image/png"
	"io"
	"os"
	"path/filepath"
	"strings"

	_ "golang.org/x/image/webp"

	"porchlight/vision"
)

// mostPixels bounds what a picture's header can make us allocate.
const mostPixels = 200 << 20

// Picture reads a JPEG, PNG or WebP picture.
func Picture(r io.ReadSeeker) (vision.Frame, error) {
	c, _, err := image.DecodeConfig(r)
	if err != nil {
		return vision.Frame{}, fmt.Errorf("not a picture that can be read (JPEG, PNG or WebP): %w", err)
	}
	if c.Width < 1 || c.Height < 1 || c.Width > mostPixels/c.Height {
		return vision.Frame{}, fmt.Errorf("a picture of %d by %d pixels is too large", c.Width, c.Height)
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return vision.Frame{}, err
	}
	img, _, err := image.Decode(r)
	if err != nil {
		return vision.Frame{}, fmt.Errorf("the picture is damaged: %w", err)
	}
	return FromImage(img), nil
}

// PictureFile reads a picture from a file.
func PictureFile(path string) (vision.Frame, error) {
	f, err := os.Open(path)
	if err != nil {
		return vision.Frame{}, err
	}
	defer f.Close()
	return Picture(f)
}

// FromImage is img as a frame.
func FromImage(img image.Image) vision.Frame {
	b := img.Bounds()
	rgba, ok := img.(*image.RGBA)
	if !ok {
		rgba = image.NewRGBA(b)
		draw.Draw(rgba, b, img, b.Min, draw.Src)
	}
	f := vision.Frame{Pix: make([]byte, 0, 3*b.Dx()*b.Dy()), W: b.Dx(), H: b.Dy()}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		row := rgba.Pix[rgba.PixOffset(b.Min.X, y):][:4*b.Dx()]
		for ; len(row) > 0; row = row[4:] {
			f.Pix = append(f.Pix, row[0], row[1], row[2])
		}
	}
	return f
}

// isPicture says whether a file's name is that of a picture.
func isPicture(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".jpg", ".jpeg", ".png", ".webp":
		return true
	}
	return false
}
