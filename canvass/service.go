package canvass

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/identity"
)

// Options joins the service to its neighbors. The first four are needed.
type Options struct {
	DB       *db.DB
	Gate     *gate.Gate
	Agencies Agencies
	// Purposes classifies what incident and narrative together mean; see purpose.Classes.
	Purposes func(text string) []string
	// Notices, if set, is told of each publication within its transaction.
	Notices *Notices
	// Changed, if set, is called after open requests changed; the feed rebuilds.
	Changed func()
	Now     func() time.Time // default time.Now
	Logger  *slog.Logger     // default discards
}

// Service keeps the requests. Safe for concurrent use.
type Service struct{ Options }

// New opens the requests' tables.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Changed == nil {
		o.Changed = func() {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := o.DB.Migrate(ctx, "canvass", migrations); err != nil {
		return nil, err
	}
	return &Service{o}, nil
}

// Post takes a draft through the gate (request.post) and leaves it pending. The
// request's id is the act's. Errors: Invalid (nothing recorded), ErrChanged, and
// the gate's, of which *gate.Refusal names the limits it broke.
func (s *Service) Post(ctx context.Context, by gate.Caller, d Draft) (Request, error) {
	d = d.clean()
	if err := d.Check(); err != nil {
		return Request{}, err
	}
	var agency Agency // none for people of the exchange, whom policy refuses
	var err error
	if by.Who.Agency != "" {
		if agency, err = s.Agencies.Agency(ctx, by.Who.Agency); err != nil {
			return Request{}, fmt.Errorf("looking up the asking agency: %w", err)
		}
	}
	before, err := posts(s.DB.Read(), agency.ORI, d.Case)
	if err != nil {
		return Request{}, fmt.Errorf("counting the posts of a case: %w", err)
	}
	area, _ := d.Area.MarshalJSON()
	m2, now := d.Area.AreaM2(), s.Now()
	r := Request{ID: by.ActID, Agency: agency.ORI, Draft: d, State: Pending, PostedBy: by.Who.PersonID}
	_, err = s.Gate.Do(ctx, gate.Act{
		Action: "request.post", By: by, Role: identity.RoleRequester,
		Objects: strings.Fields(r.ID + " " + r.Agency),
		Public: map[string]string{
			"request": r.ID, "incident": string(d.Incident),
			"area_m2":        strconv.FormatFloat(math.Round(m2/1000)*1000, 'f', 0, 64),
			"window_minutes": strconv.FormatInt(up(d.To.Sub(d.From), time.Minute), 10),
		},
		Private: map[string]string{
			"case": d.Case, "narrative": d.Narrative, "area": string(area), "contact": d.Contact,
			"window":  d.From.Format(time.RFC3339) + " " + d.To.Format(time.RFC3339) + " " + d.TimeZone,
			"expires": d.Expires.Format(time.RFC3339),
		},
		Facts: map[string]any{
			"area_m2":             int64(math.Round(m2)),
			"window_minutes":      up(d.To.Sub(d.From), time.Minute),
			"window_ended":        !d.To.After(now),
			"expiry_hours":        up(d.Expires.Sub(now), time.Hour),
			"posts_for_case":      before,
			"has_case":            caseKey(d.Case) != "",
			"has_contact":         d.Contact != "",
			"inside_jurisdiction": agency.Jurisdiction.Contains(d.Area),
			"purposes":            s.Purposes(strings.ReplaceAll(string(d.Incident), "-", " ") + "\n" + d.Narrative),
		},
	}, func(tx *sql.Tx, g *gate.Grant) error {
		n, err := posts(tx, r.Agency, d.Case)
		if err != nil {
			return err
		}
		if n != before {
			return ErrChanged // another post for this case passed the gate meanwhile
		}
		r.Posted, r.PostEntry = g.At, g.Index
		return insert(tx, r)
	})
	if err != nil {
		return Request{}, err
	}
	return s.Request(ctx, r.ID)
}

// up counts whole units of d, rounded up.
func up(d, unit time.Duration) int64 {
	n := int64(d / unit)
	if d%unit > 0 {
		n++
	}
	return n
}

// Moderate publishes or rejects a pending request (request.moderate). The
// moderator must be somebody else than who posted. reason is for the agency; a
// rejection needs one. Errors: ErrNotFound, ErrReason, ErrChanged, the gate's.
func (s *Service) Moderate(ctx context.Context, by gate.Caller, id string, approve bool, reason string) (Request, error) {
	reason = strings.TrimSpace(reason)
	if n := utf8.RuneCountInString(reason); n > 500 || n == 0 && !approve || !utf8.ValidString(reason) {
		return Request{}, ErrReason
	}
	r, err := s.Request(ctx, id)
	if err != nil {
		return Request{}, err
	}
	agency, err := s.Agencies.Agency(ctx, r.Agency)
	if err != nil {
		return Request{}, fmt.Errorf("looking up the asking agency: %w", err)
	}
	verdict, to := "reject", Rejected
	public := map[string]string{"request": id, "verdict": "reject"}
	if approve {
		verdict, to = "approve", Open
		// From here on the world reads it; the entry says exactly what.
		public = map[string]string{"request": id, "verdict": "approve", "asker": r.Agency, "content": r.Content().Hash()}
	}
	_, err = s.Gate.Do(ctx, gate.Act{
		Action: "request.moderate", By: by, Role: identity.RoleModerator,
		Objects: []string{id, r.Agency},
		Public:  public, Private: map[string]string{"reason": reason},
		Facts: map[string]any{
			"verdict": verdict, "same_person": by.Who.PersonID == r.PostedBy,
			"asker_active": agency.Status == "active", "state": string(r.State),
		},
		Jurisdictions: []string{agency.State},
	}, func(tx *sql.Tx, g *gate.Grant) error {
		err := changed(tx.Exec(`UPDATE canvass_request SET state = ?, decided_by = ?, decided = ?, reason = ?, decision_entry = ?
			WHERE id = ? AND state = ?`, to, by.Who.PersonID, g.At.UnixMicro(), reason, int64(g.Index), id, r.State))
		if err == nil && approve && s.Notices != nil {
			err = s.Notices.published(tx, r)
		}
		return err
	})
	return s.after(ctx, id, err)
}

// Close resolves an open request of the caller's agency, or takes back a pending
// one (request.close). A published one stays on the agency's public page.
// Errors: ErrNotFound, ErrChanged, the gate's.
func (s *Service) Close(ctx context.Context, by gate.Caller, id string) (Request, error) {
	r, err := s.Request(ctx, id)
	if err != nil {
		return Request{}, err
	}
	role := identity.RoleRequester
	if !by.Who.Has(role) {
		role = identity.RoleAdmin
	}
	return s.after(ctx, id, s.close(ctx, by, role, r, Resolved))
}

func (s *Service) close(ctx context.Context, by gate.Caller, role identity.Role, r Request, to State) error {
	agency, err := s.Agencies.Agency(ctx, r.Agency)
	if err != nil {
		return fmt.Errorf("looking up the asking agency: %w", err)
	}
	_, err = s.Gate.Do(ctx, gate.Act{
		Action: "request.close", By: by, Role: role,
		Objects: []string{r.ID, r.Agency},
		Public:  map[string]string{"request": r.ID, "outcome": string(to)},
		Facts: map[string]any{
			"own_agency": by.Who.Agency == r.Agency, "expired": !r.Expires.After(s.Now()), "state": string(r.State),
		},
		Jurisdictions: []string{agency.State},
	}, func(tx *sql.Tx, g *gate.Grant) error {
		return changed(tx.Exec(`UPDATE canvass_request SET state = ?, closed = ?, close_entry = ? WHERE id = ? AND state = ?`,
			to, g.At.UnixMicro(), int64(g.Index), r.ID, r.State))
	})
	return err
}

// after returns the request as it is now and tells the feed.
func (s *Service) after(ctx context.Context, id string, err error) (Request, error) {
	if err != nil {
		return Request{}, err
	}
	s.Changed()
	return s.Request(ctx, id)
}

// Expire closes, as the system, the requests whose time is over, and returns
// how many. It is called by the clock and may be called again at any time.
func (s *Service) Expire(ctx context.Context) (n int, err error) {
	due, err := s.query(ctx, `state IN (?, ?) AND expires <= ? ORDER BY expires`, Pending, Open, s.Now().UnixMicro())
	if err != nil {
		return 0, err
	}
	for _, r := range due {
		by := gate.Caller{Who: identity.System(), ActID: gate.NewActID()}
		e := s.close(ctx, by, identity.RoleSystem, r, Expired)
		if errors.Is(e, ErrChanged) {
			continue // resolved at the same moment
		}
		if e == nil {
			n++
		}
		err = errors.Join(err, e)
	}
	if n > 0 {
		s.Changed()
	}
	return n, err
}

// Request returns any request by id; ErrNotFound if there is none. Whoever
// shows it decides by Published who may see it.
func (s *Service) Request(ctx context.Context, id string) (Request, error) {
	return db.First(s.query(ctx, `id = ?`, id))(ErrNotFound)
}

// Open returns the requests that can be answered now, newest first.
func (s *Service) Open(ctx context.Context) ([]Request, error) {
	return s.query(ctx, `state = ? AND expires > ? ORDER BY decided DESC, id DESC`, Open, s.Now().UnixMicro())
}

// Published returns every request the agency ever published, newest first.
func (s *Service) Published(ctx context.Context, ori string) ([]Request, error) {
	return s.query(ctx, `agency = ? AND decided > 0 AND state <> ? ORDER BY decided DESC, id DESC`, ori, Rejected)
}

// View returns a request as who may see it: inside tells whether that includes
// what is not public. ErrNotFound when she may not know of it.
func (s *Service) View(ctx context.Context, who identity.Principal, id string) (r Request, inside bool, err error) {
	if r, err = s.Request(ctx, id); err != nil {
		return Request{}, false, err
	}
	inside = moderates(who) || who.Agency != "" && who.Agency == r.Agency
	if !inside && !r.Published() {
		return Request{}, false, ErrNotFound
	}
	return r, inside, nil
}

// moderates reports whether who reads what waits for moderation.
func moderates(who identity.Principal) bool {
	return who.Has(identity.RoleModerator) || who.Has(identity.RoleAuditor)
}

// Mine returns all requests of who's agency in every state, newest first; none
// for people without one.
func (s *Service) Mine(ctx context.Context, who identity.Principal) ([]Request, error) {
	if who.Agency == "" {
		return nil, nil
	}
	return s.query(ctx, `agency = ? ORDER BY posted DESC, id DESC`, who.Agency)
}

// Queue returns the requests that wait for a moderator, oldest first.
// ErrNotFound for who is neither moderator nor auditor.
func (s *Service) Queue(ctx context.Context, who identity.Principal) ([]Request, error) {
	if !moderates(who) {
		return nil, ErrNotFound
	}
	return s.query(ctx, `state = ? AND expires > ? ORDER BY posted, id`, Pending, s.Now().UnixMicro())
}
