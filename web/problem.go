package web

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"syscall"

	"porchlight/canvass"
	"porchlight/gate"
	"porchlight/identity"
	"porchlight/roster"

	"github.com/danielgtaylor/huma/v2"
)

// Problem is every error of the API: RFC 9457 problem details, with members of
// our own for refusals and signatures.
type Problem struct {
	Type   string              `json:"type" doc:"What kind of problem: a path on this exchange that explains it." example:"/problems/refused"`
	Title  string              `json:"title" doc:"The kind of problem in a few words."`
	Status int                 `json:"status" doc:"HTTP status."`
	Detail string              `json:"detail,omitempty" doc:"What happened and what to do."`
	Errors []*huma.ErrorDetail `json:"errors,omitempty" doc:"Which input is wrong, one by one."`

	Rules   []RefusedBy `json:"rules,omitempty" doc:"refused: the rules that refused the act."`
	Receipt string      `json:"receipt,omitempty" doc:"refused: proof that the refusal is in the ledger."`

	Act         string          `json:"act,omitempty" doc:"signature-required: what will be signed, JSON text."`
	Disclosures []Disclosed     `json:"disclosures,omitempty" doc:"signature-required: the private values the act commits to."`
	Nonce       string          `json:"nonce,omitempty" doc:"signature-required: base64url; the challenge is SHA-256(nonce || act)."`
	Options     json.RawMessage `json:"options,omitempty" doc:"signature-required: PublicKeyCredentialRequestOptionsJSON."`
}

// RefusedBy is a rule as the refused person reads it.
type RefusedBy struct {
	ID       string            `json:"id"`
	Plain    map[string]string `json:"plain" doc:"One plain sentence by language."`
	Citation string            `json:"citation"`
	Source   string            `json:"source,omitempty" doc:"URL of the law or promise."`
}

// Disclosed opens one commitment of an act.
type Disclosed struct {
	Name  string `json:"name"`
	Salt  string `json:"salt" doc:"Base64."`
	Value string `json:"value"`
}

const (
	problemRefused     = "/problems/refused"
	problemSignature   = "/problems/signature-required"
	problemSignIn      = "/problems/sign-in"
	problemNotFound    = "/problems/not-found"
	problemInvalid     = "/problems/invalid"
	problemConflict    = "/problems/conflict"
	problemUnavailable = "/problems/unavailable"
	problemInternal    = "/problems/internal"
	problemCrossOrigin = "/problems/cross-origin"
	problemPasskey     = "/problems/passkey"
	problemFull        = "/problems/storage-full"
	problemCamera      = "/problems/camera"
	problemLookup      = "/problems/lookup" // of plate/peer
)

// problemTypes lists all of them; each has a page that explains it.
var problemTypes = []string{
	problemRefused, problemSignature, problemSignIn, problemNotFound, problemInvalid, problemConflict, problemUnavailable, problemInternal, problemCrossOrigin, problemPasskey, problemFull, problemCamera, problemLookup,
}

func (p *Problem) Error() string  { return p.Title + ": " + p.Detail }
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma's content type filter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

func badRequest(detail string) *Problem {
	return &Problem{Type: problemInvalid, Title: "Something in the request is not right", Status: http.StatusBadRequest, Detail: detail}
}

func internalProblem() *Problem {
	return &Problem{Type: problemInternal, Title: "Something went wrong on our side", Status: http.StatusInternalServerError,
		Detail: "Nothing you sent was lost on your device. Try again; if it stays, tell the exchange's operator the time."}
}

func init() {
	huma.DefaultArrayNullable = false // a list that is not there is an empty list
	// huma makes its own errors (validation, unreadable bodies) with this.
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		p := &Problem{Type: problemInvalid, Title: "Something in the request is not right", Status: status, Detail: msg}
		switch {
		case status == http.StatusNotFound:
			p.Type = problemNotFound
		case msg == "cannot read request body": // huma's 500: the client broke off or sent no HTTP
			return badRequest("The request's body broke off or is not HTTP.")
		case status >= 500:
			return internalProblem()
		}
		for _, err := range errs {
			d := &huma.ErrorDetail{Message: err.Error()}
			var e huma.ErrorDetailer
			if errors.As(err, &e) {
				d = e.ErrorDetail()
				d.Value = nil // never echo what was sent
			}
			p.Errors = append(p.Errors, d)
		}
		return p
	}
}

// kinds maps the errors of the services to problems, first match wins. What is
// not listed is an internal error: logged, and not told.
var kinds = []struct {
	err    error
	status int
	typ    string
	title  string
}{
	{gate.ErrActID, 400, problemInvalid, "The act id is not usable"},
	{gate.ErrActConflict, 409, problemConflict, "This act id was used for something else"},
	{gate.ErrVoided, 409, problemConflict, "This act was cut short"},
	{gate.ErrUnsettled, 503, problemUnavailable, "The ledger has not answered yet"},
	{syscall.ENOSPC, 507, problemFull, "The exchange has no room left"},
	{gate.ErrRole, 403, problemSignIn, "Your account holds no role for this"},
	{gate.ErrSuspended, 403, problemRefused, "Your agency is suspended"},
	{gate.ErrNotFound, 404, problemNotFound, "Not found"},
	{identity.ErrNotFound, 404, problemNotFound, "Not found"},
	{roster.ErrNotFound, 404, problemNotFound, "Not found"},
	{canvass.ErrNotFound, 404, problemNotFound, "Not found"},
	{identity.ErrInvitation, 410, problemPasskey, "This invitation cannot be used"},
	{identity.ErrSyncedPasskey, 422, problemPasskey, "This passkey is not bound to one device"},
	{identity.ErrNoPRF, 422, problemPasskey, "This passkey cannot protect the vault key"},
	{identity.ErrSignature, 401, problemPasskey, "The passkey's answer does not verify"},
	{identity.ErrReplayed, 401, problemPasskey, "This passkey answer was used before"},
	{identity.ErrCloned, 401, problemPasskey, "A copy of this passkey seems to exist"},
	{identity.ErrDisabled, 401, problemPasskey, "This passkey is disabled"},
}

// problemOf turns an error of a known kind into a Problem, nil otherwise.
func problemOf(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			_, detail, _ := strings.Cut(k.err.Error(), ": ") // without the package's name
			return &Problem{Type: k.typ, Title: k.title, Status: k.status, Detail: detail}
		}
	}
	return nil
}

// problem is the one place where errors become HTTP problems.
func (s *Server) problem(ctx context.Context, err error) error {
	var sign *gate.SignatureRequired
	if errors.As(err, &sign) {
		p := &Problem{Type: problemSignature, Title: "Please confirm with your passkey", Status: http.StatusUnauthorized,
			Detail: "Nothing has happened yet.", Act: string(sign.Act),
			Nonce: base64.RawURLEncoding.EncodeToString(sign.Nonce[:]), Options: sign.Options}
		for _, d := range sign.Disclosures {
			p.Disclosures = append(p.Disclosures, Disclosed{d.Name, base64.StdEncoding.EncodeToString(d.Salt[:]), d.Value})
		}
		return p
	}
	var refused *gate.Refusal
	if errors.As(err, &refused) {
		return s.refused(ctx, refused)
	}
	if p := problemOf(err); p != nil {
		return p
	}
	if ctx.Err() == nil {
		s.Logger.Error("request failed", "err", err)
	}
	return internalProblem()
}

func (s *Server) refused(ctx context.Context, r *gate.Refusal) error {
	p := &Problem{Type: problemRefused, Title: "The rules do not allow this", Status: http.StatusForbidden}
	for _, rule := range r.Rules {
		p.Rules = append(p.Rules, RefusedBy{rule.ID, rule.Plain, rule.Citation, rule.Source})
		if p.Detail == "" {
			p.Detail = rule.Plain["en"]
		}
	}
	receipt, err := s.Gate.Receipt(ctx, r.Index, gate.PrivateAt, gate.PrivatePerson)
	if err != nil {
		s.Logger.Error("no receipt for a refusal", "index", r.Index, "err", err)
		return p
	}
	p.Receipt = string(receipt.Marshal())
	return p
}

// writeProblem is for handlers outside the API.
func writeProblem(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p)
}
