package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"porchlight/home"
	"porchlight/home/record"
	"porchlight/internal/problem"
	"porchlight/video"
)

// Stretch is footage without a gap.
type Stretch struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// MomentView is something that happened.
type MomentView struct {
	ID     string      `json:"id"`
	Camera string      `json:"camera"`
	From   time.Time   `json:"from"`
	To     time.Time   `json:"to"`
	What   []home.What `json:"what"`
	Still  time.Time   `json:"still" doc:"The instant that shows it best."`
	Named  []string    `json:"named" doc:"Familiar Faces seen, by id."`
}

// Line is one camera's part of the timeline.
type Line struct {
	Camera  string       `json:"camera"`
	Footage []Stretch    `json:"footage"`
	Moments []MomentView `json:"moments"`
}

const (
	maxTimeline = 8 * 24 * time.Hour
	maxPlay     = time.Hour
	maxSave     = 15 * time.Minute
	// lastPicture is how long before its end footage surely shows a picture.
	lastPicture = 500 * time.Millisecond
)

func viewMoment(m *home.Moment) MomentView {
	return MomentView{m.ID, m.Camera, m.From, m.To, m.What, m.Still, m.Named}
}

// between are the ends of a part of the footage.
type between struct {
	From time.Time `query:"from" required:"true"`
	To   time.Time `query:"to" required:"true"`
}

func (b between) check(most time.Duration) error {
	if !b.From.Before(b.To) || b.To.Sub(b.From) > most {
		return problem.BadRequest(fmt.Sprintf("from must be before to, and at most %s before it", most))
	}
	return nil
}

func (s *Server) footageRoutes() {
	route(s, paired, http.MethodGet, "/timeline", "timeline", "What footage there is, and what happened in it; at most eight days",
		func(ctx context.Context, in *between) (*struct{ Body []Line }, error) {
			if err := in.check(maxTimeline); err != nil {
				return nil, err
			}
			lines, err := s.timeline(ctx, in.From, in.To)
			return &struct{ Body []Line }{lines}, err
		})
	s.handle(paired, "GET /api/v1/cameras/{id}/still", s.still)
	s.handle(paired, "GET /api/v1/cameras/{id}/play", s.play)
	s.handle(paired, "GET /api/v1/cameras/{id}/clip", s.clip)
}

func (s *Server) timeline(ctx context.Context, from, to time.Time) ([]Line, error) {
	all, err := s.Cameras.List(ctx)
	lines := make([]Line, len(all))
	for i, c := range all {
		spans, err := s.Record.Spans(ctx, c.ID, from, to)
		if err != nil {
			return nil, err
		}
		lines[i] = Line{c.ID, make([]Stretch, len(spans)), []MomentView{}}
		for j, span := range spans {
			lines[i].Footage[j] = Stretch{span.From, span.To}
		}
		if s.Moments == nil {
			continue
		}
		moments, err := s.Moments.Moments(ctx, c.ID, from, to)
		if err != nil {
			return nil, err
		}
		for _, m := range moments {
			lines[i].Moments = append(lines[i].Moments, viewMoment(m))
		}
	}
	return lines, err
}

// still is a picture of the footage: ?at=TIME&width=N.
func (s *Server) still(w http.ResponseWriter, r *http.Request) {
	at, err := time.Parse(time.RFC3339, r.FormValue("at"))
	width, werr := strconv.Atoi(cmp.Or(r.FormValue("width"), "640"))
	if err != nil || werr != nil || width < 16 || width > 3840 {
		problem.Write(w, problem.BadRequest("at must be a time and width a number of pixels"))
		return
	}
	camera, cache := r.PathValue("id"), "private, max-age=3600" // the past does not change
	jpeg, err := s.Record.Still(r.Context(), camera, at, width)
	if errors.Is(err, record.ErrNotFound) {
		// What was asked for is still being written: the newest that is whole.
		if h, e := s.Record.Health(r.Context(), camera); e == nil && !h.Last.IsZero() && at.Sub(h.Last).Abs() < time.Minute {
			jpeg, err = s.Record.Still(r.Context(), camera, h.Last.Add(-lastPicture), width)
			cache = "no-store"
		}
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "image/jpeg")
	w.Header().Set("Cache-Control", cache)
	w.Write(jpeg)
}

// part is the footage of a request: ?from=TIME&to=TIME.
func (s *Server) part(r *http.Request, most time.Duration) (files []string, from, to time.Duration, err error) {
	var b between
	b.From, err = time.Parse(time.RFC3339, r.FormValue("from"))
	if err == nil {
		b.To, err = time.Parse(time.RFC3339, r.FormValue("to"))
	}
	if err != nil {
		return nil, 0, 0, problem.BadRequest("from and to must be times")
	}
	if err := b.check(most); err != nil {
		return nil, 0, 0, err
	}
	segments, err := s.Record.Segments(r.Context(), home.Span{Camera: r.PathValue("id"), From: b.From, To: b.To})
	if err != nil {
		return nil, 0, 0, err
	}
	if len(segments) == 0 {
		return nil, 0, 0, record.ErrNotFound
	}
	for _, g := range segments {
		files = append(files, g.Path)
	}
	return files, record.Offset(segments, b.From), record.Offset(segments, b.To), nil
}

// play streams footage as fragmented MP4 while it is read: ?from&to, and
// encode=WIDTH for a browser that cannot decode it.
func (s *Server) play(w http.ResponseWriter, r *http.Request) {
	files, from, to, err := s.part(r, maxPlay)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	o := video.PlayOptions{From: from, To: to}
	if width, err := strconv.Atoi(r.FormValue("encode")); err == nil {
		o.Encode, o.Width = true, min(max(width, 160), 1920)
	}
	ctx, done := s.streams.open(r.Context(), visitorOf(r.Context()).device.ID)
	defer done()
	w.Header().Set("Content-Type", "video/mp4")
	if err := video.Play(ctx, files, flushing{w}, o); err != nil && ctx.Err() == nil {
		s.Logger.Error("playing footage", "err", err)
		panic(http.ErrAbortHandler) // a stream cut short must not look whole
	}
}

// clip is a part of the footage as a file to keep, without encoding.
func (s *Server) clip(w http.ResponseWriter, r *http.Request) {
	files, from, to, err := s.part(r, maxSave)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	dir, err := os.MkdirTemp("", "porchlight-clip")
	if err != nil {
		s.fail(w, r, err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "clip.mp4")
	if _, err := video.Cut(r.Context(), files, from, to, path, video.CutOptions{}); err != nil {
		s.fail(w, r, err)
		return
	}
	at, _ := time.Parse(time.RFC3339, r.FormValue("from")) // part read it
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="porchlight-%s.mp4"`, at.In(s.Zone).Format("2006-01-02-150405")))
	w.Header().Set("Content-Type", "video/mp4")
	http.ServeFile(w, r, path)
}

// flushing sends what is written at once.
type flushing struct{ w http.ResponseWriter }

func (f flushing) Write(b []byte) (int, error) {
	n, err := f.w.Write(b)
	if err != nil {
		return n, err
	}
	return n, http.NewResponseController(f.w).Flush()
}
