// Package save puts reports on a disk: a file is there whole or not at all.
package save

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"porchlight/audit"
	"porchlight/audit/report"
)

// File writes one file through a temporary one beside it. When write fails or
// ctx ends, what stood at path before stands there still. Only its owner may
// read the file: reports may hold personal data.
func File(ctx context.Context, path string, write func(io.Writer) error) error {
	tmp, err := stage(ctx, path, write)
	if err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return errors.Join(fmt.Errorf("save: put %s in place: %w", path, err), os.Remove(tmp))
	}
	return nil
}

// stage writes what shall become path beside it, to the disk, and answers with
// its name. Nothing is left when it fails.
func stage(ctx context.Context, path string, write func(io.Writer) error) (tmp string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".part-*")
	if err != nil {
		return "", fmt.Errorf("save: write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("save: write %s: %w", path, err), os.Remove(f.Name()))
		}
	}()
	err = write(until{ctx, f})
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = f.Sync()
	}
	return f.Name(), errors.Join(err, f.Close())
}

// until is a writer that fails once ctx has ended.
type until struct {
	ctx context.Context
	w   io.Writer
}

func (u until) Write(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.w.Write(p)
}

// CSV writes one file for each table of r into dir, which is made where it is
// missing. The files are put in place when all are written; until then, and
// when one fails or ctx ends, those of before stand.
func CSV(ctx context.Context, dir string, r *audit.Result) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("save: make the folder of the tables: %w", err)
	}
	var staged [][2]string
	defer func() {
		for _, s := range staged { // what is not in place
			if gone := os.Remove(s[0]); gone != nil && !errors.Is(gone, os.ErrNotExist) {
				err = errors.Join(err, gone)
			}
		}
	}()
	for _, t := range report.Tables(r) {
		path := filepath.Join(dir, t.Name+".csv")
		tmp, err := stage(ctx, path, t.WriteCSV)
		if err != nil {
			return err
		}
		staged = append(staged, [2]string{tmp, path})
	}
	for _, s := range staged {
		if err := os.Rename(s[0], s[1]); err != nil {
			return fmt.Errorf("save: put %s in place: %w", s[1], err)
		}
	}
	return nil
}
