package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api/layout"
)

// Snapshot copies a log as its newest published checkpoint covers it into the
// empty directory dir, while the log goes on. Opened there with Open it goes on
// from that checkpoint. It returns how many entries the copy holds.
func Snapshot(ctx context.Context, from Fetch, dir string) (size uint64, err error) {
	if old, err := os.ReadDir(dir); err == nil && len(old) > 0 {
		return 0, fmt.Errorf("copying the ledger: %s is not empty", dir)
	}
	raw, err := from(ctx, "checkpoint")
	if err != nil {
		return 0, fmt.Errorf("copying the ledger: %w", err)
	}
	cp, _, _, err := openNote(raw)
	if err != nil {
		return 0, fmt.Errorf("copying the ledger: checkpoint: %w", err)
	}
	put := func(name string, data []byte) error {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		return os.WriteFile(path, data, 0o644)
	}
	// copyLevel copies the resources that hold n things, 256 a file.
	copyLevel := func(n uint64, path func(i uint64, partial uint8) string, cut func([]byte, int) ([]byte, error)) error {
		for i := uint64(0); i*layout.TileWidth < n; i++ {
			width := min(n-i*layout.TileWidth, layout.TileWidth)
			b, _, err := from.tile(ctx, func(p uint8) string { return path(i, p) }, int(width))
			if err != nil {
				return err
			}
			name := path(i, uint8(width%layout.TileWidth))
			if b, err = cut(b, int(width)); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if err := put(name, b); err != nil {
				return err
			}
		}
		return nil
	}
	err = copyLevel(cp.Size, layout.EntriesPath, func(b []byte, n int) ([]byte, error) {
		entries, err := splitBundle(b, n)
		if err != nil {
			return nil, err
		}
		used := 0
		for _, e := range entries {
			used += 2 + len(e)
		}
		return b[:used], nil
	})
	for level, n := uint64(0), cp.Size; err == nil && n > 0; level, n = level+1, n/layout.TileWidth {
		err = copyLevel(n, func(i uint64, p uint8) string { return layout.TilePath(level, i, p) }, func(b []byte, n int) ([]byte, error) {
			if len(b) < n*rfc6962.DefaultHasher.Size() {
				return nil, errors.New("too short")
			}
			return b[:n*rfc6962.DefaultHasher.Size()], nil
		})
	}
	if err != nil {
		return 0, fmt.Errorf("copying the ledger: %w", err)
	}
	// What Tessera's POSIX driver keeps beside the tiles.
	state, err := json.Marshal(map[string]any{"size": cp.Size, "root": slices.Clone(cp.Root[:])})
	if err != nil {
		return 0, err
	}
	return cp.Size, errors.Join(put(".state/treeState", state), put(".state/version", []byte("1")), put("checkpoint", raw))
}
