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
	"porchlight/identity"
	"porchlight/internal/actor"
	"porchlight/internal/testworld"
	"porchlight/web"
)

// newExchange runs an exchange without people until the test ends; link enrols
// its operator.
func newExchange(t *testing.T) (w *testworld.World, link string) {
	t.Helper()
	listener, err := net.Listen("tcp", "localhost:0")
	check(t, err)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	check(t, err)
	cfg := exchange.Config{Dir: filepath.Join(t.TempDir(), "x"), Name: "Elm County", BaseURL: "http://localhost:" + port, State: "IL"}
	made, err := exchange.Init(t.Context(), cfg, countyArea)
	check(t, err)
	x, err := exchange.Open(t.Context(), cfg)
	check(t, err)
	t.Cleanup(func() { check(t, x.Close()) })
	site := &httptest.Server{Listener: listener, Config: &http.Server{Handler: x.Handler()}}
	site.Start()
	t.Cleanup(site.Close)
	return &testworld.World{X: x, Config: cfg, URL: cfg.BaseURL, Town: &testworld.Town{URL: cfg.BaseURL}}, made.OperatorLink
}

// operated is newExchange with its operator enrolled.
func operated(t *testing.T) *testworld.World {
	t.Helper()
	w, link := newExchange(t)
	w.Operator = actor.NewPerson(w.URL, "Operator")
	check(t, w.Operator.Enrol(t.Context(), link))
	return w
}

// invited is the link by which somebody enrols in a browser.
func invited(t *testing.T, by *actor.Person, name, agency string, role identity.Role) string {
	t.Helper()
	token, inv := actor.Invitation()
	_, err := by.Act(t.Context(), "/people", web.NewPerson{NewInvitation: inv, Name: name, Agency: agency, Role: string(role)}, nil)
	check(t, err)
	return by.URL + "/enrol#" + token
}

// script is a script of app/test, to be run with these arguments and, last, the
// folder for its pictures.
func script(t *testing.T, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), "node", append(append([]string{"test/" + name}, args...), os.Getenv("PORCHLIGHT_SHOTS"))...)
	cmd.Dir = "app"
	return cmd
}

// play runs a script to its end.
func play(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := script(t, name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
