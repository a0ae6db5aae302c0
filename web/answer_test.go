package web_test

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"

	"porchlight/web/app"
)

// A resident on a phone, in a real browser: app/test/answer.mjs says what she
// does. Needs node, the app's packages, ffmpeg and chromium, as `make test` has.
func TestAnswerInTheBrowser(t *testing.T) {
	w := newTown(t)
	site := httptest.NewServer(w.server)
	defer site.Close()
	cmd := exec.CommandContext(t.Context(), "node", "test/answer.mjs", site.URL, w.request, app.CSP, os.Getenv("PORCHLIGHT_SHOTS"))
	cmd.Dir, cmd.Stderr = "app", os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var done struct {
		Taps    int
		Seconds float64
	}
	if err := json.Unmarshal(out, &done); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	t.Logf("request to receipt: %d taps, %.1f s", done.Taps, done.Seconds)
	if done.Taps > 6 || done.Seconds > 60 {
		t.Errorf("request to receipt took %d taps and %.1f s; at most 6 and 60", done.Taps, done.Seconds)
	}
	var inbox struct{ Items []struct{ State string } }
	if status := w.cara.get("/items", &inbox); status != 200 || len(inbox.Items) != 3 {
		t.Errorf("the custodian sees %+v, status %d", inbox.Items, status)
	}
}
