package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"porchlight/identity"
	"porchlight/internal/testworld"
	"porchlight/plate"
	"porchlight/plate/intake"
	"porchlight/web/app"
)

// An investigator begins a list, imports a file, is alerted while she looks at
// another page, and says by keyboard what the hits are; a driver asks for
// correction: app/test/hits.mjs does it. Needs the built app, node and chromium,
// as `make test` has.
func TestHitsInTheBrowser(t *testing.T) {
	t.Parallel()
	if !app.Built() {
		t.Skip("the app is not built: make build")
	}
	w := testworld.Start(t, nil)
	ctx, stop := context.WithCancel(t.Context())
	run := make(chan struct{})
	go func() { w.X.Hotlists.Run(ctx); close(run) }()
	defer func() { stop(); <-run }()
	camera, err := w.Police.Admin.AddSigningCamera(ctx, "Main St / 5th, northbound", -89.65, 39.75)
	check(t, err)
	link := invited(t, w.Police.Admin, "Inez Investigator", w.Police.ORI, identity.RoleInvestigator)

	// The script tells the camera what to read.
	road := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		read := plate.Read{Text: plate.Text(r.FormValue("plate")), Region: "US-IL", Confidence: 640, Heading: 0, Seen: time.Now(),
			Vehicle: plate.Vehicle{Type: "car", Make: "toyota", Color: "silver"}}
		if _, err := camera.Send(r.Context(), camera.Batch(intake.Sighting{Read: read})); err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
		}
	}))
	defer road.Close()
	play(t, "hits.mjs", w.URL, link, road.URL)
}
