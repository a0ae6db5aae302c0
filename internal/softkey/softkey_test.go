package softkey

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"testing"
)

const site = "https://exchange.example"

const createOptions = `{"rp":{"id":"exchange.example"},"user":{"id":"cDE"},"challenge":"AAAAAAAAAAAAAAAAAAAAAA",
	"extensions":{"prf":{"eval":{"first":"c2FsdA"}}}}`

const getOptions = `{"rpId":"exchange.example","challenge":"AAAAAAAAAAAAAAAAAAAAAA",
	"extensions":{"prf":{"eval":{"first":"c2FsdA"}}}}`

// counterAndPRF answers once and returns what the answer carries.
func counterAndPRF(t *testing.T, k *Key) (uint32, []byte) {
	t.Helper()
	answer, err := k.Get([]byte(getOptions), site)
	if err != nil {
		t.Fatal(err)
	}
	public, prf, err := Split(answer)
	if err != nil {
		t.Fatal(err)
	}
	if _, again, err := Split(public); err != nil || again != nil {
		t.Fatalf("the public part still carries the PRF output: %v", err)
	}
	var a struct {
		Response struct {
			Data b64 `json:"authenticatorData"`
		} `json:"response"`
	}
	if err := json.Unmarshal(public, &a); err != nil {
		t.Fatal(err)
	}
	return binary.BigEndian.Uint32(a.Response.Data[33:]), prf
}

func TestKeepsItsStateAsJSON(t *testing.T) {
	k := New()
	made, err := k.Create([]byte(createOptions), site)
	if err != nil {
		t.Fatal(err)
	}
	_, atCreate, err := Split(made)
	if err != nil {
		t.Fatal(err)
	}
	n1, prf1 := counterAndPRF(t, k)
	data, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	var back Key
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	n2, prf2 := counterAndPRF(t, &back)
	if n2 != n1+1 || len(prf1) != 32 || !bytes.Equal(prf1, prf2) || !bytes.Equal(prf1, atCreate) {
		t.Fatalf("counters %d, %d; PRF %x, %x, %x", n1, n2, atCreate, prf1, prf2)
	}
}

func TestAnswersOnlyItsSite(t *testing.T) {
	k := New()
	if _, err := k.Create([]byte(createOptions), "https://elsewhere.example"); err == nil {
		t.Fatal("a passkey was made for another site")
	}
	if _, err := k.Get([]byte(getOptions), site); !errors.Is(err, ErrNoCredential) {
		t.Fatalf("an empty key answered: %v", err)
	}
	if _, err := k.Create([]byte(createOptions), site); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Get([]byte(getOptions), "https://exchange.example.evil.example"); err == nil {
		t.Fatal("a passkey answered another site")
	}
}
