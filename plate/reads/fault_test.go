package reads

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"porchlight/internal/pgtest"
	"porchlight/plate"
)

// round makes the n-th batch of a load that crosses a midnight every few batches:
// always the same, so that it can be sent again.
func round(n int) []plate.Read {
	w := newWorld(uint64(n))
	reads := w.reads(40)
	for i := range reads {
		r := &reads[i]
		r.Seen = now.Add(-10*24*time.Hour + time.Duration(n)*time.Hour + time.Duration(i)*time.Second)
		r.Camera = fmt.Sprint("camera", i%10)
		r.Owner = w.owners[i%2]
		if r.Event != "" {
			r.Event = fmt.Sprint("event ", n, " ", i)
		}
		r.Text = plate.Text(fmt.Sprintf("N%dI%d", n%1000, i))
	}
	return reads
}

// complete checks that every read of the first rounds is there, once, that nothing
// else is but what rounds after those may have left, and that the tallies count
// what is there.
func complete(t *testing.T, s *Store, rounds int) {
	t.Helper()
	owners := []string{"IL0160000", "IL0160100"}
	all, _, err := s.Find(t.Context(), owners, plate.Query{Kind: plate.InArea, Area: everywhere(t)}, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]int{}
	for _, r := range all {
		there[fmt.Sprint(r.Camera, r.Seen.UnixMilli(), r.Text)]++
	}
	for n := range rounds {
		for _, r := range round(n) {
			k := fmt.Sprint(r.Camera, r.Seen.UnixMilli(), r.Text)
			if there[k] != 1 {
				t.Fatalf("read %s of round %d, acknowledged, is there %d times", k, n, there[k])
			}
			delete(there, k)
		}
	}
	for k, n := range there {
		if n != 1 {
			t.Errorf("%s is there %d times", k, n)
		}
	}
	sum := 0
	for _, o := range owners {
		tallies, err := s.Tallies(t.Context(), o, now.AddDate(0, 0, -40), now.AddDate(0, 0, 400))
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range tallies {
			sum += x.Reads
		}
	}
	if sum != len(all) {
		t.Errorf("the tallies count %d reads, %d are there", sum, len(all))
	}
}

const childMark = "PORCHLIGHT_READS_CHILD"

// TestKills kills a process that appends, at random moments and while a day
// changes; PORCHLIGHT_KILLS says how often.
func TestKills(t *testing.T) {
	t.Parallel()
	kills := 5
	if s := os.Getenv("PORCHLIGHT_KILLS"); s != "" {
		kills, _ = strconv.Atoi(s)
	}
	t.Run("SQLite", func(t *testing.T) { testKills(t, kills, Options{Dir: t.TempDir()}) })
	t.Run("PostgreSQL", func(t *testing.T) { testKills(t, kills, Options{Postgres: pgtest.DSN(t)}) })
}

func testKills(t *testing.T, kills int, o Options) {
	o.Keep, o.Now = keepAll, func() time.Time { return now }
	acked := 0
	for range kills {
		c := exec.Command(os.Args[0], "-test.run=^TestChild$")
		c.Env = append(os.Environ(), childMark+"="+fmt.Sprint(max(0, acked-2), "\n", o.Dir, "\n", o.Postgres))
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		until := acked + 1 + rand.IntN(12)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			n, err := strconv.Atoi(strings.TrimPrefix(lines.Text(), "acked "))
			if err != nil {
				continue
			}
			if acked = max(acked, n+1); acked >= until {
				time.AfterFunc(time.Duration(rand.IntN(5000))*time.Microsecond, func() { c.Process.Kill() })
				until = 1 << 30
			}
		}
		c.Wait()
		s, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		complete(t, s, acked)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d kills, %d batches acknowledged", kills, acked)
}

// TestChild is the process that is killed.
func TestChild(t *testing.T) {
	f := strings.Split(os.Getenv(childMark), "\n")
	if len(f) != 3 {
		t.Skip("only TestKills runs it")
	}
	from, _ := strconv.Atoi(f[0])
	s, err := Open(t.Context(), Options{Dir: f[1], Postgres: f[2], Keep: keepAll, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	for n := from; ; n++ {
		if _, _, err := s.Append(t.Context(), round(n)); err != nil {
			t.Fatal(err)
		}
		fmt.Println("acked", n)
		if file, ok := s.engine.(*sqliteEngine); ok && n%3 == 0 { // the journals go into the files at every step
			if err := file.tidy(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestRestart stops, kills and starts PostgreSQL under a load that notices
// nothing.
func TestRestart(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	s := on(server.DSN)(t)(t, Options{Keep: keepAll})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	acked := make(chan int, 1)
	go func() {
		for n := 0; ; n++ {
			if ctx.Err() != nil {
				acked <- n
				done <- nil
				return
			}
			if _, _, err := s.Append(t.Context(), round(n%80)); err != nil {
				acked <- n
				done <- fmt.Errorf("appending: %w", err)
				return
			}
		}
	}()
	p := mustPattern(t, "N*1")
	go func() {
		for ctx.Err() == nil {
			if _, _, err := s.Find(t.Context(), []string{"IL0160000"}, plate.Query{Kind: plate.ByPlate, Plate: p}, 100); err != nil {
				done <- fmt.Errorf("searching: %w", err)
				return
			}
		}
		done <- nil
	}()
	server.Restart(t)
	server.Kill(t)
	server.Start(t)
	if _, _, err := s.Append(t.Context(), round(0)); err != nil {
		t.Error(err)
	}
	cancel()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	complete(t, s, min(80, <-acked))
}

// TestDiskFull: nothing that did not fit is acknowledged, nothing that was is
// lost, and all goes on once there is room.
func TestDiskFull(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=8m"); err != nil {
		t.Skipf("SKIPPED: this kernel or user may not mount a small disk (%v); run it as root", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Errorf("unmounting: %v", err)
		}
	})
	t.Run("on a disk of 8 MB", func(t *testing.T) {
		spare := filepath.Join(disk, "spare")
		if err := os.WriteFile(spare, make([]byte, 5<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		o := Options{Dir: filepath.Join(disk, "reads"), Keep: keepAll, Now: func() time.Time { return now }}
		s, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for ; err == nil; n++ {
			_, _, err = s.Append(t.Context(), round(n))
		}
		n--
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("after %d batches: %v", n, err)
		}
		complete(t, s, n)
		if err := os.Remove(spare); err != nil {
			t.Fatal(err)
		}
		if _, _, err = s.Append(t.Context(), round(n)); err != nil {
			t.Fatalf("with room again: %v", err)
		}
		complete(t, s, n+1)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if s, err = Open(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		complete(t, s, n+1)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		t.Logf("full after %d batches", n)
	})
}

// TestBrokenFiles: a day that is damaged or gone is set aside and said, whenever
// it is noticed; the others are served, and the day takes new reads.
func TestBrokenFiles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		wreck func(t *testing.T, path string)
		files int // with the name of the day, afterwards
	}{
		{"header", func(t *testing.T, path string) { scribble(t, path, 0, 100) }, 1},
		{"pages", func(t *testing.T, path string) { scribble(t, path, 4096, 1<<30) }, 1},
		{"cut short", func(t *testing.T, path string) {
			if err := os.Truncate(path, 5000); err != nil {
				t.Fatal(err)
			}
		}, 1},
		{"missing", func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, 0},
	} {
		for _, when := range []string{"at the start", "while open"} {
			t.Run(c.name+" "+when, func(t *testing.T) {
				open := onSQLite(t)
				o := Options{Keep: keepAll, Files: 1}
				s := open(t, o)
				w := newWorld(3)
				all := appended(t, s, w.reads(600))
				wrecked := all[0].Seen.Truncate(24 * time.Hour)
				path := filepath.Join(s.options.Dir, bucketOf(month, wrecked, 0).String()+fileSuffix)
				others := slices.DeleteFunc(slices.Clone(all), func(r plate.Read) bool { return r.Seen.Truncate(24 * time.Hour).Equal(wrecked) })
				if err := s.engine.tidy(t.Context()); err != nil {
					t.Fatal(err)
				}
				if when == "at the start" {
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
					c.wreck(t, path)
					s = open(t, o)
				} else {
					if err := s.engine.(*sqliteEngine).closeIdle(s.parts[bucketOf(month, wrecked, 0)].rows.(*file)); err != nil {
						t.Fatal(err)
					}
					c.wreck(t, path)
				}
				q := plate.Query{Kind: plate.InArea, Area: everywhere(t)}
				check := func(want []plate.Read) {
					t.Helper()
					got, _, err := s.Find(t.Context(), w.owners, q, 10000)
					if err != nil {
						t.Fatal(err)
					}
					oracle, _ := find(want, w.owners, q, 10000)
					same(t, "what is left", got, oracle)
					h := s.Health()
					if len(h) != 1 || !h[0].From.Equal(wrecked) || h[0].Text == "" {
						t.Fatalf("health: %+v", h)
					}
				}
				check(others)
				fresh := w.reads(3)
				for i := range fresh {
					fresh[i].Seen = wrecked.Add(time.Duration(i+1) * time.Second)
				}
				others = append(others, appended(t, s, fresh)...)
				check(others)
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = open(t, o)
				check(others)
				set, err := filepath.Glob(path + "*")
				if set2, _ := filepath.Glob(strings.TrimSuffix(path, fileSuffix) + "*" + asideSuffix); err != nil || len(set2) != c.files {
					t.Errorf("%v %v %v", set, set2, err)
				}
				// What was set aside goes when its time is over.
				if _, err := s.Due(t.Context(), wrecked.Add(month)); err != nil || len(s.Health()) != 0 {
					t.Errorf("%v, %v", s.Health(), err)
				}
				if left, _ := filepath.Glob(filepath.Join(s.options.Dir, "*"+asideSuffix)); len(left) > 0 {
					t.Errorf("%v are left", left)
				}
			})
		}
	}
}

func scribble(t *testing.T, path string, from, to int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := from; i < min(to, len(b)); i++ {
		b[i] = byte(i * 7)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestJournalsAfterARestart: a crash loses nothing of a file that was closed in
// order before, and its journals with it.
func TestJournalsAfterARestart(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir, Keep: keepAll, Now: func() time.Time { return now }}
	w := newWorld(6)
	all := w.reads(400)
	var kept []plate.Read
	for part := range slices.Chunk(all, 100) {
		s, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, appended(t, s, part)...)
		if len(kept) < len(all) {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		copied := t.TempDir() // a crash, as far as the directory can tell
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		o.Dir = copied
		if s, err = Open(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		q := plate.Query{Kind: plate.InArea, Area: everywhere(t)}
		got, _, err := s.Find(t.Context(), w.owners, q, 1000)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := find(kept, w.owners, q, 1000)
		same(t, "after the crash", got, want)
		tallies(t, s, w, kept)
	}
}

// TestJournalOutlivesItsFile: reads that were acknowledged and not yet in the day
// file are served though the file is lost.
func TestJournalOutlivesItsFile(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir, Keep: keepAll, Now: func() time.Time { return now }}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	all := appended(t, s, newWorld(4).reads(300))
	// A crash, as far as the directory can tell.
	copied := t.TempDir()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(f.Name(), journalSuffix) {
			b = append(b, 40, 0, 0, 0, 1, 2, 3) // the beginning of a record
		}
		if strings.HasSuffix(f.Name(), fileSuffix) {
			continue
		}
		if err := os.WriteFile(filepath.Join(copied, f.Name()), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	o.Dir = copied
	if s, err = Open(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	owners := newWorld(4).owners
	q := plate.Query{Kind: plate.InArea, Area: everywhere(t)}
	got, _, err := s.Find(t.Context(), owners, q, 1000)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := find(all, owners, q, 1000)
	same(t, "reads of the journals", got, want)
	if len(s.Health()) == 0 {
		t.Error("the lost files are not said")
	}
}

// TestNothingIsLeftOfADroppedOwner looks for her plates in the bytes of the file
// she shared with another.
func TestNothingIsLeftOfADroppedOwner(t *testing.T) {
	keeps := map[string]time.Duration{"mine": month, "hers": month}
	open := onSQLite(t)
	s := open(t, Options{Keep: func(o string) time.Duration { return keeps[o] }})
	w := newWorld(5)
	all := w.reads(500)
	for i := range all {
		r := &all[i]
		r.Seen, r.Owner, r.Camera = now.Add(-48*time.Hour+time.Duration(i)*time.Millisecond), "mine", "mine"
		if i%2 == 0 {
			r.Owner, r.Camera, r.Image = "hers", "hers", "a picture of hers"
		}
	}
	appended(t, s, all)
	if _, err := s.Due(t.Context(), now); err != nil { // which packs the day
		t.Fatal(err)
	}
	keeps["hers"] = time.Hour
	due, err := s.Due(t.Context(), now)
	if err != nil || len(due) != 1 || due[0].Reads != 250 {
		t.Fatalf("%+v %v", due, err)
	}
	if err := s.Drop(t.Context(), due[0]); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(s.options.Dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte("a picture of hers")) {
			t.Errorf("%s still holds her reads", filepath.Base(f))
		}
	}
}

// TestDropCutShort: whichever of a day's files a crash left when it was dropped,
// after the next start and purge there is none.
func TestDropCutShort(t *testing.T) {
	t.Parallel()
	clock := now
	o := Options{Dir: t.TempDir(), Keep: keepAll, Now: func() time.Time { return clock }}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	reads := newWorld(7).reads(200)
	for i := range reads {
		reads[i].Seen = now.Add(time.Duration(i) * time.Millisecond)
	}
	appended(t, s, reads[:100])
	if err := s.engine.tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	appended(t, s, reads[100:])
	crashed := t.TempDir() // as far as the directory can tell
	if err := os.CopyFS(crashed, os.DirFS(o.Dir)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	of := func(dir string) []string {
		found, err := filepath.Glob(filepath.Join(dir, bucketOf(month, now, 0).String()+".*"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if n := len(of(crashed)); n != 4 {
		t.Fatalf("%v: not a file, its log, its index and a journal", of(crashed))
	}
	for left := range 1 << 4 {
		o.Dir, clock = t.TempDir(), now
		if err := os.CopyFS(o.Dir, os.DirFS(crashed)); err != nil {
			t.Fatal(err)
		}
		for i, path := range of(o.Dir) {
			if left>>i&1 == 0 {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			}
		}
		what := of(o.Dir)
		if s, err = Open(t.Context(), o); err != nil {
			t.Fatalf("with %v: %v", what, err)
		}
		clock = now.Add(month)
		due, err := s.Due(t.Context(), clock)
		for _, d := range due {
			err = errors.Join(err, s.Drop(t.Context(), d))
		}
		if found := of(o.Dir); err != nil || len(found) > 0 || len(s.Health()) > 0 {
			t.Errorf("with %v: %v; left are %v, %v", what, err, found, s.Health())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
