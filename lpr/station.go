package lpr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"porchlight/share/client"
	"porchlight/video"
	"porchlight/vision"
	"porchlight/vision/plates"
)

// Options join a station to its surroundings.
type Options struct {
	Sight  Sight
	HTTP   *http.Client     // default: a minute a request, no redirects
	Now    func() time.Time // default time.Now
	Logger *slog.Logger     // default discards
	// Frames reads a source; default video.Frames. A frame is good until the next.
	Frames func(context.Context, video.Source, video.FrameOptions) iter.Seq2[vision.Frame, error]
	// Track follows vehicles through frames; default plates.NewTracker.
	Track func(plates.Limits) Tracker
	// Wait pauses, or returns early with the context's error; default by the clock.
	Wait func(context.Context, time.Duration) error
}

// Tracker makes one passing of what many frames show of a vehicle; see
// plates.Tracker.
type Tracker interface {
	Add(f vision.Frame, things []vision.Thing, found []vision.Plate)
	Done(at time.Duration) []plates.Passing
	End() []plates.Passing
}

// Station is the cameras of one process.
type Station struct {
	Options
	config   Config
	exchange string
	began    time.Time
	clock    *clock
	vaults   map[string]*vault
	spools   []*Spool
	eyes     []*eye
	senders  []*sender
}

// Open checks the configuration and opens the spools. It needs no exchange.
func Open(c Config, o Options) (s *Station, err error) {
	if err := c.valid(); err != nil {
		return nil, err
	}
	if o.HTTP == nil {
		o.HTTP = client.NewHTTP()
		o.HTTP.Timeout = time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Frames == nil {
		o.Frames = video.Frames
	}
	if o.Track == nil {
		o.Track = func(l plates.Limits) Tracker { return plates.NewTracker(l) }
	}
	if o.Wait == nil {
		o.Wait = wait
	}
	s = &Station{Options: o, config: c, exchange: strings.TrimSuffix(c.Exchange, "/"), began: o.Now(), vaults: map[string]*vault{}}
	s.clock = &clock{now: o.Now, logger: o.Logger, mark: time.Now(), wall: o.Now()}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	limit := cmp.Or(c.SpoolMB, 8192) << 20 / int64(len(c.Cameras))
	for _, cam := range c.Cameras {
		if s.vaults[cam.Agency] == nil && c.pictures() {
			v := &vault{agency: cam.Agency, file: filepath.Join(c.Dir, "vault-"+cam.Agency+".json"), ledger: c.Ledger, get: s.fetch, now: o.Now}
			if err := os.MkdirAll(c.Dir, 0o700); err != nil {
				return nil, err
			}
			if err := v.load(); err != nil { // it is looked up again
				o.Logger.Warn("the vault's proof that was kept does not hold", "agency", cam.Agency, "why", err)
			}
			s.vaults[cam.Agency] = v
		}
		spool, err := OpenSpool(filepath.Join(c.Dir, cam.ID), limit, o.Now)
		if err != nil {
			return nil, err
		}
		h := &cameraHealth{CameraHealth: CameraHealth{before: spool.Held().LostReads}}
		s.spools = append(s.spools, spool)
		s.senders = append(s.senders, &sender{Station: s, camera: cam, spool: spool, health: h})
		s.eyes = append(s.eyes, &eye{Station: s, camera: cam, spool: spool, health: h})
	}
	return s, nil
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c Config) pictures() bool { return c.Pictures == nil || *c.Pictures }

// valid says what is missing or cannot be.
func (c Config) valid() error {
	switch {
	case c.Exchange == "":
		return errors.New("exchange is missing: the address of the exchange")
	case c.Dir == "":
		return errors.New("dir is missing: where reads wait while the exchange cannot be reached")
	case c.SpoolMB < 0 || c.SpoolMB > 0 && c.SpoolMB < int64(16*len(c.Cameras)):
		return fmt.Errorf("spool_mb is %d; at least 16 for each camera", c.SpoolMB)
	case len(c.Cameras) == 0:
		return errors.New("there is no camera")
	}
	if c.pictures() {
		if err := c.Ledger.Valid(); err != nil {
			return fmt.Errorf("ledger_key: %w; the exchange's page /ledger shows it, and pictures are sealed only to a vault that the ledger proves", err)
		}
	}
	seen := map[string]bool{}
	for _, cam := range c.Cameras {
		switch {
		case cam.ID == "" || strings.ContainsAny(cam.ID, `/\.`):
			return fmt.Errorf("the camera's id %q is not one from the cameras page", cam.ID)
		case seen[cam.ID]:
			return fmt.Errorf("camera %s is there twice", cam.ID)
		case cam.Agency == "" || strings.ContainsAny(cam.Agency, `/\.`):
			return fmt.Errorf("camera %s: agency is missing: the ORI of its owner", cam.ID)
		case len(cam.Key) == 0:
			return fmt.Errorf("camera %s: key is missing: make one with porchlight camera keygen", cam.ID)
		case cam.Source == "":
			return fmt.Errorf("camera %s: source is missing: rtsp://..., a file, a folder or /dev/videoN", cam.ID)
		case cam.Facing < -1 || cam.Facing > 359:
			return fmt.Errorf("camera %s: facing is %d; degrees from north, 0 to 359", cam.ID, cam.Facing)
		case cam.Least < 0 || cam.Least > 1:
			return fmt.Errorf("camera %s: least is %g; 0 to 1", cam.ID, cam.Least)
		case cam.FPS < 0 || cam.FPS > 60:
			return fmt.Errorf("camera %s: fps is %g; 1 to 60", cam.ID, cam.FPS)
		}
		seen[cam.ID] = true
	}
	return nil
}

// How often the vaults and the clock are looked at.
const (
	vaultEvery = time.Hour
	vaultRetry = time.Minute
	clockEvery = 5 * time.Second
)

// Run looks and sends until ctx ends or, when no source is live, until all is
// read and the exchange has it. What is not sent then stays in the spool.
func (s *Station) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	looking, lookingCtx := errgroup.WithContext(ctx)
	var beside sync.WaitGroup
	for _, v := range s.vaults {
		// Known before the first picture, if the exchange can be reached at all.
		err := s.refresh(ctx, v)
		beside.Go(func() { s.watch(ctx, v, err) })
	}
	beside.Go(func() { s.clock.run(ctx, s.Wait) })
	for _, d := range s.senders {
		beside.Go(func() { d.run(ctx) })
	}
	for _, e := range s.eyes {
		looking.Go(func() error { return e.run(lookingCtx) })
	}
	err := looking.Wait()
	for _, p := range s.spools { // files: until all is sent
		for err == nil && ctx.Err() == nil && p.Held().Reads > 0 {
			err = s.Wait(ctx, 50*time.Millisecond)
		}
	}
	stop()
	beside.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (s *Station) refresh(ctx context.Context, v *vault) error {
	before, err := v.err, v.refresh(ctx)
	if err != nil && ctx.Err() == nil && (before == nil || before.Error() != err.Error()) {
		s.Logger.Warn("the vault could not be looked up", "agency", v.agency, "why", err)
	}
	return err
}

// watch looks up a vault again and again.
func (s *Station) watch(ctx context.Context, v *vault, err error) {
	for {
		pause := vaultEvery
		if err != nil {
			pause = vaultRetry
		}
		if s.Wait(ctx, pause) != nil {
			return
		}
		err = s.refresh(ctx, v)
	}
}

// Close lets another process have the spools.
func (s *Station) Close() error {
	var errs []error
	for _, p := range s.spools {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}
