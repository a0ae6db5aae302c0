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
	"accept": "true accepts, false declines.", "act": "Id of the act that opened it.", "action": "What was done, noun.verb.", "added": "When it was enrolled.",
	"address": "E-mail address.", "agency": "ORI of the agency.", "agency_kind": "Kind of the agency: municipal, county and so on.", "agency_name": "Name of the agency.",
	"alias": "What its program calls it.", "answered": "When it was answered.", "approve_entry": "Index of the entry of the approval; 0 while there is none.",
	"area_m2": "Size of the area in square metres.", "ask": "Id of the ask.", "asker_name": "Name of the agency that asks.", "at": "When, RFC 3339.",
	"auth": "Of the browser's PushSubscription, base64url.", "behalf": "Kind of the agency that it is for; empty for the own.", "by": "Who, by name.",
	"camera": "Id of the camera.", "camera_name": "What its agency calls the camera.", "cameras": "Which cameras, or how many.", "case": "Case number.",
	"category": "Id of the retention category.", "cause": "Why it was destroyed: declined, withdrawn or expired.",
	"ciphertext_sha256": "Lower-case hex SHA-256 of the encrypted clip.", "citation": "The statute or promise.", "close_entry": "Index of the entry that closed it.",
	"closed": "When it was closed.", "color": "Colour of the vehicle.", "consent": "The JSON she agreed to, exactly as hashed into the entry.",
	"contact": "How residents reach the agency.", "content": "The file.", "correction": "Id of the request for correction.", "data": "The file's bytes, base64.",
	"decided": "When it was moderated.", "decision_entry": "Index of the entry of its moderation.", "details": "Further description.", "dispose_at": "When retention ends.",
	"duplicate": "Reads that were here already.", "endpoint": "Of the browser's PushSubscription, a URL.", "entry": "Index of the entry in the ledger.",
	"expires": "Until when.", "fresh": "Reads that were new.", "from": "From when.", "from_owner": "The resident wrote it; else the agency.",
	"future": "Reads from the future; refused.", "ground": "The lawful ground on which a withdrawal was refused.",
	"heading": "Direction of travel in degrees from north; -1 unknown.", "hit": "Id of the hit.", "hold": "Id of the hold.",
	"hour": "The hour in which it was recorded, UTC.", "id": "Its id.", "identity": "How she lets herself be known: through-porchlight, email or address.",
	"incident": "Type of incident.", "index": "Index of the entry in the ledger.", "item": "Id of the clip.", "kind": "Kind of the agency: municipal, county and so on.",
	"label": "What it is called.", "language": "Language of the text: en, es or nl.", "lat": "Degrees north.", "late": "New reads that came late.",
	"law": "What the law of its state says.", "lifted": "When it was lifted.", "limit": "How many at most.", "list": "Id of the list.", "lon": "Degrees east.",
	"look_back_hours": "How far back it looks.", "made": "When it was begun.", "mail": "Notices can come by mail.", "make": "Make of the vehicle.",
	"malformed": "Reads that could not be read.", "mark": "The last cell of a row.", "mobile": "It moves; its batches say where it is.", "name": "Its name.",
	"narrative": "What happened and what would help.", "networks": "How many agencies were asked.", "no_reshare": "The partner cannot share it onward.",
	"note": "What was noted.", "offense": "NIBRS code, or a word for what is no crime.", "opened": "When it was opened.",
	"order": "The order, letter or statute that grounds it.", "ori": "Originating Agency Identifier, e.g. IL0160000.", "origin": "Origin of the other exchange's ledger.",
	"owner": "ORI of the agency whose reads they are.", "owner_name": "Name of the agency whose camera it is.", "p256dh": "Of the browser's PushSubscription, base64url.",
	"path": "Path in the package.", "payload_size": "Bytes of the encrypted payload.", "peers": "Other exchanges, by their origins.", "permit": "It was permitted.",
	"person": "The person.", "picture": "Id of the picture.", "pictures": "Pictures that came.", "placed": "When it was placed.", "plate": "Letters and digits.",
	"porchlight_session": "The session to end.", "post_entry": "Index of the entry that posted it.", "posted": "When it was posted.",
	"private": "Private values the caller may read.", "public": "Public values of the act.", "published": "When it was published.", "purpose": "What for.",
	"purposes": "What offense and reason mean.", "quorum": "How many cosignatures its ledger needs.", "reads": "Which reads, or how many.", "reason": "Why, in words.",
	"receipt": "The receipt, a porchlight-receipt/v1 text.", "received": "When it arrived.", "recipient": "Age X25519 recipient.",
	"region": "ISO 3166, such as US-IL; empty if unknown.", "removed": "When its use ended.", "request": "Id of the request.", "role": "The role that acted.",
	"roles": "requester, investigator, custodian, admin, moderator, auditor, operator.", "rows": "Rows of the file.",
	"sealed": "An age file, base64; the exchange cannot read it.", "search": "Id of the search.", "seen": "When, by the camera's clock.", "signed": "A passkey signed it.",
	"since": "Since when.", "size": "Bytes of the encrypted payload.", "stands": "It is in force.", "state": "Two letters.", "submission": "Id of the answer.",
	"text": "The text as it was shown.", "time_zone": "IANA zone in which people read the window.", "to": "Until when.", "token": "The secret of the link.",
	"too_old": "Reads past their retention; refused.", "trouble_at": "When it last had trouble.", "type": "Type of the vehicle.", "unkept": "Pictures that were not kept.",
	"until": "Until when.", "Upload-Token": "Base64url; given out when the answer was begun.", "url": "Where it is.", "used": "When it last signed.", "value": "The value.",
	"when": "When it happened.", "where": "Where it happened.", "witnesses": "Verifier keys of its witnesses.",
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
