package canvass

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"time"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/geo"
	"porchlight/internal/push"

	"golang.org/x/sync/errgroup"
)

// Notices tell people who opted in that there is something new in a coarse
// cell, by web push (RFC 8030, 8291, 8292) or e-mail. A notice says the cell and
// nothing else. What is kept of a subscriber is the endpoint or address and the
// cell; unsubscribing deletes it.
//
// Notices leave at a random moment within Jitter after the publication, several
// publications as one. They wait in the store, so a restart loses none; after a
// crash one may be sent twice. Safe for concurrent use.
type Notices struct{ NoticeOptions }

// NoticeOptions joins the notices to their neighbors.
type NoticeOptions struct {
	DB      *db.DB
	Cells   []string     // that can be subscribed to, sorted; see Builder.Cells
	Secret  [32]byte     // the links in mails are derived from it; kept with the exchange's keys
	BaseURL string       // of the site, no trailing slash
	Push    *push.Sender // nil: no web push
	Mail    Mailer       // nil: no e-mail
	// Words gives the text of a message key in a language (en, es, nl).
	Words func(lang, key string) string

	Jitter time.Duration // default 10 minutes
	Poll   time.Duration // how often Run looks; default 20 seconds
	Now    func() time.Time
	Logger *slog.Logger
}

// Mail is one mail to one subscriber.
type Mail struct {
	To, Subject, Body string
	Unsubscribe       string // URL for List-Unsubscribe, one click (RFC 8058)
}

// Mailer sends mail; see SMTP. ErrGone when the address does not exist.
type Mailer interface {
	Send(ctx context.Context, m Mail) error
}

var (
	// ErrSubscription: what was sent cannot be subscribed; the message says why.
	ErrSubscription = errors.New("this subscription cannot be used")
	// ErrLink: the link of a mail is wrong, or what it was for is over.
	ErrLink = errors.New("this link is wrong or no longer valid")
	// ErrGone: the subscriber's endpoint or address no longer exists.
	ErrGone = errors.New("canvass: the subscriber no longer exists")
)

const (
	confirmWithin = 48 * time.Hour // then an unconfirmed address is forgotten
	askAgainAfter = time.Hour      // between two confirmation mails for one subscription
	maxCells      = 8              // subscriptions of one endpoint or address
	maxAttempts   = 8              // of one notice, about four hours
)

var noticeMigrations = []string{`
CREATE TABLE canvass_subscriber (
	id       TEXT PRIMARY KEY,
	kind     TEXT NOT NULL, -- push, mail
	endpoint TEXT NOT NULL, -- push endpoint or e-mail address
	p256dh   TEXT NOT NULL DEFAULT '',
	auth     TEXT NOT NULL DEFAULT '',
	cell     TEXT NOT NULL,
	active   INTEGER NOT NULL, -- 0: address not confirmed yet
	asked    INTEGER NOT NULL, -- microseconds since 1970 of the last confirmation mail
	UNIQUE (endpoint, cell)
);
CREATE INDEX canvass_subscriber_cell ON canvass_subscriber (cell);
CREATE TABLE canvass_notice (
	subscriber TEXT NOT NULL REFERENCES canvass_subscriber (id) ON DELETE CASCADE,
	what       TEXT NOT NULL, -- confirm, request
	due        INTEGER NOT NULL,
	attempts   INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (subscriber, what)
) WITHOUT ROWID;
CREATE INDEX canvass_notice_due ON canvass_notice (due);
`}

// NewNotices opens the subscribers' tables.
func NewNotices(ctx context.Context, o NoticeOptions) (*Notices, error) {
	if o.Jitter == 0 {
		o.Jitter = 10 * time.Minute
	}
	if o.Poll == 0 {
		o.Poll = 20 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := o.DB.Migrate(ctx, "canvass.notice", noticeMigrations); err != nil {
		return nil, err
	}
	return &Notices{o}, nil
}

// SubscribePush tells the browser behind endpoint of new requests in cell. Doing
// it twice is doing it once. ErrSubscription when the endpoint, its keys or the
// cell cannot be used.
func (n *Notices) SubscribePush(ctx context.Context, cell, endpoint, p256dh, auth string) error {
	if n.Push == nil {
		return fmt.Errorf("%w: this exchange sends no notices to browsers", ErrSubscription)
	}
	if err := n.Push.Check(push.Browser{Endpoint: endpoint, P256DH: p256dh, Auth: auth}); err != nil {
		return fmt.Errorf("%w: %w", ErrSubscription, err)
	}
	return n.subscribe(ctx, subscriber{kind: "push", endpoint: endpoint, p256dh: p256dh, auth: auth, cell: cell, active: true})
}

// UnsubscribePush forgets the endpoint, for one cell or, with "", for all.
// Only the browser and its push service know the endpoint.
func (n *Notices) UnsubscribePush(ctx context.Context, cell, endpoint string) error {
	return n.DB.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`DELETE FROM canvass_subscriber WHERE kind = 'push' AND endpoint = ? AND (cell = ? OR ? = '')`, endpoint, cell, cell)
		return err
	})
}

// SubscribeMail sends address a link to confirm with. Whether the address is
// subscribed already is not told. ErrSubscription when address or cell cannot
// be used.
func (n *Notices) SubscribeMail(ctx context.Context, cell, address string) error {
	if n.Mail == nil {
		return fmt.Errorf("%w: this exchange sends no mail", ErrSubscription)
	}
	a, err := mail.ParseAddress(address)
	if err != nil || a.Name != "" || len(a.Address) > 254 || strings.ContainsAny(a.Address, "\r\n") {
		return fmt.Errorf("%w: it is not an e-mail address", ErrSubscription)
	}
	local, domain, _ := strings.Cut(a.Address, "@")
	return n.subscribe(ctx, subscriber{kind: "mail", endpoint: local + "@" + strings.ToLower(domain), cell: cell})
}

type subscriber struct {
	id, kind, endpoint, p256dh, auth, cell string
	active                                 bool
}

func (n *Notices) subscribe(ctx context.Context, s subscriber) error {
	if _, ok := slices.BinarySearch(n.Cells, s.cell); !ok {
		return fmt.Errorf("%w: the cell is not one of this exchange", ErrSubscription)
	}
	now := n.Now()
	return n.DB.Write(ctx, func(tx *sql.Tx) error {
		if err := forgetUnconfirmed(tx, now); err != nil {
			return err
		}
		var others int
		if err := tx.QueryRow(`SELECT count(*) FROM canvass_subscriber WHERE endpoint = ? AND cell <> ?`, s.endpoint, s.cell).Scan(&others); err != nil {
			return err
		}
		if others >= maxCells {
			if s.kind == "mail" {
				return nil // must look like any other answer
			}
			return fmt.Errorf("%w: it is subscribed to %d areas already", ErrSubscription, others)
		}
		var active bool
		var asked int64
		err := tx.QueryRow(`SELECT id, active, asked FROM canvass_subscriber WHERE endpoint = ? AND cell = ?`, s.endpoint, s.cell).Scan(&s.id, &active, &asked)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			s.id = gate.NewActID()
		case err != nil:
			return err
		case s.kind == "mail" && (active || now.Sub(time.UnixMicro(asked)) < askAgainAfter):
			return nil
		}
		if _, err := tx.Exec(`INSERT INTO canvass_subscriber (id, kind, endpoint, p256dh, auth, cell, active, asked) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (endpoint, cell) DO UPDATE SET p256dh = excluded.p256dh, auth = excluded.auth, asked = excluded.asked`,
			s.id, s.kind, s.endpoint, s.p256dh, s.auth, s.cell, s.active, now.UnixMicro()); err != nil {
			return err
		}
		if s.kind == "mail" {
			return enqueue(tx, s.id, "confirm", now)
		}
		return nil
	})
}

// Confirm takes up the link of a confirmation mail. ErrLink.
func (n *Notices) Confirm(ctx context.Context, token string) error {
	id, err := n.open("confirm", token)
	if err != nil {
		return err
	}
	return n.DB.Write(ctx, func(tx *sql.Tx) error {
		if err := forgetUnconfirmed(tx, n.Now()); err != nil {
			return err
		}
		if err := changed(tx.Exec(`UPDATE canvass_subscriber SET active = 1 WHERE id = ?`, id)); err != nil {
			if errors.Is(err, ErrChanged) {
				return ErrLink
			}
			return err
		}
		return nil
	})
}

// Unsubscribe takes up the link every mail carries, and forgets the address for
// that cell. Doing it again is no error. ErrLink when the link was never ours.
func (n *Notices) Unsubscribe(ctx context.Context, token string) error {
	id, err := n.open("unsubscribe", token)
	if err != nil {
		return err
	}
	return n.drop(ctx, id)
}

func (n *Notices) drop(ctx context.Context, id string) error {
	return n.DB.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`DELETE FROM canvass_subscriber WHERE id = ?`, id)
		return err
	})
}

// token makes a link's secret: the subscriber's id and a MAC over what it is for.
func (n *Notices) token(what, id string) string {
	m := hmac.New(sha256.New, n.Secret[:])
	fmt.Fprintf(m, "porchlight notice link v1\n%s\n%s", what, id)
	return id + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:18])
}

func (n *Notices) open(what, token string) (id string, err error) {
	id, _, _ = strings.Cut(token, ".")
	if !hmac.Equal([]byte(token), []byte(n.token(what, id))) {
		return "", ErrLink
	}
	return id, nil
}

func forgetUnconfirmed(tx *sql.Tx, now time.Time) error {
	_, err := tx.Exec(`DELETE FROM canvass_subscriber WHERE active = 0 AND asked < ?`, now.Add(-confirmWithin).UnixMicro())
	return err
}

// enqueue leaves a notice that already waits as it is.
func enqueue(tx *sql.Tx, subscriber, what string, due time.Time) error {
	_, err := tx.Exec(`INSERT INTO canvass_notice (subscriber, what, due) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
		subscriber, what, due.UnixMicro())
	return err
}

// published puts a notice in the queue for each subscriber of r's cells.
func (n *Notices) published(tx *sql.Tx, r Request) error {
	for _, cell := range geo.CellsNear(r.Area, NearMetres) {
		ids, err := db.All(db.One[string])(tx.Query(`SELECT id FROM canvass_subscriber WHERE cell = ? AND active = 1`, cell))
		if err != nil {
			return fmt.Errorf("looking up subscribers: %w", err)
		}
		for _, id := range ids {
			if err := enqueue(tx, id, "request", n.Now().Add(rand.N(n.Jitter))); err != nil {
				return fmt.Errorf("keeping a notice: %w", err)
			}
		}
	}
	return nil
}

// Run sends what is due until ctx ends.
func (n *Notices) Run(ctx context.Context) {
	tick := time.NewTicker(n.Poll)
	defer tick.Stop()
	for {
		if _, err := n.SendDue(ctx); err != nil && ctx.Err() == nil {
			n.Logger.Error("notices could not be sent", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

type notice struct {
	subscriber
	what     string
	attempts int
}

// SendDue sends the notices that are due, and returns how many arrived. One
// that fails is tried again later, twice as late each time; a subscriber that
// is gone is forgotten.
func (n *Notices) SendDue(ctx context.Context) (sent int, err error) {
	due, err := db.All(func(row db.Row) (q notice, err error) {
		return q, row.Scan(&q.id, &q.kind, &q.endpoint, &q.p256dh, &q.auth, &q.cell, &q.active, &q.what, &q.attempts)
	})(n.DB.Read().QueryContext(ctx, `SELECT s.id, s.kind, s.endpoint, s.p256dh, s.auth, s.cell, s.active, q.what, q.attempts
		FROM canvass_notice q JOIN canvass_subscriber s ON s.id = q.subscriber
		WHERE q.due <= ? ORDER BY q.due LIMIT 1000`, n.Now().UnixMicro()))
	if err != nil {
		return 0, fmt.Errorf("reading notices: %w", err)
	}
	results := make([]error, len(due))
	var g errgroup.Group
	g.SetLimit(8)
	for i, q := range due {
		g.Go(func() error {
			results[i] = n.send(ctx, q)
			return n.settle(ctx, q, results[i])
		})
	}
	err = g.Wait()
	for _, e := range results {
		if e == nil {
			sent++
		}
	}
	return sent, err
}

// settle records how sending q ended.
func (n *Notices) settle(ctx context.Context, q notice, result error) error {
	if errors.Is(result, ErrGone) {
		return n.drop(ctx, q.id)
	}
	if ctx.Err() != nil {
		return ctx.Err() // shutting down: it stays due
	}
	if result != nil {
		// The endpoint is not logged.
		n.Logger.Warn("a notice was not taken", "kind", q.kind, "attempt", q.attempts+1, "err", result)
	}
	return n.DB.Write(ctx, func(tx *sql.Tx) (err error) {
		if result == nil || q.attempts+1 >= maxAttempts {
			_, err = tx.Exec(`DELETE FROM canvass_notice WHERE subscriber = ? AND what = ?`, q.id, q.what)
		} else {
			_, err = tx.Exec(`UPDATE canvass_notice SET attempts = attempts + 1, due = ? WHERE subscriber = ? AND what = ?`,
				n.Now().Add(time.Minute<<q.attempts).UnixMicro(), q.id, q.what)
		}
		return err
	})
}

func (n *Notices) send(ctx context.Context, q notice) error {
	if q.kind == "push" {
		if n.Push == nil {
			return errors.New("this exchange no longer sends notices to browsers")
		}
		err := n.Push.Send(ctx, push.Browser{Endpoint: q.endpoint, P256DH: q.p256dh, Auth: q.auth}, []byte(q.cell), 24*time.Hour, false)
		if errors.Is(err, push.ErrGone) {
			err = ErrGone
		}
		return err
	}
	if n.Mail == nil {
		return errors.New("this exchange no longer sends mail")
	}
	m := Mail{To: q.endpoint, Unsubscribe: n.BaseURL + "/api/v1/notices/unsubscribe?token=" + url.QueryEscape(n.token("unsubscribe", q.id))}
	key, link := "ask.mail.request", n.BaseURL+"/near#"+q.cell
	if q.what == "confirm" {
		key, link = "ask.mail.confirm", n.BaseURL+"/notices#confirm="+n.token("confirm", q.id)
	}
	leave := n.BaseURL + "/notices#leave=" + n.token("unsubscribe", q.id)
	var subjects, bodies []string
	for _, lang := range []string{"en", "es", "nl"} { // her language is not kept
		subjects = append(subjects, n.Words(lang, key+".subject"))
		bodies = append(bodies, fmt.Sprintf("%s\n%s\n\n%s\n%s\n",
			n.Words(lang, key+".body"), link, n.Words(lang, "ask.mail.leave"), leave))
	}
	m.Subject = strings.Join(subjects, " / ")
	m.Body = strings.Join(bodies, "\n--\n\n")
	return n.Mail.Send(ctx, m)
}
