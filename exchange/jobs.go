package exchange

import (
	"context"
	"sync"
	"time"
)

// RunJobs does what needs no person until ctx ends: expiry of requests,
// retention, purging, abandoned uploads, notices, the feed. Among several nodes
// each has its feed, its cameras and its alerts; the rest is the leader's.
func (x *Exchange) RunJobs(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { x.Feed.Run(ctx, x.changed) })
	wg.Go(func() { x.PetFeed.Run(ctx, x.pets) })
	wg.Go(func() { x.Cameras.Run(ctx) })
	wg.Go(func() { x.Hotlists.Run(ctx) })
	wg.Go(func() {
		if x.node == nil {
			x.runAlone(ctx)
		} else {
			x.node.whileLeading(ctx, x.runAlone)
		}
	})
	wg.Wait()
}

// runAlone does what one node does for all.
func (x *Exchange) runAlone(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { x.Notices.Run(ctx) })
	wg.Go(func() { x.listen(ctx) })
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for ctx.Err() == nil {
		x.Sweep(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	wg.Wait()
}

// Sweep does everything that has become due by the clock, once.
func (x *Exchange) Sweep(ctx context.Context) {
	for _, job := range []struct {
		name string
		run  func(context.Context) (int, error)
	}{
		{"expiring requests", x.Canvass.Expire},
		{"destroying evidence past its retention", x.Evidence.Sweep},
		{"removing abandoned uploads", x.Intake.Sweep},
		{"purging plate reads past their retention", x.Searches.Purge},
		{"ending holds on plate reads", x.Searches.Sweep},
		{"ending pictures of plate reads past their retention", x.Images.Sweep},
		{"forgetting hits past their retention", x.Hotlists.Sweep},
		{"forgetting old figures of cameras", x.Cameras.Sweep},
		{"forgetting cases of looks at the camera register", x.Register.Sweep},
		{"ending posts of lost animals, counting homes that looked", x.Pets.Sweep},
		{"closing acts that stood open", x.Gate.Settle},
		{"forgetting private values past their retention", x.Gate.Purge},
		{"clearing the ledger's queue", x.clearQueue},
	} {
		n, err := job.run(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			x.Logger.Error("job failed; it runs again in a minute", "job", job.name, "err", err)
		case n > 0:
			x.Logger.Info("job done", "job", job.name, "count", n)
		}
	}
}

func (x *Exchange) clearQueue(ctx context.Context) (int, error) {
	if x.node == nil {
		return 0, nil
	}
	return x.node.clear(ctx)
}
