package web_test

import (
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"porchlight/internal/testworld"
)

// Every operation says what it does, every parameter and property what it is.
func TestTheAPIIsDescribed(t *testing.T) {
	t.Parallel()
	w := testworld.Start(t, nil)
	api := server(t, w).Description()
	for path, item := range api.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post} {
			if op == nil {
				continue
			}
			if op.Summary == "" || op.OperationID == "" {
				t.Errorf("an operation of %s has no summary or id", path)
			}
			for _, p := range op.Parameters {
				if p.Description == "" {
					t.Errorf("%s: parameter %s is not described", op.OperationID, p.Name)
				}
			}
		}
	}
	for name, s := range api.Components.Schemas.Map() {
		for property, p := range s.Properties {
			of := p
			for of.Items != nil {
				of = of.Items
			}
			if p.Description == "" && of.Ref == "" && of.Enum == nil { // what is referred to describes itself
				t.Errorf("%s.%s is not described", name, property)
			}
		}
	}
}
