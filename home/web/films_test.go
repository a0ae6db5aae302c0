package web_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"porchlight/home"
	"porchlight/home/cameras"
)

// Films are brought by hand, in a real browser, and footage of a camera that was set
// otherwise in between is played and saved: web/app/test/films.mjs says how.
func TestFilmsInABrowser(t *testing.T) {
	h := newHouse(t)
	_, err := h.cameras.Add(t.Context(), home.Camera{Name: "Dashcam", Facing: -1}, cameras.Source{Kind: home.Import})
	check(t, err)
	dir := t.TempDir()
	at := time.Now().Add(-2 * time.Hour).UTC().Truncate(time.Second)
	film := func(name, size string, args ...string) {
		all := append([]string{"-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=" + size + ":r=10:d=12"}, args...)
		out, err := exec.CommandContext(t.Context(), "ffmpeg", append(all, filepath.Join(dir, name))...).CombinedOutput()
		if err != nil {
			t.Fatalf("ffmpeg: %v: %s", err, out)
		}
	}
	h264 := []string{"-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-pix_fmt", "yuv420p"}
	film("first.mov", "320x180", append(h264, "-metadata", "creation_time="+at.Format(time.RFC3339))...)
	film("second.mp4", "160x96", append(h264, "-metadata", "creation_time="+at.Add(12*time.Second).Format(time.RFC3339))...)
	film("old.webm", "160x96", "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8")
	check(t, os.WriteFile(filepath.Join(dir, "notes.mp4"), []byte("no film"), 0o600))
	h.walk(t, "films.mjs", dir, at.Format(time.RFC3339))
}
