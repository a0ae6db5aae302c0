package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"porchlight/ledger"
)

// runCmd runs one command and returns its exit status and output.
func runCmd(t *testing.T, ctx context.Context, cmd *cobra.Command, args ...string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintln(&out, err)
	}
	return exitCode(err), out.String()
}

func testLog(t *testing.T, witnesses ...ledger.WitnessConfig) (*ledger.Log, ledger.Options) {
	t.Helper()
	skey, vkey, err := ledger.GenerateKey("porchlight.test/town")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	o := ledger.Options{Dir: filepath.Join(t.TempDir(), "ledger"), Signer: signer, LogKey: vkey, Witnesses: witnesses, Quorum: len(witnesses)}
	l, err := ledger.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, o
}

func testEntry(n int) ledger.Entry {
	return ledger.Entry{V: 1, Act: ledger.Act{ID: fmt.Sprintf("%026d", n), Action: "item.view", Actor: "custodian", Hour: "2026-11-22T05:00:00Z"},
		Decision: ledger.Decision{Permit: true, Rules: []string{}, Packs: map[string]string{}}}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestVerifyCommand(t *testing.T) {
	l, o := testLog(t)
	ctx := t.Context()
	var index uint64
	var older []byte
	for i := range 3 {
		var err error
		if index, err = l.Append(ctx, testEntry(i)); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			if _, older, err = l.Checkpoint(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	rc, err := l.Receipt(ctx, index)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	write(t, in("receipt.txt"), rc.Marshal())
	write(t, in("bad.txt"), bytes.Replace(rc.Marshal(), []byte("index 2"), []byte("index 1"), 1))
	write(t, in("worse.txt"), []byte("hello"))
	write(t, in("empty.txt"), nil)
	write(t, in("bag.zip"), []byte("PK\x03\x04 not a zip"))
	write(t, in("old.txt"), older)
	data, err := os.ReadFile("../../testdata/keys/trust.json")
	if err != nil {
		t.Fatal(err)
	}
	var trust struct {
		LogKey                       string `json:"log_key"`
		Published, Enrolment, Forged string
	}
	if err := json.Unmarshal(data, &trust); err != nil {
		t.Fatal(err)
	}
	write(t, in("vault.txt"), []byte(trust.Published))
	write(t, in("enrolment.txt"), []byte(trust.Enrolment))
	write(t, in("forged.txt"), []byte(trust.Forged))
	desc, err := json.Marshal(ledger.Descriptor{Origin: "porchlight.test/town", LogKey: o.LogKey})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/ledger/", http.StripPrefix("/ledger", l.Handler()))
	srv := httptest.NewServer(mux)
	defer srv.Close()
	served, err := json.Marshal(ledger.Descriptor{Origin: "porchlight.test/town", LogKey: o.LogKey, Ledger: srv.URL + "/ledger/"})
	if err != nil {
		t.Fatal(err)
	}
	mux.HandleFunc(descriptorPath, func(w http.ResponseWriter, r *http.Request) { w.Write(served) })
	_, stranger, err := ledger.GenerateKey("porchlight.test/town")
	if err != nil {
		t.Fatal(err)
	}

	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{in("receipt.txt"), 2, "give the log's key"},
		{in("receipt.txt") + " --key " + o.LogKey, 0, "The entry is number 2 in the log porchlight.test/town of 3 entries."},
		{in("receipt.txt") + " --key " + o.LogKey + " --json", 0, `"ok": true`},
		{in("receipt.txt") + " --key " + stranger, 1, "there is none by"},
		{in("receipt.txt") + " --key nonsense", 2, "nonsense"},
		{in("receipt.txt") + " --quorum 1", 2, "go with --key"},
		{in("receipt.txt") + " --quorum 1 --key " + o.LogKey, 2, "quorum 1 of 0"},
		{in("receipt.txt") + " --old-checkpoint x --key " + o.LogKey, 2, "goes with a ledger"},
		{in("vault.txt") + " --key " + trust.LogKey, 0, "Whose passkey it was: the entry that enrolled it says so."},
		{in("vault.txt") + " --key " + trust.LogKey + " --enrolment " + in("enrolment.txt"), 0, "in the role custodian for the agency IL0160000"},
		{in("forged.txt") + " --key " + trust.LogKey + " --enrolment " + in("enrolment.txt"), 1, "The passkey is not the one that was enrolled."},
		{in("vault.txt") + " --key " + trust.LogKey + " --enrolment " + in("worse.txt"), 1, "worse.txt: "},
		{in("vault.txt") + " --key " + trust.LogKey + " --enrolment nowhere.txt", 2, "nowhere.txt"},
		{in("bag.zip") + " --key " + trust.LogKey + " --enrolment " + in("enrolment.txt"), 2, "with a receipt"},
		{dir + " --key " + trust.LogKey + " --enrolment " + in("enrolment.txt"), 2, "with a receipt"},
		{in("bad.txt") + " --key " + o.LogKey, 1, "do not lead to the signed state"},
		{in("bad.txt") + " --json --key " + o.LogKey, 1, `"ok": false`},
		{in("worse.txt") + " --key " + o.LogKey, 1, "line 1"},
		{in("empty.txt") + " --key " + o.LogKey, 1, "line 1"},
		{in("bag.zip"), 1, "zip"},
		{in("nowhere.txt"), 2, "no such file"},
		{o.Dir, 2, "give the log's key"},
		{o.Dir + " --key " + o.LogKey, 0, "All entries (3) were read"},
		{filepath.Dir(o.Dir) + " --key " + o.LogKey, 0, "All entries (3) were read"},
		{o.Dir + " --old-checkpoint " + in("old.txt") + " --key " + o.LogKey, 0, "extends the checkpoint of 2 entries"},
		{o.Dir + " --old-checkpoint " + in("nowhere.txt") + " --key " + o.LogKey, 2, "no such file"},
		{srv.URL + "/ledger/ --key " + o.LogKey, 0, "All entries (3) were read"},
		{srv.URL, 0, "Compare it with one from another source"},
		{srv.URL + "/ledger", 0, "Compare it with one from another source"},
		{srv.URL + "/ledger --key " + stranger, 1, "there is none by"},
		{"http://", 1, ""},
		{dir, 1, ""}, // neither ledger nor package
		{"", 2, ""},
	} {
		code, out := runCmd(t, ctx, newVerifyCmd(), strings.Fields(c.args)...)
		if c.args == "" {
			code = max(code, 2) // cobra's own error: main makes it 2
		}
		if code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("verify %s: exit %d, want %d and %q:\n%s", c.args, code, c.code, c.want, out)
		}
	}

	write(t, in("exchange.json"), desc)
	code, out := runCmd(t, ctx, newVerifyCmd(), in("receipt.txt"))
	if code != 0 || !strings.Contains(out, "Compare it with one from another source: "+o.LogKey) {
		t.Errorf("with a descriptor: exit %d\n%s", code, out)
	}
	write(t, in("exchange.json"), []byte("{"))
	if code, out := runCmd(t, ctx, newVerifyCmd(), in("receipt.txt")); code != 1 || !strings.Contains(out, "exchange.json") {
		t.Errorf("with a broken descriptor: exit %d\n%s", code, out)
	}
}

func TestWitnessCommand(t *testing.T) {
	_, logKey, err := ledger.GenerateKey("porchlight.test/town")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	code, key := runCmd(t, t.Context(), newWitnessCmd(), "--dir", dir, "--name", "gazette.test", "--key")
	if code != 0 || !strings.HasPrefix(key, "gazette.test+") {
		t.Fatalf("exit %d: %s", code, key)
	}
	for args, want := range map[string]int{
		"--dir " + dir:                                            2, // whose log?
		"--dir " + dir + " --log nonsense":                        1,
		"--dir " + dir + " --name other --key":                    1,
		"--dir " + t.TempDir() + " --key":                         1, // needs a name
		"--dir " + dir + " --log " + logKey + " --listen nowhere": 1,
	} {
		if code, out := runCmd(t, t.Context(), newWitnessCmd(), strings.Fields(args)...); code != want {
			t.Errorf("witness %s: exit %d, want %d: %s", args, code, want, out)
		}
	}

	// It serves until it is told to stop.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &firstLine{line: make(chan string, 1)}
	cmd := newWitnessCmd()
	cmd.SetOut(out)
	cmd.SetArgs([]string{"--dir", dir, "--log", logKey, "--listen", "127.0.0.1:0", "--json"})
	done := make(chan error, 1)
	go func() { done <- cmd.ExecuteContext(ctx) }()
	var started struct{ Key, Listen string }
	if err := json.Unmarshal([]byte(<-out.line), &started); err != nil {
		t.Fatal(err)
	}
	if started.Key+"\n" != key {
		t.Errorf("key %s, was %s", started.Key, key)
	}
	resp, err := http.Post("http://"+started.Listen+"/add-checkpoint", "", strings.NewReader("old 0\n"))
	if err != nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("%v %v", resp, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// firstLine hands over the first write.
type firstLine struct{ line chan string }

func (f *firstLine) Write(p []byte) (int, error) {
	select {
	case f.line <- string(p):
	default:
	}
	return len(p), nil
}
