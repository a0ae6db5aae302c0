// Package modelstest hands the models to tests.
package modelstest

import (
	"os"
	"path/filepath"
	"testing"

	"porchlight/vision/models"
)

// Dir is the folder of the models. Where they are absent the test is skipped; in
// CI, whose setup fetches them, it fails.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := models.Dir()
	if err == nil {
		_, err = os.Stat(filepath.Join(dir, "libonnxruntime.so.1"))
	}
	switch {
	case err == nil:
		return dir
	case os.Getenv("CI") != "":
		t.Fatalf("the models are missing: run porchlight vision setup: %v", err)
	default:
		t.Skip("SKIPPED: the models are missing; run porchlight vision setup")
	}
	return ""
}
