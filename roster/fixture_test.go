package roster_test

import (
	"encoding/json"
	"flag"
	"os"
	"testing"

	"porchlight/gate"
	"porchlight/identity"
	"porchlight/ledger"
	. "porchlight/roster"
)

var update = flag.Bool("update", false, "write testdata/keys/enrolment.json anew")

const fixture = "../testdata/keys/enrolment.json"

// enrolment is a receipt that the app checks too (web/app/src/lib/keys).
type enrolment struct {
	Receipt   string         `json:"receipt"`
	Device    identity.Bytes `json:"device"`
	Recipient string         `json:"recipient"`
	RPID      string         `json:"rp_id"`
}

func TestEnrolmentReceipt(t *testing.T) {
	if *update {
		w := newWorld(t)
		admin := w.agency(w.operator(), city, Municipal)
		cara := w.invited(admin, "Cara \"É\" <Custodian> \u2028", city, identity.RoleCustodian)
		r, err := w.EnrolmentReceipt(t.Context(), admin.Principal(), cara.device)
		must(t, err)
		data, err := json.MarshalIndent(enrolment{string(r.Marshal()), cara.device, cara.own.Recipient().String(), "exchange.example"}, "", " ")
		must(t, err)
		must(t, os.WriteFile(fixture, append(data, '\n'), 0o644))
	}
	data, err := os.ReadFile(fixture)
	must(t, err)
	var e enrolment
	must(t, json.Unmarshal(data, &e))
	r, err := ledger.ParseReceipt([]byte(e.Receipt))
	must(t, err)
	private := map[string]string{}
	for _, d := range r.Disclosures {
		private[d.Name] = d.Value
	}
	credential, err := e.Device.MarshalText()
	must(t, err)
	if private["device_recipient"] != e.Recipient || private["credential"] != string(credential) {
		t.Fatalf("disclosed %v", private)
	}
	var s identity.Signed
	must(t, json.Unmarshal([]byte(private[gate.PrivateSignature]), &s))
	must(t, s.Verify(r.Entry.Act.Bytes(), e.RPID))
}
