package searchlog

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// shared is the folder of public records beside the project; tests that need it
// are skipped where it is absent.
func shared(t *testing.T, path string) string {
	t.Helper()
	p := filepath.Join("../../shared/data", path)
	if _, err := os.Stat(p); err != nil {
		t.Skipf("%s is absent: the public records lie outside the project", p)
	}
	return p
}

func TestSharedPortals(t *testing.T) {
	oracle, err := os.Open(shared(t, "portals-oracle.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer oracle.Close()
	rows, err := csv.NewReader(oracle).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{}
	for _, row := range rows[1:] {
		n, err := strconv.Atoi(row[2])
		if err != nil {
			t.Fatal(err)
		}
		want["../../shared/data/portals/"+row[0]+"/"+row[1]+"_search_audit.csv"] = n
	}

	got, seen := readPaths(t, Options{}, shared(t, "portals"))
	if len(got.Files) != 168 {
		t.Errorf("%d files, want 168", len(got.Files))
	}
	total, unique := 0, 0
	for _, f := range got.Files {
		if f.Variant != "portal" {
			t.Errorf("%s: variant %q", f.Path, f.Variant)
		}
		if n := f.Rows + f.Duplicate; n != want[f.Path] {
			t.Errorf("%s: %d rows, the portal says %d", f.Path, n, want[f.Path])
		}
		if f.SetAsideRows != 0 || len(f.Repairs) != 0 {
			t.Errorf("%s: set aside %v, repairs %v", f.Path, f.SetAside, f.Repairs)
		}
		for _, d := range f.Repeated {
			if d.Different {
				t.Errorf("%s:%d differs from %s:%d", f.Path, d.Line, d.OfFile, d.OfLine)
			}
		}
		total += f.Rows + f.Duplicate
		unique += f.Rows
	}
	if total != 81354 {
		t.Errorf("%d rows, want 81,354", total)
	}
	if unique != len(seen) {
		t.Errorf("%d searches visited, %d counted", len(seen), unique)
	}
}

func TestSharedAudits(t *testing.T) {
	for _, c := range []struct {
		path, variant string
		rows          int
	}{
		{"eugene/FlockAuditLogs_EPDSearchAuditLogs.csv", "portal-cameras", 4294},
		{"okaloosa/organization-audit-2025-11.csv", "frame-apart", 7273},
	} {
		got, _ := readPaths(t, Options{}, shared(t, c.path))
		f := got.Files[0]
		if f.Variant != c.variant || f.Rows != c.rows || f.SetAsideRows != 0 || f.Duplicate != 0 || len(f.Repairs) != 0 || f.First.Year() != 2025 || f.Last.Year() != 2025 {
			t.Errorf("%s: variant %s, %d rows, %d repeated, %d set aside, repairs %v %v %v", c.path, f.Variant, f.Rows, f.Duplicate, f.SetAsideRows, f.Repairs, f.SetAside, f.Repeated)
		}
	}
}

func TestSharedSharing(t *testing.T) {
	got, _ := readPaths(t, Options{}, shared(t, "sharing"), shared(t, "portals-oracle.csv"))
	if len(got.Shares) != 37099 {
		t.Errorf("%d shares, want 37,099 (37,100 lines with the header)", len(got.Shares))
	}
	for _, f := range got.Files {
		if strings.Contains(f.Path, "agency_access") {
			if f.Variant != "sharing-edges" || f.Sharing != 37099 {
				t.Errorf("%s: %+v", f.Path, f)
			}
		} else if f.Variant != "" || len(f.Warnings) != 1 || f.Rows != 0 || f.SetAsideRows == 0 {
			t.Errorf("%s: %+v", f.Path, f)
		}
	}
}

func TestSharedWorkbooks(t *testing.T) {
	got, _ := readPaths(t, Options{}, shared(t, "eugene"))
	if len(got.Files) != 19 {
		t.Errorf("%d files and sheets, want 19", len(got.Files))
	}
	for _, f := range got.Files {
		switch {
		case strings.HasSuffix(f.Path, "AuditLogs.csv"):
			if f.Rows != 4294 {
				t.Errorf("%s: %d searches, want 4,294", f.Path, f.Rows)
			}
		case strings.HasSuffix(f.Path, "#Log"):
			// The workbook's log has two searches more, and 81 of them twice.
			if f.Variant != "portal-cameras" || f.Rows != 2 || f.Duplicate != 4375 || f.SetAsideRows != 0 {
				t.Errorf("%s: variant %s, %d searches, %d repeated, %d set aside", f.Path, f.Variant, f.Rows, f.Duplicate, f.SetAsideRows)
			}
		case f.Variant != "" || f.Rows != 0 || len(f.Warnings) == 0:
			t.Errorf("%s is no log: variant %q, %d rows, %v", f.Path, f.Variant, f.Rows, f.Warnings)
		}
	}
}
