package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"porchlight/home/web"
)

func TestPairingThroughADevice(t *testing.T) {
	h := newHouse(t)
	first, _ := h.paired(t, "phone")
	var code web.PairingCode
	res := first.do("POST", "/api/v1/codes", nil)
	check(t, json.Unmarshal(res.Body.Bytes(), &code))
	if want := "http://192.168.1.5:8088/pair#" + code.Code; code.Link != want {
		t.Errorf("link %q, want %q", code.Link, want)
	}
	if !strings.HasPrefix(code.Picture, "data:image/svg+xml;base64,") {
		t.Errorf("picture %.40q", code.Picture)
	}
	second := h.caller()
	res = second.do("POST", "/api/v1/pair", web.PairBody{Code: code.Code, Name: "tablet"})
	cookie := res.Header().Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Strict", "Path=/"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("cookie %q lacks %s", cookie, want)
		}
	}
	if strings.Contains(cookie, "Secure") {
		t.Errorf("cookie %q would not come back over plain HTTP", cookie)
	}
	if res = second.do("POST", "/api/v1/pair", web.PairBody{Code: code.Code, Name: "again"}); res.Code != http.StatusForbidden {
		t.Errorf("a used code: %d", res.Code)
	}
}

func TestGuessingCodesIsRefused(t *testing.T) {
	h := newHouse(t)
	c := h.caller()
	// What a proxy claims does not give a guesser new addresses.
	last := 0
	for i := range 8 {
		c.header.Set("X-Forwarded-For", netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}).String())
		last = c.do("POST", "/api/v1/pair", web.PairBody{Code: "AAAA-AAAA", Name: "guess"}).Code
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the eighth wrong code: %d", last)
	}
}

// A web page that points its own name at the house gets nothing (DNS rebinding).
func TestNames(t *testing.T) {
	h := newHouse(t)
	c, _ := h.paired(t, "phone")
	for host, ok := range map[string]bool{
		"192.168.1.5:8088": true, "localhost:8088": true, "[::1]:8088": true, "[fd00::5]": true, "porchlight.local": true, "PORCHLIGHT.local.:8088": true,
		"evil.example": false, "evil.example:8088": false, "porchlight.local.evil.example": false, "localhost.evil.example": false, "192.168.1.5.evil.example": false, "": false,
	} {
		r := c.request(t.Context(), "GET", "/api/v1/house", nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.Handler().ServeHTTP(w, r)
		if got := w.Code == http.StatusOK; got != ok {
			t.Errorf("host %q: %d", host, w.Code)
		}
		if !ok && strings.Contains(w.Body.String(), "Elm Street") {
			t.Errorf("host %q learns the house's name", host)
		}
	}
}

func TestOtherSitesCannotAct(t *testing.T) {
	h := newHouse(t)
	for name, header := range map[string]http.Header{
		"fetch metadata": {"Sec-Fetch-Site": {"cross-site"}},
		"same site":      {"Sec-Fetch-Site": {"same-site"}},
		"origin":         {"Origin": {"http://evil.example"}},
		"null origin":    {"Origin": {"null"}},
	} {
		c, _ := h.paired(t, name)
		c.header = header
		if res := c.do("POST", "/api/v1/codes", nil); res.Code != http.StatusForbidden {
			t.Errorf("%s: %d", name, res.Code)
		}
	}
	c, _ := h.paired(t, "own page")
	c.header = http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {"http://192.168.1.5:8088"}}
	if res := c.do("POST", "/api/v1/codes", nil); res.Code != http.StatusOK {
		t.Errorf("the house's own page: %d %s", res.Code, res.Body)
	}
}

// Live view is for the house: a proxy that speaks for somebody far away is far away.
func TestAtHome(t *testing.T) {
	h := newHouse(t)
	c, _ := h.paired(t, "phone")
	for _, o := range []struct {
		from   string
		header http.Header
		near   bool
	}{
		{"192.168.1.20:1", nil, true},
		{"127.0.0.1:1", nil, true},
		{"[::1]:1", nil, true},
		{"[fe80::1%eth0]:1", nil, true},
		{"[fd12::1]:1", nil, true},
		{"[::ffff:10.0.0.1]:1", nil, true},
		{"203.0.113.7:1", nil, false},
		{"[2001:db8::1]:1", nil, false},
		{"100.64.0.1:1", nil, false}, // carrier's network, unless the household says otherwise
		{"@", nil, false},
		{"127.0.0.1:1", http.Header{"X-Forwarded-For": {"192.168.1.30"}}, true},
		{"127.0.0.1:1", http.Header{"X-Forwarded-For": {"203.0.113.7"}}, false},
		{"127.0.0.1:1", http.Header{"X-Forwarded-For": {"192.168.1.30, 203.0.113.7"}}, false},
		{"127.0.0.1:1", http.Header{"X-Forwarded-For": {"192.168.1.30", "203.0.113.7"}}, false},
		{"127.0.0.1:1", http.Header{"X-Forwarded-For": {"unknown"}}, false},
		{"127.0.0.1:1", http.Header{"Forwarded": {"for=203.0.113.7"}}, false},
		{"127.0.0.1:1", http.Header{"Cf-Connecting-Ip": {"203.0.113.7"}}, false},
	} {
		c.from, c.header = o.from, o.header
		res := c.do("GET", "/api/v1/cameras/none/live", nil)
		if near := res.Code == http.StatusNotFound; near != o.near || !near && res.Code != http.StatusForbidden {
			t.Errorf("%s %v: %d %s", o.from, o.header, res.Code, res.Body)
		}
		var house web.House
		check(t, json.Unmarshal(c.do("GET", "/api/v1/house", nil).Body.Bytes(), &house))
		if house.AtHome != o.near {
			t.Errorf("%s %v: the page believes %v", o.from, o.header, house.AtHome)
		}
	}
	if near := web.InHouse(netip.MustParsePrefix("100.64.0.0/10")); !near(netip.MustParseAddr("100.64.0.1")) {
		t.Error("a network that the household named is not its own")
	}
}

// Removing a device ends also what it has open.
func TestRemovedDeviceHearsNothing(t *testing.T) {
	h := newHouse(t)
	site := httptest.NewServer(h.Handler())
	defer site.Close()
	c, _ := h.paired(t, "phone")
	lost, device := h.paired(t, "lost phone")
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	r := lost.request(ctx, "GET", "/api/v1/events", nil)
	r.URL.Host, r.RequestURI, r.Host = strings.TrimPrefix(site.URL, "http://"), "", ""
	res, err := http.DefaultClient.Do(r)
	check(t, err)
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	if !lines.Scan() || lines.Text() != "retry: 3000" {
		t.Fatalf("the stream began with %q", lines.Text())
	}
	h.Changed("cameras")
	for lines.Scan() && lines.Text() != "data: cameras" {
	}
	if res := c.do("POST", "/api/v1/devices/"+device.ID+"/remove", nil); res.Code != http.StatusNoContent {
		t.Fatalf("removing: %d %s", res.Code, res.Body)
	}
	for lines.Scan() {
	}
	if ctx.Err() != nil {
		t.Error("the stream of a removed device did not end")
	}
}

func TestQRCodes(t *testing.T) {
	blocks, err := web.Blocks("http://192.168.1.5:8088/pair#K3QW-7MZP")
	check(t, err)
	lines := strings.Split(strings.TrimSuffix(blocks, "\n"), "\n")
	for _, l := range lines {
		if len([]rune(l)) != len([]rune(lines[0])) {
			t.Fatal("the code is no rectangle")
		}
	}
	h := newHouse(t)
	c, _ := h.paired(t, "phone")
	var code web.PairingCode
	check(t, json.Unmarshal(c.do("POST", "/api/v1/codes", nil).Body.Bytes(), &code))
	var picture struct{ XMLName xml.Name }
	check(t, xml.Unmarshal(decode(t, strings.TrimPrefix(code.Picture, "data:image/svg+xml;base64,")), &picture))
	if picture.XMLName.Local != "svg" {
		t.Errorf("the picture is a %s", picture.XMLName.Local)
	}
}
