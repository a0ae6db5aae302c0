package policy

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
)

func load(t testing.TB) *Engine {
	t.Helper()
	e, err := Load(Packs())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestDecide(t *testing.T) {
	e := load(t)
	v := e.Decide(post())
	if !v.Permit || ids(v) != "base.request-post" || v.Problem != "" {
		t.Fatalf("%+v", v)
	}
	if names := slices.Sorted(maps.Keys(v.Packs)); !slices.Equal(names, []string{"base", "us-il"}) {
		t.Errorf("packs %v", names)
	}
	q := post()
	q.Jurisdictions = []string{"il", "US-IL", "IL", "nowhere"}
	if v := e.Decide(q); !v.Permit || len(v.Packs) != 2 {
		t.Errorf("jurisdictions in other spellings: %+v", v.Packs)
	}
	q.Jurisdictions = nil
	if v := e.Decide(q); !v.Permit || len(v.Packs) != 1 {
		t.Errorf("without jurisdiction: %+v", v.Packs)
	}
}

// Every way to ask wrongly is denied as such, and never panics.
func TestInvalidQuestions(t *testing.T) {
	e := load(t)
	for name, spoil := range map[string]func(*Question){
		"empty":                 func(q *Question) { *q = Question{} },
		"a group of acts":       func(q *Question) { q.Action, q.Facts = "item", nil },
		"no facts":              func(q *Question) { q.Facts = nil },
		"a fact too many":       func(q *Question) { q.Facts["x"] = true },
		"nil":                   func(q *Question) { q.Facts["has_case"] = nil },
		"a float":               func(q *Question) { q.Facts["area_m2"] = 500000.0 },
		"text for a list":       func(q *Question) { q.Facts["purposes"] = "crime" },
		"an unknown word":       func(q *Question) { q.Facts["purposes"] = []string{"fun"} },
		"no role":               func(q *Question) { q.Actor.Role = "" },
		"an unknown kind":       func(q *Question) { q.Actor.AgencyKind = "imperial" },
		"kind without agency":   func(q *Question) { q.Actor.Agency = "" },
		"agency without kind":   func(q *Question) { q.Actor.AgencyKind = "" },
		"agency without status": func(q *Question) { q.Actor.AgencyStatus = "" },
		"resident of an agency": func(q *Question) { q.Actor.Role = "resident" },
	} {
		q := post()
		spoil(&q)
		if v := e.Decide(q); v.Permit || ids(v) != InvalidQuestion || v.Problem == "" {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

func TestRules(t *testing.T) {
	e := load(t)
	rules := e.Rules()
	if rules[0].Pack != "base" || rules[len(rules)-1].Pack != "us-wa" {
		t.Error("base comes first")
	}
	for _, r := range rules {
		for _, lang := range Languages {
			if !strings.HasSuffix(r.Plain[lang], ".") {
				t.Errorf("%s, %s: %q is no sentence", r.ID, lang, r.Plain[lang])
			}
		}
		if r.Pack != "base" && !strings.HasPrefix(r.Source, "https://") {
			t.Errorf("%s has no source", r.ID)
		}
		if got, ok := e.Rule(r.ID); !ok || got.ID != r.ID {
			t.Errorf("no rule %s", r.ID)
		}
	}
	if _, ok := e.Rule("base.nonsense"); ok {
		t.Error("a rule that is none")
	}
}

// The hash of a pack is what the shell gives, as Hash says.
func TestHash(t *testing.T) {
	for _, p := range load(t).Packs() {
		cmd := exec.Command("sh", "-c", "find * -type f | LC_ALL=C sort | xargs sha256sum | sha256sum")
		cmd.Dir = "packs/" + p.Name
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if got, _, _ := strings.Cut(string(out), " "); got != p.Hash {
			t.Errorf("%s: %s, the shell says %s", p.Name, p.Hash, got)
		}
	}
}

func TestConcurrentDecisions(t *testing.T) {
	e := load(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if !e.Decide(post()).Permit {
					t.Error("denied")
				}
			}
		})
	}
	wg.Wait()
}

func TestQuestionJSON(t *testing.T) {
	data, err := json.Marshal(post())
	if err != nil {
		t.Fatal(err)
	}
	var q Question
	if err := json.Unmarshal(data, &q); err != nil {
		t.Fatal(err)
	}
	if v := load(t).Decide(q); !v.Permit {
		t.Errorf("%+v", v)
	}
	for _, bad := range []string{`{"facts":{"area_m2":0.5}}`, `{"facts":{"purposes":[1]}}`, `{"verb":"x"}`, `[]`} {
		if err := json.Unmarshal([]byte(bad), &q); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

// Every act of the schema has at least one rule that permits it.
func TestNoActIsForgotten(t *testing.T) {
	e := load(t)
	for _, act := range e.words.acts() {
		permits := slices.ContainsFunc(e.index["base"][act], func(p numbered) bool {
			return e.rules[string(p.id)].Effect == "permit"
		})
		if !permits {
			t.Errorf("nothing ever permits %s", act)
		}
	}
}

func TestSchemaReads(t *testing.T) {
	text, err := os.ReadFile("schema.cedarschema")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parseVocabulary(text); err != nil {
		t.Fatal(err)
	}
}
