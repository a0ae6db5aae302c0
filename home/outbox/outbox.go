// Package outbox keeps what the household decided and the exchange must hear of,
// from before it goes out until the exchange proved or refused it. An answer that
// is lost on the way, or a house that is killed, then means that the same act is
// asked for again under the same id, which the exchange answers with the first
// receipt: it happens once, whatever is cut short.
//
// One outbox serves one room of the house (send, pets, register), which says whose
// an act is, and changes its own tables in the transaction that ends it.
package outbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/internal/wake"
	"porchlight/share/client"
)

// Act is one thing that the household decided. It is kept as it is sent, since
// nothing is sealed twice into the same bytes.
type Act struct {
	ID       string // of the act at the exchange; Do makes it where it is ""
	Thing    string // of the room: an answer, a picture, a camera that was told
	Action   string // which the receipt must be of, such as "register.write"
	Decision string // as the room words it; the same once more is the same act while it is kept

	Path string // of the exchange's API
	Form string // path of the form to send it with, fetched anew for each try; "": none
	Body []byte // JSON, an object; nil: none

	Tries int
	Due   time.Time // of the next try

	// Latest: it takes the place of what is kept of the same action on the same thing.
	// Keep is done in the transaction in which the act is kept. Neither is kept itself.
	Latest bool
	Keep   func(tx *sql.Tx) error
}

// Options join an outbox to its room. All but the last three are needed.
type Options struct {
	DB       *db.DB
	Exchange *client.Exchange
	Room     string // its name, the same at each start
	// Secret is what shows whose an act is; nil for acts that are nobody's yet.
	Secret func(ctx context.Context, a Act) (client.Secret, error)
	// Over changes what the room keeps once the exchange proved an act (refused is
	// nil) or refused it for good, in the transaction that forgets the act.
	Over func(tx *sql.Tx, a Act, receipt string, refused *client.Problem) error

	Changed func()           // called after an act was tried
	Now     func() time.Time // default time.Now
	Logger  *slog.Logger     // default discards
}

// Outbox keeps the acts of one room. Safe for concurrent use: an act that is sent
// twice at once is still one act.
type Outbox struct{ Options }

// How soon an act is tried again, by Run: doubling from the first to the most.
const (
	retryFirst = time.Minute
	retryMost  = time.Hour
)

var migrations = []string{`
CREATE TABLE outbox_act (
	id       TEXT PRIMARY KEY,
	room     TEXT NOT NULL,
	thing    TEXT NOT NULL,
	action   TEXT NOT NULL,
	decision TEXT NOT NULL,
	path     TEXT NOT NULL,
	form     TEXT NOT NULL,
	body     BLOB NOT NULL,    -- empty: none
	tries    INTEGER NOT NULL,
	due      INTEGER NOT NULL,
	UNIQUE (room, thing, action, decision)
);
`}

// Open opens a room's outbox. Nothing goes out before Do, Step or Run.
func Open(ctx context.Context, o Options) (*Outbox, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Changed == nil {
		o.Changed = func() {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Outbox{o}, o.DB.Migrate(ctx, "home.outbox", migrations)
}

// Do keeps an act and sends it. An act with the same Thing, Action and Decision that
// is kept already is sent as it is; a new one is first completed by prepare. When
// the exchange cannot be reached, Run sends it later by itself. *client.Problem,
// client.ErrUnproved, prepare's.
func (b *Outbox) Do(ctx context.Context, a Act, prepare func(*Act) error) (receipt string, err error) {
	kept, err := b.same(ctx, a)
	if errors.Is(err, sql.ErrNoRows) {
		if err := prepare(&a); err != nil {
			return "", err
		}
		if kept, err = b.keep(ctx, a); err != nil {
			return "", err
		}
	}
	if err != nil {
		return "", err
	}
	return b.send(ctx, kept)
}

// keep writes an act down, unless the same was kept at the same moment: then that
// is the act.
func (b *Outbox) keep(ctx context.Context, a Act) (Act, error) {
	if a.ID == "" {
		a.ID = gate.NewActID()
	}
	body := a.Body
	if body == nil {
		body = []byte{}
	}
	err := b.DB.Write(ctx, func(tx *sql.Tx) error {
		res, err := tx.Exec(`INSERT INTO outbox_act (id, room, thing, action, decision, path, form, body, tries, due) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?) ON CONFLICT DO NOTHING`,
			a.ID, b.Room, a.Thing, a.Action, a.Decision, a.Path, a.Form, body, db.Micros(b.Now().Add(retryFirst))) // by then it was sent, or this ended
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		if a.Latest {
			if _, err := tx.Exec(`DELETE FROM outbox_act WHERE room = ? AND thing = ? AND action = ? AND id <> ?`, b.Room, a.Thing, a.Action, a.ID); err != nil {
				return err
			}
		}
		if a.Keep == nil {
			return nil
		}
		return a.Keep(tx)
	})
	if err != nil {
		return a, fmt.Errorf("keeping what is to be sent: %w", err)
	}
	return b.same(ctx, a)
}

// send sends an act that is kept, and forgets it once the exchange proved or
// refused it. Until then it is due again, less and less often.
func (b *Outbox) send(ctx context.Context, a Act) (receipt string, err error) {
	receipt, err = b.perform(ctx, a)
	if p := (*client.Problem)(nil); errors.As(err, &p) && p.Status == http.StatusConflict {
		// The exchange voided the act, as it crashed in the middle or things changed at
		// that moment: once more, as another act.
		next := gate.NewActID()
		if err := b.write(ctx, `UPDATE outbox_act SET id = ? WHERE id = ?`, next, a.ID); err != nil {
			return "", err
		}
		a.ID = next
		receipt, err = b.perform(ctx, a)
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	defer b.Changed()
	var refused *client.Problem
	if err != nil && (!errors.As(err, &refused) || refused.Temporary()) {
		wait := min(retryMost, retryFirst<<min(a.Tries, 10))
		return "", errors.Join(err, b.write(ctx, `UPDATE outbox_act SET tries = tries + 1, due = ? WHERE id = ?`, db.Micros(b.Now().Add(wait)), a.ID))
	}
	return receipt, errors.Join(err, b.DB.Write(ctx, func(tx *sql.Tx) error {
		res, err := tx.Exec(`DELETE FROM outbox_act WHERE id = ?`, a.ID)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err // it was sent twice at once, or its thing is forgotten
		}
		return b.Over(tx, a, receipt, refused)
	}))
}

// perform asks the exchange once.
func (b *Outbox) perform(ctx context.Context, a Act) (string, error) {
	secret, err := b.Secret(ctx, a)
	if err != nil {
		return "", err
	}
	var body any
	if len(a.Body) > 0 {
		body = json.RawMessage(a.Body)
	}
	if a.Form != "" {
		fields := map[string]any{}
		if err := json.Unmarshal(a.Body, &fields); err != nil {
			return "", err
		}
		if fields["form"], err = b.Exchange.Form(ctx, a.Form); err != nil {
			return "", err
		}
		body = fields
	}
	return b.Exchange.Act(ctx, a.ID, a.Path, a.Action, secret, body)
}

// Step sends what is due, in the order it was decided. It returns the acts that are
// over, and when the next is due; zero when none is kept. That the exchange cannot
// be reached is no error.
func (b *Outbox) Step(ctx context.Context) (over []Act, next time.Time, err error) {
	all, err := b.query(ctx, `room = ?`, b.Room)
	if err != nil {
		return nil, next, err
	}
	now := b.Now()
	var errs []error
	for _, a := range all {
		if a.Due.After(now) {
			continue
		}
		_, err := b.send(ctx, a)
		if ctx.Err() != nil {
			return over, next, ctx.Err()
		}
		if p := (*client.Problem)(nil); err == nil || errors.As(err, &p) && !p.Temporary() {
			over = append(over, a)
		}
		if err != nil && !client.Temporary(err) {
			errs = append(errs, fmt.Errorf("%s: %w", a.Action, err))
		}
	}
	if all, err = b.query(ctx, `room = ?`, b.Room); err != nil {
		return over, next, err
	}
	for _, a := range all {
		if next.IsZero() || a.Due.Before(next) {
			next = a.Due
		}
	}
	return over, next, errors.Join(errs...)
}

// Run does Step whenever something is due, until ctx ends.
func (b *Outbox) Run(ctx context.Context) error {
	return wake.Loop(ctx, nil, b.Now, func(ctx context.Context) (time.Time, error) {
		_, next, err := b.Step(ctx)
		return next, err
	}, func(err error) {
		b.Logger.Error("what the household decided could not be sent", "room", b.Room, "err", err)
	})
}

// Kept are the acts about a thing that the exchange has not answered, in the order
// they were decided; "" is all of the room's.
func (b *Outbox) Kept(ctx context.Context, thing string) ([]Act, error) {
	return b.query(ctx, `room = ? AND (thing = ? OR ? = '')`, b.Room, thing, thing)
}

// Forget drops what is kept about a thing, "" about all of the room's, in the
// transaction in which the room forgets it.
func (b *Outbox) Forget(tx *sql.Tx, thing string) error {
	_, err := tx.Exec(`DELETE FROM outbox_act WHERE room = ? AND (thing = ? OR ? = '')`, b.Room, thing, thing)
	return err
}

func (b *Outbox) write(ctx context.Context, query string, args ...any) error {
	return b.DB.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	})
}

// same is the kept act of a decision. sql.ErrNoRows.
func (b *Outbox) same(ctx context.Context, a Act) (Act, error) {
	return db.First(b.query(ctx, `room = ? AND thing = ? AND action = ? AND decision = ?`, b.Room, a.Thing, a.Action, a.Decision))(sql.ErrNoRows)
}

func (b *Outbox) query(ctx context.Context, where string, args ...any) ([]Act, error) {
	as, err := db.All(func(row db.Row) (a Act, err error) {
		return a, row.Scan(&a.ID, &a.Thing, &a.Action, &a.Decision, &a.Path, &a.Form, &a.Body, &a.Tries, db.Into(&a.Due))
	})(b.DB.Read().QueryContext(ctx, `SELECT id, thing, action, decision, path, form, body, tries, due FROM outbox_act WHERE `+where+` ORDER BY id`, args...))
	if err != nil {
		return nil, fmt.Errorf("reading what is to be sent: %w", err)
	}
	return as, nil
}
