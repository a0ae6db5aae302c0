package watch

import (
	"context"
	"database/sql"
	"fmt"
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
	e := &entry{camera: camera, event: camera + "/" + ev.ID, from: ev.From.UTC(), to: ev.To.UTC(), worth: float32(ev.Score)}
	if ev.Going {
		e.to = now.UTC()
	}
	if !e.to.After(e.from) {
		e.to = e.from.Add(time.Second)
	}
	e.still = e.from.Add(e.to.Sub(e.from) / 2)
	e.what = setOf(home.Motion)
	if what := home.WhatOf(vision.Kind(ev.Label)); what != "" {
		e.what |= setOf(what)
	}
	if known := w.events[e.event]; known != nil && known.to.Equal(e.to) && known.what == e.what {
		return nil
	}
	return e
}
