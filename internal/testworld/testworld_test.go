package testworld_test

import (
	"testing"

	"porchlight/internal/dbtest"
	"porchlight/internal/testworld"
	"porchlight/web"
)

// With several nodes a start closes no open acts: gate.Recover is for one.
func TestMain(m *testing.M) { dbtest.Main(m, ".", "FROM acts WHERE state = ?") }

func TestStart(t *testing.T) {
	w := testworld.Start(t, nil)
	var list web.ItemList
	if err := w.Police.Custodian.Get(t.Context(), "/items", &list); err != nil || len(list.Items) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
}
