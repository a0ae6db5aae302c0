package testworld

import "testing"

// Entries is how many entries the ledger has of an action.
func (w *World) Entries(t testing.TB, action string) (n int) {
	t.Helper()
	size, err := w.X.Log.Size(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range w.X.Log.Select(t.Context(), 0, size, action) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}
