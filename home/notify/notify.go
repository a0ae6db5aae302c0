// Package notify tells the people of the house what happened: on their paired
// phones (web push), by e-mail over their own relay, and through a webhook of Home
// Assistant. Each way is off until somebody sets it up.
//
// A notice says no more than it must. A phone's is encrypted to the phone and
// padded to one size, so that the push service learns no more than that there was
// one; a mail, which many can read on its way, says only what kind of thing
// happened; the webhook stays on the network of the house and may say it all.
// That a notice leaves the house can be seen by whoever watches its line: one
// about a request of the exchange therefore leaves at a random moment, see
// Notice.Spread.
package notify

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"time"

	"porchlight/db"
	"porchlight/internal/push"
	"porchlight/internal/smtp"
	"porchlight/internal/wake"
	"porchlight/web/i18n"
)

// Topic is what a notice is about. Its words are the messages
// home.notice.<topic>.title and .body; with plural forms, N chooses.
type Topic string

const (
	Request Topic = "request" // an agency asks: agency, cameras; N clips
	Person  Topic = "person"  // a Familiar Face: name, camera, time
	Pet     Topic = "pet"     // a candidate for a lost pet: camera
	Camera  Topic = "camera"  // does not record: camera
	Storage Topic = "storage" // runs out
	Sent    Topic = "sent"    // an answer arrived: agency
	Unsent  Topic = "unsent"  // it did not: agency
	Custody Topic = "custody" // something was done with a clip: agency
	Message Topic = "message" // an agency wrote: agency
	Test    Topic = "test"    //
)

// Topics lists all that can be muted.
func Topics() []Topic {
	return []Topic{Request, Person, Pet, Camera, Storage, Sent, Unsent, Custody, Message}
}

// Notice is one thing to tell.
type Notice struct {
	Key    string            // the same key is told once, e.g. "request/<id>"
	Topic  Topic             //
	Args   map[string]string // fill the message's placeholders
	N      int               // for plural forms
	Page   string            // of the house, e.g. "/requests/<id>"
	Urgent bool              // wakes a sleeping phone
	// Spread holds a notice back for a random time up to this, so that it does not
	// tell a watcher what the house found just then.
	Spread time.Duration
}

// Settings are what the household chose. Zero: nothing is sent but to phones that
// asked for it.
type Settings struct {
	Language i18n.Lang `json:"language"` // default English; phones have their own
	Muted    []Topic   `json:"muted"`
	Mail     *Mail     `json:"mail"`    // nil: off
	Webhook  string    `json:"webhook"` // of Home Assistant, http://homeassistant.local:8123/api/webhook/<id>; "" off
}

// Mail is how mails are sent.
type Mail struct {
	To    []string   `json:"to"`
	Relay smtp.Relay `json:"relay"` // Password is written and never read back
}

// Way is how a notice went: "phone", "mail" or "webhook".
type Way string

const (
	ByPhone   Way = "phone"
	ByMail    Way = "mail"
	ByWebhook Way = "webhook"
)

// Phone is a paired phone that takes notices.
type Phone struct {
	Device   string // id of home/devices
	Language i18n.Lang
	Browser  push.Browser
}

// Told is how a notice fared one way, for the page that shows it.
type Told struct {
	Topic  Topic     `json:"topic"`
	Title  string    `json:"title"` // in the household's language
	Way    Way       `json:"way"`
	To     string    `json:"to"` // device of a phone, or address of a mail
	Made   time.Time `json:"made"`
	Sent   time.Time `json:"sent"`   // zero: not yet
	Failed bool      `json:"failed"` // given up
	Error  string    `json:"error"`  // of the last try; "" none
}

// Options of a Service. DB is needed.
type Options struct {
	DB      *db.DB
	Address func() string // of the house's pages, for mails: http://192.168.1.10:8090; nil: none
	// Contact is told to push services: mailto: or https:. The default is nobody's,
	// so that it names no household.
	Contact string
	Local   bool // push services may be on this network: for tests
	Now     func() time.Time
	Logger  *slog.Logger
}

// Service tells. Safe for concurrent use.
type Service struct {
	Options
	push *push.Sender
	http *http.Client
	wake wake.Bell
}

var (
	// ErrSettings: the settings cannot be used; the message says why.
	ErrSettings = errors.New("these settings cannot be used")
	// ErrOff: this way is not set up.
	ErrOff = errors.New("this way to be told is not set up")
)

// pauses before the next tries of a notice; then it is given up and shown so.
var pauses = []time.Duration{time.Minute, 5 * time.Minute, 20 * time.Minute, time.Hour, 3 * time.Hour}

const (
	keepPush = 12 * time.Hour      // a push service may hold a notice for a phone that is off
	keepTold = 30 * 24 * time.Hour // then a notice is forgotten
)

// Open opens the room's tables, and makes the house's VAPID key the first time.
func Open(ctx context.Context, o Options) (*Service, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Address == nil {
		o.Address = func() string { return "" }
	}
	o.Contact = cmp.Or(o.Contact, "mailto:porchlight-home@example.org")
	if err := o.DB.Migrate(ctx, "home.notify", migrations); err != nil {
		return nil, err
	}
	keys, err := houseKeys(ctx, o.DB)
	if err != nil {
		return nil, fmt.Errorf("the key for phones: %w", err)
	}
	return &Service{Options: o, push: push.NewSender(keys, o.Contact, o.Local), wake: wake.NewBell(), http: &http.Client{
		Timeout:       20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Key is the house's VAPID public key, base64url: what a phone subscribes with.
func (s *Service) Key() string { return s.push.Keys.Public }

// Subscribe sends notices to a paired phone from now on, in its language.
// push.ErrBrowser.
func (s *Service) Subscribe(ctx context.Context, p Phone) error {
	if err := s.push.Check(p.Browser); err != nil {
		return err
	}
	if _, ok := i18n.Parse(string(p.Language)); !ok {
		p.Language = i18n.Languages[0]
	}
	return s.DB.Write(ctx, func(tx *sql.Tx) error { return putPhone(tx, p) })
}

// Unsubscribe forgets a phone; also when the device is removed.
func (s *Service) Unsubscribe(ctx context.Context, device string) error {
	return s.DB.Write(ctx, func(tx *sql.Tx) error { return dropPhone(tx, device) })
}

// Phones are the devices that take notices, by id.
func (s *Service) Phones(ctx context.Context) ([]string, error) {
	all, err := s.phones(ctx)
	ids := make([]string, len(all))
	for i, p := range all {
		ids[i] = p.Device
	}
	return ids, err
}

// Settings are the household's. The relay's password is left out.
func (s *Service) Settings(ctx context.Context) (Settings, error) {
	set, err := s.settings(ctx)
	if set.Mail != nil {
		set.Mail.Relay.Password = ""
	}
	return set, err
}

// SetSettings changes them. An empty password keeps the one there is, as long as
// host and user are the same. ErrSettings.
func (s *Service) SetSettings(ctx context.Context, set Settings) error {
	bad := func(why string) error { return fmt.Errorf("%w: %s", ErrSettings, why) }
	if _, ok := i18n.Parse(string(set.Language)); !ok && set.Language != "" {
		return bad("the language is not one we speak")
	}
	for _, m := range set.Muted {
		if !slices.Contains(Topics(), m) {
			return bad("there is no such topic")
		}
	}
	if set.Webhook != "" {
		u, err := url.Parse(set.Webhook)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || len(set.Webhook) > 1000 {
			return bad("the webhook is not an http address")
		}
	}
	if set.Mail != nil {
		m := new(Mail)
		*m = *set.Mail // the caller's stays as it is
		set.Mail = m
		if m.Relay.Host == "" || len(m.To) == 0 || len(m.To) > 10 {
			return bad("mail needs a relay and one to ten addresses")
		}
		for _, a := range append(slices.Clone(m.To), m.Relay.From) {
			if p, err := mail.ParseAddress(a); err != nil || p.Address != a {
				return bad("an e-mail address is not one")
			}
		}
		if !slices.Contains([]string{"", "starttls", "tls", "none"}, m.Relay.TLS) {
			return bad("tls is starttls, tls or none")
		}
		old, err := s.settings(ctx)
		if err != nil {
			return err
		}
		if o := old.Mail; m.Relay.Password == "" && o != nil && o.Relay.Host == m.Relay.Host && o.Relay.User == m.Relay.User {
			m.Relay.Password = o.Relay.Password
		}
	}
	return s.save(ctx, set)
}

// Tell has the household told, once for each key, by each way that is set up now.
// It returns when that is noted for good; Run sends.
func (s *Service) Tell(ctx context.Context, n Notice) error {
	set, err := s.settings(ctx)
	if err != nil {
		return err
	}
	if slices.Contains(set.Muted, n.Topic) {
		return nil
	}
	now := s.Now()
	due := now
	if n.Spread > 0 {
		due = due.Add(rand.N(n.Spread))
	}
	ways, err := s.ways(ctx, set)
	if err != nil {
		return err
	}
	if err := s.DB.Write(ctx, func(tx *sql.Tx) error { return enqueue(tx, n, ways, now, due) }); err != nil {
		return fmt.Errorf("noting a notice: %w", err)
	}
	s.wake.Ring()
	return nil
}

// way is one address of a notice.
type way struct {
	Way
	to string // device of a phone, or address of a mail
}

func (s *Service) ways(ctx context.Context, set Settings) (out []way, err error) {
	phones, err := s.phones(ctx)
	for _, p := range phones {
		out = append(out, way{ByPhone, p.Device})
	}
	if set.Mail != nil {
		for _, to := range set.Mail.To {
			out = append(out, way{ByMail, to})
		}
	}
	if set.Webhook != "" {
		out = append(out, way{ByWebhook, ""})
	}
	return out, err
}

// Run sends what is due until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	return wake.Loop(ctx, s.wake, s.Now, s.Send, func(err error) { s.Logger.Error("notices could not be sent", "err", err) })
}

// Send tries what is due, and returns when the next is; zero when nothing waits.
// A notice that fails is tried again five times over some hours.
func (s *Service) Send(ctx context.Context) (next time.Time, err error) {
	set, err := s.settings(ctx)
	if err != nil {
		return next, err
	}
	now := s.Now()
	due, err := s.due(ctx, now)
	if err != nil {
		return next, err
	}
	for _, j := range due {
		sent := s.try(ctx, set, j)
		if ctx.Err() != nil {
			return next, ctx.Err()
		}
		switch {
		case sent == nil:
		case errors.Is(sent, push.ErrGone):
			if err := s.Unsubscribe(ctx, j.to); err != nil {
				return next, err
			}
			continue
		default:
			s.Logger.Warn("a notice could not be sent", "way", string(j.Way), "tries", j.tries+1, "err", sent)
		}
		if err := s.note(ctx, j, now, sent); err != nil {
			return next, err
		}
	}
	if err := s.forget(ctx, now.Add(-keepTold)); err != nil {
		return next, err
	}
	return s.nextDue(ctx)
}

// Try sends a test one way now, to a device or an address, and returns what went
// wrong. ErrOff.
func (s *Service) Try(ctx context.Context, by Way, to string) error {
	set, err := s.settings(ctx)
	if err != nil {
		return err
	}
	return s.try(ctx, set, job{Notice: Notice{Topic: Test}, way: way{by, to}})
}

// try sends one notice one way.
func (s *Service) try(ctx context.Context, set Settings, j job) error {
	lang := cmp.Or(set.Language, i18n.Languages[0])
	switch j.Way {
	case ByPhone:
		phones, err := s.phones(ctx)
		if err != nil {
			return err
		}
		for _, p := range phones {
			if p.Device != j.to {
				continue
			}
			title, body := j.Words(p.Language)
			// The service worker of the house's pages shows it.
			text, err := json.Marshal(map[string]string{"title": title, "body": body, "page": j.Page, "tag": string(j.Topic)})
			if err != nil {
				return err
			}
			return s.push.Send(ctx, p.Browser, text, keepPush, j.Urgent)
		}
		return ErrOff
	case ByMail:
		if set.Mail == nil || !slices.Contains(set.Mail.To, j.to) {
			return ErrOff
		}
		what := lang.T("home.notice.mail." + string(j.Topic))
		m := smtp.Mail{Subject: "Porchlight: " + what, Body: lang.T("home.notice.mail.body", "what", what, "url", s.Address()+j.Page) + "\n", To: j.to}
		return set.Mail.Relay.Send(ctx, m)
	case ByWebhook:
		if set.Webhook == "" {
			return ErrOff
		}
		title, body := j.Words(lang)
		return s.post(ctx, set.Webhook, map[string]any{"topic": j.Topic, "title": title, "body": body, "page": s.Address() + j.Page, "args": j.Args, "n": j.N})
	}
	return ErrOff
}

// Words are the title and the body of a notice.
func (n Notice) Words(lang i18n.Lang) (title, body string) {
	var pairs []any
	for name, value := range n.Args {
		pairs = append(pairs, name, value)
	}
	key := "home.notice." + string(n.Topic)
	title = lang.T(key+".title", pairs...)
	switch key += ".body"; {
	case lang.Has(key + ".none"):
		if n.N == 0 {
			return title, lang.T(key+".none", pairs...)
		}
		return title, lang.Plural(key, n.N, pairs...)
	default:
		return title, lang.T(key, pairs...)
	}
}

// post calls the webhook. Its address is a secret: no error names it.
func (s *Service) post(ctx context.Context, to string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(text))
	if err != nil {
		return errors.New("the webhook's address cannot be used")
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := s.http.Do(req)
	if err != nil {
		if e := (*url.Error)(nil); errors.As(err, &e) {
			err = e.Err
		}
		return fmt.Errorf("reaching Home Assistant: %w", err)
	}
	defer res.Body.Close()
	io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("the webhook of Home Assistant answered %s", strings.TrimSpace(res.Status))
	}
	return nil
}

// Recent are the notices of the last 30 days and how each fared, newest first.
func (s *Service) Recent(ctx context.Context) ([]Told, error) {
	set, err := s.settings(ctx)
	if err != nil {
		return nil, err
	}
	return s.recent(ctx, cmp.Or(set.Language, i18n.Languages[0]))
}

// Forget deletes the notices whose key begins with prefix, also those that were
// not sent yet: somebody they name was removed.
func (s *Service) Forget(ctx context.Context, prefix string) error {
	return s.DB.Write(ctx, func(tx *sql.Tx) error { return forget(tx, prefix) })
}
