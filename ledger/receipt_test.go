package ledger

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
)

var update = flag.Bool("update", false, "write testdata/receipts anew")

// vector is one receipt in testdata/receipts and what its check says. The
// browser's check is tested on the same files.
type vector struct {
	File      string   `json:"file"`
	LogKey    string   `json:"log_key"`
	Witnesses []string `json:"witnesses"`
	Quorum    int      `json:"quorum"`
	Enrolment string   `json:"enrolment,omitempty"`  // file with the receipt of an enrolment to check it with
	ErrorLine int      `json:"error_line,omitempty"` // it cannot be read from there on
	Claims    []Claim  `json:"claims,omitempty"`

	text []byte
}

const vectorDir = "testdata/receipts"

func readVectors(t testing.TB) []vector {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(vectorDir, "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vs []vector
	if err := json.Unmarshal(b, &vs); err != nil {
		t.Fatal(err)
	}
	for i := range vs {
		if vs[i].text, err = os.ReadFile(filepath.Join(vectorDir, vs[i].File)); err != nil {
			t.Fatal(err)
		}
	}
	return vs
}

func (v vector) verifier() Verifier {
	return Verifier{LogKey: v.LogKey, Witnesses: v.Witnesses, Quorum: v.Quorum}
}

// outcome checks v and fills in what came out.
func (v *vector) outcome(t testing.TB) {
	v.ErrorLine, v.Claims = 0, nil
	rc, err := ParseReceipt(v.text)
	if err != nil {
		bad, ok := errors.AsType[*lineError](err)
		if !ok {
			t.Fatalf("%s: no line in %v", v.File, err)
		}
		v.ErrorLine = bad.line
		return
	}
	var enrolments []Receipt
	if v.Enrolment != "" {
		text, err := os.ReadFile(filepath.Join(vectorDir, v.Enrolment))
		if err != nil {
			t.Fatal(err)
		}
		e, err := ParseReceipt(text)
		if err != nil {
			t.Fatal(err)
		}
		enrolments = append(enrolments, e)
	}
	r, err := v.verifier().Receipt(rc, enrolments...)
	if (err == nil) != r.OK() {
		t.Fatalf("%s: error %v of %+v", v.File, err, r)
	}
	v.Claims = r.Claims
}

func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	for _, want := range readVectors(t) {
		got := want
		got.outcome(t)
		g, _ := json.MarshalIndent(got, "", " ")
		w, _ := json.MarshalIndent(want, "", " ")
		if !bytes.Equal(g, w) {
			t.Errorf("%s: got\n%s\nwant\n%s", want.File, g, w)
		}
		refused := strings.HasPrefix(want.File, "bad-")
		if (want.ErrorLine > 0 || !(Report{Claims: got.Claims}).OK()) != refused {
			t.Errorf("%s: refused %v", want.File, !refused)
		}
		if rc, err := ParseReceipt(want.text); err == nil && !bytes.Equal(rc.Marshal(), want.text) {
			t.Errorf("%s: it has two encodings", want.File)
		}
	}
}

// maker signs receipts for tests with keys made from names.
type maker struct {
	log       note.Signer
	logKey    string
	witnesses []*Witness
}

func seed(name string) []byte { s := sha256.Sum256([]byte(name)); return s[:] }

func secretKey(name string, alg byte) string {
	private := ed25519.NewKeyFromSeed(seed(name))
	k := Key{name, alg, private.Public().(ed25519.PublicKey)}
	return fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", name, k.hash(), base64.StdEncoding.EncodeToString(append([]byte{alg}, private.Seed()...)))
}

func newMaker(t testing.TB) maker {
	skey := secretKey("porchlight.test/town", algEd25519)
	vkey, err := VerifierKey(skey)
	if err != nil {
		t.Fatal(err)
	}
	m := maker{log: mustSigner(t, skey), logKey: vkey}
	for i, name := range []string{"council.test", "gazette.test"} {
		k, private, err := parseSecret(secretKey(name, algCosignature))
		if err != nil {
			t.Fatal(err)
		}
		m.witnesses = append(m.witnesses, &Witness{key: k, sign: private, now: func() time.Time {
			return time.Date(2026, 11, 22, 5, 0, 10*i, 0, time.UTC)
		}})
	}
	return m
}

func salt(name string) Salt { return Salt(seed("salt " + name)) }

// receipt puts e at index 5 among 9 entries.
func (m maker) receipt(t testing.TB, e Entry, ds ...Disclosure) Receipt {
	return m.history(t, map[uint64]Entry{5: e})(5, ds...)
}

// history gives the receipts of entries at these indexes, among 9 in all.
func (m maker) history(t testing.TB, entries map[uint64]Entry) func(index uint64, ds ...Disclosure) Receipt {
	tree := history("filler", 0)
	for i := range uint64(9) {
		data := fmt.Appendf(nil, "filler %d", i)
		if i > 5 {
			data = fmt.Append(nil, i)
		}
		if e, ok := entries[i]; ok {
			data = e.Bytes()
		}
		tree.AppendData(data)
	}
	return func(index uint64, ds ...Disclosure) Receipt {
		path, err := tree.InclusionProof(index, 9)
		if err != nil {
			t.Fatal(err)
		}
		r := Receipt{Entry: entries[index], Disclosures: ds, Index: index}
		for _, h := range path {
			r.Proof = append(r.Proof, Hash(h))
		}
		text := Checkpoint{m.log.Name(), 9, Hash(tree.Hash())}.Text()
		if r.Checkpoint, err = note.Sign(&note.Note{Text: text}, m.log); err != nil {
			t.Fatal(err)
		}
		for _, w := range m.witnesses {
			r.Checkpoint = append(r.Checkpoint, w.cosign(text)...)
		}
		return r
	}
}

// passkey signs act and returns the value that an entry commits to.
func passkey(t testing.TB, act Act, sign func(msg []byte) []byte, key any, flags byte, typ, origin, rp string) string {
	spki, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	nonce := seed("nonce")
	challenge := sha256.Sum256(append(bytes.Clone(nonce), act.Bytes()...))
	b64 := base64.RawURLEncoding.EncodeToString
	client := fmt.Appendf(nil, `{"type":%q,"challenge":%q,"origin":%q,"crossOrigin":false}`, typ, b64(challenge[:]), origin)
	data := sha256.Sum256([]byte(rp))
	auth := binary.BigEndian.AppendUint32(append(data[:], flags), 7)
	hash := sha256.Sum256(client)
	b, err := json.Marshal(map[string]string{
		"nonce": b64(nonce), "credential_id": b64([]byte("credential")), "public_key": b64(spki),
		"client_data_json": b64(client), "authenticator_data": b64(auth),
		"signature": b64(sign(append(bytes.Clone(auth), hash[:]...))),
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func writeVectors(t *testing.T) {
	m := newMaker(t)
	var vs []vector
	add := func(name string, text []byte, quorum int, witnesses ...*Witness) {
		v := vector{File: name + ".txt", LogKey: m.logKey, Witnesses: []string{}, Quorum: quorum, text: text}
		for _, w := range witnesses {
			v.Witnesses = append(v.Witnesses, w.Key())
		}
		vs = append(vs, v)
	}
	base, _ := entry(5)
	caseNo, person := Disclosure{"case", salt("case"), "2026-000123, Maple St"}, Disclosure{"person", salt("person"), "José 👮"}
	base.Act.Private = map[string]Commitment{"case": caseNo.Commitment(), "person": person.Commitment()}
	plain := m.receipt(t, base)
	open := m.receipt(t, base, caseNo, person)
	add("plain", plain.Marshal(), 0)
	add("disclosed", open.Marshal(), 2, m.witnesses...)
	add("one-known-witness", open.Marshal(), 1, m.witnesses[1])

	odd := base
	odd.Act.Agency, odd.Act.Actor, odd.Act.Action = "", "resident", "submission.share"
	odd.Act.Public = map[string]string{"\U0001F600": "after ufb01 by bytes", "\ufb01": "<&> \u2028 \" \\ \x07 \x7f", "10": "a", "9": "b", "__proto__": "c"}
	odd.Decision = Decision{Rules: []string{"base/federal", "us-il/1"}}
	add("odd-text", m.receipt(t, odd).Marshal(), 2, m.witnesses...)

	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	es256 := func(msg []byte) []byte {
		digest := sha256.Sum256(msg)
		sig, err := ecdsa.SignASN1(rand.Reader, ec, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
	ed := ed25519.NewKeyFromSeed(seed("passkey"))
	edSign := func(msg []byte) []byte { return ed25519.Sign(ed, msg) }
	signed := func(value string) Receipt {
		d := Disclosure{signatureName, salt("signature"), value}
		e, c := base, d.Commitment()
		e.Signature = &c
		return m.receipt(t, e, d)
	}
	const site, rp = "https://desk.maplegrove.test", "maplegrove.test"
	other := base.Act
	other.Public = map[string]string{"incident": "arson"}
	for name, value := range map[string]string{
		"passkey-es256":         passkey(t, base.Act, es256, ec.Public(), 5, "webauthn.get", site, rp),
		"passkey-ed25519":       passkey(t, base.Act, edSign, ed.Public(), 5, "webauthn.get", site, rp),
		"bad-passkey-act":       passkey(t, other, es256, ec.Public(), 5, "webauthn.get", site, rp),
		"bad-passkey-site":      passkey(t, base.Act, es256, ec.Public(), 5, "webauthn.get", "https://evil.test", rp),
		"bad-passkey-verified":  passkey(t, base.Act, es256, ec.Public(), 1, "webauthn.get", site, rp),
		"bad-passkey-type":      passkey(t, base.Act, es256, ec.Public(), 5, "webauthn.create", site, rp),
		"bad-passkey-key":       passkey(t, base.Act, es256, ed.Public(), 5, "webauthn.get", site, rp),
		"bad-passkey-signature": passkey(t, base.Act, func(b []byte) []byte { return edSign(append(b, 0)) }, ed.Public(), 5, "webauthn.get", site, rp),
		"bad-passkey-json":      "{",
	} {
		add(name, signed(value).Marshal(), 1, m.witnesses...)
	}
	silent := signed("secret")
	silent.Disclosures = nil
	add("passkey-withheld", silent.Marshal(), 1, m.witnesses...)

	// Whose passkey it was: an enrolment at 3, the act at 5 of one history.
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rs256 := func(msg []byte) []byte {
		digest := sha256.Sum256(msg)
		sig, err := rsa.SignPKCS1v15(nil, rs, crypto.SHA256, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
	spki := func(key any) string {
		b, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	enrol := base
	enrol.Act.Action, enrol.Act.Actor = "person.enrol", "custodian"
	enrol.Act.Public, enrol.Act.Private = map[string]string{"role": "custodian", "public_key": spki(rs.Public())}, nil
	sign := func(e Entry) (Entry, Disclosure) {
		d := Disclosure{signatureName, salt("signature"), passkey(t, e.Act, rs256, rs.Public(), 5, "webauthn.get", site, rp)}
		c := d.Commitment()
		e.Signature = &c
		return e, d
	}
	act, actSigned := sign(base)
	enrolled, enrolSigned := sign(enrol)
	elsewhere, denied, unknown := enrol, enrol, enrol
	elsewhere.Act.Agency = "IL0990000"
	denied.Decision.Permit = false
	unknown.Act.Public = map[string]string{"role": "custodian", "public_key": spki(ed.Public())}
	town := m.history(t, map[uint64]Entry{1: denied, 2: elsewhere, 3: enrolled, 4: unknown, 5: act, 6: enrolled})
	add("enrolment", town(3, enrolSigned).Marshal(), 1, m.witnesses...)
	for name, index := range map[string]uint64{"denied": 1, "elsewhere": 2, "unknown": 4, "later": 6} {
		add("enrolment-"+name, town(index).Marshal(), 1, m.witnesses...)
		add("bad-holder-"+name, town(5, actSigned).Marshal(), 1, m.witnesses...)
		vs[len(vs)-1].Enrolment = "enrolment-" + name + ".txt"
	}
	add("bad-holder-enrolment", town(5, actSigned).Marshal(), 1, m.witnesses...)
	vs[len(vs)-1].Enrolment = "bad-enrolment.txt"
	lie := town(3)
	lie.Entry.Act.Hour = "2026-11-22T00:00:00Z"
	add("bad-enrolment", lie.Marshal(), 1, m.witnesses...)
	add("holder", town(5, actSigned).Marshal(), 1, m.witnesses...)
	vs[len(vs)-1].Enrolment = "enrolment.txt"
	add("holder-withheld", town(5).Marshal(), 1, m.witnesses...)
	vs[len(vs)-1].Enrolment = "enrolment.txt"

	// Wrong ones.
	change := func(r Receipt, f func(r *Receipt)) []byte {
		r.Proof, r.Disclosures = slices.Clone(r.Proof), slices.Clone(r.Disclosures)
		r.Checkpoint = bytes.Clone(r.Checkpoint)
		f(&r)
		return r.Marshal()
	}
	add("bad-index", change(plain, func(r *Receipt) { r.Index = 4 }), 0)
	add("bad-index-beyond", change(plain, func(r *Receipt) { r.Index = 9 }), 0)
	add("bad-entry", change(plain, func(r *Receipt) { r.Entry.Act.Hour = "2026-11-22T06:00:00Z" }), 0)
	add("bad-proof", change(plain, func(r *Receipt) { r.Proof[1][0] ^= 1 }), 0)
	add("bad-proof-short", change(plain, func(r *Receipt) { r.Proof = r.Proof[1:] }), 0)
	add("bad-value", change(open, func(r *Receipt) { r.Disclosures[0].Value += " " }), 0)
	add("bad-salt", change(open, func(r *Receipt) { r.Disclosures[1].Salt[31] ^= 1 }), 0)
	add("bad-name", change(open, func(r *Receipt) { r.Disclosures[0].Name = "cas" }), 0)
	add("bad-root", bytes.Replace(plain.Marshal(), []byte("\n9\n"), []byte("\n8\n"), 1), 0)
	add("bad-origin", bytes.Replace(plain.Marshal(), []byte("\nporchlight.test/town\n"), []byte("\nporchlight.test/city\n"), 1), 0)
	add("bad-quorum", change(plain, func(r *Receipt) {
		r.Checkpoint = r.Checkpoint[:bytes.LastIndex(r.Checkpoint[:len(r.Checkpoint)-1], []byte("\n"))+1]
	}), 2, m.witnesses...)
	add("bad-cosignature", change(plain, func(r *Receipt) {
		copy(r.Checkpoint[len(r.Checkpoint)-20:], "AAAAAAAA")
	}), 1, m.witnesses...)
	add("bad-twice", change(plain, func(r *Receipt) {
		i := bytes.LastIndex(r.Checkpoint[:len(r.Checkpoint)-1], []byte("\n")) + 1
		r.Checkpoint = append(r.Checkpoint, r.Checkpoint[i:]...)
	}), 1, m.witnesses...)
	vs = append(vs, vector{File: "bad-key.txt", LogKey: newLiar(t, "porchlight.test/town").key, Witnesses: []string{}, text: plain.Marshal()})
	// Other spellings.
	respell := func(name, old, new string) {
		text := bytes.Replace(open.Marshal(), []byte(old), []byte(new), 1)
		if bytes.Equal(text, open.Marshal()) {
			t.Fatalf("%s changes nothing", name)
		}
		add(name, text, 0)
	}
	respell("bad-header", "receipt/v1", "receipt/v2")
	respell("bad-crlf", "\n", "\r\n")
	respell("bad-space", "entry ", "entry  ")
	respell("bad-order", "disclose case", "disclose zcase")
	respell("bad-number", "index 5", "index 05")
	respell("bad-number-size", "\n9\n", "\n+9\n")
	respell("bad-blank", "\n\n", "\n\n\n")
	respell("bad-proof-header", "tlog-proof@v1", "tlog-proof@v2")
	add("bad-cut", open.Marshal()[:len(open.Marshal())-1], 0)
	add("bad-more", append(open.Marshal(), '\n'), 0)
	add("bad-empty", nil, 0)
	b64 := base64.StdEncoding.EncodeToString
	for name, old := range map[string]string{
		"bad-json-space":   `{"v":1`,
		"bad-json-field":   `{"v":1`,
		"bad-json-version": `{"v":1`,
		"bad-json-case":    `"act":`,
		"bad-json-escape":  `"theft"`,
		"bad-json-lone":    `"theft"`,
		"bad-json-order":   `"incident":"theft"`,
		"bad-json-empty":   `"agency":"IL0160000"`,
		"bad-json-type":    `"permit":true`,
	} {
		new := map[string]string{
			"bad-json-space": `{"v": 1`, "bad-json-field": `{"x":1,"v":1`, "bad-json-version": `{"v":2`, "bad-json-case": `"Act":`,
			"bad-json-escape": `"thef\u0074"`, "bad-json-lone": `"\ud800"`, "bad-json-order": `"z":"1","incident":"theft"`,
			"bad-json-empty": `"agency":""`, "bad-json-type": `"permit":1`,
		}[name]
		data := bytes.Replace(base.Bytes(), []byte(old), []byte(new), 1)
		if bytes.Equal(data, base.Bytes()) {
			t.Fatalf("%s changes nothing", name)
		}
		respell(name, b64(base.Bytes()), b64(data))
	}

	if err := os.RemoveAll(vectorDir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(vectorDir, 0o755); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(vs, func(a, b vector) int { return strings.Compare(a.File, b.File) })
	for _, v := range vs {
		if err := os.WriteFile(filepath.Join(vectorDir, v.File), v.text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for i := range vs {
		vs[i].outcome(t)
	}
	b, err := json.MarshalIndent(vs, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(vectorDir, "vectors.json"), append(b, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// No byte of a receipt can change without a refusal.
func TestTampering(t *testing.T) {
	for _, v := range readVectors(t) {
		if v.File != "disclosed.txt" && v.File != "passkey-ed25519.txt" {
			continue
		}
		for i := range v.text {
			for _, b := range []byte{v.text[i] ^ 1, v.text[i] ^ 0x20, 'A', '\n', ' '} {
				if b == v.text[i] {
					continue
				}
				text := bytes.Clone(v.text)
				text[i] = b
				rc, err := ParseReceipt(text)
				if err != nil {
					continue
				}
				r, err := v.verifier().Receipt(rc)
				if err == nil {
					// Only a signature that now belongs to nobody known may pass, and then it is said.
					if said(r, NotProved, "other-signatures") == nil {
						t.Fatalf("%s: byte %d as %q is accepted: %+v", v.File, i, b, r)
					}
				}
			}
		}
	}
}

// The web's catalogue says the same words, in every language with the same
// placeholders.
func TestWords(t *testing.T) {
	holders := func(s string) []string {
		return slices.Sorted(slices.Values(regexp.MustCompile(`\{\w+\}`).FindAllString(s, -1)))
	}
	for _, lang := range []string{"en", "es", "nl"} {
		b, err := os.ReadFile("../web/messages/" + lang + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var messages map[string]string
		if err := json.Unmarshal(b, &messages); err != nil {
			t.Fatal(err)
		}
		for key, text := range words {
			m, ok := messages["verify."+key]
			if !ok || lang == "en" && m != text || !slices.Equal(holders(m), holders(text)) {
				t.Errorf("%s.json: verify.%s is %q, here %q", lang, key, m, text)
			}
		}
	}
}

func TestReportText(t *testing.T) {
	r := Report{}
	r.Add(NotProved, "a", "left %s", "open")
	r.Add(Proved, "b", "shown \x1b[31m\u202e")
	r.Add(Refused, "c", "wrong")
	var b strings.Builder
	if _, err := r.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if want := "Refused:\n  wrong\nProved:\n  shown \uFFFD[31m\uFFFD\nNot proved:\n  left open\n"; b.String() != want {
		t.Errorf("%q", b.String())
	}
	if r.OK() || (Report{}).OK() {
		t.Error("OK")
	}
}

func TestDescriptor(t *testing.T) {
	m := newMaker(t)
	d := Descriptor{Name: "Maple Grove", Origin: "porchlight.test/town", LogKey: m.logKey, Quorum: 1,
		Witnesses: []DescriptorWitness{{"Gazette", m.witnesses[0].Key()}}, Ledger: "https://x.test/ledger/"}
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseDescriptor(b)
	if err != nil || got.Verifier().Quorum != 1 || len(got.Verifier().Witnesses) != 1 {
		t.Fatal(got, err)
	}
	for _, bad := range []string{"", "{}", "[]", `{"log_key":"x"}`, strings.Replace(string(b), `"quorum":1`, `"quorum":2`, 1),
		strings.Replace(string(b), m.witnesses[0].Key(), m.logKey, 1), strings.Repeat(" ", MaxDescriptor+1)} {
		if _, err := ParseDescriptor([]byte(bad)); err == nil {
			t.Errorf("%.60q accepted", bad)
		}
	}
}

func FuzzParseReceipt(f *testing.F) {
	for _, v := range readVectors(f) {
		f.Add(v.text)
	}
	m := newMaker(f)
	v := Verifier{LogKey: m.logKey, Witnesses: []string{m.witnesses[0].Key(), m.witnesses[1].Key()}}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := ParseReceipt(text)
		if err != nil {
			return
		}
		if !bytes.Equal(r.Marshal(), text) {
			t.Fatal("two encodings")
		}
		_, _ = v.Receipt(r)
	})
}

func FuzzParseEntry(f *testing.F) {
	e, _ := entry(1)
	f.Add(e.Bytes())
	f.Add([]byte(`{"v":1,"act":{"id":"","action":"","actor":"","hour":""},"decision":{"permit":false,"rules":null,"packs":null}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := ParseEntry(data)
		if err == nil && !bytes.Equal(e.Bytes(), data) {
			t.Fatal("two encodings")
		}
	})
}

func FuzzCheckpoint(f *testing.F) {
	m := newMaker(f)
	e, _ := entry(1)
	f.Add(m.receipt(f, e).Checkpoint)
	v := Verifier{LogKey: m.logKey, Witnesses: []string{m.witnesses[0].Key()}}
	known := map[string]bool{string(m.receipt(f, e).Checkpoint): true}
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, _, err := v.Checkpoint(raw)
		if err == nil && c.Size != 9 && !known[string(raw)] {
			t.Fatalf("accepted %q", raw)
		}
	})
}
