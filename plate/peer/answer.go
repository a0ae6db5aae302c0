package peer

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"porchlight/gate"
	"porchlight/ledger"
	"porchlight/plate"
)

// refusal is why a lookup is not taken. Its words go back to who sent it.
type refusal struct {
	status int
	detail string
	err    error // for the log
}

func (r *refusal) Error() string { return r.detail }
func (r *refusal) Unwrap() error { return r.err }

func refuse(status int, err error, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...), err}
}

// ServeHTTP takes a lookup and answers it. Whatever is wrong with the lookup,
// nothing is answered of anybody's reads: the status and one sentence say why,
// as a problem (RFC 9457).
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	body, err := s.serve(ctx, r)
	if err != nil {
		var no *refusal
		if !errors.As(err, &no) {
			no = &refusal{http.StatusInternalServerError, "The lookup could not be answered. Send it again later.", err}
		}
		s.o.Logger.Info("a lookup was not answered", "status", no.status, "why", no.detail, "err", no.err)
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(no.status)
		json.NewEncoder(w).Encode(map[string]any{"type": "/problems/lookup", "title": http.StatusText(no.status), "status": no.status, "detail": no.detail})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	m := responseMessage(http.StatusOK, w.Header(), s.asked(r))
	if err := m.sign(s.o.Key, s.keyID(), tagAnswer, coveredAll, body, s.o.Now()); err != nil {
		s.o.Logger.Error("an answer could not be signed", "err", err)
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.Write(body)
}

// asked is a request as its signature sees it.
func (s *Service) asked(r *http.Request) message {
	return requestMessage(r.Method, r.Host, r.URL.EscapedPath(), r.Header)
}

// keyID names the key that signs this exchange's lookups and answers.
func (s *Service) keyID() string { return s.o.Exchange.Origin + "/lookup" }

func (s *Service) serve(ctx context.Context, r *http.Request) ([]byte, error) {
	if s.o.Searches == nil {
		return nil, refuse(http.StatusNotFound, nil, "This exchange takes no lookups.")
	}
	m := s.asked(r)
	sig, err := m.stated(tagAsk, coveredAsk, s.o.Now())
	if err != nil {
		return nil, refuse(http.StatusUnauthorized, err, "%v.", err)
	}
	body, err := readAll(r.Body, MaxLookup)
	if errors.Is(err, errTooLarge) {
		return nil, refuse(http.StatusRequestEntityTooLarge, nil, "A lookup has at most %d bytes.", MaxLookup)
	} else if err != nil {
		return nil, refuse(http.StatusBadRequest, err, "The lookup was cut short.")
	}
	l, err := ParseLookup(body)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, err, "The lookup cannot be read.")
	}
	if err := s.catchUp(ctx); err != nil {
		return nil, err
	}
	from, known := s.peer(l.From)
	switch {
	case !known || sig.keyID != l.From+"/lookup":
		return nil, refuse(http.StatusForbidden, nil, "%.200s is no peer of this exchange.", l.From)
	case l.To != s.o.Exchange.Origin:
		return nil, refuse(http.StatusMisdirectedRequest, nil, "This is %s, not %.200s.", s.o.Exchange.Origin, l.To)
	}
	d, err := s.Introduction(ctx, from)
	if err != nil {
		return nil, refuse(http.StatusForbidden, err, "The descriptor of %s cannot be had or used.", l.From)
	}
	if err := sig.verify(ed25519.PublicKey(d.Key), r.Header, body); err != nil {
		return nil, refuse(http.StatusUnauthorized, err, "%v.", err)
	}
	if fresh, err := s.once(ctx, l.From, sig.nonce, sig.created); err != nil {
		return nil, err
	} else if !fresh {
		return nil, refuse(http.StatusUnauthorized, nil, "This very message was received before.")
	}
	if !s.enter(l.From) {
		return nil, refuse(http.StatusTooManyRequests, nil, "At most %d lookups of one exchange at the same time.", AtOnce)
	}
	defer s.leave(l.From)
	asker, err := s.examine(l, from, d)
	if err != nil {
		return nil, refuse(http.StatusForbidden, err, "The search is not proved: %v.", err)
	}
	answers, err := s.o.Searches.Answer(ctx, l.From+"/"+strconv.FormatUint(l.Receipt.Index, 10), asker, l.Ask)
	if errors.Is(err, gate.ErrActConflict) {
		return nil, refuse(http.StatusConflict, err, "This search was used for another ask.")
	} else if err != nil {
		return nil, err
	}
	reply := Reply{From: s.o.Exchange.Origin, To: l.From, Answers: make([]Proved, len(answers))}
	for i, a := range answers {
		a.Exchange = s.o.Exchange.Origin
		rc, err := s.o.Gate.Receipt(ctx, a.Entry)
		if err != nil {
			return nil, fmt.Errorf("receipt of an answer: %w", err)
		}
		reply.Answers[i] = Proved{a, rc}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(reply); err != nil {
		return nil, err
	}
	if out.Len() > MaxAnswer {
		return nil, refuse(http.StatusUnprocessableEntity, nil, "The answer would have more than %d bytes: narrow the search.", MaxAnswer)
	}
	return out.Bytes(), nil
}

// enter counts a lookup of a peer in, if it has not too many at the same time.
func (s *Service) enter(origin string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[origin] >= AtOnce {
		return false
	}
	s.busy[origin]++
	return true
}

func (s *Service) leave(origin string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[origin]--; s.busy[origin] == 0 {
		delete(s.busy, origin)
	}
}

// examine checks that the search is in the peer's ledger, is this very ask, names
// this exchange, is fresh, and was permitted there; and gives the asker as the
// peer's descriptor has her agency, whatever the lookup says of it.
func (s *Service) examine(l Lookup, from Peer, d Descriptor) (plate.Asker, error) {
	if err := prove(l.Receipt, from); err != nil {
		return plate.Asker{}, err
	}
	act := l.Receipt.Entry.Act
	disclosed := map[string]string{}
	for _, v := range l.Receipt.Disclosures {
		disclosed[v.Name] = v.Value
	}
	for name, value := range s.o.Fields(l.Ask) {
		if got, ok := disclosed[name]; !ok || got != value {
			return plate.Asker{}, fmt.Errorf("its %s is not the one of the ask", name)
		}
	}
	at, err := time.Parse(time.RFC3339Nano, disclosed[gate.PrivateAt])
	age := s.o.Now().Sub(at)
	agency, known := d.agency(act.Agency)
	switch {
	case act.Action != "search.run" || !l.Receipt.Entry.Decision.Permit:
		return plate.Asker{}, errors.New("the entry is no permitted search")
	case act.Public["kind"] != string(l.Ask.Query.Kind) || act.Public["offense"] != l.Ask.Offense:
		return plate.Asker{}, errors.New("its kind and offense are not those of the ask")
	case err != nil || age > Fresh || age < -skew:
		return plate.Asker{}, fmt.Errorf("it is not of the last %v", Fresh)
	case !slices.Contains(l.Ask.Peers, s.o.Exchange.Origin):
		return plate.Asker{}, fmt.Errorf("it does not name %s", s.o.Exchange.Origin)
	case !known || l.Asker.Agency != act.Agency:
		return plate.Asker{}, errors.New("its agency is not one that the descriptor names")
	case (l.Ask.Behalf == "") != (l.Asker.Behalf == nil):
		return plate.Asker{}, errors.New("it does not say for whom it was made")
	}
	asker := d.asker(agency)
	if l.Ask.Behalf != "" {
		behalf := *l.Asker.Behalf
		if other, ok := d.agency(l.Ask.Behalf); ok {
			behalf = d.asker(other)
		}
		behalf.Exchange, behalf.Behalf = l.From, nil
		asker.Behalf = &behalf
	}
	return asker, nil
}

// prove checks a receipt under what is pinned of a peer. Each disclosure must
// open its commitment.
func prove(rc ledger.Receipt, from Peer) error {
	report, err := from.verifier().Receipt(rc)
	if err != nil {
		return fmt.Errorf("its receipt does not hold: %w", err)
	}
	if !slices.ContainsFunc(report.Claims, func(c ledger.Claim) bool { return c.What == "inclusion" && c.Status == ledger.Proved }) {
		return errors.New("its receipt shows no inclusion")
	}
	return nil
}
