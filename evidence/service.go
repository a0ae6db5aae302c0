package evidence

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"time"

	"porchlight/blob"
	"porchlight/db"
	"porchlight/gate"
	"porchlight/identity"
	"porchlight/ledger"
	"porchlight/purpose"
)

// Options joins the service to its neighbors; the first four are needed.
type Options struct {
	DB       *db.DB
	Blobs    blob.Store
	Gate     *gate.Gate
	Agencies gate.Agencies

	Packaging Packaging        // what the exchange adds to packages
	Now       func() time.Time // default time.Now
	ViewFor   time.Duration    // how long a view or an export stays open; default 30 minutes
	Logger    *slog.Logger     // default discards
}

// Service is what custodians and investigators do with items. Each method that
// takes a gate.Caller is one act through the gate and returns the gate's errors
// besides its own: ErrNotFound for an item the caller's agency has no custody
// of, ErrState, ErrHeld, ErrInput. Safe for concurrent use.
type Service struct {
	Options
}

// opened is a view or an export under way, at any node.
type opened struct {
	grant  *gate.Grant
	item   string
	agency string
	form   Form // of an export
}

// New opens the tables.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.ViewFor == 0 {
		o.ViewFor = 30 * time.Minute
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := o.DB.Migrate(ctx, "evidence", Migrations); err != nil {
		return nil, err
	}
	return &Service{Options: o}, nil
}

// Items lists the items the person's agency holds, newest first; state and
// caseNumber narrow the list when not empty. Nothing in it opens a clip.
func (s *Service) Items(ctx context.Context, who identity.Principal, state State, caseNumber string) ([]Item, error) {
	if err := s.reads(ctx, who); err != nil {
		return nil, err
	}
	return s.items(ctx, `id IN (SELECT item FROM evidence_custody WHERE agency = ? AND (expires = 0 OR expires > ?) UNION
		SELECT id FROM evidence_item WHERE agency = ?) AND (? = '' OR state = ?) AND (? = '' OR case_number = ?)
		ORDER BY received DESC, id DESC LIMIT 500`,
		who.Agency, db.Micros(s.Now()), who.Agency, state, state, caseNumber, caseNumber)
}

// reads lets investigators and custodians of an active agency read of items.
// What they do with them is policy's to say; reading of them is no act.
func (s *Service) reads(ctx context.Context, who identity.Principal) error {
	if !who.Has(identity.RoleCustodian) && !who.Has(identity.RoleInvestigator) {
		return gate.ErrRole
	}
	return gate.Active(ctx, s.Agencies, who.Agency)
}

// Item returns one item, who has custody of it (without headers) and its holds.
func (s *Service) Item(ctx context.Context, who identity.Principal, id string) (Item, []Custody, []Hold, error) {
	it, _, err := s.reach(ctx, who, id)
	if err != nil {
		return Item{}, nil, nil, err
	}
	if err := s.reads(ctx, who); err != nil {
		return Item{}, nil, nil, err
	}
	custody, err := s.custodies(ctx, id)
	if err != nil {
		return Item{}, nil, nil, err
	}
	holds, err := s.holds(ctx, id)
	return it, custody, holds, err
}

// Chain returns every recorded act on an item, oldest first.
func (s *Service) Chain(ctx context.Context, who identity.Principal, id string) ([]Event, error) {
	records, err := s.history(ctx, who, id)
	if err != nil {
		return nil, err
	}
	receipts := make([]ledger.Receipt, len(records)) // all but the proof
	for i, r := range records {
		receipts[i] = ledger.Receipt{Entry: r.Entry, Index: r.Index, Disclosures: r.Disclosures}
	}
	return chain(receipts), nil
}

// Receipt proves one act on an item, with every private value still kept.
// ErrNotFound when the entry is not about the item.
func (s *Service) Receipt(ctx context.Context, who identity.Principal, id string, entry uint64) (ledger.Receipt, error) {
	records, err := s.history(ctx, who, id)
	if err != nil {
		return ledger.Receipt{}, err
	}
	for _, r := range records {
		if r.Index == entry {
			return s.Gate.Receipt(ctx, entry, names(r)...)
		}
	}
	return ledger.Receipt{}, ErrNotFound
}

func (s *Service) history(ctx context.Context, who identity.Principal, id string) ([]gate.Record, error) {
	if _, _, err := s.reach(ctx, who, id); err != nil {
		return nil, err
	}
	if err := s.reads(ctx, who); err != nil {
		return nil, err
	}
	return s.Gate.History(ctx, id)
}

// Triage is the custodian's answer to a pending item.
type Triage struct {
	Accept   bool
	Case     string // accept: the agency's case number
	Category string // accept: an id of Schedule
	Reason   string // decline: why, for the owner
}

// Triage accepts an item into a case or declines it; a declined item is
// destroyed at once.
func (s *Service) Triage(ctx context.Context, by gate.Caller, id string, t Triage) (*gate.Grant, error) {
	it, own, err := s.reach(ctx, by.Who, id)
	if err != nil {
		return nil, err
	}
	word := "decline"
	var keep Category
	if t.Accept {
		word = "accept"
		if err := needText("case", t.Case, 64); err != nil {
			return nil, err
		}
		var ok bool
		if keep, ok = category(t.Category); !ok {
			return nil, fmt.Errorf("%w: no retention category %q", ErrInput, t.Category)
		}
	} else if err := needText("reason", t.Reason, 500); err != nil {
		return nil, err
	}
	act := s.act("item.triage", by, it, own)
	act.Public = map[string]string{"triage": word}
	act.Private = filled(map[string]string{"case": t.Case, "category": keep.ID, "reason": t.Reason})
	act.Facts["triage"] = word
	grant, err := s.Gate.Do(ctx, act, func(tx *sql.Tx, g *gate.Grant) error {
		if !t.Accept {
			return move(tx, id, Pending, Declined, ``)
		}
		var dispose time.Time
		if keep.Keep > 0 {
			dispose = g.At.Add(keep.Keep)
		}
		return move(tx, id, Pending, Accepted, `, case_number = ?, category = ?, dispose_at = ?`, t.Case, keep.ID, db.Micros(dispose))
	})
	if err == nil && !t.Accept {
		s.sweepSoon(ctx, id)
	}
	return grant, err
}

// Opened is what a view or an export releases: with it and the vault's identity
// a browser decrypts the clip. Notes are those of the viewer's agency.
type Opened struct {
	Grant  *gate.Grant
	Item   Item
	Header []byte
	Letter []byte
	Notes  []Note
	Until  time.Time // Payload answers until then
}

// View releases the header of an item, and for ViewFor its payload to the same
// session. A partner states the purpose it was shared for.
func (s *Service) View(ctx context.Context, by gate.Caller, session, id, stated string) (*Opened, error) {
	it, c, err := s.reach(ctx, by.Who, id)
	if err != nil {
		return nil, err
	}
	act := s.act("item.view", by, it, c)
	act.Private = filled(map[string]string{"purpose": stated})
	act.Facts["purpose_matches"] = c.purposeMatches(it, stated)
	grant, err := s.Gate.Do(ctx, act, nil)
	if err != nil {
		return nil, err
	}
	return s.release(ctx, grant, session, it, c.Agency, "")
}

// release hands out the header under a grant and opens the payload to session.
func (s *Service) release(ctx context.Context, g *gate.Grant, session string, it Item, agency string, form Form) (*Opened, error) {
	until := g.At.Add(s.ViewFor)
	if !s.Now().Before(until) {
		return nil, ErrClosed
	}
	if g.Replayed { // it carries no fresh signature: only for the session that gave one
		if _, err := s.opened(ctx, session, g.ActID); err != nil {
			return nil, err
		}
	}
	header, letter, err := s.keys(ctx, g, it.ID, agency)
	if err != nil {
		return nil, err
	}
	notes, err := s.notes(ctx, g, it.ID, agency)
	if err != nil {
		return nil, err
	}
	of := sha256.Sum256([]byte(session))
	err = s.DB.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`DELETE FROM evidence_open WHERE until <= ?`, db.Micros(s.Now())); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO evidence_open (act, session, until, item, agency, form) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (act) DO UPDATE SET until = excluded.until`, g.ActID, of[:], db.Micros(until), it.ID, agency, form)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("opening an item: %w", err)
	}
	return &Opened{Grant: g, Item: it, Header: header, Letter: letter, Notes: notes, Until: until}, nil
}

// Payload gives the ciphertext of an item that the act opened to this session.
// It returns ErrClosed when the act opened nothing, to another session, or too
// long ago, or when the agency lost the item or was suspended since.
func (s *Service) Payload(ctx context.Context, session, actID string) (io.ReadSeekCloser, int64, error) {
	o, err := s.opened(ctx, session, actID)
	if err != nil {
		return nil, 0, err
	}
	return s.payload(ctx, o.grant, o.item)
}

func (s *Service) opened(ctx context.Context, session, actID string) (opened, error) {
	of := sha256.Sum256([]byte(session))
	var o opened
	err := s.DB.Read().QueryRowContext(ctx, `SELECT item, agency, form FROM evidence_open WHERE act = ? AND session = ? AND until > ?`,
		actID, of[:], db.Micros(s.Now())).Scan(&o.item, &o.agency, &o.form)
	if errors.Is(err, sql.ErrNoRows) {
		return opened{}, ErrClosed
	}
	if err == nil {
		o.grant, err = s.Gate.Granted(ctx, actID)
	}
	if err != nil {
		return opened{}, fmt.Errorf("looking up an open item: %w", err)
	}
	_, err = s.custody(ctx, o.item, o.agency)
	if err == nil {
		err = gate.Active(ctx, s.Agencies, o.agency)
	}
	if errors.Is(err, ErrNotFound) || errors.Is(err, gate.ErrSuspended) {
		return opened{}, ErrClosed
	}
	return o, err
}

// payload opens the ciphertext for a grant that covers the item.
func (s *Service) payload(ctx context.Context, g *gate.Grant, id string) (io.ReadSeekCloser, int64, error) {
	if g.Covers("item.view", id) != nil {
		if err := g.Covers("item.export", id); err != nil {
			return nil, 0, err
		}
	}
	it, err := s.item(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	if it.Blob == "" || it.State == Destroyed {
		return nil, 0, ErrNotFound
	}
	r, n, err := s.Blobs.Open(ctx, it.Blob)
	if errors.Is(err, blob.ErrNotFound) {
		return nil, 0, ErrNotFound
	}
	return r, n, err
}

// Note keeps a remark sealed to the caller's vault.
func (s *Service) Note(ctx context.Context, by gate.Caller, id string, sealed []byte) (*gate.Grant, error) {
	it, c, err := s.reach(ctx, by.Who, id)
	if err != nil {
		return nil, err
	}
	if err := needSealed("note", sealed, 64<<10); err != nil {
		return nil, err
	}
	act := s.act("item.note", by, it, c)
	return s.Gate.Do(ctx, act, func(tx *sql.Tx, g *gate.Grant) error {
		_, err := tx.Exec(`INSERT INTO evidence_note (id, item, agency, sealed, person, at) VALUES (?,?,?,?,?,?)`,
			g.ActID, id, c.Agency, sealed, by.Who.PersonID, db.Micros(g.At))
		return err
	})
}

// Share gives a partner agency custody under conditions. header is the item's
// file key sealed to the partner's vault, letter what she may know about it
// (both made in the custodian's browser). Sharing again replaces the conditions.
func (s *Service) Share(ctx context.Context, by gate.Caller, id, to string, header, letter []byte, cond Conditions) (*gate.Grant, error) {
	it, c, err := s.reach(ctx, by.Who, id)
	if err != nil {
		return nil, err
	}
	if to == by.Who.Agency || to == it.Agency {
		return nil, fmt.Errorf("%w: %s has this item already", ErrInput, to)
	}
	if h, err := ParseHeader(header); err != nil {
		return nil, err
	} else if h.Recipients != 1 {
		return nil, fmt.Errorf("%w: a partner's header has one recipient", ErrHeader)
	}
	if len(letter) > 0 {
		if err := needSealed("letter", letter, 64<<10); err != nil {
			return nil, err
		}
	}
	if err := needText("purpose", cond.Purpose, 500); err != nil {
		return nil, err
	}
	partner, err := s.Agencies.AgencyFacts(ctx, to)
	if err != nil {
		return nil, fmt.Errorf("%w: no agency %s", ErrInput, to)
	}
	act := s.act("item.share", by, it, c)
	act.Objects = append(act.Objects, to)
	act.Public = map[string]string{"to": to}
	act.Private = map[string]string{
		"purpose": cond.Purpose, "expires": cond.Expires.UTC().Format(time.RFC3339), "no_reshare": fmt.Sprint(cond.NoReshare),
	}
	maps.Copy(act.Facts, map[string]any{
		"no_reshare":          c.NoReshare,
		"conditions_complete": cond.Purpose != "" && !cond.Expires.IsZero(),
		"purposes":            purpose.Classes(cond.Purpose),
		"share_days":          days(cond.Expires.Sub(s.Now())),
		"receiver_kind":       partner.Kind,
		"receiver_status":     partner.Status,
	})
	act.Jurisdictions = append(act.Jurisdictions, partner.State)
	return s.Gate.Do(ctx, act, func(tx *sql.Tx, g *gate.Grant) error {
		if err := live(tx, id); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO evidence_custody (item, agency, header, letter, purpose, expires, no_reshare, given_by, since, entry)
			VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT (item, agency) DO UPDATE SET header = excluded.header, letter = excluded.letter,
			purpose = excluded.purpose, expires = excluded.expires, no_reshare = excluded.no_reshare,
			given_by = excluded.given_by, since = excluded.since, entry = excluded.entry`,
			id, to, header, nonNil(letter), cond.Purpose, db.Micros(cond.Expires), cond.NoReshare, by.Who.Agency, db.Micros(g.At), int64(g.Index))
		return err
	})
}

// Unshare destroys the header of a partner, who can then open nothing.
// ErrNotFound when the partner has no share.
func (s *Service) Unshare(ctx context.Context, by gate.Caller, id, from string) (*gate.Grant, error) {
	it, c, err := s.reach(ctx, by.Who, id)
	if err != nil {
		return nil, err
	}
	if from == it.Agency {
		return nil, fmt.Errorf("%w: the custodian's own custody cannot be taken back", ErrInput)
	}
	if _, err := s.custody(ctx, id, from); err != nil {
		return nil, err
	}
	act := s.act("item.unshare", by, it, c)
	delete(act.Facts, "state")
	act.Objects = append(act.Objects, from)
	act.Public = map[string]string{"from": from}
	grant, err := s.Gate.Do(ctx, act, func(tx *sql.Tx, _ *gate.Grant) error {
		return deleteCustody(tx, id, from)
	})
	if err == nil {
		s.scrub(ctx)
	}
	return grant, err
}

// HoldTerms say why an item must be kept.
type HoldTerms struct {
	Reason string
	Order  string    // the order, letter or statute that grounds it
	Until  time.Time // zero: until lifted
	// Refuses is set when the hold is the signed answer to a withdrawal request:
	// the custodian keeps the item on this lawful ground.
	Refuses bool
}

// Hold keeps the item from destruction until the hold ends or is released.
func (s *Service) Hold(ctx context.Context, by gate.Caller, id string, h HoldTerms) (*gate.Grant, error) {
	it, c, err := s.reach(ctx, by.Who, id)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(needText("reason", h.Reason, 500), needText("order", h.Order, 500)); err != nil {
		return nil, err
	}
	if !h.Until.IsZero() && !h.Until.After(s.Now()) {
		return nil, fmt.Errorf("%w: the hold would end in the past", ErrInput)
	}
	act := s.act("item.hold", by, it, c)
	if h.Refuses {
		act.Public = map[string]string{"answer": "withdrawal-refused"}
	}
	act.Private = map[string]string{"reason": h.Reason, "order": h.Order}
	if !h.Until.IsZero() {
		act.Private["until"] = h.Until.UTC().Format(time.RFC3339)
	}
	act.Facts["ground_given"] = h.Order != ""
	return s.Gate.Do(ctx, act, func(tx *sql.Tx, g *gate.Grant) error {
		if h.Refuses {
			if err := move(tx, id, WithdrawalRequested, Accepted, `, ground = ?`, h.Order); err != nil {
				return err
			}
		} else if err := live(tx, id); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO evidence_hold (id, item, agency, reason, court_order, until, placed) VALUES (?,?,?,?,?,?,?)`,
			g.ActID, id, c.Agency, h.Reason, h.Order, db.Micros(h.Until), db.Micros(g.At))
		return err
	})
}

// Release lifts a hold. An item whose time is over is then destroyed.
func (s *Service) Release(ctx context.Context, by gate.Caller, id, hold string) (*gate.Grant, error) {
	it, c, err := s.reach(ctx, by.Who, id)
	if err != nil {
		return nil, err
	}
	held, err := s.held(ctx, id)
	if err != nil {
		return nil, err
	}
	act := s.act("item.release", by, it, c)
	delete(act.Facts, "state")
	act.Private = map[string]string{"hold": hold}
	act.Facts["on_hold"] = held
	grant, err := s.Gate.Do(ctx, act, func(tx *sql.Tx, g *gate.Grant) error {
		return one(tx.Exec(`UPDATE evidence_hold SET lifted = ? WHERE id = ? AND item = ? AND agency = ? AND lifted = 0`,
			db.Micros(g.At), hold, id, c.Agency))
	})
	if err == nil {
		s.sweepSoon(ctx, id)
	}
	return grant, err
}

// Destroy ends an item: every header, letter and note is erased, then the
// payload. The caller is the custodian, who so releases a withdrawn item, or
// the system; cause must fit the item or policy refuses. ErrHeld under a hold.
func (s *Service) Destroy(ctx context.Context, by gate.Caller, id string, cause Cause) (*gate.Grant, error) {
	var it Item
	var c Custody
	var err error
	if by.Who.Has(identity.RoleSystem) {
		it, err = s.item(ctx, id)
	} else {
		it, c, err = s.reach(ctx, by.Who, id)
	}
	if err != nil {
		return nil, err
	}
	held, err := s.held(ctx, id)
	if err != nil {
		return nil, err
	}
	act := s.act("item.destroy", by, it, c)
	act.Public = map[string]string{"reason": string(cause)}
	maps.Copy(act.Facts, map[string]any{
		"on_hold":        held,
		"owner_withdrew": it.State == Withdrawn || it.State == WithdrawalRequested,
		"retention_over": !it.DisposeAt.IsZero() && !s.Now().Before(it.DisposeAt),
		"reason":         string(cause),
	})
	grant, err := s.Gate.Do(ctx, act, func(tx *sql.Tx, g *gate.Grant) error { return destroy(tx, id, cause, g.At) })
	if err != nil {
		return nil, err
	}
	if err := s.bury(ctx, id); err != nil { // headers are gone; Sweep tries the rest again
		s.Logger.Warn("payload not yet deleted", "item", id, "err", err)
	}
	return grant, nil
}

// Sweep does what time demands: erases the headers of shares that ended,
// destroys declined, withdrawn and expired items that no hold keeps, and ends
// deletions that were cut short. It returns how many items were destroyed; an
// error concerns some items only, the others are done.
func (s *Service) Sweep(ctx context.Context) (destroyed int, err error) {
	now := db.Micros(s.Now())
	var ended int64
	err = s.DB.Write(ctx, func(tx *sql.Tx) error {
		r, err := tx.Exec(`DELETE FROM evidence_custody WHERE expires > 0 AND expires <= ?`, now)
		if err != nil {
			return err
		}
		ended, err = r.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("ending shares: %w", err)
	}
	if ended > 0 {
		s.scrub(ctx)
	}
	due, err := s.items(ctx, `state <> ? AND (state IN (?, ?) OR (dispose_at > 0 AND dispose_at <= ?)) AND NOT EXISTS
		(SELECT 1 FROM evidence_hold h WHERE h.item = evidence_item.id AND h.lifted = 0 AND (h.until = 0 OR h.until > ?))`,
		Destroyed, Declined, Withdrawn, now, now)
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, it := range due {
		if err := s.end(ctx, it); err != nil {
			errs = append(errs, fmt.Errorf("item %s: %w", it.ID, err))
			continue
		}
		destroyed++
	}
	half, err := s.items(ctx, `state = ? AND blob <> ''`, Destroyed)
	if err != nil {
		return destroyed, errors.Join(append(errs, err)...)
	}
	for _, it := range half {
		errs = append(errs, s.bury(ctx, it.ID))
	}
	return destroyed, errors.Join(errs...)
}

// end destroys an item that is due, as the system.
func (s *Service) end(ctx context.Context, it Item) error {
	cause := CauseExpired
	switch it.State {
	case Declined:
		cause = CauseDeclined
	case Withdrawn:
		cause = CauseWithdrawn
	}
	_, err := s.Destroy(ctx, gate.Caller{Who: identity.System(), ActID: gate.NewActID()}, it.ID, cause)
	return err
}

// sweepSoon destroys the item if it is due now. What fails here is the next
// Sweep's work.
func (s *Service) sweepSoon(ctx context.Context, id string) {
	ctx = context.WithoutCancel(ctx)
	it, err := s.item(ctx, id)
	if err == nil {
		var held bool
		if held, err = s.held(ctx, id); err == nil && !held && it.due(s.Now()) {
			err = s.end(ctx, it)
		}
	}
	if err != nil {
		s.Logger.Warn("item not yet destroyed", "item", id, "err", err)
	}
}

// due reports whether the item is to be destroyed at now, holds apart.
func (it Item) due(now time.Time) bool {
	switch it.State {
	case Declined, Withdrawn:
		return true
	case Destroyed:
		return false
	}
	return !it.DisposeAt.IsZero() && !now.Before(it.DisposeAt)
}

// WithdrawNow destroys an item just withdrawn by its owner while it was
// pending. Package share calls it after the act submission.withdraw.
func (s *Service) WithdrawNow(ctx context.Context, id string) { s.sweepSoon(ctx, id) }

// bury deletes the payload of a destroyed item and makes sure that the store's
// files hold nothing of its headers.
func (s *Service) bury(ctx context.Context, id string) error {
	ctx = context.WithoutCancel(ctx)
	it, err := s.item(ctx, id)
	if err != nil || it.State != Destroyed || it.Blob == "" {
		return err
	}
	if err := s.Blobs.Delete(ctx, it.Blob); err != nil {
		return fmt.Errorf("deleting the payload: %w", err)
	}
	if err := s.DB.Scrub(ctx, keyTables...); err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE evidence_item SET blob = '' WHERE id = ?`, id)
		return err
	})
}

// keyTables hold what opens items.
var keyTables = []string{"evidence_custody", "evidence_note"}

// scrub clears the store of erased headers; if a reader holds them the next
// time does.
func (s *Service) scrub(ctx context.Context) {
	if err := s.DB.Scrub(context.WithoutCancel(ctx), keyTables...); err != nil {
		s.Logger.Info("erased headers not yet cleared away", "err", err)
	}
}

// reach finds an item for somebody whose agency has custody of it; what her
// role lets her do with it is policy's to say. The
// custodian agency reaches its items always, a partner while its share lasts.
func (s *Service) reach(ctx context.Context, who identity.Principal, id string) (Item, Custody, error) {
	if who.Agency == "" {
		return Item{}, Custody{}, ErrNotFound
	}
	it, err := s.item(ctx, id)
	if err != nil {
		return Item{}, Custody{}, err
	}
	c, err := s.custody(ctx, id, who.Agency)
	if errors.Is(err, ErrNotFound) && it.Agency == who.Agency { // destroyed: the record remains
		return it, Custody{Item: id, Agency: who.Agency}, nil
	}
	return it, c, err
}

// act starts an act on an item: who holds it how, and its state.
func (s *Service) act(action string, by gate.Caller, it Item, c Custody) gate.Act {
	role := identity.RoleInvestigator
	switch {
	case by.Who.Has(identity.RoleSystem):
		role = identity.RoleSystem
	case by.Who.Has(identity.RoleCustodian):
		role = identity.RoleCustodian
	}
	return gate.Act{
		Action: action, By: by, Role: role, Objects: []string{it.ID},
		Facts: map[string]any{"custody": c.kind(it), "state": string(it.State)},
	}
}

// kind is how c's agency comes to the item, in the words of policy.
func (c Custody) kind(it Item) string {
	switch c.Agency {
	case "":
		return "none"
	case it.Agency:
		return "own"
	}
	return "shared"
}

func (c Custody) purposeMatches(it Item, stated string) bool {
	return c.Agency == it.Agency || stated == c.Purpose
}

func category(id string) (Category, bool) {
	for _, c := range Schedule {
		if c.ID == id {
			return c, true
		}
	}
	return Category{}, false
}

func needText(name, value string, most int) error {
	if value == "" || len(value) > most {
		return fmt.Errorf("%w: %s must have 1 to %d bytes", ErrInput, name, most)
	}
	return nil
}

// needSealed checks that b is an age file, as far as one can without its key.
func needSealed(name string, b []byte, most int) error {
	if len(b) > most {
		return fmt.Errorf("%w: %s is longer than %d bytes", ErrInput, name, most)
	}
	if _, rest, err := cutHeader(b); err != nil || len(rest) < 32 {
		return fmt.Errorf("%w: %s is not an age file for X25519 recipients", ErrInput, name)
	}
	return nil
}

// filled drops empty values.
func filled(m map[string]string) map[string]string {
	maps.DeleteFunc(m, func(_, v string) bool { return v == "" })
	return m
}

// days is d in whole days, rounded up.
func days(d time.Duration) int64 {
	const day = 24 * time.Hour
	return int64((d + day - 1) / day)
}

func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
