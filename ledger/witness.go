package ledger

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// Witness cosigns checkpoints of the logs it knows, each log along one history
// (C2SP tlog-witness, tlog-cosignature). Its memory of a log is one file, the
// newest checkpoint it cosigned, which is durable before the cosignature
// leaves. Losing that file lets the log start over: keep it.
type Witness struct {
	dir  string
	key  Key
	sign ed25519.PrivateKey
	now  func() time.Time
	log  *slog.Logger
	logs map[string]*witnessed // by origin
}

// witnessed is one log and the newest checkpoint cosigned for it.
type witnessed struct {
	key  Key
	file string
	mu   sync.Mutex // held from comparing with newest until the new one is durable
	newest
}

type newest struct {
	Checkpoint
	raw []byte // as the log signed it
}

// WitnessOptions of OpenWitness. Dir is required, Name when Dir is new.
type WitnessOptions struct {
	Dir  string   // holds the key and a file for each log; made if absent
	Name string   // in the key, e.g. "gazette.example/witness"
	Logs []string // vkeys of the logs to witness; the name is the origin
	Now  func() time.Time
	Log  *slog.Logger // default discards
}

// OpenWitness opens or creates a witness. It refuses to start on a state file
// that it cannot read or that is not signed by the log.
func OpenWitness(o WitnessOptions) (*Witness, error) {
	w := &Witness{dir: o.Dir, now: o.Now, log: o.Log, logs: map[string]*witnessed{}}
	if w.now == nil {
		w.now = time.Now
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("witness: %w", err)
	}
	if err := w.loadKey(o.Name); err != nil {
		return nil, fmt.Errorf("witness: %w", err)
	}
	for _, vkey := range o.Logs {
		k, err := ParseKey(vkey)
		if err == nil && k.alg != algEd25519 {
			err = fmt.Errorf("key of %s is a witness's", k.Name)
		}
		if err == nil && w.logs[k.Name] != nil {
			err = fmt.Errorf("log %s is named twice", k.Name)
		}
		if err != nil {
			return nil, fmt.Errorf("witness: %w", err)
		}
		sum := sha256.Sum256([]byte(k.Name))
		l := &witnessed{key: k, file: filepath.Join(o.Dir, hex.EncodeToString(sum[:])+".checkpoint")}
		if err := l.load(); err != nil {
			return nil, fmt.Errorf("witness: %s: %w", l.file, err)
		}
		w.logs[k.Name] = l
	}
	return w, nil
}

// Key is the witness's public key (vkey), for logs and verifiers.
func (w *Witness) Key() string { return w.key.String() }

// loadKey reads the secret key, or makes one called name.
func (w *Witness) loadKey(name string) error {
	file := filepath.Join(w.dir, "key")
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		if !validName(name) {
			return fmt.Errorf("name %q: a new witness needs a name without spaces or +", name)
		}
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return err
		}
		k := Key{name, algCosignature, public}
		b = fmt.Appendf(nil, "PRIVATE+KEY+%s+%08x+%s\n", name, k.hash(),
			base64.StdEncoding.EncodeToString(append([]byte{algCosignature}, private.Seed()...)))
		if err := replaceFile(file, b, 0o600); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	k, private, err := parseSecret(strings.TrimSpace(string(b)))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if name != "" && k.Name != name {
		return fmt.Errorf("%s is the key of %s, not of %s", file, k.Name, name)
	}
	if k.alg != algCosignature {
		return fmt.Errorf("%s is a log's key", file)
	}
	w.key, w.sign = k, private
	return nil
}

func (l *witnessed) load() error {
	raw, err := os.ReadFile(l.file)
	if errors.Is(err, fs.ErrNotExist) {
		l.Root = Hash(rfc6962.DefaultHasher.EmptyRoot())
		return nil
	}
	if err != nil {
		return err
	}
	c, text, sigs, err := openNote(raw)
	if err != nil {
		return err
	}
	s, _, err := signedBy(l.key, text, sigs)
	if err != nil || s == nil || c.Origin != l.key.Name {
		return fmt.Errorf("not a checkpoint signed by %s", l.key)
	}
	l.newest = newest{c, raw}
	return nil
}

// replaceFile writes a file that is either whole or as it was, and durable when
// it returns.
func replaceFile(name string, data []byte, perm os.FileMode) error {
	f, err := os.OpenFile(name+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, perm)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// maxAddCheckpoint is the largest add-checkpoint request, in bytes.
const maxAddCheckpoint = 32 << 10

// addCheckpoint is the body of an add-checkpoint request.
type addCheckpoint struct {
	old   uint64
	proof [][]byte
	raw   []byte // signed checkpoint
	Checkpoint
	text string
	sigs []signature
}

func parseAddCheckpoint(body []byte) (a addCheckpoint, err error) {
	head, raw, ok := bytes.Cut(body, []byte("\n\n"))
	if !ok {
		return a, errors.New("want old size, proof, a blank line and a checkpoint")
	}
	lines := strings.Split(string(head), "\n")
	old, ok := strings.CutPrefix(lines[0], "old ")
	if a.old, err = parseDecimal(old); !ok || err != nil {
		return a, errors.New("line 1: want \"old\" and a size")
	}
	if len(lines) > 1+63 {
		return a, errors.New("more than 63 proof hashes")
	}
	for i, l := range lines[1:] {
		h, err := decode(l, len(Hash{}))
		if err != nil {
			return a, badLine(i+2, "proof hash: %v", err)
		}
		a.proof = append(a.proof, h)
	}
	a.raw = raw
	a.Checkpoint, a.text, a.sigs, err = openNote(raw)
	return a, err
}

// Handler serves POST /add-checkpoint. Mount it with http.StripPrefix.
//
// Answers: 200 and a cosignature line; 400 not a request, or old is larger than
// the checkpoint; 404 unknown log; 403 not signed by the log; 409 old is not
// the newest size (body: that size, text/x.tlog.size), or another root at the
// same size; 422 the new checkpoint does not extend the newest.
func (w *Witness) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", w.add)
	return mux
}

func (w *Witness) add(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxAddCheckpoint))
	if err != nil {
		http.Error(rw, "the request is too large or was cut off", http.StatusBadRequest)
		return
	}
	a, err := parseAddCheckpoint(body)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	l := w.logs[a.Origin]
	if l == nil {
		http.Error(rw, "this witness does not know that log", http.StatusNotFound)
		return
	}
	if s, _, err := signedBy(l.key, a.text, a.sigs); err != nil || s == nil {
		http.Error(rw, "the log did not sign this checkpoint", http.StatusForbidden)
		return
	}
	if a.old > a.Size {
		http.Error(rw, "the old size is larger than the checkpoint", http.StatusBadRequest)
		return
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	if a.old != l.Size {
		rw.Header().Set("Content-Type", "text/x.tlog.size")
		rw.WriteHeader(http.StatusConflict)
		fmt.Fprintf(rw, "%d\n", l.Size)
		return
	}
	if a.Size == l.Size && a.Root != l.Root {
		w.keepConflict(l, a.raw)
		http.Error(rw, "another root was cosigned at this size", http.StatusConflict)
		return
	}
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, l.Size, a.Size, a.proof, l.Root[:], a.Root[:]); err != nil {
		w.log.Warn("checkpoint refused: it does not extend the newest", "log", a.Origin, "size", a.Size, "newest", l.Size)
		http.Error(rw, "the checkpoint does not extend the newest one", http.StatusUnprocessableEntity)
		return
	}
	if a.Size > l.Size || l.raw == nil {
		if err := replaceFile(l.file, a.raw, 0o600); err != nil {
			w.log.Error("checkpoint not kept", "log", a.Origin, "err", err)
			http.Error(rw, "the witness could not keep the checkpoint", http.StatusInternalServerError)
			return
		}
		l.newest = newest{a.Checkpoint, a.raw}
	}
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprint(rw, w.cosign(a.text))
}

// cosign returns the signature line over text, dated now.
func (w *Witness) cosign(text string) string {
	unix := uint64(w.now().Unix())
	sig := binary.BigEndian.AppendUint32(nil, w.key.hash())
	sig = binary.BigEndian.AppendUint64(sig, unix)
	sig = append(sig, ed25519.Sign(w.sign, cosigned(text, unix))...)
	return fmt.Sprintf("— %s %s\n", w.key.Name, base64.StdEncoding.EncodeToString(sig))
}

// keepConflict keeps two checkpoints that the log signed for different
// histories: together they convict it.
func (w *Witness) keepConflict(l *witnessed, raw []byte) {
	file := strings.TrimSuffix(l.file, ".checkpoint") + ".conflict-" + strconv.FormatUint(l.Size, 10)
	w.log.Error("the log signed two histories; both checkpoints are kept", "log", l.key.Name, "size", l.Size, "file", file)
	if _, err := os.Stat(file); err == nil {
		return // the first pair is enough, and disks are finite
	}
	if err := replaceFile(file, slices.Concat(l.raw, []byte("\n"), raw), 0o600); err != nil {
		w.log.Error("checkpoints not kept", "err", err)
	}
}
