// Package smtp hands mail to a relay, over TLS unless told otherwise. It knows
// nothing of what the mails say.
package smtp

import (
	"context"
	"errors"
	"fmt"
	"time"

	mail "github.com/wneessen/go-mail"
)

// Relay is where mail is handed in.
type Relay struct {
	Host     string
	Port     int    // 0: the usual one for TLS
	User     string // "" for no authentication
	Password string
	From     string // e-mail address
	TLS      string // "starttls" (default), "tls", or "none" (a relay on this machine)
}

// Mail is one plain text mail to one address.
type Mail struct {
	To, Subject, Body string
	Unsubscribe       string // URL for List-Unsubscribe, one click (RFC 8058); "" none
}

// ErrGone: the address does not exist.
var ErrGone = errors.New("smtp: no such address")

// Send hands in m. ErrGone; no error names the address.
func (r Relay) Send(ctx context.Context, m Mail) error {
	msg := mail.NewMsg()
	if err := errors.Join(msg.From(r.From), msg.To(m.To)); err != nil {
		return fmt.Errorf("addressing a mail: %w", err)
	}
	msg.Subject(m.Subject)
	msg.SetMessageID()
	msg.SetDate()
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	if m.Unsubscribe != "" {
		msg.SetListUnsubscribe(m.Unsubscribe)
		msg.SetListUnsubscribePost()
	}
	msg.SetBodyString(mail.TypeTextPlain, m.Body)

	opts := []mail.Option{mail.WithTimeout(30 * time.Second), mail.WithTLSPortPolicy(mail.TLSMandatory)}
	switch r.TLS {
	case "none":
		opts[1] = mail.WithTLSPortPolicy(mail.NoTLS)
	case "tls":
		opts[1] = mail.WithSSLPort(false)
	}
	if r.Port != 0 {
		opts = append(opts, mail.WithPort(r.Port))
	}
	if r.User != "" {
		opts = append(opts, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(r.User), mail.WithPassword(r.Password))
	}
	c, err := mail.NewClient(r.Host, opts...)
	if err != nil {
		return fmt.Errorf("preparing to send mail: %w", err)
	}
	err = c.DialAndSendWithContext(ctx, msg)
	if e := (*mail.SendError)(nil); errors.As(err, &e) && e.Reason == mail.ErrSMTPRcptTo && !e.IsTemp() {
		return ErrGone
	} else if e != nil {
		return fmt.Errorf("the mail relay refused: %s", e.Reason) // without the address
	}
	if err != nil {
		return fmt.Errorf("reaching the mail relay: %w", err)
	}
	return nil
}
