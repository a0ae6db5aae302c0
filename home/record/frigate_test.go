package record

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"porchlight/home"
	"porchlight/home/cameras"
	"porchlight/internal/rtsptest"
)

// What Frigate recorded is told as ours, fetched when it is asked for, once, and
// gone when Frigate is.
func TestFrigate(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir())
	film, err := os.ReadFile(rtsptest.Film{Codec: "h264", Loops: 1}.File(t))
	must(t, err)
	start := time.Now().Add(-20 * time.Second).UTC().Truncate(time.Second)
	var clips atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/api/front/recordings":
			after, _ := strconv.ParseFloat(r.FormValue("after"), 64)
			before, _ := strconv.ParseFloat(r.FormValue("before"), 64)
			all := []map[string]float64{}
			for _, at := range []time.Time{start.AddDate(0, 0, -20), start} {
				if s := float64(at.Unix()); s+10 >= after && s <= before {
					all = append(all, map[string]float64{"start_time": s, "end_time": s + 10})
				}
			}
			json.NewEncoder(w).Encode(all)
		case strings.HasSuffix(r.URL.Path, "/clip.mp4"):
			clips.Add(1)
			w.Write(film)
		case strings.HasSuffix(r.URL.Path, "/snapshot.jpg"):
			w.Write([]byte("jpeg"))
		default:
			t.Errorf("asked %s", r.URL)
		}
	}))
	defer server.Close()
	id := h.add(cameras.Source{Kind: home.Frigate, Address: cameras.Secret(server.URL), Name: "front"})
	h.run()
	until(t, "both stretches are known", func() bool { return len(h.spans(id)) == 2 })
	until(t, "it is well", func() bool { return h.health(id).Recording })
	if jpeg, err := h.Still(t.Context(), id, start.Add(4*time.Second), 320); err != nil || string(jpeg) != "jpeg" {
		t.Errorf("%q, %v", jpeg, err)
	}
	span := home.Span{Camera: id, From: start, To: start.Add(10 * time.Second)}
	for range 2 {
		files, err := h.Segments(t.Context(), span)
		must(t, err)
		if len(files) < 9 || files[0].From.Sub(start).Abs() > 200*time.Millisecond || clips.Load() != 1 {
			t.Errorf("%d files from %s, %d clips fetched", len(files), files[0].From, clips.Load())
		}
	}
	if spans := h.spans(id); len(spans) != 2 {
		t.Errorf("spans %v", spans)
	}
	if jpeg, err := h.Still(t.Context(), id, start.Add(4*time.Second), 320); err != nil || len(jpeg) < 500 {
		t.Errorf("a still of %d bytes, %v", len(jpeg), err)
	}
	server.Close()
	until(t, "it is told", func() bool { return strings.HasPrefix(h.health(id).Trouble, cameras.ErrNoRoute.Error()) })
	h.stop()
	if spans := h.spans(id); len(spans) != 1 {
		t.Errorf("of our own: %v", spans)
	}
	h.check()
}
