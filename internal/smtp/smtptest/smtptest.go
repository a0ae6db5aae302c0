// Package smtptest is a mail relay for tests.
package smtptest

import (
	"bufio"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"

	"porchlight/internal/smtp"
)

// Relay is an SMTP server (RFC 5321) that keeps what it is given.
type Relay struct {
	t      testing.TB
	l      net.Listener
	mu     sync.Mutex
	reject string // answer to RCPT instead of 250
	got    []string
}

// New starts one on localhost.
func New(t testing.TB) *Relay {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{t: t, l: l}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go r.session(c)
		}
	}()
	return r
}

func (r *Relay) session(c net.Conn) {
	defer c.Close()
	in := bufio.NewScanner(c)
	fmt.Fprint(c, "220 relay\r\n")
	data := false
	var text strings.Builder
	for in.Scan() {
		line := in.Text()
		switch verb := strings.ToUpper(line); {
		case data && line == ".":
			data = false
			r.mu.Lock()
			r.got = append(r.got, text.String())
			r.mu.Unlock()
			fmt.Fprint(c, "250 taken\r\n")
		case data:
			text.WriteString(strings.TrimPrefix(line, ".") + "\r\n")
		case strings.HasPrefix(verb, "EHLO"):
			fmt.Fprint(c, "250-relay\r\n250 8BITMIME\r\n")
		case strings.HasPrefix(verb, "RCPT"):
			r.mu.Lock()
			answer := r.reject
			r.mu.Unlock()
			if answer == "" {
				answer = "250 ok"
			}
			fmt.Fprint(c, answer+"\r\n")
		case verb == "DATA":
			data = true
			text.Reset()
			fmt.Fprint(c, "354 go on\r\n")
		case verb == "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			return
		default:
			fmt.Fprint(c, "250 ok\r\n")
		}
	}
}

// Config reaches it.
func (r *Relay) Config() smtp.Relay {
	at := r.l.Addr().(*net.TCPAddr)
	return smtp.Relay{Host: at.IP.String(), Port: at.Port, From: "porchlight@exchange.example", TLS: "none"}
}

// Refuse has it answer this to RCPT; "" takes everybody again.
func (r *Relay) Refuse(answer string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reject = answer
}

// Mails returns what came since the last call.
func (r *Relay) Mails() (out []*mail.Message, bodies []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, text := range r.got {
		m, err := mail.ReadMessage(strings.NewReader(text))
		if err != nil {
			r.t.Fatal(err)
		}
		body := io.Reader(m.Body)
		if m.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
			body = quotedprintable.NewReader(m.Body)
		}
		b, err := io.ReadAll(body)
		if err != nil {
			r.t.Fatal(err)
		}
		out, bodies = append(out, m), append(bodies, string(b))
	}
	r.got = nil
	return out, bodies
}
