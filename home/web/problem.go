package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"porchlight/home/ask"
	"porchlight/home/cameras"
	"porchlight/home/devices"
	"porchlight/home/faces"
	"porchlight/home/notify"
	"porchlight/home/pets"
	"porchlight/home/record"
	"porchlight/home/register"
	"porchlight/home/send"
	"porchlight/internal/problem"
	"porchlight/internal/push"
	"porchlight/share/client"
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
	{cameras.ErrSilent, 422, problem.Invalid, "The camera sends nothing"},
	{cameras.ErrCodec, 422, problem.Invalid, "The camera's picture cannot be recorded"},
	{cameras.ErrFolder, 422, problem.Invalid, "The folder cannot be read"},
	{ask.ErrNotFound, 404, problem.NotFound, "Not found"},
	{ask.ErrOver, 409, problem.Conflict, "The request is over"},
	{send.ErrNotFound, 404, problem.NotFound, "Not found"},
	{send.ErrState, 409, problem.Conflict, "Not possible now"},
	{send.ErrFootage, 404, problem.NotFound, "No footage"},
	{send.ErrEdits, 422, problem.Invalid, "These edits cannot be made"},
	{send.ErrChanged, 409, problem.Conflict, "Changed meanwhile"},
	{client.ErrTooLong, 422, problem.Invalid, "Too long"},
	{client.ErrUnproved, 502, problem.Unavailable, "The ledger does not prove it"},
	{notify.ErrSettings, 422, problem.Invalid, "These settings cannot be used"},
	{push.ErrBrowser, 422, problem.Invalid, "This browser's subscription cannot be used"},
	{notify.ErrOff, 409, problem.Conflict, "Not set up"},
	{faces.ErrNotFound, 404, problem.NotFound, "Not found"},
	{faces.ErrFull, 409, problem.Conflict, "Enough people"},
	{faces.ErrConsent, 422, problem.Invalid, "Consent is missing"},
	{faces.ErrName, 422, problem.Invalid, "A name is missing"},
	{faces.ErrPicture, 422, problem.Invalid, "The picture will not do"},
	{faces.ErrPictures, 409, problem.Conflict, "Enough pictures"},
	{faces.ErrPlace, 422, problem.Invalid, "Where is the house?"},
	{faces.ErrOff, 409, problem.Conflict, "Familiar Faces is off"},
	{pets.ErrNotFound, 404, problem.NotFound, "Not found"},
	{register.ErrNotFound, 404, problem.NotFound, "Not found"},
	{register.ErrElsewhere, 409, problem.Conflict, "Changed elsewhere"},
	{record.ErrNotFound, 404, problem.NotFound, "No footage"},
	{record.ErrTwice, 409, problem.Conflict, "Imported before"},
	{record.ErrFilm, 404, problem.NotFound, "Not found"},
	{record.ErrPiece, 409, problem.Conflict, "It goes on elsewhere"},
	{record.ErrFilmSize, 422, problem.Invalid, "Too large"},
	{record.ErrFilmState, 409, problem.Conflict, "Not possible now"},
	{record.ErrFull, 507, problem.Full, "The disk is full"},
	{video.ErrNoPicture, 422, problem.Invalid, "No film"},
	{video.ErrNothing, 422, problem.Invalid, "Nothing can be cut there"},
	{video.ErrMixed, 409, problem.Conflict, "The picture changes"},
	{video.ErrNoFFmpeg, 503, problem.Unavailable, "ffmpeg is missing"},
	{syscall.ENOSPC, 507, problem.Full, "The disk is full"},
}

// packages begin the errors of some rooms.
var packages = map[string]bool{"devices": true, "ask": true, "send": true, "home/pets": true, "home/register": true}

// problem is the one place where errors become HTTP problems.
func (s *Server) problem(ctx context.Context, err error) error {
	var p *problem.Problem
	if errors.As(err, &p) {
		return p
	}
	var theirs *client.Problem
	if errors.As(err, &theirs) {
		p := &problem.Problem{Type: theirs.Type, Title: theirs.Title, Status: http.StatusBadGateway, Detail: theirs.Detail, Receipt: theirs.Receipt}
		if theirs.Status == http.StatusForbidden {
			p.Status = http.StatusForbidden
		}
		for _, r := range theirs.Rules {
			p.Rules = append(p.Rules, problem.RefusedBy(r))
		}
		return p
	}
	if client.Temporary(err) {
		return &problem.Problem{Type: problem.Unavailable, Title: "The exchange does not answer", Status: http.StatusBadGateway, Detail: "It is tried again later by itself."}
	}
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			detail := err.Error()
			if !errors.Is(err, cameras.ErrInvalid) && !errors.Is(err, send.ErrState) { // the others may say more than a page should
				detail = k.err.Error()
			}
			if _, rest, ok := strings.Cut(detail, ": "); ok && packages[detail[:len(detail)-len(rest)-2]] {
				detail = rest
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
