// Command features turns crops into what the recogniser's backbone sees in them,
// once, so that training does not compute it again in every epoch.
//
// Usage: go run ./vision/plates/train/features CROPS.rgb FEATURES.f16
//
// CROPS is what draw.py writes: pictures of nets.StripHeight by plates.StripWidth
// pixels, 8-bit RGB, one after the other. FEATURES gets 480 channels by
// plates.StripWidth/8 steps of each, 16-bit floating point, little endian.
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"os"

	"porchlight/vision"
	"porchlight/vision/models"
	"porchlight/vision/nets"
	"porchlight/vision/plates"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: features CROPS.rgb FEATURES.f16")
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		log.Fatal("features: ", err)
	}
}

func run(from, to string) error {
	dir, err := models.Dir()
	if err != nil {
		return err
	}
	n, err := nets.Open(dir)
	if err != nil {
		return err
	}
	defer n.Close()
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	w := bufio.NewWriterSize(out, 1<<20)
	for {
		crops, err := read(in, 16)
		if err != nil {
			return err
		}
		if len(crops) == 0 {
			break
		}
		t, err := n.TextFeatures(crops...)
		if err != nil {
			return err
		}
		bytes := make([]byte, 0, 2*len(t.Float))
		for _, v := range t.Float {
			bytes = binary.LittleEndian.AppendUint16(bytes, half(v))
		}
		if _, err := w.Write(bytes); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return out.Close()
}

// read reads up to most crops.
func read(in io.Reader, most int) (crops []vision.Frame, err error) {
	for len(crops) < most {
		f := vision.Frame{Pix: make([]byte, 3*plates.StripWidth*nets.StripHeight), W: plates.StripWidth, H: nets.StripHeight}
		switch _, err := io.ReadFull(in, f.Pix); {
		case errors.Is(err, io.EOF):
			return crops, nil
		case err != nil:
			return nil, fmt.Errorf("the last crop is not whole: %w", err)
		}
		crops = append(crops, f)
	}
	return crops, nil
}

// half is v as an IEEE 754 half, rounded towards nearest; what is too large
// becomes the largest, what is too small zero.
func half(v float32) uint16 {
	b := math.Float32bits(v)
	sign, mag := uint16(b>>16&0x8000), b&0x7fffffff
	switch {
	case mag >= 0x477fe000: // 65504
		return sign | 0x7bff
	case mag < 0x38800000: // 2^-14
		return sign
	}
	return sign | uint16((mag-0x38000000+0x1000)>>13)
}
