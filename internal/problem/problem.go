// Package problem is every error of our HTTP APIs: RFC 9457 problem details, with
// members of our own for refusals and signatures. Importing it makes huma speak
// them too. Which error becomes which problem is each API's to say.
package problem

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// Problem is one error.
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

// Types that every API has.
const (
	Refused     = "/problems/refused"
	SignIn      = "/problems/sign-in"
	NotFound    = "/problems/not-found"
	Invalid     = "/problems/invalid"
	Conflict    = "/problems/conflict"
	Unavailable = "/problems/unavailable"
	Internal    = "/problems/internal"
	CrossOrigin = "/problems/cross-origin"
	Full        = "/problems/storage-full"
)

func (p *Problem) Error() string  { return p.Title + ": " + p.Detail }
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma's content type filter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// Write is for handlers outside huma.
func Write(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p)
}

// BadRequest says what of the input is wrong.
func BadRequest(detail string) *Problem {
	return &Problem{Type: Invalid, Title: "Something in the request is not right", Status: http.StatusBadRequest, Detail: detail}
}

// OurFault is an error that is logged and not told.
func OurFault() *Problem {
	return &Problem{Type: Internal, Title: "Something went wrong on our side", Status: http.StatusInternalServerError,
		Detail: "Nothing you sent was lost on your device. Try again; if it stays, tell whoever runs this Porchlight the time."}
}

// FromAnotherSite is the answer to a request that another website made.
func FromAnotherSite() *Problem {
	return &Problem{Type: CrossOrigin, Title: "Request from another site", Status: http.StatusForbidden,
		Detail: "This request came from another website and was not carried out."}
}

func init() {
	huma.DefaultArrayNullable = false // a list that is not there is an empty list
	// huma makes its own errors (validation, unreadable bodies) with this.
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		p := &Problem{Type: Invalid, Title: "Something in the request is not right", Status: status, Detail: msg}
		switch {
		case status == http.StatusNotFound:
			p.Type = NotFound
		case msg == "cannot read request body": // huma's 500: the client broke off or sent no HTTP
			return BadRequest("The request's body broke off or is not HTTP.")
		case status >= 500:
			return OurFault()
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
