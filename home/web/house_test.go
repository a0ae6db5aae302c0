package web_test

import (
	"bytes"
	"context"
	"embed"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"porchlight/db"
	"porchlight/home/cameras"
	"porchlight/home/devices"
	"porchlight/home/notify"
	"porchlight/home/record"
	"porchlight/home/web"
	"porchlight/internal/push/pushtest"
	"porchlight/web/app"
	"porchlight/web/basemap"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// house is one without an exchange, and without footage.
type house struct {
	*web.Server
	devices *devices.Service
	cameras *cameras.Service
	notices *notify.Service
}

func newHouse(t *testing.T) *house {
	t.Helper()
	ctx, dir := t.Context(), t.TempDir()
	d, err := db.Open(ctx, filepath.Join(dir, "home.db"))
	check(t, err)
	t.Cleanup(func() { check(t, d.Close()) })
	h := &house{}
	h.devices, err = devices.Open(ctx, d, nil)
	check(t, err)
	h.cameras, err = cameras.Open(ctx, d, nil)
	check(t, err)
	r, err := record.Open(ctx, record.Options{DB: d, Dir: filepath.Join(dir, "footage"), Cameras: h.cameras, Limits: record.Limits{Free: 64 << 20}})
	check(t, err)
	h.notices, err = notify.Open(ctx, notify.Options{DB: d, Local: true, Contact: pushtest.Contact})
	check(t, err)
	sheet, err := basemap.Load(embed.FS{})
	check(t, err)
	h.Server, err = web.New(web.Options{Name: "Elm Street 12", Basemap: sheet, Hosts: []string{"porchlight.local"},
		Devices: h.devices, Cameras: h.cameras, Record: r, Notices: h.notices, Switches: switches{}})
	check(t, err)
	return h
}

// walk runs a story of web/app/test in a browser that can be paired. It needs node,
// the app's packages and chromium, as `make test` has.
func (h *house) walk(t *testing.T, story string, args ...string) {
	t.Helper()
	if !app.HomeBuilt() {
		t.Skip("SKIPPED: the house's app is not built (make build)")
	}
	site := httptest.NewServer(h.Handler())
	defer site.Close()
	code, err := h.devices.NewCode(t.Context(), "")
	check(t, err)
	args = append(append([]string{"test/" + story, site.URL, web.PairLink(site.URL, code.Text)}, args...), os.Getenv("PORCHLIGHT_SHOTS"))
	cmd := exec.CommandContext(t.Context(), "node", args...)
	cmd.Dir = "../../web/app"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

type switches map[string]bool

func (s switches) On(name string) bool { return !s[name] }
func (s switches) Set(_ context.Context, name string, on bool) error {
	s[name] = !on
	return nil
}

// caller is a browser somewhere.
type caller struct {
	h      *house
	from   string // address and port
	host   string
	token  string
	header http.Header
}

func (h *house) caller() caller {
	return caller{h: h, from: "192.168.1.20:5000", host: "192.168.1.5:8088", header: http.Header{}}
}

// paired is a browser on the house's network that was let in, and its device.
func (h *house) paired(t *testing.T, name string) (caller, web.DeviceView) {
	t.Helper()
	code, err := h.devices.NewCode(t.Context(), "")
	check(t, err)
	c := h.caller()
	res := c.do("POST", "/api/v1/pair", web.PairBody{Code: code.Text, Name: name})
	if res.Code != http.StatusOK {
		t.Fatalf("pairing: %d %s", res.Code, res.Body)
	}
	var d web.DeviceView
	check(t, json.Unmarshal(res.Body.Bytes(), &d))
	for _, cookie := range res.Result().Cookies() {
		if cookie.Name == "porchlight_home" {
			c.token = cookie.Value
		}
	}
	return c, d
}

func (c caller) request(ctx context.Context, method, path string, body any) *http.Request {
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			panic(err)
		}
		in = bytes.NewReader(b)
	}
	r := httptest.NewRequestWithContext(ctx, method, "http://"+c.host+path, in)
	r.RemoteAddr = c.from
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, values := range c.header {
		r.Header[name] = values
	}
	if c.token != "" {
		r.AddCookie(&http.Cookie{Name: "porchlight_home", Value: c.token})
	}
	return r
}

func (c caller) do(method, path string, body any) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	c.h.Handler().ServeHTTP(w, c.request(context.Background(), method, path, body))
	return w
}

func decode(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	check(t, err)
	return b
}
