package identity

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// Enrolment is what a person sees and her browser needs to make a passkey.
type Enrolment struct {
	Invitation Invitation      `json:"invitation"`
	Person     Person          `json:"person"`
	Options    json.RawMessage `json:"options"` // PublicKeyCredentialCreationOptionsJSON
}

// Invitation returns the invitation a token opens, used or not. ErrInvitation
// when there is none or it expired unused.
func (s *Service) Invitation(ctx context.Context, token string) (Invitation, Person, error) {
	return s.invitation(reader{ctx, s.db}, token)
}

func (s *Service) invitation(q querier, token string) (Invitation, Person, error) {
	inv, err := invitationByHash(q, TokenHash(token))
	if errors.Is(err, ErrNotFound) || err == nil && inv.UsedBy == "" && !inv.Expires.After(s.now()) {
		return Invitation{}, Person{}, ErrInvitation
	}
	if err != nil {
		return Invitation{}, Person{}, fmt.Errorf("identity: invitation: %w", err)
	}
	p, err := person(q, inv.Person)
	if err == nil && p.State == Removed {
		err = ErrInvitation
	}
	return inv, p, err
}

// BeginEnrol starts making a passkey under an unused invitation. It may be
// called again until the invitation is used. ErrInvitation.
func (s *Service) BeginEnrol(ctx context.Context, token string) (Enrolment, error) {
	inv, p, err := s.Invitation(ctx, token)
	if err != nil {
		return Enrolment{}, err
	}
	if inv.UsedBy != "" {
		return Enrolment{}, ErrInvitation
	}
	have, err := credentials(reader{ctx, s.db}, p.ID)
	if err != nil {
		return Enrolment{}, fmt.Errorf("identity: enrolment: %w", err)
	}
	creation, _, err := s.creation(p, s.newChallenge(enrolPurpose(inv)), have)
	if err != nil {
		return Enrolment{}, fmt.Errorf("identity: enrolment: %w", err)
	}
	options, err := json.Marshal(creation.Response)
	return Enrolment{inv, p, options}, err
}

func enrolPurpose(inv Invitation) string { return "enrol " + inv.ID }

// creation builds the options of a registration and what checks its answer.
func (s *Service) creation(p Person, challenge []byte, have []credential) (*protocol.CredentialCreation, *webauthn.SessionData, error) {
	return s.rp.BeginRegistration(user{p, nil}, func(o *protocol.PublicKeyCredentialCreationOptions) error {
		o.Challenge = challenge
		o.Parameters = algorithms
		o.Extensions = prfExtension()
		for _, c := range have {
			if c.State == Active {
				o.CredentialExcludeList = append(o.CredentialExcludeList, c.descriptor())
			}
		}
		return nil
	})
}

// AddPasskey checks a new passkey (RegistrationResponseJSON) and keeps it as
// pending, until FinishEnrol under a recorded act makes it active. Called again
// with the same answer it returns the same device. Errors: ErrInvitation,
// ErrLabel, ErrSyncedPasskey, ErrNoPRF (for people who need vault access),
// ErrSignature.
func (s *Service) AddPasskey(ctx context.Context, token, label string, response []byte) (Device, error) {
	inv, p, err := s.Invitation(ctx, token)
	if err != nil {
		return Device{}, err
	}
	if inv.UsedBy != "" {
		return Device{}, ErrInvitation
	}
	if label = strings.TrimSpace(label); label == "" || utf8.RuneCountInString(label) > maxLabel {
		return Device{}, ErrLabel
	}
	if len(response) > maxResponse {
		return Device{}, fmt.Errorf("%w: answer of %d bytes", ErrSignature, len(response))
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return Device{}, fmt.Errorf("%w: %v", ErrSignature, err)
	}
	if prf := parsed.ClientExtensionResults.PRF; prf != nil && prf.Results != nil {
		return Device{}, fmt.Errorf("%w: it carries a PRF output, which must stay on the device", ErrSignature)
	}
	challenge, _, err := s.checkChallenge(enrolPurpose(inv), parsed.Response.CollectedClientData.Challenge)
	if err != nil {
		return Device{}, err
	}
	_, session, err := s.creation(p, challenge, nil)
	if err != nil {
		return Device{}, err
	}
	made, err := s.rp.CreateCredential(user{p, nil}, *session, parsed)
	if err != nil {
		return Device{}, fmt.Errorf("%w: %v", ErrSignature, err)
	}
	if made.Flags.BackupEligible {
		return Device{}, ErrSyncedPasskey
	}
	prf := made.Extensions.PRFEnabled != nil && *made.Extensions.PRFEnabled
	if who := p.Principal(); !prf && (who.Has(RoleCustodian) || who.Has(RoleInvestigator)) {
		return Device{}, ErrNoPRF
	}
	spki, err := spkiFromCOSE(made.PublicKey)
	if err != nil {
		return Device{}, fmt.Errorf("%w: %v", ErrSignature, err)
	}
	c := credential{
		Device: Device{ID: made.ID, Person: p.ID, Label: label, PublicKey: spki, PRF: prf,
			State: Pending, Added: s.now().UTC().Truncate(time.Microsecond)},
		cose: made.PublicKey, counter: made.Authenticator.SignCount,
	}
	for _, t := range made.Transport {
		c.transports = append(c.transports, string(t))
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error { return insertCredential(tx, c) })
	return c.Device, err
}

// FinishEnrol uses up the invitation for the act and makes the pending passkey
// active. ErrInvitation, ErrNotFound.
func (s *Service) FinishEnrol(tx *sql.Tx, token string, device Bytes, act string) error {
	inv, p, err := s.invitation(tx, token)
	if err != nil {
		return err
	}
	if err := useInvitation(tx, inv.ID, act); err != nil {
		return err
	}
	return activate(tx, p.ID, device)
}

// newChallenge is expiry (8 bytes, Unix seconds, big endian), 16 random bytes
// and a MAC over both and the purpose: asking for one stores nothing.
func (s *Service) newChallenge(purpose string) []byte {
	c := make([]byte, 24, challengeBytes)
	binary.BigEndian.PutUint64(c, uint64(s.now().Add(ceremonyMax).Unix()))
	rand.Read(c[8:])
	return append(c, s.mac(purpose, c)...)
}

// checkChallenge decodes a challenge out of client data and checks that this
// exchange made it for this purpose and that it is not too old.
func (s *Service) checkChallenge(purpose, text string) ([]byte, time.Time, error) {
	var c Bytes
	if err := c.UnmarshalText([]byte(text)); err != nil || len(c) != challengeBytes ||
		subtle.ConstantTimeCompare(c[24:], s.mac(purpose, c[:24])) != 1 {
		return nil, time.Time{}, fmt.Errorf("%w: not our challenge", ErrSignature)
	}
	expires := time.Unix(int64(binary.BigEndian.Uint64(c)), 0)
	if !expires.After(s.now()) {
		return nil, time.Time{}, fmt.Errorf("%w: it came too late", ErrSignature)
	}
	return c, expires, nil
}

func (s *Service) mac(purpose string, c []byte) []byte {
	m := hmac.New(sha256.New, s.macKey)
	fmt.Fprintf(m, "%s\n", purpose)
	m.Write(c)
	return m.Sum(nil)[:16]
}

// user is a person, and the one credential in question, as go-webauthn sees them.
type user struct {
	Person
	credential *webauthn.Credential
}

func (u user) WebAuthnID() []byte          { return []byte(u.ID) }
func (u user) WebAuthnName() string        { return u.Name }
func (u user) WebAuthnDisplayName() string { return u.Name }
func (u user) WebAuthnCredentials() []webauthn.Credential {
	if u.credential == nil {
		return nil
	}
	return []webauthn.Credential{*u.credential}
}

func (c credential) descriptor() protocol.CredentialDescriptor {
	d := protocol.CredentialDescriptor{Type: protocol.PublicKeyCredentialType, CredentialID: protocol.URLEncodedBase64(c.ID)}
	for _, t := range c.transports {
		d.Transport = append(d.Transport, protocol.AuthenticatorTransport(t))
	}
	return d
}
