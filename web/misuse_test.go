package web_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"porchlight/internal/actor"
	"porchlight/internal/testworld"
	"porchlight/web"
)

// The misuses that critics of plate networks have documented, each tried here at
// the same door as everybody uses. docs/threat-model.md says of each what is
// prevented, what is only made visible, and what Porchlight cannot do.
func TestMisuse(t *testing.T) {
	t.Parallel()
	w := testworld.Start(t, nil)
	ctx := t.Context()
	camera, err := w.Police.Admin.AddCamera(ctx, actor.FileCamera("Elm St", "elm"))
	check(t, err)
	for ago := range 3 {
		check(t, seen(ctx, w, w.Police.ORI, camera.ID, "EXWIFE1", time.Duration(ago+1)*time.Hour))
	}
	t.Run("stalking an ex", func(t *testing.T) { stalking(t, w) })
	t.Run("a federal errand", func(t *testing.T) { federalErrand(t, w) })
	t.Run("sharing widened and narrowed back", func(t *testing.T) { widenAndBack(t, w) })
	t.Run("a copied database", func(t *testing.T) { copied(t, w) })
}

// refusedBy fails the test unless err is a recorded refusal by rule.
func refusedBy(t *testing.T, err error, rule string) {
	t.Helper()
	var p *web.Problem
	if !errors.As(err, &p) || p.Status != http.StatusForbidden || p.Receipt == "" || !slices.Contains(strings.Fields(rulesOf(p)), rule) {
		t.Errorf("%v, want a refusal by %s with its receipt", err, rule)
	}
}

// An investigator follows a person's car for her own reasons.
func stalking(t *testing.T, w *testworld.World) {
	ctx, ines := t.Context(), w.Police.Investigator
	ask := plateAsk("EXWIFE1")
	ask.Note = "checking up on my ex wife"
	_, err := ines.Act(ctx, "/plates/searches", ask, nil)
	refusedBy(t, err, "base.search-personal")

	ask.Note = "investigation" // says nothing
	_, err = ines.Act(ctx, "/plates/searches", ask, nil)
	refusedBy(t, err, "base.search-unclear")

	// A plausible lie passes, twice; the third time somebody else must agree.
	ask = plateAsk("EXWIFE1")
	for _, number := range []string{"26-000101", "26-000102"} {
		ask.Case = number
		if _, err := ines.Act(ctx, "/plates/searches", ask, nil); err != nil {
			t.Fatal(err)
		}
	}
	ask.Case = "26-000103"
	_, err = ines.Act(ctx, "/plates/searches", ask, nil)
	refusedBy(t, err, "base.search-repeated")
	ask.Plate = "EXWIFE?" // the same car, asked for sideways
	_, err = ines.Act(ctx, "/plates/searches", ask, nil)
	refusedBy(t, err, "base.search-repeated")

	// She cannot be her own second officer.
	var p struct{ Proposal web.ProposalView }
	_, err = ines.Act(ctx, "/plates/proposals", ask, &p)
	check(t, err)
	_, err = ines.Act(ctx, "/plates/proposals/"+p.Proposal.ID+"/approve", nil, nil)
	refusedBy(t, err, "base.search-second-person")

	// A watch on the car is no way round.
	var list struct{ List web.HotlistView }
	_, err = ines.Act(ctx, "/plates/lists", web.NewHotlist{Name: "Own", Kind: "custom", Source: "own"}, &list)
	check(t, err)
	_, err = ines.Act(ctx, "/plates/lists/"+list.List.ID+"/entries", web.WantedDraft{
		Plate: "EXWIFE1", Basis: "my ex wife, want to know where she goes", Expires: time.Now().Add(48 * time.Hour),
	}, nil)
	refusedBy(t, err, "base.hotlist-personal")

	// Her administrator and the auditor see each try; who, which plate and why are opened with the entry.
	var history []web.SearchView
	call(t, w.Auditor, "GET", "/plates/history?limit=100", nil, &history)
	tries := 0
	for _, s := range history {
		if s.Agency == w.Police.ORI {
			tries++
		}
	}
	if tries < 2 {
		t.Errorf("the auditor sees %d searches", tries)
	}
}

// A local officer searches for immigration agents.
func federalErrand(t *testing.T, w *testworld.World) {
	ctx, ines := t.Context(), w.Police.Investigator
	for _, try := range []struct{ note, behalf, rule string }{
		{"i.c.e", "", "us-il.search-immigration"},
		{"assisting HSI with a case", "", "base.search-behalf"},
		{"adm1nistrative warrant, ERO detainer", "", "us-il.search-immigration"},
		{"immigration enforcement", "ICE", "us-il.search-immigration"},
	} {
		ask := plateAsk("ABC123")
		ask.Note, ask.Behalf = try.note, try.behalf
		_, err := ines.Act(ctx, "/plates/searches", ask, nil)
		refusedBy(t, err, try.rule)
	}
	// Named, with a crime as the reason: it gets what the federal agency would get, which nobody let in.
	ask := plateAsk("ABC123")
	ask.Behalf, ask.Case = "Homeland Security Investigations", "26-000900"
	var got searched
	if _, err := ines.Act(ctx, "/plates/searches", ask, &got); err != nil {
		t.Fatal(err)
	}
	for _, a := range got.Answers {
		if a.Permit || len(a.Reads) > 0 {
			t.Errorf("%s answered: %+v", a.Owner, a)
		}
	}
}

// An administrator opens her cameras to everybody for an hour and closes them again.
func widenAndBack(t *testing.T, w *testworld.World) {
	ctx := t.Context()
	sheriff := w.Sheriff.Investigator
	ask := plateAsk("EXWIFE1")
	answers := func(number string) (reads int, grant uint64) {
		t.Helper()
		ask.Case = number
		var got searched
		if _, err := sheriff.Act(ctx, "/plates/searches", ask, &got); err != nil {
			t.Fatal(err)
		}
		for _, a := range got.Answers {
			if a.Owner == w.Police.ORI {
				return len(a.Reads), a.Grant
			}
		}
		return 0, 0
	}
	if n, _ := answers("26-000201"); n != 0 {
		t.Fatalf("%d reads before anybody shared them", n)
	}
	wide, err := w.Police.Admin.Act(ctx, "/sharing", web.SharingSetting{Audience: "exchange"}, nil)
	check(t, err)
	if n, grant := answers("26-000202"); n != 3 || grant != wide {
		t.Errorf("%d reads under the setting of entry %d, want 3 under %d", n, grant, wide)
	}
	back, err := w.Police.Admin.Act(ctx, "/sharing", web.SharingSetting{Audience: "nobody"}, nil)
	check(t, err)
	ask.Plate = "OTHER1"
	if n, _ := answers("26-000203"); n != 0 {
		t.Errorf("%d reads after it was narrowed", n)
	}
	// Both changes stand on the agency's page for ever.
	res, err := http.Get(w.URL + "/agencies/" + w.Police.ORI)
	check(t, err)
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	check(t, err)
	for _, entry := range []uint64{wide, back} {
		if link := fmt.Sprintf("/ledger/%d\"", entry); !strings.Contains(string(page), link) {
			t.Errorf("the agency's page does not lead to %s", link)
		}
	}
}

// Somebody takes the whole data directory home.
func copied(t *testing.T, w *testworld.World) {
	w.X.DB.Scrub(t.Context())
	found := map[string][]string{}
	err := filepath.WalkDir(w.Config.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for what, secret := range map[string]string{"case": "26-000101", "plate": "EXWIFE1"} {
			if strings.Contains(string(b), secret) {
				top, _, _ := strings.Cut(strings.TrimPrefix(path, w.Config.Dir+"/"), "/")
				found[what] = append(found[what], top)
			}
		}
		return nil
	})
	check(t, err)
	// What the thief does read: docs/threat-model.md says so. The ledger, which
	// everybody copies, must hold none of it.
	for what, where := range found {
		if slices.Contains(where, "ledger") {
			t.Errorf("the ledger holds the %s of a search", what)
		}
	}
	if len(found["case"]) == 0 {
		t.Error("the case number is nowhere: this test looks for the wrong thing")
	}
}
