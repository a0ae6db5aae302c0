package audit

import (
	"context"
	"fmt"
	"path"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"porchlight/agencyname"
	"porchlight/policy/packs"
	"porchlight/purpose"
	"porchlight/searchlog"
)

// tapeMemory is how many bytes of marks are kept in memory, beyond them a file
// is used: enough for two and a half million searches.
const tapeMemory = 96 << 20

// Run reads the sources and asks every question. It reads them once, and the
// files that hold cited rows of findings over several rows once more.
//
// Memory does not grow with the log; beyond a few million searches some 40
// bytes each lie in a temporary file (in TMPDIR), which is gone when Run
// returns. It ends early, with the context's error, when ctx does. What one
// source cannot give is told in its File; an error means that there is no result:
// an unknown state or set of radio codes, or no room for the temporary file.
func Run(ctx context.Context, sources []searchlog.Source, o Options) (*Result, error) {
	e, err := newEngine(o, tapeMemory, "")
	if err != nil {
		return nil, err
	}
	defer e.close()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	e.stop = stop
	reading, err := searchlog.Read(ctx, sources, e.readOptions(o.Progress), func() searchlog.Visitor { return e.visitor() })
	if cause := context.Cause(ctx); cause != nil {
		return nil, cause
	}
	if err != nil {
		return nil, err
	}
	if err := e.settle(ctx, reading); err != nil {
		return nil, err
	}
	if err := e.cite(ctx, sources, reading); err != nil {
		return nil, err
	}
	return e.conclude(reading), nil
}

// engine holds everything of one audit.
type engine struct {
	*plan
	classifier *purpose.Classifier
	workers    int
	people     *tape
	groups     *tape
	stop       func(error)

	mu       sync.Mutex
	visitors []*visitor

	// After settle.
	v     *visitor // all visitors' counts
	h     *harvest // all harvests'
	cells map[ref]map[string]string
	lost  int // cited rows whose cells could not be read again
}

func newEngine(o Options, memory int, dir string) (*engine, error) {
	p, err := newPlan(o)
	if err != nil {
		return nil, err
	}
	c, err := newClassifier(p)
	if err != nil {
		return nil, err
	}
	workers := o.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	return &engine{
		plan: p, classifier: c, workers: workers, stop: func(error) {},
		people: newTape(memory, dir), groups: newTape(memory/8, dir), cells: map[ref]map[string]string{},
	}, nil
}

func (e *engine) close() {
	e.people.close()
	e.groups.close()
}

func newPlan(o Options) (*plan, error) {
	o.State, o.Home = strings.ToUpper(o.State), strings.ToUpper(o.Home)
	law, err := packs.For(o.State)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	p := &plan{options: o, law: law, zone: o.Zone, home: o.Home, rows: o.Rows}
	if p.home == "" {
		p.home = o.State
	}
	if p.home != "" && agencyname.Zone(p.home) == "" {
		return nil, fmt.Errorf("audit: %q is no state's two-letter code", p.home)
	}
	if p.rows <= 0 {
		p.rows = 1000
	}
	if p.zone == nil {
		p.zone = time.UTC
		if law.Zone != "" {
			if p.zone, err = time.LoadLocation(law.Zone); err != nil {
				return nil, fmt.Errorf("audit: %s's zone: %w; give a zone", law.Name, err)
			}
		}
	}
	for _, b := range law.Banned {
		p.banned |= setOf(purpose.Class(b.Class))
	}
	for _, b := range law.Sensitive {
		p.asked |= setOf(purpose.Class(b.Class))
	}
	p.asked &^= p.banned
	for _, l := range law.PermittedOnly {
		for _, c := range l.Classes {
			p.listed |= setOf(purpose.Class(c))
		}
	}
	if p.listed != 0 {
		p.listed |= tested // which searches for nobody; that it happens is counted as a purpose
	}
	p.effect = since(law.Effective)
	p.lookBack = defaultLookBack * 3600
	switch {
	case law.LookBack != nil:
		p.lookBack = int64(law.LookBack.Days) * daySeconds
		p.withCase = law.LookBack.Unless != ""
	case law.Retention != nil:
		p.lookBack = int64(law.Retention.Days)*daySeconds + int64(law.Retention.Minutes)*60
	}
	p.style = time.Date(2026, 1, 1, 0, 0, 0, 0, p.zone).Unix()
	return p, nil
}

// since reads YYYY-MM-DD, YYYY-MM or YYYY; 0 for none.
func since(date string) int64 {
	for _, layout := range []string{time.DateOnly, "2006-01", "2006"} {
		if t, err := time.Parse(layout, date); err == nil {
			return t.Unix()
		}
	}
	return 0
}

// newClassifier reads codes by the home state's statutes first, then the others'.
func newClassifier(p *plan) (*purpose.Classifier, error) {
	o := purpose.Options{RadioCodes: p.options.RadioCodes}
	for _, s := range purpose.States() {
		if strings.EqualFold(s, p.home) {
			o.States = []string{s}
		}
	}
	c, err := purpose.New(o)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return c, nil
}

func (e *engine) readOptions(progress func(done, total int64)) searchlog.Options {
	o := searchlog.Options{Zone: e.zone, Workers: e.workers, Progress: progress}
	return o
}

// visitor makes one more visitor.
func (e *engine) visitor() *visitor {
	v := newVisitor(e.plan, newReader(e.classifier.Classify), e.people, e.groups, e.stop)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.visitors = append(e.visitors, v)
	return v
}

// settle puts together what the visitors counted, and asks the questions that
// take several rows.
func (e *engine) settle(ctx context.Context, reading *searchlog.Reading) error {
	all := newVisitor(e.plan, newReader(e.classifier.Classify), e.people, e.groups, e.stop)
	for _, v := range e.visitors {
		if err := v.close(); err != nil {
			return err
		}
		all.merge(v)
	}
	e.visitors, e.v = nil, all
	for r := range all.rules { // cells of rows that will not be told are forgotten
		for _, here := range all.rules[r].refs {
			if c := all.cells[here]; c != nil {
				e.cells[here] = c
			}
		}
	}
	all.cells = nil
	k := all.learn(reading)

	each := func(do func(h *harvest, part int) error) error {
		var next atomic.Int64
		harvests := make([]*harvest, e.workers)
		errs := make([]error, e.workers)
		var wg sync.WaitGroup
		for w := range harvests {
			h := newHarvest(e.plan, k, e.groups)
			harvests[w] = h
			wg.Go(func() {
				for part := int(next.Add(1)) - 1; part < tapeParts && errs[w] == nil; part = int(next.Add(1)) - 1 {
					if err := context.Cause(ctx); err != nil {
						errs[w] = err
						return
					}
					errs[w] = do(h, part)
				}
				if errs[w] == nil {
					errs[w] = h.groups.flush()
				}
			})
		}
		wg.Wait()
		for w, h := range harvests {
			if errs[w] != nil {
				return errs[w]
			}
			if e.h == nil {
				e.h = newHarvest(e.plan, k, e.groups)
			}
			e.h.merge(h)
		}
		return nil
	}
	if err := each(func(h *harvest, part int) error { return h.part(e.people, part) }); err != nil {
		return err
	}
	if err := each(func(h *harvest, part int) error { return h.group(e.groups, part) }); err != nil {
		return err
	}
	for r := range e.h.rules {
		all.rules[r].merge(&e.h.rules[r], e.plan.rows)
	}
	return nil
}

// merge adds another visitor's counts. Offenses are numbered by each in the
// order it met them.
func (v *visitor) merge(o *visitor) {
	v.rows += o.rows
	v.known += o.known
	v.noMonth.merge(&o.noMonth)
	for key, m := range o.months {
		if v.months[key] == nil {
			v.months[key] = &month{}
		}
		v.months[key].merge(m)
	}
	for d := range o.hours {
		for h, n := range o.hours[d] {
			v.hours[d][h] += n
		}
	}
	for i, n := range o.offenses {
		if n > 0 {
			j := int(v.reader.offense(o.reader.offenses[i-1]))
			for j >= len(v.offenses) {
				v.offenses = append(v.offenses, 0)
			}
			v.offenses[j] += n
		}
	}
	v.units.merge(&o.units)
	for i := range o.files {
		if i >= len(v.files) {
			v.files = append(v.files, fileTally{})
		}
		a, b := &v.files[i], &o.files[i]
		a.unit.merge(&b.unit)
		a.timed += b.timed
		a.seconds = a.seconds || b.seconds
		a.clock = a.clock || b.clock
		switch {
		case a.agency == 0:
			a.agency, a.mixed = b.agency, b.mixed
		case b.agency != 0:
			a.mixed = a.mixed || b.mixed || a.agency != b.agency
		}
	}
	v.reach.Known += o.reach.Known
	v.reach.Single += o.reach.Single
	v.reach.Multi += o.reach.Multi
	v.networks.merge(&o.networks)
	v.devices.merge(&o.devices)
	v.lookBacks.merge(&o.lookBacks)
	for i := range v.rules {
		v.rules[i].merge(&o.rules[i], v.plan.rows)
	}
	for here, c := range o.cells {
		v.cells[here] = c
	}
	for word, n := range o.oddVerdicts {
		v.oddVerdicts[word] += n
	}
	v.noCaseInfo += o.noCaseInfo
	v.reused.merge(&o.reused)
}

func (m *month) merge(o *month) {
	m.searches += o.searches
	m.told += o.told
	for i, n := range o.classes {
		m.classes[i] += n
	}
}

// learn draws from all rows what single ones are measured by.
func (v *visitor) learn(reading *searchlog.Reading) *known {
	k := &known{agencies: map[uint32]*unit{}, searches: map[uint32]int{}, rare: map[uint64]bool{}, reused: v.reused.often(reusedSearches), rows: v.rows}
	for _, u := range v.units.by {
		// Two names may have one id; the same one of them stands for both always.
		if have := k.agencies[u.id]; have == nil || u.name < have.name {
			k.agencies[u.id] = u
		}
		k.searches[u.id] += u.searches
		unusual(u.id, u, k.rare)
	}
	// Rows without an agency: the files in one folder are taken for one agency's.
	folders := map[string]*unit{}
	k.fileUnit = make([]uint32, max(len(reading.Files), len(v.files)))
	k.noSeconds, k.noClock = make([]bool, len(k.fileUnit)), make([]bool, len(k.fileUnit))
	for i := range v.files {
		k.noSeconds[i], k.noClock[i] = v.files[i].noSeconds(), v.files[i].noClock()
		folder := ""
		if i < len(reading.Files) {
			folder = path.Dir(reading.Files[i].Path)
		}
		k.fileUnit[i] = agencyID([]byte("folder " + folder))
		if folders[folder] == nil {
			folders[folder] = &unit{id: k.fileUnit[i]}
		}
		folders[folder].merge(&v.files[i].unit)
	}
	for _, u := range folders {
		k.searches[u.id] += u.searches
		unusual(u.id, u, k.rare)
	}
	return k
}

// unusual notes the forms of case numbers that an agency with regular ones
// hardly ever uses.
func unusual(id uint32, u *unit, into map[uint64]bool) {
	if u.withCase < regularCases {
		return
	}
	usual := 0
	for _, s := range u.shapes {
		if s.n*1000 >= usualPermille*u.withCase {
			usual += s.n
		}
	}
	if usual*100 < regularShare*u.withCase {
		return
	}
	for _, s := range u.shapes {
		if s.n*1000 <= rarePermille*u.withCase {
			into[uint64(id)<<16|uint64(s.shape)] = true
		}
	}
}
