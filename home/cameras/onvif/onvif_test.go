package onvif

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// device is a strict ONVIF camera: it refuses what the standard lets it refuse,
// and writes as cameras do, each with prefixes of its own.
type device struct {
	*httptest.Server
	t      *testing.T
	user   string
	pass   string
	behind time.Duration // its clock
	old    bool          // faults as in SOAP 1.1, and addresses of another network
	mu     sync.Mutex
	nonces map[string]bool
	asked  []string
}

func newDevice(t *testing.T) *device {
	d := &device{t: t, user: "onvif", pass: `p<a>"ss&`, nonces: map[string]bool{}}
	d.Server = httptest.NewServer(d)
	t.Cleanup(d.Close)
	return d
}

func (d *device) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if strings.Contains(string(body), d.pass) || strings.Contains(string(body), url.QueryEscape(d.pass)) {
		d.t.Error("the password was sent as it is")
	}
	var e struct {
		XMLName xml.Name `xml:"http://www.w3.org/2003/05/soap-envelope Envelope"`
		Token   *struct {
			Username string
			Password struct {
				Type string `xml:",attr"`
				Text string `xml:",chardata"`
			}
			Nonce   string
			Created string `xml:"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd Created"`
		} `xml:"Header>Security>UsernameToken"`
		Body struct {
			Inner []byte `xml:",innerxml"`
		}
	}
	if err := xml.Unmarshal(body, &e); err != nil || r.Method != "POST" || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/soap+xml") {
		d.t.Errorf("no SOAP 1.2: %s %s: %v", r.Method, r.Header.Get("Content-Type"), err)
	}
	var op struct {
		XMLName xml.Name
		Token   string `xml:"ProfileToken"`
		Stream  string `xml:"StreamSetup>Stream"`
		Over    string `xml:"StreamSetup>Transport>Protocol"`
	}
	must(d.t, xml.Unmarshal(e.Body.Inner, &op))
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, op.XMLName.Local)
	now := time.Now().Add(-d.behind)
	if op.XMLName.Local != "GetSystemDateAndTime" {
		ok := e.Token != nil && e.Token.Username == d.user && !d.nonces[e.Token.Nonce]
		if ok {
			d.nonces[e.Token.Nonce] = true
			nonce, err := base64.StdEncoding.DecodeString(e.Token.Nonce)
			made, err2 := time.Parse(time.RFC3339, e.Token.Created)
			sum := sha1.Sum([]byte(string(nonce) + e.Token.Created + d.pass))
			ok = err == nil && err2 == nil && len(nonce) >= 16 && now.Sub(made).Abs() < 5*time.Second &&
				e.Token.Password.Text == base64.StdEncoding.EncodeToString(sum[:]) && strings.HasSuffix(e.Token.Password.Type, "#PasswordDigest")
		}
		if !ok {
			w.WriteHeader(http.StatusBadRequest)
			if d.old {
				io.WriteString(w, `<?xml version="1.0"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"><SOAP-ENV:Body><SOAP-ENV:Fault><faultcode>SOAP-ENV:Client</faultcode><faultstring>Sender not Authorized</faultstring></SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>`)
				return
			}
			io.WriteString(w, envelope(`<env:Fault><env:Code><env:Value>env:Sender</env:Value><env:Subcode><env:Value>ter:NotAuthorized</env:Value></env:Subcode></env:Code><env:Reason><env:Text xml:lang="en">The action requested requires authorization</env:Text></env:Reason></env:Fault>`))
			return
		}
	}
	host := r.Host
	if d.old {
		host = "10.9.8.7"
	}
	address := func(path string) string { return "http://" + host + path }
	if d.old && op.XMLName.Space == nsDevice {
		address = func(path string) string {
			_, port, _ := net.SplitHostPort(r.Host)
			return "http://10.9.8.7:" + port + path
		}
	}
	var answer string
	switch op.XMLName {
	case xml.Name{Space: nsDevice, Local: "GetSystemDateAndTime"}:
		u := now.UTC()
		answer = fmt.Sprintf(`<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType><tt:DaylightSavings>true</tt:DaylightSavings><tt:TimeZone><tt:TZ>CST-8</tt:TZ></tt:TimeZone><tt:UTCDateTime><tt:Time><tt:Hour>%d</tt:Hour><tt:Minute>%d</tt:Minute><tt:Second>%d</tt:Second></tt:Time><tt:Date><tt:Year>%d</tt:Year><tt:Month>%d</tt:Month><tt:Day>%d</tt:Day></tt:Date></tt:UTCDateTime><tt:LocalDateTime><tt:Time><tt:Hour>1</tt:Hour><tt:Minute>2</tt:Minute><tt:Second>3</tt:Second></tt:Time><tt:Date><tt:Year>2000</tt:Year><tt:Month>1</tt:Month><tt:Day>1</tt:Day></tt:Date></tt:LocalDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>`,
			u.Hour(), u.Minute(), u.Second(), u.Year(), u.Month(), u.Day())
	case xml.Name{Space: nsDevice, Local: "GetCapabilities"}:
		answer = `<tds:GetCapabilitiesResponse><tds:Capabilities><tt:Media><tt:XAddr>` + address("/onvif/Media") + `</tt:XAddr><tt:StreamingCapabilities><tt:RTPMulticast>false</tt:RTPMulticast></tt:StreamingCapabilities></tt:Media></tds:Capabilities></tds:GetCapabilitiesResponse>`
	case xml.Name{Space: nsMedia, Local: "GetProfiles"}:
		profile := func(token, encoding string, w, h int) string {
			return fmt.Sprintf(`<trt:Profiles token="%s" fixed="true"><tt:Name>%s</tt:Name><tt:VideoSourceConfiguration token="VS"><tt:Name>VS</tt:Name><tt:Bounds x="0" y="0" width="1" height="1"/></tt:VideoSourceConfiguration><tt:AudioEncoderConfiguration token="A"><tt:Encoding>G711</tt:Encoding></tt:AudioEncoderConfiguration><tt:VideoEncoderConfiguration token="E%s"><tt:Name>E</tt:Name><tt:Encoding>%s</tt:Encoding><tt:Resolution><tt:Width>%d</tt:Width><tt:Height>%d</tt:Height></tt:Resolution><tt:Quality>4</tt:Quality><tt:RateControl><tt:FrameRateLimit>25</tt:FrameRateLimit></tt:RateControl></tt:VideoEncoderConfiguration></trt:Profiles>`, token, token, token, encoding, w, h)
		}
		answer = `<trt:GetProfilesResponse>` + profile("sub", "H264", 640, 360) + profile("jpeg&amp;1", "JPEG", 3840, 2160) + profile("main", "H265", 2560, 1440) +
			`<trt:Profiles token="meta"><tt:Name>meta</tt:Name></trt:Profiles></trt:GetProfilesResponse>`
	case xml.Name{Space: nsMedia, Local: "GetStreamUri"}:
		if op.Stream != "RTP-Unicast" || op.Over != "RTSP" || op.Token == "" || r.URL.Path != "/onvif/Media" {
			d.t.Errorf("GetStreamUri asks %+v at %s", op, r.URL.Path)
		}
		h, _, _ := net.SplitHostPort(r.Host)
		if d.old {
			h = "10.9.8.7"
		}
		answer = `<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>rtsp://` + h + `:554/Streaming/` + escape(op.Token) + `?a=1&amp;b=2</tt:Uri><tt:InvalidAfterConnect>false</tt:InvalidAfterConnect><tt:InvalidAfterReboot>false</tt:InvalidAfterReboot><tt:Timeout>PT0S</tt:Timeout></trt:MediaUri></trt:GetStreamUriResponse>`
	case xml.Name{Space: nsMedia, Local: "GetSnapshotUri"}:
		w.WriteHeader(http.StatusInternalServerError)
		answer = `<env:Fault><env:Code><env:Value>env:Receiver</env:Value><env:Subcode><env:Value>ter:ActionNotSupported</env:Value></env:Subcode></env:Code><env:Reason><env:Text xml:lang="en">Optional Action Not Implemented</env:Text></env:Reason></env:Fault>`
	default:
		d.t.Errorf("asked %v", op.XMLName)
	}
	io.WriteString(w, envelope(answer))
}

func envelope(body string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>
<env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope" xmlns:tt="http://www.onvif.org/ver10/schema" xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:trt="http://www.onvif.org/ver10/media/wsdl" xmlns:ter="http://www.onvif.org/ver10/error"><env:Header/><env:Body>` + body + `</env:Body></env:Envelope>`
}

// A camera whose clock is years behind tells its streams to who knows the password.
func TestStreams(t *testing.T) {
	for _, old := range []bool{false, true} {
		d := newDevice(t)
		d.old, d.behind = old, 3*365*24*time.Hour
		ask := Device{Address: d.URL + "/onvif/device_service", User: d.user, Password: d.pass}
		streams, err := ask.Streams(t.Context())
		must(t, err)
		want := []Stream{
			{Profile: "main", Codec: "hevc", W: 2560, H: 1440, FPS: 25, Audio: true, Address: "rtsp://127.0.0.1:554/Streaming/main?a=1&b=2"},
			{Profile: "sub", Codec: "h264", W: 640, H: 360, FPS: 25, Audio: true, Address: "rtsp://127.0.0.1:554/Streaming/sub?a=1&b=2"},
			{Profile: "jpeg&1", Codec: "mjpeg", W: 3840, H: 2160, FPS: 25, Audio: true, Address: "rtsp://127.0.0.1:554/Streaming/jpeg&1?a=1&b=2"},
		}
		if fmt.Sprint(streams) != fmt.Sprint(want) {
			t.Errorf("streams\n%+v, want\n%+v", streams, want)
		}
		for _, wrong := range []Device{{Address: ask.Address, User: d.user, Password: "no"}, {Address: ask.Address}} {
			if _, err := wrong.Streams(t.Context()); !errors.Is(err, ErrPassword) || strings.Contains(err.Error(), d.URL) {
				t.Errorf("with %q: %v", wrong.Password, err)
			}
		}
	}
}

func TestNoCamera(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html><p>Router") }))
	defer page.Close()
	d := Device{Address: page.URL, User: "a", Password: "b"}
	if _, err := d.Streams(t.Context()); !errors.Is(err, errNotONVIF) {
		t.Errorf("a page: %v", err)
	}
	d.Address = "http://127.0.0.1:1/onvif"
	if _, err := d.Streams(t.Context()); err == nil || strings.Contains(err.Error(), "/onvif") {
		t.Errorf("nobody: %v", err)
	}
}

// answer is what a camera says to a probe.
func answer(host string) string {
	return `<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"><s:Header><a:RelatesTo>uuid:1</a:RelatesTo></s:Header><s:Body><d:ProbeMatches xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><d:ProbeMatch><a:EndpointReference><a:Address>urn:uuid:2</a:Address></a:EndpointReference><d:Types>dn:NetworkVideoTransmitter tds:Device</d:Types><d:Scopes>onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/name/Front%20door onvif://www.onvif.org/hardware/C-100 onvif://www.onvif.org/location/country/nl</d:Scopes><d:XAddrs>http://[fe80::1]/onvif/device_service http://` + host + `/onvif/device_service</d:XAddrs><d:MetadataVersion>1</d:MetadataVersion></d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>`
}

// Discover asks as WS-Discovery wants it, and believes only addresses of who answers.
func TestDiscover(t *testing.T) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	defer c.Close()
	go func() {
		buf := make([]byte, 65536)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			var p struct {
				Action string `xml:"Header>Action"`
				ID     string `xml:"Header>MessageID"`
				To     string `xml:"Header>To"`
				Types  string `xml:"Body>Probe>Types"`
			}
			if err := xml.Unmarshal(buf[:n], &p); err != nil || !strings.HasSuffix(p.Action, "/discovery/Probe") || !strings.HasPrefix(p.ID, "uuid:") || p.To == "" || !strings.HasSuffix(p.Types, ":NetworkVideoTransmitter") {
				t.Errorf("probe %s: %v", buf[:n], err)
			}
			c.WriteTo([]byte(answer("127.0.0.1:8080")), from)
			c.WriteTo([]byte(answer("10.0.0.1:8080")), from) // not where it came from
			c.WriteTo([]byte("garbage"), from)
		}
	}()
	var found []Found
	for patience := 100 * time.Millisecond; len(found) == 0 && patience < time.Minute; patience *= 2 { // answers take as long as they take
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		found, err = Discover(ctx, c.LocalAddr().(*net.UDPAddr))
		cancel()
		must(t, err)
	}
	if len(found) != 1 || found[0] != (Found{"http://127.0.0.1:8080/onvif/device_service", "Front door", "C-100"}) {
		t.Errorf("found %+v", found)
	}
}

// FuzzAnswer: whatever a camera says is read or refused, and never leads to
// another host.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(answer("127.0.0.1:80")), "rtsp://10.0.0.1/a")
	f.Add([]byte(envelope("<x/>")), "//x")
	f.Fuzz(func(t *testing.T, b []byte, address string) {
		for _, m := range parseMatches(b, "127.0.0.1") {
			if u, err := url.Parse(m.Address); err != nil || u.Hostname() != "127.0.0.1" || u.User != nil {
				t.Errorf("%q", m.Address)
			}
		}
		var into struct {
			URI string `xml:"MediaUri>Uri"`
		}
		parseAnswer(b, "GetStreamUri", &into)
		d := Device{Address: "http://127.0.0.1/onvif"}
		if a, err := d.athome(address, false); err == nil {
			if u, err := url.Parse(a); err != nil || u.Hostname() != "127.0.0.1" || u.User != nil {
				t.Errorf("%q led to %q", address, a)
			}
		}
	})
}
