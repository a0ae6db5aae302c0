package ledger

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

// Hash is a SHA-256 hash of the Merkle tree.
type Hash = [sha256.Size]byte

// Checkpoint is the state of a log at one size (c2sp.org/tlog-checkpoint).
type Checkpoint struct {
	Origin string // the log's name
	Size   uint64 // number of entries
	Root   Hash   // of the tree over them, RFC 6962
}

// Text is the note text that log and witnesses sign.
func (c Checkpoint) Text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
}

// Cosignature is one witness's dated word that it saw no other history.
type Cosignature struct {
	Witness string // name in its key
	Time    time.Time
}

const (
	algEd25519     = 1 // signature over the text, C2SP signed-note
	algCosignature = 4 // cosignature/v1, C2SP tlog-cosignature

	latestTime = 253402300799 // end of the year 9999, Unix seconds
)

// Key is a public key in the note encoding "name+hash+base64" (C2SP
// signed-note), of a log (Ed25519) or a witness (cosignature/v1).
type Key struct {
	Name   string
	alg    byte
	public ed25519.PublicKey
}

// ParseKey reads a vkey. It refuses names with spaces or "+", other algorithms
// and a key hash that does not belong to the key.
func ParseKey(vkey string) (Key, error) {
	name, rest, ok := strings.Cut(vkey, "+")
	hash, b64, ok2 := strings.Cut(rest, "+")
	b, err := base64.StdEncoding.Strict().DecodeString(b64)
	if !ok || !ok2 || err != nil || !validName(name) || len(b) != 1+ed25519.PublicKeySize {
		return Key{}, fmt.Errorf("key %.80q: want name+hash+base64 of an Ed25519 key", vkey)
	}
	k := Key{name, b[0], b[1:]}
	if k.alg != algEd25519 && k.alg != algCosignature {
		return Key{}, fmt.Errorf("key of %s: algorithm %d, want 1 (log) or 4 (witness)", name, k.alg)
	}
	if k.String() != vkey {
		return Key{}, fmt.Errorf("key of %s: its hash %.16q does not belong to it", name, hash)
	}
	return k, nil
}

// String is the note encoding.
func (k Key) String() string {
	return fmt.Sprintf("%s+%08x+%s", k.Name, k.hash(), base64.StdEncoding.EncodeToString(k.bytes()))
}

func (k Key) bytes() []byte { return append([]byte{k.alg}, k.public...) }

func (k Key) hash() uint32 {
	sum := sha256.Sum256(append([]byte(k.Name+"\n"), k.bytes()...))
	return binary.BigEndian.Uint32(sum[:])
}

// verify checks sig, the bytes after the key hash, and returns when it was made
// if it says so.
func (k Key) verify(text string, sig []byte) (at time.Time, ok bool) {
	if k.alg == algEd25519 {
		return at, len(sig) == ed25519.SignatureSize && ed25519.Verify(k.public, []byte(text), sig)
	}
	if len(sig) != 8+ed25519.SignatureSize {
		return at, false
	}
	unix := binary.BigEndian.Uint64(sig)
	return time.Unix(int64(unix), 0).UTC(), unix <= latestTime &&
		ed25519.Verify(k.public, cosigned(text, unix), sig[8:])
}

// cosigned is what a witness signs (C2SP tlog-cosignature).
func cosigned(text string, unix uint64) []byte {
	return fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", unix, text)
}

// GenerateKey makes the key of a log: skey is secret (note.NewSigner reads it),
// vkey is for everybody. The name is the log's origin, e.g.
// "porchlight.example.org/town"; spaces and "+" are refused.
func GenerateKey(origin string) (skey, vkey string, err error) {
	if !validName(origin) {
		return "", "", fmt.Errorf("origin %q: it must not be empty or hold spaces or +", origin)
	}
	return note.GenerateKey(rand.Reader, origin)
}

// VerifierKey returns the public key of a log's secret key.
func VerifierKey(skey string) (vkey string, err error) {
	k, _, err := parseSecret(skey)
	if err != nil {
		return "", err
	}
	return k.String(), nil
}

// errSecret never repeats the secret.
var errSecret = errors.New("secret key: want PRIVATE+KEY+name+hash+base64")

func parseSecret(skey string) (Key, ed25519.PrivateKey, error) {
	p := strings.Split(skey, "+")
	if len(p) < 5 || p[0] != "PRIVATE" || p[1] != "KEY" || !validName(p[2]) {
		return Key{}, nil, errSecret
	}
	b, err := base64.StdEncoding.Strict().DecodeString(strings.Join(p[4:], "+")) // base64 may hold +
	if err != nil || len(b) != 1+ed25519.SeedSize || b[0] != algEd25519 && b[0] != algCosignature {
		return Key{}, nil, errSecret
	}
	private := ed25519.NewKeyFromSeed(b[1:])
	k := Key{p[2], b[0], private.Public().(ed25519.PublicKey)}
	if p[3] != fmt.Sprintf("%08x", k.hash()) {
		return Key{}, nil, errSecret
	}
	return k, private, nil
}

func validName(s string) bool {
	return s != "" && len(s) <= 255 && utf8.ValidString(s) && !strings.Contains(s, "+") &&
		strings.IndexFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }) < 0
}

// signature is one line under a note.
type signature struct {
	line int // in the note, from 1
	name string
	hash uint32
	sig  []byte
}

const maxSignatures = 32

// lineError is an error in one line of a text.
type lineError struct {
	line int // from 1
	err  error
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }
func (e *lineError) Unwrap() error { return e.err }

func badLine(line int, format string, args ...any) error {
	return &lineError{line, fmt.Errorf(format, args...)}
}

// openNote splits a signed checkpoint into its text and signatures. There is
// one encoding: no other line ends, base64 padding bits or missing final line.
// Lines between root and signatures (extensions) are kept in text.
func openNote(raw []byte) (c Checkpoint, text string, sigs []signature, err error) {
	fail := func(line int, format string, args ...any) (Checkpoint, string, []signature, error) {
		return Checkpoint{}, "", nil, badLine(line, format, args...)
	}
	if len(raw) > 16<<10 || !utf8.Valid(raw) || bytes.ContainsFunc(raw, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }) {
		return fail(1, "not a checkpoint: too long, or not plain text")
	}
	lines := strings.Split(string(raw), "\n")
	if lines[len(lines)-1] != "" {
		return fail(len(lines), "the last line does not end")
	}
	lines = lines[:len(lines)-1]
	blank := slices.Index(lines, "")
	if blank < 3 {
		if blank < 0 {
			blank = len(lines)
		}
		return fail(blank+1, "a checkpoint has origin, size and root, then a blank line and signatures")
	}
	text = strings.Join(lines[:blank], "\n") + "\n"
	if c.Origin = lines[0]; !validName(strings.ReplaceAll(c.Origin, " ", "_")) {
		return fail(1, "origin %.80q", c.Origin)
	}
	if c.Size, err = parseDecimal(lines[1]); err != nil {
		return fail(2, "size: %v", err)
	}
	root, err := decode(lines[2], len(c.Root))
	if err != nil {
		return fail(3, "root: %v", err)
	}
	copy(c.Root[:], root)
	for i, l := range lines[blank+1:] {
		n := blank + 2 + i
		rest, ok := strings.CutPrefix(l, "— ")
		name, b64, ok2 := strings.Cut(rest, " ")
		b, err := base64.StdEncoding.Strict().DecodeString(b64)
		switch {
		case !ok || !ok2 || !validName(name) || err != nil || len(b) < 5:
			return fail(n, "not a signature line")
		case len(sigs) == maxSignatures:
			return fail(n, "more than %d signatures", maxSignatures)
		}
		sigs = append(sigs, signature{n, name, binary.BigEndian.Uint32(b), b[4:]})
	}
	if len(sigs) == 0 {
		return fail(len(lines), "no signature")
	}
	return c, text, sigs, nil
}

// signedBy returns k's signature among sigs, verified. It is nil when there is
// none; a wrong one, or two, is an error.
func signedBy(k Key, text string, sigs []signature) (s *signature, at time.Time, err error) {
	for i := range sigs {
		if sigs[i].name != k.Name || sigs[i].hash != k.hash() {
			continue
		}
		if s != nil {
			return nil, at, badLine(sigs[i].line, "a second signature of %s", k.Name)
		}
		s = &sigs[i]
		var ok bool
		if at, ok = k.verify(text, s.sig); !ok {
			return nil, at, badLine(s.line, "the signature of %s is wrong", k.Name)
		}
	}
	return s, at, nil
}

// parseDecimal reads a number that has one spelling.
func parseDecimal(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || strconv.FormatUint(n, 10) != s {
		return 0, fmt.Errorf("%.30q is not a decimal number", s)
	}
	return n, nil
}

// decode reads base64 that has one spelling; n is the length wanted, -1 for any.
func decode(s string, n int) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, errors.New("not base64")
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, errors.New("not base64")
	}
	if n >= 0 && len(b) != n {
		return nil, fmt.Errorf("%d bytes, want %d", len(b), n)
	}
	return b, nil
}
