package save

import (
	"context"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"porchlight/audit"
)

// names are the files of a folder.
func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestFileIsWholeOrNotThere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "report.html")
	write := func(text string, err error) func(io.Writer) error {
		return func(w io.Writer) error {
			_, e := io.WriteString(w, text)
			return errors.Join(e, err)
		}
	}
	full := errors.New("disk full")
	if err := File(t.Context(), path, write("half", full)); !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
	if got := names(t, dir); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
	if err := File(t.Context(), path, write("first", nil)); err != nil {
		t.Fatal(err)
	}
	stopped, stop := context.WithCancel(t.Context())
	err := File(stopped, path, func(w io.Writer) error {
		io.WriteString(w, "sec")
		stop()
		_, err := io.WriteString(w, "ond")
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if text, _ := os.ReadFile(path); string(text) != "first" || len(names(t, dir)) != 1 {
		t.Errorf("%q in %v", text, names(t, dir))
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("others may read the report: %v %v", info.Mode(), err)
	}
}

func TestCSV(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tables")
	r := &audit.Result{Findings: []audit.Finding{{
		Rule: "x", Question: "=1+1", Rows: []audit.Row{{File: "a \"b\".csv", Line: 3, Words: "-2", Cells: map[string]string{"reason": "two\nlines, \"quoted\"", "case": "\t@SUM(A1)", "plate": "+49"}}},
	}}}
	if err := CSV(t.Context(), dir, r); err != nil {
		t.Fatal(err)
	}
	want := "agencies.csv cases.csv cells.csv files.csv findings.csv months.csv purposes.csv rows.csv searchers.csv"
	if got := strings.Join(names(t, dir), " "); got != want {
		t.Errorf("files %s", got)
	}
	f, err := os.Open(filepath.Join(dir, "rows.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	cell := map[string]string{}
	for i, name := range rows[0] {
		cell[name] = rows[1][i]
	}
	for name, want := range map[string]string{"file": `a "b".csv`, "line": "3", "words": "'-2", "reason": "two\nlines, \"quoted\"", "case": "'\t@SUM(A1)", "plate": "'+49", "rule": "x"} {
		if cell[name] != want {
			t.Errorf("%s is %q, want %q", name, cell[name], want)
		}
	}
	raw, err := os.ReadFile(filepath.Join(dir, "findings.csv"))
	if err != nil || !strings.Contains(string(raw), "'=1+1") || !strings.HasSuffix(string(raw), "\r\n") {
		t.Errorf("%q %v", raw, err)
	}

	// Stopped, it changes nothing and leaves nothing.
	stopped, stop := context.WithCancel(t.Context())
	stop()
	r.Findings = nil
	if err := CSV(stopped, dir, r); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if now, _ := os.ReadFile(filepath.Join(dir, "findings.csv")); string(now) != string(raw) || strings.Join(names(t, dir), " ") != want {
		t.Errorf("%q in %v", now, names(t, dir))
	}
}
