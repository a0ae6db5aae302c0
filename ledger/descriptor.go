package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Descriptor is how an exchange introduces itself: served at
// /.well-known/porchlight.json and put into packages as exchange.json. It says
// which keys to check with; it does not prove that they are the right ones.
type Descriptor struct {
	Name         string              `json:"name"`
	Origin       string              `json:"origin"`
	LogKey       string              `json:"log_key"` // vkey
	Witnesses    []DescriptorWitness `json:"witnesses"`
	Quorum       int                 `json:"quorum"`       // witnesses that the exchange itself waits for
	Ledger       string              `json:"ledger"`       // URL prefix of checkpoint and tiles
	Jurisdiction string              `json:"jurisdiction"` // e.g. "us-il"
}

// DescriptorWitness names a witness.
type DescriptorWitness struct {
	Name string `json:"name"`
	Key  string `json:"key"` // vkey, cosignature/v1
}

// MaxDescriptor is the largest descriptor read, in bytes.
const MaxDescriptor = 64 << 10

// ParseDescriptor reads a descriptor and checks that its keys can be used.
// Unknown fields are left out, so that later exchanges can say more.
func ParseDescriptor(data []byte) (Descriptor, error) {
	var d Descriptor
	if len(data) > MaxDescriptor {
		return d, fmt.Errorf("exchange descriptor: %d bytes, at most %d", len(data), MaxDescriptor)
	}
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&d); err != nil {
		return d, fmt.Errorf("exchange descriptor: %w", err)
	}
	if _, err := d.Verifier().keys(); err != nil {
		return d, fmt.Errorf("exchange descriptor: %w", err)
	}
	return d, nil
}

// Verifier returns what d says to check with.
func (d Descriptor) Verifier() Verifier {
	v := Verifier{Origin: d.Origin, LogKey: d.LogKey, Quorum: d.Quorum}
	for _, w := range d.Witnesses {
		v.Witnesses = append(v.Witnesses, w.Key)
	}
	return v
}

// UncheckedKey is the claim that a key was taken from a descriptor that came
// with what is checked.
func UncheckedKey(from, key string) Claim {
	var r Report
	r.say(NotProved, "key", "file", from, "key", key)
	return r.Claims[0]
}
