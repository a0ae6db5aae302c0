// Package web is the house over HTTP: the API its pages use (described by
// openapi.json), the pages themselves, footage and live view. Only paired devices
// come in; it holds no rule of the rooms behind it.
package web

import (
	"context"
	"io"
	"net/netip"
	"time"

	"porchlight/home"
)

// What the pages need of the rooms of the house. A room that is nil is not there
// (no exchange configured, no networks set up) and its pages say so. home/node
// puts the rooms in, with an adapter where one speaks in its own words.

// Cameras are the household's cameras.
type Cameras interface {
	List(ctx context.Context) ([]home.Camera, error)         // without removed ones, oldest first
	Get(ctx context.Context, id string) (home.Camera, error) // ErrNotFound
	Add(ctx context.Context, c home.Camera, from Source) (home.Camera, error)
	Change(ctx context.Context, c home.Camera) error // name, place, facing, angle, reach, off
	Remove(ctx context.Context, id string) error
	Discover(ctx context.Context) ([]Found, error)          // asks the LAN for some seconds
	Probe(ctx context.Context, from Source) (Probed, error) // tries an address before it is kept
	Health(ctx context.Context, id string) (Health, error)
}

// Source is where footage comes from: an RTSP or ONVIF address, a Frigate
// server and the name of its camera, a folder. Passwords are written, never read.
type Source struct {
	Kind           home.Source
	Address        string // rtsp://..., http://frigate:5000, /srv/uploads
	User, Password string
	Name           string // of the camera at Frigate
}

// Found is a camera that answered on the LAN.
type Found struct{ Name, Address, Maker string }

// Probed is what an address delivers.
type Probed struct {
	Codec         string // h264, hevc
	Width, Height int
	Audio         bool
	Still         []byte // JPEG
}

// Health is how recording goes.
type Health struct {
	Recording bool
	Last      time.Time // end of the newest footage; zero: none yet
	Trouble   string    // what is wrong and what to do, without addresses; "" nothing
}

// Record is the footage on disk.
type Record interface {
	Spans(ctx context.Context, camera string, from, to time.Time) ([]home.Span, error)
	Segments(ctx context.Context, span home.Span) ([]Segment, error)
	Still(ctx context.Context, camera string, at time.Time, width int) ([]byte, error) // JPEG; ErrNotFound
	// Follow writes what the camera records from now on, as fragmented MP4 (one
	// initialisation segment, then fragments), until ctx ends or w fails.
	Follow(ctx context.Context, camera string, w io.Writer) error
	Usage(ctx context.Context) (Usage, error)
	SetLimits(ctx context.Context, bytes int64, days int) error
	Pin(ctx context.Context, span home.Span) error
	Unpin(ctx context.Context, span home.Span) error
	Pins(ctx context.Context) ([]home.Span, error)
	Import(ctx context.Context, camera, file string, start time.Time) error
}

// Segment is one file of footage.
type Segment struct {
	home.Span
	Path  string
	Codec string // h264, hevc
	Bytes int64
}

// Usage is how full the ring is.
type Usage struct {
	Bytes, Limit int64 // taken, at most
	Days         int   // kept at most
	Free         int64 // of the disk
	Oldest       time.Time
	Cameras      map[string]int64 // bytes by camera
}

// Moments are what happened.
type Moments interface {
	Moments(ctx context.Context, camera string, from, to time.Time) ([]home.Moment, error) // camera "": all
}

// Asked are the requests that concern this house.
type Asked interface {
	Requests(ctx context.Context) ([]Request, error)
	Request(ctx context.Context, id string) (Request, error)
	Seen(ctx context.Context, id string) error
	Dismiss(ctx context.Context, id string) error // nobody learns
}

// Request is a community request and what this house has of it.
type Request struct {
	ID, Agency, Text string
	From, To         time.Time
	State            string // new, seen, dismissed, shared
	Cameras          []string
	Moments          []home.Moment
	Spans            []home.Span
}

// Drafts are answers in the making, in the house until they are shared; their
// shape follows home/send.

// People are Familiar Faces; posts of pets, the register: these follow home/faces,
// home/pets and home/register.

// Events carries "what changed" from the rooms to open pages; nil: pages ask
// again by themselves.
type Events interface {
	// Subscribe calls f with a topic (cameras, moments, requests, storage, shares,
	// faces, pets) until the returned function is called. f must not block.
	Subscribe(f func(topic string)) (stop func())
}

// Near says whether an address is of this house: loopback, private or
// link-local, or one of the networks that its people named.
type Near func(netip.Addr) bool
