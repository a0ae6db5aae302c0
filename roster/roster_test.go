package roster_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/mod/sumdb/note"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/geo"
	"porchlight/identity"
	"porchlight/internal/agekey"
	"porchlight/internal/dbtest"
	"porchlight/internal/softkey"
	"porchlight/ledger"
	"porchlight/policy"
	. "porchlight/roster"
)

const (
	site    = "https://exchange.example"
	city    = "IL0160000"
	sheriff = "IL0160100"
)

// world is an exchange with a real database, ledger, policy and gate.
type world struct {
	*Service
	t      testing.TB
	db     *db.DB
	gate   *gate.Gate
	people *identity.Service
	now    time.Time
	logKey string
}

// person is somebody with a software passkey and what her browser remembers.
type person struct {
	identity.Person
	key    *softkey.Key
	device identity.Bytes
	own    *age.X25519Identity // device identity
}

func TestMain(m *testing.M) {
	dbtest.Main(m, "^(TestRepeats|TestAgencyFromInvitationToVault|TestSuspendRestore|TestFurtherRoleAndDevice|TestPlatesVault)$")
}

func newWorld(t testing.TB) *world {
	t.Helper()
	ctx, dir := t.Context(), t.TempDir()
	w := &world{t: t, now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return w.now }
	var err error
	w.db = dbtest.Open(t)
	skey, vkey, err := ledger.GenerateKey("exchange.example/log")
	must(t, err)
	w.logKey = vkey
	signer, err := note.NewSigner(skey)
	must(t, err)
	log, err := ledger.Open(ctx, ledger.Options{Dir: filepath.Join(dir, "log"), Signer: signer, LogKey: vkey})
	must(t, err)
	t.Cleanup(func() { log.Close() })
	engine, err := policy.Load(policy.Packs())
	must(t, err)
	w.people, err = identity.New(ctx, w.db, identity.Config{Name: "Elm County", BaseURL: site, Now: clock})
	must(t, err)
	directory, err := OpenDirectory(ctx, w.db)
	must(t, err)
	w.gate, err = gate.New(ctx, gate.Options{DB: w.db, Log: log, Policy: engine, Signatures: w.people, Agencies: directory, Now: clock})
	must(t, err)
	w.Service = New(directory, w.gate, w.people)
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t testing.TB, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("got error %v, want %v", err, target)
	}
}

// refused checks that err is a recorded refusal by this rule.
func refused(t testing.TB, err error, rule string) {
	t.Helper()
	var r *gate.Refusal
	if !errors.As(err, &r) || !slices.ContainsFunc(r.Rules, func(x policy.Rule) bool { return x.ID == rule }) {
		t.Fatalf("got %v, want a refusal by %s", err, rule)
	}
}

func invalid(t testing.TB, err error, field string) {
	t.Helper()
	var e *Invalid
	if !errors.As(err, &e) || e.Field != field {
		t.Fatalf("got %v, want an invalid %s", err, field)
	}
}

// do runs an act of p, answering with her passkey when asked.
func (w *world) do(p *person, act func(gate.Caller) error) error {
	w.t.Helper()
	by := gate.Caller{Who: p.Principal(), ActID: gate.NewActID()}
	err := act(by)
	if ask := (*gate.SignatureRequired)(nil); errors.As(err, &ask) {
		by.Assertion = w.answer(p, ask)
		err = act(by)
	}
	return err
}

func (w *world) answer(p *person, ask *gate.SignatureRequired) []byte {
	w.t.Helper()
	answer, err := p.key.Get(ask.Options, site)
	must(w.t, err)
	public, _, err := softkey.Split(answer)
	must(w.t, err)
	return public
}

// enrol takes up an invitation with a new software passkey.
func (w *world) enrol(token string) *person {
	w.t.Helper()
	p := &person{key: softkey.New()}
	must(w.t, w.enrolOn(p, token, gate.NewActID()))
	return p
}

func (w *world) enrolOn(p *person, token, act string) error {
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
	p.device = d.ID
	p.own, err = agekey.Identity(prf, agekey.Device)
	must(w.t, err)
	in := Enrolling{Token: token, Device: d.ID, DeviceRecipient: p.own.Recipient().String()}
	_, _, err = w.Enrol(ctx, act, nil, in)
	ask := (*gate.SignatureRequired)(nil)
	if !errors.As(err, &ask) {
		return err
	}
	_, p.Person, err = w.Enrol(ctx, act, w.answer(p, ask), in)
	return err
}

func invite(w *world) (string, Invite) {
	token := identity.NewToken()
	return token, Invite{TokenHash: identity.TokenHash(token), Expires: w.now.Add(72 * time.Hour)}
}

func (w *world) operator() *person {
	w.t.Helper()
	token := identity.NewToken()
	_, err := w.InviteOperator(w.t.Context(), token)
	must(w.t, err)
	return w.enrol(token)
}

// invited invites name to a role and enrols her.
func (w *world) invited(by *person, name, agency string, role identity.Role) *person {
	w.t.Helper()
	token, inv := invite(w)
	must(w.t, w.do(by, func(c gate.Caller) error {
		_, _, err := w.InvitePerson(w.t.Context(), c, identity.Person{Name: name, Agency: agency}, role, inv)
		return err
	}))
	return w.enrol(token)
}

func newAgency(t testing.TB, ori string, kind Kind) Agency {
	t.Helper()
	area, err := geo.ParsePolygon([]byte(`{"type":"Polygon","coordinates":[[[-89.7,39.7],[-89.6,39.7],[-89.6,39.8],[-89.7,39.8],[-89.7,39.7]]]}`))
	must(t, err)
	return Agency{ORI: ori, Name: "Millbrook " + string(kind), Kind: kind, State: "IL", Contact: "555-0100", Jurisdiction: area}
}

// agency invites an agency, enrols its administrator and makes it active.
func (w *world) agency(op *person, ori string, kind Kind) *person {
	w.t.Helper()
	token, inv := invite(w)
	must(w.t, w.do(op, func(c gate.Caller) error {
		_, _, err := w.InviteAgency(w.t.Context(), c, newAgency(w.t, ori, kind), "Ada Admin", inv)
		return err
	}))
	admin := w.enrol(token)
	must(w.t, w.do(admin, func(c gate.Caller) error {
		_, err := w.EnrolAgency(w.t.Context(), c, "555-0199")
		return err
	}))
	return admin
}

func wrap(t testing.TB, secret string, to age.Recipient) []byte {
	t.Helper()
	var b bytes.Buffer
	out, err := age.Encrypt(&b, to)
	must(t, err)
	_, err = io.WriteString(out, secret)
	must(t, err)
	must(t, out.Close())
	return b.Bytes()
}

func open(t testing.TB, file []byte, with age.Identity) string {
	t.Helper()
	r, err := age.Decrypt(bytes.NewReader(file), with)
	must(t, err)
	b, err := io.ReadAll(r)
	must(t, err)
	return string(b)
}

func (w *world) publish(p *person, vault, recovery *age.X25519Identity) error {
	return w.publishFor(ForEvidence, p, vault, recovery)
}

func (w *world) publishFor(use Use, p *person, vault, recovery *age.X25519Identity) error {
	keys := []WrappedKey{
		{Device: p.device, Age: wrap(w.t, vault.String(), p.own.Recipient())},
		{Age: wrap(w.t, vault.String(), recovery.Recipient())},
	}
	return w.do(p, func(c gate.Caller) error {
		_, err := w.PublishVault(w.t.Context(), c, use, vault.Recipient().String(), keys)
		return err
	})
}

func newIdentity(t testing.TB) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	must(t, err)
	return id
}

func (w *world) actions(object string) (out []string) {
	w.t.Helper()
	rs, err := w.gate.History(w.t.Context(), object)
	must(w.t, err)
	for _, r := range rs {
		out = append(out, r.Entry.Act.Action+" "+r.Outcome)
	}
	return out
}

// From an empty exchange to an agency whose second custodian opens the vault.
func TestAgencyFromInvitationToVault(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	op := w.operator()
	admin := w.agency(op, city, Municipal)
	first := w.invited(admin, "Cara Custodian", city, identity.RoleCustodian)
	second := w.invited(admin, "Carl Custodian", city, identity.RoleCustodian)

	vault, recovery := newIdentity(t), newIdentity(t)
	must(t, w.publish(first, vault, recovery))
	a, err := w.Agency(ctx, city)
	must(t, err)
	if a.Status != Active || a.Contact != "555-0199" || a.Vault == nil || a.Vault.Recipient != vault.Recipient().String() {
		t.Fatalf("agency %+v", a)
	}
	rec, err := w.gate.At(ctx, a.Vault.Entry)
	must(t, err)
	if pub := rec.Entry.Act.Public; pub["recipient"] != a.Vault.Recipient || pub["agency"] != city {
		t.Fatalf("the ledger says %v", pub)
	}

	// Each gets her own wrapped key and the recovery key's, and no other.
	keys, err := w.Keys(ctx, first.Principal())
	must(t, err)
	if len(keys) != 2 || open(t, keys[1].Age, first.own) != vault.String() || open(t, keys[0].Age, recovery) != vault.String() {
		t.Fatalf("keys %+v", keys)
	}
	keys, err = w.Keys(ctx, second.Principal())
	must(t, err)
	if len(keys) != 1 || len(keys[0].Device) != 0 {
		t.Fatalf("a custodian without grant got %+v", keys)
	}
	for _, who := range []identity.Principal{admin.Principal(), op.Principal(), identity.Resident()} {
		if keys, err := w.Keys(ctx, who); err != nil || len(keys) != 0 {
			t.Fatalf("%v got %+v, %v", who.Roles, keys, err)
		}
	}

	// The first custodian sees the second's device, checks its recipient against
	// the entry of her enrolment, and grants.
	members, err := w.Members(ctx, first.Principal(), city)
	must(t, err)
	i := slices.IndexFunc(members, func(m Member) bool { return m.ID == second.ID })
	device := members[i].Devices[0]
	if len(device.Opens) > 0 || device.Recipient != second.own.Recipient().String() {
		t.Fatalf("device %+v", device)
	}
	receipt, err := w.gate.Receipt(ctx, device.Entry, "device_recipient", gate.PrivateSignature)
	must(t, err)
	for _, d := range receipt.Disclosures {
		switch d.Name {
		case "device_recipient":
			if d.Value != device.Recipient {
				t.Fatalf("enrolled with %s", d.Value)
			}
		case gate.PrivateSignature:
			var s identity.Signed
			must(t, json.Unmarshal([]byte(d.Value), &s))
			must(t, s.Verify(receipt.Entry.Act.Bytes(), "exchange.example"))
		}
	}
	grant := func(by *person, to *person) error {
		key := WrappedKey{Vault: a.Vault.Recipient, Device: to.device, Age: wrap(t, vault.String(), to.own.Recipient())}
		return w.do(by, func(c gate.Caller) error { _, err := w.GrantVault(ctx, c, key); return err })
	}
	must(t, grant(first, second))
	keys, err = w.Keys(ctx, second.Principal())
	must(t, err)
	if len(keys) != 2 || open(t, keys[1].Age, second.own) != vault.String() {
		t.Fatalf("keys %+v", keys)
	}
	refused(t, grant(first, admin), "base.vault-custodians")

	// A custodian of another agency can neither grant nor be granted.
	other := w.agency(op, sheriff, County)
	strange := w.invited(other, "Sam Sheriff", sheriff, identity.RoleCustodian)
	want(t, grant(first, strange), ErrNotFound)
	want(t, grant(strange, second), ErrNotFound)
	_, err = w.Members(ctx, strange.Principal(), city)
	want(t, err, ErrNotFound)
	_, err = w.Members(ctx, op.Principal(), city)
	want(t, err, ErrNotFound)

	// A new vault replaces the old as the published one; old keys stay readable.
	must(t, w.publish(first, newIdentity(t), recovery))
	keys, err = w.Keys(ctx, first.Principal())
	must(t, err)
	if len(keys) != 4 {
		t.Fatalf("%d keys after a second vault", len(keys))
	}
	if err := w.publish(first, vault, recovery); err == nil {
		t.Fatal("an old vault was published again")
	}

	// Removed: signed out, disabled, and her wrapped keys are gone.
	cookie, err := w.people.StartSession(ctx, second.ID, second.device)
	must(t, err)
	must(t, w.do(admin, func(c gate.Caller) error { _, err := w.RemovePerson(ctx, c, second.ID); return err }))
	_, err = w.people.Session(ctx, cookie)
	want(t, err, identity.ErrNotFound)
	keys, err = w.Keys(ctx, second.Principal())
	must(t, err)
	if slices.ContainsFunc(keys, func(k WrappedKey) bool { return len(k.Device) > 0 }) {
		t.Fatalf("keys after removal %+v", keys)
	}
	if got := w.actions(second.ID); !slices.Equal(got, []string{"person.invite done", "person.enrol done", "vault.grant done", "person.remove done"}) {
		t.Fatalf("history %v", got)
	}
}

// The vault of plate pictures stands beside that of evidence: investigators may
// have its key and no other, an administrator may make it.
func TestPlatesVault(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	op := w.operator()
	admin := w.agency(op, city, Municipal)
	cara := w.invited(admin, "Cara Custodian", city, identity.RoleCustodian)
	inga := w.invited(admin, "Inga Investigator", city, identity.RoleInvestigator)
	rita := w.invited(admin, "Rita Requester", city, identity.RoleRequester)
	clips, pictures := newIdentity(t), newIdentity(t)
	if r, err := w.PlatesVault(ctx, city); err != nil || r != "" {
		t.Fatalf("%q, %v", r, err)
	}
	must(t, w.publish(cara, clips, newIdentity(t)))
	must(t, w.publishFor(ForPlates, admin, pictures, newIdentity(t)))
	invalid(t, w.publishFor("holidays", cara, newIdentity(t), newIdentity(t)), "use")

	a, err := w.Agency(ctx, city)
	must(t, err)
	if a.Vault.Recipient != clips.Recipient().String() || a.Plates.Recipient != pictures.Recipient().String() {
		t.Fatalf("vaults %+v, %+v", a.Vault, a.Plates)
	}
	if r, err := w.PlatesVault(ctx, city); err != nil || r != a.Plates.Recipient {
		t.Fatalf("%q, %v", r, err)
	}
	for entry, use := range map[uint64]Use{a.Vault.Entry: ForEvidence, a.Plates.Entry: ForPlates} {
		rec, err := w.gate.At(ctx, entry)
		must(t, err)
		if got := UseOf(rec.Entry.Act.Public); got != use {
			t.Errorf("entry %d is of %s, want %s", entry, got, use)
		}
	}
	if UseOf(map[string]string{"recipient": "age1"}) != ForEvidence {
		t.Error("an entry that names no vault is of evidence")
	}

	grant := func(by *person, vault *age.X25519Identity, to *person) error {
		key := WrappedKey{Vault: vault.Recipient().String(), Device: to.device, Age: wrap(t, vault.String(), to.own.Recipient())}
		return w.do(by, func(c gate.Caller) error { _, err := w.GrantVault(ctx, c, key); return err })
	}
	refused(t, grant(cara, clips, inga), "base.vault-custodians")
	must(t, grant(admin, pictures, inga))
	must(t, grant(admin, pictures, cara))
	refused(t, grant(admin, pictures, rita), "base.vault-plates")
	refused(t, grant(inga, pictures, cara), policy.DefaultDeny)

	keys, err := w.Keys(ctx, inga.Principal())
	must(t, err)
	if len(keys) != 1 || keys[0].For != ForPlates || open(t, keys[0].Age, inga.own) != pictures.String() {
		t.Fatalf("keys %+v", keys)
	}
	members, err := w.Members(ctx, inga.Principal(), city)
	must(t, err)
	for _, m := range members {
		want := map[string][]Use{cara.ID: {ForEvidence, ForPlates}, inga.ID: {ForPlates}, admin.ID: {ForPlates}, rita.ID: {}}[m.ID]
		if !slices.Equal(m.Devices[0].Opens, want) {
			t.Errorf("%s opens %v, want %v", m.Name, m.Devices[0].Opens, want)
		}
	}
	// A newer plates vault leaves that of evidence as it is.
	must(t, w.publishFor(ForPlates, cara, newIdentity(t), newIdentity(t)))
	again, err := w.Agency(ctx, city)
	must(t, err)
	if *again.Vault != *a.Vault || again.Plates.Recipient == a.Plates.Recipient {
		t.Fatalf("vaults %+v, %+v", again.Vault, again.Plates)
	}
}

func TestWhoMayInviteWhom(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	op := w.operator()
	admin := w.agency(op, city, Municipal)
	other := w.agency(op, sheriff, County)
	clerk := w.invited(admin, "Rita Requester", city, identity.RoleRequester)
	try := func(by *person, agency string, role identity.Role) error {
		_, inv := invite(w)
		return w.do(by, func(c gate.Caller) error {
			_, _, err := w.InvitePerson(ctx, c, identity.Person{Name: "Nora New", Agency: agency}, role, inv)
			return err
		})
	}
	must(t, try(op, "", identity.RoleModerator))
	must(t, try(op, "", identity.RoleAuditor))
	must(t, try(op, "", identity.RoleOperator))
	refused(t, try(op, city, identity.RoleCustodian), policy.DefaultDeny)
	refused(t, try(op, city, identity.RoleAdmin), policy.DefaultDeny) // not the first
	refused(t, try(other, city, identity.RoleCustodian), policy.DefaultDeny)
	refused(t, try(clerk, city, identity.RoleRequester), policy.DefaultDeny)
	refused(t, try(admin, "", identity.RoleAuditor), policy.DefaultDeny)
	invalid(t, try(admin, city, identity.RoleAuditor), "role")
	invalid(t, try(admin, city, "chief"), "role")
	want(t, try(admin, "IL9999999", identity.RoleRequester), ErrNotFound)

	// The command line may invite the first operator and nobody else.
	_, inv := invite(w)
	_, _, err := w.InvitePerson(ctx, gate.Caller{Who: identity.Operator(), ActID: gate.NewActID()},
		identity.Person{Name: "Eve"}, identity.RoleAuditor, inv)
	refused(t, err, "base.signed-invite")
	_, err = w.InviteOperator(ctx, identity.NewToken())
	refused(t, err, "base.signed-invite")

	// Only the operator invites agencies; an ORI is taken once.
	second := func(by *person, ori string) error {
		_, inv := invite(w)
		return w.do(by, func(c gate.Caller) error {
			_, _, err := w.InviteAgency(ctx, c, newAgency(t, ori, Campus), "Bea", inv)
			return err
		})
	}
	refused(t, second(admin, "IL0160200"), policy.DefaultDeny)
	want(t, second(op, city), ErrExists)

	// People of the exchange are removed by the operator, officers by their own admin.
	remove := func(by, p *person) error {
		return w.do(by, func(c gate.Caller) error { _, err := w.RemovePerson(ctx, c, p.ID); return err })
	}
	want(t, remove(other, clerk), ErrNotFound)
	refused(t, remove(op, clerk), policy.DefaultDeny)
	must(t, remove(admin, clerk))
}

func TestFurtherRoleAndDevice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	op := w.operator()
	admin := w.agency(op, city, Municipal)
	token, inv := invite(w)
	must(t, w.do(admin, func(c gate.Caller) error {
		_, _, err := w.InvitePerson(ctx, c, identity.Person{ID: admin.ID, Agency: city}, identity.RoleCustodian, inv)
		return err
	}))
	laptop := w.enrol(token)
	if laptop.ID != admin.ID || !laptop.Principal().Has(identity.RoleCustodian) || !laptop.Principal().Has(identity.RoleAdmin) {
		t.Fatalf("person %+v", laptop.Person)
	}
	members, err := w.Members(ctx, laptop.Principal(), city)
	must(t, err)
	if len(members) != 1 || len(members[0].Devices) != 2 {
		t.Fatalf("members %+v", members)
	}

	// The device that the vault is wrapped to signs its publication, no other.
	vault, by := newIdentity(t), gate.Caller{Who: laptop.Principal(), ActID: gate.NewActID()}
	keys := []WrappedKey{
		{Device: laptop.device, Age: wrap(t, vault.String(), laptop.own.Recipient())},
		{Age: wrap(t, vault.String(), newIdentity(t).Recipient())},
	}
	publish := func() error {
		_, err := w.PublishVault(ctx, by, ForEvidence, vault.Recipient().String(), keys)
		return err
	}
	ask := (*gate.SignatureRequired)(nil)
	if err := publish(); !errors.As(err, &ask) {
		t.Fatal(err)
	}
	var options map[string]any
	must(t, json.Unmarshal(ask.Options, &options))
	if allowed := options["allowCredentials"].([]any); len(allowed) != 1 {
		t.Errorf("asked %v", allowed)
	}
	delete(options, "allowCredentials")
	ask.Options, err = json.Marshal(options)
	must(t, err)
	by.Assertion = w.answer(admin, ask)
	want(t, publish(), identity.ErrSignature)
	must(t, w.publish(laptop, vault, newIdentity(t)))
}

func TestInvitedAgencyCanOnlyJoin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	op := w.operator()
	token, inv := invite(w)
	must(t, w.do(op, func(c gate.Caller) error {
		_, _, err := w.InviteAgency(ctx, c, newAgency(t, city, Municipal), "Ada", inv)
		return err
	}))
	admin := w.enrol(token)
	w.invited(admin, "Nora", city, identity.RoleCustodian) // may prepare, but nothing else
	refused(t, w.do(admin, func(c gate.Caller) error { _, _, err := w.ReadPrivate(ctx, c, 0, "curious"); return err }), "base.verified")
	join := func() error {
		return w.do(admin, func(c gate.Caller) error { _, err := w.EnrolAgency(ctx, c, "555-0100"); return err })
	}
	must(t, join())
	refused(t, join(), policy.DefaultDeny)
}

func TestSuspendRestore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	op := w.operator()
	admin := w.agency(op, city, Municipal)
	auditor := w.invited(op, "Olga Auditor", "", identity.RoleAuditor)
	suspend := func(by *person, reason string) error {
		return w.do(by, func(c gate.Caller) error { _, err := w.Suspend(ctx, c, city, reason); return err })
	}
	restore := func(by *person) error {
		return w.do(by, func(c gate.Caller) error { _, err := w.Restore(ctx, c, city, "Training done."); return err })
	}
	refused(t, suspend(auditor, " "), "base.agency-suspend-reason")
	refused(t, suspend(op, "x"), policy.DefaultDeny)
	want(t, restore(auditor), ErrState)
	must(t, suspend(auditor, "Searches without case numbers."))
	want(t, suspend(auditor, "again"), ErrState)
	a, err := w.Agency(ctx, city)
	must(t, err)
	if a.Status != Suspended || a.Reason != "Searches without case numbers." {
		t.Fatalf("agency %+v", a)
	}
	_, inv := invite(w)
	refused(t, w.do(admin, func(c gate.Caller) error {
		_, _, err := w.InvitePerson(ctx, c, identity.Person{Name: "Nora", Agency: city}, identity.RoleRequester, inv)
		return err
	}), "base.suspended")
	refused(t, restore(admin), "base.suspended")
	must(t, restore(auditor))

	// The auditor reads the private part of the suspension, on record.
	hist, err := w.gate.History(ctx, city)
	must(t, err)
	i := slices.IndexFunc(hist, func(r gate.Record) bool {
		return r.Entry.Act.Action == "agency.suspend" && r.Outcome == "done"
	})
	read := func(by *person, reason string) (rec gate.Record, err error) {
		err = w.do(by, func(c gate.Caller) error { _, rec, err = w.ReadPrivate(ctx, c, hist[i].Index, reason); return err })
		return rec, err
	}
	_, err = read(auditor, "")
	refused(t, err, "base.private-reason")
	_, err = read(op, "curious")
	refused(t, err, policy.DefaultDeny)
	_, err = read(admin, "curious") // an auditor's act, not of her agency
	refused(t, err, policy.DefaultDeny)
	rec, err := read(auditor, "Yearly review.")
	must(t, err)
	if rec.Private("reason") != "Searches without case numbers." || rec.Private(gate.PrivatePerson) != auditor.ID {
		t.Fatalf("private %+v", rec.Disclosures)
	}
	if got := w.actions(city); got[len(got)-1] != "private.read done" {
		t.Fatalf("history %v", got)
	}
}

// A caller who lost the answer repeats and gets the first result.
func TestRepeats(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	op := w.operator()
	token, inv := invite(w)
	by := gate.Caller{Who: op.Principal(), ActID: gate.NewActID()}
	a := newAgency(t, city, Municipal)
	_, _, err := w.InviteAgency(ctx, by, a, "Ada", inv)
	ask := (*gate.SignatureRequired)(nil)
	if !errors.As(err, &ask) {
		t.Fatal(err)
	}
	by.Assertion = w.answer(op, ask)
	g1, p1, err := w.InviteAgency(ctx, by, a, "Ada", inv)
	must(t, err)
	g2, p2, err := w.InviteAgency(ctx, by, a, "Ada", inv)
	must(t, err)
	if g1.Index != g2.Index || !g2.Replayed || p1.ID != p2.ID {
		t.Fatalf("%+v, %+v", g1, g2)
	}
	_, _, err = w.InviteAgency(ctx, by, a, "Bob", inv)
	want(t, err, gate.ErrActConflict)

	p, act := &person{key: softkey.New()}, gate.NewActID()
	must(t, w.enrolOn(p, token, act))
	in := Enrolling{Token: token, Device: p.device, DeviceRecipient: p.own.Recipient().String()}
	g, again, err := w.Enrol(ctx, act, nil, in)
	must(t, err)
	if !g.Replayed || again.ID != p.ID {
		t.Fatalf("%+v", g)
	}
	_, _, err = w.Enrol(ctx, gate.NewActID(), nil, in)
	want(t, err, identity.ErrInvitation)
}

func TestInputs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	op := w.operator()
	by := gate.Caller{Who: op.Principal(), ActID: gate.NewActID()}
	_, good := invite(w)
	try := func(change func(*Agency), inv Invite) error {
		a := newAgency(t, city, Municipal)
		change(&a)
		_, _, err := w.InviteAgency(ctx, by, a, "Ada", inv)
		return err
	}
	for field, change := range map[string]func(*Agency){
		"ori":          func(a *Agency) { a.ORI = "il0160000" },
		"kind":         func(a *Agency) { a.Kind = "militia" },
		"state":        func(a *Agency) { a.State = "Illinois" },
		"jurisdiction": func(a *Agency) { a.Jurisdiction = geo.Polygon{} },
		"name":         func(a *Agency) { a.Name = " " },
		"contact":      func(a *Agency) { a.Contact = "two\nlines" },
	} {
		invalid(t, try(change, good), field)
	}
	none := func(*Agency) {}
	invalid(t, try(none, Invite{Expires: good.Expires}), "token_hash")
	invalid(t, try(none, Invite{TokenHash: good.TokenHash, Expires: w.now}), "expires")
	invalid(t, try(none, Invite{TokenHash: good.TokenHash, Expires: w.now.Add(31 * 24 * time.Hour)}), "expires")

	admin := w.agency(op, city, Municipal)
	cara := w.invited(admin, "Cara", city, identity.RoleCustodian)
	vault := newIdentity(t)
	by = gate.Caller{Who: cara.Principal(), ActID: gate.NewActID()}
	own := WrappedKey{Device: cara.device, Age: wrap(t, vault.String(), cara.own.Recipient())}
	recovery := WrappedKey{Age: wrap(t, vault.String(), newIdentity(t).Recipient())}
	publish := func(recipient string, keys ...WrappedKey) error {
		_, err := w.PublishVault(ctx, by, ForEvidence, recipient, keys)
		return err
	}
	r := vault.Recipient().String()
	invalid(t, publish("age1nonsense", own, recovery), "recipient")
	invalid(t, publish(r, own), "keys")
	invalid(t, publish(r, recovery), "keys")
	invalid(t, publish(r, own, recovery, recovery), "keys")
	invalid(t, publish(r, own, WrappedKey{Age: []byte("not age")}), "keys")
	invalid(t, publish(r, own, WrappedKey{Age: wrap(t, strings.Repeat("x", 4000), vault.Recipient())}), "keys")
	want(t, publish(r, recovery, WrappedKey{Device: []byte("unknown"), Age: own.Age}), ErrNotFound)
}

func FuzzValidORI(f *testing.F) {
	f.Add("IL0160000")
	f.Fuzz(func(t *testing.T, s string) {
		if ValidORI(s) && (len(s) != 9 || strings.ToUpper(s) != s) {
			t.Fatalf("%q", s)
		}
	})
}
