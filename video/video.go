// Package video is ffmpeg as Go: what a file or a camera is (Probe), its frames
// (Frames, Still), its segments on disk (Record, Recover), a part of it without
// encoding (Cut, Join), a film encoded anew with its pictures changed (Edit), and
// what a browser plays (Play). It knows no domain, and on the owner's side it is
// the only package that starts programs.
//
// Times within a film are time.Duration since its start, as a player shows them.
//
// Addresses of cameras hold passwords: no error and no log line of this package
// repeats one, and none is in the arguments of a program, which everybody on the
// machine can read. docs/design/video.md says why each thing is done as it is.
package video

import (
	"cmp"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	// ErrNoFFmpeg: ffmpeg is not installed.
	ErrNoFFmpeg = errors.New("ffmpeg is not installed (Debian, Ubuntu: apt-get install ffmpeg)")
	// ErrNoPicture: what was read holds no picture, or is no film at all.
	ErrNoPicture = errors.New("no picture in it")
	// ErrStalled: a live source sent nothing for the time allowed.
	ErrStalled = errors.New("nothing came from the camera")
	// ErrNothing: the part asked for holds nothing that can be kept without encoding.
	ErrNothing = errors.New("no picture begins there")
)

// Source is where pictures come from: the path of a film or a still; a folder of
// them, taken by name; rtsp:// or rtsps:// with user and password; /dev/videoN.
// Its String leaves the password out; string(s) does not.
type Source string

// Live tells whether it is a camera and not a file.
func (s Source) Live() bool { return s.network() || s.device() }

func (s Source) network() bool {
	return strings.HasPrefix(string(s), "rtsp://") || strings.HasPrefix(string(s), "rtsps://")
}

func (s Source) device() bool { return strings.HasPrefix(string(s), "/dev/video") }

// String is the source without its user, password and query.
func (s Source) String() string {
	if !s.network() {
		return string(s)
	}
	u, err := url.Parse(string(s))
	if err != nil {
		return "a camera's address that cannot be read"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// filmNames are the names' ends by which a folder's files are taken for films or stills.
var filmNames = []string{".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".ts", ".mts", ".mpg", ".dav", ".h264", ".h265", ".jpg", ".jpeg", ".png", ".webp", ".bmp"}

// files are the films and stills of a source that is not live, by name.
func (s Source) files() ([]string, error) {
	if info, err := os.Stat(string(s)); err != nil || !info.IsDir() {
		return []string{string(s)}, err
	}
	var files []string
	err := filepath.WalkDir(string(s), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && slices.Contains(filmNames, strings.ToLower(filepath.Ext(path))) {
			files = append(files, path)
		}
		return err
	})
	slices.SortFunc(files, cmp.Compare)
	return files, err
}

// seconds writes a time as ffmpeg reads it.
func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', 6, 64)
}
