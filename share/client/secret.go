package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"porchlight/internal/agekey"

	"filippo.io/age"
)

// Secret is the 16 bytes of a link: what its bearer has instead of an account.
type Secret []byte

// NewSecret makes one.
func NewSecret() Secret {
	s := make(Secret, 16)
	rand.Read(s)
	return s
}

// Link is the address of the page at path that the secret opens.
func (s Secret) Link(url, path string) string {
	return url + path + "#" + base64.RawURLEncoding.EncodeToString(s)
}

// Identity opens what is written to the bearer.
func (s Secret) Identity() (*age.X25519Identity, error) {
	return agekey.Identity(s, agekey.CapabilityIdentity)
}

// Capability is the header that shows the secret's token.
func (s Secret) Capability() (http.Header, error) {
	token, err := agekey.Stretch(s, agekey.CapabilityToken)
	if err != nil {
		return nil, err
	}
	return http.Header{"Authorization": {"Capability " + base64.RawURLEncoding.EncodeToString(token)}}, nil
}

// Holder is what the exchange is told of the bearer: the token's hash, and the
// recipient to write to.
func (s Secret) Holder() (hash []byte, recipient string, err error) {
	token, err := agekey.Stretch(s, agekey.CapabilityToken)
	if err != nil {
		return nil, "", err
	}
	id, err := s.Identity()
	if err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(token)
	return sum[:], id.Recipient().String(), nil
}

// Next makes a secret to replace s at the exchange, and what that must be told of it:
// the token's hash, the recipient, and all secrets before it sealed to it. past is
// what s has of those itself.
func (s Secret) Next(past []byte) (next Secret, link NextLink, err error) {
	before, err := s.before(past)
	if err != nil {
		return nil, link, err
	}
	list, err := json.Marshal(append(before, base64.RawURLEncoding.EncodeToString(s)))
	if err != nil {
		return nil, link, err
	}
	next = NewSecret()
	id, err := next.Identity()
	if err != nil {
		return nil, link, err
	}
	if link.Past, err = Seal(list, id.Recipient()); err != nil {
		return nil, link, err
	}
	link.Hash, link.Recipient, err = next.Holder()
	return next, link, err
}

// NextLink is what the exchange is told of a link that replaces another.
type NextLink struct {
	Hash      []byte `json:"owner_hash"`
	Recipient string `json:"recipient"`
	Past      []byte `json:"past"`
}

// before are the secrets in past, oldest first, base64url.
func (s Secret) before(past []byte) (all []string, err error) {
	if len(past) == 0 {
		return nil, nil
	}
	list, err := s.Open(past)
	if err == nil {
		err = json.Unmarshal(list, &all)
	}
	return all, err
}

// OpenAny reads a letter to the bearer, or to who bore one of the links that this one
// replaced: those are in past.
func (s Secret) OpenAny(past, sealed []byte) ([]byte, error) {
	text, err := s.Open(sealed)
	if err == nil {
		return text, nil
	}
	before, bad := s.before(past)
	for _, old := range before {
		if old, bad := base64.RawURLEncoding.DecodeString(old); bad == nil {
			if text, bad := Secret(old).Open(sealed); bad == nil {
				return text, nil
			}
		}
	}
	return nil, errors.Join(err, bad)
}

// Open reads a letter to the bearer.
func (s Secret) Open(sealed []byte) ([]byte, error) {
	id, err := s.Identity()
	if err != nil {
		return nil, err
	}
	r, err := age.Decrypt(bytes.NewReader(sealed), id)
	if err != nil {
		return nil, fmt.Errorf("this cannot be opened: %w", err)
	}
	return io.ReadAll(io.LimitReader(r, maxAnswer))
}

// Get reads what everybody may read, or with a secret its bearer, into out. *Problem.
func (x *Exchange) Get(ctx context.Context, path string, s Secret, out any) error {
	header := http.Header{}
	if s != nil {
		var err error
		if header, err = s.Capability(); err != nil {
			return err
		}
	}
	return x.api(ctx, http.MethodGet, path, header, nil, out)
}

// Act makes an act of somebody without an account, and checks the receipt that it
// returns: of a permitted act of that name and id. Repeating it with the same id
// is harmless. ErrUnproved, *Problem.
func (x *Exchange) Act(ctx context.Context, id, path, action string, s Secret, in any) (receipt string, err error) {
	header := http.Header{}
	if s != nil {
		if header, err = s.Capability(); err != nil {
			return "", err
		}
	}
	header.Set("Porchlight-Act", id)
	var out struct{ Receipt string }
	if err := x.api(ctx, http.MethodPost, path, header, in, &out); err != nil {
		return "", err
	}
	r, err := Permitted(out.Receipt, x.Ledger, action)
	if err == nil && r.Entry.Act.ID != id {
		err = unproved("entry %d is another act", r.Index)
	}
	return out.Receipt, err
}

// Post sends what is no act and answers nothing. *Problem.
func (x *Exchange) Post(ctx context.Context, path string) error {
	return x.api(ctx, http.MethodPost, path, nil, nil, nil)
}

// formTakes is a little longer than the exchange wants a form to take.
const formTakes = 5 * time.Second

// Form fetches a form that anybody may send, and waits until it can be sent.
func (x *Exchange) Form(ctx context.Context, path string) (string, error) {
	var form struct{ Form string }
	if err := x.Get(ctx, path, nil, &form); err != nil {
		return "", err
	}
	return form.Form, x.wait(ctx, formTakes)
}

// Proves checks one receipt that a file of the exchange carries: of a permitted
// act of that name whose public values are at least these. ErrUnproved.
func (x *Exchange) Proves(receipt, action string, entry uint64, public map[string]string) error {
	r, err := Permitted(receipt, x.Ledger, action)
	if err != nil {
		return err
	}
	if r.Index != entry {
		return unproved("the receipt is of entry %d, not %d", r.Index, entry)
	}
	for name, value := range public {
		if r.Entry.Act.Public[name] != value {
			return unproved("entry %d says another %s", entry, name)
		}
	}
	return nil
}
