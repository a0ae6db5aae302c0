// Package rtsptest is an RTSP camera for tests: GStreamer's RTSP server from
// Debian, with digest authentication as cameras have it, serving films that
// ffmpeg made. It can be unplugged, and it can hang.
package rtsptest

import (
	"bufio"
	_ "embed"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"porchlight/internal/porttest"
)

//go:embed server.py
var script string

// What a camera asks for. Password has the characters that break addresses.
const (
	User     = "porch"
	Password = "l1ght:/@ü?"
)

// Film is what a camera sends, over and over.
type Film struct {
	Codec   string // h264, h265; none: sound alone
	Of      string // an MP4 of Codec without B-frames to send; "": a test picture
	Audio   bool   // a tone, AAC
	W, H    int    // 320x180
	FPS     int    // 10
	Seconds int    // until it repeats itself, at a key frame each second; 10
	Loops   int    // how often it repeats before the camera ends the connection; 60
}

// Server is one running camera server. Its methods fail the test.
type Server struct {
	t       testing.TB
	films   []string // NAME=FILE=CODEC[=AUDIO]
	Port    int      // stays the same when it is plugged in again
	process *exec.Cmd
	in      io.Closer
}

// Start serves films under their names until the test ends. It skips the test
// when GStreamer or ffmpeg is not installed.
func Start(t testing.TB, films map[string]Film) *Server {
	t.Helper()
	s := &Server{t: t, Port: porttest.Free(t)}
	for name, f := range films {
		spec := name + "=" + f.File(t) + "=" + f.Codec
		if f.Audio {
			spec += "=aac"
		}
		s.films = append(s.films, spec)
	}
	s.Replug()
	t.Cleanup(s.Unplug)
	return s
}

// Address is where name is, without user and password.
func (s *Server) Address(name string) string {
	return fmt.Sprintf("rtsp://127.0.0.1:%d/%s", s.Port, name)
}

// URL is Address with user and password.
func (s *Server) URL(name string) string {
	u, err := url.Parse(s.Address(name))
	if err != nil {
		s.t.Fatal(err)
	}
	u.User = url.UserPassword(User, Password)
	return u.String()
}

// Unplug takes the cameras' power: connections break, new ones are refused.
func (s *Server) Unplug() {
	if s.process == nil {
		return
	}
	s.in.Close()
	s.process.Process.Kill()
	s.process.Wait()
	s.process = nil
}

// Replug gives power again, at the same address.
func (s *Server) Replug() {
	s.t.Helper()
	cmd := exec.Command("/usr/bin/python3", append([]string{"-c", script, strconv.Itoa(s.Port), User, Password}, s.films...)...)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	in, err := cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Skipf("SKIPPED: no Python: %v", err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	if strings.TrimSpace(line) != strconv.Itoa(s.Port) {
		in.Close()
		cmd.Wait()
		if c := complaint.String(); strings.Contains(c, "not available") || strings.Contains(c, "No module") {
			s.t.Skipf("SKIPPED: GStreamer's RTSP server is not installed (scripts/setup.sh test): %s", c)
		}
		s.t.Fatalf("the RTSP server did not start: %s", complaint.String())
	}
	s.process, s.in = cmd, in
}

// Hang stops the cameras without ending a connection, as a lost cable does;
// Resume lets them go on.
func (s *Server) Hang()   { s.signal(syscall.SIGSTOP) }
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(n syscall.Signal) {
	s.t.Helper()
	if err := s.process.Process.Signal(n); err != nil {
		s.t.Fatal(err)
	}
}

var films struct {
	sync.Mutex
	dir  string
	made map[Film]string
}

// File is the film on disk, made once for all tests of a package.
func (f Film) File(t testing.TB) string {
	t.Helper()
	set := func(v *int, to int) {
		if *v == 0 {
			*v = to
		}
	}
	set(&f.W, 320)
	set(&f.H, 180)
	set(&f.FPS, 10)
	set(&f.Seconds, 10)
	set(&f.Loops, 60)
	films.Lock()
	defer films.Unlock()
	if path := films.made[f]; path != "" {
		return path
	}
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("SKIPPED: ffmpeg is not installed")
	}
	if films.dir == "" {
		dir, err := os.MkdirTemp("", "rtsptest")
		if err != nil {
			t.Fatal(err)
		}
		films.dir, films.made = dir, map[Film]string{}
	}
	path := filepath.Join(films.dir, fmt.Sprintf("%d.mp4", len(films.made)))
	once, seconds := path+".once.mp4", strconv.Itoa(f.Seconds)
	args := []string{"-v", "error", "-y"}
	if f.Codec != "none" {
		args = append(args, "-f", "lavfi", "-t", seconds, "-i", fmt.Sprintf("testsrc2=s=%dx%d:r=%d", f.W, f.H, f.FPS))
	}
	if f.Audio {
		args = append(args, "-f", "lavfi", "-t", seconds, "-i", "sine=440:r=48000", "-c:a", "aac")
	}
	gop := strconv.Itoa(f.FPS)
	switch f.Codec {
	case "h264":
		args = append(args, "-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-pix_fmt", "yuv420p", "-g", gop)
	case "h265":
		args = append(args, "-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-tag:v", "hvc1",
			"-x265-params", "log-level=error:bframes=0:keyint="+gop+":min-keyint="+gop)
	}
	if f.Of != "" {
		args = []string{"-v", "error", "-y", "-i", f.Of, "-c", "copy"}
	}
	for _, a := range [][]string{
		append(args, once),
		{"-v", "error", "-y", "-stream_loop", strconv.Itoa(f.Loops - 1), "-i", once, "-c", "copy", path},
	} {
		if out, err := exec.Command("ffmpeg", a...).CombinedOutput(); err != nil {
			t.Fatalf("making a film: %v: %s", err, out)
		}
	}
	os.Remove(once)
	films.made[f] = path
	return path
}

// Main is a package's TestMain that removes the films afterwards.
func Main(m *testing.M) {
	code := m.Run()
	if films.dir != "" {
		os.RemoveAll(films.dir)
	}
	os.Exit(code)
}
