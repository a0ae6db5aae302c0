package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// newServer answers people and programs: pages, feeds, long uploads.
func newServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// serveUntil has srv accept until ctx ends, then gives requests under way so long to finish.
func serveUntil(ctx context.Context, srv *http.Server, grace time.Duration, accept func() error) error {
	ended := make(chan error, 1)
	go func() { ended <- accept() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	return srv.Shutdown(deadline)
}
