package web

import (
	"context"
	"net/http"
	"time"

	"porchlight/home"
)

// StorageView is how full the ring is.
type StorageView struct {
	Used    int64       `json:"used" doc:"Bytes of footage."`
	Limit   int64       `json:"limit" doc:"Bytes at most; the oldest goes first."`
	Days    int         `json:"days" doc:"Kept at most."`
	Free    int64       `json:"free" doc:"Bytes free on the disk."`
	Oldest  time.Time   `json:"oldest,omitzero"`
	Cameras []CameraUse `json:"cameras"`
	Held    []HeldView  `json:"held" doc:"Footage held beyond the ring."`
}

// CameraUse is what one camera's footage takes.
type CameraUse struct {
	Camera string `json:"camera"`
	Bytes  int64  `json:"bytes"`
}

// HeldView is footage that the ring does not take.
type HeldView struct {
	Camera string    `json:"camera"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
}

// LimitsBody sets the ring's size.
type LimitsBody struct {
	Bytes int64 `json:"bytes" minimum:"1000000000" doc:"At least 1 GB."`
	Days  int   `json:"days" minimum:"1" maximum:"365"`
}

func (s *Server) storageRoutes() {
	route(s, paired, http.MethodGet, "/storage", "storage", "How much footage there is and how long it stays",
		func(ctx context.Context, _ *struct{}) (*struct{ Body StorageView }, error) {
			u, err := s.Record.Usage(ctx)
			if err != nil {
				return nil, err
			}
			pins, err := s.Record.Pins(ctx)
			if err != nil {
				return nil, err
			}
			v := StorageView{Used: u.Bytes, Limit: u.Limit, Days: u.Days, Free: u.Free, Oldest: u.Oldest, Cameras: []CameraUse{}, Held: []HeldView{}}
			cameras, err := s.Cameras.List(ctx)
			for _, c := range cameras {
				v.Cameras = append(v.Cameras, CameraUse{c.ID, u.Cameras[c.ID]})
			}
			for _, p := range pins {
				v.Held = append(v.Held, HeldView{p.Camera, p.From, p.To})
			}
			return &struct{ Body StorageView }{v}, err
		})
	route(s, paired, http.MethodPost, "/storage", "setStorage", "Set how much and how long footage is kept",
		func(ctx context.Context, in *struct{ Body LimitsBody }) (*struct{}, error) {
			defer s.Changed("storage")
			return nil, s.Record.SetLimits(ctx, in.Body.Bytes, in.Body.Days)
		})
	route(s, paired, http.MethodPost, "/held", "hold", "Hold footage beyond the ring",
		func(ctx context.Context, in *struct{ Body HeldView }) (*struct{}, error) {
			defer s.Changed("storage")
			return nil, s.Record.Pin(ctx, home.Span(in.Body))
		})
	route(s, paired, http.MethodPost, "/held/release", "release", "Let the ring take held footage",
		func(ctx context.Context, in *struct{ Body HeldView }) (*struct{}, error) {
			defer s.Changed("storage")
			return nil, s.Record.Unpin(ctx, home.Span(in.Body))
		})
}
