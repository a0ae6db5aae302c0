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

var (
	errNotPaired  = errors.New("this device is not paired")
	errNotAtHome  = errors.New("this works only in the house's own network")
	errNoExchange = errors.New("no exchange is set up for this house") // for rooms that need one
	errNoNets     = errors.New("the networks that see are not on this computer")
	errPicture    = errors.New("this is no picture") // JPEG or PNG, at most maxPicture
)

// kinds maps the errors of the rooms to problems, first match wins. What is not
// listed is an internal error: logged, and not told.
var kinds = []struct {
	err    error
	status int
	typ    string
	title  string // English, for programs
	word   string // home.error-<word> says it; empty: the error itself says more, in English
}{
	{errNotPaired, 401, problem.SignIn, "This device is not paired", "not-paired"},
	{errNotAtHome, 403, problem.Refused, "Only at home", "not-at-home"},
	{errNoExchange, 503, problem.Unavailable, "Not set up", "no-exchange"},
	{errNoNets, 503, problem.Unavailable, "Not set up", "no-nets"},
	{errPicture, 400, problem.Invalid, "Something in the request is not right", "picture"},
	{devices.ErrCode, 403, problem.SignIn, "This code does not work", "code"},
	{devices.ErrTooMany, 429, problem.Unavailable, "Too many tries", "codes"},
	{devices.ErrName, 422, problem.Invalid, "The device needs a name", "device-name"},
	{devices.ErrNotFound, 404, problem.NotFound, "Not found", "device"},
	{cameras.ErrNotFound, 404, problem.NotFound, "Not found", "camera"},
	{cameras.ErrInvalid, 422, problem.Invalid, "This cannot be a camera", ""},
	{cameras.ErrPassword, 422, problem.Invalid, "The camera does not let us in", "password"},
	{cameras.ErrNoRoute, 422, problem.Invalid, "The camera does not answer", "address"},
	{cameras.ErrNoPath, 422, problem.Invalid, "The camera has no such stream", "path"},
	{cameras.ErrNoVideo, 422, problem.Invalid, "The camera sends no picture", "video"},
	{cameras.ErrSilent, 422, problem.Invalid, "The camera sends nothing", "silent"},
	{cameras.ErrCodec, 422, problem.Invalid, "The camera's picture cannot be recorded", "codec"},
	{cameras.ErrFolder, 422, problem.Invalid, "The folder cannot be read", "folder"},
	{ask.ErrNotFound, 404, problem.NotFound, "Not found", "request"},
	{ask.ErrOver, 409, problem.Conflict, "The request is over", "request-over"},
	{send.ErrNotFound, 404, problem.NotFound, "Not found", "draft"},
	{send.ErrState, 409, problem.Conflict, "Not possible now", ""},
	{send.ErrFootage, 404, problem.NotFound, "No footage", "gap"},
	{send.ErrEdits, 422, problem.Invalid, "These edits cannot be made", "edits"},
	{send.ErrChanged, 409, problem.Conflict, "Changed meanwhile", "clip-changed"},
	{client.ErrTooLong, 422, problem.Invalid, "Too long", "too-long"},
	{client.ErrUnproved, 502, problem.Unavailable, "The ledger does not prove it", "unproved"},
	{notify.ErrSettings, 422, problem.Invalid, "These settings cannot be used", "settings"},
	{push.ErrBrowser, 422, problem.Invalid, "This browser's subscription cannot be used", "browser"},
	{notify.ErrOff, 409, problem.Conflict, "Not set up", "way-off"},
	{faces.ErrNotFound, 404, problem.NotFound, "Not found", "person"},
	{faces.ErrFull, 409, problem.Conflict, "Enough people", "people"},
	{faces.ErrConsent, 422, problem.Invalid, "Consent is missing", "consent"},
	{faces.ErrName, 422, problem.Invalid, "A name is missing", "person-name"},
	{faces.ErrPicture, 422, problem.Invalid, "The picture will not do", "face"},
	{faces.ErrPictures, 409, problem.Conflict, "Enough pictures", "pictures"},
	{faces.ErrPlace, 422, problem.Invalid, "Where is the house?", "place"},
	{faces.ErrOff, 409, problem.Conflict, "Familiar Faces is off", "faces-off"},
	{pets.ErrNotFound, 404, problem.NotFound, "Not found", "pet"},
	{register.ErrNotFound, 404, problem.NotFound, "Not found", "told"},
	{register.ErrElsewhere, 409, problem.Conflict, "Changed elsewhere", "elsewhere"},
	{record.ErrNotFound, 404, problem.NotFound, "No footage", "footage"},
	{record.ErrTwice, 409, problem.Conflict, "Imported before", "twice"},
	{record.ErrFilm, 404, problem.NotFound, "Not found", "film"},
	{record.ErrPiece, 409, problem.Conflict, "It goes on elsewhere", "piece"},
	{record.ErrFilmSize, 422, problem.Invalid, "Too large", "film-size"},
	{record.ErrFilmState, 409, problem.Conflict, "Not possible now", "film-state"},
	{record.ErrFull, 507, problem.Full, "The disk is full", "full"},
	{video.ErrNoPicture, 422, problem.Invalid, "No film", "no-picture"},
	{video.ErrNothing, 422, problem.Invalid, "Nothing can be cut there", "nothing"},
	{video.ErrMixed, 409, problem.Conflict, "The picture changes", "mixed"},
	{video.ErrNoFFmpeg, 503, problem.Unavailable, "ffmpeg is missing", "ffmpeg"},
	{syscall.ENOSPC, 507, problem.Full, "The disk is full", "no-room"},
}

// problem is the one place where errors become HTTP problems, in the language of
// who asked.
func (s *Server) problem(ctx context.Context, err error) *problem.Problem {
	lang := visitorOf(ctx).lang
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
		return &problem.Problem{Type: problem.Unavailable, Title: "The exchange does not answer", Status: http.StatusBadGateway, Detail: lang.T("home.error-away")}
	}
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			p := &problem.Problem{Type: k.typ, Title: k.title, Status: k.status}
			if k.word != "" {
				p.Detail = lang.T("home.error-" + k.word)
			} else {
				p.Detail = sentence(strings.TrimPrefix(err.Error(), "send: "))
			}
			return p
		}
	}
	if ctx.Err() == nil {
		s.Logger.Error("request failed", "err", err)
	}
	ours := problem.OurFault()
	ours.Detail = lang.T("home.error-internal")
	return ours
}

// fail is problem for plain handlers.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	problem.Write(w, s.problem(r.Context(), err))
}

// sentence writes an error as people read it.
func sentence(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:] + "."
}
