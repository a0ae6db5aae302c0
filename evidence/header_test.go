package evidence

import (
	"bufio"
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"

	"filippo.io/age"
)

// seal returns a real age file for the recipients.
func seal(t testing.TB, plain []byte, to ...age.Recipient) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := age.Encrypt(&b, to...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func newIdentity(t testing.TB) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestSplitHeader(t *testing.T) {
	a, b := newIdentity(t), newIdentity(t)
	file := seal(t, []byte("clip"), a.Recipient(), b.Recipient())
	r := bufio.NewReader(bytes.NewReader(file))
	header, err := SplitHeader(r)
	if err != nil {
		t.Fatal(err)
	}
	payload, _ := io.ReadAll(r)
	if !bytes.Equal(append(bytes.Clone(header), payload...), file) {
		t.Fatal("header and payload are not the file")
	}
	if h, _ := ParseHeader(header); h.Recipients != 2 {
		t.Fatalf("%d recipients, want 2", h.Recipients)
	}
	key, err := age.DecryptHeader(header, b)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := age.Decrypt(bytes.NewReader(file), age.NewInjectedFileKeyIdentity(key))
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := io.ReadAll(plain); string(got) != "clip" {
		t.Fatalf("decrypted %q", got)
	}
}

func TestParseHeaderRefuses(t *testing.T) {
	id := newIdentity(t)
	file := seal(t, []byte("x"), id.Recipient())
	header, err := SplitHeader(bufio.NewReader(bytes.NewReader(file)))
	if err != nil {
		t.Fatal(err)
	}
	scrypt, err := age.NewScryptRecipient("words")
	if err != nil {
		t.Fatal(err)
	}
	scrypt.SetWorkFactor(1)
	cases := map[string][]byte{
		"empty":     nil,
		"truncated": header[:len(header)-1],
		"trailing":  append(bytes.Clone(header), 'x'),
		"no stanza": []byte("age-encryption.org/v1\n--- " + string(header[len(header)-44:])),
		"version":   bytes.Replace(header, []byte("/v1"), []byte("/v2"), 1),
		"crlf":      bytes.ReplaceAll(header, []byte("\n"), []byte("\r\n")),
		"scrypt":    seal(t, []byte("x"), scrypt),
		"long":      bytes.Repeat([]byte("a"), MaxHeader+1),
	}
	for name, data := range cases {
		if _, err := ParseHeader(data); !errors.Is(err, ErrHeader) {
			t.Errorf("%s: %v, want ErrHeader", name, err)
		}
	}
}

// What ParseHeader accepts, age reads too, to the same bytes.
func FuzzParseHeader(f *testing.F) {
	id := newIdentity(f)
	header, err := SplitHeader(bufio.NewReader(bytes.NewReader(seal(f, []byte("x"), id.Recipient()))))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(header)
	f.Add([]byte("age-encryption.org/v1\n-> X25519 \n--- "))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := ParseHeader(data); err != nil {
			return
		}
		again, err := age.ExtractHeader(bytes.NewReader(data))
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("age reads %q, %v", again, err)
		}
	})
}

// sealKey makes an age header for a given file key, which age itself does not
// offer: the same few lines as web/app/src/lib/vault/age.ts.
func sealKey(t testing.TB, key []byte, to *age.X25519Recipient) []byte {
	t.Helper()
	stanzas, err := to.Wrap(key)
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawStdEncoding.EncodeToString
	text := "age-encryption.org/v1\n"
	for _, s := range stanzas {
		text += "-> " + s.Type + " " + strings.Join(s.Args, " ") + "\n" + b64(s.Body) + "\n"
	}
	text += "---"
	macKey, err := hkdf.Key(sha256.New, key, nil, "header", 32)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, macKey)
	io.WriteString(mac, text)
	return []byte(text + " " + b64(mac.Sum(nil)) + "\n")
}
