// Package wake lets work wait for news: a Bell rouses one who waits, Listeners are
// many who are told, and Loop is work that is done when it is due or asked for.
package wake

import (
	"context"
	"sync"
	"time"
)

// Bell rouses one who receives from it. What is rung while nobody listens is heard
// once, later.
type Bell chan struct{}

// NewBell is a bell that was not rung.
func NewBell() Bell { return make(Bell, 1) }

// Ring rings it, and does not wait.
func (b Bell) Ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// Listeners are told of changes. The zero value has none. Safe for concurrent use.
type Listeners struct {
	mu   sync.Mutex
	told map[int]func()
	next int
}

// Subscribe has f, which must not wait, called at each Tell until stop.
func (l *Listeners) Subscribe(f func()) (stop func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.told == nil {
		l.told = map[int]func(){}
	}
	n := l.next
	l.next++
	l.told[n] = f
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.told, n)
	}
}

// Tell tells all of them.
func (l *Listeners) Tell() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.told {
		f()
	}
}

// Loop does step now, whenever the bell rings, and by the clock when step said that
// more is due, a minute later at most, until ctx ends; its error is then returned.
// A step that fails is told to failed and done again after that minute.
func Loop(ctx context.Context, bell Bell, now func() time.Time, step func(context.Context) (next time.Time, err error), failed func(error)) error {
	for {
		next, err := step(ctx)
		if err != nil && ctx.Err() == nil {
			failed(err)
		}
		d := time.Minute
		if err == nil && !next.IsZero() {
			d = min(d, max(time.Second, next.Sub(now())))
		}
		t := time.NewTimer(d)
		select {
		case <-t.C:
		case <-bell:
		case <-ctx.Done():
		}
		t.Stop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
