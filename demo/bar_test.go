package demo_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"porchlight/demo"
	"porchlight/internal/testworld"
)

// visit is a browser at the bar.
type visit struct {
	t    *testing.T
	url  string
	http *http.Client
}

func (v visit) get(path, accept string) (*http.Response, string) {
	v.t.Helper()
	r, err := http.NewRequest("GET", v.url+path, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	return v.do(r)
}

func (v visit) post(path, kind, body string, header ...string) (*http.Response, string) {
	v.t.Helper()
	r, err := http.NewRequest("POST", v.url+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return v.do(r)
}

func (v visit) do(r *http.Request) (*http.Response, string) {
	v.t.Helper()
	resp, err := v.http.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return resp, string(b)
}

func (v visit) me() string {
	_, body := v.get("/api/v1/me", "application/json")
	var me struct{ Person struct{ Name string } }
	if err := json.Unmarshal([]byte(body), &me); err != nil {
		v.t.Fatal(err)
	}
	return me.Person.Name
}

const form = "application/x-www-form-urlencoded"

// What stands before one exchange: the bar, a house beside it, and nothing at all.
func TestBeforeAnExchange(t *testing.T) {
	w := testworld.Start(t, nil)
	t.Run("bar", func(t *testing.T) { testBar(t, w) })
	t.Run("household", func(t *testing.T) { testHousehold(t, w) })
	t.Run("serve knows no demo", func(t *testing.T) { testServeKnowsNoDemo(t, w) })
}

func testBar(t *testing.T, w *testworld.World) {
	saved := 0
	bar := &demo.Bar{Next: w.X.Handler(), URL: w.URL, Page: func() demo.Page { return demo.Page{Town: "Millbrook"} },
		Save: func([]*demo.Player) error { saved++; return nil }}
	if err := bar.Add(&demo.Player{ID: "ana", Name: w.Police.Custodian.Name, Roles: []string{"custodian"}, Agency: w.Police.Name, Key: w.Police.Custodian.Key},
		&demo.Player{ID: "op", Name: w.Operator.Name, Roles: []string{"operator"}, Key: w.Operator.Key}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(bar.Handler())
	defer server.Close()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := visit{t, server.URL, &http.Client{Jar: jar}}

	t.Run("marks pages and nothing else", func(t *testing.T) {
		for _, path := range []string{"/", "/signin", "/requests", "/demo/"} {
			resp, body := v.get(path, "text/html")
			for _, want := range []string{`class="demo-bar"`, `src="/demo/bar.js"`, "Custodian", w.Police.Name} {
				if !strings.Contains(body, want) {
					t.Errorf("%s lacks %s", path, want)
				}
			}
			csp := resp.Header.Get("Content-Security-Policy")
			if !strings.Contains(csp, "script-src 'self'") || strings.Contains(csp, "unsafe-inline") {
				t.Errorf("%s: policy %q", path, csp)
			}
			if strings.Contains(body, " style=") || strings.Contains(body, "<style") {
				t.Errorf("%s has inline style, which its policy forbids", path)
			}
		}
		if _, body := v.get("/api/v1/requests", "application/json"); strings.Contains(body, "demo") {
			t.Error("the bar is in the API's answers")
		}
		if _, body := v.get("/?lang=nl", "text/html"); !strings.Contains(body, "Kies wie u bent") {
			t.Error("the bar does not speak Dutch")
		}
	})

	t.Run("signs in through the exchange", func(t *testing.T) {
		if name := v.me(); name != "" {
			t.Fatalf("%s is signed in already", name)
		}
		if _, body := v.post("/demo/enter", form, url.Values{"player": {"ana"}}.Encode()); !strings.Contains(body, `aria-current="true"`) {
			t.Error("the bar does not say who is signed in")
		}
		if name := v.me(); name != w.Police.Custodian.Name {
			t.Fatalf("signed in is %q", name)
		}
		if saved < 2 {
			t.Error("the key's counter was not kept")
		}
		v.post("/demo/enter", form, "player=")
		if name := v.me(); name != "" {
			t.Errorf("%s is still signed in", name)
		}
		if resp, _ := v.post("/demo/enter", form, "player=mallory"); resp.StatusCode != 404 {
			t.Errorf("mallory: %s", resp.Status)
		}
		if resp, _ := v.post("/demo/enter", form, "player=op", "Sec-Fetch-Site", "cross-site"); resp.StatusCode != 403 {
			t.Errorf("from another site: %s", resp.Status)
		}
	})

	t.Run("answers passkey requests of pages", func(t *testing.T) {
		v.post("/demo/enter", form, "player=ana")
		item, act := w.Accepted.Items[0], "01jd7v0q3x8m2c4n6p8r0t2v4x"
		resp, body := v.post("/api/v1/items/"+item+"/view", "application/json", "{}", "Porchlight-Act", act)
		var asked struct{ Options json.RawMessage }
		if err := json.Unmarshal([]byte(body), &asked); err != nil || resp.StatusCode != 401 {
			t.Fatalf("%s %s", resp.Status, body)
		}
		ask := func(player string) (int, string) {
			in, err := json.Marshal(map[string]any{"player": player, "options": asked.Options})
			if err != nil {
				t.Fatal(err)
			}
			resp, body := v.post("/demo/get", "application/json", string(in))
			return resp.StatusCode, body
		}
		if status, _ := ask("op"); status != 404 {
			t.Errorf("the operator's key answered for the custodian: %d", status)
		}
		status, answer := ask("")
		if status != 200 || !strings.Contains(answer, `"signature"`) {
			t.Errorf("%d %s", status, answer)
		}
		if status, _ := ask("ana"); status != 200 {
			t.Errorf("%d", status)
		}
	})

	t.Run("makes a key for whoever enrols", func(t *testing.T) {
		options := `{"options":{"rp":{"id":"localhost","name":"x"},"user":{"id":"AAAA","name":"vis","displayName":"Vera Visitor"},"challenge":"AAAA","pubKeyCredParams":[{"type":"public-key","alg":-7}],"extensions":{"prf":{"eval":{"first":"AAAA"}}}}}`
		resp, body := v.post("/demo/create", "application/json", options)
		var made struct {
			Extensions struct {
				PRF struct{ Results struct{ First string } }
			} `json:"clientExtensionResults"`
		}
		if err := json.NewDecoder(bytes.NewReader([]byte(body))).Decode(&made); err != nil || made.Extensions.PRF.Results.First == "" {
			t.Fatalf("%s %s", resp.Status, body)
		}
		if _, page := v.get("/", "text/html"); !strings.Contains(page, "Vera Visitor") {
			t.Error("she is not in the bar")
		}
	})
}

// What serves real people answers nothing below /demo/ and shows no bar.
func testServeKnowsNoDemo(t *testing.T, w *testworld.World) {
	v := visit{t, w.URL, http.DefaultClient}
	for _, path := range []string{"/demo/", "/demo/bar.js", "/demo/bar.css", "/demo/clips/x.mp4", "/demo/house"} {
		if resp, _ := v.get(path, "*/*"); resp.StatusCode != 404 {
			t.Errorf("GET %s: %s", path, resp.Status)
		}
	}
	for _, path := range []string{"/demo/enter", "/demo/get", "/demo/create"} {
		if resp, _ := v.post(path, "application/json", "{}"); resp.StatusCode != 404 && resp.StatusCode != 405 {
			t.Errorf("POST %s: %s", path, resp.Status)
		}
	}
	for _, path := range []string{"/", "/signin"} {
		if _, body := v.get(path, "text/html"); strings.Contains(strings.ToLower(body), "demo-bar") {
			t.Errorf("%s shows the bar", path)
		}
	}
}
