package searchlog

import (
	"context"
	"errors"
	"io"
)

// Find expands paths: files, folders (all the way down), zips (members are
// found when read), globs, and "-" for standard input. Sources come in order of
// path, each once. A path that names nothing is an error.
func Find(paths []string, stdin io.Reader) ([]Source, error) {
	return nil, errors.New("searchlog: not built yet")
}

// Read reads the sources. It calls visitor once for each worker and hands the
// searches out among them. It ends early, with the context's error, when ctx
// does; otherwise trouble with one source is told in its File and reading goes on.
func Read(ctx context.Context, sources []Source, o Options, visitor func() Visitor) (*Reading, error) {
	return nil, errors.New("searchlog: not built yet")
}
