package share

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	"porchlight/canvass"
	"porchlight/capability"
	"porchlight/evidence"
	"porchlight/gate"
	"porchlight/identity"
	"porchlight/internal/agekey"
	"porchlight/internal/gatetest"
	"porchlight/ledger"
	"porchlight/policy"
)

const police = gatetest.City

// exchange is the service among its real neighbors; only requests and the
// agency's directory are the test's own.
type exchange struct {
	*world
	*Service
	gate     *gatetest.World
	evidence *evidence.Service
	vault    *age.X25519Identity
	request  canvass.Request
	agency   canvass.Agency
}

func (x *exchange) Request(_ context.Context, id string) (canvass.Request, error) {
	if id != x.request.ID {
		return canvass.Request{}, canvass.ErrNotFound
	}
	return x.request, nil
}

func (x *exchange) Agency(context.Context, string) (canvass.Agency, error) { return x.agency, nil }

func (x *exchange) AgencyFacts(context.Context, string) (gate.AgencyFacts, error) {
	return gate.AgencyFacts{Kind: x.agency.Kind, Status: x.agency.Status, State: x.agency.State}, nil
}

func newExchange(t testing.TB) *exchange {
	t.Helper()
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	x := &exchange{world: newWorld(t, Limits{})}
	x.gate = gatetest.New(t, gatetest.Options{DB: x.db, Agencies: x, Start: time.Now().UTC().Truncate(time.Microsecond)})
	now := x.gate.Now
	x.in.now = now
	x.vault = x.gate.Vault[police]
	x.request = canvass.Request{ID: gate.NewActID(), Agency: police, State: canvass.Open, Decided: now(), Draft: canvass.Draft{Expires: now().Add(time.Hour)}}
	x.agency = canvass.Agency{ORI: police, Name: "Maple Falls Police", Kind: "municipal", Status: "active", State: "IL", Vault: x.vault.Recipient().String()}

	var err error
	x.evidence, err = evidence.New(ctx, evidence.Options{DB: x.db, Blobs: x.blobs, Gate: x.gate.Gate, Agencies: x, Now: now})
	must(err)
	x.Service = New(Options{Intake: x.in, Gate: x.gate.Gate, Requests: x, Agencies: x, Items: x.evidence})
	x.gate.Enrol("cara", police, identity.RoleCustodian)
	return x
}

// signed carries out an act of the custodian, answering for her passkey.
func signed(x *exchange, act func(gate.Caller) (*gate.Grant, error)) *gate.Grant {
	x.t.Helper()
	g, err := gatetest.As(x.gate, "cara", act)
	if err != nil {
		x.t.Fatal(err)
	}
	return g
}

// resident is what a resident's device knows.
type resident struct {
	x        *exchange
	draft    Draft
	token    string // capability
	identity *age.X25519Identity
}

func capabilityOf(t testing.TB, secret []byte) (token string, hash []byte, id *age.X25519Identity) {
	t.Helper()
	b, err := agekey.Stretch(secret, agekey.CapabilityToken)
	if err != nil {
		t.Fatal(err)
	}
	if id, err = agekey.Identity(secret, agekey.CapabilityIdentity); err != nil {
		t.Fatal(err)
	}
	h := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(b), h[:], id
}

// resident makes a device that is about to answer, with the world's upload token.
func (x *exchange) resident() *resident {
	x.t.Helper()
	secret := []byte(gate.NewActID())
	r := &resident{x: x}
	var hash []byte
	r.token, hash, r.identity = capabilityOf(x.t, secret)
	upload := sha256.Sum256(append(secret, "upload"...))
	x.world.token = base64.RawURLEncoding.EncodeToString(upload[:])
	r.draft = Draft{
		ID: gate.NewActID(), Request: x.request.ID, UploadHash: capability.Hash(x.world.token), OwnerHash: hash, Recipient: r.identity.Recipient().String(),
		Consent: evidence.Consent(fmt.Sprintf(`{"version":"1","language":"en","text":"I share <this>.","identity":"through-porchlight","agency":%q,"request":%q}`, police, x.request.ID)),
	}
	return r
}

func resident0() gate.Caller { return gate.Caller{Who: identity.Resident(), ActID: gate.NewActID()} }

// upload sends n random bytes sealed to the vault and returns the handover.
func (r *resident) upload(n int) (Clip, []byte) {
	r.x.t.Helper()
	plain := bytes.Repeat([]byte("footage "), n/8+1)[:n]
	file := seal(r.x.t, plain, r.x.vault.Recipient())
	loc := r.x.create(len(file))
	r.x.patch(204, loc, 0, file)
	return Clip{
		Submission: r.draft.ID, UploadToken: r.x.world.token, Upload: loc[strings.LastIndex(loc, "/")+1:],
		Letter:    seal(r.x.t, []byte(`{"filename":"front.mp4"}`), r.x.vault.Recipient()),
		Plaintext: ledger.Commit("plaintext_sha256", ledger.NewSalt(), fmt.Sprintf("%x", sha256.Sum256(plain))),
		Vault:     r.x.vault.Recipient().String(),
	}, plain
}

func seal(t testing.TB, plain []byte, to ...age.Recipient) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := age.Encrypt(&b, to...)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(plain)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// shared is a resident with one clip handed over.
func (x *exchange) shared() (*resident, Shared) {
	x.t.Helper()
	r := x.resident()
	if err := x.Begin(context.Background(), r.draft); err != nil {
		x.t.Fatal(err)
	}
	c, _ := r.upload(1000)
	done, err := x.Share(context.Background(), resident0(), c)
	if err != nil {
		x.t.Fatal(err)
	}
	return r, done
}

// proves checks a receipt as anybody would.
func (x *exchange) proves(r ledger.Receipt) {
	x.t.Helper()
	report, err := ledger.Verifier{LogKey: x.gate.LogKey}.Receipt(r)
	if err = errors.Join(err, report.Err()); err != nil {
		x.t.Errorf("the receipt does not verify: %v", err)
	}
}

func want(t testing.TB, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("%v, want %v", err, target)
	}
}

func refused(t testing.TB, err error, rule string) {
	t.Helper()
	var r *gate.Refusal
	if !errors.As(err, &r) || !slices.ContainsFunc(r.Rules, func(p policy.Rule) bool { return p.ID == rule }) {
		t.Errorf("%v, want a refusal by %s", err, rule)
	}
}

func TestShareMakesAnItemTheCustodianCanOpen(t *testing.T) {
	x := newExchange(t)
	r := x.resident()
	for range 2 { // a repeat changes nothing
		if err := x.Begin(t.Context(), r.draft); err != nil {
			t.Fatal(err)
		}
	}
	c, plain := r.upload(200_000)
	by := resident0()
	first, err := x.Share(t.Context(), by, c)
	if err != nil {
		t.Fatal(err)
	}
	again, err := x.Share(t.Context(), by, c)
	if err != nil || again.Index != first.Index || again.Item != first.Item {
		t.Fatalf("the same act again: %v, %v", again, err)
	}
	_, err = x.Share(t.Context(), resident0(), c)
	want(t, err, ErrState) // another act for an upload already shared

	items, err := x.evidence.Owned(t.Context(), r.draft.ID)
	if err != nil || len(items) != 1 || items[0].State != evidence.Pending || items[0].Agency != police {
		t.Fatalf("items %v, %v", items, err)
	}
	x.proves(first.Receipt)
	for _, d := range first.Receipt.Disclosures {
		if d.Name == evidence.ShareConsent && d.Value != r.draft.Consent.SHA256() {
			t.Error("the receipt names another consent")
		}
	}
	x.do(404, "HEAD", "/api/uploads/"+c.Upload, nil, nil) // the bytes are the item's now
	x.do(404, "DELETE", "/api/uploads/"+c.Upload, nil, nil)

	var opened *evidence.Opened
	signed(x, func(by gate.Caller) (g *gate.Grant, err error) {
		opened, err = x.evidence.View(t.Context(), by, "session", first.Item, "")
		if err != nil {
			return nil, err
		}
		return opened.Grant, nil
	})
	payload, _, err := x.evidence.Payload(t.Context(), "session", opened.Grant.ActID)
	if err != nil {
		t.Fatal(err)
	}
	defer payload.Close()
	d, err := age.Decrypt(io.MultiReader(bytes.NewReader(opened.Header), payload), x.vault)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := io.ReadAll(d); !bytes.Equal(got, plain) {
		t.Error("the custodian sees another clip")
	}
	// What expires later is the upload's record, never the item's payload.
	x.gate.Sleep(72 * time.Hour)
	if n, err := x.in.Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
	if _, _, err := x.blobs.Open(t.Context(), first.Item); err != nil {
		t.Errorf("the item's payload is gone: %v", err)
	}
}

func TestBeginRefuses(t *testing.T) {
	x := newExchange(t)
	r := x.resident()
	for name, c := range map[string]struct {
		change func(*Draft)
		want   error
	}{
		"id":              {func(d *Draft) { d.ID = "../x" }, ErrInput},
		"unknown request": {func(d *Draft) { d.Request = gate.NewActID() }, ErrUnknown},
		"recipient":       {func(d *Draft) { d.Recipient = "age1pq1xyz" }, ErrInput},
		"short hash":      {func(d *Draft) { d.OwnerHash = d.OwnerHash[:31] }, ErrInput},
		"consent":         {func(d *Draft) { d.Consent = evidence.Consent(`{"text":"yes"}`) }, ErrInput},
		"other agency": {func(d *Draft) {
			d.Consent = bytes.Replace(d.Consent, []byte(police), []byte("IL0169900"), 1)
		}, ErrInput},
		"not JSON": {func(d *Draft) { d.Consent = evidence.Consent(`yes`) }, ErrInput},
		"long":     {func(d *Draft) { d.Consent = append(d.Consent, bytes.Repeat([]byte(" "), MaxConsent)...) }, ErrInput},
	} {
		d := r.draft
		d.Consent = bytes.Clone(d.Consent)
		c.change(&d)
		if err := x.Begin(t.Context(), d); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if err := x.Begin(t.Context(), r.draft); err != nil {
		t.Fatal(err)
	}
	taken := r.draft
	taken.OwnerHash = bytes.Repeat([]byte{1}, 32)
	want(t, x.Begin(t.Context(), taken), ErrState)
	x.request.State = canvass.Resolved
	want(t, x.Begin(t.Context(), x.resident().draft), ErrState)
	x.request.Decided = time.Time{} // never published
	want(t, x.Begin(t.Context(), x.resident().draft), ErrUnknown)
}

func TestShareIsRefusedByPolicyOnRecord(t *testing.T) {
	x := newExchange(t)
	r := x.resident()
	if err := x.Begin(t.Context(), r.draft); err != nil {
		t.Fatal(err)
	}
	c, _ := r.upload(100)
	wrong := c
	wrong.Vault = r.draft.Recipient
	_, err := x.Share(t.Context(), resident0(), wrong)
	refused(t, err, "base.share-key")
	x.agency.Status = "suspended"
	_, err = x.Share(t.Context(), resident0(), c)
	refused(t, err, "base.share-open")
	x.agency.Status = "active"
	x.request.Expires = x.in.now()
	_, err = x.Share(t.Context(), resident0(), c)
	refused(t, err, "base.share-open")
	x.request.Expires = x.in.now().Add(time.Hour)

	// What is no handover at all is not even asked.
	bad := c
	bad.Letter = []byte("dear police")
	_, err = x.Share(t.Context(), resident0(), bad)
	want(t, err, ErrInput)
	bad = c
	bad.UploadToken = base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	_, err = x.Share(t.Context(), resident0(), bad)
	want(t, err, ErrUnknown)
	unfinished := c
	loc := x.create(5000)
	unfinished.Upload = loc[strings.LastIndex(loc, "/")+1:]
	_, err = x.Share(t.Context(), resident0(), unfinished)
	want(t, err, ErrState)

	if _, err := x.Share(t.Context(), resident0(), c); err != nil {
		t.Errorf("the upload did not survive its refusals: %v", err)
	}
}

func TestFollowShowsEachActAndProvesIt(t *testing.T) {
	x := newExchange(t)
	r, done := x.shared()
	signed(x, func(by gate.Caller) (*gate.Grant, error) {
		return x.evidence.Triage(t.Context(), by, done.Item, evidence.Triage{Accept: true, Case: "26-0042-SECRET", Category: "felony"})
	})
	f, err := x.Follow(t.Context(), r.token)
	if err != nil {
		t.Fatal(err)
	}
	var actions []string
	for _, e := range f.Items[0].Events {
		actions = append(actions, e.Entry.Act.Action)
		for _, d := range e.Disclosures {
			if d.Name == gate.PrivatePerson || strings.Contains(d.Value, "SECRET") {
				t.Errorf("%s shows the owner %s", e.Entry.Act.Action, d.Name)
			}
		}
		receipt, err := x.Receipt(t.Context(), r.token, done.Item, e.Index)
		if err != nil {
			t.Fatal(err)
		}
		x.proves(receipt)
	}
	if !slices.Equal(actions, []string{"submission.share", "item.triage"}) {
		t.Errorf("events %v", actions)
	}
	other, otherDone := x.shared()
	_, err = x.Receipt(t.Context(), other.token, done.Item, done.Index)
	want(t, err, ErrUnknown)
	_, err = x.Receipt(t.Context(), r.token, done.Item, otherDone.Index)
	want(t, err, ErrUnknown)
	for _, token := range []string{"", "x", base64.RawURLEncoding.EncodeToString(make([]byte, 32))} {
		_, err = x.Follow(t.Context(), token)
		want(t, err, ErrUnknown)
	}
	if _, err := x.Withdraw(t.Context(), resident0(), other.token, done.Item); !errors.Is(err, ErrUnknown) {
		t.Errorf("somebody else's clip was withdrawn: %v", err)
	}
}

func TestWithdrawDestroysBeforeAcceptanceAndAsksAfter(t *testing.T) {
	x := newExchange(t)
	r, done := x.shared()
	by := resident0()
	for range 2 {
		if _, err := x.Withdraw(t.Context(), by, r.token, done.Item); err != nil {
			t.Fatal(err)
		}
	}
	f, err := x.Follow(t.Context(), r.token)
	if err != nil || f.Items[0].State != evidence.Destroyed {
		t.Fatalf("state %v, %v", f.Items[0].State, err)
	}
	if _, _, err := x.blobs.Open(t.Context(), done.Item); err == nil {
		t.Error("the payload is still there")
	}
	var headers int
	if err := x.db.Read().QueryRow(`SELECT (SELECT count(*) FROM evidence_custody WHERE item = ?1) +
		(SELECT count(*) FROM share_upload WHERE id = ?1 AND length(header) > 0)`, done.Item).Scan(&headers); err != nil || headers > 0 {
		t.Errorf("%d headers are still there, %v", headers, err)
	}
	_, err = x.Withdraw(t.Context(), resident0(), r.token, done.Item)
	if err == nil {
		t.Error("a destroyed clip was withdrawn again")
	}

	r, done = x.shared()
	signed(x, func(by gate.Caller) (*gate.Grant, error) {
		return x.evidence.Triage(t.Context(), by, done.Item, evidence.Triage{Accept: true, Case: "1", Category: "felony"})
	})
	if _, err := x.Withdraw(t.Context(), resident0(), r.token, done.Item); err != nil {
		t.Fatal(err)
	}
	it, err := x.evidence.ByID(t.Context(), done.Item)
	if err != nil || it.State != evidence.WithdrawalRequested {
		t.Errorf("state %v, %v", it.State, err)
	}
}

func TestRelinkEndsTheOldLink(t *testing.T) {
	x := newExchange(t)
	r, done := x.shared()
	first := seal(t, []byte("hello"), x.vault.Recipient(), r.identity.Recipient())
	g, err := x.Write(t.Context(), resident0(), r.token, first)
	if err != nil {
		t.Fatal(err)
	}
	token, hash, id := capabilityOf(t, []byte("a new secret of her own"))
	resealed := map[string][]byte{g.ActID: seal(t, []byte("hello"), x.vault.Recipient(), id.Recipient()), "of-somebody-else": first}
	if _, err := x.Relink(t.Context(), resident0(), r.token, hash, "nonsense", nil); !errors.Is(err, ErrInput) {
		t.Errorf("nonsense as a recipient: %v", err)
	}
	if _, err := x.Relink(t.Context(), resident0(), r.token, hash, id.Recipient().String(), resealed); err != nil {
		t.Fatal(err)
	}
	_, err = x.Follow(t.Context(), r.token)
	want(t, err, ErrUnknown)
	_, err = x.Withdraw(t.Context(), resident0(), r.token, done.Item)
	want(t, err, ErrUnknown)
	f, err := x.Follow(t.Context(), token)
	if err != nil || len(f.Items) != 1 || len(f.Messages) != 1 {
		t.Fatalf("the new link shows %v, %v", f, err)
	}
	if _, err := age.Decrypt(bytes.NewReader(f.Messages[0].Sealed), id); err != nil {
		t.Errorf("the new link cannot read her message: %v", err)
	}
	if recipient, _, err := x.Correspondence(t.Context(), x.gate.Who["cara"], done.Item); err != nil || recipient != id.Recipient().String() {
		t.Errorf("the agency would write to %s, %v", recipient, err)
	}
}

func TestMessagesBothWays(t *testing.T) {
	x := newExchange(t)
	r, done := x.shared()
	for _, bad := range [][]byte{nil, []byte("plain words"), seal(t, make([]byte, MaxMessage), r.identity.Recipient())} {
		_, err := x.Write(t.Context(), resident0(), r.token, bad)
		want(t, err, ErrInput)
	}
	if _, err := x.Write(t.Context(), resident0(), r.token, seal(t, []byte("one"), x.vault.Recipient(), r.identity.Recipient())); err != nil {
		t.Fatal(err)
	}
	signed(x, func(by gate.Caller) (*gate.Grant, error) {
		return x.Reply(t.Context(), by, done.Item, seal(t, []byte("two"), x.vault.Recipient(), r.identity.Recipient()))
	})
	f, err := x.Follow(t.Context(), r.token)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, m := range f.Messages {
		d, err := age.Decrypt(bytes.NewReader(m.Sealed), r.identity)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(d)
		texts = append(texts, fmt.Sprintf("%s %v", text, m.FromOwner))
	}
	if !slices.Equal(texts, []string{"one true", "two false"}) {
		t.Errorf("messages %v", texts)
	}
	stranger := x.gate.Who["cara"]
	stranger.Agency = "IL0169900"
	_, err = x.Reply(t.Context(), gate.Caller{Who: stranger, ActID: gate.NewActID()}, done.Item, f.Messages[0].Sealed)
	want(t, err, ErrUnknown)
	_, _, err = x.Correspondence(t.Context(), stranger, done.Item)
	want(t, err, ErrUnknown)
	_, _, err = x.Correspondence(t.Context(), identity.Resident(), done.Item)
	want(t, err, ErrUnknown)
}

// One neighborhood once sent 168 files to one request.
func TestOneNeighborhood(t *testing.T) {
	x := newExchange(t)
	r := x.resident()
	if err := x.Begin(t.Context(), r.draft); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 168 {
		c, _ := r.upload(10)
		all.Go(func() {
			if _, err := x.Share(t.Context(), resident0(), c); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	f, err := x.Follow(t.Context(), r.token)
	if err != nil || len(f.Items) != 168 {
		t.Errorf("%d items, %v", len(f.Items), err)
	}
}

// Capabilities as the browser derives them: testdata/keys/vectors.json.
func TestCapabilityVectors(t *testing.T) {
	data, err := os.ReadFile("../testdata/keys/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Capability []struct{ Secret, Token, Identity, Recipient string }
	}
	if err := json.Unmarshal(data, &v); err != nil || len(v.Capability) == 0 {
		t.Fatalf("%d vectors, %v", len(v.Capability), err)
	}
	for _, c := range v.Capability {
		secret, err := base64.RawURLEncoding.DecodeString(c.Secret)
		if err != nil {
			t.Fatal(err)
		}
		token, _, id := capabilityOf(t, secret)
		if token != c.Token || id.String() != c.Identity || id.Recipient().String() != c.Recipient {
			t.Errorf("secret %s gives another capability", c.Secret)
		}
	}
}
