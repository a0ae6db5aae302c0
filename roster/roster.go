// Package roster keeps agencies, their people and their vault keys: inviting,
// enrolling, suspending, removing, publishing a vault key and extending it to
// another device. Each of these is an act through the gate; who somebody is and
// whether her passkey signed, package identity knows.
package roster

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"crypto/sha256"

	"porchlight/gate"
	"porchlight/geo"
	"porchlight/identity"
)

// Kind is what an agency is, as policy knows it (policy/schema.cedarschema).
type Kind string

// The kinds of agencies.
const (
	Municipal Kind = "municipal"
	County    Kind = "county"
	State     Kind = "state"
	Campus    Kind = "campus"
	Tribal    Kind = "tribal"
	Fire      Kind = "fire"
	Federal   Kind = "federal"
	Private   Kind = "private"
)

// Kinds lists all kinds.
func Kinds() []Kind {
	return []Kind{Municipal, County, State, Campus, Tribal, Fire, Federal, Private}
}

// Status is where an agency stands.
type Status string

const (
	Invited   Status = "invited"   // its administrator has not yet taken up the invitation
	Active    Status = "active"    // may act
	Suspended Status = "suspended" // by an auditor, with a reason, until restored
)

// Agency is who may ask residents. Everything here is public.
type Agency struct {
	ORI          string      `json:"ori"`          // nine characters, see ValidORI
	Name         string      `json:"name"`         //
	Kind         Kind        `json:"kind"`         //
	State        string      `json:"state"`        // two-letter postal code, or NL; selects its law pack
	Contact      string      `json:"contact"`      // how residents reach it
	Jurisdiction geo.Polygon `json:"jurisdiction"` // where it may ask
	Status       Status      `json:"status"`       //
	Reason       string      `json:"reason"`       // of the last suspension or restoration, "" if none
	Since        time.Time   `json:"since"`        // invited at
	Vault        *Vault      `json:"vault"`        // ForEvidence: what residents encrypt to; nil until published
	Plates       *Vault      `json:"plates"`       // ForPlates: what pictures of its reads are encrypted to; nil until published
}

// Vault is a published key of an agency.
type Vault struct {
	Recipient string    `json:"recipient"` // age X25519 recipient
	Entry     uint64    `json:"entry"`     // index of the act vault.publish in the ledger
	Since     time.Time `json:"since"`
}

// WrappedKey is a vault's identity as an age file that one device, or the
// printed recovery key, can open. The exchange cannot.
type WrappedKey struct {
	Vault  string         `json:"vault"`  // recipient of the vault whose identity it is
	For    Use            `json:"for"`    // what that vault is for; not read where a key is handed in
	Device identity.Bytes `json:"device"` // credential id; empty for the recovery key
	Age    []byte         `json:"age"`    // the age file
}

// Member is a person of an agency with her devices.
type Member struct {
	identity.Person
	Devices []Device `json:"devices"`
}

// Device is a passkey with the age recipient derived from it.
type Device struct {
	identity.Device
	Recipient string `json:"recipient"` // "" when the passkey cannot derive keys
	// Entry is the index of the act person.enrol that commits to Recipient
	// (private "device_recipient") under the device's own signature.
	Entry uint64 `json:"entry"`
	Opens []Use  `json:"opens"` // the agency's current vaults whose keys it holds
}

var (
	// ErrNotFound: there is none, or the caller may not know of it.
	ErrNotFound = errors.New("roster: not found")
	// ErrExists: the agency is already in the roster.
	ErrExists = errors.New("roster: this agency is already in the roster")
	// ErrState: the agency or person is not in a state in which this can be done.
	ErrState = errors.New("roster: this cannot be done in the present state")
)

// Invalid is the error of an input that cannot be.
type Invalid struct {
	Field  string // as in JSON
	Reason string // one sentence
}

func (e *Invalid) Error() string { return e.Field + ": " + e.Reason }

var (
	oriForm   = regexp.MustCompile(`^[A-Z]{2}[A-Z0-9]{7}$`)
	stateForm = regexp.MustCompile(`^[A-Z]{2}$`)
)

// ValidORI reports whether s has the form of an Originating Agency Identifier
// (FBI NCIC): two letters for the state or country, then seven letters or
// digits. Private organisations get one from the operator.
func ValidORI(s string) bool { return oriForm.MatchString(s) }

// Service keeps the roster. Safe for concurrent use.
type Service struct {
	*Directory
	gate   *gate.Gate
	people *identity.Service
	now    func() time.Time
}

// New joins a directory to the gate and the people.
func New(d *Directory, g *gate.Gate, people *identity.Service) *Service {
	return &Service{Directory: d, gate: g, people: people, now: g.Now}
}

// Invite is an invitation to be made. The inviter makes a token (see
// identity.NewToken), keeps it for the link and gives only its hash, so that a
// repeated call means the same invitation.
type Invite struct {
	TokenHash [32]byte
	Expires   time.Time // at most identity.InvitationMax from now
}

// InviteAgency invites an agency and its first administrator, by name: the act
// agency.invite, of an operator. Errors: *Invalid, ErrExists.
func (s *Service) InviteAgency(ctx context.Context, by gate.Caller, a Agency, admin string, inv Invite) (*gate.Grant, identity.Person, error) {
	if err := a.check(); err != nil {
		return nil, identity.Person{}, err
	}
	if err := checkName("admin", admin); err != nil {
		return nil, identity.Person{}, err
	}
	if err := s.checkInvite(inv); err != nil {
		return nil, identity.Person{}, err
	}
	if have, err := s.Agency(ctx, a.ORI); err == nil {
		if made, err := s.invitedBy(ctx, have.ORI, by.ActID); err != nil || !made {
			return nil, identity.Person{}, errors.Join(err, ErrExists)
		}
	} else if !errors.Is(err, ErrNotFound) {
		return nil, identity.Person{}, err
	}
	area, err := a.Jurisdiction.MarshalJSON()
	if err != nil {
		return nil, identity.Person{}, err
	}
	hash := sha256.Sum256(area)
	p := identity.Person{ID: by.ActID, Name: admin, Agency: a.ORI, Roles: []identity.Role{identity.RoleAdmin}}
	grant, err := s.gate.Do(ctx, gate.Act{
		Action: "agency.invite", By: by, Role: identity.RoleOperator,
		Objects: []string{a.ORI, p.ID},
		Public: map[string]string{"agency": a.ORI, "name": a.Name, "kind": string(a.Kind), "state": a.State,
			"jurisdiction_sha256": hex.EncodeToString(hash[:])},
		Private:       map[string]string{"admin": admin},
		Facts:         map[string]any{"kind": string(a.Kind)},
		Jurisdictions: []string{a.State},
	}, func(tx *sql.Tx, g *gate.Grant) error {
		if err := insertAgency(tx, a, area, g); err != nil {
			return err
		}
		return s.addPerson(tx, p, by.ActID, inv)
	})
	return grant, p, err
}

// InvitePerson invites somebody to a role: a new person by name, or an existing
// one (id in who.ID) to a further role or with a further device. An agency's
// administrator invites into her agency, the operator into the exchange: the act
// person.invite. Errors: *Invalid, ErrNotFound.
func (s *Service) InvitePerson(ctx context.Context, by gate.Caller, who identity.Person, role identity.Role, inv Invite) (*gate.Grant, identity.Person, error) {
	fail := func(err error) (*gate.Grant, identity.Person, error) { return nil, identity.Person{}, err }
	if !slices.Contains(identity.Roles(), role) {
		return fail(&Invalid{"role", "There is no such role."})
	}
	if role.AgencyRole() != (who.Agency != "") {
		return fail(&Invalid{"role", "This role and this agency do not go together."})
	}
	if err := s.checkInvite(inv); err != nil {
		return fail(err)
	}
	var jurisdictions []string
	if who.Agency != "" {
		a, err := s.Agency(ctx, who.Agency)
		if err != nil {
			return fail(err)
		}
		jurisdictions = []string{a.State}
	}
	existing := who.ID != ""
	if existing {
		have, err := s.people.Person(ctx, who.ID)
		if errors.Is(err, identity.ErrNotFound) || err == nil && (have.Agency != who.Agency || have.State == identity.Removed) {
			return fail(ErrNotFound)
		} else if err != nil {
			return fail(err)
		}
		who = have
	} else {
		if err := checkName("name", who.Name); err != nil {
			return fail(err)
		}
		who.ID, who.Roles = by.ActID, []identity.Role{role}
	}
	first, err := s.firstOf(ctx, role, who.Agency)
	if err != nil {
		return fail(err)
	}
	acting := identity.RoleOperator
	if who.Agency != "" && by.Who.Agency == who.Agency {
		acting = identity.RoleAdmin
	}
	objects := []string{who.ID}
	public := map[string]string{"role": string(role)}
	if who.Agency != "" {
		objects = append(objects, who.Agency)
		public["agency"] = who.Agency
	}
	grant, err := s.gate.Do(ctx, gate.Act{
		Action: "person.invite", By: by, Role: acting, Objects: objects, Public: public,
		Private: map[string]string{"invited": who.ID, "name": who.Name},
		Facts: map[string]any{
			"role": string(role), "first": first,
			"own_agency": who.Agency != "" && by.Who.Agency == who.Agency,
		},
		Jurisdictions: jurisdictions,
	}, func(tx *sql.Tx, g *gate.Grant) error {
		if !existing {
			return s.addPerson(tx, who, by.ActID, inv)
		}
		if err := s.people.AddRole(tx, who.ID, role); err != nil {
			return err
		}
		return s.people.Invite(tx, identity.Invitation{ID: by.ActID, Person: who.ID, TokenHash: inv.TokenHash, Expires: inv.Expires})
	})
	if err != nil {
		return fail(err)
	}
	if who, err = s.people.Person(ctx, who.ID); err != nil {
		return fail(err)
	}
	return grant, who, nil
}

// InviteOperator invites the exchange's first operator from its command line,
// with a token good for three days.
func (s *Service) InviteOperator(ctx context.Context, token string) (Invite, error) {
	inv := Invite{TokenHash: identity.TokenHash(token), Expires: s.now().Add(3 * 24 * time.Hour)}
	by := gate.Caller{Who: identity.Operator(), ActID: gate.NewActID()}
	_, _, err := s.InvitePerson(ctx, by, identity.Person{Name: "Operator"}, identity.RoleOperator, inv)
	return inv, err
}

func (s *Service) addPerson(tx *sql.Tx, p identity.Person, act string, inv Invite) error {
	if err := s.people.AddPerson(tx, p); err != nil {
		return err
	}
	return s.people.Invite(tx, identity.Invitation{ID: act, Person: p.ID, TokenHash: inv.TokenHash, Expires: inv.Expires})
}

// firstOf reports whether nobody holds or is invited to role there.
func (s *Service) firstOf(ctx context.Context, role identity.Role, agency string) (bool, error) {
	all, err := s.people.People(ctx, agency)
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(all, func(p identity.Person) bool {
		return p.State != identity.Removed && slices.Contains(p.Roles, role)
	}), nil
}

// Enrolling is what an invited person's device hands in.
type Enrolling struct {
	Token           string         // of the invitation
	Device          identity.Bytes // the passkey identity.AddPasskey kept as pending
	DeviceRecipient string         // age recipient derived from its PRF output; "" when it has none
}

// Enrol takes up an invitation: the act person.enrol, signed by the new passkey
// itself. Its entry shows the passkey's public key to everybody, so that what it
// signs later can be checked, and commits to the device's age recipient, for a
// later vault.grant. Errors: *Invalid, identity.ErrInvitation, ErrNotFound.
func (s *Service) Enrol(ctx context.Context, act string, assertion []byte, e Enrolling) (*gate.Grant, identity.Person, error) {
	inv, p, err := s.people.Invitation(ctx, e.Token)
	if err != nil {
		return nil, identity.Person{}, err
	}
	if inv.UsedBy != "" && inv.UsedBy != act {
		return nil, identity.Person{}, identity.ErrInvitation
	}
	devices, err := s.people.Devices(ctx, p.ID)
	if err != nil {
		return nil, identity.Person{}, err
	}
	i := slices.IndexFunc(devices, func(d identity.Device) bool { return slices.Equal(d.ID, e.Device) })
	if i < 0 {
		return nil, identity.Person{}, ErrNotFound
	}
	switch {
	case devices[i].PRF && !validRecipient(e.DeviceRecipient):
		return nil, identity.Person{}, &Invalid{"device_recipient", "It must be an age X25519 recipient."}
	case !devices[i].PRF && e.DeviceRecipient != "":
		return nil, identity.Person{}, &Invalid{"device_recipient", "This passkey cannot derive keys."}
	}
	key, err := devices[i].PublicKey.MarshalText()
	if err != nil {
		return nil, identity.Person{}, err
	}
	credential, err := devices[i].ID.MarshalText()
	if err != nil {
		return nil, identity.Person{}, err
	}
	objects := []string{p.ID}
	if p.Agency != "" {
		objects = append(objects, p.Agency)
	}
	grant, err := s.gate.Do(ctx, gate.Act{
		Action: "person.enrol", Role: p.Roles[0], Objects: objects,
		By:      gate.Caller{Who: p.Principal(), ActID: act, Assertion: assertion},
		Public:  map[string]string{"role": string(p.Roles[0]), "public_key": string(key)},
		Private: map[string]string{"credential": string(credential), "device_recipient": e.DeviceRecipient},
		// AddPasskey has refused passkeys that can leave their device.
		Facts: map[string]any{"invite_valid": true, "device_bound": true},
	}, func(tx *sql.Tx, g *gate.Grant) error {
		if err := s.people.FinishEnrol(tx, e.Token, e.Device, act); err != nil {
			return err
		}
		return insertDevice(tx, p.ID, e.Device, e.DeviceRecipient, g.Index)
	})
	if err != nil {
		return nil, identity.Person{}, err
	}
	p, err = s.people.Person(ctx, p.ID)
	return grant, p, err
}

// EnrolAgency makes an invited agency active: its administrator confirms how
// residents reach it. The act agency.enrol. Errors: *Invalid, ErrNotFound.
func (s *Service) EnrolAgency(ctx context.Context, by gate.Caller, contact string) (*gate.Grant, error) {
	a, err := s.Agency(ctx, by.Who.Agency)
	if err != nil {
		return nil, err
	}
	if err := checkText("contact", contact, 200); err != nil {
		return nil, err
	}
	return s.gate.Do(ctx, gate.Act{
		Action: "agency.enrol", By: by, Role: identity.RoleAdmin, Objects: []string{a.ORI},
		Public:        map[string]string{"agency": a.ORI, "contact": contact},
		Facts:         map[string]any{"invite_valid": a.Status == Invited},
		Jurisdictions: []string{a.State},
	}, func(tx *sql.Tx, g *gate.Grant) error { return activateAgency(tx, a.ORI, contact) })
}

// Suspend stops everything an agency may do, until Restore. The reason is kept
// as a private value of the entry and shown on the agency's page. Acts
// agency.suspend and agency.restore, of an auditor. Errors: *Invalid,
// ErrNotFound, ErrState.
func (s *Service) Suspend(ctx context.Context, by gate.Caller, ori, reason string) (*gate.Grant, error) {
	return s.change(ctx, by, "agency.suspend", ori, reason, Active, Suspended)
}

// Restore ends a suspension.
func (s *Service) Restore(ctx context.Context, by gate.Caller, ori, reason string) (*gate.Grant, error) {
	return s.change(ctx, by, "agency.restore", ori, reason, Suspended, Active)
}

func (s *Service) change(ctx context.Context, by gate.Caller, action, ori, reason string, from, to Status) (*gate.Grant, error) {
	a, err := s.Agency(ctx, ori)
	if err != nil {
		return nil, err
	}
	if reason = strings.TrimSpace(reason); utf8.RuneCountInString(reason) > 1000 {
		return nil, &Invalid{"reason", "At most 1000 characters."}
	}
	if a.Status != from {
		made, err := s.changedBy(ctx, ori, by.ActID)
		if err != nil {
			return nil, err
		}
		if !made {
			return nil, ErrState
		}
	}
	return s.gate.Do(ctx, gate.Act{
		Action: action, By: by, Role: identity.RoleAuditor, Objects: []string{ori},
		Public:        map[string]string{"agency": ori},
		Private:       map[string]string{"reason": reason},
		Facts:         map[string]any{"reason_given": reason != ""},
		Jurisdictions: []string{a.State},
	}, func(tx *sql.Tx, g *gate.Grant) error { return setStatus(tx, ori, from, to, reason, g.ActID) })
}

// RemovePerson ends somebody's access at once: sessions, passkeys, and the
// vault keys wrapped to her devices. The act person.remove, of an administrator
// of her agency or, for people of the exchange, an operator; its public value
// "enrolments" lists the entries of the passkeys that end. ErrNotFound.
func (s *Service) RemovePerson(ctx context.Context, by gate.Caller, id string) (*gate.Grant, error) {
	p, err := s.people.Person(ctx, id)
	if errors.Is(err, identity.ErrNotFound) {
		return nil, ErrNotFound
	} else if err != nil {
		return nil, err
	}
	own := p.Agency != "" && p.Agency == by.Who.Agency
	if !own && !by.Who.Has(identity.RoleOperator) {
		return nil, ErrNotFound
	}
	objects, public := []string{p.ID}, map[string]string{"role": string(p.Roles[0])}
	if p.Agency != "" {
		objects, public["agency"] = append(objects, p.Agency), p.Agency
	}
	acting := identity.RoleOperator
	if own {
		acting = identity.RoleAdmin
	}
	if public["enrolments"], err = s.enrolments(ctx, p.ID); err != nil {
		return nil, err
	}
	return s.gate.Do(ctx, gate.Act{
		Action: "person.remove", By: by, Role: acting, Objects: objects, Public: public,
		Private: map[string]string{"removed": p.ID, "name": p.Name},
		Facts:   map[string]any{"role": string(p.Roles[0]), "own_agency": own},
	}, func(tx *sql.Tx, g *gate.Grant) error {
		if err := deleteKeysOf(tx, p.ID); err != nil {
			return err
		}
		return s.people.RemovePerson(tx, p.ID)
	})
}

// Members returns the people of an agency, or of the exchange (""). Only its own
// people see them; the exchange's are seen by operators and auditors.
// ErrNotFound for everybody else.
func (s *Service) Members(ctx context.Context, who identity.Principal, agency string) ([]Member, error) {
	may := agency != "" && who.Agency == agency
	if agency == "" {
		may = who.Has(identity.RoleOperator) || who.Has(identity.RoleAuditor)
	}
	if !may {
		return nil, ErrNotFound
	}
	all, err := s.people.People(ctx, agency)
	if err != nil {
		return nil, err
	}
	members := make([]Member, 0, len(all))
	for _, p := range all {
		m := Member{Person: p, Devices: []Device{}}
		passkeys, err := s.people.Devices(ctx, p.ID)
		if err != nil {
			return nil, err
		}
		for _, d := range passkeys {
			if d.State == identity.Pending {
				continue
			}
			device := Device{Device: d}
			if err := s.keysOf(ctx, &device); err != nil {
				return nil, err
			}
			m.Devices = append(m.Devices, device)
		}
		members = append(members, m)
	}
	return members, nil
}

func (a Agency) check() error {
	switch {
	case !ValidORI(a.ORI):
		return &Invalid{"ori", "An ORI is two capital letters and seven capital letters or digits, like IL0160000."}
	case !slices.Contains(Kinds(), a.Kind):
		return &Invalid{"kind", "There is no such kind of agency."}
	case !stateForm.MatchString(a.State):
		return &Invalid{"state", "A state is two capital letters, like IL."}
	case a.Jurisdiction.Empty():
		return &Invalid{"jurisdiction", "A jurisdiction is needed."}
	}
	if err := checkName("name", a.Name); err != nil {
		return err
	}
	return checkText("contact", a.Contact, 200)
}

func checkName(field, name string) error {
	if strings.TrimSpace(name) == "" {
		return &Invalid{field, "A name is needed."}
	}
	return checkText(field, name, 120)
}

// checkText refuses what does not fit on one line.
func checkText(field, text string, most int) error {
	if utf8.RuneCountInString(text) > most || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError }) {
		return &Invalid{field, fmt.Sprintf("One line of at most %d characters.", most)}
	}
	return nil
}

func (s *Service) checkInvite(inv Invite) error {
	now := s.now()
	if inv.TokenHash == [32]byte{} {
		return &Invalid{"token_hash", "It must be the SHA-256 of the invitation's token."}
	}
	if !inv.Expires.After(now) || inv.Expires.After(now.Add(identity.InvitationMax)) {
		return &Invalid{"expires", "An invitation lasts at most 30 days."}
	}
	return nil
}
