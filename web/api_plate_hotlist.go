package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"porchlight/gate"
	"porchlight/identity"
	"porchlight/internal/problem"
	"porchlight/internal/push"
	"porchlight/plate"
	"porchlight/plate/hotlist"
)

// hotlistRoutes are lists of wanted plates, their hits as they come, and
// requests for correction.
func (s *Server) hotlistRoutes() {
	s.hitRoutes()
	s.listRoutes()
	s.correctionRoutes()
}

func (s *Server) hitRoutes() {
	s.handle(session, "GET /api/v1/plates/alerts", http.HandlerFunc(s.alerts))
	route(s, session, "POST", "/plates/alerts/push", "pushAlerts", "Tell this browser of hits of the own agency; the message names the list, never a plate.",
		func(ctx context.Context, in *struct{ Body AlertBrowser }) (*struct{}, error) {
			b := push.Browser{Endpoint: in.Body.Endpoint, P256DH: in.Body.P256DH, Auth: in.Body.Auth}
			return nil, hotlistProblem(s.Hotlists.Subscribe(ctx, principal(ctx), b))
		})
	route(s, session, "POST", "/plates/alerts/push/leave", "unpushAlerts", "Stop telling this browser of hits.",
		func(ctx context.Context, in *struct{ Body AlertLeave }) (*struct{}, error) {
			return nil, hotlistProblem(s.Hotlists.Unsubscribe(ctx, in.Body.Endpoint))
		})
	route(s, session, "GET", "/plates/hits", "hits", "The hits of the own agency: those nobody has resolved, or those of the past 30 days that somebody has.",
		func(ctx context.Context, in *struct {
			Resolved bool `query:"resolved" doc:"Those that are resolved."`
		}) (*struct{ Body HitList }, error) {
			hs, err := s.Hotlists.Hits(ctx, principal(ctx), in.Resolved)
			if err != nil {
				return nil, hotlistProblem(err)
			}
			list := HitList{Hits: []HitView{}}
			for _, h := range hs {
				list.Hits = append(list.Hits, s.hitView(ctx, h))
			}
			return &struct{ Body HitList }{list}, nil
		})
	route(s, session, "GET", "/plates/hits/{hit}", "hit", "One hit of the own agency, with its reads.",
		func(ctx context.Context, in *HitPath) (*struct{ Body HitView }, error) {
			h, err := s.Hotlists.Hit(ctx, principal(ctx), in.Hit)
			if err != nil {
				return nil, hotlistProblem(err)
			}
			return &struct{ Body HitView }{s.hitView(ctx, h)}, nil
		})
	route(s, session, "POST", "/plates/hits/{hit}/open", "openHit", "Let the others see that somebody looks at a hit.",
		func(ctx context.Context, in *HitPath) (*struct{}, error) {
			return nil, hotlistProblem(s.Hotlists.Open(ctx, principal(ctx), in.Hit))
		})
	route(s, session, "POST", "/plates/hits/{hit}/resolve", "resolveHit", "Say what a hit turned out to be. To confirm it, open its picture first.",
		func(ctx context.Context, in *struct {
			ActHeaders
			HitPath
			Body HitOutcome
		}) (*HitAct, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			h, g, err := s.Hotlists.Resolve(ctx, by, in.Hit, hotlist.Outcome(in.Body.Outcome), in.Body.Note)
			return s.hitAct(ctx, h, g, err)
		})
	route(s, session, "POST", "/plates/hits/{hit}/act", "actOnHit", "Note that a confirmed hit was acted upon.",
		func(ctx context.Context, in *struct {
			ActHeaders
			HitPath
			Body HitNote
		}) (*HitAct, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			h, g, err := s.Hotlists.Act(ctx, by, in.Hit, in.Body.Note)
			return s.hitAct(ctx, h, g, err)
		})
}

// How often a stream of alerts says that it lives, and how long it lasts: then the
// browser comes back with Last-Event-ID, and its session is looked at again.
const (
	alertBeat = 15 * time.Second
	alertLife = 10 * time.Minute
)

// alerts streams the hits of the own agency as they change: events "hit", whose id
// is Hit.Seq and whose data is a HitView. It begins after Last-Event-ID, or with
// what comes next.
func (s *Server) alerts(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), alertLife)
	defer cancel()
	fail := func(err error) {
		var p *Problem
		if errors.As(s.problem(ctx, hotlistProblem(err)), &p) {
			problem.Write(w, p)
		}
	}
	if _, ok := sessionOf(ctx); !ok {
		fail(errNotSignedIn)
		return
	}
	who := principal(ctx)
	changed, last, stop, err := s.Hotlists.Watch(ctx, who)
	if err != nil {
		fail(err)
		return
	}
	defer stop()
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		if last, err = strconv.ParseInt(id, 10, 64); err != nil || last < 0 {
			fail(problem.BadRequest("Last-Event-ID is none of ours."))
			return
		}
	}
	out := http.NewResponseController(w)
	// The server's write deadline is for answers that end.
	_ = out.SetWriteDeadline(time.Now().Add(alertLife + alertBeat))
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	if _, err := fmt.Fprintf(w, "retry: 1000\nid: %d\n\n", last); err != nil || out.Flush() != nil {
		return
	}
	beat := time.NewTicker(alertBeat)
	defer beat.Stop()
	for {
		// Whoever has left sees nothing more.
		p, err := s.Identity.Person(ctx, who.PersonID)
		if err != nil || p.State == identity.Removed {
			return
		}
		hs, err := s.Hotlists.Since(ctx, p.Principal(), last)
		if err != nil {
			if ctx.Err() == nil && !errors.Is(err, gate.ErrSuspended) && !errors.Is(err, gate.ErrRole) {
				s.Logger.Error("a stream of alerts broke off", "err", err)
			}
			return
		}
		for _, h := range hs {
			data, err := json.Marshal(s.hitView(ctx, h))
			if err != nil {
				s.Logger.Error("a hit cannot be told", "err", err)
				return
			}
			if _, err := fmt.Fprintf(w, "event: hit\nid: %d\ndata: %s\n\n", h.Seq, data); err != nil {
				return
			}
			last = h.Seq
		}
		if len(hs) > 0 && out.Flush() != nil {
			return
		}
		if len(hs) == 200 {
			continue // there may be more
		}
		select {
		case _, more := <-changed:
			if !more {
				return // the exchange stops
			}
		case <-beat.C:
			if _, err := io.WriteString(w, ": here\n\n"); err != nil || out.Flush() != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

func (s *Server) listRoutes() {
	route(s, anyone, "GET", "/agencies/{ori}/hotlists", "agencyHotlists", "An agency's lists of wanted plates: kind, source and size; the name of those it makes public. No plate.",
		func(ctx context.Context, in *struct {
			ORI string `path:"ori" maxLength:"9"`
		}) (*struct{ Body HotlistList }, error) {
			if _, err := s.Roster.Agency(ctx, in.ORI); err != nil {
				return nil, peopleProblem(err)
			}
			return s.hotlists(ctx)(s.Hotlists.PublicLists(ctx, in.ORI))
		})
	route(s, session, "GET", "/plates/lists", "hotlists", "The lists of the own agency, and those that others offer.",
		func(ctx context.Context, _ *struct{}) (*struct{ Body HotlistList }, error) {
			return s.hotlists(ctx)(s.Hotlists.Lists(ctx, principal(ctx)))
		})
	route(s, session, "POST", "/plates/lists", "createHotlist", "Begin a list of wanted plates.",
		func(ctx context.Context, in *struct {
			ActHeaders
			Body NewHotlist
		}) (*HotlistAct, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			b := in.Body
			l, g, err := s.Hotlists.Create(ctx, by, hotlist.NewList{Name: b.Name, Kind: hotlist.Kind(b.Kind), Source: hotlist.Source(b.Source),
				Origin: b.Origin, Public: b.Public, Offered: b.Offered})
			out := &HotlistAct{}
			out.Body.List = s.hotlistView(ctx, l)
			return out, s.listAct(ctx, &out.Recorded, &out.Body.Receipt, g, err)
		})
	route(s, session, "GET", "/plates/lists/{list}", "hotlist", "A list and the newest of its entries, or those that contain a text.",
		func(ctx context.Context, in *struct {
			HotlistPath
			Text string `query:"text" maxLength:"60" doc:"In the plate, the case number, the number at the source or the legal basis."`
		}) (*struct{ Body HotlistEntries }, error) {
			l, es, more, err := s.Hotlists.Entries(ctx, principal(ctx), in.List, in.Text)
			if err != nil {
				return nil, hotlistProblem(err)
			}
			out := HotlistEntries{List: s.hotlistView(ctx, l), Entries: []WantedPlate{}, More: more}
			for _, e := range es {
				v := s.wantedPlate(ctx, e.Entry)
				v.Alerts = e.Alerts
				out.Entries = append(out.Entries, v)
			}
			return &struct{ Body HotlistEntries }{out}, nil
		})
	route(s, session, "POST", "/plates/lists/{list}/entries", "addWanted", "Put one plate on a list.",
		func(ctx context.Context, in *struct {
			ActHeaders
			HotlistPath
			Body WantedDraft
		}) (*WantedAct, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			e, g, err := s.Hotlists.Add(ctx, by, in.List, in.Body.draft())
			out := &WantedAct{}
			if err := s.listAct(ctx, &out.Recorded, &out.Body.Receipt, g, err); err != nil {
				return nil, err
			}
			out.Body.Entry = s.wantedPlate(ctx, e)
			return out, nil
		})
	route(s, session, "POST", "/plates/lists/{list}/entries/remove", "removeWanted", "Take entries off a list.",
		func(ctx context.Context, in *struct {
			ActHeaders
			HotlistPath
			Body struct {
				Entries []string `json:"entries" minItems:"1" maxItems:"200" doc:"Ids of entries."`
			}
		}) (*ActOutput, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			g, err := s.Hotlists.Remove(ctx, by, in.List, in.Body.Entries)
			return s.acted(ctx)(g, hotlistProblem(err))
		})
	route(s, session, "POST", "/plates/lists/{list}/countersign", "countersignHotlist", "Stand for a list as it is now, or for one entry: its hits alert the own agency until what you stand for changes.",
		func(ctx context.Context, in *struct {
			ActHeaders
			HotlistPath
			Body struct {
				Entry string `json:"entry,omitempty" maxLength:"26" doc:"One entry; empty for the whole list."`
			}
		}) (*ActOutput, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			g, err := s.Hotlists.Countersign(ctx, by, in.List, in.Body.Entry)
			return s.acted(ctx)(g, hotlistProblem(err))
		})
	s.handle(session, "POST /api/v1/plates/lists/{list}/files", http.HandlerFunc(s.hotlistFile))
	route(s, session, "POST", "/plates/lists/{list}/preview", "previewHotlist", "What importing an uploaded file would change.",
		func(ctx context.Context, in *struct {
			HotlistPath
			Body HotlistImport
		}) (*struct{ Body HotlistDiff }, error) {
			d, err := s.Hotlists.Preview(ctx, principal(ctx), in.List, in.Body.how())
			if err != nil {
				return nil, hotlistProblem(err)
			}
			return &struct{ Body HotlistDiff }{s.hotlistDiff(ctx, d)}, nil
		})
	route(s, session, "POST", "/plates/lists/{list}/import", "importHotlist", "Replace a list by an uploaded file.",
		func(ctx context.Context, in *struct {
			ActHeaders
			HotlistPath
			Body HotlistImport
		}) (*ActOutput, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			_, g, err := s.Hotlists.Import(ctx, by, in.List, in.Body.how())
			return s.acted(ctx)(g, hotlistProblem(err))
		})
}

// hotlistFile takes a file to be imported: its bytes are the body. The answer is
// its SHA-256, by which it is previewed and imported within two hours.
func (s *Server) hotlistFile(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(2 * time.Minute))
	var file string
	err := error(errNotSignedIn)
	if _, ok := sessionOf(ctx); ok {
		var body []byte
		if body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, hotlist.MaxFile)); err != nil {
			err = fieldProblem("file", "The file broke off, or is larger than 64 MB.")
		} else {
			file, err = s.Hotlists.Upload(ctx, principal(ctx), r.PathValue("list"), body)
		}
	}
	if err != nil {
		var p *Problem
		if errors.As(s.problem(ctx, hotlistProblem(err)), &p) {
			problem.Write(w, p)
		}
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]string{"file": file})
}

func (s *Server) correctionRoutes() {
	route(s, session, "GET", "/plates/corrections", "corrections", "Requests for correction to the own agency, open ones first.",
		func(ctx context.Context, _ *struct{}) (*struct{ Body CorrectionList }, error) {
			cs, err := s.Hotlists.Corrections(ctx, principal(ctx))
			if err != nil {
				return nil, hotlistProblem(err)
			}
			list := CorrectionList{Corrections: []CorrectionView{}}
			for _, c := range cs {
				list.Corrections = append(list.Corrections, CorrectionView{ID: c.ID, Plate: c.Request.Plate, When: c.Request.When, Where: c.Request.Where,
					What: c.Request.What, Contact: c.Request.Contact, Outcome: string(c.Outcome), Words: c.Words, Opened: c.Opened,
					Answered: optional(c.Answered), Entry: c.Entry, Hits: c.Hits})
			}
			return &struct{ Body CorrectionList }{list}, nil
		})
	route(s, session, "POST", "/plates/corrections/{correction}/answer", "answerCorrection", "Answer a request for correction; the outcome is public as a count, the words are for who asked.",
		func(ctx context.Context, in *struct {
			ActHeaders
			Correction string `path:"correction" maxLength:"26"`
			Body       struct {
				Outcome string `json:"outcome" enum:"corrected,no-error,not-ours"`
				Words   string `json:"words" maxLength:"8000" doc:"For who asked, at most 4000 characters."`
			}
		}) (*ActOutput, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			g, err := s.Hotlists.AnswerCorrection(ctx, by, in.Correction, hotlist.Answer(in.Body.Outcome), in.Body.Words)
			return s.acted(ctx)(g, hotlistProblem(err))
		})
}

// hotlistProblem gives an error of package hotlist its own words; others pass.
func hotlistProblem(err error) error {
	var invalid *hotlist.Invalid
	switch {
	case errors.As(err, &invalid):
		return fieldProblem(invalid.Field, invalid.Reason)
	case errors.Is(err, hotlist.ErrNotFound):
		return identity.ErrNotFound
	case errors.Is(err, hotlist.ErrChanged):
		return &Problem{Type: problemConflict, Title: "Somebody was quicker", Status: http.StatusConflict, Detail: upperFirst(plainError(err)) + "."}
	case errors.Is(err, hotlist.ErrFile):
		return &Problem{Type: problemConflict, Title: "The file is gone", Status: http.StatusConflict, Detail: upperFirst(plainError(err)) + "."}
	case errors.Is(err, push.ErrBrowser):
		return &Problem{Type: problemInvalid, Title: "This cannot be subscribed", Status: http.StatusUnprocessableEntity, Detail: err.Error()}
	}
	return err
}

// HitPath names a hit.
type HitPath struct {
	Hit string `path:"hit" maxLength:"26"`
}

// HotlistPath names a list.
type HotlistPath struct {
	List string `path:"list" maxLength:"26"`
}

// AlertBrowser is a browser's PushSubscription.
type AlertBrowser struct {
	Endpoint string `json:"endpoint" maxLength:"1000"`
	P256DH   string `json:"p256dh" maxLength:"100"`
	Auth     string `json:"auth" maxLength:"40"`
}

// AlertLeave ends it.
type AlertLeave struct {
	Endpoint string `json:"endpoint" maxLength:"1000"`
}

// HitOutcome is what a hit turned out to be.
type HitOutcome struct {
	Outcome string `json:"outcome" enum:"confirmed,misread,stale,wrong-vehicle" doc:"confirmed: the plate is as read, and wanted. misread: the camera read wrongly. stale: no longer wanted; the entry alerts no more until it changes. wrong-vehicle: the plate is as read, the vehicle another."`
	Note    string `json:"note,omitempty" maxLength:"2000" doc:"At most 500 characters. Needed to confirm a hit without a picture: what you went by."`
}

// HitNote goes with acting upon a hit.
type HitNote struct {
	Note string `json:"note,omitempty" maxLength:"2000" doc:"What was done, at most 500 characters."`
}

// HitList is a list of hits.
type HitList struct {
	Hits []HitView `json:"hits"`
}

// HitView is a hit as its agency sees it.
type HitView struct {
	ID        string         `json:"id"`
	Seq       string         `json:"seq" doc:"Grows with every change; the id of its event."`
	Owner     string         `json:"owner" doc:"ORI of whose cameras read it."`
	OwnerName string         `json:"owner_name"`
	Text      string         `json:"text" doc:"The plate as read; empty when so many plates fit the entry that they share one hit."`
	State     string         `json:"state" enum:"raised,seen,resolved,acted"`
	First     time.Time      `json:"first" doc:"Of its reads."`
	Last      time.Time      `json:"last" doc:"Of its reads."`
	Count     int            `json:"count" doc:"How many reads."`
	Made      time.Time      `json:"made" doc:"When the first read arrived."`
	Raised    uint64         `json:"raised" doc:"Entry of hit.raise."`
	Outcome   string         `json:"outcome,omitempty" doc:"confirmed, misread, stale or wrong-vehicle."`
	By        string         `json:"by,omitempty" doc:"Who opened or resolved it, by name."`
	At        *time.Time     `json:"at,omitempty" doc:"When it was resolved."`
	Note      string         `json:"note,omitempty"`
	Unseen    bool           `json:"unseen" doc:"Confirmed without a picture, as there was none that the agency could open."`
	Own       bool           `json:"own" doc:"Who resolved it is who put the plate on the list."`
	Entry     WantedPlate    `json:"wanted" doc:"The entry as it was when the hit was made."`
	List      HotlistView    `json:"list"`
	Sightings []SightingView `json:"sightings" doc:"Newest first, at most 50; empty in lists."`
	Before    map[string]int `json:"before" doc:"What earlier hits of this text and entry turned out to be, as counts."`
}

// SightingView is one read of a hit.
type SightingView struct {
	Read       string        `json:"read" doc:"Id of the read."`
	Camera     string        `json:"camera" doc:"Id of the camera."`
	CameraName string        `json:"camera_name"`
	Seen       time.Time     `json:"seen"`
	Lon        float64       `json:"lon"`
	Lat        float64       `json:"lat"`
	Heading    int           `json:"heading" doc:"Degrees from north; -1 unknown."`
	Text       string        `json:"text" doc:"The reading that fits."`
	Other      bool          `json:"other" doc:"An alternative of the camera, not its first reading."`
	Confused   bool          `json:"confused" doc:"It fits only if one character was taken for another."`
	Confidence int           `json:"confidence" doc:"Of this reading, per mille; -1 unknown."`
	Region     string        `json:"region,omitempty"`
	Vehicle    plate.Vehicle `json:"vehicle"`
	Image      string        `json:"image,omitempty" doc:"Id of the picture; empty if there is none."`
}

// HitAct answers an act on a hit.
type HitAct struct {
	Recorded
	Body struct {
		Hit     HitView `json:"hit"`
		Receipt string  `json:"receipt"`
	}
}

func (s *Server) hitView(ctx context.Context, h hotlist.Hit) HitView {
	v := HitView{ID: h.ID, Seq: strconv.FormatInt(h.Seq, 10), Owner: h.Owner, OwnerName: s.agencyName(ctx, h.Owner), Text: string(h.Text), State: string(h.State),
		First: h.First, Last: h.Last, Count: h.Count, Made: h.Made, Raised: h.Raised, Outcome: string(h.Outcome), At: optional(h.At), Note: h.Note,
		Unseen: h.Unseen, Own: h.Own, Entry: s.wantedPlate(ctx, h.Entry), List: s.hotlistView(ctx, h.List), Sightings: []SightingView{}, Before: map[string]int{}}
	if h.By != "" {
		v.By = s.personName(ctx, h.By)
	}
	for o, n := range h.Before {
		v.Before[string(o)] = n
	}
	names := map[string]string{}
	for _, g := range h.Sightings {
		r := g.Read
		if _, ok := names[r.Camera]; !ok {
			if c, err := s.Cameras.Camera(ctx, r.Camera); err == nil {
				names[r.Camera] = c.Name
			}
		}
		lon, lat := r.Place.Degrees()
		v.Sightings = append(v.Sightings, SightingView{Read: strconv.FormatUint(uint64(r.ID), 10), Camera: r.Camera, CameraName: names[r.Camera], Seen: r.Seen,
			Lon: lon, Lat: lat, Heading: r.Heading, Text: string(g.Fit.Text), Other: g.Fit.Other, Confused: g.Fit.Confused, Confidence: g.Fit.Confidence,
			Region: r.Region, Vehicle: r.Vehicle, Image: r.Image})
	}
	return v
}

func (s *Server) hitAct(ctx context.Context, h hotlist.Hit, g *gate.Grant, err error) (*HitAct, error) {
	out := &HitAct{}
	if err := s.listAct(ctx, &out.Recorded, &out.Body.Receipt, g, err); err != nil {
		return nil, err
	}
	out.Body.Hit = s.hitView(ctx, h)
	return out, nil
}

// listAct fills in the index and receipt of an act.
func (s *Server) listAct(ctx context.Context, to *Recorded, receipt *string, g *gate.Grant, err error) error {
	if err != nil {
		return hotlistProblem(err)
	}
	r, err := s.Gate.Receipt(ctx, g.Index, gate.PrivateAt, gate.PrivatePerson)
	if err != nil {
		return err
	}
	to.Entry, *receipt = g.Index, string(r.Marshal())
	return nil
}

// HotlistView is a list.
type HotlistView struct {
	ID         string    `json:"id"`
	Agency     string    `json:"agency"`
	AgencyName string    `json:"agency_name"`
	Name       string    `json:"name" doc:"Empty to the public unless the list is public."`
	Kind       string    `json:"kind" enum:"stolen-vehicle,stolen-plate,wanted-person,missing-person,bolo,custom"`
	Source     string    `json:"source" enum:"own,state,ncic,other" doc:"other: another agency's; it alerts nobody until countersigned."`
	Origin     string    `json:"origin,omitempty" doc:"Which other agency."`
	Public     bool      `json:"public"`
	Offered    bool      `json:"offered" doc:"Other agencies here may countersign it."`
	Version    int64     `json:"version" doc:"Grows with each change."`
	Entries    int       `json:"entries" doc:"How many plates are on it."`
	Made       time.Time `json:"made"`
}

// HotlistList is a list of lists.
type HotlistList struct {
	Lists []HotlistView `json:"lists"`
}

func (s *Server) hotlistView(ctx context.Context, l hotlist.List) HotlistView {
	return HotlistView{ID: l.ID, Agency: l.Agency, AgencyName: s.agencyName(ctx, l.Agency), Name: l.Name, Kind: string(l.Kind), Source: string(l.Source),
		Origin: l.Origin, Public: l.Public, Offered: l.Offered, Version: l.Version, Entries: l.Entries, Made: l.Made}
}

func (s *Server) hotlists(ctx context.Context) func([]hotlist.List, error) (*struct{ Body HotlistList }, error) {
	return func(ls []hotlist.List, err error) (*struct{ Body HotlistList }, error) {
		if err != nil {
			return nil, hotlistProblem(err)
		}
		out := &struct{ Body HotlistList }{HotlistList{Lists: []HotlistView{}}}
		for _, l := range ls {
			out.Body.Lists = append(out.Body.Lists, s.hotlistView(ctx, l))
		}
		return out, nil
	}
}

// NewHotlist is a list to be made.
type NewHotlist struct {
	Name    string `json:"name" maxLength:"400"`
	Kind    string `json:"kind" enum:"stolen-vehicle,stolen-plate,wanted-person,missing-person,bolo,custom"`
	Source  string `json:"source" enum:"own,state,ncic,other"`
	Origin  string `json:"origin,omitempty" maxLength:"400" doc:"Which other agency, if the source is other."`
	Public  bool   `json:"public,omitempty" doc:"Its name is public."`
	Offered bool   `json:"offered,omitempty" doc:"Other agencies here may countersign it."`
}

// HotlistAct answers an act that made a list.
type HotlistAct struct {
	Recorded
	Body struct {
		List    HotlistView `json:"list"`
		Receipt string      `json:"receipt"`
	}
}

// HotlistEntries is a list with entries.
type HotlistEntries struct {
	List    HotlistView   `json:"list"`
	Entries []WantedPlate `json:"entries"`
	More    bool          `json:"more" doc:"There are more than these; narrow the text."`
}

// WantedPlate is one entry of a list.
type WantedPlate struct {
	ID       string        `json:"id"`
	Plate    string        `json:"plate" doc:"Letters and digits, ? for one character and * for any number; with ~ at its end also what differs by one confusion."`
	Region   string        `json:"region,omitempty" doc:"ISO 3166; empty for any."`
	Reason   string        `json:"reason" enum:"stolen-vehicle,stolen-plate,wanted-person,missing-person,bolo,custom"`
	Basis    string        `json:"basis" doc:"The legal basis."`
	Case     string        `json:"case,omitempty"`
	Ref      string        `json:"ref,omitempty" doc:"Its number at the source."`
	Author   string        `json:"author" doc:"Who put it there, by name, or as the source says."`
	Vehicle  plate.Vehicle `json:"vehicle"`
	Details  string        `json:"details,omitempty" doc:"Further description."`
	Made     time.Time     `json:"made" doc:"When it came or last changed."`
	Expires  time.Time     `json:"expires"`
	Version  int64         `json:"version" doc:"Of the list, when the entry came or last changed."`
	Waits    bool          `json:"waits" doc:"A second officer must countersign it first."`
	Purposes []string      `json:"purposes" doc:"What reason and basis mean, as policy sees them."`
	Alerts   bool          `json:"alerts" doc:"Reads of it alert the own agency now."`
}

func (s *Server) wantedPlate(ctx context.Context, e hotlist.Entry) WantedPlate {
	v := WantedPlate{ID: e.ID, Plate: e.Plate.String(), Region: e.Region, Reason: string(e.Reason), Basis: e.Basis, Case: e.Case, Ref: e.Ref, Author: e.Author,
		Vehicle: e.Vehicle, Details: e.Details, Made: e.Made, Expires: e.Expires, Version: e.Version, Waits: e.Waits, Purposes: e.Means}
	if (e.Author == "" || e.Author == e.By) && e.By != "" {
		v.Author = s.personName(ctx, e.By)
	}
	if v.Purposes == nil {
		v.Purposes = []string{}
	}
	return v
}

// WantedDraft is a plate to be put on a list.
type WantedDraft struct {
	Plate   string        `json:"plate" maxLength:"40"`
	Region  string        `json:"region,omitempty" maxLength:"10"`
	Reason  string        `json:"reason,omitempty" enum:",stolen-vehicle,stolen-plate,wanted-person,missing-person,bolo,custom" doc:"Empty: that of the list."`
	Basis   string        `json:"basis" maxLength:"1200" doc:"The legal basis: a warrant, a report, an order."`
	Case    string        `json:"case,omitempty" maxLength:"200"`
	Vehicle plate.Vehicle `json:"vehicle,omitempty"`
	Details string        `json:"details,omitempty" maxLength:"1200"`
	Expires time.Time     `json:"expires"`
}

func (d WantedDraft) draft() hotlist.Draft {
	return hotlist.Draft{Plate: d.Plate, Region: d.Region, Reason: hotlist.Kind(d.Reason), Basis: d.Basis, Case: d.Case, Vehicle: d.Vehicle, Details: d.Details, Expires: d.Expires}
}

// WantedAct answers an act that put a plate on a list.
type WantedAct struct {
	Recorded
	Body struct {
		Entry   WantedPlate `json:"wanted"`
		Receipt string      `json:"receipt"`
	}
}

// HotlistImport says how an uploaded file is to replace a list.
type HotlistImport struct {
	File    string     `json:"file" minLength:"64" maxLength:"64" doc:"SHA-256 of the uploaded file, as its upload answered."`
	Format  string     `json:"format" enum:"csv,fixed"`
	Basis   string     `json:"basis,omitempty" maxLength:"1200" doc:"Legal basis of rows that state none."`
	Expires *time.Time `json:"expires,omitempty" doc:"End of rows that state none."`
	Without []string   `json:"without,omitempty" maxItems:"20" doc:"Purposes whose entries are left out."`
}

func (i HotlistImport) how() hotlist.Import {
	in := hotlist.Import{File: i.File, Format: hotlist.Format(i.Format), Defaults: hotlist.Defaults{Basis: i.Basis}, Without: i.Without}
	if i.Expires != nil {
		in.Defaults.Expires = i.Expires.UTC()
	}
	return in
}

// HotlistDiff is what an import would change.
type HotlistDiff struct {
	Entries    int            `json:"entries" doc:"How many plates are on it afterwards."`
	Added      int            `json:"added" doc:"How many come new."`
	Removed    int            `json:"removed" doc:"How many go."`
	Changed    int            `json:"changed" doc:"How many change."`
	Renewed    int            `json:"renewed" doc:"How many only end later, as the file does not say when."`
	Same       int            `json:"same" doc:"How many stay as they are."`
	LeftOut    int            `json:"left_out" doc:"How many are left out by their purpose."`
	Aside      int            `json:"aside" doc:"How many rows cannot be taken."`
	Asides     []RowAside     `json:"asides" doc:"The first 50 of them."`
	Purposes   map[string]int `json:"purposes" doc:"How many entries mean what."`
	AddedAre   []WantedPlate  `json:"added_are" doc:"The first 50."`
	RemovedAre []WantedPlate  `json:"removed_are" doc:"The first 50."`
	ChangedAre []WantedPlate  `json:"changed_are" doc:"The first 50, as they will be."`
}

// RowAside is a row that cannot be taken.
type RowAside struct {
	Line   int    `json:"line" doc:"In the file, from 1."`
	Reason string `json:"reason"`
}

func (s *Server) hotlistDiff(ctx context.Context, d hotlist.Diff) HotlistDiff {
	v := HotlistDiff{Entries: d.Entries, Added: d.Added, Removed: d.Removed, Changed: d.Changed, Renewed: d.Renewed, Same: d.Same, LeftOut: d.LeftOut,
		Aside: d.Aside, Purposes: d.Purposes, Asides: []RowAside{}}
	for _, a := range d.Asides {
		v.Asides = append(v.Asides, RowAside(a))
	}
	plates := func(es []hotlist.Entry) []WantedPlate {
		out := []WantedPlate{}
		for _, e := range es {
			out = append(out, s.wantedPlate(ctx, e))
		}
		return out
	}
	v.AddedAre, v.RemovedAre, v.ChangedAre = plates(d.AddedAre), plates(d.RemovedAre), plates(d.ChangedAre)
	return v
}

// CorrectionList is a list of requests for correction.
type CorrectionList struct {
	Corrections []CorrectionView `json:"corrections"`
}

// CorrectionView is a request for correction as the agency sees it.
type CorrectionView struct {
	ID       string     `json:"id"`
	Plate    string     `json:"plate,omitempty" doc:"As the driver writes it."`
	When     string     `json:"when,omitempty"`
	Where    string     `json:"where,omitempty"`
	What     string     `json:"what" doc:"What happened."`
	Contact  string     `json:"contact,omitempty" doc:"How to reach her."`
	Outcome  string     `json:"outcome,omitempty" doc:"corrected, no-error or not-ours; empty while open."`
	Words    string     `json:"words,omitempty" doc:"The agency's answer."`
	Opened   time.Time  `json:"opened"`
	Answered *time.Time `json:"answered,omitempty"`
	Entry    uint64     `json:"entry"`
	Hits     int        `json:"hits" doc:"How many hits of that plate the agency has kept."`
}

// upperFirst begins a sentence.
func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
