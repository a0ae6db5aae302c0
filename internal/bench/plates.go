package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"porchlight/db"
	"porchlight/plate"
	"porchlight/plate/hotlist"
	"porchlight/plate/reads"
)

const (
	platesDir  = "build/bench-plates"
	perCommit  = 1000
	appenders  = 4 // who append at the same time, as that many agencies' programs would
	asksEach   = 200
	askLimit   = 100
	hotEntries = 100_000
)

// plateEngine is one way to keep reads. ingest and find may be called by several
// at once.
type plateEngine interface {
	ingest(context.Context, []plate.Read) error
	find(ctx context.Context, owners []string, q plate.Query) (answer, error)
	finish(context.Context) error  // what the ingest left to be done
	analyze(context.Context) error // what a server does at night
	counts(ctx context.Context, owners []string, from, to time.Time) (rows int, err error)
	drop(ctx context.Context, day time.Time) error // all reads of one day
	cpu() time.Duration                            // so far, of this process and of its server
	close() error
}

// answer is what was found, in a form that engines can be compared by.
type answer struct {
	keys []string // of reads, newest first: time, camera, text; of companions: text and cameras
	ms   []int64  // of each read
}

func (a *answer) add(seen time.Time, camera, text string) {
	a.keys = append(a.keys, fmt.Sprint(seen.UnixMilli(), camera, text))
	a.ms = append(a.ms, seen.UnixMilli())
}

// differs compares answers that were cut at a limit: reads of the last
// millisecond may be others.
func (a answer) differs(b answer) bool {
	if !slices.Equal(a.ms, b.ms) || len(a.keys) != len(b.keys) {
		return true
	}
	cut := len(a.ms)
	if len(a.ms) == askLimit {
		for cut > 0 && a.ms[cut-1] == a.ms[len(a.ms)-1] {
			cut--
		}
	}
	set := func(keys []string) []string { k := slices.Clone(keys); slices.Sort(k); return k }
	if len(a.ms) == 0 {
		cut = len(a.keys)
	}
	return !slices.Equal(set(a.keys[:cut]), set(b.keys[:cut]))
}

// ingested is what is remembered of an ingest whose data lie in build/.
type ingested struct {
	Rate float64 `json:"rate"` // reads a second
	CPU  float64 `json:"cpu"`  // microseconds of this process a read
}

// plates measures the engine of the plate network on 20 million reads
// (PORCHLIGHT_BENCH_READS for another number), against the design that is common
// today: one PostgreSQL table with a B-tree and pg_trgm's GIN. What was written is
// kept in build/bench-plates and used again.
func plates(ctx context.Context, f figures) error {
	total := 20_000_000
	if s := os.Getenv("PORCHLIGHT_BENCH_READS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 10_000 {
			return fmt.Errorf("PORCHLIGHT_BENCH_READS is a number of reads from 10000, not %q", s)
		}
		total = n
	}
	if err := os.MkdirAll(platesDir, 0o755); err != nil {
		return err
	}
	hot, done, err := openHotlist(ctx, newTraffic(total))
	if err != nil {
		return err
	}
	defer done()

	took := map[string]map[string][]float64{} // engine, ask, milliseconds
	used := map[string]map[string]float64{}   // and of processors, on average
	var names []string
	var first []answer // of the engine before
	before := ""
	for _, e := range []struct {
		name string
		open func(ctx context.Context, dir string, t *traffic) (plateEngine, error)
	}{{"sqlite", openPlatesSQLite}, {"postgres", openPlatesPostgres}, {"today", openPlatesToday}} {
		t := newTraffic(total)
		idle := anonymous()
		dir := filepath.Join(platesDir, fmt.Sprintf("%s-%d", e.name, total))
		engine, err := e.open(ctx, dir, t)
		if err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		in, s, err := fillPlates(ctx, e.name, engine, t, hot)
		if err != nil {
			return fmt.Errorf("%s: %w", e.name, errors.Join(err, engine.close()))
		}
		aim := map[string]float64{"sqlite": 40_000, "postgres": 80_000}[e.name]
		f.add("plates_ingest_"+e.name, in.Rate, "reads/s", "the aim, durable, with a hotlist of 100,000", aim)
		f.add("plates_ingest_cpu_"+e.name, in.CPU, "us/read", "(of this process)", 0)

		owners, asks := t.owners(), s.asks(t, asksEach)
		took[e.name], used[e.name] = map[string][]float64{}, map[string]float64{}
		var answers []answer
		for _, a := range asks {
			names = append(names, a.name)
			for pass := range 2 { // the first warms the caches of all
				used[e.name][a.name] -= engine.cpu().Seconds()
				for _, q := range a.queries {
					began := time.Now()
					got, err := engine.find(ctx, owners, q)
					if err != nil {
						return fmt.Errorf("%s: %s: %w", e.name, a.name, errors.Join(err, engine.close()))
					}
					if pass == 1 {
						took[e.name][a.name] = append(took[e.name][a.name], time.Since(began).Seconds()*1000)
						answers = append(answers, got)
					}
				}
				if used[e.name][a.name] += engine.cpu().Seconds(); pass == 0 {
					used[e.name][a.name] = 0
				}
			}
			used[e.name][a.name] *= 1000 / float64(len(a.queries))
			fmt.Printf("  %s: %s: p50 %.2f ms, p99 %.2f ms, processor %.2f ms\n", e.name, a.name, median(took[e.name][a.name]), p99(took[e.name][a.name]), used[e.name][a.name])
		}
		if first != nil {
			for i := range answers {
				if answers[i].differs(first[i]) {
					q, _ := json.Marshal(asks[i/asksEach].queries[i%asksEach])
					return fmt.Errorf("%s and %s answer %s differently: %d and %d\n%v\n%v", before, e.name, q, len(first[i].keys), len(answers[i].keys), first[i].keys, answers[i].keys)
				}
			}
		}
		first, before = answers, e.name

		began := time.Now()
		rows, err := engine.counts(ctx, owners, t.from, t.from.AddDate(0, 0, trafficDays))
		if err != nil {
			return errors.Join(err, engine.close())
		}
		f.add("plates_counts_"+e.name, time.Since(began).Seconds()*1000, "ms", "rows: reads per camera and day, 30 days", float64(rows))
		if e.name == "sqlite" {
			debug.FreeOSMemory()
			f.add("plates_memory_sqlite", anonymous(), "MiB RssAnon", "the same process before", idle)
		}

		// A day more, to be dropped: one that is on the disk, as a month old one is.
		day := t.from.AddDate(0, 0, -1)
		if err := extraDay(ctx, engine, total, day); err != nil {
			return errors.Join(err, engine.close())
		}
		if err := errors.Join(engine.finish(ctx), engine.close()); err != nil {
			return err
		}
		syscall.Sync()
		if engine, err = e.open(ctx, dir, t); err != nil {
			return err
		}
		began = time.Now()
		if err := engine.drop(ctx, day); err != nil {
			return errors.Join(err, engine.close())
		}
		f.add("plates_drop_day_"+e.name, time.Since(began).Seconds()*1000, "ms", "the aim", 100)
		if err := engine.close(); err != nil {
			return err
		}
	}
	aims := map[string]float64{"exact": 1, "infix": 5, "wildcard": 5, "area, 10 minutes": 5}
	for _, name := range slices.Compact(names[:len(names)/3]) {
		key := strings.NewReplacer(" ", "_", ",", "").Replace(name)
		for _, e := range slices.Sorted(maps.Keys(took)) {
			if e != "today" {
				f.add("plates_"+key+"_"+e, median(took[e][name]), "ms p50", "today's design", median(took["today"][name]))
				f.add("plates_"+key+"_p99_"+e, p99(took[e][name]), "ms p99", "today's design", p99(took["today"][name]))
				f.add("plates_"+key+"_cpu_"+e, used[e][name], "ms of CPU", "today's design", used["today"][name])
			}
		}
		if aims[name] > 0 {
			f.add("plates_"+key+"_aim", median(took["sqlite"][name]), "ms p50", "the aim", aims[name])
		}
	}
	return nil
}

func p99(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	return v[len(v)*99/100]
}

// anonymous is this process's resident memory, page cache apart, in MiB.
func anonymous() float64 {
	runtime.GC()
	b, _ := os.ReadFile("/proc/self/status")
	_, after, _ := strings.Cut(string(b), "RssAnon:")
	kb, _ := strconv.ParseFloat(strings.Fields(after + " 0")[0], 64)
	return kb / 1024
}

func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// fillPlates writes the load into an engine, unless an earlier run did, and gives
// a sample of it.
func fillPlates(ctx context.Context, name string, e plateEngine, t *traffic, hot *hotlist.Service) (in ingested, s *sample, err error) {
	mark := filepath.Join(platesDir, fmt.Sprintf("%s-%d.json", name, t.total))
	b, err := os.ReadFile(mark)
	have := err == nil && json.Unmarshal(b, &in) == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return in, nil, err
	}
	s = newSample()
	began, used, hits, n := time.Now(), cpu(), 0, 0
	var spent time.Duration // by this goroutine, making reads
	all, working := errgroup.WithContext(ctx)
	batches := make(chan []plate.Read, appenders)
	matched := make([]int, appenders)
	for i := range appenders {
		all.Go(func() error {
			for b := range batches {
				for _, r := range b {
					matched[i] += len(hot.Match(r))
				}
				if err := e.ingest(working, b); err != nil {
					return err
				}
			}
			return nil
		})
	}
	next := time.Now()
	for b := range t.batches(perCommit) {
		spent += time.Since(next)
		s.add(b)
		if !have {
			select {
			case batches <- b:
			case <-working.Done():
			}
			if working.Err() != nil {
				break
			}
		}
		if n += len(b); n%1_000_000 == 0 && !have {
			fmt.Printf("  %s: %d million reads, %.0f/s\n", name, n/1_000_000, float64(n)/time.Since(began).Seconds())
		}
		next = time.Now()
	}
	close(batches)
	if err := all.Wait(); err != nil {
		return in, nil, err
	}
	if err := e.finish(ctx); err != nil {
		return in, nil, err
	}
	if have {
		fmt.Printf("  %s: %d reads of an earlier run\n", name, n)
		return in, s, nil
	}
	for _, m := range matched {
		hits += m
	}
	seconds := time.Since(began).Seconds()
	in = ingested{float64(n) / seconds, float64((cpu() - used).Microseconds()) / float64(n)}
	fmt.Printf("  %s: %d reads, %d hits, %.0f s, of which %.0f making them\n", name, n, hits, seconds, spent.Seconds())
	if b, err = json.Marshal(in); err != nil {
		return in, nil, err
	}
	if err := e.analyze(ctx); err != nil {
		return in, nil, err
	}
	return in, s, os.WriteFile(mark, b, 0o644)
}

// extraDay appends as many reads as a day of the load has, dated on day.
func extraDay(ctx context.Context, e plateEngine, total int, day time.Time) error {
	t := newTraffic(total)
	shift := t.from.Sub(day)
	n := 0
	for b := range t.batches(perCommit) {
		for i := range b {
			b[i].Seen = day.Add(b[i].Seen.Add(-shift).Sub(day) % (24 * time.Hour))
			if b[i].Event != "" {
				b[i].Event = "x" + b[i].Event[1:]
			}
		}
		if err := e.ingest(ctx, b); err != nil {
			return err
		}
		if n += len(b); n >= total/trafficDays {
			return nil
		}
	}
	return nil
}

// openHotlist makes a list of 100,000 plates, one in a hundred with a wildcard.
func openHotlist(ctx context.Context, t *traffic) (*hotlist.Service, func(), error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, nil, err
	}
	d, err := db.Open(ctx, filepath.Join(dir, "hot.db"))
	if err != nil {
		return nil, nil, err
	}
	done := func() { d.Close(); os.RemoveAll(dir) }
	h, err := hotlist.New(ctx, hotlist.Options{DB: d, Now: func() time.Time { return t.from }})
	if err == nil {
		err = fillHotlist(ctx, d, t)
	}
	if err == nil {
		err = h.Reload(ctx)
	}
	if err != nil {
		done()
		return nil, nil, err
	}
	return h, done, nil
}

// storeEngine is plate/reads, on either database.
type storeEngine struct {
	*reads.Store
	now  atomic.Pointer[time.Time]
	dir  string        // of the server
	pool *pgxpool.Pool // nil on SQLite
	stop func() error
}

// openStore keeps reads for 31 days and stands an hour before the end of the load,
// so that the day before it is due when the load ends.
func openStore(ctx context.Context, dir string, t *traffic, o reads.Options, pool *pgxpool.Pool, stop func() error) (_ plateEngine, err error) {
	e := &storeEngine{dir: dir, pool: pool, stop: stop}
	now := t.from.AddDate(0, 0, trafficDays).Add(-time.Hour)
	e.now.Store(&now)
	o.Keep = func(string) time.Duration { return (trafficDays + 1) * 24 * time.Hour }
	o.Now = func() time.Time { return *e.now.Load() }
	if e.Store, err = reads.Open(ctx, o); err != nil {
		return nil, errors.Join(err, stop())
	}
	return e, nil
}

// finish does what a minute after each day would.
func (e *storeEngine) finish(ctx context.Context) error {
	for range trafficDays + 1 {
		if _, err := e.Due(ctx, *e.now.Load()); err != nil {
			return err
		}
	}
	return nil
}

func (e *storeEngine) cpu() time.Duration {
	if e.pool == nil {
		return cpu()
	}
	return cpu() + serverCPU(e.dir)
}

func (e *storeEngine) analyze(ctx context.Context) (err error) {
	if e.pool != nil {
		_, err = e.pool.Exec(ctx, `ANALYZE`)
	}
	return err
}

func openPlatesSQLite(ctx context.Context, dir string, t *traffic) (plateEngine, error) {
	return openStore(ctx, dir, t, reads.Options{Dir: dir}, nil, func() error { return nil })
}

func (e *storeEngine) ingest(ctx context.Context, b []plate.Read) error {
	_, _, err := e.Append(ctx, b)
	return err
}

func (e *storeEngine) find(ctx context.Context, owners []string, q plate.Query) (a answer, err error) {
	if q.Kind == plate.Convoy {
		found, _, err := e.Convoy(ctx, owners, q, askLimit)
		for _, c := range found {
			a.keys = append(a.keys, fmt.Sprint(c.Text, " ", c.Cameras))
		}
		return a, err
	}
	found, _, err := e.Find(ctx, owners, q, askLimit)
	for _, r := range found {
		a.add(r.Seen, r.Camera, string(r.Text))
	}
	return a, err
}

func (e *storeEngine) counts(ctx context.Context, owners []string, from, to time.Time) (n int, err error) {
	for _, o := range owners {
		t, err := e.Tallies(ctx, o, from, to)
		if err != nil {
			return 0, err
		}
		n += len(t)
	}
	return n, nil
}

func (e *storeEngine) drop(ctx context.Context, day time.Time) error {
	later := e.now.Load().Add(2 * time.Hour)
	e.now.Store(&later)
	due, err := e.Due(ctx, later)
	if err != nil {
		return err
	}
	if len(due) != agencies || !due[0].From.Equal(day) {
		return fmt.Errorf("%d owners' days are due, not one day of %d owners", len(due), agencies)
	}
	for _, d := range due {
		if err := e.Drop(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

func (e *storeEngine) close() error { return errors.Join(e.Store.Close(), e.stop()) }
