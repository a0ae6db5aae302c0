package audit

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"porchlight/purpose"
)

// What a reason says does not depend on the digits of a long number in it.
func TestLongNumbersAreReadByTheirLength(t *testing.T) {
	for in, want := range map[string]string{
		"":                             "",
		"211PC":                        "211PC",
		"26-01254":                     "26-01254",
		"theft 25012345":               "theft 25777777",
		"LK25-088631, call 3125550142": "LK25-087777, call 3177777777",
		"123456":                       "127777",
		"C9807474b0rt10n":              "C9807474b0rt10n",
	} {
		if got := string(newReader(nil).plain([]byte(in))); got != want {
			t.Errorf("%q is read as %q, not %q", in, got, want)
		}
	}

	read := newReader(purpose.Classify)
	changed := 0
	for _, name := range []string{"dev.tsv", "dev2.tsv"} {
		lines, err := os.ReadFile("../purpose/testdata/labelled/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range bytes.Split(lines, []byte("\n")) {
			cells := bytes.Split(line, []byte("\t"))
			if len(cells) < 4 {
				continue
			}
			for j, form := range []string{"%s%.0d", "%s 25%06d", "C%[2]d%[1]s", "2025-%08[2]d %[1]s", "%s LK25-%06d"} {
				reason := []byte(fmt.Sprintf(form, cells[3], 904_512_387*(i+1)%1_000_000))
				if (i+j)%2 == 1 {
					continue
				}
				plain := newReader(nil).plain(reason)
				if bytes.Equal(plain, reason) {
					continue
				}
				changed++
				if a, b := read.read(reason), read.read(plain); a != b {
					t.Errorf("%s:%d form %d: %q says %+v, read as %q %+v", name, i+1, j, reason, a, plain, b)
				}
			}
		}
	}
	if changed < 5_000 {
		t.Errorf("only %d reasons have a long number: the test tests nothing", changed)
	}
}
