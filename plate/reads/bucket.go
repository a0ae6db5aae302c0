package reads

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"porchlight/geo"
	"porchlight/plate"
)

// bucket names a set of reads that goes as a whole: they arrived under one
// retention, were seen in one span, and, with shards, are of one group of
// cameras.
type bucket struct {
	keep  time.Duration // the retention, whole seconds
	from  int64         // milliseconds since 1970
	shard int
}

// span is how long the buckets of a retention are. A bucket goes when its first
// read must go, so its last may go one span early: a tenth of the retention at
// most.
func span(keep time.Duration) time.Duration {
	for _, d := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, 15 * time.Second} {
		if keep >= 10*d {
			return d
		}
	}
	return time.Second
}

func bucketOf(keep time.Duration, seen time.Time, shard int) bucket {
	keep = keep.Truncate(time.Second)
	ms := span(keep).Milliseconds()
	return bucket{keep, seen.UnixMilli() / ms * ms, shard}
}

func (b bucket) start() time.Time { return time.UnixMilli(b.from).UTC() }
func (b bucket) end() time.Time   { return b.start().Add(span(b.keep)) }

// due is when the bucket's first read must go under a retention, at the latest
// its own.
func (b bucket) due(keep time.Duration) time.Time { return b.start().Add(min(keep, b.keep)) }

func (b bucket) holds(id plate.ID) bool {
	return id >= plate.ID(b.from)<<seqBits && id < idAt(b.end())
}

func (b bucket) String() string {
	s := b.start().Format("20060102T150405Z") + "-" + fmt.Sprint(int64(b.keep/time.Second))
	if b.shard > 0 {
		s += fmt.Sprintf("-%d", b.shard)
	}
	return s
}

// engine is where buckets lie.
type engine interface {
	// refresh learns what other processes changed.
	refresh(context.Context) error
	// between runs do while no refresh is under way.
	between(do func())
	// writers is how many commits of one bucket may be under way.
	writers() int
	// learned tells that rows are durable; afterwards a search finds them.
	learned(*part, []row)
	// shard is the group of a camera.
	shard(source int32) int
	// create makes a bucket, or opens it if another process was first.
	create(context.Context, *part) (table, error)
	// drop takes a bucket away for good, with what it left in logs.
	drop(context.Context, *part) error
	// aside sets a broken bucket apart and says where it is now; ok is false when
	// err does not mean that the bucket is broken.
	aside(p *part, err error) (text string, ok bool)
	// number gives sources and words numbers that all processes share.
	number(context.Context, []source, []string) error
	// together is how many buckets byPlates is asked for at a time.
	together() int
	// byPlates fills in the rows of lookups, each as table.byPlates does; where it
	// fails it leaves them, and they are asked for one by one.
	byPlates(ctx context.Context, ask []*lookup, lo, hi plate.ID, limit int)
	// tidy does what a minute's growth asks for.
	tidy(context.Context) error
	// pack brings a bucket that is done into the form that is searched quickest,
	// if there is one that is not in it. It may take seconds.
	pack() error
	// remove deletes for good what was set aside.
	remove(Problem) error
	close() error
}

// table is the rows of one bucket. A read of it sees what any insert returned
// for. Ids are from lo until before hi; rows come newest first, at most limit.
type table interface {
	// insert makes rows durable, all or none, with what they add to the tallies.
	// errKnown when one of them is there already or its id or event key is taken.
	insert(context.Context, []row) error
	// known gives the rows that have one of the ids or event keys.
	known(context.Context, []row) ([]row, error)
	get(context.Context, []plate.ID) ([]row, error)
	byPlates(ctx context.Context, plates []plate.Packed, lo, hi plate.ID, limit int) ([]row, error)
	// bySources takes sorted numbers; nil are all.
	bySources(ctx context.Context, sources []int32, lo, hi plate.ID, limit int) ([]row, error)
	// windows gives all rows of sources in their windows, in no order.
	windows(context.Context, []window) ([]row, error)
	// distinct gives the distinct plates, those saved if there were count reads
	// when they were.
	distinct(ctx context.Context, count int) (plates []plate.Packed, saved bool, err error)
	save(ctx context.Context, count int, plates []plate.Packed) error
	// forget takes sources out of the tallies; sweep deletes the rows of sources
	// that were forgotten.
	forget(context.Context, []int32) error
	sweep(context.Context, []int32) error
}

// window is a span of one source's reads.
type window struct {
	source int32
	lo, hi plate.ID
}

var errKnown = errors.New("a row is there already")

// tally is what a bucket holds of one source.
type tally struct {
	reads                    int
	west, south, east, north int32 // around the places of its reads
}

func (t *tally) add(o tally) {
	if t.reads == 0 {
		*t = o
		return
	}
	t.reads += o.reads
	t.west, t.south = min(t.west, o.west), min(t.south, o.south)
	t.east, t.north = max(t.east, o.east), max(t.north, o.north)
}

func (t *tally) touches(b geo.Box) bool {
	return t.west <= b.East && t.east >= b.West && t.south <= b.North && t.north >= b.South
}

// talliesOf counts rows by source.
func talliesOf(rows []row) map[int32]tally {
	sums := map[int32]tally{}
	for i := range rows {
		r := &rows[i]
		t := sums[r.source]
		t.add(tally{1, r.at.Lon, r.at.Lat, r.at.Lon, r.at.Lat})
		sums[r.source] = t
	}
	return sums
}

// part is a bucket and what this process knows of it.
type part struct {
	bucket
	rows table
	used atomic.Int64 // when its plates were last searched, for the bound on memory

	queue   sync.Mutex // held for moments: jobs, leading
	jobs    []*job
	leading int // goroutines that do jobs

	load sync.Mutex // held while its plates are loaded
	mu   sync.RWMutex
	// Under mu:
	tally  map[int32]*tally
	gone   []int32 // forgotten sources whose rows are still there
	plates *plateSet
	whole  bool  // plates holds all of the bucket's
	news   int64 // lines of news it was learned from
}

func newPart(b bucket) *part { return &part{bucket: b, tally: map[int32]*tally{}} }

// has reports whether there are reads of a source.
func (p *part) has(source int32) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.tally[source] != nil
}

func (p *part) count() (reads int) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, t := range p.tally {
		reads += t.reads
	}
	return reads
}

// learn takes in what was added to the bucket.
func (p *part) learn(sums map[int32]tally, plates []plate.Packed) {
	p.mu.Lock()
	for n, sum := range sums {
		t := p.tally[n]
		if t == nil {
			t = &tally{}
			p.tally[n] = t
		}
		t.add(sum)
	}
	set := p.plates
	p.mu.Unlock()
	if set != nil {
		set.add(plates)
	}
}

// done reports whether a bucket hardly grows any more.
func (s *Store) done(p *part) bool { return p.end().Add(time.Hour).Before(s.now()) }

// distinct gives the bucket's plates, loading them if need be.
func (s *Store) distinct(ctx context.Context, p *part) (*plateSet, error) {
	p.used.Store(s.clock.Add(1))
	p.mu.RLock()
	set, whole := p.plates, p.whole
	p.mu.RUnlock()
	if whole {
		return set, nil
	}
	p.load.Lock()
	defer p.load.Unlock()
	p.mu.Lock()
	if p.whole {
		set = p.plates
		p.mu.Unlock()
		return set, nil
	}
	p.mu.Unlock()
	set = &plateSet{} // what is added from now on goes in, the rest is read
	s.engine.between(func() {
		p.mu.Lock()
		p.plates = set
		p.mu.Unlock()
	})
	count := p.count()
	plates, saved, err := p.rows.distinct(ctx, count)
	if err != nil {
		return nil, err
	}
	set.add(plates)
	p.mu.Lock()
	p.whole = p.plates == set // or somebody let go of them meanwhile
	p.mu.Unlock()
	if !saved && s.done(p) {
		all := set.all()
		if p.count() == count {
			if err := p.rows.save(ctx, count, all); err != nil {
				return nil, err
			}
		}
	}
	s.bound(p)
	return set, nil
}

// bound lets go of plates until they take no more memory than they may; keep's
// stay.
func (s *Store) bound(keep *part) {
	parts := s.between(0, maxID)
	slices.SortFunc(parts, func(a, b *part) int { return int(b.used.Load() - a.used.Load()) })
	var sum int64
	for _, p := range parts {
		p.mu.Lock()
		if p.whole {
			_, bytes := p.plates.size()
			if sum += bytes; sum > s.options.Memory && p != keep {
				p.plates, p.whole = nil, false
			}
		}
		p.mu.Unlock()
	}
}
