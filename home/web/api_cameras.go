package web

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"porchlight/geo"
	"porchlight/home"
	"porchlight/home/cameras"
	"porchlight/home/record"
)

// CameraView is a camera as its household sees it.
type CameraView struct {
	ID     string      `json:"id"`
	Name   string      `json:"name"`
	Kind   home.Source `json:"kind" enum:"rtsp,frigate,folder,import"`
	Place  *Place      `json:"place,omitempty" doc:"Where it hangs; never leaves the house."`
	Facing int         `json:"facing" doc:"Degrees from north; -1 unknown."`
	Angle  int         `json:"angle" doc:"Of view, degrees; 0 unknown."`
	Reach  int         `json:"reach" doc:"Metres it sees usefully; 0: 30."`
	Off    bool        `json:"off"`
	Added  time.Time   `json:"added"`
	Host   string      `json:"host" doc:"Where it is, without user, password and path."`
	User   string      `json:"user"`

	Recording bool      `json:"recording"`
	Last      time.Time `json:"last,omitzero" doc:"End of its newest footage."`
	Codec     string    `json:"codec" example:"h264"`
	Audio     bool      `json:"audio" doc:"Sound is kept."`
	Bits      int64     `json:"bits" doc:"A second, lately."`
	Missing   int64     `json:"missing" doc:"Seconds of the last day without footage."`
	Trouble   string    `json:"trouble" doc:"What is wrong and what to do, in English; empty: nothing."`
	Why       string    `json:"why" enum:",password,address,path,video,silent,codec,folder,full" doc:"The same for those who speak another language; empty: it is no such thing."`
}

// whys are the troubles of a camera that pages say in their own language.
var whys = []struct {
	err error
	why string
}{
	{cameras.ErrPassword, "password"}, {cameras.ErrNoRoute, "address"}, {cameras.ErrNoPath, "path"}, {cameras.ErrNoVideo, "video"},
	{cameras.ErrSilent, "silent"}, {cameras.ErrCodec, "codec"}, {cameras.ErrFolder, "folder"}, {record.ErrFull, "full"},
}

// whyOf is which trouble a camera's health tells of.
func whyOf(trouble string) string {
	for _, w := range whys {
		if strings.Contains(trouble, w.err.Error()) {
			return w.why
		}
	}
	return ""
}

// Place is a point on the map.
type Place struct {
	Lat float64 `json:"lat" minimum:"-90" maximum:"90"`
	Lng float64 `json:"lng" minimum:"-180" maximum:"180"`
}

// CameraBody is what a household says of a camera.
type CameraBody struct {
	Name   string `json:"name" minLength:"1" maxLength:"60"`
	Place  *Place `json:"place,omitempty"`
	Facing int    `json:"facing" minimum:"-1" maximum:"359"`
	Angle  int    `json:"angle" minimum:"0" maximum:"360"`
	Reach  int    `json:"reach" minimum:"0" maximum:"500"`
	Off    bool   `json:"off"`
}

// SourceBody is where its footage comes from.
type SourceBody struct {
	Kind     home.Source `json:"kind" enum:"rtsp,frigate,folder,import"`
	Address  string      `json:"address,omitempty" maxLength:"2000" doc:"rtsp://..., http://frigate:5000, /srv/uploads"`
	User     string      `json:"user,omitempty" maxLength:"200"`
	Password string      `json:"password,omitempty" maxLength:"200" doc:"Kept on this computer, never shown again."`
	Camera   string      `json:"camera,omitempty" maxLength:"200" doc:"Its name at Frigate."`
	Broker   string      `json:"broker,omitempty" maxLength:"500" doc:"Frigate's MQTT broker, tcp://host:1883; without it Frigate is asked."`
	Clear    bool        `json:"clear,omitempty" doc:"folder: remove files once they are imported."`
	Files    string      `json:"files,omitempty" maxLength:"200" doc:"folder: how file names tell the time."`
}

// NewCamera adds a camera.
type NewCamera struct {
	CameraBody
	Source SourceBody `json:"source"`
}

// FoundView is a camera that answered on the house's network.
type FoundView struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	Model   string `json:"model"`
}

// ProbedView is what an address delivers.
type ProbedView struct {
	Codec  string `json:"codec" example:"h264"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Audio  bool   `json:"audio"`
	Still  string `json:"still" doc:"A picture as a data URL; empty: none."`
	Files  int    `json:"files" doc:"folder: films in it now."`
}

func (b SourceBody) source() cameras.Source {
	return cameras.Source{Kind: b.Kind, Address: cameras.Secret(b.Address), User: b.User, Password: cameras.Secret(b.Password),
		Name: b.Camera, Broker: cameras.Secret(b.Broker), Clear: b.Clear, Files: b.Files}
}

// onto puts what the household says onto a camera.
func (b CameraBody) onto(c *home.Camera) error {
	c.Name, c.Facing, c.Angle, c.Reach, c.Off = b.Name, b.Facing, b.Angle, b.Reach, b.Off
	if b.Place == nil {
		return nil
	}
	p, err := geo.NewPoint(b.Place.Lng, b.Place.Lat)
	c.Place = p
	return err
}

func (s *Server) viewCamera(ctx context.Context, c cameras.Camera) CameraView {
	v := CameraView{ID: c.ID, Name: c.Name, Kind: c.Kind, Facing: c.Facing, Angle: c.Angle, Reach: c.Reach, Off: c.Off, Added: c.Added, Host: c.Host, User: c.User}
	if c.Place != (geo.Point{}) {
		lng, lat := c.Place.Degrees()
		v.Place = &Place{lat, lng}
	}
	h, err := s.Record.Health(ctx, c.ID)
	if err != nil {
		s.Logger.Error("health of a camera", "err", err)
	}
	v.Recording, v.Last, v.Codec, v.Audio, v.Bits, v.Missing, v.Trouble = h.Recording, h.Last, h.Codec, h.Audio, h.Bits, h.Missing, h.Trouble
	v.Why = whyOf(h.Trouble)
	return v
}

// ByID names a camera in the path.
type ByID struct {
	ID string `path:"id" maxLength:"40"`
}

func (s *Server) cameraRoutes() {
	route(s, paired, http.MethodGet, "/cameras", "cameras", "The cameras and how they do",
		func(ctx context.Context, _ *struct{}) (*struct{ Body []CameraView }, error) {
			all, err := s.Cameras.List(ctx)
			views := make([]CameraView, len(all))
			for i, c := range all {
				views[i] = s.viewCamera(ctx, c)
			}
			return &struct{ Body []CameraView }{views}, err
		})
	route(s, paired, http.MethodPost, "/cameras", "addCamera", "Add a camera",
		func(ctx context.Context, in *struct{ Body NewCamera }) (*struct{ Body CameraView }, error) {
			var asked home.Camera
			if err := in.Body.onto(&asked); err != nil {
				return nil, err
			}
			c, err := s.Cameras.Add(ctx, asked, in.Body.Source.source())
			if err != nil {
				return nil, err
			}
			s.Changed("cameras")
			return &struct{ Body CameraView }{s.viewCamera(ctx, c)}, nil
		})
	route(s, paired, http.MethodPost, "/cameras/{id}", "changeCamera", "Change a camera",
		func(ctx context.Context, in *struct {
			ByID
			Body CameraBody
		}) (*struct{ Body CameraView }, error) {
			c, err := s.Cameras.Get(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			if err := in.Body.onto(&c.Camera); err != nil {
				return nil, err
			}
			if err := s.Cameras.Change(ctx, c.Camera); err != nil {
				return nil, err
			}
			s.Changed("cameras")
			return &struct{ Body CameraView }{s.viewCamera(ctx, c)}, nil
		})
	route(s, paired, http.MethodPost, "/cameras/{id}/move", "moveCamera", "Change how a camera is reached; an empty password keeps the one there is",
		func(ctx context.Context, in *struct {
			ByID
			Body SourceBody
		}) (*struct{}, error) {
			defer s.Changed("cameras")
			return nil, s.Cameras.Move(ctx, in.ID, in.Body.source())
		})
	route(s, paired, http.MethodPost, "/cameras/{id}/remove", "removeCamera", "Stop using a camera; its footage stays until the ring takes it",
		func(ctx context.Context, in *ByID) (*struct{}, error) {
			defer s.Changed("cameras")
			return nil, s.Cameras.Remove(ctx, in.ID)
		})
	route(s, paired, http.MethodPost, "/discover", "discoverCameras", "Ask the house's network for cameras; takes some seconds",
		func(ctx context.Context, _ *struct{}) (*struct{ Body []FoundView }, error) {
			found, err := s.Cameras.Discover(ctx)
			views := make([]FoundView, len(found))
			for i, f := range found {
				views[i] = FoundView{f.Name, f.Address, f.Model}
			}
			return &struct{ Body []FoundView }{views}, err
		})
	route(s, paired, http.MethodPost, "/probe", "probeCamera", "Try an address before it is kept",
		func(ctx context.Context, in *struct{ Body SourceBody }) (*struct{ Body ProbedView }, error) {
			p, err := s.Cameras.Probe(ctx, in.Body.source())
			if err != nil {
				return nil, err
			}
			v := ProbedView{Codec: p.Codec, Width: p.W, Height: p.H, Audio: p.Audio != "", Files: p.Files}
			if p.Still != nil {
				v.Still = "data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(p.Still)
			}
			return &struct{ Body ProbedView }{v}, nil
		})
}
