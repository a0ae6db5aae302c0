package image

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"testing"
	"time"

	"filippo.io/age"

	"porchlight/gate"
	"porchlight/identity"
)

func TestWhoSeesAPicture(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	inga, cara, ada := w.officer(police, identity.RoleInvestigator), w.officer(police, identity.RoleCustodian), w.officer(police, identity.RoleAdmin)
	sam := w.officer(sheriff, identity.RoleInvestigator)
	p := Wanted{w.keep(1), 5}
	lead := Lead{Search: "3"}
	w.led[police+" 3"] = []Wanted{p}
	w.led[police+" hit"] = []Wanted{p}

	for _, by := range []*person{inga, cara} {
		for _, l := range []Lead{lead, {Hit: "hit"}} {
			o, err := by.view(l, p)
			must(t, err)
			by.open(o, 0)
		}
	}
	for _, l := range []Lead{{}, {Search: "4"}, {Hit: "3x"}, {Ask: "x"}} {
		_, err := inga.view(l, p)
		refusedBy(t, err, "base.image-lead")
	}
	_, err := inga.view(lead, Wanted{p.Picture, 6}) // another read
	refusedBy(t, err, "base.image-lead")
	_, err = ada.view(lead, p)
	refusedBy(t, err, "base.default-deny")
	_, err = sam.view(lead, p) // not hers, and nothing led her there
	want(t, err, ErrNotFound)
	w.led[sheriff+" 9"] = []Wanted{p}
	_, err = sam.view(Lead{Search: "9"}, p)
	refusedBy(t, err, "base.image-custody")
	_, err = inga.view(Lead{Search: "3", Hit: "hit"}, p)
	want(t, err, ErrInput)
	_, err = inga.view(lead)
	want(t, err, ErrInput)
	_, err = inga.view(lead, make([]Wanted, MaxView+1)...)
	want(t, err, ErrInput)
	_, err = inga.view(lead, Wanted{"unknown", 5})
	want(t, err, ErrNotFound)

	// The payload is this session's, for a while, of the pictures that were opened.
	id := gate.NewActID()
	o, err := signAs(inga, id, func(c gate.Caller) (*Opened, error) { return w.View(ctx, c, "session", lead, []Wanted{p}) })
	must(t, err)
	payload := func(session, picture string) error {
		body, err := w.Payload(ctx, session, o.Grant.ActID, picture)
		if err == nil {
			body.Close()
		}
		return err
	}
	must(t, payload("session", p.Picture))
	w.restart() // as at another node
	must(t, payload("session", p.Picture))
	want(t, payload("another", p.Picture), ErrClosed)
	want(t, payload("session", w.keep(2)), ErrClosed)
	_, err = signAs(inga, id, func(c gate.Caller) (*Opened, error) { return w.View(ctx, c, "another", lead, []Wanted{p}) })
	want(t, err, ErrClosed)
	w.Stand(police, gate.AgencyFacts{Kind: "municipal", Status: "suspended", State: "IL"})
	want(t, payload("session", p.Picture), ErrClosed)
	w.Stand(police, gate.AgencyFacts{Kind: "municipal", Status: "active", State: "IL"})
	w.Sleep(31 * time.Minute)
	want(t, payload("session", p.Picture), ErrClosed)

	acts := w.entries("image.view")
	if last := acts[len(acts)-1]; last.Public["owner"] != police || last.Public["pictures"] != "1" || last.Private["images"] == (last.Private["reads"]) {
		t.Fatalf("recorded %+v", last)
	}
}

// Another agency asks; the owner's investigator hands on the file key, sealed to
// the asker's vault; she opens it until the share ends.
func TestAskAndShare(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	inga, rita := w.officer(police, identity.RoleInvestigator), w.officer(police, identity.RoleRequester)
	sam, olga := w.officer(sheriff, identity.RoleInvestigator), w.officer(other, identity.RoleInvestigator)
	p := Wanted{w.keep(1), 5}
	lead := Lead{Search: "9"}
	ask := func(by *person, l Lead) (*gate.Grant, error) {
		return sign(by, func(c gate.Caller) (*gate.Grant, error) { return w.Ask(ctx, c, l, p) })
	}
	_, err := ask(sam, lead)
	want(t, err, ErrNotFound) // no search showed it to her
	w.led[sheriff+" 9"] = []Wanted{p}
	asked, err := ask(sam, lead)
	must(t, err)
	_, err = ask(sam, lead)
	want(t, err, ErrAsked)
	w.led[police+" 9"] = []Wanted{p}
	_, err = ask(inga, lead)
	want(t, err, ErrInput) // it is her own

	list := func(by *person) []Ask {
		t.Helper()
		as, err := w.Asks(ctx, by.Principal)
		must(t, err)
		return as
	}
	if as := list(inga); len(as) != 1 || as[0].ID != asked.ActID || as[0].Asker != sheriff || as[0].Search != "9" || as[0].Read != 5 || !as[0].Shared.IsZero() {
		t.Fatalf("police see %+v", as)
	}
	if len(list(sam)) != 1 || len(list(olga)) != 0 {
		t.Fatal("an ask is listed to both and to nobody else")
	}
	_, err = w.Asks(ctx, rita.Principal)
	want(t, err, gate.ErrRole)

	// Inga looks, by way of the ask, and hands it on.
	o, err := inga.view(Lead{Ask: asked.ActID}, p)
	must(t, err)
	inga.open(o, 0)
	_, err = sam.view(Lead{Ask: asked.ActID}, p) // the ask is no lead for who asks
	want(t, err, ErrNotFound)
	key, err := age.DecryptHeader(o.Pictures[0].Header, w.Vault[police])
	must(t, err)
	header := rewrap(t, key, w.Vault[sheriff].Recipient())
	until := w.Now().Add(7 * 24 * time.Hour)
	share := func(by *person, header []byte, until time.Time) error {
		_, err := sign(by, func(c gate.Caller) (*gate.Grant, error) { return w.Share(ctx, c, asked.ActID, header, until) })
		return err
	}
	want(t, share(inga, []byte("nonsense"), until), ErrInput)
	want(t, share(inga, append(header, 'x'), until), ErrInput)
	want(t, share(sam, header, until), ErrNotFound)
	refusedBy(t, share(rita, header, until), "base.default-deny")
	refusedBy(t, share(inga, header, w.Now().Add(31*24*time.Hour)), "base.image-share-asked")
	w.Stand(sheriff, gate.AgencyFacts{Kind: "county", Status: "suspended", State: "IL"})
	refusedBy(t, share(inga, header, until), "base.image-share-asked")
	w.Stand(sheriff, gate.AgencyFacts{Kind: "county", Status: "active", State: "IL"})
	must(t, share(inga, header, until))
	refusedBy(t, share(inga, header, until), "base.image-share-asked") // answered
	if as := list(sam); as[0].Shared.IsZero() || !as[0].Expires.Equal(until) {
		t.Fatalf("the sheriff sees %+v", as)
	}

	o, err = sam.view(lead, p)
	must(t, err)
	if !bytes.Equal(sam.open(o, 0), cleanJPEG(jpegOf(t, 1))) {
		t.Fatal("another picture")
	}
	w.Sleep(until.Sub(w.Now()))
	_, err = sam.view(lead, p)
	refusedBy(t, err, "base.image-custody")
	w.sweep()
	if n := w.count("image_header"); n != 1 {
		t.Fatalf("%d headers after the share ended", n)
	}

	// With the picture the share goes too.
	must(t, w.Drop(ctx, police, w.Now().AddDate(0, 0, -30), w.Now(), 60*24*time.Hour))
	if as := list(sam); !as[0].Gone {
		t.Fatalf("the sheriff sees %+v", as)
	}
}

// rewrap seals a file key as the owner's browser does (lib/vault/age.ts).
func rewrap(t testing.TB, key []byte, to *age.X25519Recipient) []byte {
	t.Helper()
	stanzas, err := to.Wrap(key)
	must(t, err)
	b64 := base64.RawStdEncoding.EncodeToString
	text := fmt.Sprintf("age-encryption.org/v1\n-> X25519 %s\n%s\n---", stanzas[0].Args[0], b64(stanzas[0].Body))
	macKey, err := hkdf.Key(sha256.New, key, nil, "header", 32)
	must(t, err)
	mac := hmac.New(sha256.New, macKey)
	io.WriteString(mac, text)
	return []byte(text + " " + b64(mac.Sum(nil)) + "\n")
}
