package hotlist

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/identity"
	"porchlight/internal/form"
	"porchlight/plate"
)

// Sharing says whether an owner of reads lets an agency have them. See
// plate/sharing.
type Sharing interface {
	// Lets reports whether the owner's setting in force lets the agency have her
	// reads, and that no auditor keeps it from reads of her state.
	Lets(ctx context.Context, owner, agency string) (bool, error)
}

// People knows who holds which role; see identity.Service.
type People interface {
	Person(ctx context.Context, id string) (identity.Person, error)
}

// Options joins the service to its neighbors. The first five are needed.
type Options struct {
	DB       *db.DB
	Gate     *gate.Gate
	Agencies gate.Agencies
	People   People
	// Purposes tells what a text means; see purpose.Classes.
	Purposes func(text string) []string
	// Sharing: nil lets an agency have hits of its own cameras only.
	Sharing Sharing
	// Push: nil sends nothing to browsers that are not looking.
	Push Push
	// FormKey makes the forms for corrections, the same on every node of an exchange.
	FormKey [32]byte

	Retention Retention
	Poll      time.Duration    // how often Run looks for what other nodes did; default 1 second
	Now       func() time.Time // default time.Now
	Logger    *slog.Logger     // default discards
}

// Service keeps lists and hits. Safe for concurrent use.
type Service struct {
	Options
	Asking *form.Forms // to ask for a correction with

	set   atomic.Pointer[set]
	build sync.Mutex // held while the set is made anew
	built int64      // counter "lists" of the set
	fresh queue      // hits this node just made, to be raised
	hub   hub
}

// New opens the tables and compiles what is wanted. Run raises the hits.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Poll == 0 {
		o.Poll = time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Retention = o.Retention.orDefault()
	if err := o.DB.Migrate(ctx, "hotlist", migrations); err != nil {
		return nil, err
	}
	s := &Service{Options: o, Asking: form.New(o.FormKey, "correction", correctionsHour, o.Now), built: -1,
		fresh: queue{wake: make(chan struct{}, 1)}, hub: hub{wakes: map[string]map[chan struct{}]bool{}}}
	return s, s.Reload(ctx)
}

// Reload compiles what is wanted, if it changed since: after every change here,
// and by Run after one at another node. Reads are matched against the set before
// until the new one is whole.
func (s *Service) Reload(ctx context.Context) error {
	s.build.Lock()
	defer s.build.Unlock()
	n, _, err := s.counters(ctx)
	if err != nil {
		return fmt.Errorf("looking for changed lists: %w", err)
	}
	if n == s.built {
		return nil
	}
	entries, err := wantedNow(ctx, s.DB.Read(), s.Now())
	if err != nil {
		return fmt.Errorf("reading what is wanted: %w", err)
	}
	s.set.Store(compile(entries))
	s.built = n
	return nil
}

// Match tells which entries a read fits, without recording anything: for
// measuring and for tests.
func (s *Service) Match(r plate.Read) (entries []string) {
	for _, m := range s.set.Load().match(&r, s.Now()) {
		entries = append(entries, m.entry.id)
	}
	return entries
}

// reads lets people of these roles of an active agency read; reading is no act.
func (s *Service) reads(ctx context.Context, who identity.Principal, roles ...identity.Role) error {
	for _, r := range roles {
		if who.Has(r) && who.Agency != "" {
			return gate.Active(ctx, s.Agencies, who.Agency)
		}
	}
	return gate.ErrRole
}

// investigates reports whether a person is, at this moment, an investigator of
// the agency.
func (s *Service) investigates(ctx context.Context, person, agency string) bool {
	p, err := s.People.Person(ctx, person)
	return err == nil && p.State != identity.Removed && p.Agency == agency && p.Principal().Has(identity.RoleInvestigator)
}
