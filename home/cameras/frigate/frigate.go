// Package frigate asks a Frigate server (https://docs.frigate.video, 0.13 and
// newer) for its cameras, what it recorded, its events and the films of both,
// over its HTTP API, and hears of events over MQTT.
package frigate

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

var (
	// ErrPassword: the server wants a user name and a password, or others.
	ErrPassword = errors.New("the Frigate server refuses this user name and password")
	// ErrNoCamera: the server has no camera of that name.
	ErrNoCamera = errors.New("the Frigate server has no camera of that name")
	// ErrNothing: the server recorded nothing then.
	ErrNothing = errors.New("the Frigate server recorded nothing then")
)

// Server is one Frigate. Safe for concurrent use.
type Server struct {
	Address  string // http://frigate.lan:5000, or :8971 with a user
	User     string // "": it asks for none
	Password string
	Client   *http.Client // nil: http.DefaultClient

	mu    sync.Mutex
	token string // of a session, where one is needed
}

// Camera is one camera as the server knows it.
type Camera struct {
	Name      string
	On        bool
	Recording bool // whether it keeps footage at all
	W, H      int  // of the stream it detects on, pixels
}

// Event is one tracked object: a person, a car.
type Event struct {
	ID       string
	Camera   string
	Label    string // person, car, dog ...
	From, To time.Time
	Going    bool // it has not ended: To is zero
	HasClip  bool
	Score    float64 // 0 to 1, the best
}

// Recording is a stretch of footage the server has.
type Recording struct{ From, To time.Time }

// Cameras are all cameras of the server, by name.
func (s *Server) Cameras(ctx context.Context) ([]Camera, error) {
	var config struct {
		Cameras map[string]struct {
			Enabled *bool
			Record  struct{ Enabled bool }
			Detect  struct{ Width, Height int }
		}
	}
	if err := s.json(ctx, "/api/config", nil, &config); err != nil {
		return nil, err
	}
	var all []Camera
	for name, c := range config.Cameras {
		all = append(all, Camera{Name: name, On: c.Enabled == nil || *c.Enabled, Recording: c.Record.Enabled, W: c.Detect.Width, H: c.Detect.Height})
	}
	slices.SortFunc(all, func(a, b Camera) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

// Recordings are the stretches of one camera between two times, in order; those
// that touch are one.
func (s *Server) Recordings(ctx context.Context, camera string, from, to time.Time) ([]Recording, error) {
	var segments []struct {
		Start float64 `json:"start_time"`
		End   float64 `json:"end_time"`
	}
	q := url.Values{"after": {epoch(from)}, "before": {epoch(to)}}
	if err := s.json(ctx, "/api/"+url.PathEscape(camera)+"/recordings", q, &segments); err != nil {
		return nil, err
	}
	return merge(segments), nil
}

// touch is how far apart two segments may be that have no gap between them.
const touch = time.Second

func merge(segments []struct {
	Start float64 `json:"start_time"`
	End   float64 `json:"end_time"`
}) []Recording {
	var all []Recording
	for _, g := range segments {
		r := Recording{moment(g.Start), moment(g.End)}
		if r.From.IsZero() || !r.To.After(r.From) {
			continue
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b Recording) int { return a.From.Compare(b.From) })
	out := all[:0]
	for _, r := range all {
		if n := len(out); n > 0 && r.From.Sub(out[n-1].To) <= touch {
			if r.To.After(out[n-1].To) {
				out[n-1].To = r.To
			}
			continue
		}
		out = append(out, r)
	}
	return out
}

// event is an event as the API and MQTT write it.
type event struct {
	ID        string   `json:"id"`
	Camera    string   `json:"camera"`
	Label     string   `json:"label"`
	Start     float64  `json:"start_time"`
	End       *float64 `json:"end_time"`
	HasClip   bool     `json:"has_clip"`
	FalsePos  *bool    `json:"false_positive"`
	TopScore  *float64 `json:"top_score"`
	MoreScore struct {
		Top *float64 `json:"top_score"`
		Now *float64 `json:"score"`
	} `json:"data"`
}

func (e event) told() (Event, bool) {
	o := Event{ID: e.ID, Camera: e.Camera, Label: e.Label, From: moment(e.Start), HasClip: e.HasClip, Going: e.End == nil}
	if e.End != nil {
		o.To = moment(*e.End)
	}
	for _, s := range []*float64{e.TopScore, e.MoreScore.Top, e.MoreScore.Now} {
		if s != nil && *s > o.Score && *s <= 1 {
			o.Score = *s
		}
	}
	return o, o.ID != "" && o.Camera != "" && !o.From.IsZero() && (e.FalsePos == nil || !*e.FalsePos)
}

// Events are those of one camera ("": all) that began between two times, oldest
// first, at most 5,000.
func (s *Server) Events(ctx context.Context, camera string, from, to time.Time) ([]Event, error) {
	q := url.Values{"after": {epoch(from)}, "before": {epoch(to)}, "limit": {"5000"}, "include_thumbnails": {"0"}}
	if camera != "" {
		q.Set("cameras", camera)
	}
	var said []event
	if err := s.json(ctx, "/api/events", q, &said); err != nil {
		return nil, err
	}
	var all []Event
	for _, e := range said {
		if o, ok := e.told(); ok {
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b Event) int { return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.ID, b.ID)) })
	return all, nil
}

// Clip writes what a camera recorded between two times to w, an MP4. It begins
// where the server's segment does, which may be some seconds before from, as it
// copies whole segments. ErrNothing.
func (s *Server) Clip(ctx context.Context, camera string, from, to time.Time, w io.Writer) error {
	return s.film(ctx, fmt.Sprintf("/api/%s/start/%s/end/%s/clip.mp4", url.PathEscape(camera), epoch(from), epoch(to)), w)
}

// Latest is what a camera shows now, a JPEG at most so many pixels high.
func (s *Server) Latest(ctx context.Context, camera string, height int) ([]byte, error) {
	return s.picture(ctx, "/api/"+url.PathEscape(camera)+"/latest.jpg", url.Values{"h": {strconv.Itoa(height)}})
}

// Still is what a camera recorded at a time, a JPEG at most so many pixels high.
// ErrNothing.
func (s *Server) Still(ctx context.Context, camera string, at time.Time, height int) ([]byte, error) {
	return s.picture(ctx, fmt.Sprintf("/api/%s/recordings/%s/snapshot.jpg", url.PathEscape(camera), epoch(at)), url.Values{"height": {strconv.Itoa(height)}})
}

func (s *Server) picture(ctx context.Context, path string, q url.Values) ([]byte, error) {
	resp, err := s.get(ctx, path, q)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err == nil && len(b) == 0 {
		err = ErrNothing
	}
	return b, err
}

func (s *Server) film(ctx context.Context, path string, w io.Writer) error {
	resp, err := s.get(ctx, path, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	n, err := io.Copy(w, resp.Body)
	if err == nil && n == 0 {
		err = ErrNothing
	}
	return err
}

func (s *Server) json(ctx context.Context, path string, q url.Values, into any) error {
	resp, err := s.get(ctx, path, q)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<20)).Decode(into); err != nil {
		return fmt.Errorf("what answers is no Frigate, or one this version does not know: %w", err)
	}
	return nil
}

// get asks, and signs in first where the server wants that.
func (s *Server) get(ctx context.Context, path string, q url.Values) (*http.Response, error) {
	for again := false; ; again = true {
		req, err := http.NewRequestWithContext(ctx, "GET", strings.TrimRight(s.Address, "/")+path, nil)
		if err != nil {
			return nil, errors.New("the address of Frigate cannot be read; want http://host:5000")
		}
		req.URL.RawQuery = q.Encode()
		s.mu.Lock()
		if s.token != "" {
			req.Header.Set("Authorization", "Bearer "+s.token)
		}
		s.mu.Unlock()
		resp, err := s.do(req)
		if err != nil {
			return nil, err
		}
		switch resp.StatusCode {
		case http.StatusOK:
			return resp, nil
		case http.StatusUnauthorized:
			drain(resp)
			if again || s.User == "" {
				return nil, ErrPassword
			}
			if err := s.signIn(ctx); err != nil {
				return nil, err
			}
			continue
		}
		said := drain(resp)
		switch {
		case strings.Contains(said, "Camera") && strings.Contains(said, "not found"):
			return nil, ErrNoCamera
		case resp.StatusCode == http.StatusNotFound, strings.Contains(said, "No recordings"):
			return nil, ErrNothing
		}
		return nil, fmt.Errorf("the Frigate server answers %s", resp.Status)
	}
}

// signIn gets a session of the server's own port, 8971.
func (s *Server) signIn(ctx context.Context) error {
	body, _ := json.Marshal(map[string]string{"user": s.User, "password": s.Password})
	req, err := http.NewRequestWithContext(ctx, "POST", strings.TrimRight(s.Address, "/")+"/api/login", strings.NewReader(string(body)))
	if err != nil {
		return errors.New("the address of Frigate cannot be read; want https://host:8971")
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.do(req)
	if err != nil {
		return err
	}
	drain(resp)
	for _, c := range resp.Cookies() {
		if c.Name == "frigate_token" && resp.StatusCode == http.StatusOK {
			s.mu.Lock()
			s.token = c.Value
			s.mu.Unlock()
			return nil
		}
	}
	return ErrPassword
}

func (s *Server) do(req *http.Request) (*http.Response, error) {
	client := s.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	var u *url.Error
	if errors.As(err, &u) { // without the address
		err = u.Err
	}
	return resp, err
}

// drain reads what little an answer says, so that its connection can be used again.
func drain(resp *http.Response) string {
	defer resp.Body.Close()
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
	return string(b)
}

// epoch writes a time as Frigate reads it: seconds since 1970.
func epoch(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMicro())/1e6, 'f', 6, 64)
}

// moment is epoch the other way; zero for what is no time.
func moment(seconds float64) time.Time {
	if math.IsNaN(seconds) || seconds <= 0 || seconds > 1<<33 {
		return time.Time{}
	}
	return time.UnixMicro(int64(math.Round(seconds * 1e6))).UTC()
}
