package web

import (
	"context"
	"net/http"
	"time"

	"porchlight/home"
	"porchlight/home/record"
	"porchlight/internal/problem"
)

// StorageView is how full the ring is.
type StorageView struct {
	Used    int64       `json:"used" doc:"Bytes of footage."`
	Bytes   int64       `json:"bytes" doc:"Of footage at most; the oldest goes first. 0: what the disk has."`
	Days    int         `json:"days" doc:"Kept at most."`
	Disk    int64       `json:"disk" doc:"Bytes of the whole disk; 0 unknown."`
	Left    int64       `json:"left" doc:"Bytes the disk has left; 0 unknown."`
	Reserve int64       `json:"reserve" doc:"Bytes of the disk left to others."`
	Oldest  time.Time   `json:"oldest,omitzero"`
	Held    int64       `json:"held" doc:"Bytes held beyond the ring."`
	Aside   int         `json:"aside" doc:"Files that could not be read and were set aside."`
	Cameras []CameraUse `json:"cameras"`
	Pins    []HeldView  `json:"pins"`
	Notes   []NoteView  `json:"notes" doc:"What the household should know of its footage, newest first."`
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
	Until  time.Time `json:"until"`
	Ours   bool      `json:"ours" doc:"The household holds it; otherwise a request or an answer does."`
}

// NoteView is something the household should know of its footage.
type NoteView struct {
	Camera string    `json:"camera" doc:"Empty: all."`
	At     time.Time `json:"at"`
	Kind   string    `json:"kind" doc:"clock, aside, lost, full."`
	Said   string    `json:"said"`
}

// LimitsBody sets the ring's size.
type LimitsBody struct {
	Bytes int64 `json:"bytes" minimum:"0" doc:"0: what the disk has."`
	Days  int   `json:"days" minimum:"1" maximum:"365"`
}

// HoldBody is footage to hold, or to let go.
type HoldBody struct {
	Camera string    `json:"camera" maxLength:"40"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
}

// household is who holds footage that its people want to keep.
const household = "household"

// holdFor is how long.
const holdFor = 365 * 24 * time.Hour

func (b HoldBody) span() home.Span { return home.Span(b) }

func (s *Server) storageRoutes() {
	route(s, paired, http.MethodGet, "/storage", "storage", "How much footage there is and how long it stays", s.storage)
	route(s, paired, http.MethodPost, "/storage", "setStorage", "Set how much and how long footage is kept",
		func(ctx context.Context, in *struct{ Body LimitsBody }) (*struct{}, error) {
			defer s.Changed("storage")
			l := s.Record.Limits()
			l.Bytes, l.Days = in.Body.Bytes, in.Body.Days
			return nil, s.Record.SetLimits(ctx, l)
		})
	route(s, paired, http.MethodPost, "/held", "hold", "Hold footage beyond the ring, for a year",
		func(ctx context.Context, in *struct{ Body HoldBody }) (*struct{}, error) {
			if b := (between{in.Body.From, in.Body.To}); b.check(24*time.Hour) != nil {
				return nil, problem.BadRequest("at most a day can be held at once")
			}
			defer s.Changed("storage")
			return nil, s.Record.Pin(ctx, record.Pin{Span: in.Body.span(), Owner: household, Until: time.Now().Add(holdFor)})
		})
	route(s, paired, http.MethodPost, "/held/release", "release", "Let the ring take what the household holds",
		func(ctx context.Context, in *struct{ Body HoldBody }) (*struct{}, error) {
			defer s.Changed("storage")
			return nil, s.Record.Unpin(ctx, household, in.Body.span())
		})
	route(s, paired, http.MethodPost, "/cameras/{id}/delete", "deleteFootage", "Delete footage that nobody holds; it cannot be undone",
		func(ctx context.Context, in *struct {
			ByID
			Body Stretch
		}) (*struct{ Body Deleted }, error) {
			defer s.Changed("moments")
			n, err := s.Record.Delete(ctx, home.Span{Camera: in.ID, From: in.Body.From, To: in.Body.To})
			return &struct{ Body Deleted }{Deleted{n}}, err
		})
}

// Deleted is how much was deleted.
type Deleted struct {
	Files int `json:"files"`
}

func (s *Server) storage(ctx context.Context, _ *struct{}) (*struct{ Body StorageView }, error) {
	u, err := s.Record.Usage(ctx)
	if err != nil {
		return nil, err
	}
	v := StorageView{Used: u.Used, Bytes: u.Bytes, Days: u.Days, Disk: u.Disk, Left: u.Left, Reserve: u.Free, Oldest: u.Oldest,
		Held: u.Held, Aside: u.Aside, Cameras: []CameraUse{}, Pins: []HeldView{}, Notes: []NoteView{}}
	all, err := s.Cameras.All(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		if n := u.Cameras[c.ID]; n > 0 || c.Removed.IsZero() {
			v.Cameras = append(v.Cameras, CameraUse{c.ID, n})
		}
	}
	pins, err := s.Record.Pins(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range pins {
		v.Pins = append(v.Pins, HeldView{p.Camera, p.From, p.To, p.Until, p.Owner == household})
	}
	notes, err := s.Record.Notes(ctx, 20)
	for _, n := range notes {
		v.Notes = append(v.Notes, NoteView{n.Camera, n.At, string(n.Kind), n.Said})
	}
	return &struct{ Body StorageView }{v}, err
}
