package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	cedar "github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"

	builtin "porchlight/policy/packs"
)

// Packs returns the law packs this program was built with, one folder each,
// among folders that hold search law only (see Load).
func Packs() fs.FS { return builtin.FS }

// Languages in which every rule has its sentence.
var Languages = []string{"en", "es", "nl"}

// Pack is one folder of rules: a jurisdiction's law, or the base promises.
type Pack struct {
	Name          string            `json:"name"`          // its folder, e.g. "us-il"
	Version       string            `json:"version"`       // the pack's own, e.g. "2026-11"
	Jurisdictions []string          `json:"jurisdictions"` // those that select it, e.g. "IL"; empty for base
	Title         map[string]string `json:"title"`         // language to title
	Hash          string            `json:"hash"`          // see Hash

	rules    []Rule
	compiled map[types.PolicyID]*cedar.Policy
}

// Hash is the lower-case hex SHA-256 that names a pack's text: of the lines
// that `sha256sum` prints for its files in byte order of their names, so that
//
//	cd PACK && find * -type f | LC_ALL=C sort | xargs sha256sum | sha256sum
//
// gives the same.
func Hash(pack fs.FS) (string, error) {
	all := sha256.New()
	var names []string
	err := fs.WalkDir(pack, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	slices.Sort(names)
	for _, name := range names {
		data, err := fs.ReadFile(pack, name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(all, "%x  %s\n", sha256.Sum256(data), name)
	}
	return hex.EncodeToString(all.Sum(nil)), nil
}

// noPack reports whether a folder holds what a place's law says of searches, for
// audits, or of homes, and nothing of a pack. A pack that lost its pack.json is
// not mistaken for one.
func noPack(packs fs.FS, name string) bool {
	files, err := fs.ReadDir(packs, name)
	rest := slices.DeleteFunc(files, func(f fs.DirEntry) bool {
		return slices.Contains([]string{"search.json", "home.json", "notes.md"}, f.Name())
	})
	return err == nil && len(files) > 1 && len(rest) == 0 // notes are everywhere
}

var packName = regexp.MustCompile(`^[a-z]{2,8}(-[a-z0-9]{1,8})*$`)

// readPack reads and checks one pack: every policy fits the schema, has an id
// of the pack, a citation and a sentence in every language; only base permits.
func readPack(packs fs.FS, name string, v *vocabulary) (*Pack, error) {
	if !packName.MatchString(name) {
		return nil, fmt.Errorf("pack name %q", name)
	}
	dir, err := fs.Sub(packs, name)
	if err != nil {
		return nil, err
	}
	p := &Pack{compiled: map[types.PolicyID]*cedar.Policy{}}
	if err := readJSON(dir, "pack.json", p); err != nil {
		return nil, err
	}
	p.Name = name
	if p.Hash, err = Hash(dir); err != nil {
		return nil, err
	}
	plain := map[string]map[string]string{}
	for _, lang := range Languages[1:] {
		texts := map[string]string{}
		if err := readJSON(dir, "plain."+lang+".json", &texts); err != nil {
			return nil, err
		}
		plain[lang] = texts
	}
	files, err := fs.Glob(dir, "*.cedar")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		text, err := fs.ReadFile(dir, file)
		if err != nil {
			return nil, err
		}
		list, err := cedar.NewPolicyListFromBytes(path.Join(name, file), text)
		if err != nil {
			return nil, err
		}
		for _, policy := range list {
			if err := p.add(policy, plain, v); err != nil {
				at := policy.Position()
				return nil, fmt.Errorf("%s:%d: %w", at.Filename, at.Line, err)
			}
		}
	}
	for lang, texts := range plain {
		for id := range texts {
			if p.compiled[types.PolicyID(id)] == nil {
				return nil, fmt.Errorf("plain.%s.json: there is no rule %q", lang, id)
			}
		}
	}
	slices.SortFunc(p.rules, func(a, b Rule) int { return strings.Compare(a.ID, b.ID) })
	return p, nil
}

func (p *Pack) add(policy *cedar.Policy, plain map[string]map[string]string, v *vocabulary) error {
	notes := policy.Annotations()
	r := Rule{
		ID:       string(notes["id"]),
		Pack:     p.Name,
		Effect:   "permit",
		Plain:    map[string]string{"en": string(notes["plain"])},
		Citation: string(notes["citation"]),
		Source:   string(notes["source"]),
		Cedar:    string(policy.MarshalCedar()),
	}
	if policy.Effect() == cedar.Forbid {
		r.Effect = "forbid"
	}
	for lang, texts := range plain {
		r.Plain[lang] = texts[r.ID]
	}
	switch id := types.PolicyID(r.ID); {
	case !strings.HasPrefix(r.ID, p.Name+"."):
		return fmt.Errorf("@id(%q) does not begin with %q", r.ID, p.Name+".")
	case p.compiled[id] != nil:
		return fmt.Errorf("two rules are called %q", r.ID)
	case r.Citation == "":
		return fmt.Errorf("%s has no @citation", r.ID)
	case p.Name != "base" && r.Effect == "permit":
		return fmt.Errorf("%s: a law pack only forbids; what is permitted stands in base", r.ID)
	default:
		p.compiled[id] = policy
	}
	for _, lang := range Languages {
		if strings.TrimSpace(r.Plain[lang]) == "" {
			return fmt.Errorf("%s has no plain sentence in %q", r.ID, lang)
		}
	}
	if err := v.validator.Policy(r.ID, (*ast.Policy)(policy.AST())); err != nil {
		return fmt.Errorf("%s: %w", r.ID, err)
	}
	p.rules = append(p.rules, r)
	return nil
}

func readJSON(dir fs.FS, name string, into any) error {
	data, err := fs.ReadFile(dir, name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
