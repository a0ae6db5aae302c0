// Package share is a resident's answer to a community request: what she
// consented to, the sealed clips on their way in (tus 1.0), the act that hands
// them over, and her page that follows them.
//
// The exchange never sees a clip: what arrives is an age file whose header goes
// to the store and whose payload goes to the blobs. It does not know who she is
// either: she holds a capability, of which only a hash is kept.
package share

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"time"

	"porchlight/canvass"
	"porchlight/capability"
	"porchlight/evidence"
	"porchlight/gate"
	"porchlight/identity"
	"porchlight/ledger"
)

// Submission is one resident's answer to one request: her capability, her
// consent, and any number of clips, each of which becomes an evidence item.
type Submission struct {
	ID      string // ULID, lower case, made by her device
	Request string
	Agency  string // ORI of the agency that asked
	Consent evidence.Consent
	Made    time.Time

	capability.Holder // changes when she takes a new link
}

// Draft opens a submission. Its tokens are made on her device and only their
// hashes sent, so that to repeat it is harmless.
type Draft struct {
	ID         string           // ULID, lower case
	Request    string           //
	UploadHash []byte           // SHA-256 of the 32-byte upload token
	OwnerHash  []byte           // SHA-256 of the 32-byte capability token
	Recipient  string           // her age X25519 recipient
	Consent    evidence.Consent // JSON, see Consent
}

// Consent is what a resident's device says she agreed to; its exact bytes are
// kept and their SHA-256 is committed in each share entry.
type Consent struct {
	Version  string `json:"version"`  // of the text's template
	Language string `json:"language"` // en, es, nl
	Text     string `json:"text"`     // exactly what she read
	Identity string `json:"identity"` // through-porchlight, email or address; the address itself is in the sealed letter
	Agency   string `json:"agency"`   // ORI she shares with
	Request  string `json:"request"`
}

// complete reports whether nothing is missing from c for request r.
func (c Consent) complete(r canvass.Request) bool {
	return c.Version != "" && c.Text != "" && slices.Contains([]string{"en", "es", "nl"}, c.Language) &&
		slices.Contains([]string{"through-porchlight", "email", "address"}, c.Identity) &&
		c.Agency == r.Agency && c.Request == r.ID
}

// Longest things a submission may hold, in bytes.
const (
	MaxConsent = 16 << 10
	MaxLetter  = 16 << 10
	MaxMessage = 16 << 10
)

// Clip hands over one finished upload.
type Clip struct {
	Submission  string
	UploadToken string
	Upload      string            // the upload's id, which becomes the item's
	Letter      []byte            // age file to the vault
	Plaintext   ledger.Commitment // of the clip's hash, opened by the letter
	Vault       string            // the age recipient she sealed to
}

// Shared is the answer to a clip handed over.
type Shared struct {
	Item    string
	Index   uint64
	Receipt ledger.Receipt
}

// Message is a letter between a resident and the agency about a submission. Only
// they can open it.
type Message struct {
	ID        string // the act's
	FromOwner bool
	Sealed    []byte // age file to the owner's recipient and the agency's vault
	At        time.Time
	Index     uint64 // entry of message.send
}

// ErrState: not possible as things stand; the message says why.
var ErrState = errors.New("share: not possible now")

// Requests looks requests up; canvass.Service does.
type Requests interface {
	Request(ctx context.Context, id string) (canvass.Request, error)
}

// Items is what this package needs of evidence.Service.
type Items interface {
	// Owned lists the items whose Owner is this submission, oldest first.
	Owned(ctx context.Context, submission string) ([]evidence.Item, error)
	// ByID returns any item, evidence.ErrNotFound if there is none.
	ByID(ctx context.Context, id string) (evidence.Item, error)
	WithdrawNow(ctx context.Context, id string)
}

// Options joins the service to its neighbors. All but Logger are needed.
type Options struct {
	Intake   *Intake
	Gate     *gate.Gate
	Requests Requests
	Agencies canvass.Agencies
	Items    Items
	Logger   *slog.Logger // default discards
}

// Service is what a resident can do with her answer. Safe for concurrent use.
type Service struct{ Options }

// New joins the service. The tables must be there, see Migrations.
func New(o Options) *Service {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Service{o}
}

var ulidShape = regexp.MustCompile(`^[0-7][0-9a-hjkmnp-tv-z]{25}$`)

// Begin opens a submission for uploads. It is no act yet: nothing is handed over
// before Share. A repeat with the same draft changes nothing. Errors: ErrInput,
// ErrUnknown (no such published request), ErrState (the request is closed, its
// agency cannot receive, or the id is taken).
func (s *Service) Begin(ctx context.Context, d Draft) error {
	switch {
	case !ulidShape.MatchString(d.ID):
		return fmt.Errorf("%w: the submission's id must be a ULID in lower case", ErrInput)
	case len(d.UploadHash) != 32:
		return fmt.Errorf("%w: a token's hash has 32 bytes", ErrInput)
	case len(d.Consent) > MaxConsent:
		return fmt.Errorf("%w: the consent is longer than 16 KiB", ErrInput)
	}
	holder, err := capability.New(d.OwnerHash, d.Recipient)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInput, err)
	}
	var c Consent
	if err := json.Unmarshal(d.Consent, &c); err != nil {
		return fmt.Errorf("%w: the consent is not JSON", ErrInput)
	}
	r, a, err := s.asked(ctx, d.Request)
	if err != nil {
		return err
	}
	switch {
	case !s.open(r):
		return fmt.Errorf("%w: the request is closed", ErrState)
	case a.Status != "active" || a.Vault == "":
		return fmt.Errorf("%w: the agency cannot receive clips at present", ErrState)
	case !c.complete(r):
		return fmt.Errorf("%w: the consent is not complete", ErrInput)
	}
	return s.Intake.begin(ctx, Submission{
		ID: d.ID, Request: d.Request, Agency: r.Agency, Consent: d.Consent, Made: s.Intake.now(),
		Holder: holder,
	}, d.UploadHash)
}

// asked returns a published request and the agency that asks.
func (s *Service) asked(ctx context.Context, id string) (canvass.Request, canvass.Agency, error) {
	r, err := s.Requests.Request(ctx, id)
	if errors.Is(err, canvass.ErrNotFound) || err == nil && !r.Published() {
		return r, canvass.Agency{}, ErrUnknown
	}
	if err != nil {
		return r, canvass.Agency{}, fmt.Errorf("looking up the request: %w", err)
	}
	a, err := s.Agencies.Agency(ctx, r.Agency)
	if err != nil {
		return r, a, fmt.Errorf("looking up the agency that asks: %w", err)
	}
	return r, a, nil
}

func (s *Service) open(r canvass.Request) bool {
	return r.State == canvass.Open && r.Expires.After(s.Intake.now())
}

// Share hands a finished upload to the agency that asked (submission.share): it
// becomes a pending item. A repeat with the same act id gives the same answer.
// Errors: ErrUnknown, ErrState (the upload is not finished), ErrInput, and the
// gate's; a refusal leaves the upload, which Sweep removes in time.
func (s *Service) Share(ctx context.Context, by gate.Caller, c Clip) (Shared, error) {
	if !isSealed(c.Letter, MaxLetter) {
		return Shared{}, fmt.Errorf("%w: the letter is not an age file of at most 16 KiB", ErrInput)
	}
	sub, u, release, err := s.Intake.claim(ctx, c.UploadToken, c.Submission, c.Upload)
	if err != nil {
		return Shared{}, err
	}
	defer release()
	r, a, err := s.asked(ctx, sub.Request)
	if err != nil {
		return Shared{}, err
	}
	var consent Consent
	if err := json.Unmarshal(sub.Consent, &consent); err != nil {
		return Shared{}, fmt.Errorf("reading a kept consent: %w", err)
	}
	whole, payload := u.sums()
	grant, err := s.Gate.Do(ctx, gate.Act{
		Action: "submission.share", By: by, Role: identity.RoleResident,
		Objects: []string{u.ID, sub.ID, r.ID},
		Public:  map[string]string{"request": r.ID, "agency": r.Agency},
		Private: map[string]string{
			"item": u.ID, "vault": c.Vault,
			evidence.ShareCiphertext: whole, evidence.SharePayload: payload, evidence.ShareConsent: sub.Consent.SHA256(),
		},
		Sealed: map[string]ledger.Commitment{evidence.SharePlaintext: c.Plaintext},
		Facts: map[string]any{
			"request_open": s.open(r), "asker_active": a.Status == "active",
			"key_matches_ledger": c.Vault != "" && c.Vault == a.Vault, "consent_complete": consent.complete(r),
		},
		Jurisdictions: []string{a.State},
	}, func(tx *sql.Tx, g *gate.Grant) error {
		// Before the item, so that a terminated upload cannot become one.
		if err := handOver(tx, u.ID); err != nil {
			return err
		}
		return evidence.Admit(ctx, tx, evidence.Item{
			ID: u.ID, Request: r.ID, Agency: r.Agency,
			CiphertextSHA256: whole, PayloadSHA256: payload, Size: u.payload, Blob: u.ID,
			Owner: sub.ID, OwnerRecipient: sub.Recipient, Consent: sub.Consent, ShareEntry: g.Index,
		}, u.header, c.Letter, g.At)
	})
	if err != nil {
		return Shared{}, err
	}
	receipt, err := s.Gate.Receipt(ctx, grant.Index, ownerSees...)
	if err != nil {
		return Shared{}, fmt.Errorf("proving the share: %w", err)
	}
	return Shared{Item: u.ID, Index: grant.Index, Receipt: receipt}, nil
}

// isSealed reports whether b looks like an age file for X25519 recipients of at
// most that many bytes; more cannot be told without a key.
func isSealed(b []byte, most int) bool {
	n, err := headerLen(b)
	return err == nil && n > 0 && len(b) <= most && checkPayload(int64(len(b)-n)) == nil
}

// ownerSees names the private values of acts on her items that a resident is
// shown: what was done and why, not which officer did it nor for which case.
var ownerSees = []string{
	gate.PrivateAt, "item", "vault", evidence.ShareCiphertext, evidence.SharePayload, evidence.ShareConsent,
	"purpose", "expires", "no_reshare", "order", "until", "reason", "category",
}

// Followed is everything the bearer of a capability may know.
type Followed struct {
	Submission Submission
	Request    canvass.Request
	Agency     canvass.Agency
	Items      []FollowedItem
	Messages   []Message
}

// FollowedItem is one of her clips and what happened to it, oldest act first.
type FollowedItem struct {
	evidence.Item
	Events []gate.Record
}

// Follow returns the submission that the capability token opens, ErrUnknown when
// there is none (also once the link was replaced).
func (s *Service) Follow(ctx context.Context, token string) (*Followed, error) {
	sub, err := s.Intake.owned(ctx, token)
	if err != nil {
		return nil, err
	}
	f := &Followed{Submission: sub}
	if f.Request, f.Agency, err = s.asked(ctx, sub.Request); err != nil {
		return nil, err
	}
	items, err := s.Items.Owned(ctx, sub.ID)
	if err != nil {
		return nil, fmt.Errorf("listing her items: %w", err)
	}
	for _, it := range items {
		events, err := s.history(ctx, it.ID)
		if err != nil {
			return nil, err
		}
		f.Items = append(f.Items, FollowedItem{it, events})
	}
	f.Messages, err = s.Intake.messages(ctx, sub.ID)
	return f, err
}

// history is the item's custody chain as its owner sees it.
func (s *Service) history(ctx context.Context, item string) ([]gate.Record, error) {
	events, err := s.Gate.History(ctx, item)
	if err != nil {
		return nil, err
	}
	for i, e := range events {
		events[i].Disclosures = e.Disclose(ownerSees...)
	}
	return events, nil
}

// Receipt proves one act on one of her items. ErrUnknown.
func (s *Service) Receipt(ctx context.Context, token, item string, index uint64) (ledger.Receipt, error) {
	it, err := s.item(ctx, token, item)
	if err != nil {
		return ledger.Receipt{}, err
	}
	events, err := s.Gate.History(ctx, it.ID)
	if err != nil {
		return ledger.Receipt{}, err
	}
	if !slices.ContainsFunc(events, func(e gate.Record) bool { return e.Index == index }) {
		return ledger.Receipt{}, ErrUnknown
	}
	return s.Gate.Receipt(ctx, index, ownerSees...)
}

func (s *Service) item(ctx context.Context, token, item string) (evidence.Item, error) {
	sub, err := s.Intake.owned(ctx, token)
	if err != nil {
		return evidence.Item{}, err
	}
	it, err := s.Items.ByID(ctx, item)
	if errors.Is(err, evidence.ErrNotFound) || err == nil && it.Owner != sub.ID {
		return evidence.Item{}, ErrUnknown
	}
	return it, err
}

// Withdraw takes a clip back (submission.withdraw). While pending it is destroyed
// at once; an accepted one becomes a withdrawal request that the custodian must
// answer. Errors: ErrUnknown, evidence.ErrState, the gate's.
func (s *Service) Withdraw(ctx context.Context, by gate.Caller, token, item string) (*gate.Grant, error) {
	it, err := s.item(ctx, token, item)
	if err != nil {
		return nil, err
	}
	a, err := s.Agencies.Agency(ctx, it.Agency)
	if err != nil {
		return nil, fmt.Errorf("looking up the custodian: %w", err)
	}
	grant, err := s.Gate.Do(ctx, gate.Act{
		Action: "submission.withdraw", By: by, Role: identity.RoleResident,
		Objects:       []string{it.ID},
		Public:        map[string]string{"agency": it.Agency},
		Private:       map[string]string{"item": it.ID},
		Facts:         map[string]any{"holds_capability": true, "state": string(it.State)},
		Jurisdictions: []string{a.State},
	}, func(tx *sql.Tx, g *gate.Grant) error {
		state, err := evidence.Withdraw(ctx, tx, it.ID)
		if err == nil && it.State == evidence.Pending && state != evidence.Withdrawn {
			return fmt.Errorf("%w: it was accepted at this moment", evidence.ErrState)
		}
		return err
	})
	if err == nil && it.State == evidence.Pending {
		s.Items.WithdrawNow(ctx, it.ID)
	}
	return grant, err
}

// Relink replaces a capability (submission.relink): from then on only the new
// link opens her page. resealed are her messages by id, sealed again for the new
// recipient; those left out stay as they are. Errors: ErrUnknown, ErrInput, the gate's.
func (s *Service) Relink(ctx context.Context, by gate.Caller, token string, ownerHash []byte, recipient string, resealed map[string][]byte) (*gate.Grant, error) {
	sub, err := s.Intake.owned(ctx, token)
	if err != nil {
		return nil, err
	}
	holder, err := capability.New(ownerHash, recipient)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInput, err)
	}
	for _, m := range resealed {
		if !isSealed(m, MaxMessage) {
			return nil, fmt.Errorf("%w: a message is not an age file of at most 16 KiB", ErrInput)
		}
	}
	return s.Gate.Do(ctx, gate.Act{
		Action: "submission.relink", By: by, Role: identity.RoleResident,
		Objects: []string{sub.ID},
		Private: map[string]string{"submission": sub.ID},
		Facts:   map[string]any{"holds_capability": true},
	}, func(tx *sql.Tx, _ *gate.Grant) error { return relink(tx, sub, holder, resealed) })
}

// Write sends a message to the agency (message.send), sealed to its vault and to
// the owner's own recipient. Errors: ErrUnknown, ErrInput, ErrTooLarge, the gate's.
func (s *Service) Write(ctx context.Context, by gate.Caller, token string, sealed []byte) (*gate.Grant, error) {
	sub, err := s.Intake.owned(ctx, token)
	if err != nil {
		return nil, err
	}
	return s.send(ctx, by, identity.RoleResident, sub, sealed)
}

// Reply sends a message from an officer of the agency that asked to the owner of
// an item. Errors: ErrUnknown, ErrInput, ErrTooLarge, the gate's.
func (s *Service) Reply(ctx context.Context, by gate.Caller, item string, sealed []byte) (*gate.Grant, error) {
	sub, err := s.officers(ctx, by.Who, item)
	if err != nil {
		return nil, err
	}
	role := identity.RoleRequester
	for _, r := range []identity.Role{identity.RoleCustodian, identity.RoleInvestigator} {
		if by.Who.Has(r) {
			role = r
		}
	}
	return s.send(ctx, by, role, sub, sealed)
}

// Correspondence returns the messages about an item's submission and the
// recipient its owner reads with, to officers of the agency that asked.
func (s *Service) Correspondence(ctx context.Context, who identity.Principal, item string) (recipient string, ms []Message, err error) {
	sub, err := s.officers(ctx, who, item)
	if err != nil {
		return "", nil, err
	}
	if !who.Has(identity.RoleRequester) && !who.Has(identity.RoleInvestigator) && !who.Has(identity.RoleCustodian) {
		return "", nil, gate.ErrRole
	}
	if a, err := s.Agencies.Agency(ctx, who.Agency); err != nil {
		return "", nil, fmt.Errorf("looking up the agency: %w", err)
	} else if a.Status != "active" {
		return "", nil, gate.ErrSuspended
	}
	ms, err = s.Intake.messages(ctx, sub.ID)
	return sub.Recipient, ms, err
}

// officers finds the submission of an item for an officer of the agency asked.
func (s *Service) officers(ctx context.Context, who identity.Principal, item string) (Submission, error) {
	it, err := s.Items.ByID(ctx, item)
	if errors.Is(err, evidence.ErrNotFound) || err == nil && (who.Agency == "" || who.Agency != it.Agency) {
		return Submission{}, ErrUnknown
	}
	if err != nil {
		return Submission{}, fmt.Errorf("looking up the item: %w", err)
	}
	return s.Intake.submission(ctx, it.Owner)
}

// maxMessages bounds the letters about one submission.
const maxMessages = 500

func (s *Service) send(ctx context.Context, by gate.Caller, role identity.Role, sub Submission, sealed []byte) (*gate.Grant, error) {
	if !isSealed(sealed, MaxMessage) {
		return nil, fmt.Errorf("%w: the message is not an age file of at most 16 KiB", ErrInput)
	}
	a, err := s.Agencies.Agency(ctx, sub.Agency)
	if err != nil {
		return nil, fmt.Errorf("looking up the agency: %w", err)
	}
	owner := role == identity.RoleResident
	return s.Gate.Do(ctx, gate.Act{
		Action: "message.send", By: by, Role: role,
		Objects:       []string{sub.ID},
		Public:        map[string]string{"agency": sub.Agency},
		Private:       map[string]string{"submission": sub.ID},
		Facts:         map[string]any{"holds_capability": owner, "own_agency": by.Who.Agency == sub.Agency},
		Jurisdictions: []string{a.State},
	}, func(tx *sql.Tx, g *gate.Grant) error {
		return addMessage(tx, sub.ID, Message{ID: g.ActID, FromOwner: owner, Sealed: sealed, At: g.At, Index: g.Index})
	})
}
