// Package push sends web push messages (RFC 8030, encrypted by RFC 8291, with
// VAPID, RFC 8292) to browsers that asked for them. It knows nothing of what they
// say; every message is padded to one size.
package push

import (
	"context"
	"crypto/ecdh"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	webpush "github.com/SherClockHolmes/webpush-go"
)

// Keys are the exchange's VAPID key pair, base64url.
type Keys struct{ Public, Private string }

// NewKeys makes a VAPID key pair.
func NewKeys() (Keys, error) {
	private, public, err := webpush.GenerateVAPIDKeys()
	return Keys{public, private}, err
}

// Browser is where one browser is reached: its PushSubscription. P256DH and Auth
// are base64url.
type Browser struct{ Endpoint, P256DH, Auth string }

var (
	// ErrBrowser: the subscription cannot be used; the message says why.
	ErrBrowser = errors.New("this subscription cannot be used")
	// ErrGone: the browser takes no more messages; forget it.
	ErrGone = errors.New("push: the browser no longer takes messages")
)

// Sender sends messages. Safe for concurrent use.
type Sender struct {
	Keys    Keys
	Contact string // mailto: or https: address of the operator, told to push services
	private bool
	client  *http.Client
}

// NewSender makes a sender. private lets endpoints be on private networks (tests,
// the demo); otherwise it goes only to public addresses, as anybody may name
// one. It follows no redirects.
func NewSender(keys Keys, contact string, private bool) *Sender {
	d := net.Dialer{Timeout: 10 * time.Second}
	if !private {
		d.Control = func(_, address string, _ syscall.RawConn) error {
			ap, err := netip.ParseAddrPort(address)
			if a := ap.Addr().Unmap(); err != nil || !a.IsGlobalUnicast() || a.IsPrivate() {
				return errors.New("its address is not public")
			}
			return nil
		}
	}
	return &Sender{keys, contact, private, &http.Client{
		Timeout:       20 * time.Second,
		Transport:     &http.Transport{DialContext: d.DialContext, MaxIdleConnsPerHost: 4},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Check reports whether messages could be sent to b; ErrBrowser says why not.
func (s *Sender) Check(b Browser) error {
	bad := func(why string) error { return fmt.Errorf("%w: %s", ErrBrowser, why) }
	u, err := url.Parse(b.Endpoint)
	if err != nil || u.Host == "" || u.User != nil || len(b.Endpoint) > 1000 || u.Scheme != "https" && !(s.private && u.Scheme == "http") {
		return bad("its endpoint is not an https address")
	}
	key, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(b.P256DH, "="))
	if err == nil {
		_, err = ecdh.P256().NewPublicKey(key)
	}
	if err != nil {
		return bad("its key is not a P-256 public key")
	}
	if a, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(b.Auth, "=")); err != nil || len(a) != 16 {
		return bad("its authentication secret is not 16 bytes")
	}
	return nil
}

// Send sends one message, which the push service drops when it cannot deliver it
// within keep. urgent wakes a sleeping device. ErrGone when there is nobody any
// more; errors never name the endpoint.
func (s *Sender) Send(ctx context.Context, b Browser, message []byte, keep time.Duration, urgent bool) error {
	urgency := webpush.UrgencyNormal
	if urgent {
		urgency = webpush.UrgencyHigh
	}
	res, err := webpush.SendNotificationWithContext(ctx, message, &webpush.Subscription{ // pads to 4 KiB
		Endpoint: b.Endpoint, Keys: webpush.Keys{P256dh: b.P256DH, Auth: b.Auth},
	}, &webpush.Options{
		HTTPClient: s.client, Subscriber: strings.TrimPrefix(s.Contact, "mailto:"), TTL: int(keep.Seconds()), Urgency: urgency,
		VAPIDPublicKey: s.Keys.Public, VAPIDPrivateKey: s.Keys.Private,
	})
	if err != nil {
		if e := (*url.Error)(nil); errors.As(err, &e) {
			err = e.Err // without the endpoint
		}
		return fmt.Errorf("reaching the push service: %w", err)
	}
	res.Body.Close()
	switch {
	case res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusGone:
		return ErrGone
	case res.StatusCode/100 != 2:
		return fmt.Errorf("the push service answered %d", res.StatusCode)
	}
	return nil
}
