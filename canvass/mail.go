package canvass

import (
	"context"
	"errors"
	"fmt"
	"time"

	mail "github.com/wneessen/go-mail"
)

// SMTP is a Mailer that hands mail to a relay.
type SMTP struct {
	Host     string
	Port     int    // 0: the usual one for TLS
	User     string // "" for no authentication
	Password string
	From     string // e-mail address
	TLS      string // "starttls" (default), "tls", or "none" (a relay on this machine)
}

// Send implements Mailer.
func (s SMTP) Send(ctx context.Context, m Mail) error {
	msg := mail.NewMsg()
	if err := errors.Join(msg.From(s.From), msg.To(m.To)); err != nil {
		return fmt.Errorf("addressing a mail: %w", err)
	}
	msg.Subject(m.Subject)
	msg.SetMessageID()
	msg.SetDate()
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetListUnsubscribe(m.Unsubscribe)
	msg.SetListUnsubscribePost()
	msg.SetBodyString(mail.TypeTextPlain, m.Body)

	opts := []mail.Option{mail.WithTimeout(30 * time.Second), mail.WithTLSPortPolicy(mail.TLSMandatory)}
	switch s.TLS {
	case "none":
		opts[1] = mail.WithTLSPortPolicy(mail.NoTLS)
	case "tls":
		opts[1] = mail.WithSSLPort(false)
	}
	if s.Port != 0 {
		opts = append(opts, mail.WithPort(s.Port))
	}
	if s.User != "" {
		opts = append(opts, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(s.User), mail.WithPassword(s.Password))
	}
	c, err := mail.NewClient(s.Host, opts...)
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
