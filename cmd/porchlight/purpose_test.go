package main

import (
	"bufio"
	"encoding/json"
	"io"
	"strings"
	"testing"
)

func readReasons(t *testing.T, state, in string) ([]readReason, error) {
	t.Helper()
	r, err := newReasonReader(state)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	err = r.readAll(strings.NewReader(in), &out)
	var all []readReason
	for d := json.NewDecoder(strings.NewReader(out.String())); ; {
		var got readReason
		if e := d.Decode(&got); e == io.EOF {
			return all, err
		} else if e != nil {
			t.Fatalf("%v in %q", e, out.String())
		}
		all = append(all, got)
	}
}

// Every line has an answer, in order, whatever bytes it is of.
func TestPurposeLines(t *testing.T) {
	long := strings.Repeat("x", maxReason)
	got, err := readReasons(t, "", "robbery\r\n\nbad \xff byte <&>\n"+long+"\nlast, without newline")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"robbery", "", "bad \ufffd byte <&>", long, "last, without newline"}
	if len(got) != len(want) {
		t.Fatalf("%d answers to %d lines", len(got), len(want))
	}
	for i, g := range got {
		if g.Reason != want[i] {
			t.Errorf("line %d came back as %.40q", i+1, g.Reason)
		}
		if len(g.Classes) == 0 {
			t.Errorf("line %d has no class", i+1)
		}
	}
}

// Whatever comes in, each line has one answer that holds what it said.
func FuzzPurposeLines(f *testing.F) {
	f.Add("robbery\r\n\n\xff\n", "CA")
	f.Add("i.c.e", "")
	f.Fuzz(func(t *testing.T, in, state string) {
		if _, err := newReasonReader(state); err != nil {
			t.Skip()
		}
		got, err := readReasons(t, state, in)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(in, "\n"), "\n")
		if in == "" {
			lines = nil
		}
		if len(got) != len(lines) {
			t.Fatalf("%d answers to %d lines", len(got), len(lines))
		}
		for i, g := range got {
			if want := strings.ToValidUTF8(strings.TrimSuffix(lines[i], "\r"), "\ufffd"); g.Reason != want {
				t.Errorf("line %d is %q, came back as %q", i+1, want, g.Reason)
			}
			for _, c := range g.Classes {
				if !strings.Contains(g.Reason, c.Words) {
					t.Errorf("line %d: %q is not in %q", i+1, c.Words, g.Reason)
				}
			}
		}
	})
}

// What came before a line that is too long is answered, and the error says which.
func TestPurposeLineTooLong(t *testing.T) {
	for _, end := range []string{"", "\n", "x\n", strings.Repeat("x", 10)} {
		got, err := readReasons(t, "", "robbery\n"+strings.Repeat("x", maxReason+1)+end)
		if err == nil || !strings.Contains(err.Error(), "line 2 ") || len(got) != 1 {
			t.Errorf("%d answers, error %v", len(got), err)
		}
	}
}

// Through a pipe, an answer comes before the next reason is asked.
func TestPurposeAnswersAtOnce(t *testing.T) {
	r, err := newReasonReader("CA")
	if err != nil {
		t.Fatal(err)
	}
	in, ask := io.Pipe()
	answer, out := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- r.readAll(in, out) }()
	answers := bufio.NewReader(answer)
	for _, reason := range []string{"211PC", "warrant"} {
		// The beginning of the next line must not hold back the answer.
		if _, err := io.WriteString(ask, reason+"\n "); err != nil {
			t.Fatal(err)
		}
		line, err := answers.ReadString('\n')
		if err != nil || !strings.Contains(line, reason) {
			t.Fatalf("%q, %v", line, err)
		}
	}
	in.CloseWithError(io.ErrUnexpectedEOF)
	if err := <-done; err == nil || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("a broken pipe gave %v", err)
	}
}

// The law of the state decides what is banned; without one, what base asks about.
func TestPurposeBanned(t *testing.T) {
	for _, c := range []struct {
		state, reason string
		banned        bool
	}{
		{"", "immigration hold", true},
		{"", "abortion", true},
		{"", "protest", true},
		{"", "my ex-wife", true},
		{"", "robbery", false},
		{"IL", "immigration hold", true},
		{"il", "robbery; also immigration hold", true},
		{"IL", "protest", false},
		{"WA", "protest", true},
		{"TX", "immigration hold", false},
		{"NH", "robbery", false}, // a law without a table of codes
	} {
		got, err := readReasons(t, c.state, c.reason)
		if err != nil || len(got) != 1 {
			t.Fatal(got, err)
		}
		if got[0].Banned != c.banned {
			t.Errorf("%q in %q: banned is %v", c.reason, c.state, got[0].Banned)
		}
	}
}
