package actor

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"sync/atomic"
	"time"

	"porchlight/plate/intake"
	"porchlight/web"
)

// AddCamera adds a plate camera to her agency.
func (p *Person) AddCamera(ctx context.Context, d web.CameraDraft) (web.CameraView, error) {
	var c web.CameraView
	_, err := p.Act(ctx, "/cameras", d, &c)
	return c, err
}

// Camera is a plate camera of Porchlight's own kind.
type Camera struct {
	*Client
	ID       string
	Key      ed25519.PrivateKey
	sequence atomic.Uint64
}

// AddSigningCamera adds a camera that signs its batches, and gives it its key.
func (p *Person) AddSigningCamera(ctx context.Context, name string, lon, lat float64) (*Camera, error) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	c, err := p.AddCamera(ctx, web.CameraDraft{Name: name, Lon: lon, Lat: lat, Heading: -1, Speaks: "signed", Key: public})
	return &Camera{Client: New(p.URL), ID: c.ID, Key: key}, err
}

// Batch is the next batch of the camera.
func (c *Camera) Batch(reads ...intake.Sighting) intake.Batch {
	return intake.Batch{Camera: c.ID, Sequence: c.sequence.Add(1), Sent: time.Now(), Reads: reads}
}

// Send sends a batch.
func (c *Camera) Send(ctx context.Context, b intake.Batch) (r intake.Result, err error) {
	req, err := b.Request(ctx, c.URL, c.Key)
	if err != nil {
		return r, err
	}
	_, err = c.do(req, &r)
	return r, err
}

// FileCamera is a camera whose reads come as CSV files, shown by a token; with
// "", one whose token stays as it is.
func FileCamera(name, token string) web.CameraDraft {
	d := web.CameraDraft{Name: name, Lon: -89.65, Lat: 39.75, Heading: -1, Speaks: "csv"}
	if token != "" {
		hash := sha256.Sum256([]byte(token))
		d.Secret = hash[:]
	}
	return d
}
