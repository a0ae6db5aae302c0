package web

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"syscall"

	"porchlight/canvass"
	"porchlight/gate"
	"porchlight/identity"
	"porchlight/internal/problem"
	"porchlight/roster"
)

// Problem is every error of the API.
type Problem = problem.Problem

// RefusedBy is a rule as the refused person reads it.
type RefusedBy = problem.RefusedBy

// Disclosed opens one commitment of an act.
type Disclosed = problem.Disclosed

const (
	problemRefused     = problem.Refused
	problemSignature   = "/problems/signature-required"
	problemSignIn      = problem.SignIn
	problemNotFound    = problem.NotFound
	problemInvalid     = problem.Invalid
	problemConflict    = problem.Conflict
	problemUnavailable = problem.Unavailable
	problemInternal    = problem.Internal
	problemCrossOrigin = problem.CrossOrigin
	problemPasskey     = "/problems/passkey"
	problemFull        = problem.Full
	problemCamera      = "/problems/camera"
	problemLookup      = "/problems/lookup" // of plate/peer
)

// problemTypes lists all of them; each has a page that explains it.
var problemTypes = []string{
	problemRefused, problemSignature, problemSignIn, problemNotFound, problemInvalid, problemConflict, problemUnavailable, problemInternal, problemCrossOrigin, problemPasskey, problemFull, problemCamera, problemLookup,
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
			p.Disclosures = append(p.Disclosures, Disclosed{Name: d.Name, Salt: base64.StdEncoding.EncodeToString(d.Salt[:]), Value: d.Value})
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
	return problem.OurFault()
}

func (s *Server) refused(ctx context.Context, r *gate.Refusal) error {
	p := &Problem{Type: problemRefused, Title: "The rules do not allow this", Status: http.StatusForbidden}
	for _, rule := range r.Rules {
		p.Rules = append(p.Rules, RefusedBy{ID: rule.ID, Plain: rule.Plain, Citation: rule.Citation, Source: rule.Source})
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
