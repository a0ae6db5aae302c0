package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os/exec"
	"strings"
	"time"

	"porchlight/internal/streets"
	"porchlight/vision"
	"porchlight/vision/models"
	"porchlight/vision/nets"
	reader "porchlight/vision/plates"
)

// seeing measures how many full-HD frames one core looks at, against finding and
// reading all text in the whole frame with the same networks; and how many plates
// of drawn cars are read exactly, against PP-OCR's own recogniser and Debian's
// tesseract on the same crops.
func seeing(ctx context.Context, f figures) error {
	dir, err := models.Dir()
	if err != nil {
		return err
	}
	n, err := nets.Open(dir)
	if err != nil {
		return err
	}
	defer n.Close()
	r, err := reader.Open(n)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := framesASecond(ctx, f, n, r); err != nil {
		return err
	}
	return exactly(ctx, f, n, r)
}

// street is full-HD frames of a drawn road, and the vehicles in each.
func street(ctx context.Context, passes ...streets.Pass) (frames []vision.Frame, vehicles [][]vision.Thing, err error) {
	s := streets.Road(3, "day", 4, passes...)
	s.W, s.H, s.Rate = 1920, 1080, 4
	done := errors.New("enough")
	err = s.Frames(ctx, time.Time{}, func(fr streets.Frame) error {
		var things []vision.Thing
		for _, v := range fr.Seen {
			if v.Kind != "person" && v.Kind != "dog" && v.Kind != "bicycle" {
				things = append(things, vision.Thing{Kind: v.Kind, Box: v.Box, Score: 1})
			}
		}
		if (len(things) > 0) == (len(passes) > 0) {
			frames, vehicles = append(frames, s.RGB(fr)), append(vehicles, things)
		}
		if len(frames) == 8 {
			return done
		}
		return nil
	})
	if errors.Is(err, done) {
		err = nil
	}
	if err == nil && len(frames) == 0 {
		err = errors.New("the drawn road has no frame to look at")
	}
	return frames, vehicles, err
}

func framesASecond(ctx context.Context, f figures, n *nets.Nets, r *reader.Reader) error {
	busy, vehicles, err := street(ctx, streets.Pass{Plate: "ZZT 1234", Type: "car", Color: "silver", At: 2, Speed: 9}, streets.Pass{Plate: "ZZK 5678", Type: "suv", Color: "white", At: 2, Speed: 9, Nearer: true})
	if err != nil {
		return err
	}
	empty, _, err := street(ctx)
	if err != nil {
		return err
	}
	// The vehicles are those that were drawn, so that the figure does not depend on
	// whether the finder takes a drawing for a car; the finder's time is counted.
	ours := func(frames []vision.Frame, vehicles [][]vision.Thing) (float64, error) {
		return rate(len(frames), func(i int) error {
			if _, err := n.Objects(frames[i]); err != nil {
				return err
			}
			if len(vehicles[i]) == 0 {
				return nil
			}
			_, err := r.Plates(frames[i], vehicles[i])
			return err
		})
	}
	plainly := func(frames []vision.Frame) (float64, error) {
		return rate(len(frames), func(i int) error {
			fr := frames[i]
			lines, err := n.Text(fr, vision.Box{W: float32(fr.W), H: float32(fr.H)}, nets.TextOptions{})
			if err != nil {
				return err
			}
			for _, l := range lines {
				if _, err := n.ReadText(nets.Straighten(fr, l.Quad, 320, nets.StripHeight)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	const baseline = "PP-OCR finds and reads all text of the frame"
	for _, c := range []struct {
		name     string
		frames   []vision.Frame
		vehicles [][]vision.Thing
	}{{"vision-vehicles", busy, vehicles}, {"vision-empty", empty, make([][]vision.Thing, len(empty))}} {
		got, err := ours(c.frames, c.vehicles)
		if err != nil {
			return err
		}
		other, err := plainly(c.frames)
		if err != nil {
			return err
		}
		f.add(c.name, got, "frames/s/core", baseline, other)
	}
	return nil
}

// rate is how often do runs in a second, by the median of n runs after a first.
func rate(n int, do func(i int) error) (float64, error) {
	if err := do(0); err != nil { // loads the networks
		return 0, err
	}
	took := make([]float64, n)
	for i := range n {
		began := time.Now()
		if err := do(i); err != nil {
			return 0, err
		}
		took[i] = time.Since(began).Seconds()
	}
	return 1 / median(took), nil
}

// exactly reads drawn cars' rears from near and far.
func exactly(ctx context.Context, f figures, n *nets.Nets, r *reader.Reader) error {
	if _, err := exec.LookPath("tesseract"); err != nil {
		return errors.New("tesseract is missing: run make setup-bench")
	}
	const cars = 60
	var ours, plainly, tesseract int
	for i := range cars {
		text := fmt.Sprintf("%c%c%c %04d", 'A'+i*7%26, 'A'+i*11%26, 'A'+i*5%26, i*7919%10000)
		jpg, err := streets.Rear{Seed: uint64(i), Plate: text, Type: []string{"car", "suv", "van"}[i%3], Color: []string{"white", "silver", "black", "blue"}[i%4], Infrared: i%5 == 0}.JPEG()
		if err != nil {
			return err
		}
		fr, err := reader.Picture(bytes.NewReader(jpg))
		if err != nil {
			return err
		}
		k := 1 - 0.7*float64(i)/cars // the last is 0.3 as large
		fr = nets.Part(fr, vision.Box{W: float32(fr.W), H: float32(fr.H)}, int(float64(fr.W)*k), int(float64(fr.H)*k))
		found, err := r.Plates(fr, nil)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			continue
		}
		want := strings.ReplaceAll(text, " ", "")
		if found[0].Text == want {
			ours++
		}
		var q nets.Quad
		for j, c := range found[0].Corners {
			q[j] = nets.Point{X: float32(c.X), Y: float32(c.Y)}
		}
		// The line of the characters: the middle half of the plate.
		mid := func(a, b nets.Point, t float32) nets.Point {
			return nets.Point{X: a.X + t*(b.X-a.X), Y: a.Y + t*(b.Y-a.Y)}
		}
		line := nets.Quad{mid(q[0], q[3], 0.22), mid(q[1], q[2], 0.22), mid(q[1], q[2], 0.78), mid(q[0], q[3], 0.78)}
		guess, err := n.ReadText(nets.Straighten(fr, line, 208, nets.StripHeight))
		if err != nil {
			return err
		}
		if alnum(guess[0].Text) == want {
			plainly++
		}
		said, err := byTesseract(ctx, nets.Straighten(fr, line, 416, 2*nets.StripHeight))
		if err != nil {
			return err
		}
		if said == want {
			tesseract++
		}
	}
	of := func(k int) float64 { return math.Round(1000*float64(k)/cars) / 10 }
	f.add("vision-exact", of(ours), "% of drawn", "PP-OCR's own recogniser on the same crops", of(plainly))
	f.add("vision-exact-tesseract", of(ours), "% of drawn", "tesseract on the same crops", of(tesseract))
	return nil
}

func byTesseract(ctx context.Context, fr vision.Frame) (string, error) {
	img := image.NewRGBA(image.Rect(0, 0, fr.W, fr.H))
	for i := range fr.W * fr.H {
		img.Set(i%fr.W, i/fr.W, color.RGBA{fr.Pix[3*i], fr.Pix[3*i+1], fr.Pix[3*i+2], 255})
	}
	var pic bytes.Buffer
	if err := png.Encode(&pic, img); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "tesseract", "-", "-", "--psm", "7", "-c", "tessedit_char_whitelist=ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
	cmd.Stdin = &pic
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("tesseract: %w", err)
	}
	return alnum(string(out)), nil
}

func alnum(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, strings.ToUpper(s))
}
