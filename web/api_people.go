package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"porchlight/gate"
	"porchlight/geo"
	"porchlight/identity"
	"porchlight/roster"
)

// peopleRoutes are about who works here: enrolling, signing in, agencies, their
// people and vault keys, and the auditor's desk.
func (s *Server) peopleRoutes() {
	s.signInRoutes()
	s.agencyRoutes()
	s.memberRoutes()
	s.vaultRoutes()

	route(s, session, "POST", "/entries/{index}/private", "readPrivate", "Open the private values of an entry, with a reason that is recorded.",
		func(ctx context.Context, in *struct {
			ActHeaders
			Index uint64 `path:"index"`
			Body  Reason
		}) (*struct {
			Recorded
			Body PrivateEntry
		}, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			g, rec, err := s.Roster.ReadPrivate(ctx, by, in.Index, in.Body.Reason)
			if err != nil {
				return nil, peopleProblem(err)
			}
			names := make([]string, len(rec.Disclosures))
			for i, d := range rec.Disclosures {
				names[i] = d.Name
			}
			receipt, err := s.Gate.Receipt(ctx, in.Index, names...)
			if err != nil {
				return nil, err
			}
			out := &struct {
				Recorded
				Body PrivateEntry
			}{Recorded{g.Index}, PrivateEntry{Index: rec.Index, At: rec.At, Action: rec.Entry.Act.Action, Actor: rec.Entry.Act.Actor,
				Agency: rec.Entry.Act.Agency, Outcome: rec.Outcome, Public: rec.Entry.Act.Public,
				Private: map[string]string{}, Receipt: string(receipt.Marshal())}}
			for _, d := range rec.Disclosures {
				out.Body.Private[d.Name] = d.Value
			}
			return out, nil
		})
}

func (s *Server) signInRoutes() {
	route(s, anyone, "GET", "/me", "me", "Who is signed in.",
		func(ctx context.Context, _ *struct{}) (*struct{ Body Me }, error) {
			session, ok := sessionOf(ctx)
			if !ok {
				return &struct{ Body Me }{}, nil
			}
			me, err := s.me(ctx, session.Principal, session.Device)
			return &struct{ Body Me }{me}, err
		})
	route(s, anyone, "POST", "/signin/begin", "beginSignIn", "Ask any passkey of this exchange.",
		func(ctx context.Context, _ *struct{}) (*struct{ Body PasskeyOptions }, error) {
			options, err := s.Identity.BeginSignIn(ctx)
			return &struct{ Body PasskeyOptions }{PasskeyOptions{options}}, err
		})
	route(s, anyone, "POST", "/signin", "signIn", "Sign in with the passkey's answer.",
		func(ctx context.Context, in *struct{ Body PasskeyAnswer }) (*SignedIn, error) {
			token, p, err := s.Identity.SignIn(ctx, in.Body.Response)
			if err != nil {
				return nil, signInProblem(err)
			}
			session, err := s.Identity.Session(ctx, token)
			if err != nil {
				return nil, err
			}
			me, err := s.me(ctx, p, session.Device)
			return &SignedIn{SetCookie: s.setSession(token), Body: me}, err
		})
	route(s, session, "POST", "/signout", "signOut", "End this session.",
		func(ctx context.Context, in *struct {
			Session string `cookie:"porchlight_session"`
		}) (*struct {
			SetCookie http.Cookie `header:"Set-Cookie"`
		}, error) {
			return &struct {
				SetCookie http.Cookie `header:"Set-Cookie"`
			}{s.setSession("")}, s.Identity.SignOut(ctx, in.Session)
		})

	route(s, anyone, "POST", "/enrol/begin", "beginEnrol", "Open an invitation and ask for a new passkey.",
		func(ctx context.Context, in *struct{ Body Token }) (*struct{ Body EnrolmentView }, error) {
			e, err := s.Identity.BeginEnrol(ctx, in.Body.Token)
			if err != nil {
				return nil, err
			}
			out := EnrolmentView{Person: personView(e.Person), Expires: e.Invitation.Expires, RPID: s.Identity.RPID(), Options: e.Options}
			if e.Person.Agency != "" {
				a, err := s.Roster.Agency(ctx, e.Person.Agency)
				if err != nil {
					return nil, peopleProblem(err)
				}
				out.Agency = myAgency(a)
			}
			return &struct{ Body EnrolmentView }{out}, nil
		})
	route(s, anyone, "POST", "/enrol/passkey", "addPasskey", "Hand in the new passkey; it works once the enrolment is recorded.",
		func(ctx context.Context, in *struct{ Body NewPasskey }) (*struct{ Body PasskeyAdded }, error) {
			d, err := s.Identity.AddPasskey(ctx, in.Body.Token, in.Body.Label, in.Body.Response)
			if err != nil {
				return nil, peopleProblem(err)
			}
			return &struct{ Body PasskeyAdded }{PasskeyAdded{d.ID, d.PRF}}, nil
		})
	route(s, anyone, "POST", "/enrol", "enrol", "Record the enrolment, signed by the new passkey, and sign in.",
		func(ctx context.Context, in *struct {
			ActHeaders
			Body Enrolling
		}) (*Enrolled, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			g, p, err := s.Roster.Enrol(ctx, by.ActID, by.Assertion, roster.Enrolling{
				Token: in.Body.Token, Device: in.Body.Device, DeviceRecipient: in.Body.Recipient})
			if err != nil {
				return nil, peopleProblem(err)
			}
			// A repeat of an enrolment that was done signs nobody in: it carries no fresh signature.
			out := &Enrolled{Recorded: Recorded{g.Index}}
			if !g.Replayed {
				token, err := s.Identity.StartSession(ctx, p.ID, in.Body.Device)
				if err != nil {
					return nil, err
				}
				out.SetCookie = s.setSession(token)
			}
			out.Body, err = s.me(ctx, p.Principal(), in.Body.Device)
			return out, err
		})
}

func (s *Server) agencyRoutes() {
	route(s, anyone, "GET", "/agencies", "agencies", "All agencies of this exchange.",
		func(ctx context.Context, _ *struct{}) (*struct{ Body []AgencyView }, error) {
			all, err := s.Roster.Agencies(ctx)
			views := make([]AgencyView, len(all))
			for i, a := range all {
				if views[i], err = agencyView(a); err != nil {
					return nil, err
				}
			}
			return &struct{ Body []AgencyView }{views}, err
		})
	route(s, anyone, "GET", "/agencies/{ori}", "agency", "One agency, by its ORI.",
		func(ctx context.Context, in *AgencyPath) (*struct{ Body AgencyView }, error) {
			a, err := s.Roster.Agency(ctx, in.ORI)
			if err != nil {
				return nil, peopleProblem(err)
			}
			view, err := agencyView(a)
			return &struct{ Body AgencyView }{view}, err
		})
	route(s, session, "POST", "/agencies", "inviteAgency", "Invite an agency and its first administrator.",
		func(ctx context.Context, in *struct {
			ActHeaders
			Body NewAgency
		}) (*ActOutput, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			area, err := in.Body.Jurisdiction.polygon()
			if err != nil {
				return nil, peopleProblem(err)
			}
			hash, err := in.Body.hash()
			if err != nil {
				return nil, err
			}
			g, _, err := s.Roster.InviteAgency(ctx, by, roster.Agency{
				ORI: in.Body.ORI, Name: in.Body.Name, Kind: roster.Kind(in.Body.Kind), State: in.Body.State,
				Contact: in.Body.Contact, Jurisdiction: area,
			}, in.Body.Admin, roster.Invite{TokenHash: hash, Expires: in.Body.Expires})
			return s.acted(ctx)(g, peopleProblem(err))
		})
	route(s, session, "POST", "/agencies/{ori}/join", "joinAgency", "Take up the agency's invitation: it becomes active.",
		func(ctx context.Context, in *struct {
			ActHeaders
			AgencyPath
			Body Contact
		}) (*ActOutput, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			if by.Who.Agency != in.ORI {
				return nil, peopleProblem(roster.ErrNotFound)
			}
			g, err := s.Roster.EnrolAgency(ctx, by, in.Body.Contact)
			return s.acted(ctx)(g, peopleProblem(err))
		})
	for _, change := range []struct {
		path, id, summary string
		do                func(context.Context, gate.Caller, string, string) (*gate.Grant, error)
	}{
		{"suspend", "suspendAgency", "Stop everything an agency may do, with a reason.", s.Roster.Suspend},
		{"restore", "restoreAgency", "End an agency's suspension, with a reason.", s.Roster.Restore},
	} {
		route(s, session, "POST", "/agencies/{ori}/"+change.path, change.id, change.summary,
			func(ctx context.Context, in *struct {
				ActHeaders
				AgencyPath
				Body Reason
			}) (*ActOutput, error) {
				by, err := in.caller(ctx)
				if err != nil {
					return nil, err
				}
				g, err := change.do(ctx, by, in.ORI, in.Body.Reason)
				return s.acted(ctx)(g, peopleProblem(err))
			})
	}
}

func (s *Server) memberRoutes() {
	route(s, session, "GET", "/people", "people", "The people of your agency, or of the exchange.",
		func(ctx context.Context, in *struct {
			Agency string `query:"agency" maxLength:"9" doc:"ORI; without it, the people of the exchange itself."`
		}) (*struct{ Body []MemberView }, error) {
			members, err := s.Roster.Members(ctx, principal(ctx), in.Agency)
			if err != nil {
				return nil, peopleProblem(err)
			}
			views := make([]MemberView, len(members))
			for i, m := range members {
				views[i] = memberView(m)
			}
			return &struct{ Body []MemberView }{views}, nil
		})
	route(s, session, "POST", "/people", "invitePerson", "Invite somebody to a role, or somebody here to a further role or with a further device.",
		func(ctx context.Context, in *struct {
			ActHeaders
			Body NewPerson
		}) (*struct {
			Recorded
			Body InvitedPerson
		}, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			hash, err := in.Body.hash()
			if err != nil {
				return nil, err
			}
			g, p, err := s.Roster.InvitePerson(ctx, by, identity.Person{ID: in.Body.ID, Name: in.Body.Name, Agency: in.Body.Agency},
				identity.Role(in.Body.Role), roster.Invite{TokenHash: hash, Expires: in.Body.Expires})
			if err != nil {
				return nil, peopleProblem(err)
			}
			receipt, err := s.Gate.Receipt(ctx, g.Index, gate.PrivateAt)
			if err != nil {
				return nil, err
			}
			return &struct {
				Recorded
				Body InvitedPerson
			}{Recorded{g.Index}, InvitedPerson{personView(p), string(receipt.Marshal())}}, nil
		})
	route(s, session, "POST", "/people/{person}/remove", "removePerson", "End somebody's access at once.",
		func(ctx context.Context, in *struct {
			ActHeaders
			Person string `path:"person" maxLength:"26"`
		}) (*ActOutput, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			g, err := s.Roster.RemovePerson(ctx, by, in.Person)
			return s.acted(ctx)(g, peopleProblem(err))
		})
	route(s, session, "GET", "/devices/{device}/receipt", "deviceReceipt", "Prove with which keys a device of your agency enrolled.",
		func(ctx context.Context, in *struct {
			Device string `path:"device" maxLength:"1400" doc:"Credential id, base64url."`
		}) (*struct{ Body ReceiptText }, error) {
			var id identity.Bytes
			if err := id.UnmarshalText([]byte(in.Device)); err != nil {
				return nil, peopleProblem(roster.ErrNotFound)
			}
			r, err := s.Roster.EnrolmentReceipt(ctx, principal(ctx), id)
			if err != nil {
				return nil, peopleProblem(err)
			}
			return &struct{ Body ReceiptText }{ReceiptText{string(r.Marshal())}}, nil
		})
}

func (s *Server) vaultRoutes() {
	route(s, session, "GET", "/vault/keys", "vaultKeys", "The wrapped vault keys that are yours to open.",
		func(ctx context.Context, _ *struct{}) (*struct{ Body []WrappedKeyView }, error) {
			keys, err := s.Roster.Keys(ctx, principal(ctx))
			views := make([]WrappedKeyView, len(keys))
			for i, k := range keys {
				views[i] = WrappedKeyView{k.Vault, k.For, k.Device, k.Age}
			}
			return &struct{ Body []WrappedKeyView }{views}, err
		})
	route(s, session, "POST", "/vault", "publishVault", "Publish the key of one of your agency's vaults.",
		func(ctx context.Context, in *struct {
			ActHeaders
			Body NewVault
		}) (*ActOutput, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			g, err := s.Roster.PublishVault(ctx, by, in.Body.For, in.Body.Recipient, []roster.WrappedKey{
				{Device: in.Body.Device, Age: in.Body.Wrapped}, {Age: in.Body.Recovery},
			})
			return s.acted(ctx)(g, peopleProblem(err))
		})
	route(s, session, "POST", "/vault/grants", "grantVault", "Extend the key of one of your agency's vaults to one more device.",
		func(ctx context.Context, in *struct {
			ActHeaders
			Body VaultGrant
		}) (*ActOutput, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			g, err := s.Roster.GrantVault(ctx, by, roster.WrappedKey{Vault: in.Body.Vault, Device: in.Body.Device, Age: in.Body.Wrapped})
			return s.acted(ctx)(g, peopleProblem(err))
		})
}

// peopleProblem gives an error of package roster its own words; others pass.
func peopleProblem(err error) error {
	var invalid *roster.Invalid
	switch {
	case errors.As(err, &invalid):
		return fieldProblem(invalid.Field, invalid.Reason)
	case errors.Is(err, roster.ErrNotFound):
		return identity.ErrNotFound // one way not to be there
	case errors.Is(err, identity.ErrLabel):
		return fieldProblem("label", "Name the device in 1 to 60 characters.")
	case errors.Is(err, roster.ErrExists), errors.Is(err, roster.ErrState):
		return &Problem{Type: problemConflict, Title: "This cannot be done now", Status: http.StatusConflict,
			Detail: strings.TrimPrefix(err.Error(), "roster: ")}
	}
	return err
}

// signInProblem hides whether a passkey is known to the exchange.
func signInProblem(err error) error {
	if errors.Is(err, identity.ErrNotFound) {
		return identity.ErrSignature
	}
	return err
}

// Me is who is signed in; an empty object when nobody is.
type Me struct {
	Person *PersonView    `json:"person,omitempty"`
	Agency *MyAgency      `json:"agency,omitempty"`
	Device identity.Bytes `json:"device,omitempty" doc:"Credential id of the passkey signed in with, base64url."`
}

func (s *Server) me(ctx context.Context, p identity.Principal, device identity.Bytes) (Me, error) {
	me := Me{Person: &PersonView{ID: p.PersonID, Name: p.Name, Agency: p.Agency, Roles: roleNames(p.Roles), State: string(identity.Enrolled)}, Device: device}
	if p.Agency != "" {
		a, err := s.Roster.Agency(ctx, p.Agency)
		if err != nil {
			return Me{}, err
		}
		me.Agency = myAgency(a)
	}
	return me, nil
}

// MyAgency is what the app needs to know of one's own agency.
type MyAgency struct {
	ORI    string `json:"ori"`
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	Status string `json:"status" enum:"invited,active,suspended"`
	Vault  string `json:"vault,omitempty" doc:"Age recipient of its evidence vault, once published."`
	Plates string `json:"plates,omitempty" doc:"Age recipient of its vault of plate pictures, once published."`
}

func myAgency(a roster.Agency) *MyAgency {
	m := &MyAgency{ORI: a.ORI, Name: a.Name, Kind: string(a.Kind), Status: string(a.Status)}
	if a.Vault != nil {
		m.Vault = a.Vault.Recipient
	}
	if a.Plates != nil {
		m.Plates = a.Plates.Recipient
	}
	return m
}

// SignedIn sets the session cookie.
type SignedIn struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      Me
}

// Enrolled is a recorded enrolment, signed in.
type Enrolled struct {
	Recorded
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      Me
}

// PasskeyOptions are for navigator.credentials.
type PasskeyOptions struct {
	Options json.RawMessage `json:"options" doc:"PublicKeyCredentialRequestOptionsJSON."`
}

// PasskeyAnswer is what the passkey answered.
type PasskeyAnswer struct {
	Response json.RawMessage `json:"response" doc:"AuthenticationResponseJSON, without PRF results."`
}

// Token is an invitation's token.
type Token struct {
	Token string `json:"token" minLength:"16" maxLength:"64"`
}

// EnrolmentView is an opened invitation.
type EnrolmentView struct {
	Person  PersonView      `json:"person"`
	Agency  *MyAgency       `json:"agency,omitempty"`
	Expires time.Time       `json:"expires"`
	RPID    string          `json:"rp_id" doc:"The site passkeys are for."`
	Options json.RawMessage `json:"options" doc:"PublicKeyCredentialCreationOptionsJSON."`
}

// NewPasskey is a passkey just made.
type NewPasskey struct {
	Token    string          `json:"token" minLength:"16" maxLength:"64"`
	Label    string          `json:"label" minLength:"1" maxLength:"60" doc:"What its owner calls the device."`
	Response json.RawMessage `json:"response" doc:"RegistrationResponseJSON, without PRF results."`
}

// PasskeyAdded is a passkey kept until its enrolment is recorded.
type PasskeyAdded struct {
	Device identity.Bytes `json:"device" doc:"Credential id, base64url."`
	PRF    bool           `json:"prf" doc:"It can derive keys."`
}

// Enrolling records an enrolment.
type Enrolling struct {
	Token     string         `json:"token" minLength:"16" maxLength:"64"`
	Device    identity.Bytes `json:"device" doc:"Credential id, base64url."`
	Recipient string         `json:"device_recipient,omitempty" maxLength:"80" doc:"Age recipient derived from the passkey's PRF output; needed if it has one."`
}

// AgencyPath names an agency.
type AgencyPath struct {
	ORI string `path:"ori" maxLength:"9" doc:"Originating Agency Identifier, e.g. IL0160000."`
}

// GeoPolygon is a GeoJSON Polygon (RFC 7946) with one ring.
type GeoPolygon struct {
	Type        string        `json:"type" enum:"Polygon"`
	Coordinates [][][]float64 `json:"coordinates" maxItems:"1" doc:"One ring of [longitude, latitude], closed, at most 500 corners."`
}

// TransformSchema says that a position is two numbers, for clients with tuples.
func (GeoPolygon) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	number := map[string]string{"type": huma.TypeNumber}
	s.Properties["coordinates"].Items.Items.Extensions = map[string]any{"prefixItems": []any{number, number}}
	return s
}

func (g GeoPolygon) polygon() (geo.Polygon, error) {
	data, err := json.Marshal(g)
	if err != nil {
		return geo.Polygon{}, err
	}
	p, err := geo.ParsePolygon(data)
	if err != nil {
		return geo.Polygon{}, &roster.Invalid{Field: "jurisdiction", Reason: err.Error()}
	}
	return p, nil
}

// AgencyView is an agency as everybody may see it.
type AgencyView struct {
	ORI          string     `json:"ori"`
	Name         string     `json:"name"`
	Kind         string     `json:"kind"`
	State        string     `json:"state" doc:"Two-letter code of its state."`
	Contact      string     `json:"contact"`
	Status       string     `json:"status" enum:"invited,active,suspended"`
	Reason       string     `json:"reason,omitempty" doc:"Of the last suspension or restoration."`
	Since        time.Time  `json:"since"`
	Jurisdiction GeoPolygon `json:"jurisdiction"`
	Vault        *VaultView `json:"vault,omitempty" doc:"What residents encrypt to."`
	Plates       *VaultView `json:"plates,omitempty" doc:"What pictures of its plate reads are encrypted to."`
}

// VaultView is a published key of an agency.
type VaultView struct {
	Recipient string    `json:"recipient" doc:"Age X25519 recipient."`
	Entry     uint64    `json:"entry" doc:"Index of the act vault.publish."`
	Since     time.Time `json:"since"`
}

func agencyView(a roster.Agency) (AgencyView, error) {
	v := AgencyView{ORI: a.ORI, Name: a.Name, Kind: string(a.Kind), State: a.State, Contact: a.Contact,
		Status: string(a.Status), Reason: a.Reason, Since: a.Since}
	v.Vault, v.Plates = (*VaultView)(a.Vault), (*VaultView)(a.Plates)
	area, err := json.Marshal(a.Jurisdiction)
	if err != nil {
		return v, err
	}
	return v, json.Unmarshal(area, &v.Jurisdiction)
}

// NewInvitation is a one-time link: its token is made by who invites, and only
// its hash comes here.
type NewInvitation struct {
	TokenHash []byte    `json:"token_hash" doc:"SHA-256 of the token's text."`
	Expires   time.Time `json:"expires" doc:"At most 30 days ahead."`
}

func (n NewInvitation) hash() ([32]byte, error) {
	if len(n.TokenHash) != 32 {
		return [32]byte{}, fieldProblem("token_hash", "It must be a SHA-256.")
	}
	return [32]byte(n.TokenHash), nil
}

// NewAgency is an agency to be invited.
type NewAgency struct {
	NewInvitation
	ORI          string     `json:"ori" pattern:"^[A-Z]{2}[A-Z0-9]{7}$"`
	Name         string     `json:"name" minLength:"1" maxLength:"120"`
	Kind         string     `json:"kind" enum:"municipal,county,state,campus,tribal,fire,federal,private"`
	State        string     `json:"state" pattern:"^[A-Z]{2}$" doc:"Two-letter code of its state."`
	Contact      string     `json:"contact" maxLength:"200"`
	Jurisdiction GeoPolygon `json:"jurisdiction"`
	Admin        string     `json:"admin" minLength:"1" maxLength:"120" doc:"Name of its first administrator."`
}

// Contact is how residents reach an agency.
type Contact struct {
	Contact string `json:"contact" minLength:"1" maxLength:"200"`
}

// Reason is why.
type Reason struct {
	Reason string `json:"reason" maxLength:"1000"`
}

// PersonView is somebody with an account.
type PersonView struct {
	ID     string   `json:"id"`
	Name   string   `json:"name"`
	Agency string   `json:"agency,omitempty" doc:"ORI."`
	Roles  []string `json:"roles"`
	State  string   `json:"state" enum:"invited,enrolled,removed"`
}

func personView(p identity.Person) PersonView {
	return PersonView{p.ID, p.Name, p.Agency, roleNames(p.Roles), string(p.State)}
}

func roleNames(roles []identity.Role) []string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return names
}

// MemberView is a person with her devices.
type MemberView struct {
	PersonView
	Since   time.Time    `json:"since"`
	Devices []DeviceView `json:"devices"`
}

// DeviceView is a passkey and the age recipient derived from it.
type DeviceView struct {
	ID        identity.Bytes `json:"id" doc:"Credential id, base64url."`
	Label     string         `json:"label"`
	State     string         `json:"state" enum:"active,disabled"`
	Added     time.Time      `json:"added"`
	Used      *time.Time     `json:"used,omitempty"`
	Recipient string         `json:"recipient,omitempty" doc:"Age recipient; absent when the passkey cannot derive keys."`
	Entry     uint64         `json:"entry" doc:"Index of its enrolment."`
	Opens     []roster.Use   `json:"opens" enum:"evidence,plates" doc:"Which of the agency's current vaults it can open."`
}

func memberView(m roster.Member) MemberView {
	v := MemberView{PersonView: personView(m.Person), Since: m.Since, Devices: make([]DeviceView, len(m.Devices))}
	for i, d := range m.Devices {
		v.Devices[i] = DeviceView{ID: d.ID, Label: d.Label, State: string(d.State), Added: d.Added,
			Recipient: d.Recipient, Entry: d.Entry, Opens: d.Opens}
		if !d.Used.IsZero() {
			v.Devices[i].Used = &d.Used
		}
	}
	return v
}

// NewPerson is somebody to be invited.
type NewPerson struct {
	NewInvitation
	ID     string `json:"id,omitempty" maxLength:"26" doc:"Somebody who is here already: a further role or device."`
	Name   string `json:"name,omitempty" maxLength:"120" doc:"Of a new person."`
	Agency string `json:"agency,omitempty" maxLength:"9" doc:"ORI; without it, the exchange itself."`
	Role   string `json:"role" enum:"requester,investigator,custodian,admin,moderator,auditor,operator"`
}

// InvitedPerson is the invitation's receipt.
type InvitedPerson struct {
	Person  PersonView `json:"person"`
	Receipt string     `json:"receipt"`
}

// WrappedKeyView is a vault's identity as an age file one device can open.
type WrappedKeyView struct {
	Vault   string         `json:"vault" doc:"Recipient of the vault."`
	For     roster.Use     `json:"for" enum:"evidence,plates" doc:"What the vault is for."`
	Device  identity.Bytes `json:"device" doc:"Credential id, base64url; empty for the printed recovery key."`
	Wrapped []byte         `json:"wrapped" doc:"Age file."`
}

// NewVault publishes a vault.
type NewVault struct {
	For       roster.Use     `json:"for,omitempty" enum:"evidence,plates" default:"evidence" doc:"What the vault is for."`
	Recipient string         `json:"recipient" maxLength:"80" doc:"Age X25519 recipient."`
	Device    identity.Bytes `json:"device" doc:"Your passkey, base64url."`
	Wrapped   []byte         `json:"wrapped" doc:"The vault's identity as an age file for your device."`
	Recovery  []byte         `json:"recovery" doc:"The vault's identity as an age file for the printed recovery key."`
}

// VaultGrant extends a vault to a device.
type VaultGrant struct {
	Vault   string         `json:"vault" maxLength:"80" doc:"Recipient of the vault."`
	Device  identity.Bytes `json:"device" doc:"Credential id, base64url."`
	Wrapped []byte         `json:"wrapped" doc:"The vault's identity as an age file for that device."`
}

// PrivateEntry is an entry with its private values open.
type PrivateEntry struct {
	Index   uint64            `json:"index"`
	At      time.Time         `json:"at"`
	Action  string            `json:"action"`
	Actor   string            `json:"actor" doc:"The role that acted."`
	Agency  string            `json:"agency,omitempty"`
	Outcome string            `json:"outcome" enum:"done,denied,void"`
	Public  map[string]string `json:"public,omitempty"`
	Private map[string]string `json:"private" doc:"Those still kept."`
	Receipt string            `json:"receipt" doc:"With these values disclosed."`
}

// fieldProblem says which input cannot be, and why.
func fieldProblem(field, reason string) *Problem {
	return &Problem{Type: problemInvalid, Title: "Something in the request is not right", Status: http.StatusUnprocessableEntity,
		Detail: reason, Errors: []*huma.ErrorDetail{{Message: reason, Location: "body." + field}}}
}
