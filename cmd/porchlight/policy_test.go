package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"porchlight/policy"
)

// operatorsPacks copies the built-in packs to a folder, edited.
func operatorsPacks(t *testing.T, old, new string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, policy.Packs()); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(name) != ".cedar" {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(name, []byte(strings.Replace(string(data), old, new, 1)), 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestPolicyTest(t *testing.T) {
	code, out := runCmd(t, t.Context(), newPolicyCmd(), "test", "--json")
	var r policy.TestReport
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 {
		t.Fatalf("exit %d, %v: %s", code, err, out)
	}
	if r.Cases < 150 || r.Assignments < 1_000_000 || len(r.Packs) < 2 || len(r.Failures) > 0 {
		t.Errorf("%+v", r)
	}

	// An operator's packs with a limit moved do not hold.
	dir := operatorsPacks(t, "posts_for_case >= 2", "posts_for_case >= 9")
	code, out = runCmd(t, t.Context(), newPolicyCmd(), "test", "--packs", dir)
	if code != 1 || !strings.Contains(out, "promise broken") || !strings.Contains(out, "cases.json") {
		t.Errorf("exit %d: %s", code, out)
	}
	// Packs that cannot be read do not hold either.
	code, out = runCmd(t, t.Context(), newPolicyCmd(), "test", "--packs", filepath.Join(dir, "nowhere"))
	if code != 1 || !strings.Contains(out, "law packs") {
		t.Errorf("exit %d: %s", code, out)
	}
}

func TestPolicyRead(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"list"}, 0, "us-il.immigration"},
		{[]string{"list", "--json"}, 0, `"jurisdictions"`},
		{[]string{"explain", "base.request-area"}, 0, "64750"},
		{[]string{"explain", "base.default-deny"}, 0, "no rule permits"},
		{[]string{"explain", "base.nonsense"}, 2, "no rule"},
	} {
		code, out := runCmd(t, t.Context(), newPolicyCmd(), c.args...)
		if code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("%v: exit %d: %s", c.args, code, out)
		}
	}
}

func TestPolicyDecide(t *testing.T) {
	question := `{"action": "item.view", "jurisdictions": ["IL"],
 "actor": {"role": "ROLE", "agency": "IL0160000", "agency_kind": "municipal", "agency_status": "active", "signed": true},
 "facts": {"custody": "own", "state": "accepted", "purpose_matches": true}}`
	for _, c := range []struct {
		in   string
		code int
		want string
	}{
		{strings.Replace(question, "ROLE", "custodian", 1), 0, "permitted"},
		{strings.Replace(question, "ROLE", "requester", 1), 1, "base.evidence-hands"},
		{strings.Replace(question, "ROLE", "king", 1), 1, "base.invalid-question"},
		{"{", 2, "not readable"},
		{strings.Repeat(" ", 1<<20) + "{}", 2, "larger"},
	} {
		cmd := newPolicyCmd()
		cmd.SetIn(strings.NewReader(c.in))
		code, out := runCmd(t, t.Context(), cmd, "decide")
		if code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("exit %d: %s", code, out)
		}
	}
}
