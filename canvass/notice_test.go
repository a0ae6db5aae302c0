package canvass

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"porchlight/geo"
	"porchlight/internal/gatetest"
	"porchlight/internal/push"
	"porchlight/internal/push/pushtest"
	"porchlight/internal/smtp/smtptest"
)

// listen subscribes a browser of a push service.
func listen(n *Notices, at *pushtest.Service, cell, path string) error {
	b := at.Browser(path)
	return n.SubscribePush(context.Background(), cell, b.Endpoint, b.P256DH, b.Auth)
}

func (w *world) notices(r *smtptest.Relay) (*Notices, *pushtest.Service) {
	w.T.Helper()
	keys, err := push.NewKeys()
	must(w.T, err)
	o := NoticeOptions{
		DB: w.DB, Cells: geo.CoarseCells(w.agencies[city].Jurisdiction), Secret: [32]byte{1}, BaseURL: gatetest.Site,
		Push: push.NewSender(keys, pushtest.Contact, true), Now: w.Now, Jitter: 10 * time.Minute,
		Words: func(lang, key string) string { return lang + ":" + key },
	}
	if r != nil {
		o.Mail = SMTP(r.Config())
	}
	n, err := NewNotices(context.Background(), o)
	must(w.T, err)
	w.Notices = n
	return n, pushtest.New(w.T, keys.Public)
}

func (n *Notices) count(t testing.TB, table string) (c int) {
	t.Helper()
	must(t, n.DB.Read().QueryRow(`SELECT count(*) FROM `+table).Scan(&c))
	return c
}

func due(t testing.TB, n *Notices) int {
	t.Helper()
	sent, err := n.SendDue(context.Background())
	must(t, err)
	return sent
}

func TestPush(t *testing.T) {
	w := newWorld(t)
	n, at := w.notices(nil)
	cell := geo.CoarseCells(w.draft().Area)[0]
	other := n.Cells[slices.IndexFunc(n.Cells, func(c string) bool { return !slices.Contains(geo.CellsNear(w.draft().Area, NearMetres), c) })]
	must(t, listen(n, at, cell, "/ann"))
	must(t, listen(n, at, cell, "/ann"))
	must(t, listen(n, at, cell, "/bob"))
	must(t, listen(n, at, other, "/far"))

	w.publish(w.draft())
	w.publish(w.draft())
	r, err := w.post("rita", w.draft())
	must(t, err)
	_, err = w.moderate("mona", r.ID, false, "no")
	must(t, err)
	if c := n.count(t, "canvass_notice"); c != 2 {
		t.Errorf("%d notices wait, want one for each of two subscribers", c)
	}
	w.Sleep(n.Jitter)
	if sent := due(t, n); sent != 2 {
		t.Errorf("sent %d", sent)
	}
	if due(t, n) != 0 || n.count(t, "canvass_notice") != 0 {
		t.Error("sent again")
	}
	for path, want := range map[string][]string{"/ann": {cell}, "/bob": {cell}, "/far": nil} {
		if got := at.Messages(path); !slices.Equal(got, want) {
			t.Errorf("%s got %q, want %q", path, got, want)
		}
	}
	if len(at.Sizes()) != 1 {
		t.Errorf("messages of different sizes: %v", at.Sizes())
	}

	// Failures are tried again, later and later; the queue is in the store.
	w.publish(w.draft())
	w.Sleep(n.Jitter)
	at.Answer(503)
	if due(t, n) != 0 {
		t.Error("a refused message counts as sent")
	}
	if due(t, n) != 0 || n.count(t, "canvass_notice") != 2 {
		t.Error("tried again at once, or forgotten")
	}
	again, err := NewNotices(t.Context(), n.NoticeOptions) // a restart
	must(t, err)
	at.Answer(201)
	w.Sleep(time.Minute)
	if sent := due(t, again); sent != 2 {
		t.Errorf("after the restart: sent %d", sent)
	}

	// A subscription that is gone is forgotten.
	at.Answer(410)
	w.publish(w.draft())
	w.Sleep(n.Jitter)
	due(t, n)
	if c := n.count(t, "canvass_subscriber"); c != 1 {
		t.Errorf("%d subscribers are left, want the far one", c)
	}
	must(t, n.UnsubscribePush(t.Context(), "", at.URL+"/far"))
	if n.count(t, "canvass_subscriber") != 0 || n.count(t, "canvass_notice") != 0 {
		t.Error("something is left")
	}
}

func TestPushGivesUp(t *testing.T) {
	w := newWorld(t)
	n, at := w.notices(nil)
	must(t, listen(n, at, geo.CoarseCells(w.draft().Area)[0], "/ann"))
	at.Answer(500)
	w.publish(w.draft())
	tries := 0
	for n.count(t, "canvass_notice") > 0 {
		w.Sleep(24 * time.Hour)
		due(t, n)
		if tries++; tries > 20 {
			t.Fatal("tries for ever")
		}
	}
	if tries != maxAttempts || n.count(t, "canvass_subscriber") != 1 {
		t.Errorf("%d tries", tries)
	}
}

func TestPushRefuses(t *testing.T) {
	w := newWorld(t)
	n, at := w.notices(nil)
	enc := base64.RawURLEncoding.EncodeToString
	good := at.Browser("/x")
	key, auth, cell := good.P256DH, good.Auth, n.Cells[0]
	for name, c := range map[string][4]string{
		"scheme":       {cell, "ftp://push.example/x", key, auth},
		"no host":      {cell, "https:///x", key, auth},
		"credentials":  {cell, "https://a:b@push.example/x", key, auth},
		"long":         {cell, "https://push.example/" + strings.Repeat("x", 1000), key, auth},
		"key":          {cell, "https://push.example/x", enc(make([]byte, 65)), auth},
		"auth":         {cell, "https://push.example/x", key, enc(make([]byte, 15))},
		"unknown cell": {"808f7f", "https://push.example/x", key, auth},
		"no cell":      {"", "https://push.example/x", key, auth},
	} {
		if err := n.SubscribePush(t.Context(), c[0], c[1], c[2], c[3]); !errors.Is(err, ErrSubscription) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// With a sender that goes to public addresses only, plain http is none.
	o := n.NoticeOptions
	o.Push = push.NewSender(n.Push.Keys, n.Push.Contact, false)
	strict, err := NewNotices(t.Context(), o)
	must(t, err)
	if err := listen(strict, at, cell, "/x"); !errors.Is(err, ErrSubscription) {
		t.Errorf("plain http: %v", err)
	}
}

var linkPattern = regexp.MustCompile(`https://exchange\.example/notices#(confirm|leave)=(\S+)`)

func TestMail(t *testing.T) {
	w := newWorld(t)
	smtp := smtptest.New(t)
	n, _ := w.notices(smtp)
	cell := geo.CoarseCells(w.draft().Area)[0]
	ctx := t.Context()

	for range 3 { // asking again at once sends no second mail
		must(t, n.SubscribeMail(ctx, cell, "Ann@Example.org"))
		due(t, n)
	}
	ms, bodies := smtp.Mails()
	if len(ms) != 1 || ms[0].Header.Get("To") != "<Ann@example.org>" || !strings.Contains(bodies[0], "en:ask.mail.confirm.body") {
		t.Fatalf("%v %v", ms, bodies)
	}
	w.publish(w.draft())
	w.Sleep(n.Jitter)
	if due(t, n) != 0 {
		t.Error("an unconfirmed address gets notices")
	}
	links := linkPattern.FindAllStringSubmatch(bodies[0], -1)
	if len(links) != 6 || links[0][1] != "confirm" || links[1][1] != "leave" {
		t.Fatalf("links %v", links)
	}
	for _, wrong := range []string{"", "x", links[1][2], links[0][2] + "x", strings.Replace(links[0][2], ".", "x.", 1)} {
		if err := n.Confirm(ctx, wrong); !errors.Is(err, ErrLink) {
			t.Errorf("link %q: %v", wrong, err)
		}
	}
	must(t, n.Confirm(ctx, links[0][2]))
	must(t, n.Confirm(ctx, links[0][2])) // once more is no error

	r := w.publish(w.draft())
	w.Sleep(n.Jitter)
	if due(t, n) != 1 {
		t.Error("no notice")
	}
	ms, bodies = smtp.Mails()
	if len(ms) != 1 {
		t.Fatalf("%d mails", len(ms))
	}
	h := ms[0].Header
	if h.Get("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click" || h.Get("Auto-Submitted") != "auto-generated" {
		t.Errorf("%v", h)
	}
	unsubscribe, err := url.Parse(strings.Trim(h.Get("List-Unsubscribe"), "<>"))
	must(t, err)
	whole := fmt.Sprint(ms[0].Header) + bodies[0]
	for _, detail := range []string{r.ID, r.Narrative[:20], r.Contact[:10], string(r.Incident), "Millbrook", "39.75"} {
		if strings.Contains(whole, detail) {
			t.Errorf("the mail says %q", detail)
		}
	}
	if !strings.Contains(bodies[0], gatetest.Site+"/near#"+cell) {
		t.Errorf("%s", bodies[0])
	}

	// An address that does not exist is forgotten; a busy relay is not its fault.
	smtp.Refuse("450 later")
	w.publish(w.draft())
	w.Sleep(n.Jitter)
	due(t, n)
	if n.count(t, "canvass_subscriber") != 1 || n.count(t, "canvass_notice") != 1 {
		t.Error("a temporary failure should keep notice and subscriber")
	}
	smtp.Refuse("550 no such user")
	w.Sleep(time.Hour)
	due(t, n)
	if n.count(t, "canvass_subscriber") != 0 {
		t.Error("a dead address is kept")
	}
	smtp.Refuse("")

	// Leaving: by the header's link, twice.
	must(t, n.Unsubscribe(ctx, unsubscribe.Query().Get("token")))
	must(t, n.SubscribeMail(ctx, cell, "ann@example.org"))
	due(t, n)
	_, bodies = smtp.Mails()
	links = linkPattern.FindAllStringSubmatch(bodies[0], -1)
	must(t, n.Confirm(ctx, links[0][2]))
	must(t, n.Unsubscribe(ctx, links[1][2]))
	must(t, n.Unsubscribe(ctx, links[1][2]))
	if err := n.Unsubscribe(ctx, links[0][2]); !errors.Is(err, ErrLink) {
		t.Error(err)
	}
	if n.count(t, "canvass_subscriber") != 0 {
		t.Error("still subscribed")
	}
	if err := n.Confirm(ctx, links[0][2]); !errors.Is(err, ErrLink) {
		t.Errorf("confirmed after leaving: %v", err)
	}

	// An unconfirmed address is forgotten after two days.
	must(t, n.SubscribeMail(ctx, cell, "carl@example.org"))
	due(t, n)
	_, bodies = smtp.Mails()
	w.Sleep(confirmWithin + time.Second)
	if err := n.Confirm(ctx, linkPattern.FindStringSubmatch(bodies[0])[2]); !errors.Is(err, ErrLink) {
		t.Errorf("late: %v", err)
	}
	for _, bad := range []string{"", "ann", "Ann <ann@example.org>", "a@b\r\nBcc: x@y", "a@b, c@d", strings.Repeat("a", 250) + "@example.org"} {
		if err := n.SubscribeMail(ctx, cell, bad); !errors.Is(err, ErrSubscription) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestManyCells(t *testing.T) {
	w := newWorld(t)
	n, at := w.notices(smtptest.New(t))
	n.Cells = geo.CoarseCells(gatetest.Box(t, -90, 39, -89, 40))
	for i, cell := range n.Cells[:maxCells+1] {
		if err := listen(n, at, cell, "/ann"); (err == nil) != (i < maxCells) {
			t.Errorf("cell %d: %v", i, err)
		}
		must(t, n.SubscribeMail(t.Context(), cell, "ann@example.org"))
	}
	if c := n.count(t, "canvass_subscriber"); c != 2*maxCells {
		t.Errorf("%d", c)
	}
}
