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
	route(s, paired, http.MethodGet, "/cameras/{id}/parts", "parts", "The parts in which footage can be saved: more than one where the camera was set otherwise in between",
		func(ctx context.Context, in *struct {
			ByID
			From time.Time `query:"from" required:"true"`
			To   time.Time `query:"to" required:"true"`
		}) (*struct{ Body []Stretch }, error) {
			l, err := s.reel(ctx, in.ID, between{in.From, in.To}, maxSave)
			return &struct{ Body []Stretch }{l.parts}, err
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

// reel is a part of the footage, cut to where it is one film.
type reel struct {
	files    []string
	from, to time.Duration // of files, played one after the other
	parts    []Stretch     // more than one where the camera was set otherwise in between
}

// reel is the footage of a camera between two times, up to where the camera was set
// otherwise.
func (s *Server) reel(ctx context.Context, camera string, b between, most time.Duration) (reel, error) {
	if err := b.check(most); err != nil {
		return reel{}, err
	}
	segments, err := s.Record.Segments(ctx, home.Span{Camera: camera, From: b.From, To: b.To})
	if err != nil {
		return reel{}, err
	}
	if len(segments) == 0 {
		return reel{}, record.ErrNotFound
	}
	var l reel
	for _, g := range segments {
		l.files = append(l.files, g.Path)
	}
	begin, end := record.Offset(segments, b.From), record.Offset(segments, b.To)
	runs, err := video.Runs(ctx, l.files)
	if err != nil {
		return reel{}, err
	}
	for _, run := range runs {
		from, to := max(begin, run.From), min(end, run.To)
		if from >= to {
			continue
		}
		if l.parts == nil {
			l.from, l.to = from, to
		}
		l.parts = append(l.parts, Stretch{record.TimeAt(segments, from), record.TimeAt(segments, to)})
	}
	if l.parts == nil {
		return reel{}, record.ErrNotFound
	}
	return l, nil
}

// asked is the reel of a request: ?from=TIME&to=TIME.
func (s *Server) asked(r *http.Request, most time.Duration) (l reel, b between, err error) {
	b.From, err = time.Parse(time.RFC3339, r.FormValue("from"))
	if err == nil {
		b.To, err = time.Parse(time.RFC3339, r.FormValue("to"))
	}
	if err != nil {
		return l, b, problem.BadRequest("from and to must be times")
	}
	l, err = s.reel(r.Context(), r.PathValue("id"), b, most)
	return l, b, err
}

// play streams footage as fragmented MP4 while it is read: ?from&to, and
// encode=WIDTH for a browser that cannot decode it. It ends where the camera was set
// otherwise; Porchlight-To tells when that was.
func (s *Server) play(w http.ResponseWriter, r *http.Request) {
	l, b, err := s.asked(r, maxPlay)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	o := video.PlayOptions{From: l.from, To: l.to}
	if width, err := strconv.Atoi(r.FormValue("encode")); err == nil {
		o.Encode, o.Width = true, min(max(width, 160), 1920)
	}
	ctx, done := s.streams.open(r.Context(), visitorOf(r.Context()).device.ID)
	defer done()
	to := b.To
	if len(l.parts) > 1 {
		to = l.parts[0].To
	}
	w.Header().Set("Content-Type", "video/mp4")
	w.Header().Set("Porchlight-To", to.UTC().Format(time.RFC3339Nano))
	if err := video.Play(ctx, l.files, flushing{w}, o); err != nil && ctx.Err() == nil {
		s.Logger.Error("playing footage", "err", err)
		panic(http.ErrAbortHandler) // a stream cut short must not look whole
	}
}

// clip is a part of the footage as a file to keep, without encoding.
func (s *Server) clip(w http.ResponseWriter, r *http.Request) {
	l, b, err := s.asked(r, maxSave)
	if err == nil && len(l.parts) > 1 {
		err = &problem.Problem{Type: problem.Conflict, Title: "The picture changes", Status: http.StatusConflict,
			Detail: "At " + l.parts[1].From.In(s.Zone).Format("15:04:05") + " the camera was set otherwise. Save the part before that, or the one after."}
	}
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
	if _, err := video.Cut(r.Context(), l.files, l.from, l.to, path, video.CutOptions{}); err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="porchlight-%s.mp4"`, b.From.In(s.Zone).Format("2006-01-02-150405")))
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
