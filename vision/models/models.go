// Package models says which networks Porchlight uses, where they come from, under
// which licence and with which hash, and puts them into a folder.
package models

import (
	"os"
	"path/filepath"
)

// Dir is the folder of the models: $PORCHLIGHT_MODELS, or porchlight/models among
// the user's cached files.
func Dir() (string, error) {
	if dir := os.Getenv("PORCHLIGHT_MODELS"); dir != "" {
		return dir, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "porchlight", "models"), nil
}
