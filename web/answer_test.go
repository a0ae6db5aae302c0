package web_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
)

// A resident on a phone, in a real browser: app/test/answer.mjs says what she
// does. Needs node, the app's packages, ffmpeg and chromium, as `make test` has.
func TestAnswerInTheBrowser(t *testing.T) {
	t.Parallel()
	var done struct {
		Taps    int
		Seconds float64
	}
	w := playInBrowser(t, "answer.mjs", &done)
	t.Logf("request to receipt: %d taps, %.1f s", done.Taps, done.Seconds)
	if done.Taps > 6 || done.Seconds > 60 {
		t.Errorf("request to receipt took %d taps and %.1f s; at most 6 and 60", done.Taps, done.Seconds)
	}
	var inbox struct{ Items []struct{ State string } }
	if status := w.cara.get("/items", &inbox); status != 200 || len(inbox.Items) != 3 {
		t.Errorf("the custodian sees %+v, status %d", inbox.Items, status)
	}
}

// playInBrowser runs a script of app/test against a town of its own and reads
// what it prints into out.
func playInBrowser(t *testing.T, script string, out any) *town {
	t.Helper()
	w := newTown(t)
	playOn(t, w, w.server, script, out)
	return w
}

// playOn runs a script of app/test against the town as server shows it.
func playOn(t *testing.T, w *town, server http.Handler, name string, out any) {
	t.Helper()
	site := httptest.NewServer(server)
	defer site.Close()
	cmd := script(t, name, site.URL, w.request)
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if err := json.Unmarshal(text, out); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}
