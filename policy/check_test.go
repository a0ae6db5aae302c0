package policy

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// underRace reports whether the race detector watches.
var underRace bool

// enumerates skips a test that puts hundreds of thousands of questions one after
// the other, where the race detector has nothing to find and takes ten times as
// long; make test runs it without.
func enumerates(t *testing.T) {
	if underRace {
		t.Skip("run without -race")
	}
}

// copyOf returns the packs in memory, with edit applied to the Cedar files.
func copyOf(t *testing.T, edit func(string) string, leaveOut ...string) fstest.MapFS {
	t.Helper()
	changed := false
	out := fstest.MapFS{}
	err := fs.WalkDir(Packs(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		for _, pack := range leaveOut {
			if strings.HasPrefix(name, pack+"/") {
				return nil
			}
		}
		data, err := fs.ReadFile(Packs(), name)
		if strings.HasSuffix(name, ".cedar") {
			text := edit(string(data))
			changed = changed || text != string(data)
			data = []byte(text)
		}
		out[name] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !changed {
		t.Fatal("the mutation changes nothing")
	}
	return out
}

// without removes a rule from its file, and its translations' complaint with it
// by leaving its id on a rule that never applies.
func without(id string) func(string) string {
	rule := regexp.MustCompile(`(?s)(@id\("` + regexp.QuoteMeta(id) + `"\).*?\n)(permit|forbid) \(principal, (.*?)\)\n.*?;\n`)
	return func(text string) string {
		return rule.ReplaceAllString(text, "$1$2 (principal, $3)\nwhen { false };\n")
	}
}

func replace(old, new string) func(string) string {
	return func(text string) string { return strings.Replace(text, old, new, 1) }
}

// Every rule matters: with any one of them gone, some case comes out otherwise.
func TestEveryRuleHasACase(t *testing.T) {
	enumerates(t)
	for _, r := range load(t).Rules() {
		if r.ID == DefaultDeny || r.ID == InvalidQuestion {
			continue
		}
		if report := test(copyOf(t, without(r.ID)), nil); len(report.Failures) == 0 {
			t.Errorf("without %s every case still passes", r.ID)
		}
	}
}

// The enumeration alone, without the cases, notices a promise that breaks.
func TestMutationsBreakPromises(t *testing.T) {
	enumerates(t)
	who := slices.DeleteFunc(actors(loadVocabulary()), func(a Actor) bool { // for speed
		return a.AgencyKind != "none" && a.AgencyKind != "municipal" && a.AgencyKind != "federal"
	})
	for _, m := range []struct {
		name, act string
		edit      func(string) string
	}{
		{"larger area", "request.post", replace("1294994", "1294995")},
		{"smaller area", "request.post", replace("64750", "64749")},
		{"shorter window", "request.post", replace("window_minutes < 15", "window_minutes < 14")},
		{"longer window", "request.post", replace("720", "721")},
		{"longer expiry", "request.post", replace("336", "337")},
		{"a third post", "request.post", replace("posts_for_case >= 2", "posts_for_case >= 3")},
		{"case or contact", "request.post", replace("has_case && context.has_contact", "has_case || context.has_contact")},
		{"federal agencies ask", "request.post", without("base.request-local")},
		{"outside the jurisdiction", "request.post", without("base.request-jurisdiction")},
		{"protest", "request.post", without("base.request-protest")},
		{"immigration", "request.post", without("base.request-immigration")},
		{"unsigned", "request.close", without("base.signed")},
		{"suspended", "request.close", without("base.suspended")},
		{"unverified", "request.close", without("base.verified")},
		{"same person", "request.moderate", without("base.request-second-person")},
		{"wrong key", "submission.share", without("base.share-key")},
		{"no consent", "submission.share", without("base.share-consent")},
		{"no withdrawal", "submission.withdraw", without("base.withdraw")},
		{"withdrawal only with a hint of doubt", "submission.withdraw", replace(`context.state == ItemState::"pending" || context.state == ItemState::"accepted")
};`, `context.state == ItemState::"accepted")
};`)},
		{"no custody", "item.note", without("base.evidence-custody")},
		{"federal agencies watch", "item.view", without("base.evidence-local")},
		{"another purpose", "item.view", without("base.view-purpose")},
		{"share with anybody", "item.share", without("base.item-share-receiver")},
		{"share for two years", "item.share", replace("365", "730")},
		{"passed on", "item.export", without("base.item-no-reshare")},
		{"banned purpose", "item.export", without("base.item-purpose")},
		{"destroyed under hold", "item.destroy", without("base.hold")},
		{"kept for ever", "item.destroy", without("base.destroy")},
		{"hold without ground", "item.hold", without("base.hold-ground")},
		{"operator flips sharing", "setting.change", func(text string) string {
			text = without("base.setting-owner")(text)
			return strings.Replace(text, `principal.role == Role::"operator" && context.owner == SettingOwner::"exchange"`, `principal.role == Role::"operator"`, 1)
		}},
		{"untested packs", "pack.change", without("base.pack-tested")},
		{"private without reason", "private.read", without("base.private-reason")},
		{"suspension without reason", "agency.suspend", without("base.agency-suspend-reason")},
		{"copied passkeys", "person.enrol", without("base.device-bound")},
		{"key to anybody", "vault.grant", without("base.vault-custodians")},
		{"key to the pictures to anybody", "vault.grant", without("base.vault-plates")},
		{"leafing through pictures", "image.view", without("base.image-lead")},
		{"pictures of others", "image.view", without("base.image-custody")},
		{"pictures nobody asked for", "image.share", without("base.image-share-asked")},
		{"pictures passed on", "image.share", without("base.image-share-owner")},
		{"an evaluation that fails", "request.close", replace(`when { principal.status == Status::"suspended" };`,
			`when { principal.status == Status::"suspended" || (if principal.signed then 9223372036854775807 else 0) + 1 < 0 };`)},
	} {
		t.Run(m.name, func(t *testing.T) {
			e, err := Load(copyOf(t, m.edit, "us-il"))
			if err != nil {
				t.Fatal(err)
			}
			var r TestReport
			enumeration{engine: e, report: &r, pack: *e.packs["base"]}.act(m.act, who)
			if len(r.Failures) == 0 {
				t.Error("nothing failed")
			} else {
				t.Log(r.Failures[0])
			}
		})
	}
}

// What Load refuses, Test reports.
func TestBrokenPacks(t *testing.T) {
	for name, m := range map[string]struct {
		edit func(string) string
		want string
	}{
		"a law pack that permits": {func(s string) string {
			return strings.Replace(s, "forbid (principal, action == Action::\"submission.share\", resource)\nunless { context.consent_complete };\n\n@id(\"us-il.", "permit (principal, action == Action::\"submission.share\", resource);\n\n@id(\"us-il.", 1)
		}, "only forbids"},
		"a missing attribute":      {replace("context.area_m2 <", "context.area <"), "area"},
		"two rules of one name":    {replace("base.request-past", "base.request-window"), "two rules"},
		"no citation":              {replace("@citation(\"Porchlight promise 10: deletion is real\")\n", ""), "no @citation"},
		"a sentence in one tongue": {replace(`@id("base.hold")`, `@id("base.held")`), "no plain sentence"},
		"another pack's name":      {replace(`@id("us-il.immigration")`, `@id("base.immigration")`), "does not begin"},
		"no Cedar":                 {replace("forbid (", "forbidden ("), "law pack"},
	} {
		r := Test(copyOf(t, m.edit))
		if len(r.Failures) != 1 || !strings.Contains(r.Failures[0], m.want) {
			t.Errorf("%s: %q", name, r.Failures)
		}
	}
	if r := Test(fstest.MapFS{}); len(r.Failures) != 1 || !strings.Contains(r.Failures[0], `"base"`) {
		t.Errorf("no packs: %q", r.Failures)
	}
}

// A folder of search law alone is no pack; a pack that lost its pack.json is an
// error, also when it has search law beside its rules.
func TestSearchLawIsNoPack(t *testing.T) {
	packs := copyOf(t, func(text string) string { return text + "\n" })
	for _, p := range load(t).Packs() {
		if _, ok := packs[p.Name+"/pack.json"]; !ok {
			t.Errorf("%s is offered as a pack", p.Name)
		}
	}
	packs["us-zz/search.json"] = &fstest.MapFile{Data: []byte(`{}`)}
	packs["us-zz/notes.md"] = &fstest.MapFile{Data: []byte(`notes`)}
	if e, err := Load(packs); err != nil || slices.ContainsFunc(e.Packs(), func(p Pack) bool { return p.Name == "us-zz" }) {
		t.Errorf("search law alone: %v", err)
	}
	delete(packs, "us-il/pack.json")
	if _, err := Load(packs); err == nil {
		t.Error("a pack without pack.json was passed over")
	}
}
