// Package web is the house over HTTP: the API its pages use (described by
// openapi.json), the pages themselves, footage and live view. Only paired devices
// come in; it holds no rule of the rooms behind it.
package web

import (
	"context"
	"net/netip"
	"time"

	"porchlight/home"
)

// Moments are what happened, of home/watch.
type Moments interface {
	// Moments are those of a camera that touch the stretch between two times, by time.
	Moments(ctx context.Context, camera string, from, to time.Time) ([]*home.Moment, error)
}

// Near says whether an address is of this house.
type Near func(netip.Addr) bool

// Switches are what the household turned on or off.
type Switches interface {
	On(name string) bool
	Set(ctx context.Context, name string, on bool) error
}

// SwitchAsk: the feed of requests is read.
const SwitchAsk = "ask"
