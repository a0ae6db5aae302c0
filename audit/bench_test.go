//go:build unix

package audit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"porchlight/searchlog"
)

// crowd makes searches of a large network audit: thousands of agencies and
// searchers, reasons of which a tenth are typed once, a case number for most.
func crowd(n int) []searchlog.Search {
	r := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(r, 1.2, 10, 60_000)
	begin := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	all := make([]searchlog.Search, n)
	kinds := []string{"Investigation", "inv", "stolen vehicle", "burglary", "robbery suspect", "missing person", "warrant", "hit and run", "10851 CVC", "susp veh", "narcotics", "bolo"}
	cities := []string{"Springfield", "Riverton", "Oakdale", "Fairview", "Georgetown", "Salem", "Clinton", "Greenville"}
	codes := []string{"IL", "TX", "CA", "FL", "GA", "OH", "WA", "VA"}
	for i := range all {
		s := &all[i]
		set := func(f searchlog.Field, text string) {
			s.Cell[f], s.State[f] = []byte(text), searchlog.Value
			if text == "" {
				s.State[f] = searchlog.Blank
			}
		}
		who := int(zipf.Uint64())
		a := who % 4000
		set(searchlog.Agency, fmt.Sprintf("%s %d %s PD", cities[a%8], a, codes[a/8%8]))
		set(searchlog.Searcher, fmt.Sprintf("%c. Searcher%d", 'A'+who%26, who))
		reason := kinds[r.IntN(len(kinds))]
		switch k := r.IntN(20); {
		case k < 2:
			reason = fmt.Sprintf("%s %02d-%06d", reason, 20+r.IntN(6), r.IntN(1_000_000))
		case k < 8:
			reason = fmt.Sprintf("%s %d", reason, r.IntN(300))
		}
		set(searchlog.Reason, reason)
		if r.IntN(10) < 6 {
			set(searchlog.Case, fmt.Sprintf("25-%06d", r.IntN(n)))
		} else {
			set(searchlog.Case, "")
		}
		set(searchlog.Plate, fmt.Sprintf("%c%c%c%04d", 'A'+r.IntN(26), 'A'+r.IntN(26), 'A'+r.IntN(26), r.IntN(10_000)))
		set(searchlog.Networks, "x")
		set(searchlog.Time, "x")
		set(searchlog.From, "x")
		s.Networks, s.Devices = 1+r.IntN(6000), -1
		s.Time = begin.Add(time.Duration(i) * time.Second * 3)
		s.From = s.Time.Add(-time.Duration(r.IntN(40*24)) * time.Hour)
		s.Line = i + 2
		var row []byte // cells lie together, as in a reader's block
		for f := range s.Cell {
			row = append(row, s.Cell[f]...)
		}
		for f := range s.Cell {
			n := len(s.Cell[f])
			s.Cell[f], row = row[:n:n], row[n:]
		}
	}
	return all
}

// processorTime is what all threads of the program have used: on a busy machine
// it says more than the wall clock.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkVisit is the whole audit of a search, the questions at the end
// included, without reading: nanoseconds of one core.
func BenchmarkVisit(b *testing.B) {
	all := crowd(500_000)
	e, err := newEngine(Options{State: "IL", Workers: 1}, tapeMemory, b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer e.close()
	v := e.visitor()
	b.ResetTimer()
	cpu := processorTime(b)
	var shift time.Duration
	for i := range b.N {
		s := &all[i%len(all)]
		if i > 0 && i%len(all) == 0 {
			shift = 30 * 24 * time.Hour
		}
		if shift > 0 {
			s.Cell[searchlog.Plate][6]++
			s.Time, s.From = s.Time.Add(shift), s.From.Add(shift)
			s.Line += len(all)
		}
		if n := i%len(all) + 1; n%32 == 0 || i+1 == b.N {
			v.Visit(all[(n-1)/32*32 : n])
		}
	}
	visited := processorTime(b) - cpu
	if err := e.settle(context.Background(), &searchlog.Reading{Files: make([]searchlog.File, 1)}); err != nil {
		b.Fatal(err)
	}
	settled := processorTime(b) - cpu - visited
	b.ReportMetric(float64(visited.Nanoseconds())/float64(b.N), "visit-cpu-ns/op")
	b.ReportMetric(float64(settled.Nanoseconds())/float64(b.N), "settle-cpu-ns/op")
}
