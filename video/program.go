package video

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// formats are what a file may be. Playlists are not among them: a file that
// somebody gave us names no other file and no address.
const formats = "mov,mp4,matroska,webm,avi,mpegts,mpeg,mpegvideo,h264,hevc,av1,ivf,flv,asf,dhav,mjpeg,image2,jpeg_pipe,png_pipe,webp_pipe,bmp_pipe,gif,mxf,ogg,rawvideo"

// program is one run of ffmpeg or ffprobe.
type program struct {
	*exec.Cmd
	said    tail
	secrets []string // what must not be repeated
	pipes   []io.Closer
}

// command prepares a run; args come after those that every run has.
func command(ctx context.Context, name string, args ...string) (*program, error) {
	bin, err := exec.LookPath(name)
	if err != nil {
		return nil, ErrNoFFmpeg
	}
	p := &program{Cmd: exec.CommandContext(ctx, bin, append([]string{"-hide_banner", "-loglevel", "error"}, args...)...)}
	p.Stderr = &p.said
	p.WaitDelay = 5 * time.Second
	p.Env = []string{"PATH=" + os.Getenv("PATH"), "LANG=C", "HOME=/nonexistent"} // nothing of ours is its business
	return p, nil
}

// from adds a source as the next input. Only one source of a program may be a
// network address: it is told on standard input.
func (p *program) from(s Source, options ...string) {
	p.Args = append(p.Args, options...)
	switch {
	case s.network():
		p.secrets = append(p.secrets, secretsOf(string(s))...)
		p.Stdin = strings.NewReader("ffconcat version 1.0\nfile " + quoted(string(s)) + "\noption rtsp_transport tcp\noption fpsprobesize 0\noption analyzeduration 2000000\n")
		// A camera says what it sends; to measure its frame rate would take seconds, twice.
		p.Args = append(p.Args, "-fpsprobesize", "0", "-analyzeduration", "2000000", "-f", "concat", "-safe", "0", "-protocol_whitelist", "pipe,rtsp,rtsps,rtp,tcp,tls,crypto", "-i", "pipe:0")
	case s.device():
		p.Args = append(p.Args, "-f", "v4l2", "-i", string(s))
	default:
		p.Args = append(p.Args, "-protocol_whitelist", "file", "-format_whitelist", formats, "-i", "file:"+string(s))
	}
}

// quoted writes a name as a playlist's line holds it. No name there has two lines.
func quoted(name string) string {
	return "'" + strings.NewReplacer("'", `'\''`, "\n", "", "\r", "").Replace(name) + "'"
}

// pipe gives the program a further descriptor to write to, and its number there.
func (p *program) pipe() (io.ReadCloser, int, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, 0, err
	}
	p.ExtraFiles = append(p.ExtraFiles, w)
	p.pipes = append(p.pipes, w)
	return r, 2 + len(p.ExtraFiles), nil
}

func (p *program) start() error {
	err := p.Start()
	for _, w := range p.pipes {
		w.Close()
	}
	return err
}

// wait ends the run: nil, the context's error, or what the program said.
func (p *program) wait(ctx context.Context) error {
	return p.explain(ctx, p.Wait())
}

func (p *program) explain(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	said := p.scrub(p.said.String())
	for _, sign := range []string{"Invalid data found", "not on whitelist", "moov atom not found", "does not contain any stream", "matches no streams", "could not find codec parameters"} {
		if strings.Contains(said, sign) {
			return fmt.Errorf("%w: %s", ErrNoPicture, said)
		}
	}
	if said == "" {
		return err
	}
	return errors.New(said)
}

// output runs the program and returns what it wrote to standard output.
func (p *program) output(ctx context.Context) ([]byte, error) {
	var out bytes.Buffer
	p.Stdout = &out
	if err := p.start(); err != nil {
		return nil, err
	}
	err := p.wait(ctx)
	return out.Bytes(), err
}

// lines starts the program and hands each line of its output to f, until one is refused.
func (p *program) lines(f func(string) error) error {
	out, err := p.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.start(); err != nil {
		return err
	}
	for scan := bufio.NewScanner(out); scan.Scan(); {
		if err := f(scan.Text()); err != nil {
			return err
		}
	}
	return nil
}

// scrub takes every secret out of a text.
func (p *program) scrub(text string) string {
	for _, s := range p.secrets {
		text = strings.ReplaceAll(text, s, "...")
	}
	return strings.TrimSpace(text)
}

// secretsOf are the parts of an address that no text may hold, longest first.
func secretsOf(address string) []string {
	secrets := []string{address}
	u, err := url.Parse(address)
	if err != nil {
		return secrets
	}
	if u.RawQuery != "" {
		secrets = append(secrets, u.RawQuery)
	}
	if u.User != nil {
		password, _ := u.User.Password()
		secrets = append(secrets, u.User.String())
		for _, s := range []string{password, url.QueryEscape(password), url.PathEscape(password)} {
			if s != "" {
				secrets = append(secrets, s)
			}
		}
	}
	return secrets
}

// tail keeps the end of what a program says.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if len(t.text) > 2048 {
		t.text = append(t.text[:0], t.text[len(t.text)-2048:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
