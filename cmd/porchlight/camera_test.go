package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"porchlight/plate/intake"
)

// runCamera runs `porchlight camera ...`.
func runCamera(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	root, _ := newRootCmd()
	var b bytes.Buffer
	root.SetOut(&b)
	root.SetErr(io.Discard)
	root.SetArgs(append([]string{"camera"}, args...))
	err = root.ExecuteContext(t.Context())
	return b.String(), err
}

func TestCameraSendsWhatItsKeySigned(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var got *http.Request
	var body []byte
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(status)
		if status == http.StatusOK {
			io.WriteString(w, `{"fresh":1}`+"\n")
		} else {
			io.WriteString(w, `{"title":"Which camera is this?","detail":"no such camera"}`)
		}
	}))
	defer server.Close()

	key := filepath.Join(dir, "camera.key")
	public, err := runCamera(t, "keygen", key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := runCamera(t, "keygen", key); err == nil {
		t.Error("a key was overwritten")
	}
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	reads := file("reads.json", `{"sequence": 5, "reads": [{"plate": "ZZT1234", "seen": "2026-11-20T09:00:00Z"}]}`)
	out, err := runCamera(t, "send", "--url", server.URL, "--camera", "01kq", "--key", key, reads)
	if err != nil || strings.TrimSpace(out) != `{"fresh":1}` {
		t.Fatalf("%q, %v", out, err)
	}
	pub, err := base64.StdEncoding.DecodeString(strings.TrimSpace(public))
	if err != nil {
		t.Fatal(err)
	}
	signature, err := base64.StdEncoding.DecodeString(got.Header.Get("Porchlight-Signature"))
	if err != nil || !ed25519.Verify(pub, append([]byte("porchlight.batch.v1\n01kq\n"), body...), signature) {
		t.Errorf("the signature does not verify: %v", err)
	}
	b, err := intake.ParseBatch(got.Header.Get("Content-Type"), body)
	if err != nil || got.URL.Path != "/api/v1/plates/batches" || b.Camera != "01kq" || b.Sequence != 5 || b.Sent.IsZero() || len(b.Reads) != 1 {
		t.Errorf("%s %+v, %v", got.URL.Path, b, err)
	}

	csv := file("reads.csv", "plate,time\nZZT1,2026-11-20 09:00:00\n")
	if _, err := runCamera(t, "send", "--url", server.URL, "--token", file("token", "secret\n"), csv); err != nil {
		t.Fatal(err)
	}
	if got.Header.Get("Authorization") != "Bearer secret" || got.URL.Path != "/api/v1/plates/reads" || !strings.HasPrefix(string(body), "plate,time") {
		t.Errorf("%s %v %q", got.URL.Path, got.Header, body)
	}
	status = http.StatusUnauthorized
	if _, err := runCamera(t, "send", "--url", server.URL, "--token", filepath.Join(dir, "token"), csv); err == nil || !strings.Contains(err.Error(), "Which camera is this?") {
		t.Errorf("%v", err)
	}
	for _, args := range [][]string{{"send", csv}, {"send", "--key", key, csv}, {"send", "--camera", "x", "--key", key, "--token", key, reads},
		{"send", "--camera", "x", "--key", csv, reads}, {"send", "--camera", "x", "--key", key, csv}} {
		if _, err := runCamera(t, args...); err == nil {
			t.Errorf("%q went through", args)
		}
	}
}
