package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// world is a log in a directory that a test may close and open again.
type world struct {
	Options
	skey string
}

func newWorld(t testing.TB, origin string) world {
	t.Helper()
	skey, vkey, err := GenerateKey(origin)
	if err != nil {
		t.Fatal(err)
	}
	return world{Options{Dir: t.TempDir(), Signer: mustSigner(t, skey), LogKey: vkey, Deadline: time.Minute}, skey}
}

func mustSigner(t testing.TB, skey string) note.Signer {
	t.Helper()
	s, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (w world) open(t testing.TB) *Log {
	t.Helper()
	l, err := Open(t.Context(), w.Options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func (w world) verifier() Verifier { return Verifier{LogKey: w.LogKey} }

// entry makes a distinct entry with two private values, and opens them.
func entry(n int) (Entry, []Disclosure) {
	ds := []Disclosure{
		{"case", NewSalt(), fmt.Sprintf("2026-%06d", n)},
		{"person", NewSalt(), "01j0000000000000000000000p"},
	}
	return Entry{V: 1, Act: Act{
		ID: fmt.Sprintf("%026d", n), Action: "request.post", Actor: "requester", Agency: "IL0160000",
		Hour: "2026-11-22T05:00:00Z", Public: map[string]string{"incident": "theft"},
		Private: map[string]Commitment{"case": ds[0].Commitment(), "person": ds[1].Commitment()},
	}, Decision: Decision{Permit: true, Rules: []string{"base/post"}, Packs: map[string]string{"base": strings.Repeat("ab", 32)}}}, ds
}

// closed are the indexes from on, before to, of closings among at.
func closed(at map[uint64]Entry, from, to uint64) (out []uint64) {
	for i := from; i < to; i++ {
		if at[i].Act.Action == "request.close" {
			out = append(out, i)
		}
	}
	return out
}

func TestLogRoundTrip(t *testing.T) {
	w := newWorld(t, "porchlight.test/town")
	l := w.open(t)
	ctx := t.Context()
	const n = 600 // more than two tiles
	var wg sync.WaitGroup
	var mu sync.Mutex
	at := map[uint64]Entry{}
	open := map[uint64][]Disclosure{}
	for i := range n {
		wg.Go(func() {
			e, ds := entry(i)
			if i%7 == 0 { // and one that only speaks of closing
				e.Act.Action, e.Act.Public = "request.close", map[string]string{"action": "request.post"}
			} else if i%7 == 1 {
				e.Act.Public = map[string]string{"note": `","action":"request.close"`}
			}
			index, err := l.Append(ctx, e)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if _, dup := at[index]; dup {
				t.Errorf("index %d given twice", index)
			}
			at[index], open[index] = e, ds
		})
	}
	wg.Wait()
	if size, err := l.Size(ctx); err != nil || size != n {
		t.Fatalf("size %d, %v", size, err)
	}
	check := func(l *Log) {
		t.Helper()
		seen := uint64(0)
		for e, err := range l.Entries(ctx, 250) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Index != 250+seen || string(e.Entry.Bytes()) != string(at[e.Index].Bytes()) {
				t.Fatalf("entry %d is not what was appended", e.Index)
			}
			seen++
		}
		if seen != n-250 {
			t.Fatalf("%d entries from 250", seen)
		}
		var picked []uint64
		for e, err := range l.Select(ctx, 250, 520, "request.close", "request.moderate") {
			if err != nil {
				t.Fatal(err)
			}
			if string(e.Entry.Bytes()) != string(at[e.Index].Bytes()) {
				t.Fatalf("entry %d is not what was appended", e.Index)
			}
			picked = append(picked, e.Index)
		}
		if !slices.Equal(picked, closed(at, 250, 520)) {
			t.Fatalf("selected %v", picked)
		}
		for _, err := range l.Select(ctx, 0, n+1, "request.close") {
			if !errors.Is(err, ErrNoEntry) {
				t.Fatalf("past the end: %v", err)
			}
		}
		for _, i := range []uint64{0, 255, 256, 511, 599} {
			rc, err := l.Receipt(ctx, i, open[i][1], open[i][0])
			if err != nil {
				t.Fatal(err)
			}
			again, err := ParseReceipt(rc.Marshal())
			if err != nil {
				t.Fatal(err)
			}
			if r, err := w.verifier().Receipt(again); err != nil {
				t.Fatalf("%v\n%+v", err, r)
			}
			if e, err := l.Entry(ctx, i); err != nil || string(e.Bytes()) != string(at[i].Bytes()) {
				t.Fatalf("Entry(%d): %v", i, err)
			}
		}
	}
	check(l)
	if _, err := l.Receipt(ctx, n); !errors.Is(err, ErrNoEntry) {
		t.Fatalf("receipt of an absent entry: %v", err)
	}
	if _, err := l.Receipt(ctx, 3, open[4][0]); err == nil {
		t.Fatal("a receipt opened what its entry did not commit to")
	}
	if _, err := Open(ctx, w.Options); !errors.Is(err, ErrInUse) {
		t.Fatalf("opened twice: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(ctx, at[0]); !errors.Is(err, ErrClosed) {
		t.Fatalf("append after close: %v", err)
	}
	check(w.open(t))
}

func TestAppendRefuses(t *testing.T) {
	l := newWorld(t, "porchlight.test/town").open(t)
	big, _ := entry(1)
	big.Act.Public = map[string]string{"x": strings.Repeat("y", MaxEntry)}
	if _, err := l.Append(t.Context(), big); !errors.Is(err, ErrTooLarge) {
		t.Errorf("oversize: %v", err)
	}
	bad, _ := entry(2)
	bad.Act.Action = "a\xffb" // does not survive its own encoding
	if _, err := l.Append(t.Context(), bad); err == nil || errors.Is(err, ErrUnpublished) {
		t.Errorf("not UTF-8: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Append(ctx, bad); err == nil {
		t.Error("appended for a caller who left")
	}
	if size, _ := l.Size(t.Context()); size != 0 {
		t.Errorf("%d entries", size)
	}
}

func TestOpenSweepsOrphans(t *testing.T) {
	w := newWorld(t, "porchlight.test/town")
	l := w.open(t)
	e, _ := entry(1)
	if _, err := l.Append(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	l.Close()
	orphan := []string{"checkpoint1234", ".state/treeState99", ".state/gcState1", ".state/version7"}
	for _, f := range orphan {
		if err := os.WriteFile(filepath.Join(w.Dir, f), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l = w.open(t)
	for _, f := range orphan {
		if _, err := os.Stat(filepath.Join(w.Dir, f)); !os.IsNotExist(err) {
			t.Errorf("%s is still there", f)
		}
	}
	if size, err := l.Size(t.Context()); size != 1 || err != nil {
		t.Errorf("size %d, %v", size, err)
	}
}

// What is left of Tessera's publisher when a log is closed signs nothing more.
func TestClosedLogSignsNothing(t *testing.T) {
	w := newWorld(t, "porchlight.test/town")
	l := w.open(t)
	e, _ := entry(1)
	if _, err := l.Append(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	signer := untilClosed{w.Signer, l}
	if _, err := signer.Sign([]byte("open")); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := signer.Sign([]byte("closed")); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed log signs: %v", err)
	}
}

// A failed disk must not leave the caller in doubt, nor the log broken.
func TestAppendDiskError(t *testing.T) {
	if os.Getuid() == 0 {
		// Root ignores permissions: make the bundle's directory a file instead.
		w := newWorld(t, "porchlight.test/town")
		l := w.open(t)
		blocked := filepath.Join(w.Dir, "tile")
		if err := os.WriteFile(blocked, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		e, _ := entry(1)
		if _, err := l.Append(t.Context(), e); err == nil || errors.Is(err, ErrUnpublished) {
			t.Fatalf("append on a broken disk: %v", err)
		}
		if err := os.Remove(blocked); err != nil {
			t.Fatal(err)
		}
		if i, err := l.Append(t.Context(), e); err != nil || i != 0 {
			t.Fatalf("after repair: %d, %v", i, err)
		}
	}
}

func TestAppendDeadline(t *testing.T) {
	w := newWorld(t, "porchlight.test/town")
	l := w.open(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	e, _ := entry(1)
	if _, err := l.Append(ctx, e); !errors.Is(err, ErrUnpublished) && !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%v", err)
	}
	for range 2 { // Entries waits: what it does not show is not there
		e, _ := entry(2)
		if _, err := l.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, err := range l.Entries(t.Context(), 0) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n < 1 {
			t.Fatal("no entries")
		}
	}
}

func TestGenerateKey(t *testing.T) {
	skey, vkey, err := GenerateKey("porchlight.test/town")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := VerifierKey(skey); err != nil || got != vkey {
		t.Errorf("VerifierKey: %q, %v", got, err)
	}
	k, err := ParseKey(vkey)
	if err != nil || k.String() != vkey {
		t.Errorf("ParseKey: %v", err)
	}
	for _, bad := range []string{"", "a b", "a+b", "a\nb"} {
		if _, _, err := GenerateKey(bad); err == nil {
			t.Errorf("origin %q accepted", bad)
		}
	}
	for _, bad := range []string{"", vkey + "=", strings.Replace(vkey, "town", "city", 1), skey, "a+00000000+AAAA"} {
		if _, err := ParseKey(bad); err == nil {
			t.Errorf("key %q accepted", bad)
		}
	}
	if _, err := VerifierKey("PRIVATE+KEY+" + vkey); err == nil || strings.Contains(err.Error(), vkey) {
		t.Errorf("bad secret: %v", err)
	}
}
