package identity

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"
)

// ActChallenge is what a passkey signs: SHA-256(nonce || act).
func ActChallenge(nonce [32]byte, act []byte) [32]byte {
	h := sha256.New()
	h.Write(nonce[:])
	h.Write(act)
	return [32]byte(h.Sum(nil))
}

// Challenge asks person to sign act (the act's one encoding), with that
// credential or, if there is none, with any of hers. Nothing is stored: the caller keeps the nonce with the act and lets it be used once.
// A pending passkey may sign: the first act it signs is its own enrolment.
// ErrNotFound when the person has no such passkey that works.
func (s *Service) Challenge(ctx context.Context, person string, only Bytes, act []byte) (Challenge, error) {
	have, err := credentials(reader{ctx, s.db}, person)
	if err != nil {
		return Challenge{}, fmt.Errorf("identity: challenge: %w", err)
	}
	var allow []protocol.CredentialDescriptor
	for _, c := range have {
		if c.State != Disabled && (len(only) == 0 || bytes.Equal(c.ID, only)) {
			allow = append(allow, c.descriptor())
		}
	}
	if len(allow) == 0 {
		return Challenge{}, ErrNotFound
	}
	var ch Challenge
	rand.Read(ch.Nonce[:])
	challenge := ActChallenge(ch.Nonce, act)
	ch.Options, err = s.requestOptions(challenge[:], allow)
	return ch, err
}

// VerifySignature checks that assertion (AuthenticationResponseJSON) is person's
// passkey, with the user verified, over nonce and act. The passkey's counter is
// checked and moved in one transaction. Errors: ErrSignature, ErrReplayed,
// ErrCloned (the passkey is now disabled), ErrDisabled, ErrNotFound.
func (s *Service) VerifySignature(ctx context.Context, person string, nonce [32]byte, act []byte, assertion []byte) (Signed, error) {
	parsed, err := parseAssertion(assertion)
	if err != nil {
		return Signed{}, err
	}
	if person == "" {
		return Signed{}, ErrNotFound
	}
	challenge := ActChallenge(nonce, act)
	c, _, err := s.checkAssertion(ctx, person, challenge[:], parsed)
	if err != nil {
		return Signed{}, err
	}
	if err := s.accept(ctx, c, parsed, nil); err != nil {
		return Signed{}, err
	}
	r := parsed.Raw.AssertionResponse
	return Signed{
		Nonce: nonce[:], CredentialID: c.ID, PublicKey: c.PublicKey,
		ClientDataJSON:    Bytes(r.ClientDataJSON),
		AuthenticatorData: Bytes(r.AuthenticatorData), Signature: Bytes(r.Signature),
	}, nil
}

func parseAssertion(response []byte) (*protocol.ParsedCredentialAssertionData, error) {
	if len(response) > maxResponse {
		return nil, fmt.Errorf("%w: answer of %d bytes", ErrSignature, len(response))
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrSignature, err)
	}
	if prf := parsed.ClientExtensionResults.PRF; prf != nil && prf.Results != nil {
		return nil, fmt.Errorf("%w: it carries a PRF output, which must stay on the device", ErrSignature)
	}
	return parsed, nil
}

// checkAssertion verifies everything about an answer but its counter, and
// returns the credential that gave it. An empty who means any person, who must
// then be named by the answer's user handle.
func (s *Service) checkAssertion(ctx context.Context, who string, challenge []byte, parsed *protocol.ParsedCredentialAssertionData) (credential, Person, error) {
	q := reader{ctx, s.db}
	c, err := credentialByID(q, parsed.RawID)
	if err != nil {
		return credential{}, Person{}, err
	}
	if who == "" {
		who = string(parsed.Response.UserHandle)
	}
	if c.Person != who {
		return credential{}, Person{}, fmt.Errorf("%w: not this person's passkey", ErrSignature)
	}
	p, err := person(q, c.Person)
	if err != nil {
		return credential{}, Person{}, err
	}
	if c.State == Disabled || p.State == Removed {
		return credential{}, Person{}, ErrDisabled
	}
	session := webauthn.SessionData{
		Challenge:        protocol.URLEncodedBase64(challenge).String(),
		RelyingPartyID:   s.rpID,
		UserID:           []byte(p.ID),
		UserVerification: protocol.VerificationRequired,
		Extensions:       prfExtension().Session(),
	}
	record := &webauthn.Credential{ID: c.ID, PublicKey: c.cose}
	if _, err := s.rp.ValidateLogin(user{p, record}, session, parsed); err != nil {
		return credential{}, Person{}, fmt.Errorf("%w: %v", ErrSignature, err)
	}
	return c, p, nil
}

// accept checks the signature counter against the stored one and moves it, in
// one transaction with then (WebAuthn L3 section 7.2, steps 22 and 24). A counter that
// does not grow means a copy of the authenticator: the credential is disabled.
// The very same answer again is only a replay: it proves no copy, and whoever
// captured it must not be able to disable the passkey.
func (s *Service) accept(ctx context.Context, c credential, parsed *protocol.ParsedCredentialAssertionData, then func(*sql.Tx) error) error {
	answer := sha256.New()
	answer.Write(parsed.Raw.AssertionResponse.AuthenticatorData)
	answer.Write(parsed.Raw.AssertionResponse.ClientDataJSON)
	last := [32]byte(answer.Sum(nil))
	counter := parsed.Response.AuthenticatorData.Counter
	var refused error
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		refused = nil
		now, err := credentialByID(tx, c.ID)
		if err != nil {
			return err
		}
		switch {
		case now.State == Disabled:
			return ErrDisabled
		case bytes.Equal(now.last, last[:]):
			return ErrReplayed
		case counter <= now.counter && (counter != 0 || now.counter != 0):
			refused = ErrCloned
			return disableCredential(tx, c.ID)
		}
		if err := acceptAnswer(tx, c.ID, counter, last, s.now()); err != nil {
			return err
		}
		if then == nil {
			return nil
		}
		return then(tx)
	})
	return errors.Join(err, refused)
}

// Verify checks s offline: that the key in it signed this act for the exchange
// whose RP ID is rpID, with the user present and verified. Whose key it is, the
// entry of the act person.enrol says.
func (s Signed) Verify(act []byte, rpID string) error {
	var client struct {
		Type      string `json:"type"`
		Challenge Bytes  `json:"challenge"`
	}
	if err := json.Unmarshal(s.ClientDataJSON, &client); err != nil {
		return fmt.Errorf("%w: client data: %v", ErrSignature, err)
	}
	if len(s.Nonce) != 32 {
		return fmt.Errorf("%w: nonce of %d bytes", ErrSignature, len(s.Nonce))
	}
	challenge := ActChallenge([32]byte(s.Nonce), act)
	rp := sha256.Sum256([]byte(rpID))
	switch a := s.AuthenticatorData; {
	case client.Type != string(protocol.AssertCeremony):
		return fmt.Errorf("%w: it is a %q", ErrSignature, client.Type)
	case !bytes.Equal(client.Challenge, challenge[:]):
		return fmt.Errorf("%w: it signs something else", ErrSignature)
	case len(a) < 37 || !bytes.Equal(a[:32], rp[:]):
		return fmt.Errorf("%w: it was made for another site", ErrSignature)
	case a[32]&1 == 0 || a[32]&4 == 0:
		return fmt.Errorf("%w: the user was not verified", ErrSignature)
	}
	hash := sha256.Sum256(s.ClientDataJSON)
	signed := append(bytes.Clone(s.AuthenticatorData), hash[:]...)
	key, err := x509.ParsePKIXPublicKey(s.PublicKey)
	if err != nil {
		return fmt.Errorf("%w: public key: %v", ErrSignature, err)
	}
	digest := sha256.Sum256(signed)
	ok := false
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		ok = ecdsa.VerifyASN1(key, digest[:], s.Signature)
	case ed25519.PublicKey:
		ok = ed25519.Verify(key, signed, s.Signature)
	case *rsa.PublicKey:
		ok = rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], s.Signature) == nil
	}
	if !ok {
		return ErrSignature
	}
	return nil
}

// spkiFromCOSE re-encodes a COSE_Key as SubjectPublicKeyInfo, which every
// library and WebCrypto can read.
func spkiFromCOSE(cose []byte) ([]byte, error) {
	parsed, err := webauthncose.ParsePublicKey(cose)
	if err != nil {
		return nil, err
	}
	var key crypto.PublicKey
	switch k := parsed.(type) {
	case webauthncose.EC2PublicKeyData:
		key, err = k.ToECDSA()
	case webauthncose.OKPPublicKeyData:
		key = ed25519.PublicKey(k.XCoord)
	case webauthncose.RSAPublicKeyData:
		var e int
		e, err = webauthncose.ParseRSAPublicKeyDataExponent(&k)
		key = &rsa.PublicKey{N: new(big.Int).SetBytes(k.Modulus), E: e}
	default:
		err = fmt.Errorf("key type %T", parsed)
	}
	if err != nil {
		return nil, err
	}
	return x509.MarshalPKIXPublicKey(key)
}
