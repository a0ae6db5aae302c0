package image

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"porchlight/gate"
	"porchlight/identity"
)

// KeptFor is how long an owner's pictures are kept: as long as its reads, or
// less where it says so.
func (s *Service) KeptFor(ctx context.Context, owner string) (time.Duration, error) {
	own, err := s.setting(ctx, owner)
	if reads := s.ReadsKept(owner); own == 0 || own > reads {
		return reads, err
	}
	return own, err
}

// SetKeep sets how long the caller's agency keeps pictures: the act
// setting.change of its administrator. Zero is as long as its reads. A shorter
// time holds for the pictures that are there, a longer one for new ones.
// ErrInput for what is no whole number of minutes, or below zero.
func (s *Service) SetKeep(ctx context.Context, by gate.Caller, keep time.Duration) (*gate.Grant, error) {
	if keep < 0 || keep%time.Minute != 0 {
		return nil, fmt.Errorf("%w: the time must be whole minutes", ErrInput)
	}
	if by.Who.Agency == "" {
		return nil, ErrNotFound
	}
	return s.Gate.Do(ctx, gate.Act{
		Action: "setting.change", By: by, Role: identity.RoleAdmin, Objects: []string{by.Who.Agency},
		Public: map[string]string{"agency": by.Who.Agency, "plate_pictures_minutes": strconv.Itoa(int(keep / time.Minute))},
		Facts:  map[string]any{"owner": "agency", "own_agency": true},
	}, func(tx *sql.Tx, g *gate.Grant) error { return setKeep(tx, by.Who.Agency, keep) })
}

// Drop ends the pictures of an owner's reads seen from one time until before
// another, which arrived under this retention and have gone (reads.Day): all but
// those still needed. It is the act image.purge. Afterwards no header of them is
// left, which makes them unreadable; their rolls are deleted then, or by the next
// Sweep. Where there are none it does nothing.
func (s *Service) Drop(ctx context.Context, owner string, from, to time.Time, keep time.Duration) error {
	_, err := s.purge(ctx, owner, from, to, to.Add(keep))
	return err
}

// Sweep ends what time has ended: pictures, and shares of pictures. It deletes
// the rolls in which nothing is left, also those a crash left behind, and keeps
// the count of refusals. It returns how many pictures ended. An error concerns
// some of it; the rest is done.
func (s *Service) Sweep(ctx context.Context) (ended int, err error) {
	now := s.Now()
	errs := []error{s.saveRefusals(ctx), s.endShares(ctx, now)}
	due, err := s.due(ctx, now)
	errs = append(errs, err)
	for _, k := range due {
		day, err := time.Parse(time.DateOnly, k.day)
		if err == nil {
			var n int
			n, err = s.purge(ctx, k.owner, day, day.Add(24*time.Hour), now)
			ended += n
		}
		errs = append(errs, err)
	}
	errs = append(errs, s.clearRolls(ctx), s.DB.Write(ctx, func(tx *sql.Tx) error { return deleteClosed(tx, now) }))

	s.mu.Lock()
	maps.DeleteFunc(s.rolls, func(k rollKey, _ *roll) bool { return k.day < dayOf(now.AddDate(0, 0, -2)) }) // late pictures begin another
	s.mu.Unlock()
	return ended, errors.Join(errs...)
}

// purge ends an owner's pictures seen from one time until before another that
// are due at the limit, and returns how many went.
func (s *Service) purge(ctx context.Context, owner string, from, to, limit time.Time) (int, error) {
	needed, err := s.Needed(ctx, owner, from, to)
	if err != nil {
		return 0, fmt.Errorf("asking which pictures of %s are needed: %w", owner, err)
	}
	// Marked first, so that the entry says exactly how many go.
	act := gate.NewActID()
	var going, held int64
	err = s.DB.Write(ctx, func(tx *sql.Tx) (err error) {
		going, held, err = markForPurge(tx, owner, from, to, limit, act, needed, s.Now().Add(24*time.Hour))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("purging pictures: %w", err)
	}
	if going > 0 {
		_, err = s.Gate.Do(ctx, gate.Act{
			Action: "image.purge", By: gate.Caller{Who: identity.System(), ActID: act}, Role: identity.RoleSystem, Objects: []string{owner},
			Public: map[string]string{"owner": owner, "day": dayOf(from),
				"pictures": strconv.FormatInt(going, 10), "held": strconv.FormatInt(held, 10)},
			Facts: map[string]any{},
		}, func(tx *sql.Tx, _ *gate.Grant) error { return deleteMarked(tx, owner, act) })
		if err != nil {
			return 0, fmt.Errorf("purging pictures: %w", err)
		}
		s.scrub(ctx)
	}
	if err := s.moveHeld(ctx, owner, from, to); err != nil {
		s.Logger.Warn("held pictures not yet moved out of their day's roll", "err", err)
	}
	if err := s.clearRolls(ctx); err != nil { // they are unreadable; Sweep tries again
		s.Logger.Warn("roll of pictures not yet deleted", "err", err)
	}
	return int(going), nil
}

// moveHeld gives each held picture a roll of its own when nothing else is left
// in its day's, which can then go.
func (s *Service) moveHeld(ctx context.Context, owner string, from, to time.Time) error {
	pictures, err := s.stranded(ctx, owner, from, to)
	if err != nil {
		return err
	}
	for _, p := range pictures {
		body, err := s.payload(ctx, p)
		if err != nil {
			return err
		}
		own := "kept-" + gate.NewActID()
		err = s.DB.Write(ctx, func(tx *sql.Tx) error { return insertRoll(tx, own, rollKey{owner, dayOf(p.Seen)}) })
		if err == nil {
			_, err = s.Blobs.Append(ctx, own, 0, body)
		}
		body.Close()
		if err == nil {
			err = s.DB.Write(ctx, func(tx *sql.Tx) error { return movePicture(tx, p, own) })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// clearRolls closes the rolls in which no picture is left and deletes them: the
// blob, then its record, so that none is forgotten.
func (s *Service) clearRolls(ctx context.Context) error {
	var blobs []string
	err := s.DB.Write(ctx, func(tx *sql.Tx) (err error) { blobs, err = closeEmpty(tx); return err })
	if err != nil {
		return err
	}
	for _, b := range blobs {
		if err := s.Blobs.Delete(ctx, b); err != nil {
			return fmt.Errorf("deleting a roll: %w", err)
		}
		if err := s.DB.Write(ctx, func(tx *sql.Tx) error { return deleteRoll(tx, b) }); err != nil {
			return err
		}
	}
	return nil
}

// endShares erases the headers of shares that ended.
func (s *Service) endShares(ctx context.Context, now time.Time) error {
	var ended int64
	err := s.DB.Write(ctx, func(tx *sql.Tx) (err error) { ended, err = deleteShares(tx, now); return err })
	if err == nil && ended > 0 {
		s.scrub(ctx)
	}
	return err
}

// scrub makes sure that the store's files hold nothing of erased headers; if a
// reader holds them the next one does.
func (s *Service) scrub(ctx context.Context) {
	if err := s.DB.Scrub(context.WithoutCancel(ctx), "image_header"); err != nil {
		s.Logger.Info("write-ahead log not yet emptied", "err", err)
	}
}
