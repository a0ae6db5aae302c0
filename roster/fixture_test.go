package roster_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"testing"

	"porchlight/gate"
	"porchlight/identity"
	"porchlight/ledger"
	. "porchlight/roster"
)

var update = flag.Bool("update", false, "write testdata/keys/trust.json anew")

// trust.json was made before an agency had more than one vault: its entry does
// not say which it publishes. It is never made anew.
const (
	fixture       = "../testdata/keys/trust.json"
	platesFixture = "../testdata/keys/trust-plates.json"
)

// trust is what the app checks too (web/app/src/lib/keys): a device's enrolment
// as its colleagues get it, and a vault key as the world gets it.
type trust struct {
	LogKey    string         `json:"log_key"`
	Agency    string         `json:"agency"`
	Receipt   string         `json:"receipt"` // of the device's enrolment
	Device    identity.Bytes `json:"device"`
	Recipient string         `json:"recipient"` // of the device

	Vault     string `json:"vault"`     // recipient
	Published string `json:"published"` // receipt of vault.publish
	Enrolment string `json:"enrolment"` // receipt of the enrolment it names

	// What a server that lies could write into the log it has the key of: a vault
	// of its own for the agency, signed by somebody of another agency.
	Forged    string `json:"forged"`
	Elsewhere string `json:"elsewhere"` // receipt of that passkey's enrolment
}

func TestTrust(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newWorld(t)
	receipt := func(entry uint64) string {
		r, err := w.gate.Receipt(ctx, entry)
		must(t, err)
		return string(r.Marshal())
	}
	op := w.operator()
	admin := w.agency(op, city, Municipal)
	cara := w.invited(admin, "Cara \"É\" <Custodian> \u2028", city, identity.RoleCustodian)
	enrolled, err := w.EnrolmentReceipt(ctx, admin.Principal(), cara.device)
	must(t, err)
	vault := newIdentity(t)
	must(t, w.publishFor(ForPlates, cara, vault, newIdentity(t)))
	a, err := w.Agency(ctx, city)
	must(t, err)
	sam := w.invited(w.agency(op, sheriff, County), "Sam", sheriff, identity.RoleCustodian)
	members, err := w.Members(ctx, sam.Principal(), sheriff)
	must(t, err)
	var elsewhere uint64
	for _, m := range members {
		if m.ID == sam.ID {
			elsewhere = m.Devices[0].Entry
		}
	}

	published, err := w.gate.Receipt(ctx, a.Plates.Entry)
	must(t, err)
	act := published.Entry.Act
	act.ID = gate.NewActID()
	act.Public = map[string]string{"agency": city, "recipient": newIdentity(t).Recipient().String(), "enrolment": fmt.Sprint(elsewhere)}
	ask, err := w.people.Challenge(ctx, sam.ID, nil, act.Bytes())
	must(t, err)
	signed, err := w.people.VerifySignature(ctx, sam.ID, ask.Nonce, act.Bytes(), w.answer(sam, &gate.SignatureRequired{Options: ask.Options}))
	must(t, err)
	text, err := json.Marshal(signed)
	must(t, err)
	signature := ledger.Disclosure{Name: gate.PrivateSignature, Salt: ledger.NewSalt(), Value: string(text)}
	c := signature.Commitment()
	at, err := w.gate.Log.Append(ctx, ledger.Entry{V: 1, Act: act, Decision: published.Entry.Decision, Signature: &c})
	must(t, err)
	forged, err := w.gate.Log.Receipt(ctx, at, signature)
	must(t, err)

	made := trust{
		LogKey: w.logKey, Agency: city, Receipt: string(enrolled.Marshal()), Device: cara.device, Recipient: cara.own.Recipient().String(),
		Vault: vault.Recipient().String(), Published: receipt(a.Plates.Entry),
		Forged: string(forged.Marshal()), Elsewhere: receipt(elsewhere),
	}
	var index uint64
	_, err = fmt.Sscan(published.Entry.Act.Public["enrolment"], &index)
	must(t, err)
	made.Enrolment = receipt(index)
	made.check(t)
	if *update {
		data, err := json.MarshalIndent(made, "", " ")
		must(t, err)
		must(t, os.WriteFile(platesFixture, append(data, '\n'), 0o644))
	}
	for file, use := range map[string]Use{fixture: ForEvidence, platesFixture: ForPlates} {
		data, err := os.ReadFile(file)
		must(t, err)
		var kept trust
		must(t, json.Unmarshal(data, &kept))
		kept.check(t)
		published, err := ledger.ParseReceipt([]byte(kept.Published))
		must(t, err)
		if got := UseOf(published.Entry.Act.Public); got != use {
			t.Errorf("%s publishes a vault of %s, want %s", file, got, use)
		}
	}
}

func (f trust) check(t *testing.T) {
	t.Helper()
	parse := func(text string) ledger.Receipt {
		t.Helper()
		r, err := ledger.ParseReceipt([]byte(text))
		must(t, err)
		return r
	}
	v := ledger.Verifier{LogKey: f.LogKey}
	holder := func(r ledger.Receipt, enrolments ...ledger.Receipt) ledger.Status {
		t.Helper()
		report, err := v.Receipt(r, enrolments...)
		for _, c := range report.Claims {
			if c.What == "passkey-holder" || c.What == "passkey-unknown" {
				return c.Status
			}
		}
		t.Fatalf("nothing of the passkey in %+v, %v", report, err)
		return ""
	}

	enrolled := parse(f.Receipt)
	private := map[string]string{}
	for _, d := range enrolled.Disclosures {
		private[d.Name] = d.Value
	}
	credential, err := f.Device.MarshalText()
	must(t, err)
	if private["device_recipient"] != f.Recipient || private["credential"] != string(credential) || holder(enrolled) != ledger.Proved {
		t.Errorf("enrolment: disclosed %v", private)
	}
	published, enrolment := parse(f.Published), parse(f.Enrolment)
	if len(published.Disclosures) != 1 || published.Disclosures[0].Name != gate.PrivateSignature || len(enrolment.Disclosures) != 0 {
		t.Errorf("the world is shown %v and %v", published.Disclosures, enrolment.Disclosures)
	}
	if act := published.Entry.Act; act.Public["recipient"] != f.Vault || act.Agency != f.Agency || act.Public["enrolment"] != fmt.Sprint(enrolment.Index) {
		t.Errorf("published %+v", act)
	}
	for _, c := range []struct {
		r, enrolment ledger.Receipt
		want         ledger.Status
	}{
		{published, enrolment, ledger.Proved},
		{published, parse(f.Elsewhere), ledger.Refused},
		{parse(f.Forged), enrolment, ledger.Refused},
		{parse(f.Forged), parse(f.Elsewhere), ledger.Refused},
	} {
		if got := holder(c.r, c.enrolment); got != c.want {
			t.Errorf("entry %d with enrolment %d: %s, want %s", c.r.Index, c.enrolment.Index, got, c.want)
		}
	}
}
