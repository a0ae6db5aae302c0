package share

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The real client, tus-js-client, against the real handler. Needs node and
// web/app/node_modules, which `make test` installs.
func tusJS(t *testing.T, w *world, file []byte, mode string) *exec.Cmd {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clip.age")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "test/tus.mjs", w.http.URL+"/api/uploads", w.token, path, mode)
	cmd.Dir = "../web/app"
	cmd.Stderr = os.Stderr
	return cmd
}

func TestTusJSClient(t *testing.T) {
	for _, mode := range []string{"whole", "resume", "remove"} {
		t.Run(mode, func(t *testing.T) {
			w := newWorld(t, Limits{})
			file, id, plain := sealed(t, 2<<20)
			out, err := tusJS(t, w, file, mode).Output()
			if err != nil {
				t.Fatal(err)
			}
			loc := strings.TrimPrefix(strings.TrimSpace(string(out)), w.http.URL)
			if mode == "remove" {
				w.do(404, "HEAD", loc, nil, nil)
				return
			}
			w.check(loc, file, id, plain)
		})
	}
}

// The server is closed in the middle, with every connection, and another one
// opened on its files and its port; the client carries on.
func TestTusJSClientThroughRestarts(t *testing.T) {
	w := newWorld(t, Limits{})
	file, id, plain := sealed(t, 4<<20)
	addr := w.http.Listener.Addr().String()
	cmd := tusJS(t, w, file, "through")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines, restarts, url := bufio.NewScanner(out), 0, ""
	for lines.Scan() {
		url = lines.Text()
		if strings.HasPrefix(url, "at ") && restarts < 3 {
			restarts++
			w.close()
			w.open(Limits{})
			handler := w.http.Config.Handler
			w.http.Close()
			l, err := net.Listen("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			w.http = &httptest.Server{Listener: l, Config: &http.Server{Handler: handler}}
			w.http.Start()
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if restarts != 3 {
		t.Fatalf("restarted %d times", restarts)
	}
	w.check(strings.TrimPrefix(url, "http://"+addr), file, id, plain)
}
