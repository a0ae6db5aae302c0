package policy

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	cedar "github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/eval"
	"github.com/cedar-policy/cedar-go/x/exp/schema/resolved"
)

// TestReport is what Test found. Packs hold when Failures is empty.
type TestReport struct {
	Packs       []Pack   `json:"packs"`
	Cases       int      `json:"cases"`       // acts of the packs' cases.json
	Promises    int      `json:"promises"`    // invariants checked for each question
	Assignments int64    `json:"assignments"` // questions of the enumeration that were covered
	Decisions   int      `json:"decisions"`   // of these, decided one by one; the others in groups
	Failures    []string `json:"failures"`    // at most maxFailures
}

const maxFailures = 50

func (r *TestReport) fail(format string, args ...any) {
	if len(r.Failures) < maxFailures {
		r.Failures = append(r.Failures, fmt.Sprintf(format, args...))
	}
}

// Test loads the packs and checks that they hold: that every act of their
// cases.json is decided as it says and by the rules it names; and, for every act,
// every kind of actor and every combination of the facts' values (all words and
// booleans, for sets the empty set, each word, each pair of which a rule names one
// and all words, for numbers those around their limits), with base alone and with
// each law pack, that no promise is broken, that what is owed is permitted, that a law pack
// permits nothing that base denies, and that no evaluation fails.
func Test(packs fs.FS) TestReport {
	return test(packs, loadVocabulary().acts())
}

// test is Test over some acts only.
func test(packs fs.FS, acts []string) TestReport {
	r := TestReport{Promises: len(promises) + len(assurances)}
	e, err := Load(packs)
	if err != nil {
		r.fail("%v", err)
		return r
	}
	r.Packs = e.Packs()
	for _, p := range r.Packs {
		r.cases(e, packs, p.Name)
	}
	for _, p := range r.Packs {
		en := enumeration{engine: e, report: &r, pack: p}
		for _, action := range acts {
			if len(e.index[p.Name][action]) > 0 { // else the questions are those of base alone
				en.act(action, actors(e.words))
			}
		}
	}
	return r
}

// enumeration asks every question of the bounded world, with base and one pack.
type enumeration struct {
	engine *Engine
	report *TestReport
	pack   Pack
}

// small is how many questions of one act are all decided one by one. Acts with
// more are walked, see walk.
const small = 30_000

// sampled: of every so many questions that walk decides, neighbors looks at one.
const sampled = 50

// act asks every question of one act by these actors.
func (en enumeration) act(action string, who []Actor) {
	shape := en.engine.words.facts(action)
	names := slices.SortedFunc(maps.Keys(shape), func(a, b types.String) int { // those with most values first: it prunes best
		return cmp.Or(len(en.engine.words.values(shape[b]))-len(en.engine.words.values(shape[a])), strings.Compare(string(a), string(b)))
	})
	values := make([][]any, len(names))
	each := 1
	rules := en.rules(action)
	for i, name := range names {
		values[i] = telling(en.engine.words.values(shape[name]), rules)
		if len(values[i]) == 0 {
			en.report.fail("schema: %s: no values to try for %q", action, name)
			return
		}
		each *= len(values[i])
	}
	en.report.Assignments += int64(each) * int64(len(who))
	for _, actor := range who {
		q := Question{Action: action, Actor: actor, Facts: map[string]any{}}
		if len(en.pack.Jurisdictions) > 0 {
			q.Jurisdictions = en.pack.Jurisdictions[:1]
		}
		if each*len(who) <= small {
			en.all(q, names, values)
			continue
		}
		_, apply := en.engine.touched(q)
		var policies []*ast.Policy
		for _, p := range apply.All() {
			policies = append(policies, (*ast.Policy)(p.AST()))
		}
		en.walk(q, names, values, policies)
	}
}

// rules is the text of the rules that can speak of an act.
func (en enumeration) rules(action string) string {
	var b strings.Builder
	for _, pack := range []string{"base", en.pack.Name} {
		for _, p := range en.engine.index[pack][action] {
			b.Write(p.policy.MarshalCedar())
		}
	}
	return b.String()
}

// telling leaves out the pairs of words that no rule names: to the rules they are
// what each of the two is alone, and a promise broken by both is broken by one.
func telling(values []any, rules string) []any {
	return slices.DeleteFunc(values, func(v any) bool {
		pair, ok := v.([]string)
		return ok && len(pair) == 2 && !slices.ContainsFunc(pair, func(w string) bool { return strings.Contains(rules, strconv.Quote(w)) })
	})
}

// all decides every combination of the facts that are left.
func (en enumeration) all(q Question, names []types.String, values [][]any) {
	if len(names) == 0 {
		en.ask(q)
		return
	}
	for _, v := range values[0] {
		q.Facts[string(names[0])] = v
		en.all(q, names[1:], values[1:])
	}
	delete(q.Facts, string(names[0]))
}

// walk does the same but decides no combination that is denied whatever the facts
// not yet chosen may be: when no permit is left that could apply, or a forbid
// applies already; nor one that is permitted whatever they may be. Cedar's partial
// evaluation tells.
func (en enumeration) walk(q Question, names []types.String, values [][]any, policies []*ast.Policy) {
	kept, open := en.partial(q, names, policies)
	if !open {
		if slices.ContainsFunc(assurances, func(a assurance) bool { return a.action == q.Action }) {
			en.denied(q, names, values)
		}
		return
	}
	if len(names) == 0 {
		if en.ask(q) && en.report.Decisions%sampled == 0 {
			en.neighbors(q)
		}
		return
	}
	if !slices.ContainsFunc(kept, func(p *ast.Policy) bool { return p.Effect == ast.EffectForbid }) &&
		slices.ContainsFunc(kept, func(p *ast.Policy) bool { return len(p.Conditions) == 0 }) {
		en.granted(q, names, values, true)
		return
	}
	for _, v := range values[0] {
		q.Facts[string(names[0])] = v
		en.walk(q, names[1:], values[1:], kept)
	}
	delete(q.Facts, string(names[0]))
}

// granted checks the promises for the combinations that are permitted whatever
// the facts not yet chosen may be. The first of them is decided too.
func (en enumeration) granted(q Question, names []types.String, values [][]any, first bool) {
	if len(names) == 0 {
		if first {
			en.ask(q)
			return
		}
		en.kept(q, "a rule that no fact left can undo")
		return
	}
	for i, v := range values[0] {
		q.Facts[string(names[0])] = v
		en.granted(q, names[1:], values[1:], first && i == 0)
	}
	delete(q.Facts, string(names[0]))
}

// kept checks every promise for a question that is permitted.
func (en enumeration) kept(q Question, by string) {
	for _, p := range promises {
		if p.broken(q) {
			en.report.fail("promise broken: %s: %s is permitted by %s", p.name, describe(q), by)
		}
	}
}

// denied checks the combinations that walk leaves out against what is owed.
func (en enumeration) denied(q Question, names []types.String, values [][]any) {
	if len(names) == 0 {
		en.owed(q, "no rule that could permit it")
		return
	}
	for _, v := range values[0] {
		q.Facts[string(names[0])] = v
		en.denied(q, names[1:], values[1:])
	}
	delete(q.Facts, string(names[0]))
}

func (en enumeration) owed(q Question, by string) {
	for _, a := range assurances {
		if a.action == q.Action && a.owed(q) {
			en.report.fail("promise broken: %s: %s is denied by %s", a.name, describe(q), by)
		}
	}
}

// partial evaluates the policies with the facts known so far. It returns those
// still undecided and whether a permit is still possible.
func (en enumeration) partial(q Question, unknown []types.String, policies []*ast.Policy) (kept []*ast.Policy, open bool) {
	words := en.engine.words
	shape := words.facts(q.Action)
	facts := cedar.RecordMap{}
	for name, fact := range q.Facts {
		v, err := words.value(fact, shape[types.String(name)].Type)
		if err != nil {
			en.report.fail("%s: %v", describe(q), err)
			return nil, false
		}
		facts[types.String(name)] = v
	}
	for _, name := range unknown {
		facts[name] = eval.Variable(name)
	}
	who, err := words.actor(q.Actor)
	if err != nil {
		en.report.fail("%s: %v", describe(q), err)
		return nil, false
	}
	env := eval.Env{
		Entities: world{who, words.actions}, Principal: caller, Resource: exchange,
		Action: cedar.NewEntityUID("Action", types.String(q.Action)), Context: cedar.NewRecord(facts),
	}
	for _, p := range policies {
		left, keep := eval.PartialPolicy(env, p)
		if !keep {
			continue
		}
		kept = append(kept, left)
		switch {
		case left.Effect == ast.EffectPermit:
			open = true
		case len(left.Conditions) == 0:
			return nil, false
		}
	}
	return kept, open
}

// ask decides one question and checks every promise. It returns the decision.
func (en enumeration) ask(q Question) bool {
	en.report.Decisions++
	v := en.engine.Decide(q)
	if v.Problem != "" {
		en.report.fail("%s: %s", describe(q), v.Problem)
	}
	if !v.Permit {
		en.owed(q, ids(v))
		return false
	}
	en.kept(q, ids(v))
	if len(q.Jurisdictions) > 0 {
		base := q
		base.Jurisdictions = nil
		if !en.engine.Decide(base).Permit {
			en.report.fail("%s permits what base denies: %s", en.pack.Name, describe(q))
		}
	}
	return true
}

// neighbors decides the questions that differ from a permitted one in one fact,
// a check on what walk leaves out, at the edge where it matters most.
func (en enumeration) neighbors(q Question) {
	shape := en.engine.words.facts(q.Action)
	for name, attr := range shape {
		was := q.Facts[string(name)]
		for _, v := range en.engine.words.values(attr) {
			q.Facts[string(name)] = v
			if en.engine.Decide(q).Permit {
				for _, p := range promises {
					if p.broken(q) {
						en.report.fail("promise broken: %s: %s", p.name, describe(q))
					}
				}
			}
		}
		q.Facts[string(name)] = was
	}
}

// actors returns every actor that is possible.
func actors(v *vocabulary) []Actor {
	var list []Actor
	for a := range v.callers {
		if agencyRole(a.Role) {
			a.Agency = "IL0000000"
		}
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b Actor) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return list
}

// values returns what the enumeration tries for a fact.
func (v *vocabulary) values(attr resolved.Attribute) []any {
	var list []any
	switch t := attr.Type.(type) {
	case resolved.BoolType:
		list = []any{false, true}
	case resolved.LongType:
		for _, s := range strings.Fields(string(attr.Annotations["values"])) {
			if n, err := strconv.ParseInt(s, 10, 64); err == nil {
				list = append(list, n)
			}
		}
	case resolved.EntityType:
		for _, w := range v.words[types.EntityType(t)] {
			list = append(list, w)
		}
	case resolved.SetType:
		element, _ := t.Element.(resolved.EntityType)
		words := v.words[types.EntityType(element)]
		list = append(list, []string{}, words)
		for i, a := range words {
			list = append(list, []string{a})
			for _, b := range words[i+1:] {
				list = append(list, []string{a, b})
			}
		}
	}
	return list
}

// describe says a question in one line.
func describe(q Question) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s by %s", q.Action, q.Actor.Role)
	if q.Actor.Agency != "" {
		fmt.Fprintf(&b, " (%s, %s)", q.Actor.AgencyKind, q.Actor.AgencyStatus)
	}
	if !q.Actor.Signed {
		b.WriteString(" unsigned")
	}
	for _, name := range slices.Sorted(maps.Keys(q.Facts)) {
		fmt.Fprintf(&b, " %s=%v", name, q.Facts[name])
	}
	if len(q.Jurisdictions) > 0 {
		fmt.Fprintf(&b, " in %s", strings.Join(q.Jurisdictions, ","))
	}
	return b.String()
}

func ids(v Verdict) string {
	var list []string
	for _, r := range v.Rules {
		list = append(list, r.ID)
	}
	return strings.Join(list, " ")
}
