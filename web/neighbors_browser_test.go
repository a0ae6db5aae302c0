package web_test

import (
	"testing"

	"porchlight/identity"
	"porchlight/internal/testworld"
)

// The camera register and lost pets in real browsers: app/test/neighbors.mjs
// says what is done.
func TestNeighborsInTheBrowser(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := operated(t)
	police := &testworld.Agency{ORI: "IL0160000", Name: "Millbrook Police"}
	token, err := w.InviteAgency(ctx, police, "municipal")
	check(t, err)
	check(t, police.Staff(ctx, w.URL, token))
	play(t, "neighbors.mjs", w.URL, invited(t, police.Admin, "Second investigator", police.ORI, identity.RoleInvestigator),
		invited(t, w.Operator, "First moderator", "", identity.RoleModerator))
}
