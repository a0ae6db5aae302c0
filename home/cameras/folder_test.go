package cameras

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Files are given once they stayed the same for ten seconds, once.
func TestScan(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)
	w := &Folder{Dir: dir, Zone: time.UTC}
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, []byte(text), 0o600))
		must(t, os.Chtimes(path, now, now))
	}
	scan := func(after time.Duration, want ...string) {
		t.Helper()
		now = now.Add(after)
		got, err := w.Scan(now)
		must(t, err)
		var names []string
		for _, u := range got {
			rel, _ := filepath.Rel(dir, u.Path)
			names = append(names, rel)
		}
		if !slices.Equal(names, want) {
			t.Errorf("at %s: %v, want %v", now.Format(time.TimeOnly), names, want)
		}
	}
	write("b_20261122_130000.mp4", "half")
	write("day/a_20261122_120000.MP4", "whole")
	write("upload.mp4.part", "x")
	write(".hidden_20261122_120000.mp4", "x")
	write("readme.txt", "x")
	write("empty.mp4", "")
	must(t, os.Symlink("/etc/passwd", filepath.Join(dir, "link.mp4")))
	scan(0)
	scan(9 * time.Second)
	write("b_20261122_130000.mp4", "half and more")
	scan(time.Second, "day/a_20261122_120000.MP4")
	scan(9 * time.Second)
	scan(time.Second, "b_20261122_130000.mp4")
	scan(time.Hour)
	// The clock is put back: a file is not held up by that.
	write("c_20261122_130000.mp4", "x")
	scan(0)
	scan(-24 * time.Hour)
	scan(10*time.Second, "c_20261122_130000.mp4")
	// Two that came together, in order of their times; and one that is wanted again.
	write("z_20261122_010000.mp4", "x")
	write("a_20261122_020000.mp4", "x")
	scan(0)
	scan(10*time.Second, "z_20261122_010000.mp4", "a_20261122_020000.mp4")
	w.Again(filepath.Join(dir, "z_20261122_010000.mp4"))
	scan(0)
	scan(10*time.Second, "z_20261122_010000.mp4")
	must(t, w.Remove(filepath.Join(dir, "day/a_20261122_120000.MP4")))
	if _, err := os.Stat(filepath.Join(dir, "day")); !errors.Is(err, os.ErrNotExist) {
		t.Error("an empty folder is left")
	}
	scan(0)
	if len(w.seen) != 4 {
		t.Errorf("%d files are remembered", len(w.seen))
	}
	must(t, os.RemoveAll(dir))
	if _, err := w.Scan(now); !errors.Is(err, ErrFolder) {
		t.Errorf("without a folder: %v", err)
	}
}

// Names of uploads tell when they begin.
func TestNames(t *testing.T) {
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	must(t, err)
	w := &Folder{Zone: amsterdam}
	for name, want := range map[string]string{
		"Front_00_20260702144500.mp4":                            "2026-07-02T12:45:00Z",
		"MDalarm_20261122_144500.mkv":                            "2026-11-22T13:45:00Z",
		"2026-11-22/001/dav/14/14.45.00-14.46.00[M][0@0][0].dav": "2026-11-22T13:45:00Z",
		"20261122/14/45.mp4":                                     "2026-11-22T13:45:00Z",
		"cam 2026-11-22 14.45.07.mp4":                            "2026-11-22T13:45:07Z",
		"cam_2026-11-22T14-45-07+0100.mp4":                       "2026-11-22T13:45:07Z",
		"2026/11/22/14/45.07.mp4":                                "2026-11-22T13:45:07Z",
		"porch-1795355107.mp4":                                   "2026-11-22T13:45:07Z",
		"holiday.mp4":                                            "",
		"99991399256199.mp4":                                     "",
		"20260231144500.mp4":                                     "",
		"123420261122144500999.mp4":                              "",
	} {
		got := ""
		if at := w.named(name); !at.IsZero() {
			got = at.Format(time.RFC3339)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	p, err := ParsePattern("ch1 %d.%m.%Y %H-%M")
	must(t, err)
	if at, ok := p.Time("x/ch1 22.11.2026 14-45.mp4", time.UTC); !ok || at.Format(time.RFC3339) != "2026-11-22T14:45:00Z" {
		t.Errorf("%s %v", at, ok)
	}
	for _, bad := range []string{"", "%Y%m%d", "%q", "%", "%Y%m%d%H%M%H", "%Y-%m"} {
		if _, err := ParsePattern(bad); err == nil {
			t.Errorf("%q is a pattern", bad)
		}
	}
}

func FuzzPattern(f *testing.F) {
	f.Add("%Y%m%d_%H%M%S", "a_20261122_144500.mp4")
	f.Add("%Y-%m-%d/*/%H.%M", "2026-11-22/x/14.45.mp4")
	f.Fuzz(func(t *testing.T, pattern, path string) {
		p, err := ParsePattern(pattern)
		if err != nil || len(path) > 4096 || strings.Count(pattern, "*") > 10 {
			return
		}
		if at, ok := p.Time(path, time.UTC); ok && (at.Year() < 2000 || at.Year() > 2100) {
			t.Errorf("%q of %q is %s", pattern, path, at)
		}
	})
}
