// Package modelstest hands the models to tests.
package modelstest

import (
	"os"
	"testing"

	"porchlight/vision/models"
)

// Dir is the folder of the models. Where they are absent the test is skipped; in
// CI, whose setup fetches them, it fails.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := models.Dir()
	if err != nil {
		t.Fatal(err)
	}
	missing := models.Missing(dir)
	switch {
	case len(missing) == 0:
		return dir
	case os.Getenv("CI") != "":
		t.Fatalf("%s is not in %s: %v", missing[0].Name, dir, models.ErrMissing)
	default:
		t.Skipf("SKIPPED: %s is not in %s: %v", missing[0].Name, dir, models.ErrMissing)
	}
	return ""
}
