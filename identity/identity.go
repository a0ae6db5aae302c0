// Package identity knows people and their devices: who is asking, the passkeys
// (WebAuthn Level 3) they enrolled, their sessions, and whether an act was
// signed by one of those passkeys. It has no passwords and no recovery by
// question: a lost device is replaced through a new invitation.
//
// It knows nothing of acts, policy or the ledger: an act is bytes here. What
// happens to people (invited, enrolled, removed) goes through the gate in
// package roster, which calls the methods that take a transaction.
package identity

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
)

// Role is what somebody may act as. A person holds one or more; the exchange's
// own acts and residents hold exactly one.
type Role string

const (
	RoleRequester    Role = "requester"    // drafts and closes community requests for her agency
	RoleInvestigator Role = "investigator" // works cases: views, notes and shares evidence of her agency
	RoleCustodian    Role = "custodian"    // triages, holds, exports and destroys evidence; holds the vault
	RoleAdmin        Role = "admin"        // invites and removes the people of her agency, changes its settings
	RoleModerator    Role = "moderator"    // second pair of eyes before a request is published
	RoleAuditor      Role = "auditor"      // reads private parts of entries, suspends and restores agencies
	RoleOperator     Role = "operator"     // runs the exchange, invites agencies; can read no evidence
	RoleResident     Role = "resident"     // answers requests; has no account
	RoleSystem       Role = "system"       // the exchange itself: retention, closing unfinished acts
)

// Roles lists the roles a person can be invited to.
func Roles() []Role {
	return []Role{RoleRequester, RoleInvestigator, RoleCustodian, RoleAdmin, RoleModerator, RoleAuditor, RoleOperator}
}

// AgencyRole reports whether r is held for an agency; the others are held for
// the exchange and belong to people without an agency.
func (r Role) AgencyRole() bool {
	return slices.Contains([]Role{RoleRequester, RoleInvestigator, RoleCustodian, RoleAdmin}, r)
}

// Principal is who acts. It is rebuilt from the store for every call, so that a
// removal takes effect at once.
type Principal struct {
	PersonID string `json:"person,omitempty"` // ULID; "" for residents, the system and the operator's command line
	Name     string `json:"name,omitempty"`
	Agency   string `json:"agency,omitempty"` // ORI, or "" for people of the exchange
	Roles    []Role `json:"roles"`            // sorted
}

// Has reports whether p holds r.
func (p Principal) Has(r Role) bool { return slices.Contains(p.Roles, r) }

// Resident is anybody without an account.
func Resident() Principal { return Principal{Roles: []Role{RoleResident}} }

// System is the exchange itself.
func System() Principal { return Principal{Roles: []Role{RoleSystem}} }

// Operator is whoever runs the exchange's command line: it has no passkey, and
// the gate permits it only what the base pack gives the operator unsigned. An
// operator who works in the web app is a person with RoleOperator.
func Operator() Principal { return Principal{Roles: []Role{RoleOperator}} }

var (
	// ErrNotFound: there is no such person, credential or session, or it has ended.
	ErrNotFound = errors.New("identity: not found")
	// ErrInvitation: the invitation is unknown, used, withdrawn or expired.
	ErrInvitation = errors.New("identity: this invitation cannot be used (unknown, already used, or expired)")
	// ErrSyncedPasskey: the passkey can leave the device (backup eligible), which
	// officers' keys may not.
	ErrSyncedPasskey = errors.New("identity: this passkey is synchronised between devices; use a security key or a passkey bound to this device")
	// ErrNoPRF: the passkey cannot derive the secret that a device's vault key needs.
	ErrNoPRF = errors.New("identity: this passkey cannot derive keys (no PRF extension)")
	// ErrLabel: a device needs a name of 1 to 60 characters.
	ErrLabel = errors.New("identity: name the device in 1 to 60 characters")
	// ErrSignature: the assertion does not answer this challenge, or was not made
	// by one of the person's passkeys with the user verified.
	ErrSignature = errors.New("identity: the passkey's answer does not verify")
	// ErrReplayed: the very same assertion was accepted before; ask for a new one.
	ErrReplayed = errors.New("identity: this passkey answer was used before")
	// ErrCloned: the passkey's counter went backwards, so a copy of it exists; it
	// has been disabled.
	ErrCloned = errors.New("identity: a copy of this passkey seems to exist; it has been disabled")
	// ErrDisabled: the passkey was disabled earlier.
	ErrDisabled = errors.New("identity: this passkey is disabled")
)

// Challenge asks a person's passkey to sign an act.
type Challenge struct {
	Nonce   [32]byte        // random; the caller keeps it with the act and lets it be used once
	Options json.RawMessage // PublicKeyCredentialRequestOptionsJSON; its challenge is SHA-256(Nonce || act)
}

// Signed is a verified passkey signature over an act. Its JSON is what the
// ledger entry commits to as "signature"; anybody who is shown it can check it
// with Verify, without the exchange.
type Signed struct {
	Nonce             Bytes `json:"nonce"`         // 32 bytes
	CredentialID      Bytes `json:"credential_id"` // as the authenticator made it
	PublicKey         Bytes `json:"public_key"`    // SubjectPublicKeyInfo, DER (RFC 5280)
	ClientDataJSON    Bytes `json:"client_data_json"`
	AuthenticatorData Bytes `json:"authenticator_data"`
	Signature         Bytes `json:"signature"` // in the form of WebAuthn L3 section 6.5.5
}

// Bytes are base64url without padding in JSON (RFC 4648 section 5).
type Bytes []byte

// MarshalText encodes b.
func (b Bytes) MarshalText() ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(nil, b), nil
}

// UnmarshalText decodes what MarshalText wrote.
func (b *Bytes) UnmarshalText(text []byte) error {
	v, err := base64.RawURLEncoding.Strict().DecodeString(string(text))
	*b = v
	return err
}
