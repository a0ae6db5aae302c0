package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"porchlight/gate"
	"porchlight/geo"
	"porchlight/internal/problem"
	"porchlight/plate"
	"porchlight/plate/search"
	"porchlight/policy"
	"porchlight/purpose"
	"porchlight/web/i18n"
)

// searchRoutes are about asking plate reads: preview, second officers, searches
// and their answers, files, holds, and how long reads are kept.
func (s *Server) searchRoutes() {
	s.askingRoutes()
	s.keepingRoutes()
}

func (s *Server) askingRoutes() {
	route(s, session, "GET", "/plates/offenses", "offenses", "What a search may be for: offenses by their NIBRS codes, and lawful grounds that are none.",
		func(context.Context, *struct{}) (*struct{ Body []OffenseView }, error) {
			out := []OffenseView{}
			for _, o := range purpose.Offenses() {
				out = append(out, OffenseView{o.Code, o.Name, o.Against})
			}
			return &struct{ Body []OffenseView }{out}, nil
		})
	route(s, session, "POST", "/plates/preview", "previewSearch", "Whose data an ask would touch, how many cameras, and whether a second officer must approve. Nothing of any read; no act.",
		func(ctx context.Context, in *struct{ Body PlateAsk }) (*struct{ Body SearchPreview }, error) {
			ask, err := in.Body.ask()
			if err != nil {
				return nil, err
			}
			p, err := s.Searches.Preview(ctx, principal(ctx), ask)
			if err != nil {
				return nil, searchProblem(err)
			}
			return &struct{ Body SearchPreview }{s.previewView(ctx, p)}, nil
		})
	route(s, session, "GET", "/plates/proposals", "searchProposals", "Asks of the own agency that wait for a second officer, or were approved and not yet used.",
		func(ctx context.Context, _ *struct{}) (*struct{ Body []ProposalView }, error) {
			list, err := s.Searches.Proposals(ctx, principal(ctx))
			out := []ProposalView{}
			for _, p := range list {
				out = append(out, s.proposalView(ctx, p))
			}
			return &struct{ Body []ProposalView }{out}, searchProblem(err)
		})
	route(s, session, "POST", "/plates/proposals", "proposeSearch", "Put a wide ask before a second officer.",
		func(ctx context.Context, in *struct {
			ActHeaders
			Body PlateAsk
		}) (*ProposalAct, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			ask, err := in.Body.ask()
			if err != nil {
				return nil, err
			}
			p, err := s.Searches.Propose(ctx, by, ask)
			return s.proposalAct(ctx, p, p.Entry, err)
		})
	route(s, session, "POST", "/plates/proposals/{id}/approve", "approveSearch", "Approve a colleague's ask, by signing the same.",
		func(ctx context.Context, in *struct {
			ActHeaders
			ID string `path:"id" maxLength:"26"`
		}) (*ProposalAct, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			p, err := s.Searches.Approve(ctx, by, in.ID)
			return s.proposalAct(ctx, p, p.ApproveEntry, err)
		})
	route(s, session, "POST", "/plates/searches", "runSearch", "Search plate reads. Each agency asked answers for itself; a repeat gives the same answers.",
		func(ctx context.Context, in *struct {
			ActHeaders
			Body struct {
				PlateAsk
				Approval string `json:"approval,omitempty" maxLength:"26" doc:"Id of the proposal that a second officer approved, where one is needed."`
			}
		}) (*SearchAct, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			ask, err := in.Body.ask()
			if err != nil {
				return nil, err
			}
			return s.searchAct(ctx)(s.Searches.Run(ctx, by, ask, in.Body.Approval))
		})
	route(s, session, "GET", "/plates/searches", "mySearches", "The own searches, newest first.",
		func(ctx context.Context, in *Paging) (*struct{ Body []SearchView }, error) {
			return s.searchList(ctx)(s.Searches.Mine(ctx, principal(ctx), in.Before, in.Limit))
		})
	route(s, session, "GET", "/plates/history", "searchHistory", "The searches that an administrator (of her agency) or an auditor (of all) oversees; what is private in one is opened with its entry.",
		func(ctx context.Context, in *Paging) (*struct{ Body []SearchView }, error) {
			return s.searchList(ctx)(s.Searches.History(ctx, principal(ctx), in.Before, in.Limit))
		})
	route(s, session, "GET", "/plates/searches/{id}", "search", "An own search as it was answered, without the reads that have gone since.",
		func(ctx context.Context, in *SearchPath) (*SearchAct, error) {
			return s.searchAct(ctx)(s.Searches.Again(ctx, principal(ctx), in.ID))
		})
	s.handle(session, "GET /api/v1/plates/searches/{id}/peers", http.HandlerFunc(s.peersAnswer))
	route(s, session, "POST", "/plates/searches/{id}/export", "exportSearch", "Save an own search's answers as a file whose rows name the search.",
		func(ctx context.Context, in *struct {
			ActHeaders
			SearchPath
			Body struct {
				Format string `json:"format" enum:"csv,html"`
				Lang   string `json:"lang,omitempty" enum:"en,es,nl" doc:"Of an HTML file."`
			}
		}) (*struct {
			Recorded
			Body SearchFile
		}, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			x, err := s.Searches.Export(ctx, by, in.ID, in.Body.Format)
			if err != nil {
				return nil, searchProblem(err)
			}
			var b bytes.Buffer
			if err := x.Write(&b, i18n.Lang(in.Body.Lang).T); err != nil {
				return nil, err
			}
			return &struct {
				Recorded
				Body SearchFile
			}{Recorded{x.Entry}, SearchFile{fmt.Sprintf("porchlight-search-%d.%s", x.Search.Entry, x.Format), b.String(), len(x.Rows), x.Receipt}}, nil
		})
	route(s, session, "POST", "/plates/trace", "traceRow", "For auditors: which saved file a row's mark comes from.",
		func(ctx context.Context, in *struct {
			Body struct {
				Mark string `json:"mark" maxLength:"60"`
			}
		}) (*struct{ Body TracedRow }, error) {
			t, err := s.Searches.Trace(ctx, principal(ctx), in.Body.Mark)
			return &struct{ Body TracedRow }{TracedRow{t.Export, t.Search, t.Agency, s.agencyName(ctx, t.Agency), t.At, t.Seen}}, searchProblem(err)
		})
}

func (s *Server) keepingRoutes() {
	route(s, session, "GET", "/plates/holds", "readHolds", "What the own agency keeps of reads for its cases.",
		func(ctx context.Context, _ *struct{}) (*struct{ Body []ReadHoldView }, error) {
			list, err := s.Searches.Holds(ctx, principal(ctx))
			out := []ReadHoldView{}
			for _, h := range list {
				out = append(out, s.readHoldView(ctx, h))
			}
			return &struct{ Body []ReadHoldView }{out}, searchProblem(err)
		})
	route(s, session, "POST", "/plates/holds", "holdReads", "Keep reads of an own search's answer for a case, beyond their retention.",
		func(ctx context.Context, in *struct {
			ActHeaders
			Body NewHold
		}) (*struct {
			Recorded
			Body ReadHoldView
		}, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			b := in.Body
			h, err := s.Searches.Hold(ctx, by, search.HoldDraft{Search: b.Search, Owner: b.Owner, Reads: b.Reads, Case: b.Case, Reason: b.Reason, Days: b.Days})
			if err != nil {
				return nil, searchProblem(err)
			}
			return &struct {
				Recorded
				Body ReadHoldView
			}{Recorded{h.Entry}, s.readHoldView(ctx, h)}, nil
		})
	route(s, session, "GET", "/plates/holds/{id}", "heldReads", "The reads of an own hold.",
		func(ctx context.Context, in *struct {
			ID string `path:"id" maxLength:"26"`
		}) (*struct{ Body []ReadView }, error) {
			_, list, err := s.Searches.Held(ctx, principal(ctx), in.ID)
			return &struct{ Body []ReadView }{readViews(list)}, searchProblem(err)
		})
	route(s, session, "POST", "/plates/holds/{id}/release", "releaseReads", "Let reads of the own agency's hold go.",
		func(ctx context.Context, in *struct {
			ActHeaders
			ID string `path:"id" maxLength:"26"`
		}) (*ActOutput, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			g, err := s.Searches.Release(ctx, by, in.ID)
			return s.acted(ctx)(g, searchProblem(err))
		})
	route(s, anyone, "GET", "/agencies/{ori}/retention", "readsKept", "How long an agency's plate reads are kept, and why.",
		func(ctx context.Context, in *struct {
			ORI string `path:"ori" maxLength:"9"`
		}) (*struct{ Body RetentionView }, error) {
			r, err := s.Keeper.Of(ctx, in.ORI)
			return &struct{ Body RetentionView }{retentionView(r)}, searchProblem(err)
		})
	route(s, session, "POST", "/agencies/{ori}/retention", "keepReads", "Set how long the own agency's plate reads are kept.",
		func(ctx context.Context, in *struct {
			ActHeaders
			ORI  string `path:"ori" maxLength:"9"`
			Body struct {
				Minutes int `json:"minutes" minimum:"0" maximum:"43200" doc:"0: as long as the law lets them, 30 days at most."`
			}
		}) (*struct {
			Recorded
			Body RetentionView
		}, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			r, err := s.Keeper.Set(ctx, by, in.ORI, time.Duration(in.Body.Minutes)*time.Minute)
			if err != nil {
				return nil, searchProblem(err)
			}
			return &struct {
				Recorded
				Body RetentionView
			}{Recorded{r.Entry}, retentionView(r)}, nil
		})
}

// peersAnswer streams what other exchanges say to an own search, one line of
// JSON each (a PeerSaid), as they come.
func (s *Server) peersAnswer(w http.ResponseWriter, r *http.Request) {
	fail := func(err error) {
		var p *Problem
		if errors.As(s.problem(r.Context(), err), &p) {
			problem.Write(w, p)
		}
	}
	if _, ok := sessionOf(r.Context()); !ok {
		fail(errNotSignedIn)
		return
	}
	seq, err := s.Searches.Lookups(r.Context(), principal(r.Context()), r.PathValue("id"))
	if err != nil {
		fail(searchProblem(err))
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	out, line := http.NewResponseController(w), json.NewEncoder(w)
	for a := range seq {
		v := PeerSaid{Exchange: a.Exchange, Problem: a.Problem, Answers: []AnswerView{}, Receipts: append([]string{}, a.Receipts...)}
		for _, one := range a.Answers {
			view := s.answerView(r.Context(), one)
			view.Name = s.Peers.AgencyName(a.Exchange, one.Owner)
			v.Answers = append(v.Answers, view)
		}
		if line.Encode(v) != nil || out.Flush() != nil {
			return
		}
	}
}

// searchProblem names the errors of searches for people.
func searchProblem(err error) error {
	var invalid *search.Invalid
	switch {
	case errors.As(err, &invalid):
		return fieldProblem(invalid.Field, invalid.Reason)
	case errors.Is(err, search.ErrNotFound):
		return &Problem{Type: problemNotFound, Title: "Not found", Status: http.StatusNotFound, Detail: "There is none, or you may not know of it."}
	case errors.Is(err, search.ErrChanged):
		return &Problem{Type: problemConflict, Title: "Somebody was quicker", Status: http.StatusConflict, Detail: "This changed meanwhile. Look again."}
	}
	return err
}

// OffenseView is one thing that a search may be for.
type OffenseView struct {
	Code    string `json:"code" doc:"NIBRS offense code, or a word for what is no crime."`
	Name    string `json:"name"`
	Against string `json:"against" doc:"person, property, society, or empty for what is no crime."`
}

// PlateAsk is a search as an investigator fills it in.
type PlateAsk struct {
	Kind    string      `json:"kind" enum:"plate,area,convoy"`
	Plate   string      `json:"plate,omitempty" maxLength:"40" doc:"Letters and digits, ? for one character, * for any number; ~ at the end also finds plates that cameras confuse with it."`
	From    time.Time   `json:"from"`
	To      time.Time   `json:"to"`
	Region  string      `json:"region,omitempty" maxLength:"6" doc:"ISO 3166, such as US-IL."`
	Type    string      `json:"type,omitempty" maxLength:"40"`
	Make    string      `json:"make,omitempty" maxLength:"40"`
	Color   string      `json:"color,omitempty" maxLength:"40"`
	Cameras []string    `json:"cameras,omitempty" maxItems:"500"`
	Area    *GeoPolygon `json:"area,omitempty"`
	Owners  []string    `json:"owners,omitempty" maxItems:"500" doc:"Only these agencies here (ORI); none: all that let hers in."`
	Peers   []string    `json:"peers,omitempty" maxItems:"1000" doc:"Other exchanges to ask, by their origins; none: no other."`
	Case    string      `json:"case" maxLength:"200"`
	Offense string      `json:"offense" maxLength:"40" doc:"A code of offenses."`
	Note    string      `json:"note" maxLength:"2000" doc:"What it is for, in words."`
	Behalf  string      `json:"behalf,omitempty" maxLength:"400" doc:"Another agency that it is for: its ORI, or its name where it has none here."`
}

func (a PlateAsk) ask() (plate.Ask, error) {
	p, err := patternOf(a.Plate)
	if err != nil {
		return plate.Ask{}, fieldProblem("plate", err.Error())
	}
	ask := plate.Ask{
		Query: plate.Query{Kind: plate.Kind(a.Kind), Plate: p, From: a.From, To: a.To, Region: a.Region,
			Vehicle: plate.Vehicle{Type: a.Type, Make: a.Make, Color: a.Color}, Cameras: a.Cameras},
		Case: a.Case, Offense: a.Offense, Note: a.Note, Behalf: a.Behalf, Owners: a.Owners, Peers: a.Peers,
	}
	if a.Area != nil {
		text, err := json.Marshal(a.Area)
		if err != nil {
			return ask, err
		}
		if ask.Query.Area, err = geo.ParsePolygon(text); err != nil {
			return ask, fieldProblem("area", err.Error())
		}
	}
	return ask, nil
}

func patternOf(s string) (p plate.Pattern, err error) {
	return p, p.UnmarshalText([]byte(s))
}

// askView is the form that gives this ask again.
func askView(a plate.Ask) PlateAsk {
	q := a.Query
	v := PlateAsk{Kind: string(q.Kind), Plate: q.Plate.String(), From: q.From, To: q.To, Region: q.Region, Type: q.Vehicle.Type, Make: q.Vehicle.Make,
		Color: q.Vehicle.Color, Cameras: q.Cameras, Owners: a.Owners, Peers: a.Peers, Case: a.Case, Offense: a.Offense, Note: a.Note, Behalf: a.Behalf}
	if !q.Area.Empty() {
		v.Area = polygonView(q.Area)
	}
	return v
}

func polygonView(p geo.Polygon) *GeoPolygon {
	ring := [][]float64{}
	points := p.Points()
	for i := range len(points) + 1 {
		lon, lat := points[i%len(points)].Degrees()
		ring = append(ring, []float64{lon, lat})
	}
	return &GeoPolygon{Type: "Polygon", Coordinates: [][][]float64{ring}}
}

func rulesView(rules []policy.Rule) []RefusedBy {
	out := []RefusedBy{}
	for _, r := range rules {
		out = append(out, RefusedBy{ID: r.ID, Plain: r.Plain, Citation: r.Citation, Source: r.Source})
	}
	return out
}

// SearchPreview is what an ask would do, as things stand.
type SearchPreview struct {
	Agencies []ForecastView `json:"agencies" doc:"Whose data it asks here; the own agency first."`
	Cameras  int            `json:"cameras"`
	LookBack int            `json:"look_back_hours"`
	Peers    []string       `json:"peers"`
	Purposes []string       `json:"purposes" doc:"What offense, note and case number mean."`
	Behalf   string         `json:"behalf" doc:"Kind of the agency it is for, or empty."`
	Refused  []RefusedBy    `json:"refused" doc:"Rules that would refuse all of it, whoever approves."`
	Second   []RefusedBy    `json:"second" doc:"Rules because of which a second officer must approve."`
}

// ForecastView is how an agency's reads would answer.
type ForecastView struct {
	Owner   string      `json:"owner"`
	Name    string      `json:"name"`
	Cameras int         `json:"cameras"`
	Permit  bool        `json:"permit"`
	Rules   []RefusedBy `json:"rules" doc:"That would refuse."`
}

func (s *Server) previewView(ctx context.Context, p search.Preview) SearchPreview {
	v := SearchPreview{Agencies: []ForecastView{}, Cameras: p.Reach.Cameras, LookBack: p.Reach.LookBack, Peers: append([]string{}, p.Reach.Peers...),
		Purposes: p.Purposes, Behalf: p.Behalf, Refused: rulesView(p.Refused), Second: rulesView(p.Second)}
	for i, o := range p.Reach.Owners {
		f := p.Answers[i]
		v.Agencies = append(v.Agencies, ForecastView{o.Owner, s.agencyName(ctx, o.Owner), o.Cameras, f.Permit, rulesView(f.Rules)})
	}
	return v
}

// ProposalView is an ask before a second officer.
type ProposalView struct {
	ID         string    `json:"id"`
	Entry      uint64    `json:"entry"`
	At         time.Time `json:"at"`
	Expires    time.Time `json:"expires"`
	Person     string    `json:"person"`
	Name       string    `json:"name"`
	Ask        PlateAsk  `json:"ask"`
	Approver   string    `json:"approver" doc:"Name; empty until somebody approved."`
	ApprovedBy uint64    `json:"approve_entry"`
}

func (s *Server) proposalView(ctx context.Context, p search.Proposal) ProposalView {
	return ProposalView{p.ID, p.Entry, p.At, p.Expires, p.Person, s.personName(ctx, p.Person), askView(p.Ask), s.personName(ctx, p.Approver), p.ApproveEntry}
}

// ProposalAct answers an act on a proposal.
type ProposalAct struct {
	Recorded
	Body struct {
		Proposal ProposalView `json:"proposal"`
		Receipt  string       `json:"receipt"`
	}
}

func (s *Server) proposalAct(ctx context.Context, p search.Proposal, entry uint64, err error) (*ProposalAct, error) {
	if err != nil {
		return nil, searchProblem(err)
	}
	receipt, err := s.Gate.Receipt(ctx, entry, gate.PrivateAt)
	if err != nil {
		return nil, err
	}
	out := &ProposalAct{Recorded: Recorded{entry}}
	out.Body.Proposal, out.Body.Receipt = s.proposalView(ctx, p), string(receipt.Marshal())
	return out, nil
}

// Paging asks for part of a list.
type Paging struct {
	Before time.Time `query:"before" doc:"Only those before this time; default: now."`
	Limit  int       `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

// SearchPath names a search.
type SearchPath struct {
	ID string `path:"id" maxLength:"26"`
}

// SearchView is a search that passed. Its private parts are shown to who ran it.
type SearchView struct {
	ID       string    `json:"id"`
	Entry    uint64    `json:"entry"`
	At       time.Time `json:"at" doc:"To the hour where it is somebody else's."`
	Agency   string    `json:"agency"`
	Name     string    `json:"agency_name"`
	Kind     string    `json:"kind"`
	Offense  string    `json:"offense"`
	Purposes []string  `json:"purposes"`
	Networks int       `json:"networks"`
	Cameras  int       `json:"cameras"`
	LookBack int       `json:"look_back_hours"`
	Behalf   string    `json:"behalf"`
	Approval uint64    `json:"approval" doc:"Entry of the second officer's approval; 0 where none was needed."`
	Ask      *PlateAsk `json:"ask,omitempty" doc:"Only for who ran it."`
}

func (s *Server) searchView(ctx context.Context, r search.Search) SearchView {
	v := SearchView{r.ID, r.Entry, r.At, r.Agency, s.agencyName(ctx, r.Agency), string(r.Ask.Query.Kind), r.Ask.Offense, r.Purposes,
		r.Networks, r.Cameras, r.LookBack, r.Behalf, r.Approval, nil}
	if r.Person != "" {
		ask := askView(r.Ask)
		v.Ask = &ask
	}
	return v
}

func (s *Server) searchList(ctx context.Context) func([]search.Search, error) (*struct{ Body []SearchView }, error) {
	return func(list []search.Search, err error) (*struct{ Body []SearchView }, error) {
		out := []SearchView{}
		for _, r := range list {
			out = append(out, s.searchView(ctx, r))
		}
		return &struct{ Body []SearchView }{out}, searchProblem(err)
	}
}

// ReadView is a read as who may see it does.
type ReadView struct {
	ID         plate.ID   `json:"id"`
	Owner      string     `json:"owner"`
	Camera     string     `json:"camera"`
	CameraName string     `json:"camera_name"`
	Plate      string     `json:"plate"`
	Region     string     `json:"region"`
	Confidence int        `json:"confidence" doc:"Per mille; -1 unknown."`
	Seen       time.Time  `json:"seen"`
	Place      [2]float64 `json:"place" doc:"Longitude, latitude."`
	Heading    int        `json:"heading" doc:"Degrees from north; -1 unknown."`
	Type       string     `json:"type"`
	Make       string     `json:"make"`
	Color      string     `json:"color"`
	Picture    string     `json:"picture" doc:"Empty: none."`
}

func readViews(list []plate.Read) []ReadView {
	out := []ReadView{}
	for _, r := range list {
		lon, lat := r.Place.Degrees()
		out = append(out, ReadView{r.ID, r.Owner, r.Camera, "", string(r.Text), r.Region, r.Confidence, r.Seen, [2]float64{lon, lat}, r.Heading,
			r.Vehicle.Type, r.Vehicle.Make, r.Vehicle.Color, r.Image})
	}
	return out
}

// CompanionView is a plate that travelled along.
type CompanionView struct {
	Plate   string     `json:"plate"`
	Region  string     `json:"region"`
	Cameras int        `json:"cameras"`
	Reads   []ReadView `json:"reads"`
}

// AnswerView is what one owner's reads say, or why they do not.
type AnswerView struct {
	Owner      string          `json:"owner"`
	Name       string          `json:"name"`
	Permit     bool            `json:"permit"`
	Rules      []RefusedBy     `json:"rules" doc:"That refused."`
	Entry      uint64          `json:"entry"`
	Grant      uint64          `json:"grant" doc:"Entry of the sharing setting that let the asker in; 0 for the own agency."`
	Reads      []ReadView      `json:"reads"`
	Companions []CompanionView `json:"companions"`
	More       bool            `json:"more" doc:"There were more than are shown: narrow the search."`
	Purged     int             `json:"purged" doc:"Reads that have reached their retention since."`
}

func (s *Server) answerView(ctx context.Context, a plate.Answer) AnswerView {
	v := AnswerView{Owner: a.Owner, Name: s.agencyName(ctx, a.Owner), Permit: a.Permit, Rules: []RefusedBy{}, Entry: a.Entry, Grant: a.Grant,
		Reads: readViews(a.Reads), Companions: []CompanionView{}, More: a.More, Purged: a.Purged}
	if !a.Permit {
		for _, id := range a.Rules {
			r, ok := s.Policy.Rule(id)
			if !ok { // a peer's own
				r = policy.Rule{ID: id, Plain: map[string]string{}}
			}
			v.Rules = append(v.Rules, RefusedBy{ID: r.ID, Plain: r.Plain, Citation: r.Citation, Source: r.Source})
		}
	}
	for _, c := range a.Companions {
		v.Companions = append(v.Companions, CompanionView{string(c.Text), c.Region, c.Cameras, readViews(c.Reads)})
	}
	if a.Permit && a.Exchange == "" {
		names := map[string]string{}
		if cameras, err := s.Cameras.Cameras(ctx, a.Owner); err == nil {
			for _, c := range cameras {
				names[c.ID] = c.Name
			}
		}
		name := func(list []ReadView) {
			for i := range list {
				list[i].CameraName = names[list[i].Camera]
			}
		}
		name(v.Reads)
		for _, c := range v.Companions {
			name(c.Reads)
		}
	}
	return v
}

// PeerSaid is what another exchange said.
type PeerSaid struct {
	Exchange string       `json:"exchange"`
	Answers  []AnswerView `json:"answers"`
	Receipts []string     `json:"receipts" doc:"Of its entries, in the order of answers: its own ledger proves them."`
	Problem  string       `json:"problem" doc:"Why there is no answer; empty when there is."`
}

// SearchAct answers a search.
type SearchAct struct {
	Recorded
	Body struct {
		Search  SearchView   `json:"search"`
		Answers []AnswerView `json:"answers"`
		Receipt string       `json:"receipt"`
	}
}

func (s *Server) searchAct(ctx context.Context) func(search.Result, error) (*SearchAct, error) {
	return func(r search.Result, err error) (*SearchAct, error) {
		if err != nil {
			return nil, searchProblem(err)
		}
		receipt, err := s.Gate.Receipt(ctx, r.Search.Entry, gate.PrivateAt, gate.PrivatePerson, gate.PrivateSignature)
		if err != nil {
			return nil, err
		}
		out := &SearchAct{Recorded: Recorded{r.Search.Entry}}
		out.Body.Search, out.Body.Answers, out.Body.Receipt = s.searchView(ctx, r.Search), []AnswerView{}, string(receipt.Marshal())
		for _, a := range r.Answers {
			out.Body.Answers = append(out.Body.Answers, s.answerView(ctx, a))
		}
		return out, nil
	}
}

// SearchFile is a search's answers as a file.
type SearchFile struct {
	Name    string `json:"name"`
	Content string `json:"content"`
	Rows    int    `json:"rows"`
	Receipt string `json:"receipt"`
}

// TracedRow is where a row of a file comes from.
type TracedRow struct {
	Export uint64    `json:"export" doc:"Entry of search.export; who saved it is in its private part."`
	Search uint64    `json:"search" doc:"Entry of search.run."`
	Agency string    `json:"agency"`
	Name   string    `json:"agency_name"`
	At     time.Time `json:"at" doc:"To the hour."`
	Seen   time.Time `json:"seen" doc:"When the read of the row was seen."`
}

// NewHold says what to keep, and why.
type NewHold struct {
	Search string     `json:"search" maxLength:"26"`
	Owner  string     `json:"owner" maxLength:"9"`
	Reads  []plate.ID `json:"reads,omitempty" maxItems:"10000" doc:"None: the whole answer of this owner."`
	Case   string     `json:"case" maxLength:"200"`
	Reason string     `json:"reason" maxLength:"2000"`
	Days   int        `json:"days" doc:"1 to 365."`
}

// ReadHoldView is what is kept for a case.
type ReadHoldView struct {
	ID      string    `json:"id"`
	Entry   uint64    `json:"entry"`
	At      time.Time `json:"at"`
	Expires time.Time `json:"expires"`
	Search  string    `json:"search"`
	Person  string    `json:"person"`
	Name    string    `json:"name"`
	Owner   string    `json:"owner"`
	Case    string    `json:"case"`
	Reason  string    `json:"reason"`
	Reads   int       `json:"reads"`
}

func (s *Server) readHoldView(ctx context.Context, h search.Hold) ReadHoldView {
	return ReadHoldView{h.ID, h.Entry, h.At, h.Expires, h.Search, h.Person, s.personName(ctx, h.Person), h.Owner, h.Case, h.Reason, h.Reads}
}

// RetentionView is how long an agency's plate reads are kept.
type RetentionView struct {
	Owner   string `json:"owner"`
	Minutes int    `json:"minutes" doc:"The shortest of law, setting and 30 days."`
	Law     int    `json:"law_minutes" doc:"0: the state sets none that we know."`
	Cites   string `json:"law"`
	Chosen  int    `json:"chosen_minutes" doc:"By the agency's administrator; 0: she did not."`
	Entry   uint64 `json:"entry" doc:"Of that setting."`
}

func retentionView(r search.Retention) RetentionView {
	return RetentionView{r.Owner, int(r.Keep.Minutes()), int(r.Law.Minutes()), r.Cites, int(r.Chosen.Minutes()), r.Entry}
}
