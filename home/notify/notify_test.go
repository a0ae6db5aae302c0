package notify

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"porchlight/db"
	"porchlight/internal/push"
	"porchlight/internal/push/pushtest"
	"porchlight/internal/smtp"
	"porchlight/internal/smtp/smtptest"
	"porchlight/web/i18n"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type house struct {
	*Service
	now time.Time
}

func newHouse(t *testing.T) *house {
	d, err := db.Open(t.Context(), filepath.Join(t.TempDir(), "home.db"))
	must(t, err)
	t.Cleanup(func() { d.Close() })
	h := &house{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	h.Service, err = Open(t.Context(), Options{DB: d, Local: true, Contact: pushtest.Contact, Now: func() time.Time { return h.now },
		Address: func() string { return "http://porchlight.home" }})
	must(t, err)
	return h
}

func (h *house) send(t *testing.T) (next time.Time) {
	t.Helper()
	next, err := h.Send(t.Context())
	must(t, err)
	return next
}

var asked = Notice{Key: "request/1", Topic: Request, N: 2, Page: "/requests/1", Args: map[string]string{"agency": "Millbrook Police", "cameras": "Front door"}}

// hook is Home Assistant.
type hook struct {
	*httptest.Server
	status int
	got    []map[string]any
}

func newHook(t *testing.T) *hook {
	h := &hook{status: 200}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/webhook/secret" || r.Method != http.MethodPost {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		var v map[string]any
		if err := json.NewDecoder(r.Body).Decode(&v); err != nil {
			t.Error(err)
		}
		if h.status == 200 {
			h.got = append(h.got, v)
		}
		w.Header().Set("Location", "http://localhost:1/")
		w.WriteHeader(h.status)
	}))
	t.Cleanup(h.Close)
	return h
}

func TestNothingIsSentUntilSetUp(t *testing.T) {
	h := newHouse(t)
	must(t, h.Tell(t.Context(), asked))
	if next := h.send(t); !next.IsZero() {
		t.Errorf("something waits until %s", next)
	}
	for _, w := range []Way{ByPhone, ByMail, ByWebhook} {
		if err := h.Try(t.Context(), w, "x"); !errors.Is(err, ErrOff) {
			t.Errorf("%s: %v", w, err)
		}
	}
}

func TestEveryWay(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	phones, relay, hook := pushtest.New(t, h.Key()), smtptest.New(t), newHook(t)
	must(t, h.Subscribe(ctx, Phone{"ann", "nl", phones.Browser("/ann")}))
	must(t, h.Subscribe(ctx, Phone{"sam", "", phones.Browser("/sam")}))
	must(t, h.SetSettings(ctx, Settings{Language: "es", Webhook: hook.URL + "/api/webhook/secret",
		Mail: &Mail{To: []string{"ann@resident.example", "sam@resident.example"}, Relay: relay.Config()}}))
	must(t, h.Tell(ctx, asked))
	must(t, h.Tell(ctx, asked)) // once
	if next := h.send(t); !next.IsZero() {
		t.Errorf("something waits until %s", next)
	}
	h.send(t)
	var got map[string]string
	if ms := phones.Messages("/ann"); len(ms) != 1 || json.Unmarshal([]byte(ms[0]), &got) != nil ||
		got["title"] != "Millbrook Police vraagt om beelden" || !strings.HasPrefix(got["body"], "Front door: 2 fragmenten") || got["page"] != "/requests/1" {
		t.Errorf("Ann's phone was told %q", ms)
	}
	if ms := phones.Messages("/sam"); len(ms) != 1 || !strings.Contains(ms[0], "2 clips may help") {
		t.Errorf("Sam's phone was told %q", ms)
	}
	ms, bodies := relay.Mails()
	if len(ms) != 2 || ms[0].Header.Get("To") == ms[1].Header.Get("To") {
		t.Fatalf("mails %v", ms)
	}
	for i, m := range ms {
		all := m.Header.Get("Subject") + bodies[i]
		if strings.Contains(all, "Millbrook") || strings.Contains(all, "Front door") || !strings.Contains(bodies[i], "http://porchlight.home/requests/1") || m.Header.Get("List-Unsubscribe") != "" {
			t.Errorf("a mail says %v %s", m.Header, bodies[i])
		}
	}
	if len(hook.got) != 1 || hook.got[0]["topic"] != "request" || hook.got[0]["title"] != "Millbrook Police pide grabaciones" {
		t.Errorf("Home Assistant was told %v", hook.got)
	}

	// A short notice and a long one look the same on the way to a phone.
	must(t, h.Tell(ctx, Notice{Key: "person/1", Topic: Person, Urgent: true, Args: map[string]string{"name": "Sam", "camera": strings.Repeat("Front door ", 20), "time": "12:00"}}))
	h.send(t)
	if len(phones.Sizes()) != 1 {
		t.Errorf("messages of %v bytes", phones.Sizes())
	}
	must(t, h.Try(ctx, ByWebhook, ""))
	must(t, h.Try(ctx, ByPhone, "ann"))
	must(t, h.Try(ctx, ByMail, "ann@resident.example"))

	// A phone that is gone is forgotten; so is a device that was removed.
	phones.Answer(410)
	must(t, h.Tell(ctx, Notice{Key: "storage", Topic: Storage}))
	h.send(t)
	if left, err := h.phones(ctx); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	told, err := h.Recent(ctx)
	must(t, err)
	if len(told) != 3*3 || slices.ContainsFunc(told, func(t Told) bool { return t.Failed || t.Error != "" || t.Sent.IsZero() }) {
		t.Errorf("told: %+v", told)
	}
	h.now = h.now.Add(31 * 24 * time.Hour)
	h.send(t)
	if told, err := h.Recent(ctx); err != nil || len(told) > 0 {
		t.Errorf("after a month: %v, %v", told, err)
	}
}

func TestFailuresAreTriedAgainAndShown(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	hook := newHook(t)
	hook.status = 500
	must(t, h.SetSettings(ctx, Settings{Webhook: hook.URL + "/api/webhook/secret"}))
	must(t, h.Tell(ctx, asked))
	tries := 0
	for next := h.send(t); !next.IsZero(); next = h.send(t) {
		told, err := h.Recent(ctx)
		must(t, err)
		if told[0].Failed || told[0].Error != "the webhook of Home Assistant answered 500 Internal Server Error" {
			t.Errorf("%+v", told)
		}
		if next.Sub(h.now) != pauses[tries] {
			t.Fatalf("try %d after %s", tries, next.Sub(h.now))
		}
		if h.now = next; tries == len(pauses) {
			t.Fatal("tries for ever")
		}
		tries++
	}
	told, err := h.Recent(ctx)
	must(t, err)
	if tries != len(pauses) || !told[0].Failed {
		t.Errorf("%d tries, %+v", tries, told)
	}

	// It goes on after a restart, and where it could not be reached nothing is told.
	hook.status = 302 // nor elsewhere
	second := asked
	second.Key = "request/2"
	must(t, h.Tell(ctx, second))
	h.send(t)
	again, err := Open(ctx, h.Options)
	must(t, err)
	if again.Key() != h.Key() {
		t.Error("the house has another key after a restart")
	}
	hook.status = 200
	h.now = h.now.Add(pauses[0])
	_, err = again.Send(ctx)
	must(t, err)
	if len(hook.got) != 1 {
		t.Errorf("after a restart: %v", hook.got)
	}
	hook.Close()
	err = h.Try(ctx, ByWebhook, "")
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("the error tells the address: %v", err)
	}
}

func TestSpreadAndMuted(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	hook := newHook(t)
	must(t, h.SetSettings(ctx, Settings{Webhook: hook.URL + "/api/webhook/secret", Muted: []Topic{Pet}}))
	must(t, h.Tell(ctx, Notice{Key: "pet", Topic: Pet}))
	n := asked
	n.Spread = time.Hour
	must(t, h.Tell(ctx, n))
	next := h.send(t)
	if next.Before(h.now) || next.After(h.now.Add(time.Hour)) || len(hook.got) > 0 {
		t.Errorf("due at %s, sent %v", next, hook.got)
	}
	h.now = h.now.Add(time.Hour)
	h.send(t)
	if len(hook.got) != 1 || hook.got[0]["topic"] != "request" {
		t.Errorf("sent %v", hook.got)
	}
}

func TestSettings(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	relay := smtp.Relay{Host: "mail.example", User: "ann", Password: "hush", From: "ann@resident.example"}
	set := Settings{Mail: &Mail{To: []string{"ann@resident.example"}, Relay: relay}}
	must(t, h.SetSettings(ctx, set))
	got, err := h.Settings(ctx)
	must(t, err)
	if got.Mail.Relay.Password != "" || got.Mail.Relay.User != "ann" {
		t.Errorf("read back: %+v", got.Mail)
	}
	got.Muted = []Topic{Camera}
	must(t, h.SetSettings(ctx, got))
	if kept, err := h.settings(ctx); err != nil || kept.Mail.Relay.Password != "hush" || len(kept.Muted) != 1 {
		t.Errorf("kept: %+v, %v", kept.Mail, err)
	}
	got.Mail.Relay.Host = "evil.example" // a password does not go to another host
	must(t, h.SetSettings(ctx, got))
	if kept, err := h.settings(ctx); err != nil || kept.Mail.Relay.Password != "" {
		t.Errorf("kept: %+v, %v", kept.Mail, err)
	}
	for name, set := range map[string]Settings{
		"language": {Language: "xx"}, "topic": {Muted: []Topic{"weather"}}, "webhook": {Webhook: "file:///etc/passwd"}, "user": {Webhook: "http://a:b@home/"},
		"nobody": {Mail: &Mail{Relay: relay}}, "relay": {Mail: &Mail{To: []string{"ann@resident.example"}}},
		"address": {Mail: &Mail{To: []string{"ann@resident.example\nBcc: x@y.example"}, Relay: relay}},
		"tls":     {Mail: &Mail{To: []string{"ann@resident.example"}, Relay: smtp.Relay{Host: "h", From: "a@b.example", TLS: "maybe"}}},
	} {
		if err := h.SetSettings(ctx, set); !errors.Is(err, ErrSettings) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := h.Subscribe(ctx, Phone{"ann", "en", push.Browser{Endpoint: "ftp://x"}}); !errors.Is(err, push.ErrBrowser) {
		t.Errorf("a browser that is none: %v", err)
	}
}

func TestEveryTopicHasWords(t *testing.T) {
	for _, lang := range i18n.Languages {
		for _, topic := range append(Topics(), Test) {
			for n := range 3 {
				title, body := Notice{Topic: topic, N: n, Args: map[string]string{"agency": "A", "cameras": "C", "camera": "C", "name": "N", "time": "T"}}.Words(lang)
				if all := title + body; strings.Contains(all, "home.notice") || strings.ContainsAny(all, "{}") || body == "" {
					t.Errorf("%s %s %d: %q %q", lang, topic, n, title, body)
				}
			}
			if !lang.Has("home.notice.mail." + string(topic)) {
				t.Errorf("%s: no mail of %s", lang, topic)
			}
		}
	}
}

func TestRunStops(t *testing.T) {
	h := newHouse(t)
	hook := newHook(t)
	must(t, h.SetSettings(t.Context(), Settings{Webhook: hook.URL + "/api/webhook/secret"}))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- h.Run(ctx) }()
	must(t, h.Tell(ctx, asked)) // wakes it
	for {
		told, err := h.Recent(t.Context())
		must(t, err)
		if !told[0].Sent.IsZero() {
			break
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestForget(t *testing.T) {
	h, hook := newHouse(t), newHook(t)
	must(t, h.SetSettings(t.Context(), Settings{Webhook: hook.URL + "/api/webhook/secret"}))
	for _, key := range []string{"person/sam/door/1", "person/samantha/door/1"} {
		must(t, h.Tell(t.Context(), Notice{Key: key, Topic: Person, Args: map[string]string{"name": key, "camera": "Front door", "time": "20:00"}}))
	}
	must(t, h.Forget(t.Context(), "person/sam/"))
	h.send(t)
	told, err := h.Recent(t.Context())
	must(t, err)
	if len(told) != 1 || !strings.Contains(told[0].Title, "samantha") || len(hook.got) != 1 {
		t.Errorf("told %+v; %d came", told, len(hook.got))
	}
}
