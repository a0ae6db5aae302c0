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

	"porchlight/home/node"
	"porchlight/home/record"
	"porchlight/home/web"
	"porchlight/internal/rtsptest"
	"porchlight/web/app"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// house runs one until the test ends; link lets a browser in.
func house(t *testing.T, c node.Config) (site, link string) {
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
	site, link := house(t, node.Config{Name: "Elm Street 12", Zone: "America/Chicago"})
	cmd := exec.CommandContext(t.Context(), "node", "test/home.mjs", site, link, camera.Address("door"), camera.Address("yard"),
		rtsptest.User, rtsptest.Password, os.Getenv("PORCHLIGHT_SHOTS"))
	cmd.Dir = "../../web/app"
	if out, err := cmd.CombinedOutput(); err != nil {
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
