package web

import (
	"log/slog"
	"net/http"

	"porchlight/gate"
	"porchlight/identity"
	"porchlight/ledger"
	"porchlight/policy"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Options joins the site to the services it shows.
type Options struct {
	BaseURL  string // e.g. https://exchange.example, no trailing slash
	Version  string
	Identity *identity.Service
	Gate     *gate.Gate
	Log      *ledger.Log
	Policy   *policy.Engine

	Ready   func() error         // nil when the exchange can take acts
	Metrics *prometheus.Registry // default a new one
	Logger  *slog.Logger         // default discards
}

// routes is the whole site, one line a part; each part's file holds its routes.
func (s *Server) routes() {
	s.healthRoutes()
}

// healthRoutes are for whoever runs the exchange: alive, ready, figures.
func (s *Server) healthRoutes() {
	s.handle(anyone, "GET /healthz", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("ok\n"))
	}))
	s.handle(anyone, "GET /readyz", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.Ready(); err != nil {
			writeProblem(w, &Problem{Type: problemUnavailable, Title: "Not ready", Status: http.StatusServiceUnavailable, Detail: err.Error()})
			return
		}
		w.Write([]byte("ready\n"))
	}))
	s.handle(anyone, "GET /metrics", promhttp.HandlerFor(s.Metrics, promhttp.HandlerOpts{}))
}
