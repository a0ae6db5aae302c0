package web_test

import (
	"testing"

	"porchlight/geo"
)

// A resident is told of a new request: app/test/push.mjs says how. Needs node,
// the app's packages and chromium, as `make test` has.
func TestPushInTheBrowser(t *testing.T) {
	t.Parallel()
	var done struct{ Cell string }
	playInBrowser(t, "push.mjs", &done)
	here, err := geo.NewPoint(-89.648, 39.752)
	check(t, err)
	if done.Cell != here.Cell() {
		t.Errorf("told of cell %s; hers is %s", done.Cell, here.Cell())
	}
}
