package lpr

import (
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"porchlight/internal/streets"
	"porchlight/video"
	"porchlight/vision"
	"porchlight/vision/models/modelstest"
	"porchlight/vision/nets"
	"porchlight/vision/plates"
)

// encoded is a film of a scene as a camera sends it.
func encoded(t *testing.T, s streets.Scene) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "street.mp4")
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-f", "yuv4mpegpipe", "-i", "-", "-c:v", "libx264", "-preset", "veryfast", "-crf", "22", "-bf", "0", "-g", "10", path)
	if _, err := s.Into(t.Context(), cmd, time.Time{}); err != nil {
		t.Fatal(err)
	}
	return path
}

// With the real networks, from an encoded film to the exchange: the text and the
// color are right, and the face of who stands before the car is gone from its
// picture, where the same network finds one in the film.
func TestWithTheNetworks(t *testing.T) {
	t.Parallel()
	n, err := nets.Open(modelstest.Dir(t))
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	r, err := plates.Open(n)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s := streets.Road(9, "day", 2.4, streets.Pass{Plate: "ZZT 1234", Type: "car", Color: "red", At: .6, Speed: 11})
	s.Rate = 6
	s.Cast = append(s.Cast, streets.Bystander{Route: streets.Path(0, 2.75, 10), Height: 1.72, Coat: streets.Hex(0x3b5a7c),
		Trousers: streets.Hex(0x2d2f36), Hair: streets.Hex(0x3a2618), Skin: streets.Hex(0xc9977a)})
	path := encoded(t, s)
	p := newPlace(t, true)
	c := p.config(time.Now().Add(-time.Minute).Truncate(time.Millisecond))
	c.Cameras[0].Source, c.Cameras[0].FPS = video.Source(path), float64(s.Rate)
	o := options(t, film{})
	o.Frames, o.Track = nil, nil
	o.Sight = Sight{Objects: n, Faces: n, Plates: r, Look: nets.Vehicle}
	h := run(t, t.Context(), c, o)
	got := p.reads(t)
	for _, r := range got {
		t.Logf("%s %s %d %+v heading %d others %v", r.Text, r.Region, r.Confidence, r.Vehicle, r.Heading, r.Others)
	}
	if !slices.Equal(textsOf(got), []string{"ZZT1234"}) {
		t.Fatalf("%q arrived; %+v", textsOf(got), h.Cameras[0])
	}
	read := got[0]
	if read.Vehicle.Color != "red" || read.Confidence < 800 || read.Heading != 90 || read.Image == "" {
		t.Errorf("%+v", read)
	}
	img := p.open(t, read)
	surest := func(f vision.Frame) (most float32) {
		t.Helper()
		faces, err := n.Faces(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range faces {
			most = max(most, f.Score)
		}
		return most
	}
	for f, err := range video.Frames(t.Context(), video.Source(path), video.FrameOptions{FPS: 1}) {
		if err != nil {
			t.Fatal(err)
		}
		if sure := surest(f); sure < .6 {
			t.Errorf("the film shows no face: %.2f", sure)
		}
		break
	}
	b, covered := img.Bounds(), 0
	for y := range b.Dy() {
		for x := range b.Dx() {
			if r, g, bl, _ := img.At(x, y).RGBA(); max(r, g, bl)>>8 < gray+8 && min(r, g, bl)>>8 > gray-8 {
				covered++
			}
		}
	}
	t.Logf("%d of %d pixels are covered", covered, b.Dx()*b.Dy())
	if sure := surest(plates.FromImage(img)); sure > .6 || covered*20 < b.Dx()*b.Dy() {
		t.Errorf("a face is still there (%.2f), or nobody was covered: %d of %d pixels", sure, covered, b.Dx()*b.Dy())
	}
}
