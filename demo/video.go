package demo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"porchlight/internal/streets"
)

// A Clip is a video file as a resident's camera app would have saved it.
type Clip struct {
	Name    string        // "elm-front-door", also the file's stem
	Path    string        // on disk
	Address string        // of the house whose camera saw it
	Camera  string        // "Front door"
	Start   time.Time     // of the first frame
	Length  time.Duration // a whole number of frames
	Codec   string        // h264 or hevc
	Serial  string        // of the camera; it stands in the file's metadata, so that stripping can be checked
	Size    int64         // bytes
}

// File is the clip's name on disk and in links.
func (c Clip) File() string { return filepath.Base(c.Path) }

// clipIndex lists, in the clips' folder, those that are there.
const clipIndex = "clips.json"

// look is bumped when drawing changes, so that cached clips are made anew.
const look = 5

// recording is a clip to be made.
type recording struct {
	Clip
	streets.Scene
	container string // mp4, mov or mkv
	door      LonLat
}

// Clips renders the demo's videos into dir, two at a time, and returns them. A
// clip whose picture, time and place are unchanged is taken from dir. The evening
// is the incident's: the clips begin between 16:30 and 18:00 of its day, but for one from its early afternoon.
//
// It needs ffmpeg with libx264 and libx265; its error says so when it is missing.
func Clips(ctx context.Context, t *Town, dir string, evening time.Time) ([]Clip, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	recs := t.recordings(evening)
	out := make([]Clip, len(recs))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	ready := func(i int, c Clip) error {
		mu.Lock()
		defer mu.Unlock()
		out[i] = c
		index, err := json.Marshal(slices.DeleteFunc(slices.Clone(out), func(c Clip) bool { return c.Path == "" }))
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, clipIndex), index, 0o644)
	}
	next, done := make(chan int), make(chan struct{})
	for range 2 {
		go func() {
			defer func() { done <- struct{}{} }()
			for i := range next {
				c, err := recs[i].make(ctx, dir)
				if err == nil {
					err = ready(i, c)
				}
				if err != nil {
					cancel(fmt.Errorf("clip %s: %w", recs[i].Name, err))
				}
			}
		}()
	}
	for i := range recs {
		if ctx.Err() == nil {
			next <- i
		}
	}
	close(next)
	<-done
	<-done
	return out, context.Cause(ctx)
}

func (r recording) make(ctx context.Context, dir string) (Clip, error) {
	key := sha256.Sum256(fmt.Appendf(nil, "%d %+v", look, r))
	c := r.Clip
	c.Path = filepath.Join(dir, fmt.Sprintf("%s-%x.%s", r.Name, key[:4], r.container))
	if _, err := os.Stat(c.Path); errors.Is(err, os.ErrNotExist) {
		if err := r.render(ctx, c.Path); err != nil {
			return Clip{}, err
		}
	}
	info, err := os.Stat(c.Path)
	if err != nil {
		return Clip{}, err
	}
	c.Size = info.Size()
	return c, nil
}

// render draws the frames into ffmpeg and moves the finished file to path, and a
// still of it to path.jpg.
func (r recording) render(ctx context.Context, path string) error {
	bin, err := exec.LookPath("ffmpeg")
	if err != nil {
		return errors.New("ffmpeg is needed to make the demo's videos (apt-get install ffmpeg)")
	}
	tmp, err := os.MkdirTemp(filepath.Dir(path), ".render-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	sound := filepath.Join(tmp, "sound.wav")
	if err := os.WriteFile(sound, r.Sound(), 0o644); err != nil {
		return err
	}
	file := filepath.Join(tmp, "clip."+r.container)
	args := []string{"-hide_banner", "-loglevel", "error", "-nostdin",
		"-f", "yuv4mpegpipe", "-i", "pipe:0", "-i", sound,
		"-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv", "-threads", "1"}
	if r.Codec == "hevc" {
		args = append(args, "-c:v", "libx265", "-preset", "ultrafast", "-crf", "30", "-tag:v", "hvc1", "-x265-params", "log-level=error:pools=1:keyint=30")
	} else {
		args = append(args, "-c:v", "libx264", "-preset", "veryfast", "-crf", "27", "-maxrate", "2600k", "-bufsize", "5200k", "-g", "30", "-profile:v", "main")
	}
	args = append(args, "-c:a", "aac", "-b:a", "48k", "-shortest")
	for _, m := range []string{"make=Lanternfish", "model=Lanternfish Doorbell 2", "serial_number=" + r.Serial, "comment=" + r.Serial + " at " + r.Address,
		fmt.Sprintf("location=%+.4f%+09.4f/", r.door[1], r.door[0]), "creation_time=" + r.Start.UTC().Format(time.RFC3339)} {
		args = append(args, "-metadata", m)
	}
	if r.container != "mkv" {
		args = append(args, "-movflags", "+faststart+use_metadata_tags")
	}
	cmd := exec.CommandContext(ctx, bin, append(args, file)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	if _, err := r.Into(ctx, cmd, r.Start); err != nil {
		return fmt.Errorf("ffmpeg: %w: %s", err, bytes.TrimSpace(said.Bytes()))
	}
	still := exec.CommandContext(ctx, bin, "-hide_banner", "-loglevel", "error", "-nostdin", "-ss", fmt.Sprintf("%.2f", r.Seconds*.42), "-i", file,
		"-frames:v", "1", "-vf", "scale=640:-2", "-q:v", "4", file+".jpg")
	if out, err := still.CombinedOutput(); err != nil {
		return fmt.Errorf("ffmpeg: %w: %s", err, bytes.TrimSpace(out))
	}
	if err := os.Rename(file+".jpg", path+".jpg"); err != nil {
		return err
	}
	return os.Rename(file, path)
}
