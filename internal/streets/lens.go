package streets

import (
	"image"
	"image/color"
	"math"

	"golang.org/x/image/vector"
)

// pt is a point of a frame in pixels, or of a vehicle's outline in metres.
type pt struct{ X, Y float64 }

func (a pt) add(b pt) pt              { return pt{a.X + b.X, a.Y + b.Y} }
func (a pt) sub(b pt) pt              { return pt{a.X - b.X, a.Y - b.Y} }
func (a pt) mul(k float64) pt         { return pt{a.X * k, a.Y * k} }
func (a pt) dot(b pt) float64         { return a.X*b.X + a.Y*b.Y }
func (a pt) len() float64             { return math.Hypot(a.X, a.Y) }
func (a pt) unit() pt                 { return a.mul(1 / math.Max(a.len(), 1e-9)) }
func lerp(a, b pt, t float64) pt      { return a.add(b.sub(a).mul(t)) }
func mix(a, b, t float64) float64     { return a + (b-a)*t }
func clamp(v, lo, hi float64) float64 { return math.Max(lo, math.Min(hi, v)) }

// span is how far a ring reaches along n.
func span(r []pt, n pt) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, p := range r {
		lo, hi = math.Min(lo, p.dot(n)), math.Max(hi, p.dot(n))
	}
	return lo, hi
}

// vec is a point of a scene: metres to the right of the camera, above the ground,
// and away from the house.
type vec struct{ X, Y, Z float64 }

func (a vec) add(b vec) vec           { return vec{a.X + b.X, a.Y + b.Y, a.Z + b.Z} }
func (a vec) sub(b vec) vec           { return vec{a.X - b.X, a.Y - b.Y, a.Z - b.Z} }
func (a vec) mul(k float64) vec       { return vec{a.X * k, a.Y * k, a.Z * k} }
func (a vec) dot(b vec) float64       { return a.X*b.X + a.Y*b.Y + a.Z*b.Z }
func (a vec) len() float64            { return math.Sqrt(a.dot(a)) }
func (a vec) unit() vec               { return a.mul(1 / math.Max(a.len(), 1e-9)) }
func (a vec) cross(b vec) vec         { return vec{a.Y*b.Z - a.Z*b.Y, a.Z*b.X - a.X*b.Z, a.X*b.Y - a.Y*b.X} }
func between(a, b vec, t float64) vec { return a.add(b.sub(a).mul(t)) }

// RGB is light: linear, 1 being a white wall in the open shade.
type RGB struct{ R, G, B float64 }

func (a RGB) add(b RGB) RGB     { return RGB{a.R + b.R, a.G + b.G, a.B + b.B} }
func (a RGB) mul(k float64) RGB { return RGB{a.R * k, a.G * k, a.B * k} }
func (a RGB) by(b RGB) RGB      { return RGB{a.R * b.R, a.G * b.G, a.B * b.B} }
func (a RGB) to(b RGB, t float64) RGB {
	return RGB{mix(a.R, b.R, t), mix(a.G, b.G, t), mix(a.B, b.B, t)}
}

// Hex is a paint given as on a colour card.
func Hex(v uint32) RGB { return RGB{light[v>>16&255], light[v>>8&255], light[v&255]} }

// light is how much light each of the 256 steps of a colour means.
var light = func() (l [256]float64) {
	for i := range l {
		l[i] = math.Pow(float64(i)/255, 2.2)
	}
	return l
}()

// A lens is equidistant: the distance from the middle of the frame grows with
// the angle. A wide one is a doorbell's fisheye, a narrow one is as good as
// straight. It tilts down by pitch radians.
type lens struct {
	w, h     int // pixels of the frame, even
	at       vec
	f        float64 // pixels a radian
	sin, cos float64
	rays     []vec // of every pixel, lazily filled for static scenes
}

func newLens(w, h int, at vec, degrees, pitch float64) *lens {
	l := &lens{w: w, h: h, at: at, f: float64(w) / 2 / (degrees / 2 * math.Pi / 180), sin: math.Sin(pitch), cos: math.Cos(pitch)}
	l.rays = make([]vec, w*h)
	for y := range h {
		for x := range w {
			l.rays[y*w+x] = l.ray(float64(x)+.5, float64(y)+.5)
		}
	}
	return l
}

func (l *lens) ray(x, y float64) vec {
	dx, dy := x-float64(l.w)/2, y-float64(l.h)/2
	r := math.Hypot(dx, dy)
	s, c := math.Sincos(r / l.f)
	k := s / math.Max(r, 1e-9)
	v := vec{dx * k, -dy * k, c}
	return vec{v.X, v.Y*l.cos - v.Z*l.sin, v.Y*l.sin + v.Z*l.cos}
}

// px projects a point onto the frame.
func (l *lens) px(p vec) pt {
	d := p.sub(l.at)
	v := vec{d.X, d.Y*l.cos + d.Z*l.sin, -d.Y*l.sin + d.Z*l.cos}
	flat := math.Hypot(v.X, v.Y)
	r := l.f * math.Atan2(flat, v.Z)
	k := r / math.Max(flat, 1e-9)
	return pt{float64(l.w)/2 + v.X*k, float64(l.h)/2 - v.Y*k}
}

// scale is the pixels a metre has at p, across the line of sight.
func (l *lens) scale(p vec) float64 { return l.f / p.sub(l.at).len() }

// A canvas is a picture being painted: premultiplied RGBA and the part of it that
// was touched.
type canvas struct {
	*image.RGBA
	lens    *lens
	touched image.Rectangle
	raster  vector.Rasterizer
	mask    *image.Alpha
}

func newCanvas(l *lens) *canvas {
	all := image.Rect(0, 0, l.w, l.h)
	return &canvas{RGBA: image.NewRGBA(all), lens: l, mask: image.NewAlpha(all)}
}

// A shader gives the colour of a pixel, in display terms, at the point p of the
// surface being painted.
type shader func(p vec) color.RGBA

// outline projects a ring in space; long edges are cut so that they bend as the
// lens bends them.
func (c *canvas) outline(ring []vec) []pt {
	out := make([]pt, 0, len(ring)*2)
	for i, a := range ring {
		b := ring[(i+1)%len(ring)]
		n := 1 + int(c.lens.px(b).sub(c.lens.px(a)).len()/40)
		for k := range min(n, 60) {
			out = append(out, c.lens.px(between(a, b, float64(k)/float64(min(n, 60)))))
		}
	}
	return out
}

// face paints a flat polygon in space.
func (c *canvas) face(ring []vec, s shader) {
	n := ring[1].sub(ring[0]).cross(ring[2].sub(ring[0])).unit()
	h := n.dot(ring[0].sub(c.lens.at))
	c.fill(c.outline(ring), func(x, y int) (color.RGBA, bool) {
		r := c.lens.rays[y*c.lens.w+x]
		t := h / n.dot(r)
		if t <= 0 || t > 4000 {
			return color.RGBA{}, false
		}
		return s(c.lens.at.add(r.mul(t))), true
	})
}

// flat paints a polygon on the frame in one colour.
func (c *canvas) flat(ring []pt, col color.RGBA) {
	c.fill(ring, func(int, int) (color.RGBA, bool) { return col, true })
}

// fill paints the pixels of a ring with soft edges; col is not premultiplied.
func (c *canvas) fill(ring []pt, col func(x, y int) (color.RGBA, bool)) {
	x0, x1 := span(ring, pt{1, 0})
	y0, y1 := span(ring, pt{0, 1})
	b := image.Rect(int(math.Floor(x0)), int(math.Floor(y0)), int(math.Ceil(x1))+1, int(math.Ceil(y1))+1).Intersect(c.Rect)
	if b.Empty() {
		return
	}
	// The rasteriser draws into b only; edges left of or above it are clamped to
	// its border, which keeps the winding right.
	w, h := b.Dx(), b.Dy()
	c.raster.Reset(w, h)
	for i, p := range ring {
		x, y := float32(p.X-float64(b.Min.X)), float32(clamp(p.Y-float64(b.Min.Y), -1, float64(h)+1))
		x = float32(clamp(float64(x), -1, float64(w)+1))
		if i == 0 {
			c.raster.MoveTo(x, y)
		} else {
			c.raster.LineTo(x, y)
		}
	}
	c.raster.ClosePath()
	mask := &image.Alpha{Pix: c.mask.Pix[:w*h], Stride: w, Rect: image.Rect(0, 0, w, h)}
	clear(mask.Pix)
	c.raster.Draw(mask, mask.Rect, image.Opaque, image.Point{})
	for y := range h {
		for x := range w {
			m := uint32(mask.Pix[y*w+x])
			if m == 0 {
				continue
			}
			v, ok := col(b.Min.X+x, b.Min.Y+y)
			if !ok {
				continue
			}
			c.blend(b.Min.X+x, b.Min.Y+y, v, m*uint32(v.A)/255)
		}
	}
	c.touched = c.touched.Union(b)
}

// blend lays col over a pixel with alpha a of 255.
func (c *canvas) blend(x, y int, col color.RGBA, a uint32) {
	q := c.Pix[c.PixOffset(x, y):][:4:4]
	k := 255 - a
	q[0] = uint8((uint32(col.R)*a + uint32(q[0])*k) / 255)
	q[1] = uint8((uint32(col.G)*a + uint32(q[1])*k) / 255)
	q[2] = uint8((uint32(col.B)*a + uint32(q[2])*k) / 255)
	q[3] = uint8((255*a + uint32(q[3])*k) / 255)
}

// glow adds light around a point of the frame, fading to nothing at radius.
func (c *canvas) glow(at pt, radius float64, col RGB) {
	b := image.Rect(int(at.X-radius), int(at.Y-radius), int(at.X+radius)+1, int(at.Y+radius)+1).Intersect(c.Rect)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			d := math.Hypot(float64(x)-at.X, float64(y)-at.Y) / radius
			if d < 1 {
				k := (1 - d) * (1 - d) * (0.3 + 0.7*(1-d)*(1-d)*(1-d)) * 255
				c.light(x, y, col.mul(k))
			}
		}
	}
	c.touched = c.touched.Union(b)
}

// light adds to a pixel, in display values.
func (c *canvas) light(x, y int, v RGB) {
	q := c.Pix[c.PixOffset(x, y):][:4:4]
	q[0] = uint8(math.Min(255, float64(q[0])+v.R))
	q[1] = uint8(math.Min(255, float64(q[1])+v.G))
	q[2] = uint8(math.Min(255, float64(q[2])+v.B))
}

// over lays a picture over this one, within b.
func (c *canvas) over(top *canvas, b image.Rectangle) {
	b = b.Intersect(top.touched)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		i, n := c.PixOffset(b.Min.X, y), b.Dx()*4
		d, s := c.Pix[i:i+n], top.Pix[i:i+n]
		for j := 0; j < n; j += 4 {
			switch a := uint32(s[j+3]); a {
			case 0:
			case 255:
				copy(d[j:j+4], s[j:j+4])
			default:
				k := 255 - a
				for z := range 4 {
					d[j+z] = uint8(uint32(s[j+z]) + uint32(d[j+z])*k/255)
				}
			}
		}
	}
}

// noise is smooth value noise in [0, 1].
func noise(x, y float64) float64 {
	xi, yi := math.Floor(x), math.Floor(y)
	fx, fy := x-xi, y-yi
	fx, fy = fx*fx*(3-2*fx), fy*fy*(3-2*fy)
	a, b := int(xi), int(yi)
	return mix(mix(speck(a, b), speck(a+1, b), fx), mix(speck(a, b+1), speck(a+1, b+1), fx), fy)
}

func clouds(x, y float64) float64 {
	return noise(x, y)*.5 + noise(x*2.1+7, y*2.1)*.25 + noise(x*4.3, y*4.3+3)*.15 + noise(x*9, y*9)*.1
}

// speck is a hash of a lattice point in [0, 1].
func speck(x, y int) float64 {
	h := uint32(x)*0x9e3779b1 ^ uint32(y)*0x85ebca77
	h = (h ^ h>>15) * 0x2c1b3c6d
	h = (h ^ h>>12) * 0x297a2d39
	return float64(h^h>>15) / float64(math.MaxUint32)
}
