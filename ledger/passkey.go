package ledger

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
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
	PublicKey         b64url `json:"public_key"` // SubjectPublicKeyInfo: P-256 (ES256), Ed25519 or RSA (RS256)
	ClientDataJSON    b64url `json:"client_data_json"`
	AuthenticatorData b64url `json:"authenticator_data"`
	Signature         b64url `json:"signature"`
	UserHandle        b64url `json:"user_handle"`
}

// passkeyClaim is a passkey that signed: where, its id, and its public key as
// the entry that enrolled it has it ("public_key"), both base64url.
type passkeyClaim struct{ site, credential, key string }

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
	case *rsa.PublicKey:
		digest := sha256.Sum256(signed)
		ok = rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], a.Signature) == nil
	}
	if !ok {
		return passkeyClaim{}, errors.New("it does not verify")
	}
	b64 := base64.RawURLEncoding.EncodeToString
	return passkeyClaim{client.Origin, b64(a.CredentialID), b64(a.PublicKey)}, nil
}

// enrolAction is the act that introduces a passkey: its public value
// "public_key" is the key, and the passkey itself signs it.
const enrolAction = "person.enrol"

// holder reports whose passkey signed rc: what the entry that enrolled it says,
// if one of enrolments is its receipt, or rc itself is.
func (v Verifier) holder(r *Report, rc Receipt, p passkeyClaim, enrolments []Receipt) {
	if rc.Entry.Act.Action == enrolAction && rc.Entry.Decision.Permit {
		enrolments = []Receipt{rc} // being checked
	}
	if len(enrolments) == 0 {
		r.say(NotProved, "passkey-holder", "credential", p.credential)
		return
	}
	for _, e := range enrolments {
		act, index := e.Entry.Act, strconv.FormatUint(e.Index, 10)
		if act.Action != enrolAction || act.Public["public_key"] != p.key {
			continue
		}
		if act.Agency != rc.Entry.Act.Agency || e.Index > rc.Index || !e.Entry.Decision.Permit {
			r.say(Refused, "passkey-holder", "index", index)
			return
		}
		if e.Index != rc.Index {
			sub, _ := v.Receipt(e)
			if i := slices.IndexFunc(sub.Claims, func(c Claim) bool { return c.Status == Refused }); i >= 0 {
				r.say(Refused, "enrolment", "index", index, "error", sub.Claims[i].What)
				return
			}
		}
		r.say(Proved, "passkey-holder", "index", index, "actor", act.Actor, "agency", list(strings.Fields(act.Agency)))
		return
	}
	r.say(Refused, "passkey-unknown")
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
