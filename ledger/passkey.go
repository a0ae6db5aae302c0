package ledger

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// signatureName is the private value that an entry's Signature commits to.
const signatureName = "signature"

// b64url is base64url without padding in JSON (RFC 4648 section 5).
type b64url []byte

func (b *b64url) UnmarshalText(text []byte) (err error) {
	*b, err = base64.RawURLEncoding.Strict().DecodeString(string(text))
	return err
}

// assertion is the disclosed passkey signature over an act (identity.Signed):
// SHA-256(nonce || Act.Bytes()) was the WebAuthn challenge.
type assertion struct {
	Nonce             b64url `json:"nonce"`
	CredentialID      b64url `json:"credential_id"`
	PublicKey         b64url `json:"public_key"` // SubjectPublicKeyInfo: P-256 (ES256) or Ed25519
	ClientDataJSON    b64url `json:"client_data_json"`
	AuthenticatorData b64url `json:"authenticator_data"`
	Signature         b64url `json:"signature"`
	UserHandle        b64url `json:"user_handle"`
}

type passkeyClaim struct{ site, credential string }

// checkPasskey verifies a disclosed assertion over act (WebAuthn Level 3
// section 7.2, as far as it can be done without the exchange).
func checkPasskey(act Act, disclosed string) (passkeyClaim, error) {
	fail := func(format string, args ...any) (passkeyClaim, error) {
		return passkeyClaim{}, fmt.Errorf(format, args...)
	}
	var a assertion
	if err := json.Unmarshal([]byte(disclosed), &a); err != nil {
		return fail("it cannot be read")
	}
	var client struct {
		Type      string `json:"type"`
		Challenge b64url `json:"challenge"`
		Origin    string `json:"origin"`
	}
	if err := json.Unmarshal(a.ClientDataJSON, &client); err != nil {
		return fail("its client data cannot be read")
	}
	challenge := sha256.Sum256(append(a.Nonce[:len(a.Nonce):len(a.Nonce)], act.Bytes()...))
	site, err := url.Parse(client.Origin)
	data := a.AuthenticatorData
	switch {
	case len(a.Nonce) != 32:
		return fail("its nonce has %d bytes, not 32", len(a.Nonce))
	case client.Type != "webauthn.get":
		return fail("it is no assertion")
	case string(client.Challenge) != string(challenge[:]):
		return fail("it signs another act")
	case err != nil || len(data) < 37 || !relyingParty(site.Hostname(), Hash(data[:32])):
		return fail("it was made for another site")
	case data[32]&1 == 0 || data[32]&4 == 0:
		return fail("the device did not verify its holder")
	}
	key, err := x509.ParsePKIXPublicKey(a.PublicKey)
	if err != nil {
		return fail("its public key cannot be read")
	}
	clientHash := sha256.Sum256(a.ClientDataJSON)
	signed := append(data[:len(data):len(data)], clientHash[:]...)
	ok := false
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		digest := sha256.Sum256(signed)
		ok = key.Curve == elliptic.P256() && ecdsa.VerifyASN1(key, digest[:], a.Signature)
	case ed25519.PublicKey:
		ok = ed25519.Verify(key, signed, a.Signature)
	}
	if !ok {
		return passkeyClaim{}, errors.New("it does not verify")
	}
	return passkeyClaim{client.Origin, base64.RawURLEncoding.EncodeToString(a.CredentialID)}, nil
}

// relyingParty reports whether hash is of host or a domain above it.
func relyingParty(host string, hash Hash) bool {
	for host != "" {
		if sha256.Sum256([]byte(host)) == hash {
			return true
		}
		_, host, _ = strings.Cut(host, ".")
	}
	return false
}
