package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"porchlight/db"
	"porchlight/home"
)

// ring takes the oldest footage when there is too much.
type ring struct {
	mu     sync.Mutex // one meal at a time
	limits sync.Mutex
	set    Limits
}

const defaultDays = 30

func (r *Recorder) openRing(ctx context.Context) error {
	r.ring.set = r.o.Limits
	err := r.o.DB.Read().QueryRowContext(ctx, `SELECT bytes, days, free FROM home_record_limit WHERE id = 1`).Scan(&r.ring.set.Bytes, &r.ring.set.Days, &r.ring.set.Free)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("reading how much is kept: %w", err)
	}
	return nil
}

// Limits are those in force.
func (r *Recorder) Limits() Limits {
	r.ring.limits.Lock()
	defer r.ring.limits.Unlock()
	return r.ring.set
}

// SetLimits changes how much is kept, for good, and removes at once what is too much.
func (r *Recorder) SetLimits(ctx context.Context, l Limits) error {
	if l.Bytes < 0 || l.Days < 0 || l.Free < 0 || l.Days > 3650 {
		return errors.New("how much is kept: bytes and days from 0, at most 3,650 days")
	}
	err := r.o.DB.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO home_record_limit (id, bytes, days, free) VALUES (1, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET bytes = excluded.bytes, days = excluded.days, free = excluded.free`, l.Bytes, l.Days, l.Free)
		return err
	})
	if err != nil {
		return fmt.Errorf("keeping the limits: %w", err)
	}
	r.ring.limits.Lock()
	r.ring.set = l
	r.ring.limits.Unlock()
	return r.eat(ctx, 0, 0)
}

// Usage is how full the ring is.
type Usage struct {
	Limits
	Used    int64            `json:"used"`   // bytes of footage
	Disk    int64            `json:"disk"`   // bytes of the whole disk; 0 unknown
	Left    int64            `json:"left"`   // bytes the disk has left; 0 unknown
	Oldest  time.Time        `json:"oldest"` // beginning of the oldest footage; zero: none
	Cameras map[string]int64 `json:"cameras"`
	Held    int64            `json:"held"`  // bytes that are pinned
	Aside   int              `json:"aside"` // files set aside
}

// Usage says how full the ring is.
func (r *Recorder) Usage(ctx context.Context) (Usage, error) {
	u := Usage{Limits: r.Limits(), Cameras: map[string]int64{}}
	u.Left, u.Disk, _ = space(r.o.Dir)
	if u.Days == 0 {
		u.Days = defaultDays
	}
	u.Free = r.reserve(u.Limits, u.Disk)
	spans, err := db.All(scanSpan)(r.o.DB.Read().QueryContext(ctx, `SELECT `+spanColumns+` FROM home_record_span`))
	if err != nil {
		return u, fmt.Errorf("adding up the footage: %w", err)
	}
	for _, s := range spans {
		u.Used += s.bytes
		u.Cameras[s.Camera] += s.bytes
		if u.Oldest.IsZero() || s.From.Before(u.Oldest) {
			u.Oldest = s.From
		}
	}
	err = r.o.DB.Read().QueryRowContext(ctx, `SELECT coalesce(sum(bytes), 0) FROM home_record_segment WHERE id IN (
		SELECT g.id FROM home_record_pin p JOIN home_record_span s ON s.camera = p.camera AND s.began < p.ended AND s.ended > p.began
			JOIN home_record_segment g ON g.span = s.id AND g.began < p.ended AND g.ended > p.began WHERE p.until > ?)`, db.Micros(r.o.Now())).Scan(&u.Held)
	if err != nil {
		return u, fmt.Errorf("adding up what is held: %w", err)
	}
	set, _ := os.ReadDir(r.asideDir())
	u.Aside = len(set)
	return u, nil
}

// reserve is how much of the disk is left to others.
func (r *Recorder) reserve(l Limits, disk int64) int64 {
	if l.Free > 0 {
		return l.Free
	}
	return min(disk/20, 5<<30)
}

// meal is how many segments are removed in one go.
const meal = 64

// eat removes the oldest footage that nobody holds until there is no more than the
// limits allow, and room for more bytes; at least so many segments, for when the
// disk says that it is full whatever it told before. ErrFull: there is still no
// room on the disk.
func (r *Recorder) eat(ctx context.Context, more int64, least int) error {
	r.ring.mu.Lock()
	defer r.ring.mu.Unlock()
	ctx = context.WithoutCancel(ctx)
	l, now := r.Limits(), r.o.Now()
	if l.Days == 0 {
		l.Days = defaultDays
	}
	before := now.AddDate(0, 0, -l.Days)
	trusted := r.clock.trusted()
	left, disk, known := space(r.o.Dir)
	free := r.reserve(l, disk)
	var eaten int64 // on the disk, where a file's last reader may hold it a little longer
	after, removed := int64(0), 0
	for {
		r.index.mu.Lock()
		used := r.index.used
		r.index.mu.Unlock()
		over := int64(0)
		if l.Bytes > 0 {
			over = used + more - l.Bytes
		}
		short := int64(0)
		if known {
			short = free + more - left - eaten
		}
		oldest, err := r.index.oldest(ctx, after, now, meal)
		if err != nil {
			return fmt.Errorf("looking for the oldest footage: %w", err)
		}
		var gone []segment
		for _, g := range oldest {
			if over <= 0 && short <= 0 && removed >= least && !(trusted && g.added.Before(before)) {
				break
			}
			after = g.id
			gone = append(gone, g)
			removed++
			over, short, eaten = over-g.bytes, short-g.bytes, eaten+g.bytes
		}
		if len(gone) == 0 {
			if short > 0 && left+eaten < free/2+more || removed == 0 && least > 0 {
				return ErrFull
			}
			return nil
		}
		if err := r.remove(ctx, gone); err != nil {
			return err
		}
	}
}

// remove removes segments, first their files: what is told to be gone is.
func (r *Recorder) remove(ctx context.Context, gone []segment) error {
	folders := map[string]bool{}
	for _, g := range gone {
		path := r.index.path(g.camera, g.from, g.to)
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing old footage: %w", err)
		}
		folders[filepath.Dir(path)] = true
		r.still.forget(path)
	}
	if err := r.index.drop(ctx, gone); err != nil {
		return err
	}
	for f := range folders {
		if os.Remove(f) == nil { // the hour, if it is empty
			os.Remove(filepath.Dir(f)) // and the day
		}
	}
	return nil
}

// Delete removes all footage of a span that nobody holds, at once, and tells how
// many files that were. Segments that only touch the span go as a whole.
func (r *Recorder) Delete(ctx context.Context, s home.Span) (int, error) {
	r.ring.mu.Lock()
	defer r.ring.mu.Unlock()
	all, err := r.index.files(ctx, s.Camera, s.From, s.To)
	if err != nil {
		return 0, fmt.Errorf("looking for the footage: %w", err)
	}
	pins, err := r.Pins(ctx)
	if err != nil {
		return 0, err
	}
	gone := all[:0]
	for _, g := range all {
		if !held(pins, g, r.o.Now()) {
			gone = append(gone, g)
		}
	}
	return len(gone), r.remove(ctx, gone)
}

func held(pins []Pin, g segment, now time.Time) bool {
	for _, p := range pins {
		if p.Camera == g.camera && p.From.Before(g.to) && p.To.After(g.from) && p.Until.After(now) {
			return true
		}
	}
	return false
}

// Pin is footage that the ring leaves alone until a time.
type Pin struct {
	home.Span
	Owner string    `json:"owner"` // who holds it: a request, the household
	Until time.Time `json:"until"`
}

// Pin holds a span until a time, also what is recorded into it later. To pin
// again sets the time anew.
func (r *Recorder) Pin(ctx context.Context, p Pin) error {
	if p.Owner == "" || p.Camera == "" || !p.To.After(p.From) {
		return errors.New("a pin needs an owner, a camera and a span that lasts")
	}
	err := r.o.DB.Write(ctx, func(tx *sql.Tx) error {
		// Those whose time has come are of no more use.
		if _, err := tx.Exec(`DELETE FROM home_record_pin WHERE until <= ?`, db.Micros(r.o.Now())); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO home_record_pin (owner, camera, began, ended, until) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (owner, camera, began, ended) DO UPDATE SET until = excluded.until`,
			p.Owner, p.Camera, db.Micros(p.From), db.Micros(p.To), db.Micros(p.Until))
		return err
	})
	if err != nil {
		return fmt.Errorf("holding footage: %w", err)
	}
	return nil
}

// Unpin lets an owner's span go; a zero span lets all of that owner's go. That
// there was none is no error.
func (r *Recorder) Unpin(ctx context.Context, owner string, s home.Span) error {
	err := r.o.DB.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`DELETE FROM home_record_pin WHERE owner = ?1 AND (?2 = '' OR camera = ?2 AND began = ?3 AND ended = ?4)`,
			owner, s.Camera, db.Micros(s.From), db.Micros(s.To))
		return err
	})
	if err != nil {
		return fmt.Errorf("letting footage go: %w", err)
	}
	return nil
}

// Pins are all that hold now, by camera and time.
func (r *Recorder) Pins(ctx context.Context) ([]Pin, error) {
	pins, err := db.All(func(row db.Row) (p Pin, err error) {
		err = row.Scan(&p.Owner, &p.Camera, db.Into(&p.From), db.Into(&p.To), db.Into(&p.Until))
		return p, err
	})(r.o.DB.Read().QueryContext(ctx, `SELECT owner, camera, began, ended, until FROM home_record_pin WHERE until > ? ORDER BY camera, began, owner`, db.Micros(r.o.Now())))
	if err != nil {
		return nil, fmt.Errorf("reading what is held: %w", err)
	}
	return pins, nil
}

// Keeper holds footage in the name of one owner, each span for so long.
type Keeper struct {
	*Recorder
	Owner string
	For   time.Duration
}

// Pin holds a span; to repeat it holds it anew.
func (k Keeper) Pin(ctx context.Context, s home.Span) error {
	return k.Recorder.Pin(ctx, Pin{s, k.Owner, k.o.Now().Add(k.For)})
}

// Unpin lets a span go.
func (k Keeper) Unpin(ctx context.Context, s home.Span) error {
	if s.Camera == "" {
		return nil // all of the owner's would go
	}
	return k.Recorder.Unpin(ctx, k.Owner, s)
}

// isFull tells whether a disk had no room.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, ErrFull)
}
