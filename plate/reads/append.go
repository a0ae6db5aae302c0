package reads

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"porchlight/plate"
)

// job is rows of one Append on their way into one bucket.
type job struct {
	ctx    context.Context
	rows   []row
	result []plate.ID // of each row
	fresh  []bool
	err    error
	done   chan struct{}
}

// maxCommit bounds the rows of one commit.
const maxCommit = 8192

// Append keeps reads and gives their ids; ID, and what is below a millisecond of
// Seen, are ignored. When it returns without an error they are durable, and the
// next search finds them. A read that is known already, by camera and event or by
// camera, millisecond and text, keeps its old id and is not fresh; an event is
// compared with those of the same day.
//
// Some may be refused, each for its own reason: then the error is a Refused, and
// the others were kept. Any other error says nothing of the batch: the caller
// appends it again; what had been kept after all is then not fresh. When the disk has no room the error is also syscall.ENOSPC.
func (s *Store) Append(ctx context.Context, reads []plate.Read) ([]plate.ID, []bool, error) {
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return nil, nil, ErrClosed
	}
	s.jobs.Add(1)
	s.mu.RUnlock()
	defer s.jobs.Done()

	if sources, words := s.names.missing(reads); len(sources)+len(words) > 0 {
		if err := s.engine.number(ctx, sources, words); err != nil {
			return nil, nil, fmt.Errorf("appending reads: %w", err)
		}
	}
	ids, fresh, refused := make([]plate.ID, len(reads)), make([]bool, len(reads)), Refused{}
	keeps, now := map[string]time.Duration{}, s.now()
	rows, places := map[bucket][]row{}, map[bucket][]int{}
	for i := range reads {
		r := &reads[i]
		if err := valid(r); err != nil {
			refused[i] = err
			continue
		}
		keep, ok := keeps[r.Owner]
		if !ok {
			keep = s.options.Keep(r.Owner)
			keeps[r.Owner] = keep
		}
		b := bucketOf(keep, r.Seen, 0)
		if keep < time.Second || !b.due(keep).After(now) {
			refused[i] = fmt.Errorf("%w: seen %v ago, kept %v", ErrTooOld, now.Sub(r.Seen).Round(time.Second), keep)
			continue
		}
		row := s.names.row(r)
		b.shard = s.engine.shard(row.source)
		rows[b], places[b] = append(rows[b], row), append(places[b], i)
	}
	for b, rows := range rows {
		j, err := s.put(ctx, b, rows)
		if err != nil {
			return nil, nil, fmt.Errorf("appending reads: %w", err)
		}
		for n, i := range places[b] {
			ids[i], fresh[i] = j.result[n], j.fresh[n]
		}
	}
	if len(refused) > 0 {
		return ids, fresh, refused
	}
	return ids, fresh, nil
}

// put brings rows into a bucket. If the bucket turns out to be broken it is set
// aside and a new one takes them.
func (s *Store) put(ctx context.Context, b bucket, rows []row) (*job, error) {
	for {
		p, err := s.part(ctx, b)
		if err != nil {
			return nil, err
		}
		j := &job{ctx: ctx, rows: rows, done: make(chan struct{})}
		p.enqueue(s, j)
		<-j.done // once taken it is answered, whatever ctx says
		if j.err == nil {
			return j, nil
		}
		if err := s.aside(p, j.err); err != nil {
			return nil, err
		}
	}
}

// enqueue has a job done. Jobs that wait together share a commit.
func (p *part) enqueue(s *Store, j *job) {
	p.queue.Lock()
	defer p.queue.Unlock()
	p.jobs = append(p.jobs, j)
	if p.leading == s.engine.writers() {
		return
	}
	p.leading++
	go func() {
		for {
			p.queue.Lock()
			n, rows := 0, 0
			for n < len(p.jobs) && (n == 0 || rows+len(p.jobs[n].rows) <= maxCommit) {
				rows += len(p.jobs[n].rows)
				n++
			}
			jobs := p.jobs[:n:n]
			p.jobs = slices.Clone(p.jobs[n:])
			if n == 0 {
				p.leading--
			}
			p.queue.Unlock()
			if n == 0 {
				return
			}
			s.commit(p, jobs)
		}
	}()
}

// commit brings the rows of jobs into a bucket and answers them.
func (s *Store) commit(p *part, jobs []*job) {
	var rows []row
	var slots []slot
	for _, j := range jobs {
		j.result, j.fresh = make([]plate.ID, len(j.rows)), make([]bool, len(j.rows))
		for i := range j.rows {
			slots = append(slots, slot{j, i})
		}
		rows = append(rows, j.rows...)
	}
	err := s.settle(jobs[0].ctx, p, rows, slots)
	for _, j := range jobs {
		j.err = err
		close(j.done)
	}
}

// slot is where the answer for a row goes.
type slot struct {
	j *job
	i int
}

func (s slot) put(id plate.ID, fresh bool) { s.j.result[s.i], s.j.fresh[s.i] = id, fresh }

// settle inserts rows and, where some are known, the others.
func (s *Store) settle(ctx context.Context, p *part, rows []row, slots []slot) error {
	ctx = context.WithoutCancel(ctx) // other jobs share the commit
	rows, slots, err := s.elsewhere(ctx, p, rows, slots)
	if err != nil {
		return err
	}
	const tries = 100
	for range tries {
		// Rows that want an id or key of another in the batch wait for their turn.
		var twins, later batch
		var first []int
		rows, slots, twins, first, later = fold(rows, slots)
		if len(rows) == 0 {
			return nil
		}
		switch err := p.rows.insert(ctx, rows); {
		case err == nil:
			for i, to := range slots {
				to.put(rows[i].id, true)
			}
			for i, to := range twins.slots {
				to.put(rows[first[i]].id, false)
			}
			s.engine.learned(p, rows)
			rows, slots = later.rows, later.slots
		case errors.Is(err, errKnown):
			there, err := p.rows.known(ctx, rows)
			if err != nil {
				return err
			}
			rows, slots = resolve(rows, slots, there)
			rows = append(append(rows, later.rows...), twins.rows...)
			slots = append(append(slots, later.slots...), twins.slots...)
		default:
			return err
		}
	}
	return fmt.Errorf("reads of %s: no free id after %d tries", p, tries)
}

// elsewhere answers the rows that are known in another bucket of the same time,
// where they arrived under another retention, and gives the others.
func (s *Store) elsewhere(ctx context.Context, p *part, rows []row, slots []slot) ([]row, []slot, error) {
	others := slices.DeleteFunc(s.between(plate.ID(p.from)<<seqBits, idAt(p.end())), func(o *part) bool { return o.keep == p.keep })
	if len(others) > 0 {
		if err := s.engine.refresh(ctx); err != nil {
			return nil, nil, err
		}
	}
	for _, o := range others {
		var here []row
		for i := range rows {
			if o.has(rows[i].source) {
				here = append(here, rows[i])
			}
		}
		if len(here) == 0 {
			continue
		}
		there, err := o.rows.known(ctx, here)
		if err = s.aside(o, err); err != nil {
			return nil, nil, err
		}
		rows, slots = resolve(rows, slots, there)
	}
	return rows, slots, nil
}

// resolve answers the rows that are among those there, gives other ids and keys
// to those that only have another's, and returns what is still to be inserted.
func resolve(rows []row, slots []slot, there []row) ([]row, []slot) {
	ids, events := map[plate.ID]*row{}, map[int64]*row{}
	for i := range there {
		ids[there[i].id] = &there[i]
		if there[i].event != 0 {
			events[there[i].event] = &there[i]
		}
	}
	n := 0
	for i := range rows {
		r := rows[i]
		old, taken := ids[r.id], false
		if old == nil || !old.same(&r) {
			taken = old != nil
			old = events[r.event]
		}
		switch {
		case old != nil && old.same(&r):
			slots[i].put(old.id, false)
			continue
		case old != nil:
			r.event = r.event%(1<<63-1) + 1
		}
		if taken {
			r.next()
		}
		rows[n], slots[n] = r, slots[i]
		n++
	}
	return rows[:n], slots[:n]
}

// batch is rows and where their answers go.
type batch struct {
	rows  []row
	slots []slot
}

func (b *batch) add(r row, to slot) { b.rows, b.slots = append(b.rows, r), append(b.slots, to) }

// fold picks rows of which no two want the same id or event key. Of rows that are
// one read the first stays, the others are its twins; those that only want what
// another has come later.
func fold(rows []row, slots []slot) (_ []row, _ []slot, twins batch, first []int, later batch) {
	ids, events := make(map[plate.ID]int, len(rows)), map[int64]int{}
	n := 0
	for i := range rows {
		r := rows[i]
		at, taken := ids[r.id]
		if !taken && r.event != 0 {
			at, taken = events[r.event]
		}
		switch {
		case taken && rows[at].same(&r):
			twins.add(r, slots[i])
			first = append(first, at)
		case taken:
			later.add(r, slots[i])
		default:
			ids[r.id] = n
			if r.event != 0 {
				events[r.event] = n
			}
			rows[n], slots[n] = r, slots[i]
			n++
		}
	}
	return rows[:n], slots[:n], twins, first, later
}
