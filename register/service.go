package register

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"

	"porchlight/canvass"
	"porchlight/capability"
	"porchlight/db"
	"porchlight/gate"
	"porchlight/identity"
	"porchlight/internal/form"
	"porchlight/ledger"
)

// Options joins the service to its neighbors. The first five are needed.
type Options struct {
	DB       *db.DB
	Gate     *gate.Gate
	Agencies Agencies
	// Purposes classifies what incident and note together mean; see purpose.Classes.
	Purposes func(text string) []string
	FormKey  [32]byte // makes the forms, the same on every node of an exchange

	Now    func() time.Time // default time.Now
	Logger *slog.Logger     // default discards
}

// Service keeps the register. Safe for concurrent use.
type Service struct {
	Options
	Forms *form.Forms // to tell of a camera with
	spent *capability.Spent
}

const (
	tellsHour   = 120                 // cameras told an hour, on one node
	leadLasts   = 30 * 24 * time.Hour // a look leads to its cameras' owners for so long
	looksWithin = 24 * time.Hour      // of which policy limits the number
	maxMessages = 200                 // letters about one camera
)

// New opens the register's tables.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := o.DB.Migrate(ctx, "register", migrations); err != nil {
		return nil, err
	}
	spent, err := capability.OpenSpent(ctx, o.DB)
	return &Service{o, form.New(o.FormKey, "register", tellsHour, o.Now), spent}, err
}

// Telling is a new camera as its owner's device sends it.
type Telling struct {
	Form      string // see Service.Forms
	Agency    string // ORI
	OwnerHash []byte // SHA-256 of her 32-byte capability token
	Recipient string // her age X25519 recipient
	Details
}

// Tell puts a camera in the register of one agency (register.tell). Its id is
// the act's; a repeat changes nothing. Errors: *Invalid, capability.ErrInput,
// form.ErrSlow (nothing recorded), the gate's.
func (s *Service) Tell(ctx context.Context, by gate.Caller, t Telling) (*gate.Grant, error) {
	t.Note = strings.TrimSpace(t.Note)
	if err := t.check(); err != nil {
		return nil, err
	}
	holder, err := capability.New(t.OwnerHash, t.Recipient)
	if err != nil {
		return nil, err
	}
	a, err := lookup(ctx, s.Agencies, t.Agency)
	if err != nil {
		return nil, err
	}
	facts, err := s.telling(a, t.Details)
	if err != nil {
		return nil, err
	}
	if _, err := s.camera(ctx, `id = ? AND owner = ?`, by.ActID, holder.Owner); err != nil { // no repeat
		if err := s.Forms.Take(t.Form); err != nil {
			return nil, err
		}
	}
	return s.Gate.Do(ctx, gate.Act{
		Action: "register.tell", By: by, Role: identity.RoleResident,
		Objects: []string{by.ActID, a.ORI},
		Public:  map[string]string{"agency": a.ORI}, Private: map[string]string{"camera": by.ActID},
		Facts: facts, Jurisdictions: []string{a.State},
	}, func(tx *sql.Tx, g *gate.Grant) error {
		return insert(tx, Camera{ID: g.ActID, Agency: a.ORI, Details: t.Details, Recipient: holder.Recipient,
			Told: g.At, Changed: g.At, Entry: g.Index, owner: holder.Owner})
	})
}

// telling are the facts of who is told what.
func (s *Service) telling(a canvass.Agency, d Details) (map[string]any, error) {
	if len(d.Contact) > 0 {
		if err := capability.CheckSealed(d.Contact, MaxContact); err != nil {
			return nil, err
		}
	}
	return map[string]any{
		"receiver_kind": a.Kind, "receiver_status": a.Status,
		"key_matches_ledger": len(d.Contact) == 0 || d.Vault != "" && d.Vault == a.Vault,
	}, nil
}

// held returns the camera that a token opens, and the agency that was told.
func (s *Service) held(ctx context.Context, token string) (Camera, canvass.Agency, error) {
	owner := capability.Owner(token)
	if owner == "" {
		return Camera{}, canvass.Agency{}, ErrNotFound
	}
	c, err := s.camera(ctx, `owner = ?`, owner)
	if err != nil {
		return c, canvass.Agency{}, err
	}
	a, err := lookup(ctx, s.Agencies, c.Agency)
	return c, a, err
}

// Follow returns what the bearer of a camera's link may know. ErrNotFound, also
// once it is taken back.
func (s *Service) Follow(ctx context.Context, token string) (f Followed, err error) {
	if f.Camera, f.Agency, err = s.held(ctx, token); err != nil {
		return f, err
	}
	if f.Looks, err = s.looks(ctx, f.Camera.ID); err != nil {
		return f, fmt.Errorf("reading who looked: %w", err)
	}
	if f.Messages, err = s.messages(ctx, f.Camera.ID); err != nil {
		return f, fmt.Errorf("reading letters: %w", err)
	}
	return f, nil
}

// Receipt proves one look at her camera, one letter, or that she told it, with
// the time. ErrNotFound.
func (s *Service) Receipt(ctx context.Context, token string, entry uint64) (ledger.Receipt, error) {
	f, err := s.Follow(ctx, token)
	if err != nil {
		return ledger.Receipt{}, err
	}
	hers := entry == f.Camera.Entry
	for _, l := range f.Looks {
		hers = hers || l.Entry == entry
	}
	for _, m := range f.Messages {
		hers = hers || m.Entry == entry
	}
	if !hers {
		return ledger.Receipt{}, ErrNotFound
	}
	return s.Gate.Receipt(ctx, entry, gate.PrivateAt)
}

// Change replaces what she told (register.change); nothing is kept of what it
// was. Errors: ErrNotFound, *Invalid, capability.ErrInput, ErrChanged, the gate's.
func (s *Service) Change(ctx context.Context, by gate.Caller, token string, d Details) (*gate.Grant, error) {
	d.Note = strings.TrimSpace(d.Note)
	if err := d.check(); err != nil {
		return nil, err
	}
	c, a, err := s.held(ctx, token)
	if err != nil {
		return nil, err
	}
	facts, err := s.telling(a, d)
	if err != nil {
		return nil, err
	}
	facts["holds_capability"] = true
	act := s.owners("register.change", by, c, a)
	act.Facts = facts
	return s.Gate.Do(ctx, act, func(tx *sql.Tx, g *gate.Grant) error {
		c.Details, c.Changed = d, g.At
		return update(tx, c)
	})
}

// Withdraw takes a camera back (register.withdraw): it, its letters and the
// list of who looked are erased; the entries stay, and name no camera.
// ErrNotFound, ErrChanged, the gate's.
func (s *Service) Withdraw(ctx context.Context, by gate.Caller, token string) (*gate.Grant, error) {
	g, err := s.end(ctx, "register.withdraw", by, token, func(tx *sql.Tx, c Camera) error { return erase(tx, c.ID) })
	if err != nil {
		return nil, err
	}
	if err := s.DB.Scrub(ctx, "register_camera", "register_message", "register_look"); err != nil {
		s.Logger.Error("a camera's rows are deleted, but the store could not be scrubbed", "err", err)
	}
	return g, nil
}

// Relink replaces the link of a camera (register.relink): from then on only the
// next one opens it. ErrNotFound, capability.ErrInput, ErrChanged, the gate's.
func (s *Service) Relink(ctx context.Context, by gate.Caller, token string, next capability.Next) (*gate.Grant, error) {
	holder, err := next.Holder(capability.Owner(token))
	if err != nil {
		return nil, err
	}
	return s.end(ctx, "register.relink", by, token, func(tx *sql.Tx, c Camera) error { return relink(tx, c, holder, next.Past) })
}

// end does an act after which its bearer's link opens nothing. A repeat of it is
// answered although the link is no more.
func (s *Service) end(ctx context.Context, action string, by gate.Caller, token string, effect func(*sql.Tx, Camera) error) (*gate.Grant, error) {
	c, a, err := s.held(ctx, token)
	if errors.Is(err, ErrNotFound) {
		if ended, err := s.spent.By(ctx, token, by.ActID); err != nil || !ended {
			return nil, cmp.Or(err, ErrNotFound)
		}
		return s.Gate.Granted(ctx, by.ActID)
	}
	if err != nil {
		return nil, err
	}
	return s.Gate.Do(ctx, s.owners(action, by, c, a), func(tx *sql.Tx, g *gate.Grant) error {
		return errors.Join(effect(tx, c), s.spent.End(tx, c.owner, g.ActID, g.At))
	})
}

// Write sends the agency a letter (register.write). ErrNotFound,
// capability.ErrInput, ErrFull, the gate's.
func (s *Service) Write(ctx context.Context, by gate.Caller, token string, sealed []byte) (*gate.Grant, error) {
	if err := capability.CheckSealed(sealed, MaxMessage); err != nil {
		return nil, err
	}
	c, a, err := s.held(ctx, token)
	if err != nil {
		return nil, err
	}
	return s.Gate.Do(ctx, s.owners("register.write", by, c, a), func(tx *sql.Tx, g *gate.Grant) error {
		return addMessage(tx, c.ID, "", Message{ID: g.ActID, FromOwner: true, Sealed: sealed, At: g.At, Entry: g.Index})
	})
}

// owners is an act of the bearer of a camera's link.
func (s *Service) owners(action string, by gate.Caller, c Camera, a canvass.Agency) gate.Act {
	return gate.Act{
		Action: action, By: by, Role: identity.RoleResident, Objects: []string{c.ID, c.Agency},
		Public: map[string]string{"agency": c.Agency}, Private: map[string]string{"camera": c.ID},
		Facts: map[string]any{"holds_capability": true}, Jurisdictions: []string{a.State},
	}
}

// deskRole is the role an officer looks and writes in.
func deskRole(who identity.Principal) identity.Role {
	for _, r := range []identity.Role{identity.RoleInvestigator, identity.RoleCustodian} {
		if who.Has(r) {
			return r
		}
	}
	return identity.RoleRequester
}

// View shows an officer the cameras that her own agency was told of in an area
// (register.view). Their owners see that she looked. The cameras are read after
// the entry is published. Errors: *Invalid, the gate's, of which *gate.Refusal
// names the limits it broke.
func (s *Service) View(ctx context.Context, by gate.Caller, ask Ask) (*gate.Grant, []Camera, error) {
	ask.Case, ask.Note = strings.TrimSpace(ask.Case), strings.TrimSpace(ask.Note)
	if err := ask.check(); err != nil {
		return nil, nil, err
	}
	var a canvass.Agency // none for people of the exchange, whom policy refuses
	var err error
	if by.Who.Agency != "" {
		if a, err = lookup(ctx, s.Agencies, by.Who.Agency); err != nil {
			return nil, nil, err
		}
	}
	var looks int64
	if err := s.DB.Read().QueryRowContext(ctx, `SELECT count(*) FROM register_view WHERE person = ? AND at > ? AND id <> ?`,
		by.Who.PersonID, db.Micros(s.Now().Add(-looksWithin)), by.ActID).Scan(&looks); err != nil {
		return nil, nil, fmt.Errorf("counting looks: %w", err)
	}
	area, _ := ask.Area.MarshalJSON()
	m2, role := ask.Area.AreaM2(), deskRole(by.Who)
	g, err := s.Gate.Do(ctx, gate.Act{
		Action: "register.view", By: by, Role: role,
		Objects: strings.Fields(a.ORI),
		Public:  map[string]string{"incident": string(ask.Incident), "area_m2": strconv.FormatFloat(math.Round(m2/1000)*1000, 'f', 0, 64)},
		Private: map[string]string{"case": ask.Case, "note": ask.Note, "area": string(area)},
		Facts: map[string]any{
			"area_m2": int64(math.Round(m2)), "inside_jurisdiction": a.Jurisdiction.Contains(ask.Area),
			"has_case": caseKey(ask.Case) != "", "looks": looks,
			"purposes": s.Purposes(strings.ReplaceAll(string(ask.Incident), "-", " ") + "\n" + ask.Note),
		},
		Jurisdictions: nil,
	}, func(tx *sql.Tx, g *gate.Grant) error {
		return recordLook(tx, view{id: g.ActID, agency: a.ORI, person: g.Who.PersonID, role: string(role),
			caseKey: caseKey(ask.Case), incident: ask.Incident, at: g.At, entry: g.Index}, ask.Area)
	})
	if err != nil {
		return nil, nil, err
	}
	cameras, err := s.shown(ctx, g, a.ORI)
	return g, cameras, err
}

// shown reads the cameras of a look that g permits.
func (s *Service) shown(ctx context.Context, g *gate.Grant, agency string) ([]Camera, error) {
	if err := g.Covers("register.view", agency); err != nil {
		return nil, err
	}
	cs, err := s.seen(ctx, g.ActID)
	if err != nil {
		return nil, fmt.Errorf("reading cameras: %w", err)
	}
	return cs, nil
}

// Ask sends a letter to a camera's owner about a case (register.ask): whether
// she holds footage, say. A look under that case in the last 30 days leads to
// her. ErrNotFound, capability.ErrInput, ErrFull, the gate's.
func (s *Service) Ask(ctx context.Context, by gate.Caller, camera, caseNumber string, sealed []byte) (*gate.Grant, error) {
	if err := capability.CheckSealed(sealed, MaxMessage); err != nil {
		return nil, err
	}
	c, err := s.camera(ctx, `id = ? AND agency = ?`, camera, by.Who.Agency)
	if err != nil {
		return nil, err
	}
	key := caseKey(caseNumber)
	var led, unanswered int64
	if err := s.DB.Read().QueryRowContext(ctx, `SELECT
		(SELECT count(*) FROM register_look l JOIN register_view v ON v.id = l.look WHERE l.camera = ? AND v.case_key = ? AND v.at > ?),
		(SELECT count(*) FROM register_message WHERE camera = ? AND from_owner = ? AND case_key = ? AND id <> ? AND entry >
			(SELECT coalesce(max(entry), -1) FROM register_message WHERE camera = ? AND from_owner = ?))`,
		c.ID, key, db.Micros(s.Now().Add(-leadLasts)), c.ID, false, key, by.ActID, c.ID, true).Scan(&led, &unanswered); err != nil {
		return nil, fmt.Errorf("looking for what led to the camera: %w", err)
	}
	return s.Gate.Do(ctx, gate.Act{
		Action: "register.ask", By: by, Role: deskRole(by.Who), Objects: []string{c.ID, c.Agency},
		Public:  map[string]string{},
		Private: map[string]string{"camera": c.ID, "case": strings.TrimSpace(caseNumber)},
		Facts:   map[string]any{"own_agency": true, "has_case": key != "", "led": led > 0 && key != "", "unanswered": unanswered},
	}, func(tx *sql.Tx, g *gate.Grant) error {
		return addMessage(tx, c.ID, key, Message{ID: g.ActID, Sealed: sealed, At: g.At, Entry: g.Index})
	})
}

// Threads returns what who's agency and owners wrote to each other, newest first.
// gate.ErrRole, gate.ErrSuspended.
func (s *Service) Threads(ctx context.Context, who identity.Principal) ([]Thread, error) {
	if who.Agency == "" || !who.Has(identity.RoleRequester) && !who.Has(identity.RoleInvestigator) && !who.Has(identity.RoleCustodian) {
		return nil, gate.ErrRole
	}
	a, err := lookup(ctx, s.Agencies, who.Agency)
	if err != nil {
		return nil, err
	}
	if a.Status != "active" {
		return nil, gate.ErrSuspended
	}
	threads, err := db.All(func(row db.Row) (t Thread, err error) { return t, row.Scan(&t.Camera, &t.Recipient) })(
		s.DB.Read().QueryContext(ctx, `SELECT c.id, c.recipient FROM register_camera c JOIN register_message m ON m.camera = c.id
		WHERE c.agency = ? GROUP BY c.id, c.recipient ORDER BY max(m.entry) DESC LIMIT 200`, who.Agency))
	if err != nil {
		return nil, fmt.Errorf("reading letters: %w", err)
	}
	for i, t := range threads {
		if threads[i].Messages, err = s.messages(ctx, t.Camera); err != nil {
			return nil, fmt.Errorf("reading letters: %w", err)
		}
	}
	return threads, nil
}

// Sweep forgets under which case somebody looked once that leads nowhere any
// more, and looks that saw no camera that is still here.
func (s *Service) Sweep(ctx context.Context) (n int, err error) {
	before := db.Micros(s.Now().Add(-leadLasts))
	err = s.DB.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`UPDATE register_view SET case_key = '' WHERE at <= ? AND case_key <> ''`, before); err != nil {
			return err
		}
		res, err := tx.Exec(`DELETE FROM register_view WHERE at <= ? AND NOT EXISTS (SELECT 1 FROM register_look WHERE look = register_view.id)`, before)
		if err != nil {
			return err
		}
		k, err := res.RowsAffected()
		n = int(k)
		return err
	})
	return n, err
}
