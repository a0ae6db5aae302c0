package web_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"porchlight/exchange"
	"porchlight/gate"
	"porchlight/internal/actor"
	"porchlight/internal/softkey"
	"porchlight/internal/testworld"
	"porchlight/web"
)

// hostile is a town under attack: everything its server logs and answers is
// looked through for what must stay inside.
type hostile struct {
	*testworld.World
	t       *testing.T
	logs    *safeBuffer
	clock   testworld.Clock   // the server's
	secrets map[string]string // what must appear nowhere, by what it is
	routes  []string
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newHostile(t *testing.T) *hostile {
	t.Parallel()
	h := &hostile{t: t, logs: &safeBuffer{}}
	h.World = testworld.Start(t, func(c *exchange.Config) {
		c.Logger = slog.New(slog.NewJSONHandler(h.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c.Now = h.clock.Now
	})
	key, err := os.ReadFile(filepath.Join(h.Config.Dir, "ledger.key"))
	check(t, err)
	h.secrets = map[string]string{
		"ledger key": strings.TrimSpace(string(key)), "capability": h.Accepted.Capability().Get("Authorization"), "link": base64.RawURLEncoding.EncodeToString(h.Accepted.Secret),
		"upload token": base64.RawURLEncoding.EncodeToString(h.Accepted.Upload), "session": h.session(h.Police.Custodian),
		"case number": testworld.Case, "item": h.Accepted.Items[0], "another item": h.Pending.Items[0], "mail": "ann@resident.example",
	}
	routes := server(t, h.World).Access()
	h.routes = slices.Sorted(maps.Keys(routes))
	t.Cleanup(func() {
		logs := h.logs.String()
		for what, secret := range h.secrets {
			if strings.Contains(logs, secret) {
				t.Errorf("the log shows a %s", what)
			}
		}
		for _, more := range []string{testworld.Narrative, "127.0.0.1", "[::1]", "Bearer", "handler panicked", "request failed"} {
			if i := strings.Index(logs, more); i >= 0 {
				t.Errorf("the log shows %q: %s", more, logs[max(0, i-200):min(len(logs), i+600)])
			}
		}
		if !strings.Contains(logs, "GET /api/v1/agencies/{ori}") {
			t.Error("the log shows no routes: is it looked at?")
		}
	})
	return h
}

func (h *hostile) session(p *actor.Person) string {
	req, err := http.NewRequest("GET", h.URL, nil)
	check(h.t, err)
	for _, c := range p.HTTP.Jar.Cookies(req.URL) {
		if c.Name == "porchlight_session" {
			return c.Value
		}
	}
	h.t.Fatal("no session")
	return ""
}

// attack is one request and the statuses that are a sensible answer.
type attack struct {
	name, method, path string
	header             http.Header
	body               string
	want               []int
}

// reply is what came back.
type reply struct {
	status int
	header http.Header
	body   string
	web.Problem
}

// do sends an attack with somebody's session (nil: nobody's) and checks what
// holds for every answer: no failure of the server, an error is a problem, and
// nothing secret stands in it.
func (h *hostile) do(p *actor.Person, a attack) (r reply) {
	h.t.Helper()
	req, err := http.NewRequest(a.method, h.URL, strings.NewReader(a.body))
	check(h.t, err)
	req.URL.Opaque = strings.TrimPrefix(h.URL, "http:") + a.path // as it is
	if strings.Contains(a.path, "?") {
		req.URL.Opaque, req.URL.RawQuery, _ = strings.Cut(req.URL.Opaque, "?")
	}
	if a.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	maps.Copy(req.Header, a.header)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if p != nil {
		req.AddCookie(&http.Cookie{Name: "porchlight_session", Value: h.session(p)})
	}
	res, err := client.Do(req)
	if err != nil {
		h.t.Errorf("%s %s %.80s: %v", a.name, a.method, a.path, err)
		return r
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	check(h.t, err)
	r.status, r.header, r.body = res.StatusCode, res.Header, string(body)
	where := fmt.Sprintf("%s: %s %.80s: %d", a.name, a.method, a.path, r.status)
	if r.status >= 500 && r.status != http.StatusNotImplemented {
		h.t.Errorf("%s %.300s", where, r.body)
	}
	if a.want != nil && !slices.Contains(a.want, r.status) {
		h.t.Errorf("%s, want %v: %.300s", where, a.want, r.body)
	}
	if r.status >= 400 && strings.HasPrefix(a.path, "/api/") && a.method != "HEAD" {
		if ct := r.header.Get("Content-Type"); ct != "application/problem+json" {
			h.t.Errorf("%s is no problem but %s: %.100s", where, ct, r.body)
		} else if err := json.Unmarshal(body, &r.Problem); err != nil || r.Problem.Status != r.status || r.Title == "" || !strings.HasPrefix(r.Type, "/problems/") {
			h.t.Errorf("%s: %v %+v", where, err, r.Problem)
		}
	}
	if r.header.Get("X-Injected") != "" {
		h.t.Errorf("%s: a header was injected", where)
	}
	if r.status >= 400 {
		for what, secret := range h.secrets {
			if strings.Contains(r.body, secret) && !strings.Contains(a.body+a.path, secret) {
				h.t.Errorf("%s shows a %s", where, what)
			}
		}
	}
	return r
}

// unchanged fails when f changes anything that is stored, or the ledger.
func (h *hostile) unchanged(what string, f func()) {
	h.t.Helper()
	before := storeState(h.t, h.X)
	from, err := h.X.Log.Size(h.t.Context())
	check(h.t, err)
	f()
	size, err := h.X.Log.Size(h.t.Context())
	check(h.t, err)
	if size != from {
		h.t.Errorf("%s left %d entries", what, size-from)
	}
	for table, rows := range storeState(h.t, h.X) {
		if rows != before[table] {
			h.t.Errorf("%s changed %s", what, table)
		}
	}
}

var parameter = regexp.MustCompile(`\{[a-z]+(\.\.\.)?\}`)

// api are the operations that take JSON, as method and path with every
// parameter filled in. Signing out is left out: it would end the attack.
func (h *hostile) api(fill string) (out [][2]string) {
	for _, r := range h.routes {
		method, path, ok := strings.Cut(r, " ")
		if ok && strings.HasPrefix(path, "/api/v1/") && path != "/api/v1/signout" {
			out = append(out, [2]string{method, parameter.ReplaceAllLiteralString(path, fill)})
		}
	}
	return out
}

// credentials are all at once: what comes with them gets as far as it can.
func (h *hostile) credentials() http.Header {
	head := h.Accepted.Capability()
	head.Set("Upload-Token", base64.RawURLEncoding.EncodeToString(h.Accepted.Upload))
	head.Set("Porchlight-Act", gate.NewActID())
	return head
}

// A 403 here is that of a role that may not read; an act refused by the rules
// would leave an entry.
var refusals = []int{400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 423}

func TestHostileBodies(t *testing.T) {
	h := newHostile(t)
	bodies := map[string]string{
		"truncated": `{"reason": "x`, "list": `[1,2,3]`, "text": `"reason"`, "null": `null`, "number": `42`, "empty": ` `,
		"oversize": `{"reason":"` + strings.Repeat("a", 2<<20) + `"}`, "nested lists": strings.Repeat("[", 200_000),
		"nested objects": strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000), "wrong types": `{"reason":{},"token":[],"name":1,"area":"x","sealed":7,"id":{},"case":false,"to":[1],"body":null,"recipient":0,"accept":"yes","cell":1,"endpoint":2,"verdict":{},"form":3,"hold":[],"from":9}`,
		"no UTF-8": "{\"reason\":\"\xff\xfe\"}x", "NUL": "{\"reason\":\"\x00\"}", "huge number": `{"expires":1e400,"reason":1e400,"token":1e400}`,
		"two documents": `{"reason":""}{"reason":""}`, "prototype": `{"__proto__":{"role":"operator"},"constructor":1}`,
	}
	h.unchanged("a hostile body", func() {
		for _, op := range h.api("x") {
			if op[0] != "POST" || op[1] == "/api/v1/signin/begin" {
				continue
			}
			for name, body := range bodies {
				h.do(h.Police.Admin, attack{name: name, method: op[0], path: op[1], header: h.credentials(), body: body, want: refusals})
			}
			for _, typ := range []string{"text/plain", "application/xml", "multipart/form-data", "application/json; charset=x; charset=y", "*/*"} {
				h.do(h.Police.Admin, attack{name: typ, method: op[0], path: op[1], header: with2(h.credentials(), "Content-Type", typ), body: `{"reason":`, want: refusals})
			}
		}
	})
}

func with2(h http.Header, key, value string) http.Header {
	h.Set(key, value)
	return h
}

func TestHostilePolygons(t *testing.T) {
	h := newHostile(t)
	ring := func(points string) string { return `{"type":"Polygon","coordinates":[[` + points + `]]}` }
	polygons := map[string]string{
		"10^5 points":         ring(strings.Repeat("[0,0],", 100_000) + "[0,0]"),
		"10^5 long points":    ring(strings.Repeat("[-89.6512345,39.7512345],", 100_000) + "[0,0]"),
		"self-crossing":       ring("[-89.65,39.75],[-89.64,39.76],[-89.64,39.75],[-89.65,39.76],[-89.65,39.75]"),
		"touching itself":     ring("[-89.65,39.75],[-89.64,39.75],[-89.645,39.755],[-89.64,39.76],[-89.65,39.76],[-89.645,39.755],[-89.65,39.75]"),
		"antimeridian":        ring("[179.99,10],[-179.99,10],[-179.99,10.01],[179.99,10.01],[179.99,10]"),
		"beyond 180":          ring("[179.99,10],[180.01,10],[180.01,10.01],[179.99,10.01],[179.99,10]"),
		"beyond the pole":     ring("[0,89.9],[1,91],[1,89.9],[0,89.9]"),
		"open":                ring("[-89.65,39.75],[-89.64,39.75],[-89.64,39.76]"),
		"a line":              ring("[-89.65,39.75],[-89.64,39.75],[-89.63,39.75],[-89.65,39.75]"),
		"a point":             ring("[-89.65,39.75],[-89.65,39.75],[-89.65,39.75],[-89.65,39.75]"),
		"three numbers":       ring("[-89.65,39.75,3],[-89.64,39.75,3],[-89.64,39.76,3],[-89.65,39.75,3]"),
		"one number":          ring("[-89.65],[-89.64],[-89.64],[-89.65]"),
		"nulls":               ring("[null,null],[null,null],[null,null],[null,null]"),
		"text":                ring(`["a","b"],["a","b"],["a","b"],["a","b"]`),
		"two rings":           `{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]],[[0,0],[1,0],[1,1],[0,0]]]}`,
		"no rings":            `{"type":"Polygon","coordinates":[]}`,
		"null ring":           `{"type":"Polygon","coordinates":null}`,
		"the whole world":     ring("[-180,-90],[180,-90],[180,90],[-180,90],[-180,-90]"),
		"another type":        `{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,0]]]]}`,
		"overflowing numbers": ring("[1e308,1e308],[-1e308,1e308],[1e308,-1e308],[1e308,1e308]"),
	}
	h.unchanged("a hostile polygon", func() {
		for name, area := range polygons {
			draft := map[string]any{}
			b, err := json.Marshal(testworld.Draft("26-100"))
			check(t, err)
			check(t, json.Unmarshal(b, &draft))
			draft["area"] = json.RawMessage(area)
			b, err = json.Marshal(draft)
			check(t, err)
			h.do(h.Police.Requester, attack{name: name, method: "POST", path: "/api/v1/requests", header: h.credentials(), body: string(b), want: []int{400, 413, 422}})
			_, inv := actor.Invitation()
			b, err = json.Marshal(map[string]any{"ori": "IL0160999", "name": "New", "kind": "county", "state": "IL", "contact": "x", "admin": "Ann",
				"token_hash": inv.TokenHash, "expires": inv.Expires, "jurisdiction": json.RawMessage(area)})
			check(t, err)
			h.do(h.Operator, attack{name: name, method: "POST", path: "/api/v1/agencies", header: h.credentials(), body: string(b), want: []int{400, 413, 422}})
		}
	})
}

func TestHostilePaths(t *testing.T) {
	h := newHostile(t)
	tricks := []string{
		"..%2f..%2fledger.key", "%2e%2e%2f%2e%2e%2fledger.key", "..%5c..%5cledger.key", "a%00b", "%00", "%ff%fe", "a%2fb", "%2f", "%252e%252e%252f",
		strings.Repeat("a", 5000), "%0d%0aX-Injected:%201", "'%20OR%201=1--", "*", "%25", "-1", "18446744073709551616", "9223372036854775808", "0x1", "1e3", "%e2%80%ae", ";a=b",
	}
	h.unchanged("a hostile path", func() {
		for _, r := range h.routes {
			method, path, ok := strings.Cut(r, " ")
			if !ok || !parameter.MatchString(path) || strings.Contains(path, "rest...") || path == "/r/{id}/share" || path == "/pets/{post}/seen" {
				continue // the app's shell is the same for every path
			}
			for _, trick := range tricks {
				p := parameter.ReplaceAllLiteralString(path, trick)
				h.do(h.Police.Custodian, attack{name: "path", method: method, path: p, header: h.credentials(), body: map[bool]string{true: `{"reason":""}`}[method == "POST"],
					want: append([]int{301, 307, 303}, refusals...)})
			}
		}
		for _, prefix := range []string{"/log/tile/", "/log/", "/feed/v1/", "/static/", "/assets/", "/map/", "/api/v1/uploads/", "/ledger/", "/.well-known/", "/"} {
			for _, trick := range append(tricks, "../../ledger.key", "..%2fledger.key", "../../../../../../../../etc/passwd", "%2e%2e/%2e%2e/ledger.key", ".state/treeState", "../.state/treeState", "./checkpoint/../../ledger.key") {
				r := h.do(h.Police.Custodian, attack{name: "file", method: "GET", path: prefix + trick, header: h.credentials()})
				if strings.Contains(r.body, "root:x:0") || strings.Contains(r.body, "PRIVATE+KEY") {
					t.Errorf("%s%s: a file of the machine", prefix, trick)
				}
				if r.status == 200 && prefix != "/" {
					t.Errorf("%s%s: %d %.60s", prefix, trick, r.status, r.body)
				}
			}
		}
	})
}

func TestOtherSites(t *testing.T) {
	h := newHostile(t)
	h.unchanged("another site", func() {
		for _, r := range h.routes {
			method, path, ok := strings.Cut(r, " ")
			if !ok {
				method, path = "POST", r
			}
			if method == "GET" || path == "/" || path == "/api/" {
				continue
			}
			path = parameter.ReplaceAllLiteralString(path, "x")
			for name, from := range map[string]http.Header{
				"cross-site": {"Sec-Fetch-Site": {"cross-site"}}, "same-site": {"Sec-Fetch-Site": {"same-site"}},
				"origin": {"Origin": {"https://evil.example"}}, "null origin": {"Origin": {"null"}}, "other port": {"Origin": {"http://localhost:1"}},
				"form": {"Origin": {"https://evil.example"}, "Content-Type": {"application/x-www-form-urlencoded"}},
			} {
				for _, m := range []string{method, "PUT", "PATCH", "DELETE"} {
					head := h.credentials()
					maps.Copy(head, from)
					r := h.do(h.Police.Custodian, attack{name: name, method: m, path: path, header: head, body: `{}`, want: []int{403}})
					if r.status == 403 && !strings.Contains(r.body, "/problems/cross-origin") {
						t.Errorf("%s %s from %s: %s", m, path, name, r.body)
					}
				}
			}
		}
	})
}

func TestMethods(t *testing.T) {
	h := newHostile(t)
	h.unchanged("another method", func() {
		for _, op := range h.api("x") {
			for _, m := range []string{"PUT", "PATCH", "DELETE", "GET", "POST", "BREW", "TRACE"} {
				if slices.Contains(h.routes, m+" "+op[1]) || slices.ContainsFunc(h.api("x"), func(o [2]string) bool { return o == [2]string{m, op[1]} }) || strings.HasPrefix(op[1], "/api/v1/uploads") {
					continue
				}
				r := h.do(h.Police.Custodian, attack{name: "method", method: m, path: op[1], header: h.credentials(), want: []int{405, 404, 422}})
				if r.status == 405 && r.header.Get("Allow") == "" {
					t.Errorf("%s %s: no Allow", m, op[1])
				}
			}
			h.do(h.Police.Custodian, attack{name: "override", method: "GET", path: op[1], header: with2(h.credentials(), "X-HTTP-Method-Override", "POST")})
		}
	})
}

// signed asks for an act and returns the challenge.
func (h *hostile) challenge(p *actor.Person, path, act, body string) reply {
	h.t.Helper()
	r := h.do(p, attack{name: "challenge", method: "POST", path: path, header: http.Header{"Porchlight-Act": {act}}, body: body, want: []int{401}})
	if r.Type != "/problems/signature-required" {
		h.t.Fatalf("%+v", r.Problem)
	}
	return r
}

func (h *hostile) answer(p *actor.Person, path, act, body string, assertion []byte, want ...int) reply {
	h.t.Helper()
	return h.do(p, attack{name: "answer", method: "POST", path: path, body: body, want: want,
		header: http.Header{"Porchlight-Act": {act}, "Porchlight-Assertion": {base64.RawURLEncoding.EncodeToString(assertion)}}})
}

func TestPasskeyAttacks(t *testing.T) {
	h := newHostile(t)
	cara, ivan := h.Police.Custodian, h.Sheriff.Investigator
	path, body := "/api/v1/items/"+h.Accepted.Items[0]+"/view", `{}`
	first, second := gate.NewActID(), gate.NewActID()

	// An answer belongs to its act, its person and its time.
	q := h.challenge(cara, path, first, body)
	signed, err := cara.Sign(&q.Problem)
	check(t, err)
	h.unchanged("a wrong answer", func() {
		q2 := h.challenge(cara, path, second, body)
		for name, wrong := range map[string][]byte{"of another act": signed, "empty": []byte(`{}`), "garbage": []byte("\x00\x01"), "null": []byte("null")} {
			if r := h.answer(cara, path, second, body, wrong, 401); r.Type != "/problems/passkey" {
				t.Errorf("%s: %s", name, r.Type)
			}
		}
		if others, err := ivan.Key.Get(q2.Options, h.URL); err == nil {
			h.answer(cara, path, second, body, others, 401)
		}
		if other, err := cara.Key.Get(q2.Options, "http://localhost:1"); err == nil { // from another page
			public, _, err := softkey.Split(other)
			check(t, err)
			h.answer(cara, path, second, body, public, 401)
		}
		full, err := cara.Key.Get(q2.Options, h.URL) // with its secret left in
		check(t, err)
		h.answer(cara, path, second, body, full, 401)
		h.do(cara, attack{name: "no base64", method: "POST", path: path, body: body, header: http.Header{"Porchlight-Act": {second}, "Porchlight-Assertion": {"%%%"}}, want: []int{400}})
		for _, id := range []string{"x", strings.ToUpper(first), strings.Repeat("z", 26), "../../../../../../../../..", "01jd7v0q3x8m2c4n6p8r0t2v4u"} {
			h.do(cara, attack{name: "act id", method: "POST", path: path, body: body, header: http.Header{"Porchlight-Act": {id}}, want: []int{400, 422}})
		}
	})
	done := h.answer(cara, path, first, body, signed, 200)
	h.unchanged("a replayed answer", func() {
		if again := h.answer(cara, path, first, body, signed, 200); again.header.Get("Porchlight-Entry") != done.header.Get("Porchlight-Entry") {
			t.Error("a repeat is another act")
		}
		h.answer(cara, path, first, `{"purpose":"another"}`, signed, 409)
		h.answer(h.Police.Investigator, path, first, body, signed, 409) // somebody else, the same act id
		third := gate.NewActID()
		h.challenge(cara, path, third, body)
		h.answer(cara, path, third, body, signed, 401)
	})

	// Too late, by the server's clock; the client's own clock does not matter.
	late := gate.NewActID()
	q = h.challenge(cara, path, late, body)
	signed, err = cara.Sign(&q.Problem)
	check(t, err)
	h.clock.Sleep(6 * time.Minute)
	h.unchanged("a late answer", func() {
		if r := h.answer(cara, path, late, body, signed, 401); r.Type != "/problems/signature-required" || r.Nonce == q.Nonce {
			t.Errorf("a late answer: %+v", r.Problem)
		}
	})
	for name, id := range map[string]string{"1970": "00000000000000000000000001", "10889": "7zzzzzzzzzzzzzzzzzzzzzzzzz"} {
		q = h.challenge(cara, path, id, body)
		signed, err = cara.Sign(&q.Problem)
		check(t, err)
		if r := h.answer(cara, path, id, body, signed, 200); r.status != 200 {
			t.Errorf("a client in %s cannot act", name)
		}
	}

	// Signing in: once, and in time.
	begin := func() json.RawMessage {
		var o web.PasskeyOptions
		r := h.do(nil, attack{name: "begin", method: "POST", path: "/api/v1/signin/begin", want: []int{200}})
		check(t, json.Unmarshal([]byte(r.body), &o))
		return o.Options
	}
	respond := func(k *softkey.Key, options json.RawMessage) string {
		answer, err := k.Get(options, h.URL)
		check(t, err)
		public, _, err := softkey.Split(answer)
		check(t, err)
		return `{"response":` + string(public) + `}`
	}
	signIn := func(body string, want int) reply {
		return h.do(nil, attack{name: "sign in", method: "POST", path: "/api/v1/signin", body: body, want: []int{want}})
	}
	once := respond(cara.Key, begin())
	signIn(once, 200)
	signIn(once, 401)
	tooLate := begin()
	h.clock.Sleep(11 * time.Minute)
	signIn(respond(cara.Key, tooLate), 401)
	stranger := softkey.New()
	if _, err := stranger.Get(begin(), h.URL); err == nil {
		t.Error("an unknown key answers")
	}

	// A copy of a passkey is noticed when both are used, and then neither works.
	clone := ivan.Key.Clone()
	signIn(respond(ivan.Key, begin()), 200)
	if r := signIn(respond(clone, begin()), 401); !strings.Contains(r.Title, "copy") {
		t.Errorf("a clone: %+v", r.Problem)
	}
	signIn(respond(ivan.Key, begin()), 401)
	h.do(ivan, attack{name: "a cloned passkey's session", method: "GET", path: "/api/v1/items", want: []int{401}})

	// A session nobody uses ends.
	h.clock.Sleep(31 * time.Minute)
	h.do(cara, attack{name: "an idle session", method: "GET", path: "/api/v1/items", want: []int{401}})
}

func TestStolenTokens(t *testing.T) {
	h := newHostile(t)
	a := h.Pending
	capability, uploadToken, session := a.Capability().Get("Authorization"), base64.RawURLEncoding.EncodeToString(a.Upload), h.session(h.Police.Custodian)
	bare := strings.TrimPrefix(capability, "Capability ")
	h.unchanged("a token in a wrong place", func() {
		for name, head := range map[string]http.Header{
			"bearer": {"Authorization": {"Bearer " + bare}}, "no scheme": {"Authorization": {bare}}, "lower case": {"Authorization": {"capability " + bare}},
			"upload token": {"Authorization": {"Capability " + uploadToken}}, "session": {"Authorization": {"Capability " + session}},
			"link": {"Authorization": {"Capability " + base64.RawURLEncoding.EncodeToString(a.Secret)}}, "two": {"Authorization": {"Capability " + bare + " " + bare}},
			"padding": {"Authorization": {"Capability " + bare + "="}}, "cut": {"Authorization": {"Capability " + bare[:40]}}, "empty": {"Authorization": {"Capability "}},
			"none": {}, "cookie": {"Cookie": {"Authorization=" + bare}}, "upload header": {"Upload-Token": {bare}}, "long": {"Authorization": {"Capability " + strings.Repeat("A", 100_000)}},
		} {
			head.Set("Porchlight-Act", gate.NewActID())
			for _, op := range [][2]string{{"GET", "/api/v1/clips"}, {"POST", "/api/v1/clips/" + a.Items[0] + "/withdraw"}, {"GET", "/api/v1/clips/" + a.Items[0] + "/receipts/1"}} {
				h.do(nil, attack{name: name, method: op[0], path: op[1], header: head, want: []int{401, 404, 422}})
			}
			tus := head.Clone()
			tus.Set("Tus-Resumable", "1.0.0")
			tus.Set("Upload-Length", "1000")
			h.do(nil, attack{name: name, method: "POST", path: "/api/v1/uploads", header: tus, want: []int{404}})
		}
		h.do(nil, attack{name: "query", method: "GET", path: "/api/v1/clips?token=" + bare + "&authorization=" + bare, want: []int{422}})
		h.do(nil, attack{name: "query", method: "GET", path: "/api/v1/items?porchlight_session=" + session, want: []int{401}})
		for _, cookie := range []string{bare, uploadToken, session + "x", session[:20], strings.Repeat("A", 8000), "", "'; --"} {
			h.do(nil, attack{name: "cookie", method: "GET", path: "/api/v1/items", header: http.Header{"Cookie": {"porchlight_session=" + cookie}}, want: []int{401}})
		}
	})

	// A new link takes the old one's power.
	hash := sha256.Sum256(make([]byte, 32))
	body, err := json.Marshal(web.NewLink{OwnerHash: hash[:], Recipient: "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"})
	check(t, err)
	h.do(nil, attack{name: "relink", method: "POST", path: "/api/v1/clips/relink", header: with2(a.Capability(), "Porchlight-Act", gate.NewActID()), body: string(body), want: []int{200}})
	h.unchanged("a stolen link", func() {
		for _, op := range [][2]string{{"GET", "/api/v1/clips"}, {"POST", "/api/v1/clips/" + a.Items[0] + "/withdraw"}, {"GET", "/api/v1/clips/" + a.Items[0] + "/receipts/1"},
			{"POST", "/api/v1/clips/relink"}} {
			h.do(nil, attack{name: "after relink", method: op[0], path: op[1], header: with2(a.Capability(), "Porchlight-Act", gate.NewActID()), body: string(body), want: []int{404}})
		}
	})
	h.do(nil, attack{name: "the new link", method: "GET", path: "/api/v1/clips", header: http.Header{"Authorization": {"Capability " + base64.RawURLEncoding.EncodeToString(make([]byte, 32))}}, want: []int{200}})
}

func TestHostileUploadsAndRanges(t *testing.T) {
	h := newHostile(t)
	tus := func(pairs ...string) http.Header {
		head := http.Header{"Tus-Resumable": {"1.0.0"}, "Upload-Token": {base64.RawURLEncoding.EncodeToString(h.Accepted.Upload)}}
		for i := 0; i < len(pairs); i += 2 {
			head.Set(pairs[i], pairs[i+1])
		}
		return head
	}
	h.unchanged("a hostile upload", func() {
		for _, length := range []string{"-1", "0", "10", "x", "", "1e3", "+5000", "99999999999999999999", "9223372036854775807", " 5000 x"} {
			h.do(nil, attack{name: "length " + length, method: "POST", path: "/api/v1/uploads", header: tus("Upload-Length", length), want: []int{400, 413, 422}})
		}
		for _, meta := range []string{"a a,a a", "a ***", ", ,", strings.Repeat("x", 5000)} {
			h.do(nil, attack{name: "metadata", method: "POST", path: "/api/v1/uploads", header: tus("Upload-Length", "5000", "Upload-Metadata", meta), want: []int{400}})
		}
		h.do(nil, attack{name: "version", method: "POST", path: "/api/v1/uploads", header: with2(tus("Upload-Length", "5000"), "Tus-Resumable", "0.2.2"), want: []int{412}})
		h.do(nil, attack{name: "method", method: "PUT", path: "/api/v1/uploads/x", header: tus(), want: []int{405}})
		h.do(nil, attack{name: "override", method: "POST", path: "/api/v1/uploads/" + h.Accepted.Items[0], header: tus("X-HTTP-Method-Override", "DELETE"), want: []int{404}}) // shared already
		h.do(nil, attack{name: "shared", method: "PATCH", path: "/api/v1/uploads/" + h.Accepted.Items[0], header: tus("Upload-Offset", "0", "Content-Type", "application/offset+octet-stream"), body: "x", want: []int{404}})
	})

	// Ranges of a payload: at most what it is, and a little.
	var o web.OpenedItem
	_, err := h.Police.Custodian.Act(t.Context(), "/items/"+h.Accepted.Items[0]+"/view", web.ViewInput{}, &o)
	check(t, err)
	h.unchanged("a range", func() {
		for _, ranges := range []string{
			"bytes=0-0", "bytes=" + strings.Repeat("0-0,", 5000) + "0-0", "bytes=0-," + strings.Repeat("0-,", 1000) + "0-", "bytes=-1", "bytes=5-2", "bytes=99999999999999999999-", "bytes=99999999-",
			"bytes=-99999999999999999999", "bytes=a-b", "lines=1-2", "bytes=", "bytes=--1", "bytes=0-0;1-1",
		} {
			r := h.do(h.Police.Custodian, attack{name: "range " + ranges[:min(20, len(ranges))], method: "GET", path: "/api/v1/views/" + o.Act + "/payload", header: http.Header{"Range": {ranges}}})
			if !slices.Contains([]int{200, 206, 416}, r.status) || int64(len(r.body)) > o.PayloadSize+1<<20 {
				t.Errorf("%.40s: %d, %d bytes", ranges, r.status, len(r.body))
			}
		}
	})
}

func TestHeadersCannotBeInjected(t *testing.T) {
	h := newHostile(t)
	h.unchanged("a hostile header", func() {
		for _, back := range []string{"//evil.example", "https://evil.example", `/\evil.example`, "/%0d%0aX-Injected: 1", "/\r\nX-Injected: 1", "javascript:alert(1)", "", "/ledger?lang=xx"} {
			form := "lang=en&theme=dark&back=" + strings.NewReplacer("%", "%25", "\r", "%0d", "\n", "%0a", "&", "%26").Replace(back)
			r := h.do(nil, attack{name: "back " + back, method: "POST", path: "/preferences", body: form, header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, want: []int{303}})
			if to := r.header.Get("Location"); !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n") {
				t.Errorf("back %q leads to %q", back, to)
			}
		}
		for _, token := range []string{"%0d%0aX-Injected:%201", "a%26b", "//evil.example", strings.Repeat("a", 9000)} {
			r := h.do(nil, attack{name: "token", method: "GET", path: "/api/v1/notices/unsubscribe?token=" + token, want: []int{303}})
			if !strings.HasPrefix(r.header.Get("Location"), "/notices#leave=") {
				t.Errorf("leads to %q", r.header.Get("Location"))
			}
		}
		// A strange host is not believed, and markup in a cookie is not shown.
		for _, page := range []string{"/", "/ledger", "/agencies/" + h.Police.ORI, "/.well-known/porchlight.json"} {
			r := h.raw("GET " + page + " HTTP/1.1\r\nHost: evil.example\r\nAccept-Language: \"><script>alert(1)</script>\r\nCookie: lang=\"><script>alert(1)</script>; theme=<b>\r\nX-Forwarded-Host: evil.example\r\n\r\n")
			if strings.Contains(r, "evil.example") || strings.Contains(r, "<script>alert") {
				t.Errorf("%s repeats what it was told: %.300s", page, r)
			}
		}
		for name, text := range map[string]string{
			"two lengths":        "POST /api/v1/signin HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\n{}",
			"bare CR":            "GET /api/v1/me HTTP/1.1\r\nHost: localhost\r\nX: a\rInjected: 1\r\n\r\n",
			"NUL":                "GET /api/v1/me HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
			"space before colon": "GET /api/v1/me HTTP/1.1\r\nHost: localhost\r\nX : a\r\n\r\n",
			"two hosts":          "GET /api/v1/me HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
			"bad chunk":          "POST /api/v1/signin HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
			"both framings":      "POST /api/v1/signin HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: xchunked\r\n\r\n{}",
		} {
			if r := h.raw(text); !strings.HasPrefix(r, "HTTP/1.1 4") && !strings.HasPrefix(r, "HTTP/1.1 501") {
				t.Errorf("%s: %.100s", name, r)
			}
		}
	})
}

// raw sends bytes as they are and returns what comes back, up to 64 KiB.
func (h *hostile) raw(text string) string {
	h.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(h.URL, "http://"))
	check(h.t, err)
	defer c.Close()
	check(h.t, c.SetDeadline(time.Now().Add(time.Minute)))
	_, err = io.WriteString(c, text)
	check(h.t, err)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return "HTTP/1.1 400 closed" // dropped without an answer
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	return fmt.Sprintf("HTTP/1.1 %d %v\n%s", res.StatusCode, res.Header, body)
}

// What is open ends with the share, with a suspension, and belongs to the
// session whose passkey opened it.
func TestOpenViewsEnd(t *testing.T) {
	h := newHostile(t)
	ctx := t.Context()
	cara, sam, item := h.Police.Custodian, h.Sheriff.Custodian, h.Accepted.Items[0]
	open := func(p *actor.Person) string {
		t.Helper()
		var o web.OpenedItem
		_, err := p.Act(ctx, "/items/"+item+"/view", web.ViewInput{Purpose: purposeOfShare}, &o)
		check(t, err)
		return "/api/v1/views/" + o.Act + "/payload"
	}
	look := func(p *actor.Person, path string, want int) {
		t.Helper()
		h.do(p, attack{name: p.Name, method: "GET", path: path, want: []int{want}})
	}
	check(t, cara.ShareItem(ctx, item, h.Sheriff.ORI, purposeOfShare, h.clock.Now().Add(48*time.Hour), true))
	theirs := open(sam)
	look(sam, theirs, 200)
	_, err := cara.Act(ctx, "/items/"+item+"/shares/end", web.UnshareInput{From: h.Sheriff.ORI}, nil)
	check(t, err)
	look(sam, theirs, 410)
	look(sam, "/api/v1/items/"+item, 404)

	// The act id stands in the ledger; another session of hers gets nothing for it.
	ours := open(cara)
	look(cara, ours, 200)
	other := actor.NewPerson(h.URL, "Cara elsewhere")
	other.Key = cara.Key
	check(t, other.SignIn(ctx))
	act := strings.Split(ours, "/")[4]
	body, err := json.Marshal(web.ViewInput{Purpose: purposeOfShare})
	check(t, err)
	h.unchanged("a repeat from another session", func() {
		look(other, ours, 410)
		h.do(other, attack{name: "repeat", method: "POST", path: "/api/v1/items/" + item + "/view", header: http.Header{"Porchlight-Act": {act}}, body: string(body), want: []int{410}})
	})
	h.do(cara, attack{name: "repeat", method: "POST", path: "/api/v1/items/" + item + "/view", header: http.Header{"Porchlight-Act": {act}}, body: string(body), want: []int{200}})

	_, err = h.Auditor.Act(ctx, "/agencies/"+h.Police.ORI+"/suspend", web.Reason{Reason: "no case numbers"}, nil)
	check(t, err)
	look(cara, ours, 410)
	for _, path := range []string{"/items", "/items/" + item, "/items/" + item + "/messages"} {
		look(cara, "/api/v1"+path, 403)
	}
	h.do(cara, attack{name: "repeat", method: "POST", path: "/api/v1/items/" + item + "/view", header: http.Header{"Porchlight-Act": {act}}, body: string(body), want: []int{410}})
}

// FuzzAPI throws bytes at the operations of the API: none may fail inside.
func FuzzAPI(f *testing.F) {
	f.Add(uint8(0), "x", []byte(`{}`))
	f.Add(uint8(7), "IL0160000", []byte(`{"reason":"x"}`))
	f.Add(uint8(20), "..%2f", []byte(`{"type":"Polygon","coordinates":[[[0,0]]]}`))
	f.Add(uint8(40), "01jd7v0q3x8m2c4n6p8r0t2v4x", []byte("[[[[[[[["))
	w := testworld.Start(f, nil)
	routes := server(f, w).Access()
	var api []string
	for _, r := range slices.Sorted(maps.Keys(routes)) {
		if strings.Contains(r, " /api/v1/") && !strings.HasSuffix(r, "/signout") {
			api = append(api, r)
		}
	}
	server := w.X.Handler()
	f.Fuzz(func(t *testing.T, op uint8, param string, body []byte) {
		method, path, _ := strings.Cut(api[int(op)%len(api)], " ")
		path = parameter.ReplaceAllStringFunc(path, func(string) string { return strings.ReplaceAll(urlEscape(param), "/", "%2F") })
		req, err := http.NewRequest(method, w.URL+path, bytes.NewReader(body))
		if err != nil {
			return
		}
		req.Header = w.Accepted.Capability()
		req.Header.Set("Upload-Token", base64.RawURLEncoding.EncodeToString(w.Accepted.Upload))
		req.Header.Set("Porchlight-Act", gate.NewActID())
		req.Header.Set("Content-Type", "application/json")
		for _, c := range w.Police.Custodian.HTTP.Jar.Cookies(req.URL) {
			req.AddCookie(c)
		}
		res := &status{header: http.Header{}}
		server.ServeHTTP(res, req)
		if res.code >= 500 {
			t.Errorf("%s %s: %d %s", method, path, res.code, res.body.String())
		}
	})
}

func urlEscape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, "%%%02X", c)
	}
	if b.Len() == 0 {
		return "x"
	}
	return b.String()
}

// status is a response of the fuzzed server.
type status struct {
	code   int
	header http.Header
	body   bytes.Buffer
}

func (s *status) Header() http.Header { return s.header }
func (s *status) WriteHeader(code int) {
	if s.code == 0 {
		s.code = code
	}
}
func (s *status) Write(b []byte) (int, error) { s.WriteHeader(200); return s.body.Write(b) }
