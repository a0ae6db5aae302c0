package web_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"golang.org/x/mod/sumdb/note"

	"porchlight/canvass"
	"porchlight/feed"
	"porchlight/gate"
	"porchlight/internal/softkey"
	"porchlight/ledger"
	"porchlight/web/i18n"
)

// A server that has every key of the exchange and lies: app/test/liar.mjs opens
// its pages as a resident, one lie after the other. Needs node, the app's
// packages and chromium, as `make test` has.
func TestLyingServer(t *testing.T) {
	t.Parallel()
	var seen map[string]struct{ Alert, Page string }
	w := newTown(t)
	check(t, w.x.Feed.Build(t.Context())) // as the exchange's clock does
	l := newLiar(t, w)
	playOn(t, w, l, "liar.mjs", &seen)
	say := i18n.Lang("en").T
	for lie, key := range map[string]string{
		"feed-key": "unproved.feed-key", "feed-request": "unproved.request", "feed-signature": "ask.feed-signature",
		"request": "unproved.request", "vault": "unproved.vault-key", "vault-unsigned": "unproved.vault-key", "vault-stranger": "unproved.vault-key",
	} {
		if got := seen[lie]; !strings.Contains(got.Alert, say(key)) || strings.Contains(got.Page, say("answer.pick")) || strings.Contains(got.Page, say("ask.share")) {
			t.Errorf("%s: %+v", lie, got)
		}
	}
	for _, truth := range []string{"near", "share"} {
		if got := seen[truth]; got.Alert != "" {
			t.Errorf("without a lie: %+v", got)
		}
	}
	if !strings.Contains(seen["near"].Page, say("ask.share")) || !strings.Contains(seen["share"].Page, say("answer.pick")) {
		t.Errorf("without a lie: %+v", seen)
	}
}

// liar serves a town's pages with the lie that the header "Lie" names.
type liar struct {
	*town
	feed, other       note.Signer // the feed's own key, and one the ledger does not know
	otherKey          string
	recipient         string // of the vault that is the liar's
	unsigned, strange uint64 // entries that publish it
	signature         ledger.Disclosure
}

func newLiar(t *testing.T, w *town) *liar {
	ctx := t.Context()
	l := &liar{town: w}
	key, err := os.ReadFile(filepath.Join(w.x.Dir, "feed.key"))
	check(t, err)
	l.feed, err = note.NewSigner(strings.TrimSpace(string(key)))
	check(t, err)
	skey, vkey, err := feed.NewKey(w.x.Origin)
	check(t, err)
	l.otherKey = vkey
	l.other, err = note.NewSigner(skey)
	check(t, err)
	vault, err := age.GenerateX25519Identity()
	check(t, err)
	l.recipient = vault.Recipient().String()

	// Whoever has the log's key can write what it likes into the log.
	police, err := w.x.Roster.Agency(ctx, "IL0160000")
	check(t, err)
	honest, err := w.x.Log.Entry(ctx, police.Vault.Entry)
	check(t, err)
	forge := func() ledger.Entry {
		e := honest
		e.Act.ID = gate.NewActID()
		e.Act.Public = map[string]string{"agency": police.ORI, "recipient": l.recipient, "enrolment": honest.Act.Public["enrolment"]}
		return e
	}
	l.unsigned, err = w.x.Log.Append(ctx, forge())
	check(t, err)

	// Signed, but by a custodian of the sheriff's.
	e := forge()
	var me struct{ Person struct{ ID string } }
	if status := w.sheriff.get("/me", &me); status != 200 || me.Person.ID == "" {
		t.Fatalf("me: %d %+v", status, me)
	}
	ask, err := w.x.Identity.Challenge(ctx, me.Person.ID, nil, e.Act.Bytes())
	check(t, err)
	answer, err := w.sheriff.key.Get(ask.Options, peopleSite)
	check(t, err)
	public, _, err := softkey.Split(answer)
	check(t, err)
	signed, err := w.x.Identity.VerifySignature(ctx, me.Person.ID, ask.Nonce, e.Act.Bytes(), public)
	check(t, err)
	text, err := json.Marshal(signed)
	check(t, err)
	l.signature = ledger.Disclosure{Name: gate.PrivateSignature, Salt: ledger.NewSalt(), Value: string(text)}
	c := l.signature.Commitment()
	e.Signature = &c
	l.strange, err = w.x.Log.Append(ctx, e)
	check(t, err)
	return l
}

func (l *liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	lie, path := r.Header.Get("Lie"), r.URL.Path
	res := httptest.NewRecorder()
	l.server.ServeHTTP(res, r)
	body := res.Body.Bytes()
	replace := func(old, new string) { body = bytes.ReplaceAll(body, []byte(old), []byte(new)) }
	const told = "A parcel was taken from a porch on Maple St."
	switch {
	case res.Code != 200:
	case path == canvass.FeedPath && lie == "feed-key":
		var index canvass.FeedIndex
		check(l.t, json.Unmarshal(body, &index))
		index.Key = l.otherKey
		var err error
		body, err = json.Marshal(index)
		check(l.t, err)
	case strings.HasPrefix(path, canvass.FeedPath) && path != canvass.FeedPath && strings.HasPrefix(lie, "feed-"):
		text, _, _ := strings.Cut(string(body), "\n\n")
		signer := l.other
		if lie == "feed-request" {
			signer = l.feed
			text = strings.Replace(text, told, "A demonstrator wears a red cap. Where is he?", 1)
		}
		var err error
		body, err = note.Sign(&note.Note{Text: text + "\n"}, signer)
		check(l.t, err)
	case path == "/api/v1/requests/"+l.request && lie == "request":
		replace(told, "A demonstrator wears a red cap.")
	case path == "/api/v1/agencies/IL0160000" && strings.HasPrefix(lie, "vault"):
		police, err := l.x.Roster.Agency(r.Context(), "IL0160000")
		check(l.t, err)
		entry := map[string]uint64{"vault-unsigned": l.unsigned, "vault-stranger": l.strange}[lie]
		if lie == "vault" { // the sheriff's, which is as it should be but for the agency
			sheriff, err := l.x.Roster.Agency(r.Context(), "IL0160100")
			check(l.t, err)
			entry = sheriff.Vault.Entry
		}
		replace(police.Vault.Recipient, l.recipient)
		replace(fmt.Sprintf(`"entry":%d`, police.Vault.Entry), fmt.Sprintf(`"entry":%d`, entry))
	case path == fmt.Sprintf("/ledger/%d/receipt", l.strange):
		receipt, err := l.x.Log.Receipt(r.Context(), l.strange, l.signature)
		check(l.t, err)
		body = receipt.Marshal()
	}
	for k, v := range res.Header() {
		if k != "Content-Length" {
			w.Header()[k] = v
		}
	}
	w.WriteHeader(res.Code)
	w.Write(body)
}
