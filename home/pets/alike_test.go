package pets

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	_ "image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	xdraw "golang.org/x/image/draw"

	"porchlight/internal/streets"
	posts "porchlight/pets"
	"porchlight/vision"
	"porchlight/vision/models/modelstest"
	"porchlight/vision/nets"
)

// TestAlikeOnAnimals measures how alike pictures of one animal are, and of
// different animals of a kind, through the networks and the code of this package.
// It says what docs/acts/pets.md tells of alikeEnough and tellAbove, and fails
// when the thresholds no longer part the two.
//
// PORCHLIGHT_ANIMALS is a folder with one folder a kind (dog, cat, bird, horse),
// in it one picture an animal: PNGs cut out, with transparent ground, are put into
// drawn streets by day, at night and in infrared, mirrored, of other sizes, partly
// hidden, blurred, as JPEGs; others are only changed so themselves. Its post shows
// it as it is, before a plain wall.
func TestAlikeOnAnimals(t *testing.T) {
	dir := os.Getenv("PORCHLIGHT_ANIMALS")
	if dir == "" {
		t.Skip("PORCHLIGHT_ANIMALS names no folder of pictures of animals")
	}
	n, err := nets.Open(modelstest.Dir(t))
	if err != nil {
		t.Fatal(err)
	}
	s := &Service{Options: Options{Objects: n, Faces: nobody{}, Likeness: n}}
	animals := postsIn(t, s, dir)
	grounds := map[string]vision.Frame{}
	moods := []string{"day", "night", "infrared"}
	for _, mood := range moods {
		scene := streets.Scene{Seed: 5, Mood: mood, View: streets.Driveway, Seconds: 0.1}
		if err := scene.Frames(t.Context(), time.Time{}, func(f streets.Frame) error { grounds[mood] = scene.RGB(f); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	rng := rand.New(rand.NewPCG(11, 4))
	scores := map[string]*score{}
	for _, mood := range moods {
		sc := &score{}
		scores[mood] = sc
		for _, a := range animals {
			for range 3 {
				sc.stills++
				f, err := decode(sight(t, rng, a.img, grounds[mood], mood))
				if err != nil {
					t.Fatal(err)
				}
				found, _, err := s.describe(f, a.kind)
				if err != nil {
					t.Fatal(err)
				}
				if len(found) == 0 {
					continue
				}
				sc.found++
				first := true
				own := s.best(found, a.wanted)
				sc.same = append(sc.same, own)
				for _, b := range animals {
					if b.name == a.name || kinds[b.kind] == nil || !slices.Equal(sorted(kinds[a.kind]), sorted(kinds[b.kind])) {
						continue
					}
					other := s.best(found, b.wanted)
					sc.other = append(sc.other, other)
					first = first && own > other
				}
				if first {
					sc.first++
				}
			}
		}
	}
	all := &score{}
	for _, mood := range moods {
		sc := scores[mood]
		all.same, all.other = append(all.same, sc.same...), append(all.other, sc.other...)
		all.stills, all.found, all.first = all.stills+sc.stills, all.found+sc.found, all.first+sc.first
		t.Logf("%s: %s", mood, sc)
	}
	t.Logf("all: %s", all)
	if len(all.same) == 0 {
		t.Fatal("no animal was found in any still")
	}
	if share(all.same, alikeEnough) < 0.75 || share(all.other, tellAbove) > 0.02 {
		t.Errorf("of one animal's stills %.0f %% are shown, of other animals' the household is told of %.1f %%", 100*share(all.same, alikeEnough), 100*share(all.other, tellAbove))
	}
}

// score is what came of some stills.
type score struct {
	stills, found, first int
	same, other          []float32
}

func (s *score) String() string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "animal found in %d of %d stills; its own post is the most alike in %d\n", s.found, s.stills, s.first)
	for _, row := range []struct {
		name string
		all  []float32
	}{{"same animal", s.same}, {"another", s.other}} {
		slices.Sort(row.all)
		fmt.Fprintf(&b, "  %-12s %6d pairs;", row.name, len(row.all))
		for _, p := range []int{1, 5, 25, 50, 75, 95, 99} {
			if len(row.all) > 0 {
				fmt.Fprintf(&b, " p%d %.2f", p, row.all[(len(row.all)-1)*p/100])
			}
		}
		fmt.Fprintln(&b)
	}
	for th := float32(0.5); th < 0.96; th += 0.05 {
		fmt.Fprintf(&b, "  from %.2f: same %5.1f %%, another %5.1f %%\n", th, 100*share(s.same, th), 100*share(s.other, th))
	}
	return b.String()
}

// share is how much of all is at least so much.
func share(all []float32, least float32) float64 {
	n := 0
	for _, v := range all {
		if v >= least {
			n++
		}
	}
	return float64(n) / float64(max(1, len(all)))
}

func (s *Service) best(found []seen, wanted animal) (best float32) {
	for _, a := range found {
		best = max(best, s.Likeness.Alike(a.vector, wanted.vector))
	}
	return best
}

func sorted(kinds []vision.Kind) []vision.Kind { return slices.Sorted(slices.Values(kinds)) }

// nobody is a street without people.
type nobody struct{}

func (nobody) Faces(vision.Frame) ([]vision.Face, error) { return nil, nil }

type posted struct {
	name   string
	kind   posts.Animal
	img    image.Image
	wanted animal
}

// postsIn are the animals of a folder whose picture a post could show.
func postsIn(t *testing.T, s *Service, dir string) (all []posted) {
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no pictures in %s, %v", dir, err)
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		img, _, err := image.Decode(f)
		f.Close()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		p := posted{name: filepath.Base(name), kind: posts.Animal(filepath.Base(filepath.Dir(name))), img: img}
		wall := image.NewRGBA(image.Rect(0, 0, 512, 512))
		draw.Draw(wall, wall.Rect, image.NewUniform(color.RGBA{196, 190, 178, 255}), image.Point{}, draw.Src)
		xdraw.CatmullRom.Scale(wall, fit(img.Bounds(), wall.Rect, 420), img, img.Bounds(), draw.Over, nil)
		var why Why
		if p.wanted, why, err = s.subject(encode(t, wall, 85), p.kind); err != nil {
			t.Fatal(err)
		}
		if why != "" {
			t.Logf("%s: nothing to look for: %s", name, why)
			continue
		}
		all = append(all, p)
	}
	t.Logf("%d of %d pictures make a post", len(all), len(files))
	return all
}

// fit is a place in the middle of where for a picture whose longer side is side.
func fit(of, where image.Rectangle, side int) image.Rectangle {
	scale := float64(side) / float64(max(of.Dx(), of.Dy()))
	w, h := int(float64(of.Dx())*scale), int(float64(of.Dy())*scale)
	x, y := where.Min.X+(where.Dx()-w)/2, where.Min.Y+(where.Dy()-h)/2
	return image.Rect(x, y, x+w, y+h)
}

// sight is a camera's still of an animal.
func sight(t *testing.T, rng *rand.Rand, img image.Image, ground vision.Frame, mood string) []byte {
	out := image.NewRGBA(image.Rect(0, 0, ground.W, ground.H))
	for i := range ground.W * ground.H {
		copy(out.Pix[4*i:], ground.Pix[3*i:][:3])
		out.Pix[4*i+3] = 0xff
	}
	side := 110 + rng.IntN(220)
	where := fit(img.Bounds(), out.Rect, side).Add(image.Pt(rng.IntN(600)-300, 100+rng.IntN(120)))
	part := image.NewRGBA(img.Bounds())
	draw.Draw(part, part.Rect, img, part.Rect.Min, draw.Src)
	light, noise := 0.8+0.4*rng.Float64(), 3.0
	if mood != "day" {
		light, noise = 0.3+0.4*rng.Float64(), 9
	}
	warm := 0.92 + 0.16*rng.Float64() // the light's colour
	tint := [3]float64{light * warm, light, light / warm}
	mirrored := rng.IntN(2) == 0
	for y := part.Rect.Min.Y; y < part.Rect.Max.Y; y++ {
		row := part.Pix[part.PixOffset(part.Rect.Min.X, y):][:4*part.Rect.Dx()]
		for x := range part.Rect.Dx() {
			p := row[4*x:][:4]
			if mood == "infrared" {
				g := (float64(p[0])*0.45 + float64(p[1])*0.4 + float64(p[2])*0.15) * (light + 0.4)
				p[0], p[1], p[2] = level(g, p[3]), level(g, p[3]), level(g, p[3])
				continue
			}
			for i := range 3 {
				p[i] = level(float64(p[i])*tint[i], p[3])
			}
		}
		if mirrored {
			for a, b := 0, part.Rect.Dx()-1; a < b; a, b = a+1, b-1 {
				for i := range 4 {
					row[4*a+i], row[4*b+i] = row[4*b+i], row[4*a+i]
				}
			}
		}
	}
	if rng.IntN(3) == 0 { // a bush hides a part
		cut := part.Rect
		cut.Min.X += cut.Dx() * (65 + rng.IntN(20)) / 100
		draw.Draw(part, cut, image.Transparent, image.Point{}, draw.Src)
	}
	xdraw.ApproxBiLinear.Scale(out, where, part, part.Rect, draw.Over, nil)
	if rng.IntN(2) == 0 { // it moved
		smear(out, where, 2+rng.IntN(4))
	}
	for i := 0; i < len(out.Pix); i += 4 {
		grain := rng.NormFloat64() * noise
		for k := range 3 {
			if mood != "infrared" && k > 0 {
				grain = rng.NormFloat64() * noise
			}
			out.Pix[i+k] = uint8(max(0, min(255, float64(out.Pix[i+k])+grain)))
		}
	}
	return encode(t, out, 60+rng.IntN(30))
}

// level keeps a premultiplied colour within its alpha.
func level(v float64, alpha uint8) uint8 { return uint8(min(math.Round(v), float64(alpha))) }

// smear is a movement to the side of so many pixels.
func smear(img *image.RGBA, where image.Rectangle, by int) {
	where = where.Inset(-by).Intersect(img.Rect)
	for y := where.Min.Y; y < where.Max.Y; y++ {
		for x := where.Min.X; x < where.Max.X-by; x++ {
			o := img.PixOffset(x, y)
			for i := range 3 {
				sum := 0
				for k := range by {
					sum += int(img.Pix[o+4*k+i])
				}
				img.Pix[o+i] = uint8(sum / by)
			}
		}
	}
}

func encode(t *testing.T, img image.Image, quality int) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
