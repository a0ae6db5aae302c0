package video

import (
	"context"
	"errors"
	"io"
	"time"
)

// CutOptions say what is kept of a part.
type CutOptions struct {
	Mute bool // leave the sound out
}

// Made is a film that was written.
type Made struct {
	From, To time.Duration // what of the original is in it
	Duration time.Duration
	Sound    bool
	Encoded  bool // the picture was encoded anew and not copied
}

// Cut writes the part of files (played one after the other, times counted from
// the first one's start) between from and to into out, an MP4, without encoding:
// it begins with the first picture at or after from that needs no other, and
// nothing from outside [from, to) is in the file. All metadata is left out: tags,
// creation time, names of encoders and tracks, data and timecode tracks, chapters,
// and what cameras write between the pictures (SEI messages). to 0 is the end.
// ErrNothing: no picture begins in that part.
func Cut(ctx context.Context, files []string, from, to time.Duration, out string, o CutOptions) (Made, error) {
	return Made{}, errors.New("not yet")
}

// Join writes files that follow one another, of one camera, into out, an MP4,
// without encoding and without metadata.
func Join(ctx context.Context, files []string, out string) (Made, error) {
	return Cut(ctx, files, 0, 0, out, CutOptions{})
}

// Still is the picture of a film shown at a time, as a JPEG so many pixels wide
// (0: its own width), without metadata.
func Still(ctx context.Context, file string, at time.Duration, width int) ([]byte, error) {
	return nil, errors.New("not yet")
}

// PlayOptions say what a browser gets.
type PlayOptions struct {
	From, To time.Duration // To 0: the end
	Encode   bool          // H.265 becomes H.264, for browsers that do not play it; costs a core
	Width    int           // with Encode: at most so many pixels wide; 0: as it is
	Mute     bool
}

// Play writes files, played one after the other, to w as one fragmented MP4 that
// browsers play while it arrives.
func Play(ctx context.Context, files []string, w io.Writer, o PlayOptions) error {
	return errors.New("not yet")
}

// Keyframes are the times at which a film can be cut without encoding.
func Keyframes(ctx context.Context, file string) ([]time.Duration, error) {
	return nil, errors.New("not yet")
}
