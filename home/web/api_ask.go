package web

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"porchlight/home"
	"porchlight/home/ask"
)

// RequestView is a request of the neighborhood near this house, and what the
// house has of it.
type RequestView struct {
	ID        string          `json:"id"`
	Agency    string          `json:"agency" doc:"Its name."`
	Kind      string          `json:"kind" doc:"municipal, county, state ..."`
	Incident  string          `json:"incident"`
	Narrative string          `json:"narrative" doc:"As the agency wrote it."`
	Area      json.RawMessage `json:"area" doc:"GeoJSON polygon."`
	From      time.Time       `json:"from"`
	To        time.Time       `json:"to"`
	Zone      string          `json:"zone"`
	Expires   time.Time       `json:"expires"`
	Contact   string          `json:"contact"`
	Published time.Time       `json:"published"`
	State     ask.State       `json:"state" enum:"new,seen,dismissed,shared,over"`
	Open      bool            `json:"open" doc:"It can be answered now."`
	Metres    float64         `json:"metres" doc:"From the nearest camera to the area."`
	Receipt   string          `json:"receipt" doc:"Of the act that published it."`
	Cameras   []string        `json:"cameras" doc:"Those that see into the area."`
	Spans     []home.Span     `json:"spans" doc:"What they hold of the time asked for."`
	Looked    []home.What     `json:"looked" doc:"What is looked for."`
	Moments   []MomentView    `json:"moments" doc:"Worth offering."`
}

// AskView is the requests and how reading them goes.
type AskView struct {
	Exchange string        `json:"exchange" doc:"Its address."`
	Last     time.Time     `json:"last,omitzero" doc:"When the feed was last read."`
	Next     time.Time     `json:"next"`
	Trouble  ask.Trouble   `json:"trouble" enum:",unreachable,unproved,stale,elsewhere,house"`
	Requests []RequestView `json:"requests"`
}

func viewRequest(m ask.Matched) (RequestView, error) {
	c := m.Asked.Content
	area, err := json.Marshal(c.Area)
	v := RequestView{ID: c.ID, Agency: m.Asked.AgencyName, Kind: m.AgencyKind, Incident: string(c.Incident), Narrative: c.Narrative, Area: area,
		From: c.From, To: c.To, Zone: c.TimeZone, Expires: c.Expires, Contact: c.Contact, Published: m.Published,
		State: m.State, Open: m.Open, Metres: m.Metres, Receipt: m.Asked.Receipt, Cameras: m.Cameras, Spans: m.Spans, Looked: m.Looked, Moments: []MomentView{}}
	for _, o := range m.Moments {
		v.Moments = append(v.Moments, viewMoment(o))
	}
	return v, err
}

func (s *Server) askRoutes() {
	route(s, paired, http.MethodGet, "/requests", "requests", "Requests near this house, newest first",
		func(ctx context.Context, _ *struct{}) (*struct{ Body AskView }, error) {
			if s.Asked == nil {
				return nil, errNoExchange
			}
			all, err := s.Asked.Requests(ctx)
			if err != nil {
				return nil, err
			}
			st := s.Asked.Status()
			v := AskView{s.Asked.URL, st.Last, st.Next, st.Trouble, []RequestView{}}
			for _, m := range all {
				r, err := viewRequest(m)
				if err != nil {
					return nil, err
				}
				v.Requests = append(v.Requests, r)
			}
			return &struct{ Body AskView }{v}, nil
		})
	route(s, paired, http.MethodGet, "/requests/{id}", "request", "One request near this house",
		func(ctx context.Context, in *ByID) (*struct{ Body RequestView }, error) {
			if s.Asked == nil {
				return nil, errNoExchange
			}
			m, err := s.Asked.Request(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			v, err := viewRequest(m)
			return &struct{ Body RequestView }{v}, err
		})
	for _, move := range []struct {
		path, id, summary string
		do                func(*ask.Service, context.Context, string) error
	}{
		{"seen", "seeRequest", "Note that somebody of the household looked at it", (*ask.Service).Seen},
		{"dismiss", "dismissRequest", "Do not answer it; nobody learns of that", (*ask.Service).Dismiss},
		{"restore", "restoreRequest", "Take it up again", (*ask.Service).Restore},
	} {
		route(s, paired, http.MethodPost, "/requests/{id}/"+move.path, move.id, move.summary,
			func(ctx context.Context, in *ByID) (*struct{}, error) {
				if s.Asked == nil {
					return nil, errNoExchange
				}
				defer s.Changed("requests")
				return nil, move.do(s.Asked, ctx, in.ID)
			})
	}
}
