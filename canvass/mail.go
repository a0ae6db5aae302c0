package canvass

import (
	"context"
	"errors"

	"porchlight/internal/smtp"
)

// SMTP is a Mailer that hands mail to a relay.
type SMTP smtp.Relay

// Send implements Mailer.
func (s SMTP) Send(ctx context.Context, m Mail) error {
	err := smtp.Relay(s).Send(ctx, smtp.Mail(m))
	if errors.Is(err, smtp.ErrGone) {
		return ErrGone
	}
	return err
}
