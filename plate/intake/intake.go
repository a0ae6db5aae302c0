// Package intake keeps the cameras of each agency, understands what they speak,
// and takes their reads in: Porchlight's own signed batches, OpenALPR and Plate
// Recognizer webhooks, Frigate over MQTT, and CSV files. docs/cameras.md says
// how each is connected and is the reference of the signed batch.
//
// A batch is acknowledged when its reads are durable and its hits are recorded.
// Sending it again changes nothing.
package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/plate"
)

// Reads keeps reads; see plate/reads.
type Reads interface {
	// Append makes reads durable and gives each its id; of one that was known, its
	// old id and fresh false. A Refused names those it will never take; the others
	// are kept. After any other error none, some or all are, and the same reads are
	// to be appended again.
	Append(ctx context.Context, reads []plate.Read) (ids []plate.ID, fresh []bool, err error)
}

// Hits looks for wanted plates; see plate/hotlist.
type Hits interface {
	// Seen makes every hit durable before it returns. Reads that it was shown
	// before change nothing.
	Seen(ctx context.Context, reads []plate.Read) error
}

// Refused is why Reads.Append takes some reads of a batch never, by their place.
type Refused map[int]error

func (r Refused) Error() string { return fmt.Sprintf("%d reads cannot be kept", len(r)) }

// ErrPicture is the error of a picture that Images will never keep, however
// often it comes: its owner has no vault for pictures, or it is no picture.
var ErrPicture = errors.New("intake: this picture cannot be kept")

// Images keeps the pictures of reads, sealed to their owner; see plate/image. An
// error that is no ErrPicture may pass.
type Images interface {
	Keep(ctx context.Context, owner string, seen time.Time, mediaType string, picture []byte) (id string, err error)
	KeepSealed(ctx context.Context, owner string, seen time.Time, age []byte) (id string, err error)
}

// Options joins intake to its neighbors.
type Options struct {
	DB       *db.DB
	Gate     *gate.Gate
	Agencies gate.Agencies
	Reads    Reads
	Hits     Hits                             // nil: nobody is wanted
	Images   Images                           // nil: pictures are not kept
	Keep     func(owner string) time.Duration // how long an owner's reads are kept

	Limits Limits
	Late   time.Duration // a read that arrives so long after it was seen is late; default 5 minutes
	Ahead  time.Duration // how far a camera's clock may be ahead; default 2 minutes
	// Observe, if set, counts reads by dialect and what became of them: fresh,
	// late, duplicate, too_old, future, malformed, replayed; and bodies: unsigned,
	// busy, unknown_camera.
	Observe func(d plate.Dialect, what string, n int)
	Now     func() time.Time     // default time.Now
	Elapsed func() time.Duration // steady, whatever Now says; default since the start
	Logger  *slog.Logger         // default discards
}

// Service keeps cameras and takes reads in. Safe for concurrent use.
type Service struct {
	Options
	limits  *limiter
	tally   tally
	flush   sync.Mutex // one Flush at a time
	began   time.Time  // by Now
	beganAt time.Duration
}

var (
	// ErrNotFound: there is no such camera, or the caller may not know of it.
	ErrNotFound = errors.New("intake: there is no such camera")
	// ErrRemoved: the camera is no longer in use.
	ErrRemoved = errors.New("intake: this camera was removed; add it again as a new camera")
)

// Invalid is the error of an input that cannot be.
type Invalid struct {
	Field  string // as in JSON
	Reason string // one sentence
}

func (e *Invalid) Error() string { return e.Field + ": " + e.Reason }

// New opens the tables. Run is to be called beside.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.Late == 0 {
		o.Late = 5 * time.Minute
	}
	if o.Ahead == 0 {
		o.Ahead = 2 * time.Minute
	}
	if o.Observe == nil {
		o.Observe = func(plate.Dialect, string, int) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Elapsed == nil {
		start := time.Now()
		o.Elapsed = func() time.Duration { return time.Since(start) }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := o.DB.Migrate(ctx, "intake", migrations); err != nil {
		return nil, err
	}
	return &Service{
		Options: o, limits: newLimiter(o.Limits, o.Elapsed), tally: tally{fresh: newPending(), flying: newPending()},
		began: o.Now(), beganAt: o.Elapsed(),
	}, nil
}
