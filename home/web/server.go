package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

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
	"porchlight/internal/whole"
	"porchlight/web/app"
	"porchlight/web/basemap"
	"porchlight/web/i18n"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Options join the pages to the rooms. A room that is nil is not there: its
// routes answer 503 and its pages say why.
type Options struct {
	Name    string // of the house, shown in the pages; "" none
	Version string
	Hosts   []string       // names by which it may be asked for, besides addresses and localhost
	URL     string         // where phones reach it, for the pairing link; "" the address they already use
	Near    Near           // nil: loopback, private and link-local addresses
	Zone    *time.Location // in which days begin, by its IANA name; nil: UTC
	Basemap *basemap.Map   // nil: an empty sheet

	Devices  *devices.Service  // required
	Cameras  *cameras.Service  // required
	Record   *record.Recorder  // required
	Moments  Moments           // nil: nobody looks at the footage
	Asked    *ask.Service      // nil: no exchange
	Answers  *send.Service     // nil: no exchange
	Notices  *notify.Service   // required
	Faces    *faces.Service    // nil: the networks are not there
	Pets     *pets.Service     // nil: no exchange, or the networks are not there
	Register *register.Service // nil: no exchange
	// Switches of the household; names as Switch...
	Switches Switches
	Exchange string // its address; "" none
	Seeing   bool   // the networks are there

	Logger *slog.Logger // default discards
}

// Server is the house over HTTP.
type Server struct {
	Options
	mux     *http.ServeMux
	api     huma.API
	access  map[string]access // route pattern -> who may come in
	streams streams
	changed hub
	works   works
}

// Access tells who may come in, by route pattern; the authorization matrix is
// held against it.
func (s *Server) Access() map[string]string {
	out := map[string]string{}
	for pattern, who := range s.access {
		out[pattern] = string(who)
	}
	return out
}

// access says who may call a route. The zero value admits nobody.
type access string

const (
	anyone access = "anyone"  // the shell of the pages, pairing
	paired access = "paired"  // a device of the household
	athome access = "at home" // a device of the household that is in the house
)

// New builds the routes.
func New(o Options) (*Server, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Near == nil {
		o.Near = InHouse()
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	s := &Server{Options: o, mux: http.NewServeMux(), access: map[string]access{}}
	c := huma.DefaultConfig("Porchlight at home", o.Version)
	c.Info.Description = apiDescription
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "/api/openapi", "", ""
	c.CreateHooks = nil // no $schema links in bodies
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		string(paired): {Type: "apiKey", In: "cookie", Name: cookieName, Description: "Set by pairing."},
	}
	s.api = humago.New(s.mux, c)
	s.deviceRoutes()
	s.cameraRoutes()
	s.footageRoutes()
	s.liveRoutes()
	s.filmRoutes()
	s.storageRoutes()
	s.askRoutes()
	s.sendRoutes()
	s.privacyRoutes()
	s.facesRoutes()
	s.neighborRoutes()
	s.eventRoutes()
	return s, s.pageRoutes()
}

const apiDescription = `Everything the pages of the house do, they do through this API. It is for devices that the
household has paired; errors are RFC 9457 problems.`

// route adds an API operation. Its id is the client's function name.
func route[I, O any](s *Server, who access, method, path, id, summary string, h func(context.Context, *I) (*O, error)) {
	sized(s, who, 1<<20, method, path, id, summary, h)
}

// big is route for paired devices that send pictures.
func big[I, O any](s *Server, method, path, id, summary string, h func(context.Context, *I) (*O, error)) {
	sized(s, paired, 64<<20, method, path, id, summary, h)
}

func sized[I, O any](s *Server, who access, most int64, method, path, id, summary string, h func(context.Context, *I) (*O, error)) {
	op := huma.Operation{
		OperationID: id, Method: method, Path: "/api/v1" + path, Summary: summary,
		Tags: []string{strings.Split(strings.Trim(path, "/"), "/")[0]}, MaxBodyBytes: most,
	}
	if who != anyone {
		op.Security = []map[string][]string{{string(paired): {}}}
	}
	// Who may not come in does not learn what the input should be.
	op.Middlewares = huma.Middlewares{func(ctx huma.Context, next func(huma.Context)) {
		err := s.admit(ctx.Context(), who)
		if err == nil {
			next(ctx)
			return
		}
		p := s.problem(ctx.Context(), err)
		ctx.SetHeader("Content-Type", p.ContentType(""))
		ctx.SetStatus(p.Status)
		json.NewEncoder(ctx.BodyWriter()).Encode(p)
	}}
	s.access[method+" "+op.Path] = who
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := h(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return whole.Of(out), nil // a page may read every list it is told of
	})
}

// handle adds a plain route: pages, pictures, streams.
func (s *Server) handle(who access, pattern string, h http.HandlerFunc) {
	s.access[pattern] = who
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if err := s.admit(r.Context(), who); err != nil {
			s.fail(w, r, err)
			return
		}
		h(w, r)
	})
}

// admit lets a request in (nil) or says why not.
func (s *Server) admit(ctx context.Context, who access) error {
	v := visitorOf(ctx)
	switch {
	case who == anyone:
		return nil
	case v.device.ID == "":
		return errNotPaired
	case who == paired:
		return nil
	case who == athome && v.near:
		return nil
	}
	return errNotAtHome
}

// visitor is who asks.
type visitor struct {
	device devices.Device // zero: not paired
	addr   netip.Addr     // the address that connected
	base   string         // the address under which it asked: "http://192.168.1.5:8088"
	near   bool           // that, and all it says it forwards for, are in the house
	lang   i18n.Lang      // as for the exchange's pages
}

type visitorKey struct{}

func visitorOf(ctx context.Context) visitor {
	v, ok := ctx.Value(visitorKey{}).(visitor)
	if !ok {
		v.lang = i18n.Languages[0]
	}
	return v
}

const cookieName = "porchlight_home"

// cookie is the one by which a device is known; token "" ends it.
func cookie(token string, https bool) http.Cookie {
	c := http.Cookie{Name: cookieName, Value: token, Path: "/", MaxAge: 400 * 24 * 3600,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: https}
	if token == "" {
		c.MaxAge = -1
	}
	return c
}

// Handler is the whole site.
func (s *Server) Handler() http.Handler {
	csrf := http.NewCrossOriginProtection()
	csrf.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		problem.Write(w, problem.FromAnotherSite())
	}))
	return s.recovered(s.named(s.secure(csrf.Handler(s.visited(s.mux)))))
}

// recovered turns a panic into a problem and logs it. Requests are not logged:
// who of a household looks at what is nobody's business.
func (s *Server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				s.Logger.Error("handler panicked", "route", r.Pattern, "panic", p, "stack", string(debug.Stack()))
				problem.Write(w, problem.OurFault())
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// named refuses names that are not the house's: a web page elsewhere can have its
// own name point here (DNS rebinding), but not make a browser ask for an address.
func (s *Server) named(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
		_, err := netip.ParseAddr(host)
		if err != nil && host != "localhost" && !slices.ContainsFunc(s.Hosts, func(name string) bool { return strings.EqualFold(name, host) }) {
			problem.Write(w, &problem.Problem{Type: problem.CrossOrigin, Title: "Not this house's name", Status: http.StatusMisdirectedRequest,
				Detail: "If this name is right, add it to hosts in porchlight-home.yaml."})
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", app.CSP)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		if strings.HasPrefix(r.URL.Path, "/api/") {
			h.Set("Cache-Control", "no-store")
		}
		next.ServeHTTP(w, r)
	})
}

// visited puts who asks into the context.
func (s *Server) visited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := visitor{addr: remote(r), base: "http://" + r.Host, lang: i18n.FromRequest(r)}
		if r.TLS != nil || strings.HasPrefix(s.URL, "https://") {
			v.base = "https://" + r.Host
		}
		v.near = s.Near(v.addr) && s.forwardedNear(r)
		if c, err := r.Cookie(cookieName); err == nil && c.Value != "" {
			v.device, err = s.Devices.Session(r.Context(), c.Value)
			if err != nil && !errors.Is(err, devices.ErrNotFound) {
				s.fail(w, r, err)
				return
			}
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), visitorKey{}, v)))
	})
}

func remote(r *http.Request) netip.Addr {
	a, _ := netip.ParseAddrPort(r.RemoteAddr) // "@" of a Unix socket: no address
	return a.Addr().Unmap().WithZone("")
}

// forwardedNear looks at whom a proxy of the house speaks for. A proxy that tells
// of somebody far away, or of nobody that can be read, is not at home.
func (s *Server) forwardedNear(r *http.Request) bool {
	for _, name := range []string{"X-Forwarded-For", "X-Real-Ip", "Cf-Connecting-Ip", "True-Client-Ip"} {
		for _, line := range r.Header.Values(name) {
			for _, one := range strings.Split(line, ",") {
				one = strings.TrimSpace(one)
				a, err := netip.ParseAddr(one)
				if err != nil {
					ap, _ := netip.ParseAddrPort(one)
					a = ap.Addr()
				}
				if !s.Near(a.Unmap().WithZone("")) {
					return false
				}
			}
		}
	}
	return len(r.Header.Values("Forwarded")) == 0 // RFC 7239 may hide the address
}

// InHouse is Near for loopback, private and link-local addresses, and these more.
func InHouse(more ...netip.Prefix) Near {
	return func(a netip.Addr) bool {
		return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() ||
			slices.ContainsFunc(more, func(p netip.Prefix) bool { return p.Contains(a) })
	}
}

// streams are the answers that do not end by themselves; they end with their device.
type streams struct {
	mu sync.Mutex
	of map[string]map[*context.CancelFunc]bool // by device
}

// open is ctx until it ends or the device is removed; done must be called.
func (s *streams) open(ctx context.Context, device string) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancel(ctx)
	key := &cancel
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = map[string]map[*context.CancelFunc]bool{}
	}
	if s.of[device] == nil {
		s.of[device] = map[*context.CancelFunc]bool{}
	}
	s.of[device][key] = true
	return ctx, func() {
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.of[device], key)
	}
}

func (s *streams) end(device string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for cancel := range s.of[device] {
		(*cancel)()
	}
}

// at is the address under which the house is asked for.
func (s *Server) at(ctx context.Context) string { return cmp.Or(s.URL, visitorOf(ctx).base) }
