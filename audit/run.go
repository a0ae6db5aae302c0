package audit

import (
	"context"
	"errors"

	"porchlight/searchlog"
)

// Run reads the sources and asks every question.
func Run(ctx context.Context, sources []searchlog.Source, o Options) (*Result, error) {
	return nil, errors.New("audit: not built yet")
}
