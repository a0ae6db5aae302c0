package search

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"porchlight/db"
	"porchlight/internal/dbtest"
	"porchlight/policy"
	"porchlight/policy/packs"
	"porchlight/purpose"
)

// The law that decides acts and the law that audits go by are one: what a
// state's search.json bans, lists, limits or closes, its rules do, and no more.
func TestActsAndAuditsGoByOneLaw(t *testing.T) {
	if dbtest.Engine() != db.SQLite {
		t.Skip("asks no database")
	}
	engine := rules()
	for _, state := range packs.States() {
		t.Run(state, func(t *testing.T) {
			law, err := packs.For(state)
			if err != nil {
				t.Fatal(err)
			}
			mine := "us-" + strings.ToLower(state) + "."
			// decide reports whether the state's own rules refuse.
			decide := func(action string, change map[string]any) (refuses bool) {
				t.Helper()
				q := policy.Question{Action: action, Jurisdictions: []string{state}, Facts: map[string]any{
					"kind": "plate", "purposes": []string{"crime"}, "clear": true, "has_case": true, "behalf_unnamed": false, "networks": 1,
					"look_back_days": 7, "repeats": 0, "approved": false,
				}, Actor: policy.Actor{Role: "investigator", Agency: state + "0000000", AgencyKind: "municipal", AgencyStatus: "active", Signed: true}}
				if action == "search.answer" {
					q.Actor, q.Facts = policy.Actor{Role: "system"}, map[string]any{
						"own": true, "shared": true, "named": false, "restricted": false, "asker_active": true, "federal": false, "outside": false,
						"private": false, "purposes": []string{"crime"}, "has_case": true, "look_back_days": 7,
					}
				}
				maps.Copy(q.Facts, change)
				v := engine.Decide(q)
				if v.Problem != "" {
					t.Fatal(v.Problem)
				}
				return slices.ContainsFunc(v.Rules, func(r policy.Rule) bool { return strings.HasPrefix(r.ID, mine) })
			}
			var banned, listed []string
			for _, p := range law.Banned {
				banned = append(banned, p.Class)
			}
			for _, p := range law.PermittedOnly {
				listed = append(listed, p.Classes...)
			}
			residual := []purpose.Class{purpose.Vague, purpose.CaseNumber, purpose.Unreadable, purpose.Unstated}
			for _, c := range purpose.AllClasses {
				want := slices.Contains(banned, string(c)) || len(listed) > 0 && !slices.Contains(listed, string(c))
				if slices.Contains(residual, c) {
					continue // what says nothing cannot be held against a list; an act always has an offense
				}
				if got := decide("search.answer", map[string]any{"purposes": []string{string(c)}}); got != want {
					t.Errorf("an answer about %s is refused: %t, the audit's law says %t", c, got, want)
				}
				// New Hampshire's list is about its own reads.
				if got := decide("search.run", map[string]any{"purposes": []string{string(c)}}); got != want && !(state == "NH" && !got) {
					t.Errorf("a search about %s is refused: %t, the audit's law says %t", c, got, want)
				}
			}
			for who, closed := range map[string]func() string{
				"federal": func() string { return law.Outside.Federal }, "outside": func() string { return law.Outside.OutOfState },
			} {
				word := packs.OutsideOpen
				if law.Outside != nil {
					word = closed()
				}
				stranger := map[string]any{who: true, "own": false}
				named := map[string]any{who: true, "own": false, "named": true}
				if got := decide("search.answer", stranger); got != (word != packs.OutsideOpen) {
					t.Errorf("%s: refused %t, the audit's law says %q", who, got, word)
				}
				if got := decide("search.answer", named); got != (word == packs.OutsideBanned) {
					t.Errorf("%s, let in by name: refused %t, the audit's law says %q", who, got, word)
				}
			}
			if l := law.LookBack; l != nil {
				for _, days := range []int{l.Days, l.Days + 1} {
					if got := decide("search.answer", map[string]any{"look_back_days": days, "has_case": false}); got != (days > l.Days) {
						t.Errorf("%d days back without a case: refused %t", days, got)
					}
				}
				if strings.Contains(l.Unless, "case") && decide("search.answer", map[string]any{"look_back_days": l.Days + 1}) {
					t.Error("the case number does not open a longer look back")
				}
			}
			if law.CaseNumber != nil && !decide("search.run", map[string]any{"has_case": false}) {
				t.Error("a case number is not asked for")
			}
			if keep, cites := lawOf(state); (keep > 0) != (law.Retention != nil) || (cites != "") != (keep > 0) {
				t.Errorf("retention %v, %q", keep, cites)
			}
		})
	}
}
