package loggen

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Plants are the patterns that Options.Plants hides among the rows, each with
// what makes it one. Whoever looks for them knows them by Row.Plant.
var Plants = map[string]string{
	"stalking":     "one searcher returns to one plate 16 times in eight weeks, at night and at weekends, for no case",
	"shared login": "one login searches two plates for two cases in one second, three times an hour on four days, and every 20 minutes for 40 hours",
	"burst":        "120 searches by one searcher in ten minutes",
	"streak":       "one searcher on 14 days running",
	"copied":       "one long reason, to the letter, by 12 searchers of several agencies",
	"banned":       "purposes that laws ban, plain and in disguise",
	"wide":         "every network, two years back, for a parking matter",
}

// planted is one row of a plant: what is not said comes as in any row.
type planted struct {
	plant    string
	at       time.Time
	who      *searcher
	plate    []byte
	reason   []byte
	noCase   bool
	cased    bool // has a case number
	networks int
	back     time.Duration
}

// disguises of banned purposes, as people type them; none was copied from a log.
var disguises = []string{
	"ICE", "i.c.e", "1mmigration", "immigration enf", "ERO detainer", "assist ERO w/ removal", "Title 8", "title 8 usc 1326",
	"admin warrant DHS", "HSI immigration", "CBP request", "illegal alien locate", "deportation", "undocumented subj", "inmigracion",
	"had an abortion, locate", "abortion out of state", "gender affirming care inv", "protest plates", "No Kings rally", "union picket vehicles",
	"mosque visitors", "my ex", "personal", "ex wife new bf",
}

// plant puts the patterns into the span, as far as it has room, in order of time.
func (w *world) plant(r *rand.Rand, start time.Time, span time.Duration) (out []planted) {
	who := func() *searcher { return &w.searchers[r.IntN(len(w.searchers))] }
	day := 24 * time.Hour
	add := func(p planted, after time.Duration) {
		if after < span {
			p.at = start.Add(after).Truncate(time.Second)
			out = append(out, p)
		}
	}
	weeks := min(56*day, span)
	stalker, plate := who(), appendPlate(nil, r)
	for i := range 16 {
		at := weeks / 16 * time.Duration(i)
		at = at.Truncate(day) + 5*time.Hour + time.Duration(r.IntN(7200))*time.Second // 11 at night in Chicago
		add(planted{plant: "stalking", who: stalker, plate: plate, reason: []byte("inv"), noCase: true}, at)
	}
	shared := who()
	for i := range 12 {
		at := span/6*time.Duration(i/3+1) + time.Duration(i%3)*15*time.Minute
		for range 2 {
			add(planted{plant: "shared login", who: shared, plate: appendPlate(nil, r), cased: true}, at)
		}
	}
	for i := range 120 {
		add(planted{plant: "shared login", who: shared}, span/3+time.Duration(i)*20*time.Minute)
	}
	burst := who()
	for i := range 120 {
		add(planted{plant: "burst", who: burst}, span/2+time.Duration(i)*5*time.Second)
	}
	streak := who()
	for i := range 14 {
		add(planted{plant: "streak", who: streak}, span/4+time.Duration(i)*day+18*time.Hour)
	}
	for i := range 12 {
		add(planted{plant: "copied", who: &w.searchers[i*len(w.searchers)/12],
			reason: []byte("ongoing criminal investigation into organized activity ref main file")}, span/12*time.Duration(i)+time.Hour)
	}
	for i, d := range disguises {
		add(planted{plant: "banned", who: who(), reason: []byte(d)}, span/time.Duration(len(disguises))*time.Duration(i)+2*time.Hour)
	}
	for i := range 5 {
		add(planted{plant: "wide", who: who(), reason: []byte("parking complaint"), networks: 6500, back: 730 * day}, span/5*time.Duration(i)+3*time.Hour)
	}
	slices.SortStableFunc(out, func(a, b planted) int { return a.at.Compare(b.at) })
	return out
}
