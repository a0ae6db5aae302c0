package roster

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"

	"filippo.io/age"

	"porchlight/gate"
	"porchlight/identity"
	"porchlight/ledger"
)

// Use is what one of an agency's vaults is for. One mechanism serves all; they
// differ in whose devices may open them (policy, base.vault-custodians and
// base.vault-plates).
type Use string

const (
	// ForEvidence is the vault that residents encrypt to. Custodians open it.
	ForEvidence Use = "evidence"
	// ForPlates is the vault of the pictures of plate reads. Investigators and
	// custodians open it.
	ForPlates Use = "plates"
)

// Uses lists all uses.
func Uses() []Use { return []Use{ForEvidence, ForPlates} }

// UseOf is the use of the vault that an act vault.publish or vault.grant with
// these public values is about. Entries from before there was more than one say
// nothing and mean evidence.
func UseOf(public map[string]string) Use {
	if u := public["vault"]; u != "" {
		return Use(u)
	}
	return ForEvidence
}

// maxWrapped bounds an age file that holds one identity, in bytes.
const maxWrapped = 1 << 10

// PublishVault makes recipient the key of one of the agency's vaults: the act
// vault.publish. device is the caller's own passkey; its wrapped key and the one
// for the printed recovery key come along. An earlier vault's wrapped keys stay,
// for the clips sealed to it. device's passkey must sign, the entry names the
// one that enrolled it, and anybody may see the signature: so that whoever seals
// to recipient can check that the agency published it. Errors: *Invalid,
// ErrNotFound.
func (s *Service) PublishVault(ctx context.Context, by gate.Caller, use Use, recipient string, keys []WrappedKey) (*gate.Grant, error) {
	a, err := s.Agency(ctx, by.Who.Agency)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(Uses(), use) {
		return nil, &Invalid{"use", "There is no such vault."}
	}
	if !validRecipient(recipient) {
		return nil, &Invalid{"recipient", "It must be an age X25519 recipient."}
	}
	var own Device
	recovery := false
	private := map[string]string{}
	for _, k := range keys {
		if !validWrapped(k.Age) {
			return nil, &Invalid{"keys", "A wrapped key must be a small age file for one X25519 recipient."}
		}
		sum := sha256.Sum256(k.Age)
		if len(k.Device) == 0 {
			recovery = true
			private["recovery_sha256"] = hex.EncodeToString(sum[:])
			continue
		}
		d, err := s.deviceOf(ctx, a.ORI, k.Device)
		if err != nil {
			return nil, err
		}
		if d.Person != by.Who.PersonID {
			return nil, &Invalid{"keys", "Other devices get the key by vault.grant."}
		}
		own = d
		private["wrapped_sha256"] = hex.EncodeToString(sum[:])
	}
	if own.ID == nil || !recovery || len(keys) != 2 {
		return nil, &Invalid{"keys", "Two wrapped keys are needed: for this device and for the recovery key."}
	}
	return s.gate.Do(ctx, gate.Act{
		Action: "vault.publish", By: by, Role: vaultRole(by.Who), Objects: []string{a.ORI},
		Public:        map[string]string{"agency": a.ORI, "vault": string(use), "recipient": recipient, "enrolment": strconv.FormatUint(own.Entry, 10)},
		Private:       private,
		Open:          []string{gate.PrivateSignature},
		Passkey:       own.ID,
		Facts:         map[string]any{"own_agency": true, "vault": string(use)},
		Jurisdictions: []string{a.State},
	}, func(tx *sql.Tx, g *gate.Grant) error {
		if err := insertVault(tx, a.ORI, use, recipient, g); err != nil {
			return err
		}
		for _, k := range keys {
			k.Vault = recipient
			if err := insertKey(tx, a.ORI, k); err != nil {
				return err
			}
		}
		return nil
	})
}

// GrantVault extends a vault to one more device of the same agency: the act vault.grant. key.Age was wrapped in the caller's browser to
// the device's recipient. Errors: *Invalid, ErrNotFound.
func (s *Service) GrantVault(ctx context.Context, by gate.Caller, key WrappedKey) (*gate.Grant, error) {
	a, err := s.Agency(ctx, by.Who.Agency)
	if err != nil {
		return nil, err
	}
	use, err := s.useOf(ctx, a.ORI, key.Vault)
	if err != nil {
		return nil, err
	}
	if !validWrapped(key.Age) {
		return nil, &Invalid{"age", "A wrapped key must be a small age file for one X25519 recipient."}
	}
	d, err := s.deviceOf(ctx, a.ORI, key.Device)
	if err != nil {
		return nil, err
	}
	receiver, err := s.people.Person(ctx, d.Person)
	if err != nil {
		return nil, err
	}
	credential, err := key.Device.MarshalText()
	if err != nil {
		return nil, err
	}
	holds := func(r identity.Role) bool {
		return receiver.State == identity.Enrolled && d.State == identity.Active && slices.Contains(receiver.Roles, r)
	}
	sum := sha256.Sum256(key.Age)
	return s.gate.Do(ctx, gate.Act{
		Action: "vault.grant", By: by, Role: vaultRole(by.Who), Objects: []string{a.ORI, receiver.ID},
		Public: map[string]string{"agency": a.ORI, "vault": string(use), "recipient": key.Vault},
		Private: map[string]string{
			"receiver": receiver.ID, "credential": string(credential),
			"device_recipient": d.Recipient, "wrapped_sha256": hex.EncodeToString(sum[:]),
		},
		Facts: map[string]any{
			"own_agency": true, "vault": string(use),
			"receiver_custodian":    holds(identity.RoleCustodian),
			"receiver_investigator": holds(identity.RoleInvestigator),
		},
		Jurisdictions: []string{a.State},
	}, func(tx *sql.Tx, g *gate.Grant) error { return insertKey(tx, a.ORI, key) })
}

// Keys returns the wrapped vault keys that who may have: those for her own
// devices and, for custodians, those for the printed recovery key.
func (s *Service) Keys(ctx context.Context, who identity.Principal) ([]WrappedKey, error) {
	if who.PersonID == "" || who.Agency == "" {
		return nil, nil
	}
	return s.keys(ctx, who.Agency, who.PersonID, who.Has(identity.RoleCustodian))
}

// EnrolmentReceipt proves what a device of who's own agency enrolled with: its
// public key and age recipient, and its own signature over them. ErrNotFound.
func (s *Service) EnrolmentReceipt(ctx context.Context, who identity.Principal, device identity.Bytes) (ledger.Receipt, error) {
	if who.PersonID == "" || who.Agency == "" {
		return ledger.Receipt{}, ErrNotFound
	}
	d, err := s.deviceOf(ctx, who.Agency, device)
	if err != nil {
		return ledger.Receipt{}, err
	}
	return s.gate.Receipt(ctx, d.Entry, "credential", "device_recipient", gate.PrivatePerson, gate.PrivateSignature)
}

// deviceOf returns a device of somebody of the agency. ErrNotFound.
func (s *Service) deviceOf(ctx context.Context, agency string, id identity.Bytes) (Device, error) {
	passkey, err := s.people.Device(ctx, id)
	if errors.Is(err, identity.ErrNotFound) {
		return Device{}, ErrNotFound
	} else if err != nil {
		return Device{}, err
	}
	owner, err := s.people.Person(ctx, passkey.Person)
	if err != nil {
		return Device{}, err
	}
	if owner.Agency != agency {
		return Device{}, ErrNotFound
	}
	d := Device{Device: passkey}
	if err := s.keysOf(ctx, &d); err != nil {
		return Device{}, err
	}
	if d.Recipient == "" {
		return Device{}, &Invalid{"device", "This passkey cannot derive keys."}
	}
	return d, nil
}

// vaultRole is the role in which p looks after her agency's vault.
func vaultRole(p identity.Principal) identity.Role {
	if p.Has(identity.RoleCustodian) {
		return identity.RoleCustodian
	}
	return identity.RoleAdmin
}

func validRecipient(s string) bool {
	_, err := age.ParseX25519Recipient(s)
	return err == nil
}

// validWrapped reports whether data looks like an age file for exactly one
// X25519 recipient (https://age-encryption.org/v1), small enough for an identity.
func validWrapped(data []byte) bool {
	header, err := age.ExtractHeader(bytes.NewReader(data))
	return err == nil && len(data) <= maxWrapped &&
		bytes.HasPrefix(header, []byte("age-encryption.org/v1\n-> X25519 ")) &&
		bytes.Count(header, []byte("\n-> ")) == 1
}
