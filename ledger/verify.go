package ledger

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// Verifier holds what a reader trusts: the log's key and, better, witnesses.
// It needs no network and no account.
type Verifier struct {
	Origin    string   // the log's name; empty means the name in LogKey
	LogKey    string   // vkey of the log; required
	Witnesses []string // vkeys of witnesses whose word counts
	Quorum    int      // how many of them must have cosigned; 0 asks none
}

// keys parses v once per check.
type keys struct {
	origin    string
	log       Key
	witnesses []Key
	quorum    int
}

// keys returns an error when v itself cannot be used.
func (v Verifier) keys() (k keys, err error) {
	if v.LogKey == "" {
		return k, errors.New("verifier: the log's key is needed")
	}
	if k.log, err = ParseKey(v.LogKey); err != nil {
		return k, fmt.Errorf("verifier: log %w", err)
	}
	if k.log.alg != algEd25519 {
		return k, fmt.Errorf("verifier: the key of %s is a witness's, not a log's", k.log.Name)
	}
	if k.origin = v.Origin; k.origin == "" {
		k.origin = k.log.Name
	}
	for _, w := range slices.Compact(slices.Sorted(slices.Values(v.Witnesses))) {
		key, err := ParseKey(w)
		if err != nil {
			return k, fmt.Errorf("verifier: witness %w", err)
		}
		if key.alg != algCosignature {
			return k, fmt.Errorf("verifier: the key of %s is a log's, not a witness's", key.Name)
		}
		k.witnesses = append(k.witnesses, key)
	}
	if k.quorum = v.Quorum; k.quorum < 0 || k.quorum > len(k.witnesses) {
		return k, fmt.Errorf("verifier: quorum %d of %d witnesses", k.quorum, len(k.witnesses))
	}
	return k, nil
}

// Checkpoint verifies a signed checkpoint: origin, the log's signature, and at
// least Quorum cosignatures. A known key's wrong signature is an error even
// when the quorum is met without it.
func (v Verifier) Checkpoint(raw []byte) (Checkpoint, []Cosignature, error) {
	k, err := v.keys()
	if err != nil {
		return Checkpoint{}, nil, err
	}
	r := Report{}
	c, cosigs, ok := k.checkpoint(&r, raw, 0)
	if !ok {
		return Checkpoint{}, nil, r.Err()
	}
	return c, cosigs, nil
}

// checkpoint reports on raw and returns it if nothing was refused. offset is
// the number of lines before it in its file.
func (k keys) checkpoint(r *Report, raw []byte, offset int) (Checkpoint, []Cosignature, bool) {
	before := len(r.Claims)
	line := func(err error) string {
		if bad, ok := errors.AsType[*lineError](err); ok {
			return (&lineError{offset + bad.line, bad.err}).Error()
		}
		return err.Error()
	}
	c, text, sigs, err := openNote(raw)
	if err != nil {
		r.say(Refused, "checkpoint", "error", line(err))
		return c, nil, false
	}
	if c.Origin != k.origin {
		r.say(Refused, "origin", "origin", c.Origin, "want", k.origin)
	}
	switch s, _, err := signedBy(k.log, text, sigs); {
	case err != nil:
		r.say(Refused, "log-signature", "origin", k.origin, "error", line(err))
	case s == nil:
		r.say(Refused, "log-signature", "origin", k.origin, "error", "there is none by "+k.log.String())
	default:
		r.say(Proved, "log-signature", "origin", k.origin, "size", strconv.FormatUint(c.Size, 10), "key", k.log.String())
	}
	var cosigs []Cosignature
	for _, w := range k.witnesses {
		s, at, err := signedBy(w, text, sigs)
		if err != nil {
			r.say(Refused, "cosignature", "witness", w.Name, "error", line(err))
		} else if s != nil {
			cosigs = append(cosigs, Cosignature{w.Name, at})
		}
	}
	slices.SortFunc(cosigs, func(a, b Cosignature) int { return a.Time.Compare(b.Time) })
	var names []string
	for _, c := range cosigs {
		names = append(names, c.Witness)
	}
	kv := []string{"count", strconv.Itoa(len(names)), "quorum", strconv.Itoa(k.quorum), "names", strings.Join(names, ", ")}
	switch {
	case len(names) < k.quorum:
		r.say(Refused, "cosignatures", kv...)
	case len(names) == 0:
		r.say(NotProved, "cosignatures")
		r.say(NotProved, "time")
	default:
		r.say(Proved, "cosignatures", kv...)
		r.say(Proved, "time", "time", cosigs[0].Time.Format(time.RFC3339), "witness", cosigs[0].Witness)
	}
	known := append([]Key{k.log}, k.witnesses...)
	others := len(slices.DeleteFunc(sigs, func(s signature) bool {
		return slices.ContainsFunc(known, func(k Key) bool { return k.Name == s.name && k.hash() == s.hash })
	}))
	if others > 0 {
		r.say(NotProved, "other-signatures", "count", strconv.Itoa(others))
	}
	ok := !slices.ContainsFunc(r.Claims[before:], func(c Claim) bool { return c.Status == Refused })
	return c, cosigs, ok
}

// Receipt checks everything that rc can show by itself: that its entry is in
// the log, who signed the log's state, each disclosure against its commitment,
// and the passkey signature over the act if it is disclosed. With the receipts
// of acts person.enrol it says whose passkey that was, and refuses one that
// none of them enrolled for the agency that acted. The report says what is
// proved and what is not; the error is Report.Err, or says that v itself cannot
// be used.
func (v Verifier) Receipt(rc Receipt, enrolments ...Receipt) (Report, error) {
	r := Report{Subject: "receipt"}
	k, err := v.keys()
	if err != nil {
		return r, err
	}
	index := strconv.FormatUint(rc.Index, 10)
	c, _, ok := k.checkpoint(&r, rc.Checkpoint, rc.checkpointLine())
	path := make([][]byte, len(rc.Proof))
	for i := range rc.Proof {
		path[i] = rc.Proof[i][:]
	}
	leaf := rfc6962.DefaultHasher.HashLeaf(rc.Entry.Bytes())
	size := strconv.FormatUint(c.Size, 10)
	switch err := proof.VerifyInclusion(rfc6962.DefaultHasher, rc.Index, c.Size, leaf, path, c.Root[:]); {
	case err != nil:
		ok = false
		r.say(Refused, "inclusion", "index", index, "size", size, "origin", c.Origin, "line", strconv.Itoa(rc.proofLine()))
	case ok: // else the tree is nobody's
		r.say(Proved, "inclusion", "index", index, "size", size, "origin", c.Origin)
	}

	e := rc.Entry
	r.say(Proved, "act", "action", e.Act.Action, "actor", e.Act.Actor, "hour", e.Act.Hour, "id", e.Act.ID)
	if e.Act.Agency != "" {
		r.say(Proved, "agency", "agency", e.Act.Agency)
	}
	decision := "denied"
	if e.Decision.Permit {
		decision = "permitted"
	}
	r.say(Proved, decision, "rules", list(e.Decision.Rules), "packs", list(slices.Sorted(maps.Keys(e.Decision.Packs))))
	for _, name := range slices.Sorted(maps.Keys(e.Act.Public)) {
		r.say(Proved, "public", "name", name, "value", e.Act.Public[name])
	}

	committed := maps.Clone(e.Act.Private)
	if committed == nil {
		committed = map[string]Commitment{}
	}
	if e.Signature != nil {
		committed[signatureName] = *e.Signature
	}
	signature := ""
	for i, d := range rc.Disclosures {
		kv := []string{"name", d.Name, "value", d.Value, "line", strconv.Itoa(3 + i)}
		want, ok := committed[d.Name]
		delete(committed, d.Name)
		switch {
		case !ok:
			r.say(Refused, "disclosure-unknown", kv...)
		case d.Commitment() != want:
			r.say(Refused, "disclosure", kv...)
		case d.Name == signatureName:
			signature = d.Value
		default:
			r.say(Proved, "disclosure", kv...)
		}
	}
	switch {
	case signature != "":
		if s, err := checkPasskey(e.Act, signature); err != nil {
			r.say(Refused, "passkey", "error", err.Error())
		} else {
			r.say(Proved, "passkey", "site", s.site, "credential", s.credential)
			v.holder(&r, rc, s, enrolments)
		}
	case e.Signature == nil:
		r.say(NotProved, "unsigned")
	case len(enrolments) > 0:
		r.say(NotProved, "passkey-holder")
	}
	if names := slices.Sorted(maps.Keys(committed)); len(names) > 0 {
		r.say(NotProved, "withheld", "names", list(names))
	}
	r.say(NotProved, "later", "index", index)
	if !ok { // what an entry says counts only if it is in the log
		r.Claims = slices.DeleteFunc(r.Claims, func(c Claim) bool { return c.Status == Proved })
	}
	return r, r.Err()
}

// list joins names for a sentence.
func list(names []string) string {
	if len(names) == 0 {
		return "–"
	}
	return strings.Join(names, ", ")
}

// Valid reports what in v cannot be used.
func (v Verifier) Valid() error {
	_, err := v.keys()
	return err
}
