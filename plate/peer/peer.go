// Package peer carries searches between exchanges. There is no national
// database: an ask travels as a signed Lookup to the exchanges that the
// investigator names, and each decides under its own law, records that it did,
// and answers with its own receipts. A peer that does not prove its search gets
// nothing; an answer that does not prove itself is not shown.
// docs/design/lookup.md says what each side checks.
package peer

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/identity"
	"porchlight/ledger"
	"porchlight/plate"
)

// Peer is another exchange that lookups go to and come from, as the operator
// added it. Nothing is shared by that alone.
type Peer struct {
	Origin    string   `json:"origin"`    // its name, that of its ledger
	Key       string   `json:"key"`       // vkey of its ledger, compared by the operator
	URL       string   `json:"url"`       // prefix of WellKnown
	Witnesses []string `json:"witnesses"` // vkeys of those whose word the operator takes
	Quorum    int      `json:"quorum"`    // how many of them must have cosigned; 0 asks none
	Entry     uint64   `json:"entry"`     // of peer.add
	Hour      string   `json:"hour"`      // of that act
}

func (p Peer) verifier() ledger.Verifier {
	return ledger.Verifier{Origin: p.Origin, LogKey: p.Key, Witnesses: p.Witnesses, Quorum: p.Quorum}
}

// Lookup is a search as it travels to another exchange: the content of a
// request signed with the asking exchange's key for lookups.
type Lookup struct {
	From    string         `json:"from"`    // origin of the asking exchange
	To      string         `json:"to"`      // origin of the one asked
	Receipt ledger.Receipt `json:"receipt"` // of search.run; its disclosures open the ask
	Asker   plate.Asker    `json:"asker"`   // as the asking exchange sees her agency
	Ask     plate.Ask      `json:"ask"`
}

// ParseLookup reads the content of a lookup. It proves nothing.
func ParseLookup(data []byte) (l Lookup, err error) {
	if len(data) > MaxLookup {
		return l, fmt.Errorf("lookup: %d bytes, at most %d", len(data), MaxLookup)
	}
	if err := strictJSON(data, &l); err != nil {
		return Lookup{}, fmt.Errorf("lookup: %w", err)
	}
	if l.Receipt.Checkpoint == nil {
		return Lookup{}, errors.New("lookup: it carries no receipt")
	}
	return l, nil
}

// Reply is the content of the answer to a lookup, signed with the answering
// exchange's key over the request it answers.
type Reply struct {
	From    string   `json:"from"`
	To      string   `json:"to"`
	Answers []Proved `json:"answers"`
}

// Proved is one owner's answer with the receipt of its search.answer.
type Proved struct {
	plate.Answer
	Receipt ledger.Receipt `json:"receipt"`
}

// ParseReply reads the content of an answer. It proves nothing.
func ParseReply(data []byte) (r Reply, err error) {
	if err := strictJSON(data, &r); err != nil {
		return Reply{}, fmt.Errorf("answer: %w", err)
	}
	if slices.ContainsFunc(r.Answers, func(a Proved) bool { return a.Receipt.Checkpoint == nil }) {
		return Reply{}, errors.New("answer: it carries no receipt")
	}
	return r, nil
}

// Failure is why a peer gave no answer that can be shown.
type Failure string

const (
	Unknown       Failure = "unknown"    // it is no peer of this exchange
	Dead          Failure = "dead"       // it cannot be reached, or what answers there introduces nobody
	Slow          Failure = "slow"       // it did not answer in time
	Unanswered    Failure = "unanswered" // there was no time left to ask it
	NotIntroduced Failure = "descriptor" // its introduction is not signed by its key, or expired
	Refused       Failure = "refused"    // it does not take the lookup
	TooLarge      Failure = "too-large"  // its answer is larger than is read
	Signature     Failure = "signature"  // its answer is not signed by its key, or answers something else
	Receipt       Failure = "receipt"    // its answer does not show its entry in its ledger
	Content       Failure = "content"    // its answer is not to what was asked
)

// Sentence says f to who searched; "" for none.
func (f Failure) Sentence() string { return sentences[f] }

var sentences = map[Failure]string{
	Unknown:       "It is not among the exchanges that this one knows.",
	Dead:          "It cannot be reached.",
	Slow:          "It did not answer in time.",
	Unanswered:    "There was no time left to ask it.",
	NotIntroduced: "Its introduction is not signed by its key, or has expired.",
	Refused:       "It did not take the search.",
	TooLarge:      "Its answer is too large: narrow the search.",
	Signature:     "Its answer is not signed by its key, so it is not shown.",
	Receipt:       "Its answer does not prove its entry in its ledger, so it is not shown.",
	Content:       "Its answer is not to what was asked, so it is not shown.",
}

// Answer is what one peer said.
type Answer struct {
	Exchange string           // origin
	Answers  []plate.Answer   // proved; none when Failure is set
	Receipts []ledger.Receipt // of Answers, in their order
	Failure  Failure          // "" when it answered
	Err      error            // of Failure, for logs: it can repeat what the peer wrote
}

// Log is what the service needs of the ledger.
type Log interface {
	// Size is how many entries are published.
	Size(ctx context.Context) (uint64, error)
	// Select yields the published entries [from, to) of these actions, in order.
	Select(ctx context.Context, from, to uint64, actions ...string) iter.Seq2[ledger.Indexed, error]
}

// Searches answers lookups; see search.Service.
type Searches interface {
	// Answer decides for each owner, records and publishes each decision, and
	// gives the reads of those that permit. A repeat of the same search gives the
	// same answers.
	Answer(ctx context.Context, search string, asker plate.Asker, ask plate.Ask) ([]plate.Answer, error)
}

// Options join a service to its neighbors. Those before Workers are needed.
type Options struct {
	DB       *db.DB
	Gate     *gate.Gate
	Log      Log
	Searches Searches // nil: lookups are not taken
	// Fields are the private values of search.run that open an ask; see
	// search.Fields.
	Fields func(plate.Ask) map[string]string
	// Exchange, Lookups, Packs and Agencies are what this exchange says of itself.
	Exchange ledger.Descriptor
	Lookups  string
	Packs    func() map[string]string
	Agencies func(context.Context) ([]Agency, error)
	Ledger   note.Signer        // signs the descriptor
	Key      ed25519.PrivateKey // signs lookups and answers

	Workers int           // peers asked at the same time; default 64
	PerPeer time.Duration // for one peer's answer; default 10 s
	Total   time.Duration // for all of them; default 30 s
	// Timeout bounds what is done with a context; default context.WithTimeout.
	Timeout func(context.Context, time.Duration) (context.Context, context.CancelFunc)
	HTTP    http.RoundTripper
	Now     func() time.Time // default time.Now
	Logger  *slog.Logger     // default discards
}

// Service asks peers and answers them. Safe for concurrent use.
type Service struct {
	o      Options
	client *http.Client

	follow sync.Mutex // one reader of the log at a time
	size   uint64     // entries folded; guarded by follow
	mu     sync.Mutex
	peers  map[string]Peer        // by origin; guarded by mu, as what follows
	met    map[string]*introduced // what they said of themselves, by origin
	busy   map[string]int         // lookups being answered, by origin
}

const (
	actAdd    = "peer.add"
	actRemove = "peer.remove"
	actVoid   = "act.void"
)

var migrations = []string{`
CREATE TABLE peer_nonces (
	origin TEXT NOT NULL, nonce TEXT NOT NULL, expires INTEGER NOT NULL, -- microseconds since 1970
	PRIMARY KEY (origin, nonce)
);
CREATE INDEX peer_nonces_expires ON peer_nonces (expires);
`}

// New opens the tables and reads the peers out of the ledger.
func New(ctx context.Context, o Options) (*Service, error) {
	o.Workers, o.PerPeer, o.Total = cmp.Or(o.Workers, 64), cmp.Or(o.PerPeer, 10*time.Second), cmp.Or(o.Total, 30*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Timeout == nil {
		o.Timeout = context.WithTimeout
	}
	if o.HTTP == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = o.Workers
		o.HTTP = t
	}
	if err := o.DB.Migrate(ctx, "peer", migrations); err != nil {
		return nil, err
	}
	s := &Service{
		o: o, peers: map[string]Peer{}, met: map[string]*introduced{}, busy: map[string]int{},
		// A peer that answers from elsewhere is not the one whose key is pinned.
		client: &http.Client{Transport: o.HTTP, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
	return s, s.catchUp(ctx)
}

// catchUp reads peer.add and peer.remove that were published since: who is a
// peer, and under which key, the ledger says and not the database.
func (s *Service) catchUp(ctx context.Context) error {
	s.follow.Lock()
	defer s.follow.Unlock()
	size, err := s.o.Log.Size(ctx)
	if err != nil {
		return fmt.Errorf("peers: reading the ledger: %w", err)
	}
	for e, err := range s.o.Log.Select(ctx, s.size, size, actAdd, actRemove, actVoid) {
		if err != nil {
			return fmt.Errorf("peers: reading the ledger: %w", err)
		}
		s.mu.Lock()
		s.apply(e)
		s.mu.Unlock()
	}
	s.size = size
	return nil
}

func (s *Service) apply(e ledger.Indexed) {
	p := e.Entry.Act.Public
	switch {
	case !e.Entry.Decision.Permit:
	case e.Entry.Act.Action == actAdd:
		quorum, err := strconv.Atoi(cmp.Or(p["quorum"], "0"))
		peer := Peer{Origin: p["peer"], Key: p["key"], URL: p["url"], Witnesses: strings.Fields(p["witnesses"]), Quorum: quorum, Entry: e.Index, Hour: e.Entry.Act.Hour}
		if err == nil && peer.check() == nil {
			s.peers[peer.Origin] = peer
			delete(s.met, peer.Origin)
		}
	case e.Entry.Act.Action == actRemove:
		delete(s.peers, p["peer"])
		delete(s.met, p["peer"])
	default: // what was added and voided is none; a void of a removal brings nobody back
		maps.DeleteFunc(s.peers, func(_ string, q Peer) bool { return strconv.FormatUint(q.Entry, 10) == p["of"] })
	}
}

// check says what of p cannot be a peer.
func (p Peer) check() error {
	k, err := ledger.ParseKey(p.Key)
	u, uerr := url.Parse(p.URL)
	switch {
	case err != nil:
		return &Invalid{"key", "It must be the other exchange's ledger key, as its /.well-known/porchlight.json shows it."}
	case k.Name != p.Origin:
		return &Invalid{"origin", "The key is of " + k.Name + "."}
	case uerr != nil || !safeURL(u) || u.RawQuery != "" || u.Fragment != "" || u.User != nil || strings.HasSuffix(p.URL, "/"):
		return &Invalid{"url", "It must be an https address without a slash at its end."}
	}
	if err := p.verifier().Valid(); err != nil {
		return &Invalid{"witnesses", err.Error()}
	}
	return nil
}

// Invalid is the error of a peer that cannot be.
type Invalid struct {
	Field  string // as in JSON
	Reason string // one sentence
}

func (e *Invalid) Error() string { return e.Field + ": " + e.Reason }

// ErrNotFound: there is no such peer.
var ErrNotFound = errors.New("peer: there is no such peer")

// Peers lists the peers by origin.
func (s *Service) Peers(ctx context.Context) ([]Peer, error) {
	if err := s.catchUp(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.SortedFunc(maps.Values(s.peers), func(a, b Peer) int { return strings.Compare(a.Origin, b.Origin) })
	return append([]Peer{}, all...), nil
}

// peer is one of Peers.
func (s *Service) peer(origin string) (Peer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.peers[origin]
	return p, ok
}

// AgencyName is what a peer's newest descriptor calls one of its agencies; the ORI
// where there is none.
func (s *Service) AgencyName(origin, ori string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.met[origin]; m != nil {
		if a, ok := m.agency(ori); ok {
			return cmp.Or(a.Name, ori)
		}
	}
	return ori
}

// Add makes another exchange a peer: the act peer.add, of an operator, who has
// compared the key with one from another source. Its descriptor must be there
// and signed by that key, or the act is refused. Errors: *Invalid.
func (s *Service) Add(ctx context.Context, by gate.Caller, p Peer) (*gate.Grant, error) {
	slices.Sort(p.Witnesses)
	if err := p.check(); err != nil {
		return nil, err
	}
	if p.Origin == s.o.Exchange.Origin {
		return nil, &Invalid{"origin", "That is this exchange."}
	}
	_, err := s.fetch(ctx, p)
	if err != nil {
		s.o.Logger.Warn("the descriptor of an exchange that is to be a peer cannot be used", "origin", p.Origin, "err", err)
	}
	public := map[string]string{"peer": p.Origin, "key": p.Key, "url": p.URL}
	if len(p.Witnesses) > 0 {
		public["witnesses"], public["quorum"] = strings.Join(p.Witnesses, " "), strconv.Itoa(p.Quorum)
	}
	return s.o.Gate.Do(ctx, gate.Act{
		Action: actAdd, By: by, Role: identity.RoleOperator, Objects: []string{"peer/" + p.Origin}, Public: public,
		Open: []string{gate.PrivateSignature}, Facts: map[string]any{"introduced": err == nil},
	}, nil)
}

// Remove ends a peer: the act peer.remove, of an operator. Nothing goes to it or
// comes from it any more. ErrNotFound.
func (s *Service) Remove(ctx context.Context, by gate.Caller, origin string) (*gate.Grant, error) {
	if err := s.catchUp(ctx); err != nil {
		return nil, err
	}
	if _, ok := s.peer(origin); !ok {
		// A repeat of the act that removed it is answered as the first time.
		if h, err := s.o.Gate.History(ctx, "peer/"+origin); err != nil || !slices.ContainsFunc(h, func(r gate.Record) bool { return r.Entry.Act.ID == by.ActID }) {
			return nil, errors.Join(err, ErrNotFound)
		}
	}
	return s.o.Gate.Do(ctx, gate.Act{
		Action: actRemove, By: by, Role: identity.RoleOperator, Objects: []string{"peer/" + origin},
		Public: map[string]string{"peer": origin}, Open: []string{gate.PrivateSignature}, Facts: map[string]any{},
	}, nil)
}

// Describe is this exchange's descriptor, signed anew.
func (s *Service) Describe(ctx context.Context) ([]byte, error) {
	agencies, err := s.o.Agencies(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(agencies, func(a, b Agency) int { return strings.Compare(a.ORI, b.ORI) })
	return Descriptor{
		Exchange: s.o.Exchange, Lookups: s.o.Lookups, Key: identity.Bytes(s.o.Key.Public().(ed25519.PublicKey)), Packs: s.o.Packs(),
		Limits: Limits{MaxLookup, MaxAnswer, int(Fresh / time.Minute), AtOnce}, Agencies: agencies,
		Expires: s.o.Now().UTC().Add(DescriptorGood).Truncate(time.Second),
	}.Sign(s.o.Ledger)
}

// introduced is what is known of a peer's descriptor.
type introduced struct {
	Descriptor           // the newest good one; zero when there was none
	at         time.Time // when that was fetched
	tried      time.Time // when it was last asked for
	err        error     // of that time
}

// How old a descriptor may be before it is fetched again, and how long one that
// could not be had is not asked for again.
const (
	refetch = 10 * time.Minute
	pause   = 15 * time.Second
)

// Introduction is what a peer says of itself, at most ten minutes old, or older
// when it cannot be had and has not expired.
func (s *Service) Introduction(ctx context.Context, p Peer) (Descriptor, error) {
	now := s.o.Now()
	s.mu.Lock()
	m := introduced{}
	if have := s.met[p.Origin]; have != nil {
		m = *have
	}
	s.mu.Unlock()
	good := now.Before(m.Expires)
	switch {
	case good && now.Sub(m.at) < refetch:
		return m.Descriptor, nil
	case m.err == nil || now.Sub(m.tried) >= pause:
		m.tried = now
		var d Descriptor
		if d, m.err = s.fetch(ctx, p); m.err == nil {
			m.Descriptor, m.at, good = d, now, true
		}
		s.mu.Lock()
		if s.peers[p.Origin].Entry == p.Entry {
			s.met[p.Origin] = &m
		}
		s.mu.Unlock()
	}
	if good {
		return m.Descriptor, nil
	}
	return Descriptor{}, m.err
}

// fetch reads a peer's descriptor now.
func (s *Service) fetch(ctx context.Context, p Peer) (Descriptor, error) {
	ctx, cancel := s.o.Timeout(ctx, s.o.PerPeer)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+WellKnown, nil)
	if err != nil {
		return Descriptor{}, fail(NotIntroduced, err)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return Descriptor{}, fail(unreached(err), err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return Descriptor{}, fail(Dead, fmt.Errorf("%s answers %s", WellKnown, res.Status))
	}
	data, err := readAll(res.Body, MaxDescriptor)
	if err != nil {
		return Descriptor{}, fail(cmp.Or(reading(err), unreached(err)), err)
	}
	d, err := ParseDescriptor(data, p.Key)
	if err == nil && !s.o.Now().Before(d.Expires) {
		err = fmt.Errorf("it expired at %s", d.Expires.Format(time.RFC3339))
	}
	if err != nil {
		return Descriptor{}, fail(NotIntroduced, err)
	}
	return d, nil
}

// failure is an error with its kind.
type failure struct {
	kind Failure
	err  error
}

func (f *failure) Error() string { return string(f.kind) + ": " + f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func fail(kind Failure, err error) error { return &failure{kind, err} }

// unreached tells why an exchange was not reached.
func unreached(err error) Failure {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return Slow
	}
	return Dead
}

var errTooLarge = errors.New("more bytes than are read")

// reading is TooLarge when that is why reading failed.
func reading(err error) Failure {
	if errors.Is(err, errTooLarge) {
		return TooLarge
	}
	return ""
}

// readAll reads at most most bytes.
func readAll(r io.Reader, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(data)) > most {
		err = errTooLarge
	}
	return data, err
}

// once keeps a nonce and reports whether it is new. It is forgotten when the
// signature it belongs to can no longer be in time.
func (s *Service) once(ctx context.Context, origin, nonce string, created time.Time) (fresh bool, err error) {
	err = s.o.DB.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`DELETE FROM peer_nonces WHERE expires < ?`, s.o.Now().Add(-skew).UnixMicro()); err != nil {
			return err
		}
		r, err := tx.Exec(`INSERT INTO peer_nonces (origin, nonce, expires) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
			origin, nonce, created.Add(signedFor+skew).UnixMicro())
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		fresh = n == 1
		return err
	})
	return fresh, err
}
