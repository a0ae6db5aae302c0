// Package actor plays people at their devices over HTTP, as the app does in a
// browser: signing in with a software passkey, signing acts, sealing clips,
// opening vaults. The demo's story, the tests and the benchmarks use it; it
// knows nothing of the exchange but its API.
package actor

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strconv"
	"strings"
	"sync"
	"time"

	"porchlight/gate"
	"porchlight/identity"
	"porchlight/internal/agekey"
	"porchlight/internal/softkey"
	"porchlight/roster"
	"porchlight/web"

	"filippo.io/age"
)

// Client is a browser without anybody in front of it. Errors of the exchange
// are *web.Problem.
type Client struct {
	URL  string // of the exchange, no trailing slash
	HTTP *http.Client
}

// New returns a client with cookies of its own.
func New(url string) *Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic(err) // no options, no error
	}
	return &Client{URL: url, HTTP: &http.Client{Jar: jar, Timeout: 5 * time.Minute}}
}

// Get reads path below /api/v1 into out.
func (c *Client) Get(ctx context.Context, path string, out any) error {
	_, err := c.send(ctx, http.MethodGet, path, nil, nil, out)
	return err
}

// send makes one API request.
func (c *Client) send(ctx context.Context, method, path string, header http.Header, in, out any) (http.Header, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.URL+"/api/v1"+path, body)
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	req.Header.Set("Content-Type", "application/json")
	return c.do(req, out)
}

// do sends req and decodes the answer: JSON into out, or the bytes into a *[]byte.
func (c *Client) do(req *http.Request, out any) (http.Header, error) {
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 400 {
		p := &web.Problem{Status: resp.StatusCode, Title: resp.Status, Detail: string(body)}
		if resp.Header.Get("Content-Type") == "application/problem+json" {
			if err := json.Unmarshal(body, p); err != nil {
				return nil, fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, err)
			}
		}
		return nil, fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, p)
	}
	if raw, ok := out.(*[]byte); ok {
		*raw = body
		return resp.Header, nil
	}
	if out != nil && len(body) > 0 {
		if err := json.Unmarshal(body, out); err != nil {
			return nil, fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, err)
		}
	}
	return resp.Header, nil
}

// Person is somebody with an account, at her device.
type Person struct {
	*Client
	Name   string
	Key    *softkey.Key
	Device identity.Bytes                     // credential id
	own    *age.X25519Identity                // derived from the passkey
	vaults []age.Identity                     // opened so far
	vault  map[roster.Use]*age.X25519Identity // of her agency
	touch  sync.Mutex                         // one answer of the passkey at a time
}

// NewPerson gives somebody a new device.
func NewPerson(url, name string) *Person {
	return &Person{Client: New(url), Name: name, Key: softkey.New(), vault: map[roster.Use]*age.X25519Identity{}}
}

// Invitation makes a token and what is told of it to the exchange.
func Invitation() (token string, inv web.NewInvitation) {
	token = identity.NewToken()
	hash := identity.TokenHash(token)
	return token, web.NewInvitation{TokenHash: hash[:], Expires: time.Now().Add(7 * 24 * time.Hour).UTC()}
}

// Act posts in to path as a signed act and reads the answer into out. It returns
// the index of the act's entry.
func (p *Person) Act(ctx context.Context, path string, in, out any) (entry uint64, err error) {
	header := http.Header{"Porchlight-Act": {gate.NewActID()}}
	got, err := p.send(ctx, http.MethodPost, path, header, in, out)
	for range 3 { // asked again when what is signed changed meanwhile
		var problem *web.Problem
		if !errors.As(err, &problem) || problem.Type != "/problems/signature-required" {
			break
		}
		got, err = p.answer(ctx, path, header, problem, in, out)
	}
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(got.Get("Porchlight-Entry"), 10, 64)
}

// answer repeats an act with the passkey's answer.
func (p *Person) answer(ctx context.Context, path string, header http.Header, asked *web.Problem, in, out any) (http.Header, error) {
	p.touch.Lock() // answers arrive in the order of the passkey's counter
	defer p.touch.Unlock()
	assertion, err := p.Sign(asked)
	if err != nil {
		return nil, fmt.Errorf("signing %s: %w", path, err)
	}
	header.Set("Porchlight-Assertion", base64.RawURLEncoding.EncodeToString(assertion))
	return p.send(ctx, http.MethodPost, path, header, in, out)
}

// Sign answers a signature-required problem after checking that the challenge
// is that of the act shown.
func (p *Person) Sign(q *web.Problem) ([]byte, error) {
	nonce, err := base64.RawURLEncoding.DecodeString(q.Nonce)
	if err != nil {
		return nil, err
	}
	var options struct{ Challenge string }
	if err := json.Unmarshal(q.Options, &options); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append(nonce, q.Act...))
	if options.Challenge != base64.RawURLEncoding.EncodeToString(sum[:]) {
		return nil, errors.New("the challenge is not that of the act")
	}
	answer, err := p.Key.Get(q.Options, p.URL)
	if err != nil {
		return nil, err
	}
	public, _, err := softkey.Split(answer)
	return public, err
}

// Enrol takes up an invitation (its link or token) and signs in.
func (p *Person) Enrol(ctx context.Context, link string) error {
	token := link[strings.LastIndex(link, "#")+1:]
	var begun web.EnrolmentView
	if _, err := p.send(ctx, http.MethodPost, "/enrol/begin", nil, web.Token{Token: token}, &begun); err != nil {
		return err
	}
	answer, err := p.Key.Create(begun.Options, p.URL)
	if err != nil {
		return fmt.Errorf("making a passkey: %w", err)
	}
	public, prf, err := softkey.Split(answer)
	if err != nil {
		return err
	}
	if p.own, err = agekey.Identity(prf, agekey.Device); err != nil {
		return err
	}
	var added web.PasskeyAdded
	if _, err := p.send(ctx, http.MethodPost, "/enrol/passkey", nil, web.NewPasskey{Token: token, Label: "Software key", Response: public}, &added); err != nil {
		return err
	}
	p.Device = added.Device
	_, err = p.Act(ctx, "/enrol", web.Enrolling{Token: token, Device: added.Device, Recipient: p.own.Recipient().String()}, nil)
	return err
}

// SignIn starts a session with the passkey.
func (p *Person) SignIn(ctx context.Context) error {
	var begun web.PasskeyOptions
	if _, err := p.send(ctx, http.MethodPost, "/signin/begin", nil, struct{}{}, &begun); err != nil {
		return err
	}
	answer, err := p.Key.Get(begun.Options, p.URL)
	if err != nil {
		return err
	}
	public, _, err := softkey.Split(answer)
	if err != nil {
		return err
	}
	_, err = p.send(ctx, http.MethodPost, "/signin", nil, web.PasskeyAnswer{Response: public}, nil)
	return err
}

// PublishVault makes the key of one of her agency's vaults and publishes its
// recipient. The recovery key, to be printed, is returned.
func (p *Person) PublishVault(ctx context.Context, use roster.Use) (recovery *age.X25519Identity, err error) {
	vault, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, err
	}
	if recovery, err = age.GenerateX25519Identity(); err != nil {
		return nil, err
	}
	in := web.NewVault{For: use, Recipient: vault.Recipient().String(), Device: p.Device}
	if in.Wrapped, err = Seal([]byte(vault.String()), p.own.Recipient()); err != nil {
		return nil, err
	}
	if in.Recovery, err = Seal([]byte(vault.String()), recovery.Recipient()); err != nil {
		return nil, err
	}
	if _, err := p.Act(ctx, "/vault", in, nil); err != nil {
		return nil, err
	}
	p.hold(use, vault)
	return recovery, nil
}

// Vault is the identity of one of her agency's vaults, if she has opened it.
func (p *Person) Vault(use roster.Use) (*age.X25519Identity, error) {
	if p.vault[use] == nil {
		return nil, errors.New("the vault is not open")
	}
	return p.vault[use], nil
}

func (p *Person) hold(use roster.Use, vault *age.X25519Identity) {
	p.vaults = append(p.vaults, vault)
	p.vault[use] = vault
}

// OpenVault unwraps the vault keys given to her device.
func (p *Person) OpenVault(ctx context.Context) error {
	var keys []web.WrappedKeyView
	if err := p.Get(ctx, "/vault/keys", &keys); err != nil {
		return err
	}
	p.vaults = nil
	for _, k := range keys {
		if !bytes.Equal(k.Device, p.Device) {
			continue
		}
		text, err := Open(k.Wrapped, p.own)
		if err != nil {
			return err
		}
		id, err := age.ParseX25519Identity(string(text))
		if err != nil {
			return err
		}
		p.hold(k.For, id)
	}
	if len(p.vaults) == 0 {
		return errors.New("no vault key was given to this device")
	}
	return nil
}

// GrantVault gives the key of one of her agency's vaults to another device.
func (p *Person) GrantVault(ctx context.Context, use roster.Use, device identity.Bytes, recipient string) error {
	to, err := age.ParseX25519Recipient(recipient)
	if err != nil {
		return err
	}
	vault, err := p.Vault(use)
	if err != nil {
		return err
	}
	wrapped, err := Seal([]byte(vault.String()), to)
	if err != nil {
		return err
	}
	_, err = p.Act(ctx, "/vault/grants", web.VaultGrant{Vault: vault.Recipient().String(), Device: device, Wrapped: wrapped}, nil)
	return err
}

// DeviceRecipient is what a vault key for her device is sealed to.
func (p *Person) DeviceRecipient() string { return p.own.Recipient().String() }

// Seal makes a small age file.
func Seal(text []byte, to ...age.Recipient) ([]byte, error) {
	var b bytes.Buffer
	w, err := age.Encrypt(&b, to...)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}

// Open opens a small age file.
func Open(file []byte, ids ...age.Identity) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(file), ids...)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
