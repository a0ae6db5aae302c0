package peer

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dunglas/httpsfv"
)

// signedBase is the base of a message's one signature, whatever it covers.
func signedBase(t testing.TB, m message, name string) (base string, signature []byte) {
	t.Helper()
	input, err := httpsfv.UnmarshalDictionary(m.header.Values("Signature-Input"))
	must(t, err)
	member, _ := input.Get(name)
	base, err = m.base(member.(httpsfv.InnerList))
	must(t, err)
	sigs, err := httpsfv.UnmarshalDictionary(m.header.Values("Signature"))
	must(t, err)
	member, _ = sigs.Get(name)
	return base, member.(httpsfv.Item).Value.([]byte)
}

// RFC 9421, appendix B.2.6: a request signed with Ed25519.
func TestVectorEd25519(t *testing.T) {
	const text = "POST /foo?param=Value&Pet=dog HTTP/1.1\r\n" +
		"Host: example.com\r\n" +
		"Date: Tue, 20 Apr 2021 02:07:55 GMT\r\n" +
		"Content-Type: application/json\r\n" +
		"Content-Digest: sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:\r\n" +
		"Content-Length: 18\r\n" +
		`Signature-Input: sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"` + "\r\n" +
		"Signature: sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:\r\n\r\n" +
		`{"hello": "world"}`
	const want = `"date": Tue, 20 Apr 2021 02:07:55 GMT
"@method": POST
"@path": /foo
"@authority": example.com
"content-type": application/json
"content-length": 18
"@signature-params": ("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"`
	req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
	must(t, err)
	base, signature := signedBase(t, requestMessage(req.Method, req.Host, req.URL.EscapedPath(), req.Header), "sig-b26")
	if base != want {
		t.Errorf("base\n%s\nwant\n%s", base, want)
	}
	secret, err := base64.StdEncoding.DecodeString("MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF") // B.1.4
	must(t, err)
	key, err := x509.ParsePKCS8PrivateKey(secret)
	must(t, err)
	if !ed25519.Verify(key.(ed25519.PrivateKey).Public().(ed25519.PublicKey), []byte(base), signature) {
		t.Error("the vector's signature does not verify")
	}
	if string(ed25519.Sign(key.(ed25519.PrivateKey), []byte(base))) != string(signature) {
		t.Error("signing gives another signature than the vector's")
	}
}

// RFC 9421, appendix B.2.4: a signed response. Its key is ECDSA, which lookups do
// not use; its base is made as ours.
func TestVectorResponse(t *testing.T) {
	h := http.Header{}
	h.Set("Date", "Tue, 20 Apr 2021 02:07:56 GMT")
	h.Set("Content-Type", "application/json")
	h.Set("Content-Digest", "sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:")
	h.Set("Content-Length", "23")
	h.Set("Signature-Input", `sig-b24=("@status" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-ecc-p256"`)
	h.Set("Signature", "sig-b24=:wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==:")
	base, signature := signedBase(t, responseMessage(200, h, message{}), "sig-b24")
	block, _ := pem.Decode([]byte(`-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf
w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==
-----END PUBLIC KEY-----
`)) // B.1.3
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	must(t, err)
	digest := sha256.Sum256([]byte(base))
	if !ecdsa.Verify(key.(*ecdsa.PublicKey), digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		t.Errorf("the vector's signature does not verify over\n%s", base)
	}
}

func newKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	must(t, err)
	return key
}

// What is changed in a signed request or answer is noticed.
func TestTampering(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	key, other := newKey(t), newKey(t)
	body := []byte(`{"from":"a"}`)
	ask := func() message {
		h := http.Header{"Content-Type": {"application/json"}}
		m := requestMessage("POST", "b.example", "/api/v1/peer/lookups", h)
		must(t, m.sign(key, "a.example/lookup", tagAsk, coveredAsk, body, now))
		return m
	}
	check := func(m message, tag string, covered []string, body []byte, now time.Time) error {
		s, err := m.stated(tag, covered, now)
		if err != nil {
			return err
		}
		return s.verify(key.Public().(ed25519.PublicKey), m.header, body)
	}
	m := ask()
	must(t, check(m, tagAsk, coveredAsk, body, now))
	must(t, check(m, tagAsk, coveredAsk, body, now.Add(80*time.Second)))
	input := m.header.Get("Signature-Input")
	swap := func(old, new string) func(*message) {
		if !strings.Contains(input, old) {
			t.Fatalf("%q is not in %s", old, input)
		}
		return func(m *message) { m.header.Set("Signature-Input", strings.Replace(input, old, new, 1)) }
	}
	for what, change := range map[string]func(*message){
		"another method":           func(m *message) { m.derived["@method"] = "PUT" },
		"another host":             func(m *message) { m.derived["@authority"] = "c.example" },
		"another path":             func(m *message) { m.derived["@path"] = "/api/v1/peer/lookups/x" },
		"another type":             func(m *message) { m.header.Set("Content-Type", "text/plain") },
		"another digest":           func(m *message) { m.header.Set("Content-Digest", digestOf([]byte("x"))) },
		"a second digest":          func(m *message) { m.header.Add("Content-Digest", "sha-512=:AAAA:") },
		"no signature":             func(m *message) { m.header.Del("Signature") },
		"no input":                 func(m *message) { m.header.Del("Signature-Input") },
		"two signatures":           func(m *message) { m.header.Add("Signature-Input", `sig2=("@method")`) },
		"another label":            swap("sig1=", "sig2="),
		"another key's name":       swap("a.example", "z.example"),
		"another algorithm":        swap(`alg="ed25519"`, `alg="hmac-sha256"`),
		"an algorithm as token":    swap(`alg="ed25519"`, `alg=ed25519`),
		"another tag":              swap(tagAsk, tagAnswer),
		"fewer components":         swap(` "content-digest"`, ""),
		"components in disorder":   swap(`"@method" "@authority"`, `"@authority" "@method"`),
		"a component's parameter":  swap(`"content-type"`, `"content-type";bs`),
		"no nonce":                 swap(`nonce="`, `none="`),
		"created is text":          swap("created=", `x="`),
		"a longer life":            swap("expires=17", "expires=27"),
		"another signature's form": func(m *message) { m.header.Set("Signature", `sig1="text"`) },
	} {
		m := ask()
		change(&m)
		if err := check(m, tagAsk, coveredAsk, body, now); !errors.Is(err, errSignature) {
			t.Errorf("%s: %v", what, err)
		}
	}
	m = ask()
	for what, err := range map[string]error{
		"another body":      check(m, tagAsk, coveredAsk, []byte(`{"from":"b"}`), now),
		"read as an answer": check(m, tagAnswer, coveredAll, body, now),
		"long after":        check(m, tagAsk, coveredAsk, body, now.Add(2*time.Minute)),
		"long before":       check(m, tagAsk, coveredAsk, body, now.Add(-time.Minute)),
		"by somebody else": func() error {
			s, _ := m.stated(tagAsk, coveredAsk, now)
			return s.verify(other.Public().(ed25519.PublicKey), m.header, body)
		}(),
		"body and digest": func() error {
			m := ask()
			m.header.Set("Content-Digest", digestOf([]byte("x")))
			return check(m, tagAsk, coveredAsk, []byte("x"), now)
		}(),
		"the answer's cover": check(m, tagAsk, coveredAll, body, now),
	} {
		if !errors.Is(err, errSignature) {
			t.Errorf("%s: %v", what, err)
		}
	}

	// An answer is to one request and no other.
	m = ask()
	answer := responseMessage(200, http.Header{"Content-Type": {"application/json"}}, m)
	must(t, answer.sign(key, "b.example/lookup", tagAnswer, coveredAll, body, now))
	must(t, check(answer, tagAnswer, coveredAll, body, now))
	again := ask() // another nonce
	answer.request = &again
	if err := check(answer, tagAnswer, coveredAll, body, now); !errors.Is(err, errSignature) {
		t.Errorf("an answer to another request: %v", err)
	}
	answer.request, answer.derived["@status"] = &m, "403"
	if err := check(answer, tagAnswer, coveredAll, body, now); !errors.Is(err, errSignature) {
		t.Errorf("another status: %v", err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func FuzzStated(f *testing.F) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	h := http.Header{"Content-Type": {"application/json"}}
	m := requestMessage("POST", "b.example", "/x", h)
	must(f, m.sign(newKey(f), "a.example/lookup", tagAsk, coveredAsk, nil, now))
	f.Add(h.Get("Signature-Input"), h.Get("Signature"), h.Get("Content-Digest"))
	f.Add(`sig1=("signature";req;key="a" "x";sf);created="1"`, "sig1=1", "")
	f.Fuzz(func(t *testing.T, input, signature, digest string) {
		h := http.Header{"Content-Type": {"application/json"}, "Signature-Input": {input}, "Signature": {signature}, "Content-Digest": {digest}}
		m := requestMessage("POST", "b.example", "/x", h)
		s, err := m.stated(tagAsk, coveredAsk, now)
		if err != nil {
			return
		}
		if !strings.HasPrefix(s.base, "\"@method\": POST\n\"@authority\": b.example\n") || s.keyID == "" {
			t.Errorf("accepted %q with base %q", input, s.base)
		}
		responseMessage(200, h, m).stated(tagAnswer, coveredAll, now)
	})
}
