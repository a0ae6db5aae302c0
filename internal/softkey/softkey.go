// Package softkey is a WebAuthn authenticator in software, with the client part
// a browser plays around it: discoverable ES256 credentials, user verification,
// signature counter, and the PRF extension over CTAP's hmac-secret. It exists
// for tests and for `porchlight demo`; nothing that serves real people links it.
//
// It reads and writes the JSON forms of Web Authentication Level 3
// (parseCreationOptionsFromJSON, parseRequestOptionsFromJSON, toJSON).
package softkey

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/fxamacker/cbor/v2"
)

// Key is one authenticator, holding any number of credentials. Its JSON is
// everything it knows, secrets included. Safe for concurrent use.
type Key struct {
	mu sync.Mutex
	state
}

type state struct {
	Credentials []*credential `json:"credentials"`
	// Synced makes new credentials say that they may leave the device
	// (backup eligible and backed up), as passkeys in a cloud account do.
	Synced bool `json:"synced,omitempty"`
	// NoPRF makes it an authenticator without hmac-secret.
	NoPRF bool `json:"no_prf,omitempty"`
	// Unverified makes it answer without verifying its user.
	Unverified bool `json:"unverified,omitempty"`
}

// Option changes how a new Key behaves, for tests of refusals.
type Option func(*state)

// Synced keys say that they may leave the device.
func Synced(s *state) { s.Synced = true }

// NoPRF keys have no hmac-secret.
func NoPRF(s *state) { s.NoPRF = true }

// Unverified keys answer without verifying the user.
func Unverified(s *state) { s.Unverified = true }

type credential struct {
	ID      []byte `json:"id"`
	RPID    string `json:"rp_id"`
	User    []byte `json:"user"`    // user handle
	Private []byte `json:"private"` // PKCS #8
	Secret  []byte `json:"secret"`  // CredRandom with user verification, CTAP 2.1 section 12.5
	Counter uint32 `json:"counter"`
	Synced  bool   `json:"synced,omitempty"`
}

// ErrNoCredential: the key holds none that the options allow.
var ErrNoCredential = errors.New("softkey: no credential for this request")

// New returns an empty authenticator.
func New(opts ...Option) *Key {
	k := &Key{}
	for _, o := range opts {
		o(&k.state)
	}
	return k
}

// MarshalJSON writes the whole authenticator, secrets included.
func (k *Key) MarshalJSON() ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return json.Marshal(k.state)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (k *Key) UnmarshalJSON(data []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return json.Unmarshal(data, &k.state)
}

// Clone copies the authenticator, counters included: what a thief who opened
// the hardware would hold.
func (k *Key) Clone() *Key {
	data, err := k.MarshalJSON()
	if err != nil {
		panic("softkey: " + err.Error())
	}
	c := &Key{}
	if err := c.UnmarshalJSON(data); err != nil {
		panic("softkey: " + err.Error())
	}
	return c
}

// b64 is base64url without padding in JSON.
type b64 []byte

func (b b64) MarshalText() ([]byte, error) { return base64.RawURLEncoding.AppendEncode(nil, b), nil }

func (b *b64) UnmarshalText(text []byte) (err error) {
	*b, err = base64.RawURLEncoding.DecodeString(string(text))
	return err
}

type prfValues struct {
	First  b64 `json:"first"`
	Second b64 `json:"second,omitempty"`
}

type prfInput struct {
	Eval             *prfValues           `json:"eval"`
	EvalByCredential map[string]prfValues `json:"evalByCredential"`
}

type prfOutput struct {
	Enabled *bool      `json:"enabled,omitempty"`
	Results *prfValues `json:"results,omitempty"`
}

type extensionResults struct {
	PRF       *prfOutput `json:"prf,omitempty"`
	CredProps *credProps `json:"credProps,omitempty"`
}

type credProps struct {
	RK bool `json:"rk"`
}

type descriptor struct {
	ID b64 `json:"id"`
}

type extensionInputs struct {
	PRF       *prfInput `json:"prf"`
	CredProps bool      `json:"credProps"`
}

// response is RegistrationResponseJSON or AuthenticationResponseJSON.
type response struct {
	ID         b64              `json:"id"`
	RawID      b64              `json:"rawId"`
	Type       string           `json:"type"`
	Attachment string           `json:"authenticatorAttachment"`
	Response   any              `json:"response"`
	Extensions extensionResults `json:"clientExtensionResults"`
}

type attestationResponse struct {
	ClientDataJSON     b64      `json:"clientDataJSON"`
	AuthenticatorData  b64      `json:"authenticatorData"`
	AttestationObject  b64      `json:"attestationObject"`
	Transports         []string `json:"transports"`
	PublicKey          b64      `json:"publicKey"`
	PublicKeyAlgorithm int      `json:"publicKeyAlgorithm"`
}

type assertionResponse struct {
	ClientDataJSON    b64 `json:"clientDataJSON"`
	AuthenticatorData b64 `json:"authenticatorData"`
	Signature         b64 `json:"signature"`
	UserHandle        b64 `json:"userHandle,omitempty"`
}

const algES256 = -7

// Create makes a credential: options is PublicKeyCredentialCreationOptionsJSON,
// origin that of the page which asks; the answer is RegistrationResponseJSON.
func (k *Key) Create(options []byte, origin string) ([]byte, error) {
	var o struct {
		RP struct {
			ID string `json:"id"`
		} `json:"rp"`
		User struct {
			ID b64 `json:"id"`
		} `json:"user"`
		Challenge b64 `json:"challenge"`
		Params    []struct {
			Alg int `json:"alg"`
		} `json:"pubKeyCredParams"`
		Exclude    []descriptor    `json:"excludeCredentials"`
		Extensions extensionInputs `json:"extensions"`
	}
	if err := json.Unmarshal(options, &o); err != nil {
		return nil, fmt.Errorf("softkey: creation options: %w", err)
	}
	rpID, err := effectiveRPID(o.RP.ID, origin)
	if err != nil {
		return nil, err
	}
	es256 := len(o.Params) == 0
	for _, p := range o.Params {
		es256 = es256 || p.Alg == algES256
	}
	if !es256 {
		return nil, errors.New("softkey: the site does not accept ES256")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range k.Credentials {
		if c.RPID == rpID && slices.ContainsFunc(o.Exclude, func(d descriptor) bool { return bytes.Equal(d.ID, c.ID) }) {
			return nil, errors.New("softkey: this authenticator already holds a passkey of this person")
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	c := &credential{RPID: rpID, User: o.User.ID, ID: make([]byte, 32), Secret: make([]byte, 32), Synced: k.Synced}
	rand.Read(c.ID)
	rand.Read(c.Secret)
	if c.Private, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		return nil, err
	}
	// A user has one credential for a site: the new one replaces the old.
	k.Credentials = slices.DeleteFunc(k.Credentials, func(old *credential) bool {
		return old.RPID == rpID && bytes.Equal(old.User, c.User)
	})
	k.Credentials = append(k.Credentials, c)

	cose, spki, err := publicKey(key)
	if err != nil {
		return nil, err
	}
	var extensions []byte
	var results extensionResults
	if o.Extensions.CredProps {
		results.CredProps = &credProps{RK: true}
	}
	if p := o.Extensions.PRF; p != nil {
		enabled := !k.NoPRF
		results.PRF = &prfOutput{Enabled: &enabled}
		if enabled {
			extensions = encode(map[string]any{"hmac-secret": true})
			if p.Eval != nil {
				results.PRF.Results = c.prf(*p.Eval)
			}
		}
	}
	data := k.authenticatorData(c, 0x40, extensions, func(b *bytes.Buffer) {
		b.Write(make([]byte, 16)) // AAGUID: none
		binary.Write(b, binary.BigEndian, uint16(len(c.ID)))
		b.Write(c.ID)
		b.Write(cose)
	})
	client := clientData("webauthn.create", o.Challenge, origin)
	object := encode(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data})
	return json.Marshal(response{
		ID: c.ID, RawID: c.ID, Type: "public-key", Attachment: "cross-platform", Extensions: results,
		Response: attestationResponse{
			ClientDataJSON: client, AuthenticatorData: data, AttestationObject: object,
			Transports: []string{"usb"}, PublicKey: spki, PublicKeyAlgorithm: algES256,
		},
	})
}

// Get answers a request: options is PublicKeyCredentialRequestOptionsJSON, the
// answer AuthenticationResponseJSON, its counter one higher than the last.
// ErrNoCredential when the key holds none that fits.
func (k *Key) Get(options []byte, origin string) ([]byte, error) {
	var o struct {
		RPID       string          `json:"rpId"`
		Challenge  b64             `json:"challenge"`
		Allow      []descriptor    `json:"allowCredentials"`
		Extensions extensionInputs `json:"extensions"`
	}
	if err := json.Unmarshal(options, &o); err != nil {
		return nil, fmt.Errorf("softkey: request options: %w", err)
	}
	rpID, err := effectiveRPID(o.RPID, origin)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	i := slices.IndexFunc(k.Credentials, func(c *credential) bool {
		return c.RPID == rpID && (len(o.Allow) == 0 ||
			slices.ContainsFunc(o.Allow, func(d descriptor) bool { return bytes.Equal(d.ID, c.ID) }))
	})
	if i < 0 {
		return nil, ErrNoCredential
	}
	c := k.Credentials[i]
	parsed, err := x509.ParsePKCS8PrivateKey(c.Private)
	if err != nil {
		return nil, fmt.Errorf("softkey: %w", err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("softkey: private key is a %T", parsed)
	}
	c.Counter++
	var results extensionResults
	if p := o.Extensions.PRF; p != nil {
		results.PRF = &prfOutput{}
		in := p.Eval
		if byID, ok := p.EvalByCredential[base64.RawURLEncoding.EncodeToString(c.ID)]; ok {
			in = &byID
		}
		if in != nil && !k.NoPRF {
			results.PRF.Results = c.prf(*in)
		}
	}
	data := k.authenticatorData(c, 0, nil, nil)
	client := clientData("webauthn.get", o.Challenge, origin)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(bytes.Clone(data), hash[:]...))
	sig, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		return nil, fmt.Errorf("softkey: %w", err)
	}
	return json.Marshal(response{
		ID: c.ID, RawID: c.ID, Type: "public-key", Attachment: "cross-platform", Extensions: results,
		Response: assertionResponse{ClientDataJSON: client, AuthenticatorData: data, Signature: sig, UserHandle: c.User},
	})
}

// Split takes the PRF output (32 bytes, nil if none) out of an answer, as every
// client does before it sends the answer on: the output is a secret of the device.
func Split(answer []byte) (public, prf []byte, err error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(answer, &m); err != nil {
		return nil, nil, fmt.Errorf("softkey: answer: %w", err)
	}
	var results extensionResults
	if err := json.Unmarshal(m["clientExtensionResults"], &results); err != nil {
		return nil, nil, fmt.Errorf("softkey: extension results: %w", err)
	}
	if results.PRF != nil && results.PRF.Results != nil {
		prf, results.PRF.Results = results.PRF.Results.First, nil
	}
	if m["clientExtensionResults"], err = json.Marshal(results); err != nil {
		return nil, nil, err
	}
	public, err = json.Marshal(m)
	return public, prf, err
}

// prf evaluates the PRF extension: HMAC-SHA-256 under the credential's secret
// over SHA-256("WebAuthn PRF" || 0 || input), WebAuthn L3 section 10.1.4.
func (c *credential) prf(in prfValues) *prfValues {
	eval := func(input []byte) []byte {
		salt := sha256.Sum256(append([]byte("WebAuthn PRF\x00"), input...))
		m := hmac.New(sha256.New, c.Secret)
		m.Write(salt[:])
		return m.Sum(nil)
	}
	out := &prfValues{First: eval(in.First)}
	if in.Second != nil {
		out.Second = eval(in.Second)
	}
	return out
}

// authenticatorData is laid out as in WebAuthn L3 section 6.1.
func (k *Key) authenticatorData(c *credential, flags byte, extensions []byte, attested func(*bytes.Buffer)) []byte {
	var b bytes.Buffer
	rp := sha256.Sum256([]byte(c.RPID))
	b.Write(rp[:])
	flags |= 0x01 // user present
	if !k.Unverified {
		flags |= 0x04 // user verified
	}
	if c.Synced {
		flags |= 0x08 | 0x10 // backup eligible, backed up
	}
	if extensions != nil {
		flags |= 0x80
	}
	b.WriteByte(flags)
	binary.Write(&b, binary.BigEndian, c.Counter)
	if attested != nil {
		attested(&b)
	}
	b.Write(extensions)
	return b.Bytes()
}

// clientData is serialized as in WebAuthn L3 section 5.8.1.1.
func clientData(kind string, challenge []byte, origin string) []byte {
	quoted, _ := json.Marshal(origin)
	return fmt.Appendf(nil, `{"type":%q,"challenge":%q,"origin":%s,"crossOrigin":false}`,
		kind, base64.RawURLEncoding.EncodeToString(challenge), quoted)
}

// effectiveRPID is the check a browser makes: the RP ID is the page's host or a
// parent domain of it. It does not know the public suffix list.
func effectiveRPID(rpID, origin string) (string, error) {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("softkey: origin %q", origin)
	}
	host := u.Hostname()
	if rpID == "" {
		return host, nil
	}
	if rpID != host && !strings.HasSuffix(host, "."+rpID) {
		return "", fmt.Errorf("softkey: %s may not use passkeys of %s", origin, rpID)
	}
	return rpID, nil
}

// publicKey returns the key as COSE_Key (RFC 9053 section 7.1.1) and SubjectPublicKeyInfo.
func publicKey(key *ecdsa.PrivateKey) (cose, spki []byte, err error) {
	point, err := key.PublicKey.Bytes() // 4 || X || Y
	if err != nil {
		return nil, nil, err
	}
	cose = encode(map[int]any{1: 2, 3: algES256, -1: 1, -2: point[1:33], -3: point[33:]})
	spki, err = x509.MarshalPKIXPublicKey(&key.PublicKey)
	return cose, spki, err
}

var ctap2, _ = cbor.CTAP2EncOptions().EncMode()

func encode(v any) []byte {
	b, err := ctap2.Marshal(v)
	if err != nil {
		panic("softkey: " + err.Error())
	}
	return b
}
