package lpr

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"crypto/ed25519"

	"porchlight/internal/rtsptest"
	"porchlight/plate/intake"
	"porchlight/video"
	"porchlight/vision"
	"porchlight/vision/plates"
)

// lonely is one camera without vaults, for what needs no exchange.
func lonely(t *testing.T, url string, source video.Source) Config {
	no := false
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return Config{Exchange: url, Dir: t.TempDir(), Pictures: &no,
		Cameras: []Camera{{ID: "01kq", Agency: "IL0160000", Key: key, Source: source, Facing: -1}}}
}

// blank is sight that sees nothing.
type blank struct{}

func (blank) Objects(vision.Frame) ([]vision.Thing, error)                { return nil, nil }
func (blank) Faces(vision.Frame) ([]vision.Face, error)                   { return nil, nil }
func (blank) Plates(vision.Frame, []vision.Thing) ([]vision.Plate, error) { return nil, nil }

var nothing = Sight{Objects: blank{}, Faces: blank{}, Plates: blank{}}

// What the exchange may answer, and what becomes of the reads: none is given up
// but one that the exchange will never take, and no number is used twice.
func TestAnswers(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	used := map[uint64]bool{}
	var kept []string
	strike := 0
	answers := []int{503, 500, 401, 403, 507, 409, 429}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		b, err := intake.ParseBatch(r.Header.Get("Content-Type"), body)
		if err != nil || used[b.Sequence] {
			t.Errorf("sequence %d again, or %v", b.Sequence, err)
		}
		used[b.Sequence] = true
		if strike < len(answers) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(answers[strike])
			strike++
			return
		}
		for _, s := range b.Reads {
			switch {
			case s.Text == "ZZ00003": // never taken
				w.WriteHeader(422)
				return
			case len(s.Sealed) > 0 && s.Text == "ZZ00002": // its picture is not
				w.WriteHeader(413)
				return
			}
		}
		for _, s := range b.Reads {
			kept = append(kept, string(s.Text))
		}
		json.NewEncoder(w).Encode(intake.Result{Counts: intake.Counts{Fresh: int64(len(b.Reads))}})
	}))
	defer server.Close()
	c := lonely(t, server.URL, "none.mp4")
	var pauses []time.Duration
	o := Options{Sight: nothing, Frames: film{}.play, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Wait: func(ctx context.Context, d time.Duration) error {
		if d != clockEvery && d != 50*time.Millisecond {
			mu.Lock()
			pauses = append(pauses, d)
			mu.Unlock()
		}
		return soon(ctx, d)
	}}
	c.Cameras[0].Start = noon
	s, err := Open(c, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for n := range 6 {
		put(t, s.spools[0], n, []byte("sealed"))
	}
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := "ZZ00000 ZZ00001 ZZ00002 ZZ00004 ZZ00005"; strings.Join(kept, " ") != want {
		t.Errorf("kept %q, want %s", kept, want)
	}
	h := s.Health().Cameras[0]
	if h.Sent != 5 || h.Refused != 1 || h.Spool.Reads != 0 || h.Spool.Pictures != 0 {
		t.Errorf("%+v", h)
	}
	if len(pauses) != len(answers) || pauses[0] < 500*time.Millisecond || pauses[len(pauses)-1] < 16*time.Second {
		t.Errorf("pauses %v", pauses)
	}
}

// slow looks at a frame only once everything came.
type slow struct {
	blank
	all  chan struct{}
	seen []time.Duration
}

func (s *slow) Objects(f vision.Frame) ([]vision.Thing, error) {
	<-s.all
	s.seen = append(s.seen, f.At)
	return nil, nil
}

// When vision is slower than the camera, the newest frame is looked at next, and
// what came between is dropped and counted: two frames are all that is kept.
func TestSlowVision(t *testing.T) {
	t.Parallel()
	s := &slow{all: make(chan struct{})}
	looking := make(chan struct{})
	c := lonely(t, "http://localhost:1", "rtsp://localhost/street")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	frames := func(ctx context.Context, _ video.Source, _ video.FrameOptions) iter.Seq2[vision.Frame, error] {
		return func(yield func(vision.Frame, error) bool) {
			pix := make([]byte, 3*320*180) // reused, as video does
			for i := range 100 {
				for j := range pix {
					pix[j] = byte(i)
				}
				if !yield(vision.Frame{Pix: pix, W: 320, H: 180, At: time.Duration(i) * 100 * time.Millisecond}, nil) {
					return
				}
				if i == 0 {
					<-looking
				}
			}
			close(s.all)
			<-ctx.Done()
		}
	}
	first := sync.OnceFunc(func() { close(looking) })
	o := Options{Sight: Sight{Objects: objects(func(f vision.Frame) ([]vision.Thing, error) {
		first()
		if f.Pix[0] != byte(f.At/(100*time.Millisecond)) {
			t.Errorf("the frame at %s was written over: %d", f.At, f.Pix[0])
		}
		return s.Objects(f)
	}), Faces: blank{}, Plates: blank{}}, Frames: frames, Wait: soon}
	station, err := Open(c, o)
	if err != nil {
		t.Fatal(err)
	}
	defer station.Close()
	ended := make(chan error, 1)
	go func() { ended <- station.Run(ctx) }()
	await(t, func() bool { return station.Health().Cameras[0].Looked == 2 })
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if h := station.Health().Cameras[0]; h.Frames != 100 || h.Dropped != 98 || len(s.seen) != 2 || s.seen[0] != 0 || s.seen[1] != 9900*time.Millisecond {
		t.Errorf("%d frames, %d dropped, looked at %v", h.Frames, h.Dropped, s.seen)
	}
}

type objects func(vision.Frame) ([]vision.Thing, error)

func (o objects) Objects(f vision.Frame) ([]vision.Thing, error) { return o(f) }

// A clock that jumps is noted, one that drifts is not, and live reads carry the
// new time.
func TestClockJumps(t *testing.T) {
	wall, steady := noon, time.Now()
	var log bytes.Buffer
	c := &clock{now: func() time.Time { return wall }, logger: slog.New(slog.NewTextHandler(&log, nil)), mark: steady, wall: wall}
	for _, step := range []struct{ wall, steady time.Duration }{{5 * time.Second, 5 * time.Second}, {5100 * time.Millisecond, 5 * time.Second}, {time.Hour, 5 * time.Second}, {-2 * time.Hour, 5 * time.Second}} {
		wall, steady = wall.Add(step.wall), steady.Add(step.steady)
		c.look(steady)
	}
	h := c.health()
	if h.Jumps != 2 || h.JumpMS != -2*3600_000-5000 || !h.JumpedAt.Equal(wall) || !strings.Contains(log.String(), "the clock jumped") {
		t.Errorf("%+v %s", h, &log)
	}

	l := looker{}
	at := time.Duration(0)
	seen := func(now time.Time) time.Time {
		at += 100 * time.Millisecond
		l.arrived(at, now)
		return l.began.Add(at)
	}
	for _, c := range []struct{ now, want time.Time }{
		{noon, noon},
		{noon.Add(400 * time.Millisecond), noon.Add(100 * time.Millisecond)}, // 300 ms late
		{noon.Add(150 * time.Millisecond), noon.Add(150 * time.Millisecond)}, // earlier than thought
		{noon.Add(time.Hour), noon.Add(time.Hour)},                           // forward
		{noon.Add(time.Minute), noon.Add(time.Minute)},                       // back
	} {
		if got := seen(c.now); !got.Equal(c.want) {
			t.Errorf("a frame that came at %s was taken at %s, want %s", c.now, got, c.want)
		}
	}
}

// A camera that is unplugged is told of, and looked at again when it is back.
func TestUnplugged(t *testing.T) {
	t.Parallel()
	server := rtsptest.Start(t, map[string]rtsptest.Film{"street": {Codec: "h264", Seconds: 2}})
	c := lonely(t, "http://localhost:1", video.Source(server.URL("street")))
	s, err := Open(c, Options{Sight: nothing, Wait: func(ctx context.Context, d time.Duration) error { return wait(ctx, min(d, 200*time.Millisecond)) }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	camera := func() CameraHealth { return s.Health().Cameras[0] }
	await(t, func() bool { return camera().Frames > 3 })
	server.Unplug()
	await(t, func() bool { return camera().NoPicture != "" })
	if said, err := json.Marshal(s.Health()); err != nil || strings.Contains(string(said), "l1ght") {
		t.Errorf("health tells the camera's password: %s", said)
	}
	before := camera().Frames
	server.Replug()
	await(t, func() bool { return camera().Frames > before+3 && camera().NoPicture == "" })
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// Killed at any instant while it keeps reads and sends them, a station has all
// that it said it kept, and the exchange or the spool has each.
func TestSpoolKilled(t *testing.T) {
	if dir := os.Getenv("PORCHLIGHT_LPR_SPOOL"); dir != "" {
		keepUntilKilled(dir)
	}
	t.Parallel()
	dir := t.TempDir()
	had := map[string]int{} // how often each came out
	var kept []int
	next := 0
	for round := range 6 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestSpoolKilled$")
		cmd.Env = append(os.Environ(), "PORCHLIGHT_LPR_SPOOL="+dir, fmt.Sprintf("PORCHLIGHT_LPR_FROM=%d", next))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			var what string
			var number int
			if _, err := fmt.Sscan(lines.Text(), &what, &number); err != nil {
				t.Fatalf("the station said %q", lines.Text())
			}
			switch what {
			case "kept":
				kept, next = append(kept, number), number+1
			case "sent":
				had[string(read(number).Text)]++
			}
			if n == 20+9*round {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		cmd.Wait()
		next++ // it may have kept one without saying so
	}
	s := openSpool(t, dir, 64<<20)
	left, _ := drain(t, s, 100)
	for _, text := range left {
		had[text]++
	}
	for _, n := range kept {
		if had[string(read(n).Text)] == 0 {
			t.Errorf("read %d was kept, and is gone", n)
		}
	}
	if len(kept) < 100 {
		t.Errorf("only %d reads were kept", len(kept))
	}
	if orphans, _ := filepath.Glob(filepath.Join(dir, "p", "*", "*")); len(orphans) > 0 {
		t.Errorf("%d pictures stay without a read", len(orphans))
	}
}

// keepUntilKilled keeps reads, says each that is kept, and sends now and then.
func keepUntilKilled(dir string) {
	s, err := OpenSpool(dir, 64<<20, atNoon)
	if err != nil {
		fmt.Println("failed 0", err)
		os.Exit(1)
	}
	var n int
	fmt.Sscan(os.Getenv("PORCHLIGHT_LPR_FROM"), &n)
	for ; ; n++ {
		if err := s.Put(read(n), bytes.Repeat([]byte{1}, 5000)); err != nil {
			os.Exit(1)
		}
		fmt.Println("kept", n)
		if n%5 != 4 {
			continue
		}
		p, err := s.Head(3, 1<<20)
		if err != nil {
			os.Exit(1)
		}
		for _, r := range p.Reads { // the exchange has them
			var number int
			fmt.Sscanf(string(r.Text), "ZZ%d", &number)
			fmt.Println("sent", number)
		}
		if s.Done(p) != nil {
			os.Exit(1)
		}
	}
}

// Health answers on a socket: 503 with a sentence when something is wrong.
func TestHealthServed(t *testing.T) {
	var behind atomic.Int64
	c := lonely(t, "http://localhost:1", "rtsp://viewer:secret@localhost/street")
	s, err := Open(c, Options{Sight: nothing, Now: func() time.Time { return noon.Add(time.Duration(behind.Load())) }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ask := func(path string) (int, string) {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w.Code, w.Body.String()
	}
	if code, body := ask("/healthz"); code != 200 || strings.Contains(body, "secret") || !strings.Contains(body, "rtsp://localhost/street") {
		t.Errorf("%d %s", code, body)
	}
	behind.Store(int64(time.Hour))
	put(t, s.spools[0], 1, nil)
	s.senders[0].health.unsent(errors.New("the exchange cannot be reached"))
	code, body := ask("/healthz")
	if code != 503 || !strings.Contains(body, "no picture since") || !strings.Contains(body, "1 reads wait") {
		t.Errorf("%d %s", code, body)
	}
	if code, _ := ask("/"); code != 404 {
		t.Errorf("%d", code)
	}
}

// Nothing but the surest is kept of what is read on one vehicle.
func TestOnePlateAVehicle(t *testing.T) {
	a, b := &vision.Thing{Kind: "car"}, &vision.Thing{Kind: "car"}
	got := oneEach([]vision.Plate{{Text: "PRAIRIE", Confidence: .3, Vehicle: a}, {Text: "ZZT1234", Confidence: .9, Vehicle: a}, {Text: "ZZK5678", Confidence: .2, Vehicle: b}, {Text: "X"}})
	if len(got) != 3 || got[0].Text != "ZZT1234" || got[1].Text != "ZZK5678" || got[2].Text != "X" {
		t.Errorf("%+v", got)
	}
}

func TestHeading(t *testing.T) {
	l := looker{eye: &eye{camera: Camera{Facing: 180}}}
	for _, c := range []struct {
		p    plates.Passing
		want int
	}{
		{plates.Passing{Grew: .4, MovedX: .1}, 180}, // away, as the camera looks
		{plates.Passing{Grew: 2.5, MovedX: -.3}, 0},
		{plates.Passing{Grew: 1.05, MovedX: .6}, 270},
		{plates.Passing{Grew: .95, MovedX: -.6}, 90},
		{plates.Passing{Grew: 1, MovedX: .02}, -1}, // it stood
	} {
		if got := l.heading(c.p); got != c.want {
			t.Errorf("%+v went %d, want %d", c.p, got, c.want)
		}
	}
	l.camera.Facing = -1
	if got := l.heading(plates.Passing{Grew: .4}); got != -1 {
		t.Errorf("%d", got)
	}
}

func TestConfigSaysWhatIsMissing(t *testing.T) {
	whole := lonely(t, "http://localhost:1", "a.mp4")
	for want, spoil := range map[string]func(*Config){
		"exchange is missing":     func(c *Config) { c.Exchange = "" },
		"dir is missing":          func(c *Config) { c.Dir = "" },
		"no camera":               func(c *Config) { c.Cameras = nil },
		"there twice":             func(c *Config) { c.Cameras = append(c.Cameras, c.Cameras[0]) },
		"key is missing":          func(c *Config) { c.Cameras[0].Key = nil },
		"source is missing":       func(c *Config) { c.Cameras[0].Source = "" },
		"agency is missing":       func(c *Config) { c.Cameras[0].Agency = "" },
		"not one from the camera": func(c *Config) { c.Cameras[0].ID = "../x" },
		"facing is 400":           func(c *Config) { c.Cameras[0].Facing = 400 },
		"at least 16":             func(c *Config) { c.SpoolMB = 3 },
		"ledger_key":              func(c *Config) { c.Pictures = nil },
	} {
		c := whole
		c.Cameras = append([]Camera(nil), whole.Cameras...)
		spoil(&c)
		if _, err := Open(c, Options{Sight: nothing}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}
