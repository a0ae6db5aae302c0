package share

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Uploads serves tus 1.0 (https://tus.io/protocols/resumable-upload, core with
// the extensions creation, termination and expiration) below Prefix. The bearer
// of an upload token, "Upload-Token: <token>", may create uploads in
// her submission and go on with them; to anybody else they do not exist.
type Uploads struct {
	Intake *Intake
	Prefix string // path of the collection, e.g. "/api/v1/uploads"
	// Fail answers with a problem (RFC 9457) for one of this package's errors.
	// When nil, a plain one is written.
	Fail func(http.ResponseWriter, *http.Request, error)
}

const (
	tusVersion    = "1.0.0"
	tusExtensions = "creation,termination,expiration"
	offsetType    = "application/offset+octet-stream"
)

// Errors of the protocol itself, beside those of Intake.
var (
	// ErrVersion: the client speaks another version of tus.
	ErrVersion = errors.New("share: this server speaks tus 1.0.0")
	// ErrMediaType: a piece must come as application/offset+octet-stream.
	ErrMediaType = errors.New("share: a piece comes as " + offsetType)
	// ErrMethod: the method is not one of tus.
	ErrMethod = errors.New("share: method not allowed here")
)

// Status is the HTTP status of an error of this package, 500 for any other.
func Status(err error) int {
	for _, s := range []struct {
		err    error
		status int
	}{
		{ErrNotSealed, http.StatusUnprocessableEntity}, {ErrUnknown, http.StatusNotFound},
		{ErrOffset, http.StatusConflict}, {ErrState, http.StatusConflict}, {ErrBusy, http.StatusLocked},
		{ErrTooLarge, http.StatusRequestEntityTooLarge}, {ErrFull, http.StatusInsufficientStorage},
		{ErrInput, http.StatusBadRequest}, {errCut, http.StatusBadRequest}, {ErrVersion, http.StatusPreconditionFailed},
		{ErrMediaType, http.StatusUnsupportedMediaType}, {ErrMethod, http.StatusMethodNotAllowed},
	} {
		if errors.Is(err, s.err) {
			return s.status
		}
	}
	return http.StatusInternalServerError
}

// ServeHTTP implements http.Handler.
func (s *Uploads) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.Method
	if o := r.Header.Get("X-HTTP-Method-Override"); o != "" && method == http.MethodPost {
		method = o
	}
	h := w.Header()
	h.Set("Tus-Resumable", tusVersion)
	h.Set("Cache-Control", "no-store")
	if method == http.MethodOptions {
		h.Set("Tus-Version", tusVersion)
		h.Set("Tus-Extension", tusExtensions)
		h.Set("Tus-Max-Size", strconv.FormatInt(s.Intake.limits.Clip, 10))
		w.WriteHeader(http.StatusNoContent)
		return
	}
	var err error
	id, within := strings.CutPrefix(strings.TrimPrefix(r.URL.Path, s.Prefix), "/")
	switch {
	case r.Header.Get("Tus-Resumable") != tusVersion:
		h.Set("Tus-Version", tusVersion)
		err = ErrVersion
	case method == http.MethodPost && (!within || id == ""):
		err = s.create(w, r)
	case method == http.MethodHead && within:
		err = s.head(w, r, id)
	case method == http.MethodPatch && within:
		err = s.patch(w, r, id)
	case method == http.MethodDelete && within:
		if err = s.Intake.Terminate(r.Context(), token(r), id); err == nil {
			w.WriteHeader(http.StatusNoContent)
		}
	default:
		h.Set("Allow", "OPTIONS, POST, HEAD, PATCH, DELETE")
		err = ErrMethod
	}
	if err != nil {
		s.fail(w, r, err)
	}
}

func (s *Uploads) fail(w http.ResponseWriter, r *http.Request, err error) {
	if s.Fail != nil {
		s.Fail(w, r, err)
		return
	}
	status := Status(err)
	detail := "internal error"
	if status != http.StatusInternalServerError {
		detail = err.Error()
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"title": http.StatusText(status), "status": status, "detail": detail})
}

func token(r *http.Request) string { return r.Header.Get("Upload-Token") }

// number reads a header that holds a count of bytes.
func number(r *http.Request, name string) (int64, error) {
	v := r.Header.Get(name)
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 0 || strings.HasPrefix(v, "+") {
		return 0, fmt.Errorf("%w: %s is not a number of bytes", ErrInput, name)
	}
	return n, nil
}

func (s *Uploads) create(w http.ResponseWriter, r *http.Request) error {
	length, err := number(r, "Upload-Length")
	if err != nil {
		return err
	}
	if err := checkMetadata(r.Header.Get("Upload-Metadata")); err != nil {
		return err
	}
	u, err := s.Intake.Create(r.Context(), token(r), length)
	if err != nil {
		return err
	}
	w.Header().Set("Location", s.Prefix+"/"+u.ID)
	expires(w, u)
	w.WriteHeader(http.StatusCreated)
	return nil
}

func (s *Uploads) head(w http.ResponseWriter, r *http.Request, id string) error {
	u, err := s.Intake.Stat(r.Context(), token(r), id)
	if err != nil {
		return err
	}
	w.Header().Set("Upload-Length", strconv.FormatInt(u.Length, 10))
	w.Header().Set("Upload-Offset", strconv.FormatInt(u.Offset, 10))
	expires(w, u)
	w.WriteHeader(http.StatusOK)
	return nil
}

func (s *Uploads) patch(w http.ResponseWriter, r *http.Request, id string) error {
	if r.Header.Get("Content-Type") != offsetType {
		return ErrMediaType
	}
	offset, err := number(r, "Upload-Offset")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	body := &stallReader{r: r.Body, ctx: ctx, rc: http.NewResponseController(w), stall: s.Intake.limits.Stall}
	u, err := s.Intake.Write(ctx, token(r), id, offset, r.ContentLength, body, func() {
		cancel()
		body.rc.SetReadDeadline(time.Unix(1, 0)) // wakes a read that waits
	})
	if u != nil {
		w.Header().Set("Upload-Offset", strconv.FormatInt(u.Offset, 10))
		expires(w, u)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func expires(w http.ResponseWriter, u *Upload) {
	if !u.Done() {
		w.Header().Set("Upload-Expires", u.Expires.UTC().Format(http.TimeFormat))
	}
}

// stallReader fails a read for which nothing came in time, and every read after
// ctx is done.
type stallReader struct {
	r     io.Reader
	ctx   context.Context
	rc    *http.ResponseController
	stall time.Duration
}

func (s *stallReader) Read(p []byte) (int, error) {
	// A recorder in tests has no deadline to set; a server's connection has.
	if err := s.rc.SetReadDeadline(time.Now().Add(s.stall)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%w: %w", errCut, err)
	}
	return n, err
}

// errCut marks that the client's bytes ended early; nobody is left to tell.
var errCut = errors.New("share: the connection ended early")

// checkMetadata refuses an Upload-Metadata that is not what tus describes:
// pairs of a key and base64, separated by commas. The values are not kept: what
// a device says of a clip is sealed in the letter.
func checkMetadata(v string) error {
	if v == "" {
		return nil
	}
	bad := func(what string) error { return fmt.Errorf("%w: Upload-Metadata %s", ErrInput, what) }
	if len(v) > 4<<10 {
		return bad("is longer than 4 KiB")
	}
	seen := map[string]bool{}
	for pair := range strings.SplitSeq(v, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(pair), " ")
		if key == "" || strings.ContainsFunc(key, func(c rune) bool { return c <= ' ' || c > '~' }) {
			return bad("has a key that is empty or not ASCII")
		}
		if seen[key] {
			return bad("names a key twice")
		}
		seen[key] = true
		if _, err := base64.StdEncoding.Strict().DecodeString(value); err != nil {
			return bad("has a value that is not base64")
		}
	}
	return nil
}
