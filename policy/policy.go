// Package policy decides acts. Law packs are Cedar policies with a citation and
// a plain sentence each; the base pack holds Porchlight's promises, the others
// a jurisdiction's law. Deny by default; any doubt (an attribute missing, an
// evaluation error) is a deny.
package policy

// Question is one act put to policy: everything that may matter, as facts.
type Question struct {
	Action string `json:"action"`
	Actor  Actor  `json:"actor"`
	// Facts of this action, named and typed by the schema of the action
	// (policy/schema.cedarschema): bool, int64 (or int), string or []string, the
	// strings being words of the schema. A missing or extra fact makes the
	// question invalid, and an invalid question denied.
	Facts map[string]any `json:"facts"`
	// States whose law applies (two-letter postal code, or country): of the
	// actor's agency, the subject and the data owner. Each selects the pack that
	// names it in its pack.json, if there is one; the base pack always applies.
	Jurisdictions []string `json:"jurisdictions"`
}

// Actor is who asks, in the role she acts in.
type Actor struct {
	Role         string `json:"role"`                    // resident, requester, investigator, custodian, admin, moderator, auditor, operator, system
	Agency       string `json:"agency,omitempty"`        // ORI; empty outside agencies
	AgencyKind   string `json:"agency_kind,omitempty"`   // municipal, county, state, campus, tribal, fire, federal, private; empty outside agencies
	AgencyStatus string `json:"agency_status,omitempty"` // invited, active, suspended; empty outside agencies
	Signed       bool   `json:"signed"`                  // a fresh passkey assertion over this act was verified
}

// Verdict is the answer. Rules are those that determined it: for a deny without
// any matching forbid, the one rule "base.default-deny".
type Verdict struct {
	Permit bool              `json:"permit"`
	Rules  []Rule            `json:"rules"`
	Packs  map[string]string `json:"packs"` // pack name to lower-case hex SHA-256 of its files, see Hash
	// Problem says why the question is invalid (the rule "base.invalid-question"),
	// for logs and developers; empty otherwise. It repeats no free text.
	Problem string `json:"problem,omitempty"`
}

// Rule is one policy as people read it.
type Rule struct {
	ID       string            `json:"id"`               // e.g. "base.request-area"
	Pack     string            `json:"pack"`             // e.g. "base"
	Effect   string            `json:"effect"`           // "permit" or "forbid"
	Plain    map[string]string `json:"plain"`            // language (en, es, nl) to one sentence a resident understands
	Citation string            `json:"citation"`         // the statute or promise, e.g. "625 ILCS 5/2-130(b)"
	Source   string            `json:"source,omitempty"` // URL of the text, empty if none
	Cedar    string            `json:"cedar"`            // the policy's own text
}
