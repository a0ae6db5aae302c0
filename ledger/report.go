package ledger

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// Status says how a claim came out.
type Status string

const (
	Proved    Status = "proved"     // checked, and it holds
	NotProved Status = "not-proved" // nothing wrong, but the material does not show it
	Refused   Status = "refused"    // checked, and it does not hold
)

// ErrRefused is in the chain of every Report.Err.
var ErrRefused = errors.New("refused")

// Claim is one thing that a check looked at.
type Claim struct {
	Status Status `json:"status"`
	What   string `json:"what"`   // short name, e.g. "inclusion"
	Detail string `json:"detail"` // one English sentence for people
	// Params are the facts in Detail. A page in another language fills them
	// into its message "verify.<What>.<Status>".
	Params map[string]string `json:"params,omitempty"`
}

// Report says in words what a check proved and what it did not.
type Report struct {
	Subject string  `json:"subject"` // what was checked: "receipt", "package", "ledger"
	Claims  []Claim `json:"claims"`
}

// Add appends a claim in the caller's own words.
func (r *Report) Add(s Status, what, format string, args ...any) {
	r.Claims = append(r.Claims, Claim{Status: s, What: what, Detail: fmt.Sprintf(format, args...)})
}

// say appends a claim in the words of the catalogue; kv are names and values.
func (r *Report) say(s Status, what string, kv ...string) {
	c := Claim{Status: s, What: what, Detail: words[what+"."+string(s)]}
	for i := 0; i < len(kv); i += 2 {
		if c.Params == nil {
			c.Params = map[string]string{}
		}
		c.Params[kv[i]] = kv[i+1]
		c.Detail = strings.ReplaceAll(c.Detail, "{"+kv[i]+"}", kv[i+1])
	}
	r.Claims = append(r.Claims, c)
}

// Err is nil when nothing was refused, and otherwise names the first refusal.
// A report without a single proved claim is refused too.
func (r Report) Err() error {
	proved := false
	for _, c := range r.Claims {
		if c.Status == Refused {
			return fmt.Errorf("%w: %s: %s", ErrRefused, c.What, c.Detail)
		}
		proved = proved || c.Status == Proved
	}
	if !proved {
		return fmt.Errorf("%w: nothing was proved", ErrRefused)
	}
	return nil
}

// OK reports whether something was proved and nothing refused.
func (r Report) OK() bool { return r.Err() == nil }

// WriteTo prints r for people: refusals first, then what is proved, then what
// is not.
func (r Report) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	for _, part := range []struct {
		s     Status
		title string
	}{{Refused, "Refused"}, {Proved, "Proved"}, {NotProved, "Not proved"}} {
		n := 0
		for _, c := range r.Claims {
			if c.Status != part.s {
				continue
			}
			if n++; n == 1 {
				fmt.Fprintf(&b, "%s:\n", part.title)
			}
			fmt.Fprintf(&b, "  %s\n", strings.Map(printable, c.Detail))
		}
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

// printable keeps what others wrote from steering a terminal.
func printable(r rune) rune {
	if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
		return '\uFFFD'
	}
	return r
}
