package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	client "porchlight/internal/actor"
	"porchlight/plate/intake"
)

// How often cars set out while the demo runs, and which of them is wanted.
const (
	setOut      = 7 * time.Second
	everyWanted = 12
)

// Drive lets cars go by the town's plate cameras until ctx ends; now and then one
// that is wanted.
func (d *Demo) Drive(ctx context.Context) error {
	zone, err := time.LoadLocation(chicago)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(d.dir, eyesFile))
	if err != nil {
		return err
	}
	var eyes []eye
	if err := json.Unmarshal(text, &eyes); err != nil {
		return fmt.Errorf("%s: %w", eyesFile, err)
	}
	spots := d.Town.Spots()
	if len(eyes) != len(spots) {
		return fmt.Errorf("%s has %d cameras for %d places", eyesFile, len(eyes), len(spots))
	}
	for i := range eyes {
		eyes[i].Spot = spots[i]
	}
	if err := d.up(ctx); err != nil {
		return err
	}
	if err := openEyes(ctx, client.New(d.BaseURL), eyes); err != nil {
		return err
	}
	cars := d.Town.vehicles()
	tick := time.NewTicker(setOut)
	defer tick.Stop()
	for n := 1; ; n++ {
		v := cars[rand.IntN(len(cars))]
		from, to := v.home, v.work
		if rand.IntN(2) == 0 {
			from, to = to, from
		}
		if n%everyWanted == 2 {
			v = sought(1 + n/everyWanted%(len(wanted)-1))
			from, to = onRoad{false, 300}, onRoad{true, 1000}
		}
		for _, p := range trip(spots, v, from, to, time.Now().In(zone)) {
			go d.pass(ctx, eyes[p.spot], p)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// pass waits until p goes by and sends the read.
func (d *Demo) pass(ctx context.Context, e eye, p passing) {
	select {
	case <-ctx.Done():
		return
	case <-time.After(time.Until(p.at)):
	}
	g, err := e.sighting(p, true, rand.New(rand.NewPCG(uint64(p.at.UnixNano()), 0)))
	if err == nil {
		err = e.send(ctx, d.BaseURL, []intake.Sighting{g})
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		d.Logger.Warn("a plate camera of the demo could not send", "err", err)
	}
}

// A Look is a page of the plate network worth a look.
type Look struct {
	Path string
	As   string // who to be there; "" nobody
	What string
}

// Looks are the pages that the story of the plates left something on.
func (d *Demo) Looks() []Look {
	who := func(id string) string { return "as " + d.Cast.Find(id).Name }
	return []Look{
		{"/desk/search", who("investigator-police"), "ask where " + plateNumber(wanted[0].digits) + " was, case MG-2026-04417; or try an immigration errand"},
		{"/desk/hits", who("investigator-police"), "wanted cars as they pass; look at the picture, then say what it is"},
		{"/desk/lists", who("requester-police"), "who is looked for, and a driver who was flagged by mistake"},
		{"/desk/sharing", who("admin-police"), "who may search the town's reads"},
		{"/agencies/" + d.Town.Agencies[0].ORI, "as anybody", "the same in public, with searches, refusals and how long reads stay"},
	}
}
