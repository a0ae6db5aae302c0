package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"porchlight/geo"
	"porchlight/plate"
)

// traffic makes the reads of a county, the same each time: 500 cameras of 25
// agencies for 30 days. Most trips are of residents, who come again and again,
// some far more often than others; the rest are of a large public that mostly
// comes once. A trip passes one to five cameras that are near each other. One in
// two hundred trips is followed at every camera by the same second car.
type traffic struct {
	*rand.Rand
	total   int
	from    time.Time
	cameras []plate.Camera
	often   *rand.Zipf
	minutes [][]plate.Read // a ring: reads that come in the next minutes
}

const (
	trafficDays = 30
	cameras     = 500
	agencies    = 25
	residents   = 400_000
	public      = 5_000_000
	ringMinutes = 16
)

func newTraffic(total int) *traffic {
	t := &traffic{
		Rand:  rand.New(rand.NewPCG(4, 20)),
		total: total, from: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), minutes: make([][]plate.Read, ringMinutes),
	}
	t.often = rand.NewZipf(t.Rand, 1.2, 2000, residents-1)
	for i := range cameras {
		at, _ := geo.NewPoint(-89.80+float64(i%25)*0.012, 39.65+float64(i/25)*0.010)
		t.cameras = append(t.cameras, plate.Camera{ID: fmt.Sprintf("01k9camera%016d", i), Owner: fmt.Sprintf("IL%07d", 840000+100*(i%25/5+5*(i/100))), Place: at})
	}
	return t
}

// car makes the read of a car, whose number decides all that is on it.
func (t *traffic) car(n int) plate.Read {
	h := uint64(n)*0x9E3779B97F4A7C15 + 0xD1B54A32D192ED03
	h = (h ^ h>>29) * 0xBF58476D1CE4E5B9
	h ^= h >> 32
	draw := func(k uint64) (v uint64) { v, h = h%k, h/k; return v }
	var b [7]byte
	text := b[:0]
	letter, digit := func() { text = append(text, "ABCDEFGHJKLMNPQRSTUVWXYZ"[draw(24)]) }, func() { text = append(text, "0123456789"[draw(10)]) }
	style := "LLDDDDD"
	switch s := draw(10); {
	case s < 2:
		style = "LLLDDDD"
	case s < 3:
		style = "DLLLDDD"
	case s < 4:
		style = "DDDLLL"
	case s < 5:
		style = "LDDDDDD"
	}
	for _, c := range style {
		if h < 1<<12 {
			h = uint64(n)*0xA24BAED4963EE407 ^ 0x9FB21C651E98DF25
		}
		if c == 'L' {
			letter()
		} else {
			digit()
		}
	}
	r := plate.Read{Text: plate.Text(text), Region: "US-IL", Confidence: 820 + n%180, Heading: n % 360}
	if n%10 == 0 {
		r.Region = []string{"US-MO", "US-IN", "US-WI", "US-IA", "US-KY", ""}[n/10%6]
	}
	r.Vehicle = plate.Vehicle{
		Type:  []string{"car", "car", "suv", "pickup", "van"}[n/7%5],
		Make:  []string{"toyota", "ford", "honda", "chevrolet", "nissan", "jeep", "hyundai", "kia", "subaru", "gmc", "ram", "bmw", ""}[n/3%13],
		Color: []string{"black", "white", "gray", "silver", "blue", "red", "white", "green", ""}[n/11%9],
	}
	return r
}

// batches hands the reads out, oldest first, size at a time.
func (t *traffic) batches(size int) func(func([]plate.Read) bool) {
	return func(yield func([]plate.Read) bool) {
		const minutes = trafficDays * 24 * 60
		var out []plate.Read
		made := 0
		for m := 0; made < t.total; m++ {
			here := &t.minutes[m%ringMinutes]
			for want := int(int64(t.total) * int64(m+1) / minutes); made+len(*here) < want; {
				t.trip(m)
			}
			slices.SortStableFunc(*here, func(a, b plate.Read) int { return a.Seen.Compare(b.Seen) })
			for _, r := range *here {
				if made == t.total {
					break
				}
				made++
				if r.Event = ""; t.IntN(2) == 0 { // half of the cameras' programs name what they saw
					r.Event = fmt.Sprintf("%016x", t.Uint64())
				}
				r.Image = fmt.Sprintf("01k9%022d", made)
				r.Received = r.Seen.Add(time.Second)
				if out = append(out, r); len(out) == size {
					if !yield(out) {
						return
					}
					out = make([]plate.Read, 0, size)
				}
			}
			*here = (*here)[:0]
		}
		if len(out) > 0 {
			yield(out)
		}
	}
}

// trip puts one trip that begins in minute m into the ring.
func (t *traffic) trip(m int) {
	n := residents + t.IntN(public)
	if t.IntN(10) < 7 {
		n = int(t.often.Uint64())
	}
	car := t.car(n)
	with := t.IntN(200) == 0
	at, ms := t.IntN(cameras), int64(m)*60_000+t.Int64N(60_000)
	for range 1 + t.IntN(5) {
		c := &t.cameras[at]
		put := func(r plate.Read, ms int64) {
			r.Owner, r.Camera, r.Place, r.Seen = c.Owner, c.ID, c.Place, t.from.Add(time.Duration(ms)*time.Millisecond)
			ring := &t.minutes[int(ms/60_000)%ringMinutes]
			*ring = append(*ring, r)
		}
		put(car, ms)
		if with {
			put(t.car(n^1), ms+3000+t.Int64N(5000))
		}
		ms += 20_000 + t.Int64N(70_000)
		at = (at + []int{1, 25, -1, -25, 26}[t.IntN(5)] + cameras) % cameras
	}
}

func newSample() *sample { return &sample{rand: rand.New(rand.NewPCG(5, 6))} }

// sample keeps reads of everywhere in the load, to make questions from.
type sample struct {
	rand  *rand.Rand
	n     int
	reads []plate.Read
}

func (s *sample) add(reads []plate.Read) {
	for _, r := range reads {
		if s.n++; len(s.reads) < 4000 {
			s.reads = append(s.reads, r)
		} else if i := s.rand.IntN(s.n); i < len(s.reads) {
			s.reads[i] = r
		}
	}
}

// ask is one kind of question the benchmark puts, in many instances.
type plateAsk struct {
	name    string
	queries []plate.Query
}

// asks makes the same questions for every engine. Plates and places are those of
// reads in the load.
func (s *sample) asks(t *traffic, each int) []plateAsk {
	pattern := func(text string) plate.Pattern {
		p, err := plate.ParsePattern(text)
		if err != nil {
			panic(err) // the questions are written here
		}
		return p
	}
	byPlate := func(form func(string) string) func(plate.Read) plate.Query {
		return func(r plate.Read) plate.Query {
			return plate.Query{Kind: plate.ByPlate, Plate: pattern(form(string(r.Text)))}
		}
	}
	kinds := []struct {
		name string
		make func(plate.Read) plate.Query
	}{
		{"exact", byPlate(func(s string) string { return s })},
		{"prefix", byPlate(func(s string) string { return s[:4] + "*" })},
		{"infix", byPlate(func(s string) string { return "*" + s[1:5] + "*" })},
		{"infix of 3", byPlate(func(s string) string { return "*" + s[2:5] + "*" })},
		{"wildcard", byPlate(func(s string) string { return s[:1] + "?" + s[2:3] + "*" + s[len(s)-2:] })}, // as 7?A*12
		{"confusion", byPlate(func(s string) string { return s + "~" })},
		{"area, 10 minutes", func(r plate.Read) plate.Query {
			lon, lat := r.Place.Degrees()
			corner := func(dx, dy float64) string { return fmt.Sprintf("[%.6f,%.6f]", lon+dx, lat+dy) }
			area, err := geo.ParsePolygon([]byte(`{"type":"Polygon","coordinates":[[` + strings.Join([]string{
				corner(-0.02, -0.016), corner(0.02, -0.016), corner(0.021, 0.017), corner(-0.02, 0.016), corner(-0.02, -0.016)}, ",") + `]]}`))
			if err != nil {
				panic(err)
			}
			return plate.Query{Kind: plate.InArea, Area: area, From: r.Seen.Add(-5 * time.Minute), To: r.Seen.Add(5 * time.Minute)}
		}},
		{"convoy", func(r plate.Read) plate.Query {
			return plate.Query{Kind: plate.Convoy, Plate: pattern(string(r.Text))}
		}},
	}
	var asks []plateAsk
	for _, k := range kinds {
		a := plateAsk{name: k.name}
		for len(a.queries) < each {
			r := s.reads[s.rand.IntN(len(s.reads))]
			a.queries = append(a.queries, k.make(r))
		}
		asks = append(asks, a)
	}
	return asks
}

// owners are all agencies of the load.
func (t *traffic) owners() (all []string) {
	for _, c := range t.cameras {
		if !slices.Contains(all, c.Owner) {
			all = append(all, c.Owner)
		}
	}
	return all
}

func point(lon, lat float64) geo.Point {
	p, _ := geo.NewPoint(lon, lat)
	return p
}
