package web_test

import "testing"

// Faces are found and covered on her device: app/test/find.mjs says how. Needs
// node, the app's packages, ffmpeg and chromium, as `make test` has.
func TestFindFacesInTheBrowser(t *testing.T) {
	t.Parallel()
	var done struct {
		Frames  int     // frames of the new clip that were looked at, one for each face in them
		Covered float64 // the share of them in which the face cannot be seen
		FPS     float64 // pictures a second that the finder looked at
		Boxes   int
	}
	playInBrowser(t, "find.mjs", &done)
	t.Logf("%d boxes cover %.1f %% of %d faces; %.1f pictures of 1920 x 1080 a second", done.Boxes, 100*done.Covered, done.Frames, done.FPS)
	if done.Frames < 200 || done.Covered < .95 {
		t.Errorf("%.3f of %d faces are covered; at least 0.95 of 200", done.Covered, done.Frames)
	}
}
