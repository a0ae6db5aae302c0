package plates

import (
	_ "embed"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
)

// kind is what a crop shows.
type kind int

const (
	none kind = iota
	us        // a plate as in the United States and Canada
	eu        // a wide plate as in Europe
	br        // a Brazilian one
	kinds
)

//go:embed formats.tsv
var formatsTSV string

// format is one way plates of a region are written.
type format struct {
	region  string
	kind    kind
	weight  float64 // among the plates of its kind
	pattern string  // A a letter, 9 a digit, anything else itself
	letters string  // that may stand for A
}

// common are the letters of most plates: I, O and Q are too like 1 and 0.
const common = "ABCDEFGHJKLMNPRSTUVWXYZ"

var formats = sync.OnceValue(func() []format {
	list, err := parseFormats(formatsTSV)
	if err != nil {
		panic(err) // it is part of the program; a test reads it
	}
	return list
})

// parseFormats reads formats.tsv.
func parseFormats(tsv string) (list []format, err error) {
	var sum [kinds]float64
	for i, line := range strings.Split(tsv, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		v := strings.Split(line, "\t")
		if len(v) != 4 {
			return nil, fmt.Errorf("formats.tsv, line %d: %d columns, not 4", i+1, len(v))
		}
		f := format{region: v[0], pattern: strings.NewReplacer(" ", "", "-", "").Replace(v[2]), letters: v[3]}
		if f.weight, err = strconv.ParseFloat(v[1], 64); err != nil || f.weight <= 0 {
			return nil, fmt.Errorf("formats.tsv, line %d: weight %q", i+1, v[1])
		}
		switch {
		case strings.HasPrefix(f.region, "US-"):
			f.kind = us
		case f.region == "BR":
			f.kind = br
		default:
			f.kind = eu
		}
		if f.letters == "" {
			f.letters = common
		}
		sum[f.kind] += f.weight
		list = append(list, f)
	}
	for i := range list {
		list[i].weight /= sum[list[i].kind]
	}
	return list, nil
}

// odds is how likely the format's plates say text: 0 when it does not fit.
func (f format) odds(text string) float64 {
	if len(text) != len(f.pattern) {
		return 0
	}
	p := f.weight
	for i := range len(text) {
		c, digit := text[i], text[i] <= '9'
		switch f.pattern[i] {
		case 'A':
			if digit || strings.IndexByte(f.letters, c) < 0 {
				return 0
			}
			p *= f.share(c)
		case '9':
			if !digit {
				return 0
			}
			p /= 10
		default:
			if c != f.pattern[i] {
				return 0
			}
		}
	}
	return p
}

// share is how often the letter c stands where the format has a letter. Registries
// outside Brazil give out few of those that look like digits even where they may.
func (f format) share(c byte) float64 {
	const seldom, hardly = 0.5, 0.2 // I and O, Q: to any other
	weight := func(c byte) float64 {
		switch {
		case f.kind == br:
		case c == 'I' || c == 'O':
			return seldom
		case c == 'Q':
			return hardly
		}
		return 1
	}
	all := float64(len(f.letters))
	for _, l := range []byte("IOQ") {
		if strings.IndexByte(f.letters, l) >= 0 {
			all += weight(l) - 1
		}
	}
	return weight(c) / all
}

// chosen is how many plates say what their owners chose, or follow a format we do
// not know.
const chosen = 0.15

// prior is the log-probability that a plate says text, before one looks at it,
// when it is of each kind with these probabilities.
func prior(text string, of [kinds]float64) float64 {
	var p, all float64
	for _, f := range formats() {
		p += of[f.kind] * f.odds(text)
	}
	for k := us; k < kinds; k++ {
		all += of[k]
	}
	free := math.Pow(36, -float64(len(text))) / 6
	if len(text) < 3 || len(text) > 9 {
		free /= 1000
	}
	return math.Log((1-chosen)*p + chosen*all*free + 1e-30)
}

// regionOf says where a plate is from when its text and kind leave little doubt:
// a region of formats.tsv, or the country of one; "" otherwise.
func regionOf(text string, of [kinds]float64) string {
	regions, countries, all := map[string]float64{}, map[string]float64{}, 0.0
	for _, f := range formats() {
		p := of[f.kind] * f.odds(text)
		country, _, _ := strings.Cut(f.region, "-")
		regions[f.region] += p
		countries[country] += p
		all += p
	}
	for _, m := range []map[string]float64{regions, countries} {
		for region, p := range m {
			if p > 0.6*all {
				return region
			}
		}
	}
	return ""
}
