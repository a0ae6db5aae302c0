package web

import (
	"context"
	"errors"
	"net/http"

	"porchlight/plate/peer"

	"porchlight/internal/problem"
)

// peerRoutes are the other exchanges: introducing this one to them, answering
// their lookups, and the operator's list of them, which is public.
func (s *Server) peerRoutes() {
	s.handle(anyone, "GET "+peer.WellKnown, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := s.Peers.Describe(r.Context())
		if err != nil {
			problem.Write(w, s.problem(r.Context(), err).(*Problem))
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "public, max-age=300")
		w.Write(text)
	}))
	s.handle(anyone, "POST /api/v1/peer/lookups", s.Peers)

	route(s, anyone, "GET", "/peers", "peers", "The other exchanges that plate searches may go to and come from.",
		func(ctx context.Context, _ *struct{}) (*struct{ Body []PeerView }, error) {
			list, err := s.Peers.Peers(ctx)
			if err != nil {
				return nil, err
			}
			out := []PeerView{}
			for _, p := range list {
				out = append(out, PeerView{Origin: p.Origin, Key: p.Key, URL: p.URL, Witnesses: p.Witnesses, Quorum: p.Quorum, Hour: p.Hour, Entry: p.Entry})
			}
			return &struct{ Body []PeerView }{out}, nil
		})
	route(s, session, "POST", "/peers", "addPeer", "Add another exchange under the ledger key that you compared with another source.",
		func(ctx context.Context, in *struct {
			ActHeaders
			Body NewPeer
		}) (*ActOutput, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			g, err := s.Peers.Add(ctx, by, peer.Peer{Origin: in.Body.Origin, Key: in.Body.Key, URL: in.Body.URL, Witnesses: in.Body.Witnesses, Quorum: in.Body.Quorum})
			return s.acted(ctx)(g, peerProblem(err))
		})
	route(s, session, "POST", "/peers/remove", "removePeer", "Neither ask another exchange any more nor answer it.",
		func(ctx context.Context, in *struct {
			ActHeaders
			Body RemovedPeer
		}) (*ActOutput, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			g, err := s.Peers.Remove(ctx, by, in.Body.Origin)
			return s.acted(ctx)(g, peerProblem(err))
		})
}

// PeerView is another exchange, as the operator added it.
type PeerView struct {
	Origin    string   `json:"origin"`
	Key       string   `json:"key" doc:"Verifier key of its ledger."`
	URL       string   `json:"url"`
	Witnesses []string `json:"witnesses" doc:"Verifier keys of the witnesses whose word is taken."`
	Quorum    int      `json:"quorum"`
	Hour      string   `json:"hour"`
	Entry     uint64   `json:"entry"`
}

// NewPeer names another exchange.
type NewPeer struct {
	Origin    string   `json:"origin" maxLength:"255"`
	Key       string   `json:"key" maxLength:"500" doc:"Verifier key of its ledger: name+hash+base64."`
	URL       string   `json:"url" maxLength:"500" doc:"https, without a slash at its end."`
	Witnesses []string `json:"witnesses,omitempty" maxItems:"20"`
	Quorum    int      `json:"quorum,omitempty" minimum:"0" maximum:"20"`
}

// RemovedPeer names one that is to be none any more.
type RemovedPeer struct {
	Origin string `json:"origin" maxLength:"255"`
}

// peerProblem maps the errors of package peer.
func peerProblem(err error) error {
	var bad *peer.Invalid
	switch {
	case errors.As(err, &bad):
		return &Problem{Type: problemInvalid, Title: "Something in the request is not right", Status: http.StatusUnprocessableEntity, Detail: bad.Field + ": " + bad.Reason}
	case errors.Is(err, peer.ErrNotFound):
		return &Problem{Type: problemNotFound, Title: "Not found", Status: http.StatusNotFound, Detail: "There is no such peer."}
	}
	return err
}
