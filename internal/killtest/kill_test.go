package killtest

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/sync/errgroup"

	"porchlight/internal/testworld"
	"porchlight/web"

	_ "modernc.org/sqlite"
)

// TestKills kills the exchange at random instants while residents upload and
// share, custodians triage and watch, and officers ask: a quarter of the kills
// during the start. After each kill the data directory must keep every promise,
// and the start that follows must close what was open.
// PORCHLIGHT_KILLS sets how many.
func TestKills(t *testing.T) {
	kills := 30
	if s := os.Getenv("PORCHLIGHT_KILLS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("PORCHLIGHT_KILLS: %v", err)
		}
		kills = n
	}
	scratch := t.TempDir()
	s := newServer(t, build(t), scratch)
	s.start()
	if !s.answers() {
		t.Fatal("the exchange does not start")
	}
	town, err := testworld.Populate(t.Context(), s.url, s.link)
	if err != nil {
		t.Fatal(err)
	}
	var police web.AgencyView
	if err := town.Operator.Get(t.Context(), "/agencies/"+town.Police.ORI, &police); err != nil {
		t.Fatal(err)
	}
	l := &load{server: s, Town: town, promises: newPromises()}
	if l.vault, err = age.ParseX25519Recipient(police.Vault.Recipient); err != nil {
		t.Fatal(err)
	}
	working, stop := context.WithCancel(t.Context())
	defer stop()
	all, working := errgroup.WithContext(working)
	for range 4 {
		all.Go(func() error { return l.resident(working) })
	}
	all.Go(func() error { return l.custodian(working) })
	all.Go(func() error { return l.asking(working) })

	var last found
	starting, cut := 0, 0
	for n := range kills {
		wait := time.Duration(20+rand.IntN(700)) * time.Millisecond
		if n%4 == 3 { // during the start, which closes what the last kill left open
			starting++
			wait = time.Duration(rand.IntN(150)) * time.Millisecond
		}
		select {
		case <-time.After(wait):
		case <-working.Done():
			t.Fatal(all.Wait())
		}
		seen := s.checkpoint()
		s.kill()
		if last, err = look(s.dir, scratch, s.logKey, seen, l.promises); err != nil {
			t.Fatalf("after kill %d: %v", n+1, err)
		}
		cut += last.open
		s.start()
		if n%4 == 2 {
			continue // the next kill comes while it starts
		}
		if !s.answers() {
			t.Fatalf("the exchange does not start again after kill %d", n+1)
		}
		if err := closed(s.dir, last.openActs, time.Minute); err != nil {
			t.Fatalf("after kill %d: %v", n+1, err)
		}
	}

	// Let everybody finish something, then end in order.
	before := func() int { l.promises.mu.Lock(); defer l.promises.mu.Unlock(); return len(l.shared) + len(l.accepted) }
	goal := before() + 4
	for tick := time.NewTicker(20 * time.Millisecond); before() < goal; <-tick.C {
		if working.Err() != nil {
			t.Fatal(all.Wait())
		}
	}
	stop()
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	seen := s.checkpoint()
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if last, err = look(s.dir, scratch, s.logKey, seen, l.promises); err != nil {
		t.Fatal(err)
	}
	if last.open != 0 {
		t.Errorf("%d acts stand open after an orderly end", last.open)
	}
	whole, err := bytesOf(s.dir, l.promises)
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d kills, %d of them during the start; %d acts were cut short and closed; %d requests repeated", kills, starting, cut, l.retries)
	t.Logf("ledger: %d entries checked against store and kept checkpoint after each kill: %d acts done, %d denied, %d void; %d effects stand on their entries",
		last.entries, last.done, last.denied, last.voided, last.effects)
	t.Logf("acknowledged and held: %d pieces (%d bytes) of %d uploads, %d receipts, %d items whole on the disk, %d accepted, %d requests; %d views opened to the clip sent",
		l.chunks, l.bytes, last.uploads, len(l.receipts), whole, len(l.accepted), len(l.requests), l.views)
}

// closed waits until acts that a crash left open are open no more.
func closed(dir string, ids []string, most time.Duration) error {
	d, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "porchlight.db")+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer d.Close()
	deadline := time.Now().Add(most)
	for _, id := range ids {
		for {
			var open int
			if err := d.QueryRow(`SELECT count(*) FROM acts WHERE id = ? AND state = 'decided'`, id).Scan(&open); err != nil {
				return err
			}
			if open == 0 {
				break
			}
			// A client may be trying this very act again.
			if time.Now().After(deadline) {
				return fmt.Errorf("act %s is still open", id)
			}
		}
	}
	return nil
}
