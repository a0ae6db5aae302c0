package identity

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
)

// Session is somebody signed in.
type Session struct {
	Principal Principal
	Device    Bytes     // the passkey she signed in with
	Started   time.Time // absolute expiry counts from here

	person string
	used   time.Time
}

// BeginSignIn returns PublicKeyCredentialRequestOptionsJSON for any passkey of
// this exchange (discoverable credential). Nothing is stored.
func (s *Service) BeginSignIn(ctx context.Context) (json.RawMessage, error) {
	return s.requestOptions(s.newChallenge("signin"), nil)
}

// SignIn checks the answer to BeginSignIn (AuthenticationResponseJSON) and
// starts a session; token is for the cookie and is stored only as its hash.
// Errors as VerifySignature.
func (s *Service) SignIn(ctx context.Context, response []byte) (token string, p Principal, err error) {
	parsed, err := parseAssertion(response)
	if err != nil {
		return "", Principal{}, err
	}
	challenge, expires, err := s.checkChallenge("signin", parsed.Response.CollectedClientData.Challenge)
	if err != nil {
		return "", Principal{}, err
	}
	c, who, err := s.checkAssertion(ctx, "", challenge, parsed)
	if err != nil {
		return "", Principal{}, err
	}
	if c.State != Active {
		return "", Principal{}, ErrDisabled // pending: its enrolment was never recorded
	}
	token = newSessionToken()
	err = s.accept(ctx, c, parsed, func(tx *sql.Tx) error {
		now := s.now()
		if err := spend(tx, challenge, expires, now); err != nil {
			return err
		}
		if err := sweep(tx, now); err != nil {
			return err
		}
		return insertSession(tx, TokenHash(token), c.Person, c.ID, now)
	})
	if err != nil {
		return "", Principal{}, err
	}
	return token, who.Principal(), nil
}

// StartSession signs in a person whose passkey has just signed her enrolment.
// ErrDisabled unless the device is active.
func (s *Service) StartSession(ctx context.Context, person string, device Bytes) (token string, err error) {
	token = newSessionToken()
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		c, err := credentialByID(tx, device)
		if err != nil {
			return err
		}
		if c.Person != person || c.State != Active {
			return ErrDisabled
		}
		return insertSession(tx, TokenHash(token), person, device, s.now())
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

// Session returns the session of a token and keeps it alive. ErrNotFound when
// there is none, it was idle too long, or its absolute time is over.
func (s *Service) Session(ctx context.Context, token string) (Session, error) {
	hash, now := TokenHash(token), s.now()
	q := reader{ctx, s.db}
	session, err := sessionByHash(q, hash)
	if err != nil {
		return Session{}, err
	}
	if now.Sub(session.used) >= SessionIdle || now.Sub(session.Started) >= SessionMax {
		return Session{}, ErrNotFound
	}
	p, err := person(q, session.person)
	if err != nil {
		return Session{}, err
	}
	if p.State != Enrolled {
		return Session{}, ErrNotFound
	}
	session.Principal = p.Principal()
	if now.Sub(session.used) >= time.Minute { // not a write for every request
		err = s.db.Write(ctx, func(tx *sql.Tx) error { return touchSession(tx, hash, now) })
	}
	return session, err
}

// SignOut ends one session.
func (s *Service) SignOut(ctx context.Context, token string) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error { return deleteSession(tx, TokenHash(token)) })
}

// EndSessions ends all sessions of a person.
func (s *Service) EndSessions(tx *sql.Tx, person string) error { return deleteSessions(tx, person) }

func newSessionToken() string {
	b := make([]byte, tokenBytes)
	rand.Read(b)
	text, _ := Bytes(b).MarshalText()
	return string(text)
}

func (s *Service) requestOptions(challenge []byte, allow []protocol.CredentialDescriptor) (json.RawMessage, error) {
	options, err := json.Marshal(protocol.PublicKeyCredentialRequestOptions{
		Challenge: challenge, RelyingPartyID: s.rpID, AllowedCredentials: allow,
		Timeout: int(ceremonyMax.Milliseconds()), UserVerification: protocol.VerificationRequired,
		Extensions: prfExtension(),
	})
	if err != nil {
		return nil, fmt.Errorf("identity: options: %w", err)
	}
	return options, nil
}
