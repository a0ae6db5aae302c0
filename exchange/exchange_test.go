package exchange_test

import (
	"errors"
	"os"
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
