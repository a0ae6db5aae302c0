package plates

import (
	"cmp"
	"math"
	"slices"
)

// classes are what the recogniser tells apart at each step: none, then these.
const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

const classes = 1 + len(letters)

// class is the number of a character.
func class(c byte) int {
	if c <= '9' {
		return 1 + int(c-'0')
	}
	return 11 + int(c-'A')
}

var never = math.Inf(-1)

// either is log(exp(a) + exp(b)).
func either(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if b == never {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}

// odds are the log-probabilities of the classes at each step along a crop.
type odds []float32

func (o odds) steps() int                 { return len(o) / classes }
func (o odds) at(step, class int) float64 { return float64(o[step*classes+class]) }

// of is the log-probability that the crop says text: all ways to say it together
// (the forward algorithm of connectionist temporal classification).
func (o odds) of(text string) float64 {
	// State 2i is none before character i, state 2i+1 is character i.
	n := 2*len(text) + 1
	now, next := make([]float64, n), make([]float64, n)
	for i := range now {
		now[i] = never
	}
	now[0] = 0
	for step := range o.steps() {
		for i := range next {
			p := now[i]
			if i > 0 && step > 0 {
				p = either(p, now[i-1])
			}
			c := 0
			if i%2 == 1 {
				c = class(text[i/2])
				if i > 1 && text[i/2] != text[i/2-1] && step > 0 {
					p = either(p, now[i-2])
				}
			}
			if step == 0 {
				if p = never; i < 2 {
					p = 0
				}
			}
			next[i] = p + o.at(step, c)
		}
		now, next = next, now
	}
	if n == 1 {
		return now[0]
	}
	return either(now[n-1], now[n-2])
}

// best are the likeliest texts, by beam search over prefixes.
func (o odds) best(beam int) []string {
	type prefix struct{ none, char float64 } // that the path so far ends in none, or in the prefix's last character
	at := map[string]prefix{"": {0, never}}
	type ranked struct {
		text string
		p    float64
	}
	var order []ranked
	for step := range o.steps() {
		next := make(map[string]prefix, len(at)*4)
		add := func(text string, none, char float64) {
			p, ok := next[text]
			if !ok {
				p = prefix{never, never}
			}
			next[text] = prefix{either(p.none, none), either(p.char, char)}
		}
		for text, p := range at {
			all := either(p.none, p.char)
			add(text, all+o.at(step, 0), never)
			for c := 1; c < classes; c++ {
				q := o.at(step, c)
				if q < -9 {
					continue
				}
				longer := text + letters[c-1:c]
				if len(text) > 0 && text[len(text)-1] == letters[c-1] {
					add(text, never, p.char+q)
					add(longer, never, p.none+q)
				} else {
					add(longer, never, all+q)
				}
			}
		}
		order = order[:0]
		for text, p := range next {
			order = append(order, ranked{text, either(p.none, p.char)})
		}
		slices.SortFunc(order, func(a, b ranked) int { return cmp.Or(cmp.Compare(b.p, a.p), cmp.Compare(a.text, b.text)) })
		order = order[:min(beam, len(order))]
		at = make(map[string]prefix, len(order))
		for _, r := range order {
			at[r.text] = next[r.text]
		}
	}
	texts := make([]string, len(order))
	for i, r := range order {
		texts[i] = r.text
	}
	return texts
}
