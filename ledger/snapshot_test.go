package ledger

import (
	"os"
	"sync"
	"testing"
)

// TestSnapshotWhileAppending copies a log under load and goes on in the copy.
func TestSnapshotWhileAppending(t *testing.T) {
	w := newWorld(t, "snapshot.example")
	l := w.open(t)
	add := func(l *Log, from, n int) {
		t.Helper()
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				e, _ := entry(from + i)
				if _, err := l.Append(t.Context(), e); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	add(l, 0, 600) // more than one full tile
	done := make(chan struct{})
	go func() { defer close(done); add(l, 1000, 900) }()
	dir := t.TempDir()
	size, err := Snapshot(t.Context(), FetchFS(os.DirFS(w.Dir)), dir)
	if err != nil || size < 600 {
		t.Fatalf("%d entries, %v", size, err)
	}
	<-done
	_, older, err := l.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r, err := w.verifier().Ledger(t.Context(), FetchFS(os.DirFS(dir)), nil); err != nil || r.Err() != nil {
		t.Fatalf("the copy: %v %v", err, r.Err())
	}
	o := w.Options
	o.Dir = dir
	copied, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	add(copied, 5000, 300)
	if r, err := w.verifier().Ledger(t.Context(), FetchFS(os.DirFS(dir)), nil); err != nil || r.Err() != nil {
		t.Fatalf("the copy, longer: %v %v", err, r.Err())
	}
	// Going on from a copy while the original went on too is a second history.
	if r, err := w.verifier().Ledger(t.Context(), FetchFS(os.DirFS(dir)), older); err == nil && r.Err() == nil {
		t.Error("two histories passed as one")
	}
	if _, err := Snapshot(t.Context(), FetchFS(os.DirFS(w.Dir)), dir); err == nil {
		t.Error("overwrote a log")
	}
}
