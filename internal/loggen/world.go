package loggen

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"porchlight/searchlog"
)

// world is who searches, for what.
type world struct {
	agencies  []agency
	searchers []searcher
	byShift   [3][]int32 // searchers, each as often as she searches in that shift
	hot       [][]byte   // plates that many look for
	reasons   [2][]text  // before and since January 2026, each as often as it is typed
}

type agency struct {
	name  []byte
	state string
	style int // of its case numbers
	nets  int // networks that it can search
}

type searcher struct {
	name, id []byte // as a network audit and as a portal call her
	agency   *agency
	shift    int
}

// text is what a cell says, with its state.
type text struct {
	raw, cell []byte
	state     searchlog.State
}

func says(s string) text { return text{[]byte(s), []byte(s), searchlog.Value} }

var (
	onsets  = strings.Fields("b br d dr f g gl h j k l m n p pl r s st t th v w z")
	nuclei  = strings.Fields("a e i o u ai ea oo")
	codas   = strings.Fields("l m n nd r rn s sk t th")
	endings = strings.Fields("burg dale field ford haven mere ridge ton vale wick")
	states  = strings.Fields("IL IL IL IL IN WI IA MO MI OH KY TX FL GA TN CA VA WA OR NH")
	kinds   = []string{"%s %s PD", "%s %s PD", "%s %s PD", "%s County %s SO", "%s %s University PD"}
)

// syllables is an invented name.
func syllables(r *rand.Rand, ends []string) string {
	s := pick(r, onsets) + pick(r, nuclei) + pick(r, codas) + pick(r, ends)
	return strings.ToUpper(s[:1]) + s[1:]
}

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

// zipf draws n indices below size, the first more often than the later ones.
func zipf(r *rand.Rand, size, n int, s float64) []int32 {
	sum := make([]float64, size)
	total := 0.0
	for i := range sum {
		total += 1 / math.Pow(float64(i+1), s)
		sum[i] = total
	}
	out := make([]int32, n)
	for i := range out {
		j, _ := slices.BinarySearch(sum, r.Float64()*total)
		out[i] = int32(min(j, size-1))
	}
	return out
}

// newWorld makes the world of a log of so many rows; a short one needs less of it.
func newWorld(r *rand.Rand, agencies, rows int) *world {
	draws := min(max(4*rows, 1<<9), 1<<14)
	w := &world{agencies: make([]agency, agencies)}
	for i := range w.agencies {
		st := pick(r, states)
		if i == 0 {
			st = "IL"
		}
		w.agencies[i] = agency{fmt.Appendf(nil, pick(r, kinds), syllables(r, endings), st), st, r.IntN(5), 1 + r.IntN(6000)}
	}
	perAgency := zipf(r, agencies, agencies*12, 0.9)
	for _, a := range perAgency {
		w.searchers = append(w.searchers, searcher{
			name:   fmt.Appendf(nil, "%c. %s", 'A'+rune(r.IntN(26)), syllables(r, []string{"", "an", "el", "is", "or"})),
			id:     appendUUID(nil, r),
			agency: &w.agencies[a], shift: r.IntN(3),
		})
	}
	for shift := range w.byShift {
		for _, i := range zipf(r, len(w.searchers), 2*draws, 0.8) {
			if w.searchers[i].shift == shift || r.IntN(20) == 0 { // overtime, a second job
				w.byShift[shift] = append(w.byShift[shift], i)
			}
		}
		if len(w.byShift[shift]) == 0 {
			w.byShift[shift] = []int32{0}
		}
	}
	for range 2000 {
		w.hot = append(w.hot, appendPlate(nil, r))
	}
	w.reasons[0] = newReasons(r, draws, terse)
	w.reasons[1] = newReasons(r, draws, func(r *rand.Rand) string { return pick(r, categories) + " - " + terse(r) })
	return w
}

// busy is how many searches the hour sees, 1 on average over a day.
func (w *world) busy(t time.Time) float64 {
	return hours[(t.Hour()+18)%24] // of US Central time, about
}

// hours of the day; they add up to 24.
var hours = [24]float64{
	0.9, 0.7, 0.5, 0.4, 0.3, 0.35, 0.6, 0.9, 1.2, 1.4, 1.5, 1.4,
	1.3, 1.35, 1.4, 1.3, 1.25, 1.15, 1.1, 1.05, 1.0, 1.0, 0.95, 1.0,
}

// on is somebody who is at work at that time: four days, then three off, as
// ten-hour shifts go.
func (w *world) on(r *rand.Rand, t time.Time) *searcher {
	table := w.byShift[(t.Hour()+18)%24/8]
	day := int((t.Unix() - 6*3600) / 86400)
	for range 8 {
		if i := int(table[r.IntN(len(table))]); (day+i)%7 < 4 {
			return &w.searchers[i]
		}
	}
	return &w.searchers[table[0]] // few people, and none of them on
}

// Reasons: words of the trade, made up here.
var (
	subjects = []string{
		"stolen veh", "Stolen Vehicle", "10851 CVC", "10851(a)CVC", "GTA", "sv", "stolen plate", "211PC", "245(a)(2)PC", "PC459", "PC 459",
		"robbery", "armed robbery", "burg", "Burglary", "res burg", "theft", "retail theft", "shoplifter", "hit and run", "H&R", "20001 CVC",
		"homicide", "shots fired", "agg assault", "DV suspect", "narcs", "narcotics", "fraud", "ID theft", "catalytic converter",
		"missing juv", "missing person", "AT-RISK MP", "runaway", "silver alert", "welfare check", "welfare ck", "suicidal subj",
		"warrant", "wanted person", "warrant suspect", "BOLO", "bolo", "ATL", "susp veh", "suspicious vehicle", "road rage", "reckless driver",
		"dwlsr", "expired reg", "patrol", "traffic", "abandoned veh", "code enf", "camera test", "training", "test",
		"arson", "vandalism", "trespass", "kidnapping", "human trafficking", "sex assault", "stalking", "violation of order",
	}
	vague = []string{
		"inv", "INV", "inv.", "Investigation", "investigation", "invest", "investgation", "INVESTIGATIVE", "investigaton", "case", "follow up",
		"f/u", "intel", "assist", "assist pd", "check", "locate", "veh", "suspect", "1700", "920", "10-29",
	}
	tails      = []string{"", "", "", "", " inv", " suspect", " veh", " follow up", " on 5th & Main", " near Oak St", " north side", " 2 susp", " det unit"}
	categories = []string{"Vehicle Theft", "Property Crime", "Violent Crime", "Missing Person", "Wanted Person", "Traffic Offense", "Narcotics", "Other Investigation", "Training"}
)

func terse(r *rand.Rand) string {
	switch x := r.IntN(20); {
	case x < 7:
		return pick(r, vague)
	case x < 8:
		return string(appendCase(nil, r, r.IntN(5), 2025)) // a case number alone
	case x < 10:
		return pick(r, subjects) + " " + string(appendCase(nil, r, r.IntN(5), 2025))
	}
	s := pick(r, subjects) + pick(r, tails)
	if r.IntN(25) == 0 { // a slip of the finger
		i := r.IntN(len(s))
		s = s[:i] + s[i+1:]
		if strings.TrimSpace(s) == "" {
			s = "inv"
		}
	}
	return s
}

// newReasons are so many as typed; a few of them stand for most.
func newReasons(r *rand.Rand, draws int, one func(*rand.Rand) string) []text {
	distinct := make([]text, min(draws, 3000))
	for i := range distinct {
		switch {
		case i%60 == 59:
			distinct[i] = text{nil, nil, searchlog.Blank}
		case i%200 == 30:
			distinct[i] = pick(r, placeholders)
		default:
			distinct[i] = says(strings.TrimSpace(one(r)))
		}
	}
	out := make([]text, draws)
	for i, j := range zipf(r, len(distinct), draws, 0.95) {
		out[i] = distinct[j]
	}
	return out
}

// Cells that stand for something else.
var (
	placeholders = []text{stands("--"), stands("N/A"), stands("n/a"), stands("——")}
	byVendor     = []text{{[]byte("***"), nil, searchlog.MaskedByVendor}}
	byAgency     = []text{masked("REDACTED"), masked(" REDACTED "), masked("[REDACTED]"), masked("###"), masked("7923.600 GC")}
	inPart       = []text{partly("stolen veh [REDACTED]"), partly("REDACTED case follow up"), partly("assist *** unit")}
)

func stands(s string) text { return text{[]byte(s), nil, searchlog.Placeholder} }
func masked(s string) text { return text{[]byte(s), nil, searchlog.MaskedByAgency} }
func partly(s string) text { return text{[]byte(s), []byte(s), searchlog.PartlyMasked} }

const hex = "0123456789abcdef"

// appendUUID appends a random UUID (RFC 9562, version 4).
func appendUUID(b []byte, r *rand.Rand) []byte {
	hi, lo := r.Uint64(), r.Uint64()
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(3<<62) | 1<<63
	for i := 60; i >= 0; i -= 4 {
		b = append(b, hex[hi>>i&15])
		if i == 32 || i == 16 {
			b = append(b, '-')
		}
	}
	b = append(b, '-')
	for i := 60; i >= 0; i -= 4 {
		b = append(b, hex[lo>>i&15])
		if i == 48 {
			b = append(b, '-')
		}
	}
	return b
}

// appendPlate appends a plate that no state issues: 0QZ and four more.
func appendPlate(b []byte, r *rand.Rand) []byte {
	const chars = "ABCDEFGHJKLMNPRSTUVWXY0123456789"
	n := r.Uint32()
	return append(b, '0', 'Q', 'Z', chars[n&31], chars[n>>5&31], chars[n>>10&31], '0'+byte(n>>15%10))
}

// appendCase appends a case number in an agency's style.
func appendCase(b []byte, r *rand.Rand, style, year int) []byte {
	n := r.IntN(90000) + 1000
	switch style {
	case 0:
		b = appendInt(b, year%100, 2)
		b = append(b, '-')
		return appendInt(b, n, 5)
	case 1:
		b = appendInt(b, year, 4)
		b = append(b, '-')
		return appendInt(b, n, 8)
	case 2:
		b = append(b, "LK"...)
		b = appendInt(b, year%100, 2)
		b = append(b, '-')
		return appendInt(b, n, 6)
	case 3:
		b = appendInt(b, year%100, 2)
		return appendInt(b, n, 6)
	}
	b = append(b, 'C')
	b = appendInt(b, year, 4)
	return appendInt(b, n, 6)
}

// appendInt appends n in at least width digits.
func appendInt(b []byte, n, width int) []byte {
	var d [20]byte
	i := len(d)
	for ; n > 0 || width > 0; width-- {
		i--
		d[i] = '0' + byte(n%10)
		n /= 10
	}
	return append(b, d[i:]...)
}
