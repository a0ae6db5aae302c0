package web_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"porchlight/identity"
	"porchlight/internal/actor"
	"porchlight/internal/testworld"
	"porchlight/roster"
	"porchlight/web"
)

// Searching in real browsers: app/test/search.mjs says what is done. Two agencies
// of Illinois and one of New Hampshire have read the plate; all let everybody in.
// Those of Illinois keep pictures, the police 26 of another plate.
func TestSearchInTheBrowser(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := operated(t)
	police := &testworld.Agency{ORI: "IL0160000", Name: "Millbrook Police"}
	picture := car(t)
	for i, a := range []struct {
		*testworld.Agency
		state string
	}{{police, "IL"}, {&testworld.Agency{ORI: "IL0160100", Name: "Elm County Sheriff"}, "IL"}, {&testworld.Agency{ORI: "NH0010000", Name: "Granite Police"}, "NH"}} {
		token, err := w.InviteAgencyOf(ctx, a.Agency, "municipal", a.state)
		check(t, err)
		check(t, a.Staff(ctx, w.URL, token))
		c, err := a.Admin.AddCamera(ctx, actor.FileCamera("Main St / "+a.Name, a.ORI))
		check(t, err)
		_, err = a.Admin.Act(ctx, "/sharing", web.SharingSetting{Audience: "exchange"}, nil)
		check(t, err)
		if a.state == "NH" {
			check(t, seen(ctx, w, a.ORI, c.ID, "ABC123", 90*time.Second))
			continue
		}
		_, err = a.Admin.PublishVault(ctx, roster.ForPlates)
		check(t, err)
		check(t, photographed(ctx, w, a.ORI, c.ID, "ABC123", time.Duration(i+1)*30*time.Second, picture))
		if a.Agency == police {
			check(t, photographed(ctx, w, a.ORI, c.ID, "ABC127", 5*time.Hour, picture))
			for n := range 26 {
				check(t, photographed(ctx, w, a.ORI, c.ID, "PRC2481", time.Duration(n+1)*time.Hour, picture))
			}
		}
	}
	cmd := script(t, "search.mjs", w.URL, invited(t, police.Admin, "Ines", police.ORI, identity.RoleInvestigator),
		invited(t, police.Admin, "Bob", police.ORI, identity.RoleInvestigator), invited(t, w.Operator, "Dora", "", identity.RoleAuditor))
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	in, err := cmd.StdinPipe()
	check(t, err)
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	if lines := bufio.NewScanner(out); lines.Scan() { // Ines is enrolled
		check(t, extendPlates(ctx, police.Admin, police.ORI, "Ines"))
		_, err = fmt.Fprintln(in, "extended")
		check(t, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &complaints)
	}
}

// extendPlates gives a colleague's device the key of the agency's plates vault.
func extendPlates(ctx context.Context, admin *actor.Person, agency, name string) error {
	var people []web.MemberView
	if err := admin.Get(ctx, "/people?agency="+agency, &people); err != nil {
		return err
	}
	for _, p := range people {
		if p.Name == name {
			return admin.GrantVault(ctx, roster.ForPlates, p.Devices[0].ID, p.Devices[0].Recipient)
		}
	}
	return fmt.Errorf("nobody is called %s", name)
}
