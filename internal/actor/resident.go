package actor

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"porchlight/gate"
	"porchlight/ledger"
	"porchlight/share/client"
	"porchlight/web"

	"filippo.io/age"
)

// Footage is a clip to share.
type Footage struct {
	Name    string
	Seconds float64
	Data    []byte
}

// Answer is a resident's answer to a request: what she keeps.
type Answer struct {
	*Client
	Submission string
	Upload     []byte // token of its uploads
	Secret     []byte // of her follow-up link
	Link       string
	Items      []string
	Receipts   []string
	own        *client.Answer
	exchange   *client.Exchange
}

// Letter is what goes sealed to the agency with a clip.
type Letter = client.Letter

// answer begins an answer on her device. Like a browser it believes the
// exchange's introduction about the keys to check with.
func (c *Client) answer(ctx context.Context, request string) (*Answer, error) {
	var d ledger.Descriptor
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+"/.well-known/porchlight.json", nil)
	if err != nil {
		return nil, err
	}
	if _, err := c.do(req, &d); err != nil {
		return nil, err
	}
	x := &client.Exchange{URL: c.URL, Ledger: d.Verifier(), HTTP: c.HTTP}
	asked, err := x.Request(ctx, request)
	if err != nil {
		return nil, problem(err)
	}
	own := client.NewAnswer(asked)
	upload, err := base64.RawURLEncoding.DecodeString(own.Token)
	if err != nil {
		return nil, err
	}
	return &Answer{Client: c, Submission: own.ID, Upload: upload, Secret: own.Secret, Link: own.Link(c.URL), own: own, exchange: x}, nil
}

// problem gives an error of the exchange the type that this package promises.
func problem(err error) error {
	if p := (*client.Problem)(nil); errors.As(err, &p) {
		return &web.Problem{Type: p.Type, Title: p.Title, Status: p.Status, Detail: p.Detail, Receipt: p.Receipt}
	}
	return err
}

func forget() error { return nil } // she keeps nothing on a disk

// Share answers a request with clips, each sealed to the agency that asked.
func (c *Client) Share(ctx context.Context, request string, clips ...Footage) (*Answer, error) {
	a, err := c.answer(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("beginning an answer: %w", err)
	}
	dir, err := os.MkdirTemp("", "porchlight-answer-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	for i, clip := range clips {
		file := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(file, clip.Data, 0o600); err != nil {
			return nil, err
		}
		a.own.Add(file, clip.Name, clip.Seconds, client.Edits{})
	}
	if err := a.own.Agree("en", client.Identity{Disclosure: client.ThroughPorchlight}); err != nil {
		return nil, err
	}
	if err := a.exchange.Send(ctx, a.own, client.Sending{Dir: dir, Keep: forget}); err != nil {
		return nil, problem(err)
	}
	for _, clip := range a.own.Clips {
		a.Items, a.Receipts = append(a.Items, clip.Item), append(a.Receipts, clip.Receipt)
	}
	return a, nil
}

// Capability is the header that shows her link's token.
func (a *Answer) Capability() http.Header {
	h, err := a.own.Capability()
	if err != nil {
		panic(err) // a secret of 16 bytes
	}
	return h
}

// Follow reads what became of her clips.
func (a *Answer) Follow(ctx context.Context) (client.Followed, error) {
	f, err := a.exchange.Follow(ctx, a.own)
	return f, problem(err)
}

// Receipt proves one act on one of her clips.
func (a *Answer) Receipt(ctx context.Context, item string, entry uint64) (string, error) {
	r, err := a.exchange.Receipt(ctx, a.own, item, entry)
	return string(r.Marshal()), problem(err)
}

// Withdraw takes a clip back.
func (a *Answer) Withdraw(ctx context.Context, item string) (receipt string, err error) {
	receipt, err = a.exchange.Withdraw(ctx, a.own, gate.NewActID(), item)
	return receipt, problem(err)
}

// Begin opens a submission for which nothing is shared yet.
func (c *Client) Begin(ctx context.Context, request string) (*Answer, error) {
	a, err := c.answer(ctx, request)
	if err != nil {
		return nil, err
	}
	a.own.Add("", "", 0, client.Edits{}) // one clip to agree to
	if err := a.own.Agree("en", client.Identity{Disclosure: client.ThroughPorchlight}); err != nil {
		return nil, err
	}
	return a, problem(a.exchange.Begin(ctx, a.own, forget))
}

// Send uploads n bytes that begin as a clip sealed to the agency does and go on
// with zeros, in pieces. Nobody can open such a clip: it is for measuring.
func (a *Answer) Send(ctx context.Context, n, piece int64) error {
	vault, err := age.ParseX25519Recipient(a.own.Vault)
	if err != nil {
		return err
	}
	header, err := Seal(nil, vault)
	if err != nil {
		return err
	}
	x := *a.exchange
	x.Piece = piece
	id, err := x.Create(ctx, a.own.Token, n)
	if err != nil {
		return problem(err)
	}
	return problem(x.Upload(ctx, a.own.Token, id, padded(header), n, nil))
}

// padded reads as its bytes and zeros after them.
type padded []byte

func (p padded) ReadAt(b []byte, off int64) (int, error) {
	clear(b)
	if off < int64(len(p)) {
		copy(b, p[off:])
	}
	return len(b), nil
}
