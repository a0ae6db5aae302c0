package web

import (
	"net/http"
)

// liveRoutes: what a camera sees now, for devices in the house only. It is what
// the recorder writes, not a second connection to the camera; with encode=1 it is
// made small H.264, for a browser that cannot decode it.
func (s *Server) liveRoutes() {
	s.handle(athome, "GET /api/v1/cameras/{id}/live", func(w http.ResponseWriter, r *http.Request) {
		if _, err := s.Cameras.Get(r.Context(), r.PathValue("id")); err != nil {
			s.fail(w, r, err)
			return
		}
		ctx, done := s.streams.open(r.Context(), visitorOf(r.Context()).device.ID)
		defer done()
		w.Header().Set("Content-Type", "video/mp4")
		w.Header().Set("X-Accel-Buffering", "no")
		show := s.Record.Follow
		if r.FormValue("encode") != "" {
			show = s.Record.Preview
		}
		if err := show(ctx, r.PathValue("id"), flushing{w}); err != nil && ctx.Err() == nil {
			s.Logger.Info("a live view ended", "err", err)
		}
	})
}
