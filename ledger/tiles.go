package ledger

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/transparency-dev/tessera/api/layout"
)

// Fetch returns the file at a tlog-tiles path ("checkpoint", "tile/0/000") of
// a log; an error matching fs.ErrNotExist when there is none.
type Fetch func(ctx context.Context, path string) ([]byte, error)

// maxFile is the largest file of a log: a full bundle of the largest entries.
const maxFile = layout.EntryBundleWidth * (2 + MaxEntry)

// FetchFS reads a copy of a log, or a log's own directory.
func FetchFS(fsys fs.FS) Fetch {
	return func(_ context.Context, path string) ([]byte, error) {
		f, err := fsys.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return readAll(f, path)
	}
}

// FetchURL reads a log over HTTP from its URL prefix.
func FetchURL(c *http.Client, prefix string) Fetch {
	return func(ctx context.Context, path string) ([]byte, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(prefix, "/")+"/"+path, nil)
		if err != nil {
			return nil, err
		}
		resp, err := c.Do(req)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		switch resp.StatusCode {
		case http.StatusOK:
			return readAll(resp.Body, path)
		case http.StatusNotFound, http.StatusGone:
			return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
		}
		return nil, fmt.Errorf("%s: HTTP status %s", path, resp.Status)
	}
}

func readAll(r io.Reader, path string) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = errors.New("larger than any file of a log")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

// tile fetches a resource of width entries or hashes (1-256), which path names
// by its partial width; the full one does as well.
func (f Fetch) tile(ctx context.Context, path func(partial uint8) string, width int) (b []byte, name string, err error) {
	if width < layout.TileWidth {
		name = path(uint8(width))
		if b, err = f(ctx, name); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return b, name, err
		}
	}
	name = path(0)
	b, err = f(ctx, name)
	return b, name, err
}

// splitBundle returns the first n entries of an entry bundle (C2SP tlog-tiles).
func splitBundle(b []byte, n int) ([][]byte, error) {
	entries := make([][]byte, 0, n)
	for len(entries) < n {
		if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
			return entries, fmt.Errorf("holds %d entries, want %d", len(entries), n)
		}
		size := int(binary.BigEndian.Uint16(b))
		entries = append(entries, b[2:2+size])
		b = b[2+size:]
	}
	return entries, nil
}

// Handler serves the log as static files: "/checkpoint" and "/tile/..." (C2SP
// tlog-tiles). Mount it with http.StripPrefix. What no published checkpoint
// covers yet is 404.
func (l *Log) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		path := strings.TrimPrefix(r.URL.Path, "/")
		p, err := l.newest()
		if err != nil {
			http.Error(w, "the log cannot be read", http.StatusServiceUnavailable)
			return
		}
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*") // public and the same for all
		h.Set("X-Content-Type-Options", "nosniff")
		if path == layout.CheckpointPath {
			h.Set("Content-Type", "text/plain; charset=utf-8")
			h.Set("Cache-Control", "no-cache")
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(p.raw)))
			return
		}
		if !tilePublished(path, p.Size) {
			http.NotFound(w, r)
			return
		}
		f, err := os.Open(filepath.Join(l.o.Dir, filepath.FromSlash(path)))
		if err != nil { // a partial tile goes once the full one is there
			http.NotFound(w, r)
			return
		}
		defer f.Close()
		h.Set("Content-Type", "application/octet-stream")
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		http.ServeContent(w, r, "", time.Time{}, f)
	})
}

// tilePublished reports whether path is the one spelling of a tile's or entry
// bundle's path, and a log of size entries fills it.
func tilePublished(path string, size uint64) bool {
	p, ok := strings.CutPrefix(path, "tile/")
	level, rest, ok2 := strings.Cut(p, "/")
	if !ok || !ok2 {
		return false
	}
	index, width, err := layout.ParseTileIndexPartial(rest)
	if err != nil || index >= 1<<54 {
		return false
	}
	var lvl uint64
	if level == "entries" {
		ok = layout.EntriesPath(index, width) == path
	} else {
		lvl, err = strconv.ParseUint(level, 10, 8)
		ok = err == nil && lvl < 8 && layout.TilePath(lvl, index, width) == path
	}
	end := (index + 1) * layout.TileWidth // in nodes of that level
	if width > 0 {
		end = index*layout.TileWidth + uint64(width)
	}
	return ok && end <= size>>(8*lvl)
}
