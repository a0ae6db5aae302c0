package exchange_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"porchlight/exchange"
)

const county = `{"type":"Polygon","coordinates":[[[-89.7,40.2],[-89.5,40.2],[-89.5,40.4],[-89.7,40.4],[-89.7,40.2]]]}`

func TestInitOpenAndItsEntries(t *testing.T) {
	c := exchange.Config{Dir: filepath.Join(t.TempDir(), "x"), Name: "Test Exchange", BaseURL: "http://localhost:8080", State: "IL"}
	made, err := exchange.Init(t.Context(), c, []byte(county))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(made.OperatorLink, "http://localhost:8080/enrol#") || made.Origin != "localhost" {
		t.Errorf("%+v", made)
	}
	if _, err := exchange.Init(t.Context(), c, []byte(county)); err == nil {
		t.Error("init over an exchange succeeded")
	}
	info, err := os.Stat(filepath.Join(c.Dir, "ledger.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("ledger.key: %v, %v", info.Mode(), err)
	}
	x, err := exchange.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if _, err := exchange.Open(t.Context(), c); !errors.Is(err, exchange.ErrRunning) {
		t.Errorf("a second opening: %v", err)
	}
	var got []string
	for e, err := range x.Log.Entries(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if !e.Entry.Decision.Permit {
			t.Errorf("%s was refused by %v", e.Entry.Act.Action, e.Entry.Decision.Rules)
		}
		got = append(got, e.Entry.Act.Action)
	}
	for _, want := range []string{"exchange.create", "pack.change", "setting.change", "person.invite"} {
		if !slices.Contains(got, want) {
			t.Errorf("no entry for %s: %v", want, got)
		}
	}
	if got[0] != "exchange.create" {
		t.Errorf("the first entry is %s", got[0])
	}
}

func TestBackupWhileRunningAndRestore(t *testing.T) {
	c := exchange.Config{Dir: filepath.Join(t.TempDir(), strings.Repeat("long", 40)), BaseURL: "http://localhost:8080", State: "IL"}
	if _, err := exchange.Init(t.Context(), c, []byte(county)); err != nil {
		t.Fatal(err)
	}
	x, err := exchange.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if _, err := x.Blobs.Append(t.Context(), "some-clip", 0, strings.NewReader("ciphertext")); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error)
	go func() { served <- x.ServeAdmin(ctx) }()
	to := filepath.Join(t.TempDir(), "backup")
	info, err := exchange.BackupOf(t.Context(), c, to)
	for errors.Is(err, exchange.ErrRunning) { // it does not take orders yet
		info, err = exchange.BackupOf(t.Context(), c, to)
	}
	if err != nil || info.Entries < 5 {
		t.Fatalf("%+v, %v", info, err)
	}
	if _, err := exchange.BackupOf(t.Context(), c, to); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("over a backup: %v", err)
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
	check := exec.Command("sha256sum", "--strict", "--quiet", "-c", "manifest-sha256.txt")
	check.Dir = to
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("sha256sum: %v\n%s", err, out)
	}

	restored := c
	restored.Dir = filepath.Join(t.TempDir(), "restored")
	if _, err := exchange.Restore(t.Context(), to, restored.Dir); err != nil {
		t.Fatal(err)
	}
	y, err := exchange.Open(t.Context(), restored)
	if err != nil {
		t.Fatal(err)
	}
	defer y.Close()
	if _, n, err := y.Blobs.Open(t.Context(), "some-clip"); err != nil || n != 10 {
		t.Errorf("restored blob: %d, %v", n, err)
	}

	// A changed byte anywhere is refused before anything is made.
	bundle := fmt.Sprintf("ledger/tile/entries/000.p/%d", info.Entries)
	for _, name := range []string{"porchlight.db", bundle, "blobs/ip/some-clip"} {
		path := filepath.Join(to, name)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/2] ^= 1
		os.WriteFile(path, b, 0o600)
		dir := filepath.Join(t.TempDir(), "refused")
		if _, err := exchange.Restore(t.Context(), to, dir); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s changed: %v", name, err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s changed, and a directory was made", name)
		}
		b[len(b)/2] ^= 1
		os.WriteFile(path, b, 0o600)
	}
}
