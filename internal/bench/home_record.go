package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"porchlight/db"
	"porchlight/home"
	homecameras "porchlight/home/cameras"
	"porchlight/home/record"
	"porchlight/internal/rtsptest"
)

// recording records eight full-HD cameras for half a minute each, over RTSP with a
// password, and says how many a core could; against as many plain ffmpegs that
// write segments of the same cameras.
func recording(ctx context.Context, f figures) error {
	const n, length = 8, 30 * time.Second
	var err error
	// The test camera wants somebody to report to.
	r := testing.Benchmark(func(b *testing.B) {
		for _, codec := range []string{"h264", "h265"} {
			films := map[string]rtsptest.Film{}
			for i := range n {
				films[fmt.Sprint("c", i)] = rtsptest.Film{Codec: codec, W: 1920, H: 1080, FPS: 15, Loops: 9}
			}
			server := rtsptest.Start(b, films)
			var ours, plain float64
			if ours, err = recorded(ctx, b.TempDir(), server, n, length); err != nil {
				return
			}
			if plain, err = segmented(ctx, b.TempDir(), server, n, length); err != nil {
				return
			}
			f.add("home_record_"+codec+"_cameras", ours, "cameras/core", "ffmpeg -c copy -f segment, one for each camera", plain)
			server.Unplug()
		}
	})
	if err == nil && r.N == 0 {
		err = fmt.Errorf("GStreamer's RTSP server is missing: scripts/setup.sh test")
	}
	return err
}

// recorded is how many cameras a core records: seconds of footage for each second
// of processor time.
func recorded(ctx context.Context, dir string, server *rtsptest.Server, n int, length time.Duration) (float64, error) {
	d, err := db.Open(ctx, filepath.Join(dir, "home.db"))
	if err != nil {
		return 0, err
	}
	defer d.Close()
	c, err := homecameras.Open(ctx, d, nil)
	if err != nil {
		return 0, err
	}
	var ids []string
	for i := range n {
		k, err := c.Add(ctx, home.Camera{Name: "bench"}, homecameras.Source{Kind: home.RTSP,
			Address: homecameras.Secret(server.Address(fmt.Sprint("c", i))), User: rtsptest.User, Password: rtsptest.Password})
		if err != nil {
			return 0, err
		}
		ids = append(ids, k.ID)
	}
	r, err := record.Open(ctx, record.Options{DB: d, Dir: filepath.Join(dir, "footage"), Cameras: c})
	if err != nil {
		return 0, err
	}
	footage := func() (sum, least time.Duration, err error) {
		least = time.Hour
		for _, id := range ids {
			var one time.Duration
			spans, err := r.Spans(ctx, id, time.Time{}, time.Time{})
			if err != nil {
				return 0, 0, err
			}
			for _, s := range spans {
				one += s.To.Sub(s.From)
			}
			sum, least = sum+one, min(least, one)
		}
		return sum, least, nil
	}
	before := processor()
	run, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- r.Run(run) }()
	for deadline := time.Now().Add(5 * length); ; time.Sleep(100 * time.Millisecond) {
		_, least, err := footage()
		if err == nil && time.Now().After(deadline) {
			err = fmt.Errorf("after %s a camera has %s of footage", 5*length, least)
		}
		if err != nil || least >= length {
			stop()
			<-done
			if err != nil {
				return 0, err
			}
			break
		}
	}
	sum, _, err := footage()
	return sum.Seconds() / (processor() - before).Seconds(), err
}

// segmented is recorded with plain ffmpeg.
func segmented(ctx context.Context, dir string, server *rtsptest.Server, n int, length time.Duration) (float64, error) {
	before := processor()
	var all []*exec.Cmd
	for i := range n {
		p := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-rtsp_transport", "tcp", "-i", server.URL(fmt.Sprint("c", i)), "-t", fmt.Sprint(length.Seconds()),
			"-c", "copy", "-f", "segment", "-segment_time", "10", "-reset_timestamps", "1", filepath.Join(dir, fmt.Sprintf("%d-%%d.mp4", i)))
		p.Stderr = os.Stderr
		if err := p.Start(); err != nil {
			return 0, err
		}
		all = append(all, p)
	}
	for _, p := range all {
		if err := p.Wait(); err != nil {
			return 0, err
		}
	}
	return float64(n) * length.Seconds() / (processor() - before).Seconds(), nil
}

// processor is the time that this program, and those it started that have ended,
// had a core.
func processor() (d time.Duration) {
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			d += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return d
}
