package web_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"porchlight/internal/push/pushtest"
)

// A phone of the house is told, in a real browser: web/app/test/homepush.mjs says
// how.
func TestNoticesOnAPhone(t *testing.T) {
	h := newHouse(t)
	service := pushtest.New(t, h.notices.Key())
	// What the service decrypted is told to the browser's push channel.
	heard := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(service.Messages("/phone"))
	}))
	defer heard.Close()
	b := service.Browser("/phone")
	h.walk(t, "homepush.mjs", b.Endpoint, b.P256DH, b.Auth, heard.URL)
	if phones, err := h.notices.Phones(t.Context()); err != nil || len(phones) != 0 {
		t.Errorf("told after it was switched off: %v, %v", phones, err)
	}
}
