package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"porchlight/canvass"
	"porchlight/gate"
	"porchlight/geo"
	"porchlight/internal/problem"
	"porchlight/ledger"
	"porchlight/oversight"
	"porchlight/policy"
	"porchlight/roster"
	"porchlight/web/basemap"
	"porchlight/web/i18n"
	"porchlight/web/pages"
)

// site is the public pages: no account, no JavaScript.
type site struct {
	*Server
	pages   *pages.Site
	figures *oversight.Figures
}

// pageFunc fills the view of one page.
type pageFunc func(*http.Request) (pages.View, error)

var errNoPage = &Problem{Type: problemNotFound, Title: "Not found", Status: http.StatusNotFound}

// siteRoutes are the public pages.
func (s *Server) siteRoutes() error {
	p, err := pages.New(s.Descriptor.Name, s.Zone)
	if err != nil {
		return err
	}
	describe(s.api.OpenAPI())
	api := apiPage(s.api.OpenAPI())
	t := &site{Server: s, pages: p, figures: oversight.New(s.Log, s.Zone)}
	for pattern, f := range map[string]pageFunc{
		"GET /{$}": t.home, "GET /requests": t.requests, "GET /r/{id}": t.request,
		"GET /agencies": t.agencies, "GET /agencies/{ori}": t.agency,
		"GET /ledger": t.ledger, "GET /ledger/{index}": t.entry, "GET /rules": t.rules,
		"GET /api":             func(*http.Request) (pages.View, error) { return api, nil },
		"GET /how":             func(*http.Request) (pages.View, error) { return pages.How{}, nil },
		"GET /accessibility":   func(*http.Request) (pages.View, error) { return pages.Accessibility{}, nil },
		"GET /problems/{kind}": t.problemKind,
	} {
		s.handle(anyone, pattern, t.page(f))
	}
	t.correctionPages()
	s.handle(anyone, "GET /pets", t.page(t.lostPets))
	s.handle(anyone, "GET /pets/{post}", t.page(t.lostPet))
	s.handle(anyone, "GET /ledger/{index}/receipt", http.HandlerFunc(t.receipt))
	s.handle(anyone, "POST /preferences", http.HandlerFunc(pages.Preferences))
	s.handle(anyone, "/", s.nowhere(t.page(func(*http.Request) (pages.View, error) { return nil, errNoPage })))
	s.handle(anyone, "/api/", s.nowhere(func(w http.ResponseWriter, _ *http.Request) { problem.Write(w, errNoPage) }))
	if s.Basemap != nil {
		s.handle(anyone, "GET /map/", s.Basemap.Handler())
	}
	return s.files("/static/", pages.Static(), nil)
}

// page renders what f returns, errors as a page too.
func (t *site) page(f pageFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusOK
		v, err := f(r)
		if err != nil {
			p := t.problem(r.Context(), err).(*Problem)
			status = p.Status
			v = pages.Problem{Status: p.Status, Kind: strings.TrimPrefix(p.Type, "/problems/"), Detail: p.Detail}
		}
		if err := t.pages.Render(w, r, status, v); err != nil {
			t.Logger.Error("page failed", "err", err)
		}
	}
}

func (t *site) home(r *http.Request) (pages.View, error) {
	if err := t.figures.Update(r.Context()); err != nil {
		return nil, err
	}
	total := t.figures.Total()
	v := pages.Home{Refusals: total.Refusals, Entries: int(total.Entries)}
	agencies, err := t.Roster.Agencies(r.Context())
	if err != nil {
		return nil, err
	}
	for _, a := range agencies {
		if a.Status == roster.Active {
			v.Agencies++
		}
		published, err := t.Canvass.Published(r.Context(), a.ORI)
		if err != nil {
			return nil, err
		}
		v.Requests += len(published)
	}
	open, err := t.open(r.Context())
	if err != nil {
		return nil, err
	}
	v.Open = open[:min(3, len(open))]
	return v, nil
}

// open are the requests open now, newest first.
func (t *site) open(ctx context.Context) ([]pages.RequestCard, error) {
	open, err := t.Canvass.Open(ctx)
	if err != nil {
		return nil, err
	}
	return t.cards(ctx, open)
}

// cards are requests as lists show them, newest first.
func (t *site) cards(ctx context.Context, rs []canvass.Request) ([]pages.RequestCard, error) {
	slices.SortFunc(rs, func(a, b canvass.Request) int { return b.Decided.Compare(a.Decided) })
	cards := make([]pages.RequestCard, len(rs))
	for i, r := range rs {
		a, err := t.Roster.Agency(ctx, r.Agency)
		if err != nil {
			return nil, err
		}
		cards[i] = card(r, a)
	}
	return cards, nil
}

const squareMile = 2589988.110336 // m2

func card(r canvass.Request, a roster.Agency) pages.RequestCard {
	zone, err := time.LoadLocation(r.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	return pages.RequestCard{
		ID: r.ID, Agency: ref(a), Incident: string(r.Incident), Narrative: r.Narrative, State: string(r.State),
		From: r.From.In(zone), To: r.To.In(zone), Expires: r.Expires, Published: r.Decided,
		SquareMiles: r.Area.AreaM2() / squareMile,
	}
}

func ref(a roster.Agency) pages.AgencyRef {
	return pages.AgencyRef{ORI: a.ORI, Name: a.Name, Kind: string(a.Kind)}
}

func (t *site) requests(r *http.Request) (pages.View, error) {
	rs, err := t.Canvass.Open(r.Context())
	if err != nil {
		return nil, err
	}
	v := pages.Requests{}
	if v.Open, err = t.cards(r.Context(), rs); err != nil {
		return nil, err
	}
	var areas []basemap.Overlay
	for i, q := range rs { // cards sorted rs the same way
		areas = append(areas, basemap.Overlay{
			Ring: ring(q.Area), Class: "area", Title: v.Open[i].Narrative, Label: strconv.Itoa(i + 1), Href: "/r/" + q.ID,
		})
	}
	v.Map = t.picture(i18n.FromRequest(r).T("requests.map"), areas, 640, 460)
	return v, nil
}

// picture draws areas on the exchange's map.
func (t *site) picture(title string, areas []basemap.Overlay, width, height int) template.HTML {
	if t.Basemap == nil {
		return ""
	}
	var b basemap.Bounds
	for _, a := range areas {
		b = b.Extend(a.Ring...)
	}
	if b.Empty() {
		b = t.Basemap.Home()
	} else {
		b = b.Pad(0.2, 150)
	}
	return t.Basemap.SVG(basemap.View{Bounds: b, Width: width, Height: height, Title: title, ID: "map", Overlays: areas})
}

func ring(p geo.Polygon) (out []basemap.LonLat) {
	for _, q := range p.Points() {
		lon, lat := q.Degrees()
		out = append(out, basemap.LonLat{lon, lat})
	}
	return out
}

func (t *site) request(r *http.Request) (pages.View, error) {
	q, err := t.Canvass.Request(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if !q.Published() {
		return nil, errNoPage
	}
	a, err := t.Roster.Agency(r.Context(), q.Agency)
	if err != nil {
		return nil, err
	}
	v := pages.Request{
		RequestCard: card(q, a), Contact: q.Contact, Closed: q.Closed,
		Posted: q.PostEntry, Approved: q.DecisionEntry, Ended: q.CloseEntry,
	}
	rec, err := t.Gate.At(r.Context(), q.PostEntry)
	if err != nil {
		return nil, err
	}
	for _, rule := range t.Policy.Rules() {
		_, applied := rec.Entry.Decision.Packs[rule.Pack]
		if applied && rule.Effect == "forbid" && strings.HasPrefix(rule.ID[len(rule.Pack)+1:], "request") {
			v.Limits = append(v.Limits, ruleView(rule))
		}
	}
	v.Map = t.picture(i18n.FromRequest(r).T("request.map"), []basemap.Overlay{{Ring: ring(q.Area), Class: "area", Title: v.Narrative}}, 640, 420)
	return v, nil
}

func ruleView(r policy.Rule) pages.Rule {
	return pages.Rule{ID: r.ID, Effect: r.Effect, Plain: r.Plain, Citation: r.Citation, Source: r.Source, Cedar: r.Cedar}
}

func (t *site) agencies(r *http.Request) (pages.View, error) {
	all, err := t.Roster.Agencies(r.Context())
	if err != nil {
		return nil, err
	}
	var v pages.Agencies
	for _, a := range all {
		published, err := t.Canvass.Published(r.Context(), a.ORI)
		if err != nil {
			return nil, err
		}
		row := pages.AgencyRow{AgencyRef: ref(a), Status: string(a.Status), State: a.State, Requests: len(published)}
		for _, q := range published {
			if q.State == canvass.Open {
				row.Open++
			}
		}
		v.Agencies = append(v.Agencies, row)
	}
	return v, nil
}

func (t *site) agency(r *http.Request) (pages.View, error) {
	ctx := r.Context()
	a, err := t.Roster.Agency(ctx, r.PathValue("ori"))
	if err != nil {
		return nil, err
	}
	if err := t.figures.Update(ctx); err != nil {
		return nil, err
	}
	v := pages.Agency{AgencyRef: ref(a), Status: string(a.Status), State: a.State, Since: a.Since}
	if a.Vault != nil {
		v.Vault = &pages.Vault{Recipient: a.Vault.Recipient, Published: a.Vault.Since, Entry: a.Vault.Entry}
	}
	if a.Status == roster.Suspended {
		v.Suspension = &pages.Suspension{Reason: a.Reason}
		history, err := t.Gate.History(ctx, a.ORI)
		if err != nil {
			return nil, err
		}
		for _, h := range history {
			if h.Entry.Act.Action == "agency.suspend" && h.Outcome == "done" {
				v.Suspension.Since, v.Suspension.Entry = h.At, h.Index
			}
		}
	}
	if a.Kind != roster.Federal && a.Kind != roster.Private {
		told := pages.Told(t.figures.Register(a.ORI))
		v.Told = &told
	}
	for _, m := range t.figures.Months(a.ORI, t.Gate.Now(), 12) {
		v.Months = append(v.Months, pages.Month{
			Start: m.Start, Requests: m.Requests, Refusals: m.Refusals, Views: m.Views,
			Exports: m.Exports, Shares: m.Shares, Suspensions: m.Suspensions,
		})
	}
	published, err := t.Canvass.Published(ctx, a.ORI)
	if err != nil {
		return nil, err
	}
	if v.Requests, err = t.cards(ctx, published); err != nil {
		return nil, err
	}
	if v.Plates, err = t.platesOf(ctx, a.ORI); err != nil {
		return nil, err
	}
	v.Map = t.picture(i18n.FromRequest(r).T("agency.map"), []basemap.Overlay{{Ring: ring(a.Jurisdiction), Class: "limit", Title: a.Name}}, 640, 420)
	return v, nil
}

// entriesPerPage of the ledger browser.
const entriesPerPage = 25

func (t *site) ledger(r *http.Request) (pages.View, error) {
	ctx := r.Context()
	if err := t.figures.Update(ctx); err != nil {
		return nil, err
	}
	cp, raw, err := t.Log.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	v := pages.Ledger{Origin: t.Descriptor.Origin, Size: cp.Size, Checkpoint: string(raw)}
	for _, w := range t.Descriptor.Witnesses {
		v.Witnesses = append(v.Witnesses, w.Name)
	}
	before := cp.Size
	if s := r.URL.Query().Get("before"); s != "" {
		if before, err = strconv.ParseUint(s, 10, 64); err != nil {
			return nil, problem.BadRequest("before must be an entry's number")
		}
		before = min(before, cp.Size)
	}
	from := before - min(before, entriesPerPage)
	for i := before; i > from; i-- {
		e, err := t.Log.Entry(ctx, i-1)
		if err != nil {
			return nil, err
		}
		v.Entries = append(v.Entries, t.line(ctx, i-1, e))
	}
	if from > 0 {
		v.Older = &from
	}
	if newer := min(before+entriesPerPage, cp.Size); newer > before {
		v.Newer = &newer
	}
	return v, nil
}

func (t *site) line(ctx context.Context, index uint64, e ledger.Entry) pages.EntryLine {
	l := pages.EntryLine{Index: index, Action: e.Act.Action, Actor: e.Act.Actor, Permit: e.Decision.Permit}
	l.Hour, _ = time.Parse(time.RFC3339, e.Act.Hour)
	if e.Act.Agency != "" {
		l.Agency = &pages.AgencyRef{ORI: e.Act.Agency, Name: e.Act.Agency}
		if a, err := t.Roster.Agency(ctx, e.Act.Agency); err == nil {
			*l.Agency = ref(a)
		}
	}
	switch {
	case !e.Decision.Permit:
	case t.figures.Voided(index):
		l.Outcome = "void"
	default:
		l.Outcome = "open"
		if rec, err := t.Gate.At(ctx, index); err == nil {
			l.Outcome = rec.Outcome
		}
	}
	return l
}

// entryAt reads the entry that the path names.
func (t *site) entryAt(r *http.Request) (uint64, ledger.Entry, error) {
	index, err := strconv.ParseUint(r.PathValue("index"), 10, 64)
	if err != nil {
		return 0, ledger.Entry{}, errNoPage
	}
	e, err := t.Log.Entry(r.Context(), index)
	if errors.Is(err, ledger.ErrNoEntry) {
		return 0, e, errNoPage
	}
	return index, e, err
}

func (t *site) entry(r *http.Request) (pages.View, error) {
	ctx := r.Context()
	index, e, err := t.entryAt(r)
	if err != nil {
		return nil, err
	}
	if err := t.figures.Update(ctx); err != nil {
		return nil, err
	}
	receipt, err := t.Gate.Receipt(ctx, index)
	if err != nil {
		return nil, err
	}
	v := pages.Entry{EntryLine: t.line(ctx, index, e), ActID: e.Act.ID, Receipt: string(receipt.Marshal())}
	for name, value := range e.Act.Public {
		v.Public = append(v.Public, pages.Field{Name: name, Value: value})
	}
	slices.SortFunc(v.Public, func(a, b pages.Field) int { return strings.Compare(a.Name, b.Name) })
	for name := range e.Act.Private {
		v.Committed = append(v.Committed, name)
	}
	if e.Signature != nil {
		v.Committed = append(v.Committed, gate.PrivateSignature)
	}
	slices.Sort(v.Committed)
	for _, id := range e.Decision.Rules {
		rule, ok := t.Policy.Rule(id)
		if !ok {
			rule.ID = id
		}
		v.Rules = append(v.Rules, ruleView(rule))
	}
	for name, hash := range e.Decision.Packs {
		v.Packs = append(v.Packs, pages.Pack{Name: name, Hash: hash})
	}
	slices.SortFunc(v.Packs, func(a, b pages.Pack) int { return strings.Compare(a.Name, b.Name) })
	var text bytes.Buffer
	if err := json.Indent(&text, e.Bytes(), "", "  "); err != nil {
		return nil, fmt.Errorf("entry %d: %w", index, err)
	}
	v.Text = text.String()
	return v, nil
}

// receipt is the receipt of any entry, as a file.
func (t *site) receipt(w http.ResponseWriter, r *http.Request) {
	index, _, err := t.entryAt(r)
	var receipt ledger.Receipt
	if err == nil {
		receipt, err = t.Gate.Receipt(r.Context(), index)
	}
	if err != nil {
		problem.Write(w, t.problem(r.Context(), err).(*Problem))
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="receipt-%d.txt"`, index))
	w.Write(receipt.Marshal())
}

func (t *site) rules(*http.Request) (pages.View, error) {
	var v pages.Rules
	for _, p := range t.Policy.Packs() {
		pack := pages.Pack{Name: p.Name, Hash: p.Hash}
		for _, r := range t.Policy.Rules() {
			if r.Pack == p.Name {
				pack.Rules = append(pack.Rules, ruleView(r))
			}
		}
		v.Packs = append(v.Packs, pack)
	}
	return v, nil
}

func (t *site) problemKind(r *http.Request) (pages.View, error) {
	kind := r.PathValue("kind")
	if !slices.ContainsFunc(problemTypes, func(p string) bool { return p == "/problems/"+kind }) {
		return nil, errNoPage
	}
	return pages.Problem{Kind: kind}, nil
}
