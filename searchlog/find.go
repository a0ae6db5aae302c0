package searchlog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Find expands paths: files, folders (all the way down, hidden files left out),
// zips (members are found when read), globs, and "-" for standard input.
// Sources come in order of path, each once. A path that names nothing is an
// error.
func Find(paths []string, stdin io.Reader) ([]Source, error) {
	var files []string
	input := false
	for _, path := range paths {
		if path == "-" {
			input = true
			continue
		}
		found, err := expand(path)
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	slices.Sort(files)
	var out []Source
	if input {
		if stdin == nil {
			return nil, errors.New("searchlog: no standard input to read")
		}
		out = append(out, Source{Name: "-", Size: -1, Open: func() (io.ReadCloser, error) { return io.NopCloser(stdin), nil }})
	}
	for _, path := range slices.Compact(files) {
		size := int64(-1)
		if i, err := os.Stat(path); err == nil && i.Mode().IsRegular() {
			size = i.Size()
		}
		out = append(out, Source{Name: filepath.ToSlash(path), Size: size, Open: func() (io.ReadCloser, error) { return os.Open(path) }})
	}
	return out, nil
}

// expand is the files that a path names.
func expand(path string) ([]string, error) {
	names := []string{path}
	if _, err := os.Stat(path); err != nil {
		// A file's name may have brackets in it: a pattern is what is no file.
		if names, err = filepath.Glob(path); err != nil || len(names) == 0 {
			if strings.ContainsAny(path, "*?[") {
				return nil, fmt.Errorf("searchlog: no file matches %s", path)
			}
			return nil, fmt.Errorf("searchlog: %s: there is no such file or folder", path)
		}
	}
	var out []string
	for _, name := range names {
		i, err := os.Stat(name)
		if err != nil {
			return nil, fmt.Errorf("searchlog: %w", err)
		}
		if !i.IsDir() {
			out = append(out, filepath.Clean(name))
			continue
		}
		err = filepath.WalkDir(name, func(p string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return fmt.Errorf("searchlog: reading the folder %s: %w", p, err)
			case p != name && strings.HasPrefix(d.Name(), "."):
				if d.IsDir() {
					return filepath.SkipDir
				}
			case !d.IsDir():
				out = append(out, filepath.Clean(p))
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
