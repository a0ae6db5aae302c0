package pets

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"porchlight/capability"
	"porchlight/db"
	"porchlight/gate"
	"porchlight/identity"
	"porchlight/internal/form"
	"porchlight/ledger"
)

// Options joins the service to its neighbors. The first four are needed.
type Options struct {
	DB      *db.DB
	Gate    *gate.Gate
	Cells   []string // of the feed, sorted: posts are about places in them
	FormKey [32]byte // makes the forms, the same on every node of an exchange

	Changed func()           // called after open posts changed; the feed rebuilds
	Now     func() time.Time // default time.Now
	Logger  *slog.Logger     // default discards
}

// Service keeps the posts. Safe for concurrent use.
type Service struct {
	Options
	Posting *form.Forms // to post with
	Telling *form.Forms // to report, and to send sightings with
	runs    *form.Hour
	spent   *capability.Spent
}

const (
	postsHour     = 30
	tellsHour     = 240
	runsHour      = 20_000 // counted, on one node
	maxWaiting    = 100    // posts that wait for a moderator
	waitsFor      = 24 * time.Hour
	keepAfter     = 7 * 24 * time.Hour // sightings, after a post's end
	maxSightings  = 100                // of one post
	maxMessages   = 100                // about one sighting
	maxReports    = 50                 // kept of one post
	fewestCounted = 5                  // homes; fewer are told as "1-4"
)

// New opens the posts' tables.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.Changed == nil {
		o.Changed = func() {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := o.DB.Migrate(ctx, "pets", migrations); err != nil {
		return nil, err
	}
	spent, err := capability.OpenSpent(ctx, o.DB)
	return &Service{o, form.New(o.FormKey, "pet", postsHour, o.Now), form.New(o.FormKey, "sighting", tellsHour, o.Now), form.NewHour(runsHour, o.Now), spent}, err
}

// Lost is a new post as its poster's device sends it.
type Lost struct {
	Form      string // see Service.Posting
	OwnerHash []byte // SHA-256 of her 32-byte capability token
	Recipient string // her age X25519 recipient
	Draft
}

// Post puts a lost animal before a moderator (pet.post). Its id is the act's; a
// repeat changes nothing. Errors: *Invalid, capability.ErrInput, form.ErrSlow
// (nothing recorded), ErrFull, the gate's.
func (s *Service) Post(ctx context.Context, by gate.Caller, l Lost) (*gate.Grant, error) {
	l.Words, l.Seen = strings.TrimSpace(l.Words), l.Seen.UTC().Truncate(time.Minute)
	if err := l.check(s.Now()); err != nil {
		return nil, err
	}
	holder, err := capability.New(l.OwnerHash, l.Recipient)
	if err != nil {
		return nil, err
	}
	sent := l.Draft.Photos
	if len(sent) > maxTaken {
		return nil, &Invalid{"photos", "are too many"}
	}
	if _, err := s.post(ctx, `id = ? AND owner = ?`, by.ActID, holder.Owner); err != nil { // no repeat
		if err := s.Posting.Take(l.Form); err != nil {
			return nil, err
		}
	}
	photos := make([]Photo, len(sent))
	for i, b := range sent {
		if photos[i], err = redraw(b); err != nil {
			return nil, err
		}
	}
	_, here := slices.BinarySearch(s.Cells, l.Place.Cell())
	return s.Gate.Do(ctx, gate.Act{
		Action: "pet.post", By: by, Role: identity.RoleResident, Objects: []string{by.ActID},
		Public: map[string]string{"post": by.ActID},
		Facts:  map[string]any{"photos": int64(len(photos)), "hours": int64(l.Hours), "inside_jurisdiction": here},
	}, func(tx *sql.Tx, g *gate.Grant) error {
		if err := room(tx, maxWaiting, `SELECT count(*) FROM pet_post WHERE state = ?`, Waiting); err != nil {
			return err
		}
		return insert(tx, Post{ID: g.ActID, Draft: l.Draft, Photos: photos, State: Waiting, Recipient: holder.Recipient,
			Posted: g.At, Ends: g.At.Add(waitsFor), Entry: g.Index, owner: holder.Owner})
	})
}

// Moderate lets a post in or does not (pet.moderate). reason is for the record;
// only auditors read it. ErrNotFound, ErrChanged, the gate's.
func (s *Service) Moderate(ctx context.Context, by gate.Caller, id string, approve bool, reason string) (*gate.Grant, error) {
	p, err := s.post(ctx, `id = ?`, id)
	if err != nil {
		return nil, err
	}
	public := map[string]string{"post": id, "verdict": "reject"}
	if approve {
		public = map[string]string{"post": id, "verdict": "approve", "content": p.Content().Hash()}
	}
	return s.moved(ctx)(s.Gate.Do(ctx, gate.Act{
		Action: "pet.moderate", By: by, Role: identity.RoleModerator, Objects: []string{id},
		Public: public, Private: map[string]string{"reason": strings.TrimSpace(reason)},
		Facts: map[string]any{"state": string(p.State), "verdict": public["verdict"]},
	}, func(tx *sql.Tx, g *gate.Grant) error {
		if !approve {
			return end(tx, id, Waiting, Rejected, g.At)
		}
		return changed(tx.Exec(`UPDATE pet_post SET state = ?, opened = ?, ends = ?, published = ? WHERE id = ? AND state = ?`,
			Open, db.Micros(g.At), db.Micros(g.At.Add(time.Duration(p.Hours)*time.Hour)), int64(g.Index), id, Waiting))
	}))
}

// moved tells the feed, and the store's file, when an act changed a post.
func (s *Service) moved(ctx context.Context) func(*gate.Grant, error) (*gate.Grant, error) {
	return func(g *gate.Grant, err error) (*gate.Grant, error) {
		if err != nil {
			return nil, err
		}
		s.tell(ctx)
		return g, nil
	}
}

func (s *Service) tell(ctx context.Context) {
	s.Changed()
	if err := s.DB.Scrub(ctx, "pet_post", "pet_photo", "pet_sighting", "pet_message"); err != nil {
		s.Logger.Error("a post's rows are deleted, but the store could not be scrubbed", "err", err)
	}
}

// held returns the post that a token opens. ErrNotFound.
func (s *Service) held(ctx context.Context, token string) (Post, error) {
	owner := capability.Owner(token)
	if owner == "" {
		return Post{}, ErrNotFound
	}
	return s.post(ctx, `owner = ?`, owner)
}

// Renew lets an open post live for so many hours from now (pet.renew).
// ErrNotFound, ErrChanged, the gate's.
func (s *Service) Renew(ctx context.Context, by gate.Caller, token string, hours int) (*gate.Grant, error) {
	p, err := s.held(ctx, token)
	if err != nil {
		return nil, err
	}
	g, err := s.Gate.Do(ctx, gate.Act{
		Action: "pet.renew", By: by, Role: identity.RoleResident, Objects: []string{p.ID},
		Public: map[string]string{"post": p.ID, "hours": strconv.Itoa(hours)},
		Facts:  map[string]any{"holds_capability": true, "state": string(p.State), "hours": int64(hours)},
	}, func(tx *sql.Tx, g *gate.Grant) error {
		return changed(tx.Exec(`UPDATE pet_post SET ends = ? WHERE id = ? AND state = ?`, db.Micros(g.At.Add(time.Duration(hours)*time.Hour)), p.ID, Open))
	})
	if err == nil {
		s.Changed()
	}
	return g, err
}

// Relink replaces the link of a post (pet.relink): from then on only the next one
// opens it, and sightings are sealed to that. A repeat is answered although the
// link it shows is no more. ErrNotFound, capability.ErrInput, ErrChanged, the gate's.
func (s *Service) Relink(ctx context.Context, by gate.Caller, token string, next capability.Next) (*gate.Grant, error) {
	holder, err := next.Holder(capability.Owner(token))
	if err != nil {
		return nil, err
	}
	p, err := s.held(ctx, token)
	if errors.Is(err, ErrNotFound) {
		if ended, err := s.spent.By(ctx, token, by.ActID); err != nil || !ended {
			return nil, cmp.Or(err, ErrNotFound)
		}
		return s.Gate.Granted(ctx, by.ActID)
	}
	if err != nil {
		return nil, err
	}
	g, err := s.Gate.Do(ctx, gate.Act{
		Action: "pet.relink", By: by, Role: identity.RoleResident, Objects: []string{p.ID},
		Public: map[string]string{"post": p.ID, "recipient": holder.Recipient},
		Facts:  map[string]any{"holds_capability": true},
	}, func(tx *sql.Tx, g *gate.Grant) error {
		return errors.Join(relink(tx, p, holder, next.Past, g.Index), s.spent.End(tx, p.owner, g.ActID, g.At))
	})
	if err == nil {
		s.Changed()
	}
	return g, err
}

// Close ends a post, as found or not (pet.close). ErrNotFound, ErrChanged, the gate's.
func (s *Service) Close(ctx context.Context, by gate.Caller, token string, found bool) (*gate.Grant, error) {
	p, err := s.held(ctx, token)
	if err != nil {
		return nil, err
	}
	to := Withdrawn
	if found {
		to = Found
	}
	return s.moved(ctx)(s.close(ctx, by, identity.RoleResident, p, to))
}

func (s *Service) close(ctx context.Context, by gate.Caller, role identity.Role, p Post, to State) (*gate.Grant, error) {
	return s.Gate.Do(ctx, gate.Act{
		Action: "pet.close", By: by, Role: role, Objects: []string{p.ID},
		Public: map[string]string{"post": p.ID, "outcome": string(to)},
		Facts:  map[string]any{"holds_capability": role == identity.RoleResident, "state": string(p.State), "over": !p.Ends.After(s.Now())},
	}, func(tx *sql.Tx, g *gate.Grant) error { return end(tx, p.ID, p.State, to, g.At) })
}

// Remove takes an open post away, with what was sent to its poster (pet.remove).
// ErrNotFound, ErrChanged, the gate's.
func (s *Service) Remove(ctx context.Context, by gate.Caller, id, reason string) (*gate.Grant, error) {
	p, err := s.post(ctx, `id = ?`, id)
	if err != nil {
		return nil, err
	}
	reason = strings.TrimSpace(reason)
	return s.moved(ctx)(s.Gate.Do(ctx, gate.Act{
		Action: "pet.remove", By: by, Role: identity.RoleModerator, Objects: []string{id},
		Public: map[string]string{"post": id}, Private: map[string]string{"reason": reason},
		Facts: map[string]any{"state": string(p.State), "reason_given": reason != ""},
	}, func(tx *sql.Tx, g *gate.Grant) error { return end(tx, id, Open, Removed, g.At) }))
}

// Report tells moderators that a post should not be there (pet.report). *Invalid,
// form.ErrSlow, ErrNotFound, the gate's.
func (s *Service) Report(ctx context.Context, by gate.Caller, token, id string, why Report) (*gate.Grant, error) {
	if !slices.Contains(Reports(), why) {
		return nil, &Invalid{"why", "is not in the list"}
	}
	p, err := s.post(ctx, `id = ? AND state = ?`, id, Open)
	if err != nil {
		return nil, err
	}
	if err := s.Telling.Take(token); err != nil {
		return nil, err
	}
	return s.Gate.Do(ctx, gate.Act{
		Action: "pet.report", By: by, Role: identity.RoleResident, Objects: []string{id},
		Public: map[string]string{"post": id, "why": string(why)}, Facts: map[string]any{"state": string(p.State)},
	}, func(tx *sql.Tx, _ *gate.Grant) error {
		if len(p.Reports) >= maxReports {
			return nil
		}
		return changed(tx.Exec(`UPDATE pet_post SET reports = reports || ' ' || ? WHERE id = ? AND state = ?`, string(why), id, Open))
	})
}

// Sent is a sighting as its sender's device sends it.
type Sent struct {
	Form      string // see Service.Telling
	Post      string
	OwnerHash []byte
	Recipient string
	Sealed    []byte // a Seen, sealed to the poster's recipient
}

// Sight tells a post's poster that somebody saw the animal (pet.sight). The
// sighting's id is the act's. Errors: capability.ErrInput, form.ErrSlow (nothing
// recorded), ErrNotFound, ErrFull, the gate's.
func (s *Service) Sight(ctx context.Context, by gate.Caller, t Sent) (*gate.Grant, error) {
	if err := capability.CheckSealed(t.Sealed, MaxSighting); err != nil {
		return nil, err
	}
	holder, err := capability.New(t.OwnerHash, t.Recipient)
	if err != nil {
		return nil, err
	}
	had, err := s.sightings(ctx, `id = ? AND owner = ?`, by.ActID, holder.Owner)
	if err != nil {
		return nil, err
	}
	state := Open
	if len(had) > 0 { // a repeat: the post may be over
		state = ""
	}
	p, err := s.post(ctx, `id = ? AND (state = ? OR ? = '')`, t.Post, state, state)
	if err != nil {
		return nil, err
	}
	if len(had) == 0 {
		if err := s.Telling.Take(t.Form); err != nil {
			return nil, err
		}
	}
	return s.Gate.Do(ctx, gate.Act{
		Action: "pet.sight", By: by, Role: identity.RoleResident, Objects: []string{p.ID, by.ActID},
		Public: map[string]string{"post": p.ID}, Facts: map[string]any{"state": string(p.State)},
	}, func(tx *sql.Tx, g *gate.Grant) error {
		if err := room(tx, maxSightings, `SELECT count(*) FROM pet_sighting WHERE post = ?`, p.ID); err != nil {
			return err
		}
		return changed(tx.Exec(`INSERT INTO pet_sighting (`+sightingColumns+`, owner) SELECT ?, id, ?, ?, ?, ?, ? FROM pet_post WHERE id = ? AND state = ?`,
			g.ActID, holder.Recipient, t.Sealed, db.Micros(g.At), int64(g.Index), holder.Owner, p.ID, Open))
	})
}

// Write sends a letter about a sighting, from the poster or from its sender,
// whoever's token it is (pet.write). ErrNotFound, capability.ErrInput, ErrFull,
// the gate's.
func (s *Service) Write(ctx context.Context, by gate.Caller, token, sighting string, sealed []byte) (*gate.Grant, error) {
	if err := capability.CheckSealed(sealed, MaxMessage); err != nil {
		return nil, err
	}
	owner := capability.Owner(token)
	if owner == "" {
		return nil, ErrNotFound
	}
	var post, sender, poster string
	err := s.DB.Read().QueryRowContext(ctx, `SELECT p.id, g.owner, p.owner FROM pet_sighting g JOIN pet_post p ON p.id = g.post WHERE g.id = ?`, sighting).Scan(&post, &sender, &poster)
	if errors.Is(err, sql.ErrNoRows) || err == nil && owner != sender && owner != poster {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("looking up a sighting: %w", err)
	}
	return s.Gate.Do(ctx, gate.Act{
		Action: "pet.write", By: by, Role: identity.RoleResident, Objects: []string{post, sighting},
		Public: map[string]string{"post": post}, Facts: map[string]any{"holds_capability": true},
	}, func(tx *sql.Tx, g *gate.Grant) error {
		if err := room(tx, maxMessages, `SELECT count(*) FROM pet_message WHERE sighting = ?`, sighting); err != nil {
			return err
		}
		return changed(tx.Exec(`INSERT INTO pet_message (id, sighting, from_poster, sealed, at, entry) SELECT ?, id, ?, ?, ?, ? FROM pet_sighting WHERE id = ?`,
			g.ActID, owner == poster, sealed, db.Micros(g.At), int64(g.Index), sighting))
	})
}

// Ran counts that a home looked for an animal on its own recordings. It says the
// post and nothing else; the count is recorded by Sweep. ErrNotFound, and
// form.ErrSlow when there are too many.
func (s *Service) Ran(ctx context.Context, id string) error {
	if _, err := s.post(ctx, `id = ? AND state = ?`, id, Open); err != nil {
		return err
	}
	if err := s.runs.Take(); err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`INSERT INTO pet_run (post, hour, homes) VALUES (?, ?, 1) ON CONFLICT (post, hour) DO UPDATE SET homes = pet_run.homes + 1`,
			id, db.Micros(s.Now().UTC().Truncate(time.Hour))); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE pet_post SET homes = homes + 1 WHERE id = ?`, id)
		return err
	})
}

// Open returns the published posts, newest first: the same for everybody.
func (s *Service) Open(ctx context.Context) ([]Post, error) {
	return s.posts(ctx, `state = ? AND ends > ? ORDER BY opened DESC, id DESC`, Open, db.Micros(s.Now()))
}

// Published returns one open post. ErrNotFound, also once it is over.
func (s *Service) Published(ctx context.Context, id string) (Post, error) {
	return s.post(ctx, `id = ? AND state = ? AND ends > ?`, id, Open, db.Micros(s.Now()))
}

// Shown returns a post to whoever may see its photos: an open one to everybody,
// one that waits to moderators. ErrNotFound.
func (s *Service) Shown(ctx context.Context, who identity.Principal, id string) (Post, error) {
	p, err := s.Published(ctx, id)
	if errors.Is(err, ErrNotFound) && moderates(who) {
		return s.post(ctx, `id = ? AND state = ?`, id, Waiting)
	}
	return p, err
}

func moderates(who identity.Principal) bool {
	return who.Has(identity.RoleModerator) || who.Has(identity.RoleAuditor)
}

// Queue returns what needs a moderator: posts that wait, oldest first, and open
// ones that somebody reported. ErrNotFound for who is none.
func (s *Service) Queue(ctx context.Context, who identity.Principal) ([]Post, error) {
	if !moderates(who) {
		return nil, ErrNotFound
	}
	return s.posts(ctx, `state = ? OR state = ? AND reports <> '' ORDER BY state DESC, posted, id`, Waiting, Open)
}

// Follow returns what the bearer of a post's link may know. ErrNotFound, also
// some days after its end.
func (s *Service) Follow(ctx context.Context, token string) (Followed, error) {
	p, err := s.held(ctx, token)
	if err != nil {
		return Followed{}, err
	}
	gs, err := s.sightings(ctx, `post = ?`, p.ID)
	return Followed{p, gs}, err
}

// FollowSighting returns what the bearer of a sighting's link may know: it, and
// the recipient of the post's poster. ErrNotFound.
func (s *Service) FollowSighting(ctx context.Context, token string) (g Sighting, recipient string, state State, err error) {
	owner := capability.Owner(token)
	if owner == "" {
		return g, "", "", ErrNotFound
	}
	if g, err = db.First(s.sightings(ctx, `owner = ?`, owner))(ErrNotFound); err != nil {
		return g, "", "", err
	}
	p, err := s.post(ctx, `id = ?`, g.Post)
	return g, p.Reader(), p.State, err
}

// Receipt proves one act on a post to the bearer of its link, with the time. ErrNotFound.
func (s *Service) Receipt(ctx context.Context, token string, entry uint64) (ledger.Receipt, error) {
	p, err := s.held(ctx, token)
	if err != nil {
		return ledger.Receipt{}, err
	}
	acts, err := s.Gate.History(ctx, p.ID)
	if err != nil {
		return ledger.Receipt{}, err
	}
	if !slices.ContainsFunc(acts, func(r gate.Record) bool { return r.Index == entry }) {
		return ledger.Receipt{}, ErrNotFound
	}
	return s.Gate.Receipt(ctx, entry, gate.PrivateAt)
}

// Sweep ends the posts whose time is over (pet.close), records how many homes
// looked in the hours that passed (pet.run), and forgets what is past keepAfter.
func (s *Service) Sweep(ctx context.Context) (n int, err error) {
	now := s.Now()
	due, err := s.posts(ctx, `state IN (?, ?) AND ends <= ? ORDER BY ends`, Waiting, Open, db.Micros(now))
	if err != nil {
		return 0, err
	}
	for _, p := range due {
		_, e := s.close(ctx, gate.Caller{Who: identity.System(), ActID: gate.NewActID()}, identity.RoleSystem, p, Expired)
		if errors.Is(e, ErrChanged) {
			continue // ended at the same moment
		}
		if e == nil {
			n++
		}
		err = errors.Join(err, e)
	}
	k, e := s.recordRuns(ctx, now)
	err = errors.Join(err, e, s.DB.Write(ctx, func(tx *sql.Tx) error {
		old, err := db.All(db.One[string])(tx.Query(`SELECT id FROM pet_post WHERE closed > 0 AND closed <= ?`, db.Micros(now.Add(-keepAfter))))
		if err != nil {
			return err
		}
		for _, id := range old {
			if err := eraseSightings(tx, id); err != nil {
				return err
			}
			if _, err := tx.Exec(`DELETE FROM pet_post WHERE id = ?`, id); err != nil {
				return err
			}
		}
		n += len(old)
		return nil
	}))
	if n > 0 {
		s.tell(ctx)
	}
	return n + k, err
}

// recordRuns records the hours that are over: a number of homes, of few only
// that they were few.
func (s *Service) recordRuns(ctx context.Context, now time.Time) (n int, err error) {
	type run struct {
		post  string
		hour  time.Time
		homes int
	}
	runs, err := db.All(func(row db.Row) (r run, err error) { return r, row.Scan(&r.post, db.Into(&r.hour), &r.homes) })(
		s.DB.Read().QueryContext(ctx, `SELECT post, hour, homes FROM pet_run WHERE hour < ? ORDER BY hour, post`, db.Micros(now.UTC().Truncate(time.Hour))))
	if err != nil {
		return 0, fmt.Errorf("reading runs: %w", err)
	}
	for _, r := range runs {
		homes := strconv.Itoa(r.homes)
		if r.homes < fewestCounted {
			homes = "1-4"
		}
		_, e := s.Gate.Do(ctx, gate.Act{
			Action: "pet.run", By: gate.Caller{Who: identity.System(), ActID: gate.NewActID()}, Role: identity.RoleSystem,
			Public: map[string]string{"post": r.post, "in": r.hour.Format(time.RFC3339), "homes": homes}, Facts: map[string]any{},
		}, func(tx *sql.Tx, _ *gate.Grant) error {
			return changed(tx.Exec(`DELETE FROM pet_run WHERE post = ? AND hour = ?`, r.post, db.Micros(r.hour)))
		})
		if e == nil {
			n++
		}
		err = errors.Join(err, e)
	}
	return n, err
}
