package intake

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"porchlight/plate"
)

// What may be wrong with what a camera sends: the words of Fault.Kind and of
// Status.Trouble.
const (
	TooOld    = "too_old"
	Future    = "future"
	Malformed = "malformed"
	Unsigned  = "unsigned" // of a whole batch
)

// Status is how a camera does.
type Status struct {
	plate.Camera
	Today     Counts        // since midnight UTC
	Replayed  int64         // reads of batches that came again, today
	Unsigned  int64         // batches not signed with its key, today
	LastSent  time.Time     // when something of it was last taken in; zero: never
	LastRead  time.Time     // when its newest read was seen, by its own clock
	Skew      time.Duration // how far its clock is ahead; of a program that does not say when it sent, how its newest read compares
	Trouble   string        // what was last wrong, today; "" nothing
	Reason    string        // in one sentence
	TroubleAt time.Time     //
}

// day names a UTC day.
func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// figures are what is counted for one camera and day.
type figures struct {
	Counts
	replayed, unsigned int64
}

func (f *figures) add(g figures) {
	f.Counts.add(g.Counts)
	f.replayed += g.replayed
	f.unsigned += g.unsigned
}

// state is the newest that is known of a camera. A zero field changes nothing.
type state struct {
	sent, read, troubleAt time.Time
	skew                  time.Duration
	skewed                bool
	trouble, reason       string
}

func (s *state) add(t state) {
	if t.sent.After(s.sent) {
		s.sent = t.sent
	}
	if t.read.After(s.read) {
		s.read = t.read
	}
	if t.skewed {
		s.skew, s.skewed = t.skew, true
	}
	if t.trouble != "" {
		s.trouble, s.reason, s.troubleAt = t.trouble, t.reason, t.troubleAt
	}
}

// answered is a batch with what came of it.
type answered struct {
	digest [32]byte
	result Result
	at     time.Time
}

// remembered is how many of a camera's newest batches are known again. An older
// one that comes again is taken in again, and its reads are known.
const remembered = 256

type batchKey struct {
	camera   string
	sequence uint64
}

type dayKey struct{ camera, day string }

// pending is what is not yet in the store.
type pending struct {
	days    map[dayKey]figures
	states  map[string]state
	batches map[batchKey]answered
}

func newPending() pending {
	return pending{map[dayKey]figures{}, map[string]state{}, map[batchKey]answered{}}
}

// tally counts in memory; Flush writes it to the store.
type tally struct {
	mu     sync.Mutex
	fresh  pending // since the last Flush
	flying pending // being written by Flush
}

func (t *tally) add(camera string, now time.Time, f figures, s state) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := dayKey{camera, day(now)}
	sum, last := t.fresh.days[k], t.fresh.states[camera]
	sum.add(f)
	last.add(s)
	t.fresh.days[k], t.fresh.states[camera] = sum, last
}

// took counts what was taken in and measures the camera's clock.
func (t *tally) took(c plate.Camera, now, sent time.Time, list []Sighting, r Result) {
	s := state{sent: now}
	for _, g := range list {
		if g.Fault == "" && g.Seen.After(s.read) {
			s.read = g.Seen
		}
	}
	switch {
	case !sent.IsZero():
		s.skew, s.skewed = sent.Sub(now), true
	case !s.read.IsZero():
		s.skew, s.skewed = s.read.Sub(now), true
	}
	if len(r.Faults) > 0 {
		f := r.Faults[len(r.Faults)-1]
		s.trouble, s.reason, s.troubleAt = f.Kind, f.Reason, now
	}
	t.add(c.ID, now, figures{Counts: r.Counts}, s)
}

func (t *tally) trouble(camera string, now time.Time, kind, reason string) {
	var f figures
	if kind == Unsigned {
		f.unsigned = 1
	}
	t.add(camera, now, f, state{trouble: kind, reason: reason, troubleAt: now})
}

func (t *tally) replayed(camera string, now time.Time, reads int) {
	t.add(camera, now, figures{replayed: int64(reads)}, state{sent: now})
}

func (t *tally) remember(camera string, sequence uint64, digest [32]byte, r Result, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fresh.batches[batchKey{camera, sequence}] = answered{digest, r, now}
}

// before is what came of a batch that came before.
func (s *Service) before(ctx context.Context, camera string, sequence uint64) (a answered, known bool, err error) {
	k := batchKey{camera, sequence}
	s.tally.mu.Lock()
	if a, known = s.tally.fresh.batches[k]; !known {
		a, known = s.tally.flying.batches[k]
	}
	s.tally.mu.Unlock()
	if known {
		return a, true, nil
	}
	var digest, result []byte
	err = s.DB.Read().QueryRowContext(ctx, `SELECT digest, result FROM intake_batch WHERE camera = ? AND sequence = ?`, camera, int64(sequence)).Scan(&digest, &result)
	if errors.Is(err, sql.ErrNoRows) {
		return a, false, nil
	}
	if err == nil {
		copy(a.digest[:], digest)
		err = json.Unmarshal(result, &a.result)
	}
	if err != nil {
		return a, false, fmt.Errorf("looking up a batch: %w", err)
	}
	return a, true, nil
}

// Run writes what was counted to the store every second, and at the end, until
// ctx ends.
func (s *Service) Run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		if err := s.Flush(context.WithoutCancel(ctx)); err != nil {
			s.Logger.Error("what cameras sent could not be counted; it is tried again", "err", err)
		}
		s.limits.forget()
		if ctx.Err() != nil {
			return
		}
	}
}

// Flush writes what was counted to the store. What a crash loses of it is
// counts, not reads.
func (s *Service) Flush(ctx context.Context) error {
	s.flush.Lock()
	defer s.flush.Unlock()
	t := &s.tally
	t.mu.Lock()
	t.flying, t.fresh = t.fresh, newPending()
	p := t.flying
	t.mu.Unlock()
	if len(p.days)+len(p.batches) == 0 {
		return nil
	}
	err := s.DB.Write(ctx, func(tx *sql.Tx) error {
		for k, f := range p.days {
			if err := addDay(tx, k, f); err != nil {
				return err
			}
		}
		for camera, st := range p.states {
			if err := setState(tx, camera, st); err != nil {
				return err
			}
		}
		cameras := map[string]bool{}
		for k, a := range p.batches {
			if err := keepBatch(tx, k, a); err != nil {
				return err
			}
			cameras[k.camera] = true
		}
		for camera := range cameras {
			if err := forgetBatches(tx, camera); err != nil {
				return err
			}
		}
		return nil
	})
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flying = newPending()
	if err == nil {
		return nil
	}
	// Back into the tally, beneath what has come since.
	for k, f := range p.days {
		f.add(t.fresh.days[k])
		t.fresh.days[k] = f
	}
	for camera, st := range p.states {
		st.add(t.fresh.states[camera])
		t.fresh.states[camera] = st
	}
	maps.Copy(p.batches, t.fresh.batches)
	t.fresh.batches = p.batches
	return fmt.Errorf("counting reads: %w", err)
}

// Statuses tells how an owner's cameras do, in the order of Cameras.
func (s *Service) Statuses(ctx context.Context, owner string) ([]Status, error) {
	all, err := s.Cameras(ctx, owner)
	if err != nil {
		return nil, err
	}
	s.flush.Lock() // what is counted is either in the store or in the tally
	defer s.flush.Unlock()
	today := day(s.Now())
	days, states, err := s.kept(ctx, owner, today)
	if err != nil {
		return nil, err
	}
	s.tally.mu.Lock()
	for k, f := range s.tally.fresh.days {
		if k.day == today {
			sum := days[k.camera]
			sum.add(f)
			days[k.camera] = sum
		}
	}
	for camera, st := range s.tally.fresh.states {
		last := states[camera]
		last.add(st)
		states[camera] = last
	}
	s.tally.mu.Unlock()
	list := make([]Status, len(all))
	for i, c := range all {
		f, st := days[c.ID], states[c.ID]
		list[i] = Status{Camera: c, Today: f.Counts, Replayed: f.replayed, Unsigned: f.unsigned, LastSent: st.sent, LastRead: st.read, Skew: st.skew}
		if st.trouble != "" && day(st.troubleAt) == today {
			list[i].Trouble, list[i].Reason, list[i].TroubleAt = st.trouble, st.reason, st.troubleAt
		}
	}
	return list, nil
}

// keptDays is how long the daily figures of a camera are kept.
const keptDays = 400 * 24 * time.Hour

// Sweep removes daily figures that are too old to matter; it returns how many.
func (s *Service) Sweep(ctx context.Context) (n int, err error) {
	err = s.DB.Write(ctx, func(tx *sql.Tx) error {
		r, err := tx.Exec(`DELETE FROM intake_day WHERE day < ?`, day(s.Now().Add(-keptDays)))
		if err != nil {
			return err
		}
		rows, err := r.RowsAffected()
		n = int(rows)
		return err
	})
	return n, err
}
