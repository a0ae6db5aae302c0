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

// The sharing desk in real browsers: app/test/sharing.mjs says what is done.
func TestSharingInTheBrowser(t *testing.T) {
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
	sheriff := &testworld.Agency{ORI: "IL0160100", Name: "Elm County Sheriff"}
	for _, a := range []*testworld.Agency{police, sheriff} {
		token, err := town.InviteAgency(ctx, a, "county")
		check(t, err)
		check(t, a.Staff(ctx, cfg.BaseURL, token))
	}
	for _, a := range []*testworld.Agency{{ORI: "IL0160300", Name: "Harlow Police"}, {ORI: "IL0160400", Name: "Campus Police of the University at Elm"}} {
		_, err := town.InviteAgency(ctx, a, "campus")
		check(t, err)
	}
	_, err = sheriff.Admin.Act(ctx, "/sharing", web.SharingSetting{Audience: "same-state"}, nil)
	check(t, err)
	link := func(by *actor.Person, agency string, role identity.Role) string {
		token, inv := actor.Invitation()
		_, err := by.Act(ctx, "/people", web.NewPerson{NewInvitation: inv, Name: "Second " + string(role), Agency: agency, Role: string(role)}, nil)
		check(t, err)
		return cfg.BaseURL + "/enrol#" + token
	}
	cmd := exec.CommandContext(ctx, "node", "test/sharing.mjs", cfg.BaseURL, link(police.Admin, police.ORI, identity.RoleAdmin), link(town.Operator, "", identity.RoleAuditor), os.Getenv("PORCHLIGHT_SHOTS"))
	cmd.Dir = "app"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
