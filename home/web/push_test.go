package web_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"

	"porchlight/home/web"
	"porchlight/internal/push/pushtest"
	"porchlight/web/app"
)

// A phone of the house is told, in a real browser: web/app/test/homepush.mjs says
// how. Needs node, the app's packages and chromium, as `make test` has.
func TestNoticesOnAPhone(t *testing.T) {
	if !app.HomeBuilt() {
		t.Skip("SKIPPED: the house's app is not built (make build)")
	}
	h := newHouse(t)
	site := httptest.NewServer(h.Handler())
	defer site.Close()
	service := pushtest.New(t, h.notices.Key())
	// What the service decrypted is told to the browser's push channel.
	heard := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(service.Messages("/phone"))
	}))
	defer heard.Close()
	code, err := h.devices.NewCode(t.Context(), "")
	check(t, err)
	b := service.Browser("/phone")
	cmd := exec.CommandContext(t.Context(), "node", "test/homepush.mjs", site.URL, web.PairLink(site.URL, code.Text), b.Endpoint, b.P256DH, b.Auth, heard.URL, os.Getenv("PORCHLIGHT_SHOTS"))
	cmd.Dir = "../../web/app"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if phones, err := h.notices.Phones(t.Context()); err != nil || len(phones) != 0 {
		t.Errorf("told after it was switched off: %v, %v", phones, err)
	}
}
