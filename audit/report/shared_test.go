package report

import (
	"os"
	"path/filepath"
	"testing"

	"porchlight/audit"
	"porchlight/searchlog"
)

// With REPORT_OUT=DIR and REPORT_IN=PATH a report is made of the logs there, to be looked at. Nothing of them is kept in the project.
func TestWriteReal(t *testing.T) {
	in, out := os.Getenv("REPORT_IN"), os.Getenv("REPORT_OUT")
	if in == "" || out == "" {
		t.Skip("REPORT_IN and REPORT_OUT are not set")
	}
	sources, err := searchlog.Find([]string{in}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := audit.Run(t.Context(), sources, audit.Options{State: os.Getenv("REPORT_STATE")})
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*audit.Result{"raw": r, "redacted": r.Redact(nil)} {
		base := filepath.Join(out, filepath.Base(in)+"-"+name)
		for format, text := range formats(t, r) {
			if err := os.WriteFile(base+"."+format, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
