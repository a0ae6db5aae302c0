// Package reads keeps what cameras read, finds it again, and lets it go in
// time. It knows no policy: who may ask is decided above it.
//
// Reads lie in buckets: those that arrived under one retention and were seen on
// one UTC day (or in a shorter span, where they may be kept for hours or minutes
// only). A bucket is one SQLite file, or one partition in PostgreSQL, and is
// dropped whole. What is searched by pattern are the distinct plates of each
// bucket, packed in memory; their reads are then fetched by index.
// docs/design/reads.md says why.
package reads

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"porchlight/plate"
)

// Options of a Store. Dir or Postgres is needed.
type Options struct {
	// Dir is the directory of the day files; made if it is not there. One
	// process at a time may have it open.
	Dir string
	// Postgres is the URL of a PostgreSQL database (15 or newer) to keep reads in
	// instead. Several processes may have it open.
	Postgres string
	// Shards are the URLs of databases that hold the partitions, each those of a
	// group of cameras; the one at Postgres then sees them as foreign tables. The
	// list is fixed once there are reads. The main database's user must be able to
	// create the extension postgres_fdw. None: reads lie in Postgres itself.
	Shards []string
	// Keep is how long an owner's reads may be kept, now; asked when a read
	// arrives, and by Due. Zero and less: not at all. It must be quick.
	Keep func(owner string) time.Duration
	// Now is the clock; time.Now when nil.
	Now func() time.Time
	// Memory bounds, in bytes, what the distinct plates of all buckets take;
	// 512 MiB when 0. Those least recently searched are loaded again when needed.
	Memory int64
	// Files bounds how many connections to day files are kept open for the next
	// search, about 1 MiB each; 100 when 0. Fewer than a search needs days make it
	// open each file again.
	Files int
}

// Errors of one read, which Refused holds.
var (
	ErrTooOld  = errors.New("the read is older than its owner may keep it")
	ErrInvalid = errors.New("not a read that can be kept")
)

// Refused is the error of Append when some reads of a batch were not taken: why,
// by their place in the batch. The others were. errors.Is finds each reason.
type Refused map[int]error

func (r Refused) Error() string {
	first := slices.Min(slices.Collect(maps.Keys(r)))
	return fmt.Sprintf("%d reads were refused; the first, number %d: %v", len(r), first, r[first])
}

// Unwrap gives the reasons.
func (r Refused) Unwrap() []error { return slices.Collect(maps.Values(r)) }

// Tally counts the reads of one camera seen on one UTC day and still kept.
type Tally struct {
	Camera string    `json:"camera"`
	Day    time.Time `json:"day"` // its midnight, UTC
	Reads  int       `json:"reads"`
}

// Day is one owner's part of a bucket: what Drop takes away.
type Day struct {
	Owner string        `json:"owner"`
	From  time.Time     `json:"from"` // seen at From or later; a UTC midnight where the bucket is a day
	To    time.Time     `json:"to"`   // and before To
	Keep  time.Duration `json:"keep"` // the retention under which the reads arrived
	Reads int           `json:"reads"`
}

// Problem is a bucket that was set aside: its reads are not found.
type Problem struct {
	From  time.Time     `json:"from"`
	To    time.Time     `json:"to"`
	Keep  time.Duration `json:"keep"`
	Text  string        `json:"text"`  // what is wrong and where the file is now
	Since time.Time     `json:"since"` // when it was noticed
}

// Most of what a read may carry.
const (
	maxEvent  = 64 // bytes
	maxName   = 64 // bytes of an owner, camera, region, type, make, color, image
	maxOthers = 5
)

// valid says why r cannot be kept: ErrInvalid with the reason.
func valid(r *plate.Read) error {
	switch t, err := plate.ParseText(string(r.Text)); {
	case err != nil || t != r.Text:
		return fmt.Errorf("%w: its text is no plate", ErrInvalid)
	case r.Owner == "" || r.Camera == "":
		return fmt.Errorf("%w: it has no owner or no camera", ErrInvalid)
	case r.Seen.Before(time.UnixMilli(0)) || r.Seen.Year() > 2200:
		return fmt.Errorf("%w: no camera was running in %d", ErrInvalid, r.Seen.Year())
	case len(r.Event) > maxEvent:
		return fmt.Errorf("%w: its event is longer than %d bytes", ErrInvalid, maxEvent)
	case len(r.Others) > maxOthers:
		return fmt.Errorf("%w: it has more than %d other texts", ErrInvalid, maxOthers)
	case r.Heading < -1 || r.Heading > 359 || r.Confidence < -1 || r.Confidence > 1000:
		return fmt.Errorf("%w: its heading or confidence is out of range", ErrInvalid)
	}
	for _, s := range []string{r.Owner, r.Camera, r.Region, r.Vehicle.Type, r.Vehicle.Make, r.Vehicle.Color, r.Image} {
		if len(s) > maxName || strings.IndexByte(s, 0) >= 0 {
			return fmt.Errorf("%w: a name in it is longer than %d bytes", ErrInvalid, maxName)
		}
	}
	for _, o := range r.Others {
		if t, err := plate.ParseText(string(o.Text)); err != nil || t != o.Text || o.Confidence < -1 || o.Confidence > 1000 {
			return fmt.Errorf("%w: one of its other texts is no plate", ErrInvalid)
		}
	}
	return nil
}

// Get gives the reads with these ids that are still there, in the order asked.
func (s *Store) Get(ctx context.Context, ids []plate.ID) ([]plate.Read, error) {
	if err := s.engine.refresh(ctx); err != nil {
		return nil, err
	}
	found := map[plate.ID]plate.Read{}
	ids = slices.Clone(ids)
	for _, p := range s.between(0, maxID) {
		var here []plate.ID
		for _, id := range ids {
			if p.holds(id) {
				here = append(here, id)
			}
		}
		if len(here) == 0 {
			continue
		}
		rows, err := p.rows.get(ctx, here)
		if err = s.aside(p, err); err != nil {
			return nil, fmt.Errorf("getting reads: %w", err)
		}
		for _, row := range rows {
			if !p.has(row.source) {
				continue
			}
			if found[row.id], err = s.names.read(row); s.aside(p, err) != nil {
				return nil, err
			}
		}
	}
	var out []plate.Read
	for _, id := range ids {
		if r, ok := found[id]; ok {
			out = append(out, r)
		}
	}
	return out, nil
}

// Tallies counts an owner's reads that are still kept, by camera and UTC day,
// for the days that touch from until before to; sorted by day, then camera.
func (s *Store) Tallies(ctx context.Context, owner string, from, to time.Time) ([]Tally, error) {
	if err := s.engine.refresh(ctx); err != nil {
		return nil, err
	}
	const day = 24 * time.Hour
	type key struct {
		day    time.Time
		camera string
	}
	sums := map[key]int{}
	for _, p := range s.between(idAt(from.UTC().Truncate(day)), idAt(to)) {
		p.mu.RLock()
		for n, t := range p.tally {
			if c := s.names.source(n); c.owner == owner {
				sums[key{p.start().Truncate(day), c.camera}] += t.reads
			}
		}
		p.mu.RUnlock()
	}
	out := make([]Tally, 0, len(sums))
	for k, n := range sums {
		out = append(out, Tally{k.camera, k.day, n})
	}
	slices.SortFunc(out, func(a, b Tally) int {
		if c := a.Day.Compare(b.Day); c != 0 {
			return c
		}
		return strings.Compare(a.Camera, b.Camera)
	})
	return out, nil
}
