package web

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"porchlight/plate/sharing"
)

// sharingRoutes say who may search whose reads of plates, and let an agency's
// administrator, or an auditor, change it. What they show is public.
func (s *Server) sharingRoutes() {
	route(s, anyone, "GET", "/sharing", "sharing", "Who may search whose plate reads: every agency with its setting and whom that lets in.",
		func(ctx context.Context, _ *struct{}) (*struct{ Body []SharingView }, error) {
			out, err := s.sharingViews(ctx)
			return &struct{ Body []SharingView }{out}, err
		})
	route(s, session, "POST", "/sharing/preview", "previewSharing", "Whom a setting would let search your agency's reads, against whom it lets in now.",
		func(ctx context.Context, in *struct{ Body SharingSetting }) (*struct{ Body SharingPreview }, error) {
			owner := principal(ctx).Agency
			now, err := s.Sharing.Current(ctx, owner)
			if err != nil {
				return nil, sharingProblem(err)
			}
			was, err := s.reach(ctx, now)
			if err != nil {
				return nil, sharingProblem(err)
			}
			next, err := s.Sharing.Reach(ctx, owner, in.Body.setting())
			if err != nil {
				return nil, sharingProblem(err)
			}
			has := func(list []sharing.Member, ori string) bool {
				return slices.ContainsFunc(list, func(m sharing.Member) bool { return m.ORI == ori })
			}
			out := SharingPreview{Agencies: []SharingAgency{}, Peers: []SharingPeer{}}
			for _, m := range next.Agencies {
				out.Agencies = append(out.Agencies, SharingAgency{m.ORI, m.Name, m.Kind, m.State, diff(has(was.Agencies, m.ORI), true)})
			}
			for _, m := range was.Agencies {
				if !has(next.Agencies, m.ORI) {
					out.Agencies = append(out.Agencies, SharingAgency{m.ORI, m.Name, m.Kind, m.State, diff(true, false)})
				}
			}
			for _, p := range next.Peers {
				out.Peers = append(out.Peers, SharingPeer{p, diff(slices.Contains(was.Peers, p), true)})
			}
			for _, p := range was.Peers {
				if !slices.Contains(next.Peers, p) {
					out.Peers = append(out.Peers, SharingPeer{p, diff(true, false)})
				}
			}
			return &struct{ Body SharingPreview }{out}, nil
		})
	route(s, session, "POST", "/sharing", "changeSharing", "Set who may search your agency's plate reads.",
		func(ctx context.Context, in *struct {
			ActHeaders
			Body SharingSetting
		}) (*ActOutput, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			g, err := s.Sharing.Change(ctx, by, in.Body.setting())
			return s.acted(ctx)(g, sharingProblem(err))
		})

	route(s, anyone, "GET", "/restrictions", "restrictions", "Agencies that an auditor barred from the plate reads of a state.",
		func(ctx context.Context, _ *struct{}) (*struct{ Body []RestrictionView }, error) {
			list, err := s.Sharing.Restrictions(ctx)
			if err != nil {
				return nil, err
			}
			out := []RestrictionView{}
			for _, r := range list {
				out = append(out, RestrictionView{r.Agency, s.agencyName(ctx, r.Agency), r.State, r.Hour, r.Entry})
			}
			return &struct{ Body []RestrictionView }{out}, nil
		})
	route(s, session, "POST", "/restrictions", "restrictAgency", "Bar an agency from the plate reads of a state.",
		func(ctx context.Context, in *struct {
			ActHeaders
			Body Restricting
		}) (*ActOutput, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			g, err := s.Sharing.Restrict(ctx, by, in.Body.Agency, in.Body.State, in.Body.Reason)
			return s.acted(ctx)(g, sharingProblem(err))
		})
	route(s, session, "POST", "/restrictions/end", "readmitAgency", "Let an agency search the plate reads of a state again.",
		func(ctx context.Context, in *struct {
			ActHeaders
			Body Restricting
		}) (*ActOutput, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			g, err := s.Sharing.Readmit(ctx, by, in.Body.Agency, in.Body.State, in.Body.Reason)
			return s.acted(ctx)(g, sharingProblem(err))
		})
}

// SharingSetting is who may search an agency's reads.
type SharingSetting struct {
	Audience string   `json:"audience" enum:"nobody,agencies,distance,same-state,like-law,exchange,peers" doc:"Who on this exchange. like-law: agencies of states whose law forbids at least what yours forbids."`
	Agencies []string `json:"agencies,omitempty" maxItems:"200" doc:"ORIs, for the audience agencies."`
	Km       int      `json:"km,omitempty" minimum:"0" maximum:"1000" doc:"For the audience distance: between jurisdictions."`
	Peers    []string `json:"peers,omitempty" maxItems:"200" doc:"Other exchanges whose agencies may ask through them, beside every audience but nobody."`
}

func (in SharingSetting) setting() sharing.Setting {
	slices.Sort(in.Agencies)
	slices.Sort(in.Peers)
	return sharing.Setting{Audience: sharing.Audience(in.Audience), Agencies: in.Agencies, Km: in.Km, Peers: in.Peers}
}

// SharingView is one agency with its setting in force.
type SharingView struct {
	Owner     string         `json:"owner"`
	Name      string         `json:"name"`
	Kind      string         `json:"kind"`
	State     string         `json:"state"`
	Setting   SharingSetting `json:"setting"`
	Entry     uint64         `json:"entry" doc:"Of the act that made it; 0 where none was ever made: nobody."`
	Hour      string         `json:"hour"`
	Enrolment uint64         `json:"enrolment" doc:"Entry that enrolled the passkey that signed it."`
	Unproved  bool           `json:"unproved" doc:"The entry does not show an administrator's signature, so nobody is let in."`
	Reaches   []string       `json:"reaches" doc:"ORIs of the agencies it lets in now."`
}

// SharingPreview is what a setting would mean.
type SharingPreview struct {
	Agencies []SharingAgency `json:"agencies"`
	Peers    []SharingPeer   `json:"peers"`
}

// SharingAgency is an agency that could search, or no longer could.
type SharingAgency struct {
	ORI    string `json:"ori"`
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	State  string `json:"state"`
	Change string `json:"change" enum:"stays,added,removed"`
}

// SharingPeer is an exchange whose agencies could search, or no longer could.
type SharingPeer struct {
	Origin string `json:"origin"`
	Change string `json:"change" enum:"stays,added,removed"`
}

func diff(was, will bool) string {
	switch {
	case was && will:
		return "stays"
	case will:
		return "added"
	}
	return "removed"
}

// RestrictionView is a bar in force.
type RestrictionView struct {
	Agency string `json:"agency"`
	Name   string `json:"name"`
	State  string `json:"state"`
	Hour   string `json:"hour"`
	Entry  uint64 `json:"entry"`
}

// Restricting names an agency, a state, and why.
type Restricting struct {
	Agency string `json:"agency" maxLength:"9"`
	State  string `json:"state" maxLength:"2"`
	Reason string `json:"reason" maxLength:"1000"`
}

// reach is whom a setting in force lets in: nobody where it is not proved.
func (s *Server) reach(ctx context.Context, c sharing.Change) (sharing.Reach, error) {
	if c.Unproved {
		return sharing.Reach{}, nil
	}
	r, err := s.Sharing.Reach(ctx, c.Owner, c.Setting)
	if errors.As(err, new(*sharing.Invalid)) { // it names a peer or an agency that is gone
		t := c.Setting
		t.Audience, t.Agencies, t.Peers, t.Km = sharing.Nobody, nil, nil, 0
		return s.Sharing.Reach(ctx, c.Owner, t)
	}
	return r, err
}

func (s *Server) sharingViews(ctx context.Context) ([]SharingView, error) {
	members, err := s.Sharing.Members(ctx)
	if err != nil {
		return nil, err
	}
	views := make([]SharingView, 0, len(members))
	for _, m := range members {
		c, err := s.Sharing.Current(ctx, m.ORI)
		if err != nil {
			return nil, err
		}
		r, err := s.reach(ctx, c)
		if err != nil {
			return nil, err
		}
		v := SharingView{Owner: m.ORI, Name: m.Name, Kind: m.Kind, State: m.State, Entry: c.Entry, Hour: c.Hour, Enrolment: c.Enrolment, Unproved: c.Unproved,
			Setting: SharingSetting{string(c.Audience), c.Agencies, c.Km, c.Peers}, Reaches: []string{}}
		for _, a := range r.Agencies {
			v.Reaches = append(v.Reaches, a.ORI)
		}
		views = append(views, v)
	}
	return views, nil
}

// sharingProblem maps the errors of package sharing.
func sharingProblem(err error) error {
	var bad *sharing.Invalid
	switch {
	case errors.As(err, &bad):
		return &Problem{Type: problemInvalid, Title: "Something in the request is not right", Status: http.StatusUnprocessableEntity, Detail: bad.Field + ": " + bad.Reason}
	case errors.Is(err, sharing.ErrNotFound):
		return &Problem{Type: problemNotFound, Title: "Not found", Status: http.StatusNotFound, Detail: "There is no such agency on this exchange."}
	case errors.Is(err, sharing.ErrKey):
		return &Problem{Type: problemPasskey, Title: "This passkey cannot sign this", Status: http.StatusUnprocessableEntity,
			Detail: "It was enrolled before you had this role. Enrol another passkey with the invitation to the role."}
	case errors.Is(err, sharing.ErrState):
		return &Problem{Type: problemConflict, Title: "Already so", Status: http.StatusConflict, Detail: "This agency is already barred, or already let in."}
	}
	return err
}
