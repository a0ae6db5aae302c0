package models

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Source is where packages come from: one of the two is set.
type Source struct {
	Registry string // address of an npm registry
	Folder   string // with tarballs as `npm pack` names them
}

// Fetch puts what is missing into dir. Each package is read once, as a stream;
// a file appears under its name only when it is whole and its hash is right, so
// Fetch may be stopped at any time and run again. progress, which may be nil, is
// told how many bytes of a package were read.
func Fetch(ctx context.Context, dir string, from Source, progress func(p Package, read, of int64)) error {
	return fetch(ctx, dir, Missing(dir), from, progress)
}

func fetch(ctx context.Context, dir string, missing []File, from Source, progress func(Package, int64, int64)) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for len(missing) > 0 {
		p := missing[0].Package
		files := slices.DeleteFunc(slices.Clone(missing), func(f File) bool { return f.Package != p })
		missing = slices.DeleteFunc(missing, func(f File) bool { return f.Package == p })
		parts, err := unpack(ctx, p, from, files, progress)
		if err != nil {
			return fmt.Errorf("package %s: %w", p, err)
		}
		for _, f := range files {
			if err := f.place(dir, parts); err != nil {
				return fmt.Errorf("package %s: %s: %w", p, f.Name, err)
			}
		}
	}
	return nil
}

// place makes the file of its parts and puts it into the folder.
func (f File) place(dir string, parts map[string][]byte) error {
	var list [][]byte
	for _, path := range f.Paths {
		list = append(list, parts[path])
	}
	data := list[0]
	if f.convert != nil {
		var err error
		if data, err = f.convert(list); err != nil {
			return err
		}
	}
	if !f.is(data) {
		return fmt.Errorf("the result has the hash %s, expected %s", sum(data), f.SHA256)
	}
	tmp, err := os.CreateTemp(dir, ".part-")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), filepath.Join(dir, f.Name))
}

// unpack reads a package and hands out the parts that the files are made of.
func unpack(ctx context.Context, p *Package, from Source, files []File, progress func(Package, int64, int64)) (map[string][]byte, error) {
	src, size, err := open(ctx, p, from)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	hash := sha256.New()
	whole := io.TeeReader(&counter{src, 0, func(n int64) {
		if progress != nil {
			progress(*p, n, size)
		}
	}}, hash)
	parts, err := extract(whole, files)
	if err == nil {
		_, err = io.Copy(io.Discard, whole) // to the end, so that the hash is the tarball's
	}
	if err != nil {
		return nil, err
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != p.SHA256 {
		return nil, fmt.Errorf("its hash is %s, expected %s: this is another package", got, p.SHA256)
	}
	for _, f := range files {
		for _, path := range f.Paths {
			if parts[path] == nil {
				return nil, fmt.Errorf("%s is not in it", path)
			}
		}
	}
	return parts, nil
}

// largest is how long a part may be; the runtime is 47 MB.
const largest = 256 << 20

func extract(r io.Reader, files []File) (map[string][]byte, error) {
	unzipped, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	parts, archive := map[string][]byte{}, tar.NewReader(unzipped)
	for {
		h, err := archive.Next()
		if err == io.EOF {
			return parts, nil
		}
		if err != nil {
			return nil, err
		}
		name := strings.TrimPrefix(h.Name, "package/")
		if !slices.ContainsFunc(files, func(f File) bool { return slices.Contains(f.Paths, name) }) {
			continue
		}
		if h.Size > largest {
			return nil, fmt.Errorf("%s is too large", name)
		}
		if parts[name], err = io.ReadAll(archive); err != nil {
			return nil, err
		}
	}
}

// open finds a package's tarball, and its size or -1.
func open(ctx context.Context, p *Package, from Source) (io.ReadCloser, int64, error) {
	if from.Registry == "" {
		name := strings.NewReplacer("@", "", "/", "-").Replace(p.Name) + "-" + p.Version + ".tgz"
		f, err := os.Open(filepath.Join(from.Folder, name))
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("no %s in %s; `npm pack %s` fetches it", name, from.Folder, p)
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
	address, err := url.JoinPath(from.Registry, p.Name, "-", path.Base(p.Name)+"-"+p.Version+".tgz")
	if err != nil {
		return nil, 0, fmt.Errorf("address of the registry: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, 0, fmt.Errorf("the registry cannot be reached; on a machine that can, run `npm pack %s`, and bring the file: %w", p, err)
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		return nil, 0, fmt.Errorf("the registry answers %s", res.Status)
	}
	return res.Body, res.ContentLength, nil
}

// counter tells how much was read.
type counter struct {
	io.Reader
	n    int64
	told func(int64)
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	c.told(c.n)
	return n, err
}
