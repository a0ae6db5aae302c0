package lpr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"porchlight/plate/intake"
)

// What a batch holds at most; the exchange takes 1,000 reads and 8 MiB.
const (
	batchReads    = 500
	batchPictures = 6 << 20
)

// How long to pause after a failure: doubled each time, with some chance in it so
// that stations do not come back all at once.
const (
	pauseFirst = time.Second
	pauseMost  = 5 * time.Minute
)

// sender empties one camera's spool into the exchange.
type sender struct {
	*Station
	camera Camera
	spool  *Spool
	health *cameraHealth
	least  uint64 // for the next sequence number
	most   int    // reads in the next batch
}

// run sends until ctx ends. What the exchange has not answered for is still in
// the spool then.
func (s *sender) run(ctx context.Context) {
	s.most = batchReads
	failed := 0
	for ctx.Err() == nil {
		n, err := s.once(ctx)
		if err == nil && n > 0 {
			failed = 0
			continue
		}
		if err == nil {
			select {
			case <-s.spool.Ready():
			case <-ctx.Done():
			}
			continue
		}
		if ctx.Err() != nil {
			return
		}
		pause := min(pauseMost, pauseFirst<<min(failed, 20))
		pause = pause/2 + rand.N(pause)
		if after := (*laterError)(nil); errors.As(err, &after) && after.after > pause {
			pause = min(after.after, pauseMost)
		}
		failed++
		if failed == 1 || failed%10 == 0 {
			s.Logger.Warn("reads wait to be sent", "camera", s.camera.ID, "reads", s.spool.Held().Reads, "why", err, "again", pause)
		}
		s.health.unsent(err)
		if s.Wait(ctx, pause) != nil {
			return
		}
	}
}

// laterError asks to come again later.
type laterError struct {
	after time.Duration
	err   error
}

func (e *laterError) Error() string { return e.err.Error() }
func (e *laterError) Unwrap() error { return e.err }

// once sends the oldest reads; it returns how many it is rid of, 0 when there
// were none. Each try is a batch of its own with a number of its own, as it states
// when it was sent, from which the exchange measures our clock. A read that comes
// twice is known by its event.
func (s *sender) once(ctx context.Context) (int, error) {
	p, err := s.spool.Head(s.most, batchPictures)
	if err != nil || len(p.Reads) == 0 {
		return 0, err
	}
	sequence, err := s.spool.Sequence(s.least)
	if err != nil {
		return 0, err
	}
	b := intake.Batch{Camera: s.camera.ID, Sequence: sequence, Sent: s.Now(), Reads: p.Reads}
	status, result, err := s.send(ctx, s.camera, b)
	switch {
	case status == http.StatusOK && err == nil:
		s.most = min(batchReads, s.most*2)
		s.health.sent(s.Now(), result)
		for _, f := range result.Faults {
			s.Logger.Warn("the exchange did not take a read in", "camera", s.camera.ID, "kind", f.Kind, "why", f.Reason)
		}
		return len(p.Reads), s.spool.Done(p)
	case status == http.StatusConflict: // a spool older than what the camera last used
		s.least = max(sequence+1<<20, uint64(s.Now().UnixMilli()))
		return 0, err
	case status == http.StatusRequestEntityTooLarge, status == http.StatusUnprocessableEntity:
		if len(p.Reads) > 1 {
			s.most = len(p.Reads) / 2
			return 1, nil
		}
		if len(p.Reads[0].Sealed) > 0 {
			s.Logger.Warn("the exchange does not take a picture in; its read goes without", "camera", s.camera.ID, "why", err)
			return 1, s.spool.Strip(p)
		}
		s.Logger.Error("the exchange does not take a read in; it is given up", "camera", s.camera.ID, "why", err)
		s.health.gaveUp()
		return 1, s.spool.Done(p)
	}
	return 0, err
}

// send sends one batch; status is 0 when nobody answered.
func (s *Station) send(ctx context.Context, c Camera, b intake.Batch) (status int, result intake.Result, err error) {
	req, err := b.Request(ctx, s.exchange, c.Key)
	if err != nil {
		return 0, result, err
	}
	res, err := s.HTTP.Do(req)
	if err != nil {
		return 0, result, fmt.Errorf("the exchange cannot be reached: %w", err)
	}
	defer res.Body.Close()
	s.clock.exchange(res.Header.Get("Date"), s.Now())
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return 0, result, fmt.Errorf("the exchange broke off: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		err := problem(res, body)
		if n, bad := strconv.Atoi(res.Header.Get("Retry-After")); bad == nil {
			err = &laterError{time.Duration(n) * time.Second, err}
		}
		return res.StatusCode, result, err
	}
	if err := json.Unmarshal(body, &result); err != nil {
		return 0, result, fmt.Errorf("what the exchange answered cannot be read: %w", err)
	}
	return res.StatusCode, result, nil
}
