package demo

import (
	"context"
	"time"

	"porchlight/internal/streets"
)

// ShortClip draws what a front door saw for a second.
func ShortClip(ctx context.Context, dir string, start time.Time) (Clip, error) {
	s := streets.Scene{Seed: 3, Mood: "day", Seconds: 1, Cast: []streets.Actor{goesBy(streets.SUV, "green", "DEMO 70352", -1, 10, .5)}}
	c := Clip{Name: "short", Address: "1 Test Street", Camera: "Front door", Start: start, Codec: "h264", Length: time.Second, Serial: "LF2-SHORT"}
	return recording{c, s, "mp4", LonLat{}}.make(ctx, dir)
}
