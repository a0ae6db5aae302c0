package cameras

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"porchlight/db"
	"porchlight/geo"
	"porchlight/home"
	"porchlight/internal/rtsptest"
)

func TestMain(m *testing.M) { rtsptest.Main(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newService(t *testing.T) (*Service, string) {
	file := filepath.Join(t.TempDir(), "home.db")
	d, err := db.Open(t.Context(), file)
	must(t, err)
	t.Cleanup(func() { d.Close() })
	s, err := Open(t.Context(), d, nil)
	must(t, err)
	return s, file
}

// Cameras are kept, changed and removed; how they are reached is told to nobody
// but the recorder, and is gone from the disk with them.
func TestKeep(t *testing.T) {
	s, file := newService(t)
	ctx := t.Context()
	changes := 0
	stop := s.Subscribe(func() { changes++ })
	front := home.Camera{Name: "  Front   door ", Place: geo.Point{Lon: 43, Lat: 52}, Facing: -1, Angle: 90, Reach: 25}
	c, err := s.Add(ctx, front, Source{Kind: home.RTSP, Address: "rtsp://porch:t0ps3cret@192.168.1.20:554/h264/t0kenpath?key=t0kenkey"})
	must(t, err)
	if c.Name != "Front door" || c.ID == "" || c.Kind != home.RTSP || c.Host != "192.168.1.20:554" || c.User != "porch" || !c.Has || c.Added.IsZero() {
		t.Errorf("%+v", c)
	}
	from, err := s.Reach(ctx, c.ID)
	must(t, err)
	if from.URL() != "rtsp://porch:t0ps3cret@192.168.1.20:554/h264/t0kenpath?key=t0kenkey" || from.Password != "t0ps3cret" {
		t.Errorf("%q", from.URL())
	}
	all, err := s.List(ctx)
	must(t, err)
	told, err := json.Marshal(all)
	must(t, err)
	source, err := json.Marshal(from)
	must(t, err)
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("camera", "from", from, "address", from.Address)
	printed := fmt.Sprintf("%s %s %v %+v %#v %q %x %d", told, source, from, from, from, from.Password, from.Password, from.Address) + log.String()
	if strings.Contains(printed, "t0") || strings.Contains(printed, "7430") {
		t.Errorf("a secret is told: %s", printed)
	}
	if len(all) != 1 || all[0] != c {
		t.Errorf("%+v, want %+v", all, c)
	}

	c.Name, c.Off, c.Facing = "Garden", true, 180
	must(t, s.Change(ctx, c.Camera))
	if got, err := s.Get(ctx, c.ID); err != nil || got != c {
		t.Errorf("%+v, %v", got, err)
	}
	// A password stays with its host and user.
	must(t, s.Move(ctx, c.ID, Source{Kind: home.RTSP, Address: "rtsp://192.168.1.20:554/sub", User: "porch"}))
	if f, _ := s.Reach(ctx, c.ID); f.Password != "t0ps3cret" || f.Address != "rtsp://192.168.1.20:554/sub" {
		t.Errorf("%q", f.URL())
	}
	must(t, s.Move(ctx, c.ID, Source{Kind: home.RTSP, Address: "rtsp://192.168.1.66:554/sub", User: "porch"}))
	if f, _ := s.Reach(ctx, c.ID); f.Password != "" {
		t.Error("the password went to another host")
	}
	if err := s.Move(ctx, c.ID, Source{Kind: home.Folder, Address: "/srv"}); !errors.Is(err, ErrInvalid) {
		t.Errorf("another kind: %v", err)
	}

	must(t, s.Remove(ctx, c.ID))
	if changes != 5 {
		t.Errorf("%d changes were told", changes)
	}
	stop()
	for _, err := range []error{s.Remove(ctx, c.ID), s.Change(ctx, c.Camera), s.Move(ctx, c.ID, Source{}), func() error { _, err := s.Reach(ctx, c.ID); return err }()} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("of one that was removed: %v", err)
		}
	}
	if left, _ := s.List(ctx); len(left) != 0 {
		t.Errorf("listed: %+v", left)
	}
	if got, err := s.Get(ctx, c.ID); err != nil || got.Removed.IsZero() || got.Host != "" {
		t.Errorf("%+v, %v: its footage still has a name", got, err)
	}
	if err := s.Change(ctx, home.Camera{ID: "nobody", Name: "x"}); !errors.Is(err, ErrNotFound) || changes != 5 {
		t.Errorf("%v", err)
	}
	for _, f := range []string{file, file + "-wal"} {
		if b, err := os.ReadFile(f); err == nil && strings.Contains(string(b), "t0ps3cret") {
			t.Errorf("the password of a removed camera is still in %s", filepath.Base(f))
		}
	}
}

// An error that nobody foresaw is told without what it repeats.
func TestWhy(t *testing.T) {
	f := Source{Kind: home.RTSP, Address: "rtsp://192.168.1.20/user=a_password=t0k_channel=1?key=t0k", User: "a", Password: "t0p"}
	said := f.Why(errors.New("record rtsp://192.168.1.20/user=a_password=t0k_channel=1: t0p and rtsp://192.168.1.20/user=a_password=t0k_channel=1?key=t0k: odd")).Error()
	if strings.Contains(said, "t0") || !strings.Contains(said, "odd") {
		t.Error(said)
	}
}

func TestInvalid(t *testing.T) {
	s, _ := newService(t)
	for what, c := range map[string]struct {
		home.Camera
		Source
	}{
		"no name":      {home.Camera{}, Source{Kind: home.Import}},
		"facing":       {home.Camera{Name: "x", Facing: 360}, Source{Kind: home.Import}},
		"no kind":      {home.Camera{Name: "x"}, Source{Address: "rtsp://host/"}},
		"no scheme":    {home.Camera{Name: "x"}, Source{Kind: home.RTSP, Address: "192.168.1.20"}},
		"a file":       {home.Camera{Name: "x"}, Source{Kind: home.RTSP, Address: "file:///etc/passwd"}},
		"two lines":    {home.Camera{Name: "x"}, Source{Kind: home.RTSP, Address: "rtsp://host/a", Password: "a\noption x y"}},
		"no folder":    {home.Camera{Name: "x"}, Source{Kind: home.Folder, Address: "camera"}},
		"bad pattern":  {home.Camera{Name: "x"}, Source{Kind: home.Folder, Address: "/srv", Files: "%Y"}},
		"bad zone":     {home.Camera{Name: "x"}, Source{Kind: home.Folder, Address: "/srv", Zone: "Amsterdam"}},
		"which camera": {home.Camera{Name: "x"}, Source{Kind: home.Frigate, Address: "http://host:5000"}},
	} {
		if _, err := s.Add(t.Context(), c.Camera, c.Source); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// What is wrong with a camera is told, each thing by its name; what is right with
// it too, with a picture.
func TestProbe(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	server := rtsptest.Start(t, map[string]rtsptest.Film{"front": {Codec: "h264", Audio: true}, "sound": {Codec: "none", Audio: true}})
	probe := func(change func(*Source)) (Seen, error) {
		f := Source{Kind: home.RTSP, Address: Secret(server.Address("front")), User: rtsptest.User, Password: rtsptest.Password}
		change(&f)
		seen, err := s.Probe(t.Context(), f)
		if err != nil && (strings.Contains(err.Error(), rtsptest.Password) || strings.Contains(err.Error(), "rtsp://")) {
			t.Errorf("told: %v", err)
		}
		return seen, err
	}
	seen, err := probe(func(*Source) {})
	if err != nil || seen.Codec != "h264" || seen.W != 320 || seen.H != 180 || seen.Audio != "aac" {
		t.Errorf("%+v, %v", seen, err)
	}
	if len(seen.Still) < 500 || seen.Still[0] != 0xff {
		t.Errorf("a still of %d bytes", len(seen.Still))
	}
	for what, c := range map[string]struct {
		change func(*Source)
		want   error
	}{
		"wrong password": {func(f *Source) { f.Password = "no" }, ErrPassword},
		"none":           {func(f *Source) { f.User, f.Password = "", "" }, ErrPassword},
		"no such stream": {func(f *Source) { f.Address = Secret(server.Address("side")) }, ErrNoPath},
		"sound alone":    {func(f *Source) { f.Address = Secret(server.Address("sound")) }, ErrNoVideo},
		"nobody there":   {func(f *Source) { f.Address = "rtsp://127.0.0.1:1/front" }, ErrNoRoute},
		"no such host":   {func(f *Source) { f.Address = "rtsp://camera.invalid/front" }, ErrNoRoute},
		"no folder":      {func(f *Source) { *f = Source{Kind: home.Folder, Address: "/nowhere"} }, ErrFolder},
		"no Frigate":     {func(f *Source) { *f = Source{Kind: home.Frigate, Address: "http://127.0.0.1:1", Name: "front"} }, ErrNoRoute},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			if _, err := probe(c.change); !errors.Is(err, c.want) {
				t.Error(err)
			}
		})
	}
	frigate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"cameras": {"front": {"enabled": true, "record": {"enabled": true}, "detect": {"width": 1280, "height": 720}}, "quiet": {"record": {"enabled": false}}}}`)
	}))
	defer frigate.Close()
	for name, want := range map[string]string{"front": "", "quiet": "enable record", "side": "it has: front, quiet"} {
		_, err := s.Probe(t.Context(), Source{Kind: home.Frigate, Address: Secret(frigate.URL), Name: name})
		if want == "" && err != nil || want != "" && (!errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), want)) {
			t.Errorf("Frigate's %s: %v", name, err)
		}
	}
}

// A camera that was found is added by its ONVIF address; what is kept is its best
// stream.
func TestONVIF(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	server := rtsptest.Start(t, map[string]rtsptest.Film{"front": {Codec: "h264"}})
	camera := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for asked, answer := range map[string]string{
			"GetSystemDateAndTime": ``,
			"GetCapabilities":      `<Capabilities><Media><XAddr>http://` + r.Host + `/media</XAddr></Media></Capabilities>`,
			"GetProfiles":          `<Profiles token="1"><VideoEncoderConfiguration><Encoding>H264</Encoding><Resolution><Width>320</Width><Height>180</Height></Resolution></VideoEncoderConfiguration></Profiles>`,
			"GetStreamUri":         `<MediaUri><Uri>` + server.Address("front") + `</Uri></MediaUri>`,
			"GetSnapshotUri":       `<MediaUri/>`,
		} {
			if strings.Contains(string(body), asked+" ") {
				fmt.Fprintf(w, `<Envelope xmlns="http://www.w3.org/2003/05/soap-envelope"><Body><%[1]sResponse>%s</%[1]sResponse></Body></Envelope>`, asked, answer)
			}
		}
	}))
	defer camera.Close()
	from := Source{Kind: home.RTSP, Address: Secret(camera.URL + "/onvif/device_service"), User: rtsptest.User, Password: rtsptest.Password}
	if seen, err := s.Probe(t.Context(), from); err != nil || seen.Codec != "h264" {
		t.Errorf("%+v, %v", seen, err)
	}
	c, err := s.Add(t.Context(), home.Camera{Name: "Front"}, from)
	must(t, err)
	if kept, err := s.Reach(t.Context(), c.ID); err != nil || kept.URL() != server.URL("front") {
		t.Errorf("kept %q, %v", kept.URL(), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if found, err := s.Discover(ctx); err != nil || len(found) != 0 {
		t.Errorf("found %v, %v", found, err)
	}
}
