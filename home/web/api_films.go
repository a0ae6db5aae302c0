package web

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"porchlight/home/cameras"
	"porchlight/home/record"
	"porchlight/internal/problem"
)

// FilmView is a film that is brought by hand, until it is on the timeline.
type FilmView struct {
	ID      string           `json:"id"`
	Camera  string           `json:"camera"`
	Name    string           `json:"name"`
	Size    int64            `json:"size" doc:"Bytes."`
	Have    int64            `json:"have" doc:"Bytes of it that are here."`
	Begins  time.Time        `json:"begins,omitzero" doc:"Once it is here: when it begins, as far as can be told."`
	Told    record.Told      `json:"told" enum:",tags,name,written,nothing" doc:"How that is known: the device wrote it into the film, its name tells, it ended when the file was last written, or not at all."`
	Seconds float64          `json:"seconds"`
	State   record.FilmState `json:"state" enum:"coming,ready,taking,taken,failed"`
	Codec   string           `json:"codec" example:"h264"`
	Trouble record.Trouble   `json:"trouble" enum:",twice,codec,film,full,other" doc:"Why it is not on the timeline."`
}

// NewFilm is a film somebody wants to bring.
type NewFilm struct {
	Camera  string    `json:"camera" maxLength:"40"`
	Name    string    `json:"name" minLength:"1" maxLength:"255"`
	Size    int64     `json:"size" minimum:"1"`
	Written time.Time `json:"written,omitzero" doc:"When the file was last written, as the device says."`
}

func viewFilm(f record.Film) FilmView {
	return FilmView{f.ID, f.Camera, f.Name, f.Size, f.Have, f.Begins, f.Told, f.Length.Seconds(), f.State, f.Codec, f.Trouble}
}

func (s *Server) filmRoutes() {
	route(s, paired, http.MethodGet, "/films", "films", "Films that are brought by hand",
		func(ctx context.Context, _ *struct{}) (*struct{ Body []FilmView }, error) {
			all, err := s.Record.Films(ctx)
			views := make([]FilmView, len(all))
			for i, f := range all {
				views[i] = viewFilm(f)
			}
			return &struct{ Body []FilmView }{views}, err
		})
	route(s, paired, http.MethodPost, "/films", "bringFilm", "Begin to bring a film, or go on with one that broke off; its bytes follow",
		func(ctx context.Context, in *struct{ Body NewFilm }) (*struct{ Body FilmView }, error) {
			b := in.Body
			f, err := s.Record.Bring(ctx, record.Film{Camera: b.Camera, Name: b.Name, Size: b.Size, Mod: b.Written, Named: cameras.Named(b.Name, s.Zone)})
			s.Changed("films")
			return &struct{ Body FilmView }{viewFilm(f)}, err
		})
	s.handle(paired, "PUT /api/v1/films/{id}/bytes", s.filmBytes)
	route(s, paired, http.MethodPost, "/films/{id}/keep", "keepFilm", "Put a film on the timeline",
		func(ctx context.Context, in *struct {
			ByID
			Body struct {
				Begins time.Time `json:"begins"`
			}
		}) (*struct{}, error) {
			defer s.Changed("films")
			return nil, s.Record.KeepFilm(ctx, in.ID, in.Body.Begins, func() { s.Changed("films"); s.Changed("moments") })
		})
	route(s, paired, http.MethodPost, "/films/{id}/remove", "dropFilm", "Forget a film that is not on the timeline",
		func(ctx context.Context, in *ByID) (*struct{}, error) {
			defer s.Changed("films")
			return nil, s.Record.DropFilm(ctx, in.ID)
		})
}

// filmBytes takes the next piece of a film: ?offset=N, and answers how it is now.
func (s *Server) filmBytes(w http.ResponseWriter, r *http.Request) {
	offset, err := strconv.ParseInt(r.FormValue("offset"), 10, 64)
	if err != nil || offset < 0 {
		problem.Write(w, problem.BadRequest("offset must be where the piece begins"))
		return
	}
	ctx, done := s.streams.open(r.Context(), visitorOf(r.Context()).device.ID)
	defer done()
	stop := context.AfterFunc(ctx, func() { http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	f, err := s.Record.Piece(ctx, r.PathValue("id"), offset, r.Body)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if f.State != record.Coming {
		s.Changed("films")
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(viewFilm(f))
}
