package send

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"porchlight/home/outbox"
	"porchlight/internal/wake"
	"porchlight/share/client"
)

// How often an answer is looked after. All of it concerns an answer that the
// exchange has; a house that shared nothing makes no such request.
const (
	followEvery = 6 * time.Hour
	followSoon  = 10 * time.Minute // while a clip is being destroyed
	followLong  = 48 * time.Hour   // once every clip is destroyed
	retryFirst  = time.Minute
	retryMost   = time.Hour
)

// Run sends what was shared, looks what became of it, and ends abandoned drafts,
// until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	return wake.Loop(ctx, s.wake, s.Now, s.Step, func(err error) { s.Logger.Error("answers could not be looked after", "err", err) })
}

// Step does what is due, and returns when the next is; zero when nothing waits.
func (s *Service) Step(ctx context.Context) (next time.Time, err error) {
	var errs []error
	over, due, err := s.acts.Step(ctx)
	if ctx.Err() != nil {
		return next, ctx.Err()
	}
	errs = append(errs, err)
	for _, a := range over {
		errs = append(errs, s.later(ctx, a.Thing, 0)) // look what became of it
	}
	all, err := s.load(ctx, "")
	if err != nil {
		return next, errors.Join(append(errs, err)...)
	}
	now := s.Now()
	for _, d := range all {
		switch {
		case d.State == Open && d.Changed.Before(now.Add(-abandoned)):
			if err := s.Discard(ctx, d.ID); err != nil && !errors.Is(err, ErrNotFound) {
				errs = append(errs, err)
			}
		case d.State == Sending && !d.Due.After(now):
			errs = append(errs, s.deliver(ctx, d.ID))
		case d.State == Sent && !d.Due.After(now):
			if _, err := s.Follow(ctx, d.ID); err != nil && !client.Temporary(err) {
				errs = append(errs, err)
			}
		}
		if ctx.Err() != nil {
			return next, ctx.Err()
		}
	}
	if all, err = s.load(ctx, ""); err != nil {
		return next, errors.Join(append(errs, err)...)
	}
	next = due
	for _, d := range all {
		if (d.State == Sending || d.State == Sent) && (next.IsZero() || d.Due.Before(next)) {
			next = d.Due
		}
	}
	return next, errors.Join(errs...)
}

// deliver sends a draft that is on its way, as far as it goes this time.
func (s *Service) deliver(outer context.Context, id string) error {
	ctx, cancel := context.WithCancel(outer)
	defer cancel()
	s.mu.Lock()
	d, err := s.one(ctx, id)
	if err != nil || d.State != Sending || s.sending[id] != nil {
		s.mu.Unlock()
		return err
	}
	run := &sending{stop: cancel, done: make(chan struct{})}
	s.sending[id] = run
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.sending, id)
		s.mu.Unlock()
		close(run.done)
		s.Changed()
	}()
	// Only this changes the draft now: Discard waits for it.
	keep := func() error { return s.save(ctx, d) }
	sent := s.Exchange.Send(ctx, d.Answer, client.Sending{Dir: filepath.Join(s.Dir, id), Keep: keep, Progress: func(p client.Progress) {
		s.mu.Lock()
		run.progress = p
		s.mu.Unlock()
	}})
	if ctx.Err() != nil {
		return outer.Err() // the program ends, and it goes on later; or somebody stopped it
	}
	now := s.Now().UTC()
	switch {
	case sent == nil:
		d.State, d.Trouble, d.Tries, d.Due = Sent, "", 0, now.Add(followEvery)
		if err := keep(); err != nil {
			return err
		}
		if err := os.RemoveAll(filepath.Join(s.Dir, id)); err != nil {
			return err
		}
		if err := s.Requests.Answered(ctx, d.Asked.Content.ID); err != nil {
			s.Logger.Warn("a request could not be noted as answered", "err", err)
		}
		return s.Tell(ctx, News{"sent/" + id, "sent", id, d.Asked.AgencyName})
	case client.Temporary(sent):
		d.Trouble = sent.Error()
		d.wait(now)
		return keep()
	}
	d.State, d.Trouble = Stuck, sent.Error()
	if err := keep(); err != nil {
		return err
	}
	return s.Tell(ctx, News{fmt.Sprintf("unsent/%s/%d", id, now.Unix()), "unsent", id, d.Asked.AgencyName})
}

// Retry sends a stuck draft again, or one that waits, at once. ErrNotFound, ErrState.
func (s *Service) Retry(ctx context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.one(ctx, id)
	if err != nil {
		return err
	}
	if d.State != Stuck && d.State != Sending {
		return fmt.Errorf("%w: it is not on its way", ErrState)
	}
	if s.sending[id] != nil {
		return nil
	}
	d.State, d.Due, d.Tries = Sending, s.Now().UTC(), 0
	if err := s.save(ctx, d); err != nil {
		return err
	}
	s.wake.Ring()
	return nil
}

// Progress is how far a draft is that goes out just now; false when it does not.
func (s *Service) Progress(id string) (client.Progress, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if run := s.sending[id]; run != nil {
		return run.progress, true
	}
	return client.Progress{}, false
}

// Followed is what the house knows of an answer, kept here.
type Followed struct {
	Draft    Draft     `json:"draft"` // with News as last asked
	Letters  []Letter  `json:"letters"`
	Receipts []Receipt `json:"receipts"` // by entry
	Link     string    `json:"link"`     // to follow it from any browser; whoever has it holds the answer
}

// Letter is a message between the household and the agency, opened.
type Letter struct {
	ID        string    `json:"id"`
	FromOwner bool      `json:"from_owner"`
	Text      string    `json:"text"` // "" when it cannot be opened
	At        time.Time `json:"at"`
}

// Receipt is the checked proof of one act.
type Receipt struct {
	Item  string `json:"item"`
	Entry uint64 `json:"entry"`
	Text  string `json:"text"`
}

// answered returns a draft whose answer the exchange has.
func (s *Service) answered(ctx context.Context, id string) (Draft, error) {
	d, err := s.one(ctx, id)
	if err == nil && d.State != Sent {
		err = fmt.Errorf("%w: it was not sent", ErrState)
	}
	return d, err
}

// Known is what the house knows of an answer without asking anybody. ErrNotFound,
// ErrState.
func (s *Service) Known(ctx context.Context, id string) (Followed, error) {
	d, err := s.answered(ctx, id)
	if err != nil {
		return Followed{}, err
	}
	f := Followed{Draft: d, Letters: []Letter{}, Link: d.Answer.Link(s.Exchange.URL)}
	if d.News != nil {
		for _, m := range d.News.Messages {
			text, err := d.Answer.Read(m)
			if err != nil {
				s.Logger.Warn("a message could not be opened", "err", err)
			}
			f.Letters = append(f.Letters, Letter{m.ID, m.FromOwner, text, m.At})
		}
	}
	f.Receipts, err = s.receipts(ctx, id)
	return f, err
}

// Follow asks the exchange what became of an answer, has it prove each act that
// is new, and tells the household of what others did. What it cannot prove is
// among the draft's Doubts. ErrNotFound, ErrState, *client.Problem.
func (s *Service) Follow(ctx context.Context, id string) (Followed, error) {
	d, err := s.answered(ctx, id)
	if err != nil {
		return Followed{}, err
	}
	news, err := s.Exchange.Follow(ctx, d.Answer)
	if err != nil {
		return Followed{}, errors.Join(err, s.later(ctx, id, followEvery))
	}
	have, err := s.receipts(ctx, id)
	if err != nil {
		return Followed{}, err
	}
	var doubts []uint64
	var latest uint64
	for _, c := range news.Clips {
		for _, e := range c.Events {
			if slices.ContainsFunc(have, func(r Receipt) bool { return r.Entry == e.Entry && r.Item == c.Item }) {
				continue
			}
			r, err := s.Exchange.Prove(ctx, d.Answer, c.Item, e)
			switch {
			case errors.Is(err, client.ErrUnproved):
				doubts = append(doubts, e.Entry)
				s.Logger.Warn("the exchange does not prove an act on a clip of this house", "entry", e.Entry, "err", err)
			case err != nil:
				return Followed{}, errors.Join(err, s.later(ctx, id, followEvery))
			default:
				if err := s.keepReceipt(ctx, id, Receipt{c.Item, e.Entry, string(r.Marshal())}); err != nil {
					return Followed{}, err
				}
			}
			if e.Actor != "resident" {
				latest = max(latest, e.Entry)
			}
		}
	}
	var written []News
	for _, m := range news.Messages {
		known := d.News != nil && slices.ContainsFunc(d.News.Messages, func(o client.Message) bool { return o.ID == m.ID })
		if !m.FromOwner && !known {
			written = append(written, News{"message/" + m.ID, "message", id, d.Asked.AgencyName})
		}
	}
	if latest > 0 {
		written = append(written, News{fmt.Sprintf("custody/%s/%d", id, latest), "custody", id, d.Asked.AgencyName})
	}
	for _, n := range written { // before they are known here, so that none is lost
		if err := s.Tell(ctx, n); err != nil {
			return Followed{}, err
		}
	}
	if err := s.note(ctx, id, func(d *Draft) error {
		d.News, d.Doubts = &news, doubts
		wait := followEvery
		if d.Gone() {
			wait = followLong
		} else if slices.ContainsFunc(news.Clips, func(c client.FollowedClip) bool { return c.State == "withdrawn" || c.State == "declined" }) {
			wait = followSoon
		}
		d.Due = s.Now().UTC().Add(wait)
		return nil
	}); err != nil {
		return Followed{}, err
	}
	return s.Known(ctx, id)
}

// Gone reports whether, as last asked, every clip of an answer was destroyed.
func (d Draft) Gone() bool {
	return d.News != nil && !slices.ContainsFunc(d.News.Clips, func(c client.FollowedClip) bool { return c.State != "destroyed" })
}

// note changes what is kept of an answer.
func (s *Service) note(ctx context.Context, id string, f func(*Draft) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.answered(ctx, id)
	if err != nil {
		return err
	}
	if err := f(&d); err != nil {
		return err
	}
	return s.save(ctx, d)
}

func (s *Service) later(ctx context.Context, id string, d time.Duration) error {
	return s.note(ctx, id, func(a *Draft) error { a.Due = s.Now().UTC().Add(d); return nil })
}

// Withdraw takes a clip back: the agency destroys it, or must sign the lawful
// ground on which it does not. When the exchange cannot be reached it is asked
// again by itself. ErrNotFound, ErrState, *client.Problem.
func (s *Service) Withdraw(ctx context.Context, id, item string) (Followed, error) {
	return s.act(ctx, outbox.Act{Thing: id, Action: "submission.withdraw", Decision: item, Path: "/clips/" + item + "/withdraw"}, func(d Draft, _ *outbox.Act) error {
		if !slices.ContainsFunc(d.Answer.Clips, func(c *client.Clip) bool { return c.Item == item }) {
			return ErrNotFound
		}
		return nil
	})
}

// Write sends the agency a message that only it and the house can open. When the
// exchange cannot be reached it is sent later by itself; the same text once more
// is the same message until then. ErrNotFound, ErrState, client.ErrTooLong,
// *client.Problem.
func (s *Service) Write(ctx context.Context, id, text string) (Followed, error) {
	return s.act(ctx, outbox.Act{Thing: id, Action: "message.send", Decision: text, Path: "/clips/messages"}, func(d Draft, a *outbox.Act) error {
		sealed, err := d.Answer.Compose(text)
		if err == nil {
			a.Body, err = json.Marshal(map[string]any{"sealed": sealed})
		}
		return err
	})
}

// act does what was decided about an answer, and looks what became of it.
func (s *Service) act(ctx context.Context, a outbox.Act, prepare func(Draft, *outbox.Act) error) (Followed, error) {
	d, err := s.answered(ctx, a.Thing)
	if err != nil {
		return Followed{}, err
	}
	if _, err := s.acts.Do(ctx, a, func(a *outbox.Act) error { return prepare(d, a) }); err != nil {
		return Followed{}, err
	}
	return s.Follow(ctx, a.Thing)
}

// secret is what shows whose an answer is.
func (s *Service) secret(ctx context.Context, a outbox.Act) (client.Secret, error) {
	d, err := s.answered(ctx, a.Thing)
	if err != nil {
		return nil, err
	}
	return d.Answer.Secret, nil
}

// wait says when to try again.
func (d *Draft) wait(now time.Time) {
	d.Due = now.UTC().Add(min(retryMost, retryFirst<<min(d.Tries, 10)))
	d.Tries++
}
