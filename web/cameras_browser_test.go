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

// The cameras page in real browsers: app/test/cameras.mjs says what is done.
func TestCamerasInTheBrowser(t *testing.T) {
	ctx := t.Context()
	listener, err := net.Listen("tcp", "localhost:0")
	check(t, err)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	check(t, err)
	cfg := exchange.Config{Dir: filepath.Join(t.TempDir(), "x"), Name: "Elm County", BaseURL: "http://localhost:" + port, State: "IL"}
	made, err := exchange.Init(ctx, cfg, countyArea)
	check(t, err)
	x, err := exchange.Open(ctx, cfg)
	check(t, err)
	defer func() { check(t, x.Close()) }()
	site := &httptest.Server{Listener: listener, Config: &http.Server{Handler: x.Handler()}}
	site.Start()
	defer site.Close()

	town := &testworld.Town{URL: cfg.BaseURL, Operator: actor.NewPerson(cfg.BaseURL, "Operator")}
	check(t, town.Operator.Enrol(ctx, made.OperatorLink))
	police := &testworld.Agency{ORI: "IL0160000", Name: "Millbrook Police"}
	token, err := town.InviteAgency(ctx, police, "municipal")
	check(t, err)
	check(t, police.Staff(ctx, cfg.BaseURL, token))
	link := func(role identity.Role) string {
		token, inv := actor.Invitation()
		_, err := police.Admin.Act(ctx, "/people", web.NewPerson{NewInvitation: inv, Name: "Second " + string(role), Agency: police.ORI, Role: string(role)}, nil)
		check(t, err)
		return cfg.BaseURL + "/enrol#" + token
	}
	cmd := exec.CommandContext(ctx, "node", "test/cameras.mjs", cfg.BaseURL, link(identity.RoleAdmin), link(identity.RoleInvestigator), os.Getenv("PORCHLIGHT_SHOTS"))
	cmd.Dir = "app"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
