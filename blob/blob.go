// Package blob keeps large opaque bytes (ciphertext) that grow by appending and
// are then only read or deleted.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
)

// Store keeps blobs by id. Ids are lower-case letters, digits and dashes, 4 to
// 64 of them. One writer at a time per id is the caller's duty; reads may run
// beside it.
type Store interface {
	// Append writes r at offset, which must be the blob's present size (0 for a
	// new one), and returns how many bytes are durable. When r fails midway the
	// bytes before the failure are kept and counted. ErrOffset when the blob has
	// another size, ErrFull when the disk has no room; the blob then keeps n
	// bytes more than before and can go on later.
	Append(ctx context.Context, id string, offset int64, r io.Reader) (n int64, err error)
	// Truncate cuts the blob to size, undoing what was appended after it.
	Truncate(ctx context.Context, id string, size int64) error
	// Open gives the blob's bytes and size. ErrNotFound when there is none.
	Open(ctx context.Context, id string) (io.ReadSeekCloser, int64, error)
	// Delete removes the blob durably. Deleting nothing is no error.
	Delete(ctx context.Context, id string) error
}

// Errors callers branch on.
var (
	ErrNotFound = errors.New("blob: not found")
	ErrOffset   = errors.New("blob: offset is not the size")
	ErrFull     = errors.New("blob: no space left")
)

// Dir is a Store in a directory, the embedded default.
type Dir struct{ root string }

var validID = regexp.MustCompile(`^[a-z0-9-]{4,64}$`)

// OpenDir opens or creates a store in the directory root.
func OpenDir(root string) (*Dir, error) {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, fmt.Errorf("opening blobs: %w", err)
	}
	return &Dir{root}, nil
}

// path spreads blobs over folders named by the last two characters of the id:
// ULIDs made together share their beginning.
func (d *Dir) path(id string) (string, error) {
	if !validID.MatchString(id) {
		return "", fmt.Errorf("%w: bad id", ErrNotFound)
	}
	return filepath.Join(d.root, id[len(id)-2:], id), nil
}

// Append implements Store.
func (d *Dir) Append(ctx context.Context, id string, offset int64, r io.Reader) (n int64, err error) {
	path, err := d.path(id)
	if err != nil {
		return 0, err
	}
	fresh := offset == 0
	if fresh {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return 0, full(err)
		}
	}
	flags := os.O_WRONLY
	if fresh {
		flags |= os.O_CREATE
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return 0, full(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if info.Size() != offset {
		return 0, fmt.Errorf("%w: %d, size is %d", ErrOffset, offset, info.Size())
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return 0, err
	}
	n, err = io.CopyBuffer(onlyWriter{f}, onlyReader{r, ctx}, make([]byte, 1<<20))
	if e := f.Sync(); e != nil {
		return 0, errors.Join(full(err), full(e), f.Truncate(offset))
	}
	if fresh {
		if e := syncDir(filepath.Dir(path), d.root); e != nil {
			return 0, e
		}
	}
	return n, full(err)
}

// onlyWriter and onlyReader keep io.CopyBuffer to its buffer, so that memory
// stays flat and a cancelled context ends the copy between two reads.
type onlyWriter struct{ io.Writer }

type onlyReader struct {
	r   io.Reader
	ctx context.Context
}

func (o onlyReader) Read(p []byte) (int, error) {
	if err := o.ctx.Err(); err != nil {
		return 0, err
	}
	return o.r.Read(p)
}

// Truncate implements Store.
func (d *Dir) Truncate(_ context.Context, id string, size int64) error {
	path, err := d.path(id)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) && size == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		return err
	}
	return f.Sync()
}

// Open implements Store.
func (d *Dir) Open(_ context.Context, id string) (io.ReadSeekCloser, int64, error) {
	path, err := d.path(id)
	if err != nil {
		return nil, 0, err
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, 0, ErrNotFound
	}
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// Delete implements Store.
func (d *Dir) Delete(_ context.Context, id string) error {
	path, err := d.path(id)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dirs ...string) error {
	for _, dir := range dirs {
		f, err := os.Open(dir)
		if err != nil {
			return err
		}
		err = f.Sync()
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// full marks errors that mean the disk has no room.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}
