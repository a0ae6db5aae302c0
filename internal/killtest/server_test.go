package killtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"porchlight/exchange"
	"porchlight/internal/porttest"
	"porchlight/internal/testworld"
)

// server is porchlight serve as a process that dies and comes back.
type server struct {
	t        *testing.T
	bin, dir string
	url      string
	link     string // enrols the operator
	logKey   string
	stderr   *os.File

	mu    sync.Mutex
	cmd   *exec.Cmd
	ended chan struct{} // closed when this process ended
	ready chan struct{} // closed while it answers
}

// build makes the real program.
func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "porchlight")
	if out, err := exec.Command("go", "build", "-o", bin, "porchlight/cmd/porchlight").CombinedOutput(); err != nil {
		t.Fatalf("building porchlight: %v\n%s", err, out)
	}
	return bin
}

// newServer creates an exchange in dir with porchlight init.
func newServer(t *testing.T, bin, dir string) *server {
	t.Helper()
	s := &server{t: t, bin: bin, dir: filepath.Join(dir, "x"), url: fmt.Sprintf("http://localhost:%d", porttest.Free(t)), ready: make(chan struct{})}
	area := filepath.Join(t.TempDir(), "county.geojson")
	if err := os.WriteFile(area, []byte(testworld.County), 0o600); err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(s.url, "http://")
	out, err := exec.Command(bin, "init", "--dir", s.dir, "--base-url", s.url, "--listen", host, "--state", "IL", "--jurisdiction", area, "--json").Output()
	if err != nil {
		t.Fatalf("porchlight init: %v", err)
	}
	var made exchange.Made
	if err := json.Unmarshal(out, &made); err != nil {
		t.Fatal(err)
	}
	s.link, s.logKey = made.OperatorLink, made.LogKey
	if s.stderr, err = os.Create(filepath.Join(t.TempDir(), "stderr")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			b, _ := os.ReadFile(s.stderr.Name())
			t.Logf("the server said at last:\n%s", b[max(0, len(b)-4000):])
		}
	})
	return s
}

// start begins a process; it may be killed before it answers.
func (s *server) start() {
	cmd := exec.Command(s.bin, "serve", "--dir", s.dir, "--log", "info")
	cmd.Stderr = s.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	s.mu.Lock()
	s.cmd, s.ended = cmd, ended
	s.mu.Unlock()
}

// answers waits until the process is ready and lets the clients go on; false
// when it ended before.
func (s *server) answers() bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if res, err := http.Get(s.url + "/readyz"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				s.mu.Lock()
				close(s.ready)
				s.mu.Unlock()
				return true
			}
		}
		select {
		case <-s.ended:
			return false
		case <-tick.C:
		}
	}
}

// kill ends the process without warning.
func (s *server) kill() {
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Kill()
	<-s.ended
	s.mu.Lock()
	select {
	case <-s.ready:
		s.ready = make(chan struct{})
	default:
	}
	s.mu.Unlock()
}

// stop ends the process as an operator does.
func (s *server) stop() error {
	s.cmd.Process.Signal(syscall.SIGTERM)
	<-s.ended
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("porchlight serve ended with %d", code)
	}
	return nil
}

// up waits until the exchange answers.
func (s *server) up(ctx context.Context) error {
	s.mu.Lock()
	ready := s.ready
	s.mu.Unlock()
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// checkpoint is what a reader of the ledger keeps.
func (s *server) checkpoint() []byte {
	b, err := os.ReadFile(filepath.Join(s.dir, "ledger", "checkpoint"))
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}
