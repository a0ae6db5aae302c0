package policy

import "testing"

func load(t testing.TB) *Engine {
	t.Helper()
	e, err := Load(Packs())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestLoad(t *testing.T) {
	e := load(t)
	t.Log(len(e.Rules()), "rules")
	for _, p := range e.Packs() {
		t.Log(p.Name, p.Hash)
	}
	r, _ := e.Rule("base.signed")
	t.Log(r.Cedar)
}
