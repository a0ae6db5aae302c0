package testworld_test

import (
	"testing"

	"porchlight/internal/dbtest"
	"porchlight/internal/testworld"
	"porchlight/web"
)

// The whole walk, once on each engine.
func TestMain(m *testing.M) { dbtest.Main(m, ".") }

func TestStart(t *testing.T) {
	w := testworld.Start(t, nil)
	var list web.ItemList
	if err := w.Police.Custodian.Get(t.Context(), "/items", &list); err != nil || len(list.Items) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
}
