package image

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"porchlight/blob"
	"porchlight/db"
	"porchlight/gate"
	"porchlight/identity"
)

// Opened is what a view releases: with it and the vault's identity a browser
// decrypts the pictures.
type Opened struct {
	Grant    *gate.Grant
	Pictures []Sealed
	Until    time.Time // Payload answers until then
}

// Sealed is a picture as a browser gets it.
type Sealed struct {
	ID     string
	Header []byte // age header that the viewer's plates vault opens
	Size   int64  // of the payload
}

// View releases the headers of pictures of one owner, and for ViewFor their
// payloads to the same session: the act image.view. What the lead is, and that it
// led to each of them, is checked here. Errors besides the gate's: ErrNotFound,
// ErrInput, ErrClosed for a repeat from another session.
func (s *Service) View(ctx context.Context, by gate.Caller, session string, l Lead, wanted []Wanted) (*Opened, error) {
	if len(wanted) == 0 || len(wanted) > MaxView {
		return nil, fmt.Errorf("%w: 1 to %d pictures at once", ErrInput, MaxView)
	}
	var owner string
	custody, led := "own", true
	var ids, reads []string
	for i, w := range wanted {
		p, c, to, err := s.reach(ctx, by.Who, l, w)
		if err != nil {
			return nil, err
		}
		if i > 0 && p.Owner != owner {
			return nil, fmt.Errorf("%w: the pictures are of more than one agency", ErrInput)
		}
		owner, led = p.Owner, led && to
		if c != "own" && custody != "none" {
			custody = c
		}
		ids, reads = append(ids, p.ID), append(reads, strconv.FormatUint(uint64(w.Read), 10))
	}
	slices.Sort(ids)
	act, err := s.act(ctx, "image.view", by, owner, ids...)
	if err != nil {
		return nil, err
	}
	act.Public = map[string]string{"owner": owner, "pictures": strconv.Itoa(len(ids))}
	act.Private = l.private(map[string]string{"images": strings.Join(ids, " "), "reads": strings.Join(reads, " ")})
	act.Facts = map[string]any{"custody": custody, "led": led}
	grant, err := s.Gate.Do(ctx, act, nil)
	if err != nil {
		return nil, err
	}
	until := grant.At.Add(s.ViewFor)
	if !s.Now().Before(until) {
		return nil, ErrClosed
	}
	if grant.Replayed { // it carries no fresh signature: only for the session that gave one
		if err := s.stillOpen(ctx, session, grant.ActID, ids[0]); err != nil {
			return nil, err
		}
	}
	out := &Opened{Grant: grant, Until: until}
	for _, w := range wanted {
		if err := grant.Covers("image.view", w.Picture); err != nil {
			return nil, err
		}
		p, err := s.picture(ctx, w.Picture)
		if err != nil {
			return nil, err
		}
		header, err := s.header(ctx, p.ID, by.Who.Agency)
		if err != nil {
			return nil, err
		}
		out.Pictures = append(out.Pictures, Sealed{p.ID, header, p.Size})
	}
	err = s.DB.Write(ctx, func(tx *sql.Tx) error {
		return insertOpen(tx, grant.ActID, session, by.Who.Agency, strings.Join(ids, " "), until)
	})
	return out, err
}

// Payload gives the ciphertext of a picture that the act opened to this session.
// ErrClosed when it did not, or no longer does.
func (s *Service) Payload(ctx context.Context, session, actID, picture string) (io.ReadSeekCloser, error) {
	if err := s.stillOpen(ctx, session, actID, picture); err != nil {
		return nil, err
	}
	p, err := s.picture(ctx, picture)
	if err != nil {
		return nil, err
	}
	return s.payload(ctx, p)
}

// stillOpen returns ErrClosed unless the act has the picture open to this session
// and the agency may still open it.
func (s *Service) stillOpen(ctx context.Context, session, actID, picture string) error {
	agency, ok, err := s.opened(ctx, session, actID, picture)
	if err == nil && !ok {
		return ErrClosed
	}
	if err == nil {
		_, err = s.header(ctx, picture, agency)
	}
	if err == nil {
		err = gate.Active(ctx, s.Agencies, agency)
	}
	if errors.Is(err, ErrNotFound) || errors.Is(err, gate.ErrSuspended) {
		return ErrClosed
	}
	return err
}

// Ask asks the owner of a picture for it: the act image.ask of an agency whose
// search showed it the read. ErrNotFound, ErrInput, ErrAsked.
func (s *Service) Ask(ctx context.Context, by gate.Caller, l Lead, w Wanted) (*gate.Grant, error) {
	p, custody, led, err := s.reach(ctx, by.Who, l, w)
	if err != nil {
		return nil, err
	}
	if custody == "own" {
		return nil, fmt.Errorf("%w: the picture is your own agency's", ErrInput)
	}
	before, err := s.asks(ctx, `picture = ? AND asker = ? AND id <> ?`, p.ID, by.Who.Agency, by.ActID)
	if err != nil {
		return nil, err
	}
	if len(before) > 0 {
		return nil, ErrAsked
	}
	act, err := s.act(ctx, "image.ask", by, p.Owner, p.ID, p.Owner)
	if err != nil {
		return nil, err
	}
	act.Public = map[string]string{"owner": p.Owner}
	act.Private = l.private(map[string]string{"image": p.ID, "read": strconv.FormatUint(uint64(w.Read), 10)})
	act.Facts = map[string]any{"led": led}
	return s.Gate.Do(ctx, act, func(tx *sql.Tx, g *gate.Grant) error {
		return insertAsk(tx, Ask{ID: g.ActID, Picture: p.ID, Read: w.Read, Owner: p.Owner, Asker: by.Who.Agency,
			Person: by.Who.PersonID, Search: l.Search, At: g.At})
	})
}

// Share answers an ask: header is the picture's file key sealed, in the owner's
// browser, to the plates vault of who asked. The act image.share. ErrNotFound,
// ErrInput.
func (s *Service) Share(ctx context.Context, by gate.Caller, ask string, header []byte, expires time.Time) (*gate.Grant, error) {
	a, err := s.ask(ctx, by.Who, ask)
	if err != nil {
		return nil, err
	}
	if got, rest := cutHeader(append(slices.Clone(header), make([]byte, 32)...)); got == nil || len(rest) != 32 {
		return nil, fmt.Errorf("%w: the header must be one of age for one X25519 recipient", ErrInput)
	}
	custody := "own"
	if a.Owner != by.Who.Agency {
		custody = "none"
	}
	asker, err := s.Agencies.AgencyFacts(ctx, a.Asker)
	if err != nil {
		return nil, fmt.Errorf("looking up an agency: %w", err)
	}
	act, err := s.act(ctx, "image.share", by, a.Owner, a.Picture, a.Asker, a.ID)
	if err != nil {
		return nil, err
	}
	act.Jurisdictions = append(act.Jurisdictions, asker.State)
	act.Public = map[string]string{"owner": a.Owner, "to": a.Asker}
	act.Private = map[string]string{"image": a.Picture, "ask": a.ID, "expires": expires.UTC().Format(time.RFC3339)}
	act.Facts = map[string]any{
		"custody": custody, "asked": a.Shared.IsZero(),
		"share_days": days(expires.Sub(s.Now())), "receiver_status": asker.Status,
	}
	return s.Gate.Do(ctx, act, func(tx *sql.Tx, g *gate.Grant) error { return insertShare(tx, a, header, g.At, expires) })
}

// Asks lists what the person's agency asked for and what it is asked for, newest
// first, 200 at most. Only investigators and custodians of an active agency see
// them.
func (s *Service) Asks(ctx context.Context, who identity.Principal) ([]Ask, error) {
	if !who.Has(identity.RoleCustodian) && !who.Has(identity.RoleInvestigator) {
		return nil, gate.ErrRole
	}
	if err := gate.Active(ctx, s.Agencies, who.Agency); err != nil {
		return nil, err
	}
	return s.asks(ctx, `owner = ? OR asker = ? ORDER BY at DESC, id DESC LIMIT 200`, who.Agency, who.Agency)
}

// ask returns an ask to who's agency. ErrNotFound.
func (s *Service) ask(ctx context.Context, who identity.Principal, id string) (Ask, error) {
	return db.First(s.asks(ctx, `id = ? AND owner = ?`, id, who.Agency))(ErrNotFound)
}

// reach finds a picture, how who's agency comes to it (policy's Custody), and
// whether the lead led there. ErrNotFound for a picture it has nothing to do with.
func (s *Service) reach(ctx context.Context, who identity.Principal, l Lead, w Wanted) (p Picture, custody string, led bool, err error) {
	if n := count(l.Search, l.Hit, l.Ask); n > 1 {
		return p, "", false, fmt.Errorf("%w: one lead at a time", ErrInput)
	}
	if who.Agency == "" {
		return p, "", false, ErrNotFound
	}
	if p, err = s.picture(ctx, w.Picture); err != nil {
		return p, "", false, err
	}
	switch {
	case l.Ask != "":
		a, err := s.ask(ctx, who, l.Ask)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return p, "", false, err
		}
		led = err == nil && a.Picture == p.ID && a.Read == w.Read
	case s.Leads != nil && l != Lead{}:
		if led, err = s.Leads.Led(ctx, who, l, w); err != nil {
			return p, "", false, fmt.Errorf("checking what led to a picture: %w", err)
		}
	}
	switch _, err := s.header(ctx, p.ID, who.Agency); {
	case p.Owner == who.Agency:
		return p, "own", led, nil
	case err == nil:
		return p, "shared", led, nil
	case !errors.Is(err, ErrNotFound):
		return p, "", false, err
	case !led:
		return p, "", false, ErrNotFound
	}
	return p, "none", true, nil
}

// act starts an act on pictures of owner.
func (s *Service) act(ctx context.Context, action string, by gate.Caller, owner string, objects ...string) (gate.Act, error) {
	f, err := s.Agencies.AgencyFacts(ctx, owner)
	if err != nil {
		return gate.Act{}, fmt.Errorf("looking up an agency: %w", err)
	}
	role := identity.RoleInvestigator
	if !by.Who.Has(role) && by.Who.Has(identity.RoleCustodian) {
		role = identity.RoleCustodian
	}
	return gate.Act{Action: action, By: by, Role: role, Objects: objects, Jurisdictions: []string{f.State}}, nil
}

// payload opens the picture's bytes in its roll.
func (s *Service) payload(ctx context.Context, p Picture) (io.ReadSeekCloser, error) {
	r, size, err := s.Blobs.Open(ctx, p.roll)
	if errors.Is(err, blob.ErrNotFound) {
		return nil, ErrNotFound
	} else if err != nil {
		return nil, err
	}
	if size < p.start+p.Size {
		r.Close()
		return nil, fmt.Errorf("the roll of picture %s is cut short", p.ID)
	}
	if _, err := r.Seek(p.start, io.SeekStart); err != nil {
		r.Close()
		return nil, err
	}
	return &part{ReadSeekCloser: r, start: p.start, size: p.Size}, nil
}

// part is a run of bytes of a longer file.
type part struct {
	io.ReadSeekCloser
	start, size, at int64
}

func (p *part) Read(b []byte) (int, error) {
	if p.at >= p.size {
		return 0, io.EOF
	}
	b = b[:min(int64(len(b)), p.size-p.at)]
	n, err := p.ReadSeekCloser.Read(b)
	p.at += int64(n)
	return n, err
}

func (p *part) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += p.at
	case io.SeekEnd:
		offset += p.size
	}
	if offset < 0 {
		return 0, errors.New("image: seek before the start")
	}
	if _, err := p.ReadSeekCloser.Seek(p.start+offset, io.SeekStart); err != nil {
		return 0, err
	}
	p.at = offset
	return offset, nil
}

// private adds what l says to the private values of an act.
func (l Lead) private(m map[string]string) map[string]string {
	for name, v := range map[string]string{"search": l.Search, "hit": l.Hit, "ask": l.Ask} {
		if v != "" {
			m[name] = v
		}
	}
	return m
}

func count(values ...string) (n int) {
	for _, v := range values {
		if v != "" {
			n++
		}
	}
	return n
}

// days is d in whole days, rounded up.
func days(d time.Duration) int64 {
	const day = 24 * time.Hour
	return int64((d + day - 1) / day)
}
