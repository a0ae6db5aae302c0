package web_test

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sync/errgroup"

	"porchlight/exchange"
	"porchlight/gate"
	"porchlight/geo"
	"porchlight/identity"
	"porchlight/internal/actor"
	"porchlight/internal/form"
	"porchlight/internal/softkey"
	"porchlight/internal/testworld"
	"porchlight/ledger"
	"porchlight/pets"
	"porchlight/plate"
	"porchlight/plate/hotlist"
	picture "porchlight/plate/image"
	"porchlight/plate/peer"
	"porchlight/policy"
	"porchlight/register"
	"porchlight/roster"
	"porchlight/web"
)

// The authorization matrix: every route by everybody.
//
// Who asks, one column each:
//
//	n  nobody                            p  custodian of a partner, not given the item
//	o  owner of the item (her link)      P  the same, once it was shared with her agency
//	t  another resident (her own link)   X  custodian of an unrelated agency
//	u  bearer of the upload token        F  officer of a federal agency
//	Q  requester of the agency           M  moderator
//	I  investigator of the agency        D  auditor
//	C  custodian of the agency           O  operator
//	A  administrator of the agency       S  custodian of a suspended agency
//	                                     R  custodian who was removed
//
// What happens, one mark each:
//
//   - done; of an act, an entry with the outcome done
//   - refused by the rules: 403 with the rules and the receipt of the refusal's entry
//     0  not found; nothing is recorded, as there is nothing she may know of
//     s  please sign in (401)
//     r  her role reads no such thing (403); reading is no act, nothing is recorded
//     h  the header with the token is missing (422)
//     x  over: no such invitation or opened view of this session (410)
//     k  no passkey of this exchange answers (401)
//     c  neither a camera's signature nor its token (401)
//     v  the content cannot be used, whoever sends it (4xx)
const who = "notu QICA pPXF MDO SR"

const (
	everybody = "++++ ++++ ++++ +++ ++"
	noone     = "0000 0000 0000 000 00"
	staff     = "ssss ++++ ++++ +++ +s" // whoever is signed in
	nocamera  = "cccc cccc cccc ccc cc"
)

// A row says what happens to each of who on one route, and how to ask.
type row struct {
	route string
	act   string // the act it is, "" for none
	cells string
	ask   func(*cell) request
}

var matrix = []row{
	// ---- who is here
	{"GET /api/v1/me", "", everybody, get("/api/v1/me")},
	{"POST /api/v1/signin/begin", "", everybody, post("/api/v1/signin/begin", nil)},
	{"POST /api/v1/signin", "", "kkkk ++++ ++++ +++ +k", signIn},
	{"POST /api/v1/enrol/begin", "", "xxxx xxxx xxxx xxx xx", post("/api/v1/enrol/begin", noToken)},
	{"POST /api/v1/enrol/passkey", "", "xxxx xxxx xxxx xxx xx", post("/api/v1/enrol/passkey", with(map[string]any{"label": "key", "response": map[string]any{}}, noToken))},
	{"POST /api/v1/enrol", "", "xxxx xxxx xxxx xxx xx", post("/api/v1/enrol", with(map[string]any{"device": "AAAA"}, noToken))},

	// ---- agencies and people
	{"GET /api/v1/agencies", "", everybody, get("/api/v1/agencies")},
	{"GET /api/v1/agencies/{ori}", "", everybody, get("/api/v1/agencies/IL0160000")},
	{"GET /api/v1/agencies/{ori}/requests", "", everybody, get("/api/v1/agencies/IL0160000/requests")},
	{"POST /api/v1/agencies", "agency.invite", "ssss ---- ---- --+ -s", newAgency},
	{"POST /api/v1/agencies/{ori}/join", "agency.enrol", "ssss ---- 0000 000 0s", post("/api/v1/agencies/IL0160000/join", map[string]any{"contact": "x"})}, // joined already
	{"GET /api/v1/people", "", "ssss ++++ 0000 000 0s", get("/api/v1/people?agency=IL0160000")},
	{"GET /api/v1/people", "", "ssss 0000 0000 0++ 0s", get("/api/v1/people")}, // of the exchange
	{"POST /api/v1/people", "person.invite", "ssss ---+ ---- --- -s", newPerson("custodian", "IL0160000")},
	{"POST /api/v1/people", "person.invite", "ssss ---- ---- --+ -s", newPerson("auditor", "")},
	{"POST /api/v1/people/{person}/remove", "person.remove", "ssss ---+ 0000 00- 0s", func(c *cell) request { return act("/people/"+c.w.victim+"/remove", nil) }},
	{"GET /api/v1/devices/{device}/receipt", "", "ssss ++++ 0000 000 0s", func(c *cell) request {
		return request{method: "GET", path: "/api/v1/devices/" + c.w.b64(c.w.Police.Custodian.Device) + "/receipt"}
	}},
	{"GET /api/v1/vault/keys", "", staff, get("/api/v1/vault/keys")},                  // her own only
	{"POST /api/v1/vault/grants", "vault.grant", "ssss --++ 0000 000 0s", grantVault}, // of the police
	{"POST /api/v1/vault/grants", "vault.grant", "ssss --++ 0000 000 0s", func(c *cell) request { // of its plates vault, to its investigator
		return act("/vault/grants", web.VaultGrant{Vault: c.w.plates, Device: c.w.Police.Investigator.Device, Wrapped: c.w.note})
	}},
	{"POST /api/v1/entries/{index}/private", "private.read", "ssss ---+ ---- -+- -s", readPrivate}, // of an act of the police

	// ---- requests
	{"GET /api/v1/requests", "", everybody, get("/api/v1/requests")},
	{"GET /api/v1/requests/{id}", "", everybody, func(c *cell) request { return request{method: "GET", path: "/api/v1/requests/" + c.w.Request.ID} }},
	{"GET /api/v1/requests/{id}", "", "0000 ++++ 0000 ++0 00", func(c *cell) request { return request{method: "GET", path: "/api/v1/requests/" + c.w.waiting} }}, // pending
	{"GET /api/v1/desk/requests", "", staff, get("/api/v1/desk/requests")},                                                                                       // of her own agency
	{"GET /api/v1/desk/moderation", "", "ssss 0000 0000 ++0 0s", get("/api/v1/desk/moderation")},
	{"POST /api/v1/requests", "request.post", "ssss +--- ---- --- -s", newRequest},
	{"POST /api/v1/requests/{id}/moderate", "request.moderate", "ssss ---- ---- +-- -s", func(c *cell) request {
		return act("/requests/"+c.w.waiting+"/moderate", map[string]any{"verdict": "approve"})
	}},
	{"POST /api/v1/requests/{id}/close", "request.close", "ssss +--+ ---- --- -s", closeRequest},
	{"GET /api/v1/notices", "", everybody, get("/api/v1/notices")},
	{"POST /api/v1/notices/push", "", everybody, subscribe},
	{"POST /api/v1/notices/push/leave", "", everybody, post("/api/v1/notices/push/leave", map[string]any{"endpoint": "https://push.example/none"})},
	{"POST /api/v1/notices/mail", "", "vvvv vvvv vvvv vvv vv", post("/api/v1/notices/mail", map[string]any{"cell": "880e2f", "address": "ann@resident.example"})}, // no mail here
	{"POST /api/v1/notices/mail/confirm", "", noone, post("/api/v1/notices/mail/confirm", map[string]any{"token": "unknown"})},
	{"POST /api/v1/notices/mail/leave", "", noone, post("/api/v1/notices/mail/leave", map[string]any{"token": "unknown"})},
	{"/api/v1/notices/unsubscribe", "", everybody, get("/api/v1/notices/unsubscribe?token=x")},
	{"/api/v1/notices/unsubscribe", "", noone, post("/api/v1/notices/unsubscribe?token=x", nil)},
	{"GET /feed/v1/", "", everybody, get("/feed/v1/")},

	// ---- a resident's answer
	{"POST /api/v1/submissions", "", everybody, newSubmission},
	{"/api/v1/uploads", "", "000+ 0000 0000 000 00", func(*cell) request {
		return request{method: "POST", path: "/api/v1/uploads", header: tus("Upload-Length", "1000")}
	}},
	{"/api/v1/uploads/", "", "000+ 0000 0000 000 00", func(c *cell) request {
		return request{method: "HEAD", path: "/api/v1/uploads/" + c.w.upload, header: tus()}
	}},
	{"/api/v1/uploads/", "", "000+ 0000 0000 000 00", func(c *cell) request {
		return request{method: "PATCH", path: "/api/v1/uploads/" + c.w.upload, raw: c.w.sealed,
			header: tus("Upload-Offset", "0", "Content-Type", "application/offset+octet-stream")}
	}},
	{"POST /api/v1/submissions/{submission}/clips", "submission.share", "hhh+ hhhh hhhh hhh hh", handOver},
	{"/api/v1/uploads/", "", "000+ 0000 0000 000 00", func(c *cell) request {
		return request{method: "DELETE", path: "/api/v1/uploads/" + c.w.second, header: tus()}
	}},
	{"GET /api/v1/clips", "", "h++h hhhh hhhh hhh hh", get("/api/v1/clips")}, // her own answer only
	{"GET /api/v1/clips/{item}/receipts/{entry}", "", "h+0h hhhh hhhh hhh hh", func(c *cell) request {
		return request{method: "GET", path: fmt.Sprintf("/api/v1/clips/%s/receipts/%d", c.w.own, c.w.shareEntry)}
	}},
	{"POST /api/v1/clips/{item}/withdraw", "submission.withdraw", "h+0h hhhh hhhh hhh hh", func(c *cell) request { return act("/clips/"+c.w.withdrawing+"/withdraw", nil) }},
	{"POST /api/v1/clips/messages", "message.send", "h++h hhhh hhhh hhh hh", func(c *cell) request { return act("/clips/messages", map[string]any{"sealed": c.w.note}) }},
	{"POST /api/v1/clips/relink", "submission.relink", "h++h hhhh hhhh hhh hh", relink},
	{"GET /api/v1/items/{item}/messages", "", "ssss +++r 0000 000 0s", item("GET", "/messages", nil)},
	{"POST /api/v1/items/{item}/messages", "message.send", "ssss +++- 0000 000 0s", func(c *cell) request { return act("/items/"+c.w.own+"/messages", map[string]any{"sealed": c.w.note}) }},

	// ---- the camera register: a camera of the owner, told to the police, whose investigator looked at it
	{"GET /api/v1/register/form", "", everybody, get("/api/v1/register/form")},
	{"POST /api/v1/register/cameras", "register.tell", everybody, func(c *cell) request { return act("/register/cameras", c.w.telling(<-c.w.forms, []byte(rand.Text()))) }},
	{"GET /api/v1/register/camera", "", "h+0h hhhh hhhh hhh hh", get("/api/v1/register/camera")},
	{"GET /api/v1/register/camera/receipts/{entry}", "", "h+0h hhhh hhhh hhh hh", func(c *cell) request {
		return request{method: "GET", path: fmt.Sprintf("/api/v1/register/camera/receipts/%d", c.w.told.Entry)}
	}},
	{"POST /api/v1/register/camera/change", "register.change", "h+0h hhhh hhhh hhh hh", func(c *cell) request {
		return act("/register/camera/change", c.w.telling("", nil).CameraDetails)
	}},
	{"POST /api/v1/register/camera/messages", "register.write", "h+0h hhhh hhhh hhh hh", func(c *cell) request {
		return act("/register/camera/messages", map[string]any{"sealed": c.w.note})
	}},
	{"POST /api/v1/register/looks", "register.view", "ssss +++- +++- --- -s", func(c *cell) request { return act("/register/looks", registerAsk(c.col)) }}, // of her own agency
	{"GET /api/v1/register/threads", "", "ssss +++r ++++ rrr rs", get("/api/v1/register/threads")},                                                         // of her own agency
	{"POST /api/v1/register/cameras/{camera}/messages", "register.ask", "ssss +++- 0000 000 0s", func(c *cell) request {
		return act("/register/cameras/"+c.w.told.ID+"/messages", web.CaseMessage{Case: registerAsk(c.col).Case, Sealed: c.w.note})
	}},
	{"POST /api/v1/register/camera/relink", "register.relink", "h+0h hhhh hhhh hhh hh", func(c *cell) request { return act("/register/camera/relink", nextLink(c)) }},
	{"POST /api/v1/register/camera/withdraw", "register.withdraw", "h+0h hhhh hhhh hhh hh", func(c *cell) request { return byNext(c, act("/register/camera/withdraw", nil)) }},

	// ---- lost pets: a post of the owner that the other resident saw; another that waits; more to let in and to remove
	{"GET /feed/pets/v1/", "", everybody, get("/feed/pets/v1/")},
	{"GET /api/v1/pets", "", everybody, get("/api/v1/pets")},
	{"GET /api/v1/pets/form", "", everybody, get("/api/v1/pets/form")},
	{"GET /api/v1/pets/telling/form", "", everybody, get("/api/v1/pets/telling/form")},
	{"POST /api/v1/pets", "pet.post", everybody, func(c *cell) request { return act("/pets", c.w.lost(<-c.w.petForms, []byte(rand.Text()))) }},
	{"GET /api/v1/pets/{post}", "", everybody, func(c *cell) request { return request{method: "GET", path: "/api/v1/pets/" + c.w.lostOpen} }},
	{"GET /api/v1/pets/{post}", "", noone, func(c *cell) request { return request{method: "GET", path: "/api/v1/pets/" + c.w.lostWaiting} }},
	{"GET /pets/{post}/photos/{n}", "", everybody, func(c *cell) request { return request{method: "GET", path: "/pets/" + c.w.lostOpen + "/photos/0.jpg"} }},
	{"GET /pets/{post}/photos/{n}", "", "0000 0000 0000 ++0 00", func(c *cell) request {
		return request{method: "GET", path: "/pets/" + c.w.lostWaiting + "/photos/0.jpg"}
	}},
	{"POST /api/v1/pets/{post}/runs", "", everybody, func(c *cell) request { return request{method: "POST", path: "/api/v1/pets/" + c.w.lostOpen + "/runs"} }},
	{"POST /api/v1/pets/{post}/report", "pet.report", everybody, func(c *cell) request {
		return act("/pets/"+c.w.lostOpen+"/report", web.PetReport{Form: <-c.w.sightForms, Why: "not-lost"})
	}},
	{"POST /api/v1/pets/{post}/sightings", "pet.sight", everybody, func(c *cell) request {
		hash := sha256.Sum256([]byte(rand.Text()))
		return act("/pets/"+c.w.lostOpen+"/sightings", web.PetSighting{Form: <-c.w.sightForms, OwnerHash: hash[:], Recipient: c.w.resident.Recipient().String(), Sealed: c.w.note})
	}},
	{"GET /api/v1/lost", "", "h+0h hhhh hhhh hhh hh", get("/api/v1/lost")},
	{"GET /api/v1/lost/receipts/{entry}", "", "h+0h hhhh hhhh hhh hh", func(c *cell) request {
		return request{method: "GET", path: fmt.Sprintf("/api/v1/lost/receipts/%d", c.w.lostEntry)}
	}},
	{"GET /api/v1/sighting", "", "h0+h hhhh hhhh hhh hh", get("/api/v1/sighting")},
	{"POST /api/v1/sightings/{sighting}/messages", "pet.write", "h++h hhhh hhhh hhh hh", func(c *cell) request {
		return act("/sightings/"+c.w.sighting+"/messages", map[string]any{"sealed": c.w.note})
	}},
	{"POST /api/v1/lost/renew", "pet.renew", "h+0h hhhh hhhh hhh hh", func(*cell) request { return act("/lost/renew", web.PetHours{Hours: 48}) }},
	{"GET /api/v1/desk/pets", "", "ssss 0000 0000 ++0 0s", get("/api/v1/desk/pets")},
	{"POST /api/v1/pets/{post}/moderate", "pet.moderate", "ssss ---- ---- +-- -s", func(c *cell) request {
		return act("/pets/"+c.w.lostWaiting+"/moderate", web.PetVerdict{Verdict: "approve"})
	}},
	{"POST /api/v1/pets/{post}/remove", "pet.remove", "ssss ---- ---- +-- -s", func(c *cell) request {
		return act("/pets/"+c.w.lostRemoved+"/remove", web.Reason{Reason: "it shows a person"})
	}},
	{"POST /api/v1/lost/relink", "pet.relink", "h+0h hhhh hhhh hhh hh", func(c *cell) request { return act("/lost/relink", nextLink(c)) }},
	{"POST /api/v1/lost/close", "pet.close", "h+0h hhhh hhhh hhh hh", func(c *cell) request { return byNext(c, act("/lost/close", web.PetEnd{Found: true})) }},

	// ---- evidence
	{"GET /api/v1/items", "", "ssss r++r ++++ rrr rs", get("/api/v1/items")}, // what her agency holds
	{"GET /api/v1/items/{item}", "", "ssss r++r 0+00 000 rs", item("GET", "", nil)},
	{"GET /api/v1/items/{item}/receipts/{entry}", "", "ssss r++r 0+00 000 rs", func(c *cell) request {
		return request{method: "GET", path: fmt.Sprintf("/api/v1/items/%s/receipts/%d", c.item(), c.w.entryOf(c.item()))}
	}},
	{"POST /api/v1/items/{item}/view", "item.view", "ssss -++- 0+00 000 -s", item("POST", "/view", map[string]any{"purpose": purposeOfShare})},
	{"POST /api/v1/items/{item}/notes", "item.note", "ssss -++- 0+00 000 -s", func(c *cell) request { return act("/items/"+c.item()+"/notes", map[string]any{"sealed": c.w.note}) }},
	{"POST /api/v1/items/{item}/shares", "item.share", "ssss -++- 0-00 000 -s", func(c *cell) request {
		return act("/items/"+c.item()+"/shares", web.ShareInput{To: "IL0160300", Header: c.w.header, Purpose: purposeOfShare, Expires: time.Now().Add(48 * time.Hour)})
	}},
	{"POST /api/v1/items/{item}/shares/end", "item.unshare", "ssss -++- 0-00 000 -s", unshare},
	{"POST /api/v1/items/{item}/export", "item.export", "ssss --+- 0-00 000 -s", item("POST", "/export", map[string]any{"form": "ciphertext", "purpose": purposeOfShare})},
	{"POST /api/v1/items/{item}/holds", "item.hold", "ssss --+- 0-00 000 -s", item("POST", "/holds", map[string]any{"reason": "appeal", "order": "Order 12 of the county court"})},
	{"POST /api/v1/items/{item}/holds/release", "item.release", "ssss --+- 0-00 000 -s", func(c *cell) request {
		return act("/items/"+c.item()+"/holds/release", map[string]any{"hold": c.w.hold})
	}},
	{"POST /api/v1/items/{item}/triage", "item.triage", "ssss --+- 0000 000 0s", func(c *cell) request {
		return act("/items/"+c.w.untriaged[0]+"/triage", map[string]any{"accept": true, "case": testworld.Case, "category": "felony"})
	}},
	{"POST /api/v1/items/{item}/destroy", "item.destroy", "ssss --+- 0000 000 0s", func(c *cell) request {
		return act("/items/"+c.w.untriaged[1]+"/destroy", map[string]any{"reason": "declined"})
	}},
	{"GET /api/v1/views/{act}/payload", "", "ssss xx+x xxxx xxx xs", func(c *cell) request { return request{method: "GET", path: "/api/v1/views/" + c.w.view + "/payload"} }},
	{"GET /api/v1/exports/{act}/package", "", "ssss xx+x xxxx xxx xs", func(c *cell) request {
		return request{method: "GET", path: "/api/v1/exports/" + c.w.export + "/package"}
	}},
	{"GET /api/v1/exports/{act}/parts", "", "ssss xx+x xxxx xxx xs", func(c *cell) request { return request{method: "GET", path: "/api/v1/exports/" + c.w.plain + "/parts"} }},

	// ---- plate cameras
	{"GET /api/v1/cameras", "", "ssss r+r+ rrrr rrr rs", get("/api/v1/cameras")}, // of her own agency
	{"POST /api/v1/cameras", "camera.add", "ssss ---+ ---- --- -s", newCamera},
	{"POST /api/v1/cameras/{camera}/change", "camera.change", "ssss ---+ 0000 000 0s", func(c *cell) request {
		return act("/cameras/"+c.w.camera+"/change", actor.FileCamera("Elm St, southbound", ""))
	}},
	{"POST /api/v1/cameras/{camera}/remove", "camera.remove", "ssss ---+ 0000 000 0s", func(c *cell) request { return act("/cameras/"+c.w.oldCamera+"/remove", nil) }},
	{"POST /api/v1/plates/batches", "", nocamera, post("/api/v1/plates/batches", map[string]any{"camera": "x"})}, // who is signed in is no camera
	{"POST /api/v1/plates/reads", "", nocamera, post("/api/v1/plates/reads", nil)},
	{"POST /api/v1/plates/reads/{token}", "", nocamera, post("/api/v1/plates/reads/this-token-opens-nothing", nil)},

	// ---- pictures of plate reads: one of the police, to which search 7 led everybody and search 1 nobody
	{"POST /api/v1/plates/pictures/view", "image.view", "ssss -++- ---- 000 -s", func(c *cell) request {
		return act("/plates/pictures/view", web.PicturesView{PictureLead: web.PictureLead{Search: "7"}, Pictures: []web.PictureOf{{Picture: c.w.picture, Read: 1}}})
	}},
	{"POST /api/v1/plates/pictures/view", "image.view", "ssss ---- 0000 000 0s", func(c *cell) request {
		return act("/plates/pictures/view", web.PicturesView{PictureLead: web.PictureLead{Search: "1"}, Pictures: []web.PictureOf{{Picture: c.w.picture, Read: 1}}})
	}},
	{"GET /api/v1/plates/pictures/views/{act}/{picture}", "", "ssss xxxx xxxx xxx xs", func(c *cell) request {
		return request{method: "GET", path: "/api/v1/plates/pictures/views/" + c.w.view + "/" + c.w.picture}
	}},
	{"GET /api/v1/plates/pictures/asks", "", "ssss r++r ++++ rrr rs", get("/api/v1/plates/pictures/asks")}, // of her own agency
	{"POST /api/v1/plates/pictures/asks", "image.ask", "ssss vvvv 0000 000 0s", func(c *cell) request { // the police have it
		return act("/plates/pictures/asks", web.NewPictureAsk{PictureLead: web.PictureLead{Search: "1"}, PictureOf: web.PictureOf{Picture: c.w.picture, Read: 1}})
	}},
	{"POST /api/v1/plates/pictures/asks/{ask}/share", "image.share", "ssss 0000 0000 000 0s", func(c *cell) request { // nobody asked
		return act("/plates/pictures/asks/"+gate.NewActID()+"/share", web.PictureShare{Header: c.w.header, Expires: time.Now().Add(48 * time.Hour)})
	}},
	{"GET /api/v1/plates/pictures/keep", "", "ssss ++++ ++++ 000 +s", get("/api/v1/plates/pictures/keep")}, // of her own agency
	{"POST /api/v1/plates/pictures/keep", "setting.change", "ssss ---+ ---- 000 -s", func(*cell) request { // of her own agency
		return act("/plates/pictures/keep", web.PictureKeep{Minutes: 60})
	}},

	// ---- searches of plate reads: one of the police's investigator, who proposed another, and holds a read
	{"GET /api/v1/plates/offenses", "", staff, get("/api/v1/plates/offenses")},
	{"POST /api/v1/plates/preview", "", "ssss 0+00 0000 000 0s", post("/api/v1/plates/preview", plateAsk("ABC123"))},
	{"GET /api/v1/plates/proposals", "", staff, get("/api/v1/plates/proposals")}, // of her own agency, for investigators
	{"POST /api/v1/plates/proposals", "search.propose", "ssss -+-- ---- --- -s", func(*cell) request { return act("/plates/proposals", plateAsk("ABC123")) }},
	{"POST /api/v1/plates/proposals/{id}/approve", "search.approve", "ssss ---- 0000 000 0s", func(c *cell) request { // her own
		return act("/plates/proposals/"+c.w.proposal+"/approve", nil)
	}},
	{"POST /api/v1/plates/searches", "search.run", "ssss -+-- ---- --- -s", func(*cell) request { return act("/plates/searches", plateAsk("ABC123")) }},
	{"GET /api/v1/plates/searches", "", staff, get("/api/v1/plates/searches")}, // her own
	{"GET /api/v1/plates/history", "", "ssss 000+ 0000 0+0 0s", get("/api/v1/plates/history")},
	{"GET /api/v1/plates/searches/{id}", "", "ssss 0+00 0000 000 0s", func(c *cell) request { return request{method: "GET", path: "/api/v1/plates/searches/" + c.w.searched} }},
	{"GET /api/v1/plates/searches/{id}/peers", "", "ssss 0+00 0000 000 0s", func(c *cell) request {
		return request{method: "GET", path: "/api/v1/plates/searches/" + c.w.searched + "/peers"}
	}},
	{"POST /api/v1/plates/searches/{id}/export", "search.export", "ssss 0+00 0000 000 0s", func(c *cell) request {
		return act("/plates/searches/"+c.w.searched+"/export", map[string]any{"format": "csv"})
	}},
	{"POST /api/v1/plates/trace", "", "ssss 0000 0000 000 0s", post("/api/v1/plates/trace", map[string]any{"mark": "1-aaaa"})}, // of no file
	{"GET /api/v1/plates/holds", "", staff, get("/api/v1/plates/holds")},                                                       // of her own agency, for investigators
	{"POST /api/v1/plates/holds", "read.hold", "ssss 0+00 0000 000 0s", func(c *cell) request {
		return act("/plates/holds", web.NewHold{Search: c.w.searched, Owner: "IL0160000", Case: "26-004711", Reason: "trial", Days: 30})
	}},
	{"GET /api/v1/plates/holds/{id}", "", "ssss 0+00 0000 000 0s", func(c *cell) request { return request{method: "GET", path: "/api/v1/plates/holds/" + c.w.readHold} }},
	{"POST /api/v1/plates/holds/{id}/release", "read.release", "ssss -+-- 0000 000 0s", func(c *cell) request { return act("/plates/holds/"+c.w.readHold+"/release", nil) }},
	{"GET /api/v1/agencies/{ori}/retention", "", everybody, get("/api/v1/agencies/IL0160000/retention")},
	{"POST /api/v1/agencies/{ori}/retention", "setting.change", "ssss ---+ ---- --- -s", func(*cell) request {
		return act("/agencies/IL0160000/retention", map[string]any{"minutes": 10080})
	}},

	// ---- hotlists and hits: lists of the police with a plate on one, and a hit of it
	{"GET /api/v1/plates/alerts", "", "ssss rvrr rrrr rrr rs", func(*cell) request { // it would never end
		return request{method: "GET", path: "/api/v1/plates/alerts", header: http.Header{"Last-Event-Id": {"none"}}}
	}},
	{"POST /api/v1/plates/alerts/push", "", "ssss rvrr rrrr rrr rs", post("/api/v1/plates/alerts/push", map[string]any{"endpoint": "ftp://push.example", "p256dh": "x", "auth": "x"})},
	{"POST /api/v1/plates/alerts/push/leave", "", staff, post("/api/v1/plates/alerts/push/leave", map[string]any{"endpoint": "https://push.example/none"})},
	{"GET /api/v1/plates/hits", "", "ssss r+rr rrrr rrr rs", get("/api/v1/plates/hits")}, // of her own agency
	{"GET /api/v1/plates/hits/{hit}", "", "ssss r+rr rrrr rrr rs", func(c *cell) request { return request{method: "GET", path: "/api/v1/plates/hits/" + c.w.hit} }},
	{"POST /api/v1/plates/hits/{hit}/open", "", "ssss r+rr rrrr rrr rs", func(c *cell) request {
		return request{method: "POST", path: "/api/v1/plates/hits/" + c.w.hit + "/open"}
	}},
	{"POST /api/v1/plates/hits/{hit}/resolve", "hit.resolve", "ssss -+-- 0000 000 0s", func(c *cell) request {
		return act("/plates/hits/"+c.w.hit+"/resolve", web.HitOutcome{Outcome: "confirmed", Note: "read by eye from the roadside"})
	}},
	{"POST /api/v1/plates/hits/{hit}/act", "hit.act", "ssss -+-- 0000 000 0s", func(c *cell) request { return act("/plates/hits/"+c.w.hit+"/act", web.HitNote{}) }},
	{"GET /api/v1/agencies/{ori}/hotlists", "", everybody, get("/api/v1/agencies/IL0160000/hotlists")},
	{"GET /api/v1/plates/lists", "", "ssss r+r+ rrrr rrr rs", get("/api/v1/plates/lists")},
	{"POST /api/v1/plates/lists", "hotlist.create", "ssss -+-+ ---- --- -s", func(*cell) request {
		return act("/plates/lists", web.NewHotlist{Name: "Bicycles", Kind: "custom", Source: "own"})
	}},
	{"GET /api/v1/plates/lists/{list}", "", "ssss r+r+ rrrr rrr rs", func(c *cell) request { return request{method: "GET", path: "/api/v1/plates/lists/" + c.w.hotlists[0]} }},
	{"POST /api/v1/plates/lists/{list}/entries", "hotlist.add", "ssss -+-+ 0000 000 0s", func(c *cell) request {
		return act("/plates/lists/"+c.w.hotlists[0]+"/entries", wantedPlate("NEW00"+string(c.col)))
	}},
	{"POST /api/v1/plates/lists/{list}/entries/remove", "hotlist.remove", "ssss -+-+ 0000 000 0s", func(c *cell) request {
		return act("/plates/lists/"+c.w.hotlists[0]+"/entries/remove", map[string]any{"entries": []string{c.w.leaving[c.col == 'A']}})
	}},
	{"POST /api/v1/plates/lists/{list}/countersign", "hotlist.countersign", "ssss -+-- 0000 000 0s", func(c *cell) request {
		return act("/plates/lists/"+c.w.hotlists[0]+"/countersign", map[string]any{})
	}},
	{"POST /api/v1/plates/lists/{list}/files", "", "ssss r+r+ rrrr rrr rs", func(c *cell) request {
		return request{method: "POST", path: "/api/v1/plates/lists/" + c.w.hotlists[0] + "/files", in: "plate"}
	}},
	{"POST /api/v1/plates/lists/{list}/preview", "", "ssss r+r+ rrrr rrr rs", func(c *cell) request {
		return request{method: "POST", path: "/api/v1/plates/lists/" + c.importing() + "/preview", in: c.w.importing}
	}},
	{"POST /api/v1/plates/lists/{list}/import", "hotlist.import", "ssss -+-+ 0000 000 0s", func(c *cell) request { return act("/plates/lists/"+c.importing()+"/import", c.w.importing) }},
	{"GET /api/v1/plates/corrections", "", "ssss r+r+ rrrr rrr rs", get("/api/v1/plates/corrections")}, // to her own agency
	{"POST /api/v1/plates/corrections/{correction}/answer", "correction.answer", "ssss -+-+ 0000 000 0s", func(c *cell) request {
		return act("/plates/corrections/"+c.w.corrections[c.col == 'A']+"/answer", map[string]any{"outcome": "corrected", "words": "The camera misread your plate."})
	}},
	{"GET /correction", "", everybody, get("/correction")},
	{"POST /correction", "", everybody, post("/correction", map[string]any{})}, // the form again
	{"GET /correction/{ticket}", "", everybody, func(c *cell) request { return request{method: "GET", path: "/correction/" + c.w.ticket} }},

	// ---- pages, files, figures: the same for everybody
	{"GET /{$}", "", everybody, get("/")},
	{"/", "", noone, get("/no-such-page")},
	{"/api/", "", noone, get("/api/v1/no-such-thing")},
	{"GET /requests", "", everybody, get("/requests")},
	{"GET /r/{id}", "", everybody, func(c *cell) request { return request{method: "GET", path: "/r/" + c.w.Request.ID} }},
	{"GET /r/{id}", "", noone, func(c *cell) request { return request{method: "GET", path: "/r/" + c.w.waiting} }}, // pending
	{"GET /agencies", "", everybody, get("/agencies")},
	{"GET /agencies/{ori}", "", everybody, get("/agencies/IL0160000")},
	{"GET /ledger", "", everybody, get("/ledger")},
	{"GET /ledger/{index}", "", everybody, get("/ledger/1")},
	{"GET /ledger/{index}/receipt", "", everybody, get("/ledger/1/receipt")},
	{"GET /rules", "", everybody, get("/rules")},
	{"GET /api", "", everybody, get("/api")},
	{"GET /how", "", everybody, get("/how")},
	{"GET /accessibility", "", everybody, get("/accessibility")},
	{"GET /problems/{kind}", "", everybody, get("/problems/refused")},
	{"POST /preferences", "", everybody, get("/how")}, // a form: see hostile_test.go
	// ---- who may search whose plate reads, and the other exchanges
	{"GET /api/v1/sharing", "", everybody, get("/api/v1/sharing")},
	{"POST /api/v1/sharing/preview", "", "ssss ++++ ++++ 000 +s", post("/api/v1/sharing/preview", map[string]any{"audience": "exchange"})}, // of her own agency
	{"POST /api/v1/sharing", "sharing.change", "ssss ---+ ---- 000 -s", func(*cell) request { return act("/sharing", web.SharingSetting{Audience: "same-state"}) }},
	{"GET /api/v1/restrictions", "", everybody, get("/api/v1/restrictions")},
	{"POST /api/v1/restrictions", "agency.restrict", "ssss ---- ---- -+- -s", func(*cell) request {
		return act("/restrictions", web.Restricting{Agency: "IL0160100", State: "IL", Reason: "x"})
	}},
	{"POST /api/v1/restrictions/end", "agency.readmit", "ssss vvvv vvvv v+v vs", func(*cell) request {
		return act("/restrictions/end", web.Restricting{Agency: "IL0160100", State: "IL", Reason: "x"})
	}},
	{"GET /.well-known/porchlight-peer", "", everybody, get("/.well-known/porchlight-peer")},
	{"POST /api/v1/peer/lookups", "", "vvvv vvvv vvvv vvv vv", post("/api/v1/peer/lookups", map[string]any{})}, // signed by an exchange, not by a person
	{"GET /api/v1/peers", "", everybody, get("/api/v1/peers")},
	{"POST /api/v1/peers", "peer.add", "ssss ---- ---- --+ -s", func(c *cell) request { return act("/peers", c.w.peer) }},
	{"POST /api/v1/peers/remove", "peer.remove", "ssss 0000 0000 00+ 0s", func(c *cell) request { return act("/peers/remove", web.RemovedPeer{Origin: c.w.peer.Origin}) }},

	{"GET /log/checkpoint", "", everybody, get("/log/checkpoint")},
	{"GET /log/tile/", "", everybody, func(c *cell) request { return request{method: "GET", path: c.w.tile()} }},
	{"GET /.well-known/porchlight.json", "", everybody, get("/.well-known/porchlight.json")},
	{"GET /healthz", "", everybody, get("/healthz")},
	{"GET /readyz", "", everybody, get("/readyz")},
	{"GET /metrics", "", everybody, get("/metrics")},
	{"GET /desk", "", everybody, get("/desk")}, // the app's shell: what it shows it asks the API for
	{"GET /desk/{rest...}", "", everybody, get("/desk/items")},
	{"GET /near", "", everybody, get("/near")},
	{"GET /notices", "", everybody, get("/notices")},
	{"GET /r/{id}/share", "", everybody, get("/r/x/share")},
	{"GET /clip", "", everybody, get("/clip")},
	{"GET /enrol", "", everybody, get("/enrol")},
	{"GET /signin", "", everybody, get("/signin")},
	{"GET /verify", "", everybody, get("/verify")},
	{"GET /audit", "", everybody, get("/audit")},
	{"GET /camera", "", everybody, get("/camera")},
	{"GET /camera/mine", "", everybody, get("/camera/mine")},
	{"GET /pets/new", "", everybody, get("/pets/new")},
	{"GET /pets/mine", "", everybody, get("/pets/mine")},
	{"GET /pets/sighting", "", everybody, get("/pets/sighting")},
	{"GET /pets/{post}/seen", "", everybody, get("/pets/x/seen")},
	{"GET /pets", "", everybody, get("/pets")},
	{"GET /pets/{post}", "", everybody, func(c *cell) request { return request{method: "GET", path: "/pets/" + c.w.lostWaiting} }}, // let in by now

	// Last, as they change what the others stand on.
	{"POST /api/v1/vault", "vault.publish", "ssss --++ ++++ 000 -s", newVault("evidence")}, // of her own agency
	{"POST /api/v1/vault", "vault.publish", "ssss --++ ++++ 000 -s", newVault("plates")},
	{"POST /api/v1/agencies/{ori}/suspend", "agency.suspend", "ssss ---- ---- -+- -s", post("/api/v1/agencies/IL0160300/suspend", map[string]any{"reason": "audit"})},
	{"POST /api/v1/agencies/{ori}/restore", "agency.restore", "ssss ---- ---- -+- -s", post("/api/v1/agencies/IL0160400/restore", map[string]any{"reason": "audit"})},
	{"POST /api/v1/signout", "", staff, post("/api/v1/signout", nil)},
}

// staticFile are routes that serve one file of the program each.
var staticFile = regexp.MustCompile(`^GET /(static/|assets/|icons/|[a-z.-]+\.(js|html|webmanifest|png|svg|ico|txt|json)$)`)

// request is one HTTP request of the matrix.
type request struct {
	method, path string
	header       http.Header
	in           any    // JSON
	raw          []byte // or these bytes
	fresh        bool   // from a browser without her session
}

// cell is one request about to be made.
type cell struct {
	w   *matrixWorld
	col byte
	*asker
}

// item is the item that the column is about.
func (c *cell) item() string {
	if c.col == 'P' || c.col == 'S' {
		return c.w.shared
	}
	return c.w.own
}

// asker is somebody with everything she can show.
type asker struct {
	person *actor.Person // nil for residents
	client *actor.Client
	header http.Header
	order  *sync.Mutex // of her passkey's signatures
}

func get(p string) func(*cell) request {
	return func(*cell) request { return request{method: "GET", path: p} }
}

func post(p string, in any) func(*cell) request {
	return func(*cell) request { return request{method: "POST", path: p, in: in} }
}

// act is a request that is an act; its id is made when it is sent.
func act(p string, in any) request { return request{method: "POST", path: "/api/v1" + p, in: in} }

func item(method, p string, in any) func(*cell) request {
	return func(c *cell) request { return request{method: method, path: "/api/v1/items/" + c.item() + p, in: in} }
}

func tus(pairs ...string) http.Header {
	h := http.Header{"Tus-Resumable": {"1.0.0"}}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

const purposeOfShare = "investigation of a residential burglary"

var noToken = map[string]any{"token": "this-token-opens-nothing"}

func signIn(c *cell) request {
	answer := json.RawMessage(`{}`)
	if c.person != nil {
		var begun web.PasskeyOptions
		c.w.json(c.client, "POST", "/api/v1/signin/begin", struct{}{}, &begun)
		got, err := c.person.Key.Get(begun.Options, c.w.URL)
		check(c.w.t, err)
		public, _, err := softkey.Split(got)
		check(c.w.t, err)
		answer = public
	}
	return request{method: "POST", path: "/api/v1/signin", in: web.PasskeyAnswer{Response: answer}, fresh: true}
}

func newAgency(c *cell) request {
	_, inv := actor.Invitation()
	in := web.NewAgency{NewInvitation: inv, ORI: "IL0169" + fmt.Sprintf("%03d", c.col), Name: "New", Kind: "municipal", State: "IL", Contact: "x", Admin: "Ann"}
	check(c.w.t, json.Unmarshal([]byte(testworld.County), &in.Jurisdiction))
	return act("/agencies", in)
}

func newPerson(role, agency string) func(*cell) request {
	return func(*cell) request {
		_, inv := actor.Invitation()
		return act("/people", web.NewPerson{NewInvitation: inv, Name: "Nora New", Agency: agency, Role: role})
	}
}

// newVault is hers to publish, for her own device.
func newVault(use roster.Use) func(*cell) request {
	return func(c *cell) request {
		in := web.NewVault{For: use, Wrapped: c.w.note, Recovery: c.w.note}
		id, err := age.GenerateX25519Identity()
		check(c.w.t, err)
		in.Recipient = id.Recipient().String()
		if c.person != nil {
			in.Device = c.person.Device
		}
		return act("/vault", in)
	}
}

// grantVault extends the vault of the police to their second custodian, who in
// the two permitted cells is another.
func grantVault(c *cell) request {
	to := c.w.newcomers[0]
	if c.col == 'A' {
		to = c.w.newcomers[1]
	}
	return act("/vault/grants", web.VaultGrant{Vault: c.w.vault, Device: to.Device, Wrapped: c.w.note})
}

func newCamera(c *cell) request {
	return act("/cameras", actor.FileCamera("Main St, northbound", gate.NewActID()))
}

func readPrivate(c *cell) request {
	return act(fmt.Sprintf("/entries/%d/private", c.w.Request.PostEntry), map[string]any{"reason": "yearly review"})
}

func newRequest(c *cell) request { return act("/requests", testworld.Draft("26-9"+string(c.col))) }

// closeRequest closes a request of the police: one for each who may.
func closeRequest(c *cell) request {
	id := c.w.closing[0]
	if c.col == 'A' {
		id = c.w.closing[1]
	}
	return act("/requests/"+id+"/close", nil)
}

func subscribe(c *cell) request {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	check(c.w.t, err)
	return request{method: "POST", path: "/api/v1/notices/push", in: web.PushSubscription{Cell: c.w.cell,
		Endpoint: "https://push.example/" + rand.Text(), P256DH: c.w.b64(key.PublicKey().Bytes()), Auth: c.w.b64(make([]byte, 16))}}
}

func newSubmission(c *cell) request {
	id := gate.NewActID()
	hash, owner := sha256.Sum256([]byte(id)), sha256.Sum256([]byte("owner"+id))
	return request{method: "POST", path: "/api/v1/submissions", in: web.SubmissionDraft{ID: id, Request: c.w.Request.ID,
		UploadHash: hash[:], OwnerHash: owner[:], Recipient: c.w.resident.Recipient().String(), Consent: c.w.consent}}
}

// handOver shares the upload that the bearer just sent.
func handOver(c *cell) request {
	return act("/submissions/"+c.w.answer.Submission+"/clips", web.ClipHandover{Upload: c.w.upload, Letter: c.w.note, Plaintext: make([]byte, 32), Vault: c.w.vault})
}

// relink replaces the link of her own answer: the owner's is one of its own, so
// that the others' questions stay as they are.
func relink(c *cell) request {
	hash := sha256.Sum256([]byte(gate.NewActID()))
	return act("/clips/relink", web.NewLink{OwnerHash: hash[:], Recipient: c.w.resident.Recipient().String()})
}

// nextToken is what the owner shows after nextLink replaced her link to a camera or a
// post, as byNext does.
var nextToken = sha256.Sum256([]byte("the owner's next link"))

func nextLink(c *cell) web.NextLink {
	hash := sha256.Sum256(nextToken[:])
	return web.NextLink{Hash: hash[:], Recipient: c.w.resident.Recipient().String(), Past: c.w.note}
}

func byNext(c *cell, q request) request {
	if c.col == 'o' {
		q.header = http.Header{"Authorization": {"Capability " + base64.RawURLEncoding.EncodeToString(nextToken[:])}}
	}
	return q
}

// unshare ends the sheriff's share of an item: one for each who may.
func unshare(c *cell) request {
	id := c.item()
	if slices.Contains([]byte("QICA"), c.col) {
		id = c.w.unsharing[c.col]
	}
	return act("/items/"+id+"/shares/end", map[string]any{"from": "IL0160100"})
}

// matrixWorld is the town with everything that the matrix asks about.
type matrixWorld struct {
	*testworld.World
	t      testing.TB
	askers map[byte]*asker
	api    *huma.OpenAPI

	withdrawing         string          // pending item of the owner
	own, shared         string          // accepted items of the police; shared with sheriff and campus
	shareEntry          uint64          // of own
	untriaged           []string        // pending items of the police
	unsharing           map[byte]string // shared items, by who unshares
	hold                string          // on own
	view, export, plain string          // acts of the custodian's session
	waiting             string          // pending request of the police
	camera, oldCamera   string          // of the police; the second is to be removed
	closing             []string        // open requests of the police
	victim              string          // person of the police to be removed
	newcomers           []*actor.Person // custodians without the vault

	answer          *actor.Answer   // of the bearer of the upload token
	upload, second  string          // uploads of hers, empty so far
	sealed          []byte          // a clip of 1000 bytes
	vault           string          // recipient of the police
	plates, picture string          // recipient of their plates vault, a picture sealed to it
	hotlists        []string        // of the police; two more to be replaced, by the investigator and the administrator
	leaving         map[bool]string // entries of the first, to be taken off; by the administrator with true
	importing       web.HotlistImport
	hit             string
	corrections     map[bool]string // to the police; the administrator's with true
	ticket          string          // of one
	note, header    []byte          // small age file for one recipient, its header
	resident        *age.X25519Identity
	consent         string
	cell            string
	peer            web.NewPeer // not added yet

	searched, proposal, readHold string // of the investigator of the police

	forms chan string // old enough to tell of a camera with
	told  register.Camera

	petForms, sightForms               chan string // old enough to post, and to report or tell with
	lostOpen, lostWaiting, lostRemoved string      // posts: the owner's, and two of nobody here
	lostEntry                          uint64      // of the owner's
	sighting                           string      // of hers, by the other resident
}

// lost is a post that whoever has that token can make.
func (w *matrixWorld) lost(form string, token []byte) web.PetPosting {
	hash := sha256.Sum256(token)
	var drawn bytes.Buffer
	check(w.t, jpeg.Encode(&drawn, image.NewGray(image.Rect(0, 0, 96, 64)), nil))
	return web.PetPosting{Form: form, OwnerHash: hash[:], Recipient: w.resident.Recipient().String(), Animal: "dog", Place: web.MapPlace{Lon: -89.65, Lat: 39.75},
		Rounding: "500m", Seen: time.Now().Add(-time.Hour), Hours: 24, Photos: [][]byte{drawn.Bytes()}}
}

// losePets posts an animal of the owner's, which other saw, and two of nobody's.
func (w *matrixWorld) losePets(owner, other []byte) {
	ctx := w.t.Context()
	by := func() gate.Caller { return gate.Caller{Who: identity.Resident(), ActID: gate.NewActID()} }
	for _, p := range []struct {
		id    *string
		token []byte
		let   bool
	}{{&w.lostOpen, owner, true}, {&w.lostRemoved, []byte(rand.Text()), true}, {&w.lostWaiting, []byte(rand.Text()), false}} {
		in, caller := w.lost(<-w.petForms, p.token), by()
		g, err := w.X.Pets.Post(ctx, caller, pets.Lost{Form: in.Form, OwnerHash: in.OwnerHash, Recipient: in.Recipient, Draft: pets.Draft{Animal: "dog",
			Place: geo.Point{Lon: -896500000, Lat: 397500000}, Rounding: geo.Half, Seen: in.Seen, Hours: 24, Photos: in.Photos}})
		check(w.t, err)
		*p.id = g.ActID
		if p.id == &w.lostOpen {
			w.lostEntry = g.Index
		}
		if p.let {
			_, err := w.Moderator.Act(ctx, "/pets/"+g.ActID+"/moderate", web.PetVerdict{Verdict: "approve"}, nil)
			check(w.t, err)
		}
	}
	hash := sha256.Sum256(other)
	g, err := w.X.Pets.Sight(ctx, by(), pets.Sent{Form: <-w.sightForms, Post: w.lostOpen, OwnerHash: hash[:], Recipient: w.resident.Recipient().String(), Sealed: w.note})
	check(w.t, err)
	w.sighting = g.ActID
}

// telling is a camera that the police can be told of by whoever has that token.
func (w *matrixWorld) telling(form string, token []byte) web.CameraTelling {
	hash := sha256.Sum256(token)
	return web.CameraTelling{Form: form, Agency: w.Police.ORI, OwnerHash: hash[:], Recipient: w.resident.Recipient().String(),
		CameraDetails: web.CameraDetails{Place: web.MapPlace{Lon: -89.65, Lat: 39.75}, Rounding: "100m", Films: []string{"street"}, Days: 14}}
}

// registerAsk is a look around that camera, for a case of each who asks.
func registerAsk(col byte) web.RegisterAsk {
	return web.RegisterAsk{Case: "26-8" + string(col), Incident: "burglary", Note: "A door was forced.", Area: web.GeoPolygon{Type: "Polygon",
		Coordinates: [][][]float64{{{-89.652, 39.749}, {-89.648, 39.749}, {-89.648, 39.7515}, {-89.652, 39.7515}, {-89.652, 39.749}}}}}
}

func (*matrixWorld) b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// json makes a request that must succeed.
func (w *matrixWorld) json(c *actor.Client, method, path string, in, out any) {
	w.t.Helper()
	body, err := json.Marshal(in)
	check(w.t, err)
	req, err := http.NewRequest(method, w.URL+path, bytes.NewReader(body))
	check(w.t, err)
	req.Header.Set("Content-Type", "application/json")
	res, err := c.HTTP.Do(req)
	check(w.t, err)
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		w.t.Fatalf("%s %s: %d", method, path, res.StatusCode)
	}
	check(w.t, json.NewDecoder(res.Body).Decode(out))
}

// entryOf is an entry of the item's chain.
func (w *matrixWorld) entryOf(item string) uint64 {
	h, err := w.X.Gate.History(context.Background(), item)
	check(w.t, err)
	return h[0].Index
}

// newPeer is another exchange that introduces itself, and does no more.
func newPeer(t *testing.T) web.NewPeer {
	skey, vkey, err := ledger.GenerateKey("peer.example/log")
	check(t, err)
	signer, err := note.NewSigner(skey)
	check(t, err)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := peer.Descriptor{Exchange: ledger.Descriptor{Origin: "peer.example/log", LogKey: vkey}, Lookups: "https://peer.example/lookups",
			Key: make(identity.Bytes, 32), Expires: time.Now().Add(time.Hour)}.Sign(signer)
		if err != nil {
			t.Error(err)
		}
		w.Write(text)
	}))
	t.Cleanup(site.Close)
	return web.NewPeer{Origin: "peer.example/log", Key: vkey, URL: site.URL}
}

func wantedPlate(plate string) web.WantedDraft {
	return web.WantedDraft{Plate: plate, Basis: "Report of theft by the owner", Case: "26-4711", Expires: time.Now().Add(48 * time.Hour).UTC().Truncate(time.Hour)}
}

// importing is the list that the asker replaces.
func (c *cell) importing() string {
	if c.col == 'A' {
		return c.w.hotlists[2]
	}
	return c.w.hotlists[1]
}

// wanted makes the lists of the police, a hit, and corrections asked of them.
func (w *matrixWorld) wanted(ctx context.Context) error {
	token := w.X.Hotlists.Asking.Token()
	ida := w.Police.Investigator
	who := identity.Principal{Agency: w.Police.ORI, Roles: []identity.Role{identity.RoleInvestigator}}
	w.importing = web.HotlistImport{Format: "csv"}
	for i := range 3 {
		var made struct{ List web.HotlistView }
		if _, err := ida.Act(ctx, "/plates/lists", web.NewHotlist{Name: fmt.Sprint("Stolen ", i), Kind: "stolen-vehicle", Source: "own"}, &made); err != nil {
			return err
		}
		w.hotlists = append(w.hotlists, made.List.ID)
		file, err := w.X.Hotlists.Upload(ctx, who, made.List.ID, []byte("plate,basis,case,expires\nXYZ789,Report of theft,26-1,"+time.Now().Add(48*time.Hour).Format(time.DateOnly)+"\n"))
		if err != nil {
			return err
		}
		w.importing.File = file
	}
	w.leaving = map[bool]string{}
	for i, plate := range []string{"HIT123", "OFF001", "OFF002"} {
		var added struct{ Wanted web.WantedPlate }
		if _, err := ida.Act(ctx, "/plates/lists/"+w.hotlists[0]+"/entries", wantedPlate(plate), &added); err != nil {
			return err
		}
		w.leaving[i == 2] = added.Wanted.ID
	}
	seen := time.Now().UTC().Truncate(time.Millisecond)
	run, stop := context.WithCancel(ctx)
	defer stop()
	go w.X.Hotlists.Run(run)
	if err := w.X.Hotlists.Seen(ctx, []plate.Read{{ID: plate.IDAt(seen), Owner: w.Police.ORI, Camera: "cam", Text: "HIT123", Seen: seen, Received: seen}}); err != nil {
		return err
	}
	w.corrections = map[bool]string{}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for w.hit == "" || len(w.corrections) < 2 {
		<-tick.C
		hits, err := w.X.Hotlists.Hits(ctx, who, false)
		if err != nil {
			return err
		}
		if len(hits) > 0 {
			w.hit = hits[0].ID
		}
		secret, err := w.X.Hotlists.OpenCorrection(ctx, token, w.Police.ORI, hotlist.Request{What: "I was stopped for no reason."})
		if errors.Is(err, form.ErrSlow) {
			continue // a person takes longer
		} else if err != nil {
			return err
		}
		c, err := w.X.Hotlists.Ticket(ctx, secret)
		if err != nil {
			return err
		}
		w.corrections[len(w.corrections) == 1], w.ticket, token = c.ID, secret, w.X.Hotlists.Asking.Token()
	}
	return nil
}

func newMatrixWorld(t *testing.T) *matrixWorld {
	w := &matrixWorld{World: testworld.Start(t, nil), t: t, askers: map[byte]*asker{}, newcomers: make([]*actor.Person, 3)}
	ctx := t.Context()
	var err error
	w.forms, w.petForms, w.sightForms = make(chan string, 20), make(chan string, 20), make(chan string, 40)
	for forms, token := range map[chan string]func() string{w.forms: w.X.Register.Forms.Token, w.petForms: w.X.Pets.Posting.Token, w.sightForms: w.X.Pets.Telling.Token} {
		for range cap(forms) {
			forms <- token()
		}
	}
	w.resident, err = age.GenerateX25519Identity()
	check(t, err)
	w.note, err = actor.Seal([]byte("a blue van"), w.resident.Recipient())
	check(t, err)
	w.header, err = age.ExtractHeader(bytes.NewReader(w.note))
	check(t, err)
	var police web.AgencyView
	w.peer = newPeer(t)
	check(t, w.Operator.Get(ctx, "/agencies/"+w.Police.ORI, &police))
	w.vault = police.Vault.Recipient
	_, err = w.Police.Custodian.PublishVault(ctx, roster.ForPlates)
	check(t, err)
	w.plates, err = w.X.Roster.PlatesVault(ctx, w.Police.ORI)
	check(t, err)
	var drawn bytes.Buffer
	check(t, png.Encode(&drawn, image.NewGray(image.Rect(0, 0, 64, 32))))
	w.picture, err = w.X.Images.Keep(ctx, w.Police.ORI, time.Now(), "image/png", drawn.Bytes())
	check(t, err)
	w.X.Images.Leads = led{"7", picture.Wanted{Picture: w.picture, Read: 1}}
	vault, err := age.ParseX25519Recipient(w.vault)
	check(t, err)
	w.sealed, err = actor.Seal(make([]byte, 1000-216), vault)
	check(t, err)

	// What each can show. Two sessions of one person sign one after the other.
	of := func(p *actor.Person) *asker {
		return &asker{person: p, client: p.Client, order: new(sync.Mutex)}
	}
	nobody := func(h http.Header) *asker {
		return &asker{client: actor.New(w.URL), header: h, order: new(sync.Mutex)}
	}
	// Everything that takes acts, by who acts.
	stranger := &testworld.Agency{ORI: "IL0160300", Name: "Harlow Police"}
	campus := &testworld.Agency{ORI: "IL0160400", Name: "Campus Police"}
	removed := actor.NewPerson(w.URL, "")
	var owner, other *actor.Answer
	items := make([]*actor.Answer, 5)
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return w.wanted(ctx) })
	all.Go(func() error {
		for _, id := range []*string{&w.camera, &w.oldCamera} {
			c, err := w.Police.Admin.AddCamera(ctx, actor.FileCamera("Elm St", gate.NewActID()))
			if err != nil {
				return err
			}
			*id = c.ID
		}
		return nil
	})
	all.Go(func() error {
		for _, a := range []struct {
			*testworld.Agency
			kind string
		}{{stranger, "municipal"}, {campus, "campus"}} {
			token, err := w.InviteAgency(ctx, a.Agency, a.kind)
			if err != nil {
				return err
			}
			all.Go(func() error { return a.Staff(ctx, w.URL, token) })
		}
		return nil
	})
	all.Go(func() error {
		for i := range w.newcomers {
			join, err := testworld.Invite(ctx, w.Police.Admin, &w.newcomers[i], web.NewPerson{Name: fmt.Sprint("Custodian ", i), Agency: w.Police.ORI, Role: "custodian"})
			if err != nil {
				return err
			}
			all.Go(join)
		}
		join, err := testworld.Invite(ctx, w.Police.Admin, &removed, web.NewPerson{Name: "Former Custodian", Agency: w.Police.ORI, Role: "custodian"})
		if err != nil {
			return err
		}
		return join()
	})
	all.Go(func() (err error) {
		f := actor.Footage{Name: "front-door.mp4", Seconds: 12, Data: make([]byte, 1000)}
		items[0], err = actor.New(w.URL).Share(ctx, w.Request.ID, f, f)
		return err
	})
	for i := 1; i < len(items); i++ {
		all.Go(func() (err error) { items[i], err = testworld.Share(ctx, w.URL, w.Request.ID, 1000); return err })
	}
	all.Go(func() (err error) { other, err = testworld.Share(ctx, w.URL, w.Request.ID, 1000); return err })
	all.Go(func() (err error) { w.answer, err = testworld.Share(ctx, w.URL, w.Request.ID, 1000); return err })
	all.Go(func() error {
		w.closing = []string{w.Request.ID}
		for _, number := range []string{"26-002", "26-003"} {
			r, err := w.Police.Requester.Post(ctx, testworld.Draft(number))
			if err != nil {
				return err
			}
			w.waiting, w.closing = r.ID, append(w.closing, r.ID)
		}
		w.closing = []string{w.closing[1]}
		r, err := w.Police.Requester.Post(ctx, testworld.Draft("26-004"))
		w.closing = append(w.closing, r.ID)
		return err
	})
	check(t, all.Wait())
	ctx = t.Context()
	check(t, w.prepareSearches(ctx))

	cara := w.Police.Custodian
	owner = items[0]
	w.withdrawing = owner.Items[1]
	w.own, w.shared = items[0].Items[0], items[1].Items[0]
	w.unsharing = map[byte]string{'I': items[2].Items[0], 'C': items[3].Items[0], 'Q': w.shared, 'A': w.shared}
	w.untriaged = []string{items[4].Items[0], w.Pending.Items[0]}
	all, ctx = errgroup.WithContext(ctx)
	all.Go(func() error {
		for _, a := range items[:4] {
			if err := testworld.Accept(ctx, cara, a.Items[0]); err != nil {
				return err
			}
			if a == owner {
				continue
			}
			if err := cara.ShareItem(ctx, a.Items[0], w.Sheriff.ORI, purposeOfShare, time.Now().Add(48*time.Hour), true); err != nil {
				return err
			}
		}
		if err := cara.ShareItem(ctx, w.shared, campus.ORI, purposeOfShare, time.Now().Add(48*time.Hour), false); err != nil {
			return err
		}
		var o web.OpenedItem
		if _, err := cara.Act(ctx, "/items/"+w.own+"/view", web.ViewInput{}, &o); err != nil {
			return err
		}
		w.view = o.Act
		for form, act := range map[string]*string{"ciphertext": &w.export, "plaintext": &w.plain} {
			if _, err := cara.Act(ctx, "/items/"+w.own+"/export", web.ExportInput{Form: form, Purpose: purposeOfShare}, &o); err != nil {
				return err
			}
			*act = o.Act
		}
		w.hold, err = cara.Hold(ctx, w.own, "appeal", "Order 11 of the county court")
		return err
	})
	all.Go(func() error {
		var members []web.MemberView
		if err := w.Police.Admin.Get(ctx, "/people?agency="+w.Police.ORI, &members); err != nil {
			return err
		}
		for _, m := range members {
			switch m.Name {
			case removed.Name:
				if _, err := w.Police.Admin.Act(ctx, "/people/"+m.ID+"/remove", nil, nil); err != nil {
					return err
				}
			case w.newcomers[2].Name:
				w.victim = m.ID
			}
		}
		return nil
	})
	check(t, all.Wait())
	ctx = t.Context()
	_, err = w.Auditor.Act(ctx, "/agencies/"+campus.ORI+"/suspend", web.Reason{Reason: "no case numbers"}, nil)
	check(t, err)

	h, err := w.X.Gate.History(ctx, w.own)
	check(t, err)
	w.shareEntry = h[0].Index
	followed, err := owner.Follow(ctx)
	check(t, err)
	w.consent = followed.Consent
	bears := func(a *actor.Answer) (token string, secret []byte) {
		token = strings.TrimPrefix(a.Capability().Get("Authorization"), "Capability ")
		secret, err := base64.RawURLEncoding.DecodeString(token)
		check(t, err)
		return token, secret
	}
	token, secret := bears(owner)
	_, others := bears(other)
	w.losePets(secret, others)
	in := w.telling(<-w.forms, secret)
	_, err = w.X.Register.Tell(ctx, gate.Caller{Who: identity.Resident(), ActID: gate.NewActID()}, register.Telling{Form: in.Form, Agency: in.Agency,
		OwnerHash: in.OwnerHash, Recipient: in.Recipient, Details: register.Details{Place: geo.Point{Lon: -896500000, Lat: 397500000}, Rounding: geo.Hundred, Films: []register.Films{"street"}}})
	check(t, err)
	hers, err := w.X.Register.Follow(ctx, token)
	check(t, err)
	w.told = hers.Camera
	for _, col := range []byte("QICA") {
		_, err = w.Police.Investigator.Act(ctx, "/register/looks", registerAsk(col), nil)
		check(t, err)
	}
	var feed struct{ Cells []string }
	w.json(actor.New(w.URL), "GET", "/feed/v1/", nil, &feed)
	w.cell = feed.Cells[0]
	bearer := http.Header{"Upload-Token": {w.b64(w.answer.Upload)}}
	for _, id := range []*string{&w.upload, &w.second} {
		req, err := http.NewRequest("POST", w.URL+"/api/v1/uploads", nil)
		check(t, err)
		req.Header = tus("Upload-Length", fmt.Sprint(len(w.sealed)), "Upload-Token", w.b64(w.answer.Upload))
		res, err := http.DefaultClient.Do(req)
		check(t, err)
		res.Body.Close()
		*id = path.Base(res.Header.Get("Location"))
	}
	sheriff := of(w.Sheriff.Custodian)
	later := actor.NewPerson(w.URL, w.Sheriff.Custodian.Name) // another session of hers
	later.Key, later.Device = w.Sheriff.Custodian.Key, w.Sheriff.Custodian.Device
	check(t, later.SignIn(ctx))
	w.askers = map[byte]*asker{
		'n': nobody(nil), 'o': nobody(owner.Capability()), 't': nobody(other.Capability()), 'u': nobody(bearer),
		'Q': of(w.Police.Requester), 'I': of(w.Police.Investigator), 'C': of(cara), 'A': of(w.Police.Admin),
		'p': sheriff, 'P': {person: later, client: later.Client, order: sheriff.order}, 'X': of(stranger.Custodian), 'F': of(w.Federal.Custodian),
		'M': of(w.Moderator), 'D': of(w.Auditor), 'O': of(w.Operator), 'S': of(campus.Custodian), 'R': of(removed),
	}
	return w
}

// answer is what came back.
type answered struct {
	status int
	header http.Header
	body   []byte
	web.Problem
}

// ask sends the cell's request with everything she can show, and signs if she
// is asked to.
func (c *cell) ask(r row) answered {
	c.order.Lock()
	defer c.order.Unlock()
	for {
		a := c.once(r)
		// Somebody else acted on the item between question and signature: an
		// export commits to all acts before it, so it is another act now.
		if a.Type != "/problems/conflict" || !strings.Contains(a.Title, "act id") {
			return a
		}
	}
}

func (c *cell) once(r row) answered {
	q := r.ask(c)
	header := http.Header{"Content-Type": {"application/json"}}
	if r.act != "" || strings.HasPrefix(q.path, "/api/v1/enrol") {
		header.Set("Porchlight-Act", gate.NewActID())
	}
	maps.Copy(header, c.header)
	maps.Copy(header, q.header)
	a := c.send(q, header)
	// Asked again when what she signed is no longer what would be done: an export
	// commits to all acts on the item, and others act on it meanwhile.
	for signed := ""; a.Type == "/problems/signature-required" && c.person != nil && a.Act != signed; {
		signed = a.Act
		answer, err := c.person.Sign(&a.Problem)
		check(c.w.t, err)
		header.Set("Porchlight-Assertion", base64.RawURLEncoding.EncodeToString(answer))
		a = c.send(q, header)
	}
	check(c.w.t, c.w.described(r.route, a))
	return a
}

// tile is the path of the log's first entries as it is now: a part of a tile goes
// when the tile is full.
func (w *matrixWorld) tile() string {
	size, err := w.X.Log.Size(w.t.Context())
	check(w.t, err)
	if size >= 256 {
		return "/log/tile/entries/000"
	}
	return fmt.Sprintf("/log/tile/entries/000.p/%d", size)
}

// described checks a JSON answer against the API's description: no list is ever
// null, nothing required is left out.
func (w *matrixWorld) described(route string, a answered) error {
	method, path, _ := strings.Cut(route, " ")
	item := w.api.Paths[path]
	if item == nil || !strings.Contains(a.header.Get("Content-Type"), "json") {
		return nil
	}
	op := map[string]*huma.Operation{"GET": item.Get, "POST": item.Post}[method]
	answer := op.Responses["default"].Content["application/problem+json"]
	if a.status < 400 {
		answer = op.Responses[strconv.Itoa(a.status)].Content["application/json"]
	}
	var body any
	if err := json.Unmarshal(a.body, &body); err != nil {
		return err
	}
	var found huma.ValidateResult
	huma.Validate(w.api.Components.Schemas, answer.Schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, body, &found)
	if err := errors.Join(found.Errors...); err != nil {
		return fmt.Errorf("%s: %w", route, err)
	}
	return nil
}

func (c *cell) send(q request, header http.Header) (a answered) {
	body := q.raw
	if q.in != nil {
		var err error
		body, err = json.Marshal(q.in)
		check(c.w.t, err)
	}
	req, err := http.NewRequest(q.method, c.w.URL+q.path, bytes.NewReader(body))
	check(c.w.t, err)
	req.Header = header.Clone()
	client := *c.client.HTTP
	if q.fresh {
		client.Jar = nil
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(req)
	if err != nil {
		c.w.t.Errorf("%s %s: %v", q.method, q.path, err)
		return
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	check(c.w.t, err)
	a.status, a.header, a.body = res.StatusCode, res.Header, text
	if res.Header.Get("Content-Type") == "application/problem+json" && len(text) > 0 {
		check(c.w.t, json.Unmarshal(text, &a.Problem))
	}
	return a
}

// mark says what an answer means.
func (a answered) mark() byte {
	switch {
	case a.status < 400 || a.status == http.StatusNotImplemented: // an app that was not built
		return '+'
	case a.status == 403 && a.Type == "/problems/refused" && a.Receipt != "":
		return '-'
	case a.status == 403:
		return 'r'
	case a.status == 404:
		return '0'
	case a.status == 410:
		return 'x'
	case a.status == 401 && a.Type == "/problems/sign-in":
		return 's'
	case a.status == 401 && a.Type == "/problems/passkey":
		return 'k'
	case a.status == 401 && a.Type == "/problems/camera":
		return 'c'
	case a.status == 422 && len(a.Errors) == 1 && strings.HasPrefix(a.Errors[0].Location, "header."):
		return 'h'
	case a.status < 500:
		return 'v'
	}
	return '!'
}

// recorded checks that an act's entry is in the log with the outcome that its
// mark says, and that the receipt of a refusal proves it.
func (c *cell) recorded(r row, a answered) error {
	text := a.header.Get("Porchlight-Entry")
	index, err := strconv.ParseUint(text, 10, 64)
	want := "done"
	if a.mark() == '-' {
		want = "denied"
		receipt, e := ledger.ParseReceipt([]byte(a.Receipt))
		if e != nil {
			return e
		}
		if _, e := (ledger.Verifier{LogKey: c.w.LogKey}).Receipt(receipt); e != nil {
			return e
		}
		if receipt.Entry.Decision.Permit || len(a.Rules) == 0 {
			return errors.New("the receipt is not of a refusal")
		}
		if c.col == 'S' && !slices.Contains(receipt.Entry.Decision.Rules, "base.suspended") {
			return fmt.Errorf("refused by %v, not for the suspension", receipt.Entry.Decision.Rules)
		}
		index, err = receipt.Index, nil
	}
	if err != nil {
		return fmt.Errorf("Porchlight-Entry %q", text)
	}
	rec, err := c.w.X.Gate.At(context.Background(), index)
	if err != nil {
		return err
	}
	if rec.Outcome != want || rec.Entry.Act.Action != r.act {
		return fmt.Errorf("entry %d is %s %s, want %s %s", index, rec.Entry.Act.Action, rec.Outcome, r.act, want)
	}
	return nil
}

// storeState is everything the store holds but for records of acts, sessions and
// counters of passkeys.
func storeState(t testing.TB, x *exchange.Exchange) map[string]string {
	t.Helper()
	rows, err := x.DB.Read().Query(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`)
	check(t, err)
	defer rows.Close()
	var tables []string
	for rows.Next() {
		var name string
		check(t, rows.Scan(&name))
		if !slices.Contains([]string{"acts", "act_private", "act_objects", "identity_sessions", "identity_spent"}, name) {
			tables = append(tables, name)
		}
	}
	check(t, rows.Err())
	out := map[string]string{}
	for _, table := range tables {
		columns := "*"
		if table == "identity_credentials" {
			columns = "id, person, label, state"
		}
		rows, err := x.DB.Read().Query(`SELECT ` + columns + ` FROM ` + table)
		check(t, err)
		names, err := rows.Columns()
		check(t, err)
		var lines []string
		for rows.Next() {
			values, into := make([]any, len(names)), make([]any, len(names))
			for i := range values {
				into[i] = &values[i]
			}
			check(t, rows.Scan(into...))
			lines = append(lines, fmt.Sprint(values))
		}
		check(t, rows.Err())
		slices.Sort(lines)
		out[table] = strings.Join(lines, "\n")
	}
	return out
}

// server is one more over the services of w.
func server(t testing.TB, w *testworld.World) *web.Server {
	t.Helper()
	s, err := web.New(web.Options{BaseURL: w.URL, Identity: w.X.Identity, Gate: w.X.Gate, Log: w.X.Log, Policy: w.X.Policy, Roster: w.X.Roster,
		Canvass: w.X.Canvass, Feed: w.X.Feed, Notices: w.X.Notices, Evidence: w.X.Evidence, Intake: w.X.Intake, Share: w.X.Share, Cameras: w.X.Cameras, Images: w.X.Images, Sharing: w.X.Sharing, Peers: w.X.Peers})
	check(t, err)
	return s
}

func TestAuthorizationMatrix(t *testing.T) {
	w := newMatrixWorld(t)
	columns := strings.ReplaceAll(who, " ", "")
	served := server(t, w.World)
	routes := served.Access()
	w.api = served.Description()

	// Every route has a row and every row a route.
	have := map[string]bool{}
	for _, r := range matrix {
		have[r.route] = true
		if _, ok := routes[r.route]; !ok {
			t.Errorf("row %s has no route", r.route)
		}
		if len(strings.ReplaceAll(r.cells, " ", "")) != len(columns) {
			t.Errorf("row %s has %d cells", r.route, len(r.cells))
		}
	}
	for _, r := range slices.Sorted(maps.Keys(routes)) {
		if !have[r] && !staticFile.MatchString(r) {
			t.Errorf("route %s has no row", r)
		}
	}
	if t.Failed() {
		t.FailNow()
	}

	// First all that must not happen, everybody at once: the ledger grows by the
	// refusals, and nothing else changes.
	before := storeState(t, w.X)
	from, err := w.X.Log.Size(t.Context())
	check(t, err)
	var mu sync.Mutex
	asked, refused := 0, 0
	var all sync.WaitGroup
	for i := range columns {
		all.Go(func() {
			for _, r := range matrix {
				c := &cell{w, columns[i], w.askers[columns[i]]}
				want := strings.ReplaceAll(r.cells, " ", "")[i]
				if want == '+' {
					continue
				}
				a := c.ask(r)
				if got := a.mark(); got != want {
					t.Errorf("%s by %c: %c (%d %s %s), want %c", r.route, c.col, got, a.status, a.Type, a.Detail, want)
				} else if got == '-' {
					if err := c.recorded(r, a); err != nil {
						t.Errorf("%s by %c: %v", r.route, c.col, err)
					}
				}
				mu.Lock()
				asked++
				if want == '-' {
					refused++
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	size, err := w.X.Log.Size(t.Context())
	check(t, err)
	if int(size-from) != refused {
		t.Errorf("%d refusals left %d entries", refused, size-from)
	}
	after := storeState(t, w.X)
	for table := range before {
		if before[table] != after[table] {
			t.Errorf("what must not happen changed %s:\n%s\nbefore:\n%s", table, after[table], before[table])
		}
	}

	// Then all that may, row by row.
	permitted := 0
	for _, r := range matrix {
		for i := range columns {
			if strings.ReplaceAll(r.cells, " ", "")[i] != '+' {
				continue
			}
			c := &cell{w, columns[i], w.askers[columns[i]]}
			a := c.ask(r)
			asked++
			if got := a.mark(); got != '+' {
				t.Errorf("%s by %c: %c (%d %s %s), want +", r.route, c.col, got, a.status, a.Type, a.Detail)
			} else if r.act != "" {
				permitted++
				if err := c.recorded(r, a); err != nil {
					t.Errorf("%s by %c: %v", r.route, c.col, err)
				}
			}
		}
	}
	t.Logf("%d routes, %d rows, %d requests: %d acts refused on record, %d done", len(routes), len(matrix), asked, refused, permitted)
}

// Every act by every role, with everything else in order: what the rules alone
// let pass. Columns: resident, requester, investigator, custodian, admin,
// moderator, auditor, operator, system; then a custodian of a federal, a
// suspended and an invited agency, and one who did not sign.
const roles = "r QICA MDO s FSIU"

var acts = []struct{ action, facts, cells string }{
	{"exchange.create", "", "- ---- --+ + ----"},
	{"app.publish", "", "- ---- --+ + ----"},
	{"backup.make", "", "- ---- --+ + ----"},
	{"pack.change", "tests_pass=true", "- ---- --+ + ----"},
	{"setting.change", "owner=exchange own_agency=false", "- ---- --+ - ----"},
	{"setting.change", "owner=agency own_agency=true", "- ---+ --- - ----"},
	{"act.void", "", "- ---- --- + ----"},
	{"private.read", "reason_given=true own_agency=true", "- ---+ -+- - ----"},
	{"private.read", "reason_given=true own_agency=false", "- ---- -+- - ----"},
	{"agency.invite", "kind=municipal", "- ---- --+ - ----"},
	{"agency.enrol", "invite_valid=true", "- ---- --- - ----"}, // an administrator's, while invited
	{"agency.suspend", "reason_given=true", "- ---- -+- - ----"},
	{"agency.restore", "reason_given=true", "- ---- -+- - ----"},
	{"person.invite", "role=custodian own_agency=true first=false", "- ---+ --- - ----"},
	{"person.invite", "role=auditor own_agency=false first=false", "- ---- --+ - ----"},
	{"person.enrol", "invite_valid=true device_bound=true", "- ++++ +++ - +-++"},
	{"person.remove", "role=custodian own_agency=true", "- ---+ --- - ----"},
	{"person.remove", "role=auditor own_agency=false", "- ---- --+ - ----"},
	{"vault.publish", "own_agency=true vault=evidence", "- --++ --- - +-+-"},
	{"vault.publish", "own_agency=true vault=plates", "- --++ --- - +-+-"},
	{"vault.grant", "own_agency=true vault=evidence receiver_custodian=true receiver_investigator=false", "- --++ --- - +-+-"},
	{"vault.grant", "own_agency=true vault=plates receiver_custodian=false receiver_investigator=true", "- --++ --- - +-+-"},
	{"image.view", "custody=own led=true", "- -++- --- - +---"},
	{"image.ask", "led=true", "- -++- --- - +---"},
	{"image.share", "custody=own asked=true share_days=7 receiver_status=active", "- -++- --- - +---"},
	{"image.purge", "", "- ---- --- + ----"},
	{"camera.add", "own_agency=true", "- ---+ --- - ----"},
	{"camera.change", "own_agency=true", "- ---+ --- - ----"},
	{"camera.remove", "own_agency=true", "- ---+ --- - ----"},
	{"sharing.change", "own_agency=true", "- ---+ --- - ----"},
	{"hotlist.create", "", "- -+-+ --- - ----"},
	{"hotlist.import", "own_agency=true short=false expiry_days=30 grounds=true purposes=stolen-vehicle,", "- -+-+ --- - ----"},
	{"hotlist.add", "own_agency=true short=false expiry_days=30 grounds=true purposes=stolen-vehicle, has_case=true uncased=0 waits=false", "- -+-+ --- - ----"},
	{"hotlist.remove", "own_agency=true", "- -+-+ --- - ----"},
	{"hotlist.countersign", "reachable=true same_person=false purposes=stolen-vehicle,", "- -+-- --- - ----"},
	{"hit.raise", "own=true shared=false outside=false in_force=true purposes=stolen-vehicle, kind=municipal status=active", "- ---- --- + ----"},
	{"hit.resolve", "own_agency=true open=true outcome=confirmed picture=viewed reason_given=false", "- -+-- --- - ----"},
	{"hit.act", "own_agency=true confirmed=true", "- -+-- --- - ----"},
	{"correction.open", "", "+ ---- --- - ----"},
	{"correction.answer", "own_agency=true open=true reason_given=true", "- -+-+ --- - ----"},
	{"agency.restrict", "reason_given=true", "- ---- -+- - ----"},
	{"agency.readmit", "reason_given=true", "- ---- -+- - ----"},
	{"peer.add", "introduced=true", "- ---- --+ - ----"},
	{"peer.remove", "", "- ---- --+ - ----"},
	{"search.propose", "kind=area has_case=true area_km2=1 window_hours=1", "- -+-- --- - ----"},
	{"search.approve", "same_person=false same_agency=true open=true", "- -+-- --- - ----"},
	{"search.run", "kind=plate purposes=crime, clear=true has_case=true behalf_unnamed=false networks=1 look_back_days=1 repeats=0 approved=false", "- -+-- --- - ----"},
	{"search.answer", "own=true shared=true named=true restricted=false asker_active=true federal=false outside=false private=false purposes=crime, has_case=true look_back_days=1", "- ---- --- + ----"},
	{"search.export", "own=true", "- -+-- --- - ----"},
	{"read.hold", "own=true has_case=true days=30", "- -+-- --- - ----"},
	{"read.release", "own_agency=true over=false", "- -+-- --- - ----"},
	{"read.release", "own_agency=false over=true", "- ---- --- + ----"},
	{"reads.purge", "due=true", "- ---- --- + ----"},
	{"request.post", "area_m2=200000 window_minutes=60 window_ended=true expiry_hours=72 posts_for_case=0 has_case=true has_contact=true inside_jurisdiction=true purposes=crime,", "- +--- --- - ----"},
	{"request.moderate", "verdict=approve same_person=false asker_active=true state=pending", "- ---- +-- - ----"},
	{"request.close", "own_agency=true expired=false state=open", "- +--+ --- - ----"},
	{"request.close", "own_agency=false expired=true state=open", "- ---- --- + ----"},
	{"submission.share", "request_open=true asker_active=true key_matches_ledger=true consent_complete=true", "+ ---- --- - ----"},
	{"submission.withdraw", "holds_capability=true state=accepted", "+ ---- --- - ----"},
	{"submission.relink", "holds_capability=true", "+ ---- --- - ----"},
	{"message.send", "holds_capability=true own_agency=true", "+ +++- --- - +-- -"},
	{"register.tell", "receiver_kind=municipal receiver_status=active key_matches_ledger=true", "+ ---- --- - ----"},
	{"register.change", "holds_capability=true receiver_kind=municipal receiver_status=active key_matches_ledger=true", "+ ---- --- - ----"},
	{"register.withdraw", "holds_capability=true", "+ ---- --- - ----"},
	{"register.write", "holds_capability=true", "+ ---- --- - ----"},
	{"register.relink", "holds_capability=true", "+ ---- --- - ----"},
	{"register.view", "area_m2=200000 inside_jurisdiction=true has_case=true looks=0 purposes=crime,", "- +++- --- - ----"},
	{"register.ask", "own_agency=true has_case=true led=true unanswered=0", "- +++- --- - ----"},
	{"pet.post", "photos=1 hours=24 inside_jurisdiction=true", "+ ---- --- - ----"},
	{"pet.moderate", "state=waiting verdict=approve", "- ---- +-- - ----"},
	{"pet.renew", "holds_capability=true state=open hours=24", "+ ---- --- - ----"},
	{"pet.relink", "holds_capability=true", "+ ---- --- - ----"},
	{"pet.close", "holds_capability=true state=open over=false", "+ ---- --- - ----"},
	{"pet.close", "holds_capability=false state=open over=true", "- ---- --- + ----"},
	{"pet.remove", "state=open reason_given=true", "- ---- +-- - ----"},
	{"pet.report", "state=open", "+ ---- --- - ----"},
	{"pet.sight", "state=open", "+ ---- --- - ----"},
	{"pet.write", "holds_capability=true", "+ ---- --- - ----"},
	{"pet.run", "", "- ---- --- + ----"},
	{"item.triage", "custody=own state=pending triage=accept", "- --+- --- - ----"},
	{"item.view", "custody=own state=accepted purpose_matches=true", "- -++- --- - ----"},
	{"item.view", "custody=shared state=accepted purpose_matches=true", "- -++- --- - ----"},
	{"item.note", "custody=own state=accepted", "- -++- --- - ----"},
	{"item.share", "custody=own state=accepted no_reshare=false conditions_complete=true purposes=crime, share_days=30 receiver_kind=county receiver_status=active", "- -++- --- - ----"},
	{"item.unshare", "custody=own", "- -++- --- - ----"},
	{"item.hold", "custody=own state=accepted ground_given=true", "- --+- --- - ----"},
	{"item.release", "custody=own on_hold=true", "- --+- --- - ----"},
	{"item.export", "custody=own state=accepted no_reshare=false purpose_matches=true purposes=crime,", "- --+- --- - ----"},
	{"item.destroy", "custody=own state=withdrawal-requested on_hold=false owner_withdrew=true retention_over=false reason=withdrawn", "- --+- --- - ----"},
	{"item.destroy", "custody=none state=accepted on_hold=false owner_withdrew=false retention_over=true reason=expired", "- ---- --- + ----"},
}

func TestActsByRole(t *testing.T) {
	schema, err := os.ReadFile("../policy/schema.cedarschema")
	check(t, err)
	want := map[string]bool{}
	for _, line := range regexp.MustCompile(`(?m)^action (.*) in \[.*\] appliesTo`).FindAllStringSubmatch(string(schema), -1) {
		for _, name := range regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(line[1], -1) {
			want[name[1]] = true
		}
	}
	if len(want) < 30 {
		t.Fatalf("read %d acts out of the schema", len(want))
	}
	engine, err := policy.Load(policy.Packs())
	check(t, err)
	agency := policy.Actor{Agency: "IL0160000", AgencyKind: "municipal", AgencyStatus: "active", Signed: true}
	actors := map[int]policy.Actor{0: {Role: "resident"}, 8: {Role: "system"}}
	for i, role := range []identity.Role{identity.RoleRequester, identity.RoleInvestigator, identity.RoleCustodian, identity.RoleAdmin} {
		a := agency
		a.Role = string(role)
		actors[1+i] = a
	}
	for i, role := range []identity.Role{identity.RoleModerator, identity.RoleAuditor, identity.RoleOperator} {
		actors[5+i] = policy.Actor{Role: string(role), Signed: true}
	}
	for i, change := range []func(*policy.Actor){
		func(a *policy.Actor) { a.AgencyKind = "federal" }, func(a *policy.Actor) { a.AgencyStatus = "suspended" },
		func(a *policy.Actor) { a.AgencyStatus = "invited" }, func(a *policy.Actor) { a.Signed = false },
	} {
		a := agency
		a.Role = "custodian"
		change(&a)
		actors[9+i] = a
	}
	names := strings.ReplaceAll(roles, " ", "")
	for _, r := range acts {
		if !want[r.action] {
			t.Errorf("%s is no act", r.action)
		}
		facts := map[string]any{}
		for _, f := range strings.Fields(r.facts) {
			name, value, _ := strings.Cut(f, "=")
			n, notNumber := strconv.ParseInt(value, 10, 64)
			switch {
			case value == "true" || value == "false":
				facts[name] = value == "true"
			case notNumber == nil:
				facts[name] = n
			case strings.HasSuffix(value, ","):
				facts[name] = strings.Split(strings.TrimSuffix(value, ","), ",")
			default:
				facts[name] = value
			}
		}
		cells := strings.ReplaceAll(r.cells, " ", "")
		if len(cells) != len(names) {
			t.Fatalf("row %s has %d cells", r.action, len(cells))
		}
		for i := range names {
			v := engine.Decide(policy.Question{Action: r.action, Actor: actors[i], Facts: facts, Jurisdictions: []string{"IL"}})
			if v.Problem != "" {
				t.Errorf("%s by %c: %s", r.action, names[i], v.Problem)
			}
			if v.Permit != (cells[i] == '+') {
				t.Errorf("%s by %c (column %d): permit %t by %v", r.action, names[i], i, v.Permit, v.Rules[0].ID)
			}
		}
	}
	for name := range want {
		if !slices.ContainsFunc(acts, func(r struct{ action, facts, cells string }) bool { return r.action == name }) {
			t.Errorf("act %s has no row", name)
		}
	}
}
