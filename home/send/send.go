// Package send is how a household shares: a draft of clips cut from its own
// footage, trimmed, muted, faces and plates covered, previewed as the very file
// that will be sent, and then sealed to the agency that asked and followed.
//
// Until Share nothing leaves the house, and nobody outside learns that a draft
// was made. What is sent is the file that was previewed, byte for byte: Share
// takes its hash. Films of drafts are copies in a folder of their own; they are
// removed when they were sent or thrown away, and a draft nobody touches ends
// after days.
//
// No film is looked at for who is in it: this package knows nothing of Familiar
// Faces, and what goes out carries no names but those its owner wrote.
package send

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"time"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/home"
	"porchlight/home/ask"
	"porchlight/home/outbox"
	"porchlight/home/record"
	"porchlight/internal/wake"
	"porchlight/share/client"
	"porchlight/video"
	"porchlight/vision/cover"
	"porchlight/web/i18n"
)

// State is where a draft stands.
type State string

const (
	Open    State = "draft"   // in the making; nothing went out
	Sending State = "sending" // on its way, also after a restart
	Stuck   State = "stuck"   // was refused for good; Trouble says why
	Sent    State = "sent"    // all of it is with the agency
)

// Draft is an answer to one request, from its first clip to the end of its
// follow-up.
type Draft struct {
	ID       string          `json:"id"` // ULID
	Asked    client.Asked    `json:"asked"`
	State    State           `json:"state"`
	Made     time.Time       `json:"made"`
	Changed  time.Time       `json:"changed"`
	Language i18n.Lang       `json:"language"` // of the consent
	Identity client.Identity `json:"identity"`
	Message  string          `json:"message"`
	Clips    []Clip          `json:"clips"`
	Trouble  string          `json:"trouble"` // of the last try to send, English; "" none

	Answer *client.Answer   `json:"answer,omitempty"` // once shared; its secret stays in the house
	Tries  int              `json:"tries"`
	Due    time.Time        `json:"due"`            // of the next try to send, or look at what became of it
	News   *client.Followed `json:"news,omitempty"` // as last asked
	Doubts []uint64         `json:"doubts"`         // entries that the ledger does not prove
}

// Clip is one film of a draft.
type Clip struct {
	ID     string    `json:"id"`
	Camera string    `json:"camera"`
	Name   string    `json:"name"` // of the camera
	Span   home.Span `json:"span"` // what the film shows

	Seconds float64 `json:"seconds"` // of the film
	Width   int     `json:"width"`
	Height  int     `json:"height"`
	Sound   bool    `json:"sound"`

	Edits   Edits    `json:"edits"`
	Preview *Preview `json:"preview"` // of exactly these edits; nil: to be made
}

// Edits are what is done to a film, in the app's form (lib/media/types.ts):
// seconds from the film's start, boxes in fractions of the picture.
type Edits struct {
	Start  float64       `json:"start"`
	End    float64       `json:"end"` // 0: the film's
	Mute   bool          `json:"mute"`
	Blur   []cover.Track `json:"blur"`
	Looked *Looked       `json:"looked,omitempty"`
}

// Looked is the part that was looked through, and for what.
type Looked struct {
	Start  float64 `json:"start"`
	End    float64 `json:"end"`
	Faces  bool    `json:"faces"`
	Plates bool    `json:"plates"`
}

// Preview is the file that would be sent.
type Preview struct {
	SHA256  string  `json:"sha256"` // lower-case hex
	Size    int64   `json:"size"`
	Seconds float64 `json:"seconds"`
	Encoded bool    `json:"encoded"` // the picture was encoded anew, to cover something
	Sound   bool    `json:"sound"`
}

// Requests is what this package needs of home/ask.
type Requests interface {
	Request(ctx context.Context, id string) (ask.Matched, error)
	Answered(ctx context.Context, id string) error
}

// Footage is what this package needs of home/record.
type Footage interface {
	Segments(ctx context.Context, span home.Span) ([]record.File, error)
}

// News is what the household is told of an answer.
type News struct {
	Key    string // the same news has the same key
	Kind   string // sent, unsent, custody, message
	Draft  string
	Agency string // name
}

// Options join the room to its neighbors. All but Finders, Tell, Changed, Now and
// Logger are needed.
type Options struct {
	DB       *db.DB
	Dir      string // of films; made if absent, and nothing else may lie there
	Exchange *client.Exchange
	Requests Requests
	Footage  Footage
	Cameras  func(context.Context) ([]home.Camera, error)
	// Finders are the networks that find faces and plates, loaded when they are
	// first needed; nil: people draw boxes themselves.
	Finders func() (cover.Finders, error)

	Tell    func(context.Context, News) error // tells the household
	Changed func()                            // called after a draft changed
	Now     func() time.Time
	Logger  *slog.Logger
}

// Service keeps drafts and sends them. Safe for concurrent use.
type Service struct {
	Options
	mu      sync.Mutex // held for each change of a draft, never while something is made
	sending map[string]*sending
	wake    wake.Bell
	acts    *outbox.Outbox // what was decided about sent answers
}

// sending is a draft that goes out just now.
type sending struct {
	stop     context.CancelFunc
	done     chan struct{}
	progress client.Progress
}

var (
	// ErrNotFound: there is no such draft or clip.
	ErrNotFound = errors.New("send: no such draft or clip")
	// ErrState: not possible as the draft stands; the message says why.
	ErrState = errors.New("send: not possible now")
	// ErrFootage: the footage asked for is not there, or has a gap.
	ErrFootage = errors.New("send: there is no footage without a gap at that time")
	// ErrEdits: the edits are none.
	ErrEdits = errors.New("send: these edits cannot be made")
	// ErrChanged: somebody changed the clip meanwhile; look again.
	ErrChanged = errors.New("send: the clip was changed at the same moment; look at it again")
)

const (
	abandoned = 7 * 24 * time.Hour // a draft nobody touched
	maxClip   = time.Hour
	maxClips  = 50 // of one answer
	padding   = 5 * time.Second
	maxOffer  = 8 // clips that a new draft begins with
	maxGap    = time.Second
)

// Start opens the room's tables and clears away films that no draft needs.
func Start(ctx context.Context, o Options) (*Service, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Changed == nil {
		o.Changed = func() {}
	}
	if o.Tell == nil {
		o.Tell = func(context.Context, News) error { return nil }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := o.DB.Migrate(ctx, "home.send", migrations); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	s := &Service{Options: o, sending: map[string]*sending{}, wake: wake.NewBell()}
	var err error
	if s.acts, err = outbox.Open(ctx, outbox.Options{DB: o.DB, Exchange: o.Exchange, Room: "send", Secret: s.secret, Now: o.Now, Logger: o.Logger,
		Over: func(*sql.Tx, outbox.Act, string, *client.Problem) error { return nil }}); err != nil {
		return nil, err
	}
	return s, s.tidy(ctx)
}

// tidy removes films of drafts that are no more, or sent.
func (s *Service) tidy(ctx context.Context) error {
	all, err := s.load(ctx, "")
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !slices.ContainsFunc(all, func(d Draft) bool { return d.ID == e.Name() && d.State != Sent }) {
			if err := os.RemoveAll(filepath.Join(s.Dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) film(draft, clip string) string {
	return filepath.Join(s.Dir, draft, clip+".film.mp4")
}

func (s *Service) preview(draft, clip string) string {
	return filepath.Join(s.Dir, draft, clip+".mp4")
}

// New begins a draft with the moments that the request's match offers, or returns
// the one that was begun before. Nothing goes out. ask.ErrNotFound, ask.ErrOver.
func (s *Service) New(ctx context.Context, request string, lang i18n.Lang) (Draft, error) {
	m, err := s.Requests.Request(ctx, request)
	if err != nil {
		return Draft{}, err
	}
	if !m.Open {
		return Draft{}, ask.ErrOver
	}
	all, err := s.load(ctx, "")
	if err != nil {
		return Draft{}, err
	}
	for _, d := range all {
		if d.Asked.Content.ID == request && d.State == Open {
			return d, nil
		}
	}
	if _, ok := i18n.Parse(string(lang)); !ok {
		lang = i18n.Languages[0]
	}
	now := s.Now().UTC()
	d := Draft{ID: gate.NewActID(), Asked: m.Asked, State: Open, Made: now, Changed: now, Language: lang,
		Identity: client.Identity{Disclosure: client.ThroughPorchlight}, Clips: []Clip{}}
	if err := os.MkdirAll(filepath.Join(s.Dir, d.ID), 0o700); err != nil {
		return Draft{}, err
	}
	for _, span := range offers(m) {
		clips, err := s.cut(ctx, d.ID, span)
		if errors.Is(err, ErrFootage) || errors.Is(err, video.ErrNothing) {
			continue // the ring was quicker, or it is too short to be cut
		}
		if err != nil {
			return Draft{}, errors.Join(err, os.RemoveAll(filepath.Join(s.Dir, d.ID)))
		}
		d.Clips = append(d.Clips, clips...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return d, s.save(ctx, d)
}

// offers are the moments of a match with some seconds around them, those that
// touch made one, within the footage there is.
func offers(m ask.Matched) (out []home.Span) {
	for _, o := range m.Moments {
		for _, p := range m.Spans {
			if p.Camera != o.Camera || !o.From.Before(p.To) || !o.To.After(p.From) {
				continue
			}
			want := home.Span{Camera: o.Camera, From: o.From.Add(-padding), To: o.To.Add(padding)}
			if want.From.Before(p.From) {
				want.From = p.From
			}
			if want.To.After(p.To) {
				want.To = p.To
			}
			i := slices.IndexFunc(out, func(q home.Span) bool {
				return q.Camera == want.Camera && !want.From.After(q.To) && want.To.Sub(q.From) <= maxClip
			})
			if i >= 0 {
				if want.To.After(out[i].To) {
					out[i].To = want.To
				}
			} else if len(out) < maxOffer {
				out = append(out, want)
			}
		}
	}
	return out
}

// cut copies a span of footage into the draft's folder: as one clip, or as one for
// each way that the camera was set meanwhile.
func (s *Service) cut(ctx context.Context, draft string, span home.Span) ([]Clip, error) {
	if d := span.To.Sub(span.From); d <= 0 || d > maxClip {
		return nil, fmt.Errorf("%w: a clip lasts an hour at most", ErrFootage)
	}
	files, err := s.Footage.Segments(ctx, span)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, ErrFootage
	}
	paths := make([]string, len(files))
	for i, f := range files {
		paths[i] = f.Path
		if i > 0 && f.Begin.Sub(files[i-1].Begin.Add(files[i-1].Length)) > maxGap {
			return nil, ErrFootage
		}
	}
	name := span.Camera
	cameras, err := s.Cameras(ctx)
	if err != nil {
		return nil, err
	}
	for _, k := range cameras {
		if k.ID == span.Camera {
			name = k.Name
		}
	}
	runs, err := video.Runs(ctx, paths)
	if err != nil {
		return nil, err
	}
	begin := record.Offset(files, span.From)
	end := record.Offset(files, span.To)
	var clips []Clip
	for _, run := range runs {
		from, to := max(begin, run.From), min(end, run.To)
		if from >= to {
			continue
		}
		c := Clip{ID: gate.NewActID(), Camera: span.Camera, Name: name}
		out := s.film(draft, c.ID)
		made, err := video.Cut(ctx, paths, from, to, out, video.CutOptions{})
		var info video.Info
		if err == nil {
			info, err = video.Probe(ctx, video.Source(out))
		}
		if errors.Is(err, video.ErrNothing) && len(runs) > 1 {
			continue // too short a rest beside the others
		}
		if err != nil {
			return nil, errors.Join(err, s.erase(draft, clips))
		}
		c.Span = home.Span{Camera: span.Camera, From: span.From.Add(made.From - begin)} // where a picture began that needs no other
		c.Span.To = c.Span.From.Add(made.Duration)
		c.Seconds, c.Width, c.Height, c.Sound = info.Duration.Seconds(), info.W, info.H, made.Sound
		clips = append(clips, c)
	}
	if len(clips) == 0 {
		return nil, video.ErrNothing
	}
	return clips, nil
}

// erase removes the films of clips that no draft holds.
func (s *Service) erase(draft string, clips []Clip) (err error) {
	for _, c := range clips {
		err = errors.Join(err, os.RemoveAll(s.film(draft, c.ID)))
	}
	return err
}

// change changes a draft in the making. It is called with the draft as it is now.
func (s *Service) change(ctx context.Context, id string, f func(*Draft) error) (Draft, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.one(ctx, id)
	if err != nil {
		return Draft{}, err
	}
	if d.State != Open {
		return Draft{}, fmt.Errorf("%w: it was shared", ErrState)
	}
	if err := f(&d); err != nil {
		return Draft{}, err
	}
	d.Changed = s.Now().UTC()
	return d, s.save(ctx, d)
}

func (d *Draft) clip(id string) (*Clip, error) {
	i := slices.IndexFunc(d.Clips, func(c Clip) bool { return c.ID == id })
	if i < 0 {
		return nil, ErrNotFound
	}
	return &d.Clips[i], nil
}

// Drafts are all drafts and answers of the house, newest first.
func (s *Service) Drafts(ctx context.Context) ([]Draft, error) {
	all, err := s.load(ctx, "")
	slices.Reverse(all)
	return all, err
}

// Draft is one of them. ErrNotFound.
func (s *Service) Draft(ctx context.Context, id string) (Draft, error) { return s.one(ctx, id) }

// AddClip adds a span of footage, whether or not anything was seen in it; as two
// clips, where the camera was set otherwise meanwhile. ErrNotFound, ErrState, ErrFootage.
func (s *Service) AddClip(ctx context.Context, id string, span home.Span) (Draft, error) {
	if _, err := s.change(ctx, id, func(d *Draft) error {
		if len(d.Clips) >= maxClips {
			return fmt.Errorf("%w: an answer holds %d clips at most", ErrState, maxClips)
		}
		return nil
	}); err != nil {
		return Draft{}, err
	}
	clips, err := s.cut(ctx, id, span)
	if err != nil {
		return Draft{}, err
	}
	d, err := s.change(ctx, id, func(d *Draft) error { d.Clips = append(d.Clips, clips...); return nil })
	if err != nil {
		return d, errors.Join(err, s.erase(id, clips))
	}
	return d, nil
}

// RemoveClip takes a clip out, and removes its films. ErrNotFound, ErrState.
func (s *Service) RemoveClip(ctx context.Context, id, clip string) (Draft, error) {
	d, err := s.change(ctx, id, func(d *Draft) error {
		c, err := d.clip(clip)
		if err == nil {
			d.Clips = slices.DeleteFunc(d.Clips, func(x Clip) bool { return x.ID == c.ID })
		}
		return err
	})
	if err != nil {
		return d, err
	}
	return d, errors.Join(os.RemoveAll(s.film(id, clip)), os.RemoveAll(s.preview(id, clip)))
}

// Film is the file that a clip's edits are about, for the editor. ErrNotFound.
func (s *Service) Film(ctx context.Context, id, clip string) (path string, err error) {
	d, err := s.one(ctx, id)
	if err != nil {
		return "", err
	}
	if _, err := d.clip(clip); err != nil {
		return "", err
	}
	if d.State == Sent {
		return "", fmt.Errorf("%w: it was sent, and its copy here removed", ErrState)
	}
	return s.film(id, clip), nil
}

// SetEdits says what is to be done to a film; a preview made before is removed.
// ErrNotFound, ErrState, ErrEdits.
func (s *Service) SetEdits(ctx context.Context, id, clip string, e Edits) (Draft, error) {
	return s.change(ctx, id, func(d *Draft) error {
		c, err := d.clip(clip)
		if err != nil {
			return err
		}
		if err := e.check(c.Seconds); err != nil {
			return err
		}
		if !reflect.DeepEqual(e, c.Edits) {
			c.Edits, c.Preview = e, nil
			return os.RemoveAll(s.preview(id, clip))
		}
		return nil
	})
}

// check reports whether edits can be made to a film of so many seconds.
func (e Edits) check(seconds float64) error {
	end := e.End
	if end == 0 {
		end = seconds
	}
	if !(e.Start >= 0 && e.Start < end && end <= seconds+0.5) {
		return fmt.Errorf("%w: the part that is kept must lie in the film", ErrEdits)
	}
	if len(e.Blur) > 10_000 {
		return fmt.Errorf("%w: there are too many boxes", ErrEdits)
	}
	for _, t := range e.Blur {
		if err := valid(t); err != nil {
			return fmt.Errorf("%w: %w", ErrEdits, err)
		}
	}
	return nil
}

// part is what of the film is kept.
func (c Clip) part() (from, to time.Duration) {
	end := c.Edits.End
	if end == 0 || end > c.Seconds {
		end = c.Seconds
	}
	return seconds(c.Edits.Start), seconds(end)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// What is looked for.
type What struct {
	Faces  bool `json:"faces"`
	Plates bool `json:"plates"`
}

// Find looks through the kept part of a clip for faces and plates. What an
// earlier look found is replaced; what people drew stays. ErrNotFound, ErrState,
// ErrChanged.
func (s *Service) Find(ctx context.Context, id, clip string, what What, progress func(float64)) (Draft, error) {
	before, err := s.look(ctx, id, clip)
	if err != nil {
		return Draft{}, err
	}
	if s.Finders == nil {
		return Draft{}, fmt.Errorf("%w: the networks that find faces and plates are not set up", ErrState)
	}
	with, err := s.Finders()
	if err != nil {
		return Draft{}, err
	}
	if !what.Faces {
		with.Faces = nil
	}
	if !what.Plates {
		with.Plates = nil
	}
	from, to := before.part()
	found, err := cover.Find(ctx, s.film(id, clip), with, cover.FindOptions{From: from, To: to, Progress: progress})
	if err != nil {
		return Draft{}, err
	}
	return s.change(ctx, id, func(d *Draft) error {
		c, err := d.clip(clip)
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(c.Edits, before.Edits) {
			return ErrChanged
		}
		kept := slices.DeleteFunc(slices.Clone(c.Edits.Blur), func(t cover.Track) bool { return t.Kind != cover.Manual })
		c.Edits.Blur = append(kept, found...)
		c.Edits.Looked = &Looked{from.Seconds(), to.Seconds(), what.Faces, what.Plates}
		c.Preview = nil
		return os.RemoveAll(s.preview(id, clip))
	})
}

// Review are the moments of a clip to look at before it is shared, the least
// certain first.
func (c Clip) Review() []cover.Review { return cover.Unsure(c.Edits.Blur) }

// look returns a clip of a draft in the making.
func (s *Service) look(ctx context.Context, id, clip string) (Clip, error) {
	d, err := s.one(ctx, id)
	if err != nil {
		return Clip{}, err
	}
	c, err := d.clip(clip)
	if err != nil {
		return Clip{}, err
	}
	if d.State != Open {
		return Clip{}, fmt.Errorf("%w: it was shared", ErrState)
	}
	return *c, nil
}

// Prepare makes the preview of a clip: the file that would be sent. Without boxes
// the picture is copied, not encoded. ErrNotFound, ErrState, ErrChanged,
// video.ErrNothing (no picture begins in the part that is kept).
func (s *Service) Prepare(ctx context.Context, id, clip string, progress func(float64)) (Draft, error) {
	before, err := s.look(ctx, id, clip)
	if err != nil {
		return Draft{}, err
	}
	from, to := before.part()
	film, tmp := s.film(id, clip), filepath.Join(s.Dir, id, gate.NewActID()+".mp4")
	defer os.RemoveAll(tmp)
	var made video.Made
	switch {
	case len(before.Edits.Blur) == 0:
		made, err = video.Cut(ctx, []string{film}, from, to, tmp, video.CutOptions{Mute: before.Edits.Mute})
	default:
		made, err = cover.Render(ctx, film, tmp, before.Edits.Blur, cover.RenderOptions{From: from, To: to, Mute: before.Edits.Mute, Progress: progress})
	}
	if err != nil {
		return Draft{}, err
	}
	p := Preview{Seconds: made.Duration.Seconds(), Encoded: made.Encoded, Sound: made.Sound}
	if p.SHA256, p.Size, err = sum(tmp); err != nil {
		return Draft{}, err
	}
	return s.change(ctx, id, func(d *Draft) error {
		c, err := d.clip(clip)
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(c.Edits, before.Edits) {
			return ErrChanged
		}
		c.Preview = &p
		return os.Rename(tmp, s.preview(id, clip))
	})
}

// sum is the SHA-256 of a file and its size.
func sum(path string) (hash string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	size, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), size, err
}

// Preview is the file of a clip's preview. ErrNotFound when there is none.
func (s *Service) Preview(ctx context.Context, id, clip string) (path string, err error) {
	c, err := s.look(ctx, id, clip)
	if err != nil {
		return "", err
	}
	if c.Preview == nil {
		return "", ErrNotFound
	}
	return s.preview(id, clip), nil
}

// Describe says how the household wants to be known, what it writes, and in
// which language it reads the consent. ErrNotFound, ErrState.
func (s *Service) Describe(ctx context.Context, id string, who client.Identity, message string, lang i18n.Lang) (Draft, error) {
	if len(message) > 10_000 {
		return Draft{}, client.ErrTooLong
	}
	return s.change(ctx, id, func(d *Draft) error {
		d.Identity, d.Message, d.Language = who, message, lang
		_, err := d.answer() // checks them
		return err
	})
}

// Consent is what the household agrees to by Share when it is known to the agency
// in a way, one sentence a line.
func (d Draft) Consent(by client.Disclosure) []string {
	return client.ConsentText(d.Language, d.Asked.AgencyName, by, len(d.Clips))
}

// answer makes the answer of a draft, without its films.
func (d *Draft) answer() (*client.Answer, error) {
	a := client.NewAnswer(d.Asked)
	a.Message = d.Message
	zone, err := time.LoadLocation(d.Asked.Content.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	for _, c := range d.Clips {
		from, to := c.part()
		e := client.Edits{Muted: c.Edits.Mute && c.Sound, Blurred: len(c.Edits.Blur) > 0}
		if c.Edits.Start > 0 || to < seconds(c.Seconds) {
			e.Trimmed = &client.Trim{Start: from.Seconds(), End: to.Seconds()}
		}
		var length float64
		if c.Preview != nil {
			length = c.Preview.Seconds
		}
		name := fmt.Sprintf("%s, %s.mp4", c.Name, c.Span.From.Add(from).In(zone).Format("2006-01-02 15.04.05"))
		a.Add("", name, length, e)
	}
	if len(d.Clips) == 0 {
		return a, nil
	}
	if err := a.Agree(d.Language, d.Identity); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	return a, nil
}

// Share sends a draft: the household agreed to Consent, and saw previews of these
// hashes, by clip. It returns at once; Run sends, also after a restart.
// ErrNotFound, ErrState, ErrChanged (a preview is another by now).
func (s *Service) Share(ctx context.Context, id string, seen map[string]string) (Draft, error) {
	d, err := s.change(ctx, id, func(d *Draft) error {
		if len(d.Clips) == 0 {
			return fmt.Errorf("%w: it holds no clip", ErrState)
		}
		for _, c := range d.Clips {
			if c.Preview == nil {
				return fmt.Errorf("%w: there are clips nobody has previewed", ErrState)
			}
			now, _, err := sum(s.preview(id, c.ID))
			if err != nil {
				return fmt.Errorf("%w: a preview is gone: %w", ErrState, err)
			}
			if now != c.Preview.SHA256 || seen[c.ID] != now {
				return ErrChanged
			}
		}
		a, err := d.answer()
		if err != nil {
			return err
		}
		for i, c := range d.Clips {
			a.Clips[i].File, a.Clips[i].SHA256 = s.preview(id, c.ID), c.Preview.SHA256
		}
		d.Answer, d.State, d.Due, d.Tries, d.Trouble = a, Sending, s.Now().UTC(), 0, ""
		return nil
	})
	if err == nil {
		s.wake.Ring()
	}
	return d, err
}

// Discard throws a draft away, with its films; one that is on its way is stopped.
// Clips that the agency has already stay an answer, to be followed and withdrawn.
// ErrNotFound; ErrState when it was sent.
func (s *Service) Discard(ctx context.Context, id string) error {
	s.mu.Lock()
	running := s.sending[id]
	s.mu.Unlock()
	if running != nil {
		running.stop()
		<-running.done
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.one(ctx, id)
	if err != nil {
		return err
	}
	if d.State == Sent {
		return fmt.Errorf("%w: it was sent; each clip can be withdrawn", ErrState)
	}
	if err := os.RemoveAll(filepath.Join(s.Dir, id)); err != nil {
		return err
	}
	if d.Answer != nil {
		d.Answer.Clips = slices.DeleteFunc(d.Answer.Clips, func(c *client.Clip) bool { return c.Receipt == "" })
		if len(d.Answer.Clips) > 0 {
			d.State, d.Trouble, d.Due = Sent, "", s.Now().UTC()
			return s.save(ctx, d)
		}
	}
	return s.drop(ctx, id)
}
