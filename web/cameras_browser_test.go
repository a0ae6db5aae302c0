package web_test

import (
	"testing"

	"porchlight/identity"
	"porchlight/internal/testworld"
)

// The cameras page in real browsers: app/test/cameras.mjs says what is done.
func TestCamerasInTheBrowser(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := operated(t)
	police := &testworld.Agency{ORI: "IL0160000", Name: "Millbrook Police"}
	token, err := w.InviteAgency(ctx, police, "municipal")
	check(t, err)
	check(t, police.Staff(ctx, w.URL, token))
	link := func(role identity.Role) string {
		return invited(t, police.Admin, "Second "+string(role), police.ORI, role)
	}
	play(t, "cameras.mjs", w.URL, link(identity.RoleAdmin), link(identity.RoleInvestigator))
}
