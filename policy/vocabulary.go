package policy

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"sync"

	cedar "github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/schema"
	"github.com/cedar-policy/cedar-go/x/exp/schema/resolved"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"
)

//go:embed schema.cedarschema
var schemaText []byte

var (
	caller   = cedar.NewEntityUID("Actor", "caller")
	exchange = cedar.NewEntityUID("Exchange", "this")
)

// vocabulary is the resolved schema: the acts, their facts, and the words each
// fact may be. It never changes.
type vocabulary struct {
	schema    *resolved.Schema
	validator *validate.Validator
	words     map[types.EntityType][]string // enum to its words, as declared
	word      map[types.EntityType]map[string]cedar.EntityUID
	groups    map[cedar.EntityUID]map[cedar.EntityUID]bool // action to itself and every group it is in
	actions   types.EntityMap
	callers   map[Actor]cedar.Entity // every possible actor, without the agency's name
}

// loadVocabulary reads the embedded schema; it panics when that is broken,
// which no input can cause.
var loadVocabulary = sync.OnceValue(func() *vocabulary {
	v, err := parseVocabulary(schemaText)
	if err != nil {
		panic("policy: schema.cedarschema: " + err.Error())
	}
	return v
})

func parseVocabulary(text []byte) (*vocabulary, error) {
	var s schema.Schema
	if err := s.UnmarshalCedar(text); err != nil {
		return nil, err
	}
	r, err := s.Resolve()
	if err != nil {
		return nil, err
	}
	v := &vocabulary{
		schema:    r,
		validator: validate.New(r),
		words:     map[types.EntityType][]string{},
		word:      map[types.EntityType]map[string]cedar.EntityUID{},
		groups:    map[cedar.EntityUID]map[cedar.EntityUID]bool{},
		actions:   types.EntityMap{},
	}
	for name, enum := range r.Enums {
		v.word[name] = map[string]cedar.EntityUID{}
		for _, uid := range enum.Values {
			v.words[name] = append(v.words[name], string(uid.ID))
			v.word[name][string(uid.ID)] = uid
		}
	}
	for uid, a := range r.Actions {
		v.actions[uid] = a.Entity
		v.groups[uid] = map[cedar.EntityUID]bool{}
		v.climb(uid, v.groups[uid])
	}
	v.callers = v.everyActor()
	return v, nil
}

// everyActor makes the entity of each possible actor: each agency role with each
// kind and status, the other roles without an agency, signed and not.
func (v *vocabulary) everyActor() map[Actor]cedar.Entity {
	all := map[Actor]cedar.Entity{}
	for _, role := range v.words["Role"] {
		for _, kind := range v.words["Kind"] {
			for _, status := range v.words["Status"] {
				if in := agencyRole(role); in != (kind != "none") || in != (status != "none") {
					continue
				}
				for _, signed := range []bool{false, true} {
					all[Actor{Role: role, AgencyKind: kind, AgencyStatus: status, Signed: signed}] = cedar.Entity{
						UID: caller, Attributes: cedar.NewRecord(cedar.RecordMap{
							"role": v.word["Role"][role], "kind": v.word["Kind"][kind],
							"status": v.word["Status"][status], "signed": cedar.Boolean(signed),
						}),
					}
				}
			}
		}
	}
	return all
}

// climb adds uid and all its ancestors to in.
func (v *vocabulary) climb(uid cedar.EntityUID, in map[cedar.EntityUID]bool) {
	in[uid] = true
	for parent := range v.schema.Actions[uid].Entity.Parents.All() {
		v.climb(parent, in)
	}
}

// acts returns the actions somebody can ask for (not the groups), sorted.
func (v *vocabulary) acts() []string {
	var names []string
	for uid, a := range v.schema.Actions {
		if a.AppliesTo != nil {
			names = append(names, string(uid.ID))
		}
	}
	slices.Sort(names)
	return names
}

func (v *vocabulary) facts(action string) resolved.RecordType {
	return v.schema.Actions[cedar.NewEntityUID("Action", types.String(action))].AppliesTo.Context
}

// world answers Cedar's questions about entities: one caller, and the actions.
type world struct {
	caller  cedar.Entity
	actions types.EntityMap
}

func (w world) Get(uid cedar.EntityUID) (cedar.Entity, bool) {
	if uid == caller {
		return w.caller, true
	}
	return w.actions.Get(uid)
}

// request turns a question into Cedar's terms. Any error makes the question
// invalid: an unknown act, word or role, a fact missing, unknown or of another
// type, an agency where there can be none.
func (v *vocabulary) request(q Question) (cedar.Request, world, error) {
	fail := func(err error) (cedar.Request, world, error) { return cedar.Request{}, world{}, err }
	action := cedar.NewEntityUID("Action", types.String(q.Action))
	a, ok := v.schema.Actions[action]
	if !ok || a.AppliesTo == nil {
		return fail(fmt.Errorf("no act %q", q.Action))
	}
	who, err := v.actor(q.Actor)
	if err != nil {
		return fail(err)
	}
	shape := a.AppliesTo.Context
	for name := range q.Facts {
		if _, ok := shape[types.String(name)]; !ok {
			return fail(fmt.Errorf("%s has no fact %q", q.Action, name))
		}
	}
	facts := make(cedar.RecordMap, len(shape))
	for name, attr := range shape {
		value, ok := q.Facts[string(name)]
		if !ok {
			return fail(fmt.Errorf("%s: fact %q is missing", q.Action, name))
		}
		if facts[name], err = v.value(value, attr.Type); err != nil {
			return fail(fmt.Errorf("%s: fact %q: %w", q.Action, name, err))
		}
	}
	req := cedar.Request{Principal: caller, Action: action, Resource: exchange, Context: cedar.NewRecord(facts)}
	if err := v.validator.Request(req); err != nil {
		return fail(err)
	}
	return req, world{who, v.actions}, nil
}

// actor checks who asks. Roles of an agency come with one, the others without.
func (v *vocabulary) actor(a Actor) (cedar.Entity, error) {
	named := a.Agency != ""
	a.Agency, a.AgencyKind, a.AgencyStatus = "", orNone(a.AgencyKind), orNone(a.AgencyStatus)
	e, ok := v.callers[a]
	if !ok || named != agencyRole(a.Role) {
		return e, fmt.Errorf("no actor is a %q of an agency of kind %q and status %q (agency named: %t)", a.Role, a.AgencyKind, a.AgencyStatus, named)
	}
	return e, nil
}

// agencyRole reports whether a role is held for an agency.
func agencyRole(role string) bool {
	return slices.Contains([]string{"requester", "investigator", "custodian", "admin"}, role)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func (v *vocabulary) enum(name types.EntityType, word string) (cedar.EntityUID, error) {
	uid, ok := v.word[name][word]
	if !ok {
		return uid, fmt.Errorf("%q is none of %s %q", word, name, v.words[name])
	}
	return uid, nil
}

// value turns a fact into a Cedar value of the schema's type.
func (v *vocabulary) value(fact any, t resolved.IsType) (cedar.Value, error) {
	switch t := t.(type) {
	case resolved.BoolType:
		if b, ok := fact.(bool); ok {
			return cedar.Boolean(b), nil
		}
	case resolved.LongType:
		switch n := fact.(type) {
		case int64:
			return cedar.Long(n), nil
		case int:
			return cedar.Long(n), nil
		}
	case resolved.EntityType:
		if s, ok := fact.(string); ok {
			return v.enum(types.EntityType(t), orNone(s))
		}
	case resolved.SetType:
		list, ok := fact.([]string)
		if !ok {
			break
		}
		set := make([]cedar.Value, len(list))
		for i, s := range list {
			var err error
			if set[i], err = v.value(s, t.Element); err != nil {
				return nil, err
			}
		}
		return cedar.NewSet(set...), nil
	}
	return nil, fmt.Errorf("%T is not what the schema says", fact)
}

var errNoBase = errors.New(`there is no pack "base"`)
