package sharing_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/geo"
	"porchlight/identity"
	"porchlight/internal/agekey"
	"porchlight/internal/softkey"
	"porchlight/ledger"
	"porchlight/plate"
	. "porchlight/plate/sharing"
	"porchlight/policy"
	"porchlight/roster"
)

const (
	site = "https://exchange.example"
	rpID = "exchange.example"

	city     = "IL0160000" // whose reads they are
	sheriff  = "IL0160100" // next to it
	upstate  = "IL0990000" // 111 km north of it
	olympia  = "WA0340000"
	stranger = "TX0010000"
)

// world is an exchange with a real database, ledger, policy and gate.
type world struct {
	*Service
	t       testing.TB
	db      *db.DB
	log     *ledger.Log
	gate    *gate.Gate
	people  *identity.Service
	roster  *roster.Service
	now     time.Time
	op      *person
	admin   *person // of the city
	auditor *person
}

type person struct {
	identity.Person
	key    *softkey.Key
	device identity.Bytes
}

func newWorld(t testing.TB) *world {
	t.Helper()
	ctx, dir := t.Context(), t.TempDir()
	w := &world{t: t, now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return w.now }
	var err error
	w.db, err = db.Open(ctx, filepath.Join(dir, "p.db"))
	must(t, err)
	t.Cleanup(func() { w.db.Close() })
	skey, vkey, err := ledger.GenerateKey("exchange.example/log")
	must(t, err)
	signer, err := note.NewSigner(skey)
	must(t, err)
	w.log, err = ledger.Open(ctx, ledger.Options{Dir: filepath.Join(dir, "log"), Signer: signer, LogKey: vkey})
	must(t, err)
	t.Cleanup(func() { w.log.Close() })
	engine, err := policy.Load(policy.Packs())
	must(t, err)
	w.people, err = identity.New(ctx, w.db, identity.Config{Name: "Elm County", BaseURL: site, Now: clock})
	must(t, err)
	directory, err := roster.OpenDirectory(ctx, w.db)
	must(t, err)
	w.gate, err = gate.New(ctx, gate.Options{DB: w.db, Log: w.log, Policy: engine, Signatures: w.people, Agencies: directory, Now: clock})
	must(t, err)
	w.roster = roster.New(directory, w.gate, w.people)
	w.Service = w.restart()

	token := identity.NewToken()
	_, err = w.roster.InviteOperator(ctx, token)
	must(t, err)
	w.op = w.enrol(token)
	w.admin = w.enrol(w.agency(city, "IL", -89.7, 39.7))
	must(t, w.do(w.admin, func(c gate.Caller) error { _, err := w.roster.EnrolAgency(ctx, c, "555-0199"); return err }))
	w.agency(sheriff, "IL", -89.6, 39.7)
	w.agency(upstate, "IL", -89.7, 40.8)
	w.agency(olympia, "WA", -122.9, 47)
	w.auditor = w.invited(w.op, "Audrey", "", identity.RoleAuditor)
	return w
}

// restart is the service as it would be after the program began anew.
func (w *world) restart() *Service {
	w.t.Helper()
	s, err := New(w.t.Context(), Options{
		Gate: w.gate, Log: w.log, People: w.people, Site: rpID,
		Jurisdiction: func(ctx context.Context, ori string) (geo.Polygon, error) {
			a, err := w.roster.Agency(ctx, ori)
			return a.Jurisdiction, err
		},
		Peers: func(context.Context) ([]string, error) { return []string{"peer.example/log"}, nil },
	})
	must(w.t, err)
	return s
}

// agency invites an agency with a square of a tenth of a degree; the token
// enrols its administrator.
func (w *world) agency(ori, state string, west, south float64) (token string) {
	w.t.Helper()
	area, err := geo.ParsePolygon(fmt.Appendf(nil, `{"type":"Polygon","coordinates":[[[%g,%g],[%g,%g],[%g,%g],[%g,%g],[%g,%g]]]}`,
		west, south, west+.1, south, west+.1, south+.1, west, south+.1, west, south))
	must(w.t, err)
	token = identity.NewToken()
	inv := roster.Invite{TokenHash: identity.TokenHash(token), Expires: w.now.Add(72 * time.Hour)}
	must(w.t, w.do(w.op, func(c gate.Caller) error {
		_, _, err := w.roster.InviteAgency(w.t.Context(), c, roster.Agency{
			ORI: ori, Name: "Police of " + ori, Kind: roster.Municipal, State: state, Contact: "555-0100", Jurisdiction: area,
		}, "Ada Admin", inv)
		return err
	}))
	return token
}

func (w *world) invited(by *person, name, agency string, role identity.Role) *person {
	w.t.Helper()
	return w.enrol(w.invite(by, identity.Person{Name: name, Agency: agency}, role))
}

func (w *world) invite(by *person, who identity.Person, role identity.Role) (token string) {
	w.t.Helper()
	token = identity.NewToken()
	inv := roster.Invite{TokenHash: identity.TokenHash(token), Expires: w.now.Add(72 * time.Hour)}
	must(w.t, w.do(by, func(c gate.Caller) error {
		_, _, err := w.roster.InvitePerson(w.t.Context(), c, who, role, inv)
		return err
	}))
	return token
}

// enrol takes up an invitation with a new software passkey.
func (w *world) enrol(token string) *person {
	w.t.Helper()
	p := &person{key: softkey.New()}
	w.enrolOn(p, token)
	return p
}

func (w *world) enrolOn(p *person, token string) {
	w.t.Helper()
	ctx := w.t.Context()
	e, err := w.people.BeginEnrol(ctx, token)
	must(w.t, err)
	made, err := p.key.Create(e.Options, site)
	must(w.t, err)
	public, prf, err := softkey.Split(made)
	must(w.t, err)
	d, err := w.people.AddPasskey(ctx, token, "Desk key", public)
	must(w.t, err)
	own, err := agekey.Identity(prf, agekey.Device)
	must(w.t, err)
	p.device = d.ID
	in := roster.Enrolling{Token: token, Device: d.ID, DeviceRecipient: own.Recipient().String()}
	act := gate.NewActID()
	_, _, err = w.roster.Enrol(ctx, act, nil, in)
	_, p.Person, err = w.roster.Enrol(ctx, act, w.answer(p, err), in)
	must(w.t, err)
}

// answer signs what err asks for.
func (w *world) answer(p *person, err error) []byte {
	w.t.Helper()
	ask := (*gate.SignatureRequired)(nil)
	if !errors.As(err, &ask) {
		w.t.Fatalf("no signature is asked for: %v", err)
	}
	answer, err := p.key.Get(ask.Options, site)
	must(w.t, err)
	public, _, err := softkey.Split(answer)
	must(w.t, err)
	return public
}

// do acts as p, who signs when asked.
func (w *world) do(p *person, act func(gate.Caller) error) error {
	w.t.Helper()
	by := gate.Caller{Who: p.Principal(), ActID: gate.NewActID()}
	err := act(by)
	if ask := (*gate.SignatureRequired)(nil); errors.As(err, &ask) {
		by.Assertion = w.answer(p, err)
		err = act(by)
	}
	return err
}

func (w *world) change(p *person, s Setting) error {
	w.t.Helper()
	return w.do(p, func(c gate.Caller) error { _, err := w.Change(w.t.Context(), c, s); return err })
}

// forge appends to the log what only who has its key can append, and keeps the
// signature where the gate would.
func (w *world) forge(e ledger.Entry, signed identity.Signed) uint64 {
	w.t.Helper()
	text, err := json.Marshal(signed)
	must(w.t, err)
	d := ledger.Disclosure{Name: gate.PrivateSignature, Salt: ledger.NewSalt(), Value: string(text)}
	c := d.Commitment()
	e.Signature = &c
	at, err := w.log.Append(w.t.Context(), e)
	must(w.t, err)
	id := gate.NewActID()
	w.sql(`INSERT INTO acts (id, state, digest, at, entry, idx, expires, keep_until) VALUES (?, 'done', ?, 0, ?, ?, 0, 0)`, id, []byte{}, string(e.Bytes()), int64(at))
	w.sql(`INSERT INTO act_private (act, name, salt, value, open) VALUES (?, 'signature', ?, ?, 1)`, id, d.Salt[:], d.Value)
	return at
}

// sign has p's passkey sign an act outside the gate.
func (w *world) sign(p *person, act ledger.Act) identity.Signed {
	w.t.Helper()
	ch, err := w.people.Challenge(w.t.Context(), p.ID, nil, act.Bytes())
	must(w.t, err)
	signed, err := w.people.VerifySignature(w.t.Context(), p.ID, ch.Nonce, act.Bytes(), w.answer(p, &gate.SignatureRequired{Options: ch.Options}))
	must(w.t, err)
	return signed
}

// sql is the operator's hand in the database.
func (w *world) sql(q string, args ...any) {
	w.t.Helper()
	must(w.t, w.db.Write(w.t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(q, args...); return err }))
}

// may asks a service for every agency, and for one of a peer: the letters of
// those let in, s(heriff) u(pstate) o(lympia) x a stranger, p(eer), q another peer.
func (w *world) may(s *Service) (let string) {
	w.t.Helper()
	for _, a := range []struct {
		letter string
		asker  plate.Asker
	}{
		{"s", plate.Asker{Agency: sheriff}}, {"u", plate.Asker{Agency: upstate}}, {"o", plate.Asker{Agency: olympia}},
		{"x", plate.Asker{Agency: stranger, State: "IL"}},
		{"p", plate.Asker{Agency: sheriff, Exchange: "peer.example/log"}}, {"q", plate.Asker{Agency: sheriff, Exchange: "other.example/log"}},
	} {
		p, err := s.May(w.t.Context(), city, a.asker)
		must(w.t, err)
		if p.Allowed {
			let += a.letter
		}
	}
	return let
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
