package lpr

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"porchlight/plate/intake"
	"porchlight/video"
)

// Finding is one thing that Check looked at.
type Finding struct {
	What string `json:"what"` // "disk", "exchange", "clock", "vault of IL0160000", "source of 01kq..." ...
	OK   bool   `json:"ok"`
	Said string `json:"said"` // what was found, or what to do
}

// maxSkew is how far the clock may be from the exchange's; it refuses reads from
// two minutes in the future.
const maxSkew = time.Minute

// Check tries everything a station needs, without reading a plate and beside one
// that runs: the disk, the exchange and its clock, the vaults, each camera's key
// (with a batch of no reads), each source, and vision on a frame of it. seen is
// the error of opening the models; with it, sources are looked at without them.
func Check(ctx context.Context, c Config, o Options, seen error) ([]Finding, error) {
	if err := c.valid(); err != nil {
		return nil, err
	}
	var all []Finding
	say := func(what string, err error, format string, args ...any) {
		f := Finding{What: what, OK: err == nil, Said: fmt.Sprintf(format, args...)}
		if err != nil {
			f.Said = err.Error()
		}
		all = append(all, f)
	}
	err := checkDisk(c.Dir)
	say("disk", err, "%s can be written to", c.Dir)
	if err != nil {
		return all, nil
	}
	// A spool of its own, as that of a station that runs is taken.
	tmp, err := os.MkdirTemp(c.Dir, ".check-")
	if err != nil {
		return all, err
	}
	defer os.RemoveAll(tmp)
	c.Dir = tmp
	s, err := Open(c, o)
	if err != nil {
		return all, err
	}
	defer s.Close()
	_, err = s.fetch(ctx, "/.well-known/porchlight.json")
	say("exchange", err, "%s answers", s.exchange)
	for _, v := range s.vaults {
		err := v.look(ctx)
		say("vault of "+v.agency, err, "the ledger proves entry %d: pictures are sealed to %s", v.entry, v.to)
	}
	for _, cam := range c.Cameras {
		status, _, err := s.send(ctx, cam, intake.Batch{Camera: cam.ID, Sequence: uint64(s.Now().UnixMicro()), Sent: s.Now()})
		if status == 401 {
			err = fmt.Errorf("%w. Is this the key whose public half stands on the cameras page?", err)
		}
		say("key of "+cam.ID, err, "the exchange takes its batches")
	}
	ahead := time.Duration(s.clock.health().AheadMS) * time.Millisecond
	switch {
	case ahead > maxSkew || ahead < -maxSkew:
		say("clock", fmt.Errorf("the clock is %s from the exchange's: reads would carry a wrong time; set it by NTP", ahead), "")
	default:
		say("clock", nil, "%s from the exchange's", ahead)
	}
	say("models", seen, "they load")
	for _, cam := range c.Cameras {
		said, err := s.checkSource(ctx, cam, seen == nil)
		say("source of "+cam.ID, err, "%s", said)
	}
	return all, nil
}

// checkDisk writes, syncs and deletes a file.
func checkDisk(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	path := filepath.Join(dir, ".check")
	err := writeFile(path, make([]byte, 64<<10))
	return errors.Join(err, os.Remove(path))
}

// checkSource takes one frame and looks at it.
func (s *Station) checkSource(ctx context.Context, c Camera, see bool) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for f, err := range s.Frames(ctx, c.Source, video.FrameOptions{FPS: 1}) {
		if err != nil {
			return "", err
		}
		said := fmt.Sprintf("%d by %d", f.W, f.H)
		if f.H < 720 {
			said += "; plates are read farther away in a larger picture"
		}
		if !see {
			return said, nil
		}
		began := time.Now()
		things, err := s.Sight.Objects.Objects(f)
		if err != nil {
			return "", err
		}
		vehicles, _ := sorted(things)
		found, err := s.Sight.Plates.Plates(f, vehicles)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%s; %d vehicles and %d plates in it, looked at in %d ms", said, len(vehicles), len(found), time.Since(began).Milliseconds()), nil
	}
	return "", errors.New("it has no picture")
}
