// Package client is a resident's answer to a community request as her own
// device gives it: the asking agency's key proved from the ledger, clips sealed
// to it, uploads that go on after a break, receipts checked, and what became of
// the clips. The app in a browser does the same (web/app/src/lib/seal and
// pages/answer); porchlight home uses this package.
//
// It trusts the ledger's key and witnesses that its owner names, and nothing
// that the exchange says beside them.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"porchlight/ledger"
)

// Exchange is one exchange as a resident's device knows it. Safe for concurrent use.
type Exchange struct {
	URL string // no trailing slash
	// Ledger is what its receipts are checked with. Whoever takes it from the
	// exchange's own introduction believes the exchange about itself.
	Ledger ledger.Verifier
	HTTP   *http.Client // default NewHTTP()
	Piece  int64        // bytes sent at a time, default 8 MiB; proxies often allow 100 MB
	// Wait pauses between two tries; default waits by the clock.
	Wait func(context.Context, time.Duration) error
}

// NewHTTP is a client that keeps no cookies and follows no redirects: what is
// meant for one exchange goes nowhere else.
func NewHTTP() *http.Client {
	return &http.Client{
		Transport:     http.DefaultTransport.(*http.Transport).Clone(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       5 * time.Minute,
	}
}

// maxAnswer bounds what is read of one answer, in bytes.
const maxAnswer = 32 << 20

var plainHTTP = NewHTTP()

// Problem is an answer of the exchange that is an error (RFC 9457).
type Problem struct {
	Type   string `json:"type"` // e.g. "/problems/refused"
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	// Of a refusal: the rules that refused, and proof that it is in the ledger.
	Rules   []Rule `json:"rules"`
	Receipt string `json:"receipt"`
}

// Rule is a rule of policy as people read it.
type Rule struct {
	ID       string            `json:"id"`
	Plain    map[string]string `json:"plain"` // one sentence by language
	Citation string            `json:"citation"`
	Source   string            `json:"source"`
}

func (p *Problem) Error() string { return p.Title + ": " + p.Detail }

// Temporary reports whether the same request may be answered otherwise later.
func (p *Problem) Temporary() bool {
	switch p.Status {
	case http.StatusLocked, http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInsufficientStorage:
		return true
	}
	return p.Status >= 500
}

// Temporary reports whether what failed with err may succeed later as it is:
// the exchange could not be reached, or said so.
func Temporary(err error) bool {
	if p := (*Problem)(nil); errors.As(err, &p) {
		return p.Temporary()
	}
	return errors.Is(err, errUnreached)
}

// errUnreached: no answer came.
var errUnreached = errors.New("the exchange could not be reached")

// api makes one request of the API: in as JSON, the answer into out unless nil.
func (x *Exchange) api(ctx context.Context, method, path string, header http.Header, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, x.URL+"/api/v1"+path, body)
	if err != nil {
		return err
	}
	if header != nil {
		req.Header = header.Clone()
	}
	req.Header.Set("Content-Type", "application/json")
	_, answer, err := x.do(req)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// do sends req and reads the answer; *Problem when it is an error.
func (x *Exchange) do(req *http.Request) (http.Header, []byte, error) {
	c := x.HTTP
	if c == nil {
		c = plainHTTP
	}
	resp, err := c.Do(req)
	if err != nil {
		if req.Context().Err() != nil {
			return nil, nil, req.Context().Err()
		}
		return nil, nil, fmt.Errorf("%w: %w", errUnreached, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errUnreached, err)
	}
	if resp.StatusCode/100 == 2 {
		return resp.Header, body, nil
	}
	p := &Problem{Status: resp.StatusCode, Title: resp.Status}
	if resp.Header.Get("Content-Type") == "application/problem+json" {
		if err := json.Unmarshal(body, p); err != nil {
			return nil, nil, fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, err)
		}
	}
	return nil, nil, fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, p)
}

// text reads a file of the exchange that is the same for everybody.
func (x *Exchange) text(ctx context.Context, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, x.URL+path, nil)
	if err != nil {
		return "", err
	}
	_, body, err := x.do(req)
	return string(body), err
}

// wait pauses; the context's error ends it early.
func (x *Exchange) wait(ctx context.Context, d time.Duration) error {
	if x.Wait != nil {
		return x.Wait(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
