package wake_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"porchlight/internal/wake"
)

func TestListeners(t *testing.T) {
	var l wake.Listeners
	l.Tell() // nobody
	var a, b int
	stop := l.Subscribe(func() { a++ })
	defer l.Subscribe(func() { b++ })()
	l.Tell()
	stop()
	l.Tell()
	if a != 1 || b != 2 {
		t.Errorf("told %d and %d times; expected 1 and 2", a, b)
	}
}

// A loop works when the bell rings, when something is due and, failing, a minute
// later; never more than once a second by the clock.
func TestLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		steps := []struct {
			at   time.Duration
			next time.Duration // from then; 0 none
			err  error
			ring bool
		}{
			{at: 0, next: 20 * time.Second},
			{at: 20 * time.Second, next: time.Hour},
			{at: 80 * time.Second, next: -time.Hour},
			{at: 81 * time.Second, next: time.Second, err: errors.New("no")},
			{at: 141 * time.Second, ring: true},
			{at: 141 * time.Second},
			{at: 201 * time.Second},
		}
		ctx, stop := context.WithCancel(t.Context())
		bell := wake.NewBell()
		n, failures := 0, 0
		err := wake.Loop(ctx, bell, time.Now, func(context.Context) (next time.Time, err error) {
			s := steps[n]
			if at := time.Since(began); at != s.at {
				t.Errorf("step %d at %s; expected %s", n, at, s.at)
			}
			if n++; n == len(steps) {
				stop()
			}
			if s.ring {
				bell.Ring()
				bell.Ring() // heard once
			}
			if s.next != 0 {
				next = time.Now().Add(s.next)
			}
			return next, s.err
		}, func(error) { failures++ })
		if !errors.Is(err, context.Canceled) || failures != 1 || n != len(steps) {
			t.Errorf("%v, %d failures, %d steps", err, failures, n)
		}
	})
}
