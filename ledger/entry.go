// Package ledger is the exchange's transparency log: what an entry says, how
// it is appended and published, the receipt that proves it, the checks anyone
// can run offline, and the witness that keeps the log to one history.
//
// It follows the C2SP specifications tlog-tiles, tlog-checkpoint, tlog-proof,
// tlog-cosignature and tlog-witness, and the Merkle tree of RFC 6962.
package ledger

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// MaxEntry is the largest encoded entry, in bytes; tlog-tiles allows no more.
const MaxEntry = 64<<10 - 1

// Entry is the public record of one act that reached the gate, permitted or
// refused. Entries are never changed and hold nothing personal: what is private
// stands in them only as a Commitment.
type Entry struct {
	V        int      `json:"v"` // format, 1
	Act      Act      `json:"act"`
	Decision Decision `json:"decision"`
	// Signature commits to the passkey assertion over the act (name
	// "signature"); absent for acts nobody signs with a passkey.
	Signature *Commitment `json:"signature,omitempty"`
}

// Act is what somebody asked to do, as the world may read it. A passkey signs
// SHA-256(nonce || Act.Bytes()), so the signature covers every private value
// through its commitment.
type Act struct {
	ID     string `json:"id"`               // ULID made by the client; the idempotency key
	Action string `json:"action"`           // e.g. "request.post"; the Cedar action
	Actor  string `json:"actor"`            // role acted in: resident, requester, custodian, admin, moderator, auditor, operator, system
	Agency string `json:"agency,omitempty"` // ORI of the actor's agency
	Hour   string `json:"hour"`             // start of the UTC hour of the act, RFC 3339
	// Public values anyone may read, e.g. "request": "<id>", "incident": "theft".
	Public map[string]string `json:"public,omitempty"`
	// Private values, each committed under its own name, e.g. "case", "person", "item", "at".
	Private map[string]Commitment `json:"private,omitempty"`
}

// Decision is what policy said of an act.
type Decision struct {
	Permit bool     `json:"permit"`
	Rules  []string `json:"rules"` // ids of the policies that determined it, sorted
	// Packs names each law pack consulted and the lower-case hex SHA-256 of its text.
	Packs map[string]string `json:"packs"`
}

// Commitment is SHA-256 over a name, a random salt and a value; see Commit.
type Commitment [sha256.Size]byte

// Salt hides a committed value until it is disclosed.
type Salt [32]byte

// Disclosure opens one commitment: whoever holds it can show that the entry
// was about this value.
type Disclosure struct {
	Name  string
	Salt  Salt
	Value string
}

// NewSalt returns a fresh random salt.
func NewSalt() (s Salt) {
	rand.Read(s[:]) // never fails (crypto/rand)
	return s
}

// Commit returns SHA-256("porchlight.commit.v1\n" || name || "\n" || salt || value).
// The same computation runs in the browser (web/app/src/lib/ledger).
func Commit(name string, salt Salt, value string) Commitment {
	h := sha256.New()
	fmt.Fprintf(h, "porchlight.commit.v1\n%s\n", name)
	h.Write(salt[:])
	h.Write([]byte(value))
	return Commitment(h.Sum(nil))
}

// Commitment returns the commitment that d opens.
func (d Disclosure) Commitment() Commitment { return Commit(d.Name, d.Salt, d.Value) }

// MarshalText encodes a commitment as standard base64.
func (c Commitment) MarshalText() ([]byte, error) {
	return base64.StdEncoding.AppendEncode(nil, c[:]), nil
}

// UnmarshalText decodes what MarshalText wrote and refuses any other length.
func (c *Commitment) UnmarshalText(text []byte) error {
	b, err := base64.StdEncoding.Strict().DecodeString(string(text))
	if err != nil {
		return fmt.Errorf("commitment: %w", err)
	}
	if len(b) != len(c) {
		return fmt.Errorf("commitment: %d bytes, want %d", len(b), len(c))
	}
	copy(c[:], b)
	return nil
}

// Bytes is the one encoding of an act: JSON, fields in declared order, map keys
// sorted, no HTML escaping, no trailing newline.
func (a Act) Bytes() []byte { return encode(a) }

// Bytes is the one encoding of an entry, and the leaf data of the log.
func (e Entry) Bytes() []byte { return encode(e) }

func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("ledger: encoding plain data: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// ParseEntry decodes the leaf data of the log. It refuses unknown fields,
// unknown versions, and any bytes that are not exactly what Bytes gives back,
// so that an entry has one reading.
func ParseEntry(data []byte) (Entry, error) {
	if len(data) > MaxEntry {
		return Entry{}, fmt.Errorf("entry: %d bytes, at most %d", len(data), MaxEntry)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var e Entry
	if err := dec.Decode(&e); err != nil {
		return Entry{}, fmt.Errorf("entry: %w", err)
	}
	if e.V != 1 {
		return Entry{}, fmt.Errorf("entry: version %d, this program knows 1", e.V)
	}
	if !bytes.Equal(e.Bytes(), data) {
		return Entry{}, fmt.Errorf("entry: not in canonical form")
	}
	return e, nil
}
