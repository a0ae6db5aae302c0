package client_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"porchlight/gate"
	"porchlight/internal/testworld"
	"porchlight/ledger"
	"porchlight/share/client"
	"porchlight/web"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// proxy stands between a device and an exchange; meddle may answer in its place.
func proxy(t *testing.T, to string, meddle func(w http.ResponseWriter, r *http.Request) (done bool)) string {
	u, err := url.Parse(to)
	must(t, err)
	p := httputil.NewSingleHostReverseProxy(u)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if meddle == nil || !meddle(w, r) {
			p.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func at(w *testworld.World, url string) *client.Exchange {
	return &client.Exchange{URL: url, Ledger: ledger.Verifier{LogKey: w.LogKey}, Piece: 64 << 10,
		Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
}

// film writes n random bytes.
func film(t *testing.T, n int) (file string, data []byte) {
	data = make([]byte, n)
	rand.Read(data)
	file = filepath.Join(t.TempDir(), "film.mp4")
	must(t, os.WriteFile(file, data, 0o600))
	return file, data
}

func answer(t *testing.T, x *client.Exchange, request, file string) *client.Answer {
	asked, err := x.Request(t.Context(), request)
	must(t, err)
	a := client.NewAnswer(asked)
	a.Message = "The van came twice."
	a.Add(file, "Front door, 21:04.mp4", 12.5, client.Edits{Muted: true, Trimmed: &client.Trim{Start: 3, End: 15.5}})
	must(t, a.Agree("es", client.Identity{Disclosure: client.ByEmail, Email: "ann@resident.example", Address: "1 Maple Street"}))
	return a
}

func TestAnswers(t *testing.T) {
	w := testworld.Start(t, nil)
	t.Run("goes on after a crash at every step", func(t *testing.T) { crashes(t, w) })
	t.Run("goes on over a broken line", func(t *testing.T) { brokenLine(t, w) })
	t.Run("follow, write, withdraw", func(t *testing.T) { follow(t, w) })
	t.Run("an exchange that lies", func(t *testing.T) { lies(t, w) })
}

var errCrash = errors.New("the power went")

// crashes ends the program before or after each write of the answer, and goes on
// with what was written.
func crashes(t *testing.T, w *testworld.World) {
	x := at(w, w.URL)
	file, data := film(t, 300_000)
	dir := t.TempDir()
	kept, err := json.Marshal(answer(t, x, w.Request.ID, file))
	must(t, err)
	var a *client.Answer
	for step := 0; ; step++ {
		if step > 40 {
			t.Fatal("it does not come to an end")
		}
		a = new(client.Answer)
		must(t, json.Unmarshal(kept, a))
		calls := 0
		err := x.Send(t.Context(), a, client.Sending{Dir: dir, Keep: func() error {
			calls++
			if calls == 1 && step%2 == 0 {
				return errCrash // before it was written
			}
			var err error
			if kept, err = json.Marshal(a); err != nil || calls == 2 || step%2 == 1 {
				return errors.Join(err, errCrash)
			}
			return nil
		}})
		if err == nil {
			break
		}
		if !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
	}
	if !a.Sent() {
		t.Error("sent, but not by its own account")
	}
	f, err := x.Follow(t.Context(), a)
	must(t, err)
	if len(f.Clips) != 1 || f.Clips[0].Item != a.Clips[0].Item {
		t.Errorf("one film became %+v", f.Clips)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("%s lies about", left[0].Name())
	}
	must(t, testworld.Accept(t.Context(), w.Police.Custodian, a.Clips[0].Item))
	clip, letter, err := w.Police.Custodian.View(t.Context(), a.Clips[0].Item, "criminal-investigation")
	must(t, err)
	if !bytes.Equal(clip, data) {
		t.Error("the custodian opens another film")
	}
	if letter.Message != a.Message || letter.Identity.Email != "ann@resident.example" || letter.Identity.Address != "" || letter.PlaintextSHA256 != a.Clips[0].SHA256 ||
		letter.Edits.Trimmed.End != 15.5 || !letter.Edits.Muted || letter.Filename != "Front door, 21:04.mp4" {
		t.Errorf("the letter says %+v", letter)
	}
	r, err := client.Permitted(a.Clips[0].Receipt, x.Ledger, "submission.share")
	must(t, err)
	opened := map[string]bool{}
	for _, d := range r.Disclosures {
		opened[d.Name] = true
	}
	if !opened["plaintext_sha256"] || !opened["ciphertext_sha256"] {
		t.Errorf("her receipt opens %v", opened)
	}
}

// brokenLine cuts pieces in the middle and answers that the exchange is down.
func brokenLine(t *testing.T, w *testworld.World) {
	var n, resumed atomic.Int64
	x := at(w, proxy(t, w.URL, func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodHead {
			resumed.Add(1)
		}
		if r.Method != http.MethodPatch {
			return false
		}
		switch n.Add(1) % 3 {
		case 1: // passes on half of it, and the line breaks
			half, err := http.NewRequestWithContext(r.Context(), r.Method, w.URL+r.URL.Path, http.MaxBytesReader(nil, r.Body, r.ContentLength/2))
			if err == nil {
				half.Header, half.ContentLength = r.Header, r.ContentLength
				var r *http.Response
				if r, err = http.DefaultTransport.RoundTrip(half); err == nil { // refused at once, as the try before still holds the upload
					r.Body.Close()
					if r.StatusCode < 300 {
						t.Error("half a piece was taken for a whole")
					}
				}
			}
			panic(http.ErrAbortHandler)
		case 2:
			rw.WriteHeader(http.StatusBadGateway)
			return true
		}
		return false
	}))
	file, _ := film(t, 200_000)
	a := answer(t, x, w.Request.ID, file)
	must(t, x.Send(t.Context(), a, client.Sending{Dir: t.TempDir(), Keep: func() error { return nil }}))
	if resumed.Load() < 4 {
		t.Errorf("it asked %d times where it stood", resumed.Load())
	}

	// While nobody answers, or what is sent does not arrive, it gives up for now, and says so.
	for _, method := range []string{http.MethodPost, http.MethodPatch} {
		x = at(w, proxy(t, w.URL, func(rw http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, "/uploads") && r.Method == method {
				panic(http.ErrAbortHandler)
			}
			return false
		}))
		a = answer(t, x, w.Request.ID, file)
		kept := 0
		err := x.Send(t.Context(), a, client.Sending{Dir: t.TempDir(), Keep: func() error { kept++; return nil }})
		if !client.Temporary(err) || kept == 0 {
			t.Errorf("an exchange that does not answer %s: %v", method, err)
		}
	}
}

func follow(t *testing.T, w *testworld.World) {
	x := at(w, w.URL)
	file, _ := film(t, 1000)
	a := answer(t, x, w.Request.ID, file)
	must(t, x.Send(t.Context(), a, client.Sending{Dir: t.TempDir(), Keep: func() error { return nil }}))
	item := a.Clips[0].Item
	must(t, testworld.Accept(t.Context(), w.Police.Custodian, item))
	_, _, err := w.Police.Custodian.View(t.Context(), item, "criminal-investigation")
	must(t, err)
	receipt, err := x.Withdraw(t.Context(), a, gate.NewActID(), item)
	must(t, err)
	if _, err := client.Permitted(receipt, x.Ledger, "submission.withdraw"); err != nil {
		t.Error(err)
	}
	message, err := a.Compose("Please delete it.")
	must(t, err)
	_, err = x.Write(t.Context(), a, gate.NewActID(), message)
	must(t, err)

	f, err := x.Follow(t.Context(), a)
	must(t, err)
	var said []string
	for _, e := range f.Clips[0].Events {
		_, err := x.Prove(t.Context(), a, item, e)
		must(t, err)
		said = append(said, e.Action)
		e.Actor = "operator"
		if _, err := x.Prove(t.Context(), a, item, e); !errors.Is(err, client.ErrUnproved) {
			t.Errorf("another actor of %s: %v", e.Action, err)
		}
	}
	if got := strings.Join(said, " "); got != "submission.share item.triage item.view submission.withdraw" {
		t.Errorf("her clip's acts: %s", got)
	}
	if f.Clips[0].State != "withdrawal-requested" || f.Request.State != "open" || f.Consent != a.Consent {
		t.Errorf("followed: %+v", f)
	}
	text, err := a.Read(f.Messages[0])
	must(t, err)
	if text != "Please delete it." {
		t.Errorf("her message reads %q", text)
	}
	if _, err := a.Compose(strings.Repeat("x", 20_000)); !errors.Is(err, client.ErrTooLong) {
		t.Errorf("a long message: %v", err)
	}
	// What this package reads is what the API says.
	header, err := a.Capability()
	must(t, err)
	req, err := http.NewRequest("GET", w.URL+"/api/v1/clips", nil)
	must(t, err)
	req.Header = header
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	defer res.Body.Close()
	var theirs web.FollowedSubmission
	must(t, json.NewDecoder(res.Body).Decode(&theirs))
	for i, e := range theirs.Clips[0].Events {
		if mine := f.Clips[0].Events[i]; fmt.Sprint(mine) != fmt.Sprint(e) {
			t.Errorf("event %d: %v, the API says %v", i, mine, e)
		}
	}

	stranger := client.NewAnswer(a.Asked)
	var p *client.Problem
	if _, err := x.Follow(t.Context(), stranger); !errors.As(err, &p) || p.Status != http.StatusNotFound {
		t.Errorf("another link: %v", err)
	}
}

// lies: whatever an exchange says beside its ledger, nothing leaves the device
// for a key that the ledger does not show, and no proof is taken for another.
func lies(t *testing.T, w *testworld.World) {
	file, _ := film(t, 1000)
	honest := at(w, w.URL)
	asked, err := honest.Request(t.Context(), w.Request.ID)
	must(t, err)
	var sheriff struct {
		Vault struct{ Entry uint64 } `json:"vault"`
	}
	must(t, w.Moderator.Get(t.Context(), "/agencies/"+w.Sheriff.ORI, &sheriff))
	redirect := func(from, to uint64) func(http.ResponseWriter, *http.Request) bool {
		return func(rw http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == fmt.Sprintf("/ledger/%d/receipt", from) {
				r.URL.Path = fmt.Sprintf("/ledger/%d/receipt", to)
			}
			return false
		}
	}
	for name, c := range map[string]struct {
		change func(*client.Asked)
		meddle func(http.ResponseWriter, *http.Request) bool
	}{
		"names another agency's vault": {change: func(a *client.Asked) { a.VaultEntry = sheriff.Vault.Entry }},
		"shows another agency's vault": {meddle: redirect(asked.VaultEntry, sheriff.Vault.Entry)},
		"names no vault":               {change: func(a *client.Asked) { a.VaultEntry = 0 }},
		"changed the request":          {change: func(a *client.Asked) { a.Content.Narrative += " Everything helps." }},
		"moved the window":             {change: func(a *client.Asked) { a.Content.From = a.Content.From.Add(-time.Hour) }},
		"has another key":              {change: func(a *client.Asked) { a.Receipt = strings.Replace(a.Receipt, "\n— ", "\n— x", 1) }},
	} {
		var sent atomic.Int64
		x := at(w, proxy(t, w.URL, func(rw http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodGet {
				sent.Add(1)
			}
			return c.meddle != nil && c.meddle(rw, r)
		}))
		lied := asked
		if c.change != nil {
			c.change(&lied)
		}
		a := client.NewAnswer(lied)
		a.Add(file, "a.mp4", 1, client.Edits{})
		must(t, a.Agree("en", client.Identity{Disclosure: client.ThroughPorchlight}))
		dir := t.TempDir()
		err := x.Send(t.Context(), a, client.Sending{Dir: dir, Keep: func() error { return nil }})
		if !errors.Is(err, client.ErrUnproved) {
			t.Errorf("an exchange that %s: %v", name, err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 || sent.Load() > 0 || a.Vault != "" {
			t.Errorf("an exchange that %s: %d requests went out, %d films were sealed", name, sent.Load(), len(left))
		}
	}

	// A receipt of another clip is no receipt of this one.
	other := w.Accepted.Receipts[0]
	x := at(w, proxy(t, w.URL, func(rw http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/clips") && r.Method == http.MethodPost {
			json.NewEncoder(rw).Encode(map[string]string{"item": w.Accepted.Items[0], "receipt": other})
			return true
		}
		return false
	}))
	a := answer(t, x, w.Request.ID, file)
	if err := x.Send(t.Context(), a, client.Sending{Dir: t.TempDir(), Keep: func() error { return nil }}); !errors.Is(err, client.ErrUnproved) || a.Sent() {
		t.Errorf("the receipt of another clip: %v", err)
	}

	// A ledger of another key, and a quorum that is not there.
	for _, v := range []ledger.Verifier{{LogKey: "exchange.example/log+a14540b0+ATk69k7euDQ7I94a4tm91h7oWjFp+huM7LSLvoNbC42K"}, {LogKey: w.LogKey, Quorum: 1}} {
		x := at(w, w.URL)
		x.Ledger = v
		if _, err := x.Vault(t.Context(), w.Police.ORI, asked.VaultEntry, client.Evidence); !errors.Is(err, client.ErrUnproved) {
			t.Errorf("checked with %+v: %v", v, err)
		}
	}
}

// trust is testdata/keys/trust.json, which the app is tested with too.
type trust struct {
	LogKey    string `json:"log_key"`
	Agency    string
	Vault     string
	Published string
	Enrolment string
	Forged    string
	Elsewhere string
}

func vectors(t *testing.T, name string) (v trust) {
	data, err := os.ReadFile("../../testdata/keys/" + name)
	must(t, err)
	must(t, json.Unmarshal(data, &v))
	return v
}

func TestCheckVault(t *testing.T) {
	v, plates := vectors(t, "trust.json"), vectors(t, "trust-plates.json")
	for _, c := range []struct {
		trust
		use client.Use
	}{{v, client.Evidence}, {plates, client.Plates}} {
		got, err := client.CheckVault(c.Published, c.Enrolment, ledger.Verifier{LogKey: c.LogKey}, c.Agency, c.use)
		must(t, err)
		if got.String() != c.Vault {
			t.Errorf("the vault for %s is %s", c.use, got)
		}
	}
	unsigned := v.Published[:strings.Index(v.Published, "disclose signature")] + v.Published[strings.Index(v.Published, "\n\n")+1:]
	for name, c := range map[string]struct {
		published, enrolment, agency string
		use                          client.Use
	}{
		"is of another agency":        {v.Published, v.Enrolment, "IL0160100", client.Evidence},
		"is for plates":               {plates.Published, plates.Enrolment, plates.Agency, client.Evidence},
		"is for clips":                {v.Published, v.Enrolment, v.Agency, client.Plates},
		"does not show its signature": {unsigned, v.Enrolment, v.Agency, client.Evidence},
		"comes without its enrolment": {v.Published, v.Published, v.Agency, client.Evidence},
		"comes with another one":      {v.Published, v.Elsewhere, v.Agency, client.Evidence},
		"was signed by another":       {v.Forged, v.Elsewhere, v.Agency, client.Evidence},
		"names somebody else's":       {v.Forged, v.Enrolment, v.Agency, client.Evidence},
		"is no publication":           {v.Enrolment, v.Enrolment, v.Agency, client.Evidence},
		"is no receipt":               {"hello", v.Enrolment, v.Agency, client.Evidence},
		"has no enrolment":            {v.Published, "hello", v.Agency, client.Evidence},
	} {
		key := v.LogKey
		if strings.Contains(name, "plates") {
			key = plates.LogKey
		}
		if got, err := client.CheckVault(c.published, c.enrolment, ledger.Verifier{LogKey: key}, c.agency, c.use); !errors.Is(err, client.ErrUnproved) {
			t.Errorf("a vault that %s: %v, %v", name, got, err)
		}
	}
}
