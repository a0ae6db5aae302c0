package demo

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var evening = time.Date(2026, 11, 17, 0, 0, 0, 0, time.FixedZone("CST", -6*3600))

// town is drawn once for all tests that only look at it.
var town = sync.OnceValue(func() *Town { return Make(7) })

// One recording of each container, cut to a second: porchlight demo --once in
// testdata/script draws all of them whole.
func TestClips(t *testing.T) {
	dir := t.TempDir()
	exact := false
	made := map[string]bool{}
	for _, r := range town().recordings(evening) {
		exact = exact || r.Length == 30*time.Second && r.container == "mp4" && r.Codec == "h264"
		if made[r.container] {
			continue
		}
		made[r.container] = true
		r.Seconds = 1
		c, err := r.make(context.Background(), dir)
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("ffprobe", "-v", "error", "-count_frames", "-show_streams", "-show_format", "-of", "json", c.Path).Output()
		if err != nil {
			t.Fatal(err)
		}
		var probe struct {
			Streams []struct {
				Codec  string `json:"codec_name"`
				Width  int
				Frames string `json:"nb_read_frames"`
			}
			Format struct{ Tags map[string]string }
		}
		if err := json.Unmarshal(out, &probe); err != nil {
			t.Fatal(err)
		}
		if len(probe.Streams) != 2 || probe.Streams[0].Codec != c.Codec || probe.Streams[0].Width != 1280 || probe.Streams[0].Frames != "15" || probe.Streams[1].Codec != "aac" {
			t.Errorf("%s: %+v", c.Name, probe.Streams)
		}
		tagged := false
		for _, v := range probe.Format.Tags {
			tagged = tagged || strings.Contains(v, c.Serial)
		}
		if !tagged {
			t.Errorf("%s carries no camera serial: %v", c.Name, probe.Format.Tags)
		}
		if still, err := os.Stat(c.Path + ".jpg"); err != nil || still.Size() < 2000 {
			t.Errorf("%s has no still: %v", c.Name, err)
		}
		before, _ := os.Stat(c.Path)
		again, err := r.make(context.Background(), dir)
		if err != nil || again != c {
			t.Errorf("%s again: %+v, %v", c.Name, again, err)
		}
		if after, _ := os.Stat(c.Path); !os.SameFile(before, after) || !before.ModTime().Equal(after.ModTime()) {
			t.Errorf("%s was rendered twice", c.Name)
		}
	}
	if len(made) != 3 {
		t.Errorf("containers %v", made)
	}
	if !exact {
		t.Error("no H.264 MP4 of exactly 30 seconds")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".render-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
