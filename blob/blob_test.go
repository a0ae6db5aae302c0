package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// conformance is what every Store must do.
func conformance(t *testing.T, open func(t *testing.T) Store) {
	ctx := context.Background()
	read := func(t *testing.T, s Store, id string) string {
		t.Helper()
		r, size, err := s.Open(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		b, err := io.ReadAll(r)
		if err != nil || int64(len(b)) != size {
			t.Fatalf("read %d of %d bytes: %v", len(b), size, err)
		}
		return string(b)
	}
	t.Run("append in pieces", func(t *testing.T) {
		s := open(t)
		for i, p := range []string{"one ", "two ", "three"} {
			off := []int64{0, 4, 8}[i]
			if n, err := s.Append(ctx, "blob", off, strings.NewReader(p)); err != nil || n != int64(len(p)) {
				t.Fatal(n, err)
			}
		}
		if got := read(t, s, "blob"); got != "one two three" {
			t.Errorf("%q", got)
		}
	})
	t.Run("wrong offset changes nothing", func(t *testing.T) {
		s := open(t)
		s.Append(ctx, "blob", 0, strings.NewReader("abc"))
		for _, off := range []int64{0, 2, 4} {
			if n, err := s.Append(ctx, "blob", off, strings.NewReader("X")); !errors.Is(err, ErrOffset) || n != 0 {
				t.Errorf("offset %d: %d, %v", off, n, err)
			}
		}
		if got := read(t, s, "blob"); got != "abc" {
			t.Errorf("%q", got)
		}
	})
	t.Run("a broken source keeps what came before", func(t *testing.T) {
		s := open(t)
		broken := errors.New("connection lost")
		n, err := s.Append(ctx, "blob", 0, io.MultiReader(strings.NewReader("kept"), iotest.ErrReader(broken)))
		if n != 4 || !errors.Is(err, broken) {
			t.Fatal(n, err)
		}
		if n, err := s.Append(ctx, "blob", 4, strings.NewReader(" on")); n != 3 || err != nil {
			t.Fatal(n, err)
		}
		if got := read(t, s, "blob"); got != "kept on" {
			t.Errorf("%q", got)
		}
	})
	t.Run("truncate, delete, not found", func(t *testing.T) {
		s := open(t)
		s.Append(ctx, "blob", 0, strings.NewReader("abcdef"))
		if err := s.Truncate(ctx, "blob", 2); err != nil {
			t.Fatal(err)
		}
		if got := read(t, s, "blob"); got != "ab" {
			t.Errorf("%q", got)
		}
		for range 2 {
			if err := s.Delete(ctx, "blob"); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := s.Open(ctx, "blob"); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	})
	t.Run("path tricks", func(t *testing.T) {
		s := open(t)
		for _, id := range []string{"", "../../etc/passwd", "a/b/c", "..aa", "UPPER", strings.Repeat("a", 65), "nul\x00aa"} {
			if _, err := s.Append(ctx, id, 0, bytes.NewReader(nil)); !errors.Is(err, ErrNotFound) {
				t.Errorf("Append(%q): %v", id, err)
			}
			if _, _, err := s.Open(ctx, id); !errors.Is(err, ErrNotFound) {
				t.Errorf("Open(%q): %v", id, err)
			}
			if err := s.Delete(ctx, id); !errors.Is(err, ErrNotFound) {
				t.Errorf("Delete(%q): %v", id, err)
			}
		}
	})
}

func TestDir(t *testing.T) {
	conformance(t, func(t *testing.T) Store {
		d, err := OpenDir(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return d
	})
}

// TestDirFull writes to the device that is always full.
func TestDirFull(t *testing.T) {
	root := t.TempDir()
	d, err := OpenDir(root)
	if err != nil {
		t.Fatal(err)
	}
	os.MkdirAll(filepath.Join(root, "ob"), 0o700)
	if err := os.Symlink("/dev/full", filepath.Join(root, "ob", "blob")); err != nil {
		t.Fatal(err)
	}
	n, err := d.Append(t.Context(), "blob", 0, strings.NewReader("no room"))
	if n != 0 || !errors.Is(err, ErrFull) {
		t.Errorf("%d, %v, want ErrFull", n, err)
	}
}
