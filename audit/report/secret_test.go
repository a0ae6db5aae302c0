package report

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"porchlight/audit"
	"porchlight/searchlog"
)

// secret makes something that must not be published, of every kind, none of it anybody's.
func secret(rnd *rand.Rand) string {
	pick := func(s ...string) string { return s[rnd.IntN(len(s))] }
	letters := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "ABCDEFGHJKLMNPRSTUVWXYZ"[rnd.IntN(23)]
		}
		return string(b)
	}
	digits := func(n int) string {
		b := []byte{byte('1' + rnd.IntN(9))}
		for len(b) < n {
			b = append(b, byte('0'+rnd.IntN(10)))
		}
		return string(b)
	}
	month, dayOf, year := 1+rnd.IntN(12), 1+rnd.IntN(28), 1940+rnd.IntN(70)
	switch rnd.IntN(12) {
	case 0: // plates
		return pick(digits(1)+letters(3)+digits(3), letters(3)+digits(4), letters(2)+digits(5), letters(3)+"-"+digits(4), digits(3)+"-"+letters(3))
	case 1: // birth dates
		return pick(fmt.Sprintf("%02d/%02d/%d", month, dayOf, year), fmt.Sprintf("%d-%02d-%02d", year, month, dayOf), fmt.Sprintf("%d.%d.%d", month, dayOf, year),
			time.Date(year, time.Month(month), dayOf, 0, 0, 0, 0, time.UTC).Format("Jan 2, 2006"), time.Date(year, time.Month(month), dayOf, 0, 0, 0, 0, time.UTC).Format("2 January 2006"))
	case 2: // telephones
		return pick("("+digits(3)+") "+digits(3)+"-"+digits(4), digits(3)+"-"+digits(3)+"-"+digits(4), "+1"+digits(10), digits(3)+"."+digits(3)+"."+digits(4), digits(3)+"-"+digits(4))
	case 3:
		return digits(3) + "-" + digits(2) + "-" + digits(4) // social security
	case 4:
		return strings.ToLower(letters(7)) + "@example." + pick("org", "com")
	case 5: // names
		return pick("Wilhelmina", "Zebedee", "Ikechukwu", "Thandiwe", "Anneliese", "Bartholomew", "Xiomara", "Ludmila") + " " + pick("Okafor", "Lindqvist", "Zapatero", "Devereux", "Vandersloot", "Papadakis", "Szymanski", "Nakagawa")
	case 6:
		return pick("Will Brown", "Grant Young", "Frank Stone", "April Rich", "Mark Silver")
	case 7:
		return fmt.Sprintf("%s-%s-%s-%s-%s", strings.ToLower(digits(8)), digits(4), "4"+digits(3), "8"+digits(3), digits(12)) // ids
	case 8:
		return "1HGCM" + digits(5) + "A" + digits(6) // vehicles
	case 9:
		return digits(2) + "-" + digits(6) // cases
	case 10: // streets
		return digits(4) + " " + pick("Ashgrove", "Thistlewood", "Larkhaven", "Quillmoor")
	}
	return pick("okafor", "LINDQVIST", "zapatero", "deVereux") + digits(3) // accounts
}

// planter fills every string of a value with secrets and remembers them.
type planter struct {
	rnd     *rand.Rand
	secrets []string
}

func (p *planter) text() string {
	s := secret(p.rnd)
	p.secrets = append(p.secrets, s)
	around := []string{"%s", "robbery %s fled", "dob %s", "searched for %s on 3 days", "%s, stolen vehicle", "records/%s/may.csv", "ICE hold - %s", "=%s", " %s "}
	return fmt.Sprintf(around[p.rnd.IntN(len(around))], s)
}

func (p *planter) fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(p.text())
	case reflect.Struct:
		if t, ok := v.Addr().Interface().(*time.Time); ok {
			*t = time.Date(2025, 5, 1+p.rnd.IntN(20), 3, 4, 5, 0, time.UTC)
			return
		}
		for i := range v.NumField() {
			p.fill(v.Field(i))
		}
		if f, ok := v.Addr().Interface().(*searchlog.File); ok { // the file's own name stays, its folders go
			f.Path = fmt.Sprintf("%s/log-%d.csv", f.Path, p.rnd.IntN(1e9))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			p.fill(v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		keys := []string{p.text()}
		if v.Type() == reflect.TypeFor[map[string]string]() {
			keys = append(keys, fields...) // a row's cells
		}
		for _, k := range keys {
			e := reflect.New(v.Type().Elem()).Elem()
			p.fill(e)
			v.SetMapIndex(reflect.ValueOf(k), e)
		}
	case reflect.Int:
		v.SetInt(int64(p.rnd.IntN(9)))
	case reflect.Float64:
		v.SetFloat(float64(p.rnd.IntN(9)))
	}
}

// formats are all that is published of a result.
func formats(t *testing.T, r *audit.Result) map[string]string {
	t.Helper()
	out := map[string]string{"html": html(t, r)}
	var b bytes.Buffer
	if err := Markdown(&b, r); err != nil {
		t.Fatal(err)
	}
	out["markdown"] = b.String()
	b.Reset()
	if err := JSON(&b, r); err != nil {
		t.Fatal(err)
	}
	out["json"] = b.String()
	b.Reset()
	for _, table := range Tables(r) {
		if err := table.WriteCSV(&b); err != nil {
			t.Fatal(err)
		}
	}
	out["csv"] = b.String()
	return out
}

// pieces are what of a secret would give it away: the whole, and a name's parts.
func pieces(s string) []string {
	all := []string{s}
	for _, w := range strings.Fields(s) {
		if len(w) > 6 && strings.ContainsAny(w, "abcdefghijklmnopqrstuvwxyz") && !strings.HasPrefix("January February August September October November December", w) {
			all = append(all, w)
		}
	}
	return all
}

// seeds are how many results are tried; SECRET_SEEDS asks for more.
func seeds() uint64 {
	n, err := strconv.ParseUint(os.Getenv("SECRET_SEEDS"), 10, 64)
	if err != nil {
		return 35
	}
	return n
}

// Whatever stands in whichever string of a result, nothing that could name or
// find a person is in what is published of it.
func TestNoSecretIsPublished(t *testing.T) {
	for seed := range seeds() {
		p := &planter{rnd: rand.New(rand.NewPCG(seed, 7))}
		var r audit.Result
		p.fill(reflect.ValueOf(&r).Elem())
		if len(p.secrets) < 100 {
			t.Fatalf("only %d secrets were planted", len(p.secrets))
		}
		raw := formats(t, &r)["json"]
		clean := formats(t, r.Redact(nil))
		missing, shownOnce := 0, map[string]bool{}
		for _, s := range p.secrets {
			if !strings.Contains(raw, s) {
				missing++
			}
			for format, text := range clean {
				for _, piece := range pieces(s) {
					if strings.Contains(text, piece) && !shownOnce[piece+format] {
						shownOnce[piece+format] = true
						i := strings.Index(text, piece)
						t.Errorf("seed %d: %q is in the %s: ...%s...", seed, piece, format, text[max(0, i-60):min(len(text), i+60)])
					}
				}
			}
		}
		if missing > 0 {
			t.Fatalf("%d of %d secrets were not in the result: the test tests nothing", missing, len(p.secrets))
		}
		if t.Failed() {
			return
		}
	}
}
