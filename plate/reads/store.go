package reads

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"porchlight/plate"
)

// Store keeps reads. Safe for concurrent use.
type Store struct {
	options Options
	engine  engine
	names   *names
	clock   atomic.Int64 // ticks at each search, to tell what was searched last
	jobs    sync.WaitGroup

	mu       sync.RWMutex
	closed   bool
	parts    map[bucket]*part
	problems []Problem
}

// ErrClosed is returned after Close.
var ErrClosed = errors.New("reads: closed")

// Open opens a store, and makes it where there is none. Buckets that cannot be
// opened are set aside (see Health); the others are served.
func Open(ctx context.Context, o Options) (*Store, error) {
	o.Memory, o.Files = cmp.Or(o.Memory, 512<<20), cmp.Or(o.Files, 100)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Keep == nil {
		return nil, errors.New("opening the reads: Options.Keep is needed")
	}
	s := &Store{options: o, names: newNames(), parts: map[bucket]*part{}}
	var err error
	switch {
	case o.Dir != "":
		err = openSQLite(ctx, s)
	case o.Postgres != "":
		err = openPostgres(ctx, s)
	default:
		err = errors.New("Options.Dir or Options.Postgres is needed")
	}
	if err != nil {
		return nil, fmt.Errorf("opening the reads: %w", err)
	}
	return s, nil
}

// Close waits for appends under way and closes the store.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.jobs.Wait()
	return s.engine.close()
}

func (s *Store) now() time.Time { return s.options.Now() }

// between gives the buckets that may hold ids from lo until before hi, in which
// the newest begin first.
func (s *Store) between(lo, hi plate.ID) []*part {
	s.mu.RLock()
	parts := slices.Collect(maps.Values(s.parts))
	s.mu.RUnlock()
	parts = slices.DeleteFunc(parts, func(p *part) bool { return plate.ID(p.from)<<seqBits >= hi || idAt(p.end()) <= lo })
	slices.SortFunc(parts, func(a, b *part) int {
		return cmp.Or(b.end().Compare(a.end()), cmp.Compare(a.keep, b.keep), cmp.Compare(a.shard, b.shard))
	})
	return parts
}

// part gives a bucket, made if it is not there.
func (s *Store) part(ctx context.Context, b bucket) (*part, error) {
	s.mu.RLock()
	p := s.parts[b]
	s.mu.RUnlock()
	if p != nil {
		return p, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.parts[b]; p != nil {
		return p, nil
	}
	if s.closed {
		return nil, ErrClosed
	}
	p = newPart(b)
	var err error
	if p.rows, err = s.engine.create(ctx, p); err != nil {
		return nil, fmt.Errorf("making the reads of %s: %w", p, err)
	}
	s.parts[b] = p
	return p, nil
}

// aside returns err, unless it says that the bucket is broken: then the bucket is
// set aside, and what goes on goes on without it.
func (s *Store) aside(p *part, err error) error {
	if err == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parts[p.bucket] != p { // somebody else found out
		return nil
	}
	text, ok := s.engine.aside(p, err)
	if !ok {
		return err
	}
	delete(s.parts, p.bucket)
	if text != "" {
		s.problems = append(s.problems, Problem{p.start(), p.end(), p.keep, text, s.now()})
	}
	return nil
}

// Health gives the buckets that were set aside, until their time is over.
func (s *Store) Health() []Problem {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.problems)
}

// Due gives what its owner may keep no longer: days whose oldest read has reached
// its retention, the one it arrived under or the owner's present one if that is
// shorter. Oldest first. Due also removes for good what was set aside and has
// reached its retention, finishes what Drop began, makes the buckets of the next
// day and packs one that is done; the caller asks every minute.
func (s *Store) Due(ctx context.Context, now time.Time) ([]Day, error) {
	if err := errors.Join(s.engine.refresh(ctx), s.engine.tidy(ctx)); err != nil {
		return nil, err
	}
	var due []Day
	for _, p := range s.between(0, maxID) {
		stay := false
		for owner, reads := range s.owners(p) {
			if p.due(s.options.Keep(owner)).After(now) {
				stay = true
				continue
			}
			due = append(due, Day{owner, p.start(), p.end(), p.keep, reads})
		}
		if err := s.clear(ctx, p, stay, now); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(due, func(a, b Day) int {
		return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Keep, b.Keep))
	})
	// With shards an owner's day lies in several buckets.
	out := due[:0]
	for _, d := range due {
		if n := len(out); n > 0 && out[n-1].Owner == d.Owner && out[n-1].From.Equal(d.From) && out[n-1].Keep == d.Keep {
			out[n-1].Reads += d.Reads
		} else {
			out = append(out, d)
		}
	}
	err := errors.Join(s.forgetAside(now), s.ahead(ctx, now))
	if len(out) == 0 && err == nil { // what is due does not wait
		err = s.engine.pack()
	}
	return out, err
}

// ahead makes the bucket that follows each of an hour or a day that takes reads
// now, so that midnight costs no camera anything.
func (s *Store) ahead(ctx context.Context, now time.Time) error {
	for _, p := range s.between(idAt(now), idAt(now)+1) {
		if span(p.keep) < time.Hour || p.count() == 0 {
			continue
		}
		next := p.bucket
		next.from = p.end().UnixMilli()
		if _, err := s.part(ctx, next); err != nil {
			return err
		}
	}
	return nil
}

// owners counts the reads of a bucket by owner.
func (s *Store) owners(p *part) map[string]int {
	p.mu.RLock()
	defer p.mu.RUnlock()
	owners := map[string]int{}
	for n, t := range p.tally {
		owners[s.names.source(n).owner] += t.reads
	}
	return owners
}

// Drop deletes an owner's day: at once nothing of it is found, counted or given.
// The bucket goes from the disk when the last owner in it was dropped and no read
// may come into it any more; until then, and where others may keep theirs longer,
// the owner's rows are deleted and overwritten before Drop returns. If it is not
// there that is fine.
func (s *Store) Drop(ctx context.Context, d Day) error {
	for _, p := range s.between(idAt(d.From), idAt(d.To)) {
		if p.from != d.From.UnixMilli() || p.keep != d.Keep {
			continue
		}
		if err := s.drop(ctx, p, d.Owner); err != nil {
			return fmt.Errorf("dropping the reads of %s of %s: %w", d.Owner, d.From.Format(time.DateOnly), err)
		}
	}
	return nil
}

func (s *Store) drop(ctx context.Context, p *part, owner string) error {
	var mine []int32
	p.mu.Lock()
	for n := range p.tally {
		if s.names.source(n).owner == owner {
			mine = append(mine, n)
		}
	}
	n := len(p.tally)
	p.mu.Unlock()
	if len(mine) == 0 {
		return nil
	}
	slices.Sort(mine)
	now := s.now()
	if last := len(mine) == n; last && !p.due(p.keep).After(now) {
		return s.remove(ctx, p) // nothing is left that would have to be told apart, nor can come any more
	}
	if err := p.rows.forget(ctx, mine); err != nil {
		return s.aside(p, err)
	}
	p.mu.Lock()
	for _, n := range mine {
		delete(p.tally, n)
	}
	p.gone = append(p.gone, mine...)
	p.mu.Unlock()
	stay := false
	for owner := range s.owners(p) {
		stay = stay || p.due(s.options.Keep(owner)).After(now)
	}
	return s.clear(ctx, p, stay, now)
}

// clear takes a bucket away that is empty and done, and sweeps the rows of
// dropped owners where others' stay or may still come.
func (s *Store) clear(ctx context.Context, p *part, stay bool, now time.Time) error {
	p.mu.RLock()
	empty, gone := len(p.tally) == 0, slices.Clone(p.gone)
	p.mu.RUnlock()
	switch {
	case empty && !p.due(p.keep).After(now):
		return s.remove(ctx, p)
	case (stay || empty) && len(gone) > 0:
		if err := p.rows.sweep(ctx, gone); err != nil {
			return s.aside(p, err)
		}
		p.mu.Lock()
		p.gone = slices.DeleteFunc(p.gone, func(n int32) bool { return slices.Contains(gone, n) })
		p.plates, p.whole = nil, false
		p.mu.Unlock()
	}
	return nil
}

// remove takes a bucket away.
func (s *Store) remove(ctx context.Context, p *part) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parts[p.bucket] != p {
		return nil
	}
	if err := s.engine.drop(ctx, p); err != nil {
		return err
	}
	delete(s.parts, p.bucket)
	return nil
}

func (s *Store) forgetAside(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	s.problems = slices.DeleteFunc(s.problems, func(p Problem) bool {
		if p.From.Add(p.Keep).After(now) {
			return false
		}
		e := s.engine.remove(p)
		err = errors.Join(err, e)
		return e == nil
	})
	return err
}
