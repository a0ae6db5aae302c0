package web_test

import (
	"testing"
)

// Everybody who has an account, in real browsers with virtual security keys:
// app/test/people.mjs says what they do. Needs node, the app's packages and
// chromium, as `make test` has.
func TestPeopleInTheBrowser(t *testing.T) {
	t.Parallel()
	w, link := newExchange(t)
	play(t, "people.mjs", w.URL, link)
}
