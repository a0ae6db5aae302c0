package killtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"path"
	"strconv"
	"sync"

	"filippo.io/age"

	"porchlight/gate"
	"porchlight/internal/actor"
	"porchlight/internal/testworld"
	"porchlight/ledger"
	"porchlight/share"
	"porchlight/web"
)

// promises are what the exchange acknowledged to somebody: it must hold them
// for ever.
type promises struct {
	mu       sync.Mutex
	offsets  map[string]int64          // upload to acknowledged offset
	shared   map[string]string         // item to hex SHA-256 of the sealed clip
	clips    map[string][32]byte       // item to SHA-256 of the clip
	receipts map[uint64]ledger.Receipt // by index
	accepted map[string]bool           // items taken into a case
	requests map[string]string         // request to the state it had reached
	chunks   int
	bytes    int64
	views    int
	retries  int // requests repeated after an answer did not come
}

func newPromises() *promises {
	return &promises{offsets: map[string]int64{}, shared: map[string]string{}, clips: map[string][32]byte{},
		receipts: map[uint64]ledger.Receipt{}, accepted: map[string]bool{}, requests: map[string]string{}}
}

// load is everybody at work at an exchange that keeps dying.
type load struct {
	*server
	*testworld.Town
	*promises
	vault *age.X25519Recipient
}

// patient repeats do until it succeeds: after an answer that did not come it
// waits for the exchange to be back.
func (l *load) patient(ctx context.Context, do func() error) error {
	for {
		err := do()
		var problem *web.Problem
		if err == nil || ctx.Err() != nil || errors.As(err, &problem) && problem.Status != http.StatusServiceUnavailable || errors.Is(err, errBroken) {
			return err
		}
		l.promises.mu.Lock()
		l.retries++
		l.promises.mu.Unlock()
		if err := l.server.up(ctx); err != nil {
			return err
		}
	}
}

// errBroken marks a promise that was broken.
var errBroken = errors.New("promise broken")

// send makes one request of a resident.
func (l *load) send(ctx context.Context, method, path string, header http.Header, body []byte, out any) (http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, method, l.server.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = header
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= 400 {
		p := &web.Problem{Status: res.StatusCode, Detail: string(text)}
		json.Unmarshal(text, p)
		return nil, fmt.Errorf("%s %s: %w", method, path, p)
	}
	if out != nil {
		return res.Header, json.Unmarshal(text, out)
	}
	return res.Header, nil
}

// resident shares clip after clip, each in small pieces.
func (l *load) resident(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := l.answer(ctx); err != nil && ctx.Err() == nil {
			return fmt.Errorf("a resident: %w", err)
		}
	}
	return nil
}

func (l *load) answer(ctx context.Context) error {
	clip := make([]byte, 20_000+mathrand.IntN(300_000))
	rand.Read(clip)
	sealed, err := actor.Seal(clip, l.vault)
	if err != nil {
		return err
	}
	me, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	token := make([]byte, 32)
	rand.Read(token)
	hash, owner := sha256.Sum256(token), sha256.Sum256([]byte(me.String()))
	consent, err := json.Marshal(share.Consent{Version: "1", Language: "en", Identity: "through-porchlight", Text: "I share this clip.",
		Agency: l.Police.ORI, Request: l.Request.ID})
	if err != nil {
		return err
	}
	submission := gate.NewActID()
	draft, err := json.Marshal(web.SubmissionDraft{ID: submission, Request: l.Request.ID, UploadHash: hash[:], OwnerHash: owner[:],
		Recipient: me.Recipient().String(), Consent: string(consent)})
	if err != nil {
		return err
	}
	js := http.Header{"Content-Type": {"application/json"}}
	err = l.patient(ctx, func() error {
		_, err := l.send(ctx, "POST", "/api/v1/submissions", js, draft, nil)
		return err
	})
	if err != nil {
		return err
	}
	id, err := l.upload(ctx, base64.RawURLEncoding.EncodeToString(token), sealed)
	if err != nil {
		return err
	}
	return l.handOver(ctx, submission, base64.RawURLEncoding.EncodeToString(token), id, clip, sealed)
}

// upload sends sealed by tus; after a break it asks where the upload stands.
func (l *load) upload(ctx context.Context, token string, sealed []byte) (id string, err error) {
	head := func(more ...string) http.Header {
		h := http.Header{"Tus-Resumable": {"1.0.0"}, "Upload-Token": {token}}
		for i := 0; i < len(more); i += 2 {
			h.Set(more[i], more[i+1])
		}
		return h
	}
	err = l.patient(ctx, func() error {
		h, err := l.send(ctx, "POST", "/api/v1/uploads", head("Upload-Length", strconv.Itoa(len(sealed))), nil, nil)
		id = path.Base(h.Get("Location"))
		return err
	})
	if err != nil {
		return "", err
	}
	url, off, broken := "/api/v1/uploads/"+id, 0, false
	for off < len(sealed) {
		err = l.patient(ctx, func() error {
			if broken {
				h, err := l.send(ctx, "HEAD", url, head(), nil, nil)
				if err != nil {
					return err
				}
				at, err := strconv.Atoi(h.Get("Upload-Offset"))
				if err != nil || at < off {
					return fmt.Errorf("%w: %d bytes were acknowledged, the upload stands at %q", errBroken, off, h.Get("Upload-Offset"))
				}
				off, broken = at, false
			}
			if off == len(sealed) {
				return nil
			}
			end := min(off+1+mathrand.IntN(64<<10), len(sealed))
			_, err := l.send(ctx, "PATCH", url, head("Upload-Offset", strconv.Itoa(off), "Content-Type", "application/offset+octet-stream"), sealed[off:end], nil)
			if err != nil {
				broken = true
				return err
			}
			l.promises.mu.Lock()
			l.chunks++
			l.bytes += int64(end - off)
			l.offsets[id] = int64(end)
			l.promises.mu.Unlock()
			off = end
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	return id, nil
}

// handOver shares the upload; a repeat carries the same act id.
func (l *load) handOver(ctx context.Context, submission, token, upload string, clip, sealed []byte) error {
	sum, salt := sha256.Sum256(clip), ledger.NewSalt()
	commitment := ledger.Commit("plaintext_sha256", salt, hex.EncodeToString(sum[:]))
	letter, err := json.Marshal(actor.Letter{PlaintextSHA256: hex.EncodeToString(sum[:]), PlaintextSalt: base64.StdEncoding.EncodeToString(salt[:])})
	if err != nil {
		return err
	}
	in := web.ClipHandover{Upload: upload, Vault: l.vault.String(), Plaintext: commitment[:]}
	if in.Letter, err = actor.Seal(letter, l.vault); err != nil {
		return err
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	header := http.Header{"Content-Type": {"application/json"}, "Upload-Token": {token}, "Porchlight-Act": {gate.NewActID()}}
	var done struct{ Item, Receipt string }
	err = l.patient(ctx, func() error {
		_, err := l.send(ctx, "POST", "/api/v1/submissions/"+submission+"/clips", header, body, &done)
		var p *web.Problem
		if errors.As(err, &p) && p.Status == http.StatusConflict { // voided by the crash: a new act
			header.Set("Porchlight-Act", gate.NewActID())
			return errors.New("again")
		}
		return err
	})
	if err != nil {
		return err
	}
	receipt, err := ledger.ParseReceipt([]byte(done.Receipt))
	if err != nil {
		return err
	}
	whole := sha256.Sum256(sealed)
	for _, d := range receipt.Disclosures {
		if d.Name == "ciphertext_sha256" && d.Value != hex.EncodeToString(whole[:]) {
			return fmt.Errorf("%w: the exchange holds another clip than was sent", errBroken)
		}
	}
	l.keep(receipt, func() {
		l.shared[done.Item] = hex.EncodeToString(whole[:])
		l.clips[done.Item] = sum
	})
	return nil
}

// keep notes a receipt and what it promises.
func (l *load) keep(r ledger.Receipt, also func()) {
	l.promises.mu.Lock()
	defer l.promises.mu.Unlock()
	l.receipts[r.Index] = r
	also()
}

// custodian triages and watches.
func (l *load) custodian(ctx context.Context) error {
	me := l.Police.Custodian
	for ctx.Err() == nil {
		var list web.ItemList
		err := l.patient(ctx, func() error { return me.Get(ctx, "/items?state=pending", &list) })
		if err != nil {
			return ignoreEnd(ctx, "the custodian lists", err)
		}
		for _, it := range list.Items[:min(3, len(list.Items))] {
			if err := l.triage(ctx, it.ID); err != nil {
				return ignoreEnd(ctx, "the custodian", err)
			}
		}
	}
	return nil
}

func (l *load) triage(ctx context.Context, item string) error {
	me := l.Police.Custodian
	var done web.ReceiptText
	err := l.patient(ctx, func() error {
		_, err := me.Act(ctx, "/items/"+item+"/triage", web.TriageInput{Accept: true, Case: testworld.Case, Category: "felony"}, &done)
		var p *web.Problem
		if errors.As(err, &p) && (p.Status == http.StatusForbidden || p.Status == http.StatusConflict) {
			return nil // accepted by the try whose answer did not come
		}
		return err
	})
	if err != nil {
		return err
	}
	if done.Receipt != "" {
		r, err := ledger.ParseReceipt([]byte(done.Receipt))
		if err != nil {
			return err
		}
		l.keep(r, func() { l.accepted[item] = true })
	}
	return l.patient(ctx, func() error {
		clip, _, err := me.View(ctx, item, "")
		var p *web.Problem
		if errors.As(err, &p) && p.Status == http.StatusGone { // the process that opened the view is gone
			return errors.New("again")
		}
		if err != nil {
			return err
		}
		l.promises.mu.Lock()
		defer l.promises.mu.Unlock()
		if want, ok := l.clips[item]; ok && want != sha256.Sum256(clip) {
			return fmt.Errorf("%w: the clip opens to something else", errBroken)
		}
		l.views++
		return nil
	})
}

// asking posts requests and has them moderated.
func (l *load) asking(ctx context.Context) error {
	for n := 0; ctx.Err() == nil; n++ {
		var r web.RequestView
		err := l.patient(ctx, func() (err error) {
			r, err = l.Police.Requester.Post(ctx, testworld.Draft(fmt.Sprintf("26-1%d", mathrand.Int32())))
			return err
		})
		if err != nil {
			return ignoreEnd(ctx, "the requester", err)
		}
		l.promises.mu.Lock()
		l.requests[r.ID] = "pending"
		l.promises.mu.Unlock()
		err = l.patient(ctx, func() error {
			err := l.Moderator.Moderate(ctx, r.ID)
			var p *web.Problem
			if errors.As(err, &p) && (p.Status == http.StatusForbidden || p.Status == http.StatusConflict) {
				return nil // done by the try whose answer did not come
			}
			return err
		})
		if err != nil {
			return ignoreEnd(ctx, "the moderator", err)
		}
		l.promises.mu.Lock()
		l.requests[r.ID] = "open"
		l.promises.mu.Unlock()
	}
	return nil
}

func ignoreEnd(ctx context.Context, who string, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("%s: %w", who, err)
}
