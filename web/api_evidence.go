package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"porchlight/evidence"
	"porchlight/gate"
	"porchlight/internal/problem"
)

// evidenceRoutes are the custodian's and investigator's: items, custody, packages.
func (s *Server) evidenceRoutes() {
	route(s, session, "GET", "/items", "listItems", "The clips your agency holds.",
		func(ctx context.Context, in *struct {
			State string `query:"state" enum:"pending,accepted,withdrawal-requested,declined,withdrawn,destroyed" doc:"Only these."`
			Case  string `query:"case" maxLength:"64" doc:"Only of this case number."`
		}) (*struct{ Body ItemList }, error) {
			items, err := s.Evidence.Items(ctx, principal(ctx), evidence.State(in.State), in.Case)
			if err != nil {
				return nil, evidenceProblem(err)
			}
			list := ItemList{Items: []ItemView{}, Categories: []CategoryView{}}
			for _, it := range items {
				list.Items = append(list.Items, itemView(it, principal(ctx).Agency))
			}
			for _, c := range evidence.Schedule {
				list.Categories = append(list.Categories, CategoryView{c.ID, int(c.Keep / (24 * time.Hour)), c.Citation})
			}
			return &struct{ Body ItemList }{list}, nil
		})
	route(s, session, "GET", "/items/{item}", "getItem", "One clip: its state, who holds it, holds, and every act on it.",
		func(ctx context.Context, in *ItemPath) (*struct{ Body ItemDetail }, error) {
			d, err := s.itemDetail(ctx, in.Item)
			return &struct{ Body ItemDetail }{d}, evidenceProblem(err)
		})
	route(s, session, "GET", "/items/{item}/receipts/{entry}", "itemReceipt", "Prove one act on a clip.",
		func(ctx context.Context, in *struct {
			ItemPath
			Entry uint64 `path:"entry"`
		}) (*struct{ Body ReceiptText }, error) {
			r, err := s.Evidence.Receipt(ctx, principal(ctx), in.Item, in.Entry)
			if err != nil {
				return nil, evidenceProblem(err)
			}
			return &struct{ Body ReceiptText }{ReceiptText{string(r.Marshal())}}, nil
		})

	itemAct(s, "/triage", "triageItem", "Accept a clip into a case, or decline it; a declined clip is destroyed.",
		func(ctx context.Context, by gate.Caller, item string, b *TriageInput) (*gate.Grant, error) {
			return s.Evidence.Triage(ctx, by, item, evidence.Triage{Accept: b.Accept, Case: b.Case, Category: b.Category, Reason: b.Reason})
		})
	itemAct(s, "/notes", "noteItem", "Keep a note sealed to your agency's vault.",
		func(ctx context.Context, by gate.Caller, item string, b *NoteInput) (*gate.Grant, error) {
			return s.Evidence.Note(ctx, by, item, b.Sealed)
		})
	itemAct(s, "/shares", "shareItem", "Give a partner agency access under conditions.",
		func(ctx context.Context, by gate.Caller, item string, b *ShareInput) (*gate.Grant, error) {
			return s.Evidence.Share(ctx, by, item, b.To, b.Header, b.Letter,
				evidence.Conditions{Purpose: b.Purpose, Expires: b.Expires, NoReshare: b.NoReshare})
		})
	itemAct(s, "/shares/end", "unshareItem", "End a partner agency's access.",
		func(ctx context.Context, by gate.Caller, item string, b *UnshareInput) (*gate.Grant, error) {
			return s.Evidence.Unshare(ctx, by, item, b.From)
		})
	itemAct(s, "/holds", "holdItem", "Keep a clip from destruction, or refuse its owner's withdrawal, on a lawful ground.",
		func(ctx context.Context, by gate.Caller, item string, b *HoldInput) (*gate.Grant, error) {
			h := evidence.HoldTerms{Reason: b.Reason, Order: b.Order, Refuses: b.RefusesWithdrawal}
			if b.Until != nil {
				h.Until = *b.Until
			}
			return s.Evidence.Hold(ctx, by, item, h)
		})
	itemAct(s, "/holds/release", "releaseHold", "Lift a hold.",
		func(ctx context.Context, by gate.Caller, item string, b *ReleaseInput) (*gate.Grant, error) {
			return s.Evidence.Release(ctx, by, item, b.Hold)
		})
	itemAct(s, "/destroy", "destroyItem", "Destroy a clip that was declined, or that its owner asked for.",
		func(ctx context.Context, by gate.Caller, item string, b *DestroyInput) (*gate.Grant, error) {
			return s.Evidence.Destroy(ctx, by, item, evidence.Cause(b.Reason))
		})

	route(s, session, "POST", "/items/{item}/view", "viewItem", "Open a clip: its header now, its payload for a while.",
		func(ctx context.Context, in *struct {
			ActHeaders
			ItemPath
			Body ViewInput
		}) (*OpenedOutput, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			return s.openedItem(ctx)(s.Evidence.View(ctx, by, sessionID(ctx), in.Item, in.Body.Purpose))
		})
	route(s, session, "POST", "/items/{item}/export", "exportItem", "Open a clip for a court package.",
		func(ctx context.Context, in *struct {
			ActHeaders
			ItemPath
			Body ExportInput
		}) (*OpenedOutput, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			return s.openedItem(ctx)(s.Evidence.Export(ctx, by, sessionID(ctx), in.Item, evidence.Form(in.Body.Form), in.Body.Purpose))
		})
	route(s, session, "GET", "/exports/{act}/parts", "packageParts", "The files of a plaintext package but for the clip, which your browser adds.",
		func(ctx context.Context, in *PackagePath) (*struct{ Body PackageParts }, error) {
			p, parts, err := s.Evidence.PackageParts(ctx, sessionID(ctx), in.Act, in.Lang)
			if err != nil {
				return nil, evidenceProblem(err)
			}
			out := PackageParts{Dir: p.PackageDir(), Info: []InfoLine{}, Parts: []PackagePart{}}
			for _, line := range p.Info() {
				out.Info = append(out.Info, InfoLine{line[0], line[1]})
			}
			for _, part := range parts {
				out.Parts = append(out.Parts, PackagePart{part.Path, part.Data})
			}
			return &struct{ Body PackageParts }{out}, nil
		})
	s.handle(session, "GET /api/v1/views/{act}/payload", http.HandlerFunc(s.payload))
	s.handle(session, "GET /api/v1/exports/{act}/package", http.HandlerFunc(s.packageFile))
}

// itemAct adds an act on an item that answers with its receipt only.
func itemAct[B any](s *Server, path, id, summary string, do func(context.Context, gate.Caller, string, *B) (*gate.Grant, error)) {
	route(s, session, "POST", "/items/{item}"+path, id, summary,
		func(ctx context.Context, in *struct {
			ActHeaders
			ItemPath
			Body B
		}) (*ActOutput, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			g, err := do(ctx, by, in.Item, &in.Body)
			return s.acted(ctx)(g, evidenceProblem(err))
		})
}

// payload serves ciphertext, in ranges, to the session that opened it.
func (s *Server) payload(w http.ResponseWriter, r *http.Request) {
	if _, ok := sessionOf(r.Context()); !ok {
		problem.Write(w, errNotSignedIn)
		return
	}
	body, _, err := s.Evidence.Payload(r.Context(), sessionID(r.Context()), r.PathValue("act"))
	if err != nil {
		s.writeError(w, r, err)
		return
	}
	defer body.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(&rangeWriter{ResponseWriter: w}, r, "", time.Time{}, body)
}

// rangeWriter says as a problem what http.ServeContent says as plain text.
type rangeWriter struct {
	http.ResponseWriter
	refused bool
}

func (w *rangeWriter) WriteHeader(status int) {
	if w.refused = status == http.StatusRequestedRangeNotSatisfiable; w.refused {
		problem.Write(w.ResponseWriter, &Problem{Type: problemInvalid, Title: "No such range", Status: status, Detail: "The clip has no such bytes."})
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *rangeWriter) Write(p []byte) (int, error) {
	if w.refused {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}

// packageFile streams a ciphertext package. If it breaks off, so does the
// connection: a short file never looks whole.
func (s *Server) packageFile(w http.ResponseWriter, r *http.Request) {
	if _, ok := sessionOf(r.Context()); !ok {
		problem.Write(w, errNotSignedIn)
		return
	}
	began := &beganWriter{ResponseWriter: w}
	err := s.Evidence.Package(r.Context(), sessionID(r.Context()), r.PathValue("act"), r.URL.Query().Get("lang"), began)
	switch {
	case err != nil && !began.yes:
		s.writeError(w, r, err)
	case err != nil:
		s.Logger.Error("a package broke off", "err", err)
		panic(http.ErrAbortHandler)
	}
}

// beganWriter says that a file comes once its first byte does.
type beganWriter struct {
	http.ResponseWriter
	yes bool
}

func (b *beganWriter) Write(p []byte) (int, error) {
	if !b.yes {
		b.yes = true
		b.Header().Set("Content-Type", "application/zip")
		b.Header().Set("Content-Disposition", "attachment")
	}
	return b.ResponseWriter.Write(p)
}

// writeError is for handlers outside the API.
func (s *Server) writeError(w http.ResponseWriter, r *http.Request, err error) {
	var p *Problem
	if errors.As(s.problem(r.Context(), evidenceProblem(err)), &p) {
		problem.Write(w, p)
	}
}

// sessionID tells sessions apart: the device and the moment she signed in.
func sessionID(ctx context.Context) string {
	s, _ := sessionOf(ctx)
	return fmt.Sprintf("%x %d", []byte(s.Device), s.Started.UnixMicro())
}

// openedItem turns what a view or export released into its answer.
func (s *Server) openedItem(ctx context.Context) func(*evidence.Opened, error) (*OpenedOutput, error) {
	return func(o *evidence.Opened, err error) (*OpenedOutput, error) {
		if err != nil {
			return nil, evidenceProblem(err)
		}
		r, err := s.Gate.Receipt(ctx, o.Grant.Index, gate.PrivateAt)
		if err != nil {
			return nil, err
		}
		out := &OpenedOutput{Recorded: Recorded{o.Grant.Index}, Body: OpenedItem{
			Act: o.Grant.ActID, Header: o.Header, Letter: o.Letter, Notes: []NoteView{}, PayloadSize: o.Item.Size,
			Until: o.Until, Receipt: string(r.Marshal()),
		}}
		for _, n := range o.Notes {
			out.Body.Notes = append(out.Body.Notes, NoteView{n.ID, n.Sealed, s.personName(ctx, n.By), n.At})
		}
		return out, nil
	}
}

func (s *Server) itemDetail(ctx context.Context, id string) (ItemDetail, error) {
	who := principal(ctx)
	it, custody, holds, err := s.Evidence.Item(ctx, who, id)
	if err != nil {
		return ItemDetail{}, err
	}
	events, err := s.Evidence.Chain(ctx, who, id)
	if err != nil {
		return ItemDetail{}, err
	}
	terms, err := it.Consent.Terms()
	if err != nil {
		return ItemDetail{}, err
	}
	d := ItemDetail{
		Item: itemView(it, who.Agency), Consent: ConsentView{terms.Text, terms.Language, terms.Identity},
		Custody: []CustodyView{}, Holds: []HoldView{}, Chain: []EventView{},
	}
	for _, c := range custody {
		d.Custody = append(d.Custody, CustodyView{c.Agency, s.agencyName(ctx, c.Agency), c.By, c.Purpose, optional(c.Expires), c.NoReshare, c.Since, c.Entry})
	}
	now := s.Evidence.Now()
	for _, h := range holds {
		d.Holds = append(d.Holds, HoldView{h.ID, h.Agency, h.Reason, h.Order, optional(h.Until), h.Placed, optional(h.Lifted), h.Stands(now)})
	}
	for _, e := range events {
		d.Chain = append(d.Chain, EventView{
			e.Entry, e.At, e.Action, e.Role, e.Agency, s.agencyName(ctx, e.Agency), s.agencyName(ctx, e.Public["to"]+e.Public["from"]), s.personName(ctx, e.Person),
			e.Signed, e.Outcome, e.Public, e.Private,
		})
	}
	return d, nil
}

// agencyName is what people call an agency, or its ORI.
func (s *Server) agencyName(ctx context.Context, ori string) string {
	if ori != "" {
		if a, err := s.Roster.Agency(ctx, ori); err == nil {
			return a.Name
		}
	}
	return ori
}

// personName is a person's name, or her id.
func (s *Server) personName(ctx context.Context, id string) string {
	if id != "" {
		if p, err := s.Identity.Person(ctx, id); err == nil {
			return p.Name
		}
	}
	return id
}

// evidenceProblem gives an error of package evidence its status and its own
// words; others pass.
func evidenceProblem(err error) error {
	for _, k := range []struct {
		err    error
		status int
		typ    string
		title  string
	}{
		{evidence.ErrNotFound, 404, problemNotFound, "Not found"},
		{evidence.ErrClosed, 410, problemConflict, "This view has ended"},
		{evidence.ErrHeld, 409, problemConflict, "The clip is under a hold"},
		{evidence.ErrState, 409, problemConflict, "Not possible in the clip's state"},
		{evidence.ErrHeader, 422, problemInvalid, "Not an age header"},
		{evidence.ErrInput, 422, problemInvalid, "Something in the request is not right"},
	} {
		if errors.Is(err, k.err) {
			return &Problem{Type: k.typ, Title: k.title, Status: k.status, Detail: strings.TrimPrefix(err.Error(), "evidence: ")}
		}
	}
	return err
}

// optional is nil for no time.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// ItemPath names an item.
type ItemPath struct {
	Item string `path:"item" maxLength:"26"`
}

// PackagePath names an export by its act.
type PackagePath struct {
	Act  string `path:"act" maxLength:"26"`
	Lang string `query:"lang" enum:"en,es,nl" default:"en" doc:"Language of the summary."`
}

// ItemList is what an agency holds, and the retention schedule.
type ItemList struct {
	Items      []ItemView     `json:"items"`
	Categories []CategoryView `json:"categories"`
}

// CategoryView is one line of the retention schedule.
type CategoryView struct {
	ID       string `json:"id"`
	Days     int    `json:"days" doc:"Counted from acceptance; 0: until somebody decides."`
	Citation string `json:"citation"`
}

// ItemView is a clip as a list shows it.
type ItemView struct {
	ID        string     `json:"id"`
	Request   string     `json:"request"`
	Agency    string     `json:"agency" doc:"ORI of the custodian."`
	Own       bool       `json:"own" doc:"Your agency is the custodian; else it was shared with it."`
	Case      string     `json:"case,omitempty"`
	State     string     `json:"state" doc:"pending, accepted, withdrawal-requested, declined, withdrawn or destroyed."`
	Cause     string     `json:"cause,omitempty"`
	Size      int64      `json:"size" doc:"Bytes of the payload."`
	SHA256    string     `json:"ciphertext_sha256"`
	Received  time.Time  `json:"received"`
	Category  string     `json:"category,omitempty"`
	DisposeAt *time.Time `json:"dispose_at,omitempty"`
	Ground    string     `json:"ground,omitempty"`
}

func itemView(it evidence.Item, agency string) ItemView {
	return ItemView{
		ID: it.ID, Request: it.Request, Agency: it.Agency, Own: it.Agency == agency, Case: it.Case, State: string(it.State), Cause: string(it.Cause),
		Size: it.Size, SHA256: it.CiphertextSHA256, Received: it.Received, Category: it.Category, DisposeAt: optional(it.DisposeAt), Ground: it.Ground,
	}
}

// ItemDetail is a clip with all that is known of it without opening it.
type ItemDetail struct {
	Item    ItemView      `json:"item"`
	Consent ConsentView   `json:"consent"`
	Custody []CustodyView `json:"custody"`
	Holds   []HoldView    `json:"holds"`
	Chain   []EventView   `json:"chain"`
}

// ConsentView is what the owner agreed to.
type ConsentView struct {
	Text     string `json:"text"`
	Language string `json:"language"`
	Identity string `json:"identity"`
}

// CustodyView is an agency that can open the clip.
type CustodyView struct {
	Agency    string     `json:"agency"`
	Name      string     `json:"name"`
	By        string     `json:"by,omitempty" doc:"ORI of the agency that gave it."`
	Purpose   string     `json:"purpose,omitempty"`
	Expires   *time.Time `json:"expires,omitempty"`
	NoReshare bool       `json:"no_reshare"`
	Since     time.Time  `json:"since"`
	Entry     uint64     `json:"entry" doc:"Index of the act that gave it."`
}

// HoldView is a hold, standing or past.
type HoldView struct {
	ID     string     `json:"id"`
	Agency string     `json:"agency"`
	Reason string     `json:"reason"`
	Order  string     `json:"order"`
	Until  *time.Time `json:"until,omitempty"`
	Placed time.Time  `json:"placed"`
	Lifted *time.Time `json:"lifted,omitempty"`
	Stands bool       `json:"stands"`
}

// EventView is one act of the custody chain.
type EventView struct {
	Entry      uint64            `json:"entry"`
	At         string            `json:"at"`
	Action     string            `json:"action"`
	Role       string            `json:"role"`
	Agency     string            `json:"agency,omitempty"`
	AgencyName string            `json:"agency_name,omitempty"`
	OtherName  string            `json:"other_name,omitempty" doc:"Name of the agency it was shared with or taken back from."`
	Person     string            `json:"person,omitempty"`
	Signed     bool              `json:"signed"`
	Outcome    string            `json:"outcome" doc:"done, denied or void"`
	Public     map[string]string `json:"public,omitempty"`
	Private    map[string]string `json:"private,omitempty"`
}

// TriageInput accepts or declines.
type TriageInput struct {
	Accept   bool   `json:"accept"`
	Case     string `json:"case,omitempty" maxLength:"64" doc:"accept: the case number."`
	Category string `json:"category,omitempty" maxLength:"32" doc:"accept: the retention category."`
	Reason   string `json:"reason,omitempty" maxLength:"500" doc:"decline: why; the owner reads it."`
}

// NoteInput is a sealed note.
type NoteInput struct {
	Sealed []byte `json:"sealed" doc:"Age file to your agency's vault."`
}

// ShareInput gives a partner access.
type ShareInput struct {
	To        string    `json:"to" maxLength:"16" doc:"ORI of the partner."`
	Header    []byte    `json:"header" doc:"Age header: the clip's file key sealed to the partner's vault."`
	Letter    []byte    `json:"letter,omitempty" doc:"Age file: what the partner may know of the owner's letter."`
	Purpose   string    `json:"purpose" maxLength:"500"`
	Expires   time.Time `json:"expires"`
	NoReshare bool      `json:"no_reshare"`
}

// UnshareInput names the partner.
type UnshareInput struct {
	From string `json:"from" maxLength:"16" doc:"ORI of the partner."`
}

// HoldInput places a hold.
type HoldInput struct {
	Reason            string     `json:"reason" maxLength:"500"`
	Order             string     `json:"order" maxLength:"500" doc:"The order, letter or statute that grounds it."`
	Until             *time.Time `json:"until,omitempty"`
	RefusesWithdrawal bool       `json:"refuses_withdrawal,omitempty" doc:"This hold is the answer to the owner's withdrawal."`
}

// ReleaseInput names the hold.
type ReleaseInput struct {
	Hold string `json:"hold" maxLength:"26"`
}

// DestroyInput says why.
type DestroyInput struct {
	Reason string `json:"reason" enum:"declined,withdrawn"`
}

// ViewInput states the purpose.
type ViewInput struct {
	Purpose string `json:"purpose,omitempty" maxLength:"500" doc:"For a clip shared with you: the purpose it was shared for."`
}

// ExportInput says what the package is to hold and why.
type ExportInput struct {
	Form    string `json:"form" enum:"ciphertext,plaintext"`
	Purpose string `json:"purpose" maxLength:"500"`
}

// OpenedOutput is a view or an export.
type OpenedOutput struct {
	Recorded
	Body OpenedItem
}

// OpenedItem is what a browser with the vault's identity needs to decrypt.
type OpenedItem struct {
	Act         string     `json:"act" doc:"Names this view: /api/v1/views/{act}/payload, or /api/v1/exports/{act}/package and /parts."`
	Header      []byte     `json:"header" doc:"Age header for your agency's vault."`
	Letter      []byte     `json:"letter,omitempty" doc:"Age file; absent for a partner that got none."`
	Notes       []NoteView `json:"notes"`
	PayloadSize int64      `json:"payload_size"`
	Until       time.Time  `json:"until"`
	Receipt     string     `json:"receipt"`
}

// NoteView is a sealed note.
type NoteView struct {
	ID     string    `json:"id"`
	Sealed []byte    `json:"sealed"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
}

// PackageParts are the small files of a package.
type PackageParts struct {
	Dir   string        `json:"dir" doc:"The folder the bag lies in."`
	Info  []InfoLine    `json:"info" doc:"bag-info.txt without Payload-Oxum."`
	Parts []PackagePart `json:"parts"`
}

// InfoLine is a line of bag-info.txt.
type InfoLine struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

// PackagePart is one file.
type PackagePart struct {
	Path string `json:"path"`
	Data []byte `json:"data"`
}
