package web

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

// hub tells open pages what has changed.
type hub struct {
	mu   sync.Mutex
	open map[chan string]bool
}

// Changed tells open pages that something of a topic is new: cameras, films, moments,
// requests, shares, storage, faces, pets, register, devices, privacy. It does not
// block; a page that is behind asks anew when it catches up.
func (s *Server) Changed(topic string) {
	s.changed.mu.Lock()
	defer s.changed.mu.Unlock()
	for c := range s.changed.open {
		select {
		case c <- topic:
		default:
		}
	}
}

func (h *hub) join() (topics chan string, leave func()) {
	c := make(chan string, 32)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.open == nil {
		h.open = map[chan string]bool{}
	}
	h.open[c] = true
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.open, c)
	}
}

// heartbeat keeps proxies from closing a quiet stream.
const heartbeat = 20 * time.Second

// eventRoutes: server-sent events, one topic a message, without data of their own.
func (s *Server) eventRoutes() {
	s.handle(paired, "GET /api/v1/events", func(w http.ResponseWriter, r *http.Request) {
		ctx, done := s.streams.open(r.Context(), visitorOf(r.Context()).device.ID)
		defer done()
		topics, leave := s.changed.join()
		defer leave()
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("X-Accel-Buffering", "no")
		flush := http.NewResponseController(w).Flush
		fmt.Fprint(w, "retry: 3000\n\n")
		beat := time.NewTicker(heartbeat)
		defer beat.Stop()
		for flush() == nil {
			select {
			case <-ctx.Done():
				return
			case <-beat.C:
				fmt.Fprint(w, ":\n\n")
			case topic := <-topics:
				fmt.Fprintf(w, "data: %s\n\n", topic)
			}
		}
	})
}
