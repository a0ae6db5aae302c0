package web_test

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// matrix says who may call each route: a new one needs its row here.
var matrix = map[string]string{
	"GET /healthz":         "anyone",
	"POST /api/v1/pair":    "anyone",
	"GET /map/":            "paired",
	"GET /api/v1/house":    "paired",
	"POST /api/v1/codes":   "paired",
	"GET /api/v1/devices":  "paired",
	"GET /api/v1/events":   "paired",
	"GET /api/v1/timeline": "paired",
	"GET /api/v1/storage":  "paired",
	"POST /api/v1/storage": "paired",
	"GET /api/v1/privacy":  "paired",
	"GET /api/v1/cameras":  "paired",
	"POST /api/v1/cameras": "paired",
	"GET /api/v1/requests": "paired",
	"GET /api/v1/answers":  "paired",

	"POST /api/v1/devices/{id}/rename": "paired",
	"POST /api/v1/devices/{id}/remove": "paired",
	"POST /api/v1/cameras/{id}":        "paired",
	"POST /api/v1/cameras/{id}/move":   "paired",
	"POST /api/v1/cameras/{id}/remove": "paired",
	"POST /api/v1/cameras/{id}/delete": "paired",
	"POST /api/v1/discover":            "paired",
	"POST /api/v1/probe":               "paired",
	"GET /api/v1/cameras/{id}/still":   "paired",
	"GET /api/v1/cameras/{id}/play":    "paired",
	"GET /api/v1/cameras/{id}/clip":    "paired",
	"GET /api/v1/cameras/{id}/parts":   "paired",
	"GET /api/v1/cameras/{id}/live":    "at home",
	"GET /api/v1/films":                "paired",
	"POST /api/v1/films":               "paired",
	"PUT /api/v1/films/{id}/bytes":     "paired",
	"POST /api/v1/films/{id}/keep":     "paired",
	"POST /api/v1/films/{id}/remove":   "paired",
	"POST /api/v1/held":                "paired",
	"POST /api/v1/held/release":        "paired",
	"POST /api/v1/switches/{name}":     "paired",
	"POST /api/v1/notices":             "paired",
	"POST /api/v1/notices/try":         "paired",
	"POST /api/v1/phone":               "paired",
	"POST /api/v1/phone/stop":          "paired",

	"GET /api/v1/requests/{id}":          "paired",
	"POST /api/v1/requests/{id}/seen":    "paired",
	"POST /api/v1/requests/{id}/dismiss": "paired",
	"POST /api/v1/requests/{id}/restore": "paired",
	"POST /api/v1/requests/{id}/answer":  "paired",
	"GET /api/v1/answers/{id}":           "paired",
	"POST /api/v1/answers/{id}/clips":    "paired",
	"POST /api/v1/answers/{id}/describe": "paired",
	"POST /api/v1/answers/{id}/share":    "paired",
	"POST /api/v1/answers/{id}/retry":    "paired",
	"POST /api/v1/answers/{id}/discard":  "paired",
	"POST /api/v1/answers/{id}/follow":   "paired",
	"POST /api/v1/answers/{id}/write":    "paired",

	"GET /api/v1/faces":                    "paired",
	"POST /api/v1/faces":                   "paired",
	"POST /api/v1/faces/place":             "paired",
	"POST /api/v1/faces/switch":            "paired",
	"POST /api/v1/faces/{id}/remove":       "paired",
	"POST /api/v1/faces/{id}/link":         "paired",
	"POST /api/v1/me":                      "anyone", // a person's own link
	"POST /api/v1/me/erase":                "anyone",
	"GET /api/v1/pets":                     "paired",
	"POST /api/v1/pets/switch":             "paired",
	"GET /api/v1/pets/{id}/photos/{n}":     "paired",
	"POST /api/v1/candidates/{id}/dismiss": "paired",
	"POST /api/v1/candidates/{id}/send":    "paired",
	"GET /api/v1/candidates/{id}/picture":  "paired",
	"GET /api/v1/candidates/{id}/letters":  "paired",
	"POST /api/v1/candidates/{id}/letters": "paired",
	"GET /api/v1/register":                 "paired",
	"POST /api/v1/register":                "paired",
	"GET /api/v1/register/agencies":        "paired",
	"GET /api/v1/register/{id}":            "paired",
	"POST /api/v1/register/{id}":           "paired",
	"POST /api/v1/register/{id}/letters":   "paired",
	"POST /api/v1/register/{id}/relink":    "paired",
	"POST /api/v1/register/{id}/withdraw":  "paired",

	"POST /api/v1/answers/{id}/clips/{clip}/remove":   "paired",
	"POST /api/v1/answers/{id}/clips/{clip}/edits":    "paired",
	"POST /api/v1/answers/{id}/clips/{clip}/find":     "paired",
	"POST /api/v1/answers/{id}/clips/{clip}/prepare":  "paired",
	"POST /api/v1/answers/{id}/clips/{clip}/stop":     "paired",
	"POST /api/v1/answers/{id}/clips/{clip}/withdraw": "paired",
	"GET /api/v1/answers/{id}/clips/{clip}/film":      "paired",
	"GET /api/v1/answers/{id}/clips/{clip}/preview":   "paired",
}

var parameter = regexp.MustCompile(`\{\w+\}`)

// hungUp is a caller who leaves once she hears something.
type hungUp struct {
	*httptest.ResponseRecorder
	leave func()
}

func (h hungUp) Write(b []byte) (int, error) {
	h.leave()
	return h.ResponseRecorder.Write(b)
}

// Every route admits whom its row says and nobody else, before it looks at input.
func TestMatrix(t *testing.T) {
	h := newHouse(t)
	near, _ := h.paired(t, "phone")
	far := near
	far.from = "203.0.113.7:5000"
	gone, device := h.paired(t, "lost phone")
	check(t, h.devices.Remove(t.Context(), device.ID))
	forged := h.caller()
	forged.token = strings.Repeat("A", 26)

	routes := h.Access()
	for _, pattern := range slices.Sorted(maps.Keys(routes)) {
		want, ok := matrix[pattern]
		method, path, _ := strings.Cut(pattern, " ")
		if !ok {
			if page := !strings.HasPrefix(path, "/api/"); !page || routes[pattern] != "anyone" || method != http.MethodGet {
				t.Errorf("%s has no row in the matrix", pattern)
			}
			continue // the shell and its files hold nothing of the house
		}
		if routes[pattern] != want {
			t.Errorf("%s admits %q, its row says %q", pattern, routes[pattern], want)
		}
		path = parameter.ReplaceAllString(path, "ask")
		for _, c := range []struct {
			who   string
			by    caller
			admit bool
		}{
			{"nobody", h.caller(), want == "anyone"},
			{"a forged token", forged, want == "anyone"},
			{"a removed device", gone, want == "anyone"},
			{"a device at home", near, true},
			{"a device far away", far, want != "at home"},
		} {
			// Streams end with their first byte; whoever is let in and looks for cameras gives up early.
			ctx, stop := context.WithCancel(context.Background())
			if c.admit {
				ctx, stop = context.WithTimeout(ctx, time.Second)
			}
			w := hungUp{httptest.NewRecorder(), stop}
			h.Handler().ServeHTTP(w, c.by.request(ctx, method, path, nil))
			stop()
			refused := w.Code == http.StatusUnauthorized || w.Code == http.StatusForbidden
			if refused == c.admit {
				t.Errorf("%s by %s: %d %s", pattern, c.who, w.Code, w.Body)
			}
		}
	}
	for pattern := range matrix {
		if _, ok := routes[pattern]; !ok {
			t.Errorf("%s is in the matrix and nowhere else", pattern)
		}
	}
}
