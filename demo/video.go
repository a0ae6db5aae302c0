package demo

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomonobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// A Clip is a video file as a resident's camera app would have saved it.
type Clip struct {
	Name    string        // "elm-front-door", also the file's stem
	Path    string        // on disk
	Address string        // of the house whose camera saw it
	Camera  string        // "Front door"
	Start   time.Time     // of the first frame
	Length  time.Duration // a whole number of frames
	Codec   string        // h264 or hevc
	Serial  string        // of the camera; it stands in the file's metadata, so that stripping can be checked
	Size    int64         // bytes
}

// File is the clip's name on disk and in links.
func (c Clip) File() string { return filepath.Base(c.Path) }

// clipIndex lists, in the clips' folder, those that are there.
const clipIndex = "clips.json"

// look is bumped when drawing changes, so that cached clips are made anew.
const look = 4

// recording is a clip to be made.
type recording struct {
	Clip
	scene
	container string // mp4, mov or mkv
	door      LonLat
}

// Clips renders the demo's videos into dir, two at a time, and returns them. A
// clip whose picture, time and place are unchanged is taken from dir. The evening
// is the incident's: the clips begin between 16:30 and 18:00 of its day, but for one from its early afternoon.
//
// It needs ffmpeg with libx264 and libx265; its error says so when it is missing.
func Clips(ctx context.Context, t *Town, dir string, evening time.Time) ([]Clip, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	recs := t.recordings(evening)
	out := make([]Clip, len(recs))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	ready := func(i int, c Clip) error {
		mu.Lock()
		defer mu.Unlock()
		out[i] = c
		index, err := json.Marshal(slices.DeleteFunc(slices.Clone(out), func(c Clip) bool { return c.Path == "" }))
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, clipIndex), index, 0o644)
	}
	next, done := make(chan int), make(chan struct{})
	for range 2 {
		go func() {
			defer func() { done <- struct{}{} }()
			for i := range next {
				c, err := recs[i].make(ctx, dir)
				if err == nil {
					err = ready(i, c)
				}
				if err != nil {
					cancel(fmt.Errorf("clip %s: %w", recs[i].Name, err))
				}
			}
		}()
	}
	for i := range recs {
		if ctx.Err() == nil {
			next <- i
		}
	}
	close(next)
	<-done
	<-done
	return out, context.Cause(ctx)
}

func (r recording) make(ctx context.Context, dir string) (Clip, error) {
	key := sha256.Sum256(fmt.Appendf(nil, "%d %+v", look, r))
	c := r.Clip
	c.Path = filepath.Join(dir, fmt.Sprintf("%s-%x.%s", r.Name, key[:4], r.container))
	if _, err := os.Stat(c.Path); errors.Is(err, os.ErrNotExist) {
		if err := r.render(ctx, c.Path); err != nil {
			return Clip{}, err
		}
	}
	info, err := os.Stat(c.Path)
	if err != nil {
		return Clip{}, err
	}
	c.Size = info.Size()
	return c, nil
}

// render draws the frames into ffmpeg and moves the finished file to path, and a
// still of it to path.jpg.
func (r recording) render(ctx context.Context, path string) error {
	bin, err := exec.LookPath("ffmpeg")
	if err != nil {
		return errors.New("ffmpeg is needed to make the demo's videos (apt-get install ffmpeg)")
	}
	tmp, err := os.MkdirTemp(filepath.Dir(path), ".render-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	sound := filepath.Join(tmp, "sound.wav")
	if err := os.WriteFile(sound, r.sound(), 0o644); err != nil {
		return err
	}
	file := filepath.Join(tmp, "clip."+r.container)
	args := []string{"-hide_banner", "-loglevel", "error", "-nostdin",
		"-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", fmt.Sprintf("%dx%d", frameW, frameH), "-r", fmt.Sprint(frameRate), "-i", "pipe:0", "-i", sound,
		"-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv", "-threads", "1"}
	if r.Codec == "hevc" {
		args = append(args, "-c:v", "libx265", "-preset", "ultrafast", "-crf", "30", "-tag:v", "hvc1", "-x265-params", "log-level=error:pools=1:keyint=30")
	} else {
		args = append(args, "-c:v", "libx264", "-preset", "veryfast", "-crf", "27", "-maxrate", "2600k", "-bufsize", "5200k", "-g", "30", "-profile:v", "main")
	}
	args = append(args, "-c:a", "aac", "-b:a", "48k", "-shortest")
	for _, m := range []string{"make=Lanternfish", "model=Lanternfish Doorbell 2", "serial_number=" + r.Serial, "comment=" + r.Serial + " at " + r.Address,
		fmt.Sprintf("location=%+.4f%+09.4f/", r.door[1], r.door[0]), "creation_time=" + r.Start.UTC().Format(time.RFC3339)} {
		args = append(args, "-metadata", m)
	}
	if r.container != "mkv" {
		args = append(args, "-movflags", "+faststart+use_metadata_tags")
	}
	cmd := exec.CommandContext(ctx, bin, append(args, file)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	w := bufio.NewWriterSize(in, 1<<20)
	err = r.frames(ctx, w)
	err = errors.Join(err, w.Flush(), in.Close())
	if wait := cmd.Wait(); wait != nil {
		return fmt.Errorf("ffmpeg: %w: %s", wait, strings.TrimSpace(said.String()))
	}
	if err != nil {
		return err
	}
	still := exec.CommandContext(ctx, bin, "-hide_banner", "-loglevel", "error", "-nostdin", "-ss", fmt.Sprintf("%.2f", r.seconds*.42), "-i", file,
		"-frames:v", "1", "-vf", "scale=640:-2", "-q:v", "4", file+".jpg")
	if out, err := still.CombinedOutput(); err != nil {
		return fmt.Errorf("ffmpeg: %w: %s", err, bytes.TrimSpace(out))
	}
	if err := os.Rename(file+".jpg", path+".jpg"); err != nil {
		return err
	}
	return os.Rename(file, path)
}

// frames writes the scene as raw yuv420p pictures.
func (r recording) frames(ctx context.Context, w io.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	st := newStage(r.scene)
	work := newCanvas(st.lens)
	copy(work.Pix, st.back.Pix)
	for _, l := range st.layers {
		work.over(l.canvas, work.Rect)
	}
	pic := newPicture()
	pic.develop(work, work.Rect)
	still := slices.Clone(pic.yuv)
	copy(work.Pix, st.back.Pix)
	title := newCaption(r.label)
	rnd := rand.New(rand.NewPCG(r.seed, 0x6e6f697365))
	grain := newGrain(rnd, map[string]float64{"day": 2.2, "dusk": 3.6, "night": 5, "infrared": 4.4}[r.mood])
	frame := make([]byte, len(pic.yuv))
	var before image.Rectangle
	cast := slices.Clone(r.cast)
	for n := range int(r.seconds * frameRate) {
		if err := ctx.Err(); err != nil {
			return err
		}
		t := float64(n) / frameRate
		// Take last frame's actors out, then paint actors and the layers in front
		// of them, farthest first.
		for y := before.Min.Y; y < before.Max.Y; y++ {
			i := work.PixOffset(before.Min.X, y)
			copy(work.Pix[i:i+before.Dx()*4], st.back.Pix[i:])
		}
		pic.restore(still, before)
		slices.SortStableFunc(cast, func(a, b actor) int { return cmp.Compare(b.depth(t), a.depth(t)) })
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
		pic.develop(work, before)
		copy(frame, pic.yuv)
		title.burn(frame, r.Start.Add(time.Duration(t*float64(time.Second))))
		grain.scatter(frame[:frameW*frameH], rnd)
		if _, err := w.Write(frame); err != nil {
			return err
		}
	}
	return nil
}

// reach is the part of the frame that the actors can touch at t.
func (st *stage) reach(cast []actor, t float64) (out image.Rectangle) {
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
	return even(out.Intersect(image.Rect(0, 0, frameW, frameH)))
}

// picture is a yuv420p frame: luma, then the two chroma planes at half size.
type picture struct {
	yuv   []byte
	shade []uint16 // light through the lens per pixel, of 256
}

func newPicture() *picture {
	p := &picture{yuv: make([]byte, frameW*frameH*3/2), shade: make([]uint16, frameW*frameH)}
	for y := range frameH {
		for x := range frameW {
			p.shade[y*frameW+x] = uint16(shadeAt(x, y) * 256)
		}
	}
	return p
}

// develop converts the part b of a canvas (BT.709, studio range).
func (p *picture) develop(c *canvas, b image.Rectangle) {
	b = even(b)
	ch := p.yuv[frameW*frameH:]
	for y := b.Min.Y; y < b.Max.Y; y += 2 {
		for x := b.Min.X; x < b.Max.X; x += 2 {
			var cb, cr int
			for _, o := range [4]int{y*frameW + x, y*frameW + x + 1, (y+1)*frameW + x, (y+1)*frameW + x + 1} {
				q := c.Pix[o*4:][:3:3]
				k := int(p.shade[o])
				r, g, bl := int(q[0])*k, int(q[1])*k, int(q[2])*k // of 65280
				p.yuv[o] = uint8(16 + (r*47865+g*161017+bl*16256)>>26)
				cb += -r*26382 - g*88754 + bl*115138
				cr += r*115138 - g*104580 - bl*10557
			}
			o := y/2*(frameW/2) + x/2
			ch[o] = uint8(128 + cb>>28)
			ch[frameW*frameH/4+o] = uint8(128 + cr>>28)
		}
	}
}

func even(b image.Rectangle) image.Rectangle {
	return image.Rect(b.Min.X&^1, b.Min.Y&^1, (b.Max.X+1)&^1, (b.Max.Y+1)&^1).Intersect(image.Rect(0, 0, frameW, frameH))
}

// restore copies the part b of another picture.
func (p *picture) restore(from []byte, b image.Rectangle) {
	b = even(b)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		i := y*frameW + b.Min.X
		copy(p.yuv[i:i+b.Dx()], from[i:])
	}
	for plane := range 2 {
		base := frameW * frameH * (4 + plane) / 4
		for y := b.Min.Y / 2; y < b.Max.Y/2; y++ {
			i := base + y*frameW/2 + b.Min.X/2
			copy(p.yuv[i:i+b.Dx()/2], from[i:])
		}
	}
}

// grain is a sensor's noise: a strip of it laid over each frame at a new place.
type grain []int8

func newGrain(r *rand.Rand, sigma float64) grain {
	g := make(grain, frameW*frameH+1<<16)
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
	face  font.Face
	label string
}

func newCaption(label string) *caption {
	f, err := opentype.Parse(gomonobold.TTF)
	if err != nil {
		panic(err) // compiled in
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: 21, DPI: 72})
	if err != nil {
		panic(err)
	}
	return &caption{face, label}
}

func (c *caption) burn(yuv []byte, at time.Time) {
	c.text(yuv, 22, 34, at.Format("2006-01-02  15:04:05"))
	c.text(yuv, 22, frameH-18, c.label)
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
				if a == 0 || px >= frameW || py < 0 || py >= frameH {
					continue
				}
				o := py*frameW + px
				yuv[o] = uint8((int(yuv[o])*(255-a) + level*a) / 255)
				for plane := range 2 {
					q := frameW*frameH*(4+plane)/4 + py/2*(frameW/2) + px/2
					yuv[q] = uint8((int(yuv[q])*(255-a) + 128*a) / 255)
				}
			}
		}
	}
	put(1, 1, 20)
	put(0, 0, 228)
}

// sound is the street as a WAV file: wind, tyres, steps, and crickets at night or
// birds by day. 16 bit, mono.
func (r recording) sound() []byte {
	const rate = 24000
	n := int(r.seconds * rate)
	rnd := rand.New(rand.NewPCG(r.seed, 0x736f756e64))
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
			for _, a := range r.cast {
				v, s := a.heard(t)
				rumble, steps = rumble+v, steps+s
			}
		}
		white := rnd.NormFloat64()
		brown = brown*.996 + white*.02
		tyre += (white - tyre) * .16
		v := brown*.5*(1+.4*math.Sin(t*.7)) + tyre*.42*rumble + white*steps*.05
		switch r.mood {
		case "night", "infrared", "dusk":
			chirp := math.Mod(t, 1.1)
			if chirp < .42 && math.Mod(chirp, .06) < .034 {
				v += .018 * math.Sin(2*math.Pi*4300*t)
			}
		case "day":
			k := math.Mod(t+float64(r.seed%5), 3.7)
			if k < .5 {
				v += .05 * math.Sin(math.Pi*k/.5) * math.Sin(2*math.Pi*(2900*t+240*math.Sin(2*math.Pi*9*t)/9))
			}
		}
		pcm[i] = int16(clamp(v*16000, -32000, 32000))
	}
	le(pcm)
	return b.Bytes()
}
