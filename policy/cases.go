package policy

import (
	"encoding/json"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// Case is one act of a pack's cases.json with the decision it must get.
type Case struct {
	Name string `json:"case"` // what happens, in words
	// Like names an earlier case of the file; what this one does not say is as there.
	Like    string         `json:"like,omitempty"`
	Action  string         `json:"action,omitempty"`
	By      string         `json:"by,omitempty"` // role, kind, status and "signed", e.g. "requester municipal active signed"
	In      []string       `json:"in,omitempty"` // jurisdictions
	Facts   map[string]any `json:"facts,omitempty"`
	Without string         `json:"without,omitempty"` // a fact that is left out
	Expect  string         `json:"expect"`            // "permit" or "deny"
	Rules   []string       `json:"rules"`             // exactly those that determine it, sorted
}

// cases runs a pack's cases.json; every rule of the pack must stand in a case.
func (r *TestReport) cases(e *Engine, packs fs.FS, pack string) {
	name := path.Join(pack, "cases.json")
	data, err := fs.ReadFile(packs, name)
	var list []Case
	if err == nil {
		err = json.Unmarshal(data, &list)
	}
	if err != nil {
		r.fail("%s: %v", name, err)
		return
	}
	seen := map[string]bool{}
	earlier := map[string]Case{}
	for _, c := range list {
		r.Cases++
		if c.Like != "" {
			like, ok := earlier[c.Like]
			if !ok {
				r.fail("%s: %q is like no earlier case", name, c.Name)
				continue
			}
			c = c.fill(like)
		}
		earlier[c.Name] = c
		q, err := c.question()
		if err != nil {
			r.fail("%s: %q: %v", name, c.Name, err)
			continue
		}
		v := e.Decide(q)
		got := "deny"
		if v.Permit {
			got = "permit"
		}
		for _, rule := range v.Rules {
			seen[rule.ID] = true
		}
		if want := strings.Join(c.Rules, " "); got != c.Expect || ids(v) != want {
			r.fail("%s: %q: %s by %s, expected %s by %s %s", name, c.Name, got, ids(v), c.Expect, want, v.Problem)
		}
	}
	for _, rule := range e.packs[pack].rules {
		if !seen[rule.ID] {
			r.fail("%s: no case shows %s at work", name, rule.ID)
		}
	}
}

// fill takes from like what c does not say.
func (c Case) fill(like Case) Case {
	if c.Action == "" {
		c.Action = like.Action
	}
	if c.By == "" {
		c.By = like.By
	}
	if c.In == nil {
		c.In = like.In
	}
	facts := maps.Clone(like.Facts)
	if facts == nil {
		facts = map[string]any{}
	}
	maps.Copy(facts, c.Facts)
	c.Facts = facts
	return c
}

// question is the case as Decide is asked it.
func (c Case) question() (Question, error) {
	q := Question{Action: c.Action, Jurisdictions: c.In, Facts: map[string]any{}}
	words := strings.Fields(c.By)
	q.Actor.Signed = slices.Contains(words, "signed")
	words = slices.DeleteFunc(words, func(w string) bool { return w == "signed" })
	if len(words) > 0 {
		q.Actor.Role = words[0]
	}
	if len(words) == 3 {
		q.Actor.Agency, q.Actor.AgencyKind, q.Actor.AgencyStatus = "IL0000000", words[1], words[2]
	}
	for name, fact := range c.Facts {
		if n, ok := fact.(float64); ok {
			q.Facts[name] = int64(n)
			continue
		}
		var err error
		if q.Facts[name], err = typed(fact); err != nil {
			return q, err
		}
	}
	delete(q.Facts, c.Without)
	return q, nil
}

// TestCases loads the packs and checks their cases.json alone: the quick part of
// Test, which an exchange does whenever its packs change.
func TestCases(packs fs.FS) TestReport { return test(packs, nil) }
