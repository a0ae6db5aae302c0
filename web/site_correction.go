package web

import (
	"errors"
	"net/http"
	"net/url"

	"porchlight/internal/form"
	"porchlight/plate/hotlist"
	"porchlight/roster"
	"porchlight/web/pages"
)

// correctionPages are where a driver who was flagged by mistake asks for
// correction, and her ticket. They need no account and no JavaScript.
func (t *site) correctionPages() {
	t.handle(anyone, "GET /correction", t.page(t.correction))
	t.handle(anyone, "POST /correction", http.HandlerFunc(t.correct))
	t.handle(anyone, "GET /correction/{ticket}", t.page(t.ticket))
}

// correction is the form, empty but for what the address says.
func (t *site) correction(r *http.Request) (pages.View, error) {
	return t.correctionForm(r, url.Values{"agency": {r.URL.Query().Get("agency")}}, "")
}

func (t *site) correctionForm(r *http.Request, v url.Values, problem string) (pages.View, error) {
	all, err := t.Roster.Agencies(r.Context())
	if err != nil {
		return nil, err
	}
	view := pages.Correction{Form: t.Hotlists.Asking.Token(), Problem: problem, Agency: v.Get("agency"), Plate: v.Get("plate"), When: v.Get("when"),
		Where: v.Get("where"), What: v.Get("what"), Contact: v.Get("contact")}
	for _, a := range all {
		if a.Status != roster.Invited && a.Kind != roster.Federal && a.Kind != roster.Private {
			view.Agencies = append(view.Agencies, pages.AgencyRef{ORI: a.ORI, Name: a.Name, Kind: string(a.Kind)})
		}
	}
	return view, nil
}

// correct takes the form and leads to the ticket.
func (t *site) correct(w http.ResponseWriter, r *http.Request) {
	again := func(problem string) {
		t.page(func(r *http.Request) (pages.View, error) { return t.correctionForm(r, r.PostForm, problem) })(w, r)
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "unreadable form", http.StatusBadRequest)
		return
	}
	f := r.PostForm
	if f.Get("website") != "" { // no person sees that field
		again("")
		return
	}
	secret, err := t.Hotlists.OpenCorrection(r.Context(), f.Get("form"), f.Get("agency"),
		hotlist.Request{Plate: f.Get("plate"), When: f.Get("when"), Where: f.Get("where"), What: f.Get("what"), Contact: f.Get("contact")})
	var invalid *hotlist.Invalid
	switch {
	case errors.As(err, &invalid):
		again(invalid.Reason)
	case errors.Is(err, form.ErrSlow):
		again(upperFirst(plainError(err)) + ".")
	case err != nil:
		t.page(func(*http.Request) (pages.View, error) { return nil, err })(w, r)
	default:
		http.Redirect(w, r, "/correction/"+secret+"?new=1", http.StatusSeeOther)
	}
}

func (t *site) ticket(r *http.Request) (pages.View, error) {
	secret := r.PathValue("ticket")
	c, err := t.Hotlists.Ticket(r.Context(), secret)
	if err != nil {
		return nil, hotlistProblem(err)
	}
	return pages.Ticket{Agency: t.agencyName(r.Context(), c.Agency), New: r.URL.Query().Get("new") == "1", Link: t.BaseURL + "/correction/" + secret,
		Plate: c.Request.Plate, When: c.Request.When, Where: c.Request.Where, What: c.Request.What, Contact: c.Request.Contact,
		Opened: c.Opened, Answered: c.Answered, OpenEntry: c.Entry, AnswerEntry: c.Answer, Outcome: string(c.Outcome), Words: c.Words}, nil
}
