package policy

import (
	"os"
	"testing"

	"github.com/cedar-policy/cedar-go/x/exp/schema"
)

func TestSchemaParses(t *testing.T) {
	text, err := os.ReadFile("schema.cedarschema")
	if err != nil {
		t.Fatal(err)
	}
	var s schema.Schema
	s.SetFilename("schema.cedarschema")
	if err := s.UnmarshalCedar(text); err != nil {
		t.Fatal(err)
	}
	r, err := s.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Actions) < 33 {
		t.Errorf("%d actions", len(r.Actions))
	}
	for id, a := range r.Actions {
		if a.AppliesTo == nil {
			continue
		}
		t.Log(id, len(a.AppliesTo.Context))
	}
}
