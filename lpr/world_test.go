package lpr

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"image"
	"image/jpeg"
	"iter"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"porchlight/geo"
	"porchlight/identity"
	"porchlight/internal/actor"
	"porchlight/internal/streets"
	"porchlight/internal/testworld"
	"porchlight/ledger"
	"porchlight/plate"
	platepicture "porchlight/plate/image"
	"porchlight/roster"
	"porchlight/video"
	"porchlight/vision"
	"porchlight/vision/plates"
	"porchlight/web"
)

// film is a drawn street with what is in each frame.
type film struct {
	frames []vision.Frame
	seen   [][]streets.Seen
}

// passes are the vehicles of the film, in the order in which they leave.
var passes = []streets.Pass{
	{Plate: "ZZT 1234", Type: "car", Color: "red", At: 1, Speed: 12},
	{Plate: "ZZK 5678", Type: "suv", Color: "white", At: 4, Speed: 10},
	{Plate: "ZZN 9012", Type: "van", Color: "blue", At: 7, Speed: 11},
}

// street is one film for all tests: three vehicles, and somebody at the kerb who
// stands before part of each.
var street = sync.OnceValue(func() film {
	s := streets.Road(9, "day", 11, passes...)
	s.W, s.H, s.Rate = 960, 540, 4
	s.Cast = append(s.Cast, streets.Bystander{Route: streets.Path(0, 2.5, 10), Height: 1.72, Coat: streets.Hex(0x3b5a7c),
		Trousers: streets.Hex(0x2d2f36), Hair: streets.Hex(0x3a2618), Skin: streets.Hex(0xc9977a)})
	var f film
	err := s.Frames(context.Background(), time.Time{}, func(p streets.Frame) error {
		f.frames, f.seen = append(f.frames, s.RGB(p)), append(f.seen, slices.Clone(p.Seen))
		return nil
	})
	if err != nil {
		panic(err)
	}
	return f
})

// play is Options.Frames for a film.
func (f film) play(ctx context.Context, _ video.Source, _ video.FrameOptions) iter.Seq2[vision.Frame, error] {
	return func(yield func(vision.Frame, error) bool) {
		for _, p := range f.frames {
			if ctx.Err() != nil || !yield(p, nil) {
				return
			}
		}
	}
}

// at is what is in the frame of that time.
func (f film) at(t *testing.T, p vision.Frame) []streets.Seen {
	i := slices.IndexFunc(f.frames, func(q vision.Frame) bool { return q.At == p.At })
	if i < 0 {
		t.Fatalf("no frame at %s", p.At)
	}
	return f.seen[i]
}

// truth sees what was drawn, and nothing else: it stands in for the networks. In
// a part of a frame it sees nothing, so that people are known by the whole frame.
type truth struct {
	t *testing.T
	film
}

func (s truth) whole(p vision.Frame) bool { return p.W == s.frames[0].W }

func (s truth) Objects(p vision.Frame) (out []vision.Thing, err error) {
	if !s.whole(p) {
		return nil, nil
	}
	for _, v := range s.at(s.t, p) {
		out = append(out, vision.Thing{Kind: v.Kind, Box: v.Box, Score: .9})
	}
	return out, nil
}

func (s truth) Faces(vision.Frame) ([]vision.Face, error) { return nil, nil }

func (s truth) Plates(p vision.Frame, vehicles []vision.Thing) (out []vision.Plate, err error) {
	for _, v := range s.at(s.t, p) {
		if v.Plate == "" || v.Where.W < 20 {
			continue
		}
		i := slices.IndexFunc(vehicles, func(o vision.Thing) bool { return o.Box == v.Box })
		if i < 0 {
			s.t.Errorf("plates are looked for without the vehicle at %+v", v.Box)
			continue
		}
		out = append(out, vision.Plate{Text: v.Plate, Box: v.Where, Confidence: .93, Region: "US-IL", Vehicle: &vehicles[i],
			Others: []vision.Guess{{Text: v.Plate[:6] + "A", Confidence: .04}}})
	}
	return out, nil
}

// sight is a station's sight by the truth.
func (s truth) sight() Sight {
	return Sight{Objects: s, Plates: s, Faces: s, Look: func(p vision.Frame, v vision.Thing) vision.Vehicle {
		return vision.Vehicle{Type: "car", Color: "red"}
	}}
}

// nearest tells each plate once, from the frame in which it is largest.
type nearest struct {
	passing map[string]*plates.Passing
	width   map[string]float32
}

func newNearest(plates.Limits) Tracker {
	return &nearest{map[string]*plates.Passing{}, map[string]float32{}}
}

func (n *nearest) Add(f vision.Frame, things []vision.Thing, found []vision.Plate) {
	for _, p := range found {
		s := n.passing[p.Text]
		if s == nil {
			s = &plates.Passing{From: f.At}
			n.passing[p.Text] = s
		}
		s.To, s.Reads = f.At, s.Reads+1
		s.Grew = p.Box.W / max(1, n.width[p.Text])
		if n.width[p.Text] < p.Box.W {
			n.width[p.Text] = p.Box.W
			s.Plate, s.Vehicle = p, p.Vehicle
			b := p.Vehicle.Box
			r := image.Rect(int(b.X)-20, int(b.Y)-20, int(b.X+b.W)+20, int(b.Y+b.H)+20).Intersect(image.Rect(0, 0, f.W, f.H))
			s.Part = vision.Box{X: float32(r.Min.X), Y: float32(r.Min.Y), W: float32(r.Dx()), H: float32(r.Dy())}
			s.Picture = vision.Frame{W: r.Dx(), H: r.Dy(), At: f.At}
			for y := r.Min.Y; y < r.Max.Y; y++ {
				s.Picture.Pix = append(s.Picture.Pix, f.Pix[3*(y*f.W+r.Min.X):3*(y*f.W+r.Max.X)]...)
			}
		}
	}
}

func (n *nearest) told(gone func(*plates.Passing) bool) (out []plates.Passing) {
	for text, p := range n.passing {
		if gone(p) {
			out = append(out, *p)
			delete(n.passing, text)
		}
	}
	slices.SortFunc(out, func(a, b plates.Passing) int { return cmp.Compare(a.To, b.To) })
	return out
}

func (n *nearest) Done(at time.Duration) []plates.Passing {
	return n.told(func(p *plates.Passing) bool { return at-p.To > 1500*time.Millisecond })
}

func (n *nearest) End() []plates.Passing { return n.told(func(*plates.Passing) bool { return true }) }

// place is an exchange with a camera of the police and a plates vault.
type place struct {
	*testworld.World
	camera *actor.Camera
	dir    string
}

func newPlace(t *testing.T, vault bool) *place {
	t.Helper()
	p := &place{World: testworld.Start(t, nil), dir: t.TempDir()}
	var err error
	if p.camera, err = p.Police.Admin.AddSigningCamera(t.Context(), "Main St / 5th", -89.65, 39.75); err != nil {
		t.Fatal(err)
	}
	if vault {
		if _, err := p.Police.Custodian.PublishVault(t.Context(), roster.ForPlates); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// config is one camera that plays the film, whose first frame was taken at start.
func (p *place) config(start time.Time) Config {
	return Config{Exchange: p.URL, Ledger: ledger.Verifier{LogKey: p.LogKey}, Dir: p.dir,
		Cameras: []Camera{{ID: p.camera.ID, Agency: p.Police.ORI, Key: p.camera.Key, Source: "street.mp4", Facing: 90, Start: start}}}
}

// options are those of a station that sees the film by the truth.
func options(t *testing.T, f film) Options {
	return Options{Sight: truth{t, f}.sight(), Frames: f.play, Track: newNearest, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

// run runs a station to its end.
func run(t *testing.T, ctx context.Context, c Config, o Options) Health {
	t.Helper()
	s, err := Open(c, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return s.Health()
}

// reads are those that the exchange has, oldest first.
func (p *place) reads(t *testing.T) []plate.Read {
	t.Helper()
	var area geo.Polygon
	if err := json.Unmarshal([]byte(testworld.County), &area); err != nil {
		t.Fatal(err)
	}
	found, _, err := p.X.Reads.Find(t.Context(), []string{p.Police.ORI}, plate.Query{Kind: plate.InArea, Area: area, Cameras: []string{p.camera.ID},
		From: time.Now().Add(-20 * 24 * time.Hour), To: time.Now().Add(time.Hour)}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(found, func(a, b plate.Read) int { return a.Seen.Compare(b.Seen) })
	return found
}

// open opens the picture of a read at the custodian's device, who was led to it by
// a search.
func (p *place) open(t *testing.T, r plate.Read) image.Image {
	t.Helper()
	p.X.Images.Leads = led{r}
	got, err := p.Police.Custodian.Pictures(t.Context(), web.PictureLead{Search: "7"}, web.PictureOf{Picture: r.Image, Read: r.ID})
	if err != nil {
		t.Fatal(err)
	}
	img, err := jpeg.Decode(bytes.NewReader(got[0]))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

type led struct{ plate.Read }

func (l led) Led(_ context.Context, _ identity.Principal, lead platepicture.Lead, w platepicture.Wanted) (bool, error) {
	return lead.Search == "7" && w.Picture == l.Image && w.Read == l.ID, nil
}

func textsOf(reads []plate.Read) (all []string) {
	for _, r := range reads {
		all = append(all, string(r.Text))
	}
	return all
}

func known() (all []string) {
	for _, p := range passes {
		all = append(all, strings.ReplaceAll(p.Plate, " ", ""))
	}
	return all
}

// From video to the exchange: each vehicle is one read, with what is known of it;
// its picture opens with the vault's key, and the person in it is covered.
func TestReadsArrive(t *testing.T) {
	t.Parallel()
	p, f := newPlace(t, true), street()
	start := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	h := run(t, t.Context(), p.config(start), options(t, f))
	got := p.reads(t)
	if !slices.Equal(textsOf(got), known()) {
		t.Fatalf("%q arrived", textsOf(got))
	}
	if c := h.Cameras[0]; c.Reads != 3 || c.Pictures != 3 || c.Sent != 3 || c.Refused != 0 || c.Spool.Reads != 0 || !h.OK {
		t.Errorf("health %+v", h)
	}
	for i, r := range got {
		want := start.Add(time.Duration(passes[i].At * float64(time.Second)))
		if r.Seen.Sub(want).Abs() > 600*time.Millisecond || r.Confidence != 930 || r.Region != "US-IL" || r.Heading != 90 || r.Vehicle != (plate.Vehicle{Type: "car", Color: "red"}) ||
			len(r.Others) != 1 || r.Event == "" || r.Image == "" {
			t.Errorf("read %d: %+v, wanted at %s", i, r, want)
		}
	}
	// The bystander stands at the kerb in the second picture, the SUV's.
	img := p.open(t, got[1])
	at := got[1].Seen.Sub(start)
	n := slices.IndexFunc(f.frames, func(q vision.Frame) bool { return (q.At - at).Abs() < 2*time.Millisecond })
	var face, plate, car vision.Box
	for _, s := range f.seen[n] {
		switch {
		case s.Face.W > 0:
			face = s.Face
		case s.Plate == string(got[1].Text):
			plate, car = s.Where, s.Box
		}
	}
	x0, y0 := max(0, float32(int(car.X)-20)), max(0, float32(int(car.Y)-20))
	face, plate = moved(face, -x0, -y0), moved(plate, -x0, -y0)
	if !(image.Rect(int(face.X), int(face.Y), int(face.X+face.W), int(face.Y+face.H)).In(img.Bounds())) {
		t.Fatalf("the face %+v is not in the picture %v: the film is wrong", face, img.Bounds())
	}
	if lo, hi := shades(img, face); lo < gray-6 || hi > gray+6 {
		t.Errorf("the face is still there: shades %d to %d", lo, hi)
	}
	if lo, hi := shades(img, plate); lo > 90 || hi < 150 {
		t.Errorf("the plate cannot be seen: shades %d to %d", lo, hi)
	}
}

// shades are the darkest and the brightest in a part of a picture.
func shades(img image.Image, b vision.Box) (lo, hi int) {
	lo = 255
	for y := int(b.Y); y < int(b.Y+b.H); y++ {
		for x := int(b.X); x < int(b.X+b.W); x++ {
			r, g, bl, _ := img.At(x, y).RGBA()
			v := int(r+2*g+bl) >> 10
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	return lo, hi
}

// soon is Options.Wait for tests: no pause is long.
func soon(ctx context.Context, d time.Duration) error { return wait(ctx, min(d, 5*time.Millisecond)) }

// await waits until something is so.
func await(t *testing.T, so func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !so(); {
		if time.Now().After(end) {
			t.Fatal("it never was so")
		}
		soon(t.Context(), time.Second)
	}
}

// down is an exchange that cannot be reached.
type down struct{}

func (down) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("network is unreachable")
}

// A station that starts and looks without an exchange keeps what it reads, its
// pictures sealed by the proof it kept; a week later all arrives, once, with the
// time it was seen at.
func TestAWeekOffline(t *testing.T) {
	t.Parallel()
	p, f := newPlace(t, true), street()
	nothing := options(t, f)
	nothing.Frames = film{}.play
	run(t, t.Context(), p.config(time.Now()), nothing) // learns of the vault

	offline := options(t, f)
	offline.HTTP = &http.Client{Transport: down{}}
	offline.Wait = soon
	for day := range 7 {
		ctx, cancel := context.WithCancel(t.Context())
		s, err := Open(p.config(time.Now().Add(time.Duration(day-7)*24*time.Hour)), offline)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		await(t, func() bool { return s.Health().Cameras[0].Reads == 3 })
		cancel() // switched off for the night
		if err := errors.Join(<-ended, s.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if got := p.reads(t); len(got) != 0 {
		t.Fatalf("%d reads arrived without a network", len(got))
	}
	h := run(t, t.Context(), p.config(time.Now()), nothing)
	got := p.reads(t)
	if want := slices.Repeat(known(), 7); !slices.Equal(textsOf(got), want) {
		t.Fatalf("%q arrived", textsOf(got))
	}
	for i, r := range got {
		want := time.Now().Add(time.Duration(i/3-7) * 24 * time.Hour)
		if r.Seen.Sub(want).Abs() > 10*time.Minute || r.Image == "" {
			t.Errorf("read %d seen at %s, picture %q", i, r.Seen, r.Image)
		}
	}
	if c := h.Cameras[0]; c.Sent != 21 || c.Refused != 0 || c.Spool.Reads != 0 || c.Spool.Pictures != 0 {
		t.Errorf("%+v", c)
	}
	p.open(t, got[0])
}

// forgetful answers nothing to the first requests, though the exchange took them.
type forgetful struct {
	mu   sync.Mutex
	lose int
}

func (f *forgetful) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(r)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil && strings.HasSuffix(r.URL.Path, "/batches") && f.lose > 0 {
		f.lose--
		res.Body.Close()
		return nil, errors.New("connection reset by peer")
	}
	return res, err
}

// A read whose answer was lost comes again and is known.
func TestAnswersLost(t *testing.T) {
	t.Parallel()
	p, f := newPlace(t, true), street()
	o := options(t, f)
	o.HTTP = &http.Client{Transport: &forgetful{lose: 4}}
	o.Wait = soon
	run(t, t.Context(), p.config(time.Now().Add(-time.Minute)), o)
	if got := p.reads(t); !slices.Equal(textsOf(got), known()) {
		t.Errorf("%q arrived", textsOf(got))
	}
}

// Without a vault reads go without pictures, and health says what to do.
func TestNoVault(t *testing.T) {
	t.Parallel()
	p, f := newPlace(t, false), street()
	h := run(t, t.Context(), p.config(time.Now().Add(-time.Minute)), options(t, f))
	got := p.reads(t)
	if len(got) != 3 || got[0].Image != "" {
		t.Errorf("%+v", got)
	}
	if h.OK || !strings.Contains(strings.Join(h.Trouble, " "), "no vault for pictures") {
		t.Errorf("%q", h.Trouble)
	}
	if all, _ := filepath.Glob(filepath.Join(p.dir, "*", "p", "*", "*")); len(all) > 0 {
		t.Errorf("pictures were kept: %q", all)
	}
}
