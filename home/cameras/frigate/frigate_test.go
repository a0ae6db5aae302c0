package frigate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"porchlight/internal/porttest"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var at = time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)

// fake answers as Frigate's API is documented: paths below /api, times as seconds
// in floats, a session by cookie or bearer where it is asked for.
func fake(t *testing.T, password string) *Server {
	segment := func(from, to float64) map[string]any {
		return map[string]any{"id": "x", "start_time": float64(at.Unix()) + from, "end_time": float64(at.Unix()) + to, "segment_size": 4.5, "motion": 3, "objects": 1, "duration": to - from}
	}
	var sessions atomic.Int64
	mux := http.NewServeMux()
	send := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("POST /api/login", func(w http.ResponseWriter, r *http.Request) {
		var in struct{ User, Password string }
		if json.NewDecoder(r.Body).Decode(&in) != nil || in.User != "admin" || in.Password != password {
			w.WriteHeader(http.StatusUnauthorized)
			send(w, map[string]any{"message": "Login failed"})
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "frigate_token", Value: "t" + strconv.FormatInt(sessions.Add(1), 10), HttpOnly: true})
		send(w, map[string]any{})
	})
	mux.HandleFunc("GET /api/config", func(w http.ResponseWriter, r *http.Request) {
		camera := func(on bool) map[string]any {
			return map[string]any{"enabled": on, "record": map[string]any{"enabled": on, "retain": map[string]any{"days": 7}}, "detect": map[string]any{"enabled": true, "width": 1280, "height": 720, "fps": 5}, "mqtt": map[string]any{}}
		}
		send(w, map[string]any{"version": "0.16-0", "mqtt": map[string]any{"topic_prefix": "frigate"}, "cameras": map[string]any{"front": camera(true), "back": camera(false)}})
	})
	mux.HandleFunc("GET /api/{camera}/recordings", func(w http.ResponseWriter, r *http.Request) {
		after, err := strconv.ParseFloat(r.FormValue("after"), 64)
		before, err2 := strconv.ParseFloat(r.FormValue("before"), 64)
		if err != nil || err2 != nil {
			t.Errorf("asked %s", r.URL)
		}
		all := []map[string]any{}
		if r.PathValue("camera") == "front" {
			for _, s := range []map[string]any{segment(0, 10), segment(10.01, 20), segment(20.3, 30.2), segment(90, 100)} {
				if s["end_time"].(float64) >= after && s["start_time"].(float64) <= before {
					all = append(all, s)
				}
			}
		}
		send(w, all)
	})
	mux.HandleFunc("GET /api/events", func(w http.ResponseWriter, r *http.Request) {
		if c := r.FormValue("cameras"); c != "" && c != "front" {
			send(w, []any{})
			return
		}
		send(w, []map[string]any{
			{"id": "2.b", "camera": "front", "label": "car", "start_time": float64(at.Unix()) + 60.5, "end_time": nil, "has_clip": true, "has_snapshot": true, "false_positive": nil, "zones": []string{}, "data": map[string]any{"top_score": 0.83, "score": 0.8, "box": []float64{0.1, 0.2, 0.3, 0.4}, "type": "object"}},
			{"id": "1.a", "camera": "front", "label": "person", "start_time": float64(at.Unix()) + 5.25, "end_time": float64(at.Unix()) + 12.5, "has_clip": true, "top_score": nil, "data": map[string]any{"top_score": 0.71, "score": 0.9}},
		})
	})
	film := func(w http.ResponseWriter, r *http.Request) {
		if c := r.PathValue("camera"); c != "" && c != "front" {
			w.WriteHeader(http.StatusNotFound)
			send(w, map[string]any{"success": false, "message": "Camera not found"})
			return
		}
		if from, _ := strconv.ParseFloat(r.PathValue("from"), 64); r.PathValue("from") != "" && from > float64(at.Unix()+1000) {
			w.WriteHeader(http.StatusBadRequest)
			send(w, map[string]any{"success": false, "message": "No recordings found for the specified time range"})
			return
		}
		w.Write([]byte("film"))
	}
	mux.HandleFunc("GET /api/{camera}/start/{from}/end/{to}/clip.mp4", film)
	mux.HandleFunc("GET /api/{camera}/latest.jpg", film)
	mux.HandleFunc("GET /api/{camera}/recordings/{at}/snapshot.jpg", film)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		last := "Bearer t" + strconv.FormatInt(sessions.Load(), 10)
		if password != "" && r.URL.Path != "/api/login" && (r.Header.Get("Authorization") != last || sessions.Load() == 0) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s := &Server{Address: server.URL}
	if password != "" {
		s.User, s.Password = "admin", password
	}
	return s
}

func TestAPI(t *testing.T) {
	for _, password := range []string{"", "s3cret"} {
		s := fake(t, password)
		ctx := t.Context()
		cameras, err := s.Cameras(ctx)
		must(t, err)
		if len(cameras) != 2 || cameras[1] != (Camera{"front", true, true, 1280, 720}) || cameras[0].Recording {
			t.Errorf("cameras %+v", cameras)
		}
		got, err := s.Recordings(ctx, "front", at.Add(-time.Minute), at.Add(time.Hour))
		must(t, err)
		if len(got) != 2 || !got[0].From.Equal(at) || !got[0].To.Equal(at.Add(30200*time.Millisecond)) || !got[1].From.Equal(at.Add(90*time.Second)) {
			t.Errorf("recordings %v", got)
		}
		events, err := s.Events(ctx, "front", at, at.Add(time.Hour))
		must(t, err)
		if len(events) != 2 || events[0].ID != "1.a" || events[0].Label != "person" || !events[0].To.Equal(at.Add(12500*time.Millisecond)) || !events[1].Going || events[1].Score != 0.83 {
			t.Errorf("events %+v", events)
		}
		var film bytes.Buffer
		must(t, s.Clip(ctx, "front", at, at.Add(10*time.Second), &film))
		if film.String() != "film" {
			t.Errorf("film %q", film.String())
		}
		if err := s.Clip(ctx, "front", at.Add(time.Hour), at.Add(2*time.Hour), &film); !errors.Is(err, ErrNothing) {
			t.Errorf("a clip of nothing: %v", err)
		}
		if err := s.Clip(ctx, "side", at, at.Add(time.Second), &film); !errors.Is(err, ErrNoCamera) {
			t.Errorf("a camera that is not: %v", err)
		}
		if still, err := s.Still(ctx, "front", at, 360); err != nil || len(still) == 0 {
			t.Errorf("a still of %d bytes, %v", len(still), err)
		}
	}
	wrong := fake(t, "s3cret")
	wrong.Password = "other"
	if _, err := wrong.Cameras(t.Context()); !errors.Is(err, ErrPassword) {
		t.Errorf("a wrong password: %v", err)
	}
	nobody := &Server{Address: "http://127.0.0.1:1/secret"}
	if _, err := nobody.Cameras(t.Context()); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("nobody there: %v", err)
	}
}

// Events are heard over a real broker, also after it was away.
func TestListen(t *testing.T) {
	program := "/usr/sbin/mosquitto"
	if _, err := os.Stat(program); err != nil {
		t.Skip("SKIPPED: mosquitto is not installed: apt-get install mosquitto")
	}
	port := strconv.Itoa(porttest.Free(t))
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "passwords"), []byte("porch:secret\n"), 0o600))
	if out, err := exec.Command("mosquitto_passwd", "-U", filepath.Join(dir, "passwords")).CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_passwd: %s", out)
	}
	must(t, os.WriteFile(filepath.Join(dir, "conf"), []byte("listener "+port+" 127.0.0.1\nallow_anonymous false\npassword_file "+filepath.Join(dir, "passwords")+"\nuser root\n"), 0o600))
	start := func() *exec.Cmd {
		c := exec.Command(program, "-c", filepath.Join(dir, "conf"))
		must(t, c.Start())
		return c
	}
	broker := start()
	defer func() { broker.Process.Kill(); broker.Wait() }()
	b := Broker{Address: "tcp://porch:secret@127.0.0.1:" + port, Retry: 20 * time.Millisecond}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	heard, up := make(chan Event, 8), make(chan bool, 8)
	done := make(chan error, 1)
	go func() { done <- Listen(ctx, b, func(e Event) { heard <- e }, func(u bool) { up <- u }) }()
	wait := func(want bool) {
		t.Helper()
		for {
			select {
			case u := <-up:
				if u == want {
					return
				}
			case <-time.After(time.Minute):
				t.Fatalf("in vain: up %v", want)
			}
		}
	}
	say := func(message string) {
		t.Helper()
		c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(b.Address).SetClientID("frigate"))
		if k := c.Connect(); !k.WaitTimeout(time.Minute) || k.Error() != nil {
			t.Fatalf("connecting: %v", k.Error())
		}
		defer c.Disconnect(100)
		if k := c.Publish("frigate/events", 1, false, message); !k.WaitTimeout(time.Minute) || k.Error() != nil {
			t.Fatalf("publishing: %v", k.Error())
		}
	}
	next := func() Event {
		t.Helper()
		select {
		case e := <-heard:
			return e
		case <-time.After(time.Minute):
			t.Fatal("in vain: an event")
		}
		panic("no")
	}
	wait(true)
	say("not JSON")
	say(`{"type": "new", "before": {}, "after": {"id": "1.a", "camera": "front", "label": "person", "start_time": 1795356000.5, "end_time": null, "top_score": 0.7, "false_positive": false, "has_clip": false}}`)
	if e := next(); e.ID != "1.a" || !e.Going || e.Label != "person" || e.Score != 0.7 || e.From.UnixMilli() != 1795356000500 {
		t.Errorf("%+v", e)
	}
	broker.Process.Kill()
	broker.Wait()
	wait(false)
	broker = start()
	wait(true)
	say(`{"type": "end", "before": {}, "after": {"id": "1.a", "camera": "front", "label": "person", "start_time": 1795356000.5, "end_time": 1795356009.25, "top_score": 0.9, "false_positive": false, "has_clip": true}}`)
	if e := next(); e.Going || !e.HasClip || e.To.Sub(e.From) != 8750*time.Millisecond {
		t.Errorf("%+v", e)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := Listen(t.Context(), Broker{Address: "porch:secret@host"}, nil, nil); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("no address: %v", err)
	}
}

func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"type": "end", "after": {"id": "1", "camera": "front", "start_time": 1795356000.5, "end_time": 1795356009, "top_score": 0.9, "false_positive": false}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, ok := parseEvent(b); ok && (e.ID == "" || e.Camera == "" || e.From.IsZero() || e.Score < 0 || e.Score > 1) {
			t.Errorf("%+v", e)
		}
	})
}
