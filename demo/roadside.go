package demo

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"porchlight/internal/streets"
	"porchlight/lpr"
	"porchlight/video"
)

// roadsideCamera is the police's camera whose plates are truly read: by porchlight
// lpr, from a film. The others' reads are made up.
type roadsideCamera struct {
	ID  string             `json:"id"`
	Key ed25519.PrivateKey `json:"key"`
}

const (
	roadsideFile = "demo-roadside.json"
	roadsideName = "Main St at the depot (porchlight lpr)"
)

// roadsideAt is beside Main Street, south of Depot Street; it looks south.
var roadsideAt = pt{4, -112}

// putUp registers the roadside camera and keeps its key.
func (s *Story) putUp(ctx context.Context) error {
	at := roadsideAt.lonLat()
	c, err := s.Cast.Find("admin-police").AddSigningCamera(ctx, roadsideName, at[0], at[1])
	if err != nil {
		return err
	}
	b, err := json.Marshal(roadsideCamera{c.ID, c.Key})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.Dir, roadsideFile), b, 0o600)
}

// depot is what passes the roadside camera. The town's plates have more figures
// than any state's, so the picture is large and the cars are slow.
func depot() streets.Scene {
	s := streets.Road(17, "day", 10,
		streets.Pass{Plate: "DEMO 33018", Type: "suv", Color: "sand", At: 1.2, Speed: 5},
		streets.Pass{Plate: plateNumber(bakeryVan), Type: "van", Color: "white", At: 4.6, Speed: 5},
		streets.Pass{Plate: plateNumber(wanted[1].digits), Type: wanted[1].kind, Color: wanted[1].color, At: 7.8, Speed: 5})
	s.W, s.H, s.Rate = 1920, 1080, 8
	return s
}

// Roadside runs porchlight lpr over a drawn film, as if it had just been taken,
// until the exchange has its reads. see opens what it sees with; say tells a
// visitor what happens. It ends with ctx.
func (d *Demo) Roadside(ctx context.Context, see func() (lpr.Sight, func() error, error), say func(string, ...any)) error {
	text, err := os.ReadFile(filepath.Join(d.dir, roadsideFile))
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("this town was made by an older demo: give --dir a new directory")
	}
	if err != nil {
		return err
	}
	var camera roadsideCamera
	if err := json.Unmarshal(text, &camera); err != nil {
		return fmt.Errorf("%s: %w", roadsideFile, err)
	}
	sight, done, err := see()
	if err != nil {
		return err
	}
	defer done()
	film, scene := filepath.Join(d.dir, "clips", fmt.Sprintf("depot-%d.mp4", look)), depot()
	if _, err := os.Stat(film); err != nil {
		if err := roadsideFilm(ctx, scene, film); err != nil {
			return err
		}
	}
	length := time.Duration(scene.Seconds * float64(time.Second))
	s, err := lpr.Open(lpr.Config{Exchange: d.BaseURL, Ledger: d.verifier(), Dir: filepath.Join(d.dir, "roadside"),
		Cameras: []lpr.Camera{{ID: camera.ID, Agency: d.Town.Agencies[0].ORI, Key: camera.Key, Source: video.Source(film),
			Facing: 180, FPS: float64(scene.Rate), Start: time.Now().Add(-length).Truncate(time.Millisecond)}}},
		lpr.Options{Sight: sight, Logger: d.Logger})
	if err != nil {
		return err
	}
	err = errors.Join(s.Run(ctx), s.Close())
	if err == nil && ctx.Err() == nil {
		say("porchlight lpr has read %d plates of %d cars in a film of %s", s.Health().Cameras[0].Reads, len(scene.Cast), roadsideName)
	}
	return err
}

// roadsideFilm draws the scene into a file.
func roadsideFilm(ctx context.Context, s streets.Scene, path string) error {
	tmp := path + ".part"
	cmd := exec.CommandContext(ctx, "ffmpeg", "-nostdin", "-loglevel", "error", "-f", "yuv4mpegpipe", "-i", "pipe:0",
		"-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-g", "16", "-threads", "1", "-f", "mp4", "-y", tmp)
	if _, err := s.Into(ctx, cmd, time.Time{}); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return os.Rename(tmp, path)
}
