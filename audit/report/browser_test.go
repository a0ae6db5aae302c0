package report

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// Readers in a real browser: testdata/look.mjs says what is looked at. Needs
// node, the app's packages and chromium, as `make test` has. With REPORT_SHOTS=DIR
// the pictures are kept.
func TestReadInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes its time")
	}
	app, err := filepath.Abs("../../web/app")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(app, "node_modules")); err != nil {
		t.Skip("web/app/node_modules is missing: run make build")
	}
	script, err := filepath.Abs("testdata/look.mjs")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var files []string
	keep := func(name string, page []byte) {
		path := filepath.Join(dir, name+".html")
		if err := os.WriteFile(path, page, 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
	}
	for name, r := range samples() {
		for i := range r.Findings { // enough rows to look at, and not minutes of axe
			f := &r.Findings[i]
			f.Rows = f.Rows[:min(12, len(f.Rows))]
			f.Cases = f.Cases[:min(4, len(f.Cases))]
		}
		keep(name, []byte(html(t, r)))
	}
	var b bytes.Buffer
	if err := DiffHTML(&b, comparison(), Options{}); err != nil {
		t.Fatal(err)
	}
	keep("diff", b.Bytes())
	slices.Sort(files)
	cmd := exec.CommandContext(t.Context(), "node", append([]string{script, os.Getenv("REPORT_SHOTS")}, files...)...)
	cmd.Dir = app
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
