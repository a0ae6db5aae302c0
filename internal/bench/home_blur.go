package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"porchlight/internal/streets"
	"porchlight/video"
	"porchlight/vision"
	"porchlight/vision/cover"
	"porchlight/vision/models"
	"porchlight/vision/nets"
	platereader "porchlight/vision/plates"
)

// blurring covers the faces and plates of a drawn street at 1080p, whose truth is
// known. Its speed is set against ffmpeg encoding the same film anew, and how much
// it covers against looking at each frame alone.
func blurring(ctx context.Context, f figures) error {
	models, err := models.Dir()
	if err != nil {
		return err
	}
	n, err := nets.Open(models)
	if err != nil {
		return err
	}
	defer n.Close()
	r, err := platereader.Open(n)
	if err != nil {
		return err
	}
	defer r.Close()
	dir, err := os.MkdirTemp("", "blur")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	in, out := filepath.Join(dir, "in.mp4"), filepath.Join(dir, "out.mp4")
	scene := crowded()
	truth, err := encoded(ctx, scene, in)
	if err != nil {
		return err
	}
	frames := float64(len(truth))

	begun := time.Now()
	if err := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-y", "-i", in, "-c:v", "libx264", "-preset", "veryfast", "-crf", "20", out).Run(); err != nil {
		return err
	}
	anew := frames / time.Since(begun).Seconds()

	begun = time.Now()
	tracks, err := cover.Find(ctx, in, cover.Finders{Faces: n, Plates: platereader.Places{Reader: r}, Objects: n}, cover.FindOptions{})
	if err != nil {
		return err
	}
	found := time.Since(begun)
	if _, err := cover.Render(ctx, in, out, tracks, cover.RenderOptions{}); err != nil {
		return err
	}
	all := time.Since(begun)

	// Each frame alone: what is found in it is covered in it, with the same margin.
	begun = time.Now()
	var alone []cover.Track
	for frame, err := range video.Frames(ctx, video.Source(in), video.FrameOptions{}) {
		if err != nil {
			return err
		}
		some, err := alike(n, r, frame)
		if err != nil {
			return err
		}
		alone = append(alone, some...)
	}
	each := frames / time.Since(begun).Seconds()

	f.add("blur_1080p", frames/all.Seconds(), "frames/s", "ffmpeg encodes the film anew, nothing covered", anew)
	f.add("blur_look_1080p", frames/found.Seconds(), "frames/s", "each frame looked at alone, one core", each)
	f.add("blur_render_1080p", frames/(all-found).Seconds(), "frames/s", "ffmpeg encodes the film anew, nothing covered", anew)
	for _, kind := range []string{cover.Face, cover.Plate} {
		tracked, single := covered(tracks, truth, scene, kind), covered(alone, truth, scene, kind)
		f.add("blur_"+kind+"_frames_covered", tracked, "%", "each frame looked at alone", single)
	}
	return nil
}

// crowded is a street with cars that pass and people who look at the camera.
func crowded() streets.Scene {
	s := streets.Road(21, "day", 10,
		streets.Pass{Plate: "ZZT 1234", Type: "car", Color: "red", At: 1.5, Speed: 8},
		streets.Pass{Plate: "ZZK 5678", Type: "suv", Color: "white", At: 3.5, Speed: 10, Nearer: true},
		streets.Pass{Plate: "ZZP 9012", Type: "van", Color: "blue", At: 5, Speed: 9},
		streets.Pass{Plate: "ZZR 3456", Type: "hatch", Color: "silver", At: 8, Speed: 13})
	person := func(coat, hair, skin uint32, route ...float64) streets.Bystander {
		return streets.Bystander{Route: streets.Path(route...), Height: 1.72, Coat: streets.Hex(coat), Trousers: streets.Hex(0x2d2f36), Hair: streets.Hex(hair), Skin: streets.Hex(skin)}
	}
	s.Cast = append(s.Cast, person(0x3b5a7c, 0x3a2618, 0xc9977a, 0, 2.75, 9), person(0x7c3b3b, 0x1a1210, 0x8d5a3c, 0, 3.4, 18, 10, 2.6, 6),
		person(0x4a6b3d, 0x5d4a33, 0xd9b091, 0, -6, 11, 10, 6, 11))
	s.W, s.H, s.Rate = 1920, 1080, 15
	return s
}

// encoded writes a scene as a film and returns what is in each frame.
func encoded(ctx context.Context, s streets.Scene, file string) ([][]streets.Seen, error) {
	c := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-i", "pipe:0", "-c:v", "libx264", "-preset", "veryfast", "-crf", "22", file)
	return s.Into(ctx, c, time.Time{})
}

// alike is what Find would make of one frame alone.
func alike(n *nets.Nets, r *platereader.Reader, f vision.Frame) ([]cover.Track, error) {
	things, err := n.Objects(f)
	if err != nil {
		return nil, err
	}
	text, err := platereader.Places{Reader: r}.Plates(f, append([]vision.Thing{}, things...))
	if err != nil {
		return nil, err
	}
	faces, err := n.Faces(f)
	if err != nil {
		return nil, err
	}
	var tracks []cover.Track
	add := func(kind string, b vision.Box, margin float32) {
		t := f.At.Seconds()
		b = vision.Box{X: b.X - margin*b.W, Y: b.Y - margin*b.H, W: b.W * (1 + 2*margin), H: b.H * (1 + 2*margin)}
		tracks = append(tracks, cover.Track{ID: fmt.Sprint(kind, t, b), Kind: kind, From: t - .01, To: t + .01, Keys: []cover.Key{keyOf(t, b, f.W, f.H)}})
	}
	for _, face := range faces {
		if face.Score >= .4 {
			add(cover.Face, face.Box, .4)
		}
	}
	for _, plate := range text {
		add(cover.Plate, plate.Box, .25)
	}
	return tracks, nil
}

func keyOf(t float64, b vision.Box, w, h int) cover.Key {
	return cover.Key{T: t, X: float64(b.X) / float64(w), Y: float64(b.Y) / float64(h), W: float64(b.W) / float64(w), H: float64(b.H) / float64(h)}
}

// covered is in how many of the frames that show a face of 16 pixels or more, or a
// plate of 50, at least nine tenths of it are covered, per cent.
func covered(tracks []cover.Track, truth [][]streets.Seen, s streets.Scene, kind string) float64 {
	n, of := 0, 0
	for i, frame := range truth {
		t := float64(i) / float64(s.Rate)
		for _, seen := range frame {
			b, least := seen.Face, float32(16)
			if kind == cover.Plate {
				b, least = seen.Where, 50
			}
			if b.W < least {
				continue
			}
			of++
			if k := keyOf(t, b, s.W, s.H); hidden(tracks, kind, k) > .9 {
				n++
			}
		}
	}
	return 100 * float64(n) / float64(max(of, 1))
}

// hidden is how much of a place is covered by the track that covers most of it.
func hidden(tracks []cover.Track, kind string, k cover.Key) (most float64) {
	for _, t := range tracks {
		if at, ok := t.At(k.T); ok && t.Kind == kind {
			w := min(at.X+at.W, k.X+k.W) - max(at.X, k.X)
			h := min(at.Y+at.H, k.Y+k.H) - max(at.Y, k.Y)
			most = max(most, max(w, 0)*max(h, 0)/(k.W*k.H))
		}
	}
	return most
}
