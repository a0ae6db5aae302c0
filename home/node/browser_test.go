package node_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"porchlight/geo"
	"porchlight/home"
	"porchlight/home/ask"
	"porchlight/home/cameras"
	"porchlight/home/node"
	"porchlight/home/record"
	"porchlight/home/web"
	"porchlight/internal/rtsptest"
	"porchlight/internal/streets"
	"porchlight/internal/testworld"
	"porchlight/ledger"
	"porchlight/vision/models/modelstest"
	"porchlight/web/app"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// house runs one until the test ends; link lets a browser in. furnish, if not nil,
// is done to it before it runs.
func house(t *testing.T, c node.Config, furnish func(*node.Node)) (site, link string) {
	t.Helper()
	if !app.HomeBuilt() {
		t.Skip("SKIPPED: the house's app is not built (make build)")
	}
	l, err := net.Listen("tcp", "localhost:0")
	check(t, err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	check(t, err)
	c.Dir, c.Listen = filepath.Join(t.TempDir(), "house"), "localhost:"+port
	check(t, node.Init(c))
	n, err := node.Open(t.Context(), c)
	check(t, err)
	// Of the disk of a machine that runs tests, little may be left.
	check(t, n.Record.SetLimits(t.Context(), record.Limits{Days: 30, Free: 64 << 20}))
	if furnish != nil {
		furnish(n)
	}
	ctx, stop := context.WithCancel(context.Background())
	site = "http://localhost:" + port
	srv := &http.Server{Handler: n.Handler(), BaseContext: func(net.Listener) context.Context { return ctx }}
	served, ran := make(chan error, 1), make(chan struct{})
	go func() { served <- srv.Serve(l) }()
	go func() {
		defer close(ran)
		n.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		check(t, srv.Shutdown(context.Background()))
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		<-ran
		check(t, n.Close())
	})
	// As the command line does it, beside the running house.
	code, _, err := node.NewCode(t.Context(), c)
	check(t, err)
	return site, web.PairLink(site, code.Text)
}

// TestRecorderInABrowser walks the pages of a house without an exchange, with two
// real cameras, in a real browser.
func TestRecorderInABrowser(t *testing.T) {
	camera := rtsptest.Start(t, map[string]rtsptest.Film{
		"door": {Codec: "h264", W: 640, H: 360}, "yard": {Codec: "h265", W: 640, H: 360},
	})
	site, link := house(t, node.Config{Name: "Elm Street 12", Zone: "America/Chicago"}, nil)
	walk(t, "home.mjs", site, link, camera.Address("door"), camera.Address("yard"), rtsptest.User, rtsptest.Password)
}

// TestAnswerInABrowser walks from a request of an agency to an answer that was
// sent, with real footage, real networks and a real exchange.
func TestAnswerInABrowser(t *testing.T) {
	models := modelstest.Dir(t)
	w := testworld.Start(t, nil)
	_, err := w.Publish(t.Context(), w.Sheriff, "26-004712")
	check(t, err)
	check(t, w.X.Feed.Build(t.Context()))
	film := street(t)
	corner := w.Request.Area.Coordinates[0][0]
	place, err := geo.NewPoint(corner[0]+0.001, corner[1]+0.001)
	check(t, err)
	c := node.Config{Name: "Elm Street 12", Zone: "America/Chicago", Models: models, Exchange: node.Exchange{URL: w.URL, LedgerKey: w.LogKey}}
	site, link := house(t, c, func(n *node.Node) {
		door, err := n.Cameras.Add(t.Context(), home.Camera{Name: "Front door", Place: place, Facing: 90, Angle: 120}, cameras.Source{Kind: home.Import})
		check(t, err)
		check(t, n.Record.Import(t.Context(), door.ID, film, w.Request.From.Add(10*time.Minute)))
		n.Asked.Round(t.Context())
		if s := n.Asked.Status(); s.Trouble != ask.None {
			t.Fatalf("%+v", s)
		}
	})
	receipts := t.TempDir()
	walk(t, "asked.mjs", site, link, w.Police.Name, w.Sheriff.Name, receipts)
	for file, action := range map[string]string{"share": "submission.share", "withdraw": "submission.withdraw", "destroy": "item.destroy"} {
		b, err := os.ReadFile(filepath.Join(receipts, file))
		check(t, err)
		r, err := ledger.ParseReceipt(b)
		check(t, err)
		// Offline, as porchlight verify does it.
		if _, err := (ledger.Verifier{LogKey: w.LogKey}).Receipt(r); err != nil || r.Entry.Act.Action != action || !r.Entry.Decision.Permit {
			t.Errorf("the receipt of %s: %v, %+v", action, err, r.Entry.Act)
		}
	}
}

// street films somebody who walks along a street, looks at the camera and walks on,
// with sound.
func street(t *testing.T) string {
	s := streets.Road(21, "day", 16, streets.Pass{Plate: "ZZT 1234", Type: "car", Color: "red", At: 6, Speed: 5})
	s.Cast = append(s.Cast, streets.Bystander{Route: streets.Path(2, 3.4, 18, 6, 2.75, 9, 9, 2.75, 9, 13, 3.4, 18), Height: 1.72,
		Coat: streets.Hex(0x3b5a7c), Trousers: streets.Hex(0x2d2f36), Hair: streets.Hex(0x3a2618), Skin: streets.Hex(0xc9977a)})
	s.W, s.H, s.Rate = 640, 360, 6
	file := filepath.Join(t.TempDir(), "street.mp4")
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-nostdin", "-v", "error", "-i", "pipe:0", "-f", "lavfi", "-i", "sine=frequency=440:duration=16", "-shortest",
		"-c:v", "libx264", "-preset", "ultrafast", "-g", "6", "-pix_fmt", "yuv420p", "-c:a", "aac", file)
	_, err := s.Into(t.Context(), cmd, time.Time{})
	check(t, err)
	return file
}

// walk runs a story of web/app/test in a browser.
func walk(t *testing.T, story string, args ...string) {
	t.Helper()
	args = append(append([]string{"test/" + story}, args...), os.Getenv("PORCHLIGHT_SHOTS"))
	cmd := exec.CommandContext(t.Context(), "node", args...)
	cmd.Dir = "../../web/app"
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestOneHouseInADirectory(t *testing.T) {
	c := node.Config{Dir: filepath.Join(t.TempDir(), "house")}
	if _, err := node.Open(t.Context(), c); !errors.Is(err, node.ErrNoHouse) {
		t.Errorf("opening nothing: %v", err)
	}
	if _, _, err := node.NewCode(t.Context(), c); !errors.Is(err, node.ErrNoHouse) {
		t.Errorf("pairing with nothing: %v", err)
	}
	check(t, node.Init(c))
	if err := node.Init(c); !errors.Is(err, node.ErrExists) {
		t.Errorf("making it twice: %v", err)
	}
	n, err := node.Open(t.Context(), c)
	check(t, err)
	if _, err := node.Open(t.Context(), c); !errors.Is(err, node.ErrRunning) {
		t.Errorf("opening it twice: %v", err)
	}
	check(t, n.Close())
}

func TestConfigThatCannotWork(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]node.Config{
		"no directory":           {},
		"listen without a port":  {Dir: dir, Listen: "localhost"},
		"url with a path":        {Dir: dir, URL: "https://a.example/cams"},
		"half a certificate":     {Dir: dir, TLS: node.TLS{Cert: "a.pem"}},
		"a zone nobody knows":    {Dir: dir, Zone: "Mars/Base"},
		"a network that is all":  {Dir: dir, Near: []string{"0.0.0.0/0"}},
		"a network that is none": {Dir: dir, Near: []string{"home"}},
		"an exchange, no key":    {Dir: dir, Exchange: node.Exchange{URL: "https://x.example"}},
		"a key that is none":     {Dir: dir, Exchange: node.Exchange{URL: "https://x.example", LedgerKey: "key"}},
	} {
		if err := node.Init(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
