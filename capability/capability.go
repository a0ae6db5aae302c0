// Package capability is what somebody without an account holds: a secret in a
// link. Of it the exchange keeps a hash of the token that shows it, and the age
// recipient to write to its bearer with; docs/architecture.md, Keys, says how
// both are derived on her device (package internal/agekey, web/app/src/lib/seal).
package capability

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"

	"filippo.io/age"
)

// ErrInput: what was sent is no capability or no sealed letter; the message says why.
var ErrInput = errors.New("capability: this cannot be used")

// Holder is what is kept of a bearer. It changes only when she takes a new link.
type Holder struct {
	Owner     string // lower-case hex SHA-256 of her 32-byte token
	Recipient string // age X25519 recipient
}

// New checks what a device sent of a new capability: the token's hash and the
// recipient. ErrInput.
func New(hash []byte, recipient string) (Holder, error) {
	if len(hash) != sha256.Size {
		return Holder{}, fmt.Errorf("%w: a token's hash has 32 bytes", ErrInput)
	}
	if _, err := age.ParseX25519Recipient(recipient); err != nil {
		return Holder{}, fmt.Errorf("%w: the recipient is not an age X25519 recipient", ErrInput)
	}
	return Holder{hex.EncodeToString(hash), recipient}, nil
}

// Hash is what is kept of a token (base64url, 32 bytes): its SHA-256, nil when it
// is none.
func Hash(token string) []byte {
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) != 32 {
		return nil
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

// Next is a link that takes the place of another, as its bearer's device sends it.
type Next struct {
	Hash      []byte // SHA-256 of its 32-byte token
	Recipient string // its age X25519 recipient
	// Past is an age file to Recipient that holds the secrets of the links before it,
	// so that she reads on what was sealed to those. Nobody else opens it.
	Past []byte
}

// MaxPast is the longest Next.Past, in bytes.
const MaxPast = 4 << 10

// Holder checks n, which is to replace the link of an owner. ErrInput.
func (n Next) Holder(owner string) (Holder, error) {
	h, err := New(n.Hash, n.Recipient)
	if err == nil && h.Owner == owner {
		err = fmt.Errorf("%w: it is the same link", ErrInput)
	}
	if err == nil {
		err = CheckSealed(n.Past, MaxPast)
	}
	return h, err
}

// Owner is the Holder.Owner of who shows token, "" when it is no token, which no
// holder has.
func Owner(token string) string { return hex.EncodeToString(Hash(token)) }

// CheckSealed returns ErrInput when b cannot be an age file of at most that many
// bytes. Whether its readers can open it, nobody here can tell.
func CheckSealed(b []byte, most int) error {
	if len(b) > most {
		return fmt.Errorf("%w: what is sealed has more than %d bytes", ErrInput, most)
	}
	header, err := age.ExtractHeader(bytes.NewReader(b))
	if err != nil {
		return fmt.Errorf("%w: it is not an age file", ErrInput)
	}
	if len(b) < len(header)+32 { // the payload's nonce and one empty chunk
		return fmt.Errorf("%w: what is sealed is cut short", ErrInput)
	}
	return nil
}
