package identity_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"porchlight/db"
	. "porchlight/identity"
	"porchlight/internal/dbtest"
	"porchlight/internal/softkey"
)

const origin = "https://exchange.example"

func TestMain(m *testing.M) { dbtest.Main(m, ".") }

// world is an identity service over a real database, and a clock to turn.
type world struct {
	*Service
	t   testing.TB
	db  *db.DB
	now time.Time
}

func newWorld(t testing.TB) *world {
	t.Helper()
	d := dbtest.Open(t)
	w := &world{t: t, db: d, now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	var err error
	w.Service, err = New(t.Context(), d, Config{Name: "Elm County", BaseURL: origin, Now: func() time.Time { return w.now }})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) write(fn func(*sql.Tx) error) error {
	return w.db.Write(context.Background(), fn)
}

// invite adds a person (once) and returns the token of a new invitation for her.
func (w *world) invite(id string, roles ...Role) string {
	w.t.Helper()
	token := NewToken()
	p := Person{ID: id, Name: "Person " + id, Roles: roles}
	if roles[0].AgencyRole() {
		p.Agency = "IL0160000"
	}
	err := w.write(func(tx *sql.Tx) error {
		if _, err := w.Person(w.t.Context(), id); errors.Is(err, ErrNotFound) {
			if err := w.AddPerson(tx, p); err != nil {
				return err
			}
		}
		return w.Invite(tx, Invitation{ID: "inv-" + token[:8], Person: id, TokenHash: TokenHash(token), Expires: w.now.Add(72 * time.Hour)})
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

// enrol makes a passkey on key and enrols it.
func (w *world) enrol(token string, key *softkey.Key) Device {
	w.t.Helper()
	d, err := w.tryEnrol(token, key)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.write(func(tx *sql.Tx) error { return w.FinishEnrol(tx, token, d.ID, "act") }); err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (w *world) tryEnrol(token string, key *softkey.Key) (Device, error) {
	e, err := w.BeginEnrol(w.t.Context(), token)
	if err != nil {
		return Device{}, err
	}
	response, err := key.Create(e.Options, origin)
	if err != nil {
		return Device{}, err
	}
	return w.AddPasskey(w.t.Context(), token, "Desk key", stripPRF(w.t, response))
}

func (w *world) signIn(key *softkey.Key) (string, Principal, error) {
	w.t.Helper()
	options, err := w.BeginSignIn(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return w.SignIn(w.t.Context(), get(w.t, key, options, origin))
}

func get(t testing.TB, key *softkey.Key, options []byte, origin string) []byte {
	t.Helper()
	response, err := key.Get(options, origin)
	if err != nil {
		t.Fatal(err)
	}
	return stripPRF(t, response)
}

// stripPRF removes the PRF output, as every client must before it sends.
func stripPRF(t testing.TB, response []byte) []byte {
	t.Helper()
	public, prf, err := softkey.Split(response)
	if err != nil {
		t.Fatal(err)
	}
	if prf != nil && bytes.Contains(public, []byte("results")) {
		t.Fatal("the PRF output is still there")
	}
	return public
}

func want(t testing.TB, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("got error %v, want %v", err, target)
	}
}

func TestEnrolSignInSignAct(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	key := softkey.New()
	token := w.invite("p1", RoleCustodian, RoleAdmin)

	e, err := w.BeginEnrol(ctx, token)
	if err != nil || e.Person.Name != "Person p1" {
		t.Fatalf("enrolment %+v, %v", e, err)
	}
	device, err := w.tryEnrol(token, key)
	if err != nil {
		t.Fatal(err)
	}
	if device.State != Pending || !device.PRF {
		t.Fatalf("device %+v", device)
	}

	// The pending passkey cannot sign in, but signs the act of its own enrolment.
	_, _, err = w.signIn(key)
	want(t, err, ErrDisabled)
	act := []byte(`{"action":"person.enrol"}`)
	ch, err := w.Challenge(ctx, "p1", nil, act)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := w.VerifySignature(ctx, "p1", ch.Nonce, act, get(t, key, ch.Options, origin))
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(signed)
	if err != nil {
		t.Fatal(err)
	}
	var back Signed
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if err := back.Verify(act, "exchange.example"); err != nil {
		t.Fatal(err)
	}
	want(t, back.Verify([]byte(`{"action":"other"}`), "exchange.example"), ErrSignature)
	want(t, back.Verify(act, "other.example"), ErrSignature)
	back.Signature[10] ^= 1
	want(t, back.Verify(act, "exchange.example"), ErrSignature)

	if err := w.write(func(tx *sql.Tx) error { return w.FinishEnrol(tx, token, device.ID, "act1") }); err != nil {
		t.Fatal(err)
	}
	want(t, w.write(func(tx *sql.Tx) error { return w.FinishEnrol(tx, token, device.ID, "act2") }), ErrInvitation)
	_, err = w.BeginEnrol(ctx, token)
	want(t, err, ErrInvitation)

	cookie, who, err := w.signIn(key)
	if err != nil {
		t.Fatal(err)
	}
	if who.PersonID != "p1" || who.Agency != "IL0160000" || !who.Has(RoleAdmin) || who.Has(RoleAuditor) {
		t.Fatalf("principal %+v", who)
	}
	session, err := w.Session(ctx, cookie)
	if err != nil || !bytes.Equal(session.Device, device.ID) {
		t.Fatalf("session %+v, %v", session, err)
	}
	if err := w.SignOut(ctx, cookie); err != nil {
		t.Fatal(err)
	}
	_, err = w.Session(ctx, cookie)
	want(t, err, ErrNotFound)
}

func TestSecondDevice(t *testing.T) {
	w := newWorld(t)
	first, second := softkey.New(), softkey.New()
	w.enrol(w.invite("p1", RoleRequester), first)
	w.enrol(w.invite("p1", RoleRequester), second)
	for _, key := range []*softkey.Key{first, second} {
		if _, _, err := w.signIn(key); err != nil {
			t.Fatal(err)
		}
	}
	// The same authenticator is not enrolled twice.
	if _, err := w.tryEnrol(w.invite("p1", RoleRequester), first); err == nil {
		t.Fatal("one authenticator was enrolled twice")
	}
}

func TestRefusedAtEnrolment(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	t.Run("unknown token", func(t *testing.T) {
		_, err := w.BeginEnrol(ctx, NewToken())
		want(t, err, ErrInvitation)
	})
	t.Run("expired invitation", func(t *testing.T) {
		token := w.invite("late", RoleRequester)
		e, err := w.BeginEnrol(ctx, token)
		if err != nil {
			t.Fatal(err)
		}
		response, err := softkey.New().Create(e.Options, origin)
		if err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(73 * time.Hour)
		_, err = w.BeginEnrol(ctx, token)
		want(t, err, ErrInvitation)
		_, err = w.AddPasskey(ctx, token, "key", stripPRF(t, response))
		want(t, err, ErrInvitation)
	})
	t.Run("synced passkey", func(t *testing.T) {
		_, err := w.tryEnrol(w.invite("s", RoleRequester), softkey.New(softkey.Synced))
		want(t, err, ErrSyncedPasskey)
	})
	t.Run("no PRF for a custodian", func(t *testing.T) {
		_, err := w.tryEnrol(w.invite("c", RoleCustodian), softkey.New(softkey.NoPRF))
		want(t, err, ErrNoPRF)
	})
	t.Run("no PRF is enough for a moderator", func(t *testing.T) {
		w.enrol(w.invite("m", RoleModerator), softkey.New(softkey.NoPRF))
	})
	t.Run("user not verified", func(t *testing.T) {
		_, err := w.tryEnrol(w.invite("u", RoleRequester), softkey.New(softkey.Unverified))
		want(t, err, ErrSignature)
	})
	t.Run("other origin", func(t *testing.T) {
		token := w.invite("o", RoleRequester)
		e, err := w.BeginEnrol(ctx, token)
		if err != nil {
			t.Fatal(err)
		}
		response, err := softkey.New().Create(e.Options, "https://evil.exchange.example")
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.AddPasskey(ctx, token, "key", stripPRF(t, response))
		want(t, err, ErrSignature)
	})
	t.Run("answer to another invitation", func(t *testing.T) {
		a, b := w.invite("a", RoleRequester), w.invite("b", RoleRequester)
		e, err := w.BeginEnrol(ctx, a)
		if err != nil {
			t.Fatal(err)
		}
		response, err := softkey.New().Create(e.Options, origin)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.AddPasskey(ctx, b, "key", stripPRF(t, response))
		want(t, err, ErrSignature)
	})
	t.Run("PRF output sent along", func(t *testing.T) {
		token := w.invite("prf", RoleRequester)
		e, err := w.BeginEnrol(ctx, token)
		if err != nil {
			t.Fatal(err)
		}
		response, err := softkey.New().Create(e.Options, origin)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.AddPasskey(ctx, token, "key", response)
		want(t, err, ErrSignature)
	})
	t.Run("role without its agency", func(t *testing.T) {
		err := w.write(func(tx *sql.Tx) error {
			return w.AddPerson(tx, Person{ID: "x", Name: "X", Roles: []Role{RoleCustodian}})
		})
		if err == nil {
			t.Fatal("a custodian without agency was added")
		}
	})
}

func TestRefusedSignatures(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	key, other := softkey.New(), softkey.New()
	device := w.enrol(w.invite("p1", RoleRequester), key)
	w.enrol(w.invite("p2", RoleRequester), other)
	act := []byte(`{"action":"request.post"}`)
	challenge := func() Challenge {
		t.Helper()
		ch, err := w.Challenge(ctx, "p1", nil, act)
		if err != nil {
			t.Fatal(err)
		}
		return ch
	}
	verify := func(ch Challenge, act, assertion []byte) error {
		_, err := w.VerifySignature(ctx, "p1", ch.Nonce, act, assertion)
		return err
	}

	ch := challenge()
	want(t, verify(ch, []byte("another act"), get(t, key, ch.Options, origin)), ErrSignature)
	want(t, verify(challenge(), act, get(t, key, ch.Options, origin)), ErrSignature) // other nonce

	// A site on a sibling host, and one with another RP ID.
	want(t, verify(ch, act, get(t, key, ch.Options, "https://sub.exchange.example")), ErrSignature)
	elsewhere := map[string]any{}
	if err := json.Unmarshal(ch.Options, &elsewhere); err != nil {
		t.Fatal(err)
	}
	elsewhere["rpId"] = "elsewhere.example"
	options, err := json.Marshal(elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := key.Get(options, "https://elsewhere.example"); !errors.Is(err, softkey.ErrNoCredential) {
		t.Fatalf("a passkey answered another site: %v", err)
	}

	// Somebody else's passkey.
	theirs, err := w.Challenge(ctx, "p2", nil, act)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.VerifySignature(ctx, "p1", theirs.Nonce, act, get(t, other, theirs.Options, origin))
	want(t, err, ErrSignature)
	_, err = w.VerifySignature(ctx, "", ch.Nonce, act, get(t, key, ch.Options, origin))
	want(t, err, ErrNotFound)

	// Garbage, and more than anybody needs.
	for _, junk := range [][]byte{nil, []byte("{"), []byte(`{"id":""}`), bytes.Repeat([]byte("x"), 1<<20)} {
		want(t, verify(ch, act, junk), ErrSignature)
	}

	// A replay is refused and does not harm the passkey.
	ch = challenge()
	assertion := get(t, key, ch.Options, origin)
	if err := verify(ch, act, assertion); err != nil {
		t.Fatal(err)
	}
	want(t, verify(ch, act, assertion), ErrReplayed)
	if _, _, err := w.signIn(key); err != nil {
		t.Fatal(err)
	}

	// A copy answers with a counter seen before: refused, and the passkey is out.
	cookie, _, err := w.signIn(key)
	if err != nil {
		t.Fatal(err)
	}
	thief := key.Clone()
	ch = challenge()
	if err := verify(ch, act, get(t, key, ch.Options, origin)); err != nil {
		t.Fatal(err)
	}
	ch = challenge()
	want(t, verify(ch, act, get(t, thief, ch.Options, origin)), ErrCloned)
	want(t, verify(ch, act, get(t, key, ch.Options, origin)), ErrDisabled)
	_, _, err = w.signIn(key)
	want(t, err, ErrDisabled)
	_, err = w.Session(ctx, cookie)
	want(t, err, ErrNotFound)
	_, err = w.Challenge(ctx, "p1", nil, act)
	want(t, err, ErrNotFound)
	devices, err := w.Devices(ctx, "p1")
	if err != nil || len(devices) != 1 || devices[0].State != Disabled || !bytes.Equal(devices[0].ID, device.ID) {
		t.Fatalf("devices %+v, %v", devices, err)
	}
}

// One assertion sent many times at once is accepted once.
func TestReplayRace(t *testing.T) {
	w := newWorld(t)
	key := softkey.New()
	w.enrol(w.invite("p1", RoleRequester), key)
	act := []byte("act")
	ch, err := w.Challenge(t.Context(), "p1", nil, act)
	if err != nil {
		t.Fatal(err)
	}
	assertion := get(t, key, ch.Options, origin)
	var accepted, replayed int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			_, err := w.VerifySignature(t.Context(), "p1", ch.Nonce, act, assertion)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				accepted++
			case errors.Is(err, ErrReplayed):
				replayed++
			}
		})
	}
	wg.Wait()
	if accepted != 1 || replayed != 7 {
		t.Fatalf("%d accepted, %d replayed", accepted, replayed)
	}
}

func TestSignInReplayAndAge(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	key := softkey.New()
	w.enrol(w.invite("p1", RoleRequester), key)
	options, err := w.BeginSignIn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	response := get(t, key, options, origin)
	if _, _, err := w.SignIn(ctx, response); err != nil {
		t.Fatal(err)
	}
	_, _, err = w.SignIn(ctx, response)
	want(t, err, ErrReplayed)
	_, _, err = w.SignIn(ctx, get(t, key, options, origin)) // same challenge, fresh answer
	want(t, err, ErrReplayed)

	old, err := w.BeginSignIn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(11 * time.Minute)
	_, _, err = w.SignIn(ctx, get(t, key, old, origin))
	want(t, err, ErrSignature)

	// An act's signature is no sign-in.
	ch, err := w.Challenge(ctx, "p1", nil, []byte("act"))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = w.SignIn(ctx, get(t, key, ch.Options, origin))
	want(t, err, ErrSignature)
}

func TestSessionsEnd(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	key := softkey.New()
	w.enrol(w.invite("p1", RoleRequester), key)
	signIn := func() string {
		t.Helper()
		cookie, _, err := w.signIn(key)
		if err != nil {
			t.Fatal(err)
		}
		return cookie
	}
	alive := func(cookie string, yes bool) {
		t.Helper()
		_, err := w.Session(ctx, cookie)
		if yes && err != nil || !yes && !errors.Is(err, ErrNotFound) {
			t.Fatalf("session: %v, want alive %v", err, yes)
		}
	}

	idle := signIn()
	w.now = w.now.Add(SessionIdle)
	alive(idle, false)

	busy := signIn()
	for range 24 {
		w.now = w.now.Add(29 * time.Minute)
		alive(busy, true)
	}
	w.now = w.now.Add(29 * time.Minute) // 12 h 5 min after sign-in
	alive(busy, false)

	removed := signIn()
	alive(removed, true)
	if err := w.write(func(tx *sql.Tx) error { return w.RemovePerson(tx, "p1") }); err != nil {
		t.Fatal(err)
	}
	alive(removed, false)
	alive("", false)
	_, _, err := w.signIn(key)
	want(t, err, ErrDisabled)
	want(t, w.write(func(tx *sql.Tx) error {
		return w.Invite(tx, Invitation{ID: "again", Person: "p1", Expires: w.now.Add(time.Hour)})
	}), ErrNotFound)
}

// What passkeys evaluate is shared with the app and fixed for ever.
func TestPRFInput(t *testing.T) {
	data, err := os.ReadFile("../testdata/keys/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		PRFInput string `json:"prf_input"`
	}
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	options, err := newWorld(t).BeginSignIn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := `"extensions":{"prf":{"eval":{"first":"` + v.PRFInput + `"}}}`; !bytes.Contains(options, []byte(want)) {
		t.Fatalf("options %s lack %s", options, want)
	}
}

func TestBaseURL(t *testing.T) {
	d := dbtest.Open(t)
	for url, ok := range map[string]bool{
		"https://a.example": true, "http://localhost:8080": true,
		"http://a.example": false, "https://192.0.2.1": false, "": false, "localhost:8080": false,
	} {
		if _, err := New(t.Context(), d, Config{Name: "x", BaseURL: url}); (err == nil) != ok {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func FuzzVerifySignature(f *testing.F) {
	w := newWorld(f)
	key := softkey.New()
	w.enrol(w.invite("p1", RoleRequester), key)
	act := []byte("act")
	ch, err := w.Challenge(f.Context(), "p1", nil, act)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(get(f, key, ch.Options, "https://other.example."+"exchange.example"))
	f.Fuzz(func(t *testing.T, assertion []byte) {
		if _, err := w.VerifySignature(context.Background(), "p1", ch.Nonce, act, assertion); err == nil {
			t.Fatal("accepted")
		}
	})
}
