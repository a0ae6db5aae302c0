package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"porchlight/policy/packs"
	"porchlight/purpose"
)

func newPurposeCmd() *cobra.Command {
	var state string
	cmd := &cobra.Command{
		Use:   "purpose",
		Short: "Say what stated reasons mean",
		Long: `Say what stated reasons mean: one reason a line on standard input, one JSON object
a line on standard output, as soon as its line is complete:

  {"reason":"211PC susp veh","classes":[{"class":"crime","offense":"120","words":"211PC",
   "confidence":0.7,"because":"PC 211: robbery"}],"banned":false}

Every class listed counts; offense is a code of the FBI's NIBRS. banned says
whether one of them is a purpose for which the state's law forbids plate
searches; without --state, one of those that Porchlight asks about everywhere:
immigration, reproductive-care, protected-activity, personal. It says what a
reason reads like, not what a search was: a question to ask, no verdict.

With --state, the state's penal and vehicle codes are tried first. The first
4,000 bytes of a line are read; a line over 1 MiB ends the command.

Exit status: 0 all lines read, 1 a line was too long or reading failed, 2 wrong use.`,
		Example: "  echo '1mmigration check' | porchlight purpose --state IL",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := newReasonReader(state)
			if err != nil {
				return err
			}
			return r.readAll(cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&state, "state", "", "whose law and codes apply: "+strings.Join(packs.States(), " "))
	return cmd
}

// reasonReader reads reasons by the codes and the law of one state.
type reasonReader struct {
	classifier *purpose.Classifier
	banned     []string // classes
}

// newReasonReader takes a postal code, or "" for no state.
func newReasonReader(state string) (*reasonReader, error) {
	law, err := packs.For(state)
	if err != nil {
		return nil, usageError(err)
	}
	forbidden := law.Banned
	if state == "" {
		forbidden = law.Sensitive
	}
	r := &reasonReader{}
	for _, p := range forbidden {
		r.banned = append(r.banned, p.Class)
	}
	var o purpose.Options
	if slices.Contains(purpose.States(), law.State) { // a law may be known where the codes are not
		o.States = []string{law.State}
	}
	r.classifier, err = purpose.New(o)
	return r, err
}

type readReason struct {
	Reason  string      `json:"reason"`
	Classes []readClass `json:"classes"`
	Banned  bool        `json:"banned"`
}

type readClass struct {
	Class      purpose.Class `json:"class"`
	Offense    string        `json:"offense,omitempty"` // NIBRS code
	Words      string        `json:"words"`             // of the reason, that caused it
	Confidence float64       `json:"confidence"`
	Because    string        `json:"because"`
}

// read keeps what counts, the surest finding of each class and offense.
func (r *reasonReader) read(line []byte) readReason {
	text := strings.ToValidUTF8(string(line), "\ufffd")
	read := readReason{Reason: text, Classes: []readClass{}}
	for _, f := range r.classifier.Classify(text) {
		if f.Confidence < purpose.Threshold {
			continue
		}
		c := readClass{f.Class, f.Offense, f.Words, f.Confidence, f.Because}
		i := slices.IndexFunc(read.Classes, func(o readClass) bool { return o.Class == c.Class && o.Offense == c.Offense })
		switch {
		case i < 0:
			read.Classes = append(read.Classes, c)
		case c.Confidence > read.Classes[i].Confidence:
			read.Classes[i] = c
		}
		read.Banned = read.Banned || slices.Contains(r.banned, string(f.Class))
	}
	return read
}

// maxReason is the longest line readAll takes, in bytes.
const maxReason = 1 << 20

// readAll answers each line of in. An answer is written at the latest when the
// next line is not there yet.
func (r *reasonReader) readAll(in io.Reader, out io.Writer) error {
	lines := bufio.NewReaderSize(in, maxReason+2) // with its \r\n
	answers := bufio.NewWriter(out)
	enc := json.NewEncoder(answers)
	enc.SetEscapeHTML(false)
	for n := 1; ; n++ {
		if !holdsLine(lines) {
			if err := answers.Flush(); err != nil {
				return err
			}
		}
		line, err := lines.ReadSlice('\n')
		end := err == io.EOF
		if end && len(line) == 0 {
			return answers.Flush()
		}
		text := bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if err == bufio.ErrBufferFull || len(text) > maxReason {
			return errors.Join(answers.Flush(), fmt.Errorf("line %d is longer than 1 MiB: is it a file of reasons, one a line?", n))
		}
		if err != nil && !end {
			return errors.Join(answers.Flush(), fmt.Errorf("reading line %d: %w", n, err))
		}
		if err := enc.Encode(r.read(text)); err != nil {
			return err
		}
	}
}

// holdsLine says whether the next line can be read without waiting for input.
func holdsLine(r *bufio.Reader) bool {
	ready, _ := r.Peek(r.Buffered())
	return bytes.IndexByte(ready, '\n') >= 0
}
