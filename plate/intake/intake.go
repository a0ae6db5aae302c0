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
	"time"

	"porchlight/db"
	"porchlight/gate"
)

// Options joins intake to its neighbors.
type Options struct {
	DB   *db.DB
	Gate *gate.Gate

	Now func() time.Time // default time.Now
}

// Service keeps cameras and takes reads in. Safe for concurrent use.
type Service struct {
	Options
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

// New opens the tables.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := o.DB.Migrate(ctx, "intake", migrations); err != nil {
		return nil, err
	}
	return &Service{Options: o}, nil
}
