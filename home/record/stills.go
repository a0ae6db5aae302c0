package record

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// maxStills bounds how many bytes of pictures are remembered.
const maxStills = 32 << 20

type stillKey struct {
	path  string
	at    time.Duration
	width int
}

// stills remembers pictures, the latest used longest, makes each once though
// several ask, and at most two at a time. Its zero value is ready.
type stills struct {
	mu     sync.Mutex
	made   map[stillKey]*list.Element // of *picture
	used   list.List                  // latest first
	bytes  int
	making map[stillKey]*making
	slots  chan struct{}
}

type picture struct {
	stillKey
	jpeg []byte
}

type making struct {
	done chan struct{}
	jpeg []byte
	err  error
}

func (s *stills) get(ctx context.Context, k stillKey, take func() ([]byte, error)) ([]byte, error) {
	for {
		s.mu.Lock()
		if s.slots == nil {
			s.made, s.making, s.slots = map[stillKey]*list.Element{}, map[stillKey]*making{}, make(chan struct{}, 2)
		}
		if e := s.made[k]; e != nil {
			s.used.MoveToFront(e)
			s.mu.Unlock()
			return e.Value.(*picture).jpeg, nil
		}
		m, others := s.making[k]
		if !others {
			m = &making{done: make(chan struct{})}
			s.making[k] = m
		}
		s.mu.Unlock()
		if !others {
			return s.make(ctx, k, m, take)
		}
		select {
		case <-m.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if m.err == nil {
			return m.jpeg, nil
		}
		// The one who made it may only have gone away.
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if m.err != context.Canceled {
			return nil, m.err
		}
	}
}

func (s *stills) make(ctx context.Context, k stillKey, m *making, take func() ([]byte, error)) ([]byte, error) {
	select {
	case s.slots <- struct{}{}:
		m.jpeg, m.err = take()
		<-s.slots
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		m.jpeg, m.err = nil, context.Canceled
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.making, k)
	close(m.done)
	if m.err != nil {
		return nil, m.err
	}
	s.made[k] = s.used.PushFront(&picture{k, m.jpeg})
	for s.bytes += len(m.jpeg); s.bytes > maxStills; {
		s.drop(s.used.Back())
	}
	return m.jpeg, nil
}

func (s *stills) drop(e *list.Element) {
	p := s.used.Remove(e).(*picture)
	delete(s.made, p.stillKey)
	s.bytes -= len(p.jpeg)
}

// forget forgets the pictures of a file that is no more.
func (s *stills) forget(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := s.used.Front(); e != nil; {
		next := e.Next()
		if e.Value.(*picture).path == path {
			s.drop(e)
		}
		e = next
	}
}
