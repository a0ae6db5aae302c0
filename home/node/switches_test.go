package node

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"

	"porchlight/db"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, file string) *switches {
	t.Helper()
	d, err := db.Open(t.Context(), file)
	check(t, err)
	t.Cleanup(func() { d.Close() })
	s, err := openSwitches(t.Context(), d)
	check(t, err)
	return s
}

func TestSwitchesAreKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "home.db")
	s := open(t, file)
	if !s.On("ask") {
		t.Error("what was never turned is off")
	}
	for range 2 { // to repeat it is harmless
		check(t, s.Set(t.Context(), "ask", false))
	}
	check(t, s.Set(t.Context(), "other", false))
	check(t, s.Set(t.Context(), "other", true))
	for _, s := range []*switches{s, open(t, file)} {
		if s.On("ask") || !s.On("other") || !s.On("third") {
			t.Errorf("ask is %t, other %t, third %t", s.On("ask"), s.On("other"), s.On("third"))
		}
	}
	check(t, s.Set(t.Context(), "ask", true))
	if !s.On("ask") || !open(t, file).On("ask") {
		t.Error("turned on again, it is off")
	}
}

// What cannot be written does not change, so that nobody believes it is off.
func TestSwitchThatIsNotWrittenStays(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "home.db"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Set(ctx, "ask", false); err == nil || !s.On("ask") {
		t.Errorf("%v, and it is on: %t", err, s.On("ask"))
	}
}

func TestWhile(t *testing.T) {
	s := &switches{off: []string{"ask"}, changed: make(chan struct{})}
	turn := func(name string, on bool) { // Set, without a disk to wait for
		s.mu.Lock()
		defer s.mu.Unlock()
		s.turn(name, on)
	}
	synctest.Test(t, func(t *testing.T) {
		s.changed = make(chan struct{})
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		begun, running := 0, false
		ended := make(chan error, 1)
		go func() {
			ended <- s.while(ctx, "ask", func(ctx context.Context) error {
				begun, running = begun+1, true
				<-ctx.Done()
				running = false
				return ctx.Err()
			})
		}()
		step := func(what string, times int, now bool) {
			t.Helper()
			synctest.Wait()
			if begun != times || running != now {
				t.Errorf("%s: begun %d times, want %d; running: %t, want %t", what, begun, times, running, now)
			}
		}
		step("off from the beginning", 0, false)
		turn("other", false)
		step("another is turned", 0, false)
		turn("ask", true)
		step("on", 1, true)
		turn("other", true)
		step("another is turned while it runs", 1, true)
		turn("ask", false)
		step("off", 1, false)
		turn("ask", true)
		step("on again", 2, true)
		stop()
		step("the house closes", 2, false)
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s.changed = make(chan struct{})
		broken := errors.New("broken")
		if err := s.while(t.Context(), "ask", func(context.Context) error { return broken }); !errors.Is(err, broken) {
			t.Errorf("what ran fails with %v", err)
		}
		turn("ask", false)
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := s.while(ctx, "ask", nil); !errors.Is(err, context.Canceled) {
			t.Errorf("off, and the house closes: %v", err)
		}
	})
}
