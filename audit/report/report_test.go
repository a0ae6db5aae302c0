package report

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"porchlight/audit"
)

// samples are the results that every format is tried on.
func samples() map[string]*audit.Result {
	raw := sample()
	return map[string]*audit.Result{"raw": raw, "redacted": raw.Redact([]byte("test")), "empty": {}}
}

func html(t *testing.T, r *audit.Result) string {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, r, Options{Version: "test", Command: "porchlight audit records --state IL"}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// With REPORT_OUT=DIR the reports are kept, to be looked at.
func TestWrite(t *testing.T) {
	out := os.Getenv("REPORT_OUT")
	if out == "" {
		t.Skip("REPORT_OUT is not set")
	}
	for name, r := range samples() {
		if err := os.WriteFile(filepath.Join(out, name+".html"), []byte(html(t, r)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
