package record

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Of times that ought to follow one another:
const (
	// touch: a pause as short as this is none.
	touch = 1500 * time.Millisecond
	// backwards: a clock put back by up to this much is waited for; put back by
	// more, it is believed at once.
	backwards = 30 * time.Second
	// slew: how much shorter a segment is told while a clock is waited for.
	slew = 50
	// jumped: how far a clock must go wrong between two looks to have jumped.
	jumped = 2 * time.Second
	// distrust: a clock that jumped ahead by a day or more removes nothing by its
	// age for so long.
	distrust = time.Hour
)

// order says when a segment was, that by the clock began at start and lasts d,
// after footage that ends at last. Times never run backwards by little: then the
// segment follows the one before, and is told a little shorter until clock and
// footage meet again. When they run backwards by more, they do.
func order(last, start time.Time, d time.Duration) (from, to time.Time) {
	start = start.UTC().Truncate(time.Millisecond)
	d = d.Truncate(time.Millisecond)
	if behind := last.Sub(start); behind > 0 && behind <= backwards {
		return last, last.Add(max((d - min(d/slew, behind)).Truncate(time.Millisecond), time.Millisecond))
	}
	return start, start.Add(max(d, time.Millisecond))
}

// clock watches this computer's clock.
type clock struct {
	now   func() time.Time
	since func() time.Duration // goes on evenly, whatever the clock does

	mu    sync.Mutex
	wall  time.Time
	even  time.Duration
	until time.Duration // no footage is removed by its age before
}

func newClock(now func() time.Time) *clock {
	begun := time.Now()
	c := &clock{now: now, since: func() time.Duration { return time.Since(begun) }}
	c.wall, c.even = now(), c.since()
	return c
}

// check notes a jump since it was last asked.
func (c *clock) check(ctx context.Context, r *Recorder) {
	c.mu.Lock()
	wall, even := c.now(), c.since()
	by := wall.Sub(c.wall) - (even - c.even)
	was := c.wall
	c.wall, c.even = wall, even
	if by >= 24*time.Hour {
		c.until = even + distrust
	}
	c.mu.Unlock()
	switch {
	case by >= jumped:
		r.note(ctx, "", NoteClock, fmt.Sprintf("the clock was put forward by %s at %s", by.Round(time.Second), was.UTC().Format(time.RFC3339)))
	case by <= -jumped:
		r.note(ctx, "", NoteClock, fmt.Sprintf("the clock was put back by %s at %s", -by.Round(time.Second), was.UTC().Format(time.RFC3339)))
		r.index.backTo(ctx, wall)
	}
}

// doubt distrusts the clock for a while, when it is far from where it was at the
// end of the last run.
func (c *clock) doubt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = c.since() + distrust
}

// trusted tells whether footage may be removed by its age.
func (c *clock) trusted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.since() >= c.until
}
