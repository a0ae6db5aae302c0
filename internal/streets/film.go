package streets

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomonobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"porchlight/vision"
)

// Seen is one thing that is in a frame, as it was drawn.
type Seen struct {
	Actor int         // its place in Scene.Cast, then in Parked: the same in each frame
	Kind  vision.Kind // car, truck, person, bicycle, dog
	Box   vision.Box  // within the frame
	Type  string      // of a vehicle: car, suv, van
	Color string      // of a vehicle, if the scene names it
	Plate string      // of a vehicle whose plate is turned to the camera and wholly in the frame, letters and digits only
	Where vision.Box  // the plate
	Face  vision.Box  // of a person who shows it; W is 0 if she does not
}

// Frame is a picture of a scene.
type Frame struct {
	YUV  []byte // planar 4:2:0, BT.709 in studio range; good until the next frame
	At   time.Duration
	Seen []Seen
}

// RGB is f as pictures are handed to package vision.
func (s Scene) RGB(f Frame) vision.Frame {
	s = s.whole()
	out := vision.Frame{Pix: make([]byte, 3*s.W*s.H), W: s.W, H: s.H, At: f.At}
	cb, cr := f.YUV[s.W*s.H:], f.YUV[s.W*s.H*5/4:]
	level := func(v int) uint8 { return uint8(min(max(v>>16, 0), 255)) }
	for i, o := 0, 0; i < s.W*s.H; i, o = i+1, o+3 {
		c := i/s.W/2*(s.W/2) + i%s.W/2
		y, u, v := (int(f.YUV[i])-16)*76309+1<<15, int(cb[c])-128, int(cr[c])-128
		out.Pix[o], out.Pix[o+1], out.Pix[o+2] = level(y+v*117489), level(y-u*13975-v*34925), level(y+u*138438)
	}
	return out
}

// whole fills in what a scene leaves to us.
func (s Scene) whole() Scene {
	s.W, s.H, s.Rate = cmp.Or(s.W, 1280), cmp.Or(s.H, 720), cmp.Or(s.Rate, 15)
	return s
}

// Program reads a film on its standard input; *exec.Cmd is one.
type Program interface {
	StdinPipe() (io.WriteCloser, error)
	Start() error
	Wait() error
}

// Into has a program, such as ffmpeg with -i pipe:0, read the scene as Y4M writes
// it, and returns once the program has ended.
func (s Scene) Into(ctx context.Context, p Program, start time.Time) ([][]Seen, error) {
	in, err := p.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := p.Start(); err != nil {
		return nil, err
	}
	seen, err := s.Y4M(ctx, in, start)
	return seen, errors.Join(err, in.Close(), p.Wait())
}

// Y4M writes the scene as YUV4MPEG2, which ffmpeg reads, and returns what is in
// each frame. The same scene gives the same film.
func (s Scene) Y4M(ctx context.Context, w io.Writer, start time.Time) (seen [][]Seen, err error) {
	s = s.whole()
	if _, err := fmt.Fprintf(w, "YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 C420mpeg2\n", s.W, s.H, s.Rate); err != nil {
		return nil, err
	}
	err = s.Frames(ctx, start, func(f Frame) error {
		seen = append(seen, f.Seen)
		if _, err := io.WriteString(w, "FRAME\n"); err != nil {
			return err
		}
		_, err := w.Write(f.YUV)
		return err
	})
	return seen, err
}

// Frames draws the scene, one picture after the other, until do returns an error,
// which it returns. start is burnt into the pictures, unless it is zero.
func (s Scene) Frames(ctx context.Context, start time.Time, do func(Frame) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s = s.whole()
	st := newStage(s)
	work := newCanvas(st.lens)
	copy(work.Pix, st.back.Pix)
	for _, l := range st.layers {
		work.over(l.canvas, work.Rect)
	}
	pic := newPicture(s.W, s.H)
	pic.develop(work, work.Rect)
	still := slices.Clone(pic.yuv)
	copy(work.Pix, st.back.Pix)
	title := newCaption(s.W, s.H, s.Label)
	rnd := rand.New(rand.NewPCG(s.Seed, 0x6e6f697365))
	grain := newGrain(s.W*s.H, rnd, map[string]float64{"day": 2.2, "dusk": 3.6, "night": 5, "infrared": 4.4}[s.Mood])
	frame := make([]byte, len(pic.yuv))
	var before image.Rectangle
	cast := slices.Clone(s.Cast)
	for n := range int(s.Seconds * float64(s.Rate)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		t := float64(n) / float64(s.Rate)
		// Take last frame's actors out, then paint actors and the layers in front
		// of them, farthest first.
		for y := before.Min.Y; y < before.Max.Y; y++ {
			i := work.PixOffset(before.Min.X, y)
			copy(work.Pix[i:i+before.Dx()*4], st.back.Pix[i:])
		}
		pic.restore(still, before)
		slices.SortStableFunc(cast, func(a, b Actor) int { return cmp.Compare(b.depth(t), a.depth(t)) })
		before = st.reach(cast, t)
		layers := st.layers
		hide := func(z float64) {
			for ; len(layers) > 0 && layers[0].z > z; layers = layers[1:] {
				work.over(layers[0].canvas, before)
			}
		}
		for _, a := range cast {
			hide(a.depth(t))
			a.paint(work, st, t)
		}
		hide(-1)
		if s.Sway != 0 {
			st.sway(work, t)
		}
		pic.develop(work, before)
		copy(frame, pic.yuv)
		if !start.IsZero() {
			title.burn(frame, start.Add(time.Duration(t*float64(time.Second))))
		}
		grain.scatter(frame[:s.W*s.H], rnd)
		if err := do(Frame{frame, time.Duration(n) * time.Second / time.Duration(s.Rate), st.seen(t)}); err != nil {
			return err
		}
	}
	return nil
}

// seen is what is in the frame at t.
func (st *stage) seen(t float64) (out []Seen) {
	see := func(i int, a Actor) {
		if s, ok := a.seen(st, t); ok {
			s.Actor = i
			out = append(out, s)
		}
	}
	for i, a := range st.Cast {
		see(i, a)
	}
	for i, p := range st.Parked {
		see(len(st.Cast)+i, p)
	}
	return out
}

// boxOf is the part of the frame that points fill; ok when it is at least a few
// pixels large.
func (st *stage) boxOf(points ...vec) (b vision.Box, whole, ok bool) {
	ring := make([]pt, len(points))
	for i, p := range points {
		ring[i] = st.lens.px(p)
	}
	x0, x1 := span(ring, pt{1, 0})
	y0, y1 := span(ring, pt{0, 1})
	w, h := float64(st.lens.w), float64(st.lens.h)
	whole = x0 >= 0 && y0 >= 0 && x1 <= w && y1 <= h
	x0, x1, y0, y1 = clamp(x0, 0, w), clamp(x1, 0, w), clamp(y0, 0, h), clamp(y1, 0, h)
	return vision.Box{X: float32(x0), Y: float32(y0), W: float32(x1 - x0), H: float32(y1 - y0)}, whole, x1-x0 > 4 && y1-y0 > 4
}

// reach is the part of the frame that the actors can touch at t.
func (st *stage) reach(cast []Actor, t float64) (out image.Rectangle) {
	if st.View == Roadside { // cars come as near as the camera hangs
		return st.back.Rect
	}
	for _, a := range cast {
		lo, hi := a.bounds(t)
		if lo.X > 36 || hi.X < -36 {
			continue
		}
		var ring []pt
		for i := range 8 {
			pick := func(bit int, a, b float64) float64 { return map[bool]float64{true: a, false: b}[i&bit == 0] }
			ring = append(ring, st.lens.px(vec{pick(1, lo.X, hi.X), pick(2, lo.Y, hi.Y), pick(4, lo.Z, hi.Z)}))
		}
		x0, x1 := span(ring, pt{1, 0})
		y0, y1 := span(ring, pt{0, 1})
		out = out.Union(image.Rect(int(x0)-12, int(y0)-12, int(x1)+12, int(y1)+12))
	}
	return even(out, st.back.Rect)
}

// picture is a yuv420p frame: luma, then the two chroma planes at half size.
type picture struct {
	w, h  int
	yuv   []byte
	shade []uint16 // light through the lens per pixel, of 256
}

func newPicture(w, h int) *picture {
	p := &picture{w: w, h: h, yuv: make([]byte, w*h*3/2), shade: make([]uint16, w*h)}
	for y := range h {
		for x := range w {
			r := math.Hypot(float64(x-w/2)/float64(w/2), float64(y-h/2)/float64(h/2)*.72)
			dark := clamp((r-.45)/.8, 0, 1)
			p.shade[y*w+x] = uint16((1 - .34*dark*dark - .04*r) * 256)
		}
	}
	return p
}

// develop converts the part b of a canvas (BT.709, studio range).
func (p *picture) develop(c *canvas, b image.Rectangle) {
	b = even(b, c.Rect)
	ch := p.yuv[p.w*p.h:]
	for y := b.Min.Y; y < b.Max.Y; y += 2 {
		for x := b.Min.X; x < b.Max.X; x += 2 {
			var cb, cr int
			for _, o := range [4]int{y*p.w + x, y*p.w + x + 1, (y+1)*p.w + x, (y+1)*p.w + x + 1} {
				q := c.Pix[o*4:][:3:3]
				k := int(p.shade[o])
				r, g, bl := int(q[0])*k, int(q[1])*k, int(q[2])*k // of 65280
				p.yuv[o] = uint8(16 + (r*47865+g*161017+bl*16256)>>26)
				cb += -r*26382 - g*88754 + bl*115138
				cr += r*115138 - g*104580 - bl*10557
			}
			o := y/2*(p.w/2) + x/2
			ch[o] = uint8(128 + cb>>28)
			ch[p.w*p.h/4+o] = uint8(128 + cr>>28)
		}
	}
}

// even grows b to whole pixels of chroma within all.
func even(b, all image.Rectangle) image.Rectangle {
	return image.Rect(b.Min.X&^1, b.Min.Y&^1, (b.Max.X+1)&^1, (b.Max.Y+1)&^1).Intersect(all)
}

// restore copies the part b of another picture.
func (p *picture) restore(from []byte, b image.Rectangle) {
	b = even(b, image.Rect(0, 0, p.w, p.h))
	for y := b.Min.Y; y < b.Max.Y; y++ {
		i := y*p.w + b.Min.X
		copy(p.yuv[i:i+b.Dx()], from[i:])
	}
	for plane := range 2 {
		base := p.w * p.h * (4 + plane) / 4
		for y := b.Min.Y / 2; y < b.Max.Y/2; y++ {
			i := base + y*p.w/2 + b.Min.X/2
			copy(p.yuv[i:i+b.Dx()/2], from[i:])
		}
	}
}

// grain is a sensor's noise: a strip of it laid over each frame at a new place.
type grain []int8

func newGrain(pixels int, r *rand.Rand, sigma float64) grain {
	g := make(grain, pixels+1<<16)
	last := 0.0
	for i := range g { // neighbours share some, as after a camera's own smoothing
		v := r.NormFloat64()
		g[i] = int8(clamp((v+.6*last)*sigma*.85, -60, 60))
		last = v
	}
	return g
}

func (g grain) scatter(luma []byte, r *rand.Rand) {
	g = g[r.IntN(1<<16):][:len(luma)]
	for i, v := range g {
		luma[i] = uint8(min(max(int(luma[i])+int(v), 16), 235))
	}
}

// caption burns camera name and time into the picture, as cameras do.
type caption struct {
	w, h  int // of the frame
	face  font.Face
	label string
}

func newCaption(w, h int, label string) *caption {
	f, err := opentype.Parse(gomonobold.TTF)
	if err != nil {
		panic(err) // compiled in
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: 21, DPI: 72})
	if err != nil {
		panic(err)
	}
	return &caption{w, h, face, label}
}

func (c *caption) burn(yuv []byte, at time.Time) {
	c.text(yuv, 22, 34, at.Format("2006-01-02  15:04:05"))
	c.text(yuv, 22, c.h-18, c.label)
}

func (c *caption) text(yuv []byte, x, y int, s string) {
	m := image.NewAlpha(image.Rect(0, 0, font.MeasureString(c.face, s).Ceil()+4, 30))
	d := font.Drawer{Dst: m, Src: image.Opaque, Face: c.face, Dot: fixed.P(1, 22)}
	d.DrawString(s)
	put := func(dx, dy, level int) {
		for j := range m.Rect.Dy() {
			for i := range m.Rect.Dx() {
				a := int(m.Pix[j*m.Stride+i])
				px, py := x+i+dx, y-22+j+dy
				if a == 0 || px >= c.w || py < 0 || py >= c.h {
					continue
				}
				o := py*c.w + px
				yuv[o] = uint8((int(yuv[o])*(255-a) + level*a) / 255)
				for plane := range 2 {
					q := c.w*c.h*(4+plane)/4 + py/2*(c.w/2) + px/2
					yuv[q] = uint8((int(yuv[q])*(255-a) + 128*a) / 255)
				}
			}
		}
	}
	put(1, 1, 20)
	put(0, 0, 228)
}

// Sound is the street as a WAV file: wind, tyres, steps, and crickets at night or
// birds by day. 16 bit, mono.
func (s Scene) Sound() []byte {
	const rate = 24000
	n := int(s.Seconds * rate)
	rnd := rand.New(rand.NewPCG(s.Seed, 0x736f756e64))
	var b bytes.Buffer
	b.WriteString("RIFF")
	le := func(v any) { binary.Write(&b, binary.LittleEndian, v) }
	le(uint32(36 + 2*n))
	b.WriteString("WAVEfmt ")
	le([]uint16{16, 0, 1, 1})
	le([]uint32{rate, rate * 2})
	le([]uint16{2, 16})
	b.WriteString("data")
	le(uint32(2 * n))
	pcm := make([]int16, n)
	var brown, tyre, rumble, steps float64
	for i := range pcm {
		t := float64(i) / rate
		if i%240 == 0 {
			rumble, steps = 0, 0
			for _, a := range s.Cast {
				v, step := a.heard(t)
				rumble, steps = rumble+v, steps+step
			}
		}
		white := rnd.NormFloat64()
		brown = brown*.996 + white*.02
		tyre += (white - tyre) * .16
		v := brown*.5*(1+.4*math.Sin(t*.7)) + tyre*.42*rumble + white*steps*.05
		switch s.Mood {
		case "night", "infrared", "dusk":
			chirp := math.Mod(t, 1.1)
			if chirp < .42 && math.Mod(chirp, .06) < .034 {
				v += .018 * math.Sin(2*math.Pi*4300*t)
			}
		case "day":
			k := math.Mod(t+float64(s.Seed%5), 3.7)
			if k < .5 {
				v += .05 * math.Sin(math.Pi*k/.5) * math.Sin(2*math.Pi*(2900*t+240*math.Sin(2*math.Pi*9*t)/9))
			}
		}
		pcm[i] = int16(clamp(v*16000, -32000, 32000))
	}
	le(pcm)
	return b.Bytes()
}
