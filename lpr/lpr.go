// Package lpr is the plate camera of an agency, a campus or an association: it
// looks at video, reads the plates of passing vehicles, and sends one signed
// read a vehicle to its exchange. docs/lpr.md is for who installs it.
//
//	source -> gate -> sight -> tracker -> cover and seal -> spool -> batches
//
// Of people nothing is kept: their faces, and they themselves, are painted over
// before a picture is sealed, and a picture is sealed, to the owner's plates
// vault as the ledger proves it, before it touches a disk. This machine cannot
// open what it keeps.
//
// What was read is durable before it is counted as read, and stays until the
// exchange has answered for it. When vision is slower than a camera, frames are
// dropped; nothing waits in memory without bound.
package lpr

import (
	"crypto/ed25519"
	"time"

	"porchlight/ledger"
	"porchlight/video"
	"porchlight/vision"
)

// Config is what whoever runs a station sets. Zero values are the defaults.
type Config struct {
	Exchange string          // its address
	Ledger   ledger.Verifier // what its ledger's receipts are checked with
	Dir      string          // of the spool, made if it is not there; one process at a time
	SpoolMB  int64           // most that reads and pictures waiting to be sent may take, all cameras together; default 8192
	Pictures *bool           // whether pictures are kept at all; default yes
	Cameras  []Camera        // one or more
}

// Camera is one plate camera as its agency registered it on the cameras page.
type Camera struct {
	ID     string             // from the page
	Agency string             // ORI of its owner, to whose plates vault pictures are sealed
	Key    ed25519.PrivateKey // as porchlight camera keygen makes it
	Source video.Source       // RTSP, file, folder or V4L2
	Facing int                // where it looks, degrees from north, 0 to 359; -1 unknown: then no direction is told
	FPS    float64            // frames looked at a second; default 10
	Start  time.Time          // of a file or folder: when its first frame was taken; default so that it ends when it was last written
	Least  float64            // confidence, 0 to 1, below which nothing is sent: a misread plate is somebody else's; default 0.5
	Most   time.Duration      // see plates.Limits; default 1 minute
	Again  time.Duration      // see plates.Limits; default 5 minutes, also for a car that is parked in view
}

// Sight is what a station sees with. All are safe for concurrent use.
type Sight struct {
	Objects vision.Objects
	Plates  vision.Plates
	Faces   vision.Faces
	// Look tells type and color of the vehicle in a box; nil: they are not told.
	Look func(vision.Frame, vision.Thing) vision.Vehicle
}
