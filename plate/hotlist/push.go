package hotlist

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"porchlight/db"
	"porchlight/identity"
	"porchlight/internal/push"

	"golang.org/x/sync/errgroup"
)

// Push sends messages to browsers; see internal/push.
type Push interface {
	Check(push.Browser) error
	Send(ctx context.Context, b push.Browser, message []byte, keep time.Duration, urgent bool) error
}

// Subscribe has an investigator's browser told of hits of her agency, also when
// nobody looks at the page. Doing it twice is doing it once. push.ErrBrowser when
// it cannot be told.
func (s *Service) Subscribe(ctx context.Context, who identity.Principal, b push.Browser) error {
	if err := s.reads(ctx, who, identity.RoleInvestigator); err != nil {
		return err
	}
	if s.Push == nil {
		return fmt.Errorf("%w: this exchange sends no messages to browsers", push.ErrBrowser)
	}
	if err := s.Push.Check(b); err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO hotlist_push (endpoint, person, agency, p256dh, auth) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (endpoint) DO UPDATE SET person = excluded.person, agency = excluded.agency, p256dh = excluded.p256dh, auth = excluded.auth`,
			b.Endpoint, who.PersonID, who.Agency, b.P256DH, b.Auth)
		return err
	})
}

// Unsubscribe forgets a browser. Only it and its push service know the endpoint.
func (s *Service) Unsubscribe(ctx context.Context, endpoint string) error {
	return s.DB.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`DELETE FROM hotlist_push WHERE endpoint = ?`, endpoint)
		return err
	})
}

// Message is what a browser is sent: the list's name and the hit's id, never a
// plate, a place or a time. The push service cannot read even that.
type Message struct {
	List string `json:"list"`
	Hit  string `json:"hit"`
}

// pushTo tells the agency's browsers of a hit. It is a knock on the door: what
// does not arrive is on the page anyway, and is not sent again.
func (s *Service) pushTo(ctx context.Context, h Hit) {
	if s.Push == nil {
		return
	}
	type to struct {
		push.Browser
		person string
	}
	browsers, err := db.All(func(row db.Row) (b to, err error) {
		return b, row.Scan(&b.Endpoint, &b.P256DH, &b.Auth, &b.person)
	})(s.DB.Read().QueryContext(ctx, `SELECT endpoint, p256dh, auth, person FROM hotlist_push WHERE agency = ?`, h.Agency))
	if err != nil {
		s.Logger.Error("nobody's browser was told of a hit", "err", err)
		return
	}
	message, err := json.Marshal(Message{List: h.List.Name, Hit: h.ID})
	if err != nil {
		panic("hotlist: encoding plain data: " + err.Error())
	}
	var all errgroup.Group
	all.SetLimit(8)
	for _, b := range browsers {
		all.Go(func() error {
			if !s.investigates(ctx, b.person, h.Agency) {
				return s.Unsubscribe(ctx, b.Endpoint) // she left
			}
			err := s.Push.Send(ctx, b.Browser, message, time.Hour, true)
			if errors.Is(err, push.ErrGone) {
				return s.Unsubscribe(ctx, b.Endpoint)
			}
			return err
		})
	}
	if err := all.Wait(); err != nil && ctx.Err() == nil {
		s.Logger.Warn("a browser was not told of a hit", "err", err)
	}
}
