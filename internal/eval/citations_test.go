package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"porchlight/purpose"
)

// No section of a state's code, however it is cited, reads as a banned purpose,
// unless the table says so.
func TestCitationsAreNotBanned(t *testing.T) {
	e, err := newEngines()
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range purpose.States() {
		data, err := os.ReadFile(filepath.Join("../../purpose/codes", strings.ToLower(state)+".tsv"))
		if err != nil {
			t.Fatal(err)
		}
		sections := 0
		for line := range strings.Lines(string(data)) {
			part := strings.Split(line, "\t")
			if strings.HasPrefix(line, "#") || part[0] == "system" {
				continue
			}
			system, section, class := part[0], part[1], purpose.Class(part[2])
			sections++
			for _, text := range []string{
				section, section + system, section + " " + system, system + " " + section, system + section,
				system + " " + section + "(a)", section + "(b)(1)(A) " + system, "susp veh " + section + "/" + section,
			} {
				for _, c := range append(e.read(state, text).classes, e.read("", text).classes...) {
					if c != class && slices.Contains(banned, c) {
						t.Errorf("%s: %q reads as %s", state, text, c)
					}
				}
			}
		}
		if sections == 0 {
			t.Errorf("%s has no sections", state)
		}
	}
}
