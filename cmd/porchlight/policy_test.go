package main

import (
	"strings"
	"testing"
)

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
