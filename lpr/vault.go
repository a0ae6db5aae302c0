package lpr

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"filippo.io/age"

	"porchlight/ledger"
	"porchlight/share/client"
)

// vault knows what one agency's pictures are sealed to: the recipient that the
// exchange names, once the ledger proves that the agency published it. What was
// proved is kept, with its receipts, so that a station that starts offline can
// seal; it is proved again from them. It never goes back to an older entry.
type vault struct {
	agency string
	file   string // where the proof is kept
	ledger ledger.Verifier
	get    func(ctx context.Context, path string) ([]byte, error)
	now    func() time.Time

	mu    sync.Mutex
	to    *age.X25519Recipient // nil: unknown, or the agency has none
	entry uint64
	at    time.Time // when it was last looked up
	err   error     // of the last look
}

// proof is what a vault's recipient is proved from.
type proof struct {
	Entry     uint64 `json:"entry"`     // of vault.publish
	Published string `json:"published"` // its receipt
	Enrolment string `json:"enrolment"` // receipt of the enrolment it names
}

// load takes what was proved before.
func (v *vault) load() error {
	text, err := os.ReadFile(v.file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	var p proof
	if err := json.Unmarshal(text, &p); err != nil {
		return fmt.Errorf("%s: %w", v.file, err)
	}
	return v.take(p)
}

// take makes the recipient that p proves the one to seal to.
func (v *vault) take(p proof) error {
	to, err := client.CheckVault(p.Published, p.Enrolment, v.ledger, v.agency, client.Plates)
	if err != nil {
		return fmt.Errorf("the plates vault of %s: %w", v.agency, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.to, v.entry = to, p.Entry
	return nil
}

// refresh looks whether the agency published another vault.
func (v *vault) refresh(ctx context.Context) error {
	err := v.look(ctx)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.at, v.err = v.now(), err
	return err
}

func (v *vault) look(ctx context.Context) error {
	text, err := v.get(ctx, "/api/v1/agencies/"+url.PathEscape(v.agency))
	if err != nil {
		return err
	}
	var told struct {
		Plates *struct{ Entry uint64 }
	}
	if err := json.Unmarshal(text, &told); err != nil {
		return fmt.Errorf("what the exchange says of %s cannot be read: %w", v.agency, err)
	}
	if told.Plates == nil {
		return fmt.Errorf("%s has no vault for pictures of plate reads: an administrator or custodian creates one; until then reads go without pictures", v.agency)
	}
	v.mu.Lock()
	known, entry := v.to != nil, v.entry
	v.mu.Unlock()
	switch {
	case known && told.Plates.Entry == entry:
		return nil
	case known && told.Plates.Entry < entry:
		return fmt.Errorf("the exchange names an older vault of %s (entry %d) than it did before (entry %d): pictures are still sealed to the newer one", v.agency, told.Plates.Entry, entry)
	}
	p := proof{Entry: told.Plates.Entry}
	if p.Published, err = v.receipt(ctx, p.Entry); err != nil {
		return err
	}
	r, err := client.Permitted(p.Published, v.ledger, "vault.publish")
	if err != nil {
		return fmt.Errorf("the plates vault of %s: %w", v.agency, err)
	}
	if r.Index != p.Entry {
		return fmt.Errorf("the receipt of entry %d is of entry %d", p.Entry, r.Index)
	}
	enrolment, err := strconv.ParseUint(r.Entry.Act.Public["enrolment"], 10, 64)
	if err != nil {
		return fmt.Errorf("entry %d names no enrolment", p.Entry)
	}
	if p.Enrolment, err = v.receipt(ctx, enrolment); err != nil {
		return err
	}
	if err := v.take(p); err != nil {
		return err
	}
	if text, err = json.Marshal(p); err != nil {
		return err
	}
	return replaceFile(v.file, text)
}

func (v *vault) receipt(ctx context.Context, entry uint64) (string, error) {
	text, err := v.get(ctx, fmt.Sprintf("/ledger/%d/receipt", entry))
	return string(text), err
}

// seal encrypts a picture; nil when nothing is known to seal it to.
func (v *vault) seal(picture []byte) ([]byte, error) {
	v.mu.Lock()
	to := v.to
	v.mu.Unlock()
	if to == nil {
		return nil, nil
	}
	var b bytes.Buffer
	w, err := age.Encrypt(&b, to)
	if err == nil {
		_, err = w.Write(picture)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("sealing a picture: %w", err)
	}
	return b.Bytes(), nil
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 2 << 20

// fetch reads a public page of the exchange.
func (s *Station) fetch(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.exchange+path, nil)
	if err != nil {
		return nil, err
	}
	res, err := s.HTTP.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the exchange cannot be reached: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("the exchange broke off: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return nil, problem(res, body)
	}
	return body, nil
}

// problem is an answer that is an error (RFC 9457).
func problem(res *http.Response, body []byte) error {
	var p struct{ Title, Detail string }
	if json.Unmarshal(body, &p) != nil || p.Title == "" {
		p.Title = "it says nothing more"
	}
	return fmt.Errorf("the exchange answered %d: %s", res.StatusCode, strings.TrimSuffix(p.Title+": "+p.Detail, ": "))
}

// replaceFile puts a file in place of another, durable on return.
func replaceFile(path string, data []byte) error {
	if err := writeFile(path+".new", data); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}
