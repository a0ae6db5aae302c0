// Package search asks agencies' plate reads, through the gate. An investigator
// names a case, an offense and what it is for, sees beforehand whose data she
// would touch, and signs; each owner of reads answers under its own state's law;
// reads are looked up only for answers that permit and are published.
//
// It also lets her save what she found in a file whose rows name the search,
// keep it for a case, and lets reads go when the law or their owner says.
// docs/acts/search.md walks each act.
package search

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"time"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/ledger"
	"porchlight/plate"
	"porchlight/plate/reads"
	"porchlight/plate/sharing"
	"porchlight/policy"
)

// Reads finds reads; see reads.Store.
type Reads interface {
	Find(ctx context.Context, owners []string, q plate.Query, limit int) (found []plate.Read, more bool, err error)
	Convoy(ctx context.Context, owners []string, q plate.Query, limit int) (found []plate.Companion, more bool, err error)
	// Get gives those that are still there.
	Get(ctx context.Context, ids []plate.ID) ([]plate.Read, error)
}

// Cameras knows an owner's cameras, removed ones too; see intake.Service.
type Cameras interface {
	Cameras(ctx context.Context, owner string) ([]plate.Camera, error)
}

// Sharing knows who may search whose reads; see sharing.Service.
type Sharing interface {
	May(ctx context.Context, owner string, asker plate.Asker) (sharing.Permission, error)
	Restricted(ctx context.Context, agency, state string) (bool, error)
	Owners(ctx context.Context, asker plate.Asker) ([]string, error)
}

// Agencies looks up how an agency of this exchange stands, by its ORI; false
// when it is none.
type Agencies interface {
	Standing(ctx context.Context, ori string) (plate.Asker, bool, error)
}

// Days lets reads go; see reads.Store.
type Days interface {
	Due(ctx context.Context, now time.Time) ([]reads.Day, error)
	Drop(ctx context.Context, d reads.Day) error // what is not there is fine
}

// Pictures lets the pictures of reads go; see image.Service.
type Pictures interface {
	Drop(ctx context.Context, owner string, from, to time.Time, keep time.Duration) error
}

// Peers carries an ask to the exchanges it names; see peer.Service. receipt is
// that of search.run, with the values of Fields disclosed. Each peer is yielded
// once, in the order in which they answer, and the sequence ends within bounds.
type Peers interface {
	Lookup(ctx context.Context, receipt string, asker plate.Asker, ask plate.Ask) iter.Seq[PeerAnswer]
}

// PeerAnswer is what one other exchange said.
type PeerAnswer struct {
	Exchange string         `json:"exchange"` // origin
	Answers  []plate.Answer `json:"answers"`  //
	Receipts []string       `json:"receipts"` // of the peer's entries, in the order of Answers
	Problem  string         `json:"problem"`  // why there is no answer, one sentence; "" when there is
}

// Options join a service to its neighbors. Peers may be nil, and Pictures; the
// last three have defaults; the others are needed.
type Options struct {
	DB       *db.DB
	Gate     *gate.Gate
	Policy   gate.Policy
	Agencies Agencies
	Sharing  Sharing
	Cameras  Cameras
	Reads    Reads
	Days     Days
	Pictures Pictures
	Keeper   *Keeper
	Peers    Peers
	// Key marks the rows of exported files. Whoever has it can make such marks.
	Key [32]byte
	// Keeping is how long asks and approvals are remembered; as the gate's private
	// values. Default 5 years.
	Keeping time.Duration

	Now    func() time.Time // default time.Now
	Logger *slog.Logger     // default discards
}

// Service asks and answers. Safe for concurrent use.
type Service struct{ Options }

// New opens the tables.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Keeping == 0 {
		o.Keeping = 5 * 365 * 24 * time.Hour
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := o.DB.Migrate(ctx, "search", migrations); err != nil {
		return nil, err
	}
	return &Service{o}, nil
}

// Reach is how wide an ask goes.
type Reach struct {
	Owners   []OwnerReach `json:"owners"`          // asked here; the asker's own agency first
	Cameras  int          `json:"cameras"`         // theirs together
	LookBack int          `json:"look_back_hours"` // from the begin of what is asked for until now, rounded up
	Peers    []string     `json:"peers"`           // other exchanges; whose reads answer there is theirs to say
}

// OwnerReach is one owner that an ask goes to.
type OwnerReach struct {
	Owner   string `json:"owner"`   // ORI
	Cameras int    `json:"cameras"` // that could have read what is asked for
}

// Preview is what an ask would do. It shows nothing of any read.
type Preview struct {
	Reach    Reach         `json:"reach"`
	Purposes []string      `json:"purposes"` // what offense, note and case mean
	Behalf   string        `json:"behalf"`   // kind of the agency it is for, "unknown" included; "" for her own
	Refused  []policy.Rule `json:"refused"`  // rules that would refuse the whole search, whoever approves
	Second   []policy.Rule `json:"second"`   // rules because of which a second officer must approve
	Answers  []Forecast    `json:"answers"`  // of each owner of Reach
}

// Forecast is how an owner's law and setting would answer now.
type Forecast struct {
	Owner  string        `json:"owner"`
	Permit bool          `json:"permit"`
	Rules  []policy.Rule `json:"rules"` // that refuse; none when permitted
}

// Search is an ask that passed the gate.
type Search struct {
	ID       string    `json:"id"` // the act's
	Entry    uint64    `json:"entry"`
	At       time.Time `json:"at"`
	Person   string    `json:"person"`
	Agency   string    `json:"agency"` // ORI
	Ask      plate.Ask `json:"ask"`
	Purposes []string  `json:"purposes"`
	Networks int       `json:"networks"`
	Cameras  int       `json:"cameras"`
	LookBack int       `json:"look_back_hours"`
	Behalf   string    `json:"behalf"`   // kind of the agency it was for
	Approval uint64    `json:"approval"` // entry of search.approve; 0 where none was needed
}

// Result is a search with what the owners here said.
type Result struct {
	Search  Search         `json:"search"`
	Answers []plate.Answer `json:"answers"` // her own agency first, then by ORI
}

// Proposal is an ask put before a second officer.
type Proposal struct {
	ID           string    `json:"id"` // the act's
	Entry        uint64    `json:"entry"`
	At           time.Time `json:"at"`
	Expires      time.Time `json:"expires"` // of the proposal, or of its approval
	Person       string    `json:"person"`
	Agency       string    `json:"agency"` // ORI
	Ask          plate.Ask `json:"ask"`
	Approver     string    `json:"approver"`      // "" until then
	ApproveEntry uint64    `json:"approve_entry"` //
	Run          string    `json:"run"`           // id of the search that used it; "" until then
}

// How long a proposal waits, and how long an approval can be used.
const (
	ProposalGood = 24 * time.Hour
	ApprovalGood = 24 * time.Hour
)

// Invalid is the error of an ask that cannot be. Nothing is recorded.
type Invalid struct {
	Field  string // as in JSON
	Reason string // one sentence
}

func (e *Invalid) Error() string { return e.Field + ": " + e.Reason }

var (
	// ErrNotFound: there is none, or the caller may not know of it.
	ErrNotFound = errors.New("search: not found")
	// ErrChanged: somebody was quicker, e.g. the approval was used meanwhile.
	ErrChanged = errors.New("search: this changed meanwhile; look again")
)

// receiptText is a receipt as it travels.
func receiptText(r ledger.Receipt) string { return string(r.Marshal()) }
