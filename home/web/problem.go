package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"porchlight/home/cameras"
	"porchlight/home/devices"
	"porchlight/home/record"
	"porchlight/internal/problem"
	"porchlight/video"
)

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
	{cameras.ErrNotFound, 404, problem.NotFound, "Not found"},
	{cameras.ErrInvalid, 422, problem.Invalid, "This cannot be a camera"},
	{cameras.ErrPassword, 422, problem.Invalid, "The camera does not let us in"},
	{cameras.ErrNoRoute, 422, problem.Invalid, "The camera does not answer"},
	{cameras.ErrNoPath, 422, problem.Invalid, "The camera has no such stream"},
	{cameras.ErrNoVideo, 422, problem.Invalid, "The camera sends no picture"},
	{cameras.ErrCodec, 422, problem.Invalid, "The camera's picture cannot be recorded"},
	{cameras.ErrFolder, 422, problem.Invalid, "The folder cannot be read"},
	{record.ErrNotFound, 404, problem.NotFound, "No footage"},
	{record.ErrTwice, 409, problem.Conflict, "Imported before"},
	{record.ErrFull, 507, problem.Full, "The disk is full"},
	{video.ErrNoPicture, 422, problem.Invalid, "No film"},
	{video.ErrNothing, 422, problem.Invalid, "Nothing can be cut there"},
	{video.ErrNoFFmpeg, 503, problem.Unavailable, "ffmpeg is missing"},
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
			detail := err.Error()
			if !errors.Is(err, cameras.ErrInvalid) { // the others may say more than a page should
				detail = strings.TrimPrefix(k.err.Error(), "devices: ")
			}
			return &problem.Problem{Type: k.typ, Title: k.title, Status: k.status, Detail: sentence(detail)}
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

// sentence writes an error as people read it.
func sentence(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:] + "."
}
