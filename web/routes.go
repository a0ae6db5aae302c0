package web

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"porchlight/canvass"
	"porchlight/evidence"
	"porchlight/feed"
	"porchlight/gate"
	"porchlight/identity"
	"porchlight/internal/problem"
	"porchlight/ledger"
	"porchlight/pets"
	"porchlight/plate/hotlist"
	"porchlight/plate/image"
	"porchlight/plate/intake"
	"porchlight/plate/peer"
	"porchlight/plate/search"
	"porchlight/plate/sharing"
	"porchlight/policy"
	"porchlight/register"
	"porchlight/roster"
	"porchlight/share"
	"porchlight/web/basemap"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Options joins the site to the services it shows.
type Options struct {
	BaseURL    string // e.g. https://exchange.example, no trailing slash
	Version    string
	Descriptor ledger.Descriptor // how the exchange introduces itself
	Basemap    *basemap.Map      // nil: maps show areas on plain ground
	PushKey    string            // VAPID public key (applicationServerKey), base64url; "": no web push
	Zone       *time.Location    // in which public pages write times; default UTC

	Identity *identity.Service
	Gate     *gate.Gate
	Log      *ledger.Log
	Policy   *policy.Engine
	Roster   *roster.Service
	Canvass  *canvass.Service
	Feed     *canvass.Builder
	Notices  *canvass.Notices
	Evidence *evidence.Service
	Intake   *share.Intake
	Share    *share.Service
	Cameras  *intake.Service
	Images   *image.Service
	Hotlists *hotlist.Service
	Sharing  *sharing.Service
	Peers    *peer.Service
	Searches *search.Service
	Keeper   *search.Keeper
	Register *register.Service
	Pets     *pets.Service
	PetFeed  *feed.Builder

	Ready   func() error         // nil when the exchange can take acts
	Metrics *prometheus.Registry // default a new one
	Logger  *slog.Logger         // default discards
}

// routes is the whole site, one line a part; each part's file holds its routes.
func (s *Server) routes() error {
	s.healthRoutes()
	s.ledgerRoutes()
	s.peopleRoutes()
	s.canvassRoutes()
	s.shareRoutes()
	s.evidenceRoutes()
	s.plateRoutes()
	s.registerRoutes()
	s.petRoutes()
	if err := s.siteRoutes(); err != nil {
		return err
	}
	return s.appRoutes()
}

// plateRoutes are the plate network, a line a room.
func (s *Server) plateRoutes() {
	s.intakeRoutes()
	s.imageRoutes()
	s.sharingRoutes()
	s.peerRoutes()
	s.hotlistRoutes()
	s.searchRoutes()
}

// ledgerRoutes publish the log as static files and say how to check it.
func (s *Server) ledgerRoutes() {
	tiles := http.StripPrefix("/log", s.Log.Handler())
	s.handle(anyone, "GET /log/checkpoint", tiles)
	s.handle(anyone, "GET /log/tile/", tiles)
	s.handle(anyone, "GET /.well-known/porchlight.json", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Cache-Control", "public, max-age=300")
		json.NewEncoder(w).Encode(s.Descriptor)
	}))
}

// healthRoutes are for whoever runs the exchange: alive, ready, figures.
func (s *Server) healthRoutes() {
	s.handle(anyone, "GET /healthz", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("ok\n"))
	}))
	s.handle(anyone, "GET /readyz", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.Ready(); err != nil {
			problem.Write(w, &Problem{Type: problemUnavailable, Title: "Not ready", Status: http.StatusServiceUnavailable, Detail: err.Error()})
			return
		}
		w.Write([]byte("ready\n"))
	}))
	s.handle(anyone, "GET /metrics", promhttp.HandlerFor(s.Metrics, promhttp.HandlerOpts{}))
}
