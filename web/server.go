// Package web is the exchange over HTTP: the API (described by OpenAPI 3.1,
// made from the Go types here), the public pages, and the app's static files.
// It holds no rule: a handler parses, calls one service method and renders.
package web

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"porchlight/gate"
	"porchlight/identity"
	"porchlight/internal/problem"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"
)

// Server is the exchange's HTTP side.
type Server struct {
	Options
	mux    *http.ServeMux
	api    huma.API
	access map[string]access // route pattern -> who may come in
	http   *prometheus.HistogramVec
}

// New builds the routes.
func New(o Options) (*Server, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.Metrics == nil {
		o.Metrics = prometheus.NewRegistry()
	}
	s := &Server{
		Options: o, mux: http.NewServeMux(), access: map[string]access{},
		http: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "porchlight_http_request_seconds", Help: "Duration of requests by route and status.",
			Buckets: []float64{.001, .005, .02, .1, .25, .5, 1, 5, 30},
		}, []string{"route", "status"}),
	}
	o.Metrics.MustRegister(s.http)
	c := huma.DefaultConfig("Porchlight", o.Version)
	c.Info.Description = apiDescription
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "/api/openapi", "", ""
	c.CreateHooks = nil // no $schema links in bodies
	c.Components.SecuritySchemes = securitySchemes
	s.api = humago.New(s.mux, c)
	return s, s.routes()
}

// Description is the OpenAPI description of the API.
func (s *Server) Description() *huma.OpenAPI { return s.api.OpenAPI() }

// Access tells who may come in, by route pattern; the authorization matrix is
// held against it.
func (s *Server) Access() map[string]string {
	out := map[string]string{}
	for pattern, who := range s.access {
		out[pattern] = string(who)
	}
	return out
}

// access says who may call a route at all; what she may do there is policy's to
// say. The zero value admits nobody.
type access string

const (
	anyone   access = "anyone"     // no account needed
	session  access = "session"    // an enrolled person, signed in
	holder   access = "capability" // the resident whose submission it is
	uploader access = "upload"     // who holds the upload's token
	camera   access = "camera"     // a plate camera, by its signature or token
)

const apiDescription = `Everything the pages do, they do through this API.

**Signed acts.** An operation that changes or reveals something takes the header Porchlight-Act, a ULID made by the
client that makes repeats safe. If the act must be signed, the answer is a 401 problem of type
/problems/signature-required carrying the act, a nonce and passkey options; repeat the request with the passkey's
answer in Porchlight-Assertion. The answer's header Porchlight-Entry is the index of the ledger entry.

**Errors** are RFC 9457 problems. A refusal is a 403 of type /problems/refused that names each rule with its source.`

var securitySchemes = map[string]*huma.SecurityScheme{
	string(session):  {Type: "apiKey", In: "cookie", Name: sessionCookie, Description: "Set by signing in with a passkey."},
	string(holder):   {Type: "http", Scheme: "capability", Description: "Authorization: Capability <base64url token>, derived from a resident's follow-up link."},
	string(uploader): {Type: "apiKey", In: "header", Name: "Upload-Token", Description: "Given when a submission is begun."},
}

// route adds an API operation. Its id is the client's function name.
func route[I, O any](s *Server, who access, method, path, id, summary string, h func(context.Context, *I) (*O, error)) {
	op := huma.Operation{
		OperationID: id, Method: method, Path: "/api/v1" + path, Summary: summary,
		Tags: []string{strings.Split(strings.Trim(path, "/"), "/")[0]}, MaxBodyBytes: 1 << 20,
	}
	if who != anyone {
		op.Security = []map[string][]string{{string(who): {}}}
	}
	s.access[method+" "+op.Path] = who
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		if who == session {
			if _, ok := sessionOf(ctx); !ok {
				return nil, errNotSignedIn
			}
		}
		out, err := h(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, nil
	})
}

// handle adds a plain route: pages, files, uploads.
func (s *Server) handle(who access, pattern string, h http.Handler) {
	s.access[pattern] = who
	s.mux.Handle(pattern, h)
}

// nowhere answers what no route takes: 405 when the path has other methods,
// otherwise as notFound does.
func (s *Server) nowhere(notFound http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var allow []string
		for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			if _, p := s.mux.Handler(&http.Request{Method: m, URL: r.URL, Host: r.Host}); p != "/" && p != "/api/" {
				allow = append(allow, m)
			}
		}
		if len(allow) == 0 {
			notFound(w, r)
			return
		}
		w.Header().Set("Allow", strings.Join(allow, ", "))
		problem.Write(w, &Problem{Type: problemInvalid, Title: "Not with this method", Status: http.StatusMethodNotAllowed,
			Detail: "This address takes " + strings.Join(allow, ", ") + "."})
	})
}

// Handler is the whole site.
func (s *Server) Handler() http.Handler {
	csrf := http.NewCrossOriginProtection()
	csrf.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		problem.Write(w, problem.FromAnotherSite())
	}))
	return s.observe(s.secure(csrf.Handler(s.signedIn(s.mux))))
}

// observe logs and measures by route pattern. Addresses, paths and queries are
// not logged: they could tell who looked at what.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		rec := &recorder{ResponseWriter: w}
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				s.Logger.Error("handler panicked", "route", r.Pattern, "panic", p, "stack", string(debug.Stack()))
				if rec.status == 0 {
					problem.Write(rec, problem.OurFault())
				}
			}
			pattern := r.Pattern
			if pattern == "" {
				pattern = "none"
			}
			took := time.Since(began)
			s.http.WithLabelValues(pattern, strconv.Itoa(rec.status)).Observe(took.Seconds())
			s.Logger.Debug("request", "route", pattern, "status", rec.status, "took", took)
		}()
		next.ServeHTTP(rec, r)
	})
}

type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// pageCSP is the content policy of pages made on the server; the app's shell
// sets its own.
const pageCSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func (s *Server) secure(next http.Handler) http.Handler {
	https := strings.HasPrefix(s.BaseURL, "https://")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", pageCSP)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(self), publickey-credentials-get=(self), publickey-credentials-create=(self)")
		if https {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if strings.HasPrefix(r.URL.Path, "/api/") {
			h.Set("Cache-Control", "no-store")
		}
		next.ServeHTTP(w, r)
	})
}

const sessionCookie = "porchlight_session"

type sessionKey struct{}

// errNotSignedIn answers a route that needs an enrolled person.
var errNotSignedIn = &Problem{Type: problemSignIn, Title: "Please sign in", Status: http.StatusUnauthorized,
	Detail: "This needs an enrolled passkey. Sign in and try again."}

// signedIn puts the session behind the cookie into the context.
func (s *Server) signedIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := r.Cookie(sessionCookie); err == nil && c.Value != "" {
			session, err := s.Identity.Session(r.Context(), c.Value)
			switch {
			case err == nil:
				r = r.WithContext(context.WithValue(r.Context(), sessionKey{}, session))
			case !errors.Is(err, identity.ErrNotFound):
				problem.Write(w, s.problem(r.Context(), err).(*Problem))
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// setSession makes (or with "" ends) the session cookie.
func (s *Server) setSession(token string) http.Cookie {
	c := http.Cookie{
		Name: sessionCookie, Value: token, Path: "/", HttpOnly: true,
		SameSite: http.SameSiteStrictMode, Secure: strings.HasPrefix(s.BaseURL, "https://"),
	}
	if token == "" {
		c.MaxAge = -1
	}
	return c
}

// sessionOf is the session in ctx; false when nobody is signed in.
func sessionOf(ctx context.Context) (identity.Session, bool) {
	s, ok := ctx.Value(sessionKey{}).(identity.Session)
	return s, ok
}

// principal is who is signed in. Operations with access session always have one.
func principal(ctx context.Context) identity.Principal {
	s, _ := sessionOf(ctx)
	return s.Principal
}

// ActHeaders are embedded in the input of every operation that is an act.
type ActHeaders struct {
	ActID     string `header:"Porchlight-Act" required:"true" minLength:"26" maxLength:"26" doc:"Id of the act: a lower-case ULID made by the client. Repeat it to repeat safely." example:"01jd7v0q3x8m2c4n6p8r0t2v4x"`
	Assertion string `header:"Porchlight-Assertion" maxLength:"16384" doc:"The passkey's answer to /problems/signature-required: base64url of its JSON."`
}

// caller is the signed-in person acting, or a resident when nobody is signed in.
func (a ActHeaders) caller(ctx context.Context) (gate.Caller, error) {
	c := gate.Caller{Who: identity.Resident(), ActID: a.ActID}
	if s, ok := sessionOf(ctx); ok {
		c.Who = s.Principal
	}
	if a.Assertion != "" {
		b, err := base64.RawURLEncoding.DecodeString(a.Assertion)
		if err != nil {
			return c, problem.BadRequest("Porchlight-Assertion is not base64url")
		}
		c.Assertion = b
	}
	return c, nil
}

// resident is the caller of an act that needs no account, whoever is signed in.
func (a ActHeaders) resident() gate.Caller {
	return gate.Caller{Who: identity.Resident(), ActID: a.ActID}
}

// Recorded is embedded in the output of every operation that is an act.
type Recorded struct {
	Entry uint64 `header:"Porchlight-Entry" doc:"Index of the act's entry in the ledger."`
}
