// Package onvif asks cameras of the local network who they are and where their
// pictures are: WS-Discovery 1.0 (probe by multicast) and the few ONVIF
// operations of the device and media services (Profile S) that lead to a stream.
// It sends a user name and a password only as a WS-UsernameToken digest, and only
// to the host it was told to ask.
package onvif

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

var (
	// ErrPassword: the camera wants a user name and a password, or others.
	ErrPassword = errors.New("the camera refuses this user name and password; some cameras need a user made for ONVIF in their settings")
	// ErrNoStream: the camera offers no stream that can be recorded.
	ErrNoStream = errors.New("the camera offers no H.264 or H.265 stream over RTSP")
	// errNotONVIF: what answers speaks something else.
	errNotONVIF = errors.New("what answers there is no ONVIF camera")
)

// Device is a camera that can be asked.
type Device struct {
	Address  string // of its device service: http://192.168.1.20/onvif/device_service
	User     string
	Password string
	Client   *http.Client // nil: one that gives up after 10 seconds

	skew time.Duration // of its clock, ahead of ours
}

// Stream is one way a camera offers its picture.
type Stream struct {
	Profile  string // its token
	Codec    string // h264, hevc, mjpeg; "" unknown
	W, H     int    // pixels
	FPS      int    // at most
	Audio    bool
	Address  string // rtsp://..., without user and password; "" if it gave none
	Snapshot string // http://..., a JPEG; "" if it gave none
}

// Streams are what the camera offers, largest picture first. ErrPassword,
// ErrNoStream. A camera that says its streams are on another host is not
// believed: behind an address translation they give addresses that lead nowhere,
// and a password is nobody else's business.
func (d *Device) Streams(ctx context.Context) ([]Stream, error) {
	media, err := d.media(ctx)
	if err != nil {
		return nil, err
	}
	var profiles struct {
		Profiles []struct {
			Token   string    `xml:"token,attr"`
			Audio   *struct{} `xml:"AudioEncoderConfiguration"`
			Encoder *struct {
				Encoding string
				Width    int `xml:"Resolution>Width"`
				Height   int `xml:"Resolution>Height"`
				FPS      int `xml:"RateControl>FrameRateLimit"`
			} `xml:"VideoEncoderConfiguration"`
		} `xml:"Profiles"`
	}
	if err := d.call(ctx, media, nsMedia, "GetProfiles", "", &profiles); err != nil {
		return nil, err
	}
	var streams []Stream
	for _, p := range profiles.Profiles[:min(len(profiles.Profiles), 32)] {
		if p.Encoder == nil { // sound or metadata alone
			continue
		}
		s := Stream{Profile: p.Token, Codec: codec(p.Encoder.Encoding), W: p.Encoder.Width, H: p.Encoder.Height, FPS: p.Encoder.FPS, Audio: p.Audio != nil}
		token := "<t:ProfileToken>" + escape(p.Token) + "</t:ProfileToken>"
		s.Address, err = d.uri(ctx, media, "GetStreamUri", `<t:StreamSetup><s:Stream xmlns:s="`+nsSchema+`">RTP-Unicast</s:Stream><s:Transport xmlns:s="`+nsSchema+`"><s:Protocol>RTSP</s:Protocol></s:Transport></t:StreamSetup>`+token)
		if err != nil {
			return nil, err
		}
		// A picture is a nicety: not every camera has it.
		if s.Snapshot, err = d.uri(ctx, media, "GetSnapshotUri", token); err != nil && ctx.Err() != nil {
			return nil, err
		}
		if s.Address != "" {
			streams = append(streams, s)
		}
	}
	if !slices.ContainsFunc(streams, func(s Stream) bool { return s.Codec != "mjpeg" }) {
		return nil, ErrNoStream
	}
	slices.SortStableFunc(streams, func(a, b Stream) int {
		return cmp.Or(cmp.Compare(truth(a.Codec == "mjpeg"), truth(b.Codec == "mjpeg")), b.W*b.H-a.W*a.H)
	})
	return streams, nil
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// codec is an ONVIF encoding in ffmpeg's words.
func codec(encoding string) string {
	switch strings.ToUpper(strings.ReplaceAll(encoding, ".", "")) {
	case "H264":
		return "h264"
	case "H265", "HEVC":
		return "hevc"
	case "JPEG", "MJPEG":
		return "mjpeg"
	}
	return ""
}

// media is the address of the media service.
func (d *Device) media(ctx context.Context) (string, error) {
	if err := d.setClock(ctx); err != nil {
		return "", err
	}
	var c struct {
		Media string `xml:"Capabilities>Media>XAddr"`
	}
	if err := d.call(ctx, d.Address, nsDevice, "GetCapabilities", "<t:Category>Media</t:Category>", &c); err != nil {
		return "", err
	}
	if c.Media == "" {
		return "", ErrNoStream
	}
	return d.athome(c.Media, true)
}

// setClock learns how far the camera's clock is from ours: a digest made with
// another time is refused, and cameras without time servers are years off. This
// is asked without a password.
func (d *Device) setClock(ctx context.Context) error {
	var t struct {
		Y int `xml:"SystemDateAndTime>UTCDateTime>Date>Year"`
		M int `xml:"SystemDateAndTime>UTCDateTime>Date>Month"`
		D int `xml:"SystemDateAndTime>UTCDateTime>Date>Day"`
		H int `xml:"SystemDateAndTime>UTCDateTime>Time>Hour"`
		N int `xml:"SystemDateAndTime>UTCDateTime>Time>Minute"`
		S int `xml:"SystemDateAndTime>UTCDateTime>Time>Second"`
	}
	plain := Device{Address: d.Address, Client: d.Client}
	err := plain.call(ctx, d.Address, nsDevice, "GetSystemDateAndTime", "", &t)
	if errors.Is(err, ErrPassword) { // against the standard, but it happens
		return nil
	}
	if err != nil {
		return err
	}
	if t.Y > 1970 {
		d.skew = time.Until(time.Date(t.Y, time.Month(t.M), t.D, t.H, t.N, t.S, 0, time.UTC))
	}
	return nil
}

// uri asks for an address; "" when the camera has none.
func (d *Device) uri(ctx context.Context, media, operation, body string) (string, error) {
	var u struct {
		URI string `xml:"MediaUri>Uri"`
	}
	if err := d.call(ctx, media, nsMedia, operation, body, &u); err != nil {
		return "", err
	}
	if u.URI == "" {
		return "", nil
	}
	return d.athome(u.URI, false)
}

// athome puts the host we ask in place of the one the camera names, and drops a
// user and password from it. service: it must be spoken as the device's is.
func (d *Device) athome(address string, service bool) (string, error) {
	base, err := url.Parse(d.Address)
	if err != nil {
		return "", errors.New("the address of the camera cannot be read")
	}
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil {
		return "", fmt.Errorf("%w: it names an address that cannot be read", errNotONVIF)
	}
	host := base.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	port := u.Port()
	if service {
		u.Scheme = base.Scheme
	}
	switch {
	case port != "":
		u.Host = host + ":" + port
	default:
		u.Host = host
	}
	u.User = nil
	return u.String(), nil
}

const (
	nsSOAP   = "http://www.w3.org/2003/05/soap-envelope"
	nsDevice = "http://www.onvif.org/ver10/device/wsdl"
	nsMedia  = "http://www.onvif.org/ver10/media/wsdl"
	nsSchema = "http://www.onvif.org/ver10/schema"
	nsWSSE   = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	nsWSU    = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	digest   = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
)

// maxAnswer bounds what a camera may answer.
const maxAnswer = 512 << 10

// call asks one operation. body is in the prefix t; into is filled from the
// answer's element.
func (d *Device) call(ctx context.Context, address, ns, operation, body string, into any) error {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><e:Envelope xmlns:e="` + nsSOAP + `">`)
	if d.User != "" {
		b.WriteString("<e:Header>" + d.token() + "</e:Header>")
	}
	fmt.Fprintf(&b, `<e:Body><t:%s xmlns:t="%s">%s</t:%s></e:Body></e:Envelope>`, operation, ns, body, operation)
	req, err := http.NewRequestWithContext(ctx, "POST", address, strings.NewReader(b.String()))
	if err != nil {
		return errors.New("the address of the camera cannot be read")
	}
	req.Header.Set("Content-Type", `application/soap+xml; charset=utf-8; action="`+ns+"/"+operation+`"`)
	client := d.Client
	if client == nil {
		client = &http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	resp, err := client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) { // without the address
			err = u.Err
		}
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden {
		return ErrPassword
	}
	return parseAnswer(answer, operation, into)
}

// token is a WS-UsernameToken with digest: Base64(SHA-1(nonce + created + password)).
func (d *Device) token() string {
	nonce := make([]byte, 20)
	rand.Read(nonce)
	created := time.Now().Add(d.skew).UTC().Format("2006-01-02T15:04:05.000Z")
	sum := sha1.Sum([]byte(string(nonce) + created + d.Password))
	enc := base64.StdEncoding.EncodeToString
	return `<w:Security e:mustUnderstand="true" xmlns:w="` + nsWSSE + `"><w:UsernameToken><w:Username>` + escape(d.User) +
		`</w:Username><w:Password Type="` + digest + `">` + enc(sum[:]) + `</w:Password><w:Nonce>` + enc(nonce) +
		`</w:Nonce><u:Created xmlns:u="` + nsWSU + `">` + created + `</u:Created></w:UsernameToken></w:Security>`
}

func escape(s string) string {
	var b bytes.Buffer
	xml.EscapeText(&b, []byte(s))
	return b.String()
}

// parseAnswer reads a SOAP answer. Namespaces are not compared: cameras get them
// wrong.
func parseAnswer(answer []byte, operation string, into any) error {
	var e struct {
		XMLName xml.Name
		Body    struct {
			Fault *fault `xml:"Fault"`
		}
	}
	if err := xml.Unmarshal(answer, &e); err != nil || e.XMLName.Local != "Envelope" {
		return errNotONVIF
	}
	if e.Body.Fault != nil {
		return e.Body.Fault.err()
	}
	// Read again from the top, so that prefixes are known, down to the wanted element.
	dec := xml.NewDecoder(bytes.NewReader(answer))
	for {
		t, err := dec.Token()
		if err != nil {
			return fmt.Errorf("%w: it does not answer %s", errNotONVIF, operation)
		}
		if start, ok := t.(xml.StartElement); ok && start.Name.Local == operation+"Response" {
			if err := dec.DecodeElement(into, &start); err != nil {
				return fmt.Errorf("%w: its answer to %s is malformed", errNotONVIF, operation)
			}
			return nil
		}
	}
}

// fault is a SOAP 1.2 fault, or one of SOAP 1.1, which some cameras send.
type fault struct {
	Subcodes []string `xml:"Code>Subcode>Value"`
	Deeper   string   `xml:"Code>Subcode>Subcode>Value"`
	Reason   string   `xml:"Reason>Text"`
	Old      string   `xml:"faultstring"`
	OldCode  string   `xml:"faultcode"`
}

func (f *fault) err() error {
	codes := strings.ToLower(strings.Join(append(f.Subcodes, f.Deeper, f.Reason, f.Old, f.OldCode), " "))
	for _, sign := range []string{"notauthorized", "not authorized", "failedauthentication", "unauthorized", "authority failure"} {
		if strings.Contains(codes, sign) {
			return ErrPassword
		}
	}
	said := cmp.Or(strings.TrimSpace(f.Reason), strings.TrimSpace(f.Old), "no reason given")
	return fmt.Errorf("the camera refuses: %.200s", said)
}

// Found is a camera that answered a probe.
type Found struct {
	Address string // of its device service, on the host that answered
	Name    string // as it was named; "" unknown
	Model   string // of its hardware; "" unknown
}

// Group is where WS-Discovery is asked.
var Group = &net.UDPAddr{IP: net.IPv4(239, 255, 255, 250), Port: 3702}

// Discover asks the local networks, through every interface that is up, which
// cameras there are, and gathers answers until ctx ends. to is Group, but for
// tests.
func Discover(ctx context.Context, to *net.UDPAddr) ([]Found, error) {
	conns, err := listen(to)
	if err != nil {
		return nil, err
	}
	answers := make(chan []Found)
	for _, c := range conns {
		stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Unix(1, 0)) })
		defer stop()
		defer c.Close()
		// Twice, as SOAP-over-UDP asks: datagrams get lost.
		probe := probe()
		c.WriteTo(probe, to)
		c.WriteTo(probe, to)
		go func() {
			var found []Found
			buf := make([]byte, 64<<10)
			for {
				n, from, err := c.ReadFrom(buf)
				if err != nil {
					answers <- found
					return
				}
				found = append(found, parseMatches(buf[:n], from.(*net.UDPAddr).IP.String())...)
				if len(found) > 4096 {
					answers <- found
					return
				}
			}
		}()
	}
	var found []Found
	for range conns {
		found = append(found, <-answers...)
	}
	slices.SortFunc(found, func(a, b Found) int { return cmp.Compare(a.Address, b.Address) })
	return slices.CompactFunc(found, func(a, b Found) bool { return a.Address == b.Address }), nil
}

func probe() []byte {
	id := make([]byte, 16)
	rand.Read(id)
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?><e:Envelope xmlns:e="%s" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><e:Header><a:MessageID>uuid:%x-%x-%x-%x-%x</a:MessageID><a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To><a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action></e:Header><e:Body><d:Probe><d:Types xmlns:dn="http://www.onvif.org/ver10/network/wsdl">dn:NetworkVideoTransmitter</d:Types></d:Probe></e:Body></e:Envelope>`,
		nsSOAP, id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// parseMatches reads an answer that came from host. Of several addresses the one
// on that host is taken; addresses elsewhere are not believed.
func parseMatches(b []byte, host string) (found []Found) {
	var e struct {
		Matches []struct {
			Types, Scopes, XAddrs string
		} `xml:"Body>ProbeMatches>ProbeMatch"`
	}
	if xml.Unmarshal(b, &e) != nil {
		return nil
	}
	for _, m := range e.Matches {
		if m.Types != "" && !strings.Contains(m.Types, "NetworkVideoTransmitter") && !strings.Contains(m.Types, "Device") {
			continue
		}
		for _, a := range strings.Fields(m.XAddrs) {
			u, err := url.Parse(a)
			if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() != host {
				continue
			}
			u.User = nil
			f := Found{Address: u.String()}
			for _, scope := range strings.Fields(m.Scopes) {
				what, value, _ := strings.Cut(strings.TrimPrefix(scope, "onvif://www.onvif.org/"), "/")
				if v, err := url.PathUnescape(value); err == nil {
					value = v
				}
				value = strings.ToValidUTF8(value, "")
				switch strings.ToLower(what) {
				case "name":
					f.Name = value
				case "hardware":
					f.Model = value
				}
			}
			found = append(found, f)
			break
		}
	}
	return found
}
