// Package gate is the one door. Every consequential act passes Do: the passkey
// signs it, policy decides it, the ledger records and publishes it, and only
// then it happens. Refusals are recorded the same way.
//
// What the store says of an act and what the log says agree after a crash at
// any instruction: see docs/acts/README.md and Recover.
package gate

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"porchlight/db"
	"porchlight/identity"
	"porchlight/ledger"
	"porchlight/policy"

	"github.com/oklog/ulid/v2"
)

// Caller is who wants to act, under which act id, and with what signature.
type Caller struct {
	Who       identity.Principal
	ActID     string // ULID in lower case, made by the client; a repeat gives the first result
	Assertion []byte // JSON of the passkey's answer to SignatureRequired; empty the first time
}

// Act is one thing somebody wants to do.
type Act struct {
	Action string // "noun.verb", also the Cedar action
	By     Caller //
	// Role is the one By should act in. Who does not hold it acts in the first
	// role she holds, and policy refuses her, on record.
	Role identity.Role
	// Objects are the ids of what is acted on (request, item, agency, person).
	// They are committed as "objects" and lead to the act in History.
	Objects []string
	// Public values are in the entry for everybody. Private values are committed,
	// each under its own name, and kept until KeepUntil. Sealed values were
	// committed by the client, who alone knows them.
	Public    map[string]string
	Private   map[string]string
	Sealed    map[string]ledger.Commitment
	KeepUntil time.Time // zero: Options.Retention from now
	// Open names those private values, PrivateSignature among them, that anybody
	// may be shown once the act is permitted: every receipt discloses them, and
	// retention does not end them. For what the world must be able to check but
	// cannot stand in the entry.
	Open []string
	// Passkey is the credential that must sign; empty: any of the person's.
	Passkey identity.Bytes
	// Facts and Jurisdictions are for policy, see policy.Question.
	Facts         map[string]any
	Jurisdictions []string

	voids string // act.void: id of the act that did not happen
}

// Names of the private values the gate adds by itself.
const (
	PrivateAt        = "at"        // RFC 3339 with microseconds, UTC
	PrivateObjects   = "objects"   // Act.Objects, separated by spaces
	PrivatePerson    = "person"    // id of the person who acted
	PrivateSignature = "signature" // JSON of identity.Signed
)

// Grant shows that an act was permitted, recorded and published. Only the gate
// makes one.
type Grant struct {
	ActID    string
	Action   string
	Who      identity.Principal
	Index    uint64    // of the entry in the log
	At       time.Time // when the act was made
	Replayed bool      // the act was done before; its effect did not run again
	objects  []string
}

// Covers returns nil if g permits action on object, and an error that says what
// is missing otherwise. A nil grant covers nothing.
func (g *Grant) Covers(action, object string) error {
	if g == nil || g.Action != action || !slices.Contains(g.objects, object) {
		return fmt.Errorf("gate: no grant for %s on %s", action, object)
	}
	return nil
}

// Refusal is the error of an act that policy denied. It is in the log.
type Refusal struct {
	ActID string
	Index uint64
	Rules []policy.Rule
}

func (r *Refusal) Error() string {
	ids := make([]string, len(r.Rules))
	for i, rule := range r.Rules {
		ids[i] = rule.ID
	}
	return "refused by " + strings.Join(ids, ", ")
}

// SignatureRequired is the error of an act that its person has yet to sign.
// Nothing is recorded so far; she has SignWithin to answer.
type SignatureRequired struct {
	Act         []byte              // what will be signed: ledger.Act.Bytes
	Disclosures []ledger.Disclosure // the private values behind its commitments
	Nonce       [32]byte
	Options     json.RawMessage // for navigator.credentials.get
}

func (*SignatureRequired) Error() string { return "the act must be signed with a passkey" }

// SignWithin is how long a challenge can be answered.
const SignWithin = 5 * time.Minute

var (
	// ErrActID: the act id is not a ULID.
	ErrActID = errors.New("gate: the act id must be a ULID")
	// ErrActConflict: the act id was used before for something else.
	ErrActConflict = errors.New("gate: this act id was used for another act")
	// ErrVoided: this act was recorded but its effect failed or was cut short;
	// a new act id is needed to try again.
	ErrVoided = errors.New("gate: this act was recorded and then voided; try again with a new act id")
	// ErrUnsettled: the log has not yet said whether it holds the entry. Repeat
	// the same act later.
	ErrUnsettled = errors.New("gate: the log has not yet published this act; repeat it in a moment")
	// ErrRole: the caller holds no role, or none that may read this.
	ErrRole = errors.New("gate: the caller holds no role for this")
	// ErrSuspended: the caller's agency is not active and may read nothing.
	ErrSuspended = errors.New("gate: the caller's agency is suspended")
)

// Log is what the gate needs of the ledger.
type Log interface {
	// Append returns once a published (and, where set, cosigned) checkpoint
	// covers the entry. ledger.ErrUnpublished when that is not known; any other
	// error means that the entry is not in the log.
	Append(ctx context.Context, e ledger.Entry) (index uint64, err error)
	Receipt(ctx context.Context, index uint64, d ...ledger.Disclosure) (ledger.Receipt, error)
	Entries(ctx context.Context, from uint64) iter.Seq2[ledger.Indexed, error]
	Size(ctx context.Context) (uint64, error)
}

// Queue is a Log that several nodes append to. It takes the entry in the
// transaction that makes the act decided, so that a decided act is in the log or
// will be; Append then waits for it.
type Queue interface {
	Log
	Enqueue(tx *sql.Tx, e ledger.Entry) error
}

// Policy decides; see policy.Engine.
type Policy interface {
	Decide(policy.Question) policy.Verdict
	Rule(id string) (policy.Rule, bool)
}

// Signatures makes and checks passkey challenges; see identity.Service.
type Signatures interface {
	// Challenge asks the person's passkey; with a credential, only that one.
	Challenge(ctx context.Context, person string, credential identity.Bytes, act []byte) (identity.Challenge, error)
	VerifySignature(ctx context.Context, person string, nonce [32]byte, act, assertion []byte) (identity.Signed, error)
}

// AgencyFacts is what policy must know of the agency that acts.
type AgencyFacts struct {
	Kind   string // policy.Actor.AgencyKind
	Status string // policy.Actor.AgencyStatus
	State  string // two-letter code of its state, selects a law pack
}

// Agencies looks agencies up by ORI; see roster.
type Agencies interface {
	AgencyFacts(ctx context.Context, ori string) (AgencyFacts, error)
}

// Active returns ErrSuspended unless the agency is active: only then may its people
// read, which is no act.
func Active(ctx context.Context, agencies Agencies, ori string) error {
	f, err := agencies.AgencyFacts(ctx, ori)
	if err != nil {
		return fmt.Errorf("looking up an agency: %w", err)
	}
	if f.Status != "active" {
		return ErrSuspended
	}
	return nil
}

// Options joins a gate to its neighbors. All but the last three are needed.
type Options struct {
	DB         *db.DB
	Log        Log
	Policy     Policy
	Signatures Signatures
	Agencies   Agencies

	Now       func() time.Time // default time.Now
	Retention time.Duration    // of private values; default 5 years
	Logger    *slog.Logger     // default discards
	// Observe, if set, is told of each decided act and how long its record took.
	Observe func(action string, permit bool, took time.Duration)
}

// Gate is the one door. Safe for concurrent use, and beside the gates of other
// nodes over the same store: busy orders the calls for one act within a node;
// among nodes each step of an act is a write that checks the state it leaves
// (errMoved), and writes follow each other.
type Gate struct {
	Options
	busy keyed
}

// New opens the gate's tables. Call Recover before the first act.
func New(ctx context.Context, o Options) (*Gate, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Retention == 0 {
		o.Retention = 5 * 365 * 24 * time.Hour
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Observe == nil {
		o.Observe = func(string, bool, time.Duration) {}
	}
	if err := o.DB.Migrate(ctx, "gate", migrations); err != nil {
		return nil, err
	}
	return &Gate{Options: o}, nil
}

// Do takes an act through the door. effect runs at most once per act id, in one
// transaction with the outcome; if it fails the act is voided in the log and
// effect's error returned. A repeat of an act that was done returns its Grant
// with Replayed set.
//
// Errors a caller branches on: *Refusal (recorded), *SignatureRequired (nothing
// recorded), ErrActID, ErrActConflict, ErrRole, ErrVoided, ErrUnsettled, and
// those of identity's signature check.
func (g *Gate) Do(ctx context.Context, a Act, effect func(tx *sql.Tx, grant *Grant) error) (*Grant, error) {
	if _, err := ulid.ParseStrict(strings.ToUpper(a.By.ActID)); err != nil || strings.ToLower(a.By.ActID) != a.By.ActID {
		return nil, ErrActID
	}
	if len(a.By.Who.Roles) == 0 {
		return nil, ErrRole
	}
	if !a.By.Who.Has(a.Role) {
		a.Role = a.By.Who.Roles[0]
	}
	defer g.busy.lock(a.By.ActID)()

	rec, err := g.load(ctx, a.By.ActID)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		rec, err = g.draft(a), nil
	case err == nil && rec.digest != digest(a) && rec.state == statePending && rec.sameCall(a):
		// What she was asked to sign changed meanwhile, e.g. somebody else acted on
		// the item whose history it names: she is asked again.
		a.By.Assertion = nil
	case err == nil && rec.digest != digest(a):
		return nil, ErrActConflict
	}
	if err != nil {
		return nil, fmt.Errorf("looking up act: %w", err)
	}
	rec.open = a.Open

	switch rec.state {
	case stateDone:
		return rec.grant(a, true), nil
	case stateDenied:
		return nil, g.refusal(rec)
	case stateVoid:
		return nil, ErrVoided
	case stateDecided: // an earlier try was not answered by the log
		if err := g.find(ctx, &rec); err != nil {
			return nil, err
		}
		if rec.state == stateVoid {
			return nil, ErrVoided
		}
		return g.finish(ctx, a, rec, effect)
	}

	// stateNew or statePending: nothing is in the log.
	if a.By.Who.PersonID != "" {
		if rec.state == stateNew || len(a.By.Assertion) == 0 || rec.expires.Before(g.Now()) {
			return nil, g.askSignature(ctx, g.draft(a), a)
		}
		signed, err := g.Signatures.VerifySignature(ctx, a.By.Who.PersonID, rec.nonce, rec.entry.Act.Bytes(), a.By.Assertion)
		if err != nil {
			return nil, err
		}
		if len(a.Passkey) > 0 && !bytes.Equal(signed.CredentialID, a.Passkey) {
			return nil, fmt.Errorf("%w: another of her passkeys must sign this", identity.ErrSignature)
		}
		rec.sign(signed)
	}
	if err := g.decide(ctx, a, &rec); errors.Is(err, errMoved) {
		return nil, ErrUnsettled // another node has the same act in hand
	} else if err != nil {
		return nil, err
	}
	// From here the act is being recorded: a caller who hangs up does not stop it.
	ctx = context.WithoutCancel(ctx)
	began := g.Now()
	if rec.index, err = g.Log.Append(ctx, rec.entry); err != nil {
		if errors.Is(err, ledger.ErrUnpublished) {
			return nil, ErrUnsettled
		}
		return nil, errors.Join(fmt.Errorf("recording the act: %w", err), g.forget(ctx, rec.id))
	}
	g.Observe(a.Action, rec.entry.Decision.Permit, g.Now().Sub(began))
	return g.finish(ctx, a, rec, effect)
}

// draft makes the entry's act with fresh salts. It is stored by askSignature or
// decide.
func (g *Gate) draft(a Act) record {
	now := g.Now().UTC()
	rec := record{
		id: a.By.ActID, state: stateNew, digest: digest(a), at: now,
		objects: a.Objects, keepUntil: a.KeepUntil, voids: a.voids,
	}
	if rec.keepUntil.IsZero() {
		rec.keepUntil = now.Add(g.Retention)
	}
	private := maps.Clone(a.Private)
	if private == nil {
		private = map[string]string{}
	}
	private[PrivateAt] = now.Format("2006-01-02T15:04:05.000000Z")
	if len(a.Objects) > 0 {
		private[PrivateObjects] = strings.Join(a.Objects, " ")
	}
	if a.By.Who.PersonID != "" {
		private[PrivatePerson] = a.By.Who.PersonID
	}
	committed := maps.Clone(a.Sealed)
	if committed == nil {
		committed = map[string]ledger.Commitment{}
	}
	for _, name := range slices.Sorted(maps.Keys(private)) {
		d := ledger.Disclosure{Name: name, Salt: ledger.NewSalt(), Value: private[name]}
		rec.private = append(rec.private, d)
		committed[name] = d.Commitment()
	}
	rec.entry = ledger.Entry{V: 1, Act: ledger.Act{
		ID: rec.id, Action: a.Action, Actor: string(a.Role), Agency: a.By.Who.Agency,
		Hour:   now.Truncate(time.Hour).Format(time.RFC3339),
		Public: a.Public, Private: committed,
	}}
	return rec
}

// askSignature stores the drafted act and returns the challenge as an error.
func (g *Gate) askSignature(ctx context.Context, rec record, a Act) error {
	act := rec.entry.Act.Bytes()
	c, err := g.Signatures.Challenge(ctx, a.By.Who.PersonID, a.Passkey, act)
	if err != nil {
		return fmt.Errorf("preparing a signature: %w", err)
	}
	rec.state, rec.nonce, rec.expires = statePending, c.Nonce, g.Now().Add(SignWithin)
	if err := g.save(ctx, rec); errors.Is(err, errMoved) {
		return ErrUnsettled
	} else if err != nil {
		return fmt.Errorf("keeping the act to be signed: %w", err)
	}
	return &SignatureRequired{Act: act, Disclosures: rec.private, Nonce: c.Nonce, Options: c.Options}
}

// decide asks policy and makes the intent durable: the entry, complete, and the
// size of the log before it, from which Recover looks for it.
func (g *Gate) decide(ctx context.Context, a Act, rec *record) error {
	q := policy.Question{
		Action: a.Action, Facts: a.Facts, Jurisdictions: a.Jurisdictions,
		Actor: policy.Actor{Role: string(a.Role), Agency: a.By.Who.Agency, Signed: rec.entry.Signature != nil},
	}
	if q.Actor.Agency != "" {
		f, err := g.Agencies.AgencyFacts(ctx, q.Actor.Agency)
		if err != nil {
			return fmt.Errorf("looking up the acting agency: %w", err)
		}
		q.Actor.AgencyKind, q.Actor.AgencyStatus = f.Kind, f.Status
		q.Jurisdictions = append(slices.Clone(q.Jurisdictions), f.State)
	}
	v := g.Policy.Decide(q)
	if v.Problem != "" {
		g.Logger.Error("policy could not judge an act and denied it", "action", a.Action, "problem", v.Problem)
	}
	rec.entry.Decision = ledger.Decision{Permit: v.Permit, Rules: make([]string, 0, len(v.Rules)), Packs: v.Packs}
	for _, r := range v.Rules {
		rec.entry.Decision.Rules = append(rec.entry.Decision.Rules, r.ID)
	}
	slices.Sort(rec.entry.Decision.Rules)
	if !v.Permit {
		rec.open = nil
	}
	if n := len(rec.entry.Bytes()); n > ledger.MaxEntry {
		return fmt.Errorf("gate: the entry would be %d bytes, at most %d", n, ledger.MaxEntry)
	}
	size, err := g.Log.Size(ctx)
	if err != nil {
		return fmt.Errorf("reading the log's size: %w", err)
	}
	rec.state, rec.index = stateDecided, size
	if err := g.save(ctx, *rec); err != nil {
		return fmt.Errorf("keeping the decided act: %w", err)
	}
	return nil
}

// finish records the outcome of an act whose entry is published at rec.index.
func (g *Gate) finish(ctx context.Context, a Act, rec record, effect func(*sql.Tx, *Grant) error) (*Grant, error) {
	ctx = context.WithoutCancel(ctx)
	if !rec.entry.Decision.Permit {
		err := g.DB.Write(ctx, func(tx *sql.Tx) error { return rec.outcome(tx, stateDenied) })
		if err != nil && !errors.Is(err, errMoved) {
			return nil, fmt.Errorf("keeping the refusal: %w", err)
		}
		return nil, g.refusal(rec)
	}
	grant := rec.grant(a, false)
	err := g.DB.Write(ctx, func(tx *sql.Tx) error {
		if err := rec.outcome(tx, stateDone); err != nil || effect == nil {
			return err
		}
		return effect(tx, grant)
	})
	if errors.Is(err, errMoved) {
		return g.moved(ctx, a)
	}
	if err != nil {
		return nil, errors.Join(err, g.void(ctx, rec, "failed"))
	}
	return grant, nil
}

// moved answers for an act that another node finished, or is voiding, meanwhile.
func (g *Gate) moved(ctx context.Context, a Act) (*Grant, error) {
	rec, err := g.load(ctx, a.By.ActID)
	switch {
	case err != nil:
		return nil, fmt.Errorf("looking up act: %w", err)
	case rec.state == stateDone:
		return rec.grant(a, true), nil
	case rec.state == stateVoid:
		return nil, ErrVoided
	}
	return nil, ErrUnsettled
}

func (g *Gate) refusal(rec record) *Refusal {
	r := &Refusal{ActID: rec.id, Index: rec.index}
	for _, id := range rec.entry.Decision.Rules {
		rule, ok := g.Policy.Rule(id)
		if !ok {
			rule = policy.Rule{ID: id}
		}
		r.Rules = append(r.Rules, rule)
	}
	return r
}

// void records that the permitted act rec did not happen. reason is public:
// "failed" or "interrupted".
func (g *Gate) void(ctx context.Context, rec record, reason string) error {
	a := Act{
		Action: "act.void", Role: identity.RoleSystem,
		By:      Caller{Who: identity.System(), ActID: NewActID()},
		Objects: rec.objects, // so that a history shows what came of its acts
		Public:  map[string]string{"of": fmt.Sprint(rec.index), "reason": reason},
		Facts:   map[string]any{},
		voids:   rec.id,
	}
	_, err := g.Do(ctx, a, func(tx *sql.Tx, _ *Grant) error { return rec.closed(tx, stateVoid) })
	if err != nil {
		g.Logger.Error("an act could not be voided; the next start will", "index", rec.index, "err", err)
		return fmt.Errorf("voiding the act: %w", err)
	}
	return nil
}

// NewActID returns a fresh act id.
func NewActID() string { return strings.ToLower(ulid.MustNew(ulid.Now(), rand.Reader).String()) }

// digest tells a repeat of an act from another act under the same id. Facts are
// not part of it: they may have changed since the first try.
func digest(a Act) [32]byte {
	b, err := json.Marshal(struct {
		Action, Person, Agency string
		Role                   identity.Role
		Objects                []string
		Public, Private        map[string]string
		Sealed                 map[string]ledger.Commitment
	}{a.Action, a.By.Who.PersonID, a.By.Who.Agency, a.Role, a.Objects, a.Public, a.Private, a.Sealed})
	if err != nil {
		panic("gate: encoding plain data: " + err.Error())
	}
	return sha256.Sum256(b)
}
