package lpr

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"porchlight/plate"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func atNoon() time.Time { return noon }

func openSpool(t *testing.T, dir string, limit int64) *Spool {
	t.Helper()
	s, err := OpenSpool(dir, limit, atNoon)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// read is the nth read of a camera, a minute after the one before.
func read(n int) plate.Read {
	return plate.Read{Event: fmt.Sprintf("e%08d", n), Text: plate.Text(fmt.Sprintf("ZZ%05d", n)), Confidence: 900, Heading: -1, Seen: noon.Add(time.Duration(n) * time.Minute)}
}

func put(t *testing.T, s *Spool, n int, sealed []byte) {
	t.Helper()
	if err := s.Put(read(n), sealed); err != nil {
		t.Fatal(err)
	}
}

// drain takes everything in portions.
func drain(t *testing.T, s *Spool, most int) (texts []string, pictures int) {
	t.Helper()
	for {
		p, err := s.Head(most, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Reads) == 0 {
			return texts, pictures
		}
		for _, r := range p.Reads {
			texts = append(texts, string(r.Text))
			if r.Sealed != nil {
				pictures++
			}
		}
		if err := s.Done(p); err != nil {
			t.Fatal(err)
		}
	}
}

func texts(from, to int) (all []string) {
	for n := from; n < to; n++ {
		all = append(all, string(read(n).Text))
	}
	return all
}

// A week without an exchange: every read is there after it, in order, over many
// restarts, and pictures as many as there is room for, the newest.
func TestSpoolKeepsAWeek(t *testing.T) {
	dir, perDay := t.TempDir(), 60
	limit := int64(16 << 20)
	picture := bytes.Repeat([]byte{7}, 60_000) // 15 blocks
	n := 0
	for range 7 {
		s := openSpool(t, dir, limit)
		for range perDay {
			put(t, s, n, picture)
			n++
			if h := s.Held(); h.Bytes > limit {
				t.Fatalf("%d bytes, over %d", h.Bytes, limit)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := openSpool(t, dir, limit)
	h := s.Held()
	if h.Reads != int64(n) || h.LostReads != 0 || h.Pictures < 230 || h.Pictures+int64(h.LostPictures) != int64(n) {
		t.Fatalf("%+v of %d", h, n)
	}
	p, err := s.Head(10, 1<<20)
	if err != nil || len(p.Reads) != 10 || p.Reads[0].Sealed != nil {
		t.Fatalf("the oldest picture is still there: %v, %v", len(p.Reads), err)
	}
	got, pictures := drain(t, s, 300)
	if !slices.Equal(got, texts(0, n)) || int64(pictures) != h.Pictures {
		t.Errorf("%d reads and %d pictures came out", len(got), pictures)
	}
	if h := s.Held(); h.Reads != 0 || h.Pictures != 0 || h.Bytes > 2*segmentBytes {
		t.Errorf("after all is sent: %+v", h)
	}
}

// Without pictures to let go, the oldest reads go, and it is counted.
func TestReadsGoLast(t *testing.T) {
	s := openSpool(t, t.TempDir(), 3<<20)
	n := 0
	for ; s.Held().LostReads == 0; n++ {
		put(t, s, n, nil)
		if n > 100_000 {
			t.Fatal("the limit does not count")
		}
	}
	h := s.Held()
	got, _ := drain(t, s, 1000)
	if uint64(len(got))+h.LostReads != uint64(n) || !slices.Equal(got, texts(n-len(got), n)) {
		t.Errorf("%d put, %d lost, %d came out", n, h.LostReads, len(got))
	}
}

// A crash can tear the last record, leave pictures without a read, and forget
// what was deleted. What Put returned for is there.
func TestSpoolAfterACrash(t *testing.T) {
	dir := t.TempDir()
	s := openSpool(t, dir, 64<<20)
	for n := range 5 {
		put(t, s, n, []byte("sealed"))
	}
	p, err := s.Head(2, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Done(p); err != nil {
		t.Fatal(err)
	}
	s.Close()
	log := filepath.Join(dir, "r-000001.log")
	whole, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	orphan := filepath.Join(dir, "p", "20261122", "e99999999.age")
	if err := os.WriteFile(orphan, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for cut := len(whole); cut > len(whole)-60; cut -= 7 { // the fifth record, torn anywhere
		if err := os.WriteFile(log, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := OpenSpool(dir, 64<<20, atNoon)
		if err != nil {
			t.Fatal(err)
		}
		want := texts(2, 4)
		if cut == len(whole) {
			want = texts(2, 5)
		}
		p, err := s.Head(10, 1<<20)
		var got []string
		for _, r := range p.Reads {
			got = append(got, string(r.Text))
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("cut at %d: %q, %v", cut, got, err)
		}
		s.Close()
	}
	if _, err := os.Stat(orphan); !errors.Is(err, os.ErrNotExist) {
		t.Error("a picture that no read has stays for ever")
	}
	// One slot of the state is torn: the other counts, and what was sent comes
	// again rather than not at all.
	state := filepath.Join(dir, "state")
	for slot := range 2 {
		text, err := os.ReadFile(state)
		if err != nil {
			t.Fatal(err)
		}
		text[slot*slotBytes+20] ^= 1
		if err := os.WriteFile(state, text, 0o600); err != nil {
			t.Fatal(err)
		}
		s := openSpool(t, dir, 64<<20)
		put(t, s, 10+slot, nil)
		if got, _ := drain(t, s, 10); len(got) == 0 || got[len(got)-1] != string(read(10+slot).Text) {
			t.Errorf("slot %d torn: %q", slot, got)
		}
		s.Close()
	}
}

// A sequence number is used once, whatever happens to the process, the clock or
// the disk.
func TestSequenceNeverAgain(t *testing.T) {
	dir := t.TempDir()
	seen := map[uint64]bool{}
	take := func(s *Spool, count int) {
		t.Helper()
		for range count {
			n, err := s.Sequence(0)
			if err != nil || n == 0 || n > 1<<53 || seen[n] {
				t.Fatalf("%d again, %v", n, err)
			}
			seen[n] = true
		}
	}
	for range 5 { // killed: nothing is written on the way out
		s, err := OpenSpool(dir, 64<<20, atNoon)
		if err != nil {
			t.Fatal(err)
		}
		take(s, 3*sequences/2)
		s.lock.Close()
	}
	if err := os.RemoveAll(dir); err != nil { // a new disk, an hour later
		t.Fatal(err)
	}
	s, err := OpenSpool(dir, 64<<20, func() time.Time { return noon.Add(time.Hour) })
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	take(s, 10)
	if n, err := s.Sequence(1 << 50); err != nil || n != 1<<50 {
		t.Errorf("%d, %v", n, err)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	openSpool(t, dir, 64<<20)
	if _, err := OpenSpool(dir, 64<<20, atNoon); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
}

// On a disk that others have filled, pictures make room for reads, then the room
// set aside does; what is sent gives it back.
func TestSpoolOnAFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=8m"); err != nil {
		t.Skipf("SKIPPED: this kernel or user may not mount a small disk (%v); run it as root", err)
	}
	t.Cleanup(func() { syscall.Unmount(disk, 0) })
	dir := filepath.Join(disk, "spool")
	s := openSpool(t, dir, 64<<20)
	picture := bytes.Repeat([]byte{9}, 100_000)
	n := 0
	for ; n < 10; n++ {
		put(t, s, n, picture)
	}
	// Others take all that is left.
	other, err := os.Create(filepath.Join(disk, "other"))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = other.Write(picture[:4096])
	}
	other.Close()
	for ; n < 5000; n++ {
		put(t, s, n, picture)
	}
	h := s.Held()
	if h.Reads != int64(n) || h.LostReads != 0 {
		t.Errorf("%+v after %d on a full disk", h, n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openSpool(t, dir, 64<<20) // and starts on it
	got, _ := drain(t, s, 500)
	if !slices.Equal(got, texts(0, n)) {
		t.Errorf("%d of %d came out", len(got), n)
	}
	if info, err := os.Stat(filepath.Join(dir, "reserve")); err != nil || info.Size() != reserveBytes {
		if err := os.Remove(filepath.Join(disk, "other")); err != nil {
			t.Fatal(err)
		}
		put(t, s, n, nil)
		drain(t, s, 10)
		if info, err := os.Stat(filepath.Join(dir, "reserve")); err != nil || info.Size() != reserveBytes {
			t.Errorf("no room is set aside again: %v", err)
		}
	}
	s.Close()
}
