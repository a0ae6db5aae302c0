package ledger

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	f_note "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/merkle/testonly"
	"golang.org/x/mod/sumdb/note"
)

// liar signs any history it likes.
type liar struct {
	signer note.Signer
	key    string
}

func newLiar(t testing.TB, origin string) liar {
	skey, vkey, err := GenerateKey(origin)
	if err != nil {
		t.Fatal(err)
	}
	return liar{mustSigner(t, skey), vkey}
}

func history(name string, n int) *testonly.Tree {
	tree := testonly.New(rfc6962.DefaultHasher)
	for i := range n {
		tree.AppendData(fmt.Appendf(nil, "%s %d", name, i))
	}
	return tree
}

func (l liar) checkpoint(t testing.TB, tree *testonly.Tree, size uint64) string {
	c := Checkpoint{Origin: l.signer.Name(), Size: size, Root: Hash(tree.HashAt(size))}
	raw, err := note.Sign(&note.Note{Text: c.Text()}, l.signer)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// request is an add-checkpoint body from old to size along tree.
func (l liar) request(t testing.TB, tree *testonly.Tree, old, size uint64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "old %d\n", old)
	if old > 0 && old < size {
		nodes, err := tree.ConsistencyProof(old, size)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range nodes {
			b.WriteString(base64.StdEncoding.EncodeToString(h) + "\n")
		}
	}
	return b.String() + "\n" + l.checkpoint(t, tree, size)
}

func post(t testing.TB, h http.Handler, body string) *http.Response {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest("POST", "/add-checkpoint", strings.NewReader(body)))
	return rec.Result()
}

func status(t testing.TB, h http.Handler, body string, want int) string {
	t.Helper()
	resp := post(t, h, body)
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != want {
		t.Fatalf("status %d, want %d: %s", resp.StatusCode, want, b)
	}
	if want == http.StatusConflict && resp.Header.Get("Content-Type") == "text/x.tlog.size" {
		return "size " + string(b)
	}
	return string(b)
}

func TestWitnessProtocol(t *testing.T) {
	l, stranger := newLiar(t, "log.test"), newLiar(t, "other.test")
	at := time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)
	o := WitnessOptions{Dir: t.TempDir(), Name: "gazette.test/witness", Logs: []string{l.key}, Now: func() time.Time { return at }}
	w, err := OpenWitness(o)
	if err != nil {
		t.Fatal(err)
	}
	h := w.Handler()
	tree, lie := history("a", 20), history("b", 20)

	for _, bad := range []string{"", "old 0\n", "old 01\n\n" + l.checkpoint(t, tree, 5), "old -1\n\n" + l.checkpoint(t, tree, 5),
		"old 0\nAAAA\n\n" + l.checkpoint(t, tree, 5), "old 9\n\n" + l.checkpoint(t, tree, 5), strings.Repeat("x", 1<<20)} {
		status(t, h, bad, http.StatusBadRequest)
	}
	status(t, h, stranger.request(t, tree, 0, 5), http.StatusNotFound)
	forged := strings.Replace(l.request(t, tree, 0, 5), "\n5\n", "\n6\n", 1)
	status(t, h, forged, http.StatusForbidden)

	cosig := status(t, h, l.request(t, tree, 0, 5), http.StatusOK)
	raw := l.checkpoint(t, tree, 5) + cosig
	// Somebody else's implementation agrees.
	fv, err := f_note.NewVerifierForCosignatureV1(w.Key())
	if err != nil {
		t.Fatal(err)
	}
	if n, err := note.Open([]byte(raw), note.VerifierList(fv)); err != nil || len(n.Sigs) != 1 {
		t.Fatal(err)
	} else if when, err := f_note.CoSigV1Timestamp(n.Sigs[0]); err != nil || !when.Equal(at) {
		t.Fatal(when, err)
	}
	_, cosigs, err := Verifier{LogKey: l.key, Witnesses: []string{w.Key()}, Quorum: 1}.Checkpoint([]byte(raw))
	if err != nil || len(cosigs) != 1 || !cosigs[0].Time.Equal(at) {
		t.Fatal(cosigs, err)
	}

	if got := status(t, h, l.request(t, tree, 0, 7), http.StatusConflict); got != "size 5\n" {
		t.Fatalf("409 says %q", got)
	}
	status(t, h, l.request(t, tree, 5, 5), http.StatusOK) // again
	status(t, h, l.request(t, tree, 5, 12), http.StatusOK)
	if got := status(t, h, l.request(t, tree, 5, 9), http.StatusConflict); got != "size 12\n" { // rollback
		t.Fatalf("409 says %q", got)
	}
	status(t, h, l.request(t, tree, 12, 9), http.StatusBadRequest)
	if got := status(t, h, l.request(t, lie, 12, 12), http.StatusConflict); strings.HasPrefix(got, "size") {
		t.Fatalf("409 says %q", got)
	}
	status(t, h, l.request(t, lie, 12, 15), http.StatusUnprocessableEntity)
	status(t, h, "old 12\n\n"+l.checkpoint(t, tree, 15), http.StatusUnprocessableEntity)

	// The two histories are kept as evidence.
	kept, err := filepath.Glob(filepath.Join(o.Dir, "*.conflict-12"))
	if err != nil || len(kept) != 1 {
		t.Fatal(kept, err)
	}

	// A new process remembers.
	if w, err = OpenWitness(WitnessOptions{Dir: o.Dir, Logs: o.Logs}); err != nil {
		t.Fatal(err)
	}
	status(t, w.Handler(), l.request(t, lie, 0, 15), http.StatusConflict)
	status(t, w.Handler(), l.request(t, tree, 12, 15), http.StatusOK)

	// It does not start on a broken memory.
	state, err := filepath.Glob(filepath.Join(o.Dir, "*.checkpoint"))
	if err != nil || len(state) != 1 {
		t.Fatal(state, err)
	}
	if err := os.Truncate(state[0], 20); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenWitness(o); err == nil {
		t.Fatal("opened on a broken state file")
	}
}

// A crash before the rename leaves the old state; the cosignature never left.
func TestWitnessCrashBetween(t *testing.T) {
	l := newLiar(t, "log.test")
	o := WitnessOptions{Dir: t.TempDir(), Name: "w.test", Logs: []string{l.key}}
	w, err := OpenWitness(o)
	if err != nil {
		t.Fatal(err)
	}
	tree := history("a", 9)
	status(t, w.Handler(), l.request(t, tree, 0, 5), http.StatusOK)
	state, _ := filepath.Glob(filepath.Join(o.Dir, "*.checkpoint"))
	if err := os.WriteFile(state[0]+".new", []byte("half a check"), 0o600); err != nil {
		t.Fatal(err)
	}
	if w, err = OpenWitness(o); err != nil {
		t.Fatal(err)
	}
	status(t, w.Handler(), l.request(t, tree, 5, 9), http.StatusOK)
	// A disk that takes nothing: no cosignature, and the state stays.
	if err := os.RemoveAll(o.Dir); err != nil {
		t.Fatal(err)
	}
	tree = history("a", 12)
	status(t, w.Handler(), l.request(t, tree, 9, 12), http.StatusInternalServerError)
	if got := status(t, w.Handler(), l.request(t, tree, 5, 12), http.StatusConflict); got != "size 9\n" {
		t.Fatal(got)
	}
}

// Two histories raced at a witness: it cosigns one of them only.
func TestWitnessConcurrent(t *testing.T) {
	l := newLiar(t, "log.test")
	w, err := OpenWitness(WitnessOptions{Dir: t.TempDir(), Name: "w.test", Logs: []string{l.key}})
	if err != nil {
		t.Fatal(err)
	}
	trees := []*testonly.Tree{history("a", 40), history("b", 40)}
	var mu sync.Mutex
	cosigned := [2]int{}
	var wg sync.WaitGroup
	for i := range 80 {
		wg.Go(func() {
			which, size := i%2, uint64(1+i/2)
			for old := uint64(0); ; {
				resp := post(t, w.Handler(), l.request(t, trees[which], old, size))
				b, _ := io.ReadAll(resp.Body)
				if resp.StatusCode == http.StatusOK {
					mu.Lock()
					cosigned[which]++
					mu.Unlock()
					return
				}
				n, err := parseDecimal(strings.TrimSpace(string(b)))
				if err != nil || n > size {
					return // refused for good
				}
				old = n
			}
		})
	}
	wg.Wait()
	if cosigned[0] > 0 && cosigned[1] > 0 || cosigned[0]+cosigned[1] == 0 {
		t.Fatalf("cosigned %v of two histories", cosigned)
	}
}

// The log itself, with a quorum.
func TestLogWithWitnesses(t *testing.T) {
	w := newWorld(t, "porchlight.test/town")
	var up [3]sync.RWMutex // write-locked: that witness is down
	for i := range 3 {
		wit, err := OpenWitness(WitnessOptions{Dir: t.TempDir(), Name: fmt.Sprintf("w%d.test", i), Logs: []string{w.LogKey}})
		if err != nil {
			t.Fatal(err)
		}
		srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if !up[i].TryRLock() {
				http.Error(rw, "down", http.StatusServiceUnavailable)
				return
			}
			defer up[i].RUnlock()
			wit.Handler().ServeHTTP(rw, r)
		}))
		t.Cleanup(srv.Close)
		w.Witnesses = append(w.Witnesses, WitnessConfig{srv.URL, wit.Key()})
	}
	w.Quorum = 2
	l := w.open(t)
	v := w.verifier()
	for _, x := range w.Witnesses {
		v.Witnesses = append(v.Witnesses, x.VKey)
	}
	v.Quorum = 2
	up[0].Lock() // one down: fine
	e, _ := entry(1)
	i, err := l.Append(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	rc, err := l.Receipt(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := v.Receipt(rc); err != nil || said(r, Proved, "cosignatures") == nil || said(r, Proved, "time") == nil {
		t.Fatal(r, err)
	}
	strict := v
	strict.Quorum = 3
	if r, err := strict.Receipt(rc); err == nil || said(r, Refused, "cosignatures") == nil {
		t.Fatal(r, err)
	}

	up[1].Lock() // two down: nothing is released
	l.o.Deadline = 300 * time.Millisecond
	e2, _ := entry(2)
	if i, err = l.Append(t.Context(), e2); err == nil {
		t.Fatal("released without a quorum")
	}
	if size, _ := l.Size(t.Context()); size != 1 {
		t.Fatalf("published %d entries without a quorum", size)
	}
	for _, err := range l.Entries(t.Context(), 0) {
		if err == nil {
			t.Fatal("Entries did not wait for publication")
		}
	}
	l.o.Deadline = time.Minute
	up[1].Unlock() // back: the entry follows by itself
	n := 0
	for x, err := range l.Entries(t.Context(), 1) {
		if err != nil || x.Index != i || x.Entry.Act.ID != e2.Act.ID {
			t.Fatal(x, err)
		}
		n++
	}
	if n != 1 {
		t.Fatalf("%d entries", n)
	}
}

func FuzzAddCheckpoint(f *testing.F) {
	l := newLiar(f, "log.test")
	f.Add([]byte(l.request(f, history("a", 9), 3, 9)))
	f.Add([]byte("old 0\n\n"))
	w, err := OpenWitness(WitnessOptions{Dir: f.TempDir(), Name: "w.test", Logs: []string{l.key}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if a, err := parseAddCheckpoint(body); err == nil {
			_ = proof.VerifyConsistency(rfc6962.DefaultHasher, a.old, a.Size, a.proof, a.Root[:], a.Root[:])
		}
		post(t, w.Handler(), string(body))
	})
}
