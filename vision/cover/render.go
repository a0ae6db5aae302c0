package cover

import (
	"context"
	"image"
	"math"
	"time"

	"porchlight/video"
)

// RenderOptions say what is kept of the film.
type RenderOptions struct {
	From, To time.Duration       // the part; To 0: the end
	Mute     bool                // leave the sound out
	Progress func(share float64) // told now and then, 0 to 1; may be nil
}

// Render writes a film anew with the tracks' places covered, as H.264 in an MP4,
// without metadata. Each place becomes one flat color, taken from around it: what
// was there takes no part in the new picture, so nothing of it comes back.
func Render(ctx context.Context, in, out string, tracks []Track, o RenderOptions) (video.Made, error) {
	info, err := video.Probe(ctx, video.Source(in))
	if err != nil {
		return video.Made{}, err
	}
	end := info.Duration
	if o.To > 0 {
		end = min(end, o.To)
	}
	return video.Edit(ctx, in, out, video.EditOptions{From: o.From, To: o.To, Mute: o.Mute}, func(at time.Duration, p *image.YCbCr) error {
		paint(p, tracks, at.Seconds())
		if o.Progress != nil && end > o.From {
			o.Progress(min(1, float64(at-o.From)/float64(end-o.From)))
		}
		return nil
	})
}

// paint covers what the tracks cover at t seconds.
func paint(p *image.YCbCr, tracks []Track, t float64) {
	const late = 0.0005 // containers round times
	for _, track := range tracks {
		k, ok := track.At(min(max(t, track.From), track.To))
		if ok && t >= track.From-late && t <= track.To+late {
			fill(p, place(k, p.Rect))
		}
	}
}

// block is the encoder's smallest transform: places are grown to whole ones, which
// also fit the color planes.
const block = 8

// place is a box in pixels, grown to whole blocks and cut at the picture's edge.
func place(k Key, in image.Rectangle) image.Rectangle {
	low := func(part float64, side int) int {
		return int(math.Floor(min(max(part, -1), 2)*float64(side)/block)) * block
	}
	high := func(part float64, side int) int {
		return int(math.Ceil(min(max(part, -1), 2)*float64(side)/block)) * block
	}
	return image.Rect(low(k.X, in.Dx()), low(k.Y, in.Dy()), high(k.X+k.W, in.Dx()), high(k.Y+k.H, in.Dy())).Intersect(in)
}

// fill paints a rectangle in the mean color of what is just around it.
func fill(p *image.YCbCr, r image.Rectangle) {
	if r.Empty() {
		return
	}
	var y, cb, cr, n int
	around := r.Inset(-block / 2).Intersect(p.Rect)
	for py := around.Min.Y; py < around.Max.Y; py += 2 {
		for px := around.Min.X; px < around.Max.X; px += 2 {
			if (image.Point{X: px, Y: py}).In(r) {
				px = r.Max.X - 2 // over to the other side
				continue
			}
			c := p.COffset(px, py)
			y, cb, cr, n = y+int(p.Y[p.YOffset(px, py)]), cb+int(p.Cb[c]), cr+int(p.Cr[c]), n+1
		}
	}
	if n == 0 { // the whole picture
		y, cb, cr, n = 16, 128, 128, 1
	}
	for py := r.Min.Y; py < r.Max.Y; py++ {
		at := p.YOffset(r.Min.X, py)
		flat(p.Y[at:at+r.Dx()], byte(y/n))
		if py%2 == 0 {
			at, wide := p.COffset(r.Min.X, py), (r.Dx()+1)/2
			flat(p.Cb[at:at+wide], byte(cb/n))
			flat(p.Cr[at:at+wide], byte(cr/n))
		}
	}
}

func flat(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}
