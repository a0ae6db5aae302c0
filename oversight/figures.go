// Package oversight computes what the public may know of agencies, from the
// ledger alone: anybody with a copy of the log gets the same figures.
package oversight

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"sync"
	"time"

	"porchlight/ledger"
)

// Log is what figures are computed from.
type Log interface {
	Entry(ctx context.Context, index uint64) (ledger.Entry, error)
	Entries(ctx context.Context, from uint64) iter.Seq2[ledger.Indexed, error]
}

// Counts are acts of one agency in one month. Voided acts do not count.
type Counts struct {
	Requests    int // request.post, permitted
	Refusals    int // acts of the agency that policy refused
	Views       int // item.view
	Exports     int // item.export
	Shares      int // item.share
	Suspensions int // agency.suspend of this agency
}

// Total are figures of the whole exchange.
type Total struct {
	Entries  uint64
	Refusals int
}

// month is the first moment of a month in the figures' zone.
type month = time.Time

// Figures follow a log. Safe for concurrent use.
type Figures struct {
	log  Log
	zone *time.Location

	mu       sync.Mutex
	total    Total
	agencies map[string]map[month]*Counts
	voided   map[uint64]bool
	networks map[string]*plates // by ORI; see Plates
	told     map[string]*Register
	listOf   map[string]string // hotlist to the agency that made it
}

// New returns figures that have read nothing yet; months begin in zone.
func New(log Log, zone *time.Location) *Figures {
	return &Figures{log: log, zone: zone, agencies: map[string]map[month]*Counts{}, voided: map[uint64]bool{},
		networks: map[string]*plates{}, told: map[string]*Register{}, listOf: map[string]string{}}
}

// Update reads what the log has published since the last call.
func (f *Figures) Update(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for e, err := range f.log.Entries(ctx, f.total.Entries) {
		if err != nil {
			return fmt.Errorf("reading the ledger for the public figures: %w", err)
		}
		if e.Entry.Act.Action == "act.void" {
			of, err := strconv.ParseUint(e.Entry.Act.Public["of"], 10, 64)
			if err != nil || of >= e.Index {
				return fmt.Errorf("ledger entry %d voids %q, which is no earlier entry", e.Index, e.Entry.Act.Public["of"])
			}
			if !f.voided[of] {
				f.voided[of] = true
				undone, err := f.log.Entry(ctx, of)
				if err != nil {
					return fmt.Errorf("reading the voided entry %d: %w", of, err)
				}
				f.count(undone, -1)
				f.countPlates(of, undone, -1)
			}
		}
		f.count(e.Entry, 1)
		f.countPlates(e.Index, e.Entry, 1)
		f.total.Entries = e.Index + 1
	}
	return nil
}

// Register is what an agency has of the voluntary camera register.
type Register struct {
	Cameras int // told to it and not taken back
	Looks   int // register.view, permitted
	Asks    int // register.ask, permitted
}

// Register returns the figures of the camera register for an agency.
func (f *Figures) Register(agency string) Register {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r := f.told[agency]; r != nil {
		return *r
	}
	return Register{}
}

// countRegister adds n for one permitted entry about the camera register.
func (f *Figures) countRegister(a ledger.Act, n int) {
	agency := a.Agency
	if agency == "" {
		agency = a.Public["agency"] // an owner's act
	}
	r := f.told[agency]
	if r == nil {
		r = &Register{}
		f.told[agency] = r
	}
	switch a.Action {
	case "register.tell":
		r.Cameras += n
	case "register.withdraw":
		r.Cameras -= n
	case "register.view":
		r.Looks += n
	case "register.ask":
		r.Asks += n
	}
}

// count adds n for one entry.
func (f *Figures) count(e ledger.Entry, n int) {
	if !e.Decision.Permit {
		f.total.Refusals += n
		if c := f.counts(e, e.Act.Agency); c != nil {
			c.Refusals += n
		}
		return
	}
	if strings.HasPrefix(e.Act.Action, "register.") {
		f.countRegister(e.Act, n)
	}
	agency := e.Act.Agency
	if e.Act.Action == "agency.suspend" {
		agency = e.Act.Public["agency"]
	}
	c := f.counts(e, agency)
	if c == nil {
		return
	}
	switch e.Act.Action {
	case "request.post":
		c.Requests += n
	case "item.view":
		c.Views += n
	case "item.export":
		c.Exports += n
	case "item.share":
		c.Shares += n
	case "agency.suspend":
		c.Suspensions += n
	}
}

// counts finds the counts an entry belongs to; nil for acts of no agency.
func (f *Figures) counts(e ledger.Entry, agency string) *Counts {
	at, err := time.Parse(time.RFC3339, e.Act.Hour)
	if agency == "" || err != nil {
		return nil
	}
	m := f.month(at)
	if f.agencies[agency] == nil {
		f.agencies[agency] = map[month]*Counts{}
	}
	if f.agencies[agency][m] == nil {
		f.agencies[agency][m] = &Counts{}
	}
	return f.agencies[agency][m]
}

func (f *Figures) month(t time.Time) month {
	y, m, _ := t.In(f.zone).Date()
	return time.Date(y, m, 1, 0, 0, 0, 0, f.zone)
}

// Total returns the figures of the whole exchange.
func (f *Figures) Total() Total {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.total
}

// Voided reports whether the act at index was voided.
func (f *Figures) Voided(index uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.voided[index]
}

// Month is the counts of one month.
type Month struct {
	Start time.Time
	Counts
}

// Months returns the last n months of an agency up to now, oldest first; months
// without acts are zero.
func (f *Figures) Months(agency string, now time.Time, n int) []Month {
	f.mu.Lock()
	defer f.mu.Unlock()
	months := make([]Month, n)
	for i := range months {
		m := f.month(now).AddDate(0, i-n+1, 0)
		months[i].Start = m
		if c := f.agencies[agency][m]; c != nil {
			months[i].Counts = *c
		}
	}
	return months
}
