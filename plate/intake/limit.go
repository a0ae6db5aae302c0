package intake

import (
	"context"
	"math"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// Limits bound what cameras may ask of the exchange. A zero field is its default.
type Limits struct {
	Reads    int           // in one batch; default 1,000
	Bytes    int64         // of one body; default 8 MiB
	At       int           // bodies of one camera at a time; default 2
	Rate     float64       // reads a second that one camera may send for long; default 1,000
	Burst    float64       // reads it may send at once after a pause, e.g. a spool; default 30,000
	Memory   int64         // bytes of all bodies being taken in; default 128 MiB
	Patience time.Duration // how long a body waits for room in memory; default 2 s
}

func (l *Limits) defaults() {
	def := func(p *float64, v float64) {
		if *p == 0 {
			*p = v
		}
	}
	if l.Reads == 0 {
		l.Reads = 1000
	}
	if l.Bytes == 0 {
		l.Bytes = 8 << 20
	}
	if l.At == 0 {
		l.At = 2
	}
	def(&l.Rate, 1000)
	def(&l.Burst, 30_000)
	if l.Memory == 0 {
		l.Memory = 128 << 20
	}
	if l.Patience == 0 {
		l.Patience = 2 * time.Second
	}
}

// Busy is the error of a body that is not taken in now; the same body may be
// sent again After.
type Busy struct {
	Camera bool // this camera sends too much; otherwise the exchange is busy
	After  time.Duration
}

func (b *Busy) Error() string {
	who := "the exchange takes in as much as it can"
	if b.Camera {
		who = "this camera sends more than it may"
	}
	return "intake: " + who + "; send it again in " + b.Seconds() + " seconds"
}

// Seconds is After for the header Retry-After: whole, at least one.
func (b *Busy) Seconds() string { return strconv.Itoa(max(1, int(math.Ceil(b.After.Seconds())))) }

// limiter lets bodies in. Each camera has a few places and an allowance of
// reads, so that one that runs hot takes nothing from the others; all together
// share a bounded memory.
type limiter struct {
	Limits
	elapsed func() time.Duration // steady, whatever the clock says
	memory  *semaphore.Weighted
	mu      sync.Mutex
	cameras map[string]*allowance // those that sent lately
}

// allowance is what one camera may still send.
type allowance struct {
	at    int     // bodies being taken in
	reads float64 // left; below zero after a large batch
	when  time.Duration
}

func newLimiter(l Limits, elapsed func() time.Duration) *limiter {
	l.defaults()
	return &limiter{Limits: l, elapsed: elapsed, memory: semaphore.NewWeighted(l.Memory), cameras: map[string]*allowance{}}
}

// enter lets a body of a camera in, of size bytes or, if that is not known, -1.
// leave gives its place back, less the reads it held.
func (l *limiter) enter(ctx context.Context, camera string, size int64) (leave func(reads int), err error) {
	if size < 0 || size > l.Bytes {
		size = l.Bytes
	}
	if err := l.take(camera); err != nil {
		return nil, err
	}
	wait, cancel := context.WithTimeout(ctx, l.Patience)
	defer cancel()
	if !l.memory.TryAcquire(size) && l.memory.Acquire(wait, size) != nil {
		l.give(camera, 0)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &Busy{After: l.Patience}
	}
	return func(reads int) {
		l.memory.Release(size)
		l.give(camera, reads)
	}, nil
}

func (l *limiter) take(camera string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.elapsed()
	a := l.cameras[camera]
	if a == nil {
		a = &allowance{reads: l.Burst, when: now}
		l.cameras[camera] = a
	}
	a.reads = min(l.Burst, a.reads+l.Rate*(now-a.when).Seconds())
	a.when = now
	if a.reads <= 0 {
		return &Busy{Camera: true, After: time.Duration((1 - a.reads) / l.Rate * float64(time.Second))}
	}
	if a.at >= l.At {
		return &Busy{Camera: true, After: time.Second}
	}
	a.at++
	return nil
}

func (l *limiter) give(camera string, reads int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.cameras[camera]
	a.at--
	a.reads -= float64(reads)
}

// forget drops cameras whose allowance is full again.
func (l *limiter) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.elapsed()
	for id, a := range l.cameras {
		if a.at == 0 && a.reads+l.Rate*(now-a.when).Seconds() >= l.Burst {
			delete(l.cameras, id)
		}
	}
}
