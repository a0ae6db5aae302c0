package watch

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"porchlight/home"
	"porchlight/home/cameras/frigate"
	"porchlight/vision"
)

const (
	firstLook = 7 * 24 * time.Hour // how far back events are asked for at first
	overlap   = time.Hour          // asked for again, since events end after they began
)

// askFrigate makes moments of what the Frigate servers saw.
func (w *Watcher) askFrigate(ctx context.Context) error {
	all, err := w.Cameras.All(ctx)
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.Kind != home.Frigate || c.Off || !c.Removed.IsZero() {
			continue
		}
		source, err := w.Cameras.Reach(ctx, c.ID)
		if err != nil {
			return err
		}
		if err := w.hear(ctx, c.ID, source.Frigate(), source.Name); err != nil && ctx.Err() == nil {
			w.Logger.Warn("asking Frigate for events failed", "camera", c.ID, "err", source.Why(err))
		}
	}
	return nil
}

// hear takes over the events of one camera, a day at a time.
func (w *Watcher) hear(ctx context.Context, camera string, server *frigate.Server, name string) error {
	now := w.Now()
	from, err := eventsUpTo(ctx, w.DB, camera)
	if err != nil {
		return err
	}
	if from.IsZero() {
		from = now.Add(-firstLook)
	}
	for from = from.Add(-overlap); from.Before(now); from = from.Add(24 * time.Hour) {
		to := earlier(now, from.Add(24*time.Hour))
		events, err := server.Events(ctx, name, from, to)
		if err != nil {
			return err
		}
		var found []*entry
		w.mu.RLock()
		for _, ev := range events {
			if e := w.eventMoment(camera, ev, now); e != nil {
				found = append(found, e)
			}
		}
		w.mu.RUnlock()
		if err := w.keep(ctx, found, func(tx *sql.Tx) error { return putEventsUpTo(ctx, tx, camera, to) }); err != nil {
			return fmt.Errorf("keeping events: %w", err)
		}
	}
	return nil
}

// eventMoment is an event as a moment; nil when it is known as it is.
func (w *Watcher) eventMoment(camera string, ev frigate.Event, now time.Time) *entry {
	e := &entry{event: camera + "/" + ev.ID, worth: float32(ev.Score)}
	e.Camera, e.From, e.To = camera, ev.From.UTC(), ev.To.UTC()
	if ev.Going {
		e.To = now.UTC()
	}
	if !e.To.After(e.From) {
		e.To = e.From.Add(time.Second)
	}
	e.Still = e.From.Add(e.To.Sub(e.From) / 2)
	e.add(home.Motion, home.WhatOf(vision.Kind(ev.Label)))
	if known := w.events[e.event]; known != nil && known.To.Equal(e.To) && slices.Equal(known.What, e.What) {
		return nil
	}
	return e
}
