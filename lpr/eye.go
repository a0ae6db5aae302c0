package lpr

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"porchlight/plate"
	"porchlight/video"
	"porchlight/vision"
	"porchlight/vision/plates"
)

// eye looks at one camera.
type eye struct {
	*Station
	camera Camera
	spool  *Spool
	health *cameraHealth
}

// run looks until ctx ends; of a file or folder, until its end. A live camera
// that fails is tried again for ever.
func (e *eye) run(ctx context.Context) error {
	for failed := 0; ; failed++ {
		began := e.Now()
		err := e.look(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !e.camera.Source.Live() {
			if err != nil {
				return fmt.Errorf("camera %s: %w", e.camera.ID, err)
			}
			return nil
		}
		if err == nil {
			err = errors.New("the camera ended its stream")
		}
		if e.Now().Sub(began) > time.Minute {
			failed = 0
		}
		pause := min(30*time.Second, time.Second<<min(failed, 5))
		e.health.blind(err)
		if failed == 0 || failed%20 == 0 {
			e.Logger.Warn("no picture", "camera", e.camera.ID, "why", err, "again", pause)
		}
		if err := e.Wait(ctx, pause); err != nil {
			return err
		}
	}
}

// look looks at the source from its beginning to its end.
func (e *eye) look(ctx context.Context) error {
	l := looker{eye: e, tracker: e.Track(plates.Limits{Most: e.camera.Most, Again: e.camera.Again, Least: float32(cmp.Or(e.camera.Least, .5))})}
	defer func() { l.told(l.tracker.End()) }() // also when we are stopped
	o := video.FrameOptions{FPS: cmp.Or(e.camera.FPS, 10), Reuse: true}
	if !e.camera.Source.Live() {
		var err error
		if l.began, err = e.start(ctx); err != nil {
			return err
		}
		for f, err := range e.Frames(ctx, e.camera.Source, o) {
			if err != nil {
				return err
			}
			e.health.saw(e.Now())
			if err := l.frame(f); err != nil {
				return err
			}
		}
		return nil
	}
	// One frame waits, the newest: what comes while we look at another takes its
	// place.
	box := mailbox{ready: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		var err error
		for f, bad := range e.Frames(ctx, e.camera.Source, o) {
			if err = bad; err != nil {
				break
			}
			now := e.Now()
			e.health.saw(now)
			if box.put(f, now) {
				e.health.dropped()
			}
		}
		ended <- err
	}()
	for {
		select {
		case <-box.ready:
			f, at := box.take()
			l.arrived(f.At, at)
			if err := l.frame(f); err != nil {
				cancel()
				<-ended
				return err
			}
		case err := <-ended:
			return err
		}
	}
}

// start is when the first frame of a file or folder was taken.
func (e *eye) start(ctx context.Context) (time.Time, error) {
	if !e.camera.Start.IsZero() {
		return e.camera.Start, nil
	}
	stat, err := os.Stat(string(e.camera.Source))
	if err != nil {
		return time.Time{}, err
	}
	if stat.IsDir() {
		return time.Time{}, errors.New("a folder does not tell when its films were taken: give start")
	}
	info, err := video.Probe(ctx, e.camera.Source)
	if err != nil {
		return time.Time{}, err
	}
	return stat.ModTime().Add(-info.Duration), nil
}

// mailbox holds the newest frame. Two buffers go back and forth, so that memory
// stays as it is.
type mailbox struct {
	ready chan struct{}

	mu     sync.Mutex
	frame  vision.Frame // waiting, if full
	spare  []byte
	at     time.Time
	full   bool
	handed []byte // with the taker until its next take
}

// put copies f in; true if one that waited had to go.
func (b *mailbox) put(f vision.Frame, at time.Time) (dropped bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	dropped = b.full
	buf := b.spare
	if b.full {
		buf = b.frame.Pix
	} else {
		b.spare = nil
	}
	pix := append(buf[:0], f.Pix...)
	b.frame, b.at, b.full = f, at, true
	b.frame.Pix = pix
	select {
	case b.ready <- struct{}{}:
	default:
	}
	return dropped
}

// take hands the waiting frame out; the one before goes back.
func (b *mailbox) take() (vision.Frame, time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spare, b.handed, b.full = b.handed, b.frame.Pix, false
	return b.frame, b.at
}

// looker is one run through a source.
type looker struct {
	*eye
	tracker Tracker
	gate    gate
	people  []crowd   // in the last frames looked at
	began   time.Time // when its first frame was taken
}

// crowd is who was in a frame.
type crowd struct {
	at     time.Duration
	people []vision.Thing
}

// maxCrowds bounds what is remembered of people: their boxes in this many frames
// with people, more than a vehicle's passing has at 60 a second.
const maxCrowds = 4096

// arrived notes when a live frame came. Frames come late, never early: the
// earliest tells when the stream began, until the clock jumps.
func (l *looker) arrived(at time.Duration, now time.Time) {
	began := now.Add(-at).Round(0)
	if d := began.Sub(l.began); l.began.IsZero() || d < 0 || d > maxDrift {
		l.began = began
	}
}

// frame looks at the next frame.
func (l *looker) frame(f vision.Frame) error {
	if l.gate.open(f) {
		things, err := l.Sight.Objects.Objects(f)
		if err != nil {
			return fmt.Errorf("looking for vehicles: %w", err)
		}
		vehicles, people := sorted(things)
		if len(people) > 0 {
			l.people = append(l.people, crowd{f.At, people})
			l.people = l.people[max(0, len(l.people)-maxCrowds):]
		}
		var found []vision.Plate
		if len(vehicles) > 0 {
			if found, err = l.Sight.Plates.Plates(f, vehicles); err != nil {
				return fmt.Errorf("reading plates: %w", err)
			}
		}
		found = oneEach(found)
		l.health.looked(len(vehicles), len(found))
		l.tracker.Add(f, things, found)
	}
	l.told(l.tracker.Done(f.At))
	return nil
}

// told keeps what has passed.
func (l *looker) told(passed []plates.Passing) {
	for _, p := range passed {
		if err := l.keep(p); err != nil {
			l.Logger.Error("a read could not be kept", "camera", l.camera.ID, "why", err)
			l.health.lost(err)
		}
	}
}

// oneEach keeps of each vehicle the plate that is surest: what else is read on it
// is a state's name, a dealer's frame, a bumper sticker.
func oneEach(found []vision.Plate) []vision.Plate {
	best := map[*vision.Thing]float32{}
	for _, p := range found {
		if p.Vehicle != nil {
			best[p.Vehicle] = max(best[p.Vehicle], p.Confidence)
		}
	}
	return slices.DeleteFunc(found, func(p vision.Plate) bool { return p.Vehicle != nil && p.Confidence < best[p.Vehicle] })
}

// sorted tells vehicles and people among things. Vehicles is never nil: nil would
// have plates looked for everywhere.
func sorted(things []vision.Thing) (vehicles, people []vision.Thing) {
	vehicles = []vision.Thing{}
	for _, t := range things {
		switch t.Kind {
		case "car", "truck", "bus", "motorcycle":
			vehicles = append(vehicles, t)
		case "person":
			people = append(people, t)
		}
	}
	return vehicles, people
}

// keep makes a read of a vehicle that passed.
func (l *looker) keep(p plates.Passing) error {
	text, err := plate.ParseText(p.Plate.Text)
	if err != nil { // nothing was read
		return nil
	}
	seen := l.began.Add(p.Picture.At).UTC().Truncate(time.Millisecond)
	r := plate.Read{Text: text, Region: p.Plate.Region, Confidence: permille(p.Plate.Confidence), Seen: seen, Heading: l.heading(p)}
	r.Event = strings.ToLower(ulid.MustNew(ulid.Timestamp(seen), rand.Reader).String())
	for _, g := range p.Plate.Others {
		if t, err := plate.ParseText(g.Text); err == nil && t != text && len(r.Others) < 5 {
			r.Others = append(r.Others, plate.Guess{Text: t, Confidence: permille(g.Confidence)})
		}
	}
	if p.Vehicle != nil {
		v := vision.Vehicle{Type: vehicleType(p.Vehicle.Kind)}
		if l.Sight.Look != nil {
			in := *p.Vehicle
			in.Box = moved(in.Box, -p.Part.X, -p.Part.Y)
			v = l.Sight.Look(p.Picture, in)
		}
		r.Vehicle = plate.Vehicle{Type: v.Type, Color: v.Color}
	}
	sealed, err := l.picture(p)
	if err != nil { // the read is worth more
		l.Logger.Error("a picture could not be made", "camera", l.camera.ID, "why", err)
	}
	if err := l.spool.Put(r, sealed); err != nil {
		return err
	}
	l.health.read(seen, sealed != nil)
	return nil
}

// picture is the covered and sealed picture of a vehicle; nil for none.
func (l *looker) picture(p plates.Passing) ([]byte, error) {
	v := l.vaults[l.camera.Agency]
	if v == nil || p.Vehicle == nil || p.Picture.W == 0 {
		return nil, nil
	}
	var people []vision.Thing
	for _, c := range slices.Backward(l.people) {
		if c.at == p.Picture.At {
			people = c.people
			break
		}
	}
	jpeg, err := l.Sight.covered(p.Picture, p.Part, people, p.Vehicle.Box, p.Plate.Box)
	if err != nil || jpeg == nil {
		return nil, err
	}
	return v.seal(jpeg)
}

// heading is which way the vehicle went; -1 unknown.
func (l *looker) heading(p plates.Passing) int {
	facing := l.camera.Facing
	if facing < 0 {
		return -1
	}
	across := math.Abs(float64(p.MovedX))
	switch grew := float64(p.Grew); {
	case grew > 1.15 && grew-1 > across/2:
		return (facing + 180) % 360
	case grew > 0 && grew < .87 && 1/grew-1 > across/2:
		return facing
	case across > .15:
		if p.MovedX > 0 {
			return (facing + 90) % 360
		}
		return (facing + 270) % 360
	}
	return -1
}

func permille(c float32) int { return int(math.Round(float64(max(0, min(1, c))) * 1000)) }

// vehicleType is a kind of thing in the words of plate.Vehicle.
func vehicleType(k vision.Kind) string {
	switch k {
	case "car", "truck", "bus", "motorcycle":
		return string(k)
	}
	return ""
}
