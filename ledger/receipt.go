package ledger

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Receipt proves one entry, and opens those of its private values that its
// holder may know. It is one text file; see docs/architecture.md and
// c2sp.org/tlog-proof.
type Receipt struct {
	Entry       Entry
	Disclosures []Disclosure // sorted by name, each name once
	Index       uint64       // of the entry in the log
	Proof       []Hash       // inclusion path, leaf to root, RFC 6962 section 2.1.1
	Checkpoint  []byte       // signed note
}

// MaxReceipt is the largest receipt file, in bytes.
const MaxReceipt = 1 << 20

const (
	receiptHeader = "porchlight-receipt/v1"
	proofHeader   = "c2sp.org/tlog-proof@v1"
)

// privateName is what a private value may be called.
var privateName = regexp.MustCompile(`^[a-z0-9_.-]{1,64}$`)

// Marshal is the one encoding of r.
func (r Receipt) Marshal() []byte {
	b64 := base64.StdEncoding.EncodeToString
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\nentry %s\n", receiptHeader, b64(r.Entry.Bytes()))
	for _, d := range r.Disclosures {
		fmt.Fprintf(&b, "disclose %s %s %s\n", d.Name, b64(d.Salt[:]), b64([]byte(d.Value)))
	}
	fmt.Fprintf(&b, "\n%s\nindex %d\n", proofHeader, r.Index)
	for _, h := range r.Proof {
		fmt.Fprintf(&b, "%s\n", b64(h[:]))
	}
	b.WriteByte('\n')
	b.Write(r.Checkpoint)
	return b.Bytes()
}

// MarshalText is Marshal for encoding/json and friends.
func (r Receipt) MarshalText() ([]byte, error) { return r.Marshal(), nil }

// UnmarshalText is ParseReceipt.
func (r *Receipt) UnmarshalText(text []byte) (err error) {
	*r, err = ParseReceipt(text)
	return err
}

// ParseReceipt reads a receipt. It accepts exactly what Marshal writes: an
// error names the first line (from 1) that is not so. It proves nothing; see
// Verifier.
func ParseReceipt(text []byte) (Receipt, error) {
	r, err := parseReceipt(text)
	if err != nil {
		return Receipt{}, fmt.Errorf("receipt: %w", err)
	}
	return r, nil
}

// proofLine is the line of the index; the proof follows it.
func (r Receipt) proofLine() int { return 5 + len(r.Disclosures) }

// checkpointLine is how many lines stand before the checkpoint.
func (r Receipt) checkpointLine() int { return r.proofLine() + len(r.Proof) + 1 }

func parseReceipt(text []byte) (r Receipt, err error) {
	if len(text) > MaxReceipt {
		return r, fmt.Errorf("%d bytes, at most %d", len(text), MaxReceipt)
	}
	rest, n := string(text), 0
	next := func() string {
		line, after, ok := strings.Cut(rest, "\n")
		n++
		if !ok { // an unterminated line is the end, never content
			rest = ""
			return ""
		}
		rest = after
		return line
	}
	if next() != receiptHeader {
		return r, badLine(n, "want %q", receiptHeader)
	}
	b64, ok := strings.CutPrefix(next(), "entry ")
	if !ok {
		return r, badLine(n, "want the entry")
	}
	data, err := decode(b64, -1)
	if err != nil {
		return r, badLine(n, "entry: %v", err)
	}
	if r.Entry, err = ParseEntry(data); err != nil {
		return r, badLine(n, "%v", err)
	}
	line := next()
	for ; line != ""; line = next() {
		f := strings.Split(line, " ")
		if len(f) != 4 || f[0] != "disclose" || !privateName.MatchString(f[1]) {
			return r, badLine(n, "want \"disclose name salt value\" or a blank line")
		}
		d := Disclosure{Name: f[1]}
		if k := len(r.Disclosures); k > 0 && r.Disclosures[k-1].Name >= d.Name {
			return r, badLine(n, "%s is out of order", d.Name)
		}
		salt, err := decode(f[2], len(d.Salt))
		if err != nil {
			return r, badLine(n, "salt: %v", err)
		}
		value, err := decode(f[3], -1)
		if err != nil || !utf8.Valid(value) {
			return r, badLine(n, "value: %v", cmpErr(err, errors.New("not text")))
		}
		copy(d.Salt[:], salt)
		d.Value = string(value)
		r.Disclosures = append(r.Disclosures, d)
	}
	if next() != proofHeader {
		return r, badLine(n, "want %q", proofHeader)
	}
	index, ok := strings.CutPrefix(next(), "index ")
	if r.Index, err = parseDecimal(index); !ok || err != nil {
		return r, badLine(n, "want the entry's index")
	}
	for line := next(); line != ""; line = next() {
		h, err := decode(line, len(Hash{}))
		if err != nil {
			return r, badLine(n, "proof hash: %v", err)
		}
		if len(r.Proof) == 63 {
			return r, badLine(n, "more than 63 proof hashes")
		}
		r.Proof = append(r.Proof, Hash(h))
	}
	r.Checkpoint = []byte(rest)
	if _, _, _, err := openNote(r.Checkpoint); err != nil {
		if bad, ok := errors.AsType[*lineError](err); ok {
			return r, &lineError{n + bad.line, bad.err}
		}
		return r, err
	}
	return r, nil
}

func cmpErr(errs ...error) error {
	return errs[slices.IndexFunc(errs, func(e error) bool { return e != nil })]
}
