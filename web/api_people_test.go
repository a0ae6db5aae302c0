package web_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"porchlight/exchange"
	"porchlight/gate"
	"porchlight/identity"
	"porchlight/internal/agekey"
	"porchlight/internal/softkey"
)

const peopleSite = "http://localhost:21100"

// browser is one person's browser: cookies, a software passkey, and the client
// side of a signed act (docs/architecture.md).
type browser struct {
	t      testing.TB
	server http.Handler
	jar    *cookiejar.Jar
	key    *softkey.Key
	device string              // credential id, base64url
	own    *age.X25519Identity // device identity
}

func newBrowser(t testing.TB, server http.Handler) *browser {
	jar, err := cookiejar.New(nil)
	check(t, err)
	return &browser{t: t, server: server, jar: jar, key: softkey.New()}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// send makes one request and decodes its answer into out; it returns the status.
func (b *browser) send(method, path string, headers map[string]string, in, out any) int {
	b.t.Helper()
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		check(b.t, err)
		body = bytes.NewReader(data)
	}
	r := httptest.NewRequest(method, peopleSite+"/api/v1"+path, body)
	r.Header.Set("Content-Type", "application/json")
	for k, v := range headers {
		r.Header.Set(k, v)
	}
	for _, c := range b.jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	b.server.ServeHTTP(w, r)
	res := w.Result()
	b.jar.SetCookies(r.URL, res.Cookies())
	data, err := io.ReadAll(res.Body)
	check(b.t, err)
	if out != nil && len(data) > 0 {
		if err := json.Unmarshal(data, out); err != nil {
			b.t.Fatalf("%s %s: %d %s", method, path, res.StatusCode, data)
		}
	}
	return res.StatusCode
}

func (b *browser) get(path string, out any) int {
	b.t.Helper()
	return b.send("GET", path, nil, nil, out)
}

type problem struct {
	Type    string          `json:"type"`
	Detail  string          `json:"detail"`
	Nonce   string          `json:"nonce"`
	Act     string          `json:"act"`
	Options json.RawMessage `json:"options"`
	Rules   []struct {
		ID string `json:"id"`
	} `json:"rules"`
	Receipt string `json:"receipt"`
}

// act sends a signed act: once to be asked, once with the passkey's answer.
func (b *browser) act(path string, in, out any) (int, problem) {
	b.t.Helper()
	headers := map[string]string{"Porchlight-Act": gate.NewActID()}
	var raw json.RawMessage
	status := b.send("POST", path, headers, in, &raw)
	var p problem
	if status >= 400 {
		check(b.t, json.Unmarshal(raw, &p))
	}
	if p.Type == "/problems/signature-required" {
		nonce, err := base64.RawURLEncoding.DecodeString(p.Nonce)
		check(b.t, err)
		var options struct {
			Challenge string `json:"challenge"`
		}
		check(b.t, json.Unmarshal(p.Options, &options))
		sum := sha256.Sum256(append(nonce, p.Act...))
		if options.Challenge != base64.RawURLEncoding.EncodeToString(sum[:]) {
			b.t.Fatal("the challenge is not that of the act")
		}
		answer, err := b.key.Get(p.Options, peopleSite)
		check(b.t, err)
		public, _, err := softkey.Split(answer)
		check(b.t, err)
		headers["Porchlight-Assertion"] = base64.RawURLEncoding.EncodeToString(public)
		p = problem{}
		if status = b.send("POST", path, headers, in, &raw); status >= 400 {
			check(b.t, json.Unmarshal(raw, &p))
		}
	}
	if status < 400 && out != nil {
		check(b.t, json.Unmarshal(raw, out))
	}
	return status, p
}

func (b *browser) mustAct(path string, in, out any) {
	b.t.Helper()
	if status, p := b.act(path, in, out); status >= 400 {
		b.t.Fatalf("%s: %d %+v", path, status, p)
	}
}

// enrol goes through the enrolment page with an invitation's token.
func (b *browser) enrol(token string) {
	b.t.Helper()
	var e struct {
		Person  struct{ Name string }
		Options json.RawMessage
	}
	if status := b.send("POST", "/enrol/begin", nil, map[string]string{"token": token}, &e); status != 200 {
		b.t.Fatalf("opening the invitation: %d", status)
	}
	answer, err := b.key.Create(e.Options, peopleSite)
	check(b.t, err)
	public, prf, err := softkey.Split(answer)
	check(b.t, err)
	b.own, err = agekey.Identity(prf, agekey.Device)
	check(b.t, err)
	var added struct {
		Device string
		PRF    bool
	}
	if status := b.send("POST", "/enrol/passkey", nil, map[string]any{"token": token, "label": "Desk key", "response": json.RawMessage(public)}, &added); status != 200 || !added.PRF {
		b.t.Fatalf("adding the passkey: %d %+v", status, added)
	}
	b.device = added.Device
	var me map[string]any
	b.mustAct("/enrol", map[string]string{"token": token, "device": added.Device, "device_recipient": b.own.Recipient().String()}, &me)
	if me["person"] == nil || me["SetCookie"] != nil {
		b.t.Fatalf("enrolled: %v", me) // the session is the cookie's alone
	}
}

func (b *browser) signIn() int {
	b.t.Helper()
	var begun struct{ Options json.RawMessage }
	b.send("POST", "/signin/begin", nil, nil, &begun)
	answer, err := b.key.Get(begun.Options, peopleSite)
	check(b.t, err)
	public, _, err := softkey.Split(answer)
	check(b.t, err)
	return b.send("POST", "/signin", nil, map[string]any{"response": json.RawMessage(public)}, nil)
}

func wrapped(t testing.TB, secret string, to age.Recipient) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := age.Encrypt(&file, to)
	check(t, err)
	_, err = io.WriteString(w, secret)
	check(t, err)
	check(t, w.Close())
	return file.Bytes()
}

// invitation is a fresh token and what is sent of it.
func invitation() (token string, fields map[string]any) {
	token = identity.NewToken()
	hash := identity.TokenHash(token)
	return token, map[string]any{"token_hash": hash[:], "expires": time.Now().Add(24 * time.Hour).UTC()}
}

func with(a map[string]any, more map[string]any) map[string]any {
	for k, v := range more {
		a[k] = v
	}
	return a
}

var countyArea = json.RawMessage(`{"type":"Polygon","coordinates":[[[-89.7,39.7],[-89.6,39.7],[-89.6,39.8],[-89.7,39.8],[-89.7,39.7]]]}`)

// The people of an exchange, from init to a second custodian, over HTTP.
func TestPeopleOverHTTP(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	cfg := exchange.Config{Dir: filepath.Join(t.TempDir(), "x"), Name: "Elm County", BaseURL: peopleSite, State: "IL"}
	made, err := exchange.Init(ctx, cfg, countyArea)
	check(t, err)
	x, err := exchange.Open(ctx, cfg)
	check(t, err)
	defer func() { check(t, x.Close()) }()
	server := x.Handler()

	op := newBrowser(t, server)
	var me struct {
		Person *struct {
			ID, Name string
			Roles    []string
		}
		Agency *struct{ ORI, Status, Vault string }
		Device string
	}
	if status := op.get("/me", &me); status != 200 || me.Person != nil {
		t.Fatalf("me before enrolling: %d %+v", status, me)
	}
	_, token, _ := strings.Cut(made.OperatorLink, "#")
	op.enrol(token)
	if op.get("/me", &me); me.Person == nil || me.Person.Roles[0] != "operator" {
		t.Fatalf("me %+v", me)
	}

	// The link is used up.
	if status := newBrowser(t, server).send("POST", "/enrol/begin", nil, map[string]string{"token": token}, nil); status != http.StatusGone {
		t.Fatalf("used invitation: %d", status)
	}

	token, inv := invitation()
	agency := with(inv, map[string]any{"ori": "IL0160000", "name": "Millbrook Police", "kind": "municipal", "state": "IL",
		"contact": "555-0100", "jurisdiction": countyArea, "admin": "Ada Admin"})
	op.mustAct("/agencies", agency, nil)
	admin := newBrowser(t, server)
	admin.enrol(token)
	if status, _ := admin.act("/agencies/IL0160100/join", map[string]string{"contact": "x"}, nil); status != 404 {
		t.Fatalf("joining another agency: %d", status)
	}
	admin.mustAct("/agencies/IL0160000/join", map[string]string{"contact": "police@millbrook.example"}, nil)

	custodian := func(name string) *browser {
		token, inv := invitation()
		var invited struct{ Receipt string }
		admin.mustAct("/people", with(inv, map[string]any{"name": name, "agency": "IL0160000", "role": "custodian"}), &invited)
		if !strings.HasPrefix(invited.Receipt, "porchlight-receipt/v1\n") {
			t.Fatalf("receipt %q", invited.Receipt)
		}
		b := newBrowser(t, server)
		b.enrol(token)
		return b
	}
	cara, carl := custodian("Cara"), custodian("Carl")
	vault, err := age.GenerateX25519Identity()
	check(t, err)
	recovery, err := age.GenerateX25519Identity()
	check(t, err)
	recipient := vault.Recipient().String()
	cara.mustAct("/vault", map[string]any{"recipient": recipient, "device": cara.device,
		"wrapped": wrapped(t, vault.String(), cara.own.Recipient()), "recovery": wrapped(t, vault.String(), recovery.Recipient())}, nil)

	var public struct {
		Status, Contact string
		Vault           struct{ Recipient string }
	}
	if status := newBrowser(t, server).get("/agencies/IL0160000", &public); status != 200 || public.Vault.Recipient != recipient || public.Contact != "police@millbrook.example" {
		t.Fatalf("agency %d %+v", status, public)
	}

	var members []struct {
		Name    string
		Devices []struct {
			ID, Recipient string
			Opens         []string
		}
	}
	if status := cara.get("/people?agency=IL0160000", &members); status != 200 || len(members) != 3 {
		t.Fatalf("members %d %+v", status, members)
	}
	for _, m := range members {
		if slices.Contains(m.Devices[0].Opens, "evidence") != (m.Name == "Cara") {
			t.Fatalf("member %+v", m)
		}
	}
	if status := op.get("/people?agency=IL0160000", nil); status != 404 {
		t.Fatalf("the operator sees an agency's people: %d", status)
	}
	var proof struct{ Receipt string }
	if status := cara.get("/devices/"+carl.device+"/receipt", &proof); status != 200 || !strings.Contains(proof.Receipt, "\ndisclose device_recipient ") {
		t.Fatalf("device receipt %d %q", status, proof.Receipt)
	}
	if status := op.get("/devices/"+carl.device+"/receipt", nil); status != 404 {
		t.Fatalf("the operator proves an agency's device: %d", status)
	}
	cara.mustAct("/vault/grants", map[string]any{"vault": recipient, "device": carl.device, "wrapped": wrapped(t, vault.String(), carl.own.Recipient())}, nil)

	// Signed in again, Carl opens the vault with his device.
	carl2 := newBrowser(t, server)
	carl2.key = carl.key
	if status := carl2.signIn(); status != 200 {
		t.Fatalf("sign-in: %d", status)
	}
	var keys []struct {
		Device  string
		Wrapped []byte
	}
	if status := carl2.get("/vault/keys", &keys); status != 200 || len(keys) != 2 {
		t.Fatalf("keys %d %+v", status, keys)
	}
	r, err := age.Decrypt(bytes.NewReader(keys[1].Wrapped), carl.own)
	check(t, err)
	if secret, err := io.ReadAll(r); err != nil || string(secret) != vault.String() {
		t.Fatalf("the vault did not open: %v", err)
	}
	if status := newBrowser(t, server).get("/vault/keys", nil); status != 401 {
		t.Fatalf("keys without session: %d", status)
	}
	carl2.send("POST", "/signout", nil, nil, nil)
	if status := carl2.get("/vault/keys", nil); status != 401 {
		t.Fatalf("keys after signing out: %d", status)
	}

	// A refusal names its rule and proves itself.
	_, inv = invitation()
	status, p := cara.act("/people", with(inv, map[string]any{"name": "Eve", "agency": "IL0160000", "role": "custodian"}), nil)
	if status != 403 || p.Type != "/problems/refused" || len(p.Rules) == 0 || !strings.HasPrefix(p.Receipt, "porchlight-receipt/v1\n") {
		t.Fatalf("a custodian invited: %d %+v", status, p)
	}

	// The auditor suspends with a reason and reads on record.
	token, inv = invitation()
	op.mustAct("/people", with(inv, map[string]any{"name": "Olga", "role": "auditor"}), nil)
	olga := newBrowser(t, server)
	olga.enrol(token)
	if status, _ := olga.act("/agencies/IL0160000/suspend", map[string]string{"reason": ""}, nil); status != 403 {
		t.Fatalf("suspended without a reason: %d", status)
	}
	olga.mustAct("/agencies/IL0160000/suspend", map[string]string{"reason": "No case numbers."}, nil)
	if status, _ := olga.act("/agencies/IL0160000/suspend", map[string]string{"reason": "again"}, nil); status != 409 {
		t.Fatalf("suspended twice: %d", status)
	}
	if status, p := admin.act("/people", with(inv, map[string]any{"name": "Nora", "agency": "IL0160000", "role": "requester"}), nil); status != 403 || p.Rules[0].ID != "base.suspended" {
		t.Fatalf("a suspended agency invited: %d %+v", status, p)
	}
	olga.mustAct("/agencies/IL0160000/restore", map[string]string{"reason": "Trained."}, nil)
	var private struct {
		Action  string
		Private map[string]string
		Receipt string
	}
	olga.mustAct("/entries/1/private", map[string]string{"reason": "Yearly review."}, &private)
	if private.Action == "" || private.Private["at"] == "" || !strings.Contains(private.Receipt, "\ndisclose at ") {
		t.Fatalf("private %+v", private)
	}

	// Inputs that cannot be say where.
	_, inv = invitation()
	bad := with(inv, map[string]any{"ori": "IL0160200", "name": "X", "kind": "county", "state": "IL", "contact": "y", "admin": "Z",
		"jurisdiction": json.RawMessage(`{"type":"Polygon","coordinates":[[[0,0],[1,1],[1,0],[0,1],[0,0]]]}`)})
	status, p = op.act("/agencies", bad, nil)
	if status != 422 || !strings.Contains(p.Detail, "crosses") {
		t.Fatalf("self-crossing jurisdiction: %d %+v", status, p)
	}
	bad["ori"] = "nonsense"
	if status, _ = op.act("/agencies", bad, nil); status != 422 {
		t.Fatalf("bad ORI: %d", status)
	}

	// Removed: signed out at once.
	admin.get("/people?agency=IL0160000", &members)
	var people []struct{ ID, Name string }
	admin.get("/people?agency=IL0160000", &people)
	for _, m := range people {
		if m.Name == "Carl" {
			admin.mustAct("/people/"+m.ID+"/remove", nil, nil)
		}
	}
	if status := carl.get("/vault/keys", nil); status != 401 {
		t.Fatalf("removed, still in: %d", status)
	}
	if status := carl.signIn(); status != 401 {
		t.Fatalf("removed, signed in again: %d", status)
	}
}
