// Package pushtest is a push service for tests, and the browsers behind it.
package pushtest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"porchlight/internal/push"

	"github.com/golang-jwt/jwt/v5"
)

// Contact is the operator's address that senders must state.
const Contact = "mailto:operator@exchange.example"

// Service is a push service and the browsers behind it: it checks VAPID
// (RFC 8292) and decrypts what arrives (RFC 8188, 8291).
type Service struct {
	*httptest.Server
	t      testing.TB
	vapid  string
	key    *ecdh.PrivateKey
	auth   []byte
	mu     sync.Mutex
	status int
	got    map[string][]string // path -> messages
	sizes  map[int]bool
}

// New starts one that takes messages signed with this VAPID key.
func New(t testing.TB, vapid string) *Service {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &Service{t: t, vapid: vapid, key: key, auth: make([]byte, 16), status: 201, got: map[string][]string{}, sizes: map[int]bool{}}
	rand.Read(p.auth)
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

// ServeHTTP implements http.Handler.
func (p *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.checkVAPID(r); err != nil {
		p.t.Errorf("VAPID: %v", err)
	}
	message, err := p.decrypt(body)
	if err != nil || r.Header.Get("Content-Encoding") != "aes128gcm" || r.Header.Get("TTL") == "" || r.Header.Get("Topic") != "" {
		p.t.Errorf("push message: %v, %v", err, r.Header)
	}
	p.sizes[len(body)] = true
	if p.status == 201 {
		p.got[r.URL.Path] = append(p.got[r.URL.Path], message)
	}
	w.WriteHeader(p.status)
}

func (p *Service) checkVAPID(r *http.Request) error {
	var token, k string
	if _, err := fmt.Sscanf(strings.ReplaceAll(r.Header.Get("Authorization"), ", k=", " "), "vapid t=%s %s", &token, &k); err != nil {
		return err
	}
	if k != p.vapid {
		return errors.New("another key")
	}
	raw, err := base64.RawURLEncoding.DecodeString(k)
	if err != nil {
		return err
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), raw)
	if err != nil {
		return err
	}
	claims := jwt.MapClaims{}
	_, err = jwt.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return public, nil },
		jwt.WithValidMethods([]string{"ES256"}), jwt.WithAudience(p.URL), jwt.WithExpirationRequired())
	if err == nil && claims["sub"] != Contact {
		err = fmt.Errorf("subject %v", claims["sub"])
	}
	return err
}

func (p *Service) decrypt(body []byte) (string, error) {
	if len(body) < 86 || body[20] != 65 {
		return "", errors.New("no aes128gcm header with a P-256 key")
	}
	salt, sender := body[:16], body[21:86]
	public, err := ecdh.P256().NewPublicKey(sender)
	if err != nil {
		return "", err
	}
	shared, err := p.key.ECDH(public)
	if err != nil {
		return "", err
	}
	derive := func(secret, salt []byte, info string, n int) []byte {
		k, err := hkdf.Key(sha256.New, secret, salt, info, n)
		if err != nil {
			p.t.Error(err)
		}
		return k
	}
	ikm := derive(shared, p.auth, "WebPush: info\x00"+string(p.key.PublicKey().Bytes())+string(sender), 32)
	block, err := aes.NewCipher(derive(ikm, salt, "Content-Encoding: aes128gcm\x00", 16))
	if err != nil {
		return "", err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return "", err
	}
	plain, err := aead.Open(nil, derive(ikm, salt, "Content-Encoding: nonce\x00", 12), body[86:], nil)
	if err != nil {
		return "", err
	}
	text, found := strings.CutSuffix(strings.TrimRight(string(plain), "\x00"), "\x02")
	if !found {
		return "", errors.New("no end of padding")
	}
	return text, nil
}

// Browser is the one that the service reaches at path.
func (p *Service) Browser(path string) push.Browser {
	enc := base64.RawURLEncoding.EncodeToString
	return push.Browser{Endpoint: p.URL + path, P256DH: enc(p.key.PublicKey().Bytes()), Auth: enc(p.auth)}
}

// Answer is the HTTP status from now on.
func (p *Service) Answer(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = status
}

// Messages that came for the browser at path.
func (p *Service) Messages(path string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got[path])
}

// Sizes are the lengths of the messages, encrypted.
func (p *Service) Sizes() map[int]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.sizes)
}
