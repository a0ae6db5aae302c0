package capability

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"testing"

	"filippo.io/age"
)

func sealed(t testing.TB, text string) ([]byte, *age.X25519Identity) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := age.Encrypt(&b, id.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	w.Write([]byte(text))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), id
}

func TestHolder(t *testing.T) {
	_, id := sealed(t, "")
	token := bytes.Repeat([]byte{7}, 32)
	hash := sha256.Sum256(token)
	h, err := New(hash[:], id.Recipient().String())
	if err != nil {
		t.Fatal(err)
	}
	if got := Owner(base64.RawURLEncoding.EncodeToString(token)); got != h.Owner {
		t.Errorf("her token shows %q, kept is %q", got, h.Owner)
	}
	for _, bad := range []string{"", "AAAA", base64.StdEncoding.EncodeToString(token)} {
		if Owner(bad) != "" {
			t.Errorf("%q is somebody's token", bad)
		}
	}
	if _, err := New(hash[:31], h.Recipient); !errors.Is(err, ErrInput) {
		t.Error(err)
	}
	if _, err := New(hash[:], "age1none"); !errors.Is(err, ErrInput) {
		t.Error(err)
	}
}

func TestSealed(t *testing.T) {
	b, _ := sealed(t, "hello")
	if err := CheckSealed(b, len(b)); err != nil {
		t.Error(err)
	}
	for name, bad := range map[string][]byte{
		"plain": []byte("hello"), "cut": b[:len(b)-10], "header only": b[:bytes.Index(b, []byte("\n--- "))+50], "empty": nil,
	} {
		if err := CheckSealed(bad, 1000); !errors.Is(err, ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := CheckSealed(b, len(b)-1); !errors.Is(err, ErrInput) {
		t.Error("longer than allowed")
	}
}

func FuzzCheckSealed(f *testing.F) {
	b, _ := sealed(f, "seed")
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) { CheckSealed(b, 1<<16) })
}
