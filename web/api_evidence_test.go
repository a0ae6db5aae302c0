package web_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"filippo.io/age"

	"porchlight/evidence"
	"porchlight/exchange"
	"porchlight/gate"
	"porchlight/ledger"
)

// town is an exchange with two agencies, an open request, and clips shared in
// answer to it, all through HTTP.
type town struct {
	t                        testing.TB
	x                        *exchange.Exchange
	server                   http.Handler
	op, admin, cara, sheriff *browser
	vault, theirs            *age.X25519Identity // of police and sheriff
	request                  string
	logKey                   string
}

func newTown(t testing.TB) *town {
	t.Helper()
	ctx := context.Background()
	cfg := exchange.Config{Dir: filepath.Join(t.TempDir(), "x"), Name: "Elm County", BaseURL: peopleSite, State: "IL"}
	made, err := exchange.Init(ctx, cfg, countyArea)
	check(t, err)
	x, err := exchange.Open(ctx, cfg)
	check(t, err)
	t.Cleanup(func() { check(t, x.Close()) })
	w := &town{t: t, x: x, server: x.Handler(), logKey: made.LogKey}
	_, token, _ := strings.Cut(made.OperatorLink, "#")
	w.op = w.enrol(token)
	w.admin, w.cara, w.vault = w.agency("IL0160000", "Millbrook Police", "municipal")
	_, w.sheriff, w.theirs = w.agency("IL0160100", "Elm County Sheriff", "county")
	rita := w.hire(w.admin, "IL0160000", "Rita", "requester")
	token, inv := invitation()
	w.op.mustAct("/people", with(inv, map[string]any{"name": "Mona", "role": "moderator"}), nil)
	mona := w.enrol(token)

	now := time.Now().UTC()
	rita.mustAct("/requests", map[string]any{"case": "26-001", "incident": "package-theft", "narrative": "A parcel was taken from a porch on Maple St.",
		"area": square(0.004), "from": now.Add(-3 * time.Hour), "to": now.Add(-2 * time.Hour), "time_zone": "America/Chicago",
		"expires": now.Add(72 * time.Hour), "contact": "Officer Reyes, 555-0100"}, nil)
	var mine []struct{ ID string }
	if status := rita.get("/desk/requests", &mine); status != 200 || len(mine) != 1 {
		t.Fatalf("requests %d %+v", status, mine)
	}
	w.request = mine[0].ID
	mona.mustAct("/requests/"+w.request+"/moderate", map[string]any{"verdict": "approve"}, nil)
	return w
}

func (w *town) enrol(token string) *browser {
	b := newBrowser(w.t, w.server)
	b.enrol(token)
	return b
}

// hire invites and enrols somebody of an agency.
func (w *town) hire(admin *browser, ori, name, role string) *browser {
	w.t.Helper()
	token, inv := invitation()
	admin.mustAct("/people", with(inv, map[string]any{"name": name, "agency": ori, "role": role}), nil)
	return w.enrol(token)
}

// agency joins an agency with an administrator, a custodian and a vault.
func (w *town) agency(ori, name, kind string) (admin, custodian *browser, vault *age.X25519Identity) {
	w.t.Helper()
	token, inv := invitation()
	w.op.mustAct("/agencies", with(inv, map[string]any{"ori": ori, "name": name, "kind": kind, "state": "IL",
		"contact": "555-0100", "jurisdiction": countyArea, "admin": "Admin of " + name}), nil)
	admin = w.enrol(token)
	admin.mustAct("/agencies/"+ori+"/join", map[string]string{"contact": "desk@example.org"}, nil)
	custodian = w.hire(admin, ori, "Custodian of "+name, "custodian")
	vault, err := age.GenerateX25519Identity()
	check(w.t, err)
	recovery, err := age.GenerateX25519Identity()
	check(w.t, err)
	custodian.mustAct("/vault", map[string]any{"recipient": vault.Recipient().String(), "device": custodian.device,
		"wrapped": wrapped(w.t, vault.String(), custodian.own.Recipient()), "recovery": wrapped(w.t, vault.String(), recovery.Recipient())}, nil)
	return admin, custodian, vault
}

// raw makes a request outside the JSON API.
func (b *browser) raw(method, path string, header map[string]string, body []byte) *http.Response {
	b.t.Helper()
	r := httptest.NewRequest(method, peopleSite+path, bytes.NewReader(body))
	for k, v := range header {
		r.Header.Set(k, v)
	}
	for _, c := range b.jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	b.server.ServeHTTP(w, r)
	return w.Result()
}

// share answers the request with a clip, as a resident's device does, and
// returns the item.
func (w *town) share(plain []byte, filename string) string {
	w.t.Helper()
	me := newBrowser(w.t, w.server)
	var file bytes.Buffer
	enc, err := age.Encrypt(&file, w.vault.Recipient())
	check(w.t, err)
	_, err = enc.Write(plain)
	check(w.t, err)
	check(w.t, enc.Close())

	owner, err := age.GenerateX25519Identity()
	check(w.t, err)
	token := sha256.Sum256(file.Bytes())
	hash := sha256.Sum256(token[:])
	ownerHash := sha256.Sum256([]byte(owner.String()))
	submission := gate.NewActID()
	consent, _ := json.Marshal(map[string]string{"version": "1", "language": "en", "text": "I share this clip for this case.",
		"identity": "through-porchlight", "agency": "IL0160000", "request": w.request})
	var p problem
	if status := me.send("POST", "/submissions", nil, map[string]any{"id": submission, "request": w.request, "upload_hash": hash[:],
		"owner_hash": ownerHash[:], "recipient": owner.Recipient().String(), "consent": string(consent)}, &p); status >= 300 {
		w.t.Fatalf("submission %d %+v", status, p)
	}
	tus := map[string]string{"Tus-Resumable": "1.0.0", "Upload-Token": base64.RawURLEncoding.EncodeToString(token[:]), "Upload-Length": fmt.Sprint(file.Len())}
	res := me.raw("POST", "/api/v1/uploads", tus, nil)
	if res.StatusCode != 201 {
		text, _ := io.ReadAll(res.Body)
		w.t.Fatalf("upload %d %s", res.StatusCode, text)
	}
	location := res.Header.Get("Location")
	delete(tus, "Upload-Length")
	tus["Upload-Offset"], tus["Content-Type"] = "0", "application/offset+octet-stream"
	if res := me.raw("PATCH", location, tus, file.Bytes()); res.StatusCode != 204 {
		text, _ := io.ReadAll(res.Body)
		w.t.Fatalf("upload %d %s", res.StatusCode, text)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(plain))
	salt := ledger.NewSalt()
	commitment := ledger.Commit(evidence.SharePlaintext, salt, sum)
	letter, _ := json.Marshal(map[string]any{"plaintext_sha256": sum, "plaintext_salt": base64.StdEncoding.EncodeToString(salt[:]), "filename": filename,
		"duration_seconds": 12, "identity": map[string]string{"disclosure": "through-porchlight"}, "message": "The van was blue.", "edits": map[string]any{}})
	var shared struct{ Item string }
	status := me.send("POST", "/submissions/"+submission+"/clips", map[string]string{"Porchlight-Act": gate.NewActID(), "Upload-Token": tus["Upload-Token"]},
		map[string]any{"upload": location[strings.LastIndex(location, "/")+1:], "letter": wrapped(w.t, string(letter), w.vault.Recipient()),
			"plaintext_sha256": commitment[:], "vault": w.vault.Recipient().String()}, &shared)
	if status >= 300 || shared.Item == "" {
		w.t.Fatalf("share %d", status)
	}
	return shared.Item
}

type openedView struct {
	Act            string
	Header, Letter []byte
	PayloadSize    int64 `json:"payload_size"`
	Notes          []struct{ By string }
	Until          time.Time
	Receipt        string
	Dir            string
	Info           []struct{ Label, Value string }
	Parts          []struct {
		Path string
		Data []byte
	}
}

// A clip from the inbox to the court, over HTTP.
func TestEvidenceOverHTTP(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	plain := bytes.Repeat([]byte("frame "), 40_000)
	item := w.share(plain, "front.mp4")

	var list struct {
		Items []struct {
			ID, State string
			Own       bool
		}
		Categories []struct{ ID string }
	}
	if status := w.cara.get("/items?state=pending", &list); status != 200 || len(list.Items) != 1 || list.Items[0].ID != item || len(list.Categories) == 0 {
		t.Fatalf("inbox %d %+v", status, list)
	}
	for name, b := range map[string]*browser{"sheriff": w.sheriff, "operator": w.op} {
		if status := b.get("/items/"+item, nil); status != 404 {
			t.Errorf("%s reads the item: %d", name, status)
		}
		if status, _ := b.act("/items/"+item+"/view", map[string]any{}, nil); status != 404 {
			t.Errorf("%s views the item: %d", name, status)
		}
	}
	if status := newBrowser(t, w.server).get("/items/"+item, nil); status != 401 {
		t.Errorf("nobody reads the item: %d", status)
	}
	if status := w.op.get("/items", nil); status != 403 {
		t.Errorf("the operator lists items: %d", status)
	}
	if status, p := w.admin.act("/items/"+item+"/view", map[string]any{}, nil); status != 403 || p.Type != "/problems/refused" {
		t.Errorf("an administrator views the item: %d %+v", status, p)
	}

	// Watching: header once, ciphertext in ranges, to this session only.
	var o openedView
	w.cara.mustAct("/items/"+item+"/view", map[string]any{}, &o)
	payload := "/api/v1/views/" + o.Act + "/payload"
	res := w.cara.raw("GET", payload, map[string]string{"Range": "bytes=0-15"}, nil)
	if nonce, _ := io.ReadAll(res.Body); res.StatusCode != 206 || len(nonce) != 16 || res.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("range %d, %d bytes", res.StatusCode, len(nonce))
	}
	res = w.cara.raw("GET", payload, nil, nil)
	body, _ := io.ReadAll(res.Body)
	if int64(len(body)) != o.PayloadSize {
		t.Fatalf("payload %d bytes, want %d", len(body), o.PayloadSize)
	}
	r, err := age.Decrypt(io.MultiReader(bytes.NewReader(o.Header), bytes.NewReader(body)), w.vault)
	check(t, err)
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("decrypted %d bytes, %v", len(got), err)
	}
	for name, b := range map[string]*browser{"sheriff": w.sheriff, "nobody": newBrowser(t, w.server)} {
		if res := b.raw("GET", payload, nil, nil); res.StatusCode != 410 && res.StatusCode != 401 {
			t.Errorf("%s reads the payload: %d", name, res.StatusCode)
		}
	}
	if res := w.cara.raw("GET", payload, map[string]string{"Range": "bytes=99999999-"}, nil); res.StatusCode != 416 {
		t.Errorf("a range past the end: %d", res.StatusCode)
	}

	// Bad input is said; nothing happens.
	for _, bad := range []map[string]any{{"accept": true, "case": "26-001", "category": "forever"}, {"accept": true, "category": "felony"}, {"accept": false}} {
		if status, p := w.cara.act("/items/"+item+"/triage", bad, nil); status != 422 {
			t.Errorf("%v: %d %+v", bad, status, p)
		}
	}
	w.cara.mustAct("/items/"+item+"/triage", map[string]any{"accept": true, "case": "26-001", "category": "felony"}, nil)
	w.cara.mustAct("/items/"+item+"/notes", map[string]any{"sealed": wrapped(t, "a blue van", w.vault.Recipient())}, nil)
	if status, _ := w.cara.act("/items/"+item+"/notes", map[string]any{"sealed": []byte("a blue van")}, nil); status != 422 {
		t.Errorf("an open note: %d", status)
	}
	if status, _ := w.cara.act("/items/"+item+"/shares", map[string]any{"to": "IL0160100", "header": o.Header[:40], "purpose": "burglary", "expires": time.Now().Add(time.Hour), "no_reshare": true}, nil); status != 422 {
		t.Errorf("a broken header: %d", status)
	}
	if status, p := w.cara.act("/items/"+item+"/triage", map[string]any{"accept": true, "case": "26-001", "category": "felony"}, nil); status != 403 {
		t.Errorf("triage twice: %d %+v", status, p)
	}

	// The ciphertext package, as a file.
	w.cara.mustAct("/items/"+item+"/export", map[string]any{"form": "ciphertext", "purpose": "trial of a package theft"}, &o)
	res = w.cara.raw("GET", "/api/v1/exports/"+o.Act+"/package?lang=es", nil, nil)
	data, _ := io.ReadAll(res.Body)
	if res.StatusCode != 200 || res.Header.Get("Content-Disposition") != "attachment" {
		t.Fatalf("package %d %s", res.StatusCode, data)
	}
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	check(t, err)
	if report, err := evidence.VerifyPackage(zr, ledger.Verifier{LogKey: w.logKey}); err != nil {
		t.Fatalf("%v\n%+v", err, report)
	}
	page, err := zr.Open("porchlight-" + item + "/summary.html")
	check(t, err)
	text, _ := io.ReadAll(page)
	if !bytes.Contains(text, []byte("Cadena de custodia")) || bytes.Contains(text, []byte("keep.")) || !bytes.Contains(text, []byte("Millbrook Police")) {
		t.Errorf("the summary is not in Spanish words")
	}
	if res := w.sheriff.raw("GET", "/api/v1/exports/"+o.Act+"/package", nil, nil); res.StatusCode != 410 {
		t.Errorf("another session takes the package: %d", res.StatusCode)
	}

	// The plaintext package's parts.
	w.cara.mustAct("/items/"+item+"/export", map[string]any{"form": "plaintext", "purpose": "trial of a package theft"}, &o)
	var parts openedView
	if status := w.cara.get("/exports/"+o.Act+"/parts?lang=en", &parts); status != 200 || parts.Dir != "porchlight-"+item || len(parts.Parts) < 8 {
		t.Fatalf("parts %d %+v", status, parts.Dir)
	}
	files := fstest.MapFS{}
	for _, p := range parts.Parts {
		files[p.Path] = &fstest.MapFile{Data: p.Data}
	}
	if files["data/custody.json"] == nil || files["data/clip.age"] != nil {
		t.Error("parts hold no custody table, or the clip")
	}

	// Everything done stands in the chain, each with a receipt.
	var detail struct {
		Item  struct{ State, Case string }
		Chain []struct {
			Entry                   uint64
			Action, Outcome, Person string
		}
		Custody []struct{ Name string }
	}
	if status := w.cara.get("/items/"+item, &detail); status != 200 || detail.Item.Case != "26-001" || detail.Custody[0].Name != "Millbrook Police" {
		t.Fatalf("item %d %+v", status, detail)
	}
	last := detail.Chain[len(detail.Chain)-1]
	if last.Action != "item.triage" && last.Action != "item.export" || last.Person != "Custodian of Millbrook Police" {
		t.Errorf("chain ends with %+v", last)
	}
	var proof struct{ Receipt string }
	if status := w.cara.get(fmt.Sprintf("/items/%s/receipts/%d", item, last.Entry), &proof); status != 200 {
		t.Fatalf("receipt %d", status)
	}
	receipt, err := ledger.ParseReceipt([]byte(proof.Receipt))
	check(t, err)
	if _, err := (ledger.Verifier{LogKey: w.logKey}).Receipt(receipt); err != nil {
		t.Fatal(err)
	}
	if status := w.cara.get("/items/"+item+"/receipts/0", nil); status != 404 {
		t.Errorf("a receipt of something else: %d", status)
	}

	// Declined: destroyed, and the open view with it.
	second := w.share(plain, "back.mp4")
	w.cara.mustAct("/items/"+second+"/view", map[string]any{}, &o)
	w.cara.mustAct("/items/"+second+"/triage", map[string]any{"accept": false, "reason": "shows another street"}, nil)
	if res := w.cara.raw("GET", "/api/v1/views/"+o.Act+"/payload", nil, nil); res.StatusCode != 410 {
		t.Errorf("payload after destruction: %d", res.StatusCode)
	}
	if w.cara.get("/items/"+second, &detail); detail.Item.State != "destroyed" {
		t.Errorf("state %s", detail.Item.State)
	}
}
