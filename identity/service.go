package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"porchlight/db"
)

// How long things last.
const (
	SessionIdle    = 30 * time.Minute // a session ends when unused for this long
	SessionMax     = 12 * time.Hour   // and in any case this long after sign-in
	ceremonyMax    = 10 * time.Minute // between asking a passkey and its answer
	InvitationMax  = 30 * 24 * time.Hour
	maxResponse    = 64 << 10 // bytes of a passkey's answer
	maxLabel       = 60       // runes of a device's name
	tokenBytes     = 32
	challengeBytes = 8 + 16 + 16 // expiry, random, MAC
)

// Config says where the exchange lives.
type Config struct {
	Name    string           // shown by the passkey dialogue
	BaseURL string           // e.g. https://exchange.example: its host is the RP ID, its origin the only one allowed
	Now     func() time.Time // default time.Now
}

// Service keeps people, passkeys and sessions. Safe for concurrent use.
type Service struct {
	db     *db.DB
	rp     *webauthn.WebAuthn
	rpID   string
	now    func() time.Time
	macKey []byte // authenticates challenges, so that asking for one stores nothing
}

// New opens the service over d and brings its tables up to date. It returns an
// error when BaseURL cannot carry passkeys: they need https, or http on localhost.
func New(ctx context.Context, d *db.DB, cfg Config) (*Service, error) {
	u, err := url.Parse(cfg.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("identity: base URL: %w", err)
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && u.Hostname() == "localhost") {
		return nil, fmt.Errorf("identity: base URL %q: passkeys need https, or http://localhost", cfg.BaseURL)
	}
	s := &Service{db: d, rpID: u.Hostname(), now: cfg.Now}
	if s.now == nil {
		s.now = time.Now
	}
	s.rp, err = webauthn.New(&webauthn.Config{
		RPID:          s.rpID,
		RPDisplayName: cfg.Name,
		RPOrigins:     []string{u.Scheme + "://" + u.Host},
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			RequireResidentKey: protocol.ResidentKeyRequired(),
			ResidentKey:        protocol.ResidentKeyRequirementRequired,
			UserVerification:   protocol.VerificationRequired,
		},
		AttestationPreference: protocol.PreferNoAttestation,
	})
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	if err := d.Migrate(ctx, "identity", migrations); err != nil {
		return nil, err
	}
	if s.macKey, err = loadMACKey(ctx, d); err != nil {
		return nil, fmt.Errorf("identity: challenge key: %w", err)
	}
	return s, nil
}

// RPID is the WebAuthn relying party id: what Signed.Verify is given.
func (s *Service) RPID() string { return s.rpID }

// PersonState is where a person stands.
type PersonState string

const (
	Invited  PersonState = "invited"  // has an invitation, no passkey yet
	Enrolled PersonState = "enrolled" // can sign in
	Removed  PersonState = "removed"  // for good; kept so that history can name her
)

// Person is somebody with an account.
type Person struct {
	ID     string      `json:"id"`
	Name   string      `json:"name"`
	Agency string      `json:"agency,omitempty"`
	Roles  []Role      `json:"roles"`
	State  PersonState `json:"state"`
	Since  time.Time   `json:"since"` // invited at
}

// Principal is p as a caller of acts.
func (p Person) Principal() Principal {
	return Principal{PersonID: p.ID, Name: p.Name, Agency: p.Agency, Roles: p.Roles}
}

// DeviceState is where a passkey stands.
type DeviceState string

const (
	Pending  DeviceState = "pending"  // made, its enrolment not yet recorded
	Active   DeviceState = "active"   // signs in and signs acts
	Disabled DeviceState = "disabled" // a copy was noticed, or its person was removed
)

// Device is one passkey of a person. It never leaves the device it was made on.
type Device struct {
	ID        Bytes       `json:"id"` // credential id
	Person    string      `json:"person"`
	Label     string      `json:"label"`      // what she calls it
	PublicKey Bytes       `json:"public_key"` // SubjectPublicKeyInfo, DER
	PRF       bool        `json:"prf"`        // can derive a device age identity
	State     DeviceState `json:"state"`
	Added     time.Time   `json:"added"`
	Used      time.Time   `json:"used,omitzero"` // last answer accepted
}

// Invitation lets a person enrol one passkey, once. The token is made by who
// invites (32 random bytes, base64url) and only its SHA-256 is known here, so
// that a repeated call means the same invitation.
type Invitation struct {
	ID        string    `json:"id"` // ULID
	Person    string    `json:"person"`
	TokenHash [32]byte  `json:"-"`
	Expires   time.Time `json:"expires"`
	UsedBy    string    `json:"used_by,omitempty"` // id of the act that used it
}

// NewToken makes an invitation token for programs that invite; browsers make
// their own.
func NewToken() string {
	b := make([]byte, tokenBytes)
	rand.Read(b)
	text, _ := Bytes(b).MarshalText()
	return string(text)
}

// TokenHash is what is stored of a token: SHA-256 of its text.
func TokenHash(token string) [32]byte { return sha256.Sum256([]byte(token)) }

// AddPerson stores an invited person. Her id, name and roles are checked by the
// caller's policy; here only that agency roles go with an agency.
func (s *Service) AddPerson(tx *sql.Tx, p Person) error {
	if p.ID == "" || p.Name == "" || len(p.Roles) == 0 {
		return errors.New("identity: a person needs an id, a name and a role")
	}
	for _, r := range p.Roles {
		if r.AgencyRole() != (p.Agency != "") {
			return fmt.Errorf("identity: role %s does not go with agency %q", r, p.Agency)
		}
	}
	p.State, p.Since = Invited, s.now()
	return insertPerson(tx, p)
}

// AddRole gives a person a further role; one she holds already is no error.
// ErrNotFound.
func (s *Service) AddRole(tx *sql.Tx, id string, role Role) error {
	p, err := person(tx, id)
	if err != nil {
		return err
	}
	if role.AgencyRole() != (p.Agency != "") {
		return fmt.Errorf("identity: role %s does not go with agency %q", role, p.Agency)
	}
	if slices.Contains(p.Roles, role) {
		return nil
	}
	roles := append(p.Roles, role)
	slices.Sort(roles)
	return setRoles(tx, id, roles)
}

// Invite stores an invitation for an existing person: her first device or a
// further one. ErrNotFound when she was removed or never added.
func (s *Service) Invite(tx *sql.Tx, inv Invitation) error {
	now := s.now()
	if !inv.Expires.After(now) || inv.Expires.After(now.Add(InvitationMax)) {
		return fmt.Errorf("identity: an invitation lasts at most %d days", InvitationMax/(24*time.Hour))
	}
	p, err := person(tx, inv.Person)
	if err != nil {
		return err
	}
	if p.State == Removed {
		return ErrNotFound
	}
	return insertInvitation(tx, inv)
}

// RemovePerson ends a person's access at once: her passkeys are disabled, her
// sessions end, her open invitations go.
func (s *Service) RemovePerson(tx *sql.Tx, id string) error {
	if _, err := person(tx, id); err != nil {
		return err
	}
	return removePerson(tx, id)
}

// DisableDevice disables one passkey and ends its sessions. ErrNotFound when it
// is not person's.
func (s *Service) DisableDevice(tx *sql.Tx, person string, id Bytes) error {
	c, err := credentialByID(tx, id)
	if err != nil {
		return err
	}
	if c.Person != person {
		return ErrNotFound
	}
	return disableCredential(tx, id)
}

// Person returns one person. ErrNotFound.
func (s *Service) Person(ctx context.Context, id string) (Person, error) {
	return person(reader{ctx, s.db}, id)
}

// People returns the people of an agency (ORI), or of the exchange itself ("").
func (s *Service) People(ctx context.Context, agency string) ([]Person, error) {
	return people(reader{ctx, s.db}, agency)
}

// Device returns one passkey by its credential id. ErrNotFound.
func (s *Service) Device(ctx context.Context, id Bytes) (Device, error) {
	c, err := credentialByID(reader{ctx, s.db}, id)
	return c.Device, err
}

// Devices returns a person's passkeys, oldest first.
func (s *Service) Devices(ctx context.Context, person string) ([]Device, error) {
	creds, err := credentials(reader{ctx, s.db}, person)
	if err != nil {
		return nil, err
	}
	devices := make([]Device, len(creds))
	for i, c := range creds {
		devices[i] = c.Device
	}
	return devices, nil
}

// prfInput is evaluated by every passkey at sign-in and signing; from its output
// the app derives the device's age identity. Fixed for ever: changing it locks
// every vault.
var prfInput = sha256.Sum256([]byte("porchlight prf v1"))

func prfExtension() protocol.AuthenticationExtensions {
	return protocol.AuthenticationExtensions{
		PRF: &protocol.PRFInputs{Eval: protocol.PRFValues{First: prfInput[:]}},
	}
}

// algorithms a passkey may use: those Signed.Verify knows.
var algorithms = []protocol.CredentialParameter{
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgEdDSA},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgRS256},
}
