package demo_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"porchlight/demo"
	"porchlight/home/node"
	homeweb "porchlight/home/web"
	"porchlight/internal/testworld"
	"porchlight/web"
)

// house is a browser that was let into one.
type house struct {
	visit
	site string
}

// call asks the house's API; out may be nil.
func (h house) call(method, path string, in, out any) {
	h.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		h.t.Fatal(err)
	}
	r, err := http.NewRequest(method, h.site+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, text := h.do(r)
	if resp.StatusCode/100 != 2 {
		h.t.Fatalf("%s %s: %s %s", method, path, resp.Status, text)
	}
	if out != nil {
		if err := json.Unmarshal([]byte(text), out); err != nil {
			h.t.Fatal(err)
		}
	}
}

// until asks for something until it is so.
func (h house) until(path string, out any, so func() bool) {
	h.t.Helper()
	for end := time.Now().Add(time.Minute); !so(); {
		if time.Now().After(end) {
			h.t.Fatalf("%s: %+v", path, out)
		}
		time.Sleep(20 * time.Millisecond) // between two looks
		h.call("GET", path, nil, out)
	}
}

// A visitor is let into the house by the demo's link, finds the request that its
// camera can answer, and what she shares is what the agency opens. The networks
// are not there: the house runs without.
func testHousehold(t *testing.T, w *testworld.World) {
	if err := w.X.Feed.Build(t.Context()); err != nil {
		t.Fatal(err)
	}
	start := w.Request.From.Add(10 * time.Minute).Truncate(time.Second)
	corner := w.Request.Area.Coordinates[0][0]
	films := t.TempDir()
	h := &demo.Household{
		Resident: "Vera Visitor", Address: "1 Test Street", Dir: t.TempDir(), Models: t.TempDir(), Zone: "America/Chicago",
		Exchange: node.Exchange{URL: w.URL, LedgerKey: w.LogKey},
		Cameras:  []demo.Camera{{Name: "Front door", At: demo.LonLat{corner[0] + .001, corner[1] + .001}, Bearing: 90}},
		Films: func(ctx context.Context) ([]demo.Clip, error) {
			c, err := demo.ShortClip(ctx, films, start)
			return []demo.Clip{c}, err
		},
	}
	bar := &demo.Bar{Next: w.X.Handler(), URL: w.URL, Enter: h.Enter,
		Page: func() demo.Page {
			return demo.Page{Town: "Millbrook", Home: &demo.Home{Resident: h.Resident, Address: h.Address}}
		}}
	server := httptest.NewServer(bar.Handler())
	defer server.Close()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := visit{t, strings.Replace(server.URL, "127.0.0.1", "localhost", 1), &http.Client{Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if _, body := v.get("/demo/", "text/html"); strings.Count(body, `href="/demo/house"`) < 2 || !strings.Contains(body, h.Resident) {
		t.Error("the demo's page does not lead into the house")
	}
	if resp, _ := v.get("/demo/house", "text/html"); resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Refresh") == "" {
		t.Errorf("before it is open: %s", resp.Status)
	}

	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ready, ran := make(chan struct{}), make(chan error, 1)
	go func() { ran <- h.Run(ctx, l, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-ran:
		t.Fatal(err)
	}
	enter := func() *url.URL {
		t.Helper()
		resp, _ := v.get("/demo/house", "text/html")
		to, err := resp.Location()
		if err != nil {
			t.Fatalf("%s: %v", resp.Status, err)
		}
		return to
	}
	to := enter()
	in := house{v, "http://" + to.Host}
	in.call("POST", "/pair", homeweb.PairBody{Code: to.Fragment, Name: "Vera’s browser"}, nil)
	if again := enter(); again.Path != "/" || again.Fragment != "" {
		t.Errorf("a browser that is in is led to %s", again)
	}
	r, err := http.NewRequest("GET", v.url+"/demo/house", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if resp, _ := v.do(r); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a link on another site: %s", resp.Status)
	}

	var asked homeweb.AskView
	in.until("/requests", &asked, func() bool { return len(asked.Requests) > 0 })
	q := asked.Requests[0]
	if q.ID != w.Request.ID || len(q.Spans) != 1 || !q.Spans[0].From.Equal(start) {
		t.Fatalf("found %+v", q)
	}
	var draft homeweb.AnswerView
	in.call("POST", "/requests/"+q.ID+"/answer", nil, &draft)
	in.call("POST", "/answers/"+draft.ID+"/clips", homeweb.HoldBody(q.Spans[0]), &draft)
	path := "/answers/" + draft.ID
	in.call("POST", path+"/clips/"+draft.Clips[0].ID+"/prepare", nil, &draft)
	in.until(path, &draft, func() bool { return draft.Clips[0].Preview != nil })
	clip := draft.Clips[0]
	in.call("POST", path+"/share", homeweb.ShareBody{Seen: map[string]string{clip.ID: clip.Preview.SHA256}}, &draft)
	in.until(path, &draft, func() bool { return draft.State == "sent" })
	in.call("POST", path+"/follow", nil, &draft)

	item := draft.News.Clips[0].Item
	custodian := w.Police.Custodian
	var items web.ItemList
	if err := custodian.Get(t.Context(), "/items", &items); err != nil {
		t.Fatal(err)
	}
	pending := false
	for _, i := range items.Items {
		pending = pending || i.ID == item && i.State == "pending" && i.Request == q.ID
	}
	if !pending {
		t.Fatalf("item %s is not before the agency: %+v", item, items.Items)
	}
	if err := testworld.Accept(t.Context(), custodian, item); err != nil {
		t.Fatal(err)
	}
	opened, _, err := custodian.View(t.Context(), item, "")
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(opened); hex.EncodeToString(sum[:]) != clip.Preview.SHA256 {
		t.Error("what the agency opens is not what was previewed")
	}

	stop()
	if err := <-ran; err != nil {
		t.Errorf("ended with %v", err)
	}
	if _, err := h.Enter(r); err == nil {
		t.Error("a house that ended lets somebody in")
	}
	n, err := node.Open(t.Context(), node.Config{Dir: h.Dir, Models: h.Models}) // nobody holds it
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}
