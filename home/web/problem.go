package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"syscall"

	"porchlight/home/devices"
	"porchlight/internal/problem"
)

// ErrNotFound is for rooms: there is no such thing.
var ErrNotFound = errors.New("home: not found")

// kinds maps the errors of the rooms to problems, first match wins. What is not
// listed is an internal error: logged, and not told.
var kinds = []struct {
	err    error
	status int
	typ    string
	title  string
}{
	{devices.ErrCode, 403, problem.SignIn, "This code does not work"},
	{devices.ErrTooMany, 429, problem.Unavailable, "Too many tries"},
	{devices.ErrName, 422, problem.Invalid, "The device needs a name"},
	{devices.ErrNotFound, 404, problem.NotFound, "Not found"},
	{ErrNotFound, 404, problem.NotFound, "Not found"},
	{syscall.ENOSPC, 507, problem.Full, "The disk is full"},
}

// problem is the one place where errors become HTTP problems.
func (s *Server) problem(ctx context.Context, err error) error {
	var p *problem.Problem
	if errors.As(err, &p) {
		return p
	}
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			_, detail, _ := strings.Cut(k.err.Error(), ": ") // without the package's name
			return &problem.Problem{Type: k.typ, Title: k.title, Status: k.status, Detail: detail}
		}
	}
	if ctx.Err() == nil {
		s.Logger.Error("request failed", "err", err)
	}
	return problem.OurFault()
}

// fail is problem for plain handlers.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	problem.Write(w, s.problem(r.Context(), err).(*problem.Problem))
}

// absent is the answer of a room that is not there.
func absent(detail string) error {
	return &problem.Problem{Type: problem.Unavailable, Title: "Not set up", Status: http.StatusServiceUnavailable, Detail: detail}
}
