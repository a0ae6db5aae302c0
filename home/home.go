// Package home holds the nouns of porchlight home: what a household's own
// computer records, what it is asked for, and what its people decide. The rooms
// below it do the work:
//
//	home/cameras   which cameras there are, and how they are found
//	home/record    footage on disk: segments, the ring, the index, the timeline
//	home/watch     what happened in the footage: moments
//	home/ask       requests of the exchange, matched here
//	home/send      sharing: cut, cover, seal, upload, follow up
//	home/faces     Familiar Faces
//	home/pets      Search Party
//	home/register  which cameras an agency was told of
//	home/notify    tells the household
//	home/devices   whose phones may come in
//	home/web       its pages, for the phones of the house
//	home/node      joins them
//
// Nothing leaves the house unless somebody in it decided so: only home/ask (the
// padded feed), home/send, home/pets, home/register and home/notify speak to
// anything outside, each to addresses the household entered.
package home

import (
	"time"

	"porchlight/geo"
	"porchlight/vision"
)

// Camera is one camera of the household.
type Camera struct {
	ID      string    `json:"id"`     // ULID
	Name    string    `json:"name"`   // "Front door"
	Kind    Source    `json:"kind"`   //
	Place   geo.Point `json:"place"`  // where it hangs; it never leaves the house
	Facing  int       `json:"facing"` // degrees from north; -1 unknown
	Angle   int       `json:"angle"`  // of view, degrees, 360 all around; 0 unknown: taken as all around
	Reach   int       `json:"reach"`  // metres it can see usefully; 0: 30
	Off     bool      `json:"off"`    // the household switched it off: not recorded
	Added   time.Time `json:"added"`
	Removed time.Time `json:"removed"` // zero while in use; its footage stays until the ring takes it
}

// Source is how footage comes from a camera.
type Source string

const (
	RTSP    Source = "rtsp"    // recorded by us
	Frigate Source = "frigate" // recorded by Frigate; clips come over its HTTP API
	Folder  Source = "folder"  // the camera uploads files, we watch the folder
	Import  Source = "import"  // files given by hand
)

// Span is footage that is there, of one camera, without a gap.
type Span struct {
	Camera string    `json:"camera"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
}

// Moment is a stretch of footage in which something happened.
type Moment struct {
	ID    string `json:"id"` // ULID
	Span  `json:"span"`
	What  []What    `json:"what"`  // sorted, without doubles
	Still time.Time `json:"still"` // the instant that shows it best
	Named []string  `json:"named"` // ids of Familiar Faces people seen; only in the house
}

// What was in a moment.
type What string

const (
	Motion  What = "motion"
	Person  What = "person"
	Vehicle What = "vehicle"
	Animal  What = "animal"
)

// WhatOf says what a kind of thing counts as; "" for furniture and the like.
func WhatOf(k vision.Kind) What {
	switch k {
	case "person":
		return Person
	case "bicycle", "car", "motorcycle", "bus", "truck":
		return Vehicle
	case "bird", "cat", "dog", "horse", "sheep", "cow", "bear":
		return Animal
	}
	return ""
}
