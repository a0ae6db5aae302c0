// Package sharing knows who may search whose reads. An agency's administrator
// says so with her passkey (the act sharing.change), and an auditor can bar an
// agency from the reads of a state (agency.restrict).
//
// The service keeps no tables and does not trust the database. What it knows is
// folded from the entries of the ledger, and each time somebody asks, the
// signature of the setting in force is checked against the administrator's key
// as the entry of her enrolment has it. So whoever can write to the database,
// but not sign as the administrator, can take sharing away and never widen it.
// docs/design/lookup.md and docs/sharing.md say more.
package sharing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"porchlight/gate"
	"porchlight/geo"
	"porchlight/identity"
	"porchlight/ledger"
	"porchlight/plate"
)

// Audience is whom an owner lets search its reads, besides itself.
type Audience string

const (
	Nobody    Audience = "nobody"     // the default
	Agencies  Audience = "agencies"   // those named
	Distance  Audience = "distance"   // whose jurisdiction is within so many km of the owner's
	SameState Audience = "same-state" // of the owner's state
	LikeLaw   Audience = "like-law"   // of states whose law forbids at least what the owner's forbids; see Alike
	Exchange  Audience = "exchange"   // everybody on this exchange
	Peers     Audience = "peers"      // nobody here, only the named peers
)

// Audiences lists them, narrowest first.
func Audiences() []Audience {
	return []Audience{Nobody, Agencies, Peers, Distance, SameState, LikeLaw, Exchange}
}

// Setting is what an owner's administrator decides. Peers may be named beside
// every audience but Nobody: agencies that ask through them are let in too.
type Setting struct {
	Audience Audience `json:"audience"`
	Agencies []string `json:"agencies"` // ORIs of agencies here, sorted; of audience Agencies only, at most MaxNamed
	Km       int      `json:"km"`       // of audience Distance only: 1 to MaxKm
	Peers    []string `json:"peers"`    // origins, sorted, at most MaxNamed
}

// Most agencies, and most peers, that a setting names; and the longest distance.
const (
	MaxNamed = 200
	MaxKm    = 1000
)

// public gives s as the values of an entry; parse reads them.
func (s Setting) public() map[string]string {
	m := map[string]string{"audience": string(s.Audience)}
	if len(s.Agencies) > 0 {
		m["agencies"] = strings.Join(s.Agencies, " ")
	}
	if s.Km > 0 {
		m["km"] = strconv.Itoa(s.Km)
	}
	if len(s.Peers) > 0 {
		m["peers"] = strings.Join(s.Peers, " ")
	}
	return m
}

func parse(m map[string]string) (Setting, error) {
	s := Setting{Audience: Audience(m["audience"]), Agencies: strings.Fields(m["agencies"]), Peers: strings.Fields(m["peers"])}
	if km, ok := m["km"]; ok {
		var err error
		if s.Km, err = strconv.Atoi(km); err != nil {
			return Setting{}, &Invalid{"km", "It must be a whole number."}
		}
	}
	return s, s.check()
}

// check says what is wrong with s by itself.
func (s Setting) check() error {
	switch {
	case !slices.Contains(Audiences(), s.Audience):
		return &Invalid{"audience", "There is no such audience."}
	case (s.Audience == Agencies) != (len(s.Agencies) > 0) || len(s.Agencies) > MaxNamed:
		return &Invalid{"agencies", fmt.Sprintf("Name 1 to %d agencies, and only for the audience of named agencies.", MaxNamed)}
	case s.Audience == Distance && (s.Km < 1 || s.Km > MaxKm) || s.Audience != Distance && s.Km != 0:
		return &Invalid{"km", fmt.Sprintf("A distance is 1 to %d km, and only for the audience by distance.", MaxKm)}
	case s.Audience == Nobody && len(s.Peers) > 0 || s.Audience == Peers && len(s.Peers) == 0 || len(s.Peers) > MaxNamed:
		return &Invalid{"peers", fmt.Sprintf("Name at most %d peers; at least one for the audience of peers, none for nobody.", MaxNamed)}
	case !increasing(s.Agencies):
		return &Invalid{"agencies", "Each agency is named once, in order."}
	case !increasing(s.Peers):
		return &Invalid{"peers", "Each peer is named once, in order."}
	}
	return nil
}

func increasing(names []string) bool {
	return slices.IsSorted(names) && len(slices.Compact(slices.Clone(names))) == len(names)
}

// Invalid is the error of a setting that cannot be.
type Invalid struct {
	Field  string // as in JSON
	Reason string // one sentence
}

func (e *Invalid) Error() string { return e.Field + ": " + e.Reason }

var (
	// ErrNotFound: there is no such agency here.
	ErrNotFound = errors.New("sharing: there is no such agency on this exchange")
	// ErrKey: none of her passkeys was enrolled as an administrator's, so that
	// nobody could check what she signs.
	ErrKey = errors.New("sharing: your passkey was enrolled before you became administrator; enrol another one with the invitation to that role")
	// ErrState: the agency is (or is not) barred from that state's reads already.
	ErrState = errors.New("sharing: this agency is already barred, or already let in")
)

// Permission is whether an owner lets an asker search.
type Permission struct {
	Allowed  bool     `json:"allowed"`
	Entry    uint64   `json:"entry"`    // of the setting in force; 0 where none was ever made, and for the owner's own search
	Audience Audience `json:"audience"` // of that setting; Nobody where there is none; "" for the owner's own search
	Unproved bool     `json:"unproved"` // the setting in force does not show an administrator's signature, so nobody is let in
}

// Change is one sharing.change as the ledger has it.
type Change struct {
	Owner     string `json:"owner"` // ORI
	Setting          //
	Entry     uint64 `json:"entry"`     //
	Hour      string `json:"hour"`      // of the act, RFC 3339
	Enrolment uint64 `json:"enrolment"` // entry that enrolled the passkey that signed; 0 while Unproved
	Unproved  bool   `json:"unproved"`  // as Permission.Unproved
}

// Restriction bars an agency from the reads of all owners in a state.
type Restriction struct {
	Agency string `json:"agency"` // ORI
	State  string `json:"state"`  // two letters
	Entry  uint64 `json:"entry"`  // of agency.restrict
	Hour   string `json:"hour"`   //
}

// Member is an agency of this exchange, as its invitation in the ledger says.
type Member struct {
	ORI   string `json:"ori"`
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	State string `json:"state"`
	area  string // lower-case hex SHA-256 of its jurisdiction
	entry uint64 // of agency.invite
}

// Log is what the service needs of the ledger.
type Log interface {
	// Size is how many entries are published.
	Size(ctx context.Context) (uint64, error)
	// Select yields the published entries [from, to) of these actions, in order.
	Select(ctx context.Context, from, to uint64, actions ...string) iter.Seq2[ledger.Indexed, error]
}

// Devices knows the passkeys of people; see identity.Service.
type Devices interface {
	Devices(ctx context.Context, person string) ([]identity.Device, error)
}

// Options join a service to its neighbors. All but Peers are needed.
type Options struct {
	Gate   *gate.Gate
	Log    Log
	People Devices
	// Site is the WebAuthn relying party id that passkeys here sign for.
	Site string
	// Jurisdiction is where an agency may ask. It is believed only where it
	// hashes to what the ledger says.
	Jurisdiction func(ctx context.Context, ori string) (geo.Polygon, error)
	// Peers lists the origins a setting may name; nil: none.
	Peers func(ctx context.Context) ([]string, error)
}

// Service knows who may search whose reads. Safe for concurrent use. What was
// recorded before a call is known to it.
type Service struct {
	o Options

	follow sync.Mutex // one reader of the log at a time
	mu     sync.RWMutex
	fold   fold
	apart  map[[2]string]float64 // metres between two jurisdictions
}

// New folds the ledger as it is. It takes about a second for a million entries
// that do not concern it.
func New(ctx context.Context, o Options) (*Service, error) {
	s := &Service{o: o, fold: newFold(), apart: map[[2]string]float64{}}
	if err := s.catchUp(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// catchUp folds what was published since.
func (s *Service) catchUp(ctx context.Context) error {
	s.follow.Lock()
	defer s.follow.Unlock()
	size, err := s.o.Log.Size(ctx)
	if err != nil {
		return fmt.Errorf("sharing: reading the ledger: %w", err)
	}
	for e, err := range s.o.Log.Select(ctx, s.fold.size, size, folded...) {
		if err != nil {
			return fmt.Errorf("sharing: reading the ledger: %w", err)
		}
		s.mu.Lock()
		s.fold.apply(e)
		s.mu.Unlock()
	}
	s.fold.size = size
	return nil
}

// May reports whether owner lets asker search its reads, and, where she asks for
// somebody else, that one too. An owner searches its own reads unasked.
func (s *Service) May(ctx context.Context, owner string, asker plate.Asker) (Permission, error) {
	if err := s.catchUp(ctx); err != nil {
		return Permission{}, err
	}
	return s.may(ctx, owner, asker)
}

func (s *Service) may(ctx context.Context, owner string, asker plate.Asker) (Permission, error) {
	own := func(a plate.Asker) bool { return a.Exchange == "" && a.Agency == owner }
	if own(asker) && (asker.Behalf == nil || own(*asker.Behalf)) {
		return Permission{Allowed: true}, nil
	}
	s.mu.RLock()
	c := s.fold.settings[owner]
	s.mu.RUnlock()
	if c == nil {
		return Permission{Audience: Nobody}, nil
	}
	p := Permission{Entry: c.index, Audience: c.setting.Audience}
	for a := &asker; a != nil; a = a.Behalf {
		if own(*a) {
			continue
		}
		if ok, err := s.lets(ctx, owner, c.setting, *a); err != nil || !ok {
			return p, err
		}
	}
	_, err := s.prove(ctx, &c.signedEntry, identity.RoleAdmin, owner)
	if errors.Is(err, errUnproved) {
		p.Unproved = true
		return p, nil
	}
	p.Allowed = err == nil
	return p, err
}

// lets reports whether a setting of owner lets one asker in, its signature apart.
func (s *Service) lets(ctx context.Context, owner string, t Setting, a plate.Asker) (bool, error) {
	if a.Exchange != "" {
		return slices.Contains(t.Peers, a.Exchange), nil
	}
	s.mu.RLock()
	of, ok := s.fold.agencies[owner]
	who, known := s.fold.agencies[a.Agency]
	s.mu.RUnlock()
	if !ok || !known {
		return false, nil
	}
	switch t.Audience {
	case Agencies:
		return slices.Contains(t.Agencies, a.Agency), nil
	case Distance:
		d, err := s.distance(ctx, of, who)
		return d <= float64(t.Km)*1000, err
	case SameState:
		return who.State == of.State, nil
	case LikeLaw:
		return Alike(of.State, who.State), nil
	case Exchange:
		return true, nil
	}
	return false, nil
}

// distance is how far the jurisdictions of two agencies are apart, in metres. It
// is infinite where one is not the one that the ledger knows.
func (s *Service) distance(ctx context.Context, a, b Member) (float64, error) {
	pair := [2]string{min(a.ORI, b.ORI), max(a.ORI, b.ORI)}
	s.mu.RLock()
	d, ok := s.apart[pair]
	s.mu.RUnlock()
	if ok {
		return d, nil
	}
	areas := [2]geo.Polygon{}
	for i, m := range []Member{a, b} {
		p, err := s.o.Jurisdiction(ctx, m.ORI)
		if err != nil {
			return 0, fmt.Errorf("sharing: jurisdiction of %s: %w", m.ORI, err)
		}
		if hash, err := areaHash(p); err != nil || hash != m.area {
			return math.Inf(1), err
		}
		areas[i] = p
	}
	d = geo.Distance(areas[0], areas[1])
	s.mu.Lock()
	s.apart[pair] = d
	s.mu.Unlock()
	return d, nil
}

// Owners lists the agencies whose settings let asker search, her own first, then
// by ORI. Restrictions are apart: see Restricted.
func (s *Service) Owners(ctx context.Context, asker plate.Asker) ([]string, error) {
	if err := s.catchUp(ctx); err != nil {
		return nil, err
	}
	s.mu.RLock()
	owners := slices.Sorted(maps.Keys(s.fold.settings))
	s.mu.RUnlock()
	var let []string
	if asker.Exchange == "" {
		owners = slices.Insert(slices.DeleteFunc(owners, func(o string) bool { return o == asker.Agency }), 0, asker.Agency)
	}
	for _, o := range owners {
		p, err := s.may(ctx, o, asker)
		if err != nil {
			return nil, err
		}
		if p.Allowed {
			let = append(let, o)
		}
	}
	return let, nil
}

// Restricted reports whether an auditor barred agency from the reads of state.
func (s *Service) Restricted(ctx context.Context, agency, state string) (bool, error) {
	if err := s.catchUp(ctx); err != nil {
		return false, err
	}
	s.mu.RLock()
	b := s.fold.bars[bar{agency, state}]
	s.mu.RUnlock()
	return s.stands(ctx, b)
}

// stands reports whether a bar is in force: it was not lifted, or who lifted it
// is not shown to be an auditor.
func (s *Service) stands(ctx context.Context, b *barred) (bool, error) {
	if b == nil {
		return false, nil
	}
	if b.lifted == nil {
		return true, nil
	}
	_, err := s.prove(ctx, b.lifted, identity.RoleAuditor, "")
	if errors.Is(err, errUnproved) {
		return true, nil
	}
	return false, err
}

// Restrictions lists the bars in force, by agency and state.
func (s *Service) Restrictions(ctx context.Context) ([]Restriction, error) {
	if err := s.catchUp(ctx); err != nil {
		return nil, err
	}
	s.mu.RLock()
	bars := maps.Clone(s.fold.bars)
	s.mu.RUnlock()
	all := []Restriction{}
	for k, b := range bars {
		if stands, err := s.stands(ctx, b); err != nil {
			return nil, err
		} else if stands {
			all = append(all, Restriction{k.agency, k.state, b.index, b.hour})
		}
	}
	slices.SortFunc(all, func(a, b Restriction) int {
		return cmp.Or(strings.Compare(a.Agency, b.Agency), strings.Compare(a.State, b.State))
	})
	return all, nil
}

// Members lists the agencies of this exchange by name.
func (s *Service) Members(ctx context.Context) ([]Member, error) {
	if err := s.catchUp(ctx); err != nil {
		return nil, err
	}
	s.mu.RLock()
	all := slices.Collect(maps.Values(s.fold.agencies))
	s.mu.RUnlock()
	slices.SortFunc(all, func(a, b Member) int { return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ORI, b.ORI)) })
	return all, nil
}

// Current is the setting in force of an agency; Nobody with entry 0 where none
// was ever made. ErrNotFound.
func (s *Service) Current(ctx context.Context, owner string) (Change, error) {
	if err := s.catchUp(ctx); err != nil {
		return Change{}, err
	}
	s.mu.RLock()
	_, known := s.fold.agencies[owner]
	c := s.fold.settings[owner]
	s.mu.RUnlock()
	if !known {
		return Change{}, ErrNotFound
	}
	if c == nil {
		return Change{Owner: owner, Setting: Setting{Audience: Nobody, Agencies: []string{}, Peers: []string{}}}, nil
	}
	out := Change{Owner: owner, Setting: c.setting, Entry: c.index, Hour: c.hour}
	k, err := s.prove(ctx, &c.signedEntry, identity.RoleAdmin, owner)
	if errors.Is(err, errUnproved) {
		out.Unproved, err = true, nil
	}
	out.Enrolment = k
	return out, err
}

// Reach is who a setting lets search an owner's reads.
type Reach struct {
	Agencies []Member `json:"agencies"` // of this exchange, by name, the owner apart
	Peers    []string `json:"peers"`    // origins: their agencies, as those exchanges know them
}

// Reach says whom t would let search owner's reads, as things are now; with
// nobody's signature asked. *Invalid, ErrNotFound.
func (s *Service) Reach(ctx context.Context, owner string, t Setting) (Reach, error) {
	all, err := s.Members(ctx)
	if err != nil {
		return Reach{}, err
	}
	if err := s.check(ctx, owner, t); err != nil {
		return Reach{}, err
	}
	r := Reach{Agencies: []Member{}, Peers: append([]string{}, t.Peers...)}
	for _, m := range all {
		if m.ORI == owner {
			continue
		}
		ok, err := s.lets(ctx, owner, t, plate.Asker{Agency: m.ORI})
		if err != nil {
			return Reach{}, err
		}
		if ok {
			r.Agencies = append(r.Agencies, m)
		}
	}
	return r, nil
}

// check says what of t cannot be a setting of owner.
func (s *Service) check(ctx context.Context, owner string, t Setting) error {
	if err := t.check(); err != nil {
		return err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if _, ok := s.fold.agencies[owner]; !ok {
		return ErrNotFound
	}
	for _, ori := range t.Agencies {
		if _, ok := s.fold.agencies[ori]; !ok || ori == owner {
			return &Invalid{"agencies", "There is no other agency " + ori + " on this exchange."}
		}
	}
	if len(t.Peers) == 0 {
		return nil
	}
	var known []string
	if s.o.Peers != nil {
		var err error
		if known, err = s.o.Peers(ctx); err != nil {
			return err
		}
	}
	for _, p := range t.Peers {
		if !slices.Contains(known, p) {
			return &Invalid{"peers", p + " is no peer of this exchange."}
		}
	}
	return nil
}

// Change sets who may search the reads of the caller's agency: the act
// sharing.change, of its administrator. Errors: *Invalid, ErrNotFound, ErrKey.
func (s *Service) Change(ctx context.Context, by gate.Caller, t Setting) (*gate.Grant, error) {
	owner := by.Who.Agency
	if err := s.catchUp(ctx); err != nil {
		return nil, err
	}
	if err := s.check(ctx, owner, t); err != nil {
		return nil, err
	}
	public := t.public()
	public["owner"] = owner
	s.mu.RLock()
	state := s.fold.agencies[owner].State
	s.mu.RUnlock()
	return s.signed(ctx, gate.Act{
		Action: actChange, By: by, Role: identity.RoleAdmin, Objects: []string{owner}, Public: public,
		Facts: map[string]any{"own_agency": true}, Jurisdictions: []string{state},
	})
}

// Restrict bars an agency from searching the reads of all owners in a state, and
// Readmit ends that: the acts agency.restrict and agency.readmit, of an auditor,
// with a reason that is a private value of the entry. Errors: *Invalid,
// ErrNotFound, ErrState, ErrKey.
func (s *Service) Restrict(ctx context.Context, by gate.Caller, agency, state, reason string) (*gate.Grant, error) {
	return s.bar(ctx, by, actRestrict, agency, state, reason)
}

// Readmit ends a restriction.
func (s *Service) Readmit(ctx context.Context, by gate.Caller, agency, state, reason string) (*gate.Grant, error) {
	return s.bar(ctx, by, actReadmit, agency, state, reason)
}

func (s *Service) bar(ctx context.Context, by gate.Caller, action, agency, state, reason string) (*gate.Grant, error) {
	stands, err := s.Restricted(ctx, agency, state)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	who, known := s.fold.agencies[agency]
	b := s.fold.bars[bar{agency, state}]
	s.mu.RUnlock()
	reason = strings.TrimSpace(reason)
	switch {
	case !known:
		return nil, ErrNotFound
	case len(state) != 2 || strings.ToUpper(state) != state:
		return nil, &Invalid{"state", "A state is two capital letters, like IL."}
	case utf8.RuneCountInString(reason) > 1000:
		return nil, &Invalid{"reason", "At most 1000 characters."}
	case stands == (action == actRestrict) && !b.by(by.ActID):
		return nil, ErrState
	}
	return s.signed(ctx, gate.Act{
		Action: action, By: by, Role: identity.RoleAuditor, Objects: []string{agency},
		Public:        map[string]string{"agency": agency, "state": state},
		Private:       map[string]string{"reason": reason},
		Facts:         map[string]any{"reason_given": reason != ""},
		Jurisdictions: []string{who.State, state},
	})
}

// signed takes an act through the gate whose signature everybody may check. What
// it changes, the ledger alone says. Of her passkeys, one must sign that was
// enrolled in the role, or the entry would prove nothing: ErrKey.
func (s *Service) signed(ctx context.Context, a gate.Act) (*gate.Grant, error) {
	if a.By.Who.Has(a.Role) { // else policy refuses her, on record
		devices, err := s.o.People.Devices(ctx, a.By.Who.PersonID)
		if err != nil {
			return nil, err
		}
		good := slices.DeleteFunc(slices.Clone(devices), func(d identity.Device) bool {
			return d.State != identity.Active || !s.enrolledAs(d.PublicKey, a.Role, a.By.Who.Agency)
		})
		switch {
		case len(good) == 0:
			return nil, ErrKey
		case len(good) < len(devices):
			a.Passkey = slices.MaxFunc(good, func(x, y identity.Device) int { return x.Used.Compare(y.Used) }).ID
		}
	}
	a.Open = []string{gate.PrivateSignature}
	return s.o.Gate.Do(ctx, a, nil)
}
