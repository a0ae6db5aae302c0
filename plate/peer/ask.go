package peer

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"

	"porchlight/ledger"
	"porchlight/plate"
)

// Lookup puts a search to the peers that its ask names and yields what each says
// as it comes, each peer once. receipt is that of search.run, its disclosures
// those of Options.Fields and the time. It ends when all have answered, or
// Options.Total after it began: whoever has not answered by then is yielded
// with a Failure. Stopping the sequence stops the asking.
func (s *Service) Lookup(ctx context.Context, receipt ledger.Receipt, asker plate.Asker, ask plate.Ask) iter.Seq[Answer] {
	return func(yield func(Answer) bool) {
		ctx, cancel := s.o.Timeout(ctx, s.o.Total)
		defer cancel()
		failed := s.catchUp(ctx)
		// What all lookups have in common is written once.
		common, err := json.Marshal(struct {
			Receipt ledger.Receipt `json:"receipt"`
			Asker   plate.Asker    `json:"asker"`
			Ask     plate.Ask      `json:"ask"`
		}{receipt, asker, ask})
		failed = errors.Join(failed, err)
		to := make(chan string)
		came := make(chan Answer)
		var wg sync.WaitGroup
		for range min(s.o.Workers, len(ask.Peers)) {
			wg.Go(func() {
				for origin := range to {
					a := Answer{Exchange: origin}
					err := failed
					if err == nil {
						a.Answers, a.Receipts, err = s.lookup(ctx, Lookup{s.o.Exchange.Origin, origin, receipt, asker, ask}, common)
					}
					if err != nil {
						a.Failure, a.Err = Unanswered, err
						if f, ok := errors.AsType[*failure](err); ok {
							a.Failure = f.kind
						}
						s.o.Logger.Info("a peer's answer is not shown", "peer", origin, "failure", a.Failure, "err", err)
					}
					came <- a
				}
			})
		}
		go func() {
			defer close(came)
			defer wg.Wait()
			defer close(to)
			for i, origin := range ask.Peers {
				select {
				case to <- origin:
				case <-ctx.Done():
					for _, late := range ask.Peers[i:] {
						came <- Answer{Exchange: late, Failure: Unanswered, Err: context.Cause(ctx)}
					}
					return
				}
			}
		}()
		stopped := false
		for a := range came {
			if !stopped && !yield(a) {
				stopped = true
				cancel()
			}
		}
	}
}

// lookup asks the peer l.To and checks all of its answer. common is l as JSON
// without From and To. Errors are *failure.
func (s *Service) lookup(ctx context.Context, l Lookup, common []byte) ([]plate.Answer, []ledger.Receipt, error) {
	no := func(kind Failure, err error) ([]plate.Answer, []ledger.Receipt, error) {
		return nil, nil, fail(kind, err)
	}
	p, ok := s.peer(l.To)
	if !ok {
		return no(Unknown, errors.New("it is no peer"))
	}
	ctx, cancel := s.o.Timeout(ctx, s.o.PerPeer)
	defer cancel()
	d, err := s.Introduction(ctx, p)
	if err != nil {
		return nil, nil, err
	}
	head, err := json.Marshal(map[string]string{"from": l.From, "to": l.To})
	if err != nil {
		return no(Content, err)
	}
	body := slices.Concat(bytes.TrimSuffix(head, []byte("}")), []byte(","), bytes.TrimPrefix(common, []byte("{")))
	u, err := url.Parse(d.Lookups)
	if err != nil {
		return no(NotIntroduced, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.Lookups, bytes.NewReader(body))
	if err != nil {
		return no(NotIntroduced, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept-Encoding", "identity") // what is digested is what travels
	asked := requestMessage(http.MethodPost, u.Host, u.EscapedPath(), req.Header)
	if err := asked.sign(s.o.Key, s.keyID(), tagAsk, coveredAsk, body, s.o.Now()); err != nil {
		return no(Signature, err)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return no(unreached(err), err)
	}
	defer res.Body.Close()
	data, err := readAll(res.Body, MaxAnswer)
	if err != nil {
		kind := reading(err)
		if kind == "" {
			kind = unreached(err)
		}
		return no(kind, err)
	}
	if res.StatusCode != http.StatusOK {
		return no(Refused, fmt.Errorf("%s: %.300q", res.Status, data))
	}
	answered := responseMessage(res.StatusCode, res.Header, asked)
	sig, err := answered.stated(tagAnswer, coveredAll, s.o.Now())
	if err == nil && sig.keyID != l.To+"/lookup" {
		err = fmt.Errorf("it is signed as %.100q", sig.keyID)
	}
	if err == nil {
		err = sig.verify(ed25519.PublicKey(d.Key), res.Header, data)
	}
	if err != nil {
		return no(Signature, err)
	}
	reply, err := ParseReply(data)
	if err != nil {
		return no(Content, err)
	}
	return s.accept(reply, l, p, d)
}

// accept checks that each answer is proved by the peer's ledger, is to this
// search, and holds nothing that was not asked for. One that does not discredits
// them all.
func (s *Service) accept(r Reply, l Lookup, p Peer, d Descriptor) (answers []plate.Answer, receipts []ledger.Receipt, err error) {
	no := func(kind Failure, format string, args ...any) ([]plate.Answer, []ledger.Receipt, error) {
		return nil, nil, fail(kind, fmt.Errorf(format, args...))
	}
	if r.From != p.Origin || r.To != s.o.Exchange.Origin {
		return no(Content, "it is from %.100q to %.100q", r.From, r.To)
	}
	search := s.o.Exchange.Origin + "/" + strconv.FormatUint(l.Receipt.Index, 10)
	seen := map[string]bool{}
	for _, a := range r.Answers {
		if err := prove(a.Receipt, p); err != nil {
			return no(Receipt, "%w", err)
		}
		e := a.Receipt.Entry
		public := e.Act.Public
		_, known := d.agency(a.Owner)
		switch {
		case e.Act.Action != "search.answer" || a.Receipt.Index != a.Entry:
			return no(Receipt, "entry %d is no answer", a.Receipt.Index)
		case public["search"] != search || public["asker"] != l.Asker.Agency || public["owner"] != a.Owner:
			return no(Receipt, "entry %d answers another search", a.Entry)
		case e.Decision.Permit != a.Permit || !slices.Equal(e.Decision.Rules, a.Rules):
			return no(Receipt, "entry %d does not say what the answer says", a.Entry)
		case public["grant"] != strconv.FormatUint(a.Grant, 10):
			return no(Receipt, "entry %d names another grant", a.Entry)
		case !known || seen[a.Owner] || a.Exchange != p.Origin:
			return no(Content, "%.20q is no owner there, or answers twice", a.Owner)
		}
		if err := fitting(a.Answer, l.Ask.Query); err != nil {
			return no(Content, "the answer of %s: %w", a.Owner, err)
		}
		seen[a.Owner] = true
		answers, receipts = append(answers, a.Answer), append(receipts, a.Receipt)
	}
	return answers, receipts, nil
}

// fitting checks that an answer holds nothing that its owner was not asked, or
// did not permit.
func fitting(a plate.Answer, q plate.Query) error {
	switch {
	case !a.Permit && len(a.Reads)+len(a.Companions) > 0:
		return errors.New("it refuses, and gives reads")
	case len(a.Reads) > plate.MaxReads || len(a.Companions) > plate.MaxCompanions:
		return errors.New("it gives more than an answer has")
	case q.Kind == plate.Convoy && len(a.Reads) > 0, q.Kind != plate.Convoy && len(a.Companions) > 0:
		return errors.New("it gives what was not asked for")
	}
	fits := func(r plate.Read) error {
		switch {
		case r.Owner != a.Owner:
			return errors.New("it gives reads of somebody else")
		case r.Seen.Before(q.From) || !r.Seen.Before(q.To):
			return errors.New("it gives reads of another time")
		case !q.Area.Empty() && !q.Area.ContainsPoint(r.Place):
			return errors.New("it gives reads from outside the area")
		}
		return nil
	}
	for _, r := range a.Reads {
		if err := fits(r); err != nil {
			return err
		}
		if q.Kind == plate.ByPlate && !q.Plate.Matches(r.Text) {
			return errors.New("it gives another plate")
		}
	}
	for _, c := range a.Companions {
		for _, r := range c.Reads {
			if err := fits(r); err != nil {
				return err
			}
			if r.Text != c.Text {
				return errors.New("it gives another plate among a companion's")
			}
		}
	}
	return nil
}
