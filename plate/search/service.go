package search

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/identity"
	"porchlight/plate"
	"porchlight/policy"
)

// Preview says what an ask would do, as things stand. It is no act and reads no
// read. Only investigators may: ErrNotFound for everybody else. *Invalid.
func (s *Service) Preview(ctx context.Context, who identity.Principal, ask plate.Ask) (Preview, error) {
	if !who.Has(identity.RoleInvestigator) {
		return Preview{}, ErrNotFound
	}
	w, err := s.weigh(ctx, who, ask)
	if err != nil {
		return Preview{}, err
	}
	p := Preview{Reach: w.reach, Purposes: w.purposes, Behalf: behalfKind(w.asker)}
	alone, seconded := s.Policy.Decide(w.question(false)), s.Policy.Decide(w.question(true))
	if !seconded.Permit {
		p.Refused = seconded.Rules
	}
	if !alone.Permit {
		for _, r := range alone.Rules {
			if seconded.Permit || !slices.ContainsFunc(seconded.Rules, func(o policy.Rule) bool { return o.ID == r.ID }) {
				p.Second = append(p.Second, r)
			}
		}
	}
	for _, o := range w.reach.Owners {
		owner, ok, err := s.Agencies.Standing(ctx, o.Owner)
		if err != nil {
			return Preview{}, err
		}
		if !ok {
			return Preview{}, &Invalid{"owners", "There is no agency " + o.Owner + " here."}
		}
		facts, _, err := s.answerFacts(ctx, owner, w.asker, w.ask)
		if err != nil {
			return Preview{}, err
		}
		v := s.Policy.Decide(policy.Question{Action: "search.answer", Actor: policy.Actor{Role: string(identity.RoleSystem)},
			Facts: facts, Jurisdictions: []string{owner.State}})
		f := Forecast{Owner: o.Owner, Permit: v.Permit}
		if !v.Permit {
			f.Rules = v.Rules
		}
		p.Answers = append(p.Answers, f)
	}
	return p, nil
}

// Propose puts an ask before a second officer: the act search.propose. Errors:
// *Invalid, the gate's.
func (s *Service) Propose(ctx context.Context, by gate.Caller, ask plate.Ask) (Proposal, error) {
	w, err := s.weigh(ctx, by.Who, ask)
	if err != nil {
		return Proposal{}, err
	}
	p := Proposal{ID: by.ActID, Person: by.Who.PersonID, Agency: by.Who.Agency, Ask: w.ask}
	q := w.ask.Query
	_, err = s.Gate.Do(ctx, gate.Act{
		Action: "search.propose", By: by, Role: identity.RoleInvestigator, Objects: []string{p.ID},
		Public: w.width(), Private: Fields(w.ask),
		Facts: map[string]any{"kind": string(q.Kind), "has_case": w.facts["has_case"], "area_km2": km2(q), "window_hours": up(q.To.Sub(q.From), time.Hour)},
	}, func(tx *sql.Tx, g *gate.Grant) error {
		text, err := json.Marshal(w.ask)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO search_proposal (id, entry, at, expires, person, agency, ask, digest, approver, approve_entry, run)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', 0, '')`, p.ID, int64(g.Index), g.At.UnixMicro(), g.At.Add(ProposalGood).UnixMicro(),
			p.Person, p.Agency, string(text), digest(w.ask))
		return err
	})
	if err != nil {
		return Proposal{}, err
	}
	return s.proposal(ctx, p.ID)
}

// width is what everybody may know of how wide an ask goes.
func (w weighed) width() map[string]string {
	return map[string]string{
		"kind": string(w.ask.Query.Kind), "networks": fmt.Sprint(len(w.reach.Owners)), "cameras": fmt.Sprint(w.reach.Cameras),
		"look_back_hours": fmt.Sprint(w.reach.LookBack),
	}
}

// Approve signs somebody else's proposed ask: the act search.approve. The
// approval can be used once, within ApprovalGood. Errors: ErrNotFound outside the
// proposer's agency, ErrChanged, the gate's.
func (s *Service) Approve(ctx context.Context, by gate.Caller, id string) (Proposal, error) {
	p, err := s.proposal(ctx, id)
	if err != nil {
		return Proposal{}, err
	}
	if by.Who.Agency == "" || p.Agency != by.Who.Agency {
		return Proposal{}, ErrNotFound
	}
	w, err := s.weigh(ctx, by.Who, p.Ask)
	if err != nil {
		return Proposal{}, err
	}
	public := w.width()
	public["of"] = index(p.Entry)
	_, err = s.Gate.Do(ctx, gate.Act{
		Action: "search.approve", By: by, Role: identity.RoleInvestigator, Objects: []string{id},
		Public: public, Private: Fields(p.Ask),
		Facts: map[string]any{
			"same_person": p.Person == by.Who.PersonID, "same_agency": true,
			"open": p.Approver == "" && p.Run == "" && p.Expires.After(s.Now()),
		},
	}, func(tx *sql.Tx, g *gate.Grant) error {
		return changed(tx.Exec(`UPDATE search_proposal SET approver = ?, approve_entry = ?, expires = ? WHERE id = ? AND approver = ''`,
			by.Who.PersonID, int64(g.Index), g.At.Add(ApprovalGood).UnixMicro(), id))
	})
	if err != nil {
		return Proposal{}, err
	}
	return s.proposal(ctx, id)
}

// Proposals are those of who's agency that wait for an approval or can be used,
// newest first. None for who is no investigator.
func (s *Service) Proposals(ctx context.Context, who identity.Principal) ([]Proposal, error) {
	list := []Proposal{}
	if !who.Has(identity.RoleInvestigator) {
		return list, nil
	}
	return db.All(scanProposal)(s.DB.Read().QueryContext(ctx, `SELECT `+proposalColumns+` FROM search_proposal
		WHERE agency = ? AND run = '' AND expires > ? ORDER BY at DESC, id DESC`, who.Agency, s.Now().UnixMicro()))
}

// usable is the proposal with this id if it approves exactly this ask by this
// person, now. nil when it does not, and when id is "".
func (s *Service) usable(ctx context.Context, who identity.Principal, ask plate.Ask, id string) (*Proposal, error) {
	if id == "" {
		return nil, nil
	}
	p, err := s.proposal(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	good := p.Approver != "" && p.Approver != who.PersonID && p.Person == who.PersonID && p.Agency == who.Agency && p.Run == "" &&
		p.Expires.After(s.Now()) && slices.Equal(digest(p.Ask), digest(ask))
	if err != nil || !good {
		return nil, err
	}
	return &p, nil
}

// Run asks: the act search.run, and search.answer of each owner. approval is the
// id of the proposal that a second officer signed, "" where none is needed. A
// repeat of the act gives the same answers, without what was purged meanwhile.
//
// Errors: *Invalid, the gate's (*gate.Refusal names each rule, those that want a
// second officer among them; ErrUnsettled when the log did not publish some
// answer: repeat the act), ErrChanged when the approval was used meanwhile.
func (s *Service) Run(ctx context.Context, by gate.Caller, ask plate.Ask, approval string) (Result, error) {
	done, err := s.run(ctx, by.ActID)
	if err == nil {
		ask, err := clean(ask, s.Now())
		if err != nil {
			return Result{}, err
		}
		if done.Person != by.Who.PersonID || !slices.Equal(digest(done.Ask), digest(ask)) {
			return Result{}, gate.ErrActConflict
		}
		return s.result(ctx, by.Who, done)
	}
	if !errors.Is(err, ErrNotFound) {
		return Result{}, err
	}
	w, err := s.weigh(ctx, by.Who, ask)
	if err != nil {
		return Result{}, err
	}
	p, err := s.usable(ctx, by.Who, w.ask, approval)
	if err != nil {
		return Result{}, err
	}
	r := Search{ID: by.ActID, Person: by.Who.PersonID, Agency: by.Who.Agency, Ask: w.ask, Purposes: w.purposes,
		Networks: len(w.reach.Owners), Cameras: w.reach.Cameras, LookBack: w.reach.LookBack, Behalf: behalfKind(w.asker)}
	public := w.width()
	public["offense"], public["purposes"], public["peers"] = w.ask.Offense, strings.Join(w.purposes, " "), fmt.Sprint(len(w.ask.Peers))
	if r.Behalf != "" {
		public["behalf"] = r.Behalf
	}
	facts := maps.Clone(w.facts)
	if p != nil {
		facts["approved"] = true
		r.Approval = p.ApproveEntry
		public["approval"] = index(p.ApproveEntry)
	}
	private := Fields(w.ask)
	private["owners"] = owners(w.reach.Owners)
	_, err = s.Gate.Do(ctx, gate.Act{
		Action: "search.run", By: by, Role: identity.RoleInvestigator, Objects: []string{r.ID},
		Public: public, Private: private, Facts: facts,
	}, func(tx *sql.Tx, g *gate.Grant) error {
		r.Entry, r.At = g.Index, g.At
		if p != nil {
			if err := changed(tx.Exec(`UPDATE search_proposal SET run = ? WHERE id = ? AND run = ''`, r.ID, p.ID)); err != nil {
				return err
			}
		}
		if err := insertRun(tx, r, w.clear); err != nil {
			return err
		}
		return insertPlan(tx, index(r.Entry), w.asker, w.ask, w.reach.Owners, r.At)
	})
	if err != nil {
		return Result{}, err
	}
	if done, err = s.run(ctx, r.ID); err != nil {
		return Result{}, err
	}
	return s.result(ctx, by.Who, done)
}

func owners(list []OwnerReach) string {
	names := make([]string, len(list))
	for i, o := range list {
		names[i] = o.Owner
	}
	return strings.Join(names, " ")
}

// result gives a search's answers, asking whom it has not yet asked.
func (s *Service) result(ctx context.Context, who identity.Principal, r Search) (Result, error) {
	asker, err := s.standing(ctx, who, r.Ask)
	if err != nil {
		return Result{}, err
	}
	answers, err := s.Answer(ctx, index(r.Entry), asker, r.Ask)
	return Result{r, answers}, err
}

// Again gives the caller's own search as it was answered, without what was
// purged since. ErrNotFound for everybody else's.
func (s *Service) Again(ctx context.Context, who identity.Principal, id string) (Result, error) {
	r, err := s.own(ctx, who, id)
	if err != nil {
		return Result{}, err
	}
	return s.result(ctx, who, r)
}

// own is the search with this id if who ran it, for the agency she is still of.
func (s *Service) own(ctx context.Context, who identity.Principal, id string) (Search, error) {
	r, err := s.run(ctx, id)
	if err == nil && (who.PersonID == "" || r.Person != who.PersonID || r.Agency != who.Agency || !who.Has(identity.RoleInvestigator)) {
		err = ErrNotFound
	}
	if err != nil {
		return Search{}, err
	}
	return r, nil
}

// Lookups puts the caller's own search to the other exchanges it names, and
// yields what each says as it comes. They answer a repeat as the first time.
func (s *Service) Lookups(ctx context.Context, who identity.Principal, id string) (iter.Seq[PeerAnswer], error) {
	r, err := s.own(ctx, who, id)
	if err != nil {
		return nil, err
	}
	if len(r.Ask.Peers) == 0 || s.Peers == nil {
		return func(func(PeerAnswer) bool) {}, nil
	}
	asker, err := s.standing(ctx, who, r.Ask)
	if err != nil {
		return nil, err
	}
	names := append(slices.Sorted(maps.Keys(Fields(r.Ask))), gate.PrivateAt)
	receipt, err := s.Gate.Receipt(ctx, r.Entry, names...)
	if err != nil {
		return nil, err
	}
	return s.Peers.Lookup(ctx, receiptText(receipt), asker, r.Ask), nil
}

// Mine are the caller's own searches, newest first, at most limit of those
// before a time (zero: now).
func (s *Service) Mine(ctx context.Context, who identity.Principal, before time.Time, limit int) ([]Search, error) {
	if who.PersonID == "" || who.Agency == "" {
		return []Search{}, nil
	}
	return s.runs(ctx, `person = ? AND agency = ? AND at < ? ORDER BY at DESC, id DESC LIMIT ?`, who.PersonID, who.Agency, s.until(before), limit)
}

// History are the searches that who oversees, newest first: those of her agency
// for an administrator, all for an auditor; without person, ask and place, which
// she opens one by one with private.read. ErrNotFound for everybody else.
func (s *Service) History(ctx context.Context, who identity.Principal, before time.Time, limit int) (list []Search, err error) {
	switch {
	case who.Has(identity.RoleAuditor):
		list, err = s.runs(ctx, `at < ? ORDER BY at DESC, id DESC LIMIT ?`, s.until(before), limit)
	case who.Has(identity.RoleAdmin):
		list, err = s.runs(ctx, `agency = ? AND at < ? ORDER BY at DESC, id DESC LIMIT ?`, who.Agency, s.until(before), limit)
	default:
		return nil, ErrNotFound
	}
	for i := range list {
		r := &list[i]
		r.Person, r.At = "", r.At.Truncate(time.Hour)
		r.Ask = plate.Ask{Offense: r.Ask.Offense, Query: plate.Query{Kind: r.Ask.Query.Kind}}
	}
	return list, err
}

func (s *Service) until(t time.Time) int64 {
	if t.IsZero() {
		t = s.Now().Add(time.Hour)
	}
	return t.UnixMicro()
}
