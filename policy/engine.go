package policy

import (
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"

	cedar "github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// Rules that no policy states: what the engine itself answers.
const (
	DefaultDeny     = "base.default-deny"     // nothing permits the act
	InvalidQuestion = "base.invalid-question" // the question does not fit the schema, or evaluating it failed
)

// Engine decides by a fixed set of packs. It is safe for concurrent use and
// never changes; a new set of packs is a new Engine.
type Engine struct {
	words   *vocabulary
	packs   map[string]*Pack
	selects map[string]string // jurisdiction, upper case, to pack name
	rules   map[string]Rule
	// pack and action to the policies that can speak of that action
	index map[string]map[string][]numbered
}

type numbered struct {
	id     types.PolicyID
	policy *cedar.Policy
}

// policies is what one question is evaluated against.
type policies [][]numbered

// All implements cedar.PolicyIterator.
func (ps policies) All() iter.Seq2[types.PolicyID, *cedar.Policy] {
	return func(yield func(types.PolicyID, *cedar.Policy) bool) {
		for _, pack := range ps {
			for _, p := range pack {
				if !yield(p.id, p.policy) {
					return
				}
			}
		}
	}
}

// Load reads every folder of packs as a pack; base must be among them. A folder
// of law for audits or homes alone (search.json, home.json, see package packs) is
// passed over: nothing in it decides an act. Load refuses the whole set when any part
// of it is wrong: a file that does not parse, a policy that does not fit the
// schema, a rule without id, citation or sentence, a law pack that permits, two
// packs for one jurisdiction.
func Load(packs fs.FS) (*Engine, error) {
	e := &Engine{
		words:   loadVocabulary(),
		packs:   map[string]*Pack{},
		selects: map[string]string{},
		rules:   map[string]Rule{},
		index:   map[string]map[string][]numbered{},
	}
	entries, err := fs.ReadDir(packs, ".")
	if err != nil {
		return nil, fmt.Errorf("law packs: %w", err)
	}
	for _, d := range entries {
		if !d.IsDir() {
			continue
		}
		if noPack(packs, d.Name()) {
			continue
		}
		p, err := readPack(packs, d.Name(), e.words)
		if err != nil {
			return nil, fmt.Errorf("law pack %s: %w", d.Name(), err)
		}
		if err := e.add(p); err != nil {
			return nil, fmt.Errorf("law pack %s: %w", d.Name(), err)
		}
	}
	if e.packs["base"] == nil {
		return nil, fmt.Errorf("law packs: %w", errNoBase)
	}
	for _, r := range ownRules {
		e.rules[r.ID] = r
	}
	return e, nil
}

func (e *Engine) add(p *Pack) error {
	e.packs[p.Name] = p
	for _, j := range p.Jurisdictions {
		if other := e.selects[strings.ToUpper(j)]; other != "" {
			return fmt.Errorf("jurisdiction %s already has pack %s", j, other)
		}
		e.selects[strings.ToUpper(j)] = p.Name
	}
	for _, r := range p.rules {
		e.rules[r.ID] = r
	}
	e.index[p.Name] = map[string][]numbered{}
	for _, action := range e.words.acts() {
		for _, r := range p.rules {
			id := types.PolicyID(r.ID)
			if e.speaksOf(p.compiled[id], action) {
				e.index[p.Name][action] = append(e.index[p.Name][action], numbered{id, p.compiled[id]})
			}
		}
	}
	return nil
}

// speaksOf reports whether the policy's scope covers the action; leaving the
// others out changes no decision.
func (e *Engine) speaksOf(p *cedar.Policy, action string) bool {
	in := e.words.groups[cedar.NewEntityUID("Action", types.String(action))]
	switch scope := (*ast.Policy)(p.AST()).Action.(type) {
	case ast.ScopeTypeEq:
		return scope.Entity.ID == types.String(action)
	case ast.ScopeTypeIn:
		return in[scope.Entity]
	case ast.ScopeTypeInSet:
		return slices.ContainsFunc(scope.Entities, func(uid cedar.EntityUID) bool { return in[uid] })
	default:
		return true
	}
}

// Decide answers a question: permitted when a rule permits it and none of the
// packs it touches forbids it. It has no errors: doubt is a deny by the rule
// InvalidQuestion, with the cause in Verdict.Problem.
func (e *Engine) Decide(q Question) Verdict {
	var v Verdict
	var apply policies
	v.Packs, apply = e.touched(q)
	req, entities, err := e.words.request(q)
	if err != nil {
		v.Problem = err.Error()
		v.Rules = []Rule{e.rules[InvalidQuestion]}
		return v
	}
	decision, why := cedar.Authorize(apply, entities, req)
	if len(why.Errors) > 0 {
		v.Problem = fmt.Sprintf("%s: %s", why.Errors[0].PolicyID, why.Errors[0].Message)
		v.Rules = []Rule{e.rules[InvalidQuestion]}
		return v
	}
	v.Permit = bool(decision)
	for _, reason := range why.Reasons {
		v.Rules = append(v.Rules, e.rules[string(reason.PolicyID)])
	}
	if len(v.Rules) == 0 {
		v.Rules = []Rule{e.rules[DefaultDeny]}
	}
	slices.SortFunc(v.Rules, func(a, b Rule) int { return strings.Compare(a.ID, b.ID) })
	return v
}

// touched returns the packs a question falls under, by name with their hash,
// and their policies about its action.
func (e *Engine) touched(q Question) (map[string]string, policies) {
	names := map[string]string{"base": e.packs["base"].Hash}
	apply := policies{e.index["base"][q.Action]}
	for _, j := range q.Jurisdictions {
		name, ok := e.selects[strings.ToUpper(j)]
		if !ok || names[name] != "" {
			continue
		}
		names[name] = e.packs[name].Hash
		apply = append(apply, e.index[name][q.Action])
	}
	return names, apply
}

// Rule returns the rule with this id, DefaultDeny and InvalidQuestion included.
func (e *Engine) Rule(id string) (Rule, bool) {
	r, ok := e.rules[id]
	return r, ok
}

// Rules returns every rule, base first, then pack by pack, by id.
func (e *Engine) Rules() []Rule {
	return slices.SortedFunc(maps.Values(e.rules), func(a, b Rule) int {
		return strings.Compare(packOrder(a.Pack)+a.ID, packOrder(b.Pack)+b.ID)
	})
}

// Packs returns every pack loaded, base first, then by name.
func (e *Engine) Packs() []Pack {
	var list []Pack
	for _, p := range e.packs {
		list = append(list, *p)
	}
	slices.SortFunc(list, func(a, b Pack) int { return strings.Compare(packOrder(a.Name), packOrder(b.Name)) })
	return list
}

func packOrder(name string) string {
	if name == "base" {
		return ""
	}
	return name
}

// ownRules are the engine's own answers, in the form people read.
var ownRules = []Rule{{
	ID: DefaultDeny, Pack: "base", Effect: "forbid",
	Citation: "Porchlight design, section 4: the one door",
	Plain: map[string]string{
		"en": "What no rule permits is refused.",
		"es": "Lo que ninguna regla permite se rechaza.",
		"nl": "Wat geen regel toestaat, wordt geweigerd.",
	},
}, {
	ID: InvalidQuestion, Pack: "base", Effect: "forbid",
	Citation: "Porchlight design, section 4: the one door",
	Plain: map[string]string{
		"en": "An act that cannot be judged, because something about it is missing or unclear, is refused.",
		"es": "Un acto que no se puede juzgar, porque falta algo o no está claro, se rechaza.",
		"nl": "Een handeling die niet te beoordelen is, omdat er iets ontbreekt of onduidelijk is, wordt geweigerd.",
	},
}}
