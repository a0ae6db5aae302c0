package web

import (
	"net/http"
	"slices"
	"strings"

	"porchlight/web/pages"

	"github.com/danielgtaylor/huma/v2"
)

// vocabulary says what a name means wherever it stands without words of its own.
var vocabulary = map[string]string{
	"accept": "true accepts, false declines.", "act": "Id of the act that opened it.", "action": "What was done, noun.verb.",
	"added": "When it was enrolled.", "address": "E-mail address.", "agency": "ORI of the agency.", "agency_kind": "Kind of the agency: municipal, county and so on.",
	"agency_name": "Name of the agency.", "area_m2": "Size of the area in square metres.", "at": "When, RFC 3339.", "auth": "Of the browser's PushSubscription, base64url.",
	"by": "Who, by name.", "case": "Case number.", "category": "Id of the retention category.", "cause": "Why it was destroyed: declined, withdrawn or expired.",
	"ciphertext_sha256": "Lower-case hex SHA-256 of the encrypted clip.", "citation": "The statute or promise.", "close_entry": "Index of the entry that closed it.",
	"closed": "When it was closed.", "consent": "The JSON she agreed to, exactly as hashed into the entry.", "contact": "How residents reach the agency.",
	"data": "The file's bytes, base64.", "decided": "When it was moderated.", "decision_entry": "Index of the entry of its moderation.",
	"dispose_at": "When retention ends.", "endpoint": "Of the browser's PushSubscription, a URL.", "entry": "Index of the entry in the ledger.",
	"expires": "Until when.", "from_owner": "The resident wrote it; else the agency.", "ground": "The lawful ground on which a withdrawal was refused.",
	"hold": "Id of the hold.", "id": "Its id.", "identity": "How she lets herself be known: through-porchlight, email or address.",
	"incident": "Type of incident.", "index": "Index of the entry in the ledger.", "item": "Id of the clip.", "kind": "Kind of the agency: municipal, county and so on.",
	"label": "What it is called.", "language": "Language of the text: en, es or nl.", "lifted": "When it was lifted.", "made": "When it was begun.",
	"mail": "Notices can come by mail.", "name": "Its name.", "narrative": "What happened and what would help.", "no_reshare": "The partner cannot share it onward.",
	"order": "The order, letter or statute that grounds it.", "ori": "Originating Agency Identifier, e.g. IL0160000.",
	"p256dh": "Of the browser's PushSubscription, base64url.", "path": "Path in the package.", "payload_size": "Bytes of the encrypted payload.",
	"person": "The person.", "placed": "When it was placed.", "porchlight_session": "The session to end.", "post_entry": "Index of the entry that posted it.",
	"posted": "When it was posted.", "private": "Private values the caller may read.", "public": "Public values of the act.", "published": "When it was published.",
	"purpose": "What for.", "reason": "Why, in words.", "receipt": "The receipt, a porchlight-receipt/v1 text.", "received": "When it arrived.",
	"recipient": "Age X25519 recipient.", "request": "Id of the request.", "role": "The role that acted.", "roles": "requester, investigator, custodian, admin, moderator, auditor, operator.",
	"sealed": "An age file, base64; the exchange cannot read it.", "signed": "A passkey signed it.", "since": "Since when.", "size": "Bytes of the encrypted payload.",
	"stands": "It is in force.", "submission": "Id of the answer.", "text": "The text as it was shown.", "time_zone": "IANA zone in which people read the window.",
	"token": "The secret of the link.", "until": "Until when.", "Upload-Token": "Base64url; given out when the answer was begun.", "used": "When it last signed.", "value": "The value.",
}

// describe gives every parameter and property without words those of the vocabulary.
func describe(api *huma.OpenAPI) {
	say := func(name string, s *huma.Schema) {
		if s != nil && s.Description == "" && s.Ref == "" {
			s.Description = vocabulary[name]
		}
	}
	for _, s := range api.Components.Schemas.Map() {
		for name, p := range s.Properties {
			say(name, p)
		}
	}
	for _, item := range api.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post} {
			if op == nil {
				continue
			}
			for _, p := range op.Parameters {
				if p.Description == "" {
					say(p.Name, p.Schema)
					p.Description = p.Schema.Description
				}
			}
		}
	}
}

// apiPage is the API's description for people: every operation, by the first
// part of its path.
func apiPage(api *huma.OpenAPI) pages.API {
	r := api.Components.Schemas
	groups := map[string]*pages.APIGroup{}
	for path, item := range api.Paths {
		for method, op := range map[string]*huma.Operation{http.MethodGet: item.Get, http.MethodPost: item.Post} {
			if op == nil {
				continue
			}
			g := groups[op.Tags[0]]
			if g == nil {
				g = &pages.APIGroup{Name: op.Tags[0]}
				groups[g.Name] = g
			}
			o := pages.APIOperation{ID: op.OperationID, Method: method, Path: path, Summary: op.Summary, Who: string(anyone)}
			for _, way := range op.Security {
				for name := range way {
					o.Who = name
				}
			}
			for _, p := range op.Parameters {
				if p.Name == "Porchlight-Act" {
					o.Act = true
				}
				f := field(r, p.Name, p.Schema, p.Required)
				f.In = p.In
				o.Parameters = append(o.Parameters, f)
			}
			if op.RequestBody != nil {
				o.Body = []pages.APIField{field(r, "", op.RequestBody.Content["application/json"].Schema, true)}
			}
			if ok := op.Responses["200"]; ok != nil && ok.Content["application/json"] != nil {
				o.Answer = []pages.APIField{field(r, "", ok.Content["application/json"].Schema, true)}
			}
			g.Operations = append(g.Operations, o)
		}
	}
	v := pages.API{Problem: field(r, "", &huma.Schema{Ref: "#/components/schemas/Problem"}, true).Fields}
	for _, g := range groups {
		slices.SortFunc(g.Operations, func(a, b pages.APIOperation) int {
			return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method)
		})
		v.Groups = append(v.Groups, *g)
	}
	slices.SortFunc(v.Groups, func(a, b pages.APIGroup) int { return strings.Compare(a.Name, b.Name) })
	for _, p := range problemTypes {
		v.Problems = append(v.Problems, strings.TrimPrefix(p, "/problems/"))
	}
	return v
}

// field is a schema as a line of a list, with what is inside it.
func field(r huma.Registry, name string, s *huma.Schema, required bool) pages.APIField {
	f := pages.APIField{Name: name, Required: required, Doc: s.Description}
	for s.Type == huma.TypeArray {
		f.Type += "list of "
		s = s.Items
	}
	if s.Ref != "" {
		s = r.SchemaFromRef(s.Ref)
		if f.Doc == "" {
			f.Doc = s.Description
		}
	}
	switch {
	case s.Type == "":
		f.Type += "JSON"
	case s.Format == "date-time" || s.ContentEncoding != "":
		f.Type += s.Format + s.ContentEncoding
	default:
		f.Type += s.Type
	}
	for _, e := range s.Enum {
		f.Enum = append(f.Enum, e.(string))
	}
	names := make([]string, 0, len(s.Properties))
	for name := range s.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f.Fields = append(f.Fields, field(r, name, s.Properties[name], slices.Contains(s.Required, name)))
	}
	return f
}
