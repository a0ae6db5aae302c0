package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"crypto/ed25519"

	"porchlight/geo"
	"porchlight/internal/actor"
	"porchlight/internal/testworld"
	"porchlight/plate"
	"porchlight/plate/intake"
	"porchlight/web"
)

// sighting is a plate seen just now.
func sighting(text string) intake.Sighting {
	return intake.Sighting{Read: plate.Read{Text: plate.Text(text), Seen: time.Now().Truncate(time.Millisecond), Confidence: 900, Heading: -1}}
}

// post sends a body as a camera does and returns the status, the header and
// what came of it.
func postBody(t testing.TB, url string, header http.Header, body []byte) (int, http.Header, intake.Result, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	check(t, err)
	req.Header = header
	res, err := http.DefaultClient.Do(req)
	check(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	check(t, err)
	var r intake.Result
	if res.StatusCode == http.StatusOK {
		check(t, json.Unmarshal(text, &r))
	}
	return res.StatusCode, res.Header, r, string(text)
}

// refusedWith checks that err is a problem with this status.
func refusedWith(t testing.TB, err error, status int) {
	t.Helper()
	var p *web.Problem
	if !errors.As(err, &p) || p.Status != status {
		t.Errorf("got %v, want status %d", err, status)
	}
}

func TestCameras(t *testing.T) {
	w := testworld.Start(t, nil)
	t.Run("from first day to last", func(t *testing.T) { cameraLife(t, w) })
	t.Run("webhooks and files", func(t *testing.T) { cameraPosts(t, w) })
	t.Run("a hot one", func(t *testing.T) { hotCamera(t, w) })
}

// A camera from its first day to its last: added with a passkey, its reads in
// the store, its figures on the desk, its key changed, removed.
func cameraLife(t *testing.T, w *testworld.World) {
	ctx := t.Context()
	c, err := w.Police.Admin.AddSigningCamera(ctx, "Main St / 5th, northbound", -89.65, 39.75)
	check(t, err)
	seen := sighting("ZZT1234")
	b := c.Batch(seen)
	r, err := c.Send(ctx, b)
	check(t, err)
	again, err := c.Send(ctx, b)
	check(t, err)
	if r.Fresh != 1 || r.Replayed || again.Fresh != 1 || !again.Replayed {
		t.Errorf("%+v, again %+v", r, again)
	}
	pattern, err := plate.ParsePattern("ZZT1234")
	check(t, err)
	found, _, err := w.X.Reads.Find(ctx, []string{w.Police.ORI},
		plate.Query{Kind: plate.ByPlate, Plate: pattern, From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour)}, 10)
	check(t, err)
	at, err := geo.NewPoint(-89.65, 39.75)
	check(t, err)
	if len(found) != 1 || found[0].Owner != w.Police.ORI || found[0].Camera != c.ID || !found[0].Seen.Equal(seen.Seen) || found[0].Place != at {
		t.Fatalf("found %+v", found)
	}

	// The same read as JSON, in another batch, is known.
	body := c.Batch(seen).JSON()
	header := http.Header{"Content-Type": {intake.MediaJSON}, intake.HeaderCamera: {c.ID}, intake.HeaderSignature: {intake.Signature(c.Key, c.ID, body)}}
	if status, _, r, text := postBody(t, w.URL+intake.BatchPath, header, body); status != 200 || r.Duplicate != 1 {
		t.Errorf("JSON: %d %s", status, text)
	}
	if status, _, _, text := postBody(t, w.URL+intake.BatchPath, header, append(body, ' ')); status != 401 || !strings.Contains(text, "/problems/camera") {
		t.Errorf("not what was signed: %d %s", status, text)
	}

	// Her agency sees how it does; the world reads how many there are.
	var list web.CameraList
	check(t, w.Police.Admin.Get(ctx, "/cameras", &list))
	if len(list.Cameras) != 1 || list.Cameras[0].Today.Fresh != 1 || list.Cameras[0].Today.Replayed != 1 || list.Cameras[0].Trouble != "unsigned" ||
		list.Cameras[0].LastRead == nil || list.Cameras[0].Lon != -89.65 {
		t.Errorf("%+v", list)
	}
	list = web.CameraList{}
	check(t, w.Sheriff.Admin.Get(ctx, "/cameras", &list))
	if len(list.Cameras) != 0 {
		t.Errorf("the sheriff sees %+v", list)
	}
	acts, err := w.X.Gate.History(ctx, c.ID)
	check(t, err)
	if e := string(acts[0].Entry.Bytes()); acts[0].Entry.Act.Public["cameras"] != "1" || strings.Contains(e, "Main St") || strings.Contains(e, "39.75") || acts[0].Private("place") == "" {
		t.Errorf("the world reads %s", e)
	}

	// A new key: the old one opens nothing.
	draft := web.CameraDraft{Name: "Main St / 5th", Lon: -89.65, Lat: 39.75, Heading: 0, Speaks: "signed"}
	public, key, err := ed25519.GenerateKey(nil)
	check(t, err)
	draft.Key = public
	_, err = w.Sheriff.Admin.Act(ctx, "/cameras/"+c.ID+"/change", draft, nil)
	refusedWith(t, err, 404)
	_, err = w.Police.Admin.Act(ctx, "/cameras/"+c.ID+"/change", draft, nil)
	check(t, err)
	_, err = c.Send(ctx, c.Batch(sighting("ZZT2")))
	refusedWith(t, err, 401)
	c.Key = key
	_, err = c.Send(ctx, c.Batch(sighting("ZZT2")))
	check(t, err)

	draft.Key = []byte("short")
	_, err = w.Police.Admin.Act(ctx, "/cameras/"+c.ID+"/change", draft, nil)
	refusedWith(t, err, 422)
	_, err = w.Police.Admin.Act(ctx, "/cameras/"+c.ID+"/remove", nil, nil)
	check(t, err)
	_, err = c.Send(ctx, c.Batch(sighting("ZZT3")))
	refusedWith(t, err, 401)
	_, err = w.Police.Admin.Act(ctx, "/cameras/"+c.ID+"/remove", nil, nil)
	refusedWith(t, err, 409)
}

// Programs that know no signatures: by an address, or by a header.
func cameraPosts(t *testing.T, w *testworld.World) {
	ctx := t.Context()
	_, err := w.Police.Admin.AddCamera(ctx, actor.FileCamera("Files", "the-file-token"))
	check(t, err)
	alpr := actor.FileCamera("Gate", "the-hook-token")
	alpr.Speaks = "openalpr"
	_, err = w.Police.Admin.AddCamera(ctx, alpr)
	check(t, err)

	now := time.Now().UTC()
	rows := "plate,time,state\n"
	for i := range 3 {
		rows += fmt.Sprintf("ZZF%d,%s,IL\n", i, now.Add(-time.Duration(i)*time.Minute).Format(time.RFC3339))
	}
	url := w.URL + intake.PostPath
	if status, _, r, text := postBody(t, url, http.Header{"Authorization": {"Bearer the-file-token"}}, []byte(rows)); status != 200 || r.Fresh != 3 {
		t.Errorf("a file: %d %s", status, text)
	}
	if status, _, r, text := postBody(t, url+"/the-file-token", http.Header{}, []byte(rows)); status != 200 || r.Duplicate != 3 {
		t.Errorf("again: %d %s", status, text)
	}
	if status, _, _, text := postBody(t, url+"/the-file-token", http.Header{}, []byte("no,columns\nSECRET1,2")); status != 422 || strings.Contains(text, "SECRET1") {
		t.Errorf("no columns: %d %s", status, text)
	}
	if status, _, _, text := postBody(t, url+"/the-file-token", http.Header{}, []byte("plate,time\n"+strings.Repeat("ZZT1,2026-11-20 09:00:00\n", 1001))); status != 422 {
		t.Errorf("too many: %d %s", status, text)
	}
	if status, _, _, text := postBody(t, url+"/the-file-token", http.Header{}, make([]byte, 9<<20)); status != 413 {
		t.Errorf("too large: %d %s", status, text)
	}
	group, err := os.ReadFile("../plate/intake/testdata/formats/openalpr-group.json")
	check(t, err)
	group = bytes.ReplaceAll(group, []byte("1795165200900,"), []byte(strconv.FormatInt(now.UnixMilli(), 10)+","))
	if status, _, r, text := postBody(t, url+"/the-hook-token", http.Header{"Content-Type": {"application/json"}}, group); status != 200 || r.Fresh != 1 {
		t.Errorf("a group: %d %s", status, text)
	}
	if status, _, r, text := postBody(t, url+"/the-hook-token", http.Header{}, []byte(`{"data_type": "heartbeat"}`)); status != 200 || r.Fresh != 0 {
		t.Errorf("a heartbeat: %d %s", status, text)
	}
}

// One camera that sends without end takes nothing from the others, nor memory
// from the exchange.
func hotCamera(t *testing.T, w *testworld.World) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	hot, err := w.Police.Admin.AddSigningCamera(ctx, "Hot", -89.65, 39.75)
	check(t, err)
	calm, err := w.Police.Admin.AddSigningCamera(ctx, "Calm", -89.65, 39.75)
	check(t, err)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	began := time.Now()
	var sent, refused, kept atomic.Int64
	var slowed atomic.Bool
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				reads := make([]intake.Sighting, 1000)
				for j := range reads {
					reads[j] = sighting(fmt.Sprintf("H%dX%dX%d", n, i, j))
				}
				r, err := hot.Send(ctx, hot.Batch(reads...))
				sent.Add(1000)
				var p *web.Problem
				switch {
				case err == nil:
					kept.Add(r.Fresh)
				case errors.As(err, &p) && p.Status == http.StatusTooManyRequests:
					refused.Add(1000)
					slowed.Store(true)
				case ctx.Err() == nil:
					t.Errorf("the hot camera: %v", err)
					return
				}
			}
		})
	}
	// Beside it, until it has been refused for a while, each read of the calm one
	// is taken in, soon.
	var slowest time.Duration
	for i := 0; i < 20 || !slowed.Load() || sent.Load() < 60_000; i++ {
		at := time.Now()
		if r, err := calm.Send(ctx, calm.Batch(sighting(fmt.Sprintf("C%d", i)))); err != nil || r.Fresh != 1 {
			t.Fatalf("the calm camera: %+v, %v", r, err)
		}
		slowest = max(slowest, time.Since(at))
	}
	took := time.Since(began)
	stop()
	all.Wait()
	after := heap()
	t.Logf("the hot camera offered %d reads in %v (%.0f a second): %d taken in, %d refused; the calm one waited %v at most; heap %d MB before, %d MB after",
		sent.Load(), took.Round(time.Millisecond), float64(sent.Load())/took.Seconds(), kept.Load(), refused.Load(), slowest, before>>20, after>>20)
	if most := 30_000 + 1000*took.Seconds() + 10*1000; float64(kept.Load()) > most {
		t.Errorf("%d reads were taken in, at most %.0f are allowed", kept.Load(), most)
	}
	if slowest > 5*time.Second {
		t.Errorf("the calm camera waited %v", slowest)
	}
	if after > before+100<<20 {
		t.Errorf("the heap grew from %d to %d", before, after)
	}
}
