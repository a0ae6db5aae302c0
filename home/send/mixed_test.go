package send

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"porchlight/home"
	"porchlight/internal/testworld"
	"porchlight/video"
)

// A camera whose picture was set smaller while it filmed: what is chosen over that
// is two clips, and each can be seen.
func TestClipOverAChange(t *testing.T) {
	w := testworld.Start(t, nil)
	h := newHouse(t, w, street(t, 10))
	small := filepath.Join(t.TempDir(), "small.mp4")
	if out, err := exec.Command("ffmpeg", "-nostdin", "-v", "error", "-i", street(t, 10), "-vf", "scale=128:80", "-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-c:a", "copy", small).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, out)
	}
	ctx := t.Context()
	spans, err := h.rec.Spans(ctx, h.camera, time.Time{}, time.Time{})
	must(t, err)
	change := spans[len(spans)-1].To
	must(t, h.rec.Import(ctx, h.camera, small, change))

	d := h.begin()
	before := len(d.Clips)
	d, err = h.AddClip(ctx, d.ID, home.Span{Camera: h.camera, From: change.Add(-4 * time.Second), To: change.Add(4 * time.Second)})
	must(t, err)
	clips := d.Clips[before:]
	if len(clips) != 2 {
		t.Fatalf("%d clips", len(clips))
	}
	for i, width := range []int{160, 128} {
		c := clips[i]
		info, err := video.Probe(ctx, video.Source(h.film(d.ID, c.ID)))
		if err != nil || info.W != width || c.Width != width || c.Seconds < 2.5 || c.Seconds > 4.2 {
			t.Errorf("clip %d: %+v, %+v, %v", i, c, info, err)
		}
	}
	if clips[0].Span.To.After(change.Add(100*time.Millisecond)) || clips[1].Span.From.Before(change.Add(-100*time.Millisecond)) {
		t.Errorf("the change was at %v: %v, %v", change, clips[0].Span, clips[1].Span)
	}
}
