package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"porchlight/canvass"
	"porchlight/gate"
	"porchlight/geo"
	"porchlight/identity"
	"porchlight/internal/problem"

	"github.com/danielgtaylor/huma/v2"
)

// canvassRoutes are about community requests: asking, moderating, the public
// lists, the feed, and notices. Nothing here takes a place: the most the server
// is told is a coarse cell, and of that no log is kept.
func (s *Server) canvassRoutes() {
	s.handle(anyone, "GET "+canvass.FeedPath, s.Feed)
	s.requestRoutes()
	s.noticeRoutes()
}

func (s *Server) requestRoutes() {
	route(s, session, "POST", "/requests", "postRequest", "Ask a neighborhood for footage; a moderator reads it first.",
		func(ctx context.Context, in *struct {
			ActHeaders
			Body RequestDraft
		}) (*RequestAct, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			d, err := in.Body.draft()
			if err != nil {
				return nil, err
			}
			r, err := s.Canvass.Post(ctx, by, d)
			return s.requestAct(ctx, r, r.PostEntry, err)
		})
	route(s, session, "POST", "/requests/{id}/moderate", "moderateRequest", "Publish or reject a pending request, as a second person.",
		func(ctx context.Context, in *struct {
			ActHeaders
			ID   string `path:"id" maxLength:"26"`
			Body ModerationVerdict
		}) (*RequestAct, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			r, err := s.Canvass.Moderate(ctx, by, in.ID, in.Body.Verdict == "approve", in.Body.Reason)
			return s.requestAct(ctx, r, r.DecisionEntry, err)
		})
	route(s, session, "POST", "/requests/{id}/close", "closeRequest", "Close a request of the own agency; it stays on the agency's page.",
		func(ctx context.Context, in *struct {
			ActHeaders
			ID string `path:"id" maxLength:"26"`
		}) (*RequestAct, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			r, err := s.Canvass.Close(ctx, by, in.ID)
			return s.requestAct(ctx, r, r.CloseEntry, err)
		})

	route(s, anyone, "GET", "/requests", "openRequests", "All open requests, the same list for everybody.",
		func(ctx context.Context, _ *struct{}) (*RequestList, error) {
			rs, err := s.Canvass.Open(ctx)
			return s.requestList(ctx, rs, false, err)
		})
	route(s, anyone, "GET", "/requests/{id}", "request", "One request: published ones for everybody, others for those who work on them.",
		func(ctx context.Context, in *struct {
			ID string `path:"id" maxLength:"26"`
		}) (*struct{ Body RequestView }, error) {
			r, inside, err := s.Canvass.View(ctx, principal(ctx), in.ID)
			if err != nil {
				return nil, canvassProblem(err)
			}
			v, err := s.requestView(ctx, r, inside)
			return &struct{ Body RequestView }{v}, err
		})
	route(s, anyone, "GET", "/agencies/{ori}/requests", "agencyRequests", "Every request the agency ever published: open, resolved and expired.",
		func(ctx context.Context, in *struct {
			ORI string `path:"ori" maxLength:"9"`
		}) (*RequestList, error) {
			if _, err := s.Roster.Agency(ctx, in.ORI); err != nil {
				return nil, peopleProblem(err)
			}
			rs, err := s.Canvass.Published(ctx, in.ORI)
			return s.requestList(ctx, rs, false, err)
		})
	route(s, session, "GET", "/desk/requests", "myRequests", "The requests of the own agency in every state.",
		func(ctx context.Context, _ *struct{}) (*RequestList, error) {
			rs, err := s.Canvass.Mine(ctx, principal(ctx))
			return s.requestList(ctx, rs, true, err)
		})
	route(s, session, "GET", "/desk/moderation", "moderationQueue", "The requests that wait for a moderator, oldest first.",
		func(ctx context.Context, _ *struct{}) (*RequestList, error) {
			rs, err := s.Canvass.Queue(ctx, principal(ctx))
			return s.requestList(ctx, rs, true, err)
		})
}

func (s *Server) noticeRoutes() {
	type nothing struct{}
	route(s, anyone, "GET", "/notices", "noticeWays", "How this exchange can tell of new requests.",
		func(context.Context, *struct{}) (*struct{ Body NoticeWays }, error) {
			return &struct{ Body NoticeWays }{NoticeWays{s.PushKey, s.Notices.Mail != nil}}, nil
		})
	route(s, anyone, "POST", "/notices/push", "subscribePush", "Tell this browser of new requests in a coarse cell.",
		func(ctx context.Context, in *struct{ Body PushSubscription }) (*nothing, error) {
			b := in.Body
			return nil, canvassProblem(s.Notices.SubscribePush(ctx, b.Cell, b.Endpoint, b.P256DH, b.Auth))
		})
	route(s, anyone, "POST", "/notices/push/leave", "unsubscribePush", "Stop telling this browser, of one cell or of all.",
		func(ctx context.Context, in *struct{ Body PushLeave }) (*nothing, error) {
			return nil, canvassProblem(s.Notices.UnsubscribePush(ctx, in.Body.Cell, in.Body.Endpoint))
		})
	route(s, anyone, "POST", "/notices/mail", "subscribeMail", "Mail a link that confirms notices for a coarse cell.",
		func(ctx context.Context, in *struct{ Body MailSubscription }) (*nothing, error) {
			return nil, canvassProblem(s.Notices.SubscribeMail(ctx, in.Body.Cell, in.Body.Address))
		})
	route(s, anyone, "POST", "/notices/mail/confirm", "confirmMail", "Take up the link of a confirmation mail.",
		func(ctx context.Context, in *struct{ Body NoticeLink }) (*nothing, error) {
			return nil, canvassProblem(s.Notices.Confirm(ctx, in.Body.Token))
		})
	route(s, anyone, "POST", "/notices/mail/leave", "unsubscribeMail", "Take up the link every mail carries, and forget the address.",
		func(ctx context.Context, in *struct{ Body NoticeLink }) (*nothing, error) {
			return nil, canvassProblem(s.Notices.Unsubscribe(ctx, in.Body.Token))
		})
	// One click in the mail program (RFC 8058): it posts a form; a person who
	// opens the address comes to the page.
	s.handle(anyone, "/api/v1/notices/unsubscribe", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := r.URL.Query().Get("token")
		if r.Method != http.MethodPost {
			http.Redirect(w, r, "/notices#leave="+url.QueryEscape(token), http.StatusSeeOther)
			return
		}
		if err := s.Notices.Unsubscribe(r.Context(), token); err != nil {
			var p *Problem
			if errors.As(s.problem(r.Context(), canvassProblem(err)), &p) {
				problem.Write(w, p)
			}
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
}

// canvassProblem names the errors of requests and notices for people.
func canvassProblem(err error) error {
	var invalid canvass.Invalid
	switch {
	case errors.As(err, &invalid):
		p := &Problem{Type: problemInvalid, Title: "The request cannot be read", Status: http.StatusUnprocessableEntity, Detail: invalid.Error()}
		for _, f := range invalid {
			p.Errors = append(p.Errors, &huma.ErrorDetail{Message: f.Problem, Location: "body." + f.Field})
		}
		return p
	case errors.Is(err, canvass.ErrNotFound):
		return identity.ErrNotFound
	case errors.Is(err, canvass.ErrChanged):
		return &Problem{Type: problemConflict, Title: "Somebody was quicker", Status: http.StatusConflict, Detail: plainError(canvass.ErrChanged)}
	case errors.Is(err, canvass.ErrReason):
		return fieldProblem("reason", "Give a reason of 1 to 500 characters.")
	case errors.Is(err, canvass.ErrSubscription):
		return &Problem{Type: problemInvalid, Title: "This cannot be subscribed", Status: http.StatusUnprocessableEntity, Detail: err.Error()}
	case errors.Is(err, canvass.ErrLink):
		return &Problem{Type: problemNotFound, Title: "Not found", Status: http.StatusNotFound, Detail: err.Error()}
	}
	return err
}

func plainError(err error) string {
	_, text, _ := strings.Cut(err.Error(), ": ")
	return text
}

// RequestDraft is a request as an officer fills it in.
type RequestDraft struct {
	Case      string     `json:"case" maxLength:"200" doc:"Case number; residents do not see it."`
	Incident  string     `json:"incident" enum:"arson,assault,burglary,fire,fraud,hate-crime,hit-and-run,homicide,kidnapping,missing-person,package-theft,robbery,sexual-assault,shooting,theft,traffic-crash,vandalism,vehicle-break-in,vehicle-theft"`
	Narrative string     `json:"narrative" maxLength:"8000" doc:"What happened and what would help, at most 2000 characters."`
	Area      GeoPolygon `json:"area"`
	From      time.Time  `json:"from" doc:"Start of the window footage is asked for."`
	To        time.Time  `json:"to" doc:"End of that window."`
	TimeZone  string     `json:"time_zone" maxLength:"64" doc:"IANA zone in which people read the window." example:"America/Chicago"`
	Expires   time.Time  `json:"expires" doc:"Until when it can be answered."`
	Contact   string     `json:"contact" maxLength:"800" doc:"How residents reach the agency about it."`
}

func (d RequestDraft) draft() (canvass.Draft, error) {
	text, err := json.Marshal(d.Area)
	if err != nil {
		return canvass.Draft{}, err
	}
	area, err := geo.ParsePolygon(text)
	if err != nil {
		return canvass.Draft{}, fieldProblem("area", err.Error())
	}
	return canvass.Draft{Case: d.Case, Incident: canvass.Incident(d.Incident), Narrative: d.Narrative, Area: area,
		From: d.From, To: d.To, TimeZone: d.TimeZone, Expires: d.Expires, Contact: d.Contact}, nil
}

// ModerationVerdict is a moderator's decision.
type ModerationVerdict struct {
	Verdict string `json:"verdict" enum:"approve,reject"`
	Reason  string `json:"reason,omitempty" maxLength:"2000" doc:"For the agency; a rejection needs one. At most 500 characters."`
}

// RequestView is a request as its reader may see it.
type RequestView struct {
	ID         string     `json:"id"`
	Agency     string     `json:"agency" doc:"ORI"`
	AgencyName string     `json:"agency_name"`
	AgencyKind string     `json:"agency_kind"`
	Incident   string     `json:"incident"`
	Narrative  string     `json:"narrative"`
	Area       GeoPolygon `json:"area"`
	AreaM2     float64    `json:"area_m2"`
	From       time.Time  `json:"from" doc:"Start of the window footage is asked for."`
	To         time.Time  `json:"to" doc:"End of that window."`
	TimeZone   string     `json:"time_zone"`
	Expires    time.Time  `json:"expires"`
	Contact    string     `json:"contact"`
	State      string     `json:"state" enum:"pending,open,resolved,expired,rejected"`
	Published  *time.Time `json:"published,omitempty"`
	Closed     *time.Time `json:"closed,omitempty"`
	// Entries in the ledger.
	PostEntry     uint64  `json:"post_entry"`
	DecisionEntry *uint64 `json:"decision_entry,omitempty"`
	CloseEntry    *uint64 `json:"close_entry,omitempty"`

	Inside *RequestInside `json:"inside,omitempty" doc:"Only for the agency, moderators and auditors."`
}

// RequestInside is what the world does not read of a request.
type RequestInside struct {
	Case      string     `json:"case"`
	Posted    time.Time  `json:"posted"`
	PostedBy  string     `json:"posted_by" doc:"Name."`
	Decided   *time.Time `json:"decided,omitempty"`
	DecidedBy string     `json:"decided_by,omitempty" doc:"Name."`
	Reason    string     `json:"reason,omitempty" doc:"The moderator's words."`
}

func (s *Server) requestView(ctx context.Context, r canvass.Request, inside bool) (RequestView, error) {
	a, err := s.Roster.Agency(ctx, r.Agency)
	if err != nil {
		return RequestView{}, peopleProblem(err)
	}
	v := RequestView{
		ID: r.ID, Agency: r.Agency, AgencyName: a.Name, AgencyKind: string(a.Kind), Incident: string(r.Incident),
		Narrative: r.Narrative, AreaM2: r.Area.AreaM2(), From: r.From, To: r.To, TimeZone: r.TimeZone, Expires: r.Expires,
		Contact: r.Contact, State: string(r.State), PostEntry: r.PostEntry,
	}
	area, err := json.Marshal(r.Area)
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(area, &v.Area); err != nil {
		return v, err
	}
	if !r.Decided.IsZero() {
		v.DecisionEntry = &r.DecisionEntry
		if r.Published() {
			v.Published = &r.Decided
		}
	}
	if !r.Closed.IsZero() {
		v.Closed, v.CloseEntry = &r.Closed, &r.CloseEntry
	}
	if !inside {
		return v, nil
	}
	v.Inside = &RequestInside{Case: r.Case, Posted: r.Posted, PostedBy: s.personName(ctx, r.PostedBy), Reason: r.Reason}
	if !r.Decided.IsZero() {
		v.Inside.Decided, v.Inside.DecidedBy = &r.Decided, s.personName(ctx, r.DecidedBy)
	}
	return v, nil
}

// RequestList is a list of requests.
type RequestList struct{ Body []RequestView }

func (s *Server) requestList(ctx context.Context, rs []canvass.Request, inside bool, err error) (*RequestList, error) {
	if err != nil {
		return nil, canvassProblem(err)
	}
	out := &RequestList{Body: []RequestView{}}
	for _, r := range rs {
		v, err := s.requestView(ctx, r, inside)
		if err != nil {
			return nil, err
		}
		out.Body = append(out.Body, v)
	}
	return out, nil
}

// RequestAct answers an act on a request: how it stands now, and the receipt.
type RequestAct struct {
	Recorded
	Body struct {
		Request RequestView `json:"request"`
		Receipt string      `json:"receipt"`
	}
}

func (s *Server) requestAct(ctx context.Context, r canvass.Request, entry uint64, err error) (*RequestAct, error) {
	if err != nil {
		return nil, canvassProblem(err)
	}
	receipt, err := s.Gate.Receipt(ctx, entry, gate.PrivateAt, gate.PrivatePerson, gate.PrivateSignature,
		"case", "narrative", "area", "contact", "window", "expires", "reason")
	if err != nil {
		return nil, err
	}
	out := &RequestAct{Recorded: Recorded{entry}}
	out.Body.Receipt = string(receipt.Marshal())
	out.Body.Request, err = s.requestView(ctx, r, true)
	return out, err
}

// NoticeWays says which notices can be had.
type NoticeWays struct {
	PushKey string `json:"push_key" doc:"VAPID public key (applicationServerKey), base64url."`
	Mail    bool   `json:"mail"`
}

// PushSubscription is a browser's PushSubscription and the cell it wants.
type PushSubscription struct {
	Cell     string `json:"cell" maxLength:"16" doc:"S2 token, level 10."`
	Endpoint string `json:"endpoint" maxLength:"1000"`
	P256DH   string `json:"p256dh" maxLength:"100"`
	Auth     string `json:"auth" maxLength:"40"`
}

// PushLeave ends a PushSubscription.
type PushLeave struct {
	Cell     string `json:"cell,omitempty" maxLength:"16" doc:"Empty for all cells."`
	Endpoint string `json:"endpoint" maxLength:"1000"`
}

// MailSubscription is an address and the cell it wants.
type MailSubscription struct {
	Cell    string `json:"cell" maxLength:"16" doc:"S2 token, level 10."`
	Address string `json:"address" maxLength:"300"`
}

// NoticeLink is the secret of a link in a mail.
type NoticeLink struct {
	Token string `json:"token" maxLength:"100"`
}
