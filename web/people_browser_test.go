package web_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"porchlight/exchange"
)

// Everybody who has an account, in real browsers with virtual security keys:
// app/test/people.mjs says what they do. Needs node, the app's packages and
// chromium, as `make test` has.
func TestPeopleInTheBrowser(t *testing.T) {
	listener, err := net.Listen("tcp", "localhost:0")
	check(t, err)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	check(t, err)
	cfg := exchange.Config{Dir: filepath.Join(t.TempDir(), "x"), Name: "Elm County", BaseURL: "http://localhost:" + port, State: "IL"}
	made, err := exchange.Init(t.Context(), cfg, countyArea)
	check(t, err)
	x, err := exchange.Open(t.Context(), cfg)
	check(t, err)
	defer func() { check(t, x.Close()) }()
	site := &httptest.Server{Listener: listener, Config: &http.Server{Handler: x.Handler()}}
	site.Start()
	defer site.Close()

	cmd := exec.CommandContext(t.Context(), "node", "test/people.mjs", cfg.BaseURL, made.OperatorLink, os.Getenv("PORCHLIGHT_SHOTS"))
	cmd.Dir = "app"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
