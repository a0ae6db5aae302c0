package agekey_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"testing"

	"filippo.io/age"

	"porchlight/identity"
	"porchlight/internal/agekey"
)

// vectors are shared with web/app/src/lib/keys/keys.test.ts.
type vectors struct {
	Device []struct {
		PRF       []byte `json:"prf"` // base64
		Identity  string `json:"identity"`
		Recipient string `json:"recipient"`
	} `json:"device"`
	Capability []struct {
		Secret    string `json:"secret"` // base64url, as in the link
		Token     string `json:"token"`  // base64url
		Identity  string `json:"identity"`
		Recipient string `json:"recipient"`
	} `json:"capability"`
	Challenge []struct {
		Nonce     string `json:"nonce"` // base64url
		Act       string `json:"act"`
		Challenge string `json:"challenge"` // base64url
	} `json:"challenge"`
}

func TestVectors(t *testing.T) {
	data, err := os.ReadFile("../../testdata/keys/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Device) == 0 || len(v.Capability) == 0 || len(v.Challenge) == 0 {
		t.Fatal("vectors are missing")
	}
	check := func(what string, secret []byte, info, identity, recipient string) {
		t.Helper()
		id, err := agekey.Identity(secret, info)
		if err != nil {
			t.Fatal(err)
		}
		if id.String() != identity || id.Recipient().String() != recipient {
			t.Errorf("%s: got %s, %s", what, id, id.Recipient())
		}
	}
	for _, d := range v.Device {
		check("device", d.PRF, agekey.Device, d.Identity, d.Recipient)
	}
	for _, c := range v.Capability {
		secret, err := base64.RawURLEncoding.DecodeString(c.Secret)
		if err != nil {
			t.Fatal(err)
		}
		check("capability", secret, agekey.CapabilityIdentity, c.Identity, c.Recipient)
		token, err := agekey.Stretch(secret, agekey.CapabilityToken)
		if err != nil {
			t.Fatal(err)
		}
		if got := base64.RawURLEncoding.EncodeToString(token); got != c.Token {
			t.Errorf("token %s, want %s", got, c.Token)
		}
	}
	for _, c := range v.Challenge {
		nonce, err := base64.RawURLEncoding.DecodeString(c.Nonce)
		if err != nil {
			t.Fatal(err)
		}
		got := identity.ActChallenge([32]byte(nonce), []byte(c.Act))
		if s := base64.RawURLEncoding.EncodeToString(got[:]); s != c.Challenge {
			t.Errorf("challenge %s, want %s", s, c.Challenge)
		}
	}
}

func TestIdentityIsAnAgeKey(t *testing.T) {
	for i := range 64 {
		secret := make([]byte, 32)
		secret[0] = byte(i)
		id, err := agekey.Identity(secret, agekey.Device)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := age.ParseX25519Identity(id.String()); err != nil || again.Recipient().String() != id.Recipient().String() {
			t.Fatalf("%s does not round-trip: %v", id, err)
		}
	}
	if _, err := agekey.Identity([]byte("short"), agekey.Device); err == nil {
		t.Fatal("a short secret was taken")
	}
}
