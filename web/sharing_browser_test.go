package web_test

import (
	"testing"

	"porchlight/identity"
	"porchlight/internal/testworld"
	"porchlight/web"
)

// The sharing desk in real browsers: app/test/sharing.mjs says what is done.
func TestSharingInTheBrowser(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := operated(t)
	police := &testworld.Agency{ORI: "IL0160000", Name: "Millbrook Police"}
	sheriff := &testworld.Agency{ORI: "IL0160100", Name: "Elm County Sheriff"}
	for _, a := range []*testworld.Agency{police, sheriff} {
		token, err := w.InviteAgency(ctx, a, "county")
		check(t, err)
		check(t, a.Staff(ctx, w.URL, token))
	}
	for _, a := range []*testworld.Agency{{ORI: "IL0160300", Name: "Harlow Police"}, {ORI: "IL0160400", Name: "Campus Police of the University at Elm"}} {
		_, err := w.InviteAgency(ctx, a, "campus")
		check(t, err)
	}
	_, err := sheriff.Admin.Act(ctx, "/sharing", web.SharingSetting{Audience: "same-state"}, nil)
	check(t, err)
	play(t, "sharing.mjs", w.URL, invited(t, police.Admin, "Second admin", police.ORI, identity.RoleAdmin),
		invited(t, w.Operator, "Second auditor", "", identity.RoleAuditor))
}
