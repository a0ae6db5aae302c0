package web_test

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"porchlight/audit"
	"porchlight/audit/report"
	"porchlight/internal/loggen"
	"porchlight/searchlog"
	"porchlight/web/app"
)

// A log dropped on the page says what the command line says, and never leaves
// the device: app/test/logs.mjs does the dropping. Needs the built app, node and
// chromium, as `make test` has.
func TestAuditInTheBrowser(t *testing.T) {
	t.Parallel()
	if !app.Built() {
		t.Skip("the app is not built: make build")
	}
	const rows, state = 40_000, "IL" // eight blocks of the reader
	log := filepath.Join(t.TempDir(), "network-audit.csv")
	f, err := os.Create(log)
	check(t, err)
	made, err := loggen.New(7, loggen.Options{Variant: "network13", Rows: rows, Plants: true})
	check(t, err)
	check(t, made.Write(f, nil))
	check(t, f.Close())

	site := httptest.NewServer(newTown(t).server)
	defer site.Close()
	cmd := script(t, "logs.mjs", site.URL, log, state)
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	check(t, err)
	var seen struct {
		Seconds  float64
		Progress int // different states of the bar on the way
		JSON     json.RawMessage
	}
	check(t, json.Unmarshal(text, &seen))
	t.Logf("%d rows in %.1f s, %d steps of progress", rows, seen.Seconds, seen.Progress)
	if seen.Progress < 2 {
		t.Errorf("the bar moved %d times", seen.Progress)
	}

	sources, err := searchlog.Find([]string{log}, nil)
	check(t, err)
	want, err := audit.Run(t.Context(), sources, audit.Options{State: state})
	check(t, err)
	var got audit.Result
	check(t, json.Unmarshal(seen.JSON, &got))
	// The same but for the moment, and where the file lies.
	got.Made, want.Made = time.Time{}, time.Time{}
	var a, b bytes.Buffer
	check(t, report.JSON(&a, &got))
	check(t, report.JSON(&b, want))
	if x, y := bytes.ReplaceAll(b.Bytes(), []byte(log), []byte(filepath.Base(log))), a.Bytes(); !bytes.Equal(x, y) {
		i := 0
		for i < min(len(x), len(y)) && x[i] == y[i] {
			i++
		}
		t.Errorf("the browser says otherwise than the command line, from byte %d:\n%.300s\ncommand line:\n%.300s", i, y[max(0, i-100):], x[max(0, i-100):])
	}
}
