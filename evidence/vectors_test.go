package evidence

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"
)

var update = flag.Bool("update", false, "make testdata/age anew; then run `npm test -- vault` in web/app, which writes partner-header.txt")

// vectorPlain is three chunks and a bit; the browser's test knows it too.
func vectorPlain() []byte {
	b := make([]byte, 3*64*1024+1000)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

// The vectors that lib/vault reads (clip.age, identity.txt, partner.txt), and
// the header that it made for the partner: both sides open both.
func TestAgeVectors(t *testing.T) {
	dir := filepath.Join("testdata", "age")
	if *update {
		owner, partner := newIdentity(t), newIdentity(t)
		for name, data := range map[string][]byte{
			"identity.txt": []byte(owner.String() + "\n"), "partner.txt": []byte(partner.String() + "\n"),
			"clip.age": seal(t, vectorPlain(), owner.Recipient()),
		} {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		os.Remove(filepath.Join(dir, "partner-header.txt"))
		return
	}
	read := func(name string) []byte {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, side := range []struct{ identity, header string }{{"identity.txt", ""}, {"partner.txt", "partner-header.txt"}} {
		ids, err := age.ParseIdentities(bytes.NewReader(read(side.identity)))
		if err != nil {
			t.Fatal(err)
		}
		header, payload, err := cutHeader(read("clip.age"))
		if err != nil {
			t.Fatal(err)
		}
		if side.header != "" {
			header = read(side.header)
			if _, err := ParseHeader(header); err != nil {
				t.Fatalf("the browser's header: %v", err)
			}
		}
		r, err := age.Decrypt(io.MultiReader(bytes.NewReader(header), bytes.NewReader(payload)), ids...)
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := io.ReadAll(r); err != nil || !bytes.Equal(plain, vectorPlain()) {
			t.Fatalf("%s: %d bytes, %v", side.identity, len(plain), err)
		}
	}
}
