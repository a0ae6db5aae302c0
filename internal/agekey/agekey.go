// Package agekey makes age X25519 identities out of secrets, as
// docs/architecture.md ("Keys") says and the browser does (web/app/src/lib/keys).
package agekey

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"strings"

	"filippo.io/age"
)

// What a secret is stretched for: the info of HKDF (RFC 5869).
const (
	Device             = "porchlight device v1"              // PRF output -> identity of a passkey's device
	CapabilityToken    = "porchlight capability token v1"    // link secret -> what the exchange is shown
	CapabilityIdentity = "porchlight capability identity v1" // link secret -> identity the agency writes to
)

// Stretch is HKDF-SHA256(secret, salt empty, info), 32 bytes.
func Stretch(secret []byte, info string) ([]byte, error) {
	if len(secret) < 16 {
		return nil, fmt.Errorf("agekey: a secret of %d bytes is too short", len(secret))
	}
	return hkdf.Key(sha256.New, secret, nil, info, 32)
}

// Identity is the age identity whose 32 bytes are Stretch(secret, info).
func Identity(secret []byte, info string) (*age.X25519Identity, error) {
	seed, err := Stretch(secret, info)
	if err != nil {
		return nil, err
	}
	return age.ParseX25519Identity(strings.ToUpper(bech32("age-secret-key-", seed)))
}

// bech32 encodes data under a human-readable part (BIP 173), in lower case.
func bech32(hrp string, data []byte) string {
	const alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	var fives []byte // data in groups of 5 bits
	acc, bits := 0, 0
	for _, b := range data {
		acc, bits = acc<<8|int(b), bits+8
		for ; bits >= 5; bits -= 5 {
			fives = append(fives, byte(acc>>(bits-5)&31))
		}
	}
	if bits > 0 {
		fives = append(fives, byte(acc<<(5-bits)&31))
	}
	check := 1 // checksum of the expanded human-readable part, the data and six zeros
	mix := func(v byte) {
		top := check >> 25
		check = check&0x1ffffff<<5 ^ int(v)
		for i, g := range [5]int{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 == 1 {
				check ^= g
			}
		}
	}
	for _, c := range []byte(hrp) {
		mix(c >> 5)
	}
	mix(0)
	for _, c := range []byte(hrp) {
		mix(c & 31)
	}
	for _, v := range fives {
		mix(v)
	}
	for range 6 {
		mix(0)
	}
	check ^= 1
	var out strings.Builder
	out.WriteString(hrp + "1")
	for _, v := range fives {
		out.WriteByte(alphabet[v])
	}
	for i := 5; i >= 0; i-- {
		out.WriteByte(alphabet[check>>(5*i)&31])
	}
	return out.String()
}
