package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"porchlight/canvass"
	"porchlight/exchange"
	"porchlight/gate"
	"porchlight/ledger"
)

type requestView struct {
	ID, Agency, State, Narrative string
	AgencyName                   string `json:"agency_name"`
	Area                         json.RawMessage
	DecisionEntry                *uint64 `json:"decision_entry"`
	Inside                       *struct {
		Case, Reason string
		PostedBy     string `json:"posted_by"`
	}
}

// From an officer's draft to a resident's feed, over HTTP.
func TestRequestsOverHTTP(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	cfg := exchange.Config{Dir: filepath.Join(t.TempDir(), "x"), Name: "Elm County", BaseURL: peopleSite, State: "IL"}
	made, err := exchange.Init(ctx, cfg, countyArea)
	check(t, err)
	x, err := exchange.Open(ctx, cfg)
	check(t, err)
	defer func() { check(t, x.Close()) }()
	server := x.Handler()

	enrol := func(token string) *browser {
		b := newBrowser(t, server)
		b.enrol(token)
		return b
	}
	_, token, _ := strings.Cut(made.OperatorLink, "#")
	op := enrol(token)
	token, inv := invitation()
	op.mustAct("/agencies", with(inv, map[string]any{"ori": "IL0160000", "name": "Millbrook Police", "kind": "municipal", "state": "IL",
		"contact": "555-0100", "jurisdiction": countyArea, "admin": "Ada Admin"}), nil)
	admin := enrol(token)
	admin.mustAct("/agencies/IL0160000/join", map[string]string{"contact": "police@millbrook.example"}, nil)
	token, inv = invitation()
	admin.mustAct("/people", with(inv, map[string]any{"name": "Rita Reyes", "agency": "IL0160000", "role": "requester"}), nil)
	rita := enrol(token)
	token, inv = invitation()
	op.mustAct("/people", with(inv, map[string]any{"name": "Mona Moore", "role": "moderator"}), nil)
	mona := enrol(token)
	resident := newBrowser(t, server)

	now := time.Now().UTC()
	draft := map[string]any{"case": "24-001", "incident": "package-theft", "narrative": "A parcel was taken from a porch on Maple St.",
		"area": square(0.004), "from": now.Add(-3 * time.Hour), "to": now.Add(-2 * time.Hour), "time_zone": "America/Chicago",
		"expires": now.Add(72 * time.Hour), "contact": "Officer Reyes, 555-0100"}
	change := func(k string, v any) map[string]any { return with(map[string]any{k: v}, without(draft, k)) }

	// Refused: the rule, its sentence, its source and the receipt come back.
	status, p := rita.act("/requests", change("area", square(0.001)), nil)
	if status != 403 || p.Type != "/problems/refused" || p.Rules[0].ID != "base.request-area" || !strings.HasPrefix(p.Receipt, "porchlight-receipt/v1\n") {
		t.Fatalf("too small: %d %+v", status, p)
	}
	if !strings.Contains(p.Detail, "square mile") {
		t.Errorf("detail %q", p.Detail)
	}
	// Unreadable: said field by field, nothing recorded.
	for field, v := range map[string]any{
		"area":      json.RawMessage(`{"type":"Polygon","coordinates":[[[-89.65,39.75],[-89.64,39.76],[-89.64,39.75],[-89.65,39.76],[-89.65,39.75]]]}`),
		"time_zone": "Moon/Tycho", "narrative": strings.Repeat("n", 2001), "incident": "loitering",
	} {
		if status, p := rita.act("/requests", change(field, v), nil); status != 422 || p.Type != "/problems/invalid" {
			t.Errorf("%s: %d %+v", field, status, p)
		}
	}
	huge := json.RawMessage(`{"type":"Polygon","coordinates":[[` + strings.Repeat("[0,0],", 100_000) + `[0,0]]]}`)
	if status, p := rita.act("/requests", change("area", huge), nil); status != 422 || !strings.Contains(p.Detail, "too many points") {
		t.Errorf("10^5 points: %d %+v", status, p)
	}

	var posted struct {
		Request requestView
		Receipt string
	}
	rita.mustAct("/requests", draft, &posted)
	r := posted.Request
	if r.State != "pending" || r.Inside.Case != "24-001" || r.Inside.PostedBy != "Rita Reyes" || !strings.Contains(posted.Receipt, "\ndisclose narrative ") {
		t.Fatalf("%+v", posted)
	}

	// Until a second person has read it, it exists for its agency and the moderators only.
	for name, b := range map[string]*browser{"resident": resident, "operator": op} {
		if status := b.get("/requests/"+r.ID, nil); status != 404 {
			t.Errorf("%s sees a pending request: %d", name, status)
		}
		if status := b.get("/desk/moderation", nil); status != 404 && status != 401 {
			t.Errorf("%s sees the queue: %d", name, status)
		}
	}
	if status, p := rita.act("/requests/"+r.ID+"/moderate", map[string]string{"verdict": "approve"}, nil); status != 403 || p.Rules == nil {
		t.Errorf("the officer moderates: %d %+v", status, p)
	}
	if status, _ := mona.act("/requests/"+r.ID+"/moderate", map[string]string{"verdict": "reject"}, nil); status != 422 {
		t.Errorf("rejected without a reason: %d", status)
	}
	var queue []requestView
	if status := mona.get("/desk/moderation", &queue); status != 200 || len(queue) != 1 || queue[0].Inside.Case != "24-001" {
		t.Fatalf("queue %d %+v", status, queue)
	}
	mona.mustAct("/requests/"+r.ID+"/moderate", map[string]string{"verdict": "approve"}, &posted)
	if posted.Request.State != "open" || posted.Request.DecisionEntry == nil {
		t.Errorf("%+v", posted.Request)
	}

	var open []requestView
	if status := resident.get("/requests", &open); status != 200 || len(open) != 1 || open[0].Inside != nil || open[0].AgencyName != "Millbrook Police" {
		t.Errorf("open requests %d %+v", status, open)
	}
	var mine []requestView
	if status := rita.get("/desk/requests", &mine); status != 200 || len(mine) != 1 || mine[0].Inside == nil {
		t.Errorf("my requests %d %+v", status, mine)
	}
	if status := resident.get("/desk/requests", nil); status != 401 {
		t.Errorf("desk without session: %d", status)
	}

	// The feed, whose key the ledger knows.
	check(t, x.Feed.Build(ctx))
	fetch := func(path string, headers ...string) *httptest.ResponseRecorder {
		req := httptest.NewRequest("GET", peopleSite+path, nil)
		for i := 0; i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		server.ServeHTTP(w, req)
		return w
	}
	var index canvass.FeedIndex
	check(t, json.Unmarshal(fetch("/feed/v1/").Body.Bytes(), &index))
	key, err := note.NewVerifier(index.Key)
	check(t, err)
	// What the index and the files say is proved by the receipts in them.
	prove := func(text string) ledger.Entry {
		t.Helper()
		receipt, err := ledger.ParseReceipt([]byte(text))
		check(t, err)
		_, err = ledger.Verifier{LogKey: made.LogKey}.Receipt(receipt)
		check(t, err)
		return receipt.Entry
	}
	if e := prove(index.Receipt); e.Act.Action != "setting.change" || e.Act.Public["feed_key"] != index.Key {
		t.Errorf("the feed's key is not in %+v", e)
	}
	listed := 0
	for _, cell := range index.Cells {
		res := fetch("/feed/v1/" + cell)
		f, err := canvass.ParseFeed(res.Body.Bytes(), key)
		check(t, err)
		if i := slices.IndexFunc(f.Requests, func(i canvass.FeedItem) bool { return i.Request.ID == r.ID }); i >= 0 {
			listed++
			if e := prove(f.Requests[i].Receipt); e.Act.Action != "request.moderate" || e.Act.Public["content"] != f.Requests[i].Request.Hash() {
				t.Errorf("the ledger does not carry what the feed says, but %+v", e)
			}
		}
		if res.Header().Get("Cache-Control") != "public, max-age=60, no-transform" || res.Header().Get("Set-Cookie") != "" {
			t.Errorf("headers %v", res.Header())
		}
		if again := fetch("/feed/v1/"+cell, "If-None-Match", res.Header().Get("Etag")); again.Code != 304 {
			t.Errorf("If-None-Match: %d", again.Code)
		}
	}
	if listed == 0 {
		t.Error("the request is in no cell")
	}
	for _, path := range []string{"/feed/v1/808f7f", "/feed/v1/%2e%2e%2fledger.key", "/feed/v1/" + index.Cells[0] + "/x"} {
		if res := fetch(path); res.Code != 404 && res.Code != 307 {
			t.Errorf("%s: %d", path, res.Code)
		}
	}

	if status, p := rita.act("/requests/"+r.ID+"/close", nil, &posted); status != 200 || posted.Request.State != "resolved" {
		t.Errorf("close: %d %+v", status, p)
	}
	var all []requestView
	if status := resident.get("/agencies/IL0160000/requests", &all); status != 200 || len(all) != 1 || all[0].State != "resolved" {
		t.Errorf("the agency's page: %d %+v", status, all)
	}

	// Notices.
	var ways struct {
		PushKey string `json:"push_key"`
		Mail    bool
	}
	if status := resident.get("/notices", &ways); status != 200 || ways.PushKey == "" || ways.Mail {
		t.Errorf("notices %d %+v", status, ways)
	}
	for path, body := range map[string]map[string]string{
		"/notices/push":         {"cell": index.Cells[0], "endpoint": "https://push.example/x", "p256dh": "x", "auth": "y"},
		"/notices/mail":         {"cell": index.Cells[0], "address": "ann@example.org"},
		"/notices/mail/confirm": {"token": "x"},
	} {
		if status := resident.send("POST", path, nil, body, nil); status/100 != 4 {
			t.Errorf("%s: %d", path, status)
		}
	}
	if res := fetch("/api/v1/notices/unsubscribe?token=a%26b"); res.Code != http.StatusSeeOther || res.Header().Get("Location") != "/notices#leave=a%26b" {
		t.Errorf("%d %v", res.Code, res.Header())
	}

	// Another site cannot make her browser act.
	if status := rita.send("POST", "/requests", map[string]string{"Porchlight-Act": gate.NewActID(), "Sec-Fetch-Site": "cross-site"}, draft, nil); status != 403 {
		t.Errorf("cross-site: %d", status)
	}
}

// square is an area of side degrees in Elm County.
func square(side float64) json.RawMessage {
	w, s := -89.65, 39.75
	return json.RawMessage(fmt.Sprintf(`{"type":"Polygon","coordinates":[[[%[1]v,%[2]v],[%[3]v,%[2]v],[%[3]v,%[4]v],[%[1]v,%[4]v],[%[1]v,%[2]v]]]}`, w, s, w+side, s+side))
}

func without(m map[string]any, key string) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		if k != key {
			out[k] = v
		}
	}
	return out
}
