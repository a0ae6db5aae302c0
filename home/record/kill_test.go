package record

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"porchlight/db"
	"porchlight/home"
	"porchlight/home/cameras"
	"porchlight/internal/rtsptest"
	"porchlight/video"
)

// child is the program that is killed: a recorder in the folder RECORD_CHILD.
func child() {
	fail := func(err error) {
		if err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
	}
	ctx := context.Background()
	dir := os.Getenv("RECORD_CHILD")
	d, err := db.Open(ctx, filepath.Join(dir, "home.db"))
	fail(err)
	c, err := cameras.Open(ctx, d, nil)
	fail(err)
	r, err := Open(ctx, Options{DB: d, Dir: filepath.Join(dir, "footage"), Cameras: c, Segment: time.Second, Limits: Limits{Free: 1}})
	fail(err)
	fail(r.Run(ctx))
}

// A recorder that is killed while it records loses the tail of what it was writing,
// and nothing else. PORCHLIGHT_KILLS is how often; otherwise twice.
func TestKill(t *testing.T) {
	t.Parallel()
	s := rtsptest.Start(t, map[string]rtsptest.Film{"front": {Codec: "h264"}, "back": {Codec: "h265"}})
	dir := t.TempDir()
	h := newHouse(t, dir)
	ids := []string{h.rtsp(s, "front"), h.rtsp(s, "back")}
	h.close()
	whole := map[string]int64{} // segments that were whole when it was killed
	rounds := 2
	if n, err := strconv.Atoi(os.Getenv("PORCHLIGHT_KILLS")); err == nil {
		rounds = n
	}
	for range rounds {
		p := exec.Command(os.Args[0])
		p.Env = append(os.Environ(), "RECORD_CHILD="+dir)
		var said strings.Builder
		p.Stderr = &said
		must(t, p.Start())
		before := whole
		until(t, "the program records both cameras: "+said.String(), func() bool {
			now := onDisk(t, filepath.Join(dir, "footage"))
			for _, id := range ids {
				more := 0
				for path := range now {
					if before[path] == 0 && strings.Contains(path, "/"+id+"/") {
						more++
					}
				}
				if more < 2 || len(part(t, dir, id)) == 0 {
					return false
				}
			}
			return true
		})
		for wait := time.Now().Add(rand.N(time.Second)); time.Now().Before(wait); {
			time.Sleep(10 * time.Millisecond)
		}
		must(t, p.Process.Kill())
		p.Wait()
		killed := time.Now()
		whole = onDisk(t, filepath.Join(dir, "footage"))
		written := map[string]int64{} // bytes of the film that was being written
		for _, id := range ids {
			for _, f := range part(t, dir, id) {
				info, err := os.Stat(f)
				must(t, err)
				written[id] += info.Size()
			}
		}

		h = newHouse(t, dir)
		h.check()
		now := onDisk(t, h.o.Dir)
		for path, size := range whole {
			if now[path] != size {
				t.Errorf("%s had %d bytes when it was killed, now %d", path, size, now[path])
			}
		}
		for _, id := range ids {
			files := h.files(id)
			last := files[len(files)-1]
			if lost := killed.Sub(last.To); lost > 10*time.Second {
				t.Errorf("of what was recorded the last %s are lost", lost)
			}
			var kept int64 // of what was being written, or was not yet in the index
			for _, f := range files {
				if whole[f.Path] == 0 {
					kept += f.Bytes
				}
				if info, err := video.Probe(t.Context(), video.Source(f.Path)); err != nil || (info.Duration-f.Length).Abs() > 150*time.Millisecond {
					t.Errorf("%s: %s of %s, %v", f.Path, info.Duration, f.Length, err)
				}
			}
			// A tail of at most a fragment, a second of film.
			if per := last.Bytes * int64(time.Second) / int64(last.Length); written[id]-kept > 2*per {
				t.Errorf("%d bytes were written, %d are left", written[id], kept)
			}
			if len(part(t, dir, id)) > 0 {
				t.Error("something is left unfinished")
			}
		}
		if aside := h.notes(NoteAside); len(aside) > 0 {
			t.Errorf("set aside: %v", aside)
		}
		h.close()
	}
	// The index is lost: it is made anew.
	h = newHouse(t, dir)
	was := map[string][]home.Span{}
	for _, id := range ids {
		was[id] = h.spans(id)
	}
	used := h.index.used
	must(t, h.db.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec(`DELETE FROM home_record_segment; DELETE FROM home_record_span`)
		return err
	}))
	h.open()
	h.check()
	for _, id := range ids {
		if now := h.spans(id); len(now) != len(was[id]) || !now[0].From.Equal(was[id][0].From) || !now[len(now)-1].To.Equal(was[id][len(now)-1].To) {
			t.Errorf("footage was %v, with a new index it is %v", was[id], now)
		}
	}
	if h.index.used != used {
		t.Errorf("%d bytes, with a new index %d", used, h.index.used)
	}
}

// onDisk are the whole segments and their sizes.
func onDisk(t *testing.T, dir string) map[string]int64 {
	all := map[string]int64{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && d.Type().IsRegular() && !strings.Contains(path, "/now/") {
			info, err := d.Info()
			if err == nil {
				all[path] = info.Size()
			}
		}
		return err
	})
	if !errors.Is(err, fs.ErrNotExist) {
		must(t, err)
	}
	return all
}

// part are the films being written.
func part(t *testing.T, dir, camera string) []string {
	all, err := filepath.Glob(filepath.Join(dir, "footage", camera, "now", "*"))
	must(t, err)
	return all
}
