package lpr

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"porchlight/internal/rtsptest"
	"porchlight/internal/streets"
	"porchlight/vision/models/modelstest"
)

func TestMain(m *testing.M) { rtsptest.Main(m) }

// TestSoak runs the program as it is shipped for as long as PORCHLIGHT_SOAK says,
// against an exchange that goes away now and then and a camera that is unplugged,
// kills it, and watches memory, open files and spool: scripts/soak-lpr.sh.
func TestSoak(t *testing.T) {
	long, err := time.ParseDuration(os.Getenv("PORCHLIGHT_SOAK"))
	if err != nil {
		t.Skip("scripts/soak-lpr.sh runs it")
	}
	models := modelstest.Dir(t)
	s := streets.Road(9, "day", 14, passes...)
	s.Rate, s.Sway = 10, .08
	s.Cast = append(s.Cast, streets.Bystander{Route: streets.Path(0, 5.6, 30, 13, 5.4, 12), Height: 1.72, Coat: streets.Hex(0x3b5a7c),
		Trousers: streets.Hex(0x2d2f36), Hair: streets.Hex(0x3a2618), Skin: streets.Hex(0xc9977a)})
	rtsp := rtsptest.Start(t, map[string]rtsptest.Film{"street": {Codec: "h264", Of: encoded(t, s), Loops: 40}})
	p := newPlace(t, true)
	var away atomic.Bool
	target, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if away.Load() {
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r)
	}))
	defer front.Close()

	key, err := x509.MarshalPKCS8PrivateKey(ed25519.PrivateKey(p.camera.Key))
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "lpr.yaml")
	text, err := json.Marshal(map[string]any{"exchange": front.URL, "ledger_key": p.LogKey, "dir": p.dir, "models": models, "spool_mb": 64,
		"cameras": []any{map[string]any{"camera": p.camera.ID, "agency": p.Police.ORI, "key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})),
			"source": rtsp.URL("street"), "facing": 90, "again": "3s"}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, text, 0o600); err != nil { // JSON is YAML
		t.Fatal(err)
	}
	station := &child{t: t, config: config, socket: filepath.Join(p.dir, "health.sock")}
	station.start()
	defer station.kill()

	out, err := os.Create(os.Getenv("PORCHLIGHT_SOAK_CSV"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	fmt.Fprintln(out, "second,what,rss_kb,ffmpeg_kb,fds,threads,frames,dropped,looked,reads,sent,spool_reads,spool_pictures,spool_bytes")
	began := time.Now()
	every := max(2*time.Second, long/2000)
	troubles := []string{"exchange away", "killed", "unplugged", "nothing"}
	each := long / time.Duration(4*max(1, int(long/(40*time.Minute)))) // how long one of them lasts, half of it in trouble
	var samples []sample
	trouble, then := "nothing", -1
	for tick := time.NewTicker(every); time.Since(began) < long; <-tick.C {
		n := int(time.Since(began) / each)
		within := time.Since(began) % each
		now := "nothing"
		if within > each/4 && within < each/2 {
			now = troubles[n%len(troubles)]
		}
		if now != trouble {
			away.Store(now == "exchange away")
			switch {
			case now == "unplugged":
				rtsp.Unplug()
			case trouble == "unplugged":
				rtsp.Replug()
			case now == "killed" && then != n:
				then = n
				station.kill()
				station.start()
			}
			trouble = now
		}
		one, err := station.sample()
		if err != nil {
			t.Logf("%s: %v", time.Since(began).Round(time.Second), err)
			continue
		}
		one.at = time.Since(began)
		samples = append(samples, one)
		c := one.Cameras[0]
		fmt.Fprintf(out, "%d,%s,%d,%d,%d,%d,%d,%d,%d,%d,%d,%d,%d,%d\n", int(one.at.Seconds()), now, one.rss, one.ffmpeg, one.fds, one.threads,
			c.Frames, c.Dropped, c.Looked, c.Reads, c.Sent, c.Spool.Reads, c.Spool.Pictures, c.Spool.Bytes)
	}
	away.Store(false)
	await(t, func() bool { one, err := station.sample(); return err == nil && one.Cameras[0].Spool.Reads == 0 })
	last, err := station.sample()
	if err != nil {
		t.Fatal(err)
	}
	station.stop()

	got := p.reads(t)
	right := 0
	for _, r := range got {
		if slices.Contains(known(), string(r.Text)) {
			right++
		}
	}
	// The first quarter fills caches; after it nothing grows.
	high := func(from, to float64, of func(sample) int) int {
		var all []int
		for _, s := range samples {
			if f := s.at.Seconds() / long.Seconds(); f >= from && f < to {
				all = append(all, of(s))
			}
		}
		if len(all) == 0 {
			return 0
		}
		slices.Sort(all)
		return all[len(all)*9/10]
	}
	rss := func(s sample) int { return s.rss }
	fds := func(s sample) int { return s.fds }
	t.Logf("%s: %d samples; resident %d MB then %d MB; open files %d then %d; %d reads at the exchange, %d of them right; %+v", long, len(samples),
		high(.25, .5, rss)/1024, high(.75, 1, rss)/1024, high(.25, .5, fds), high(.75, 1, fds), len(got), right, last.Cameras[0])
	if len(samples) < 20 || len(got) == 0 || right*4 < len(got)*3 {
		t.Errorf("%d samples, %d of %d reads right", len(samples), right, len(got))
	}
	if a, b := high(.25, .5, rss), high(.75, 1, rss); b > a*5/4+20_000 {
		t.Errorf("memory grew from %d to %d kB", a, b)
	}
	if a, b := high(.25, .5, fds), high(.75, 1, fds); b > a+5 {
		t.Errorf("open files grew from %d to %d", a, b)
	}
	if h := last.Cameras[0].Spool; h.LostReads > 0 || h.LostPictures > 0 {
		t.Errorf("lost: %+v", h)
	}
}

// sample is the station at a moment.
type sample struct {
	Health
	at           time.Duration
	rss, ffmpeg  int // kB
	fds, threads int
}

// child is the program, running.
type child struct {
	t              *testing.T
	config, socket string
	cmd            *exec.Cmd
}

func (c *child) start() {
	c.t.Helper()
	c.cmd = exec.Command(os.Getenv("PORCHLIGHT_BIN"), "lpr", "--config", c.config)
	c.cmd.Stderr = c.t.Output()
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
}

func (c *child) kill() {
	c.cmd.Process.Kill()
	c.cmd.Wait()
}

func (c *child) stop() {
	c.t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		c.t.Fatal(err)
	}
	if err := c.cmd.Wait(); err != nil {
		c.t.Errorf("stopping: %v", err)
	}
}

func (c *child) sample() (s sample, err error) {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", c.socket)
		}}}
	res, err := client.Get("http://station/healthz")
	if err != nil {
		return s, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(body, &s.Health); err != nil {
		return s, err
	}
	if len(s.Cameras) != 1 {
		return s, fmt.Errorf("health of %d cameras", len(s.Cameras))
	}
	pid := c.cmd.Process.Pid
	s.rss, s.threads = status(pid, "VmRSS:"), status(pid, "Threads:")
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	s.fds = len(fds)
	children, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range children {
		text, _ := os.ReadFile(file)
		for _, id := range strings.Fields(string(text)) {
			n, _ := strconv.Atoi(id)
			s.ffmpeg += status(n, "VmRSS:")
		}
	}
	return s, err
}

// status is a number of a process, 0 when it is gone.
func status(pid int, name string) (n int) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	defer f.Close()
	for l := bufio.NewScanner(f); l.Scan(); {
		if rest, ok := strings.CutPrefix(l.Text(), name); ok {
			fmt.Sscan(rest, &n)
		}
	}
	return n
}
